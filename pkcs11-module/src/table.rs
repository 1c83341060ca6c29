//! The objects of a token that have handles in this process.
//!
//! An object of the store is kept packed, in a few hundred bytes, and unpacked when somebody works with it; of the
//! unpacked ones, which carry their parsed keys, the last few hundred are kept.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::index::Index;
use crate::library::Handles;
use crate::object::{Object, Search};
use crate::store::{Content, Head, Packed, ValueRef};

/// So many objects of the store are kept unpacked.
const MAX_UNPACKED: usize = 256;

/// Objects by handle, and handles by the id in the store. Handles count up, and searches give them in ascending
/// order, so objects are found in the order in which they came.
pub(crate) struct Table {
    /// Not ordered: of many objects, a tree has one at the end of a walk through memory that nobody has read lately.
    entries: HashMap<CK_OBJECT_HANDLE, Kept>,
    stored: BTreeMap<u64, CK_OBJECT_HANDLE>,
    of_sessions: BTreeMap<CK_SESSION_HANDLE, BTreeSet<CK_OBJECT_HANDLE>>,
    damaged: BTreeSet<CK_OBJECT_HANDLE>,
    index: Index,
    /// Which objects are unpacked, in the order in which they were.
    unpacked: Mutex<VecDeque<CK_OBJECT_HANDLE>>,
    handles: Handles,
}

/// Where an object lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the store, under this id.
    Store(u64),
    /// In a session.
    Session(CK_SESSION_HANDLE),
    /// Nowhere any more: something is missing in the store.
    Nowhere,
}

/// An object with a handle.
pub(crate) struct Entry {
    pub(crate) home: Home,
    pub(crate) thing: Thing,
}

/// The object, or what is left of it.
pub(crate) enum Thing {
    Sound(Arc<Object>),
    /// Its bytes are damaged.
    Damaged,
}

impl Thing {
    /// The object, if it can be read.
    pub(crate) fn object(self) -> Result<Arc<Object>> {
        match self {
            Self::Sound(object) => Ok(object),
            Self::Damaged => Err(Error::DeviceError),
        }
    }
}

/// How the table keeps an object.
enum Kept {
    /// Of a session.
    Whole {
        session: CK_SESSION_HANDLE,
        object: Arc<Object>,
    },
    /// Of the store, unpacked while it is in use.
    Packed {
        id: u64,
        private: bool,
        packed: Packed,
        object: ArcSwapOption<Object>,
    },
    /// Of the store, and unreadable: the class, if even that is known.
    Damaged {
        id: Option<u64>,
        class: Option<CK_OBJECT_CLASS>,
        private: bool,
    },
}

impl Kept {
    fn home(&self) -> Home {
        match self {
            Self::Whole { session, .. } => Home::Session(*session),
            Self::Packed { id, .. } | Self::Damaged { id: Some(id), .. } => Home::Store(*id),
            Self::Damaged { id: None, .. } => Home::Nowhere,
        }
    }

    fn is_guarded(&self) -> bool {
        match self {
            Self::Whole { object, .. } => object.is_guarded(),
            Self::Packed { private, .. } | Self::Damaged { private, .. } => *private,
        }
    }
}

impl Table {
    pub(crate) fn new(handles: Handles) -> Self {
        Self {
            entries: HashMap::new(),
            stored: BTreeMap::new(),
            of_sessions: BTreeMap::new(),
            damaged: BTreeSet::new(),
            index: Index::default(),
            unpacked: Mutex::default(),
            handles,
        }
    }

    pub(crate) fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<Entry> {
        let kept = self.entries.get(&handle)?;
        let thing = match kept {
            Kept::Whole { object, .. } => Thing::Sound(object.clone()),
            Kept::Packed { packed, object, .. } => Thing::Sound(self.unpack(handle, packed, object)),
            Kept::Damaged { .. } => Thing::Damaged,
        };
        Some(Entry {
            home: kept.home(),
            thing,
        })
    }

