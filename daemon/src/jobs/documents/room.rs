//! How much a connection may hold, those of one origin, and all of them together, in bytes and in descriptors; what of it
//! may lie in memory, and whether the disk has room for the rest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use trien_protocol::limits::{MAX_HELD_BY_ORIGIN, MAX_IN_MEMORY, MAX_SMALL};

use super::{DocumentError, State};

/// What is left free on the disk beside the documents, in bytes: a signature is worth nothing without its record.
const SPARE: u64 = 64 * 1024 * 1024;

/// What keeps documents beyond their connections, and can do without them where room is wanted.
pub trait Remembered: std::fmt::Debug + Send + Sync {
    /// Lets go of a document (SHA-256) of this origin.
    fn forget(&self, origin: &str, sha256: &str);

    /// Lets go of the documents that have been kept longest, of this origin or of any. False if none are kept.
    fn forget_oldest(&self, origin: Option<&str>) -> bool;
}

/// Bytes that all connections together may hold, and the descriptors of their documents: each lies in a file of its own.
#[derive(Debug)]
pub struct Memory {
    remembered: OnceLock<Weak<dyn Remembered>>,
    limit: u64,
    files: usize,
    /// Where documents lie, encrypted; if there is no such place, all of them are in memory.
    folder: Option<PathBuf>,
    account: Mutex<Account>,
}

#[derive(Debug, Default)]
struct Account {
    /// Bytes of all rooms.
    held: u64,
    /// Of them, those that are where they will stay.
    placed: u64,
    /// Bytes of documents in memory.
    in_memory: u64,
    /// Descriptors of all rooms.
    files: usize,
    /// Of the rooms of each origin that has any.
    by_origin: HashMap<Arc<str>, Share>,
}

/// What the rooms of one origin have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Share {
    bytes: u64,
    files: usize,
}

/// Bytes of a connection's quota and of the memory of all; given back when dropped.
#[derive(Debug)]
pub struct Room {
    pub(super) bytes: u64,
    placed: u64,
    /// Descriptors that its documents may take.
    files: usize,
    /// Whose page it is for; none for the shell.
    origin: Option<Arc<str>>,
    pub(super) state: Weak<Mutex<State>>,
    memory: Arc<Memory>,
}

/// Where a document is to lie.
pub(super) enum Place<'a> {
    /// In memory, as long as this lives.
    Memory(InMemory),
    /// In a file of this folder.
    Disk(&'a Path),
}

/// Bytes of a document that lies in memory; given back when dropped.
#[derive(Debug)]
pub(super) struct InMemory {
    bytes: u64,
    memory: Arc<Memory>,
}

impl Memory {
    /// So many bytes.
    #[must_use]
    pub fn of(limit: u64) -> Arc<Self> {
        Self::on_disk(limit, usize::MAX, None)
    }

