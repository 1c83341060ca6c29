//! What a PIV card is asked for its list of certificates, and what only later: a page whose card was put in just now waits
//! for the first alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::cards::piv::*;
use support::cards::{
    CARD_PIN, OPENSC, PATIENCE, ReaderPlan, Readers, VirtualCard, on_readers, personalised, wait_until_empty,
    wait_until_present,
};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::{Desk, succeed};
use trien::config::ModuleConfig;
use trien::tokens::{Deadlines, Modules, PinNeed, PinState, Token, TokenError, TokenSource};

/// A key in the slot of a retired one, with a certificate for a company of this tax code.
fn certify_a_retired_key(desk: &Desk, slot: &str, tax_code: &str) {
    std::fs::write(desk.path("card-pin"), CARD_PIN).unwrap();
    let pin = desk.path("card-pin");
    let label = json(&mut desk.trien(["token", "list"]))[0]["label"]
        .as_str()
        .unwrap()
        .to_owned();
    let (request, certificate) = (desk.path("request.pem"), desk.path("certificate.pem"));
    let subject = format!("C=VN,CN=Công ty Cũ,UID=MST:{tax_code}");
    let mut generate = desk.trien([
        "token",
        "generate-key",
        "--token",
        &label,
        "--algorithm",
        "ec:p256",
    ]);
    generate
        .args(["--label", slot, "--subject", &subject, "--out"])
        .arg(&request);
    succeed(generate.arg("--pin-file").arg(&pin));
    let issue = support::repository().join("testdata/pki/issue.sh");
    let mut issued = Command::new(issue);
    issued
        .arg(desk.pki())
        .arg("agency")
        .arg(&request)
        .arg(&certificate);
    succeed(&mut issued);
    let mut install = desk.trien(["token", "install", "--token", &label, "--cert"]);
    succeed(install.arg(&certificate).arg("--pin-file").arg(&pin));
}

/// Neither the tries of the PIN nor retired keys are asked for before the list is there; both are told when they are wanted,
/// as they are then, and asked for once.
#[test]
fn a_list_of_certificates_waits_for_no_tries_and_no_retired_keys() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let desk = Desk::new();
        certify_a_retired_key(&desk, "82", "0101234567");
        runtime().block_on(async {
            let modules = modules();
            let surveyed = async || {
                let mut tokens = modules.tokens().await.tokens;
                assert_eq!(tokens.len(), 1);
                tokens.remove(0)
            };
            card.order("reset-stats");
            let token = surveyed().await;
            let at_hand = token.certificates_at_hand().await.unwrap();
            let stats = card.stats();
            let slots = |held: &[trien::tokens::HeldCertificate]| -> Vec<String> {
                held.iter().map(|one| one.label.clone()).collect()
            };
            assert_eq!(slots(&at_hand.certificates), ["9c", "9a", "9d", "9e"]);
            assert!(at_hand.more);
            assert_eq!(stats.of("20"), 0, "VERIFY: {stats:?}");
            assert_eq!(stats.of("cb"), 5, "GET DATA, of the number and four: {stats:?}");
            for _ in 0..2 {
                let pin = PinNeed::Pipe {
                    min: 6,
                    max: 8,
                    state: PinState::Tries(3),
                };
                assert_eq!(token.pin().await.unwrap(), pin);
            }
            assert_eq!(card.stats().of("20"), 1, "asked for once");
            let all = token.certificates().await.unwrap();
            assert_eq!(slots(&all), ["9c", "9a", "9d", "9e", "82"]);
            // From now on they are all at hand.
            let again = surveyed().await.certificates_at_hand().await.unwrap();
            assert_eq!((again.certificates.len(), again.more), (5, false));
            // What another program does to the PIN is seen by the next who looks.
            let wrong = "00:20:00:80:08:31:31:31:31:31:31:FF:FF";
            let select = "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00";
            readers.run(
                "opensc-tool",
                &["-s", select, "-s", wrong, "-s", wrong, "-s", wrong],
            );
            assert_eq!(surveyed().await.pin().await.unwrap(), PinNeed::Locked);
        });
        let listed = json(&mut desk.trien(["cert", "list"]));
        assert_eq!(listed.as_array().unwrap().len(), 5, "{listed}");
        assert_eq!(json(&mut desk.trien(["token", "list"]))[0]["pin"], "locked");
    });
}

