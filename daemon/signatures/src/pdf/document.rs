//! A document as its cross-references describe it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use super::error::{Limits, PdfError};
use super::filter;
use super::lexer::{Lexer, is_whitespace};
use super::object::{Dictionary, Node, ObjectId, Value};
use super::object_stream::ObjectStream;
use super::parser::Parser;
use super::section::{Entry, Left, Section, object_header, read_startxref, stream_data};

/// References are followed at most so often; a value that is a reference to a reference is already rare.
const REFERENCE_STEPS: usize = 8;

/// A PDF document in memory, its cross-references read, its objects not yet.
#[derive(Debug)]
pub struct Document<'d> {
    bytes: &'d [u8],
    limits: Limits,
    /// Newest first.
    sections: Vec<Section>,
    /// What the newest section that speaks of an object says.
    entries: HashMap<u32, Entry>,
    /// Ends just after the last `%%EOF` and its line end.
    end: usize,
    /// The limit of work it was opened with.
    granted: usize,
    /// What is left of the limits.
    left: RefCell<Left>,
    streams: RefCell<HashMap<u32, ObjectStream>>,
}

/// Where the bytes of an object are.
#[derive(Debug, Clone)]
pub enum Location {
    /// In the file; spans count from its beginning.
    File,
    /// In this decoded object stream; spans count from its beginning.
    ObjectStream(Rc<[u8]>),
}

/// An object with its place.
#[derive(Debug, Clone)]
pub struct Located<'d> {
    /// Its number and generation.
    pub id: ObjectId,
    /// The object, or the dictionary of the stream.
    pub node: Node,
    /// What the spans in `node` count in.
    pub location: Location,
    /// The data of the stream, if it is one, undecoded.
    pub stream: Option<&'d [u8]>,
    file: &'d [u8],
}

impl<'d> Located<'d> {
    /// The bytes the spans count in.
    #[must_use]
    pub fn source(&self) -> &[u8] {
        match &self.location {
            Location::File => self.file,
            Location::ObjectStream(data) => data,
        }
    }

    /// The bytes of the object as it was written.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.source()[self.node.span.clone()]
    }

    /// The object, if it is a dictionary or a stream.
    #[must_use]
    pub fn dictionary(&self) -> Option<&Dictionary> {
        self.node.value.dictionary()
    }
}

impl<'d> Document<'d> {
    /// Reads the cross-references. Nothing is repaired.
    ///
    /// # Errors
    /// [`PdfError`]. Bytes behind the last `%%EOF` are no error here; ask [`Self::trailing`].
    pub fn open(bytes: &'d [u8], limits: Limits) -> Result<Self, PdfError> {
        if bytes.len() > limits.document {
            return Err(PdfError::TooLarge {
                limit: limits.document,
            });
        }
        let mut left = Left::new(&limits, bytes.len());
        Self::open_within(bytes, limits, &mut left)
    }

    /// The document as it was when it ended here, read on what is left of this one's limit of work; what reading it
    /// takes has to be [charged](Self::charge) afterwards.
    pub(crate) fn revision(&self, end: usize) -> Result<Self, PdfError> {
        let bytes = self.bytes.get(..end).ok_or(PdfError::Truncated)?;
        let granted = self.left.borrow().work;
        let mut left = Left::new(&self.limits, end);
        left.work = granted;
        let opened = Self::open_within(bytes, self.limits.clone(), &mut left);
        if opened.is_err() {
            self.take_off(granted, &left);
        }
        opened
    }

    /// Takes off what reading an earlier revision took.
    pub(crate) fn charge(&self, revision: &Self) {
        self.take_off(revision.granted, &revision.left.borrow());
    }

    fn take_off(&self, granted: usize, left: &Left) {
        let inflated = self.limits.inflated.saturating_sub(left.inflated);
        let spent = granted.saturating_sub(left.work).saturating_add(inflated);
        let mut own = self.left.borrow_mut();
        own.work = own.work.saturating_sub(spent);
    }

