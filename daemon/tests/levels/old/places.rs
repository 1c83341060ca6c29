//! Each place where SHA-1 may stand in a document that is as today's are otherwise.
//!
//! Not among them is the `CertID` of an OCSP answer, nor a responder that is named by its key: both are by SHA-1 after the
//! standards (RFC 6960, 4.1.1 and 4.2.1; RFC 5019, 2.1.1), and it only names there. Whom an answer is about and who gave it is
//! proven by the signature over the answer, so that a collision would gain nobody anything.

use std::process::Command;

use serde_json::Value;

use super::sign_by_openssl;
use crate::printed;
use crate::support::office::{Office, responder};
use crate::support::{repository, succeed};

/// The report on the one signature of a file that is `exit` without the switch and passes with it: both, after it was seen
/// that the first names the switch and the second is marked, in both languages.
#[track_caller]
fn behind_the_switch(office: &Office, old: &str, exit: i32, rules: &[&str]) -> [Value; 2] {
    let verify = |words: &[&str]| {
        let mut verify = office.desk.trien(["verify"]);
        verify.args(words).args(rules).arg(office.desk.path(old));
        verify
    };
    let said = |command: &mut Command, exit: i32| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{old}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (language, marked) in [("vi", "có dùng SHA-1"), ("en", "SHA-1 was used")] {
        let told = said(&mut verify(&["--lang", language]), exit);
        assert!(told.contains("--allow-sha1"), "{old}: {told}");
        let told = said(&mut verify(&["--lang", language, "--allow-sha1"]), 0);
        assert!(
            told.contains(marked) && !told.contains("--allow-sha1"),
            "{old}: {told}"
        );
    }
    let report = |words: &[&str], exit: i32| printed(&mut verify(words), exit)[0]["signatures"][0].clone();
    let without = report(&["--json"], exit);
    let with = report(&["--json", "--allow-sha1"], 0);
    assert_eq!(with["indication"], "TOTAL-PASSED", "{old}: {with:#}");
    assert!(warns(&with, "sha1"), "{old}: {with:#}");
    assert!(!warns(&with, "sha1_not_counted"), "{old}: {with:#}");
    [without, with]
}

/// Refused for its SHA-1 without the switch.
#[track_caller]
fn refused_without_the_switch(office: &Office, old: &str) {
    let [without, _] = behind_the_switch(office, old, 1, &[]);
    assert_eq!(without["indication"], "INDETERMINATE", "{old}: {without:#}");
    assert_eq!(without["sub_indication"], "CRYPTO_CONSTRAINTS_FAILURE", "{old}");
    assert_eq!(without["reason"], "sha1_not_accepted", "{old}: {without:#}");
}

fn warns(report: &Value, warning: &str) -> bool {
    report["warnings"].as_array().unwrap().contains(&warning.into())
}

/// An office with the key `cũ`, whose signature `cũ.p7m` is as today's are.
fn office() -> Office {
    let office = Office::new(&[]);
    office.desk.import_key("cũ", &["rsa:2048"], "citizen");
    sign_by_openssl(&office, "sha256");
    office
}

/// Puts SHA-1 into a place.
fn make_old(office: &Office, words: &[&str]) {
    let mut make = Command::new(repository().join("target/judges/bin/python"));
    make.current_dir(office.desk.path("")).arg("-B");
    make.arg(repository().join("daemon/tests/judges/old_places.py"));
    succeed(make.args(words));
}

/// OpenSSL among the authority's files.
fn openssl(office: &Office, words: &str) {
    let mut openssl = Command::new("openssl");
    openssl
        .current_dir(office.desk.pki())
        .args(words.split_whitespace());
    openssl.env("PKI", office.desk.pki()).env("CA", "ca");
    succeed(&mut openssl);
}

#[test]
fn sha_1_that_names_the_signers_certificate_is_behind_the_switch() {
    let office = office();
    office.import(&["root.crl", "ca.crl"]);
    make_old(
        &office,
        &["attribute", "cũ.key", "cũ.pem", "đơn.txt", "attribute.p7m"],
    );
    refused_without_the_switch(&office, "attribute.p7m");
    std::fs::write(office.desk.path("đơn.xml"), "<đơn>Đơn đề nghị</đơn>").unwrap();
    sign_today(&office, "xades", ("đơn.xml", "new.xml"));
    make_old(
        &office,
        &["property", "cũ.key", "cũ.pem", "new.xml", "property.xml"],
    );
    refused_without_the_switch(&office, "property.xml");
}

/// Signs a file as it is done today, with the key `cũ`.
fn sign_today(office: &Office, format: &str, (input, out): (&str, &str)) {
    let words = ["sign", "--cert", "cũ", "--padding", "pkcs1", "--format", format];
    let mut sign = office.desk.trien(words);
    sign.arg("--out").arg(office.desk.path(out));
    succeed(sign.arg(office.desk.path(input)).args(office.desk.pin()));
}

