//! A card that is taken for another one: it looks like the one that somebody works with, or takes its place while he types
//! his PIN. Nobody's PIN goes to a card that it was not typed for, and nobody's work ends for another's card.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::cards::piv::{self, YUBIKEY};
use support::cards::scene::{
    Judge, RSA, desk_with_opensc, key, lines, logged_in, logged_in_with, modules, opensc, runtime, sign_once,
    signable, token_in_time, ykcs11,
};
use support::cards::{
    CARD_PIN, PATIENCE, ReaderPlan, Readers, VirtualCard, on_readers, personalised, public_key, wait_until,
    wait_until_empty, wait_until_present,
};
use support::daemon::{Daemon, PORTAL, Page, allow, code, leave_time_to_answer, record};
use support::{Desk, succeed};
use trien::tokens::{LoginError, Modules, Token, TokenEntry, TokenError};

const SECOND: &str = "Second Reader";

/// SHA-256 of nothing.
const DIGEST: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn ready(entry: &TokenEntry) -> bool {
    entry.initialized
}

/// A second card that looks like the first: of the same labels and subjects, with another number, another key in 9A and
/// its certificate. Personalised in the second reader; in the end neither is in one.
fn twin(readers: &Readers) {
    twin_of(readers, true);
}

/// The same, with a number of its own or that of the first.
fn twin_of(readers: &Readers, own_number: bool) {
    let cards = [0, 1].map(|index| readers.piv(index));
    wait_until_present(YUBIKEY);
    wait_until_present(SECOND);
    let (issue, made) = (personalised().join("issue"), readers.path("twin.pub.pem"));
    let certificate = readers.path("twin.pem");
    let tool = |words: &[&str], file: &Path| {
        let words = [&["-r", SECOND, "-s", "9a", "-a"], words].concat();
        readers.run(
            "yubico-piv-tool",
            &[&words[..], &[file.to_str().unwrap()]].concat(),
        );
    };
    tool(&["generate", "-A", "RSA2048", "-o"], &made);
    let mut issued = Command::new("openssl");
    issued
        .args(["x509", "-new", "-days", "30", "-subj"])
        .args(["/C=VN/CN=Thẻ thử 9a/UID=CCCD:079085000123", "-force_pubkey"])
        .arg(&made)
        .arg("-CA")
        .arg(issue.join("ca.pem"))
        .arg("-CAkey")
        .arg(issue.join("ca.key"));
    succeed(issued.arg("-out").arg(&certificate));
    tool(&["import-certificate", "-i"], &certificate);
    if own_number {
        readers.run("yubico-piv-tool", &["-r", SECOND, "-a", "set-chuid"]);
    }
    drop(cards);
    wait_until_empty(YUBIKEY);
    wait_until_empty(SECOND);
}

/// The cards change places in the folders that they lie in.
fn swap(readers: &Readers) {
    for (from, to) in [
        ("state0", "state-kept"),
        ("state1", "state0"),
        ("state-kept", "state1"),
    ] {
        std::fs::rename(readers.path(from), readers.path(to)).unwrap();
    }
}

/// The card in the first reader is taken out, and the one that lies in the second's folder put in.
fn exchange(readers: &Readers, card: VirtualCard) -> VirtualCard {
    drop(card);
    wait_until_empty(YUBIKEY);
    swap(readers);
    let other = readers.blank(0, &["piv"]);
    wait_until_present(YUBIKEY);
    other
}

