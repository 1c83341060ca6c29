//! What tells programs of the person's likings: the desktop's portal, and the daemon of the X settings.

use super::Desk;
use super::service::Service;

/// One of both; it goes with this.
pub(crate) struct Settings(Service);

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
        let bus = ("DBUS_SESSION_BUS_ADDRESS", desk.bus_address());
        Self(Service::start(
            script,
            first,
            [("DISPLAY", desk.display.as_str()), bus],
        ))
    }

    /// Has it done.
    pub(crate) fn order(&mut self, what: &str) {
        assert_eq!(self.0.order(what), "done\n");
    }
}
