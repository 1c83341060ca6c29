//! A native host that sends every message back: what native messaging itself costs, for `tests/bench/native.mjs`.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};

/// Chromium's own limit for messages to a host.
const LONGEST: usize = 64 * 1024 * 1024;

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut head = [0u8; 4];
        match input.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let length = u32::from_ne_bytes(head) as usize;
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; 4 + length];
        message[..4].copy_from_slice(&head);
        input.read_exact(&mut message[4..])?;
        output.write_all(&message)?;
        output.flush()?;
    }
}
