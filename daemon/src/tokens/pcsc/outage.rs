//! Why the smart card service does not answer. Its library has one word for it, `SCARD_E_NO_SERVICE`; what helps depends
//! on whether there is a service that could be started.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, getpeername};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// pcscd's socket, unless the environment names another (pcsc-lite's own variable).
const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// Where systems install its program.
const PROGRAMS: [&str; 3] = ["/usr/sbin/pcscd", "/usr/bin/pcscd", "/usr/local/sbin/pcscd"];

/// How it stands with a service that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// There is none: neither its socket nor its program.
    Absent,
    /// It is there and does not run: its socket is, with nobody behind it, or its program.
    Stopped,
}

/// How it stands now.
#[must_use]
pub fn outage() -> Outage {
    of(&socket(), &PROGRAMS.map(Path::new))
}

/// Where its socket is, if it runs.
#[must_use]
pub fn socket() -> PathBuf {
    std::env::var_os("PCSCLITE_CSOCK_NAME").map_or_else(|| PathBuf::from(SOCKET), PathBuf::from)
}

/// Whether this process has a connection to it, whatever library it was made by. None if that is not to be learnt.
///
/// Only sockets are looked at: a copy of a descriptor that is closed again takes the locks of a file with it.
pub(in crate::tokens) fn is_spoken_to_from_here() -> Option<bool> {
    let this = pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).ok()?;
    let names: Vec<_> = [socket().as_path(), Path::new(SOCKET)]
        .iter()
        .filter_map(|path| path.file_name().map(OsStr::to_owned))
        .collect();
    for entry in std::fs::read_dir("/proc/self/fd").ok()?.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match std::fs::read_link(entry.path()) {
            Ok(target) if target.as_os_str().as_bytes().starts_with(b"socket:") => {}
            Err(error) if error.kind() != ErrorKind::NotFound => return None,
            _ => continue,
        }
        let copy = match pidfd_getfd(&this, number, PidfdGetfdFlags::empty()) {
            Ok(copy) => copy,
            // Another thread has closed it meanwhile.
            Err(Errno::BADF) => continue,
            Err(_) => return None,
        };
        let peer = getpeername(&copy).ok().flatten();
        let peer = peer.and_then(|peer| SocketAddrUnix::try_from(peer).ok());
        // By the name that the service gave it, which need not be the way that leads there from here.
        let leads_to = |path: &[u8]| {
            names
                .iter()
                .any(|name| Path::new(OsStr::from_bytes(path)).file_name() == Some(name))
        };
        if peer.is_some_and(|peer| peer.path_bytes().is_some_and(leads_to)) {
            return Some(true);
        }
    }
    Some(false)
}

/// It has left its socket behind: it ran, and has not ended by itself.
#[must_use]
pub(super) fn broke_off() -> bool {
    is_there(&socket())
}

/// The library's error with what is known besides: `SCARD_E_SERVICE_STOPPED` where there is a service that could be
/// started.
#[must_use]
pub fn told_apart(error: pcsc::Error) -> pcsc::Error {
    match error {
        pcsc::Error::NoService if outage() == Outage::Stopped => pcsc::Error::ServiceStopped,
        other => other,
    }
}

fn of(socket: &Path, programs: &[&Path]) -> Outage {
    match is_there(socket) || programs.iter().any(|program| program.is_file()) {
        true => Outage::Stopped,
        false => Outage::Absent,
    }
}

fn is_there(socket: &Path) -> bool {
    std::fs::symlink_metadata(socket).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_there_by_its_socket_or_its_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let (socket, program) = (folder.path().join("socket"), folder.path().join("pcscd"));
        let now = || of(&socket, &[&folder.path().join("none"), &program]);
        assert_eq!(now(), Outage::Absent);
        std::fs::create_dir(&program).expect("a folder of that name");
        assert_eq!(now(), Outage::Absent);
        std::fs::remove_dir(&program).expect("away again");
        std::fs::write(&program, "").expect("a program");
        assert_eq!(now(), Outage::Stopped);
        std::fs::remove_file(&program).expect("away again");
        drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
        assert_eq!(now(), Outage::Stopped);
    }
}
