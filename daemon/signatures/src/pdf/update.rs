//! An incremental update (ISO 32000-1, 7.5.6): objects, a cross-reference section, a trailer.

use std::collections::BTreeMap;

use super::document::Document;
use super::error::PdfError;
use super::object::ObjectId;
use super::section::SectionKind;

/// What is to be appended to a document.
#[derive(Debug)]
pub struct Update {
    base: usize,
    bytes: Vec<u8>,
    offsets: BTreeMap<u32, (u16, usize)>,
    next: u32,
}

impl Update {
    /// An empty update of this document.
    ///
    /// # Errors
    /// [`PdfError::TrailingBytes`] if something stands behind its end; it would come to lie between two revisions, in
    /// no one's. [`PdfError::TooMany`] when no object numbers are left.
    pub fn new(document: &Document<'_>) -> Result<Self, PdfError> {
        match document.trailing() {
            0 => {}
            trailing => return Err(PdfError::TrailingBytes(trailing)),
        }
        let next = document.next_number().ok_or(PdfError::TooMany("objects"))?;
        let base = document.size();
        let last = document.read(base.saturating_sub(1)..base)?;
        let new_line = !matches!(last.last(), Some(b'\n' | b'\r'));
        let bytes = if new_line { b"\n".to_vec() } else { Vec::new() };
        Ok(Self {
            base,
            bytes,
            offsets: BTreeMap::new(),
            next,
        })
    }

    /// A number for a new object. It has to be [added](Self::add), or it stays free.
    pub fn reserve(&mut self) -> ObjectId {
        let number = self.next;
        self.next += 1;
        ObjectId {
            number,
            generation: 0,
        }
    }

    /// Adds an object, new or in place of an old one, and returns where its body begins in the new file.
    pub fn add(&mut self, id: ObjectId, body: &[u8]) -> usize {
        self.offsets
            .insert(id.number, (id.generation, self.base + self.bytes.len()));
        self.bytes.extend_from_slice(format!("{id} obj\n").as_bytes());
        let start = self.base + self.bytes.len();
        self.bytes.extend_from_slice(body);
        self.bytes.extend_from_slice(b"\nendobj\n");
        start
    }

    /// Where in the new file the bytes to append begin.
    #[must_use]
    pub const fn base(&self) -> usize {
        self.base
    }

    /// Whether an object has been added.
    #[must_use]
    pub fn has(&self, id: ObjectId) -> bool {
        self.offsets.contains_key(&id.number)
    }

    /// Adds a stream. `dictionary` holds its entries but `/Length` and the brackets.
    pub fn add_stream(&mut self, id: ObjectId, dictionary: &str, data: &[u8]) {
        let head = format!("<< {dictionary} /Length {} >>\nstream\n", data.len());
        self.add(id, &[head.as_bytes(), data, b"\nendstream"].concat());
    }

    /// The bytes to append, closed with a cross-reference section of the kind the document ends with.
    ///
    /// # Errors
    /// [`PdfError::Missing`] if the document has no section to go on from.
    pub fn finish(mut self, document: &Document<'_>) -> Result<Vec<u8>, PdfError> {
        let newest = document
            .sections()
            .first()
            .ok_or(PdfError::Missing("a cross-reference section"))?;
        let start = self.base + self.bytes.len();
        let trailer = self.trailer(document, newest.offset)?;
        match newest.kind {
            SectionKind::Table | SectionKind::Hybrid => self.write_table(&trailer),
            SectionKind::Stream => self.write_stream(start, &trailer),
        }
        self.bytes
            .extend_from_slice(format!("startxref\n{start}\n%%EOF\n").as_bytes());
        Ok(self.bytes)
    }

    /// The entries that go on from the last trailer, as they were written, and `/Prev`.
    fn trailer(&self, document: &Document<'_>, previous: usize) -> Result<Vec<u8>, PdfError> {
        let mut trailer = format!("/Prev {previous}").into_bytes();
        for key in [b"Root".as_slice(), b"Info", b"ID"] {
            if let Some(node) = document.trailer(key) {
                trailer.extend_from_slice(&[b" /", key, b" "].concat());
                // A trailer's values stand in the file itself, be it a table's or a stream's.
                let raw = document.read(node.span.clone()).map_err(|error| match error {
                    PdfError::Truncated => PdfError::Malformed(node.span.start),
                    other => other,
                })?;
                trailer.extend_from_slice(&raw);
            }
        }
        Ok(trailer)
    }

    fn write_table(&mut self, trailer: &[u8]) {
        self.bytes.extend_from_slice(b"xref\n");
        for (first, entries) in runs(&self.offsets) {
            self.bytes
                .extend_from_slice(format!("{first} {}\n", entries.len()).as_bytes());
            for (generation, offset) in entries {
                self.bytes
                    .extend_from_slice(format!("{offset:010} {generation:05} n\r\n").as_bytes());
            }
        }
        self.bytes
            .extend_from_slice(format!("trailer\n<< /Size {} ", self.next).as_bytes());
        self.bytes.extend_from_slice(trailer);
        self.bytes.extend_from_slice(b" >>\n");
    }

    fn write_stream(&mut self, start: usize, trailer: &[u8]) {
        let own = self.reserve();
        self.offsets.insert(own.number, (0, start));
        let mut index = String::new();
        let mut rows = Vec::new();
        for (first, entries) in runs(&self.offsets) {
            index.push_str(&format!(" {first} {}", entries.len()));
            for (generation, offset) in entries {
                rows.push(1);
                rows.extend_from_slice(&(offset as u64).to_be_bytes());
                rows.extend_from_slice(&generation.to_be_bytes());
            }
        }
        let head = format!(
            "{own} obj\n<< /Type /XRef /Size {} /W [1 8 2] /Index [{index} ] ",
            self.next
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(trailer);
        self.bytes
            .extend_from_slice(format!(" /Length {} >>\nstream\n", rows.len()).as_bytes());
        self.bytes.extend_from_slice(&rows);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
    }
}

/// Consecutive numbers, as subsections want them.
fn runs(offsets: &BTreeMap<u32, (u16, usize)>) -> Vec<(u32, Vec<(u16, usize)>)> {
    let mut runs: Vec<(u32, Vec<(u16, usize)>)> = Vec::new();
    let mut after = None;
    for (&number, &entry) in offsets {
        match runs.last_mut() {
            Some((_, run)) if after == Some(number) => run.push(entry),
            _ => runs.push((number, vec![entry])),
        }
        after = number.checked_add(1);
    }
    runs
}
