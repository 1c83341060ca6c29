//! PKCS #1 v1.5 (RFC 8017, 7.2 and 8.2; PKCS #11 3.1, sections 6.1.6 and 6.1.11): `CKM_RSA_PKCS` and
//! `CKM_SHA…_RSA_PKCS`.
//!
//! `CKM_RSA_PKCS` pads what it is given, whether that is a `DigestInfo` or not: TLS before 1.2 and some card
//! protocols sign other things.
//!
//! **Decryption** looks for the padding in constant time and then says `CKR_ENCRYPTED_DATA_INVALID` if there is none, as
//! the standard has it. That one bit is what an attacker of Bleichenbacher's kind lives on, so a host that lets strangers
//! choose what is decrypted must not tell them; who wants it hidden by the mathematics uses OAEP. Implicit rejection, a
//! random message in place of the error, would hide it from careless hosts and take the return value from all others:
//! `C_UnwrapKey` would make keys of noise, and whoever tests a decryption by its error (Wycheproof does) could not.

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::input::{Input, Operation, Scheme};
use super::rsa::{OnePiece, info, key_for_new, key_for_old};
use super::{Call, Cipher, Hash, Mechanism, Signing, Table, Verifying, sha1};
use crate::error::{Error, Result};
use crate::ffi::crypto::RsaKey;
use crate::key::Key;
use crate::object::Object;

/// The padding takes at least this many bytes (RFC 8017, 7.2.1 and 9.2, step 3).
const MIN_PADDING: usize = 11;

/// The longest data that a key pads. Every key is longer than the padding.
fn longest(key: &Key) -> Result<usize> {
    key.rsa()?
        .len()
        .checked_sub(MIN_PADDING)
        .ok_or(Error::KeySizeRange)
}

/// Signatures with a hash function, or over the host's data as it is.
fn begin(hash: Option<Hash>, call: &Call<'_>, key: Arc<Key>) -> Result<Operation<Padded>> {
    call.no_parameter()?;
    Ok(Operation {
        input: Input::new(hash, longest(&key)?)?,
        scheme: Padded { key, hash },
    })
}

/// `CKM_SHA…_RSA_PKCS`.
struct Hashed(Hash);

impl Mechanism for Hashed {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(sha1::uses(self.0))
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        sha1::check_signing(self.0)?;
        Ok(Box::new(begin(Some(self.0), call, key_for_new(key)?)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(begin(Some(self.0), call, key_for_old(key)?)?))
    }
}

/// `CKM_RSA_PKCS`.
struct Bare;

impl Mechanism for Bare {
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
        Ok(Box::new(begin(None, call, key_for_new(key)?)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(begin(None, call, key_for_old(key)?)?))
    }

    fn sign_recover(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        call.no_parameter()?;
        let key = key_for_new(key)?;
        let (longest, most) = (longest(&key)?, key.rsa()?.len());
        let work = |key: &RsaKey, data: &[u8]| key.sign_pkcs1(data).map(Zeroizing::new);
        Ok(OnePiece::begin(
            key,
            (longest, Error::DataLenRange),
            most,
            Box::new(work),
        ))
    }

    fn verify_recover(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        call.no_parameter()?;
        let key = key_for_old(key)?;
        let (len, most) = (key.rsa()?.len(), longest(&key)?);
        let work = move |key: &RsaKey, signature: &[u8]| {
            if signature.len() != len {
                return Err(Error::SignatureLenRange);
            }
            let data = key.recover_pkcs1(signature).ok_or(Error::SignatureInvalid)?;
            Ok(Zeroizing::new(data))
        };
        Ok(OnePiece::begin(
            key,
            (len, Error::SignatureLenRange),
            most,
            Box::new(work),
        ))
    }

    fn encrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        call.no_parameter()?;
        let key = key_for_new(key)?;
        let (longest, most) = (longest(&key)?, key.rsa()?.len());
        let work = |key: &RsaKey, data: &[u8]| key.encrypt_pkcs1(data).map(Zeroizing::new);
        Ok(OnePiece::begin(
            key,
            (longest, Error::DataLenRange),
            most,
            Box::new(work),
        ))
    }

    fn decrypt(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Cipher>> {
        call.no_parameter()?;
        let key = key_for_old(key)?;
        let (len, most) = (key.rsa()?.len(), longest(&key)?);
        Ok(OnePiece::begin(
            key,
            (len, Error::EncryptedDataLenRange),
            most,
            Box::new(decrypt),
        ))
    }

    fn wraps(&self, class: CK_OBJECT_CLASS) -> bool {
        class == CKO_SECRET_KEY
    }

    fn wrap(&self, call: &Call<'_>, wrapping: &Object, plain: &[u8]) -> Result<Vec<u8>> {
        call.no_parameter()?;
        let key = key_for_new(wrapping)?;
        if plain.len() > longest(&key)? {
            return Err(Error::DataLenRange);
        }
        key.rsa()?.encrypt_pkcs1(plain)
    }

    fn unwrap(&self, call: &Call<'_>, unwrapping: &Object, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        call.no_parameter()?;
        decrypt(key_for_old(unwrapping)?.rsa()?, wrapped)
    }
}

fn decrypt(key: &RsaKey, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if data.len() != key.len() {
        return Err(Error::EncryptedDataLenRange);
    }
    key.decrypt_pkcs1(data).ok_or(Error::EncryptedDataInvalid)
}

struct Padded {
    key: Arc<Key>,
    hash: Option<Hash>,
}

impl Padded {
    fn message(&self, input: &[u8]) -> Vec<u8> {
        let prefix = self.hash.map(Hash::digest_info_prefix);
        [prefix.as_deref().unwrap_or_default(), input].concat()
    }
}

impl Scheme for Padded {
    fn signature_len(&self) -> usize {
        self.key.rsa().map_or(0, RsaKey::len)
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>> {
        self.key.rsa()?.sign_pkcs1(&self.message(input))
    }

    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<bool> {
        // The message is rebuilt and compared, never parsed out of the signature (RFC 8017, 8.2.2, step 4).
        Ok(self
            .key
            .rsa()?
            .recover_pkcs1(signature)
            .ok_or(Error::SignatureInvalid)?
            == self.message(input))
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_RSA_PKCS, &Bare),
    (CKM_SHA1_RSA_PKCS, &Hashed(Hash::Sha1)),
    (CKM_SHA224_RSA_PKCS, &Hashed(Hash::Sha224)),
    (CKM_SHA256_RSA_PKCS, &Hashed(Hash::Sha256)),
    (CKM_SHA384_RSA_PKCS, &Hashed(Hash::Sha384)),
    (CKM_SHA512_RSA_PKCS, &Hashed(Hash::Sha512)),
    (CKM_SHA3_224_RSA_PKCS, &Hashed(Hash::Sha3_224)),
    (CKM_SHA3_256_RSA_PKCS, &Hashed(Hash::Sha3_256)),
    (CKM_SHA3_384_RSA_PKCS, &Hashed(Hash::Sha3_384)),
    (CKM_SHA3_512_RSA_PKCS, &Hashed(Hash::Sha3_512)),
];
