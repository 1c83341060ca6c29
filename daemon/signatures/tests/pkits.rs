//! NIST's PKITS (the Public Key Interoperability Test Suite), as the Python package `cryptography-vectors` carries it: each
//! end-entity certificate is judged with all the suite's certificates and CRLs at hand, revocation required, any policy
//! accepted. What a certificate's own name says of its test, `Valid` or `Invalid`, has to come out. Then those tests of
//! sections 4.8 to 4.12 that set more than the defaults, each with the policies that it accepts.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

use std::fs;
use std::path::{Path, PathBuf};

use der::asn1::ObjectIdentifier;
use trien_signatures::certificate::Certificate;
use trien_signatures::report::Reason;
use trien_signatures::revocation::{Crl, Revocations};
use trien_signatures::trust::{Anchors, Policies, Reliance};
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

/// What comes out differently, and why: that is right here, but for the last, which is a limit.
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
        "a limit: the reader of certificates knows no UTCTime of 50 to 99, which is of 1950 to 1999 (RFC 5280, 4.1.2.5.1)",
    ),
];

/// A run of a test that sets more than the defaults: with which of the suite's `NIST-test-policy-N` in the initial policy
/// set, any if none is named; what else is set; and whether the path is valid then.
type Run = (&'static str, &'static [u8], Option<Setting>, bool);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    ExplicitPolicy,
    NoMapping,
    NoAnyPolicy,
}

const RUNS: [Run; 37] = [
    // 4.8, Certificate Policies
    (
        "ValidCertificatePathTest1EE",
        &[],
        Some(Setting::ExplicitPolicy),
        true,
    ),
    (
        "ValidCertificatePathTest1EE",
        &[1],
        Some(Setting::ExplicitPolicy),
        true,
    ),
    (
        "ValidCertificatePathTest1EE",
        &[2],
        Some(Setting::ExplicitPolicy),
        false,
    ),
    (
        "ValidCertificatePathTest1EE",
        &[1, 2],
        Some(Setting::ExplicitPolicy),
        true,
    ),
    (
        "AllCertificatesNoPoliciesTest2EE",
        &[],
        Some(Setting::ExplicitPolicy),
        false,
    ),
    (
        "DifferentPoliciesTest3EE",
        &[],
        Some(Setting::ExplicitPolicy),
        false,
    ),
    (
        "DifferentPoliciesTest3EE",
        &[1, 2],
        Some(Setting::ExplicitPolicy),
        false,
    ),
    ("OverlappingPoliciesTest6EE", &[1], None, true),
    ("OverlappingPoliciesTest6EE", &[2], None, false),
    ("AllCertificatesSamePoliciesTest10EE", &[1], None, true),
    ("AllCertificatesSamePoliciesTest10EE", &[2], None, true),
    ("AllCertificatesanyPolicyTest11EE", &[1], None, true),
    ("AllCertificatesSamePoliciesTest13EE", &[1], None, true),
    ("AllCertificatesSamePoliciesTest13EE", &[2], None, true),
    ("AllCertificatesSamePoliciesTest13EE", &[3], None, true),
    ("AnyPolicyTest14EE", &[1], None, true),
    ("AnyPolicyTest14EE", &[2], None, false),
    ("UserNoticeQualifierTest18EE", &[1], None, true),
    ("UserNoticeQualifierTest18EE", &[2], None, true),
    ("UserNoticeQualifierTest19EE", &[1], None, true),
    (
        "CPSPointerQualifierTest20EE",
        &[1],
        Some(Setting::ExplicitPolicy),
        true,
    ),
    // 4.10, Policy Mappings
    ("ValidPolicyMappingTest1EE", &[1], None, true),
    ("ValidPolicyMappingTest1EE", &[2], None, false),
    ("ValidPolicyMappingTest1EE", &[], Some(Setting::NoMapping), false),
    (
        "InvalidPolicyMappingTest2EE",
        &[],
        Some(Setting::NoMapping),
        false,
    ),
    ("ValidPolicyMappingTest3EE", &[1], None, false),
    ("ValidPolicyMappingTest3EE", &[2], None, true),
    ("ValidPolicyMappingTest5EE", &[1], None, true),
    ("ValidPolicyMappingTest5EE", &[6], None, false),
    ("ValidPolicyMappingTest6EE", &[1], None, true),
    ("ValidPolicyMappingTest6EE", &[6], None, false),
    ("ValidPolicyMappingTest12EE", &[1], None, true),
    ("ValidPolicyMappingTest12EE", &[2], None, true),
    ("ValidPolicyMappingTest13EE", &[1, 2], None, true),
    ("ValidPolicyMappingTest13EE", &[2], None, false),
    ("ValidPolicyMappingTest14EE", &[1], None, true),
    // 4.12, Inhibit Any Policy
    ("inhibitAnyPolicyTest3EE", &[], Some(Setting::NoAnyPolicy), false),
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

/// All of the suite: its certificates, those of authorities apart, its anchor and its lists.
struct Suite {
    certificates: Vec<(String, Option<Certificate>)>,
    anchors: Anchors,
    authorities: Vec<Certificate>,
    known: Revocations,
    unread: Vec<String>,
}

impl Suite {
    fn read() -> Self {
        let suite = suite();
        let mut known = Revocations::default();
        let mut unread = Vec::new();
        for (name, bytes) in files(&suite.join("crls")) {
            match Crl::from_der(&bytes) {
                Ok(crl) => known.add_crl(crl),
                Err(_) => unread.push(name),
            }
        }
        let certificates: Vec<_> = files(&suite.join("certs"))
            .into_iter()
            .map(|(name, bytes)| (name, Certificate::from_der(&bytes).ok()))
            .collect();
        let root = certificates
            .iter()
            .find(|(name, _)| name == "TrustAnchorRootCertificate");
        let authorities = certificates.iter().filter(|(name, _)| !name.ends_with("EE"));
        Self {
            anchors: Anchors::new(vec![root.unwrap().1.clone().unwrap()]),
            authorities: authorities.filter_map(|(_, one)| one.clone()).collect(),
            certificates,
            known,
            unread,
        }
    }

    fn reliance(&self) -> Reliance<'_> {
        Reliance {
            revocations: &self.known,
            require_revocation: true,
            ..Reliance::new(
                &self.anchors,
                &self.authorities,
                time::macros::datetime!(2026-11-28 00:00 UTC),
            )
        }
    }
}

