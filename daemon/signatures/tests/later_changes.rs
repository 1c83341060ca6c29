//! Changes after a signature that borrow the right to be made: what only looks like a signature field, and objects that
//! are two things at once.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod drafts;
mod openssl;

use std::sync::LazyLock;

use drafts::{Draft, object_with, update};
use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{
    Allowed, FieldChoice, FieldLock, PadesError, PadesRequest, add_validation_data, prepare,
    prepare_time_stamp, verify,
};
use trien_signatures::pdf::PdfError;
use trien_signatures::report::{ChangeKind, Format, Indication, Reason, Report, SubIndication};
use trien_signatures::signing::Prepared;

static OFFICE: LazyLock<(Pki, Identity)> = LazyLock::new(|| {
    let pki = Pki::new();
    let signer = pki.leaf("later-signer", "ec:P-256");
    (pki, signer)
});

fn try_to_sign(document: &[u8]) -> Result<Vec<u8>, PadesError> {
    try_to_sign_with(document, |_| ())
}

fn try_to_sign_with<'a>(
    document: &[u8],
    change: impl FnOnce(&mut PadesRequest<'a>),
) -> Result<Vec<u8>, PadesError> {
    let (pki, signer) = &*OFFICE;
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    let mut request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        ..PadesRequest::new(&signer.certificate, algorithm, OffsetDateTime::now_utc())
    };
    change(&mut request);
    let prepared = prepare(document.to_vec(), &request)?;
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    Ok(prepared.finish(value).unwrap())
}

fn check(document: &[u8]) -> Report {
    verify(document, &OFFICE.0.reliance()).unwrap()
}

/// Objects: 6 the annotations of page 3, 7 the form, 8 its fields.
fn with_form() -> Draft {
    let mut draft = Draft::new();
    draft.extend(3, "/Annots 6 0 R").extend(1, "/AcroForm 7 0 R");
    draft
        .set(6, "[]")
        .set(7, "<< /Fields 8 0 R /SigFlags 3 >>")
        .set(8, "[]");
    draft
}

/// Signs, and gives the number of the new widget too.
fn sign(draft: &Draft) -> (Vec<u8>, u32) {
    let signed = try_to_sign(&draft.classic()).unwrap();
    assert!(check(&signed).valid());
    let (number, _) = object_with(
        &signed,
        "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature1)",
    );
    (signed, number)
}

#[track_caller]
fn assert_forbidden(name: &str, document: &[u8]) {
    let report = check(document);
    assert!(!report.valid(), "{name}");
    let first = &report.signatures[0];
    assert_eq!(
        (first.sub_indication, first.reason),
        (
            Some(SubIndication::SigConstraintsFailure),
            Some(Reason::ForbiddenChange)
        ),
        "{name}"
    );
    assert!(
        first.changes.iter().any(|change| !change.permitted),
        "{name}: named"
    );
}

/// What is said about the first signature: kind, page, name, and whether it is permitted; all in the last revision.
#[track_caller]
fn told(document: &[u8]) -> Vec<(ChangeKind, Option<u32>, Option<String>, bool)> {
    let report = check(document);
    let first = &report.signatures[0];
    let all_permitted = first.changes.iter().all(|change| change.permitted);
    assert_eq!(all_permitted, first.reason != Some(Reason::ForbiddenChange));
    let last = first.coverage.as_ref().unwrap().revisions;
    assert!(
        first.changes.iter().all(|change| change.revision == last),
        "{report:#?}"
    );
    let changes = first.changes.iter();
    changes
        .map(|change| (change.kind, change.page, change.name.clone(), change.permitted))
        .collect()
}

const COVER: &str = "<< /Type /XObject /Subtype /Form /BBox [0 0 400 300] /Length 29 >>\nstream\n1 1 1 rg 0 0 400 300 re f   \nendstream";

/// The signed document with a field 160, which stands in the form and on the page, and other objects.
fn with_field(name: &str, field: &str, more: &[(u32, &str)]) -> (Vec<u8>, String) {
    let (signed, widget) = sign(&with_form());
    let both = format!("[{widget} 0 R 160 0 R]");
    let mut objects = vec![(6, both.as_str()), (8, both.as_str()), (160, field), (161, COVER)];
    objects.extend_from_slice(more);
    (update(&signed, &objects), name.to_owned())
}