    /// Unpacks an object of the store, and lets go of the one that was unpacked first if there are too many.
    fn unpack(
        &self,
        handle: CK_OBJECT_HANDLE,
        packed: &Packed,
        place: &ArcSwapOption<Object>,
    ) -> Arc<Object> {
        if let Some(object) = place.load_full() {
            return object;
        }
        let object = Arc::new(Object::new(packed.unpack()));
        // Two threads may unpack it at once; one of the copies stays, and both are right.
        place.store(Some(object.clone()));
        self.note_unpacked(handle);
        object
    }

    fn note_unpacked(&self, handle: CK_OBJECT_HANDLE) {
        // A list of handles is as good after a panic as before.
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        unpacked.push_back(handle);
        if unpacked.len() <= MAX_UNPACKED {
            return;
        }
        let first = unpacked.pop_front().and_then(|first| self.entries.get(&first));
        if let Some(Kept::Packed { object, .. }) = first {
            object.store(None);
        }
    }

    pub(crate) fn add_session_object(
        &mut self,
        session: CK_SESSION_HANDLE,
        object: Object,
    ) -> CK_OBJECT_HANDLE {
        let handle = self.handles.next();
        self.of_sessions.entry(session).or_default().insert(handle);
        self.index.insert(handle, values(&object));
        let object = Arc::new(object);
        self.entries.insert(handle, Kept::Whole { session, object });
        handle
    }

    /// Puts an object of a session in its place.
    pub(crate) fn put_session_object(&mut self, handle: CK_OBJECT_HANDLE, changed: Object) {
        if let Some(Kept::Whole { object, .. }) = self.entries.get_mut(&handle) {
            self.index.remove(handle, values(object));
            self.index.insert(handle, values(&changed));
            *object = Arc::new(changed);
        }
    }

    /// Puts an object of the store in its place, as it was written by this process; a known one keeps its handle.
    pub(crate) fn put_stored(&mut self, head: &Head, packed: Packed, object: Object) -> CK_OBJECT_HANDLE {
        let handle = self.put_found(head, Content::Sound(packed));
        if let Some(Kept::Packed { object: place, .. }) = self.entries.get(&handle) {
            place.store(Some(Arc::new(object)));
            self.note_unpacked(handle);
        }
        handle
    }

    /// The same for what was read from the store.
    pub(crate) fn put_found(&mut self, head: &Head, content: Content) -> CK_OBJECT_HANDLE {
        let handle = self.stored.get(&head.id).copied();
        let handle = handle.unwrap_or_else(|| self.handles.next());
        self.remove(handle);
        let kept = match content {
            Content::Sound(packed) => {
                self.index.insert(handle, packed.values());
                Kept::Packed {
                    id: head.id,
                    private: head.private,
                    packed,
                    object: ArcSwapOption::empty(),
                }
            }
            Content::Damaged => {
                self.damaged.insert(handle);
                let class = (head.class != u64::MAX).then_some(head.class);
                Kept::Damaged {
                    id: Some(head.id),
                    class: class.and_then(|class| class.try_into().ok()),
                    private: head.private,
                }
            }
        };
        self.stored.insert(head.id, handle);
        self.entries.insert(handle, kept);
        handle
    }

    pub(crate) fn remove(&mut self, handle: CK_OBJECT_HANDLE) {
        match self.entries.remove(&handle) {
            Some(Kept::Whole { session, object }) => {
                self.index.remove(handle, values(&object));
                if let Some(handles) = self.of_sessions.get_mut(&session) {
                    handles.remove(&handle);
                }
            }
            Some(Kept::Packed { id, packed, .. }) => {
                self.index.remove(handle, packed.values());
                self.stored.remove(&id);
            }
            Some(Kept::Damaged { id, .. }) => {
                self.damaged.remove(&handle);
                id.map(|id| self.stored.remove(&id));
            }
            None => {}
        }
    }

    pub(crate) fn remove_stored(&mut self, id: u64) {
        if let Some(handle) = self.stored.get(&id) {
            self.remove(*handle);
        }
    }

    /// Forgets all stored objects: the token was initialised anew.
    pub(crate) fn clear_stored(&mut self) {
        self.keep(|kept| matches!(kept, Kept::Whole { .. }));
    }

