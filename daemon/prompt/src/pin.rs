//! What can be a PIN, and its way into the pipe.

use std::io;
use std::os::fd::OwnedFd;

use trien_protocol::prompt::Doubt;
use zeroize::{Zeroize, Zeroizing};

/// No PIN is longer than this, whatever a token says (bytes of UTF-8); the worker's line has the same limit.
const LONGEST: u32 = 255;

/// A PIN as it was typed. Wiped when dropped; can neither be shown nor copied.
pub(crate) struct Pin {
    // Reserved to its full size before the first byte comes, so that it never grows and leaves a copy behind.
    bytes: Zeroizing<Vec<u8>>,
}

/// Why what was typed cannot be a PIN. Nothing leaves the window then, and no try is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Nothing was typed.
    Empty,
    /// Shorter than the token takes.
    TooShort {
        /// The shortest, in bytes.
        min: u32,
    },
    /// Longer than the token takes.
    TooLong {
        /// The longest, in bytes.
        max: u32,
    },
    /// A control character: something was pasted that is no PIN.
    Control,
}

impl Pin {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1)),
        }
    }

    /// Puts in what was typed before the character at `position`; all of it or, if it does not fit, nothing.
    ///
    /// # Errors
    /// [`Unfit::TooLong`] past 255 bytes.
    pub(crate) fn insert(&mut self, position: usize, typed: &str) -> Result<(), Unfit> {
        if self.bytes.len() + typed.len() > LONGEST as usize {
            return Err(Unfit::TooLong { max: LONGEST });
        }
        let start = self.offset(position);
        self.bytes.extend_from_slice(typed.as_bytes());
        self.bytes[start..].rotate_right(typed.len());
        Ok(())
    }

    /// Takes out the characters from position `from` to before `to`.
    pub(crate) fn remove(&mut self, from: usize, to: usize) {
        let (start, end) = (self.offset(from), self.offset(to));
        if start < end {
            self.bytes[start..].rotate_left(end - start);
            let left = self.bytes.len() - (end - start);
            self.bytes[left..].zeroize();
            self.bytes.truncate(left);
        }
    }

    /// Takes out all of it, and leaves it empty.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new())
    }

    /// Where the character at that position begins: a byte that continues none (UTF-8, RFC 3629). At the end past them.
    fn offset(&self, position: usize) -> usize {
        let begins = |byte: &u8| byte & 0xC0 != 0x80;
        let mut starts = self.bytes.iter().enumerate().filter(|(_, byte)| begins(byte));
        starts
            .nth(position)
            .map_or(self.bytes.len(), |(offset, _)| offset)
    }

    /// Holds it against the token's bounds (bytes of UTF-8, `CK_TOKEN_INFO` of PKCS #11). Space at either end is kept:
    /// it may be part of the PIN, and only the token knows.
    ///
    /// # Errors
    /// The first reason why it cannot be one.
    pub(crate) fn check(&self, min: u32, max: u32) -> Result<(), Unfit> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        // A token that says 0 does not tell; PKCS #11 modules do that.
        let max = if max == 0 { LONGEST } else { max.min(LONGEST) };
        if length == 0 {
            Err(Unfit::Empty)
        } else if self.has_control() {
            Err(Unfit::Control)
        } else if length < min {
            Err(Unfit::TooShort { min })
        } else if length > max {
            Err(Unfit::TooLong { max })
        } else {
            Ok(())
        }
    }

    /// What is doubtful about one that fits.
    pub(crate) fn doubt(&self) -> Option<Doubt> {
        Doubt::about(&self.bytes)
    }

    /// C0, DEL, or C1 (U+0080–U+009F, in UTF-8 `C2 80`–`C2 9F`).
    fn has_control(&self) -> bool {
        self.bytes.iter().any(|byte| byte.is_ascii_control())
            || self
                .bytes
                .windows(2)
                .any(|pair| matches!(pair, [0xC2, 0x80..=0x9F]))
    }

    /// Writes it and a line feed into the pipe, and is gone.
    ///
    /// # Errors
    /// If the worker's end is closed.
    pub(crate) fn write(mut self, pipe: &OwnedFd) -> io::Result<()> {
        self.bytes.push(b'\n');
        let mut rest = self.bytes.as_slice();
        while !rest.is_empty() {
            let written = rustix::io::write(pipe, rest)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str) -> Pin {
        let mut pin = Pin::new();
        pin.insert(0, text).unwrap();
        pin
    }

    #[test]
    fn is_edited_by_characters() {
        let mut typed = pin("mật khẩu");
        typed.insert(3, "ộ🔑").unwrap();
        assert_eq!(&*typed.bytes, "mậtộ🔑 khẩu".as_bytes());
        typed.remove(1, 4);
        assert_eq!(&*typed.bytes, "m🔑 khẩu".as_bytes());
        typed.remove(2, 1);
        typed.remove(6, 99);
        typed.insert(99, "!").unwrap();
        assert_eq!(&*typed.bytes, "m🔑 khẩ!".as_bytes());
        assert_eq!(&*typed.take().bytes, "m🔑 khẩ!".as_bytes());
        assert_eq!(typed.check(0, 0), Err(Unfit::Empty));
    }

    #[test]
    fn bounds_count_bytes() {
        assert_eq!(pin("").check(0, 8), Err(Unfit::Empty));
        assert_eq!(pin("123").check(4, 8), Err(Unfit::TooShort { min: 4 }));
        assert_eq!(pin("1234").check(4, 8), Ok(()));
        assert_eq!(pin("12345678").check(4, 8), Ok(()));
        assert_eq!(pin("123456789").check(4, 8), Err(Unfit::TooLong { max: 8 }));
        assert_eq!(pin("ộộộ").check(4, 8), Err(Unfit::TooLong { max: 8 }));
        assert_eq!(pin("🔑").check(4, 8), Ok(()));
        assert_eq!(pin("1234").check(0, 0), Ok(()));
    }

    #[test]
    fn control_characters_are_no_pin() {
        for text in [
            "1234\n5678",
            "12\u{0}34",
            "1234\r",
            "12\t34",
            "1234\u{7f}",
            "12\u{85}34",
        ] {
            assert_eq!(pin(text).check(4, 16), Err(Unfit::Control), "{text:?}");
        }
        assert_eq!(pin(" 1234 ").check(4, 16), Ok(()));
        assert_eq!(pin("mật khẩu").check(4, 16), Ok(()));
    }

    #[test]
    fn what_may_not_be_meant_is_doubted() {
        for text in [" 1234", "1234 ", " mật khẩu"] {
            assert_eq!(pin(text).doubt(), Some(Doubt::Space), "{text:?}");
        }
        for text in ["mật khẩu", "1234🔑", "12\u{a0}34"] {
            assert_eq!(pin(text).doubt(), Some(Doubt::Letters), "{text:?}");
        }
        for text in ["1234", "mat khau", "~!@#$%^&*()"] {
            assert_eq!(pin(text).doubt(), None, "{text:?}");
        }
    }

    #[test]
    fn longer_than_any_is_refused_without_growing() {
        let mut long = pin(&"1".repeat(255));
        let capacity = long.bytes.capacity();
        assert_eq!(long.insert(7, "1"), Err(Unfit::TooLong { max: 255 }));
        long.bytes.push(b'\n');
        assert_eq!(long.bytes.capacity(), capacity);
    }

    #[test]
    fn arrives_as_one_line() {
        let (reader, writer) = std::io::pipe().unwrap();
        pin("mật khẩu").write(&writer.into()).unwrap();
        assert_eq!(std::io::read_to_string(reader).unwrap(), "mật khẩu\n");
    }

    #[test]
    fn a_closed_pipe_is_an_error() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert!(pin("1234").write(&writer.into()).is_err());
    }
}
