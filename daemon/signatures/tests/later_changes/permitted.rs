//! What is permitted stays so: document time-stamps, and the ways of other software.

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{self, Allowed, FieldLock, PadesError, PadesRequest};
use trien_signatures::pdf::PdfError;
use trien_signatures::report::{Format, Indication};

use crate::drafts::{self, Draft, update};
use crate::fields::with_field;
use crate::objects::replace;
use crate::{OFFICE, assert_forbidden, check, sign, try_to_sign, try_to_sign_with, with_form};

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
    let catalog = &*catalog(&once);
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

/// As documents in the tests of pdf.js have it: `59endobj`.
#[test]
fn an_object_that_is_a_number_ends_without_a_space_and_the_document_is_signed_again() {
    let mut draft = Draft::new();
    draft.set(9, "5912345");
    let tight = replace(&draft.classic(), "5912345\nendobj", "5912345endobj\n");
    let twice = try_to_sign(&try_to_sign(&tight).unwrap()).unwrap();
    let report = check(&twice);
    assert!(report.valid() && report.signatures.len() == 2, "{report:#?}");
    let torn = replace(&draft.classic(), "5912345\nendobj", "5912endobj345\n");
    assert!(try_to_sign(&try_to_sign(&torn).unwrap()).is_err());
}

/// What is going to be appended to, once it is signed, is refused before it is signed.
#[test]
fn a_document_that_can_be_signed_once_only_is_refused_where_more_is_to_be_appended() {
    let mut draft = Draft::new();
    draft.set(9, "5912345");
    let torn = replace(&draft.classic(), "5912345\nendobj", "5912endobj345\n");
    for (document, goes_on, expected) in [
        (&torn, false, true),
        (&torn, true, false),
        (&draft.classic(), true, true),
    ] {
        let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
        let request = PadesRequest {
            goes_on,
            ..PadesRequest::new(&OFFICE.1.certificate, algorithm, OffsetDateTime::now_utc())
        };
        let checked = pades::check(document, &request);
        assert_eq!(checked.is_ok(), expected, "{checked:?}");
    }
}

/// Signatures that lock fields, those that certify in other software, and the rights that Acrobat gives a form all name the
/// catalog as what they are about (12.8.1, table 253, Data). It is the catalog all the same, where signing and validation
/// data may add to it.
#[test]
fn a_catalog_that_signatures_are_about_is_extended_by_the_next() {
    let field = "<< /FT /Sig /T (cho) /Rect [0 0 0 0] /Type /Annot /Subtype /Widget /P 3 0 R >>";
    let rule = |method: &str, parameters: &str| {
        let head = format!("/Type /SigRef /TransformMethod /{method} /Data 1 0 R");
        format!("[<< {head} /TransformParams << /Type /TransformParams {parameters} >> >>]")
    };
    let rights = format!(
        "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached /Contents <00> /Reference {} >>",
        rule("UR3", "/V /2.2 /Form [/FillIn]")
    );
    for (form, own) in [("<< /Fields [9 0 R] >>", ""), ("7 0 R", "<< /Fields [9 0 R] >>")] {
        let mut draft = Draft::new();
        draft.extend(3, "/Annots [9 0 R]").set(9, field);
        draft.extend(1, &format!("/AcroForm {form}"));
        if !own.is_empty() {
            draft.set(7, own);
        }
        let mut enabled = draft.clone();
        enabled.extend(1, "/Perms << /UR3 10 0 R >>").set(10, &rights);
        let lock = FieldLock::Include(vec!["cho".into()]);
        let locked = try_to_sign_with(&draft.classic(), |request| request.lock = Some(&lock));
        let certified = try_to_sign_with(&draft.classic(), |request| {
            (request.lock, request.certify) = (Some(&lock), Some(Allowed::Signing));
        });
        for (name, signed) in [
            ("enabled", try_to_sign(&enabled.classic())),
            ("locked", locked),
            ("certified and locked", certified),
        ] {
            let signed = signed.unwrap();
            let name = format!("{name}, form {form}");
            assert!(check(&signed).valid(), "{name}");
            let twice = try_to_sign(&signed).unwrap();
            let thrice = try_to_sign(&twice).unwrap();
            for (count, document) in [(2, &twice), (3, &thrice)] {
                let report = check(document);
                assert_eq!(report.signatures.len(), count, "{name}");
                assert!(report.valid(), "{name}: {report:#?}");
            }
            assert!(
                check(&with_store(&twice)).valid(),
                "{name}: with a security store"
            );
            let opened = catalog(&twice).replacen("/Catalog", "/Catalog /OpenAction [3 0 R /Fit]", 1);
            assert_forbidden(&name, &update(&twice, &[(1, &opened)]));
        }
    }
    // Whatever else refers to it may draw or run it.
    for dictionary in [
        "<< /TransformMethod /FieldMDP /Resources 1 0 R >>",
        "<< /Type /SigRef /Data 1 0 R >>",
    ] {
        let mut draft = Draft::new();
        draft.set(9, dictionary);
        let signed = try_to_sign(&draft.classic()).unwrap();
        assert_forbidden(dictionary, &with_store(&signed));
    }
    assert!(check(&with_store(&try_to_sign(&Draft::new().classic()).unwrap())).valid());
}

/// With a document security store, which is in the catalog.
fn with_store(document: &[u8]) -> Vec<u8> {
    let catalog = catalog(document).replacen("/Catalog", "/Catalog /DSS 170 0 R", 1);
    update(document, &[(1, &catalog), (170, "<< /Type /DSS /Certs [] >>")])
}

/// The last one.
fn catalog(document: &[u8]) -> String {
    let text = String::from_utf8_lossy(document).into_owned();
    let catalog = &text[text.rfind("<< /Type /Catalog").unwrap()..];
    catalog[..catalog.find("\nendobj").unwrap()].to_owned()
}
