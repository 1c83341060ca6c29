//! A vendor's module is code of unknown quality: what it does costs one request, never the daemon, and never a PIN.
//!
//! The module is the simulator (`testdata/simulator`): the software token in the mood that a script says. Names begin
//! with the number of the case in our list of hostile inputs.

#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

#[path = "support/module.rs"]
mod module;

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use module::{simulator, software_token};
use trien::config::ModuleConfig;
use trien::tokens::library::{self, LibraryFault};
use trien::tokens::{
    Deadlines, Level, LoginError, Modules, PinNeed, PinState, Signable, SigningSession, Token, TokenError,
    TokenSource,
};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trien");
const PIN: &str = "12345678";
const TOKENS: &str = r#"
[[token]]
label = "hostile"
pin = "12345678"
[[token.key]]
label = "sign"
algorithm = "ec:p256"
certificate = { subject = "C=VN,CN=Người Thử" }
"#;

/// A token with one key, and the modules through which it is seen.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Self {
        Self::with(TOKENS)
    }

    fn with(tokens: &str) -> Self {
        software_token();
        simulator();
        let stage = Self(tempfile::tempdir().unwrap());
        let spec = stage.file("tokens.toml", tokens);
        let output = Command::new(PROGRAM)
            .args(["token", "init", "--from-spec"])
            .arg(spec)
            .env("TRIEN_HOME", stage.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        stage
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The module in the mood of these rules.
    fn module(&self, name: &str, rules: &str) -> ModuleConfig {
        let script = self.file(&format!("{name}.toml"), rules);
        let mut module = ModuleConfig::new(name, simulator());
        module.folders.push(self.0.path().to_owned());
        module.variables = vec![
            ("TRIEN_SIMULATE".to_owned(), script.into()),
            ("TRIEN_HOME".to_owned(), self.0.path().into()),
        ];
        module
    }

    fn alone(&self, rules: &str) -> Modules {
        self.patient(rules, &deadlines())
    }

    fn patient(&self, rules: &str, deadlines: &Deadlines) -> Modules {
        let name = format!("m{}", rules.len() + rules.bytes().map(usize::from).sum::<usize>());
        Modules::new(&[self.module(&name, rules)], Path::new(PROGRAM), *deadlines)
    }
}

/// Patient with a busy machine, where nothing hangs.
fn deadlines() -> Deadlines {
    Deadlines::default()
}

/// A rule that makes a function do that.
fn rule(function: &str, action: &str) -> String {
    format!("[[rule]]\nfunction = \"{function}\"\n{action}\n")
}

fn answer(function: &str, value: &str) -> String {
    rule(function, &format!("do = \"answer\"\nvalue = \"{value}\""))
}

fn pipe(lines: &str) -> OwnedFd {
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writing, lines.as_bytes()).unwrap();
    reading
}

async fn token_of(modules: &Modules) -> Result<Arc<dyn Token>, TokenError> {
    let mut sight = modules.look().await;
    let found = sight.tokens.into_iter().find(|token| token.entry().initialized);
    found
        .map(|token| Arc::new(token) as Arc<dyn Token>)
        .ok_or_else(|| {
            let failure = sight.failures.pop();
            failure.map_or(TokenError::Removed, |(_, error)| error)
        })
}

fn signable() -> Signable {
    Signable {
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        digest: Hash::Sha256.digest(b"message"),
        message: Some(b"message".to_vec()),
    }
}

/// Logged in, with the PIN on a pipe.
async fn logged_in(modules: &Modules) -> Result<Box<dyn SigningSession>, LoginError> {
    let token = token_of(modules).await?;
    let held = token.certificates().await?;
    let key = held
        .into_iter()
        .find_map(|held| held.key)
        .ok_or(TokenError::NoSuchKey)?;
    let mut session = token.open(&key).await?;
    if let PinNeed::Pipe { .. } = session.pin().await? {
        session
            .attach_pin_pipe(pipe(&format!("{PIN}\n{PIN}\n{PIN}\n")))
            .await?;
    }
    session.login().await?;
    Ok(session)
}

