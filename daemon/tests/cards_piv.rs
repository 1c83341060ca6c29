//! PIV cards by our own driver: real applets behind a real pcscd, with OpenSSL as the judge of each signature, and the
//! card's own counter of tries as the judge of each PIN.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use support::cards::{
    CARD_PIN, CARD_PUK, OPENSC, ReaderPlan, Readers, VirtualCard, YKCS11, on_readers, personalised,
    public_key, wait_until, wait_until_empty,
};
use support::{Desk, fail, succeed};
use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, KeyRef, LoginError, ModuleToken, Modules, PinNeed, PinState, Signable, SigningSession, Token,
    TokenError,
};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};

const YUBIKEY: &str = "Yubico YubiKey CCID";

const RSA: SignatureAlgorithm = SignatureAlgorithm::RsaPkcs1(Hash::Sha256);

fn modules() -> Modules {
    modules_within(Deadlines::default())
}

/// With our driver alone.
fn modules_within(deadlines: Deadlines) -> Modules {
    let program = Path::new(env!("CARGO_BIN_EXE_trien"));
    Modules::new(&[], program, deadlines).with_cards(program, deadlines)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

async fn only_token(modules: &Modules) -> ModuleToken {
    let mut sight = modules.look().await;
    assert!(sight.failures.is_empty(), "{:?}", sight.failures);
    assert_eq!(sight.tokens.len(), 1);
    sight.tokens.remove(0)
}

/// The token, once the service and the card are there again.
async fn token_in_time(modules: &Modules) -> ModuleToken {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let mut sight = modules.look().await;
        if let Some(token) = sight.tokens.pop() {
            return token;
        }
        assert!(Instant::now() < until, "no token: {:?}", sight.failures);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn key(token: &ModuleToken, slot: u8, algorithm: u8) -> KeyRef {
    KeyRef {
        token: token.entry().id.clone(),
        id: vec![slot, algorithm],
        public_key: None,
    }
}

/// A pipe with these lines in it.
fn lines(lines: &str) -> OwnedFd {
    let (reading, writing) = std::io::pipe().unwrap();
    let mut writing = writing;
    writing.write_all(lines.as_bytes()).unwrap();
    reading.into()
}

fn signable(algorithm: SignatureAlgorithm, message: &[u8]) -> Signable {
    Signable {
        algorithm,
        digest: algorithm.hash().digest(message),
        message: None,
    }
}

async fn logged_in(token: &ModuleToken, key: &KeyRef) -> Result<Box<dyn SigningSession>, LoginError> {
    let mut session = token.open(key).await?;
    session.attach_pin_pipe(lines(&format!("{CARD_PIN}\n"))).await?;
    match session.login().await {
        Ok(()) => Ok(session),
        Err(error) => {
            session.close().await;
            Err(error)
        }
    }
}

async fn sign_once(modules: &Modules, slot: u8) -> Result<Vec<u8>, LoginError> {
    let token = token_in_time(modules).await;
    let mut session = logged_in(&token, &key(&token, slot, 0x07)).await?;
    let signed = session.sign(&signable(RSA, b"message"), false).await;
    session.close().await;
    signed
}

/// OpenSSL says whether the signature is good.
#[track_caller]
fn judge(readers: &Readers, slot: &str, algorithm: SignatureAlgorithm, message: &[u8], raw: &[u8]) {
    let value = SignatureValue::from_token(algorithm, raw).unwrap();
    let (signature, data) = (readers.path("signature"), readers.path("data"));
    std::fs::write(&signature, value.as_bytes()).unwrap();
    std::fs::write(&data, message).unwrap();
    let mut openssl = Command::new("openssl");
    let digest = match algorithm.hash() {
        Hash::Sha256 => "-sha256",
        Hash::Sha384 => "-sha384",
        Hash::Sha512 => "-sha512",
        other => panic!("{other:?}"),
    };
    openssl
        .args(["dgst", digest, "-verify"])
        .arg(public_key(slot))
        .arg("-signature")
        .arg(&signature);
    if matches!(algorithm, SignatureAlgorithm::RsaPss(_)) {
        openssl.args([
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            "rsa_pss_saltlen:digest",
        ]);
    }
    assert_eq!(
        succeed(openssl.arg(&data)).trim(),
        "Verified OK",
        "{slot} {algorithm:?}"
    );
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&succeed(command.arg("--json"))).unwrap()
}

#[test]
fn a_card_is_listed_signs_in_every_slot_and_openssl_agrees() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let entry = token.entry();
            assert_eq!(
                (entry.id.module.as_str(), entry.model.as_str(), entry.hardware),
                ("piv", "PIV", true)
            );
            assert_eq!(entry.pin, PinState::Ready);
            let held = token.certificates().await.unwrap();
            let slots: Vec<_> = held.iter().map(|one| one.label.as_str()).collect();
            assert_eq!(slots, ["9c", "9a", "9d", "9e"]);
            assert!(held.iter().all(|one| one.key.is_some()));
            let pss = SignatureAlgorithm::RsaPss(Hash::Sha384);
            let ecdsa = SignatureAlgorithm::Ecdsa(Hash::Sha512);
            for (slot, algorithm) in [("9c", RSA), ("9a", RSA), ("9a", pss), ("9d", ecdsa)] {
                let one = held.iter().find(|one| one.label == slot).unwrap();
                let mut session = logged_in(&token, one.key.as_ref().unwrap()).await.unwrap();
                for message in [&b"first"[..], b"second"] {
                    let signed = session.sign(&signable(algorithm, message), false).await.unwrap();
                    judge(&readers, slot, algorithm, message, &signed);
                }
                session.close().await;
            }
            // Card authentication needs no PIN.
            let free = held.iter().find(|one| one.label == "9e").unwrap();
            let mut session = token.open(free.key.as_ref().unwrap()).await.unwrap();
            session.login().await.unwrap();
            let signed = session.sign(&signable(ecdsa, b"free"), false).await.unwrap();
            judge(&readers, "9e", ecdsa, b"free", &signed);
            session.close().await;
        });
        drop(card);
    });
}

