//! Error codes: stable names for programs, texts in both languages for people, and who can act on each.
//!
//! A page learns what it can act on and nothing about tokens, tries left, other origins or paths; the log has causes.

use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::call::Language;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $number:literal;)+) => {
        /// What went wrong. The snake_case name never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "typescript", derive(TS))]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[doc = $doc])+ $variant,)+ }

        impl ErrorCode {
            /// Every code, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name, as it stands in `data.code` on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name),+ } }

            /// The JSON-RPC 2.0 number (section 5.1).
            #[must_use]
            pub const fn number(self) -> i32 { match self { $(Self::$variant => $number),+ } }
        }
    };
}

error_codes! {
    // The page's developer can act.
    /// No valid message, or a parameter out of range.
    BadRequest = "bad_request", -32600;
    /// There is no such method.
    MethodNotFound = "method_not_found", -32601;
    /// `hello` has not been said, or was said twice.
    HelloExpected = "hello_expected", -32001;
    /// No common protocol version.
    VersionMismatch = "version_mismatch", -32002;
    /// A message, document or count past its limit.
    TooLarge = "too_large", -32003;
    /// More requests at once than are served, or another question is open.
    Busy = "busy", -32004;
    /// A document of the manifest has not been uploaded, and nothing came of it for a minute.
    DocumentMissing = "document_missing", -32005;
    /// Uploaded bytes do not have the digest or size that was announced, or came out of order.
    UploadMismatch = "upload_mismatch", -32006;
    /// The document is no file of the kind that the format needs, or a broken one.
    DocumentUnreadable = "document_unreadable", -32007;
    /// The document is encrypted.
    DocumentEncrypted = "document_encrypted", -32008;
    /// The document forbids this change (certification, PDF 32000-1 12.8.2.2).
    DocumentLocked = "document_locked", -32009;
    /// The digest's length is not that of its hash function.
    BadDigest = "bad_digest", -32010;

    /// The nonce is not base64 of at least 256 bits in 44 to 128 characters.
    BadNonce = "bad_nonce", -32011;
    /// Not signed any more: the batch ended at an item before it.
    BatchStopped = "batch_stopped", -32012;
    /// The idempotency key belongs to another request.
    KeyReused = "key_reused", -32013;
    /// More requests in a short time than an origin may make.
    RateLimited = "rate_limited", -32014;
    /// What was uploaded is not what the manifest says that waits for it: another document, size, digest or order.
    BatchMismatch = "batch_mismatch", -32015;

    // An administrator, or the person, can act by a permission.
    /// The origin has no permission for this.
    NotAllowed = "not_allowed", -32020;
    /// The rules of this computer refuse a document with what this one has: it would act by itself, show something else
    /// to others, or carries signatures that do not hold.
    DocumentForbidden = "document_forbidden", -32021;

    // The person can act.
    /// The person has said no several times in a row and is not asked by this origin for a while.
    UserMuted = "user_muted", -32029;
    /// The person said no, closed the window, or the page cancelled.
    Cancelled = "cancelled", -32030;
    /// There is nobody to ask: no display, no prompter.
    NobodyToAsk = "nobody_to_ask", -32031;
    /// The question was open too long.
    TimedOut = "timed_out", -32032;
    /// No token, or no certificate on it, fits the request.
    NoCertificate = "no_certificate", -32033;
    /// The certificate of the request is on no token here.
    CertificateNotFound = "certificate_not_found", -32034;
    /// The certificate has expired or is not valid yet.
    CertificateExpired = "certificate_expired", -32035;
    /// The certificate's key usage does not allow this.
    CertificateUnsuitable = "certificate_unsuitable", -32036;
    /// The PIN was wrong, and the person did not go on.
    PinIncorrect = "pin_incorrect", -32037;
    /// The token has locked its PIN.
    PinLocked = "pin_locked", -32038;
    /// The PIN has expired or must be changed first.
    PinExpired = "pin_expired", -32039;
    /// The PIN is too short, too long or has characters the token does not take; no try was spent.
    PinInvalid = "pin_invalid", -32040;
    /// The token was pulled while it was needed.
    TokenRemoved = "token_removed", -32041;
    /// Another program holds the token.
    TokenBusy = "token_busy", -32042;
    /// The certificate, or that of an authority above it, was revoked.
    CertificateRevoked = "certificate_revoked", -32043;
    /// Nothing is known about the certificate's revocation, and the policy wants it known.
    CertificateStatusUnknown = "certificate_status_unknown", -32044;
    /// The token has no user PIN yet.
    PinNotSet = "pin_not_set", -32046;
    /// There is no room left on the token.
    TokenFull = "token_full", -32047;
    /// The token is protected against changes.
    TokenReadOnly = "token_read_only", -32048;
    /// A signature that the document carries is broken or cannot be checked, or the document was changed after it; or it
    /// was changed while it was being signed. At the command line, where no window asks.
    DocumentAltered = "document_altered", -32049;

    // Whoever looks after the computer can act.
    /// The token's driver did not answer in time.
    ModuleHung = "module_hung", -32050;
    /// The token's driver ended unexpectedly.
    ModuleCrashed = "module_crashed", -32051;
    /// The token does not offer what the request needs.
    UnsupportedByToken = "unsupported_by_token", -32052;
    /// The token's answer is no valid signature by the certificate's key.
    BadSignatureFromToken = "bad_signature_from_token", -32053;
    /// The token failed in a way of its own; the log has its return value.
    TokenFailed = "token_failed", -32054;
    /// The record of approvals and signatures cannot be written, so nothing is signed.
    AuditUnavailable = "audit_unavailable", -32055;
    /// The token's driver cannot be used on this computer.
    ModuleUnusable = "module_unusable", -32056;
    /// The token's driver was switched off because it failed too often.
    ModuleDisabled = "module_disabled", -32057;
    /// The smart card service (pcscd) is there and does not run.
    ReaderServiceStopped = "reader_service_stopped", -32058;
    /// The smart card service does not let this user in.
    ReaderNotAllowed = "reader_not_allowed", -32059;
    /// The card reader, or the card in it, does not work.
    ReaderFailed = "reader_failed", -32060;
    /// There is no room left on the disk for the documents.
    DiskFull = "disk_full", -32061;
    /// There is no smart card service (pcscd) on the computer.
    ReaderServiceAbsent = "reader_service_absent", -32062;
    /// A fault of Triện itself.
    Internal = "internal", -32603;
}

/// The JSON-RPC error object (section 5.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorObject {
    /// See [`ErrorCode::number`].
    pub code: i32,
    /// For the developer's console: the English text.
    pub message: String,
    /// For programs and people.
    pub data: ErrorData,
}

/// What a program and a person need to know of an error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorData {
    /// The stable name.
    pub code: ErrorCode,
    /// What happened.
    pub message: Bilingual,
    /// What to do about it.
    pub remedy: Bilingual,
    /// Whether the same request may succeed if it is simply made again.
    pub retry: bool,
    /// For the developer: which field, which limit. Never a value from the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub detail: Option<String>,
}

/// One text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(TS))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bilingual {
    /// Vietnamese
    pub vi: String,
    /// English
    pub en: String,
}

impl Bilingual {
    /// The text in one language.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Vi => &self.vi,
            Language::En => &self.en,
        }
    }
}
