//! Section 5.10, message digesting.

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call};
use crate::output::{Answer, Room};
use crate::session::{Digesting, Step, advance};

/// `C_DigestInit`.
pub(crate) fn init(library: &Library, session: CK_SESSION_HANDLE, call: &Call<'_>) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    if operations.digest.is_some() {
        return Err(Error::OperationActive);
    }
    let context = mechanism::find(call.kind)?.digest(call)?;
    operations.digest = Some(Digesting {
        context,
        in_parts: false,
    });
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
    advance(&mut session.operations.lock()?.digest, |operation| {
        if operation.in_parts {
            return Err(Error::OperationActive);
        }
        give(operation, data?, room?)
    })
}

/// `C_DigestUpdate`.
pub(crate) fn update(library: &Library, session: CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance(&mut session.operations.lock()?.digest, |mut operation| {
        operation.context.update(part?);
        operation.in_parts = true;
        Ok(((), Some(operation)))
    })
}

/// `C_DigestKey`: there are no secret keys to digest. The digest in flight ends, as with every error.
pub(crate) fn key(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    advance(&mut session.operations.lock()?.digest, |_| {
        Err(Error::FunctionNotSupported)
    })
}

/// `C_DigestFinal`.
pub(crate) fn finish(
    library: &Library,
    session: CK_SESSION_HANDLE,
    room: Result<Room>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    advance(&mut session.operations.lock()?.digest, |operation| {
        give(operation, &[], room?)
    })
}

fn give(mut operation: Digesting, data: &[u8], room: Room) -> Result<Step<Answer<u8>, Digesting>> {
    let needed = operation.context.algorithm().output_len();
    if !room.takes(needed) {
        return Ok((room.answer(needed, || Err(Error::General))?, Some(operation)));
    }
    operation.context.update(data);
    let digest = operation.context.finish();
    Ok((room.answer(needed, || Ok(digest.as_ref().to_vec()))?, None))
}
