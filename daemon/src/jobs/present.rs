//! Certificates as a page may see them, once the person has picked one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trien_protocol::reply;
use trien_signatures::certificate::{Certificate, Subject};

pub(super) fn certificate(certificate: &Certificate, chain: &[Certificate]) -> reply::Certificate {
    reply::Certificate {
        sha256: certificate.sha256_hex(),
        certificate: STANDARD.encode(certificate.as_der()),
        chain: chain.iter().map(|link| STANDARD.encode(link.as_der())).collect(),
        subject: subject(&certificate.subject()),
        issuer: certificate.issuer_common_name(),
        serial: certificate.serial_hex(),
        not_before: time(certificate.not_before()),
        not_after: time(certificate.not_after()),
    }
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
