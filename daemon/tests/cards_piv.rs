//! PIV cards by our own driver: real applets behind a real pcscd, with OpenSSL as the judge of each signature.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::cards::piv::*;
use support::cards::scene::{self, Judge};
use support::cards::{
    CARD_PIN, OPENSC, PATIENCE, ReaderPlan, Readers, VirtualCard, YKCS11, on_readers, personalised,
    wait_until_empty, wait_until_present,
};
use support::{Desk, fail, succeed};
use trien::config::ModuleConfig;
use trien::tokens::pcsc::apdu;
use trien::tokens::pcsc::card::{self, Link, Watch};
use trien::tokens::pcsc::piv::slot::Slot;
use trien::tokens::pcsc::piv::{ManagementKey, Piv};
use trien::tokens::{Deadlines, LoginError, ModuleToken, Modules, PinNeed, PinState, Token, TokenError};
use trien_signatures::algorithm::{Hash, PublicKeyKind, SignatureAlgorithm};
use trien_signatures::certificate::Certificate;

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
            assert_eq!(entry.pin, PinState::Tries(3));
            let held = token.certificates().await.unwrap();
            let slots: Vec<_> = held.iter().map(|one| one.label.as_str()).collect();
            assert_eq!(slots, ["9c", "9a", "9d", "9e"]);
            assert!(held.iter().all(|one| one.key.is_some()));
            let pss = SignatureAlgorithm::RsaPss(Hash::Sha384);
            let ecdsa = SignatureAlgorithm::Ecdsa(Hash::Sha512);
            for (slot, algorithm) in [("9c", RSA), ("9a", RSA), ("9a", pss), ("9d", ecdsa)] {
                let one = held.iter().find(|one| one.label == slot).unwrap();
                let mut session = token.open(one.key.as_ref().unwrap()).await.unwrap();
                session.attach_pin_pipe(lines("123456\n123456\n")).await.unwrap();
                session.login().await.unwrap();
                for (typed, message) in [(false, &b"first"[..]), (true, b"second")] {
                    let signed = session.sign(&signable(algorithm, message), typed).await.unwrap();
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
                    state: PinState::Tries(3),
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

#[test]
fn n122_of_two_cards_each_is_itself_wherever_it_is_put() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain("Second Reader")],
        |readers| {
            let first = readers.piv(0);
            let second = readers.blank(1, &["piv"]);
            let both_are_in = || [YUBIKEY, "Second Reader"].map(wait_until_present);
            both_are_in();
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
            both_are_in();
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

/// An answer to reset of the ePass2003.
const EPASS2003: &str = "3b9f958131fe9f006646530512343371df00000102030405";

/// The whole way of a new key: made on the card, requested, certified, installed, used.
#[test]
fn keys_are_generated_certified_installed_and_sign_what_openssl_verifies() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        // Its answer to reset is that of another maker's, which names it and no more.
        let card = readers.piv_with(0, &["--atr", EPASS2003]);
        let desk = Desk::new();
        std::fs::write(desk.path("card-pin"), CARD_PIN).unwrap();
        let pin = desk.path("card-pin");
        let listed = json(&mut desk.trien(["token", "list"]));
        assert!(
            listed[0]["reader"].as_str().unwrap().starts_with(YUBIKEY),
            "{listed}"
        );
        assert_eq!(listed[0]["card"], "Feitian ePass2003");
        let told = succeed(&mut desk.trien(["token", "list", "--lang", "en"]));
        assert!(
            told.contains(&format!("in reader {YUBIKEY}")) && told.contains(": card Feitian ePass2003"),
            "{told}"
        );
        let label = listed[0]["label"].as_str().unwrap().to_owned();
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
            "86",
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

/// A card without certificates says nothing by which two modules' tokens could be told to be one. What was not to be seen
/// then is not taken for an answer once its keys are certified.
#[test]
fn n108_a_card_that_was_blank_is_one_token_once_its_keys_are_certified() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.blank(0, &["piv"]);
        wait_until_present(YUBIKEY);
        readers.run("yubico-piv-tool", &["-r", YUBIKEY, "-a", "set-chuid"]);
        let program = Path::new(env!("CARGO_BIN_EXE_trien"));
        let modules = Modules::new(&[scene::ykcs11()], program, Deadlines::default())
            .with_cards(program, Deadlines::default());
        let runtime = runtime();
        let shown = || {
            let sight = runtime.block_on(modules.look());
            assert!(sight.failures.is_empty(), "{:?}", sight.failures);
            let modules = sight.tokens.iter().map(|token| token.entry().id.module.clone());
            modules.collect::<Vec<_>>()
        };
        let blank = shown();
        assert!(blank.contains(&"piv".to_owned()), "{blank:?}");
        generate(YUBIKEY, ["ec:p256"; 2]);
        // Yubico's module shows what it has read of a card until the card is put in anew.
        card.eject();
        wait_until_empty(YUBIKEY);
        card.insert();
        wait_until_present(YUBIKEY);
        let until = Instant::now() + PATIENCE;
        let mut after = shown();
        while after.is_empty() && Instant::now() < until {
            after = shown();
        }
        assert_eq!(after, ["piv"]);
    });
}

