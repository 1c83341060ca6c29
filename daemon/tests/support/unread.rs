//! What a page that does not read its replies may cost the daemon, over either road.

#![allow(clippy::print_stdout, reason = "what was measured is told with the outcome")]

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::daemon::Daemon;
use super::wakes::number;

/// In KiB: what waits to be written, a chunk of a document each.
const UNREAD: u64 = 32 * 1024;

/// Of a document, in bytes.
pub const SIZE: usize = 500_000;

/// A document that is large enough to fill the way to a page.
pub struct Document {
    pub content: Vec<u8>,
    pub sha256: String,
}

impl Document {
    pub fn new() -> Self {
        let content = vec![7; SIZE];
        let sha256 = hex::encode(Sha256::digest(&content));
        Self { content, sha256 }
    }

    /// The parameters of a request for all of it.
    pub fn download(&self) -> Value {
        json!({ "sha256": self.sha256, "offset": 0, "length": SIZE })
    }
}

/// The daemon's resident memory in KiB: now, and at the most.
pub fn resident(daemon: &Daemon) -> [u64; 2] {
    let status = format!("/proc/{}/status", daemon.pid());
    ["VmRSS:", "VmHWM:"].map(|field| {
        let size = number(status.as_ref(), field);
        assert!(size > 0, "the daemon is gone");
        size
    })
}

/// 200 MB were asked for and are not read: the daemon, which had `idle` KiB before, gets on with others, and takes nothing
/// more of this page.
pub fn costs_little_while(daemon: &Daemon, idle: u64, others_are_served: impl Fn()) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        others_are_served();
        std::thread::sleep(Duration::from_millis(50));
    }
    let [now, most] = resident(daemon);
    println!("200 MB were asked for and not read: {idle} KiB before, {now} KiB then, {most} KiB at the most");
    assert!(most < idle + UNREAD, "{idle} KiB, then {most} KiB");
}

/// Uploads by a page that does not read what becomes of them, until it has to wait.
pub fn waits_before_all_is_sent(
    daemon: &Daemon,
    page: &mut impl Write,
    mut uploads: impl Iterator<Item = Vec<u8>>,
) {
    let [idle, _] = resident(daemon);
    let mut sent = 0;
    while sent < 1 << 30 {
        let frame = uploads.next().unwrap();
        match page.write_all(&frame) {
            Ok(()) => sent += frame.len(),
            Err(_) => break,
        }
    }
    let [_, most] = resident(daemon);
    println!("{sent} bytes were sent before it had to wait: {idle} KiB before, {most} KiB at the most");
    assert!(sent < 1 << 30, "all of it was taken");
    assert!(most < idle + UNREAD, "{idle} KiB, then {most} KiB");
    assert!(daemon.answers());
}