#[test]
fn sha_1_in_the_manifests_of_a_container_is_behind_the_switch() {
    let office = office();
    office.import(&["root.crl", "ca.crl"]);
    sign_today(&office, "asic-e-cades", ("đơn.txt", "new.asice"));
    make_old(
        &office,
        &["manifest", "cũ.key", "cũ.pem", "new.asice", "manifest.asice"],
    );
    refused_without_the_switch(&office, "manifest.asice");
    // What an archive time-stamp is about by SHA-1 is not about it; the signature is what it is without that.
    let server = office.server();
    let tsa = server.url("tsa");
    let mut raise = office
        .desk
        .trien(["augment", "--level", "lta", "--tsa", &tsa, "--out"]);
    succeed(raise.args(["raised.asice", "new.asice"].map(|name| office.desk.path(name))));
    make_old(&office, &["archive", "pki", "raised.asice", "archive.asice"]);
    let [without, with] = behind_the_switch(&office, "archive.asice", 0, &[]);
    assert_eq!(with["level"], "B-LTA", "{with:#}");
    assert_ne!(without["level"], "B-LTA", "{without:#}");
    assert!(warns(&without, "sha1_not_counted"), "{without:#}");
    assert!(warns(&without, "timestamp_not_valid"), "{without:#}");
}

#[test]
fn a_time_stamp_with_a_sha_1_imprint_is_behind_the_switch() {
    let office = office();
    office.import(&["root.crl", "ca.crl"]);
    make_old(&office, &["stamp", "pki", "cũ.p7m", "stamp.p7m"]);
    let [without, with] = behind_the_switch(&office, "stamp.p7m", 0, &[]);
    assert_eq!(without["level"], "B-B", "{without:#}");
    let stamp = &without["timestamps"][0];
    assert_eq!(stamp["valid"], false, "{stamp:#}");
    assert_eq!(stamp["sub_indication"], "CRYPTO_CONSTRAINTS_FAILURE", "{stamp:#}");
    assert_eq!(stamp["reason"], "sha1_not_accepted", "{stamp:#}");
    assert!(warns(&without, "timestamp_not_valid"), "{without:#}");
    assert_eq!(with["level"], "B-T", "{with:#}");
    assert_eq!(with["timestamps"][0]["valid"], true, "{with:#}");
}

/// Of a certificate whose state only SHA-1 proves nothing is known: told as such, and refused where it has to be known.
#[test]
fn revocation_that_only_sha_1_proves_is_behind_the_switch() {
    let office = office();
    responder(&office.desk);
    let config = repository().join("testdata/pki/openssl.cnf");
    let words = format!("ca -config {} -gencrl -md sha1 -out old.pem", config.display());
    openssl(&office, &words);
    openssl(&office, "crl -in old.pem -outform DER -out old.crl");
    answered(&office, "sha1", "old.ocsp");
    for (known, source) in [("old.crl", "crl"), ("old.ocsp", "ocsp")] {
        let known = format!("pki/{known}");
        make_old(
            &office,
            &["revocation", "cũ.p7m", "known.p7m", "pki/root.crl", &known],
        );
        let [without, with] = behind_the_switch(&office, "known.p7m", 0, &[]);
        assert_eq!(without["revocation_status"], "incomplete", "{without:#}");
        assert!(warns(&without, "sha1_not_counted"), "{without:#}");
        assert!(warns(&without, "revocation_not_checked"), "{without:#}");
        assert_eq!(with["revocation_status"], "good", "{with:#}");
        assert_eq!(
            with["certificates"][0]["revocation"]["source"], source,
            "{with:#}"
        );
        let [without, _] = behind_the_switch(&office, "known.p7m", 1, &["--require-revocation"]);
        assert_eq!(without["indication"], "INDETERMINATE", "{without:#}");
        assert_eq!(without["sub_indication"], "TRY_LATER", "{without:#}");
        assert!(warns(&without, "sha1_not_counted"), "{without:#}");
    }
}

/// An answer of the responder about `cũ`, signed with this hash; it names the certificate by SHA-1.
fn answered(office: &Office, hash: &str, out: &str) {
    std::fs::copy(office.desk.path("cũ.pem"), office.desk.pki().join("asked.pem")).unwrap();
    let words = format!(
        "ocsp -index private/ca.index -CA ca.pem -rsigner responder.pem -rkey responder.key -nmin 60 -issuer ca.pem \
         -cert asked.pem -rmd {hash} -respout {out}"
    );
    openssl(office, &words);
}

#[test]
fn an_answer_that_names_a_certificate_by_sha_1_is_not_marked() {
    let office = office();
    responder(&office.desk);
    answered(&office, "sha256", "new.ocsp");
    let mut shown = Command::new("openssl");
    shown.current_dir(office.desk.pki());
    shown.args(["ocsp", "-respin", "new.ocsp", "-resp_text", "-noverify"]);
    let shown = succeed(&mut shown);
    assert!(shown.contains("Hash Algorithm: sha1"), "{shown}");
    make_old(
        &office,
        &[
            "revocation",
            "cũ.p7m",
            "known.p7m",
            "pki/root.crl",
            "pki/new.ocsp",
        ],
    );
    for allowed in [&[][..], &["--allow-sha1"]] {
        let mut verify = office.desk.trien(["verify", "--json", "--require-revocation"]);
        verify.args(allowed).arg(office.desk.path("known.p7m"));
        let report = printed(&mut verify, 0)[0]["signatures"][0].clone();
        assert_eq!(report["revocation_status"], "good", "{report:#}");
        for warning in ["sha1", "sha1_not_counted"] {
            assert!(!warns(&report, warning), "{report:#}");
        }
    }
}

/// The signer's certificate and the root are as today's are; the authority between them is certified with SHA-1.
#[test]
fn an_intermediate_certificate_with_sha_1_is_behind_the_switch() {
    let office = office();
    office.desk.certify_authority_with_sha1();
    office.import(&["root.crl", "ca.crl"]);
    refused_without_the_switch(&office, "cũ.p7m");
}
