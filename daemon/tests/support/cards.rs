//! Smart cards without a reader on the desk: a real, private pcscd (in a mount namespace of its own, found by
//! `PCSCLITE_CSOCK_NAME`), readers on a driver of ours, cards with applets that others wrote. `testdata/cards` has the
//! equipment; nothing here needs a port, so any number may run side by side.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file uses its part"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod modules;
pub mod pairs;
pub mod piv;
pub mod scene;
mod virtual_card;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use modules::{Opencryptoki, SoftHsm, TpmToken, installed, on_opencryptoki};
pub use virtual_card::{Cac, Stats, VirtualCard};

/// The PIN of every card here.
pub const CARD_PIN: &str = "123456";

/// What unblocks it.
pub const CARD_PUK: &str = "12345678";

/// OpenSC's module.
pub const OPENSC: &str = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so";

/// Yubico's.
pub const YKCS11: &str = "/usr/lib/x86_64-linux-gnu/libykcs11.so";

/// How long anything of the equipment may take to begin.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A reader to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ReaderPlan {
    pub name: String,
    pub settings: &'static str,
}

impl ReaderPlan {
    pub fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            settings: "",
        }
    }

    /// With a PIN pad.
    pub fn with_pad(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            settings: "pad=1",
        }
    }

    /// Polled by pcscd every 400 ms, as Debian's virtual reader is.
    pub fn polled(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            settings: "polled=1",
        }
    }
}

/// Where a test's own process has its readers, in its environment.
const FOLDER: &str = "TRIEN_TEST_READERS";

/// Runs a test in a process of its own whose `PCSCLITE_CSOCK_NAME` leads to these readers: the variable is read by
/// pcsc-lite, and cannot be changed soundly while threads run. The process runs this same test again, and comes to
/// `test` this time.
#[track_caller]
pub fn on_readers(plans: &[ReaderPlan], test: impl FnOnce(Readers)) {
    run_on(plans, false, test);
}

/// The same, through the proxy.
#[track_caller]
pub fn on_proxied_readers(plans: &[ReaderPlan], test: impl FnOnce(Readers)) {
    run_on(plans, true, test);
}

#[track_caller]
fn run_on(plans: &[ReaderPlan], proxied: bool, test: impl FnOnce(Readers)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let mut readers = Readers::prepare_in(folder.into(), plans);
        readers.start_service();
        return test(if proxied { readers.with_proxy() } else { readers });
    }
    let folder = tempfile::Builder::new().prefix("cards").tempdir().unwrap();
    let thread = std::thread::current();
    let name = thread.name().expect("a test's thread is called as the test");
    let socket = if proxied { "proxy.comm" } else { "run/pcscd.comm" };
    let status = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .env("PCSCLITE_CSOCK_NAME", folder.path().join(socket))
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{name}: {status}");
}

/// A pcscd with readers.
pub struct Readers {
    folder: PathBuf,
    /// Taken away in the end, unless it is somebody else's.
    _own: Option<TempDir>,
    pcscd: Option<Child>,
    proxy: Option<Child>,
}

impl Readers {
    /// Starts one with these readers.
    pub fn start(plans: &[ReaderPlan]) -> Self {
        let mut readers = Self::prepare(plans);
        readers.start_service();
        readers
    }

    /// The same, but pcscd does not run yet.
    pub fn prepare(plans: &[ReaderPlan]) -> Self {
        let own = tempfile::Builder::new().prefix("cards").tempdir().unwrap();
        Self::prepare_in(own.path().to_owned(), plans).owning(own)
    }

    fn owning(mut self, own: TempDir) -> Self {
        self._own = Some(own);
        self
    }

    fn prepare_in(folder: PathBuf, plans: &[ReaderPlan]) -> Self {
        std::fs::create_dir_all(folder.join("run")).unwrap();
        std::fs::create_dir_all(folder.join("conf")).unwrap();
        let readers = Self {
            folder,
            _own: None,
            pcscd: None,
            proxy: None,
        };
        for (index, plan) in plans.iter().enumerate() {
            let library = readers.path(&format!("reader{index}.so"));
            std::fs::copy(equipment().join("libifdtest.so"), &library).unwrap();
            let settings = readers.path(&format!("reader{index}.cfg"));
            let (card, control) = (readers.slot(index), readers.control_of(index));
            let words = format!(
                "card={} control={} {}\n",
                card.display(),
                control.display(),
                plan.settings
            );
            std::fs::write(&settings, words).unwrap();
            let configured = format!(
                "FRIENDLYNAME \"{}\"\nDEVICENAME {}\nLIBPATH {}\nCHANNELID {index}\n",
                plan.name,
                settings.display(),
                library.display()
            );
            std::fs::write(readers.path(&format!("conf/reader{index}")), configured).unwrap();
        }
        readers
    }