#[test]
fn a_compressed_certificate_that_another_program_put_on_the_card_is_read() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let (pem, der) = (personalised().join("issue/9a.pem"), readers.path("9a.der"));
        let mut convert = Command::new("openssl");
        succeed(
            convert
                .args(["x509", "-outform", "DER", "-in"])
                .arg(pem)
                .arg("-out")
                .arg(&der),
        );
        succeed(Command::new("gzip").arg("--keep").arg(&der));
        let packed = std::fs::read(readers.path("9a.der.gz")).unwrap();
        // Certificate, CertInfo, Error Detection Code (SP 800-73-4 part 1, table 10).
        let length = u16::try_from(packed.len()).unwrap().to_be_bytes();
        let object = [&[0x70, 0x82], &length[..], &packed, &[0x71, 1, 1, 0xfe, 0]].concat();
        let file = readers.path("object");
        std::fs::write(&file, object).unwrap();
        let words = [
            "-r",
            "YubiKey",
            "-a",
            "write-object",
            "--id",
            "0x5fc105",
            "-f",
            "binary",
            "-i",
        ];
        readers.run(
            "yubico-piv-tool",
            &[&words[..], &[file.to_str().unwrap()]].concat(),
        );
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let held = token.certificates().await.unwrap();
            let one = held.iter().find(|one| one.label == "9a").unwrap();
            assert_eq!(one.certificate.as_der(), std::fs::read(&der).unwrap());
            let mut session = logged_in(&token, one.key.as_ref().unwrap()).await.unwrap();
            let signed = session.sign(&signable(RSA, b"packed"), false).await.unwrap();
            judge(&readers, "9a", RSA, b"packed", &signed);
            session.close().await;
        });
    });
}