    fn open_within(bytes: &'d [u8], limits: Limits, left: &mut Left) -> Result<Self, PdfError> {
        let granted = left.work;
        check_header(bytes)?;
        let (start, end) = find_startxref(bytes)?;
        let sections = read_sections(bytes, start, &limits, left)?;
        if sections
            .iter()
            .any(|section| section.trailer.get(b"Encrypt").is_some())
        {
            return Err(PdfError::Encrypted);
        }
        let mut entries = HashMap::new();
        for section in &sections {
            for (number, entry) in &section.entries {
                entries.entry(*number).or_insert(*entry);
            }
        }
        Ok(Self {
            bytes,
            limits,
            sections,
            entries,
            end,
            granted,
            left: RefCell::new(left.clone()),
            streams: RefCell::default(),
        })
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &'d [u8] {
        self.bytes
    }

    /// The limits it was opened with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The cross-reference sections, newest first. A linearised file has two that were written at once.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// How many bytes other than white space stand behind the last `%%EOF`.
    #[must_use]
    pub fn trailing(&self) -> usize {
        self.bytes[self.end..]
            .iter()
            .filter(|byte| !is_whitespace(**byte))
            .count()
    }

    /// Where the revisions end, oldest first; at most one entry a section.
    ///
    /// An end is a `%%EOF` whose `startxref` names a section of the chain; the first of a linearised file names 0.
    #[must_use]
    pub fn revision_ends(&self) -> Vec<usize> {
        let known: HashSet<_> = self.sections.iter().map(|section| section.offset).collect();
        let mut ends: Vec<_> = self
            .sections
            .iter()
            .filter_map(|section| section.startxref(self.bytes))
            .filter(|(offset, _)| known.contains(offset))
            .map(|(_, end)| end)
            .chain([self.end])
            .collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// Where an object is, as the newest section that speaks of it says.
    #[must_use]
    pub fn entry(&self, number: u32) -> Option<Entry> {
        self.entries.get(&number).copied()
    }

    /// All object numbers that some section speaks of.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.entries.keys().copied()
    }

    /// A number that no object of any revision has or had, and none after it: every `/Size`, every entry and the
    /// cross-reference streams' own numbers lie below. A cross-reference stream that does not list itself would
    /// otherwise be overwritten.
    #[must_use]
    pub fn next_number(&self) -> Option<u32> {
        let sizes = self
            .sections
            .iter()
            .filter_map(|section| size(&section.trailer))
            .max()
            .unwrap_or(0);
        let seen = self.entries.keys().copied();
        let own = self.sections.iter().filter_map(|section| section.own_number);
        let highest = seen.chain(own).max().unwrap_or(0);
        // ISO 32000-1, annex C: at most 8,388,607 indirect objects.
        Some(sizes.max(highest.checked_add(1)?)).filter(|next| *next < 8_388_000)
    }

    /// The value of a trailer key, from the newest section that has it.
    #[must_use]
    pub fn trailer(&self, key: &[u8]) -> Option<&Node> {
        self.sections.iter().find_map(|section| section.trailer.get(key))
    }

