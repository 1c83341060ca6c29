//! What authorities and responders answer, and what of it does not count.

use crate::openssl::Identity;
use crate::{NONCE, WORLD, World, now, utc};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::Hash;
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::cades::CadesSignature;
use trien_signatures::certificate::Certificate;
use trien_signatures::report::{Reason, TimestampKind};
use trien_signatures::revocation::{
    CertificateStatus, Crl, OcspRequest, OcspResponse, RevocationError, Revocations,
};
use trien_signatures::timestamp::{Imprint, TimestampError, TimestampRequest, TimestampToken};
use trien_signatures::trust::Reliance;
use trien_signatures::validation;

#[test]
fn n157_a_time_stamp_that_is_not_the_one_asked_for_is_not_taken() {
    let world = &*WORLD;
    let imprint = Imprint::of(Hash::Sha256, b"signature");
    let request = |policy| TimestampRequest::new(imprint.clone(), &NONCE, policy).unwrap();
    let other = TimestampRequest::new(Imprint::of(Hash::Sha256, b"other"), &NONCE, None).unwrap();
    let other_nonce = TimestampRequest::new(imprint.clone(), &[0x42; 8], None).unwrap();
    let good = world.answer(request(None).as_der(), "tsa");
    let at = OffsetDateTime::now_utc();
    assert!(request(None).accept(&good, &[], at).is_ok());
    assert_eq!(
        other.accept(&good, &[], at).unwrap_err(),
        TimestampError::OtherImprint
    );
    assert_eq!(
        other_nonce.accept(&good, &[], at).unwrap_err(),
        TimestampError::OtherNonce
    );
    // An answer to who asked for none has none: the same words without it are no answer to us.
    let imprint_alone = |request: &[u8]| {
        let nonce = [&[0x02, 8], &NONCE[..]].concat();
        let at = request
            .windows(nonce.len())
            .position(|window| window == nonce)
            .unwrap();
        let mut bytes = [&request[..at], &request[at + nonce.len()..]].concat();
        bytes[1] -= u8::try_from(nonce.len()).unwrap();
        bytes
    };
    let without = world.answer(&imprint_alone(request(None).as_der()), "tsa");
    assert_eq!(
        request(None).accept(&without, &[], at).unwrap_err(),
        TimestampError::OtherNonce
    );
    assert!(matches!(
        request(Some("1.2.3.4.2")).accept(&good, &[], at).unwrap_err(),
        TimestampError::OtherPolicy(_)
    ));
    assert!(
        request(Some("1.2.3.4.2"))
            .accept(&world.answer(request(Some("1.2.3.4.2")).as_der(), "tsa"), &[], at)
            .is_ok()
    );
    assert!(matches!(
        request(None)
            .accept(&good, &[], at + Duration::days(3650))
            .unwrap_err(),
        TimestampError::OtherTime(_)
    ));
    let refused = world.answer(request(Some("1.2.3.4.9")).as_der(), "tsa");
    assert!(matches!(
        request(Some("1.2.3.4.9")).accept(&refused, &[], at).unwrap_err(),
        TimestampError::Refused { status: 2, .. }
    ));
    // No bit of what the authority signed, of its signature or of its certificate may be another.
    let token_of = |response: &[u8]| request(None).accept(response, &[], at);
    let good_token = token_of(&good).unwrap();
    let place = |part: &[u8]| {
        let start = good
            .windows(part.len())
            .position(|window| window == part)
            .unwrap();
        start..start + part.len()
    };
    std::fs::write(world.pki.workshop.path("n157.der"), good_token.as_der()).unwrap();
    world.pki.workshop.run(&[
        "cms",
        "-verify",
        "-noverify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "n157.der",
        "-out",
        "n157.tst",
    ]);
    let info = std::fs::read(world.pki.workshop.path("n157.tst")).unwrap();
    let info = place(&info);
    let own = place(world.authority.certificate.as_der());
    let root = place(world.pki.root.certificate.as_der());
    let signers = own.end.max(root.end)..good.len();
    let mut passed = Vec::new();
    for at_byte in 0..good.len() {
        let mut changed = good.clone();
        changed[at_byte] ^= 1 << (at_byte % 8);
        let Ok(token) = token_of(&changed) else { continue };
        let verdict = token.validate(&[], Revocations::NONE, &world.pki.reliance());
        if verdict.is_ok() {
            assert_eq!(token.time(), good_token.time());
            passed.push(at_byte);
        }
    }
    // The version of a SignerInfo is signed by nobody (RFC 5652, 5.3): behind the tags and lengths of the SET, of the
    // SEQUENCE and of itself.
    let version = signers.start + 4 + 4 + 2;
    let signed = |at: &usize| info.contains(at) || own.contains(at) || signers.contains(at) && *at != version;
    let wrong: Vec<&usize> = passed.iter().filter(|at| signed(at)).collect();
    assert!(wrong.is_empty(), "{wrong:?} of {info:?} {own:?} {signers:?}");
    for cut in 0..good.len() {
        assert!(request(None).accept(&good[..cut], &[], at).is_err());
    }
    // An authority whose purpose is not critical signs the same words (OpenSSL's own authority refuses to).
    world.pki.workshop.run(&[
        "cms",
        "-sign",
        "-binary",
        "-nodetach",
        "-cades",
        "-md",
        "sha256",
        "-econtent_type",
        "1.2.840.113549.1.9.16.1.4",
        "-in",
        "n157.tst",
        "-signer",
        "tsa-weak.crt",
        "-inkey",
        "tsa-weak.key",
        "-outform",
        "DER",
        "-out",
        "n157-weak.der",
    ]);
    let weak = std::fs::read(world.pki.workshop.path("n157-weak.der")).unwrap();
    let weak = TimestampToken::from_der(&weak).unwrap();
    assert_eq!(weak.time(), good_token.time());
    let (_, reason) = weak
        .validate(&[], Revocations::NONE, &world.pki.reliance())
        .unwrap_err();
    assert_eq!(reason, Reason::KeyUsageNotForTimeStamps);
    // One that is expired, and one nobody trusts.
    let token = TimestampRequest::new(imprint.clone(), &NONCE, None).unwrap();
    let strict = token.accept(&good, &[], at).unwrap();
    let nobody = trien_signatures::trust::Anchors::default();
    assert!(
        strict
            .validate(&[], Revocations::NONE, &Reliance::new(&nobody, &[], at))
            .is_err()
    );
    let expired = world.authority.certificate.not_after() + Duration::days(1);
    assert!(
        strict
            .validate(
                &[],
                Revocations::NONE,
                &Reliance::new(&world.pki.anchors, &[], expired)
            )
            .is_err()
    );
    assert!(!certificate(world, "tsa-weak").is_for_time_stamps());
    assert!(certificate(world, "tsa").is_for_time_stamps());
    // Not embedded: the prepared value takes only a token about its own imprint.
    let opened = CadesSignature::open(&world.sign(&world.signer, true), Vec::new()).unwrap();
    let prepared = opened
        .prepare_timestamp(TimestampKind::Signature, Hash::Sha256)
        .unwrap();
    assert_eq!(prepared.finish(&strict).unwrap_err(), AugmentError::OtherImprint);
}

