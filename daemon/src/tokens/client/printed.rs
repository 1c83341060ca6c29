//! What a module's process prints, on its way to our log: so much of each line, so many lines in a while, and nothing that
//! a terminal would obey. The rest is read away, for a module that cannot print may wait for that.

use std::io::BufRead;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;

use crate::legible;

/// The longest line that is kept, in bytes.
const LONGEST: usize = 1024;

/// Lines that may come at once.
const AT_ONCE: u32 = 100;

/// From one line to the next, once that many have come.
const BETWEEN: Duration = Duration::from_secs(1);

/// Until the process and what it has left behind have closed their end.
pub(super) async fn log(mut output: ChildStderr, module: String) {
    let mut lines = Lines::default();
    let mut allowance = Allowance::new(Instant::now());
    let mut buffer = vec![0; 16 * 1024];
    let mut told = |line: &[u8]| match allowance.take(Instant::now()) {
        Turn::Passes(0) => tracing::info!(module, "{}", shown(line)),
        Turn::Passes(left_out) => {
            tracing::info!(module, left_out, "what it printed before was left out");
            tracing::info!(module, "{}", shown(line));
        }
        Turn::First => tracing::warn!(module, "it prints too much: the next lines are left out"),
        Turn::LeftOut => {}
    };
    while let Ok(length @ 1..) = output.read(&mut buffer).await {
        lines.take(&buffer[..length], &mut told);
    }
    lines.end(&mut told);
    if let left_out @ 1.. = allowance.left_out {
        tracing::info!(module, left_out, "what it printed last was left out");
    }
}

/// A line as it stands in the log.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(LONGEST)]);
    let cut = if line.len() > LONGEST { "…" } else { "" };
    legible::line(text.trim_end(), LONGEST) + cut
}

/// Puts lines together: one byte more of each than is shown, so that what is left out can be marked.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    part: Vec<u8>,
}

impl Lines {
    fn take(&mut self, mut octets: &[u8], told: &mut impl FnMut(&[u8])) {
        while !octets.is_empty() {
            self.part.clear();
            // Of what is in memory already.
            let _ = octets.read_until(b'\n', &mut self.part);
            let ends = self.part.pop_if(|last| *last == b'\n').is_some();
            let room = (LONGEST + 1).saturating_sub(self.begun.len());
            self.begun
                .extend_from_slice(&self.part[..self.part.len().min(room)]);
            if ends {
                self.end(told);
            }
        }
    }

    /// The line ends here, unless there is nothing in it.
    fn end(&mut self, told: &mut impl FnMut(&[u8])) {
        if !self.begun.iter().all(u8::is_ascii_whitespace) {
            told(&self.begun);
        }
        self.begun.clear();
    }
}

/// How many lines more may come.
struct Allowance {
    lines: u32,
    /// When the last one came to it.
    since: Instant,
    left_out: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// It passes, after so many that did not.
    Passes(u64),
    /// It is the first that does not.
    First,
    LeftOut,
}

impl Allowance {
    const fn new(now: Instant) -> Self {
        Self {
            lines: AT_ONCE,
            since: now,
            left_out: 0,
        }
    }

    fn take(&mut self, now: Instant) -> Turn {
        let more = now.saturating_duration_since(self.since).as_secs() / BETWEEN.as_secs();
        if let Ok(more @ 1..) = u32::try_from(more) {
            self.lines = self.lines.saturating_add(more).min(AT_ONCE);
            self.since = now;
        }
        if self.lines > 0 {
            self.lines -= 1;
            return Turn::Passes(std::mem::take(&mut self.left_out));
        }
        self.left_out += 1;
        match self.left_out {
            1 => Turn::First,
            _ => Turn::LeftOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(portions: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        let mut told = |line: &[u8]| all.push(shown(line));
        for portion in portions {
            lines.take(portion, &mut told);
        }
        lines.end(&mut told);
        all
    }

    #[test]
    fn lines_come_whole_however_they_are_cut_and_no_longer_than_they_may() {
        assert_eq!(
            told_of(&[b"one\ntw", b"o\r\n\n  \nthr", b"ee"]),
            ["one", "two", "three"]
        );
        // A character that comes in two parts is one.
        assert_eq!(
            told_of(&["Hương".as_bytes().split_at(3).0, "Hương".as_bytes().split_at(3).1]),
            ["Hương"]
        );
        assert_eq!(told_of(&[b"\x1b[31m\xe2\x80\xaex"]), ["\u{fffd}[31m\u{fffd}x"]);
        let long = vec![b'x'; 100 * LONGEST];
        let told = told_of(&[&long, &long, b"\nnext\n"]);
        assert_eq!(told, ["x".repeat(LONGEST) + "…", "next".to_owned()]);
    }

    #[test]
    fn so_many_lines_pass_at_once_and_one_each_second_then() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        for _ in 0..AT_ONCE {
            assert_eq!(allowance.take(start), Turn::Passes(0));
        }
        assert_eq!(allowance.take(start), Turn::First);
        for _ in 0..1_000_000 {
            assert_eq!(allowance.take(start), Turn::LeftOut);
        }
        assert_eq!(allowance.take(start + BETWEEN), Turn::Passes(1_000_001));
        assert_eq!(allowance.take(start + BETWEEN), Turn::First);
        // Whoever was silent for long may say as much as at first, and no more.
        let later = start + Duration::from_secs(86_400);
        let passed = (0..1000).filter(|_| matches!(allowance.take(later), Turn::Passes(_)));
        assert_eq!(passed.count(), AT_ONCE as usize);
    }
}
