//! What exists between `C_Initialize` and `C_Finalize`: slots, sessions, and the process they belong to.
//!
//! Locks are taken in this order and never the other way: slots, sessions, one session's operations, one token's
//! state, one token's store. A signature finds its session without a lock, and then takes only what belongs to it.

use std::mem;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwapOption, Guard};
use cryptoki_sys::*;

use crate::api::states::StateKey;
use crate::error::{Error, Result};
use crate::ffi::fork;
use crate::ffi::mutex::{Held, HostMutex};
use crate::session::Session;
use crate::sessions::Sessions;
use crate::slot::Slots;
use crate::token::Token;

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
    /// The process it was made in.
    generation: u64,
    threading: Threading,
    pub(crate) slots: Mutex<Slots>,
    sessions: Sessions,
    handles: Handles,
    state_key: StateKey,
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
            generation: fork::generation(),
            threading,
            slots: Mutex::new(Slots::new(handles.clone())),
            sessions: Sessions::new(),
            handles,
            state_key: StateKey::default(),
        });
        let before = LIBRARY.compare_and_swap(&None::<Arc<Self>>, Some(library));
        if before.is_none() {
            Ok(())
        } else {
            Err(Error::AlreadyInitialized)
        }
    }

    /// The library, if this very process has initialised it, for as long as one call takes.
    pub(crate) fn current() -> Result<Current> {
        let library = LIBRARY.load();
        match &*library {
            Some(known) if known.generation == fork::generation() => Ok(Current(library)),
            Some(_) => {
                abandon_parents_library();
                Err(Error::NotInitialized)
            }
            None => Err(Error::NotInitialized),
        }
    }

    /// `C_Finalize`: sessions end, keys are wiped when the last call that works with them is over. It is the way out
    /// after a panic, so it goes through poisoned locks: what they guard is only emptied.
    pub(crate) fn finalize(&self) -> Result<()> {
        LIBRARY.store(None);
        for session in self.sessions.remove_all() {
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

    /// The key of saved operation states.
    pub(crate) fn state_key(&self) -> &StateKey {
        &self.state_key
    }

    pub(crate) fn open_session(
        &self,
        slot: CK_SLOT_ID,
        token: Arc<Token>,
        writes: bool,
    ) -> Result<CK_SESSION_HANDLE> {
        self.sessions.open(&self.handles, |handle| {
            if !writes && token.is_officer_in()? {
                return Err(Error::SessionReadWriteSoExists);
            }
            Ok(Session::new(handle, slot, token, writes))
        })
    }

    pub(crate) fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        self.sessions.get(handle)
    }

    /// All sessions with a token.
    pub(crate) fn sessions_with(&self, token: &Arc<Token>) -> Result<Vec<Arc<Session>>> {
        self.sessions.which(|session| Arc::ptr_eq(&session.token, token))
    }

    /// Ends all sessions of a slot.
    pub(crate) fn close_sessions_in(&self, slot: CK_SLOT_ID) -> Result<()> {
        for session in self.sessions.which(|session| session.slot == slot)? {
            match self.close_session(session.handle) {
                // Another thread has closed it meanwhile.
                Err(Error::SessionHandleInvalid) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Ends a session with its objects and operations; the last one of a token logs out (section 5.6).
    pub(crate) fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        let session = self.sessions.remove(handle)?;
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

/// The library during one call. Taking it counts nothing that threads share.
pub(crate) struct Current(Guard<Option<Arc<Library>>>);

impl Deref for Current {
    type Target = Library;

    fn deref(&self) -> &Library {
        self.0.as_ref().expect("made only of a library that is there")
    }
}

/// After a fork the child sees its parent's library. It must not use it: locks may be held by threads that the
/// child does not have, and SQLite's connections do not survive a fork. It is left where it is, never dropped,
/// because dropping would close the parent's connections.
fn abandon_parents_library() {
    let is_inherited = |library: &Option<Arc<Library>>| {
        library
            .as_ref()
            .is_some_and(|library| library.generation != fork::generation())
    };
    let inherited = LIBRARY.load();
    if is_inherited(&inherited) {
        let before = LIBRARY.compare_and_swap(&*inherited, None);
        if is_inherited(&before) {
            mem::forget(before.clone());
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
        let outcome = std::thread::spawn(|| {
            let panicking = Library::current().unwrap();
            let _slots = panicking.slots.lock();
            let _opened = panicking
                .sessions
                .open(&panicking.handles, |_| panic!("in the middle of a call"));
        })
        .join();
        assert!(outcome.is_err());
        assert_eq!(library.close_session(1).err(), Some(Error::General));
        assert_eq!(library.close_sessions_in(0).err(), Some(Error::General));
        library.finalize().unwrap();
        assert_eq!(Library::current().err(), Some(Error::NotInitialized));
        Library::initialize(Threading::Own).unwrap();
        let library = Library::current().unwrap();
        assert_eq!(library.session(1).err(), Some(Error::SessionHandleInvalid));
        library.finalize().unwrap();
    }
}