/// From the first look to a signature that the certificate's key verifies.
async fn sign(modules: &Modules) -> Result<(), LoginError> {
    let token = token_of(modules).await?;
    let held = token.certificates().await?;
    let certificate = held.into_iter().find(|held| held.key.is_some());
    let mut session = logged_in(modules).await?;
    let signature = session.sign(&signable(), false).await?;
    let algorithm = signable().algorithm;
    let bad = |_| LoginError::Token(TokenError::Failed("bad signature".to_owned()));
    let value = SignatureValue::from_token(algorithm, &signature)
        .map_err(|_| LoginError::Token(TokenError::Failed("bad signature".to_owned())))?;
    let verified = certificate
        .unwrap()
        .certificate
        .verify_digest(algorithm, &signable().digest, &value);
    session.close().await;
    verified.map_err(bad)
}

fn name(outcome: &Result<(), LoginError>) -> String {
    match outcome {
        Ok(()) => "signed".to_owned(),
        Err(LoginError::Token(error)) => format!("{error:?}"),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn n095_a_library_is_looked_at_before_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(simulator()).unwrap();
    let put = |name: &str, bytes: &[u8], mode: u32| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let check = |path: &Path| library::check(path, None);
    assert_eq!(check(&put("good.so", &good, 0o644)), Ok(()));
    assert_eq!(check(Path::new("libx.so")), Err(LibraryFault::Relative));
    assert!(matches!(
        check(&folder.path().join("none.so")),
        Err(LibraryFault::Unreadable(_))
    ));
    std::fs::create_dir_all(folder.path().join("folder.so")).unwrap();
    assert_eq!(
        check(&folder.path().join("folder.so")),
        Err(LibraryFault::NotLibrary)
    );
    let open = put("open.so", &good, 0o666);
    assert_eq!(check(&open), Err(LibraryFault::Writable(open.clone())));
    let inside = put("shared/in.so", &good, 0o644);
    let shared = inside.parent().unwrap();
    for mode in [0o777, 0o1777] {
        std::fs::set_permissions(shared, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            check(&inside),
            Err(LibraryFault::Writable(shared.to_owned())),
            "{mode:o}"
        );
    }
    let link = folder.path().join("link.so");
    std::os::unix::fs::symlink(&inside, &link).unwrap();
    assert_eq!(
        check(&link),
        Err(LibraryFault::Writable(shared.to_owned())),
        "by a link"
    );
    assert_eq!(
        check(&put("text.so", b"not a library", 0o644)),
        Err(LibraryFault::NotLibrary)
    );
    assert_eq!(
        check(&put("short.so", &good[..64], 0o644)),
        Err(LibraryFault::NotLibrary)
    );
    assert_eq!(
        check(&put("torn.so", &good[..40], 0o644)),
        Err(LibraryFault::NotLibrary)
    );
    // e_machine: 0x28 is ARM; EI_CLASS: 1 is ELFCLASS32, whose head has 52 bytes.
    let mut other = good.clone();
    other[18] = 0x28;
    assert_eq!(
        check(&put("arm.so", &other, 0o644)),
        Err(LibraryFault::Machine(0x28))
    );
    let mut narrow = vec![0; 52];
    narrow[..20].copy_from_slice(&[
        0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0,
    ]);
    narrow[20] = 1;
    narrow[40] = 52;
    assert_eq!(
        check(&put("fptca_v4.so", &narrow, 0o644)),
        Err(LibraryFault::Bits32)
    );
    assert_eq!(
        check(&put("pkcs11-spy.so", &good, 0o644)),
        Err(LibraryFault::Logger)
    );
    let plain = put("libplain.so", &std::fs::read(libc()).unwrap(), 0o644);
    assert_eq!(check(&plain), Err(LibraryFault::NoEntry));
    if rustix::process::geteuid().is_root() {
        let foreign = put("foreign.so", &good, 0o644);
        std::os::unix::fs::chown(&foreign, Some(12345), None).unwrap();
        assert_eq!(check(&foreign), Err(LibraryFault::Owner(foreign.clone())));
    }
}

/// Any library that is no module.
fn libc() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.contains("/libc.so")).unwrap();
    PathBuf::from(&line[line.find('/').unwrap()..])
}

