//! Programs that go on running beside a test.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that ends, with the children it has told about, when the test is over.
pub(crate) struct Started(Child);

impl Started {
    /// Starts it; what it says goes where the test's own words go.
    pub(crate) fn program(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        match command.spawn() {
            Ok(child) => Self(child),
            Err(error) => panic!("{command:?}: {error}"),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // SIGTERM lets a master end its workers; whoever does not listen is killed.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
