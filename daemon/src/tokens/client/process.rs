//! A running worker process, and the conversation with it.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::signal::unix::{self, SignalKind};
use tokio::time::timeout;

use crate::timing::{self, Part};
use crate::tokens::TokenError;
use crate::tokens::wire::message::{self, Incoming, MessageError};
use crate::tokens::wire::{Answer, Call, GREETING, LAST_WORD, MAX_DESCRIPTORS, Reply, Request};

/// How long a process may take to say its last word: at once, unless the computer is busy.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a process may take to let go of its device and end.
const LEAVE: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// It leads a group of its own: what a module has started ends with it.
    group: Pid,
    /// SIGCHLD. Its end is not waited for by its number: once that is done the number, which is its group's as well, may be
    /// another's, and the group is yet to be ended.
    ends: unix::Signal,
    socket: UnixStream,
    incoming: Incoming,
    last_id: u64,
    /// The reader of a card of which the module said at a login or a signature what may mean that the card went: before the
    /// reader has said how it stands, nothing more is asked of the module.
    pub(super) doubt: Option<String>,
    /// Which start of the process: sessions of an earlier one are gone.
    pub(super) start: u64,
}

impl Process {
    /// `socket` is our end of its standard input.
    ///
    /// # Errors
    /// If it has ended and been waited for, or its end cannot be heard of.
    pub(super) fn new(child: Child, socket: UnixStream, start: u64) -> io::Result<Self> {
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self {
            child,
            group: group.ok_or(io::ErrorKind::NotFound)?,
            ends: unix::signal(SignalKind::child())?,
            socket,
            incoming: Incoming::default(),
            last_id: GREETING,
            doubt: None,
            start,
        })
    }

    /// True if it has ended by itself. What it may have left of its own has then, too.
    pub(super) fn has_ended(&mut self) -> bool {
        let ended = !lives(self.group);
        if ended {
            self.end_group();
            let _ = self.child.try_wait();
        }
        ended
    }

    /// SIGKILL to what is left of its group, before the process itself is waited for.
    fn end_group(&self) {
        // There may be nobody any more.
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    pub(super) async fn exchange(
        &mut self,
        call: Call,
        descriptors: Vec<OwnedFd>,
    ) -> io::Result<Result<Answer, TokenError>> {
        self.last_id += 1;
        let part = part(&call);
        let bytes = message::encode(&Request {
            id: self.last_id,
            call,
        })?;
        self.send(&bytes, &descriptors).await?;
        drop(descriptors);
        let reply = self.answer(self.last_id).await?;
        if let Some(part) = part {
            timing::spent(part, Duration::from_micros(reply.took_us));
        }
        Ok(reply.outcome)
    }

    /// Descriptors travel with the first bytes.
    async fn send(&mut self, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
        let mut sent = 0;
        if !descriptors.is_empty() {
            let socket = &self.socket;
            sent = socket
                .async_io(Interest::WRITABLE, || send_with(socket, bytes, descriptors))
                .await?;
        }
        self.socket.write_all(&bytes[sent..]).await
    }

    /// The answer of that number; another one means that the two ends no longer speak of the same thing.
    pub(super) async fn receive(&mut self, id: u64) -> io::Result<Result<Answer, TokenError>> {
        Ok(self.answer(id).await?.outcome)
    }

    async fn answer(&mut self, id: u64) -> io::Result<Reply> {
        let reply = tokio::select! {
            // What it said before its end counts.
            biased;
            reply = reply(&self.socket, &mut self.incoming) => reply?,
            // A child that the module has left behind holds the other end of the socket open.
            () = ended(self.group, &mut self.ends) => return Err(MessageError::Truncated.into()),
        };
        if reply.id == id {
            Ok(reply)
        } else {
            Err(io::Error::other("an answer to something else"))
        }
    }
}

/// A child of ours that has not ended. One that has is not waited for by this.
fn lives(child: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(child), look), Ok(None))
}

/// The end of a child, which `ends` tells of.
async fn ended(child: Pid, ends: &mut unix::Signal) {
    while lives(child) {
        ends.recv().await;
    }
}

/// What a signature spends in a call; none of those beside it.
const fn part(call: &Call) -> Option<Part> {
    match call {
        Call::Pin { .. } | Call::Open { .. } => Some(Part::Opening),
        Call::Login { .. } => Some(Part::Login),
        Call::Sign { .. } => Some(Part::Signing),
        _ => None,
    }
}

/// The next message.
async fn reply(socket: &UnixStream, incoming: &mut Incoming) -> io::Result<Reply> {
    loop {
        if let Some(reply) = incoming.take()? {
            return Ok(reply);
        }
        match incoming.fill(|room| socket.try_read(room)) {
            Ok(0) => return Err(MessageError::Truncated.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.readable().await?,
            Err(error) => return Err(error),
        }
    }
}

/// Whether a process that has not answered may be waiting for a card, by its own word: it has a connection to the smart card
/// service. None if it says nothing of that. Nothing more can be asked of it.
pub(super) async fn may_await_a_card(process: &mut Process) -> Option<bool> {
    rustix::net::shutdown(&process.socket, Shutdown::Write).ok()?;
    let word = async {
        loop {
            let said = reply(&process.socket, &mut process.incoming).await.ok()?;
            // An answer that comes too late after all stands before it.
            match said.outcome {
                Err(TokenError::Held { .. }) if said.id == LAST_WORD => return Some(true),
                Err(TokenError::Hung { .. }) if said.id == LAST_WORD => return Some(false),
                _ => {}
            }
        }
    };
    timeout(LAST_WORDS, word).await.ok().flatten()
}

/// SIGKILL, to all that it has started as well: a module that hangs would not listen to anything else.
pub(super) fn end(process: Option<Process>) {
    if let Some(mut process) = process {
        process.end_group();
        // It may have ended by itself.
        let _ = process.child.start_kill();
        tokio::spawn(async move { process.child.wait().await });
    }
}

/// The end of the conversation: the process logs out, has the module let go of the device, and ends. One that hangs over
/// that is ended by its own watch, and here, as is what it may have left.
pub(super) async fn dismiss(process: Option<Process>) {
    let Some(mut process) = process else { return };
    if rustix::net::shutdown(&process.socket, Shutdown::Both).is_ok() {
        let _ = timeout(LEAVE, ended(process.group, &mut process.ends)).await;
    }
    end(Some(process));
}

fn send_with(socket: &UnixStream, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<usize> {
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::other("too many descriptors"));
    }
    Ok(rustix::net::sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?)
}
