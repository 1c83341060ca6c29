//! Messages encrypted and authenticated with one key (3.0, sections 5.9 and 5.11). The token makes the nonces if it is
//! asked to, so that no two messages share one.

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::api::signing::usable_key;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Mechanism, MessageCipher, MessageParameter, NonceSource};
use crate::object::Object;
use crate::output::{Answer, Room};
use crate::session::{Operations, advance, cancel, check_free};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Encrypt,
    Decrypt,
}

impl Use {
    fn place(self, operations: &mut Operations) -> &mut Option<Messages> {
        match self {
            Self::Encrypt => &mut operations.message_encrypt,
            Self::Decrypt => &mut operations.message_decrypt,
        }
    }
}

/// Work on messages with one key.
pub(crate) struct Messages {
    which: Use,
    mechanism: &'static dyn Mechanism,
    key: Arc<Object>,
    nonces: NonceSource,
    current: Option<Box<dyn MessageCipher>>,
    wants_login: bool,
}

/// What a message tells the host in its parameter.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) nonce: Option<Vec<u8>>,
    pub(crate) tag: Option<Vec<u8>>,
}

impl Messages {
    pub(crate) fn wants_login(&mut self) -> &mut bool {
        &mut self.wants_login
    }

    fn begin(
        &mut self,
        parameter: &MessageParameter<'_>,
        additional: &[u8],
        told: &mut Told,
    ) -> Result<Box<dyn MessageCipher>> {
        if self.wants_login {
            return Err(Error::UserNotLoggedIn);
        }
        if self.which == Use::Decrypt {
            return self
                .mechanism
                .open_message(&self.key, parameter, parameter.nonce, additional);
        }
        let nonce = self.nonces.next(parameter)?;
        let cipher = self
            .mechanism
            .seal_message(&self.key, parameter, &nonce, additional)?;
        told.nonce = Some(nonce);
        Ok(cipher)
    }

    /// Ends a message: the tag is told, or held against the one that came.
    fn end(
        &self,
        mut cipher: Box<dyn MessageCipher>,
        parameter: &MessageParameter<'_>,
        told: &mut Told,
    ) -> Result<()> {
        match self.which {
            Use::Encrypt => told.tag = Some(cipher.tag(parameter.tag.len())?),
            Use::Decrypt => cipher.check(parameter.tag)?,
        }
        Ok(())
    }
}

/// `C_MessageEncryptInit` and `C_MessageDecryptInit`.
pub(crate) fn init(
    library: &Library,
    session: CK_SESSION_HANDLE,
    which: Use,
    kind: Option<CK_MECHANISM_TYPE>,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let place = which.place(&mut operations);
    let Some(kind) = kind else { return cancel(place) };
    check_free(place)?;
    let mechanism = mechanism::find(kind)?;
    let permission = match which {
        Use::Encrypt => CKA_ENCRYPT,
        Use::Decrypt => CKA_DECRYPT,
    };
    let key = usable_key(&session.token, key, permission, kind)?;
    mechanism.check_message_key(&key)?;
    *place = Some(Messages {
        which,
        mechanism,
        nonces: NonceSource::default(),
        current: None,
        wants_login: key.is(CKA_ALWAYS_AUTHENTICATE),
        key: key.object(),
    });
    Ok(())
}

/// `C_EncryptMessage` and `C_DecryptMessage`.
pub(crate) fn whole(
    library: &Library,
    session: CK_SESSION_HANDLE,
    which: Use,
    parameter: &MessageParameter<'_>,
    [additional, data]: [&[u8]; 2],
    room: Room,
) -> Result<(Answer<u8>, Told)> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = which
        .place(&mut operations)
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    if messages.current.is_some() {
        return Err(Error::OperationActive);
    }
    // The tag stands apart, so a message is as long as its ciphertext.
    if !room.takes(data.len()) {
        return Ok((room.answer(data.len(), || Err(Error::General))?, Told::default()));
    }
    let mut told = Told::default();
    let mut cipher = messages.begin(parameter, additional, &mut told)?;
    let mut out = Zeroizing::new(Vec::with_capacity(data.len()));
    cipher.update(data, &mut out)?;
    // A plaintext that nobody vouches for is wiped here and goes nowhere.
    messages.end(cipher, parameter, &mut told)?;
    Ok((Answer::Secret(out), told))
}

/// `C_EncryptMessageBegin` and `C_DecryptMessageBegin`.
pub(crate) fn begin(
    library: &Library,
    session: CK_SESSION_HANDLE,
    which: Use,
    parameter: &MessageParameter<'_>,
    additional: &[u8],
) -> Result<Told> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = which
        .place(&mut operations)
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    check_free(&messages.current)?;
    let mut told = Told::default();
    messages.current = Some(messages.begin(parameter, additional, &mut told)?);
    Ok(told)
}

/// `C_EncryptMessageNext` and `C_DecryptMessageNext`. A decrypted part is given at once, as the standard has it; what
/// it is worth is known with the last one.
pub(crate) fn next(
    library: &Library,
    session: CK_SESSION_HANDLE,
    which: Use,
    parameter: &MessageParameter<'_>,
    part: &[u8],
    is_last: bool,
    room: Room,
) -> Result<(Answer<u8>, Told)> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let messages = which
        .place(&mut operations)
        .as_mut()
        .ok_or(Error::OperationNotInitialized)?;
    let mut current = messages.current.take();
    let mut told = Told::default();
    let answer = advance(&mut current, |mut cipher| {
        if !room.takes(part.len()) {
            return Ok((room.answer(part.len(), || Err(Error::General))?, Some(cipher)));
        }
        let mut out = Zeroizing::new(Vec::with_capacity(part.len()));
        cipher.update(part, &mut out)?;
        if !is_last {
            return Ok((Answer::Secret(out), Some(cipher)));
        }
        messages.end(cipher, parameter, &mut told)?;
        Ok((Answer::Secret(out), None))
    });
    messages.current = current;
    answer.map(|answer| (answer, told))
}

/// `C_MessageEncryptFinal` and `C_MessageDecryptFinal`.
pub(crate) fn finish(library: &Library, session: CK_SESSION_HANDLE, which: Use) -> Result<()> {
    let session = library.session(session)?;
    let ended = which.place(&mut *session.operations.lock()?).take();
    ended.map(drop).ok_or(Error::OperationNotInitialized)
}
