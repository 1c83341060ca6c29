//! What only looks like a signature field.

use time::OffsetDateTime;
use trien_signatures::algorithm::Hash;
use trien_signatures::pades::{PadesError, add_validation_data, prepare_time_stamp};
use trien_signatures::pdf::PdfError;
use trien_signatures::report::Reason;

use crate::drafts::update;
use crate::{assert_forbidden, check, sign, try_to_sign, with_form};

pub(crate) const COVER: &str = "<< /Type /XObject /Subtype /Form /BBox [0 0 400 300] /Length 29 >>\nstream\n1 1 1 rg 0 0 400 300 re f   \nendstream";

/// The signed document with a field 160, which stands in the form and on the page, and other objects.
pub(crate) fn with_field(name: &str, field: &str, more: &[(u32, &str)]) -> (Vec<u8>, String) {
    let (signed, widget) = sign(&with_form());
    let both = format!("[{widget} 0 R 160 0 R]");
    let mut objects = vec![(6, both.as_str()), (8, both.as_str()), (160, field), (161, COVER)];
    objects.extend_from_slice(more);
    (update(&signed, &objects), name.to_owned())
}

#[test]
fn n130_a_field_that_is_no_widget_or_shows_something_unsigned_is_found() {
    let area = "/Rect [0 0 400 300] /F 4 /P 3 0 R /AP << /N 161 0 R >>";
    for (name, field) in [
        ("stamp", format!("<< /Type /Annot /Subtype /Stamp /FT /Sig /T (x) {area} >>")),
        ("no subtype", format!("<< /Type /Annot /FT /Sig /T (x) {area} >>")),
        ("widget", format!("<< /Type /Annot /Subtype /Widget /FT /Sig /T (x) {area} >>")),
        (
            "line",
            "<< /Type /Annot /Subtype /Widget /FT /Sig /T (x) /Rect [0 0 400 0] /Border [0 0 500] >>".to_owned(),
        ),
        (
            "too far",
            format!(
                "<< /Type /Annot /Subtype /Widget /FT /Sig /T (x) /Rect [{0} {0} {0} {0}] /AP << /N 161 0 R >> >>",
                "9".repeat(400)
            ),
        ),
        (
            "action",
            "<< /Subtype /Widget /FT /Sig /T (x) /Rect [0 0 0 0] /AA << /PO << /S /JavaScript /JS (x) >> >> >>"
                .to_owned(),
        ),
        (
            "two rectangles",
            "<< /Subtype /Widget /FT /Sig /T (x) /Rect [0 0 400 300] /AP << /N 161 0 R >> /Rect [0 0 0 0] >>"
                .to_owned(),
        ),
        (
            "stream",
            "<< /Subtype /Widget /FT /Sig /T (x) /Rect [0 0 0 0] /Length 1 >>\nstream\nq\nendstream".to_owned(),
        ),
    ] {
        let (changed, name) = with_field(name, &field, &[]);
        assert_forbidden(&name, &changed);
    }
    let empty = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (x) /Rect [0 0 0 0] /P 3 0 R >>";
    assert!(check(&with_field("empty", empty, &[]).0).valid());
}

#[test]
fn the_appearance_of_a_field_that_stays_unsigned_is_found() {
    let field = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (cho) /Rect [0 0 400 300] /P 3 0 R >>";
    let mut draft = with_form();
    draft.set(6, "[9 0 R]").set(8, "[9 0 R]").set(9, field);
    let (signed, _) = sign(&draft);
    let shown = field.replace("/P 3", "/AP << /N 161 0 R >> /P 3");
    for value in ["", "/V 170 0 R", "/V (x)", "/V 172 0 R"] {
        let field = shown.replace("/P 3", &format!("{value} /P 3"));
        let stamp = "<< /Type /DocTimeStamp /SubFilter /ETSI.RFC3161 >>";
        let objects = [(9, field.as_str()), (161, COVER), (172, stamp)];
        assert_forbidden(value, &update(&signed, &objects));
    }

    // Its widget apart from it.
    draft
        .set(6, "[10 0 R]")
        .set(9, "<< /FT /Sig /T (cho) /Kids [10 0 R] >>");
    let widget = "<< /Type /Annot /Subtype /Widget /Parent 9 0 R /Rect [0 0 400 300] >>";
    let (signed, _) = sign(draft.set(10, widget));
    let shown = widget.replace("/Rect", "/V << /Type /Sig >> /AP << /N 161 0 R >> /Rect");
    assert_forbidden("widget", &update(&signed, &[(10, &shown), (161, COVER)]));
}

