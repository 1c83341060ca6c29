//! Cut off, not a PDF, two things at once, nothing in it.

use crate::drafts::Draft;
use crate::{OFFICE, check, refusal, signed, try_to_sign};
use trien_signatures::pades::verify;
use trien_signatures::pdf::{Document, Limits, PdfError};
use trien_signatures::report::FindingKind;

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

/// What is found in a document beside its signatures.
fn kinds(document: &[u8]) -> Vec<FindingKind> {
    let findings = check(document).findings;
    findings.iter().map(|finding| finding.kind).collect()
}

/// One file that is two: the archive lies in a stream, and its comment is the rest of the document.
#[test]
fn n123_a_document_that_is_an_archive_as_well_is_told_of() {
    let archive = trien_signatures::zip::write(&[("khac.txt", b"khac")]).unwrap();
    let room = "~".repeat(archive.len());
    let mut draft = Draft::new();
    draft.set(
        6,
        &format!("<< /Length {} >>\nstream\n{room}\nendstream", room.len()),
    );
    let mut within = draft.classic();
    let place = within.windows(3).position(|window| window == b"~~~").unwrap();
    within[place..place + archive.len()].copy_from_slice(&archive);
    assert_eq!(kinds(&within), [], "one that lies within is a file like others");
    let at = within
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")
        .unwrap();
    let mut both = within.clone();
    let comment = u16::try_from(within.len() - at - 22).unwrap();
    both[at + 20..at + 22].copy_from_slice(&comment.to_le_bytes());
    assert_eq!(kinds(&both), [FindingKind::Archive]);
    // Signed, its comment ends before the end.
    assert_eq!(kinds(&try_to_sign(&both).unwrap()), []);
    // Its directory is where it says, counted from the beginning of the file.
    let directory = within
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    let mut placed = within;
    placed[at + 16..at + 20].copy_from_slice(&u32::try_from(directory).unwrap().to_le_bytes());
    assert_eq!(kinds(&placed), [FindingKind::Archive]);
    assert_eq!(kinds(&try_to_sign(&placed).unwrap()), [FindingKind::Archive]);
}

/// One file that is two: behind the first line stands what a browser shows, and the rest is its comment.
#[test]
fn n123_a_document_that_is_a_web_page_as_well_is_told_of() {
    let plain = Draft::new().classic();
    for page in [
        "<html><script>alert(1)</script><!--",
        "<!DOCTYPE HTML><p>khac",
        "<SVG onload=x>",
    ] {
        let mut draft = Draft::new();
        draft.set(6, &format!("({page})"));
        assert!(kinds(&draft.classic()).contains(&FindingKind::WebPage), "{page}");
    }
    assert_eq!(kinds(&plain), []);
    let mut far = Draft::new();
    far.set(6, &format!("({}<html>)", "~".repeat(2000)));
    assert_eq!(kinds(&far.classic()), [], "further in it is text like others");
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