    /// Reads an object; `None` if it does not exist, which stands for `null`.
    ///
    /// # Errors
    /// [`PdfError::XrefDamaged`] if another object is there, and what the object itself has wrong.
    pub fn object(&self, id: ObjectId) -> Result<Option<Located<'d>>, PdfError> {
        match self.entry(id.number) {
            None | Some(Entry::Free) => Ok(None),
            Some(Entry::InUse { generation, .. }) if generation != id.generation => Ok(None),
            Some(Entry::InUse { offset, .. }) => self.read_at(id, offset).map(Some),
            Some(Entry::Compressed { .. }) if id.generation != 0 => Ok(None),
            Some(Entry::Compressed { stream, index }) => self.read_compressed(id, stream, index).map(Some),
        }
    }

    /// What a node stands for: itself, or the object it refers to.
    ///
    /// # Errors
    /// As [`Self::object`]; [`PdfError::Missing`] when references only lead to references.
    pub fn resolve<'n>(&self, node: &'n Node) -> Result<Cow<'n, Value>, PdfError> {
        let Some(mut id) = node.value.reference() else {
            return Ok(Cow::Borrowed(&node.value));
        };
        for _ in 0..REFERENCE_STEPS {
            match self.object(id)?.map(|located| located.node.value) {
                None => return Ok(Cow::Owned(Value::Null)),
                Some(Value::Reference(next)) => id = next,
                Some(value) => return Ok(Cow::Owned(value)),
            }
        }
        Err(PdfError::Missing("the end of a chain of references"))
    }

    /// The value of a key, references followed; `None` if absent or `null`.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn get<'n>(
        &self,
        dictionary: &'n Dictionary,
        key: &[u8],
    ) -> Result<Option<Cow<'n, Value>>, PdfError> {
        let Some(node) = dictionary.get(key) else {
            return Ok(None);
        };
        Ok(Some(self.resolve(node)?).filter(|value| **value != Value::Null))
    }

    /// The data of a stream through all its filters, at most `limit` bytes; they count against the document's limits.
    ///
    /// # Errors
    /// [`PdfError::UnsupportedFilter`], [`PdfError::TooMany`]; [`PdfError::Missing`] if it is no stream.
    pub fn decoded(&self, stream: &Located<'d>, limit: usize) -> Result<Vec<u8>, PdfError> {
        let (Some(dictionary), Some(data)) = (stream.dictionary(), stream.stream) else {
            return Err(PdfError::Missing("a stream"));
        };
        let mut left = self.left.borrow().inflated.min(limit);
        let granted = left;
        let decoded = filter::decode_all(data, dictionary, &mut left);
        self.left.borrow_mut().inflated -= granted - left;
        self.spend(data.len())?;
        decoded.and_then(|decoded| match decoded.len() <= limit {
            true => Ok(decoded),
            false => Err(PdfError::TooMany("bytes in compressed streams")),
        })
    }

    /// The catalog (7.7.2).
    ///
    /// # Errors
    /// [`PdfError::Missing`], and as [`Self::object`].
    pub fn catalog(&self) -> Result<Located<'d>, PdfError> {
        let root = self.trailer(b"Root").and_then(|node| node.value.reference());
        let located = root.map(|id| self.object(id)).transpose()?.flatten();
        located
            .filter(|located| located.dictionary().is_some())
            .ok_or(PdfError::Missing("the document catalog"))
    }

    /// Checks that every cross-reference leads to the object it names, so that another reader has no reason to repair.
    ///
    /// # Errors
    /// [`PdfError::XrefDamaged`] with the first place that has something else.
    pub fn check_references(&self) -> Result<(), PdfError> {
        for (&number, &entry) in &self.entries {
            let Entry::InUse { offset, generation } = entry else {
                continue;
            };
            let parser = self.header(ObjectId { number, generation }, offset)?;
            self.spend(parser.work())?;
        }
        Ok(())
    }

    /// A parser behind the header of an object, which has to be there.
    fn header(&self, id: ObjectId, offset: usize) -> Result<Parser<'d>, PdfError> {
        let header = object_header(self.bytes, offset, &self.limits).filter(|(found, _)| *found == id);
        header
            .map(|(_, parser)| parser)
            .ok_or(PdfError::XrefDamaged(offset))
    }

    fn spend(&self, bytes: usize) -> Result<(), PdfError> {
        self.left.borrow_mut().spend(bytes)
    }

    fn read_at(&self, id: ObjectId, offset: usize) -> Result<Located<'d>, PdfError> {
        let mut parser = self.header(id, offset)?;
        let node = parser.value()?;
        self.spend(parser.work())?;
        let stream = self.stream_of(&node, &mut parser)?;
        let stream = stream.map(|span| &self.bytes[span]);
        Ok(Located {
            id,
            node,
            location: Location::File,
            stream,
            file: self.bytes,
        })
    }

    fn stream_of(&self, node: &Node, parser: &mut Parser<'_>) -> Result<Option<Range<usize>>, PdfError> {
        let Some(dictionary) = node.value.dictionary() else {
            return Ok(None);
        };
        parser.lexer.skip_space();
        if !parser.lexer.clone().take_keyword(b"stream") {
            return Ok(None);
        }
        let length = match dictionary.get(b"Length").map(|node| &node.value) {
            Some(Value::Reference(id)) => self.integer_object(*id)?,
            Some(value) => value.integer(),
            None => None,
        };
        let at = parser.lexer.position;
        let length = length
            .and_then(|length| usize::try_from(length).ok())
            .ok_or(PdfError::Malformed(at))?;
        stream_data(parser, length)
            .map(Some)
            .ok_or(PdfError::Malformed(at))
    }

    /// An integer of its own, as lengths of streams are; read without looking for a stream, which could ask for a
    /// length again.
    fn integer_object(&self, id: ObjectId) -> Result<Option<i64>, PdfError> {
        match self.entry(id.number) {
            Some(Entry::InUse { offset, generation }) if generation == id.generation => {
                let mut parser = self.header(id, offset)?;
                let node = parser.value()?;
                self.spend(parser.work())?;
                Ok(node.value.integer())
            }
            // Encoders put lengths into object streams too; those streams have to be readable without this one.
            Some(Entry::Compressed { stream, index }) if self.streams.borrow().contains_key(&stream) => {
                Ok(self.read_compressed(id, stream, index)?.node.value.integer())
            }
            Some(Entry::Compressed { stream, index }) => {
                let Some(Entry::InUse { offset, .. }) = self.entry(stream) else {
                    return Ok(None);
                };
                let direct = self.direct_length(offset)?;
                if !direct {
                    return Ok(None);
                }
                Ok(self.read_compressed(id, stream, index)?.node.value.integer())
            }
            _ => Ok(None),
        }
    }

    fn direct_length(&self, offset: usize) -> Result<bool, PdfError> {
        let (_, mut parser) =
            object_header(self.bytes, offset, &self.limits).ok_or(PdfError::XrefDamaged(offset))?;
        let node = parser.value()?;
        let length = node
            .value
            .dictionary()
            .and_then(|dictionary| dictionary.get(b"Length"));
        Ok(length.is_some_and(|node| node.value.integer().is_some()))
    }

    fn read_compressed(&self, id: ObjectId, stream: u32, index: u32) -> Result<Located<'d>, PdfError> {
        let container = self.object_stream(stream)?;
        let offset = container
            .offset(id.number, index)
            .ok_or(PdfError::Missing("an object of an object stream"))?;
        let mut parser = Parser::new(&container.data, offset, &self.limits);
        let node = parser.value()?;
        self.spend(parser.work())?;
        let location = Location::ObjectStream(container.data);
        Ok(Located {
            id,
            node,
            location,
            stream: None,
            file: self.bytes,
        })
    }

    fn object_stream(&self, number: u32) -> Result<ObjectStream, PdfError> {
        if let Some(known) = self.streams.borrow().get(&number) {
            return Ok(known.clone());
        }
        // An object stream stands in the file itself, never in another one, which could be itself (7.5.7).
        let Some(Entry::InUse { offset, generation }) = self.entry(number) else {
            return Err(PdfError::Missing("an object stream"));
        };
        let located = self.read_at(ObjectId { number, generation }, offset)?;
        let (Some(dictionary), Some(data)) = (located.dictionary(), located.stream) else {
            return Err(PdfError::Missing("an object stream"));
        };
        // Readers that look at the type and readers that do not would see different objects (7.5.7, table 16).
        if !dictionary.is_type(b"ObjStm") {
            return Err(PdfError::Missing("an object stream"));
        }
        let decoded = filter::decode(data, dictionary, &mut self.left.borrow_mut().inflated)?;
        let read = ObjectStream::read(dictionary, decoded, offset)?;
        self.streams.borrow_mut().insert(number, read.clone());
        Ok(read)
    }
}

