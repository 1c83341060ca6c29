//! What comes back from each method.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::call::Level;
use crate::error::ErrorObject;

/// The result of a successful request; its shape follows from the method.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// of `hello`
    Hello(HelloReply),
    /// of `certificates`
    Certificate(Certificate),
    /// of `authenticate`
    Token(Box<AuthenticationToken>),
    /// of `sign_digest`
    Digest(DigestSignature),
    /// of `sign_digests`
    Digests(DigestSignatures),
    /// of `sign_documents`
    Documents(SignedDocuments),
    /// of `verify_documents`
    Verified(VerifiedDocuments),
    /// of `upload`
    Upload(UploadReply),
    /// of `download`
    Download(DownloadReply),
    /// of `cancel`
    Cancel(CancelReply),
}

/// Answer to `hello`. Before a grant is used, an allowed origin learns this much and no more.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HelloReply {
    /// The version both speak from now on.
    pub version: u32,
    /// Minted by the daemon for this connection; 128 random bits, hexadecimal.
    pub session: String,
    /// What both ends can make use of: those of [`crate::CAPABILITIES`] that the client named.
    pub capabilities: Vec<String>,
    /// What the page's origin may ask for: `certificates`, `sign_in`, `sign`, `batch`, `verify`, `blind_digest`.
    pub scopes: Vec<String>,
    /// When each of these ends that does, by its name: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<BTreeMap<String, String>>", optional))]
    pub expires: BTreeMap<String, String>,
    /// Most document bytes in one `upload` or `download`.
    pub max_chunk: u32,
    /// Largest document, in bytes.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub max_document: u64,
}

/// A certificate, as the page may see it once the person has picked it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificate {
    /// SHA-256 of the DER, lower-case hexadecimal: the certificate's name in other calls.
    pub sha256: String,
    /// The DER, base64.
    pub certificate: String,
    /// Certificates between it and its root, as far as the token or the trust store holds them, base64 DER.
    pub chain: Vec<String>,
    /// Whose it is.
    pub subject: Subject,
    /// Common name of the issuer.
    pub issuer: String,
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// RFC 3339, UTC.
    pub not_before: String,
    /// RFC 3339, UTC.
    pub not_after: String,
    /// What its key can sign with, the usual one first.
    pub supported_algorithms: Vec<Algorithm>,
}

/// A signature algorithm in the words of Web eID's wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Algorithm {
    /// `RSA` or `ECC`
    pub crypto_algorithm: String,
    /// For instance `SHA-256`
    pub hash_function: String,
    /// `PKCS1.5` or `PSS` for RSA, `NONE` for ECC
    pub padding_scheme: String,
}

/// Answer to `authenticate`: a token as the Web eID libraries of portals validate it, field by field. Nothing in it but
/// the signature proves anything before the portal has checked it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthenticationToken {
    /// The authentication certificate: DER, base64.
    pub unverified_certificate: String,
    /// What it is signed with (RFC 7518, section 3.1), for instance `ES384`.
    pub algorithm: String,
    /// base64. RSA: as in RFC 8017; ECDSA: r‖s.
    pub signature: String,
    /// `web-eid:1.0`; `web-eid:1.1` with a signing certificate.
    pub format: String,
    /// Names program and version.
    pub app_version: String,
    /// In the format `web-eid:1.1` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub unverified_signing_certificates: Option<Vec<SigningCertificate>>,
}

/// A signing certificate in a token of the format `web-eid:1.1`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SigningCertificate {
    /// DER, base64.
    pub certificate: String,
    /// What its key can sign with.
    pub supported_signature_algorithms: Vec<Algorithm>,
}

/// The parts of a subject that Vietnamese portals read. Absent parts are absent, never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subject {
    /// CN
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub common_name: Option<String>,
    /// O
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub organization: Option<String>,
    /// `UID=MST:…`, tax code
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub tax_code: Option<String>,
    /// `UID=CCCD:…`, citizen identity number
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub citizen_id: Option<String>,
    /// `UID=CMND:…`, old identity card number
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub old_identity_card: Option<String>,
}

/// Answer to `sign_digest`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DigestSignature {
    /// base64. RSA: as in RFC 8017; ECDSA: DER `Ecdsa-Sig-Value` (RFC 3279, section 2.2.3).
    pub signature: String,
    /// base64. RSA: the same; ECDSA: r‖s, as PKCS #11, JOSE and Web eID have it.
    pub raw_signature: String,
    /// What was used, for instance `RS256`, `PS256`, `ES256` (RFC 7518, section 3.1).
    pub algorithm: String,
    /// The same in the words of Web eID's wire.
    pub signature_algorithm: Algorithm,
}

