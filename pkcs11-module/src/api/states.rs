//! Saved operation states (2.40, section 5.6): `C_GetOperationState` and `C_SetOperationState`.
//!
//! A digest can be saved, by SHA-1 and SHA-2; of SHA-3 the cryptographic library does not show its context. Whatever
//! works with a key stays (`CKR_STATE_UNSAVEABLE`): what it holds of the key must not leave the token, and the
//! library has no way to go on without it.
//!
//! A state is sealed with a key that lives from `C_Initialize` to `C_Finalize`. It may contain part of a key
//! (`C_DigestKey`), which stays inside that way; and what comes back becomes memory of the cryptographic library, so it
//! has to be what once left. It belongs to its token and to the state of the session, as the standard has it.

use std::sync::OnceLock;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::library::Library;
use crate::output::{Answer, Room};
use crate::session::{Active, Manner, Operations, Session};
use crate::store::{KEY_LEN, open, random, seal};

/// The key of the states that one initialised library has given out, made for the first of them.
#[derive(Default)]
pub(crate) struct StateKey(OnceLock<Zeroizing<[u8; KEY_LEN]>>);

impl StateKey {
    fn get(&self) -> Result<&[u8; KEY_LEN]> {
        if let Some(key) = self.0.get() {
            return Ok(key);
        }
        let key = Zeroizing::new(random()?);
        // Two threads may have made one at once; both take the one that stays.
        Ok(self.0.get_or_init(|| key))
    }
}

/// What a state is bound to: the token, and `CK_STATE`.
fn bond(session: &Session) -> Result<Vec<u8>> {
    let state = u64::from(session.state()?).to_le_bytes();
    Ok([session.token.serial().to_string().as_bytes(), &state].concat())
}

/// `C_GetOperationState`. The length alone is told without making anything.
pub(crate) fn get(library: &Library, session: CK_SESSION_HANDLE, room: Result<Room>) -> Result<Answer<u8>> {
    /// What a sealed value has more than the plain one: nonce and tag.
    const MORE: usize = 12 + 16;
    let session = library.session(session)?;
    let room = room?;
    let operations = session.operations.lock()?;
    let plain = plain(&operations)?;
    room.answer(plain.len() + MORE, || {
        Ok(seal(library.state_key().get()?, &bond(&session)?, &plain)?)
    })
}

/// Type of the mechanism, whether the digest has been fed, context.
fn plain(operations: &Operations) -> Result<Zeroizing<Vec<u8>>> {
    let active = match (&operations.digest, operations.is_keyed()) {
        (None, false) => return Err(Error::OperationNotInitialized),
        (Some(active), false) => active,
        (_, true) => return Err(Error::StateUnsaveable),
    };
    let (kind, context) = active.work.saved().ok_or(Error::StateUnsaveable)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(size_of::<u64>() + 1 + context.len()));
    plain.extend_from_slice(&u64::from(kind).to_le_bytes());
    plain.push(u8::from(active.manner == Manner::InParts));
    plain.extend_from_slice(&context);
    Ok(plain)
}

/// `C_SetOperationState`: what was active in the session ends, and the saved digest goes on.
pub(crate) fn set(
    library: &Library,
    session: CK_SESSION_HANDLE,
    state: &[u8],
    keys: [CK_OBJECT_HANDLE; 2],
) -> Result<()> {
    let session = library.session(session)?;
    let plain = open(library.state_key().get()?, &bond(&session)?, state).ok_or(Error::SavedStateInvalid)?;
    let (kind, rest) = plain.split_first_chunk().ok_or(Error::SavedStateInvalid)?;
    let (in_parts, context) = rest.split_first().ok_or(Error::SavedStateInvalid)?;
    if keys != [CK_INVALID_HANDLE; 2] {
        return Err(Error::KeyNotNeeded);
    }
    let kind =
        CK_MECHANISM_TYPE::try_from(u64::from_le_bytes(*kind)).map_err(|_| Error::SavedStateInvalid)?;
    let work = session.token.mechanism(kind)?.resume_digest(context)?;
    let mut active = Active::new(work);
    if *in_parts != 0 {
        active.manner = Manner::InParts;
    }
    let mut operations = session.operations.lock()?;
    *operations = Operations {
        find: operations.find.take(),
        digest: Some(active),
        ..Operations::default()
    };
    Ok(())
}
