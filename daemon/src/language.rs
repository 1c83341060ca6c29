//! What a person reads, in Vietnamese and English, from the message files in `daemon/messages`.

mod others;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, static_loader};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::offset;
use trien_protocol::call::Language;
use trien_protocol::error::Bilingual;
use unic_langid::langid;

pub use others::{in_secret_toml, in_toml, is_no_text, line_of, system_said};

static_loader! {
    static MESSAGES = {
        locales: "./messages",
        fallback_language: "vi",
        // Isolation marks are for laid-out text; a terminal and a log print them as rubbish.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const VI: LanguageIdentifier = langid!("vi");
const EN: LanguageIdentifier = langid!("en");

/// Values for the placeholders of a message.
pub type Arguments = HashMap<Cow<'static, str>, FluentValue<'static>>;

/// The arguments of a message from pairs of name and value.
#[must_use]
pub fn arguments<const N: usize>(pairs: [(&'static str, String); N]) -> Arguments {
    pairs
        .into_iter()
        .map(|(name, value)| (Cow::Borrowed(name), FluentValue::from(value)))
        .collect()
}

/// The message in one language. A key that no file has gives the key itself: a test sees to it that there is none.
#[must_use]
pub fn text(language: Language, key: &str, arguments: &Arguments) -> String {
    let identifier = match language {
        Language::Vi => VI,
        Language::En => EN,
    };
    MESSAGES
        .try_lookup_with_args(&identifier, key, arguments)
        .unwrap_or_else(|| key.to_owned())
}

/// The message in one language, without placeholders.
#[must_use]
pub fn plain(language: Language, key: &str) -> String {
    text(language, key, &Arguments::new())
}

/// The message in both languages, without placeholders.
#[must_use]
pub fn bilingual(key: &str) -> Bilingual {
    Bilingual {
        vi: plain(Language::Vi, key),
        en: plain(Language::En, key),
    }
}

/// Something that is told later, in the language of whoever reads it: in English where a log or a programmer does.
#[derive(Debug, Clone)]
pub struct Remark {
    key: &'static str,
    facts: Arguments,
}

impl Remark {
    /// A message and the values of its placeholders.
    #[must_use]
    pub fn new<const N: usize>(key: &'static str, facts: [(&'static str, String); N]) -> Self {
        Self {
            key,
            facts: arguments(facts),
        }
    }

    /// In this language.
    #[must_use]
    pub fn said(&self, language: Language) -> String {
        text(language, self.key, &self.facts)
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.said(Language::En))
    }
}

/// True if the key has a message of its own in that language.
#[must_use]
pub fn exists(language: Language, key: &str) -> bool {
    let identifier = match language {
        Language::Vi => VI,
        Language::En => EN,
    };
    MESSAGES
        .lookup_no_default_fallback::<&str>(&identifier, key, None)
        .is_some()
}

/// A time as people in Vietnam read it, to the second: ISO 8601 (RFC 3339) with the offset +07:00. Vietnam is seven
/// hours ahead of UTC all year; whatever zone this computer is in, an office reads its own time.
#[must_use]
pub fn time_in_vietnam(time: OffsetDateTime) -> String {
    let time = in_vietnam(time);
    time.replace_nanosecond(0)
        .unwrap_or(time)
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// The same moment with Vietnam's offset; as it is if that lies past the year 9999, where RFC 3339 ends. Certificates
/// without a good end name the last second of that year (RFC 5280, 4.1.2.5).
#[must_use]
pub fn in_vietnam(time: OffsetDateTime) -> OffsetDateTime {
    time.checked_to_offset(offset!(+7)).unwrap_or(time)
}

/// The language of the person's environment (POSIX: `LC_ALL`, `LC_MESSAGES`, `LANG`): English where that is what it
/// names, else Vietnamese.
#[must_use]
pub fn of_environment() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_default();
    if locale.starts_with("en") {
        Language::En
    } else {
        Language::Vi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key of a language's files, by reading them as Fluent's grammar has it: an identifier and an equals sign at
    /// the beginning of a line.
    fn keys(language: &str) -> std::collections::BTreeSet<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("messages")
            .join(language);
        let mut keys = std::collections::BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in text
                .lines()
                .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            {
                let (key, _) = line.split_once('=').unwrap();
                assert!(
                    keys.insert(key.trim().to_owned()),
                    "{key} stands twice in {language}"
                );
            }
        }
        keys
    }

    #[test]
    fn both_languages_have_the_same_messages() {
        assert_eq!(keys("vi"), keys("en"));
        assert!(keys("vi").len() > 20);
    }

    /// The string literals of the program's sources, without those of its unit tests, each with what stands before it.
    fn literals() -> Vec<(String, String)> {
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let source = std::fs::read_to_string(path).unwrap();
                    let program = source.split("#[cfg(test)]").next().unwrap_or_default();
                    for line in program
                        .lines()
                        .filter(|line| !line.trim_start().starts_with("//"))
                    {
                        let parts: Vec<_> = line.split('"').collect();
                        for pair in parts.chunks_exact(2) {
                            found.push((pair[0].to_owned(), pair[1].to_owned()));
                        }
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_key_that_is_used_exists() {
        let known = keys("vi");
        let families: std::collections::BTreeSet<_> =
            known.iter().filter_map(|key| key.split('-').next()).collect();
        // Names that are no keys: an argument's, a thread's.
        let others = ["pin-file", "pin-fd", "daemon-watch", "token-removed"];
        let mut used = 0;
        for (before, literal) in literals() {
            let kebab = literal.contains('-')
                && !literal.ends_with('-')
                && literal
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            let family = literal.split('-').next().unwrap_or_default();
            if kebab && families.contains(family) && !others.contains(&literal.as_str()) {
                assert!(known.contains(&literal), "no message {literal}");
                used += 1;
            }
            let raised = [
                "misuse(",
                "refused(",
                "failed(",
                "CliError::io(",
                "CliError::file(",
            ];
            if kebab && raised.iter().any(|call| before.trim_end().ends_with(call)) {
                assert!(
                    known.contains(&format!("{literal}-remedy")),
                    "no remedy for {literal}"
                );
            }
        }
        assert!(used > 100, "{used}");
    }

    #[test]
    fn the_last_second_of_the_last_year_is_a_time() {
        let last = OffsetDateTime::parse("9999-12-31T23:59:59Z", &Rfc3339).unwrap();
        assert_eq!(in_vietnam(last), last);
        assert_eq!(time_in_vietnam(last), "9999-12-31T23:59:59Z");
        let usual = OffsetDateTime::parse("2026-11-21T20:00:00Z", &Rfc3339).unwrap();
        assert_eq!(time_in_vietnam(usual), "2026-11-22T03:00:00+07:00");
    }

    #[test]
    fn placeholders_are_filled_without_marks() {
        let arguments = arguments([("file", "a.pdf".to_owned())]);
        assert_eq!(
            text(Language::En, "sign-done", &arguments)
                .matches('\u{2068}')
                .count(),
            0
        );
        assert!(text(Language::Vi, "sign-done", &arguments).contains("a.pdf"));
    }
}
