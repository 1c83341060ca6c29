//! Section 5.5, slots and their mechanisms.

use cryptoki_sys::*;

use super::general::{MANUFACTURER, VERSION, padded};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::mechanism;
use crate::output::{Answer, Room};
use crate::slot::Slot;

/// `C_GetSlotList`. Looks for tokens only when the length is asked, so that the list fits what was said (the
/// standard: the list changes only then). The free slot counts as one with a token, uninitialised.
pub(crate) fn list(library: &Library, only_with_token: bool, room: Room) -> Result<Answer<CK_SLOT_ID>> {
    let mut slots = library.slots.lock()?;
    if room == Room::Query || slots.numbers(false).is_empty() {
        slots.refresh()?;
        for slot in slots.take_emptied() {
            library.close_sessions_in(slot)?;
        }
    }
    let numbers = slots.numbers(only_with_token);
    room.answer(numbers.len(), || Ok(numbers))
}

/// `C_GetSlotInfo`.
pub(crate) fn slot_info(library: &Library, slot: CK_SLOT_ID) -> Result<CK_SLOT_INFO> {
    let holds = library.slots.lock()?.slot(slot)?;
    let present = if matches!(holds, Slot::Empty) {
        0
    } else {
        CKF_TOKEN_PRESENT
    };
    Ok(CK_SLOT_INFO {
        slotDescription: padded(&format!("Trien software token slot {slot}")),
        manufacturerID: padded(MANUFACTURER),
        flags: present | CKF_REMOVABLE_DEVICE,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
    })
}

/// `C_WaitForSlotEvent`. Folders give no events; to wait for one would be to wait for ever.
pub(crate) fn wait(_library: &Library, flags: CK_FLAGS, reserved_is_null: bool) -> Result<CK_SLOT_ID> {
    match (reserved_is_null, flags & CKF_DONT_BLOCK != 0) {
        (false, _) => Err(Error::ArgumentsBad),
        (true, true) => Err(Error::NoEvent),
        (true, false) => Err(Error::FunctionNotSupported),
    }
}

/// `C_GetMechanismList`.
pub(crate) fn mechanisms(
    library: &Library,
    slot: CK_SLOT_ID,
    room: Room,
) -> Result<Answer<CK_MECHANISM_TYPE>> {
    check_present(library, slot)?;
    let kinds = mechanism::kinds();
    room.answer(kinds.len(), || Ok(kinds))
}

/// `C_GetMechanismInfo`.
pub(crate) fn mechanism_info(
    library: &Library,
    slot: CK_SLOT_ID,
    kind: CK_MECHANISM_TYPE,
) -> Result<CK_MECHANISM_INFO> {
    check_present(library, slot)?;
    Ok(mechanism::find(kind)?.info())
}

fn check_present(library: &Library, slot: CK_SLOT_ID) -> Result<()> {
    match library.slots.lock()?.slot(slot)? {
        Slot::Empty => Err(Error::TokenNotPresent),
        Slot::Token(_) | Slot::Unreadable(_) | Slot::Free => Ok(()),
    }
}
