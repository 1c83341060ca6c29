//! Time-stamps that CAdES of others has beside those we make: of the content, over references, and version 2 of the
//! archive's. What each is about is put together here, octet by octet.

use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::Hash;
use trien_signatures::cades::{self, Digests};
use trien_signatures::report::{Level, Reason, Report, SignatureReport, TimestampKind, Warning};
use trien_signatures::timestamp::Imprint;
use trien_signatures::trust::Reliance;

use crate::forge::{self, CONTENT, Forge, OCTETS, SEQUENCE, SET, der, oid};
use crate::{WORLD, algorithm};

const CONTENT_STAMP: &str = "2a864886f70d0109100214";
const SIGNATURE_STAMP: &str = "2a864886f70d010910020e";
const CERTIFICATE_REFS: &str = "2a864886f70d0109100215";
const REVOCATION_REFS: &str = "2a864886f70d0109100216";
const SIGNATURE_AND_REFS: &str = "2a864886f70d0109100219";
const REFS_ONLY: &str = "2a864886f70d010910021a";
const ARCHIVE_2: &str = "2a864886f70d0109100230";

const WRONG: Option<Reason> = Some(Reason::TimestampImprintMismatch);

/// A token about these octets.
fn token(about: &[u8]) -> Vec<u8> {
    WORLD.stamp(&Imprint::of(Hash::Sha256, about)).as_der().to_vec()
}

/// Type and values of an attribute, as time-stamps over it take them.
fn body(contents: &str, value: &[u8]) -> Vec<u8> {
    [oid(contents), der(SET, &[value])].concat()
}

fn attribute(contents: &str, value: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[&body(contents, value)])
}

/// `OtherHash` of something.
fn other_hash(of: &[u8]) -> Vec<u8> {
    let digest = der(OCTETS, &[&Hash::Sha256.digest(of)]);
    der(SEQUENCE, &[&Hash::Sha256.identifier_der(), &digest])
}

/// A signature by others with each kind of time-stamp.
struct Others {
    signature: Vec<u8>,
    certificates: Vec<u8>,
    revocation: Vec<u8>,
    forge: Forge<'static>,
}

impl Others {
    fn new() -> Self {
        let world = &*WORLD;
        let mut forge = Forge::new(&world.pki, &world.signer, algorithm(&world.signer));
        forge.attributes().push(attribute(CONTENT_STAMP, &token(CONTENT)));
        forge
            .certificates
            .push(world.authority.certificate.as_der().to_vec());
        forge.revocation = vec![world.crl(&world.pki.ca, &[]), world.crl(&world.pki.root, &[])];
        let value = world
            .pki
            .workshop
            .sign(&world.signer, forge.algorithm, &forge.to_be_signed());
        forge.value = Some(value.as_bytes().to_vec());
        let ca = other_hash(world.pki.ca.certificate.as_der());
        let certificates = der(SEQUENCE, &[&der(SEQUENCE, &[&ca])]);
        let crl = der(SEQUENCE, &[&other_hash(&forge.revocation[0])]);
        let list = der(SEQUENCE, &[&der(SEQUENCE, &[&crl])]);
        let revocation = der(SEQUENCE, &[&der(SEQUENCE, &[&der(0xA0, &[&list])])]);
        Self {
            signature: value.as_bytes().to_vec(),
            certificates,
            revocation,
            forge,
        }
    }

    fn references(&self) -> Vec<u8> {
        let certificates = body(CERTIFICATE_REFS, &self.certificates);
        [certificates, body(REVOCATION_REFS, &self.revocation)].concat()
    }

    /// Tokens of the signature, of both, and of the references.
    fn tokens(&self) -> [Vec<u8>; 3] {
        let own = token(&self.signature);
        let stamped = body(SIGNATURE_STAMP, &own);
        let both = token(&[self.signature.clone(), stamped, self.references()].concat());
        [own, both, token(&self.references())]
    }

