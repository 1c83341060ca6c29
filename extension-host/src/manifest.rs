//! Host manifests: the files by which a browser learns that this program exists and which extension may start it.
//! Where they lie: Chromium's and Mozilla's documentation of native messaging, "host manifest location".

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use serde_json::{Map, Value, json};
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

/// What stands where a manifest belongs.
enum Held {
    Nothing,
    Manifest(Map<String, Value>),
    /// Something that no browser can use.
    Other,
}

impl Held {
    /// Follows a link: it is what a browser would read.
    fn at(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing),
            about => about?,
        };
        // Behind a link may be nothing, and a pipe would never end.
        if !fs::metadata(path).is_ok_and(|about| about.is_file()) {
            return Ok(Self::Other);
        }
        let mut text = Vec::new();
        fs::File::open(path)?.take(MAX_MANIFEST).read_to_end(&mut text)?;
        Ok(match serde_json::from_slice(&text) {
            Ok(Value::Object(manifest)) => Self::Manifest(manifest),
            _ => Self::Other,
        })
    }

    /// Those of several `readers` that it was written for; all of them where a manifest does not say.
    fn written_for(&self, readers: &[Browser]) -> Vec<Browser> {
        let Self::Manifest(manifest) = self else {
            return Vec::new();
        };
        let Some(names) = manifest.get(WRITTEN_FOR).and_then(Value::as_array) else {
            return readers.to_vec();
        };
        let named = |browser: &&Browser| names.iter().any(|name| name == browser.name());
        readers.iter().filter(named).copied().collect()
    }

    fn before(&self, program: &Path) -> Before {
        let named = match self {
            Self::Nothing => return Before::Nothing,
            Self::Manifest(manifest) => manifest.get("path").and_then(Value::as_str),
            Self::Other => None,
        };
        match named {
            Some(named) if Path::new(named) == program => Before::Ours,
            Some(named) => Before::Another(named.to_owned()),
            None => Before::Unusable,
        }
    }
}

/// What a manifest's place held before it was written or removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// No file.
    Nothing,
    /// A manifest that named this program.
    Ours,
    /// A manifest that named the program at this path, as it stands there.
    Another(String),
    /// Something that is no manifest.
    Unusable,
}

/// Writes the manifest that names `program`, an absolute path, for these browsers, which all read it at this path; in
/// Chromium and its kin these `others` may start it beside our own extension. A browser sees the old file or the new one,
/// no half. A link is replaced, not what it leads to.
///
/// # Errors
/// The error of the file system; `InvalidInput` if the path is not UTF-8, since JSON cannot hold it.
pub(crate) fn install(
    browsers: &[Browser],
    path: &Path,
    scope: &Scope,
    program: &Path,
    others: &[ExtensionId],
) -> io::Result<Before> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let name = program.to_str().ok_or_else(invalid)?;
    let first = browsers.first().ok_or_else(invalid)?;
    let mut manifest = first.manifest(name, others);
    let held = Held::at(path)?;
    let readers = readers(path, scope);
    if readers.len() > 1 {
        let before = held.written_for(&readers);
        let now = |browser: &&Browser| browsers.contains(browser) || before.contains(browser);
        manifest[WRITTEN_FOR] = names(readers.iter().filter(now));
    }
    write(path, scope, &manifest)?;
    Ok(held.before(program))
}

fn names<'a>(browsers: impl Iterator<Item = &'a Browser>) -> Value {
    browsers.map(|browser| browser.name()).collect()
}

fn write(path: &Path, scope: &Scope, manifest: &Value) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    make(folder, scope)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(format!("{manifest:#}\n").as_bytes())?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Makes the folder and those above it that are missing. What is for everybody must be open to everybody, whatever the
/// administrator's `umask` is.
fn make(folder: &Path, scope: &Scope) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|it| !it.exists()).collect();
    fs::create_dir_all(folder)?;
    if *scope == Scope::System {
        for made in missing {
            fs::set_permissions(made, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// What became of a manifest that was to be removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It is gone.
    Gone(Before),
    /// There was none.
    Absent,
    /// It stays for these, which read it too.
    Kept(Vec<Browser>),
}

/// Removes the manifest, unless it was written for others than these browsers, too. Of a link the link goes, not what it
/// leads to. `program` is this program.
///
/// # Errors
/// The error of the file system.
pub(crate) fn remove(
    browsers: &[Browser],
    path: &Path,
    scope: &Scope,
    program: &Path,
) -> io::Result<Removal> {
    let held = Held::at(path)?;
    let before = held.before(program);
    let readers = readers(path, scope);
    if readers.len() > 1 {
        let mut left = held.written_for(&readers);
        left.retain(|browser| !browsers.contains(browser));
        if let (Held::Manifest(mut manifest), false) = (held, left.is_empty()) {
            manifest.insert(WRITTEN_FOR.to_owned(), names(left.iter()));
            write(path, scope, &Value::Object(manifest))?;
            return Ok(Removal::Kept(left));
        }
    }
    match fs::remove_file(path) {
        Ok(()) => Ok(Removal::Gone(before)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Removal::Absent),
        Err(error) => Err(error),
    }
}
