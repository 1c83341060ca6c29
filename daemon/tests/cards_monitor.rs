//! Readers and cards that come and go, and a service that does: seen by the monitor, and told to pages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::cards::piv::judge;
use support::cards::scene::{RSA, ticks};
use support::cards::{
    PATIENCE, ReaderPlan, Readers, on_proxied_readers, on_readers, wait_until, wait_until_present,
};
use support::daemon::{Daemon, PORTAL, Page, allow, child_pids, code};
use support::{Desk, succeed};
use trien::tokens::pcsc::monitor::{Monitor, Service, Sighting, Slot};

const FIRST: &str = "Yubico YubiKey CCID";
const SECOND: &str = "Second Reader";

fn plans() -> [ReaderPlan; 2] {
    [ReaderPlan::plain(FIRST), ReaderPlan::plain(SECOND)]
}

/// Waits for something to be seen; gives how long that took.
#[track_caller]
fn see(
    sightings: &mut tokio::sync::watch::Receiver<Sighting>,
    what: &str,
    wanted: impl Fn(&Sighting) -> bool,
) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let seen = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, sightings.wait_for(|seen| wanted(seen)))
            .await
            .map(|seen| seen.is_ok())
    });
    assert_eq!(seen, Ok(true), "in vain: {what}; {:?}", sightings.borrow());
    began.elapsed()
}

fn slot(sighting: &Sighting, name: &str) -> Option<Slot> {
    let found = sighting
        .readers
        .iter()
        .find(|reader| reader.name.starts_with(name));
    found.map(|reader| reader.slot)
}

#[test]
fn cards_and_readers_that_come_and_go_are_seen_at_once() {
    on_proxied_readers(&plans(), |readers| {
        let card = readers.piv(0);
        let monitor = Monitor::start().unwrap();
        let mut seen = monitor.sightings();
        see(&mut seen, "both readers", |now| {
            slot(now, FIRST) == Some(Slot::Card) && slot(now, SECOND) == Some(Slot::Empty)
        });
        let mut times = Vec::new();
        for _ in 0..20 {
            card.eject();
            times.push(see(&mut seen, "pulled", |now| {
                slot(now, FIRST) == Some(Slot::Empty)
            }));
            card.insert();
            times.push(see(&mut seen, "put in", |now| {
                slot(now, FIRST) == Some(Slot::Card)
            }));
        }
        times.sort();
        assert!(times[times.len() / 2] < Duration::from_millis(100), "{times:?}");
        let serial = seen.borrow().serial;
        readers.proxy(&format!("unplug {SECOND}"));
        see(&mut seen, "a reader pulled", |now| slot(now, SECOND).is_none());
        readers.proxy(&format!("plug {SECOND}"));
        see(&mut seen, "a reader plugged in", |now| {
            slot(now, SECOND) == Some(Slot::Empty)
        });
        readers.proxy(&format!("unplug {FIRST}"));
        see(&mut seen, "a reader pulled with its card", |now| {
            slot(now, FIRST).is_none()
        });
        readers.proxy(&format!("plug {FIRST}"));
        see(&mut seen, "and back", |now| slot(now, FIRST) == Some(Slot::Card));
        assert!(seen.borrow().serial >= serial + 4);
        readers.order(1, "gone");
        see(&mut seen, "a dead reader", |now| {
            slot(now, SECOND) == Some(Slot::Unavailable)
        });
        readers.order(1, "back");
        see(&mut seen, "alive again", |now| {
            slot(now, SECOND) == Some(Slot::Empty)
        });
        drop(monitor);
    });
}

#[test]
fn n115_a_contact_that_bounces_fifty_times_a_second_ends_in_what_is_true() {
    on_readers(&plans(), |readers| {
        let card = readers.piv(0);
        let monitor = Monitor::start().unwrap();
        let mut seen = monitor.sightings();
        see(&mut seen, "the card", |now| slot(now, FIRST) == Some(Slot::Card));
        for _ in 0..50 {
            card.eject();
            std::thread::sleep(Duration::from_millis(10));
            card.insert();
            std::thread::sleep(Duration::from_millis(10));
        }
        see(&mut seen, "the card in the end", |now| {
            slot(now, FIRST) == Some(Slot::Card)
        });
        card.eject();
        see(&mut seen, "none", |now| slot(now, FIRST) == Some(Slot::Empty));
    });
}

