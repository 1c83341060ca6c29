//! The two roads from a page: the browsers' manifests of the native-messaging host, and the WebSocket's port.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use trien_protocol::NATIVE_HOST_NAME;

use super::super::Shell;
use super::{Finding, Weight};
use crate::config::{ADMIN_POLICY, Config};

/// A browser: what people call it, its programs, and where it looks for manifests, for all users and for this one
/// (below the configuration folder, or below home for Firefox).
struct Browser {
    name: &'static str,
    programs: &'static [&'static str],
    system: &'static str,
    user: &'static str,
}

/// As their makers' documentation of native messaging says ("host manifest location").
const BROWSERS: [Browser; 5] = [
    Browser {
        name: "Chromium",
        programs: &["chromium", "chromium-browser"],
        system: "/etc/chromium/native-messaging-hosts",
        user: ".config/chromium/NativeMessagingHosts",
    },
    Browser {
        name: "Google Chrome",
        programs: &["google-chrome", "google-chrome-stable"],
        system: "/etc/opt/chrome/native-messaging-hosts",
        user: ".config/google-chrome/NativeMessagingHosts",
    },
    Browser {
        name: "Microsoft Edge",
        programs: &["microsoft-edge", "microsoft-edge-stable"],
        system: "/etc/opt/edge/native-messaging-hosts",
        user: ".config/microsoft-edge/NativeMessagingHosts",
    },
    Browser {
        name: "Brave",
        programs: &["brave-browser", "brave"],
        // Without Chrome's branding, so Chromium's: where the host's own `install --system` writes for it.
        system: "/etc/chromium/native-messaging-hosts",
        user: ".config/BraveSoftware/Brave-Browser/NativeMessagingHosts",
    },
    Browser {
        name: "Firefox",
        programs: &["firefox", "firefox-esr"],
        system: "/usr/lib/mozilla/native-messaging-hosts",
        user: ".mozilla/native-messaging-hosts",
    },
];

pub(super) fn look(shell: &Shell) -> Vec<Finding> {
    let folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let home = BaseDirs::new()
        .map(|user| user.home_dir().to_owned())
        .unwrap_or_default();
    let installed = |browser: &&Browser| {
        let mut programs = browser.programs.iter();
        programs.any(|program| folders.iter().any(|folder| folder.join(program).exists()))
    };
    let mut findings: Vec<_> = BROWSERS
        .iter()
        .filter(installed)
        .map(|browser| of_browser(browser, &home))
        .collect();
    findings.extend(daemon(shell));
    findings
}

/// The manifest must be there, and name a program that is.
fn of_browser(browser: &Browser, home: &Path) -> Finding {
    let file = format!("{NATIVE_HOST_NAME}.json");
    let places = [home.join(browser.user), PathBuf::from(browser.system)];
    let manifest = places
        .iter()
        .map(|folder| folder.join(&file))
        .find(|path| path.exists());
    let name = || ("browser", browser.name.to_owned());
    let Some(manifest) = manifest else {
        return Finding::new(Weight::Warning, "doctor-browser-no-manifest", [name()]);
    };
    let program = std::fs::read(&manifest)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .and_then(|manifest| Some(PathBuf::from(manifest["path"].as_str()?)));
    match program {
        Some(program) if program.is_file() => Finding::fine("doctor-browser", [name()]),
        _ => Finding::new(
            Weight::Trouble,
            "doctor-browser-manifest-broken",
            [name(), ("file", manifest.display().to_string())],
        ),
    }
}

/// Whether the daemon runs; without it, whether it could have its port.
fn daemon(shell: &Shell) -> Option<Finding> {
    let socket = shell.places.socket().ok()?;
    if UnixStream::connect(&socket).is_ok() {
        return Some(Finding::fine("doctor-daemon", []));
    }
    let config = Config::load(&shell.places.config_file(), Path::new(ADMIN_POLICY)).ok()?;
    let port = config.websocket.map_or(0, |websocket| websocket.port);
    Some(match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Finding::new(Weight::Warning, "doctor-daemon-absent", []),
        Err(_) => Finding::new(Weight::Trouble, "doctor-port-taken", [("port", port.to_string())]),
    })
}
