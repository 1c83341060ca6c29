//! Signatures by people who are not right for it, one bad one among two, and one whose certificate does not expire.

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::cades;
use trien_signatures::report::{Reason as R, SubIndication as S};

use crate::Outcome::Broken;
use crate::forge::{CONTENT, Forge, SIGNING_TIME, attribute, der};
use crate::openssl::{CITIZEN, Pki};
use crate::{ECDSA, Vector};

/// Signatures that are right by people who are not.
pub(crate) fn people(pki: &Pki) -> Vec<Vector> {
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
