//! The interfaces of 2.40, 3.0 and 3.2: what is handed out agrees with its version, and every function of every list
//! stands being called with nothing.

#![allow(unsafe_code)] // the C interface is what is tested
#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::ffi::{CStr, c_void};
use std::ptr::null_mut;

use cryptoki_sys::*;
use harness::raw::exports;

/// Any function of the interface, called with more arguments than it has, as the calling conventions of all our
/// systems allow.
type Function =
    unsafe extern "C" fn(usize, usize, usize, usize, usize, usize, usize, usize, usize, usize) -> CK_RV;

/// How many functions the lists have.
const IN_2_40: usize = 68;
const IN_3_0: usize = 92;
const IN_3_2: usize = 104;

/// The places of functions that are not like the others, in every list.
const INITIALIZE: usize = 0;
const FINALIZE: usize = 1;
const GET_INFO: usize = 2;
const GET_FUNCTION_LIST: usize = 3;
const GET_INTERFACE_LIST: usize = 68;
const GET_INTERFACE: usize = 69;

/// What nothing is enough for, and who does it: a session is closed; all sessions of slot 0 are; every object is looked
/// for, whatever it is; no operation is cancelled. Everything else has to be refused.
const DONE_WITH_NOTHING: [(usize, Whose); 4] = [
    (13, Whose::Session), // C_CloseSession
    (14, Whose::Zero),    // C_CloseAllSessions
    (26, Whose::Session), // C_FindObjectsInit
    (71, Whose::Session), // C_SessionCancel
];

/// What the first argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Zero,
    Session,
    Nobody,
}

/// The version of a list, and its functions, each of them there.
fn functions(list: *const c_void, count: usize) -> ((u8, u8), Vec<Function>) {
    // SAFETY: every list begins with its version, and has so many pointers after it.
    unsafe {
        let version = list.cast::<CK_VERSION>().read();
        let first = list
            .cast::<u8>()
            .add(size_of::<usize>())
            .cast::<Option<Function>>();
        let all = (0..count)
            .map(|i| first.add(i).read().expect("no function is NULL"))
            .collect();
        ((version.major, version.minor), all)
    }
}

fn with_nothing(function: Function, first: usize) -> CK_RV {
    // SAFETY: this is what the test is about: the library has to refuse.
    unsafe { function(first, 0, 0, 0, 0, 0, 0, 0, 0, 0) }
}

fn interfaces(library: &Pkcs11) -> Vec<CK_INTERFACE> {
    let mut count = 0;
    // SAFETY: the place for the number is the test's, and then the places for as many interfaces.
    unsafe {
        assert_eq!(library.C_GetInterfaceList(null_mut(), &raw mut count), CKR_OK);
        let mut list = vec![CK_INTERFACE::default(); usize::try_from(count).unwrap()];
        let mut short = count - 1;
        assert_eq!(
            library.C_GetInterfaceList(list.as_mut_ptr(), &raw mut short),
            CKR_BUFFER_TOO_SMALL
        );
        assert_eq!(short, count);
        assert_eq!(
            library.C_GetInterfaceList(list.as_mut_ptr(), &raw mut count),
            CKR_OK
        );
        assert_eq!(
            library.C_GetInterfaceList(list.as_mut_ptr(), null_mut()),
            CKR_ARGUMENTS_BAD
        );
        list
    }
}

fn ask(
    library: &Pkcs11,
    name: Option<&CStr>,
    version: Option<(u8, u8)>,
    flags: CK_FLAGS,
) -> Result<(u8, u8), CK_RV> {
    let name = name.map_or(null_mut(), |name| name.as_ptr().cast_mut().cast());
    let mut wanted = version.map(|(major, minor)| CK_VERSION { major, minor });
    let wanted = wanted.as_mut().map_or(null_mut(), |version| &raw mut *version);
    let mut found = null_mut();
    // SAFETY: what is passed is the test's own, or NULL.
    let rv = unsafe { library.C_GetInterface(name, wanted, &raw mut found, flags) };
    if rv != CKR_OK {
        return Err(rv);
    }
    // SAFETY: an interface that was handed out is there.
    let interface = unsafe { *found };
    Ok(functions(interface.pFunctionList, IN_2_40).0)
}

