//! A daemon that has nothing to do does nothing, also while pages are connected and readers watched: it is woken by events
//! alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::cards::{ReaderPlan, on_readers};
use support::daemon::{Daemon, PORTAL, Page, allow, code};
use support::wakes::{switches, woken};
use support::{Desk, succeed};

/// Threads that were used at the start end after ten seconds (tokio's for what blocks), which is a wake-up of theirs: none is
/// left of them when nothing happened for longer.
const SETTLED: Duration = Duration::from_secs(12);

/// What the start brings about is over by then, on a slow machine.
const STARTED: Duration = Duration::from_secs(60);

/// How long nothing happens then.
const LONG: Duration = Duration::from_secs(10);

/// What is told at once is told within this, on a slow machine; who would look for it every so often is woken for that.
const AT_ONCE: Duration = Duration::from_secs(10);

#[test]
fn with_pages_connected_it_is_woken_by_events_alone() {
    let plans = ["Yubico YubiKey CCID", "Second Reader"].map(ReaderPlan::plain);
    on_readers(&plans, |readers| {
        let card = readers.piv(0);
        let desk = Desk::bare();
        let other = "https://other.example";
        allow(&desk, PORTAL, &[]);
        // As a person allows it at the first use: for some time.
        succeed(&mut desk.trien(["origin", "allow", other]));
        let daemon = Daemon::start(&desk, "");
        let mut pages = [
            Page::over_websocket(&daemon),
            Page::over_socket(&daemon),
            Page::websocket_from(&daemon, other).unwrap(),
        ];
        for page in &mut pages {
            assert_eq!(page.hello()["result"]["version"], 1);
            // What a page did is over.
            page.upload("a.txt", b"a");
        }
        let began = Instant::now();
        let mut before = switches(daemon.pid());
        let mut rests_since = began;
        while rests_since.elapsed() < SETTLED && began.elapsed() < STARTED {
            std::thread::sleep(Duration::from_millis(200));
            let now = switches(daemon.pid());
            if now != before {
                (before, rests_since) = (now, Instant::now());
            }
        }
        std::thread::sleep(LONG);
        assert_eq!(
            woken(&before, &switches(daemon.pid())),
            0,
            "in {LONG:?} without an event"
        );

        // And each event is told at once.
        let began = Instant::now();
        card.order("eject");
        for page in &mut pages {
            assert_eq!(page.receive().unwrap().0["method"], "tokens_changed");
        }
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        succeed(&mut desk.trien(["origin", "revoke", PORTAL]));
        let began = Instant::now();
        for page in &mut pages[..2] {
            assert_eq!(code(&said(page)), "not_allowed");
            assert!(page.receive().is_err());
        }
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        assert!(pages[2].hello()["error"].is_object(), "it is still there");
    });
}

/// The next that is no note of a token: a card that goes may be more than one change.
fn said(page: &mut Page) -> Value {
    loop {
        let (message, _) = page.receive().unwrap();
        if message["method"] != "tokens_changed" {
            return message;
        }
    }
}
