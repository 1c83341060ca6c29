//! Which objects have a value: lists of handles by attribute and value, so that a search looks at the objects that
//! share its rarest value and at no other.
//!
//! Values are kept as keyed 64-bit hashes. Two that meet by chance cost a look at an object too many and nothing
//! else, for every object of a list is held against the search.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use cryptoki_sys::*;

use crate::object::Search;
use crate::store::ValueRef;

/// What hosts look for: identifiers, names, and what is in a certificate or public key.
const INDEXED: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_CERTIFICATE_TYPE,
    CKA_LABEL,
    CKA_ID,
    CKA_UNIQUE_ID,
    CKA_SUBJECT,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_VALUE,
    CKA_PUBLIC_KEY_INFO,
    CKA_MODULUS,
    CKA_EC_POINT,
    CKA_APPLICATION,
    CKA_OBJECT_ID,
    CKA_URL,
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
    CKA_HASH_OF_ISSUER_PUBLIC_KEY,
];

/// The lists, by the hash of attribute and value.
#[derive(Default)]
pub(crate) struct Index {
    lists: HashMap<u64, List>,
    keys: RandomState,
}

/// Handles in ascending order; never empty.
enum List {
    One(CK_OBJECT_HANDLE),
    // Most lists are of one: the box keeps them small.
    #[allow(clippy::box_collection)]
    Many(Box<Vec<CK_OBJECT_HANDLE>>),
}

impl List {
    fn handles(&self) -> &[CK_OBJECT_HANDLE] {
        match self {
            Self::One(handle) => std::slice::from_ref(handle),
            Self::Many(handles) => handles,
        }
    }

    fn insert(&mut self, handle: CK_OBJECT_HANDLE) {
        match self {
            Self::One(other) if *other == handle => {}
            Self::One(other) => {
                let both = vec![(*other).min(handle), (*other).max(handle)];
                *self = Self::Many(Box::new(both));
            }
            Self::Many(handles) => {
                if let Err(place) = handles.binary_search(&handle) {
                    handles.insert(place, handle);
                }
            }
        }
    }

    /// Takes a handle away; tells whether the list is empty now.
    fn remove(&mut self, handle: CK_OBJECT_HANDLE) -> bool {
        match self {
            Self::One(other) => *other == handle,
            Self::Many(handles) => {
                if let Ok(place) = handles.binary_search(&handle) {
                    handles.remove(place);
                }
                handles.is_empty()
            }
        }
    }
}

impl Index {
    pub(crate) fn insert<'a>(
        &mut self,
        handle: CK_OBJECT_HANDLE,
        values: impl Iterator<Item = (CK_ATTRIBUTE_TYPE, ValueRef<'a>)>,
    ) {
        let Self { lists, keys } = self;
        for term in terms(keys, values) {
            lists
                .entry(term)
                .and_modify(|list| list.insert(handle))
                .or_insert(List::One(handle));
        }
    }

    /// Undoes an [`Self::insert`] with the same values.
    pub(crate) fn remove<'a>(
        &mut self,
        handle: CK_OBJECT_HANDLE,
        values: impl Iterator<Item = (CK_ATTRIBUTE_TYPE, ValueRef<'a>)>,
    ) {
        let Self { lists, keys } = self;
        for term in terms(keys, values) {
            if lists.get_mut(&term).is_some_and(|list| list.remove(handle)) {
                lists.remove(&term);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.lists.clear();
    }

    /// The objects that may have all values of a search, in ascending order; `None` if it has no value that is
    /// indexed, so that any object may.
    pub(crate) fn candidates(&self, search: &Search) -> Option<&[CK_OBJECT_HANDLE]> {
        let handles = |term| self.lists.get(&term).map(List::handles).unwrap_or_default();
        terms(&self.keys, search.values())
            .map(handles)
            .min_by_key(|handles| handles.len())
    }
}

/// The hashes of those values that are indexed. Every object with such a value is in its list, or none is. The class
/// comes first in an object; a search that gives it later, or not at all, goes without what depends on it.
fn terms<'a>(
    keys: &RandomState,
    values: impl Iterator<Item = (CK_ATTRIBUTE_TYPE, ValueRef<'a>)>,
) -> impl Iterator<Item = u64> {
    let mut has_open_value = false;
    values.filter_map(move |(kind, value)| {
        if let (CKA_CLASS, ValueRef::Ulong(class)) = (kind, value) {
            has_open_value = matches!(
                class as CK_OBJECT_CLASS,
                CKO_CERTIFICATE | CKO_DATA | CKO_PUBLIC_KEY
            );
        }
        if !INDEXED.contains(&kind) || (kind == CKA_VALUE && !has_open_value) {
            return None;
        }
        match value {
            ValueRef::Ulong(number) => Some(keys.hash_one((kind, number))),
            // An empty value says nothing, and many objects have it.
            ValueRef::Bytes(bytes) if !bytes.is_empty() => Some(keys.hash_one((kind, bytes))),
            _ => None,
        }
    })
}