alone! {
    fn each_interface_has_the_functions_of_its_version(_home) {
        let library = exports();
        let counts = [((3, 2), IN_3_2), ((3, 0), IN_3_0), ((2, 40), IN_2_40)];
        let found = interfaces(library);
        assert_eq!(found.len(), counts.len());
        for (interface, (version, count)) in found.iter().zip(counts) {
            // SAFETY: the name ends with a zero.
            assert_eq!(unsafe { CStr::from_ptr(interface.pInterfaceName.cast()) }, c"PKCS 11");
            assert_eq!(functions(interface.pFunctionList, count).0, version);
            // A child of a fork starts anew, which is not what the flag says.
            assert_eq!(interface.flags & CKF_INTERFACE_FORK_SAFE, 0);
        }
        let mut list = null_mut();
        // SAFETY: the place is the test's.
        assert_eq!(unsafe { library.C_GetFunctionList(&raw mut list) }, CKR_OK);
        assert_eq!(functions(list.cast_const().cast(), IN_2_40).0, (2, 40));
        let mut info = CK_INFO::default();
        // SAFETY: the list was handed out; the places are the test's.
        unsafe {
            assert_eq!((*list).C_Initialize.unwrap()(null_mut()), CKR_OK);
            assert_eq!((*list).C_GetInfo.unwrap()(&raw mut info), CKR_OK);
            assert_eq!((*list).C_Finalize.unwrap()(null_mut()), CKR_OK);
        }
        assert_eq!((info.cryptokiVersion.major, info.cryptokiVersion.minor), (3, 2));
    }

    fn an_interface_is_found_by_name_version_and_flags(_home) {
        let library = exports();
        let name = Some(c"PKCS 11");
        for version in [(3, 2), (3, 0), (2, 40)] {
            assert_eq!(ask(library, name, Some(version), 0), Ok(version));
            assert_eq!(ask(library, None, Some(version), 0), Ok(version));
        }
        assert_eq!(ask(library, None, None, 0), Ok((3, 2)));
        assert_eq!(ask(library, name, None, 0), Ok((3, 2)));
        for refused in [
            ask(library, Some(c"PKCS 12"), None, 0),
            ask(library, Some(c"PKCS 11 "), None, 0),
            ask(library, Some(c"PKCS 1"), None, 0),
            ask(library, Some(c""), None, 0),
            ask(library, name, Some((3, 1)), 0),
            ask(library, name, Some((4, 0)), 0),
            ask(library, name, None, CKF_INTERFACE_FORK_SAFE),
        ] {
            assert_eq!(refused, Err(CKR_FUNCTION_FAILED));
        }
        // SAFETY: NULL has to be refused.
        assert_eq!(unsafe { library.C_GetInterface(null_mut(), null_mut(), null_mut(), 0) }, CKR_ARGUMENTS_BAD);
    }

    fn before_initialization_nothing_works(_home) {
        let library = exports();
        for (interface, count) in interfaces(library).iter().zip([IN_3_2, IN_3_0, IN_2_40]) {
            let (_, all) = functions(interface.pFunctionList, count);
            for (place, function) in all.into_iter().enumerate().filter(|(place, _)| *place != INITIALIZE) {
                let expected = match place {
                    GET_FUNCTION_LIST | GET_INTERFACE_LIST | GET_INTERFACE => CKR_ARGUMENTS_BAD,
                    _ => CKR_CRYPTOKI_NOT_INITIALIZED,
                };
                assert_eq!(with_nothing(function, 0), expected, "function {place} of {count}");
            }
        }
    }

    fn every_function_stands_being_called_with_nothing(_home) {
        let library = exports();
        let mut list = null_mut();
        // SAFETY: the place is the test's.
        assert_eq!(unsafe { library.C_GetFunctionList(&raw mut list) }, CKR_OK);
        // SAFETY: the list was handed out.
        assert_eq!(unsafe { (*list).C_Initialize.unwrap()(null_mut()) }, CKR_OK);
        let harness = harness::raw::Library::load();
        let slot = harness.new_token();
        for (interface, count) in interfaces(library).iter().zip([IN_3_2, IN_3_0, IN_2_40]) {
            let (_, all) = functions(interface.pFunctionList, count);
            for (place, function) in all.into_iter().enumerate().filter(|(place, _)| *place != FINALIZE) {
                let session = harness.open(slot, CKF_RW_SESSION).unwrap();
                // Where the first argument is a pointer, nothing is NULL.
                let is_pointer = [GET_INFO, GET_FUNCTION_LIST, GET_INTERFACE_LIST, GET_INTERFACE].contains(&place);
                let session = usize::try_from(session).unwrap();
                let firsts = [(Whose::Zero, 0), (Whose::Session, session), (Whose::Nobody, usize::MAX)];
                for &(whose, first) in &firsts[..if is_pointer || place == INITIALIZE { 1 } else { 3 }] {
                    let answer = with_nothing(function, first);
                    let is_enough = DONE_WITH_NOTHING.contains(&(place, whose));
                    assert_eq!(answer == CKR_OK, is_enough, "function {place} of {count}, {whose:?}: {answer:#x}");
                    let unexpected = [CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_DEVICE_ERROR, CKR_CRYPTOKI_NOT_INITIALIZED];
                    assert!(!unexpected.contains(&answer), "function {place} of {count}: {answer:#x}");
                }
                harness.close_all(slot);
            }
        }
    }

    fn a_signature_may_come_before_its_data(_home) {
        let library = exports();
        let harness = harness::raw::Library::initialized();
        let session = harness.user_session();
        let list = interfaces(library)[0].pFunctionList.cast::<CK_FUNCTION_LIST_3_2>();
        // SAFETY: the first interface is that of 3.2.
        let list = unsafe { &*list };
        let key = harness.create(session, &hmac_key()).unwrap();
        let mut call = CK_MECHANISM { mechanism: CKM_SHA256_HMAC, ..Default::default() };
        let mut signature = [0_u8; 32];
        let mut len = 32;
        let data = b"message".as_ptr().cast_mut();
        // SAFETY: what is passed is the test's own.
        unsafe {
            assert_eq!(list.C_SignInit.unwrap()(session, &raw mut call, key), CKR_OK);
            assert_eq!(list.C_Sign.unwrap()(session, data, 7, signature.as_mut_ptr(), &raw mut len), CKR_OK);
            let begin = |signature: &mut [u8; 32]| list.C_VerifySignatureInit.unwrap()(session, (&raw const call).cast_mut(), key, signature.as_mut_ptr(), 32);
            assert_eq!(begin(&mut signature), CKR_OK);
            assert_eq!(begin(&mut signature), CKR_OPERATION_ACTIVE);
            assert_eq!(list.C_VerifySignature.unwrap()(session, data, 7), CKR_OK);
            assert_eq!(begin(&mut signature), CKR_OK);
            assert_eq!(list.C_VerifySignatureUpdate.unwrap()(session, data, 3), CKR_OK);
            assert_eq!(list.C_VerifySignatureUpdate.unwrap()(session, data.add(3), 4), CKR_OK);
            assert_eq!(list.C_VerifySignatureFinal.unwrap()(session), CKR_OK);
            signature[0] ^= 1;
            assert_eq!(begin(&mut signature), CKR_OK);
            assert_eq!(list.C_VerifySignature.unwrap()(session, data, 7), CKR_SIGNATURE_INVALID);
            assert_eq!(list.C_VerifySignature.unwrap()(session, data, 7), CKR_OPERATION_NOT_INITIALIZED);
            // NULL gives up what was begun.
            assert_eq!(begin(&mut signature), CKR_OK);
            assert_eq!(list.C_VerifySignatureInit.unwrap()(session, null_mut(), 0, null_mut(), 0), CKR_OK);
            assert_eq!(list.C_VerifySignatureFinal.unwrap()(session), CKR_OPERATION_NOT_INITIALIZED);
        }
    }

    fn many_messages_are_signed_after_one_beginning(_home) {
        let library = exports();
        let harness = harness::raw::Library::initialized();
        let session = harness.user_session();
        let list = interfaces(library)[1].pFunctionList.cast::<CK_FUNCTION_LIST_3_0>();
        // SAFETY: the second interface is that of 3.0.
        let list = unsafe { &*list };
        let key = harness.create(session, &hmac_key()).unwrap();
        let mut call = CK_MECHANISM { mechanism: CKM_SHA256_HMAC, ..Default::default() };
        let data = b"message".as_ptr().cast_mut();
        let (mut whole, mut parts, mut len) = ([0_u8; 32], [0_u8; 32], 32);
        // SAFETY: what is passed is the test's own, or NULL.
        unsafe {
            let none = null_mut();
            assert_eq!(list.C_SignMessage.unwrap()(session, none, 0, data, 7, whole.as_mut_ptr(), &raw mut len), CKR_OPERATION_NOT_INITIALIZED);
            assert_eq!(list.C_MessageSignInit.unwrap()(session, &raw mut call, key), CKR_OK);
            for _ in 0..2 {
                assert_eq!(list.C_SignMessage.unwrap()(session, none, 0, data, 7, null_mut(), &raw mut len), CKR_OK);
                assert_eq!(list.C_SignMessage.unwrap()(session, none, 0, data, 7, whole.as_mut_ptr(), &raw mut len), CKR_OK);
                assert_eq!(list.C_SignMessageBegin.unwrap()(session, none, 0), CKR_OK);
                assert_eq!(list.C_SignMessage.unwrap()(session, none, 0, data, 7, whole.as_mut_ptr(), &raw mut len), CKR_OPERATION_ACTIVE);
                assert_eq!(list.C_SignMessageNext.unwrap()(session, none, 0, data, 3, null_mut(), null_mut()), CKR_OK);
                assert_eq!(list.C_SignMessageNext.unwrap()(session, none, 0, data.add(3), 4, parts.as_mut_ptr(), &raw mut len), CKR_OK);
                assert_eq!(whole, parts);
            }
            assert_eq!(list.C_MessageSignFinal.unwrap()(session), CKR_OK);
            assert_eq!(list.C_MessageVerifyInit.unwrap()(session, &raw mut call, key), CKR_OK);
            let verify = |signature: &mut [u8; 32]| list.C_VerifyMessage.unwrap()(session, none, 0, data, 7, signature.as_mut_ptr(), 32);
            let mut wrong = whole;
            wrong[31] ^= 1;
            // A wrong signature is the end of its message only.
            assert_eq!(verify(&mut wrong), CKR_SIGNATURE_INVALID);
            assert_eq!(verify(&mut whole), CKR_OK);
            assert_eq!(list.C_VerifyMessageBegin.unwrap()(session, none, 0), CKR_OK);
            assert_eq!(list.C_VerifyMessageNext.unwrap()(session, none, 0, data, 3, null_mut(), 0), CKR_OK);
            assert_eq!(list.C_VerifyMessageNext.unwrap()(session, none, 0, data.add(3), 4, whole.as_mut_ptr(), 32), CKR_OK);
            assert_eq!(list.C_SessionCancel.unwrap()(session, CKF_MESSAGE_VERIFY), CKR_OK);
            assert_eq!(list.C_MessageVerifyFinal.unwrap()(session), CKR_OPERATION_NOT_INITIALIZED);
        }
    }
}

fn hmac_key() -> Vec<harness::raw::Given> {
    use harness::raw::{bytes, number, yes};
    vec![
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        bytes(CKA_VALUE, &[7; 32]),
        yes(CKA_SIGN),
        yes(CKA_VERIFY),
    ]
}
