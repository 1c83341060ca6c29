//! The functions: each hands its call on, and does before and after what the script says.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock, PoisonError};

use cryptoki_sys::*;

use crate::harm::{self, LOCKED};
use crate::script::{Action, INTERFACE, Rule};
use crate::{Simulation, simulation};

/// What stands between the host and one call of the module behind: the rules that apply, after they did their harm; or
/// the return value that ends the call.
fn enter(function: &str) -> Result<(&'static Simulation, Vec<&'static Rule>), CK_RV> {
    let simulation = simulation().ok_or(CKR_GENERAL_ERROR)?;
    let rules = simulation.script.of_call(function);
    for rule in &rules {
        harm::before(rule);
    }
    if rules.iter().any(|rule| rule.action == Action::Remove) {
        close_sessions(&simulation.behind);
    }
    if let Some(answer) = rules
        .iter()
        .find(|rule| rule.action == Action::Answer)
        .and_then(|rule| rule.answer())
    {
        return Err(answer);
    }
    let always = ["C_Initialize", "C_Finalize", "C_GetInfo", "C_GetSlotList"];
    if harm::is_removed() && !always.contains(&function) {
        return Err(CKR_DEVICE_REMOVED);
    }
    if LOCKED.load(Ordering::SeqCst) && function == "C_Login" {
        return Err(CKR_PIN_LOCKED);
    }
    Ok((simulation, rules))
}

/// What is answered when all is done.
fn answer_after(rules: &[&Rule]) -> Option<CK_RV> {
    let rule = rules.iter().find(|rule| rule.action == Action::AnswerAfter)?;
    rule.answer()
}

/// A token that is pulled forgets its sessions and its login (PKCS #11 3.1, 5.6): it comes back without them.
fn close_sessions(behind: &CK_FUNCTION_LIST) {
    let (Some(slots), Some(close)) = (behind.C_GetSlotList, behind.C_CloseAllSessions) else {
        return;
    };
    let mut found = [0; 16];
    let mut count = found.len() as CK_ULONG;
    // SAFETY: there is room for as many as `count` says, and no more is written.
    let answer = unsafe { slots(CK_TRUE, found.as_mut_ptr(), &raw mut count) };
    let count = usize::try_from(count).unwrap_or(0);
    for slot in found.iter().take(if answer == CKR_OK { count } else { 0 }) {
        // SAFETY: it takes a number. What it answers changes nothing here.
        unsafe { close(*slot) };
    }
}

/// Functions that are handed on as they are; `with` may change an argument, and `after` the answer.
macro_rules! handed_on {
    ($(
        $name:ident ( $($argument:ident : $type:ty),* )
        $(with $changed:ident = $by:ident($($from:ident),*))?
        $(=> $after:ident($($used:ident),*))?;
    )+) => {
        $(
            #[allow(non_snake_case)]
            unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
                let (simulation, rules) = match enter(stringify!($name)) {
                    Ok(entered) => entered,
                    Err(answer) => return answer,
                };
                let Some(function) = simulation.behind.$name else {
                    return CKR_FUNCTION_NOT_SUPPORTED;
                };
                $(let $changed = $by(simulation, &rules, $($from),*);)?
                // SAFETY: the host's own arguments, as it gave them, or a handle of the module behind.
                let answer = unsafe { function($($argument),*) };
                let answer = answer_after(&rules).unwrap_or(answer);
                // SAFETY: what is written is where the host said there is room.
                $(if answer == CKR_OK { unsafe { $after(&rules, $($used),*) } })?
                let _ = &rules;
                answer
            }
        )+

        /// Every function of the list, but the one that hands out the list.
        pub(crate) const HANDED_ON: &[&str] = &[$(stringify!($name)),+];

        /// True for one of them.
        pub(crate) fn is_handed_on(name: &str) -> bool {
            HANDED_ON.contains(&name)
        }

        /// The list of functions: each is ours, which calls that of the module behind.
        fn list(simulation: &'static Simulation) -> CK_FUNCTION_LIST {
            let mut list = simulation.behind;
            list.C_GetFunctionList = Some(C_GetFunctionList);
            $(list.$name = Some($name);)+
            for rule in &simulation.script.rule {
                $(if rule.action == Action::Missing && rule.function == stringify!($name) { list.$name = None; })+
            }
            list
        }
    };
}

