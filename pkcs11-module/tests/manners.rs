//! An operation gets its data in one piece or in parts, and neither kind of function goes on with what the other began
//! (PKCS #11, sections 5.8 to 5.15).

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Library, number};

const TEXT: [u8; 32] = [7; 32];

/// A way of using a key, the call for it, what goes in and what comes out.
type Use = (Way, Call, Vec<u8>, Vec<u8>);

/// A key of AES, what it is used with, and what that makes of [`TEXT`].
fn uses(library: Library, session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, [Use; 3]) {
    let key = library
        .generate(session, CKM_AES_KEY_GEN, &[number(CKA_VALUE_LEN, 16)])
        .unwrap();
    let (ecb, cmac) = (|| Call::plain(CKM_AES_ECB), || Call::plain(CKM_AES_CMAC));
    let sealed = library
        .at_once(session, Way::Encrypt, &ecb(), key, &TEXT)
        .unwrap();
    let code = library.at_once(session, Way::Sign, &cmac(), key, &TEXT).unwrap();
    let uses = [
        (Way::Encrypt, ecb(), TEXT.to_vec(), sealed.clone()),
        (Way::Decrypt, ecb(), sealed, TEXT.to_vec()),
        (Way::Sign, cmac(), TEXT.to_vec(), code),
    ];
    (key, uses)
}

alone! {
    /// "C_Encrypt cannot be used to terminate a multi-part operation": it is refused, and the parts go on.
    fn a_function_for_one_piece_does_not_end_an_operation_in_parts(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (key, uses) = uses(library, session);
        for (way, call, data, expected) in &uses {
            assert_eq!(library.begin(session, *way, call, key), CKR_OK);
            let (rv, length, mut made) = library.part(session, *way, data, Some(32));
            assert_eq!(rv, CKR_OK);
            made.truncate(if *way == Way::Sign { 0 } else { length });
            for room in [None, Some(1), Some(32)] {
                assert_eq!(library.whole(session, *way, data, room).0, CKR_OPERATION_ACTIVE, "{way:?}");
            }
            let (rv, length, last) = library.last(session, *way, Some(32));
            assert_eq!(rv, CKR_OK, "{way:?}");
            made.extend_from_slice(&last[..length]);
            assert_eq!(made, *expected, "{way:?}");
        }
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        assert_eq!(library.digest_update(session, &TEXT), CKR_OK);
        assert_eq!(library.digest(session, &TEXT), Err(CKR_OPERATION_ACTIVE));
        let in_parts = library.digest_final(session).unwrap();
        assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
        assert_eq!(library.digest(session, &TEXT), Ok(in_parts));
    }

    /// Whoever asked how long the result of one piece will be, or had too little room for it, gets it or nothing: a
    /// part is a failure, which ends the operation as any other.
    fn a_function_for_parts_does_not_go_on_with_one_piece(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (key, uses) = uses(library, session);
        for (way, call, data, expected) in &uses {
            for room in [None, Some(expected.len() - 1)] {
                for is_last in [false, true] {
                    assert_eq!(library.begin(session, *way, call, key), CKR_OK);
                    let (rv, length, _) = library.whole(session, *way, data, room);
                    let outcome = if room.is_none() { CKR_OK } else { CKR_BUFFER_TOO_SMALL };
                    assert_eq!((rv, length), (outcome, expected.len()), "{way:?}");
                    let (rv, ..) = if is_last {
                        library.last(session, *way, Some(64))
                    } else {
                        library.part(session, *way, data, Some(64))
                    };
                    assert_eq!(rv, CKR_OPERATION_ACTIVE, "{way:?} {is_last}");
                    let (rv, ..) = library.whole(session, *way, data, Some(64));
                    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED, "{way:?} {is_last}");
                }
            }
            // Asked again with room, it is there.
            assert_eq!(library.begin(session, *way, call, key), CKR_OK);
            assert_eq!(library.whole(session, *way, data, None).0, CKR_OK);
            assert_eq!(library.whole(session, *way, data, Some(1)).0, CKR_BUFFER_TOO_SMALL);
            let (rv, length, made) = library.whole(session, *way, data, Some(64));
            assert_eq!((rv, &made[..length]), (CKR_OK, &expected[..]), "{way:?}");
        }
        for go_on in [|library: Library, session| library.digest_final(session).map(drop),
            |library: Library, session| match library.digest_update(session, b"part") {
                CKR_OK => Ok(()),
                rv => Err(rv),
            }] {
            assert_eq!(library.digest_init(session, CKM_SHA256), CKR_OK);
            assert_eq!(library.digest_len(session, &TEXT), Ok(32));
            assert_eq!(go_on(library, session), Err(CKR_OPERATION_ACTIVE));
            assert_eq!(library.digest(session, &TEXT), Err(CKR_OPERATION_NOT_INITIALIZED));
        }
    }
}
