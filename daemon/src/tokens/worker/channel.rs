//! The worker's end of the socket pair: messages, and the descriptors that come beside them.

use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use crate::tokens::wire::message::{self, Incoming, MessageError};
use crate::tokens::wire::{MAX_DESCRIPTORS, Reply, Request};

/// One end of the socket pair.
#[derive(Debug)]
pub(in crate::tokens) struct Channel {
    socket: UnixStream,
    incoming: Incoming,
}

impl Channel {
    /// Standard input is the socket: the daemon puts it there. From here on only this has it.
    pub(in crate::tokens) fn of_standard_input() -> io::Result<Self> {
        let socket = UnixStream::from(rustix::stdio::stdin().try_clone_to_owned()?);
        // A module that reads standard input, or writes to it, finds nothing there.
        rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
        Ok(Self {
            socket,
            incoming: Incoming::default(),
        })
    }

    /// The next request with its descriptors; none when the daemon has closed its end.
    ///
    /// # Errors
    /// Of the socket, or [`MessageError`]; nothing more can be read after it.
    pub(in crate::tokens) fn receive(&mut self) -> io::Result<Option<(Request, Vec<OwnedFd>)>> {
        let mut descriptors = Vec::new();
        loop {
            if let Some(request) = self.incoming.take()? {
                return Ok(Some((request, descriptors)));
            }
            let socket = &self.socket;
            match self.incoming.fill(|room| read(socket, room, &mut descriptors)) {
                Ok(0) if self.incoming.is_empty() => return Ok(None),
                Ok(0) => return Err(MessageError::Truncated.into()),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// # Errors
    /// Of the socket, or [`MessageError`].
    pub(in crate::tokens) fn send(&mut self, reply: &Reply) -> io::Result<()> {
        self.socket.write_all(&message::encode(reply)?)
    }
}

/// Reads what is there, and keeps the descriptors that come along; the kernel drops those past the limit.
fn read(socket: &UnixStream, room: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(room)];
    let received = rustix::net::recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            descriptors.extend(more);
        }
    }
    descriptors.truncate(MAX_DESCRIPTORS);
    Ok(received.bytes)
}
