//! Documents of every shape, also by other software: signed, signed again, and where the fields go.

use crate::drafts::{Draft, run};
use trien_signatures::pades::{FieldChoice, PadesError, prepare};

use crate::visible::{appearance, sign_visibly};
use crate::{OFFICE, assert_good, check, file, request, sign, sign_as};

fn shapes() -> Vec<(&'static str, Draft)> {
    let draft = |change: &dyn Fn(&mut Draft)| {
        let mut draft = Draft::new();
        change(&mut draft);
        draft
    };
    const NOTE: &str = "<< /Type /Annot /Subtype /Text /Rect [9 9 20 20] /Contents (a note) >>";
    const FIELD: &str =
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (so) /V (12/2026) /Rect [300 9 350 20] /P 3 0 R >>";
    vec![
        ("plain", draft(&|_| {})),
        (
            "annots-direct",
            draft(&|draft| {
                draft.set(6, NOTE).extend(3, "/Annots [6 0 R]");
            }),
        ),
        (
            "annots-indirect",
            draft(&|draft| {
                draft.set(6, NOTE).set(7, "[6 0 R]").extend(3, "/Annots 7 0 R");
            }),
        ),
        (
            "annots-dangling",
            draft(&|draft| {
                draft.extend(3, "/Annots 77 0 R");
            }),
        ),
        (
            "form-in-catalog",
            draft(&|draft| {
                draft.set(6, FIELD).extend(3, "/Annots [6 0 R]");
                draft.extend(1, "/AcroForm << /Fields [6 0 R] /DA (/Helv 0 Tf 0 g) >>");
            }),
        ),
        (
            "form-indirect",
            draft(&|draft| {
                draft.set(6, FIELD).extend(3, "/Annots [6 0 R]");
                draft
                    .set(7, "<< /Fields [6 0 R] /SigFlags 0 >>")
                    .extend(1, "/AcroForm 7 0 R");
            }),
        ),
        (
            "fields-indirect",
            draft(&|draft| {
                draft.set(6, FIELD).extend(3, "/Annots [6 0 R]").set(8, "[6 0 R]");
                draft.set(7, "<< /Fields 8 0 R >>").extend(1, "/AcroForm 7 0 R");
            }),
        ),
        (
            "fields-are-annots",
            draft(&|draft| {
                draft.set(6, FIELD).extend(3, "/Annots 8 0 R").set(8, "[6 0 R]");
                draft.set(7, "<< /Fields 8 0 R >>").extend(1, "/AcroForm 7 0 R");
            }),
        ),
        (
            "nested-pages",
            draft(&|draft| {
                draft.set(
                    2,
                    "<< /Type /Pages /Kids [6 0 R] /Count 1 /MediaBox [0 0 612.00001 792.12345678] >>",
                );
                draft.set(
                    6,
                    "<< /Type /Pages /Parent 2 0 R /Kids [3 0 R] /Count 1 /Rotate 90 >>",
                );
                draft.set(
                    3,
                    "<< /Type /Page /Parent 6 0 R /Contents 4 0 R /Resources 5 0 R >>",
                );
            }),
        ),
    ]
}

#[test]
fn documents_of_every_shape_are_signed() {
    for (name, draft) in shapes() {
        assert_good(&format!("{name}-classic"), &sign(&draft.classic()), 1);
        assert_good(&format!("{name}-streams"), &sign(&draft.streams()), 1);
        assert_good(&format!("{name}-hybrid"), &sign(&draft.hybrid()), 1);
    }
}

#[test]
fn linearised_documents_are_signed() {
    let workshop = &OFFICE.pki.workshop;
    for (name, option) in [
        ("linear-table", "--object-streams=disable"),
        ("linear-streams", "--object-streams=generate"),
    ] {
        let (from, to) = (
            file(name, &Draft::new().classic()),
            workshop.path(&format!("{name}-out.pdf")),
        );
        let (code, text) = run(
            "qpdf",
            &[
                "--linearize",
                option,
                from.to_str().unwrap(),
                to.to_str().unwrap(),
            ],
        );
        assert_eq!(code, Some(0), "{text}");
        let signed = sign(&std::fs::read(to).unwrap());
        assert_good(name, &signed, 1);
        let coverage = check(&signed).signatures[0].coverage.unwrap();
        assert_eq!(
            (coverage.revision, coverage.revisions),
            (Some(2), Some(2)),
            "a linearised file is one revision"
        );
    }
}

#[test]
fn further_signatures_leave_the_earlier_ones_valid() {
    for (name, first) in [
        ("table", Draft::new().classic()),
        ("stream", Draft::new().streams()),
        ("hybrid", Draft::new().hybrid()),
    ] {
        let mut document = first;
        for count in 1..=3 {
            document = sign(&document);
            assert_good(&format!("{name}-{count}"), &document, count);
        }
        let report = check(&document);
        let revisions: Vec<_> = report
            .signatures
            .iter()
            .map(|one| one.coverage.unwrap().revision)
            .collect();
        assert_eq!(revisions, [Some(2), Some(3), Some(4)]);
        assert!(
            report
                .signatures
                .iter()
                .all(|one| one.coverage.unwrap().revisions == Some(4))
        );
    }
}

#[test]
fn fields_get_names_that_are_free() {
    let mut request = request(&OFFICE.signer);
    let twice = sign(&sign(&Draft::new().classic()));
    let text = String::from_utf8_lossy(&twice);
    assert!(text.contains("/T (Signature1)") && text.contains("/T (Signature2)"));
    let long = "x".repeat(2000);
    for name in ["Signature1", "", "a.b", &long] {
        request.field = FieldChoice::New(Some(name));
        assert_eq!(
            prepare(twice.clone(), &request).unwrap_err(),
            PadesError::FieldName,
            "{name}"
        );
    }
    request.field = FieldChoice::New(Some("Người duyệt"));
    assert_good("named", &sign_as(&twice, &OFFICE.signer, &request), 3);
}

#[test]
fn texts_have_a_limit() {
    let long = "dài ".repeat(300);
    let mut request = request(&OFFICE.signer);
    request.reason = Some(&long);
    assert_eq!(
        prepare(Draft::new().classic(), &request).unwrap_err(),
        PadesError::TextTooLong
    );
}

#[test]
fn a_dossier_of_an_office_suite_is_signed() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/documents/dossier.pdf"
    );
    let signed = sign_visibly(&std::fs::read(path).unwrap(), &appearance());
    assert_good("dossier", &signed, 1);
    let (_, text) = run(
        "mutool",
        &["sign", "-v", file("dossier", &signed).to_str().unwrap()],
    );
    assert!(
        text.contains("has not been modified since signing") || text.contains("unchanged since signing"),
        "{text}"
    );
}
