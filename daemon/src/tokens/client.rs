//! The daemon's side of a module's process: started at the first request and kept; ended when it does not answer.
//!
//! Requests of one module go one after another, as modules want it. Each runs in a task of its own, so that a caller
//! who loses interest leaves no half-read answer behind. A process that died is started again by the next request;
//! nobody is logged in again.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;
use trien_protocol::frame;
use trien_protocol::limits::MAX_MESSAGE;

use super::wire::{Answer, Call, CertificateRecord, GREETING, MAX_DESCRIPTORS, Reply, Request, TokenName};
use super::{Confinement, TokenError, library, pcsc};
use crate::config::{ModuleConfig, SOFTWARE_TOKEN};

/// How long a module may take. Past it, its process is ended.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Loading the module.
    pub start: Duration,
    /// Looking at tokens and certificates, opening and closing.
    pub enumerate: Duration,
    /// A login with a PIN from the pipe.
    pub login: Duration,
    /// A signature.
    pub sign: Duration,
    /// A login at the reader, where a person types.
    pub reader: Duration,
    /// Generating a key pair, making a token.
    pub generate: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(15),
            enumerate: Duration::from_secs(5),
            login: Duration::from_secs(30),
            sign: Duration::from_secs(30),
            reader: Duration::from_secs(120),
            generate: Duration::from_secs(120),
        }
    }
}

/// Milliseconds, as they stand on a card worker's command line: start, enumerate, login, sign, reader, generate.
impl fmt::Display for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            start,
            enumerate,
            login,
            sign,
            reader,
            generate,
        } = self;
        let all = [start, enumerate, login, sign, reader, generate];
        f.write_str(&all.map(|deadline| deadline.as_millis().to_string()).join(","))
    }
}

/// No list of six numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("six numbers of milliseconds are needed")]
pub struct BadDeadlines;

impl FromStr for Deadlines {
    type Err = BadDeadlines;

    fn from_str(text: &str) -> Result<Self, BadDeadlines> {
        let numbers: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
        let numbers = numbers.map_err(|_| BadDeadlines)?;
        let [start, enumerate, login, sign, reader, generate] = <[u64; 6]>::try_from(numbers)
            .map_err(|_| BadDeadlines)?
            .map(Duration::from_millis);
        Ok(Self {
            start,
            enumerate,
            login,
            sign,
            reader,
            generate,
        })
    }
}

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

/// So many failures of a module's process within [`FAILURE_WINDOW`] switch the module off.
const MAX_FAILURES: usize = 3;

/// See [`MAX_FAILURES`].
const FAILURE_WINDOW: Duration = Duration::from_secs(600);

/// What a worker process drives.
#[derive(Debug, Clone)]
enum Driven {
    /// A PKCS #11 module.
    Module(ModuleConfig),
    /// The card in the reader of this name, by our own driver.
    Reader(String),
}