    /// Starts pcscd, in a mount namespace where its fixed folder is ours.
    pub fn start_service(&mut self) {
        assert!(self.pcscd.is_none(), "it runs already");
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.path("pcscd.log"))
            .unwrap();
        let namespace = if rustix::process::getuid().is_root() {
            "-m"
        } else {
            "-rm"
        };
        let script = "[ -d /run/pcscd ] || mkdir /run/pcscd 2>/dev/null || { mount -t tmpfs tmpfs /run && mkdir /run/pcscd; }
            mount --bind \"$0/run\" /run/pcscd && exec pcscd --foreground --config \"$0/conf\"";
        let child = Command::new("unshare")
            .args([namespace, "sh", "-c", script])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.pcscd = Some(child);
        let socket = self.real_socket();
        wait_until("pcscd takes connections", || UnixStream::connect(&socket).is_ok());
    }

    /// SIGKILL, or SIGTERM, and waits for the end.
    pub fn stop_service(&mut self, signal: rustix::process::Signal) {
        if let Some(mut child) = self.pcscd.take() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, signal).unwrap();
            child.wait().unwrap();
        }
    }

    /// The service as it runs is sent this: `STOP` freezes it, `CONT` lets it go on.
    pub fn signal_service(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(self.pcscd.as_ref().unwrap());
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// From now on clients reach pcscd through the proxy, which can pull readers and refuse.
    pub fn with_proxy(mut self) -> Self {
        let child = Command::new(equipment().join("pcscproxy"))
            .args([
                self.path("proxy.comm"),
                self.real_socket(),
                self.path("proxy.ctl"),
            ])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.proxy = Some(child);
        let control = self.path("proxy.ctl");
        wait_until("the proxy runs", || UnixStream::connect(&control).is_ok());
        self
    }

    /// An order to the proxy.
    pub fn proxy(&self, order: &str) {
        assert_eq!(say(&self.path("proxy.ctl"), order), "ok", "{order}");
    }

    /// An order to a reader.
    pub fn order(&self, index: usize, order: &str) -> String {
        say(&self.control_of(index), order)
    }

    /// What clients have in `PCSCLITE_CSOCK_NAME`.
    pub fn socket(&self) -> PathBuf {
        match self.proxy {
            Some(_) => self.path("proxy.comm"),
            None => self.real_socket(),
        }
    }

    fn real_socket(&self) -> PathBuf {
        self.path("run/pcscd.comm")
    }

    fn slot(&self, index: usize) -> PathBuf {
        self.path(&format!("slot{index}"))
    }

    fn control_of(&self, index: usize) -> PathBuf {
        self.path(&format!("reader{index}.ctl"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Sets the environment of a program so that it finds this pcscd.
    pub fn lend<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("PCSCLITE_CSOCK_NAME", self.socket())
    }

    /// A program that uses cards, run to its end; gives its output.
    #[track_caller]
    pub fn run(&self, program: &str, words: &[&str]) -> String {
        let mut command = Command::new(program);
        self.lend(command.args(words));
        super::succeed(&mut command)
    }

    /// The card that every test of PIV begins with: personalised once, and copied.
    pub fn piv(&self, index: usize) -> VirtualCard {
        self.piv_with(index, &[])
    }

    /// The same, with more words for the card's program.
    pub fn piv_with(&self, index: usize, words: &[&str]) -> VirtualCard {
        copy_folder(
            &personalised().join("state"),
            &self.path(&format!("state{index}")),
        );
        self.blank_with(index, words)
    }

    /// A card as it comes from its maker.
    pub fn blank(&self, index: usize, applets: &[&str]) -> VirtualCard {
        let words: Vec<_> = applets.iter().flat_map(|applet| ["--applet", applet]).collect();
        self.blank_with(index, &words)
    }

    /// The same, by the words for the card's program.
    pub fn blank_with(&self, index: usize, words: &[&str]) -> VirtualCard {
        let card = VirtualCard::start(
            &self.slot(index),
            &self.path(&format!("card{index}.ctl")),
            &self.path(&format!("state{index}")),
            words,
        );
        self.has_seen(index);
        card
    }

    /// A card is powered a moment before pcscd says that it is there; whoever asks in between finds none.
    fn has_seen(&self, index: usize) {
        assert_eq!(self.order(index, "settled"), "ok", "pcscd does not look");
    }

    /// An OpenPGP card: RSA-2048 for signatures (ID 01 under OpenSC), P-256 with a certificate for authentication (03).
    pub fn openpgp(&self, index: usize) -> VirtualCard {
        let state = self.path(&format!("state{index}"));
        copy_folder(&OPENPGP.personalised().join("state"), &state);
        self.blank(index, &["openpgp"])
    }

    /// A CAC by libcacard, with keys in an NSS database.
    pub fn cac(&self, index: usize) -> Cac {
        let card = Cac::start(&self.slot(index), &self.path(&format!("nss{index}")));
        self.has_seen(index);
        card
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        for mut child in [self.proxy.take(), self.pcscd.take()].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.path("pcscd.log")).unwrap_or_default();
            let tail: Vec<_> = log.lines().rev().take(40).collect();
            eprintln!("pcscd: {}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Where the programs are; built by `make test`, or here if only this is run.
pub fn equipment() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let out = super::repository().join("target/cards");
        let script = super::repository().join("testdata/cards/build.sh");
        super::succeed(Command::new(script).arg(&out));
        out.join("debug")
    })
}

/// A kind of card that is personalised once and copied.
struct Kind {
    applet: &'static str,
    reader: &'static str,
    /// Script of `testdata/cards`, and the words before the folder that it writes to.
    script: &'static [&'static str],
    /// Where it lies then, beside the programs.
    folder: &'static str,
}

