//! Tokens and keys made at the shell.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Desk, PIN, TOKEN, fail, put_behind, succeed};
use crate::{openssl, sign_and_verify, token_folders};

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

/// Nobody's provider gave it, and there is no token of which a try could be used up.
#[test]
fn a_new_pin_that_cannot_be_one_is_told_as_one_that_is_chosen_here() {
    crate::support::module::software_token();
    let desk = Desk::bare();
    std::fs::write(desk.pin_file(), format!("{PIN}\n")).unwrap();
    std::fs::write(desk.path("short"), "12\n").unwrap();
    for (language, said, not_said) in [
        ("en", "Choose another one", ["provider", "no try"]),
        ("vi", "Hãy chọn mã khác", ["nhà cung cấp", "lần thử"]),
    ] {
        let mut init = desk.trien([
            "token",
            "init",
            "--label",
            "x",
            "--lang",
            language,
            "--pin-file",
            "short",
        ]);
        init.arg("--so-pin-file").arg(desk.pin_file());
        let told = fail(init.current_dir(desk.path("")), 3);
        assert!(told.contains(said), "{told}");
        assert!(!not_said.iter().any(|word| told.contains(word)), "{told}");
    }
}

/// On a volume that is mounted elsewhere, where the module is not let in for nothing.
#[test]
fn tokens_may_lie_where_a_link_leads() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let tokens = desk.home().join("data/tokens");
    let volume = desk.path("volume");
    let token = token_folders(&desk).remove(0);
    for link in [&tokens, &token] {
        std::fs::rename(link, &volume).unwrap();
        std::os::unix::fs::symlink(&volume, link).unwrap();
        let mut generate = desk.trien([
            "token",
            "generate-key",
            "--algorithm",
            "ec:p256",
            "--token",
            TOKEN,
        ]);
        generate.arg("--label").arg(link.file_name().unwrap());
        // What a module may not reach is the person's home.
        succeed(generate.args(desk.pin()).env("HOME", desk.path("")));
        std::fs::remove_file(link).unwrap();
        std::fs::rename(&volume, link).unwrap();
    }
}

/// What cannot be asked for is named by its own option.
#[test]
fn where_nobody_types_the_missing_option_is_named() {
    let desk = Desk::new();
    let alone = |words: &[&str]| {
        let mut command = desk.trien(words.iter().copied());
        let mut alone = Command::new("setsid");
        alone.arg("--wait");
        put_behind(alone, command.args(desk.pin()))
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
