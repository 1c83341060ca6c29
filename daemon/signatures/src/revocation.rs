//! Whether a certificate was revoked: CRLs (RFC 5280, 5 and 6.3) and OCSP responses (RFC 6960), read and judged.
//!
//! | module | what |
//! |---|---|
//! | `crl` | reading a CRL |
//! | `scope` | for which certificates and reasons a CRL speaks |
//! | `ocsp` | reading an OCSP response, and asking for one |
//! | `check` | what they say about a certificate, and who says it |

mod check;
mod crl;
mod ocsp;
mod scope;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::certificate::Certificate;
use crate::material::ValidationMaterial;

pub(crate) use check::{Asked, status};
pub use crl::Crl;
pub use ocsp::{OcspRequest, OcspResponse};

/// How far clocks may lie apart.
pub(crate) const CLOCK_SKEW: Duration = Duration::minutes(5);

/// How long an answer without a next update counts as fresh.
pub(crate) const FRESH: Duration = Duration::minutes(10);

/// These bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// Longer than is read.
    #[error("too long")]
    TooLong,
    /// Not a CRL in DER, or no OCSP response.
    #[error("not a CRL and not an OCSP response")]
    Malformed,
    /// An OCSP responder that gives no answer (RFC 6960, 4.2.1): `tryLater`, `unauthorized` and the like.
    #[error("the responder gives no answer (status {0})")]
    Refused(u8),
    /// It answers another question: another certificate, or another nonce.
    #[error("the response is not an answer to the request")]
    OtherQuestion,
    /// The responder does not know the certificate (RFC 6960, 2.2: `unknown`), or may have forgotten it, for it has expired.
    #[error("the responder does not know the certificate")]
    NotKnown,
    /// It is out of date, or from the future.
    #[error("the response is not in force now")]
    NotInForce,
    /// It is signed neither by the issuer nor by whom the issuer certified for it (RFC 6960, 4.2.2.2).
    #[error("the response is made by somebody who may not make it")]
    Unauthorised,
}

/// CRLs and OCSP responses that could be read. Not one of them is believed for being here.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    pub(crate) crls: Vec<Crl>,
    pub(crate) responses: Vec<OcspResponse>,
}

impl Revocations {
    /// None at all.
    pub const NONE: &'static Self = &Self {
        crls: Vec::new(),
        responses: Vec::new(),
    };

    /// What could be read of a document's material, or of a cache; the rest is passed over.
    #[must_use]
    pub fn read(material: &ValidationMaterial) -> Self {
        Self {
            crls: material
                .crls
                .iter()
                .filter_map(|der| Crl::from_der(der).ok())
                .collect(),
            responses: material
                .ocsp_responses
                .iter()
                .filter_map(|der| OcspResponse::from_der(der).ok())
                .collect(),
        }
    }

    /// Adds a CRL.
    pub fn add_crl(&mut self, crl: Crl) {
        self.crls.push(crl);
    }

    /// Adds an OCSP response.
    pub fn add_response(&mut self, response: OcspResponse) {
        self.responses.push(response);
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.crls.is_empty() && self.responses.is_empty()
    }

    /// What of it speaks about certificates of a path, from the leaf to the anchor, with the path itself: answers about
    /// them, lists for them and deltas of their issuers. Whether any of it counts is not asked.
    #[must_use]
    pub fn about(&self, path: &[Certificate]) -> ValidationMaterial {
        let mut material = ValidationMaterial {
            certificates: path.iter().map(|one| one.as_der().to_vec()).collect(),
            ..ValidationMaterial::default()
        };
        let pairs = || {
            path.windows(2)
                .filter_map(|pair| Some((pair.first()?, pair.last()?)))
        };
        let answers = self.responses.iter();
        for response in
            answers.filter(|response| pairs().any(|(one, issuer)| response.about(one, issuer).is_some()))
        {
            material.ocsp_responses.push(response.as_der().to_vec());
        }
        for crl in self
            .crls
            .iter()
            .filter(|crl| pairs().any(|(one, _)| crl.is_for(one)))
        {
            material.crls.push(crl.as_der().to_vec());
        }
        material
    }

    /// Whether any of it counts only where SHA-1 does.
    pub(crate) fn has_sha1(&self) -> bool {
        self.crls.iter().any(Crl::is_by_sha1) || self.responses.iter().any(OcspResponse::is_by_sha1)
    }

    /// Both together.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.crls.extend(other.crls.iter().cloned());
        both.responses.extend(other.responses.iter().cloned());
        both
    }

    /// Its OCSP responses.
    #[must_use]
    pub fn responses(&self) -> &[OcspResponse] {
        &self.responses
    }

    /// Its CRLs.
    #[must_use]
    pub fn crls(&self) -> &[Crl] {
        &self.crls
    }
}

/// What is known of a certificate's revocation at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum CertificateStatus {
    /// It was not revoked then.
    Good(Source),
    /// It was revoked at or before that time.
    Revoked {
        /// Since when, RFC 3339.
        #[serde(with = "time::serde::rfc3339")]
        #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
        since: OffsetDateTime,
        /// `CRLReason` (RFC 5280, 5.3.1); 0, unspecified, where none is given.
        reason: u8,
        /// Who says so.
        #[serde(flatten)]
        source: Source,
    },
    /// Nothing that is there says anything that counts.
    Unknown,
}

/// `certificateHold` (RFC 5280, 5.3.1): the only reason that may be taken back.
pub(crate) const HOLD: u8 = 6;

impl CertificateStatus {
    /// Whether it is suspended, which may end, and not revoked for good.
    #[must_use]
    pub const fn is_on_hold(&self) -> bool {
        matches!(self, Self::Revoked { reason: HOLD, .. })
    }
}

/// Where a status is from, and as of when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// CRL or OCSP.
    pub source: SourceKind,
    /// As of when, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub this_update: OffsetDateTime,
    /// Until when the next one will be there, RFC 3339.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub next_update: Option<OffsetDateTime>,
}

/// Sorts of revocation information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A revocation list
    Crl,
    /// An answer about one certificate
    Ocsp,
}
