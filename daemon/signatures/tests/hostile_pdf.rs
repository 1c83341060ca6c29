//! Documents made to hurt. Each is refused with its error, or reported as invalid, within bounded time; none panics.
//!
//! | what | tests |
//! |---|---|
//! | cut off, not a PDF, two things at once | `truncated_*`, `not_a_pdf_*`, `bytes_before_*` |
//! | loops, bombs, depth, counts | `loop_*`, `bomb_*`, `deep_*`, `many_*`, `length_*` |
//! | two answers to one question | `ambiguous_*` |
//! | encryption | `encrypted_*` |
//! | byte ranges and contents that lie (universal signature forgery) | `byte_range_*`, `contents_*` |
//! | updates and wrapping after the signature | `appended_*`, `wrapped_*` |
//! | what acts when it is opened | `active_*` |

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod drafts;
mod openssl;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use drafts::{Draft, deflate, stream, update};
use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{
    Appearance, AppearanceError, PadesError, PadesRequest, Place, Side, prepare, verify,
};
use trien_signatures::pdf::{Document, Limits, PdfError};
use trien_signatures::report::{FindingKind, Indication, Reason, Report};
use trien_signatures::signing::Prepared;

static OFFICE: LazyLock<(Pki, Identity)> = LazyLock::new(|| {
    let pki = Pki::new();
    let signer = pki.leaf("hostile-signer", "ec:P-256");
    (pki, signer)
});

/// A document that takes longer hangs the daemon. Far above what any of these needs without optimisation.
const BOUND: Duration = Duration::from_secs(10);

fn try_to_sign(document: &[u8]) -> Result<Vec<u8>, PadesError> {
    let (pki, signer) = &*OFFICE;
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    let request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        ..PadesRequest::new(&signer.certificate, algorithm, OffsetDateTime::now_utc())
    };
    let started = Instant::now();
    let prepared = prepare(document.to_vec(), &request);
    assert!(started.elapsed() < BOUND);
    let prepared = prepared?;
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    Ok(prepared.finish(value).unwrap())
}

/// Signing and checking both refuse, signing with this error.
fn refusal(document: &[u8]) -> PdfError {
    let started = Instant::now();
    let checked = verify(document, &OFFICE.0.reliance());
    assert!(started.elapsed() < BOUND);
    assert!(checked.is_err() || checked.is_ok_and(|report| !report.valid()));
    match try_to_sign(document).unwrap_err() {
        PadesError::Pdf(error) => error,
        other => panic!("{other:?}"),
    }
}

fn signed() -> Vec<u8> {
    static SIGNED: LazyLock<Vec<u8>> = LazyLock::new(|| try_to_sign(&Draft::new().classic()).unwrap());
    SIGNED.clone()
}

fn check(document: &[u8]) -> Report {
    let started = Instant::now();
    let report = verify(document, &OFFICE.0.reliance()).unwrap();
    assert!(started.elapsed() < BOUND);
    report
}

fn only_reason(document: &[u8]) -> Reason {
    let report = check(document);
    let [one] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert_ne!(one.indication, Indication::TotalPassed);
    one.reason.unwrap()
}

