//! Signatures in time: time-stamps, CRLs and OCSP answers by OpenSSL, levels up to B-LTA, and what must not be believed.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod openssl;

use std::sync::LazyLock;

use openssl::{Identity, Pki};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::cades::{self, CadesRequest, CadesSignature, Container, Digests, FurtherRequest};
use trien_signatures::certificate::Certificate;
use trien_signatures::material::ValidationMaterial;
use trien_signatures::report::{
    Format, Indication, Level, Reason, Report, RevocationStatus, SignatureReport, SubIndication,
    TimestampKind, Warning,
};
use trien_signatures::revocation::{
    CertificateStatus, Crl, OcspRequest, OcspResponse, RevocationError, Revocations,
};
use trien_signatures::signing::Prepared;
use trien_signatures::timestamp::{Imprint, TimestampError, TimestampRequest, TimestampToken};
use trien_signatures::trust::Reliance;
use trien_signatures::validation::{self, Evidence, Stamped};

const CONTENT: &[u8] = "Kính gửi: Sở Tư pháp. Hồ sơ số 12/2026.\n".as_bytes();
const NONCE: [u8; 8] = [0x41, 2, 3, 4, 5, 6, 7, 8];

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// A PKI with an authority for time-stamps, a responder, and people.
struct World {
    pki: Pki,
    signer: Identity,
    revoked: Identity,
    authority: Identity,
    responder: Identity,
}

impl World {
    fn new() -> Self {
        let pki = Pki::new();
        let shop = &pki.workshop;
        let key = shop.key("tsa", "rsa:2048");
        // Longer than the people's.
        let authority = shop.certify(
            &pki.root,
            "tsa",
            &key,
            "/C=VN/CN=Test TSA",
            "tsa",
            &["-sha256", "-days", "3000"],
        );
        let responder = shop.issue(&pki.ca, "ocsp", "rsa:2048", "/C=VN/CN=Test OCSP", "responder");
        let signer = pki.leaf("an", "rsa:2048");
        let revoked = pki.leaf("binh", "ec:P-256");
        for name in ["tsa", "tsa-weak"] {
            let config = format!(
                "[tsa]\ndefault_tsa = t\n[t]\nserial = ./{name}.serial\ncrypto_device = builtin\nsigner_cert = {name}.crt\n\
                 certs = root.crt\nsigner_key = {name}.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
                 other_policies = 1.2.3.4.2\ndigests = sha256,sha384,sha512\naccuracy = secs:1\ness_cert_id_chain = no\n\
                 ess_cert_id_alg = sha256\n"
            );
            shop.write(&format!("{name}.cnf"), config.as_bytes());
        }
        shop.issue(
            &pki.root,
            "tsa-weak",
            "rsa:2048",
            "/C=VN/CN=Weak TSA",
            "tsa_not_critical",
        );
        Self {
            signer,
            revoked,
            authority,
            responder,
            pki,
        }
    }

    fn sign(&self, signer: &Identity, detached: bool) -> Vec<u8> {
        let prepared = cades::prepare(&CadesRequest {
            content: CONTENT,
            detached,
            signer: &signer.certificate,
            chain: std::slice::from_ref(&self.pki.ca.certificate),
            algorithm: algorithm(signer),
            signing_time: now(),
        })
        .unwrap();
        let value = self
            .pki
            .workshop
            .sign(signer, prepared.algorithm(), prepared.to_be_signed());
        prepared.finish(value).unwrap()
    }

    /// What OpenSSL's authority answers.
    fn answer(&self, request: &[u8], configuration: &str) -> Vec<u8> {
        static NEXT: std::sync::Mutex<u32> = std::sync::Mutex::new(0);
        let mut number = NEXT.lock().unwrap();
        *number += 1;
        let query = self.pki.workshop.write(&format!("query-{number}.tsq"), request);
        let answer = self.pki.workshop.path(&format!("answer-{number}.tsr"));
        self.pki.workshop.run(&[
            "ts",
            "-reply",
            "-config",
            &format!("{configuration}.cnf"),
            "-queryfile",
            query.to_str().unwrap(),
            "-out",
            answer.to_str().unwrap(),
        ]);
        std::fs::read(answer).unwrap()
    }