/// Answer to `sign_documents`: one item a document, in the order of the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedDocuments {
    /// In the order of the request.
    pub documents: Vec<SignedDocument>,
    /// The certificate it was signed with.
    pub certificate: Certificate,
    /// To be checked later against the record on this computer: `trien audit verify --receipt`.
    pub receipt: Receipt,
}

/// What the record on this computer says of a signed request. Worth keeping beside the signatures: it ties them to what
/// the person agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// What was agreed to: SHA-256, lower-case hexadecimal, over the documents in their order, each as three lines
    /// (digest, size in bytes, length of the name in bytes) and the name in UTF-8 with a line feed behind it. For bare
    /// digests the size is 0.
    pub manifest: String,
    /// Number of the entry in the record.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub entry: u64,
    /// Hash of the entry in the record's chain, lower-case hexadecimal.
    pub hash: String,
    /// Of the entry: RFC 3339, UTC, by that computer's clock.
    pub time: String,
    /// SHA-256 of the certificate, lower-case hexadecimal.
    pub certificate: String,
    /// Whose page asked; absent for the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub origin: Option<String>,
    /// SHA-256 of each result (of the signature value, for a bare digest), in the order of the manifest; empty for one
    /// that failed.
    pub results: Vec<String>,
}

/// Answer to `sign_digests`: one item a digest, in the order of the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DigestSignatures {
    /// In the order of the request.
    pub signatures: Vec<SignedDigest>,
    /// What was used, for instance `RS256`, `PS256`, `ES256` (RFC 7518, section 3.1).
    pub algorithm: String,
    /// The same in the words of Web eID's wire.
    pub signature_algorithm: Algorithm,
    /// To be checked later against the record on this computer.
    pub receipt: Receipt,
}

/// What became of one digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SignedDigest {
    /// Signed.
    Signed {
        /// As in [`DigestSignature`].
        signature: String,
        /// As in [`DigestSignature`].
        raw_signature: String,
    },
    /// Not signed.
    Failed {
        /// Why.
        error: ErrorObject,
    },
}

/// What became of one document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SignedDocument {
    /// Signed; to be had with `download`.
    Signed {
        /// Of the request.
        name: String,
        /// SHA-256 of the result, lower-case hexadecimal.
        sha256: String,
        /// Of the result, in bytes.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        size: u64,
        /// The level it has, if one was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        level: Option<Level>,
        /// That the level asked for was not reached because no authority answered. The daemon goes on trying while the
        /// connection lasts, and tells with the event `raised` when it is reached. If the request had an idempotency
        /// key, it goes on for a day, also without a connection: the same request with the same key gets the raised
        /// document once it is there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
        waiting: bool,
    },
    /// Not signed; the other documents are not touched by that.
    Failed {
        /// Of the request.
        name: String,
        /// Why.
        error: ErrorObject,
    },
}

/// Answer to `verify_documents`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifiedDocuments {
    /// In the order of the request.
    pub documents: Vec<VerifiedDocument>,
}

/// The signatures of one document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifiedDocument {
    /// Of the request.
    pub name: String,
    /// True only when there is a signature and every one is TOTAL-PASSED.
    pub valid: bool,
    /// In the order in which they were made.
    pub signatures: Vec<VerifiedSignature>,
}

/// One signature as EN 319 102-1 judges it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifiedSignature {
    /// `TOTAL-PASSED`, `TOTAL-FAILED` or `INDETERMINATE` (EN 319 102-1, table 5).
    pub indication: String,
    /// For the other two, for instance `HASH_FAILURE` or `NO_CERTIFICATE_CHAIN_FOUND`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub sub_indication: Option<String>,
    /// Who signed; absent if the signature names nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub signer: Option<Subject>,
    /// Common name of the issuer of the signer's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub issuer: Option<String>,
    /// RFC 3339, by the signer's own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub claimed_time: Option<String>,
    /// The signature covers the whole document as it is now.
    pub covers_whole_document: bool,
}

/// Answer to `upload`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadReply {
    /// Bytes held so far.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub received: u64,
    /// All bytes came and their digest is right; from now on they cannot change.
    pub sealed: bool,
}

/// Answer to `download`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DownloadReply {
    /// Size of the whole document, in bytes.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub size: u64,
    /// The bytes, base64. Absent when they are the body of a binary frame (see [`crate::frame`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub data: Option<String>,
}

/// Answer to `cancel`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancelReply {
    /// False when the request had ended before.
    pub cancelled: bool,
}
