//! Cards pulled at the worst moment while a vendor's module works on them, and cards that fall silent: the module's process
//! may be lost, the daemon and the card are not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use support::Desk;
use support::cards::pairs::{Card, Pair, cac, openpgp, piv};
use support::cards::piv::tries_left;
use support::cards::scene::{
    RSA, descriptors, desk_with_opensc, key, lines, logged_in, modules, modules_within, opensc, runtime,
    sign_once, signable, steady_descriptors, token_in_time, worker, ykcs11,
};
use support::cards::{
    CARD_PIN, ReaderPlan, Readers, on_proxied_readers, on_readers, wait_until, wait_until_empty,
    wait_until_present,
};
use support::daemon::{ALL, Daemon, PORTAL, Page, allow, code};
use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, LoginError, Modules, Signable, SigningSession, Token, TokenEntry, TokenError,
};

const YUBIKEY: &str = "Yubico YubiKey CCID";

const ROUNDS: usize = 50;

/// SHA-256 of nothing, as base64.
const DIGEST: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn ready(entry: &TokenEntry) -> bool {
    entry.initialized
}

/// When the card goes.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    BetweenPinAndSignature,
    InTheCommand,
    /// Between PIN and signature, and it is back before anybody has looked.
    AndBack,
}

/// After a login: the card goes, the signature is lost, and the card that is back signs nothing without another PIN.
async fn pull(
    card: &Card,
    reader: &str,
    moment: Moment,
    mut session: Box<dyn SigningSession>,
    wanted: &Signable,
) {
    match moment {
        Moment::BetweenPinAndSignature => {
            card.eject();
            wait_until_empty(reader);
        }
        Moment::InTheCommand => card.eject_at_signature(),
        Moment::AndBack => {
            let before = card.signatures();
            card.eject();
            wait_until_empty(reader);
            card.insert();
            wait_until_present(reader);
            for _ in 0..2 {
                let lost = session.sign(wanted, false).await;
                assert!(lost.is_err(), "it signs without another PIN");
            }
            assert_eq!(card.signatures(), before, "it was told to sign");
            session.close().await;
            return;
        }
    }
    let lost = session.sign(wanted, false).await;
    assert!(
        matches!(lost, Err(LoginError::Token(TokenError::Removed))),
        "{lost:?}"
    );
    wait_until_empty(reader);
    card.insert();
    let again = session.sign(wanted, false).await;
    assert!(again.is_err());
    wait_until_present(reader);
    session.close().await;
}

/// Fifty times: a login, the card pulled, the signature lost, the card back and found by itself.
fn pulled(pair: Pair, moment: Moment) {
    on_readers(&[ReaderPlan::plain(pair.reader)], |readers| {
        let card = (pair.put)(&readers);
        runtime().block_on(async {
            let modules = modules(&[pair.module]);
            let mut open = 0;
            for round in 0..ROUNDS {
                let token = token_in_time(&modules, pair.wanted).await;
                let session = logged_in(&token, &key(&token, pair.key)).await.unwrap();
                pull(
                    &card,
                    pair.reader,
                    moment,
                    session,
                    &signable(pair.algorithm, b"m"),
                )
                .await;
                if round == 4 {
                    open = descriptors(std::process::id());
                }
            }
            let token = token_in_time(&modules, pair.wanted).await;
            let signed = sign_once(&token, &key(&token, pair.key), pair.algorithm, b"m").await;
            signed.unwrap();
            let now = descriptors(std::process::id());
            assert!(now <= open + 1, "{open} descriptors, then {now}");
        });
    });
}

/// The same behind a PIN pad: each PIN is typed, and none is typed for a card that was only put back. `modules` are made
/// where the reader is, `id` is 9A's under them.
fn pulled_behind_a_pad(modules: fn() -> Modules, id: &[u8], rounds: usize, moment: Moment) {
    let pair = piv(opensc());
    on_readers(&[ReaderPlan::with_pad(pair.reader)], |readers| {
        let card = (pair.put)(&readers);
        let modules = modules();
        let asked = || readers.order(0, "asked").parse::<usize>().unwrap();
        runtime().block_on(async {
            for round in 0..=rounds {
                let token = token_in_time(&modules, pair.wanted).await;
                assert!(token.pin().await.unwrap().is_at_reader());
                readers.order(0, &format!("pin {CARD_PIN}"));
                let mut session = token.open(&key(&token, id)).await.unwrap();
                session.login().await.unwrap();
                assert_eq!(asked(), round + 1);
                if round == rounds {
                    session
                        .sign(&signable(pair.algorithm, b"m"), false)
                        .await
                        .unwrap();
                    session.close().await;
                    break;
                }
                pull(
                    &card,
                    pair.reader,
                    moment,
                    session,
                    &signable(pair.algorithm, b"m"),
                )
                .await;
                assert_eq!(asked(), round + 1, "nobody was asked for the card that is back");
            }
            let all = modules.states();
            assert!(all.iter().all(|module| !module.off), "{all:?}");
        });
    });
}

