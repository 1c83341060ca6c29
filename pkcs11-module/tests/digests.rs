//! Every digest that the token offers, at once and in parts, beside OpenSSL's.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use cryptoki_sys::*;
use harness::raw::Library;
use harness::run;

/// What the token calls it, what OpenSSL calls it, and the block's length in bytes (FIPS 180-4; FIPS 202, table 3).
const DIGESTS: [(CK_MECHANISM_TYPE, &str, usize); 11] = [
    (CKM_SHA_1, "-sha1", 64),
    (CKM_SHA224, "-sha224", 64),
    (CKM_SHA256, "-sha256", 64),
    (CKM_SHA384, "-sha384", 128),
    (CKM_SHA512, "-sha512", 128),
    (CKM_SHA512_224, "-sha512-224", 128),
    (CKM_SHA512_256, "-sha512-256", 128),
    (CKM_SHA3_224, "-sha3-224", 144),
    (CKM_SHA3_256, "-sha3-256", 136),
    (CKM_SHA3_384, "-sha3-384", 104),
    (CKM_SHA3_512, "-sha3-512", 72),
];

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

alone! {
    fn each_digest_is_that_of_nist(_home) {
        let library = Library::initialized();
        let session = library.open(library.new_token(), CKF_RW_SESSION).unwrap();
        let mut count = 0;
        for case in include_str!("vectors/nist-sha.txt").lines().filter(|line| !line.starts_with('#')) {
            let [name, message, digest] = case.split(' ').collect::<Vec<_>>()[..] else { panic!("{case}") };
            let name = format!("-{}", name.to_lowercase().replace('_', "-"));
            let (kind, ..) = DIGESTS.into_iter().find(|(_, known, _)| *known == name).unwrap();
            let message = hex(message.trim_matches('-'));
            assert_eq!(library.digest_init(session, kind), CKR_OK);
            assert_eq!(library.digest(session, &message), Ok(hex(digest)), "{case}");
            count += 1;
        }
        assert_eq!(count, 167);
    }

    fn each_digest_is_that_of_openssl_at_once_and_in_parts(home) {
        let library = Library::initialized();
        let slot = library.new_token();
        let session = library.open(slot, CKF_RW_SESSION).unwrap();
        let long: Vec<u8> = (0..5000_u32).map(|i| ((i * i) >> 3).to_le_bytes()[0]).collect();
        for (kind, name, block) in DIGESTS {
            // Around the ends of a block and of what the padding takes of it.
            for length in [0, 1, block - 17, block - 9, block - 1, block, block + 1, 3 * block, long.len()] {
                let data = &long[..length];
                std::fs::write(home.join("input"), data).unwrap();
                let expected = run(home, "openssl", &["dgst", name, "-binary", "input"]).stdout;
                assert_eq!(library.digest_init(session, kind), CKR_OK);
                assert_eq!(library.digest_len(session, data), Ok(expected.len() as CK_ULONG), "{name}");
                assert_eq!(library.digest(session, data).as_ref(), Ok(&expected), "{name} of {length}");
                for part in [1, 7, block, block + 3].into_iter().filter(|part| length < 600 || *part > 7) {
                    assert_eq!(library.digest_init(session, kind), CKR_OK);
                    for part in data.chunks(part) {
                        assert_eq!(library.digest_update(session, part), CKR_OK);
                    }
                    assert_eq!(library.digest_final(session).as_ref(), Ok(&expected), "{name} of {length} by {part}");
                }
            }
        }
        // None is forgotten here.
        let offered = library.mechanisms(slot).into_iter().filter(|kind| {
            let info = library.mechanism_info(slot, *kind).unwrap();
            info.flags & CKF_DIGEST != 0
        });
        let mut offered: Vec<_> = offered.collect();
        let mut known: Vec<_> = DIGESTS.iter().map(|(kind, ..)| *kind).collect();
        offered.sort_unstable();
        known.sort_unstable();
        assert_eq!(offered, known);
    }
}
