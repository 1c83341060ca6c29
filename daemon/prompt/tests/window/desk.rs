//! A screen of its own with a window manager, and the real window on it, driven by keys and clicks.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use trien_protocol::prompt::{Answer, FromPrompt, Question, ToPrompt};

/// Longer than the window's arming time, with room for a slow machine.
const ARMED: Duration = Duration::from_millis(1300);

/// Of the X server, in pixels.
pub(crate) const SCREEN_HEIGHT: i32 = 1024;

/// How long anything may take on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(20);

/// An X server and a window manager; they end with it.
pub(crate) struct Desk {
    server: Child,
    manager: Child,
    display: String,
    home: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x1024x24",
                "-nolisten",
                "tcp",
                // A server that starts anew when its last client leaves takes a window manager that is just coming
                // down with it.
                "-noreset",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Xvfb");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut number)
            .unwrap();
        let display = format!(":{}", number.trim());
        let manager = Command::new("openbox")
            .env("DISPLAY", &display)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs openbox");
        let desk = Self {
            server,
            manager,
            display,
            home: tempfile::tempdir().unwrap(),
        };
        wait_for("a window manager", || desk.xdotool(&["get_num_desktops"]));
        desk
    }

    /// What xdotool prints, if it succeeds.
    fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("xdotool")
            .args(arguments)
            .env("DISPLAY", &self.display)
            .output()
            .expect("this test needs xdotool");
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// The window process with an environment as the daemon gives it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trien-prompt"));
        command
            .env_clear()
            .env("DISPLAY", &self.display)
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path())
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .env("LANG", "C.UTF-8")
            .env("GSK_RENDERER", "cairo");
        command
    }

    /// Asks, and waits until the window is on the screen.
    pub(crate) fn ask(&self, question: Question) -> Asked<'_> {
        self.ask_with(self.command(), question)
    }

    /// As [`Self::ask`], with a command that was changed.
    pub(crate) fn ask_with(&self, mut command: Command, question: Question) -> Asked<'_> {
        let (ours, windows) = UnixStream::pair().unwrap();
        let (pins, pin_end) = std::io::pipe().unwrap();
        let process = command
            .stdin(OwnedFd::from(windows))
            .stdout(pin_end)
            .spawn()
            .unwrap();
        drop(command);
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let asked = Asked {
            desk: self,
            process,
            answers: BufReader::new(ours.try_clone().unwrap()),
            socket: ours,
            pins: Some(File::from(OwnedFd::from(pins))),
            window: String::new(),
            since: Instant::now(),
        };
        asked.say(&ToPrompt::Ask(question));
        asked.on_screen()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for process in [&mut self.manager, &mut self.server] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// One question on the screen, seen from the daemon.
pub(crate) struct Asked<'a> {
    desk: &'a Desk,
    process: Child,
    answers: BufReader<UnixStream>,
    socket: UnixStream,
    pins: Option<File>,
    window: String,
    since: Instant,
}

