//! Which mechanism makes a signature, of those that the token offers.
//!
//! The token that only signs is preferred: then the hashing happens here, where it is fast, and the document never
//! crosses the wire to a card. A token that only hashes itself gets the message.

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::KeyType;
use cryptoki::types::Ulong;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};

use super::padding;
use crate::tokens::{RsaSchemes, TokenError};

/// A mechanism and what it is fed with.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mechanism: Mechanism<'static>,
    pub(super) input: Vec<u8>,
}

/// Chooses for one signature. `offered` is the token's mechanism list.
pub(super) fn plan(
    offered: &[MechanismType],
    algorithm: SignatureAlgorithm,
    digest: &[u8],
    message: Option<&[u8]>,
    modulus: Option<&[u8]>,
) -> Result<Plan, TokenError> {
    if algorithm.hash() == Hash::Sha1 {
        return Err(TokenError::Unsupported("SHA-1".into()));
    }
    let has = |mechanism: &Mechanism<'_>| offered.contains(&mechanism.mechanism_type());
    let over_digest = over_digest(algorithm);
    if has(&over_digest) {
        let input = match algorithm {
            SignatureAlgorithm::RsaPkcs1(hash) => hash.digest_info(digest),
            SignatureAlgorithm::RsaPss(_) | SignatureAlgorithm::Ecdsa(_) => digest.to_vec(),
        };
        return Ok(Plan {
            mechanism: over_digest,
            input,
        });
    }
    let over_message = over_message(algorithm);
    match message {
        Some(message) if has(&over_message) => Ok(Plan {
            mechanism: over_message,
            input: message.to_vec(),
        }),
        _ if needs_modulus(offered, algorithm) => Ok(Plan {
            mechanism: Mechanism::RsaX509,
            input: padding::pad(algorithm, digest, modulus.unwrap_or_default())?,
        }),
        _ => Err(TokenError::Unsupported(over_digest.mechanism_type().to_string())),
    }
}

/// True if the token only raises to the power of the key (`CKM_RSA_X_509`), so that the padding is made here, which
/// needs to know the modulus.
pub(super) fn needs_modulus(offered: &[MechanismType], algorithm: SignatureAlgorithm) -> bool {
    matches!(
        algorithm,
        SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_)
    ) && offered.contains(&MechanismType::RSA_X_509)
        && !offered.contains(&over_digest(algorithm).mechanism_type())
}

/// Which RSA signatures can be made with these mechanisms. A token without any of them has other keys.
pub(super) fn rsa_schemes(offered: &[MechanismType]) -> RsaSchemes {
    let raw = offered.contains(&MechanismType::RSA_X_509);
    let any = |scheme: fn(Hash) -> SignatureAlgorithm| {
        let made = |algorithm| {
            [over_digest(algorithm), over_message(algorithm)].map(|mechanism| mechanism.mechanism_type())
        };
        let mut makers = Hash::ALL.into_iter().flat_map(|hash| made(scheme(hash)));
        raw || makers.any(|maker| offered.contains(&maker))
    };
    RsaSchemes {
        pkcs1: any(SignatureAlgorithm::RsaPkcs1),
        pss: any(SignatureAlgorithm::RsaPss),
    }
}

/// The type of key that makes such signatures.
pub(super) const fn key_type(algorithm: SignatureAlgorithm) -> KeyType {
    match algorithm {
        SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_) => KeyType::RSA,
        SignatureAlgorithm::Ecdsa(_) => KeyType::EC,
    }
}

fn over_digest(algorithm: SignatureAlgorithm) -> Mechanism<'static> {
    match algorithm {
        SignatureAlgorithm::RsaPkcs1(_) => Mechanism::RsaPkcs,
        SignatureAlgorithm::RsaPss(hash) => Mechanism::RsaPkcsPss(pss(hash)),
        SignatureAlgorithm::Ecdsa(_) => Mechanism::Ecdsa,
    }
}

