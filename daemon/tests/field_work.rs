//! What a person does with a token beside signing, and what a portal's developer does without one: PINs changed and
//! unblocked, the doctor, the simulator.

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::{Desk, succeed};

fn told(command: &mut Command) -> (i32, Value) {
    let output = command.arg("--json").output().expect("the program");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code().expect("a code"), value)
}

#[test]
fn a_pin_is_changed_and_a_locked_one_unblocked() {
    let desk = Desk::with_token();
    let file = |name: &str, pin: &str| {
        std::fs::write(desk.path(name), format!("{pin}\n")).expect("written");
        desk.path(name)
    };
    let label = {
        let (_, tokens) = told(&mut desk.trien(["token", "list"]));
        let tokens = tokens.as_array().expect("a list").clone();
        let own = tokens
            .iter()
            .find(|token| token["initialized"] == true)
            .expect("a token");
        own["label"].as_str().expect("a label").to_owned()
    };
    let pin = std::fs::read_to_string(desk.pin_file()).expect("the PIN");
    let old = file("old", pin.lines().next().expect("a line"));
    let new = file("new", "13572468");
    let change = |from: &std::path::Path, to: &std::path::Path| {
        let mut command = desk.trien(["token", "change-pin", "--token", &label]);
        command.arg("--pin-file").arg(from).arg("--new-pin-file").arg(to);
        told(&mut command)
    };
    let (code, error) = change(&file("wrong", "00000000"), &new);
    assert_eq!((code, &error["error"]["code"]), (1, &json!("pin_incorrect")));
    let (code, error) = change(&old, &file("short", "1"));
    assert_eq!((code, &error["error"]["code"]), (1, &json!("pin_invalid")));
    assert_eq!(change(&old, &new).0, 0);
    assert_eq!(change(&old, &new).0, 1, "the old one is no longer one");
    // Until it is locked, which the last try by a file never does.
    let wrong = file("wrong", "00000000");
    let mut tries = 0;
    while change(&wrong, &new).1["error"]["code"] == "pin_incorrect" {
        tries += 1;
        assert!(tries < 20);
    }
    let unblock = |officer: &std::path::Path| {
        let mut command = desk.trien(["token", "unblock", "--token", &label]);
        command
            .arg("--so-pin-file")
            .arg(officer)
            .arg("--new-pin-file")
            .arg(&old);
        told(&mut command)
    };
    assert_eq!(unblock(&wrong).0, 1);
    let officer = desk.path("so-pin");
    let officer = if officer.exists() {
        officer
    } else {
        desk.pin_file()
    };
    let (code, error) = unblock(&officer);
    assert_eq!(code, 0, "{error}");
    assert_eq!(change(&old, &new).0, 0, "the new PIN is one");
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let desk = Desk::with_token();
    let plain = desk.path("libplain.so");
    std::fs::write(&plain, b"not a library").expect("written");
    let mut narrow = vec![0u8; 52];
    narrow[..20].copy_from_slice(&[
        0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0,
    ]);
    narrow[20] = 1;
    narrow[40] = 52;
    std::fs::write(desk.path("fptca_v4.so"), narrow).expect("written");
    std::fs::create_dir_all(desk.home().join("config")).expect("a folder");
    let config = format!(
        "[websocket]\nport = 0\n[[modules]]\nname = \"plain\"\npath = \"{}\"\n[[modules]]\nname = \"fpt\"\npath = \
         \"{}\"\n",
        plain.display(),
        desk.path("fptca_v4.so").display()
    );
    std::fs::write(desk.home().join("config/config.toml"), config).expect("written");
    let (code, told_en) = told(&mut desk.trien(["doctor", "--lang", "en"]));
    assert_eq!(code, 1, "{told_en}");
    let findings = told_en["findings"].as_array().expect("findings");
    let of = |word: &str| {
        let found = findings.iter().find(|finding| {
            finding["message"]
                .as_str()
                .is_some_and(|text| text.contains(word))
        });
        found.unwrap_or_else(|| panic!("{word}: {told_en}"))
    };
    assert!(
        of("32-bit")["remedy"]
            .as_str()
            .expect("a remedy")
            .contains("64-bit")
    );
    assert!(
        of("FPT-CA")["message"]
            .as_str()
            .is_some_and(|text| text.contains("fpt"))
    );
    assert_eq!(of("no library")["state"], "error");
    assert_eq!(of("No token")["state"], "error");
    for finding in findings {
        assert_eq!(finding["state"] == "ok", finding["remedy"].is_null(), "{finding}");
    }
    let (_, told_vi) = told(&mut desk.trien(["doctor", "--lang", "vi"]));
    assert_eq!(told_vi["findings"].as_array().map(Vec::len), Some(findings.len()));
    assert!(told_vi.to_string().contains("32 bit"));
    let (code, error) = told(&mut desk.trien(["token", "enable-module", "none"]));
    assert_eq!(
        (code, &error["error"]["code"]),
        (2, &json!("token-no-such-module"))
    );
    assert_eq!(told(&mut desk.trien(["token", "enable-module", "fpt"])).0, 0);
}