const PIV: Kind = Kind {
    applet: "piv",
    reader: "Yubico YubiKey CCID",
    script: &["personalise-piv.sh", "YubiKey"],
    folder: "personalised",
};

const OPENPGP: Kind = Kind {
    applet: "openpgp",
    reader: "OpenPGP Reader",
    script: &["personalise-openpgp.sh"],
    folder: "personalised-openpgp",
};

impl Kind {
    /// `state`, and `issue` with its certificates. Made once, under a lock, since keys take the card seconds.
    fn personalised(&self) -> PathBuf {
        let made = equipment().join(self.folder);
        let lock = std::fs::File::create(made.with_extension("lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        if !made.exists() {
            let readers = Readers::start(&[ReaderPlan::plain(self.reader)]);
            let card = readers.blank(0, &[self.applet]);
            let issue = readers.path("issue");
            let mut command = Command::new(super::repository().join("testdata/cards").join(self.script[0]));
            super::succeed(readers.lend(command.args(&self.script[1..]).arg(&issue)));
            drop(card);
            let under_way = made.with_extension("new");
            let _ = std::fs::remove_dir_all(&under_way);
            copy_folder(&readers.path("state0"), &under_way.join("state"));
            copy_folder(&issue, &under_way.join("issue"));
            std::fs::rename(under_way, &made).unwrap();
        }
        made
    }
}

/// Where the personalised PIV card lies.
pub fn personalised() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| PIV.personalised())
}

/// The public key of the OpenPGP card's key of that ID under OpenSC, as PEM.
pub fn openpgp_key(id: &str) -> PathBuf {
    OPENPGP.personalised().join("issue").join(format!("{id}.pub.pem"))
}