#[test]
fn a_fresh_process_sends_at_most_eight_commands_to_its_first_signature_and_three_to_each_further_one() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let token = only_token(&modules()).await;
            // Another process: it has seen nothing of the card.
            let modules = modules();
            let fresh = only_token(&modules).await;
            drop(token);
            let session = key(&fresh, 0x9a, 0x07);
            card.order("reset-stats");
            let mut session = fresh.open(&session).await.unwrap();
            assert!(matches!(
                session.pin().await.unwrap(),
                PinNeed::Pipe {
                    state: PinState::Ready,
                    ..
                }
            ));
            session.attach_pin_pipe(lines("123456\n")).await.unwrap();
            session.login().await.unwrap();
            session.sign(&signable(RSA, b"first"), false).await.unwrap();
            let first = card.stats();
            assert!(first.apdus <= 8, "{first:?}");
            card.order("reset-stats");
            session.sign(&signable(RSA, b"second"), false).await.unwrap();
            assert!(card.stats().apdus <= 3, "{:?}", card.stats());
            session.close().await;
        });
    });
}

#[test]
fn extended_lengths_are_used_where_reader_and_card_say_so() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv_with(0, &["--atr", "3b951381018073ff01404b"]);
        runtime().block_on(async {
            let modules = modules();
            let (signed, stats) = {
                let token = only_token(&modules).await;
                let mut session = logged_in(&token, &key(&token, 0x9a, 0x07)).await.unwrap();
                card.order("reset-stats");
                let signed = session.sign(&signable(RSA, b"long"), false).await.unwrap();
                let stats = card.stats();
                session.close().await;
                (signed, stats)
            };
            judge(&readers, "9a", RSA, b"long", &signed);
            assert_eq!(stats.apdus, 1, "{stats:?}");
        });
    });
}

