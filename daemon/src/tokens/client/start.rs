//! How a worker process is started, and what it sees of the daemon.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::net::UnixStream;
use tokio::process::Command;

use super::printed;
use super::process::Process;
use super::{Deadlines, Inner};
use crate::config::{ModuleConfig, SOFTWARE_TOKEN};
use crate::policy::ownership::create_private_folder;
use crate::tokens::library::{self, LibraryFault};
use crate::tokens::{DiskFault, GENERAL_ERROR, TokenError, known, pcsc};

/// `CKR_FUNCTION_FAILED`
const FUNCTION_FAILED: u64 = 0x06;

/// `CKR_DEVICE_MEMORY`
const DEVICE_MEMORY: u64 = 0x31;

/// `CKR_TOKEN_NOT_RECOGNIZED`, of a token that is to be made where the folder may not be read
const TOKEN_NOT_RECOGNIZED: u64 = 0xe1;

/// `CKR_TOKEN_WRITE_PROTECTED`
const TOKEN_WRITE_PROTECTED: u64 = 0xe2;

/// What a module's process sees of our environment: where the user's files lie, the language, and pcscd's socket.
/// Everything else is left out, among it what makes modules log PINs (`OPENSC_DEBUG`, `PKCS11SPY`) or loads code into
/// them (`LD_PRELOAD`).
const ENVIRONMENT: [&str; 5] = [
    "HOME",
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "LANG",
    "PCSCLITE_CSOCK_NAME",
];

/// What a worker process drives.
#[derive(Debug, Clone)]
pub(super) enum Driven {
    /// A PKCS #11 module.
    Module(ModuleConfig),
    /// The card in the reader of this name, by our own driver.
    Reader(String),
}

impl Driven {
    /// What its tokens' module is called.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Module(module) => &module.name,
            Self::Reader(_) => pcsc::DRIVER,
        }
    }

    /// A process that is killed leaves objects in the device.
    pub(super) fn leaves_objects(&self) -> bool {
        match self {
            Self::Module(module) => known::of_library(&module.path).is_some_and(|row| row.leaves),
            Self::Reader(_) => false,
        }
    }

    /// Its tokens are software tokens of ours.
    fn is_ours(&self) -> bool {
        match self {
            Self::Module(module) => module.path.file_name().is_some_and(|name| name == SOFTWARE_TOKEN),
            Self::Reader(_) => false,
        }
    }

    /// What an answer means that says less than is known of whoever gave it.
    pub(super) fn meant(&self, error: TokenError) -> TokenError {
        match error {
            TokenError::Answered {
                number: GENERAL_ERROR,
            } if self.leaves_objects() => TokenError::Crowded,
            TokenError::Answered { number } if self.is_ours() => match number {
                DEVICE_MEMORY => TokenError::Disk(DiskFault::Full),
                TOKEN_WRITE_PROTECTED | TOKEN_NOT_RECOGNIZED => TokenError::Disk(DiskFault::ReadOnly),
                // Others have held it for longer than is waited for.
                FUNCTION_FAILED => TokenError::Busy,
                _ => error,
            },
            other => other,
        }
    }

    /// What else its process sees of our environment.
    fn environment(&self) -> &[String] {
        match self {
            Self::Module(module) => &module.environment,
            Self::Reader(_) => &[],
        }
    }

    /// The words that start its process.
    ///
    /// # Errors
    /// [`LibraryFault`]: a library is looked at each time it is to be loaded, and loaded by the path that was found.
    fn arguments(&self, deadlines: &Deadlines) -> Result<Vec<OsString>, LibraryFault> {
        Ok(match self {
            Self::Module(module) => vec![
                "module-worker".into(),
                "--name".into(),
                (&module.name).into(),
                "--module".into(),
                library::check(&module.path, module.sha256.as_deref())?.into(),
            ],
            Self::Reader(reader) => vec![
                "card-worker".into(),
                "--reader".into(),
                reader.into(),
                "--deadlines".into(),
                deadlines.to_string().into(),
            ],
        })
    }
}

impl Inner {
    /// A process, which has said nothing yet.
    ///
    /// # Errors
    /// [`TokenError::Library`], [`TokenError::Load`].
    pub(super) fn spawn(&self, start: u64) -> Result<Process, TokenError> {
        let arguments = self.driven.arguments(&self.deadlines);
        let arguments = arguments.map_err(TokenError::Library)?;
        self.spawn_with(arguments, start)
            .map_err(|error| TokenError::Load(format!("{}: {error}", self.program.display())))
    }

    fn spawn_with(&self, arguments: Vec<OsString>, start: u64) -> io::Result<Process> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .envs(
                ENVIRONMENT
                    .into_iter()
                    .chain(self.driven.environment().iter().map(String::as_str))
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .current_dir("/")
            // What a module starts can be ended with it, and no key of a terminal ends it before it has logged out.
            .process_group(0)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(home) = std::env::var_os("TRIEN_HOME").filter(|home| !home.is_empty()) {
            command.env("TRIEN_HOME", std::path::absolute(home)?);
        }
        if let Driven::Module(module) = &self.driven {
            if module.reset {
                command.arg("--reset");
            }
            if module.network {
                command.arg("--network");
            }
            for folder in self.folders(module) {
                command.arg("--folder").arg(folder);
            }
            command.envs(module.variables.iter().map(|(name, value)| (name, value)));
        }
        command.envs(self.more_environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn()?;
        if let Some(output) = child.stderr.take() {
            tokio::spawn(printed::log(output, self.driven.name().to_owned()));
        }
        Process::new(child, UnixStream::from_std(ours)?, start)
    }

    /// What the module may write to. Our own module's tokens lie where its own rules say, which are the same as ours.
    fn folders(&self, module: &ModuleConfig) -> Vec<PathBuf> {
        let mut folders = module.folders.clone();
        if self.driven.is_ours() {
            let moved = self
                .more_environment
                .iter()
                .find(|(name, _)| *name == "TRIEN_HOME");
            let home = moved
                .map(|(_, home)| home.clone())
                .or_else(|| std::env::var_os("TRIEN_HOME"));
            let own = match home.filter(|home| !home.is_empty()) {
                Some(home) => std::path::absolute(home)
                    .ok()
                    .map(|home| (home.join("data/tokens"), home)),
                None => directories::ProjectDirs::from("", "", "trien").map(|folders| {
                    let data = folders.data_dir();
                    (data.join("tokens"), data.to_owned())
                }),
            };
            if let Some((tokens, own)) = own {
                // A folder that is not there yet cannot be opened for the module.
                let _ = create_private_folder(&own);
                folders.push(own);
                folders.extend(links_of(&tokens));
            }
        }
        folders
    }
}

/// Where the tokens lie if their folder, or one of theirs, is a link: on a volume, say, that is mounted elsewhere.
fn links_of(tokens: &Path) -> Vec<PathBuf> {
    let each = std::fs::read_dir(tokens).into_iter().flatten().flatten();
    let each = each.map(|entry| entry.path());
    let links = std::iter::once(tokens.to_owned())
        .chain(each)
        .filter(|path| path.is_symlink());
    let folders = links.filter_map(|link| std::fs::canonicalize(link).ok());
    folders.filter(|folder| folder.is_dir()).collect()
}
