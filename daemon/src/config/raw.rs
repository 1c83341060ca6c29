//! What may stand in the files, and what it means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use trien_protocol::DEFAULT_PORT;
use trien_protocol::call::Language;
use trien_protocol::prompt::DocumentWarning;

use super::file::{ConfigError, Fault, fault};
use super::{
    CardsConfig, Config, MAX_MODULES, ModuleConfig, PROMPT_PROGRAM, PromptConfig, PromptProgram,
    WebSocketConfig, beside_program, usual_modules,
};
use crate::language::Remark;
use crate::network::{AUTHORITY_WAIT, Authority, NetworkRules};
use crate::policy::grants::read_time;
use crate::policy::origin::{Origin, Schemes};
use crate::policy::{OriginRules, Rule, Scope};
use crate::tokens::known::{self, KnownModule};

const USUAL_WAIT: u32 = 120;
const LONGEST_WAIT: u32 = 600;
const LONGEST_AUTHORITY_WAIT: Duration = Duration::from_secs(600);
const LONGEST_RETRY: u32 = 86_400;
const MAX_AUTHORITIES: usize = 8;

/// Names in one list of a module's row.
const MAX_NAMES: usize = 32;

/// Bytes of one of them: `NAME_MAX`.
const MAX_TEXT: usize = 255;

/// The user's file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConfig {
    developer: bool,
    language: Option<Language>,
    websocket: RawWebSocket,
    modules: Option<Vec<RawModule>>,
    discover: Option<bool>,
    cards: RawCards,
    prompt: RawPrompt,
    network: RawNetwork,
    timestamp_authorities: Vec<RawAuthority>,
    require_revocation: bool,
    refuse_documents: Vec<DocumentWarning>,
}

/// `[cards]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCards {
    /// Our own driver for PIV cards.
    piv: bool,
    /// Readers are watched.
    watch: bool,
}

