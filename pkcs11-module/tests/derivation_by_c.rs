//! Derivations that only the C interface can ask for: data that is encrypted, digests, passwords, templates that keys
//! impose on what is derived from them.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::path::Path;
use std::ptr::null_mut;

use cryptoki_sys::*;
use harness::raw::deriving::string_data;
use harness::raw::{Given, Library, bytes, no, number, template, yes};
use harness::run;

const KEY: [u8; 32] = [7; 32];

fn secret(kind: CK_KEY_TYPE, value: &[u8], rest: &[Given]) -> Vec<Given> {
    let key = [
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, kind),
        bytes(CKA_VALUE, value),
        yes(CKA_DERIVE),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ];
    [&key, rest].concat()
}

/// A readable key, of a length if one is said.
fn open(len: Option<CK_ULONG>) -> Vec<Given> {
    let mut template = vec![no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)];
    template.extend(len.map(|len| number(CKA_VALUE_LEN, len)));
    template
}

fn openssl_cipher(home: &Path, cipher: &str, data: &[u8], options: &[&str]) -> Vec<u8> {
    std::fs::write(home.join("plain"), data).unwrap();
    let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let fixed = ["enc", cipher, "-nopad", "-K", &key, "-in", "plain"];
    run(home, "openssl", &[&fixed[..], options].concat()).stdout
}

