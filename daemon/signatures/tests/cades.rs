//! CAdES B-B: what we make is accepted by OpenSSL, what OpenSSL makes is accepted by us, and one changed bit by
//! neither.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod openssl;

use std::sync::LazyLock;

use openssl::{AGENCY, Identity, Pki};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::{Hash, PublicKeyKind, RsaPadding, SignatureAlgorithm};
use trien_signatures::cades::{self, CadesRequest, FurtherError, FurtherRequest};
use trien_signatures::certificate::Certificate;
use trien_signatures::cms::PrepareError;
use trien_signatures::report::{
    Indication, Integrity, Level, Reason, Report, RevocationStatus, SubIndication, TimeSource, Warning,
};
use trien_signatures::signing::{FinishError, Prepared};
use trien_signatures::trust::Reliance;

static PKI: LazyLock<Pki> = LazyLock::new(Pki::new);

const CONTENT: &[u8] = "Kính gửi: Sở Tư pháp. Hồ sơ số 12/2026.\n".as_bytes();

fn request<'a>(signer: &'a Identity, chain: &'a [Certificate]) -> CadesRequest<'a> {
    CadesRequest {
        content: CONTENT,
        detached: true,
        signer: &signer.certificate,
        chain,
        algorithm: SignatureAlgorithm::for_key(
            signer.certificate.public_key(),
            RsaPadding::Pkcs1,
            Hash::Sha512,
        )
        .unwrap(),
        signing_time: now(),
    }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap()
}

fn sign(pki: &Pki, signer: &Identity, request: &CadesRequest<'_>) -> Vec<u8> {
    let prepared = cades::prepare(request).unwrap();
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(value).unwrap()
}

fn failure(report: &Report) -> (SubIndication, Reason) {
    let [signature] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert!(!report.valid());
    assert_ne!(signature.indication, Indication::TotalPassed);
    (signature.sub_indication.unwrap(), signature.reason.unwrap())
}

#[test]
fn openssl_and_we_accept_every_algorithm_attached_and_detached() {
    let pki = Pki::new();
    let chain = [pki.ca.certificate.clone()];
    let algorithms = [
        ("rsa:2048", SignatureAlgorithm::RsaPkcs1(Hash::Sha256)),
        ("rsa:2048", SignatureAlgorithm::RsaPss(Hash::Sha256)),
        ("rsa:3072", SignatureAlgorithm::RsaPkcs1(Hash::Sha512)),
        ("rsa:3072", SignatureAlgorithm::RsaPss(Hash::Sha384)),
        ("ec:P-256", SignatureAlgorithm::Ecdsa(Hash::Sha256)),
        ("ec:P-384", SignatureAlgorithm::Ecdsa(Hash::Sha384)),
        ("ec:P-521", SignatureAlgorithm::Ecdsa(Hash::Sha512)),
    ];
    for (key, algorithm) in algorithms {
        let signer = pki.leaf(&key.replace(':', "-"), key);
        for detached in [true, false] {
            let request = CadesRequest {
                algorithm,
                detached,
                ..request(&signer, &chain)
            };
            let signature = sign(&pki, &signer, &request);
            let content = detached.then_some(CONTENT);

            let seen = pki.workshop.accepts(&signature, content, &pki.root);
            assert_eq!(seen.as_deref(), Ok(CONTENT), "{algorithm:?} detached: {detached}");

            let report = cades::verify(&signature, content, &pki.reliance()).unwrap();
            assert!(report.valid(), "{algorithm:?} {report:?}");
            assert_eq!(report.signatures[0].algorithm, Some(algorithm));
        }
    }
}

#[test]
fn the_reserved_length_is_enough_and_hardly_too_much() {
    let chain = [PKI.ca.certificate.clone()];
    for (name, key) in [("reserved-rsa", "rsa:2048"), ("reserved-ec", "ec:P-384")] {
        let signer = PKI.leaf(name, key);
        let request = request(&signer, &chain);
        let signature = sign(&PKI, &signer, &request);
        let reserved =
            trien_signatures::cms::reserved_len(&signer.certificate, &chain, request.algorithm).unwrap();
        assert!((signature.len()..signature.len() + 16).contains(&reserved));
    }
}

