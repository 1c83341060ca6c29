//! RSA (PKCS #11 3.1, section 6.1) beyond signatures: keys of all kinds, encryption, recovery, raw numbers; OpenSSL
//! judges what the token makes, and makes what the token judges.

#![allow(unsafe_code)] // one test sets an environment variable
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::path::Path;

use cryptoki_sys::*;
use harness::crypto::{With, oaep_params, plain, pss_params};
use harness::raw::{Given, Library, bytes, no, number, yes};
use harness::{run, tlv};

const TEXT: &[u8] = "Khóa phiên".as_bytes();

/// A pair of 2048 bits whose private half can be looked at.
fn pair(library: Library, session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let private = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    library
        .generate_pair(
            session,
            CKM_RSA_PKCS_KEY_PAIR_GEN,
            &[number(CKA_MODULUS_BITS, 2048)],
            &private,
        )
        .unwrap()
}

/// The private key as a file of OpenSSL's.
fn private_file(library: Library, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE, home: &Path) {
    let number = |kind| {
        let value = library.get(session, key, kind).unwrap();
        tlv(2, &[&[0][..], &value].concat())
    };
    let numbers: Vec<u8> = [
        CKA_MODULUS,
        CKA_PUBLIC_EXPONENT,
        CKA_PRIVATE_EXPONENT,
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_EXPONENT_1,
        CKA_EXPONENT_2,
        CKA_COEFFICIENT,
    ]
    .into_iter()
    .flat_map(number)
    .collect();
    let key = tlv(0x30, &[&[2, 1, 0][..], &numbers].concat());
    std::fs::write(home.join("key.der"), key).unwrap();
    run(
        home,
        "openssl",
        &["rsa", "-inform", "DER", "-in", "key.der", "-out", "key.pem"],
    );
}

/// `openssl pkeyutl` over one input.
fn pkeyutl(home: &Path, input: &[u8], arguments: &[&str]) -> Vec<u8> {
    std::fs::write(home.join("in"), input).unwrap();
    let fixed = ["pkeyutl", "-inkey", "key.pem", "-in", "in"];
    run(home, "openssl", &[&fixed[..], arguments].concat()).stdout
}

/// The flags of a mechanism that tell whether it signs and verifies.
fn signature_uses(library: Library, slot: CK_SLOT_ID, kind: CK_MECHANISM_TYPE) -> CK_FLAGS {
    library.mechanism_info(slot, kind).unwrap().flags & (CKF_SIGN | CKF_VERIFY)
}

