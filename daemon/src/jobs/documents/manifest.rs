//! What requests wait for: a page sends the manifest of a request first, and its documents after it. Whatever comes
//! meanwhile and is not what a manifest says ends the request before anybody is asked: consent is to one batch, whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use trien_protocol::call::{DocumentRef, Upload};
use trien_protocol::limits::MAX_DOCUMENT;

use super::room::Room;
use super::{DocumentError, Documents, MAX_COUNT, MAX_UPLOAD, State, check_digest};

/// Documents of manifests that wait no more which are remembered.
const MAX_FORMER: usize = 4 * MAX_COUNT;

/// The manifests that wait on one connection.
#[derive(Debug)]
pub(super) struct Manifests {
    inner: Mutex<Inner>,
    /// Grows whenever a document is complete or a manifest has come to its end.
    changed: watch::Sender<u64>,
    /// Locked after `inner`, never before it.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    last: u64,
    /// The documents of each request that is not over, whether or not they are waited for.
    at_work: BTreeMap<u64, HashSet<String>>,
    waiting: BTreeMap<u64, Waiting>,
    /// For a document of a manifest, until its first piece comes.
    rooms: HashMap<String, Room>,
    /// Documents of manifests that wait no more, while others do: a piece may have been on its way.
    former: HashSet<String>,
}

#[derive(Debug)]
struct Waiting {
    /// Size by digest.
    documents: HashMap<String, u64>,
    /// When its latest piece came, from when its documents are waited for.
    touched: Option<Instant>,
    end: Arc<OnceLock<End>>,
}