fn certificate(world: &World, name: &str) -> Certificate {
    let pem = std::fs::read_to_string(world.pki.workshop.path(&format!("{name}.crt"))).unwrap();
    Certificate::from_pem(&pem).unwrap()
}

#[test]
fn n158_an_ocsp_answer_that_does_not_count_says_nothing() {
    let world = &*WORLD;
    let (signer, ca) = (&world.signer, &world.pki.ca);
    let at = OffsetDateTime::now_utc();
    let status = |response: &[u8], at: OffsetDateTime| {
        let mut known = Revocations::default();
        known.add_response(OcspResponse::from_der(response).unwrap());
        let reliance = Reliance {
            revocations: &known,
            ..Reliance::new(&world.pki.anchors, &[], at)
        };
        let embedded = [ca.certificate.clone()];
        let verdict = validation::certificate(&signer.certificate, &embedded, Revocations::NONE, &reliance);
        verdict.statuses[0].clone()
    };
    const VALID: &str = "V\t351231235959Z\t";
    // As it comes from the network: what does not count is not even taken.
    let request = OcspRequest::new(&signer.certificate, &ca.certificate, &[]);
    let taken = |response: &[u8], at: OffsetDateTime| request.accept(response, at).map(|_| ());
    let good = world.ocsp(signer, VALID, &world.responder, &["-nmin", "60"]);
    assert!(matches!(status(&good, at), CertificateStatus::Good(_)));
    assert_eq!(taken(&good, at), Ok(()));
    let by_the_ca = world.ocsp(signer, VALID, ca, &["-nmin", "60"]);
    assert!(matches!(status(&by_the_ca, at), CertificateStatus::Good(_)));
    assert_eq!(taken(&by_the_ca, at), Ok(()));
    let since = utc(now() - Duration::days(2));
    let revoked = world.ocsp(
        signer,
        &format!("R\t351231235959Z\t{since},keyCompromise"),
        &world.responder,
        &["-nmin", "60"],
    );
    assert!(matches!(
        status(&revoked, at),
        CertificateStatus::Revoked { reason: 1, .. }
    ));
    assert_eq!(taken(&revoked, at), Ok(()));
    // Stale, and without a next update when it is no longer fresh.
    assert_eq!(status(&good, at + Duration::hours(2)), CertificateStatus::Unknown);
    assert_eq!(
        taken(&good, at + Duration::hours(2)),
        Err(RevocationError::NotInForce)
    );
    let no_next = world.ocsp(signer, VALID, &world.responder, &[]);
    assert!(matches!(status(&no_next, at), CertificateStatus::Good(_)));
    assert_eq!(
        status(&no_next, at + Duration::hours(1)),
        CertificateStatus::Unknown
    );
    assert_eq!(
        taken(&no_next, at + Duration::hours(1)),
        Err(RevocationError::NotInForce)
    );
    // From the future.
    let mut known = Revocations::default();
    known.add_response(OcspResponse::from_der(&good).unwrap());
    let reliance = Reliance {
        revocations: &known,
        now: at - Duration::hours(1),
        ..Reliance::new(&world.pki.anchors, &[], at)
    };
    let embedded = [ca.certificate.clone()];
    let verdict = validation::certificate(&signer.certificate, &embedded, Revocations::NONE, &reliance);
    assert_eq!(verdict.statuses[0], CertificateStatus::Unknown);
    assert_eq!(
        taken(&good, at - Duration::hours(1)),
        Err(RevocationError::NotInForce)
    );
    // For another one, of another issuer, and by somebody who may not.
    let other = world.ocsp(&world.revoked, VALID, &world.responder, &["-nmin", "60"]);
    assert_eq!(status(&other, at), CertificateStatus::Unknown);
    assert_eq!(taken(&other, at), Err(RevocationError::OtherQuestion));
    let by_another_issuer = OcspRequest::new(&signer.certificate, &world.pki.root.certificate, &[]);
    assert_eq!(
        by_another_issuer.accept(&good, at).unwrap_err(),
        RevocationError::OtherQuestion
    );
    for unauthorised in [&world.revoked, &world.pki.root] {
        let answer = world.ocsp(signer, VALID, unauthorised, &["-nmin", "60"]);
        assert_eq!(status(&answer, at), CertificateStatus::Unknown);
        assert_eq!(taken(&answer, at), Err(RevocationError::Unauthorised));
    }
    let unknown = world.ocsp(signer, "", &world.responder, &["-nmin", "60"]);
    assert_eq!(status(&unknown, at), CertificateStatus::Unknown);
    assert_eq!(taken(&unknown, at), Err(RevocationError::NotKnown));
    // A changed octet anywhere in what is signed or in the signature, and an answer that is none.
    let whole = good.len() - world.responder.certificate.as_der().len();
    assert_eq!(
        &good[whole..],
        world.responder.certificate.as_der(),
        "the responder's certificate stands last"
    );
    let mut read = 0;
    for place in 0..whole {
        let mut changed = good.clone();
        changed[place] ^= 1 << (place % 8);
        if OcspResponse::from_der(&changed).is_ok() {
            read += 1;
            assert_eq!(status(&changed, at), CertificateStatus::Unknown, "octet {place}");
            assert!(taken(&changed, at).is_err(), "octet {place}");
        }
    }
    assert!(read > 200, "{read}: the octets of the signature alone are 256");
    let try_later = [0x30, 0x03, 0x0A, 0x01, 0x03];
    assert_eq!(
        OcspResponse::from_der(&try_later).unwrap_err(),
        RevocationError::Refused(3)
    );
    for cut in 0..good.len() {
        assert!(OcspResponse::from_der(&good[..cut]).is_err());
    }
}

