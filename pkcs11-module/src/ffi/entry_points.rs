//! The function list of PKCS #11 2.40: each entry point reads its arguments, calls the chapter of the standard
//! that it belongs to, and writes the answer.
//!
//! Arguments of a call that ends an operation when it fails are passed on as results, so that a bad pointer ends
//! it too (section 5.11: only a length query and `CKR_BUFFER_TOO_SMALL` leave an operation alive).

#![allow(non_snake_case)] // the standard's names

use std::ffi::c_void;

use cryptoki_sys::*;

use super::{
    answer_template, bytes, fill, label, mechanism, place, present, template, threading, write, write_out,
};
use crate::api::{
    absent, digesting, general, keys, login, objects, parallel, random, sessions, signing, slots, tokens,
    verifying,
};
use crate::entry::{enter, enter_initialized};

macro_rules! entry_points {
    ($($name:ident($($argument:ident: $kind:ty),*) $(|$library:ident|)? => $body:expr;)+) => {
        $(entry_points!(@one $name($($argument: $kind),*) $(|$library|)? => $body);)+

        /// What `C_GetFunctionList` hands out: every function, none NULL.
        static FUNCTION_LIST: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            C_GetFunctionList: Some(C_GetFunctionList),
            $($name: Some($name),)+
        };
    };
    (@one $name:ident($($argument:ident: $kind:ty),*) |$library:ident| => $body:expr) => {
        unsafe extern "C" fn $name($($argument: $kind),*) -> CK_RV {
            #[allow(unused_unsafe)] // some entry points take no pointer
            // SAFETY: the pointers are the host's, who answers for them as the head of `ffi` says; each goes
            // into one of the functions there, together with the length that belongs to it.
            enter_initialized(stringify!($name), |$library| unsafe { $body })
        }
    };
    (@one $name:ident($($argument:ident: $kind:ty),*) => $body:expr) => {
        unsafe extern "C" fn $name($($argument: $kind),*) -> CK_RV {
            // SAFETY: as above.
            enter(stringify!($name), || unsafe { $body })
        }
    };
}

/// Gives the host the list of all functions (PKCS #11 2.40, section 5.4): the one symbol the library exports.
///
/// # Safety
/// `list` is NULL or points to room for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    // SAFETY: the caller's promise is ours. The list is never written through, though the standard's type has
    // no `const`.
    enter("C_GetFunctionList", || unsafe {
        write(list, || Ok((&raw const FUNCTION_LIST).cast_mut()))
    })
}

