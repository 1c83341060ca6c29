//! Encryption and decryption (2.40, sections 5.8 and 5.9), and signatures that the data is recovered from
//! (`C_SignRecover`, `C_VerifyRecover`), which are the same thing with the other half of a key pair.

use std::mem::MaybeUninit;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::signing::begun;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism::{self, Call, Cipher};
use crate::object::Object;
use crate::output::{Answer, InPlace, Room};
use crate::session::{
    Active, Ciphering, Manner, Operations, Step, advance_at_once, advance_in_parts, cancel, check_free,
};

/// Which of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Encrypt,
    Decrypt,
    SignRecover,
    VerifyRecover,
}

impl Use {
    /// The key's attribute that allows it.
    fn permission(self) -> CK_ATTRIBUTE_TYPE {
        match self {
            Self::Encrypt => CKA_ENCRYPT,
            Self::Decrypt => CKA_DECRYPT,
            Self::SignRecover => CKA_SIGN_RECOVER,
            Self::VerifyRecover => CKA_VERIFY_RECOVER,
        }
    }

    pub(super) fn place(self, operations: &mut Operations) -> &mut Option<Ciphering> {
        match self {
            Self::Encrypt => &mut operations.encrypt,
            Self::Decrypt => &mut operations.decrypt,
            Self::SignRecover => &mut operations.sign_recover,
            Self::VerifyRecover => &mut operations.verify_recover,
        }
    }
}

/// `C_EncryptInit` and the like.
pub(crate) fn init(
    library: &Library,
    session: CK_SESSION_HANDLE,
    which: Use,
    call: Option<&Call<'_>>,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    let place = which.place(&mut operations);
    let Some(call) = call else { return cancel(place) };
    check_free(place)?;
    let mechanism = mechanism::find(call.kind)?;
    let begin = |key: &Object| match which {
        Use::Encrypt => mechanism.encrypt(call, key),
        Use::Decrypt => mechanism.decrypt(call, key),
        Use::SignRecover => mechanism.sign_recover(call, key),
        Use::VerifyRecover => mechanism.verify_recover(call, key),
    };
    let (key, work) = begun(&session.token, key, which.permission(), call.kind, begin)?;
    let mut active = Active::new(work);
    active.wants_login = key.is(CKA_ALWAYS_AUTHENTICATE);
    *place = Some(Ciphering { active, ready: None });
    Ok(())
}

/// `C_Encrypt` and the like: all the data in one piece.
pub(crate) fn whole(
    library: &Library,
    session: CK_SESSION_HANDLE,
    which: Use,
    data: Result<&[u8]>,
    room: Result<Room>,
    place: InPlace<'_>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    advance_at_once(which.place(&mut operations), |operation| {
        let data = data?;
        let most = operation.active.work.most_of_rest(data.len());
        let making = Making {
            in_place: |work: &mut dyn Cipher, out: &mut _| work.whole_into(data, out),
            by_copy: |work: &mut dyn Cipher, out: &mut _| {
                work.update(data, out)?;
                work.finish(out)
            },
        };
        let (answer, operation) = give(operation, room?, most, place, making)?;
        let goes_on = !answer.is_given();
        Ok((answer, goes_on.then_some(operation)))
    })
}

/// `C_EncryptUpdate` and `C_DecryptUpdate`.
pub(crate) fn update(
    library: &Library,
    session: CK_SESSION_HANDLE,
    which: Use,
    part: Result<&[u8]>,
    room: Result<Room>,
    place: InPlace<'_>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    advance_in_parts(which.place(&mut operations), |operation| {
        next(operation, part?, room?, place)
    })
}

/// One part, for [`update`] and the functions that do two things with it.
pub(super) fn next(
    operation: Ciphering,
    part: &[u8],
    room: Room,
    place: InPlace<'_>,
) -> Result<Step<Answer<u8>, Ciphering>> {
    check_parts(&*operation.active.work)?;
    let most = operation.active.work.most_of_part(part.len());
    let making = Making {
        in_place: |work: &mut dyn Cipher, out: &mut _| work.update_into(part, out),
        by_copy: |work: &mut dyn Cipher, out: &mut _| work.update(part, out),
    };
    let (answer, mut operation) = give(operation, room, most, place, making)?;
    // Who only asks for a length has handed nothing over yet.
    if answer.is_given() || operation.ready.is_some() {
        operation.active.manner = Manner::InParts;
    }
    Ok((answer, Some(operation)))
}

/// `C_EncryptFinal` and `C_DecryptFinal`.
pub(crate) fn finish(
    library: &Library,
    session: CK_SESSION_HANDLE,
    which: Use,
    room: Result<Room>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    advance_in_parts(which.place(&mut operations), |operation| {
        check_parts(&*operation.active.work)?;
        let most = operation.active.work.most_of_rest(0);
        let making = Making {
            in_place: |_: &mut dyn Cipher, _: &mut _| None,
            by_copy: |work: &mut dyn Cipher, out: &mut _| work.finish(out),
        };
        let (answer, operation) = give(operation, room?, most, None, making)?;
        let goes_on = !answer.is_given();
        Ok((answer, goes_on.then_some(operation)))
    })
}

/// The two ways to make an output: where the host wants it, which a mechanism may decline, or for a copy.
struct Making<P, C> {
    in_place: P,
    by_copy: C,
}

/// Makes an output, or hands out the one that was made before and did not fit. A length query makes nothing.
fn give(
    mut operation: Ciphering,
    room: Room,
    most: usize,
    place: InPlace<'_>,
    making: Making<
        impl FnOnce(&mut dyn Cipher, &mut [MaybeUninit<u8>]) -> Option<Result<usize>>,
        impl FnOnce(&mut dyn Cipher, &mut Vec<u8>) -> Result<()>,
    >,
) -> Result<(Answer<u8>, Ciphering)> {
    let output = match operation.ready.take() {
        Some(output) => output,
        None if room == Room::Query => return Ok((Answer::Length(most), operation)),
        None if operation.active.wants_login => return Err(Error::UserNotLoggedIn),
        None => {
            let work = &mut *operation.active.work;
            if let Some(place) = place.filter(|place| place.len() >= most)
                && let Some(written) = (making.in_place)(work, &mut *place)
            {
                // What a failure has left there is nobody's.
                let written = written.inspect_err(|_| wipe(&mut place[..most]))?;
                return Ok((Answer::Written(written), operation));
            }
            // Sized in advance, so that no copy of a plaintext is left behind when the buffer grows.
            let mut output = Zeroizing::new(Vec::with_capacity(most));
            (making.by_copy)(work, &mut output)?;
            output
        }
    };
    if room.takes(output.len()) {
        return Ok((Answer::Secret(output), operation));
    }
    let needed = output.len();
    operation.ready = Some(output);
    let answer = if room == Room::Query {
        Answer::Length(needed)
    } else {
        Answer::TooSmall(needed)
    };
    Ok((answer, operation))
}

fn wipe(place: &mut [MaybeUninit<u8>]) {
    place.iter_mut().for_each(|byte| {
        byte.write(0);
    });
}

/// A mechanism that is defined for one piece of data has no operation in parts.
fn check_parts(work: &dyn Cipher) -> Result<()> {
    if work.takes_parts() {
        Ok(())
    } else {
        Err(Error::OperationNotInitialized)
    }
}
