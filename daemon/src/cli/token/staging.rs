//! Where tokens are made or restored: beside their places, out of everybody's sight until they are whole.

use std::fs::{DirBuilder, DirEntry, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::backup::is_serial;
use crate::briefly::briefly;
use crate::cli::CliError;
use crate::language::{Arguments, arguments};
use crate::places::Places;

/// So many tokens our module shows; of more, it shows some and not others.
const MAX_TOKENS: usize = 64;

const UNFINISHED: &str = ".unfinished-";

/// What a killed program leaves is removed when it is older than any that still runs.
const LEFTOVER: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder of its own beside the tokens, on the same file system; gone when it is dropped.
pub(super) struct Staging(tempfile::TempDir);

impl Staging {
    pub(super) fn below(data: &Path) -> Result<Self, CliError> {
        let made = || {
            DirBuilder::new().recursive(true).mode(0o700).create(data)?;
            sweep(data)?;
            tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(data)
        };
        made()
            .map(Self)
            .map_err(|error| CliError::file("cli-unwritable", data, &error))
    }

    pub(super) fn home(&self) -> &Path {
        self.0.path()
    }

    /// Moves what was made to where tokens are: all of it, or nothing.
    pub(super) fn move_in(self, tokens: &Path) -> Result<(), CliError> {
        let made = self.home().join("data/tokens");
        let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
        let mut move_all = || -> Result<(), Unmoved> {
            if !made.is_dir() {
                return Ok(()); // every token of the file was there already
            }
            DirBuilder::new().recursive(true).mode(0o700).create(tokens)?;
            if count(tokens)? + count(&made)? > MAX_TOKENS {
                return Err(Unmoved::Many);
            }
            for entry in std::fs::read_dir(&made)? {
                let entry = entry?;
                if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    let place = tokens.join(entry.file_name());
                    std::fs::rename(entry.path(), &place)?;
                    moved.push((place, entry.path()));
                }
            }
            Ok(File::open(tokens)?.sync_all()?)
        };
        let outcome = move_all();
        if outcome.is_err() {
            for (place, back) in moved {
                // The first failure is the one to tell.
                let _ = std::fs::rename(place, back);
            }
        }
        outcome.map_err(|error| match error {
            Unmoved::Many => CliError::failed("token-too-many", many(tokens)),
            Unmoved::System(error) => CliError::file("cli-unwritable", tokens, &error),
        })
    }
}

/// Why tokens were not moved to their places.
enum Unmoved {
    /// There would be more than [`MAX_TOKENS`].
    Many,
    System(std::io::Error),
}

impl From<std::io::Error> for Unmoved {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}

/// What is told where there are [`MAX_TOKENS`].
pub(super) fn many(tokens: &Path) -> Arguments {
    let facts = [
        ("limit", MAX_TOKENS.to_string()),
        ("folder", tokens.display().to_string()),
    ];
    arguments(facts)
}

fn count(folder: &Path) -> std::io::Result<usize> {
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let is_token = |entry: &DirEntry| entry.file_name().to_str().is_some_and(is_serial);
    Ok(entries.iter().filter(|entry| is_token(entry)).count())
}

/// While it is held, no other program makes a token: what has the label that somebody looks for is there, or comes after
/// him.
pub(super) fn alone(places: &Places) -> Result<File, CliError> {
    let (data, lock) = (
        places.data_folder(),
        places.tokens_folder().with_extension("lock"),
    );
    let taken = || {
        DirBuilder::new().recursive(true).mode(0o700).create(data)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)?;
        briefly(|| lock.lock())?;
        Ok(lock)
    };
    taken().map_err(|error| CliError::file("cli-unwritable", &lock, &error))
}

fn sweep(data: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(data)? {
        let entry = entry?;
        let is_ours = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes());
        // Others put files here and take them away meanwhile.
        let changed = entry.metadata().and_then(|found| found.modified());
        let age = changed.map_or(Duration::ZERO, |changed| changed.elapsed().unwrap_or_default());
        if is_ours && age >= LEFTOVER {
            // Another program may be sweeping it too; what stays is tried again next time.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
