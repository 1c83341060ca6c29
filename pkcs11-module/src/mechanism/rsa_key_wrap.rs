//! RSA for what is too long for RSA (PKCS #11 3.1, section 6.1.22): `CKM_RSA_AES_KEY_WRAP`. A new AES key wraps the key
//! (KWP), OAEP wraps the AES key, and the two go one after the other.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::rsa::{info, key_for_new, key_for_old};
use super::{Call, Mechanism, Parameter, Table, rsa_oaep};
use crate::error::{Error, Result};
use crate::ffi::crypto::{AesKey, KeyWrap, OaepPadding};
use crate::object::Object;

/// `CKM_RSA_AES_KEY_WRAP`.
struct RsaAesKeyWrap;

/// The length of the AES key in bytes, and the padding of the RSA operation.
fn read(call: &Call<'_>) -> Result<(usize, OaepPadding)> {
    let Parameter::RsaAesKeyWrap { aes_bits, oaep } = &call.parameter else {
        return Err(Error::MechanismParamInvalid);
    };
    let length = match aes_bits {
        128 => 16,
        192 => 24,
        256 => 32,
        _ => return Err(Error::MechanismParamInvalid),
    };
    Ok((length, rsa_oaep::padding(oaep)?))
}

impl Mechanism for RsaAesKeyWrap {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_WRAP | CKF_UNWRAP)
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        let key = key_for_new(wrapping)?;
        let (length, padding) = read(call)?;
        let mut aes = Zeroizing::new(vec![0; length]);
        aws_lc_rs::rand::fill(&mut aes).map_err(|_| Error::General)?;
        let mut wrapped = rsa_oaep::encrypt(key.rsa()?, &padding, &aes).map_err(|error| match error {
            // It is the wrapping key that is too short for the AES key.
            Error::DataLenRange => Error::KeySizeRange,
            other => other,
        })?;
        wrapped.extend(KeyWrap::to_wrap(AesKey::new(&aes)?)?.wrap_padded(plain)?);
        Ok(wrapped)
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let key = key_for_old(unwrapping)?;
        let key = key.rsa()?;
        let (length, padding) = read(call)?;
        let (aes, rest) = wrapped
            .split_at_checked(key.len())
            .ok_or(Error::EncryptedDataLenRange)?;
        let aes = rsa_oaep::decrypt(key, &padding, aes)?;
        if aes.len() != length {
            return Err(Error::EncryptedDataInvalid);
        }
        KeyWrap::to_unwrap(AesKey::new(&aes)?)?.unwrap_padded(rest)
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_RSA_AES_KEY_WRAP, &RsaAesKeyWrap)];
