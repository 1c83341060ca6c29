//! Tokens and keys made at the shell.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Desk, PIN, TOKEN, fail, succeed};
use crate::{openssl, sign_and_verify};

/// Below the person's own home a module reaches nothing that it is not let into, and what is not there yet it cannot be.
#[test]
fn the_first_token_makes_the_folder_that_it_lies_in() {
    crate::support::module::software_token();
    let desk = Desk::bare();
    std::fs::write(desk.pin_file(), format!("{PIN}\n")).unwrap();
    let (home, new) = (desk.path(""), desk.path("new/home"));
    let words = ["token", "init", "--label", TOKEN, "--so-pin-file"];
    let mut init = desk.trien(words);
    init.arg(desk.pin_file()).args(desk.pin());
    succeed(init.env("HOME", home).env("TRIEN_HOME", &new));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&new), mode(new.parent().unwrap())), (0o700, 0o700));
}

/// What cannot be asked for is named by its own option.
#[test]
fn where_nobody_types_the_missing_option_is_named() {
    let desk = Desk::new();
    let alone = |words: &[&str]| {
        let command = desk.trien(words.iter().copied());
        let mut alone = Command::new("setsid");
        alone
            .arg("--wait")
            .arg(command.get_program())
            .args(command.get_args())
            .args(desk.pin());
        for (name, value) in command.get_envs() {
            alone.env(name, value.unwrap());
        }
        alone.stdin(std::process::Stdio::null());
        alone
    };
    let told = fail(&mut alone(&["token", "init", "--label", "x"]), 2);
    assert!(
        told.contains("with --so-pin-file") && !told.contains("--pin-fd"),
        "{told}"
    );
    openssl(
        &desk,
        &[
            "genpkey",
            "-algorithm",
            "RSA",
            "-aes256",
            "-pass",
            "pass:secret",
            "-out",
            "k.pem",
        ],
    );
    let key = desk.path("k.pem");
    let words = ["token", "import", "--token", "x", "--key", key.to_str().unwrap()];
    let told = fail(&mut alone(&words), 2);
    assert!(told.contains("with --password-file"), "{told}");
}

#[test]
fn the_longest_rsa_key_that_is_offered_signs() {
    let desk = Desk::with_keys(&[("dài", "rsa:4096", "citizen")]);
    sign_and_verify(&desk, &desk.home(), "dài");
    let certificate = desk.path("dài.pem");
    let told = succeed(
        Command::new("openssl")
            .args(["x509", "-noout", "-text", "-in"])
            .arg(certificate),
    );
    assert!(told.contains("Public-Key: (4096 bit)"), "{told}");
}