/// Our own driver, and no module.
fn driver() -> Modules {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_trien"));
    modules(&[]).with_cards(program, Deadlines::default())
}

#[test]
fn n116_behind_a_pin_pad_a_card_pulled_between_pin_and_signature() {
    pulled_behind_a_pad(driver, &[0x9a, 7], ROUNDS, Moment::BetweenPinAndSignature);
}

#[test]
fn n115_behind_a_pin_pad_a_card_pulled_in_the_middle_of_the_signature() {
    pulled_behind_a_pad(driver, &[0x9a, 7], ROUNDS, Moment::InTheCommand);
}

/// By OpenSC's module.
#[test]
fn n116_opensc_behind_a_pin_pad_a_card_pulled_between_pin_and_signature() {
    let opensc = || modules(&[opensc()]);
    pulled_behind_a_pad(opensc, &[1], ROUNDS, Moment::BetweenPinAndSignature);
}

#[test]
fn n115_opensc_behind_a_pin_pad_a_card_pulled_in_the_middle_of_the_signature() {
    let opensc = || modules(&[opensc()]);
    pulled_behind_a_pad(opensc, &[1], ROUNDS, Moment::InTheCommand);
}

#[test]
fn n116_behind_a_pin_pad_a_card_that_was_away_before_the_signature_wants_its_pin_anew() {
    pulled_behind_a_pad(driver, &[0x9a, 7], ROUNDS, Moment::AndBack);
}

#[test]
fn n116_opensc_behind_a_pin_pad_a_card_that_was_away_before_the_signature_wants_its_pin_anew() {
    let opensc = || modules(&[opensc()]);
    pulled_behind_a_pad(opensc, &[1], ROUNDS, Moment::AndBack);
}

#[test]
fn n116_opensc_a_piv_card_that_was_away_before_the_signature_wants_its_pin_anew() {
    pulled(piv(opensc()), Moment::AndBack);
}

/// It remembers the PIN, and would tell the card that is back.
#[test]
fn n116_ykcs11_a_piv_card_that_was_away_before_the_signature_wants_its_pin_anew() {
    pulled(piv(ykcs11()), Moment::AndBack);
}

#[test]
fn n116_opensc_an_openpgp_card_that_was_away_before_the_signature_wants_its_pin_anew() {
    pulled(openpgp(), Moment::AndBack);
}

#[test]
fn n116_opensc_a_cac_that_was_away_before_the_signature_wants_its_pin_anew() {
    pulled(cac(), Moment::AndBack);
}

#[test]
fn n116_opensc_a_piv_card_pulled_between_pin_and_signature() {
    pulled(piv(opensc()), Moment::BetweenPinAndSignature);
}

#[test]
fn n115_opensc_a_piv_card_pulled_in_the_middle_of_the_signature() {
    pulled(piv(opensc()), Moment::InTheCommand);
}

#[test]
fn n116_ykcs11_a_piv_card_pulled_between_pin_and_signature() {
    pulled(piv(ykcs11()), Moment::BetweenPinAndSignature);
}

#[test]
fn n115_ykcs11_a_piv_card_pulled_in_the_middle_of_the_signature() {
    pulled(piv(ykcs11()), Moment::InTheCommand);
}

#[test]
fn n116_opensc_an_openpgp_card_pulled_between_pin_and_signature() {
    pulled(openpgp(), Moment::BetweenPinAndSignature);
}

#[test]
fn n115_opensc_an_openpgp_card_pulled_in_the_middle_of_the_signature() {
    pulled(openpgp(), Moment::InTheCommand);
}

#[test]
fn n116_opensc_a_cac_pulled_between_pin_and_signature() {
    pulled(cac(), Moment::BetweenPinAndSignature);
}

#[test]
fn n115_opensc_a_cac_pulled_in_the_middle_of_the_signature() {
    pulled(cac(), Moment::InTheCommand);
}

