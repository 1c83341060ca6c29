//! What a time that is proven means for a certificate that ended or was revoked: every sub-indication in time.

use crate::openssl::{self, Identity};
use crate::{CONTENT, WORLD, now, utc};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::Hash;
use trien_signatures::cades;
use trien_signatures::report::{
    Format, Indication, Reason, RevocationStatus, SignatureReport, SubIndication, TimestampKind, Warning,
};
use trien_signatures::revocation::{Crl, Revocations};
use trien_signatures::timestamp::{Imprint, TimestampToken};
use trien_signatures::trust::Reliance;
use trien_signatures::validation::{self, Evidence, Stamped};

#[test]
fn a_time_stamp_proves_that_a_signature_was_there_before_the_revocation() {
    let world = &*WORLD;
    let signed = world.raise(&world.sign(&world.revoked, true), TimestampKind::Signature);
    let judge = |since: OffsetDateTime| {
        let crl = world.crl(&world.pki.ca, &[(&world.revoked, &utc(since))]);
        let mut known = Revocations::default();
        known.add_crl(Crl::from_der(&crl).unwrap());
        let at = OffsetDateTime::now_utc();
        let reliance = Reliance {
            revocations: &known,
            ..Reliance::new(&world.pki.anchors, &[], at)
        };
        cades::verify(&signed, Some(CONTENT), &reliance)
            .unwrap()
            .signatures
            .remove(0)
    };
    let before = judge(now() - Duration::days(1));
    assert_eq!(before.sub_indication, Some(SubIndication::RevokedNoPoe));
    assert_eq!(before.reason, Some(Reason::CertificateRevoked));
    assert_eq!(before.revocation_status, RevocationStatus::Revoked);
    // It was looked at, and this is what was found.
    assert!(!before.warnings.contains(&Warning::RevocationNotChecked));
    let after = judge(now() + Duration::hours(1));
    assert_eq!(after.indication, Indication::TotalPassed, "{after:#?}");
}

#[test]
fn a_content_time_stamp_counts_against_a_signature_only_when_it_is_later_than_the_revocation() {
    let world = &*WORLD;
    let content = Imprint::of(Hash::Sha256, CONTENT);
    let stamps = [Stamped {
        kind: TimestampKind::Content,
        token: Some(world.stamp(&content)),
        about_this: Some(true),
    }];
    let judge = |since: OffsetDateTime, at: OffsetDateTime| {
        let crl = world.crl(&world.pki.ca, &[(&world.revoked, &utc(since))]);
        let mut known = Revocations::default();
        known.add_crl(Crl::from_der(&crl).unwrap());
        let reliance = Reliance {
            revocations: &known,
            ..Reliance::new(&world.pki.anchors, &[], at)
        };
        let embedded = [world.pki.ca.certificate.clone()];
        let evidence = Evidence {
            signer: &world.revoked.certificate,
            claimed: None,
            embedded: &embedded,
            brought: Revocations::NONE,
            timestamps: &stamps,
        };
        let mut report = SignatureReport::new(Format::Cades);
        validation::judge(&evidence, &reliance, &mut report)
            .unwrap_err()
            .0
    };
    let (day, at) = (Duration::days(1), now());
    assert_eq!(judge(at - day, at + day), SubIndication::Revoked);
    // The signature may have been made between the stamp and the revocation: with a proof of that it would pass.
    assert_eq!(judge(at + day, at + 2 * day), SubIndication::RevokedNoPoe);
}