/// Why a manifest is not waited for any more.
#[derive(Debug, Clone, Copy)]
enum End {
    /// What came is not what it says.
    Deviation(&'static str),
    /// Nothing came.
    Stale,
    /// What came could not be held.
    TooLarge(&'static str),
    DiskFull,
    Failed(std::io::ErrorKind),
}

/// The documents of one request, in its order. It waits for those that are not here, until it is closed or dropped.
#[derive(Debug)]
pub struct Manifest {
    id: u64,
    documents: Vec<(String, u64)>,
    end: Arc<OnceLock<End>>,
    of: Arc<Manifests>,
}

/// What an upload is to the manifests that wait.
pub(super) enum Concern {
    /// None waits: a document may be uploaded before its request.
    Free,
    /// It is in these. There may be room for it already.
    Named(Vec<u64>, Option<Room>),
    /// A manifest named it that waits no more.
    Former,
}

impl Manifests {
    pub(super) fn new(state: &Arc<Mutex<State>>) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::default(),
            changed: watch::Sender::new(0),
            state: Arc::clone(state),
        })
    }

    /// Whom an upload concerns.
    ///
    /// # Errors
    /// [`DocumentError::Mismatch`] if it is no document of a manifest that waits, or one of another size: then these
    /// manifests have come to their end.
    pub(super) fn concern(&self, upload: &Upload) -> Result<Concern, DocumentError> {
        let mut inner = self.lock();
        if inner.waiting.is_empty() {
            return Ok(Concern::Free);
        }
        let named = inner.naming(&upload.sha256);
        if named.is_empty() && inner.former.contains(&upload.sha256) {
            return Ok(Concern::Former);
        }
        let other = |id: &u64| {
            let size = inner
                .waiting
                .get(id)
                .and_then(|one| one.documents.get(&upload.sha256));
            size.is_some_and(|size| *size != upload.size)
        };
        let (what, ended): (_, Vec<u64>) = match named.is_empty() {
            true => (
                "sha256: in no manifest that waits",
                inner.waiting.keys().copied().collect(),
            ),
            false => (
                "size: another than in the manifest",
                named.iter().copied().filter(other).collect(),
            ),
        };
        if ended.is_empty() {
            let room = inner.rooms.remove(&upload.sha256);
            return Ok(Concern::Named(named, room));
        }
        drop(inner);
        self.end(&ended, End::Deviation(what));
        Err(DocumentError::Mismatch(what))
    }

    /// A piece for these manifests came, or could not be taken.
    pub(super) fn note<T>(&self, named: &[u64], outcome: &Result<T, DocumentError>) {
        let end = match outcome {
            Ok(_) => {
                let now = Instant::now();
                let mut inner = self.lock();
                for id in named {
                    if let Some(waiting) = inner.waiting.get_mut(id) {
                        waiting.touched = waiting.touched.map(|_| now);
                    }
                }
                return;
            }
            Err(DocumentError::TooLarge(what)) => End::TooLarge(what),
            Err(DocumentError::DiskFull) => End::DiskFull,
            Err(DocumentError::Io(error)) => End::Failed(error.kind()),
            Err(
                DocumentError::Mismatch(what) | DocumentError::Bad(what) | DocumentError::Deviation(what),
            ) => End::Deviation(what),
            Err(DocumentError::Missing) => End::Deviation("sha256"),
        };
        self.end(named, end);
    }

    /// Whether documents are waited for, or will be as soon as it was looked at what their requests ask for.
    pub(super) fn are_waiting(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// Ends manifests of which nothing has come for longer than [`MAX_UPLOAD`] before `now`.
    pub(super) fn drop_stale(&self, now: Instant) {
        let stale = |waiting: &Waiting| {
            let since = waiting
                .touched
                .map(|touched| now.saturating_duration_since(touched));
            since.is_some_and(|since| since > MAX_UPLOAD)
        };
        let inner = self.lock();
        let waiting = inner.waiting.iter();
        let stale: Vec<u64> = waiting.filter(|(_, one)| stale(one)).map(|(id, _)| *id).collect();
        drop(inner);
        self.end(&stale, End::Stale);
    }

    /// A document is complete.
    pub(super) fn tell(&self) {
        self.changed
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn end(&self, ids: &[u64], end: End) {
        for id in ids {
            if let Some(waiting) = self.forget(*id) {
                // Nobody sets it twice: it is set by who took it off the list.
                let _ = waiting.end.set(end);
            }
        }
        self.tell();
    }

    /// Takes a manifest off the list. What has come of its documents and is not complete goes with it, but for those that
    /// others wait for; room for them, too.
    fn forget(&self, id: u64) -> Option<Waiting> {
        let mut inner = self.lock();
        let gone = inner.waiting.remove(&id)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Rooms are given back when they are dropped, for which the locks must be free.
        let (mut coming, mut rooms) = (Vec::new(), Vec::new());
        if inner.former.len() > MAX_FORMER {
            inner.former.clear();
        }
        for name in gone.documents.keys() {
            if inner.waiting.values().any(|one| one.documents.contains_key(name)) {
                if let Some(coming) = state.coming.get_mut(name) {
                    coming.may_begin_anew = true;
                }
            } else {
                coming.extend(state.coming.remove(name));
                rooms.extend(inner.rooms.remove(name));
                inner.former.insert(name.clone());
            }
        }
        if inner.waiting.is_empty() {
            inner.former.clear();
        }
        drop(state);
        drop(inner);
        drop((coming, rooms));
        Some(gone)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether a request that is not over names a document.
    pub(super) fn names(&self, sha256: &str) -> bool {
        self.at_work.values().any(|named| named.contains(sha256))
    }

    /// The manifests that name a document.
    fn naming(&self, sha256: &str) -> Vec<u64> {
        let named = self.waiting.iter();
        let named = named.filter(|(_, one)| one.documents.contains_key(sha256));
        named.map(|(id, _)| *id).collect()
    }
}

impl Documents {
    /// The documents that a request names. From now on what is uploaded has to be in its manifest, or another that waits.
    #[must_use]
    pub fn expect<'a>(&self, documents: impl IntoIterator<Item = &'a DocumentRef>) -> Manifest {
        let documents: Vec<(String, u64)> = documents
            .into_iter()
            .map(|document| (document.sha256.clone(), document.size))
            .collect();
        let end = Arc::default();
        let mut inner = self.manifests.lock();
        inner.last += 1;
        let id = inner.last;
        let names = documents.iter().map(|(name, _)| name.clone());
        inner.at_work.insert(id, names.collect());
        let mut state = self.lock();
        if documents
            .iter()
            .any(|(name, _)| !state.complete.contains_key(name))
        {
            for (name, _) in &documents {
                if let Some(coming) = state.coming.get_mut(name)
                    && inner.naming(name).is_empty()
                {
                    coming.may_begin_anew = true;
                }
            }
            let waiting = Waiting {
                documents: documents.iter().cloned().collect(),
                touched: None,
                end: Arc::clone(&end),
            };
            inner.waiting.insert(id, waiting);
        }
        Manifest {
            id,
            documents,
            end,
            of: Arc::clone(&self.manifests),
        }
    }
}

impl Manifest {
    /// How many documents it names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// True if it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Looks at the documents that are not here as far as that needs no byte of them, and takes room for them in
    /// `documents`. Gives how many they are.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub fn admit(&self, documents: &Documents) -> Result<usize, DocumentError> {
        let mut inner = self.of.lock();
        let state = documents.lock();
        let mut sizes = HashMap::new();
        let (mut missing, mut without_room, mut bytes) = (0, Vec::new(), 0_u64);
        for (name, size) in &self.documents {
            if sizes.insert(name, *size).is_some_and(|other| other != *size) {
                return Err(DocumentError::Bad("documents: one digest and two sizes"));
            }
            match state.complete.get(name) {
                Some(here) if here.document.size() == *size => continue,
                Some(_) => return Err(DocumentError::Deviation("documents.size: another than is held")),
                None => missing += 1,
            }
            check_digest(name)?;
            if *size == 0 {
                return Err(DocumentError::Bad("documents.size: zero"));
            }
            if *size > MAX_DOCUMENT {
                return Err(DocumentError::TooLarge(
                    "documents.size: past the largest document",
                ));
            }
            match state.coming.get(name) {
                Some(coming) if coming.size != *size => {
                    return Err(DocumentError::Deviation(
                        "documents.size: another than what has begun to come",
                    ));
                }
                Some(_) => {}
                None if inner.rooms.contains_key(name) || without_room.contains(&(name, *size)) => {}
                None => {
                    without_room.push((name, *size));
                    bytes = bytes.saturating_add(*size);
                }
            }
        }
        drop(state);
        let promised = inner.rooms.len();
        let mut room = documents.reserve_beside(&inner, promised, without_room.len(), bytes)?;
        for (name, size) in without_room {
            if let Some(part) = room.split(size) {
                inner.rooms.insert(name.clone(), part);
            }
        }
        Ok(missing)
    }

    /// From now on its documents are waited for, and not for ever.
    pub fn begin(&self) {
        if let Some(waiting) = self.of.lock().waiting.get_mut(&self.id) {
            waiting.touched = Some(Instant::now());
        }
    }

    /// Tells of changes: something is complete, or a manifest is not waited for any more.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.of.changed.subscribe()
    }

    /// How many of its documents are here.
    ///
    /// # Errors
    /// [`DocumentError`] if it is not waited for any more.
    pub fn here(&self) -> Result<usize, DocumentError> {
        if let Some(end) = self.end.get() {
            return Err((*end).into());
        }
        let state = self.of.state.lock().unwrap_or_else(PoisonError::into_inner);
        let here = |(name, size): &&(String, u64)| {
            let held = state.complete.get(name);
            held.is_some_and(|held| held.document.size() == *size)
        };
        Ok(self.documents.iter().filter(here).count())
    }

    /// True if some of its documents may still come.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.of.lock().waiting.contains_key(&self.id)
    }

    /// It is not waited for any more.
    pub fn close(&self) {
        self.of.forget(self.id);
    }
}

