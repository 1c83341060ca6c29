//! A request whose documents come after it: what can be refused without a byte of them is refused first, then they are
//! waited for. Nobody else waits meanwhile: it holds no turn at the person, and asks for one when all of them are here.

use std::time::{Duration, Instant};

use trien_protocol::event::Stage;

use super::{Caller, JobError};

/// How often the page is told at the most that another document is here.
const SHOWING: Duration = Duration::from_millis(50);

/// How often it is told at least: what it has not read in time is left out, and it begins to upload when it is told.
const REMINDER: Duration = Duration::from_secs(1);

/// Looks at a request's manifest as far as that needs no byte of its documents, and takes room for those that are not
/// here. True if there are such: then [`collect`] waits for them.
///
/// # Errors
/// [`JobError::Document`].
pub(super) fn admit(caller: &Caller) -> Result<bool, JobError> {
    match &caller.manifest {
        Some(manifest) => Ok(manifest.admit(caller.holdings.documents())? > 0),
        None => Ok(false),
    }
}

/// Waits until every document of the request is here.
///
/// # Errors
/// [`JobError::Document`] if something else came than the manifest says, or nothing for too long.
pub(super) async fn collect(caller: &Caller) -> Result<(), JobError> {
    let Some(manifest) = &caller.manifest else {
        return Ok(());
    };
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut changes = manifest.changes();
    let mut told: Option<(usize, Instant)> = None;
    manifest.begin();
    loop {
        changes.mark_unchanged();
        let here = manifest.here()?;
        if here == manifest.len() {
            manifest.close();
            return Ok(());
        }
        let due =
            told.is_none_or(|(before, at)| at.elapsed() >= if before == here { REMINDER } else { SHOWING });
        if due {
            caller
                .report
                .stage(Stage::Collecting, number(here), number(manifest.len()));
            told = Some((here, Instant::now()));
        }
        // A sender that is gone has taken the connection with it, and this with the connection.
        let _ = tokio::time::timeout(REMINDER, changes.changed()).await;
    }
}
