//! Permissions that are taken back, or run out, while a page is connected. Whoever waits here sleeps until the user's file
//! changes or a permission ends: a page that is only open costs nothing, or a look at the clock now and then.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::Party;
use crate::jobs::{Commitment, Context};
use crate::policy::{GrantBook, Origin, Scope};

/// How often the clock is looked at while a request is at work whose permission has an end: a computer that was suspended,
/// or whose clock was set, has not slept for as long as it seems.
const CLOCK: Duration = Duration::from_millis(400);

/// The same while a page whose permission has an end is only open: longer, because nothing that it asks for meanwhile is
/// done without a look at the clock.
const IDLE_CLOCK: Duration = Duration::from_secs(10);

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
            .filter_map(|origin| respite(&context.grants, origin, IDLE_CLOCK))
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
        let next = respite(&needed.grants, &needed.origin, CLOCK);
        tokio::select! {
            Ok(()) = changes.changed() => {}
            () = lapse(next) => {}
        }
    }
}

/// How long until the next of an origin's permissions ends, or the clock is looked at for that; none if none of them ends.
fn respite(grants: &GrantBook, origin: &Origin, clock: Duration) -> Option<Duration> {
    let now = OffsetDateTime::now_utc();
    let ends = grants.ends(origin).into_values();
    let next = ends.filter(|end| *end > now).min()?;
    let left = Duration::try_from(next - now).ok()?;
    Some(left.min(clock))
}

/// Returns after so long; never without a time.
async fn lapse(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::OriginRules;
    use crate::policy::grants::{Grant, Grants};
    use crate::policy::origin::Schemes;

    /// What sleeps through a suspended computer's night sees a permission end that was to last for hours.
    #[test]
    fn whoever_waits_for_an_end_looks_at_the_clock_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("origins.toml");
        let page = Origin::parse("https://a.gov.vn", Schemes::Https).unwrap();
        let book = GrantBook::new(path.clone(), OriginRules::default(), Schemes::Https);
        let left = |end: Option<time::Duration>| {
            let now = OffsetDateTime::now_utc();
            let grant = Grant::until(page.clone(), [Scope::Sign], now, end.map(|end| now + end));
            Grants::edit(&path, |grants| grants.allow(grant)).unwrap();
            respite(&book, &page, IDLE_CLOCK)
        };
        assert_eq!(left(None), None);
        assert_eq!(left(Some(time::Duration::hours(1))), Some(IDLE_CLOCK));
        let soon = left(Some(time::Duration::seconds(5))).unwrap();
        assert!(
            soon <= Duration::from_secs(5) && soon > Duration::ZERO,
            "{soon:?}"
        );
    }
}
