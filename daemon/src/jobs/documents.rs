//! The documents a connection holds, each sealed when it is complete and named by its digest. What was shown is what is
//! signed: nobody can change a sealed document, not even us (see [`vault`]).
//!
//! Here, and not with the transport, because a document is what jobs work on; a road only brings its bytes.

mod manifest;
mod room;
mod sealed;
mod vault;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use trien_protocol::call::{Download, Upload};
use trien_protocol::limits::{MAX_CHUNK, MAX_COMING, MAX_DOCUMENT, MAX_DOCUMENTS, MAX_UPLOAD_SECONDS};
use trien_protocol::reply::UploadReply;
use trien_signatures::algorithm::{Hash, Hasher};

pub use manifest::Manifest;
use manifest::{Concern, Manifests};
pub use room::{Memory, Remembered, Room};
use sealed::Body;
pub use sealed::{Changed, Reader, Sealed};
use vault::Vault;

/// Documents a connection may hold: as many as a request names, and their results.
const MAX_COUNT: usize = 2 * MAX_DOCUMENTS;

/// How long an upload may bring nothing.
const MAX_UPLOAD: Duration = Duration::from_secs(MAX_UPLOAD_SECONDS);

/// The documents of one connection.
#[derive(Debug)]
pub struct Documents {
    quota: u64,
    /// Whose page's they are.
    origin: Option<Arc<str>>,
    memory: Arc<Memory>,
    state: Arc<Mutex<State>>,
    manifests: Arc<Manifests>,
}

#[derive(Debug, Default)]
struct State {
    complete: HashMap<String, Held>,
    /// How many have ever been complete.
    published: u64,
    coming: HashMap<String, Coming>,
    /// Bytes of all documents, counted at the size they announce.
    held: u64,
}

#[derive(Debug)]
struct Held {
    document: Sealed,
    /// The lower, the earlier it was complete.
    age: u64,
}

#[derive(Debug)]
struct Coming {
    vault: Vault,
    size: u64,
    received: u64,
    hasher: Hasher,
    /// When its latest piece came.
    touched: Instant,
    /// Its first bytes may come once more, in place of what was left of it by somebody else.
    may_begin_anew: bool,
    room: Room,
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
    /// What came, or is here, is not what the manifest of a request says; in what.
    #[error("{0}")]
    Deviation(&'static str),
    /// There is no room left on the disk.
    #[error("no room left on the disk")]
    DiskFull,
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
        let state = Arc::default();
        let manifests = Manifests::new(&state);
        Self {
            quota,
            origin: None,
            memory,
            state,
            manifests,
        }
    }

    /// As those of a page of this origin, which shares its part of the memory with the origin's other pages.
    #[must_use]
    pub fn of_origin(mut self, origin: Option<&str>) -> Self {
        self.origin = origin.map(Arc::from);
        self
    }

