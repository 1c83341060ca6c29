//! Tokens made for tests and build servers: from a specification, from key files, out of a backup or a repository.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backups;
mod damage;
mod disks;
mod key_files;
mod making;
mod rights;
mod specifications;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Desk, repository, succeed};

fn openssl(desk: &Desk, words: &[&str]) {
    succeed(Command::new("openssl").args(words).current_dir(desk.path("")));
}

/// A key with a certificate of the demo PKI, as files.
fn issued(desk: &Desk, name: &str, algorithm: &[&str]) {
    let [key, csr] = ["key", "csr"].map(|kind| format!("{name}.{kind}"));
    openssl(desk, &[&["genpkey", "-out", &key], algorithm].concat());
    let subject = format!("/C=VN/ST=Hà Nội/CN=Trần Thị {name}/UID=CCCD:001084000123");
    openssl(
        desk,
        &[
            "req", "-new", "-utf8", "-key", &key, "-subj", &subject, "-out", &csr,
        ],
    );
    succeed(
        Command::new(repository().join("testdata/pki/issue.sh"))
            .arg(desk.pki())
            .arg("citizen")
            .arg(desk.path(&csr))
            .arg(desk.path(&format!("{name}.pem"))),
    );
}

/// Signs a file with the certificate of that label, and has it verified.
#[track_caller]
fn sign_and_verify(desk: &Desk, home: &Path, label: &str) {
    let (input, output) = (desk.path("văn bản.txt"), desk.path(&format!("{label}.p7m")));
    std::fs::write(&input, "Quyết định").unwrap();
    let mut signing = desk.trien(["sign", "--format", "cades", "--cert", label]);
    signing
        .env("TRIEN_HOME", home)
        .arg("--out")
        .arg(&output)
        .arg(&input);
    succeed(signing.args(desk.pin()));
    // What this desk trusts, whichever home the token was in.
    succeed(desk.trien(["verify"]).arg(&output));
}

fn token_folders(desk: &Desk) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(desk.home().join("data/tokens"))
        .into_iter()
        .flatten();
    folder.map(|entry| entry.unwrap().path()).collect()
}
