//! The objects of a token that have handles in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Handles;
use crate::object::{Object, Search};
use crate::store::{Content, Head};

/// Objects by handle, and handles by the id in the store. Handles count up, so searches find objects in the order
/// in which they came.
pub(crate) struct Table {
    entries: BTreeMap<CK_OBJECT_HANDLE, Entry>,
    stored: BTreeMap<u64, CK_OBJECT_HANDLE>,
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
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) home: Home,
    pub(crate) thing: Thing,
}

/// The object, or what is left of it.
#[derive(Clone)]
pub(crate) enum Thing {
    Sound(Arc<Object>),
    /// Its bytes are damaged; the class, if even that is known.
    Damaged {
        class: Option<CK_OBJECT_CLASS>,
        private: bool,
    },
}

impl Thing {
    /// The object, if it can be read.
    pub(crate) fn object(self) -> Result<Arc<Object>> {
        match self {
            Self::Sound(object) => Ok(object),
            Self::Damaged { .. } => Err(Error::DeviceError),
        }
    }
}

impl Entry {
    fn is_private(&self) -> bool {
        match &self.thing {
            Thing::Sound(object) => object.is_private(),
            Thing::Damaged { private, .. } => *private,
        }
    }
}

impl Table {
    pub(crate) fn new(handles: Handles) -> Self {
        Self {
            entries: BTreeMap::new(),
            stored: BTreeMap::new(),
            handles,
        }
    }

    pub(crate) fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<&Entry> {
        self.entries.get(&handle)
    }

    pub(crate) fn add_session_object(
        &mut self,
        session: CK_SESSION_HANDLE,
        object: Object,
    ) -> CK_OBJECT_HANDLE {
        let handle = self.handles.next();
        let entry = Entry {
            home: Home::Session(session),
            thing: Thing::Sound(Arc::new(object)),
        };
        self.entries.insert(handle, entry);
        handle
    }

    /// Puts an object of the store in its place; a known one keeps its handle.
    pub(crate) fn put_stored(&mut self, id: u64, thing: Thing) -> CK_OBJECT_HANDLE {
        let handle = *self.stored.entry(id).or_insert_with(|| self.handles.next());
        self.entries.insert(
            handle,
            Entry {
                home: Home::Store(id),
                thing,
            },
        );
        handle
    }

    /// The same for what was read from the store.
    pub(crate) fn put_found(&mut self, head: &Head, content: Content) {
        let class = (head.class != u64::MAX)
            .then_some(head.class)
            .and_then(|class| class.try_into().ok());
        let damaged = Thing::Damaged {
            class,
            private: head.private,
        };
        let thing = match content {
            Content::Sound(attributes) => Thing::Sound(Arc::new(Object::new(attributes))),
            Content::Damaged => damaged,
        };
        self.put_stored(head.id, thing);
    }

    /// Puts a session object in its place.
    pub(crate) fn put_session_object(&mut self, handle: CK_OBJECT_HANDLE, object: Object) {
        if let Some(entry) = self.entries.get_mut(&handle) {
            entry.thing = Thing::Sound(Arc::new(object));
        }
    }

    pub(crate) fn remove(&mut self, handle: CK_OBJECT_HANDLE) {
        if let Some(Entry {
            home: Home::Store(id),
            ..
        }) = self.entries.remove(&handle)
        {
            self.stored.remove(&id);
        }
    }

    pub(crate) fn remove_stored(&mut self, id: u64) {
        if let Some(handle) = self.stored.remove(&id) {
            self.entries.remove(&handle);
        }
    }

    /// Forgets all stored objects: the token was initialised anew.
    pub(crate) fn clear_stored(&mut self) {
        self.stored.clear();
        self.entries
            .retain(|_, entry| matches!(entry.home, Home::Session(_)));
    }

    /// Forgets private objects, at logout. Session objects among them are destroyed (section 5.6, `C_Logout`).
    pub(crate) fn clear_private(&mut self) {
        self.entries.retain(|_, entry| !entry.is_private());
        self.stored.retain(|_, handle| self.entries.contains_key(handle));
    }

    pub(crate) fn clear_session(&mut self, session: CK_SESSION_HANDLE) {
        self.entries
            .retain(|_, entry| entry.home != Home::Session(session));
    }

    /// Shows, or no longer shows, that objects are missing nobody knows which.
    pub(crate) fn mark_short(&mut self, is_short: bool) {
        let marked = self
            .entries
            .iter()
            .find(|(_, entry)| entry.home == Home::Nowhere)
            .map(|(handle, _)| *handle);
        match (marked, is_short) {
            (None, true) => {
                let thing = Thing::Damaged {
                    class: None,
                    private: false,
                };
                self.entries.insert(
                    self.handles.next(),
                    Entry {
                        home: Home::Nowhere,
                        thing,
                    },
                );
            }
            (Some(handle), false) => self.remove(handle),
            _ => {}
        }
    }

    pub(crate) fn has_damage(&self) -> bool {
        self.entries
            .values()
            .any(|entry| matches!(entry.thing, Thing::Damaged { .. }))
    }

    /// The handles of the objects that a search finds. Damaged objects are listed, after all others, by searches
    /// that list a class or everything: nobody shall think that all is well. A search for one object by its id or
    /// label does not meet them, and finds what is sound.
    pub(crate) fn find(&self, search: &Search) -> Vec<CK_OBJECT_HANDLE> {
        let (mut sound, mut damaged) = (Vec::new(), Vec::new());
        for (handle, entry) in &self.entries {
            match &entry.thing {
                Thing::Sound(object) if object.matches(search) => sound.push(*handle),
                Thing::Damaged { class, .. } if search.lists(*class) => damaged.push(*handle),
                _ => {}
            }
        }
        sound.append(&mut damaged);
        sound
    }
}
