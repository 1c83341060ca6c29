//! The pipe that PINs come through, without a look at what is in it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

/// More than a pipe holds by itself, in bytes.
const ALL: usize = 1 << 20;

/// Empties it inside the kernel: no byte of it comes into the memory of this process.
///
/// # Errors
/// What the system says.
pub(super) fn empty(pipe: &OwnedFd) -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    loop {
        match splice(pipe, None, &nowhere, None, ALL, SpliceFlags::NONBLOCK) {
            Ok(0) | Err(Errno::AGAIN) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn what_was_typed_for_nothing_is_not_read_by_whoever_comes_next() {
        let (reading, mut typing) = io::pipe().unwrap();
        let pipe: OwnedFd = reading.into();
        empty(&pipe).unwrap();
        typing.write_all(b"111111\n222222\n").unwrap();
        empty(&pipe).unwrap();
        typing.write_all(b"123456\n").unwrap();
        drop(typing);
        let mut left = String::new();
        File::from(pipe.try_clone().unwrap())
            .read_to_string(&mut left)
            .unwrap();
        assert_eq!(left, "123456\n");
        empty(&pipe).unwrap();
    }
}
