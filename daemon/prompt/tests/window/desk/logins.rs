//! What tells of locked screens and of sleep.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

/// What tells of locked screens and of sleep (`login1.py`).
pub(crate) struct Logins {
    pub(super) bus: Child,
    pub(super) address: String,
    pub(super) service: Child,
    pub(super) orders: ChildStdin,
    pub(super) told: BufReader<ChildStdout>,
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
