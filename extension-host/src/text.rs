//! Messages for people, in `locales/{vi,en}`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{Loader, static_loader};
use trien_protocol::call::Language;
use trien_protocol::error::Bilingual;
use unic_langid::{LanguageIdentifier, langid};

static_loader! {
    static MESSAGES = {
        locales: "./locales",
        fallback_language: "en",
        // Paths and reasons are shown to a terminal, which has no use for isolating marks.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const VI: LanguageIdentifier = langid!("vi");
const EN: LanguageIdentifier = langid!("en");

/// The language of the environment (POSIX `LC_ALL`, `LC_MESSAGES`, `LANG`), as the command line chooses it: Vietnamese
/// unless it is English.
pub(crate) fn language() -> Language {
    let chosen = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    if chosen.is_some_and(|locale| locale.starts_with("en")) {
        Language::En
    } else {
        Language::Vi
    }
}

/// One message with its arguments.
pub(crate) fn text(language: Language, id: &str, arguments: &[(&'static str, String)]) -> String {
    let identifier = match language {
        Language::Vi => VI,
        Language::En => EN,
    };
    let arguments: HashMap<Cow<'static, str>, FluentValue<'_>> = arguments
        .iter()
        .map(|(name, value)| (Cow::from(*name), FluentValue::from(value.as_str())))
        .collect();
    MESSAGES.lookup_with_args(&identifier, id, &arguments)
}

/// What the system says of a file or folder, in the person's language: a word where we have one, else its number.
pub(crate) fn system_said(language: Language, error: &io::Error) -> String {
    let id = match error.kind() {
        io::ErrorKind::NotFound => "io-not-found",
        io::ErrorKind::PermissionDenied => "io-permission-denied",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "io-not-a-folder",
        io::ErrorKind::IsADirectory => "io-is-a-folder",
        io::ErrorKind::ReadOnlyFilesystem => "io-read-only",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "io-storage-full",
        io::ErrorKind::InvalidInput => "io-no-utf8",
        _ => {
            let number = error.raw_os_error().unwrap_or_default().to_string();
            return text(language, "io-number", &[("number", number)]);
        }
    };
    text(language, id, &[])
}

/// One message in both languages.
pub(crate) fn bilingual(id: &str) -> Bilingual {
    Bilingual {
        vi: text(Language::Vi, id, &[]),
        en: text(Language::En, id, &[]),
    }
}
