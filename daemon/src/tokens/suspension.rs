//! Whether the computer has slept: what was unlocked before it did is not used after.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The two clocks are not read at the same moment.
const TOLERANCE: Duration = Duration::from_millis(500);

/// A moment while the computer was awake, by how long it had slept until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awake(Duration);

impl Awake {
    /// Now. `CLOCK_BOOTTIME` counts the time in suspension, `CLOCK_MONOTONIC` does not (clock_gettime(2)).
    pub(super) fn now() -> Self {
        let [with, without] = [ClockId::Boottime, ClockId::Monotonic]
            .map(|clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default());
        Self(with.saturating_sub(without))
    }

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
        let now = Awake::now();
        std::thread::sleep(2 * TOLERANCE);
        assert!(now.lasts_until(Awake::now()), "waiting is no sleep");
    }
}