fn replace(document: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = document
        .windows(from.len())
        .position(|window| window == from.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{from} is not in the document"));
    [&document[..at], to.as_bytes(), &document[at + from.len()..]].concat()
}

// Cut off, not a PDF, two things at once

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

// Loops, bombs, depth, counts

#[test]
fn n124_loop_of_cross_reference_sections() {
    let document = Draft::new().classic();
    let start = document.windows(4).position(|window| window == b"xref").unwrap();
    assert_eq!(
        refusal(&replace(
            &document,
            "/Root 1 0 R",
            &format!("/Root 1 0 R /Prev {start}")
        )),
        PdfError::XrefLoop
    );
    let long = replace(&document, "/Root 1 0 R", "/Root 1 0 R /Prev -5");
    assert_eq!(refusal(&long), PdfError::XrefDamaged(start));
    let beyond = replace(&document, "/Root 1 0 R", "/Root 1 0 R /Prev 99999999");
    assert_eq!(refusal(&beyond), PdfError::XrefDamaged(99_999_999));
}

#[test]
fn n124_loop_of_pages() {
    let mut draft = Draft::new();
    draft.set(2, "<< /Type /Pages /Kids [2 0 R] /Count 1 >>");
    assert_eq!(refusal(&draft.classic()), PdfError::PageTreeLoop);
    draft
        .set(2, "<< /Type /Pages /Kids [6 0 R] /Count 1 >>")
        .set(6, "<< /Type /Pages /Kids [2 0 R] >>");
    assert_eq!(refusal(&draft.streams()), PdfError::PageTreeLoop);
}

#[test]
fn n124_loop_of_fields() {
    let mut draft = Draft::new();
    draft
        .extend(1, "/AcroForm << /Fields [6 0 R] >>")
        .set(6, "<< /T (a) /Kids [7 0 R] >>");
    draft.set(7, "<< /T (b) /Parent 6 0 R /Kids [6 0 R] >>");
    assert_eq!(refusal(&draft.classic()), PdfError::FormLoop);
}

#[test]
fn n124_loop_of_references() {
    let mut draft = Draft::new();
    draft
        .set(
            3,
            "<< /Type /Page /Parent 2 0 R /MediaBox 6 0 R /Contents 4 0 R >>",
        )
        .set(6, "7 0 R")
        .set(7, "6 0 R");
    assert!(matches!(refusal(&draft.classic()), PdfError::Missing(_)));
}

#[test]
fn n124_loop_of_lengths() {
    let mut draft = Draft::new();
    draft
        .set(6, "<< /Length 6 0 R >>\nstream\nx\nendstream")
        .extend(1, "/AcroForm 6 0 R");
    assert!(matches!(refusal(&draft.classic()), PdfError::Malformed(_)));
}

#[test]
fn n124_object_stream_inside_itself() {
    let document = Draft::new().streams();
    let text = String::from_utf8_lossy(&document);
    assert!(text.contains("6 0 obj\n<< /Type /ObjStm"));
    // The container's own row says that it is in itself.
    let mut file = b"%PDF-1.7\n".to_vec();
    let start = file.len();
    let rows = deflate(&[[2, 0, 0, 0, 1, 0, 0], [2, 0, 0, 0, 1, 0, 0]].concat());
    file.extend(stream(
        2,
        "/Type /XRef /Size 3 /Root 1 0 R /W [1 4 2] /Index [0 2]",
        &rows,
    ));
    file.extend(format!("startxref\n{start}\n%%EOF\n").as_bytes());
    assert_eq!(refusal(&file), PdfError::Missing("an object stream"));
}

fn with_xref_stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let start = file.len();
    file.extend(stream(1, &format!("/Type /XRef /Root 1 0 R {dictionary}"), data));
    file.extend(format!("startxref\n{start}\n%%EOF\n").as_bytes());
    file
}

#[test]
fn n124_bomb_in_a_cross_reference_stream() {
    let zeros = deflate(&vec![0; 300 << 20]);
    assert!(zeros.len() < 4 << 20);
    let document = with_xref_stream("/Size 10 /W [1 4 2]", &zeros);
    assert_eq!(
        refusal(&document),
        PdfError::TooMany("bytes in compressed streams")
    );
}

#[test]
fn object_stream_of_another_type() {
    let mut document = b"%PDF-1.7\n".to_vec();
    let container = document.len();
    let objects = b"1 0 << /Type /Catalog /Pages 4 0 R >>";
    document.extend(stream(2, "/Type /ObjStx /N 1 /First 4", &deflate(objects)));
    let start = document.len();
    let mut rows = vec![2, 0, 0, 0, 2, 0, 0, 1];
    rows.extend(u32::try_from(container).unwrap().to_be_bytes());
    rows.extend([0, 0]);
    document.extend(stream(
        3,
        "/Type /XRef /Size 4 /Root 1 0 R /W [1 4 2] /Index [1 2]",
        &deflate(&rows),
    ));
    document.extend(format!("startxref\n{start}\n%%EOF\n").as_bytes());
    assert_eq!(refusal(&document), PdfError::Missing("an object stream"));
}

#[test]
fn numbers_that_are_not_finite() {
    let huge = "9".repeat(400);
    for rectangle in [format!("[0 0 {huge} 300]"), format!("[-{huge} 0 {huge} 300]")] {
        let mut draft = Draft::new();
        draft.set(
            3,
            &format!("<< /Type /Page /Parent 2 0 R /MediaBox {rectangle} >>"),
        );
        let document = draft.classic();
        let opened = Document::open(&document, Limits::default()).unwrap();
        assert_eq!(opened.page(1).unwrap().shown, None, "{rectangle}");
    }
}

#[test]
fn n124_bomb_in_an_object_stream() {
    let mut document = b"%PDF-1.7\n".to_vec();
    let container = document.len();
    document.extend(stream(
        2,
        "/Type /ObjStm /N 1 /First 4",
        &deflate(&vec![b' '; 300 << 20]),
    ));
    let start = document.len();
    let mut rows = vec![2, 0, 0, 0, 2, 0, 0, 1];
    rows.extend(u32::try_from(container).unwrap().to_be_bytes());
    rows.extend([0, 0]);
    document.extend(stream(
        3,
        "/Type /XRef /Size 4 /Root 1 0 R /W [1 4 2] /Index [1 2]",
        &deflate(&rows),
    ));
    document.extend(format!("startxref\n{start}\n%%EOF\n").as_bytes());
    assert_eq!(
        refusal(&document),
        PdfError::TooMany("bytes in compressed streams")
    );
}

