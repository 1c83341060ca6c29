//! The head of an HTTP request, bounded in size, count and time, and read before anything is answered.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::accept::is_no_handshake;

/// Bytes of a request head.
const MAX_HEAD: usize = 8 * 1024;
/// Header fields of a request head.
const MAX_HEADERS: usize = 64;
/// How long a head may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A well-formed request head (RFC 9112, sections 2 and 3), as it came.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    /// `HTTP/1.1`, not `HTTP/1.0`.
    pub(super) version_1_1: bool,
    pub(super) headers: HeaderMap,
}

/// Why there is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHead {
    /// It can be told that it is refused.
    Refused,
    /// It gets no answer: it may be a page that fetches, whose address fills the whole head or which sends a body.
    Unanswered,
    /// The other end is gone.
    Gone,
}

/// Reads a head. The bytes come with it, for who speaks HTTP further: see [`Rewound`].
///
/// # Errors
/// [`NoHead`].
pub(super) async fn read(stream: &mut TcpStream) -> Result<(Head, Vec<u8>), NoHead> {
    let mut bytes = Vec::with_capacity(1024);
    match tokio::time::timeout(PATIENCE, fill(stream, &mut bytes)).await {
        Ok(Ok(Ok(head))) => Ok((head, bytes)),
        Ok(Ok(Err(why))) => Err(why),
        Err(_) => Err(NoHead::Refused),
        Ok(Err(_)) => Err(NoHead::Gone),
    }
}

/// Reads up to the empty line, if what comes is the head of one HTTP/1 request.
async fn fill(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Result<Head, NoHead>> {
    loop {
        let room = MAX_HEAD - bytes.len();
        if room == 0 {
            return Ok(Err(NoHead::Unanswered));
        }
        if stream.take(room as u64).read_buf(bytes).await? == 0 {
            return Ok(Err(NoHead::Refused));
        }
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(bytes) {
            Ok(httparse::Status::Partial) => {}
            // A client that speaks on before it was answered has a body, or something worse.
            Ok(httparse::Status::Complete(length)) => {
                return Ok(match Head::of(&request) {
                    Some(head) if length == bytes.len() => Ok(head),
                    Some(head) if is_no_handshake(&head.headers) => Err(NoHead::Unanswered),
                    _ => Err(NoHead::Refused),
                });
            }
            Err(_) => return Ok(Err(NoHead::Refused)),
        }
    }
}

impl Head {
    fn of(request: &httparse::Request<'_, '_>) -> Option<Self> {
        let mut headers = HeaderMap::new();
        for field in request.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
        }
        Some(Self {
            method: request.method?.to_owned(),
            target: request.path?.to_owned(),
            version_1_1: request.version == Some(1),
            headers,
        })
    }
}

/// A connection from which the head is read once more.
pub(super) struct Rewound {
    head: Vec<u8>,
    given: usize,
    stream: TcpStream,
}

impl Rewound {
    pub(super) fn new(head: Vec<u8>, stream: TcpStream) -> Self {
        Self {
            head,
            given: 0,
            stream,
        }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.head[self.given..];
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..count]);
        self.given += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
