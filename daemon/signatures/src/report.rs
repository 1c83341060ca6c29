//! What a validation found: indications of ETSI EN 319 102-1, clause 5.1.3, and what a clerk has to see
//! (Circular 15/2025/TT-BKHCN, article 6: issuing CA, signer, managing unit, signing time, integrity, validity).
//!
//! Codes only; the words for people are elsewhere. The serialised names are stable.
//!
//! | module | what |
//! |---|---|
//! | `verdict` | verdicts, and the rules behind them |
//! | `evidence` | who signed, when, and what proves it |
//! | `document` | what is signed of a document, what came later, what it would do by itself |
//!
//! Some sub-indications of the standard are never said and so are not there: `SIGNATURE_POLICY_NOT_AVAILABLE` and
//! `POLICY_PROCESSING_ERROR`, for signature policies are not processed (RFC 5280's policies of certificates are);
//! `CRYPTO_CONSTRAINTS_FAILURE_NO_POE`, for an algorithm is accepted or not, whatever the time, and SHA-1 by the
//! caller's word alone ([`crate::trust::Reliance::sha1`]); `NO_POE` and `GENERIC`, for there is always one that says more.

mod document;
mod evidence;
mod verdict;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::algorithm::SignatureAlgorithm;
use crate::certificate::Certificate;

pub use document::{Change, ChangeKind, Concern, Coverage, Finding, FindingKind};
pub use evidence::{CertificateReport, Signer, SigningTime, TimeSource, TimestampKind, TimestampReport};
pub use verdict::{Indication, Reason, RevocationStatus, SubIndication, Warning};

/// Names of one list in [`SignatureReport::not_evaluated`].
const MAX_NAMES: usize = 32;

/// Characters of one of them.
const MAX_NAME: usize = 120;

/// The report on one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// The time for which certificates were judged, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub validated_at: OffsetDateTime,
    /// One for each signature, in the order of the document.
    pub signatures: Vec<SignatureReport>,
    /// For PDF: what the document would do by itself in a reader that lets it, signed or not. It has no say in the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether there is at least one signature and every one is TOTAL-PASSED. Document time-stamps are nobody's
    /// signature: they do not count, neither way.
    #[must_use]
    pub fn valid(&self) -> bool {
        let mut signatures = self
            .signatures
            .iter()
            .filter(|signature| signature.format != Format::DocumentTimeStamp)
            .peekable();
        signatures.peek().is_some()
            && signatures.all(|signature| signature.indication == Indication::TotalPassed)
    }
}

/// The report on one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignatureReport {
    /// The verdict.
    pub indication: Indication,
    /// Why it is not TOTAL-PASSED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_indication: Option<SubIndication>,
    /// The rule that was broken, more exact than the sub-indication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Which format it is in.
    pub format: Format,
    /// Which baseline level it reaches; none where it does not reach B-B.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Who signed, as the certificate says; absent when the certificate was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
    /// When, and who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_time: Option<SigningTime>,
    /// When the signature existed for certain, and who says so (EN 319 102-1: best-signature-time); absent without a
    /// valid time-stamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_signature_time: Option<SigningTime>,
    /// Its time-stamps, the innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timestamps: Vec<TimestampReport>,
    /// Whether the signed bytes are what was signed.
    pub integrity: Integrity,
    /// How much of the document the signature covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// For PDF: what later revisions changed, permitted or not, by revision. Of many the first hundred, and those that are
    /// not permitted before the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// For PDF: how many other changes, or objects that may have changed, are not in that list.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changes_unlisted: u32,
    /// What is signed, by the document's own names; for formats that sign parts (XML, containers).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covered: Vec<String>,
    /// What is not, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_covered: Vec<String>,
    /// What the signature carries beside itself and this validation did not look at, so that it counts neither way: names
    /// of properties of XAdES and JAdES, object identifiers of unsigned attributes of CMS. At most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_evaluated: Vec<String>,
    /// With what it was signed; absent when the algorithm is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<SignatureAlgorithm>,
    /// Subjects (RFC 4514) from the signer up to the anchor; empty where no path was found.
    pub path: Vec<String>,
    /// The same certificates, each with what is known of its revocation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateReport>,
    /// Whether revocation was looked at.
    pub revocation_status: RevocationStatus,
    /// What people have to be told beside the verdict.
    pub warnings: Vec<Warning>,
}

