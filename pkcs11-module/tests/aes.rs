//! AES through the C interface: its modes against OpenSSL, any split of the data, negotiated lengths, what ends an
//! operation, and what is refused.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Library, bytes, no, number};
use harness::run;

const KEY: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";
const IV: [u8; 16] = *b"initialise me 16";
const TEXT: &[u8; 64] = b"Giay phep xay dung so 4711, cap ngay 21 thang 11, co hieu luc ..";

type Scene = (Library, CK_SESSION_HANDLE);

fn scene() -> Scene {
    let library = Library::initialized();
    (library, library.user_session())
}

fn aes(scene: Scene, value: &[u8]) -> CK_OBJECT_HANDLE {
    let template = [
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, CKK_AES),
        bytes(CKA_VALUE, value),
    ];
    scene.0.create(scene.1, &template).unwrap()
}

/// Every mode, and how long its data may be.
fn modes() -> Vec<(Call, usize)> {
    let gcm = || Call::gcm(&IV[..12], b"additional", 128);
    vec![
        (Call::plain(CKM_AES_ECB), 48),
        (Call::flat(CKM_AES_CBC, &IV), 48),
        (Call::flat(CKM_AES_CBC_PAD, &IV), 48),
        (Call::flat(CKM_AES_CBC_PAD, &IV), 45),
        (Call::flat(CKM_AES_CBC_PAD, &IV), 0),
        (Call::counter(128, IV), 45),
        (Call::counter(32, IV), 48),
        (Call::flat(CKM_AES_OFB, &IV), 45),
        (Call::flat(CKM_AES_CFB8, &IV), 45),
        (Call::flat(CKM_AES_CFB128, &IV), 45),
        (gcm(), 45),
        (gcm(), 0),
        (Call::gcm(b"1", b"", 32), 33),
        (Call::gcm(&[7; 200], &[8; 300], 96), 33),
        (Call::ccm(45, &IV[..13], b"additional", 8), 45),
        (Call::ccm(0, &IV[..7], b"", 4), 0),
    ]
}

fn openssl(home: &Path, cipher: &str, key: &[u8]) -> Vec<u8> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    std::fs::write(home.join("text"), TEXT).unwrap();
    let (key, iv, cipher) = (hex(key), hex(&IV), format!("-aes-{}-{cipher}", key.len() * 8));
    let mut arguments = vec!["enc", &cipher, "-K", &key, "-nopad", "-in", "text"];
    if !cipher.ends_with("ecb") {
        arguments.extend(["-iv", &iv]);
    }
    run(home, "openssl", &arguments).stdout
}

