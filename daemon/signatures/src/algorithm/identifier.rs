//! `AlgorithmIdentifier`s as CMS carries them (RFC 5754, RFC 4056, RFC 5758).

use der::Decode;
use der::asn1::ObjectIdentifier;

use super::{Hash, PublicKeyKind, SignatureAlgorithm};
use crate::cms::tlv::{self, Elements, tag};

pub(super) const SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
pub(super) const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub(super) const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
pub(super) const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const MGF_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const SHA_1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const SHA_256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA_384_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA_512_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");
const ECDSA_WITH_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");

const NULL: [u8; 2] = [0x05, 0x00];

/// Why an `AlgorithmIdentifier` is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownAlgorithm {
    /// It is not an `AlgorithmIdentifier`.
    #[error("not an AlgorithmIdentifier")]
    Malformed,
    /// An algorithm that is not accepted (SHA-1 and MD5 are among these), by object identifier.
    #[error("the algorithm {0} is not accepted")]
    NotAccepted(String),
    /// The algorithm is known, its parameters are not those of its standard.
    #[error("the parameters of the algorithm {0} are not accepted")]
    Parameters(String),
    /// The hash in the signature algorithm is not the digest algorithm of the signer.
    #[error("signature and digest name different hash functions")]
    HashMismatch,
    /// Nothing here verifies it with a key of this kind.
    #[error("the algorithm is not verified with a key of the kind {0}")]
    Key(PublicKeyKind),
}

/// An `AlgorithmIdentifier` taken apart: the identifier, and the parameters as they came.
struct Identifier<'a> {
    oid: ObjectIdentifier,
    parameters: Option<tlv::Element<'a>>,
}

impl<'a> Identifier<'a> {
    fn read(der: &'a [u8]) -> Result<Self, UnknownAlgorithm> {
        let read = || -> Result<Self, tlv::Malformed> {
            let mut fields = Elements::of_single(der)?.next_tagged(tag::SEQUENCE)?.children();
            let oid = fields.next_tagged(tag::OID)?.oid()?;
            let parameters = fields.next_optional()?;
            fields.finish()?;
            Ok(Self { oid, parameters })
        };
        read().map_err(|_| UnknownAlgorithm::Malformed)
    }

    /// Absent or NULL parameters; RFC 5754, section 2, wants both understood.
    fn require_no_parameters(&self) -> Result<(), UnknownAlgorithm> {
        match self.parameters {
            None => Ok(()),
            Some(element) if element.raw == NULL => Ok(()),
            Some(_) => Err(UnknownAlgorithm::Parameters(self.oid.to_string())),
        }
    }
}

impl Hash {
    /// Its `AlgorithmIdentifier`, parameters absent (RFC 5754, section 2).
    #[must_use]
    pub fn identifier_der(self) -> Vec<u8> {
        tlv::write(tag::SEQUENCE, &tlv::oid(&self.oid()))
    }

    /// From a digest `AlgorithmIdentifier`.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`]; SHA-1 and older are not accepted.
    pub fn from_identifier_der(der: &[u8]) -> Result<Self, UnknownAlgorithm> {
        Self::read_identifier(der, &Self::ALL)
    }

    /// As [`Hash::from_identifier_der`], with SHA-1 among them where `sha1` says so.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`]
    pub fn from_old_identifier_der(der: &[u8], sha1: bool) -> Result<Self, UnknownAlgorithm> {
        let accepted: &[Self] = if sha1 { &Self::KNOWN } else { &Self::ALL };
        Self::read_identifier(der, accepted)
    }

    fn read_identifier(der: &[u8], accepted: &[Self]) -> Result<Self, UnknownAlgorithm> {
        let identifier = Identifier::read(der)?;
        let hash = accepted
            .iter()
            .copied()
            .find(|hash| hash.oid() == identifier.oid)
            .ok_or_else(|| UnknownAlgorithm::NotAccepted(identifier.oid.to_string()))?;
        identifier.require_no_parameters()?;
        Ok(hash)
    }

    /// The DER of `DigestInfo` (RFC 8017, section 9.2) around a digest: what `CKM_RSA_PKCS` signs.
    #[must_use]
    pub fn digest_info(self, digest: &[u8]) -> Vec<u8> {
        let mut body = self.identifier_with_null();
        body.extend(tlv::write(tag::OCTET_STRING, digest));
        tlv::write(tag::SEQUENCE, &body)
    }

    /// With NULL parameters, as RFC 8017 and RFC 4055 write it inside RSA structures.
    fn identifier_with_null(self) -> Vec<u8> {
        let mut body = tlv::oid(&self.oid());
        body.extend(NULL);
        tlv::write(tag::SEQUENCE, &body)
    }
}

