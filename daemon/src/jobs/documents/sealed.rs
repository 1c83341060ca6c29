//! A complete document that nobody can change any more, wherever its bytes are.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use trien_signatures::algorithm::{Hash, Hasher};
use trien_signatures::pdf::{Pieces, Source};

use super::room::Room;
use super::vault::Vault;

/// How much of a document is in memory when it is read from its beginning to its end.
const PIECE: usize = 64 * 1024;

/// A complete document that nobody can change any more; of a signature that stands alone, with what it is about.
#[derive(Debug, Clone)]
pub struct Sealed(pub(super) Arc<SealedFile>, Option<Arc<SealedFile>>);

#[derive(Debug)]
pub(super) struct SealedFile {
    pub(super) body: Body,
    size: u64,
    sha256: String,
    /// SHA-256 of all of it, to go on from with what is appended.
    hasher: Hasher,
    _room: Option<Room>,
}

/// Where the bytes of a complete document are.
#[derive(Debug)]
pub(super) enum Body {
    Vault(Vault),
    /// A document with something put before it and behind: what a signature does to it.
    Around {
        head: Vec<u8>,
        inner: Sealed,
        tail: Vec<u8>,
    },
    /// What stands in another document.
    Part(Pieces<Sealed>),
    /// A file of the person at the shell, which others may change: that is found out when all of it is read. With the
    /// times of its last changes when it was taken, in nanoseconds.
    File(File, Times),
}

/// A file of the person at the shell is not any more what was to be signed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the file was changed while it was being signed")]
pub struct Changed;

impl Changed {
    /// True if that is what an error of [`Sealed`] says.
    #[must_use]
    pub fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

impl Sealed {
    pub(super) fn new(body: Body, size: u64, hasher: Hasher, _room: Option<Room>) -> Self {
        let file = SealedFile {
            body,
            size,
            sha256: hex::encode(hasher.clone().finalize()),
            hasher,
            _room,
        };
        Self(Arc::new(file), None)
    }

    /// The same as a signature that stands alone, with what it is about.
    #[must_use]
    pub fn with_content(self, content: &Self) -> Self {
        Self(self.0, Some(Arc::clone(&content.0)))
    }

    /// What it is about, if it is a signature that stands alone and that was handed in.
    #[must_use]
    pub fn content(&self) -> Option<Self> {
        self.1.as_ref().map(|content| Self(Arc::clone(content), None))
    }

    /// Takes a file of the person at the shell where it is, after reading it once.
    ///
    /// # Errors
    /// Of the system.
    pub fn of_file(file: File) -> io::Result<Self> {
        let times = times(&file)?;
        let mut hasher = Hash::Sha256.hasher();
        let mut size = 0;
        let mut piece = vec![0; PIECE];
        loop {
            match file.read_at(&mut piece, size) {
                Ok(0) => break,
                Ok(read) => {
                    hasher.update(&piece[..read]);
                    size += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self::new(Body::File(file, times), size, hasher, None))
    }

    /// What stands in another document, in pieces of which start and length are given, after reading it once.
    ///
    /// # Errors
    /// Of the system.
    pub fn part(whole: &Self, pieces: &[(u64, u64)]) -> io::Result<Self> {
        let pieces = Pieces::of(whole.clone(), pieces);
        let mut hasher = Hash::Sha256.hasher();
        each(&pieces, |piece| hasher.update(piece))?;
        let size = pieces.size();
        Ok(Self::new(Body::Part(pieces), size, hasher, None))
    }

    /// As [`Self::is_changed`], for who has no time to read all of it where nobody has written to it.
    #[must_use]
    pub fn is_written_to(&self) -> bool {
        match &self.0.body {
            Body::File(file, then) => times(file).is_ok_and(|now| now != *then) && self.is_changed(),
            Body::Around { inner, .. } => inner.is_written_to(),
            Body::Part(pieces) => pieces.whole().is_written_to(),
            Body::Vault(_) => false,
        }
    }

    /// SHA-256, lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// In bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// If it is another document with something appended: that one, and what was.
    #[must_use]
    pub fn appended(&self) -> Option<(&Self, &[u8])> {
        match &self.0.body {
            Body::Around { head, inner, tail } if head.is_empty() => Some((inner, tail)),
            _ => None,
        }
    }

    /// The document that it was put around, with something before it.
    #[must_use]
    pub fn enclosed(&self) -> Option<&Self> {
        match &self.0.body {
            Body::Around { head, inner, .. } if !head.is_empty() => Some(inner),
            _ => None,
        }
    }

    /// The hash that was computed over all of it, for who appends something.
    #[must_use]
    pub fn begun(&self) -> (Hash, Hasher) {
        (Hash::Sha256, self.0.hasher.clone())
    }

    /// Its digest. SHA-256 is known.
    ///
    /// # Errors
    /// Of the system; [`io::ErrorKind::InvalidData`] if a file was changed meanwhile.
    pub fn digest(&self, hash: Hash) -> io::Result<Vec<u8>> {
        if hash == Hash::Sha256 {
            return Ok(self.0.hasher.clone().finalize());
        }
        let (mut hasher, mut known) = (hash.hasher(), self.is_changeable().then(|| Hash::Sha256.hasher()));
        self.each(|piece| {
            hasher.update(piece);
            if let Some(known) = &mut known {
                known.update(piece);
            }
        })?;
        known.map_or(Ok(()), |known| self.check(known))?;
        Ok(hasher.finalize())
    }

    /// Whether others can change what it is read from.
    fn is_changeable(&self) -> bool {
        match &self.0.body {
            Body::Vault(_) => false,
            Body::File(..) => true,
            Body::Around { inner, .. } => inner.is_changeable(),
            Body::Part(pieces) => pieces.whole().is_changeable(),
        }
    }

    /// All of it, in pieces.
    pub(super) fn each(&self, take: impl FnMut(&[u8])) -> io::Result<()> {
        each(self, take)
    }

    /// Writes all of it, and makes sure that it was what its digest says.
    ///
    /// # Errors
    /// Of the system; [`io::ErrorKind::InvalidData`] if a file was changed meanwhile. Something has been written then.
    pub fn write_to(&self, output: &mut dyn io::Write) -> io::Result<()> {
        let mut hasher = Hash::Sha256.hasher();
        let mut outcome = Ok(());
        self.each(|piece| {
            hasher.update(piece);
            if outcome.is_ok() {
                outcome = output.write_all(piece);
            }
        })?;
        outcome?;
        self.check(hasher)
    }

    fn check(&self, hasher: Hasher) -> io::Result<()> {
        if hex::encode(hasher.finalize()) == self.sha256() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, Changed))
    }