handed_on! {
    C_Initialize(arguments: *mut std::ffi::c_void);
    C_Finalize(reserved: *mut std::ffi::c_void);
    C_GetInfo(info: *mut CK_INFO);
    C_GetSlotList(present: CK_BBOOL, slots: *mut CK_SLOT_ID, count: *mut CK_ULONG) => after_slots(slots, count);
    C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) => after_slot_info(info);
    C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) => after_token_info(info);
    C_GetMechanismList(slot: CK_SLOT_ID, list: *mut CK_MECHANISM_TYPE, count: *mut CK_ULONG)
        => after_mechanisms(list, count);
    C_GetMechanismInfo(slot: CK_SLOT_ID, mechanism: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO);
    C_InitToken(slot: CK_SLOT_ID, pin: *mut u8, length: CK_ULONG, label: *mut u8);
    C_InitPIN(session: CK_SESSION_HANDLE, pin: *mut u8, length: CK_ULONG);
    C_SetPIN(
        session: CK_SESSION_HANDLE, old: *mut u8, old_length: CK_ULONG, new: *mut u8, new_length: CK_ULONG
    );
    C_OpenSession(
        slot: CK_SLOT_ID, flags: CK_FLAGS, application: *mut std::ffi::c_void, notify: CK_NOTIFY,
        session: *mut CK_SESSION_HANDLE
    );
    C_CloseSession(session: CK_SESSION_HANDLE);
    C_CloseAllSessions(slot: CK_SLOT_ID);
    C_GetSessionInfo(session: CK_SESSION_HANDLE, info: *mut CK_SESSION_INFO);
    C_GetOperationState(session: CK_SESSION_HANDLE, state: *mut u8, length: *mut CK_ULONG);
    C_SetOperationState(
        session: CK_SESSION_HANDLE, state: *mut u8, length: CK_ULONG, encryption_key: CK_OBJECT_HANDLE,
        authentication_key: CK_OBJECT_HANDLE
    );
    C_Login(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: *mut u8, length: CK_ULONG);
    C_Logout(session: CK_SESSION_HANDLE);
    C_CreateObject(
        session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG,
        object: *mut CK_OBJECT_HANDLE
    );
    C_CopyObject(
        session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG,
        copy: *mut CK_OBJECT_HANDLE
    );
    C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE);
    C_GetObjectSize(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, size: *mut CK_ULONG);
    C_GetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG) => after_attributes(template, count);
    C_SetAttributeValue(
        session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG
    );
    C_FindObjectsInit(session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, count: CK_ULONG)
        => after_find_init();
    C_FindObjects(session: CK_SESSION_HANDLE, objects: *mut CK_OBJECT_HANDLE, max: CK_ULONG, count: *mut CK_ULONG)
        => after_find(objects, max, count);
    C_FindObjectsFinal(session: CK_SESSION_HANDLE);
    C_EncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
    C_Encrypt(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_EncryptUpdate(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_EncryptFinal(session: CK_SESSION_HANDLE, output: *mut u8, length: *mut CK_ULONG);
    C_DecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
    C_Decrypt(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_DecryptUpdate(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_DecryptFinal(session: CK_SESSION_HANDLE, output: *mut u8, length: *mut CK_ULONG);
    C_DigestInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM);
    C_Digest(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_DigestUpdate(session: CK_SESSION_HANDLE, part: *mut u8, length: CK_ULONG);
    C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE);
    C_DigestFinal(session: CK_SESSION_HANDLE, output: *mut u8, length: *mut CK_ULONG);
    C_SignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE)
        with key = another_key(session, key);
    C_Sign(session: CK_SESSION_HANDLE, data: *mut u8, length: CK_ULONG, signature: *mut u8, signature_length: *mut CK_ULONG) => after_sign(signature, signature_length);
    C_SignUpdate(session: CK_SESSION_HANDLE, part: *mut u8, length: CK_ULONG);
    C_SignFinal(session: CK_SESSION_HANDLE, output: *mut u8, length: *mut CK_ULONG);
    C_SignRecoverInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
    C_SignRecover(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_VerifyInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
    C_Verify(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: CK_ULONG
    );
    C_VerifyUpdate(session: CK_SESSION_HANDLE, part: *mut u8, length: CK_ULONG);
    C_VerifyFinal(session: CK_SESSION_HANDLE, part: *mut u8, length: CK_ULONG);
    C_VerifyRecoverInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, key: CK_OBJECT_HANDLE);
    C_VerifyRecover(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_DigestEncryptUpdate(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_DecryptDigestUpdate(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_SignEncryptUpdate(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_DecryptVerifyUpdate(
        session: CK_SESSION_HANDLE, input: *mut u8, length: CK_ULONG, output: *mut u8,
        output_length: *mut CK_ULONG
    );
    C_GenerateKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, template: *mut CK_ATTRIBUTE,
        count: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    );
    C_GenerateKeyPair(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, public: *mut CK_ATTRIBUTE,
        public_count: CK_ULONG, private: *mut CK_ATTRIBUTE, private_count: CK_ULONG,
        public_key: *mut CK_OBJECT_HANDLE, private_key: *mut CK_OBJECT_HANDLE
    );
    C_WrapKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE, wrapped: *mut u8, length: *mut CK_ULONG
    );
    C_UnwrapKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, unwrapping: CK_OBJECT_HANDLE,
        wrapped: *mut u8, length: CK_ULONG, template: *mut CK_ATTRIBUTE, count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE
    );
    C_DeriveKey(
        session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, base: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE, count: CK_ULONG, key: *mut CK_OBJECT_HANDLE
    );
    C_SeedRandom(session: CK_SESSION_HANDLE, seed: *mut u8, length: CK_ULONG);
    C_GenerateRandom(session: CK_SESSION_HANDLE, random: *mut u8, length: CK_ULONG);
    C_GetFunctionStatus(session: CK_SESSION_HANDLE);
    C_CancelFunction(session: CK_SESSION_HANDLE);
    C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut CK_SLOT_ID, reserved: *mut std::ffi::c_void);
}

/// The one symbol by which hosts find everything else (PKCS #11 3.1, 5.4.3).
///
/// # Safety
/// `place` has room for a pointer.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn C_GetFunctionList(place: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    struct List(CK_FUNCTION_LIST);
    // SAFETY: addresses of functions, which are the same for every thread.
    unsafe impl Send for List {}
    // SAFETY: as above.
    unsafe impl Sync for List {}
    static LIST: OnceLock<List> = OnceLock::new();
    let (simulation, _) = match enter("C_GetFunctionList") {
        Ok(entered) => entered,
        Err(answer) => return answer,
    };
    if place.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    let list = LIST.get_or_init(|| List(list(simulation)));
    // SAFETY: not NULL, and the host vouches for the rest. Hosts do not write to the list.
    unsafe { place.write((&raw const list.0).cast_mut()) };
    CKR_OK
}