/// A card that goes while the PIN is on its way to it: nobody is let in, and the PIN is not sent once more to the card that is
/// back. `tries` tells of a PIV card how many are left.
fn pulled_in_the_pin(pair: Pair, tries: Option<fn(&Readers) -> u8>) {
    on_readers(&[ReaderPlan::plain(pair.reader)], |readers| {
        let card = (pair.put)(&readers);
        runtime().block_on(async {
            let modules = modules(&[pair.module]);
            for round in 0..10 {
                let token = token_in_time(&modules, pair.wanted).await;
                let mut session = token.open(&key(&token, pair.key)).await.unwrap();
                // A wrong one: each time it came to the card would be counted.
                session.attach_pin_pipe(lines("111111\n")).await.unwrap();
                // VERIFY
                card.eject_at("20");
                let lost = session.login().await;
                assert!(
                    matches!(lost, Err(LoginError::Token(TokenError::Removed))),
                    "round {round}: {lost:?}"
                );
                wait_until_empty(pair.reader);
                card.insert();
                wait_until_present(pair.reader);
                let again = session.sign(&signable(pair.algorithm, b"m"), false).await;
                assert!(again.is_err(), "round {round}");
                session.close().await;
                if let Some(tries) = tries {
                    assert_eq!(tries(&readers), 3, "round {round}");
                }
            }
            let token = token_in_time(&modules, pair.wanted).await;
            let signed = sign_once(&token, &key(&token, pair.key), pair.algorithm, b"m").await;
            signed.unwrap();
            assert!(
                !modules.states()[0].off,
                "a pulled card is no failure of the module's"
            );
        });
    });
}

#[test]
fn n115_opensc_a_piv_card_pulled_in_the_middle_of_the_pin_is_not_sent_it_again() {
    pulled_in_the_pin(piv(opensc()), Some(tries_left));
}

#[test]
fn n115_ykcs11_a_piv_card_pulled_in_the_middle_of_the_pin_is_not_sent_it_again() {
    pulled_in_the_pin(piv(ykcs11()), Some(tries_left));
}

#[test]
fn n115_opensc_an_openpgp_card_pulled_in_the_middle_of_the_pin_is_not_sent_it_again() {
    pulled_in_the_pin(openpgp(), None);
}

/// The reader goes with its card in the middle of a signature, as a reader does that dies, or is unplugged.
fn unplugged_in_the_signature(module: ModuleConfig) {
    let pair = piv(module);
    on_proxied_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[pair.module]);
            for unplugged in [false, true] {
                let token = token_in_time(&modules, ready).await;
                let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
                card.order("reset-stats");
                card.order("hold 87");
                if !unplugged {
                    card.order("drop 87");
                }
                let working = tokio::spawn(async move {
                    let outcome = session.sign(&signable(RSA, b"m"), false).await;
                    (session, outcome)
                });
                wait_until("the card is at it", || card.stats().of("87") > 0);
                if unplugged {
                    readers.proxy(&format!("unplug {YUBIKEY}"));
                } else {
                    assert_eq!(readers.order(0, "gone"), "ok");
                }
                card.order("release");
                let (mut session, outcome) = working.await.unwrap();
                card.order("clear");
                // What the card was at is done where only the service has lost its reader.
                let may_be_done = unplugged && outcome.is_ok();
                // Also where the module's process has not outlived it (OpenSC 0.23).
                let removed = matches!(outcome, Err(LoginError::Token(TokenError::Removed)));
                assert!(removed || may_be_done, "{unplugged}: {outcome:?}");
                let again = session.sign(&signable(RSA, b"m"), false).await;
                assert!(again.is_err(), "{unplugged}: {again:?}");
                if unplugged {
                    readers.proxy(&format!("plug {YUBIKEY}"));
                    // pcscd ends the transaction of a reader that goes; the proxy cannot, but by its connection.
                    readers.proxy("crash");
                } else {
                    assert_eq!(readers.order(0, "back"), "ok");
                    wait_until_empty(YUBIKEY);
                    card.insert();
                }
                let again = session.sign(&signable(RSA, b"m"), false).await;
                assert!(again.is_err(), "{unplugged}: nobody has typed a PIN since");
                session.close().await;
                let token = token_in_time(&modules, ready).await;
                sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
            }
            assert_eq!(tries_left(&readers), 3);
        });
    });
}

#[test]
fn n115_opensc_a_reader_unplugged_in_the_middle_of_the_signature_takes_the_token_with_it() {
    unplugged_in_the_signature(opensc());
}

#[test]
fn n115_ykcs11_a_reader_unplugged_in_the_middle_of_the_signature_takes_the_token_with_it() {
    unplugged_in_the_signature(ykcs11());
}

