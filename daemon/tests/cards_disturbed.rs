//! What others do to a card, its reader or its service while a vendor's module works with it: what the person must do is
//! said, and everything is found again by itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::cards::piv::{self, YUBIKEY};
use support::cards::scene::{
    RSA, key, logged_in, logged_in_with, modules, opensc, runtime, sign_once, signable, token_in_time, ykcs11,
};
use support::cards::{CARD_PIN, Holder, OPENSC, ReaderPlan, on_proxied_readers, on_readers, wait_until};
use support::daemon::child_pids;
use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, LoginError, Modules, SleepClock, Token as _, TokenEntry, TokenError, TokenSource,
};

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
                    // Yubico's verifies the PIN of the login once more, for the work that it was typed for: the card was in
                    // its reader all the time, and the session is the same. One that was away signs nothing (116).
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
            let token = piv::token_in_time(&driver).await;
            let nine_a = piv::key(&token, 0x9a, 0x07);
            let mut session = logged_in(&token, &nine_a).await.unwrap();
            let mut reset = Command::new("opensc-tool");
            let mut reset = readers.lend(reset.arg("--reset")).spawn().unwrap();
            for _ in 0..20 {
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                assert!(reset.try_wait().unwrap().is_none(), "it waits for the logout");
            }
            session.close().await;
            assert!(reset.wait().unwrap().success());
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

/// While a signature is made: the card takes its time over it, and the service ends meanwhile. One that is told to end may
/// see the command through; one that is killed cannot.
fn the_service_dies_twenty_times(module: ModuleConfig) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |mut readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[module]);
            for round in 0..20 {
                let token = token_in_time(&modules, ready).await;
                let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                let killed = round % 2 == 0;
                // GENERAL AUTHENTICATE: until the service is killed; one that ends by itself waits for the card.
                card.order(if killed { "hold 87" } else { "delay 87 150" });
                let commands = card.stats().of("87");
                let message = signable(RSA, b"m");
                let end = async {
                    while card.stats().of("87") == commands {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    readers.stop_service(if killed { Signal::KILL } else { Signal::TERM });
                };
                let (in_flight, ()) = tokio::join!(session.sign(&message, false), end);
                if killed {
                    assert!(
                        matches!(in_flight, Err(LoginError::Token(_))),
                        "round {round}: {in_flight:?}"
                    );
                }
                card.order("clear");
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

/// OpenSC's own program signs with the card while we do, by its module, by Yubico's or by our own driver, which keeps the card
/// from the PIN to the logout.
#[test]
fn two_programs_on_one_card_each_get_their_signatures() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let data = readers.path("other-data");
        std::fs::write(&data, "m").unwrap();
        let other = || {
            let mut command = Command::new("pkcs11-tool");
            command.args([
                "--module", OPENSC, "--login", "--pin", CARD_PIN, "--id", "01", "-s",
            ]);
            command.args(["-m", "SHA256-RSA-PKCS", "-i"]).arg(&data);
            readers.lend(command.arg("-o").arg(readers.path("other-signature")));
            // A card knows of one login and of no programs: our logout ends that of one that has not signed yet, which
            // is told so and logs in again. Nothing else may keep it from its signature.
            for _ in 0..20 {
                let output = command.output().unwrap();
                if output.status.success() {
                    return;
                }
                let told = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(told.contains("CKR_USER_NOT_LOGGED_IN"), "{told}");
            }
            panic!("it is logged out each time");
        };
        let runtime = runtime();
        for (modules, id) in each_driver() {
            let token = runtime.block_on(token_in_time(&modules, ready));
            let nine_a = key(&token, &id);
            let ours = &token.entry().id.module;
            std::thread::scope(|scope| {
                let beside = scope.spawn(|| (0..10).for_each(|_| other()));
                let mut made = 0;
                while !beside.is_finished() || made < 10 {
                    runtime
                        .block_on(sign_once(&token, &nine_a, RSA, b"m"))
                        .unwrap_or_else(|error| panic!("{ours}, after {made}: {error:?}"));
                    made += 1;
                    // As long as it takes to log in and sign: nobody's work is one logout after the other.
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
        }
    });
}

/// Our own driver, and two that keep a card as they like.
fn each_driver() -> [(Modules, Vec<u8>); 3] {
    let of = |module| (modules(&[module]), vec![1]);
    [(piv::modules(), vec![0x9a, 0x07]), of(opensc()), of(ykcs11())]
}

/// The process dies while somebody is logged in, and says no word to the card: pcscd resets what it had open.
#[test]
fn n120_a_process_that_is_killed_leaves_nobody_logged_in() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            for (modules, id) in each_driver() {
                let token = token_in_time(&modules, ready).await;
                let nine_a = key(&token, &id);
                let mut session = logged_in(&token, &nine_a).await.unwrap();
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                for worker in child_pids(std::process::id(), "-worker") {
                    let worker = Pid::from_raw(worker.cast_signed()).unwrap();
                    kill_process(worker, Signal::KILL).unwrap();
                }
                let lost = session.sign(&signable(RSA, b"m"), true).await;
                assert!(
                    matches!(lost, Err(LoginError::Token(TokenError::Crashed))),
                    "{id:?}: {lost:?}"
                );
                session.close().await;
                wait_until(&format!("{id:?}: the card names a count"), || {
                    piv::count_of_tries(&readers) == Some(3)
                });
                sign_once(&token, &nine_a, RSA, b"m").await.unwrap();
            }
        });
    });
}

/// A computer that slept may have kept its cards powered: nobody signs on a PIN from before.
#[test]
fn n121_a_card_that_was_unlocked_before_the_computer_slept_signs_nothing_after() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            for (modules, id) in each_driver() {
                let slept = Arc::new(AtomicU64::new(3600));
                let told = Arc::clone(&slept);
                let clock = SleepClock::new(move || Duration::from_secs(told.load(Ordering::SeqCst)));
                let modules = modules.with_sleep_clock(clock);
                let token = token_in_time(&modules, ready).await;
                let nine_a = key(&token, &id);
                let pins = "123456\n123456\n123456\n";
                let mut session = logged_in_with(&token, &nine_a, pins).await.unwrap();
                session.sign(&signable(RSA, b"m"), false).await.unwrap();
                slept.fetch_add(1, Ordering::SeqCst);
                card.order("reset-stats");
                for typed in [false, true] {
                    let after = session.sign(&signable(RSA, b"m"), typed).await;
                    assert!(
                        matches!(after, Err(LoginError::Token(TokenError::Removed))),
                        "{id:?}, {typed}: {after:?}"
                    );
                }
                let stats = card.stats();
                assert_eq!((stats.of("20"), stats.of("87")), (0, 0), "{id:?}: {stats:?}");
                session.close().await;
                sign_once(&token, &nine_a, RSA, b"m").await.unwrap();
            }
            assert_eq!(piv::tries_left(&readers), 3);
        });
    });
}