    fn stamp(&self, imprint: &Imprint) -> TimestampToken {
        let request = TimestampRequest::new(imprint.clone(), &NONCE, None).unwrap();
        request
            .accept(
                &self.answer(request.as_der(), "tsa"),
                &[],
                OffsetDateTime::now_utc(),
            )
            .unwrap()
    }

    fn raise(&self, signed: &[u8], kind: TimestampKind) -> Vec<u8> {
        let opened = CadesSignature::open(signed, vec![Imprint::of(Hash::Sha256, CONTENT)]).unwrap();
        let prepared = opened.prepare_timestamp(kind, Hash::Sha256).unwrap();
        let token = self.stamp(prepared.imprint());
        prepared.finish(&token).unwrap()
    }

    /// A list by one of the authorities, with these revoked.
    fn crl(&self, issuer: &Identity, revoked: &[(&Identity, &str)]) -> Vec<u8> {
        let index: String = revoked
            .iter()
            .map(|(one, since)| {
                let serial = one.certificate.serial_hex().to_uppercase();
                format!("R\t351231235959Z\t{since},keyCompromise\t{serial}\tunknown\t/CN=x\n")
            })
            .collect();
        let name = format!("{}-{}", issuer.name, revoked.len());
        let shop = &self.pki.workshop;
        shop.write(&format!("{name}.index"), index.as_bytes());
        shop.write(&format!("{name}.number"), b"01\n");
        let config = format!(
            "[ca]\ndefault_ca = c\n[c]\ndatabase = {name}.index\ncrlnumber = {name}.number\ndefault_md = sha256\n\
             default_crl_days = 30\ncrl_extensions = e\n[e]\nauthorityKeyIdentifier = keyid\n"
        );
        shop.write(&format!("{name}.cnf"), config.as_bytes());
        let certificate = format!("{}.crt", issuer.name);
        shop.run(&[
            "ca",
            "-gencrl",
            "-config",
            &format!("{name}.cnf"),
            "-cert",
            &certificate,
            "-keyfile",
            issuer.key.to_str().unwrap(),
            "-out",
            &format!("{name}.crl"),
        ]);
        shop.run(&[
            "crl",
            "-in",
            &format!("{name}.crl"),
            "-outform",
            "DER",
            "-out",
            &format!("{name}.crl.der"),
        ]);
        std::fs::read(shop.path(&format!("{name}.crl.der"))).unwrap()
    }

    /// What OpenSSL's responder answers about a certificate of the CA, of which it knows this status; nothing if it is
    /// empty.
    fn ocsp(&self, asked: &Identity, status: &str, responder: &Identity, options: &[&str]) -> Vec<u8> {
        let request = OcspRequest::new(&asked.certificate, &self.pki.ca.certificate, &[]);
        let known = status.chars().next().unwrap_or('u');
        let name = format!("{}-{known}-{}", asked.name, responder.name);
        let shop = &self.pki.workshop;
        let serial = asked.certificate.serial_hex().to_uppercase();
        let line = match status {
            "" => String::new(),
            status => format!("{status}\t{serial}\tunknown\t/CN=x\n"),
        };
        shop.write(&format!("{name}.index"), line.as_bytes());
        shop.write(&format!("{name}.req"), request.as_der());
        let mut arguments = vec!["ocsp", "-index"];
        let (index, query, answer) = (
            format!("{name}.index"),
            format!("{name}.req"),
            format!("{name}.resp"),
        );
        let certificate = format!("{}.crt", responder.name);
        arguments.extend([
            index.as_str(),
            "-CA",
            "ca.crt",
            "-rsigner",
            &certificate,
            "-rkey",
            responder.key.to_str().unwrap(),
            "-reqin",
            &query,
            "-respout",
            &answer,
        ]);
        arguments.extend(options);
        shop.run(&arguments);
        std::fs::read(shop.path(&answer)).unwrap()
    }

