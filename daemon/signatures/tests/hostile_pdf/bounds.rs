//! Loops, bombs, depth, counts and lengths that lie.

use std::time::Duration;

use crate::drafts::{Draft, deflate, finish, object_with, stream, update};
use crate::processor::Work;
use crate::{
    OFFICE, SIGNATURE, check, refusal, replace, signed, try_to_show, try_to_sign, with_fields,
    with_xref_stream,
};
use trien_signatures::pades::{Appearance, AppearanceError, PadesError, Place, Side, verify};
use trien_signatures::pdf::{Document, Limits, PdfError};
use trien_signatures::report::FindingKind;

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
    assert_eq!(
        refusal(&finish(file, start)),
        PdfError::Missing("an object stream")
    );
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

/// A document whose catalog is in a stream with this dictionary.
fn with_object_stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut document = b"%PDF-1.7\n".to_vec();
    let container = document.len();
    document.extend(stream(2, dictionary, data));
    let start = document.len();
    let mut rows = vec![2, 0, 0, 0, 2, 0, 0, 1];
    rows.extend(u32::try_from(container).unwrap().to_be_bytes());
    rows.extend([0, 0]);
    document.extend(stream(
        3,
        "/Type /XRef /Size 4 /Root 1 0 R /W [1 4 2] /Index [1 2]",
        &deflate(&rows),
    ));
    finish(document, start)
}

#[test]
fn object_stream_of_another_type() {
    let objects = b"1 0 << /Type /Catalog /Pages 4 0 R >>";
    let document = with_object_stream("/Type /ObjStx /N 1 /First 4", &deflate(objects));
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
    let blanks = deflate(&vec![b' '; 300 << 20]);
    let document = with_object_stream("/Type /ObjStm /N 1 /First 4", &blanks);
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
    let place = Place::Keyword {
        text: "Don xin".to_owned(),
        page: None,
        backwards: false,
        side: Side::Below,
        size: [100.0, 40.0],
    };
    let look = Appearance::plain(place, vec!["x".to_owned()]);
    try_to_show(document, Some(&look)).map(drop).unwrap_err()
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
        // Whoever signs without looking at the page has nothing to fear of it: nothing is decoded. Whoever checks looks for text
        // that is not seen, within the bound, and says what could not be looked at.
        let started = Work::begin();
        let signed = try_to_sign(&document).unwrap();
        assert!(started.so_far() < Duration::from_secs(5), "{filter}");
        let report = check(&signed);
        assert!(report.valid(), "{filter}");
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [FindingKind::Unsearched], "{filter}");
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
    let (value, _) = object_with(&document, SIGNATURE);
    let names: String = (300..5_300).map(|number| format!("{number} 0 R ")).collect();
    let field = format!("<< /FT /Sig /T (a) /V {value} 0 R >>");
    let fields: Vec<_> = (300..5_300).map(|number| (number, field.as_str())).collect();
    let checked = verify(&with_fields(&document, &names, &fields), &OFFICE.0.reliance());
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
