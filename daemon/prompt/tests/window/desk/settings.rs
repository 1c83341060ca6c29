//! What tells programs of the person's likings: the desktop's portal, and the daemon of the X settings.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::Desk;

/// One of both; it goes with this.
pub(crate) struct Settings {
    service: Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Desk {
    /// A portal (`portal.py`) that knows of one setting; the desk must have a bus.
    pub(crate) fn portal(&self, scheme: &str) -> Settings {
        Settings::start(self, "portal.py", scheme)
    }

    /// A daemon of the X settings (`xsettings.py`) that names a theme.
    pub(crate) fn x_settings(&self, theme: &str) -> Settings {
        Settings::start(self, "xsettings.py", theme)
    }
}

impl Settings {
    fn start(desk: &Desk, script: &str, first: &str) -> Self {
        let script = format!("{}/tests/window/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut service = Command::new("/usr/bin/python3")
            .args([&script, first])
            .env("DISPLAY", &desk.display)
            .env("DBUS_SESSION_BUS_ADDRESS", desk.bus_address())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs Python");
        let mut told = BufReader::new(service.stdout.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let orders = service.stdin.take().unwrap();
        Self {
            service,
            orders,
            told,
        }
    }

    /// Has it done.
    pub(crate) fn order(&mut self, what: &str) {
        writeln!(self.orders, "{what}").unwrap();
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}
