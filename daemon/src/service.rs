//! Wires everything: the only file that names every module.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use rustix::process::{DumpableBehavior, Resource, Rlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use trien_protocol::limits::MAX_HELD_BY_ALL;

use crate::audit::{Action, Audit, AuditError, Subject};
use crate::cli::{CliError, Shell};
use crate::config::{ADMIN_POLICY, Config, ConfigError, ModuleConfig, PromptProgram};
use crate::consent::process::ProcessPrompter;
use crate::consent::{Prompter, scripted};
use crate::jobs::{Context, Guesses, MAX_LABOUR, Memory, Recall, Recent};
use crate::language::{Arguments, arguments};
use crate::network::Network;
use crate::places::{NoPlaces, Places};
use crate::policy::{self, GrantBook};
use crate::queue::Queue;
use crate::tokens::pcsc::holders;
use crate::tokens::pcsc::monitor::{Monitor, Sighting};
use crate::tokens::{Deadlines, Modules, TokenSource};
use crate::transport::native::{BindError, NativeSocket};
use crate::transport::seats::Seats;
use crate::transport::{Halt, websocket};
use crate::trust::Rules;
use crate::trust::evidence::EvidenceStore;
use crate::trust::kept::Kept;
use crate::trust::revocation::Cache;

/// What the command line may change for one run of the daemon.
#[derive(Debug, Clone, Default)]
pub struct DaemonOptions {
    /// Instead of the user's configuration file.
    pub config: Option<PathBuf>,
    /// Instead of the prompter of the configuration. The administrator's policy wins over this too.
    pub prompter: Option<PromptProgram>,
    /// Instead of the modules of the configuration: a simulation.
    pub modules: Option<Vec<ModuleConfig>>,
}

/// Where a daemon that is ready can be reached. Displays as its one line on standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The per-user socket.
    pub socket: PathBuf,
    /// The WebSocket; the same port listens on `[::1]`.
    pub websocket: Option<SocketAddr>,
}

impl fmt::Display for Ready {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ready socket={} websocket=", self.socket.display())?;
        match self.websocket {
            Some(address) => write!(formatter, "{address}"),
            None => formatter.write_str("off"),
        }
    }
}

/// Why the service cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The configuration or the administrator's policy.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no place for the per-user socket.
    #[error(transparent)]
    Places(#[from] NoPlaces),
    /// The per-user socket.
    #[error(transparent)]
    Socket(#[from] BindError),
    /// The record.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Of the system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        match &error {
            ServiceError::Config(fault) => Self::failed_in_each("service-config", |language| {
                arguments([("reason", fault.said(language))])
            }),
            ServiceError::Places(_) => Self::failed("cli-no-places", Arguments::new()),
            ServiceError::Socket(BindError::InUse) => Self::failed("service-in-use", Arguments::new()),
            ServiceError::Socket(BindError::Session(folder)) => Self::failed(
                "service-session",
                arguments([("folder", folder.display().to_string())]),
            ),
            ServiceError::Socket(BindError::Folder(folder)) => Self::failed(
                "service-folder",
                arguments([("folder", folder.display().to_string())]),
            ),
            ServiceError::Socket(BindError::Unmade(folder, inner)) => {
                Self::file("service-folder-unmade", folder, inner)
            }
            ServiceError::Socket(BindError::Name(path)) => Self::failed(
                "service-socket-name",
                arguments([("file", path.display().to_string())]),
            ),
            // Its own sentence says the same as ours.
            ServiceError::Audit(inner) => Self::io("service-audit", inner.cause()),
            ServiceError::Socket(BindError::Io(inner)) | ServiceError::Io(inner) => {
                Self::io("service-system", inner)
            }
        }
    }
}

/// What jobs at the command line work with: the same as in the daemon, with the person at the shell as the prompter.
///
/// # Errors
/// When the configuration cannot be used.
pub fn shell_context(shell: &Shell, prompter: Arc<dyn Prompter>) -> Result<Context, ServiceError> {
    crate::descriptors::raise();
    let config = load_at(shell)?;
    let program = std::env::current_exe()?;
    // At the shell nobody waits for tokens to come.
    let (_, changes) = watch::channel(0);
    Ok(context(&config, &shell.places, &program, prompter, changes))
}

/// What may be reached over the network, as configured.
///
/// # Errors
/// When the configuration cannot be used.
pub fn network(shell: &Shell) -> Result<Network, ServiceError> {
    Ok(Network::new(load_at(shell)?.network))
}

/// The configured modules alone: for verbs that look after tokens.
///
/// # Errors
/// When the configuration cannot be used.
pub fn modules(shell: &Shell) -> Result<Modules, ServiceError> {
    Ok(modules_by(&load_at(shell)?, shell)?)
}