alone! {
    fn every_mode_is_that_of_openssl(home) {
        let scene @ (library, session) = scene();
        for len in [16, 24, 32] {
            let key = aes(scene, &KEY[..len]);
            for (cipher, call) in [
                ("ecb", Call::plain(CKM_AES_ECB)),
                ("cbc", Call::flat(CKM_AES_CBC, &IV)),
                ("ctr", Call::counter(128, IV)),
                ("ofb", Call::flat(CKM_AES_OFB, &IV)),
                ("cfb8", Call::flat(CKM_AES_CFB8, &IV)),
                ("cfb", Call::flat(CKM_AES_CFB128, &IV)),
            ] {
                let made = library.at_once(session, Way::Encrypt, &call, key, TEXT).unwrap();
                assert_eq!(made, openssl(home, cipher, &KEY[..len]), "{cipher}");
                assert_eq!(library.at_once(session, Way::Decrypt, &call, key, &made), Ok(TEXT.to_vec()));
            }
        }
    }

    fn every_split_gives_the_same(_home) {
        let scene @ (library, session) = scene();
        let key = aes(scene, &KEY);
        for (call, len) in modes() {
            let plain = &TEXT[..len];
            let encrypted = library.at_once(session, Way::Encrypt, &call, key, plain).unwrap();
            assert_eq!(library.at_once(session, Way::Decrypt, &call, key, &encrypted).unwrap(), plain);
            for (way, data, expected) in [(Way::Encrypt, plain, &encrypted[..]), (Way::Decrypt, &encrypted, plain)] {
                for split in 0..=data.len() {
                    let (first, second) = data.split_at(split);
                    assert_eq!(library.in_parts(session, way, &call, key, &[first, second]).unwrap(), expected);
                }
                for size in [1, 7, 16, 17] {
                    let parts: Vec<&[u8]> = data.chunks(size).collect();
                    assert_eq!(library.in_parts(session, way, &call, key, &parts).unwrap(), expected);
                }
            }
        }
    }

    fn one_buffer_serves_for_input_and_output(_home) {
        let scene @ (library, session) = scene();
        let key = aes(scene, &KEY);
        for (call, len) in modes() {
            let encrypted = library.at_once(session, Way::Encrypt, &call, key, &TEXT[..len]).unwrap();
            assert_eq!(library.begin(session, Way::Encrypt, &call, key), CKR_OK);
            let (rv, length, buffer) = library.in_place(session, Way::Encrypt, &TEXT[..len], 100);
            assert_eq!((rv, &buffer[..length]), (CKR_OK, &encrypted[..]));
            assert_eq!(library.begin(session, Way::Decrypt, &call, key), CKR_OK);
            let (rv, length, buffer) = library.in_place(session, Way::Decrypt, &encrypted, 100);
            assert_eq!((rv, &buffer[..length]), (CKR_OK, &TEXT[..len]));
        }
    }

    fn lengths_are_negotiated(_home) {
        let scene @ (library, session) = scene();
        let key = aes(scene, &KEY);
        for (call, len) in modes().into_iter().filter(|(_, len)| *len > 0) {
            let plain = &TEXT[..len];
            let encrypted = library.at_once(session, Way::Encrypt, &call, key, plain).unwrap();
            for (way, data, expected) in [(Way::Encrypt, plain, &encrypted[..]), (Way::Decrypt, &encrypted, plain)] {
                assert_eq!(library.begin(session, way, &call, key), CKR_OK);
                // Never less than is needed; more only where the padding is not known yet.
                let (rv, asked, _) = library.whole(session, way, data, None);
                assert_eq!(rv, CKR_OK);
                assert!((expected.len()..=expected.len() + 16).contains(&asked));
                for room in [0, 1, expected.len() - 1] {
                    let (rv, needed, out) = library.whole(session, way, data, Some(room));
                    assert_eq!((rv, out), (CKR_BUFFER_TOO_SMALL, vec![0x5a; room]));
                    assert!((expected.len()..=asked).contains(&needed));
                }
                let (rv, length, out) = library.whole(session, way, data, Some(expected.len()));
                assert_eq!((rv, &out[..length]), (CKR_OK, expected));
                assert_eq!(library.whole(session, way, data, Some(200)).0, CKR_OPERATION_NOT_INITIALIZED);

                // The same in parts: what did not fit is not fed twice.
                assert_eq!(library.begin(session, way, &call, key), CKR_OK);
                let mut all = Vec::new();
                for part in data.chunks(20) {
                    let (_, asked, _) = library.part(session, way, part, None);
                    if asked > 0 {
                        let (rv, length, out) = library.part(session, way, part, Some(asked - 1));
                        if (rv, length) == (CKR_OK, 0) {
                            // Held back until the tag: the host was told a length so that it has a buffer.
                            assert_eq!(out, vec![0x5a; asked - 1]);
                            continue;
                        }
                        assert_eq!((rv, out), (CKR_BUFFER_TOO_SMALL, vec![0x5a; asked - 1]));
                    }
                    let (rv, length, out) = library.part(session, way, part, Some(asked));
                    assert_eq!(rv, CKR_OK);
                    all.extend_from_slice(&out[..length]);
                }
                let left = expected.len() - all.len();
                if left > 0 {
                    assert_eq!(library.last(session, way, Some(left - 1)).0, CKR_BUFFER_TOO_SMALL);
                }
                let (rv, length, out) = library.last(session, way, Some(left));
                assert_eq!((rv, length), (CKR_OK, left));
                all.extend_from_slice(&out[..length]);
                assert_eq!(all, expected);
                assert_eq!(library.last(session, way, Some(16)).0, CKR_OPERATION_NOT_INITIALIZED);
            }
        }
    }

    fn every_failure_ends_an_operation(_home) {
        let scene @ (library, session) = scene();
        let (key, call) = (aes(scene, &KEY), Call::flat(CKM_AES_CBC, &IV));
        let over = |way| assert_eq!(library.part(session, way, b"x", Some(16)).0, CKR_OPERATION_NOT_INITIALIZED);
        for (way, wrong) in [(Way::Encrypt, CKR_DATA_LEN_RANGE), (Way::Decrypt, CKR_ENCRYPTED_DATA_LEN_RANGE)] {
            over(way);
            assert_eq!(library.begin(session, way, &call, key), CKR_OK);
            assert_eq!(library.begin(session, way, &call, key), CKR_OPERATION_ACTIVE);
            assert_eq!(library.part(session, way, &TEXT[..20], Some(32)).0, CKR_OK);
            // One function for all the data does not finish what was begun in parts, which goes on.
            assert_eq!(library.whole(session, way, TEXT, Some(100)).0, CKR_OPERATION_ACTIVE);
            assert_eq!(library.last(session, way, Some(100)).0, wrong);
            over(way);
            assert_eq!(library.begin(session, way, &call, key), CKR_OK);
            assert_eq!(library.whole(session, way, &TEXT[..15], Some(100)).0, wrong);
            over(way);
            // No data is no block, and no error.
            assert_eq!(library.at_once(session, way, &call, key, b""), Ok(vec![]));
        }
        // Key wrap has one piece of data.
        assert_eq!(library.begin(session, Way::Encrypt, &Call::plain(CKM_AES_KEY_WRAP), key), CKR_OK);
        over(Way::Encrypt);
    }

    fn what_nobody_vouches_for_is_not_released(_home) {
        let scene @ (library, session) = scene();
        let key = aes(scene, &KEY);
        for call in [Call::gcm(&IV[..12], b"", 128), Call::ccm(64, &IV[..12], b"", 16)] {
            let good = library.at_once(session, Way::Encrypt, &call, key, TEXT).unwrap();
            for place in [0, 63, 64, 79] {
                let mut bad = good.clone();
                bad[place] ^= 1;
                assert_eq!(library.begin(session, Way::Decrypt, &call, key), CKR_OK);
                let (rv, _, out) = library.whole(session, Way::Decrypt, &bad, Some(100));
                assert_eq!(rv, CKR_ENCRYPTED_DATA_INVALID);
                assert!(out.windows(8).all(|window| !TEXT.windows(8).any(|text| text == window)));
                assert_eq!(library.begin(session, Way::Decrypt, &call, key), CKR_OK);
                for part in bad.chunks(13) {
                    assert_eq!(library.part(session, Way::Decrypt, part, Some(100)).1, 0);
                }
                let (rv, _, out) = library.last(session, Way::Decrypt, Some(100));
                assert_eq!((rv, out), (CKR_ENCRYPTED_DATA_INVALID, vec![0x5a; 100]));
            }
            let short = library.at_once(session, Way::Decrypt, &call, key, &good[..3]);
            assert_eq!(short, Err(CKR_ENCRYPTED_DATA_LEN_RANGE));
        }
    }

    fn a_wrong_padding_is_told_and_leaves_nothing(_home) {
        let scene @ (library, session) = scene();
        let (key, call) = (aes(scene, &KEY), Call::flat(CKM_AES_CBC_PAD, &IV));
        for last in [0, 17, 0x20] {
            let mut plain = TEXT[..32].to_vec();
            plain[31] = last;
            let made = library.at_once(session, Way::Encrypt, &Call::flat(CKM_AES_CBC, &IV), key, &plain).unwrap();
            assert_eq!(library.begin(session, Way::Decrypt, &call, key), CKR_OK);
            let (rv, _, out) = library.whole(session, Way::Decrypt, &made, Some(48));
            assert_eq!(rv, CKR_ENCRYPTED_DATA_INVALID);
            assert!(!out.starts_with(&TEXT[..16]));
        }
        for len in [0, 1, 15, 17] {
            let made = library.at_once(session, Way::Decrypt, &call, key, &TEXT[..len]);
            assert_eq!(made, Err(CKR_ENCRYPTED_DATA_LEN_RANGE));
        }
    }

    fn counter_bits_do_not_overflow(_home) {
        let scene @ (library, session) = scene();
        let key = aes(scene, &KEY);
        let block = |last| { let mut block = IV; block[15] = last; block };
        // (bits, last byte of the counter block, blocks that are left)
        for (bits, last, blocks) in [(1, 0, 2), (1, 1, 1), (2, 1, 3), (4, 0x7e, 2), (8, 0xfe, 2)] {
            let call = Call::counter(bits, block(last));
            let (most, over) = (vec![1; 16 * blocks], vec![1; 16 * blocks + 1]);
            for way in [Way::Encrypt, Way::Decrypt] {
                assert!(library.at_once(session, way, &call, key, &most).is_ok());
                assert_eq!(library.at_once(session, way, &call, key, &over), Err(CKR_DATA_LEN_RANGE));
                let parts = [&over[..5], &over[5..]];
                assert_eq!(library.in_parts(session, way, &call, key, &parts), Err(CKR_DATA_LEN_RANGE));
            }
        }
        let all_ones = Call::counter(128, [0xff; 16]);
        assert!(library.at_once(session, Way::Encrypt, &all_ones, key, &TEXT[..16]).is_ok());
        assert_eq!(library.at_once(session, Way::Encrypt, &all_ones, key, &TEXT[..17]), Err(CKR_DATA_LEN_RANGE));
    }

    fn parameters_that_do_not_fit_are_refused(_home) {
        let scene @ (library, session) = scene();
        let key = aes(scene, &KEY);
        for call in [
            Call::flat(CKM_AES_ECB, &IV),
            Call::plain(CKM_AES_CBC),
            Call::flat(CKM_AES_CBC_PAD, &IV[..15]),
            Call::flat(CKM_AES_OFB, &[0; 17]),
            Call::counter(0, IV),
            Call::counter(129, IV),
            Call::plain(CKM_AES_CTR),
            Call::plain(CKM_AES_GCM),
            Call::gcm(b"", b"", 128),
            Call::gcm(&IV, b"", 24),
            Call::gcm(&IV, b"", 33),
            Call::gcm(&IV, b"", 136),
            Call::ccm(1, &IV[..6], b"", 16),
            Call::ccm(1, &IV[..14], b"", 16),
            Call::ccm(1, &IV[..12], b"", 5),
            Call::ccm(1 << 16, &IV[..13], b"", 16),
            Call::flat(CKM_AES_KEY_WRAP, &[0; 7]),
            Call::flat(CKM_AES_KEY_WRAP_KWP, &[0; 4]),
        ] {
            for way in [Way::Encrypt, Way::Decrypt] {
                assert_eq!(library.begin(session, way, &call, key), CKR_MECHANISM_PARAM_INVALID);
            }
        }
        for call in [Call::number(CKM_AES_CMAC_GENERAL, 0), Call::number(CKM_AES_CMAC_GENERAL, 17), Call::flat(CKM_AES_CMAC, &IV)] {
            assert_eq!(library.begin(session, Way::Sign, &call, key), CKR_MECHANISM_PARAM_INVALID);
        }
    }

    fn keys_that_do_not_fit_are_refused(_home) {
        let (library, session) = scene();
        let begin = |call: &Call, key| library.begin(session, Way::Encrypt, call, key);
        let (cbc, ecb) = (Call::flat(CKM_AES_CBC, &IV), Call::plain(CKM_AES_ECB));
        assert_eq!(begin(&cbc, 4711), CKR_KEY_HANDLE_INVALID);
        let template = |kind, value: &[u8]| vec![number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, kind), bytes(CKA_VALUE, value)];
        let mut generic = template(CKK_GENERIC_SECRET, &KEY);
        generic.push(harness::raw::yes(CKA_ENCRYPT));
        let generic = library.create(session, &generic).unwrap();
        // What the key is comes before what the parameter says.
        assert_eq!(begin(&Call::plain(CKM_AES_CBC), generic), CKR_KEY_TYPE_INCONSISTENT);
        let mut signing = template(CKK_AES, &KEY);
        signing.push(no(CKA_ENCRYPT));
        let signing = library.create(session, &signing).unwrap();
        assert_eq!(begin(&ecb, signing), CKR_KEY_FUNCTION_NOT_PERMITTED);
        let mut bound = template(CKK_AES, &KEY);
        bound.push(bytes(CKA_ALLOWED_MECHANISMS, &CKM_AES_ECB.to_ne_bytes()));
        let bound = library.create(session, &bound).unwrap();
        assert_eq!((begin(&cbc, bound), begin(&ecb, bound)), (CKR_MECHANISM_INVALID, CKR_OK));
        for len in [0, 15, 17, 33] {
            assert_eq!(library.create(session, &template(CKK_AES, &[1; 40][..len])), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        }
    }

    fn secret_keys_are_made_on_the_token(_home) {
        let (library, session) = scene();
        let make = |mechanism, len| library.generate(session, mechanism, &[number(CKA_VALUE_LEN, len), no(CKA_SENSITIVE), harness::raw::yes(CKA_EXTRACTABLE)]);
        for (mechanism, kind, good, bad) in [
            (CKM_AES_KEY_GEN, CKK_AES, vec![16, 24, 32], vec![0, 8, 15, 20, 33, CK_ULONG::MAX]),
            (CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, vec![1, 20, 4096], vec![0, 4097, CK_ULONG::MAX]),
            (CKM_SHA_1_KEY_GEN, CKK_SHA_1_HMAC, vec![20], vec![0]),
            (CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC, vec![32], vec![0]),
            (CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC, vec![64], vec![0]),
        ] {
            for len in good {
                let (key, other) = (make(mechanism, len).unwrap(), make(mechanism, len).unwrap());
                let get = |kind| library.get(session, key, kind).unwrap();
                assert_eq!(get(CKA_VALUE).len() as CK_ULONG, len);
                assert_eq!(get(CKA_VALUE_LEN), len.to_ne_bytes());
                assert_eq!(get(CKA_KEY_TYPE), kind.to_ne_bytes());
                assert_eq!(get(CKA_KEY_GEN_MECHANISM), mechanism.to_ne_bytes());
                assert!(library.is(session, key, CKA_LOCAL));
                assert!(len < 16 || get(CKA_VALUE) != library.get(session, other, CKA_VALUE).unwrap());
            }
            for len in bad {
                assert_eq!(make(mechanism, len), Err(CKR_ATTRIBUTE_VALUE_INVALID), "{mechanism:#x} {len}");
            }
            assert_eq!(library.generate(session, mechanism, &[]), Err(CKR_TEMPLATE_INCOMPLETE));
        }
    }

    fn the_mechanisms_tell_what_they_can_do(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let ciphering = CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP;
        let signing = CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;
        let of_messages = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
        for (mechanism, least, most, flags) in [
            (CKM_AES_KEY_GEN, 16, 32, CKF_GENERATE),
            (CKM_GENERIC_SECRET_KEY_GEN, 8, 32768, CKF_GENERATE),
            (CKM_AES_GCM, 16, 32, ciphering | of_messages),
            (CKM_AES_CTR, 16, 32, ciphering),
            (CKM_AES_KEY_WRAP_KWP, 16, 32, ciphering),
            (CKM_AES_CMAC, 16, 32, signing),
            (CKM_SHA256_HMAC_GENERAL, 1, 4096, signing),
        ] {
            let info = library.mechanism_info(slot, mechanism).unwrap();
            assert_eq!((info.ulMinKeySize, info.ulMaxKeySize, info.flags), (least, most, flags));
        }
    }
}