/// A module's process that dies in the middle of a request has crashed, and three times switch the module off; with its card
/// gone it was the hand that took the card, and as many times switch off nothing.
#[test]
fn n115_a_module_that_dies_when_its_card_goes_is_told_from_one_that_crashes() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            for round in 0..6 {
                let goes = round < 3;
                let token = token_in_time(&modules, ready).await;
                let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
                let process = Pid::from_raw(worker("module-worker").cast_signed()).unwrap();
                kill_process(process, Signal::STOP).unwrap();
                let wanted = signable(RSA, b"m");
                let mut signing = session.sign(&wanted, false);
                // It has been asked by then.
                let asked = poll_fn(|context| Poll::Ready(signing.as_mut().poll(context))).await;
                assert!(asked.is_pending(), "round {round}");
                if goes {
                    card.eject();
                    wait_until_empty(YUBIKEY);
                }
                kill_process(process, Signal::KILL).unwrap();
                let outcome = signing.await;
                let as_wanted = match &outcome {
                    Err(LoginError::Token(TokenError::Removed)) => goes,
                    Err(LoginError::Token(TokenError::Crashed)) => !goes,
                    _ => false,
                };
                assert!(as_wanted, "round {round}: {outcome:?}");
                session.close().await;
                if goes {
                    card.insert();
                    wait_until_present(YUBIKEY);
                }
                assert_eq!(modules.states()[0].off, round == 5, "round {round}");
            }
        });
    });
}

/// A card that goes while its PIN is changed: the module is not asked anything more, and the PIN is what it was.
fn pulled_while_changed(pair: Pair, plan: ReaderPlan) {
    on_readers(&[plan], |readers| {
        let card = (pair.put)(&readers);
        runtime().block_on(async {
            let modules = modules(&[pair.module]);
            for round in 0..12 {
                let token = token_in_time(&modules, pair.wanted).await;
                // Spread over the interval at which the service looks for the card.
                tokio::time::sleep(Duration::from_millis(37 * round % 400)).await;
                // CHANGE REFERENCE DATA
                card.eject_at("24");
                let began = Instant::now();
                let lost = token.change_pin(lines(&format!("{CARD_PIN}\n")), lines("246810\n"));
                let lost = lost.await;
                assert!(
                    matches!(lost, Err(LoginError::Token(TokenError::Removed))),
                    "round {round}: {lost:?}"
                );
                // What hung would have been waited for much longer.
                assert!(began.elapsed() < Duration::from_secs(10), "round {round}");
                wait_until_empty(pair.reader);
                card.insert();
                wait_until_present(pair.reader);
            }
            let token = token_in_time(&modules, pair.wanted).await;
            let signed = sign_once(&token, &key(&token, pair.key), pair.algorithm, b"m").await;
            signed.unwrap();
            assert!(
                !modules.states()[0].off,
                "a pulled card is no failure of the module's"
            );
        });
    });
}

#[test]
fn opensc_a_piv_card_pulled_while_its_pin_is_changed() {
    pulled_while_changed(piv(opensc()), ReaderPlan::polled(YUBIKEY));
}

#[test]
fn ykcs11_a_piv_card_pulled_while_its_pin_is_changed() {
    pulled_while_changed(piv(ykcs11()), ReaderPlan::plain(YUBIKEY));
}

/// A card that never answers: the module's process is ended at its deadline, and the next call works.
#[test]
fn n097_opensc_that_waits_for_a_mute_card_is_ended_and_the_next_call_works() {
    waits_for_a_mute_card(&opensc());
}

#[test]
fn n097_ykcs11_that_waits_for_a_mute_card_is_ended_and_the_next_call_works() {
    waits_for_a_mute_card(&ykcs11());
}

fn waits_for_a_mute_card(module: &ModuleConfig) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let deadlines = Deadlines {
                sign: Duration::from_secs(6),
                ..Deadlines::default()
            };
            let modules = modules_within(std::slice::from_ref(module), deadlines);
            let token = token_in_time(&modules, ready).await;
            let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
            card.order("mute 87");
            let hung = session.sign(&signable(RSA, b"m"), false).await;
            assert!(
                matches!(hung, Err(LoginError::Token(TokenError::Hung { .. }))),
                "{hung:?}"
            );
            session.close().await;
            card.eject();
            wait_until_empty(YUBIKEY);
            card.insert();
            let token = token_in_time(&modules, ready).await;
            sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
        });
    });
}