#[tokio::test]
async fn n096_what_a_library_does_when_it_is_loaded_hits_its_own_process() {
    let stage = Stage::new();
    let outcome = |action: &'static str| {
        let modules = stage.alone(&rule("load", &format!("do = \"{action}\"")));
        async move { (action, name(&sign(&modules).await)) }
    };
    let actions = [
        "abort",
        "exit",
        "close-descriptors",
        "fork",
        "threads",
        "signals",
        "print",
    ];
    let outcomes = join_all(actions.map(outcome)).await;
    for (action, outcome) in outcomes {
        let wanted = match action {
            "abort" | "exit" | "close-descriptors" => "Crashed",
            _ => "signed",
        };
        assert_eq!(outcome, wanted, "{action}");
    }
}

#[tokio::test]
async fn n097_a_call_that_never_returns_is_ended_at_its_deadline() {
    let stage = Stage::new();
    let short = Deadlines {
        start: Duration::from_secs(8),
        enumerate: Duration::from_secs(5),
        login: Duration::from_secs(6),
        sign: Duration::from_secs(5),
        ..Deadlines::default()
    };
    let functions = [
        "C_Initialize",
        "C_GetSlotList",
        "C_GetTokenInfo",
        "C_OpenSession",
        "C_FindObjects",
        "C_Login",
        "C_SignInit",
        "C_Sign",
    ];
    let begun = Instant::now();
    let hang = |function: &'static str| {
        let modules = stage.patient(&rule(function, "do = \"hang\""), &short);
        async move { (function, name(&sign(&modules).await)) }
    };
    let healthy = stage.patient("", &Deadlines::default());
    let (outcomes, other) = join(join_all(functions.map(hang)), sign(&healthy)).await;
    for (function, outcome) in outcomes {
        assert!(outcome.starts_with("Hung"), "{function}: {outcome}");
    }
    assert_eq!(name(&other), "signed", "another module does not notice");
    assert!(begun.elapsed() < Duration::from_secs(60));
    // A module that hangs when it is told to end is ended; nobody waits for it.
    let last = stage.alone(&rule("C_Finalize", "do = \"hang\""));
    assert_eq!(name(&sign(&last).await), "signed");
}

#[tokio::test]
async fn n098_after_a_crash_nobody_is_logged_in_again() {
    let stage = Stage::new();
    let modules = stage.alone(&rule("C_Sign", "times = 1\ndo = \"crash\""));
    let mut session = logged_in(&modules).await.unwrap();
    let crashed = |outcome| matches!(outcome, Err(LoginError::Token(TokenError::Crashed)));
    assert!(crashed(session.sign(&signable(), false).await));
    assert!(
        crashed(session.sign(&signable(), false).await),
        "the session went with its process"
    );
    let token = token_of(&modules).await.unwrap();
    let key = token.certificates().await.unwrap().pop().unwrap().key.unwrap();
    let mut fresh = token.open(&key).await.unwrap();
    assert!(matches!(
        fresh.sign(&signable(), false).await,
        Err(LoginError::Token(TokenError::LoginNeeded))
    ));
}

#[tokio::test]
async fn n099_counts_of_slots_have_a_limit() {
    let stage = Stage::new();
    for (value, wanted) in [("0", "Removed"), ("1000000", "signed"), ("-1", "signed")] {
        let modules = stage.alone(&rule(
            "C_GetSlotList",
            &format!("do = \"length\"\nvalue = {value}"),
        ));
        assert_eq!(name(&sign(&modules).await), wanted, "{value}");
    }
    let growing = stage.alone(&answer("C_GetSlotList", "CKR_BUFFER_TOO_SMALL"));
    assert!(name(&sign(&growing).await).contains("never ends"));
}

#[tokio::test]
async fn n100_lengths_of_attributes_have_a_limit() {
    let stage = Stage::new();
    for value in ["-1", "2147483648", "9223372036854775807"] {
        let modules = stage.alone(&rule(
            "C_GetAttributeValue",
            &format!("do = \"length\"\nvalue = {value}"),
        ));
        // What has no length that makes sense is not there.
        assert_eq!(name(&sign(&modules).await), "NoSuchKey", "{value}");
    }
}

#[tokio::test]
async fn n101_labels_cannot_pretend() {
    let stage = Stage::new();
    let label = |text: &str| rule("C_GetTokenInfo", &format!("do = \"label\"\nvalue = \"{text}\""));
    for (text, shown) in [
        ("a\\u0000\\u0000", "a"),
        ("a\\u202eb\\u0007", "a\u{fffd}b\u{fffd}"),
        ("", ""),
    ] {
        let token = token_of(&stage.alone(&label(text))).await.unwrap();
        assert_eq!(token.entry().id.label, shown);
    }
}

