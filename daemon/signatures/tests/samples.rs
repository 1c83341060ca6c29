//! The signed samples that other people's packages ship (`testdata/documents/samples.py`): our verdict on each beside
//! those of pyHanko, xmlsec1, signxml and OpenSSL. Where they differ, `testdata/documents/samples.tsv` says so by
//! name and why; what differs otherwise, or no longer, fails.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

#[path = "../../tests/support/differences.rs"]
mod differences;
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use trien_signatures::report::{
    Format, Indication, Integrity, Reason, Report, SignatureReport, TimestampKind, Warning,
};
use trien_signatures::trust::{Anchors, Reliance};
use trien_signatures::{cades, pades, xmldsig};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A verdict in the judges' words, and our reason.
type Verdict = (&'static str, String);

/// Our verdicts on the signatures, at least one.
fn ours(path: &Path, anchors: &Anchors) -> Vec<Verdict> {
    // Old samples have SHA-1; the question is what is intact, not what is strong.
    let reliance = Reliance {
        sha1: true,
        ..Reliance::new(anchors, &[], OffsetDateTime::now_utc())
    };
    let bytes = std::fs::read(path).unwrap();
    let report: Result<Report, String> = match path.extension().and_then(|end| end.to_str()) {
        Some("pdf") => pades::verify(&bytes, &reliance).map_err(|error| error.to_string()),
        Some("xml") => xmldsig::verify(&bytes, &xmldsig::Options::default(), &reliance)
            .map_err(|error| error.to_string()),
        _ => {
            let content = std::fs::read(path.with_extension("content")).unwrap();
            cades::verify(&bytes, Some(&content), &reliance).map_err(|error| error.to_string())
        }
    };
    match report {
        Ok(report) => {
            let signatures = report.signatures.iter();
            let mut verdicts: Vec<Verdict> = signatures
                .filter(|signature| signature.format != Format::DocumentTimeStamp)
                .map(verdict)
                .collect();
            if verdicts.is_empty() {
                // A form whose only signature is that of its usage rights, which no field has (ISO 32000-1, 12.8.2.3).
                verdicts.push(("refused", "no signature".to_owned()));
            }
            verdicts
        }
        Err(error) => vec![("refused", error)],
    }
}

fn verdict(signature: &SignatureReport) -> Verdict {
    let reason = signature
        .reason
        .map(|reason| serde_json::to_value(reason).unwrap());
    let reason = reason
        .and_then(|reason| reason.as_str().map(str::to_owned))
        .unwrap_or_default();
    let changed = signature.warnings.contains(&Warning::ChangedAfterSigning);
    let word = match signature.integrity {
        Integrity::Intact if changed => "changed",
        // Its form is at fault, beside what is signed.
        Integrity::Intact if signature.indication == Indication::TotalFailed => "refused",
        // The key fits a certificate that is not the one that was signed with.
        Integrity::Intact if signature.reason == Some(Reason::SigningCertificateMismatch) => "refused",
        Integrity::Intact => "intact",
        Integrity::Broken => "broken",
        Integrity::NotChecked => "refused",
    };
    (word, reason)
}

#[test]
fn every_sample_gets_the_verdict_of_others_or_differs_for_a_reason_that_is_written_down() {
    let folder = root().join("target/documents/samples");
    assert!(folder.exists(), "run `make documents` first");
    let said = judge::python(&[&judge::script("samples.py"), folder.to_str().unwrap()]).unwrap();

    let anchors = Anchors::new(Vec::new());
    let mut judged: BTreeMap<&str, Vec<Verdict>> = BTreeMap::new();
    let (mut counted, mut differ) = (0, BTreeMap::new());
    for line in said.lines() {
        let [judge, name, theirs] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let (file, path, place) = differences::place(&folder, name);
        let all = judged.entry(file).or_insert_with(|| ours(&path, &anchors));
        let nothing = ("refused", "no such signature".to_owned());
        let (own, reason) = all.get(place - 1).unwrap_or(&nothing);
        counted += 1;
        if *own != theirs {
            differ.insert(format!("{judge}\t{name}\t{theirs}\t{own}"), reason.clone());
        }
    }
    assert!(
        judged.len() >= 430 && counted >= 610,
        "{} samples, {counted} verdicts",
        judged.len()
    );

    differences::are_written_down(&differ, &root().join("testdata/documents/samples.tsv"));
    // Nothing that another program calls broken is intact here.
    let lax: Vec<&String> = differ
        .keys()
        .filter(|line| line.ends_with("\tbroken\tintact"))
        .collect();
    assert!(lax.is_empty(), "{lax:#?}");
    // What another calls changed is intact here in two cases, of which the README says why (133).
    let lenient: Vec<&String> = differ
        .keys()
        .filter(|line| line.ends_with("\tchanged\tintact"))
        .collect();
    let known = [
        "form-update-ap-indirect-sneaky-trailer",
        "form-update-no-override-appearance-stream-ap-indirect-sneaky",
    ];
    let known = known.map(|name| format!("pyhanko\tpyhanko_{name}.pdf\tchanged\tintact"));
    assert_eq!(lenient, known.iter().collect::<Vec<_>>());
}

/// What the time-stamps of XAdES signatures are about, by us and by lxml (`stamps.py`); nobody's certificate is asked.
/// What differs is in `testdata/documents/stamps.tsv`, and so is every imprint that is not right.
#[test]
fn the_time_stamps_of_other_makers_xades_are_about_what_lxml_says() {
    let folder = root().join("target/documents/samples/xml");
    let files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("run `make documents` first")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("xades_"))
        .collect();
    let mut arguments = vec![judge::script("stamps.py")];
    arguments.extend(files.iter().map(|path| path.to_str().unwrap().to_owned()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = judge::python(&arguments).unwrap();
    let mut theirs: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for line in said.lines() {
        let [name, kind, verdict] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        theirs.entry(name).or_default().push((kind, verdict));
    }
    let counted: usize = theirs.values().map(Vec::len).sum();
    assert!(
        theirs.len() >= 29 && counted >= 54,
        "{} samples, {counted} time-stamps",
        theirs.len()
    );

    let anchors = Anchors::new(Vec::new());
    let mut found = BTreeSet::new();
    for (name, theirs) in theirs {
        let ours = imprints(&folder.join(name), &anchors);
        assert!(ours.is_empty() || ours.len() == theirs.len(), "{name}: {ours:?}");
        for (place, (kind, verdict)) in theirs.into_iter().enumerate() {
            let (own_kind, own) = ours.get(place).copied().unwrap_or((kind, "silent"));
            assert_eq!(own_kind, kind, "{name}");
            if (own, verdict) != ("right", "right") {
                found.insert(format!("{name}\t{place}\t{kind}\t{verdict}\t{own}"));
            }
        }
    }
    let table = std::fs::read_to_string(root().join("testdata/documents/stamps.tsv")).unwrap();
    let known: BTreeSet<String> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (difference, reason) = line.rsplit_once('\t').unwrap();
            assert!(!reason.is_empty(), "no reason: {line}");
            difference.to_owned()
        })
        .collect();
    assert_eq!(found, known);
}

/// Kind of each time-stamp, and whether its imprint is right; empty where the signature's own value is not genuine.
fn imprints(path: &Path, anchors: &Anchors) -> Vec<(&'static str, &'static str)> {
    let reliance = Reliance {
        sha1: true,
        ..Reliance::new(anchors, &[], OffsetDateTime::now_utc())
    };
    let report = xmldsig::verify(
        &std::fs::read(path).unwrap(),
        &xmldsig::Options::default(),
        &reliance,
    );
    let signatures = report.map(|report| report.signatures).unwrap_or_default();
    signatures
        .iter()
        .flat_map(|signature| &signature.timestamps)
        .map(|stamp| {
            let kind = match stamp.kind {
                TimestampKind::Content => "content",
                TimestampKind::Signature => "signature",
                TimestampKind::SignatureAndReferences => "signature_and_references",
                TimestampKind::References => "references",
                TimestampKind::Archive => "archive",
            };
            let verdict = match stamp.reason {
                Some(Reason::TimestampMalformed) => "unreadable",
                Some(Reason::TimestampImprintMismatch) => "wrong",
                _ => "right",
            };
            (kind, verdict)
        })
        .collect()
}