impl SignatureAlgorithm {
    /// The `signatureAlgorithm` of a SignerInfo: `shaXXXWithRSAEncryption` (RFC 5754, 3.2), `id-RSASSA-PSS` with its
    /// parameters (RFC 4055, 3.1), `ecdsa-with-SHAXXX` without parameters (RFC 5758, 3.2).
    #[must_use]
    pub fn identifier_der(self) -> Vec<u8> {
        let (oid, parameters) = match self {
            Self::RsaPkcs1(Hash::Sha1) => (SHA_1_WITH_RSA, NULL.to_vec()),
            Self::RsaPkcs1(Hash::Sha256) => (SHA_256_WITH_RSA, NULL.to_vec()),
            Self::RsaPkcs1(Hash::Sha384) => (SHA_384_WITH_RSA, NULL.to_vec()),
            Self::RsaPkcs1(Hash::Sha512) => (SHA_512_WITH_RSA, NULL.to_vec()),
            Self::RsaPss(hash) => (RSASSA_PSS, pss_parameters(hash)),
            Self::Ecdsa(Hash::Sha1) => (ECDSA_WITH_SHA_1, Vec::new()),
            Self::Ecdsa(Hash::Sha256) => (ECDSA_WITH_SHA_256, Vec::new()),
            Self::Ecdsa(Hash::Sha384) => (ECDSA_WITH_SHA_384, Vec::new()),
            Self::Ecdsa(Hash::Sha512) => (ECDSA_WITH_SHA_512, Vec::new()),
        };
        let mut body = tlv::oid(&oid);
        body.extend(parameters);
        tlv::write(tag::SEQUENCE, &body)
    }
}

/// What a `signatureAlgorithm` declares: the scheme and, for PSS, how long the salt is. Ours is always as long as the
/// hash; others take the longest that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) algorithm: SignatureAlgorithm,
    pub(super) salt_len: usize,
}

impl From<SignatureAlgorithm> for Declared {
    fn from(algorithm: SignatureAlgorithm) -> Self {
        Self {
            algorithm,
            salt_len: algorithm.hash().len(),
        }
    }
}

impl Declared {
    /// From the `signatureAlgorithm` of a SignerInfo whose digest algorithm is `digest` (SHA-1 only where the caller
    /// has let it in). Bare `rsaEncryption` takes
    /// its hash from there (RFC 5754, 3.2); every other identifier has to agree with it.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`]
    pub(crate) fn in_signer(der: &[u8], digest: Hash) -> Result<Self, UnknownAlgorithm> {
        let identifier = Identifier::read(der)?;
        let declared = match identifier.oid {
            RSA_ENCRYPTION => SignatureAlgorithm::RsaPkcs1(digest).into(),
            SHA_1_WITH_RSA if digest == Hash::Sha1 => SignatureAlgorithm::RsaPkcs1(Hash::Sha1).into(),
            SHA_256_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Hash::Sha256).into(),
            SHA_384_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Hash::Sha384).into(),
            SHA_512_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Hash::Sha512).into(),
            ECDSA_WITH_SHA_1 if digest == Hash::Sha1 => SignatureAlgorithm::Ecdsa(Hash::Sha1).into(),
            ECDSA_WITH_SHA_256 => SignatureAlgorithm::Ecdsa(Hash::Sha256).into(),
            ECDSA_WITH_SHA_384 => SignatureAlgorithm::Ecdsa(Hash::Sha384).into(),
            ECDSA_WITH_SHA_512 => SignatureAlgorithm::Ecdsa(Hash::Sha512).into(),
            RSASSA_PSS => read_pss(identifier.parameters)?,
            other => return Err(UnknownAlgorithm::NotAccepted(other.to_string())),
        };
        if identifier.oid != RSASSA_PSS {
            identifier.require_no_parameters()?;
        }
        if declared.algorithm.hash() == digest {
            Ok(declared)
        } else {
            Err(UnknownAlgorithm::HashMismatch)
        }
    }

    /// Whether the `signatureAlgorithm` of a certificate, a list or an answer is one with SHA-1.
    pub(crate) fn is_with_sha1(der: &[u8]) -> bool {
        Self::in_certificate(der, true).is_ok_and(|declared| declared.algorithm.hash() == Hash::Sha1)
    }

    /// From the `signatureAlgorithm` of a certificate, which always names its hash (RFC 5280, 4.1.1.2).
    ///
    /// # Errors
    /// [`UnknownAlgorithm`]; bare `rsaEncryption` is none there.
    pub(crate) fn in_certificate(der: &[u8], sha1: bool) -> Result<Self, UnknownAlgorithm> {
        if Identifier::read(der)?.oid == RSA_ENCRYPTION {
            return Err(UnknownAlgorithm::NotAccepted(RSA_ENCRYPTION.to_string()));
        }
        let readings = Hash::ALL.map(|hash| Self::in_signer(der, hash));
        let [first, ..] = &readings;
        readings
            .iter()
            .find(|reading| reading.is_ok())
            .cloned()
            .or_else(|| {
                sha1.then(|| Self::in_signer(der, Hash::Sha1))
                    .filter(Result::is_ok)
            })
            .unwrap_or_else(|| first.clone())
    }
}

