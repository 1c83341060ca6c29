//! What is permitted stays so: document time-stamps, and the ways of other software.

use trien_signatures::pades::PadesError;
use trien_signatures::pdf::PdfError;
use trien_signatures::report::{Format, Indication};

use crate::drafts::{self, Draft, update};
use crate::fields::with_field;
use crate::objects::replace;
use crate::{OFFICE, assert_forbidden, check, sign, try_to_sign, with_form};

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