#[test]
fn cross_reference_streams_that_lie() {
    let row = deflate(&[1, 0, 0, 0, 9, 0, 0]);
    for (dictionary, wanted) in [
        (
            "/Size 10 /W [1 4 2] /Index [0 4000000000]",
            PdfError::XrefDamaged(9),
        ),
        ("/Size 1 /W [0 0 0]", PdfError::XrefDamaged(9)),
        ("/Size 1 /W [1 -4 2]", PdfError::XrefDamaged(9)),
        ("/Size 1 /W [1 99999999999 2]", PdfError::XrefDamaged(9)),
        ("/Size 1 /W [1 9 2]", PdfError::XrefDamaged(9)),
        ("/Size 1 /W [1 4 2] /Index [-1 1]", PdfError::XrefDamaged(9)),
        ("/Size 1 /W [1 4 2] /Index [0]", PdfError::XrefDamaged(9)),
        ("/Size 9 /W [1 4 2]", PdfError::XrefDamaged(9)),
        ("/W [1 4 2]", PdfError::XrefDamaged(9)),
        (
            "/Size 1 /W [1 4 2] /DecodeParms << /Predictor 12 /Columns 9999999999 >>",
            PdfError::UnsupportedFilter,
        ),
        ("/Size 2 /W [1 4 2] /Index [0 1 0 1]", PdfError::XrefDamaged(9)),
    ] {
        assert_eq!(
            refusal(&with_xref_stream(dictionary, &row)),
            wanted,
            "{dictionary}"
        );
    }
}

/// The error when a page's text is looked at, to sign beside it.
fn looked_for(document: &[u8]) -> PadesError {
    let (pki, signer) = &*OFFICE;
    let place = Place::Keyword {
        text: "Don xin".to_owned(),
        page: None,
        side: Side::Below,
        size: [100.0, 40.0],
    };
    let look = Appearance::plain(place, vec!["x".to_owned()]);
    let request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        appearance: Some(&look),
        ..PadesRequest::new(
            &signer.certificate,
            SignatureAlgorithm::Ecdsa(Hash::Sha256),
            OffsetDateTime::now_utc(),
        )
    };
    let started = Instant::now();
    let error = prepare(document.to_vec(), &request).map(drop).unwrap_err();
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    error
}

#[test]
fn n124_bombs_in_filters_and_predictors_of_a_page() {
    let zeros = deflate(&vec![0; 64 << 20]);
    let twice = deflate(&deflate(&zeros));
    assert!(twice.len() < 1 << 14, "{}", twice.len());
    let small = deflate(&[0; 4096]);
    let cases: [(&[u8], &str, PdfError); 14] = [
        (
            &zeros,
            "[/AHx /Fl]",
            PdfError::TooMany("bytes in compressed streams"),
        ),
        (
            &twice,
            "[/AHx /Fl /Fl /Fl]",
            PdfError::TooMany("bytes in compressed streams"),
        ),
        (
            &zeros,
            "[/AHx /Fl] /DecodeParms [null << /Predictor 15 /Columns 65536 >>]",
            PdfError::TooMany("bytes in compressed streams"),
        ),
        (&small, "[/AHx /AHx /AHx /AHx /AHx]", PdfError::UnsupportedFilter),
        (&small, "[/AHx /JBIG2Decode]", PdfError::UnsupportedFilter),
        (&small, "[/AHx /JPXDecode]", PdfError::UnsupportedFilter),
        (&small, "[/AHx /DCTDecode]", PdfError::UnsupportedFilter),
        (
            &small,
            "[/AHx /CCITTFaxDecode] /DecodeParms [null << /Columns 2147483647 /Rows 2147483647 >>]",
            PdfError::UnsupportedFilter,
        ),
        (
            &small,
            "[/AHx /Fl] /DecodeParms [null << /Predictor 15 /Columns 2147483647 >>]",
            PdfError::UnsupportedFilter,
        ),
        (
            &small,
            "[/AHx /Fl] /DecodeParms [null << /Predictor 15 /Columns 0 >>]",
            PdfError::UnsupportedFilter,
        ),
        (
            &small,
            "[/AHx /Fl] /DecodeParms [null << /Predictor 15 /Columns -1 >>]",
            PdfError::UnsupportedFilter,
        ),
        (
            &small,
            "[/AHx /Fl] /DecodeParms [null << /Predictor 2 /Colors 2147483647 /BitsPerComponent 32 >>]",
            PdfError::UnsupportedFilter,
        ),
        (
            &small,
            "[/AHx /Fl] /DecodeParms [null << /Predictor 15 /Columns 4 /Colors 2147483647 >>]",
            PdfError::UnsupportedFilter,
        ),
        (
            &small,
            "[/AHx /Fl] /DecodeParms [null << /Predictor 99 >>]",
            PdfError::UnsupportedFilter,
        ),
    ];
    for (data, filter, wanted) in cases {
        let data = hex::encode(data);
        let mut draft = Draft::new();
        draft.set(
            4,
            &format!(
                "<< /Length {} /Filter {filter} >>\nstream\n{data}\nendstream",
                data.len()
            ),
        );
        let document = draft.classic();
        assert_eq!(looked_for(&document), PadesError::Pdf(wanted), "{filter}");
        // Whoever signs without looking at the page has nothing to fear of it: nothing is decoded.
        let started = Instant::now();
        assert!(check(&try_to_sign(&document).unwrap()).valid(), "{filter}");
        assert!(started.elapsed() < Duration::from_secs(5), "{filter}");
    }
}

