//! Tokens that imitate those of the field: what a program meets on each.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::path::Path;
use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;
use cryptoki::error::RvError;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use harness::raw::since_3_2::sign_message;
use harness::{
    P256, PIN, SO_PIN, actor, bytes, certificate, ec_pair, load, new_token, pin, role, rsa_pair, rv,
    user_session,
};

/// PINs that every profile takes.
const LONG_PIN: &str = "12345678";

/// Runs the body in another process in whose environment the profile stands.
fn imitating(test: &str, home: &Path, profile: &str, body: impl FnOnce(&Pkcs11, &Path)) {
    if role().is_some() {
        return body(&load(), home);
    }
    let mut child = actor(test, home, profile);
    let status = child.env("TRIEN_TOKEN_PROFILE", profile).status().unwrap();
    assert!(status.success(), "{test} failed: {status}");
}

fn token(library: &Pkcs11) -> Slot {
    let slot = *library.get_slots_with_token().unwrap().last().unwrap();
    library.init_token(slot, &pin(SO_PIN), "imitation").unwrap();
    let session = library.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&pin(SO_PIN))).unwrap();
    session.init_pin(&pin(LONG_PIN)).unwrap();
    slot
}

fn user(library: &Pkcs11, slot: Slot) -> Session {
    let session = library.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&pin(LONG_PIN))).unwrap();
    session
}

fn put_certificate(session: &Session, home: &Path, id: u8) -> ObjectHandle {
    let template = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(cryptoki::object::CertificateType::X_509),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Id(vec![id]),
        Attribute::Value(certificate(home, "/CN=An")),
    ];
    session.create_object(&template).unwrap()
}

fn certificates(session: &Session) -> usize {
    session
        .find_objects(&[Attribute::Class(ObjectClass::CERTIFICATE)])
        .unwrap()
        .len()
}

