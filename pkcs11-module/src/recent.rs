//! The objects that keys were last taken from, each with what the token said of it.
//!
//! Threads that work side by side, each in its own session, meet at the token's state: even its lock for readers is
//! counted, and so is every reference to an object. Here a key in use is found again without counting anything that
//! they share.
//!
//! The state's lock keeps it true: a place is filled only by who holds it for reading, and all are emptied by who
//! holds it for writing. So nothing here is ever older than the state, and no key stays that is not in the table.

use std::array;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use cryptoki_sys::CK_OBJECT_HANDLE;

use crate::object::Object;
use crate::profile::Imitation;

/// More keys than are used side by side.
const PLACES: usize = 32;

/// Objects by handle; one stands where its handle, modulo the number of places, points.
pub(crate) struct Recent([ArcSwapOption<Known>; PLACES]);

/// An object and what goes with its use.
pub(crate) struct Known {
    pub(crate) handle: CK_OBJECT_HANDLE,
    pub(crate) object: Arc<Object>,
    pub(crate) is_user_in: bool,
    pub(crate) imitation: &'static Imitation,
}

/// An object during one call.
pub(crate) struct InUse(Guard<Option<Arc<Known>>>);

impl Recent {
    pub(crate) fn new() -> Self {
        Self(array::from_fn(|_| ArcSwapOption::empty()))
    }

    fn place(&self, handle: CK_OBJECT_HANDLE) -> &ArcSwapOption<Known> {
        &self.0[handle as usize % PLACES]
    }

    pub(crate) fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<InUse> {
        let known = self.place(handle).load();
        let is_it = known.as_ref().is_some_and(|known| known.handle == handle);
        is_it.then_some(InUse(known))
    }

    /// The caller holds the state's lock for reading, and has found this in it.
    pub(crate) fn put(&self, known: Known) -> InUse {
        let known = Arc::new(known);
        self.place(known.handle).store(Some(known.clone()));
        InUse(Guard::from_inner(Some(known)))
    }

    /// The caller holds the state's lock for writing.
    pub(crate) fn clear(&self) {
        let filled = self.0.iter().filter(|place| place.load().is_some());
        filled.for_each(|place| place.store(None));
    }
}

impl InUse {
    fn known(&self) -> &Known {
        self.0.as_ref().expect("made only of an object that is there")
    }

    /// Whether the user was logged in when it was found.
    pub(crate) fn is_user_in(&self) -> bool {
        self.known().is_user_in
    }

    /// The object for longer than the call.
    pub(crate) fn object(&self) -> Arc<Object> {
        self.known().object.clone()
    }

    /// What its token imitates.
    pub(crate) fn imitation(&self) -> &'static Imitation {
        self.known().imitation
    }
}

impl Deref for InUse {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.known().object
    }
}