#[test]
fn n124_pictures_are_never_decoded() {
    let mut draft = Draft::new();
    let picture = |filter: &str, more: &str| {
        format!(
            "<< /Type /XObject /Subtype /Image /Width 2147483647 /Height 2147483647 /BitsPerComponent 8 \
             /ColorSpace /DeviceRGB /Filter {filter} {more} /Length 12 >>\nstream\n\u{1}\u{2}\u{3}BOMBBOMB\u{7f}\nendstream"
        )
    };
    draft
        .set(6, &picture("/JPXDecode", "/SMaskInData 2"))
        .set(
            7,
            &picture("/JBIG2Decode", "/DecodeParms << /JBIG2Globals 7 0 R >>"),
        )
        .set(
            8,
            &picture("[/FlateDecode /FlateDecode /DCTDecode]", "/SMask 8 0 R"),
        )
        .set(
            5,
            "<< /XObject << /A 6 0 R /B 7 0 R /C 8 0 R >> /Font << /F1 << /Type /Font /Subtype /Type1 \
             /BaseFont /Helvetica >> >> >>",
        );
    draft.set(4, "<< /Length 24 >>\nstream\n/A Do /B Do /C Do      \nendstream");
    for document in [draft.classic(), draft.streams()] {
        assert!(check(&try_to_sign(&document).unwrap()).valid());
        let nothing = looked_for(&document);
        assert_eq!(nothing, AppearanceError::NoKeyword.into());
    }
    // As the filter of what a document stands on, they are none.
    for filter in [
        "/JPXDecode",
        "/JBIG2Decode",
        "/DCTDecode",
        "/RunLengthDecode",
        "/Crypt",
    ] {
        let mut document = b"%PDF-1.7\n".to_vec();
        let start = document.len();
        document.extend(
            format!("1 0 obj\n<< /Type /XRef /Root 1 0 R /Size 2 /W [1 4 2] /Filter {filter} /Length 14 >>\nstream\n")
                .as_bytes(),
        );
        document.extend([0; 14]);
        document.extend(format!("\nendstream\nendobj\nstartxref\n{start}\n%%EOF\n").as_bytes());
        assert_eq!(refusal(&document), PdfError::UnsupportedFilter, "{filter}");
    }
}

#[test]
fn n124_deep_arrays_and_dictionaries() {
    for (open, close) in [("[", "]"), ("<< /A ", ">>")] {
        let mut draft = Draft::new();
        draft.set(
            3,
            &format!(
                "<< /Type /Page /A {} 1 {} >>",
                open.repeat(10_000),
                close.repeat(10_000)
            ),
        );
        assert_eq!(refusal(&draft.classic()), PdfError::TooDeep);
        assert_eq!(refusal(&draft.streams()), PdfError::TooDeep);
    }
}

#[test]
fn n124_many_values() {
    let mut draft = Draft::new();
    draft.set(3, &format!("<< /Type /Page /A [{}] >>", "0 ".repeat(1_000_000)));
    assert_eq!(refusal(&draft.classic()), PdfError::TooMany("values"));
}

#[test]
fn n124_many_entries() {
    let document = Draft::new().classic();
    let more = format!(
        "xref\n1000 1000001\n{}0 6\n",
        "0000000000 00000 f \n".repeat(1_000_001)
    );
    assert_eq!(
        refusal(&replace(&document, "xref\n0 6\n", &more)),
        PdfError::TooMany("cross-reference entries")
    );
    // A count that the file is too short for takes no memory.
    let lie = replace(&document, "xref\n0 6\n", "xref\n0 4000000000\n");
    assert!(matches!(refusal(&lie), PdfError::XrefDamaged(_)));
}

