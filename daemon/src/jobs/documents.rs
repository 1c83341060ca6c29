//! The documents a connection holds, each sealed when it is complete and named by its digest. What was shown is what is
//! signed: nobody can change a sealed document, not even us (see [`vault`]).
//!
//! Here, and not with the transport, because a document is what jobs work on; a road only brings its bytes.

mod vault;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use std::fs::File;
use std::os::unix::fs::FileExt;

use trien_protocol::call::{Download, Upload};
use trien_protocol::limits::{MAX_CHUNK, MAX_DOCUMENT, MAX_DOCUMENTS, MAX_UPLOAD_SECONDS};
use trien_protocol::reply::UploadReply;
use trien_signatures::algorithm::{Hash, Hasher};
use trien_signatures::pdf::Source;
use vault::Vault;

/// Documents a connection may hold: as many as a request names, and their results.
const MAX_COUNT: usize = 2 * MAX_DOCUMENTS;

/// How long an upload may bring nothing.
const MAX_UPLOAD: Duration = Duration::from_secs(MAX_UPLOAD_SECONDS);

/// How much of a document is in memory when it is read from its beginning to its end.
const PIECE: usize = 64 * 1024;

/// Bytes that all connections together may hold.
#[derive(Debug)]
pub struct Memory {
    limit: u64,
    /// Where large documents lie, encrypted; in memory like the others if there is no such place.
    folder: Option<PathBuf>,
    held: Mutex<u64>,
}

/// The documents of one connection.
#[derive(Debug)]
pub struct Documents {
    quota: u64,
    memory: Arc<Memory>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    complete: HashMap<String, Sealed>,
    coming: HashMap<String, Coming>,
    /// Bytes of all documents, counted at the size they announce.
    held: u64,
}

#[derive(Debug)]
struct Coming {
    vault: Vault,
    size: u64,
    received: u64,
    hasher: Hasher,
    /// When its latest piece came.
    touched: Instant,
    _room: Room,
}

/// A complete document that nobody can change any more.
#[derive(Debug, Clone)]
pub struct Sealed(Arc<SealedFile>);

#[derive(Debug)]
struct SealedFile {
    body: Body,
    size: u64,
    sha256: String,
    /// SHA-256 of all of it, to go on from with what is appended.
    hasher: Hasher,
    _room: Option<Room>,
}

/// Where the bytes of a complete document are.
#[derive(Debug)]
enum Body {
    Vault(Vault),
    /// A document with something put before it and behind: what a signature does to it.
    Around {
        head: Vec<u8>,
        inner: Sealed,
        tail: Vec<u8>,
    },
    /// A file of the person at the shell, which others may change: that is found out when all of it is read.
    File(File),
}

/// Bytes of a connection's quota and of the memory of all; given back when dropped.
#[derive(Debug)]
pub struct Room {
    bytes: u64,
    state: std::sync::Weak<Mutex<State>>,
    memory: Arc<Memory>,
}

