//! Whom the signed samples that other people's packages ship lead to: `trien verify --trust` beside OpenSSL, pyHanko,
//! xmlsec1 and signxml, with the same anchors at the same time (`judges/trusted.py`). Where they differ,
//! `testdata/documents/trust.tsv` says so by name and why; what differs otherwise, or no longer, fails. What is signed at
//! all is compared by `daemon/signatures/tests/samples.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/differences.rs"]
mod differences;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Desk, repository, succeed};

/// What `trien verify` reports of each signature of a file, at a time. CMS has its revocation lists inside, and so has to
/// have its revocations known; what cannot be read has no signature.
fn reported(desk: &Desk, file: &Path, time: &str) -> Vec<Value> {
    let mut verify = desk.trien(["verify", "--json", "--allow-sha1", "--at", time, "--trust"]);
    verify.arg(repository().join("target/documents/samples/trust"));
    if file.extension().is_some_and(|end| end == "p7s") {
        verify.arg("--require-revocation");
        verify.arg("--content").arg(file.with_extension("content"));
    }
    let output = verify.arg(file).output().expect("trien runs");
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    reports[0]["signatures"].as_array().cloned().unwrap_or_default()
}

/// Our verdict on the signer in the judges' words, and our reason.
fn of_signature(signature: &Value, is_cms: bool) -> (&'static str, String) {
    let reason = signature["reason"].as_str().unwrap_or_default();
    let told = |word| (word, reason.to_owned());
    let refused = signature["sub_indication"] == "FORMAT_FAILURE" || reason == "signing_certificate_mismatch";
    if signature["integrity"] != "intact" || refused {
        return told("neither");
    }
    // Neither a document that was changed later nor a signature that does not sign whose it is is valid, and still both
    // lead to somebody.
    let leads = matches!(reason, "forbidden_change" | "signing_certificate_missing")
        && !signature["path"].as_array().unwrap().is_empty()
        && (signature["revocation_status"] == "good"
            || !is_cms && signature["revocation_status"] != "revoked");
    told(match signature["indication"] == "TOTAL-PASSED" || leads {
        true => "trusted",
        false => "untrusted",
    })
}

/// Our verdict on the time-stamp of a signature.
fn of_stamp(signature: &Value) -> (&'static str, String) {
    let stamps = signature["timestamps"].as_array();
    let Some(stamp) = stamps
        .into_iter()
        .flatten()
        .find(|stamp| stamp["kind"] == "signature")
    else {
        return ("neither", "no time-stamp".to_owned());
    };
    let reason = stamp["reason"].as_str().unwrap_or_default();
    let word = match (stamp["valid"] == true, reason) {
        (true, _) => "trusted",
        (false, "timestamp_malformed" | "timestamp_imprint_mismatch") => "neither",
        (false, _) => "untrusted",
    };
    (word, reason.to_owned())
}

#[test]
fn whom_every_sample_leads_to_is_what_others_say_or_differs_for_a_reason_that_is_written_down() {
    let folder = repository().join("target/documents/samples");
    assert!(folder.join("trust").exists(), "run `make documents` first");
    let python = repository().join("target/judges/bin/python");
    let script = repository().join("daemon/tests/judges/trusted.py");
    let said = succeed(Command::new(python).arg("-B").arg(script).arg(&folder));

    let desk = Desk::bare();
    let mut reports: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
    let (mut compared, mut differ) = (BTreeMap::<(&str, &str), u32>::new(), BTreeMap::new());
    for line in said.lines() {
        let [judge, name, time, theirs] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let (file, path, place) = differences::place(&folder, name);
        let all = reports
            .entry((file, time))
            .or_insert_with(|| reported(&desk, &path, time));
        let Some(signature) = all.get(place - 1) else {
            continue;
        };
        let (own, reason) = if judge == "pyhanko-stamp" {
            of_stamp(signature)
        } else {
            of_signature(signature, path.extension().is_some_and(|end| end == "p7s"))
        };
        // What is right at all is another table's.
        if theirs == "neither" || own == "neither" {
            continue;
        }
        *compared.entry((judge, theirs)).or_default() += 1;
        if own != theirs {
            differ.insert(format!("{judge}\t{name}\t{theirs}\t{own}"), reason);
        }
    }
    println!("compared: {compared:?}");
    for (verdict, least) in [
        (("openssl", "trusted"), 95),
        (("openssl", "untrusted"), 110),
        (("pyhanko", "trusted"), 40),
        (("pyhanko-stamp", "trusted"), 3),
        (("pyhanko-stamp", "untrusted"), 5),
        (("xmlsec1", "trusted"), 18),
        (("xmlsec1", "untrusted"), 35),
        (("signxml", "untrusted"), 50),
    ] {
        let count = compared.get(&verdict).copied().unwrap_or_default();
        assert!(count >= least, "{verdict:?}: {count}");
    }

    differences::are_written_down(&differ, &repository().join("testdata/documents/trust.tsv"));
}
