//! What a reader of a store already knows of it.

use super::parts::Epoch;
use super::rows::{Head, Version};

/// What a reader already knows, so that only changes are read.
#[derive(Default)]
pub(crate) struct Seen {
    pub(super) version: Option<Version>,
    pub(super) epoch: Epoch,
    /// Of all objects, in the order of their ids; of private ones also while nobody sees them.
    pub(super) heads: Vec<Head>,
    pub(super) has_private: bool,
    pub(super) is_short: bool,
}

impl Seen {
    /// The epoch of the token that was read.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether this is what a version has, for a reader with or without the key of private objects.
    pub(crate) fn is(&self, version: Option<Version>, has_key: bool) -> bool {
        version.is_some() && self.version == version && self.has_private == has_key
    }

    pub(super) fn place(&self, id: u64) -> std::result::Result<usize, usize> {
        self.heads.binary_search_by_key(&id, |head| head.id)
    }

    /// The head of an object as it was read.
    pub(crate) fn head(&self, id: u64) -> Option<Head> {
        Some(self.heads[self.place(id).ok()?])
    }

    /// Notes a write of our own to one object; `false` if a later one is known already.
    pub(crate) fn wrote(&mut self, head: Head) -> bool {
        match self.place(head.id) {
            Ok(place) if self.heads[place].revision > head.revision => return false,
            Ok(place) => self.heads[place] = head,
            Err(place) => self.heads.insert(place, head),
        }
        true
    }

    pub(crate) fn removed(&mut self, id: u64) {
        if let Ok(place) = self.place(id) {
            self.heads.remove(place);
        }
    }

    /// Notes that a transaction of our own was built on this version. If that is the one that was seen, nothing else
    /// is new.
    pub(crate) fn built_on(&mut self, base: Version) {
        if self.version == Some(base) {
            self.version = Some(base.next());
        }
    }

    /// The next look reads the store, whatever its version says.
    pub(crate) fn look_again(&mut self) {
        self.version = None;
    }

    /// Private objects are to be found again at the next login.
    pub(crate) fn forget_private(&mut self) {
        self.has_private = false;
    }

    pub(super) fn sees(&self, head: &Head) -> bool {
        !head.private || self.has_private
    }
}
