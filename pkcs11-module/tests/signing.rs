//! Every mechanism, its signatures judged by OpenSSL.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;

use cryptoki::error::RvError;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::{Session, UserType};
use harness::{
    P256, P384, PIN, ec_pair, load, new_token, pin, public_key_file, rsa_pair, run, rv, tlv, user_session,
};

const TEXT: &[u8] = "Hồ sơ đề nghị cấp giấy phép".as_bytes();

fn pss(hash: MechanismType, mask: PkcsMgfType, salt: u64) -> PkcsPssParams {
    PkcsPssParams {
        hash_alg: hash,
        mgf: mask,
        s_len: salt.into(),
    }
}

fn pss256(salt: u64) -> PkcsPssParams {
    pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, salt)
}

/// Signs in one piece and in many, and checks both with the token itself.
fn sign(session: &Session, mechanism: &Mechanism<'_>, pair: (ObjectHandle, ObjectHandle)) -> Vec<Vec<u8>> {
    let whole = session.sign(mechanism, pair.1, TEXT).unwrap();
    session.sign_init(mechanism, pair.1).unwrap();
    TEXT.chunks(5).for_each(|part| session.sign_update(part).unwrap());
    let parts = session.sign_final().unwrap();
    for signature in [&whole, &parts] {
        session.verify(mechanism, pair.0, TEXT, signature).unwrap();
        assert_eq!(
            rv(session.verify(mechanism, pair.0, b"other", signature)),
            RvError::SignatureInvalid
        );
        assert_eq!(
            rv(session.verify(mechanism, pair.0, TEXT, &signature[1..])),
            RvError::SignatureLenRange
        );
        session.verify_init(mechanism, pair.0).unwrap();
        TEXT.chunks(7)
            .for_each(|part| session.verify_update(part).unwrap());
        session.verify_final(signature).unwrap();
    }
    vec![whole, parts]
}

/// `openssl dgst -verify`.
fn judge(home: &Path, key: &Path, hash: &str, signature: &[u8], options: &[&str]) {
    std::fs::write(home.join("text"), TEXT).unwrap();
    std::fs::write(home.join("signature"), signature).unwrap();
    let options: Vec<&str> = options.iter().flat_map(|option| ["-sigopt", option]).collect();
    let key = key.to_str().unwrap();
    let fixed = [
        "dgst",
        hash,
        "-verify",
        key,
        "-keyform",
        "DER",
        "-signature",
        "signature",
    ];
    run(home, "openssl", &[&fixed[..], &options, &["text"]].concat());
}

/// r ‖ s as `ECDSA-Sig-Value`.
fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let number = |half: &[u8]| {
        let zeros = half.iter().take_while(|&&byte| byte == 0).count();
        let sign: &[u8] = if half[zeros] >= 0x80 { &[0] } else { &[] };
        tlv(2, &[sign, &half[zeros..]].concat())
    };
    tlv(0x30, &[number(r), number(s)].concat())
}

