//! The protocol's conformance suite, and the worked examples of its page, against the daemon of this build; and the suite
//! against a proxy that breaks what it has to find.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use support::daemon::{ALL, APPROVE, Daemon, PORTAL, Page, allow};
use support::{Desk, repository, succeed};

#[test]
fn this_build_conforms_to_the_protocol() {
    let desk = Desk::with_keys(&[("ký", "ec:p256", "citizen")]);
    let (refusing, hanging) = ("https://refusing.example", "https://hanging.example");
    let answer = |decision: &str, origin: &str| {
        allow(&desk, origin, &ALL);
        let who = format!("origin = \"{origin}\"\npins = [\"{}\"]\n", support::PIN);
        format!("[[answer]]\ndecision = \"{decision}\"\nrepeat = true\n{who}")
    };
    let answers = [
        answer("approve", PORTAL),
        answer("refuse", refusing),
        answer("hang", hanging),
    ];
    let daemon = Daemon::start(&desk, &answers.concat());
    let mut suite = of_the_suite("conformance.py", &daemon);
    suite.arg("--socket").arg(&daemon.socket);
    suite.args(["--approving", "--refusing", refusing, "--hanging", hanging]);
    let said = succeed(&mut suite);
    assert!(said.contains("ok 1") && !said.contains("SKIP"), "{said}");
    assert!(daemon.answers());
}

#[test]
fn the_suite_finds_what_another_build_breaks() {
    let desk = Desk::with_keys(&[("ký", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    let daemon = Daemon::start(&desk, APPROVE);
    let said = succeed(&mut of_the_suite("broken.py", &daemon));
    let of_each = said.lines().filter(|line| line.contains("- broken: "));
    assert!(of_each.count() >= 30, "{said}");
    assert!(daemon.answers());
}

fn of_the_suite(program: &str, daemon: &Daemon) -> Command {
    let mut command = Command::new("python3");
    command
        .arg("-B")
        .arg(repository().join("daemon/protocol/conformance").join(program))
        .args(["--origin", PORTAL, "--websocket"])
        .arg(format!("127.0.0.1:{}", daemon.port));
    command
}

/// Each line that begins with `->` is sent, each with `<-` must come, in that order. In what must come, `"…"` stands for
/// anything, and `"$name"` for what is called so from then on.
#[test]
fn the_worked_examples_are_true() {
    let page = std::fs::read_to_string(repository().join("daemon/protocol/EXAMPLES.md")).unwrap();
    let desk = Desk::with_keys(&[("ký", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, script);
    let mut connection = Page::over_socket(&daemon);
    let mut known = BTreeMap::new();
    let mut lines = 0;
    let mut frame = Vec::new();
    for line in page.lines() {
        if let Some(row) = line.strip_prefix("=> ") {
            let (octets, _) = row.split_once('|').expect(row);
            let octet = |digits| u8::from_str_radix(digits, 16).expect(row);
            frame.extend(octets.split_whitespace().map(octet));
        } else if let Some(text) = line.strip_prefix("-> ") {
            let message = filled(serde_json::from_str(text).expect(text), &known);
            connection.send_text(&message.to_string());
        } else if let Some(text) = line.strip_prefix("<- ") {
            let expected: Value = serde_json::from_str(text).expect(text);
            let mut hear = || {
                let heard = connection.receive();
                heard.unwrap_or_else(|_| panic!("nothing came: {text}")).0
            };
            let mut came = hear();
            // How often a batch tells that it goes on depends on how long it takes.
            while came["params"]["stage"] == "signing" && expected["method"] != "progress" {
                came = hear();
            }
            assert!(fits(&expected, &came, &mut known), "{text}\n{came}");
        } else {
            continue;
        }
        lines += 1;
    }
    assert!(lines > 20, "{lines}");
    let mut page = Page::connected(&daemon);
    // RFC 6455, 5.2: the whole of a binary frame of more than 125 octets, masked with zeros.
    let length = u16::try_from(frame.len()).unwrap().to_be_bytes();
    page.send_raw(&[&[0x82, 0xfe][..], &length, &[0; 4], &frame].concat());
    let (reply, _) = page.receive().unwrap();
    assert_eq!(
        reply["result"],
        serde_json::json!({ "received": 17, "sealed": true }),
        "{reply}"
    );
    // As a text frame the same message has no bytes, and that is what is said.
    let (message, _) = trien_protocol::frame::split_binary(&frame).unwrap();
    page.send_text(&message.replace("\"id\":2", "\"id\":3"));
    let (reply, _) = page.receive().unwrap();
    let detail = reply["error"]["data"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("data: is missing"), "{reply}");
}

fn filled(value: Value, known: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => known.get(name).unwrap_or_else(|| panic!("${name}")).clone(),
            None => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(|item| filled(item, known)).collect(),
        Value::Object(fields) => {
            let filled = fields
                .into_iter()
                .map(|(name, value)| (name, filled(value, known)));
            Value::Object(filled.collect())
        }
        other => other,
    }
}

fn fits(expected: &Value, came: &Value, known: &mut BTreeMap<String, Value>) -> bool {
    match (expected, came) {
        (Value::String(text), _) if text == "…" => true,
        (Value::String(text), _) if text.starts_with('$') => {
            let known = known.entry(text[1..].to_owned()).or_insert_with(|| came.clone());
            known == came
        }
        (Value::Object(expected), Value::Object(came)) => {
            expected.len() == came.len()
                && expected
                    .iter()
                    .all(|(name, value)| came.get(name).is_some_and(|came| fits(value, came, known)))
        }
        (Value::Array(expected), Value::Array(came)) => {
            expected.len() == came.len()
                && expected
                    .iter()
                    .zip(came)
                    .all(|(one, other)| fits(one, other, known))
        }
        _ => expected == came,
    }
}
