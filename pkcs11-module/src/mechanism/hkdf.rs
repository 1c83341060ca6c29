//! HKDF (RFC 5869; PKCS #11, section 6.62): `CKM_HKDF_DERIVE` and `CKM_HKDF_DATA`.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::derivation::{self, Derived, Wanted, secret_value};
use super::{Call, Hash, Hkdf, Mechanism, Parameter, Table, secret};
use crate::error::{Error, Result};
use crate::ffi::crypto::{HmacContext, hkdf_expand};
use crate::object::Object;

/// Derives keys, or data that the host may read.
struct Derive {
    class: CK_OBJECT_CLASS,
}

impl Mechanism for Derive {
    fn info(&self) -> CK_MECHANISM_INFO {
        derivation::info(1, secret::MAX_LEN as CK_ULONG)
    }

    fn derived_class(&self) -> CK_OBJECT_CLASS {
        self.class
    }

    fn derive(&self, call: &Call<'_>, base: &Object, wanted: &Wanted<'_>) -> Result<Derived> {
        let value = secret::value(base, &[CKK_HKDF, CKK_GENERIC_SECRET])?;
        let Parameter::Hkdf(given) = &call.parameter else {
            return Err(Error::MechanismParamInvalid);
        };
        let hash = Hash::from_mechanism(given.hash)?;
        match (given.extract, given.expand) {
            (true, true) => expand(hash, &extract(hash, given, value, wanted)?, given.info, wanted),
            (false, true) => expand(hash, value, given.info, wanted),
            (true, false) if wanted.len.is_some_and(|len| len != hash.len()) => Err(Error::KeySizeRange),
            (true, false) => extract(hash, given, value, wanted).map(Derived::one),
            (false, false) => Err(Error::MechanismParamInvalid),
        }
    }
}

/// HKDF-Extract (2.2). No salt is as many zeros as a digest has bytes, which HMAC makes of an empty key.
fn extract(hash: Hash, given: &Hkdf<'_>, value: &[u8], wanted: &Wanted<'_>) -> Result<Zeroizing<Vec<u8>>> {
    let key;
    let salt = match given.salt_type {
        CKF_HKDF_SALT_NULL => &[],
        CKF_HKDF_SALT_DATA => given.salt,
        CKF_HKDF_SALT_KEY => {
            key = (wanted.key)(given.salt_key)?;
            secret_value(&key)?
        }
        _ => return Err(Error::MechanismParamInvalid),
    };
    let mut context = HmacContext::new(hash, salt)?;
    context.update(value)?;
    context.finish().map(Zeroizing::new)
}

/// HKDF-Expand (2.3), of at most 255 digests.
fn expand(hash: Hash, key: &[u8], info: &[u8], wanted: &Wanted<'_>) -> Result<Derived> {
    let len = wanted.needed_len()?;
    if len > 255 * hash.len() {
        return Err(Error::KeySizeRange);
    }
    hkdf_expand(hash, key, info, len).map(Derived::one)
}

pub(super) static MECHANISMS: Table = &[
    (
        CKM_HKDF_DERIVE,
        &Derive {
            class: CKO_SECRET_KEY,
        },
    ),
    (CKM_HKDF_DATA, &Derive { class: CKO_DATA }),
];