    fn with(&self, [own, both, references]: &[Vec<u8>; 3]) -> Forge<'static> {
        let mut forge = self.forge.clone();
        forge.unsigned = vec![
            attribute(SIGNATURE_STAMP, own),
            attribute(CERTIFICATE_REFS, &self.certificates),
            attribute(REVOCATION_REFS, &self.revocation),
            attribute(SIGNATURE_AND_REFS, both),
            attribute(REFS_ONLY, references),
        ];
        forge
    }
}

/// What an archive-time-stamp-v2 over a signature is about; without the header of the unsigned attributes as annex K
/// once had it.
fn archived(forge: &Forge<'_>, with_header: bool) -> Vec<u8> {
    let mut bare = forge.clone();
    let unsigned = std::mem::take(&mut bare.unsigned).concat();
    let unsigned = if with_header {
        der(0xA1, &[&unsigned])
    } else {
        unsigned
    };
    let (encapsulated, beside) = match &forge.content {
        Some(content) => (der(0xA0, &[&der(OCTETS, &[content])]), &b""[..]),
        None => (Vec::new(), CONTENT),
    };
    [
        der(SEQUENCE, &[&forge.content_type, &encapsulated]),
        beside.to_vec(),
        der(0xA0, &[&forge.certificates.concat()]),
        der(0xA1, &[&forge.revocation.concat()]),
        forge::contents(&bare.signer_info()).to_vec(),
        unsigned,
    ]
    .concat()
}

fn judged(forge: &Forge<'_>) -> SignatureReport {
    let content = forge.content.is_none().then_some(CONTENT);
    let report = cades::verify(&forge.make(), content, &soon()).unwrap();
    genuine(report)
}

/// Whatever its time-stamps are worth, the signature is.
fn genuine(report: Report) -> SignatureReport {
    assert!(report.valid(), "{report:#?}");
    report.signatures.into_iter().next().unwrap()
}

fn soon() -> Reliance<'static> {
    let at = OffsetDateTime::now_utc() + Duration::seconds(2);
    Reliance::new(&WORLD.pki.anchors, &[], at)
}

fn stamps(report: &SignatureReport) -> Vec<(TimestampKind, Option<Reason>)> {
    let stamps = report.timestamps.iter();
    let warned = report.warnings.contains(&Warning::TimestampNotValid);
    assert_eq!(warned, stamps.clone().any(|stamp| !stamp.valid), "{report:#?}");
    stamps.map(|stamp| (stamp.kind, stamp.reason)).collect()
}

#[test]
fn time_stamps_of_the_content_and_over_references_prove_what_they_cover_and_no_more() {
    use TimestampKind::{Content, References, Signature, SignatureAndReferences};
    let others = Others::new();
    let tokens = others.tokens();
    let expected = |both, references| {
        [
            (Content, None),
            (Signature, None),
            (SignatureAndReferences, both),
            (References, references),
        ]
    };
    let right = others.with(&tokens);
    let report = judged(&right);
    assert_eq!(stamps(&report), expected(None, None));
    assert_eq!(report.level, Some(Level::BLT));
    let missing = Warning::ReferencedMaterialMissing;
    assert!(!report.warnings.contains(&missing), "{report:#?}");
    assert!(report.not_evaluated.is_empty());
    // Tokens that change places.
    let [own, both, references] = tokens.clone();
    let swapped = others.with(&[own.clone(), references.clone(), both.clone()]);
    assert_eq!(stamps(&judged(&swapped)), expected(WRONG, WRONG));
    // References to something else than what is here.
    let mut changed = right.clone();
    changed.unsigned[1] = attribute(
        CERTIFICATE_REFS,
        &der(SEQUENCE, &[&der(SEQUENCE, &[&other_hash(b"another")])]),
    );
    let report = judged(&changed);
    assert_eq!(stamps(&report), expected(WRONG, WRONG));
    assert!(report.warnings.contains(&missing));
    let mut unreadable = right.clone();
    unreadable.unsigned[2] = attribute(REVOCATION_REFS, &der(SEQUENCE, &[&[5, 0]]));
    assert!(judged(&unreadable).warnings.contains(&missing));
    // Without references there is nothing to be about; what is about them alone proves no time of the signature.
    let mut none = right.clone();
    none.unsigned.drain(1..3);
    assert_eq!(stamps(&judged(&none)), expected(WRONG, WRONG));
    let mut alone = right.clone();
    alone.unsigned = [&right.unsigned[1..3], &right.unsigned[4..]].concat();
    let report = judged(&alone);
    assert_eq!(stamps(&report), [(Content, None), (References, None)]);
    assert_eq!(
        (report.level, report.best_signature_time),
        (Some(Level::BB), None)
    );
    // A content that was not stamped, and an attribute that nobody here knows.
    let mut forge = others.forge.clone();
    forge.value = None;
    forge.replace(CONTENT_STAMP, attribute(CONTENT_STAMP, &own));
    forge.unsigned = vec![attribute("2a030405", &[5, 0])];
    let report = judged(&forge);
    assert_eq!(stamps(&report), [(Content, WRONG)]);
    assert_eq!(report.not_evaluated, ["1.2.3.4.5"]);
}

