//! Every failure of a job → one code, in one match. A page learns what it can act on; the log has the cause.

mod argument;
mod refused;
mod words;

use std::io;

use trien_protocol::error::{ErrorCode, ErrorData, ErrorObject};
use trien_signatures::asic::AsicError;
use trien_signatures::cades::FurtherError;
use trien_signatures::certificate::Certificate;
use trien_signatures::cms::PrepareError;
use trien_signatures::ooxml::{OoxmlError, PackageError};
use trien_signatures::pades::{AppearanceError, PadesError};
use trien_signatures::pdf::PdfError;
use trien_signatures::signing::FinishError;
use trien_signatures::xml::XmlError;
use trien_signatures::xmldsig::{TemplateError, XmlPrepareError};
use trien_signatures::zip::ZipError;

use super::documents::{Changed, DocumentError};
use super::read_back::Flaw;
use super::verify_documents::Unreadable;
use crate::audit::{Action, AuditError};
use crate::consent::AskError;
use crate::language;
use crate::policy::NotAllowed;
use crate::policy::grants::GrantsError;
use crate::tokens::{DiskFault, LoginError, TokenError, truth};
pub use argument::{Argument, Fault};
pub use refused::{Refused, doubt_key};

/// Why a job failed. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A parameter that cannot be right: which, never its value.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// The same, of what a person at the shell may have written.
    #[error("bad request: {0}")]
    Argument(#[from] Argument),
    /// `hello` is missing, or came twice.
    #[error("hello is expected first, and once")]
    HelloExpected,
    /// No common version.
    #[error("no common protocol version")]
    VersionMismatch,
    /// Past a limit: which.
    #[error("too large: {0}")]
    TooLarge(String),
    /// Too many requests at once.
    #[error("too many requests at once")]
    Busy,
    /// The origin has no permission.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The key of another request.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    /// More requests in a short time than an origin may make.
    #[error("too many requests in a short time")]
    RateLimited,
    /// More different tax codes in vain than an origin may name.
    #[error("too many tax codes that no certificate here carries")]
    TaxCodes,
    /// The batch ended at an item before this one.
    #[error("the batch ended before it")]
    Stopped,
    /// The page cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The nonce is not base64 of 256 bits.
    #[error("the nonce is not base64 of 256 bits in 44 to 128 characters")]
    BadNonce,
    /// The digest has not the length of its hash function.
    #[error("the digest has not the length of its hash function")]
    BadDigest,
    /// A document is not there, or cannot be held.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// No token has a certificate to choose from.
    #[error("no certificate fits")]
    NoCertificate,
    /// The same, and a token is here that shows none before somebody has logged in.
    #[error("no certificate fits, and a token shows none without its PIN")]
    CertificatesHidden,
    /// The certificate of the request is not here, or the page has not been shown it.
    #[error("the certificate is not here")]
    CertificateNotFound,
    /// Those that would fit have expired, or are not valid yet. Which these are the person is told, and no page.
    #[error("the certificate is not valid now")]
    CertificateExpired(Vec<Certificate>),
    /// It, or an authority above it, was revoked.
    #[error("the certificate was revoked")]
    CertificateRevoked,
    /// Nothing is known about its revocation, and the policy wants it known.
    #[error("nothing is known about the revocation of the certificate")]
    CertificateStatusUnknown,
    /// Its key usage, or its key, does not allow this.
    #[error("the certificate is not for this")]
    CertificateUnsuitable,
    /// At the shell: signatures of these documents do not hold, and nobody said that he knows.
    #[error("earlier signatures do not hold: {}", .0.join("; "))]
    Altered(Vec<String>),
    /// At the shell: the file was changed while it was being signed.
    #[error(transparent)]
    Changed(#[from] Changed),
    /// The rules of this computer do not want documents signed that have this: which documents, and why.
    #[error("documents that are not to be signed here: {}", .0.join("; "))]
    Forbidden(Vec<String>, Refused),
    /// One document of several keeps the others back: which, and why.
    #[error("{1}")]
    OfDocument(String, Box<Self>),
    /// The person was asked in vain.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// A wrong PIN was the last word.
    #[error("the PIN was wrong, and the person did not go on")]
    PinIncorrect,
    /// A PIN that cannot be one was the last word.
    #[error("the PIN cannot be one, and the person did not go on")]
    PinInvalid,
    /// Logging in failed.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The token failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The PDF cannot be prepared.
    #[error(transparent)]
    Pades(#[from] PadesError),
    /// The CMS structure cannot be prepared.
    #[error(transparent)]
    Cms(#[from] PrepareError),
    /// There can be no further signature in the one that is there.
    #[error(transparent)]
    Further(#[from] FurtherError),
    /// The XML signature cannot be prepared.
    #[error(transparent)]
    Xml(#[from] XmlPrepareError),
    /// The container cannot be prepared.
    #[error(transparent)]
    Asic(#[from] AsicError),
    /// The Office document cannot be prepared.
    #[error(transparent)]
    Ooxml(#[from] OoxmlError),
    /// The template of the user cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// There is no signature to check.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// What would be made would not hold.
    #[error(transparent)]
    ReadBack(#[from] Flaw),
    /// The token's answer is no signature by the certificate's key.
    #[error("the token's answer is no signature by the certificate's key")]
    BadSignature,
    /// The signature cannot be put in.
    #[error(transparent)]
    Finish(#[from] FinishError),
    /// The record cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A fault of our own.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<GrantsError> for JobError {
    fn from(error: GrantsError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<PdfError> for JobError {
    fn from(error: PdfError) -> Self {
        Self::Pades(error.into())
    }
}

impl JobError {
    /// What it is called on the wire.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BadRequest(_) | Self::Argument(_) => ErrorCode::BadRequest,
            Self::HelloExpected => ErrorCode::HelloExpected,
            Self::VersionMismatch => ErrorCode::VersionMismatch,
            Self::TooLarge(_) => ErrorCode::TooLarge,
            Self::Busy => ErrorCode::Busy,
            Self::NotAllowed(NotAllowed) => ErrorCode::NotAllowed,
            Self::KeyReused => ErrorCode::KeyReused,
            Self::RateLimited | Self::TaxCodes => ErrorCode::RateLimited,
            Self::Stopped => ErrorCode::BatchStopped,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::Altered(_) | Self::Changed(_) => ErrorCode::DocumentAltered,
            Self::OfDocument(_, error) => error.code(),
            Self::Forbidden(..) => ErrorCode::DocumentForbidden,
            Self::BadNonce => ErrorCode::BadNonce,
            Self::BadDigest => ErrorCode::BadDigest,
            Self::Document(error) => of_document(error),
            Self::NoCertificate | Self::CertificatesHidden => ErrorCode::NoCertificate,
            Self::CertificateNotFound => ErrorCode::CertificateNotFound,
            Self::CertificateExpired(_) => ErrorCode::CertificateExpired,
            Self::CertificateRevoked => ErrorCode::CertificateRevoked,
            Self::CertificateStatusUnknown => ErrorCode::CertificateStatusUnknown,
            Self::CertificateUnsuitable => ErrorCode::CertificateUnsuitable,
            Self::Ask(error) => of_ask(error),
            Self::PinIncorrect => ErrorCode::PinIncorrect,
            Self::PinInvalid => ErrorCode::PinInvalid,
            Self::Login(error) => of_login(error),
            Self::Token(error) => of_token(error),
            Self::Pades(error) => of_pades(error),
            Self::Cms(error) => of_cms(error),
            Self::Further(error) => of_further(error),
            Self::Xml(error) => of_xml(error),
            Self::Asic(error) => of_asic(error),
            Self::Ooxml(error) => of_ooxml(error),
            Self::Template(_) => ErrorCode::BadRequest,
            Self::Unreadable(error) => error.code(),
            Self::ReadBack(Flaw::New(_)) => ErrorCode::DocumentUnreadable,
            Self::ReadBack(Flaw::Earlier(_)) => ErrorCode::DocumentLocked,
            Self::BadSignature | Self::Finish(FinishError::BadSignature) => ErrorCode::BadSignatureFromToken,
            Self::Audit(_) => ErrorCode::AuditUnavailable,
            Self::Finish(_) | Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// As it goes to the page.
    #[must_use]
    pub fn object(&self) -> ErrorObject {
        if let Self::OfDocument(_, error) = self {
            return error.object();
        }
        let mut object = error_object(self.code(), self.detail());
        object.data.retry = self.retry_helps();
        if let Some(message) = words::message(self) {
            object.message.clone_from(&message.en);
            object.data.message = message;
        }
        if let Some(key) = words::remedy(self) {
            object.data.remedy = language::bilingual(key);
        }
        object
    }

    /// The message that says what to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        if let Self::OfDocument(_, error) = self {
            return error.remedy();
        }
        let own = || format!("error-{}-remedy", self.code().name().replace('_', "-"));
        words::remedy(self).map_or_else(own, str::to_owned)
    }

    /// As [`Self::object`], for one item of a batch in which others may be signed.
    #[must_use]
    pub fn object_of_item(&self) -> ErrorObject {
        let mut object = self.object();
        if object.data.code == ErrorCode::Cancelled {
            object.data.message = language::bilingual(CANCELLED_ITEM);
            object.message.clone_from(&object.data.message.en);
        }
        object
    }

    /// Whether the same request, made again with nothing else done, may succeed. Of what a token answered, the truth
    /// table says it.
    fn retry_helps(&self) -> bool {
        match self {
            Self::Token(error) | Self::Login(LoginError::Token(error)) => error.retry_helps(),
            other => retry_helps(other.code()),
        }
    }

    /// For the page's developer: which field, which limit, which rule of the format. Causes in tokens stay in the log.
    fn detail(&self) -> Option<String> {
        match self {
            Self::BadRequest(what) | Self::TooLarge(what) => Some(what.clone()),
            Self::Argument(argument) => Some(argument.to_string()),
            Self::Document(DocumentError::Io(_)) => None,
            Self::Document(error) => Some(error.to_string()),
            Self::Pades(PadesError::Appearance(
                error @ (AppearanceError::OutsidePage
                | AppearanceError::TextTooLong
                | AppearanceError::CodeTooSmall
                | AppearanceError::NoKeyword
                | AppearanceError::NoSignature),
            )) => Some(format!("{PLACE}: {error}")),
            Self::Pades(error) => Some(error.to_string()),
            Self::Cms(error) => Some(error.to_string()),
            Self::Further(error) => Some(error.to_string()),
            Self::Xml(error) => Some(error.to_string()),
            Self::Asic(error) => Some(error.to_string()),
            Self::Ooxml(error) => Some(error.to_string()),
            Self::Template(error) => Some(error.to_string()),
            Self::Unreadable(error) => Some(error.to_string()),
            Self::ReadBack(flaw) => Some(flaw.to_string()),
            Self::Forbidden(_, refused) => Some(refused.names()),
            // Only the shell has a selector.
            Self::Ask(AskError::Ambiguous(choices)) => Some(choices.join("; ")),
            _ => None,
        }
    }

    /// As it goes into the record.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Ask(AskError::Refused) | Self::Altered(_) => Action::Refused,
            _ => Action::Failed {
                outcome: self.code().name().to_owned(),
            },
        }
    }
}

/// How a detail begins that is about where a signature shows.
pub const PLACE: &str = "place";

/// What to do about a token that shows certificates only after login: the text of a page's error and of the doctor.
pub const HIDDEN_REMEDY: &str = "error-certificates-hidden-remedy";

/// What happened to an item of a batch that the person ended in the middle.
const CANCELLED_ITEM: &str = "error-cancelled-item";

/// See [`JobError::retry_helps`]: of errors that are known by their code alone.
const fn retry_helps(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Busy
            | ErrorCode::RateLimited
            | ErrorCode::TimedOut
            | ErrorCode::TokenRemoved
            | ErrorCode::TokenBusy
            | ErrorCode::ModuleHung
            | ErrorCode::ModuleCrashed
            | ErrorCode::BadSignatureFromToken
            | ErrorCode::ReaderServiceStopped
    )
}

/// The error object of a code.
#[must_use]
pub fn error_object(code: ErrorCode, detail: Option<String>) -> ErrorObject {
    let data = ErrorData { detail, ..text(code) };
    ErrorObject {
        code: code.number(),
        message: data.message.en.clone(),
        data,
    }
}

/// What happened and what to do, from the message files.
#[must_use]
pub fn text(code: ErrorCode) -> ErrorData {
    let key = format!("error-{}", code.name().replace('_', "-"));
    let remedy = language::bilingual(&format!("{key}-remedy"));
    ErrorData {
        code,
        message: language::bilingual(&key),
        remedy,
        retry: retry_helps(code),
        detail: None,
    }
}

fn of_document(error: &DocumentError) -> ErrorCode {
    match error {
        DocumentError::TooLarge(_) => ErrorCode::TooLarge,
        DocumentError::Mismatch(_) => ErrorCode::UploadMismatch,
        DocumentError::Bad(_) => ErrorCode::BadRequest,
        DocumentError::Deviation(_) => ErrorCode::BatchMismatch,
        DocumentError::Missing => ErrorCode::DocumentMissing,
        DocumentError::DiskFull => ErrorCode::DiskFull,
        DocumentError::Io(error) => match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
            _ => ErrorCode::Internal,
        },
    }
}

fn of_ask(error: &AskError) -> ErrorCode {
    match error {
        AskError::Refused => ErrorCode::Cancelled,
        AskError::Busy => ErrorCode::Busy,
        AskError::Muted => ErrorCode::UserMuted,
        AskError::Restless => ErrorCode::RateLimited,
        AskError::NobodyToAsk(_) | AskError::NoPin(_) => ErrorCode::NobodyToAsk,
        AskError::TimedOut => ErrorCode::TimedOut,
        AskError::Failed(_) => ErrorCode::Internal,
        AskError::Ambiguous(_) => ErrorCode::CertificateNotFound,
    }
}

fn of_login(error: &LoginError) -> ErrorCode {
    match error {
        LoginError::Incorrect {
            now: crate::tokens::PinState::Locked,
        }
        | LoginError::Locked => ErrorCode::PinLocked,
        LoginError::Incorrect { .. } => ErrorCode::PinIncorrect,
        LoginError::Invalid => ErrorCode::PinInvalid,
        LoginError::Expired => ErrorCode::PinExpired,
        LoginError::NotTried { .. } | LoginError::NoPin => ErrorCode::Cancelled,
        LoginError::Token(error) => of_token(error),
    }
}

fn of_token(error: &TokenError) -> ErrorCode {
    match error {
        TokenError::Removed => ErrorCode::TokenRemoved,
        TokenError::Busy | TokenError::Held { .. } => ErrorCode::TokenBusy,
        TokenError::Hung { .. } => ErrorCode::ModuleHung,
        TokenError::Crashed => ErrorCode::ModuleCrashed,
        TokenError::Load(_) | TokenError::Library(_) => ErrorCode::ModuleUnusable,
        TokenError::Disabled => ErrorCode::ModuleDisabled,
        TokenError::NoSuchKey => ErrorCode::CertificateUnsuitable,
        TokenError::Unsupported(_) => ErrorCode::UnsupportedByToken,
        TokenError::Disk(DiskFault::Full) => ErrorCode::TokenFull,
        TokenError::Disk(DiskFault::ReadOnly) => ErrorCode::TokenReadOnly,
        TokenError::Answered { number } => {
            truth::cryptoki(*number).map_or(ErrorCode::TokenFailed, |row| row.code)
        }
        TokenError::Service { number } => {
            truth::smart_card(*number).map_or(ErrorCode::TokenFailed, |row| row.code)
        }
        TokenError::LoginNeeded
        | TokenError::ManagementKey
        | TokenError::NoSuchSlot
        | TokenError::SlotTaken
        | TokenError::Crowded
        | TokenError::Failed(_) => ErrorCode::TokenFailed,
    }
}

fn of_further(error: &FurtherError) -> ErrorCode {
    match error {
        FurtherError::Prepare(error) => of_cms(error),
        FurtherError::NoSuchSignature(_)
        | FurtherError::ContentMissing
        | FurtherError::OtherContent
        | FurtherError::AlreadySigned => ErrorCode::BadRequest,
        FurtherError::TooMany => ErrorCode::TooLarge,
        _ => ErrorCode::DocumentUnreadable,
    }
}

fn of_pades(error: &PadesError) -> ErrorCode {
    match error {
        PadesError::Appearance(_)
        | PadesError::FieldLocks
        | PadesError::FieldName
        | PadesError::FieldPlace
        | PadesError::FieldSigned
        | PadesError::NoFieldToLock(_)
        | PadesError::NoSuchField
        | PadesError::TextTooLong => ErrorCode::BadRequest,
        PadesError::NotFirst | PadesError::SeedValue(_) => ErrorCode::DocumentLocked,
        PadesError::Cms(error) => of_cms(error),
        PadesError::Pdf(error) => of_pdf(error),
        _ => ErrorCode::Internal,
    }
}

pub(super) fn of_pdf(error: &PdfError) -> ErrorCode {
    match error {
        PdfError::Encrypted => ErrorCode::DocumentEncrypted,
        PdfError::Locked | PdfError::FieldLocked => ErrorCode::DocumentLocked,
        PdfError::TooLarge { .. } | PdfError::TooMany(_) => ErrorCode::TooLarge,
        PdfError::PageOutOfRange { .. } => ErrorCode::BadRequest,
        _ => ErrorCode::DocumentUnreadable,
    }
}

fn of_xml(error: &XmlPrepareError) -> ErrorCode {
    match error {
        XmlPrepareError::Prepare(error) => of_cms(error),
        XmlPrepareError::WouldBreakSignature => ErrorCode::DocumentLocked,
        XmlPrepareError::Xml(
            XmlError::TooLong(_) | XmlError::TooManyElements | XmlError::TooComplex { .. },
        ) => ErrorCode::TooLarge,
        _ => ErrorCode::DocumentUnreadable,
    }
}

fn of_asic(error: &AsicError) -> ErrorCode {
    match error {
        AsicError::Xml(error) => of_xml(error),
        AsicError::Cms(error) => of_cms(error),
        AsicError::Zip(ZipError::TooLarge) => ErrorCode::TooLarge,
        _ => ErrorCode::BadRequest,
    }
}

fn of_ooxml(error: &OoxmlError) -> ErrorCode {
    match error {
        OoxmlError::Xml(error) => of_xml(error),
        OoxmlError::Package(PackageError::Zip(ZipError::TooLarge)) => ErrorCode::TooLarge,
        OoxmlError::Package(PackageError::Encrypted) => ErrorCode::DocumentEncrypted,
        _ => ErrorCode::DocumentUnreadable,
    }
}

fn of_cms(error: &PrepareError) -> ErrorCode {
    match error {
        PrepareError::UnsuitableKey(_) | PrepareError::NotForSigning => ErrorCode::CertificateUnsuitable,
        PrepareError::DigestLength { .. } => ErrorCode::BadDigest,
        PrepareError::ContentIsSignedAttributes | PrepareError::EmptyContent => ErrorCode::DocumentUnreadable,
        _ => ErrorCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use trien_protocol::call::Language;
    use trien_signatures::algorithm::PublicKeyKind;

    use super::*;
    use crate::tokens::PinState;

    #[test]
    fn every_code_has_its_texts_in_both_languages() {
        for code in ErrorCode::ALL {
            for key in ["", "-remedy"].map(|end| format!("error-{}{end}", code.name().replace('_', "-"))) {
                for language in [Language::Vi, Language::En] {
                    assert!(language::exists(language, &key), "{key} in {language:?}");
                }
            }
        }
    }

    #[test]
    fn token_errors() {
        let table = [
            (TokenError::Removed, "token_removed"),
            (TokenError::Busy, "token_busy"),
            (TokenError::Hung { seconds: 30 }, "module_hung"),
            (TokenError::Crashed, "module_crashed"),
            (TokenError::Load("x".into()), "module_unusable"),
            (TokenError::Disabled, "module_disabled"),
            (TokenError::Answered { number: 0x31 }, "token_full"),
            (TokenError::Answered { number: 0x8000_0001 }, "token_failed"),
            (TokenError::NoSuchKey, "certificate_unsuitable"),
            (TokenError::Unsupported("x".into()), "unsupported_by_token"),
            (TokenError::LoginNeeded, "token_failed"),
            (TokenError::Failed("x".into()), "token_failed"),
        ];
        for (error, name) in table {
            let object = JobError::from(error).object();
            assert_eq!(object.data.code.name(), name);
            assert_eq!(object.data.detail, None, "causes in tokens stay here");
        }
    }

    #[test]
    fn login_errors_tell_no_count() {
        let table = [
            (LoginError::Incorrect { now: PinState::Ready }, "pin_incorrect"),
            (
                LoginError::Incorrect {
                    now: PinState::FewTries,
                },
                "pin_incorrect",
            ),
            (
                LoginError::Incorrect {
                    now: PinState::LastTry,
                },
                "pin_incorrect",
            ),
            (
                LoginError::Incorrect {
                    now: PinState::Locked,
                },
                "pin_locked",
            ),
            (LoginError::Invalid, "pin_invalid"),
            (
                LoginError::NotTried {
                    now: PinState::LastTry,
                },
                "cancelled",
            ),
            (LoginError::Locked, "pin_locked"),
            (LoginError::Expired, "pin_expired"),
            (LoginError::NoPin, "cancelled"),
            (LoginError::Token(TokenError::Removed), "token_removed"),
        ];
        for (error, name) in table {
            assert_eq!(JobError::from(error).code().name(), name);
        }
    }

    #[test]
    fn document_errors() {
        let table = [
            (PdfError::NotPdf, "document_unreadable"),
            (PdfError::Truncated, "document_unreadable"),
            (PdfError::Malformed(3), "document_unreadable"),
            (PdfError::XrefLoop, "document_unreadable"),
            (PdfError::Encrypted, "document_encrypted"),
            (PdfError::Locked, "document_locked"),
            (PdfError::TooDeep, "document_unreadable"),
            (PdfError::TooMany("objects"), "too_large"),
            (PdfError::TooLarge { limit: 1 }, "too_large"),
            (PdfError::PageOutOfRange { page: 9, pages: 1 }, "bad_request"),
        ];
        for (error, name) in table {
            assert_eq!(JobError::from(error).code().name(), name);
        }
        assert_eq!(
            JobError::from(OoxmlError::from(PackageError::Encrypted)).code(),
            ErrorCode::DocumentEncrypted
        );
        let cms = [
            (
                PrepareError::UnsuitableKey(PublicKeyKind::Other),
                "certificate_unsuitable",
            ),
            (PrepareError::NotForSigning, "certificate_unsuitable"),
            (PrepareError::DigestLength { len: 1 }, "bad_digest"),
            (PrepareError::ContentIsSignedAttributes, "document_unreadable"),
            (PrepareError::EmptyContent, "document_unreadable"),
            (PrepareError::SigningTime, "internal"),
        ];
        for (error, name) in cms {
            assert_eq!(JobError::from(error).code().name(), name);
        }
        assert_eq!(
            JobError::from(FinishError::BadSignature).code(),
            ErrorCode::BadSignatureFromToken
        );
        assert_eq!(
            JobError::from(FinishError::NoRoom {
                needed: 2,
                reserved: 1
            })
            .code(),
            ErrorCode::Internal
        );
    }

    #[test]
    fn asking_errors() {
        let table = [
            (AskError::Refused, "cancelled"),
            (AskError::Busy, "busy"),
            (AskError::Muted, "user_muted"),
            (AskError::Restless, "rate_limited"),
            (AskError::NobodyToAsk("no display".into()), "nobody_to_ask"),
            (AskError::TimedOut, "timed_out"),
            (AskError::Failed("x".into()), "internal"),
            (AskError::Ambiguous(vec!["a".into()]), "certificate_not_found"),
        ];
        for (error, name) in table {
            assert_eq!(JobError::from(error).code().name(), name);
        }
        assert_eq!(JobError::from(AskError::Refused).action(), Action::Refused);
    }
}
