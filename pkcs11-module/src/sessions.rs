//! The open sessions, by handle.
//!
//! Every call looks its session up, so a look takes no lock: a session stands in the place that its handle names, and
//! a place is written only when a session opens or closes. Threads that sign side by side share nothing that changes.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use cryptoki_sys::CK_SESSION_HANDLE;

use crate::error::{Error, Result};
use crate::library::Handles;
use crate::session::Session;

/// More sessions than any host opens on purpose.
pub(crate) const MAX_SESSIONS: usize = 4096;

/// All sessions of the library.
pub(crate) struct Sessions {
    /// A session stands where its handle, modulo their number, points.
    places: Box<[ArcSwapOption<Session>]>,
    /// The same sessions, for whoever goes through all of them. Held while places are written.
    open: Mutex<BTreeMap<CK_SESSION_HANDLE, Arc<Session>>>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            places: (0..MAX_SESSIONS).map(|_| ArcSwapOption::empty()).collect(),
            open: Mutex::default(),
        }
    }

    fn place(&self, handle: CK_SESSION_HANDLE) -> &ArcSwapOption<Session> {
        &self.places[handle as usize % MAX_SESSIONS]
    }

    /// The session with this handle.
    pub(crate) fn get(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        match &*self.place(handle).load() {
            Some(session) if session.handle == handle => Ok(session.clone()),
            _ => Err(Error::SessionHandleInvalid),
        }
    }

    /// Opens the session that `make` makes with a new handle, unless there are too many.
    pub(crate) fn open(
        &self,
        handles: &Handles,
        make: impl FnOnce(CK_SESSION_HANDLE) -> Result<Session>,
    ) -> Result<CK_SESSION_HANDLE> {
        let mut open = self.open.lock()?;
        if open.len() >= MAX_SESSIONS {
            return Err(Error::SessionCount);
        }
        // Handles that follow one another point to places that do, and one of them is free.
        let handle = loop {
            let handle = handles.next();
            if self.place(handle).load().is_none() {
                break handle;
            }
        };
        let session = Arc::new(make(handle)?);
        self.place(handle).store(Some(session.clone()));
        open.insert(handle, session);
        Ok(handle)
    }

    /// Takes a session out.
    pub(crate) fn remove(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        let mut open = self.open.lock()?;
        let session = open.remove(&handle).ok_or(Error::SessionHandleInvalid)?;
        self.place(handle).store(None);
        Ok(session)
    }

    /// Takes all sessions out, also after a panic: what the lock guards is only emptied.
    pub(crate) fn remove_all(&self) -> impl Iterator<Item = Arc<Session>> {
        let open = mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        open.keys().for_each(|handle| self.place(*handle).store(None));
        open.into_values()
    }

    /// The sessions of which it holds.
    pub(crate) fn which(&self, holds: impl Fn(&Session) -> bool) -> Result<Vec<Arc<Session>>> {
        let open = self.open.lock()?;
        Ok(open.values().filter(|session| holds(session)).cloned().collect())
    }
}
