//! NIST's PKITS (the Public Key Interoperability Test Suite), as the Python package `cryptography-vectors` carries it: each
//! end-entity certificate is judged with all the suite's certificates and CRLs at hand, revocation required, any policy
//! accepted. What a certificate's own name says of its test, `Valid` or `Invalid`, has to come out.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

use std::fs;
use std::path::{Path, PathBuf};

use trien_signatures::certificate::Certificate;
use trien_signatures::revocation::{Crl, Revocations};
use trien_signatures::trust::{Anchors, Reliance};
use trien_signatures::validation;

/// Tests whose names say nothing, and what RFC 5280 makes of them with any policy accepted and none required.
const UNNAMED: [(&str, bool); 20] = [
    ("inhibitAnyPolicyTest3EE", true),
    ("AllCertificatesNoPoliciesTest2EE", true),
    ("AllCertificatesSamePoliciesTest10EE", true),
    ("AllCertificatesSamePoliciesTest13EE", true),
    ("AllCertificatesanyPolicyTest11EE", true),
    ("AnyPolicyTest14EE", true),
    ("CPSPointerQualifierTest20EE", true),
    ("DifferentPoliciesTest3EE", true),
    ("DifferentPoliciesTest4EE", false),
    ("DifferentPoliciesTest5EE", false),
    ("DifferentPoliciesTest7EE", false),
    ("DifferentPoliciesTest8EE", false),
    ("DifferentPoliciesTest9EE", false),
    ("DifferentPoliciesTest12EE", false),
    ("OverlappingPoliciesTest6EE", true),
    ("UserNoticeQualifierTest15EE", true),
    ("UserNoticeQualifierTest16EE", true),
    ("UserNoticeQualifierTest17EE", true),
    ("UserNoticeQualifierTest18EE", true),
    ("UserNoticeQualifierTest19EE", true),
];

/// What comes out differently, and why that is right here.
const DIFFERENT: [(&str, &str); 7] = [
    (
        "OverlappingPoliciesTest6EE",
        "its subject is a CA, and a CA signs no documents",
    ),
    (
        "ValidonlyContainsCACertsTest13EE",
        "its subject is a CA, and a CA signs no documents",
    ),
    (
        "ValidpathLenConstraintTest8EE",
        "its subject is a CA, and a CA signs no documents",
    ),
    (
        "ValidpathLenConstraintTest14EE",
        "its subject is a CA, and a CA signs no documents",
    ),
    (
        "ValidDSASignaturesTest4EE",
        "DSA is none of the accepted algorithms",
    ),
    (
        "ValidDSAParameterInheritanceTest5EE",
        "DSA is none of the accepted algorithms",
    ),
    (
        "Validpre2000UTCnotBeforeDateTest3EE",
        "the reader of certificates refuses a UTCTime before 2000",
    ),
];

fn suite() -> PathBuf {
    let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/judges/lib");
    let python = fs::read_dir(&libraries)
        .unwrap_or_else(|error| panic!("{}: {error}; `make test` installs it", libraries.display()));
    python
        .flatten()
        .map(|entry| {
            entry
                .path()
                .join("site-packages/cryptography_vectors/x509/PKITS_data")
        })
        .find(|path| path.is_dir())
        .expect("the package cryptography-vectors")
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| {
            let path = entry.path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn expected(name: &str) -> Option<bool> {
    if name.starts_with("Valid") {
        return Some(true);
    }
    if name.starts_with("Invalid") {
        return Some(false);
    }
    let found = UNNAMED.iter().find(|(unnamed, _)| *unnamed == name);
    found.map(|(_, valid)| *valid)
}

#[test]
fn every_path_of_pkits_comes_out_as_expected() {
    let suite = suite();
    let certificates = files(&suite.join("certs"));
    let mut known = Revocations::default();
    let mut unread = Vec::new();
    for (name, bytes) in files(&suite.join("crls")) {
        match Crl::from_der(&bytes) {
            Ok(crl) => known.add_crl(crl),
            Err(_) => unread.push(name),
        }
    }
    let parsed: Vec<(&str, Option<Certificate>)> = certificates
        .iter()
        .map(|(name, bytes)| (name.as_str(), Certificate::from_der(bytes).ok()))
        .collect();
    let find = |wanted: &str| parsed.iter().find(|(name, _)| *name == wanted).unwrap().1.clone();
    let anchors = Anchors::new(vec![find("TrustAnchorRootCertificate").unwrap()]);
    let authorities: Vec<Certificate> = parsed
        .iter()
        .filter(|(name, _)| !name.ends_with("EE"))
        .filter_map(|(_, certificate)| certificate.clone())
        .collect();
    let at = time::macros::datetime!(2026-11-28 00:00 UTC);
    let reliance = Reliance {
        revocations: &known,
        require_revocation: true,
        ..Reliance::new(&anchors, &authorities, at)
    };
    let leaves: Vec<_> = parsed.iter().filter(|(name, _)| name.ends_with("EE")).collect();
    assert!(leaves.len() > 200, "{}", leaves.len());
    let judge = |(name, certificate): &(&str, Option<Certificate>)| {
        let verdict = certificate.as_ref().map(|certificate| {
            validation::certificate(certificate, &[], Revocations::NONE, &reliance).finding
        });
        let valid = matches!(verdict, Some(Ok(())));
        (name.to_string(), valid, format!("{verdict:?}"))
    };
    let (one, other) = leaves.split_at(leaves.len() / 2);
    let judged: Vec<(String, bool, String)> = std::thread::scope(|scope| {
        let first = scope.spawn(|| one.iter().map(|leaf| judge(leaf)).collect::<Vec<_>>());
        let mut second: Vec<_> = other.iter().map(|leaf| judge(leaf)).collect();
        second.extend(first.join().unwrap());
        second
    });
    let mut wrong = Vec::new();
    for (name, valid, verdict) in &judged {
        let wanted = expected(name).unwrap_or_else(|| panic!("{name}: no expectation"));
        let listed = DIFFERENT.iter().any(|(different, _)| different == name);
        if (*valid == wanted) == listed {
            wrong.push(format!(
                "{name}: {verdict}{}",
                if listed { ", and is listed" } else { "" }
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "CRLs not read: {unread:?}\n{}",
        wrong.join("\n")
    );
}
