//! Which of several things that are wrong with a call is said (PKCS #11, sections 5.1.6 and 5.1.7).

#![allow(unsafe_code)] // the C interface is what is tested
#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::ptr::null_mut;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Given, Library, bytes, exports, no, number, yes};
use harness::{P256, PIN};

alone! {
    /// With NULL for everything else, or a mechanism that there is not.
    fn a_session_that_is_not_there_is_said_first(_home) {
        const NOBODY: CK_SESSION_HANDLE = 99_999;
        let library = Library::initialized();
        library.new_token();
        let mut list = null_mut();
        // SAFETY: the place is the test's, and what the library hands out there is constant.
        let list = unsafe {
            assert_eq!(exports().C_GetFunctionList(&raw mut list), CKR_OK);
            &*list
        };
        let mut unknown = CK_MECHANISM { mechanism: CKM_VENDOR_DEFINED + 1, ..Default::default() };
        let unknown = &raw mut unknown;
        let (n, u) = (null_mut::<u8>(), null_mut::<CK_ULONG>());
        let (attributes, handle) = (null_mut::<CK_ATTRIBUTE>(), null_mut::<CK_OBJECT_HANDLE>());
        macro_rules! all {
            ($($name:ident($($argument:expr),*)),* $(,)?) => {
                // SAFETY: NULL has to be refused, and there is no such session.
                [$((stringify!($name), unsafe { list.$name.unwrap()(NOBODY $(, $argument)*) })),*]
            };
        }
        for (name, rv) in all![
            C_CloseSession(), C_GetSessionInfo(null_mut()), C_GetOperationState(n, u), C_SetOperationState(n, 1, 0, 0),
            C_Login(99, n, 8), C_Logout(), C_InitPIN(n, 8), C_SetPIN(n, 8, n, 8),
            C_CreateObject(attributes, 4, handle), C_CopyObject(1, attributes, 1, handle), C_DestroyObject(1),
            C_GetObjectSize(1, u), C_GetAttributeValue(1, attributes, 1), C_SetAttributeValue(1, attributes, 1),
            C_FindObjectsInit(attributes, 1), C_FindObjects(handle, 1, u), C_FindObjectsFinal(),
            C_EncryptInit(unknown, 1), C_Encrypt(n, 1, n, u), C_EncryptUpdate(n, 1, n, u), C_EncryptFinal(n, u),
            C_DecryptInit(unknown, 1), C_Decrypt(n, 1, n, u), C_DecryptUpdate(n, 1, n, u), C_DecryptFinal(n, u),
            C_DigestInit(unknown), C_Digest(n, 1, n, u), C_DigestUpdate(n, 1), C_DigestKey(1), C_DigestFinal(n, u),
            C_SignInit(unknown, 1), C_Sign(n, 1, n, u), C_SignUpdate(n, 1), C_SignFinal(n, u),
            C_SignRecoverInit(unknown, 1), C_SignRecover(n, 1, n, u),
            C_VerifyInit(unknown, 1), C_Verify(n, 1, n, 1), C_VerifyUpdate(n, 1), C_VerifyFinal(n, 1),
            C_VerifyRecoverInit(unknown, 1), C_VerifyRecover(n, 1, n, u),
            C_DigestEncryptUpdate(n, 1, n, u), C_DecryptDigestUpdate(n, 1, n, u),
            C_SignEncryptUpdate(n, 1, n, u), C_DecryptVerifyUpdate(n, 1, n, u),
            C_GenerateKey(unknown, attributes, 1, handle),
            C_GenerateKeyPair(unknown, attributes, 1, attributes, 1, handle, handle),
            C_WrapKey(unknown, 1, 1, n, u), C_UnwrapKey(unknown, 1, n, 1, attributes, 1, handle),
            C_DeriveKey(unknown, 1, attributes, 1, handle), C_SeedRandom(n, 1), C_GenerateRandom(n, 1),
        ] {
            assert_eq!(rv, CKR_SESSION_HANDLE_INVALID, "{name}");
        }
    }

    /// A key that could allow the use and does not.
    fn a_key_of_another_type_is_told_before_one_that_may_not(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let unwilling = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY].map(no);
        let aes = [&[number(CKA_VALUE_LEN, 16)][..], &unwilling].concat();
        let aes = library.generate(session, CKM_AES_KEY_GEN, &aes).unwrap();
        let curve = [bytes(CKA_EC_PARAMS, P256), no(CKA_VERIFY)];
        let (public, private) = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &[no(CKA_SIGN)]).unwrap();
        for (way, kind, key, expected) in [
            (Way::Encrypt, CKM_RSA_PKCS, aes, CKR_KEY_TYPE_INCONSISTENT),
            (Way::Decrypt, CKM_RSA_PKCS, aes, CKR_KEY_TYPE_INCONSISTENT),
            (Way::Sign, CKM_ECDSA, aes, CKR_KEY_TYPE_INCONSISTENT),
            (Way::Sign, CKM_RSA_PKCS, private, CKR_KEY_TYPE_INCONSISTENT),
            (Way::Encrypt, CKM_AES_ECB, aes, CKR_KEY_FUNCTION_NOT_PERMITTED),
            (Way::Sign, CKM_AES_CMAC, aes, CKR_KEY_FUNCTION_NOT_PERMITTED),
            (Way::Sign, CKM_ECDSA, private, CKR_KEY_FUNCTION_NOT_PERMITTED),
            // No public key signs.
            (Way::Sign, CKM_ECDSA, public, CKR_KEY_FUNCTION_NOT_PERMITTED),
        ] {
            assert_eq!(library.begin(session, way, &Call::plain(kind), key), expected, "{way:?} {kind:#x}");
        }
        let verify = |kind| library.verify(session, kind, public, b"digest", &[1; 64]);
        assert_eq!(verify(CKM_ECDSA), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
        assert_eq!(verify(CKM_RSA_PKCS), Err(CKR_KEY_TYPE_INCONSISTENT));
    }

    /// Every mechanism of the list is what its flags say, and nothing else; its sizes are a range.
    fn a_mechanism_does_what_its_flags_say(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let slot = library.session_info(session).unwrap().slotID;
        let uses = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_DERIVE, CKA_WRAP, CKA_UNWRAP].map(yes);
        let aes = [&[number(CKA_VALUE_LEN, 16), yes(CKA_EXTRACTABLE)][..], &uses].concat();
        let aes = library.generate(session, CKM_AES_KEY_GEN, &aes).unwrap();
        let kinds = library.mechanisms(slot);
        assert!(kinds.len() > 100, "{}", kinds.len());
        for kind in kinds {
            let info = library.mechanism_info(slot, kind).unwrap();
            assert!(info.ulMinKeySize <= info.ulMaxKeySize, "{kind:#x}");
            assert_ne!(info.flags, 0, "{kind:#x}");
            let call = Call::plain(kind);
            // What begins here ends with it.
            let probe = library.open(slot, CKF_RW_SESSION).unwrap();
            for (flag, way) in [(CKF_ENCRYPT, Way::Encrypt), (CKF_DECRYPT, Way::Decrypt), (CKF_SIGN, Way::Sign)] {
                let begun = library.begin(probe, way, &call, aes);
                assert!(agrees(info, flag, begun), "{kind:#x} {way:?} {begun:#x}");
            }
            let digests = library.digest_init(probe, kind);
            assert_eq!(digests == CKR_OK, info.flags & CKF_DIGEST != 0, "{kind:#x} {digests:#x}");
            assert_eq!(library.close(probe), CKR_OK);
            let asked: [(CK_FLAGS, CK_RV); 4] = [
                (CKF_VERIFY, refused(library.verify(session, kind, aes, b"", b""))),
                (CKF_GENERATE, refused(library.generate(session, kind, &[yes(CKA_ENCRYPT), yes(CKA_SIGN)]))),
                (CKF_GENERATE_KEY_PAIR, refused(library.generate_pair(session, kind, &[], &[]))),
                (CKF_WRAP, refused(library.wrap_key(session, &call, aes, aes))),
            ];
            for (flag, rv) in asked {
                assert!(agrees(info, flag, rv), "{kind:#x} {flag:#x} {rv:#x}");
            }
            let template: [Given; 2] = [number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_AES)];
            let unwraps = refused(library.unwrap_key(session, &call, aes, &[1; 24], &template));
            assert!(agrees(info, CKF_UNWRAP, unwraps), "{kind:#x} {unwraps:#x}");
        }
    }

    /// Whose PIN is locked while a key asks for it is logged out (4.10).
    fn a_login_ends_when_the_pin_is_locked(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let each_time = [yes(CKA_ALWAYS_AUTHENTICATE)];
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        let (_, key) = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &each_time).unwrap();
        assert_eq!(library.sign_init(session, CKM_ECDSA, key), CKR_OK);
        let state = |library: Library| library.session_info(session).unwrap().state;
        let mut answers = Vec::new();
        while answers.last() != Some(&CKR_PIN_LOCKED) && answers.len() < 12 {
            assert_eq!(state(library), CKS_RW_USER_FUNCTIONS);
            answers.push(library.login(session, CKU_CONTEXT_SPECIFIC, "654321"));
        }
        let (last, before) = answers.split_last().unwrap();
        assert_eq!((*last, before), (CKR_PIN_LOCKED, &[CKR_PIN_INCORRECT; 10][..]));
        assert_eq!(state(library), CKS_RW_PUBLIC_SESSION);
        assert_eq!(library.sign_update(session, b"part"), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_PIN_LOCKED);
    }
}

/// Whether an answer is that of a mechanism with the flag, or without it: a parameter is read before that.
fn agrees(info: CK_MECHANISM_INFO, flag: CK_FLAGS, answer: CK_RV) -> bool {
    if info.flags & flag == 0 {
        matches!(answer, CKR_MECHANISM_INVALID | CKR_MECHANISM_PARAM_INVALID)
    } else {
        answer != CKR_MECHANISM_INVALID
    }
}

fn refused<T>(outcome: harness::raw::Result<T>) -> CK_RV {
    outcome.err().unwrap_or(CKR_OK)
}