alone! {
    fn rsa_with_a_hash_function(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        for bits in [2048, 3072] {
            let pair = rsa_pair(&session, bits, 1);
            let key = public_key_file(&session, pair.0, home, true);
            for (mechanism, hash) in [
                (Mechanism::Sha256RsaPkcs, "-sha256"),
                (Mechanism::Sha384RsaPkcs, "-sha384"),
                (Mechanism::Sha512RsaPkcs, "-sha512"),
            ] {
                sign(&session, &mechanism, pair).iter().for_each(|made| judge(home, &key, hash, made, &[]));
            }
            let (sha384, sha512) = (PkcsMgfType::MGF1_SHA384, PkcsMgfType::MGF1_SHA512);
            for (mechanism, hash, salt) in [
                (Mechanism::Sha256RsaPkcsPss(pss256(32)), "-sha256", "32"),
                (Mechanism::Sha256RsaPkcsPss(pss256(0)), "-sha256", "0"),
                (Mechanism::Sha256RsaPkcsPss(pss256(bits / 8 - 34)), "-sha256", "max"),
                (Mechanism::Sha384RsaPkcsPss(pss(MechanismType::SHA384, sha384, 48)), "-sha384", "48"),
                (Mechanism::Sha512RsaPkcsPss(pss(MechanismType::SHA512, sha512, 64)), "-sha512", "64"),
            ] {
                let salt = format!("rsa_pss_saltlen:{salt}");
                for made in sign(&session, &mechanism, pair) {
                    judge(home, &key, hash, &made, &["rsa_padding_mode:pss", &salt]);
                }
            }
        }
    }

    fn rsa_over_what_the_host_has_hashed(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let pair = rsa_pair(&session, 2048, 1);
        let key = public_key_file(&session, pair.0, home, true);
        let digest = session.digest(&Mechanism::Sha256, TEXT).unwrap();
        let info = [0x30, 49, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32];
        let signature = session.sign(&Mechanism::RsaPkcs, pair.1, &[&info[..], &digest].concat()).unwrap();
        judge(home, &key, "-sha256", &signature, &[]);
        let signature = session.sign(&Mechanism::RsaPkcsPss(pss256(20)), pair.1, &digest).unwrap();
        judge(home, &key, "-sha256", &signature, &["rsa_padding_mode:pss", "rsa_pss_saltlen:20"]);

        // Any bytes up to k - 11.
        for data in [&b""[..], b"x", &[0xa5; 245]] {
            let signature = session.sign(&Mechanism::RsaPkcs, pair.1, data).unwrap();
            session.verify(&Mechanism::RsaPkcs, pair.0, data, &signature).unwrap();
            std::fs::write(home.join("signature"), &signature).unwrap();
            let arguments =
                ["pkeyutl", "-verifyrecover", "-pubin", "-keyform", "DER", "-inkey", key.to_str().unwrap(), "-in", "signature"];
            assert_eq!(run(home, "openssl", &arguments).stdout, data);
        }
        assert_eq!(rv(session.sign(&Mechanism::RsaPkcs, pair.1, &[1; 246])), RvError::DataLenRange);
        for length in [0, 31, 33] {
            let wrong = vec![1; length];
            assert_eq!(rv(session.sign(&Mechanism::RsaPkcsPss(pss256(32)), pair.1, &wrong)), RvError::DataLenRange);
        }
    }

    fn ecdsa(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        for (curve, length) in [(P256, 64), (P384, 96)] {
            let pair = ec_pair(&session, curve, 1);
            let key = public_key_file(&session, pair.0, home, false);
            for (mechanism, hashing, hash) in [
                (Mechanism::EcdsaSha256, Mechanism::Sha256, "-sha256"),
                (Mechanism::EcdsaSha384, Mechanism::Sha384, "-sha384"),
                (Mechanism::EcdsaSha512, Mechanism::Sha512, "-sha512"),
            ] {
                let digest = session.digest(&hashing, TEXT).unwrap();
                let mut made = sign(&session, &mechanism, pair);
                made.push(session.sign(&Mechanism::Ecdsa, pair.1, &digest).unwrap());
                for signature in made {
                    assert_eq!(signature.len(), length);
                    session.verify(&Mechanism::Ecdsa, pair.0, &digest, &signature).unwrap();
                    judge(home, &key, hash, &ecdsa_der(&signature), &[]);
                }
            }
            assert_eq!(rv(session.sign(&Mechanism::Ecdsa, pair.1, &[])), RvError::DataLenRange);
            let zeros = vec![0; length];
            assert_eq!(rv(session.verify(&Mechanism::Ecdsa, pair.0, &[1; 32], &zeros)), RvError::SignatureInvalid);
        }
    }

    fn parameters_and_keys_that_do_not_fit_are_refused(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let (rsa_public, rsa) = rsa_pair(&session, 2048, 1);
        let (_, ec) = ec_pair(&session, P256, 2);
        let refused = |mechanism: Mechanism<'_>, key| rv(session.sign(&mechanism, key, &[1; 32]));
        let sha1 = pss(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, 20);
        let crossed = pss(MechanismType::SHA384, PkcsMgfType::MGF1_SHA256, 32);
        for parameters in [sha1, crossed, pss256(223), pss256(u64::MAX)] {
            assert_eq!(refused(Mechanism::Sha256RsaPkcsPss(parameters), rsa), RvError::MechanismParamInvalid);
        }
        assert_eq!(refused(Mechanism::Sha256RsaPkcs, ec), RvError::KeyTypeInconsistent);
        assert_eq!(refused(Mechanism::EcdsaSha256, rsa), RvError::KeyTypeInconsistent);
        assert_eq!(refused(Mechanism::Sha256RsaPkcs, rsa_public), RvError::KeyFunctionNotPermitted);
        assert_eq!(refused(Mechanism::Sha256, rsa), RvError::MechanismInvalid);
        assert_eq!(refused(Mechanism::Sha1RsaPkcs, rsa), RvError::MechanismInvalid);
        session.update_attributes(rsa, &[Attribute::Sign(false)]).unwrap();
        assert_eq!(refused(Mechanism::Sha256RsaPkcs, rsa), RvError::KeyFunctionNotPermitted);
    }

    fn a_key_that_always_asks_wants_the_pin_for_each_signature(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let public = [Attribute::EcParams(P256.to_vec())];
        let private = [Attribute::AlwaysAuthenticate(true)];
        let (_, key) = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap();
        assert_eq!(rv(session.sign(&Mechanism::Ecdsa, key, &[1; 32])), RvError::UserNotLoggedIn);
        let again = |text| session.login(UserType::ContextSpecific, Some(&pin(text)));
        assert_eq!(rv(again(PIN)), RvError::OperationNotInitialized);
        session.sign_init(&Mechanism::EcdsaSha256, key).unwrap();
        assert_eq!(rv(again("wrong pin")), RvError::PinIncorrect);
        again(PIN).unwrap();
        session.sign_update(TEXT).unwrap();
        session.sign_final().unwrap();
        assert_eq!(rv(session.sign(&Mechanism::Ecdsa, key, &[1; 32])), RvError::UserNotLoggedIn);
    }

    fn a_signature_does_not_outlive_the_login(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let (_, key) = ec_pair(&session, P256, 1);
        session.sign_init(&Mechanism::EcdsaSha256, key).unwrap();
        session.sign_update(TEXT).unwrap();
        session.logout().unwrap();
        assert_eq!(rv(session.sign_final()), RvError::OperationNotInitialized);
    }

    fn many_threads_sign_with_one_key(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let (public, private) = ec_pair(&session, P256, 1);
        let (rsa_public, rsa) = rsa_pair(&session, 2048, 2);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let library = &library;
                scope.spawn(move || {
                    let session = library.open_rw_session(slot).unwrap();
                    for round in 0..40 {
                        let text = [thread, round];
                        let signature = session.sign(&Mechanism::EcdsaSha256, private, &text).unwrap();
                        session.verify(&Mechanism::EcdsaSha256, public, &text, &signature).unwrap();
                        let signature = session.sign(&Mechanism::Sha256RsaPkcs, rsa, &text).unwrap();
                        session.verify(&Mechanism::Sha256RsaPkcs, rsa_public, &text, &signature).unwrap();
                        let label = format!("{thread}-{round}");
                        session.create_object(&harness::data(&label, thread % 2 == 0, &text)).unwrap();
                    }
                });
            }
        });
        assert_eq!(session.find_objects(&[]).unwrap().len(), 4 + 8 * 40);
    }
}
