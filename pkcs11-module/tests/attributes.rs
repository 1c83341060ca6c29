//! The attribute rules of the standard (PKCS #11, section 4), a test each.

#![allow(clippy::unwrap_used)] // a test may fail, and says what it found

mod harness;

use cryptoki_sys::*;
use harness::raw::{Given, Library, bytes, no, number, template, yes};
use harness::{P256, PIN, SO_PIN};

const AES_KEY: [u8; 16] = [7; 16];

fn aes(rest: &[Given]) -> Vec<Given> {
    secret(CKK_AES, &AES_KEY, rest)
}

fn secret(kind: CK_KEY_TYPE, value: &[u8], rest: &[Given]) -> Vec<Given> {
    let key = [
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        bytes(CKA_VALUE, value),
    ];
    [&key, rest].concat()
}

fn note(rest: &[Given]) -> Vec<Given> {
    [&[number(CKA_CLASS, CKO_DATA), bytes(CKA_LABEL, b"note")], rest].concat()
}

/// The flags that are true, of those asked.
fn flags(
    library: Library,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    asked: &[CK_ATTRIBUTE_TYPE],
) -> Vec<CK_ATTRIBUTE_TYPE> {
    asked
        .iter()
        .copied()
        .filter(|kind| library.is(session, object, *kind))
        .collect()
}