/// A card that looks like the one that somebody logged in to takes its place: the work ends, and it is sent neither his
/// PIN nor anything to sign.
#[test]
fn n122_another_card_in_the_place_of_the_one_that_was_logged_in_to_signs_nothing() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin(&readers);
            // Ours says its own number in the label, the vendor's the name in the certificate.
            for ours in [true, false] {
                let card = readers.blank(0, &["piv"]);
                runtime().block_on(async {
                    let modules = if ours {
                        piv::modules()
                    } else {
                        modules(&[opensc()])
                    };
                    let token = token_in_time(&modules, ready).await;
                    let nine_a = if ours {
                        piv::key(&token, 0x9a, 0x07)
                    } else {
                        key(&token, &[1])
                    };
                    let pins = "123456\n123456\n123456\n";
                    let mut session = logged_in_with(&token, &nine_a, pins).await.unwrap();
                    session.sign(&signable(RSA, b"m"), false).await.unwrap();
                    drop(card);
                    wait_until_empty(YUBIKEY);
                    swap(&readers);
                    let other = readers.blank(0, &["piv"]);
                    wait_until_present(YUBIKEY);
                    for typed in [false, true] {
                        let signed = session.sign(&signable(RSA, b"m"), typed).await;
                        assert!(signed.is_err(), "{ours}, {typed}: {signed:?}");
                    }
                    session.close().await;
                    // What is still known of the first card opens nothing on this one.
                    let opened = logged_in_with(&token, &nine_a, pins).await;
                    assert!(
                        matches!(opened, Err(LoginError::Token(TokenError::Removed))),
                        "{ours}: {:?}",
                        opened.err()
                    );
                    assert_eq!(other.stats().of("87"), 0, "{ours}: {:?}", other.stats());
                    assert_eq!(piv::tries_left(&readers), 3, "it has verified no PIN");
                    let second = token_in_time(&modules, |entry| {
                        entry.initialized && entry.id != token.entry().id
                    })
                    .await;
                    if !ours {
                        assert_eq!(second.entry().id.label, token.entry().id.label);
                    }
                    assert_ne!(second.entry().id.serial, token.entry().id.serial);
                    drop(other);
                    wait_until_empty(YUBIKEY);
                    swap(&readers);
                });
            }
        },
    );
}

/// Nobody has used the session since its card was taken out. Who looks is shown the card that is there, at once.
#[test]
fn n122_a_look_does_not_show_the_card_that_somebody_was_logged_in_to_in_the_place_of_another() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin(&readers);
            let card = readers.blank(0, &["piv"]);
            runtime().block_on(async {
                let modules = piv::modules();
                let token = piv::token_in_time(&modules).await;
                let first = token.entry().id.clone();
                let mut session = logged_in(&token, &piv::key(&token, 0x9a, 0x07)).await.unwrap();
                let other = exchange(&readers, card);
                let shown = modules.look().await.tokens;
                let ids: Vec<_> = shown.iter().map(|token| token.entry().id.clone()).collect();
                assert!(!ids.contains(&first), "{ids:?}");
                let second = token_in_time(&modules, |entry| entry.initialized && entry.id != first).await;
                assert!(session.sign(&signable(RSA, b"m"), false).await.is_err());
                session.close().await;
                assert_eq!(other.stats().of("87"), 0);
                let key = piv::key(&second, 0x9a, 0x07);
                sign_once(&second, &key, RSA, b"m").await.unwrap();
            });
        },
    );
}

/// A person takes his time over the PIN, and the card is let go of meanwhile. One of the same number and label that takes
/// its place is another card: what was typed for the first is not sent to it.
#[test]
fn n122_a_card_put_in_while_the_pin_is_typed_is_not_sent_it() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin_of(&readers, false);
            for replaced in [false, true] {
                let card = readers.blank(0, &["piv"]);
                runtime().block_on(async {
                    let modules = piv::modules();
                    let token = piv::token_in_time(&modules).await;
                    let nine_a = piv::key(&token, 0x9a, 0x07);
                    let other = || {
                        drop(card);
                        wait_until_empty(YUBIKEY);
                        swap(&readers);
                        let other = readers.blank(0, &["piv"]);
                        wait_until_present(YUBIKEY);
                        other
                    };
                    let (outcome, other) = if replaced {
                        let (known, mut typed) = std::io::pipe().unwrap();
                        let typing = async move {
                            // The line is waited for by then, or the card was looked at before.
                            tokio::time::sleep(Duration::from_millis(500)).await;
                            let other = other();
                            typed.write_all(b"123456\n").unwrap();
                            other
                        };
                        tokio::join!(token.change_pin(known.into(), lines("246810\n")), typing)
                    } else {
                        let mut session = token.open(&nine_a).await.unwrap();
                        // A second: then other programs may have it.
                        let until_it_is_free = Duration::from_millis(1500);
                        tokio::time::sleep(until_it_is_free).await;
                        let other = other();
                        session.attach_pin_pipe(lines("123456\n123456\n")).await.unwrap();
                        let outcome = session.login().await;
                        session.close().await;
                        (outcome, other)
                    };
                    assert!(
                        matches!(outcome, Err(LoginError::Token(TokenError::Removed))),
                        "{replaced}: {outcome:?}"
                    );
                    let stats = other.stats();
                    for instruction in ["20", "24", "87"] {
                        assert_eq!(stats.of(instruction), 0, "{replaced}: {stats:?}");
                    }
                    // Both are of one number, and each is a token for whoever asks now.
                    piv::sign_once(&modules, 0x9a).await.unwrap();
                });
                wait_until_empty(YUBIKEY);
                swap(&readers);
            }
        },
    );
}