    /// True if it is a file that others have changed since it was taken. All of it is read for that.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        match &self.0.body {
            Body::File(..) => {
                let mut hasher = Hash::Sha256.hasher();
                let read = self.each(|piece| hasher.update(piece));
                read.and_then(|()| self.check(hasher)).is_err()
            }
            Body::Around { inner, .. } => inner.is_changed(),
            Body::Part(pieces) => pieces.whole().is_changed(),
            Body::Vault(_) => false,
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// Of the kernel; [`io::ErrorKind::InvalidData`] if a file was changed meanwhile.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.0.size).map_err(io::Error::other)?];
        self.read_exact_at(&mut bytes, 0)?;
        if self.is_changeable() {
            let mut hasher = Hash::Sha256.hasher();
            hasher.update(&bytes);
            self.check(hasher)?;
        }
        Ok(bytes)
    }

    /// From its beginning to its end.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader {
            document: self.clone(),
            offset: 0,
        }
    }

    /// Exactly so many bytes of it, from `offset` on.
    ///
    /// # Errors
    /// Past the end, or of the system.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.0.body {
            Body::Vault(vault) => vault.read_exact_at(buffer, offset),
            Body::File(file, _) => file.read_exact_at(buffer, offset),
            Body::Part(pieces) => pieces.read_exact_at(buffer, offset),
            Body::Around { head, inner, tail } => {
                let (before, rest) = split(buffer, offset, head.len() as u64);
                copy(before, head, offset)?;
                let offset = offset.saturating_sub(head.len() as u64);
                let (within, rest) = split(rest, offset, inner.size());
                if !within.is_empty() {
                    inner.read_exact_at(within, offset)?;
                }
                copy(rest, tail, offset.saturating_sub(inner.size()))
            }
        }
    }
}

fn each(source: &dyn Source, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut offset = 0;
    while offset < source.size() {
        let rest = source.size() - offset;
        let length = usize::try_from(rest).map_or(piece.len(), |rest| rest.min(piece.len()));
        source.read_exact_at(&mut piece[..length], offset)?;
        take(&piece[..length]);
        offset += length as u64;
    }
    Ok(())
}

/// When a file's bytes and when its entry were changed last.
type Times = [(i64, i64); 2];

fn times(file: &File) -> io::Result<Times> {
    let about = file.metadata()?;
    Ok([
        (about.mtime(), about.mtime_nsec()),
        (about.ctime(), about.ctime_nsec()),
    ])
}

/// What of a buffer that is read from `offset` on comes from the first `length` bytes, and the rest.
fn split(buffer: &mut [u8], offset: u64, length: u64) -> (&mut [u8], &mut [u8]) {
    let here = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
    buffer.split_at_mut(here.min(buffer.len()))
}

fn copy(buffer: &mut [u8], from: &[u8], offset: u64) -> io::Result<()> {
    if buffer.is_empty() {
        return Ok(());
    }
    let start = usize::try_from(offset).map_err(io::Error::other)?;
    let bytes = start
        .checked_add(buffer.len())
        .and_then(|end| from.get(start..end));
    buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

impl Source for Sealed {
    fn size(&self) -> u64 {
        self.0.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        Self::read_exact_at(self, buffer, offset)
    }
}

/// Reads a document piece by piece.
#[derive(Debug)]
pub struct Reader {
    document: Sealed,
    offset: u64,
}

impl io::Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.document.size() - self.offset;
        let length = usize::try_from(rest).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        self.document.read_exact_at(&mut buffer[..length], self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }
}

impl io::Seek for Reader {
    /// Not past the end, where nothing will ever be.
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let offset = match to {
            io::SeekFrom::Start(offset) => Some(offset),
            io::SeekFrom::End(by) => self.document.size().checked_add_signed(by),
            io::SeekFrom::Current(by) => self.offset.checked_add_signed(by),
        };
        let offset = offset.filter(|offset| *offset <= self.document.size());
        self.offset = offset.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.offset)
    }
}
