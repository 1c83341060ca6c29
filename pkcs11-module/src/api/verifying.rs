//! Section 5.12, verifying signatures.

use cryptoki_sys::*;

use super::signing::{check_parts, fed, usable_key};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call};
use crate::session::{Active, advance, cancel, check_free};

/// `C_VerifyInit`.
pub(crate) fn init(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: Option<&Call<'_>>,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = library.session(session)?;
    let place = &mut session.operations.lock()?.verify;
    let Some(call) = call else { return cancel(place) };
    check_free(place)?;
    let mechanism = mechanism::find(call.kind)?;
    let key = usable_key(&session.token, key, CKA_VERIFY, call.kind)?;
    *place = Some(Active::new(mechanism.verify(call, &key)?));
    Ok(())
}

/// `C_Verify`: always ends the operation.
pub(crate) fn verify(
    library: &Library,
    session: CK_SESSION_HANDLE,
    data: Result<&[u8]>,
    signature: Result<&[u8]>,
) -> Result<()> {
    let session = library.session(session)?;
    advance(&mut session.operations.lock()?.verify, |mut operation| {
        if operation.in_parts {
            return Err(Error::OperationActive);
        }
        operation.work.update(data?)?;
        operation.work.finish(signature?)?;
        Ok(((), None))
    })
}

/// `C_VerifyUpdate`.
pub(crate) fn update(library: &Library, session: CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance(&mut session.operations.lock()?.verify, |operation| {
        Ok(((), Some(fed(operation, part?)?)))
    })
}

/// `C_VerifyFinal`: always ends the operation.
pub(crate) fn finish(library: &Library, session: CK_SESSION_HANDLE, signature: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance(&mut session.operations.lock()?.verify, |operation| {
        check_parts(&*operation.work)?;
        operation.work.finish(signature?)?;
        Ok(((), None))
    })
}