/// Two cards of one number and label, of which one has another key and certificate in 9A: each is a token, and signs with
/// the key of the certificate that it shows.
#[test]
fn n122_two_cards_of_one_number_are_two_tokens() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin_of(&readers, false);
            let _cards = [0, 1].map(|index| readers.blank(index, &["piv"]));
            wait_until_present(YUBIKEY);
            wait_until_present(SECOND);
            let judge = Judge {
                folder: &readers.path(""),
            };
            for modules in [piv::modules(), modules(&[opensc()])] {
                runtime().block_on(async {
                    let until = std::time::Instant::now() + Duration::from_secs(20);
                    let mut found = Vec::new();
                    while found.len() < 2 && std::time::Instant::now() < until {
                        found = modules.look().await.tokens;
                    }
                    let ids: Vec<_> = found.iter().map(|token| token.entry().id.clone()).collect();
                    assert_eq!(found.len(), 2, "{ids:?}");
                    assert_eq!(ids[0].serial, ids[1].serial);
                    assert_ne!(ids[0], ids[1]);
                    let mut keys = Vec::new();
                    for token in &found {
                        let held = token.certificates().await.unwrap();
                        let nine_a = held
                            .iter()
                            .find(|held| {
                                let id = &held.key.as_ref().unwrap().id;
                                *id == [1] || *id == [0x9a, 7]
                            })
                            .unwrap();
                        let key = nine_a.key.clone().unwrap();
                        let signed = sign_once(token, &key, RSA, b"m").await.unwrap();
                        judge.verify(&judge.key_of(nine_a), RSA, b"m", &signed);
                        keys.push(nine_a.certificate.public_key_der().to_vec());
                    }
                    assert_ne!(keys[0], keys[1]);
                });
            }
        },
    );
}

/// A page that was shown the card's certificate as soon as there is one, and its request for a signature by that.
fn page_with_certificate(daemon: &Daemon) -> (Page, Value) {
    let mut page = Page::over_websocket(daemon);
    page.hello();
    let mut shared = Value::Null;
    wait_until("the card is there", || {
        shared = page.call("certificates", &json!({}))["result"]["sha256"].clone();
        shared.is_string()
    });
    let wanted = json!({ "certificate": shared, "hash": "SHA-256", "digest": DIGEST });
    (page, wanted)
}

/// A page named the certificate of a card that is not there, while one that looks like it is: it gets nothing, and nobody
/// is asked. With both there, in whichever reader, the one that it named signs.
#[test]
fn n122_a_page_gets_signatures_of_the_certificate_that_it_named_and_of_no_other() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin(&readers);
            let first = readers.blank(0, &["piv"]);
            let desk = Desk::new();
            allow(&desk, PORTAL, &["certificates", "sign", "blind_digest"]);
            let answer = format!(
                "[[answer]]\ndecision = \"approve\"\ncertificate = \"9a\"\npins = [{CARD_PIN:?}]\nrepeat = true\n"
            );
            let daemon = Daemon::start(&desk, &answer);
            let (mut page, wanted) = page_with_certificate(&daemon);
            assert!(page.call("sign_digest", &wanted)["result"].is_object());
            drop(first);
            wait_until_empty(YUBIKEY);
            swap(&readers);
            let second = readers.blank(0, &["piv"]);
            wait_until_present(YUBIKEY);
            let before = record(&desk, 1).len();
            assert_eq!(code(&page.call("sign_digest", &wanted)), "certificate_not_found");
            assert_eq!(second.stats().of("87"), 0);
            assert_eq!(record(&desk, before).len(), before, "nobody was asked");
            let first = readers.blank(1, &["piv"]);
            wait_until_present(SECOND);
            let judge = Judge {
                folder: &readers.path(""),
            };
            let mut signed = Value::Null;
            wait_until("the card is found in the other reader", || {
                signed = page.call("sign_digest", &wanted)["result"].clone();
                signed.is_object()
            });
            let raw = STANDARD.decode(signed["signature"].as_str().unwrap()).unwrap();
            judge.verify(&public_key("9a"), RSA, b"", &raw);
            assert_eq!((first.stats().of("87") > 0, second.stats().of("87")), (true, 0));
        },
    );
}