/// Two lines of `openssl rsa -text`: the number of that name, in big-endian order without leading zeros.
fn number(text: &str, name: &str) -> Vec<u8> {
    let lines = text.lines().skip_while(|line| !line.starts_with(name)).skip(1);
    let digits = lines.take_while(|line| line.starts_with(' '));
    let digits: String = digits
        .flat_map(|line| line.trim().replace(':', "").chars().collect::<Vec<_>>())
        .collect();
    let bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect();
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// The card takes minutes to make such a key, and a moment to take one in (`piv-authenticator` has Yubico's extension for
/// that: `FE`, in 9A alone).
#[test]
fn rsa_3072_signs_by_our_driver_and_by_opensc_and_openssl_agrees() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        let (private, public) = (readers.path("rsa3072.key"), readers.path("rsa3072.pub"));
        let certificate = readers.path("rsa3072.der");
        let openssl = |words: &[&str], files: &[&Path]| {
            let mut command = Command::new("openssl");
            let words = words.iter().map(|word| match *word {
                "KEY" => files[0].as_os_str(),
                "OUT" => files[1].as_os_str(),
                word => word.as_ref(),
            });
            succeed(command.args(words))
        };
        let files = [private.as_path(), public.as_path()];
        openssl(&["genrsa", "-out", "KEY", "3072"], &files);
        openssl(&["rsa", "-in", "KEY", "-pubout", "-out", "OUT"], &files);
        let text = openssl(&["rsa", "-in", "KEY", "-noout", "-text"], &files);
        let files = [private.as_path(), certificate.as_path()];
        let words = [
            "req",
            "-x509",
            "-new",
            "-key",
            "KEY",
            "-subj",
            "/CN=RSA 3072",
            "-outform",
            "DER",
            "-out",
            "OUT",
        ];
        openssl(&words, &files);
        {
            let (watch, context) = (Watch::default(), card::establish().unwrap());
            let reader = std::ffi::CString::new(format!("{YUBIKEY} 00 00")).unwrap();
            let mut link = Link::open(&context, &reader, &watch).unwrap();
            Piv::select(&mut link)
                .unwrap()
                .administer(&ManagementKey::usual())
                .unwrap();
            let parts = [
                (1, number(&text, "prime1")),
                (2, number(&text, "prime2")),
                (3, vec![1, 0, 1]),
            ];
            let parts = parts.map(|(tag, value)| match u8::try_from(value.len()).unwrap() {
                short @ ..0x80 => [&[tag, short][..], &value].concat(),
                long => [&[tag, 0x81, long][..], &value].concat(),
            });
            let import = apdu::Command::telling([0, 0xfe, 0x05, 0x9a], parts.concat().into());
            assert_eq!(link.send(&import).unwrap().status, apdu::Status::SUCCESS);
            let certificate = Certificate::from_der(&std::fs::read(&certificate).unwrap()).unwrap();
            let slot = Slot::named("9a").unwrap();
            Piv::selected(&mut link)
                .put_certificate(slot, &certificate)
                .unwrap();
        }
        runtime().block_on(async {
            let (pss, judge) = (
                SignatureAlgorithm::RsaPss(Hash::Sha512),
                Judge {
                    folder: &readers.path(""),
                },
            );
            let token = only_token(&modules()).await;
            let mut session = logged_in(&token, &key(&token, 0x9a, 0x05)).await.unwrap();
            for algorithm in [RSA, pss] {
                let signed = session.sign(&signable(algorithm, b"m"), false).await.unwrap();
                assert_eq!(signed.len(), 384);
                judge.verify(&public, algorithm, b"m", &signed);
            }
            session.close().await;
            let opensc = scene::modules(&[scene::opensc()]);
            let token = scene::only_token(&opensc).await;
            let signed = scene::sign_once(&token, &scene::key(&token, &[1]), RSA, b"m")
                .await
                .unwrap();
            judge.verify(&public, RSA, b"m", &signed);
        });
        drop(card);
    });
}

/// A blank card has each curve in each of the two slots in turn; RSA-2048 in both is [above](a_card_is_listed_signs_in_every_slot_and_openssl_agrees).
#[test]
fn either_curve_in_9a_and_9c_signs_and_9c_wants_its_pin_before_each_signature() {
    let plans = [YUBIKEY, "Second Reader"].map(ReaderPlan::plain);
    on_readers(&plans, |readers| {
        let cards = [0, 1].map(|index| readers.blank(index, &["piv"]));
        let algorithms = [["ec:p256", "ec:p384"], ["ec:p384", "ec:p256"]];
        for (plan, of_slots) in plans.iter().zip(algorithms) {
            generate_in_9a_and_9c(&readers, &plan.name, of_slots);
        }
        runtime().block_on(async {
            let modules = modules();
            let sight = modules.look().await;
            assert_eq!(sight.tokens.len(), 2, "{:?}", sight.failures);
            let mut seen = Vec::new();
            for token in &sight.tokens {
                let reader = token.entry().reader.clone().unwrap();
                let place = usize::from(!reader.starts_with(YUBIKEY));
                let kinds =
                    signs_in_9a_and_9c(&readers, token, &cards[place], SignatureAlgorithm::Ecdsa).await;
                seen.push((place, kinds));
            }
            seen.sort_by_key(|(place, _)| *place);
            let told = format!("{seen:?}");
            let kinds: Vec<_> = seen.into_iter().flat_map(|(_, kinds)| kinds).collect();
            let wanted = [
                PublicKeyKind::P256,
                PublicKeyKind::P384,
                PublicKeyKind::P384,
                PublicKeyKind::P256,
            ];
            assert_eq!(kinds, wanted, "{told}");
        });
    });
}

