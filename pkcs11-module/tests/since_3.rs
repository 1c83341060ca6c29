//! Functions that came with 3.0 and 3.2 and are about sessions, logins and messages: what each answers.

#![allow(unsafe_code)] // the C interface is what is tested
#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::ffi::c_void;
use std::ptr::{dangling_mut, null_mut};

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::since_3_2::{functions, sign_message};
use harness::raw::{Given, Library, bytes, number, yes};
use harness::{P256, PIN, SO_PIN};

macro_rules! call {
    ($name:ident($($argument:expr),*)) => {
        // SAFETY: each test passes pointers to values of its own, or what has to be refused unread.
        unsafe { functions().$name.expect(stringify!($name))($($argument),*) }
    };
}

/// A text as the functions take it.
fn given(text: &str) -> (*mut u8, CK_ULONG) {
    (text.as_ptr().cast_mut(), text.len() as CK_ULONG)
}

fn login_user(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &str, name: &str) -> CK_RV {
    let ((pin, pin_len), (name, name_len)) = (given(pin), given(name));
    call!(C_LoginUser(session, user, pin, pin_len, name, name_len))
}

/// A session key for everything that one key can do.
fn secret(kind: CK_KEY_TYPE, uses: &[CK_ATTRIBUTE_TYPE]) -> Vec<Given> {
    let mut template = vec![
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        bytes(CKA_VALUE, &[7; 32]),
    ];
    template.extend(uses.iter().map(|kind| yes(*kind)));
    template
}

