//! What whoever has not logged in can do (PKCS #11, sections 2.4, 4.4 and 5.18): keys of the session that say they are
//! not private, as conformance suites make them everywhere.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Given, Library, bytes, no, number, yes};

const LABEL: &[u8] = b"of the session";

/// A read-only session without a login.
fn public_session(library: Library) -> CK_SESSION_HANDLE {
    let slot = library.new_token();
    library.open(slot, 0).unwrap()
}

fn open(more: &[Given]) -> Vec<Given> {
    [&[bytes(CKA_LABEL, LABEL), no(CKA_PRIVATE)], more].concat()
}

fn pair(
    library: Library,
    session: CK_SESSION_HANDLE,
    public: &[Given],
    private: &[Given],
) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let public = [
        public,
        &[
            number(CKA_MODULUS_BITS, 1024),
            bytes(CKA_PUBLIC_EXPONENT, &[0, 1, 0, 1]),
        ],
    ]
    .concat();
    library
        .generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, &open(&public), &open(private))
        .unwrap()
}

alone! {
    fn a_session_without_a_login_has_keys_of_its_own(_home) {
        let library = Library::initialized();
        let session = public_session(library);
        let des = library.generate(session, CKM_DES_KEY_GEN, &open(&[yes(CKA_SENSITIVE)])).unwrap();
        let aes = library.generate(session, CKM_AES_KEY_GEN, &open(&[number(CKA_VALUE_LEN, 16)])).unwrap();
        let (public, private) = pair(library, session, &[yes(CKA_VERIFY)], &[yes(CKA_SIGN), yes(CKA_SENSITIVE)]);
        let all = library.find(session, &[bytes(CKA_LABEL, LABEL)]);
        assert_eq!(all, [des, aes, public, private]);
        assert_eq!(library.find(session, &[number(CKA_KEY_TYPE, CKK_DES)]), [des]);
        assert_eq!(library.find(session, &[number(CKA_CLASS, CKO_PRIVATE_KEY)]), [private]);
        for (call, key) in [(Call::plain(CKM_DES_ECB), des), (Call::plain(CKM_AES_ECB), aes)] {
            let sealed = library.at_once(session, Way::Encrypt, &call, key, &[5; 32]).unwrap();
            assert_eq!(library.at_once(session, Way::Decrypt, &call, key, &sealed), Ok(vec![5; 32]));
        }
        for kind in [CKA_PRIME_1, CKA_PRIME_2, CKA_PRIVATE_EXPONENT] {
            assert_eq!(library.get(session, private, kind), Err(CKR_ATTRIBUTE_SENSITIVE));
        }
        for data in [&b""[..], b"text"] {
            let signature = library.sign(session, CKM_RSA_PKCS, private, data).unwrap();
            assert_eq!(library.verify(session, CKM_RSA_PKCS, public, data, &signature), Ok(()));
            // Also one that is greater than any modulus, and only the length tells before anything is computed.
            let greater = vec![0xff; signature.len()];
            let verify = |signature: &[u8]| library.verify(session, CKM_RSA_PKCS, public, data, signature);
            assert_eq!(verify(&greater), Err(CKR_SIGNATURE_INVALID));
            assert_eq!(verify(&signature[..4]), Err(CKR_SIGNATURE_LEN_RANGE));
        }
        for key in all {
            assert_eq!(library.destroy(session, key), CKR_OK);
        }
        // What does not say so is private, and a token object is another thing.
        assert_eq!(library.generate(session, CKM_DES_KEY_GEN, &[]), Err(CKR_USER_NOT_LOGGED_IN));
        assert_eq!(library.generate(session, CKM_DES_KEY_GEN, &open(&[yes(CKA_TOKEN)])), Err(CKR_SESSION_READ_ONLY));
    }

    /// The attacks by wrapping of Bortolozzo and others, "Attacking and fixing PKCS #11 security tokens" (2010): a key
    /// whose template protects it, and says nothing of wrapping, does not leave under a key that can decrypt too.
    fn a_sensitive_key_is_not_wrapped_unless_its_template_says_so(_home) {
        let library = Library::initialized();
        let session = public_session(library);
        let ecb = Call::plain(CKM_DES_ECB);
        let both = [yes(CKA_WRAP), yes(CKA_UNWRAP), yes(CKA_DECRYPT)];
        let wrapping = library.generate(session, CKM_DES_KEY_GEN, &open(&both)).unwrap();
        let sensitive = library.generate(session, CKM_DES_KEY_GEN, &open(&[yes(CKA_SENSITIVE)])).unwrap();
        assert_eq!(library.wrap_key(session, &ecb, wrapping, sensitive), Err(CKR_KEY_UNEXTRACTABLE));
        let (public, _) = pair(library, session, &[yes(CKA_WRAP)], &[yes(CKA_DECRYPT)]);
        let under_rsa = library.wrap_key(session, &Call::plain(CKM_RSA_PKCS), public, sensitive);
        assert_eq!(under_rsa, Err(CKR_KEY_UNEXTRACTABLE));
        for rest in [[yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)], [no(CKA_SENSITIVE), no(CKA_EXTRACTABLE)]] {
            let hidden = library.generate(session, CKM_DES_KEY_GEN, &open(&rest)).unwrap();
            assert_eq!(library.get(session, hidden, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
            assert_eq!(library.wrap_key(session, &ecb, wrapping, hidden), Err(CKR_KEY_UNEXTRACTABLE));
            assert_eq!(library.set(session, hidden, &[yes(CKA_EXTRACTABLE)]), CKR_ATTRIBUTE_READ_ONLY);
            assert!(!library.is(session, hidden, CKA_EXTRACTABLE));
        }
        assert_eq!(library.set(session, sensitive, &[no(CKA_SENSITIVE)]), CKR_ATTRIBUTE_READ_ONLY);
        assert!(library.is(session, sensitive, CKA_SENSITIVE));
        // One that protects nothing goes where its host wants, and so does one that says that it may.
        let plain = library.generate(session, CKM_DES_KEY_GEN, &open(&[])).unwrap();
        let wrapped = library.wrap_key(session, &ecb, wrapping, plain).unwrap();
        let value = library.get(session, plain, CKA_VALUE).unwrap();
        assert_eq!(library.at_once(session, Way::Decrypt, &ecb, wrapping, &wrapped), Ok(value.clone()));
        let template = open(&[number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_DES)]);
        let again = library.unwrap_key(session, &ecb, wrapping, &wrapped, &template).unwrap();
        assert_eq!(library.get(session, again, CKA_VALUE).unwrap(), value);
        let willing = [yes(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        let willing = library.generate(session, CKM_DES_KEY_GEN, &open(&willing)).unwrap();
        assert!(library.wrap_key(session, &ecb, wrapping, willing).is_ok());
    }
}
