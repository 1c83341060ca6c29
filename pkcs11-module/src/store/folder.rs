//! Where the tokens are, and how one comes to be there whole.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::db::Database;
use super::parts::Serial;
use super::sealing::Pin;
use super::vault::Vault;
use super::{LABEL_LEN, Result, StoreError};

/// More tokens than one person has; a folder with more is somebody's mistake.
const MAX_TOKENS: usize = 64;

const DATABASE: &str = "token.db";

/// The folder of all tokens: `$TRIEN_HOME/data/tokens`, else `tokens` in the user's data folder (on Linux
/// `~/.local/share/trien/tokens`).
pub(crate) fn tokens() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("TRIEN_HOME").filter(|home| !home.is_empty()) {
        return Ok(Path::new(&home).join("data").join("tokens"));
    }
    let folders = directories::ProjectDirs::from("", "", "trien");
    folders
        .map(|folders| folders.data_dir().join("tokens"))
        .ok_or(StoreError::Io("no home folder".to_owned()))
}

/// The serial numbers of the tokens in the folder, sorted; a folder that is not there has none.
pub(crate) fn scan(tokens: &Path) -> Result<Vec<Serial>> {
    let entries = match std::fs::read_dir(tokens) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut serials: Vec<Serial> = entries
        .filter_map(|entry| Serial::parse(entry.ok()?.file_name().to_str()?))
        .collect();
    serials.sort_unstable();
    serials.truncate(MAX_TOKENS);
    Ok(serials)
}

/// Opens a token that [`scan`] found.
pub(crate) fn open(tokens: &Path, serial: Serial) -> Result<Vault> {
    let database = Database::open(&tokens.join(serial.to_string()).join(DATABASE))?;
    Ok(Vault::new(serial, Box::new(database)))
}

/// Whether the token's folder is still there.
pub(crate) fn is_there(tokens: &Path, serial: Serial) -> bool {
    tokens.join(serial.to_string()).is_dir()
}

/// Makes a token. It is built beside its place and moved there when it is whole, so nobody ever sees half of one;
/// what a killed process leaves behind begins with a dot and is no token.
pub(crate) fn create(tokens: &Path, label: [u8; LABEL_LEN], pin: &Pin) -> Result<Vault> {
    if scan(tokens)?.len() >= MAX_TOKENS {
        return Err(StoreError::Full);
    }
    let serial = Serial::random()?;
    DirBuilder::new().recursive(true).mode(0o700).create(tokens)?;
    let draft = tokens.join(format!(".new-{serial}"));
    DirBuilder::new().mode(0o700).create(&draft)?;
    let built = build(&draft, serial, label, pin).and_then(|()| {
        std::fs::rename(&draft, tokens.join(serial.to_string()))?;
        Ok(File::open(tokens)?.sync_all()?)
    });
    if let Err(error) = built {
        // The first failure is the one to tell.
        let _ = std::fs::remove_dir_all(&draft);
        return Err(error);
    }
    open(tokens, serial)
}

fn build(folder: &Path, serial: Serial, label: [u8; LABEL_LEN], pin: &Pin) -> Result<()> {
    let database = Database::create(&folder.join(DATABASE))?;
    Vault::new(serial, Box::new(database)).initialize(now(), label, pin)?;
    Ok(File::open(folder)?.sync_all()?)
}

/// Milliseconds since 1970; a clock before that is as good as none.
pub(crate) fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