/// A wrong PIN, or a second signature in 9C, has the person type once more, and the card is let go of meanwhile. Whoever
/// looks then works with what is in the reader by that time: what is typed next was typed for the card of before.
#[test]
fn n122_a_card_that_was_looked_at_while_the_pin_was_typed_again_is_not_sent_it() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin_of(&readers, false);
            for (slot, look) in [(0x9a, "look"), (0x9a, "survey"), (0x9a, "pin"), (0x9c, "look")] {
                let card = readers.blank(0, &["piv"]);
                runtime().block_on(async {
                    let modules = piv::modules();
                    // Every round begins with all tries.
                    piv::sign_once(&modules, 0x9a).await.unwrap();
                    let token = piv::token_in_time(&modules).await;
                    let mut session = token.open(&piv::key(&token, slot, 0x07)).await.unwrap();
                    let first = if slot == 0x9a { "111111" } else { CARD_PIN };
                    let pins = format!("{first}\n222222\n333333\n");
                    session.attach_pin_pipe(lines(&pins)).await.unwrap();
                    let mut outcome = session.login().await;
                    if slot == 0x9c {
                        outcome.unwrap();
                        session.sign(&signable(RSA, b"m"), false).await.unwrap();
                        outcome = session.sign(&signable(RSA, b"m"), false).await.map(drop);
                    }
                    assert!(
                        matches!(outcome, Err(LoginError::Incorrect { .. } | LoginError::NoPin)),
                        "{slot:x}, {look}: {outcome:?}"
                    );
                    let _other = exchange(&readers, card);
                    match look {
                        "look" => drop(piv::token_in_time(&modules).await),
                        "survey" => drop(modules.survey().await),
                        _ => drop(token.pin().await),
                    }
                    let outcome = match slot {
                        0x9a => session.login().await,
                        _ => session.sign(&signable(RSA, b"m"), true).await.map(drop),
                    };
                    session.close().await;
                    let left = piv::tries_left(&readers);
                    assert_eq!(left, 3, "{slot:x}, {look}: it got a PIN: {outcome:?}");
                    assert!(
                        matches!(outcome, Err(LoginError::Token(TokenError::Removed))),
                        "{slot:x}, {look}: {outcome:?}"
                    );
                    piv::sign_once(&modules, 0x9a).await.unwrap();
                });
                wait_until_empty(YUBIKEY);
                swap(&readers);
            }
        },
    );
}

/// A page has asked, and the person takes his time over the question. A card of the same number that is put in meanwhile
/// is not the one that shows the certificate he agreed to; the same card may have been away.
fn a_page_waits_for_a_pin(with_opensc: bool) {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin_of(&readers, false);
            let mut card = readers.blank(0, &["piv"]);
            let desk = if with_opensc {
                desk_with_opensc()
            } else {
                let desk = Desk::new();
                leave_time_to_answer(&desk);
                desk
            };
            allow(&desk, PORTAL, &["certificates", "sign", "blind_digest"]);
            // Where the prompt reads the PIN it waits until somebody has typed.
            let typed = desk.path("typed");
            succeed(Command::new("mkfifo").arg(&typed));
            let approve = "decision = \"approve\"\ncertificate = \"9a\"\nrepeat = true\n";
            let script = format!(
                "[[answer]]\nkind = \"share_certificate\"\n{approve}[[answer]]\n{approve}pin_file = {typed:?}\n"
            );
            let daemon = Daemon::start(&desk, &script);
            let (mut page, wanted) = page_with_certificate(&daemon);
            for (exchanged, pin) in [(false, CARD_PIN), (true, "222222")] {
                let asked = page.ask("sign_digest", &wanted);
                let mut person = None;
                wait_until("the person is asked", || {
                    let nobody_waits = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
                    let mut open = std::fs::File::options();
                    person = open.write(true).custom_flags(nobody_waits).open(&typed).ok();
                    person.is_some()
                });
                card = if exchanged {
                    exchange(&readers, card)
                } else {
                    card.eject();
                    wait_until_empty(YUBIKEY);
                    card.insert();
                    wait_until_present(YUBIKEY);
                    card
                };
                writeln!(person.unwrap(), "{pin}").unwrap();
                let reply = page.reply(asked);
                if exchanged {
                    let left = piv::tries_left(&readers);
                    assert_eq!(left, 3, "it got a PIN: {reply}");
                    assert_eq!(code(&reply), "token_removed", "{reply}");
                    assert_eq!(card.stats().of("87"), 0);
                } else {
                    assert!(reply["result"].is_object(), "{reply}");
                }
            }
        },
    );
}