/// The public key of a slot of the personalised card, as PEM.
pub fn public_key(slot: &str) -> PathBuf {
    personalised().join("issue").join(format!("{slot}.pub.pem"))
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// One line to a control socket, and the line it answers.
pub fn say(socket: &Path, line: &str) -> String {
    let mut stream =
        UnixStream::connect(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
    writeln!(stream, "{line}").unwrap();
    let mut said = String::new();
    BufReader::new(stream).read_line(&mut said).unwrap();
    said.trim().to_owned()
}

/// Another program that holds the card in a reader, until it is dropped or lets go.
pub struct Holder(Child);

impl Holder {
    /// `how` is `exclusive` or `transaction`.
    pub fn start(readers: &Readers, reader: &str, how: &str) -> Self {
        let script = super::repository().join("daemon/tests/support/cards/hold.py");
        let mut command = Command::new("python3");
        let child = readers
            .lend(command.arg(script).arg(format!("{reader} 00 00")).arg(how))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let mut line = String::new();
        let said = child.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }

    /// As people find it in a list of processes.
    pub fn name(&self) -> String {
        format!("python3 ({})", self.0.id())
    }

    /// Lets go of the card and ends.
    pub fn release(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long pcscd takes at the most between writing a reader's state and counting it, on a busy machine.
const COUNTED: Duration = Duration::from_millis(200);

/// Waits until pcscd has seen that a reader is empty. A card that is put in before is one that never left, or one that
/// was put in badly: pcscd looks again only when it goes.
#[track_caller]
pub fn wait_until_empty(reader: &str) {
    wait_until_it_is(reader, "is empty", false, |state| {
        state.event_state().contains(pcsc::State::EMPTY) || has_lost_its_card(state)
    });
}

/// Waits until pcscd has seen a card in a reader.
#[track_caller]
pub fn wait_until_present(reader: &str) {
    wait_until_it_is(reader, "holds a card", true, |state| {
        state.event_state().contains(pcsc::State::PRESENT) && !has_lost_its_card(state)
    });
}

/// Of a program that ends while its card is pulled pcscd resets the card, in vain, and notes one that is silent, at times
/// after it has seen that there is none (`SCardDisconnect`, "Error resetting card"). It says so until the next card comes;
/// that this one went is told by the count.
fn has_lost_its_card(state: &pcsc::ReaderState) -> bool {
    state.event_state().contains(pcsc::State::MUTE) && state.event_count() > 0 && !counts_a_card(state)
}

/// The count of insertions and removals is odd while a card is in that was put in.
fn counts_a_card(state: &pcsc::ReaderState) -> bool {
    !state.event_count().is_multiple_of(2)
}

/// Waits until the state holds and has been counted. pcscd writes the state first, and who looks between the two takes the
/// card for one that has been exchanged when he looks again, as OpenSC's module does, and ends its sessions. Where the card
/// was in when pcscd began, the count is the other way round, and stays so.
#[track_caller]
fn wait_until_it_is(reader: &str, wanted: &str, full: bool, holds: impl Fn(&pcsc::ReaderState) -> bool) {
    let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
    let name = std::ffi::CString::new(format!("{reader} 00 00")).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut uncounted: Option<(u32, Instant)> = None;
    loop {
        let mut states = [pcsc::ReaderState::new(name.clone(), pcsc::State::UNAWARE)];
        let asked = context.get_status_change(Duration::ZERO, &mut states);
        let [state] = &states;
        if asked.is_ok() && holds(state) {
            let now = state.event_count();
            let since = uncounted.filter(|(count, _)| *count == now);
            let (_, since) = *uncounted.insert(since.unwrap_or((now, Instant::now())));
            if counts_a_card(state) == full || since.elapsed() > COUNTED {
                return;
            }
        } else {
            uncounted = None;
        }
        assert!(
            Instant::now() < deadline,
            "in vain: the reader {wanted}: {:?}",
            in_readers()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What pcscd says of each reader: its state, the count of insertions and removals, the card's answer to reset.
pub fn in_readers() -> Vec<String> {
    let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
    let readers = context.list_readers_owned().unwrap_or_default();
    let unaware = |name| pcsc::ReaderState::new(name, pcsc::State::UNAWARE);
    let mut states: Vec<_> = readers.into_iter().map(unaware).collect();
    let _ = context.get_status_change(Duration::ZERO, &mut states);
    let said = |state: &pcsc::ReaderState| {
        let (now, count) = (state.event_state(), state.event_count());
        format!("{:?}: {now:?}, {count}, {:02x?}", state.name(), state.atr())
    };
    states.iter().map(said).collect()
}

/// Waits until something holds, which is looked at often.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
