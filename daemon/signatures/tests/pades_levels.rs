//! PAdES B-T, B-LT and B-LTA: time-stamps by OpenSSL, revocation lists by OpenSSL, judged by pyHanko's validation for
//! the archive and by ourselves.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod drafts;
mod imprints;
mod judge;
mod openssl;

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use drafts::{Draft, assert_qpdf_clean, pdfsig, update};
use openssl::{Identity, Pki};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::material::ValidationMaterial;
use trien_signatures::pades::{Allowed, PadesDocument, PadesRequest, TIME_STAMP_ROOM, prepare, verify};
use trien_signatures::report::{Format, Indication, Level, Report, SubIndication, TimestampKind};
use trien_signatures::signing::Prepared;
use trien_signatures::timestamp::{TimestampRequest, TimestampToken};

struct Office {
    pki: Pki,
    /// Valid in 2041: pyHanko's simulation wants that of authorities.
    ca: Identity,
    signer: Identity,
    authority: Identity,
    /// A signer and an authority right below the root.
    near: [Identity; 2],
}

/// What `openssl ca -gencrl` and `openssl ts -reply` are told.
const CONFIGURATION: &str = "[ca]\ndefault_ca = lists\n[lists]\ndatabase = index.txt\ncrlnumber = crlnumber\ndefault_md = sha256\n\
    default_crl_days = 30\ncrl_extensions = crl\n[crl]\nauthorityKeyIdentifier = keyid\n[tsa]\ndefault_tsa = t\n[t]\n\
    serial = tsaserial\ncrypto_device = builtin\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
    digests = sha256,sha384,sha512\naccuracy = secs:1\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n\
    [stamper]\nbasicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n\
    extendedKeyUsage = critical,timeStamping\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n";

static OFFICE: LazyLock<Office> = LazyLock::new(|| {
    let pki = Pki::new();
    let workshop = &pki.workshop;
    let key = workshop.key("long-ca", "rsa:2048");
    let long = ["-sha256", "-days", "7000"];
    let ca = workshop.certify(&pki.root, "long-ca", &key, "/C=VN/O=Thu/CN=Thu-CA 2", "ca", &long);
    let signer = workshop.issue(&ca, "level-signer", "ec:P-256", openssl::CITIZEN, "signer");
    let shared = std::fs::read_to_string(workshop.path("pki.cnf")).unwrap();
    workshop.write("pki.cnf", format!("{shared}\n{CONFIGURATION}").as_bytes());
    let authority = workshop.issue(&ca, "tsa", "rsa:2048", "/C=VN/O=Thu/CN=Test TSA", "stamper");
    let near = ["near-signer", "near-tsa"].map(|name| {
        let key = workshop.key(name, "rsa:2048");
        let (subject, section) = match name {
            "near-signer" => (openssl::CITIZEN, "signer"),
            _ => ("/C=VN/O=Thu/CN=Near TSA", "stamper"),
        };
        workshop.certify(&pki.root, name, &key, subject, section, &long)
    });
    workshop.write("index.txt", b"");
    workshop.write("crlnumber", b"01\n");
    workshop.write("tsaserial", b"01\n");
    Office {
        pki,
        ca,
        signer,
        authority,
        near,
    }
});

/// The lists of root and authority, made anew: only what was said after a signature speaks of it.
fn lists() -> ValidationMaterial {
    let Office { pki, ca, .. } = &*OFFICE;
    material(&[ca, &pki.root])
}

/// Authorities and their lists.
fn material(authorities: &[&Identity]) -> ValidationMaterial {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let workshop = &OFFICE.pki.workshop;
    let list = |issuer: &Identity| {
        let certificate = workshop.path(&format!("{}.crt", issuer.name));
        let out = format!("{}.crl", issuer.name);
        workshop.run(&[
            "ca",
            "-gencrl",
            "-config",
            "pki.cnf",
            "-keyfile",
            issuer.key.to_str().unwrap(),
            "-cert",
            certificate.to_str().unwrap(),
            "-out",
            &out,
        ]);
        workshop.run(&[
            "crl",
            "-in",
            &out,
            "-outform",
            "DER",
            "-out",
            &format!("{out}.der"),
        ]);
        std::fs::read(workshop.path(&format!("{out}.der"))).unwrap()
    };
    ValidationMaterial {
        certificates: authorities
            .iter()
            .map(|issuer| issuer.certificate.as_der().to_vec())
            .collect(),
        crls: authorities.iter().map(|issuer| list(issuer)).collect(),
        ocsp_responses: Vec::new(),
    }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap()
}