/// The same by a configuration that is there already, and whose notices are told elsewhere.
///
/// # Errors
/// Of the system.
pub fn modules_by(config: &Config, shell: &Shell) -> std::io::Result<Modules> {
    Ok(modules_of(config, &shell.places, &std::env::current_exe()?))
}

/// The configuration of a verb. What was passed over in it a person is told in his language, once; a program's log has it.
fn load_at(shell: &Shell) -> Result<Config, ConfigError> {
    static TOLD: Once = Once::new();
    let config = Config::load(&shell.places.config_file(), Path::new(ADMIN_POLICY))?;
    TOLD.call_once(|| match shell.json {
        true => log_notices(&config),
        false => {
            for notice in &config.notices {
                let said = arguments([("notice", notice.said(shell.language))]);
                shell.note("doctor-config-notice", &said);
            }
        }
    });
    Ok(config)
}

/// How signatures are judged, as configured.
///
/// # Errors
/// When the configuration cannot be used.
pub fn rules(shell: &Shell) -> Result<Rules, ServiceError> {
    let config = Config::load(&shell.places.config_file(), Path::new(ADMIN_POLICY))?;
    Ok(rules_of(&config))
}

const fn rules_of(config: &Config) -> Rules {
    Rules {
        require_revocation: config.require_revocation,
        sha1: false,
    }
}

fn modules_of(config: &Config, places: &Places, program: &Path) -> Modules {
    let switches = places.switches_folder();
    let modules = Modules::with_switches(&config.modules, program, Deadlines::default(), Some(&switches));
    match config.cards.piv {
        true => modules.with_cards(program, Deadlines::default()),
        false => modules,
    }
}

fn context(
    config: &Config,
    places: &Places,
    program: &Path,
    prompter: Arc<dyn Prompter>,
    changes: watch::Receiver<u64>,
) -> Context {
    let grants = GrantBook::new(places.origins_file(), config.origins.clone(), config.schemes());
    let tokens: Arc<dyn TokenSource> = Arc::new(modules_of(config, places, program));
    let rules = rules_of(config);
    let revocation = Cache::new(places.revocation_folder());
    let recall = Arc::new(Recall::default());
    let files = crate::descriptors::for_documents();
    let memory = Memory::on_disk(MAX_HELD_BY_ALL, files, Some(places.spool_folder()));
    memory.is_shared_with(&recall);
    Context {
        tokens,
        audit: Arc::new(Audit::new(places.audit_file())),
        changes,
        trusted: Arc::new(Kept::new(places.trust_folder(), revocation.clone(), rules)),
        templates_folder: places.templates_folder(),
        appearances_folder: places.appearances_folder(),
        drawings: Arc::default(),
        revocation,
        evidence: EvidenceStore::new(places.evidence_folder()),
        network: Network::new(config.network.clone()),
        rules,
        refuse_documents: config.refuse_documents.clone(),
        prompter,
        grants: Arc::new(grants),
        memory,
        labour: Arc::new(Semaphore::new(MAX_LABOUR)),
        recall,
        seats: Seats::default(),
        recent: Recent::default(),
        rates: Arc::default(),
        guesses: Guesses::default(),
    }
}

/// Runs the daemon until SIGTERM or SIGINT. `announce` is called once, when both roads are open.
///
/// # Errors
/// [`ServiceError`] when it cannot begin. A port that is taken only costs the second road.
pub async fn run_daemon(
    options: DaemonOptions,
    places: &Places,
    announce: impl FnOnce(&Ready),
) -> Result<(), ServiceError> {
    keep_memory_to_ourselves();
    crate::descriptors::raise();
    let config = load(&options, places)?;
    let program = std::env::current_exe()?;
    let prompter = prompter(&config, &program, places);
    let kind = prompter.kind();
    let (changed, changes) = watch::channel(0);
    let context = Arc::new(context(&config, places, &program, prompter, changes));

    let path = places.socket()?;
    let socket = NativeSocket::bind(places.runtime_folder()?, &path, places.session_folder())?;
    if let PromptProgram::Scripted(script) = &config.prompt.program {
        scripted::check(&program, script)?;
    }
    crate::consent::viewing::remove_what_was_left(&places.views_folder());
    let listeners = listen(&config).await;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let started = Action::DaemonStarted {
        prompter: kind.to_owned(),
    };
    context.audit.append(&Subject::of_daemon(), &started)?;

    let (stop, halt) = Halt::new();
    let websocket = listeners.first().and_then(|listener| listener.local_addr().ok());
    let halt_queue = halt.clone();
    tokio::spawn(socket.serve(Arc::clone(&context), halt.clone()));
    if websocket.is_some() {
        tokio::spawn(websocket::serve(listeners, Arc::clone(&context), halt.clone()));
    }
    drop(halt);
    announce(&Ready {
        socket: path,
        websocket,
    });
    let monitor = if config.cards.watched {
        Some(Monitor::start()?)
    } else {
        None
    };
    tokio::spawn(policy::news::follow(Arc::clone(&context.grants)));
    tokio::spawn(crate::jobs::forget_in_time(Arc::clone(&context.recall)));
    tokio::spawn(keep_warm(Arc::clone(&context), context.changes.clone()));
    if let Some(monitor) = &monitor {
        tokio::spawn(spread(monitor.sightings(), holders::freed(), changed));
    }

    tokio::spawn(crate::queue::work(
        Queue::new(places.queue_folder()),
        Arc::clone(&context),
        halt_queue,
    ));

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending");
    stop.stop().await;
    Ok(())
}