fn sign_alone(page: &mut Page, text: &str) -> Value {
    let document = page.upload(&format!("{text}.txt"), text.as_bytes());
    page.call(
        "sign_documents",
        &json!({ "documents": [document], "format": "cades_detached" }),
    )
}

/// What became of each document of a batch: `signed`, or the code of its error.
fn outcomes(reply: &Value) -> Vec<String> {
    let documents = reply["result"]["documents"].as_array();
    let word = |one: &Value| {
        let code = one["error"]["data"]["code"].as_str();
        code.unwrap_or("signed").to_owned()
    };
    documents.map_or_else(Vec::new, |all| all.iter().map(word).collect())
}

/// A token that is pulled at the third signature and back two seconds later.
const COMES_BACK: &str =
    "[[rule]]\nfunction = \"C_Sign\"\nfrom = 3\ntimes = 1\ndo = \"remove\"\nmilliseconds = 2000\n";

#[test]
fn a_batch_whose_token_is_pulled_goes_on_when_it_is_back_with_the_pin_again() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let simulation = desk.path("comes-back.toml");
    std::fs::write(&simulation, COMES_BACK).expect("written");
    let arguments = ["--simulate".as_ref(), simulation.as_os_str()];
    let typed = |pins: &str| format!("[[answer]]\ndecision = \"approve\"\npins = [{pins}]\n");
    // The PIN is typed anew, wrongly at first: that is one try, as ever.
    let script = typed("\"12345678\", \"11111111\", \"12345678\"");
    let daemon = Daemon::start_with(&desk, &script, &arguments);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let documents =
        ["one", "two", "three", "four"].map(|text| page.upload(&format!("{text}.txt"), text.as_bytes()));
    let call = json!({ "documents": documents, "format": "cades_detached" });
    let id = page.ask("sign_documents", &call);
    let mut events = Vec::new();
    let reply = loop {
        match page.receive().expect("a message").0 {
            reply if reply["id"] == id => break reply,
            event => events.push(event),
        }
    };
    assert_eq!(outcomes(&reply), ["signed"; 4], "{reply}");
    let stages: Vec<_> = events
        .iter()
        .filter(|event| event["method"] == "progress")
        .map(|event| {
            (
                event["params"]["stage"].as_str().expect("a stage"),
                &event["params"]["done"],
            )
        })
        .collect();
    let pause = stages.iter().position(|stage| *stage == ("paused", &json!(2)));
    let pause = pause.unwrap_or_else(|| panic!("the page is told: {events:?}"));
    assert_eq!(stages[pause + 1], ("signing", &json!(2)), "{events:?}");
    assert_eq!(
        page.call("sign_documents", &call)["error"]["data"]["code"],
        "nobody_to_ask"
    );
}

#[test]
fn a_portal_meets_a_token_in_a_chosen_mood() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let simulation = desk.path("pulled.toml");
    std::fs::write(
        &simulation,
        "[[rule]]\nfunction = \"C_Sign\"\nfrom = 3\ndo = \"remove\"\n",
    )
    .expect("written");
    let approve = "[[answer]]\ndecision = \"approve\"\npins = [\"12345678\"]\n";
    let arguments = ["--simulate".as_ref(), simulation.as_os_str()];
    let daemon = Daemon::start_with(&desk, &approve.repeat(3), &arguments);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    // The third signature is the one at which the token is pulled.
    for text in ["one", "two"] {
        let reply = sign_alone(&mut page, text);
        assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
    }
    let reply = sign_alone(&mut page, "three");
    assert_eq!(reply["error"]["data"]["code"], "token_removed", "{reply}");
    drop((page, daemon));

    // In the middle of a batch the person is asked to wait for it, and here does not: what was signed is reported.
    let daemon = Daemon::start_with(&desk, approve, &arguments);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let documents =
        ["one", "two", "three", "four"].map(|text| page.upload(&format!("{text}.txt"), text.as_bytes()));
    let reply = page.call(
        "sign_documents",
        &json!({ "documents": documents, "format": "cades_detached" }),
    );
    assert_eq!(
        outcomes(&reply),
        ["signed", "signed", "cancelled", "batch_stopped"],
        "{reply}"
    );
    let results = reply["result"]["receipt"]["results"].as_array().expect("results");
    assert_eq!(
        results.iter().filter(|result| *result != "").count(),
        2,
        "{reply}"
    );
    drop((page, daemon));
    let unreadable = desk.path("bad.toml");
    std::fs::write(&unreadable, "[[rules]]\n").expect("written");
    let output = desk
        .trien(["daemon", "--simulate"])
        .arg(&unreadable)
        .output()
        .expect("the program");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    succeed(&mut desk.trien(["token", "list"]));
}