    /// Takes the next bytes of a document; seals it with the last. Where requests wait for documents, it has to be one of
    /// those, as their manifests say: anything else ends them.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn upload(&self, upload: &Upload, bytes: &[u8]) -> Result<UploadReply, DocumentError> {
        check_digest(&upload.sha256)?;
        if bytes.len() > MAX_CHUNK {
            return Err(DocumentError::TooLarge("data: more than a chunk"));
        }
        match self.manifests.concern(upload)? {
            Concern::Free => self.take(upload, bytes, None),
            Concern::Named(manifests, room) => {
                let outcome = self.take(upload, bytes, room);
                self.manifests.note(&manifests, &outcome);
                outcome
            }
            // What it was for has ended; those that wait still are not to suffer for it.
            Concern::Former => self.known(upload, bytes).unwrap_or(Err(DocumentError::Mismatch(
                "sha256: of a manifest that waits no more",
            ))),
        }
    }

    /// The same document once more is the same document. None if it is not complete.
    fn known(&self, upload: &Upload, bytes: &[u8]) -> Option<Result<UploadReply, DocumentError>> {
        let held = self.lock().get(&upload.sha256)?;
        Some(again(&held, upload, bytes))
    }

    fn take(&self, upload: &Upload, bytes: &[u8], room: Option<Room>) -> Result<UploadReply, DocumentError> {
        if let Some(known) = self.known(upload, bytes) {
            return known;
        }
        let name = &upload.sha256;
        let begun = self.lock().coming.remove(name);
        let begun = begun.filter(|coming| upload.offset > 0 || !coming.may_begin_anew);
        let mut coming = match begun {
            Some(coming) => coming,
            None => self.begin(upload.size, room)?,
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

    fn begin(&self, size: u64, room: Option<Room>) -> Result<Coming, DocumentError> {
        if size == 0 {
            return Err(DocumentError::Bad("size: zero"));
        }
        if size > MAX_DOCUMENT {
            return Err(DocumentError::TooLarge("size: past the largest document"));
        }
        if self.lock().coming.len() >= MAX_COMING {
            return Err(DocumentError::TooLarge("too many documents at once"));
        }
        let room = match room {
            Some(room) => room,
            None => self.reserve(1, size)?,
        };
        Coming::new(size, room, &self.memory)
    }

    /// Takes room for so many documents of so many bytes in all, each in a file. Where there is none, the documents that
    /// were complete first go, but for those of requests at work: a page that stays open signs all day.
    ///
    /// # Errors
    /// [`DocumentError::TooLarge`], [`DocumentError::DiskFull`].
    pub fn reserve(&self, documents: usize, bytes: u64) -> Result<Room, DocumentError> {
        self.reserve_beside(&self.manifests.lock(), 0, documents, bytes)
    }

    /// The same beside so many documents that are promised; one at a time, for the manifests are locked.
    fn reserve_beside(
        &self,
        manifests: &manifest::Inner,
        promised: usize,
        documents: usize,
        bytes: u64,
    ) -> Result<Room, DocumentError> {
        let many = || DocumentError::TooLarge("too many documents on this connection");
        let large = || DocumentError::TooLarge("more bytes than a connection may hold");
        // What could never be held costs nobody anything.
        if promised + documents > MAX_COUNT {
            return Err(many());
        }
        if bytes > self.quota {
            return Err(large());
        }
        loop {
            let (count, held) = {
                let state = self.lock();
                (state.complete.len() + state.coming.len(), state.held)
            };
            let refused = if count + promised + documents > MAX_COUNT {
                many()
            } else if held.saturating_add(bytes) > self.quota {
                large()
            } else {
                let state = Arc::downgrade(&self.state);
                match self.memory.take(documents, bytes, self.origin.clone(), state) {
                    Ok(room) => {
                        self.lock().held += bytes;
                        return Ok(room);
                    }
                    Err(error @ DocumentError::TooLarge(_)) => error,
                    Err(error) => return Err(error),
                }
            };
            if !self.drop_oldest(manifests) {
                return Err(refused);
            }
        }
    }

    /// Lets go of the document that was complete first and that no request at work names. False if there is none.
    fn drop_oldest(&self, manifests: &manifest::Inner) -> bool {
        let mut state = self.lock();
        let idle = state.complete.iter().filter(|(name, _)| !manifests.names(name));
        let oldest = idle
            .min_by_key(|(_, held)| held.age)
            .map(|(name, _)| name.clone());
        let Some(name) = oldest else {
            return false;
        };
        let gone = state.complete.remove(&name);
        drop(state);
        self.memory.forget(self.origin.as_deref(), &name);
        // It gives its room back, for which the lock must be free.
        drop(gone);
        true
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

    /// Holds a document of ours as it becomes by what is put before it and behind it; its bytes are not copied, and take no
    /// room and no file once more.
    ///
    /// # Errors
    /// [`DocumentError`]; with [`Changed`] if a file was changed meanwhile.
    pub fn seal_around(
        &self,
        head: Vec<u8>,
        inner: &Sealed,
        tail: Vec<u8>,
        room: Option<Room>,
    ) -> Result<Sealed, DocumentError> {
        let added = (head.len() + tail.len()) as u64;
        let size = inner.size() + added;
        let mut part = match room.and_then(|mut room| room.split(added)) {
            Some(part) => part,
            None => self.reserve(1, added)?,
        };
        part.place(added);
        part.needs_no_file();
        let mut hasher = if head.is_empty() {
            inner.begun().1
        } else {
            let mut hasher = Hash::Sha256.hasher();
            hasher.update(&head);
            inner.each(|piece| hasher.update(piece))?;
            // Here nothing is compared with the digest that was signed.
            if inner.is_written_to() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, Changed).into());
            }
            hasher
        };
        hasher.update(&tail);
        let inner = inner.clone();
        let body = Body::Around { head, inner, tail };
        Ok(Sealed::new(body, size, hasher, Some(part)))
    }

    /// Whether something was begun, or is waited for, that [`Self::drop_stale`] may let go of.
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        !self.lock().coming.is_empty() || self.manifests.are_waiting()
    }

    /// Lets go of uploads that have brought nothing for longer than [`MAX_UPLOAD_SECONDS`] before `now`, and ends the
    /// waiting for manifests of which nothing has come for so long.
    pub fn drop_stale(&self, now: Instant) {
        self.manifests.drop_stale(now);
        let stale = |coming: &Coming| now.saturating_duration_since(coming.touched) > MAX_UPLOAD;
        // They give their room back when dropped, for which the lock must be free.
        let dropped: Vec<_> = self.lock().coming.extract_if(|_, coming| stale(coming)).collect();
        drop(dropped);
    }

    /// Lets the connection have a document.
    pub fn publish(&self, document: Sealed) {
        // What it replaces gives its room back, for which the lock must be free.
        let replaced = self.lock().put(document);
        drop(replaced);
        self.manifests.tell();
    }

    /// The document of this digest and size.
    ///
    /// # Errors
    /// [`DocumentError::Missing`].
    pub fn find(&self, sha256: &str, size: u64) -> Result<Sealed, DocumentError> {
        let found = self.lock().get(sha256);
        found
            .filter(|document| document.size() == size)
            .ok_or(DocumentError::Missing)
    }

    /// Some bytes of a document, and its size.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn read(&self, download: &Download) -> Result<(u64, Vec<u8>), DocumentError> {
        let document = self.lock().get(&download.sha256);
        let document = document.ok_or(DocumentError::Missing)?;
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

