//! Certificates as a page may see them, once the person has picked one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trien_protocol::reply::{self, Algorithm};
use trien_signatures::algorithm::{Hash, PublicKeyKind, RsaPadding, SignatureAlgorithm, SignatureValue};
use trien_signatures::certificate::{Certificate, Subject};

use super::JobError;
use crate::tokens::RsaSchemes;

/// `offered` is what the token makes that it is on.
pub(super) fn certificate(
    certificate: &Certificate,
    chain: &[Certificate],
    offered: RsaSchemes,
) -> reply::Certificate {
    reply::Certificate {
        sha256: certificate.sha256_hex(),
        certificate: STANDARD.encode(certificate.as_der()),
        chain: chain.iter().map(|link| STANDARD.encode(link.as_der())).collect(),
        subject: subject(&certificate.subject()),
        issuer: certificate.issuer_common_name(),
        serial: certificate.serial_hex(),
        not_before: time(certificate.not_before()),
        not_after: time(certificate.not_after()),
        supported_algorithms: algorithms(certificate, offered),
    }
}

/// What a certificate's key can sign with on its token, the usual one first.
pub(super) fn algorithms(certificate: &Certificate, offered: RsaSchemes) -> Vec<Algorithm> {
    let key = certificate.public_key();
    let usual = super::recipe::algorithm(certificate, (None, None), offered).ok();
    let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    let paddings = match key {
        PublicKeyKind::Rsa { .. } => &[RsaPadding::Pkcs1, RsaPadding::Pss][..],
        _ => &[RsaPadding::Pkcs1],
    };
    let made = |padding: &&RsaPadding| paddings.len() == 1 || offered.offers(**padding);
    let all = paddings
        .iter()
        .filter(made)
        .flat_map(|padding| hashes.map(|hash| SignatureAlgorithm::for_key(key, *padding, hash)))
        .flatten()
        .filter(|one| Some(*one) != usual);
    usual.into_iter().chain(all).map(algorithm).collect()
}

/// A signature algorithm in the words of Web eID's wire.
pub(super) fn algorithm(algorithm: SignatureAlgorithm) -> Algorithm {
    let (crypto, padding) = match algorithm {
        SignatureAlgorithm::RsaPkcs1(_) => ("RSA", "PKCS1.5"),
        SignatureAlgorithm::RsaPss(_) => ("RSA", "PSS"),
        SignatureAlgorithm::Ecdsa(_) => ("ECC", "NONE"),
    };
    Algorithm {
        crypto_algorithm: crypto.to_owned(),
        hash_function: algorithm.hash().name().to_owned(),
        padding_scheme: padding.to_owned(),
    }
}

/// A signature as PKCS #11 and JOSE have it: ECDSA as r‖s in the length of the curve's field.
pub(super) fn raw_signature(
    certificate: &Certificate,
    algorithm: SignatureAlgorithm,
    value: &SignatureValue,
) -> Result<Vec<u8>, JobError> {
    let field = match certificate.public_key() {
        PublicKeyKind::P384 => 48,
        PublicKeyKind::P521 => 66,
        _ => 32,
    };
    value
        .to_fixed(algorithm, field)
        .map_err(|_| JobError::BadSignature)
}

pub(super) fn subject(subject: &Subject) -> reply::Subject {
    reply::Subject {
        common_name: subject.common_name.clone(),
        organization: subject.organization.clone(),
        tax_code: subject.tax_code.clone(),
        citizen_id: subject.citizen_id.clone(),
        old_identity_card: subject.old_identity_card.clone(),
    }
}

/// RFC 3339, UTC.
pub(super) fn time(time: OffsetDateTime) -> String {
    time.checked_to_offset(time::UtcOffset::UTC)
        .unwrap_or(time)
        .format(&Rfc3339)
        .unwrap_or_default()
}
