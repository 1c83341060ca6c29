//! What a specification file may say. Every value is checked while it is read, so that whatever is wrong with one is
//! told with its line.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use x509_cert::name::Name;
use zeroize::Zeroizing;

use crate::cli::CliError;
use crate::language::arguments;
use crate::tokens::{KeyAlgorithm, TokenProfile, distinguished_name};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 256 * 1024;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    /// At least one.
    pub(super) token: Vec<TokenSpec>,
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
    /// Also written here, as PEM.
    pub(super) out: Option<PathBuf>,
}

const fn a_year() -> Days {
    Days(365)
}

/// A label of at most so many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label<const LIMIT: usize>(pub(super) String);

impl<'de, const LIMIT: usize> Deserialize<'de> for Label<LIMIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match super::super::check_label(&text, LIMIT) {
            Ok(()) => Ok(Self(text)),
            Err(_) => Err(D::Error::custom(format!(
                "a label is 1 to {LIMIT} bytes without control characters"
            ))),
        }
    }
}

/// A value that has a form of its own as text.
macro_rules! read_from_text {
    ($name:ident($inner:ty), $read:expr) => {
        #[derive(Debug, Clone)]
        pub(super) struct $name(pub(super) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let read: fn(&str) -> Result<$inner, String> = $read;
                read(&text).map(Self).map_err(D::Error::custom)
            }
        }
    };
}

read_from_text!(Algorithm(KeyAlgorithm), |text| text.parse().map_err(|_| format!(
    "no such algorithm: {text}; one of {}",
    names(KeyAlgorithm::ALL.map(KeyAlgorithm::name))
)));

read_from_text!(ProfileName(TokenProfile), |text| TokenProfile::named(text)
    .ok_or_else(|| format!(
        "no such profile: {text}; one of {}",
        names(TokenProfile::ALL.map(TokenProfile::name))
    )));

read_from_text!(Subject(Name), |text| distinguished_name::parse(text)
    .map_err(|error| format!("no subject of the form C=VN,CN=…: {error}")));

read_from_text!(Identifier(Vec<u8>), |text| match hex::decode(text) {
    Ok(id) if (1..=64).contains(&id.len()) => Ok(id),
    _ => Err("an id is 1 to 64 bytes in hexadecimal".to_owned()),
});

fn names<const N: usize>(names: [&str; N]) -> String {
    names.join(", ")
}

/// How many days a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days(pub(super) u32);

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            days @ 1..=36_500 => Ok(Self(days)),
            _ => Err(D::Error::custom("days are 1 to 36500")),
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

impl Spec {
    /// Reads a file, and sees that its parts fit together.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        use std::io::Read;
        let mut text = Zeroizing::new(String::new());
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
            .map_err(|error| CliError::file("cli-unreadable", path, &error))?;
        let spec: Self = toml::from_str(&text).map_err(|error| {
            let before = error
                .span()
                .map_or("", |span| text.get(..span.start).unwrap_or(""));
            let line = 1 + before.matches('\n').count();
            bad(path, &format!("{line}"), error.message())
        })?;
        spec.check()
            .map_err(|(place, reason)| bad(path, &place, &reason))?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), (String, String)> {
        if self.token.is_empty() {
            return Err(("token".to_owned(), "there is no [[token]]".to_owned()));
        }
        let mut tokens: Vec<&str> = Vec::new();
        let mut certified: Vec<&str> = Vec::new();
        for token in &self.token {
            let at_token = format!("token \"{}\"", token.label.0);
            if tokens.contains(&token.label.0.as_str()) {
                return Err((at_token, "two tokens have this label".to_owned()));
            }
            tokens.push(&token.label.0);
            let mut keys: Vec<&str> = Vec::new();
            for key in &token.key {
                let at = format!("{at_token}, key \"{}\"", key.label.0);
                if keys.contains(&key.label.0.as_str()) {
                    return Err((at, "two keys have this label".to_owned()));
                }
                keys.push(&key.label.0);
                key.check(&certified).map_err(|reason| (at, reason))?;
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
        match (&self.algorithm, &self.file) {
            (Some(_), Some(_)) => return Err("\"algorithm\" and \"file\" cannot stand together".to_owned()),
            (None, None) => return Err("\"algorithm\" or \"file\" is missing".to_owned()),
            (None, Some(_)) if self.certificate.is_some() => {
                return Err(
                    "\"certificate\" is for keys that are generated; use \"certificate_files\"".to_owned(),
                );
            }
            _ => {}
        }
        let issuer = self
            .certificate
            .as_ref()
            .and_then(|certificate| certificate.issuer.as_deref());
        match issuer.map(|issuer| certified.iter().filter(|key| **key == issuer).count()) {
            None | Some(1) => Ok(()),
            Some(0) => Err("\"issuer\" names no key with a certificate before this one".to_owned()),
            Some(_) => Err("\"issuer\" names several keys".to_owned()),
        }
    }
}

fn bad(path: &Path, place: &str, reason: &str) -> CliError {
    let facts = [
        ("file", path.display().to_string()),
        ("place", place.to_owned()),
        ("reason", reason.trim().replace('\n', " ")),
    ];
    CliError::misuse("token-spec-bad", arguments(facts))
}
