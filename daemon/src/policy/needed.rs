//! What a request needs from its beginning to its end, and whether it still has it.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::watch;

use super::{GrantBook, Origin, Scope};
use crate::transport::Channel;

/// The permissions of a request that is at work.
#[derive(Debug, Clone)]
pub struct Needed {
    grants: Arc<GrantBook>,
    origin: Origin,
    /// The page around it, which needs any permission at all.
    top: Option<Origin>,
    scopes: Vec<Scope>,
}

impl Needed {
    /// None for the person at the command line, who needs none.
    #[must_use]
    pub fn by(channel: &Channel, scopes: Vec<Scope>, grants: &Arc<GrantBook>) -> Option<Self> {
        let top = match channel {
            Channel::Extension { top, .. } => top.clone(),
            Channel::WebSocket { .. } | Channel::Shell => None,
        };
        Some(Self {
            grants: Arc::clone(grants),
            origin: channel.origin()?.clone(),
            top,
            scopes,
        })
    }

    /// False if any of it has gone.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let now = OffsetDateTime::now_utc();
        let scopes = self.grants.scopes(&self.origin, now);
        let top = self.top.as_ref();
        self.scopes.iter().all(|scope| scopes.contains(scope))
            && top.is_none_or(|top| self.grants.knows(top, now))
    }

    /// Tells when it may have gone; see [`GrantBook::changes`].
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.grants.changes()
    }

    /// When the next permission of the origin, or of the page around it, ends; none if none of them does.
    #[must_use]
    pub fn next_end(&self) -> Option<OffsetDateTime> {
        let concerned = std::iter::once(&self.origin).chain(&self.top);
        concerned.filter_map(|origin| self.grants.next_end(origin)).min()
    }
}
