//! Work with a token through a vendor's module as the daemon does it, with OpenSSL as the judge.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, HeldCertificate, KeyRef, LoginError, ModuleToken, Modules, Signable, SigningSession, Token,
    TokenEntry,
};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};

use super::{CARD_PIN, OPENSC, Opencryptoki, YKCS11};
use crate::support::Desk;

pub const RSA: SignatureAlgorithm = SignatureAlgorithm::RsaPkcs1(Hash::Sha256);
pub const ECDSA: SignatureAlgorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// OpenSC's module, as discovery finds it.
pub fn opensc() -> ModuleConfig {
    ModuleConfig::new("opensc", OPENSC.into())
}

/// Yubico's.
pub fn ykcs11() -> ModuleConfig {
    ModuleConfig::new("ykcs11", YKCS11.into())
}

/// These modules, without our own driver.
pub fn modules(configs: &[ModuleConfig]) -> Modules {
    modules_within(configs, Deadlines::default())
}

pub fn modules_within(configs: &[ModuleConfig], deadlines: Deadlines) -> Modules {
    Modules::new(configs, Path::new(env!("CARGO_BIN_EXE_trien")), deadlines)
}

/// The tokens that are ready, of modules that all work.
pub async fn tokens(modules: &Modules) -> Vec<ModuleToken> {
    let sight = modules.look().await;
    assert!(sight.failures.is_empty(), "{:?}", sight.failures);
    let ready = sight.tokens.into_iter().filter(|token| token.entry().initialized);
    ready.collect()
}

/// The only one. A card that was put in is powered a moment before pcscd says that it is there: until then there is none.
pub async fn only_token(modules: &Modules) -> ModuleToken {
    let until = Instant::now() + super::PATIENCE;
    let mut found = tokens(modules).await;
    while found.is_empty() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
        found = tokens(modules).await;
    }
    let entries: Vec<_> = found.iter().map(|token| token.entry().clone()).collect();
    assert_eq!(found.len(), 1, "{entries:?}");
    found.remove(0)
}