    fn material(&self) -> ValidationMaterial {
        ValidationMaterial {
            certificates: vec![self.authority.certificate.as_der().to_vec()],
            crls: vec![self.crl(&self.pki.ca, &[]), self.crl(&self.pki.root, &[])],
            ocsp_responses: vec![self.ocsp(
                &self.signer,
                "V\t351231235959Z\t",
                &self.responder,
                &["-nmin", "60"],
            )],
        }
    }

    fn verify(&self, signed: &[u8], at: OffsetDateTime) -> Report {
        cades::verify(signed, Some(CONTENT), &Reliance::new(&self.pki.anchors, &[], at)).unwrap()
    }
}

fn algorithm(signer: &Identity) -> SignatureAlgorithm {
    SignatureAlgorithm::for_key(signer.certificate.public_key(), RsaPadding::Pkcs1, Hash::Sha256).unwrap()
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap()
}

fn utc(time: OffsetDateTime) -> String {
    let format = time::macros::format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    time.format(format).unwrap()
}

#[test]
fn every_level_is_reached_and_holds_when_the_certificate_has_expired() {
    let world = &*WORLD;
    let basic = world.sign(&world.signer, true);
    let stamped = world.raise(&basic, TimestampKind::Signature);
    let opened = CadesSignature::open(&stamped, Vec::new()).unwrap();
    let proven = opened.to_be_proven().unwrap();
    assert_eq!(proven.leaves.len(), 2, "the signer and the authority");
    let long = opened.add_material(&world.material()).unwrap();
    assert!(
        CadesSignature::open(&long, Vec::new())
            .unwrap()
            .add_material(&world.material())
            .unwrap()
            .len()
            >= long.len()
    );
    let archived = world.raise(&long, TimestampKind::Archive);
    let renewed = world.raise(&archived, TimestampKind::Archive);

    let expired = world.signer.certificate.not_after() + Duration::days(1);
    for (signed, level, later) in [
        (&basic, Level::BB, false),
        (&stamped, Level::BT, true),
        (&long, Level::BLT, true),
        (&archived, Level::BLTA, true),
        (&renewed, Level::BLTA, true),
    ] {
        let report = world.verify(signed, OffsetDateTime::now_utc());
        let signature = &report.signatures[0];
        assert!(report.valid(), "{level:?}: {signature:#?}");
        assert_eq!(signature.level, Some(level));
        assert_eq!(signature.best_signature_time.is_some(), level >= Level::BT);
        world
            .pki
            .workshop
            .accepts(signed, Some(CONTENT), &world.pki.root)
            .unwrap();
        let report = world.verify(signed, expired);
        // The time that an authority proves still counts when the signer's certificate has ended.
        assert_eq!(report.valid(), later, "{level:?}");
    }
    let report = world.verify(&long, OffsetDateTime::now_utc());
    assert_eq!(report.signatures[0].revocation_status, RevocationStatus::Good);
    assert!(
        !report.signatures[0]
            .warnings
            .contains(&Warning::SigningTimeNotProven)
    );
}

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
    let [early, late] = [world.stamp(&imprint), stamp_in(1, &imprint)];
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
    let situations: [Situation<'_>; 15] = [
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

#[test]
fn parallel_and_counter_signatures_stand_beside_the_first() {
    let world = &*WORLD;
    for detached in [true, false] {
        let first = world.sign(&world.signer, detached);
        let request = FurtherRequest {
            signer: &world.revoked.certificate,
            chain: std::slice::from_ref(&world.pki.ca.certificate),
            algorithm: algorithm(&world.revoked),
            signing_time: now(),
        };
        let digest = detached.then(|| Hash::Sha256.digest(CONTENT));
        let finish = |prepared: cades::PreparedFurther| {
            let value =
                world
                    .pki
                    .workshop
                    .sign(&world.revoked, prepared.algorithm(), prepared.to_be_signed());
            prepared.finish(value).unwrap()
        };
        let both = finish(cades::prepare_parallel(&first, digest, &request).unwrap());
        let countered = finish(cades::prepare_counter(&both, 0, &request).unwrap());
        let content = detached.then_some(CONTENT);
        let report = cades::verify(&countered, content, &world.pki.reliance()).unwrap();
        assert!(report.valid(), "{report:#?}");
        let formats: Vec<Format> = report.signatures.iter().map(|one| one.format).collect();
        assert_eq!(formats.len(), 3);
        assert_eq!(
            formats
                .iter()
                .filter(|one| **one == Format::CounterSignature)
                .count(),
            1
        );
        world
            .pki
            .workshop
            .accepts(&both, content, &world.pki.root)
            .unwrap();
        world
            .pki
            .workshop
            .accepts(&countered, content, &world.pki.root)
            .unwrap();
    }
}

#[test]
fn a_content_that_is_not_held_is_signed_and_checked_in_a_stream() {
    use std::io::{Cursor, Read};
    let world = &*WORLD;
    let content = vec![b'x'; 300_000];
    let digests = Digests::of(&mut content.as_slice(), &[Hash::Sha256]).unwrap();
    let request = CadesRequest {
        content: &[],
        detached: true,
        signer: &world.signer.certificate,
        chain: std::slice::from_ref(&world.pki.ca.certificate),
        algorithm: algorithm(&world.signer),
        signing_time: now(),
    };
    let prepared = cades::prepare_digest(&request, digests.get(Hash::Sha256).unwrap()).unwrap();
    let value = world
        .pki
        .workshop
        .sign(&world.signer, prepared.algorithm(), prepared.to_be_signed());
    let (head, tail) = prepared.finish_around(value, digests.length()).unwrap();
    let ours = [head.as_slice(), &content, &tail].concat();
    assert_eq!(
        world.pki.workshop.accepts(&ours, None, &world.pki.root).unwrap(),
        content
    );
    let file = world.pki.workshop.write("streamed.bin", &content);
    let theirs = world.pki.workshop.run(&[
        "cms",
        "-sign",
        "-cades",
        "-binary",
        "-nodetach",
        "-stream",
        "-outform",
        "DER",
        "-md",
        "sha256",
        "-signer",
        "an.crt",
        "-inkey",
        "an.key",
        "-certfile",
        "ca.crt",
        "-in",
        file.to_str().unwrap(),
    ]);
    for attached in [ours, theirs] {
        let mut file = Cursor::new(&attached);
        let container = Container::open(&mut file).unwrap();
        assert_eq!(container.content_length(), Some(content.len() as u64));
        let mut read = Vec::new();
        container
            .content(&mut file)
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, content);
        let digests = Digests::of(&mut read.as_slice(), &container.hashes()).unwrap();
        let report =
            cades::verify_digests(container.skeleton(), Some(&digests), false, &world.pki.reliance())
                .unwrap();
        assert!(report.valid(), "{report:#?}");
        // Raised without the content being held, and whole again.
        let opened = CadesSignature::open(container.skeleton(), digests.imprints().to_vec()).unwrap();
        let prepared = opened
            .prepare_timestamp(TimestampKind::Archive, Hash::Sha256)
            .unwrap();
        let token = world.stamp(prepared.imprint());
        let skeleton = prepared.finish(&token).unwrap();
        let mut whole = Vec::new();
        container.write(&skeleton, &mut file, &mut whole).unwrap();
        let report = cades::verify(&whole, None, &world.pki.reliance()).unwrap();
        assert_eq!(report.signatures[0].level, Some(Level::BT), "{report:#?}");
        world.pki.workshop.accepts(&whole, None, &world.pki.root).unwrap();
        // One changed byte of the content is seen.
        let mut changed = attached.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        let container = Container::open(&mut Cursor::new(&changed)).unwrap();
        let mut file = Cursor::new(&changed);
        let digests = Digests::of(&mut container.content(&mut file).unwrap(), &container.hashes()).unwrap();
        let report =
            cades::verify_digests(container.skeleton(), Some(&digests), false, &world.pki.reliance())
                .unwrap();
        assert_eq!(
            report.signatures[0].sub_indication,
            Some(SubIndication::HashFailure)
        );
    }
}

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
