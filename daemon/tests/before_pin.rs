//! What is looked at before a PIN is asked for (Circular 15/2025/TT-BKHCN, article 5): validity, usage, path and revocation
//! of the certificate; and what is kept of it. The PIN here is a wrong one wherever it must not come to be used.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Desk, repository, succeed};

fn sign(desk: &Desk, key: &str, out: &str) -> Command {
    let name = format!("Nguyễn Văn An {key}");
    let mut sign = desk.trien([
        "sign",
        "--format",
        "cades",
        "--detached",
        "--cert",
        &name,
        "--out",
    ]);
    sign.arg(desk.path(out)).arg(repository().join("README.md"));
    sign
}

/// The same with a PIN that costs a try.
fn sign_wrongly(desk: &Desk, key: &str) -> Command {
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "11111111\n").unwrap();
    let mut sign = sign(desk, key, "x.p7s");
    sign.arg("--pin-file").arg(wrong);
    sign
}

fn import_lists(desk: &Desk) {
    succeed(
        Command::new(repository().join("testdata/pki/publish-crl.sh"))
            .arg(desk.pki())
            .arg("ca"),
    );
    let mut import = desk.trien(["trust", "import-crl"]);
    succeed(import.args(["root.crl", "ca.crl"].map(|list| desk.pki().join(list))));
}

#[test]
fn n107_a_certificate_that_may_not_sign_now_is_refused_before_the_pin() {
    let desk = Desk::with_keys(&[
        ("old", "ec:p256", "expired"),
        ("early", "ec:p256", "not_yet_valid"),
        ("sealed", "ec:p256", "encryption_only"),
        ("bad", "ec:p256", "revoked"),
        ("good", "ec:p256", "citizen"),
    ]);
    import_lists(&desk);
    for (key, said) in [
        ("old", "certificate_expired"),
        ("early", "certificate_expired"),
        ("sealed", "certificate_unsuitable"),
        ("bad", "certificate_revoked"),
        // Here nothing stands in the way, and the PIN is tried.
        ("good", "pin_incorrect"),
    ] {
        let output = sign_wrongly(&desk, key).arg("--json").output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(!output.status.success() && told.contains(said), "{key}: {told}");
        assert!(!desk.path("x.p7s").exists(), "{key}");
    }
}

#[test]
fn what_is_not_known_of_a_revocation_is_refused_where_the_policy_wants_it_known() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let config = desk.home().join("config/config.toml");
    std::fs::write(config, "require_revocation = true\n").unwrap();
    let output = sign_wrongly(&desk, "an").arg("--json").output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("certificate_status_unknown"), "{told}");
    import_lists(&desk);
    succeed(sign(&desk, "an", "known.p7s").args(desk.pin()));
}

#[test]
fn what_was_known_of_the_certificate_is_kept_with_each_signature_until_it_is_erased() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    succeed(sign(&desk, "an", "before.p7s").args(desk.pin()));
    import_lists(&desk);
    succeed(sign(&desk, "an", "after.p7s").args(desk.pin()));
    let kept = || -> Value {
        let listed = succeed(&mut desk.trien(["trust", "evidence", "--json"]));
        serde_json::from_str(&listed).unwrap()
    };
    let evidence = kept();
    let [before, after] = evidence.as_array().unwrap().as_slice() else {
        panic!("{evidence}");
    };
    assert_eq!(before["path"][0]["revocation"]["status"], "unknown", "{before}");
    let known = &after["path"][0]["revocation"];
    assert_eq!(
        (&known["status"], &known["source"]),
        (&"good".into(), &"crl".into()),
        "{after}"
    );
    assert!(known["this_update"].is_string(), "as of when");
    for (one, name) in [(before, "before.p7s"), (after, "after.p7s")] {
        let digest = succeed(Command::new("sha256sum").arg(desk.path(name)));
        assert_eq!(one["results"][0], digest[..64]);
        assert!(one["certificate"].as_str().unwrap().starts_with("MII"));
    }
    let until = after["signed_at"].as_str().unwrap();
    succeed(&mut desk.trien(["trust", "evidence", "--erase", "--before", until]));
    assert_eq!(kept().as_array().unwrap().len(), 1);
    succeed(&mut desk.trien(["trust", "evidence", "--erase"]));
    assert_eq!(kept().as_array().unwrap().len(), 0);
}
