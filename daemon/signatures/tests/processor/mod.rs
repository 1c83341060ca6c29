//! How long a processor worked: what a test may bound on a machine that is busy with others.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

use std::time::Duration;

/// The work of this thread since a moment.
pub(crate) struct Work {
    before: Duration,
}

impl Work {
    /// From now on.
    pub(crate) fn begin() -> Self {
        Self { before: worked() }
    }

    /// What a processor did since, to a hundredth of a second; not that of programs that were started.
    pub(crate) fn so_far(&self) -> Duration {
        worked().saturating_sub(self.before)
    }
}

fn worked() -> Duration {
    let line = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    // utime and stime of proc(5), fields 14 and 15, counted behind the name, in hundredths of a second.
    let (_, fields) = line.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
