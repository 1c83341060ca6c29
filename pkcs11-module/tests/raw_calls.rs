//! Calls as only C makes them: NULL pointers, lengths, states, mutexes and forks.

#![allow(unsafe_code)] // the C interface is what is tested
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::ffi::c_void;
use std::path::Path;
use std::process::Command;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cryptoki_sys::*;
use harness::{PIN, SO_PIN, actor, role};

/// The function list, as a C host gets it.
fn functions() -> &'static CK_FUNCTION_LIST {
    let mut list = null_mut();
    // SAFETY: the place is ours, and what the library hands out there is constant.
    unsafe {
        let library = harness::raw::exports();
        assert_eq!(library.C_GetFunctionList(null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(library.C_GetFunctionList(&raw mut list), CKR_OK);
        &*list
    }
}

macro_rules! call {
    ($list:expr, $name:ident($($argument:expr),*)) => {
        // SAFETY: each test passes pointers to values of its own, or NULL, which has to be refused.
        unsafe { $list.$name.expect(stringify!($name))($($argument),*) }
    };
}

fn initialize(list: &CK_FUNCTION_LIST) {
    let arguments = CK_C_INITIALIZE_ARGS {
        flags: CKF_OS_LOCKING_OK,
        ..Default::default()
    };
    assert_eq!(
        call!(list, C_Initialize((&raw const arguments).cast_mut().cast())),
        CKR_OK
    );
}

/// A session with a new token, the user logged in.
fn session(list: &CK_FUNCTION_LIST) -> CK_SESSION_HANDLE {
    let (so, user, mut label) = (SO_PIN.as_ptr().cast_mut(), PIN.as_ptr().cast_mut(), [b' '; 32]);
    let mut count = 0;
    assert_eq!(call!(list, C_GetSlotList(1, null_mut(), &raw mut count)), CKR_OK);
    assert_eq!(call!(list, C_InitToken(0, so, 8, label.as_mut_ptr())), CKR_OK);
    let session = open(list);
    assert_eq!(call!(list, C_Login(session, CKU_SO, so, 8)), CKR_OK);
    assert_eq!(call!(list, C_InitPIN(session, user, 6)), CKR_OK);
    assert_eq!(call!(list, C_Logout(session)), CKR_OK);
    assert_eq!(call!(list, C_Login(session, CKU_USER, user, 6)), CKR_OK);
    session
}

fn open(list: &CK_FUNCTION_LIST) -> CK_SESSION_HANDLE {
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    assert_eq!(
        call!(list, C_OpenSession(0, flags, null_mut(), None, &raw mut session)),
        CKR_OK
    );
    session
}

fn mechanism(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        ..Default::default()
    }
}

/// A P-256 key pair of the session: public, private.
fn key_pair(list: &CK_FUNCTION_LIST, session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let mut mechanism = mechanism(CKM_EC_KEY_PAIR_GEN);
    let mut template = [CK_ATTRIBUTE {
        type_: CKA_EC_PARAMS,
        pValue: harness::P256.as_ptr().cast_mut().cast(),
        ulValueLen: 10,
    }];
    let (mut public, mut private) = (0, 0);
    let made = call!(
        list,
        C_GenerateKeyPair(
            session,
            &raw mut mechanism,
            template.as_mut_ptr(),
            1,
            null_mut(),
            0,
            &raw mut public,
            &raw mut private
        )
    );
    assert_eq!(made, CKR_OK);
    (public, private)
}

fn begin(
    list: &CK_FUNCTION_LIST,
    session: CK_SESSION_HANDLE,
    kind: CK_MECHANISM_TYPE,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    let mut mechanism = mechanism(kind);
    call!(list, C_SignInit(session, &raw mut mechanism, key))
}

fn random(list: &CK_FUNCTION_LIST, session: CK_SESSION_HANDLE) -> [u8; 32] {
    let mut bytes = [0; 32];
    assert_eq!(
        call!(list, C_GenerateRandom(session, bytes.as_mut_ptr(), 32)),
        CKR_OK
    );
    bytes
}

