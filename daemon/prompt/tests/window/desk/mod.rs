//! A screen of its own with a window manager, and the real window on it, driven by keys and clicks.
//!
//! | module | what |
//! |---|---|
//! | `asked` | one question on the screen: the daemon's side of it, and the person's hands |
//! | `looks` | what is to be seen of it, and what assistive technology is told |
//! | `picture` | its colours, pixel for pixel |
//! | `other` | a window of another program |
//! | `settings` | what tells of the person's likings |
//! | `logins` | what tells of locked screens and of sleep |
//! | `service` | the process behind either |

mod asked;
mod logins;
mod looks;
mod other;
mod picture;
mod service;
mod settings;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use asked::{Asked, Place, in_time};
pub(crate) use logins::Logins;
pub(crate) use looks::Accessible;
pub(crate) use other::Other;
use service::Service;
use trien_protocol::prompt::{Question, ToPrompt};

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
        give_keyboard(&display);
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
        let system = ("DBUS_SYSTEM_BUS_ADDRESS", address.as_str());
        let service = Service::start("login1.py", self.bus_address(), [system]);
        Logins {
            bus,
            address,
            service,
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

/// Before anybody looks at the server's own.
fn give_keyboard(display: &str) {
    let keyboard = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/window/desk/keyboard.xkb");
    let given = Command::new("xkbcomp")
        .args(["-w", "0"])
        .args([keyboard.as_os_str(), display.as_ref()])
        .status();
    assert!(
        given.is_ok_and(|status| status.success()),
        "this test needs xkbcomp"
    );
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