fn over_message(algorithm: SignatureAlgorithm) -> Mechanism<'static> {
    match algorithm {
        // Nothing is made with SHA-1: `plan` has refused it.
        SignatureAlgorithm::RsaPkcs1(Hash::Sha1) => Mechanism::RsaPkcs,
        SignatureAlgorithm::RsaPkcs1(Hash::Sha256) => Mechanism::Sha256RsaPkcs,
        SignatureAlgorithm::RsaPkcs1(Hash::Sha384) => Mechanism::Sha384RsaPkcs,
        SignatureAlgorithm::RsaPkcs1(Hash::Sha512) => Mechanism::Sha512RsaPkcs,
        SignatureAlgorithm::RsaPss(hash @ Hash::Sha1) => Mechanism::RsaPkcsPss(pss(hash)),
        SignatureAlgorithm::RsaPss(hash @ Hash::Sha256) => Mechanism::Sha256RsaPkcsPss(pss(hash)),
        SignatureAlgorithm::RsaPss(hash @ Hash::Sha384) => Mechanism::Sha384RsaPkcsPss(pss(hash)),
        SignatureAlgorithm::RsaPss(hash @ Hash::Sha512) => Mechanism::Sha512RsaPkcsPss(pss(hash)),
        SignatureAlgorithm::Ecdsa(Hash::Sha1) => Mechanism::Ecdsa,
        SignatureAlgorithm::Ecdsa(Hash::Sha256) => Mechanism::EcdsaSha256,
        SignatureAlgorithm::Ecdsa(Hash::Sha384) => Mechanism::EcdsaSha384,
        SignatureAlgorithm::Ecdsa(Hash::Sha512) => Mechanism::EcdsaSha512,
    }
}

/// MGF1 with the same hash, a salt as long as the hash: what `SignatureAlgorithm::RsaPss` means.
fn pss(hash: Hash) -> PkcsPssParams {
    let (hash_alg, mgf, salt) = match hash {
        Hash::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, 20u64),
        Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
        Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
        Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
    };
    PkcsPssParams {
        hash_alg,
        mgf,
        s_len: Ulong::from(salt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: [u8; 32] = [7; 32];

    fn chosen(
        offered: &[MechanismType],
        message: Option<&[u8]>,
    ) -> Result<(MechanismType, usize), TokenError> {
        let plan = plan(
            offered,
            SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
            &DIGEST,
            message,
            Some(&[0xff; 256]),
        )?;
        Ok((plan.mechanism.mechanism_type(), plan.input.len()))
    }

    #[test]
    fn a_digest_is_signed_where_the_token_can() {
        let both = [MechanismType::SHA256_RSA_PKCS, MechanismType::RSA_PKCS];
        // 19 bytes of DigestInfo before the digest: RFC 8017, 9.2, note 1.
        assert_eq!(chosen(&both, Some(b"m")).unwrap(), (MechanismType::RSA_PKCS, 51));
    }

    #[test]
    fn a_token_that_hashes_itself_gets_the_message() {
        let only = [MechanismType::SHA256_RSA_PKCS];
        assert_eq!(
            chosen(&only, Some(b"message")).unwrap(),
            (MechanismType::SHA256_RSA_PKCS, 7)
        );
        assert!(
            matches!(chosen(&only, None), Err(TokenError::Unsupported(name)) if name.contains("CKM_RSA_PKCS"))
        );
    }

    #[test]
    fn a_raw_token_gets_a_padded_block() {
        let raw = [MechanismType::RSA_X_509, MechanismType::SHA384_RSA_PKCS];
        assert_eq!(chosen(&raw, None).unwrap(), (MechanismType::RSA_X_509, 256));
    }

    #[test]
    fn what_rsa_schemes_there_are_is_said_by_the_mechanisms() {
        let schemes = |offered: &[MechanismType]| {
            let RsaSchemes { pkcs1, pss } = rsa_schemes(offered);
            (pkcs1, pss)
        };
        assert_eq!(schemes(&[MechanismType::SHA512_RSA_PKCS]), (true, false));
        assert_eq!(schemes(&[MechanismType::RSA_PKCS_PSS]), (false, true));
        assert_eq!(schemes(&[MechanismType::RSA_X_509]), (true, true));
        assert_eq!(schemes(&[MechanismType::ECDSA]), (false, false));
    }

    #[test]
    fn a_token_with_another_hash_only_cannot() {
        assert!(matches!(
            chosen(&[MechanismType::SHA384_RSA_PKCS], Some(b"m")),
            Err(TokenError::Unsupported(_))
        ));
    }
}
