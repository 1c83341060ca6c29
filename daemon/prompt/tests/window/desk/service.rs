//! A service of the desktop that a test orders about: a script in Python, which says a line for each that it hears.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// It goes with this.
pub(super) struct Service {
    process: Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Service {
    /// Starts a script beside the tests, and waits until it is ready.
    pub(super) fn start<'a>(
        script: &str,
        word: &str,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let script = format!("{}/tests/window/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new("/usr/bin/python3")
            .args([&script, word])
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test needs Python");
        let told = BufReader::new(process.stdout.take().unwrap());
        let orders = process.stdin.take().unwrap();
        let mut service = Self {
            process,
            orders,
            told,
        };
        assert_eq!(service.heard(), "ready\n");
        service
    }

    /// Has it done, and gives what it says of that.
    pub(super) fn order(&mut self, what: &str) -> String {
        writeln!(self.orders, "{what}").unwrap();
        self.heard()
    }

    fn heard(&mut self) -> String {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
