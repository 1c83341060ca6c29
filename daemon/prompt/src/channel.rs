//! The two descriptors the daemon gives us: a stream socket for JSON lines, and the writing end of the PIN pipe.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::net::{SendFlags, SocketType, sockopt};
use trien_protocol::prompt::{FromPrompt, ToPrompt};

/// One line from the daemon, in bytes: 500 documents with long names in JSON's longest escapes stay below.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// Why the daemon cannot be heard or answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Standard input is no socket or standard output no pipe: a person or a script started us.
    #[error("standard input is not a socket or standard output not a pipe")]
    NotADaemon,
    /// No message within the time there is for it.
    #[error("the daemon says nothing")]
    Silent,
    /// A line is longer than 4 MiB.
    #[error("the message is too long")]
    TooLong,
    /// A line is no message, or one that has no place here.
    #[error("the message is not understood: {0}")]
    NotUnderstood(#[from] serde_json::Error),
    /// A message that has no place in the state the question is in.
    #[error(transparent)]
    OutOfTurn(#[from] trien_protocol::prompt::OutOfTurn),
    /// The system refused.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

impl From<rustix::io::Errno> for Error {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::System(errno.into())
    }
}

/// The socket to the daemon.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: UnixStream,
}

/// The reading side of a [`Channel`].
#[derive(Debug)]
pub(crate) struct Reader {
    lines: BufReader<UnixStream>,
}

/// Takes standard input and standard output for the protocol, and leaves `/dev/null` and a copy of standard error in
/// their places, so that no library can print into the PIN pipe.
///
/// # Errors
/// [`Error::NotADaemon`] if they are not what the daemon gives; [`Error::System`] if they cannot be duplicated.
pub(crate) fn take_over() -> Result<(Channel, OwnedFd), Error> {
    let (stdin, stdout) = (rustix::stdio::stdin(), rustix::stdio::stdout());
    if sockopt::socket_type(stdin) != Ok(SocketType::STREAM) {
        return Err(Error::NotADaemon);
    }
    let kind = rustix::fs::fstat(stdout).map(|status| FileType::from_raw_mode(status.st_mode));
    if kind != Ok(FileType::Fifo) {
        return Err(Error::NotADaemon);
    }
    let socket = rustix::io::fcntl_dupfd_cloexec(stdin, 3)?;
    let pin_pipe = rustix::io::fcntl_dupfd_cloexec(stdout, 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(null)?;
    Ok((
        Channel {
            stream: UnixStream::from(socket),
        },
        pin_pipe,
    ))
}

impl Channel {
    /// The reading side; there is one.
    ///
    /// # Errors
    /// [`Error::System`] if the descriptor cannot be duplicated.
    pub(crate) fn reader(&self) -> Result<Reader, Error> {
        Ok(Reader {
            lines: BufReader::new(self.stream.try_clone()?),
        })
    }

    /// Returns when there is something to read, or the end.
    ///
    /// # Errors
    /// [`Error::Silent`] after `limit`.
    pub(crate) fn wait(&self, limit: Duration) -> Result<(), Error> {
        let mut polled = [PollFd::new(&self.stream, PollFlags::IN)];
        let limit = Timespec::try_from(limit).map_err(|_| Error::Silent)?;
        match poll(&mut polled, Some(&limit))? {
            0 => Err(Error::Silent),
            _ => Ok(()),
        }
    }

    /// Sends one message. They are short and few; the socket's buffer takes them without a wait.
    ///
    /// # Errors
    /// [`Error::System`] if the daemon is gone.
    pub(crate) fn send(&self, message: &FromPrompt) -> Result<(), Error> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            let sent = rustix::net::send(&self.stream, rest, SendFlags::NOSIGNAL)?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }
}

impl Reader {
    /// The next message; `None` when the daemon has closed its end. Blocks.
    ///
    /// # Errors
    /// [`Error::TooLong`] and [`Error::NotUnderstood`] for what no daemon of ours sends; a line cut off by the end of
    /// the stream is not understood.
    pub(crate) fn next(&mut self) -> Result<Option<ToPrompt>, Error> {
        let mut line = Vec::new();
        let read = self.lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        match read {
            0 => Ok(None),
            _ if line.ends_with(b"\n") => Ok(Some(serde_json::from_slice(&line)?)),
            _ if u64::try_from(read) == Ok(MAX_LINE) => Err(Error::TooLong),
            _ => Ok(Some(serde_json::from_slice(&line)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pair() -> (Channel, Reader, UnixStream) {
        let (ours, daemons) = UnixStream::pair().unwrap();
        let channel = Channel { stream: ours };
        let reader = channel.reader().unwrap();
        (channel, reader, daemons)
    }

    #[test]
    fn messages_come_line_by_line_and_the_end_is_none() {
        let (_channel, mut reader, mut daemon) = pair();
        daemon
            .write_all(b"{\"type\":\"pin_invalid\"}\n{\"type\":\"finish\":")
            .unwrap();
        assert!(matches!(reader.next(), Ok(Some(ToPrompt::PinInvalid))));
        drop(daemon);
        assert!(matches!(reader.next(), Err(Error::NotUnderstood(_))));
        assert!(matches!(reader.next(), Ok(None)));
    }

    #[test]
    fn unknown_fields_are_not_understood() {
        let (_channel, mut reader, mut daemon) = pair();
        daemon
            .write_all(b"{\"type\":\"pin_incorrect\",\"tries\":\"last\",\"left\":1}\n")
            .unwrap();
        assert!(matches!(reader.next(), Err(Error::NotUnderstood(_))));
    }

    #[test]
    fn a_line_without_an_end_is_refused_at_the_limit() {
        let (_channel, mut reader, mut daemon) = pair();
        let writer = std::thread::spawn(move || {
            let rubbish = vec![b'x'; 64 * 1024];
            while daemon.write_all(&rubbish).is_ok() {}
        });
        assert!(matches!(reader.next(), Err(Error::TooLong)));
        drop((reader, _channel));
        writer.join().unwrap();
    }

    #[test]
    fn silence_has_a_limit() {
        let (channel, _reader, _daemon) = pair();
        assert!(matches!(
            channel.wait(Duration::from_millis(10)),
            Err(Error::Silent)
        ));
    }

    #[test]
    fn a_message_is_one_line() {
        let (channel, _reader, daemon) = pair();
        channel.send(&FromPrompt::Shown).unwrap();
        let mut line = String::new();
        BufReader::new(daemon).read_line(&mut line).unwrap();
        assert_eq!(line, "{\"type\":\"shown\"}\n");
    }
}
