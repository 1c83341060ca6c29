//! Sections 5.5 and 5.6, PINs: `C_InitPIN`, `C_SetPIN`, `C_Login`, `C_Logout`.

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;
use crate::profile::Imitation;
use crate::session::Session;
use crate::store::{Pin, Role};
use crate::token::{Login, Token};

/// `C_InitPIN`: the security officer sets the user's PIN, which also unlocks it.
pub(crate) fn init_pin(library: &Library, session: CK_SESSION_HANDLE, pin: &[u8]) -> Result<()> {
    let session = library.session(session)?;
    let Login::Officer(key) = session.token.login_state()? else {
        return Err(Error::UserNotLoggedIn);
    };
    let pin = new_pin(pin, session.token.imitation()?)?;
    session.token.set_pin(Role::User, &key, &pin)
}

/// `C_SetPIN`: whoever is logged in changes his PIN; when nobody is, it is the user's.
pub(crate) fn set_pin(library: &Library, session: CK_SESSION_HANDLE, old: &[u8], new: &[u8]) -> Result<()> {
    let session = library.session(session)?;
    if !session.writes() {
        return Err(Error::SessionReadOnly);
    }
    let new = new_pin(new, session.token.imitation()?)?;
    let role = match session.token.login_state()? {
        Login::Officer(_) => Role::Officer,
        Login::User(_) | Login::Nobody => Role::User,
    };
    let old = tried_pin(&session.token, role, old)?;
    let key = session.token.unlock(role, &old)?;
    session.token.set_pin(role, &key, &new)
}

/// `C_Login`.
pub(crate) fn login(
    library: &Library,
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: &[u8],
) -> Result<()> {
    let session = library.session(session)?;
    match user {
        CKU_USER => login_as(library, &session, Role::User, pin),
        CKU_SO => {
            check_sessions(library, &session, Role::Officer)?;
            login_as(library, &session, Role::Officer, pin)
        }
        CKU_CONTEXT_SPECIFIC => login_for_operation(&session, pin).inspect_err(|error| {
            // Who cannot be asked any more is no longer there (4.10). The refusal is what counts.
            if *error == Error::PinLocked {
                let _ = library.logout(&session.token);
            }
        }),
        _ => Err(Error::UserTypeInvalid),
    }
}

/// `C_LoginUser` (3.0): a token with one user, who has no name, so only the empty one is his.
pub(crate) fn login_user(
    library: &Library,
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: &[u8],
    name: &[u8],
) -> Result<()> {
    if !name.is_empty() {
        library.session(session)?;
        return Err(Error::ArgumentsBad);
    }
    login(library, session, user, pin)
}

fn login_as(library: &Library, session: &Session, role: Role, pin: &[u8]) -> Result<()> {
    session.token.check_nobody_is_in(role)?;
    let pin = tried_pin(&session.token, role, pin)?;
    session.token.login(role, &pin)?;
    // The derivation of the PIN's key takes long enough for sessions to come and go. Whoever opens one after the
    // login finds it in the token's state, so one more look meets all the others.
    check_sessions(library, session, role).inspect_err(|_| {
        // The refusal is what counts; a logout fails only where nobody is logged in.
        let _ = library.logout(&session.token);
    })
}

/// Whether the token's sessions allow the login: there is one, and none reads only when the officer logs in.
fn check_sessions(library: &Library, session: &Session, role: Role) -> Result<()> {
    let sessions = library.sessions_with(&session.token)?;
    if sessions.is_empty() {
        Err(Error::SessionHandleInvalid)
    } else if role == Role::Officer && sessions.iter().any(|other| !other.writes()) {
        Err(Error::SessionReadOnlyExists)
    } else {
        Ok(())
    }
}

/// The PIN for one use of a key that always asks (`CKA_ALWAYS_AUTHENTICATE`), after `C_SignInit`.
fn login_for_operation(session: &Session, pin: &[u8]) -> Result<()> {
    let mut operations = session.operations.lock()?;
    let operations = &mut *operations;
    let sign = operations.sign.as_mut().map(|sign| &mut sign.wants_login);
    let messages = operations
        .message_sign
        .as_mut()
        .map(|messages| messages.wants_login());
    let sealed = operations.message_encrypt.as_mut();
    let opened = operations.message_decrypt.as_mut();
    let sealed = sealed
        .into_iter()
        .chain(opened)
        .map(|messages| messages.wants_login());
    let ciphers = [
        &mut operations.decrypt,
        &mut operations.sign_recover,
        &mut operations.encrypt,
        &mut operations.verify_recover,
    ];
    let ciphers = ciphers.into_iter().flatten();
    let waiting = sign
        .into_iter()
        .chain(messages)
        .chain(sealed)
        .chain(ciphers.map(|cipher| &mut cipher.active.wants_login))
        .find(|wants_login| **wants_login);
    let waiting = waiting.ok_or(Error::OperationNotInitialized)?;
    let pin = tried_pin(&session.token, Role::User, pin)?;
    session.token.unlock(Role::User, &pin)?;
    *waiting = false;
    Ok(())
}

/// `C_Logout`.
pub(crate) fn logout(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    if matches!(session.token.login_state()?, Login::Nobody) {
        return Err(Error::UserNotLoggedIn);
    }
    library.logout(&session.token)
}

/// A PIN that is to be set.
pub(super) fn new_pin(pin: &[u8], imitation: &Imitation) -> Result<Pin> {
    imitation.check_pin_len(pin)?;
    let pin = Pin::new(pin).ok_or(Error::PinLenRange)?;
    if pin.is_text() {
        Ok(pin)
    } else {
        Err(Error::PinInvalid)
    }
}

/// A PIN that is tried. One of a length that none can have is wrong at once and costs no try: it tells nothing
/// that `C_GetTokenInfo` does not tell.
pub(super) fn tried_pin(token: &Token, role: Role, pin: &[u8]) -> Result<Pin> {
    match Pin::new(pin) {
        Some(pin) => Ok(pin),
        None if token.is_locked(role)? => Err(Error::PinLocked),
        None => Err(Error::PinIncorrect),
    }
}
