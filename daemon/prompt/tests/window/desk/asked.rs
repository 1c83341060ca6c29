//! One question on the screen: what the daemon says and hears of it, and the person's hands.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use trien_protocol::prompt::{Answer, FromPrompt, ToPrompt};

use super::{ARMED, Desk, Other, PATIENCE, wait_for};

/// Where the pointer can be in the window.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Approve,
    Middle,
}

/// One question on the screen, seen from the daemon.
pub(crate) struct Asked<'a> {
    pub(super) desk: &'a Desk,
    pub(super) process: Child,
    pub(super) answers: BufReader<UnixStream>,
    pub(super) socket: UnixStream,
    pub(super) pins: Option<File>,
    pub(super) window: String,
    pub(super) since: Instant,
}

/// The first of ten windows in which it was tried in time. What a busy machine delivers late proves nothing: then once
/// more, with a new window.
pub(crate) fn in_time<'a>(tried: impl Fn() -> Option<Asked<'a>>) -> Asked<'a> {
    (0..10)
        .find_map(|_| tried())
        .expect("nothing within 700 ms in ten windows")
}

impl Asked<'_> {
    pub(super) fn on_screen(mut self) -> Self {
        self.find();
        wait_for("the keyboard", || self.is_in_front().then_some(()));
        self
    }

    fn find(&mut self) {
        assert_eq!(self.hear(), Some(FromPrompt::Shown));
        self.since = Instant::now();
        self.window = wait_for("the window", || {
            let found = self
                .desk
                .xdotool(&["search", "--onlyvisible", "--class", "trien-prompt"])?;
            found.lines().next().map(str::to_owned)
        });
    }

    /// Whether such bytes are anywhere in the memory that the window's process can write. Whoever may look there is root.
    pub(crate) fn remembers(&self, wanted: &[u8]) -> bool {
        use std::os::unix::fs::FileExt;
        let process = format!("/proc/{}", self.process.id());
        let memory = File::open(format!("{process}/mem")).unwrap();
        let maps = std::fs::read_to_string(format!("{process}/maps")).unwrap();
        let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
        let ranges = maps
            .lines()
            .filter(|line| line.contains(" rw"))
            .filter_map(|line| {
                let (start, end) = line.split_whitespace().next()?.split_once('-')?;
                Some((hexadecimal(start)?, hexadecimal(end)?))
            });
        ranges.into_iter().any(|(start, end)| {
            let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
            // Of some kinds of memory nothing can be read.
            let length = memory.read_at(&mut bytes, start).unwrap_or(0);
            bytes[..length]
                .windows(wanted.len())
                .any(|window| window == wanted)
        })
    }

    /// Whether it has the keyboard.
    pub(crate) fn is_in_front(&self) -> bool {
        self.desk.active_window().as_ref() == Some(&self.window)
    }

    /// The person goes to it.
    pub(crate) fn come_to_the_front(&self) {
        self.desk
            .xdotool(&["windowactivate", &self.window])
            .expect("cannot come to the front");
        wait_for("the keyboard", || self.is_in_front().then_some(()));
    }

    /// The other window lies where this one has its buttons, and over it.
    pub(crate) fn cover(&self, other: &Other<'_>) {
        let (x, y) = (
            self.geometry("X") + self.geometry("WIDTH") - 300,
            self.geometry("Y") + self.height() - 200,
        );
        let words = [
            "windowmove",
            "--sync",
            &other.window,
            &x.to_string(),
            &y.to_string(),
        ];
        self.desk.xdotool(&words).expect("cannot cover");
    }

    pub(crate) fn point_at(&self, place: Place) {
        let (x, y) = match place {
            Place::Approve => (self.geometry("WIDTH") - 70, self.height() - 32),
            Place::Middle => (self.geometry("WIDTH") / 2, self.height() / 2),
        };
        self.point(x, y);
    }

    /// To so many pixels from the window's left and upper edge.
    pub(crate) fn point(&self, x: i32, y: i32) {
        let (x, y) = (x.to_string(), y.to_string());
        self.desk
            .xdotool(&["mousemove", "--window", &self.window, &x, &y])
            .expect("cannot point");
    }

    /// Clicks in the middle of the button of this name, where a screen has `factor` pixels for one of the window's own.
    pub(crate) fn click_on(&self, button: &str, factor: i32) {
        let tree = self.accessible();
        let all = tree.all();
        let found = all
            .iter()
            .find(|node| node.role == "push button" && node.name == button);
        let [left, top, wide, high] = found
            .and_then(|node| node.extents)
            .unwrap_or_else(|| panic!("no {button:?} in {tree:#?}"));
        self.point((left + wide / 2) * factor, (top + high / 2) * factor);
        self.press();
        self.let_go();
    }

    pub(crate) fn press(&self) {
        self.desk.xdotool(&["mousedown", "1"]).expect("cannot press");
    }

    pub(crate) fn let_go(&self) {
        self.desk.xdotool(&["mouseup", "1"]).expect("cannot let go");
    }

    /// A key as another program sends it to this very window (`XSendEvent`).
    pub(crate) fn send_key(&self, key: &str) {
        self.desk
            .xdotool(&["key", "--window", &self.window, key])
            .expect("cannot send");
    }

    /// A click, likewise.
    pub(crate) fn send_click(&self) {
        self.desk
            .xdotool(&["click", "--window", &self.window, "1"])
            .expect("cannot send");
    }

    /// Whether a window of the kind is to be seen.
    pub(crate) fn is_on_screen(&self) -> bool {
        let search = ["search", "--onlyvisible", "--class", "trien-prompt"];
        self.desk.xdotool(&search).is_some()
    }

    /// The keyboard goes to a window of another program, which then leaves, so that it comes back.
    pub(crate) fn look_away_and_back(&mut self) {
        let mut other = Command::new("display")
            .args(["-title", "other", "-size", "200x200", "xc:gray"])
            .env("DISPLAY", &self.desk.display)
            .spawn()
            .expect("this test needs ImageMagick");
        let in_front = |window: &str| {
            let active = self.desk.xdotool(&["getactivewindow"])?;
            (active.trim() == window).then_some(())
        };
        wait_for("another window", || {
            in_front(&self.window).is_none().then_some(())
        });
        self.since = Instant::now();
        other.kill().unwrap();
        other.wait().unwrap();
        wait_for("the keyboard, again", || in_front(&self.window));
    }

    /// Waits until *approve* must be alive, whatever the machine's load.
    pub(crate) fn wait_until_armed(&self) {
        std::thread::sleep(ARMED);
    }

    /// From now on it is counted whether the window [is fresh](Self::is_fresh).
    pub(crate) fn begin_anew(&mut self) {
        self.since = Instant::now();
    }

    /// True while less than 700 ms have gone by since the window was shown, came to the front again, or was begun anew.
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

    /// Puts it in by way of the clipboard, where another program has it.
    pub(crate) fn paste(&self, text: &str) {
        let mut owner = self
            .with_bindings("clipboard.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs Python");
        owner.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let mut ready = String::new();
        BufReader::new(owner.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        assert_eq!(ready, "ready\n");
        self.key("ctrl+v");
        // It is asked for what it has.
        std::thread::sleep(ARMED);
        owner.kill().unwrap();
        owner.wait().unwrap();
    }

    /// Waits until assistive technology is told these words.
    pub(crate) fn wait_until_told(&self, words: &str) {
        let start = Instant::now();
        loop {
            let tree = self.accessible();
            if tree.all().iter().any(|node| node.name == words) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "no {words:?} in {tree:#?}");
        }
    }

    pub(crate) fn key(&self, key: &str) {
        self.desk.xdotool(&["key", key]).expect("cannot press");
    }

    /// Presses it twice, as fast as nobody can read.
    pub(crate) fn key_twice(&self, key: &str) {
        self.desk.xdotool(&["key", key, key]).expect("cannot press");
    }

    /// What was done approved nothing; else `why` it would be wrong.
    pub(crate) fn assert_says_nothing(&mut self, why: &str) {
        let says = self.says_within(Duration::from_secs(2));
        assert!(!says, "{why}: {:?}", self.hear());
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
        self.point_at(Place::Approve);
        self.press();
        self.let_go();
    }

    /// Gives the window another height, and waits until it has it.
    pub(crate) fn make_higher_by(&self, more: i32) {
        let (width, height) = (self.geometry("WIDTH"), self.height() + more);
        let (width, height) = (width.to_string(), height.to_string());
        self.desk
            .xdotool(&["windowsize", "--sync", &self.window, &width, &height])
            .expect("cannot resize");
    }

    /// Turns the wheel of the mouse once, with the mouse at that place.
    pub(crate) fn scroll_at(&self, x: i32, y: i32) {
        self.point(x, y);
        self.desk.xdotool(&["click", "5"]).expect("cannot scroll");
    }

    /// Height of the window, in pixels.
    pub(crate) fn height(&self) -> i32 {
        self.geometry("HEIGHT")
    }

    /// Width of the window, in pixels.
    pub(crate) fn width(&self) -> i32 {
        self.geometry("WIDTH")
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

    /// Closes the window as the window manager's button does (ICCCM, `WM_DELETE_WINDOW`). A window manager on a busy
    /// machine may not have taken hold of its keys in the moment in which the window has the keyboard.
    pub(crate) fn close(&self) {
        self.key_until_heard("alt+F4");
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

    pub(super) fn with_bindings(&self, script: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/window")
            .join(script);
        // The system's own Python has the bindings of the system's libraries.
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg(script)
            .env("DISPLAY", &self.desk.display)
            .env("XDG_RUNTIME_DIR", self.desk.home.path())
            .env("DBUS_SESSION_BUS_ADDRESS", self.desk.bus_address());
        command
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
