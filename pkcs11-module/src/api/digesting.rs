//! Message digesting (2.40, section 5.10).

use cryptoki_sys::*;

use super::signing::object_as_key;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{Call, Digesting};
use crate::output::{Answer, Room};
use crate::session::{Active, Manner, Step, advance_at_once, advance_in_parts, cancel, check_free};

/// `C_DigestInit`.
pub(crate) fn init(library: &Library, session: CK_SESSION_HANDLE, call: Option<&Call<'_>>) -> Result<()> {
    let session = library.session(session)?;
    let place = &mut session.operations.lock()?.digest;
    let Some(call) = call else { return cancel(place) };
    check_free(place)?;
    *place = Some(Active::new(session.token.mechanism(call.kind)?.digest(call)?));
    Ok(())
}

/// `C_Digest`.
pub(crate) fn digest(
    library: &Library,
    session: CK_SESSION_HANDLE,
    data: Result<&[u8]>,
    room: Result<Room>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    advance_at_once(&mut session.operations.lock()?.digest, |operation| {
        give(operation, data?, room?)
    })
}

/// `C_DigestUpdate`.
pub(crate) fn update(library: &Library, session: CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.digest, |operation| {
        fed(operation, part?).map(|operation| ((), Some(operation)))
    })
}

/// `C_DigestKey`: a secret key's value, which is digested like data.
pub(crate) fn key(library: &Library, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.digest, |operation| {
        let key = object_as_key(&session.token, key)?;
        if key.class() != CKO_SECRET_KEY {
            return Err(Error::KeyIndigestible);
        }
        fed(operation, key.bytes(CKA_VALUE)?).map(|operation| ((), Some(operation)))
    })
}

/// `C_DigestFinal`.
pub(crate) fn finish(
    library: &Library,
    session: CK_SESSION_HANDLE,
    room: Result<Room>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.digest, |operation| {
        give(operation, &[], room?)
    })
}

/// Feeds a digest one part.
pub(super) fn fed(mut operation: Active<dyn Digesting>, part: &[u8]) -> Result<Active<dyn Digesting>> {
    operation.work.update(part)?;
    operation.manner = Manner::InParts;
    Ok(operation)
}

fn give(
    mut operation: Active<dyn Digesting>,
    data: &[u8],
    room: Room,
) -> Result<Step<Answer<u8>, Active<dyn Digesting>>> {
    let needed = operation.work.digest_len();
    if !room.takes(needed) {
        return Ok((room.answer(needed, || Err(Error::General))?, Some(operation)));
    }
    operation.work.update(data)?;
    let digest = operation.work.finish()?;
    Ok((room.answer(needed, || Ok(digest))?, None))
}
