//! A screen of its own with a window manager, and the real window on it, driven by keys and clicks.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use trien_protocol::prompt::{Answer, FromPrompt, Question, ToPrompt};

/// Longer than the window's arming time, with room for a slow machine.
const ARMED: Duration = Duration::from_millis(1300);

/// Of the X server, in pixels.
pub(crate) const SCREEN_HEIGHT: i32 = 1024;
/// Likewise.
pub(crate) const SCREEN_WIDTH: i32 = 1280;

/// How long anything may take on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(20);

/// An X server and a window manager; they end with it.
pub(crate) struct Desk {
    server: Child,
    manager: Child,
    display: String,
    home: tempfile::TempDir,
    /// The session bus, where assistive technology finds programs; none unless asked for.
    bus: Option<(Child, String)>,
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
            bus: None,
        };
        wait_for("a window manager", || desk.xdotool(&["get_num_desktops"]));
        desk
    }

    /// As [`Self::start`], with a session bus, on which a screen reader would listen.
    pub(crate) fn with_assistive_technology() -> Self {
        let mut desk = Self::start();
        desk.bus = Some(desk.new_bus());
        desk
    }

    /// A bus of its own, with its address.
    fn new_bus(&self) -> (Child, String) {
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .env("XDG_RUNTIME_DIR", self.home.path())
            .env("DISPLAY", &self.display)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs dbus-daemon");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        (bus, address.trim().to_owned())
    }

    /// A system bus with a logind on it, and a desktop's screen saver on the session bus.
    pub(crate) fn logins(&self) -> Logins {
        let (bus, address) = self.new_bus();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/window/login1.py");
        let mut service = Command::new("/usr/bin/python3")
            .args([script, self.bus_address()])
            .env("DBUS_SYSTEM_BUS_ADDRESS", &address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs Python");
        let mut told = BufReader::new(service.stdout.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let orders = service.stdin.take().unwrap();
        Logins {
            bus,
            address,
            service,
            orders,
            told,
        }
    }

    fn bus_address(&self) -> &str {
        self.bus
            .as_ref()
            .map_or("unix:path=/nonexistent", |(_, address)| address)
    }

    /// The screen goes, as at the end of a session.
    pub(crate) fn lose_the_screen(&self) {
        let server = self.server.id().to_string();
        let killed = Command::new("kill").args(["-9", &server]).status().unwrap();
        assert!(killed.success());
    }

    /// What programs that start from now on find in the server's resource database: `Xft.dpi`, for instance, which is
    /// 96 at 100 %.
    pub(crate) fn set_resolution(&self, dpi: u32) {
        let resources = format!("Xft.dpi:\t{dpi}\n");
        let set = Command::new("xprop")
            .args([
                "-root",
                "-f",
                "RESOURCE_MANAGER",
                "8s",
                "-set",
                "RESOURCE_MANAGER",
                &resources,
            ])
            .env("DISPLAY", &self.display)
            .status()
            .expect("this test needs xprop");
        assert!(set.success());
    }

    /// What xprop prints.
    fn xprop(&self, arguments: &[&str]) -> String {
        let output = Command::new("xprop")
            .args(arguments)
            .env("DISPLAY", &self.display)
            .output()
            .expect("this test needs xprop");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Presses keys, and leaves them down until [`Self::let_go`].
    pub(crate) fn hold(&self, keys: &[&str]) {
        for key in keys {
            self.xdotool(&["keydown", key]).expect("cannot press");
        }
    }

    pub(crate) fn let_go(&self, keys: &[&str]) {
        for key in keys {
            self.xdotool(&["keyup", key]).expect("cannot let go");
        }
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
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus_address())
            .env("LANG", "C.UTF-8")
            .env("GSK_RENDERER", "cairo");
        command
    }

    /// A window of another program, in front; with `above`, it stays over all others.
    pub(crate) fn other_window(&self, above: bool) -> Other<'_> {
        let before = self.active_window();
        let process = Command::new("display")
            .args(["-title", "other", "-size", "400x300", "xc:gray"])
            .env("DISPLAY", &self.display)
            .spawn()
            .expect("this test needs ImageMagick");
        let window = wait_for("another window", || {
            self.active_window()
                .filter(|window| Some(window) != before.as_ref())
        });
        let other = Other {
            desk: self,
            process,
            window,
        };
        if above {
            other.take_state("_NET_WM_STATE_ABOVE");
        }
        other
    }

    fn active_window(&self) -> Option<String> {
        let active = self.xdotool(&["getactivewindow"])?;
        Some(active.trim().to_owned())
    }

    /// Asks, and waits until the window is on the screen.
    pub(crate) fn ask(&self, question: Question) -> Asked<'_> {
        self.ask_with(self.command(), question)
    }

    /// As [`Self::ask`], with a command that was changed.
    pub(crate) fn ask_with(&self, command: Command, question: Question) -> Asked<'_> {
        self.put(command, question).on_screen()
    }

    fn put(&self, mut command: Command, question: Question) -> Asked<'_> {
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
        asked
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let bus = self.bus.as_mut().map(|(process, _)| process);
        for process in bus.into_iter().chain([&mut self.manager, &mut self.server]) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A window of another program; it goes with this.
pub(crate) struct Other<'a> {
    desk: &'a Desk,
    process: Child,
    window: String,
}

impl Other<'_> {
    pub(crate) fn fill_the_screen(&self) {
        self.take_state("_NET_WM_STATE_FULLSCREEN");
        wait_for("a window that fills the screen", || {
            let geometry = self
                .desk
                .xdotool(&["getwindowgeometry", "--shell", &self.window])?;
            geometry
                .contains(&format!("HEIGHT={SCREEN_HEIGHT}"))
                .then_some(())
        });
    }
}