fn sign(document: &[u8], change: impl FnOnce(&mut PadesRequest<'_>)) -> Vec<u8> {
    let Office { ca, signer, .. } = &*OFFICE;
    let chain = std::slice::from_ref(&ca.certificate);
    let mut request = PadesRequest {
        chain,
        ..PadesRequest::new(
            &signer.certificate,
            SignatureAlgorithm::Ecdsa(Hash::Sha256),
            now(),
        )
    };
    change(&mut request);
    sign_by(signer, document, &request)
}

fn sign_by(signer: &Identity, document: &[u8], request: &PadesRequest<'_>) -> Vec<u8> {
    let pki = &OFFICE.pki;
    let prepared = prepare(document.to_vec(), request).unwrap();
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(value).unwrap()
}

fn open(document: Vec<u8>) -> PadesDocument {
    PadesDocument::open(document, now()).unwrap()
}

/// A time-stamp of OpenSSL's authority.
fn stamp(name: &str, document: Vec<u8>, kind: TimestampKind) -> Vec<u8> {
    stamp_by(&OFFICE.authority, "long-ca", name, document, kind)
}

fn stamp_by(
    authority: &Identity,
    issuer: &str,
    name: &str,
    document: Vec<u8>,
    kind: TimestampKind,
) -> Vec<u8> {
    stamp_in(Duration::ZERO, authority, issuer, name, document, kind)
}

/// As the authority would do it after some time.
fn stamp_in(
    wait: Duration,
    authority: &Identity,
    issuer: &str,
    name: &str,
    document: Vec<u8>,
    kind: TimestampKind,
) -> Vec<u8> {
    let pki = &OFFICE.pki;
    let prepared = open(document).prepare_timestamp(kind, Hash::Sha256).unwrap();
    let request = TimestampRequest::new(prepared.imprint().clone(), &[7; 8], None).unwrap();
    let query = pki.workshop.write(&format!("{name}.tsq"), request.as_der());
    let reply = format!("{name}.tsr");
    let chain = pki.workshop.path(&format!("{issuer}.crt"));
    let certificate = pki.workshop.path(&format!("{}.crt", authority.name));
    pki.workshop.run(&[
        "ts",
        "-reply",
        "-config",
        "pki.cnf",
        "-section",
        "t",
        "-queryfile",
        query.to_str().unwrap(),
        "-signer",
        certificate.to_str().unwrap(),
        "-inkey",
        authority.key.to_str().unwrap(),
        "-chain",
        chain.to_str().unwrap(),
        "-out",
        &reply,
    ]);
    let response = std::fs::read(pki.workshop.path(&reply)).unwrap();
    let token = request.accept(&response, &[], now()).unwrap();
    if wait.is_zero() {
        return prepared.finish(&token).unwrap();
    }
    // Its words with another time, signed by its key.
    let [said, later, signed] = ["said", "later", "signed"].map(|step| format!("{name}.{step}"));
    pki.workshop.write(&reply, token.as_der());
    let read = "cms -verify -noverify -binary -inform DER -in";
    let read: Vec<&str> = read.split(' ').chain([reply.as_str(), "-out", &said]).collect();
    pki.workshop.run(&read);
    let mut info = std::fs::read(pki.workshop.path(&said)).unwrap();
    let format = time::macros::format_description!("[year][month][day][hour][minute][second]Z");
    let [from, to] = [token.time(), token.time() + wait].map(|time| time.format(format).unwrap());
    let place = info
        .windows(from.len())
        .position(|window| window == from.as_bytes());
    info[place.unwrap()..][..from.len()].copy_from_slice(to.as_bytes());
    pki.workshop.write(&later, &info);
    let sign =
        "cms -sign -binary -nodetach -cades -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 -outform DER";
    let files = [
        "-in",
        &later,
        "-signer",
        certificate.to_str().unwrap(),
        "-inkey",
        authority.key.to_str().unwrap(),
        "-out",
        &signed,
    ];
    pki.workshop
        .run(&sign.split(' ').chain(files).collect::<Vec<_>>());
    let token = TimestampToken::from_der(&std::fs::read(pki.workshop.path(&signed)).unwrap()).unwrap();
    prepared.finish(&token).unwrap()
}

fn check(document: &[u8]) -> Report {
    verify(document, &OFFICE.pki.reliance()).unwrap()
}

fn level(document: &[u8]) -> Option<Level> {
    let report = check(document);
    assert!(report.valid(), "{report:#?}");
    report.signatures[0].level
}

/// What pyHanko's validations in time say, each under its name (`levels.py`), with the newest lists at hand.
fn pyhanko(path: &Path) -> serde_json::Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join("target/judges/bin/python");
    assert!(python.exists(), "run `make target/judges/.made` first");
    let workshop = &OFFICE.pki.workshop;
    let lists = ["root", "long-ca"].map(|name| workshop.path(&format!("{name}.crl.der")));
    let output = Command::new(python)
        .arg("-B")
        .arg(root.join("daemon/tests/judges/levels.py"))
        .arg(path)
        .arg("--trust")
        .arg(workshop.path("root.crt"))
        .arg("--crl")
        .args(lists.iter().filter(|list| list.exists()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts: serde_json::Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    verdicts[path.to_str().unwrap()].clone()
}

fn judged_by_all(name: &str, document: &[u8]) -> serde_json::Value {
    let path = OFFICE.pki.workshop.write(&format!("{name}.pdf"), document);
    assert_qpdf_clean(&path);
    assert!(pdfsig(&path).first().unwrap().0, "{name}");
    pyhanko(&path)
}

/// Its verdict for the archive, with the document's own material: now, and in five years if somebody goes on stamping.
fn judged(name: &str, document: &[u8]) -> [String; 2] {
    let verdict = judged_by_all(name, document);
    assert_eq!(verdict["retroactive"], "OK", "{verdict}");
    ["now", "later"].map(|when| verdict[when].as_str().unwrap().to_owned())
}

fn dossier() -> Vec<u8> {
    std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/documents/dossier.pdf"
    ))
    .unwrap()
}

