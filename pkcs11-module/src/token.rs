//! A token in use: its store, who is logged in, and the objects that this process sees.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use cryptoki_sys::*;

use crate::attribute::RawAttribute;
use crate::error::{Error, Result};
use crate::library::Handles;
use crate::object::{Attributes, Change, Object, Search};
use crate::store::{
    DataKey, LABEL_LEN, Pin, PinState, Profile, Role, Seen, Serial, StoreError, Vault, folder,
};
use crate::table::{Entry, Home, Table, Thing};

/// How often a change is tried that others come before; each time one of them has made theirs.
const CHANGE_ATTEMPTS: usize = 8;

/// One token.
pub(crate) struct Token {
    vault: Vault,
    state: RwLock<State>,
}

struct State {
    login: Login,
    /// The epoch of the store this state is of.
    epoch: [u8; 16],
    profile: Profile,
    seen: Seen,
    table: Table,
}

/// Who is logged in, in all sessions of this process at once (PKCS #11, section 2.4).
#[derive(Clone)]
pub(crate) enum Login {
    Nobody,
    User(Arc<DataKey>),
    Officer(Arc<DataKey>),
}

impl Login {
    /// Only the user has private objects.
    fn private_key(&self) -> Option<&DataKey> {
        if let Self::User(key) = self {
            Some(key)
        } else {
            None
        }
    }
}

/// What a session may do, and with what it asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) session: CK_SESSION_HANDLE,
    pub(crate) writes: bool,
}

impl Token {
    /// Opens a token; also tells when it was made.
    pub(crate) fn open(vault: Vault, handles: Handles) -> std::result::Result<(u64, Self), StoreError> {
        let header = vault.header()?;
        let table = Table::new(handles);
        let state = State {
            login: Login::Nobody,
            epoch: header.epoch,
            profile: header.profile,
            seen: Seen::default(),
            table,
        };
        tracing::debug!(serial = %vault.serial(), profile = header.profile.name(), "token opened");
        Ok((
            header.created,
            Self {
                vault,
                state: RwLock::new(state),
            },
        ))
    }

    pub(crate) fn serial(&self) -> Serial {
        self.vault.serial()
    }

    pub(crate) fn label(&self) -> Result<[u8; LABEL_LEN]> {
        Ok(self.vault.header()?.label)
    }

    /// What the token imitates; changes only when it is initialised anew.
    pub(crate) fn profile(&self) -> Result<Profile> {
        Ok(self.state.read()?.profile)
    }

    /// The states of the SO PIN and the user PIN.
    pub(crate) fn pins(&self) -> Result<[PinState; 2]> {
        Ok(self.vault.pins()?)
    }

    pub(crate) fn has_damage(&self) -> Result<bool> {
        Ok(self.refreshed()?.table.has_damage())
    }

    /// Makes it an empty token again, of the same profile unless the environment asks for another; the caller has
    /// seen to it that there is no session.
    pub(crate) fn initialize_anew(&self, label: [u8; LABEL_LEN], pin: &Pin) -> Result<()> {
        let profile = Profile::from_environment()?;
        self.vault.unlock(Role::Officer, pin)?;
        let profile = profile.map_or_else(|| self.profile(), Ok)?;
        self.vault.initialize(folder::now(), label, profile, pin)?;
        self.logout()?;
        self.refreshed().map(drop)
    }

    // Login.

    pub(crate) fn login_state(&self) -> Result<Login> {
        Ok(self.state.read()?.login.clone())
    }

    pub(crate) fn is_officer_in(&self) -> Result<bool> {
        Ok(matches!(self.state.read()?.login, Login::Officer(_)))
    }

    pub(crate) fn is_locked(&self, role: Role) -> Result<bool> {
        Ok(self.vault.is_locked(role)?)
    }

    /// Tries a PIN without logging in.
    pub(crate) fn unlock(&self, role: Role, pin: &Pin) -> Result<DataKey> {
        Ok(self.vault.unlock(role, pin)?)
    }

    pub(crate) fn login(&self, role: Role, pin: &Pin) -> Result<()> {
        // The lock is not held while the PIN's key is derived: signatures of other sessions go on.
        let key = Arc::new(self.vault.unlock(role, pin)?);
        let mut state = self.refreshed()?;
        if !matches!(state.login, Login::Nobody) {
            return Err(Error::UserAlreadyLoggedIn);
        }
        if key.epoch() != state.epoch {
            return Err(StoreError::Gone.into());
        }
        state.login = match role {
            Role::Officer => Login::Officer(key),
            Role::User => Login::User(key),
        };
        drop(state);
        // A login that cannot read the objects is none.
        let outcome = match self.refreshed() {
            Ok(state) if matches!(state.login, Login::Nobody) => Err(StoreError::Gone.into()),
            Ok(_) => return Ok(()),
            Err(error) => Err(error),
        };
        self.logout()?;
        outcome
    }