// What only looks like a signature field

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
    for broken in ["<< /A ] >>", "[ 3 0 R", ">>", "<< /A /B /C >>", "%"] {
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
    // What can be read is no obstacle, whatever it is.
    let mut draft = with_form();
    draft.set(12, "<< /A [ (x) null ] >>");
    let (signed, _) = sign(&draft);
    assert!(check(&try_to_sign(&signed).unwrap()).valid());
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

// Objects that are two things at once

fn replace(document: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = document
        .windows(from.len())
        .rposition(|window| window == from.as_bytes())
        .unwrap();
    [&document[..at], to.as_bytes(), &document[at + from.len()..]].concat()
}

#[test]
fn n125_content_that_is_metadata_too_is_found() {
    let content = |text: &str| {
        format!(
            "<< /Type /Metadata /Length {} >>\nstream\n{text}\nendstream",
            text.len()
        )
    };
    let mut draft = with_form();
    draft.set(4, &content(drafts::TEXT)).extend(1, "/Metadata 4 0 R");
    let (signed, _) = sign(&draft);
    assert_forbidden("metadata", &update(&signed, &[(4, &content("q Q"))]));

    // Metadata that is nothing else may change.
    let mut draft = with_form();
    draft.set(9, &content("<x/>")).extend(1, "/Metadata 9 0 R");
    let (signed, _) = sign(&draft);
    assert!(check(&update(&signed, &[(9, &content("<y/>"))])).valid());
}

#[test]
fn n125_a_catalog_that_is_a_resource_too_is_found() {
    let mut draft = with_form();
    draft.set(5, "<< /XObject 1 0 R >>");
    let (signed, _) = sign(&draft);
    let catalog = "<< /Type /Catalog /Pages 2 0 R /AcroForm 7 0 R /Metadata 160 0 R >>";
    assert_forbidden("catalog", &update(&signed, &[(1, catalog), (160, COVER)]));
}

#[test]
fn n125_resources_that_are_information_too_are_found() {
    let information = |number: u32, draft: &Draft| {
        let more = format!("/Root 1 0 R /Info {number} 0 R >>");
        let document = replace(&draft.classic(), "/Root 1 0 R >>", &more);
        try_to_sign(&document).unwrap()
    };
    let resources = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> >> >>";
    let signed = information(5, &with_form());
    assert_forbidden("resources", &update(&signed, &[(5, resources)]));

    let mut draft = with_form();
    draft.set(9, "<< /Title (a) /Other /b >>");
    let signed = information(9, &draft);
    let title = "<< /Title (c) /ModDate (D:20261121140305Z) /Other /b >>";
    assert!(check(&update(&signed, &[(9, title)])).valid());
    let other = "<< /Title (a) /Other /c >>";
    assert_forbidden("no string", &update(&signed, &[(9, other)]));
}

#[test]
fn validation_data_that_is_shown_is_found() {
    let mut draft = with_form();
    draft.set(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 9 0 R /Resources 5 0 R /Annots 6 0 R >>",
    );
    draft
        .set(9, "[4 0 R]")
        .extend(1, "/DSS << /Certs 9 0 R /VRI 10 0 R >>");
    draft.set(10, "<< >>").set(5, "<< /Font << >> /XObject 10 0 R >>");
    let (signed, _) = sign(&draft);
    let certificates = update(&signed, &[(9, "[4 0 R 161 0 R]"), (161, COVER)]);
    assert_forbidden("certificates", &certificates);
    let by_digest = format!("<< /{} 161 0 R >>", "A".repeat(40));
    assert_forbidden("by digest", &update(&signed, &[(10, &by_digest), (161, COVER)]));

    // What is nothing else may grow.
    let mut draft = with_form();
    draft
        .set(9, "[]")
        .set(10, "<< >>")
        .extend(1, "/DSS << /Certs 9 0 R /VRI 10 0 R >>");
    let (signed, _) = sign(&draft);
    let grown = update(&signed, &[(9, "[161 0 R]"), (10, &by_digest), (161, COVER)]);
    assert!(check(&grown).valid());
}

#[test]
fn fields_that_are_shown_are_found() {
    let mut draft = with_form();
    draft.set(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 8 0 R /Resources 5 0 R >>",
    );
    draft.set(8, "[4 0 R]");
    let signed = try_to_sign(&draft.classic()).unwrap();
    let (widget, _) = object_with(&signed, "<< /Type /Annot /Subtype /Widget /FT /Sig");
    let field = "<< /FT /Sig /T (x) >>";
    let fields = format!("[4 0 R {widget} 0 R 160 0 R]");
    assert_forbidden("contents", &update(&signed, &[(8, &fields), (160, field)]));

    // One array for both: what is no new widget stays out of it.
    let mut draft = with_form();
    draft.set(7, "<< /Fields 6 0 R /SigFlags 3 >>");
    let (signed, widget) = sign(&draft);
    let stamp = "<< /Type /Annot /Subtype /Stamp /Rect [0 0 400 300] /AP << /N 161 0 R >> >>";
    let direct = format!("[{widget} 0 R {stamp}]");
    assert_forbidden("direct", &update(&signed, &[(6, &direct), (161, COVER)]));
    let both = format!("[{widget} 0 R 160 0 R]");
    let shown = update(&signed, &[(6, &both), (160, "<< /FT /Sig /T (x) >>")]);
    assert_forbidden("a field that is no widget", &shown);
    let field = "<< /Subtype /Widget /FT /Sig /T (x) /Rect [0 0 0 0] >>";
    assert!(check(&update(&signed, &[(6, &both), (160, field)])).valid());
}

#[test]
fn annotations_that_are_no_array_are_found() {
    let (signed, _) = sign(
        &Draft::new()
            .extend(2, "/Count 2")
            .set(2, "<< /Type /Pages /Kids [3 0 R 9 0 R] /Count 2 >>")
            .set(9, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] >>")
            .clone(),
    );
    for annotations in ["<< /0 161 0 R >>", "161 0 R", "(x)"] {
        let page = format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Annots {annotations} >>");
        assert_forbidden(annotations, &update(&signed, &[(9, &page), (161, COVER)]));
    }
}

// Document time-stamps

#[test]
fn a_document_time_stamp_does_not_spoil_the_signatures() {
    let stamp = "<< /Type /DocTimeStamp /Filter /Adobe.PPKLite /SubFilter /ETSI.RFC3161 /Contents <00> >>";
    let field = |rectangle: &str| {
        format!("<< /Type /Annot /Subtype /Widget /FT /Sig /T (x) /V 162 0 R /Rect {rectangle} /P 3 0 R >>")
    };
    let (stamped, _) = with_field("stamp", &field("[0 0 0 0]"), &[(162, stamp)]);
    let report = check(&stamped);
    assert!(report.valid(), "{report:#?}");
    let [signature, last] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(
        (signature.format, last.format),
        (Format::Pades, Format::DocumentTimeStamp)
    );
    // Its token is none.
    assert_eq!(last.indication, Indication::TotalFailed);
    let name = serde_json::to_value(last.format).unwrap();
    assert_eq!(name, "document_time_stamp");

    // One that is seen could be anything: nobody judges it.
    assert_forbidden(
        "seen",
        &with_field("", &field("[0 0 400 300]"), &[(162, stamp)]).0,
    );

    // Alone it is nobody's signature.
    let (signed, _) = sign(&with_form());
    let alone = replace(&signed, "/ETSI.CAdES.detached", "/ETSI.RFC3161       ");
    assert!(!check(&alone).valid());
}

// Locks

/// Signs and puts a lock into the field (`/Lock`) or the signature (FieldMDP), as other software does.
fn locked(document: &[u8], lock: &str, in_field: bool) -> Vec<u8> {
    let (pki, signer) = &*OFFICE;
    let room = "x".repeat(300);
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    let request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        reason: Some(&room),
        field: FieldChoice::New(Some(&room)),
        ..PadesRequest::new(&signer.certificate, algorithm, OffsetDateTime::now_utc())
    };
    let prepared = prepare(document.to_vec(), &request).unwrap();
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    let signed = prepared.finish(value).unwrap();
    let (field, reason) = if in_field {
        (format!("/T (Signature1) /Lock << {lock} >>"), String::new())
    } else {
        let rule = format!("/TransformMethod /FieldMDP /TransformParams << {lock} >>");
        ("/T (Signature1)".to_owned(), format!("/Reference [<< {rule} >>]"))
    };
    let mut signed = signed;
    for (from, to) in [
        (format!("/T ({room})"), field),
        (format!("/Reason ({room})"), reason),
    ] {
        signed = replace(&signed, &from, &format!("{to:<width$}", width = from.len()));
    }

    let start = 11
        + signed
            .windows(11)
            .rposition(|window| window == b"/Contents <")
            .unwrap();
    let end = start + signed[start..].iter().position(|byte| *byte == b'>').unwrap();
    let content = [&signed[..start - 1], &signed[end + 1..]].concat();
    let cms = trien_signatures::cms::prepare(&trien_signatures::cms::Request {
        content: trien_signatures::cms::Content::Detached {
            digest: Hash::Sha256.digest(&content),
        },
        signer: &signer.certificate,
        chain: std::slice::from_ref(&pki.ca.certificate),
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        signing_time: None,
    })
    .unwrap();
    let value = pki.workshop.sign(signer, cms.algorithm(), cms.to_be_signed());
    let digits = hex::encode(cms.finish(value).unwrap());
    signed[start..end].fill(b'0');
    signed[start..start + digits.len()].copy_from_slice(digits.as_bytes());
    signed
}

