//! Where the bytes of a document are: in memory, or somewhere they are read from piece by piece.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::rc::Rc;

use super::error::{Limits, PdfError};
use super::lexer::{Lexer, is_whitespace};
use super::parser::Parser;
use crate::algorithm::Hasher;

/// Bytes that are read at once.
const PAGE: usize = 64 << 10;
/// Pages that are kept.
const PAGES: usize = 16;
/// What is read for an object at first; most are smaller.
const OBJECT: usize = 4 << 10;
/// The most that is held of one object or one stream of a document that is not in memory, in bytes.
const MAX_PIECE: usize = 64 << 20;

/// The bytes of a document that is not held in memory, wherever they are: a file, say.
///
/// They must stay as they are while the document is worked on. Whoever implements this for something that another may
/// change checks them, and fails.
pub trait Source {
    /// How many.
    fn size(&self) -> u64;

    /// Fills the buffer from `offset` on.
    ///
    /// # Errors
    /// Past the end, or of the system.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.as_slice().read_exact_at(buffer, offset)
    }
}

impl<T: Source + ?Sized> Source for &T {
    fn size(&self) -> u64 {
        T::size(self)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        T::read_exact_at(self, buffer, offset)
    }
}

impl Source for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = usize::try_from(offset).ok().and_then(|offset| {
            let end = offset.checked_add(buffer.len())?;
            self.get(offset..end)
        });
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A document in two parts: what stays as it is, wherever that lies, and its end in memory.
#[derive(Clone, Copy)]
pub struct Ended<'a> {
    /// What stands first.
    pub base: &'a dyn Source,
    /// What stands behind it.
    pub end: &'a [u8],
}

