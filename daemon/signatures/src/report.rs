//! What a validation found: indications of ETSI EN 319 102-1, clause 5.1.3, and what a clerk has to see
//! (Circular 15/2025/TT-BKHCN, article 6: issuing CA, signer, managing unit, signing time, integrity, validity).
//!
//! Codes only; the words for people are elsewhere. The serialised names are stable.
//!
//! Some sub-indications of the standard are never said and so are not there: `SIGNATURE_POLICY_NOT_AVAILABLE` and
//! `POLICY_PROCESSING_ERROR`, for signature policies are not processed (RFC 5280's policies of certificates are);
//! `CRYPTO_CONSTRAINTS_FAILURE_NO_POE`, for an algorithm is accepted or not, whatever the time, and SHA-1 by the
//! caller's word alone ([`crate::trust::Reliance::sha1`]); `NO_POE` and `GENERIC`, for there is always one that says more.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::algorithm::{PublicKeyKind, SignatureAlgorithm};
use crate::certificate::{Certificate, Subject};
use crate::revocation::CertificateStatus;

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

/// EN 319 102-1, table 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Indication {
    /// All checks succeeded.
    #[serde(rename = "TOTAL-PASSED")]
    TotalPassed,
    /// The signature is technically invalid.
    #[serde(rename = "TOTAL-FAILED")]
    TotalFailed,
    /// What is known is not enough for either.
    #[serde(rename = "INDETERMINATE")]
    Indeterminate,
}

/// EN 319 102-1, table 6; [`SubIndication::indication`] says to which indication each belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the names are the standard's, and so is their meaning"
)]
pub enum SubIndication {
    FormatFailure,
    HashFailure,
    SigCryptoFailure,
    Revoked,
    Expired,
    NotYetValid,
    SigConstraintsFailure,
    ChainConstraintsFailure,
    CertificateChainGeneralFailure,
    CryptoConstraintsFailure,
    TimestampOrderFailure,
    NoSigningCertificateFound,
    NoCertificateChainFound,
    RevokedNoPoe,
    RevokedCaNoPoe,
    OutOfBoundsNotRevoked,
    OutOfBoundsNoPoe,
    TryLater,
    SignedDataNotFound,
}

impl SubIndication {
    /// The indication it explains.
    #[must_use]
    pub const fn indication(self) -> Indication {
        match self {
            Self::FormatFailure
            | Self::HashFailure
            | Self::SigCryptoFailure
            | Self::Revoked
            | Self::Expired
            | Self::NotYetValid => Indication::TotalFailed,
            _ => Indication::Indeterminate,
        }
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

/// Something in a PDF that acts, or that is more than the pages show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How often it is there.
    pub count: u32,
    /// The number of the first object with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
}

/// What is found in a PDF beside its pages; clauses of ISO 32000-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A script (12.6.4.16)
    #[serde(rename = "javascript")]
    JavaScript,
    /// Something is done when the document is opened (`/OpenAction`, 7.7.2) that is more than to show a page
    OpenAction,
    /// Something is done on other occasions (`/AA`, 12.6.3)
    AdditionalActions,
    /// A program or file is started (12.6.4.5)
    Launch,
    /// What is filled in is sent away (12.7.5.2)
    SubmitForm,
    /// What is filled in comes from a file (12.7.5.4)
    ImportData,
    /// A form that is drawn by rules of its own, which another reader does not show (12.7.8)
    Xfa,
    /// Film, sound or a space to walk in (clause 13)
    RichMedia,
    /// A file in the document, or one that is named outside of it with its content here (7.11.4)
    EmbeddedFile,
    /// Not all of the document could be looked through.
    Unsearched,
}

/// What a later revision of a PDF did to what is signed. Whether it is permitted (ISO 32000-1, 12.8.2.2; EN 319 142-1,
/// clause 5.5) is judged by what has become of the object in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// The revision, from 1; absent for what is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// What was changed.
    pub kind: ChangeKind,
    /// The number of the object, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// The page it is on, from 1, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The full name of a field, or the keys that differ, with their slashes; at most 120 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the signature leaves room for it.
    pub permitted: bool,
}

/// What a later revision changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// Bytes after the last revision, or cross-references that do not go on from the signed ones
    Structure,
    /// A page: its content, resources or size
    PageContent,
    /// The annotations of a page, or one of them
    Annotation,
    /// A field that was there was filled in, or changed otherwise
    FormField,
    /// A field came
    FieldAdded,
    /// A field was signed
    SignatureAdded,
    /// A document time-stamp came
    TimeStampAdded,
    /// The form itself
    Form,
    /// Metadata or the information dictionary
    Metadata,
    /// The catalog, in what is none of the others
    Catalog,
    /// The document security store (EN 319 142-1, clause 5.4.2)
    ValidationData,
    /// A file in the document
    Attachment,
    /// Another object
    Object,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How much of a document is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Whether it is all of it.
    pub whole: bool,
    /// Bytes that are signed.
    pub signed_bytes: u64,
    /// Bytes of the document, without the place of the signature itself.
    pub total_bytes: u64,
    /// For PDF: the revision that is signed, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// For PDF: how many revisions the file has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revisions: Option<u32>,
}