/// `RSASSA-PSS-params` (RFC 4055, 3.1); the trailer field 1 is the default and therefore absent.
fn pss_parameters(hash: Hash) -> Vec<u8> {
    let identifier = hash.identifier_with_null();
    let mut mask_generation = tlv::oid(&MGF_1);
    mask_generation.extend_from_slice(&identifier);
    let salt_length = u8::try_from(hash.len()).expect("a digest is at most 64 bytes");
    let mut body = tlv::write(tag::context(0), &identifier);
    body.extend(tlv::write(
        tag::context(1),
        &tlv::write(tag::SEQUENCE, &mask_generation),
    ));
    body.extend(tlv::write(
        tag::context(2),
        &tlv::write(tag::INTEGER, &[salt_length]),
    ));
    tlv::write(tag::SEQUENCE, &body)
}

/// PSS parameters: MGF1 with the same hash, a salt not shorter than the hash, trailer 1. Anything else is refused.
fn read_pss(parameters: Option<tlv::Element<'_>>) -> Result<Declared, UnknownAlgorithm> {
    let refused = || UnknownAlgorithm::Parameters(RSASSA_PSS.to_string());
    let parameters = parameters
        .filter(|element| element.tag == tag::SEQUENCE)
        .ok_or_else(refused)?;
    let read = || -> Result<_, tlv::Malformed> {
        let mut fields = parameters.children();
        let hash = fields.next_tagged(tag::context(0))?.value;
        let mut mask = Elements::of_single(fields.next_tagged(tag::context(1))?.value)?
            .next_tagged(tag::SEQUENCE)?
            .children();
        let mask_generation = mask.next_tagged(tag::OID)?.oid()?;
        let mask_hash = mask.next_tagged(tag::SEQUENCE)?.raw;
        mask.finish()?;
        let salt = fields.next_tagged(tag::context(2))?.value;
        let trailer = fields.next_if(tag::context(3))?.map(|element| element.value);
        fields.finish()?;
        Ok((hash, mask_generation, mask_hash, salt, trailer))
    };
    let (hash, mask_generation, mask_hash, salt, trailer) = read().map_err(|_| refused())?;
    let hash = Hash::from_identifier_der(hash)?;
    let salt_len = u16::from_der(salt).map(usize::from).map_err(|_| refused())?;
    let accepted = mask_generation == MGF_1
        && Hash::from_identifier_der(mask_hash)? == hash
        && salt_len >= hash.len()
        && trailer.is_none_or(|trailer| trailer == [tag::INTEGER, 1, 1]);
    if accepted {
        Ok(Declared {
            algorithm: SignatureAlgorithm::RsaPss(hash),
            salt_len,
        })
    } else {
        Err(refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: [fn(Hash) -> SignatureAlgorithm; 3] = [
        SignatureAlgorithm::RsaPkcs1,
        SignatureAlgorithm::RsaPss,
        SignatureAlgorithm::Ecdsa,
    ];

    /// RFC 8017, section 9.2, note 1.
    #[test]
    fn digest_info_has_the_prefixes_of_the_standard() {
        let prefixes = [
            (Hash::Sha256, "3031300d060960864801650304020105000420"),
            (Hash::Sha384, "3041300d060960864801650304020205000430"),
            (Hash::Sha512, "3051300d060960864801650304020305000440"),
        ];
        for (hash, prefix) in prefixes {
            let digest = hash.digest(b"");
            assert_eq!(
                hex::encode(hash.digest_info(&digest)),
                format!("{prefix}{}", hex::encode(&digest))
            );
        }
    }

    #[test]
    fn an_identifier_comes_back_as_what_it_was_and_only_with_its_hash() {
        for scheme in SCHEMES {
            for hash in Hash::ALL {
                let der = scheme(hash).identifier_der();
                for digest in Hash::ALL {
                    let read = Declared::in_signer(&der, digest);
                    let expected = if digest == hash {
                        Ok(scheme(hash).into())
                    } else {
                        Err(UnknownAlgorithm::HashMismatch)
                    };
                    assert_eq!(read, expected);
                }
                assert_eq!(Declared::in_certificate(&der, false), Ok(scheme(hash).into()));
            }
        }
    }

    #[test]
    fn bare_rsa_encryption_is_enough_in_a_signer_and_not_in_a_certificate() {
        let mut body = tlv::oid(&RSA_ENCRYPTION);
        body.extend(NULL);
        let der = tlv::write(tag::SEQUENCE, &body);
        let read = Declared::in_signer(&der, Hash::Sha384);
        assert_eq!(read, Ok(SignatureAlgorithm::RsaPkcs1(Hash::Sha384).into()));
        assert!(Declared::in_certificate(&der, true).is_err());
    }
}