#[test]
fn n113_a_service_that_does_not_run_or_dies_is_waited_for_without_a_busy_loop() {
    on_readers(&plans(), |mut readers| {
        let _card = readers.piv(0);
        readers.stop_service(Signal::TERM);
        let monitor = Monitor::start().unwrap();
        let mut seen = monitor.sightings();
        // Its program is there.
        see(&mut seen, "nothing", |now| {
            now.service == Service::Stopped && now.readers.is_empty()
        });
        let before = ticks(std::process::id());
        std::thread::sleep(Duration::from_millis(500));
        assert!(ticks(std::process::id()) - before <= 3, "it waits in a loop");
        for signal in [Signal::KILL, Signal::TERM, Signal::KILL] {
            readers.start_service();
            let took = see(&mut seen, "the card", |now| slot(now, FIRST) == Some(Slot::Card));
            assert!(took < Duration::from_secs(5), "{took:?}");
            assert_eq!(seen.borrow().service, Service::Running);
            readers.stop_service(signal);
            see(&mut seen, "nothing again", |now| now.service == Service::Stopped);
        }
    });
}

#[test]
fn n114_a_service_that_refuses_is_no_empty_reader() {
    on_proxied_readers(&plans(), |readers| {
        readers.proxy("refuse");
        let monitor = Monitor::start().unwrap();
        let mut seen = monitor.sightings();
        see(&mut seen, "refused", |now| now.service == Service::Refused);
        readers.proxy("admit");
        see(&mut seen, "let in", |now| {
            now.service == Service::Running && now.readers.len() == 2
        });
    });
}

#[test]
fn n121_a_frozen_service_is_found_again_as_it_is() {
    on_proxied_readers(&plans(), |readers| {
        let card = readers.piv(0);
        let monitor = Monitor::start().unwrap();
        let mut seen = monitor.sightings();
        see(&mut seen, "the card", |now| slot(now, FIRST) == Some(Slot::Card));
        // As after a suspend: nothing moves, and then every handle is void.
        readers.proxy("freeze 300");
        card.eject();
        readers.proxy("crash");
        see(&mut seen, "without the card", |now| {
            now.service == Service::Running && slot(now, FIRST) == Some(Slot::Empty)
        });
    });
}

#[test]
fn an_exclusive_holder_is_seen() {
    on_readers(&plans(), |readers| {
        let _card = readers.piv(0);
        wait_until_present(FIRST);
        let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
        let name = std::ffi::CString::new(format!("{FIRST} 00 00")).unwrap();
        let held = context
            .connect(&name, pcsc::ShareMode::Exclusive, pcsc::Protocols::ANY)
            .unwrap();
        // pcsc-lite tells the state, but not that it has changed: it is seen with the next change of anything.
        let monitor = Monitor::start().unwrap();
        let mut seen = monitor.sightings();
        see(&mut seen, "held", |now| slot(now, FIRST) == Some(Slot::Exclusive));
        let serial = seen.borrow().serial;
        held.disconnect(pcsc::Disposition::LeaveCard)
            .map_err(|(_, error)| error)
            .unwrap();
        let _other = readers.piv(1);
        see(&mut seen, "free", |now| slot(now, FIRST) == Some(Slot::Card));
        see(&mut seen, "the other card", |now| now.serial == serial + 1);
    });
}

/// What a page hears, with how long after the order.
fn told(page: &mut Page, order: impl FnOnce()) -> Duration {
    let began = Instant::now();
    order();
    hears(page, began)
}

/// The same of an order that was given then.
fn hears(page: &mut Page, began: Instant) -> Duration {
    let (message, _) = page.receive().unwrap();
    assert_eq!(message["method"], "tokens_changed", "{message}");
    assert_eq!(
        message["params"],
        serde_json::json!({}),
        "nothing is told of which"
    );
    began.elapsed()
}

