//! What may go wrong between our own PIV driver and a card: pulled cards, a service that dies, mute cards, nonsense, and
//! whether anything is left behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use rustix::process::Signal;
use support::cards::piv::*;
use support::cards::{
    ReaderPlan, VirtualCard, on_proxied_readers, on_readers, wait_until, wait_until_empty, wait_until_present,
};
use trien::tokens::{Deadlines, LoginError, ModuleToken, Token, TokenError};

/// When the card goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// In the command that asks how many tries there are.
    InTheCount,
    /// In the command with the PIN.
    InThePin,
    BetweenPinAndSignature,
    /// The same, and it is back before the signature.
    AndBack,
    InTheSignature,
}

/// Pulls the card, fifty times, and has it put back. Of VERIFY the card gets no more than `verifies`.
fn pulled(moment: Moment, verifies: u64) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            for round in 0..50 {
                let token = token_in_time(&modules).await;
                card.order("reset-stats");
                let error = lost(&card, &token, moment).await;
                assert!(
                    matches!(error, LoginError::Token(TokenError::Removed)),
                    "{moment:?}, round {round}: {error:?}"
                );
                let stats = card.stats();
                assert_eq!(stats.of("20"), verifies, "{moment:?}, round {round}: {stats:?}");
                let signed = u64::from(moment == Moment::InTheSignature);
                assert_eq!(stats.of("87"), signed, "{moment:?}, round {round}: {stats:?}");
            }
            sign_once(&modules, 0x9a).await.unwrap();
            assert_eq!(tries_left(&readers), 3);
        });
    });
}

/// One session whose card goes at that moment, and is back in its reader in the end: how it failed. There are more lines
/// in the pipe than are wanted: nothing but the driver keeps them from the card.
async fn lost(card: &VirtualCard, token: &ModuleToken, moment: Moment) -> LoginError {
    let back = || {
        wait_until_empty(YUBIKEY);
        card.insert();
        wait_until_present(YUBIKEY);
    };
    if moment == Moment::InTheCount {
        card.order("drop 20");
    }
    let mut session = match token.open(&key(token, 0x9a, 0x07)).await {
        Ok(session) => session,
        Err(error) => {
            back();
            return error.into();
        }
    };
    session
        .attach_pin_pipe(lines("123456\n123456\n123456\n"))
        .await
        .unwrap();
    if moment == Moment::InThePin {
        card.order("drop 20");
    }
    let mut outcome = session.login().await;
    if moment != Moment::InThePin {
        outcome.unwrap();
        match moment {
            Moment::InTheSignature => card.order("drop 87"),
            _ => {
                card.eject();
                wait_until_empty(YUBIKEY);
            }
        }
        if moment == Moment::AndBack {
            back();
        }
        outcome = session.sign(&signable(RSA, b"x"), false).await.map(drop);
    }
    if moment != Moment::AndBack {
        back();
    }
    // The card is there, but nobody has typed a PIN for it.
    for typed in [false, true] {
        let again = session.sign(&signable(RSA, b"x"), typed).await;
        assert!(again.is_err(), "{moment:?}: {again:?}");
    }
    session.close().await;
    outcome.unwrap_err()
}

#[test]
fn n116_a_card_pulled_between_pin_and_signature_wants_a_new_pin() {
    // One that spends no try, one with the PIN.
    pulled(Moment::BetweenPinAndSignature, 2);
}

#[test]
fn n116_a_card_pulled_after_the_pin_and_back_before_the_signature_wants_a_new_pin() {
    pulled(Moment::AndBack, 2);
}

#[test]
fn n115_a_card_pulled_in_the_middle_of_the_signature_is_sent_nothing_more() {
    pulled(Moment::InTheSignature, 2);
}

#[test]
fn n115_a_card_pulled_in_the_middle_of_the_pin_spends_no_second_try() {
    pulled(Moment::InThePin, 2);
}

#[test]
fn n115_a_card_pulled_while_its_tries_are_asked_for_is_sent_no_pin() {
    pulled(Moment::InTheCount, 1);
}