#[test]
fn the_report_says_who_when_and_what_was_not_checked() {
    let workshop = &PKI.workshop;
    let agency = workshop.issue(&PKI.ca, "agency", "ec:P-256", AGENCY, "signer");
    let chain = [PKI.ca.certificate.clone()];
    let request = request(&agency, &chain);
    let signature = sign(&PKI, &agency, &request);
    let report = cades::verify(&signature, Some(CONTENT), &PKI.reliance()).unwrap();
    let [found] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(found.indication, Indication::TotalPassed);
    assert_eq!(found.level, Some(Level::BB));
    assert_eq!(found.integrity, Integrity::Intact);
    assert_eq!(found.revocation_status, RevocationStatus::NotChecked);
    assert!(found.warnings.contains(&Warning::RevocationNotChecked));
    let time = found.signing_time.unwrap();
    assert_eq!(
        (time.time, time.source),
        (request.signing_time, TimeSource::SignerAttribute)
    );
    let signer = found.signer.as_ref().unwrap();
    assert_eq!(signer.subject.common_name.as_deref(), Some("Sở Tư pháp Hà Nội"));
    assert_eq!(signer.subject.tax_code.as_deref(), Some("0100686209-199"));
    assert_eq!(signer.subject.citizen_id.as_deref(), Some("001190012345"));
    assert_eq!(signer.subject.old_identity_card.as_deref(), Some("012345678"));
    assert_eq!(signer.managing_unit.as_deref(), Some("Sở Tư pháp Hà Nội"));
    assert_eq!(signer.issuer, "Thử-CA");
    assert_eq!(signer.valid_at_signing_time, Some(true));
    assert_eq!(found.path.len(), 3);
    assert!(found.path[2].starts_with("CN=Test National Root CA,O=Bộ Thử nghiệm"));
    let coverage = found.coverage.unwrap();
    assert!(coverage.whole && coverage.signed_bytes == CONTENT.len() as u64);

    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["signatures"][0]["indication"], "TOTAL-PASSED");
    assert_eq!(json["signatures"][0]["level"], "B-B");
    assert_eq!(json["signatures"][0]["algorithm"]["ecdsa"], "sha512");
    assert_eq!(json["signatures"][0]["warnings"][0], "revocation_not_checked");
    assert_eq!(
        json["signatures"][0]["signing_time"]["source"],
        "signer_attribute"
    );
}

/// The key is one as a chip with CVE-2017-15361 would have made it, of primes k·M + (65537^a mod M); OpenSSL signed with it.
#[test]
fn n107_a_signature_with_a_roca_key_says_so() {
    let certificate = Certificate::from_der(include_bytes!("vectors/roca/certificate.der")).unwrap();
    assert!(certificate.key().is_roca());
    assert_eq!(certificate.public_key(), PublicKeyKind::Rsa { bits: 2048 });
    let report = cades::verify(
        include_bytes!("vectors/roca/signature.p7s"),
        None,
        &PKI.reliance(),
    )
    .unwrap();
    let [found] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(found.integrity, Integrity::Intact);
    assert!(found.warnings.contains(&Warning::RocaKey), "{found:?}");
    assert!(!PKI.ca.certificate.key().is_roca());
}

#[test]
fn what_openssl_signs_is_accepted_der_and_indefinite_ber() {
    let pki = &*PKI;
    for (name, key) in [("theirs-rsa", "rsa:2048"), ("theirs-ec", "ec:P-256")] {
        let signer = pki.leaf(name, key);
        let content = pki.workshop.write("theirs.txt", CONTENT);
        for options in [
            &[][..],
            &["-nodetach"],
            &["-stream", "-nodetach"],
            &["-stream", "-nodetach", "-keyid"],
        ] {
            let mut arguments = vec![
                "cms",
                "-sign",
                "-cades",
                "-binary",
                "-md",
                "sha256",
                "-outform",
                "DER",
                "-in",
                content.to_str().unwrap(),
                "-signer",
            ];
            let certificate = format!("{name}.crt");
            arguments.extend([
                certificate.as_str(),
                "-inkey",
                signer.key.to_str().unwrap(),
                "-certfile",
                "ca.crt",
            ]);
            arguments.extend(options);
            let signature = pki.workshop.run(&arguments);
            let attached = options.contains(&"-nodetach");
            let report = cades::verify(&signature, (!attached).then_some(CONTENT), &pki.reliance()).unwrap();
            assert!(report.valid(), "{name} {options:?} {report:?}");
            if options.contains(&"-stream") {
                assert_eq!(signature[1], 0x80, "the indefinite form is what this case is for");
            }
        }
    }
}

