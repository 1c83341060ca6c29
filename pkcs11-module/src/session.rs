//! Sessions and the operations that run in them.

use std::sync::{Arc, Mutex, PoisonError};

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::api::messages::{ciphers, signatures::Messages};
use crate::error::{Error, Result};
use crate::mechanism::{Cipher, Digesting, Signing, Verifying};
use crate::token::{Asker, Login, Token};

/// A session of this process with a token, with nothing of another one in its lines of memory (see [`Key`]).
///
/// [`Key`]: crate::key::Key
#[repr(align(128))]
pub(crate) struct Session {
    pub(crate) handle: CK_SESSION_HANDLE,
    pub(crate) slot: CK_SLOT_ID,
    pub(crate) token: Arc<Token>,
    writes: bool,
    /// What is in flight. The lock is the session's own, so sessions do not wait for one another.
    pub(crate) operations: Mutex<Operations>,
}

/// At most one operation of each kind; "is one active, and which" is a look at a field.
#[derive(Default)]
pub(crate) struct Operations {
    pub(crate) find: Option<std::vec::IntoIter<CK_OBJECT_HANDLE>>,
    pub(crate) digest: Option<Active<dyn Digesting>>,
    pub(crate) sign: Option<Active<dyn Signing>>,
    pub(crate) verify: Option<Active<dyn Verifying>>,
    pub(crate) encrypt: Option<Ciphering>,
    pub(crate) decrypt: Option<Ciphering>,
    pub(crate) sign_recover: Option<Ciphering>,
    pub(crate) verify_recover: Option<Ciphering>,
    pub(crate) verify_signature: Option<SignatureFirst>,
    pub(crate) message_encrypt: Option<ciphers::Messages>,
    pub(crate) message_decrypt: Option<ciphers::Messages>,
    pub(crate) message_sign: Option<Messages<dyn Signing>>,
    pub(crate) message_verify: Option<Messages<dyn Verifying>>,
}

impl Operations {
    /// Whether an operation is active that works with a key.
    pub(crate) fn is_keyed(&self) -> bool {
        let Self {
            find: _,
            digest: _,
            sign,
            verify,
            encrypt,
            decrypt,
            sign_recover,
            verify_recover,
            verify_signature,
            message_encrypt,
            message_decrypt,
            message_sign,
            message_verify,
        } = self;
        let ciphers = [encrypt, decrypt, sign_recover, verify_recover];
        let sealed = [message_encrypt, message_decrypt];
        ciphers.iter().any(|operation| operation.is_some())
            || sealed.iter().any(|operation| operation.is_some())
            || sign.is_some()
            || verify.is_some()
            || verify_signature.is_some()
            || message_sign.is_some()
            || message_verify.is_some()
    }
}

/// A verification that was begun with the signature (3.2).
pub(crate) struct SignatureFirst {
    pub(crate) active: Active<dyn Verifying>,
    pub(crate) signature: Vec<u8>,
}

/// A digest, signature or verification in the making.
pub(crate) struct Active<W: ?Sized> {
    pub(crate) work: Box<W>,
    pub(crate) manner: Manner,
    /// Whether the key wants the PIN again for this one use (`CKA_ALWAYS_AUTHENTICATE`).
    pub(crate) wants_login: bool,
}

impl<W: ?Sized> Active<W> {
    pub(crate) fn new(work: Box<W>) -> Self {
        Self {
            work,
            manner: Manner::Open,
            wants_login: false,
        }
    }
}

/// How an operation takes its data. `C_Sign` and its like are for one piece, `C_SignUpdate` and `C_SignFinal` and
/// theirs for parts, and neither goes on with what the other began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Nothing says yet.
    Open,
    /// In one piece, and the result is still to be had: its length was asked for, or it did not fit.
    AtOnce,
    /// It has been fed.
    InParts,
}

/// What takes data in either manner.
pub(crate) trait TakesData {
    fn manner(&mut self) -> &mut Manner;
}

impl<W: ?Sized> TakesData for Active<W> {
    fn manner(&mut self) -> &mut Manner {
        &mut self.manner
    }
}

impl TakesData for Ciphering {
    fn manner(&mut self) -> &mut Manner {
        &mut self.active.manner
    }
}

