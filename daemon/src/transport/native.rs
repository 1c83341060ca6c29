//! The first road: the per-user socket that the extension's native host connects to.
//!
//! A socket with a name in a folder that only this user can enter. Abstract names have no owner, and a shared folder
//! would let another user be there first.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Sink, Stream};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::FlockOperation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use trien_protocol::envelope::Outgoing;
use trien_protocol::error::ErrorCode;
use trien_protocol::event::{Event, PermissionNote};
use trien_protocol::frame;
use trien_protocol::limits::{MAX_MESSAGE, MAX_NATIVE_MESSAGE};
use trien_protocol::opening::Opening;

use super::conversation::{self, DocumentBytes, Frame, Message, Party, RoadError};
use super::program::Peer;
use super::seats::Seat;
use super::{Channel, Halt, QuietLog};
use crate::jobs::{self, Context};
use crate::policy::Origin;
use crate::policy::ownership::{create_private_folder, is_private_folder};

/// Connections at once.
const MAX_CONNECTIONS: usize = 64;
/// How long the first frame may take.
const OPENING: Duration = Duration::from_secs(5);

/// How often it is looked whether the other end is still there while the person is asked.
const LOOK: Duration = Duration::from_millis(100);

/// How long a dead daemon's lock may live on in a child of it.
const INHERITED: Duration = Duration::from_secs(2);

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The session folder, which is not ours to make, is missing, another's, or open to others.
    #[error("{} must be the session folder of this user alone (mode 0700)", .0.display())]
    Session(PathBuf),
    /// The folder is a link, another's, or open to others.
    #[error("{} must be a folder of this user alone (mode 0700)", .0.display())]
    Folder(PathBuf),
    /// The folder cannot be made.
    #[error("{} cannot be made: {}", .0.display(), .1)]
    Unmade(PathBuf, #[source] io::Error),
    /// Its name is longer than a socket's may be (unix(7): 107 bytes).
    #[error("{} is too long for the name of a socket", .0.display())]
    Name(PathBuf),
    /// Another daemon of this user serves it.
    #[error("another daemon is running")]
    InUse,
    /// Of the file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The bound socket. Its name goes when this is dropped.
#[derive(Debug)]
pub struct NativeSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Held as long as the socket is served: the one daemon of this user. The kernel lets go of it whatever happens.
    _lock: std::fs::File,
}

impl NativeSocket {
    /// Makes the folder (0700) and the socket (0600). A socket that a dead daemon left is replaced. `within` is the folder
    /// that the system must have made for this user alone (XDG base directory specification): in one that others may
    /// enter, they could be there first.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(folder: &Path, path: &Path, within: Option<&Path>) -> Result<Self, BindError> {
        if let Some(within) = within
            && !is_private_folder(within).unwrap_or(false)
        {
            return Err(BindError::Session(within.to_owned()));
        }
        create_private_folder(folder).map_err(|error| BindError::Unmade(folder.to_owned(), error))?;
        if !is_private_folder(folder)? {
            return Err(BindError::Folder(folder.to_owned()));
        }
        let lock = take_lock(folder, path)?;
        // The lock is ours: whatever has this name, nobody serves it.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => BindError::Name(path.to_owned()),
            _ => error.into(),
        })?;
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Serves connections until the halt.
    pub async fn serve(self, context: Arc<Context>, halt: Halt) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let log = Arc::new(QuietLog::default());
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = halt.come() => return,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    log.note(&format!("cannot accept: {error}"));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let own = rustix::process::getuid().as_raw();
            let Some(credentials) = stream.peer_cred().ok().filter(|peer| peer.uid() == own) else {
                log.note("a connection of another user on the socket");
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                log.note("too many connections on the socket");
                continue;
            };
            let (context, halt, log) = (Arc::clone(&context), halt.clone(), Arc::clone(&log));
            tokio::spawn(async move {
                let peer = credentials.pid().map_or_else(Peer::default, Peer::with_pid);
                converse(stream, peer, context, halt, &log).await;
                drop(place);
            });
        }
    }
}

