//! What is looked at before a PIN is asked for (Circular 15/2025/TT-BKHCN, article 5): validity, usage, path and revocation
//! of the certificate; and what is kept of it. The PIN here is a wrong one wherever it must not come to be used.
//!
//! | module | what |
//! |---|---|
//! | `certificates` | with which certificate nothing is signed now, and what is kept of the one that signs |
//! | `told` | what the window and the shell say of a certificate |
//! | `asking` | responders and lists that are asked before the question |
//! | `documents` | what the person can look at, and documents that are not what they seem |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asking;
mod certificates;
mod documents;
#[path = "../support/mod.rs"]
mod support;
mod told;

use std::process::Command;

use serde_json::{Value, json};
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

/// A calendar date as a number of days.
fn julian(date: &Value) -> Option<i64> {
    let form = time::macros::format_description!("[year]-[month]-[day]");
    let day = time::Date::parse(date.as_str()?, &form).unwrap();
    Some(day.to_julian_day().into())
}

/// The day as the window shows it: Vietnam's.
fn today() -> Value {
    let now = time::OffsetDateTime::now_utc().to_offset(time::macros::offset!(+7));
    json!(now.date().to_string())
}

/// Whether a day is one of the test that began on this one: what it makes after a midnight is of the next.
fn is_since(began: &Value, day: &Value) -> bool {
    [began, &today()].contains(&day)
}

fn configure(desk: &Desk, lines: &str) {
    std::fs::write(desk.home().join("config/config.toml"), lines).unwrap();
}