#[test]
fn a_locked_field_is_not_signed_later() {
    for (lock, waiting, other) in [
        ("/Action /All", false, false),
        ("/Action /Include /Fields [(cho)]", false, true),
        ("/Action /Exclude /Fields [(cho)]", true, false),
        ("/Action /Include /Fields [(khac)]", true, true),
        ("/Action /Exclude /Fields [(cho) (x)]", true, true),
        ("/Action /All /P 1", false, false),
        ("/Action /Include /Fields [(khac)] /P 1", false, false),
        ("/Action /Unknown", false, false),
        ("/Action /Include /Fields (cho)", false, false),
    ] {
        for in_field in [true, false] {
            assert_lock(lock, in_field, waiting, other);
        }
    }
}

/// Whether after a signature with this lock a field that was there, `cho`, and a new one, `x`, may be signed.
fn assert_lock(lock: &str, in_field: bool, waiting: bool, other: bool) {
    let field = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (cho) /Rect [0 0 0 0] /P 3 0 R >>";
    let stamp = "<< /Type /DocTimeStamp /SubFilter /ETSI.RFC3161 /Contents <00> >>";
    let mut draft = with_form();
    draft.set(6, "[9 0 R]").set(8, "[9 0 R]").set(9, field);
    let signed = locked(&draft.classic(), lock, in_field);
    let place = format!("{lock}, in the field: {in_field}");
    assert!(check(&signed).valid(), "{place}");

    let valued = field.replace("/P 3", "/V 162 0 R /P 3");
    let later = update(&signed, &[(9, &valued), (162, stamp)]);
    assert_eq!(check(&later).valid(), waiting, "{place}: the field that waited");

    let (widget, _) = object_with(
        &signed,
        "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature1)",
    );
    let both = format!("[9 0 R {widget} 0 R 160 0 R]");
    let new = valued.replace("(cho)", "(x)");
    let later = update(&signed, &[(6, &both), (8, &both), (160, &new), (162, stamp)]);
    assert_eq!(check(&later).valid(), other, "{place}: another field");

    if lock.contains("/All") {
        assert_eq!(
            try_to_sign(&signed).unwrap_err(),
            PadesError::Pdf(PdfError::FieldLocked)
        );
    }
}

