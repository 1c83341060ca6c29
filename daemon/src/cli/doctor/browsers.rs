//! The two roads from a page: the browsers' manifests of the native-messaging host, and the WebSocket's port.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use trien_protocol::NATIVE_HOST_NAME;

use super::super::Shell;
use super::{Finding, Weight};
use crate::config::{ADMIN_POLICY, Config};
use crate::policy::ownership::is_private_folder;
use crate::transport::websocket;

/// A browser: what people call it, its programs, and where it looks for manifests, for all users and for this one
/// (below the configuration folder, wherever `XDG_CONFIG_HOME` has it, or below home for Firefox).
struct Browser {
    name: &'static str,
    programs: &'static [&'static str],
    system: &'static str,
    below: fn(&BaseDirs) -> &Path,
    user: &'static str,
}

/// As their makers' documentation of native messaging says ("host manifest location").
const BROWSERS: [Browser; 5] = [
    Browser {
        name: "Chromium",
        programs: &["chromium", "chromium-browser"],
        system: "/etc/chromium/native-messaging-hosts",
        below: BaseDirs::config_dir,
        user: "chromium/NativeMessagingHosts",
    },
    Browser {
        name: "Google Chrome",
        programs: &["google-chrome", "google-chrome-stable"],
        system: "/etc/opt/chrome/native-messaging-hosts",
        below: BaseDirs::config_dir,
        user: "google-chrome/NativeMessagingHosts",
    },
    Browser {
        name: "Microsoft Edge",
        programs: &["microsoft-edge", "microsoft-edge-stable"],
        system: "/etc/opt/edge/native-messaging-hosts",
        below: BaseDirs::config_dir,
        user: "microsoft-edge/NativeMessagingHosts",
    },
    Browser {
        name: "Brave",
        programs: &["brave-browser", "brave"],
        // Without Chrome's branding, so Chromium's: where the host's own `install --system` writes for it.
        system: "/etc/chromium/native-messaging-hosts",
        below: BaseDirs::config_dir,
        user: "BraveSoftware/Brave-Browser/NativeMessagingHosts",
    },
    Browser {
        name: "Firefox",
        programs: &["firefox", "firefox-esr"],
        system: "/usr/lib/mozilla/native-messaging-hosts",
        below: BaseDirs::home_dir,
        user: ".mozilla/native-messaging-hosts",
    },
];

pub(super) fn look(shell: &Shell) -> Vec<Finding> {
    let folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let user = BaseDirs::new();
    let installed = |browser: &&Browser| {
        let mut programs = browser.programs.iter();
        programs.any(|program| folders.iter().any(|folder| folder.join(program).exists()))
    };
    let mut findings: Vec<_> = BROWSERS
        .iter()
        .filter(installed)
        .map(|browser| of_browser(browser, user.as_ref()))
        .collect();
    findings.push(daemon(shell));
    findings
}

/// The manifest must be there, and name a program that is.
fn of_browser(browser: &Browser, user: Option<&BaseDirs>) -> Finding {
    let file = format!("{NATIVE_HOST_NAME}.json");
    let own = user.map(|user| (browser.below)(user).join(browser.user));
    let manifest = own
        .into_iter()
        .chain([PathBuf::from(browser.system)])
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

/// Whether the daemon runs, and has its port; without it, whether it could have it. Who has no session folder, or another
/// user's as `su` leaves it, would be told of a daemon that is not his, or of none.
fn daemon(shell: &Shell) -> Finding {
    let Ok(socket) = shell.places.socket() else {
        return Finding::new(Weight::Warning, "doctor-no-session", []);
    };
    if let Some(folder) = shell.places.session_folder()
        && !is_private_folder(folder).unwrap_or(false)
    {
        let facts = [("folder", folder.display().to_string())];
        return Finding::new(Weight::Warning, "service-session", facts);
    }
    let runs = UnixStream::connect(&socket).is_ok();
    let config = Config::load(&shell.places.config_file(), Path::new(ADMIN_POLICY)).ok();
    let port = config
        .and_then(|config| Some(config.websocket?.port))
        .unwrap_or(0);
    let of_port = |weight, key| Finding::new(weight, key, [("port", port.to_string())]);
    let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match (runs, is_free) {
        // It lost the port when it began, to somebody who has left since.
        (true, true) if port != 0 => of_port(Weight::Warning, "doctor-port-unserved"),
        (true, false) if is_anothers(port) => of_port(Weight::Warning, "doctor-port-anothers"),
        (true, _) => Finding::fine("doctor-daemon", []),
        (false, true) => Finding::new(Weight::Warning, "doctor-daemon-absent", []),
        (false, false) => of_port(Weight::Trouble, "doctor-port-taken"),
    }
}

/// Pages that know the port alone reach another user's program there, as on a computer with several people.
fn is_anothers(port: u16) -> bool {
    websocket::holder(port).is_some_and(|uid| uid != rustix::process::getuid().as_raw())
}