#[test]
fn the_longest_salt_of_others_is_accepted() {
    let signer = PKI.leaf("longest-salt", "rsa:2048");
    let content = PKI.workshop.write("longest-salt.txt", CONTENT);
    let sign = |salt: &str| {
        let (content, key) = (content.to_str().unwrap(), signer.key.to_str().unwrap());
        let arguments = [
            "cms -sign -cades -binary -md sha256 -outform DER -certfile ca.crt -signer longest-salt.crt -in",
            content,
            "-inkey",
            key,
            "-keyopt rsa_padding_mode:pss -keyopt",
            &format!("rsa_pss_saltlen:{salt}"),
        ];
        let arguments = arguments.join(" ");
        PKI.workshop.run(&arguments.split(' ').collect::<Vec<_>>())
    };
    for salt in ["32", "33", "222"] {
        let report = cades::verify(&sign(salt), Some(CONTENT), &PKI.reliance()).unwrap();
        assert!(report.valid(), "{salt} {report:?}");
    }
    for salt in ["31", "0"] {
        let report = cades::verify(&sign(salt), Some(CONTENT), &PKI.reliance()).unwrap();
        assert_eq!(
            failure(&report),
            (
                SubIndication::CryptoConstraintsFailure,
                Reason::AlgorithmParameters
            )
        );
    }
}

#[test]
fn without_the_signing_certificate_attribute_the_signer_is_shown_and_not_accepted() {
    let signer = PKI.leaf("plain-cms", "rsa:2048");
    let content = PKI.workshop.write("plain-cms.txt", CONTENT);
    let signature = PKI.workshop.run(&[
        "cms",
        "-sign",
        "-binary",
        "-md",
        "sha256",
        "-outform",
        "DER",
        "-in",
        content.to_str().unwrap(),
        "-signer",
        "plain-cms.crt",
        "-inkey",
        signer.key.to_str().unwrap(),
        "-certfile",
        "ca.crt",
    ]);
    let report = cades::verify(&signature, Some(CONTENT), &PKI.reliance()).unwrap();
    assert_eq!(
        failure(&report),
        (
            SubIndication::SigConstraintsFailure,
            Reason::SigningCertificateMissing
        )
    );
    let found = &report.signatures[0];
    assert_eq!(found.integrity, Integrity::Intact);
    assert_eq!(
        found.signer.as_ref().unwrap().sha256,
        signer.certificate.sha256_hex()
    );

    let report = cades::verify(&signature, Some(b"other"), &PKI.reliance()).unwrap();
    assert_eq!(
        failure(&report),
        (SubIndication::HashFailure, Reason::MessageDigestMismatch)
    );
    assert_eq!(report.signatures[0].integrity, Integrity::Broken);
}

#[test]
fn n150_content_missing_other_or_given_twice() {
    let signer = PKI.leaf("contents", "ec:P-256");
    let chain = [PKI.ca.certificate.clone()];
    let detached = sign(&PKI, &signer, &request(&signer, &chain));
    let attached = sign(
        &PKI,
        &signer,
        &CadesRequest {
            detached: false,
            ..request(&signer, &chain)
        },
    );
    let verify =
        |signature: &[u8], content| failure(&cades::verify(signature, content, &PKI.reliance()).unwrap());
    assert_eq!(
        verify(&detached, None),
        (SubIndication::SignedDataNotFound, Reason::ContentMissing)
    );
    assert_eq!(
        verify(&detached, Some(b"something else")),
        (SubIndication::HashFailure, Reason::MessageDigestMismatch)
    );
    assert_eq!(
        verify(&attached, Some(CONTENT)),
        (SubIndication::FormatFailure, Reason::ContentGivenTwice)
    );
}