/// What OpenSSL's authority would have said in some hours: its words with another time, signed by its key.
fn stamp_in(hours: i64, imprint: &Imprint) -> TimestampToken {
    let world = &*WORLD;
    let shop = &world.pki.workshop;
    let token = world.stamp(imprint);
    shop.write("early.der", token.as_der());
    let options = "-noverify -binary -inform DER -in early.der -out early.tst";
    let run = |verb: &str, options: &str| {
        let all = format!("cms {verb} {options}");
        shop.run(&all.split(' ').collect::<Vec<_>>());
    };
    run("-verify", options);
    let mut info = std::fs::read(shop.path("early.tst")).unwrap();
    let format = time::macros::format_description!("[year][month][day][hour][minute][second]Z");
    let [from, to] = [token.time(), token.time() + Duration::hours(hours)];
    let [from, to] = [from, to].map(|time| time.format(format).unwrap());
    let place = info
        .windows(from.len())
        .position(|window| window == from.as_bytes());
    info[place.unwrap()..][..from.len()].copy_from_slice(to.as_bytes());
    shop.write("late.tst", &info);
    run(
        "-sign",
        "-binary -nodetach -cades -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 -in late.tst -signer tsa.crt \
         -inkey tsa.key -outform DER -out late.der",
    );
    TimestampToken::from_der(&std::fs::read(shop.path("late.der")).unwrap()).unwrap()
}

