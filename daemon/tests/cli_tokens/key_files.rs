//! Keys and certificates out of files.

use std::process::Command;

use crate::support::{Desk, TOKEN, error_code, fail, read_json, repository, succeed};
use crate::{issued, openssl, sign_and_verify};

fn import(desk: &Desk, words: &[&str]) -> Command {
    let mut command = desk.trien(["token", "import", "--token", TOKEN]);
    command.args(words).args(desk.pin()).current_dir(desk.path(""));
    command
}

/// With the key of a chip whose keys can be computed from their public half (CVE-2017-15361).
#[test]
fn n107_a_roca_key_is_told_before_it_is_used() {
    let desk = Desk::with_token();
    let key = repository().join("daemon/signatures/tests/vectors/roca/key.p12");
    std::fs::write(desk.path("password"), "roca\n").unwrap();
    succeed(
        import(&desk, &["--password-file", "password"])
            .arg("--key")
            .arg(key),
    );
    let listed = read_json(&succeed(desk.trien(["cert", "list"]).arg("--json")));
    assert_eq!(listed[0]["roca"], true, "{listed}");
    let listed = succeed(&mut desk.trien(["cert", "list"]));
    assert!(listed.contains("ROCA"), "{listed}");
    let doctor = desk.trien(["doctor"]).output().unwrap();
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("CVE-2017-15361"), "{said}");
}

#[test]
fn a_key_from_a_file_signs_with_its_chain_beside_it() {
    let desk = Desk::with_token();
    issued(
        &desk,
        "rsa",
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    );
    issued(
        &desk,
        "ec",
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    );
    std::fs::write(desk.path("password"), "Mật khẩu\n").unwrap();
    let ca = desk.pki().join("ca.pem").display().to_string();
    let words = [
        "pkcs12",
        "-export",
        "-legacy",
        "-inkey",
        "rsa.key",
        "-in",
        "rsa.pem",
        "-certfile",
        &ca,
        "-name",
        "Ký số",
        "-out",
        "rsa.p12",
        "-passout",
        "pass:Mật khẩu",
    ];
    openssl(&desk, &words);

    let told = succeed(import(&desk, &["--key", "rsa.p12", "--password-file", "password"]).arg("--json"));
    let told = read_json(&told);
    assert_eq!(
        (&told["label"], &told["algorithm"]),
        (&"Ký số".into(), &"rsa:2048".into())
    );
    assert_eq!(told["certificates"].as_array().unwrap().len(), 2);
    assert_eq!(told["id"].as_str().unwrap().len(), 40, "SHA-1 of the public key");
    let again = import(
        &desk,
        &["--key", "rsa.p12", "--password-file", "password", "--label", "x"],
    );
    assert_eq!(error_code(&mut { again }, 2), "token-import-there");
    sign_and_verify(&desk, &desk.home(), "Ký số");

    let wrong = import(&desk, &["--key", "ec.key", "--cert", "rsa.pem"]);
    assert_eq!(error_code(&mut { wrong }, 3), "token-import-no-match");
    let bad_id = import(&desk, &["--key", "ec.key", "--cert", "ec.pem", "--id", "0x01"]);
    assert_eq!(error_code(&mut { bad_id }, 2), "token-import-bad-id");
    succeed(&mut import(
        &desk,
        &[
            "--key", "ec.key", "--cert", "ec.pem", "--label", "ec", "--id", "01",
        ],
    ));
    sign_and_verify(&desk, &desk.home(), "ec");

    issued(
        &desk,
        "next",
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    );
    let words = ["--key", "next.key", "--label"];
    let same_id = import(&desk, &[&words[..], &["next", "--id", "01"]].concat());
    assert_eq!(error_code(&mut { same_id }, 2), "token-import-id-taken");
    assert_eq!(
        error_code(&mut import(&desk, &[&words[..], &["ec"]].concat()), 2),
        "token-key-taken"
    );
    openssl(&desk, &["genpkey", "-algorithm", "ED25519", "-out", "ed.key"]);
    let told = succeed(import(&desk, &["--key", "ed.key"]).arg("--json"));
    assert_eq!(
        read_json(&told)["label"],
        "ed",
        "without another name, the file's"
    );
    let none = import(&desk, &["--key", "rsa.pem"]);
    assert_eq!(error_code(&mut { none }, 3), "token-import-no-key");
    std::fs::write(desk.path("password"), "falsch\n").unwrap();
    let wrong = import(&desk, &["--key", "rsa.p12", "--password-file", "password"]);
    assert_eq!(error_code(&mut { wrong }, 3), "token-import-password-wrong");
}

#[test]
fn a_key_that_the_token_does_not_take_is_told_as_that() {
    let desk = Desk::with_token();
    openssl(
        &desk,
        &[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:4608",
            "-out",
            "long.pem",
        ],
    );
    let told = fail(&mut import(&desk, &["--lang", "en", "--key", "long.pem"]), 3);
    assert!(
        told.contains("rsa:4608") && told.contains("generate-key"),
        "{told}"
    );
    assert!(!told.contains("provider"), "{told}");
}
