//! Who issued a certificate is what a path to a trusted anchor says, not what the certificate says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{Desk, TOKEN, read_json, succeed};

/// The authority of the demo PKI, whose root the desk trusts.
const AUTHORITY: &str = "CA Công cộng Trình diễn";

/// A certificate for the key `k` from an authority that somebody made and called so, put beside the key.
fn certified_by_one_that_calls_itself(desk: &Desk, name: &str) {
    let openssl = |words: &[&str]| succeed(Command::new("openssl").args(words).current_dir(desk.path("")));
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "false.key",
        "-out",
        "false.pem",
        "-days",
        "30",
        "-subj",
        &format!("/C=VN/O=VNPT/CN={name}"),
    ]);
    openssl(&[
        "x509",
        "-req",
        "-in",
        "k.csr",
        "-CA",
        "false.pem",
        "-CAkey",
        "false.key",
        "-set_serial",
        "7",
        "-days",
        "20",
        "-out",
        "claimed.pem",
    ]);
    let words = ["token", "install", "--token", TOKEN, "--cert"];
    succeed(desk.trien(words).arg(desk.path("claimed.pem")).args(desk.pin()));
}

fn listed(desk: &Desk, words: [&str; 2]) -> Value {
    read_json(&succeed(desk.trien(words).arg("--json")))
}

#[test]
fn a_name_that_no_path_proves_is_marked_and_one_that_a_path_proves_is_not() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    let tokens = listed(&desk, ["token", "list"]);
    for field in ["ca", "ca_proven"] {
        assert_eq!(tokens[0][field], json!([AUTHORITY]), "{tokens}");
    }
    let said = succeed(&mut desk.trien(["token", "list"]));
    assert!(said.contains(&format!("CA {AUTHORITY};")), "{said}");

    certified_by_one_that_calls_itself(&desk, "VNPT-CA");
    let tokens = listed(&desk, ["token", "list"]);
    assert!(
        tokens[0]["ca"].as_array().unwrap().contains(&json!("VNPT-CA")),
        "{tokens}"
    );
    let proven = tokens[0]["ca_proven"].as_array().unwrap();
    assert!(!proven.contains(&json!("VNPT-CA")), "{tokens}");
    let certificates = listed(&desk, ["cert", "list"]);
    let claims = certificates.as_array().unwrap().iter();
    for certificate in claims {
        assert_eq!(
            certificate["issuer_proven"],
            certificate["issuer"] == AUTHORITY,
            "{certificate}"
        );
    }
    for (language, mark) in [
        ("en", "\"VNPT-CA\" by its own word"),
        ("vi", "\"VNPT-CA\" (tự xưng"),
    ] {
        for words in [["token", "list"], ["cert", "list"]] {
            let said = succeed(desk.trien(words).args(["--lang", language]));
            assert!(said.contains(mark), "{said}");
        }
    }
}

#[test]
fn a_certificate_that_is_not_valid_now_was_issued_by_whom_it_was() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "not_yet_valid")]);
    assert_eq!(
        listed(&desk, ["token", "list"])[0]["ca_proven"],
        json!([AUTHORITY])
    );
    // Without the root, nothing is proven.
    std::fs::remove_dir_all(desk.home().join("config/trust")).unwrap();
    let tokens = listed(&desk, ["token", "list"]);
    assert_eq!(tokens[0]["ca"], json!([AUTHORITY]));
    assert_eq!(tokens[0]["ca_proven"], json!([]));
}
