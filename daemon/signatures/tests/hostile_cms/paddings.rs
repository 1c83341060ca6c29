//! Parameters and trailers of RSA signatures.

use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::cades;
use trien_signatures::report::{Reason as R, SubIndication as S};

use crate::Outcome::{Broken, Valid};
use crate::forge::{CONTENT, Forge, PSS, SEQUENCE, SHA_1, der, identifier, pss};
use crate::openssl::{Identity, Pki};
use crate::{ECDSA, Outcome, RSA_PSS, Vector};

/// PSS parameters that are not those of the standard's profile, under a real signature with the usual ones.
pub(crate) fn pss_parameters() -> Vec<(&'static str, Vec<u8>, Outcome)> {
    let sha256 = identifier("608648016503040201", &[5, 0]);
    let sha1 = identifier(SHA_1, &[5, 0]);
    let refused = || Broken(S::CryptoConstraintsFailure, R::AlgorithmParameters);
    let not_accepted = || Broken(S::CryptoConstraintsFailure, R::AlgorithmNotAccepted);
    vec![
        ("pss-good", pss(&sha256, &sha256, 32, None), Valid),
        ("pss-trailer-1-written", pss(&sha256, &sha256, 32, Some(1)), Valid),
        ("pss-trailer-2", pss(&sha256, &sha256, 32, Some(2)), refused()),
        (
            "pss-salt-other-than-declared",
            pss(&sha256, &sha256, 40, None),
            Broken(S::SigCryptoFailure, R::SignatureValueWrong),
        ),
        ("pss-salt-0", pss(&sha256, &sha256, 0, None), refused()),
        ("pss-mask-sha1", pss(&sha256, &sha1, 32, None), not_accepted()),
        ("pss-hash-sha1", pss(&sha1, &sha1, 20, None), not_accepted()),
        (
            "pss-mask-of-another-hash",
            pss(&sha256, &Hash::Sha512.identifier_der(), 32, None),
            refused(),
        ),
        ("pss-defaults", der(SEQUENCE, &[]), refused()),
        ("pss-no-parameters", Vec::new(), refused()),
    ]
}

const TRAILER_1: &[u8] = &[0xBC];
/// With the number of SHA-256 (ISO/IEC 10118-3) before it.
const TRAILER_2: &[u8] = &[0x34, 0xCC];

/// A signature whose padding (RFC 8017, 9.1.1) ends with this trailer, under parameters that say so or not.
fn trailed(pki: &Pki, signer: &Identity, trailer: &[u8], declared: Option<u8>) -> Vec<u8> {
    let sha256 = identifier("608648016503040201", &[5, 0]);
    let mut forge = Forge {
        signature_identifier: identifier(PSS, &pss(&sha256, &sha256, 32, declared)),
        ..Forge::new(pki, signer, RSA_PSS)
    };
    let digest = |parts: &[&[u8]]| Hash::Sha256.digest(&parts.concat());
    let salt = [7; 32];
    let hash = digest(&[&[0; 8], &digest(&[&forge.to_be_signed()]), &salt]);
    let length = 256 - hash.len() - trailer.len();
    let mut padded = vec![0; length - salt.len() - 1];
    padded.push(1);
    padded.extend(salt);
    let mask = (0_u32..).flat_map(|counter| digest(&[&hash, &counter.to_be_bytes()]));
    padded
        .iter_mut()
        .zip(mask)
        .for_each(|(octet, mask)| *octet ^= mask);
    padded[0] &= 0x7F;
    let encoded = pki
        .workshop
        .write("encoded", &[&padded, &hash[..], trailer].concat());
    let key = signer.key.to_str().unwrap();
    // What a private key does to bytes as they are, OpenSSL calls to decrypt.
    let raw = [
        "pkeyutl",
        "-decrypt",
        "-pkeyopt",
        "rsa_padding_mode:none",
        "-inkey",
    ];
    forge.value = Some(
        pki.workshop
            .run(&[&raw[..], &[key, "-in", encoded.to_str().unwrap()]].concat()),
    );
    forge.make()
}

/// RSA signatures that really have what the parameters of others only say.
pub(crate) fn trailers(pki: &Pki, rsa: &Identity) -> Vec<Vector> {
    let vector = |name, bytes, reason: (S, R)| Vector {
        name,
        bytes,
        detached: true,
        outcome: Broken(reason.0, reason.1),
    };
    let wrong = (S::SigCryptoFailure, R::SignatureValueWrong);
    let with_rsa_key = Forge {
        signature_identifier: ECDSA.identifier_der(),
        ..Forge::new(pki, rsa, SignatureAlgorithm::RsaPkcs1(Hash::Sha256))
    };
    vec![
        vector(
            "pss-trailer-2-made",
            trailed(pki, rsa, TRAILER_2, Some(2)),
            (S::CryptoConstraintsFailure, R::AlgorithmParameters),
        ),
        vector(
            "pss-trailer-2-made-and-not-said",
            trailed(pki, rsa, TRAILER_2, None),
            wrong,
        ),
        vector(
            "signature-algorithm-ecdsa-with-rsa-key",
            with_rsa_key.make(),
            wrong,
        ),
    ]
}

/// That the padding is made right but for its trailer.
#[test]
fn n147_the_first_trailer_alone_is_one() {
    let pki = Pki::of("ec:P-256");
    let signer = pki.leaf("rsa-signer", "rsa:2048");
    for (trailer, valid) in [(TRAILER_1, true), (TRAILER_2, false)] {
        let bytes = trailed(&pki, &signer, trailer, None);
        let report = cades::verify(&bytes, Some(CONTENT), &pki.reliance()).unwrap();
        assert_eq!(report.valid(), valid, "{report:?}");
    }
}