alone! {
    fn a_login_by_name_is_that_of_the_one_who_has_none(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let session = library.open(slot, CKF_RW_SESSION).unwrap();
        assert_eq!(login_user(999, CKU_USER, PIN, ""), CKR_SESSION_HANDLE_INVALID);
        assert_eq!(login_user(session, CKU_USER, PIN, "an"), CKR_ARGUMENTS_BAD);
        assert_eq!(library.logout(session), CKR_USER_NOT_LOGGED_IN, "nobody has come in");
        let (pin, pin_len) = given(PIN);
        assert_eq!(call!(C_LoginUser(session, CKU_USER, null_mut(), 6, null_mut(), 0)), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(C_LoginUser(session, CKU_USER, pin, pin_len, null_mut(), 2)), CKR_ARGUMENTS_BAD);
        assert_eq!(login_user(session, 7, PIN, ""), CKR_USER_TYPE_INVALID);
        assert_eq!(login_user(session, CKU_USER, "654321", ""), CKR_PIN_INCORRECT);
        assert_eq!(login_user(session, CKU_CONTEXT_SPECIFIC, PIN, ""), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(call!(C_LoginUser(session, CKU_USER, pin, pin_len, null_mut(), 0)), CKR_OK);
        assert_eq!(library.session_info(session).unwrap().state, CKS_RW_USER_FUNCTIONS);
        assert_eq!(login_user(session, CKU_USER, PIN, ""), CKR_USER_ALREADY_LOGGED_IN);
        assert_eq!(login_user(session, CKU_SO, SO_PIN, ""), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        assert_eq!(library.logout(session), CKR_OK);
        assert_eq!(login_user(session, CKU_SO, SO_PIN, ""), CKR_OK);
        assert_eq!(library.session_info(session).unwrap().state, CKS_RW_SO_FUNCTIONS);
    }

    fn nobody_has_validated_this_token(_home) {
        let library = Library::initialized();
        let session = library.open(library.new_token(), CKF_RW_SESSION).unwrap();
        let mut flags: CK_FLAGS = 7;
        let last = CKS_LAST_VALIDATION_OK;
        assert_eq!(call!(C_GetSessionValidationFlags(session, last, &raw mut flags)), CKR_OK);
        assert_eq!(flags, 0);
        flags = 7;
        assert_eq!(call!(C_GetSessionValidationFlags(session, 99, &raw mut flags)), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(C_GetSessionValidationFlags(session, last, null_mut())), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(C_GetSessionValidationFlags(999, last, &raw mut flags)), CKR_SESSION_HANDLE_INVALID);
        assert_eq!(flags, 7, "who is refused is told nothing");
    }

    /// Section 5.21: a token without `CKF_ASYNC_SESSION_SUPPORTED` opens no such session, and has nothing to come back for.
    fn nothing_is_asynchronous(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        assert_eq!(library.token_info(slot).unwrap().flags & CKF_ASYNC_SESSION_SUPPORTED, 0);
        let session = library.open(slot, CKF_RW_SESSION).unwrap();
        let (mut id, mut result) = (0, CK_ASYNC_DATA::default());
        let mut room = [0_u8; 16];
        let name = c"C_Sign".as_ptr().cast_mut().cast();
        for (session, answer) in [(session, CKR_FUNCTION_NOT_SUPPORTED), (999, CKR_SESSION_HANDLE_INVALID)] {
            assert_eq!(call!(C_AsyncComplete(session, name, &raw mut result)), answer);
            assert_eq!(call!(C_AsyncGetID(session, name, &raw mut id)), answer);
            assert_eq!(call!(C_AsyncJoin(session, name, id, room.as_mut_ptr(), 16)), answer);
        }
    }

    fn what_the_flags_name_is_cancelled_and_nothing_else(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let aes = library.create(session, &secret(CKK_AES, &[CKA_ENCRYPT, CKA_DECRYPT])).unwrap();
        let mac = library.create(session, &secret(CKK_GENERIC_SECRET, &[CKA_SIGN, CKA_VERIFY])).unwrap();
        let hmac = CK_MECHANISM { mechanism: CKM_SHA256_HMAC, ..Default::default() };
        let cipher = Call::flat(CKM_AES_CBC, &[1; 16]);
        let mut length: CK_ULONG = 64;
        let mut room = [0_u8; 64];
        // Each operation: its flag, how it begins, and how it is asked whether it is still there.
        let begin = |flag| match flag {
            CKF_FIND_OBJECTS => library.find_init(session),
            CKF_DIGEST => library.digest_init(session, CKM_SHA256),
            CKF_SIGN => library.sign_init(session, CKM_SHA256_HMAC, mac),
            CKF_VERIFY => call!(C_VerifyInit(session, (&raw const hmac).cast_mut(), mac)),
            CKF_ENCRYPT => library.begin(session, Way::Encrypt, &cipher, aes),
            CKF_DECRYPT => library.begin(session, Way::Decrypt, &cipher, aes),
            CKF_MESSAGE_ENCRYPT => library.messages_begin(session, true, CKM_AES_GCM, aes),
            CKF_MESSAGE_DECRYPT => library.messages_begin(session, false, CKM_AES_GCM, aes),
            CKF_MESSAGE_SIGN => call!(C_MessageSignInit(session, (&raw const hmac).cast_mut(), mac)),
            CKF_MESSAGE_VERIFY => call!(C_MessageVerifyInit(session, (&raw const hmac).cast_mut(), mac)),
            other => panic!("{other:x}"),
        };
        let all = [
            CKF_FIND_OBJECTS, CKF_DIGEST, CKF_SIGN, CKF_VERIFY, CKF_ENCRYPT, CKF_DECRYPT, CKF_MESSAGE_ENCRYPT,
            CKF_MESSAGE_DECRYPT, CKF_MESSAGE_SIGN, CKF_MESSAGE_VERIFY,
        ];
        // Beginning again says whether one is active.
        let are_active = |flags: &[CK_FLAGS]| {
            for flag in flags {
                assert_eq!(begin(*flag), CKR_OPERATION_ACTIVE, "{flag:x}");
            }
        };
        all.iter().for_each(|flag| assert_eq!(begin(*flag), CKR_OK, "{flag:x}"));
        are_active(&all);
        assert_eq!(call!(C_SessionCancel(session, 0)), CKR_OK);
        are_active(&all);
        let (some, others) = all.split_at(5);
        let union = |flags: &[CK_FLAGS]| flags.iter().fold(0, |union, flag| union | flag);
        assert_eq!(call!(C_SessionCancel(session, union(some))), CKR_OK);
        are_active(others);
        some.iter().for_each(|flag| assert_eq!(begin(*flag), CKR_OK, "{flag:x}"));
        assert_eq!(call!(C_SessionCancel(session, union(&all))), CKR_OK);
        assert_eq!(library.digest_update(session, b"x"), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(library.find_final(session), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(call!(C_SignFinal(session, room.as_mut_ptr(), &raw mut length)), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(call!(C_EncryptFinal(session, room.as_mut_ptr(), &raw mut length)), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(call!(C_MessageSignFinal(session)), CKR_OPERATION_NOT_INITIALIZED);
        // One that was cancelled may be named again; another session's are its own.
        assert_eq!(call!(C_SessionCancel(session, union(&all))), CKR_OK);
        assert_eq!(call!(C_SessionCancel(999, CKF_SIGN)), CKR_SESSION_HANDLE_INVALID);
        all.iter().for_each(|flag| assert_eq!(begin(*flag), CKR_OK, "{flag:x}"));
    }

    /// Message-based signatures of asymmetric keys are those that the ordinary functions verify, and the other way round.
    fn messages_are_signed_by_rsa_and_ecdsa(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let rsa = library
            .generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, &[number(CKA_MODULUS_BITS, 2048)], &[])
            .unwrap();
        let ec = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &[bytes(CKA_EC_PARAMS, P256)], &[]).unwrap();
        let text = "Giấy chứng nhận".as_bytes();
        let (data, len) = (text.as_ptr().cast_mut(), text.len() as CK_ULONG);
        for (kind, (public, private)) in [(CKM_SHA256_RSA_PKCS, rsa), (CKM_ECDSA_SHA256, ec), (CKM_ECDSA_SHA3_256, ec)] {
            let mut signature = sign_message(session, kind, private, text).unwrap();
            assert_eq!(library.verify(session, kind, public, text, &signature), Ok(()));
            let ordinary = library.sign(session, kind, private, text).unwrap();
            let mut mechanism = CK_MECHANISM { mechanism: kind, ..Default::default() };
            assert_eq!(call!(C_MessageVerifyInit(session, &raw mut mechanism, public)), CKR_OK);
            let verify = |signature: &[u8]| {
                let (pointer, signature_len) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
                call!(C_VerifyMessage(session, null_mut(), 0, data, len, pointer, signature_len))
            };
            assert_eq!(verify(&ordinary), CKR_OK);
            assert_eq!(verify(&signature), CKR_OK);
            signature[9] ^= 1;
            assert_eq!(verify(&signature), CKR_SIGNATURE_INVALID);
            signature[9] ^= 1;
            let (pointer, signature_len) = (signature.as_mut_ptr(), signature.len() as CK_ULONG);
            assert_eq!(call!(C_VerifyMessage(session, null_mut(), 0, data, len - 1, pointer, signature_len)), CKR_SIGNATURE_INVALID);
            assert_eq!(call!(C_MessageVerifyFinal(session)), CKR_OK);
        }
    }

    fn null_pointers_are_refused_where_something_has_to_be(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let mac = library.create(session, &secret(CKK_GENERIC_SECRET, &[CKA_SIGN, CKA_VERIFY])).unwrap();
        let aes = library.create(session, &secret(CKK_AES, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP])).unwrap();
        let mut hmac = CK_MECHANISM { mechanism: CKM_SHA256_HMAC, ..Default::default() };
        let (none, nothing): (*mut u8, *mut CK_ULONG) = (null_mut(), null_mut());
        let (mut room, mut length) = ([0_u8; 64], 64);
        let (place, length) = (room.as_mut_ptr(), &raw mut length);
        let bad = CKR_ARGUMENTS_BAD;
        // Each message ends with the bad call; the messages go on.
        assert_eq!(call!(C_MessageSignInit(session, &raw mut hmac, mac)), CKR_OK);
        assert_eq!(call!(C_SignMessage(session, null_mut(), 0, none, 7, place, length)), bad);
        assert_eq!(call!(C_SignMessage(session, null_mut(), 0, place, 7, place, nothing)), bad);
        assert_eq!(call!(C_SignMessage(session, null_mut(), 0, place, 7, place, length)), CKR_OK);
        assert_eq!(call!(C_MessageSignFinal(session)), CKR_OK);
        assert_eq!(call!(C_MessageVerifyInit(session, &raw mut hmac, mac)), CKR_OK);
        assert_eq!(call!(C_VerifyMessage(session, null_mut(), 0, none, 7, place, 32)), bad);
        assert_eq!(call!(C_VerifyMessage(session, null_mut(), 0, place, 7, none, 32)), bad);
        assert_eq!(call!(C_MessageVerifyFinal(session)), CKR_OK);
        for encrypts in [true, false] {
            assert_eq!(library.messages_begin(session, encrypts, CKM_AES_GCM, aes), CKR_OK);
            let parameter: *mut c_void = null_mut();
            let size = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;
            let answer = match encrypts {
                true => call!(C_EncryptMessage(session, parameter, size, none, 0, place, 7, place, length)),
                false => call!(C_DecryptMessage(session, parameter, size, none, 0, place, 7, place, length)),
            };
            assert!([bad, CKR_MECHANISM_PARAM_INVALID].contains(&answer), "{answer:#x}");
            assert_eq!(library.messages_end(session, encrypts), CKR_OK);
        }
        assert_eq!(call!(C_VerifySignatureInit(session, &raw mut hmac, mac, none, 32)), bad);
        assert_eq!(call!(C_VerifySignatureInit(session, &raw mut hmac, mac, place, 32)), CKR_OK);
        assert_eq!(call!(C_VerifySignature(session, none, 7)), bad);
        let (template, no_key): (*mut CK_ATTRIBUTE, *mut CK_OBJECT_HANDLE) = (null_mut(), null_mut());
        let mut kem = CK_MECHANISM { mechanism: CKM_ML_KEM, ..Default::default() };
        let set = [number(CKA_PARAMETER_SET, CKP_ML_KEM_768)];
        let (public, private) = library.generate_pair(session, CKM_ML_KEM_KEY_PAIR_GEN, &set, &[]).unwrap();
        let (mut sealed, mut sealed_len, mut key) = ([0_u8; 1088], 1088, 0);
        let (sealed, sealed_len, key) = (sealed.as_mut_ptr(), &raw mut sealed_len, &raw mut key);
        let kem = &raw mut kem;
        assert_eq!(call!(C_EncapsulateKey(session, null_mut(), public, template, 0, sealed, sealed_len, key)), bad);
        assert_eq!(call!(C_EncapsulateKey(session, kem, public, template, 1, sealed, sealed_len, key)), bad);
        assert_eq!(call!(C_EncapsulateKey(session, kem, public, template, 0, sealed, nothing, key)), bad);
        assert_eq!(call!(C_EncapsulateKey(session, kem, public, template, 0, sealed, sealed_len, no_key)), bad);
        assert_eq!(call!(C_DecapsulateKey(session, null_mut(), private, template, 0, sealed, 1088, key)), bad);
        assert_eq!(call!(C_DecapsulateKey(session, kem, private, template, 1, sealed, 1088, key)), bad);
        assert_eq!(call!(C_DecapsulateKey(session, kem, private, template, 0, none, 1088, key)), bad);
        assert_eq!(call!(C_DecapsulateKey(session, kem, private, template, 0, sealed, 1088, no_key)), bad);
        let key = no_key;
        assert_eq!(call!(C_WrapKeyAuthenticated(session, null_mut(), aes, mac, none, 0, place, length)), bad);
        assert_eq!(call!(C_UnwrapKeyAuthenticated(session, null_mut(), aes, place, 64, template, 0, none, 0, key)), bad);
    }

    fn what_is_reserved_is_null(_home) {
        let library = Library::initialized();
        let (mut slot, reserved) = (7, dangling_mut::<c_void>());
        for flags in [0, CKF_DONT_BLOCK] {
            assert_eq!(call!(C_WaitForSlotEvent(flags, &raw mut slot, reserved)), CKR_ARGUMENTS_BAD);
        }
        assert_eq!(slot, 7);
        assert_eq!(call!(C_Finalize(reserved)), CKR_ARGUMENTS_BAD);
        assert_eq!(library.finalize(), CKR_OK, "the refusal has ended nothing");
        let mut arguments = CK_C_INITIALIZE_ARGS { pReserved: reserved, ..Default::default() };
        assert_eq!(call!(C_Initialize((&raw mut arguments).cast())), CKR_ARGUMENTS_BAD);
    }
}