impl Asked<'_> {
    fn on_screen(mut self) -> Self {
        assert_eq!(self.hear(), Some(FromPrompt::Shown));
        self.since = Instant::now();
        self.window = wait_for("the window", || {
            let found = self
                .desk
                .xdotool(&["search", "--onlyvisible", "--class", "trien-prompt"])?;
            found.lines().next().map(str::to_owned)
        });
        wait_for("the keyboard", || {
            let active = self.desk.xdotool(&["getactivewindow"])?;
            (active.trim() == self.window).then_some(())
        });
        self
    }

    /// Waits until *approve* must be alive, whatever the machine's load.
    pub(crate) fn wait_until_armed(&self) {
        std::thread::sleep(ARMED);
    }

    /// True while less than 700 ms have gone by since the window was shown.
    pub(crate) fn is_fresh(&self) -> bool {
        self.since.elapsed() < Duration::from_millis(700)
    }

    pub(crate) fn say(&self, message: &ToPrompt) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        (&self.socket).write_all(&line).unwrap();
    }

    /// The next message; `None` at the end.
    pub(crate) fn hear(&mut self) -> Option<FromPrompt> {
        let mut line = String::new();
        let read = self
            .answers
            .read_line(&mut line)
            .expect("the window says nothing");
        (read > 0).then(|| serde_json::from_str(&line).unwrap())
    }

    pub(crate) fn hang_up(&self) {
        self.socket.shutdown(Shutdown::Both).unwrap();
    }

    /// As if the worker had died.
    pub(crate) fn close_pin_pipe(&mut self) {
        self.pins = None;
    }

    /// Everything in the PIN pipe by now.
    pub(crate) fn typed(&mut self) -> String {
        let mut text = Vec::new();
        while self.has_typed() {
            let mut part = [0; 256];
            let read = self.pins.as_mut().unwrap().read(&mut part).unwrap();
            if read == 0 {
                break;
            }
            text.extend_from_slice(&part[..read]);
        }
        String::from_utf8(text).unwrap()
    }

    fn has_typed(&self) -> bool {
        let mut polled = [PollFd::new(self.pins.as_ref().unwrap(), PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())).unwrap() > 0
    }

    /// True if the window says something within `limit`.
    pub(crate) fn says_within(&self, limit: Duration) -> bool {
        let mut polled = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut polled, Some(&limit.try_into().unwrap())).unwrap() > 0
    }

    pub(crate) fn type_text(&self, text: &str) {
        self.desk
            .xdotool(&["type", "--delay", "15", text])
            .expect("cannot type");
    }

    pub(crate) fn key(&self, key: &str) {
        self.desk.xdotool(&["key", key]).expect("cannot press");
    }

    /// Presses it, and again while *approve* is dead, until the window says something. Once it has, the key does
    /// nothing any more.
    pub(crate) fn key_until_heard(&self, key: &str) {
        wait_for("an answer", || {
            self.key(key);
            self.says_within(Duration::from_millis(500)).then_some(())
        });
    }

    /// Clicks where *approve* is: the right end of the bar at the bottom.
    pub(crate) fn click_approve(&self) {
        let (x, y) = (self.geometry("WIDTH") - 70, self.height() - 32);
        let (x, y) = (x.to_string(), y.to_string());
        let click = ["mousemove", "--window", &self.window, &x, &y, "click", "1"];
        self.desk.xdotool(&click).expect("cannot click");
    }

    /// Height of the window, in pixels.
    pub(crate) fn height(&self) -> i32 {
        self.geometry("HEIGHT")
    }

    fn geometry(&self, name: &str) -> i32 {
        let geometry = self
            .desk
            .xdotool(&["getwindowgeometry", "--shell", &self.window])
            .unwrap();
        let line = geometry
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap().parse().unwrap()
    }

    /// Closes the window as the window manager's button does (ICCCM, `WM_DELETE_WINDOW`).
    pub(crate) fn close(&self) {
        self.key("alt+F4");
    }

    pub(crate) fn assert_approved(&mut self, certificate: usize) {
        assert_eq!(
            self.hear(),
            Some(FromPrompt::Answer(Answer::Approved { certificate }))
        );
    }

    pub(crate) fn assert_refused(&mut self) {
        assert_eq!(self.hear(), Some(FromPrompt::Answer(Answer::Refused)));
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        wait_for("the end of the process", || self.process.try_wait().unwrap())
    }

    /// Resident memory in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// A small picture of the window.
    pub(crate) fn photograph(&self, file: &Path) {
        let raw = self.desk.home.path().join("raw.png");
        let imported = Command::new("import")
            .args(["-window", &self.window])
            .arg(&raw)
            .env("DISPLAY", &self.desk.display)
            .status()
            .expect("this test needs ImageMagick");
        let small = Command::new("convert")
            .arg(&raw)
            .args([
                "+dither",
                "-colors",
                "64",
                "-strip",
                "-define",
                "png:compression-level=9",
            ])
            .arg(file)
            .status()
            .expect("this test needs ImageMagick");
        assert!(imported.success() && small.success());
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "no sign of {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}