/// What a forked child can do: nothing with its parent's session, everything after an initialisation of its own.
fn child_works(list: &CK_FUNCTION_LIST, parents: CK_SESSION_HANDLE, file: &Path) -> bool {
    let mut info = CK_SESSION_INFO::default();
    let mut right = call!(list, C_GetSessionInfo(parents, &raw mut info)) == CKR_CRYPTOKI_NOT_INITIALIZED;
    right &= call!(list, C_Initialize(null_mut())) == CKR_OK;
    let mut count = 0;
    right &= call!(list, C_GetSlotList(1, null_mut(), &raw mut count)) == CKR_OK && count == 2;
    let mine = open(list);
    right &= call!(list, C_Login(mine, CKU_USER, PIN.as_ptr().cast_mut(), 6)) == CKR_OK;
    std::fs::write(file, random(list, mine)).unwrap();
    right & (call!(list, C_Finalize(null_mut())) == CKR_OK)
}

/// Two children, one after the other, of a process that has logged in and goes on.
fn children_begin_anew() {
    unsafe extern "C" {
        fn fork() -> i32;
        fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
        fn _exit(status: i32) -> !;
    }
    let list = functions();
    initialize(list);
    let session_handle = session(list);
    let (_, key) = key_pair(list, session_handle);
    let before = random(list, session_handle);
    let mut drawn = vec![before];
    for child in 0..2 {
        let file = std::env::temp_dir().join(format!("{}-{child}", std::process::id()));
        // SAFETY: no other thread of this process is in a call, and the child ends with _exit.
        unsafe {
            let pid = fork();
            if pid == 0 {
                _exit(i32::from(!child_works(list, session_handle, &file)));
            }
            let mut status = -1;
            assert_eq!(waitpid(pid, &raw mut status, 0), pid);
            assert_eq!(status, 0, "child {child}");
        }
        drawn.push(std::fs::read(&file).unwrap().try_into().unwrap());
        std::fs::remove_file(&file).unwrap();
    }
    drawn.push(random(list, session_handle));
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 4);
    let mut length = 0;
    assert_eq!(begin(list, session_handle, CKM_ECDSA, key), CKR_OK);
    let mut data = [1_u8; 32];
    assert_eq!(
        call!(
            list,
            C_Sign(session_handle, data.as_mut_ptr(), 32, null_mut(), &raw mut length)
        ),
        CKR_OK
    );
}