/// A document cannot be held, or is not there.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Past a limit; which.
    #[error("{0}")]
    TooLarge(&'static str),
    /// Bytes out of order, too many, or with another digest than announced; what was held of the document is gone.
    #[error("{0}")]
    Mismatch(&'static str),
    /// A parameter that cannot be right; which.
    #[error("{0}")]
    Bad(&'static str),
    /// No complete document of this digest and size is held.
    #[error("no such document is held")]
    Missing,
    /// The system gives no memory file, or no place on the disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Documents {
    /// With room for so many bytes.
    #[must_use]
    pub fn new(quota: u64, memory: Arc<Memory>) -> Self {
        Self {
            quota,
            memory,
            state: Arc::default(),
        }
    }

    /// Takes the next bytes of a document; seals it with the last.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn upload(&self, upload: &Upload, bytes: &[u8]) -> Result<UploadReply, DocumentError> {
        check_digest(&upload.sha256)?;
        if bytes.len() > MAX_CHUNK {
            return Err(DocumentError::TooLarge("data: more than a chunk"));
        }
        let name = &upload.sha256;
        if let Some(document) = self.lock().complete.get(name) {
            // The same document once more is the same document.
            return match document.size() == upload.size {
                true => Ok(UploadReply {
                    received: upload.size,
                    sealed: true,
                }),
                false => Err(DocumentError::Mismatch("size: another than before")),
            };
        }
        let begun = self.lock().coming.remove(name);
        let mut coming = match begun {
            Some(coming) => coming,
            None => self.begin(upload.size)?,
        };
        // From here on a mistake loses what came before it: the page begins anew.
        coming.take(upload, bytes)?;
        let received = coming.received;
        let sealed = received == coming.size;
        if sealed {
            let document = coming.seal(name)?;
            self.publish(document);
        } else {
            // Of two chunks of one document at once, the later to come here counts.
            let other = self.lock().coming.insert(name.clone(), coming);
            drop(other);
        }
        Ok(UploadReply { received, sealed })
    }

    fn begin(&self, size: u64) -> Result<Coming, DocumentError> {
        if size == 0 {
            return Err(DocumentError::Bad("size: zero"));
        }
        if size > MAX_DOCUMENT {
            return Err(DocumentError::TooLarge("size: past the largest document"));
        }
        Coming::new(size, self.reserve(1, size)?, &self.memory)
    }

    /// Takes room for so many documents of so many bytes in all.
    ///
    /// # Errors
    /// [`DocumentError::TooLarge`].
    pub fn reserve(&self, documents: usize, bytes: u64) -> Result<Room, DocumentError> {
        let mut state = self.lock();
        if state.complete.len() + state.coming.len() + documents > MAX_COUNT {
            return Err(DocumentError::TooLarge("too many documents on this connection"));
        }
        if state.held.saturating_add(bytes) > self.quota {
            return Err(DocumentError::TooLarge("more bytes than a connection may hold"));
        }
        if !self.memory.take(bytes) {
            return Err(DocumentError::TooLarge(
                "more bytes than all connections together may hold",
            ));
        }
        state.held += bytes;
        Ok(Room {
            bytes,
            state: Arc::downgrade(&self.state),
            memory: Arc::clone(&self.memory),
        })
    }

    /// Holds bytes of our own making, in the room that was taken for them if they fit there. They cannot be had by
    /// anybody before [`Documents::publish`].
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn seal(&self, bytes: &[u8], room: Option<Room>) -> Result<Sealed, DocumentError> {
        let size = bytes.len() as u64;
        let part = match room.and_then(|mut room| room.split(size)) {
            Some(part) => part,
            None => self.reserve(1, size)?,
        };
        let mut coming = Coming::new(size, part, &self.memory)?;
        coming.append(bytes)?;
        coming.close()
    }

    /// Holds a document of ours as it becomes by what is put before it and behind it; its bytes are not copied.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn seal_around(
        &self,
        head: Vec<u8>,
        inner: &Sealed,
        tail: Vec<u8>,
        room: Option<Room>,
    ) -> Result<Sealed, DocumentError> {
        let size = inner.size() + (head.len() + tail.len()) as u64;
        let part = match room.and_then(|mut room| room.split(size)) {
            Some(part) => part,
            None => self.reserve(1, size)?,
        };
        let mut hasher = if head.is_empty() {
            inner.0.hasher.clone()
        } else {
            let mut hasher = Hash::Sha256.hasher();
            hasher.update(&head);
            inner.each(|piece| hasher.update(piece))?;
            hasher
        };
        hasher.update(&tail);
        let inner = inner.clone();
        let body = Body::Around { head, inner, tail };
        Ok(Sealed::new(body, size, hasher, Some(part)))
    }

    /// Takes a file of the person at the shell where it is, after reading it once.
    ///
    /// # Errors
    /// Of the system.
    pub fn take_file(file: File) -> io::Result<Sealed> {
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
        Ok(Sealed::new(Body::File(file), size, hasher, None))
    }

    /// Lets go of uploads that have brought nothing for longer than [`MAX_UPLOAD_SECONDS`] before `now`.
    pub fn drop_stale(&self, now: Instant) {
        let stale = |coming: &Coming| now.saturating_duration_since(coming.touched) > MAX_UPLOAD;
        // They give their room back when dropped, for which the lock must be free.
        let dropped: Vec<_> = self.lock().coming.extract_if(|_, coming| stale(coming)).collect();
        drop(dropped);
    }

    /// Lets the connection have a document.
    pub fn publish(&self, document: Sealed) {
        // What it replaces gives its room back, for which the lock must be free.
        let replaced = self
            .lock()
            .complete
            .insert(document.sha256().to_owned(), document);
        drop(replaced);
    }

    /// The document of this digest and size.
    ///
    /// # Errors
    /// [`DocumentError::Missing`].
    pub fn find(&self, sha256: &str, size: u64) -> Result<Sealed, DocumentError> {
        let found = self.lock().complete.get(sha256).cloned();
        found
            .filter(|document| document.size() == size)
            .ok_or(DocumentError::Missing)
    }

    /// Some bytes of a document, and its size.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn read(&self, download: &Download) -> Result<(u64, Vec<u8>), DocumentError> {
        let document = self
            .lock()
            .complete
            .get(&download.sha256)
            .cloned()
            .ok_or(DocumentError::Missing)?;
        if download.offset >= document.size() {
            return Err(DocumentError::Bad("offset: past the end"));
        }
        let rest = document.size() - download.offset;
        let length = rest.min(u64::from(download.length)).min(MAX_CHUNK as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(MAX_CHUNK)];
        document.read_exact_at(&mut bytes, download.offset)?;
        Ok((document.size(), bytes))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// So many bytes.
    #[must_use]
    pub fn of(limit: u64) -> Arc<Self> {
        Self::on_disk(limit, None)
    }

    /// So many bytes, the large documents among them in files of this folder, which only this user can enter.
    #[must_use]
    pub fn on_disk(limit: u64, folder: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            folder,
            held: Mutex::new(0),
        })
    }

    fn take(&self, bytes: u64) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = held.checked_add(bytes).is_some_and(|sum| sum <= self.limit);
        if fits {
            *held += bytes;
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
    }
}