/// The list by the other way (PKCS #11 3.1, 5.4.6): an interface of version 2.40, unless a rule wants a lie.
///
/// # Safety
/// `place` has room for a pointer.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn C_GetInterface(
    _name: *mut u8,
    _version: *mut CK_VERSION,
    place: *mut *mut CK_INTERFACE,
    _flags: CK_FLAGS,
) -> CK_RV {
    let (_, rules) = match enter(INTERFACE) {
        Ok(entered) => entered,
        Err(answer) => return answer,
    };
    let lie = rules
        .iter()
        .find(|rule| rule.action == Action::Interface)
        .and_then(|rule| rule.text());
    let mut list = std::ptr::null_mut();
    // SAFETY: there is room for the pointer.
    let answer = unsafe { C_GetFunctionList(&raw mut list) };
    if answer != CKR_OK || place.is_null() {
        return CKR_GENERAL_ERROR;
    }
    // SAFETY: the list that was just handed out.
    let mut changed = unsafe { *list };
    changed.version = CK_VERSION { major: 3, minor: 2 };
    let list: *mut std::ffi::c_void = match lie {
        Some("none") => {
            // SAFETY: the host vouches for the place.
            unsafe { place.write(std::ptr::null_mut()) };
            return CKR_OK;
        }
        Some("no-list") => std::ptr::null_mut(),
        Some("short") => {
            // SAFETY: the structure has no padding: a version as wide as a pointer by its alignment, and pointers.
            let octets = unsafe {
                std::slice::from_raw_parts((&raw const changed).cast::<u8>(), size_of_val(&changed))
            };
            harm::at_the_end_of_memory(octets).map_or(list.cast(), <*mut u8>::cast)
        }
        Some(_) => Box::into_raw(Box::new(CK_FUNCTION_LIST_3_2 {
            version: changed.version,
            ..CK_FUNCTION_LIST_3_2::default()
        }))
        .cast(),
        None => list.cast(),
    };
    // Both stay: hosts may come back to them.
    let interface = Box::leak(Box::new(CK_INTERFACE {
        pInterfaceName: c"PKCS 11".as_ptr().cast_mut().cast(),
        pFunctionList: list,
        flags: 0,
    }));
    // SAFETY: the host vouches for the place.
    unsafe { place.write(interface) };
    CKR_OK
}