#[tokio::test]
async fn n102_functions_that_are_not_there_are_not_called() {
    let stage = Stage::new();
    for function in [
        "C_GetSlotList",
        "C_GetTokenInfo",
        "C_OpenSession",
        "C_Login",
        "C_SignInit",
        "C_Sign",
    ] {
        let modules = stage.alone(&rule(function, "do = \"missing\""));
        let outcome = name(&sign(&modules).await);
        assert!(
            outcome.starts_with("Unsupported") || outcome == "Removed",
            "{function}: {outcome}"
        );
    }
}

#[tokio::test]
async fn n103_what_is_no_signature_does_not_leave() {
    let stage = Stage::new();
    for sort in ["zeros", "empty", "short", "long", "der", "random"] {
        let modules = stage.alone(&rule(
            "C_Sign",
            &format!("do = \"signature\"\nvalue = \"{sort}\""),
        ));
        let outcome = name(&sign(&modules).await);
        assert!(outcome.contains("signature"), "{sort}: {outcome}");
    }
    let undefined = stage.alone(&rule("C_Sign", "do = \"answer\"\nvalue = 305419896"));
    assert_eq!(name(&sign(&undefined).await), "Answered { number: 305419896 }");
}

#[tokio::test]
async fn n104_each_state_of_the_pin_is_its_own() {
    let stage = Stage::new();
    let table = [
        ("CKR_PIN_INCORRECT", "Incorrect { now: Ready }"),
        ("CKR_PIN_LOCKED", "Locked"),
        ("CKR_PIN_EXPIRED", "Expired"),
        ("CKR_PIN_LEN_RANGE", "Invalid"),
        ("CKR_PIN_INVALID", "Invalid"),
        ("CKR_ARGUMENTS_BAD", "Invalid"),
        ("CKR_DATA_INVALID", "Invalid"),
        ("CKR_FUNCTION_CANCELED", "NoPin"),
        ("CKR_USER_ANOTHER_ALREADY_LOGGED_IN", "Busy"),
        ("CKR_USER_PIN_NOT_INITIALIZED", "Answered { number: 258 }"),
        ("CKR_GENERAL_ERROR", "Answered { number: 5 }"),
    ];
    let outcome = |(value, wanted): (&'static str, &'static str)| {
        let modules = stage.alone(&answer("C_Login", value));
        async move { (value, wanted, name(&sign(&modules).await)) }
    };
    for (value, wanted, outcome) in join_all(table.map(outcome)).await {
        assert_eq!(outcome, wanted, "{value}");
    }
    // Somebody else's login is ended, and the PIN looked at.
    let mut rules = rule(
        "C_Login",
        "times = 1\ndo = \"answer\"\nvalue = \"CKR_USER_ALREADY_LOGGED_IN\"",
    );
    rules.push_str(&answer("C_Logout", "CKR_OK"));
    assert_eq!(name(&sign(&stage.alone(&rules)).await), "signed");
    // Each flag is its own state, and what locks or wants a change is known before a PIN is.
    let flags = |set: u64| rule("C_GetTokenInfo", &format!("do = \"flags\"\nset = {set}"));
    for (set, wanted) in [
        (0x0001_0000, PinState::FewTries),
        (0x0002_0000, PinState::LastTry),
        (0x0004_0000, PinState::Locked),
        (0x0008_0000, PinState::ToBeChanged),
    ] {
        let token = token_of(&stage.alone(&flags(set))).await.unwrap();
        assert_eq!(token.entry().pin, wanted);
        let locked = matches!(token.pin().await, Ok(PinNeed::Locked));
        assert_eq!(locked, wanted == PinState::Locked);
    }
    // At a reader with a PIN pad, no PIN of ours is sent.
    let pad = format!("{}{}", flags(0x0100), answer("C_Login", "CKR_OK"));
    let token = token_of(&stage.alone(&pad)).await.unwrap();
    assert_eq!(token.pin().await.unwrap(), PinNeed::Reader);
}

