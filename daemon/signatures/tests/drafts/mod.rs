//! Small documents, written out in the ways a PDF can be written, and programs of others that judge PDFs.

#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Objects by number; 1 is the catalog.
#[derive(Clone)]
pub(crate) struct Draft(BTreeMap<u32, String>);

pub(crate) const TEXT: &str = "BT /F1 18 Tf 40 200 Td (Don xin cap giay phep) Tj ET";

impl Draft {
    /// One page, 400 by 300 points.
    pub(crate) fn new() -> Self {
        Self::with_text(TEXT)
    }

    pub(crate) fn with_text(text: &str) -> Self {
        let mut draft = Self(BTreeMap::new());
        draft
            .set(1, "<< /Type /Catalog /Pages 2 0 R >>")
            .set(2, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
            .set(
                3,
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R /Resources 5 0 R >>",
            )
            .set(
                4,
                &format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
            )
            .set(
                5,
                "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>",
            );
        draft
    }

    pub(crate) fn set(&mut self, number: u32, body: &str) -> &mut Self {
        self.0.insert(number, body.to_owned());
        self
    }

    /// With other entries at the end of an object that is a dictionary.
    pub(crate) fn extend(&mut self, number: u32, entries: &str) -> &mut Self {
        let body = self.0[&number].trim_end_matches(">>").to_owned();
        self.set(number, &format!("{body} {entries} >>"))
    }

    fn size(&self) -> u32 {
        self.0.keys().max().unwrap() + 1
    }

    /// A cross-reference table.
    pub(crate) fn classic(&self) -> Vec<u8> {
        let mut file = Vec::from(*b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
        let offsets = self.write_objects(&mut file, |_| true);
        let start = file.len();
        file.extend(table(&offsets, self.size()).as_bytes());
        let trailer = format!("trailer\n<< /Size {} /Root 1 0 R >>\n", self.size());
        file.extend(trailer.as_bytes());
        finish(file, start)
    }

    /// A cross-reference stream, and everything that may be in an object stream in one.
    pub(crate) fn streams(&self) -> Vec<u8> {
        self.write_streams(true)
    }

    /// As [`Self::streams`], but the cross-reference stream has no entry for itself, as some producers have it.
    pub(crate) fn streams_unlisted(&self) -> Vec<u8> {
        self.write_streams(false)
    }

    fn write_streams(&self, lists_itself: bool) -> Vec<u8> {
        let (container, own) = (self.size(), self.size() + 1);
        let mut file = Vec::from(*b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
        let mut offsets = self.write_objects(&mut file, is_stream);
        offsets.insert(container, file.len());
        file.extend(self.object_stream(container));
        let start = file.len();
        if lists_itself {
            offsets.insert(own, start);
        }
        file.extend(self.xref_stream(own, &offsets, container, &format!("/Size {}", own + 1)));
        finish(file, start)
    }

    /// A table in which the compressed objects are free, and a stream that has them.
    pub(crate) fn hybrid(&self) -> Vec<u8> {
        // The catalog and the page tree have to be there for old readers.
        let plain = |number: u32, body: &str| number <= 2 || is_stream(body);
        let (container, own) = (self.size(), self.size() + 1);
        let mut hidden = self.clone();
        hidden.0.retain(|number, body| !plain(*number, body));
        let mut file = Vec::from(*b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
        let mut offsets = BTreeMap::new();
        for (number, body) in self.0.iter().filter(|(number, body)| plain(**number, body)) {
            offsets.insert(*number, write_object(&mut file, *number, body.as_bytes()));
        }
        offsets.insert(container, file.len());
        file.extend(hidden.object_stream(container));
        let stream = file.len();
        file.extend(hidden.xref_stream(own, &BTreeMap::new(), container, &format!("/Size {}", own + 1)));
        let start = file.len();
        file.extend(table(&offsets, own + 1).as_bytes());
        let trailer = format!("trailer\n<< /Size {} /Root 1 0 R /XRefStm {stream} >>\n", own + 1);
        file.extend(trailer.as_bytes());
        finish(file, start)
    }

    fn write_objects(&self, file: &mut Vec<u8>, wanted: impl Fn(&str) -> bool) -> BTreeMap<u32, usize> {
        let wanted = self.0.iter().filter(|(_, body)| wanted(body));
        wanted
            .map(|(number, body)| (*number, write_object(file, *number, body.as_bytes())))
            .collect()
    }

    fn compressed(&self) -> Vec<(u32, &str)> {
        let all = self.0.iter().filter(|(_, body)| !is_stream(body));
        all.map(|(number, body)| (*number, body.as_str())).collect()
    }

    fn object_stream(&self, number: u32) -> Vec<u8> {
        let (mut header, mut bodies) = (String::new(), String::new());
        for (number, body) in self.compressed() {
            write!(header, "{number} {} ", bodies.len()).unwrap();
            bodies += body;
            bodies.push('\n');
        }
        let data = deflate((header.clone() + &bodies).as_bytes());
        let dictionary = format!(
            "/Type /ObjStm /N {} /First {}",
            self.compressed().len(),
            header.len()
        );
        stream(number, &dictionary, &data)
    }

    fn xref_stream(&self, own: u32, offsets: &BTreeMap<u32, usize>, container: u32, more: &str) -> Vec<u8> {
        let mut rows: BTreeMap<u32, (u8, u32, u16)> = BTreeMap::new();
        for (number, offset) in offsets {
            rows.insert(*number, (1, u32::try_from(*offset).unwrap(), 0));
        }
        for (index, (number, _)) in self.compressed().into_iter().enumerate() {
            rows.insert(number, (2, container, u16::try_from(index).unwrap()));
        }
        let (mut index, mut data) = (String::new(), Vec::new());
        for (number, (kind, second, third)) in rows {
            write!(index, "{number} 1 ").unwrap();
            // PNG filter "none" before each row.
            data.extend([0, kind]);
            data.extend(second.to_be_bytes());
            data.extend(third.to_be_bytes());
        }
        let dictionary = format!(
            "/Type /XRef {more} /Root 1 0 R /W [1 4 2] /Index [{index}] /DecodeParms << /Predictor 12 /Columns 7 >>"
        );
        stream(own, &dictionary, &deflate(&data))
    }
}

fn is_stream(body: &str) -> bool {
    body.contains("stream\n")
}

fn write_object(file: &mut Vec<u8>, number: u32, body: &[u8]) -> usize {
    let offset = file.len();
    file.extend(format!("{number} 0 obj\n").as_bytes());
    file.extend(body);
    file.extend(b"\nendobj\n");
    offset
}

pub(crate) fn stream(number: u32, dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut object = Vec::new();
    let head = format!(
        "<< {dictionary} /Filter /FlateDecode /Length {} >>\nstream\n",
        data.len()
    );
    write_object(
        &mut object,
        number,
        &[head.as_bytes(), data, b"\nendstream"].concat(),
    );
    object
}

pub(crate) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn table(offsets: &BTreeMap<u32, usize>, size: u32) -> String {
    let mut table = format!("xref\n0 {size}\n0000000000 65535 f \n");
    for number in 1..size {
        match offsets.get(&number) {
            Some(offset) => writeln!(table, "{offset:010} 00000 n ").unwrap(),
            None => writeln!(table, "0000000000 00000 f ").unwrap(),
        }
    }
    table
}

/// With where its cross-references begin.
pub(crate) fn finish(mut file: Vec<u8>, start: usize) -> Vec<u8> {
    file.extend(format!("startxref\n{start}\n%%EOF\n").as_bytes());
    file
}

/// An incremental update with a table: objects, and what the trailer says beside `/Size`, `/Root` and `/Prev`.
pub(crate) fn update(document: &[u8], objects: &[(u32, &str)]) -> Vec<u8> {
    let text = String::from_utf8_lossy(document);
    let previous: usize = text[text.rfind("startxref").unwrap() + 9..]
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let size = 1 + objects.iter().map(|(number, _)| *number).max().unwrap().max(200);
    let mut file = document.to_vec();
    let offsets: Vec<_> = objects
        .iter()
        .map(|(number, body)| (*number, write_object(&mut file, *number, body.as_bytes())))
        .collect();
    let start = file.len();
    file.extend(b"xref\n");
    for (number, offset) in offsets {
        file.extend(format!("{number} 1\n{offset:010} 00000 n \n").as_bytes());
    }
    file.extend(format!("trailer\n<< /Size {size} /Root 1 0 R /Prev {previous} >>\n").as_bytes());
    finish(file, start)
}

/// The newest object whose body begins so: its number, and the body.
pub(crate) fn object_with(document: &[u8], beginning: &str) -> (u32, String) {
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let start = text.rfind(beginning).unwrap();
    let before = text[..start].trim_end_matches(" 0 obj\n");
    let number = before.rsplit('\n').next().unwrap().parse().unwrap();
    let body = text[start..].split("\nendobj").next().unwrap();
    (number, body.to_owned())
}

/// Runs a program, which has to be there, and gives exit code, output and errors.
pub(crate) fn run(program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// `qpdf --check` has nothing to say against it.
pub(crate) fn assert_qpdf_clean(path: &Path) {
    let (code, text) = run("qpdf", &["--check", path.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{}: {text}", path.display());
}

/// What `pdfsig` says of each signature: whether it is valid, and whether it covers the whole document.
pub(crate) fn pdfsig(path: &Path) -> Vec<(bool, bool)> {
    let (_, text) = run("pdfsig", &["-nocert", path.to_str().unwrap()]);
    let signatures = text.split("Signature #").skip(1);
    signatures
        .map(|text| {
            (
                text.contains("Signature is Valid"),
                text.contains("Total document signed"),
            )
        })
        .collect()
}