#[test]
fn a_list_counts_only_from_its_authority_in_its_time_and_whole() {
    let world = &*WORLD;
    let ca = &world.pki.ca;
    let since = utc(now() - Duration::days(1));
    let list = world.crl(ca, &[(&world.revoked, &since)]);
    let status = |crls: &[&[u8]], of: &Identity, at| {
        let mut known = Revocations::default();
        for crl in crls {
            known.add_crl(Crl::from_der(crl).unwrap());
        }
        let reliance = Reliance {
            revocations: &known,
            ..Reliance::new(&world.pki.anchors, &[], at)
        };
        let embedded = [ca.certificate.clone()];
        validation::certificate(&of.certificate, &embedded, Revocations::NONE, &reliance).statuses[0].clone()
    };
    let at = OffsetDateTime::now_utc();
    assert!(matches!(
        status(&[&list], &world.revoked, at),
        CertificateStatus::Revoked { .. }
    ));
    assert!(matches!(
        status(&[&list], &world.signer, at),
        CertificateStatus::Good(_)
    ));
    assert_eq!(
        status(&[&list], &world.signer, at + Duration::days(31)),
        CertificateStatus::Unknown
    );
    let of_the_root = world.crl(&world.pki.root, &[]);
    assert_eq!(
        status(&[&of_the_root], &world.signer, at),
        CertificateStatus::Unknown
    );
    let mut changed = list.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    if Crl::from_der(&changed).is_ok() {
        assert_eq!(status(&[&changed], &world.signer, at), CertificateStatus::Unknown);
    }
    for cut in 0..list.len() {
        assert!(Crl::from_der(&list[..cut]).is_err());
    }
}