#[test]
fn a_granted_page_is_told_within_a_hundred_milliseconds_that_tokens_changed_and_not_which() {
    on_readers(&plans(), |readers: Readers| {
        let card = readers.piv(0);
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        succeed(&mut desk.trien(["token", "list"]));
        let daemon = Daemon::start(&desk, "");
        let (mut socket, mut websocket) = (Page::over_socket(&daemon), Page::over_websocket(&daemon));
        let mut stranger = Page::over_websocket(&daemon);
        // What is read at the start is no news, but it may still be under way.
        std::thread::sleep(Duration::from_millis(700));
        socket.hello();
        websocket.hello();
        let mut times = Vec::new();
        for (round, order) in ["eject", "insert"].repeat(50).into_iter().enumerate() {
            // Closer ones are one notice, and of what was before there may be one more.
            std::thread::sleep(Duration::from_millis(250));
            notices(&mut socket);
            notices(&mut websocket);
            let began = Instant::now();
            card.order(order);
            times.extend([hears(&mut socket, began), hears(&mut websocket, began)]);
            // Who has not said hello hears nothing but the reply to it, for which there is half a minute.
            if round == 10 {
                let hello = json!({ "versions": [1], "capabilities": trien_protocol::CAPABILITIES, "client": "test" });
                let asked = stranger.ask("hello", &hello);
                let (first, _) = stranger.receive().unwrap();
                assert_eq!(
                    (&first["id"], &first["result"]["version"]),
                    (&json!(asked), &json!(1))
                );
            }
        }
        // Over either way. What else the computer does may hold up some, but not every second.
        times.sort();
        let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
        assert!(
            median < Duration::from_millis(100),
            "{median:?} at the median, {worst:?} at the worst"
        );
        assert!(daemon.answers());
    });
}

/// How often a page has heard that tokens changed, up to now.
fn notices(page: &mut Page) -> usize {
    let asked = page.ask("cancel", &serde_json::json!({ "request": 0 }));
    let mut heard = 0;
    loop {
        let (message, _) = page.receive().unwrap();
        if message["id"] == asked {
            return heard;
        }
        assert_eq!(message["method"], "tokens_changed", "{message}");
        heard += 1;
    }
}

/// Waits until a page hears nothing any more of what was before.
fn rest(page: &mut Page) {
    let until = Instant::now() + PATIENCE;
    let mut quiet = 0;
    while quiet < 2 {
        assert!(Instant::now() < until, "tokens change without an end");
        std::thread::sleep(Duration::from_millis(500));
        quiet = if notices(page) == 0 { quiet + 1 } else { 0 };
    }
}

const SHARE: &str = "[[answer]]\ndecision = \"approve\"\nrepeat = true\n";

fn shares(page: &mut Page) -> bool {
    page.call("certificates", &serde_json::json!({}))["result"].is_object()
}

#[test]
fn a_granted_page_is_told_that_a_reader_was_unplugged_and_plugged() {
    on_proxied_readers(&plans(), |readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        let daemon = Daemon::start(&desk, SHARE);
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        wait_until("the card is there", || shares(&mut page));
        let mut times = Vec::new();
        for _ in 0..5 {
            for order in ["unplug", "plug"] {
                std::thread::sleep(Duration::from_millis(400));
                notices(&mut page);
                times.push(told(&mut page, || readers.proxy(&format!("{order} {FIRST}"))));
                let there = order == "plug";
                wait_until("the page gets what there is", || shares(&mut page) == there);
            }
        }
        times.sort();
        assert!(times[times.len() / 2] < Duration::from_millis(100), "{times:?}");
        assert!(daemon.answers());
    });
}