// What is permitted stays so

#[test]
fn documents_of_other_software_are_signed_again() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/documents/dossier.pdf"
    );
    let packed = OFFICE.0.workshop.path("packed.pdf");
    let arguments = ["--object-streams=generate", path, packed.to_str().unwrap()];
    assert_eq!(drafts::run("qpdf", &arguments).0, Some(0));
    for path in [std::path::Path::new(path), &packed] {
        let mut document = std::fs::read(path).unwrap();
        for count in 1..=3 {
            document = try_to_sign(&document).unwrap();
            let report = check(&document);
            assert_eq!(report.signatures.len(), count);
            assert!(report.valid(), "{path:?}, {count}: {report:#?}");
        }
    }
}

// Forms that are filled in

/// A form with a line of text (9, shown by 10) and a mark (11, with the states 12 and 13).
fn with_open_fields() -> Draft {
    let mut draft = with_form();
    let shown = "<< /Type /XObject /Subtype /Form /BBox [0 0 90 20] /Length 1 >>\nstream\nq\nendstream";
    draft
        .set(6, "[9 0 R 11 0 R]")
        .set(8, "[9 0 R 11 0 R]")
        .set(9, TEXT)
        .set(10, shown)
        .set(11, MARK)
        .set(12, shown)
        .set(13, shown);
    draft
}

