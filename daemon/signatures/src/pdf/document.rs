//! A document as its cross-references describe it.

mod ends;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use super::error::{Limits, PdfError};
use super::filter;
use super::object::{Dictionary, Node, ObjectId, Value};
use super::object_stream::ObjectStream;
use super::parser::Parser;
use super::section::{Entry, Left, Section, object_header, stream_data, stream_start};
use super::source::{Bytes, Source, Window};
use crate::algorithm::Hasher;

use ends::{check_header, find_startxref, read_sections, size};

/// References are followed at most so often; a value that is a reference to a reference is already rare.
const REFERENCE_STEPS: usize = 8;

/// A number in the parameters of one of several filters.
const FILTER_DEPTH: usize = 2;

/// A PDF document, its cross-references read, its objects not yet.
#[derive(Debug)]
pub struct Document<'d> {
    bytes: Bytes<'d>,
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
    /// Where in the file the data of the stream is, if it is one, undecoded; see [`Document::stream`].
    pub stream: Option<Range<usize>>,
    /// What was read of the file, if it stands there.
    window: Option<Window<'d>>,
}

impl Located<'_> {
    /// Bytes of the object, by a span that counts as those of the nodes do; none past the object.
    #[must_use]
    pub fn bytes(&self, span: Range<usize>) -> Option<&[u8]> {
        match (&self.location, &self.window) {
            (Location::ObjectStream(data), _) => data.get(span),
            (Location::File, Some(window)) => window.get(span),
            (Location::File, None) => None,
        }
    }

    /// The bytes of the object as it was written.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.bytes(self.node.span.clone()).unwrap_or_default()
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
        Self::open_bytes(Bytes::memory(bytes), limits)
    }

    /// Reads the cross-references of a document that is not in memory. Of it, what is asked for is read and a mebibyte
    /// is kept.
    ///
    /// # Errors
    /// As [`Self::open`], and [`PdfError::Unreadable`].
    pub fn open_source(source: &'d dyn Source, limits: Limits) -> Result<Self, PdfError> {
        Self::open_bytes(Bytes::elsewhere(source)?, limits)
    }

    fn open_bytes(bytes: Bytes<'d>, limits: Limits) -> Result<Self, PdfError> {
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
        let bytes = self.bytes.until(end).ok_or(PdfError::Truncated)?;
        let granted = self.left.borrow().work;
        let mut left = Left::new(&self.limits, end);
        left.work = granted;
        let opened = Self::open_within(bytes, self.limits.clone(), &mut left);
        if opened.is_err() {
            self.take_off(granted, &left);
        }
        opened
    }

    /// Lets so many bytes more be read, as [`Limits::work`] counts.
    pub(crate) fn allow(&self, bytes: usize) {
        let mut left = self.left.borrow_mut();
        left.work = left.work.saturating_add(bytes);
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

    fn open_within(bytes: Bytes<'d>, limits: Limits, left: &mut Left) -> Result<Self, PdfError> {
        let granted = left.work;
        check_header(&bytes)?;
        let (start, end) = find_startxref(&bytes)?;
        let sections = read_sections(&bytes, start, &limits, left)?;
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

    /// Bytes of the file.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of the file, all of which are in memory then.
    ///
    /// # Errors
    /// [`PdfError::Truncated`] past the end, [`PdfError::Unreadable`], and [`PdfError::TooMany`] if they are too many
    /// to be held.
    pub fn read(&self, range: Range<usize>) -> Result<Cow<'d, [u8]>, PdfError> {
        self.bytes.read(range)
    }

    /// Takes bytes of the file into a hash.
    ///
    /// # Errors
    /// As [`Self::read`], but for the last.
    pub fn hash(&self, range: Range<usize>, hasher: &mut Hasher) -> Result<(), PdfError> {
        self.bytes.hash(range, hasher)
    }

    /// The data of a stream, undecoded; none if the object is no stream.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn stream(&self, located: &Located<'_>) -> Result<Option<Cow<'d, [u8]>>, PdfError> {
        located
            .stream
            .clone()
            .map(|range| self.bytes.read(range))
            .transpose()
    }

    /// Whether two objects have the same data as streams, or are none. Both have to be of this file, or of an earlier
    /// revision of it.
    pub(crate) fn same_stream(&self, one: &Located<'_>, other: &Located<'_>) -> Result<bool, PdfError> {
        const STEP: usize = 1 << 20;
        let (Some(one), Some(other)) = (&one.stream, &other.stream) else {
            return Ok(one.stream == other.stream);
        };
        if one == other || one.len() != other.len() {
            return Ok(one == other);
        }
        for start in (0..one.len()).step_by(STEP) {
            let length = STEP.min(one.len() - start);
            let piece = |of: &Range<usize>| self.read(of.start + start..of.start + start + length);
            if piece(one)? != piece(other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether nothing but white space stands from there on.
    pub(crate) fn is_blank_after(&self, at: usize) -> Result<bool, PdfError> {
        let mut blank = true;
        self.bytes.each(at..self.bytes.len(), |piece| {
            blank &= piece.iter().all(u8::is_ascii_whitespace);
        })?;
        Ok(blank)
    }

    /// That the file could not be read somewhere. Verdicts that take what is unreadable for wrong ask this before they
    /// are told.
    ///
    /// # Errors
    /// [`PdfError::Unreadable`]
    pub fn check_readable(&self) -> Result<(), PdfError> {
        self.bytes.failure().map_or(Ok(()), Err)
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

    /// How many bytes other than white space stand behind the last `%%EOF`; as many as there are, if they cannot be
    /// read.
    #[must_use]
    pub fn trailing(&self) -> usize {
        let trailing = self.bytes.visible_after(self.end);
        trailing.unwrap_or_else(|_| self.bytes.len() - self.end)
    }

    /// Where the revisions end, oldest first; at most one entry a section.
    ///
    /// An end is a `%%EOF` whose `startxref` names a section of the chain; the first of a linearised file names 0. One
    /// that cannot be read is left out: [`Self::check_readable`].
    #[must_use]
    pub fn revision_ends(&self) -> Vec<usize> {
        let known: HashSet<_> = self.sections.iter().map(|section| section.offset).collect();
        let mut ends: Vec<_> = self
            .sections
            .iter()
            .filter_map(|section| section.startxref(&self.bytes, &self.limits).ok().flatten())
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
        let (Some(dictionary), Some(data)) = (stream.dictionary(), self.stream(stream)?) else {
            return Err(PdfError::Missing("a stream"));
        };
        let mut left = self.left.borrow().content.min(limit);
        let granted = left;
        let told = self.with_filters(dictionary)?;
        let decoded = filter::decode_all(&data, &told, &mut left);
        self.left.borrow_mut().content -= granted - left;
        self.spend(data.len())?;
        decoded.and_then(|decoded| match decoded.len() <= limit {
            true => Ok(decoded),
            false => Err(PdfError::TooMany("bytes in compressed streams")),
        })
    }

    /// The dictionary of a stream with its filters in their places, where they are objects of their own (7.3.8.2).
    fn with_filters<'n>(&self, dictionary: &'n Dictionary) -> Result<Cow<'n, Dictionary>, PdfError> {
        let is_told = |key: &[u8]| matches!(key, b"Filter" | b"DecodeParms");
        let mut told = dictionary
            .iter()
            .filter(|(key, node)| is_told(key) && filter::refers(&node.value));
        if told.next().is_none() {
            return Ok(Cow::Borrowed(dictionary));
        }
        let mut dictionary = dictionary.clone();
        for (key, node) in &mut dictionary.entries {
            if is_told(key) {
                self.put_in(node, FILTER_DEPTH)?;
            }
        }
        Ok(Cow::Owned(dictionary))
    }

    /// Takes what a node refers to instead of the reference, and so within it.
    fn put_in(&self, node: &mut Node, depth: usize) -> Result<(), PdfError> {
        if node.value.reference().is_some() {
            node.value = self.resolve(node)?.into_owned();
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Ok(());
        };
        match &mut node.value {
            Value::Array(nodes) => nodes.iter_mut().try_for_each(|node| self.put_in(node, depth)),
            Value::Dictionary(dictionary) => dictionary
                .entries
                .iter_mut()
                .try_for_each(|(_, node)| self.put_in(node, depth)),
            _ => Ok(()),
        }
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
        let in_use = self.entries.iter().filter_map(|(&number, &entry)| match entry {
            Entry::InUse { offset, generation } => Some((offset, ObjectId { number, generation })),
            _ => None,
        });
        let mut in_use: Vec<_> = in_use.collect();
        // Neighbours are read together.
        in_use.sort_unstable();
        for (offset, id) in in_use {
            let (work, _) = self.at(id, offset, |parser| Ok(parser.work()))?;
            self.spend(work)?;
        }
        Ok(())
    }

    /// What stands behind the header of an object, which has to be there.
    fn at<T>(
        &self,
        id: ObjectId,
        offset: usize,
        mut read: impl FnMut(&mut Parser<'_>) -> Result<T, PdfError>,
    ) -> Result<(T, Window<'d>), PdfError> {
        self.bytes.parse(offset, &self.limits, |parser| {
            let found = object_header(parser).filter(|found| *found == id);
            found.ok_or(PdfError::XrefDamaged(offset))?;
            read(parser)
        })
    }

    fn spend(&self, bytes: usize) -> Result<(), PdfError> {
        self.left.borrow_mut().spend(bytes)
    }

    fn read_at(&self, id: ObjectId, offset: usize) -> Result<Located<'d>, PdfError> {
        let ((node, work, after), window) = self.at(id, offset, |parser| {
            let node = parser.object()?;
            let work = parser.work();
            let after = match node.value.dictionary() {
                Some(_) => {
                    parser.lexer.skip_space();
                    let keyword = parser.lexer.position;
                    stream_start(parser).map(|start| (keyword, start))
                }
                None => None,
            };
            Ok((node, work, after))
        })?;
        self.spend(work)?;
        let stream = match after {
            Some((keyword, start)) => Some(self.stream_of(&node, keyword, start)?),
            None => None,
        };
        Ok(Located {
            id,
            node,
            location: Location::File,
            stream,
            window: Some(window),
        })
    }

    fn stream_of(&self, node: &Node, keyword: usize, start: usize) -> Result<Range<usize>, PdfError> {
        let length = node
            .value
            .dictionary()
            .and_then(|dictionary| dictionary.get(b"Length"));
        let length = match length.map(|node| &node.value) {
            Some(Value::Reference(id)) => self.integer_object(*id)?,
            Some(value) => value.integer(),
            None => None,
        };
        let wrong = PdfError::Malformed(keyword);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let data = stream_data(&self.bytes, start, length.ok_or(wrong.clone())?, &self.limits)?;
        data.ok_or(wrong)
    }

    /// An integer of its own, as lengths of streams are; read without looking for a stream, which could ask for a
    /// length again.
    fn integer_object(&self, id: ObjectId) -> Result<Option<i64>, PdfError> {
        match self.entry(id.number) {
            Some(Entry::InUse { offset, generation }) if generation == id.generation => {
                let read = |parser: &mut Parser<'_>| Ok((parser.object()?, parser.work()));
                let ((node, work), _) = self.at(id, offset, read)?;
                self.spend(work)?;
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
        let (node, _) = self.bytes.parse(offset, &self.limits, |parser| {
            object_header(parser).ok_or(PdfError::XrefDamaged(offset))?;
            parser.value()
        })?;
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
        Ok(Located {
            id,
            node,
            location: Location::ObjectStream(container.data),
            stream: None,
            window: None,
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
        let (Some(dictionary), Some(data)) = (located.dictionary(), self.stream(&located)?) else {
            return Err(PdfError::Missing("an object stream"));
        };
        // Readers that look at the type and readers that do not would see different objects (7.5.7, table 16).
        if !dictionary.is_type(b"ObjStm") {
            return Err(PdfError::Missing("an object stream"));
        }
        let decoded = filter::decode(&data, dictionary, &mut self.left.borrow_mut().inflated)?;
        let read = ObjectStream::read(dictionary, decoded, offset)?;
        self.streams.borrow_mut().insert(number, read.clone());
        Ok(read)
    }
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
