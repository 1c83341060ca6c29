//! OpenSC 0.23 and a card that is pulled while it signs, from a reader whose service looks for cards every 400 ms only: it
//! takes a mutex twice and never returns. It does so by itself; a daemon survives it, and does not go there as a rule.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::print_stdout,
    reason = "the process that calls OpenSC says there that it is ready"
)]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use support::cards::scene::{
    ECDSA, RSA, key, logged_in, modules, opensc, runtime, sign_once, signable, token_in_time, worker,
};
use support::cards::{
    CARD_PIN, OPENSC, ReaderPlan, VirtualCard, on_readers, wait_until, wait_until_empty, wait_until_present,
};
use support::daemon::child_pids;
use trien::tokens::{LoginError, TokenEntry, TokenError};
use trien_signatures::algorithm::Hash;

const YUBIKEY: &str = "Yubico YubiKey CCID";

/// Pulls until it must have happened. It does in one of four.
const ROUNDS: u64 = 40;

/// The card is pulled so long after the command came, in milliseconds: spread over the service's interval.
fn lag(round: u64) -> u64 {
    20 + 61 * round % 400
}

fn ready(entry: &TokenEntry) -> bool {
    entry.initialized
}

/// Says that the process is the one that calls OpenSC by itself.
const BY_ITSELF: &str = "TRIEN_TEST_OPENSC_BY_ITSELF";

/// Two signatures in a row, and nothing of ours between the program and the module.
fn two_signatures() {
    let module = Pkcs11::new(OPENSC).unwrap();
    let locking = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    module.initialize(locking).unwrap();
    let slot = module.get_slots_with_token().unwrap()[0];
    let session = module.open_ro_session(slot).unwrap();
    session
        .login(UserType::User, Some(&AuthPin::new(CARD_PIN.into())))
        .unwrap();
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(vec![1])];
    let private = session.find_objects(&wanted).unwrap()[0];
    let input = Hash::Sha256.digest_info(&Hash::Sha256.digest(b"m"));
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    for _ in 0..2 {
        session.sign(&Mechanism::RsaPkcs, private, &input).unwrap_err();
        let _ = module.get_token_info(slot);
    }
    // What its destructors do is not looked at here.
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
}

/// True if the program did not come to its end.
fn hangs(card: &VirtualCard, lag: u64) -> bool {
    use std::io::{BufRead, BufReader, Write};
    let thread = std::thread::current();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([thread.name().unwrap(), "--exact", "--nocapture"])
        .env(BY_ITSELF, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().ends_with("ready")));
    card.order(&format!("drop 87 {lag}"));
    writeln!(child.stdin.take().unwrap(), "sign").unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

#[test]
fn opensc_by_itself_never_returns() {
    if std::env::var_os(BY_ITSELF).is_some() {
        return two_signatures();
    }
    on_readers(&[ReaderPlan::polled(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        let hung = (0..ROUNDS).any(|round| {
            let hung = hangs(&card, lag(round));
            wait_until_empty(YUBIKEY);
            card.insert();
            wait_until_present(YUBIKEY);
            hung
        });
        assert!(hung, "in {ROUNDS} pulls");
    });
}

/// The same while a session with another card is open in the module's process, and both want more of it at once: nothing is
/// asked of it before the reader has said how it stands, and then, since the card went, another process is. Whoever had a
/// session in the old one is told so, at once; his card signs again when he asks again.
#[test]
fn opensc_on_the_way_to_its_deadlock_is_not_called_by_a_second_session_either() {
    let plans = [ReaderPlan::polled(YUBIKEY), ReaderPlan::plain("OpenPGP Reader")];
    on_readers(&plans, |readers| {
        let (card, _other) = (readers.piv(0), readers.openpgp(1));
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            let of_piv = |entry: &TokenEntry| entry.manufacturer == "piv_II";
            let other = |entry: &TokenEntry| entry.id.label.contains("(User PIN)");
            for round in 0..12 {
                let token = token_in_time(&modules, of_piv).await;
                let beside = token_in_time(&modules, other).await;
                let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
                let mut second = logged_in(&beside, &key(&beside, &[3])).await.unwrap();
                second.sign(&signable(ECDSA, b"m"), false).await.unwrap();
                let process = worker(OPENSC);
                card.order(&format!("drop 87 {}", lag(round)));
                let (message, other_message) = (signable(RSA, b"m"), signable(ECDSA, b"m"));
                let lost = session.sign(&message, false).await;
                let (again, of_other) =
                    tokio::join!(session.sign(&message, false), second.sign(&other_message, false));
                for (whose, told) in [("first", &lost), ("first again", &again), ("second", &of_other)] {
                    let hung = matches!(told, Err(LoginError::Token(TokenError::Hung { .. })));
                    assert!(!hung, "round {round}, {whose}: {told:?}");
                }
                assert!(
                    lost.is_err() && again.is_err(),
                    "round {round}: {lost:?}, {again:?}"
                );
                // Where OpenSC has said what has one meaning only, it may be asked on.
                let is_told = matches!(of_other, Err(LoginError::Token(TokenError::Crashed)));
                assert!(
                    of_other.is_ok() || is_told,
                    "round {round}: {lost:?}, {of_other:?}"
                );
                if is_told {
                    wait_until("another process is there instead", || {
                        let processes = child_pids(std::process::id(), OPENSC);
                        matches!(processes[..], [other] if other != process)
                    });
                }
                second.close().await;
                session.close().await;
                wait_until_empty(YUBIKEY);
                let beside = token_in_time(&modules, other).await;
                sign_once(&beside, &key(&beside, &[3]), ECDSA, b"m")
                    .await
                    .unwrap();
                card.insert();
            }
            let token = token_in_time(&modules, of_piv).await;
            sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
            assert!(
                !modules.states()[0].off,
                "a pulled card is no failure of the module's"
            );
        });
    });
}

