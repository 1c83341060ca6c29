//! RSASSA-PKCS1-v1_5 (RFC 8017, 8.2; PKCS #11, sections 2.1.6 and 2.1.11): `CKM_RSA_PKCS` and
//! `CKM_SHA…_RSA_PKCS`.
//!
//! `CKM_RSA_PKCS` pads what it is given, whether that is a `DigestInfo` or not: TLS before 1.2 and some card
//! protocols sign other things.

use std::sync::Arc;

use cryptoki_sys::*;

use super::input::{Input, Operation, Scheme};
use super::{Call, Hash, Mechanism, Signing, Table, Verifying};
use crate::error::{Error, Result};
use crate::ffi::crypto::RsaKey;
use crate::key::Key;
use crate::object::Object;

/// The padding takes at least this many bytes (RFC 8017, 9.2, step 3).
const MIN_PADDING: usize = 11;

/// With a hash function, or over the host's data as it is.
pub(super) struct RsaPkcs(pub(super) Option<Hash>);

impl RsaPkcs {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Operation<Padded>> {
        call.no_parameter()?;
        let key = object.key()?;
        let limit = key
            .rsa()?
            .len()
            .checked_sub(MIN_PADDING)
            .ok_or(Error::KeySizeRange)?;
        Ok(Operation {
            input: Input::new(self.0, limit)?,
            scheme: Padded { key, hash: self.0 },
        })
    }
}

impl Mechanism for RsaPkcs {
    fn info(&self) -> CK_MECHANISM_INFO {
        info()
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(self.begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, key)?))
    }
}

/// Signs and verifies with RSA keys of the sizes that are generated, and with smaller ones that were imported.
pub(super) fn info() -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO {
        ulMinKeySize: RsaKey::MIN_BITS as CK_ULONG,
        ulMaxKeySize: RsaKey::MAX_BITS as CK_ULONG,
        flags: CKF_SIGN | CKF_VERIFY,
    }
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
    (CKM_RSA_PKCS, &RsaPkcs(None)),
    (CKM_SHA256_RSA_PKCS, &RsaPkcs(Some(Hash::Sha256))),
    (CKM_SHA384_RSA_PKCS, &RsaPkcs(Some(Hash::Sha384))),
    (CKM_SHA512_RSA_PKCS, &RsaPkcs(Some(Hash::Sha512))),
];