impl Driven {
    /// What its tokens' module is called.
    fn name(&self) -> &str {
        match self {
            Self::Module(module) => &module.name,
            Self::Reader(_) => pcsc::DRIVER,
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
    fn arguments(&self, deadlines: &Deadlines) -> Vec<OsString> {
        match self {
            Self::Module(module) => vec![
                "module-worker".into(),
                "--name".into(),
                (&module.name).into(),
                "--module".into(),
                (&module.path).into(),
            ],
            Self::Reader(reader) => vec![
                "card-worker".into(),
                "--reader".into(),
                reader.into(),
                "--deadlines".into(),
                deadlines.to_string().into(),
            ],
        }
    }
}

/// One module, or one reader, and its process. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Worker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    driven: Driven,
    program: PathBuf,
    deadlines: Deadlines,
    /// Beside [`ENVIRONMENT`].
    more_environment: Vec<(&'static str, OsString)>,
    process: Mutex<Option<Process>>,
    starts: AtomicU64,
    /// Sessions that are open, of whichever start.
    leases: AtomicUsize,
    /// When its process crashed or hung lately.
    failures: Lock<VecDeque<Instant>>,
    /// What is kept about modules for every process of this user: a file of the module's name says that it is switched
    /// off; others hold the certificates that tokens show only after login.
    switches: Option<PathBuf>,
    /// What the last process that started said of its sandbox.
    confinement: Lock<Option<Confinement>>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    socket: UnixStream,
    last_id: u64,
    /// Which start of the process: sessions of an earlier one are gone.
    start: u64,
}

impl Worker {
    /// `program` is the `trien` binary.
    pub(super) fn new(
        module: ModuleConfig,
        program: &Path,
        deadlines: Deadlines,
        switches: Option<PathBuf>,
    ) -> Self {
        Self::with_environment(Driven::Module(module), program, deadlines, switches, Vec::new())
    }

    /// For the card in the reader of this name.
    pub(super) fn of_reader(reader: String, program: &Path, deadlines: Deadlines) -> Self {
        Self::with_environment(Driven::Reader(reader), program, deadlines, None, Vec::new())
    }

    /// Another worker for the same module, whose process is started with these variables, too.
    pub(super) fn another(&self, more_environment: Vec<(&'static str, OsString)>) -> Self {
        let Inner {
            driven,
            program,
            deadlines,
            switches,
            ..
        } = &*self.0;
        Self::with_environment(
            driven.clone(),
            program,
            *deadlines,
            switches.clone(),
            more_environment,
        )
    }

    fn with_environment(
        driven: Driven,
        program: &Path,
        deadlines: Deadlines,
        switches: Option<PathBuf>,
        more_environment: Vec<(&'static str, OsString)>,
    ) -> Self {
        let program = program.to_owned();
        Self(Arc::new(Inner {
            driven,
            program,
            deadlines,
            more_environment,
            process: Mutex::new(None),
            starts: AtomicU64::new(0),
            leases: AtomicUsize::new(0),
            failures: Lock::default(),
            switches,
            confinement: Lock::default(),
        }))
    }

    /// The module's library; none for a reader.
    pub(super) fn library(&self) -> Option<&Path> {
        match &self.0.driven {
            Driven::Module(module) => Some(&module.path),
            Driven::Reader(_) => None,
        }
    }

    /// The reader; none for a module.
    pub(super) fn reader(&self) -> Option<&str> {
        match &self.0.driven {
            Driven::Module(_) => None,
            Driven::Reader(reader) => Some(reader),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.0.driven.name()
    }

    /// True if it was switched off because its process failed too often.
    pub(super) fn is_off(&self) -> bool {
        self.0.is_off()
    }

    /// What its process said of its sandbox, if one has started.
    pub(super) fn confinement(&self) -> Option<Confinement> {
        *self.0.confinement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps certificates that show only after login, for this process and for others of this user. A certificate is no
    /// secret; that a token hides it is its maker's taste.
    pub(super) fn remember(&self, token: &TokenName, records: &[CertificateRecord]) {
        if let Some(file) = self.memory_of(token) {
            let written = serde_json::to_vec(records)
                .map_err(io::Error::other)
                .and_then(|bytes| {
                    std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
                    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new("/")))?;
                    io::Write::write_all(&mut new, &bytes)?;
                    new.persist(&file).map_err(|error| error.error)
                });
            if let Err(error) = written {
                tracing::warn!(%error, "the certificates of this token are forgotten again");
            }
        }
    }

    /// What was kept of a token.
    pub(super) fn remembered(&self, token: &TokenName) -> Vec<CertificateRecord> {
        let kept = self.memory_of(token).and_then(|file| std::fs::read(file).ok());
        kept.and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    fn memory_of(&self, token: &TokenName) -> Option<PathBuf> {
        use sha2::Digest;
        let name = format!("{}\n{}\n{}", self.name(), token.serial, token.label);
        let name = hex::encode(&sha2::Sha256::digest(name)[..16]);
        self.0
            .switches
            .as_ref()
            .map(|folder| folder.join(format!("{name}.certificates")))
    }

    pub(super) fn deadlines(&self) -> &Deadlines {
        &self.0.deadlines
    }

    /// One request and its answer.
    ///
    /// # Errors
    /// The module's; [`TokenError::Hung`] or [`TokenError::Crashed`] when there is no answer, [`TokenError::Busy`]
    /// when other requests kept the module for as long as this one was ready to wait.
    pub(super) async fn call(&self, call: Call, deadline: Duration) -> Result<Answer, TokenError> {
        let worker = self.clone();
        detached(async move {
            worker
                .0
                .exchange(call, Vec::new(), deadline, None)
                .await
                .map(|(answer, _)| answer)
        })
        .await
    }

    /// A request with descriptors beside it.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(super) async fn call_with(
        &self,
        call: Call,
        descriptors: Vec<OwnedFd>,
        deadline: Duration,
    ) -> Result<Answer, TokenError> {
        let worker = self.clone();
        detached(async move {
            worker
                .0
                .exchange(call, descriptors, deadline, None)
                .await
                .map(|(answer, _)| answer)
        })
        .await
    }

    /// Opens a session, which is closed again when the lease is dropped, by whoever holds it then.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(super) async fn open(&self, call: Call) -> Result<(Lease, super::PinNeed), TokenError> {
        let worker = self.clone();
        detached(async move {
            let deadline = worker.deadlines().enumerate;
            match worker.0.exchange(call, Vec::new(), deadline, None).await? {
                (Answer::Session { session, pin }, start) => {
                    worker.0.leases.fetch_add(1, Ordering::Relaxed);
                    let lease = Lease {
                        worker,
                        session,
                        start,
                        open: true,
                    };
                    Ok((lease, pin))
                }
                _ => Err(unexpected()),
            }
        })
        .await
    }
}

/// Runs to its end whether or not the caller still waits.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, TokenError>> + Send + 'static,
) -> Result<T, TokenError> {
    tokio::spawn(work).await.unwrap_or(Err(TokenError::Crashed))
}

/// The worker answered something else than was asked.
pub(super) fn unexpected() -> TokenError {
    TokenError::Failed("the module's process answered something else".to_owned())
}

/// A session in one start of a module's process.
#[derive(Debug)]
pub(super) struct Lease {
    worker: Worker,
    session: u64,
    start: u64,
    open: bool,
}

impl Lease {
    pub(super) const fn worker(&self) -> &Worker {
        &self.worker
    }

    /// One request about this session, whose number `call` is made with.
    ///
    /// # Errors
    /// As [`Worker::call`]; [`TokenError::Crashed`] also when the process has been started anew since.
    pub(super) async fn call(
        &self,
        call: impl FnOnce(u64) -> Call,
        descriptors: Vec<OwnedFd>,
        deadline: Duration,
    ) -> Result<Answer, TokenError> {
        let (worker, start, call) = (self.worker.clone(), self.start, call(self.session));
        detached(async move {
            worker
                .0
                .exchange(call, descriptors, deadline, Some(start))
                .await
                .map(|(answer, _)| answer)
        })
        .await
    }

    /// Ends the process that the session is in, without asking the module anything again: for one that answers as if it
    /// had lost its bearings. That is no failure of its own. False if others have sessions there.
    pub(super) async fn abandon(&self) -> bool {
        if self.worker.0.leases.load(Ordering::Relaxed) > 1 {
            return false;
        }
        let mut kept = self.worker.0.process.lock().await;
        if kept.as_ref().is_some_and(|process| process.start == self.start) {
            tracing::info!(
                module = self.worker.name(),
                "the module's process is started anew"
            );
            end(kept.take());
        }
        true
    }

    /// Logs out and waits for it.
    pub(super) async fn close(mut self) {
        self.open = false;
        let _ = self
            .call(
                |session| Call::Close { session },
                Vec::new(),
                self.worker.deadlines().enumerate,
            )
            .await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.worker.0.leases.fetch_sub(1, Ordering::Relaxed);
        // Without a runtime everything is ending, and the worker logs out when the socket closes.
        if let (true, Ok(runtime)) = (self.open, tokio::runtime::Handle::try_current()) {
            let (worker, session, start) = (self.worker.clone(), self.session, self.start);
            runtime.spawn(async move {
                let deadline = worker.deadlines().enumerate;
                worker
                    .0
                    .exchange(Call::Close { session }, Vec::new(), deadline, Some(start))
                    .await
            });
        }
    }
}

impl Inner {
    async fn exchange(
        &self,
        call: Call,
        descriptors: Vec<OwnedFd>,
        deadline: Duration,
        start: Option<u64>,
    ) -> Result<(Answer, u64), TokenError> {
        // A session whose close gave up would keep its token busy for good. Each call before it has a deadline, so
        // that this wait has an end, too.
        let patience = match call {
            Call::Close { .. } => None,
            _ => Some(deadline),
        };
        let mut kept = match patience {
            None => self.process.lock().await,
            Some(patience) => timeout(patience, self.process.lock())
                .await
                .map_err(|_| TokenError::Busy)?,
        };
        let process = self.running(&mut kept, start).await?;
        let start = process.start;
        match timeout(deadline, process.exchange(call, descriptors)).await {
            Ok(Ok(Err(TokenError::Held { .. }))) => Err(held(self.program.clone()).await),
            Ok(Ok(outcome)) => outcome.map(|answer| (answer, start)),
            Ok(Err(error)) => {
                tracing::warn!(module = self.driven.name(), %error, "the module's process ended");
                self.note_failure();
                end(kept.take());
                Err(TokenError::Crashed)
            }
            Err(_) => {
                end(kept.take());
                Err(self.unanswered(deadline).await)
            }
        }
    }

    /// What it means that a process did not answer in time and was ended. A module waits without limit for a card that
    /// another program holds: that is no failure of its own.
    async fn unanswered(&self, deadline: Duration) -> TokenError {
        let (module, program) = (self.driven.name(), self.program.clone());
        let looked = tokio::task::spawn_blocking(move || pcsc::holders::of_a_held_card(&program)).await;
        if let Ok(Some(programs)) = looked {
            tracing::info!(
                module,
                ?programs,
                "another program holds the card; the module's process was ended"
            );
            return TokenError::Held { programs };
        }
        tracing::warn!(module, ?deadline, "the module did not answer and was ended");
        self.note_failure();
        TokenError::Hung {
            seconds: deadline.as_secs(),
        }
    }

    /// The process of that start, or for a request that needs no session, any that lives.
    async fn running<'a>(
        &self,
        kept: &'a mut Option<Process>,
        start: Option<u64>,
    ) -> Result<&'a mut Process, TokenError> {
        let died = |process: &mut Process| !matches!(process.child.try_wait(), Ok(None));
        if kept.as_mut().is_some_and(died) {
            tracing::warn!(module = self.driven.name(), "the module's process had ended");
            *kept = None;
        }
        if start.is_some() && kept.as_ref().map(|process| process.start) != start {
            return Err(TokenError::Crashed);
        }
        if kept.is_none() {
            if self.is_off() {
                return Err(TokenError::Disabled);
            }
            if let Driven::Module(module) = &self.driven {
                library::check(&module.path, module.sha256.as_deref()).map_err(TokenError::Library)?;
            }
            *kept = Some(self.start().await?);
        }
        kept.as_mut().ok_or(TokenError::Crashed)
    }

