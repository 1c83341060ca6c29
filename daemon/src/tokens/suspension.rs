//! Whether the computer has slept: what was unlocked before it did is not used after.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The two clocks are not read at the same moment.
const TOLERANCE: Duration = Duration::from_millis(500);

/// How long the computer has slept since it was started, whenever it is asked.
#[derive(Clone)]
pub struct SleepClock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl SleepClock {
    /// The system's: `CLOCK_BOOTTIME` counts the time in suspension, `CLOCK_MONOTONIC` does not (clock_gettime(2)).
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            let [with, without] = [ClockId::Boottime, ClockId::Monotonic]
                .map(|clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default());
            with.saturating_sub(without)
        })
    }

    /// Any other.
    #[must_use]
    pub fn new(slept: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(slept))
    }

    pub(super) fn now(&self) -> Awake {
        Awake((self.0)())
    }
}

impl fmt::Debug for SleepClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SleepClock")
    }
}

/// A moment while the computer was awake, by how long it had slept until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awake(Duration);

impl Awake {
    /// The computer has not slept from then to `now`.
    pub(super) fn lasts_until(self, now: Self) -> bool {
        now.0 <= self.0 + TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n121_only_sleep_ends_it() {
        let then = Awake(Duration::from_secs(70));
        assert!(then.lasts_until(then));
        assert!(then.lasts_until(Awake(then.0 + Duration::from_millis(400))));
        assert!(!then.lasts_until(Awake(then.0 + Duration::from_secs(1))));
        let clock = SleepClock::system();
        let now = clock.now();
        std::thread::sleep(2 * TOLERANCE);
        assert!(now.lasts_until(clock.now()), "waiting is no sleep");
    }
}
