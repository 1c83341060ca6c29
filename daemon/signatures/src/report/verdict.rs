//! Verdicts, and the rules behind them.

use serde::{Deserialize, Serialize};

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
    /// Revocation information or the manifest of an archive time-stamp is made with SHA-1 and was passed over; the verdict
    /// would be another one if SHA-1 were let in.
    Sha1NotCounted,
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
    CertificateOnHold,
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
    TooManySignatures,
    // PDF
    MalformedPdf,
    MalformedByteRange,
    ContentsNotInGap,
    UnsupportedSubFilter,
    ForbiddenChange,
    TooComplex,
}