fn size(trailer: &Dictionary) -> Option<u32> {
    trailer
        .get(b"Size")?
        .value
        .integer()
        .and_then(|size| u32::try_from(size).ok())
}

fn check_header(bytes: &[u8]) -> Result<(), PdfError> {
    let head = &bytes[..bytes.len().min(1024 + 5)];
    let at = head
        .windows(5)
        .position(|window| window == b"%PDF-")
        .ok_or(PdfError::NotPdf)?;
    let before = head[..at].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head[..at]);
    if before.iter().all(|byte| is_whitespace(*byte)) {
        Ok(())
    } else {
        Err(PdfError::LeadingBytes(at))
    }
}

/// The offset after the last `startxref`, and where its `%%EOF` ends. Looks at the last mebibyte.
fn find_startxref(bytes: &[u8]) -> Result<(usize, usize), PdfError> {
    const KEYWORD: &[u8] = b"startxref";
    let from = bytes.len().saturating_sub(1 << 20);
    let mut before = bytes.len();
    loop {
        let window = &bytes[from..before];
        let at = window
            .windows(KEYWORD.len())
            .rposition(|window| window == KEYWORD)
            .ok_or(PdfError::Truncated)?;
        match read_startxref(&mut Lexer::new(bytes, from + at)) {
            // The first part of a linearised file ends with offset 0: then the rest of it is missing.
            Some((0, _)) => return Err(PdfError::Truncated),
            Some(found) => return Ok(found),
            None if before == bytes.len() && bytes.len() - (from + at) < 64 => {
                return Err(PdfError::Truncated);
            }
            None => before = from + at + KEYWORD.len() - 1,
        }
    }
}

