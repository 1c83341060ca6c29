//! Cross-reference sections (ISO 32000-1, 7.5.4 and 7.5.8): tables, streams, and tables with a stream.

use std::collections::HashMap;

use super::error::{Limits, PdfError};
use super::filter;
use super::lexer::Lexer;
use super::object::{Dictionary, ObjectId};
use super::parser::Parser;
use super::source::Bytes;

/// How a section is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionKind {
    /// `xref` … `trailer`
    Table,
    /// A table whose trailer names a stream with more entries (`/XRefStm`)
    Hybrid,
    /// A stream of `/Type /XRef`
    Stream,
}

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nowhere.
    Free,
    /// In the file.
    InUse {
        /// From the beginning of the file.
        offset: usize,
        /// Its generation.
        generation: u16,
    },
    /// In an object stream; its generation is 0.
    Compressed {
        /// Number of the object stream.
        stream: u32,
        /// Counted from 0.
        index: u32,
    },
}

/// One section.
#[derive(Debug)]
pub struct Section {
    /// Where it begins.
    pub offset: usize,
    /// How it is written.
    pub kind: SectionKind,
    /// Trailer, or the dictionary of the stream.
    pub trailer: Dictionary,
    /// What it says, by object number.
    pub entries: HashMap<u32, Entry>,
    /// Just after the trailer dictionary or the stream data.
    pub(super) end: usize,
    /// The number of the stream itself.
    pub(crate) own_number: Option<u32>,
}

impl Section {
    /// Reads the section at `offset` with the stream it may name.
    pub(super) fn read(
        bytes: &Bytes<'_>,
        offset: usize,
        limits: &Limits,
        left: &mut Left,
    ) -> Result<Self, PdfError> {
        let section = Self::read_uncounted(bytes, offset, limits, left)?;
        left.spend(section.end.saturating_sub(offset))?;
        Ok(section)
    }

    fn read_uncounted(
        bytes: &Bytes<'_>,
        offset: usize,
        limits: &Limits,
        left: &mut Left,
    ) -> Result<Self, PdfError> {
        let granted = left.clone();
        let (table, _) = bytes.parse(offset, limits, |parser| {
            parser.lexer.skip_space();
            if !parser.lexer.take_keyword(b"xref") {
                return Ok(None);
            }
            *left = granted.clone();
            Self::table(parser, offset, left).map(Some)
        })?;
        let Some(mut table) = table else {
            return Self::stream(bytes, offset, limits, left);
        };
        if let Some(node) = table.trailer.get(b"XRefStm") {
            let at = node.value.integer().and_then(|at| usize::try_from(at).ok());
            let hidden = Self::stream(bytes, at.ok_or(PdfError::XrefDamaged(offset))?, limits, left)?;
            table.kind = SectionKind::Hybrid;
            table.own_number = hidden.own_number;
            table.add_hidden(hidden.entries)?;
        }
        Ok(table)
    }

    /// The stream of a hybrid section may only tell what the table calls free (7.5.8.4).
    fn add_hidden(&mut self, hidden: HashMap<u32, Entry>) -> Result<(), PdfError> {
        for (number, entry) in hidden {
            match self.entries.get(&number) {
                None | Some(Entry::Free) => {
                    self.entries.insert(number, entry);
                }
                Some(known) if *known == entry || entry == Entry::Free => {}
                Some(_) => return Err(PdfError::AmbiguousHybrid(number)),
            }
        }
        Ok(())
    }

    fn table(parser: &mut Parser<'_>, offset: usize, left: &mut Left) -> Result<Self, PdfError> {
        let mut entries = HashMap::new();
        loop {
            parser.lexer.skip_space();
            if parser.lexer.take_keyword(b"trailer") {
                break;
            }
            read_subsection(&mut parser.lexer, &mut entries, left).map_err(|error| damaged(error, offset))?;
        }
        let node = parser.value()?;
        let trailer = node
            .value
            .dictionary()
            .ok_or(PdfError::XrefDamaged(offset))?
            .clone();
        Ok(Self {
            offset,
            kind: SectionKind::Table,
            trailer,
            entries,
            end: node.span.end,
            own_number: None,
        })
    }

    fn stream(bytes: &Bytes<'_>, offset: usize, limits: &Limits, left: &mut Left) -> Result<Self, PdfError> {
        let wrong = || PdfError::XrefDamaged(offset);
        let ((id, trailer, start), _) = bytes.parse(offset, limits, |parser| {
            let id = object_header(parser).ok_or_else(wrong)?;
            let node = parser.value().map_err(|error| damaged(error, offset))?;
            let trailer = node
                .value
                .dictionary()
                .filter(|dictionary| dictionary.is_type(b"XRef"));
            let trailer = trailer.ok_or_else(wrong)?.clone();
            Ok((id, trailer, stream_start(parser).ok_or_else(wrong)?))
        })?;
        // Its length has to stand in it: nothing can be looked up yet.
        let length = unsigned(&trailer, b"Length").ok_or_else(wrong)?;
        let data = stream_data(bytes, start, length, limits)?.ok_or_else(wrong)?;
        let end = data.end;
        let packed = filter::decode(&bytes.read(data)?, &trailer, &mut left.inflated)?;
        let entries = read_packed(&trailer, &packed, offset, left)?;
        Ok(Self {
            offset,
            kind: SectionKind::Stream,
            trailer,
            entries,
            end,
            own_number: Some(id.number),
        })
    }

