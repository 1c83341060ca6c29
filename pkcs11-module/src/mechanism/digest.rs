//! Hash functions: SHA-1 and SHA-2 (FIPS 180-4), SHA-3 (FIPS 202).

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::{Call, Digesting, Mechanism, Table};
use crate::error::{Error, Result};
use crate::ffi::crypto::Context;

/// A hash function this token offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512_224,
    Sha512_256,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
}

impl Hash {
    /// The hash function that a mechanism type names, in the parameters of other mechanisms.
    pub(crate) fn from_mechanism(kind: CK_MECHANISM_TYPE) -> Result<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == kind);
        found.map(|(_, hash)| *hash).ok_or(Error::MechanismParamInvalid)
    }

    /// The mechanism type that names it.
    fn mechanism(self) -> Option<CK_MECHANISM_TYPE> {
        let found = Self::ALL.iter().find(|(_, hash)| *hash == self);
        found.map(|(kind, _)| *kind)
    }

    const ALL: [(CK_MECHANISM_TYPE, Self); 11] = [
        (CKM_SHA_1, Self::Sha1),
        (CKM_SHA224, Self::Sha224),
        (CKM_SHA256, Self::Sha256),
        (CKM_SHA384, Self::Sha384),
        (CKM_SHA512, Self::Sha512),
        (CKM_SHA512_224, Self::Sha512_224),
        (CKM_SHA512_256, Self::Sha512_256),
        (CKM_SHA3_224, Self::Sha3_224),
        (CKM_SHA3_256, Self::Sha3_256),
        (CKM_SHA3_384, Self::Sha3_384),
        (CKM_SHA3_512, Self::Sha3_512),
    ];

    /// The hash function of the mask generation function MGF1 that a parameter names (RFC 8017, B.2.1).
    pub(crate) fn from_mask(mask: CK_RSA_PKCS_MGF_TYPE) -> Result<Self> {
        match mask {
            CKG_MGF1_SHA1 => Ok(Self::Sha1),
            CKG_MGF1_SHA224 => Ok(Self::Sha224),
            CKG_MGF1_SHA256 => Ok(Self::Sha256),
            CKG_MGF1_SHA384 => Ok(Self::Sha384),
            CKG_MGF1_SHA512 => Ok(Self::Sha512),
            CKG_MGF1_SHA3_224 => Ok(Self::Sha3_224),
            CKG_MGF1_SHA3_256 => Ok(Self::Sha3_256),
            CKG_MGF1_SHA3_384 => Ok(Self::Sha3_384),
            CKG_MGF1_SHA3_512 => Ok(Self::Sha3_512),
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    /// The length of a digest, in bytes.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha512_224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha512_256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// The DER of its object identifier (RFC 8017, B.1; NIST's registry for SHA-3).
    pub(crate) fn oid(self) -> Vec<u8> {
        let last = match self {
            Self::Sha1 => return vec![0x06, 5, 0x2b, 14, 3, 2, 26],
            Self::Sha256 => 1,
            Self::Sha384 => 2,
            Self::Sha512 => 3,
            Self::Sha224 => 4,
            Self::Sha512_224 => 5,
            Self::Sha512_256 => 6,
            Self::Sha3_224 => 7,
            Self::Sha3_256 => 8,
            Self::Sha3_384 => 9,
            Self::Sha3_512 => 10,
        };
        vec![0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last]
    }

    /// The DER of a `DigestInfo` up to the digest (RFC 8017, 9.2, note 1).
    pub(crate) fn digest_info_prefix(self) -> Vec<u8> {
        let oid = self.oid();
        let (oid_len, len) = (oid.len() as u8, self.len() as u8);
        let head = [0x30, oid_len + len + 6, 0x30, oid_len + 2];
        [&head[..], &oid, &[0x05, 0, 0x04, len]].concat()
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

    fn digest(&self, call: &Call<'_>) -> Result<Box<dyn Digesting>> {
        call.no_parameter()?;
        Ok(Box::new(Context::new(self.0)?))
    }

    fn resume_digest(&self, saved: &[u8]) -> Result<Box<dyn Digesting>> {
        Ok(Box::new(Context::resumed(self.0, saved)?))
    }
}

impl Digesting for Context {
    fn digest_len(&self) -> usize {
        self.hash().len()
    }

    fn update(&mut self, part: &[u8]) -> Result<()> {
        Self::update(self, part)
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Self::finish(*self)
    }

    fn saved(&self) -> Option<(CK_MECHANISM_TYPE, Zeroizing<Vec<u8>>)> {
        self.hash().mechanism().zip(Self::saved(self))
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_SHA_1, &Digest(Hash::Sha1)),
    (CKM_SHA224, &Digest(Hash::Sha224)),
    (CKM_SHA256, &Digest(Hash::Sha256)),
    (CKM_SHA384, &Digest(Hash::Sha384)),
    (CKM_SHA512, &Digest(Hash::Sha512)),
    (CKM_SHA512_224, &Digest(Hash::Sha512_224)),
    (CKM_SHA512_256, &Digest(Hash::Sha512_256)),
    (CKM_SHA3_224, &Digest(Hash::Sha3_224)),
    (CKM_SHA3_256, &Digest(Hash::Sha3_256)),
    (CKM_SHA3_384, &Digest(Hash::Sha3_384)),
    (CKM_SHA3_512, &Digest(Hash::Sha3_512)),
];