/// Tells the connections of tokens that come and go, and of those that another program kept from them and has let go of.
async fn spread(
    mut sightings: watch::Receiver<Sighting>,
    mut freed: watch::Receiver<u64>,
    changed: watch::Sender<u64>,
) {
    loop {
        let went_on = tokio::select! {
            seen = sightings.changed() => seen,
            free = freed.changed() => free,
        };
        if went_on.is_err() {
            return;
        }
        let count = sightings.borrow_and_update().serial + *freed.borrow_and_update();
        changed.send_if_modified(|last| std::mem::replace(last, count) != count);
    }
}

/// Has modules loaded and certificates read before a page asks, now and whenever tokens came: what the person waits for
/// is the token.
async fn keep_warm(context: Arc<Context>, mut changes: watch::Receiver<u64>) {
    loop {
        warm(&context).await;
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn warm(context: &Context) {
    // A page that hears of a card at the same moment waits for what it can be shown.
    let mut tokens = context.tokens.glance().await.tokens;
    if tokens.iter().any(|token| !token.is_named()) {
        tokens = context.tokens.tokens().await.tokens;
    }
    tracing::info!(tokens = tokens.len(), "in reach");
    // Those of cards are kept by their processes.
    for token in tokens.iter().filter(|token| token.entry().reader.is_some()) {
        if let Err(error) = token.certificates().await {
            tracing::debug!(%error, "certificates cannot be read yet");
        }
    }
}

fn load(options: &DaemonOptions, places: &Places) -> Result<Config, ServiceError> {
    let file = options.config.clone().unwrap_or_else(|| places.config_file());
    let mut config = Config::load(&file, Path::new(ADMIN_POLICY))?;
    log_notices(&config);
    if let Some(modules) = &options.modules {
        tracing::warn!("a simulation: the tokens of this computer are not looked at");
        config.modules.clone_from(modules);
    }
    if let Some(program) = &options.prompter {
        if config.prompt.fixed {
            tracing::warn!("the administrator has chosen the prompter: the command line's is ignored");
        } else {
            config.prompt.program = program.clone();
        }
    }
    Ok(config)
}

fn log_notices(config: &Config) {
    for notice in &config.notices {
        tracing::warn!(%notice, "configuration");
    }
}

fn prompter(config: &Config, program: &Path, places: &Places) -> Arc<dyn Prompter> {
    let views = places.views_folder();
    let (language, wait) = (config.language, config.prompt.wait);
    Arc::new(match config.prompt.program.clone() {
        PromptProgram::Window(window) => ProcessPrompter::window(window, language, wait, views),
        PromptProgram::Scripted(script) => {
            ProcessPrompter::scripted(program.to_owned(), script, language, wait, views)
        }
    })
}

/// The second road, if it can be had.
async fn listen(config: &Config) -> Vec<TcpListener> {
    let Some(wanted) = config.websocket else {
        return Vec::new();
    };
    websocket::bind(wanted.port).await.unwrap_or_else(|error| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted.port));
        // Another user's program there would be taken for this daemon by pages.
        let uid = websocket::holder(wanted.port);
        tracing::warn!(%address, %error, ?uid, "the WebSocket is off: its port is not to be had");
        Vec::new()
    })
}

/// No core dumps, and no reading of this process's memory by others of the same user (prctl(2), PR_SET_DUMPABLE).
pub(crate) fn keep_memory_to_ourselves() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = rustix::process::setrlimit(Resource::Core, none);
    let hidden = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = limited.and(hidden) {
        tracing::warn!(%error, "this process's memory is not protected");
    }
}
