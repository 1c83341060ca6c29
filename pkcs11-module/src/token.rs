//! A token in use: its store, who is logged in, and the objects that this process sees.

use std::sync::{Arc, RwLock, RwLockWriteGuard};

use cryptoki_sys::*;

use crate::attribute::RawAttribute;
use crate::error::{Error, Result};
use crate::library::Handles;
use crate::object::{Attributes, Change, Object, Search};
use crate::store::{DataKey, LABEL_LEN, Pin, PinState, Role, Seen, Serial, StoreError, Vault, folder};
use crate::table::{Entry, Home, Table, Thing};

/// One token.
pub(crate) struct Token {
    vault: Vault,
    state: RwLock<State>,
}

struct State {
    login: Login,
    /// The epoch of the store this state is of.
    epoch: [u8; 16],
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
            seen: Seen::default(),
            table,
        };
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

    /// The states of the SO PIN and the user PIN.
    pub(crate) fn pins(&self) -> Result<[PinState; 2]> {
        Ok(self.vault.pins()?)
    }

    pub(crate) fn has_damage(&self) -> Result<bool> {
        Ok(self.refreshed()?.table.has_damage())
    }

    /// Makes it an empty token again; the caller has seen to it that there is no session.
    pub(crate) fn initialize_anew(&self, label: [u8; LABEL_LEN], pin: &Pin) -> Result<()> {
        self.vault.unlock(Role::Officer, pin)?;
        self.vault.initialize(folder::now(), label, pin)?;
        self.logout()
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
        let mut state = self.state.write()?;
        if !matches!(state.login, Login::Nobody) {
            return Err(Error::UserAlreadyLoggedIn);
        }
        state.login = match role {
            Role::Officer => Login::Officer(key),
            Role::User => Login::User(key),
        };
        drop(state);
        // A login that cannot read the objects is none.
        match self.refreshed() {
            Ok(_) => Ok(()),
            Err(error) => {
                self.logout()?;
                Err(error)
            }
        }
    }

    /// Forgets the key and every private object.
    pub(crate) fn logout(&self) -> Result<()> {
        let mut state = self.state.write()?;
        state.login = Login::Nobody;
        state.table.clear_private();
        state.seen.forget_private();
        Ok(())
    }

    pub(crate) fn set_pin(&self, role: Role, key: &DataKey, pin: &Pin) -> Result<()> {
        Ok(self.vault.set_pin(role, key, pin)?)
    }

    // Objects.

    /// The state, with what other processes have changed taken over.
    fn refreshed(&self) -> Result<RwLockWriteGuard<'_, State>> {
        let mut guard = self.state.write()?;
        let state = &mut *guard;
        let changes = self.vault.changes(&mut state.seen, state.login.private_key())?;
        if changes.anew {
            state.table.clear_stored();
            let header = self.vault.header()?;
            if header.epoch != state.epoch {
                // Initialised anew by another process: nobody is logged in to the new token.
                state.login = Login::Nobody;
                state.epoch = header.epoch;
                state.table.clear_private();
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
        match self.entry(handle)?.thing {
            Thing::Sound(object) => Ok(object),
            Thing::Damaged { .. } => Err(Error::DeviceError),
        }
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

    /// Keeps new objects, all or none: in the store if they are token objects, else in the session.
    pub(crate) fn add(&self, objects: Vec<Object>, asker: Asker) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let mut login = Login::Nobody;
        for object in &objects {
            login = self.check_access(object, asker)?;
            if object.is_token() && object.class() == CKO_PRIVATE_KEY && !object.is_private() {
                // What everybody may read is sealed with a key that everybody has: no place for a private key.
                return Err(Error::TemplateInconsistent);
            }
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
        let epoch = self.state.read()?.epoch;
        let heads = if stored.is_empty() {
            Vec::new()
        } else {
            self.vault.insert(epoch, &stored, login.private_key())?
        };
        let mut state = self.state.write()?;
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

    /// `C_SetAttributeValue`.
    pub(crate) fn change(
        &self,
        handle: CK_OBJECT_HANDLE,
        template: &[RawAttribute<'_>],
        asker: Asker,
    ) -> Result<()> {
        let entry = self.entry(handle)?;
        let object = self.object(handle)?;
        let login = self.check_access(&object, asker)?;
        if !object.is(CKA_MODIFIABLE) {
            return Err(Error::ActionProhibited);
        }
        let trusts = template
            .iter()
            .any(|raw| raw.kind == CKA_TRUSTED && raw.value != [CK_FALSE]);
        if trusts && !matches!(login, Login::Officer(_)) {
            return Err(Error::AttributeReadOnly);
        }
        let changed = object.changed(template, Change::InPlace)?;
        let epoch = self.state.read()?.epoch;
        match entry.home {
            Home::Store(id) => {
                let head = self
                    .vault
                    .replace(epoch, id, changed.attributes(), login.private_key())?;
                let mut state = self.state.write()?;
                state.seen.wrote(head);
                state.table.put_stored(id, Thing::Sound(Arc::new(changed)));
            }
            Home::Session(_) => self.state.write()?.table.put_session_object(handle, changed),
            Home::Nowhere => return Err(Error::DeviceError),
        }
        Ok(())
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
        let copy = object.changed(template, Change::Copy)?;
        self.add(vec![copy], asker)?.pop().ok_or(Error::General)
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
