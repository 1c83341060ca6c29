//! Hostile and malformed SignedData, each with the rule it breaks. The same table is run twice: over signatures made
//! now with new keys, and over the files in `vectors/cms`, which were made the same way once and stay.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod forge;
mod openssl;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use forge::{
    CONTENT, CONTENT_TYPE, DATA, Forge, INTEGER, MESSAGE_DIGEST, OCTETS, PROTECTION, PSS, SEQUENCE, SET,
    SHA_1, SIGNED_DATA, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SIGNING_TIME, TIMESTAMP_INFO, attribute,
    der, identifier, message_digest, oid, pss, reference, signing_time,
};
use openssl::{CITIZEN, Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::cades::{self, Digests};
use trien_signatures::certificate::Certificate;
use trien_signatures::cms::{FormatError, PrepareError};
use trien_signatures::report::{Reason as R, SubIndication as S};
use trien_signatures::signing::Prepared;
use trien_signatures::trust::{Anchors, Reliance};

/// What has to come of a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Valid,
    Broken(S, R),
    Unreadable(FormatError),
}

use Outcome::{Broken, Unreadable, Valid};

struct Vector {
    name: &'static str,
    bytes: Vec<u8>,
    /// Whether the content is handed in beside it.
    detached: bool,
    outcome: Outcome,
}

const ECDSA: SignatureAlgorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
const RSA_PSS: SignatureAlgorithm = SignatureAlgorithm::RsaPss(Hash::Sha256);

fn judged(vector: &Vector, anchors: &Anchors, at: OffsetDateTime) -> Outcome {
    let reliance = Reliance::new(anchors, &[], at);
    match cades::verify(&vector.bytes, vector.detached.then_some(CONTENT), &reliance) {
        Err(error) => Unreadable(error),
        Ok(report) if report.valid() => Valid,
        Ok(report) => {
            let signature = &report.signatures[0];
            Broken(signature.sub_indication.unwrap(), signature.reason.unwrap())
        }
    }
}

