//! The raw files → a checked [`Config`]. What the administrator's policy says wins over the user's file.

mod file;
mod raw;

use std::path::{Path, PathBuf};
use std::time::Duration;

use trien_protocol::call::Language;
use trien_protocol::prompt::DocumentWarning;

use crate::language::Remark;
use crate::network::NetworkRules;
use crate::policy::OriginRules;
use crate::policy::origin::Schemes;
use crate::tokens::known::{self, KnownModule};
pub use file::{ConfigError, Fault};

/// Where the administrator's policy lies.
pub const ADMIN_POLICY: &str = "/etc/trien/policy.toml";

/// The file name of the software token's module, looked for beside the program and in its `lib` folders.
pub const SOFTWARE_TOKEN: &str = "libtrien_pkcs11.so";

/// The file name of the consent window, beside the program.
const PROMPT_PROGRAM: &str = "trien-prompt";

/// The most modules that are loaded.
const MAX_MODULES: usize = 16;

/// How the daemon works: checked, with nothing left to interpret.
#[derive(Debug, Clone)]
pub struct Config {
    /// Pages over plain HTTP from loopback hosts may be allowed.
    pub developer: bool,
    /// The language of windows.
    pub language: Language,
    /// The second road; none if it is switched off.
    pub websocket: Option<WebSocketConfig>,
    /// The PKCS #11 modules.
    pub modules: Vec<ModuleConfig>,
    /// The rows that the files add to those of known modules, or lay over them; also of modules that are not here.
    pub rows: Vec<KnownModule>,
    /// Smart cards.
    pub cards: CardsConfig,
    /// Who asks the person.
    pub prompt: PromptConfig,
    /// What the administrator says about origins.
    pub origins: OriginRules,
    /// What may be reached over the network, and who stamps time.
    pub network: NetworkRules,
    /// Nothing is signed with a certificate about whose revocation nothing is known.
    pub require_revocation: bool,
    /// Documents with any of this are not signed, whatever the person says.
    pub refuse_documents: Vec<DocumentWarning>,
    /// What was passed over, for the log: one line each.
    pub notices: Vec<Remark>,
}

/// Where the WebSocket listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketConfig {
    /// The port on 127.0.0.1 and `[::1]`; 0 for any that is free on both.
    pub port: u16,
}

/// How smart cards are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardsConfig {
    /// Our own driver for PIV cards is used.
    pub piv: bool,
    /// Readers are watched: what comes and goes is seen at once.
    pub watched: bool,
}

/// A PKCS #11 module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleConfig {
    /// Its name here: `a-z`, `0-9` and `-`.
    pub name: String,
    /// Its library.
    pub path: PathBuf,
    /// SHA-256 of the library in lower-case hexadecimal: no other file is loaded.
    pub sha256: Option<String>,
    /// It cannot work without the network.
    pub network: bool,
    /// Folders that it keeps its state in.
    pub folders: Vec<PathBuf>,
    /// Variables of the environment that it finds its configuration by.
    pub environment: Vec<String>,
    /// Variables that are set for it.
    pub variables: Vec<(String, std::ffi::OsString)>,
    /// `C_Logout` leaves the card logged in: it is reset after the work.
    pub reset: bool,
}

impl ModuleConfig {
    /// A module that needs nothing but its library. How it logs out is as is known of that.
    #[must_use]
    pub fn new(name: &str, path: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            reset: known::of_library(&path).is_some_and(|row| row.reset),
            path,
            sha256: None,
            network: false,
            folders: Vec::new(),
            environment: Vec::new(),
            variables: Vec::new(),
        }
    }
}

/// Who asks the person, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptConfig {
    /// Who asks.
    pub program: PromptProgram,
    /// How long a question stays open.
    pub wait: Duration,
    /// The administrator chose who asks.
    pub fixed: bool,
}

/// Who asks the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptProgram {
    /// The consent window.
    Window(PathBuf),
    /// Answers out of a file. Switched on only by the command line or the administrator.
    Scripted(PathBuf),
}

impl PromptProgram {
    /// Reads `window` or `scripted:FILE`, as on the command line and in the administrator's policy.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("scripted:").map(PathBuf::from) {
            Some(script) if script.is_absolute() => Some(Self::Scripted(script)),
            None if text == "window" => Some(Self::Window(beside_program(PROMPT_PROGRAM))),
            _ => None,
        }
    }
}

impl Config {
    /// Reads the user's file (defaults if there is none) and the administrator's policy, which must be
    /// root's alone.
    ///
    /// # Errors
    /// [`ConfigError`] with file and line: a file that cannot be understood is never half obeyed.
    pub fn load(user: &Path, admin: &Path) -> Result<Self, ConfigError> {
        let policy = file::read_admin(admin)?.unwrap_or_default();
        let mut raw = file::read_user(user)?.unwrap_or_default();
        policy.switch(&mut raw);
        let mut config = raw.check(user)?;
        policy.apply(admin, &mut config)?;
        config.keep_present_modules();
        config.keep_so_many_modules();
        Ok(config)
    }

    /// Which origins may be spoken of at all.
    #[must_use]
    pub fn schemes(&self) -> Schemes {
        if self.developer {
            Schemes::HttpsAndLoopbackHttp
        } else {
            Schemes::Https
        }
    }

    /// A module that is not there costs its own tokens only.
    fn keep_present_modules(&mut self) {
        let notices = &mut self.notices;
        self.modules.retain(|module| {
            let present = module.path.is_file();
            if !present {
                let library = module.path.display().to_string();
                notices.push(Remark::new(
                    "config-module-absent",
                    [("name", module.name.clone()), ("library", library)],
                ));
            }
            present
        });
    }

    /// Each module is a process. Those that were found come after those that are named.
    fn keep_so_many_modules(&mut self) {
        let kept = self.modules.len().min(MAX_MODULES);
        for module in self.modules.drain(kept..) {
            let library = module.path.display().to_string();
            self.notices.push(Remark::new(
                "config-module-too-many",
                [
                    ("name", module.name),
                    ("library", library),
                    ("most", MAX_MODULES.to_string()),
                ],
            ));
        }
    }
}

/// Our own module, if no other is configured.
fn software_token() -> ModuleConfig {
    ModuleConfig::new(
        "software",
        beside(SOFTWARE_TOKEN).unwrap_or_else(|| beside_program(SOFTWARE_TOKEN)),
    )
}

/// A library that ships with the program.
#[must_use]
pub fn beside(library: &str) -> Option<PathBuf> {
    let places = ["", "../lib/trien", "../lib"];
    let mut paths = places.iter().map(|place| beside_program(place).join(library));
    paths.find(|path| path.is_file())
}

/// The software token, and the known modules on this computer unless `discover` is off. A Triện that carries its files
/// with it (`TRIEN_HOME`) carries its modules, too, and looks for others only when told.
fn usual_modules(discover: Option<bool>) -> Vec<ModuleConfig> {
    let portable = std::env::var_os("TRIEN_HOME").is_some_and(|home| !home.is_empty());
    let mut modules = vec![software_token()];
    if discover.unwrap_or(!portable) {
        modules.extend(known::discover());
    }
    modules
}

fn beside_program(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.parent().unwrap_or(Path::new("/")).join(name)
}
