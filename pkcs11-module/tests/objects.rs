//! Objects and their attributes.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use cryptoki::error::RvError;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeInfo, AttributeType, CertificateType, KeyType, ObjectClass};
use cryptoki::session::UserType;
use harness::{P256, PIN, bytes, data, ec_pair, load, new_token, pin, rsa_pair, rv, user_session};

alone! {
    fn a_certificate_is_found_by_what_it_says_and_gets_its_id_later(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let subject = "/C=VN/CN=Nguyễn Văn An/UID=CCCD:001099012345";
        let certificate = harness::certificate(home, subject);
        let object = session
            .create_object(&[
                Attribute::Class(ObjectClass::CERTIFICATE),
                Attribute::CertificateType(CertificateType::X_509),
                Attribute::Token(true),
                Attribute::Value(certificate.clone()),
            ])
            .unwrap();
        assert_eq!(bytes(&session, object, AttributeType::Value), certificate);
        let subject = bytes(&session, object, AttributeType::Subject);
        assert_eq!(subject, bytes(&session, object, AttributeType::Issuer));
        assert!(String::from_utf8_lossy(&subject).contains("Nguyễn Văn An"));
        assert_eq!(bytes(&session, object, AttributeType::SerialNumber)[0], 2);
        assert_eq!(bytes(&session, object, AttributeType::Id), b"");

        session.update_attributes(object, &[Attribute::Id(vec![7]), Attribute::Label("ký số".into())]).unwrap();
        assert_eq!(session.find_objects(&[Attribute::Subject(subject)]).unwrap(), [object]);
        session.logout().unwrap();
        let by_id = [Attribute::Class(ObjectClass::CERTIFICATE), Attribute::Id(vec![7])];
        assert_eq!(session.find_objects(&by_id).unwrap(), [object]);
        assert_eq!(bytes(&session, object, AttributeType::Label), "ký số".as_bytes());
        assert_eq!(rv(session.update_attributes(object, &[Attribute::Value(vec![1])])), RvError::AttributeReadOnly);
        assert_eq!(rv(session.update_attributes(object, &[Attribute::Trusted(true)])), RvError::AttributeReadOnly);
    }

    fn what_is_no_certificate_is_refused(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let certificate = harness::certificate(home, "/CN=An");
        let create = |value: &[u8]| {
            session.create_object(&[
                Attribute::Class(ObjectClass::CERTIFICATE),
                Attribute::CertificateType(CertificateType::X_509),
                Attribute::Value(value.to_vec()),
            ])
        };
        for length in (0..certificate.len()).step_by(7) {
            assert_eq!(rv(create(&certificate[..length])), RvError::AttributeValueInvalid);
        }
        assert_eq!(rv(create(&[&certificate[..], &[0]].concat())), RvError::AttributeValueInvalid);
        let class = Attribute::Class(ObjectClass::CERTIFICATE);
        assert_eq!(rv(session.create_object(std::slice::from_ref(&class))), RvError::TemplateIncomplete);
        assert_eq!(rv(session.create_object(&[])), RvError::TemplateIncomplete);
        let foreign = [class, Attribute::CertificateType(CertificateType::X_509), Attribute::Modulus(vec![1])];
        assert_eq!(rv(session.create_object(&foreign)), RvError::AttributeTypeInvalid);
    }

    fn a_private_key_keeps_its_secrets(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let (_, rsa) = rsa_pair(&session, 2048, 1);
        let (_, ec) = ec_pair(&session, P256, 2);
        let secrets = [
            AttributeType::PrivateExponent, AttributeType::Prime1, AttributeType::Prime2, AttributeType::Exponent1,
            AttributeType::Exponent2, AttributeType::Coefficient,
        ];
        for (key, kind) in secrets.iter().map(|kind| (rsa, *kind)).chain([(ec, AttributeType::Value)]) {
            let info = session.get_attribute_info(key, &[kind]).unwrap();
            assert!(matches!(info[..], [AttributeInfo::Sensitive]), "{kind}");
        }
        assert_eq!(bytes(&session, rsa, AttributeType::Modulus).len(), 256);
        let told = [
            (AttributeType::Sensitive, Attribute::Sensitive(true)),
            (AttributeType::Extractable, Attribute::Extractable(false)),
            (AttributeType::AlwaysSensitive, Attribute::AlwaysSensitive(true)),
            (AttributeType::NeverExtractable, Attribute::NeverExtractable(true)),
            (AttributeType::Local, Attribute::Local(true)),
            (AttributeType::Private, Attribute::Private(true)),
            (AttributeType::KeyType, Attribute::KeyType(KeyType::RSA)),
        ];
        for (kind, value) in told {
            assert_eq!(session.get_attributes(rsa, &[kind]).unwrap(), [value]);
        }
        // Protection only grows.
        for lower in [Attribute::Sensitive(false), Attribute::Extractable(true)] {
            assert_eq!(rv(session.update_attributes(rsa, std::slice::from_ref(&lower))), RvError::AttributeReadOnly);
            assert_eq!(rv(session.copy_object(rsa, &[lower])), RvError::AttributeReadOnly);
        }
        assert_eq!(rv(session.copy_object(rsa, &[Attribute::Private(false)])), RvError::AttributeReadOnly);
    }

    fn a_key_that_was_made_extractable_can_be_read_and_brought_back(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let open = [Attribute::Sensitive(false), Attribute::Extractable(true)];
        let bits = [Attribute::ModulusBits(2048.into())];
        let (public, private) = session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &bits, &open).unwrap();
        let kinds = [
            AttributeType::Modulus, AttributeType::PublicExponent, AttributeType::PrivateExponent,
            AttributeType::Prime1, AttributeType::Prime2, AttributeType::Exponent1, AttributeType::Exponent2,
            AttributeType::Coefficient,
        ];
        let mut template = session.get_attributes(private, &kinds).unwrap();
        assert_eq!(template.len(), 8);
        template.extend([Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::KeyType(KeyType::RSA)]);
        let imported = session.create_object(&template).unwrap();
        let signature = session.sign(&Mechanism::Sha256RsaPkcs, imported, b"text").unwrap();
        session.verify(&Mechanism::Sha256RsaPkcs, public, b"text", &signature).unwrap();
        let local = session.get_attributes(imported, &[AttributeType::Local]).unwrap();
        assert_eq!(local, [Attribute::Local(false)]);
        // One wrong number is noticed when it comes, not when somebody signs.
        let Some(Attribute::Prime1(prime)) = template.get_mut(3) else { panic!("prime 1 is the fourth") };
        prime[20] ^= 1;
        assert_eq!(rv(session.create_object(&template)), RvError::AttributeValueInvalid);
        let _ = home;
    }

    /// It may call itself public, but it is sealed with the user's key, and there only after login.
    fn a_private_key_of_the_token_is_never_public(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let curve = Attribute::EcParams(P256.to_vec());
        let open = [Attribute::Token(true), Attribute::Private(false)];
        let (public, private) =
            session.generate_key_pair(&Mechanism::EccKeyPairGen, std::slice::from_ref(&curve), &open).unwrap();
        let private_keys = || session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).unwrap();
        assert_eq!(private_keys(), [private]);
        session.logout().unwrap();
        assert_eq!(private_keys(), []);
        assert_eq!(rv(session.sign(&Mechanism::Ecdsa, private, b"text")), RvError::KeyHandleInvalid);
        assert_eq!(session.find_objects(&[]).unwrap(), [public]);
        // A key of the session stays with it.
        session.generate_key_pair(&Mechanism::EccKeyPairGen, &[curve], &open[1..]).unwrap();
        assert_eq!(private_keys().len(), 1);
    }

    fn only_the_officer_trusts(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let template = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Value(harness::certificate(home, "/CN=Root")),
        ];
        let root = session.create_object(&template).unwrap();
        let trust = [Attribute::Trusted(true)];
        assert_eq!(rv(session.update_attributes(root, &trust)), RvError::AttributeReadOnly);
        session.logout().unwrap();
        session.login(UserType::So, Some(&pin(harness::SO_PIN))).unwrap();
        session.update_attributes(root, &trust).unwrap();
        assert_eq!(session.find_objects(&trust).unwrap(), [root]);
    }

    fn a_copy_is_trusted_by_the_officer_only(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let template = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Value(harness::certificate(home, "/CN=Root")),
        ];
        let root = session.create_object(&template).unwrap();
        let trust = [Attribute::Trusted(true)];
        assert_eq!(rv(session.copy_object(root, &trust)), RvError::AttributeReadOnly);
        session.copy_object(root, &[Attribute::Trusted(false)]).unwrap();
        session.logout().unwrap();
        assert_eq!(rv(session.copy_object(root, &trust)), RvError::AttributeReadOnly);
        session.login(UserType::So, Some(&pin(harness::SO_PIN))).unwrap();
        let copy = session.copy_object(root, &trust).unwrap();
        assert_eq!(session.find_objects(&trust).unwrap(), [copy]);
    }

    fn public_rsa_keys_are_taken_from_512_to_8192_bits(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let import = |bits: usize| {
            let mut modulus = vec![0xc5; bits / 8];
            *modulus.last_mut().unwrap() |= 1;
            session.create_object(&[
                Attribute::Class(ObjectClass::PUBLIC_KEY),
                Attribute::KeyType(KeyType::RSA),
                Attribute::Modulus(modulus),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ])
        };
        for bits in [504, 8200] {
            assert_eq!(rv(import(bits)), RvError::KeySizeRange, "{bits}");
        }
        // Those that the cryptographic library refuses itself are refused too.
        for bits in [8, 40, 80, 88, 256] {
            let refusals = [RvError::KeySizeRange, RvError::AttributeValueInvalid];
            assert!(refusals.contains(&rv(import(bits))), "{bits}");
        }
        for bits in [512, 1024, 4104, 8192] {
            import(bits).unwrap();
        }
    }

    fn searches_that_nothing_can_match_find_nothing(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        session.create_object(&data("note", false, b"value")).unwrap();
        assert_eq!(session.find_objects(&[Attribute::Label(b"note".to_vec())]).unwrap().len(), 1);
        assert_eq!(session.find_objects(&[Attribute::Value(b"value".to_vec())]).unwrap().len(), 1);
        for nothing in [
            Attribute::AllowedMechanisms(vec![]),
            Attribute::Label(b"other".to_vec()),
            Attribute::Modulus(vec![1, 2, 3]),
            Attribute::Wrap(true),
        ] {
            assert_eq!(session.find_objects(&[nothing]).unwrap().len(), 0);
        }
    }

    fn objects_live_as_long_as_their_home(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        let (one, other) = (user_session(&library, slot), library.open_rw_session(slot).unwrap());
        let mut in_session = data("session", true, b"x");
        in_session[1] = Attribute::Token(false);
        let object = one.create_object(&in_session).unwrap();
        assert_eq!(other.find_objects(&in_session).unwrap(), [object]);
        // A read-only session may have objects of its own, and may not touch the token's.
        let reader = library.open_ro_session(slot).unwrap();
        reader.create_object(&in_session).unwrap();
        let on_token = other.create_object(&data("token", false, b"x")).unwrap();
        assert_eq!(rv(reader.destroy_object(on_token)), RvError::SessionReadOnly);
        assert_eq!(rv(reader.update_attributes(on_token, &[Attribute::Label(vec![])])), RvError::SessionReadOnly);
        drop((one, reader));
        assert_eq!(other.find_objects(&in_session).unwrap().len(), 0);
        other.destroy_object(on_token).unwrap();
        assert_eq!(rv(other.destroy_object(on_token)), RvError::ObjectHandleInvalid);
        other.logout().unwrap();
        assert_eq!(other.find_objects(&[]).unwrap().len(), 0);
    }

    fn flags_of_an_object_are_kept(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let with = |flag| session.create_object(&[data("fixed", false, b"x"), vec![flag]].concat()).unwrap();
        let fixed = with(Attribute::Modifiable(false));
        assert_eq!(rv(session.update_attributes(fixed, &[Attribute::Label(vec![])])), RvError::ActionProhibited);
        let kept = with(Attribute::Destroyable(false));
        assert_eq!(rv(session.destroy_object(kept)), RvError::ActionProhibited);
        let single = with(Attribute::Copyable(false));
        assert_eq!(rv(session.copy_object(single, &[])), RvError::ActionProhibited);
        let copy = session.copy_object(fixed, &[Attribute::Label(b"copy".to_vec())]).unwrap();
        assert_eq!(bytes(&session, copy, AttributeType::Label), b"copy");
    }

    fn key_pairs_are_made_whole_or_not_at_all(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let generate = |public: &[Attribute], private: &[Attribute]| {
            session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, public, private)
        };
        let bits = |bits: u64| Attribute::ModulusBits(bits.into());
        assert_eq!(rv(generate(&[], &[])), RvError::TemplateIncomplete);
        assert_eq!(rv(generate(&[bits(896)], &[])), RvError::KeySizeRange);
        assert_eq!(rv(generate(&[bits(2049)], &[])), RvError::KeySizeRange);
        let three = [bits(2048), Attribute::PublicExponent(vec![3])];
        assert_eq!(rv(generate(&three, &[])), RvError::AttributeValueInvalid);
        let class = [Attribute::Class(ObjectClass::SECRET_KEY)];
        assert_eq!(rv(generate(&[bits(2048)], &class)), RvError::TemplateInconsistent);
        assert_eq!(rv(generate(&[bits(2048)], &[Attribute::Local(true)])), RvError::AttributeReadOnly);
        assert_eq!(rv(generate(&[bits(2048)], &[Attribute::Token(true), Attribute::Modulus(vec![1])])), RvError::AttributeReadOnly);
        let secp192k1 = [6, 5, 0x2b, 0x81, 4, 0, 0x1f];
        let curve = [Attribute::EcParams(secp192k1.to_vec())];
        assert_eq!(rv(session.generate_key_pair(&Mechanism::EccKeyPairGen, &curve, &[])), RvError::CurveNotSupported);
        assert_eq!(session.find_objects(&[]).unwrap().len(), 0);
        session.logout().unwrap();
        assert_eq!(rv(generate(&[bits(2048)], &[Attribute::Token(true)])), RvError::UserNotLoggedIn);
        assert_eq!(session.find_objects(&[]).unwrap().len(), 0);
        session.login(UserType::User, Some(&pin(PIN))).unwrap();
    }
}