#[test]
fn n122_a_card_put_in_while_a_page_s_question_is_open_is_not_sent_the_pin() {
    a_page_waits_for_a_pin(false);
}

#[test]
fn n122_opensc_a_card_put_in_while_a_page_s_question_is_open_is_not_sent_the_pin() {
    a_page_waits_for_a_pin(true);
}

/// Whoever asks for a card that has gone, or goes on with a session of before, is told so. The session that somebody else
/// has with the card that is there goes on, and ends with its own logout.
#[test]
fn n120_a_request_about_a_card_that_has_gone_leaves_the_next_one_to_whoever_has_it() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin(&readers);
            let card = readers.blank(0, &["piv"]);
            runtime().block_on(async {
                let modules = piv::modules();
                let gone = piv::token_in_time(&modules).await;
                let mut before = logged_in(&gone, &piv::key(&gone, 0x9a, 0x07)).await.unwrap();
                let _other = exchange(&readers, card);
                let lost = before.sign(&signable(RSA, b"m"), false).await;
                assert!(
                    matches!(lost, Err(LoginError::Token(TokenError::Removed))),
                    "{lost:?}"
                );
                let token = token_in_time(&modules, |entry| entry.id != gone.entry().id).await;
                let mut session = logged_in(&token, &piv::key(&token, 0x9a, 0x07)).await.unwrap();
                assert!(before.sign(&signable(RSA, b"m"), true).await.is_err());
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                assert!(gone.anew().await.is_err());
                assert!(gone.certificates().await.is_err());
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                before.close().await;
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                session.close().await;
                assert_eq!(piv::tries_left(&readers), 3, "nobody is let in any more");
            });
        },
    );
}

/// Other makers' modules find a card by what it is called, or where it was: one of the same number and label that is put
/// in while the PIN is typed is found as well, above all when somebody looks.
#[test]
fn n122_modules_a_card_put_in_while_the_pin_is_typed_is_not_sent_it() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin_of(&readers, false);
            for (module, way) in [opensc(), ykcs11()].into_iter().flat_map(|module| {
                let ways = ["login", "looked at", "change", "change typed before", "unblock"];
                ways.map(|way| (module.clone(), way))
            }) {
                let card = readers.blank(0, &["piv"]);
                let named = format!("{}, {way}", module.name);
                runtime().block_on(async {
                    let modules = modules(&[module]);
                    let token = token_in_time(&modules, ready).await;
                    let (outcome, _other) = if way == "change" {
                        let (known, mut typed) = std::io::pipe().unwrap();
                        let typing = async {
                            // The line is waited for by then, or the card is found by its name.
                            tokio::time::sleep(Duration::from_millis(500)).await;
                            let other = exchange(&readers, card);
                            typed.write_all(b"222222\n").unwrap();
                            other
                        };
                        tokio::join!(token.change_pin(known.into(), lines("246810\n")), typing)
                    } else if matches!(way, "change typed before" | "unblock") {
                        // As at the shell, where both lines are there when the module is called.
                        token.pin().await.unwrap();
                        let other = exchange(&readers, card);
                        let (known, new) = (lines("222222\n"), lines("246810\n"));
                        let outcome = match way {
                            "unblock" => token.unblock(known, new).await,
                            _ => token.change_pin(known, new).await,
                        };
                        let stats = other.stats();
                        assert_eq!((stats.of("24"), stats.of("2c")), (0, 0), "{named}: {stats:?}");
                        (outcome, other)
                    } else {
                        let mut session = token.open(&key(&token, &[1])).await.unwrap();
                        let other = exchange(&readers, card);
                        if way == "looked at" {
                            token_in_time(&modules, ready).await;
                        }
                        session.attach_pin_pipe(lines("222222\n")).await.unwrap();
                        let outcome = session.login().await;
                        session.close().await;
                        (outcome, other)
                    };
                    let left = piv::tries_left(&readers);
                    assert_eq!(left, 3, "{named}: it got a PIN: {outcome:?}");
                    assert!(
                        matches!(outcome, Err(LoginError::Token(TokenError::Removed))),
                        "{named}: {outcome:?}"
                    );
                    let token = token_in_time(&modules, ready).await;
                    sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
                });
                wait_until_empty(YUBIKEY);
                swap(&readers);
            }
        },
    );
}

