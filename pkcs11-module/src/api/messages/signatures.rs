//! Signatures of many messages with one key (3.0, sections 5.14 and 5.16): each message is signed anew.

use std::sync::Arc;

use cryptoki_sys::*;

use crate::api::signing::usable_key;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call, KeptCall, Signing, Verifying};
use crate::object::Object;
use crate::output::{Answer, Room};
use crate::session::{advance, cancel, check_free};

/// Work on messages: how each begins, and the one that is in parts now.
pub(crate) struct Messages<W: ?Sized> {
    call: KeptCall,
    key: Arc<Object>,
    current: Option<Box<W>>,
    wants_login: bool,
}

/// What is done with each message.
pub(crate) trait Kind {
    /// The key's attribute that allows it.
    const PERMISSION: CK_ATTRIBUTE_TYPE;

    fn begin(call: &Call<'_>, key: &Object) -> Result<Box<Self>>;
}

impl Kind for dyn Signing {
    const PERMISSION: CK_ATTRIBUTE_TYPE = CKA_SIGN;

    fn begin(call: &Call<'_>, key: &Object) -> Result<Box<Self>> {
        mechanism::find(call.kind)?.sign(call, key)
    }
}

impl Kind for dyn Verifying {
    const PERMISSION: CK_ATTRIBUTE_TYPE = CKA_VERIFY;

    fn begin(call: &Call<'_>, key: &Object) -> Result<Box<Self>> {
        mechanism::find(call.kind)?.verify(call, key)
    }
}

impl<W: Kind + ?Sized> Messages<W> {
    /// Begins a message.
    fn fresh(&self) -> Result<Box<W>> {
        if self.wants_login {
            return Err(Error::UserNotLoggedIn);
        }
        W::begin(&self.call.call(), &self.key)
    }

    /// Whether the key wants the PIN for this use.
    pub(crate) fn wants_login(&mut self) -> &mut bool {
        &mut self.wants_login
    }
}

/// The messages' own parameters: no signature mechanism here has any.
pub(crate) fn check_parameter(parameter: &[u8]) -> Result<()> {
    if parameter.is_empty() {
        Ok(())
    } else {
        Err(Error::MechanismParamInvalid)
    }
}

/// Makes the work on messages of a kind.
fn begun<W: Kind + ?Sized>(
    session: &crate::session::Session,
    call: &Call<'_>,
    key: CK_OBJECT_HANDLE,
) -> Result<Messages<W>> {
    let key = usable_key(&session.token, key, W::PERMISSION, call.kind)?;
    // What cannot begin is refused now, not at the first message.
    W::begin(call, &key)?;
    Ok(Messages {
        call: KeptCall::new(call)?,
        wants_login: W::PERMISSION == CKA_SIGN && key.is(CKA_ALWAYS_AUTHENTICATE),
        key: key.object(),
        current: None,
    })
}

/// `C_MessageSignInit`.
pub(crate) fn sign_init(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: Option<&Call<'_>>,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let Some(call) = call else {
        return cancel(&mut operations.message_sign);
    };
    check_free(&operations.message_sign)?;
    operations.message_sign = Some(begun(&session, call, key)?);
    Ok(())
}

/// `C_SignMessage`.
pub(crate) fn sign(
    library: &Library,
    session: CK_SESSION_HANDLE,
    data: &[u8],
    room: Room,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = operations
        .message_sign
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    if messages.current.is_some() {
        return Err(Error::OperationActive);
    }
    let mut work = messages.fresh()?;
    let needed = work.signature_len();
    if !room.takes(needed) {
        return room.answer(needed, || Err(Error::General));
    }
    work.update(data)?;
    let signature = work.finish()?;
    room.answer(needed, || Ok(signature))
}

/// `C_SignMessageBegin`.
pub(crate) fn sign_begin(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = operations
        .message_sign
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    if messages.current.is_some() {
        return Err(Error::OperationActive);
    }
    messages.current = Some(messages.fresh()?).filter(|work| work.takes_parts());
    messages
        .current
        .as_ref()
        .map(|_| ())
        .ok_or(Error::FunctionNotSupported)
}

/// `C_SignMessageNext` that wants no signature yet.
pub(crate) fn sign_next(library: &Library, session: CK_SESSION_HANDLE, part: &[u8]) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = operations
        .message_sign
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    advance(&mut messages.current, |mut work| {
        work.update(part)?;
        Ok(((), Some(work)))
    })
}

/// `C_SignMessageNext` with the last part.
pub(crate) fn sign_last(
    library: &Library,
    session: CK_SESSION_HANDLE,
    part: &[u8],
    room: Room,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = operations
        .message_sign
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    advance(&mut messages.current, |mut work| {
        let needed = work.signature_len();
        if !room.takes(needed) {
            return Ok((room.answer(needed, || Err(Error::General))?, Some(work)));
        }
        work.update(part)?;
        let signature = work.finish()?;
        Ok((room.answer(needed, || Ok(signature))?, None))
    })
}

/// `C_MessageSignFinal`.
pub(crate) fn sign_final(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    let ended = session.operations.lock()?.message_sign.take();
    ended.map(drop).ok_or(Error::OperationNotInitialized)
}

/// `C_MessageVerifyInit`.
pub(crate) fn verify_init(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: Option<&Call<'_>>,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let Some(call) = call else {
        return cancel(&mut operations.message_verify);
    };
    check_free(&operations.message_verify)?;
    operations.message_verify = Some(begun(&session, call, key)?);
    Ok(())
}

/// `C_VerifyMessage`.
pub(crate) fn verify(
    library: &Library,
    session: CK_SESSION_HANDLE,
    data: &[u8],
    signature: &[u8],
) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = operations
        .message_verify
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    if messages.current.is_some() {
        return Err(Error::OperationActive);
    }
    let mut work = messages.fresh()?;
    work.update(data)?;
    work.finish(signature)
}

/// `C_VerifyMessageBegin`.
pub(crate) fn verify_begin(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = operations
        .message_verify
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    if messages.current.is_some() {
        return Err(Error::OperationActive);
    }
    messages.current = Some(messages.fresh()?).filter(|work| work.takes_parts());
    messages
        .current
        .as_ref()
        .map(|_| ())
        .ok_or(Error::FunctionNotSupported)
}

/// `C_VerifyMessageNext`: the last part comes with the signature.
pub(crate) fn verify_next(
    library: &Library,
    session: CK_SESSION_HANDLE,
    part: &[u8],
    signature: Option<&[u8]>,
) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = operations
        .message_verify
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    advance(&mut messages.current, |mut work| {
        work.update(part)?;
        match signature {
            None => Ok(((), Some(work))),
            Some(signature) => work.finish(signature).map(|()| ((), None)),
        }
    })
}

/// `C_MessageVerifyFinal`.
pub(crate) fn verify_final(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    let ended = session.operations.lock()?.message_verify.take();
    ended.map(drop).ok_or(Error::OperationNotInitialized)
}
