//! Public keys and the verification of signatures with them. The arithmetic is AWS-LC's, the library that the token and
//! the daemon use as well: six to ten times as fast as what there is in Rust alone.

use std::fmt;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{
    self as verification, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPssSaltLength,
    VerificationAlgorithm,
};
use const_oid::db::rfc5912;
use der::asn1::UintRef;
use der::{Decode, Encode};
use serde::{Deserialize, Serialize};
use spki::SubjectPublicKeyInfoRef;

use super::{Declared, Hash, SignatureAlgorithm, SignatureValue};
use crate::cms::tlv::{self, Elements, tag};

/// The shortest RSA modulus that is verified with, in bits: AWS-LC has no shorter ones. A shorter key is of a kind that
/// nothing verifies, and not one whose signatures are wrong.
const MIN_RSA_BITS: usize = 1024;

/// The longest RSA modulus that is verified with, in bits.
const MAX_RSA_BITS: usize = 8192;

/// What sort of public key, without the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// A public key to verify with: RSA of 1024 to 8192 bits, or a point on P-256, P-384 or P-521. With a key of any other
/// kind nothing verifies.
#[derive(Debug, Clone)]
pub struct PublicKey {
    kind: PublicKeyKind,
    /// DER of the `SubjectPublicKeyInfo`.
    der: Box<[u8]>,
}

/// What a public key is made of: numbers without leading zeros, the most significant octet first.
pub(crate) enum PublicParts {
    /// `RSAPublicKey` (RFC 8017, A.1.1)
    Rsa {
        /// n
        modulus: Vec<u8>,
        /// e
        exponent: Vec<u8>,
    },
    /// `ECPoint` (SEC 1, 2.3.3) as it stands in the certificate.
    Point(Vec<u8>),
}

impl PublicKey {
    /// From the DER of a `SubjectPublicKeyInfo` (RFC 5280, 4.1). A key that cannot be read, or is of another kind, is
    /// [`PublicKeyKind::Other`]: certificates with such keys still have to be shown.
    #[must_use]
    pub fn from_spki_der(der: &[u8]) -> Self {
        Self {
            kind: kind_of(der).unwrap_or(PublicKeyKind::Other),
            der: der.into(),
        }
    }

    /// What sort of key it is.
    #[must_use]
    pub const fn kind(&self) -> PublicKeyKind {
        self.kind
    }

    /// Whether it is an RSA key with the fingerprint of chips whose keys can be computed from their public half
    /// (CVE-2017-15361, "ROCA"). What it signs proves nothing against whoever has taken that trouble.
    #[must_use]
    pub fn is_roca(&self) -> bool {
        let modulus = || {
            let info = SubjectPublicKeyInfoRef::from_der(&self.der).ok()?;
            modulus_of(info.subject_public_key.as_bytes()?)
                .map(|modulus| super::roca::has_fingerprint(modulus.as_bytes()))
        };
        matches!(self.kind, PublicKeyKind::Rsa { .. }) && modulus().unwrap_or(false)
    }

    /// The numbers that it is made of; none for a key of another kind.
    pub(crate) fn parts(&self) -> Option<PublicParts> {
        let info = SubjectPublicKeyInfoRef::from_der(&self.der).ok()?;
        let key = info.subject_public_key.as_bytes()?;
        match self.kind {
            PublicKeyKind::Rsa { .. } => {
                let mut fields = Elements::of_single(key)
                    .ok()?
                    .next_tagged(tag::SEQUENCE)
                    .ok()?
                    .children();
                let mut number = || {
                    let raw = fields.next_tagged(tag::INTEGER).ok()?.raw;
                    UintRef::from_der(raw)
                        .ok()
                        .map(|number| number.as_bytes().to_vec())
                };
                Some(PublicParts::Rsa {
                    modulus: number()?,
                    exponent: number()?,
                })
            }
            PublicKeyKind::P256 | PublicKeyKind::P384 | PublicKeyKind::P521 => {
                Some(PublicParts::Point(key.to_vec()))
            }
            PublicKeyKind::Other => None,
        }
    }

