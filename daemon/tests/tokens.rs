//! Tokens through the front door: the program with the software token, and the module's process when it dies or hangs.

#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

#[path = "support/module.rs"]
mod module;

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use module::software_token;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, LoginError, Modules, PinNeed, PinState, Signable, SigningSession, Token, TokenError,
};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trien");
const LABEL: &str = "Thử nghiệm";
const PIN: &str = "1234567";

/// A `TRIEN_HOME` of its own.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        software_token();
        let home = Self(tempfile::tempdir().unwrap());
        home.file("pin", &format!("{PIN}\nanother line\n"));
        home.file("so-pin", "87654321");
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Runs a verb; `@name` stands for a file of this folder.
    fn run(&self, words: &[&str]) -> Output {
        let words = words.iter().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).display().to_string(),
            None => (*word).to_owned(),
        });
        Command::new(PROGRAM)
            .args(words)
            .args(["--json", "--lang", "en"])
            .env("TRIEN_HOME", self.0.path())
            .output()
            .unwrap()
    }

    fn ok(&self, words: &[&str]) -> Value {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The exit code and the error's name.
    fn refused(&self, words: &[&str]) -> (i32, String) {
        let output = self.run(words);
        let told: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"));
        (
            output.status.code().unwrap(),
            told["error"]["code"].as_str().unwrap().to_owned(),
        )
    }

    fn with_token() -> Self {
        let home = Self::new();
        home.ok(&[
            "token",
            "init",
            "--label",
            LABEL,
            "--pin-file",
            "@pin",
            "--so-pin-file",
            "@so-pin",
        ]);
        home
    }

    fn generate(&self, algorithm: &str, key: &str, pin: &str) -> Output {
        self.run(&[
            "token",
            "generate-key",
            "--token",
            LABEL,
            "--algorithm",
            algorithm,
            "--label",
            key,
            "--pin-file",
            pin,
        ])
    }

    /// The library's own view of the token, by a program that knows this home, and a module path no other test has.
    fn modules(&self, deadlines: Deadlines) -> Modules {
        let module = self.path("libtrien_pkcs11.so");
        // A copy: behind a link the file itself would be loaded.
        std::fs::copy(software_token(), &module).unwrap();
        let home = self.0.path().display();
        let script = self.file(
            "trien",
            &format!("#!/bin/sh\nTRIEN_HOME='{home}' exec '{PROGRAM}' \"$@\"\n"),
        );
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        Modules::new(&[ModuleConfig::new("software", module)], &script, deadlines)
    }

    /// The process of that module.
    fn worker(&self) -> Pid {
        let module = self.path("libtrien_pkcs11.so").display().to_string();
        let ours = |pid: &i32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words
                .split(|byte| *byte == 0)
                .any(|word| word == module.as_bytes())
        };
        let pids = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Pid::from_raw(pids.filter(ours).max().unwrap()).unwrap()
    }
}