    /// Counts a crash or a hang; after too many, the module is off until somebody switches it on again. Our own card
    /// driver is never off: a mute card is taken out, and the next one may be sound.
    fn note_failure(&self) {
        let Driven::Module(module) = &self.driven else {
            return;
        };
        let now = Instant::now();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push_back(now);
        failures.retain(|then| now.duration_since(*then) < FAILURE_WINDOW);
        if failures.len() < MAX_FAILURES {
            return;
        }
        tracing::error!(
            module = module.name,
            "the module failed {MAX_FAILURES} times within ten minutes and is switched off; \
             switch it on again with: trien token enable-module {}",
            module.name
        );
        if let Some(switches) = &self.switches {
            let written = std::fs::create_dir_all(switches)
                .and_then(|()| std::fs::write(switches.join(&module.name), b""));
            if let Err(error) = written {
                tracing::warn!(%error, "that the module is off is known to this process only");
            }
        }
    }

    /// The file that says so may be taken away by another process; then the failures are forgotten.
    fn is_off(&self) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.switches {
            Some(switches) if switches.join(self.driven.name()).exists() => true,
            Some(_) if failures.len() >= MAX_FAILURES => {
                failures.clear();
                false
            }
            _ => failures.len() >= MAX_FAILURES,
        }
    }

    async fn start(&self) -> Result<Process, TokenError> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let mut process = self
            .spawn(start)
            .map_err(|error| TokenError::Load(format!("{}: {error}", self.program.display())))?;
        let greeted = timeout(self.deadlines.start, process.receive(GREETING)).await;
        let refusal = match greeted {
            Ok(Ok(Ok(Answer::Ready(confinement)))) => {
                *self.confinement.lock().unwrap_or_else(PoisonError::into_inner) = Some(confinement);
                return Ok(process);
            }
            Ok(Ok(Ok(_))) => unexpected(),
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) => {
                self.note_failure();
                TokenError::Crashed
            }
            Err(_) => {
                end(Some(process));
                return Err(self.unanswered(self.deadlines.start).await);
            }
        };
        end(Some(process));
        Err(refusal)
    }

    fn spawn(&self, start: u64) -> io::Result<Process> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.program);
        command
            .args(self.driven.arguments(&self.deadlines))
            .env_clear()
            .envs(
                ENVIRONMENT
                    .into_iter()
                    .chain(self.driven.environment().iter().map(String::as_str))
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(home) = std::env::var_os("TRIEN_HOME").filter(|home| !home.is_empty()) {
            command.env("TRIEN_HOME", std::path::absolute(home)?);
        }
        if let Driven::Module(module) = &self.driven {
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
            tokio::spawn(log(output, self.driven.name().to_owned()));
        }
        Ok(Process {
            child,
            socket: UnixStream::from_std(ours)?,
            last_id: GREETING,
            start,
        })
    }
}