/// Random numbers by which the card finds the primes of two keys soon, instead of within a minute.
const SOON: &str = "7";

#[test]
fn rsa_3072_is_generated_in_9a_and_9c_and_signs_and_9c_wants_its_pin_before_each_signature() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.blank_with(0, &["--applet", "piv", "--seed", SOON]);
        generate_in_9a_and_9c(&readers, YUBIKEY, ["rsa:3072"; 2]);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            for of_hash in [SignatureAlgorithm::RsaPkcs1, SignatureAlgorithm::RsaPss] {
                let kinds = signs_in_9a_and_9c(&readers, &token, &card, of_hash).await;
                assert_eq!(kinds, [PublicKeyKind::Rsa { bits: 3072 }; 2]);
            }
        });
    });
}

/// The card in that reader is given a number, and keys of these algorithms, as somebody at the shell would.
fn generate_in_9a_and_9c(readers: &Readers, reader: &str, algorithms: [&str; 2]) {
    readers.run("yubico-piv-tool", &["-r", reader, "-a", "set-chuid"]);
    generate(reader, algorithms);
}

/// The same, of a card that has its number.
fn generate(reader: &str, algorithms: [&str; 2]) {
    let desk = Desk::bare();
    let pin = desk.path("card-pin");
    std::fs::write(&pin, CARD_PIN).unwrap();
    let sight = runtime().block_on(modules().look());
    let mut entries = sight.tokens.iter().map(Token::entry);
    let entry = entries.find(|entry| entry.is_in(&format!("{reader} 00 00")));
    let label = entry.unwrap().id.label.as_str();
    for (slot, algorithm) in ["9a", "9c"].into_iter().zip(algorithms) {
        let words = [
            "token",
            "generate-key",
            "--token",
            label,
            "--algorithm",
            algorithm,
        ];
        let mut generate = desk.trien(words);
        succeed(generate.args(["--label", slot, "--pin-file"]).arg(&pin));
    }
}

/// Signatures with each hash in 9A and in 9C, which OpenSSL agrees with; gives of which kinds the keys are, in this order.
async fn signs_in_9a_and_9c(
    readers: &Readers,
    token: &ModuleToken,
    card: &VirtualCard,
    of_hash: fn(Hash) -> SignatureAlgorithm,
) -> Vec<PublicKeyKind> {
    let judge = Judge {
        folder: &readers.path(""),
    };
    let mut held = token.certificates().await.unwrap();
    held.sort_by(|one, other| one.label.cmp(&other.label));
    let slots: Vec<_> = held.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(slots, ["9a", "9c"]);
    for one in &held {
        let public = judge.key_of(one);
        let key = one.key.as_ref().unwrap();
        let mut session = scene::logged_in_with(token, key, "123456\n123456\n123456\n")
            .await
            .unwrap();
        // The one of the login is the first signature's.
        card.order("reset-stats");
        let mut done = 0;
        for (made, hash) in (1..).zip([Hash::Sha256, Hash::Sha384, Hash::Sha512]) {
            let algorithm = of_hash(hash);
            let signable = signable(algorithm, b"m");
            let mut signed = session.sign(&signable, false).await;
            if one.label == "9c" && made > 1 {
                assert!(matches!(signed, Err(LoginError::NoPin)), "{signed:?}");
                assert_eq!(card.stats().of("87"), done, "nothing was signed");
                signed = session.sign(&signable, true).await;
            }
            done = card.stats().of("87");
            judge.verify(&public, algorithm, b"m", &signed.unwrap());
            // Before a PIN that was typed anew, the card is asked how many tries are left.
            let typed = if one.label == "9c" { 2 * (made - 1) } else { 0 };
            let logouts = card.stats().of("20") - typed;
            assert!(logouts <= made, "{}: {logouts}", one.label);
        }
        session.close().await;
    }
    held.iter().map(|one| one.certificate.public_key()).collect()
}

