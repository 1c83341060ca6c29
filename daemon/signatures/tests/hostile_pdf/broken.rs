//! Cut off, not a PDF, two things at once, nothing in it.

use crate::drafts::Draft;
use crate::{OFFICE, refusal, signed};
use trien_signatures::pades::verify;
use trien_signatures::pdf::{Document, Limits, PdfError};

#[test]
fn n123_not_a_pdf_at_all() {
    for document in [&b""[..], b"%PDF", b"PK\x03\x04", b"<html></html>", &[0; 4096]] {
        assert_eq!(refusal(document), PdfError::NotPdf);
    }
    assert_eq!(refusal(b"%PDF-1.7\n"), PdfError::Truncated);
}

#[test]
fn n123_truncated_anywhere() {
    for document in [
        Draft::new().classic(),
        Draft::new().streams(),
        Draft::new().hybrid(),
    ] {
        // Without the last line end it is still whole.
        for length in 0..document.len() - 1 {
            let error = refusal(&document[..length]);
            assert!(
                matches!(error, PdfError::NotPdf | PdfError::Truncated),
                "{length}: {error:?}"
            );
        }
    }
}

#[test]
fn n123_truncated_signed_document() {
    let document = signed();
    for length in (0..document.len() - 2).step_by(97) {
        let report = verify(&document[..length], &OFFICE.0.reliance());
        assert!(
            report.is_err() || report.is_ok_and(|report| !report.valid()),
            "{length}"
        );
    }
}

#[test]
fn n123_bytes_before_the_header() {
    let document = Draft::new().classic();
    assert_eq!(
        refusal(&[b"PK\x03\x04 and more ", document.as_slice()].concat()),
        PdfError::LeadingBytes(14)
    );
    assert_eq!(
        refusal(&[vec![b'<'; 1000], document.clone()].concat()),
        PdfError::LeadingBytes(1000)
    );
    assert_eq!(refusal(&[vec![b'<'; 5000], document].concat()), PdfError::NotPdf);
}

#[test]
fn bytes_behind_the_end() {
    let document = [Draft::new().classic().as_slice(), b"PK\x05\x06"].concat();
    assert_eq!(refusal(&document), PdfError::TrailingBytes(4));
}

#[test]
fn too_large() {
    let limits = Limits {
        document: 100,
        ..Limits::default()
    };
    assert_eq!(
        Document::open(&Draft::new().classic(), limits).unwrap_err(),
        PdfError::TooLarge { limit: 100 }
    );
}

#[test]
fn no_pages() {
    for pages in [
        "<< /Type /Pages /Kids [] /Count 0 >>",
        "<< /Type /Pages /Kids [77 0 R] /Count 1 >>",
        "null",
    ] {
        let mut draft = Draft::new();
        draft.set(2, pages);
        assert_eq!(refusal(&draft.classic()), PdfError::NoPages);
    }
    let mut draft = Draft::new();
    draft.set(1, "<< /Type /Catalog >>");
    assert_eq!(refusal(&draft.classic()), PdfError::NoPages);
    draft.set(1, "[]");
    assert_eq!(
        refusal(&draft.classic()),
        PdfError::Missing("the document catalog")
    );
}