/// A page asks again and again while the contact bounces: it has an answer each time, of which none blames the token, and
/// the card when it rests.
#[test]
fn n115_a_page_that_asks_while_a_contact_bounces_is_answered_and_has_the_card_in_the_end() {
    on_readers(&plans(), |readers| {
        let card = readers.piv(0);
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        let daemon = Daemon::start(&desk, SHARE);
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        wait_until("the card is there", || shares(&mut page));
        let told: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
            let bouncing = scope.spawn(|| {
                for _ in 0..50 {
                    card.eject();
                    std::thread::sleep(Duration::from_millis(10));
                    card.insert();
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
            let mut told = std::collections::BTreeSet::new();
            while !bouncing.is_finished() {
                let reply = page.call("certificates", &serde_json::json!({}));
                told.insert(match reply["result"].is_object() {
                    true => "shared".to_owned(),
                    false => code(&reply).to_owned(),
                });
                // More than 400 requests at once are too many, whatever they are about.
                std::thread::sleep(Duration::from_millis(3));
            }
            told
        });
        let expected = ["shared", "no_certificate", "token_removed", "token_busy"];
        assert!(
            told.iter().all(|one| expected.contains(&one.as_str())),
            "{told:?}"
        );
        wait_until("the card is there in the end", || shares(&mut page));
        assert_eq!(child_pids(daemon.pid(), "card-worker").len(), 1);
        assert!(daemon.answers());
    });
}

/// What a page learns of a service that ends and comes back: once that tokens changed, a code of its own for as long as it
/// is gone, and everything again without anybody doing anything. The log says it once, too.
#[test]
fn n113_a_page_is_told_once_that_the_service_went_and_finds_everything_again() {
    on_readers(&plans(), |mut readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        let daemon = Daemon::start(&desk, SHARE);
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        wait_until("the card is there", || shares(&mut page));
        let wanted = serde_json::json!({});
        for (outages, signal) in (1..).zip([Signal::KILL, Signal::TERM]) {
            rest(&mut page);
            readers.stop_service(signal);
            hears(&mut page, Instant::now());
            // Longer than several of the tries to reach it.
            let before = ticks(daemon.pid());
            let mut further = 0;
            for _ in 0..3 {
                std::thread::sleep(Duration::from_millis(500));
                further += notices(&mut page);
            }
            assert_eq!(further, 0, "one notice");
            assert!(ticks(daemon.pid()) - before <= 10, "it waits in a loop");
            for _ in 0..2 {
                assert_eq!(page.refusal("certificates", &wanted), "reader_service_stopped");
            }
            let log = daemon.log();
            let said = log.lines().filter(|line| line.contains("smart card service"));
            assert_eq!(
                said.filter(|line| line.contains("Stopped")).count(),
                outages,
                "{log}"
            );
            readers.start_service();
            wait_until("the card is there again", || shares(&mut page));
        }
        assert!(daemon.answers());
    });
}

/// No service from the start, where no card has been seen and no reader is on USB: nobody has to have one, and a page is told
/// what it is told where no card is. It has its card once the service runs, and from then on its absence has its own code.
#[test]
fn n113_a_page_whose_computer_has_no_service_from_the_start_finds_its_card_once_it_runs() {
    on_readers(&plans(), |mut readers| {
        let _card = readers.piv(0);
        readers.stop_service(Signal::TERM);
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        let daemon = Daemon::start(&desk, SHARE);
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        let wanted = serde_json::json!({});
        assert_eq!(page.refusal("certificates", &wanted), "no_certificate");
        readers.start_service();
        wait_until("the card is there", || shares(&mut page));
        readers.stop_service(Signal::TERM);
        wait_until("its absence is told", || {
            page.refusal("certificates", &wanted) == "reader_service_stopped"
        });
        assert!(daemon.answers());
    });
}

/// A daemon whose pages may have signatures in 9A, by our own driver.
fn signing_daemon() -> (Desk, Daemon) {
    let desk = Desk::new();
    allow(&desk, PORTAL, &["certificates", "sign", "blind_digest"]);
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let config = "discover = false\n[websocket]\nport = 0\n";
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    let answers =
        "[[answer]]\ndecision = \"approve\"\ncertificate = \"9a\"\npins = [\"123456\"]\nrepeat = true\n";
    let daemon = Daemon::start(&desk, answers);
    (desk, daemon)
}

