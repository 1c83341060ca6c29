//! Section 5.5, tokens: `C_GetTokenInfo` and `C_InitToken`.

use cryptoki_sys::*;

use super::general::{VERSION, padded};
use super::login::{new_pin, tried_pin};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::profile::Imitation;
use crate::sessions::MAX_SESSIONS;
use crate::slot::Slot;
use crate::store::{LABEL_LEN, PinState, Role};
use crate::token::Token;

/// What every token has. A saved operation state is that of a digest, so none needs a key to go on.
const ALWAYS: CK_FLAGS =
    CKF_RNG | CKF_LOGIN_REQUIRED | CKF_DUAL_CRYPTO_OPERATIONS | CKF_RESTORE_KEY_NOT_NEEDED;

/// `C_GetTokenInfo`.
pub(crate) fn token_info(library: &Library, slot: CK_SLOT_ID) -> Result<CK_TOKEN_INFO> {
    let holds = library.slots.lock()?.slot(slot)?;
    match holds {
        Slot::Token(token) => info_of(library, &token),
        Slot::Free => Ok(blank(Imitation::of_the_next_token()?)),
        Slot::Unreadable { .. } | Slot::Closed => Err(Error::TokenNotRecognized),
        Slot::Empty => Err(Error::TokenNotPresent),
    }
}

fn info_of(library: &Library, token: &std::sync::Arc<Token>) -> Result<CK_TOKEN_INFO> {
    let sessions = library.sessions_with(token)?;
    let [officer, user] = token.pins()?;
    let mut flags = ALWAYS | CKF_TOKEN_INITIALIZED;
    flags |= pin_flags(
        officer,
        [CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED],
    );
    flags |= pin_flags(
        user,
        [
            CKF_USER_PIN_COUNT_LOW,
            CKF_USER_PIN_FINAL_TRY,
            CKF_USER_PIN_LOCKED,
        ],
    );
    if user.is_set {
        flags |= CKF_USER_PIN_INITIALIZED;
    }
    if token.has_damage()? {
        // The objects that can be read are served all the same.
        flags |= CKF_ERROR_STATE;
    }
    Ok(CK_TOKEN_INFO {
        label: token.label()?,
        serialNumber: *token.serial().digits(),
        flags,
        ulSessionCount: sessions.len() as CK_ULONG,
        ulRwSessionCount: sessions.iter().filter(|session| session.writes()).count() as CK_ULONG,
        ..blank(token.imitation()?)
    })
}

/// The flags of a PIN: tried wrongly since the last right one, one try left, none left.
fn pin_flags(state: PinState, [low, last, locked]: [CK_FLAGS; 3]) -> CK_FLAGS {
    match state.tries {
        0 => 0,
        tries if tries >= state.max => low | locked,
        tries if tries == state.max - 1 => low | last,
        _ => low,
    }
}

/// A token that is not initialised.
fn blank(imitation: &Imitation) -> CK_TOKEN_INFO {
    CK_TOKEN_INFO {
        label: padded(""),
        manufacturerID: padded(imitation.manufacturer),
        model: padded(imitation.model),
        serialNumber: padded(""),
        flags: ALWAYS,
        ulMaxSessionCount: MAX_SESSIONS as CK_ULONG,
        ulSessionCount: 0,
        ulMaxRwSessionCount: MAX_SESSIONS as CK_ULONG,
        ulRwSessionCount: 0,
        ulMaxPinLen: *imitation.pin_len.end() as CK_ULONG,
        ulMinPinLen: *imitation.pin_len.start() as CK_ULONG,
        ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
        // The token has no clock (CKF_CLOCK_ON_TOKEN), so this says nothing.
        utcTime: padded(""),
    }
}

/// `C_InitToken`: in the free slot a new token; in another slot the token is emptied, if the SO PIN is right.
pub(crate) fn init_token(
    library: &Library,
    slot: CK_SLOT_ID,
    pin: &[u8],
    label: [u8; LABEL_LEN],
) -> Result<()> {
    let mut slots = library.slots.lock()?;
    match slots.slot(slot)? {
        Slot::Free => slots.make_token(slot, label, &new_pin(pin, Imitation::of_the_next_token()?)?),
        Slot::Token(token) => {
            if !library.sessions_with(&token)?.is_empty() {
                return Err(Error::SessionExists);
            }
            token.initialize_anew(label, &tried_pin(&token, Role::Officer, pin)?)
        }
        Slot::Unreadable { .. } | Slot::Closed => Err(Error::TokenNotRecognized),
        Slot::Empty => Err(Error::TokenNotPresent),
    }
}