#[tokio::test]
async fn n105_a_key_may_want_its_pin_without_saying_so() {
    let stage = Stage::new();
    let once = rule(
        "C_SignInit",
        "times = 1\ndo = \"answer\"\nvalue = \"CKR_USER_NOT_LOGGED_IN\"",
    );
    let modules = stage.alone(&once);
    let mut session = logged_in(&modules).await.unwrap();
    assert!(matches!(
        session.sign(&signable(), false).await,
        Err(LoginError::NoPin)
    ));
    // With the next line it logs in again; the software token takes no login that its keys do not want.
    let again = session.sign(&signable(), true).await;
    assert!(!matches!(again, Err(LoginError::NoPin)), "{again:?}");
    let always = stage.alone(&answer("C_SignInit", "CKR_USER_NOT_LOGGED_IN"));
    let mut session = logged_in(&always).await.unwrap();
    assert!(matches!(
        session.sign(&signable(), false).await,
        Err(LoginError::NoPin)
    ));
    let bounded = session.sign(&signable(), true).await;
    assert!(
        matches!(bounded, Err(LoginError::Token(TokenError::LoginNeeded))),
        "{bounded:?}"
    );
}

#[tokio::test]
async fn n108_one_token_through_two_modules_is_one_entry() {
    let stage = Stage::new();
    let twice = [stage.module("one", ""), stage.module("two", "")];
    let modules = Modules::new(&twice, Path::new(PROGRAM), deadlines());
    assert_eq!(modules.tokens().await.tokens.len(), 1);
    let initialized = stage.alone(&answer("C_Initialize", "CKR_CRYPTOKI_ALREADY_INITIALIZED"));
    // It says that it is, and is not: a failure of its own, not ours.
    assert!(matches!(
        token_of(&initialized).await,
        Err(TokenError::Answered { .. })
    ));
}

#[tokio::test]
async fn n109_a_module_reaches_neither_the_network_nor_home() {
    let stage = Stage::new();
    let modules = stage.alone(&rule("C_GetTokenInfo", "do = \"reach\""));
    let token = token_of(&modules).await.unwrap();
    let confinement = modules.states()[0].confinement.unwrap();
    let told = &token.entry().id.label;
    assert_eq!(
        confinement.network,
        Level::Closed,
        "seccomp is on every kernel that we run on"
    );
    assert!(told.contains("network=closed"), "{told}");
    // Landlock may be off where the tests run.
    let home_is_closed = confinement.files == Level::Closed;
    assert!(!home_is_closed || told.contains("home=closed"), "{told}");
}

#[tokio::test]
async fn n110_another_file_in_the_modules_place_is_not_loaded() {
    let stage = Stage::new();
    let copy = stage.0.path().join("copy.so");
    std::fs::copy(software_token(), &copy).unwrap();
    let digest = |path: &Path| {
        let output = Command::new("sha256sum").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap()[..64].to_owned()
    };
    let mut module = ModuleConfig::new("pinned", copy.clone());
    module.variables = vec![("TRIEN_HOME".to_owned(), stage.0.path().into())];
    module.folders.push(stage.0.path().to_owned());
    module.sha256 = Some(digest(&copy));
    let modules = Modules::new(&[module], Path::new(PROGRAM), deadlines());
    assert!(token_of(&modules).await.is_ok());
    std::fs::remove_file(&copy).unwrap();
    std::fs::copy(simulator(), &copy).unwrap();
    assert!(token_of(&modules).await.is_ok(), "what runs goes on");
    drop(modules);
    let mut module = ModuleConfig::new("pinned", copy.clone());
    module.sha256 = Some(digest(&software_token()));
    let modules = Modules::new(&[module], Path::new(PROGRAM), deadlines());
    assert!(matches!(
        token_of(&modules).await,
        Err(TokenError::Library(LibraryFault::Changed))
    ));
}