impl Inner {
    /// What the module may write to. Our own module's tokens lie where its own rules say, which are the same as ours.
    fn folders(&self, module: &ModuleConfig) -> Vec<PathBuf> {
        let mut folders = module.folders.clone();
        let is_ours = module.path.file_name().is_some_and(|name| name == SOFTWARE_TOKEN);
        if is_ours {
            let moved = self
                .more_environment
                .iter()
                .find(|(name, _)| *name == "TRIEN_HOME");
            let home = moved
                .map(|(_, home)| home.clone())
                .or_else(|| std::env::var_os("TRIEN_HOME"));
            match home.filter(|home| !home.is_empty()) {
                Some(home) => folders.extend(std::path::absolute(home)),
                None => folders.extend(directories::ProjectDirs::from("", "", "trien").map(|folders| {
                    let data = folders.data_dir().to_owned();
                    // A folder that is not there yet cannot be opened for the module.
                    let _ = std::fs::create_dir_all(&data);
                    data
                })),
            }
        }
        folders
    }
}

/// Another program holds the card: with those that may be it.
async fn held(program: PathBuf) -> TokenError {
    let looked = tokio::task::spawn_blocking(move || pcsc::holders::named(&program)).await;
    TokenError::Held {
        programs: looked.unwrap_or_default(),
    }
}

