//! SHA-2 (FIPS 180-4): `CKM_SHA256`, `CKM_SHA384`, `CKM_SHA512` (PKCS #11, section 2.20 to 2.22).

use aws_lc_rs::digest::{self, Algorithm, Context};
use cryptoki_sys::*;

use super::{Call, Mechanism};
use crate::error::{Error, Result};

/// A hash function this token offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The hash function that a mechanism type names, in the parameters of other mechanisms.
    pub(crate) fn from_mechanism(kind: CK_MECHANISM_TYPE) -> Result<Self> {
        match kind {
            CKM_SHA256 => Ok(Self::Sha256),
            CKM_SHA384 => Ok(Self::Sha384),
            CKM_SHA512 => Ok(Self::Sha512),
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    /// The length of a digest, in bytes.
    pub(crate) fn len(self) -> usize {
        self.algorithm().output_len()
    }

    pub(crate) fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// The DER of a `DigestInfo` up to the digest (RFC 8017, 9.2, note 1).
    pub(crate) fn digest_info_prefix(self) -> [u8; 19] {
        let (algorithm, len) = match self {
            Self::Sha256 => (1, 32),
            Self::Sha384 => (2, 48),
            Self::Sha512 => (3, 64),
        };
        let oid = [0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, algorithm];
        let mut prefix = [0; 19];
        prefix[..4].copy_from_slice(&[0x30, 17 + len, 0x30, 13]);
        prefix[4..15].copy_from_slice(&oid);
        prefix[15..].copy_from_slice(&[0x05, 0, 0x04, len]);
        prefix
    }
}

pub(super) struct Digest(pub(super) Hash);

impl Mechanism for Digest {
    fn info(&self) -> CK_MECHANISM_INFO {
        CK_MECHANISM_INFO {
            ulMinKeySize: 0,
            ulMaxKeySize: 0,
            flags: CKF_DIGEST,
        }
    }

    fn digest(&self, call: &Call<'_>) -> Result<Context> {
        call.no_parameter()?;
        Ok(Context::new(self.0.algorithm()))
    }
}
