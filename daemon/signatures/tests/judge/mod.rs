//! Judges that speak Python: what others wrote, in the environment that `make test` prepares.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A script of `daemon/tests/judges`.
pub(crate) fn script(name: &str) -> String {
    let path = root().join("daemon/tests/judges").join(name);
    path.to_str().unwrap().to_owned()
}

/// Runs Python with the judges' packages; its output, or its errors.
pub(crate) fn python(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(root().join("target/judges/bin/python"))
        .arg("-B")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}
