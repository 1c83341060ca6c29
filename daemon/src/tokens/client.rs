//! The daemon's side of a module's process: started at the first request and kept; ended when it does not answer.
//!
//! Requests of one module go one after another, as modules want it. Each runs in a task of its own, so that a caller
//! who loses interest leaves no half-read answer behind. A process that died is started again by the next request;
//! nobody is logged in again.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;
use trien_protocol::frame;
use trien_protocol::limits::MAX_MESSAGE;

use super::TokenError;
use super::wire::{Answer, Call, GREETING, MAX_DESCRIPTORS, Reply, Request};
use crate::config::ModuleConfig;

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

/// One module and its process. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Worker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    module: ModuleConfig,
    program: PathBuf,
    deadlines: Deadlines,
    /// Beside [`ENVIRONMENT`].
    more_environment: Vec<(&'static str, OsString)>,
    process: Mutex<Option<Process>>,
    starts: AtomicU64,
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
    pub(super) fn new(module: ModuleConfig, program: &Path, deadlines: Deadlines) -> Self {
        Self::with_environment(module, program, deadlines, Vec::new())
    }

    /// Another worker for the same module, whose process is started with these variables, too.
    pub(super) fn another(&self, more_environment: Vec<(&'static str, OsString)>) -> Self {
        let Inner {
            module,
            program,
            deadlines,
            ..
        } = &*self.0;
        Self::with_environment(module.clone(), program, *deadlines, more_environment)
    }

    fn with_environment(
        module: ModuleConfig,
        program: &Path,
        deadlines: Deadlines,
        more_environment: Vec<(&'static str, OsString)>,
    ) -> Self {
        let program = program.to_owned();
        Self(Arc::new(Inner {
            module,
            program,
            deadlines,
            more_environment,
            process: Mutex::new(None),
            starts: AtomicU64::new(0),
        }))
    }

    pub(super) fn library(&self) -> &Path {
        &self.0.module.path
    }

    pub(super) fn name(&self) -> &str {
        &self.0.module.name
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
                (Answer::Session { session, pin }, start) => Ok((
                    Lease {
                        worker,
                        session,
                        start,
                        open: true,
                    },
                    pin,
                )),
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
            Ok(Ok(outcome)) => outcome.map(|answer| (answer, start)),
            Ok(Err(error)) => {
                tracing::warn!(module = self.module.name, %error, "the module's process ended");
                end(kept.take());
                Err(TokenError::Crashed)
            }
            Err(_) => {
                tracing::warn!(
                    module = self.module.name,
                    ?deadline,
                    "the module did not answer and was ended"
                );
                end(kept.take());
                Err(TokenError::Hung {
                    seconds: deadline.as_secs(),
                })
            }
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
            tracing::warn!(module = self.module.name, "the module's process had ended");
            *kept = None;
        }
        if start.is_some() && kept.as_ref().map(|process| process.start) != start {
            return Err(TokenError::Crashed);
        }
        if kept.is_none() {
            *kept = Some(self.start().await?);
        }
        kept.as_mut().ok_or(TokenError::Crashed)
    }

    async fn start(&self) -> Result<Process, TokenError> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let mut process = self
            .spawn(start)
            .map_err(|error| TokenError::Load(format!("{}: {error}", self.program.display())))?;
        let greeted = timeout(self.deadlines.start, process.receive(GREETING)).await;
        let refusal = match greeted {
            Ok(Ok(Ok(Answer::Ready))) => return Ok(process),
            Ok(Ok(Ok(_))) => unexpected(),
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) => TokenError::Crashed,
            Err(_) => TokenError::Hung {
                seconds: self.deadlines.start.as_secs(),
            },
        };
        end(Some(process));
        Err(refusal)
    }

    fn spawn(&self, start: u64) -> io::Result<Process> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.program);
        command
            .args(["module-worker", "--name", &self.module.name, "--module"])
            .arg(&self.module.path)
            .env_clear()
            .envs(
                ENVIRONMENT
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(home) = std::env::var_os("TRIEN_HOME").filter(|home| !home.is_empty()) {
            command.env("TRIEN_HOME", std::path::absolute(home)?);
        }
        command.envs(self.more_environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn()?;
        if let Some(output) = child.stderr.take() {
            tokio::spawn(log(output, self.module.name.clone()));
        }
        Ok(Process {
            child,
            socket: UnixStream::from_std(ours)?,
            last_id: GREETING,
            start,
        })
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
