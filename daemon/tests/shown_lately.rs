//! A certificate that a token showed a moment ago is not read again for the signature that follows; after that moment, or
//! when a token came or went, or something failed, it is. How much is read is told by a module that makes noise at it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::Desk;
use support::cards::{ReaderPlan, on_readers};
use support::daemon::{Daemon, PORTAL, Page, allow, code};

const APPROVE: &str = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"12345678\"]\n";

/// Whenever the token is asked for its objects.
const NOISY: &str = "[[rule]]\nfunction = \"C_FindObjectsInit\"\ndo = \"print\"\n";

/// So long what was seen counts, since the token was seen or has signed.
const MOMENT: Duration = Duration::from_secs(5);

/// So long at the most.
const LONGEST: Duration = Duration::from_secs(60);

/// Until readers and cards have come to rest; less than [`MOMENT`].
const SETTLED: Duration = Duration::from_secs(2);

struct Scene {
    daemon: Daemon,
    page: Page,
    certificate: Value,
    heard: usize,
}

impl Scene {
    /// A page that has just been shown the certificate.
    fn open(desk: &Desk, rules: &str) -> Self {
        allow(desk, PORTAL, &["certificates", "blind_digest"]);
        let script = desk.path("mood.toml");
        std::fs::write(&script, format!("{NOISY}{rules}")).unwrap();
        let daemon = Daemon::start_with(desk, APPROVE, &["--simulate".as_ref(), script.as_os_str()]);
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        let mut scene = Self {
            daemon,
            page,
            certificate: Value::Null,
            heard: 0,
        };
        scene.share();
        scene
    }

    /// Has the certificate shown; gives how much was read.
    fn share(&mut self) -> usize {
        let shared = self.page.call("certificates", &json!({}));
        self.certificate = shared["result"]["sha256"].clone();
        assert!(self.certificate.is_string(), "{shared}");
        self.read()
    }

    /// Has a digest signed; gives the reply, and how much was read.
    fn try_to_sign(&mut self) -> (Value, usize) {
        let digest = STANDARD.encode([7; 32]);
        let call = json!({ "certificate": self.certificate, "hash": "SHA-256", "digest": digest });
        let reply = self.page.call("sign_digest", &call);
        (reply, self.read())
    }

    #[track_caller]
    fn sign(&mut self) -> usize {
        let (reply, read) = self.try_to_sign();
        assert!(reply["result"]["signature"].is_string(), "{reply}");
        read
    }

    /// How often the token was asked for its objects since this was asked last.
    fn read(&mut self) -> usize {
        // What the module says comes by a pipe: all of it has when nothing more does.
        let (mut all, mut before) = (0, None);
        while before != Some(all) {
            before = Some(all);
            std::thread::sleep(Duration::from_millis(200));
            all = self.daemon.log().matches("noise").count();
        }
        all - std::mem::replace(&mut self.heard, all)
    }
}

#[test]
fn what_was_shown_a_moment_ago_is_not_read_again_and_after_that_it_is() {
    let desk = Desk::bare();
    let mut scene = Scene::open(&desk, "");
    let few = scene.sign();
    assert_eq!(scene.sign(), few, "it has just signed");
    std::thread::sleep(MOMENT);
    let many = scene.sign();
    assert!(
        many > few,
        "{few} when it was read lately, {many} when it was not"
    );
    assert_eq!(scene.sign(), few, "it was read a moment ago");
    // To have signed counts as having been seen, but not for ever.
    let began = Instant::now();
    let mut reads = Vec::new();
    while began.elapsed() < LONGEST + 3 * MOMENT / 2 {
        std::thread::sleep(MOMENT / 2);
        reads.push((began.elapsed(), scene.sign()));
    }
    let again: Vec<_> = reads.iter().filter(|(_, read)| *read == many).collect();
    assert!(
        reads.iter().all(|(_, read)| [few, many].contains(read)),
        "{reads:?}"
    );
    assert_eq!(again.len(), 1, "{reads:?}");
    assert!(again[0].0 > LONGEST - MOMENT, "{reads:?}");
}

#[test]
fn after_something_failed_it_is_read_again() {
    let desk = Desk::bare();
    let fails = "[[rule]]\nfunction = \"C_Sign\"\nfrom = 2\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_FUNCTION_FAILED\"\n";
    let mut scene = Scene::open(&desk, fails);
    let few = scene.sign();
    let (reply, read) = scene.try_to_sign();
    assert_eq!((code(&reply), read), ("token_failed", few));
    let many = scene.sign();
    assert!(many > few, "{few}, and {many} after a failure");
    assert_eq!(scene.sign(), few);
}

#[test]
fn a_token_that_is_gone_is_seen_to_be_gone_whatever_was_shown_a_moment_ago() {
    let desk = Desk::bare();
    let pulled =
        "[[rule]]\nfunction = \"C_Sign\"\nfrom = 2\ntimes = 1\ndo = \"remove\"\nmilliseconds = 8000\n";
    let mut scene = Scene::open(&desk, pulled);
    let few = scene.sign();
    let (reply, _) = scene.try_to_sign();
    assert_eq!(code(&reply), "token_removed");
    let (reply, _) = scene.try_to_sign();
    assert_eq!(
        code(&reply),
        "certificate_not_found",
        "nobody is asked for a token that is not there"
    );
    std::thread::sleep(Duration::from_secs(9));
    assert!(scene.sign() > few, "it is looked at anew when it is back");
}

#[test]
fn when_a_card_comes_or_goes_it_is_read_again() {
    on_readers(&[ReaderPlan::plain("Yubico YubiKey CCID")], |readers| {
        let card = readers.piv(0);
        let desk = Desk::bare();
        std::fs::create_dir_all(desk.home().join("config")).unwrap();
        // Readers are watched; the card itself is none of this test's tokens.
        let config = "[websocket]\nport = 0\n[prompt]\nseconds = 20\n[cards]\npiv = false\n";
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
        let mut scene = Scene::open(&desk, "");
        // What is found at the start are changes, too.
        std::thread::sleep(SETTLED);
        scene.share();
        let few = scene.sign();
        assert_eq!(scene.sign(), few);
        for order in ["eject", "insert"] {
            card.order(order);
            // The page is told as soon as the daemon knows.
            let told = loop {
                let (message, _) = scene.page.receive().unwrap();
                if message["method"] == "tokens_changed" {
                    break message;
                }
            };
            assert!(told["params"].is_object());
            // A card that comes may be more than one.
            std::thread::sleep(SETTLED);
            scene.read();
            let many = scene.sign();
            assert!(many > few, "{few}, and {many} after {order}");
            assert_eq!(scene.sign(), few);
        }
    });
}