#[test]
fn the_second_version_of_the_archive_time_stamp_covers_all_but_itself() {
    use TimestampKind::Archive;
    let others = Others::new();
    let tokens = others.tokens();
    for attached in [false, true] {
        let mut forge = others.with(&tokens);
        forge.content = attached.then(|| CONTENT.to_vec());
        for with_header in [true, false] {
            let mut whole = forge.clone();
            whole
                .unsigned
                .push(attribute(ARCHIVE_2, &token(&archived(&forge, with_header))));
            let report = judged(&whole);
            assert_eq!(
                stamps(&report)[4..],
                [(Archive, None)],
                "{attached} {with_header}"
            );
            assert_eq!(report.level, Some(Level::BLTA));
            // What is changed, comes or goes is seen.
            for change in [
                |forge: &mut Forge<'_>| _ = forge.unsigned.remove(2),
                |forge: &mut Forge<'_>| _ = forge.revocation.pop(),
                |forge: &mut Forge<'_>| _ = forge.certificates.pop(),
                |forge: &mut Forge<'_>| forge.unsigned.insert(0, attribute("2a030405", &[5, 0])),
            ] {
                let mut changed = whole.clone();
                change(&mut changed);
                let report = judged(&changed);
                assert_eq!(
                    stamps(&report).last(),
                    Some(&(Archive, WRONG)),
                    "{attached} {with_header}"
                );
                assert_ne!(report.level, Some(Level::BLTA));
            }
        }
    }
    // One more over the first: it covers that one, and that one not it.
    let mut forge = others.with(&tokens);
    forge
        .unsigned
        .push(attribute(ARCHIVE_2, &token(&archived(&forge, true))));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let renewed = token(&archived(&forge, true));
    let mut whole = forge.clone();
    whole.unsigned.push(attribute(ARCHIVE_2, &renewed));
    assert_eq!(stamps(&judged(&whole))[4..], [(Archive, None), (Archive, None)]);
    let mut without = forge.clone();
    without.unsigned[5] = attribute(ARCHIVE_2, &renewed);
    assert_eq!(stamps(&judged(&without))[4..], [(Archive, WRONG)]);
    // It is about the content itself: where only digests are at hand it is not judged, and said so.
    let digests = Digests::of(&mut &*CONTENT, &Hash::KNOWN).unwrap();
    let report = cades::verify_digests(&forge.make(), Some(&digests), true, &soon()).unwrap();
    let not_evaluated = Some(Reason::TimestampNotEvaluated);
    let report = genuine(report);
    assert_eq!(stamps(&report)[4..], [(Archive, not_evaluated)]);
    assert_eq!(report.level, Some(Level::BLT));
    // In BER the octets are not those that were stamped, unless they are the same in DER.
    let in_ber = |forge: &Forge<'_>| {
        let made = forge.make();
        [&[SEQUENCE, 0x80], forge::contents(&made), &[0, 0]].concat()
    };
    let ber = |forge: &Forge<'_>| genuine(cades::verify(&in_ber(forge), Some(CONTENT), &soon()).unwrap());
    assert_eq!(stamps(&ber(&forge))[4..], [(Archive, None)]);
    assert_eq!(stamps(&ber(&without))[4..], [(Archive, not_evaluated)]);
}