/// A page that asks for what only a retired key has gets it, however soon it asks.
#[test]
fn a_page_gets_the_certificate_of_a_retired_key_of_a_card_put_in_just_now() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let desk = Desk::new();
        certify_a_retired_key(&desk, "82", "0101234567");
        allow(&desk, PORTAL, &["certificates"]);
        let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"approve\"\nrepeat = true\n");
        let mut page = Page::over_websocket(&daemon);
        page.hello();
        let wanted = serde_json::json!({ "tax_code": "0101234567" });
        for _ in 0..5 {
            assert!(page.call("certificates", &wanted)["result"].is_object());
            std::thread::sleep(Duration::from_millis(400));
            card.eject();
            wait_until_empty(YUBIKEY);
            card.insert();
            support::cards::wait_until_present(YUBIKEY);
        }
        assert!(daemon.answers());
    });
}

/// Another certificate in that slot, of the same key: `of` is whose.
fn put_certificate(readers: &Readers, slot: &str, of: &str) {
    let certificate = personalised().join("issue").join(format!("{of}.pem"));
    let words = ["-r", "YubiKey", "-s", slot, "-a", "import-certificate", "-i"];
    readers.run(
        "yubico-piv-tool",
        &[&words[..], &[certificate.to_str().unwrap()]].concat(),
    );
}

/// The card is taken out and put in again.
fn put_in_again(card: &VirtualCard) {
    card.eject();
    wait_until_empty(YUBIKEY);
    card.insert();
    wait_until_present(YUBIKEY);
    card.order("reset-stats");
}

/// The only token, for who only shows certificates.
async fn glanced(modules: &Modules) -> Arc<dyn Token> {
    let mut tokens = TokenSource::glance(modules).await.tokens;
    assert_eq!(tokens.len(), 1);
    tokens.remove(0)
}

/// A card that was never seen is shown before it has said which one it is. By the name that it has until then nothing is
/// opened, and no key of it is the key of a card with its own name.
#[test]
fn n122_a_card_that_is_shown_before_it_says_which_one_it_is_opens_nothing_by_that_name() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        runtime().block_on(async {
            let modules = modules();
            card.order("reset-stats");
            let shown = glanced(&modules).await;
            assert!(!shown.is_named());
            let at_hand = shown.certificates_at_hand().await.unwrap();
            let slots: Vec<_> = at_hand.certificates.iter().map(|one| &one.label).collect();
            assert_eq!(slots, ["9c", "9a", "9d", "9e"]);
            assert!(at_hand.more);
            // It is asked by itself, a moment after.
            let until = Instant::now() + PATIENCE;
            while card.stats().of("cb") < 5 && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(card.stats().of("cb"), 5, "{:?}", card.stats());
            let provisional = at_hand.certificates[1].key.clone().unwrap();
            let opened = shown.open(&provisional).await.err();
            assert!(matches!(opened, Some(TokenError::Removed)), "{opened:?}");
            assert!(matches!(shown.pin().await, Err(TokenError::Removed)));
            assert!(matches!(shown.anew().await.err(), Some(TokenError::Removed)));
            assert!(matches!(shown.certificates().await, Err(TokenError::Removed)));
            let named = glanced(&modules).await;
            assert!(named.is_named());
            assert_eq!(named.entry().id.serial.len(), 16);
            assert_eq!(named.entry().id, only_token(&modules).await.entry().id);
            let opened = named.open(&provisional).await.err();
            assert!(matches!(opened, Some(TokenError::NoSuchKey)), "{opened:?}");
            let read = card.stats().of("cb");
            let held = named.certificates_at_hand().await.unwrap().certificates;
            assert_eq!(card.stats().of("cb"), read, "they are not read again");
            for (now, then) in held.iter().zip(&at_hand.certificates) {
                assert_eq!(now.certificate, then.certificate);
            }
            let mut session = named.open(held[1].key.as_ref().unwrap()).await.unwrap();
            session.attach_pin_pipe(lines("123456\n")).await.unwrap();
            session.login().await.unwrap();
            let signed = session.sign(&signable(RSA, b"m"), false).await.unwrap();
            judge(&readers, "9a", RSA, b"m", &signed);
            session.close().await;
        });
    });
}