impl Default for RawCards {
    fn default() -> Self {
        Self {
            piv: true,
            watch: true,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWebSocket {
    enabled: bool,
    port: u16,
}

impl Default for RawWebSocket {
    fn default() -> Self {
        Self {
            enabled: true,
            port: DEFAULT_PORT,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModule {
    name: String,
    path: Option<PathBuf>,
    /// Names of its library instead of its path, looked for where those of known modules are.
    libraries: Option<Vec<String>>,
    /// Further folders that they are looked for in.
    library_folders: Option<Vec<PathBuf>>,
    maker: Option<String>,
    ca: Option<String>,
    chips: Option<Vec<String>>,
    reset: Option<bool>,
    sha256: Option<String>,
    network: Option<bool>,
    folders: Option<Vec<PathBuf>>,
    environment: Option<Vec<String>>,
}

/// Off unless it is asked for: the daemon works offline.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawNetwork {
    revocation: bool,
    private_addresses: bool,
    /// How often what waits for a time-stamp is tried again.
    retry_seconds: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAuthority {
    url: String,
    policy: Option<String>,
    seconds: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPrompt {
    program: Option<PathBuf>,
    seconds: Option<u32>,
}

/// The administrator's file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPolicy {
    prompter: Option<String>,
    websocket: RawPolicyWebSocket,
    modules: Option<Vec<RawModule>>,
    network: RawPolicyNetwork,
    timestamp_authorities: Option<Vec<RawAuthority>>,
    require_revocation: Option<bool>,
    refuse_documents: Option<Vec<DocumentWarning>>,
    discover: Option<bool>,
    origins: RawOrigins,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPolicyWebSocket {
    enabled: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPolicyNetwork {
    revocation: Option<bool>,
    private_addresses: Option<bool>,
    retry_seconds: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawOrigins {
    only_these: bool,
    forbid: Vec<String>,
    allow: Vec<RawAllowed>,
    pregrant: Vec<RawAllowed>,
    user_scopes: Option<Vec<Scope>>,
    first_use: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAllowed {
    origin: String,
    scopes: Vec<Scope>,
    /// RFC 3339; without an end if absent.
    until: Option<String>,
}

impl RawConfig {
    pub(super) fn check(self, path: &Path) -> Result<Config, ConfigError> {
        let seconds = self.prompt.seconds.unwrap_or(USUAL_WAIT);
        if !(1..=LONGEST_WAIT).contains(&seconds) {
            return Err(out_of_range(path, "prompt.seconds", LONGEST_WAIT));
        }
        let program = self
            .prompt
            .program
            .unwrap_or_else(|| beside_program(PROMPT_PROGRAM));
        if !program.is_absolute() {
            return Err(wrong(path, "config-absolute", [("key", "prompt.program".into())]));
        }
        let (rows, modules, notices) = match self.modules {
            None => (Vec::new(), None, Vec::new()),
            Some(modules) => {
                let named = check_modules(path, modules)?;
                (named.rows, Some(named.modules), named.notices)
            }
        };
        Ok(Config {
            developer: self.developer,
            language: self.language.unwrap_or_else(crate::language::of_environment),
            websocket: self.websocket.enabled.then_some(WebSocketConfig {
                port: self.websocket.port,
            }),
            modules: with_discovered(modules, self.discover),
            rows,
            cards: CardsConfig {
                piv: self.cards.piv,
                watched: self.cards.watch,
            },
            prompt: PromptConfig {
                program: PromptProgram::Window(program),
                wait: Duration::from_secs(seconds.into()),
                fixed: false,
            },
            origins: OriginRules::default(),
            network: NetworkRules {
                revocation: self.network.revocation,
                private_addresses: self.network.private_addresses,
                authorities: check_authorities(path, self.timestamp_authorities)?,
                retry: check_retry(path, self.network.retry_seconds)?
                    .unwrap_or(NetworkRules::default().retry),
            },
            require_revocation: self.require_revocation,
            refuse_documents: self.refuse_documents,
            notices,
        })
    }
}

impl RawModule {
    /// The row it is. What is not said of a module that is known is as its row says.
    fn row(&self, path: &Path) -> Result<KnownModule, ConfigError> {
        let name = &self.name;
        let mut row = match (&self.path, &self.libraries) {
            (Some(file), None) if file.is_absolute() => {
                let name = file.file_name().into_iter();
                let name = name.map(|name| name.to_string_lossy().into()).collect();
                let row = known::of_library(file).cloned().unwrap_or_default();
                // A name that was only supposed is known once a file has it.
                let linux = match row.linux.is_empty() {
                    true => name,
                    false => row.linux,
                };
                KnownModule { linux, ..row }
            }
            (Some(_), None) => return Err(of_module(path, name, "config-module-absolute", "path")),
            (None, Some(libraries)) => {
                let row = libraries
                    .iter()
                    .find_map(|library| known::of_library(Path::new(library)));
                KnownModule {
                    linux: libraries.clone(),
                    ..row.cloned().unwrap_or_default()
                }
            }
            _ => {
                return Err(of_module(path, name, "config-module-library", ""));
            }
        };
        row.name.clone_from(name);
        (row.linux32, row.supposed, row.remedy) = (Vec::new(), Vec::new(), None);
        row.maker = self.maker.clone().unwrap_or(row.maker);
        row.ca = self.ca.clone().or(row.ca);
        row.chips = self.chips.clone().unwrap_or(row.chips);
        row.reset = self.reset.unwrap_or(row.reset);
        row.folders = self.library_folders.clone().unwrap_or(row.folders);
        let texts = || row.chips.iter().chain([&row.maker]).chain(&row.ca);
        let plain = |text: &String| text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
        let file_name = |text: &String| {
            (1..=MAX_TEXT).contains(&text.len()) && Path::new(text).file_name() == Some(text.as_ref())
        };
        let (key, about) = match () {
            () if !texts().all(plain)
                || row.chips.len() > MAX_NAMES
                || row.chips.contains(&String::new()) =>
            {
                ("config-module-names", "")
            }
            () if !row.linux.iter().all(file_name) || !(1..=MAX_NAMES).contains(&row.linux.len()) => {
                ("config-module-libraries", "")
            }
            () if row.folders.len() > MAX_NAMES || !row.folders.iter().all(|folder| folder.is_absolute()) => {
                ("config-module-absolute", "library_folders")
            }
            () => return Ok(row),
        };
        Err(of_module(path, name, key, about))
    }

    /// The module, if its row has a library on this computer.
    fn check(self, row: &KnownModule, path: &Path) -> Result<Option<ModuleConfig>, ConfigError> {
        let Some(library) = self.path.or_else(|| row.library()) else {
            return Ok(None);
        };
        let mut module = ModuleConfig::known(row, library);
        module.network = self.network.unwrap_or(module.network);
        module.folders = self.folders.unwrap_or(module.folders);
        module.environment = self.environment.unwrap_or(module.environment);
        module.sha256 = self.sha256.map(|digest| digest.to_lowercase());
        let name = &module.name;
        let is_digest = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !module.sha256.iter().all(is_digest) {
            return Err(of_module(path, name, "config-module-sha256", ""));
        }
        if !module.folders.iter().all(|folder| folder.is_absolute()) {
            return Err(of_module(path, name, "config-module-absolute", "folders"));
        }
        // What loads code into a process, or has modules log PINs, is never passed on.
        if let Some(variable) = module.environment.iter().find(|variable| !may_pass(variable)) {
            return Err(of_module(path, name, "config-module-variable", variable));
        }
        Ok(Some(module))
    }
}

/// False for variables that load code into a process or make modules write down what they are told.
fn may_pass(variable: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !variable.is_empty()
        && variable.bytes().all(plain)
        && ![
            "LD_",
            "PKCS11SPY",
            "PKCS11_LOGGER",
            "P11_KIT_DEBUG",
            "OPENSC_DEBUG",
            "SSLKEYLOGFILE",
        ]
        .iter()
        .any(|forbidden| variable.starts_with(forbidden))
}

impl RawPolicy {
    /// Turns on and off what the user's file has otherwise, before that is made sense of: what belongs to a thing that is
    /// switched on, as a port, stays the user's.
    pub(super) fn switch(&self, user: &mut RawConfig) {
        user.websocket.enabled = self.websocket.enabled.unwrap_or(user.websocket.enabled);
        user.discover = self.discover.or(user.discover);
    }

    /// Lays the administrator's word over the user's.
    pub(super) fn apply(self, path: &Path, config: &mut Config) -> Result<(), ConfigError> {
        if let Some(text) = self.prompter {
            config.prompt.program =
                PromptProgram::parse(&text).ok_or_else(|| wrong(path, "config-prompter", []))?;
            config.prompt.fixed = true;
        }
        let (network, of_user) = (self.network, &mut config.network);
        of_user.revocation = network.revocation.unwrap_or(of_user.revocation);
        of_user.private_addresses = network.private_addresses.unwrap_or(of_user.private_addresses);
        of_user.retry = check_retry(path, network.retry_seconds)?.unwrap_or(of_user.retry);
        if let Some(authorities) = self.timestamp_authorities {
            config.network.authorities = check_authorities(path, authorities)?;
        }
        if let Some(required) = self.require_revocation {
            config.require_revocation = required;
        }
        if let Some(refused) = self.refuse_documents {
            config.refuse_documents = refused;
        }
        if let Some(modules) = self.modules {
            let named = check_modules(path, modules)?;
            config.modules = with_discovered(Some(named.modules), self.discover);
            config.rows = named.rows;
            // What was passed over of the user's modules is nothing any more.
            config.notices = named.notices;
        }
        config.origins = OriginRules {
            only_these: self.origins.only_these,
            forbid: self
                .origins
                .forbid
                .iter()
                .map(|text| check_origin(path, text))
                .collect::<Result<_, _>>()?,
            allow: check_rules(path, self.origins.allow)?,
            pregrant: check_rules(path, self.origins.pregrant)?,
            user_scopes: self.origins.user_scopes,
            no_first_use: self.origins.first_use == Some(false),
        };
        Ok(())
    }
}

fn check_origin(path: &Path, text: &str) -> Result<Origin, ConfigError> {
    let origin = Origin::parse(text, Schemes::HttpsAndLoopbackHttp);
    origin.map_err(|_| wrong(path, "config-origin", [("origin", text.to_owned())]))
}

/// One rule for each origin: what several entries say of it is added up, so that each scope may have an end of its own.
fn check_rules(path: &Path, entries: Vec<RawAllowed>) -> Result<Vec<Rule>, ConfigError> {
    let mut rules: Vec<Rule> = Vec::new();
    for entry in entries {
        let origin = check_origin(path, &entry.origin)?;
        let bad = |key, scope: &str| {
            let facts = [("origin", entry.origin.clone()), ("scope", scope.to_owned())];
            wrong(path, key, facts)
        };
        let end = entry.until.as_deref().map(|text| read_time(text).ok_or(()));
        let end = end.transpose().map_err(|()| bad("config-origin-until", ""))?;
        let scopes = entry.scopes.iter().map(|scope| (*scope, end));
        match rules.iter_mut().find(|rule| rule.origin == origin) {
            None => rules.push(Rule {
                origin,
                scopes: scopes.collect(),
            }),
            Some(rule) => {
                for (scope, end) in scopes {
                    let known = *rule.scopes.entry(scope).or_insert(end);
                    if known != end {
                        return Err(bad("config-origin-ends", scope.name()));
                    }
                }
            }
        }
    }
    Ok(rules)
}

fn check_retry(path: &Path, seconds: Option<u32>) -> Result<Option<Duration>, ConfigError> {
    if seconds.is_some_and(|seconds| !(1..=LONGEST_RETRY).contains(&seconds)) {
        return Err(out_of_range(path, "network.retry_seconds", LONGEST_RETRY));
    }
    Ok(seconds.map(|seconds| Duration::from_secs(seconds.into())))
}

fn check_authorities(path: &Path, raw: Vec<RawAuthority>) -> Result<Vec<Authority>, ConfigError> {
    if raw.len() > MAX_AUTHORITIES {
        let most = [("most", MAX_AUTHORITIES.to_string())];
        return Err(wrong(path, "config-many-authorities", most));
    }
    let check = |authority: RawAuthority| {
        let seconds = authority
            .seconds
            .map_or(AUTHORITY_WAIT, |seconds| Duration::from_secs(seconds.into()));
        if !["http://", "https://"]
            .iter()
            .any(|scheme| authority.url.starts_with(scheme))
        {
            return Err(wrong(path, "config-authority-url", []));
        }
        if !(Duration::from_secs(1)..=LONGEST_AUTHORITY_WAIT).contains(&seconds) {
            let most = LONGEST_AUTHORITY_WAIT.as_secs();
            return Err(out_of_range(path, "timestamp_authorities.seconds", most));
        }
        Ok(Authority {
            url: authority.url,
            policy: authority.policy,
            wait: seconds,
        })
    };
    raw.into_iter().map(check).collect()
}

/// Modules that are named are all there are, unless discovery is asked for beside them.
fn with_discovered(named: Option<Vec<ModuleConfig>>, discover: Option<bool>) -> Vec<ModuleConfig> {
    let Some(mut modules) = named else {
        return usual_modules(discover);
    };
    if discover == Some(true) {
        let others = usual_modules(Some(true));
        let is_new = |other: &ModuleConfig| {
            !modules
                .iter()
                .any(|module| module.name == other.name || module.path == other.path)
        };
        let others: Vec<_> = others.into_iter().filter(is_new).collect();
        modules.extend(others);
    }
    modules
}

/// The modules that a file names.
#[derive(Default)]
struct Named {
    rows: Vec<KnownModule>,
    /// Those that are on this computer.
    modules: Vec<ModuleConfig>,
    /// Of those that are not.
    notices: Vec<Remark>,
}

fn check_modules(path: &Path, modules: Vec<RawModule>) -> Result<Named, ConfigError> {
    if modules.len() > MAX_MODULES {
        return Err(wrong(
            path,
            "config-many-modules",
            [("most", MAX_MODULES.to_string())],
        ));
    }
    let mut named = Named::default();
    for raw in modules {
        let name = &raw.name;
        let plain = name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !plain || name.is_empty() || name.len() > 32 {
            return Err(wrong(path, "config-module-name", []));
        }
        if named.rows.iter().any(|row| row.name == *name) {
            return Err(of_module(path, name, "config-module-twice", ""));
        }
        let row = raw.row(path)?;
        match raw.check(&row, path)? {
            Some(module) => named.modules.push(module),
            None => named.notices.push(Remark::new(
                "config-module-nowhere",
                [("name", row.name.clone()), ("libraries", row.linux.join(", "))],
            )),
        }
        named.rows.push(row);
    }
    Ok(named)
}

fn wrong<const N: usize>(path: &Path, key: &'static str, facts: [(&'static str, String); N]) -> ConfigError {
    fault(path, Fault::Value(Remark::new(key, facts)))
}

/// `about` is the field, or the value in it, that it is about.
fn of_module(path: &Path, name: &str, key: &'static str, about: &str) -> ConfigError {
    wrong(
        path,
        key,
        [("name", name.to_owned()), ("about", about.to_owned())],
    )
}

/// A number that is not from 1 to `most`.
fn out_of_range(path: &Path, key: &str, most: impl Into<u64>) -> ConfigError {
    let facts = [("key", key.to_owned()), ("most", most.into().to_string())];
    wrong(path, "config-range", facts)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Files {
        folder: tempfile::TempDir,
    }

    impl Files {
        fn new(user: &str, admin: Option<&str>) -> Self {
            let files = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            write(&files.user(), user, 0o600);
            if let Some(admin) = admin {
                write(&files.admin(), admin, 0o644);
            }
            files
        }

        fn user(&self) -> PathBuf {
            self.folder.path().join("config.toml")
        }

        fn admin(&self) -> PathBuf {
            self.folder.path().join("policy.toml")
        }

        fn load(&self) -> Result<Config, ConfigError> {
            Config::load(&self.user(), &self.admin())
        }
    }

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn without_files_the_defaults_are_safe() {
        let config = Config::load(Path::new("/nonexistent/c"), Path::new("/nonexistent/p")).unwrap();
        assert!(!config.developer);
        assert_eq!(config.websocket, Some(WebSocketConfig { port: DEFAULT_PORT }));
        assert_eq!(config.prompt.wait, Duration::from_secs(120));
        assert!(matches!(config.prompt.program, PromptProgram::Window(_)));
    }

    #[test]
    fn an_authority_may_take_over_two_minutes_unless_told_otherwise() {
        let text = "[[timestamp_authorities]]\nurl = \"http://a\"\n\
                    [[timestamp_authorities]]\nurl = \"http://b\"\nseconds = 5\n";
        let config = Files::new(text, None).load().unwrap();
        let waits: Vec<_> = config
            .network
            .authorities
            .iter()
            .map(|authority| authority.wait)
            .collect();
        assert!(waits[0] > Duration::from_secs(120), "{waits:?}");
        assert_eq!(waits[1], Duration::from_secs(5));
    }

    #[test]
    fn what_waits_for_an_authority_is_tried_every_five_minutes_unless_told_otherwise() {
        let retry = |text| Files::new(text, None).load().unwrap().network.retry;
        assert_eq!(retry(""), Duration::from_secs(300));
        assert_eq!(retry("[network]\nretry_seconds = 1\n"), Duration::from_secs(1));
    }

    #[test]
    fn trouble_is_named_with_its_line() {
        for (text, line) in [
            ("developer = true\nunknown = 1\n", Some(2)),
            ("developer = true\ndeveloper = true\n", Some(2)),
            ("[websocket]\nport = 65536\n", Some(2)),
            ("[websocket]\nport = \"47470\"\n", Some(2)),
            ("[[modules]]\nname = \"a\"\n", None),
            (
                "[[modules]]\nname = \"a\"\npath = \"/lib.so\"\nlibraries = [\"lib.so\"]\n",
                None,
            ),
            ("[[modules]]\nname = \"a\"\nlibraries = []\n", None),
            ("[[modules]]\nname = \"a\"\nlibraries = [\"../lib.so\"]\n", None),
            (
                "[[modules]]\nname = \"a\"\nlibraries = [\"lib.so\"]\nlibrary_folders = [\"x\"]\n",
                None,
            ),
            (
                "[[modules]]\nname = \"a\"\npath = \"/lib.so\"\nchips = [\"\"]\n",
                None,
            ),
            ("not toml", Some(1)),
            ("[prompt]\nseconds = 0\n", None),
            ("[prompt]\nprogram = \"relative\"\n", None),
            ("[[modules]]\nname = \"a\"\npath = \"lib.so\"\n", None),
            (
                "[[modules]]\nname = \"a\"\npath = \"/lib.so\"\nsha256 = \"12\"\n",
                None,
            ),
            (
                "[[modules]]\nname = \"a\"\npath = \"/lib.so\"\nfolders = [\"x\"]\n",
                None,
            ),
            (
                "[[modules]]\nname = \"a\"\npath = \"/lib.so\"\nenvironment = [\"LD_PRELOAD\"]\n",
                None,
            ),
            ("[[modules]]\nname = \"A b\"\npath = \"/lib.so\"\n", None),
            ("prompter = \"scripted:/tmp/answers\"\n", Some(1)),
            ("[[timestamp_authorities]]\nurl = \"ftp://a\"\n", None),
            (
                "[[timestamp_authorities]]\nurl = \"http://a\"\nseconds = 0\n",
                None,
            ),
            ("[network]\nproxy = \"x\"\n", Some(2)),
            ("[network]\nretry_seconds = 0\n", None),
            ("[network]\nretry_seconds = 86401\n", None),
        ] {
            let error = Files::new(text, None).load().unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
        }
        let large = "#".repeat(1024 * 1024 + 1);
        assert!(matches!(
            Files::new(&large, None).load().unwrap_err().fault,
            Fault::TooLarge
        ));
    }

    #[test]
    fn a_file_others_may_write_is_refused() {
        let files = Files::new("", None);
        write(&files.user(), "", 0o620);
        assert!(matches!(files.load().unwrap_err().fault, Fault::Rights));
    }

    #[test]
    fn the_administrator_wins_if_the_policy_is_roots_alone() {
        let policy = "prompter = \"scripted:/etc/answers\"\nmodules = []\n[websocket]\nenabled = false\n\
                      [origins]\nforbid = [\"https://bad.vn\"]\n[[origins.allow]]\norigin = \"https://a.gov.vn\"\n\
                      scopes = [\"sign\"]\n";
        let files = Files::new(
            "[websocket]\nport = 1234\n[[modules]]\nname = \"x\"\npath = \"/etc/passwd\"\n",
            Some(policy),
        );
        if !rustix::process::geteuid().is_root() {
            assert!(matches!(files.load().unwrap_err().fault, Fault::NotRoots));
            return;
        }
        let config = files.load().unwrap();
        assert_eq!(config.websocket, None);
        assert!(config.modules.is_empty());
        assert_eq!(
            config.prompt.program,
            PromptProgram::Scripted("/etc/answers".into())
        );
        assert_eq!(config.origins.forbid.len(), 1);
        assert_eq!(config.origins.allow.len(), 1);
    }

    #[test]
    fn what_the_policy_does_not_say_of_the_network_is_the_users() {
        if !rustix::process::geteuid().is_root() {
            let refused = Files::new("", Some("")).load().unwrap_err();
            assert!(matches!(refused.fault, Fault::NotRoots));
            return;
        }
        let rules = |user: &str, policy: &str| {
            let [user, policy] = [user, policy].map(|text| format!("[network]\n{text}\n"));
            let network = Files::new(&user, Some(&policy)).load().unwrap().network;
            (
                network.revocation,
                network.private_addresses,
                network.retry.as_secs(),
            )
        };
        let both = "revocation = true\nprivate_addresses = true";
        assert_eq!(rules(both, "retry_seconds = 600"), (true, true, 600));
        assert_eq!(rules(both, "revocation = false"), (false, true, 300));
        assert_eq!(rules(both, "private_addresses = false"), (true, false, 300));
        assert_eq!(rules("retry_seconds = 7", both), (true, true, 7));
        assert_eq!(rules("", ""), (false, false, 300));
    }

    #[test]
    fn a_policy_that_others_could_have_written_is_neither_obeyed_nor_passed_over() {
        let policy = "[origins]\nforbid = [\"https://bad.vn\"]\n";
        let files = Files::new("", Some(policy));
        write(&files.admin(), policy, 0o666);
        assert!(matches!(files.load().unwrap_err().fault, Fault::NotRoots));
        let elsewhere = files.folder.path().join("elsewhere");
        std::fs::rename(files.admin(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, files.admin()).unwrap();
        assert!(matches!(files.load().unwrap_err().fault, Fault::NotRoots));
        std::fs::remove_file(files.admin()).unwrap();
        assert!(files.load().unwrap().origins.forbid.is_empty());
    }

    #[test]
    fn what_the_policy_allows_may_have_an_end() {
        let entry = |scopes: &str, more: &str| {
            let origin = "[[origins.allow]]\norigin = \"https://a.gov.vn\"\n";
            format!("{origin}scopes = [{scopes}]\n{more}\n")
        };
        let until = "until = \"2027-01-01T00:00:00+07:00\"";
        let rules = |text: &str| {
            let policy: RawPolicy = toml::from_str(text).unwrap();
            check_rules(Path::new("policy.toml"), policy.origins.allow)
        };
        let both = rules(&(entry("\"sign\", \"batch\"", until) + &entry("\"verify\"", ""))).unwrap();
        let end = Some(time::macros::datetime!(2026-12-31 17:00 UTC));
        assert_eq!(both.len(), 1);
        let scopes = [(Scope::Sign, end), (Scope::Batch, end), (Scope::Verify, None)];
        assert_eq!(both[0].scopes, scopes.into());
        for bad in [
            entry("\"sign\"", "until = \"tomorrow\""),
            entry("\"sign\"", "until = \"2027-01-01\""),
            entry("\"sign\"", until) + &entry("\"sign\"", ""),
        ] {
            let error = rules(&bad).unwrap_err();
            assert!(matches!(error.fault, Fault::Value(_)), "{error}");
        }
    }

    #[test]
    fn a_policy_that_cannot_be_understood_stops_the_start() {
        if rustix::process::geteuid().is_root() {
            assert!(
                Files::new("", Some("[origins]\nforbid = [\"*\"]\n"))
                    .load()
                    .is_err()
            );
            assert!(Files::new("", Some("mystery = 1\n")).load().is_err());
        }
    }
}
