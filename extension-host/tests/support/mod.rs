#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
//! A home with a socket in it, and the real host program on real pipes.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use trien_protocol::frame;
use trien_protocol::limits::MAX_MESSAGE;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_trien-extension-host");
pub const EXTENSION: &str = "chrome-extension://jkimigkodbknlgplganhnoaekpijpohb/";
pub const OPENING: &str =
    r#"{"from":"extension","origin":"https://a.example","top_origin":"https://b.example"}"#;

const PATIENCE: Duration = Duration::from_secs(20);

/// A throw-away `TRIEN_HOME`.
pub struct Home(pub tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        let home = Self(tempfile::tempdir().expect("temporary folder"));
        fs::create_dir(home.run()).expect("run folder");
        home.set_mode(0o700);
        home
    }

    pub fn run(&self) -> PathBuf {
        self.0.path().join("run")
    }

    pub fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.run(), Permissions::from_mode(mode)).expect("permissions");
    }

    pub fn listen(&self) -> UnixListener {
        UnixListener::bind(self.run().join("daemon.sock")).expect("socket")
    }
}

/// The host program, started as a browser starts it.
pub struct Host {
    pub child: Child,
    pub input: Option<ChildStdin>,
    pub output: ChildStdout,
}

impl Host {
    pub fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::start_with(home, arguments, &[])
    }

    pub fn start_with(home: &Home, arguments: &[&str], variables: &[(&str, &PathBuf)]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .env("TRIEN_HOME", home.0.path())
            .envs(variables.iter().map(|(name, value)| (name, value.as_os_str())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("host program");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("piped");
        Self { child, input, output }
    }

    /// A host with its opening said and the daemon's end of its connection.
    pub fn connected(home: &Home) -> (Self, UnixStream) {
        let listener = home.listen();
        let mut host = Self::start(home, &[EXTENSION]);
        host.send(OPENING.as_bytes());
        let (mut daemon, _) = listener.accept().expect("a connection");
        daemon.set_read_timeout(Some(PATIENCE)).expect("timeout");
        read_frame(&mut daemon);
        (host, daemon)
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("open");
        input
            .write_all(bytes)
            .and_then(|()| input.flush())
            .expect("the host reads");
    }

    pub fn send(&mut self, body: &[u8]) {
        self.raw(&framed(body));
    }

    pub fn receive(&mut self) -> Value {
        let mut head = [0; 4];
        self.output.read_exact(&mut head).expect("a length");
        let length = u32::from_ne_bytes(head) as usize;
        assert!(
            length <= 1024 * 1024,
            "a browser ends the connection at {length} bytes"
        );
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).expect("a body");
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Waits for the end and returns what was left on standard output.
    pub fn end(mut self) -> (ExitStatus, Vec<u8>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                let mut rest = Vec::new();
                self.output.read_to_end(&mut rest).expect("standard output");
                return (status, rest);
            }
            if Instant::now() > deadline {
                self.child.kill().expect("kill");
                panic!("the host is still there after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

pub fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short");
    [&length.to_ne_bytes()[..], body].concat()
}

pub fn read_frame(daemon: &mut UnixStream) -> String {
    frame::read(daemon, MAX_MESSAGE)
        .expect("a frame")
        .expect("not the end")
}
