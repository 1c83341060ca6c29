//! Who is at the other end and how we know; messages in, messages out. Nothing here names a token.
//!
//! Two roads, one [`conversation`]: a WebSocket on loopback ([`websocket`]) and the per-user socket ([`native`]) that
//! the extension's native host connects to.

pub mod conversation;
pub mod native;
pub mod websocket;

mod accept;
mod head;
mod peer;
pub mod program;
pub mod rate;
pub mod seats;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use self::program::Peer;
use crate::policy::Origin;

/// Who is at the other end and how we know. Comes from the transport, never from a message.
#[derive(Debug, Clone)]
pub enum Channel {
    /// A page, by the `Origin` of its WebSocket handshake.
    WebSocket {
        /// Whose page.
        origin: Origin,
        /// What sends it.
        peer: Peer,
    },
    /// A page, by what our extension says the browser said.
    Extension {
        /// Whose page.
        origin: Origin,
        /// The page around it, if it is a frame in another site's.
        top: Option<Origin>,
        /// What sends it.
        peer: Peer,
    },
    /// The person at the command line, who needs no permission for his own token.
    Shell,
}

impl Channel {
    /// The page's origin; none for the shell.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::WebSocket { origin, .. } | Self::Extension { origin, .. } => Some(origin),
            Self::Shell => None,
        }
    }

    /// As it stands in the record.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::WebSocket { .. } => "websocket",
            Self::Extension { .. } => "extension",
            Self::Shell => "shell",
        }
    }
}

/// Tells every connection that the daemon ends. Whoever serves one holds a clone until he is done.
#[derive(Debug, Clone)]
pub struct Halt {
    told: watch::Receiver<bool>,
    _busy: mpsc::Sender<()>,
}

/// Ends all who hold the [`Halt`].
#[derive(Debug)]
pub struct Stop {
    tell: watch::Sender<bool>,
    busy: mpsc::Receiver<()>,
}

impl Halt {
    /// Together with what sets it off.
    #[must_use]
    pub fn new() -> (Stop, Self) {
        let (tell, told) = watch::channel(false);
        let (_busy, busy) = mpsc::channel(1);
        (Stop { tell, busy }, Self { told, _busy })
    }

    /// Returns when the daemon ends.
    pub async fn come(&self) {
        let mut told = self.told.clone();
        // The other end being gone is the end as well.
        let _ = told.wait_for(|halt| *halt).await;
    }
}

impl Stop {
    /// How long connections get to close and to record what was withdrawn.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Tells everybody and waits until they are done.
    pub async fn stop(mut self) {
        // Nobody to tell is as good.
        let _ = self.tell.send(true);
        if tokio::time::timeout(Self::PATIENCE, self.busy.recv())
            .await
            .is_err()
        {
            tracing::warn!("a connection did not end in time");
        }
    }
}

/// Refusals go to the log, but no flood of them.
#[derive(Debug, Default)]
struct QuietLog(Mutex<Option<(Instant, u32)>>);

impl QuietLog {
    const WINDOW: Duration = Duration::from_secs(10);
    const LINES: u32 = 20;

    /// Logs a refusal, unless many were logged just now.
    fn note(&self, what: &str) {
        if self.has_room() {
            tracing::info!(what, "refused");
        }
    }

    /// Counts a line, and tells whether it is to be written; says how many were left out before it.
    fn has_room(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (since, count) = match *state {
            Some((since, count)) if now.duration_since(since) < Self::WINDOW => (since, count + 1),
            Some((_, count)) => {
                if count > Self::LINES {
                    tracing::warn!(left_out = count - Self::LINES, "refusals");
                }
                (now, 1)
            }
            None => (now, 1),
        };
        *state = Some((since, count));
        count <= Self::LINES
    }
}