/// Changes a good detached ECDSA signature before it is made.
type Change = fn(&mut Forge<'_>);

/// What breaks a rule before the signature is made.
const CHANGES: &[(&str, Change, Outcome)] = &[
    ("good", |_| (), Valid),
    (
        "no-signed-attributes",
        |f| f.attributes = None,
        Broken(S::FormatFailure, R::SignedAttributesMissing),
    ),
    (
        "no-signers",
        |f| f.times = 0,
        Broken(S::FormatFailure, R::NoSigners),
    ),
    (
        "signer-twice",
        |f| f.times = 2,
        Broken(S::FormatFailure, R::DuplicateSigner),
    ),
    (
        "65-signers",
        |f| (f.times, f.value) = (65, Some(vec![0])),
        Unreadable(FormatError::TooMany),
    ),
    (
        "129-certificates",
        |f| f.certificates = vec![vec![0x30, 0]; 129],
        Unreadable(FormatError::TooMany),
    ),
    (
        "message-digest-missing",
        |f| f.remove(MESSAGE_DIGEST),
        Broken(S::FormatFailure, R::MessageDigestMissing),
    ),
    (
        "message-digest-twice",
        |f| f.attributes().push(message_digest(b"other")),
        Broken(S::FormatFailure, R::AttributeDuplicated),
    ),
    (
        "message-digest-two-values",
        |f| {
            let [one, two] = [CONTENT, b"other"].map(|content| der(OCTETS, &[&Hash::Sha256.digest(content)]));
            f.replace(MESSAGE_DIGEST, attribute(MESSAGE_DIGEST, &[&one, &two]));
        },
        Broken(S::FormatFailure, R::AttributeNotSingleValued),
    ),
    (
        "message-digest-no-value",
        |f| f.replace(MESSAGE_DIGEST, attribute(MESSAGE_DIGEST, &[])),
        Broken(S::FormatFailure, R::AttributeNotSingleValued),
    ),
    (
        "message-digest-of-other-content",
        |f| f.replace(MESSAGE_DIGEST, message_digest(b"other")),
        Broken(S::HashFailure, R::MessageDigestMismatch),
    ),
    (
        "message-digest-empty",
        |f| f.replace(MESSAGE_DIGEST, attribute(MESSAGE_DIGEST, &[&der(OCTETS, &[])])),
        Broken(S::HashFailure, R::MessageDigestMismatch),
    ),
    (
        "message-digest-an-integer",
        |f| {
            f.replace(
                MESSAGE_DIGEST,
                attribute(MESSAGE_DIGEST, &[&der(INTEGER, &[&[1]])]),
            )
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "content-type-missing",
        |f| f.remove(CONTENT_TYPE),
        Broken(S::FormatFailure, R::ContentTypeMissing),
    ),
    (
        "content-type-other",
        |f| f.replace(CONTENT_TYPE, attribute(CONTENT_TYPE, &[&oid(SIGNED_DATA)])),
        Broken(S::FormatFailure, R::ContentTypeMismatch),
    ),
    (
        "econtent-type-other",
        |f| f.content_type = oid(SIGNED_DATA),
        Broken(S::FormatFailure, R::ContentTypeMismatch),
    ),
    (
        "timestamp-token-as-document",
        |f| {
            f.content_type = oid(TIMESTAMP_INFO);
            f.replace(CONTENT_TYPE, attribute(CONTENT_TYPE, &[&oid(TIMESTAMP_INFO)]));
        },
        Broken(S::FormatFailure, R::ContentTypeNotData),
    ),
    (
        "attributes-not-in-order",
        |f| {
            f.attributes().sort();
            f.attributes().reverse();
            f.sorted = false;
        },
        Broken(S::FormatFailure, R::SignedAttributesNotDer),
    ),
    (
        "unknown-attribute-twice",
        |f| {
            f.attributes()
                .extend([attribute("2a03", &[&[5, 0]]), attribute("2a03", &[&[5, 0]])])
        },
        Broken(S::FormatFailure, R::AttributeDuplicated),
    ),
    (
        "unknown-attribute",
        |f| f.attributes().push(attribute("2a03", &[&[5, 0]])),
        Valid,
    ),
    (
        "attribute-with-trailing-element",
        |f| {
            f.attributes()
                .push(der(SEQUENCE, &[&oid("2a03"), &der(SET, &[&[5, 0]]), &[5, 0]]))
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "65-attributes",
        |f| {
            f.attributes()
                .extend((0..62).map(|at| attribute(&format!("2a{at:02x}"), &[&[5, 0]])))
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "signed-under-context-tag",
        |f| f.signed_tag = 0xA0,
        Broken(S::SigCryptoFailure, R::SignatureValueWrong),
    ),
    (
        "signing-time-twice",
        |f| f.attributes().push(signing_time()),
        Broken(S::FormatFailure, R::AttributeDuplicated),
    ),
    (
        "signing-time-not-a-time",
        |f| {
            f.replace(
                SIGNING_TIME,
                attribute(SIGNING_TIME, &[&der(0x17, &[b"261301000000Z"])]),
            )
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    ("signing-time-missing", |f| f.remove(SIGNING_TIME), Valid),
    (
        "signing-certificate-missing",
        |f| f.remove(SIGNING_CERTIFICATE_V2),
        Broken(S::SigConstraintsFailure, R::SigningCertificateMissing),
    ),
    (
        "signing-certificate-sha1-only",
        |f| {
            let identifier = der(SEQUENCE, &[&der(OCTETS, &[&[7; 20]])]);
            let value = der(SEQUENCE, &[&der(SEQUENCE, &[&identifier])]);
            f.replace(SIGNING_CERTIFICATE_V2, attribute(SIGNING_CERTIFICATE, &[&value]));
        },
        Broken(S::CryptoConstraintsFailure, R::Sha1NotAccepted),
    ),
    (
        "signing-certificate-hash-of-another",
        |f| f.replace(SIGNING_CERTIFICATE_V2, reference(&f.pki.ca, f.signer)),
        Broken(S::NoSigningCertificateFound, R::SigningCertificateMismatch),
    ),
    (
        "signing-certificate-issuer-serial-of-another",
        |f| f.replace(SIGNING_CERTIFICATE_V2, reference(f.signer, &f.pki.ca)),
        Broken(S::NoSigningCertificateFound, R::SigningCertificateMismatch),
    ),
    (
        "signing-certificate-empty",
        |f| {
            let value = der(SEQUENCE, &[&der(SEQUENCE, &[])]);
            f.replace(
                SIGNING_CERTIFICATE_V2,
                attribute(SIGNING_CERTIFICATE_V2, &[&value]),
            );
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "certificate-missing",
        |f| drop(f.certificates.remove(0)),
        Broken(S::NoSigningCertificateFound, R::SignerCertificateMissing),
    ),
    (
        "intermediate-missing",
        |f| drop(f.certificates.remove(1)),
        Broken(S::NoCertificateChainFound, R::NoPathToAnchor),
    ),
    (
        "digest-algorithm-other-than-signature",
        |f| f.digest_identifier = Hash::Sha384.identifier_der(),
        Broken(S::FormatFailure, R::DigestAlgorithmMismatch),
    ),
    (
        "digest-algorithm-sha1",
        |f| f.digest_identifier = identifier(SHA_1, &[5, 0]),
        Broken(S::CryptoConstraintsFailure, R::Sha1NotAccepted),
    ),
    (
        "digest-algorithm-with-parameters",
        |f| f.digest_identifier = identifier("608648016503040201", &[4, 0]),
        Broken(S::CryptoConstraintsFailure, R::AlgorithmParameters),
    ),
    (
        "signature-algorithm-ecdsa-sha1",
        |f| f.signature_identifier = identifier("2a8648ce3d0401", &[]),
        Broken(S::CryptoConstraintsFailure, R::AlgorithmNotAccepted),
    ),
    (
        "signature-algorithm-ed25519",
        |f| f.signature_identifier = identifier("2b6570", &[]),
        Broken(S::CryptoConstraintsFailure, R::AlgorithmNotAccepted),
    ),
    (
        "signature-algorithm-rsa-with-ec-key",
        |f| f.signature_identifier = SignatureAlgorithm::RsaPkcs1(Hash::Sha256).identifier_der(),
        Broken(S::SigCryptoFailure, R::SignatureValueWrong),
    ),
    (
        "signature-empty",
        |f| f.value = Some(Vec::new()),
        Broken(S::SigCryptoFailure, R::SignatureValueWrong),
    ),
    (
        "signature-r-and-s-zero",
        |f| f.value = Some(vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        Broken(S::SigCryptoFailure, R::SignatureValueWrong),
    ),
    (
        "algorithm-protection-other",
        |f| {
            let signature = der(0xA1, &[&oid("2a8648ce3d040303")]);
            let value = der(SEQUENCE, &[&Hash::Sha256.identifier_der(), &signature]);
            f.attributes().push(attribute(PROTECTION, &[&value]));
        },
        Broken(S::FormatFailure, R::AlgorithmProtectionMismatch),
    ),
    (
        "algorithm-protection-of-a-mac",
        |f| {
            let mac = der(0xA2, &[&oid("2a8648ce3d040302")]);
            let value = der(SEQUENCE, &[&Hash::Sha256.identifier_der(), &mac]);
            f.attributes().push(attribute(PROTECTION, &[&value]));
        },
        Broken(S::FormatFailure, R::AttributeMalformed),
    ),
    (
        "content-given-twice",
        |f| f.content = Some(CONTENT.to_vec()),
        Broken(S::FormatFailure, R::ContentGivenTwice),
    ),
    (
        "revocation-values-of-other-formats",
        |f| f.revocation = vec![der(0xA1, &[&oid("2b0601050507301001"), &der(SEQUENCE, &[])])],
        Valid,
    ),
    (
        "attribute-certificates",
        |f| {
            f.certificates
                .extend([der(0xA1, &[&[2, 1, 1]]), der(0xA2, &[&[2, 1, 1]])])
        },
        Valid,
    ),
    (
        "certificate-that-is-none",
        |f| f.certificates.push(der(SEQUENCE, &[&[5, 0]])),
        Valid,
    ),
];

/// PSS parameters that are not those of the standard's profile, under a real signature with the usual ones.
fn pss_parameters() -> Vec<(&'static str, Vec<u8>, Outcome)> {
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

/// Octets that are no SignedData, and what real senders write instead of DER.
fn encodings(good: &[u8]) -> Vec<Vector> {
    let malformed = || Unreadable(FormatError::Malformed);
    let vector = |name, bytes, outcome| Vector {
        name,
        bytes,
        detached: true,
        outcome,
    };
    let contents = &good[4..];
    let long = [&[0x30, 0x84, 0, 0][..], &good[2..4], contents].concat();
    let indefinite = [&[0x30, 0x80], contents, &[0, 0]].concat();
    let deep = [[0x30, 0x80].repeat(10_000), [0, 0].repeat(10_000)].concat();
    let enveloped = der(SEQUENCE, &[&oid("2a864886f70d010703"), &der(0xA0, &[&[0x30, 0]])]);
    vec![
        vector("length-not-minimal", long, Valid),
        vector("length-indefinite", indefinite.clone(), Valid),
        vector(
            "length-indefinite-unterminated",
            indefinite[..indefinite.len() - 2].to_vec(),
            malformed(),
        ),
        vector(
            "length-beyond-the-end",
            [&[0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF][..], contents].concat(),
            malformed(),
        ),
        vector(
            "length-of-five-octets",
            [&[0x30, 0x85, 1, 0, 0, 0, 0][..], contents].concat(),
            malformed(),
        ),
        vector(
            "length-indefinite-primitive",
            vec![0x30, 0x80, 0x04, 0x80, 0, 0, 0, 0],
            malformed(),
        ),
        vector("trailing-octet", [good, &[0]].concat(), malformed()),
        vector("twice", [good, good].concat(), malformed()),
        vector("depth-10000", deep, malformed()),
        vector(
            "high-tag-number",
            [&[0x3F, 0x81, 0x01, 0x02][..], &[5, 0]].concat(),
            malformed(),
        ),
        vector("empty", Vec::new(), malformed()),
        vector(
            "data-only",
            der(SEQUENCE, &[&oid(DATA), &der(0xA0, &[&der(OCTETS, &[CONTENT])])]),
            Unreadable(FormatError::NotSignedData("1.2.840.113549.1.7.1".to_owned())),
        ),
        vector(
            "enveloped-data",
            enveloped,
            Unreadable(FormatError::NotSignedData("1.2.840.113549.1.7.3".to_owned())),
        ),
    ]
}

/// All vectors, made with a new PKI, and its root.
fn made() -> (Vec<Vector>, Pki) {
    let pki = Pki::of("ec:P-256");
    let signer = pki.leaf("signer", "ec:P-256");
    let good = Forge::new(&pki, &signer, ECDSA);
    let mut vectors: Vec<Vector> = CHANGES
        .iter()
        .map(|(name, change, outcome)| {
            let mut forge = good.clone();
            change(&mut forge);
            Vector {
                name,
                bytes: forge.make(),
                detached: true,
                outcome: outcome.clone(),
            }
        })
        .collect();
    vectors.extend(encodings(&good.make()));

    // The attributes of a real signature as content of one that has none: the same octets are signed.
    let stolen = Forge {
        content: Some(good.to_be_signed()),
        attributes: None,
        ..good.clone()
    };
    vectors.push(Vector {
        name: "signed-attributes-as-content",
        bytes: stolen.make(),
        detached: false,
        outcome: Broken(S::FormatFailure, R::ContentIsSignedAttributes),
    });

    let rsa = pki.leaf("rsa-signer", "rsa:2048");
    for (name, parameters, outcome) in pss_parameters() {
        let signature_identifier = identifier(PSS, &parameters);
        let bytes = Forge {
            signature_identifier,
            ..Forge::new(&pki, &rsa, RSA_PSS)
        }
        .make();
        vectors.push(Vector {
            name,
            bytes,
            detached: true,
            outcome,
        });
    }
    vectors.extend(trailers(&pki, &rsa));
    vectors.extend(people(&pki));
    (vectors, pki)
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
fn trailers(pki: &Pki, rsa: &Identity) -> Vec<Vector> {
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

/// Signatures that are right by people who are not.
fn people(pki: &Pki) -> Vec<Vector> {
    let workshop = &pki.workshop;
    let broken = |name, bytes, sub_indication, reason| Vector {
        name,
        bytes,
        detached: true,
        outcome: Broken(sub_indication, reason),
    };
    let short = pki.leaf("short", "rsa:1024");
    let encipherer = workshop.issue(&pki.ca, "encipherer", "ec:P-256", CITIZEN, "encipherer");

    // Two certificates with one key, issuer and serial number; the signature was made for the first.
    let key = workshop.key("shared", "ec:P-256");
    let number = ["-sha256", "-set_serial", "4711"];
    let real = workshop.certify(&pki.ca, "shared-real", &key, CITIZEN, "signer", &number);
    let put = workshop.certify(
        &pki.ca,
        "shared-put",
        &key,
        "/C=VN/CN=Người khác",
        "signer",
        &number,
    );
    let mut substituted = Forge::new(pki, &real, ECDSA);
    substituted.certificates[0] = put.certificate.as_der().to_vec();

    let rsa = SignatureAlgorithm::RsaPkcs1(Hash::Sha256);
    vec![
        broken(
            "rsa-1024",
            Forge::new(pki, &short, rsa).make(),
            S::CryptoConstraintsFailure,
            R::KeyTooShort,
        ),
        broken(
            "key-usage-encipherment",
            Forge::new(pki, &encipherer, ECDSA).make(),
            S::ChainConstraintsFailure,
            R::KeyUsageNotForSigning,
        ),
        broken(
            "certificate-substituted",
            substituted.make(),
            S::NoSigningCertificateFound,
            R::SigningCertificateMismatch,
        ),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/cms")
}

/// With `TRIEN_WRITE_VECTORS` set, the files are written anew.
#[test]
fn n143_n149_each_made_now_breaks_its_rule() {
    let (vectors, pki) = made();
    for vector in &vectors {
        let started = Instant::now();
        assert_eq!(
            judged(vector, &pki.anchors, OffsetDateTime::now_utc()),
            vector.outcome,
            "{}",
            vector.name
        );
        assert!(started.elapsed().as_secs() < 5, "{}", vector.name);
    }
    if std::env::var_os("TRIEN_WRITE_VECTORS").is_some() {
        fs::create_dir_all(folder()).unwrap();
        fs::write(folder().join("root.crt"), pki.root.certificate.as_der()).unwrap();
        for vector in &vectors {
            fs::write(folder().join(format!("{}.p7s", vector.name)), &vector.bytes).unwrap();
        }
    }
}

/// That these of the files break their rule, as they lie there.
fn each_breaks_its_rule(names: &[&str]) {
    let root = Certificate::from_der(&fs::read(folder().join("root.crt")).unwrap()).unwrap();
    let at = root.not_before() + time::Duration::days(1);
    let anchors = Anchors::new(vec![root]);
    let (mut vectors, _) = made();
    for name in names {
        let vector = vectors.iter_mut().find(|vector| vector.name == *name).unwrap();
        assert!(matches!(vector.outcome, Broken(..)), "{name}");
        vector.bytes = fs::read(folder().join(format!("{name}.p7s"))).unwrap();
        assert_eq!(judged(vector, &anchors, at), vector.outcome, "{name}");
    }
}

#[test]
fn n145_signed_attributes_that_are_missing_doubled_or_of_other_content_are_no_signature() {
    each_breaks_its_rule(&[
        "no-signed-attributes",
        "message-digest-missing",
        "message-digest-twice",
        "message-digest-two-values",
        "message-digest-of-other-content",
        "content-type-missing",
        "content-type-other",
        "econtent-type-other",
        "attributes-not-in-order",
    ]);
}

#[test]
fn n146_the_signed_attributes_of_another_signature_are_no_content() {
    each_breaks_its_rule(&["signed-attributes-as-content"]);
}

/// Nor is it signed as content, whatever its size.
#[test]
fn n146_the_signed_attributes_of_another_signature_are_not_signed_as_content() {
    let pki = Pki::new();
    let signer = pki.leaf("signer", "ec:P-256");
    let request = cades::CadesRequest {
        content: CONTENT,
        detached: true,
        signer: &signer.certificate,
        chain: &[],
        algorithm: ECDSA,
        signing_time: OffsetDateTime::now_utc(),
    };
    let own = cades::prepare(&request).unwrap();
    let own = own.to_be_signed().to_vec();
    // One attribute is as good as several, and may be of any length.
    let large = |length: usize| {
        der(
            SET,
            &[&attribute(CONTENT_TYPE, &[&der(OCTETS, &[&vec![0; length]])])],
        )
    };
    for (content, is_refused) in [
        (own.clone(), true),
        (large(1), true),
        (large((1 << 20) + 1), true),
        (large((2 << 20) + 1), true),
        (large(20 << 20), true),
        // Whatever else begins so.
        ([own.as_slice(), b"\0"].concat(), false),
        (own[..own.len() - 1].to_vec(), false),
        (der(SET, &[&der(OCTETS, &[b"x"])]), false),
        (der(SEQUENCE, &[&own]), false),
        (der(SET, &[]), false),
        (b"1\n".to_vec(), false),
    ] {
        let what = content.len();
        for detached in [true, false] {
            let request = cades::CadesRequest {
                content: &content,
                detached,
                ..request.clone()
            };
            let refused = cades::prepare(&request).err();
            let expected = is_refused.then_some(PrepareError::ContentIsSignedAttributes);
            assert_eq!(refused, expected, "{what}");
        }
        let digests = Digests::of(&mut content.as_slice(), &[Hash::Sha256]).unwrap();
        assert_eq!(digests.is_signed_attributes(), is_refused, "{what}");
    }
}

#[test]
fn n148_a_certificate_that_the_signer_did_not_name_is_not_the_signers() {
    each_breaks_its_rule(&[
        "signing-certificate-missing",
        "signing-certificate-hash-of-another",
        "signing-certificate-issuer-serial-of-another",
        "certificate-substituted",
    ]);
}

#[test]
fn n143_to_n148_each_file_breaks_its_rule() {
    let root = Certificate::from_der(&fs::read(folder().join("root.crt")).unwrap()).unwrap();
    let at = root.not_before() + time::Duration::days(1);
    let anchors = Anchors::new(vec![root]);
    let (mut vectors, _) = made();
    let mut files: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".p7s"))
        .collect();
    for vector in &mut vectors {
        let name = format!("{}.p7s", vector.name);
        vector.bytes = fs::read(folder().join(&name)).unwrap();
        files.retain(|file| *file != name);
        assert_eq!(judged(vector, &anchors, at), vector.outcome, "{name}");
    }
    assert!(files.is_empty(), "not in the table: {files:?}");
}

/// A certificate with one of its elements written otherwise: the first that is `from`.
fn rewritten(certificate: &Certificate, from: &[u8], to: &[u8]) -> Vec<u8> {
    let bytes = certificate.as_der();
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    assert_eq!(from.len(), to.len());
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// Numbers, names and strings of bits that no encoder writes, wherever a signature has such: in the structure, in signed
/// attributes, in the value and in the certificate.
#[test]
fn n143_numbers_names_and_bits_that_nobody_encodes_are_no_signature() {
    let pki = Pki::of("ec:P-256");
    let signer = pki.leaf("signer", "ec:P-256");
    let good = Forge::new(&pki, &signer, ECDSA);
    let large = vec![0x7F; 1 << 20];
    let with = |change: &dyn Fn(&mut Forge<'_>)| {
        let mut forge = good.clone();
        change(&mut forge);
        forge.make()
    };
    let attribute_named = |name: &[u8]| {
        let attribute = der(SEQUENCE, &[&der(0x06, &[name]), &der(SET, &[&[5, 0]])]);
        with(&|forge| forge.attributes().push(attribute.clone()))
    };
    let valued = |r: &[u8], s: &[u8]| {
        let value = der(SEQUENCE, &[&der(INTEGER, &[r]), &der(INTEGER, &[s])]);
        with(&|forge| forge.value = Some(value.clone()))
    };
    let with_version = |version: &[u8]| with(&|forge| forge.version = version.to_vec());
    let attribute_broken = || Broken(S::FormatFailure, R::AttributeMalformed);
    let certified = |certificate: Vec<u8>| with(&|forge| forge.certificates[0].clone_from(&certificate));
    let serial = hex::decode(signer.certificate.serial_hex()).unwrap();
    let leading: &[u8] = if serial[0] & 0x80 == 0 { &[] } else { &[0] };
    let serial = der(INTEGER, &[leading, &serial]);
    let mut negative = serial.clone();
    negative[2] |= 0x80;
    let mut zero = serial.clone();
    zero[2..].fill(0);
    // The signature's BIT STRING of a certificate by a P-256 key begins so.
    let bits = signer.certificate.as_der();
    let bits = bits.windows(2).rposition(|window| window == [0, 0x30]).unwrap();
    let bits = &signer.certificate.as_der()[bits - 2..bits + 2];
    let unused = |count: u8| [bits[0], bits[1], count, bits[3]];
    assert_eq!(bits[0], 3, "a BIT STRING");
    let missing = || Broken(S::NoSigningCertificateFound, R::SignerCertificateMissing);
    let unreadable = || Unreadable(FormatError::Malformed);
    let wrong = || Broken(S::SigCryptoFailure, R::SignatureValueWrong);
    let cases: Vec<(&str, Vec<u8>, Outcome)> = vec![
        ("nothing", good.make(), Valid),
        ("a version below zero", with_version(&[0x80]), unreadable()),
        ("a version of two octets", with_version(&[0, 1]), unreadable()),
        ("a version of no octets", with_version(&[]), unreadable()),
        ("a version of a mebibyte", with_version(&large), unreadable()),
        ("an OID of nothing", attribute_named(&[]), attribute_broken()),
        (
            "an OID without an end",
            attribute_named(&[0x2A, 0x86]),
            attribute_broken(),
        ),
        (
            "an OID with padding",
            attribute_named(&[0x2A, 0x80, 0x01]),
            attribute_broken(),
        ),
        (
            "an OID of 140 bits in one arc",
            attribute_named(&[&[0x2A][..], &[0xFF; 19], &[0x7F]].concat()),
            attribute_broken(),
        ),
        (
            "an OID of a mebibyte",
            attribute_named(&large),
            attribute_broken(),
        ),
        (
            "a content type of 140 bits in one arc",
            with(&|forge| forge.content_type = der(0x06, &[&[0x2A], &[0xFF; 19], &[0x7F]])),
            unreadable(),
        ),
        ("r of a mebibyte", valued(&large, &[1]), wrong()),
        ("s of a mebibyte", valued(&[1], &large), wrong()),
        ("r below zero", valued(&[0x80], &[1]), wrong()),
        ("s of no octets", valued(&[1], &[]), wrong()),
        (
            "parameters of a mebibyte",
            with(&|forge| {
                forge.digest_identifier = identifier("608648016503040201", &der(INTEGER, &[&large]));
            }),
            Broken(S::CryptoConstraintsFailure, R::AlgorithmParameters),
        ),
        (
            "a certificate of a serial number below zero",
            certified(rewritten(&signer.certificate, &serial, &negative)),
            missing(),
        ),
        (
            "a certificate of the serial number zero",
            certified(rewritten(&signer.certificate, &serial, &zero)),
            missing(),
        ),
        (
            "a certificate whose signature has nine bits too many",
            certified(rewritten(&signer.certificate, bits, &unused(9))),
            missing(),
        ),
        (
            "a certificate whose signature has seven bits too many",
            certified(rewritten(&signer.certificate, bits, &unused(7))),
            missing(),
        ),
        (
            "a certificate of a mebibyte",
            certified(der(SEQUENCE, &[&der(SEQUENCE, &[&der(INTEGER, &[&large])])])),
            missing(),
        ),
    ];
    let mut differing = Vec::new();
    for (name, bytes, outcome) in cases {
        let started = Instant::now();
        let vector = Vector {
            name,
            bytes,
            detached: true,
            outcome,
        };
        let judged = judged(&vector, &pki.anchors, OffsetDateTime::now_utc());
        assert!(started.elapsed().as_secs() < 5, "{name}");
        if judged != vector.outcome {
            differing.push((name, judged));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn n144_one_bad_signer_among_two_spoils_the_document() {
    let pki = Pki::of("ec:P-256");
    let (first, second) = (pki.leaf("first", "ec:P-256"), pki.leaf("second", "ec:P-256"));
    let mut both = Forge::new(&pki, &first, ECDSA);
    both.certificates.push(second.certificate.as_der().to_vec());
    let signed = |value: Option<Vec<u8>>| {
        Forge {
            value,
            ..Forge::new(&pki, &second, ECDSA)
        }
        .signer_info()
    };
    for (also, valid) in [(signed(None), true), (signed(Some(vec![0x30, 0])), false)] {
        let bytes = Forge {
            further_signer: also,
            ..both.clone()
        }
        .make();
        let report = cades::verify(&bytes, Some(CONTENT), &pki.reliance()).unwrap();
        assert_eq!(report.signatures.len(), 2);
        assert_eq!(report.valid(), valid, "{report:?}");
    }
}

#[test]
fn the_last_year_of_the_calendar_is_reported() {
    // RFC 5280, 4.1.2.5: what does not expire ends on 9999-12-31.
    let pki = Pki::of("ec:P-256");
    let last = time::macros::datetime!(9999-12-31 12:00 UTC);
    let days = (last - OffsetDateTime::now_utc()).whole_days().to_string();
    let key = pki.workshop.key("ever", "ec:P-256");
    let ever = pki.workshop.certify(
        &pki.ca,
        "ever",
        &key,
        CITIZEN,
        "signer",
        &["-sha256", "-days", &days],
    );
    assert_eq!(ever.certificate.not_after().year(), 9999);
    let mut forge = Forge::new(&pki, &ever, ECDSA);
    let time = der(0x18, &[b"99991231235959Z"]);
    forge.replace(SIGNING_TIME, attribute(SIGNING_TIME, &[&time]));
    let report = cades::verify(&forge.make(), Some(CONTENT), &pki.reliance()).unwrap();
    let written = serde_json::to_string(&report).unwrap();
    assert!(written.contains("\"9999-12-31T23:59:59Z\""), "{written}");
    assert!(written.contains("\"not_after\":\"9999-12-3"), "{written}");

    // A clock beyond the end of the calendar is no time to sign at.
    let beyond = time::macros::datetime!(9999-12-31 23:59:59 -07:00);
    let request = trien_signatures::cms::Request {
        content: trien_signatures::cms::Content::Detached {
            digest: Hash::Sha256.digest(CONTENT),
        },
        signer: &ever.certificate,
        chain: &[],
        algorithm: ECDSA,
        signing_time: Some(beyond),
    };
    assert!(trien_signatures::cms::prepare(&request).is_err());
}