#[tokio::test]
async fn n111_what_makes_modules_talk_is_not_passed_on() {
    // The variables are set for a process of its own, for this one has other tests: this test once more.
    if let Some(program) = std::env::var_os("N111_PROGRAM") {
        let home = std::env::var_os("N111_HOME").unwrap();
        let mut module = ModuleConfig::new("scrubbed", software_token());
        module.variables = vec![("TRIEN_HOME".to_owned(), home)];
        let modules = Modules::new(&[module], Path::new(&program), deadlines());
        let _ = modules.look().await;
        return;
    }
    let stage = Stage::new();
    let seen = stage.0.path().join("environment");
    let program = stage.file(
        "trien",
        &format!("#!/bin/sh\nenv > '{}'\nexec '{PROGRAM}' \"$@\"\n", seen.display()),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let test = std::env::current_exe().unwrap();
    let mut child = Command::new(test);
    child.args([
        "--exact",
        "n111_what_makes_modules_talk_is_not_passed_on",
        "--nocapture",
    ]);
    for variable in [
        "OPENSC_DEBUG",
        "PKCS11SPY",
        "PKCS11_LOGGER_LIBRARY_PATH",
        "P11_KIT_DEBUG",
        "SSLKEYLOGFILE",
    ] {
        child.env(variable, "9");
    }
    child.env("LD_PRELOAD", "/nonexistent/spy.so");
    child
        .env("N111_PROGRAM", &program)
        .env("N111_HOME", stage.0.path());
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let environment = std::fs::read_to_string(seen).unwrap();
    for forbidden in ["OPENSC", "SPY", "LOGGER", "P11_KIT", "SSLKEYLOG", "LD_"] {
        assert!(!environment.contains(forbidden), "{environment}");
    }
}

#[tokio::test]
async fn n112_a_module_that_fails_three_times_is_switched_off() {
    let stage = Stage::new();
    let switches = stage.0.path().join("off");
    let module = [stage.module("crasher", &rule("C_GetSlotList", "do = \"crash\""))];
    let off =
        |switches: &Path| Modules::with_switches(&module, Path::new(PROGRAM), deadlines(), Some(switches));
    let modules = off(&switches);
    for _ in 0..3 {
        assert!(matches!(token_of(&modules).await, Err(TokenError::Crashed)));
    }
    assert!(matches!(token_of(&modules).await, Err(TokenError::Disabled)));
    assert!(modules.states()[0].off);
    assert!(
        matches!(token_of(&off(&switches)).await, Err(TokenError::Disabled)),
        "for others, too"
    );
    std::fs::remove_file(switches.join("crasher")).unwrap();
    assert!(
        matches!(token_of(&modules).await, Err(TokenError::Crashed)),
        "switched on by hand"
    );
}

/// Stands between the daemon and the real process of a module, and tampers with what goes back.
const TAMPERING: &str = r#"#!/usr/bin/env python3
import json, os, socket, struct, subprocess, sys
daemon = socket.socket(fileno=os.dup(0))
ours, theirs = socket.socketpair()
subprocess.Popen([PROGRAM, *sys.argv[1:]], stdin=theirs)
theirs.close()
open(PIDS, "a").write(f"{os.getpid()}\n")
def read(stream):
    head = stream.recv(4, socket.MSG_WAITALL)
    if len(head) < 4: sys.exit(0)
    return stream.recv(struct.unpack("<I", head)[0], socket.MSG_WAITALL)
def frame(body): return struct.pack("<I", len(body)) + body
daemon.sendall(frame(read(ours)))  # it greets first
while True:
    ours.sendall(frame(read(daemon)))
    reply = json.loads(read(ours))
    if MOOD == "another": reply["id"] += 1
    body = json.dumps(reply).encode()
    if MOOD == "oversized": daemon.sendall(struct.pack("<I", 64 * 1024 * 1024) + body)
    elif MOOD == "garbage": daemon.sendall(frame(b"{" + body))
    else: daemon.sendall(frame(body) * (2 if MOOD == "unsolicited" else 1))
"#;

#[tokio::test]
async fn n079_a_process_that_answers_out_of_turn_is_ended() {
    for mood in ["honest", "another", "oversized", "garbage", "unsolicited"] {
        let stage = Stage::new();
        let pids = stage.0.path().join("pids");
        let names = [
            ("PROGRAM", PROGRAM.to_owned()),
            ("PIDS", pids.display().to_string()),
            ("MOOD", mood.to_owned()),
        ];
        let text = names.iter().fold(TAMPERING.to_owned(), |text, (name, value)| {
            text.replace(name, &format!("{value:?}"))
        });
        let program = stage.file("trien", &text);
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let modules = Modules::new(&[stage.module("tampered", "")], &program, deadlines());
        let outcome = match token_of(&modules).await {
            Ok(token) => token.certificates().await.map(|held| held.len()),
            Err(error) => Err(error),
        };
        if mood == "honest" {
            assert!(matches!(outcome, Ok(1..)), "{outcome:?}");
            continue;
        }
        assert!(matches!(outcome, Err(TokenError::Crashed)), "{mood}: {outcome:?}");
        let pids = std::fs::read_to_string(pids).unwrap();
        let first = pids.lines().next().unwrap();
        let began = Instant::now();
        while std::fs::read_to_string(format!("/proc/{first}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            assert!(began.elapsed() < Duration::from_secs(10), "{mood}: it still runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn n086_a_token_that_tells_no_tries_is_neither_locked_nor_without_a_limit() {
    let stage = Stage::new();
    // CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY and CKF_USER_PIN_LOCKED are never told.
    let modules = stage.alone(&rule(
        "C_GetTokenInfo",
        &format!("do = \"flags\"\nclear = {}", 0x7_0000),
    ));
    let token = token_of(&modules).await.unwrap();
    let key = token
        .certificates()
        .await
        .unwrap()
        .into_iter()
        .find_map(|held| held.key);
    let mut session = token.open(&key.unwrap()).await.unwrap();
    let unknown = |need| matches!(need, PinNeed::Pipe { state, .. } if state == PinState::Ready);
    assert!(unknown(session.pin().await.unwrap()));
    session
        .attach_pin_pipe(pipe(&format!("00000000\n{PIN}\n")))
        .await
        .unwrap();
    let wrong = session.login().await;
    let still = PinState::Ready;
    assert!(
        matches!(wrong, Err(LoginError::Incorrect { now }) if now == still),
        "{wrong:?}"
    );
    assert!(unknown(session.pin().await.unwrap()));
    session.login().await.unwrap();
    session.close().await;
    // The tokens' own limit holds all the same: what cannot be told beforehand is told when it is reached.
    let mut session = token.open(&key_of(&*token).await).await.unwrap();
    session
        .attach_pin_pipe(pipe(&"00000000\n".repeat(40)))
        .await
        .unwrap();
    let mut tries = 0;
    while matches!(session.login().await, Err(LoginError::Incorrect { .. })) {
        tries += 1;
        assert!(tries < 40, "it has no limit");
    }
    let locked = session.login().await;
    assert!(matches!(locked, Err(LoginError::Locked)), "{locked:?}");
}

async fn key_of(token: &dyn Token) -> trien::tokens::KeyRef {
    let held = token.certificates().await.unwrap();
    held.into_iter().find_map(|held| held.key).unwrap()
}

#[tokio::test]
async fn n089_a_token_that_was_exchanged_gets_no_pin() {
    let stage = Stage::new();
    let mut refused = 0;
    // Another token lies in the slot from the n-th look on; where a PIN reaches it, the process dies of it.
    for from in 1..40 {
        let exchanged = rule(
            "C_GetTokenInfo",
            &format!("from = {from}\ndo = \"label\"\nvalue = \"another\""),
        );
        let rules = format!("{exchanged}{}", rule("C_Login", "do = \"crash\""));
        let config = stage.module(&format!("m{from}"), &rules);
        let modules = Modules::new(&[config], Path::new(PROGRAM), deadlines());
        match until_the_pin(&modules).await {
            // It was exchanged after the PIN had gone to the right one: no further look matters.
            Some(LoginError::Token(TokenError::Crashed)) => {
                assert!(refused > 0);
                return;
            }
            Some(LoginError::Token(TokenError::Removed)) => refused += 1,
            Some(other) => panic!("{from}: {other:?}"),
            // It was another one from the beginning, as far as anybody has seen.
            None => {}
        }
    }
    panic!("the PIN never reached the right token");
}

/// What a login comes to for which the token was chosen by its name; none where no such token was seen.
async fn until_the_pin(modules: &Modules) -> Option<LoginError> {
    let sight = modules.look().await;
    let chosen = sight
        .tokens
        .into_iter()
        .find(|token| token.entry().id.label == "hostile")?;
    let login = async {
        let held = chosen.certificates().await?;
        let key = held
            .into_iter()
            .find_map(|held| held.key)
            .ok_or(TokenError::NoSuchKey)?;
        let mut session = chosen.open(&key).await?;
        session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await?;
        session.login().await
    };
    login.await.err()
}