/// The lie that the rules want in place of a length, where the host gives room for an answer or asks how much it needs.
fn lie(rules: &[&Rule], has_room: bool) -> Option<CK_ULONG> {
    let now = if has_room {
        Action::GivenLength
    } else {
        Action::WantedLength
    };
    rules
        .iter()
        .find(|rule| rule.action == Action::Length || rule.action == now)
        .and_then(|rule| rule.number())
}

/// A count that is a lie, and no slots once the token was pulled.
unsafe fn after_slots(rules: &[&Rule], slots: *mut CK_SLOT_ID, count: *mut CK_ULONG) {
    let lie = lie(rules, !slots.is_null());
    let lie = lie.or_else(|| harm::is_removed().then_some(0));
    if let Some(lie) = lie {
        // SAFETY: the module behind has written the count there.
        unsafe { count.write(lie) };
    }
}

/// A count that is a lie.
unsafe fn after_mechanisms(rules: &[&Rule], list: *mut CK_MECHANISM_TYPE, count: *mut CK_ULONG) {
    if let Some(lie) = lie(rules, !list.is_null()) {
        // SAFETY: the module behind has written the count there.
        unsafe { count.write(lie) };
    }
}

unsafe fn after_slot_info(rules: &[&Rule], info: *mut CK_SLOT_INFO) {
    // SAFETY: the module behind has filled it in.
    let info = unsafe { &mut *info };
    for rule in rules {
        match rule.action {
            Action::Flags => info.flags = (info.flags | rule.set) & !rule.clear,
            Action::Label => {
                let text = rule.text().unwrap_or_default().as_bytes();
                let length = text.len().min(info.slotDescription.len());
                info.slotDescription.fill(b' ');
                info.slotDescription[..length].copy_from_slice(&text[..length]);
            }
            _ => {}
        }
    }
}

unsafe fn after_token_info(rules: &[&Rule], info: *mut CK_TOKEN_INFO) {
    // SAFETY: the module behind has filled it in.
    let info = unsafe { &mut *info };
    if LOCKED.load(Ordering::SeqCst) {
        info.flags |= CKF_USER_PIN_LOCKED;
    }
    for rule in rules {
        match rule.action {
            Action::Flags => info.flags = (info.flags | rule.set) & !rule.clear,
            Action::Label => label(&mut info.label, rule.text().unwrap_or_default()),
            Action::Reach => label(&mut info.label, &harm::reach()),
            Action::Octets => octets(info, &rule.octets().unwrap_or_default()),
            _ => {}
        }
    }
}

/// Padded with NUL, as it should not be.
fn label(place: &mut [u8; 32], text: &str) {
    let length = text.len().min(place.len());
    *place = [0; 32];
    place[..length].copy_from_slice(&text.as_bytes()[..length]);
}

/// In every text, over and over.
fn octets(info: &mut CK_TOKEN_INFO, octets: &[u8]) {
    let places: [&mut [u8]; 4] = [
        &mut info.label,
        &mut info.manufacturerID,
        &mut info.model,
        &mut info.serialNumber,
    ];
    for place in places {
        place
            .iter_mut()
            .zip(octets.iter().cycle())
            .for_each(|(place, octet)| *place = *octet);
    }
}

/// A length that is a lie, and more than there is room for.
unsafe fn after_attributes(rules: &[&Rule], template: *mut CK_ATTRIBUTE, count: CK_ULONG) {
    if count == 0 {
        return;
    }
    // SAFETY: the module behind has written to the first of them.
    let first = unsafe { &mut *template };
    let place = first.pValue.cast::<u8>();
    let beyond = rules
        .iter()
        .find(|rule| rule.action == Action::Overrun)
        .and_then(|rule| rule.number());
    if let (Some(beyond), false) = (
        beyond.and_then(|beyond| usize::try_from(beyond).ok()),
        place.is_null(),
    ) {
        // SAFETY: none: nobody gave this room, and that it is written to all the same is what the rule asks for.
        unsafe { place.write_bytes(0x5a, beyond) };
    }
    let asks = rules.iter().any(|rule| rule.action == Action::AlwaysAuthenticate);
    if asks && first.type_ == CKA_ALWAYS_AUTHENTICATE && first.ulValueLen == 1 && !place.is_null() {
        // SAFETY: there is room for the octet that the module behind has written there.
        unsafe { place.write(CK_TRUE) };
    }
    if let Some(lie) = lie(rules, !place.is_null()) {
        first.ulValueLen = lie;
    }
}

