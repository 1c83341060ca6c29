//! Frames of the per-user socket and of the WebSocket.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_protocol::frame;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some(text)) = frame::read(&mut rest, 4096) {
        let again = frame::encode(&text).expect("what was read can be written");
        assert!(bytes.windows(again.len()).any(|window| window == again));
    }
    if let Ok((message, body)) = frame::split_binary(bytes) {
        assert_eq!(frame::join_binary(message, body).expect("what was split can be joined"), bytes);
    }
});
