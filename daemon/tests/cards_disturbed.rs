//! What others do to a card, its reader or its service while a vendor's module works with it: what the person must do is
//! said, and everything is found again by itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use rustix::process::Signal;
use support::cards::piv::{self, YUBIKEY};
use support::cards::scene::{
    RSA, key, logged_in, modules, opensc, runtime, sign_once, signable, token_in_time, ykcs11,
};
use support::cards::{CARD_PIN, Holder, OPENSC, ReaderPlan, on_proxied_readers, on_readers};
use support::succeed;
use trien::config::ModuleConfig;
use trien::tokens::{Deadlines, LoginError, TokenEntry, TokenError, TokenSource};

fn ready(entry: &TokenEntry) -> bool {
    entry.initialized
}

#[test]
fn a_card_that_another_program_resets_wants_its_pin_again_or_the_module_has_kept_it() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            for module in [opensc(), ykcs11()] {
                let name = module.name.clone();
                let modules = modules(&[module]);
                let token = token_in_time(&modules, ready).await;
                let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                readers.run("opensc-tool", &["--reset"]);
                let after = session.sign(&signable(RSA, b"m"), false).await;
                match name.as_str() {
                    "opensc" => assert!(matches!(after, Err(LoginError::NoPin)), "{after:?}"),
                    // Yubico's verifies the PIN of the login once more.
                    _ => drop(after.unwrap()),
                }
                session.close().await;
                sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
            }
            // Our own driver has the card in a transaction as long as a PIN is verified; before, it begins anew.
            let driver = piv::modules();
            piv::token_in_time(&driver).await;
            readers.run("opensc-tool", &["--reset"]);
            piv::sign_once(&driver, 0x9a).await.unwrap();
        });
    });
}

/// Unplugged before the module starts, and under a session.
#[test]
fn a_reader_that_is_unplugged_takes_its_token_with_it_and_brings_it_back() {
    on_proxied_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let (unplug, plug) = (format!("unplug {YUBIKEY}"), format!("plug {YUBIKEY}"));
        runtime().block_on(async {
            for module in [opensc(), ykcs11()] {
                let name = module.name.clone();
                readers.proxy(&unplug);
                let modules = modules(&[module]);
                assert!(modules.look().await.tokens.is_empty(), "{name}");
                readers.proxy(&plug);
                let token = token_in_time(&modules, ready).await;
                let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                readers.proxy(&unplug);
                let lost = session.sign(&signable(RSA, b"m"), false).await;
                assert!(
                    matches!(lost, Err(LoginError::Token(TokenError::Removed))),
                    "{name}: {lost:?}"
                );
                session.close().await;
                readers.proxy(&plug);
                let token = token_in_time(&modules, ready).await;
                sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
            }
        });
    });
}

/// A module that has the card cannot lose it to an exclusive connection; one that starts sees no card at all, and says
/// nothing of why. Our own driver does.
#[test]
fn n119_a_module_that_starts_under_an_exclusive_lock_sees_no_card_and_our_driver_says_who_has_it() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let alone = modules(&[opensc()]);
            let program = std::path::Path::new(env!("CARGO_BIN_EXE_trien"));
            let both = modules(&[opensc()]).with_cards(program, Deadlines::default());
            let holder = Holder::start(&readers, YUBIKEY, "exclusive");
            let sight = alone.look().await;
            assert!(
                sight.tokens.is_empty() && sight.failures.is_empty(),
                "{:?}",
                sight.failures
            );
            let in_reach = both.tokens().await;
            assert!(in_reach.tokens.is_empty());
            let Some(TokenError::Held { programs }) = in_reach.hindrance else {
                panic!("{:?}", in_reach.hindrance);
            };
            assert_eq!(programs, [holder.name()]);
            holder.release();
            let token = token_in_time(&alone, ready).await;
            sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
            assert!(both.tokens().await.hindrance.is_none());
        });
    });
}

fn the_service_dies_twenty_times(module: ModuleConfig) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |mut readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[module]);
            for round in 0..20 {
                let token = token_in_time(&modules, ready).await;
                let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                readers.stop_service(if round % 2 == 0 {
                    Signal::KILL
                } else {
                    Signal::TERM
                });
                let lost = session.sign(&signable(RSA, b"m"), false).await;
                assert!(
                    matches!(lost, Err(LoginError::Token(_))),
                    "round {round}: {lost:?}"
                );
                session.close().await;
                readers.start_service();
            }
            let token = token_in_time(&modules, ready).await;
            sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
            assert!(!modules.states()[0].off);
        });
    });
}

#[test]
fn the_service_may_die_twenty_times_under_opensc() {
    the_service_dies_twenty_times(opensc());
}

#[test]
fn the_service_may_die_twenty_times_under_ykcs11() {
    the_service_dies_twenty_times(ykcs11());
}

/// OpenSC's own program signs with the card while we do.
#[test]
fn two_programs_on_one_card_each_get_their_signatures() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let data = readers.path("other-data");
        std::fs::write(&data, "m").unwrap();
        let other = || {
            let mut command = std::process::Command::new("pkcs11-tool");
            command.args([
                "--module", OPENSC, "--login", "--pin", CARD_PIN, "--id", "01", "-s",
            ]);
            command.args(["-m", "SHA256-RSA-PKCS", "-i"]).arg(&data);
            succeed(readers.lend(command.arg("-o").arg(readers.path("other-signature"))));
        };
        let runtime = runtime();
        let modules = modules(&[opensc()]);
        let token = runtime.block_on(token_in_time(&modules, ready));
        let nine_a = key(&token, &[1]);
        std::thread::scope(|scope| {
            let beside = scope.spawn(|| (0..10).for_each(|_| other()));
            let mut made = 0;
            while !beside.is_finished() || made < 10 {
                runtime
                    .block_on(sign_once(&token, &nine_a, RSA, b"m"))
                    .unwrap_or_else(|error| panic!("after {made}: {error:?}"));
                made += 1;
            }
        });
    });
}
