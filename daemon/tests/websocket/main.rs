//! The second road's handshake and messages, by a plain TCP client: what our page library would never send.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bounds;
mod handshake;
mod messages;
mod permissions;
#[path = "../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use support::Desk;
use support::daemon::{Daemon, PORTAL, allow, raw};

const REFUSAL: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn portal() -> (Desk, Daemon) {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, "");
    (desk, daemon)
}

/// A good handshake; each test spoils one thing in it.
fn handshake(port: u16) -> String {
    format!(
        "GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {PORTAL}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: trien.v1\r\n\r\n"
    )
}

#[track_caller]
fn refused(daemon: &Daemon, request: &str) {
    let answer = raw(daemon.port, request.as_bytes());
    assert_eq!(
        answer,
        REFUSAL,
        "{request:?} got {:?}",
        String::from_utf8_lossy(&answer)
    );
}

/// A page by a plain TCP client after its handshake, which need not read what comes.
fn plain(daemon: &Daemon) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(handshake(daemon.port).as_bytes()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// A request as a frame, masked with zeros (RFC 6455, 5.2): a text one, or a binary one with bytes of a document.
fn framed(id: u64, method: &str, params: &serde_json::Value, bytes: Option<&[u8]>) -> Vec<u8> {
    let text = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
    let (opcode, payload) = match bytes {
        Some(bytes) => (0x82, trien_protocol::frame::join_binary(&text, bytes).unwrap()),
        None => (0x81, text.into_bytes()),
    };
    let mut frame = vec![opcode, 0xff];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
