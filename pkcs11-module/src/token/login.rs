//! Who is logged in to a token, and its PINs.

use std::sync::{Arc, PoisonError};

use super::Token;
use crate::error::{Error, Result};
use crate::store::{DataKey, Pin, Role, StoreError};

/// Who is logged in, in all sessions of this process at once (PKCS #11, section 2.4).
#[derive(Clone)]
pub(crate) enum Login {
    Nobody,
    User(Arc<DataKey>),
    Officer(Arc<DataKey>),
}

impl Login {
    /// Whether the PIN that it was made with is still set; `settings` are those of the officer and the user.
    pub(super) fn is_under(&self, [officer, user]: [Option<[u8; 16]>; 2]) -> bool {
        match self {
            Self::Nobody => true,
            Self::Officer(key) => officer == Some(key.seal()),
            Self::User(key) => user == Some(key.seal()),
        }
    }

    /// Only the user has private objects.
    pub(super) fn private_key(&self) -> Option<&DataKey> {
        if let Self::User(key) = self {
            Some(key)
        } else {
            None
        }
    }
}

impl Token {
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

    /// Logs in. Of several threads one tries its PIN after the other, and none any more once one is in.
    pub(crate) fn login(&self, role: Role, pin: &Pin) -> Result<()> {
        let _trying = self.trying.lock()?;
        self.check_nobody_is_in(role)?;
        // The state's lock is not held while the PIN's key is derived: signatures of other sessions go on.
        let key = Arc::new(self.vault.unlock(role, pin)?);
        let epoch = key.epoch();
        let mut state = self.refreshed()?;
        if epoch != state.epoch {
            return Err(StoreError::Gone.into());
        }
        state.login = match role {
            Role::Officer => Login::Officer(key),
            Role::User => Login::User(key),
        };
        drop(state);
        // A login that cannot read the objects is none; one that another thread has ended meanwhile was one.
        let outcome = match self.refreshed() {
            Ok(state) if state.epoch != epoch => Err(StoreError::Gone.into()),
            Ok(_) => return Ok(()),
            Err(error) => Err(error),
        };
        self.logout()?;
        outcome
    }

    /// Whether the role may log in: nobody is yet.
    pub(crate) fn check_nobody_is_in(&self, role: Role) -> Result<()> {
        match (self.login_state()?, role) {
            (Login::Nobody, _) => Ok(()),
            (Login::User(_), Role::User) | (Login::Officer(_), Role::Officer) => {
                Err(Error::UserAlreadyLoggedIn)
            }
            _ => Err(Error::UserAnotherAlreadyLoggedIn),
        }
    }

    /// Forgets the key and every private object, also after a panic: the lock stays poisoned, the key does not stay.
    pub(crate) fn logout(&self) -> Result<()> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        self.recent.clear();
        state.end_login();
        Ok(())
    }

    /// Sets a PIN. The login of this process goes on; those of others end when they next look, for whoever changes a
    /// PIN may have reason to.
    pub(crate) fn set_pin(&self, role: Role, key: &DataKey, pin: &Pin) -> Result<()> {
        let new = self.vault.prepare_pin(role, key, pin)?;
        // Nobody looks between the write and the note of it.
        let mut state = self.state_to_change()?;
        let seal = self.vault.set_pin(&new)?;
        state.login = match (&state.login, role) {
            (Login::Officer(key), Role::Officer) => Login::Officer(Arc::new(key.under(seal))),
            (Login::User(key), Role::User) => Login::User(Arc::new(key.under(seal))),
            (login, _) => login.clone(),
        };
        Ok(())
    }
}