/// What a page asks for, once the card is there: a signature of the digest of nothing.
fn signature_by(page: &mut Page) -> Value {
    let mut certificate = Value::Null;
    wait_until("the card is there", || {
        certificate = page.call("certificates", &serde_json::json!({}))["result"]["sha256"].clone();
        certificate.is_string()
    });
    // SHA-256 of nothing.
    let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    serde_json::json!({ "certificate": certificate, "hash": "SHA-256", "digest": digest })
}

/// The service ends while the card is at a signature for a page: that is what the page is told, of whatever the driver heard
/// last, and it gets its signature from the service that comes after.
#[test]
fn n113_a_page_whose_signature_the_service_leaves_in_the_middle_is_told_so() {
    on_readers(&[ReaderPlan::plain(FIRST)], |mut readers| {
        let card = readers.piv(0);
        let (_desk, daemon) = signing_daemon();
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        let wanted = signature_by(&mut page);
        for signal in [Signal::KILL, Signal::TERM] {
            card.order("hold 87");
            card.order("reset-stats");
            let asked = page.ask("sign_digest", &wanted);
            wait_until("the card is at it", || card.stats().of("87") > 0);
            readers.stop_service(signal);
            let reply = page.reply(asked);
            assert_eq!(code(&reply), "reader_service_stopped", "{signal:?}: {reply}");
            card.order("clear");
            readers.start_service();
            wait_until("the card signs again", || {
                page.call("sign_digest", &wanted)["result"].is_object()
            });
        }
        assert!(daemon.answers());
    });
}

/// The service stands still for three seconds, in the middle of a signature for one page and while another asks what there
/// is: who needs no card is answered meanwhile, and when it goes on, both have what they asked for.
#[test]
fn n121_a_frozen_service_holds_up_what_needs_a_card_and_nothing_else() {
    on_readers(&[ReaderPlan::plain(FIRST)], |readers| {
        let card = readers.piv(0);
        let (_desk, daemon) = signing_daemon();
        let [mut signing, mut listing, mut other] = [(); 3].map(|()| {
            let mut page = Page::over_websocket(&daemon);
            page.hello();
            page
        });
        let wanted = signature_by(&mut signing);
        card.order("hold 87");
        card.order("reset-stats");
        let signature = signing.ask("sign_digest", &wanted);
        wait_until("the card is at it", || card.stats().of("87") > 0);
        readers.signal_service(Signal::STOP);
        card.order("release");
        let frozen = Instant::now();
        let list = listing.ask("certificates", &serde_json::json!({}));
        let mut longest = Duration::ZERO;
        while frozen.elapsed() < Duration::from_secs(3) {
            let asked = Instant::now();
            let nothing = other.call("cancel", &serde_json::json!({ "request": 0 }));
            assert!(nothing["error"].is_null(), "{nothing}");
            assert!(daemon.answers());
            longest = longest.max(asked.elapsed());
            std::thread::sleep(Duration::from_millis(200));
        }
        assert!(longest < Duration::from_secs(1), "{longest:?}");
        readers.signal_service(Signal::CONT);
        let thawed = Instant::now();
        let signed = signing.reply(signature);
        let raw = STANDARD
            .decode(signed["result"]["signature"].as_str().unwrap())
            .unwrap();
        judge(&readers, "9a", RSA, b"", &raw);
        let listed = listing.reply(list);
        assert!(listed["result"].is_object(), "{listed}");
        assert!(
            thawed.elapsed() < Duration::from_secs(3),
            "{:?}",
            thawed.elapsed()
        );
        card.order("clear");
        assert!(signing.call("sign_digest", &wanted)["result"].is_object());
        assert!(daemon.answers());
    });
}

#[test]
fn a_page_that_finds_no_token_learns_what_keeps_the_readers_away() {
    on_proxied_readers(&plans(), |readers| {
        let _card = readers.piv(0);
        readers.proxy("refuse");
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        let daemon = Daemon::start(&desk, "");
        let mut page = Page::over_socket(&daemon);
        page.hello();
        let wanted = serde_json::json!({});
        assert_eq!(page.refusal("certificates", &wanted), "reader_not_allowed");
        assert!(daemon.answers());
    });
}
