//! The second road: a WebSocket (RFC 6455) on loopback, for pages without the extension.
//!
//! A handshake that is not exactly what our page library sends gets the same empty 403, whatever was wrong with it. What a
//! browser says is no handshake gets nothing, as where nobody listens.

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
use trien_protocol::envelope::Outgoing;
use trien_protocol::error::ErrorCode;
use trien_protocol::limits::MAX_MESSAGE;

use super::accept::{Refusal, claimed_origin, is_no_handshake, judge};
use super::conversation::{self, DocumentBytes, Ending, Frame, Message, Party, RoadError};
use super::head::{self, NoHead, Rewound};
use super::program::Peer;
use super::seats::Seat;
use super::{Channel, Halt, peer};
use crate::jobs::{self, Context};
use crate::policy::Origin;

/// Connections whose handshake is under way.
const MAX_HALF_OPEN: usize = 32;
/// Every refusal, byte for byte.
const REFUSAL: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// Bytes that are read at once. As many are overwritten with zeros before each look at the socket (tungstenite), most of which
/// bring a request of some hundred.
const READ_AT_ONCE: usize = 8 * 1024;
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
        let (door, halt) = (Arc::clone(self), self.halt.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = door.handshake(stream, peer, permit) => {}
                () = halt.come() => {}
            }
        });
    }

    async fn handshake(self: Arc<Self>, mut stream: TcpStream, peer: Peer, permit: OwnedSemaphorePermit) {
        let (head, bytes) = match head::read(&mut stream).await {
            Ok(read) => read,
            Err(NoHead::Refused) => return self.refuse(stream, Refusal::Head.told("")).await,
            Err(NoHead::Unanswered) => return self.log.note("a request that is no handshake"),
            Err(NoHead::Gone) => return,
        };
        if is_no_handshake(&head.headers) {
            let origin = claimed_origin(&head);
            return self
                .log
                .note(&format!("a request that is no handshake; origin {origin}"));
        }
        let judged = judge(&head, self.port, &self.context.grants, OffsetDateTime::now_utc());
        match judged {
            Ok(origin) => {
                let seat = self.context.seats.take(&origin);
                if seat.is_none() {
                    self.log
                        .note(&format!("{origin} has too many connections already"));
                }
                let guest = Guest { origin, peer, seat };
                self.switch(Rewound::new(bytes, stream), guest, permit).await;
            }
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

    async fn switch(self: Arc<Self>, connection: Rewound, guest: Guest, permit: OwnedSemaphorePermit) {
        let ticket = Arc::new(Mutex::new(Some((guest, permit))));
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
    ticket: Option<(Guest, OwnedSemaphorePermit)>,
    context: Arc<Context>,
    halt: Halt,
) -> Response<Body> {
    let (mut head, _) = request.into_parts();
    let (Ok(upgrade), Some((guest, permit))) =
        (WebSocketUpgrade::from_request_parts(&mut head, &()).await, ticket)
    else {
        return (StatusCode::FORBIDDEN, [(CONNECTION, "close")]).into_response();
    };
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_AT_ONCE)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    upgrade.on_upgrade(async move |socket| {
        let Guest { origin, peer, seat } = guest;
        let Some(_seat) = seat else {
            // Counts as half open until it is gone.
            let _ = tokio::time::timeout(FAREWELL, turn_away(socket)).await;
            return drop(permit);
        };
        drop(permit);
        let channel = Channel::WebSocket { origin, peer };
        converse(socket, channel, context, halt).await;
    })
}

/// Tells a page that has a permission why it is not served. A browser does not let it see how a handshake fails.
async fn turn_away(mut socket: WebSocket) -> Result<(), axum::Error> {
    let busy = Outgoing::error(None, jobs::error_object(ErrorCode::Busy, None));
    let text = serde_json::to_string(&busy).map_err(axum::Error::new)?;
    socket.send(WsMessage::Text(text.into())).await?;
    let end = Frame::End(Ending::Policy("too many connections of this origin"));
    socket.send(ws_message(end)).await?;
    while socket.recv().await.is_some_and(|item| item.is_ok()) {}
    Ok(())
}

async fn converse(socket: WebSocket, channel: Channel, context: Arc<Context>, halt: Halt) {
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
        channel,
        companions: Vec::new(),
        bytes: DocumentBytes::Binary,
        longest_reply: MAX_MESSAGE,
    };
    conversation::hold(Box::pin(reading), Box::pin(writing), party, context, halt).await;
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

/// A page whose handshake was right.
struct Guest {
    origin: Origin,
    peer: Peer,
    /// None if the origin has its fill.
    seat: Option<Seat>,
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