#[test]
fn every_path_of_pkits_comes_out_as_expected() {
    let suite = Suite::read();
    let reliance = suite.reliance();
    let leaves = suite.certificates.iter();
    let leaves: Vec<_> = leaves.filter(|(name, _)| name.ends_with("EE")).collect();
    assert!(leaves.len() > 200, "{}", leaves.len());
    let judge = |(name, certificate): &(String, Option<Certificate>)| {
        let verdict = certificate.as_ref().map(|certificate| {
            validation::certificate(certificate, &[], Revocations::NONE, &reliance).finding
        });
        let valid = matches!(verdict, Some(Ok(())));
        (name.clone(), valid, format!("{verdict:?}"))
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
        "CRLs not read: {:?}\n{}",
        suite.unread,
        wrong.join("\n")
    );
}

#[test]
fn with_the_policies_that_a_test_accepts_it_comes_out_as_expected() {
    let suite = Suite::read();
    let policy = |number: &u8| ObjectIdentifier::new(&format!("2.16.840.1.101.3.2.1.48.{number}")).unwrap();
    let mut wrong = Vec::new();
    for (name, accepted, setting, wanted) in RUNS {
        let acceptable: Vec<_> = accepted.iter().map(policy).collect();
        let reliance = Reliance {
            policies: Policies {
                acceptable: &acceptable,
                explicit: setting == Some(Setting::ExplicitPolicy),
                no_mapping: setting == Some(Setting::NoMapping),
                no_any: setting == Some(Setting::NoAnyPolicy),
            },
            ..suite.reliance()
        };
        let (_, leaf) = suite.certificates.iter().find(|(leaf, _)| leaf == name).unwrap();
        let leaf = leaf.as_ref().unwrap();
        let found = validation::certificate(leaf, &[], Revocations::NONE, &reliance).finding;
        let expected = match found {
            Ok(()) => wanted,
            // Nothing else is wrong with them.
            Err((_, Reason::PathPolicy)) => !wanted,
            Err((_, Reason::PathBasicConstraints)) => {
                DIFFERENT.iter().any(|(different, _)| *different == name)
            }
            Err(_) => false,
        };
        if !expected {
            wrong.push(format!("{name} {accepted:?} {setting:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
