//! Included by the tests of each crate that starts servers.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails: a computer without a free port is none to test on"
)]

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

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