/// Two readers of one name, which PC/SC cannot tell apart: whoever connects by name reaches the same one. It is one token,
/// also where its card has no number, and the other card is left alone.
#[test]
fn n117_readers_of_one_name_are_one_and_the_other_card_is_left_alone() {
    let plans = ["Same Reader"; 2].map(ReaderPlan::plain);
    on_readers(&plans, |readers| {
        let cards = [0, 1].map(|index| readers.blank(index, &["piv"]));
        let sight = runtime().block_on(modules().look());
        let found: Vec<_> = sight
            .tokens
            .iter()
            .map(|token| token.entry().id.clone())
            .collect();
        assert_eq!((found.len(), sight.failures.len()), (1, 0), "{found:?}");
        drop(cards);
        wait_until_empty("Same Reader");
        let cards = [0, 1].map(|index| readers.piv(index));
        runtime().block_on(async {
            sign_once(&modules(), 0x9a).await.unwrap();
        });
        let mut signed = cards.map(|card| card.stats().of("87") > 0);
        signed.sort_unstable();
        assert_eq!(signed, [false, true]);
    });
}

/// The last byte of an answer to reset makes all of them cancel out (ISO/IEC 7816-3, 8.2.5). Here it does not.
#[test]
fn n117_an_answer_to_reset_with_a_wrong_check_byte_is_no_reason_to_fail() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv_with(0, &["--atr", "3b951381018073ff01000c"]);
        runtime().block_on(async {
            let modules = modules();
            let token = token_in_time(&modules).await;
            assert_eq!(token.entry().manufacturer, "");
            sign_once(&modules, 0x9a).await.unwrap();
        });
    });
}

/// T0 announces 15 historical bytes, and there are as many interface bytes before them as there may be: 33 in all.
const LONGEST: &str = "3bff959181b1fe551f0300000000000000000000000000000000000000000000ff";

/// An answer to reset has 33 bytes at most (ISO/IEC 7816-3, 8.2.1). With a long one and with the shortest the card signs; one
/// that names no protocol is told as what PC/SC makes of it, and nobody waits for it.
#[test]
fn n117_the_longest_and_the_shortest_answer_to_reset_are_taken_and_less_is_told() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        for (atr, answers) in [(LONGEST, true), ("3b00", true), ("3b", false)] {
            let card = readers.piv_with(0, &["--atr", atr]);
            wait_until_present(YUBIKEY);
            runtime().block_on(async {
                if answers {
                    let signed = sign_once(&modules(), 0x9a).await.unwrap();
                    judge(&readers, "9a", RSA, b"message", &signed);
                    return;
                }
                let began = Instant::now();
                let sight = modules().look().await;
                // SCARD_E_PROTO_MISMATCH
                let [(_, TokenError::Service { number: 0x8010_000f })] = &sight.failures[..] else {
                    panic!("{atr}: {:?}", sight.failures);
                };
                assert!(sight.tokens.is_empty() && began.elapsed() < Duration::from_secs(5));
            });
            drop(card);
            wait_until_empty(YUBIKEY);
        }
    });
}

/// A reader may be called anything: what would turn the text around it is shown as what it is, and a long name is worked with.
#[test]
fn n117_readers_of_long_and_disguised_names_are_worked_with_and_shown_as_what_they_are() {
    let (disguised, long) = ("Reader \u{202e}redaeR\u{2066}", "n".repeat(110));
    let names = [
        (disguised, "Reader \u{fffd}redaeR\u{fffd} 00 00"),
        (&long, &format!("{long} 00 00")),
    ];
    on_readers(&names.map(|(name, _)| ReaderPlan::plain(name)), |readers| {
        for (index, (name, shown)) in names.into_iter().enumerate() {
            let card = readers.piv(index);
            wait_until_present(name);
            runtime().block_on(async {
                let modules = modules();
                let token = token_in_time(&modules).await;
                assert_eq!(token.entry().reader.as_deref(), Some(shown));
                let signed = sign_once(&modules, 0x9a).await.unwrap();
                judge(&readers, "9a", RSA, b"message", &signed);
            });
            drop(card);
            wait_until_empty(name);
        }
    });
}