impl Drop for Manifest {
    fn drop(&mut self) {
        self.close();
        self.of.lock().at_work.remove(&self.id);
    }
}

impl From<End> for DocumentError {
    fn from(end: End) -> Self {
        match end {
            End::Deviation(what) => Self::Deviation(what),
            End::Stale => Self::Missing,
            End::TooLarge(what) => Self::TooLarge(what),
            End::DiskFull => Self::DiskFull,
            End::Failed(kind) => Self::Io(kind.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sha2::{Digest, Sha256};

    use super::super::Memory;
    use super::*;

    const QUOTA: u64 = 1000;

    fn documents() -> Documents {
        Documents::new(QUOTA, Memory::of(QUOTA))
    }

    fn named(bytes: &[u8]) -> DocumentRef {
        DocumentRef {
            name: "x".into(),
            sha256: hex::encode(Sha256::digest(bytes)),
            size: bytes.len() as u64,
        }
    }

    fn piece(document: &DocumentRef, offset: u64) -> Upload {
        Upload {
            sha256: document.sha256.clone(),
            size: document.size,
            offset,
            data: None,
        }
    }

    fn deviates(manifest: &Manifest) -> bool {
        matches!(manifest.here(), Err(DocumentError::Deviation(_)))
    }

    #[test]
    fn what_is_announced_is_waited_for() {
        let documents = documents();
        let [a, b] = [named(b"0123456789"), named(b"abc")];
        documents.upload(&piece(&a, 0), b"0123456789").unwrap();
        let manifest = documents.expect([&a, &b, &a]);
        assert_eq!(manifest.admit(&documents).unwrap(), 1);
        let changes = manifest.changes();
        assert_eq!((manifest.here().unwrap(), manifest.len()), (2, 3));
        documents.upload(&piece(&b, 0), b"ab").unwrap();
        documents.upload(&piece(&b, 2), b"c").unwrap();
        assert_eq!(manifest.here().unwrap(), 3);
        assert!(changes.has_changed().unwrap());
        assert_eq!(documents.lock().held, 13, "no room beside that of the documents");
        // Nothing waits any more, and anything may come.
        manifest.close();
        documents.upload(&piece(&named(b"!"), 0), b"!").unwrap();
    }

    #[test]
    fn n049_what_deviates_ends_the_manifests_that_it_belongs_to() {
        let [a, b, stranger] = [named(b"0123456789"), named(b"abc"), named(b"!")];
        let larger = DocumentRef {
            size: 11,
            ..a.clone()
        };
        // What comes after the first four bytes of the document that both manifests have; which of them it ends.
        for (upload, bytes, ends) in [
            (piece(&stranger, 0), &b"!"[..], [true, true]),
            (piece(&larger, 4), b"456789", [true, true]),
            (piece(&a, 3), b"456789", [true, true]),
            (piece(&a, 0), b"0123", [true, true]),
            (piece(&a, 4), b"4567890", [true, true]),
            (piece(&a, 4), b"45678X", [true, true]),
            (piece(&b, 1), b"bc", [false, true]),
            (piece(&b, 0), b"abd", [false, true]),
            (piece(&b, 0), b"", [false, true]),
        ] {
            let documents = documents();
            let manifests = [documents.expect([&a]), documents.expect([&a, &b])];
            assert_eq!(
                manifests.each_ref().map(|one| one.admit(&documents).unwrap()),
                [1, 2]
            );
            documents.upload(&piece(&a, 0), b"0123").unwrap();
            assert!(documents.upload(&upload, bytes).is_err());
            assert_eq!(manifests.each_ref().map(deviates), ends, "{upload:?}");
            drop(manifests);
            assert_eq!(documents.lock().held, 0, "{upload:?}");
        }
        // One that is here with another size can never come.
        let documents = documents();
        documents.upload(&piece(&a, 0), b"0123456789").unwrap();
        let manifest = documents.expect([&larger]);
        assert!(matches!(
            manifest.admit(&documents),
            Err(DocumentError::Deviation(_))
        ));
    }

    #[test]
    fn n050_a_manifest_of_which_nothing_comes_is_not_waited_for() {
        let documents = documents();
        let a = named(b"0123456789");
        let manifest = documents.expect([&a]);
        manifest.admit(&documents).unwrap();
        let long = MAX_UPLOAD + Duration::from_secs(1);
        documents.drop_stale(Instant::now() + long);
        assert_eq!(
            manifest.here().unwrap(),
            0,
            "it is still looked at what it asks for"
        );
        manifest.begin();
        let began = Instant::now();
        while Instant::now() == began {}
        documents.upload(&piece(&a, 0), b"0123").unwrap();
        documents.drop_stale(began + MAX_UPLOAD);
        assert_eq!(manifest.here().unwrap(), 0, "something came");
        documents.drop_stale(Instant::now() + long);
        assert!(matches!(manifest.here(), Err(DocumentError::Missing)));
        assert_eq!(documents.lock().held, 0);
    }

    #[test]
    fn a_request_that_ends_leaves_the_others_alone() {
        let documents = documents();
        let [a, b] = [named(b"0123456789"), named(b"abc")];
        let ended = documents.expect([&a, &b]);
        let waits = documents.expect([&a]);
        documents.upload(&piece(&a, 0), b"0123").unwrap();
        ended.close();
        // A piece that was on its way ends nobody, and what they share may begin anew, once.
        assert!(documents.upload(&piece(&b, 0), b"abc").is_err());
        documents.upload(&piece(&a, 0), b"01234").unwrap();
        assert_eq!(waits.here().unwrap(), 0);
        documents.upload(&piece(&a, 5), b"56789").unwrap();
        assert_eq!(waits.here().unwrap(), 1);
    }

    #[test]
    fn what_began_before_its_request_goes_on_or_begins_anew() {
        let a = named(b"0123456789");
        for from in [4, 0] {
            let documents = documents();
            documents.upload(&piece(&a, 0), b"0123").unwrap();
            let manifest = documents.expect([&a]);
            manifest.admit(&documents).unwrap();
            let rest = &b"0123456789"[usize::try_from(from).unwrap()..];
            documents.upload(&piece(&a, from), rest).unwrap();
            assert_eq!(manifest.here().unwrap(), 1);
            assert_eq!(documents.lock().held, 10);
        }
    }

    #[test]
    fn what_cannot_be_held_is_known_without_a_byte_of_it() {
        let documents = documents();
        let of = |size: u64| DocumentRef { size, ..named(b"x") };
        let refused = |one: &DocumentRef| documents.expect([one]).admit(&documents).unwrap_err();
        assert!(matches!(refused(&of(QUOTA + 1)), DocumentError::TooLarge(_)));
        assert!(matches!(
            refused(&of(MAX_DOCUMENT + 1)),
            DocumentError::TooLarge(_)
        ));
        assert!(matches!(refused(&of(0)), DocumentError::Bad(_)));
        let other = DocumentRef {
            sha256: "X".repeat(64),
            ..of(1)
        };
        assert!(matches!(refused(&other), DocumentError::Bad(_)));
        let manifest = documents.expect([&of(1), &of(2)]);
        assert!(matches!(manifest.admit(&documents), Err(DocumentError::Bad(_))));
        drop(manifest);
        let manifest = documents.expect([&of(QUOTA)]);
        manifest.admit(&documents).unwrap();
        assert!(matches!(
            documents.seal(b"x", None),
            Err(DocumentError::TooLarge(_))
        ));
        drop(manifest);
        documents.seal(b"x", None).unwrap();
    }

    #[test]
    fn documents_that_are_waited_for_count() {
        let documents = Documents::new(u64::MAX, Memory::of(u64::MAX));
        let manifests = [0, 1, 2].map(|n: usize| {
            let names = (0..500).map(|m| named(format!("{n} {m}").as_bytes()));
            documents.expect(&names.collect::<Vec<_>>())
        });
        let admitted = manifests.each_ref().map(|one| one.admit(&documents).is_ok());
        assert_eq!(admitted, [true, true, false]);
    }

    #[test]
    fn a_full_disk_is_known_without_a_byte() {
        let folder = tempfile::tempdir().unwrap();
        let file_system = rustix::fs::statvfs(folder.path()).unwrap();
        let free = file_system.f_bavail * file_system.f_frsize;
        // Others use the same disk, but not half of what is free within this moment.
        let memory = Memory::on_disk(u64::MAX, usize::MAX, Some(folder.path().join("not made yet")));
        let documents = Documents::new(u64::MAX, Arc::clone(&memory));
        let refused = |bytes| matches!(documents.reserve(1, bytes), Err(DocumentError::DiskFull));
        assert!(refused(2 * free));
        let half = documents.reserve(1, free / 2).unwrap();
        assert!(refused(free), "what was promised counts");
        drop(half);
        assert_eq!(memory.held(), 0);
    }
}
