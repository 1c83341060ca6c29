//! Reading the two files: whose they are, how large, and where in them the trouble is.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::raw::{RawConfig, RawPolicy};
use crate::policy::ownership::{NotOurs, open_ours, open_owned};

/// The largest configuration that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {fault}", file.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct ConfigError {
    /// Which file.
    pub file: PathBuf,
    /// Counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Others could have written it.
    #[error("it must be a plain file of its user alone, not writable by group or others")]
    Rights,
    /// The administrator's, and others than root could have written it.
    #[error(
        "it must be a plain file that root owns and nobody else may write: its rules are neither obeyed nor passed over"
    )]
    NotRoots,
    /// Over 1 MiB.
    #[error("the file is too large")]
    TooLarge,
    /// Not UTF-8.
    #[error("the file is not UTF-8")]
    Utf8,
    /// No TOML, an unknown key, a wrong type.
    #[error("{0}")]
    Toml(String),
    /// A value that makes no sense.
    #[error("{0}")]
    Value(String),
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
        line: error.span().map(|span| 1 + lines_before(&text, span.start)),
        fault: Fault::Toml(error.message().to_owned()),
    })
}

/// Line feeds before this byte, which may lie within a character.
fn lines_before(text: &str, byte: usize) -> usize {
    let before = text.bytes().take(byte);
    before.filter(|one| *one == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_within_characters_too() {
        let text = "một\nhai\nế";
        for (byte, lines) in [(0, 0), (3, 0), (text.len() - 1, 2), (text.len() + 9, 2)] {
            assert_eq!(lines_before(text, byte), lines);
        }
    }
}
