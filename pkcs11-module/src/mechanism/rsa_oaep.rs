//! RSAES-OAEP (RFC 8017, 7.1; PKCS #11 3.1, section 6.1.8): `CKM_RSA_PKCS_OAEP`. Any hash function of this token, any of
//! the standard's mask generation functions, any label.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::rsa::{OnePiece, info, key_for_new, key_for_old};
use super::{Call, Cipher, Hash, Mechanism, Oaep, Parameter, Table};
use crate::error::{Error, Result};
use crate::ffi::crypto::{OaepPadding, RsaKey};
use crate::object::Object;

/// The longest label taken, in bytes.
const LONGEST_LABEL: usize = 1 << 16;

/// `CKM_RSA_PKCS_OAEP`.
struct RsaOaep;

/// Checks `CK_RSA_PKCS_OAEP_PARAMS`. A label belongs to `CKZ_DATA_SPECIFIED`; the other source, 0, has none.
pub(super) fn padding(given: &Oaep<'_>) -> Result<OaepPadding> {
    let has_source = match given.source {
        CKZ_DATA_SPECIFIED => true,
        // Programs leave the source at zero when they have no label.
        0 => given.label.is_empty(),
        _ => false,
    };
    if !has_source || given.label.len() > LONGEST_LABEL {
        return Err(Error::MechanismParamInvalid);
    }
    Ok(OaepPadding {
        hash: Hash::from_mechanism(given.hash)?,
        mask: Hash::from_mask(given.mask)?,
        label: given.label.to_vec(),
    })
}

/// The longest data that a key takes with this padding: `CKR_KEY_SIZE_RANGE` if it is too short for the hash function.
pub(super) fn longest(key: &RsaKey, padding: &OaepPadding) -> Result<usize> {
    key.len()
        .checked_sub(2 * padding.hash.len() + 2)
        .ok_or(Error::KeySizeRange)
}

/// Encrypts data of at most [`longest`] bytes.
pub(super) fn encrypt(key: &RsaKey, padding: &OaepPadding, data: &[u8]) -> Result<Vec<u8>> {
    if data.len() > longest(key, padding)? {
        return Err(Error::DataLenRange);
    }
    key.encrypt_oaep(data, padding)
}

/// Decrypts; every fault but the length is the same one.
pub(super) fn decrypt(key: &RsaKey, padding: &OaepPadding, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if data.len() != key.len() {
        return Err(Error::EncryptedDataLenRange);
    }
    key.decrypt_oaep(data, padding)?
        .ok_or(Error::EncryptedDataInvalid)
}

fn read(call: &Call<'_>) -> Result<OaepPadding> {
    match &call.parameter {
        Parameter::Oaep(given) => padding(given),
        _ => Err(Error::MechanismParamInvalid),
    }
}

impl Mechanism for RsaOaep {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP)
    }

    fn encrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        let (key, padding) = (key_for_new(key)?, read(call)?);
        let (longest, most) = (longest(key.rsa()?, &padding)?, key.rsa()?.len());
        let work = move |key: &RsaKey, data: &[u8]| encrypt(key, &padding, data).map(Zeroizing::new);
        Ok(OnePiece::begin(
            key,
            (longest, Error::DataLenRange),
            most,
            Box::new(work),
        ))
    }

    fn decrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        let (key, padding) = (key_for_old(key)?, read(call)?);
        let (most, len) = (longest(key.rsa()?, &padding)?, key.rsa()?.len());
        let work = move |key: &RsaKey, data: &[u8]| decrypt(key, &padding, data);
        Ok(OnePiece::begin(
            key,
            (len, Error::EncryptedDataLenRange),
            most,
            Box::new(work),
        ))
    }

    fn wraps(&self, class: CK_OBJECT_CLASS) -> bool {
        class == CKO_SECRET_KEY
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        encrypt(key_for_new(wrapping)?.rsa()?, &read(call)?, plain)
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        decrypt(key_for_old(unwrapping)?.rsa()?, &read(call)?, wrapped)
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_RSA_PKCS_OAEP, &RsaOaep)];