#[test]
fn n124_many_pages() {
    let mut draft = Draft::new();
    draft.set(
        2,
        &format!("<< /Type /Pages /Kids [{}] /Count 1 >>", "3 0 R ".repeat(100_001)),
    );
    assert_eq!(refusal(&draft.classic()), PdfError::TooMany("pages"));
}

#[test]
fn n124_many_revisions() {
    let mut document = Draft::new().classic();
    for _ in 0..1_000 {
        document = update(&document, &[(150, "null")]);
    }
    assert_eq!(refusal(&document), PdfError::TooMany("revisions"));
}

#[test]
fn n124_many_signatures() {
    let document = signed();
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let start = text.find("<< /Type /Sig ").unwrap();
    let value = &text[..start]
        .trim_end_matches(" 0 obj\n")
        .rsplit('\n')
        .next()
        .unwrap();
    let form = text.find("<< /Fields [").unwrap();
    let form: u32 = text[..form]
        .trim_end_matches(" 0 obj\n")
        .rsplit('\n')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let names: String = (300..5_300).map(|number| format!("{number} 0 R ")).collect();
    let field = format!("<< /FT /Sig /T (a) /V {value} 0 R >>");
    let mut objects = vec![(form, format!("<< /Fields [{names}] /SigFlags 3 >>"))];
    objects.extend((300..5_300).map(|number| (number, field.clone())));
    let objects: Vec<_> = objects
        .iter()
        .map(|(number, body)| (*number, body.as_str()))
        .collect();
    let checked = verify(&update(&document, &objects), &OFFICE.0.reliance());
    assert_eq!(checked.unwrap_err(), PdfError::TooMany("signatures"));
}

#[test]
fn many_readings_of_one_object() {
    let mut draft = Draft::new();
    draft.set(
        2,
        &format!("<< /Type /Pages /Kids [{}] /Count 1 >>", "3 0 R ".repeat(10_000)),
    );
    draft.set(3, &format!("<< /Type /Page /A [{}] >>", "0 ".repeat(1_000)));
    for document in [draft.classic(), draft.streams()] {
        let limits = Limits {
            work: 1 << 20,
            ..Limits::default()
        };
        let error = Document::open(&document, limits)
            .unwrap()
            .page(10_000)
            .unwrap_err();
        assert_eq!(error, PdfError::TooMany("bytes to read over and over"));
    }
}

#[test]
fn many_fields_with_the_names_of_their_parents() {
    let mut draft = Draft::new();
    let kids: String = (10..30_010).map(|number| format!("{number} 0 R ")).collect();
    draft.extend(1, "/AcroForm << /Fields [6 0 R] >>");
    draft.set(
        6,
        &format!("<< /T ({}) /Kids [{kids}] >>", "Signature1".repeat(100_000)),
    );
    for number in 10..30_010 {
        draft.set(number, "<< /T (a) /FT /Tx >>");
    }
    assert!(try_to_sign(&draft.classic()).is_ok());
}

