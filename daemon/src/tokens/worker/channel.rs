//! The worker's end of the socket pair: frames, and the descriptors that come beside them.

use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use trien_protocol::frame::{self, FrameError};
use trien_protocol::limits::MAX_MESSAGE;

use crate::tokens::wire::{MAX_DESCRIPTORS, Reply, Request};

/// One end of the socket pair.
#[derive(Debug)]
pub(in crate::tokens) struct Channel {
    socket: UnixStream,
    descriptors: Vec<OwnedFd>,
}

impl Channel {
    /// Standard input is the socket: the daemon puts it there. From here on only this has it.
    pub(in crate::tokens) fn of_standard_input() -> io::Result<Self> {
        let socket = UnixStream::from(rustix::stdio::stdin().try_clone_to_owned()?);
        // A module that reads standard input, or writes to it, finds nothing there.
        rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
        Ok(Self {
            socket,
            descriptors: Vec::new(),
        })
    }

    /// The next request with its descriptors; none when the daemon has closed its end.
    pub(in crate::tokens) fn receive(&mut self) -> Result<Option<(Request, Vec<OwnedFd>)>, FrameError> {
        self.descriptors.clear();
        let Some(text) = frame::read(self, MAX_MESSAGE)? else {
            return Ok(None);
        };
        let request = serde_json::from_str(&text).map_err(|error| FrameError::Io(error.into()))?;
        Ok(Some((request, std::mem::take(&mut self.descriptors))))
    }

    pub(in crate::tokens) fn send(&mut self, reply: &Reply) -> Result<(), FrameError> {
        let text = serde_json::to_string(reply).map_err(|error| FrameError::Io(error.into()))?;
        Ok(self.socket.write_all(&frame::encode(&text)?)?)
    }
}

impl Read for Channel {
    /// Reads like any stream, and keeps the descriptors that come along; the kernel drops those past the limit.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(buffer)];
        let received =
            rustix::net::recvmsg(&self.socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        self.descriptors.truncate(MAX_DESCRIPTORS);
        Ok(received.bytes)
    }
}