fn read_sections(
    bytes: &[u8],
    start: usize,
    limits: &Limits,
    left: &mut Left,
) -> Result<Vec<Section>, PdfError> {
    let mut sections = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some(start);
    while let Some(offset) = next {
        if !seen.insert(offset) {
            return Err(PdfError::XrefLoop);
        }
        if sections.len() == limits.sections {
            return Err(PdfError::TooMany("revisions"));
        }
        if offset >= bytes.len() {
            return Err(PdfError::XrefDamaged(offset));
        }
        let section = Section::read(bytes, offset, limits, left)?;
        next = section.previous()?;
        sections.push(section);
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::{Document, Limits, ObjectId, PdfError};

    #[test]
    fn earlier_revisions_are_read_on_what_is_left_of_one_limit() {
        let catalog = format!("1 0 obj\n<< /A [{}] >>\nendobj\n", "0 ".repeat(1_000));
        let mut file = format!("%PDF-1.7\n{catalog}");
        let start = file.len();
        file += "xref\n0 2\n0000000000 65535 f \n0000000009 00000 n \n";
        file += &format!("trailer\n<< /Size 2 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
        let limits = Limits {
            work: 1 << 20,
            ..Limits::default()
        };
        let whole = Document::open(file.as_bytes(), limits).unwrap();
        let read = |document: &Document<'_>| {
            let id = ObjectId {
                number: 1,
                generation: 0,
            };
            document.object(id).map(|_| ())
        };
        let read_revision = || {
            let revision = whole.revision(file.len())?;
            let result = read(&revision);
            whole.charge(&revision);
            result
        };
        let error = (0..1_000).find_map(|_| read_revision().err());
        assert_eq!(error, Some(PdfError::TooMany("bytes to read over and over")));
        assert!(read(&whole).is_err(), "what the revisions took is gone");
    }
}
