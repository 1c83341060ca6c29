//! A token in use: its store, who is logged in, and the objects that this process sees.

mod login;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use cryptoki_sys::*;

use crate::attribute::RawAttribute;
use crate::conformance::Conformance;
use crate::error::{Error, Result};
use crate::library::Handles;
use crate::mechanism::Mechanism;
use crate::object::{Change, Object, Search};
use crate::profile::Imitation;
use crate::recent::{InUse, Known, Recent};
use crate::store::{
    Changes, Head, LABEL_LEN, Packed, Pin, PinState, Profile, Role, Seen, Serial, StoreError, Vault, Written,
    folder,
};
use crate::table::{Entry, Home, Table, Thing};

pub(crate) use login::Login;

/// How often a change is tried that others come before; each time one of them has made theirs.
const CHANGE_ATTEMPTS: usize = 8;

/// How long, in milliseconds, a key may be used that another process has destroyed, or a login last whose PIN another
/// process has changed.
const LOOK_EVERY: u64 = 1_000;

/// One token.
pub(crate) struct Token {
    vault: Vault,
    conformance: Conformance,
    /// Written only through [`Token::state_to_change`].
    state: RwLock<State>,
    recent: Recent,
    /// Held by the one thread whose PIN is tried.
    trying: Mutex<()>,
    opened: Instant,
    /// When this process last looked whether others have written, in milliseconds since it opened the token.
    looked: AtomicU64,
}

struct State {
    login: Login,
    /// The epoch of the store this state is of.
    epoch: [u8; 16],
    profile: Profile,
    seen: Seen,
    table: Table,
}

impl State {
    /// Nobody is logged in any more, and nobody sees a private object.
    fn end_login(&mut self) {
        self.login = Login::Nobody;
        self.table.clear_private();
        self.seen.forget_private();
    }

    /// Takes over what was read.
    fn take(&mut self, changes: Changes) {
        if changes.anew {
            self.table.clear_stored();
        }
        for id in changes.gone {
            self.table.remove_stored(id);
        }
        for (head, content) in changes.found {
            self.table.put_found(&head, content);
        }
        self.table.mark_short(changes.is_short);
    }
}

