//! What a person reads, in Vietnamese and English, from the message files in `messages`.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, static_loader};
use trien_protocol::call::Language;
use trien_protocol::error::ErrorCode;
use unic_langid::langid;

static_loader! {
    static MESSAGES = {
        locales: "./messages",
        fallback_language: "vi",
        // Texts from outside have lost whatever reorders them, and isolation marks look bad in a terminal.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static_loader! {
    // What a page hears of a failure, and what the shell says before a PIN; a person reads the same words here.
    static DAEMON = {
        locales: "../messages",
        fallback_language: "vi",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const VI: LanguageIdentifier = langid!("vi");
const EN: LanguageIdentifier = langid!("en");

/// The message with its placeholders filled. A key that no file has gives the key; a test sees that there is none.
pub(crate) fn text<const N: usize>(
    language: Language,
    key: &str,
    values: [(&'static str, FluentValue<'static>); N],
) -> String {
    MESSAGES
        .try_lookup_with_args(&identifier(language), key, &named_values(values))
        .unwrap_or_else(|| key.to_owned())
}

const fn identifier(language: Language) -> LanguageIdentifier {
    match language {
        Language::Vi => VI,
        Language::En => EN,
    }
}

fn named_values(
    values: impl IntoIterator<Item = (&'static str, FluentValue<'static>)>,
) -> HashMap<Cow<'static, str>, FluentValue<'static>> {
    let named = values.into_iter();
    named.map(|(name, value)| (Cow::Borrowed(name), value)).collect()
}

/// A message without placeholders.
pub(crate) fn plain(language: Language, key: &str) -> String {
    text(language, key, [])
}

/// The messages of one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phrases(Language);

impl Phrases {
    /// Of that language.
    pub(crate) fn new(language: Language) -> Self {
        Self(language)
    }

    /// The language.
    pub(crate) fn language(self) -> Language {
        self.0
    }

    /// A message without placeholders.
    pub(crate) fn say(self, key: &str) -> String {
        plain(self.0, key)
    }

    /// What happened and what to do, in the words that the page has.
    pub(crate) fn failure(self, code: ErrorCode) -> String {
        let key = format!("error-{}", code.name().replace('_', "-"));
        let remedy = format!("{key}-remedy");
        let found = [key, remedy].map(|key| DAEMON.try_lookup(&identifier(self.0), &key));
        found.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What is said of the certificate before its PIN, from the file that the shell says it from.
    pub(crate) fn before_pin<const N: usize>(
        self,
        key: &str,
        values: [(&'static str, FluentValue<'static>); N],
    ) -> String {
        let values = values.into_iter().chain([("at", "window".into())]);
        DAEMON
            .try_lookup_with_args(&identifier(self.0), key, &named_values(values))
            .unwrap_or_else(|| key.to_owned())
    }

    /// The message with its placeholders filled.
    pub(crate) fn fill<const N: usize>(
        self,
        key: &str,
        values: [(&'static str, FluentValue<'static>); N],
    ) -> String {
        text(self.0, key, values)
    }
}

/// The language of the environment (POSIX, XBD 8.2), for what is said before there is a question: Vietnamese unless
/// it names another language.
pub(crate) fn of_environment() -> Language {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .map_or(Language::Vi, |value| named(&value))
}

fn named(locale: &str) -> Language {
    if locale.starts_with("vi") || locale.starts_with("C") || locale == "POSIX" {
        Language::Vi
    } else {
        Language::En
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SOURCES: [(Language, &str); 2] = [
        (Language::Vi, include_str!("../messages/vi/prompt.ftl")),
        (Language::En, include_str!("../messages/en/prompt.ftl")),
    ];

    fn keys(source: &str) -> BTreeSet<&str> {
        source
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
            .filter_map(|line| line.split_once(" ="))
            .map(|(key, _)| key)
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_messages() {
        let [(_, vi), (_, en)] = SOURCES;
        assert_eq!(keys(vi), keys(en));
    }

    #[test]
    fn no_letter_stands_for_two_controls_of_one_window() {
        let windows = [
            vec!["permissions-days", "approve-allow", "refuse"],
            vec!["certificate-choose", "approve-sign", "refuse"],
            vec!["certificate-choose", "approve-share", "refuse"],
            vec!["certificate-choose", "approve-sign-in", "refuse"],
            // In a batch that was paused.
            vec!["certificate-choose", "approve-sign", "refuse-keep"],
        ];
        for (language, source) in SOURCES {
            let letter = |key: &str| {
                let line = source.lines().find(|line| line.starts_with(&format!("{key} =")));
                let (_, letters) = line.unwrap().split_once('_').unwrap();
                letters.chars().next().unwrap().to_lowercase().to_string()
            };
            for window in &windows {
                let letters: BTreeSet<String> = window.iter().map(|key| letter(key)).collect();
                assert_eq!(letters.len(), window.len(), "{language:?}: {window:?}");
            }
        }
    }

    #[test]
    fn every_key_that_is_used_exists() {
        let sources = [
            include_str!("main.rs"),
            include_str!("window/mod.rs"),
            include_str!("window/layout.rs"),
            include_str!("window/permissions.rs"),
            include_str!("window/asker.rs"),
            include_str!("window/documents.rs"),
            include_str!("window/certificate.rs"),
            include_str!("window/pin_field.rs"),
            include_str!("window/signature.rs"),
            include_str!("window/actions.rs"),
        ];
        let known = keys(SOURCES[0].1);
        let literals = || {
            sources
                .iter()
                .flat_map(|source| source.split('"').skip(1).step_by(2))
        };
        let used: BTreeSet<_> = literals().filter(|literal| known.contains(literal)).collect();
        assert_eq!(used, known, "messages that nothing uses");
        let before_pin = keys(include_str!("../../messages/vi/before-pin.ftl"));
        let used: BTreeSet<_> = literals()
            .filter(|literal| literal.starts_with("before-pin-"))
            .collect();
        assert_eq!(used, before_pin);
        for call in ["say(\"", "fill(\"", "(language, \""] {
            for rest in sources.iter().flat_map(|source| source.split(call).skip(1)) {
                let key = rest.split('"').next().unwrap_or_default();
                assert!(known.contains(key), "no message {key}");
            }
        }
    }

    #[test]
    fn every_failure_is_told_with_what_to_do() {
        for language in [Language::Vi, Language::En] {
            for code in ErrorCode::ALL {
                let told = Phrases::new(language).failure(*code);
                assert!(told.matches('.').count() >= 2, "{code:?}: {told}");
            }
        }
        let told = Phrases::new(Language::En).failure(ErrorCode::TokenRemoved);
        assert!(told.contains("unplugged") || told.contains("pulled"), "{told}");
    }

    #[test]
    fn numbers_are_filled_in() {
        let two = || [("count", 2.into())];
        assert_eq!(text(Language::En, "documents", two()), "Documents (2)");
        assert_eq!(text(Language::Vi, "documents", two()), "Tài liệu (2)");
    }

    #[test]
    fn what_is_said_before_the_pin_is_a_sentence_of_the_window() {
        let told = |language, key, days: u32| {
            let words = [("day", "22/11/2026".into()), ("days", days.into())];
            Phrases::new(language).before_pin(key, words)
        };
        for (key, days, vi, en) in [
            (
                "before-pin-status-since",
                1,
                "Không bị thu hồi, theo dữ liệu ngày 22/11/2026 (hôm qua)",
                "Not revoked, as known on 22/11/2026 (yesterday)",
            ),
            (
                "before-pin-expires-in",
                9,
                "Chứng thư còn 9 ngày là hết hạn.",
                "The certificate expires in 9 days.",
            ),
            (
                "before-pin-status-unknown",
                0,
                "Chưa kiểm tra được chứng thư có bị thu hồi hay không.",
                "Whether the certificate was revoked could not be checked.",
            ),
        ] {
            assert_eq!(told(Language::Vi, key, days), vi);
            assert_eq!(told(Language::En, key, days), en);
        }
    }

    #[test]
    fn languages_by_locale() {
        assert_eq!(named("vi_VN.UTF-8"), Language::Vi);
        assert_eq!(named("C.UTF-8"), Language::Vi);
        assert_eq!(named("en_US.UTF-8"), Language::En);
    }
}