const TEXT: &str =
    "<< /Type /Annot /Subtype /Widget /FT /Tx /T (ten) /Rect [9 9 99 29] /AP << /N 10 0 R >> >>";
const FILLED: &str =
    "<< /Type /Annot /Subtype /Widget /FT /Tx /T (ten) /Rect [9 9 99 29] /AP << /N 160 0 R >> /V (An) >>";
const MARK: &str = "<< /Type /Annot /Subtype /Widget /FT /Btn /T (dong y) /Rect [9 39 29 59] /AS /Off /V /Off /AP << /N \
                    << /Yes 12 0 R /Off 13 0 R >> >> >>";
const NAME: &str = "<< /Type /XObject /Subtype /Form /BBox [0 0 90 20] /Length 3 >>\nstream\nq Q\nendstream";

fn certified(allowed: Allowed, lock: Option<&FieldLock>) -> Vec<u8> {
    let signed = try_to_sign_with(&with_open_fields().classic(), |request| {
        request.certify = Some(allowed);
        request.lock = lock;
    });
    signed.unwrap()
}

#[test]
fn a_form_is_filled_in_where_the_certification_lets_it_be() {
    let marked = MARK.replace("/AS /Off /V /Off", "/AS /Yes /V /Yes");
    let form = "<< /Fields 8 0 R /SigFlags 3 /NeedAppearances true >>";
    for allowed in [Allowed::Signing, Allowed::Comments] {
        let signed = certified(allowed, None);
        let kept: &[(u32, &str)] = &[(9, FILLED), (160, NAME)];
        let more: &[(u32, &str)] = &[(11, &marked)];
        let filled = update(&signed, kept);
        let report = check(&filled);
        assert!(report.valid(), "{report:#?}");
        assert!(!report.signatures[0].coverage.as_ref().unwrap().whole);
        assert!(check(&update(&filled, more)).valid());
        // Drawn anew in the old place, and signed by the one who filled it in.
        let drawn = update(&filled, &[(10, NAME), (7, form)]);
        assert!(check(&drawn).valid());
        let agreed = try_to_sign(&filled).unwrap();
        let report = check(&agreed);
        assert!(report.valid() && report.signatures.len() == 2, "{report:#?}");
    }
}

#[test]
fn a_form_is_not_filled_in_where_nobody_said_that_it_may_be() {
    let filling: &[(u32, &str)] = &[(9, FILLED), (160, NAME)];
    assert_forbidden("P = 1", &update(&certified(Allowed::Nothing, None), filling));
    let approved = try_to_sign(&with_open_fields().classic()).unwrap();
    assert_forbidden("no certification", &update(&approved, filling));
    let lock = FieldLock::Include(vec!["ten".into()]);
    let signed = certified(Allowed::Signing, Some(&lock));
    assert_forbidden("locked", &update(&signed, filling));
    let marked = MARK.replace("/AS /Off /V /Off", "/AS /Yes /V /Yes");
    assert!(
        check(&update(&signed, &[(11, &marked)])).valid(),
        "another is not locked"
    );
}