    /// Bytes of the longest signature this key makes, as formats carry it.
    #[must_use]
    pub const fn max_signature_len(&self) -> usize {
        match self.kind {
            PublicKeyKind::Rsa { bits } => bits.div_ceil(8),
            PublicKeyKind::P256 => 72,
            PublicKeyKind::P384 => 104,
            PublicKeyKind::P521 => 139,
            PublicKeyKind::Other => super::MAX_SIGNATURE_LEN,
        }
    }

    /// Whether signatures of this scheme can be verified with this key at all. With RSA below 2048 bits AWS-LC has only
    /// some of PKCS #1 v1.5 and nothing of PSS: such a signature is not known to be wrong.
    pub(crate) const fn verifies(&self, algorithm: SignatureAlgorithm) -> bool {
        match (self.kind, algorithm) {
            (PublicKeyKind::Other, _) => false,
            (
                PublicKeyKind::Rsa { bits },
                SignatureAlgorithm::RsaPss(_) | SignatureAlgorithm::RsaPkcs1(Hash::Sha384),
            ) => bits >= super::MIN_RSA_BITS,
            _ => true,
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
        let hash = declared.algorithm.hash();
        let signature = signature.as_bytes();
        let verified = match (self.kind, declared.algorithm) {
            (PublicKeyKind::Rsa { .. }, SignatureAlgorithm::RsaPkcs1(_)) => {
                pkcs1(hash).verify_digest_sig(&self.der, &imported(hash, digest)?, signature)
            }
            (PublicKeyKind::Rsa { .. }, SignatureAlgorithm::RsaPss(_)) => {
                let salt = u16::try_from(declared.salt_len).map_err(|_| BadSignature)?;
                let scheme = pss(hash)?.with_pss_salt_length(RsaPssSaltLength::Custom(salt));
                scheme.verify_digest_sig(&self.der, &imported(hash, digest)?, signature)
            }
            // AWS-LC has no name for it. A digest shorter than the order of the curve is a number (FIPS 186-5, 6.4.2):
            // zeros before it change nothing.
            (PublicKeyKind::P384, SignatureAlgorithm::Ecdsa(Hash::Sha1)) if digest.len() == hash.len() => {
                let padded = imported(Hash::Sha256, &[&[0; 12], digest].concat())?;
                verification::ECDSA_P384_SHA256_ASN1.verify_digest_sig(&self.der, &padded, signature)
            }
            (curve, SignatureAlgorithm::Ecdsa(_)) => {
                ecdsa(curve, hash)?.verify_digest_sig(&self.der, &imported(hash, digest)?, signature)
            }
            _ => return Err(BadSignature),
        };
        verified.map_err(|_| BadSignature)
    }
}

/// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2). Keys below 2048 bits verify as far as AWS-LC has them: whether such a key counts is
/// judged elsewhere, and the report says so.
const fn pkcs1(hash: Hash) -> RsaParameters {
    match hash {
        Hash::Sha1 => verification::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => verification::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Hash::Sha384 => verification::RSA_PKCS1_2048_8192_SHA384,
        Hash::Sha512 => verification::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    }
}

/// RSASSA-PSS (RFC 8017, 8.1)
const fn pss(hash: Hash) -> Result<RsaParameters, BadSignature> {
    match hash {
        Hash::Sha1 => Err(BadSignature),
        Hash::Sha256 => Ok(verification::RSA_PSS_2048_8192_SHA256),
        Hash::Sha384 => Ok(verification::RSA_PSS_2048_8192_SHA384),
        Hash::Sha512 => Ok(verification::RSA_PSS_2048_8192_SHA512),
    }
}

/// ECDSA (FIPS 186-5) with `Ecdsa-Sig-Value` in DER (RFC 3279, 2.2.3).
const fn ecdsa(
    curve: PublicKeyKind,
    hash: Hash,
) -> Result<&'static EcdsaVerificationAlgorithm, BadSignature> {
    Ok(match (curve, hash) {
        (PublicKeyKind::P256, Hash::Sha1) => &verification::ECDSA_P256_SHA1_ASN1,
        (PublicKeyKind::P256, Hash::Sha256) => &verification::ECDSA_P256_SHA256_ASN1,
        (PublicKeyKind::P256, Hash::Sha384) => &verification::ECDSA_P256_SHA384_ASN1,
        (PublicKeyKind::P256, Hash::Sha512) => &verification::ECDSA_P256_SHA512_ASN1,
        (PublicKeyKind::P384, Hash::Sha256) => &verification::ECDSA_P384_SHA256_ASN1,
        (PublicKeyKind::P384, Hash::Sha384) => &verification::ECDSA_P384_SHA384_ASN1,
        (PublicKeyKind::P384, Hash::Sha512) => &verification::ECDSA_P384_SHA512_ASN1,
        (PublicKeyKind::P521, Hash::Sha1) => &verification::ECDSA_P521_SHA1_ASN1,
        (PublicKeyKind::P521, Hash::Sha256) => &verification::ECDSA_P521_SHA256_ASN1,
        (PublicKeyKind::P521, Hash::Sha384) => &verification::ECDSA_P521_SHA384_ASN1,
        (PublicKeyKind::P521, Hash::Sha512) => &verification::ECDSA_P521_SHA512_ASN1,
        _ => return Err(BadSignature),
    })
}

