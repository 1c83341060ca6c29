//! What a specification file may say. Every value is checked while it is read, so that whatever is wrong with one is
//! told with its line.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use x509_cert::name::Name;
use zeroize::Zeroizing;

use crate::cli::{CliError, Shell};
use crate::language::{arguments, in_secret_toml, line_of};
use crate::tokens::{KeyAlgorithm, TokenProfile, distinguished_name};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 256 * 1024;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    /// At least one.
    pub(super) token: Vec<TokenSpec>,
    /// Of a simulation (`trien daemon --simulate`): what goes wrong. Not looked at here.
    #[serde(default, rename = "rule")]
    _rule: Vec<toml::Table>,
}

/// A token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenSpec {
    pub(super) label: Label<32>,
    pub(super) profile: Option<ProfileName>,
    pub(super) pin: Option<Secret>,
    pub(super) pin_file: Option<PathBuf>,
    pub(super) pin_env: Option<String>,
    pub(super) so_pin: Option<Secret>,
    pub(super) so_pin_file: Option<PathBuf>,
    pub(super) so_pin_env: Option<String>,
    #[serde(default)]
    pub(super) key: Vec<KeySpec>,
}

/// A key, generated or out of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySpec {
    pub(super) label: Label<64>,
    pub(super) id: Option<Identifier>,
    /// Generates it.
    pub(super) algorithm: Option<Algorithm>,
    /// Certifies it.
    pub(super) certificate: Option<CertificateSpec>,
    /// Imports it.
    pub(super) file: Option<PathBuf>,
    #[serde(default)]
    pub(super) certificate_files: Vec<PathBuf>,
    pub(super) password: Option<Secret>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) password_env: Option<String>,
}

/// The certificate of a generated key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateSpec {
    pub(super) subject: Subject,
    /// The label of a key of this file that stands before this one; without it, the key certifies itself.
    pub(super) issuer: Option<String>,
    #[serde(default = "a_year")]
    pub(super) days: Days,
    /// Whether it may certify others.
    #[serde(default)]
    pub(super) ca: bool,
    /// Whether its owner may sign in with it, too.
    #[serde(default)]
    pub(super) sign_in: bool,
    /// Also written here, as PEM.
    pub(super) out: Option<PathBuf>,
}

const fn a_year() -> Days {
    Days(365)
}

/// What is wrong with a value: the key of its message and the value, as one text, because that is all that passes
/// through a deserialiser. [`reason`] takes it apart again.
fn fault(key: &str, value: impl fmt::Display) -> String {
    format!("{key}{SEPARATOR}{value}")
}

/// Stands in no key, and no value here is kept for its sake.
const SEPARATOR: char = '\u{1f}';

/// In the person's language, if it is a [`fault`].
fn reason(fault: &str, shell: &Shell) -> Option<String> {
    let (key, value) = fault.trim().split_once(SEPARATOR)?;
    Some(shell.text(key, &arguments([("value", value.to_owned())])))
}

/// A label of at most so many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label<const LIMIT: usize>(pub(super) String);

impl<'de, const LIMIT: usize> Deserialize<'de> for Label<LIMIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match super::super::check_label(&text, LIMIT) {
            Ok(()) => Ok(Self(text)),
            Err(_) => Err(D::Error::custom(fault("token-spec-label", LIMIT))),
        }
    }
}

/// A value that has a form of its own as text.
macro_rules! read_from_text {
    ($name:ident($inner:ty), $fault:literal, $read:expr) => {
        #[derive(Debug, Clone)]
        pub(super) struct $name(pub(super) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let read: fn(&str) -> Option<$inner> = $read;
                read(&text)
                    .map(Self)
                    .ok_or_else(|| D::Error::custom(fault($fault, &text)))
            }
        }
    };
}

read_from_text!(Algorithm(KeyAlgorithm), "token-spec-algorithm", |text| text
    .parse()
    .ok());