/// A card that stays where it is and only fails costs nobody his session: the reader says that it has stayed.
#[test]
fn a_second_session_goes_on_where_the_first_ones_card_has_stayed() {
    let plans = [ReaderPlan::plain(YUBIKEY), ReaderPlan::plain("OpenPGP Reader")];
    on_readers(&plans, |readers| {
        let (card, _other) = (readers.piv(0), readers.openpgp(1));
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            let token = token_in_time(&modules, |entry| entry.manufacturer == "piv_II").await;
            let beside = token_in_time(&modules, |entry| entry.id.label.contains("(User PIN)")).await;
            let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
            let mut second = logged_in(&beside, &key(&beside, &[3])).await.unwrap();
            let process = worker(OPENSC);
            for _ in 0..3 {
                card.order("sw 87 6f00 9");
                let failed = session.sign(&signable(RSA, b"m"), false).await;
                card.order("clear");
                assert!(
                    matches!(failed, Err(LoginError::Token(TokenError::Answered { .. }))),
                    "{failed:?}"
                );
                second.sign(&signable(ECDSA, b"m"), false).await.unwrap();
                assert_eq!(worker(OPENSC), process);
            }
            second.close().await;
            session.close().await;
        });
    });
}

/// OpenSC 0.23 may never return from the call after a signature that was lost because its card was pulled from a reader
/// whose service has not noticed yet. The moments here are spread over the service's interval of 400 ms.
#[test]
fn opensc_on_the_way_to_its_deadlock_is_not_called_again() {
    on_readers(&[ReaderPlan::polled(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules(&[opensc()]);
            let mut told = Vec::new();
            for round in 0..12 {
                let token = token_in_time(&modules, ready).await;
                let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
                tokio::time::sleep(Duration::from_millis(37 * round % 400)).await;
                card.order("drop 87");
                let began = Instant::now();
                for _ in 0..2 {
                    match session.sign(&signable(RSA, b"m"), false).await {
                        Err(LoginError::Token(lost)) => told.push(lost),
                        other => panic!("round {round}: {other:?}"),
                    }
                }
                session.close().await;
                // What hung would have been waited for until the deadline of thirty seconds.
                assert!(
                    began.elapsed() < Duration::from_secs(15),
                    "round {round}: {told:?}"
                );
                wait_until_empty(YUBIKEY);
                card.insert();
            }
            let token = token_in_time(&modules, ready).await;
            sign_once(&token, &key(&token, &[1]), RSA, b"m").await.unwrap();
            assert!(
                !told.iter().any(|lost| matches!(lost, TokenError::Hung { .. })),
                "{told:?}"
            );
            assert!(
                !modules.states()[0].off,
                "a pulled card is no failure of the module's"
            );
        });
    });
}