alone! {
    fn keys_have_from_2048_to_4096_bits_and_an_exponent_from_f4_on(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let generate = |public: &[Given]| {
            library.generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, public, &[])
        };
        let (public, private) = generate(&[
            number(CKA_MODULUS_BITS, 2176),
            bytes(CKA_PUBLIC_EXPONENT, &[0, 1, 0, 3]),
        ]).unwrap();
        assert_eq!(library.get(session, public, CKA_MODULUS).unwrap().len(), 272);
        assert_eq!(library.get(session, private, CKA_PUBLIC_EXPONENT).unwrap(), [1, 0, 3]);
        let signature = library.sign(session, CKM_SHA256_RSA_PKCS, private, TEXT).unwrap();
        assert_eq!(library.verify(session, CKM_SHA256_RSA_PKCS, public, TEXT, &signature), Ok(()));
        for bits in [0, 512, 896, 1000, 2047, 2049, 4097, 4224, 16384] {
            assert_eq!(generate(&[number(CKA_MODULUS_BITS, bits)]), Err(CKR_KEY_SIZE_RANGE), "{bits}");
        }
        for exponent in [&[3][..], &[1], &[], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
            let template = [number(CKA_MODULUS_BITS, 2048), bytes(CKA_PUBLIC_EXPONENT, exponent)];
            assert_eq!(generate(&template), Err(CKR_ATTRIBUTE_VALUE_INVALID), "{exponent:?}");
        }
        assert_eq!(generate(&[]), Err(CKR_TEMPLATE_INCOMPLETE));
    }

    fn a_key_of_4096_bits_is_made_signs_and_decrypts(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = library
            .generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, &[number(CKA_MODULUS_BITS, 4096)], &[])
            .unwrap();
        assert_eq!(library.get(session, public, CKA_MODULUS).unwrap().len(), 512);
        let spki = library.get(session, public, CKA_PUBLIC_KEY_INFO).unwrap();
        std::fs::write(home.join("public.der"), spki).unwrap();
        std::fs::write(home.join("text"), TEXT).unwrap();
        for (kind, hash) in [(CKM_SHA256_RSA_PKCS, "-sha256"), (CKM_SHA512_RSA_PKCS, "-sha512")] {
            let signature = library.sign(session, kind, private, TEXT).unwrap();
            assert_eq!(signature.len(), 512);
            assert_eq!(library.verify(session, kind, public, TEXT, &signature), Ok(()));
            std::fs::write(home.join("signature"), signature).unwrap();
            let words = ["dgst", hash, "-verify", "public.der", "-keyform", "DER", "-signature", "signature", "text"];
            run(home, "openssl", &words);
        }
        let oaep = With::new(CKM_RSA_PKCS_OAEP, oaep_params(CKM_SHA256, CKG_MGF1_SHA256, &[]));
        let encrypted = library.encrypt_with(session, &oaep, public, TEXT).unwrap();
        assert_eq!(encrypted.len(), 512);
        assert_eq!(library.decrypt_with(session, &oaep, private, &encrypted).as_deref(), Ok(TEXT));
    }

    fn an_import_without_primes_gets_them(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = pair(library, session);
        let value = |kind| bytes(kind, &library.get(session, private, kind).unwrap());
        let numbers = [CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT].map(value);
        let class = [
            number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_RSA), no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE),
        ];
        for more in [vec![], vec![value(CKA_PRIME_1)], vec![value(CKA_PRIME_2)], vec![value(CKA_PRIME_2), value(CKA_COEFFICIENT)]] {
            let template = [&class[..], &numbers, &more].concat();
            let key = library.create(session, &template).unwrap();
            let primes = [CKA_PRIME_1, CKA_PRIME_2].map(|kind| library.get(session, key, kind).unwrap());
            let exponents = [CKA_EXPONENT_1, CKA_EXPONENT_2].map(|kind| library.get(session, key, kind).unwrap());
            let mut expected = [
                (value(CKA_PRIME_1).1, value(CKA_EXPONENT_1).1),
                (value(CKA_PRIME_2).1, value(CKA_EXPONENT_2).1),
            ];
            if primes[0] != expected[0].0 {
                expected.reverse();
            }
            let [first, second] = expected;
            assert_eq!(primes, [first.0, second.0]);
            assert_eq!(exponents, [first.1, second.1]);
            let signature = library.sign(session, CKM_SHA256_RSA_PKCS, key, TEXT).unwrap();
            assert_eq!(library.verify(session, CKM_SHA256_RSA_PKCS, public, TEXT, &signature), Ok(()));
        }
        // Numbers that belong to no key.
        let mut wrong = [&class[..], &numbers].concat();
        wrong.last_mut().unwrap().1[100] ^= 1;
        assert_eq!(library.create(session, &wrong), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        let wrong = [&class[..], &numbers, &[bytes(CKA_PRIME_1, &[1, 0, 1])]].concat();
        assert_eq!(library.create(session, &wrong), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        for prime in [&[][..], &[0], &[1], &numbers[0].1] {
            let wrong = [&class[..], &numbers, &[bytes(CKA_PRIME_1, prime)]].concat();
            assert_eq!(library.create(session, &wrong), Err(CKR_ATTRIBUTE_VALUE_INVALID), "{prime:?}");
        }
    }

    /// Either prime may be called the first; exponents and coefficient go by it (RFC 8017, 3.2).
    fn an_import_with_some_of_its_numbers_keeps_the_order_of_its_primes(home) {
        const KINDS: [CK_ATTRIBUTE_TYPE; 5] = [
            CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT,
        ];
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = pair(library, session);
        let numbers = |key| KINDS.map(|kind| library.get(session, key, kind).unwrap());
        let value = |kind| bytes(kind, &library.get(session, private, kind).unwrap());
        let fixed = [
            number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_RSA), no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE),
            value(CKA_MODULUS), value(CKA_PUBLIC_EXPONENT), value(CKA_PRIVATE_EXPONENT),
        ];
        let create = |more: &[Given]| library.create(session, &[&fixed[..], more].concat());
        let [p, q, of_p, of_q, _] = numbers(private);
        for expected in [[&p, &q, &of_p, &of_q], [&q, &p, &of_q, &of_p]] {
            let key = create(&[bytes(CKA_PRIME_1, expected[0])]).unwrap();
            let all = numbers(key);
            assert_eq!(all.each_ref()[..4], expected);
            private_file(library, session, key, home);
            let checked = run(home, "openssl", &["rsa", "-in", "key.pem", "-check", "-noout"]).stdout;
            assert_eq!(String::from_utf8_lossy(&checked).trim(), "RSA key ok");
            let signature = library.sign(session, CKM_SHA256_RSA_PKCS, key, TEXT).unwrap();
            assert_eq!(library.verify(session, CKM_SHA256_RSA_PKCS, public, TEXT, &signature), Ok(()));
            // Each of the numbers tells the order, and so do all but one.
            let given: Vec<Given> = KINDS.into_iter().zip(&all).map(|(kind, value)| bytes(kind, value)).collect();
            for place in 0..given.len() {
                let alone = create(&given[place..=place]).unwrap();
                assert_eq!(numbers(alone), all, "{place} alone");
                let others = create(&[&given[..place], &given[place + 1..]].concat()).unwrap();
                assert_eq!(numbers(others), all, "all but {place}");
            }
        }
        // One number of each order, and one prime twice.
        for (prime, kind, other) in [
            (&p, CKA_EXPONENT_1, &of_q), (&q, CKA_EXPONENT_1, &of_p), (&p, CKA_PRIME_2, &p), (&q, CKA_PRIME_2, &q),
        ] {
            let mixed = create(&[bytes(CKA_PRIME_1, prime), bytes(kind, other)]);
            assert_eq!(mixed, Err(CKR_ATTRIBUTE_VALUE_INVALID));
        }
    }

    fn encryption_goes_both_ways_with_openssl(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = pair(library, session);
        private_file(library, session, private, home);

        let made = library.encrypt_with(session, &plain(CKM_RSA_PKCS), public, TEXT).unwrap();
        assert_eq!(pkeyutl(home, &made, &["-decrypt"]), TEXT);
        let made = pkeyutl(home, TEXT, &["-encrypt"]);
        assert_eq!(library.decrypt_with(session, &plain(CKM_RSA_PKCS), private, &made).unwrap(), TEXT);

        for (hash, mask, names, label) in [
            (CKM_SHA_1, CKG_MGF1_SHA1, ["sha1", "sha1"], &b""[..]),
            (CKM_SHA224, CKG_MGF1_SHA224, ["sha224", "sha224"], b""),
            (CKM_SHA256, CKG_MGF1_SHA256, ["sha256", "sha256"], b"label"),
            (CKM_SHA256, CKG_MGF1_SHA1, ["sha256", "sha1"], b""),
            (CKM_SHA384, CKG_MGF1_SHA512, ["sha384", "sha512"], b""),
            (CKM_SHA512, CKG_MGF1_SHA512, ["sha512", "sha512"], &[0xa5; 300]),
            (CKM_SHA3_256, CKG_MGF1_SHA3_256, ["sha3-256", "sha3-256"], b""),
            (CKM_SHA3_512, CKG_MGF1_SHA3_384, ["sha3-512", "sha3-384"], b"x"),
        ] {
            let with = With::new(CKM_RSA_PKCS_OAEP, oaep_params(hash, mask, label));
            let hex: String = label.iter().map(|byte| format!("{byte:02x}")).collect();
            let mut options = vec![
                "rsa_padding_mode:oaep".to_owned(),
                format!("rsa_oaep_md:{}", names[0]),
                format!("rsa_mgf1_md:{}", names[1]),
            ];
            if !label.is_empty() {
                options.push(format!("rsa_oaep_label:{hex}"));
            }
            let options: Vec<&str> = options.iter().flat_map(|option| ["-pkeyopt", option]).collect();
            let made = library.encrypt_with(session, &with, public, TEXT).unwrap();
            assert_eq!(pkeyutl(home, &made, &[&["-decrypt"], &options[..]].concat()), TEXT);
            let made = pkeyutl(home, TEXT, &[&["-encrypt"], &options[..]].concat());
            assert_eq!(library.decrypt_with(session, &with, private, &made).unwrap(), TEXT);
        }
    }

    fn what_cannot_be_encrypted_or_decrypted_is_told_apart(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = pair(library, session);
        let oaep = |hash, mask| With::new(CKM_RSA_PKCS_OAEP, oaep_params(hash, mask, b""));
        let sha256 = oaep(CKM_SHA256, CKG_MGF1_SHA256);
        let pkcs = plain(CKM_RSA_PKCS);
        assert_eq!(library.encrypt_with(session, &pkcs, public, &[1; 246]), Err(CKR_DATA_LEN_RANGE));
        assert_eq!(library.encrypt_with(session, &sha256, public, &[1; 191]), Err(CKR_DATA_LEN_RANGE));
        assert!(library.encrypt_with(session, &pkcs, public, &[1; 245]).is_ok());
        let most = library.encrypt_with(session, &sha256, public, &[1; 190]).unwrap();
        assert_eq!(library.decrypt_with(session, &sha256, private, &most).unwrap(), [1; 190]);
        for length in [0, 255, 257] {
            for rv in [
                library.decrypt_with(session, &pkcs, private, &vec![1; length]),
                library.decrypt_with(session, &sha256, private, &vec![1; length]),
            ] {
                assert_eq!(rv, Err(CKR_ENCRYPTED_DATA_LEN_RANGE));
            }
        }
        assert_eq!(library.decrypt_with(session, &sha256, private, &[0xff; 256]), Err(CKR_ENCRYPTED_DATA_INVALID));
        let other = oaep(CKM_SHA384, CKG_MGF1_SHA256);
        assert_eq!(library.decrypt_with(session, &other, private, &most), Err(CKR_ENCRYPTED_DATA_INVALID));
        let raw = plain(CKM_RSA_X_509);
        let mut unpadded = [0x11; 256];
        unpadded[0] = 0;
        let unpadded = library.encrypt_with(session, &raw, public, &unpadded).unwrap();
        assert_eq!(library.decrypt_with(session, &pkcs, private, &unpadded), Err(CKR_ENCRYPTED_DATA_INVALID));

        let refused = |with: &With<CK_RSA_PKCS_OAEP_PARAMS>| library.encrypt_with(session, with, public, TEXT);
        assert_eq!(refused(&oaep(CKM_SHA256_RSA_PKCS, CKG_MGF1_SHA256)), Err(CKR_MECHANISM_PARAM_INVALID));
        assert_eq!(refused(&oaep(CKM_SHA256, 99)), Err(CKR_MECHANISM_PARAM_INVALID));
        let wrong_source = CK_RSA_PKCS_OAEP_PARAMS { source: 7, ..oaep_params(CKM_SHA256, CKG_MGF1_SHA256, b"") };
        assert_eq!(refused(&With::new(CKM_RSA_PKCS_OAEP, wrong_source)), Err(CKR_MECHANISM_PARAM_INVALID));
        let no_parameter = library.encrypt_with(session, &plain(CKM_RSA_PKCS_OAEP), public, TEXT);
        assert_eq!(no_parameter, Err(CKR_MECHANISM_PARAM_INVALID));
        assert_eq!(library.encrypt_with(session, &pkcs, private, TEXT), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
        assert_eq!(library.decrypt_with(session, &pkcs, public, &most), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
        let hashed = plain(CKM_SHA256_RSA_PKCS);
        assert_eq!(library.encrypt_with(session, &hashed, public, TEXT), Err(CKR_MECHANISM_INVALID));
    }

    fn signatures_give_their_data_back(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = pair(library, session);
        let (pkcs, raw) = (plain(CKM_RSA_PKCS), plain(CKM_RSA_X_509));
        let signature = library.sign_recover(session, &pkcs, private, TEXT).unwrap();
        assert_eq!(library.verify_recover(session, &pkcs, public, &signature).unwrap(), TEXT);
        // It is the signature that C_Sign makes.
        assert_eq!(library.sign(session, CKM_RSA_PKCS, private, TEXT).unwrap(), signature);
        assert_eq!(library.sign_recover(session, &pkcs, private, &[1; 246]), Err(CKR_DATA_LEN_RANGE));
        assert_eq!(library.verify_recover(session, &pkcs, public, &signature[1..]), Err(CKR_SIGNATURE_LEN_RANGE));
        assert_eq!(library.verify_recover(session, &pkcs, public, &[7; 256]), Err(CKR_SIGNATURE_INVALID));

        let signature = library.sign_recover(session, &raw, private, TEXT).unwrap();
        let recovered = library.verify_recover(session, &raw, public, &signature).unwrap();
        assert_eq!(recovered.len(), 256);
        assert!(recovered.ends_with(TEXT) && recovered.iter().take(200).all(|&byte| byte == 0));
        assert_eq!(library.verify_recover(session, &raw, public, &[0xff; 256]), Err(CKR_SIGNATURE_INVALID));
    }

    fn raw_numbers_are_those_of_openssl(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = pair(library, session);
        private_file(library, session, private, home);
        let raw = plain(CKM_RSA_X_509);
        let mut number = [0x5a; 256];
        number[0] = 0;
        let none = ["-pkeyopt", "rsa_padding_mode:none"];
        let encrypted = library.encrypt_with(session, &raw, public, &number).unwrap();
        assert_eq!(pkeyutl(home, &encrypted, &[&["-decrypt"], &none[..]].concat()), number);
        assert_eq!(library.decrypt_with(session, &raw, private, &encrypted).unwrap(), number);
        let signature = library.sign_with(session, &raw, private, &number).unwrap();
        // Without a padding, signing and decrypting are the same function.
        assert_eq!(pkeyutl(home, &number, &[&["-decrypt"], &none[..]].concat()), signature);
        assert_eq!(library.verify(session, CKM_RSA_X_509, public, &number, &signature), Ok(()));
        assert_eq!(library.verify(session, CKM_RSA_X_509, public, TEXT, &signature), Err(CKR_SIGNATURE_INVALID));
        // Numbers that are not below the modulus, and too long ones.
        assert_eq!(library.encrypt_with(session, &raw, public, &[0xff; 256]), Err(CKR_DATA_INVALID));
        assert_eq!(library.sign_with(session, &raw, private, &[0xff; 256]), Err(CKR_DATA_INVALID));
        assert_eq!(library.decrypt_with(session, &raw, private, &[0xff; 256]), Err(CKR_ENCRYPTED_DATA_INVALID));
        assert_eq!(library.encrypt_with(session, &raw, public, &[0; 257]), Err(CKR_DATA_LEN_RANGE));
    }

    fn small_keys_only_do_what_old_data_needs(home) {
        let library = Library::initialized();
        let session = library.user_session();
        run(home, "openssl", &["genrsa", "-out", "key.pem", "768"]);
        let text = String::from_utf8(run(home, "openssl", &["rsa", "-in", "key.pem", "-noout", "-text"]).stdout).unwrap();
        let value = |name: &str| {
            let (_, rest) = text.split_once(&format!("\n{name}:\n")).unwrap();
            let hex: String = rest.lines().take_while(|line| line.starts_with(' ')).collect();
            let digits = hex.split([':', ' ']).filter(|digits| !digits.is_empty());
            digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect::<Vec<_>>()
        };
        let numbers = [bytes(CKA_MODULUS, &value("modulus")), bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])];
        let public = [number(CKA_CLASS, CKO_PUBLIC_KEY), number(CKA_KEY_TYPE, CKK_RSA)];
        let public = library.create(session, &[&public[..], &numbers].concat()).unwrap();
        let private = [
            number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_RSA),
            bytes(CKA_PRIVATE_EXPONENT, &value("privateExponent")),
        ];
        assert_eq!(library.create(session, &[&private[..], &numbers].concat()), Err(CKR_KEY_SIZE_RANGE));
        std::fs::write(home.join("text"), TEXT).unwrap();
        let signature = run(home, "openssl", &["dgst", "-sha256", "-sign", "key.pem", "text"]).stdout;
        assert_eq!(library.verify(session, CKM_SHA256_RSA_PKCS, public, TEXT, &signature), Ok(()));
        assert_eq!(library.encrypt_with(session, &plain(CKM_RSA_PKCS), public, TEXT), Err(CKR_KEY_SIZE_RANGE));
    }

    fn sha1_verifies_and_does_not_sign(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let slot = library.session_info(session).unwrap().slotID;
        let (public, private) = pair(library, session);
        private_file(library, session, private, home);
        std::fs::write(home.join("text"), TEXT).unwrap();
        let signature = run(home, "openssl", &["dgst", "-sha1", "-sign", "key.pem", "text"]).stdout;
        assert_eq!(library.verify(session, CKM_SHA1_RSA_PKCS, public, TEXT, &signature), Ok(()));
        let pss = With::new(CKM_SHA1_RSA_PKCS_PSS, pss_params(CKM_SHA_1, CKG_MGF1_SHA1, 20));
        let options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20"];
        let signature = [&["dgst", "-sha1", "-sign", "key.pem"], &options[..], &["text"]].concat();
        let signature = run(home, "openssl", &signature).stdout;
        assert_eq!(library.verify_one(session, &pss, public, TEXT, &signature), Ok(()));
        assert_eq!(library.sign(session, CKM_SHA1_RSA_PKCS, private, TEXT), Err(CKR_MECHANISM_INVALID));
        assert_eq!(library.sign_with(session, &pss, private, TEXT), Err(CKR_MECHANISM_INVALID));
        for kind in [CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS] {
            assert_eq!(signature_uses(library, slot, kind), CKF_VERIFY);
        }
    }

    fn sha1_signs_where_the_environment_asks(_home) {
        // SAFETY: this process has one thread that looks at its environment, this one.
        unsafe { std::env::set_var("TRIEN_PKCS11_SHA1_SIGNATURES", "1") };
        let library = Library::initialized();
        let session = library.user_session();
        let slot = library.session_info(session).unwrap().slotID;
        let (public, private) = pair(library, session);
        let signature = library.sign(session, CKM_SHA1_RSA_PKCS, private, TEXT).unwrap();
        assert_eq!(library.verify(session, CKM_SHA1_RSA_PKCS, public, TEXT, &signature), Ok(()));
        assert_eq!(signature_uses(library, slot, CKM_SHA1_RSA_PKCS), CKF_SIGN | CKF_VERIFY);
    }

    fn every_hash_function_signs_and_openssl_agrees(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, private) = pair(library, session);
        private_file(library, session, private, home);
        std::fs::write(home.join("text"), TEXT).unwrap();
        for (pkcs, pss, hash, mask, name, salt) in [
            (CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, "-sha224", 28),
            (CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224, CKG_MGF1_SHA3_224, "-sha3-224", 28),
            (CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA3_256, "-sha3-256", 32),
            (CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384, CKG_MGF1_SHA3_384, "-sha3-384", 48),
            (CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512, CKG_MGF1_SHA3_512, "-sha3-512", 64),
        ] {
            let judge = |signature: &[u8], options: &[&str]| {
                std::fs::write(home.join("signature"), signature).unwrap();
                let fixed = ["dgst", name, "-prverify", "key.pem", "-signature", "signature"];
                run(home, "openssl", &[&fixed[..], options, &["text"]].concat());
            };
            let signature = library.sign(session, pkcs, private, TEXT).unwrap();
            assert_eq!(library.verify(session, pkcs, public, TEXT, &signature), Ok(()));
            judge(&signature, &[]);
            let with = With::new(pss, pss_params(hash, mask, salt));
            let signature = library.sign_with(session, &with, private, TEXT).unwrap();
            assert_eq!(library.verify_one(session, &with, public, TEXT, &signature), Ok(()));
            judge(&signature, &["-sigopt", "rsa_padding_mode:pss", "-sigopt", &format!("rsa_pss_saltlen:{salt}")]);
        }
    }
}