alone! {
    fn every_function_is_there_and_refuses_null_without_a_crash(_home) {
        let list = functions();
        assert_eq!((list.version.major, list.version.minor), (2, 40));
        // Nothing works before C_Initialize.
        assert_eq!(call!(list, C_GetInfo(null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
        assert_eq!(call!(list, C_GetFunctionStatus(1)), CKR_CRYPTOKI_NOT_INITIALIZED);
        initialize(list);
        let session = session(list);
        let bad = CKR_ARGUMENTS_BAD;
        let (n, m) = (null_mut(), null_mut::<CK_MECHANISM>());
        let (bytes, length) = (null_mut::<u8>(), null_mut::<CK_ULONG>());
        let template = null_mut::<CK_ATTRIBUTE>();
        let handle = null_mut::<CK_OBJECT_HANDLE>();
        assert_eq!(call!(list, C_GetFunctionList(null_mut())), bad);
        assert_eq!(call!(list, C_Finalize(16 as *mut c_void)), bad);
        assert_eq!(call!(list, C_GetInfo(null_mut())), bad);
        assert_eq!(call!(list, C_GetSlotList(1, null_mut(), null_mut())), bad);
        assert_eq!(call!(list, C_GetSlotInfo(0, null_mut())), bad);
        assert_eq!(call!(list, C_GetTokenInfo(0, null_mut())), bad);
        assert_eq!(call!(list, C_GetMechanismList(0, null_mut(), null_mut())), bad);
        assert_eq!(call!(list, C_GetMechanismInfo(0, CKM_ECDSA, null_mut())), bad);
        assert_eq!(call!(list, C_InitToken(0, bytes, 8, bytes)), bad);
        assert_eq!(call!(list, C_InitPIN(session, bytes, 8)), bad);
        assert_eq!(call!(list, C_SetPIN(session, bytes, 8, bytes, 8)), bad);
        assert_eq!(call!(list, C_OpenSession(0, CKF_SERIAL_SESSION, n, None, null_mut())), bad);
        assert_eq!(call!(list, C_GetSessionInfo(session, null_mut())), bad);
        assert_eq!(call!(list, C_Login(session, CKU_USER, bytes, 8)), bad);
        assert_eq!(call!(list, C_CreateObject(session, template, 1, handle)), bad);
        assert_eq!(call!(list, C_CopyObject(session, 1, template, 1, handle)), bad);
        assert_eq!(call!(list, C_GetObjectSize(session, 1, length)), bad);
        assert_eq!(call!(list, C_GetAttributeValue(session, 1, template, 1)), bad);
        assert_eq!(call!(list, C_SetAttributeValue(session, 1, template, 1)), bad);
        assert_eq!(call!(list, C_FindObjectsInit(session, template, 1)), bad);
        assert_eq!(call!(list, C_FindObjectsInit(session, template, 0)), CKR_OK);
        assert_eq!(call!(list, C_FindObjects(session, handle, 1, length)), bad);
        assert_eq!(call!(list, C_FindObjectsFinal(session)), CKR_OK);
        assert_eq!(call!(list, C_FindObjectsFinal(session)), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(call!(list, C_DigestInit(session, m)), bad);
        assert_eq!(call!(list, C_SignInit(session, m, 1)), bad);
        assert_eq!(call!(list, C_VerifyInit(session, m, 1)), bad);
        assert_eq!(call!(list, C_EncryptInit(session, m, 1)), bad);
        assert_eq!(call!(list, C_DecryptInit(session, m, 1)), bad);
        assert_eq!(call!(list, C_SignRecoverInit(session, m, 1)), bad);
        assert_eq!(call!(list, C_VerifyRecoverInit(session, m, 1)), bad);
        assert_eq!(call!(list, C_GenerateKey(session, m, template, 1, handle)), bad);
        assert_eq!(call!(list, C_GenerateKeyPair(session, m, template, 1, template, 1, handle, handle)), bad);
        assert_eq!(call!(list, C_WrapKey(session, m, 1, 1, bytes, length)), bad);
        assert_eq!(call!(list, C_UnwrapKey(session, m, 1, bytes, 1, template, 1, handle)), bad);
        assert_eq!(call!(list, C_DeriveKey(session, m, 1, template, 1, handle)), bad);
        assert_eq!(call!(list, C_GenerateRandom(session, bytes, 8)), bad);
        for idle in [
            call!(list, C_Digest(session, bytes, 0, bytes, length)),
            call!(list, C_DigestUpdate(session, bytes, 1)),
            call!(list, C_DigestKey(session, 1)),
            call!(list, C_DigestFinal(session, bytes, length)),
            call!(list, C_Sign(session, bytes, 1, bytes, length)),
            call!(list, C_SignUpdate(session, bytes, 1)),
            call!(list, C_SignFinal(session, bytes, length)),
            call!(list, C_Verify(session, bytes, 1, bytes, 1)),
            call!(list, C_VerifyUpdate(session, bytes, 1)),
            call!(list, C_VerifyFinal(session, bytes, 1)),
            call!(list, C_Encrypt(session, bytes, 1, bytes, length)),
            call!(list, C_EncryptUpdate(session, bytes, 1, bytes, length)),
            call!(list, C_EncryptFinal(session, bytes, length)),
            call!(list, C_Decrypt(session, bytes, 1, bytes, length)),
            call!(list, C_DecryptUpdate(session, bytes, 1, bytes, length)),
            call!(list, C_DecryptFinal(session, bytes, length)),
            call!(list, C_SignRecover(session, bytes, 1, bytes, length)),
            call!(list, C_VerifyRecover(session, bytes, 1, bytes, length)),
            call!(list, C_DigestEncryptUpdate(session, bytes, 1, bytes, length)),
            call!(list, C_DecryptDigestUpdate(session, bytes, 1, bytes, length)),
            call!(list, C_SignEncryptUpdate(session, bytes, 1, bytes, length)),
            call!(list, C_DecryptVerifyUpdate(session, bytes, 1, bytes, length)),
        ] {
            assert_eq!(idle, CKR_OPERATION_NOT_INITIALIZED);
        }
        assert_eq!(call!(list, C_GetOperationState(session, bytes, length)), bad);
        assert_eq!(call!(list, C_SetOperationState(session, bytes, 0, 0, 0)), bad);
        assert_eq!(call!(list, C_SeedRandom(session, bytes, 1)), bad);
        assert_eq!(call!(list, C_SeedRandom(session, [7_u8].as_mut_ptr(), 1)), CKR_OK);
        assert_eq!(call!(list, C_GetFunctionStatus(session)), CKR_FUNCTION_NOT_PARALLEL);
        assert_eq!(call!(list, C_CancelFunction(session)), CKR_FUNCTION_NOT_PARALLEL);
        let mut slot = 0;
        assert_eq!(call!(list, C_WaitForSlotEvent(CKF_DONT_BLOCK, &raw mut slot, null_mut())), CKR_FUNCTION_NOT_SUPPORTED);
        assert_eq!(call!(list, C_WaitForSlotEvent(CKF_DONT_BLOCK, null_mut(), null_mut())), bad);
        for stranger in [call!(list, C_CloseSession(999)), call!(list, C_Logout(999)), call!(list, C_DestroyObject(999, 1))] {
            assert_eq!(stranger, CKR_SESSION_HANDLE_INVALID);
        }
        assert_eq!(call!(list, C_CloseAllSessions(999)), CKR_SLOT_ID_INVALID);
        assert_eq!(call!(list, C_CloseAllSessions(0)), CKR_OK);
        assert_eq!(call!(list, C_CloseSession(session)), CKR_SESSION_HANDLE_INVALID);
    }

    fn lengths_are_negotiated_and_only_that_leaves_an_operation_alive(_home) {
        let list = functions();
        initialize(list);
        let session = session(list);
        let (_, key) = key_pair(list, session);
        let (mut data, mut out, mut length) = ([7_u8; 32], [0_u8; 100], 0);
        let data = data.as_mut_ptr();
        assert_eq!(begin(list, session, CKM_ECDSA, key), CKR_OK);
        assert_eq!(begin(list, session, CKM_ECDSA, key), CKR_OPERATION_ACTIVE);
        assert_eq!(call!(list, C_Sign(session, data, 32, null_mut(), &raw mut length)), CKR_OK);
        assert_eq!(length, 64);
        for room in [0, 63] {
            length = room;
            let short = call!(list, C_Sign(session, data, 32, out.as_mut_ptr(), &raw mut length));
            assert_eq!((short, length), (CKR_BUFFER_TOO_SMALL, 64));
        }
        assert_eq!(out, [0; 100]);
        length = 100;
        assert_eq!(call!(list, C_Sign(session, data, 32, out.as_mut_ptr(), &raw mut length)), CKR_OK);
        assert_eq!((length, &out[64..]), (64, &[0; 36][..]));
        let over = |rv| {
            assert_eq!(call!(list, C_SignUpdate(session, data, 1)), CKR_OPERATION_NOT_INITIALIZED);
            rv
        };
        // Any other failure ends it.
        assert_eq!(begin(list, session, CKM_ECDSA_SHA256, key), CKR_OK);
        assert_eq!(over(call!(list, C_Sign(session, data, 32, out.as_mut_ptr(), null_mut()))), CKR_ARGUMENTS_BAD);
        assert_eq!(begin(list, session, CKM_ECDSA_SHA256, key), CKR_OK);
        assert_eq!(over(call!(list, C_SignUpdate(session, null_mut(), 5))), CKR_ARGUMENTS_BAD);
        assert_eq!(begin(list, session, CKM_ECDSA_SHA256, key), CKR_OK);
        assert_eq!(call!(list, C_SignUpdate(session, data, 5)), CKR_OK);
        // But for a call for one piece in the middle of parts, which cannot end them (see `manners`).
        assert_eq!(call!(list, C_Sign(session, data, 5, out.as_mut_ptr(), &raw mut length)), CKR_OPERATION_ACTIVE);
        length = 100;
        assert_eq!(call!(list, C_SignFinal(session, out.as_mut_ptr(), &raw mut length)), CKR_OK);
        out = [0; 100];
        assert_eq!(begin(list, session, CKM_ECDSA, key), CKR_OK);
        assert_eq!(over(call!(list, C_SignUpdate(session, data, 5))), CKR_OPERATION_NOT_INITIALIZED);
        // One buffer for both.
        length = 100;
        assert_eq!(begin(list, session, CKM_ECDSA, key), CKR_OK);
        assert_eq!(call!(list, C_Sign(session, out.as_mut_ptr(), 32, out.as_mut_ptr(), &raw mut length)), CKR_OK);
    }

    fn a_length_may_be_asked_before_the_login_for_one_use(_home) {
        let list = functions();
        initialize(list);
        let session = session(list);
        let mut kind = mechanism(CKM_EC_KEY_PAIR_GEN);
        let mut yes = CK_TRUE;
        let mut curve = [CK_ATTRIBUTE { type_: CKA_EC_PARAMS, pValue: harness::P256.as_ptr().cast_mut().cast(), ulValueLen: 10 }];
        let mut each_time = [CK_ATTRIBUTE { type_: CKA_ALWAYS_AUTHENTICATE, pValue: (&raw mut yes).cast(), ulValueLen: 1 }];
        let (mut public, mut key) = (0, 0);
        let (curve, each_time) = (curve.as_mut_ptr(), each_time.as_mut_ptr());
        let made = call!(list, C_GenerateKeyPair(session, &raw mut kind, curve, 1, each_time, 1, &raw mut public, &raw mut key));
        assert_eq!(made, CKR_OK);
        let (mut data, mut out, mut length) = ([7_u8; 32], [0_u8; 64], 0);
        let (data, out) = (data.as_mut_ptr(), out.as_mut_ptr());
        assert_eq!(begin(list, session, CKM_ECDSA, key), CKR_OK);
        assert_eq!(call!(list, C_Sign(session, data, 32, null_mut(), &raw mut length)), CKR_OK);
        assert_eq!(length, 64);
        length = 1;
        assert_eq!(call!(list, C_Sign(session, data, 32, out, &raw mut length)), CKR_BUFFER_TOO_SMALL);
        assert_eq!(call!(list, C_Login(session, CKU_CONTEXT_SPECIFIC, PIN.as_ptr().cast_mut(), 6)), CKR_OK);
        assert_eq!(call!(list, C_Sign(session, data, 32, out, &raw mut length)), CKR_OK);
        // Without the PIN there is no signature, and the attempt ends the operation.
        assert_eq!(begin(list, session, CKM_ECDSA, key), CKR_OK);
        assert_eq!(call!(list, C_Sign(session, data, 32, out, &raw mut length)), CKR_USER_NOT_LOGGED_IN);
        assert_eq!(call!(list, C_Sign(session, data, 32, out, &raw mut length)), CKR_OPERATION_NOT_INITIALIZED);
    }

    fn a_buffer_may_be_unaligned(_home) {
        let list = functions();
        initialize(list);
        let session = session(list);
        key_pair(list, session);
        let mut count = 0;
        assert_eq!(call!(list, C_GetMechanismList(0, null_mut(), &raw mut count)), CKR_OK);
        let len = usize::try_from(count).unwrap();
        let (mut aligned, mut odd) = (vec![0; len], vec![0_u64; len + 1]);
        assert_eq!(call!(list, C_GetMechanismList(0, aligned.as_mut_ptr(), &raw mut count)), CKR_OK);
        let place = odd.as_mut_ptr().cast::<u8>().wrapping_add(1);
        assert_eq!(call!(list, C_GetMechanismList(0, place.cast(), &raw mut count)), CKR_OK);
        let raw: Vec<u8> = odd.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let words = raw[1..8 * len + 1].chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap()));
        assert_eq!(words.collect::<Vec<_>>(), aligned);
        let mut slots = 2;
        assert_eq!(call!(list, C_GetSlotList(1, place.cast(), &raw mut slots)), CKR_OK);
        assert_eq!(call!(list, C_FindObjectsInit(session, null_mut(), 0)), CKR_OK);
        assert_eq!(call!(list, C_FindObjects(session, place.cast(), 8, &raw mut count)), CKR_OK);
        assert_eq!(count, 2);
    }

    fn a_login_does_not_outlive_the_sessions_that_asked_for_it(_home) {
        let list = functions();
        initialize(list);
        let first = session(list);
        assert_eq!(call!(list, C_CloseSession(first)), CKR_OK);
        for wait in [0, 1, 5, 20, 60] {
            let asking = open(list);
            let (login, closed) = std::thread::scope(|scope| {
                let login = scope.spawn(|| call!(list, C_Login(asking, CKU_USER, PIN.as_ptr().cast_mut(), 6)));
                std::thread::sleep(std::time::Duration::from_millis(wait));
                let closed = call!(list, C_CloseAllSessions(0));
                (login.join().unwrap(), closed)
            });
            assert_eq!(closed, CKR_OK);
            assert!([CKR_OK, CKR_SESSION_HANDLE_INVALID].contains(&login), "{login:x}");
            let mut info = CK_SESSION_INFO::default();
            let later = open(list);
            assert_eq!(call!(list, C_GetSessionInfo(later, &raw mut info)), CKR_OK);
            assert_eq!(info.state, CKS_RW_PUBLIC_SESSION, "after {wait} ms");
            assert_eq!(call!(list, C_CloseSession(later)), CKR_OK);
        }
    }

    fn the_officer_and_a_reader_are_never_together(_home) {
        let list = functions();
        initialize(list);
        let first = session(list);
        assert_eq!(call!(list, C_CloseSession(first)), CKR_OK);
        for wait in [0, 1, 5, 20, 60] {
            let asking = open(list);
            let mut reader = 0;
            let (login, opened) = std::thread::scope(|scope| {
                let login = scope.spawn(|| call!(list, C_Login(asking, CKU_SO, SO_PIN.as_ptr().cast_mut(), 8)));
                std::thread::sleep(std::time::Duration::from_millis(wait));
                let opened = call!(list, C_OpenSession(0, CKF_SERIAL_SESSION, null_mut(), None, &raw mut reader));
                (login.join().unwrap(), opened)
            });
            let outcomes = [(CKR_SESSION_READ_ONLY_EXISTS, CKR_OK), (CKR_OK, CKR_SESSION_READ_WRITE_SO_EXISTS), (CKR_SESSION_READ_ONLY_EXISTS, CKR_SESSION_READ_WRITE_SO_EXISTS)];
            assert!(outcomes.contains(&(login, opened)), "{login:x} {opened:x}");
            assert_eq!(call!(list, C_CloseAllSessions(0)), CKR_OK);
        }
    }

    fn one_refused_attribute_does_not_keep_the_others_back(_home) {
        let list = functions();
        initialize(list);
        let session = session(list);
        let (_, key) = key_pair(list, session);
        let (mut class, mut small) = (0 as CK_OBJECT_CLASS, [0_u8; 1]);
        let attribute = |kind, value: *mut c_void, length| CK_ATTRIBUTE { type_: kind, pValue: value, ulValueLen: length };
        let mut template = [
            attribute(CKA_VALUE, null_mut(), 0),
            attribute(CKA_CLASS, (&raw mut class).cast(), 8),
            attribute(CKA_MODULUS, null_mut(), 0),
            attribute(CKA_EC_PARAMS, null_mut(), 0),
            attribute(CKA_EC_PARAMS, small.as_mut_ptr().cast(), 1),
        ];
        assert_eq!(call!(list, C_GetAttributeValue(session, key, template.as_mut_ptr(), 5)), CKR_ATTRIBUTE_SENSITIVE);
        let lengths = template.map(|attribute| attribute.ulValueLen);
        let none = CK_UNAVAILABLE_INFORMATION;
        assert_eq!((lengths, class), ([none, 8, none, 10, none], CKO_PRIVATE_KEY));
        template[4].ulValueLen = 1;
        let too_small = call!(list, C_GetAttributeValue(session, key, template[4..].as_mut_ptr(), 1));
        assert_eq!(too_small, CKR_BUFFER_TOO_SMALL);
        let unknown = call!(list, C_GetAttributeValue(session, key, template[2..].as_mut_ptr(), 1));
        assert_eq!(unknown, CKR_ATTRIBUTE_TYPE_INVALID);
        let _ = small;
    }

    fn threading_is_as_the_host_asks(_home) {
        static HELD: AtomicUsize = AtomicUsize::new(0);
        static LOCKED: AtomicUsize = AtomicUsize::new(0);
        unsafe extern "C" fn create(mutex: *mut *mut c_void) -> CK_RV {
            // SAFETY: the library gives a place for one pointer.
            unsafe { *mutex = 64 as *mut c_void };
            CKR_OK
        }
        unsafe extern "C" fn destroy(_: *mut c_void) -> CK_RV { CKR_OK }
        unsafe extern "C" fn lock(mutex: *mut c_void) -> CK_RV {
            assert_eq!((mutex as usize, HELD.fetch_add(1, Ordering::SeqCst)), (64, 0));
            LOCKED.fetch_add(1, Ordering::SeqCst);
            CKR_OK
        }
        unsafe extern "C" fn unlock(_: *mut c_void) -> CK_RV {
            assert_eq!(HELD.fetch_sub(1, Ordering::SeqCst), 1);
            CKR_OK
        }
        let list = functions();
        let with = |mut arguments: CK_C_INITIALIZE_ARGS| call!(list, C_Initialize((&raw mut arguments).cast()));
        let none = CK_C_INITIALIZE_ARGS::default();
        assert_eq!(with(CK_C_INITIALIZE_ARGS { pReserved: 64 as *mut c_void, ..none }), CKR_ARGUMENTS_BAD);
        assert_eq!(with(CK_C_INITIALIZE_ARGS { LockMutex: Some(lock), ..none }), CKR_ARGUMENTS_BAD);
        for plain in [none, CK_C_INITIALIZE_ARGS { flags: CKF_LIBRARY_CANT_CREATE_OS_THREADS, ..none }] {
            assert_eq!(with(plain), CKR_OK);
            assert_eq!(with(plain), CKR_CRYPTOKI_ALREADY_INITIALIZED);
            assert_eq!(call!(list, C_Finalize(null_mut())), CKR_OK);
            assert_eq!(call!(list, C_Finalize(null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
        }
        assert_eq!(call!(list, C_Initialize(null_mut())), CKR_OK);
        assert_eq!(call!(list, C_Finalize(null_mut())), CKR_OK);
        let host = CK_C_INITIALIZE_ARGS {
            CreateMutex: Some(create), DestroyMutex: Some(destroy), LockMutex: Some(lock), UnlockMutex: Some(unlock), ..none
        };
        // With the flag the library may choose, and chooses the system's locks.
        assert_eq!(with(CK_C_INITIALIZE_ARGS { flags: CKF_OS_LOCKING_OK, ..host }), CKR_OK);
        assert_eq!(call!(list, C_Finalize(null_mut())), CKR_OK);
        assert_eq!(LOCKED.load(Ordering::SeqCst), 0);
        assert_eq!(with(host), CKR_OK);
        session(list);
        assert_eq!(call!(list, C_Finalize(null_mut())), CKR_OK);
        assert!(LOCKED.load(Ordering::SeqCst) > 5);
        assert_eq!(HELD.load(Ordering::SeqCst), 0);
    }

    /// Two threads at once through the host's mutexes: each is held by one at a time, some call has had to wait for the
    /// other thread, and in the end all that were made are destroyed, none of them held.
    fn given_mutexes_keep_two_threads_apart(_home) {
        #[derive(Default)]
        struct Given {
            is_held: AtomicBool,
            within: AtomicUsize,
        }
        static MADE: AtomicUsize = AtomicUsize::new(0);
        static DESTROYED: AtomicUsize = AtomicUsize::new(0);
        static WAITED: AtomicUsize = AtomicUsize::new(0);
        unsafe extern "C" fn create(mutex: *mut *mut c_void) -> CK_RV {
            MADE.fetch_add(1, Ordering::SeqCst);
            // SAFETY: the library gives a place for one pointer.
            unsafe { *mutex = Box::into_raw(Box::<Given>::default()).cast() };
            CKR_OK
        }
        unsafe extern "C" fn destroy(mutex: *mut c_void) -> CK_RV {
            DESTROYED.fetch_add(1, Ordering::SeqCst);
            // SAFETY: it was made above, and nobody has it any more.
            let mutex = unsafe { Box::from_raw(mutex.cast::<Given>()) };
            assert!(!mutex.is_held.load(Ordering::SeqCst));
            CKR_OK
        }
        unsafe extern "C" fn lock(mutex: *mut c_void) -> CK_RV {
            // SAFETY: it was made above, and is there until it is destroyed.
            let mutex = unsafe { &*mutex.cast::<Given>() };
            if mutex.is_held.swap(true, Ordering::SeqCst) {
                WAITED.fetch_add(1, Ordering::SeqCst);
                while mutex.is_held.swap(true, Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            }
            assert_eq!(mutex.within.fetch_add(1, Ordering::SeqCst), 0);
            // The other thread shall find it held.
            std::thread::yield_now();
            CKR_OK
        }
        unsafe extern "C" fn unlock(mutex: *mut c_void) -> CK_RV {
            // SAFETY: as for `lock`.
            let mutex = unsafe { &*mutex.cast::<Given>() };
            assert_eq!(mutex.within.fetch_sub(1, Ordering::SeqCst), 1);
            assert!(mutex.is_held.swap(false, Ordering::SeqCst), "one that nobody holds is let go");
            CKR_OK
        }
        let list = functions();
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: Some(create),
            DestroyMutex: Some(destroy),
            LockMutex: Some(lock),
            UnlockMutex: Some(unlock),
            ..Default::default()
        };
        assert_eq!(call!(list, C_Initialize((&raw mut arguments).cast())), CKR_OK);
        let (_, key) = key_pair(list, session(list));
        let work = || {
            let session = open(list);
            let (mut data, mut signature, mut length) = ([7_u8; 32], [0_u8; 64], 0);
            let begun = std::time::Instant::now();
            for round in 0.. {
                let late = begun.elapsed() > std::time::Duration::from_secs(60);
                if late || (round >= 100 && WAITED.load(Ordering::SeqCst) > 0) {
                    break;
                }
                length = 64;
                assert_eq!(begin(list, session, CKM_ECDSA, key), CKR_OK);
                let (data, place) = (data.as_mut_ptr(), signature.as_mut_ptr());
                assert_eq!(call!(list, C_Sign(session, data, 32, place, &raw mut length)), CKR_OK);
            }
            assert_eq!((length, call!(list, C_CloseSession(session))), (64, CKR_OK));
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(work);
            }
        });
        assert!(WAITED.load(Ordering::SeqCst) > 0, "nobody had to wait");
        assert_eq!(call!(list, C_Finalize(null_mut())), CKR_OK);
        assert_eq!(MADE.load(Ordering::SeqCst), DESTROYED.load(Ordering::SeqCst));
    }

    fn a_forked_child_begins_anew_and_the_parent_goes_on(_home) {
        children_begin_anew();
    }

    /// As under QEMU's user mode before version 8, in which containers for other processors run.
    fn a_forked_child_begins_anew_where_advice_on_memory_is_taken_and_not_followed(home) {
        let test = "a_forked_child_begins_anew_where_advice_on_memory_is_taken_and_not_followed";
        if role().is_some() {
            return children_begin_anew();
        }
        let plain = actor(test, home, "parent");
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=madvise", "-e", "inject=madvise:retval=0"]);
        traced.arg(plain.get_program()).args(plain.get_args());
        traced.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        assert!(traced.status().unwrap().success());
    }
}
