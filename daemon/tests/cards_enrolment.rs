//! New keys on PIV cards: never in the place of what is there, and with all the signatures that belong to them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::ffi::CString;
use std::process::Command;

use support::cards::piv::*;
use support::cards::{CARD_PIN, ReaderPlan, Readers, on_readers, wait_until_present};
use support::{Desk, fail, succeed};
use trien::tokens::pcsc::card::{self, Link, Watch};
use trien::tokens::pcsc::piv::Piv;
use trien::tokens::pcsc::piv::slot::Slot;

/// A desk with a file of the card's PIN, and what the card is called.
fn desk_with_pin() -> (Desk, String) {
    let desk = Desk::bare();
    std::fs::write(desk.path("card-pin"), CARD_PIN).unwrap();
    let listed = json(&mut desk.trien(["token", "list"]));
    let label = listed[0]["label"].as_str().unwrap().to_owned();
    (desk, label)
}

fn generate(desk: &Desk, token: &str, slot: &str) -> Command {
    let mut command = desk.trien(["token", "generate-key", "--algorithm", "ec:p256"]);
    command.args(["--token", token, "--label", slot, "--pin-file"]);
    command.arg(desk.path("card-pin"));
    command
}

/// A certificate by a key of its own, as another program puts it on a card (SP 800-73-4 part 1, table 10).
fn certificate(readers: &Readers, algorithm: &[&str]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-new",
        "-nodes",
        "-subj",
        "/CN=Another",
        "-newkey",
    ]);
    command.args(algorithm).args(["-outform", "DER", "-keyout"]);
    let der = readers.path("another.der");
    command.arg(readers.path("another.key")).arg("-out").arg(&der);
    succeed(&mut command);
    let der = std::fs::read(der).unwrap();
    let length = u16::try_from(der.len()).unwrap().to_be_bytes();
    [&[0x70, 0x82], &length[..], &der, &[0x71, 1, 0, 0xfe, 0]].concat()
}

fn put(readers: &Readers, object: &str, content: &[u8]) {
    let file = readers.path("object");
    std::fs::write(&file, content).unwrap();
    let words = ["-r", "YubiKey", "-a", "write-object", "--id", object];
    let file = ["-f", "binary", "-i", file.to_str().unwrap()];
    readers.run("yubico-piv-tool", &[&words[..], &file[..]].concat());
}

#[test]
fn a_new_key_takes_no_slot_in_which_there_is_anything_however_it_is_spelt() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        // None of these is a key that is signed with here, and the slots before them are empty.
        put(&readers, "0x5fc10f", &certificate(&readers, &["ed25519"]));
        put(&readers, "0x5fc110", &certificate(&readers, &["rsa:1024"]));
        put(&readers, "0x5fc111", b"no certificate");
        let (desk, token) = desk_with_pin();
        card.order("reset-stats");
        for slot in ["9a", "9A", "9C", "84", "85", "86"] {
            let told = fail(generate(&desk, &token, slot).args(["--lang", "en"]), 2);
            assert!(told.contains("already"), "{slot}: {told}");
        }
        assert_eq!(card.stats().of("47"), 0, "{:?}", card.stats());
        // One whose certificate is still to come, where the card tells of it.
        card.order(&format!("answer f7 {METADATA}"));
        fail(&mut generate(&desk, &token, "87"), 2);
        assert_eq!(card.stats().of("47"), 0, "{:?}", card.stats());
        for name in ["9b", "Chữ ký"] {
            let told = fail(generate(&desk, &token, name).args(["--lang", "en"]), 2);
            assert!(told.contains("9a, 9c, 9d, 9e"), "{told}");
        }
        // An empty one is told of by its own name.
        let made = json(&mut generate(&desk, &token, "8A"));
        assert_eq!(made["label"], "8a");
        assert_eq!(card.stats().of("47"), 1);
        fail(&mut generate(&desk, &token, "8a"), 2);
        runtime().block_on(async {
            let signed = sign_once(&modules(), 0x9a).await.unwrap();
            judge(&readers, "9a", RSA, b"message", &signed);
        });
    });
}

/// As a YubiKey answers for a key on P-256: algorithm, policies, origin.
const METADATA: &str = "010111020202010301019000";

#[test]
fn a_slot_is_empty_only_where_the_card_says_so() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        let (watch, context) = (Watch::default(), card::establish().unwrap());
        let reader = CString::new(format!("{YUBIKEY} 00 00")).unwrap();
        let mut link = Link::open(&context, &reader, &watch).unwrap();
        Piv::select(&mut link).unwrap();
        let tells = format!("answer f7 {METADATA}");
        let answers = [
            ("9a", "", true),
            ("88", "", false),
            ("88", &*tells, true),
            ("88", "sw f7 6a88", false),
            ("9a", "sw f7 6a88", true),
            ("9a", "sw f7 6d00", true),
            ("88", "sw cb 6982", true),
            ("88", "sw cb 6a88", false),
            ("88", "answer cb 53009000", false),
            ("88", "answer cb 70019000", true),
        ];
        for (name, order, taken) in answers {
            card.order("clear");
            if !order.is_empty() {
                card.order(order);
            }
            let slot = Slot::named(name).unwrap();
            let said = Piv::selected(&mut link).is_taken(slot);
            assert_eq!(said, Ok(taken), "{name} {order}");
        }
    });
}

/// The PIN that was typed for the new key is that of its certificate and of its request, also where each signature wants it.
#[test]
fn a_key_in_9c_is_made_and_requested_with_one_pin() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.blank(0, &["piv"]);
        wait_until_present(YUBIKEY);
        readers.run("yubico-piv-tool", &["-r", YUBIKEY, "-a", "set-chuid"]);
        let (desk, token) = desk_with_pin();
        let request = desk.path("request.pem");
        let mut command = generate(&desk, &token, "9c");
        command.args([
            "--subject",
            "C=VN,CN=Nguyễn Văn An,UID=CCCD:079085000123",
            "--out",
        ]);
        succeed(command.arg(&request));
        let mut verify = Command::new("openssl");
        succeed(verify.args(["req", "-verify", "-noout", "-in"]).arg(&request));
        // It does not stay open for others.
        assert_eq!(tries_left(&readers), 3);
    });
}
