//! The token in a chosen mood, as people who write portals have it: `trien daemon --simulate SCRIPT`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::{Desk, read_json};

const APPROVE: &str = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"12345678\"]\n";

/// The functions that a rule may be about (PKCS #11 3.1, 5.1), one a line.
const FUNCTIONS: &str = include_str!("../src/cli/daemon/functions.txt");

/// A page before a token in this mood.
fn before(desk: &Desk, rules: &str) -> (Daemon, Page) {
    allow(desk, PORTAL, &[]);
    let script = desk.path("mood.toml");
    std::fs::write(&script, rules).unwrap();
    let arguments = ["--simulate".as_ref(), script.as_os_str()];
    let daemon = Daemon::start_with(desk, APPROVE, &arguments);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    (daemon, page)
}

fn sign(page: &mut Page, documents: &[Value]) -> Value {
    let call = json!({ "documents": documents, "format": "cades_detached" });
    let reply = page.call("sign_documents", &call);
    reply["result"]["documents"].clone()
}

#[test]
fn three_seconds_a_signature_take_three_seconds_each() {
    let desk = Desk::bare();
    let delay = "[[rule]]\nfunction = \"C_Sign\"\ndo = \"delay\"\nmilliseconds = 3000\n";
    let (_daemon, mut page) = before(&desk, delay);
    let documents = ["one", "two"].map(|text| page.upload(&format!("{text}.txt"), text.as_bytes()));
    let begun = Instant::now();
    let signed = sign(&mut page, &documents);
    let taken = begun.elapsed();
    for place in 0..2 {
        assert_eq!(signed[place]["status"], "signed", "{signed}");
    }
    assert!(taken >= Duration::from_secs(6), "{taken:?}");
}

#[test]
fn a_rule_may_be_about_every_function() {
    let rule =
        |function: &str| format!("[[rule]]\nfunction = \"{function}\"\ndo = \"delay\"\nmilliseconds = 0\n");
    assert_eq!(FUNCTIONS.lines().count(), 68);
    let rules: String = FUNCTIONS.lines().chain(["load"]).map(rule).collect();
    let desk = Desk::bare();
    let (_daemon, mut page) = before(&desk, &rules);
    let document = page.upload("one.txt", b"one");
    let signed = sign(&mut page, &[document]);
    assert_eq!(signed[0]["status"], "signed", "{signed}");
}

#[test]
fn a_rule_about_no_function_is_refused_before_anything_begins() {
    let desk = Desk::bare();
    let script = desk.path("mood.toml");
    for rule in [
        "function = \"C_Sing\"\ndo = \"hang\"",
        "function = 7\ndo = \"hang\"",
        "do = \"hang\"",
    ] {
        std::fs::write(&script, format!("[[rule]]\n{rule}\n")).unwrap();
        let mut command = desk.trien(["daemon", "--json", "--simulate"]);
        let output = command.arg(&script).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = read_json(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(told["error"]["code"], "daemon-bad-script", "{told}");
        let word = if rule.contains("C_Sing") {
            "C_Sing"
        } else {
            "function"
        };
        assert!(told.to_string().contains(word), "{told}");
    }
}
