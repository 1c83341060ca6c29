//! How many descriptors a process may have open (setrlimit(2), `RLIMIT_NOFILE`). Sessions begin with 1024 and may have more:
//! a batch of documents needs them, and a driver that calls select(2) must not have them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as are wanted where documents are held.
const WANTED: u64 = 65_536;

/// With a descriptor from this one on, select(2) writes past its set (`FD_SETSIZE`).
const USUAL: u64 = 1024;

/// Those that are no documents': connections, drivers, windows, permissions and the record.
const SPARE: u64 = 256;

/// Takes as many as are wanted, or as there are to be had. Who starts a driver or another program lets that process
/// [`lower`] them.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if limit.current.is_some_and(|current| current < wanted) {
        set(wanted, limit);
    }
}

/// Leaves no more than are usual.
pub(crate) fn lower() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current > USUAL) {
        set(USUAL, limit);
    }
}

/// How many documents may be held at once, so that there is always a descriptor for what has to be answered.
pub(crate) fn for_documents() -> usize {
    let current = getrlimit(Resource::Nofile).current;
    let current = current.map_or(WANTED, |current| current.min(WANTED));
    let documents = current.saturating_sub(SPARE).max(current / 4);
    usize::try_from(documents).unwrap_or(usize::MAX)
}

fn set(current: u64, limit: Rlimit) {
    let current = Some(current);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current, ..limit }) {
        tracing::warn!(%error, "the number of open files cannot be set");
    }
}
