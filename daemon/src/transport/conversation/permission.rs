//! Permissions that are taken back, or run out, while a page is connected. Whoever waits here sleeps until the user's file
//! changes or a permission ends: a page that is only open costs nothing.

use std::sync::Arc;

use time::OffsetDateTime;

use super::Party;
use crate::jobs::{Commitment, Context};
use crate::policy::{GrantBook, Origin, Scope};
use crate::wall_clock;

/// Returns when somebody concerned has no permission any more.
pub(super) async fn unwelcome(party: &Party, context: &Context) {
    let mut changes = context.grants.changes();
    loop {
        // Before the look, so that what changes after it is a change.
        changes.mark_unchanged();
        if !party.is_welcome(context) {
            return;
        }
        let concerned = party.channel.origin().into_iter().chain(&party.companions);
        let next = concerned
            .filter_map(|origin| next_end(&context.grants, origin))
            .min();
        tokio::select! {
            Ok(()) = changes.changed() => {}
            () = lapse(next) => {}
        }
    }
}

/// What a request needs as long as it is at work.
pub(super) struct Needed {
    grants: Arc<GrantBook>,
    origin: Origin,
    scopes: Vec<Scope>,
}

impl Needed {
    pub(super) fn new(grants: &Arc<GrantBook>, origin: &Origin, scopes: Vec<Scope>) -> Self {
        Self {
            grants: Arc::clone(grants),
            origin: origin.clone(),
            scopes,
        }
    }

    fn is_there(&self) -> bool {
        let scopes = self.grants.scopes(&self.origin, OffsetDateTime::now_utc());
        self.scopes.iter().all(|scope| scopes.contains(scope))
    }
}

/// Returns when a request has lost a permission that it needs, and is taken back for it: its question goes from the screen.
/// What is on the record as signed was signed while it was permitted, and goes to its reply. Never returns for who needs
/// none.
pub(super) async fn withdrawn(needed: Option<Needed>, commitment: &Commitment) {
    let Some(needed) = needed else {
        return std::future::pending().await;
    };
    let mut changes = needed.grants.changes();
    loop {
        changes.mark_unchanged();
        if !needed.is_there() && commitment.leave() {
            return;
        }
        let next = next_end(&needed.grants, &needed.origin);
        tokio::select! {
            Ok(()) = changes.changed() => {}
            () = lapse(next) => {}
        }
    }
}

/// When the next of an origin's permissions ends; none if none of them does.
fn next_end(grants: &GrantBook, origin: &Origin) -> Option<OffsetDateTime> {
    let now = OffsetDateTime::now_utc();
    let ends = grants.ends(origin).into_values();
    ends.filter(|end| *end > now).min()
}

/// Returns at that time, or when the clock is set; never without a time.
async fn lapse(time: Option<OffsetDateTime>) {
    match time {
        Some(time) => wall_clock::come(time).await,
        None => std::future::pending().await,
    }
}