alone! {
    fn what_an_import_leaves_open_is_as_the_table_says(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let key = library.create(session, &aes(&[])).unwrap();
        let uses = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];
        assert_eq!(flags(library, session, key, &uses), uses[..6]);
        let general = [CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE, CKA_SENSITIVE,
            CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL, CKA_WRAP_WITH_TRUSTED, CKA_TRUSTED];
        let told = [CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE, CKA_EXTRACTABLE];
        assert_eq!(flags(library, session, key, &general), told);
        for empty in [CKA_LABEL, CKA_ID, CKA_START_DATE, CKA_END_DATE] {
            assert_eq!(library.get(session, key, empty).unwrap(), b"");
        }
        let unavailable = CK_UNAVAILABLE_INFORMATION.to_ne_bytes();
        assert_eq!(library.get(session, key, CKA_KEY_GEN_MECHANISM).unwrap(), unavailable);
        assert_eq!(library.get(session, key, CKA_VALUE_LEN).unwrap(), (16 as CK_ULONG).to_ne_bytes());
        let data = library.create(session, &note(&[])).unwrap();
        assert!(!library.is(session, data, CKA_PRIVATE) && !library.is(session, data, CKA_TOKEN));
        for empty in [CKA_APPLICATION, CKA_OBJECT_ID, CKA_VALUE] {
            assert_eq!(library.get(session, data, empty).unwrap(), b"");
        }
    }

    fn keys_may_do_by_default_what_their_type_can(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let public_uses = [CKA_ENCRYPT, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP, CKA_DERIVE];
        let private_uses = [CKA_DECRYPT, CKA_SIGN, CKA_SIGN_RECOVER, CKA_UNWRAP, CKA_DERIVE];
        let bits = [number(CKA_MODULUS_BITS, 2048)];
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        for (mechanism, template, count) in
            [(CKM_RSA_PKCS_KEY_PAIR_GEN, &bits, [4, 4]), (CKM_EC_KEY_PAIR_GEN, &curve, [1, 1])]
        {
            let (public, private) = library.generate_pair(session, mechanism, template, &[]).unwrap();
            let found = [
                flags(library, session, public, &public_uses),
                flags(library, session, private, &private_uses),
            ];
            assert!(found[0].contains(&CKA_VERIFY) && found[1].contains(&CKA_SIGN));
            assert_eq!([found[0].len(), found[1].len()], count, "{mechanism:#x}");
        }
        let generic = library.create(session, &secret(CKK_GENERIC_SECRET, b"secret", &[])).unwrap();
        let uses = [CKA_ENCRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_DERIVE];
        assert_eq!(flags(library, session, generic, &uses), [CKA_SIGN, CKA_VERIFY]);
    }

    fn what_only_the_token_says_is_read_only(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let ours = [
            bytes(CKA_UNIQUE_ID, b"mine"), yes(CKA_LOCAL), number(CKA_KEY_GEN_MECHANISM, 1),
            no(CKA_ALWAYS_SENSITIVE), yes(CKA_NEVER_EXTRACTABLE), number(CKA_VALUE_LEN, 16),
        ];
        let key = library.create(session, &aes(&[])).unwrap();
        for attribute in ours {
            let rest = std::slice::from_ref(&attribute);
            let refused = if attribute.0 == CKA_UNIQUE_ID { CKR_ATTRIBUTE_TYPE_INVALID } else { CKR_ATTRIBUTE_READ_ONLY };
            assert_eq!(library.create(session, &aes(rest)), Err(refused), "{:#x}", attribute.0);
            assert_eq!(library.set(session, key, rest), CKR_ATTRIBUTE_READ_ONLY, "{:#x}", attribute.0);
        }
        for attribute in [number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_AES), bytes(CKA_VALUE, &AES_KEY), yes(CKA_TOKEN), no(CKA_PRIVATE)] {
            assert_eq!(library.set(session, key, std::slice::from_ref(&attribute)), CKR_ATTRIBUTE_READ_ONLY, "{:#x}", attribute.0);
        }
        let bits = [number(CKA_MODULUS_BITS, 2048), bytes(CKA_MODULUS, &[1])];
        let made = library.generate_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, &bits, &[]);
        assert_eq!(made, Err(CKR_ATTRIBUTE_READ_ONLY));
    }

    fn a_template_is_refused_for_the_first_thing_that_is_wrong_with_it(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let create = |template: &[Given]| library.create(session, template).err().unwrap_or(CKR_OK);
        let unknown = bytes(0x4000_1234, b"x");
        // No class, a class nobody holds, a key type nobody holds.
        assert_eq!(create(&[]), CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(create(&[number(CKA_CLASS, 77)]), CKR_ATTRIBUTE_VALUE_INVALID);
        for class in [CKO_HW_FEATURE, CKO_MECHANISM, CKO_PROFILE] {
            assert_eq!(create(&[number(CKA_CLASS, class)]), CKR_ATTRIBUTE_VALUE_INVALID);
        }
        for class in [CKO_SECRET_KEY, CKO_DOMAIN_PARAMETERS] {
            assert_eq!(create(&[number(CKA_CLASS, class)]), CKR_TEMPLATE_INCOMPLETE);
        }
        assert_eq!(create(&secret(CKK_CAST128, &[1; 8], &[])), CKR_ATTRIBUTE_VALUE_INVALID);
        // A parameter set that there is not.
        for (key_type, len) in [(CKK_ML_DSA, 1312), (CKK_ML_KEM, 800)] {
            let public = [
                number(CKA_CLASS, CKO_PUBLIC_KEY),
                number(CKA_KEY_TYPE, key_type),
                number(CKA_PARAMETER_SET, 99),
                bytes(CKA_VALUE, &vec![1; len]),
            ];
            assert_eq!(create(&public), CKR_PARAMETER_SET_NOT_SUPPORTED);
        }
        // An attribute of no class, or of another.
        assert_eq!(create(&note(std::slice::from_ref(&unknown))), CKR_ATTRIBUTE_TYPE_INVALID);
        assert_eq!(create(&note(&[yes(CKA_SIGN)])), CKR_ATTRIBUTE_TYPE_INVALID);
        // A value of the wrong form.
        assert_eq!(create(&note(&[bytes(CKA_TOKEN, b"")])), CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(create(&aes(&[bytes(CKA_ALLOWED_MECHANISMS, &[1; 9])])), CKR_ATTRIBUTE_VALUE_INVALID);
        // One that is missing.
        let key = [number(CKA_CLASS, CKO_SECRET_KEY), number(CKA_KEY_TYPE, CKK_AES)];
        assert_eq!(create(&key), CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(create(&[number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_RSA), bytes(CKA_MODULUS, &[1; 256])]), CKR_TEMPLATE_INCOMPLETE);
        let object = library.create(session, &note(&[])).unwrap();
        assert_eq!(library.set(session, object, &[unknown]), CKR_ATTRIBUTE_TYPE_INVALID);
        assert_eq!(library.set(session, object, &[bytes(CKA_COPYABLE, b"")]), CKR_ATTRIBUTE_VALUE_INVALID);
    }

    fn what_is_said_twice_counts_once_and_what_contradicts_itself_is_refused(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let twice = note(&[bytes(CKA_LABEL, b"note"), no(CKA_TOKEN), no(CKA_TOKEN)]);
        let object = library.create(session, &twice).unwrap();
        assert_eq!(library.get(session, object, CKA_LABEL).unwrap(), b"note");
        let both = note(&[bytes(CKA_LABEL, b"other")]);
        assert_eq!(library.create(session, &both), Err(CKR_TEMPLATE_INCONSISTENT));
        let both = [bytes(CKA_LABEL, b"a"), bytes(CKA_LABEL, b"b")];
        assert_eq!(library.set(session, object, &both), CKR_TEMPLATE_INCONSISTENT);
        assert_eq!(library.copy(session, object, &both), Err(CKR_TEMPLATE_INCONSISTENT));
        assert_eq!(library.get(session, object, CKA_LABEL).unwrap(), b"note");
    }

    fn a_change_that_fails_changes_nothing(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        for home in [no(CKA_TOKEN), yes(CKA_TOKEN)] {
            let key = library.create(session, &aes(&[home])).unwrap();
            let before = library.get(session, key, CKA_LABEL).unwrap();
            let change = [bytes(CKA_LABEL, b"other"), no(CKA_SIGN), yes(CKA_LOCAL)];
            assert_eq!(library.set(session, key, &change), CKR_ATTRIBUTE_READ_ONLY);
            assert_eq!(library.get(session, key, CKA_LABEL).unwrap(), before);
            assert!(library.is(session, key, CKA_SIGN));
            assert_eq!(library.set(session, key, &change[..2]), CKR_OK);
            assert_eq!(library.get(session, key, CKA_LABEL).unwrap(), b"other");
            assert!(!library.is(session, key, CKA_SIGN));
        }
    }

    fn flags_that_go_one_way_do_not_come_back(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let key = library.create(session, &aes(&[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)])).unwrap();
        assert_eq!(library.get(session, key, CKA_VALUE).unwrap(), AES_KEY);
        for (there, back) in [
            (yes(CKA_SENSITIVE), no(CKA_SENSITIVE)),
            (no(CKA_EXTRACTABLE), yes(CKA_EXTRACTABLE)),
            (yes(CKA_WRAP_WITH_TRUSTED), no(CKA_WRAP_WITH_TRUSTED)),
        ] {
            assert_eq!(library.set(session, key, std::slice::from_ref(&back)), CKR_OK, "{:#x}", back.0);
            assert_eq!(library.set(session, key, &[there]), CKR_OK);
            assert_eq!(library.set(session, key, std::slice::from_ref(&back)), CKR_ATTRIBUTE_READ_ONLY, "{:#x}", back.0);
            assert_eq!(library.copy(session, key, &[back]), Err(CKR_ATTRIBUTE_READ_ONLY));
            assert_eq!(library.get(session, key, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
        }
        assert_eq!(library.set(session, key, &[no(CKA_COPYABLE)]), CKR_OK);
        assert_eq!(library.set(session, key, &[yes(CKA_COPYABLE)]), CKR_ATTRIBUTE_READ_ONLY);
        assert_eq!(library.copy(session, key, &[]), Err(CKR_ACTION_PROHIBITED));
        // A private object has no public copy.
        let key = library.create(session, &aes(&[])).unwrap();
        assert_eq!(library.copy(session, key, &[no(CKA_PRIVATE)]), Err(CKR_ATTRIBUTE_READ_ONLY));
    }

    fn only_a_copy_gets_another_home_or_other_rights(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let object = library.create(session, &note(&[])).unwrap();
        let rights = [yes(CKA_TOKEN), yes(CKA_PRIVATE), no(CKA_MODIFIABLE), no(CKA_DESTROYABLE)];
        for right in &rights {
            assert_eq!(library.set(session, object, std::slice::from_ref(right)), CKR_ATTRIBUTE_READ_ONLY);
        }
        let copy = library.copy(session, object, &rights).unwrap();
        let kinds = [CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_DESTROYABLE];
        assert_eq!(flags(library, session, copy, &kinds), [CKA_TOKEN, CKA_PRIVATE]);
        assert_eq!(library.get(session, copy, CKA_LABEL).unwrap(), b"note");
        assert_eq!(library.set(session, copy, &[bytes(CKA_LABEL, b"x")]), CKR_ACTION_PROHIBITED);
        assert_eq!(library.destroy(session, copy), CKR_ACTION_PROHIBITED);
        // But a copy of it may be made modifiable again.
        let second = library.copy(session, copy, &[yes(CKA_MODIFIABLE), yes(CKA_DESTROYABLE)]).unwrap();
        assert_eq!(library.set(session, second, &[bytes(CKA_LABEL, b"x")]), CKR_OK);
        assert_eq!(library.destroy(session, second), CKR_OK);
    }

    fn every_object_has_an_id_of_its_own_for_ever(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let slot = library.session_info(session).unwrap().slotID;
        let object = library.create(session, &note(&[yes(CKA_TOKEN)])).unwrap();
        let id = library.get(session, object, CKA_UNIQUE_ID).unwrap();
        assert!(id.len() == 32 && id.is_ascii());
        let copy = library.copy(session, object, &[]).unwrap();
        assert_ne!(library.get(session, copy, CKA_UNIQUE_ID).unwrap(), id);
        assert_eq!(library.set(session, object, &[bytes(CKA_LABEL, b"renamed")]), CKR_OK);
        assert_eq!(library.find(session, &[bytes(CKA_UNIQUE_ID, &id)]), [object]);
        assert_eq!(library.copy(session, object, &[bytes(CKA_UNIQUE_ID, &id)]), Err(CKR_ATTRIBUTE_READ_ONLY));
        assert_eq!((library.finalize(), library.initialize()), (CKR_OK, CKR_OK));
        library.slots();
        let session = library.open(slot, 0).unwrap();
        let found = library.find(session, &[bytes(CKA_UNIQUE_ID, &id)]);
        assert_eq!(found.len(), 1);
        assert_eq!(library.get(session, found[0], CKA_LABEL).unwrap(), b"renamed");
    }

    fn a_check_value_is_computed_checked_and_may_be_taken_away(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        // FIPS 197: AES-128 with a key of zeros makes 66 E9 4B D4… of a block of zeros.
        let zeros = |rest: &[Given]| secret(CKK_AES, &[0; 16], rest);
        let key = library.create(session, &zeros(&[])).unwrap();
        assert_eq!(library.get(session, key, CKA_CHECK_VALUE).unwrap(), [0x66, 0xe9, 0x4b]);
        // SHA-1 of "abc" begins with A9 99 3E.
        let generic = library.create(session, &secret(CKK_GENERIC_SECRET, b"abc", &[])).unwrap();
        assert_eq!(library.get(session, generic, CKA_CHECK_VALUE).unwrap(), [0xa9, 0x99, 0x3e]);
        library.create(session, &zeros(&[bytes(CKA_CHECK_VALUE, &[0x66, 0xe9, 0x4b])])).unwrap();
        let wrong = bytes(CKA_CHECK_VALUE, &[1, 2, 3]);
        assert_eq!(library.create(session, &zeros(std::slice::from_ref(&wrong))), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        assert_eq!(library.set(session, key, &[wrong]), CKR_ATTRIBUTE_VALUE_INVALID);
        let without = library.create(session, &zeros(&[bytes(CKA_CHECK_VALUE, b"")])).unwrap();
        assert_eq!(library.get(session, without, CKA_CHECK_VALUE).unwrap(), b"");
        assert_eq!(library.set(session, key, &[bytes(CKA_CHECK_VALUE, b"")]), CKR_OK);
        assert_eq!(library.get(session, key, CKA_CHECK_VALUE).unwrap(), b"");
    }

    fn an_aes_key_has_one_of_three_lengths(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        for length in 0..40 {
            let made = library.create(session, &secret(CKK_AES, &vec![1; length], &[]));
            let is_right = matches!(length, 16 | 24 | 32);
            assert_eq!(made.err(), (!is_right).then_some(CKR_ATTRIBUTE_VALUE_INVALID), "{length}");
        }
        let empty = secret(CKK_GENERIC_SECRET, b"", &[]);
        assert_eq!(library.create(session, &empty), Err(CKR_ATTRIBUTE_VALUE_INVALID));
    }

    fn a_date_is_a_day_or_nothing(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        for (date, is_day) in [
            ("20261121", true), ("", true), ("20261321", false), ("20261100", false), ("2026112", false), ("2026112x", false),
        ] {
            let made = library.create(session, &aes(&[bytes(CKA_START_DATE, date.as_bytes())]));
            assert_eq!(made.err(), (!is_day).then_some(CKR_ATTRIBUTE_VALUE_INVALID), "{date}");
        }
    }

    fn the_past_of_a_key_is_told_truly(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let past = [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE];
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        let make = |private: &[Given]| {
            library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, private).unwrap()
        };
        let (public, kept) = make(&[]);
        assert_eq!(flags(library, session, kept, &past), past);
        assert!(library.is(session, public, CKA_LOCAL));
        let mechanism = CKM_EC_KEY_PAIR_GEN.to_ne_bytes();
        assert_eq!(library.get(session, kept, CKA_KEY_GEN_MECHANISM).unwrap(), mechanism);
        let (_, open) = make(&[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)]);
        assert_eq!(flags(library, session, open, &past), [CKA_LOCAL]);
        // What is protected later was not always so.
        assert_eq!(library.set(session, open, &[yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)]), CKR_OK);
        assert_eq!(flags(library, session, open, &past), [CKA_LOCAL]);
        let imported = library.create(session, &aes(&[yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)])).unwrap();
        assert_eq!(flags(library, session, imported, &past), []);
        // And neither was its copy.
        let copy = library.copy(session, open, &[]).unwrap();
        assert_eq!(flags(library, session, copy, &past), [CKA_LOCAL]);
    }

    fn a_public_key_of_the_token_that_hides_something_is_there_after_login_only(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let session = library.open(slot, CKF_RW_SESSION).unwrap();
        let public = [yes(CKA_TOKEN), no(CKA_PRIVATE)];
        let hides = aes(&[&public[..], &[yes(CKA_SENSITIVE), bytes(CKA_LABEL, b"hidden")]].concat());
        let kept = aes(&[&public[..], &[no(CKA_EXTRACTABLE), bytes(CKA_LABEL, b"kept")]].concat());
        assert_eq!(library.create(session, &hides), Err(CKR_USER_NOT_LOGGED_IN));
        // One that may only not be wrapped hides nothing: it says so itself.
        library.create(session, &kept).unwrap();
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_OK);
        let hidden = library.create(session, &hides).unwrap();
        assert_eq!(library.get(session, hidden, CKA_PRIVATE).unwrap(), [CK_FALSE]);
        assert_eq!(library.get(session, hidden, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
        // What everybody has seen is not hidden afterwards.
        let open = library.create(session, &aes(&public)).unwrap();
        assert_eq!(library.set(session, open, &[yes(CKA_SENSITIVE)]), CKR_TEMPLATE_INCONSISTENT);
        let named = |name: &[u8]| library.find(session, &[bytes(CKA_LABEL, name)]).len();
        assert_eq!((named(b"hidden"), named(b"kept")), (1, 1));
        assert_eq!(library.logout(session), CKR_OK);
        assert_eq!((named(b"hidden"), named(b"kept")), (0, 1));
        assert_eq!(library.get(session, hidden, CKA_PRIVATE), Err(CKR_OBJECT_HANDLE_INVALID));
        assert_eq!(library.get(session, open, CKA_VALUE).unwrap(), AES_KEY);
        assert_eq!(library.login(session, CKU_USER, PIN), CKR_OK);
        assert_eq!(named(b"hidden"), 1);
    }

    fn a_key_that_always_asks_is_private(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        let asks = [yes(CKA_ALWAYS_AUTHENTICATE), no(CKA_PRIVATE)];
        let made = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &asks);
        assert_eq!(made, Err(CKR_TEMPLATE_INCONSISTENT));
        library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &asks[..1]).unwrap();
    }

    fn only_the_officer_makes_what_is_to_be_trusted(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let root = [
            number(CKA_CLASS, CKO_CERTIFICATE),
            number(CKA_CERTIFICATE_TYPE, CKC_X_509),
            bytes(CKA_VALUE, &harness::certificate(home, "/CN=Root")),
            yes(CKA_TOKEN),
            yes(CKA_TRUSTED),
        ];
        assert_eq!(library.create(session, &root), Err(CKR_ATTRIBUTE_READ_ONLY));
        assert_eq!(library.logout(session), CKR_OK);
        assert_eq!(library.create(session, &root), Err(CKR_ATTRIBUTE_READ_ONLY));
        assert_eq!(library.login(session, CKU_SO, SO_PIN), CKR_OK);
        let root = library.create(session, &root).unwrap();
        assert!(library.is(session, root, CKA_TRUSTED));
    }

    fn allowed_mechanisms_are_kept_and_obeyed(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let only = [CKM_ECDSA_SHA256, CKM_ECDSA].map(CK_ULONG::to_ne_bytes).concat();
        let only = [bytes(CKA_ALLOWED_MECHANISMS, &only)];
        let curve = [bytes(CKA_EC_PARAMS, P256)];
        let (_, key) = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &only).unwrap();
        assert_eq!(library.get(session, key, CKA_ALLOWED_MECHANISMS).unwrap(), only[0].1);
        assert_eq!(library.find(session, &only), [key]);
        library.sign(session, CKM_ECDSA_SHA256, key, b"text").unwrap();
        assert_eq!(library.sign(session, CKM_ECDSA_SHA384, key, b"text"), Err(CKR_MECHANISM_INVALID));
        let none = [bytes(CKA_ALLOWED_MECHANISMS, b"")];
        let (_, key) = library.generate_pair(session, CKM_EC_KEY_PAIR_GEN, &curve, &none).unwrap();
        assert_eq!(library.sign(session, CKM_ECDSA_SHA256, key, b"text"), Err(CKR_MECHANISM_INVALID));
    }

    fn a_template_is_an_attribute_that_is_kept_and_read_back(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let inner = vec![
            number(CKA_CLASS, CKO_SECRET_KEY), yes(CKA_EXTRACTABLE), bytes(CKA_LABEL, b"wrapped"),
            bytes(CKA_ALLOWED_MECHANISMS, &CKM_AES_GCM.to_ne_bytes()), bytes(CKA_ID, b""),
        ];
        for home in [no(CKA_TOKEN), yes(CKA_TOKEN)] {
            let rest = [home, template(CKA_WRAP_TEMPLATE, inner.clone()), template(CKA_UNWRAP_TEMPLATE, vec![])];
            let key = library.create(session, &aes(&rest)).unwrap();
            assert_eq!(library.get_template(session, key, CKA_WRAP_TEMPLATE), inner);
            assert_eq!(library.get_template(session, key, CKA_UNWRAP_TEMPLATE), []);
            assert_eq!(library.get(session, key, CKA_DERIVE_TEMPLATE), Err(CKR_ATTRIBUTE_TYPE_INVALID));
            assert!(library.find(session, &[template(CKA_WRAP_TEMPLATE, inner.clone())]).contains(&key));
            assert_eq!(library.find(session, &[template(CKA_WRAP_TEMPLATE, inner[..2].to_vec())]), []);
            assert_eq!(library.set(session, key, &[template(CKA_WRAP_TEMPLATE, vec![])]), CKR_ATTRIBUTE_READ_ONLY);
        }
        // Not an array, an attribute nobody knows, an impossible value, a template in a template.
        for wrong in [
            bytes(CKA_WRAP_TEMPLATE, &[0; 23]),
            template(CKA_WRAP_TEMPLATE, vec![bytes(0x4000_1234, b"x")]),
            template(CKA_WRAP_TEMPLATE, vec![bytes(CKA_SIGN, b"")]),
            template(CKA_WRAP_TEMPLATE, vec![template(CKA_WRAP_TEMPLATE, inner)]),
        ] {
            assert_eq!(library.create(session, &aes(&[wrong])), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        }
    }

    fn a_token_says_which_profiles_it_conforms_to_when_it_is_asked(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        assert_eq!(library.find(session, &[]), []);
        let class = number(CKA_CLASS, CKO_PROFILE);
        let found = library.find(session, std::slice::from_ref(&class));
        let ids: Vec<_> = found.iter().map(|object| library.get(session, *object, CKA_PROFILE_ID).unwrap()).collect();
        let expected = [CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER, CKP_AUTHENTICATION_TOKEN];
        assert_eq!(ids, expected.map(|id| id.to_ne_bytes().to_vec()));
        let baseline = library.find(session, &[class, number(CKA_PROFILE_ID, CKP_BASELINE_PROVIDER)]);
        assert_eq!(baseline, found[..1]);
        assert_eq!(library.set(session, found[0], &[bytes(CKA_LABEL, b"x")]), CKR_ACTION_PROHIBITED);
        assert_eq!(library.copy(session, found[0], &[]), Err(CKR_ACTION_PROHIBITED));
        assert_eq!(library.destroy(session, found[0]), CKR_ACTION_PROHIBITED);
        assert!(library.object_size(session, found[0]).unwrap() > 0);
        // They are there for everybody.
        assert_eq!(library.logout(session), CKR_OK);
        assert_eq!(library.get(session, found[2], CKA_PROFILE_ID).unwrap(), ids[2]);
    }
}