    /// `/Prev`, where the section before this one begins.
    pub(super) fn previous(&self) -> Result<Option<usize>, PdfError> {
        let Some(node) = self.trailer.get(b"Prev") else {
            return Ok(None);
        };
        let offset = node
            .value
            .integer()
            .and_then(|offset| usize::try_from(offset).ok());
        offset.map(Some).ok_or(PdfError::XrefDamaged(self.offset))
    }

    /// The offset that stands after `startxref` behind this section, and where its `%%EOF` ends.
    ///
    /// # Errors
    /// When the document cannot be read.
    pub(super) fn startxref(
        &self,
        bytes: &Bytes<'_>,
        limits: &Limits,
    ) -> Result<Option<(usize, usize)>, PdfError> {
        let (found, _) = bytes.parse(self.end, limits, |parser| {
            let lexer = &mut parser.lexer;
            lexer.skip_space();
            if lexer.take_keyword(b"endstream") {
                lexer.skip_space();
                lexer.take_keyword(b"endobj");
                lexer.skip_space();
            }
            Ok(read_startxref(lexer))
        })?;
        Ok(found)
    }
}

/// How much more the content of all pages may inflate to than object streams.
const CONTENT: usize = 4;

/// What is left of the limits that all sections share.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub(super) entries: usize,
    pub(super) inflated: usize,
    /// As `inflated`, of what pages and appearances are drawn with, none of which is kept.
    pub(super) content: usize,
    /// Bytes that may still be read. Sections may overlap, and objects may be asked for again and again.
    pub(super) work: usize,
}

impl Left {
    /// For a document of `len` bytes.
    pub(super) fn new(limits: &Limits, len: usize) -> Self {
        let work = len.saturating_mul(4).saturating_add(limits.work);
        Self {
            entries: limits.entries,
            inflated: limits.inflated,
            content: limits.inflated.saturating_mul(CONTENT),
            work,
        }
    }

    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), PdfError> {
        let left = self.work.checked_sub(bytes);
        // What was too much has been read all the same: nothing is left then.
        self.work = left.unwrap_or(0);
        left.map(|_| ())
            .ok_or(PdfError::TooMany("bytes to read over and over"))
    }

    fn take_entries(&mut self, count: usize) -> Result<(), PdfError> {
        self.entries = self
            .entries
            .checked_sub(count)
            .ok_or(PdfError::TooMany("cross-reference entries"))?;
        Ok(())
    }
}

/// `startxref`, the offset, `%%EOF` with the line end after it.
pub(super) fn read_startxref(lexer: &mut Lexer<'_>) -> Option<(usize, usize)> {
    if !lexer.take_keyword(b"startxref") {
        return None;
    }
    while lexer.peek().is_some_and(super::lexer::is_whitespace) {
        lexer.position += 1;
    }
    let offset = usize::try_from(lexer.unsigned().ok()?).ok()?;
    while lexer.peek().is_some_and(super::lexer::is_whitespace) {
        lexer.position += 1;
    }
    if !lexer.take(b"%%EOF") {
        return None;
    }
    if !lexer.take(b"\r\n") && !lexer.take(b"\n") {
        lexer.take(b"\r");
    }
    Some((offset, lexer.position))
}

/// Goes past the header `12 0 obj` if it stands here.
pub(super) fn object_header(parser: &mut Parser<'_>) -> Option<ObjectId> {
    let lexer = &mut parser.lexer;
    lexer.skip_space();
    let number = u32::try_from(lexer.unsigned().ok()?).ok()?;
    lexer.skip_space();
    let generation = u16::try_from(lexer.unsigned().ok()?).ok()?;
    lexer.skip_space();
    // No delimiter need follow: "1 0 obj<<" and "1 0 obj[" are usual.
    lexer.take_keyword(b"obj").then_some(())?;
    Some(ObjectId { number, generation })
}

/// Where the data of a stream begins, if `stream` stands here.
pub(super) fn stream_start(parser: &mut Parser<'_>) -> Option<usize> {
    let lexer = &mut parser.lexer;
    lexer.skip_space();
    lexer.take_keyword(b"stream").then_some(())?;
    if !lexer.take(b"\r\n") && !lexer.take(b"\n") {
        lexer.take(b"\r");
    }
    Some(lexer.position)
}

/// The data of a stream of this length that begins at `start`, if `endstream` stands behind it.
pub(super) fn stream_data(
    bytes: &Bytes<'_>,
    start: usize,
    length: usize,
    limits: &Limits,
) -> Result<Option<std::ops::Range<usize>>, PdfError> {
    let Some(end) = start.checked_add(length).filter(|end| *end <= bytes.len()) else {
        return Ok(None);
    };
    let (ends, _) = bytes.parse(end, limits, |parser| {
        let lexer = &mut parser.lexer;
        while lexer.peek().is_some_and(super::lexer::is_whitespace) {
            lexer.position += 1;
        }
        Ok(lexer.take(b"endstream"))
    })?;
    Ok(ends.then_some(start..end))
}