/// SIGKILL: a module that hangs would not listen to anything else.
fn end(process: Option<Process>) {
    if let Some(mut process) = process {
        // It may have ended by itself.
        let _ = process.child.start_kill();
        tokio::spawn(async move { process.child.wait().await });
    }
}

/// What a module prints goes to our log, without what a terminal would obey.
async fn log(mut output: ChildStderr, module: String) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = output.read(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..length]);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let shown: String = line.chars().filter(|character| !character.is_control()).collect();
            tracing::info!(module, "{shown}");
        }
    }
}

impl Process {
    async fn exchange(
        &mut self,
        call: Call,
        descriptors: Vec<OwnedFd>,
    ) -> io::Result<Result<Answer, TokenError>> {
        self.last_id += 1;
        let request = serde_json::to_string(&Request {
            id: self.last_id,
            call,
        })?;
        let bytes = frame::encode(&request).map_err(io::Error::other)?;
        self.send(&bytes, &descriptors).await?;
        drop(descriptors);
        self.receive(self.last_id).await
    }

    /// Descriptors travel with the first bytes.
    async fn send(&mut self, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
        let mut sent = 0;
        if !descriptors.is_empty() {
            let socket = &self.socket;
            sent = socket
                .async_io(Interest::WRITABLE, || send_with(socket, bytes, descriptors))
                .await?;
        }
        self.socket.write_all(&bytes[sent..]).await
    }

    /// The answer of that number; another one means that the two ends no longer speak of the same thing.
    async fn receive(&mut self, id: u64) -> io::Result<Result<Answer, TokenError>> {
        let mut head = [0; 4];
        self.socket.read_exact(&mut head).await?;
        let length = frame::check_length(head, MAX_MESSAGE).map_err(io::Error::other)?;
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).await?;
        let reply: Reply = serde_json::from_slice(&body)?;
        if reply.id == id {
            Ok(reply.outcome)
        } else {
            Err(io::Error::other("an answer to something else"))
        }
    }
}

fn send_with(socket: &UnixStream, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<usize> {
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::other("too many descriptors"));
    }
    Ok(rustix::net::sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?)
}