#[test]
fn no_changed_bit_is_accepted() {
    let signer = PKI.leaf("bits", "ec:P-256");
    let chain = [PKI.ca.certificate.clone()];
    let signature = sign(
        &PKI,
        &signer,
        &CadesRequest {
            detached: false,
            ..request(&signer, &chain)
        },
    );
    let reliance = PKI.reliance();
    let unchanged = cades::verify(&signature, None, &reliance).unwrap();
    assert!(unchanged.valid());
    // Octets that nothing signs and that may change without changing who signed what: the version numbers, the
    // list of digest algorithms and the certificates beside the signer's. A change there may pass, and then the
    // report has to be the same.
    let mut passed = 0;
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 1 << (at % 8);
        if let Ok(report) = cades::verify(&changed, None, &reliance)
            && report.valid()
        {
            passed += 1;
            assert_eq!(report, unchanged, "octet {at}");
        }
    }
    assert!(passed < 40, "{passed} changed octets made no difference");
}

#[test]
fn every_truncation_is_an_error() {
    let signer = PKI.leaf("short", "ec:P-256");
    let signature = sign(&PKI, &signer, &request(&signer, &[]));
    for len in 0..signature.len() {
        assert!(
            cades::verify(&signature[..len], Some(CONTENT), &PKI.reliance()).is_err(),
            "{len}"
        );
    }
    let mut longer = signature;
    longer.push(0);
    assert!(cades::verify(&longer, Some(CONTENT), &PKI.reliance()).is_err());
}

#[test]
fn expired_not_yet_valid_and_signed_outside_the_validity() {
    let signer = PKI.leaf("times", "ec:P-256");
    let chain = [PKI.ca.certificate.clone()];
    let signature = sign(&PKI, &signer, &request(&signer, &chain));
    let at = |at| {
        let reliance = Reliance { at, ..PKI.reliance() };
        failure(&cades::verify(&signature, Some(CONTENT), &reliance).unwrap())
    };
    let after = signer.certificate.not_after() + Duration::seconds(1);
    let before = signer.certificate.not_before() - Duration::seconds(1);
    assert_eq!(
        at(after),
        (SubIndication::OutOfBoundsNoPoe, Reason::CertificateExpired)
    );
    assert_eq!(
        at(before),
        (SubIndication::OutOfBoundsNoPoe, Reason::CertificateNotYetValid)
    );
    assert_eq!(
        at(OffsetDateTime::UNIX_EPOCH),
        (SubIndication::OutOfBoundsNoPoe, Reason::CertificateNotYetValid)
    );

    for signing_time in [before, after] {
        let signature = sign(
            &PKI,
            &signer,
            &CadesRequest {
                signing_time,
                ..request(&signer, &chain)
            },
        );
        let report = cades::verify(&signature, Some(CONTENT), &PKI.reliance()).unwrap();
        assert_eq!(
            failure(&report),
            (
                SubIndication::SigConstraintsFailure,
                Reason::SigningTimeOutsideValidity
            )
        );
        assert_eq!(report.signatures[0].integrity, Integrity::Intact);
    }
}

#[test]
fn a_time_after_2049_is_a_generalized_time() {
    let signer = PKI.leaf("late", "ec:P-256");
    let signing_time = time::macros::datetime!(2050-01-01 00:00 UTC);
    let signature = sign(
        &PKI,
        &signer,
        &CadesRequest {
            signing_time,
            ..request(&signer, &[])
        },
    );
    assert!(signature.windows(15).any(|window| window == b"20500101000000Z"));
    let report = cades::verify(&signature, Some(CONTENT), &PKI.reliance()).unwrap();
    assert_eq!(report.signatures[0].signing_time.unwrap().time, signing_time);
    assert!(
        report.signatures[0]
            .warnings
            .contains(&Warning::SigningTimeInFuture)
    );
}

#[test]
fn nothing_is_prepared_for_the_wrong_key_content_or_certificate() {
    let signer = PKI.leaf("refused", "ec:P-256");
    let encipherer = PKI
        .workshop
        .issue(&PKI.ca, "encipherer", "ec:P-256", openssl::CITIZEN, "encipherer");
    let rsa = SignatureAlgorithm::RsaPkcs1(Hash::Sha256);
    let refused = |request: &CadesRequest<'_>| cades::prepare(request).map(drop).unwrap_err();
    let good = request(&signer, &[]);
    assert!(matches!(
        refused(&CadesRequest {
            algorithm: rsa,
            ..good.clone()
        }),
        PrepareError::UnsuitableKey(_)
    ));
    assert_eq!(refused(&request(&encipherer, &[])), PrepareError::NotForSigning);
    assert_eq!(
        cades::prepare_digest(&good, vec![0; 20]).map(drop).unwrap_err(),
        PrepareError::DigestLength { len: 20 }
    );
}

