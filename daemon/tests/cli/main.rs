//! The command line as a person or a script meets it: exit codes, both languages, JSON, and the terminal.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certificates;
mod documents;
mod help;
mod permissions;
mod pins;
mod service;
#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, Stdio};

use serde_json::json;
use support::{Desk, TOKEN, repository};

fn desk_with_key() -> Desk {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    std::fs::write(desk.path("đơn.txt"), "Đơn đề nghị").unwrap();
    desk
}

/// `trien sign` of the text, without a PIN.
fn sign(desk: &Desk) -> Command {
    let mut command = desk.trien(["sign", "--format", "cades", "--cert", "an"]);
    command
        .arg("--out")
        .arg(desk.path("đơn.p7m"))
        .arg(desk.path("đơn.txt"));
    command
}

fn generate(desk: &Desk) -> Command {
    let algorithm = ["--algorithm", "ec:p256", "--label", "k"];
    let mut command = desk.trien(["token", "generate-key", "--token", TOKEN]);
    command.args(algorithm);
    command
}

/// Runs a verb at a terminal of its own with someone who gives these answers; gives the exit code, and what stood there.
fn at_terminal(command: &Command, answers: &[(&str, &str)]) -> (i32, String) {
    let mut terminal = Command::new("python3");
    terminal
        .arg(repository().join("daemon/tests/support/terminal.py"))
        .arg(json!(answers).to_string())
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        terminal.env(name, value.unwrap());
    }
    let output = terminal.stdin(Stdio::null()).output().unwrap();
    let told =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), told)
}
