//! Every file of `testdata/documents/hostile`: what signing and checking it must come to is written beside it.

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Desk, repository};

/// A parser that needs longer for one small file is being led in circles.
const PATIENCE: Duration = Duration::from_secs(10);

struct Case {
    file: String,
    sign: Vec<String>,
    verify: Vec<String>,
    what: String,
}

fn cases() -> Vec<Case> {
    let table = repository().join("testdata/documents/hostile/expectations.tsv");
    let choices = |text: &str| text.split('|').map(str::to_owned).collect();
    let cases: Vec<Case> = std::fs::read_to_string(table)
        .expect("the table of expectations")
        .lines()
        .map(|line| {
            let [file, sign, verify, what] = line
                .split('\t')
                .collect::<Vec<_>>()
                .try_into()
                .expect("four columns");
            Case {
                file: file.to_owned(),
                sign: choices(sign),
                verify: choices(verify),
                what: what.to_owned(),
            }
        })
        .collect();
    assert!(cases.len() >= 40);
    cases
}

/// What processors did for the programs that were started here and have ended: of the clock it may be more, beside other
/// tests.
fn children_worked() -> Duration {
    let line = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // cutime and cstime of proc(5), fields 16 and 17, counted behind the name, in hundredths of a second.
    let (_, fields) = line.rsplit_once(')').expect("a name");
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// What `trien --json` printed. A process that ends by a signal has panicked or worse.
fn ask(command: &mut std::process::Command) -> (Value, String) {
    let before = children_worked();
    let output = command.output().expect("trien runs");
    assert!(
        output.status.code().is_some_and(|code| code <= 3),
        "{command:?} ended with {}",
        output.status
    );
    let worked = children_worked().saturating_sub(before);
    assert!(worked < PATIENCE, "{command:?} took {worked:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{command:?}: {said}");
    (
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{command:?}: {text}{said}")),
        text,
    )
}

#[test]
fn hostile_documents_are_never_found_valid_and_refused_by_name() {
    let desk = Desk::new();
    let folder = repository().join("testdata/documents/hostile");
    let mut wrong = Vec::new();
    for case in cases() {
        let mut verify = desk.trien(["verify", "--json", "--trust"]);
        let (answer, text) = ask(verify.arg(&folder).arg(folder.join(&case.file)));
        let signatures = answer[0]["signatures"].as_array();
        let found = match signatures {
            None => case
                .verify
                .iter()
                .find(|code| text.contains(code.as_str()))
                .cloned()
                .unwrap_or(text.clone()),
            Some(none) if none.is_empty() => "none".to_owned(),
            Some(all) => worst(all),
        };
        if !case.verify.contains(&found) {
            wrong.push(format!("{} ({}): {found}", case.file, case.what));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of the verdicts:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn worst(signatures: &[Value]) -> String {
    let has = |name: &str| signatures.iter().any(|signature| signature["indication"] == name);
    ["TOTAL-FAILED", "INDETERMINATE", "TOTAL-PASSED"]
        .into_iter()
        .find(|name| has(name))
        .unwrap_or("?")
        .to_owned()
}

#[test]
fn hostile_documents_are_signed_whole_or_refused_by_name() {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    let folder = repository().join("testdata/documents/hostile");
    let out = desk.path("signed.pdf");
    let mut wrong = Vec::new();
    for case in cases() {
        let mut sign = desk.trien(["sign", "--json", "--out"]);
        let (_, text) = ask(sign.arg(&out).args(desk.pin()).arg(folder.join(&case.file)));
        let signed = out.exists();
        if signed {
            let (before, after) = (
                std::fs::read(folder.join(&case.file)).unwrap(),
                std::fs::read(&out).unwrap(),
            );
            assert!(after.starts_with(&before), "{}", case.file);
            std::fs::remove_file(&out).unwrap();
        }
        let expected = case.sign.iter().any(|outcome| match outcome.as_str() {
            "any" => true,
            "sign" => signed,
            code => !signed && text.contains(code),
        });
        if !expected {
            wrong.push(format!("{} ({}): signed: {signed}; {text}", case.file, case.what));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of the outcomes:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