/// All levels in turn; `room` is what was kept for a time-stamp in the signature.
fn climb(name: &str, original: &[u8], room: usize) {
    let signed = sign(original, |request| request.extra_room = room);
    assert_eq!(level(&signed), Some(Level::BB));

    let stamped = stamp(name, signed.clone(), TimestampKind::Signature);
    assert_eq!(stamped.len() == signed.len(), room > 0, "{name}");
    assert!(
        open(stamped.clone())
            .has_timestamp(TimestampKind::Signature)
            .unwrap()
    );
    assert_eq!(level(&stamped), Some(Level::BT), "{name}");

    let proven = open(stamped.clone()).to_be_proven().unwrap();
    assert_eq!(proven.leaves.len(), 2, "the signer and the authority");
    let material = lists();
    let with_material = open(stamped.clone()).add_material(&material).unwrap();
    // The time-stamp that stood for the signature's own does not cover the material.
    assert_eq!(level(&with_material), Some(Level::BLT), "{name}");
    let again = open(with_material.clone()).add_material(&material).unwrap();
    assert_eq!(again, with_material, "what is there is not added twice");

    let archived = stamp(name, with_material.clone(), TimestampKind::Archive);
    assert!(archived.starts_with(&with_material));
    assert_eq!(level(&archived), Some(Level::BLTA), "{name}");
    assert!(
        open(archived.clone())
            .has_timestamp(TimestampKind::Archive)
            .unwrap()
    );
    // pyHanko wants a signature's time from a time-stamp in the signature itself; EN 319 142-1, 6.3, does not.
    let verdict = if room > 0 { "OK" } else { "SIG_CONSTRAINTS_FAILURE" };
    let only_stamped = judged_by_all(&format!("{name}-t"), &stamped);
    assert_eq!(only_stamped["time"], verdict, "{name}: {only_stamped}");
    let with_lists = judged_by_all(&format!("{name}-lt"), &with_material);
    assert_eq!(with_lists["time"], verdict, "{name}: {with_lists}");
    assert_eq!(with_lists["retroactive"], "OK", "{name}: {with_lists}");
    // For the archive nothing proves yet when the lists were there.
    let for_the_archive = if room > 0 { "NO_POE" } else { verdict };
    assert_eq!(with_lists["now"], for_the_archive, "{name}: {with_lists}");
    assert_eq!(judged(name, &archived)[0], verdict, "{name}");

    // Once more, over all that.
    let renewed = stamp(name, archived, TimestampKind::Archive);
    let report = check(&renewed);
    assert!(report.valid());
    let stamps = report
        .signatures
        .iter()
        .filter(|found| found.format == Format::DocumentTimeStamp);
    assert!(stamps.clone().count() >= 2);
    assert!(
        stamps
            .into_iter()
            .all(|found| found.indication == Indication::TotalPassed),
        "{report:#?}"
    );
    assert_eq!(judged(&format!("{name}-renewed"), &renewed)[0], verdict, "{name}");

    let shop = &OFFICE.pki.workshop;
    let file = shop.path(&format!("{name}-renewed.pdf"));
    let trust = ["-CAfile", "root.crt", "-untrusted", "long-ca.crt"];
    let first = if room > 0 { "signature" } else { "document" };
    assert_eq!(
        imprints::verified(shop, "imprints.py", &file, &[], &trust),
        [first, "document", "document"],
        "{name}"
    );
}