/// At a reader with a pad the person has typed, and the card goes while the reader sends it the PIN; or the reader itself
/// goes while he types.
#[test]
fn n115_a_card_pulled_while_the_reader_sends_the_pin_spends_no_second_try() {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            for round in 0..50 {
                let token = token_in_time(&modules).await;
                let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
                readers.order(0, "forget");
                let asked: u32 = readers.order(0, "asked").parse().unwrap();
                card.order("reset-stats");
                card.order("drop 20");
                readers.order(0, "pin 123456");
                readers.order(0, "pin 123456");
                let lost = session.login().await;
                assert!(
                    matches!(lost, Err(LoginError::Token(TokenError::Removed))),
                    "round {round}: {lost:?}"
                );
                wait_until_empty(YUBIKEY);
                card.insert();
                wait_until_present(YUBIKEY);
                for typed in [false, true] {
                    assert!(
                        session.sign(&signable(RSA, b"x"), typed).await.is_err(),
                        "round {round}"
                    );
                }
                session.close().await;
                assert_eq!(
                    readers.order(0, "asked"),
                    (asked + 1).to_string(),
                    "round {round}"
                );
                assert_eq!(card.stats().of("20"), 1, "round {round}");
            }
            readers.order(0, "forget");
            let token = token_in_time(&modules).await;
            let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
            let asked = || readers.order(0, "asked").parse::<u32>().unwrap();
            let before = asked();
            let typing = tokio::spawn(async move { (session.login().await, session) });
            wait_until("the reader asks", || asked() > before);
            card.eject();
            readers.order(0, "cancel");
            let (cancelled, session) = typing.await.unwrap();
            assert!(
                matches!(
                    cancelled,
                    Err(LoginError::NoPin | LoginError::Token(TokenError::Removed))
                ),
                "{cancelled:?}"
            );
            session.close().await;
        });
    });
}

/// The reader goes with the card in it, while the card is at a command: its driver has nobody to speak to any more, or the
/// service does not know it any more.
#[test]
fn n115_a_reader_unplugged_in_the_middle_of_pin_or_signature_takes_the_token_with_it() {
    on_proxied_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            for instruction in ["20", "87"] {
                for known in [true, false] {
                    let token = token_in_time(&modules).await;
                    let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
                    session.attach_pin_pipe(lines("123456\n123456\n")).await.unwrap();
                    card.order("reset-stats");
                    card.order(&format!("hold {instruction}"));
                    if known {
                        card.order(&format!("drop {instruction}"));
                    }
                    let working = tokio::spawn(async move {
                        let mut outcome = session.login().await;
                        if outcome.is_ok() {
                            outcome = session.sign(&signable(RSA, b"x"), false).await.map(drop);
                        }
                        (session, outcome)
                    });
                    wait_until("the card is at it", || card.stats().of(instruction) > 0);
                    if known {
                        assert_eq!(readers.order(0, "gone"), "ok");
                    } else {
                        readers.proxy(&format!("unplug {YUBIKEY}"));
                    }
                    card.order("release");
                    let (mut session, outcome) = working.await.unwrap();
                    card.order("clear");
                    let named = format!("{instruction}, {known}: {outcome:?}");
                    // What the card was at is done where only the service has lost its reader.
                    let may_be_done = !known && instruction == "87" && outcome.is_ok();
                    let removed = matches!(outcome, Err(LoginError::Token(TokenError::Removed)));
                    assert!(removed || may_be_done, "{named}");
                    let again = session.sign(&signable(RSA, b"x"), true).await;
                    assert!(
                        matches!(again, Err(LoginError::Token(TokenError::Removed))),
                        "{named}, then {again:?}"
                    );
                    assert_eq!(card.stats().of("20"), 1, "{named}");
                    if known {
                        assert_eq!(readers.order(0, "back"), "ok");
                        wait_until_empty(YUBIKEY);
                        card.insert();
                    } else {
                        readers.proxy(&format!("plug {YUBIKEY}"));
                        // pcscd ends the transaction of a reader that goes; the proxy cannot, but by its connection.
                        readers.proxy("crash");
                    }
                    // The reader is back, and nobody has typed a PIN for what is in it.
                    assert!(session.sign(&signable(RSA, b"x"), true).await.is_err(), "{named}");
                    session.close().await;
                    assert_eq!(card.stats().of("20"), 1, "{named}");
                    sign_once(&modules, 0x9a).await.unwrap();
                }
            }
            assert_eq!(tries_left(&readers), 3);
        });
    });
}

#[test]
fn the_service_may_die_twenty_times_while_signatures_are_made() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |mut readers| {
        let card = readers.piv(0);
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let made = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let (wanted, counted) = (stop.clone(), made.clone());
        let load = std::thread::spawn(move || {
            runtime().block_on(async {
                let modules = modules();
                while !wanted.load(std::sync::atomic::Ordering::Relaxed) {
                    let Some(token) = modules.look().await.tokens.pop() else {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        continue;
                    };
                    if let Ok(mut session) = logged_in(&token, &key(&token, 0x9a, 0x07)).await {
                        for _ in 0..5 {
                            if session.sign(&signable(RSA, b"x"), false).await.is_ok() {
                                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            }
                        }
                        session.close().await;
                    }
                }
            });
        });
        let count = || made.load(std::sync::atomic::Ordering::Relaxed);
        for round in 0..20 {
            let before = count();
            wait_until("signatures are made again", || count() > before + 1);
            readers.stop_service(if round % 2 == 0 {
                Signal::KILL
            } else {
                Signal::TERM
            });
            readers.start_service();
        }
        let before = count();
        wait_until("signatures are made in the end", || count() > before);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        load.join().unwrap();
        assert_eq!(tries_left(&readers), 3);
        drop(card);
    });
}