/// An empty VERIFY by somebody else tells the count.
fn tries_left(readers: &Readers) -> u8 {
    let said = readers.run(
        "opensc-tool",
        &[
            "-s",
            "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00",
            "-s",
            "00:20:00:80",
        ],
    );
    let status = said.rsplit("SW1=0x63, SW2=0xC").next().unwrap();
    status[..1].parse().unwrap_or_else(|_| panic!("{said}"))
}

#[test]
fn every_state_of_the_pin_is_told_and_only_deliberate_tries_are_spent() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let nine_a = key(&token, 0x9a, 0x07);
            let mut session = token.open(&nine_a).await.unwrap();
            // What cannot be a PIN never reaches the card.
            session
                .attach_pin_pipe(lines("12345\n123456789\n12345\u{1ebf}\n\n"))
                .await
                .unwrap();
            for _ in 0..4 {
                assert!(matches!(session.login().await, Err(LoginError::Invalid)));
            }
            assert_eq!(tries_left(&readers), 3);
            session
                .attach_pin_pipe(lines("111111\n222222\n123456\n"))
                .await
                .unwrap();
            let wrong = session.login().await;
            assert!(
                matches!(
                    wrong,
                    Err(LoginError::Incorrect {
                        now: PinState::FewTries
                    })
                ),
                "{wrong:?}"
            );
            assert_eq!(tries_left(&readers), 2);
            assert!(matches!(
                session.pin().await.unwrap(),
                PinNeed::Pipe {
                    state: PinState::FewTries,
                    ..
                }
            ));
            let wrong = session.login().await;
            assert!(
                matches!(
                    wrong,
                    Err(LoginError::Incorrect {
                        now: PinState::LastTry
                    })
                ),
                "{wrong:?}"
            );
            assert_eq!(tries_left(&readers), 1);
            session.login().await.unwrap();
            session.sign(&signable(RSA, b"x"), false).await.unwrap();
            session.close().await;
            assert_eq!(
                tries_left(&readers),
                3,
                "a right one gives all tries back, and we have logged out"
            );

            let mut session = token.open(&nine_a).await.unwrap();
            session
                .attach_pin_pipe(lines("111111\n111111\n111111\n123456\n"))
                .await
                .unwrap();
            for _ in 0..2 {
                assert!(matches!(session.login().await, Err(LoginError::Incorrect { .. })));
            }
            let locked = session.login().await;
            assert!(
                matches!(
                    locked,
                    Err(LoginError::Locked
                        | LoginError::Incorrect {
                            now: PinState::Locked
                        })
                ),
                "{locked:?}"
            );
            session.close().await;
            assert_eq!(token.pin().await.unwrap(), PinNeed::Locked);
            assert_eq!(only_token(&modules).await.entry().pin, PinState::Locked);
        });
        // The PUK unblocks it, a wrong one does not; then the PIN is changed.
        let desk = Desk::new();
        let file = |name: &str, content: &str| {
            std::fs::write(desk.path(name), content).unwrap();
            desk.path(name)
        };
        let (puk, new, other) = (
            file("puk", CARD_PUK),
            file("new", "246810"),
            file("other", "135790"),
        );
        let bad = file("bad", "87654321");
        let label = json(&mut desk.trien(["token", "list"]))[0]["label"]
            .as_str()
            .unwrap()
            .to_owned();
        let unblock = |code: &Path| {
            let mut command = desk.trien(["token", "unblock", "--token", &label, "--so-pin-file"]);
            command.arg(code).arg("--new-pin-file").arg(&new);
            command
        };
        assert!(fail(&mut unblock(&bad), 1).contains("(PUK)"));
        succeed(&mut unblock(&puk));
        let change = |old: &Path| {
            let mut command = desk.trien(["token", "change-pin", "--token", &label, "--pin-file"]);
            command.arg(old).arg("--new-pin-file").arg(&other);
            command
        };
        fail(&mut change(&puk), 1);
        succeed(&mut change(&new));
        assert_eq!(tries_left(&readers), 3);
        drop(card);
    });
}

