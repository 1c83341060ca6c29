//! What all derivations have in common: what is asked for, what comes out of it, and what the new key inherits.

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::Hash;
use crate::error::{Error, Result};
use crate::object::Object;

/// What a derivation is asked for.
pub(crate) struct Wanted<'a> {
    /// The length in bytes, if the template says it (`CKA_VALUE_LEN`).
    pub(crate) len: Option<usize>,
    /// The lengths of the additional keys, each from its own template.
    pub(crate) additional: Vec<usize>,
    /// Finds the other keys that a parameter names; they have to allow the use as the base key does.
    pub(crate) key: &'a dyn Fn(CK_OBJECT_HANDLE) -> Result<Arc<Object>>,
}

impl Wanted<'_> {
    /// The length where the mechanism could give any.
    pub(super) fn needed_len(&self) -> Result<usize> {
        self.len.ok_or(Error::TemplateIncomplete)
    }

    /// The first bytes of what there is, as many as are wanted; all of it if the template does not say.
    pub(super) fn first(&self, mut material: Zeroizing<Vec<u8>>) -> Result<Derived> {
        let len = self.len.unwrap_or(material.len());
        if len > material.len() {
            return Err(Error::KeySizeRange);
        }
        material.truncate(len);
        Ok(Derived::one(material))
    }

    /// The last bytes.
    pub(super) fn last(&self, material: &[u8]) -> Result<Derived> {
        let len = self.len.unwrap_or(material.len());
        let start = material.len().checked_sub(len).ok_or(Error::KeySizeRange)?;
        Ok(Derived::one(Zeroizing::new(material[start..].to_vec())))
    }
}

/// What a derivation gives.
pub(crate) struct Derived {
    /// The new key's value.
    pub(crate) value: Zeroizing<Vec<u8>>,
    /// The values of the additional keys, in their order.
    pub(crate) additional: Vec<Zeroizing<Vec<u8>>>,
}

impl Derived {
    /// Of the many mechanisms that make one key.
    pub(super) const fn one(value: Zeroizing<Vec<u8>>) -> Self {
        Self {
            value,
            additional: Vec::new(),
        }
    }
}

/// What the keys that a derivation starts from say of the new one's protection: each mechanism has one of these rules
/// in the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inheritance {
    /// The template decides. What was always true of all of them may be so of the new one.
    History,
    /// The same, but what the template leaves open is as with the base key, and it is enough that one of them has
    /// always been protected (6.42.7).
    Defaults,
    /// The new one is as easily turned back into them as read: if one is sensitive or not extractable, so is the
    /// new one (6.43.3 to 6.43.7).
    Protection,
}

/// The value of a secret key.
pub(super) fn secret_value(key: &Object) -> Result<&[u8]> {
    if key.class() == CKO_SECRET_KEY {
        key.bytes(CKA_VALUE)
    } else {
        Err(Error::KeyTypeInconsistent)
    }
}

/// The hash function of an HMAC that a parameter names.
pub(super) fn hash_of_hmac(kind: CK_MECHANISM_TYPE) -> Result<Hash> {
    match kind {
        CKM_SHA_1_HMAC => Ok(Hash::Sha1),
        CKM_SHA224_HMAC => Ok(Hash::Sha224),
        CKM_SHA256_HMAC => Ok(Hash::Sha256),
        CKM_SHA384_HMAC => Ok(Hash::Sha384),
        CKM_SHA512_HMAC => Ok(Hash::Sha512),
        CKM_SHA512_224_HMAC => Ok(Hash::Sha512_224),
        CKM_SHA512_256_HMAC => Ok(Hash::Sha512_256),
        CKM_SHA3_224_HMAC => Ok(Hash::Sha3_224),
        CKM_SHA3_256_HMAC => Ok(Hash::Sha3_256),
        CKM_SHA3_384_HMAC => Ok(Hash::Sha3_384),
        CKM_SHA3_512_HMAC => Ok(Hash::Sha3_512),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// Bounds of the base key's size, in bits where the standard counts in bits, else in bytes.
pub(super) const fn info(min: CK_ULONG, max: CK_ULONG) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: min,
        ulMaxKeySize: max,
        flags: CKF_DERIVE,
    }
}
