//! Programs that go on running beside a test.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// How long a program may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that ends, with the children it has told about, when the test is over.
pub(crate) struct Started(Child);

impl Started {
    /// Starts it; what it says goes where the test's own words go.
    pub(crate) fn program(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        match command.spawn() {
            Ok(child) => Self(child),
            Err(error) => panic!("{command:?}: {error}"),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // SIGTERM lets a master end its workers; whoever does not listen is killed.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port of the loopback interface where nobody listens yet. It is taken as long as this process lives, so that the system
/// gives it to nobody else before the one listens whom it is for (`SO_REUSEADDR`, socket(7)).
pub(crate) fn free_port() -> u16 {
    static TAKEN: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    sockopt::set_socket_reuseaddr(&socket, true).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
    TAKEN.lock().unwrap().push(socket);
    taken.port()
}