type Session = CK_SESSION_HANDLE;
type Object = CK_OBJECT_HANDLE;
type Bytes = *mut CK_BYTE;
type Length = *mut CK_ULONG;
type Attributes = *mut CK_ATTRIBUTE;
type Mechanism = *mut CK_MECHANISM;
type Slot = CK_SLOT_ID;

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
    C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut CK_SLOT_ID, reserved: *mut c_void) |library| =>
        write(slot, || slots::wait(library, flags, reserved.is_null()));
    C_GetMechanismList(slot: Slot, list: *mut CK_MECHANISM_TYPE, count: Length) |library| =>
        write_out(list, count, |room| slots::mechanisms(library, slot, room?));
    C_GetMechanismInfo(slot: Slot, kind: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO) |library| =>
        write(info, || slots::mechanism_info(library, slot, kind));
    C_InitToken(slot: Slot, pin: Bytes, pin_len: CK_ULONG, name: *mut CK_UTF8CHAR) |library| =>
        tokens::init_token(library, slot, present(pin, pin_len)?, label(name)?);
    C_InitPIN(session: Session, pin: Bytes, pin_len: CK_ULONG) |library| =>
        login::init_pin(library, session, present(pin, pin_len)?);
    C_SetPIN(session: Session, old: Bytes, old_len: CK_ULONG, new: Bytes, new_len: CK_ULONG) |library| =>
        login::set_pin(library, session, present(old, old_len)?, present(new, new_len)?);

    // 5.6 Session management.
    C_OpenSession(
        slot: Slot, flags: CK_FLAGS, _application: *mut c_void, _notify: CK_NOTIFY,
        session: *mut CK_SESSION_HANDLE
    ) |library| => write(session, || sessions::open(library, slot, flags));
    C_CloseSession(session: Session) |library| => sessions::close(library, session);
    C_CloseAllSessions(slot: Slot) |library| => sessions::close_all(library, slot);
    C_GetSessionInfo(session: Session, info: *mut CK_SESSION_INFO) |library| =>
        write(info, || sessions::session_info(library, session));
    C_GetOperationState(session: Session, _state: Bytes, _state_len: Length) |library| =>
        absent::refuse(library, session);
    C_SetOperationState(
        session: Session, _state: Bytes, _state_len: CK_ULONG, _encryption: Object, _authentication: Object
    ) |library| => absent::refuse(library, session);
    C_Login(session: Session, user: CK_USER_TYPE, pin: Bytes, pin_len: CK_ULONG) |library| =>
        login::login(library, session, user, present(pin, pin_len)?);
    C_Logout(session: Session) |library| => login::logout(library, session);

    // 5.7 Object management.
    C_CreateObject(session: Session, list: Attributes, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE) |library| =>
        write(object, || objects::create(library, session, &template(list, count)?));
    C_CopyObject(
        session: Session, source: Object, list: Attributes, count: CK_ULONG, object: *mut CK_OBJECT_HANDLE
    ) |library| => write(object, || objects::copy(library, session, source, &template(list, count)?));
    C_DestroyObject(session: Session, object: Object) |library| => objects::destroy(library, session, object);
    C_GetObjectSize(session: Session, object: Object, size: Length) |library| =>
        write(size, || objects::size(library, session, object));
    C_GetAttributeValue(session: Session, object: Object, list: Attributes, count: CK_ULONG) |library| =>
        answer_template(list, count, |queries| objects::attributes(library, session, object, queries));
    C_SetAttributeValue(session: Session, object: Object, list: Attributes, count: CK_ULONG) |library| =>
        objects::set_attributes(library, session, object, &template(list, count)?);
    C_FindObjectsInit(session: Session, list: Attributes, count: CK_ULONG) |library| =>
        objects::find_init(library, session, &template(list, count)?);
    C_FindObjects(session: Session, list: *mut CK_OBJECT_HANDLE, room: CK_ULONG, count: Length) |library| => {
        // The one output with a fixed room: fewer handles than fit are an answer, not an error.
        let mut room = room;
        let found = objects::find(library, session, room, list.is_null() || count.is_null())?;
        write_out(list, &raw mut room, |space| space?.answer(found.len(), || Ok(found)))?;
        write(count, || Ok(room))
    };
    C_FindObjectsFinal(session: Session) |library| => objects::find_final(library, session);

    // 5.8 Encryption and 5.9 Decryption: not offered by this version.
    C_EncryptInit(session: Session, _mechanism: Mechanism, _key: Object) |library| =>
        absent::refuse(library, session);
    C_Encrypt(session: Session, _data: Bytes, _data_len: CK_ULONG, _out: Bytes, _out_len: Length) |library| =>
        absent::refuse(library, session);
    C_EncryptUpdate(session: Session, _part: Bytes, _part_len: CK_ULONG, _out: Bytes, _out_len: Length) |library| =>
        absent::refuse(library, session);
    C_EncryptFinal(session: Session, _out: Bytes, _out_len: Length) |library| => absent::refuse(library, session);
    C_DecryptInit(session: Session, _mechanism: Mechanism, _key: Object) |library| =>
        absent::refuse(library, session);
    C_Decrypt(session: Session, _data: Bytes, _data_len: CK_ULONG, _out: Bytes, _out_len: Length) |library| =>
        absent::refuse(library, session);
    C_DecryptUpdate(session: Session, _part: Bytes, _part_len: CK_ULONG, _out: Bytes, _out_len: Length) |library| =>
        absent::refuse(library, session);
    C_DecryptFinal(session: Session, _out: Bytes, _out_len: Length) |library| => absent::refuse(library, session);

    // 5.10 Message digesting.
    C_DigestInit(session: Session, call: Mechanism) |library| =>
        digesting::init(library, session, &mechanism(call)?);
    C_Digest(session: Session, data: Bytes, data_len: CK_ULONG, digest: Bytes, digest_len: Length) |library| =>
        write_out(digest, digest_len, |room| digesting::digest(library, session, bytes(data, data_len), room));
    C_DigestUpdate(session: Session, part: Bytes, part_len: CK_ULONG) |library| =>
        digesting::update(library, session, bytes(part, part_len));
    C_DigestKey(session: Session, _key: Object) |library| => digesting::key(library, session);
    C_DigestFinal(session: Session, digest: Bytes, digest_len: Length) |library| =>
        write_out(digest, digest_len, |room| digesting::finish(library, session, room));

    // 5.11 Signing.
    C_SignInit(session: Session, call: Mechanism, key: Object) |library| =>
        signing::init(library, session, &mechanism(call)?, key);
    C_Sign(session: Session, data: Bytes, data_len: CK_ULONG, signature: Bytes, signature_len: Length) |library| =>
        write_out(signature, signature_len, |room| {
            signing::sign(library, session, bytes(data, data_len), room)
        });
    C_SignUpdate(session: Session, part: Bytes, part_len: CK_ULONG) |library| =>
        signing::update(library, session, bytes(part, part_len));
    C_SignFinal(session: Session, signature: Bytes, signature_len: Length) |library| =>
        write_out(signature, signature_len, |room| signing::finish(library, session, room));
    C_SignRecoverInit(session: Session, _mechanism: Mechanism, _key: Object) |library| =>
        absent::refuse(library, session);
    C_SignRecover(session: Session, _data: Bytes, _data_len: CK_ULONG, _out: Bytes, _out_len: Length) |library| =>
        absent::refuse(library, session);

    // 5.12 Verifying.
    C_VerifyInit(session: Session, call: Mechanism, key: Object) |library| =>
        verifying::init(library, session, &mechanism(call)?, key);
    C_Verify(
        session: Session, data: Bytes, data_len: CK_ULONG, signature: Bytes, signature_len: CK_ULONG
    ) |library| =>
        verifying::verify(library, session, bytes(data, data_len), present(signature, signature_len));
    C_VerifyUpdate(session: Session, part: Bytes, part_len: CK_ULONG) |library| =>
        verifying::update(library, session, bytes(part, part_len));
    C_VerifyFinal(session: Session, signature: Bytes, signature_len: CK_ULONG) |library| =>
        verifying::finish(library, session, present(signature, signature_len));
    C_VerifyRecoverInit(session: Session, _mechanism: Mechanism, _key: Object) |library| =>
        absent::refuse(library, session);
    C_VerifyRecover(session: Session, _data: Bytes, _data_len: CK_ULONG, _out: Bytes, _out_len: Length) |library| =>
        absent::refuse(library, session);

    // 5.13 Dual-function operations: not offered by this version.
    C_DigestEncryptUpdate(
        session: Session, _part: Bytes, _part_len: CK_ULONG, _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);
    C_DecryptDigestUpdate(
        session: Session, _part: Bytes, _part_len: CK_ULONG, _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);
    C_SignEncryptUpdate(
        session: Session, _part: Bytes, _part_len: CK_ULONG, _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);
    C_DecryptVerifyUpdate(
        session: Session, _part: Bytes, _part_len: CK_ULONG, _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);

    // 5.14 Key management: pairs are generated; the rest is not offered by this version.
    C_GenerateKey(
        session: Session, _mechanism: Mechanism, _list: Attributes, _count: CK_ULONG, _key: *mut CK_OBJECT_HANDLE
    ) |library| => absent::refuse(library, session);
    C_GenerateKeyPair(
        session: Session, call: Mechanism, public: Attributes, public_count: CK_ULONG,
        private: Attributes, private_count: CK_ULONG,
        public_key: *mut CK_OBJECT_HANDLE, private_key: *mut CK_OBJECT_HANDLE
    ) |library| => {
        // Both places are looked at before a key exists that nobody could name.
        place(public_key)?;
        place(private_key)?;
        let pair = keys::generate_pair(
            library, session, &mechanism(call)?, &template(public, public_count)?, &template(private, private_count)?,
        )?;
        write(public_key, || Ok(pair.public))?;
        write(private_key, || Ok(pair.private))
    };
    C_WrapKey(
        session: Session, _mechanism: Mechanism, _wrapping: Object, _key: Object, _out: Bytes, _out_len: Length
    ) |library| => absent::refuse(library, session);
    C_UnwrapKey(
        session: Session, _mechanism: Mechanism, _unwrapping: Object, _wrapped: Bytes, _wrapped_len: CK_ULONG,
        _list: Attributes, _count: CK_ULONG, _key: *mut CK_OBJECT_HANDLE
    ) |library| => absent::refuse(library, session);
    C_DeriveKey(
        session: Session, _mechanism: Mechanism, _base: Object, _list: Attributes, _count: CK_ULONG,
        _key: *mut CK_OBJECT_HANDLE
    ) |library| => absent::refuse(library, session);

    // 5.15 Random numbers.
    C_SeedRandom(session: Session, _seed: Bytes, _seed_len: CK_ULONG) |library| => random::seed(library, session);
    C_GenerateRandom(session: Session, data: Bytes, data_len: CK_ULONG) |library| => {
        random::check(library, session)?;
        fill(data, data_len, random::generate)
    };

    // 5.16 Parallel function management.
    C_GetFunctionStatus(session: Session) |library| => parallel::status(library, session);
    C_CancelFunction(session: Session) |library| => parallel::status(library, session);
}
