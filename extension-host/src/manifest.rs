//! Host manifests: the files by which a browser learns that this program exists and which extension may start it.
//! Where they lie: Chromium's and Mozilla's documentation of native messaging, "host manifest location".

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use serde_json::{Value, json};
use trien_protocol::NATIVE_HOST_NAME;

/// The id of our extension in Chromium and its kin; it follows from `key` in the extension's manifest.
const CHROMIUM_EXTENSION: &str = "jkimigkodbknlgplganhnoaekpijpohb";

/// The id of our add-on in Firefox; `browser_specific_settings.gecko.id` in its manifest.
const FIREFOX_EXTENSION: &str = "trien@trien.vn";

/// In a manifest that several browsers read: those it was written for. Browsers pass over what they do not know.
const WRITTEN_FOR: &str = "trien_browsers";

/// The largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 64 * 1024;

/// The id of an extension in Chromium and its kin: 32 letters from a to p.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtensionId(String);

impl ExtensionId {
    /// `None` if it is no such id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 32 && text.bytes().all(|letter| matches!(letter, b'a'..=b'p'));
        is_id.then(|| Self(text.to_owned()))
    }

    fn origin(&self) -> String {
        format!("chrome-extension://{}/", self.0)
    }
}

/// Whether an extension that a browser names is ours, or one that a manifest here names beside it: who packs the
/// extension with a key of his own gives it an id of its own. A browser lets only those of the manifest start this
/// program, but nobody says that a browser has started it.
pub(crate) fn is_ours(caller: &str) -> bool {
    let Some(id) = caller.strip_prefix("chrome-extension://") else {
        return caller == FIREFOX_EXTENSION;
    };
    let id = id.strip_suffix('/').unwrap_or(id);
    id == CHROMIUM_EXTENSION || ExtensionId::parse(id).is_some_and(|id| is_permitted_here(&id))
}

/// Whether a manifest where browsers look names this program and this extension. What others could have written counts
/// for nothing.
fn is_permitted_here(id: &ExtensionId) -> bool {
    let Ok(program) = std::env::current_exe() else {
        return false;
    };
    let places = [Scope::System, Scope::User];
    let paths = places.iter().flat_map(|scope| {
        Browser::ALL
            .into_iter()
            .filter_map(|browser| path(browser, scope))
    });
    paths.into_iter().any(|path| {
        let Ok(Some(manifest)) = read_own(&path) else {
            return false;
        };
        let origins = manifest["allowed_origins"].as_array();
        manifest["path"].as_str().map(Path::new) == Some(&program)
            && origins.is_some_and(|origins| origins.iter().any(|origin| *origin == id.origin()))
    })
}

/// A manifest that is root's or this user's, and that nobody else may write.
fn read_own(path: &Path) -> io::Result<Option<Value>> {
    let file = fs::File::open(path)?;
    let about = file.metadata()?;
    let own = rustix::process::getuid().as_raw();
    if !(about.is_file() && [0, own].contains(&about.uid()) && about.mode() & 0o022 == 0) {
        return Ok(None);
    }
    let mut text = String::new();
    file.take(MAX_MANIFEST).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text).ok())
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

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Chrome => "chrome",
            Self::Edge => "edge",
            Self::Brave => "brave",
            Self::Firefox => "firefox",
        }
    }

    /// By its name on the command line.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|browser| browser.name() == name)
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

    /// The manifest's text. Chromium and Firefox name the permitted extension in different fields; `others` are permitted
    /// beside ours.
    fn manifest(self, program: &str, others: &[ExtensionId]) -> Value {
        let mut manifest = json!({
            "name": NATIVE_HOST_NAME,
            "description": "Triện",
            "path": program,
            "type": "stdio",
        });
        match self {
            Self::Firefox => manifest["allowed_extensions"] = json!([FIREFOX_EXTENSION]),
            _ => {
                let ours = format!("chrome-extension://{CHROMIUM_EXTENSION}/");
                let others = others.iter().map(ExtensionId::origin);
                manifest["allowed_origins"] = std::iter::once(ours).chain(others).collect();
            }
        }
        manifest
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

/// All browsers that read the manifest at this path.
fn readers(path: &Path, scope: &Scope) -> Vec<Browser> {
    let reads = |browser: &Browser| self::path(*browser, scope).as_deref() == Some(path);
    match scope {
        // A profile has one browser.
        Scope::UserDataDir(_) => Vec::new(),
        Scope::User | Scope::System => Browser::ALL.into_iter().filter(reads).collect(),
    }
}

/// Those of several `readers` that the manifest at this path was written for; all of them where it does not say.
fn written_for(path: &Path, readers: &[Browser]) -> io::Result<Vec<Browser>> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(MAX_MANIFEST)
        .read_to_string(&mut text)?;
    let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(names) = manifest[WRITTEN_FOR].as_array() else {
        return Ok(readers.to_vec());
    };
    let named = |browser: &&Browser| names.iter().any(|name| name == browser.name());
    Ok(readers.iter().filter(named).copied().collect())
}

/// Writes the manifest that names `program`, an absolute path, for these browsers, which all read it at this path; in
/// Chromium and its kin these `others` may start it beside our own extension. A browser sees the old file or the new one,
/// no half.
///
/// # Errors
/// The error of the file system; `InvalidInput` if the path is not UTF-8, since JSON cannot hold it.
pub(crate) fn install(
    browsers: &[Browser],
    path: &Path,
    scope: &Scope,
    program: &Path,
    others: &[ExtensionId],
) -> io::Result<()> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let program = program.to_str().ok_or_else(invalid)?;
    let first = browsers.first().ok_or_else(invalid)?;
    let mut manifest = first.manifest(program, others);
    let readers = readers(path, scope);
    if readers.len() > 1 {
        let before = match written_for(path, &readers) {
            Ok(before) => before,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let now = |browser: &&Browser| browsers.contains(browser) || before.contains(browser);
        note(&mut manifest, readers.iter().filter(now));
    }
    write(path, &manifest)
}

fn note<'a>(manifest: &mut Value, browsers: impl Iterator<Item = &'a Browser>) {
    manifest[WRITTEN_FOR] = browsers.map(|browser| browser.name()).collect();
}

fn write(path: &Path, manifest: &Value) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(format!("{manifest:#}\n").as_bytes())?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// What became of a manifest that was to be removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It is gone.
    Gone,
    /// There was none.
    Absent,
    /// It stays for these, which read it too.
    Kept(Vec<Browser>),
}

/// Removes the manifest, unless it was written for others than these browsers, too.
///
/// # Errors
/// The error of the file system.
pub(crate) fn remove(browsers: &[Browser], path: &Path, scope: &Scope) -> io::Result<Removal> {
    let readers = readers(path, scope);
    if readers.len() > 1 {
        let mut left = match written_for(path, &readers) {
            Ok(left) => left,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removal::Absent),
            Err(error) => return Err(error),
        };
        left.retain(|browser| !browsers.contains(browser));
        if !left.is_empty() {
            let mut manifest: Value = serde_json::from_slice(&fs::read(path)?)?;
            note(&mut manifest, left.iter());
            write(path, &manifest)?;
            return Ok(Removal::Kept(left));
        }
    }
    match fs::remove_file(path) {
        Ok(()) => Ok(Removal::Gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Removal::Absent),
        Err(error) => Err(error),
    }
}
