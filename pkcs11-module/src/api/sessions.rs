//! Section 5.6, session management.

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;

/// `C_OpenSession`. The host's callback is never called: nothing here takes long enough to surrender.
pub(crate) fn open(library: &Library, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
    if flags & CKF_SERIAL_SESSION == 0 {
        return Err(Error::SessionParallelNotSupported);
    }
    if flags & CKF_ASYNC_SESSION != 0 {
        return Err(Error::SessionAsyncNotSupported);
    }
    let token = library.slots.lock()?.token(slot)?;
    library.open_session(slot, token, flags & CKF_RW_SESSION != 0)
}

/// `C_CloseSession`.
pub(crate) fn close(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    library.close_session(session)
}

/// `C_CloseAllSessions`.
pub(crate) fn close_all(library: &Library, slot: CK_SLOT_ID) -> Result<()> {
    // The slot has to exist; its token may have been taken away under the sessions.
    library.slots.lock()?.slot(slot)?;
    library.close_sessions_in(slot)
}

/// `C_GetSessionInfo`.
pub(crate) fn session_info(library: &Library, session: CK_SESSION_HANDLE) -> Result<CK_SESSION_INFO> {
    let session = library.session(session)?;
    let writes = if session.writes() { CKF_RW_SESSION } else { 0 };
    Ok(CK_SESSION_INFO {
        slotID: session.slot,
        state: session.state()?,
        flags: CKF_SERIAL_SESSION | writes,
        ulDeviceError: 0,
    })
}

/// `C_SessionCancel` (3.0): ends the operations that the flags name. None of them being active is no mistake.
pub(crate) fn cancel(library: &Library, session: CK_SESSION_HANDLE, flags: CK_FLAGS) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let wants = |flag| flags & flag != 0;
    let operations = &mut *operations;
    operations.find.take_if(|_| wants(CKF_FIND_OBJECTS));
    operations.digest.take_if(|_| wants(CKF_DIGEST));
    operations.sign.take_if(|_| wants(CKF_SIGN));
    operations.verify.take_if(|_| wants(CKF_VERIFY));
    operations.verify_signature.take_if(|_| wants(CKF_VERIFY));
    operations.encrypt.take_if(|_| wants(CKF_ENCRYPT));
    operations.decrypt.take_if(|_| wants(CKF_DECRYPT));
    operations.sign_recover.take_if(|_| wants(CKF_SIGN_RECOVER));
    operations.verify_recover.take_if(|_| wants(CKF_VERIFY_RECOVER));
    operations.message_encrypt.take_if(|_| wants(CKF_MESSAGE_ENCRYPT));
    operations.message_decrypt.take_if(|_| wants(CKF_MESSAGE_DECRYPT));
    operations.message_sign.take_if(|_| wants(CKF_MESSAGE_SIGN));
    operations.message_verify.take_if(|_| wants(CKF_MESSAGE_VERIFY));
    Ok(())
}

/// `C_GetSessionValidationFlags` (3.2): this token was validated by nobody, so no operation was.
pub(crate) fn validation_flags(
    library: &Library,
    session: CK_SESSION_HANDLE,
    kind: CK_SESSION_VALIDATION_FLAGS_TYPE,
) -> Result<CK_FLAGS> {
    library.session(session)?;
    if kind == CKS_LAST_VALIDATION_OK {
        Ok(0)
    } else {
        Err(Error::ArgumentsBad)
    }
}
