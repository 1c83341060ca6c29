//! A connection that a signal does not end.

use std::io::{self, ErrorKind, Read, Write};

/// With a time limit on a socket the system takes up no call again that a signal has interrupted (signal(7)), and a test
/// with processes of its own gets one at the end of each.
pub struct Resumed<S>(pub S);

fn resumed<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            ended => return ended,
        }
    }
}

impl<S: Read> Read for Resumed<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        resumed(|| self.0.read(into))
    }
}

impl<S: Write> Write for Resumed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        resumed(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        resumed(|| self.0.flush())
    }
}
