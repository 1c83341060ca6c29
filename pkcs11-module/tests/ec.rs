//! Elliptic-curve keys and their signatures, judged by OpenSSL and by published vectors.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::path::Path;

use cryptoki::error::RvError;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use harness::{load, new_token, run, rv, tlv, user_session};

const TEXT: &[u8] = "Hồ sơ đề nghị cấp giấy phép".as_bytes();

/// Name, object identifier's DER, length of a signature.
const CURVES: [(&str, &[u8], usize); 6] = [
    ("prime192v1", &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1], 48),
    ("secp224r1", &[6, 5, 0x2b, 0x81, 4, 0, 0x21], 56),
    ("secp256r1", harness::P256, 64),
    ("secp384r1", harness::P384, 96),
    ("secp521r1", &[6, 5, 0x2b, 0x81, 4, 0, 0x23], 132),
    ("secp256k1", &[6, 5, 0x2b, 0x81, 4, 0, 0x0a], 64),
];

/// DER of id-Ed25519 and id-X25519 (RFC 8410).
const ED448: &[u8] = &[6, 3, 0x2b, 0x65, 0x71];
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
const X25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x6e];

type Pair = (ObjectHandle, ObjectHandle);

fn pair(session: &Session, mechanism: &Mechanism<'_>, parameters: &[u8]) -> Pair {
    let public = [Attribute::EcParams(parameters.to_vec())];
    session.generate_key_pair(mechanism, &public, &[]).unwrap()
}

fn pure() -> Mechanism<'static> {
    Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure))
}

/// Writes `CKA_PUBLIC_KEY_INFO`, which is what OpenSSL reads as a public key.
fn public_key_info(session: &Session, key: ObjectHandle, home: &Path) {
    let info = session
        .get_attributes(key, &[AttributeType::PublicKeyInfo])
        .unwrap();
    let Attribute::PublicKeyInfo(info) = &info[0] else {
        panic!("{info:?}")
    };
    std::fs::write(home.join("public.der"), info).unwrap();
}

/// `openssl pkeyutl -verify` of [`TEXT`].
fn judge(home: &Path, hash: Option<&str>, signature: &[u8]) {
    std::fs::write(home.join("text"), TEXT).unwrap();
    std::fs::write(home.join("signature"), signature).unwrap();
    let fixed = [
        "pkeyutl",
        "-verify",
        "-pubin",
        "-keyform",
        "DER",
        "-inkey",
        "public.der",
        "-rawin",
        "-in",
        "text",
        "-sigfile",
        "signature",
    ];
    let hash: Vec<&str> = hash.iter().flat_map(|hash| ["-digest", hash]).collect();
    run(home, "openssl", &[&fixed[..], &hash].concat());
}

/// r ‖ s as `ECDSA-Sig-Value`.
fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let number = |half: &[u8]| {
        let zeros = half.iter().take_while(|&&byte| byte == 0).count();
        let sign: &[u8] = if half[zeros] >= 0x80 { &[0] } else { &[] };
        tlv(2, &[sign, &half[zeros..]].concat())
    };
    let numbers = [number(r), number(s)].concat();
    match numbers.len() {
        0x80..0x100 => [&[0x30, 0x81, numbers.len() as u8][..], &numbers].concat(),
        _ => tlv(0x30, &numbers),
    }
}

fn in_parts(session: &Session, mechanism: &Mechanism<'_>, pair: Pair) -> Vec<u8> {
    session.sign_init(mechanism, pair.1).unwrap();
    TEXT.chunks(5).for_each(|part| session.sign_update(part).unwrap());
    let signature = session.sign_final().unwrap();
    session.verify_init(mechanism, pair.0).unwrap();
    TEXT.chunks(7)
        .for_each(|part| session.verify_update(part).unwrap());
    session.verify_final(&signature).unwrap();
    signature
}

fn private_ed25519(session: &Session, seed: &[u8]) -> ObjectHandle {
    session
        .create_object(&[
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(KeyType::EC_EDWARDS),
            Attribute::EcParams(ED25519.to_vec()),
            Attribute::Value(seed.to_vec()),
        ])
        .unwrap()
}

