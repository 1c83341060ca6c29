//! Certificates (PKCS #11, section 4.6).

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki_sys::*;
use harness::raw::{Given, Library, bytes, number};
use harness::tlv;

fn certificate(value: &[u8], rest: &[Given]) -> Vec<Given> {
    let x509 = [
        number(CKA_CLASS, CKO_CERTIFICATE),
        number(CKA_CERTIFICATE_TYPE, CKC_X_509),
        bytes(CKA_VALUE, value),
    ];
    [&x509, rest].concat()
}

alone! {
    fn a_certificate_fills_in_what_it_says_and_no_more(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let value = harness::certificate(home, "/CN=An");
        let object = library.create(session, &certificate(&value, &[])).unwrap();
        assert_eq!(library.get(session, object, CKA_CHECK_VALUE).unwrap().len(), 3);
        let info = library.get(session, object, CKA_PUBLIC_KEY_INFO).unwrap();
        std::fs::write(home.join("public.der"), &info).unwrap();
        harness::run(home, "openssl", &["pkey", "-pubin", "-inform", "DER", "-in", "public.der", "-noout"]);
        let sha1 = CKM_SHA_1.to_ne_bytes();
        assert_eq!(library.get(session, object, CKA_NAME_HASH_ALGORITHM).unwrap(), sha1);
        let create = |rest: &[Given]| library.create(session, &certificate(&value, rest)).err();
        for category in 0..6 {
            let expected = (category > 3).then_some(CKR_ATTRIBUTE_VALUE_INVALID);
            assert_eq!(create(&[number(CKA_CERTIFICATE_CATEGORY, category)]), expected);
            assert_eq!(create(&[number(CKA_JAVA_MIDP_SECURITY_DOMAIN, category)]), expected);
        }
        assert_eq!(create(&[bytes(CKA_PUBLIC_KEY_INFO, &info)]), None);
        assert_eq!(create(&[bytes(CKA_PUBLIC_KEY_INFO, b"x")]), Some(CKR_ATTRIBUTE_VALUE_INVALID));
        assert_eq!(create(&[bytes(CKA_CHECK_VALUE, b"xyz")]), Some(CKR_ATTRIBUTE_VALUE_INVALID));
    }

    fn a_certificate_elsewhere_says_where_and_whose(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let create = |rest: &[Given]| library.create(session, &certificate(b"", rest)).err();
        let whole = [
            bytes(CKA_URL, b"https://example.vn/ca.cer"), bytes(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, &[1; 20]),
            bytes(CKA_HASH_OF_ISSUER_PUBLIC_KEY, &[2; 20]), bytes(CKA_SUBJECT, &tlv(0x30, b"")),
        ];
        assert_eq!(create(&whole), None);
        assert_eq!(create(&whole[1..]), Some(CKR_ATTRIBUTE_VALUE_INVALID));
        for missing in 1..4 {
            let mut rest = whole.to_vec();
            rest.remove(missing);
            assert_eq!(create(&rest), Some(CKR_TEMPLATE_INCOMPLETE));
        }
    }

    fn attribute_certificates_are_kept_and_those_of_wtls_are_not(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let of = |kind, rest: &[Given]| {
            [&[number(CKA_CLASS, CKO_CERTIFICATE), number(CKA_CERTIFICATE_TYPE, kind), bytes(CKA_VALUE, b"x")], rest].concat()
        };
        let owner = [bytes(CKA_OWNER, &tlv(0x30, b""))];
        library.create(session, &of(CKC_X_509_ATTR_CERT, &owner)).unwrap();
        assert_eq!(library.create(session, &of(CKC_X_509_ATTR_CERT, &[])), Err(CKR_TEMPLATE_INCOMPLETE));
        assert_eq!(library.create(session, &of(CKC_WTLS, &[])), Err(CKR_ATTRIBUTE_VALUE_INVALID));
    }
}
