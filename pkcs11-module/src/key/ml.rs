//! ML-DSA and ML-KEM keys (PKCS #11 3.2, sections 6.67 and 6.68).

use cryptoki_sys::*;

use super::{GeneratedPair, Key};
use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::ffi::crypto::MlKey;
use crate::mechanism::{MlDsaSet, MlKemSet};
use crate::object::Object;

/// Builds the key of an object of either type.
pub(super) fn of(object: &Object) -> Result<Key> {
    let number = u64::from(object.ulong(CKA_PARAMETER_SET).ok_or(Error::TemplateIncomplete)?);
    let is_private = object.class() == CKO_PRIVATE_KEY;
    // A private key is its seed, or its expanded form if the seed is not known.
    let seed = object
        .bytes(CKA_SEED)
        .ok()
        .filter(|seed| is_private && !seed.is_empty());
    if object.ulong(CKA_KEY_TYPE) == Some(CKK_ML_DSA) {
        let set = MlDsaSet::from_parameter(number)?;
        let key = match seed {
            Some(seed) => MlKey::dsa_private(set, seed),
            None if is_private => MlKey::dsa_private(set, object.bytes(CKA_VALUE)?),
            None => MlKey::dsa_public(set, object.bytes(CKA_VALUE)?),
        };
        return Ok(Key::MlDsa(set, key?));
    }
    let set = MlKemSet::from_parameter(number)?;
    let key = match seed {
        Some(seed) => MlKey::kem_from_seed(set, seed),
        None if is_private => {
            let private = object.bytes(CKA_VALUE)?;
            let public = private.get(set.public_in_private());
            MlKey::kem_private(set, public.ok_or(Error::AttributeValueInvalid)?, private)
        }
        None => MlKey::kem_public(set, object.bytes(CKA_VALUE)?),
    };
    Ok(Key::MlKem(key?))
}

impl GeneratedPair {
    /// The two halves of a generated key; the private one keeps its seed.
    pub(crate) fn from_ml(set: Value, key: &MlKey) -> Result<Self> {
        let public = [
            (CKA_PARAMETER_SET, set.clone()),
            (CKA_VALUE, Value::bytes(key.public_bytes()?)),
        ];
        let mut private = vec![
            (CKA_PARAMETER_SET, set),
            (CKA_VALUE, Value::Bytes(key.private_bytes()?)),
        ];
        if let Some(seed) = key.seed() {
            private.push((CKA_SEED, Value::Bytes(seed)));
        }
        Ok(Self {
            public: public.into_iter().collect(),
            private: private.into_iter().collect(),
        })
    }
}
