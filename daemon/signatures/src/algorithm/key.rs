//! Public keys and the verification of signatures with them.

use std::fmt;

use der::{Decode, Encode};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use serde::{Deserialize, Serialize};
use signature::hazmat::PrehashVerifier;
use spki::{DecodePublicKey, SubjectPublicKeyInfoRef};

use super::{Declared, Hash, SignatureAlgorithm, SignatureValue};
use crate::cms::tlv::{self, Elements, tag};

/// What sort of public key, without the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublicKeyKind {
    /// RSA
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
    /// The curve P-256 (secp256r1)
    P256,
    /// The curve P-384 (secp384r1)
    P384,
    /// The curve P-521 (secp521r1)
    P521,
    /// Something that this crate does not verify with.
    Other,
}

impl fmt::Display for PublicKeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Other => f.write_str("other"),
        }
    }
}

/// The signature was not made over this by the owner of this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A public key to verify with.
#[derive(Debug, Clone)]
pub enum PublicKey {
    /// RSA, at most 8192 bits
    Rsa(Box<RsaPublicKey>),
    /// A point on P-256
    P256(p256::ecdsa::VerifyingKey),
    /// A point on P-384
    P384(p384::ecdsa::VerifyingKey),
    /// A point on P-521
    P521(p521::ecdsa::VerifyingKey),
    /// Something else; nothing verifies with it.
    Other,
}

impl PublicKey {
    /// From the DER of a `SubjectPublicKeyInfo`. A key that cannot be read, or is of another kind, is
    /// [`PublicKey::Other`]: certificates with such keys still have to be shown.
    #[must_use]
    pub fn from_spki_der(der: &[u8]) -> Self {
        let Ok(info) = SubjectPublicKeyInfoRef::from_der(der) else {
            return Self::Other;
        };
        if let Ok(key) = RsaPublicKey::try_from(info.clone()) {
            return Self::Rsa(Box::new(key));
        }
        p256::ecdsa::VerifyingKey::from_public_key_der(der)
            .map(Self::P256)
            .or_else(|_| p384::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P384))
            .or_else(|_| p521::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P521))
            .unwrap_or(Self::Other)
    }

    /// What sort of key it is.
    #[must_use]
    pub fn kind(&self) -> PublicKeyKind {
        match self {
            Self::Rsa(key) => PublicKeyKind::Rsa {
                bits: usize::try_from(key.n().bits_vartime()).unwrap_or(usize::MAX),
            },
            Self::P256(_) => PublicKeyKind::P256,
            Self::P384(_) => PublicKeyKind::P384,
            Self::P521(_) => PublicKeyKind::P521,
            Self::Other => PublicKeyKind::Other,
        }
    }

    /// Bytes of the longest signature this key makes, as formats carry it.
    #[must_use]
    pub fn max_signature_len(&self) -> usize {
        match self {
            Self::Rsa(key) => key.size(),
            Self::P256(_) => 72,
            Self::P384(_) => 104,
            Self::P521(_) => 139,
            Self::Other => super::MAX_SIGNATURE_LEN,
        }
    }

    /// Verifies a signature over `message`.
    ///
    /// # Errors
    /// [`BadSignature`], also when key and algorithm do not belong together.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &SignatureValue,
    ) -> Result<(), BadSignature> {
        self.verify_digest(algorithm, &algorithm.hash().digest(message), signature)
    }

    /// Verifies a signature over the message with this digest, made with the algorithm's hash.
    ///
    /// # Errors
    /// [`BadSignature`], also when key and algorithm do not belong together or the digest has another length.
    pub fn verify_digest(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        signature: &SignatureValue,
    ) -> Result<(), BadSignature> {
        self.verify_declared(algorithm.into(), digest, signature)
    }

    /// Verifies a signature of somebody else, with the salt length that it declares.
    pub(crate) fn verify_declared(
        &self,
        declared: Declared,
        digest: &[u8],
        signature: &SignatureValue,
    ) -> Result<(), BadSignature> {
        let algorithm = declared.algorithm;
        if digest.len() != algorithm.hash().len() {
            return Err(BadSignature);
        }
        let signature = signature.as_bytes();
        match (self, algorithm) {
            (Self::Rsa(key), SignatureAlgorithm::RsaPkcs1(hash)) => {
                verify_pkcs1(key, hash, digest, signature)
            }
            (Self::Rsa(key), SignatureAlgorithm::RsaPss(_)) => verify_pss(key, declared, digest, signature),
            (Self::P256(key), SignatureAlgorithm::Ecdsa(_)) => {
                let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| BadSignature)?;
                key.verify_prehash(digest, &signature).map_err(|_| BadSignature)
            }
            (Self::P384(key), SignatureAlgorithm::Ecdsa(_)) => {
                let signature = p384::ecdsa::Signature::from_der(signature).map_err(|_| BadSignature)?;
                key.verify_prehash(digest, &signature).map_err(|_| BadSignature)
            }
            (Self::P521(key), SignatureAlgorithm::Ecdsa(_)) => {
                let signature = p521::ecdsa::Signature::from_der(signature).map_err(|_| BadSignature)?;
                key.verify_prehash(digest, &signature).map_err(|_| BadSignature)
            }
            _ => Err(BadSignature),
        }
    }
}