#[test]
fn every_level_is_reached_and_kept_with_a_time_stamp_in_the_signature() {
    climb("own", &Draft::with_text("").classic(), TIME_STAMP_ROOM);
}

#[test]
fn every_level_is_reached_and_kept_with_document_time_stamps_alone() {
    climb("whole", &dossier(), 0);
}

/// pyHanko's simulation looks for the lists of a certificate's issuer on a path that begins at that issuer, and there
/// it finds only lists of an anchor: the signer and the authority are right below the root here.
#[test]
fn in_five_years_the_archive_is_as_good_if_somebody_goes_on_stamping() {
    let [signer, authority] = &OFFICE.near;
    let request = PadesRequest {
        extra_room: TIME_STAMP_ROOM,
        ..PadesRequest::new(
            &signer.certificate,
            SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
            now(),
        )
    };
    let signed = sign_by(signer, &dossier(), &request);
    let stamp = |document, kind| stamp_by(authority, "root", "near", document, kind);
    let stamped = stamp(signed, TimestampKind::Signature);
    let with_material = open(stamped)
        .add_material(&material(&[&OFFICE.pki.root]))
        .unwrap();
    let archived = stamp(with_material, TimestampKind::Archive);
    assert_eq!(level(&archived), Some(Level::BLTA));
    assert_eq!(judged("near", &archived), ["OK", "OK"]);
}

#[test]
fn a_certification_against_all_changes_takes_time_stamps_and_material() {
    let certified = sign(&Draft::with_text("").classic(), |request| {
        request.certify = Some(Allowed::Nothing);
        request.extra_room = TIME_STAMP_ROOM;
    });
    let stamped = stamp("certified", certified, TimestampKind::Signature);
    let with_material = open(stamped).add_material(&lists()).unwrap();
    let archived = stamp("certified", with_material, TimestampKind::Archive);
    assert_eq!(level(&archived), Some(Level::BLTA));
    assert_eq!(judged("certified", &archived)[0], "OK");
    let text = String::from_utf8_lossy(&archived).into_owned();
    let catalog = text
        .rfind("/Type /Catalog")
        .map(|_| "<< /Type /Catalog /Pages 2 0 R /OpenAction [3 0 R /Fit] >>");
    assert!(!check(&update(&archived, &[(1, catalog.unwrap())])).valid());
}

#[test]
fn a_time_stamp_over_something_else_proves_nothing() {
    let signed = sign(&Draft::with_text("").classic(), |_| ());
    let stamped = stamp("moved", signed.clone(), TimestampKind::Archive);
    // The token of another document's time-stamp, in the same place.
    let other = stamp(
        "other",
        sign(&Draft::with_text("/F1 9 Tf").classic(), |_| ()),
        TimestampKind::Archive,
    );
    let place = |document: &[u8]| {
        let at = document
            .windows(12)
            .rposition(|window| window == b"ETSI.RFC3161")
            .unwrap();
        at + document[at..].iter().position(|byte| *byte == b'<').unwrap()
    };
    let mut forged = stamped.clone();
    let (here, there) = (place(&stamped), place(&other));
    let length = 2 * TIME_STAMP_ROOM;
    forged[here + 1..=here + length].copy_from_slice(&other[there + 1..=there + length]);
    let report = check(&forged);
    assert_eq!(report.signatures[0].level, Some(Level::BB), "{report:#?}");
    assert_eq!(report.signatures[1].indication, Indication::TotalFailed);
    assert!(report.valid(), "the signature itself is as good as before");
}