/// A digest in AWS-LC's hands; none of another length than the hash's.
fn imported(hash: Hash, bytes: &[u8]) -> Result<Digest, BadSignature> {
    let algorithm = match hash {
        Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    Digest::import_less_safe(bytes, algorithm).map_err(|_| BadSignature)
}

/// What a key is, if it is one that AWS-LC can verify with.
fn kind_of(der: &[u8]) -> Option<PublicKeyKind> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let (kind, algorithm): (_, &dyn VerificationAlgorithm) = match info.algorithm.oid {
        rfc5912::RSA_ENCRYPTION => (
            rsa_kind(info.subject_public_key.as_bytes()?)?,
            &verification::RSA_PKCS1_2048_8192_SHA256,
        ),
        rfc5912::ID_EC_PUBLIC_KEY => match info.algorithm.parameters_oid().ok()? {
            rfc5912::SECP_256_R_1 => (PublicKeyKind::P256, &verification::ECDSA_P256_SHA256_ASN1),
            rfc5912::SECP_384_R_1 => (PublicKeyKind::P384, &verification::ECDSA_P384_SHA384_ASN1),
            rfc5912::SECP_521_R_1 => (PublicKeyKind::P521, &verification::ECDSA_P521_SHA512_ASN1),
            _ => return None,
        },
        _ => return None,
    };
    ParsedPublicKey::new(algorithm, der).ok().map(|_| kind)
}

/// The modulus of an `RSAPublicKey` (RFC 8017, A.1.1).
fn modulus_of(key: &[u8]) -> Option<UintRef<'_>> {
    let read = || -> Result<_, tlv::Malformed> {
        let mut fields = Elements::of_single(key)?.next_tagged(tag::SEQUENCE)?.children();
        fields.next_tagged(tag::INTEGER).map(|modulus| modulus.raw)
    };
    UintRef::from_der(read().ok()?).ok()
}

/// The length of its modulus.
fn rsa_kind(key: &[u8]) -> Option<PublicKeyKind> {
    let modulus = modulus_of(key)?;
    let first = modulus.as_bytes().first()?;
    let bits = 8 * modulus.as_bytes().len() - usize::try_from(first.leading_zeros()).ok()?;
    (MIN_RSA_BITS..=MAX_RSA_BITS)
        .contains(&bits)
        .then_some(PublicKeyKind::Rsa { bits })
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
