//! Sessions, PINs and logins (2.40, sections 5.5 and 5.6; 3.0, sections 5.6.9 and 5.6.11).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::super::{bytes, present, write, write_out};
use super::{Bytes, Length, Object, Session, Slot, entry_points};
use crate::api::{login, sessions, states};

entry_points! {
    // 5.6 Session management.
    C_OpenSession(
        slot: Slot, flags: CK_FLAGS, _application: *mut c_void, _notify: CK_NOTIFY,
        session: *mut CK_SESSION_HANDLE
    ) |library| => write(session, || sessions::open(library, slot, flags));
    C_CloseSession(session: Session) |library| => sessions::close(library, session);
    C_CloseAllSessions(slot: Slot) |library| => sessions::close_all(library, slot);
    C_GetSessionInfo(session: Session, info: *mut CK_SESSION_INFO) |library| =>
        write(info, || sessions::session_info(library, session));
    C_GetOperationState(session: Session, state: Bytes, state_len: Length) |library| =>
        write_out(state, state_len, |room| states::get(library, session, room));
    C_SetOperationState(
        session: Session, state: Bytes, state_len: CK_ULONG, encryption: Object, authentication: Object
    ) |library| =>
        states::set(library, session, present(state, state_len)?, [encryption, authentication]);
    C_Login(session: Session, user: CK_USER_TYPE, pin: Bytes, pin_len: CK_ULONG) |library| =>
        login::login(library, session, user, present(pin, pin_len)?);
    C_Logout(session: Session) |library| => login::logout(library, session);
    C_InitPIN(session: Session, pin: Bytes, pin_len: CK_ULONG) |library| =>
        login::init_pin(library, session, present(pin, pin_len)?);
    C_SetPIN(session: Session, old: Bytes, old_len: CK_ULONG, new: Bytes, new_len: CK_ULONG) |library| =>
        login::set_pin(library, session, present(old, old_len)?, present(new, new_len)?);

    // Since 3.0.
    C_LoginUser(
        session: Session, user: CK_USER_TYPE, pin: Bytes, pin_len: CK_ULONG, name: Bytes, name_len: CK_ULONG
    ) |library| =>
        login::login_user(library, session, user, present(pin, pin_len)?, bytes(name, name_len)?);
    C_SessionCancel(session: Session, flags: CK_FLAGS) |library| => sessions::cancel(library, session, flags);

    // Since 3.2.
    C_GetSessionValidationFlags(
        session: Session, kind: CK_SESSION_VALIDATION_FLAGS_TYPE, flags: *mut CK_FLAGS
    ) |library| => write(flags, || sessions::validation_flags(library, session, kind));
}
