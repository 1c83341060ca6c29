//! How many requests an origin may make: a bucket of tokens that fills again by and by, shared by all its connections. A
//! document's pieces do not count; they have bounds of their own, and a page that does not read waits. Nor does a *cancel*
//! that ends a request. Nor what is no request at all; but the log has room for so many lines about it and no more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::QuietLog;
use crate::policy::Origin;

/// Requests at once.
const BURST: f64 = 400.0;

/// Requests a second in the long run.
const PER_SECOND: f64 = 100.0;

/// Origins that are counted; only those with a permission come here.
const MAX_ORIGINS: usize = 2000;

/// The buckets of all origins.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<Origin, Bucket>>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
    /// What was wrong with its messages, which are no requests that would be counted.
    log: QuietLog,
}

impl Rates {
    /// Whether one more line about this origin's mistakes is to be in the log.
    pub(super) fn may_log(&self, origin: &Origin, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Bucket::of(&mut all, origin, now).log.has_room()
    }

    /// Counts one request. False if it is one too many.
    pub(super) fn take(&self, origin: &Origin, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = Bucket::of(&mut all, origin, now);
        bucket.tokens = bucket.at(now);
        bucket.filled = now;
        let enough = bucket.tokens >= 1.0;
        if enough {
            bucket.tokens -= 1.0;
        }
        enough
    }
}

impl Bucket {
    fn of<'a>(all: &'a mut HashMap<Origin, Self>, origin: &Origin, now: Instant) -> &'a mut Self {
        if all.len() >= MAX_ORIGINS && !all.contains_key(origin) {
            all.retain(|_, bucket| bucket.at(now) < BURST);
        }
        all.entry(origin.clone()).or_insert_with(|| Self {
            tokens: BURST,
            filled: now,
            log: QuietLog::default(),
        })
    }

    fn at(&self, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.filled).as_secs_f64();
        (self.tokens + seconds * PER_SECOND).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::origin::Schemes;

    #[test]
    fn a_burst_is_taken_and_then_so_many_a_second() {
        let rates = Rates::default();
        let [a, b] =
            ["https://a.vn", "https://b.vn"].map(|text| Origin::parse(text, Schemes::Https).unwrap());
        let start = Instant::now();
        let taken = |at: Duration| (0..1000).filter(|_| rates.take(&a, start + at)).count();
        assert_eq!(taken(Duration::ZERO), 400);
        assert!(rates.take(&b, start), "each origin for itself");
        assert_eq!(taken(Duration::from_secs(1)), 100);
        assert_eq!(taken(Duration::from_secs(60)), 400);
    }
}
