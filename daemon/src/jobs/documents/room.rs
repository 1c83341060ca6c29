//! How much a connection may hold, those of one origin, and all of them together; what of it may lie in memory, and whether the disk has room
//! for the rest.

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

/// Bytes that all connections together may hold.
#[derive(Debug)]
pub struct Memory {
    remembered: OnceLock<Weak<dyn Remembered>>,
    limit: u64,
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
    /// Bytes of the rooms of each origin that has any.
    by_origin: HashMap<Arc<str>, u64>,
}

/// Bytes of a connection's quota and of the memory of all; given back when dropped.
#[derive(Debug)]
pub struct Room {
    pub(super) bytes: u64,
    placed: u64,
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
        Self::on_disk(limit, None)
    }

    /// So many bytes in files of this folder, which only this user can enter, but for small documents.
    #[must_use]
    pub fn on_disk(limit: u64, folder: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            remembered: OnceLock::new(),
            limit,
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

    /// Takes so many bytes for the quota of a connection, and of its origin. What is only remembered makes way. The locks of
    /// documents must be free.
    pub(super) fn take(
        self: &Arc<Self>,
        bytes: u64,
        origin: Option<Arc<str>>,
        state: Weak<Mutex<State>>,
    ) -> Result<Room, DocumentError> {
        // Asked before the account is locked: a slow file system keeps nobody else waiting.
        let free = self.free(bytes);
        loop {
            let full = match self.lock().book(bytes, origin.as_ref(), self.limit, free) {
                Ok(()) => break,
                Err(full) => full,
            };
            let (whose, error) = match full {
                Full::All => (None, "more bytes than all connections together may hold"),
                Full::Origin => (
                    origin.as_deref(),
                    "more bytes than all connections of an origin may hold",
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

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has no room.
enum Full {
    All,
    Origin,
    Disk,
}

impl Account {
    /// Counts so many bytes more, if they have room below the limit and on the disk, where `free` is known.
    fn book(
        &mut self,
        bytes: u64,
        origin: Option<&Arc<str>>,
        limit: u64,
        free: Option<u64>,
    ) -> Result<(), Full> {
        if self.held.checked_add(bytes).is_none_or(|sum| sum > limit) {
            return Err(Full::All);
        }
        let of_origin = origin.and_then(|origin| self.by_origin.get(origin));
        let of_origin = of_origin.copied().unwrap_or(0).saturating_add(bytes);
        if origin.is_some() && of_origin > MAX_HELD_BY_ORIGIN {
            return Err(Full::Origin);
        }
        let still_to_come = self.held.saturating_sub(self.placed);
        let needed = still_to_come.saturating_add(bytes).saturating_add(SPARE);
        if free.is_some_and(|free| free < needed) {
            return Err(Full::Disk);
        }
        self.held += bytes;
        if let Some(origin) = origin {
            self.by_origin.insert(Arc::clone(origin), of_origin);
        }
        Ok(())
    }
}

impl Room {
    /// A part of this room; none if it is smaller than that.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Option<Self> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(Self {
            bytes,
            placed: 0,
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
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut account = self.memory.lock();
        account.held -= self.bytes;
        account.placed -= self.placed;
        if let Some(origin) = &self.origin
            && let Some(held) = account.by_origin.get_mut(origin)
        {
            *held -= self.bytes;
            if *held == 0 {
                account.by_origin.remove(origin);
            }
        }
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
