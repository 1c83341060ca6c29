//! Why the smart card service does not answer. Its library has one word for it, `SCARD_E_NO_SERVICE`; what helps depends
//! on whether there is a service that could be started.

use std::path::{Path, PathBuf};

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
