//! A key that wants the PIN for each use (`CKA_ALWAYS_AUTHENTICATE`; PKCS #11, sections 4.9 and 5.6.8,
//! `CKU_CONTEXT_SPECIFIC`) where it decrypts; `raw_calls` has the signatures.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki_sys::*;
use harness::PIN;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Library, number, yes};

const TEXT: &[u8] = "Hồ sơ".as_bytes();

alone! {
    fn a_length_is_told_before_the_login_and_a_plaintext_after_it(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = library
            .generate_pair(
                session,
                CKM_RSA_PKCS_KEY_PAIR_GEN,
                &[number(CKA_MODULUS_BITS, 2048)],
                &[yes(CKA_ALWAYS_AUTHENTICATE)],
            )
            .unwrap();
        let pkcs1 = Call::plain(CKM_RSA_PKCS);
        let sealed = library.at_once(session, Way::Encrypt, &pkcs1, public, TEXT).unwrap();
        let length = |session| {
            let (rv, length, _) = library.whole(session, Way::Decrypt, &sealed, None);
            (rv, length >= TEXT.len())
        };
        // Without the login a length is all that there is, and the refusal ends the operation.
        assert_eq!(library.begin(session, Way::Decrypt, &pkcs1, private), CKR_OK);
        assert_eq!(length(session), (CKR_OK, true));
        assert_eq!(library.whole(session, Way::Decrypt, &sealed, Some(256)).0, CKR_USER_NOT_LOGGED_IN);
        assert_eq!(library.whole(session, Way::Decrypt, &sealed, Some(256)).0, CKR_OPERATION_NOT_INITIALIZED);
        // With it one use, and the next asks again; a wrong PIN leaves it waiting.
        for _ in 0..2 {
            assert_eq!(library.begin(session, Way::Decrypt, &pkcs1, private), CKR_OK);
            assert_eq!(length(session), (CKR_OK, true));
            assert_eq!(library.login(session, CKU_CONTEXT_SPECIFIC, "654321"), CKR_PIN_INCORRECT);
            assert_eq!(library.login(session, CKU_CONTEXT_SPECIFIC, PIN), CKR_OK);
            assert_eq!(library.login(session, CKU_CONTEXT_SPECIFIC, PIN), CKR_OPERATION_NOT_INITIALIZED);
            let (rv, length, plain) = library.whole(session, Way::Decrypt, &sealed, Some(256));
            assert_eq!((rv, &plain[..length]), (CKR_OK, TEXT));
        }
    }

    fn a_length_query_for_a_part_does_not_make_it_an_operation_in_parts(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let key = library.generate(session, CKM_AES_KEY_GEN, &[number(CKA_VALUE_LEN, 16)]).unwrap();
        let cbc = Call::flat(CKM_AES_CBC, &[7; 16]);
        let expected = library.at_once(session, Way::Encrypt, &cbc, key, &[1; 32]).unwrap();
        assert_eq!(library.begin(session, Way::Encrypt, &cbc, key), CKR_OK);
        let (rv, length, _) = library.part(session, Way::Encrypt, &[1; 32], None);
        assert_eq!((rv, length), (CKR_OK, 32));
        let (rv, length, made) = library.whole(session, Way::Encrypt, &[1; 32], Some(32));
        assert_eq!((rv, &made[..length]), (CKR_OK, &expected[..]));
        // A part that was handed over does.
        assert_eq!(library.begin(session, Way::Encrypt, &cbc, key), CKR_OK);
        assert_eq!(library.part(session, Way::Encrypt, &[1; 16], Some(16)).0, CKR_OK);
        assert_eq!(library.whole(session, Way::Encrypt, &[1; 16], Some(32)).0, CKR_OPERATION_ACTIVE);
    }
}
