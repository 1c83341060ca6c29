//! The command line as a person or a script meets it: exit codes, both languages, JSON, and the terminal.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certificates;
mod doctor;
mod documents;
mod help;
mod mistakes;
mod permissions;
mod pins;
mod replacing;
mod service;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;

use support::{Desk, TOKEN, at_terminal};

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
