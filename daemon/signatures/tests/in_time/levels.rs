//! CAdES at every level: attached and beside its content, held and in a stream, alone and with others.

use crate::forge::{self, Forge};
use crate::{CONTENT, WORLD, algorithm, now};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::Hash;
use trien_signatures::augment::Augment;
use trien_signatures::cades::{self, CadesRequest, CadesSignature, Container, Digests, FurtherRequest};
use trien_signatures::material::ValidationMaterial;
use trien_signatures::report::{
    Format, Level, Reason, RevocationStatus, SubIndication, TimestampKind, Warning,
};
use trien_signatures::revocation::{Crl, OcspResponse, Revocations};
use trien_signatures::signing::Prepared;
use trien_signatures::trust::Reliance;

/// countersignature (RFC 5652, 11.4)
const COUNTER_SIGNATURE: &str = "2a864886f70d010906";

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
fn what_only_this_computer_knows_counts_for_the_verdict_and_not_for_the_level() {
    let world = &*WORLD;
    let stamped = world.raise(&world.sign(&world.signer, true), TimestampKind::Signature);
    let whole = world.material();
    let mut known = Revocations::default();
    for answer in &whole.ocsp_responses {
        known.add_response(OcspResponse::from_der(answer).unwrap());
    }
    for crl in &whole.crls {
        known.add_crl(Crl::from_der(crl).unwrap());
    }
    let [of_ca, of_root] = [0, 1].map(|place| whole.crls[place].clone());
    let part = |crls: &[&Vec<u8>], answers: &[Vec<u8>]| ValidationMaterial {
        certificates: whole.certificates.clone(),
        crls: crls.iter().map(|crl| (*crl).clone()).collect(),
        ocsp_responses: answers.to_vec(),
    };
    for (brought, level) in [
        (part(&[], &[]), Level::BT),
        (part(&[&of_root], &[]), Level::BT),
        (part(&[&of_ca], &[]), Level::BT),
        (part(&[], &whole.ocsp_responses), Level::BT),
        (part(&[&of_root], &whole.ocsp_responses), Level::BLT),
        (part(&[&of_root, &of_ca], &[]), Level::BLT),
    ] {
        let opened = CadesSignature::open(&stamped, Vec::new()).unwrap();
        let long = opened.add_material(&brought).unwrap();
        let reliance = Reliance {
            revocations: &known,
            ..Reliance::new(&world.pki.anchors, &[], OffsetDateTime::now_utc())
        };
        let report = cades::verify(&long, Some(CONTENT), &reliance).unwrap();
        let signature = &report.signatures[0];
        assert_eq!(signature.revocation_status, RevocationStatus::Good);
        assert_eq!(signature.level, Some(level), "{signature:#?}");
        let alone = world.verify(&long, OffsetDateTime::now_utc());
        assert_eq!(
            alone.signatures[0].level,
            Some(level),
            "with nothing but the root"
        );
    }
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

/// A counter-signature may be confirmed in its turn (RFC 5652, 11.4), and one that is not read might say anything.
#[test]
fn a_confirmation_of_a_confirmation_is_judged_too() {
    let world = &*WORLD;
    let over = |value: &[u8]| {
        let mut made = Forge::new(&world.pki, &world.signer, algorithm(&world.signer));
        made.remove(forge::CONTENT_TYPE);
        made.replace(forge::MESSAGE_DIGEST, forge::message_digest(value));
        with_value(made)
    };
    let countered = |mut signature: Forge<'static>, counters: &[Vec<u8>]| {
        let values: Vec<&[u8]> = counters.iter().map(Vec::as_slice).collect();
        signature.unsigned = vec![forge::attribute(COUNTER_SIGNATURE, &values)];
        signature
    };
    let judge = |signature: &Forge<'_>| {
        let report = cades::verify(&signature.make(), Some(forge::CONTENT), &world.pki.reliance()).unwrap();
        let said = report.signatures.iter().map(|one| (one.format, one.reason));
        said.collect::<Vec<_>>()
    };
    let first = with_value(Forge::new(&world.pki, &world.signer, algorithm(&world.signer)));
    let second = over(first.value.as_ref().unwrap());
    for (about, reason) in [
        (second.value.clone().unwrap(), None),
        (b"another".to_vec(), Some(Reason::MessageDigestMismatch)),
    ] {
        let second = countered(second.clone(), &[over(&about).signer_info()]);
        let said = judge(&countered(first.clone(), &[second.signer_info()]));
        let expected = [
            (Format::Cades, None),
            (Format::CounterSignature, None),
            (Format::CounterSignature, reason),
        ];
        assert_eq!(said, expected);
    }
    // No more than so many are looked at, and that is said.
    let mut many = countered(first, &vec![second.signer_info(); 40]);
    many.unsigned.push(many.unsigned[0].clone());
    let said = judge(&many);
    assert_eq!(said.len(), 66);
    assert_eq!(said[64].1, None);
    assert_eq!(said[65].1, Some(Reason::TooManySignatures));
}

/// One whose value is known before it is written.
fn with_value(mut signature: Forge<'static>) -> Forge<'static> {
    let signed = WORLD
        .pki
        .workshop
        .sign(signature.signer, signature.algorithm, &signature.to_be_signed());
    signature.value = Some(signed.as_bytes().to_vec());
    signature
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