/// What stands before a SHA-1 digest in a DigestInfo (RFC 8017, section 9.2, note 1).
const SHA_1_PREFIX: [u8; 15] = [
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14,
];

fn verify_pkcs1(key: &RsaPublicKey, hash: Hash, digest: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
    let scheme = match hash {
        Hash::Sha1 => Pkcs1v15Sign {
            hash_len: Some(Hash::Sha1.len()),
            prefix: SHA_1_PREFIX.into(),
        },
        Hash::Sha256 => Pkcs1v15Sign::new::<sha2::Sha256>(),
        Hash::Sha384 => Pkcs1v15Sign::new::<sha2::Sha384>(),
        Hash::Sha512 => Pkcs1v15Sign::new::<sha2::Sha512>(),
    };
    key.verify(scheme, digest, signature).map_err(|_| BadSignature)
}

fn verify_pss(
    key: &RsaPublicKey,
    declared: Declared,
    digest: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    let salt = declared.salt_len;
    match declared.algorithm.hash() {
        Hash::Sha1 => return Err(BadSignature),
        Hash::Sha256 => key.verify(Pss::<sha2::Sha256>::new_with_salt(salt), digest, signature),
        Hash::Sha384 => key.verify(Pss::<sha2::Sha384>::new_with_salt(salt), digest, signature),
        Hash::Sha512 => key.verify(Pss::<sha2::Sha512>::new_with_salt(salt), digest, signature),
    }
    .map_err(|_| BadSignature)
}

/// Lengths of r‖s on the three curves. No DER of a signature has one of them except with a chance of 2⁻⁴⁸ (r and s
/// would have to start with that many zero bits), so the length decides between the two forms.
const FIXED_LENGTHS: [usize; 3] = [64, 96, 132];

/// The DER of an ECDSA signature from either form a token may return.
pub(super) fn ecdsa_der_from_token(bytes: &[u8]) -> Option<Vec<u8>> {
    if !FIXED_LENGTHS.contains(&bytes.len()) {
        ecdsa_integers(bytes)?;
        return Some(bytes.to_vec());
    }
    let (r, s) = bytes.split_at(bytes.len() / 2);
    let mut body = unsigned_integer(r)?;
    body.extend(unsigned_integer(s)?);
    Some(tlv::write(tag::SEQUENCE, &body))
}

/// r‖s of `field_len` bytes each.
pub(super) fn ecdsa_fixed(der: &[u8], field_len: usize) -> Option<Vec<u8>> {
    let (r, s) = ecdsa_integers(der)?;
    let mut fixed = vec![0; 2 * field_len];
    for (end, number) in [(field_len, r), (2 * field_len, s)] {
        if number.len() > field_len {
            return None;
        }
        fixed[end - number.len()..end].copy_from_slice(number);
    }
    Some(fixed)
}

/// Magnitudes of r and s.
fn ecdsa_integers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let read = || -> Result<_, tlv::Malformed> {
        let mut fields = Elements::of_single(der)?.next_tagged(tag::SEQUENCE)?.children();
        let r = fields.next_tagged(tag::INTEGER)?;
        let s = fields.next_tagged(tag::INTEGER)?;
        fields.finish()?;
        Ok((r.raw, s.raw))
    };
    let (r, s) = read().ok()?;
    Some((
        der::asn1::UintRef::from_der(r).ok()?.as_bytes(),
        der::asn1::UintRef::from_der(s).ok()?.as_bytes(),
    ))
}

fn unsigned_integer(magnitude: &[u8]) -> Option<Vec<u8>> {
    der::asn1::UintRef::new(magnitude).ok()?.to_der().ok()
}