    /// Forgets the key and every private object, also after a panic: the lock stays poisoned, the key does not stay.
    pub(crate) fn logout(&self) -> Result<()> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.login = Login::Nobody;
        state.table.clear_private();
        state.seen.forget_private();
        Ok(())
    }

    pub(crate) fn set_pin(&self, role: Role, key: &DataKey, pin: &Pin) -> Result<()> {
        let seal = self.vault.set_pin(role, key, pin)?;
        let mut state = self.state.write()?;
        // The login that is there goes on under the new setting.
        state.login = match (&state.login, role) {
            (Login::Officer(key), Role::Officer) => Login::Officer(Arc::new(key.under(seal))),
            (Login::User(key), Role::User) => Login::User(Arc::new(key.under(seal))),
            (login, _) => login.clone(),
        };
        Ok(())
    }

    // Objects.

    /// The state, with what other processes have changed taken over.
    fn refreshed(&self) -> Result<RwLockWriteGuard<'_, State>> {
        let mut guard = self.state.write()?;
        let state = &mut *guard;
        let mut changes = self.vault.changes(&mut state.seen, state.login.private_key())?;
        if changes.anew {
            state.table.clear_stored();
            if state.seen.epoch() != state.epoch {
                // Initialised anew: nobody is logged in to the new token, and the old key opens nothing of it.
                state.login = Login::Nobody;
                state.table.clear_private();
                state.seen = Seen::default();
                changes = self.vault.changes(&mut state.seen, None)?;
                state.epoch = state.seen.epoch();
                state.profile = self.vault.header()?.profile;
            }
        }
        for id in changes.gone {
            state.table.remove_stored(id);
        }
        for (head, content) in changes.found {
            state.table.put_found(&head, content);
        }
        state.table.mark_short(changes.is_short);
        Ok(guard)
    }

    pub(crate) fn find(&self, search: &Search) -> Result<Vec<CK_OBJECT_HANDLE>> {
        Ok(self.refreshed()?.table.find(search))
    }

    fn entry(&self, handle: CK_OBJECT_HANDLE) -> Result<Entry> {
        self.state
            .read()?
            .table
            .get(handle)
            .cloned()
            .ok_or(Error::ObjectHandleInvalid)
    }

    /// An object as this process knows it; the way to every signature, so no look at the store.
    pub(crate) fn object(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        self.entry(handle)?.thing.object()
    }

    /// Whether the session may make, change or destroy such an object (section 2.4, table 6).
    fn check_access(&self, object: &Object, asker: Asker) -> Result<Login> {
        let login = self.login_state()?;
        if object.is_private() && login.private_key().is_none() {
            return Err(Error::UserNotLoggedIn);
        }
        if object.is_token() && !asker.writes {
            return Err(Error::SessionReadOnly);
        }
        Ok(login)
    }

    /// Keeps new objects, all or none. Only the security officer makes one that is to be trusted (footnote 10).
    pub(crate) fn add(&self, objects: Vec<Object>, asker: Asker) -> Result<Vec<CK_OBJECT_HANDLE>> {
        if objects.iter().any(|object| object.is(CKA_TRUSTED)) && !self.is_officer_in()? {
            return Err(Error::AttributeReadOnly);
        }
        self.keep(objects, asker)
    }

    /// Keeps objects: in the store if they are token objects, else in the session.
    fn keep(&self, objects: Vec<Object>, asker: Asker) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let epoch = self.refreshed()?.epoch;
        let mut login = Login::Nobody;
        for object in &objects {
            login = self.check_access(object, asker)?;
            object.check_home()?;
        }
        let stored: Vec<(u64, bool, &Attributes)> = objects
            .iter()
            .filter(|object| object.is_token())
            .map(|object| {
                (
                    u64::from(object.class()),
                    object.is_private(),
                    object.attributes(),
                )
            })
            .collect();
        let heads = if stored.is_empty() {
            Vec::new()
        } else {
            self.vault.insert(epoch, &stored, login.private_key())?
        };
        let mut state = self.state.write()?;
        if state.epoch != epoch {
            return Err(StoreError::Gone.into());
        }
        let mut heads = heads.into_iter();
        let mut handles = Vec::with_capacity(objects.len());
        for object in objects {
            if object.is_private() && state.login.private_key().is_none() {
                // Logged out by another thread meanwhile: what is stored is there, but not for this session.
                return Err(Error::UserNotLoggedIn);
            }
            let head = if object.is_token() { heads.next() } else { None };
            handles.push(match head {
                Some(head) => {
                    state.seen.wrote(head);
                    state.table.put_stored(head.id, Thing::Sound(Arc::new(object)))
                }
                None => state.table.add_session_object(asker.session, object),
            });
        }
        Ok(handles)
    }

    /// `C_SetAttributeValue`. When somebody else has changed the object at the same moment, what he wrote is read
    /// and the change is made to that.
    pub(crate) fn change(
        &self,
        handle: CK_OBJECT_HANDLE,
        template: &[RawAttribute<'_>],
        asker: Asker,
    ) -> Result<()> {
        for _ in 1..CHANGE_ATTEMPTS {
            match self.try_change(handle, template, asker) {
                Err(Error::DeviceRemoved) => self.state.write()?.seen.look_again(),
                other => return other,
            }
        }
        self.try_change(handle, template, asker)
    }

    fn try_change(
        &self,
        handle: CK_OBJECT_HANDLE,
        template: &[RawAttribute<'_>],
        asker: Asker,
    ) -> Result<()> {
        let state = self.refreshed()?;
        let epoch = state.epoch;
        let entry = state.table.get(handle).cloned();
        let Entry { home, thing } = entry.ok_or(Error::ObjectHandleInvalid)?;
        let known = match home {
            Home::Store(id) => state.seen.head(id),
            Home::Session(_) | Home::Nowhere => None,
        };
        drop(state);
        let object = thing.object()?;
        let login = self.check_access(&object, asker)?;
        if !object.is(CKA_MODIFIABLE) {
            return Err(Error::ActionProhibited);
        }
        check_trust(template, &login)?;
        let changed = object.changed(template, Change::InPlace)?;
        changed.check_home()?;
        match (home, known) {
            (Home::Store(_), Some(known)) if known.private == changed.is_private() => {
                let head = self
                    .vault
                    .replace(epoch, &known, changed.attributes(), login.private_key())?;
                let mut state = self.state.write()?;
                let is_ours = state.epoch == epoch && (!head.private || state.login.private_key().is_some());
                if is_ours && state.seen.wrote(head) {
                    state.table.put_stored(head.id, Thing::Sound(Arc::new(changed)));
                }
                Ok(())
            }
            (Home::Session(_), _) => {
                self.state.write()?.table.put_session_object(handle, changed);
                Ok(())
            }
            _ => Err(Error::DeviceError),
        }
    }

    /// `C_CopyObject`.
    pub(crate) fn copy(
        &self,
        handle: CK_OBJECT_HANDLE,
        template: &[RawAttribute<'_>],
        asker: Asker,
    ) -> Result<CK_OBJECT_HANDLE> {
        let object = self.object(handle)?;
        if !object.is(CKA_COPYABLE) {
            return Err(Error::ActionProhibited);
        }
        check_trust(template, &self.login_state()?)?;
        let copy = object.changed(template, Change::Copy)?;
        self.keep(vec![copy], asker)?.pop().ok_or(Error::General)
    }

    /// `C_DestroyObject`. A damaged object can be destroyed by whoever may write to the token.
    pub(crate) fn destroy(&self, handle: CK_OBJECT_HANDLE, asker: Asker) -> Result<()> {
        let entry = self.entry(handle)?;
        match &entry.thing {
            Thing::Sound(object) => {
                self.check_access(object, asker)?;
                if !object.is(CKA_DESTROYABLE) {
                    return Err(Error::ActionProhibited);
                }
            }
            Thing::Damaged { .. } if !asker.writes => return Err(Error::SessionReadOnly),
            Thing::Damaged { .. } if matches!(self.login_state()?, Login::Nobody) => {
                return Err(Error::UserNotLoggedIn);
            }
            Thing::Damaged { .. } => {}
        }
        let epoch = self.state.read()?.epoch;
        match entry.home {
            Home::Store(id) => match self.vault.remove(epoch, id) {
                // Another process was faster: the handle is not valid any more.
                Err(StoreError::Gone) => {
                    self.state.write()?.table.remove(handle);
                    return Err(Error::ObjectHandleInvalid);
                }
                other => other?,
            },
            Home::Session(_) => {}
            Home::Nowhere => return Err(Error::DeviceError),
        }
        let mut state = self.state.write()?;
        if let Home::Store(id) = entry.home {
            state.seen.removed(id);
        }
        state.table.remove(handle);
        Ok(())
    }

    pub(crate) fn drop_session_objects(&self, session: CK_SESSION_HANDLE) -> Result<()> {
        self.state.write()?.table.clear_session(session);
        Ok(())
    }
}

/// Only the security officer may say that an object is to be trusted (PKCS #11, section 4.6.3).
fn check_trust(template: &[RawAttribute<'_>], login: &Login) -> Result<()> {
    let trusts = template
        .iter()
        .any(|raw| raw.kind == CKA_TRUSTED && raw.value != [CK_FALSE]);
    if trusts && !matches!(login, Login::Officer(_)) {
        Err(Error::AttributeReadOnly)
    } else {
        Ok(())
    }
}
