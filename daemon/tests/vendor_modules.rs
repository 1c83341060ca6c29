//! Modules that others wrote, through our workers: many signatures in a row, keys that want their PIN each time.

#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

#[path = "support/module.rs"]
mod module;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use module::software_token;
use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, KeyAlgorithm, KeyRef, LoginError, ModuleSession, ModuleToken, Modules, PinState, Signable,
    SigningSession, Token,
};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trien");
const PIN: &str = "12345678";
const SIGNATURES: usize = 1000;

fn pipe(lines: &str) -> OwnedFd {
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writing, lines.as_bytes()).unwrap();
    reading
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// SoftHSM with a token of its own, and a key that wants its PIN for each signature.
fn softhsm(folder: &Path) -> ModuleConfig {
    let library = PathBuf::from("/usr/lib/softhsm/libsofthsm2.so");
    assert!(library.exists(), "install softhsm2: .ci/packages.sh test");
    std::fs::create_dir(folder.join("softhsm")).unwrap();
    let config = folder.join("softhsm2.conf");
    std::fs::write(
        &config,
        format!("directories.tokendir = {}\n", folder.join("softhsm").display()),
    )
    .unwrap();
    run(Command::new("softhsm2-util")
        .args([
            "--init-token",
            "--free",
            "--label",
            "soft",
            "--pin",
            PIN,
            "--so-pin",
            PIN,
        ])
        .env("SOFTHSM2_CONF", &config));
    run(Command::new("pkcs11-tool")
        .arg("--module")
        .arg(&library)
        .args([
            "--login",
            "--pin",
            PIN,
            "--keypairgen",
            "--key-type",
            "EC:prime256v1",
        ])
        .args(["--always-auth", "--label", "always", "--id", "a1"])
        .env("SOFTHSM2_CONF", &config));
    let mut module = ModuleConfig::new("softhsm2", library);
    module.folders.push(folder.to_owned());
    module.variables = vec![("SOFTHSM2_CONF".to_owned(), config.into())];
    module
}

/// Our own, as one vendor's module among others.
fn ours(folder: &Path) -> ModuleConfig {
    std::fs::write(folder.join("pin"), format!("{PIN}\n")).unwrap();
    run(Command::new(PROGRAM)
        .args(["token", "init", "--label", "ours", "--pin-file"])
        .arg(folder.join("pin"))
        .arg("--so-pin-file")
        .arg(folder.join("pin"))
        .env("TRIEN_HOME", folder));
    let mut module = ModuleConfig::new("software", software_token());
    module.folders.push(folder.to_owned());
    module.variables = vec![("TRIEN_HOME".to_owned(), folder.into())];
    module
}

async fn token(modules: &Modules, label: &str) -> ModuleToken {
    let sight = modules.look().await;
    let mut found = sight
        .tokens
        .into_iter()
        .filter(|token| token.entry().id.label == label);
    found
        .next()
        .unwrap_or_else(|| panic!("{label}: {:?}", sight.failures))
}

async fn administered(token: &ModuleToken) -> ModuleSession {
    let mut session = token.administer().await.unwrap();
    session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await.unwrap();
    session.login().await.unwrap();
    session
}

fn signable(number: usize) -> Signable {
    Signable {
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        digest: Hash::Sha256.digest(&number.to_be_bytes()),
        message: None,
    }
}

/// Open descriptors and resident memory (in kB) of the processes below this one that load a library; none where the
/// system does not let us look into them.
fn costs(library: &Path) -> Option<(usize, u64)> {
    let word = library.display().to_string();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let worker = processes.map(|entry| entry.path()).find(|path| {
        let line = std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        line.contains("module-worker") && line.contains(&word) && is_child(path)
    })?;
    let status = std::fs::read_to_string(worker.join("status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident = resident.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((std::fs::read_dir(worker.join("fd")).ok()?.count(), resident))
}

fn is_child(process: &Path) -> bool {
    let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
    let parent = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(1));
    parent == Some(std::process::id().to_string().as_str())
}

#[tokio::test]
async fn a_thousand_signatures_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let configs = [softhsm(folder.path()), ours(folder.path())];
    let modules = Modules::new(&configs, Path::new(PROGRAM), Deadlines::default());
    for (label, config) in ["soft", "ours"].into_iter().zip(&configs) {
        let token = token(&modules, label).await;
        let session = administered(&token).await;
        let key = session
            .generate(KeyAlgorithm::P256, "many", None)
            .await
            .unwrap()
            .key;
        Box::new(session).close().await;
        let mut session = token.open(&key).await.unwrap();
        session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await.unwrap();
        session.login().await.unwrap();
        let mut before = None;
        for number in 0..SIGNATURES {
            let signature = session.sign(&signable(number), false).await.unwrap();
            assert_eq!(signature.len(), 64);
            // What is made at the first signatures is there to stay.
            if number == 100 {
                before = costs(&config.path);
            }
        }
        let after = costs(&config.path);
        session.close().await;
        if let (Some((files, memory)), Some((files_now, memory_now))) = (before, after) {
            assert_eq!(files, files_now, "{label}");
            assert!(
                memory_now < memory + 160,
                "{label}: {memory} kB, then {memory_now} kB"
            );
        }
    }
}

#[tokio::test]
async fn a_key_of_others_that_wants_its_pin_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let modules = Modules::new(
        &[softhsm(folder.path())],
        Path::new(PROGRAM),
        Deadlines::default(),
    );
    let token = token(&modules, "soft").await;
    let key = KeyRef {
        token: token.entry().id.clone(),
        id: vec![0xa1],
        public_key: None,
    };
    let mut session = token.open(&key).await.unwrap();
    session
        .attach_pin_pipe(pipe(&format!("{PIN}\n{PIN}\n99999999\n{PIN}\n")))
        .await
        .unwrap();
    session.login().await.unwrap();
    assert_eq!(
        session.sign(&signable(1), false).await.unwrap().len(),
        64,
        "with the PIN of the login"
    );
    assert!(matches!(
        session.sign(&signable(2), false).await,
        Err(LoginError::NoPin)
    ));
    assert_eq!(session.sign(&signable(2), true).await.unwrap().len(), 64);
    // A wrong one leaves the operation as it is, and the next one ends it.
    assert!(matches!(
        session.sign(&signable(3), true).await,
        Err(LoginError::Incorrect {
            now: PinState::FewTries | PinState::Ready
        })
    ));
    assert_eq!(session.sign(&signable(3), true).await.unwrap().len(), 64);
    session.close().await;
}
