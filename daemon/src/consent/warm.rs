//! Prompts that are started before there is a question, so that the person does not wait for a toolkit.
//!
//! *Warm* means: while at least one page with a permission is connected, and for [`LINGER`] after the last of them left,
//! one prompt process stands ready. It has its display, its toolkit and its fonts, knows nothing of any page, and waits
//! for its question. A process asks one question as ever and then ends; the next one is started when it is over. So
//! nothing of one page's question can be left for another's, and the cost is one process of memory while a page is open.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::process::NOBODY;

/// How long a prompt stands ready after the last page left: a page that is loaded anew, or follows a link, comes back.
const LINGER: Duration = Duration::from_secs(120);

/// What of the daemon's environment a prompt gets: what it needs to find the display, the person's language, whether the
/// person is there, and the programs that show documents (`mime-apps-spec`: the desktop's choice lies in files of its name).
const ENVIRONMENT: [&str; 20] = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_TYPE",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "XDG_CURRENT_DESKTOP",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "GDK_BACKEND",
    "GTK_THEME",
    "TMPDIR",
    "TRIEN_HOME",
];

/// A program that asks, and how it is started.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

/// A prompt process that has not been asked anything.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) socket: UnixStream,
    /// The end of its PIN pipe that the module worker reads.
    pub(super) pin: OwnedFd,
}

impl Program {
    /// Starts it. Dropping what comes back ends it.
    ///
    /// # Errors
    /// Of the system.
    pub(super) fn start(&self) -> std::io::Result<Started> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let (pin_reader, pin_writer) = std::io::pipe()?;
        let environment = ENVIRONMENT
            .iter()
            .filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let child = Command::new(&self.path)
            .args(&self.arguments)
            .env_clear()
            .envs(environment)
            // The software renderer starts faster than a GPU wakes up, and works everywhere.
            .env("GSK_RENDERER", "cairo")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(pin_writer))
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        ours.set_nonblocking(true)?;
        Ok(Started {
            child,
            socket: UnixStream::from_std(ours)?,
            pin: pin_reader.into(),
        })
    }
}

/// The prompt that stands ready, if one does.
#[derive(Debug)]
pub(super) struct Warm {
    program: Program,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ready: Option<Started>,
    /// One is being started.
    starting: bool,
    /// Pages that are connected.
    pages: usize,
    /// Grows when the last page leaves.
    departures: u64,
    /// Nobody was there to be asked: none is started ahead until somebody was.
    in_vain: bool,
}

/// A page is connected that may ask; ends when dropped.
#[derive(Debug)]
pub struct Expectation(Option<Arc<Warm>>);

impl Expectation {
    /// Where nothing can be made ready.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }
}

impl Warm {
    pub(super) fn new(program: Program) -> Arc<Self> {
        Arc::new(Self {
            program,
            state: Mutex::default(),
        })
    }

    /// What is started where none stands ready.
    pub(super) const fn program(&self) -> &Program {
        &self.program
    }

    /// A page came.
    pub(super) fn expect(self: &Arc<Self>) -> Expectation {
        self.lock().pages += 1;
        self.refill();
        Expectation(Some(Arc::clone(self)))
    }

    /// The one that stands ready, if it still does.
    pub(super) fn take(&self) -> Option<Started> {
        let mut state = self.lock();
        let mut ready = state.ready.take()?;
        match ready.child.try_wait() {
            Ok(None) if is_silent(&ready.socket) => Some(ready),
            Ok(Some(status)) => {
                state.in_vain = status.code() == Some(NOBODY);
                None
            }
            _ => {
                end(ready.child);
                None
            }
        }
    }

    /// A question was on the screen: there is somebody.
    pub(super) fn was_shown(&self) {
        self.lock().in_vain = false;
    }

    /// Has one started, if a page is connected and none stands ready.
    pub(super) fn refill(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        {
            let mut state = self.lock();
            if state.pages == 0 || state.starting || state.in_vain || state.ready.is_some() {
                return;
            }
            state.starting = true;
        }
        let warm = Arc::clone(self);
        runtime.spawn_blocking(move || {
            let started = warm.program.start();
            let mut state = warm.lock();
            state.starting = false;
            match started {
                Ok(started) if state.pages > 0 => state.ready = Some(started),
                Ok(unwanted) => end(unwanted.child),
                Err(error) => {
                    state.in_vain = true;
                    tracing::debug!(%error, "no prompt can be started ahead");
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        let Some(warm) = self.0.take() else { return };
        let departure = {
            let mut state = warm.lock();
            state.pages -= 1;
            if state.pages > 0 {
                return;
            }
            state.departures += 1;
            state.departures
        };
        let dismiss = async move {
            tokio::time::sleep(LINGER).await;
            let mut state = warm.lock();
            if state.pages == 0
                && state.departures == departure
                && let Some(unwanted) = state.ready.take()
            {
                end(unwanted.child);
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(dismiss)),
            // The daemon ends, and its prompts with it.
            Err(_) => drop(dismiss),
        }
    }
}

/// Ends a prompt and takes note of its end. One that is only dropped may stay in the system's table until some other
/// process ends (tokio's orphans).
pub(super) fn end(mut child: Child) {
    // It may have ended by itself.
    let _ = child.start_kill();
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move { child.wait().await });
    }
}

/// True if nothing came on the socket, and it is open. Asks the kernel, not the runtime, which may not have looked yet.
pub(super) fn is_silent(socket: &impl AsFd) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    rustix::net::recv(socket, &mut [0u8; 1], flags).err() == Some(Errno::AGAIN)
}
