//! Saved operation states (PKCS #11, section 5.6: `C_GetOperationState`, `C_SetOperationState`).

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::path::Path;

use cryptoki_sys::*;
use harness::raw::{Library, bytes, no, number};
use harness::{PIN, SO_PIN, run};

const NO_KEYS: [CK_OBJECT_HANDLE; 2] = [CK_INVALID_HANDLE; 2];

/// What is saved, and what OpenSSL calls it.
const SAVED: [(CK_MECHANISM_TYPE, &str); 7] = [
    (CKM_SHA_1, "-sha1"),
    (CKM_SHA224, "-sha224"),
    (CKM_SHA256, "-sha256"),
    (CKM_SHA384, "-sha384"),
    (CKM_SHA512, "-sha512"),
    (CKM_SHA512_224, "-sha512-224"),
    (CKM_SHA512_256, "-sha512-256"),
];

fn openssl(home: &Path, hash: &str, data: &[u8]) -> Vec<u8> {
    std::fs::write(home.join("text"), data).unwrap();
    run(home, "openssl", &["dgst", hash, "-binary", "text"]).stdout
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

alone! {
    fn a_digest_goes_on_from_where_it_was_saved(home) {
        let library = Library::initialized();
        let source = library.user_session();
        let other = library.open(0, CKF_RW_SESSION).unwrap();
        for (kind, hash) in SAVED {
            // Nothing yet, the standard's own example of 80 bytes, whole blocks, and an end inside of a block.
            for fed in [0, 1, 80, 127, 128, 1000] {
                let (data, rest) = (text(fed), text(77));
                let expected = openssl(home, hash, &[&data[..], &rest].concat());
                assert_eq!(library.digest_init(source, kind), CKR_OK);
                if fed > 0 {
                    assert_eq!(library.digest_update(source, &data), CKR_OK);
                }
                let state = library.state(source).unwrap();
                // The source goes its own way, and the state serves more than once.
                assert_eq!(library.digest_update(source, b"something else"), CKR_OK);
                assert_ne!(library.digest_final(source).unwrap(), expected);
                for session in [other, source, other] {
                    assert_eq!(library.set_state(session, &state, NO_KEYS), CKR_OK);
                    assert_eq!(library.digest_update(session, &rest), CKR_OK);
                    assert_eq!(library.digest_final(session).unwrap(), expected, "{hash} after {fed}");
                }
            }
        }
        // Whether it was fed in parts goes with it.
        for (fed, outcome) in [(false, CKR_OK), (true, CKR_OPERATION_ACTIVE)] {
            assert_eq!(library.digest_init(source, CKM_SHA256), CKR_OK);
            if fed {
                assert_eq!(library.digest_update(source, b""), CKR_OK);
            }
            let state = library.state(source).unwrap();
            assert_eq!(library.set_state(other, &state, NO_KEYS), CKR_OK);
            assert_eq!(library.digest(other, b"whole").err().unwrap_or(CKR_OK), outcome);
            library.digest_final(source).unwrap();
            library.digest_final(other).ok();
        }
    }

    fn lengths_are_negotiated(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        let (rv, needed) = library.state_into(session, None);
        assert_eq!(rv, CKR_OK);
        let mut buffer = vec![0; needed];
        let short = library.state_into(session, Some(&mut buffer[..needed - 1]));
        assert_eq!(short, (CKR_BUFFER_TOO_SMALL, needed));
        assert_eq!(library.state_into(session, Some(&mut buffer)), (CKR_OK, needed));
        assert_eq!(library.set_state(session, &buffer, NO_KEYS), CKR_OK);
    }

    fn what_works_with_a_key_cannot_be_saved(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let template = [number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_GENERIC_SECRET), bytes(CKA_VALUE, &[7; 32])];
        let key = library.create(session, &template).unwrap();
        assert_eq!(library.state(session), Err(CKR_OPERATION_NOT_INITIALIZED));
        // A search is no cryptographic operation.
        assert_eq!(library.find_init(session), CKR_OK);
        assert_eq!(library.state(session), Err(CKR_OPERATION_NOT_INITIALIZED));
        assert_eq!(library.sign_init(session, CKM_SHA256_HMAC, key), CKR_OK);
        assert_eq!(library.state(session), Err(CKR_STATE_UNSAVEABLE));
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        assert_eq!(library.state(session), Err(CKR_STATE_UNSAVEABLE));
        let sha3 = library.open(0, CKF_RW_SESSION).unwrap();
        assert_eq!(library.digest_init(sha3, CKM_SHA3_256), CKR_OK);
        assert_eq!(library.state(sha3), Err(CKR_STATE_UNSAVEABLE));
        // It goes on undisturbed.
        assert_eq!(library.digest_final(sha3).unwrap().len(), 32);
    }

    fn what_was_active_ends(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let template = [number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_GENERIC_SECRET), bytes(CKA_VALUE, &[7; 32])];
        let key = library.create(session, &template).unwrap();
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        let state = library.state(session).unwrap();
        let empty = library.digest_final(session).unwrap();
        assert_eq!(library.digest_init(session, CKM_SHA512), CKR_OK);
        assert_eq!(library.sign_init(session, CKM_SHA256_HMAC, key), CKR_OK);
        assert_eq!(library.find_init(session), CKR_OK);
        // A refusal changes nothing.
        assert_eq!(library.set_state(session, &state[1..], NO_KEYS), CKR_SAVED_STATE_INVALID);
        assert_eq!(library.sign_update(session, b"part"), CKR_OK);
        assert_eq!(library.set_state(session, &state, NO_KEYS), CKR_OK);
        assert_eq!(library.sign_update(session, b"part"), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(library.digest_final(session).unwrap(), empty);
        assert_eq!(library.find_final(session), CKR_OK);
    }

    fn only_what_was_saved_is_restored(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        assert_eq!(library.digest_update(session, b"part"), CKR_OK);
        let state = library.state(session).unwrap();
        for place in 0..state.len() {
            let mut changed = state.clone();
            changed[place] ^= 1;
            assert_eq!(library.set_state(session, &changed, NO_KEYS), CKR_SAVED_STATE_INVALID, "{place}");
            assert_eq!(library.set_state(session, &state[..place], NO_KEYS), CKR_SAVED_STATE_INVALID, "{place}");
        }
        // A digest needs no key.
        for keys in [[1, 0], [0, 1]] {
            assert_eq!(library.set_state(session, &state, keys), CKR_KEY_NOT_NEEDED);
        }
        // Of another token, of a session in another state, of a library before.
        let second = *library.slots().last().unwrap();
        assert_eq!(library.init_token(second, SO_PIN), CKR_OK);
        let elsewhere = library.open(second, CKF_RW_SESSION).unwrap();
        assert_eq!(library.login(elsewhere, CKU_SO, SO_PIN), CKR_OK);
        assert_eq!(library.init_pin(elsewhere, PIN), CKR_OK);
        assert_eq!(library.logout(elsewhere), CKR_OK);
        assert_eq!(library.login(elsewhere, CKU_USER, PIN), CKR_OK);
        assert_eq!(library.set_state(elsewhere, &state, NO_KEYS), CKR_SAVED_STATE_INVALID);
        let reader = library.open(0, 0).unwrap();
        assert_eq!(library.set_state(reader, &state, NO_KEYS), CKR_SAVED_STATE_INVALID);
        assert_eq!(library.logout(session), CKR_OK);
        assert_eq!(library.set_state(session, &state, NO_KEYS), CKR_SAVED_STATE_INVALID);
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_OK);
        assert_eq!(library.set_state(session, &state, NO_KEYS), CKR_OK);
        assert_eq!(library.finalize(), CKR_OK);
        assert_eq!(library.initialize(), CKR_OK);
        let session = library.open(0, CKF_RW_SESSION).unwrap();
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_OK);
        assert_eq!(library.set_state(session, &state, NO_KEYS), CKR_SAVED_STATE_INVALID);
    }

    fn a_digested_key_does_not_leave_with_the_state(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let value = *b"a value that nobody is to be told";
        let template = [
            number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_GENERIC_SECRET), bytes(CKA_VALUE, &value), no(CKA_EXTRACTABLE),
        ];
        let key = library.create(session, &template).unwrap();
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        assert_eq!(library.digest_key(session, key), CKR_OK);
        let state = library.state(session).unwrap();
        assert!(state.windows(8).all(|part| !value.windows(8).any(|secret| secret == part)));
        let expected = library.digest_final(session).unwrap();
        assert_eq!(library.set_state(session, &state, NO_KEYS), CKR_OK);
        assert_eq!(library.digest_final(session).unwrap(), expected);
    }
}
