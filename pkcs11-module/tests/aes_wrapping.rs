//! Secret keys wrapped and unwrapped by AES in each of its modes.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Library, bytes, number, yes};

const IV: [u8; 16] = *b"initialise me 16";

fn secret(library: Library, session: CK_SESSION_HANDLE, kind: CK_KEY_TYPE, value: &[u8]) -> CK_OBJECT_HANDLE {
    let template = [
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        bytes(CKA_VALUE, value),
        yes(CKA_EXTRACTABLE),
    ];
    library.create(session, &template).unwrap()
}

/// Every mode, and whether it takes keys of any length and tells a wrong bit.
fn modes(len: usize) -> Vec<(Call, bool, bool)> {
    vec![
        (Call::plain(CKM_AES_ECB), true, false),
        (Call::flat(CKM_AES_CBC, &IV), true, false),
        (Call::flat(CKM_AES_CBC_PAD, &IV), true, false),
        (Call::counter(128, IV), true, false),
        (Call::flat(CKM_AES_OFB, &IV), true, false),
        (Call::flat(CKM_AES_CFB8, &IV), true, false),
        (Call::flat(CKM_AES_CFB128, &IV), true, false),
        (Call::gcm(&IV[..12], b"additional", 128), true, true),
        (Call::ccm(len, &IV[..12], b"additional", 16), true, true),
        (Call::plain(CKM_AES_KEY_WRAP), false, true),
        (Call::flat(CKM_AES_KEY_WRAP, &IV[..8]), false, true),
        (Call::plain(CKM_AES_KEY_WRAP_PAD), true, true),
        (Call::plain(CKM_AES_KEY_WRAP_KWP), true, true),
        (Call::plain(CKM_AES_KEY_WRAP_PKCS7), true, true),
    ]
}

alone! {
    fn a_key_comes_back_as_it_was(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let wrapping = secret(library, session, CKK_AES, &[7; 32]);
        for (kind, len) in [(CKK_AES, 16), (CKK_AES, 32), (CKK_GENERIC_SECRET, 24), (CKK_GENERIC_SECRET, 21)] {
            let value: Vec<u8> = (1..=len).collect();
            let key = secret(library, session, kind, &value);
            for (number_of_mode, (call, takes_any, tells)) in modes(value.len()).into_iter().enumerate() {
                let wrapped = library.wrap_key(session, &call, wrapping, key);
                if !takes_any && len % 8 != 0 {
                    assert_eq!(wrapped, Err(CKR_KEY_SIZE_RANGE));
                    continue;
                }
                let wrapped = wrapped.unwrap();
                let mut template = vec![number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, kind)];
                if !value.len().is_multiple_of(16) && number_of_mode < 2 {
                    // ECB and CBC fill the last block up with zeros, which only the template can tell from the key.
                    template.push(number(CKA_VALUE_LEN, CK_ULONG::from(len)));
                }
                template.extend([yes(CKA_EXTRACTABLE), harness::raw::no(CKA_SENSITIVE)]);
                let unwrapped = library.unwrap_key(session, &call, wrapping, &wrapped, &template).unwrap();
                assert_eq!(library.get(session, unwrapped, CKA_VALUE), Ok(value.clone()), "mode {number_of_mode}");
                assert!(!library.is(session, unwrapped, CKA_LOCAL));
                if tells {
                    let mut wrong = wrapped.clone();
                    wrong[3] ^= 1;
                    let refused = library.unwrap_key(session, &call, wrapping, &wrong, &template);
                    assert_eq!(refused, Err(CKR_WRAPPED_KEY_INVALID), "mode {number_of_mode}");
                    let refused = library.unwrap_key(session, &call, wrapping, &wrapped[..7], &template);
                    assert_eq!(refused, Err(CKR_WRAPPED_KEY_LEN_RANGE), "mode {number_of_mode}");
                }
            }
        }
    }

    fn what_wraps_a_key_encrypts_its_value(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let wrapping = secret(library, session, CKK_AES, &[7; 16]);
        let key = secret(library, session, CKK_AES, &[9; 32]);
        for (call, ..) in modes(32) {
            let encrypted = library.at_once(session, Way::Encrypt, &call, wrapping, &[9; 32]).unwrap();
            assert_eq!(library.wrap_key(session, &call, wrapping, key), Ok(encrypted));
        }
    }
}
