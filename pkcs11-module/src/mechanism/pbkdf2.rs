//! PBKDF2 (RFC 8018, 5.2; PKCS #11, section 6.37.3): `CKM_PKCS5_PBKD2`, which generates a key from a password.

use cryptoki_sys::*;

use super::{Call, Hash, Mechanism, Parameter, Table};
use crate::attribute::Value;
use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::pbkdf2;
use crate::object::Attributes;

/// Some seconds of work: more would keep the host waiting for what was never meant.
const MAX_ITERATIONS: u32 = 10_000_000;
/// The longest key, in bytes.
const MAX_LEN: u64 = 512;

struct Pbkdf2;

impl Mechanism for Pbkdf2 {
    fn info(&self) -> CK_MECHANISM_INFO {
        // The mechanism has no use for them (6.37.3).
        CK_MECHANISM_INFO {
            ulMinKeySize: 0,
            ulMaxKeySize: 0,
            flags: CKF_GENERATE,
        }
    }

    fn secret_types(&self) -> Result<&'static [CK_KEY_TYPE]> {
        Ok(&[
            CKK_GENERIC_SECRET,
            CKK_AES,
            CKK_HKDF,
            CKK_SHA_1_HMAC,
            CKK_SHA224_HMAC,
            CKK_SHA256_HMAC,
            CKK_SHA384_HMAC,
            CKK_SHA512_HMAC,
            CKK_SHA512_224_HMAC,
            CKK_SHA512_256_HMAC,
            CKK_SHA3_224_HMAC,
            CKK_SHA3_256_HMAC,
            CKK_SHA3_384_HMAC,
            CKK_SHA3_512_HMAC,
        ])
    }

    fn generate_secret(&self, call: &Call<'_>, template: &Draft) -> Result<Attributes> {
        let Parameter::Pbkdf2(given) = &call.parameter else {
            return Err(Error::MechanismParamInvalid);
        };
        let iterations = u32::try_from(given.iterations)
            .ok()
            .filter(|iterations| (1..=MAX_ITERATIONS).contains(iterations));
        let iterations = iterations.ok_or(Error::MechanismParamInvalid)?;
        if given.salt_source != CKZ_SALT_SPECIFIED {
            return Err(Error::MechanismParamInvalid);
        }
        let hash = hash(given.prf)?;
        let len = template.ulong(CKA_VALUE_LEN).ok_or(Error::TemplateIncomplete)?;
        if !(1..=MAX_LEN).contains(&len) {
            return Err(Error::KeySizeRange);
        }
        let value = pbkdf2(hash, given.password, given.salt, iterations, len as usize)?;
        Ok([(CKA_VALUE, Value::Bytes(value))].into())
    }
}

/// `CK_PKCS5_PBKD2_PSEUDO_RANDOM_FUNCTION_TYPE`.
fn hash(prf: CK_ULONG) -> Result<Hash> {
    match prf {
        CKP_PKCS5_PBKD2_HMAC_SHA1 => Ok(Hash::Sha1),
        CKP_PKCS5_PBKD2_HMAC_SHA224 => Ok(Hash::Sha224),
        CKP_PKCS5_PBKD2_HMAC_SHA256 => Ok(Hash::Sha256),
        CKP_PKCS5_PBKD2_HMAC_SHA384 => Ok(Hash::Sha384),
        CKP_PKCS5_PBKD2_HMAC_SHA512 => Ok(Hash::Sha512),
        CKP_PKCS5_PBKD2_HMAC_SHA512_224 => Ok(Hash::Sha512_224),
        CKP_PKCS5_PBKD2_HMAC_SHA512_256 => Ok(Hash::Sha512_256),
        _ => Err(Error::MechanismParamInvalid),
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_PKCS5_PBKD2, &Pbkdf2)];
