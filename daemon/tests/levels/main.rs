//! Levels above B-B as a person meets them: `trien sign --level`, `trien augment`, the queue, `trien trust`, and what
//! comes over the network. OpenSSL is the time-stamp authority, behind a server that can also misbehave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod authorities;
mod confirmed;
mod containers;
mod formats;
mod lists;
mod material;
mod old;
mod pages;
mod pipes;
mod renewal;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod trust;
mod waiting;

use std::process::Command;

use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::office::{Office, Server, free_port};
use support::{read_json, repository, succeed};

/// An office with one key, and the address of its authority for time-stamps.
fn with_authority(algorithm: &str) -> (Office, Server, String) {
    served(Office::new(&[("an", algorithm, "citizen")]))
}

/// The same with the keys of two persons, `first` and `second`.
fn of_two() -> (Office, Server, String) {
    served(Office::new(&[
        ("first", "ec:p256", "citizen"),
        ("second", "rsa:2048", "official"),
    ]))
}

fn served(office: Office) -> (Office, Server, String) {
    let server = office.server();
    let tsa = server.url("tsa");
    (office, server, tsa)
}

/// An office with one key, and a port where nobody listens yet.
fn without_authority() -> (Office, u16, String) {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let port = free_port();
    (office, port, format!("http://127.0.0.1:{port}/tsa"))
}

/// What a verb printed as JSON that ended with this code; warnings of the network go elsewhere.
#[track_caller]
fn printed(command: &mut Command, code: i32) -> Value {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {output:?}");
    read_json(&String::from_utf8(output.stdout).unwrap())
}

/// The level that our own verification finds in a file that needs no content beside it.
fn level_alone(office: &Office, signed: &str) -> String {
    let report = succeed(
        office
            .desk
            .trien(["verify", "--json"])
            .arg(office.desk.path(signed)),
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    report[0]["signatures"][0]["level"].as_str().unwrap().to_owned()
}

/// What pyHanko's validations for the archive say of a PDF, now and in five years.
fn judged(office: &Office, signed: &str) -> Value {
    let path = office.desk.path(signed);
    let verdicts = succeed(
        Command::new(repository().join("target/judges/bin/python"))
            .arg("-B")
            .arg(repository().join("daemon/tests/judges/levels.py"))
            .arg(&path)
            .arg("--trust")
            .arg(office.desk.pki().join("root.pem")),
    );
    let verdicts: Value = serde_json::from_str(&verdicts).unwrap();
    verdicts[path.to_str().unwrap()].clone()
}

/// A daemon whose configuration names one authority, and a page that was greeted.
fn portal(office: &Office, tsa: &str) -> (Daemon, Page) {
    // It is asked again soon, however long the test takes before the authority is there.
    let authority = format!("[network]\nretry_seconds = 5\n[[timestamp_authorities]]\nurl = \"{tsa}\"\n");
    portal_with(office, if tsa.is_empty() { "" } else { &authority })
}

/// The same with these lines about authorities in its configuration.
fn portal_with(office: &Office, authorities: &str) -> (Daemon, Page) {
    allow(&office.desk, PORTAL, &[]);
    std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
    let config = format!("[websocket]\nport = 0\n[prompt]\nseconds = 50\n{authorities}");
    std::fs::write(office.desk.home().join("config/config.toml"), config).unwrap();
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&office.desk, script);
    let mut page = Page::over_websocket(&daemon);
    let hello = page.call("hello", &json!({ "versions": [1], "capabilities": ["level"] }));
    assert_eq!(hello["result"]["capabilities"], json!(["level"]));
    (daemon, page)
}

fn keep(office: &Office, page: &mut Page, document: &Value, name: &str) {
    let size = document["size"].as_u64().unwrap();
    let bytes = page.download(document["sha256"].as_str().unwrap(), size);
    std::fs::write(office.desk.path(name), bytes).unwrap();
}

/// Signs a file in a format at a level, with the authority at this address.
fn sign_as(office: &Office, format: &str, (input, out): (&str, &str), words: &[&str]) -> Command {
    let mut command = office.desk.trien(["sign", "--format", format, "--cert", "an"]);
    command.args(words).arg("--out").arg(office.desk.path(out));
    command.arg(office.desk.path(input)).args(office.desk.pin());
    command
}

/// What OpenSSL takes out of a CMS that it verifies.
fn openssl_verifies(office: &Office, signed: &str) -> Vec<u8> {
    let content = office.desk.path("content");
    let mut verify = Command::new("openssl");
    verify.current_dir(office.desk.path("")).args([
        "cms",
        "-verify",
        "-cades",
        "-binary",
        "-inform",
        "DER",
        "-purpose",
        "any",
        "-in",
        signed,
        "-CAfile",
        "pki/root.pem",
        "-out",
    ]);
    succeed(verify.arg(&content));
    std::fs::read(content).unwrap()
}
