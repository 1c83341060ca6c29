//! RSASSA-PSS (RFC 8017, 8.1; PKCS #11 3.1, sections 6.1.10 and 6.1.12): `CKM_RSA_PKCS_PSS` and `CKM_SHA…_RSA_PKCS_PSS`.

use std::sync::Arc;

use cryptoki_sys::*;

use super::input::{Input, Operation, Scheme};
use super::{Call, Hash, Mechanism, Parameter, Signing, Table, Verifying, rsa, sha1};
use crate::error::{Error, Result};
use crate::ffi::crypto::RsaKey;
use crate::key::Key;
use crate::object::Object;

/// With a hash function, or over a digest that the host has made.
struct RsaPss(Option<Hash>);

impl RsaPss {
    fn begin(&self, call: &Call<'_>, key: Arc<Key>) -> Result<Operation<Pss>> {
        let parameters = Parameters::read(&call.parameter)?;
        if self.0.is_some_and(|hash| hash != parameters.hash) {
            return Err(Error::MechanismParamInvalid);
        }
        // RFC 8017, 9.1.1, step 3: emLen ≥ hLen + sLen + 2; the modulus has 8·k bits, so emLen is k.
        let longest = key.rsa()?.len().checked_sub(parameters.hash.len() + 2);
        if longest.is_none_or(|longest| parameters.salt > longest) {
            return Err(Error::MechanismParamInvalid);
        }
        let input = Input::new(self.0, parameters.hash.len())?;
        Ok(Operation {
            input,
            scheme: Pss { key, parameters },
        })
    }
}

impl Mechanism for RsaPss {
    fn info(&self) -> CK_MECHANISM_INFO {
        rsa::info(self.0.map_or(CKF_SIGN | CKF_VERIFY, sha1::uses))
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        self.0.map_or(Ok(()), sha1::check_signing)?;
        Ok(Box::new(self.begin(call, rsa::key_for_new(key)?)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, rsa::key_for_old(key)?)?))
    }
}

/// `CK_RSA_PKCS_PSS_PARAMS`.
struct Parameters {
    hash: Hash,
    mask: Hash,
    salt: usize,
}

impl Parameters {
    fn read(parameter: &Parameter<'_>) -> Result<Self> {
        let Parameter::Pss { hash, mask, salt_len } = *parameter else {
            return Err(Error::MechanismParamInvalid);
        };
        Ok(Self {
            hash: Hash::from_mechanism(hash)?,
            mask: Hash::from_mask(mask)?,
            salt: usize::try_from(salt_len).map_err(|_| Error::MechanismParamInvalid)?,
        })
    }
}

struct Pss {
    key: Arc<Key>,
    parameters: Parameters,
}

impl Scheme for Pss {
    fn signature_len(&self) -> usize {
        self.key.rsa().map_or(0, RsaKey::len)
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>> {
        let Parameters { hash, mask, salt } = self.parameters;
        self.key.rsa()?.sign_pss(input, hash, mask, salt)
    }

    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<bool> {
        let Parameters { hash, mask, salt } = self.parameters;
        self.key.rsa()?.verify_pss(input, hash, mask, salt, signature)
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_RSA_PKCS_PSS, &RsaPss(None)),
    (CKM_SHA1_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha1))),
    (CKM_SHA224_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha224))),
    (CKM_SHA256_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha256))),
    (CKM_SHA384_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha384))),
    (CKM_SHA512_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha512))),
    (CKM_SHA3_224_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha3_224))),
    (CKM_SHA3_256_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha3_256))),
    (CKM_SHA3_384_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha3_384))),
    (CKM_SHA3_512_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha3_512))),
];
