//! What exists between `C_Initialize` and `C_Finalize`: slots, sessions, and the process they belong to.
//!
//! Locks are taken in this order and never the other way: slots, sessions, one session's operations, one token's
//! state, one token's store. A signature takes the list of sessions for the moment of a look-up, then only what
//! belongs to its own session.

use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::ffi::mutex::{Held, HostMutex};
use crate::session::Session;
use crate::slot::Slots;
use crate::token::Token;

/// More sessions than any host opens on purpose.
pub(crate) const MAX_SESSIONS: usize = 4096;

static LIBRARY: ArcSwapOption<Library> = ArcSwapOption::const_empty();

/// How the host wants the library to keep its threads apart (PKCS #11, section 5.4, `C_Initialize`).
pub(crate) enum Threading {
    /// With the system's locks, which also serve a host of one thread.
    Own,
    /// With the host's mutexes only.
    Host(HostMutex),
}

/// The initialised library.
pub(crate) struct Library {
    process: u32,
    threading: Threading,
    pub(crate) slots: Mutex<Slots>,
    sessions: RwLock<BTreeMap<CK_SESSION_HANDLE, Arc<Session>>>,
    handles: Handles,
}

/// Gives out handles of sessions and objects, each once and never zero (`CK_INVALID_HANDLE`).
#[derive(Clone)]
pub(crate) struct Handles(Arc<AtomicU64>);

impl Handles {
    pub(crate) fn next(&self) -> CK_ULONG {
        // Wide enough never to come round where CK_ULONG has 64 bits; where it has 32, after four thousand million.
        self.0.fetch_add(1, Ordering::Relaxed) as CK_ULONG
    }
}

impl Library {
    /// `C_Initialize`. A child of a fork may initialise anew, whatever its parent had done.
    pub(crate) fn initialize(threading: Threading) -> Result<()> {
        abandon_parents_library();
        let handles = Handles(Arc::new(AtomicU64::new(1)));
        let library = Arc::new(Self {
            process: std::process::id(),
            threading,
            slots: Mutex::new(Slots::new(handles.clone())),
            sessions: RwLock::default(),
            handles,
        });
        let before = LIBRARY.compare_and_swap(&None::<Arc<Self>>, Some(library));
        if before.is_none() {
            Ok(())
        } else {
            Err(Error::AlreadyInitialized)
        }
    }

    /// The library, if this very process has initialised it.
    pub(crate) fn current() -> Result<Arc<Self>> {
        abandon_parents_library();
        LIBRARY.load_full().ok_or(Error::NotInitialized)
    }

    /// `C_Finalize`: sessions end, keys are wiped when the last call that works with them is over. It is the way out
    /// after a panic, so it goes through poisoned locks: what they guard is only emptied.
    pub(crate) fn finalize(&self) -> Result<()> {
        LIBRARY.store(None);
        let sessions = mem::take(&mut *self.sessions.write().unwrap_or_else(PoisonError::into_inner));
        for session in sessions.values() {
            session.end_operations()?;
        }
        let tokens = self.slots.lock().unwrap_or_else(PoisonError::into_inner).tokens();
        tokens.iter().try_for_each(|token| token.logout())
    }

    /// The right to go on, where only the host's mutexes may be used.
    pub(crate) fn take_turn(&self) -> Result<Option<Held<'_>>> {
        match &self.threading {
            Threading::Own => Ok(None),
            Threading::Host(mutex) => mutex.hold().map(Some),
        }
    }

    pub(crate) fn open_session(
        &self,
        slot: CK_SLOT_ID,
        token: Arc<Token>,
        writes: bool,
    ) -> Result<CK_SESSION_HANDLE> {
        let mut sessions = self.sessions.write()?;
        if sessions.len() >= MAX_SESSIONS {
            return Err(Error::SessionCount);
        }
        if !writes && token.is_officer_in()? {
            return Err(Error::SessionReadWriteSoExists);
        }
        let handle = self.handles.next();
        sessions.insert(handle, Arc::new(Session::new(handle, slot, token, writes)));
        Ok(handle)
    }

    pub(crate) fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        self.sessions
            .read()?
            .get(&handle)
            .cloned()
            .ok_or(Error::SessionHandleInvalid)
    }

    /// All sessions with a token.
    pub(crate) fn sessions_with(&self, token: &Arc<Token>) -> Result<Vec<Arc<Session>>> {
        let sessions = self.sessions.read()?;
        Ok(sessions
            .values()
            .filter(|session| Arc::ptr_eq(&session.token, token))
            .cloned()
            .collect())
    }

    /// Ends all sessions of a slot.
    pub(crate) fn close_sessions_in(&self, slot: CK_SLOT_ID) -> Result<()> {
        let sessions = self.sessions.read()?;
        let in_slot = sessions.values().filter(|session| session.slot == slot);
        let handles: Vec<_> = in_slot.map(|session| session.handle).collect();
        drop(sessions);
        for handle in handles {
            match self.close_session(handle) {
                // Another thread has closed it meanwhile.
                Err(Error::SessionHandleInvalid) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Ends a session with its objects and operations; the last one of a token logs out (section 5.6).
    pub(crate) fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        let session = self
            .sessions
            .write()?
            .remove(&handle)
            .ok_or(Error::SessionHandleInvalid)?;
        session.end_operations()?;
        session.token.drop_session_objects(handle)?;
        if self.sessions_with(&session.token)?.is_empty() {
            session.token.logout()?;
        }
        Ok(())
    }

    /// Logs a token out: private objects lose their handles, and no session goes on with a private key.
    pub(crate) fn logout(&self, token: &Arc<Token>) -> Result<()> {
        token.logout()?;
        self.sessions_with(token)?
            .iter()
            .try_for_each(|session| session.end_operations())
    }
}

/// After a fork the child sees its parent's library. It must not use it: locks may be held by threads that the
/// child does not have, and SQLite's connections do not survive a fork. It is left where it is, never dropped,
/// because dropping would close the parent's connections.
fn abandon_parents_library() {
    let inherited = LIBRARY.load();
    if inherited
        .as_ref()
        .is_some_and(|library| library.process != std::process::id())
    {
        let before = LIBRARY.compare_and_swap(&*inherited, None);
        if let Some(library) = before
            .as_ref()
            .filter(|library| library.process != std::process::id())
        {
            mem::forget(library.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only test of the crate's own that uses the one library there is.
    #[test]
    fn finalize_is_the_way_out_after_a_panic() {
        Library::initialize(Threading::Own).unwrap();
        let library = Library::current().unwrap();
        let panicking = library.clone();
        let outcome = std::thread::spawn(move || {
            let _slots = panicking.slots.lock();
            let _sessions = panicking.sessions.write();
            panic!("in the middle of a call");
        })
        .join();
        assert!(outcome.is_err());
        assert_eq!(library.session(1).err(), Some(Error::General));
        library.finalize().unwrap();
        assert_eq!(Library::current().err(), Some(Error::NotInitialized));
        Library::initialize(Threading::Own).unwrap();
        let library = Library::current().unwrap();
        assert_eq!(library.session(1).err(), Some(Error::SessionHandleInvalid));
        library.finalize().unwrap();
    }
}
