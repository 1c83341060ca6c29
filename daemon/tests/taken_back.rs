//! A permission that is taken back while a signature is made. What is not on the record yet is not delivered and never
//! will be; what is on the record was signed while it was permitted, and goes to its reply.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::FlockOperation;
use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow, asking, code, recorded, wait_for};
use support::promptly::Promptly;
use support::{Desk, succeed};

const APPROVE: &str = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"12345678\"]\n";

/// Longer than it takes a change of the permissions to be seen.
const SEEN: Duration = Duration::from_secs(1);

const ROADS: [fn(&Daemon) -> Page; 2] = [Page::over_websocket, Page::over_socket];

/// A desk whose token takes so long for a signature, in milliseconds.
fn desk(slow: u32) -> (Desk, Daemon) {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let script = desk.path("mood.toml");
    let rule = format!("[[rule]]\nfunction = \"C_Sign\"\ndo = \"delay\"\nmilliseconds = {slow}\n");
    std::fs::write(&script, rule).unwrap();
    let daemon = Daemon::start_with(&desk, APPROVE, &["--simulate".as_ref(), script.as_os_str()]);
    (desk, daemon)
}

fn record_file(desk: &Desk) -> PathBuf {
    desk.home().join("data/audit.jsonl")
}

/// Waits until the person has said yes for the `count`th time: from then on the token is at work.
#[track_caller]
fn approved(desk: &Desk, count: usize) {
    wait_for(|| {
        recorded(desk)
            .iter()
            .filter(|action| *action == "approved")
            .count()
            == count
    });
}

/// Holds the record until the token has signed and the daemon is about to say so there; nobody can write to it before this
/// is dropped.
#[track_caller]
fn hold_the_record(desk: &Desk, daemon: &Daemon) -> File {
    let file = File::open(record_file(desk)).unwrap();
    rustix::fs::flock(file.as_fd(), FlockOperation::LockExclusive).unwrap();
    let own = daemon.pid().to_string();
    // `1: -> FLOCK  ADVISORY  WRITE PID …` (proc_locks(5)) is who waits.
    let waits = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.get(1..3) == Some(&["->", "FLOCK"][..]) && words.get(5) == Some(&own.as_str())
    };
    wait_for(|| std::fs::read_to_string("/proc/locks").unwrap().lines().any(waits));
    file
}

fn revoke(desk: &Desk, scopes: &[&str]) {
    let mut command = desk.trien(["origin", "revoke", PORTAL]);
    for scope in scopes {
        command.args(["--scope", scope]);
    }
    succeed(&mut command);
}

fn call(document: &Value, key: Option<&str>) -> Value {
    let mut call = json!({ "documents": [document], "format": "cades_detached" });
    if let Some(key) = key {
        call["idempotency_key"] = key.into();
    }
    call
}

#[test]
fn before_the_record_nothing_is_signed_and_the_page_is_told() {
    let key = "0123456789abcdef";
    let ways = ROADS.map(|road| [(road, None), (road, Some(key))]);
    // Each has a token of its own, which need not be at hand for the next.
    let desks = ways.concat().into_iter().map(|(road, key)| {
        let (desk, daemon) = desk(3500);
        let mut page = road(&daemon);
        page.hello();
        let document = page.upload("a.txt", b"a");
        let asked = page.ask("sign_documents", &call(&document, key));
        approved(&desk, 1);
        revoke(&desk, &["sign"]);
        let promptly = Promptly::begin();
        assert_eq!(code(&page.reply(asked)), "not_allowed");
        promptly.within(SEEN);
        wait_for(|| recorded(&desk).last().is_some_and(|action| action == "withdrawn"));
        (desk, daemon)
    });
    let desks: Vec<_> = desks.collect();
    // Each token came to the end of its work meanwhile; nothing of that is anywhere.
    std::thread::sleep(Duration::from_secs(5));
    for (desk, _) in &desks {
        assert!(!recorded(desk).iter().any(|action| action == "signed"));
    }
    // What was withdrawn may be asked for again under its key, and is another request.
    let (desk, daemon) = desks.last().unwrap();
    allow(desk, PORTAL, &[]);
    let mut page = Page::over_socket(daemon);
    page.hello();
    let document = page.upload("a.txt", b"a");
    let signed = page.call("sign_documents", &call(&document, Some(key)));
    assert_eq!(signed["result"]["documents"][0]["status"], "signed", "{signed}");
    let all = recorded(desk);
    assert_eq!(all[all.len() - 3..], ["asked", "approved", "signed"]);
}