#[test]
fn n124_length_of_a_stream_that_lies() {
    for length in ["2147483648", "-1", "99999999999999999999", "(x)", "7 0 R"] {
        let document = replace(
            &Draft::new().streams(),
            "/Type /ObjStm",
            &format!("/Type /ObjStm /Length {length}"),
        );
        // The container's length stands twice now: the first is ours, and the last counts.
        let document = replace(
            &document,
            " /Filter /FlateDecode /Length ",
            " /Filter /FlateDecode /Lengtx ",
        );
        let error = refusal(&document);
        assert!(
            matches!(error, PdfError::Malformed(_) | PdfError::XrefDamaged(_)),
            "{length}: {error:?}"
        );
    }
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

// Two answers to one question

#[test]
fn n126_ambiguous_number_in_one_section() {
    let document = Draft::new().classic();
    let twice = replace(&document, "trailer", "4 1\n0000000009 00000 n \ntrailer");
    assert_eq!(refusal(&twice), PdfError::DuplicateObject(4));
    let twice = with_xref_stream("/Size 2 /W [1 1 1] /Index [0 1 0 1]", &deflate(&[0; 6]));
    assert_eq!(refusal(&twice), PdfError::DuplicateObject(0));
}

#[test]
fn n126_ambiguous_offset_inside_another_object() {
    let document = Draft::new().classic();
    let text = String::from_utf8_lossy(&document).into_owned();
    let line = text
        .lines()
        .filter(|line| line.ends_with(" 00000 n "))
        .nth(3)
        .unwrap()
        .to_owned();
    let inside = replace(&document, &line, "0000000020 00000 n ");
    assert!(matches!(refusal(&inside), PdfError::XrefDamaged(_)));
}

#[test]
fn n126_ambiguous_hybrid() {
    // The table says where an object is that the stream has in an object stream.
    let mut document = Draft::new().hybrid();
    let free = b"0000000000 00000 f";
    let at = document
        .windows(free.len())
        .position(|window| window == free)
        .unwrap();
    document[at..at + free.len()].copy_from_slice(b"0000000015 00000 n");
    assert_eq!(refusal(&document), PdfError::AmbiguousHybrid(3));
}

#[test]
fn ambiguous_keys_in_a_dictionary_that_has_to_change() {
    let mut draft = Draft::new();
    draft.set(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots [] /X 1 /X 2 >>",
    );
    assert!(
        try_to_sign(&draft.classic()).is_ok(),
        "only an array in it changes"
    );
    draft.set(3, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /X 1 /X 2 >>");
    assert!(matches!(refusal(&draft.classic()), PdfError::Malformed(_)));
}

// Encryption

#[test]
fn encrypted_with_or_without_a_password() {
    let workshop = &OFFICE.0.workshop;
    let from = workshop.write("open.pdf", &Draft::new().classic());
    for (name, user, options) in [
        ("empty", "", &["256", "--"][..]),
        ("secret", "user", &["256", "--"]),
        ("aes128", "", &["128", "--use-aes=y", "--"]),
    ] {
        let to = workshop.path(&format!("{name}.pdf"));
        let mut arguments = vec!["--encrypt", user, "owner"];
        arguments.extend(options);
        arguments.extend([from.to_str().unwrap(), to.to_str().unwrap()]);
        let (code, text) = drafts::run("qpdf", &arguments);
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(
            refusal(&std::fs::read(to).unwrap()),
            PdfError::Encrypted,
            "{name}"
        );
    }
    let trailer = replace(
        &Draft::new().classic(),
        "/Root 1 0 R",
        "/Root 1 0 R /Encrypt << >>",
    );
    assert_eq!(refusal(&trailer), PdfError::Encrypted);
}

// Byte ranges and contents that lie

/// The numbers of the byte range as they stand, and the whole of it.
fn byte_range(document: &[u8]) -> (String, Vec<usize>) {
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let start = text.find("/ByteRange [").unwrap() + "/ByteRange ".len();
    let range = text[start..start + text[start..].find(']').unwrap() + 1].to_owned();
    let numbers = range
        .trim_matches(['[', ']'])
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    (range, numbers)
}

#[test]
fn n132_byte_range_that_is_none() {
    let document = signed();
    let (range, numbers) = byte_range(&document);
    let [_, before, after, rest] = numbers[..] else {
        panic!()
    };
    let lies = [
        "null".to_owned(),
        "[]".to_owned(),
        "[0 10]".to_owned(),
        format!("[0 {before} {after}]"),
        format!("[0 {before} {after} {}]", rest + 1),
        format!("[0 {before} {after} -1]"),
        format!("[-1 {before} {after} {rest}]"),
        format!("[1 {} {after} {rest}]", before - 1),
        format!("[0 {before} {before} {}]", rest + after - before),
        format!("[{after} {rest} 0 {before}]"),
        format!("[0 {before} 99999999999999999999 1]"),
        format!("[0 {before} 9223372036854775807 9]"),
        format!("[0 {before}.0 {after} {rest}]"),
        format!("[0 {before} {after} 1 {} 1]", after + 1),
        "[/a /b /c /d]".to_owned(),
        "[0 0 0 0]".to_owned(),
    ];
    for lie in lies {
        assert!(lie.len() <= range.len());
        let padded = format!("{lie}{}", " ".repeat(range.len() - lie.len()));
        let reason = only_reason(&replace(&document, &range, &padded));
        assert!(
            matches!(reason, Reason::MalformedByteRange | Reason::ContentsNotInGap),
            "{lie}: {reason:?}"
        );
    }
    assert_eq!(
        only_reason(&replace(&document, "/ByteRange", "/ByteRangx")),
        Reason::MalformedByteRange
    );
}

#[test]
fn n132_byte_range_with_a_gap_that_is_not_the_contents() {
    let document = signed();
    let (range, numbers) = byte_range(&document);
    let [_, before, after, rest] = numbers[..] else {
        panic!()
    };
    for (from, to) in [
        (before - 1, after),
        (before, after + 1),
        (before + 1, after),
        (before + 1, after - 1),
    ] {
        let lie = format!("[0 {from} {to} {}", after + rest - to);
        let padded = format!("{lie:<width$}]", width = range.len() - 1);
        assert_eq!(
            only_reason(&replace(&document, &range, &padded)),
            Reason::ContentsNotInGap
        );
    }
}

#[test]
fn n132_byte_range_twice_in_one_dictionary() {
    let document = signed();
    let twice = replace(&document, "/Filter /Adobe.PPKLite", "/ByteRange [0 1 2 3]  ");
    assert_eq!(twice.len(), document.len());
    assert_eq!(only_reason(&twice), Reason::MalformedByteRange);
}

fn with_contents(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut document = signed();
    let (_, numbers) = byte_range(&document);
    change(&mut document[numbers[1]..numbers[2]]);
    document
}

#[test]
fn n132_contents_that_are_no_cms() {
    let zeros = with_contents(|contents| {
        let end = contents.len() - 1;
        contents[1..end].fill(b'0');
    });
    assert_eq!(only_reason(&zeros), Reason::MalformedCms);
    let long = with_contents(|contents| contents[1..11].copy_from_slice(b"3084ffffff"));
    assert_eq!(only_reason(&long), Reason::MalformedCms);
    let empty = with_contents(|contents| {
        contents.fill(b' ');
        contents[..2].copy_from_slice(b"<>");
    });
    assert_eq!(only_reason(&empty), Reason::ContentsNotInGap);
    let null = with_contents(|contents| {
        contents.fill(b' ');
        contents[..4].copy_from_slice(b"null");
    });
    assert_eq!(only_reason(&null), Reason::ContentsNotInGap);
    let literal = with_contents(|contents| {
        let end = contents.len() - 1;
        contents[0] = b'(';
        contents[end] = b')';
    });
    assert_eq!(only_reason(&literal), Reason::ContentsNotInGap);
}

#[test]
fn n132_contents_with_something_behind_the_cms() {
    let hidden = with_contents(|contents| {
        let end = contents.len() - 1;
        contents[end - 2..end].copy_from_slice(b"7f");
    });
    assert_eq!(only_reason(&hidden), Reason::MalformedCms);
    let unreadable = with_contents(|contents| contents[20] = b'Z');
    assert_eq!(only_reason(&unreadable), Reason::MalformedPdf);
}

#[test]
fn sub_filters_that_are_not_known() {
    let document = signed();
    for name in [
        "/ETSI.CAdES.detachex",
        "/adbe.pkcs7.sha1    ",
        "/adbe.x509.rsa_sha1 ",
    ] {
        assert_eq!(
            only_reason(&replace(&document, "/ETSI.CAdES.detached", name)),
            Reason::UnsupportedSubFilter,
            "{name}"
        );
    }
    let timestamp = replace(&document, "/ETSI.CAdES.detached", "/ETSI.RFC3161       ");
    let report = check(&timestamp);
    assert_eq!(report.signatures[0].indication, Indication::TotalFailed);
    assert_eq!(report.signatures[0].reason, Some(Reason::TimestampMalformed));
    assert!(!report.valid());
}

// Updates and wrapping after the signature

#[test]
fn n133_appended_copy_of_the_signature() {
    // The dictionary once more in a later revision: the byte range of the first ends before it.
    let document = signed();
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let start = text.find("<< /Type /Sig ").unwrap();
    let dictionary = &text[start..start + text[start..].find("\nendobj").unwrap()];
    let number = text[..start]
        .trim_end_matches(" 0 obj\n")
        .rsplit('\n')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(
        only_reason(&update(&document, &[(number, dictionary)])),
        Reason::MalformedByteRange
    );
}

#[test]
fn n133_appended_update_that_takes_the_form_away() {
    let report = check(&update(&signed(), &[(1, "<< /Type /Catalog /Pages 2 0 R >>")]));
    assert!(
        report.signatures.is_empty() && !report.valid(),
        "nothing checked is never valid"
    );
}

#[test]
fn n133_appended_revision_that_does_not_go_on_from_the_signed_one() {
    // A whole other document behind the signed one, which it uses for nothing but the signature.
    let document = signed();
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let mut file = document.clone();
    let offset = file.len();
    file.extend(b"2 0 obj\n<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>\nendobj\n");
    let start = file.len();
    let table = text[text.find("xref\n0 ").unwrap()..]
        .split("trailer")
        .next()
        .unwrap();
    let mut lines: Vec<_> = table.lines().map(str::to_owned).collect();
    lines[4] = format!("{offset:010} 00000 n ");
    file.extend(lines.join("\n").as_bytes());
    // The objects of the signature, from its own section.
    let second = &text[text.rfind("\nxref\n").unwrap() + 6..];
    for line in second.split("trailer").next().unwrap().lines() {
        if !line.starts_with("1 ") && !line.starts_with("3 ") {
            file.extend(format!("\n{line}").as_bytes());
        }
    }
    file.extend(format!("\ntrailer\n<< /Size 50 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").as_bytes());
    let report = verify(&file, &OFFICE.0.reliance());
    assert!(report.is_err() || report.is_ok_and(|report| !report.valid()));
}

#[test]
fn n133_wrapped_signature_behind_another_field() {
    // A second field names the signature of the first: it was not in the signed revision.
    let document = signed();
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let start = text.find("<< /Type /Sig ").unwrap();
    let value: u32 = text[..start]
        .trim_end_matches(" 0 obj\n")
        .rsplit('\n')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let form = text.find("<< /Fields [").unwrap();
    let number: u32 = text[..form]
        .trim_end_matches(" 0 obj\n")
        .rsplit('\n')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let old = text[form + 12..].split(']').next().unwrap();
    let changed = update(
        &document,
        &[
            (number, &format!("<< /Fields [{old} 160 0 R] /SigFlags 3 >>")),
            (160, &format!("<< /FT /Sig /T (Giám đốc) /V {value} 0 R >>")),
        ],
    );
    let report = check(&changed);
    assert_eq!(report.signatures.len(), 2);
    assert!(!report.valid(), "{report:#?}");
}

#[test]
fn changed_bytes_never_panic_and_never_pass() {
    let document = signed();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    let (_, numbers) = byte_range(&document);
    for _ in 0..1_500 {
        let mut changed = document.clone();
        for _ in 0..1 + random() % 4 {
            let at = random() % changed.len();
            changed[at] = b"0123456789<>[]/() \nRabcobjendstreamxref%"[random() % 40];
        }
        let same = changed[..numbers[1]] == document[..numbers[1]]
            && changed[numbers[2]..] == document[numbers[2]..];
        let valid = verify(&changed, &OFFICE.0.reliance()).is_ok_and(|report| report.valid());
        assert!(!valid || same, "passes though changed");
    }
}

// What acts

#[test]
fn n128_active_content_is_listed_and_none_of_it_run() {
    let script = "<< /S /JavaScript /JS (app.alert\\(1\\)) >>";
    let widget =
        |more: &str| format!("<< /Type /Annot /Subtype /Widget /FT /Tx /T (x) /Rect [0 0 9 9] {more} >>");
    let cases: [(&str, &str, String, &[FindingKind]); 9] = [
        (
            "on opening",
            "/OpenAction 20 0 R",
            script.to_owned(),
            &[FindingKind::JavaScript, FindingKind::OpenAction],
        ),
        (
            "by name",
            "/Names << /JavaScript << /Names [(x) 20 0 R] >> >>",
            script.to_owned(),
            &[FindingKind::JavaScript],
        ),
        (
            "on other occasions",
            "/AA << /WC 20 0 R >>",
            script.to_owned(),
            &[FindingKind::JavaScript, FindingKind::AdditionalActions],
        ),
        (
            "a program",
            "/AcroForm << /Fields [20 0 R] >>",
            widget("/A << /S /Launch /F (x) /Next << /S /ImportData /F (y) >> >>"),
            &[FindingKind::Launch, FindingKind::ImportData],
        ),
        (
            "sends",
            "/AcroForm << /Fields [20 0 R] >>",
            widget("/A << /S /SubmitForm /F (https://example.net) >>"),
            &[FindingKind::SubmitForm],
        ),
        (
            "rules of its own",
            "/AcroForm << /Fields [] /XFA 20 0 R >>",
            "(<xdp/>)".to_owned(),
            &[FindingKind::Xfa],
        ),
        (
            "film",
            "",
            "<< /Type /Annot /Subtype /RichMedia /Rect [0 0 9 9] >>".to_owned(),
            &[FindingKind::RichMedia],
        ),
        (
            "files",
            "/Names << /EmbeddedFiles << /Names [(x) 20 0 R] >> >>",
            "<< /Type /Filespec /F (x) /EF << /F 21 0 R >> >>".to_owned(),
            &[FindingKind::EmbeddedFile],
        ),
        // Where to begin reading is nothing that acts.
        (
            "a place",
            "/OpenAction [3 0 R /Fit]",
            "<< /S /GoTo /D [3 0 R /Fit] >>".to_owned(),
            &[],
        ),
    ];
    for (name, catalog, object, expected) in cases {
        let mut draft = Draft::new();
        draft.extend(1, catalog).set(20, &object);
        // In the open, and packed away.
        for document in [draft.classic(), draft.streams()] {
            let report = check(&document);
            let found: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
            assert_eq!(found, expected, "{name}");
            assert!(report.findings.iter().all(|finding| finding.count == 1), "{name}");
            // It has no say in the verdict.
            let signed = check(&try_to_sign(&document).unwrap());
            assert!(
                signed.valid() && signed.findings.len() == expected.len(),
                "{name}"
            );
        }
    }
    // What cannot be read may be anything.
    let broken = replace(
        &Draft::new().set(20, "<< /S /JavaScript >>").classic(),
        "/JavaScript >>",
        "/JavaScript <<",
    );
    let found = check(&broken).findings;
    assert_eq!(
        found.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        [FindingKind::Unsearched]
    );
}