/// What `repeat` has still to hand out. Hosts search for one thing at a time.
static REPEATED: Mutex<VecDeque<CK_OBJECT_HANDLE>> = Mutex::new(VecDeque::new());

unsafe fn after_find_init(_rules: &[&Rule]) {
    REPEATED.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Each object as often as the rule says.
unsafe fn after_find(rules: &[&Rule], objects: *mut CK_OBJECT_HANDLE, max: CK_ULONG, count: *mut CK_ULONG) {
    if let Some(lie) = lie(rules, true) {
        // SAFETY: the module behind has written the count there.
        unsafe { count.write(lie) };
        return;
    }
    let repeat = rules
        .iter()
        .find(|rule| rule.action == Action::Repeat)
        .and_then(|rule| rule.number())
        .and_then(|times| usize::try_from(times).ok());
    let Some(times) = repeat else { return };
    let room = usize::try_from(max).unwrap_or(0);
    // SAFETY: the host gave room for `max` handles, of which the module behind has written the first `count`.
    let (objects, count) = unsafe { (std::slice::from_raw_parts_mut(objects, room), &mut *count) };
    let mut waiting = REPEATED.lock().unwrap_or_else(PoisonError::into_inner);
    for object in objects.iter().take(usize::try_from(*count).unwrap_or(0)) {
        waiting.extend(std::iter::repeat_n(*object, times));
    }
    let given = room.min(waiting.len());
    for (place, object) in objects.iter_mut().zip(waiting.drain(..given)) {
        *place = object;
    }
    *count = given as CK_ULONG;
}

/// The private key of the label that a rule names, or the one that the host named.
fn another_key(
    simulation: &Simulation,
    rules: &[&Rule],
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
) -> CK_OBJECT_HANDLE {
    let label = rules
        .iter()
        .find(|rule| rule.action == Action::Key)
        .and_then(|rule| rule.text());
    let Some(label) = label else { return key };
    let behind = &simulation.behind;
    let (Some(begin), Some(find), Some(end)) = (
        behind.C_FindObjectsInit,
        behind.C_FindObjects,
        behind.C_FindObjectsFinal,
    ) else {
        return key;
    };
    let mut class = CKO_PRIVATE_KEY;
    let mut template = [
        CK_ATTRIBUTE {
            type_: CKA_CLASS,
            pValue: (&raw mut class).cast(),
            ulValueLen: size_of::<CK_OBJECT_CLASS>() as CK_ULONG,
        },
        CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: label.as_ptr().cast_mut().cast(),
            ulValueLen: label.len() as CK_ULONG,
        },
    ];
    let (mut found, mut count) = (key, 0);
    // SAFETY: the values of the template outlive the call, which reads them; there is room for the one handle.
    unsafe {
        begin(session, template.as_mut_ptr(), template.len() as CK_ULONG);
        find(session, &raw mut found, 1, &raw mut count);
        end(session);
    }
    found
}

/// A signature that is none.
unsafe fn after_sign(rules: &[&Rule], signature: *mut u8, length: *mut CK_ULONG) {
    let Some(sort) = rules
        .iter()
        .find(|rule| rule.action == Action::Signature)
        .and_then(|rule| rule.text())
    else {
        return;
    };
    if signature.is_null() {
        return;
    }
    // SAFETY: the module behind has written so many bytes there.
    let (bytes, length) = unsafe {
        let written = usize::try_from(*length).unwrap_or(0);
        (std::slice::from_raw_parts_mut(signature, written), &mut *length)
    };
    match sort {
        "zeros" => bytes.fill(0),
        "empty" => *length = 0,
        "short" => *length /= 2,
        "long" => *length = CK_ULONG::MAX / 2,
        // What ECDSA looks like in X.509, and not in PKCS #11.
        "der" if bytes.len() > 8 => bytes[..8].copy_from_slice(&[0x30, 0x44, 2, 0x20, 1, 2, 3, 4]),
        _ => bytes
            .iter_mut()
            .zip((1..=u8::MAX).cycle())
            .for_each(|(byte, mask)| *byte ^= mask),
    }
}