/// A card without a number has no name but its reader's, in which the one before had none yet: the key of that one is not
/// the key of this.
#[test]
fn n122_a_card_without_a_number_is_not_the_one_that_was_not_asked_for_its() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        runtime().block_on(async {
            let modules = modules();
            let shown = glanced(&modules).await;
            let at_hand = shown.certificates_at_hand().await.unwrap().certificates;
            let provisional = at_hand[1].key.clone().unwrap();
            // A CHUID that names nobody.
            let object = readers.path("object");
            std::fs::write(
                &object,
                [0x34, 16].iter().chain(&[0; 16]).copied().collect::<Vec<u8>>(),
            )
            .unwrap();
            let words = [
                "-r",
                "YubiKey",
                "-a",
                "write-object",
                "--id",
                "0x5fc102",
                "-f",
                "binary",
                "-i",
            ];
            readers.run(
                "yubico-piv-tool",
                &[&words[..], &[object.to_str().unwrap()]].concat(),
            );
            put_in_again(&card);
            let other = only_token(&modules).await;
            assert_eq!(other.entry().id.serial, "");
            assert_eq!(other.entry().id.label, shown.entry().id.label);
            assert_ne!(other.entry().id, shown.entry().id);
            card.order("reset-stats");
            let opened = other.open(&provisional).await.err();
            assert!(matches!(opened, Some(TokenError::NoSuchKey)), "{opened:?}");
            let opened = shown.open(&provisional).await.err();
            assert!(matches!(opened, Some(TokenError::Removed)), "{opened:?}");
            assert_eq!((card.stats().of("20"), card.stats().of("87")), (0, 0));
        });
    });
}

/// What the first certificate begins with tells whether a card may be the one of before: then it is asked for its number,
/// and of what is known no more than the beginning is read. One with that certificate and another number is read anew.
#[test]
fn a_card_that_is_back_is_known_by_its_certificate_and_its_number() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let first = only_token(&modules).await;
            let all = first.certificates().await.unwrap();
            put_in_again(&card);
            let back = glanced(&modules).await;
            let stats = card.stats();
            assert!(back.is_named());
            assert_eq!(back.entry().id, first.entry().id);
            assert_eq!((stats.of("cb"), stats.of("c0")), (5, 0), "{stats:?}");
            let held = back.certificates_at_hand().await.unwrap().certificates;
            assert_eq!(held.len(), all.len());
            // Another number.
            readers.run("yubico-piv-tool", &["-r", "YubiKey", "-a", "set-chuid"]);
            put_in_again(&card);
            let renumbered = glanced(&modules).await;
            let stats = card.stats();
            assert!(renumbered.is_named());
            assert_ne!(renumbered.entry().id.serial, first.entry().id.serial);
            assert_eq!(
                stats.of("cb"),
                6,
                "the first certificate from the beginning: {stats:?}"
            );
            assert!(stats.of("c0") > 4, "all of each: {stats:?}");
            // Another certificate: another card, whatever its number.
            put_certificate(&readers, "9c", "9a");
            put_in_again(&card);
            let other = glanced(&modules).await;
            assert!(!other.is_named());
            let held = other.certificates_at_hand().await.unwrap().certificates;
            assert_eq!(held[0].certificate, all[1].certificate);
            assert_eq!(held.len(), 4);
        });
    });
}

/// Where there are several cards, or a module that shows the same one, their names tell them apart: all have them.
#[test]
fn n108_several_tokens_in_sight_have_their_names() {
    const SECOND: &str = "Second Reader";
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            let first = readers.piv(0);
            wait_until_present(YUBIKEY);
            let program = Path::new(env!("CARGO_BIN_EXE_trien"));
            runtime().block_on(async {
                let beside = [ModuleConfig::new("opensc", OPENSC.into())];
                let modules = Modules::new(&beside, program, Deadlines::default())
                    .with_cards(program, Deadlines::default());
                let shown = glanced(&modules).await;
                assert!(shown.is_named());
                assert_eq!(shown.entry().id.module, "piv");
            });
            let second = readers.blank(1, &["piv"]);
            wait_until_present(SECOND);
            readers.run("yubico-piv-tool", &["-r", "Second", "-a", "set-chuid"]);
            runtime().block_on(async {
                let tokens = TokenSource::glance(&modules()).await.tokens;
                let numbers: HashSet<_> = tokens.iter().map(|token| &token.entry().id.serial).collect();
                assert_eq!(numbers.len(), 2, "{numbers:?}");
                assert!(tokens.iter().all(|token| token.is_named()));
            });
            drop((first, second));
        },
    );
}
