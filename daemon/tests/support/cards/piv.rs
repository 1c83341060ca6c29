//! What the tests of our own PIV driver have in common.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use trien::tokens::{Deadlines, KeyRef, LoginError, ModuleToken, Modules};
use trien_signatures::algorithm::SignatureAlgorithm;

use super::scene::{self, Judge};
use super::{Readers, public_key};

pub use super::scene::{RSA, lines, logged_in, only_token, runtime, signable};

pub const YUBIKEY: &str = "Yubico YubiKey CCID";

pub fn modules() -> Modules {
    modules_within(Deadlines::default())
}

/// With our driver alone.
pub fn modules_within(deadlines: Deadlines) -> Modules {
    let program = Path::new(env!("CARGO_BIN_EXE_trien"));
    Modules::new(&[], program, deadlines).with_cards(program, deadlines)
}

/// The token, once the service and the card are there again.
pub async fn token_in_time(modules: &Modules) -> ModuleToken {
    scene::token_in_time(modules, |_| true).await
}

/// The key of that algorithm in a slot.
pub fn key(token: &ModuleToken, slot: u8, algorithm: u8) -> KeyRef {
    scene::key(token, &[slot, algorithm])
}

pub async fn sign_once(modules: &Modules, slot: u8) -> Result<Vec<u8>, LoginError> {
    let token = token_in_time(modules).await;
    let mut session = logged_in(&token, &key(&token, slot, 0x07)).await?;
    let signed = session.sign(&signable(RSA, b"message"), false).await;
    session.close().await;
    signed
}

/// OpenSSL says whether the signature is good.
#[track_caller]
pub fn judge(readers: &Readers, slot: &str, algorithm: SignatureAlgorithm, message: &[u8], raw: &[u8]) {
    let folder = &readers.path("");
    Judge { folder }.verify(&public_key(slot), algorithm, message, raw);
}

pub fn json(command: &mut Command) -> Value {
    serde_json::from_str(&crate::support::succeed(command.arg("--json"))).unwrap()
}

/// Another program verifies the PIN and leaves the card so: PC/SC keeps that for whoever comes next.
pub fn left_verified(readers: &Readers) {
    let verify = "00:20:00:80:08:31:32:33:34:35:36:FF:FF";
    let said = readers.run(
        "opensc-tool",
        &["-s", "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00", "-s", verify],
    );
    assert!(said.trim_end().ends_with("(SW1=0x90, SW2=0x00)"), "{said}");
}

/// An empty VERIFY by somebody else tells the count.
#[track_caller]
pub fn tries_left(readers: &Readers) -> u8 {
    count_of_tries(readers).expect("a card that lets nobody in names a count")
}

/// The same; none where the PIN has been verified.
#[track_caller]
pub fn count_of_tries(readers: &Readers) -> Option<u8> {
    let said = readers.run(
        "opensc-tool",
        &[
            "-s",
            "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00",
            "-s",
            "00:20:00:80",
        ],
    );
    let (_, status) = said.rsplit_once("SW1=0x63, SW2=0xC")?;
    status[..1].parse().ok()
}

/// Words for `opensc-tool`: so many wrong PINs.
pub fn wrong_pins(tries: usize) -> Vec<&'static str> {
    let wrong = ["-s", "00:20:00:80:08:39:39:39:39:39:39:FF:FF"].repeat(tries);
    let select = ["-s", "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00"];
    [&select[..], &wrong].concat()
}

/// Somebody else tries so many wrong PINs.
pub fn spend(readers: &Readers, tries: usize) {
    readers.run("opensc-tool", &wrong_pins(tries));
}
