//! Octets that are no SignedData, and numbers, names and strings of bits that no encoder writes.

use time::OffsetDateTime;
use trien_signatures::certificate::Certificate;
use trien_signatures::cms::FormatError;
use trien_signatures::report::{Reason as R, SubIndication as S};

use crate::Outcome::{Broken, Unreadable, Valid};
use crate::forge::{CONTENT, DATA, Forge, INTEGER, OCTETS, SEQUENCE, SET, der, identifier, oid};
use crate::openssl::Pki;
use crate::processor::Work;
use crate::{ECDSA, Outcome, Vector, judged};

/// Octets that are no SignedData, and what real senders write instead of DER.
pub(crate) fn encodings(good: &[u8]) -> Vec<Vector> {
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
    // The signature's BIT STRING of a certificate by a P-256 key begins so, and goes to the end.
    let whole = signer.certificate.as_der();
    let goes_to_the_end = |start: &usize| match whole[*start..] {
        [3, length, 0, 0x30, ref rest @ ..] => usize::from(length) == rest.len() + 2,
        _ => false,
    };
    let start = (0..whole.len()).find(goes_to_the_end).unwrap();
    let bits = &whole[start..start + 4];
    let unused = |count: u8| [bits[0], bits[1], count, bits[3]];
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
        let started = Work::begin();
        let vector = Vector {
            name,
            bytes,
            detached: true,
            outcome,
        };
        let judged = judged(&vector, &pki.anchors, OffsetDateTime::now_utc());
        assert!(started.so_far().as_secs() < 5, "{name}");
        if judged != vector.outcome {
            differing.push((name, judged));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
}
