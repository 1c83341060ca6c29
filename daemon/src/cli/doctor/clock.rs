//! Whether anybody keeps the clock of this computer: a clock that nobody keeps may run ahead, which nothing else tells.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::{Finding, Weight};

/// How long the system may take to say it.
const PATIENCE: Duration = Duration::from_secs(3);

/// A warning where the kernel says that its clock is in step with no other (`STA_UNSYNC`, adjtimex(2)), whichever program
/// would keep it. Nothing where the system cannot be asked.
pub(super) async fn unkept() -> Option<Finding> {
    let kept = tokio::time::timeout(PATIENCE, is_kept()).await.ok()??;
    (!kept).then(|| Finding::new(Weight::Warning, "doctor-clock-unkept", []))
}

async fn is_kept() -> Option<bool> {
    let mut asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut answer = String::new();
    asked
        .stdout
        .take()?
        .take(16)
        .read_to_string(&mut answer)
        .await
        .ok()?;
    match answer.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
