//! The reader and the updates it makes possible, without signatures.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod drafts;

use drafts::{Draft, assert_qpdf_clean, deflate, run, update};
use trien_signatures::pdf::{
    Document, Entry, Limits, ObjectId, PdfError, Rotation, SectionKind, Splice, Update, Value,
};

fn open(bytes: &[u8]) -> Document<'_> {
    Document::open(bytes, Limits::default()).unwrap()
}

fn id(number: u32) -> ObjectId {
    ObjectId {
        number,
        generation: 0,
    }
}

/// The document with one key of one object set.
fn set(bytes: &[u8], number: u32, key: &[u8], value: &[u8]) -> Vec<u8> {
    let document = open(bytes);
    let located = document.object(id(number)).unwrap().unwrap();
    let mut splice = Splice::new(&located);
    splice.set(&located.node, key, value).unwrap();
    let mut update = Update::new(&document).unwrap();
    update.add(located.id, &splice.finish());
    [bytes, &update.finish(&document).unwrap()].concat()
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn the_three_ways_to_write_a_document_are_read_alike() {
    let draft = Draft::new();
    for (bytes, kind) in [
        (draft.classic(), SectionKind::Table),
        (draft.streams(), SectionKind::Stream),
        (draft.hybrid(), SectionKind::Hybrid),
    ] {
        let document = open(&bytes);
        assert_eq!(document.sections()[0].kind, kind);
        document.check_references().unwrap();
        let page = document.page(1).unwrap();
        assert_eq!(page.located.id, id(3));
        assert_eq!(page.shown, Some([0.0, 0.0, 400.0, 300.0]));
        let contents = document.object(id(4)).unwrap().unwrap();
        let contents = document.stream(&contents).unwrap();
        assert_eq!(contents.as_deref(), Some(drafts::TEXT.as_bytes()));
        assert_eq!(
            document.page(2).unwrap_err(),
            PdfError::PageOutOfRange { page: 2, pages: 1 }
        );
        assert_eq!(document.revision_ends(), [bytes.len()]);
    }
}

#[test]
fn an_update_is_written_as_the_document_is() {
    let draft = Draft::new();
    for (name, bytes, kind) in [
        ("table", draft.classic(), SectionKind::Table),
        ("stream", draft.streams(), SectionKind::Stream),
        ("hybrid", draft.hybrid(), SectionKind::Table),
    ] {
        let changed = set(&bytes, 3, b"Rotate", b"90");
        assert!(changed.starts_with(&bytes));
        let document = open(&changed);
        assert_eq!(document.sections()[0].kind, kind);
        assert_eq!(document.page(1).unwrap().rotation, Rotation::Quarter);
        assert_eq!(document.revision_ends(), [bytes.len(), changed.len()]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{name}.pdf"));
        std::fs::write(&path, &changed).unwrap();
        assert_qpdf_clean(&path);
        let (_, text) = run("qpdf", &["--show-object=3", path.to_str().unwrap()]);
        assert!(text.contains("/Rotate 90"), "{name}: {text}");
    }
}

#[test]
fn what_is_not_changed_keeps_its_bytes() {
    let odd = "<</Type/Page/Parent 2 0 R % a comment\n/MediaBox[0 0 595.27559055118 841.88976377953]/Contents 4 0 R\
               /CropBox [ .5 0.50 595.0 -.0]/F#6fo(\\(a\\051 \\\nb)/Rotate +0>>";
    let mut draft = Draft::new();
    draft.set(3, odd);
    for bytes in [draft.classic(), draft.streams()] {
        let changed = set(&bytes, 3, b"Annots", b"[]");
        let document = open(&changed);
        let page = document.object(id(3)).unwrap().unwrap();
        let raw = String::from_utf8_lossy(page.raw()).into_owned();
        assert_eq!(raw, format!("{} /Annots []>>", odd.trim_end_matches(">>")));
        let replaced = set(&bytes, 3, b"Rotate", b"180");
        let page = open(&replaced).object(id(3)).unwrap().unwrap().raw().to_vec();
        assert_eq!(
            String::from_utf8(page).unwrap(),
            odd.replace("/Rotate +0", "/Rotate 180")
        );
    }
}

#[test]
fn new_objects_take_numbers_that_nothing_ever_had() {
    // The stream that holds the cross-references has the highest number, and does not list itself.
    let bytes = Draft::new().streams();
    let document = open(&bytes);
    assert_eq!(
        document.entry(7),
        Some(Entry::InUse {
            offset: document.sections()[0].offset,
            generation: 0
        })
    );
    assert_eq!(document.next_number(), Some(8));
    let hidden = Draft::new().streams_unlisted();
    assert_eq!(open(&hidden).entry(7), None);
    let small = replace(&hidden, b"/Size 8", b"/Size 7");
    assert_eq!(open(&small).next_number(), Some(8));
    // A /Size beyond the objects there are is kept clear of too.
    let sized = update(&Draft::new().classic(), &[(4, "null")]);
    assert_eq!(open(&sized).next_number(), Some(201));
}

#[test]
fn revisions_are_told_apart() {
    let first = Draft::new().classic();
    let second = update(&first, &[(4, "<< /Length 0 >>\nstream\n\nendstream")]);
    let third = update(&second, &[(4, "null")]);
    let document = open(&third);
    assert_eq!(document.revision_ends(), [first.len(), second.len(), third.len()]);
    assert_eq!(document.object(id(4)).unwrap().unwrap().node.value, Value::Null);
    let earlier = open(&third[..second.len()]);
    let contents = earlier.object(id(4)).unwrap().unwrap();
    assert_eq!(earlier.stream(&contents).unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(open(&third[..first.len()]).sections().len(), 1);
}

#[test]
fn pages_inherit_and_turn() {
    let mut draft = Draft::new();
    draft
        .set(
            2,
            "<< /Type /Pages /Kids [6 0 R 8 0 R] /Count 3 /MediaBox [200 300 0 0] /Rotate -90 >>",
        )
        .set(
            6,
            "<< /Type /Pages /Parent 2 0 R /Kids [3 0 R 7 0 R] /Count 2 /CropBox 9 0 R >>",
        )
        .set(3, "<< /Type /Page /Parent 6 0 R >>")
        .set(
            7,
            "<< /Type /Page /Parent 6 0 R /Rotate 450 /MediaBox [0 0 50 60] >>",
        )
        .set(
            8,
            "<< /Type /Page /Parent 2 0 R /Rotate 0 /CropBox [500 500 600 600] >>",
        )
        .set(9, "[10 20 110 120]");
    let bytes = draft.streams();
    let document = open(&bytes);
    let pages: Vec<_> = document.pages().unwrap().map(Result::unwrap).collect();
    let seen: Vec<_> = pages
        .iter()
        .map(|page| (page.located.id.number, page.shown, page.rotation))
        .collect();
    assert_eq!(
        seen,
        [
            (3, Some([10.0, 20.0, 110.0, 120.0]), Rotation::ThreeQuarters),
            (7, Some([10.0, 20.0, 50.0, 60.0]), Rotation::Quarter),
            (8, None, Rotation::None),
        ]
    );
}

#[test]
fn a_reference_to_nothing_is_null() {
    let bytes = Draft::new().classic();
    let document = open(&bytes);
    assert!(document.object(id(99)).unwrap().is_none());
    assert!(
        document
            .object(ObjectId {
                number: 3,
                generation: 1
            })
            .unwrap()
            .is_none()
    );
    assert!(document.object(id(0)).unwrap().is_none());
}

#[test]
fn white_space_around_the_document_is_no_harm() {
    let bytes = [Draft::new().classic().as_slice(), b"\r\n\r\n  \0\0"].concat();
    assert_eq!(open(&bytes).trailing(), 0);
    assert!(set(&bytes, 3, b"Rotate", b"0").starts_with(&bytes));
}

/// A document with a cross-reference stream and an object stream that are encoded in this way; object 21 is in the
/// latter.
fn encoded(filter: &str, encode: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let stream = |number: u32, dictionary: &str, data: &[u8]| {
        let data = encode(data);
        let length = data.len();
        let head = format!("{number} 0 obj\n<< {dictionary} {filter} /Length {length} >>\nstream\n");
        [head.as_bytes(), &data, b"\nendstream\nendobj\n"].concat()
    };
    let row = |kind: u8, value: usize| {
        let [a, b, c, d] = u32::try_from(value).unwrap().to_be_bytes();
        [kind, a, b, c, d, 0, 0, 0]
    };
    let mut file = Draft::new().classic();
    let end = file.windows(7).rposition(|window| window == b"endobj\n").unwrap() + 7;
    file.truncate(end);
    let objects = stream(
        20,
        "/Type /ObjStm /N 1 /First 5",
        b"21 0 (in a row of eight, or of more)    ",
    );
    file.extend(objects);
    let start = file.len();
    let place = |number: u32| {
        let head = format!("\n{number} 0 obj\n").into_bytes();
        let at = file.windows(head.len()).position(|window| window == head);
        at.map_or([0; 8], |at| row(1, at + 1))
    };
    let mut rows: Vec<[u8; 8]> = (0..=20).map(place).collect();
    rows.extend([row(2, 20), row(1, start)]);
    let dictionary = "/Type /XRef /Size 23 /Root 1 0 R /W [1 4 3]";
    file.extend(stream(22, dictionary, &rows.concat()));
    file.extend(format!("startxref\n{start}\n%%EOF\n").into_bytes());
    file
}

/// Each byte less the one that stands `pixel` before it in its row, as predictors have it.
fn differences(data: &[u8], row: usize, pixel: usize, before_each: &[u8]) -> Vec<u8> {
    let line = |line: &[u8]| -> Vec<u8> {
        let left = |at: usize| at.checked_sub(pixel).map_or(0, |left| line[left]);
        let differences = line
            .iter()
            .enumerate()
            .map(|(at, byte)| byte.wrapping_sub(left(at)));
        before_each.iter().copied().chain(differences).collect()
    };
    data.chunks(row).flat_map(line).collect()
}

#[test]
fn streams_of_the_structure_may_have_the_filters_of_text() {
    let hex = |data: &[u8]| [hex::encode(data).as_bytes(), b">"].concat();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("hex", encoded("/Filter /ASCIIHexDecode", hex)),
        (
            "two",
            encoded("/Filter [/ASCIIHexDecode /FlateDecode]", |data| {
                hex(&deflate(data))
            }),
        ),
        (
            "tiff",
            encoded(
                "/Filter /FlateDecode /DecodeParms << /Predictor 2 /Columns 8 >>",
                |data| deflate(&differences(data, 8, 1, &[])),
            ),
        ),
        (
            "pixels",
            encoded(
                "/Filter /FlateDecode /DecodeParms << /Predictor 11 /Columns 4 /Colors 2 >>",
                |data| deflate(&differences(data, 8, 2, &[1])),
            ),
        ),
    ] {
        let document = open(&bytes);
        let inside = document.object(id(21)).unwrap().unwrap();
        let text = inside.node.value.string();
        assert_eq!(text, Some(&b"in a row of eight, or of more"[..]), "{name}");
        let path = folder.path().join(format!("{name}.pdf"));
        std::fs::write(&path, set(&bytes, 3, b"Rotate", b"90")).unwrap();
        assert_qpdf_clean(&path);
    }
}
