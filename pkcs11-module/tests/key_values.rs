//! Values of keys: what has to be given, what is computed, and what is refused because it is no key (PKCS #11,
//! sections 4.8 and 4.9, and 6.1.2 to 6.3.4).

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki_sys::*;
use harness::P256;
use harness::raw::{Given, Library, bytes, no, number, yes};

/// An RSA key pair that can be read, and the private key's numbers in the order of their types.
fn open_rsa(library: Library, session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, Vec<Given>) {
    let open = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    let bits = [number(CKA_MODULUS_BITS, 2048)];
    let (public, private) = library
        .generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, &bits, &open)
        .unwrap();
    let kinds = [
        CKA_MODULUS,
        CKA_PUBLIC_EXPONENT,
        CKA_PRIVATE_EXPONENT,
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_EXPONENT_1,
        CKA_EXPONENT_2,
        CKA_COEFFICIENT,
    ];
    let numbers = kinds.map(|kind| bytes(kind, &library.get(session, private, kind).unwrap()));
    (public, numbers.to_vec())
}

fn rsa_private(numbers: &[Given]) -> Vec<Given> {
    let key = [number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_RSA)];
    [&key, numbers].concat()
}

alone! {
    fn an_rsa_key_comes_with_as_few_numbers_as_the_standard_wants(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (public, numbers) = open_rsa(library, session);
        let open = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        let take = |places: &[usize]| -> Vec<Given> { places.iter().map(|&place| numbers[place].clone()).collect() };
        // Modulus and private exponent; with the public exponent; with the primes; with all but one.
        for places in [&[0, 2][..], &[0, 1, 2], &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4, 5, 6]] {
            let template = rsa_private(&[&take(places)[..], &open].concat());
            let key = library.create(session, &template).unwrap();
            for (kind, value) in &numbers {
                assert_eq!(library.get(session, key, *kind).unwrap(), *value, "{kind:#x}");
            }
            let signature = library.sign(session, CKM_SHA256_RSA_PKCS, key, b"text").unwrap();
            assert_eq!(library.verify(session, CKM_SHA256_RSA_PKCS, public, b"text", &signature), Ok(()));
        }
    }

    fn numbers_that_are_no_rsa_key_are_refused(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (_, numbers) = open_rsa(library, session);
        let refused = |template: &[Given]| {
            assert_eq!(library.create(session, &rsa_private(template)), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        };
        for place in [0, 1, 2, 3] {
            let mut wrong: Vec<Given> = numbers[..4].to_vec();
            *wrong[place].1.last_mut().unwrap() ^= 2;
            refused(&wrong);
        }
        for value in [&[][..], &[0], &[1], &[2], &[0xff; 256]] {
            refused(&[numbers[0].clone(), bytes(CKA_PRIVATE_EXPONENT, value)]);
            refused(&[bytes(CKA_MODULUS, value), numbers[2].clone()]);
        }
        let long = [bytes(CKA_MODULUS, &[0xff; 513]), bytes(CKA_PRIVATE_EXPONENT, &[1; 513])];
        assert_eq!(library.create(session, &rsa_private(&long)), Err(CKR_KEY_SIZE_RANGE));
    }

    fn both_halves_of_a_pair_show_the_public_key_info(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let bits = [number(CKA_MODULUS_BITS, 2048)];
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        for (mechanism, template) in [(CKM_RSA_PKCS_KEY_PAIR_GEN, &bits), (CKM_EC_KEY_PAIR_GEN, &curve)] {
            let (public, private) = library.generate_pair(session, mechanism, template, &[]).unwrap();
            let info = library.get(session, public, CKA_PUBLIC_KEY_INFO).unwrap();
            assert_eq!(library.get(session, private, CKA_PUBLIC_KEY_INFO).unwrap(), info);
            // Another program reads it.
            std::fs::write(home.join("public.der"), &info).unwrap();
            harness::run(home, "openssl", &["pkey", "-pubin", "-inform", "DER", "-in", "public.der", "-noout"]);
            assert_eq!(library.find(session, &[bytes(CKA_PUBLIC_KEY_INFO, &info)]).len(), 2);
        }
    }

    fn a_public_key_info_that_is_given_has_to_be_the_keys(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        let (public, _) = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &[]).unwrap();
        let get = |kind| bytes(kind, &library.get(session, public, kind).unwrap());
        let key = [number(CKA_CLASS, CKO_PUBLIC_KEY), number(CKA_KEY_TYPE, CKK_EC), get(CKA_EC_PARAMS), get(CKA_EC_POINT)];
        let mut info = get(CKA_PUBLIC_KEY_INFO);
        library.create(session, &[&key[..], &[info.clone()]].concat()).unwrap();
        *info.1.last_mut().unwrap() ^= 1;
        let wrong = [&key[..], &[info]].concat();
        assert_eq!(library.create(session, &wrong), Err(CKR_ATTRIBUTE_VALUE_INVALID));
    }

    fn an_imported_private_key_shows_its_public_half(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        let open = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        let (public, private) = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &open).unwrap();
        let info = library.get(session, public, CKA_PUBLIC_KEY_INFO).unwrap();
        let value = library.get(session, private, CKA_VALUE).unwrap();
        let template = [
            number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_EC), curve[0].clone(), bytes(CKA_VALUE, &value),
        ];
        let key = library.create(session, &template).unwrap();
        assert_eq!(library.get(session, key, CKA_PUBLIC_KEY_INFO).unwrap(), info);
        library.create(session, &[&template[..], &[bytes(CKA_PUBLIC_KEY_INFO, &info)]].concat()).unwrap();
        let wrong = [&template[..], &[bytes(CKA_PUBLIC_KEY_INFO, &info[1..])]].concat();
        assert_eq!(library.create(session, &wrong), Err(CKR_ATTRIBUTE_VALUE_INVALID));
    }

    fn a_point_may_be_bare_or_wrapped_and_a_scalar_short_or_long(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        let (public, _) = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &[]).unwrap();
        let point = library.get(session, public, CKA_EC_POINT).unwrap();
        assert_eq!(point[..2], [4, 65]);
        for form in [&point[..], &point[2..]] {
            let template = [
                number(CKA_CLASS, CKO_PUBLIC_KEY), number(CKA_KEY_TYPE, CKK_EC), curve[0].clone(), bytes(CKA_EC_POINT, form),
            ];
            let key = library.create(session, &template).unwrap();
            assert_eq!(library.get(session, key, CKA_EC_POINT).unwrap(), point);
        }
        let open = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        for scalar in [&[5][..], &[0, 5], &[&[0; 40][..], &[5]].concat()] {
            let template = [
                number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_EC), curve[0].clone(), bytes(CKA_VALUE, scalar),
            ];
            let key = library.create(session, &[&template[..], &open].concat()).unwrap();
            assert_eq!(library.get(session, key, CKA_VALUE).unwrap(), [&[0; 31][..], &[5]].concat());
        }
    }
}