impl Source for Ended<'_> {
    fn size(&self) -> u64 {
        self.base.size().saturating_add(self.end.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let before = usize::try_from(self.base.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let (first, rest) = buffer.split_at_mut(before.min(buffer.len()));
        if !first.is_empty() {
            self.base.read_exact_at(first, offset)?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let at = usize::try_from(offset.saturating_sub(self.base.size())).ok();
        let bytes = at.and_then(|at| self.end.get(at..at.checked_add(rest.len())?));
        rest.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Pieces of a document, one behind the other.
#[derive(Debug, Clone)]
pub struct Pieces<S> {
    of: S,
    /// Where each of them starts: here, and there.
    starts: Vec<(u64, u64)>,
    size: u64,
}

impl<S: Source> Pieces<S> {
    /// Each piece by where it starts and how long it is, in bytes.
    #[must_use]
    pub fn of(of: S, pieces: &[(u64, u64)]) -> Self {
        let (mut starts, mut size) = (Vec::with_capacity(pieces.len()), 0_u64);
        for (start, length) in pieces.iter().filter(|(_, length)| *length > 0) {
            starts.push((size, *start));
            size = size.saturating_add(*length);
        }
        Self { of, starts, size }
    }

    /// What they are pieces of.
    pub const fn whole(&self) -> &S {
        &self.of
    }
}

impl<S: Source> Source for Pieces<S> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (mut rest, mut offset) = (buffer, offset);
        let after = self.starts.partition_point(|(here, _)| *here <= offset);
        let mut at = after.saturating_sub(1);
        while !rest.is_empty() {
            let (here, there) = *self.starts.get(at).ok_or(io::ErrorKind::UnexpectedEof)?;
            let end = self.starts.get(at + 1).map_or(self.size, |(next, _)| *next);
            let here_left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
            if here_left == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (piece, behind) = rest.split_at_mut(here_left.min(rest.len()));
            self.of.read_exact_at(piece, there + (offset - here))?;
            offset += piece.len() as u64;
            (rest, at) = (behind, at + 1);
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Input<'d> {
    Memory(&'d [u8]),
    Elsewhere(&'d dyn Source),
}

/// The bytes of a document, or of one of its revisions.
#[derive(Clone)]
pub(super) struct Bytes<'d> {
    input: Input<'d>,
    len: usize,
    pages: Rc<Pages>,
}

/// What has been read, and how reading failed.
#[derive(Default)]
struct Pages {
    /// With their numbers, the latest last.
    kept: RefCell<Vec<(usize, Rc<[u8]>)>>,
    failure: Cell<Option<io::ErrorKind>>,
}

impl std::fmt::Debug for Bytes<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Bytes")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Bytes around an object, with where they begin in the document.
#[derive(Debug, Clone)]
pub(super) struct Window<'d> {
    base: usize,
    bytes: Held<'d>,
}

#[derive(Debug, Clone)]
enum Held<'d> {
    Whole(&'d [u8]),
    Part(Rc<[u8]>),
}

impl Window<'_> {
    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Held::Whole(bytes) => bytes,
            Held::Part(bytes) => bytes,
        }
    }

    /// The bytes of a span that counts from the beginning of the document.
    pub(super) fn get(&self, span: Range<usize>) -> Option<&[u8]> {
        let start = span.start.checked_sub(self.base)?;
        self.bytes().get(start..span.end.checked_sub(self.base)?)
    }
}

impl<'d> Bytes<'d> {
    pub(super) fn memory(bytes: &'d [u8]) -> Self {
        Self {
            input: Input::Memory(bytes),
            len: bytes.len(),
            pages: Rc::default(),
        }
    }

    /// # Errors
    /// [`PdfError::TooLarge`] if it does not fit the address space.
    pub(super) fn elsewhere(source: &'d dyn Source) -> Result<Self, PdfError> {
        let len = usize::try_from(source.size()).map_err(|_| PdfError::TooLarge { limit: usize::MAX })?;
        Ok(Self {
            input: Input::Elsewhere(source),
            len,
            pages: Rc::default(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first `len` of them.
    pub(super) fn until(&self, len: usize) -> Option<Self> {
        (len <= self.len).then(|| Self { len, ..self.clone() })
    }

    /// That they could not be read, once that has happened: what was found out since then may be wrong.
    pub(super) fn failure(&self) -> Option<PdfError> {
        self.pages.failure.get().map(PdfError::Unreadable)
    }

    /// At least so many bytes from there on, or as many as there are.
    pub(super) fn window(&self, at: usize, at_least: usize) -> Result<Window<'d>, PdfError> {
        if let Input::Memory(bytes) = self.input {
            return Ok(Window {
                base: 0,
                bytes: Held::Whole(&bytes[..self.len]),
            });
        }
        let base = at.min(self.len);
        let bytes = self.part(base..self.len.min(base.saturating_add(at_least)))?;
        Ok(Window {
            base,
            bytes: Held::Part(bytes.into()),
        })
    }

    /// Exactly these bytes.
    pub(super) fn read(&self, range: Range<usize>) -> Result<Cow<'d, [u8]>, PdfError> {
        if range.end > self.len {
            return Err(PdfError::Truncated);
        }
        match self.input {
            Input::Memory(bytes) => Ok(Cow::Borrowed(&bytes[range])),
            Input::Elsewhere(_) => self.part(range).map(Cow::Owned),
        }
    }

    fn part(&self, range: Range<usize>) -> Result<Vec<u8>, PdfError> {
        if range.len() > MAX_PIECE {
            return Err(PdfError::TooMany("bytes in one object"));
        }
        let mut bytes = Vec::with_capacity(range.len());
        // What is larger than the pages that are kept would only drive them out.
        self.pieces(range, PAGES * PAGE, |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    /// These bytes in pieces, in their order.
    pub(super) fn each(&self, range: Range<usize>, mut piece: impl FnMut(&[u8])) -> Result<(), PdfError> {
        if let Input::Memory(bytes) = self.input {
            piece(bytes.get(range).ok_or(PdfError::Truncated)?);
            return Ok(());
        }
        self.pieces(range, PAGE, piece)
    }

    /// A range that is longer than `kept` is read past the pages.
    fn pieces(&self, range: Range<usize>, kept: usize, mut piece: impl FnMut(&[u8])) -> Result<(), PdfError> {
        let mut buffer = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let (number, within) = (at / PAGE, at % PAGE);
            let end = range.end.min((number + 1) * PAGE);
            if range.len() > kept {
                buffer.resize(end - at, 0);
                self.fill(&mut buffer, at)?;
                piece(&buffer);
            } else {
                piece(&self.page(number)?[within..within + end - at]);
            }
            at = end;
        }
        Ok(())
    }

    fn page(&self, number: usize) -> Result<Rc<[u8]>, PdfError> {
        let mut kept = self.pages.kept.borrow_mut();
        if let Some(place) = kept.iter().rposition(|(known, _)| *known == number) {
            let found = kept.remove(place);
            let page = Rc::clone(&found.1);
            kept.push(found);
            return Ok(page);
        }
        let Input::Elsewhere(source) = self.input else {
            return Err(PdfError::Truncated);
        };
        // Of the whole document, not of this revision: the pages are shared.
        let total = usize::try_from(source.size()).unwrap_or(usize::MAX);
        let start = number * PAGE;
        let mut bytes = vec![0; total.saturating_sub(start).min(PAGE)];
        self.fill(&mut bytes, start)?;
        let page: Rc<[u8]> = bytes.into();
        if kept.len() == PAGES {
            kept.remove(0);
        }
        kept.push((number, Rc::clone(&page)));
        Ok(page)
    }

    fn fill(&self, buffer: &mut [u8], at: usize) -> Result<(), PdfError> {
        let Input::Elsewhere(source) = self.input else {
            return Err(PdfError::Truncated);
        };
        source.read_exact_at(buffer, at as u64).map_err(|error| {
            self.pages.failure.set(Some(error.kind()));
            PdfError::Unreadable(error.kind())
        })
    }

    /// Takes these bytes into a hash.
    pub(super) fn hash(&self, range: Range<usize>, hasher: &mut Hasher) -> Result<(), PdfError> {
        self.each(range, |piece| hasher.update(piece))
    }

    /// How many bytes from there on are no white space.
    pub(super) fn visible_after(&self, at: usize) -> Result<usize, PdfError> {
        let mut count = 0;
        self.each(at..self.len, |piece| {
            count += piece.iter().filter(|byte| !is_whitespace(**byte)).count();
        })?;
        Ok(count)
    }

    /// Reads what stands at `at`, with the bytes it was read from.
    ///
    /// # Errors
    /// Those of `read`, which must see nothing but what the parser shows: it is called again with more of the document
    /// when it has asked for what lies behind the end of what it was given.
    pub(super) fn parse<T>(
        &self,
        at: usize,
        limits: &Limits,
        mut read: impl FnMut(&mut Parser<'_>) -> Result<T, PdfError>,
    ) -> Result<(T, Window<'d>), PdfError> {
        let mut at_least = OBJECT;
        loop {
            let window = self.window(at, at_least)?;
            let lexer = Lexer::part(window.bytes(), window.base, self.len, at);
            let mut parser = Parser::with(lexer, limits);
            let result = read(&mut parser);
            if !parser.lexer.ran_out() {
                return result.map(|read| (read, window));
            }
            at_least *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use super::{Bytes, Limits, OBJECT, PAGE, Source};
    use crate::pdf::Value;

    /// Counts what is read.
    struct Counted(Vec<u8>, Cell<usize>);

    impl Source for Counted {
        fn size(&self) -> u64 {
            self.0.size()
        }

        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            self.1.set(self.1.get() + buffer.len());
            self.0.read_exact_at(buffer, offset)
        }
    }

    #[test]
    fn what_stands_across_the_end_of_a_window_is_read_like_in_memory() {
        let limits = Limits::default();
        for tail in ["0 R ", "0 obj ", "]", "%x\n0 R "] {
            for before in OBJECT - 6..OBJECT + 2 {
                let text = format!("[{}12 {tail}]", " ".repeat(before));
                let bytes = text.into_bytes();
                let read = |bytes: &Bytes<'_>| {
                    bytes
                        .parse(0, &limits, |parser| parser.value())
                        .map(|(node, _)| node)
                };
                let here = read(&Bytes::memory(&bytes));
                assert_eq!(read(&Bytes::elsewhere(&bytes).unwrap()), here, "{tail} {before}");
            }
        }
        // Far behind the number, and still a reference.
        let bytes = format!("12 %{}\n 0 R ", "x".repeat(3 * OBJECT)).into_bytes();
        let bytes = Bytes::elsewhere(&bytes).unwrap();
        let (node, _) = bytes.parse(0, &limits, |parser| parser.value()).unwrap();
        assert!(matches!(node.value, Value::Reference(_)));
    }

    #[test]
    fn neighbours_are_read_once() {
        let source = Counted(b"<< /A 1 >>\n".repeat(2 * PAGE / 11), Cell::new(0));
        let bytes = Bytes::elsewhere(&source).unwrap();
        for at in (0..source.0.len()).step_by(11) {
            bytes
                .parse(at, &Limits::default(), |parser| parser.value())
                .unwrap();
        }
        assert!(source.1.get() <= source.0.len());
    }
}
