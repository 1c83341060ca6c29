//! Profile objects (PKCS #11 3.0, section 4.13): what a token says of its own conformance to the standard's profiles.
//!
//! They belong to the library, not to the store, and nobody can make, change, copy or destroy one. As with hardware
//! features, only a search that names their class finds them: programs that know nothing of them shall not stumble
//! over objects without a label.

use std::sync::Arc;

use cryptoki_sys::*;

use crate::attribute::Value;
use crate::library::Handles;
use crate::object::{Object, Search};
use crate::table::{Entry, Home, Thing};

/// What this token conforms to. Not the profile of public certificates: a token may have private ones.
const PROFILES: [CK_PROFILE_ID; 3] = [
    CKP_BASELINE_PROVIDER,
    CKP_EXTENDED_PROVIDER,
    CKP_AUTHENTICATION_TOKEN,
];

/// A token's profile objects, with their handles.
pub(crate) struct Conformance([(CK_OBJECT_HANDLE, Arc<Object>); PROFILES.len()]);

impl Conformance {
    pub(crate) fn new(handles: &Handles) -> Self {
        Self(PROFILES.map(|profile| (handles.next(), Arc::new(object(profile)))))
    }

    /// Those that a search finds.
    pub(crate) fn find(&self, search: &Search) -> impl Iterator<Item = CK_OBJECT_HANDLE> {
        let is_asked = search.names(CKO_PROFILE);
        let found = self
            .0
            .iter()
            .filter(move |(_, object)| is_asked && object.matches(search));
        found.map(|(handle, _)| *handle)
    }

    pub(crate) fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<Entry> {
        let (_, object) = self.0.iter().find(|(known, _)| *known == handle)?;
        Some(Entry {
            // In no store and no session, and its flags see to it that nobody wants to write it there.
            home: Home::Nowhere,
            thing: Thing::Sound(object.clone()),
        })
    }
}

fn object(profile: CK_PROFILE_ID) -> Object {
    let attributes = [
        (CKA_CLASS, Value::Ulong(CKO_PROFILE.into())),
        (CKA_PROFILE_ID, Value::Ulong(profile.into())),
        (CKA_TOKEN, Value::Bool(true)),
        (CKA_PRIVATE, Value::Bool(false)),
        (CKA_MODIFIABLE, Value::Bool(false)),
        (CKA_COPYABLE, Value::Bool(false)),
        (CKA_DESTROYABLE, Value::Bool(false)),
        (CKA_UNIQUE_ID, Value::bytes(format!("profile-{profile}"))),
    ];
    Object::new(attributes.into_iter().collect())
}
