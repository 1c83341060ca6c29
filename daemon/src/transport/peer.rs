//! Whose socket is at the other end of a loopback connection.
//!
//! `Origin` speaks for a browser tab, not for a process: any user of this computer can connect to 127.0.0.1 and claim
//! one. The kernel knows the uid that a socket belongs to and tells it through `NETLINK_SOCK_DIAG` (sock_diag(7)): one
//! exact question by addresses and ports, where `/proc/net/tcp` would be a table of every socket to search through.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

const NLMSG_HEADER: usize = 16;
const REQUEST: usize = NLMSG_HEADER + 56;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const TCP_ESTABLISHED: u8 = 1;
const TCP_LISTEN: u8 = 10;
/// `inet_diag_sockid.idiag_cookie` that matches any socket.
const NO_COOKIE: u32 = u32::MAX;
/// Where `idiag_state`, `idiag_uid` and `idiag_inode` lie in `struct inet_diag_msg`.
const STATE: usize = NLMSG_HEADER + 1;
const UID: usize = NLMSG_HEADER + 64;
const INODE: usize = NLMSG_HEADER + 68;

/// A socket as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owned {
    /// The user it belongs to.
    pub(super) uid: u32,
    /// Its own number: `socket:[…]` among the files of the process that holds it.
    pub(super) inode: u32,
}

/// Whose the socket at `peer` is, which is connected to our socket at `local`.
///
/// # Errors
/// When the kernel knows no such established connection, or does not answer within a second.
pub(super) fn owner(peer: SocketAddr, local: SocketAddr) -> io::Result<Owned> {
    ask(peer, local, TCP_ESTABLISHED)
}

/// Whose the socket is that listens at `address`, there or at every address.
///
/// # Errors
/// When the kernel knows none, or does not answer within a second.
pub(super) fn listener(address: SocketAddr) -> io::Result<Owned> {
    let nobody: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    ask(address, SocketAddr::new(nobody, 0), TCP_LISTEN)
}

fn ask(peer: SocketAddr, local: SocketAddr, state: u8) -> io::Result<Owned> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(1)))?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(
        &socket,
        &request(peer, local, state)?,
        SendFlags::empty(),
        &kernel,
    )?;
    let mut answer = [0u8; 1024];
    let (length, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    read(&answer[..length], state)
}

/// `struct inet_diag_req_v2` with the connection seen from the peer: its port is the source.
fn request(peer: SocketAddr, local: SocketAddr, state: u8) -> io::Result<[u8; REQUEST]> {
    let mut bytes = [0u8; REQUEST];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &72u32.to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &NLM_F_REQUEST.to_ne_bytes());
    let family = if peer.is_ipv4() { AF_INET } else { AF_INET6 };
    put(16, &[family, IPPROTO_TCP]);
    put(20, &(1u32 << state).to_ne_bytes());
    put(24, &peer.port().to_be_bytes());
    put(26, &local.port().to_be_bytes());
    match (peer.ip(), local.ip()) {
        (IpAddr::V4(peer), IpAddr::V4(local)) => {
            put(28, &peer.octets());
            put(44, &local.octets());
        }
        (IpAddr::V6(peer), IpAddr::V6(local)) => {
            put(28, &peer.octets());
            put(44, &local.octets());
        }
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    }
    put(64, &NO_COOKIE.to_ne_bytes());
    put(68, &NO_COOKIE.to_ne_bytes());
    Ok(bytes)
}

fn read(answer: &[u8], wanted: u8) -> io::Result<Owned> {
    let kind = answer
        .get(4..6)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u16::from_ne_bytes);
    let state = answer.get(STATE);
    let number = |at: usize| {
        let bytes = answer.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes))
    };
    match (kind, state, number(UID), number(INODE)) {
        // A socket that has been closed since belongs to nobody: the kernel would call that root.
        (Some(SOCK_DIAG_BY_FAMILY), Some(&state), Some(uid), Some(inode)) if state == wanted => {
            Ok(Owned { uid, inode })
        }
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_kernel_says_whose_connection_it_is() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                continue;
            };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, peer) = listener.accept().unwrap();
            let listens = super::listener(listener.local_addr().unwrap()).unwrap();
            assert_eq!(
                u64::from(listens.inode),
                rustix::fs::fstat(&listener).unwrap().st_ino
            );
            let own = rustix::process::getuid().as_raw();
            let found = owner(peer, server.local_addr().unwrap()).unwrap();
            assert_eq!(found.uid, own);
            assert_eq!(u64::from(found.inode), rustix::fs::fstat(&client).unwrap().st_ino);
            drop(client);
            drop(server);
            assert!(owner(peer, listener.local_addr().unwrap()).is_err());
        }
    }
}
