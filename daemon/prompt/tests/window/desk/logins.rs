//! What tells of locked screens and of sleep.

use std::process::Child;

use super::service::Service;

/// What tells of locked screens and of sleep (`login1.py`).
pub(crate) struct Logins {
    pub(super) bus: Child,
    pub(super) address: String,
    pub(super) service: Service,
}

impl Logins {
    /// What a program finds it by.
    pub(crate) fn environment(&self) -> (&str, &str) {
        ("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
    }

    /// Has it done, and gives how often somebody has asked by now whose session one is.
    pub(crate) fn order(&mut self, what: &str) -> u32 {
        let told = self.service.order(what);
        told.trim().parse().expect("login1.py has ended")
    }

    /// The bus goes, and what was on it.
    pub(crate) fn lose(&mut self) {
        self.bus.kill().unwrap();
        self.bus.wait().unwrap();
    }
}

impl Drop for Logins {
    fn drop(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}