#[test]
fn filling_in_a_form_is_no_cover_for_anything_else() {
    let signed = certified(Allowed::Signing, None);
    for (name, field) in [
        ("moved", FILLED.replace("[9 9 99 29]", "[0 0 400 300]")),
        (
            "acts",
            FILLED.replace("/V (An)", "/V (An) /AA << /K << /S /JavaScript /JS (x) >> >>"),
        ),
        ("another kind", FILLED.replace("/FT /Tx", "/FT /Btn")),
        ("twice", FILLED.replace("/V (An)", "/V (An) /V (Ba)")),
    ] {
        assert_forbidden(name, &update(&signed, &[(9, &field), (160, NAME)]));
    }
    assert_forbidden("a page", &update(&signed, &[(9, FILLED), (160, NAME), (4, NAME)]));
    let elsewhere = NAME.replace("/Subtype /Form", "/Subtype /Form /Ref << /F (x) /Page 0 >>");
    assert_forbidden(
        "an appearance of another file",
        &update(&signed, &[(10, &elsewhere)]),
    );
    // What shows the field shows the page, too.
    let mut draft = with_open_fields();
    draft.extend(3, "/Thumb 10 0 R");
    let shared = try_to_sign_with(&draft.classic(), |request| {
        request.certify = Some(Allowed::Signing)
    })
    .unwrap();
    assert_forbidden("shared", &update(&shared, &[(10, NAME)]));
}

// What is said about them

#[test]
fn n125_what_changed_is_named_with_its_revision() {
    let name = |name: &str| Some(name.to_owned());
    let mut draft = with_open_fields();
    draft.extend(1, "/Metadata 20 0 R");
    draft.set(20, "<< /Type /Metadata /Length 4 >>\nstream\n<x/>\nendstream");
    let signed = try_to_sign_with(&draft.classic(), |request| {
        request.certify = Some(Allowed::Signing)
    })
    .unwrap();

    // What is permitted is listed, as permitted.
    assert!(check(&signed).signatures[0].changes.is_empty());
    let metadata = "<< /Type /Metadata /Length 4 >>\nstream\n<y/>\nendstream";
    let filled = update(&signed, &[(9, FILLED), (160, NAME), (20, metadata)]);
    assert_eq!(
        told(&filled),
        [
            (ChangeKind::FormField, None, name("ten"), true),
            (ChangeKind::Metadata, None, None, true)
        ]
    );
    let again = check(&try_to_sign(&filled).unwrap());
    let first = &again.signatures[0];
    let revisions: Vec<_> = first
        .changes
        .iter()
        .filter_map(|change| change.revision)
        .collect();
    assert!(
        revisions.is_sorted() && revisions[0] + 1 == *revisions.last().unwrap(),
        "{first:#?}"
    );
    let signature = first
        .changes
        .iter()
        .find(|change| change.kind == ChangeKind::SignatureAdded)
        .unwrap();
    assert_eq!(
        (signature.name.as_deref(), signature.permitted),
        (Some("Signature2"), true)
    );

    // What is not is named beside it.
    let forbidden = |changes: &[(u32, &str)], expected: &[(ChangeKind, Option<u32>, Option<String>)]| {
        let told = told(&update(&signed, changes));
        let found: Vec<_> = told
            .into_iter()
            .filter(|(.., permitted)| !permitted)
            .map(|(kind, page, name, _)| (kind, page, name))
            .collect();
        assert_eq!(found, expected, "{changes:?}");
    };
    let text = "<< /Length 1 >>\nstream\nq\nendstream";
    forbidden(
        &[(4, text), (9, FILLED), (160, NAME)],
        &[(ChangeKind::PageContent, Some(1), None)],
    );
    let font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> >> >>";
    forbidden(&[(5, font)], &[(ChangeKind::PageContent, Some(1), None)]);
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 30] /Contents 161 0 R /Resources 5 0 R /Annots 6 0 R >>";
    let keys = name("/Contents /MediaBox");
    forbidden(
        &[(3, page), (161, COVER)],
        &[(ChangeKind::PageContent, Some(1), keys)],
    );
    let (widget, _) = object_with(
        &signed,
        "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature1)",
    );
    let notes = format!("[9 0 R 11 0 R {widget} 0 R 160 0 R]");
    let note = "<< /Type /Annot /Subtype /Stamp /Rect [0 0 400 300] /AP << /N 161 0 R >> >>";
    forbidden(
        &[(6, &notes), (160, note), (161, COVER)],
        &[(ChangeKind::Annotation, Some(1), None)],
    );
    let moved = FILLED.replace("[9 9 99 29]", "[0 0 400 300]");
    forbidden(
        &[(9, &moved), (160, NAME)],
        &[(ChangeKind::FormField, None, name("ten"))],
    );
    let catalog = "<< /Type /Catalog /Pages 2 0 R /AcroForm 7 0 R /Metadata 20 0 R /OpenAction 161 0 R >>";
    let found = told(&update(
        &signed,
        &[(1, catalog), (161, "<< /S /JavaScript /JS (x) >>")],
    ));
    assert!(
        found.contains(&(ChangeKind::Catalog, None, name("/OpenAction"), false)),
        "{found:?}"
    );
    let field = "<< /Type /Annot /Subtype /Widget /FT /Tx /T (moi) /Rect [0 0 0 0] >>";
    let found = told(&update(&signed, &[(6, &notes), (8, &notes), (160, field)]));
    assert!(
        found.contains(&(ChangeKind::FieldAdded, None, name("moi"), false)),
        "{found:?}"
    );
    let form = "<< /Fields 8 0 R /SigFlags 3 /XFA (x) >>";
    forbidden(&[(7, form)], &[(ChangeKind::Form, None, None)]);
}

