//! The second road: a WebSocket (RFC 6455) on loopback, for pages without the extension.
//!
//! A handshake that is not exactly what our page library sends gets the same empty 403, whatever was wrong with it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message as WsMessage, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use hyper::StatusCode;
use hyper::header::CONNECTION;
use hyper_util::rt::TokioIo;
use time::OffsetDateTime;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use trien_protocol::SUBPROTOCOL;
use trien_protocol::limits::MAX_MESSAGE;

use super::accept::{Refusal, claimed_origin, judge};
use super::conversation::{self, DocumentBytes, Ending, Frame, Message, Party, RoadError};
use super::head::{self, Rewound};
use super::program::Peer;
use super::{Channel, Halt, peer};
use crate::jobs::Context;
use crate::policy::Origin;

/// Connections whose handshake is under way.
const MAX_HALF_OPEN: usize = 32;
/// Connections of one origin.
const MAX_PER_ORIGIN: usize = 8;
/// Every refusal, byte for byte.
const REFUSAL: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// How long a refused client may take to read that.
const FAREWELL: Duration = Duration::from_secs(1);

/// Takes the port on 127.0.0.1 and on `[::1]`: both or none, else a page that names `localhost` could reach another's
/// program. Where the system has no IPv6, nobody can have that half. Port 0 takes one that is free on both.
///
/// # Errors
/// Of the socket, for instance when another program has the port.
pub async fn bind(port: u16) -> io::Result<Vec<TcpListener>> {
    const ATTEMPTS: u32 = 20;
    let mut attempt = 1;
    loop {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let chosen = four.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, chosen)).await {
            Ok(six) => return Ok(vec![four, six]),
            Err(error) if no_such_family(&error) => return Ok(vec![four]),
            Err(_) if port == 0 && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The user whose program listens on that port of 127.0.0.1 or `[::1]`, if the kernel tells.
#[must_use]
pub fn holder(port: u16) -> Option<u32> {
    let addresses = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    let listens = |address| peer::listener(SocketAddr::new(address, port)).ok();
    addresses.into_iter().find_map(listens).map(|owned| owned.uid)
}

fn no_such_family(error: &io::Error) -> bool {
    let unsupported = Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == unsupported
}

/// What all connections share.
struct Doorkeeper {
    port: u16,
    context: Arc<Context>,
    halt: Halt,
    half_open: Arc<Semaphore>,
    per_origin: Arc<Mutex<HashMap<Origin, usize>>>,
    log: super::QuietLog,
}

/// Serves the listeners until the halt.
///
/// # Errors
/// When a listener has no address.
pub async fn serve(listeners: Vec<TcpListener>, context: Arc<Context>, halt: Halt) -> io::Result<()> {
    let port = listeners
        .first()
        .ok_or(io::ErrorKind::InvalidInput)?
        .local_addr()?
        .port();
    let door = Arc::new(Doorkeeper {
        port,
        context,
        halt: halt.clone(),
        half_open: Arc::new(Semaphore::new(MAX_HALF_OPEN)),
        per_origin: Arc::default(),
        log: super::QuietLog::default(),
    });
    let loops = listeners
        .into_iter()
        .map(|listener| Arc::clone(&door).accept_all(listener));
    tokio::select! {
        _ = futures_util::future::join_all(loops) => {}
        () = halt.come() => {}
    }
    Ok(())
}

impl Doorkeeper {
    async fn accept_all(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) => {
                    // Out of file descriptors, for instance: let some be closed first.
                    self.log.note(&format!("cannot accept: {error}"));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Whoever is not a process of this user on this computer gets not even a refusal.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        // Messages are small and follow one another: the kernel must not keep one back until the one before is acknowledged.
        if let Err(error) = stream.set_nodelay(true) {
            self.log.note(&format!("TCP_NODELAY: {error}"));
        }
        if !is_loopback(peer.ip()) || !is_loopback(local.ip()) {
            return self.log.note("a peer that is not loopback");
        }
        let peer = match peer::owner(peer, local) {
            Ok(owned) if owned.uid == rustix::process::getuid().as_raw() => {
                Peer::with_socket(owned.inode.into())
            }
            Ok(owned) => return self.log.note(&format!("a connection of uid {}", owned.uid)),
            Err(error) => {
                return self
                    .log
                    .note(&format!("a connection whose uid is unknown: {error}"));
            }
        };
        let Ok(permit) = Arc::clone(&self.half_open).try_acquire_owned() else {
            return self.log.note("too many handshakes at once");
        };
        let door = Arc::clone(self);
        tokio::spawn(async move { door.handshake(stream, peer, permit).await });
    }

    async fn handshake(self: Arc<Self>, mut stream: TcpStream, peer: Peer, permit: OwnedSemaphorePermit) {
        let (head, bytes) = match head::read(&mut stream).await {
            Ok(read) => read,
            Err(true) => return self.refuse(stream, Refusal::Head.told("")).await,
            Err(false) => return,
        };
        let judged = judge(&head, self.port, &self.context.grants, OffsetDateTime::now_utc());
        let seat = judged.and_then(|origin| self.seat(origin, peer).ok_or(Refusal::TooMany));
        match seat {
            Ok(seat) => self.switch(Rewound::new(bytes, stream), seat, permit).await,
            Err(refusal) => self.refuse(stream, refusal.told(&claimed_origin(&head))).await,
        }
    }

    /// Only the log says why: for the developer of a page that was meant to be let in.
    async fn refuse(&self, mut stream: TcpStream, why: String) {
        self.log.note(&format!("a handshake: {why}"));
        let farewell = async {
            stream.write_all(REFUSAL).await?;
            stream.shutdown().await?;
            // What was sent and not read would turn the refusal into a reset.
            let mut rest = [0u8; 4096];
            while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        // A client that does not take its refusal goes without.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    /// A place among the origin's connections.
    fn seat(&self, origin: Origin, peer: Peer) -> Option<Seat> {
        let mut taken = self.per_origin.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(origin.clone()).or_default();
        (*count < MAX_PER_ORIGIN).then(|| {
            *count += 1;
            Seat {
                origin,
                peer,
                taken: Arc::clone(&self.per_origin),
            }
        })
    }

    async fn switch(self: Arc<Self>, connection: Rewound, seat: Seat, permit: OwnedSemaphorePermit) {
        let ticket = Arc::new(Mutex::new(Some((seat, permit))));
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let ticket = ticket.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (context, halt) = (Arc::clone(&self.context), self.halt.clone());
            async move { Ok::<_, std::convert::Infallible>(upgrade(request, ticket, context, halt).await) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        let http = http.auto_date_header(false).max_buf_size(16 * 1024);
        if let Err(error) = http
            .serve_connection(TokioIo::new(connection), service)
            .with_upgrades()
            .await
        {
            tracing::debug!(%error, "the handshake broke off");
        }
    }
}

/// Switches the protocol. The handshake has been judged; axum only carries it out, without extensions.
async fn upgrade(
    request: hyper::Request<hyper::body::Incoming>,
    ticket: Option<(Seat, OwnedSemaphorePermit)>,
    context: Arc<Context>,
    halt: Halt,
) -> Response<Body> {
    let (mut head, _) = request.into_parts();
    let (Ok(upgrade), Some((seat, permit))) =
        (WebSocketUpgrade::from_request_parts(&mut head, &()).await, ticket)
    else {
        return (StatusCode::FORBIDDEN, [(CONNECTION, "close")]).into_response();
    };
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    upgrade.on_upgrade(async move |socket| {
        drop(permit);
        converse(socket, seat, context, halt).await;
    })
}

async fn converse(socket: WebSocket, seat: Seat, context: Arc<Context>, halt: Halt) {
    let (writing, reading) = socket.split();
    let reading = reading.filter_map(async |item| match item {
        Ok(WsMessage::Text(text)) => Some(Ok(Message::Text(text.as_str().to_owned()))),
        Ok(WsMessage::Binary(bytes)) => Some(Ok(Message::Binary(bytes.to_vec()))),
        // After a close the stream is read to its end, so that the answering close goes out.
        Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Close(_)) => None,
        Err(error) => Some(Err(road_error(error))),
    });
    let writing = writing.with(async |frame| Ok::<_, axum::Error>(ws_message(frame)));
    let party = Party {
        channel: Channel::WebSocket {
            origin: seat.origin.clone(),
            peer: seat.peer.clone(),
        },
        companions: Vec::new(),
        bytes: DocumentBytes::Binary,
        longest_reply: MAX_MESSAGE,
    };
    conversation::hold(Box::pin(reading), Box::pin(writing), party, context, halt).await;
    drop(seat);
}

fn ws_message(frame: Frame) -> WsMessage {
    match frame {
        Frame::Text(text) => WsMessage::Text(text.into()),
        Frame::Binary(bytes) => WsMessage::Binary(bytes.into()),
        Frame::End(ending) => WsMessage::Close(Some(CloseFrame {
            code: close_code(ending),
            reason: match ending {
                Ending::Policy(why) => why.into(),
                Ending::Unwelcome => "the origin has no permission any more".into(),
                _ => "".into(),
            },
        })),
    }
}

/// RFC 6455, section 7.4.1.
fn close_code(ending: Ending) -> u16 {
    match ending {
        Ending::Gone => 1000,
        Ending::Halt => 1001,
        Ending::Protocol => 1002,
        Ending::Utf8 => 1007,
        Ending::Policy(_) | Ending::Unwelcome => 1008,
        Ending::TooLarge => 1009,
    }
}

fn road_error(error: axum::Error) -> RoadError {
    use tungstenite::Error;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => RoadError::TooLarge,
        Some(Error::Utf8(_)) => RoadError::Utf8,
        Some(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
            RoadError::Gone
        }
        Some(Error::Protocol(_)) => RoadError::Protocol,
        _ => RoadError::Gone,
    }
}

/// One of an origin's places; given back when dropped.
struct Seat {
    origin: Origin,
    peer: Peer,
    taken: Arc<Mutex<HashMap<Origin, usize>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.origin);
            }
        }
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
