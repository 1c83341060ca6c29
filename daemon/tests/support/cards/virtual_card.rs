//! Cards in the readers of a test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use super::{equipment, say};

/// A card that runs applets; taken out when dropped.
pub struct VirtualCard {
    child: Child,
    control: PathBuf,
}

/// What a card has done.
#[derive(Debug, Deserialize)]
pub struct Stats {
    /// Time of its own computing, in microseconds.
    pub busy_us: u64,
    /// Commands.
    pub apdus: u64,
    pub resets: u64,
    /// By instruction, two hexadecimal digits.
    pub per_ins: BTreeMap<String, u64>,
}

impl Stats {
    pub fn of(&self, instruction: &str) -> u64 {
        self.per_ins.get(instruction).copied().unwrap_or(0)
    }
}

impl VirtualCard {
    pub(super) fn start(slot: &Path, control: &Path, state: &Path, words: &[&str]) -> Self {
        let mut child = Command::new(equipment().join("vcard"))
            .arg("--socket")
            .arg(slot)
            .arg("--control")
            .arg(control)
            .arg("--state")
            .arg(state)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log())
            .spawn()
            .unwrap();
        ready(&mut child);
        Self {
            child,
            control: control.to_owned(),
        }
    }

    /// An order; see `testdata/cards/vcards/src/control.rs`.
    #[track_caller]
    pub fn order(&self, order: &str) {
        assert_eq!(say(&self.control, order), "ok", "{order}");
    }

    pub fn eject(&self) {
        self.order("eject");
    }

    pub fn insert(&self) {
        self.order("insert");
    }

    pub fn stats(&self) -> Stats {
        serde_json::from_str(&say(&self.control, "stats")).unwrap()
    }

    /// What it does while `work` runs.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> (T, Stats) {
        self.order("reset-stats");
        let done = work();
        (done, self.stats())
    }
}

impl Drop for VirtualCard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A CAC; taken out when dropped.
pub struct Cac {
    child: Child,
    /// A line for each signal that has taken effect.
    said: Mutex<BufReader<ChildStdout>>,
}

impl Cac {
    pub(super) fn start(slot: &Path, database: &Path) -> Self {
        let names = ["id-cert", "sign-cert", "enc-cert"];
        make_database(database, &names);
        let mut child = Command::new(equipment().join("vcac"))
            .arg(slot)
            .arg(database)
            .arg(names.join(","))
            // NSS looks for cards of its own otherwise.
            .env("PCSCLITE_CSOCK_NAME", "/nonexistent")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = Mutex::new(ready(&mut child));
        Self { child, said }
    }

    pub fn eject(&self) {
        self.signal(Signal::USR1);
    }

    pub fn insert(&self) {
        self.signal(Signal::USR2);
    }

    /// It will be pulled in the middle of the next signature.
    pub fn eject_at_signature(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let mut said = self.said.lock().unwrap();
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
    }
}

impl Drop for Cac {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the applets say goes to a file of its own: they call much an error that is none, such as an object that is not
/// there.
fn log() -> std::fs::File {
    let folder = crate::support::repository().join("target/test-logs");
    std::fs::create_dir_all(&folder).unwrap();
    let mut log = std::fs::File::options();
    log.append(true)
        .create(true)
        .open(folder.join("cards.log"))
        .unwrap()
}

/// A database with an authority and a certificate of each name. Its password is the card's PIN.
fn make_database(folder: &Path, names: &[&str]) {
    std::fs::create_dir_all(folder).unwrap();
    let (pin, noise) = (folder.join("pin"), folder.join("noise"));
    std::fs::write(&pin, super::CARD_PIN).unwrap();
    std::fs::write(&noise, [7; 64]).unwrap();
    let certutil = |words: &[&str]| {
        let mut command = Command::new("certutil");
        command
            .args(words)
            .arg("-d")
            .arg(format!("sql:{}", folder.display()))
            .arg("-f")
            .arg(&pin)
            .arg("-z")
            .arg(&noise)
            // Each signature would derive the key anew, for fifty milliseconds.
            .env("NSS_MAX_MP_PBE_ITERATION_COUNT", "1")
            .env("PCSCLITE_CSOCK_NAME", "/nonexistent");
        crate::support::succeed(&mut command);
    };
    certutil(&["-N"]);
    certutil(&[
        "-S", "-n", "ca", "-s", "CN=CA", "-x", "-t", "CT,CT,CT", "-k", "rsa", "-g", "2048", "-m", "1",
    ]);
    for (index, name) in names.iter().enumerate() {
        let (subject, number) = (format!("CN=DOE.JOHN.{name}"), (index + 2).to_string());
        certutil(&[
            "-S", "-n", name, "-c", "ca", "-s", &subject, "-t", "u,u,u", "-k", "rsa", "-g", "2048", "-m",
            &number,
        ]);
    }
}

/// The card says so on its first line; gives what it says from then on.
fn ready(child: &mut Child) -> BufReader<ChildStdout> {
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready");
    said
}
