//! How who expects an answer at once waits for it: awake for a moment, and only then asleep.
//!
//! A processor that has gone to sleep takes 50 to 100 µs to wake, and a signature by way of another process wakes two.
//! Between a login and the logout one request follows the other within microseconds, and a token without a chip answers
//! most of them in less time than that takes: whoever waits for that long looks again instead of sleeping, and
//! lets everybody else go first ([`yield_now`](tokio::task::yield_now), `sched_yield`). Outside of that nobody watches: an
//! idle daemon is not woken by this.

use std::os::fd::AsFd;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::task::JoinHandle;

/// The longest that somebody watches. An RSA signature takes longer, in software too: who watched all of it would take
/// from the core that makes it (a tenth of a batch, measured), so that nobody watches for one a second time.
pub(crate) const LONGEST: Duration = Duration::from_micros(250);

/// From one look to the next. In between it is the processor that pauses: who watches without a pause takes a fifth
/// from what computes on the other half of the same core, which is the signature that he waits for.
const PACE: Duration = Duration::from_micros(4);

/// With one processor, whoever watches keeps from working whom he waits for.
static MAY_WATCH: LazyLock<bool> =
    LazyLock::new(|| std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1));

/// A wait that has begun.
#[derive(Debug)]
pub(crate) struct Vigil(Option<Instant>);

impl Vigil {
    /// Begins to wait; awake only if there is reason to think that it will not be for long.
    pub(crate) fn begin(soon: bool) -> Self {
        Self((soon && *MAY_WATCH).then(|| Instant::now() + LONGEST))
    }

    /// Whether to look again; if not, it is time to sleep.
    pub(crate) fn goes_on(&self) -> bool {
        let Some(end) = self.0 else { return false };
        let began = Instant::now();
        while began.elapsed() < PACE {
            (0..32).for_each(|_| std::hint::spin_loop());
        }
        began < end
    }

    /// Watches until there is something to read, or it is time to sleep.
    pub(crate) fn watch(&self, socket: &impl AsFd) {
        let at_once = Timespec::default();
        while self.goes_on() {
            let mut watched = [PollFd::new(socket, PollFlags::IN)];
            if !matches!(poll(&mut watched, Some(&at_once)), Ok(0)) {
                return;
            }
            rustix::thread::sched_yield();
        }
    }

    /// Watches until the work of another thread is done, or it is time to sleep. Its outcome is then waited for.
    pub(crate) async fn over<T>(&self, work: &JoinHandle<T>) {
        while !work.is_finished() && self.goes_on() {
            tokio::task::yield_now().await;
        }
    }
}