#[test]
fn every_situation_has_its_sub_indication() {
    use SubIndication as Said;
    use TimestampKind::{Archive, Content, Signature};
    let world = &*WORLD;
    let shop = &world.pki.workshop;
    let imprint = Imprint::of(Hash::Sha256, CONTENT);
    let [early, late, long_after] = [
        world.stamp(&imprint),
        stamp_in(1, &imprint),
        stamp_in(21 * 24, &imprint),
    ];
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let lasting = |name: &str, days: &str| {
        let key = shop.key(name, "ec:P-256");
        let options = ["-sha256", "-days", days];
        shop.certify(&world.pki.ca, name, &key, openssl::CITIZEN, "signer", &options)
    };
    // Made after the first time-stamp; for less than a list is in force; and over at once.
    let [young, brief, over] =
        [("young", "1000"), ("brief", "20"), ("over", "0")].map(|(n, d)| lasting(n, d));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let afterwards = world.stamp(&imprint);
    let day = Duration::days(1);
    let at = now();
    let ago = utc(at - day);
    let [nobody, signer_revoked, ca_revoked] = [
        world.crl(&world.pki.ca, &[]),
        world.crl(&world.pki.ca, &[(&world.signer, &ago)]),
        world.crl(&world.pki.root, &[(&world.pki.ca, &ago)]),
    ];
    let judge = |signer: &Identity, stamps: &[(TimestampKind, &TimestampToken)], crl: Option<&[u8]>, at| {
        let mut known = Revocations::default();
        if let Some(crl) = crl {
            known.add_crl(Crl::from_der(crl).unwrap());
        }
        let reliance = Reliance {
            revocations: &known,
            ..Reliance::new(&world.pki.anchors, &[], at)
        };
        let embedded = [world.pki.ca.certificate.clone()];
        let stamps: Vec<Stamped> = stamps
            .iter()
            .map(|(kind, token)| Stamped {
                kind: *kind,
                token: Some((*token).clone()),
                about_this: Some(true),
            })
            .collect();
        let evidence = Evidence {
            signer: &signer.certificate,
            claimed: None,
            embedded: &embedded,
            brought: Revocations::NONE,
            timestamps: &stamps,
        };
        let mut report = SignatureReport::new(Format::Cades);
        let verdict = validation::judge(&evidence, &reliance, &mut report);
        // Nothing here is by SHA-1: where it is let in, nothing changes and nothing is marked.
        let with_sha1 = Reliance {
            sha1: true,
            ..reliance
        };
        let mut marked = SignatureReport::new(Format::Cades);
        assert_eq!(validation::judge(&evidence, &with_sha1, &mut marked), verdict);
        assert_eq!(marked, report);
        (verdict.err().map(|(said, _)| said), report.revocation_status)
    };
    let an = &world.signer;
    let (soon, in_three_weeks) = (at + Duration::hours(2), at + 21 * day);
    let before = an.certificate.not_before() - day;
    type Stamps<'a> = &'a [(TimestampKind, &'a TimestampToken)];
    type Situation<'a> = (
        &'a str,
        &'a Identity,
        Stamps<'a>,
        Option<&'a [u8]>,
        OffsetDateTime,
        Option<Said>,
    );
    let situations: [Situation<'_>; 17] = [
        (
            "nothing against it",
            an,
            &[(Signature, &early)],
            Some(&nobody),
            soon,
            None,
        ),
        (
            "stamped before its time",
            &young,
            &[(Signature, &early)],
            None,
            soon,
            Some(Said::NotYetValid),
        ),
        (
            "judged before its time",
            an,
            &[],
            None,
            before,
            Some(Said::OutOfBoundsNoPoe),
        ),
        (
            "over, nothing known",
            &brief,
            &[],
            None,
            in_three_weeks,
            Some(Said::OutOfBoundsNoPoe),
        ),
        (
            "over, never revoked",
            &brief,
            &[],
            Some(&nobody),
            in_three_weeks,
            Some(Said::OutOfBoundsNotRevoked),
        ),
        (
            "over, stamped in time",
            &brief,
            &[(Signature, &afterwards)],
            Some(&nobody),
            in_three_weeks,
            None,
        ),
        (
            "stamped when it was over, nothing known",
            &over,
            &[(Signature, &afterwards)],
            None,
            soon,
            Some(Said::OutOfBoundsNoPoe),
        ),
        (
            "stamped when it was over, never revoked",
            &brief,
            &[(Signature, &long_after)],
            Some(&nobody),
            in_three_weeks + day,
            Some(Said::OutOfBoundsNotRevoked),
        ),
        (
            "made when it was over",
            &over,
            &[(Content, &afterwards)],
            None,
            soon,
            Some(Said::Expired),
        ),
        (
            "revoked",
            an,
            &[],
            Some(&signer_revoked),
            soon,
            Some(Said::RevokedNoPoe),
        ),
        (
            "revoked before",
            an,
            &[(Signature, &early)],
            Some(&signer_revoked),
            soon,
            Some(Said::RevokedNoPoe),
        ),
        (
            "made when revoked",
            an,
            &[(Content, &early)],
            Some(&signer_revoked),
            soon,
            Some(Said::Revoked),
        ),
        (
            "the authority revoked",
            an,
            &[],
            Some(&ca_revoked),
            soon,
            Some(Said::RevokedCaNoPoe),
        ),
        (
            "in order",
            an,
            &[(Content, &early), (Signature, &late), (Archive, &late)],
            None,
            soon,
            None,
        ),
        (
            "content last",
            an,
            &[(Content, &late), (Signature, &early)],
            None,
            soon,
            Some(Said::TimestampOrderFailure),
        ),
        (
            "archive first",
            an,
            &[(Signature, &late), (Archive, &early)],
            None,
            soon,
            Some(Said::TimestampOrderFailure),
        ),
        (
            "archive before the archive",
            an,
            &[(Archive, &late), (Archive, &early)],
            None,
            soon,
            Some(Said::TimestampOrderFailure),
        ),
    ];
    for (situation, signer, stamps, crl, at, said) in situations {
        let (found, revocation) = judge(signer, stamps, crl, at);
        assert_eq!(found, said, "{situation}");
        if found == Some(Said::OutOfBoundsNotRevoked) {
            assert_eq!(
                revocation,
                RevocationStatus::Incomplete,
                "of the authority nothing is known"
            );
        }
    }
    // Which of them are final (EN 319 102-1, table 6).
    for said in [Said::Expired, Said::Revoked, Said::NotYetValid] {
        assert_eq!(said.indication(), Indication::TotalFailed);
    }
    for said in [
        Said::OutOfBoundsNotRevoked,
        Said::TimestampOrderFailure,
        Said::RevokedCaNoPoe,
    ] {
        assert_eq!(said.indication(), Indication::Indeterminate);
    }
}

#[test]
fn revocation_that_is_required_and_not_known_is_no_pass() {
    let world = &*WORLD;
    let signed = world.sign(&world.signer, true);
    let reliance = Reliance {
        require_revocation: true,
        ..world.pki.reliance()
    };
    let report = cades::verify(&signed, Some(CONTENT), &reliance).unwrap();
    assert_eq!(report.signatures[0].sub_indication, Some(SubIndication::TryLater));
    assert_eq!(report.signatures[0].reason, Some(Reason::RevocationUnknown));
}
