//! Where the tokens are, and how one comes to be there whole.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::db::Database;
use super::parts::Serial;
use super::profile::Profile;
use super::sealing::Pin;
use super::tries::Tries;
use super::vault::Vault;
use super::{LABEL_LEN, Result, StoreError};

/// More tokens than one person has; a folder with more is somebody's mistake.
const MAX_TOKENS: usize = 64;

const DATABASE: &str = "token.db";
const TRIES: &str = "tries";
const DRAFT: &str = ".new-";

/// What a killed `C_InitToken` leaves is swept away when it is older than any live one can be.
const LEFTOVER: Duration = Duration::from_secs(60);

/// The folder of all tokens, from the root on: `$TRIEN_HOME/data/tokens`, else `tokens` in the user's data folder (on
/// Linux `~/.local/share/trien/tokens`).
pub(crate) fn tokens() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("TRIEN_HOME").filter(|home| !home.is_empty()) {
        return Ok(std::path::absolute(home)?.join("data").join("tokens"));
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
        Err(error) => return Err(StoreError::of_reading(error)),
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
    let folder = tokens.join(serial.to_string());
    let database = Database::open(&folder.join(DATABASE))?;
    let tries = Tries::at(&folder.join(TRIES), serial);
    Ok(Vault::new(serial, Box::new(database), tries))
}

/// Whether the token's folder is still there.
pub(crate) fn is_there(tokens: &Path, serial: Serial) -> bool {
    tokens.join(serial.to_string()).is_dir()
}

/// Makes a token. It is built beside its place and moved there when it is whole, so nobody ever sees half of one;
/// what a killed process leaves behind begins with a dot, is no token, and is removed when the next one is made.
pub(crate) fn create(tokens: &Path, label: [u8; LABEL_LEN], profile: Profile, pin: &Pin) -> Result<Vault> {
    if scan(tokens)?.len() >= MAX_TOKENS {
        return Err(StoreError::Full);
    }
    let serial = Serial::random()?;
    DirBuilder::new().recursive(true).mode(0o700).create(tokens)?;
    sweep(tokens)?;
    let draft = tokens.join(format!("{DRAFT}{serial}"));
    DirBuilder::new().mode(0o700).create(&draft)?;
    let built = build(&draft, serial, label, profile, pin).and_then(|()| {
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

fn build(draft: &Path, serial: Serial, label: [u8; LABEL_LEN], profile: Profile, pin: &Pin) -> Result<()> {
    let folder = File::open(draft)?;
    folder.try_lock().map_err(|_| StoreError::Busy)?; // shows the sweepers that somebody is at it
    let database = Database::create(&draft.join(DATABASE))?;
    let tries = Tries::at(&draft.join(TRIES), serial);
    tries.create()?;
    Vault::new(serial, Box::new(database), tries).initialize(now(), label, profile, pin)?;
    Ok(folder.sync_all()?)
}

/// Removes drafts that nobody works at any more.
fn sweep(tokens: &Path) -> Result<()> {
    for entry in std::fs::read_dir(tokens)?.filter_map(|entry| entry.ok()) {
        let name = entry.file_name();
        let is_draft = name
            .to_str()
            .and_then(|name| Serial::parse(name.strip_prefix(DRAFT)?))
            .is_some();
        let is_old = || {
            let changed = entry.metadata().ok()?.modified().ok()?;
            changed.elapsed().ok().filter(|age| *age >= LEFTOVER)
        };
        if !is_draft || is_old().is_none() {
            continue;
        }
        let is_left = File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
        if is_left {
            // Another process may be sweeping it too; what stays is tried again at the next making.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Milliseconds since 1970; a clock before that is as good as none.
pub(crate) fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
