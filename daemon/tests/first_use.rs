//! The first use of a portal: one question through the extension, none by a page alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::Desk;
use support::daemon::{Daemon, PORTAL, Page, child_pids, code, record};

const YES: &str = "[[answer]]\nkind = \"allow_origin\"\ndecision = \"approve\"\n";

fn opening(origin: &str, top: &str, active: bool) -> Value {
    json!({ "from": "extension", "origin": origin, "top_origin": top, "user_activation": active })
}

fn listed(desk: &Desk) -> Value {
    serde_json::from_str(&support::succeed(&mut desk.trien(["origin", "list", "--json"]))).unwrap()
}

#[test]
fn through_the_extension_after_a_click_the_person_is_asked_once() {
    let desk = Desk::bare();
    let daemon = Daemon::start(
        &desk,
        &format!("{YES}permissions = [\"sign\", \"sign_in\"]\ndays = 7\n"),
    );
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    let hello = page.hello();
    assert_eq!(hello["result"]["scopes"], json!(["sign_in", "sign"]), "{hello}");
    let grants = listed(&desk);
    assert_eq!(grants[0]["origin"], PORTAL);
    assert!(grants[0]["expires"].is_string(), "{grants}");
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "granted"]);
    // Known now: over the other road as well, and nobody is asked.
    assert_eq!(Page::over_websocket(&daemon).hello()["result"]["version"], 1);
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(page.hello()["result"]["version"], 1);
    assert_eq!(record(&desk, 3).len(), 3);
}

#[test]
fn a_page_alone_opens_no_window() {
    let desk = Desk::bare();
    let daemon = Daemon::start(&desk, &format!("{YES}repeat = true\n"));
    assert!(
        Page::websocket_from(&daemon, PORTAL).is_err(),
        "never over the WebSocket"
    );
    for opening in [
        opening(PORTAL, PORTAL, false),
        opening(PORTAL, "https://evil.example", true),
        opening(
            "http://dichvucong.example.gov.vn",
            "http://dichvucong.example.gov.vn",
            true,
        ),
        opening("null", "null", true),
        json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL }),
    ] {
        let mut page = Page::opening(&daemon, &opening);
        let refusal = page.receive().unwrap().0;
        assert_eq!(code(&refusal), "not_allowed", "{opening}");
        let words = refusal.to_string().to_lowercase();
        assert!(
            !words.contains("trien") && !words.contains("triện"),
            "a page that nobody knows learns what is installed: {words}"
        );
    }
    assert_eq!(record(&desk, 1), ["daemon_started"]);
    assert_eq!(listed(&desk), json!([]));
}

#[test]
fn n047_twice_no_and_the_page_may_not_ask_again() {
    let desk = Desk::bare();
    let no = "[[answer]]\nkind = \"allow_origin\"\ndecision = \"refuse\"\nrepeat = true\n";
    let daemon = Daemon::start(&desk, no);
    for told in ["not_allowed", "not_allowed", "user_muted"] {
        let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
        assert_eq!(page.receive().unwrap().0["method"], "permission");
        assert_eq!(code(&page.receive().unwrap().0), told);
    }
    assert_eq!(
        record(&desk, 5),
        ["daemon_started", "asked", "refused", "asked", "refused"]
    );
    assert_eq!(listed(&desk), json!([]));
}

#[test]
fn n048_the_page_goes_and_the_window_goes() {
    let desk = Desk::bare();
    let hang = "[[answer]]\nkind = \"allow_origin\"\ndecision = \"hang\"\nrepeat = true\n";
    let daemon = Daemon::start(&desk, hang);
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    // What it sent before it went does not keep the window.
    page.ask("hello", &json!({ "versions": [1] }));
    let windows = || child_pids(daemon.pid(), "scripted-prompt").len();
    let wait = |count: usize| {
        let began = Instant::now();
        while windows() != count {
            assert!(began.elapsed() < Duration::from_secs(10), "{}", daemon.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        began.elapsed()
    };
    wait(1);
    drop(page);
    assert!(wait(0) < Duration::from_secs(1));
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "withdrawn"]);
}
