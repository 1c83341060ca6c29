//! A token with one key, seen through the simulator's module (`testdata/simulator`) in the mood that a script says.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use trien::config::ModuleConfig;
use trien::tokens::{Deadlines, LoginError, Modules, PinNeed, Signable, SigningSession, Token, TokenError};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};

use crate::module::{simulator, software_token};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_trien");
pub(crate) const PIN: &str = "12345678";
/// A token with one key, as `trien token init --from-spec` reads it.
pub(crate) const TOKENS: &str = r#"
[[token]]
label = "hostile"
pin = "12345678"
[[token.key]]
label = "sign"
algorithm = "ec:p256"
certificate = { subject = "C=VN,CN=Người Thử" }
"#;

/// A token with one key, and the modules through which it is seen.
pub(crate) struct Stage(pub(crate) tempfile::TempDir);

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(TOKENS)
    }

    pub(crate) fn with(tokens: &str) -> Self {
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

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The module in the mood of these rules.
    pub(crate) fn module(&self, name: &str, rules: &str) -> ModuleConfig {
        let script = self.file(&format!("{name}.toml"), rules);
        let mut module = ModuleConfig::new(name, simulator());
        module.folders.push(self.0.path().to_owned());
        module.variables = vec![
            ("TRIEN_SIMULATE".to_owned(), script.into()),
            ("TRIEN_HOME".to_owned(), self.0.path().into()),
        ];
        module
    }

    pub(crate) fn alone(&self, rules: &str) -> Modules {
        self.patient(rules, &deadlines())
    }

    pub(crate) fn patient(&self, rules: &str, deadlines: &Deadlines) -> Modules {
        let name = format!("m{}", rules.len() + rules.bytes().map(usize::from).sum::<usize>());
        Modules::new(&[self.module(&name, rules)], Path::new(PROGRAM), *deadlines)
    }
}

/// Patient with a busy machine, where nothing hangs.
pub(crate) fn deadlines() -> Deadlines {
    Deadlines {
        start: Duration::from_secs(60),
        enumerate: Duration::from_secs(30),
        ..Deadlines::default()
    }
}

/// A rule that makes a function do that.
pub(crate) fn rule(function: &str, action: &str) -> String {
    format!("[[rule]]\nfunction = \"{function}\"\n{action}\n")
}

pub(crate) fn answer(function: &str, value: &str) -> String {
    rule(function, &format!("do = \"answer\"\nvalue = \"{value}\""))
}

pub(crate) fn pipe(lines: &str) -> OwnedFd {
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writing, lines.as_bytes()).unwrap();
    reading
}

pub(crate) async fn token_of(modules: &Modules) -> Result<Arc<dyn Token>, TokenError> {
    let mut sight = modules.look().await;
    let found = sight.tokens.into_iter().find(|token| token.entry().initialized);
    found
        .map(|token| Arc::new(token) as Arc<dyn Token>)
        .ok_or_else(|| {
            let failure = sight.failures.pop();
            failure.map_or(TokenError::Removed, |(_, error)| error)
        })
}

pub(crate) fn signable() -> Signable {
    Signable {
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        digest: Hash::Sha256.digest(b"message"),
        message: Some(b"message".to_vec()),
    }
}

/// Logged in, with the PIN on a pipe.
pub(crate) async fn logged_in(modules: &Modules) -> Result<Box<dyn SigningSession>, LoginError> {
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
pub(crate) async fn sign(modules: &Modules) -> Result<(), LoginError> {
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

pub(crate) fn name(outcome: &Result<(), LoginError>) -> String {
    match outcome {
        Ok(()) => "signed".to_owned(),
        Err(LoginError::Token(error)) => format!("{error:?}"),
        Err(error) => format!("{error:?}"),
    }
}

/// The processes of a module, by number, and those that it has left behind.
pub(crate) fn processes_of(module: &str) -> Vec<String> {
    let words = format!("\0--name\0{module}\0");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let is_it = |process: &String| command_line(process).is_some_and(|line| line.contains(&words));
    names.filter(is_it).collect()
}

/// With what a process was started; none of one that has ended.
pub(crate) fn command_line(process: &str) -> Option<String> {
    let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).ok();
    line.filter(|line| !line.is_empty())
}
