//! What may go wrong between our own PIV driver and a card: pulled cards, a service that dies, mute cards, nonsense, and
//! whether anything is left behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::cards::piv::*;
use support::cards::{ReaderPlan, on_readers, wait_until, wait_until_empty};
use trien::tokens::{Deadlines, LoginError, TokenError};

/// Pulls the card in the middle of a command, fifty times, and has it put back.
fn pulled(instruction: &str, verifies: u64) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            for round in 0..50 {
                let token = token_in_time(&modules).await;
                card.order("reset-stats");
                card.order(&format!("drop {instruction}"));
                let lost = logged_in(&token, &key(&token, 0x9a, 0x07)).await;
                let error = match lost {
                    Ok(mut session) => {
                        let first = session.sign(&signable(RSA, b"x"), false).await.unwrap_err();
                        wait_until_empty(YUBIKEY);
                        card.insert();
                        // The card is back, but nobody has typed a PIN for it.
                        let again = session.sign(&signable(RSA, b"x"), false).await;
                        assert!(again.is_err(), "round {round}");
                        session.close().await;
                        first
                    }
                    Err(error @ LoginError::Token(_)) => {
                        wait_until_empty(YUBIKEY);
                        card.insert();
                        error
                    }
                    Err(other) => panic!("round {round}: {other:?}"),
                };
                assert!(
                    matches!(error, LoginError::Token(TokenError::Removed)),
                    "round {round}: {error:?}"
                );
                let stats = card.stats();
                assert!(
                    stats.of("20") <= verifies,
                    "round {round}: a second VERIFY: {stats:?}"
                );
            }
            sign_once(&modules, 0x9a).await.unwrap();
            assert_eq!(tries_left(&readers), 3);
        });
    });
}

#[test]
fn n116_a_card_pulled_between_pin_and_signature_wants_a_new_pin() {
    // One that spends no try, one with the PIN.
    pulled("87", 2);
}

#[test]
fn n115_a_card_pulled_in_the_middle_of_the_pin_spends_no_second_try() {
    // The first VERIFY is the empty one: it is that which is cut off, then.
    pulled("20", 1);
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

#[test]
fn a_mute_card_costs_one_deadline_and_comes_back() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let deadlines = Deadlines {
                sign: Duration::from_millis(600),
                enumerate: Duration::from_millis(900),
                ..Deadlines::default()
            };
            let modules = modules_within(deadlines);
            let token = only_token(&modules).await;
            let mut session = logged_in(&token, &key(&token, 0x9a, 0x07)).await.unwrap();
            card.order("mute 87");
            let began = Instant::now();
            let hung = session.sign(&signable(RSA, b"x"), false).await;
            assert!(
                matches!(hung, Err(LoginError::Token(TokenError::Hung { .. }))),
                "{hung:?}"
            );
            assert!(began.elapsed() < Duration::from_secs(2));
            card.eject();
            wait_until_empty(YUBIKEY);
            card.insert();
            session.close().await;
            sign_once(&modules, 0x9a).await.unwrap();
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
            }
            card.order("clear");
            for answer in ["-", "6100", "6c00", garbage, "53820fff709000"] {
                card.order(&format!("answer cb {answer} 30"));
                let _ = modules_within(Deadlines::default()).look().await;
                card.order("clear");
            }
            sign_once(&modules, 0x9a).await.unwrap();
        });
    });
}