#[test]
fn n120_a_pin_that_another_program_verified_is_asked_for_all_the_same_and_ours_is_forgotten() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            // Another program leaves the card logged in: PC/SC keeps that for whoever comes next.
            let verify = "00:20:00:80:08:31:32:33:34:35:36:FF:FF";
            readers.run(
                "opensc-tool",
                &["-s", "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00", "-s", verify],
            );
            let token = only_token(&modules).await;
            let mut session = token.open(&key(&token, 0x9a, 0x07)).await.unwrap();
            assert!(matches!(session.pin().await.unwrap(), PinNeed::Pipe { .. }));
            let refused = session.sign(&signable(RSA, b"x"), false).await;
            assert!(
                matches!(refused, Err(LoginError::Token(TokenError::LoginNeeded))),
                "{refused:?}"
            );
            session.close().await;
            sign_once(&modules, 0x9a).await.unwrap();
            // Nobody can sign with what we verified.
            assert_eq!(tries_left(&readers), 3, "a card that is logged in names no count");
        });
        drop(card);
    });
}

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
fn a_thousand_signatures_leak_neither_descriptors_nor_memory() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            // The curve is quicker than RSA: what is counted is ours, not the card's.
            let curve = key(&token, 0x9d, 0x11);
            let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
            let worker = support::daemon::child_pids(std::process::id(), "card-worker");
            let [worker] = worker[..] else {
                panic!("{worker:?}")
            };
            let mut before = None;
            for round in 0..20 {
                let mut session = logged_in(&token, &curve).await.unwrap();
                for _ in 0..50 {
                    session.sign(&signable(algorithm, b"x"), false).await.unwrap();
                }
                session.close().await;
                let now = (descriptors(worker), resident(worker));
                if round == 2 {
                    before = Some(now);
                }
            }
            let (files, memory) = before.unwrap();
            assert_eq!(descriptors(worker), files);
            assert!(
                resident(worker) < memory + 1024,
                "{} KiB after {memory}",
                resident(worker)
            );
        });
        drop(card);
    });
}

fn descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// In KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
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
fn n122_of_two_cards_each_is_itself_wherever_it_is_put() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain("Second Reader")],
        |readers| {
            let first = readers.piv(0);
            let second = readers.blank(1, &["piv"]);
            readers.run("yubico-piv-tool", &["-r", "Second", "-a", "set-chuid"]);
            let sight = runtime().block_on(modules().look());
            let mut ids: Vec<_> = sight
                .tokens
                .iter()
                .map(|token| token.entry().id.clone())
                .collect();
            assert_eq!(ids.len(), 2, "{ids:?}");
            assert_ne!(ids[0].serial, ids[1].serial);
            // They change places.
            drop((first, second));
            for (from, to) in [("state0", "other0"), ("state1", "state0"), ("other0", "state1")] {
                std::fs::rename(readers.path(from), readers.path(to)).unwrap();
            }
            let _cards = [readers.blank(0, &["piv"]), readers.blank(1, &["piv"])];
            let sight = runtime().block_on(modules().look());
            let mut moved: Vec<_> = sight
                .tokens
                .iter()
                .map(|token| token.entry().id.clone())
                .collect();
            ids.sort_by(|one, other| one.serial.cmp(&other.serial));
            moved.sort_by(|one, other| one.serial.cmp(&other.serial));
            assert_eq!(ids, moved);
        },
    );
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