read_from_text!(
    ProfileName(TokenProfile),
    "token-spec-profile",
    TokenProfile::named
);
read_from_text!(Subject(Name), "token-spec-subject", |text| {
    distinguished_name::parse(text).ok()
});
read_from_text!(Identifier(Vec<u8>), "token-spec-id", |text| hex::decode(text)
    .ok()
    .filter(|id| (1..=64).contains(&id.len())));

/// How many days a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days(pub(super) u32);

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            days @ 1..=36_500 => Ok(Self(u32::try_from(days).map_err(D::Error::custom)?)),
            other => Err(D::Error::custom(fault("token-spec-days", other))),
        }
    }
}

/// A PIN or password. Wiped when it is dropped, and never shown.
#[derive(Clone)]
pub(super) struct Secret(pub(super) Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// Where something is wrong: on which token, at which of its keys.
type Place<'a> = (&'a str, Option<&'a str>);

impl Spec {
    /// Reads a file, and sees that its parts fit together.
    pub(super) fn read(path: &Path, shell: &Shell) -> Result<Self, CliError> {
        let mut text = Zeroizing::new(String::new());
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
            .map_err(|error| CliError::file("cli-unreadable", path, &error))?;
        let bad = |place: String, reason: String| {
            let facts = [
                ("file", path.display().to_string()),
                ("place", place),
                ("reason", reason),
            ];
            CliError::misuse("token-spec-bad", arguments(facts))
        };
        let spec: Self = toml::from_str(&text).map_err(|error| {
            let line = line_of(&text, &error).unwrap_or(1).to_string();
            let place = shell.text("token-spec-at-line", &arguments([("line", line)]));
            let reason = reason(error.message(), shell);
            bad(
                place,
                reason.unwrap_or_else(|| in_secret_toml(&text, &error, shell.language)),
            )
        })?;
        spec.check().map_err(|((token, key), fault)| {
            let facts = arguments([
                ("token", token.to_owned()),
                ("key", key.unwrap_or_default().to_owned()),
            ]);
            let place = if key.is_some() {
                "token-spec-at-key"
            } else {
                "token-spec-at-token"
            };
            bad(
                shell.text(place, &facts),
                reason(&fault, shell).unwrap_or_default(),
            )
        })?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), (Place<'_>, String)> {
        let mut tokens: Vec<&str> = Vec::new();
        let mut certified: Vec<&str> = Vec::new();
        for token in &self.token {
            let label = token.label.0.as_str();
            if tokens.contains(&label) {
                return Err(((label, None), fault("token-spec-twice", label)));
            }
            tokens.push(label);
            let mut keys: Vec<&str> = Vec::new();
            for key in &token.key {
                let place = (label, Some(key.label.0.as_str()));
                if keys.contains(&key.label.0.as_str()) {
                    return Err((place, fault("token-spec-twice", &key.label.0)));
                }
                keys.push(&key.label.0);
                key.check(&certified).map_err(|fault| (place, fault))?;
                if key.certificate.is_some() {
                    certified.push(&key.label.0);
                }
            }
        }
        Ok(())
    }
}

impl KeySpec {
    fn check(&self, certified: &[&str]) -> Result<(), String> {
        let wrong = match (&self.algorithm, &self.file) {
            (Some(_), Some(_)) => Some("token-spec-algorithm-and-file"),
            (None, None) => Some("token-spec-neither"),
            (None, Some(_)) if self.certificate.is_some() => Some("token-spec-certificate-of-file"),
            // Whoever certifies others signs nothing else with that key.
            _ if self.certificate.as_ref().is_some_and(|one| one.ca && one.sign_in) => {
                Some("token-spec-ca-and-sign-in")
            }
            _ => None,
        };
        if let Some(key) = wrong {
            return Err(fault(key, ""));
        }
        let certificate = self.certificate.as_ref();
        let Some(issuer) = certificate.and_then(|certificate| certificate.issuer.as_deref()) else {
            return Ok(());
        };
        match certified.iter().filter(|key| **key == issuer).count() {
            1 => Ok(()),
            0 => Err(fault("token-spec-issuer-unknown", issuer)),
            _ => Err(fault("token-spec-issuer-ambiguous", issuer)),
        }
    }
}
