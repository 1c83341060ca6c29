//! What a job tells a page, in words for somebody who typed a command: no page is to blame for it, and whoever checks a
//! signature must not be told to make the document anew.

use std::path::Path;

use time::OffsetDateTime;
use trien_protocol::call::{Language, SignatureFormat};
use trien_protocol::error::{Bilingual, ErrorCode, ErrorData, ErrorObject};
use trien_protocol::limits::MAX_TEXT;
use trien_signatures::cades::FurtherError;
use trien_signatures::certificate::Certificate;
use trien_signatures::xmldsig::Template;

use super::report::printable;
use crate::jobs::JobError;
use crate::jobs::error::{PLACE, Refused};
use crate::language::{Arguments, arguments, bilingual, text, time_in_vietnam};
use crate::tokens::{TokenError, truth};

/// Bytes of a mebibyte.
const MEBIBYTE: u64 = 1 << 20;

/// A limit in bytes as people say it.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= MEBIBYTE && bytes.is_multiple_of(MEBIBYTE) => format!("{} MiB", bytes / MEBIBYTE),
        bytes if bytes >= 1024 && bytes.is_multiple_of(1024) => format!("{} KiB", bytes / 1024),
        bytes => format!("{bytes} byte"),
    }
}

/// What a driver or a card did not do, with what else is known of it: who has the card, what the token answered.
pub(super) fn failure(error: &TokenError, language: Language) -> String {
    let said = |key, name, value: &str| text(language, key, &arguments([(name, value.to_owned())]));
    let more = match error {
        TokenError::Held { programs } if !programs.is_empty() => {
            Some(said("failure-held-by", "programs", &programs.join(", ")))
        }
        TokenError::Hung { seconds } if *seconds > 0 => {
            Some(said("failure-waited", "seconds", &seconds.to_string()))
        }
        TokenError::Answered { number } => Some(truth::cryptoki_name(*number)),
        TokenError::Service { number } => Some(truth::smart_card_name(*number)),
        TokenError::Load(words) | TokenError::Unsupported(words) | TokenError::Failed(words) => {
            Some(said("failure-in-its-words", "words", words))
        }
        _ => None,
    };
    let object = JobError::from(error.clone()).object();
    let told = object.data.message.text(language);
    match more {
        Some(more) => format!("{told} ({more})"),
        None => told.to_owned(),
    }
}

/// Of every verb: what somebody at the shell can do himself.
pub(super) fn at_the_shell(mut object: ErrorObject) -> ErrorObject {
    if object.data.code == ErrorCode::PinLocked {
        object.data.remedy = bilingual("pin-locked-unblock-remedy");
    }
    object
}

/// Of `trien sign`. The code stays the one that a page would have got. A fault that has words of its own keeps them, and
/// needs no detail for developers beside them.
pub(super) fn when_signing(mut object: ErrorObject, format: SignatureFormat) -> ErrorObject {
    let has_own_words = object.data.message != crate::jobs::error::text(object.data.code).message;
    let detail = object.data.detail.take_if(|_| has_own_words).unwrap_or_default();
    let about = object.data.detail.as_deref().unwrap_or(&detail);
    let (message, remedy) = match object.data.code {
        ErrorCode::BadRequest => {
            if about.starts_with(PLACE) {
                ("sign-bad-place", "sign-bad-place-remedy")
            } else if about.starts_with("template") {
                ("sign-bad-arguments", "sign-bad-template-remedy")
            } else if about.starts_with("appearance") {
                ("sign-bad-arguments", "sign-bad-appearance-remedy")
            } else if about == FurtherError::ContentMissing.to_string() {
                ("sign-bad-arguments", "sign-content-missing-remedy")
            } else if about == FurtherError::OtherContent.to_string() {
                ("sign-bad-arguments", "sign-other-content-remedy")
            } else {
                ("sign-bad-arguments", "sign-bad-arguments-remedy")
            }
        }
        ErrorCode::TooLarge if about.starts_with("reason: ") || about.starts_with("location: ") => {
            object.data.detail = None;
            ("sign-text-too-long", "sign-text-too-long-remedy")
        }
        // What has words of its own can be read, and has a remedy of its own.
        ErrorCode::DocumentUnreadable if has_own_words => return object,
        ErrorCode::DocumentUnreadable => match format {
            SignatureFormat::Pades => ("sign-no-pdf", "sign-no-pdf-remedy"),
            SignatureFormat::XadesEnveloped
            | SignatureFormat::XadesEnveloping
            | SignatureFormat::XadesDetached
            | SignatureFormat::Xmldsig => ("sign-no-xml", "sign-no-xml-remedy"),
            SignatureFormat::Ooxml => ("sign-no-office", "sign-no-office-remedy"),
            SignatureFormat::CadesParallel | SignatureFormat::CadesCounter => {
                ("sign-no-cms", "sign-no-cms-remedy")
            }
            _ => return object,
        },
        _ => return object,
    };
    let templates: Vec<_> = Template::names().collect();
    let facts = arguments([
        ("templates", templates.join(", ")),
        ("limit", MAX_TEXT.to_string()),
    ]);
    if !has_own_words {
        object.data.message = both(message, &facts);
        object.message.clone_from(&object.data.message.en);
    }
    object.data.remedy = both(remedy, &facts);
    object
}

/// Of `trien sign`, where one document keeps the others back: which.
pub(super) fn of_document(object: ErrorObject, file: &str) -> ErrorObject {
    let said = |language| {
        let message = object.data.message.text(language);
        let facts = [
            ("file", file.to_owned()),
            ("reason", message.trim_end_matches('.').to_owned()),
        ];
        text(language, "sign-none-for", &arguments(facts))
    };
    let message = in_each(said);
    with_message(object, message)
}

