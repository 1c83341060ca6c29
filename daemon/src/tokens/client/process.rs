//! A running worker process, and the conversation with it.

use std::collections::HashSet;
use std::io::{self, IoSlice};
use std::mem::{Discriminant, MaybeUninit};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::process::Child;

use crate::tokens::TokenError;
use crate::tokens::wire::message::{self, Incoming, MessageError};
use crate::tokens::wire::{Answer, Call, GREETING, MAX_DESCRIPTORS, Reply, Request};
use crate::vigil::{self, Vigil};

#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    socket: UnixStream,
    incoming: Incoming,
    last_id: u64,
    /// Requests whose answer took so long, the last time, that one slept meanwhile.
    slow: HashSet<Discriminant<Call>>,
    /// Which start of the process: sessions of an earlier one are gone.
    pub(super) start: u64,
}

impl Process {
    /// `socket` is our end of its standard input.
    pub(super) fn new(child: Child, socket: UnixStream, start: u64) -> Self {
        Self {
            child,
            socket,
            incoming: Incoming::default(),
            last_id: GREETING,
            slow: HashSet::new(),
            start,
        }
    }

    pub(super) async fn exchange(
        &mut self,
        call: Call,
        descriptors: Vec<OwnedFd>,
    ) -> io::Result<Result<Answer, TokenError>> {
        self.last_id += 1;
        let kind = std::mem::discriminant(&call);
        let soon = !self.slow.contains(&kind);
        let bytes = message::encode(&Request {
            id: self.last_id,
            call,
        })?;
        self.send(&bytes, &descriptors).await?;
        drop(descriptors);
        let began = Instant::now();
        let answer = self.answer(self.last_id, Vigil::begin(soon)).await;
        if began.elapsed() < vigil::LONGEST {
            self.slow.remove(&kind);
        } else {
            self.slow.insert(kind);
        }
        answer
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
        self.answer(id, Vigil::begin(false)).await
    }

    async fn answer(&mut self, id: u64, vigil: Vigil) -> io::Result<Result<Answer, TokenError>> {
        let reply: Reply = loop {
            if let Some(reply) = self.incoming.take()? {
                break reply;
            }
            let awake = vigil.goes_on();
            let read = match awake {
                // The kernel itself is asked: the runtime learns what came when it is woken.
                true => self
                    .incoming
                    .fill(|room| Ok(rustix::net::recv(&self.socket, room, RecvFlags::DONTWAIT)?.0)),
                false => self.incoming.fill(|room| self.socket.try_read(room)),
            };
            match read {
                Ok(0) => return Err(MessageError::Truncated.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && awake => {
                    tokio::task::yield_now().await;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.socket.readable().await?,
                Err(error) => return Err(error),
            }
        };
        if reply.id == id {
            Ok(reply.outcome)
        } else {
            Err(io::Error::other("an answer to something else"))
        }
    }
}

/// SIGKILL: a module that hangs would not listen to anything else.
pub(super) fn end(process: Option<Process>) {
    if let Some(mut process) = process {
        // It may have ended by itself.
        let _ = process.child.start_kill();
        tokio::spawn(async move { process.child.wait().await });
    }
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
