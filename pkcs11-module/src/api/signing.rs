//! Section 5.11, signing.

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call, Fed, Signing};
use crate::object::Object;
use crate::output::{Answer, Room};
use crate::recent::InUse;
use crate::session::{Active, Manner, Step, advance_at_once, advance_in_parts, cancel, check_free};
use crate::token::Token;

/// `C_SignInit`.
pub(crate) fn init(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: Option<&Call<'_>>,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = library.session(session)?;
    let place = &mut session.operations.lock()?.sign;
    let Some(call) = call else { return cancel(place) };
    check_free(place)?;
    let mechanism = mechanism::find(call.kind)?;
    let (key, work) = begun(&session.token, key, CKA_SIGN, call.kind, |key| {
        mechanism.sign(call, key)
    })?;
    let mut active = Active::new(key.imitation().paced(work));
    active.wants_login = key.is(CKA_ALWAYS_AUTHENTICATE);
    *place = Some(active);
    Ok(())
}

/// `C_Sign`.
pub(crate) fn sign(
    library: &Library,
    session: CK_SESSION_HANDLE,
    data: Result<&[u8]>,
    room: Result<Room>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    advance_at_once(&mut session.operations.lock()?.sign, |operation| {
        give(operation, data?, room?)
    })
}

/// `C_SignUpdate`.
pub(crate) fn update(library: &Library, session: CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.sign, |operation| {
        Ok(((), Some(fed(operation, part?)?)))
    })
}

/// `C_SignFinal`.
pub(crate) fn finish(
    library: &Library,
    session: CK_SESSION_HANDLE,
    room: Result<Room>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.sign, |operation| {
        check_parts(&*operation.work)?;
        give(operation, &[], room?)
    })
}

/// Signs only when there is room for it: a length query must cost nothing, and an ECDSA signature that was made
/// and thrown away is one that somebody could have seen.
fn give(
    mut operation: Active<dyn Signing>,
    data: &[u8],
    room: Room,
) -> Result<Step<Answer<u8>, Active<dyn Signing>>> {
    let needed = operation.work.signature_len();
    if !room.takes(needed) {
        return Ok((room.answer(needed, || Err(Error::General))?, Some(operation)));
    }
    if operation.wants_login {
        return Err(Error::UserNotLoggedIn);
    }
    operation.work.update(data)?;
    let signature = operation.work.finish()?;
    Ok((room.answer(needed, || Ok(signature))?, None))
}

/// Feeds a signature or verification one part.
pub(super) fn fed<W: Fed + ?Sized>(mut operation: Active<W>, part: &[u8]) -> Result<Active<W>> {
    if operation.wants_login {
        return Err(Error::UserNotLoggedIn);
    }
    check_parts(&*operation.work)?;
    operation.work.update(part)?;
    operation.manner = Manner::InParts;
    Ok(operation)
}

/// A mechanism that is defined for one piece of data has no operation in parts.
pub(super) fn check_parts<W: Fed + ?Sized>(work: &W) -> Result<()> {
    if work.takes_parts() {
        Ok(())
    } else {
        Err(Error::OperationNotInitialized)
    }
}

/// The key for an operation, if it allows it. A private object that nobody may see has no handle, so that a handle
/// alone tells nothing.
pub(super) fn usable_key(
    token: &Token,
    handle: CK_OBJECT_HANDLE,
    usage: CK_ATTRIBUTE_TYPE,
    mechanism: CK_MECHANISM_TYPE,
) -> Result<InUse> {
    let key = offered_key(token, handle, mechanism)?;
    check_permitted(&key, usage, mechanism)?;
    Ok(key)
}

/// The same for a function that works with the key at once: the PIN for one use (`CKA_ALWAYS_AUTHENTICATE`, 4.9) is
/// asked for between two calls of an operation, and this one has no second.
pub(super) fn usable_at_once(
    token: &Token,
    handle: CK_OBJECT_HANDLE,
    usage: CK_ATTRIBUTE_TYPE,
    mechanism: CK_MECHANISM_TYPE,
) -> Result<InUse> {
    let key = usable_key(token, handle, usage, mechanism)?;
    if key.is(CKA_ALWAYS_AUTHENTICATE) {
        return Err(Error::UserNotLoggedIn);
    }
    Ok(key)
}

/// Begins work with a key, if the key allows it. Of a key that could allow it and does not, the wrong type is said
/// first (5.1.6: `CKR_KEY_TYPE_INCONSISTENT` goes before `CKR_KEY_FUNCTION_NOT_PERMITTED`).
pub(super) fn begun<W>(
    token: &Token,
    handle: CK_OBJECT_HANDLE,
    usage: CK_ATTRIBUTE_TYPE,
    mechanism: CK_MECHANISM_TYPE,
    begin: impl FnOnce(&Object) -> Result<W>,
) -> Result<(InUse, W)> {
    let key = offered_key(token, handle, mechanism)?;
    match check_permitted(&key, usage, mechanism) {
        Ok(()) => {
            let work = begin(&key)?;
            Ok((key, work))
        }
        Err(refusal) if key.attributes().contains_key(&usage) => match begin(&key) {
            Err(Error::KeyTypeInconsistent) => Err(Error::KeyTypeInconsistent),
            _ => Err(refusal),
        },
        Err(refusal) => Err(refusal),
    }
}

/// The key, if the token offers the mechanism, which is refused first if not.
fn offered_key(token: &Token, handle: CK_OBJECT_HANDLE, mechanism: CK_MECHANISM_TYPE) -> Result<InUse> {
    let found = object_as_key(token, handle);
    match &found {
        Ok(key) => key.imitation().check_offered(mechanism)?,
        Err(_) => token.imitation()?.check_offered(mechanism)?,
    }
    found
}

fn check_permitted(key: &Object, usage: CK_ATTRIBUTE_TYPE, mechanism: CK_MECHANISM_TYPE) -> Result<()> {
    if !key.is(usage) {
        Err(Error::KeyFunctionNotPermitted)
    } else if key.allows(mechanism) {
        Ok(())
    } else {
        Err(Error::MechanismInvalid)
    }
}

/// An object that is a key, whatever it allows.
pub(super) fn object_as_key(token: &Token, handle: CK_OBJECT_HANDLE) -> Result<InUse> {
    let key = token.object_in_use(handle).map_err(|error| match error {
        Error::ObjectHandleInvalid => Error::KeyHandleInvalid,
        other => other,
    })?;
    if !matches!(key.class(), CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY) {
        return Err(Error::KeyHandleInvalid);
    }
    if key.is_guarded() && !key.is_user_in() {
        return Err(Error::UserNotLoggedIn);
    }
    Ok(key)
}