impl Coverage {
    /// All of a document of this length.
    #[must_use]
    pub const fn whole(bytes: u64) -> Self {
        Self {
            whole: true,
            signed_bytes: bytes,
            total_bytes: bytes,
            revision: None,
            revisions: None,
        }
    }
}

/// Whether the certificates were looked up as revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevocationStatus {
    /// No CRL and no OCSP response was there that says anything.
    NotChecked,
    /// Of some certificates on the path nothing is known.
    Incomplete,
    /// No certificate on the path was revoked.
    Good,
    /// One was.
    Revoked,
}

/// What people have to be told beside the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// Revocation was not checked (Circular 15/2025/TT-BKHCN, Annex II, 1.2).
    RevocationNotChecked,
    /// The signing time is only what the signer's computer says.
    SigningTimeNotProven,
    /// There is no signing time.
    SigningTimeMissing,
    /// The claimed signing time lies after the time of validation.
    SigningTimeInFuture,
    /// The document was changed after this signature; what came later is not signed by it.
    ChangedAfterSigning,
    /// A time-stamp could not be believed.
    TimestampNotValid,
    /// The signature names certificates or revocation data by their digests (CompleteCertificateRefs,
    /// CompleteRevocationRefs and their like), and not all of these are here to be compared.
    ReferencedMaterialMissing,
    /// The claimed signing time lies after the time that is proven.
    SigningTimeAfterTimestamp,
    /// SHA-1 was used, which proves nothing against whoever wants to deceive; it was let in on demand.
    Sha1,
    /// The format does not sign which certificate is the signer's.
    SigningCertificateNotSigned,
    /// Parts of the document are not signed by this signature.
    NotAllCovered,
    /// A PAdES signature carries the signing-time attribute (EN 319 142-1, clause 6.3).
    SigningTimeAttributeInPades,
    /// The signer's key is one of those that can be computed from their public half (CVE-2017-15361, "ROCA").
    RocaKey,
}

/// The rule that a signature breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "each name says its rule")]
pub enum Reason {
    // CMS
    MalformedCms,
    NotSignedData,
    NoSigners,
    DuplicateSigner,
    SignedAttributesMissing,
    SignedAttributesNotDer,
    AttributeDuplicated,
    AttributeNotSingleValued,
    AttributeMalformed,
    ContentTypeMissing,
    ContentTypeMismatch,
    ContentTypeNotData,
    MessageDigestMissing,
    MessageDigestMismatch,
    SigningCertificateMissing,
    SigningCertificateMismatch,
    AlgorithmProtectionMismatch,
    DigestAlgorithmMismatch,
    AlgorithmNotAccepted,
    AlgorithmParameters,
    KeyTooShort,
    ContentMissing,
    ContentGivenTwice,
    ContentIsSignedAttributes,
    SignatureValueWrong,
    // certificates
    SignerCertificateMissing,
    KeyUsageNotForSigning,
    SigningTimeOutsideValidity,
    NoPathToAnchor,
    CertificateExpired,
    CertificateNotYetValid,
    PathSignature,
    PathNames,
    PathBasicConstraints,
    PathLength,
    PathKeyUsage,
    PathNameConstraints,
    PathPolicy,
    PathUnknownCriticalExtension,
    PathKeyTooShort,
    PathLimit,
    PathOther,
    CertificateRevoked,
    AuthorityRevoked,
    RevocationUnknown,
    // time-stamps
    TimestampMalformed,
    TimestampImprintMismatch,
    TimestampOutsideValidity,
    TimestampNotEvaluated,
    TimestampOrder,
    KeyUsageNotForTimeStamps,
    // XML, JSON, containers
    MalformedXml,
    MalformedSignature,
    CanonicalizationNotAccepted,
    TransformNotAllowed,
    ReferenceWithoutUri,
    ReferenceNotFound,
    ReferenceDigestMismatch,
    ExternalReference,
    NothingSigned,
    IdAmbiguous,
    SignatureWrapping,
    Sha1NotAccepted,
    SignedPropertiesNotSigned,
    SignedPropertiesMalformed,
    CriticalHeaderUnknown,
    ContainerFileNotCovered,
    // PDF
    MalformedPdf,
    MalformedByteRange,
    ContentsNotInGap,
    UnsupportedSubFilter,
    ForbiddenChange,
}