impl TakesData for SignatureFirst {
    fn manner(&mut self) -> &mut Manner {
        &mut self.active.manner
    }
}

/// An encryption or decryption in the making.
pub(crate) struct Ciphering {
    pub(crate) active: Active<dyn Cipher>,
    /// An output that did not fit into the host's buffer, whose length is known only now that it is made: the same
    /// call, made again with more room, gets it.
    pub(crate) ready: Option<Zeroizing<Vec<u8>>>,
}

impl Session {
    pub(crate) fn new(handle: CK_SESSION_HANDLE, slot: CK_SLOT_ID, token: Arc<Token>, writes: bool) -> Self {
        Self {
            handle,
            slot,
            token,
            writes,
            operations: Mutex::default(),
        }
    }

    pub(crate) fn asker(&self) -> Asker {
        Asker {
            session: self.handle,
            writes: self.writes,
        }
    }

    pub(crate) fn writes(&self) -> bool {
        self.writes
    }

    /// `CK_STATE` (PKCS #11, section 2.4).
    pub(crate) fn state(&self) -> Result<CK_STATE> {
        Ok(match (self.token.login_state()?, self.writes) {
            (Login::Nobody, false) => CKS_RO_PUBLIC_SESSION,
            (Login::Nobody, true) => CKS_RW_PUBLIC_SESSION,
            (Login::User(_), false) => CKS_RO_USER_FUNCTIONS,
            (Login::User(_), true) => CKS_RW_USER_FUNCTIONS,
            (Login::Officer(_), _) => CKS_RW_SO_FUNCTIONS,
        })
    }

    /// Also after a panic in one of them.
    pub(crate) fn end_operations(&self) -> Result<()> {
        *self.operations.lock().unwrap_or_else(PoisonError::into_inner) = Operations::default();
        Ok(())
    }
}

/// What a step gives, and the operation if it goes on.
pub(crate) type Step<T, O> = (T, Option<O>);

/// Runs one step of an operation that is in flight, under the rule that holds for all of them (sections 5.10 to
/// 5.12): every failure ends the operation, and so does its result; only a length query, `CKR_BUFFER_TOO_SMALL` and
/// a step in the middle leave it alive. `step` says whether it is to go on.
pub(crate) fn advance<O, T>(place: &mut Option<O>, step: impl FnOnce(O) -> Result<Step<T, O>>) -> Result<T> {
    let operation = place.take().ok_or(Error::OperationNotInitialized)?;
    let (answer, rest) = step(operation)?;
    *place = rest;
    Ok(answer)
}

/// One step of an operation that gets all its data in one piece. It "cannot be used to terminate a multi-part
/// operation" (section 5.8.2 and those like it), which goes on.
pub(crate) fn advance_at_once<O: TakesData, T>(
    place: &mut Option<O>,
    step: impl FnOnce(O) -> Result<Step<T, O>>,
) -> Result<T> {
    if place
        .as_mut()
        .is_some_and(|operation| *operation.manner() == Manner::InParts)
    {
        return Err(Error::OperationActive);
    }
    let answer = advance(place, step)?;
    if let Some(operation) = place {
        *operation.manner() = Manner::AtOnce;
    }
    Ok(answer)
}

/// One step of an operation that gets its data in parts, or the end of it. Where another function has begun to answer
/// for one piece this is a failure as any other.
pub(crate) fn advance_in_parts<O: TakesData, T>(
    place: &mut Option<O>,
    step: impl FnOnce(O) -> Result<Step<T, O>>,
) -> Result<T> {
    advance(place, |mut operation| match operation.manner() {
        Manner::AtOnce => Err(Error::OperationActive),
        Manner::Open | Manner::InParts => step(operation),
    })
}

/// Ends an operation that the host does not want any more: `C_…Init` with a NULL mechanism (3.0, section 5.8 and
/// those after it). Where none is active NULL is the mistake it was before 3.0.
pub(crate) fn cancel<O>(place: &mut Option<O>) -> Result<()> {
    place.take().map(drop).ok_or(Error::ArgumentsBad)
}

/// Whether an operation may begin in its place.
pub(crate) fn check_free<O>(place: &Option<O>) -> Result<()> {
    if place.is_none() {
        Ok(())
    } else {
        Err(Error::OperationActive)
    }
}
