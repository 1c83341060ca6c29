//! Mechanisms: one file an algorithm, one table that names them.
//!
//! A mechanism refuses by default: each kind of use it does not define is `CKR_MECHANISM_INVALID`.

mod digest;
mod ecdsa;
mod generate;
mod input;
mod rsa_pkcs;
mod rsa_pss;

use cryptoki_sys::*;

use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::key::GeneratedPair;
use crate::object::Object;

pub(crate) use digest::Hash;
pub(crate) use ecdsa::Curve;

/// A mechanism as a call names it: `CK_MECHANISM`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) kind: CK_MECHANISM_TYPE,
    pub(crate) parameter: &'a [u8],
}

impl Call<'_> {
    /// For the many mechanisms without a parameter.
    fn no_parameter(&self) -> Result<()> {
        if self.parameter.is_empty() {
            Ok(())
        } else {
            Err(Error::MechanismParamInvalid)
        }
    }
}

/// What a mechanism can do.
pub(crate) trait Mechanism: Sync {
    /// Key sizes and uses (`C_GetMechanismInfo`).
    fn info(&self) -> CK_MECHANISM_INFO;

    /// Begins a digest.
    fn digest(&self, _call: &Call<'_>) -> Result<aws_lc_rs::digest::Context> {
        Err(Error::MechanismInvalid)
    }

    /// Begins a signature with a key that is known to allow it.
    fn sign(&self, _call: &Call<'_>, _key: &Object) -> Result<Box<dyn Signing>> {
        Err(Error::MechanismInvalid)
    }

    /// Begins a verification with a key that is known to allow it.
    fn verify(&self, _call: &Call<'_>, _key: &Object) -> Result<Box<dyn Verifying>> {
        Err(Error::MechanismInvalid)
    }

    /// The type of the keys that it makes.
    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Err(Error::MechanismInvalid)
    }

    /// Makes a key pair as the template of its public half asks.
    fn generate_pair(&self, _call: &Call<'_>, _public: &Draft) -> Result<GeneratedPair> {
        Err(Error::MechanismInvalid)
    }
}

/// Data that arrives in one piece or in many.
pub(crate) trait Fed: Send {
    /// Whether the mechanism is defined for data in many pieces.
    fn takes_parts(&self) -> bool;

    /// Takes the next piece.
    fn update(&mut self, part: &[u8]) -> Result<()>;
}

/// A signature in the making.
pub(crate) trait Signing: Fed {
    /// The length of the signature, known before it is made: a length query must not sign.
    fn signature_len(&self) -> usize;

    /// Signs all that was fed.
    fn finish(self: Box<Self>) -> Result<Vec<u8>>;
}

/// A verification in the making.
pub(crate) trait Verifying: Fed {
    /// Whether it is a signature of all that was fed: `CKR_SIGNATURE_INVALID` or `CKR_SIGNATURE_LEN_RANGE` if not.
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()>;
}

/// Finds a mechanism by its type.
pub(crate) fn find(kind: CK_MECHANISM_TYPE) -> Result<&'static dyn Mechanism> {
    let entry = MECHANISMS.iter().find(|(known, _)| *known == kind);
    entry
        .map(|(_, mechanism)| *mechanism)
        .ok_or(Error::MechanismInvalid)
}

/// Every mechanism's type, in the order of the table.
pub(crate) fn kinds() -> Vec<CK_MECHANISM_TYPE> {
    MECHANISMS.iter().map(|(kind, _)| *kind).collect()
}

static MECHANISMS: &[(CK_MECHANISM_TYPE, &dyn Mechanism)] = &[
    (CKM_RSA_PKCS_KEY_PAIR_GEN, &generate::Rsa),
    (CKM_RSA_PKCS, &rsa_pkcs::RsaPkcs(None)),
    (CKM_SHA256_RSA_PKCS, &rsa_pkcs::RsaPkcs(Some(Hash::Sha256))),
    (CKM_SHA384_RSA_PKCS, &rsa_pkcs::RsaPkcs(Some(Hash::Sha384))),
    (CKM_SHA512_RSA_PKCS, &rsa_pkcs::RsaPkcs(Some(Hash::Sha512))),
    (CKM_RSA_PKCS_PSS, &rsa_pss::RsaPss(None)),
    (CKM_SHA256_RSA_PKCS_PSS, &rsa_pss::RsaPss(Some(Hash::Sha256))),
    (CKM_SHA384_RSA_PKCS_PSS, &rsa_pss::RsaPss(Some(Hash::Sha384))),
    (CKM_SHA512_RSA_PKCS_PSS, &rsa_pss::RsaPss(Some(Hash::Sha512))),
    (CKM_EC_KEY_PAIR_GEN, &generate::Ec),
    (CKM_ECDSA, &ecdsa::Ecdsa(None)),
    (CKM_ECDSA_SHA256, &ecdsa::Ecdsa(Some(Hash::Sha256))),
    (CKM_ECDSA_SHA384, &ecdsa::Ecdsa(Some(Hash::Sha384))),
    (CKM_ECDSA_SHA512, &ecdsa::Ecdsa(Some(Hash::Sha512))),
    (CKM_SHA256, &digest::Digest(Hash::Sha256)),
    (CKM_SHA384, &digest::Digest(Hash::Sha384)),
    (CKM_SHA512, &digest::Digest(Hash::Sha512)),
];
