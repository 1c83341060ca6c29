//! A vendor's module that the configuration names, and what a page and the doctor are told of it: when it hangs, when it
//! was switched off, and how far it is closed in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow, code};
use support::{Desk, TOKEN, read_json, succeed};

/// A desk with a token that is seen through the simulator's module alone, in the mood of these rules; `row` is what its
/// row in the configuration says besides.
fn desk(rules: &str, row: &str) -> Desk {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["certificates"]);
    let script = desk.path("mood.toml");
    std::fs::write(&script, rules).unwrap();
    let config = format!(
        "[websocket]\nport = 0\n[prompt]\nseconds = 20\n[cards]\npiv = false\nwatch = false\n[[modules]]\nname = \
         \"moody\"\npath = {:?}\nfolders = [{:?}]\nenvironment = [\"TRIEN_SIMULATE\", \"TRIEN_HOME\"]\n{row}\n",
        support::module::simulator(),
        desk.path("")
    );
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    let script = script.display().to_string();
    desk.with_variables([("TRIEN_SIMULATE", script)])
}

fn rule(function: &str, action: &str) -> String {
    format!("[[rule]]\nfunction = \"{function}\"\ndo = \"{action}\"\n")
}

fn page(daemon: &Daemon) -> Page {
    let mut page = Page::over_websocket(daemon);
    page.hello();
    page
}

/// What the doctor says of the module under one of these codes.
#[track_caller]
fn diagnosis(desk: &Desk, codes: &[&str]) -> Value {
    let output = desk.trien(["doctor", "--json", "--lang", "en"]).output().unwrap();
    let told = read_json(&String::from_utf8(output.stdout).unwrap());
    let about = |finding: &&Value| {
        codes.contains(&finding["code"].as_str().unwrap())
            && finding["message"].as_str().unwrap().contains("moody")
    };
    let found = told["findings"].as_array().unwrap().iter().find(about);
    found
        .unwrap_or_else(|| panic!("none of {codes:?}: {told}"))
        .clone()
}

const SHARE: &str = "[[answer]]\ndecision = \"approve\"\nrepeat = true\n";

#[test]
fn a_module_that_hangs_is_told_to_the_page_at_its_deadline_and_the_daemon_goes_on() {
    let desk = desk(&rule("C_OpenSession", "hang"), "");
    let daemon = Daemon::start(&desk, SHARE);
    let mut page = page(&daemon);
    // The daemon's own first look hangs, too: who waits behind it is not told that there is no certificate.
    let behind = page.call("certificates", &json!({}));
    assert!(["token_busy", "module_hung"].contains(&code(&behind)), "{behind}");
    let until = Instant::now() + Duration::from_secs(20);
    while !daemon.log().contains("in reach") {
        assert!(Instant::now() < until, "the first look has an end");
        std::thread::sleep(Duration::from_millis(20));
    }
    let begun = Instant::now();
    let asked = page.ask("certificates", &json!({}));
    assert!(daemon.answers(), "others do not wait for it");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let reply = page.reply(asked);
    let taken = begun.elapsed();
    assert_eq!(code(&reply), "module_hung", "{reply}");
    let remedy = &reply["error"]["data"]["remedy"];
    assert!(remedy["vi"].is_string() && remedy["en"].is_string(), "{reply}");
    assert!(
        taken >= Duration::from_secs(5) && taken < Duration::from_secs(15),
        "five seconds are the deadline: {taken:?}"
    );
    assert!(daemon.answers());
}