/// One that fits, once the service, the card and the module are there again.
pub async fn token_in_time(modules: &Modules, wanted: impl Fn(&TokenEntry) -> bool) -> ModuleToken {
    let until = Instant::now() + super::PATIENCE;
    loop {
        let sight = modules.look().await;
        let mut fitting = sight.tokens.into_iter().filter(|token| wanted(token.entry()));
        if let Some(token) = fitting.next() {
            return token;
        }
        assert!(
            Instant::now() < until,
            "no token: {:?}; in the readers: {:?}",
            sight.failures,
            super::in_readers()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// opencryptoki's token, whose user has changed the PIN that the officer gave him, with its key.
pub async fn ready_opencryptoki(ock: &Opencryptoki, modules: &Modules) -> ModuleToken {
    ock.issue("ock");
    let token = token_in_time(modules, |entry| entry.id.label == "ock").await;
    let [first, own] = [Opencryptoki::FIRST_PIN, CARD_PIN].map(|pin| lines(&format!("{pin}\n")));
    token.change_pin(first, own).await.unwrap();
    ock.generate();
    token
}

/// A key without its certificate.
pub fn key(token: &ModuleToken, id: &[u8]) -> KeyRef {
    KeyRef {
        token: token.entry().id.clone(),
        id: id.to_vec(),
        public_key: None,
    }
}

/// A pipe with these lines in it.
pub fn lines(lines: &str) -> OwnedFd {
    let (reading, mut writing) = std::io::pipe().unwrap();
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

/// Logged in with the right PIN.
pub async fn logged_in(token: &ModuleToken, key: &KeyRef) -> Result<Box<dyn SigningSession>, LoginError> {
    logged_in_with(token, key, &format!("{CARD_PIN}\n")).await
}

/// Logged in with the first of these lines; the others are there for signatures that want a PIN of their own.
pub async fn logged_in_with(
    token: &ModuleToken,
    key: &KeyRef,
    pins: &str,
) -> Result<Box<dyn SigningSession>, LoginError> {
    let mut session = token.open(key).await?;
    session.attach_pin_pipe(lines(pins)).await?;
    match session.login().await {
        Ok(()) => Ok(session),
        Err(error) => {
            session.close().await;
            Err(error)
        }
    }
}

/// From the login to the logout.
pub async fn sign_once(
    token: &ModuleToken,
    key: &KeyRef,
    algorithm: SignatureAlgorithm,
    message: &[u8],
) -> Result<Vec<u8>, LoginError> {
    let mut session = logged_in(token, key).await?;
    let signed = session.sign(&signable(algorithm, message), false).await;
    session.close().await;
    signed
}

/// Who says whether a signature is good: OpenSSL, with a folder for its files.
pub struct Judge<'a> {
    pub folder: &'a Path,
}

impl Judge<'_> {
    /// The public key of a certificate on a token, as a file.
    pub fn key_of(&self, held: &HeldCertificate) -> PathBuf {
        let (certificate, key) = (self.folder.join("certificate.der"), self.folder.join("key.pem"));
        std::fs::write(&certificate, held.certificate.as_der()).unwrap();
        let mut openssl = Command::new("openssl");
        openssl
            .args(["x509", "-inform", "DER", "-noout", "-pubkey", "-in"])
            .arg(&certificate);
        std::fs::write(&key, crate::support::succeed(&mut openssl)).unwrap();
        key
    }

    /// Whether `raw`, as a token gives it, is a signature of that message by that key.
    #[track_caller]
    pub fn verify(&self, key: &Path, algorithm: SignatureAlgorithm, message: &[u8], raw: &[u8]) {
        let value = SignatureValue::from_token(algorithm, raw).unwrap();
        let (signature, data) = (self.folder.join("signature"), self.folder.join("data"));
        std::fs::write(&signature, value.as_bytes()).unwrap();
        std::fs::write(&data, message).unwrap();
        let digest = match algorithm.hash() {
            Hash::Sha256 => "-sha256",
            Hash::Sha384 => "-sha384",
            Hash::Sha512 => "-sha512",
            other => panic!("{other:?}"),
        };
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", digest, "-verify"]).arg(key);
        if matches!(algorithm, SignatureAlgorithm::RsaPss(_)) {
            openssl.args([
                "-sigopt",
                "rsa_padding_mode:pss",
                "-sigopt",
                "rsa_pss_saltlen:digest",
            ]);
        }
        let said = crate::support::succeed(openssl.arg("-signature").arg(&signature).arg(&data));
        assert_eq!(said.trim(), "Verified OK", "{algorithm:?}");
    }
}

/// The process of this one's that drives a module or a reader, by a word of its command line.
#[track_caller]
pub fn worker(word: &str) -> u32 {
    let found = crate::support::daemon::child_pids(std::process::id(), word);
    let [worker] = found[..] else {
        panic!("{word}: {found:?}")
    };
    worker
}

/// The processor time of a process, in clock ticks.
pub fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// A desk whose program has OpenSC's module and nothing else.
pub fn desk_with_opensc() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let config = format!(
        "[websocket]\nport = 0\n[cards]\npiv = false\n[[modules]]\nname = \"opensc\"\npath = {OPENSC:?}\n"
    );
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    desk
}

pub fn descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// The same once it has been steady for a second: a prompt is made ready after each question, beside the reply.
pub fn steady_descriptors(process: u32) -> usize {
    let (mut seen, mut since) = (descriptors(process), Instant::now());
    let deadline = Instant::now() + Duration::from_secs(30);
    while since.elapsed() < Duration::from_secs(1) {
        assert!(
            Instant::now() < deadline,
            "the descriptors of {process} never rest"
        );
        std::thread::sleep(Duration::from_millis(50));
        if descriptors(process) != seen {
            (seen, since) = (descriptors(process), Instant::now());
        }
    }
    seen
}

/// What a process has written and keeps, in KiB. The pages of programs and libraries are left out: how many of those are
/// there is between the kernel and its cache, and changes by hundreds of KiB while nothing is called.
pub fn anonymous(process: u32) -> u64 {
    let sums = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
    let line = sums.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