#[test]
fn after_the_certificates_end_only_what_was_proven_in_time_is_valid() {
    let signed = sign(&Draft::with_text("").classic(), |request| {
        request.extra_room = TIME_STAMP_ROOM;
    });
    let stamped = stamp("late", signed.clone(), TimestampKind::Signature);
    let with_material = open(stamped.clone()).add_material(&lists()).unwrap();
    let short = stamp("late", with_material.clone(), TimestampKind::Archive);
    let lasting = &OFFICE.near[1];
    let long = stamp_by(
        lasting,
        "root",
        "late",
        with_material.clone(),
        TimestampKind::Archive,
    );
    // The signer's certificate ends after 1500 days, and so does the first authority's; the second's after 7000.
    let mut later = OFFICE.pki.reliance();
    later.at += Duration::days(1600);
    later.now = later.at;
    for (document, level) in [
        (&signed, Level::BB),
        (&stamped, Level::BT),
        (&with_material, Level::BLT),
        (&short, Level::BLTA),
    ] {
        assert_eq!(self::level(document), Some(level));
        let report = verify(document, &later).unwrap();
        let found = &report.signatures[0];
        assert_eq!(
            found.indication,
            Indication::Indeterminate,
            "{level:?}: {found:#?}"
        );
        assert_eq!(
            found.sub_indication,
            Some(SubIndication::OutOfBoundsNoPoe),
            "{level:?}"
        );
        assert!(found.timestamps.iter().all(|stamp| !stamp.valid), "{found:#?}");
    }
    assert_eq!(level(&long), Some(Level::BLTA));
    let report = verify(&long, &later).unwrap();
    assert!(report.valid(), "{report:#?}");
    for found in &report.signatures {
        assert_eq!(found.indication, Indication::TotalPassed, "{found:#?}");
    }
    assert_eq!(report.signatures[0].level, Some(Level::BLTA));
    assert_eq!(report.signatures[0].timestamps.len(), 2);
}

#[test]
fn each_document_time_stamp_is_judged_at_what_those_around_it_prove() {
    let pki = &OFFICE.pki;
    let authority = |name: &str, days: &str| {
        let key = pki.workshop.key(name, "rsa:2048");
        let options = ["-sha256", "-days", days];
        pki.workshop.certify(
            &pki.root,
            name,
            &key,
            "/C=VN/O=Thu/CN=Brief TSA",
            "stamper",
            &options,
        )
    };
    let (day, days) = (authority("a-day", "1"), authority("two-days", "2"));
    let stamp = |wait, authority, document| {
        stamp_in(wait, authority, "root", "chain", document, TimestampKind::Archive)
    };
    let signed = sign(&Draft::with_text("").classic(), |_| ());
    let first = stamp(Duration::ZERO, &day, signed);
    let second = stamp(Duration::ZERO, &days, first);
    // Made when the first authority's certificate has ended, and judged when the second's has.
    let third = stamp(Duration::hours(36), &OFFICE.near[1], second.clone());
    let mut later = pki.reliance();
    later.at += Duration::hours(72);
    later.now = later.at;
    let indications = |document: &[u8]| -> Vec<Indication> {
        let report = verify(document, &later).unwrap();
        report.signatures.iter().map(|one| one.indication).collect()
    };
    assert_eq!(indications(&third), [Indication::TotalPassed; 4]);
    assert_eq!(indications(&second)[1..], [Indication::Indeterminate; 2]);
}

#[test]
fn what_is_not_signed_is_not_raised() {
    let open = |document: Vec<u8>| PadesDocument::open(document, now()).map(drop);
    assert!(matches!(
        open(Draft::with_text("").classic()),
        Err(AugmentError::NotSigned(_))
    ));
    assert!(matches!(
        open(b"%PDF-1.7".to_vec()),
        Err(AugmentError::NotSigned(_))
    ));
    let signed = PadesDocument::open(sign(&Draft::with_text("").classic(), |_| ()), now()).unwrap();
    let content = signed
        .prepare_timestamp(TimestampKind::Content, Hash::Sha256)
        .map(drop);
    assert_eq!(content, Err(AugmentError::Unsupported));
}