impl Room {
    /// A part of this room; none if it is smaller than that.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Option<Self> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(Self {
            bytes,
            state: self.state.clone(),
            memory: Arc::clone(&self.memory),
        })
    }
}

impl Coming {
    fn new(size: u64, room: Room, memory: &Memory) -> Result<Self, DocumentError> {
        Ok(Self {
            vault: Vault::new(size, memory.folder.as_deref())?,
            size,
            received: 0,
            hasher: Hash::Sha256.hasher(),
            touched: Instant::now(),
            _room: room,
        })
    }

    fn take(&mut self, upload: &Upload, bytes: &[u8]) -> Result<(), DocumentError> {
        if upload.size != self.size {
            return Err(DocumentError::Mismatch("size: another than before"));
        }
        if upload.offset != self.received {
            return Err(DocumentError::Mismatch("offset: not as many as have come"));
        }
        if bytes.is_empty() {
            return Err(DocumentError::Bad("data: no bytes"));
        }
        if bytes.len() as u64 > self.size - self.received {
            return Err(DocumentError::Mismatch("data: more bytes than announced"));
        }
        Ok(self.append(bytes)?)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.vault.append(bytes, self.received)?;
        self.hasher.update(bytes);
        self.received += bytes.len() as u64;
        self.touched = Instant::now();
        Ok(())
    }

    fn seal(self, sha256: &str) -> Result<Sealed, DocumentError> {
        let sealed = self.close()?;
        if sealed.sha256() != sha256 {
            return Err(DocumentError::Mismatch("sha256: the bytes have another digest"));
        }
        Ok(sealed)
    }

    fn close(mut self) -> Result<Sealed, DocumentError> {
        self.vault.seal()?;
        let Self {
            vault,
            size,
            hasher,
            _room,
            ..
        } = self;
        Ok(Sealed::new(Body::Vault(vault), size, hasher, Some(_room)))
    }
}

