//! Section 5.5, slots and their mechanisms.

use std::sync::OnceLock;
use std::time::Duration;

use cryptoki_sys::*;

use super::general::{MANUFACTURER, VERSION, padded};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::output::{Answer, Room};
use crate::profile::Imitation;
use crate::slot::{Slot, Slots};
use crate::store::Serial;

/// How long a new token may go unnoticed by whoever waits for it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Whether slots come and go as a reader's do: `TRIEN_PKCS11_SLOT_EVENTS=1`. Without it they are fixed, of which no
/// event can come, because programs watch removable slots for ever: NSS keeps a thread for it and asks for the token
/// before each use. The tests of the `cryptoki` crate want `CKR_FUNCTION_NOT_SUPPORTED` of a software token, and would
/// wait for ever.
fn have_events() -> bool {
    static HAVE_EVENTS: OnceLock<bool> = OnceLock::new();
    *HAVE_EVENTS
        .get_or_init(|| std::env::var_os("TRIEN_PKCS11_SLOT_EVENTS").is_some_and(|value| value == "1"))
}

/// `C_GetSlotList`. Looks for tokens only when the length is asked, so that the list fits what was said (the
/// standard: the list changes only then). The free slot counts as one with a token, uninitialised.
pub(crate) fn list(library: &Library, only_with_token: bool, room: Room) -> Result<Answer<CK_SLOT_ID>> {
    let mut slots = library.slots.lock()?;
    if room == Room::Query || slots.numbers(false).is_empty() {
        look(library, &mut slots)?;
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
    let removable = if have_events() { CKF_REMOVABLE_DEVICE } else { 0 };
    let description = match holds {
        // `C_GetTokenInfo` cannot tell which one it is.
        Slot::Unreadable {
            serial,
            barred: false,
        } => corrupt(serial),
        Slot::Unreadable { serial, barred: true } => barred(serial),
        Slot::Closed => "Trien software tokens, no right to read it".to_owned(),
        Slot::Token(token) => match token.pins() {
            Err(Error::DeviceError) => corrupt(token.serial()),
            Err(Error::TokenNotRecognized) => barred(token.serial()),
            _ => numbered(slot),
        },
        Slot::Free | Slot::Empty => numbered(slot),
    };
    Ok(CK_SLOT_INFO {
        slotDescription: padded(&description),
        manufacturerID: padded(MANUFACTURER),
        flags: present | removable,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
    })
}

fn numbered(slot: CK_SLOT_ID) -> String {
    format!("Trien software token slot {slot}")
}

/// The description of a slot whose token cannot be read.
fn corrupt(serial: Serial) -> String {
    format!("Trien software token {serial}, store corrupt")
}

/// The same where it may not be read, which is no damage: `trien` knows it by these words.
fn barred(serial: Serial) -> String {
    format!("Trien software token {serial}, no right to read it")
}

/// Looks at the folder; sessions with tokens that are gone end.
fn look(library: &Library, slots: &mut Slots) -> Result<()> {
    slots.refresh()?;
    slots
        .take_emptied()
        .into_iter()
        .try_for_each(|slot| library.close_sessions_in(slot))
}

/// `C_WaitForSlotEvent`, where slots have events. A folder tells nobody that it has changed, so whoever waits looks
/// again and again. No lock and no turn is held between two looks, so other threads go on, and `C_Finalize` ends the
/// waiting.
pub(crate) fn wait(library: &Library, flags: CK_FLAGS, reserved_is_null: bool) -> Result<CK_SLOT_ID> {
    if !reserved_is_null {
        return Err(Error::ArgumentsBad);
    }
    if !have_events() {
        return Err(Error::FunctionNotSupported);
    }
    loop {
        if let Some(slot) = event(library)? {
            return Ok(slot);
        }
        if flags & CKF_DONT_BLOCK != 0 {
            return Err(Error::NoEvent);
        }
        std::thread::sleep(BETWEEN_LOOKS);
        // Ours is held, so no later one can have its address.
        if !std::ptr::eq(library, &raw const *Library::current()?) {
            return Err(Error::NotInitialized);
        }
    }
}

fn event(library: &Library) -> Result<Option<CK_SLOT_ID>> {
    let _turn = library.take_turn()?;
    let mut slots = library.slots.lock()?;
    look(library, &mut slots)?;
    Ok(slots.take_event())
}

/// `C_GetMechanismList`.
pub(crate) fn mechanisms(
    library: &Library,
    slot: CK_SLOT_ID,
    room: Room,
) -> Result<Answer<CK_MECHANISM_TYPE>> {
    let kinds = imitation(library, slot)?.mechanisms();
    room.answer(kinds.len(), || Ok(kinds))
}

/// `C_GetMechanismInfo`.
pub(crate) fn mechanism_info(
    library: &Library,
    slot: CK_SLOT_ID,
    kind: CK_MECHANISM_TYPE,
) -> Result<CK_MECHANISM_INFO> {
    let mut info = imitation(library, slot)?.mechanism_info(kind)?;
    // Whatever signs signs messages too (3.0).
    if info.flags & CKF_SIGN != 0 {
        info.flags |= CKF_MESSAGE_SIGN;
    }
    if info.flags & CKF_VERIFY != 0 {
        info.flags |= CKF_MESSAGE_VERIFY;
    }
    Ok(info)
}

/// What the token in a slot imitates; a token that is still to be made there, what the environment asks for.
fn imitation(library: &Library, slot: CK_SLOT_ID) -> Result<&'static Imitation> {
    match library.slots.lock()?.slot(slot)? {
        Slot::Empty => Err(Error::TokenNotPresent),
        Slot::Token(token) => token.imitation(),
        Slot::Unreadable { .. } | Slot::Closed | Slot::Free => Imitation::of_the_next_token(),
    }
}
