//! Dual-function operations (2.40, section 5.13): one part of data for two operations of a session.
//!
//! The ciphering is done first, because only it can ask for more room; the other operation gets its part when the
//! output is the host's.

use cryptoki_sys::*;

use super::ciphering::{Use, next};
use super::{digesting, signing};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::output::{Answer, Room};
use crate::session::{Operations, advance_in_parts};

/// What is done with the part besides ciphering it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    Digest,
    Sign,
    Verify,
}

/// `C_DigestEncryptUpdate` and `C_SignEncryptUpdate`: the other operation gets the plaintext that comes in.
pub(crate) fn encrypt(
    library: &Library,
    session: CK_SESSION_HANDLE,
    other: Other,
    part: Result<&[u8]>,
    room: Result<Room>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    check_active(&operations, other)?;
    let answer = advance_in_parts(&mut operations.encrypt, |operation| {
        next(operation, part?, room?, None)
    })?;
    if answer.items().is_some() {
        feed(&mut operations, other, part?)?;
    }
    Ok(answer)
}

/// `C_DecryptDigestUpdate` and `C_DecryptVerifyUpdate`: the other operation gets the plaintext that comes out.
pub(crate) fn decrypt(
    library: &Library,
    session: CK_SESSION_HANDLE,
    other: Other,
    part: Result<&[u8]>,
    room: Result<Room>,
) -> Result<Answer<u8>> {
    let session = library.session(session)?;
    let mut operations = session.operations.lock()?;
    check_active(&operations, other)?;
    let answer = advance_in_parts(Use::Decrypt.place(&mut operations), |operation| {
        next(operation, part?, room?, None)
    })?;
    if let Some(plain) = answer.items() {
        feed(&mut operations, other, plain)?;
    }
    Ok(answer)
}

fn check_active(operations: &Operations, other: Other) -> Result<()> {
    let active = match other {
        Other::Digest => operations.digest.is_some(),
        Other::Sign => operations.sign.is_some(),
        Other::Verify => operations.verify.is_some(),
    };
    if active {
        Ok(())
    } else {
        Err(Error::OperationNotInitialized)
    }
}

fn feed(operations: &mut Operations, other: Other, part: &[u8]) -> Result<()> {
    match other {
        Other::Digest => advance_in_parts(&mut operations.digest, |operation| {
            digesting::fed(operation, part).map(|operation| ((), Some(operation)))
        }),
        Other::Sign => advance_in_parts(&mut operations.sign, |operation| {
            signing::fed(operation, part).map(|operation| ((), Some(operation)))
        }),
        Other::Verify => advance_in_parts(&mut operations.verify, |operation| {
            signing::fed(operation, part).map(|operation| ((), Some(operation)))
        }),
    }
}