impl Sealed {
    fn new(body: Body, size: u64, hasher: Hasher, _room: Option<Room>) -> Self {
        Self(Arc::new(SealedFile {
            body,
            size,
            sha256: hex::encode(hasher.clone().finalize()),
            hasher,
            _room,
        }))
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

    /// The hash that was computed over all of it, for who appends something.
    #[must_use]
    pub fn begun(&self) -> (Hash, Hasher) {
        (Hash::Sha256, self.0.hasher.clone())
    }

    /// Its digest. SHA-256 is known.
    ///
    /// # Errors
    /// Of the system.
    pub fn digest(&self, hash: Hash) -> io::Result<Vec<u8>> {
        if hash == Hash::Sha256 {
            return Ok(self.0.hasher.clone().finalize());
        }
        let mut hasher = hash.hasher();
        self.each(|piece| hasher.update(piece))?;
        Ok(hasher.finalize())
    }

    /// All of it, in pieces.
    fn each(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let mut offset = 0;
        while offset < self.size() {
            let rest = self.size() - offset;
            let length = usize::try_from(rest).map_or(piece.len(), |rest| rest.min(piece.len()));
            self.read_exact_at(&mut piece[..length], offset)?;
            take(&piece[..length]);
            offset += length as u64;
        }
        Ok(())
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
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file was changed while it was being signed",
        ))
    }

    /// All of it.
    ///
    /// # Errors
    /// Of the kernel; [`io::ErrorKind::InvalidData`] if a file was changed meanwhile.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.0.size).map_err(io::Error::other)?];
        self.read_exact_at(&mut bytes, 0)?;
        if !matches!(self.0.body, Body::Vault(_)) {
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
            Body::File(file) => file.read_exact_at(buffer, offset),
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

impl Drop for Room {
    fn drop(&mut self) {
        self.memory.give_back(self.bytes);
        if let Some(state) = self.state.upgrade() {
            // Never dropped by who holds the lock: documents leave the maps as values.
            state.lock().unwrap_or_else(PoisonError::into_inner).held -= self.bytes;
        }
    }
}

/// 64 lower-case hexadecimal digits.
fn check_digest(text: &str) -> Result<(), DocumentError> {
    let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() == 64 && digits {
        Ok(())
    } else {
        Err(DocumentError::Bad("sha256: not 64 lower-case hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn documents(quota: u64) -> Documents {
        Documents::new(quota, Memory::of(quota))
    }

    fn digest(bytes: &[u8]) -> String {
        hex::encode(Sha256::digest(bytes))
    }

    fn chunk(sha256: &str, size: usize, offset: usize) -> Upload {
        Upload {
            sha256: sha256.to_owned(),
            size: size as u64,
            offset: offset as u64,
            data: None,
        }
    }

    #[test]
    fn pieces_become_a_document_that_cannot_change() {
        let documents = documents(100);
        let (bytes, name) = (b"mot hai ba", digest(b"mot hai ba"));
        assert!(
            !documents
                .upload(&chunk(&name, 10, 0), &bytes[..4])
                .unwrap()
                .sealed
        );
        assert!(matches!(documents.find(&name, 10), Err(DocumentError::Missing)));
        assert!(
            documents
                .upload(&chunk(&name, 10, 4), &bytes[4..])
                .unwrap()
                .sealed
        );
        let document = documents.find(&name, 10).unwrap();
        assert_eq!(document.bytes().unwrap(), bytes);
        let Body::Vault(Vault::Memory(file)) = &document.0.body else {
            panic!("a small document on the disk");
        };
        let written = std::os::unix::fs::FileExt::write_at(file, b"x", 0);
        assert!(written.is_err() && file.set_len(3).is_err());
        assert!(matches!(documents.find(&name, 11), Err(DocumentError::Missing)));
        assert!(documents.upload(&chunk(&name, 10, 0), bytes).unwrap().sealed);
        let read = Download {
            sha256: name.clone(),
            offset: 4,
            length: 3,
        };
        assert_eq!(documents.read(&read).unwrap(), (10, b"hai".to_vec()));
        let past = Download {
            sha256: name,
            offset: 10,
            length: 1,
        };
        assert!(matches!(documents.read(&past), Err(DocumentError::Bad(_))));
    }

    #[test]
    fn deviations_lose_the_document_and_free_its_room() {
        let name = digest(b"0123456789");
        for (second, bytes) in [
            (chunk(&name, 10, 5), &b"6789"[..]),
            (chunk(&name, 10, 3), b"456789"),
            (chunk(&name, 11, 4), b"456789"),
            (chunk(&name, 10, 4), b"4567890"),
            (chunk(&name, 10, 4), b"45678X"),
        ] {
            let documents = documents(10);
            documents.upload(&chunk(&name, 10, 0), b"0123").unwrap();
            assert!(matches!(
                documents.upload(&second, bytes),
                Err(DocumentError::Mismatch(_))
            ));
            assert_eq!(documents.lock().held, 0);
            assert!(
                documents
                    .upload(&chunk(&name, 10, 0), b"0123456789")
                    .unwrap()
                    .sealed
            );
        }
    }

    #[test]
    fn limits_hold() {
        let documents = documents(100);
        let name = digest(b"x");
        let too_large = |result| matches!(result, Err(DocumentError::TooLarge(_)));
        assert!(too_large(documents.upload(&chunk(&name, 101, 0), b"x")));
        assert!(too_large(
            documents.upload(&chunk(&name, 1, 0), &vec![0; MAX_CHUNK + 1])
        ));
        assert!(too_large(
            super::tests::documents(u64::MAX / 2).upload(&chunk(&name, MAX_DOCUMENT as usize + 1, 0), b"x")
        ));
        for bad in [
            chunk("", 1, 0),
            chunk(&name.to_uppercase(), 1, 0),
            chunk(&name, 0, 0),
        ] {
            assert!(matches!(documents.upload(&bad, b"x"), Err(DocumentError::Bad(_))));
        }
    }

    #[test]
    fn connections_share_the_memory_of_all() {
        let memory = Memory::of(15);
        let [one, other] = [(); 2].map(|()| Documents::new(10, Arc::clone(&memory)));
        let held = one.seal(b"0123456789", None).unwrap();
        assert!(matches!(
            other.seal(b"0123456789", None),
            Err(DocumentError::TooLarge(_))
        ));
        drop(held);
        let mut room = other.reserve(2, 10).unwrap();
        let part = room.split(5);
        let first = other.seal(b"0123", part).unwrap();
        assert_eq!((room.bytes, other.lock().held), (5, 9));
        drop((first, room));
        let begun = chunk(&digest(b"0123456789"), 10, 0);
        other.upload(&begun, b"0").unwrap();
        other.drop_stale(Instant::now() + MAX_UPLOAD / 2);
        assert_eq!(*memory.held.lock().unwrap(), 10);
        other.drop_stale(Instant::now() + MAX_UPLOAD + Duration::from_secs(1));
        assert_eq!((*memory.held.lock().unwrap(), other.lock().held), (0, 0));
        drop(one.seal(b"x", None).unwrap());
        drop((one, other));
        assert_eq!(*memory.held.lock().unwrap(), 0);
    }

    #[test]
    fn a_signed_document_is_read_across_its_parts() {
        let documents = documents(10_000);
        let inner = documents.seal(b"bbbbb", None).unwrap();
        for (head, tail) in [("aaa", "cc"), ("", "cc"), ("aaa", ""), ("", "")] {
            let whole = format!("{head}bbbbb{tail}");
            let around = documents
                .seal_around(head.into(), &inner, tail.into(), None)
                .unwrap();
            assert_eq!(around.bytes().unwrap(), whole.as_bytes());
            assert_eq!(around.sha256(), digest(whole.as_bytes()));
            for start in 0..whole.len() {
                for end in start..=whole.len() {
                    let mut part = vec![0; end - start];
                    around.read_exact_at(&mut part, start as u64).unwrap();
                    assert_eq!(part, whole.as_bytes()[start..end]);
                }
            }
            let mut past = [0; 2];
            assert!(around.read_exact_at(&mut past, whole.len() as u64 - 1).is_err());
            let more = documents
                .seal_around(Vec::new(), &around, b"dd".to_vec(), None)
                .unwrap();
            assert_eq!(more.sha256(), digest(format!("{whole}dd").as_bytes()));
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_signed_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"mot hai ba").unwrap();
        let sealed = Documents::take_file(File::open(&path).unwrap()).unwrap();
        assert_eq!(
            (sealed.size(), sealed.sha256()),
            (10, digest(b"mot hai ba").as_str())
        );
        let signed = documents(100)
            .seal_around(Vec::new(), &sealed, b"!".to_vec(), None)
            .unwrap();
        let mut written = Vec::new();
        signed.write_to(&mut written).unwrap();
        assert_eq!(written, b"mot hai ba!");
        std::fs::write(&path, b"mot hai bo").unwrap();
        for document in [&sealed, &signed] {
            assert_eq!(document.bytes().unwrap_err().kind(), io::ErrorKind::InvalidData);
            let error = document.write_to(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
