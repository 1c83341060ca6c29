//! RSASSA-PSS (RFC 8017, 8.1; PKCS #11, section 2.1.10 and 2.1.12): `CKM_RSA_PKCS_PSS` and `CKM_SHA…_RSA_PKCS_PSS`.

use std::sync::Arc;

use cryptoki_sys::*;

use super::input::{Input, Operation, Scheme};
use super::{Call, Hash, Mechanism, Parameter, Signing, Table, Verifying, rsa_pkcs};
use crate::error::{Error, Result};
use crate::ffi::crypto::RsaKey;
use crate::key::Key;
use crate::object::Object;

/// With a hash function, or over a digest that the host has made.
pub(super) struct RsaPss(pub(super) Option<Hash>);

impl RsaPss {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Operation<Pss>> {
        let parameters = Parameters::read(&call.parameter)?;
        if self.0.is_some_and(|hash| hash != parameters.hash) {
            return Err(Error::MechanismParamInvalid);
        }
        let key = object.key()?;
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
        rsa_pkcs::info()
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(self.begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, key)?))
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
    (CKM_SHA256_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha256))),
    (CKM_SHA384_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha384))),
    (CKM_SHA512_RSA_PKCS_PSS, &RsaPss(Some(Hash::Sha512))),
];