#[test]
fn what_is_on_the_record_goes_to_its_reply() {
    let (desk, daemon) = desk(3500);
    let mut yes = 0;
    for road in ROADS {
        for key in [None, Some("0123456789abcdef")] {
            allow(&desk, PORTAL, &[]);
            let mut page = road(&daemon);
            page.hello();
            let document = page.upload("a.txt", format!("{yes}").as_bytes());
            let key = key.map(|key| format!("{key}{yes}"));
            let asked = page.ask("sign_documents", &call(&document, key.as_deref()));
            yes += 1;
            approved(&desk, yes);
            let held = hold_the_record(&desk, &daemon);
            revoke(&desk, &["sign"]);
            std::thread::sleep(SEEN);
            drop(held);
            let reply = page.reply(asked);
            assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
            assert_eq!(recorded(&desk).last().unwrap(), "signed");
            let again = page.call("sign_documents", &call(&document, key.as_deref()));
            assert_eq!(code(&again), "not_allowed", "it was the last one");
        }
    }
}

#[test]
fn a_connection_that_ends_after_the_record_leaves_its_reply_for_when_it_is_permitted_again() {
    let (desk, daemon) = desk(3500);
    for (round, road) in ROADS.into_iter().enumerate() {
        allow(&desk, PORTAL, &[]);
        let mut page = road(&daemon);
        page.hello();
        let document = page.upload("a.txt", format!("{round}").as_bytes());
        let call = call(&document, Some(&format!("0123456789abcdef{round}")));
        page.ask("sign_documents", &call);
        approved(&desk, round + 1);
        let held = hold_the_record(&desk, &daemon);
        revoke(&desk, &[]);
        std::thread::sleep(SEEN);
        drop(held);
        // All that the page gets is that it has no permission any more.
        let dismissal = loop {
            let (message, _) = page.receive().unwrap();
            if message["method"].is_null() {
                break message;
            }
        };
        assert_eq!(code(&dismissal), "not_allowed");
        assert!(page.receive().is_err());
        wait_for(|| recorded(&desk).last().unwrap() == "signed");
        allow(&desk, PORTAL, &[]);
        let mut page = road(&daemon);
        page.hello();
        let before = recorded(&desk);
        let reply = page.call("sign_documents", &call);
        let signed = &reply["result"]["documents"][0];
        assert_eq!(signed["status"], "signed", "{reply}");
        let sha256 = signed["sha256"].as_str().unwrap();
        let bytes = page.download(sha256, signed["size"].as_u64().unwrap());
        assert!(!bytes.is_empty());
        assert_eq!(
            recorded(&desk),
            before,
            "nobody was asked, and nothing signed anew"
        );
    }
}

/// What the page must do for the daemon to get on with it is nothing: not even read.
#[test]
fn n028_one_permission_taken_back_ends_the_question_also_of_a_page_that_does_not_read() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    let hang = "[[answer]]\ndecision = \"hang\"\nrepeat = true\n";
    let daemon = Daemon::start(&desk, hang);
    for road in ROADS {
        allow(&desk, PORTAL, &[]);
        let mut page = road(&daemon);
        page.hello();
        let document = page.upload("a.bin", &[7; 500_000]);
        page.ask("certificates", &json!({}));
        wait_for(|| asking(daemon.pid()).len() == 1);
        let download = json!({ "sha256": document["sha256"], "offset": 0, "length": 500_000 });
        for _ in 0..200 {
            page.ask("download", &download);
        }
        // By now all that has room on its way is there, and the rest waits.
        std::thread::sleep(Duration::from_millis(500));
        revoke(&desk, &["certificates"]);
        let promptly = Promptly::begin();
        wait_for(|| asking(daemon.pid()).is_empty());
        promptly.within(SEEN);
        assert!(daemon.answers());
    }
}

/// It is the person who takes these questions from the screen, not a page that is restless.
#[test]
fn questions_that_go_with_their_permission_do_not_count_against_the_page() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    let hang = "[[answer]]\ndecision = \"hang\"\nrepeat = true\n";
    let daemon = Daemon::start(&desk, hang);
    let nonce = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let sign_in =
        |round: usize| json!({ "nonce": nonce, "idempotency_key": format!("0123456789abcdef{round}") });
    // More than a page may take back in a minute: of each permission, or of all at once; with and without a reply that
    // may be asked for again.
    for round in 0..12 {
        allow(&desk, PORTAL, &[]);
        let mut page = ROADS[round % 2](&daemon);
        page.hello();
        let (scope, asked) = match round / 2 % 2 {
            0 => ("certificates", page.ask("certificates", &json!({}))),
            _ => ("sign_in", page.ask("authenticate", &sign_in(round))),
        };
        wait_for(|| asking(daemon.pid()).len() == 1);
        let whole = round >= 6;
        revoke(&desk, if whole { &[] } else { std::slice::from_ref(&scope) });
        let told = loop {
            let (message, _) = page.receive().unwrap();
            if message["method"].is_null() {
                break message;
            }
        };
        assert_eq!(code(&told), "not_allowed");
        assert!(whole || told["id"] == asked, "{told}");
        wait_for(|| asking(daemon.pid()).is_empty());
    }
    // The person has changed his mind, and is asked.
    allow(&desk, PORTAL, &[]);
    let mut page = Page::over_socket(&daemon);
    page.hello();
    page.ask("certificates", &json!({}));
    wait_for(|| asking(daemon.pid()).len() == 1);
}