pub(super) fn unsigned(dictionary: &Dictionary, key: &[u8]) -> Option<usize> {
    dictionary
        .get(key)?
        .value
        .integer()
        .and_then(|value| usize::try_from(value).ok())
}

fn damaged(error: PdfError, offset: usize) -> PdfError {
    match error {
        PdfError::Malformed(_) => PdfError::XrefDamaged(offset),
        other => other,
    }
}

fn read_subsection(
    lexer: &mut Lexer<'_>,
    entries: &mut HashMap<u32, Entry>,
    left: &mut Left,
) -> Result<(), PdfError> {
    let at = lexer.position;
    let first = u32::try_from(lexer.unsigned()?).map_err(|_| PdfError::XrefDamaged(at))?;
    lexer.skip_space();
    let count = usize::try_from(lexer.unsigned()?).map_err(|_| PdfError::XrefDamaged(at))?;
    // An entry takes at least "0 0 f" and a line end.
    if count > lexer.remaining() / 6 {
        return Err(PdfError::XrefDamaged(at));
    }
    left.take_entries(count)?;
    for number in (first..=u32::MAX).take(count) {
        let entry = read_entry(lexer)?;
        if entries.insert(number, entry).is_some() {
            return Err(PdfError::DuplicateObject(number));
        }
    }
    Ok(())
}

fn read_entry(lexer: &mut Lexer<'_>) -> Result<Entry, PdfError> {
    lexer.skip_space();
    let at = lexer.position;
    let offset = usize::try_from(lexer.unsigned()?).map_err(|_| PdfError::XrefDamaged(at))?;
    lexer.skip_space();
    let generation = lexer.unsigned()?;
    lexer.skip_space();
    match lexer.regular() {
        // Nothing can be at offset 0, where the header is; some producers mean "free".
        b"n" if offset == 0 => Ok(Entry::Free),
        b"n" => {
            let generation = u16::try_from(generation).map_err(|_| PdfError::XrefDamaged(at))?;
            Ok(Entry::InUse { offset, generation })
        }
        b"f" => Ok(Entry::Free),
        _ => Err(PdfError::XrefDamaged(at)),
    }
}

/// The entries of a cross-reference stream (7.5.8.3).
fn read_packed(
    dictionary: &Dictionary,
    packed: &[u8],
    offset: usize,
    left: &mut Left,
) -> Result<HashMap<u32, Entry>, PdfError> {
    let wrong = || PdfError::XrefDamaged(offset);
    let widths = numbers(dictionary, b"W")
        .filter(|widths| widths.len() >= 3)
        .ok_or_else(wrong)?;
    let row: usize = widths
        .iter()
        .try_fold(0_usize, |sum, width| sum.checked_add(*width))
        .ok_or_else(wrong)?;
    if row == 0 || widths.iter().any(|width| *width > 8) {
        return Err(wrong());
    }
    let size = unsigned(dictionary, b"Size").ok_or_else(wrong)?;
    let index = match dictionary.get(b"Index") {
        None => vec![0, size],
        Some(_) => numbers(dictionary, b"Index").ok_or_else(wrong)?,
    };
    let mut rows = packed.chunks_exact(row);
    let mut entries = HashMap::new();
    for range in index.chunks(2) {
        let &[first, count] = range else {
            return Err(wrong());
        };
        if count > rows.len() {
            return Err(wrong());
        }
        left.take_entries(count)?;
        for number in first..first.checked_add(count).ok_or_else(wrong)? {
            let number = u32::try_from(number).map_err(|_| wrong())?;
            let entry = packed_entry(rows.next().ok_or_else(wrong)?, &widths).ok_or_else(wrong)?;
            if entries.insert(number, entry).is_some() {
                return Err(PdfError::DuplicateObject(number));
            }
        }
    }
    Ok(entries)
}

fn packed_entry(row: &[u8], widths: &[usize]) -> Option<Entry> {
    let (kind, rest) = row.split_at(widths[0]);
    let (second, rest) = rest.split_at(widths[1]);
    let third = big_endian(&rest[..widths[2]]);
    let second = big_endian(second);
    // A width of 0 for the kind means 1 (table 17).
    match if kind.is_empty() { 1 } else { big_endian(kind) } {
        0 => Some(Entry::Free),
        1 if second == 0 => Some(Entry::Free),
        1 => Some(Entry::InUse {
            offset: usize::try_from(second).ok()?,
            generation: u16::try_from(third).ok()?,
        }),
        2 => Some(Entry::Compressed {
            stream: u32::try_from(second).ok()?,
            index: u32::try_from(third).ok()?,
        }),
        // Kinds to come stand for null (7.5.8.3).
        _ => Some(Entry::Free),
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn numbers(dictionary: &Dictionary, key: &[u8]) -> Option<Vec<usize>> {
    let nodes = dictionary.get(key)?.value.array()?;
    nodes
        .iter()
        .map(|node| usize::try_from(node.value.integer()?).ok())
        .collect()
}
