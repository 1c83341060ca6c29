//! Frames that are not text.
//!
//! *Per-user socket*: a 32-bit little-endian length, then so many bytes of UTF-8 JSON.
//!
//! *WebSocket binary frame*: a 32-bit little-endian length, a JSON-RPC message of that length, then raw document
//! bytes to the end of the frame. The message is an `upload` request or a `download` reply without its `data` field.

use std::io::{self, Read, Write};

use crate::limits::MAX_MESSAGE;

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The announced length is zero or past the limit; nothing was allocated for it.
    #[error("a frame of {0} bytes")]
    Length(u32),
    /// The other end stopped in the middle of a frame.
    #[error("the frame ends early")]
    Truncated,
    /// The bytes are not UTF-8.
    #[error("the frame is not UTF-8")]
    Utf8,
    /// The pipe or socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads one frame of at most `limit` bytes. `None` at a clean end, between frames.
///
/// # Errors
/// [`FrameError`]; the stream cannot be used after it.
pub fn read(from: &mut impl Read, limit: usize) -> Result<Option<String>, FrameError> {
    read_in_order(from, limit, u32::from_le_bytes)
}

/// The same with a length in the byte order of this computer, as browsers have it (native messaging).
///
/// # Errors
/// As [`read`].
pub fn read_native(from: &mut impl Read, limit: usize) -> Result<Option<String>, FrameError> {
    read_in_order(from, limit, u32::from_ne_bytes)
}

fn read_in_order(
    from: &mut impl Read,
    limit: usize,
    order: fn([u8; 4]) -> u32,
) -> Result<Option<String>, FrameError> {
    let mut head = [0u8; 4];
    let mut filled = 0;
    while filled < head.len() {
        match from.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(FrameError::Truncated),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let length = checked(order(head), limit)?;
    let mut body = vec![0; length];
    from.read_exact(&mut body).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Truncated,
        _ => error.into(),
    })?;
    String::from_utf8(body).map(Some).map_err(|_| FrameError::Utf8)
}

/// Writes one frame and flushes it.
///
/// # Errors
/// [`FrameError::Length`] if the text is empty or too long, else the error of the stream.
pub fn write(to: &mut impl Write, text: &str) -> Result<(), FrameError> {
    to.write_all(&encode(text)?)?;
    Ok(to.flush()?)
}

/// The bytes of one frame.
///
/// # Errors
/// [`FrameError::Length`] if the text is empty or longer than [`MAX_MESSAGE`].
pub fn encode(text: &str) -> Result<Vec<u8>, FrameError> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let head = length.to_le_bytes();
    check_length(head, MAX_MESSAGE)?;
    Ok([&head[..], text.as_bytes()].concat())
}

/// The length a frame's first four bytes announce, if it is one that may be read.
///
/// # Errors
/// [`FrameError::Length`].
pub fn check_length(head: [u8; 4], limit: usize) -> Result<usize, FrameError> {
    checked(u32::from_le_bytes(head), limit)
}

fn checked(length: u32, limit: usize) -> Result<usize, FrameError> {
    match usize::try_from(length) {
        Ok(length) if length > 0 && length <= limit => Ok(length),
        _ => Err(FrameError::Length(length)),
    }
}

/// Splits a WebSocket binary frame into its JSON-RPC message and the document bytes.
///
/// # Errors
/// [`FrameError`] if the frame is shorter than it says or its message is not UTF-8.
pub fn split_binary(frame: &[u8]) -> Result<(&str, &[u8]), FrameError> {
    let (head, rest) = frame.split_first_chunk::<4>().ok_or(FrameError::Truncated)?;
    let length = check_length(*head, MAX_MESSAGE)?;
    let (message, bytes) = rest.split_at_checked(length).ok_or(FrameError::Truncated)?;
    Ok((std::str::from_utf8(message).map_err(|_| FrameError::Utf8)?, bytes))
}

/// Joins a JSON-RPC message and document bytes into a WebSocket binary frame.
///
/// # Errors
/// [`FrameError::Length`] if the message is empty or longer than [`MAX_MESSAGE`].
pub fn join_binary(message: &str, bytes: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut frame = encode(message)?;
    frame.extend_from_slice(bytes);
    Ok(frame)
}
