//! When tokens come or go, a page is told that they did, and nothing of which: it may ask again.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The least time between two notices: a contact that bounces is one change.
const QUIET: Duration = Duration::from_millis(50);

/// Changes of what tokens are in reach, as one connection hears of them.
pub(super) struct Changes {
    changes: watch::Receiver<u64>,
    pending: bool,
    last: Option<Instant>,
}

impl Changes {
    pub(super) fn new(mut changes: watch::Receiver<u64>) -> Self {
        // What was before the connection is no news.
        changes.mark_unchanged();
        Self {
            changes,
            pending: false,
            last: None,
        }
    }

    /// Waits for the next one; for ever if nobody watches. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self) {
        if !self.pending {
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            self.pending = true;
        }
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + QUIET).await;
        }
        self.changes.mark_unchanged();
        self.pending = false;
        self.last = Some(Instant::now());
    }
}