#[test]
fn a_value_that_is_no_signature_is_reported() {
    for value in ["170 0 R", "171 0 R", "(x)", "173 0 R"] {
        for (rectangle, forbidden) in [("[0 0 0 0]", false), ("[0 0 400 300]", true)] {
            let field = format!("<< /Subtype /Widget /FT /Sig /T (x) /V {value} /Rect {rectangle} >>");
            let more = [(171, "172 0 R"), (172, "<< /Type /Sig >>"), (173, "(x)")];
            let (changed, name) = with_field(value, &field, &more);
            let report = check(&changed);
            assert_eq!(report.signatures.len(), 2, "{name}");
            assert!(!report.valid(), "{name}");
            assert_eq!(report.signatures[1].reason, Some(Reason::MalformedPdf), "{name}");
            // That which has no dictionary is never signed; a chain of references ends at one.
            if forbidden && value != "171 0 R" {
                assert_forbidden(&name, &changed);
            }
        }
    }
}

/// An object that nobody needs and nobody can read may refer to anything. Whoever signs first takes it as it is; whoever
/// comes after him would break his signature.
#[test]
fn what_cannot_be_read_keeps_everybody_from_signing_on_top_of_a_signature() {
    for broken in ["<< /A ] >>", "[ 3 0 R", ">>", "<< /A /B /C >>"] {
        let mut draft = with_form();
        draft.set(12, broken);
        let signed = try_to_sign(&draft.classic()).unwrap();
        assert!(check(&signed).valid(), "{broken}");
        let refusals = [
            try_to_sign(&signed).unwrap_err(),
            prepare_time_stamp(signed.clone(), Hash::Sha256, 4096).unwrap_err(),
            add_validation_data(&signed, &[], OffsetDateTime::now_utc()).unwrap_err(),
        ];
        for refusal in refusals {
            assert!(
                matches!(refusal, PadesError::Pdf(PdfError::Malformed(_))),
                "{broken}: {refusal:?}"
            );
        }
    }
    // What can be read is no obstacle, whatever it is; an object without a value is null (so read by qpdf and MuPDF).
    for harmless in ["<< /A [ (x) null ] >>", "", "%"] {
        let mut draft = with_form();
        draft.set(12, harmless);
        let (signed, _) = sign(&draft);
        assert!(check(&try_to_sign(&signed).unwrap()).valid(), "{harmless}");
    }
}

#[test]
fn a_note_of_the_signed_revision_is_not_made_a_widget() {
    let mut draft = with_form();
    draft.set(
        9,
        "<< /Type /Annot /Subtype /Widget /Rect [0 0 0 0] /AP << /N 10 0 R >> >>",
    );
    draft.set(10, COVER);
    let (signed, widget) = sign(&draft);
    let field = "<< /FT /Sig /T (x) /Kids [9 0 R] >>";
    let objects = [
        (6, format!("[{widget} 0 R 9 0 R]")),
        (8, format!("[{widget} 0 R 160 0 R]")),
        (160, field.to_owned()),
    ];
    let objects: Vec<_> = objects
        .iter()
        .map(|(number, body)| (*number, body.as_str()))
        .collect();
    assert_forbidden("orphan", &update(&signed, &objects));
}
