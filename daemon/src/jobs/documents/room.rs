//! How much a connection may hold, and all of them together.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::State;

/// Bytes that all connections together may hold.
#[derive(Debug)]
pub struct Memory {
    limit: u64,
    /// Where large documents lie, encrypted; in memory like the others if there is no such place.
    pub(super) folder: Option<PathBuf>,
    pub(super) held: Mutex<u64>,
}

/// Bytes of a connection's quota and of the memory of all; given back when dropped.
#[derive(Debug)]
pub struct Room {
    pub(super) bytes: u64,
    pub(super) state: Weak<Mutex<State>>,
    pub(super) memory: Arc<Memory>,
}

impl Memory {
    /// So many bytes.
    #[must_use]
    pub fn of(limit: u64) -> Arc<Self> {
        Self::on_disk(limit, None)
    }

    /// So many bytes, the large documents among them in files of this folder, which only this user can enter.
    #[must_use]
    pub fn on_disk(limit: u64, folder: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            folder,
            held: Mutex::new(0),
        })
    }

    pub(super) fn take(&self, bytes: u64) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = held.checked_add(bytes).is_some_and(|sum| sum <= self.limit);
        if fits {
            *held += bytes;
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
    }
}

impl Room {
    /// A part of this room; none if it is smaller than that.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Option<Self> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(Self {
            bytes,
            state: self.state.clone(),
            memory: Arc::clone(&self.memory),
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.memory.give_back(self.bytes);
        if let Some(state) = self.state.upgrade() {
            // Never dropped by who holds the lock: documents leave the maps as values.
            state.lock().unwrap_or_else(PoisonError::into_inner).held -= self.bytes;
        }
    }
}