/// Half a minute is the deadline of a signature.
#[test]
fn a_module_that_hangs_at_the_signature_is_told_to_the_page_and_signs_nothing() {
    let desk = desk(&rule("C_Sign", "hang"), "");
    allow(&desk, PORTAL, &["certificates", "sign", "blind_digest"]);
    let script = format!(
        "[[answer]]\ndecision = \"approve\"\npins = [{:?}]\nrepeat = true\n",
        support::PIN
    );
    let daemon = Daemon::start(&desk, &script);
    let mut page = page(&daemon);
    let shared = page.call("certificates", &json!({}));
    let certificate = shared["result"]["sha256"]
        .as_str()
        .unwrap_or_else(|| panic!("{shared}"));
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let wanted = json!({ "certificate": certificate, "hash": "SHA-256", "digest": digest });
    let asked = page.ask("sign_digest", &wanted);
    assert!(daemon.answers(), "others do not wait for it");
    let reply = page.reply(asked);
    assert_eq!(code(&reply), "module_hung", "{reply}");
    assert!(daemon.answers());
    // Its process is another one by then, and nobody is logged in there.
    assert!(page.call("certificates", &json!({}))["result"].is_object());
}

#[test]
fn a_module_that_crashed_three_times_is_off_for_the_page_and_the_doctor_until_it_is_switched_on() {
    let desk = desk(&rule("C_GetSlotList", "crash"), "");
    let daemon = Daemon::start(&desk, SHARE);
    let mut page = page(&daemon);
    let mut told = || code(&page.call("certificates", &json!({}))).to_owned();
    // The daemon's own first look counts as well.
    let mut crashes: Vec<_> = (0..4).map(|_| told()).collect();
    crashes.dedup();
    assert_eq!(crashes, ["module_crashed", "module_disabled"]);
    let log = daemon.log();
    assert!(
        log.contains("switched off") && log.contains("trien token enable-module moody"),
        "whoever reads the log is told how to switch it on: {log}"
    );
    let off = diagnosis(&desk, &["module_failed"]);
    assert_eq!(off["state"], "error");
    assert!(off["message"].as_str().unwrap().contains("switched off"), "{off}");
    assert!(
        off["remedy"]
            .as_str()
            .unwrap()
            .contains("trien token enable-module moody"),
        "{off}"
    );
    assert_eq!(told(), "module_disabled", "looking at it switches nothing on");
    succeed(&mut desk.trien(["token", "enable-module", "moody"]));
    assert_eq!(told(), "module_crashed", "it was tried again");
}

/// Whom the shell sends to the doctor is not sent there again by the doctor.
#[test]
fn a_module_that_does_not_start_has_a_remedy_of_the_doctors_own() {
    let desk = desk(&format!("{}value = 5\n", rule("C_Initialize", "answer")), "");
    let failed = diagnosis(&desk, &["module_failed"]);
    let remedy = failed["remedy"].as_str().unwrap();
    assert!(
        remedy.contains("install the driver anew") && !remedy.contains("trien doctor"),
        "{failed}"
    );
    let listed = desk.trien(["token", "list", "--lang", "en"]).output().unwrap();
    let told = String::from_utf8([listed.stdout, listed.stderr].concat()).unwrap();
    assert!(told.contains("trien doctor"), "{told}");
}

#[test]
fn a_module_has_the_network_if_its_row_says_so_and_the_doctor_tells_how_far_it_is_closed_in() {
    for (row, network) in [("", "closed"), ("network = true", "open")] {
        let desk = desk(&rule("C_GetTokenInfo", "reach"), row);
        let listed = succeed(&mut desk.trien(["token", "list", "--json"]));
        assert!(
            listed.contains(&format!("network={network}")),
            "{row:?}: {listed}"
        );
        assert!(!listed.contains(TOKEN), "the label is what it reached: {listed}");
        let told = diagnosis(&desk, &["sandbox", "sandbox_open"]);
        let message = told["message"].as_str().unwrap();
        if network == "open" {
            assert_eq!(
                (&told["code"], &told["state"]),
                (&json!("sandbox_open"), &json!("warning"))
            );
            assert!(message.contains("network open"), "{message}");
            assert!(told["remedy"].as_str().unwrap().contains("row"), "{told}");
        } else {
            let closed = message.contains("no network") || message.contains("network closed");
            assert!(closed, "{message}");
        }
    }
}