/// Becomes the one daemon of this user. A child that a daemon was just starting when it died may hold the lock for a
/// moment longer, until it becomes another program; somebody who serves the socket holds it in earnest.
fn take_lock(folder: &Path, socket: &Path) -> Result<std::fs::File, BindError> {
    let lock = std::fs::File::open(folder)?;
    let began = std::time::Instant::now();
    loop {
        match rustix::fs::flock(lock.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(lock),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(errno) => return Err(BindError::Io(errno.into())),
        }
        // Such a process has the listener, too, and connections to it begin.
        let served = std::os::unix::net::UnixStream::connect(socket).is_ok();
        if began.elapsed() > if served { INHERITED / 4 } else { INHERITED } {
            return Err(BindError::InUse);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for NativeSocket {
    fn drop(&mut self) {
        // A name that stays is replaced by the next daemon.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, peer: Peer, context: Arc<Context>, halt: Halt, log: &QuietLog) {
    let (mut reading, mut writing) = stream.into_split();
    let admitted = tokio::select! {
        admitted = open(&mut reading, &mut writing, peer, &context, log) => admitted,
        // With it goes what the person is being asked.
        () = halt.come() => return,
    };
    match admitted {
        None => {}
        Some(Ok((party, _seat))) => {
            conversation::hold(messages(reading), frames(writing), party, context, halt).await;
        }
        Some(Err(code)) => {
            if log.has_room() {
                tracing::info!(code = code.name(), "a page was refused on the socket");
            }
            let error = Outgoing::error(None, jobs::error_object(code, None));
            let text = serde_json::to_string(&error).unwrap_or_default();
            if let Ok(bytes) = frame::encode(&text) {
                // Whoever is gone already needs no answer.
                let _ = tokio::time::timeout(OPENING, writing.write_all(&bytes)).await;
            }
        }
    }
}

/// The opening, and what becomes of it; `None` if none comes.
async fn open(
    reading: &mut OwnedReadHalf,
    writing: &mut OwnedWriteHalf,
    peer: Peer,
    context: &Context,
    log: &QuietLog,
) -> Option<Result<(Party, Seat), ErrorCode>> {
    let opening = tokio::time::timeout(OPENING, read_frame(reading)).await;
    let text = opening.ok()??.ok()?;
    Some(match serde_json::from_str(&text) {
        Ok(opening) => admit(opening, peer, context, (reading, writing), log).await,
        Err(_) => Err(ErrorCode::BadRequest),
    })
}

/// A page in a frame needs a permission for itself and for the page around it. One that is not known yet is put to the
/// person, if he has just done something in it.
async fn admit(
    opening: Opening,
    peer: Peer,
    context: &Context,
    (reading, writing): (&OwnedReadHalf, &mut OwnedWriteHalf),
    log: &QuietLog,
) -> Result<(Party, Seat), ErrorCode> {
    let Opening::Extension {
        origin,
        top_origin,
        user_activation,
        extension,
    } = opening;
    tracing::debug!(
        ?origin,
        ?top_origin,
        user_activation,
        ?extension,
        "a page by the extension"
    );
    let parse = |text: &str| Origin::parse(text, context.grants.schemes()).map_err(|_| ErrorCode::NotAllowed);
    let (origin, top) = (parse(&origin)?, parse(&top_origin)?);
    // The page in the address bar pays for the frames in it: it must not use up the places of a site that it frames.
    let seat = context.seats.take(&top);
    let top = (top != origin).then_some(top);
    let companions = top.iter().cloned().collect();
    let party = Party {
        channel: Channel::Extension { origin, top, peer },
        companions,
        bytes: DocumentBytes::Base64,
        longest_reply: MAX_NATIVE_MESSAGE,
    };
    let Some(seat) = seat else {
        // That there is somebody who is busy is not said to everybody.
        return Err(match party.is_welcome(context) {
            true => ErrorCode::Busy,
            false => ErrorCode::NotAllowed,
        });
    };
    if !party.is_welcome(context) && user_activation && party.companions.is_empty() {
        introduce(&party.channel, context, (reading, writing), log).await?;
    }
    if party.is_welcome(context) {
        Ok((party, seat))
    } else {
        Err(ErrorCode::NotAllowed)
    }
}

/// Puts the page to the person, and tells the extension that it takes a while. The page goes: the window goes.
async fn introduce(
    channel: &Channel,
    context: &Context,
    (reading, writing): (&OwnedReadHalf, &mut OwnedWriteHalf),
    log: &QuietLog,
) -> Result<(), ErrorCode> {
    let now = time::OffsetDateTime::now_utc();
    let origin = channel.origin().ok_or(ErrorCode::NotAllowed)?;
    if context.grants.offers(origin, now).is_none() {
        return Err(ErrorCode::NotAllowed);
    }
    let event = Outgoing::event(Event::Permission(PermissionNote { asking: true }));
    let text = serde_json::to_string(&event).map_err(|_| ErrorCode::Internal)?;
    let bytes = frame::encode(&text).map_err(|_| ErrorCode::Internal)?;
    // Whoever does not read this will not read the rest either.
    let _ = tokio::time::timeout(OPENING, writing.write_all(&bytes)).await;
    tokio::select! {
        introduced = jobs::introduce::run(context, channel) => introduced.map_err(|error| {
            if log.has_room() {
                tracing::info!(%error, "a page was not allowed");
            }
            match error.code() {
                code @ (ErrorCode::Busy
                | ErrorCode::UserMuted
                | ErrorCode::RateLimited
                | ErrorCode::NobodyToAsk) => code,
                _ => ErrorCode::NotAllowed,
            }
        }),
        () = hung_up(reading) => Err(ErrorCode::NotAllowed),
    }
}

/// Returns when the other end has closed, whatever it sent before that nobody has read.
async fn hung_up(reading: &OwnedReadHalf) {
    let socket: &UnixStream = reading.as_ref();
    loop {
        tokio::time::sleep(LOOK).await;
        let mut polled = [PollFd::new(socket, PollFlags::RDHUP)];
        let seen = rustix::event::poll(&mut polled, Some(&Timespec::default()));
        if !matches!(seen, Ok(0)) {
            return;
        }
    }
}

/// One frame; `None` at the end.
async fn read_frame(reading: &mut OwnedReadHalf) -> Option<Result<String, RoadError>> {
    let mut head = [0u8; 4];
    match reading.read_exact(&mut head).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
        Err(_) => return Some(Err(RoadError::Gone)),
    }
    let Ok(length) = frame::check_length(head, MAX_MESSAGE) else {
        return Some(Err(RoadError::TooLarge));
    };
    let mut body = vec![0; length];
    Some(match reading.read_exact(&mut body).await {
        Ok(_) => String::from_utf8(body).map_err(|_| RoadError::Utf8),
        Err(_) => Err(RoadError::Gone),
    })
}

/// What comes, until the first thing that is no frame.
fn messages(reading: OwnedReadHalf) -> Pin<Box<dyn Stream<Item = Result<Message, RoadError>> + Send>> {
    Box::pin(futures_util::stream::unfold(Some(reading), async |state| {
        let mut reading = state?;
        let item = read_frame(&mut reading).await?;
        let rest = item.is_ok().then_some(reading);
        Some((item.map(Message::Text), rest))
    }))
}

/// What goes. Document bytes go inside the messages here.
fn frames(writing: OwnedWriteHalf) -> Pin<Box<dyn Sink<Frame, Error = io::Error> + Send>> {
    Box::pin(futures_util::sink::unfold(
        writing,
        async |mut writing: OwnedWriteHalf, frame| {
            match frame {
                Frame::Text(text) => {
                    writing
                        .write_all(&frame::encode(&text).map_err(io::Error::other)?)
                        .await?
                }
                Frame::Binary(_) => return Err(io::ErrorKind::Unsupported.into()),
                Frame::End(_) => writing.shutdown().await?,
            }
            Ok(writing)
        },
    ))
}
