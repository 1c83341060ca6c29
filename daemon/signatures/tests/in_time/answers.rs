//! What authorities and responders answer, and what of it does not count.

use crate::forge::{self, OCTETS, SEQUENCE, der, oid};
use crate::openssl::{CITIZEN, Identity};
use crate::{NONCE, WORLD, World, algorithm, now, utc};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::Hash;
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::cades::CadesSignature;
use trien_signatures::certificate::Certificate;
use trien_signatures::report::{Reason, SubIndication, TimestampKind};
use trien_signatures::revocation::{
    CertificateStatus, Crl, OcspRequest, OcspResponse, RevocationError, Revocations, SourceKind,
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

/// A revocation is not taken back (RFC 5280, 5.3.1), a hold alone is. So what is not in force any more, or was made when the
/// certificate had expired, says nothing for it, and still all it says against it.
#[test]
fn what_was_revoked_stays_revoked_when_nothing_newer_is_known() {
    let world = &*WORLD;
    let (gone, ca) = (&world.revoked, &world.pki.ca);
    let (at, day) = (now(), Duration::days(1));
    let since = utc(at - day);
    let is_revoked = |status: &CertificateStatus| matches!(status, CertificateStatus::Revoked { .. });
    let list = [Crl::from_der(&world.crl(ca, &[(gone, &since)])).unwrap()];
    for (after, of, revoked) in [
        (Duration::ZERO, gone, true),
        (31 * day, gone, true),
        (31 * day, &world.signer, false),
    ] {
        let status = known(of, &list, &[], at + after, at + 31 * day);
        assert_eq!(is_revoked(&status), revoked, "{after}: {status:?}");
    }
    let (revoked_for_good, on_hold) = (
        (SubIndication::RevokedNoPoe, Reason::CertificateRevoked),
        (SubIndication::TryLater, Reason::CertificateOnHold),
    );
    for (reason, revoked, finding) in [
        ("keyCompromise", true, revoked_for_good),
        ("certificateHold", false, on_hold),
    ] {
        let answer = world.ocsp(
            gone,
            &format!("R\t351231235959Z\t{since},{reason}"),
            &world.responder,
            &["-nmin", "60"],
        );
        let answers = [OcspResponse::from_der(&answer).unwrap()];
        assert!(is_revoked(&known(gone, &[], &answers, at, at)));
        let brought = brought(&[], &answers);
        let embedded = [ca.certificate.clone()];
        let reliance = Reliance::new(&world.pki.anchors, &[], at);
        let verdict = validation::certificate(&gone.certificate, &embedded, &brought, &reliance);
        assert_eq!(verdict.finding, Err(finding));
        let status = known(gone, &[], &answers, at + 2 * day, at + 2 * day);
        assert_eq!(is_revoked(&status), revoked, "{reason}: {status:?}");
    }
}

#[test]
fn of_a_certificate_that_has_expired_only_who_remembers_it_knows_that_it_was_not_revoked() {
    let world = &*WORLD;
    let (shop, ca) = (&world.pki.workshop, &world.pki.ca);
    let key = shop.key("passing", "ec:P-256");
    let words = ["-sha256", "-days", "20"];
    let passing = shop.certify(ca, "passing", &key, CITIZEN, "signer", &words);
    let end = passing.certificate.not_after();
    let (hour, day) = (Duration::hours(1), Duration::days(1));
    let (at, made) = (end - day, end + hour);
    let judge = |lists: &[Crl], answers: &[OcspResponse]| known(&passing, lists, answers, at, end + 2 * day);
    for (made, remembered, good) in [
        (end - hour, None, true),
        (made, None, false),
        (made, Some(end - day), true),
        (made, Some(end + Duration::minutes(1)), false),
    ] {
        let answer = answer(&world.responder, &passing, made, remembered);
        let status = judge(&[], std::slice::from_ref(&answer));
        let found = matches!(status, CertificateStatus::Good(_));
        assert_eq!(found, good, "{made} {remembered:?}: {status:?}");
        // One that says nothing takes no other one's place.
        let question = OcspRequest::new(&passing.certificate, &ca.certificate, &[]);
        assert_eq!(question.accept(answer.as_der(), made).is_ok(), good);
    }
    // On the first list after its end a certificate that was revoked still stands (RFC 5280, 3.3).
    let list = |revoked: &[(&Identity, &str)]| {
        let (this, next) = (utc(made), utc(made + 30 * day));
        let words = ["-crl_lastupdate", &this, "-crl_nextupdate", &next];
        Crl::from_der(&world.crl_with(ca, revoked, &words)).unwrap()
    };
    let (before, after) = (utc(at - day), utc(at + hour));
    assert_eq!(judge(&[list(&[])], &[]), CertificateStatus::Unknown);
    assert!(matches!(
        judge(&[list(&[(&passing, &before)])], &[]),
        CertificateStatus::Revoked { .. }
    ));
    assert!(matches!(
        judge(&[list(&[(&passing, &after)])], &[]),
        CertificateStatus::Good(_)
    ));
}

/// A responder's word about a time when it was good does not count when the responder had been revoked by then.
#[test]
fn an_answer_of_a_responder_that_was_revoked_when_it_gave_it_says_nothing() {
    let world = &*WORLD;
    let (at, day) = (now(), Duration::days(1));
    // Of the usual one nobody needs to ask.
    let shop = &world.pki.workshop;
    let extensions = "[responder]\nbasicConstraints = CA:FALSE\nextendedKeyUsage = OCSPSigning\n";
    shop.write("checked.cnf", extensions.as_bytes());
    let key = shop.key("checked", "rsa:2048");
    let words = ["-sha256", "-extfile", "checked.cnf"];
    let responder = shop.certify(&world.pki.ca, "checked", &key, "/CN=Checked", "responder", &words);
    let answers = [answer(&responder, &world.signer, at + 3 * day, None)];
    for (since, good) in [(at + 2 * day, false), (at + 4 * day, true)] {
        let list = world.crl(&world.pki.ca, &[(&responder, &utc(since))]);
        // The list is older than the answer: what it says of the signer does not come first.
        let lists = [Crl::from_der(&list).unwrap()];
        let status = known(&world.signer, &lists, &answers, at, at + 5 * day);
        let by_the_responder =
            matches!(status, CertificateStatus::Good(source) if source.source == SourceKind::Ocsp);
        assert_eq!(by_the_responder, good, "{status:?}");
    }
}

fn brought(lists: &[Crl], answers: &[OcspResponse]) -> Revocations {
    let mut all = Revocations::default();
    lists.iter().for_each(|list| all.add_crl(list.clone()));
    answers.iter().for_each(|answer| all.add_response(answer.clone()));
    all
}

/// What is known of a certificate at a time, judged later.
fn known(
    of: &Identity,
    lists: &[Crl],
    answers: &[OcspResponse],
    at: OffsetDateTime,
    now: OffsetDateTime,
) -> CertificateStatus {
    let world = &*WORLD;
    let known = brought(lists, answers);
    let reliance = Reliance {
        now,
        revocations: &known,
        ..Reliance::new(&world.pki.anchors, &[], at)
    };
    let embedded = [world.pki.ca.certificate.clone()];
    let verdict = validation::certificate(&of.certificate, &embedded, Revocations::NONE, &reliance);
    verdict
        .statuses
        .first()
        .cloned()
        .unwrap_or(CertificateStatus::Unknown)
}

/// That a certificate is good, said by a responder with a key of RSA-2048 at a time, with how far back it remembers (RFC
/// 6960, 4.2.1 and 4.4.4).
fn answer(
    responder: &Identity,
    of: &Identity,
    at: OffsetDateTime,
    remembered: Option<OffsetDateTime>,
) -> OcspResponse {
    let world = &*WORLD;
    let format = time::macros::format_description!("[year][month][day][hour][minute][second]Z");
    let time = |time: OffsetDateTime| der(0x18, &[time.format(format).unwrap().as_bytes()]);
    // The identifier is the last thing in the question.
    let question = OcspRequest::new(&of.certificate, &world.pki.ca.certificate, &[]);
    let question = question.as_der();
    let hash = [&[SEQUENCE, 9, 6, 5][..], &hex::decode(forge::SHA_1).unwrap()].concat();
    let hash = question.windows(hash.len()).position(|window| window == hash);
    let identifier = &question[hash.unwrap() - 2..];
    let remembered = remembered.map(|since| {
        let extension = der(
            SEQUENCE,
            &[&oid("2b0601050507300106"), &der(OCTETS, &[&time(since)])],
        );
        der(0xA1, &[&der(SEQUENCE, &[&extension])])
    });
    let single = der(
        SEQUENCE,
        &[
            identifier,
            &[0x80, 0],
            &time(at),
            &der(0xA0, &[&time(at + Duration::hours(1))]),
            &remembered.unwrap_or_default(),
        ],
    );
    // The key behind the header of its SubjectPublicKeyInfo.
    let key = Hash::Sha1.digest(&responder.certificate.public_key_der()[24..]);
    let signed = der(
        SEQUENCE,
        &[
            &der(0xA2, &[&der(OCTETS, &[&key])]),
            &time(at),
            &der(SEQUENCE, &[&single]),
        ],
    );
    let with = algorithm(responder);
    let value = world.pki.workshop.sign(responder, with, &signed);
    let basic = der(
        SEQUENCE,
        &[
            &signed,
            &with.identifier_der(),
            &der(0x03, &[&[0], value.as_bytes()]),
            &der(0xA0, &[&der(SEQUENCE, &[responder.certificate.as_der()])]),
        ],
    );
    OcspResponse::from_basic_der(&basic).unwrap()
}
