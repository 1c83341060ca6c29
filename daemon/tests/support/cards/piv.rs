//! What the tests of our own PIV driver have in common.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use trien::tokens::{Deadlines, KeyRef, LoginError, ModuleToken, Modules, Signable, SigningSession, Token};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};

use super::{CARD_PIN, Readers, public_key};

pub const YUBIKEY: &str = "Yubico YubiKey CCID";

pub const RSA: SignatureAlgorithm = SignatureAlgorithm::RsaPkcs1(Hash::Sha256);

pub fn modules() -> Modules {
    modules_within(Deadlines::default())
}

/// With our driver alone.
pub fn modules_within(deadlines: Deadlines) -> Modules {
    let program = Path::new(env!("CARGO_BIN_EXE_trien"));
    Modules::new(&[], program, deadlines).with_cards(program, deadlines)
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub async fn only_token(modules: &Modules) -> ModuleToken {
    let mut sight = modules.look().await;
    assert!(sight.failures.is_empty(), "{:?}", sight.failures);
    assert_eq!(sight.tokens.len(), 1);
    sight.tokens.remove(0)
}

/// The token, once the service and the card are there again.
pub async fn token_in_time(modules: &Modules) -> ModuleToken {
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

pub fn key(token: &ModuleToken, slot: u8, algorithm: u8) -> KeyRef {
    KeyRef {
        token: token.entry().id.clone(),
        id: vec![slot, algorithm],
        public_key: None,
    }
}

/// A pipe with these lines in it.
pub fn lines(lines: &str) -> OwnedFd {
    let (reading, writing) = std::io::pipe().unwrap();
    let mut writing = writing;
    writing.write_all(lines.as_bytes()).unwrap();
    reading.into()
}

pub fn signable(algorithm: SignatureAlgorithm, message: &[u8]) -> Signable {
    Signable {
        algorithm,
        digest: algorithm.hash().digest(message),
        message: None,
    }
}

pub async fn logged_in(token: &ModuleToken, key: &KeyRef) -> Result<Box<dyn SigningSession>, LoginError> {
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
        crate::support::succeed(openssl.arg(&data)).trim(),
        "Verified OK",
        "{slot} {algorithm:?}"
    );
}

pub fn json(command: &mut Command) -> Value {
    serde_json::from_str(&crate::support::succeed(command.arg("--json"))).unwrap()
}

/// An empty VERIFY by somebody else tells the count.
pub fn tries_left(readers: &Readers) -> u8 {
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