#[test]
fn of_many_changes_the_forbidden_ones_are_listed_and_the_others_counted() {
    let mut draft = with_form();
    let numbers = 20..220_u32;
    for number in numbers.clone() {
        draft.set(number, "<< /A 1 >>");
    }
    let signed = try_to_sign(&draft.classic()).unwrap();
    let changes: Vec<_> = numbers.map(|number| (number, "<< /A 2 >>")).collect();
    let report = check(&update(&signed, &changes));
    let first = &report.signatures[0];
    assert_eq!((first.changes.len(), first.changes_unlisted), (100, 100));
    assert!(
        first
            .changes
            .iter()
            .all(|change| change.name.as_deref() == Some("/A"))
    );
}

/// TCPDF's catalog of a document with outlines.
#[test]
fn a_catalog_that_says_twice_what_is_opened_beside_the_pages_is_signed() {
    let (pages, more) = ("/Type /Catalog /Pages 2 0 R", "/Lang (vi)");
    let mut draft = Draft::new();
    draft.set(
        1,
        &format!("<< {pages} /PageMode /UseNone {more} /PageMode /UseOutlines >>"),
    );
    let once = try_to_sign(&draft.classic()).unwrap();
    let twice = try_to_sign(&once).unwrap();
    let report = check(&twice);
    assert!(report.valid() && report.signatures.len() == 2, "{report:#?}");
    // Another one in the place of either is a change, as is anything else that stands twice.
    let text = String::from_utf8_lossy(&once).into_owned();
    let catalog = &text[text.rfind(pages).unwrap() - 3..];
    let catalog = &catalog[..catalog.find("\nendobj").unwrap()];
    for (from, to) in [
        ("/UseNone", "/FullScreen"),
        ("/UseOutlines", "/FullScreen"),
        ("/PageMode /UseNone", ""),
        ("/Lang (vi)", "/Lang (vi) /Lang (en)"),
    ] {
        assert!(catalog.contains(from), "{catalog}");
        assert_forbidden(to, &update(&once, &[(1, &catalog.replacen(from, to, 1))]));
    }
    assert!(check(&update(&once, &[(1, catalog)])).valid());
    // What matters stands once.
    draft.set(1, &format!("<< {pages} /Pages 2 0 R >>"));
    assert!(matches!(
        try_to_sign(&draft.classic()),
        Err(PadesError::Pdf(PdfError::Malformed(_)))
    ));
}