/// Of `trien sign`, where no document is signed for what became of its earlier signatures: of which.
pub(super) fn altered(object: ErrorObject, files: &[String]) -> ErrorObject {
    let files = arguments([("files", files.join("; "))]);
    with_message(object, both("sign-altered", &files))
}

/// Of `trien sign`, where no document may be signed by the rules of this computer: which, and why.
pub(super) fn forbidden(object: ErrorObject, files: &[String], refused: &Refused) -> ErrorObject {
    let said = |language| {
        let facts = [("files", files.join("; ")), ("reasons", refused.said(language))];
        text(language, "sign-forbidden", &arguments(facts))
    };
    with_message(object, in_each(said))
}

fn in_each(said: impl Fn(Language) -> String) -> Bilingual {
    Bilingual {
        vi: said(Language::Vi),
        en: said(Language::En),
    }
}

fn with_message(mut object: ErrorObject, message: Bilingual) -> ErrorObject {
    object.message.clone_from(&message.en);
    object.data.message = message;
    object
}

/// Of `trien sign`, where several certificates fit.
pub(super) fn ambiguous(mut object: ErrorObject, choices: &[String]) -> ErrorObject {
    let facts = arguments([("choices", listed(choices))]);
    object.data.message = both("sign-several-match", &facts);
    object.data.remedy = both("sign-several-match-remedy", &facts);
    object.message.clone_from(&object.data.message.en);
    object
}

/// Of `trien sign`, where those that would fit are not valid now: which these are, and since or from when.
pub(super) fn not_valid_now(mut object: ErrorObject, certificates: &[Certificate]) -> ErrorObject {
    let now = OffsetDateTime::now_utc();
    let lines = |language| -> String {
        let line = |certificate: &Certificate| {
            let subject = certificate.subject();
            let (key, time) = match certificate.not_after() < now {
                true => ("sign-expired-choice", certificate.not_after()),
                false => ("sign-not-yet-choice", certificate.not_before()),
            };
            let facts = [
                ("name", printable(&subject.common_name.unwrap_or(subject.rfc4514))),
                ("serial", certificate.serial_hex()),
                ("time", time_in_vietnam(time)),
            ];
            format!("\n  {}", text(language, key, &arguments(facts)))
        };
        certificates.iter().map(line).collect()
    };
    let said = |language| {
        let facts = arguments([("choices", lines(language))]);
        text(language, "sign-not-valid-now", &facts)
    };
    object.data.message = Bilingual {
        vi: said(Language::Vi),
        en: said(Language::En),
    };
    object.message.clone_from(&object.data.message.en);
    object
}

/// Of a file that is to hold a PIN.
pub(super) fn empty_pin(mut object: ErrorObject) -> ErrorObject {
    object.data.message = bilingual("pin-file-empty");
    object.data.remedy = bilingual("pin-file-empty-remedy");
    object.message.clone_from(&object.data.message.en);
    object
}

/// Of a PIN that is changed, with the shortest and the longest that the token takes, in bytes, if it says so.
pub(super) fn new_pin_invalid(mut object: ErrorObject, bounds: Option<(u32, u32)>) -> ErrorObject {
    let (min, max) = bounds.unwrap_or_default();
    let facts = arguments([("min", min.to_string()), ("max", max.to_string())]);
    let remedy = match bounds {
        Some(_) => "pin-new-invalid-bounds-remedy",
        None => "pin-new-invalid-remedy",
    };
    object.data.message = bilingual("pin-new-invalid");
    object.data.remedy = both(remedy, &facts);
    object.message.clone_from(&object.data.message.en);
    object
}

/// Of `trien verify`, about a file in which nothing can be checked.
pub(super) fn when_verifying(code: ErrorCode) -> ErrorData {
    let data = crate::jobs::error::text(code);
    let key = match code {
        ErrorCode::DocumentUnreadable => "verify-no-signed-file",
        ErrorCode::DocumentEncrypted => "verify-encrypted",
        ErrorCode::TooLarge => "verify-too-complex",
        _ => return data,
    };
    ErrorData {
        message: bilingual(key),
        remedy: bilingual(&format!("{key}-remedy")),
        ..data
    }
}

/// Of `trien verify`, about a file that cannot be had.
pub(super) fn not_had(file: &Path, error: &std::io::Error) -> ErrorData {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorCode::DocumentMissing,
        std::io::ErrorKind::FileTooLarge => ErrorCode::TooLarge,
        _ => ErrorCode::DocumentUnreadable,
    };
    let facts = |language| {
        let reason = crate::language::system_said(error, language);
        arguments([
            ("file", file.display().to_string()),
            ("reason", reason),
            ("limit", size(trien_protocol::limits::MAX_DOCUMENT)),
        ])
    };
    let key = match code {
        ErrorCode::TooLarge => "cli-too-large",
        _ => "cli-unreadable",
    };
    let said = |key: &str| Bilingual {
        vi: text(Language::Vi, key, &facts(Language::Vi)),
        en: text(Language::En, key, &facts(Language::En)),
    };
    ErrorData {
        message: said(key),
        remedy: said(&format!("{key}-remedy")),
        ..crate::jobs::error::text(code)
    }
}

/// Each on a line of its own below the message.
pub(super) fn listed(choices: &[String]) -> String {
    choices.iter().map(|choice| format!("\n  {choice}")).collect()
}

/// The message in both languages.
pub(super) fn both(key: &str, facts: &Arguments) -> Bilingual {
    Bilingual {
        vi: text(Language::Vi, key, facts),
        en: text(Language::En, key, facts),
    }
}