/// A page's request while the card is pulled: it hears so, the card is found again by itself, the daemon goes on.
fn a_page_is_told(desk: impl FnOnce() -> Desk) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let desk = desk();
        allow(&desk, PORTAL, &["certificates", "sign", "blind_digest"]);
        let script = format!(
            "[[answer]]\ndecision = \"approve\"\ncertificate = \"9a\"\npins = [{CARD_PIN:?}]\nrepeat = true\n"
        );
        let daemon = Daemon::start(&desk, &script);
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        let shared = page.call("certificates", &json!({}));
        let certificate = shared["result"]["sha256"].as_str().unwrap().to_owned();
        let wanted = json!({ "certificate": certificate, "hash": "SHA-256", "digest": DIGEST });
        let open = steady_descriptors(daemon.pid());
        for round in 0..5 {
            card.order("drop 87");
            let lost = page.call("sign_digest", &wanted);
            assert_eq!(code(&lost), "token_removed", "round {round}");
            wait_until_empty(YUBIKEY);
            card.insert();
            wait_until("the card signs again", || {
                page.call("sign_digest", &wanted)["result"].is_object()
            });
        }
        assert!(steady_descriptors(daemon.pid()) <= open);
        assert!(daemon.answers());
    });
}

#[test]
fn a_page_is_told_that_the_card_was_pulled_from_under_a_module() {
    a_page_is_told(desk_with_opensc);
}

#[test]
fn a_page_is_told_that_the_card_was_pulled_from_under_our_driver() {
    a_page_is_told(desk_with_driver);
}

/// A desk whose cards our driver has, and no module.
fn desk_with_driver() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let config = "discover = false\n[websocket]\nport = 0\n";
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    desk
}

/// Who pulls a card in the middle of a batch may put it into another reader, where it comes back with so many tries
/// spent. One PIN is typed for the batch, and one when the card is back.
fn comes_back_in_another_reader(spent: usize) {
    const SECOND: &str = "Second Reader";
    let plans = [YUBIKEY, SECOND].map(ReaderPlan::plain);
    on_readers(&plans, |readers| {
        // A copy of what was personalised once: of the same number, keys and certificates.
        let copy = readers.piv(1);
        wait_until_present(SECOND);
        let wrong = ["-s", "00:20:00:80:08:39:39:39:39:39:39:FF:FF"].repeat(spent);
        let select = ["-s", "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00"];
        readers.run("opensc-tool", &[&select[..], &wrong].concat());
        drop(copy);
        wait_until_empty(SECOND);
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        let desk = desk_with_driver();
        allow(&desk, PORTAL, &ALL);
        let approve = "[[answer]]\ndecision = \"approve\"\ncertificate = \"9a\"\n";
        let script =
            format!("{approve}kind = \"share_certificate\"\n{approve}pins = [{CARD_PIN:?}, {CARD_PIN:?}]\n");
        let daemon = Daemon::start(&desk, &script);
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        let shared = page.call("certificates", &json!({}));
        let certificate = shared["result"]["sha256"].as_str().unwrap().to_owned();
        let digests = [DIGEST; 3].map(|digest| json!({ "digest": digest }));
        let wanted = json!({ "certificate": certificate, "hash": "SHA-256", "digests": digests });
        card.order("drop 87");
        let id = page.ask("sign_digests", &wanted);
        let mut elsewhere = None;
        let reply = loop {
            match page.receive().unwrap().0 {
                reply if reply["id"] == id => break reply,
                event if event["params"]["stage"] == "paused" => {
                    wait_until_empty(YUBIKEY);
                    elsewhere.get_or_insert_with(|| readers.blank(1, &["piv"]));
                }
                _ => {}
            }
        };
        let made = elsewhere.unwrap().stats().of("87") > 0;
        match spent {
            3 => assert_eq!((code(&reply), made), ("pin_locked", false), "{reply}"),
            _ => {
                let signed = reply["result"]["signatures"].as_array().unwrap();
                assert!(signed.iter().all(|one| one["status"] == "signed"), "{reply}");
                assert!(made);
            }
        }
        drop(card);
    });
}

#[test]
fn a_batch_goes_on_with_the_card_in_another_reader() {
    comes_back_in_another_reader(0);
}

/// The person is told so when he is asked, and what he types then is typed for that try.
#[test]
fn a_batch_goes_on_with_a_card_that_comes_back_at_its_last_try() {
    comes_back_in_another_reader(2);
}

#[test]
fn nobody_types_the_pin_of_a_card_that_comes_back_locked() {
    comes_back_in_another_reader(3);
}
