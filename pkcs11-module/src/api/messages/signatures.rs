//! Signatures of many messages with one key (3.0, sections 5.14 and 5.16): each message is signed, or verified, anew.

use std::sync::Arc;

use cryptoki_sys::*;

use crate::api::signing::usable_key;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call, Fed, KeptCall, Signing, Verifying};
use crate::object::Object;
use crate::output::{Answer, Room};
use crate::profile::Imitation;
use crate::session::{Operations, Session, Step, advance, cancel, check_free};

/// Work on messages: how each begins, and the one that is in parts now.
pub(crate) struct Messages<W: ?Sized> {
    call: KeptCall,
    key: Arc<Object>,
    imitation: &'static Imitation,
    current: Option<Box<W>>,
    wants_login: bool,
}

/// What is done with each message.
pub(crate) trait Kind: Fed {
    /// The key's attribute that allows it.
    const PERMISSION: CK_ATTRIBUTE_TYPE;

    fn place(operations: &mut Operations) -> &mut Option<Messages<Self>>;

    fn begin(call: &Call<'_>, key: &Object, imitation: &'static Imitation) -> Result<Box<Self>>;
}

impl Kind for dyn Signing {
    const PERMISSION: CK_ATTRIBUTE_TYPE = CKA_SIGN;

    fn place(operations: &mut Operations) -> &mut Option<Messages<Self>> {
        &mut operations.message_sign
    }

    fn begin(call: &Call<'_>, key: &Object, imitation: &'static Imitation) -> Result<Box<Self>> {
        Ok(imitation.paced(mechanism::find(call.kind)?.sign(call, key)?))
    }
}

impl Kind for dyn Verifying {
    const PERMISSION: CK_ATTRIBUTE_TYPE = CKA_VERIFY;

    fn place(operations: &mut Operations) -> &mut Option<Messages<Self>> {
        &mut operations.message_verify
    }

    fn begin(call: &Call<'_>, key: &Object, _imitation: &'static Imitation) -> Result<Box<Self>> {
        mechanism::find(call.kind)?.verify(call, key)
    }
}

impl<W: Kind + ?Sized> Messages<W> {
    fn new(session: &Session, call: &Call<'_>, key: CK_OBJECT_HANDLE) -> Result<Self> {
        let key = usable_key(&session.token, key, W::PERMISSION, call.kind)?;
        let imitation = key.imitation();
        // What cannot begin is refused now, not at the first message.
        W::begin(call, &key, imitation)?;
        Ok(Self {
            call: KeptCall::new(call)?,
            wants_login: W::PERMISSION == CKA_SIGN && key.is(CKA_ALWAYS_AUTHENTICATE),
            key: key.object(),
            imitation,
            current: None,
        })
    }

    /// Begins a message, which none in parts may be in the way of.
    fn fresh(&self) -> Result<Box<W>> {
        check_free(&self.current)?;
        if self.wants_login {
            return Err(Error::UserNotLoggedIn);
        }
        W::begin(&self.call.call(), &self.key, self.imitation)
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

/// Works on the messages of a session that it has begun with.
fn with<W: Kind + ?Sized, T>(
    library: &Library,
    session: CK_SESSION_HANDLE,
    work: impl FnOnce(&mut Messages<W>) -> Result<T>,
) -> Result<T> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = W::place(&mut operations).as_mut();
    work(messages.ok_or(Error::OperationNotInitialized)?)
}

/// `C_MessageSignInit` and `C_MessageVerifyInit`.
pub(crate) fn init<W: Kind + ?Sized>(
    library: &Library,
    session: CK_SESSION_HANDLE,
    call: Option<&Call<'_>>,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let place = W::place(&mut operations);
    let Some(call) = call else { return cancel(place) };
    check_free(place)?;
    *place = Some(Messages::new(&session, call, key)?);
    Ok(())
}

/// `C_SignMessageBegin` and `C_VerifyMessageBegin`.
pub(crate) fn begin<W: Kind + ?Sized>(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    with(library, session, |messages: &mut Messages<W>| {
        let work = messages.fresh()?;
        if !work.takes_parts() {
            return Err(Error::FunctionNotSupported);
        }
        messages.current = Some(work);
        Ok(())
    })
}

/// `C_SignMessageNext` and `C_VerifyMessageNext` with a part that is not the last.
pub(crate) fn next<W: Kind + ?Sized>(
    library: &Library,
    session: CK_SESSION_HANDLE,
    part: &[u8],
) -> Result<()> {
    with(library, session, |messages: &mut Messages<W>| {
        advance(&mut messages.current, |mut work| {
            work.update(part)?;
            Ok(((), Some(work)))
        })
    })
}

/// `C_MessageSignFinal` and `C_MessageVerifyFinal`.
pub(crate) fn finish<W: Kind + ?Sized>(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    let session = library.session(session)?;
    let ended = W::place(&mut *session.operations.lock()?).take();
    ended.map(drop).ok_or(Error::OperationNotInitialized)
}

/// Signs what was fed and the last part, if there is room for it; the work goes on if there is not.
fn signed(mut work: Box<dyn Signing>, last: &[u8], room: Room) -> Result<Step<Answer<u8>, Box<dyn Signing>>> {
    let needed = work.signature_len();
    if !room.takes(needed) {
        return Ok((room.answer(needed, || Err(Error::General))?, Some(work)));
    }
    work.update(last)?;
    let signature = work.finish()?;
    Ok((room.answer(needed, || Ok(signature))?, None))
}

/// `C_SignMessage`.
pub(crate) fn sign(
    library: &Library,
    session: CK_SESSION_HANDLE,
    data: &[u8],
    room: Room,
) -> Result<Answer<u8>> {
    with(library, session, |messages: &mut Messages<dyn Signing>| {
        signed(messages.fresh()?, data, room).map(|(answer, _)| answer)
    })
}

/// `C_SignMessageNext` with the last part.
pub(crate) fn sign_last(
    library: &Library,
    session: CK_SESSION_HANDLE,
    part: &[u8],
    room: Room,
) -> Result<Answer<u8>> {
    with(library, session, |messages: &mut Messages<dyn Signing>| {
        advance(&mut messages.current, |work| signed(work, part, room))
    })
}

/// `C_VerifyMessage`.
pub(crate) fn verify(
    library: &Library,
    session: CK_SESSION_HANDLE,
    data: &[u8],
    signature: &[u8],
) -> Result<()> {
    with(library, session, |messages: &mut Messages<dyn Verifying>| {
        let mut work = messages.fresh()?;
        work.update(data)?;
        work.finish(signature)
    })
}

/// `C_VerifyMessageNext` with the last part, which comes with the signature.
pub(crate) fn verify_last(
    library: &Library,
    session: CK_SESSION_HANDLE,
    part: &[u8],
    signature: &[u8],
) -> Result<()> {
    with(library, session, |messages: &mut Messages<dyn Verifying>| {
        advance(&mut messages.current, |mut work| {
            work.update(part)?;
            work.finish(signature)?;
            Ok(((), None))
        })
    })
}
