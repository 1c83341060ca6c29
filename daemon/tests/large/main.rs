//! A document of 200 MiB travels through a daemon that stays small, there and back, over both roads, and is signed on the
//! way; the shell signs and raises as much, and signs more. Memory is what the kernel says was resident at the most.
//!
//! | module | what |
//! |---|---|
//! | `pages` | what pages bring, and how much of it stays |
//! | `pdf` | PDF, in a few MiB |
//! | `cms` | CMS about a gibibyte, in a few MiB |
//! | `further` | further signatures in such a CMS |
//! | `formats` | what is held whole |
//! | `raised` | levels of what is large |
//! | `waiting` | what waits for an authority |
//! | `bombs` | what is made to take memory or time |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bombs;
mod cms;
mod formats;
mod further;
mod pages;
mod pdf;
mod raised;
#[path = "../support/mod.rs"]
mod support;
mod waiting;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The most that signing a large PDF may take above signing a small one, in KiB.
const MORE_FOR_PDF: u64 = 16 * 1024;

/// The most that any document may take, in KiB.
const MOST: u64 = 512 * 1024;

/// The largest document, in bytes.
const LARGEST: usize = 200 << 20;

fn resident(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The processor time of a program so far.
fn worked(pid: u32) -> Option<Duration> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Fields 14 and 15 of proc(5), counted behind the name, in hundredths of a second.
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields
        .get(11..13)?
        .iter()
        .map(|field| field.parse().unwrap_or(0))
        .sum();
    Some(Duration::from_millis(ticks * 10))
}

/// What a program had resident at the most, in KiB; it has to succeed.
fn peak(command: &mut Command) -> u64 {
    let (peak, _, code, said) = ran(command);
    assert_eq!(code, Some(0), "{said}");
    peak
}

/// What a program had resident at the most, in KiB, its processor time, how it ended, and what it said about errors.
fn ran(command: &mut Command) -> (u64, Duration, Option<i32>, String) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut peak, mut time) = (0, Duration::ZERO);
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(resident(child.id(), "VmHWM:").unwrap_or(0));
        time = time.max(worked(child.id()).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(peak > 0);
    (peak, time, child.wait().unwrap().code(), said)
}