impl State {
    fn get(&self, sha256: &str) -> Option<Sealed> {
        self.complete.get(sha256).map(|held| held.document.clone())
    }

    /// Gives what it replaces.
    fn put(&mut self, document: Sealed) -> Option<Held> {
        self.published += 1;
        let age = self.published;
        let name = document.sha256().to_owned();
        self.complete.insert(name, Held { document, age })
    }
}

impl Coming {
    fn new(size: u64, room: Room, memory: &Arc<Memory>) -> Result<Self, DocumentError> {
        Ok(Self {
            vault: Vault::new(size, memory)?,
            size,
            received: 0,
            hasher: Hash::Sha256.hasher(),
            touched: Instant::now(),
            may_begin_anew: false,
            room,
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
        self.room.place(bytes.len() as u64);
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
            room,
            ..
        } = self;
        Ok(Sealed::new(Body::Vault(vault), size, hasher, Some(room)))
    }
}

/// Takes bytes of a document that is complete for what they must be.
fn again(held: &Sealed, upload: &Upload, bytes: &[u8]) -> Result<UploadReply, DocumentError> {
    let size = held.size();
    if size != upload.size {
        return Err(DocumentError::Mismatch("size: another than before"));
    }
    let end = upload.offset.checked_add(bytes.len() as u64);
    if end.is_none_or(|end| end > size) {
        return Err(DocumentError::Mismatch("data: more bytes than announced"));
    }
    let mut before = vec![0; bytes.len()];
    held.read_exact_at(&mut before, upload.offset)?;
    if before != bytes {
        return Err(DocumentError::Mismatch("data: other bytes than before"));
    }
    Ok(UploadReply {
        received: size,
        sealed: true,
    })
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
    use std::fs::File;

    use sha2::{Digest, Sha256};
    use trien_protocol::limits::MAX_HELD;

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
        let Body::Vault(Vault::Memory(file, _)) = &document.0.body else {
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

    /// Those that were complete first make way; not those of a request at work, and not for what can never be held.
    #[test]
    fn the_oldest_makes_way_unless_a_request_names_it() {
        let documents = documents(30);
        let held = |text: &str| {
            documents
                .find(&digest(text.as_bytes()), text.len() as u64)
                .is_ok()
        };
        let upload =
            |text: &str| documents.upload(&chunk(&digest(text.as_bytes()), text.len(), 0), text.as_bytes());
        for text in ["the first.", "the second", "the third."] {
            upload(text).unwrap();
        }
        let named = trien_protocol::call::DocumentRef {
            name: "x".into(),
            sha256: digest(b"the first."),
            size: 10,
        };
        let request = documents.expect([&named]);
        upload("the fourth").unwrap();
        assert_eq!(
            ["the first.", "the second", "the third.", "the fourth"].map(held),
            [true, false, true, true]
        );
        assert!(matches!(
            documents.reserve(1, 31),
            Err(DocumentError::TooLarge(_))
        ));
        assert!(held("the third."), "what can never be held costs nobody anything");
        assert!(matches!(
            documents.reserve(1, 21),
            Err(DocumentError::TooLarge(_))
        ));
        drop(request);
        let _room = documents.reserve(1, 30).unwrap();
        assert!(!held("the first."));
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
        assert_eq!(memory.held(), 10);
        other.drop_stale(Instant::now() + MAX_UPLOAD + Duration::from_secs(1));
        assert_eq!((memory.held(), other.lock().held), (0, 0));
        drop(one.seal(b"x", None).unwrap());
        drop((one, other));
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn the_pages_of_one_origin_leave_room_for_others() {
        let memory = Memory::of(2 * MAX_HELD);
        let page = |origin| Documents::new(MAX_HELD, Arc::clone(&memory)).of_origin(Some(origin));
        let [one, another] = [(); 2].map(|()| page("https://a.example"));
        let all = one.reserve(1, MAX_HELD).unwrap();
        assert!(matches!(
            another.reserve(1, MAX_HELD),
            Err(DocumentError::TooLarge(_))
        ));
        let half = another.reserve(1, MAX_HELD / 2).unwrap();
        assert!(matches!(another.reserve(1, 1), Err(DocumentError::TooLarge(_))));
        // What is left of it somebody else may have, and what is given back the origin again.
        drop(page("https://b.example").reserve(1, MAX_HELD / 2).unwrap());
        drop(all);
        drop(one.reserve(1, MAX_HELD).unwrap());
        drop(half);
        assert_eq!(memory.held(), 0);
    }

    /// Each document that lies by itself is a descriptor; what is put around one is none.
    #[test]
    fn files_are_counted_and_no_origin_has_all_of_them() {
        let memory = Memory::on_disk(u64::MAX, 8, None);
        let page = |origin| Documents::new(u64::MAX, Arc::clone(&memory)).of_origin(Some(origin));
        let too_large =
            |result: Result<Room, DocumentError>| matches!(result, Err(DocumentError::TooLarge(_)));
        let (one, another, third) = (
            page("https://a.example"),
            page("https://a.example"),
            page("https://b.example"),
        );
        let mut room = one.reserve(5, 100).unwrap();
        assert!(too_large(another.reserve(2, 2)), "three quarters are an origin's");
        let _held = another.reserve(1, 1).unwrap();
        assert!(too_large(third.reserve(3, 3)));
        drop(third.reserve(2, 2).unwrap());
        let inner = one.seal(b"b", room.split(1)).unwrap();
        assert_eq!(memory.files(), 6, "it had its room");
        let around = one
            .seal_around(b"a".to_vec(), &inner, b"c".to_vec(), room.split(2))
            .unwrap();
        assert_eq!(memory.files(), 5);
        drop((inner, room));
        assert_eq!(memory.files(), 2, "what is around it holds it");
        drop(around);
        assert_eq!(memory.files(), 1);
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
        let sealed = Sealed::of_file(File::open(&path).unwrap()).unwrap();
        assert_eq!(
            (sealed.size(), sealed.sha256()),
            (10, digest(b"mot hai ba").as_str())
        );
        let signed = documents(100)
            .seal_around(Vec::new(), &sealed, b"!".to_vec(), None)
            .unwrap();
        let mut written = Vec::new();
        signed.write_to(&mut written).unwrap();
        assert!(!signed.is_changed());
        assert_eq!(written, b"mot hai ba!");
        std::fs::write(&path, b"mot hai bo").unwrap();
        let enveloped = documents(100).seal_around(b"?".to_vec(), &sealed, b"!".to_vec(), None);
        assert!(matches!(enveloped, Err(DocumentError::Io(error)) if Changed::is_in(&error)));
        for document in [&sealed, &signed] {
            assert!(document.is_changed());
            assert_eq!(document.bytes().unwrap_err().kind(), io::ErrorKind::InvalidData);
            let error = document.write_to(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