fn openssl(words: &[&str]) -> String {
    let output = Command::new("openssl").args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A certificate for a request, by a CA made on the spot.
fn issue(home: &Home, request: &str, certificate: &str) {
    let [key, ca, request, certificate] =
        ["ca.key", "ca.pem", request, certificate].map(|name| home.path(name).display().to_string());
    if !Path::new(&ca).exists() {
        openssl(&[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &ca, "-subj", "/CN=CA",
        ]);
    }
    openssl(&[
        "x509",
        "-req",
        "-in",
        &request,
        "-CA",
        &ca,
        "-CAkey",
        &key,
        "-CAcreateserial",
        "-out",
        &certificate,
    ]);
}

#[test]
fn a_token_lives_from_its_making_to_its_certificates() {
    let home = Home::with_token();
    for (algorithm, key) in [("rsa:2048", "rsa"), ("ec:p256", "p256"), ("ec:p384", "p384")] {
        assert!(home.generate(algorithm, key, "@pin").status.success());
        let (csr, pem) = (format!("@{key}.csr"), format!("{key}.pem"));
        let subject =
            r"C=VN, ST=Hà Nội, O=Công ty A\, B, CN=Trần Thị Hương, UID=MST:0100109106, UID=CCCD:001084000123";
        home.ok(&[
            "token",
            "request",
            "--token",
            LABEL,
            "--key",
            key,
            "--subject",
            subject,
            "--out",
            &csr,
            "--pin-file",
            "@pin",
        ]);
        let request = home.path(&csr[1..]).display().to_string();
        let told = openssl(&[
            "req",
            "-in",
            &request,
            "-verify",
            "-noout",
            "-subject",
            "-nameopt",
            "utf8,esc_2253,sep_comma_plus",
        ]);
        assert!(
            told.contains(r"C=VN,ST=Hà Nội,O=Công ty A\, B,CN=Trần Thị Hương,UID=MST:0100109106,UID=CCCD"),
            "{told}"
        );
        issue(&home, &csr[1..], &pem);
        let words = [
            "token",
            "install",
            "--token",
            LABEL,
            "--cert",
            &format!("@{pem}"),
            "--pin-file",
            "@pin",
        ];
        assert_eq!(home.ok(&words)["key"], *key);
        assert_eq!(
            home.ok(&words)["key"],
            *key,
            "a certificate that is there already stays"
        );
    }

    let tokens = home.ok(&["token", "list"]);
    let token = tokens
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["label"] == LABEL)
        .unwrap();
    assert_eq!(
        (&token["hardware"], &token["initialized"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert_eq!(
        (&token["pin"], &token["module"]),
        (&"ready".into(), &"software".into())
    );
    let certificates = home.ok(&["cert", "list"]);
    assert_eq!(certificates.as_array().unwrap().len(), 3);
    for certificate in certificates.as_array().unwrap() {
        assert_eq!(certificate["subject"]["common_name"], "Trần Thị Hương");
        assert_eq!(certificate["subject"]["tax_code"], "0100109106");
        assert_eq!(certificate["subject"]["citizen_id"], "001084000123");
        assert_eq!(certificate["status"], "unknown");
        assert_eq!(
            (&certificate["key"], &certificate["valid_now"]),
            (&Value::Bool(true), &Value::Bool(true))
        );
    }
}

#[test]
fn a_pin_that_is_wrong_or_none_is_told_apart() {
    let home = Home::with_token();
    let long = "1".repeat(300);
    for (name, content, code) in [
        ("wrong", "7654321\n", "pin_incorrect"),
        ("empty", "\n", "pin_invalid"),
        ("long", long.as_str(), "pin_invalid"),
        // Nobody left a question: the file was given, and what is in it cannot be a PIN.
        ("nothing", "", "pin_invalid"),
    ] {
        home.file(name, content);
        let pin = format!("@{name}");
        let words = [
            "token",
            "generate-key",
            "--token",
            LABEL,
            "--algorithm",
            "ec:p256",
            "--label",
            "k",
            "--pin-file",
            &pin,
        ];
        let (exit, told) = home.refused(&words);
        assert_eq!((exit, told.as_str()), (1, code), "{name}");
    }
    assert!(
        home.generate("ec:p256", "k", "@pin").status.success(),
        "the right PIN still works"
    );
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let home = Home::with_token();
    assert!(home.generate("ec:p256", "k", "@pin").status.success());
    let request = ["--subject", "CN=x", "--out", "@x.csr", "--pin-file", "@pin"];
    let with = |words: &[&str]| home.refused(&[words, &request].concat());
    assert_eq!(
        with(&["token", "request", "--token", "nope", "--key", "k"]),
        (3, "token-unknown".into())
    );
    assert_eq!(
        with(&["token", "request", "--token", LABEL, "--key", "nope"]),
        (3, "token-key-unknown".into())
    );
    assert!(!home.path("x.csr").exists());
    home.ok(&[
        &["token", "request", "--token", LABEL, "--key", "k"],
        &request[..],
    ]
    .concat());
    issue(&home, "x.csr", "x.pem");
    let install = |file| {
        home.refused(&[
            "token",
            "install",
            "--token",
            LABEL,
            "--cert",
            file,
            "--pin-file",
            "@pin",
        ])
    };
    assert_eq!(install("@ca.pem"), (3, "token-certificate-of-no-key".into()));
    assert_eq!(install("@pin"), (3, "token-no-certificate".into()));
    assert_eq!(home.ok(&["cert", "list"]), Value::Array(Vec::new()));
    let init = [
        "token",
        "init",
        "--label",
        LABEL,
        "--pin-file",
        "@pin",
        "--so-pin-file",
        "@so-pin",
    ];
    assert_eq!(home.refused(&init), (2, "token-label-taken".into()));
    let key = [
        "token",
        "generate-key",
        "--token",
        LABEL,
        "--algorithm",
        "ec:p256",
        "--label",
        "k",
        "--pin-file",
        "@pin",
    ];
    assert_eq!(home.refused(&key), (2, "token-key-taken".into()));
}

fn pipe_with(content: &str) -> OwnedFd {
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writing, content.as_bytes()).unwrap();
    reading
}

/// Logged in, with a key that signs with P-256.
async fn unlocked(modules: &Modules) -> (Box<dyn SigningSession>, Vec<u8>) {
    let token = modules
        .look()
        .await
        .tokens
        .into_iter()
        .find(|token| token.entry().initialized)
        .unwrap();
    // A session that was left closes a moment later.
    let mut administered = token.administer().await;
    for _ in 0..2000 {
        if !matches!(administered, Err(TokenError::Busy)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        administered = token.administer().await;
    }
    let mut administration = administered.unwrap();
    assert!(
        matches!(token.administer().await, Err(TokenError::Busy)),
        "one session a token"
    );
    administration
        .attach_pin_pipe(pipe_with(&format!("{PIN}\n")))
        .await
        .unwrap();
    administration.login().await.unwrap();
    let key = administration.keys().await.unwrap().pop().unwrap();
    Box::new(administration).close().await;
    let mut session = token.open(&key.key).await.unwrap();
    assert!(matches!(
        session.pin().await,
        Ok(PinNeed::Pipe {
            state: PinState::Ready,
            ..
        })
    ));
    assert!(
        matches!(
            session.sign(&signable(), false).await,
            Err(LoginError::Token(TokenError::LoginNeeded))
        ),
        "its own login, not another's"
    );
    session
        .attach_pin_pipe(pipe_with(&format!("\n9999999\n{PIN}\n")))
        .await
        .unwrap();
    assert!(matches!(session.login().await, Err(LoginError::Invalid)));
    assert!(matches!(session.login().await, Err(LoginError::Incorrect { .. })));
    session.login().await.unwrap();
    (session, key.public_key.unwrap())
}

fn signable() -> Signable {
    let digest = Hash::Sha256.digest(b"document");
    Signable {
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        digest,
        message: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_killed_in_the_middle_of_a_signature_costs_that_signature() {
    let home = Home::with_token();
    assert!(home.generate("ec:p256", "k", "@pin").status.success());
    let modules = home.modules(Deadlines::default());
    let (mut session, public_key) = unlocked(&modules).await;
    let signature = SignatureValue::from_token(
        signable().algorithm,
        &session.sign(&signable(), false).await.unwrap(),
    )
    .unwrap();
    let key = trien_signatures::algorithm::PublicKey::from_spki_der(&public_key);
    key.verify(signable().algorithm, b"document", &signature).unwrap();

    let worker = home.worker();
    kill_process(worker, Signal::STOP).unwrap();
    let signing = tokio::spawn(async move { session.sign(&signable(), false).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    kill_process(worker, Signal::KILL).unwrap();
    assert!(matches!(
        signing.await.unwrap(),
        Err(LoginError::Token(TokenError::Crashed))
    ));
    assert_eq!(
        modules.look().await.failures.len(),
        0,
        "the next request starts it again"
    );
    assert_ne!(home.worker(), worker);
    unlocked(&modules).await.0.sign(&signable(), false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_hangs_is_ended_at_its_deadline() {
    let home = Home::with_token();
    assert!(home.generate("ec:p256", "k", "@pin").status.success());
    let modules = home.modules(Deadlines {
        sign: Duration::from_secs(4),
        ..Deadlines::default()
    });
    let (mut session, _) = unlocked(&modules).await;
    let worker = home.worker();
    kill_process(worker, Signal::STOP).unwrap();
    let begun = Instant::now();
    assert!(matches!(
        session.sign(&signable(), false).await,
        Err(LoginError::Token(TokenError::Hung { seconds: 4 }))
    ));
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(
        matches!(
            session.sign(&signable(), false).await,
            Err(LoginError::Token(TokenError::Crashed))
        ),
        "nobody is logged in again"
    );
    assert_eq!(modules.look().await.failures.len(), 0);
    unlocked(&modules).await.0.sign(&signable(), false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_does_not_confuse_the_next() {
    let home = Home::with_token();
    assert!(home.generate("ec:p256", "k", "@pin").status.success());
    let modules = home.modules(Deadlines::default());
    let (mut session, _) = unlocked(&modules).await;
    for _ in 0..20 {
        let left = tokio::time::timeout(Duration::from_micros(50), session.sign(&signable(), false)).await;
        drop(left);
        assert_eq!(modules.look().await.failures.len(), 0);
    }
    session.sign(&signable(), false).await.unwrap();
    drop(session);
    unlocked(&modules).await.0.close().await;
}

#[tokio::test]
async fn a_library_that_is_no_module_is_told() {
    let home = Home::new();
    let library = home.file("no.so", "no library");
    let modules = Modules::new(
        &[ModuleConfig::new("no", library)],
        Path::new(PROGRAM),
        Deadlines::default(),
    );
    let failures = modules.look().await.failures;
    assert!(
        matches!(failures.as_slice(), [(name, TokenError::Library(_) | TokenError::Load(_))] if name == "no"),
        "{failures:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_left_while_the_module_hangs_is_closed_when_it_answers_again() {
    let home = Home::with_token();
    assert!(home.generate("ec:p256", "k", "@pin").status.success());
    let modules = home.modules(Deadlines {
        enumerate: Duration::from_secs(6),
        ..Deadlines::default()
    });
    let (mut session, _) = unlocked(&modules).await;
    let worker = home.worker();
    kill_process(worker, Signal::STOP).unwrap();
    let left = tokio::time::timeout(Duration::from_millis(200), session.sign(&signable(), false)).await;
    assert!(left.is_err());
    drop(session);
    // Longer than anything but a signature has.
    tokio::time::sleep(Duration::from_secs(7)).await;
    kill_process(worker, Signal::CONT).unwrap();
    unlocked(&modules).await.0.sign(&signable(), false).await.unwrap();
    assert_eq!(home.worker(), worker, "the same process");
}
