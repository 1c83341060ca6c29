//! Section 5.12, verifying signatures.

use cryptoki_sys::*;

use super::signing::{begun, check_parts, fed};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call};
use crate::session::{Active, SignatureFirst, advance_at_once, advance_in_parts, cancel, check_free};

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
    let (_, work) = begun(&session.token, key, CKA_VERIFY, call.kind, |key| {
        mechanism.verify(call, key)
    })?;
    *place = Some(Active::new(work));
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
    advance_at_once(&mut session.operations.lock()?.verify, |mut operation| {
        operation.work.update(data?)?;
        operation.work.finish(signature?)?;
        Ok(((), None))
    })
}

/// `C_VerifyUpdate`.
pub(crate) fn update(library: &Library, session: CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.verify, |operation| {
        Ok(((), Some(fed(operation, part?)?)))
    })
}

/// `C_VerifyFinal`: always ends the operation.
pub(crate) fn finish(library: &Library, session: CK_SESSION_HANDLE, signature: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.verify, |operation| {
        check_parts(&*operation.work)?;
        operation.work.finish(signature?)?;
        Ok(((), None))
    })
}

/// `C_VerifySignatureInit` (3.2): the signature is known before the data.
pub(crate) fn init_with_signature(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: Option<&Call<'_>>,
    key: CK_OBJECT_HANDLE,
    signature: &[u8],
) -> Result<()> {
    /// Longer than every signature; what is longer is kept for nothing.
    const LONGEST: usize = 1 << 16;
    let session = library.session(session)?;
    let place = &mut session.operations.lock()?.verify_signature;
    let Some(call) = call else { return cancel(place) };
    check_free(place)?;
    let mechanism = mechanism::find(call.kind)?;
    let (_, work) = begun(&session.token, key, CKA_VERIFY, call.kind, |key| {
        mechanism.verify(call, key)
    })?;
    if signature.len() > LONGEST {
        return Err(Error::SignatureLenRange);
    }
    *place = Some(SignatureFirst {
        active: Active::new(work),
        signature: signature.to_vec(),
    });
    Ok(())
}

/// `C_VerifySignature` (3.2): always ends the operation.
pub(crate) fn verify_known(library: &Library, session: CK_SESSION_HANDLE, data: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance_at_once(
        &mut session.operations.lock()?.verify_signature,
        |mut operation| {
            operation.active.work.update(data?)?;
            operation.active.work.finish(&operation.signature)?;
            Ok(((), None))
        },
    )
}

/// `C_VerifySignatureUpdate` (3.2).
pub(crate) fn update_known(library: &Library, session: CK_SESSION_HANDLE, part: Result<&[u8]>) -> Result<()> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.verify_signature, |operation| {
        let SignatureFirst { active, signature } = operation;
        let active = fed(active, part?)?;
        Ok(((), Some(SignatureFirst { active, signature })))
    })
}

/// `C_VerifySignatureFinal` (3.2): always ends the operation.
pub(crate) fn finish_known(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    advance_in_parts(&mut session.operations.lock()?.verify_signature, |operation| {
        check_parts(&*operation.active.work)?;
        operation.active.work.finish(&operation.signature)?;
        Ok(((), None))
    })
}
