//! Host manifests: the files by which a browser learns that this program exists and which extension may start it.
//! Where they lie: Chromium's and Mozilla's documentation of native messaging, "host manifest location".

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use serde_json::json;
use trien_protocol::NATIVE_HOST_NAME;

/// The id of our extension in Chromium and its kin; it follows from `key` in the extension's manifest.
const CHROMIUM_EXTENSION: &str = "jkimigkodbknlgplganhnoaekpijpohb";

/// The id of our add-on in Firefox; `browser_specific_settings.gecko.id` in its manifest.
const FIREFOX_EXTENSION: &str = "trien@trien.vn";

/// Whether an extension that a browser names is ours: a browser lets only those of the manifest start this program, but
/// nobody says that a browser has started it.
pub(crate) fn is_ours(caller: &str) -> bool {
    let id = caller
        .strip_prefix("chrome-extension://")
        .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    id.map_or(caller == FIREFOX_EXTENSION, |id| id == CHROMIUM_EXTENSION)
}

/// The browsers whose manifests we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Browser {
    /// Chromium
    Chromium,
    /// Google Chrome
    Chrome,
    /// Microsoft Edge
    Edge,
    /// Brave
    Brave,
    /// Mozilla Firefox
    Firefox,
}

impl Browser {
    /// Every browser.
    pub(crate) const ALL: [Self; 5] = [
        Self::Chromium,
        Self::Chrome,
        Self::Edge,
        Self::Brave,
        Self::Firefox,
    ];

    /// By its name on the command line.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "chromium" => Self::Chromium,
            "chrome" => Self::Chrome,
            "edge" => Self::Edge,
            "brave" => Self::Brave,
            "firefox" => Self::Firefox,
            _ => return None,
        })
    }

    fn system_folder(self) -> &'static Path {
        Path::new(match self {
            // Brave is built without Chrome's branding and reads Chromium's folder.
            Self::Chromium | Self::Brave => "/etc/chromium/native-messaging-hosts",
            Self::Chrome => "/etc/opt/chrome/native-messaging-hosts",
            Self::Edge => "/etc/opt/edge/native-messaging-hosts",
            Self::Firefox => "/usr/lib/mozilla/native-messaging-hosts",
        })
    }

    fn user_folder(self, user: &BaseDirs) -> PathBuf {
        match self {
            Self::Chromium => user.config_dir().join("chromium/NativeMessagingHosts"),
            Self::Chrome => user.config_dir().join("google-chrome/NativeMessagingHosts"),
            Self::Edge => user.config_dir().join("microsoft-edge/NativeMessagingHosts"),
            Self::Brave => user
                .config_dir()
                .join("BraveSoftware/Brave-Browser/NativeMessagingHosts"),
            Self::Firefox => user.home_dir().join(".mozilla/native-messaging-hosts"),
        }
    }

    /// The manifest's text. Chromium and Firefox name the permitted extension in different fields.
    fn manifest(self, program: &str) -> String {
        let mut manifest = json!({
            "name": NATIVE_HOST_NAME,
            "description": "Triện",
            "path": program,
            "type": "stdio",
        });
        match self {
            Self::Firefox => manifest["allowed_extensions"] = json!([FIREFOX_EXTENSION]),
            _ => manifest["allowed_origins"] = json!([format!("chrome-extension://{CHROMIUM_EXTENSION}/")]),
        }
        format!("{manifest:#}\n")
    }
}

/// For whom a manifest is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The current user.
    User,
    /// Everybody on this computer.
    System,
    /// One profile folder of Chromium or its kin.
    UserDataDir(PathBuf),
}

/// Where the manifest of `browser` lies. `None` if the user's home is not known.
pub(crate) fn path(browser: Browser, scope: &Scope) -> Option<PathBuf> {
    let folder = match scope {
        Scope::User => browser.user_folder(&BaseDirs::new()?),
        Scope::System => browser.system_folder().to_owned(),
        Scope::UserDataDir(folder) => folder.join("NativeMessagingHosts"),
    };
    Some(folder.join(format!("{NATIVE_HOST_NAME}.json")))
}

/// Writes the manifest that names `program`, an absolute path. A browser sees the old file or the new one, no half.
///
/// # Errors
/// The error of the file system; `InvalidInput` if the path is not UTF-8, since JSON cannot hold it.
pub(crate) fn install(browser: Browser, path: &Path, program: &Path) -> io::Result<()> {
    let program = program
        .to_str()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(browser.manifest(program).as_bytes())?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Removes the manifest. False if there was none.
///
/// # Errors
/// The error of the file system.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