    /// Forgets private objects, at logout. Session objects among them are destroyed (section 5.6, `C_Logout`).
    pub(crate) fn clear_private(&mut self) {
        self.keep(|kept| !kept.is_guarded());
    }

    /// Forgets all others; the index is made anew, which is less work than taking many out of it.
    fn keep(&mut self, stays: impl Fn(&Kept) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|_, kept| stays(kept));
        if self.entries.len() == before {
            return;
        }
        let entries = &self.entries;
        self.stored.retain(|_, handle| entries.contains_key(handle));
        self.damaged.retain(|handle| entries.contains_key(handle));
        for handles in self.of_sessions.values_mut() {
            handles.retain(|handle| entries.contains_key(handle));
        }
        self.index.clear();
        // In ascending order each is put at the end of its lists.
        for handle in handles(entries) {
            match &entries[&handle] {
                Kept::Whole { object, .. } => self.index.insert(handle, values(object)),
                Kept::Packed { packed, .. } => self.index.insert(handle, packed.values()),
                Kept::Damaged { .. } => {}
            }
        }
    }

    pub(crate) fn clear_session(&mut self, session: CK_SESSION_HANDLE) {
        for handle in self.of_sessions.remove(&session).unwrap_or_default() {
            self.remove(handle);
        }
    }

    /// Shows, or no longer shows, that objects are missing nobody knows which.
    pub(crate) fn mark_short(&mut self, is_short: bool) {
        let of_nobody =
            |handle: &&CK_OBJECT_HANDLE| self.entries.get(handle).map(Kept::home) == Some(Home::Nowhere);
        let marked = self.damaged.iter().find(of_nobody).copied();
        match (marked, is_short) {
            (None, true) => {
                let handle = self.handles.next();
                let missing = Kept::Damaged {
                    id: None,
                    class: None,
                    private: false,
                };
                self.entries.insert(handle, missing);
                self.damaged.insert(handle);
            }
            (Some(handle), false) => self.remove(handle),
            _ => {}
        }
    }

    pub(crate) fn has_damage(&self) -> bool {
        !self.damaged.is_empty()
    }

    /// The handles of the objects that a search finds. Damaged objects are listed, after all others, by searches
    /// that list a class or everything: nobody shall think that all is well. A search for one object by its id or
    /// label does not meet them, and finds what is sound.
    pub(crate) fn find(&self, search: &Search) -> Vec<CK_OBJECT_HANDLE> {
        let matches = |handle: &CK_OBJECT_HANDLE| self.matches(*handle, search);
        let mut found: Vec<_> = match self.index.candidates(search) {
            Some(handles) => handles.iter().copied().filter(matches).collect(),
            None => handles(&self.entries).into_iter().filter(matches).collect(),
        };
        let is_listed = |handle: &CK_OBJECT_HANDLE| match self.entries.get(handle) {
            Some(Kept::Damaged { class, .. }) => search.lists(*class),
            _ => false,
        };
        found.extend(self.damaged.iter().copied().filter(is_listed));
        found
    }

    fn matches(&self, handle: CK_OBJECT_HANDLE, search: &Search) -> bool {
        match self.entries.get(&handle) {
            Some(Kept::Whole { object, .. }) => object.matches(search),
            Some(Kept::Packed { packed, object, .. }) => {
                search.may_match(|kind| packed.value(kind))
                    && (!search.needs_objects() || self.unpack(handle, packed, object).matches(search))
            }
            Some(Kept::Damaged { .. }) | None => false,
        }
    }
}

/// All of them, in ascending order.
fn handles(entries: &HashMap<CK_OBJECT_HANDLE, Kept>) -> Vec<CK_OBJECT_HANDLE> {
    let mut handles: Vec<_> = entries.keys().copied().collect();
    handles.sort_unstable();
    handles
}

fn values(object: &Object) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, ValueRef<'_>)> {
    let attributes = object.attributes().iter();
    attributes.filter_map(|(kind, value)| Some((*kind, ValueRef::of(value)?)))
}
