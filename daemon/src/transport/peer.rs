//! Whose socket is at the other end of a loopback connection.
//!
//! `Origin` speaks for a browser tab, not for a process: any user of this computer can connect to 127.0.0.1 and claim
//! one. The kernel knows the uid that a socket belongs to and tells it through `NETLINK_SOCK_DIAG` (sock_diag(7)): one
//! exact question by addresses and ports, where `/proc/net/tcp` would be a table of every socket to search through.

use std::io;
use std::net::{IpAddr, SocketAddr};
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
/// `inet_diag_sockid.idiag_cookie` that matches any socket.
const NO_COOKIE: u32 = u32::MAX;
/// Where `idiag_state` and `idiag_uid` lie in `struct inet_diag_msg`.
const STATE: usize = NLMSG_HEADER + 1;
const UID: usize = NLMSG_HEADER + 64;

/// The uid that owns the socket at `peer`, which is connected to our socket at `local`.
///
/// # Errors
/// When the kernel knows no such established connection, or does not answer within a second.
pub(super) fn uid(peer: SocketAddr, local: SocketAddr) -> io::Result<u32> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(1)))?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request(peer, local)?, SendFlags::empty(), &kernel)?;
    let mut answer = [0u8; 1024];
    let (length, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    read(&answer[..length])
}

/// `struct inet_diag_req_v2` with the connection seen from the peer: its port is the source.
fn request(peer: SocketAddr, local: SocketAddr) -> io::Result<[u8; REQUEST]> {
    let mut bytes = [0u8; REQUEST];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &72u32.to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &NLM_F_REQUEST.to_ne_bytes());
    let family = if peer.is_ipv4() { AF_INET } else { AF_INET6 };
    put(16, &[family, IPPROTO_TCP]);
    put(20, &(1u32 << TCP_ESTABLISHED).to_ne_bytes());
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

fn read(answer: &[u8]) -> io::Result<u32> {
    let kind = answer
        .get(4..6)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u16::from_ne_bytes);
    let state = answer.get(STATE);
    let uid = answer
        .get(UID..UID + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_ne_bytes);
    match (kind, state, uid) {
        // A socket that has been closed since belongs to nobody: the kernel would call that root.
        (Some(SOCK_DIAG_BY_FAMILY), Some(&TCP_ESTABLISHED), Some(uid)) => Ok(uid),
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
            let own = rustix::process::getuid().as_raw();
            assert_eq!(uid(peer, server.local_addr().unwrap()).unwrap(), own);
            drop(client);
            drop(server);
            assert!(uid(peer, listener.local_addr().unwrap()).is_err());
        }
    }
}