/// Another program waits for an answer of a mute card: whoever connects meanwhile waits with it, until the card is pulled.
/// Our driver waits for its deadline, and finds the card that is put in again.
#[test]
fn a_card_that_is_mute_to_another_program_costs_one_deadline_and_comes_back() {
    const SELECT: &[u8] = &[0, 0xa4, 4, 0, 9, 0xa0, 0, 0, 3, 8, 0, 0, 0x10, 0];
    let connect = || {
        let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
        let reader = context.list_readers_owned().unwrap().remove(0);
        context.connect(&reader, pcsc::ShareMode::Shared, pcsc::Protocols::ANY)
    };
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        card.order("mute a4");
        card.order("reset-stats");
        let other = connect().unwrap();
        let waiting = std::thread::spawn(move || {
            let mut room = [0; pcsc::MAX_BUFFER_SIZE];
            let answered = other.transmit(SELECT, &mut room).map(<[u8]>::len);
            // A reset of the card that goes would have pcscd call the reader silent.
            let _ = other.disconnect(pcsc::Disposition::LeaveCard);
            answered
        });
        wait_until("the card is asked", || card.stats().of("a4") > 0);
        let second = std::thread::spawn(move || connect().err());
        runtime().block_on(async {
            let modules = modules_within(Deadlines::default());
            // Whoever waited without an end would wait until the card is pulled, below.
            let sight = modules.look().await;
            assert!(sight.tokens.is_empty());
            let [(_, error)] = &sight.failures[..] else {
                panic!("{:?}", sight.failures);
            };
            assert!(
                matches!(error, TokenError::Hung { .. } | TokenError::Held { .. }),
                "{error:?}"
            );
            assert!(!waiting.is_finished() && !second.is_finished(), "they wait");
            card.eject();
            let _ = waiting.join().unwrap();
            // pcscd answers by who is first: the connection that waited, or its own watch that sees the card go.
            let connected = second.join().unwrap();
            assert!(
                matches!(
                    connected,
                    None | Some(
                        pcsc::Error::ProtoMismatch | pcsc::Error::NoSmartcard | pcsc::Error::RemovedCard
                    )
                ),
                "{connected:?}"
            );
            wait_until_empty(YUBIKEY);
            card.insert();
            sign_once(&modules, 0x9a).await.unwrap();
        });
    });
}

#[test]
fn a_mute_card_costs_one_deadline_and_comes_back() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let deadlines = Deadlines {
                sign: Duration::from_secs(5),
                ..Deadlines::default()
            };
            let modules = modules_within(deadlines);
            let token = only_token(&modules).await;
            let mut session = logged_in(&token, &key(&token, 0x9a, 0x07)).await.unwrap();
            card.order("mute 87");
            let hung = session.sign(&signable(RSA, b"x"), false).await;
            assert!(
                matches!(hung, Err(LoginError::Token(TokenError::Hung { seconds: ..=5 }))),
                "{hung:?}"
            );
            card.eject();
            wait_until_empty(YUBIKEY);
            card.insert();
            session.close().await;
            sign_once(&modules, 0x9a).await.unwrap();
        });
    });
}

/// A card that answers after its deadline: whoever asked has gone. Nothing is left of what it did then, no session that
/// keeps others out and no PIN that lets them in, though nobody pulls it.
#[test]
fn n120_a_card_that_answers_too_late_is_let_go_of_and_has_forgotten_the_pin() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules_within(Deadlines {
                sign: Duration::from_secs(5),
                reader: Duration::from_secs(5),
                login: Duration::from_secs(5),
                ..Deadlines::default()
            });
            // VERIFY is the login's, GENERAL AUTHENTICATE the signature's.
            for late in ["20", "87"] {
                let token = token_in_time(&modules).await;
                let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
                session.attach_pin_pipe(lines("123456\n")).await.unwrap();
                card.order("reset-stats");
                card.order(&format!("hold {late}"));
                let mut outcome = session.login().await;
                if late == "87" {
                    outcome.unwrap();
                    outcome = session.sign(&signable(RSA, b"x"), false).await.map(drop);
                }
                assert!(
                    matches!(outcome, Err(LoginError::Token(TokenError::Hung { .. }))),
                    "{late}: {outcome:?}"
                );
                session.close().await;
                // It answers now.
                card.order("release");
                assert_eq!(tries_left(&readers), 3, "{late}: nobody is let in by it");
                sign_once(&modules, 0x9a)
                    .await
                    .unwrap_or_else(|error| panic!("{late}: {error:?}"));
            }
        });
    });
}

