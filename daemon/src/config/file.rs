//! Reading the two files: whose they are, how large, and where in them the trouble is.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use trien_protocol::call::Language;
use trien_protocol::error::Bilingual;

use super::raw::{RawConfig, RawPolicy};
use crate::language::{Remark, arguments, in_toml, line_of, plain, system_said, text};
use crate::policy::ownership::{NotOurs, open_ours, open_owned};

/// The largest configuration that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// A configuration that cannot be used. Displays in English, for the log.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.said(Language::En))]
pub struct ConfigError {
    /// Which file.
    pub file: PathBuf,
    /// Counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

impl ConfigError {
    /// Where it is and what is wrong, for people.
    #[must_use]
    pub fn said(&self, language: Language) -> String {
        let file = self.file.display().to_string();
        let fault = self.fault.said(language);
        match self.line {
            Some(line) => {
                let facts = [("file", file), ("line", line.to_string()), ("fault", fault)];
                text(language, "config-fault-in-line", &arguments(facts))
            }
            None => text(
                language,
                "config-fault",
                &arguments([("file", file), ("fault", fault)]),
            ),
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be read.
    Io(io::Error),
    /// Others could have written it.
    Rights,
    /// The administrator's, and others than root could have written it.
    NotRoots,
    /// Over 1 MiB.
    TooLarge,
    /// Not UTF-8.
    Utf8,
    /// No TOML, an unknown key, a wrong type: the reader's word.
    Toml(String),
    /// What another process has read, and told.
    Told(Bilingual),
    /// A value that makes no sense.
    Value(Remark),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Fault {
    fn said(&self, language: Language) -> String {
        match self {
            Self::Io(error) => system_said(error, language),
            Self::Rights => plain(language, "config-rights"),
            Self::NotRoots => plain(language, "config-not-roots"),
            Self::TooLarge => plain(language, "config-too-large"),
            Self::Utf8 => plain(language, "config-no-utf8"),
            Self::Toml(said) => in_toml(said, language),
            Self::Told(said) => said.text(language).to_owned(),
            Self::Value(remark) => remark.said(language),
        }
    }
}

/// The user's file; `None` if there is none.
pub(super) fn read_user(path: &Path) -> Result<Option<RawConfig>, ConfigError> {
    match open_ours(path) {
        Ok(file) => parse(path, file).map(Some),
        Err(NotOurs::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(NotOurs::Io(error)) => Err(fault(path, error.into())),
        Err(NotOurs::Rights) => Err(fault(path, Fault::Rights)),
    }
}

/// The administrator's file; `None` if there is none. One that others than root could have written stops the start: to
/// obey it would let them widen what pages may do, to pass over it would do what the administrator may have forbidden.
pub(super) fn read_admin(path: &Path) -> Result<Option<RawPolicy>, ConfigError> {
    const ROOT: u32 = 0;
    match open_owned(path, ROOT) {
        Ok(file) => parse(path, file).map(Some),
        Err(NotOurs::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(NotOurs::Io(error)) if error.raw_os_error() != Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            Err(fault(path, error.into()))
        }
        Err(_) => Err(fault(path, Fault::NotRoots)),
    }
}

pub(super) fn fault(file: &Path, fault: Fault) -> ConfigError {
    ConfigError {
        file: file.to_owned(),
        line: None,
        fault,
    }
}

fn parse<T: DeserializeOwned>(path: &Path, file: File) -> Result<T, ConfigError> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fault(path, error.into()))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(fault(path, Fault::TooLarge));
    }
    let text = String::from_utf8(bytes).map_err(|_| fault(path, Fault::Utf8))?;
    toml::from_str(&text).map_err(|error| ConfigError {
        file: path.to_owned(),
        line: line_of(&text, &error),
        fault: Fault::Toml(error.message().to_owned()),
    })
}
