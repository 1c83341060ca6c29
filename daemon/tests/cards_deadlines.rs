//! How long a card is waited for: as long as a person may take only where one types at the reader, else as long as a
//! machine should. A service that stands still costs whoever waits his own deadline, and nobody else anything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::time::Duration;

use support::cards::scene::{Judge, RSA, key, lines, opensc, runtime, sign_once, signable, token_in_time};
use support::cards::{CARD_PIN, CARD_PUK, ReaderPlan, on_readers, public_key, wait_until_empty};
use trien::tokens::{Deadlines, LoginError, Modules, Token, TokenError};

const YUBIKEY: &str = "Yubico YubiKey CCID";

/// A machine has seconds, a person minutes: which of the two was waited for shows in what is said of it.
fn deadlines() -> Deadlines {
    Deadlines {
        login: Duration::from_secs(6),
        sign: Duration::from_secs(6),
        reader: Duration::from_secs(90),
        ..Deadlines::default()
    }
}

/// What drives the card, and how it calls the keys in 9A and 9C.
struct Driver {
    modules: fn() -> Modules,
    nine_a: &'static [u8],
    nine_c: &'static [u8],
    /// It can set a PIN anew by the PUK. OpenSC has a login of the officer's before, with another key.
    unblocks: bool,
}

const OPENSC: Driver = Driver {
    modules: || Modules::new(&[opensc()], program(), deadlines()),
    nine_a: &[1],
    nine_c: &[2],
    unblocks: false,
};

const OURS: Driver = Driver {
    modules: || Modules::new(&[], program(), deadlines()).with_cards(program(), deadlines()),
    nine_a: &[0x9a, 7],
    nine_c: &[0x9c, 7],
    unblocks: true,
};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_trien"))
}

/// The card did not answer, and was waited for as for a machine.
#[track_caller]
fn is_over_soon<T: std::fmt::Debug>(outcome: Result<T, LoginError>) {
    match outcome {
        Err(LoginError::Token(TokenError::Hung { seconds })) => assert!(seconds <= 6, "{seconds} s"),
        other => panic!("{other:?}"),
    }
}

/// At a reader with a pad: a key in 9A takes one login for all its signatures, and nobody types for those.
fn nobody_types(driver: &Driver) {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = (driver.modules)();
            let token = token_in_time(&modules, |_| true).await;
            let mut session = token.open(&key(&token, driver.nine_a)).await.unwrap();
            assert!(session.pin().await.unwrap().is_at_reader());
            readers.order(0, &format!("pin {CARD_PIN}"));
            session.login().await.unwrap();
            session.sign(&signable(RSA, b"m"), false).await.unwrap();
            // GENERAL AUTHENTICATE
            card.order("mute 87");
            is_over_soon(session.sign(&signable(RSA, b"m"), false).await);
            card.eject();
            session.close().await;
        });
    });
}

#[test]
fn n097_opensc_at_a_reader_with_a_pad_has_no_persons_time_for_a_signature_for_which_nobody_types() {
    nobody_types(&OPENSC);
}

#[test]
fn n097_our_driver_at_a_reader_with_a_pad_has_no_persons_time_for_a_signature_for_which_nobody_types() {
    nobody_types(&OURS);
}

/// For a key in 9C he types before each, and has his time for that.
fn somebody_types(driver: &Driver) {
    on_readers(&[ReaderPlan::with_pad(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = (driver.modules)();
            let token = token_in_time(&modules, |_| true).await;
            let mut session = token.open(&key(&token, driver.nine_c)).await.unwrap();
            let pin = format!("pin {CARD_PIN}");
            readers.order(0, &pin);
            session.login().await.unwrap();
            // Whether the first takes the login's, each driver has its own view.
            readers.order(0, &pin);
            session.sign(&signable(RSA, b"first"), false).await.unwrap();
            readers.order(0, "forget");
            let typing = async {
                tokio::time::sleep(deadlines().sign + Duration::from_secs(2)).await;
                readers.order(0, &pin);
            };
            let second = signable(RSA, b"second");
            let (signed, ()) = tokio::join!(session.sign(&second, false), typing);
            let judge = Judge {
                folder: &readers.path(""),
            };
            judge.verify(&public_key("9c"), RSA, b"second", &signed.unwrap());
            session.close().await;
        });
    });
}

#[test]
fn opensc_at_a_reader_with_a_pad_gives_whoever_types_for_each_signature_his_time() {
    somebody_types(&OPENSC);
}

#[test]
fn our_driver_at_a_reader_with_a_pad_gives_whoever_types_for_each_signature_his_time() {
    somebody_types(&OURS);
}

/// PINs that were typed before the card is asked are no reason to wait for a person: that of a login, and those by which one
/// is set anew.
fn typed_before(driver: &Driver) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            // VERIFY, RESET RETRY COUNTER
            for instruction in ["20", "2c"] {
                if instruction == "2c" && !driver.unblocks {
                    continue;
                }
                let modules = (driver.modules)();
                let token = token_in_time(&modules, |_| true).await;
                let [right, puk, new] = [CARD_PIN, CARD_PUK, "246810"].map(|pin| lines(&format!("{pin}\n")));
                let mut session = match instruction {
                    "20" => Some(token.open(&key(&token, driver.nine_a)).await.unwrap()),
                    _ => None,
                };
                card.order(&format!("mute {instruction}"));
                match &mut session {
                    Some(session) => {
                        session.attach_pin_pipe(right).await.unwrap();
                        is_over_soon(session.login().await);
                    }
                    None => is_over_soon(token.unblock(puk, new).await),
                }
                card.eject();
                if let Some(session) = session {
                    session.close().await;
                }
                wait_until_empty(YUBIKEY);
                card.order("clear");
                card.insert();
                let token = token_in_time(&modules, |_| true).await;
                let signed = sign_once(&token, &key(&token, driver.nine_a), RSA, b"m").await;
                signed.unwrap_or_else(|error| panic!("{instruction}: {error:?}"));
            }
        });
    });
}

#[test]
fn n097_opensc_has_no_persons_time_for_a_pin_that_has_been_typed() {
    typed_before(&OPENSC);
}

#[test]
fn n097_our_driver_has_no_persons_time_for_a_pin_that_has_been_typed() {
    typed_before(&OURS);
}
