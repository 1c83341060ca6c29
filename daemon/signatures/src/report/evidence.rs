//! Who signed, when, and what time-stamps and certificates prove it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Reason, SubIndication};
use crate::algorithm::PublicKeyKind;
use crate::certificate::{Certificate, Subject};
use crate::revocation::CertificateStatus;

/// What the certificate says about the signer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Signer {
    /// Whose it is.
    pub subject: Subject,
    /// The managing unit: O of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managing_unit: Option<String>,
    /// The issuing CA.
    pub issuer: String,
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// SHA-256 of the certificate, lower-case hexadecimal.
    pub sha256: String,
    /// Sort of key.
    pub key: PublicKeyKind,
    /// Start of the validity period, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub not_before: OffsetDateTime,
    /// End of the validity period, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub not_after: OffsetDateTime,
    /// Whether the claimed signing time lies in it; absent without such a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_at_signing_time: Option<bool>,
    /// Whether the time of validation lies in it.
    pub valid_at_validation_time: bool,
}

impl Signer {
    /// What `certificate` says, judged at two times.
    #[must_use]
    pub fn of(certificate: &Certificate, signed: Option<OffsetDateTime>, validated: OffsetDateTime) -> Self {
        let subject = certificate.subject();
        Self {
            managing_unit: subject.organization.clone(),
            subject,
            issuer: certificate.issuer_common_name(),
            serial: certificate.serial_hex(),
            sha256: certificate.sha256_hex(),
            key: certificate.public_key(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            valid_at_signing_time: signed.map(|time| certificate.is_valid_at(time)),
            valid_at_validation_time: certificate.is_valid_at(validated),
        }
    }
}

/// A signing time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SigningTime {
    /// RFC 3339
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub time: OffsetDateTime,
    /// Who says so.
    pub source: TimeSource,
}

/// Whose clock a time is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeSource {
    /// The signer's computer, in the signing-time attribute of CMS (RFC 5652, 11.3)
    SignerAttribute,
    /// The signer's computer, in a signed property of XML or JSON (EN 319 132-1, 5.2.1; TS 119 182-1, 5.1.11)
    SignerProperty,
    /// The signer's computer, in `/M` of the PDF signature dictionary (ISO 32000-1, 12.8.1)
    SignerDictionary,
    /// An authority, in a time-stamp that could be believed (RFC 3161)
    TimestampAuthority,
}

/// What a time-stamp is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimestampKind {
    /// The signed content, or parts of it, existed before the signature (content-time-stamp, AllDataObjectsTimeStamp,
    /// IndividualDataObjectsTimeStamp, adoTst)
    Content,
    /// The signature existed (signature-time-stamp, SignatureTimeStamp)
    Signature,
    /// The signature, its time-stamps and the references to what proves it existed (CAdES-C-time-stamp,
    /// SigAndRefsTimeStamp, sigRTst)
    SignatureAndReferences,
    /// The references to what proves the signature existed, which says nothing of the signature itself
    /// (time-stamped-certs-crls-references, RefsOnlyTimeStamp, rfsTst)
    References,
    /// The signature and all that proves it existed (archive-time-stamp-v2 and -v3,
    /// ArchiveTimeStamp, document time-stamp)
    Archive,
}

/// What came of one time-stamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimestampReport {
    /// What it is for.
    pub kind: TimestampKind,
    /// Whether its time can be believed.
    pub valid: bool,
    /// The time it states, RFC 3339.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<String>", extend("format" = "date-time"))
    )]
    pub time: Option<OffsetDateTime>,
    /// Who states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Under which policy, an object identifier in dots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Why it cannot be believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_indication: Option<SubIndication>,
    /// The rule that was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// From the authority up to the anchor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateReport>,
}

impl TimestampReport {
    /// A report that says nothing yet: not valid, nothing found.
    #[must_use]
    pub const fn new(kind: TimestampKind) -> Self {
        Self {
            kind,
            valid: false,
            time: None,
            authority: None,
            policy: None,
            sub_indication: None,
            reason: None,
            certificates: Vec::new(),
        }
    }
}

/// One certificate of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CertificateReport {
    /// Its subject (RFC 4514).
    pub subject: String,
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// SHA-256 of the certificate, lower-case hexadecimal.
    pub sha256: String,
    /// Start of the validity period, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub not_before: OffsetDateTime,
    /// End of the validity period, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub not_after: OffsetDateTime,
    /// What is known of its revocation; absent for the anchor, which is trusted for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<CertificateStatus>,
}

impl CertificateReport {
    /// What `certificate` says, and what is known of it.
    #[must_use]
    pub fn of(certificate: &Certificate, revocation: Option<&CertificateStatus>) -> Self {
        Self {
            subject: certificate.subject().rfc4514,
            serial: certificate.serial_hex(),
            sha256: certificate.sha256_hex(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            revocation: revocation.cloned(),
        }
    }
}