/// New objects of which the store has what belongs there.
struct Stored {
    epoch: [u8; 16],
    packed: Vec<Packed>,
    written: Option<Written<Vec<Head>>>,
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
        let conformance = Conformance::new(&handles);
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
                conformance,
                state: RwLock::new(state),
                recent: Recent::new(),
                trying: Mutex::new(()),
                opened: Instant::now(),
                looked: AtomicU64::new(0),
            },
        ))
    }

    pub(crate) fn serial(&self) -> Serial {
        self.vault.serial()
    }

    pub(crate) fn label(&self) -> Result<[u8; LABEL_LEN]> {
        Ok(self.vault.label()?)
    }

    /// What the token imitates; changes only when it is initialised anew.
    pub(crate) fn profile(&self) -> Result<Profile> {
        Ok(self.state.read()?.profile)
    }

    /// The row of its profile.
    pub(crate) fn imitation(&self) -> Result<&'static Imitation> {
        Ok(Imitation::of(&self.profile()?))
    }

    /// Finds a mechanism, if the token offers it.
    pub(crate) fn mechanism(&self, kind: CK_MECHANISM_TYPE) -> Result<&'static dyn Mechanism> {
        self.imitation()?.mechanism(kind)
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

    /// The state for a change, before which what is known of objects in use is forgotten.
    fn state_to_change(&self) -> Result<RwLockWriteGuard<'_, State>> {
        let state = self.state.write()?;
        self.recent.clear();
        Ok(state)
    }

    /// The state, with what other processes have changed taken over.
    fn refreshed(&self) -> Result<RwLockWriteGuard<'_, State>> {
        let mut guard = self.state_to_change()?;
        let state = &mut *guard;
        let changes = self.vault.changes(&mut state.seen, state.login.private_key())?;
        let is_other_token = changes.anew && state.seen.epoch() != state.epoch;
        let is_other_pin = changes
            .settings
            .is_some_and(|settings| !state.login.is_under(settings));
        if is_other_token {
            // Nobody is logged in to a token that was initialised anew, and the old key opens nothing of it.
            state.end_login();
            state.table.clear_stored();
            state.seen = Seen::default();
            state.profile = self.vault.header()?.profile;
            let changes = self.vault.changes(&mut state.seen, None)?;
            state.epoch = state.seen.epoch();
            state.take(changes);
            return Ok(guard);
        }
        state.take(changes);
        if is_other_pin {
            // A login does not outlive the PIN that it was made with.
            state.end_login();
        }
        Ok(guard)
    }

    /// The state as the store has it now. Looking whether others have written costs next to nothing if nobody has.
    fn current(&self) -> Result<RwLockReadGuard<'_, State>> {
        let version = self.vault.version()?;
        let state = self.state.read()?;
        if state.seen.is(version, state.login.private_key().is_some()) {
            return Ok(state);
        }
        drop(state);
        drop(self.refreshed()?);
        Ok(self.state.read()?)
    }

    fn look(&self) -> Result<()> {
        self.current().map(drop)
    }

    /// Looks, if nobody has for [`LOOK_EVERY`].
    fn look_now_and_then(&self) -> Result<()> {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now.saturating_sub(self.looked.load(Ordering::Relaxed)) < LOOK_EVERY {
            return Ok(());
        }
        self.looked.store(now, Ordering::Relaxed);
        self.look()
    }

    pub(crate) fn find(&self, search: &Search) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let mut found = self.current()?.table.find(search);
        found.extend(self.conformance.find(search));
        Ok(found)
    }

    fn entry(&self, handle: CK_OBJECT_HANDLE) -> Result<Entry> {
        let entry = self.state.read()?.table.get(handle);
        entry
            .or_else(|| self.conformance.get(handle))
            .ok_or(Error::ObjectHandleInvalid)
    }

    /// An object as this process knows it. It is the way to every value, so the store is looked at only now and
    /// then: what another process has destroyed is shown no longer than that.
    pub(crate) fn object(&self, handle: CK_OBJECT_HANDLE) -> Result<Arc<Object>> {
        self.look_now_and_then()?;
        self.entry(handle)?.thing.object()
    }

    /// The same for an object that is to be used as a key, with whether the user is logged in. It is the way to
    /// every signature.
    pub(crate) fn object_in_use(&self, handle: CK_OBJECT_HANDLE) -> Result<InUse> {
        self.look_now_and_then()?;
        if let Some(known) = self.recent.get(handle) {
            return Ok(known);
        }
        let state = self.state.read()?;
        let entry = state.table.get(handle).or_else(|| self.conformance.get(handle));
        let object = entry.ok_or(Error::ObjectHandleInvalid)?.thing.object()?;
        Ok(self.recent.put(Known {
            handle,
            object,
            is_user_in: state.login.private_key().is_some(),
            imitation: Imitation::of(&state.profile),
        }))
    }

    /// Whether the session may make, change or destroy such an object (section 2.4, table 6).
    fn check_access(&self, object: &Object, asker: Asker) -> Result<Login> {
        let login = self.login_state()?;
        if object.is_guarded() && login.private_key().is_none() {
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
        let imitation = self.imitation()?;
        let objects = objects
            .into_iter()
            .map(|object| imitation.shaped(object))
            .collect();
        self.keep(objects, asker)
    }

    /// Keeps objects: in the store if they are token objects, else in the session.
    fn keep(&self, objects: Vec<Object>, asker: Asker) -> Result<Vec<CK_OBJECT_HANDLE>> {
        match self.store(&objects, asker) {
            // Initialised anew by another process: whoever may write to the new token does.
            Err(Error::DeviceRemoved) => {
                drop(self.refreshed()?);
                let stored = self.store(&objects, asker)?;
                self.note(objects, stored, asker)
            }
            stored => self.note(objects, stored?, asker),
        }
    }

    /// Writes those of the objects that are token objects to the store.
    fn store(&self, objects: &[Object], asker: Asker) -> Result<Stored> {
        let epoch = self.state.read()?.epoch;
        let mut login = Login::Nobody;
        let mut packed = Vec::new();
        for object in objects {
            login = self.check_access(object, asker)?;
            if object.is_token() {
                packed.push(Packed::new(object.attributes())?);
            }
        }
        let kept = objects.iter().filter(|object| object.is_token()).zip(&packed);
        let rows: Vec<(u64, bool, &Packed)> = kept
            .map(|(object, packed)| (u64::from(object.class()), object.is_guarded(), packed))
            .collect();
        let written = if rows.is_empty() {
            None
        } else {
            Some(self.vault.insert(epoch, &rows, login.private_key())?)
        };
        Ok(Stored {
            epoch,
            packed,
            written,
        })
    }

    /// Gives new objects their handles, once the store has what belongs there.
    fn note(&self, objects: Vec<Object>, stored: Stored, asker: Asker) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let mut state = self.state_to_change()?;
        if state.epoch != stored.epoch {
            return Err(StoreError::Gone.into());
        }
        let heads = stored.written.map(|written| {
            state.seen.built_on(written.base);
            written.outcome
        });
        let mut rows = heads.into_iter().flatten().zip(stored.packed);
        let mut handles = Vec::with_capacity(objects.len());
        for object in objects {
            if object.is_guarded() && state.login.private_key().is_none() {
                // Logged out by another thread meanwhile: what is stored is there, but not for this session.
                state.seen.look_again();
                return Err(Error::UserNotLoggedIn);
            }
            let row = if object.is_token() { rows.next() } else { None };
            handles.push(match row {
                Some((head, packed)) => {
                    state.seen.wrote(head);
                    state.table.put_stored(&head, packed, object)
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
                Err(Error::DeviceRemoved) => self.state_to_change()?.seen.look_again(),
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
        let state = self.current()?;
        let epoch = state.epoch;
        let entry = state.table.get(handle).or_else(|| self.conformance.get(handle));
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
        if changed.is_guarded() != object.is_guarded() {
            // It would have to be sealed with another key, and be hidden from those who see it now.
            return Err(Error::TemplateInconsistent);
        }
        match (home, known) {
            (Home::Store(_), Some(known)) if known.private == changed.is_guarded() => {
                let packed = Packed::new(changed.attributes())?;
                let written = self.vault.replace(epoch, &known, &packed, login.private_key())?;
                let Written { base, outcome: head } = written;
                let mut state = self.state_to_change()?;
                let is_ours = state.epoch == epoch && (!head.private || state.login.private_key().is_some());
                if is_ours && state.seen.wrote(head) {
                    state.seen.built_on(base);
                    state.table.put_stored(&head, packed, changed);
                }
                Ok(())
            }
            (Home::Session(_), _) => {
                self.state_to_change()?.table.put_session_object(handle, changed);
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
            Thing::Damaged if !asker.writes => return Err(Error::SessionReadOnly),
            Thing::Damaged if matches!(self.login_state()?, Login::Nobody) => {
                return Err(Error::UserNotLoggedIn);
            }
            Thing::Damaged => {}
        }
        let epoch = self.state.read()?.epoch;
        let written = match entry.home {
            Home::Store(id) => match self.vault.remove(epoch, id) {
                // Another process was faster: the handle is not valid any more.
                Err(StoreError::Gone) => {
                    self.state_to_change()?.table.remove(handle);
                    return Err(Error::ObjectHandleInvalid);
                }
                other => Some((id, other?.base)),
            },
            Home::Session(_) => None,
            Home::Nowhere => return Err(Error::DeviceError),
        };
        let mut state = self.state_to_change()?;
        if let Some((id, base)) = written {
            state.seen.removed(id);
            state.seen.built_on(base);
        }
        state.table.remove(handle);
        Ok(())
    }

    pub(crate) fn drop_session_objects(&self, session: CK_SESSION_HANDLE) -> Result<()> {
        self.state_to_change()?.table.clear_session(session);
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
