//! Wrong PINs in a row: the file `tries`, beside the database.
//!
//! It is outside the database because a login is not a change of the token: a try costs one write and one flush in
//! place instead of two transactions, other processes need not read the objects again for it, and a token that was
//! committed to a repository stays byte for byte what it was. 64 bytes for each role, the officer first: setting of
//! the PIN 16 · wrong ones in a row u8 · check 32 (SHA-256 of `"trien-token/2 tries" ‖ 0 ‖ role u8 ‖ serial ‖
//! setting ‖ wrong ones`) · 15 zeros. Each is written by one write within one sector, under a lock of the whole file
//! (`flock`), so it is the old or the new one whatever happens.
//!
//! A number counts for the setting of the PIN that it names, and for no other: so a new PIN begins with no wrong
//! ones in the same instant in which the database has it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};

use super::parts::{Role, Serial};
use super::sealing::Seal;
use super::{Result, StoreError};

/// How long others may have the turn, or hold the counter; each needs one derivation of a key and one flush.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(1);

const SLOT: usize = 64;
const USED: usize = 16 + 1 + 32;

/// The counter of one token.
pub(super) struct Tries {
    path: PathBuf,
    serial: Serial,
}

impl Tries {
    /// The counter at this place.
    pub(super) fn at(path: &Path, serial: Serial) -> Self {
        Self {
            path: path.to_owned(),
            serial,
        }
    }

    /// Makes the file, with no wrong PINs, and flushes it.
    pub(super) fn create(&self) -> Result<()> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)?;
        for role in [Role::Officer, Role::User] {
            let mut slot = self.encode(role, Seal::default(), 0).to_vec();
            slot.resize(SLOT, 0);
            file.write_all_at(&slot, offset(role))?;
        }
        Ok(file.sync_all()?)
    }

    /// How often these settings of the SO PIN and the user PIN have been tried wrongly in a row; a PIN that is not set
    /// has not been tried. Without a readable number there is no answer, and so no login: a lost one must not mean that
    /// guessing starts anew.
    pub(super) fn counts(&self, [officer, user]: [Option<Seal>; 2]) -> Result<[u8; 2]> {
        let file = File::open(&self.path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => missing(error),
            _ => StoreError::of_reading(error),
        })?;
        let _held = Held::shared(&file)?;
        let count = |role, setting: Option<Seal>| setting.map_or(Ok(0), |seal| self.read(&file, role, seal));
        Ok([count(Role::Officer, officer)?, count(Role::User, user)?])
    }

    /// Takes the turn to try a PIN, which is a lock of the token's folder. It is kept until the PIN is known to be
    /// right or wrong.
    pub(super) fn turn(&self) -> Result<Turn> {
        let folder = File::open(self.path.parent().unwrap_or(&self.path)).map_err(missing)?;
        wait(|| folder.try_lock())?;
        Ok(Turn(folder))
    }

    /// Takes the counter for one try.
    pub(super) fn hold(&self) -> Result<TryingCounter<'_>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(&self.path).map_err(missing)?;
        wait(|| file.try_lock())?;
        Ok(TryingCounter { tries: self, file })
    }

    fn read(&self, file: &File, role: Role, seal: Seal) -> Result<u8> {
        let mut slot = [0; USED];
        file.read_exact_at(&mut slot, offset(role))
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => StoreError::Corrupt("the try counter is cut"),
                _ => error.into(),
            })?;
        let mut of = Seal::default();
        of.copy_from_slice(&slot[..16]);
        if slot != self.encode(role, of, slot[16]) {
            return Err(StoreError::Corrupt("the try counter does not match its check"));
        }
        Ok(if of == seal { slot[16] } else { 0 })
    }

    fn encode(&self, role: Role, seal: Seal, wrong: u8) -> [u8; USED] {
        let name = [
            b"trien-token/2 tries\0",
            &[role as u8][..],
            self.serial.digits(),
            &seal,
            &[wrong],
        ]
        .concat();
        let mut out = [0; USED];
        out[..16].copy_from_slice(&seal);
        out[16] = wrong;
        out[17..].copy_from_slice(digest(&SHA256, &name).as_ref());
        out
    }
}

/// The turn to try a PIN; nobody else tries one meanwhile.
pub(super) struct Turn(File);

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.0.unlock(); // as below
    }
}

/// A counter that nobody else changes meanwhile.
pub(super) struct TryingCounter<'a> {
    tries: &'a Tries,
    file: File,
}

impl TryingCounter<'_> {
    /// Writes that one more PIN is tried; on disk when this returns. `PinLocked` if `max` have been.
    pub(super) fn spend(&self, role: Role, seal: Seal, max: u8) -> Result<()> {
        let wrong = self.tries.read(&self.file, role, seal)?;
        if wrong >= max {
            return Err(StoreError::PinLocked);
        }
        self.write(role, seal, wrong + 1)?;
        Ok(self.file.sync_data()?)
    }

    /// The PIN was right. Not flushed: what a power cut loses here is made good by the next login.
    pub(super) fn clear(&self, role: Role, seal: Seal) -> Result<()> {
        if self.tries.read(&self.file, role, seal)? == 0 {
            return Ok(());
        }
        self.write(role, seal, 0)
    }

    fn write(&self, role: Role, seal: Seal, wrong: u8) -> Result<()> {
        Ok(self
            .file
            .write_all_at(&self.tries.encode(role, seal, wrong), offset(role))?)
    }
}

impl Drop for TryingCounter<'_> {
    fn drop(&mut self) {
        // A child that was forked meanwhile has the file open too: closing ours alone would not end the lock.
        let _ = self.file.unlock();
    }
}

/// A lock for reading.
struct Held<'a>(&'a File);

impl<'a> Held<'a> {
    fn shared(file: &'a File) -> Result<Self> {
        wait(|| file.try_lock_shared())?;
        Ok(Self(file))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock(); // as above
    }
}

fn wait(attempt: impl Fn() -> std::result::Result<(), TryLockError>) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

fn offset(role: Role) -> u64 {
    role as u64 * SLOT as u64
}

fn missing(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::NotFound => StoreError::Corrupt("no try counter"),
        _ => error.into(),
    }
}