/// RSA by PKCS #1 v1.5 has no chance in it: of the same attributes it makes the same signature, which is no second one.
#[test]
fn the_same_signer_does_not_sign_the_same_at_the_same_second_twice() {
    let [signer, other] = ["again", "beside"].map(|name| PKI.leaf(name, "rsa:2048"));
    let chain = [PKI.ca.certificate.clone()];
    let first = request(&signer, &chain);
    let digest = first.algorithm.hash().digest(CONTENT);
    let signed = sign(&PKI, &signer, &first);
    let by = |who: &Identity, over: Option<usize>, to: &[u8], signing_time| {
        let further = FurtherRequest {
            signer: &who.certificate,
            chain: &chain,
            algorithm: first.algorithm,
            signing_time,
        };
        let prepared = match over {
            Some(over) => cades::prepare_counter(to, over, &further)?,
            None => cades::prepare_parallel(to, Some(digest.clone()), &further)?,
        };
        let workshop = &PKI.workshop;
        let value = workshop.sign(who, prepared.algorithm(), prepared.to_be_signed());
        Ok::<_, FurtherError>(prepared.finish(value).unwrap())
    };
    let (at, next) = (first.signing_time, first.signing_time + Duration::seconds(1));
    assert_eq!(by(&signer, None, &signed, at), Err(FurtherError::AlreadySigned));
    let beside = by(&other, None, &signed, at).unwrap();
    let thrice = by(&signer, None, &beside, next).unwrap();
    assert_eq!(by(&other, None, &thrice, at), Err(FurtherError::AlreadySigned));
    let mut reliance = PKI.reliance();
    reliance.at = next + Duration::seconds(1);
    reliance.now = reliance.at;
    let report = cades::verify(&thrice, Some(CONTENT), &reliance).unwrap();
    assert!(report.valid() && report.signatures.len() == 3, "{report:#?}");
    // And over another's signature.
    let confirmed = by(&other, Some(0), &signed, at).unwrap();
    assert_eq!(
        by(&other, Some(0), &confirmed, at),
        Err(FurtherError::AlreadySigned)
    );
    by(&other, Some(0), &confirmed, next).unwrap();
}

#[test]
fn a_signature_by_another_key_is_not_put_in() {
    let signer = PKI.leaf("mine", "ec:P-256");
    let other = PKI.leaf("other", "ec:P-256");
    let prepared = cades::prepare(&request(&signer, &[])).unwrap();
    let value = PKI
        .workshop
        .sign(&other, prepared.algorithm(), prepared.to_be_signed());
    assert_eq!(prepared.finish(value), Err(FinishError::BadSignature));
}

#[test]
fn both_forms_of_ecdsa_from_a_token() {
    use trien_signatures::algorithm::SignatureValue;
    for (name, key, field) in [
        ("raw-256", "ec:P-256", 32),
        ("raw-384", "ec:P-384", 48),
        ("raw-521", "ec:P-521", 66),
    ] {
        let signer = PKI.leaf(name, key);
        let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha512);
        let der = PKI.workshop.sign(&signer, algorithm, CONTENT);
        let raw = der.to_fixed(algorithm, field).unwrap();
        assert_eq!(raw.len(), 2 * field);
        let again = SignatureValue::from_token(algorithm, &raw).unwrap();
        assert_eq!(again, der);
        assert!(signer.certificate.verify(algorithm, CONTENT, &again).is_ok());
        assert!(signer.certificate.verify(algorithm, b"other", &again).is_err());
    }
    for wrong in [&[][..], &[1; 63], &[0x30; 70], &[1; 2000]] {
        assert!(SignatureValue::from_token(SignatureAlgorithm::Ecdsa(Hash::Sha256), wrong).is_err());
    }
}
