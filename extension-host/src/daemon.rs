//! The daemon's side: the per-user socket. Before the first byte goes out, the socket's folder must be ours alone
//! and the process behind the socket must run as the same user; else somebody else could play the daemon.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use directories::BaseDirs;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::getuid;

/// How long a daemon whose queue of connections is full may take to accept this one.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the daemon may leave one message unread before the connection counts as dead.
const WRITE: Duration = Duration::from_secs(60);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    /// There is no socket, or nobody listens on it.
    #[error("the daemon is not running ({0})")]
    NotRunning(io::Error),
    /// The folder or the process behind the socket may belong to somebody else.
    #[error("the daemon's socket is not trusted: {0}")]
    Untrusted(String),
}

impl Unreachable {
    /// What the extension is told.
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self::NotRunning(_) => r#"{"trien_host":"daemon_not_running"}"#,
            Self::Untrusted(_) => r#"{"trien_host":"daemon_untrusted"}"#,
        }
    }
}

/// Connects to the daemon of this user.
pub(crate) fn connect() -> Result<UnixStream, Unreachable> {
    let folder = folder()?;
    check_folder(&folder)?;
    let stream = open(&folder.join("daemon.sock")).map_err(Unreachable::NotRunning)?;
    check_peer(&stream)?;
    stream
        .set_write_timeout(Some(WRITE))
        .map_err(Unreachable::NotRunning)?;
    Ok(stream)
}

/// `TRIEN_HOME` moves the folder; else it is in the XDG runtime folder, which must be this user's alone, too: in one that
/// others may enter, they could be there first. There is no fall-back to a shared folder.
fn folder() -> Result<PathBuf, Unreachable> {
    if let Some(home) = std::env::var_os("TRIEN_HOME").filter(|home| !home.is_empty()) {
        return Ok(Path::new(&home).join("run"));
    }
    let runtime = BaseDirs::new().and_then(|base| base.runtime_dir().map(Path::to_owned));
    let runtime = runtime
        .ok_or_else(|| Unreachable::NotRunning(io::Error::other("neither TRIEN_HOME nor XDG_RUNTIME_DIR")))?;
    check_folder(&runtime)?;
    Ok(runtime.join("trien"))
}

fn check_folder(folder: &Path) -> Result<(), Unreachable> {
    let metadata = fs::symlink_metadata(folder).map_err(Unreachable::NotRunning)?;
    let trouble = if !metadata.is_dir() {
        "is no folder"
    } else if metadata.uid() != getuid().as_raw() {
        "belongs to another user"
    } else if metadata.mode() & 0o777 != 0o700 {
        "does not have the mode 0700"
    } else {
        return Ok(());
    };
    Err(Unreachable::Untrusted(format!("{} {trouble}", folder.display())))
}

/// A blocking connect to a full queue would wait for ever; a non-blocking one says so and is tried again.
fn open(path: &Path) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let deadline = Instant::now() + CONNECT;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => break,
            Err(Errno::AGAIN | Errno::INTR) if Instant::now() < deadline => sleep(Duration::from_millis(20)),
            Err(error) => return Err(error.into()),
        }
    }
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn check_peer(stream: &UnixStream) -> Result<(), Unreachable> {
    match rustix::net::sockopt::socket_peercred(stream) {
        Ok(peer) if peer.uid == getuid() => Ok(()),
        Ok(peer) => Err(Unreachable::Untrusted(format!(
            "the listener runs as user {}",
            peer.uid.as_raw()
        ))),
        Err(error) => Err(Unreachable::Untrusted(format!(
            "the listener's user is unknown: {error}"
        ))),
    }
}