/// Of two cards of the same names a module says only where each is. When they have changed places, neither is taken for
/// the other.
#[test]
fn n122_modules_two_cards_of_one_name_that_change_places_are_not_taken_for_one_another() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            twin_of(&readers, false);
            let put_in = || {
                let cards = [0, 1].map(|index| readers.blank(index, &["piv"]));
                wait_until_present(YUBIKEY);
                wait_until_present(SECOND);
                cards
            };
            let cards = put_in();
            runtime().block_on(async {
                let modules = modules(&[opensc()]);
                let until = std::time::Instant::now() + Duration::from_secs(20);
                let mut found = Vec::new();
                while found.len() < 2 && std::time::Instant::now() < until {
                    found = modules.survey().await.tokens;
                }
                assert_eq!(found.len(), 2);
                let mut keys = Vec::new();
                for token in &found {
                    let held = token.certificates().await.unwrap();
                    let mut held = held.into_iter().filter_map(|held| held.key);
                    keys.push(held.find(|key| key.id == [1]).unwrap());
                }
                drop(cards);
                wait_until_empty(YUBIKEY);
                wait_until_empty(SECOND);
                swap(&readers);
                let _cards = put_in();
                token_in_time(&modules, ready).await;
                for (token, key) in found.iter().zip(&keys) {
                    let opened = logged_in_with(token, key, "222222\n").await;
                    assert!(
                        matches!(opened, Err(LoginError::Token(TokenError::Removed))),
                        "{:?}",
                        opened.err()
                    );
                }
                for reader in ["0", "1"] {
                    let said = readers.run(
                        "opensc-tool",
                        &[
                            "-r",
                            reader,
                            "-s",
                            "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00",
                            "-s",
                            "00:20:00:80",
                        ],
                    );
                    assert!(said.contains("SW1=0x63, SW2=0xC3"), "{reader}: {said}");
                }
            });
        },
    );
}

/// Whoever still has a session with a card that has gone, and has not said so, keeps nobody from the card that is there now.
fn a_session_is_left_behind(modules: fn() -> Modules, id: &[u8]) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let modules = modules();
        runtime().block_on(async {
            for has_logged_in in [false, true] {
                let token = token_in_time(&modules, ready).await;
                let mut left = match has_logged_in {
                    true => logged_in(&token, &key(&token, id)).await.unwrap(),
                    false => token.open(&key(&token, id)).await.unwrap(),
                };
                card.eject();
                wait_until_empty(YUBIKEY);
                card.insert();
                wait_until_present(YUBIKEY);
                let until = Instant::now() + PATIENCE;
                loop {
                    let token = token_in_time(&modules, ready).await;
                    match sign_once(&token, &key(&token, id), RSA, b"m").await {
                        Ok(_) => break,
                        // A module that has not noticed says so once.
                        Err(LoginError::Token(TokenError::Removed)) if Instant::now() < until => {}
                        Err(error) => panic!("{has_logged_in}: {error:?}"),
                    }
                }
                let late = left.sign(&signable(RSA, b"m"), false).await;
                assert!(
                    late.is_err(),
                    "{has_logged_in}: nobody has typed a PIN for this card"
                );
                left.close().await;
            }
            assert_eq!(piv::tries_left(&readers), 3, "and nobody is logged in");
        });
    });
}

#[test]
fn n116_a_session_whose_card_has_gone_keeps_nobody_from_the_card_that_is_back() {
    a_session_is_left_behind(piv::modules, &[0x9a, 7]);
}

#[test]
fn n116_opensc_a_session_whose_card_has_gone_keeps_nobody_from_the_card_that_is_back() {
    a_session_is_left_behind(|| modules(&[opensc()]), &[1]);
}

#[test]
fn n116_ykcs11_a_session_whose_card_has_gone_keeps_nobody_from_the_card_that_is_back() {
    a_session_is_left_behind(|| modules(&[ykcs11()]), &[1]);
}
