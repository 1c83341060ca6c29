//! Browsers that come as a Snap or a Flatpak run in a sandbox, out of which they cannot start a program by its path.
//! Firefox asks the desktop's portal to do it (`org.freedesktop.portal.WebExtensions`, Snap only, Ubuntu 22.04 and
//! later), which reads the same manifests. Chromium and its kin have no such way.

use std::path::{Path, PathBuf};

use directories::BaseDirs;

use crate::manifest::Browser;

/// A sandboxed browser of this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sandboxed {
    /// What it is.
    pub(crate) browser: Browser,
    /// For people.
    pub(crate) name: &'static str,
    /// `Snap` or `Flatpak`.
    pub(crate) package: &'static str,
    /// Its name in that package system.
    id: &'static str,
}

const SNAP: &str = "Snap";
const FLATPAK: &str = "Flatpak";

const KNOWN: [Sandboxed; 8] = [
    known(Browser::Chromium, "Chromium", SNAP, "chromium"),
    known(Browser::Brave, "Brave", SNAP, "brave"),
    known(Browser::Firefox, "Firefox", SNAP, "firefox"),
    known(Browser::Chromium, "Chromium", FLATPAK, "org.chromium.Chromium"),
    known(Browser::Chrome, "Google Chrome", FLATPAK, "com.google.Chrome"),
    known(Browser::Edge, "Microsoft Edge", FLATPAK, "com.microsoft.Edge"),
    known(Browser::Brave, "Brave", FLATPAK, "com.brave.Browser"),
    known(Browser::Firefox, "Firefox", FLATPAK, "org.mozilla.firefox"),
];

const fn known(browser: Browser, name: &'static str, package: &'static str, id: &'static str) -> Sandboxed {
    Sandboxed {
        browser,
        name,
        package,
        id,
    }
}

impl Sandboxed {
    /// Whether it asks the desktop's portal, which reads the manifests of browsers without a sandbox.
    pub(crate) fn asks_the_portal(self) -> bool {
        self.browser == Browser::Firefox && self.package == SNAP
    }

    /// The message that says what was done for it: nothing of its own for a browser that asks the portal, nothing at
    /// all for the others.
    pub(crate) fn message(self) -> &'static str {
        match self.asks_the_portal() {
            true => "sandbox-portal",
            false => "sandbox-closed",
        }
    }

    /// Where its package system keeps it, for everybody or for this user.
    fn places(self, home: Option<&Path>) -> Vec<PathBuf> {
        let (everybody, own) = match self.package {
            SNAP => ("/snap", "snap"),
            _ => ("/var/lib/flatpak/app", ".local/share/flatpak/app"),
        };
        let own = home.map(|home| home.join(own).join(self.id));
        std::iter::once(Path::new(everybody).join(self.id))
            .chain(own)
            .collect()
    }
}

/// Those that are there.
pub(crate) fn installed() -> Vec<Sandboxed> {
    let user = BaseDirs::new();
    let home = user.as_ref().map(BaseDirs::home_dir);
    let there = |it: &Sandboxed| it.places(home).iter().any(|place| place.exists());
    KNOWN.into_iter().filter(there).collect()
}