alone! {
    fn enter_safe_has_its_names_its_pins_and_pkcs1_alone(home) {
        let test = "enter_safe_has_its_names_its_pins_and_pkcs1_alone";
        imitating(test, home, "enter-safe", |library, _| {
            let free = *library.get_slots_with_token().unwrap().last().unwrap();
            assert_eq!(rv(library.init_token(free, &pin("1234567"), "short")), RvError::PinLenRange);
            let slot = token(library);
            let info = library.get_token_info(slot).unwrap();
            assert_eq!((info.manufacturer_id(), info.model()), ("EnterSafe", "ePass2003"));
            assert_eq!((info.min_pin_length(), info.max_pin_length()), (8, 64));
            let offered = library.get_mechanism_list(slot).unwrap();
            assert!(offered.contains(&MechanismType::SHA256_RSA_PKCS));
            assert!(!offered.contains(&MechanismType::RSA_PKCS_PSS) && !offered.contains(&MechanismType::ECDSA));
            assert_eq!(
                rv(library.get_mechanism_info(slot, MechanismType::ECDSA)),
                RvError::MechanismInvalid
            );
            let session = user(library, slot);
            let (_, private) = rsa_pair(&session, 2048, 1);
            assert_eq!(session.sign(&Mechanism::Sha256RsaPkcs, private, b"data").unwrap().len(), 256);
            let template = [Attribute::EcParams(P256.to_vec())];
            let made = session.generate_key_pair(&Mechanism::EccKeyPairGen, &template, &[]);
            assert_eq!(rv(made), RvError::MechanismInvalid);
            assert_eq!(rv(session.set_pin(&pin(LONG_PIN), &pin("1234567"))), RvError::PinLenRange);
        });
    }

    fn vgca_makes_rsa_3072_and_locks_after_three_tries(home) {
        let test = "vgca_makes_rsa_3072_and_locks_after_three_tries";
        imitating(test, home, "vgca", |library, _| {
            let slot = token(library);
            let sizes = library.get_mechanism_info(slot, MechanismType::RSA_PKCS_KEY_PAIR_GEN).unwrap();
            assert_eq!((sizes.min_key_size(), sizes.max_key_size()), (3072, 3072));
            let session = user(library, slot);
            let template = [Attribute::ModulusBits(2048.into())];
            let made = session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &template, &[]);
            assert_eq!(rv(made), RvError::KeySizeRange);
            let (_, private) = rsa_pair(&session, 3072, 1);
            assert_eq!(session.sign(&Mechanism::Sha256RsaPkcs, private, b"data").unwrap().len(), 384);
            assert_eq!(rv(session.set_pin(&pin(LONG_PIN), &pin(&"1".repeat(17)))), RvError::PinLenRange);
            session.logout().unwrap();
            for tries in 1..=3 {
                assert_eq!(rv(session.login(UserType::User, Some(&pin("87654321")))), RvError::PinIncorrect);
                let info = library.get_token_info(slot).unwrap();
                assert_eq!((info.user_pin_final_try(), info.user_pin_locked()), (tries == 2, tries == 3));
            }
            assert_eq!(rv(session.login(UserType::User, Some(&pin(LONG_PIN)))), RvError::PinLocked);
        });
    }

    fn a_private_certificate_shows_after_login_only(home) {
        let test = "a_private_certificate_shows_after_login_only";
        imitating(test, home, "private-certificate", |library, home| {
            let slot = token(library);
            let session = user(library, slot);
            put_certificate(&session, home, 1);
            assert_eq!(certificates(&session), 1);
            session.logout().unwrap();
            assert_eq!(certificates(&session), 0);
        });
    }

    fn a_key_that_always_authenticates_signs_once_for_each_pin(home) {
        let test = "a_key_that_always_authenticates_signs_once_for_each_pin";
        imitating(test, home, "always-authenticate", |library, _| {
            let slot = token(library);
            let session = user(library, slot);
            let (_, private) = ec_pair(&session, P256, 1);
            let asked = session.get_attributes(private, &[AttributeType::AlwaysAuthenticate]).unwrap();
            assert_eq!(asked, [Attribute::AlwaysAuthenticate(true)]);
            assert_eq!(rv(session.sign(&Mechanism::Ecdsa, private, &[1; 32])), RvError::UserNotLoggedIn);
            for _ in 0..2 {
                session.sign_init(&Mechanism::EcdsaSha256, private).unwrap();
                session.login(UserType::ContextSpecific, Some(&pin(LONG_PIN))).unwrap();
                session.sign_update(b"data").unwrap();
                assert_eq!(session.sign_final().unwrap().len(), 64);
            }
        });
    }

    fn pkcs1_only_has_no_pss_and_no_curves(home) {
        imitating("pkcs1_only_has_no_pss_and_no_curves", home, "pkcs1-only", |library, _| {
            let slot = token(library);
            let session = user(library, slot);
            let (_, private) = rsa_pair(&session, 2048, 1);
            session.sign(&Mechanism::RsaPkcs, private, b"data").unwrap();
            let pss = Mechanism::Sha256RsaPkcsPss(cryptoki::mechanism::rsa::PkcsPssParams {
                hash_alg: MechanismType::SHA256,
                mgf: cryptoki::mechanism::rsa::PkcsMgfType::MGF1_SHA256,
                s_len: 32.into(),
            });
            assert_eq!(rv(session.sign(&pss, private, b"data")), RvError::MechanismInvalid);
        });
    }

    fn a_slow_token_holds_up_nobody_else(home) {
        imitating("a_slow_token_holds_up_nobody_else", home, "slow", |library, _| {
            let slot = token(library);
            let session = user(library, slot);
            let (_, private) = ec_pair(&session, P256, 1);
            let begun = Instant::now();
            let taken = std::thread::scope(|scope| {
                let other = library.open_ro_session(slot).unwrap();
                let others = scope.spawn(move || {
                    other.find_objects(&[]).unwrap();
                    other.generate_random_vec(8).unwrap();
                    begun.elapsed()
                });
                session.sign(&Mechanism::Ecdsa, private, &[1; 32]).unwrap();
                let taken = begun.elapsed();
                let meanwhile = others.join().unwrap();
                assert!(meanwhile < taken, "{meanwhile:?} of {taken:?}");
                taken
            });
            assert!((Duration::from_secs(3)..Duration::from_secs(6)).contains(&taken), "{taken:?}");
            // A message is signed no faster.
            let begun = Instant::now();
            sign_message(session.handle(), cryptoki_sys::CKM_ECDSA, private.handle(), &[1; 32]).unwrap();
            assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
        });
    }

    fn a_certificate_without_a_matching_id_is_paired_by_its_public_key(home) {
        let test = "a_certificate_without_a_matching_id_is_paired_by_its_public_key";
        imitating(test, home, "no-matching-id", |library, home| {
            let slot = token(library);
            let session = user(library, slot);
            let (public, private) = ec_pair(&session, P256, 1);
            let certificate = put_certificate(&session, home, 1);
            let id = |object| bytes(&session, object, AttributeType::Id);
            assert_eq!(id(public), id(private));
            assert_ne!(id(certificate), id(private));
        });
    }

    fn a_token_keeps_its_profile_and_one_without_has_none(home) {
        let test = "a_token_keeps_its_profile_and_one_without_has_none";
        if role().is_some() {
            token(&load());
            return;
        }
        let status = actor(test, home, "vgca").env("TRIEN_TOKEN_PROFILE", "vgca").status().unwrap();
        assert!(status.success());
        let library = load();
        let made = library.get_slots_with_token().unwrap()[0];
        assert_eq!(library.get_token_info(made).unwrap().max_pin_length(), 16);
        assert_eq!(rv(library.get_mechanism_info(made, MechanismType::ECDSA)), RvError::MechanismInvalid);
        let plain = new_token(&library, "plain");
        assert_eq!(library.get_token_info(plain).unwrap().max_pin_length(), 64);
        user_session(&library, plain).set_pin(&pin(PIN), &pin(&"1".repeat(17))).unwrap();
    }

    fn an_unknown_profile_makes_no_token(home) {
        imitating("an_unknown_profile_makes_no_token", home, "no-such-profile", |library, _| {
            let slots = library.get_slots_with_token().unwrap();
            let slot = *slots.last().unwrap();
            assert_eq!(rv(library.init_token(slot, &pin(SO_PIN), "token")), RvError::FunctionFailed);
            assert_eq!(library.get_slots_with_token().unwrap().len(), slots.len());
        });
    }
}