/// A slot that wants the PIN before each signature, and says so only then (6982): the person is asked, each PIN that is typed
/// is one try, and where the card still refuses that is an error.
#[test]
fn n105_a_slot_that_wants_the_pin_each_time_and_does_not_say_so_has_it_asked_for() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let token = token_in_time(&modules()).await;
            for (refusals, signs) in [(1, true), (9, false)] {
                let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
                let pins = "123456\n".repeat(3);
                session.attach_pin_pipe(lines(&pins)).await.unwrap();
                session.login().await.unwrap();
                card.order(&format!("sw 87 6982 {refusals}"));
                let unasked = session.sign(&signable(RSA, b"message"), false).await;
                assert!(matches!(unasked, Err(LoginError::NoPin)), "{unasked:?}");
                card.order("reset-stats");
                let typed = session.sign(&signable(RSA, b"message"), true).await;
                match signs {
                    true => judge(&readers, "9a", RSA, b"message", &typed.unwrap()),
                    false => {
                        let refused = matches!(typed, Err(LoginError::Token(_)));
                        assert!(refused, "{typed:?}");
                        // How many tries are left, and the one PIN.
                        assert!(card.stats().of("20") <= 3, "{:?}", card.stats());
                        assert_eq!(card.stats().of("87"), 1, "{:?}", card.stats());
                    }
                }
                card.order("clear");
                session.close().await;
                assert_eq!(
                    tries_left(&readers),
                    3,
                    "each that was typed was right, and we have logged out"
                );
            }
        });
    });
}

#[test]
fn n118_a_card_that_answers_nonsense_costs_one_error() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let garbage = "7fffffffffff9000";
            for answer in [
                "-",
                "90",
                "6100",
                "6c00",
                garbage,
                "7c8201ff9000",
                "7c0382010090ff9000",
                "9000",
            ] {
                card.order("clear");
                card.order(&format!("answer 87 {answer} 3"));
                let mut session = logged_in(&token, &key(&token, 0x9a, 0x07)).await.unwrap();
                let answered = session.sign(&signable(RSA, b"x"), false).await;
                assert!(answered.is_err(), "{answer}: {answered:?}");
                session.close().await;
                card.order("clear");
                assert_eq!(tries_left(&readers), 3, "{answer}: nobody is let in any more");
            }
            // More to come, and again, and never an end: of an answer, and of the length that is wanted.
            for (first, then) in [("6100", "6100"), ("61ff", "61ff"), ("6c10", "6c10")] {
                card.order(&format!("answer 87 {first} 100000"));
                card.order(&format!("answer c0 {then} 100000"));
                card.order("reset-stats");
                let mut session = logged_in(&token, &key(&token, 0x9a, 0x07)).await.unwrap();
                let answered = session.sign(&signable(RSA, b"x"), false).await;
                let Err(LoginError::Token(error)) = &answered else {
                    panic!("{first}: {answered:?}");
                };
                assert!(
                    !matches!(error, TokenError::Hung { .. } | TokenError::Crashed),
                    "{first}: {error:?}"
                );
                session.close().await;
                let sent = card.stats().apdus;
                assert!(sent < 2000, "{first}: {sent}");
                card.order("clear");
                assert_eq!(tries_left(&readers), 3, "{first}: nobody is let in any more");
            }
            // A PIN that is answered with nonsense is sent once.
            for answer in ["-", "90", "6c00", "6c08", "6f00", "6581"] {
                let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
                session.attach_pin_pipe(lines("123456\n123456\n")).await.unwrap();
                card.order("reset-stats");
                card.order(&format!("answer 20 {answer} 3"));
                let answered = session.login().await;
                assert!(answered.is_err(), "{answer}: {answered:?}");
                assert_eq!(card.stats().of("20"), 1, "{answer}: {:?}", card.stats());
                session.close().await;
                card.order("clear");
            }
            for answer in ["-", "6100", "6c00", garbage, "53820fff709000"] {
                card.order(&format!("answer cb {answer} 100000"));
                card.order("reset-stats");
                let sight = modules_within(Deadlines::default()).look().await;
                // One card: it is a token that shows nothing, or it is told what is wrong with it.
                let (tokens, failures) = (sight.tokens, sight.failures);
                assert_eq!(tokens.len() + failures.len(), 1, "{answer}: {failures:?}");
                for token in &tokens {
                    let shown = token.certificates().await;
                    assert!(shown.as_ref().map_or(true, Vec::is_empty), "{answer}: {shown:?}");
                }
                for (module, error) in &failures {
                    assert_eq!(module, "piv");
                    assert!(
                        !matches!(error, TokenError::Hung { .. } | TokenError::Crashed),
                        "{answer}: {error:?}"
                    );
                }
                assert!(card.stats().apdus < 2000, "{answer}: {:?}", card.stats());
                card.order("clear");
            }
            sign_once(&modules, 0x9a).await.unwrap();
        });
    });
}
