//! Permissions that are taken back, or run out, while a page is connected. Whoever waits here sleeps until the user's file
//! changes or a permission ends: a page that is only open costs nothing.

use time::OffsetDateTime;

use super::Party;
use crate::jobs::{Commitment, Context};
use crate::policy::Needed;
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
            .filter_map(|origin| context.grants.next_end(origin))
            .min();
        tokio::select! {
            Ok(()) = changes.changed() => {}
            () = lapse(next) => {}
        }
    }
}

/// Returns when a request has lost a permission that it needs, and is taken back for it: its question goes from the screen.
/// What is on the record as signed was signed while it was permitted, and goes to its reply. Never returns for who needs
/// none.
pub(super) async fn withdrawn(needed: Option<Needed>, commitment: &Commitment) {
    let Some(needed) = needed else {
        return std::future::pending().await;
    };
    let mut changes = needed.changes();
    loop {
        changes.mark_unchanged();
        if !needed.is_there() && commitment.leave() {
            return;
        }
        tokio::select! {
            Ok(()) = changes.changed() => {}
            () = lapse(needed.next_end()) => {}
        }
    }
}

/// Returns at that time, or when the clock is set; never without a time.
async fn lapse(time: Option<OffsetDateTime>) {
    match time {
        Some(time) => wall_clock::come(time).await,
        None => std::future::pending().await,
    }
}
