//! One PIN: read from a pipe as one line, in locked memory that is wiped.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use cryptoki::types::AuthPin;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zeroize::Zeroizing;

/// The longest line that is read; PKCS #11 tokens take far less.
const MAX_LINE: usize = 256;

/// How long a line may be under way. Whoever asks for a login has it in the pipe already.
const PATIENCE: Duration = Duration::from_secs(10);

/// One line of a PIN pipe, not yet judged.
pub(in crate::tokens) struct PinLine {
    /// First, so that it is let go before the memory is.
    _in_memory: Option<region::LockGuard>,
    bytes: Box<Zeroizing<[u8; MAX_LINE]>>,
    length: usize,
    too_long: bool,
}

impl fmt::Debug for PinLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinLine([redacted])")
    }
}

/// The pipe had ended, or nothing came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokens) struct NoLine;

/// A PIN as PKCS #11 takes it.
pub(super) struct Pin {
    /// First, so that it is let go before the memory is.
    _in_memory: Option<region::LockGuard>,
    secret: AuthPin,
    /// Memory is unlocked by whole pages: the line, which may share one with the PIN, stays as long as it.
    _line: PinLine,
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin([redacted])")
    }
}

impl Pin {
    pub(super) const fn secret(&self) -> &AuthPin {
        &self.secret
    }
}

impl PinLine {
    /// Reads up to the next line feed or the end of the pipe, and nothing behind it: the next try's line stays where
    /// it is. Of a line that is too long, the rest is read away.
    pub(in crate::tokens) fn read(pipe: &OwnedFd) -> Result<Self, NoLine> {
        let bytes = Box::new(Zeroizing::new([0; MAX_LINE]));
        // Locking is refused where the user's limit on locked memory is used up; the PIN is wiped all the same.
        let locked = region::lock(bytes.as_ptr(), MAX_LINE).ok();
        let mut line = Self {
            bytes,
            length: 0,
            too_long: false,
            _in_memory: locked,
        };
        let deadline = Instant::now() + PATIENCE;
        let mut started = false;
        while let Some(byte) = next_byte(pipe, deadline)? {
            started = true;
            match *byte {
                b'\n' => return Ok(line),
                _ if line.length == MAX_LINE => line.too_long = true,
                other => {
                    line.bytes[line.length] = other;
                    line.length += 1;
                }
            }
        }
        if started { Ok(line) } else { Err(NoLine) }
    }

    /// What was typed, unless the line was too long.
    pub(in crate::tokens) fn bytes(&self) -> Option<&[u8]> {
        (!self.too_long).then(|| &self.bytes[..self.length])
    }

    /// The PIN, if it has a form the token can take: not empty, UTF-8, no control characters (which is what the window
    /// takes, too), within the token's lengths in bytes.
    pub(super) fn judge(self, min: usize, max: usize) -> Option<Pin> {
        let bytes = &self.bytes[..self.length];
        if self.too_long || bytes.is_empty() || bytes.len() < min || bytes.len() > max {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        if text.contains(char::is_control) {
            return None;
        }
        // The capacity is exact, so that boxing moves no bytes and leaves no copy behind.
        let mut exact = String::with_capacity(text.len());
        exact.push_str(text);
        let locked = region::lock(exact.as_ptr(), exact.len()).ok();
        Some(Pin {
            secret: AuthPin::from(exact),
            _in_memory: locked,
            _line: self,
        })
    }
}

/// The next byte; none at the end.
fn next_byte(pipe: &OwnedFd, deadline: Instant) -> Result<Option<Zeroizing<u8>>, NoLine> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| NoLine)?;
        match poll(
            &mut [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)],
            Some(&timeout),
        ) {
            Ok(0) => return Err(NoLine),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Err(NoLine),
        }
        let mut byte = Zeroizing::new([0u8; 1]);
        match rustix::io::read(pipe, &mut *byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(Zeroizing::new(byte[0]))),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return Err(NoLine),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe_with(content: &[u8]) -> OwnedFd {
        let (reading, writing) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writing, content).unwrap();
        reading
    }

    fn taken(content: &[u8]) -> Option<String> {
        let line = PinLine::read(&pipe_with(content)).unwrap();
        assert_eq!(format!("{line:?}"), "PinLine([redacted])");
        let pin = line.judge(4, 8)?;
        assert_eq!(format!("{pin:?}"), "Pin([redacted])");
        Some(String::from_utf8(pin._line.bytes[..pin._line.length].to_vec()).unwrap())
    }

    #[test]
    fn a_line_is_one_try_and_the_next_stays_in_the_pipe() {
        let pipe = pipe_with(b"1234\n5678\n");
        assert!(PinLine::read(&pipe).unwrap().judge(4, 8).is_some());
        let second = PinLine::read(&pipe).unwrap();
        assert_eq!(&second.bytes[..second.length], b"5678");
        assert_eq!(PinLine::read(&pipe).unwrap_err(), NoLine);
    }

    #[test]
    fn the_end_of_the_pipe_ends_a_line() {
        assert_eq!(taken(b"1234").as_deref(), Some("1234"));
        assert_eq!(taken("mã1234".as_bytes()).as_deref(), Some("mã1234"));
    }

    #[test]
    fn what_cannot_be_a_pin_is_none() {
        for content in [
            &b"\n"[..],
            b"123\n",
            b"123456789\n",
            b"12\xff34\n",
            b"1234\r\n",
            b"12\0 34",
            &[b'1'; 300],
        ] {
            assert_eq!(taken(content), None, "{content:?}");
        }
        let mut long = vec![b'1'; 300];
        long.extend(b"\n4321\n");
        let pipe = pipe_with(&long);
        assert!(PinLine::read(&pipe).unwrap().judge(1, 255).is_none());
        assert!(
            PinLine::read(&pipe).unwrap().judge(1, 255).is_some(),
            "the rest of the long line is gone"
        );
    }
}