    /// So many bytes in at most so many files, of this folder, which only this user can enter, but for small documents. Three
    /// quarters of the files are one origin's at the most.
    #[must_use]
    pub fn on_disk(limit: u64, files: usize, folder: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            remembered: OnceLock::new(),
            limit,
            files,
            folder,
            account: Mutex::default(),
        })
    }

    /// What else keeps documents in it; said once.
    pub fn is_shared_with<R: Remembered + 'static>(&self, remembered: &Arc<R>) {
        let remembered: Weak<R> = Arc::downgrade(remembered);
        // Whoever said it first stays.
        let _ = self.remembered.set(remembered);
    }

    /// A document of this origin (SHA-256) is not held any more: nor is it remembered.
    pub(super) fn forget(&self, origin: Option<&str>, sha256: &str) {
        if let (Some(remembered), Some(origin)) = (self.remembered(), origin) {
            remembered.forget(origin, sha256);
        }
    }

    fn remembered(&self) -> Option<Arc<dyn Remembered>> {
        self.remembered.get()?.upgrade()
    }

    /// Takes so many bytes for the quota of a connection, and of its origin, and descriptors for so many documents. What is
    /// only remembered makes way. The locks of documents must be free.
    pub(super) fn take(
        self: &Arc<Self>,
        files: usize,
        bytes: u64,
        origin: Option<Arc<str>>,
        state: Weak<Mutex<State>>,
    ) -> Result<Room, DocumentError> {
        // Asked before the account is locked: a slow file system keeps nobody else waiting.
        let free = self.free(bytes);
        let wanted = Share { bytes, files };
        loop {
            let full = match self.book(wanted, origin.as_ref(), free) {
                Ok(()) => break,
                Err(full) => full,
            };
            let (whose, error) = match full {
                Full::All => (None, "more bytes than all connections together may hold"),
                Full::Origin => (
                    origin.as_deref(),
                    "more bytes than all connections of an origin may hold",
                ),
                Full::Files => (None, "more documents than all connections together may hold"),
                Full::FilesOfOrigin => (
                    origin.as_deref(),
                    "more documents than all connections of an origin may hold",
                ),
                Full::Disk => return Err(DocumentError::DiskFull),
            };
            if !self.remembered().is_some_and(|all| all.forget_oldest(whose)) {
                return Err(DocumentError::TooLarge(error));
            }
        }
        Ok(Room {
            bytes,
            placed: 0,
            files,
            origin,
            state,
            memory: Arc::clone(self),
        })
    }

    /// Bytes that are free on the disk, if documents of so many bytes in all have to go there and it is known.
    fn free(&self, bytes: u64) -> Option<u64> {
        let folder = self.folder.as_deref().filter(|_| bytes > MAX_SMALL)?;
        let there = folder.ancestors().find(|folder| folder.exists())?;
        let file_system = rustix::fs::statvfs(there).ok()?;
        Some(file_system.f_bavail.saturating_mul(file_system.f_frsize))
    }

    /// Where a document of this size is to lie.
    pub(super) fn place(self: &Arc<Self>, size: u64) -> Place<'_> {
        let mut account = self.lock();
        let sum = account.in_memory.saturating_add(size);
        match &self.folder {
            Some(folder) if size > MAX_SMALL || sum > MAX_IN_MEMORY => Place::Disk(folder),
            _ => {
                account.in_memory = sum;
                Place::Memory(InMemory {
                    bytes: size,
                    memory: Arc::clone(self),
                })
            }
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> u64 {
        self.lock().held
    }

    #[cfg(test)]
    pub(super) fn files(&self) -> usize {
        self.lock().files
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has no room.
enum Full {
    All,
    Origin,
    Files,
    FilesOfOrigin,
    Disk,
}

impl Memory {
    /// Counts so much more, if it has room below the limits and on the disk, where `free` is known.
    fn book(&self, wanted: Share, origin: Option<&Arc<str>>, free: Option<u64>) -> Result<(), Full> {
        let mut account = self.lock();
        let Share { bytes, files } = wanted;
        if account.held.checked_add(bytes).is_none_or(|sum| sum > self.limit) {
            return Err(Full::All);
        }
        if account
            .files
            .checked_add(files)
            .is_none_or(|sum| sum > self.files)
        {
            return Err(Full::Files);
        }
        let of_origin = origin.and_then(|origin| account.by_origin.get(origin));
        let of_origin = of_origin.copied().unwrap_or_default();
        let of_origin = Share {
            bytes: of_origin.bytes.saturating_add(bytes),
            files: of_origin.files.saturating_add(files),
        };
        if origin.is_some() && of_origin.bytes > MAX_HELD_BY_ORIGIN {
            return Err(Full::Origin);
        }
        if origin.is_some() && of_origin.files > self.files - self.files / 4 {
            return Err(Full::FilesOfOrigin);
        }
        let still_to_come = account.held.saturating_sub(account.placed);
        let needed = still_to_come.saturating_add(bytes).saturating_add(SPARE);
        if free.is_some_and(|free| free < needed) {
            return Err(Full::Disk);
        }
        account.held += bytes;
        account.files += files;
        if let Some(origin) = origin {
            account.by_origin.insert(Arc::clone(origin), of_origin);
        }
        Ok(())
    }
}

impl Account {
    fn give_back(&mut self, share: Share, origin: Option<&Arc<str>>) {
        self.held -= share.bytes;
        self.files -= share.files;
        if let Some(origin) = origin
            && let Some(held) = self.by_origin.get_mut(origin)
        {
            held.bytes -= share.bytes;
            held.files -= share.files;
            if *held == Share::default() {
                self.by_origin.remove(origin);
            }
        }
    }
}

impl Room {
    /// A part of this room, for one document; none if it is smaller than that.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Option<Self> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        let files = self.files.min(1);
        self.files -= files;
        Some(Self {
            bytes,
            placed: 0,
            files,
            origin: self.origin.clone(),
            state: self.state.clone(),
            memory: Arc::clone(&self.memory),
        })
    }

    /// So many of its bytes are where they will stay: the disk need not keep room for them.
    pub(super) fn place(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes - self.placed);
        self.placed += bytes;
        self.memory.lock().placed += bytes;
    }

    /// What lies in it is in no file of its own.
    pub(super) fn needs_no_file(&mut self) {
        let files = std::mem::take(&mut self.files);
        let share = Share { bytes: 0, files };
        self.memory.lock().give_back(share, self.origin.as_ref());
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut account = self.memory.lock();
        account.placed -= self.placed;
        let share = Share {
            bytes: self.bytes,
            files: self.files,
        };
        account.give_back(share, self.origin.as_ref());
        drop(account);
        if let Some(state) = self.state.upgrade() {
            // Never dropped by who holds the lock: documents leave the maps as values.
            state.lock().unwrap_or_else(PoisonError::into_inner).held -= self.bytes;
        }
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        self.memory.lock().in_memory -= self.bytes;
    }
}