impl SignatureReport {
    /// A report that says nothing yet: not passed, nothing found.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            indication: Indication::Indeterminate,
            sub_indication: None,
            reason: None,
            format,
            level: None,
            signer: None,
            signing_time: None,
            best_signature_time: None,
            timestamps: Vec::new(),
            integrity: Integrity::NotChecked,
            coverage: None,
            changes: Vec::new(),
            changes_unlisted: 0,
            covered: Vec::new(),
            not_covered: Vec::new(),
            not_evaluated: Vec::new(),
            algorithm: None,
            path: Vec::new(),
            certificates: Vec::new(),
            revocation_status: RevocationStatus::NotChecked,
            warnings: Vec::new(),
        }
    }

    /// The verdict is this failure. A failure that was found before stays when it is the graver one: TOTAL-FAILED is
    /// never softened.
    pub fn fail(&mut self, sub_indication: SubIndication, reason: Reason) {
        let graver = self.indication == Indication::TotalFailed
            || (self.sub_indication.is_some() && sub_indication.indication() != Indication::TotalFailed);
        if !graver {
            self.indication = sub_indication.indication();
            self.sub_indication = Some(sub_indication);
            self.reason = Some(reason);
        }
        self.level = None;
    }

    /// As [`Self::fail`], of the form: that is looked at before any value (EN 319 102-1, 5.3.4), and says more than that the
    /// value is wrong.
    pub(crate) fn fail_in_form(&mut self, reason: Reason) {
        if self.sub_indication == Some(SubIndication::SigCryptoFailure) {
            self.sub_indication = Some(SubIndication::FormatFailure);
            self.reason = Some(reason);
        }
        self.fail(SubIndication::FormatFailure, reason);
    }

    /// The verdict is TOTAL-PASSED, unless a failure was found before.
    pub fn pass(&mut self, level: Option<Level>) {
        if self.sub_indication.is_none() {
            self.indication = Indication::TotalPassed;
            self.level = level;
        }
    }

    /// Says who signed, as `certificate` says it, and what is to be said of its key.
    pub(crate) fn signed_by(
        &mut self,
        certificate: &Certificate,
        signed: Option<OffsetDateTime>,
        validated: OffsetDateTime,
    ) {
        self.signer = Some(Signer::of(certificate, signed, validated));
        if certificate.key().is_roca() {
            self.warn(Warning::RocaKey);
        }
    }

    /// Names something that was not looked at, once. Of a long name the beginning, and not more than so many.
    pub(crate) fn leaves_out(&mut self, name: &str) {
        let name: String = name.chars().take(MAX_NAME).collect();
        if self.not_evaluated.len() < MAX_NAMES && !self.not_evaluated.contains(&name) {
            self.not_evaluated.push(name);
        }
    }

    /// Adds a warning once.
    pub fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// Signature formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// EN 319 122-1
    Cades,
    /// A signature over the value of another one (RFC 5652, 11.4)
    CounterSignature,
    /// EN 319 142-1
    Pades,
    /// XML-DSig, without the properties of XAdES
    XmlDsig,
    /// EN 319 132-1
    Xades,
    /// JWS (RFC 7515), without the properties of JAdES
    Jws,
    /// TS 119 182-1
    Jades,
    /// EN 319 162-1 with CAdES
    AsicCades,
    /// EN 319 162-1 with XAdES
    AsicXades,
    /// ECMA-376, part 2
    Ooxml,
    /// EN 319 142-1, clause 5.4.3: proves a time and is nobody's signature, and so without weight in [`Report::valid`].
    DocumentTimeStamp,
}

/// Baseline levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Level {
    /// Basic
    #[serde(rename = "B-B")]
    BB,
    /// With a trusted time
    #[serde(rename = "B-T")]
    BT,
    /// With long-term validation material
    #[serde(rename = "B-LT")]
    BLT,
    /// With time-stamps over that material
    #[serde(rename = "B-LTA")]
    BLTA,
}

/// Whether the signed bytes are what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// Digest and signature value fit.
    Intact,
    /// They do not.
    Broken,
    /// The check did not get that far.
    NotChecked,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