/// The whole way of a new key: made on the card, requested, certified, installed, used.
#[test]
fn keys_are_generated_certified_installed_and_sign_what_openssl_verifies() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let desk = Desk::new();
        std::fs::write(desk.path("card-pin"), CARD_PIN).unwrap();
        let pin = desk.path("card-pin");
        let label = json(&mut desk.trien(["token", "list"]))[0]["label"]
            .as_str()
            .unwrap()
            .to_owned();
        let subject = "C=VN,CN=Nguyễn Văn An,UID=CCCD:079085000123";
        for (slot, algorithm) in [("82", "ec:p384"), ("83", "rsa:2048"), ("84", "ec:p256")] {
            let (request, certificate) = (desk.path("request.pem"), desk.path("certificate.pem"));
            let mut generate = desk.trien([
                "token",
                "generate-key",
                "--token",
                &label,
                "--algorithm",
                algorithm,
            ]);
            generate
                .args(["--label", slot, "--subject", subject, "--out"])
                .arg(&request);
            succeed(generate.arg("--pin-file").arg(&pin));
            succeed(
                Command::new("openssl")
                    .args(["req", "-verify", "-noout", "-in"])
                    .arg(&request),
            );
            let issue = support::repository().join("testdata/pki/issue.sh");
            succeed(
                Command::new(issue)
                    .arg(desk.pki())
                    .arg("citizen")
                    .arg(&request)
                    .arg(&certificate),
            );
            let mut install = desk.trien(["token", "install", "--token", &label, "--cert"]);
            succeed(install.arg(&certificate).arg("--pin-file").arg(&pin));
        }
        // A key that is there is not overwritten, and another management key is said.
        let again = [
            "token",
            "generate-key",
            "--token",
            &label,
            "--algorithm",
            "ec:p256",
            "--label",
            "9a",
        ];
        fail(desk.trien(again).arg("--pin-file").arg(&pin), 2);
        std::fs::write(desk.path("key"), "00".repeat(24)).unwrap();
        let other = [
            "token",
            "generate-key",
            "--token",
            &label,
            "--algorithm",
            "ec:p256",
            "--label",
            "85",
        ];
        let mut refused = desk.trien(other);
        refused
            .arg("--pin-file")
            .arg(&pin)
            .arg("--management-key-file")
            .arg(desk.path("key"));
        assert!(fail(&mut refused, 1).contains("--management-key-file"));

        std::fs::write(desk.path("data"), "content").unwrap();
        for slot in ["82", "83", "84", "9c"] {
            let signed = desk.path("signed.p7s");
            let mut sign = desk.trien(["sign", "--format", "cades", "--detached", "--cert", slot, "--out"]);
            succeed(
                sign.arg(&signed)
                    .arg(desk.path("data"))
                    .arg("--pin-file")
                    .arg(&pin),
            );
            let mut verify = Command::new("openssl");
            verify.args(["cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in"]);
            succeed(verify.arg(&signed).arg("-content").arg(desk.path("data")));
            std::fs::remove_file(signed).unwrap();
        }
        drop(card);
    });
}

#[test]
fn a_card_that_opensc_or_ykcs11_lists_as_well_is_listed_once() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card: VirtualCard = readers.piv(0);
        let program = Path::new(env!("CARGO_BIN_EXE_trien"));
        let module = |name: &str, path: &str| ModuleConfig::new(name, path.into());
        let both = [module("opensc", OPENSC), module("yubico", YKCS11)];
        let modules = Modules::new(&both, program, Deadlines::default());
        runtime().block_on(async {
            let alone = modules.look().await;
            assert!(!alone.tokens.is_empty(), "{:?}", alone.failures);
            let beside = modules.with_cards(program, Deadlines::default()).look().await;
            assert!(beside.failures.is_empty(), "{:?}", beside.failures);
            let names: Vec<_> = beside
                .tokens
                .iter()
                .map(|token| token.entry().id.module.as_str())
                .collect();
            assert_eq!(names, ["piv"]);
        });
        assert!(personalised().exists());
        drop(card);
    });
}
