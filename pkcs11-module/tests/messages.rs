//! Operations on messages (3.0) and verifications that begin with the signature (3.2).

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki::error::RvError;
use cryptoki::mechanism::aead::{GcmMessageParams, GcmParams, GeneratorFunction};
use cryptoki::mechanism::{Mechanism, MechanismType, MessageParam};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use harness::{load, new_token, rv, user_session};

/// The key of NIST's example (The Galois/Counter Mode of Operation, appendix B, test case 4).
const KEY: &str = "feffe9928665731c6d6a8f9467308308";
const NONCE: &str = "cafebabefacedbaddecaf888";
const ADDITIONAL: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const PLAIN: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const SEALED: &str = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091";
const TAG: &str = "5bc94fbc3221a5db94fae95ae7121a47";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

fn aes(session: &Session) -> ObjectHandle {
    session
        .create_object(&[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Value(hex(KEY)),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ])
        .unwrap()
}

fn gcm<'a>(
    nonce: &'a mut [u8],
    fixed: u64,
    source: GeneratorFunction,
    tag: &'a mut [u8],
) -> GcmMessageParams<'a> {
    GcmMessageParams::new(nonce, fixed.into(), source, tag).unwrap()
}

alone! {
    fn a_message_is_what_nist_says(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "messages"));
        let key = aes(&session);
        let (mut nonce, mut tag) = (hex(NONCE), [0; 16]);
        let parameter = gcm(&mut nonce, 96, GeneratorFunction::NoGenerate, &mut tag);
        session.message_encrypt_init(&Mechanism::AesGcmMessage(parameter), key).unwrap();
        let sealed = session
            .encrypt_message(&MessageParam::AesGcmMessage(parameter), &hex(ADDITIONAL), &hex(PLAIN))
            .unwrap();
        assert_eq!((sealed, parameter.tag()), (hex(SEALED), &hex(TAG)[..]));
        // In parts it is the same.
        let (mut nonce, mut tag) = (hex(NONCE), [0; 16]);
        let parameter = gcm(&mut nonce, 96, GeneratorFunction::NoGenerate, &mut tag);
        let each = || MessageParam::AesGcmMessage(parameter);
        session.encrypt_message_begin(each(), &hex(ADDITIONAL)).unwrap();
        let plain = hex(PLAIN);
        let mut sealed = session.encrypt_message_next(each(), &plain[..7], false).unwrap();
        sealed.extend(session.encrypt_message_next(each(), &plain[7..], true).unwrap());
        assert_eq!((sealed, parameter.tag()), (hex(SEALED), &hex(TAG)[..]));
        session.message_encrypt_final().unwrap();
        assert_eq!(rv(session.message_encrypt_final()), RvError::OperationNotInitialized);
    }

    fn a_changed_message_is_refused_and_the_next_is_opened(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "messages"));
        let key = aes(&session);
        let (mut nonce, mut tag) = (hex(NONCE), hex(TAG));
        let parameter = gcm(&mut nonce, 96, GeneratorFunction::NoGenerate, &mut tag);
        session.message_decrypt_init(&Mechanism::AesGcmMessage(parameter), key).unwrap();
        let whole = MessageParam::AesGcmMessage(parameter);
        let mut changed = hex(SEALED);
        changed[3] ^= 0x10;
        assert_eq!(rv(session.decrypt_message(&whole, &hex(ADDITIONAL), &changed)), RvError::UnknownErrorCode(cryptoki_sys::CKR_AEAD_DECRYPT_FAILED));
        assert_eq!(rv(session.decrypt_message(&whole, b"else", &hex(SEALED))), RvError::UnknownErrorCode(cryptoki_sys::CKR_AEAD_DECRYPT_FAILED));
        assert_eq!(session.decrypt_message(&whole, &hex(ADDITIONAL), &hex(SEALED)).unwrap(), hex(PLAIN));
        // While one is in parts there is no other.
        session.decrypt_message_begin(MessageParam::AesGcmMessage(parameter), &hex(ADDITIONAL)).unwrap();
        assert_eq!(rv(session.decrypt_message(&whole, b"", b"")), RvError::OperationActive);
        let opened = session.decrypt_message_next(MessageParam::AesGcmMessage(parameter), &hex(SEALED), true);
        assert_eq!(opened.unwrap(), hex(PLAIN));
        session.message_decrypt_final().unwrap();
    }

    fn the_token_makes_nonces_that_open_again(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "messages"));
        let key = aes(&session);
        for (source, fixed) in [
            (GeneratorFunction::Generate, 0),
            (GeneratorFunction::GenerateRandom, 0),
            (GeneratorFunction::GenerateCounter, 32),
            (GeneratorFunction::GenerateCounterXor, 32),
        ] {
            let (mut nonce, mut tag) = ([9; 12], [0; 16]);
            let parameter = gcm(&mut nonce, fixed, source, &mut tag);
            session.message_encrypt_init(&Mechanism::AesGcmMessage(parameter), key).unwrap();
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..3 {
                let (mut nonce, mut tag) = ([9; 12], [0; 16]);
                let parameter = gcm(&mut nonce, fixed, source, &mut tag);
                let sealed = session.encrypt_message(&MessageParam::AesGcmMessage(parameter), b"", b"message").unwrap();
                if fixed == 32 {
                    assert_eq!(nonce[..4], [9; 4]);
                }
                seen.insert(nonce);
                // The ciphertext with the tag behind it is what the one-shot mechanism takes.
                let params = GcmParams::new(&mut nonce, b"", 128.into()).unwrap();
                let opened = session.decrypt(&Mechanism::AesGcm(params), key, &[&sealed[..], &tag].concat());
                assert_eq!(opened.unwrap(), b"message");
            }
            assert_eq!(seen.len(), 3, "{source:?}");
            session.message_encrypt_final().unwrap();
        }
    }

    fn mechanisms_say_that_they_work_on_messages(_home) {
        let library = load();
        let slot = new_token(&library, "messages");
        let info = |kind| library.get_mechanism_info(slot, kind).unwrap();
        assert!(info(MechanismType::AES_GCM).message_encrypt());
        assert!(info(MechanismType::AES_GCM).message_decrypt());
        assert!(!info(MechanismType::AES_CBC).message_encrypt());
        let session = user_session(&library, slot);
        let key = aes(&session);
        let refused = session.message_encrypt_init(&Mechanism::AesEcb, key);
        assert_eq!(rv(refused), RvError::MechanismInvalid);
    }
}
