//! RSA without a padding (RFC 8017, 5.1 and 5.2; PKCS #11 3.1, section 6.1.7): `CKM_RSA_X_509`. For hosts that pad by
//! themselves: data is a number, with zeros before it to the length of the modulus.

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::input::{Input, Operation, Scheme};
use super::rsa::{OnePiece, info, key_for_new, key_for_old};
use super::{Call, Cipher, Filling, Mechanism, Signing, Table, Verifying};
use crate::error::{Error, Result};
use crate::ffi::crypto::RsaKey;
use crate::key::Key;
use crate::object::Object;

/// `CKM_RSA_X_509`.
struct Raw;

/// The data as a number as long as the modulus. It is known not to be longer.
fn number(key: &RsaKey, data: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut number = Zeroizing::new(vec![0; key.len()]);
    let start = key.len().saturating_sub(data.len());
    number[start..].copy_from_slice(data);
    number
}

fn private(key: &RsaKey, data: &[u8], not_below: Error) -> Result<Zeroizing<Vec<u8>>> {
    key.private_raw(&number(key, data)).ok_or(not_below)
}

fn public(key: &RsaKey, data: &[u8], not_below: Error) -> Result<Zeroizing<Vec<u8>>> {
    let result = key.public_raw(&number(key, data)).ok_or(not_below)?;
    Ok(Zeroizing::new(result))
}

/// An operation on a number as long as the modulus at most, or exactly so long.
fn one_piece(
    call: &Call<'_>,
    key: Arc<Key>,
    wrong_length: Error,
    is_exact: bool,
    work: impl Fn(&RsaKey, &[u8]) -> Result<Zeroizing<Vec<u8>>> + Send + 'static,
) -> Result<Box<dyn Cipher>> {
    call.no_parameter()?;
    let len = key.rsa()?.len();
    let work = move |key: &RsaKey, data: &[u8]| {
        if is_exact && data.len() != len {
            return Err(wrong_length);
        }
        work(key, data)
    };
    Ok(OnePiece::begin(key, (len, wrong_length), len, Box::new(work)))
}

fn begin(call: &Call<'_>, key: Arc<Key>) -> Result<Operation<Bare>> {
    call.no_parameter()?;
    Ok(Operation {
        input: Input::new(None, key.rsa()?.len())?,
        scheme: Bare(key),
    })
}

impl Mechanism for Raw {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(
            CKF_SIGN
                | CKF_VERIFY
                | CKF_SIGN_RECOVER
                | CKF_VERIFY_RECOVER
                | CKF_ENCRYPT
                | CKF_DECRYPT
                | CKF_WRAP
                | CKF_UNWRAP,
        )
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(begin(call, key_for_new(key)?)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(begin(call, key_for_old(key)?)?))
    }

    fn sign_recover(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        one_piece(
            call,
            key_for_new(key)?,
            Error::DataLenRange,
            false,
            |key, data| private(key, data, Error::DataInvalid),
        )
    }

    fn verify_recover(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        let key = key_for_old(key)?;
        one_piece(call, key, Error::SignatureLenRange, true, |key, signature| {
            public(key, signature, Error::SignatureInvalid)
        })
    }

    fn encrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        one_piece(
            call,
            key_for_new(key)?,
            Error::DataLenRange,
            false,
            |key, data| public(key, data, Error::DataInvalid),
        )
    }

    fn decrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        let key = key_for_old(key)?;
        one_piece(call, key, Error::EncryptedDataLenRange, true, |key, data| {
            private(key, data, Error::EncryptedDataInvalid)
        })
    }

    fn wraps(&self, class: CK_OBJECT_CLASS) -> bool {
        class == CKO_SECRET_KEY
    }

    /// The number that comes out has the key at its end.
    fn filling(&self) -> Filling {
        Filling::Before
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        call.no_parameter()?;
        let key = key_for_new(wrapping)?;
        let key = key.rsa()?;
        if plain.len() > key.len() {
            return Err(Error::DataLenRange);
        }
        Ok(public(key, plain, Error::KeySizeRange)?.to_vec())
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        call.no_parameter()?;
        let key = key_for_old(unwrapping)?;
        let key = key.rsa()?;
        if wrapped.len() != key.len() {
            return Err(Error::EncryptedDataLenRange);
        }
        private(key, wrapped, Error::EncryptedDataInvalid)
    }
}

struct Bare(Arc<Key>);

impl Scheme for Bare {
    fn signature_len(&self) -> usize {
        self.0.rsa().map_or(0, RsaKey::len)
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>> {
        Ok(private(self.0.rsa()?, input, Error::DataInvalid)?.to_vec())
    }

    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<bool> {
        let key = self.0.rsa()?;
        let recovered = key.public_raw(signature).ok_or(Error::SignatureInvalid)?;
        Ok(recovered == *number(key, input))
    }
}

pub(super) static MECHANISMS: Table = &[(CKM_RSA_X_509, &Raw)];
