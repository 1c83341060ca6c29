//! A clock for what the program is to do within a certain time, on a machine that others use too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How many threads and processes wake one another in what is timed, at the most.
const WAKES: u32 = 20;

/// How often the disk is waited for in what is timed, at the most.
const SYNCS: u32 = 4;

/// Time since a moment, beside what this machine makes everybody wait for.
pub struct Promptly {
    began: Instant,
    worst: Arc<Worst>,
}

/// In microseconds: how late a thread was woken, and how long the disk took for next to nothing, at the worst.
#[derive(Default)]
struct Worst {
    late: AtomicU64,
    sync: AtomicU64,
}

impl Promptly {
    /// From now on.
    pub fn begin() -> Self {
        let worst = Arc::<Worst>::default();
        for watch in [sleep as fn(&Worst), sync] {
            let worst = Arc::downgrade(&worst);
            std::thread::spawn(move || until_dropped(&worst, watch));
        }
        Self {
            began: Instant::now(),
            worst,
        }
    }

    /// It took less than this, and than everybody waits here for the processor and the disk.
    #[track_caller]
    pub fn within(self, time: Duration) {
        let taken = self.began.elapsed();
        self.taking(taken, time);
    }

    /// The same of something that began at another time, and took so long.
    #[track_caller]
    pub fn taking(self, taken: Duration, time: Duration) {
        let [late, sync] = [&self.worst.late, &self.worst.sync]
            .map(|worst| Duration::from_micros(worst.load(Ordering::SeqCst)));
        assert!(
            taken < time + late * WAKES + sync * SYNCS,
            "{taken:?}, where others were woken {late:?} late and the disk took {sync:?}"
        );
    }
}

fn until_dropped(worst: &Weak<Worst>, watch: fn(&Worst)) {
    while let Some(worst) = worst.upgrade() {
        watch(&worst);
    }
}

fn sleep(worst: &Worst) {
    const NAP: Duration = Duration::from_millis(2);
    let before = Instant::now();
    std::thread::sleep(NAP);
    note(&worst.late, before.elapsed().saturating_sub(NAP));
}

fn sync(worst: &Worst) {
    let mut file = tempfile::tempfile().unwrap();
    let before = Instant::now();
    file.write_all(b"x").unwrap();
    file.sync_data().unwrap();
    note(&worst.sync, before.elapsed());
    std::thread::sleep(Duration::from_millis(10));
}

fn note(worst: &AtomicU64, time: Duration) {
    worst.fetch_max(u64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
}