alone! {
    fn data_encrypted_by_aes(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let base = library.create(session, &secret(CKK_AES, &KEY, &[])).unwrap();
        let data: Vec<u8> = (0..48).collect();
        let value = |key: CK_OBJECT_HANDLE| library.get(session, key, CKA_VALUE).unwrap();
        let ecb = |data: &[u8], len| {
            library.derive(session, CKM_AES_ECB_ENCRYPT_DATA, &string_data(data), base, &open(len))
        };
        let expected = openssl_cipher(home, "-aes-256-ecb", &data, &[]);
        assert_eq!(value(ecb(&data, None).unwrap()), expected);
        assert_eq!(value(ecb(&data, Some(20)).unwrap()), expected[..20]);
        for (wrong, len) in [(&data[..31], None), (&data[..0], None), (&data[..16], Some(17))] {
            assert_eq!(ecb(wrong, len), Err(CKR_MECHANISM_PARAM_INVALID));
        }
        let mut cbc = CK_AES_CBC_ENCRYPT_DATA_PARAMS {
            iv: [3; 16],
            pData: data.as_ptr().cast_mut(),
            length: 48,
        };
        let iv = "03".repeat(16);
        let expected = openssl_cipher(home, "-aes-256-cbc", &data, &["-iv", &iv]);
        let made = library.derive(session, CKM_AES_CBC_ENCRYPT_DATA, &cbc, base, &open(Some(32))).unwrap();
        assert_eq!(value(made), expected[..32]);
        cbc.length = 47;
        assert_eq!(
            library.derive(session, CKM_AES_CBC_ENCRYPT_DATA, &cbc, base, &open(None)),
            Err(CKR_MECHANISM_PARAM_INVALID)
        );
        let generic = library.create(session, &secret(CKK_GENERIC_SECRET, &KEY, &[])).unwrap();
        let parameter = string_data(&data);
        assert_eq!(
            library.derive(session, CKM_AES_ECB_ENCRYPT_DATA, &parameter, generic, &open(None)),
            Err(CKR_KEY_TYPE_INCONSISTENT)
        );
    }

    fn digests_of_keys(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let base = library.create(session, &secret(CKK_GENERIC_SECRET, &KEY, &[])).unwrap();
        std::fs::write(home.join("key"), KEY).unwrap();
        for (kind, hash) in [
            (CKM_SHA1_KEY_DERIVATION, "-sha1"),
            (CKM_SHA224_KEY_DERIVATION, "-sha224"),
            (CKM_SHA256_KEY_DERIVATION, "-sha256"),
            (CKM_SHA384_KEY_DERIVATION, "-sha384"),
            (CKM_SHA512_KEY_DERIVATION, "-sha512"),
            (CKM_SHA3_256_KEY_DERIVATION, "-sha3-256"),
        ] {
            let expected = run(home, "openssl", &["dgst", hash, "-binary", "key"]).stdout;
            let made = library.derive(session, kind, &(), base, &open(None)).unwrap();
            assert_eq!(library.get(session, made, CKA_VALUE).unwrap(), expected);
            let made = library.derive(session, kind, &(), base, &open(Some(10))).unwrap();
            assert_eq!(library.get(session, made, CKA_VALUE).unwrap(), expected[..10]);
            assert_eq!(library.derive(session, kind, &(), base, &open(Some(65))), Err(CKR_KEY_SIZE_RANGE));
        }
    }

    /// With both structures that the standard has had for it: the length of the password, or a pointer to it.
    fn passwords(home) {
        let library = Library::initialized();
        let session = library.user_session();
        let (password, salt) = (b"password", b"NaCl");
        let mut length: CK_ULONG = 8;
        let with = |prf, length| CK_PKCS5_PBKD2_PARAMS2 {
            saltSource: CKZ_SALT_SPECIFIED,
            pSaltSourceData: salt.as_ptr().cast_mut().cast(),
            ulSaltSourceDataLen: 4,
            iterations: 1000,
            prf,
            pPrfData: null_mut(),
            ulPrfDataLen: 0,
            pPassword: password.as_ptr().cast_mut(),
            ulPasswordLen: length,
        };
        let template = [open(Some(32)), vec![number(CKA_KEY_TYPE, CKK_AES)]].concat();
        for (prf, hash) in [
            (CKP_PKCS5_PBKD2_HMAC_SHA1, "SHA1"),
            (CKP_PKCS5_PBKD2_HMAC_SHA256, "SHA256"),
            (CKP_PKCS5_PBKD2_HMAC_SHA512, "SHA512"),
        ] {
            let digest = format!("digest:{hash}");
            let options = ["-kdfopt", &digest, "-kdfopt", "pass:password", "-kdfopt", "salt:NaCl", "-kdfopt", "iter:1000"];
            let pkcs5 = ["-kdfopt", "pkcs5:1", "PBKDF2"];
            let fixed = ["kdf", "-binary", "-keylen", "32"];
            let expected = run(home, "openssl", &[&fixed[..], &options, &pkcs5].concat()).stdout;
            for parameter in [with(prf, 8), with(prf, &raw mut length as CK_ULONG)] {
                let key = library.generate_with(session, CKM_PKCS5_PBKD2, &parameter, &template).unwrap();
                assert_eq!(library.get(session, key, CKA_VALUE).unwrap(), expected);
            }
        }
        let mut wrong = with(CKP_PKCS5_PBKD2_HMAC_SHA256, 8);
        for (iterations, source, prf) in [(0, 1, 4), (CK_ULONG::MAX, 1, 4), (1, 2, 4), (1, 1, 2)] {
            (wrong.iterations, wrong.saltSource, wrong.prf) = (iterations, source, prf);
            assert_eq!(
                library.generate_with(session, CKM_PKCS5_PBKD2, &wrong, &template),
                Err(CKR_MECHANISM_PARAM_INVALID)
            );
        }
        assert_eq!(
            library.generate_with(session, CKM_PKCS5_PBKD2, &with(4, 8), &open(None)),
            Err(CKR_TEMPLATE_INCOMPLETE)
        );
    }

    /// `CKA_DERIVE_TEMPLATE` (section 4.8).
    fn a_key_says_what_may_be_derived_from_it(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let wanted = [number(CKA_KEY_TYPE, CKK_GENERIC_SECRET), yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE)];
        let template = secret(CKK_GENERIC_SECRET, &KEY, &[template(CKA_DERIVE_TEMPLATE, wanted.to_vec())]);
        let base = library.create(session, &template).unwrap();
        let derive = |template: &[Given]| library.derive(session, CKM_SHA256_KEY_DERIVATION, &(), base, template);
        let key = derive(&[]).unwrap();
        assert!(library.is(session, key, CKA_SENSITIVE) && !library.is(session, key, CKA_EXTRACTABLE));
        assert_eq!(derive(&[no(CKA_SENSITIVE)]), Err(CKR_TEMPLATE_INCONSISTENT));
        let aes = [number(CKA_KEY_TYPE, CKK_AES), number(CKA_VALUE_LEN, 32)];
        assert_eq!(derive(&aes), Err(CKR_TEMPLATE_INCONSISTENT));
    }

    /// Section 6.42: the value of another key among what the function is fed.
    fn a_key_among_the_fields(_home) {
        let library = Library::initialized();
        let session = library.user_session();
        let base = library.create(session, &secret(CKK_GENERIC_SECRET, &KEY, &[])).unwrap();
        let field = [9; 16];
        let mut other = library.create(session, &secret(CKK_GENERIC_SECRET, &field, &[])).unwrap();
        let mut format = CK_SP800_108_COUNTER_FORMAT {
            bLittleEndian: CK_FALSE,
            ulWidthInBits: 32,
        };
        let iteration = CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_ITERATION_VARIABLE,
            pValue: (&raw mut format).cast(),
            ulValueLen: size_of_val(&format) as CK_ULONG,
        };
        let plain = CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_BYTE_ARRAY,
            pValue: field.as_ptr().cast_mut().cast(),
            ulValueLen: 16,
        };
        let derive = |second: CK_PRF_DATA_PARAM| {
            let mut fields = [iteration, second];
            let parameter = CK_SP800_108_KDF_PARAMS {
                prfType: CKM_SHA256_HMAC,
                ulNumberOfDataParams: 2,
                pDataParams: fields.as_mut_ptr(),
                ulAdditionalDerivedKeys: 0,
                pAdditionalDerivedKeys: null_mut(),
            };
            let key = library.derive(session, CKM_SP800_108_COUNTER_KDF, &parameter, base, &open(Some(40)))?;
            library.get(session, key, CKA_VALUE)
        };
        let key = CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_KEY_HANDLE,
            pValue: (&raw mut other).cast(),
            ulValueLen: size_of::<CK_OBJECT_HANDLE>() as CK_ULONG,
        };
        assert_eq!(derive(key).unwrap(), derive(plain).unwrap());
        other = library.create(session, &secret(CKK_GENERIC_SECRET, &field, &[])).unwrap();
        assert_eq!(library.set(session, other, &[no(CKA_DERIVE)]), CKR_OK);
        let key = CK_PRF_DATA_PARAM { pValue: (&raw mut other).cast(), ..key };
        assert_eq!(derive(key), Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
        other = CK_ULONG::MAX;
        let key = CK_PRF_DATA_PARAM { pValue: (&raw mut other).cast(), ..key };
        assert_eq!(derive(key), Err(CKR_KEY_HANDLE_INVALID));
    }
}