fn public_key(
    session: &Session,
    kind: KeyType,
    parameters: &[u8],
    point: &[u8],
) -> cryptoki::error::Result<ObjectHandle> {
    session.create_object(&[
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(kind),
        Attribute::EcParams(parameters.to_vec()),
        Attribute::EcPoint(point.to_vec()),
    ])
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

alone! {
    fn ecdsa_on_every_curve_with_every_hash_function(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        for (_, parameters, length) in CURVES {
            let pair = pair(&session, &Mechanism::EccKeyPairGen, parameters);
            public_key_info(&session, pair.0, home);
            for (mechanism, hash) in [
                (Mechanism::EcdsaSha224, "sha224"),
                (Mechanism::EcdsaSha256, "sha256"),
                (Mechanism::EcdsaSha384, "sha384"),
                (Mechanism::EcdsaSha512, "sha512"),
            ] {
                for signature in [session.sign(&mechanism, pair.1, TEXT).unwrap(), in_parts(&session, &mechanism, pair)] {
                    assert_eq!(signature.len(), length);
                    judge(home, Some(hash), &ecdsa_der(&signature));
                    let other = session.verify(&mechanism, pair.0, b"other", &signature);
                    assert_eq!(rv(other), RvError::SignatureInvalid);
                    let short = session.verify(&mechanism, pair.0, TEXT, &signature[1..]);
                    assert_eq!(rv(short), RvError::SignatureLenRange);
                }
            }
        }
    }

    /// Old signatures can be looked at; new ones are not made.
    fn ecdsa_with_sha1_is_only_verified(home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let key = ["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "key.pem"];
        run(home, "openssl", &key);
        run(home, "openssl", &["ec", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der"]);
        std::fs::write(home.join("text"), TEXT).unwrap();
        run(home, "openssl", &["dgst", "-sha1", "-sign", "key.pem", "-out", "signature", "text"]);
        let info = std::fs::read(home.join("public.der")).unwrap();
        let public = public_key(&session, KeyType::EC, harness::P256, &info[info.len() - 65..]).unwrap();
        let der = std::fs::read(home.join("signature")).unwrap();
        let (mut signature, mut rest) = (Vec::new(), &der[2..]);
        for _ in 0..2 {
            let (number, after) = rest[2..].split_at(usize::from(rest[1]));
            let number = number.strip_prefix(&[0]).unwrap_or(number);
            signature.extend(std::iter::repeat_n(0, 32 - number.len()));
            signature.extend_from_slice(number);
            rest = after;
        }
        session.verify(&Mechanism::EcdsaSha1, public, TEXT, &signature).unwrap();
        let (_, private) = pair(&session, &Mechanism::EccKeyPairGen, harness::P256);
        assert_eq!(rv(session.sign(&Mechanism::EcdsaSha1, private, TEXT)), RvError::MechanismInvalid);
        assert!(!library.get_mechanism_info(slot, MechanismType::ECDSA_SHA1).unwrap().sign());
    }

    /// As old programs write it (`ECParameters`): that of a curve with a name is the curve, any other is refused.
    fn curves_may_be_given_by_their_equation(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        for (name, _, length) in CURVES {
            let explicit = ["ecparam", "-param_enc", "explicit", "-outform", "DER", "-out", "parameters", "-name"];
            run(home, "openssl", &[&explicit[..], &[name]].concat());
            let parameters = std::fs::read(home.join("parameters")).unwrap();
            let pair = pair(&session, &Mechanism::EccKeyPairGen, &parameters);
            assert_eq!(harness::bytes(&session, pair.0, AttributeType::EcParams), parameters);
            public_key_info(&session, pair.0, home);
            let signature = session.sign(&Mechanism::EcdsaSha256, pair.1, TEXT).unwrap();
            assert_eq!(signature.len(), length);
            judge(home, Some("sha256"), &ecdsa_der(&signature));
            // Another prime, another order, another base, and a structure that ends early.
            let end = parameters.len();
            let changed = |place: usize| {
                let mut other = parameters.clone();
                other[place] ^= 1;
                other
            };
            let others = [30, end - 10, end - length / 2 - 20].map(changed);
            let others = others.map(|other| (other, RvError::CurveNotSupported));
            let cut = (parameters[..end - 1].to_vec(), RvError::DomainParamsInvalid);
            for (other, expected) in others.into_iter().chain([cut]) {
                let public = [Attribute::EcParams(other)];
                let refused = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &[]);
                assert_eq!(rv(refused), expected, "{name}");
            }
        }
    }

    fn curves_have_names_and_identifiers(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        for (name, _, length) in CURVES {
            let pair = pair(&session, &Mechanism::EccKeyPairGen, &tlv(0x13, name.as_bytes()));
            public_key_info(&session, pair.0, home);
            let signature = session.sign(&Mechanism::EcdsaSha256, pair.1, TEXT).unwrap();
            assert_eq!(signature.len(), length);
            judge(home, Some("sha256"), &ecdsa_der(&signature));
        }
        let gnupg = [6, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1];
        for parameters in [&tlv(0x13, b"edwards25519")[..], &gnupg] {
            let pair = pair(&session, &Mechanism::EccEdwardsKeyPairGen, parameters);
            assert_eq!(harness::bytes(&session, pair.0, AttributeType::EcParams), parameters);
            public_key_info(&session, pair.0, home);
            judge(home, None, &session.sign(&pure(), pair.1, TEXT).unwrap());
        }
        pair(&session, &Mechanism::EccMontgomeryKeyPairGen, &tlv(0x13, b"curve25519"));
    }

    fn curves_of_others_are_refused(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let brainpool = [6, 9, 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7];
        for (mechanism, parameters) in [
            (Mechanism::EccKeyPairGen, &brainpool[..]),
            (Mechanism::EccKeyPairGen, ED25519),
            (Mechanism::EccEdwardsKeyPairGen, X25519),
            (Mechanism::EccEdwardsKeyPairGen, &tlv(0x13, b"edwards449")),
            (Mechanism::EccMontgomeryKeyPairGen, harness::P256),
        ] {
            let public = [Attribute::EcParams(parameters.to_vec())];
            assert_eq!(rv(session.generate_key_pair(&mechanism, &public, &[])), RvError::CurveNotSupported);
        }
        // What names no curve at all: `implicitlyCA`, a name that ends early, nothing.
        for parameters in [&[5, 0][..], &harness::P256[..9], &[0x13, 5, b'P'], b"secp256r1", b""] {
            let public = [Attribute::EcParams(parameters.to_vec())];
            let edwards = [Mechanism::EccEdwardsKeyPairGen, Mechanism::EccMontgomeryKeyPairGen];
            for mechanism in [Mechanism::EccKeyPairGen].into_iter().chain(edwards) {
                assert_eq!(rv(session.generate_key_pair(&mechanism, &public, &[])), RvError::DomainParamsInvalid);
            }
        }
        let (_, x25519) = pair(&session, &Mechanism::EccMontgomeryKeyPairGen, X25519);
        let (_, p256) = pair(&session, &Mechanism::EccKeyPairGen, harness::P256);
        let (_, ed25519) = pair(&session, &Mechanism::EccEdwardsKeyPairGen, ED25519);
        session.update_attributes(x25519, &[Attribute::Sign(true)]).unwrap();
        assert_eq!(rv(session.sign(&pure(), x25519, TEXT)), RvError::KeyTypeInconsistent);
        assert_eq!(rv(session.sign(&pure(), p256, TEXT)), RvError::KeyTypeInconsistent);
        assert_eq!(rv(session.sign(&Mechanism::EcdsaSha256, ed25519, TEXT)), RvError::KeyTypeInconsistent);
    }

    fn points_may_be_bare_compressed_or_in_an_octet_string(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        for (_, parameters, length) in CURVES {
            let (public, private) = pair(&session, &Mechanism::EccKeyPairGen, parameters);
            let wrapped = harness::bytes(&session, public, AttributeType::EcPoint);
            let bare = &wrapped[wrapped.len() - (length + 1)..];
            let parity = 2 + (bare[length] & 1);
            let compressed = [&[parity], &bare[1..=length / 2]].concat();
            let signature = session.sign(&Mechanism::EcdsaSha256, private, TEXT).unwrap();
            for point in [&wrapped, bare, &compressed, &tlv(4, &compressed)] {
                let key = public_key(&session, KeyType::EC, parameters, point).unwrap();
                session.verify(&Mechanism::EcdsaSha256, key, TEXT, &signature).unwrap();
                public_key_info(&session, key, home);
                judge(home, Some("sha256"), &ecdsa_der(&signature));
            }
            let mut off = bare.to_vec();
            off[length] ^= 1;
            for point in [&off[..], &bare[..length], &[0]] {
                assert_eq!(rv(public_key(&session, KeyType::EC, parameters, point)), RvError::AttributeValueInvalid);
            }
        }
        let (public, private) = pair(&session, &Mechanism::EccEdwardsKeyPairGen, ED25519);
        let wrapped = harness::bytes(&session, public, AttributeType::EcPoint);
        assert_eq!(wrapped[..2], [4, 32]);
        let signature = session.sign(&pure(), private, TEXT).unwrap();
        for point in [&wrapped[..], &wrapped[2..]] {
            let key = public_key(&session, KeyType::EC_EDWARDS, ED25519, point).unwrap();
            session.verify(&pure(), key, TEXT, &signature).unwrap();
            assert_eq!(harness::bytes(&session, key, AttributeType::EcPoint), wrapped);
        }
        assert_eq!(
            rv(public_key(&session, KeyType::EC_EDWARDS, ED25519, &wrapped[..31])),
            RvError::AttributeValueInvalid
        );
    }

    fn scalars_out_of_range_are_refused(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        for scalar in [&[0; 32][..], &order, &[1; 33], &[]] {
            let key = session.create_object(&[
                Attribute::Class(ObjectClass::PRIVATE_KEY),
                Attribute::KeyType(KeyType::EC),
                Attribute::EcParams(harness::P256.to_vec()),
                Attribute::Value(scalar.to_vec()),
            ]);
            assert_eq!(rv(key), RvError::AttributeValueInvalid);
        }
    }

    fn ed25519_in_one_piece_and_in_many(home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let pair = pair(&session, &Mechanism::EccEdwardsKeyPairGen, ED25519);
        public_key_info(&session, pair.0, home);
        let whole = session.sign(&pure(), pair.1, TEXT).unwrap();
        judge(home, None, &whole);
        assert_eq!(in_parts(&session, &pure(), pair), whole, "the scheme draws no random numbers");
        assert_eq!(rv(session.verify(&pure(), pair.0, b"other", &whole)), RvError::SignatureInvalid);
        assert_eq!(rv(session.verify(&pure(), pair.0, TEXT, &whole[1..])), RvError::SignatureLenRange);
        let info = library.get_mechanism_info(slot, MechanismType::EDDSA).unwrap();
        assert_eq!((info.min_key_size(), info.max_key_size(), info.sign(), info.verify()), (255, 448, true, true));
    }

    fn ed448_in_one_piece_and_in_many(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let pair = pair(&session, &Mechanism::EccEdwardsKeyPairGen, ED448);
        public_key_info(&session, pair.0, home);
        let plain = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed448(b"")));
        let whole = session.sign(&plain, pair.1, TEXT).unwrap();
        judge(home, None, &whole);
        assert_eq!(in_parts(&session, &plain, pair), whole, "the scheme draws no random numbers");
        assert_eq!(rv(session.verify(&plain, pair.0, TEXT, &whole[1..])), RvError::SignatureLenRange);
        // Context and prehash each make another signature.
        for scheme in [EddsaSignatureScheme::Ed448(b"context"), EddsaSignatureScheme::Ed448ph(b"")] {
            let other = Mechanism::Eddsa(EddsaParams::new(scheme));
            let signature = session.sign(&other, pair.1, TEXT).unwrap();
            session.verify(&other, pair.0, TEXT, &signature).unwrap();
            assert_eq!(rv(session.verify(&plain, pair.0, TEXT, &signature)), RvError::SignatureInvalid);
        }
    }

    /// RFC 8032, sections 7.1 to 7.3.
    fn ed25519_signs_as_the_rfc_does(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let vectors = include_str!("vectors/rfc8032-ed25519.txt");
        let cases = vectors.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect::<Vec<_>>());
        let mut count = 0;
        for case in cases {
            let [scheme, seed, public, context, message, signature] = case[..] else { panic!("{case:?}") };
            let optional = |text: &str| if text == "-" { Vec::new() } else { hex(text) };
            let (context, message) = (optional(context), optional(message));
            let scheme = match scheme {
                "pure" => EddsaSignatureScheme::Pure,
                "ctx" => EddsaSignatureScheme::Ed25519ctx(&context),
                "ph" => EddsaSignatureScheme::Ed25519ph(&context),
                other => panic!("{other}"),
            };
            let mechanism = Mechanism::Eddsa(EddsaParams::new(scheme));
            let private = private_ed25519(&session, &hex(seed));
            let made = session.sign(&mechanism, private, &message).unwrap();
            assert_eq!(made, hex(signature));
            let public = public_key(&session, KeyType::EC_EDWARDS, ED25519, &hex(public)).unwrap();
            session.verify(&mechanism, public, &message, &made).unwrap();
            count += 1;
        }
        assert_eq!(count, 9);
    }

    fn a_context_has_at_most_255_bytes(_home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let pair = pair(&session, &Mechanism::EccEdwardsKeyPairGen, ED25519);
        let context = [7; 256];
        let with = |scheme| Mechanism::Eddsa(EddsaParams::new(scheme));
        for long in [EddsaSignatureScheme::Ed25519ctx(&context), EddsaSignatureScheme::Ed25519ph(&context)] {
            assert_eq!(rv(session.sign(&with(long), pair.1, TEXT)), RvError::MechanismParamInvalid);
        }
        let variants = [
            with(EddsaSignatureScheme::Ed25519ctx(&context[..255])),
            with(EddsaSignatureScheme::Ed25519ph(&context[..255])),
            with(EddsaSignatureScheme::Ed25519ph(&[])),
            pure(),
        ];
        for (i, mechanism) in variants.iter().enumerate() {
            let signature = in_parts(&session, mechanism, pair);
            for (j, other) in variants.iter().enumerate() {
                assert_eq!(session.verify(other, pair.0, TEXT, &signature).is_ok(), i == j);
            }
        }
    }
}
