//! The record survives whatever happens to the daemon, and nothing is signed without it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::daemon::{APPROVE, Daemon, PORTAL, Page, allow, code, record};
use support::{Desk, repository, succeed};

fn desk() -> Desk {
    let desk = Desk::with_keys(&[("p256", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &[]);
    desk
}

fn ask(daemon: &Daemon) -> (Page, u64) {
    let mut page = Page::connected(daemon);
    let bytes = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let document = page.upload("a.pdf", &bytes);
    let id = page.ask(
        "sign_documents",
        &json!({ "documents": [document], "format": "pades" }),
    );
    (page, id)
}

fn verify(desk: &Desk) -> Value {
    serde_json::from_str(&succeed(&mut desk.trien(["audit", "verify", "--json"]))).unwrap()
}

#[test]
fn the_prompter_announces_itself() {
    let desk = Desk::bare();
    let _daemon = Daemon::start(&desk, "");
    let shown = succeed(&mut desk.trien(["audit", "show", "--json"]));
    assert!(shown.contains("\"scripted\""), "{shown}");
}

#[test]
fn killed_at_any_point_the_record_verifies_and_shows_the_intent() {
    let desk = desk();
    for delay in [0, 5, 15, 30, 60, 90, 120, 180, 250, 400] {
        let before = verify(&desk)["entries"].as_u64().unwrap();
        let mut daemon = Daemon::start(&desk, APPROVE);
        let (mut page, id) = ask(&daemon);
        std::thread::sleep(Duration::from_millis(delay));
        daemon.kill();
        let mut answered = false;
        while let Ok((message, _)) = page.receive() {
            answered |= message["id"] == id && message["result"].is_object();
        }
        verify(&desk);
        let story = record(&desk, 0).split_off(usize::try_from(before).unwrap());
        if answered {
            assert_eq!(
                story,
                ["daemon_started", "asked", "approved", "signed"],
                "after {delay} ms"
            );
        }
        let whole = ["daemon_started", "asked", "approved", "signed"];
        assert!(
            whole.starts_with(&story.iter().map(String::as_str).collect::<Vec<_>>()),
            "{story:?} after {delay} ms"
        );
    }
    // The next one signs, on the same record.
    let daemon = Daemon::start(&desk, APPROVE);
    let (mut page, id) = ask(&daemon);
    assert!(page.reply(id)["result"].is_object());
    verify(&desk);
}

#[test]
fn a_page_gets_no_signature_that_is_not_on_the_record() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let file = desk.home().join("data/audit.jsonl");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let (mut page, id) = ask(&daemon);
    assert_eq!(code(&page.reply(id)), "audit_unavailable");
    let mut page = Page::over_socket(&daemon);
    page.hello();
    assert_eq!(code(&page.call("certificates", &json!({}))), "audit_unavailable");
    assert!(daemon.answers());
}

#[test]
fn the_record_holds_no_pin_name_or_content() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let (mut page, id) = ask(&daemon);
    assert!(page.reply(id)["result"].is_object());
    let text = std::fs::read_to_string(desk.home().join("data/audit.jsonl")).unwrap();
    for secret in [support::PIN, "Nguyễn", "079085000123", "a.pdf", support::TOKEN] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(!daemon.log().contains(support::PIN));
}