impl Other<'_> {
    /// A state that the window manager reads when a window comes to the screen (EWMH).
    fn take_state(&self, state: &str) {
        self.desk
            .xdotool(&["windowunmap", "--sync", &self.window])
            .expect("cannot leave the screen");
        let property = "_NET_WM_STATE";
        // Withdrawn, it loses the states it had.
        wait_for("a window without a state", || {
            let words = ["-id", &self.window, property];
            let listed = self.desk.xprop(&words);
            (listed.contains("not found") || listed.trim().ends_with('=')).then_some(())
        });
        self.desk.xprop(&[
            "-id",
            &self.window,
            "-f",
            property,
            "32a",
            "-set",
            property,
            state,
        ]);
        self.desk
            .xdotool(&["windowmap", "--sync", &self.window])
            .expect("cannot come to the screen");
        wait_for("a window in its state", || {
            let listed = self.desk.xprop(&["-id", &self.window, property]);
            listed.contains(state).then_some(())
        });
    }
}

impl Drop for Other<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where the pointer can be in the window.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Approve,
    Middle,
}

/// What tells of locked screens and of sleep (`login1.py`).
pub(crate) struct Logins {
    bus: Child,
    address: String,
    service: Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Logins {
    /// What a program finds it by.
    pub(crate) fn environment(&self) -> (&str, &str) {
        ("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
    }

    /// Has it done, and gives how often somebody has asked by now whose session one is.
    pub(crate) fn order(&mut self, what: &str) -> u32 {
        writeln!(self.orders, "{what}").unwrap();
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        line.trim().parse().expect("login1.py has ended")
    }

    /// The bus goes, and what was on it.
    pub(crate) fn lose(&mut self) {
        self.bus.kill().unwrap();
        self.bus.wait().unwrap();
    }
}

impl Drop for Logins {
    fn drop(&mut self) {
        for process in [&mut self.service, &mut self.bus] {
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

    /// True while less than 700 ms have gone by since the window was shown, or came to the front again.
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

    /// Resident memory in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// What assistive technology is told of the window and all that is in it.
    pub(crate) fn accessible(&self) -> Accessible {
        wait_for("the window on the accessibility bus", || {
            let output = self.assistive("tree").output().expect("this test needs Python");
            let told = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(3) => None,
                Some(0) => Some(serde_json::from_slice(&output.stdout).unwrap()),
                status => panic!("{status:?}: {told}"),
            }
        })
    }

    /// The role of what has the keyboard.
    pub(crate) fn focused(&self) -> Option<String> {
        let tree = self.accessible();
        let focused = tree.all().into_iter().find(|node| node.is("FOCUSED"));
        focused.map(|node| node.role.clone())
    }

    /// Everything that assistive technology is told of changes of texts while the person does that.
    pub(crate) fn changes_heard(&self, doing: impl FnOnce()) -> Vec<String> {
        let mut listener = self
            .assistive("changes")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs Python");
        let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "listening");
        doing();
        // What is on the bus by now is delivered by then.
        std::thread::sleep(ARMED);
        listener.kill().unwrap();
        listener.wait().unwrap();
        lines.map(Result::unwrap).collect()
    }

    fn assistive(&self, what: &str) -> Command {
        let mut command = self.with_bindings("accessible.py");
        command.args([what, &self.process.id().to_string()]);
        command
    }

    fn with_bindings(&self, script: &str) -> Command {
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

    /// The window as it is on the screen: its width in pixels, and the brightness of each pixel.
    pub(crate) fn brightness(&self) -> (usize, Vec<u8>) {
        let imported = Command::new("import")
            .args([
                "-window",
                &self.window,
                "-colorspace",
                "Gray",
                "-depth",
                "8",
                "pgm:-",
            ])
            .env("DISPLAY", &self.desk.display)
            .output()
            .expect("this test needs ImageMagick");
        assert!(imported.status.success());
        // PGM: "P5", width, height and the greatest value, a white space after each, then a byte a pixel.
        let mut parts = imported.stdout.splitn(4, |byte| byte.is_ascii_whitespace());
        let [Some(b"P5"), Some(width), Some(_), Some(rest)] = [(); 4].map(|()| parts.next()) else {
            panic!("no PGM");
        };
        let pixels = rest.strip_prefix(b"255\n").expect("a byte a pixel").to_vec();
        (std::str::from_utf8(width).unwrap().parse().unwrap(), pixels)
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

/// A node of the accessibility tree (AT-SPI).
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Accessible {
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) states: Vec<String>,
    /// Left and upper edge, width and height, from the window's corner in its own pixels.
    #[serde(default)]
    pub(crate) extents: Option<[i32; 4]>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    pub(crate) children: Vec<Self>,
}

impl Accessible {
    /// It and all below it, in the order in which a screen reader walks them.
    pub(crate) fn all(&self) -> Vec<&Self> {
        let below = self.children.iter().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }

    /// Whether it is one of the buttons below everything else.
    pub(crate) fn is_a_decision(&self) -> bool {
        const DECISIONS: [&str; 7] = [
            "Từ chối",
            "Dừng lại",
            "Đóng",
            "Ký",
            "Cho xem",
            "Cho phép",
            "Đăng nhập",
        ];
        DECISIONS.iter().any(|words| self.name.starts_with(words))
            || ["Refuse", "Sign"].contains(&self.name.as_str())
    }

    pub(crate) fn is(&self, state: &str) -> bool {
        self.states.iter().any(|present| present == state)
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "no sign of {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}
