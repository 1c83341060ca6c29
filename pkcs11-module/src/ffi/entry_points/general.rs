//! General-purpose functions, slots and tokens, random numbers (2.40, sections 5.4, 5.5, 5.15, 5.16).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::super::{fill, label, present, threading, write, write_out};
use super::{Bytes, Length, Session, Slot, entry_points};
use crate::api::{general, parallel, random, slots, tokens};
use crate::library::Library;

entry_points! {
    // 5.4 General-purpose functions.
    C_Initialize(arguments: *mut c_void) => general::initialize(threading(arguments)?);
    C_Finalize(reserved: *mut c_void) |library| => general::finalize(library, reserved.is_null());
    C_GetInfo(info: *mut CK_INFO) |_library| => write(info, || Ok(general::info()));

    // 5.5 Slot and token management.
    C_GetSlotList(present: CK_BBOOL, list: *mut CK_SLOT_ID, count: Length) |library| =>
        write_out(list, count, |room| slots::list(library, present != CK_FALSE, room?));
    C_GetSlotInfo(slot: Slot, info: *mut CK_SLOT_INFO) |library| =>
        write(info, || slots::slot_info(library, slot));
    C_GetTokenInfo(slot: Slot, info: *mut CK_TOKEN_INFO) |library| =>
        write(info, || tokens::token_info(library, slot));
    // Finds its library itself, because it must not keep other calls from their turn while it waits.
    C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut CK_SLOT_ID, reserved: *mut c_void) =>
        Library::current().and_then(|library| write(slot, || slots::wait(&library, flags, reserved.is_null())));
    C_GetMechanismList(slot: Slot, list: *mut CK_MECHANISM_TYPE, count: Length) |library| =>
        write_out(list, count, |room| slots::mechanisms(library, slot, room?));
    C_GetMechanismInfo(slot: Slot, kind: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO) |library| =>
        write(info, || slots::mechanism_info(library, slot, kind));
    C_InitToken(slot: Slot, pin: Bytes, pin_len: CK_ULONG, name: *mut CK_UTF8CHAR) |library| =>
        tokens::init_token(library, slot, present(pin, pin_len)?, label(name)?);

    // 5.15 Random numbers.
    C_SeedRandom(session: Session, seed: Bytes, seed_len: CK_ULONG) |library| =>
        random::seed(library, session, present(seed, seed_len)?);
    C_GenerateRandom(session: Session, data: Bytes, data_len: CK_ULONG) |library| => {
        random::check(library, session)?;
        fill(data, data_len, random::generate)
    };

    // 5.16 Parallel function management.
    C_GetFunctionStatus(session: Session) |library| => parallel::status(library, session);
    C_CancelFunction(session: Session) |library| => parallel::status(library, session);
}
