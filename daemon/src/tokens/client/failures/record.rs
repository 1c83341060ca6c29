//! The failures of a module, written down for all programs of this user.
//!
//! One line each: in which run of the computer, and how many seconds after its start. The time of day has no part in it, so
//! that a clock that is set, back or on, changes nothing; the time that the computer sleeps counts. What is no such line
//! counts for nothing.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::time::{ClockId, clock_gettime};

use super::{FAILURE_WINDOW, MAX_FAILURES};

/// More than is ever written, in bytes.
const MAX_FILE: u64 = 1024;

/// What tells one run of the computer from another.
const RUN: &str = "/proc/sys/kernel/random/boot_id";

/// A moment that every program of this computer understands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Moment {
    run: String,
    /// Since its start, in seconds.
    at: u64,
}

impl Moment {
    fn now() -> io::Result<Self> {
        let at = u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).map_err(io::Error::other)?;
        let run = std::fs::read_to_string(RUN)?.trim().to_owned();
        Ok(Self { run, at })
    }

    fn read(line: &str) -> Option<Self> {
        let (run, at) = line.split_once(' ')?;
        Some(Self {
            run: run.to_owned(),
            at: at.parse().ok()?,
        })
    }

    /// It was so short a time before `now` that it counts.
    fn counts(&self, now: &Self) -> bool {
        let ago = now.at.checked_sub(self.at);
        self.run == now.run && ago.is_some_and(|ago| ago < FAILURE_WINDOW.as_secs())
    }
}

/// No module is called so: there is no full stop in their names.
fn file_of(folder: &Path, module: &str) -> PathBuf {
    folder.join(format!("{module}.failures"))
}

/// Writes down that the module failed now. True if that makes it too often: then the count begins anew, for whoever switches
/// it on again.
///
/// # Errors
/// Of the file system: nothing may be written down then.
pub(super) fn count(folder: &Path, module: &str) -> io::Result<bool> {
    let now = Moment::now()?;
    std::fs::create_dir_all(folder)?;
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(file_of(folder, module))?;
    // Whoever has it only reads and writes these lines. It ends with the file.
    flock(&file, FlockOperation::LockExclusive)?;
    let mut written = Vec::new();
    (&file).take(MAX_FILE).read_to_end(&mut written)?;
    let written = String::from_utf8_lossy(&written);
    let mut failures: Vec<_> = written.lines().filter_map(Moment::read).collect();
    failures.retain(|failure| failure.counts(&now));
    failures.push(now);
    let too_often = failures.len() >= MAX_FAILURES;
    if too_often {
        failures.clear();
    }
    let lines: String = failures
        .iter()
        .map(|failure| format!("{} {}\n", failure.run, failure.at))
        .collect();
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(lines.as_bytes())?;
    Ok(too_often)
}

/// Takes away the file that says that a module is switched off, and forgets what was written down of it.
///
/// # Errors
/// Of the file system.
pub(crate) fn switch_on(folder: &Path, module: &str) -> io::Result<()> {
    for file in [folder.join(module), file_of(folder, module)] {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the last of failures at these moments is one too many, with what else stands in the file.
    fn is_too_often(before: &str) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(file_of(folder.path(), "m"), before).expect("a file");
        count(folder.path(), "m").expect("counted")
    }

    #[test]
    fn what_counts_is_of_this_run_of_the_computer_and_of_the_last_ten_minutes() {
        let Moment { run, at } = Moment::now().expect("now");
        let lines = |moments: [u64; 2]| moments.map(|at| format!("{run} {at}\n")).concat();
        assert!(is_too_often(&lines([at, at])));
        assert!(
            !is_too_often(&lines([at, at + 3600])),
            "nothing fails in time to come"
        );
        assert!(!is_too_often(&lines([at, at.wrapping_sub(601)])));
        assert!(!is_too_often(&lines([at, at]).replace(&run, "another")));
        assert!(!is_too_often("no line of these\n\0\n - \n"));
        assert!(!is_too_often(&"9".repeat(100_000)));
        assert!(is_too_often(&format!("x\n{}", lines([at, at]))));
    }

    #[test]
    fn after_too_many_the_count_begins_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let counted = [0; 7].map(|_| count(folder.path(), "m").expect("counted"));
        assert_eq!(counted, [false, false, true, false, false, true, false]);
        count(folder.path(), "m").expect("counted");
        switch_on(folder.path(), "m").expect("forgotten");
        switch_on(folder.path(), "m").expect("there is nothing any more");
        assert_eq!(
            [0; 2].map(|_| count(folder.path(), "m").expect("counted")),
            [false; 2]
        );
    }
}
