//! A module whose process fails too often is switched off.

mod record;

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Driven, Inner};
pub(crate) use record::switch_on;

/// So many failures of a module's process within [`FAILURE_WINDOW`] switch the module off.
const MAX_FAILURES: usize = 3;

/// See [`MAX_FAILURES`].
const FAILURE_WINDOW: Duration = Duration::from_secs(600);

impl Inner {
    /// Counts a crash or a hang; after too many, the module is off until somebody switches it on again. Our own card
    /// driver is never off: a mute card is taken out, and the next one may be sound.
    ///
    /// They are counted for all programs of this user, in a file: a shell that signs is a new program each time.
    pub(super) fn note_failure(&self) {
        let Driven::Module(module) = &self.driven else {
            return;
        };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = self
            .switches
            .as_deref()
            .map(|switches| record::count(switches, &module.name));
        let too_often = match counted {
            Some(Ok(too_often)) => too_often,
            Some(Err(error)) => {
                tracing::warn!(%error, "that the module failed is known to this process only");
                is_too_often(&mut failures.lately, Instant::now())
            }
            None => is_too_often(&mut failures.lately, Instant::now()),
        };
        if !too_often {
            return;
        }
        tracing::error!(
            module = module.name,
            "the module failed {MAX_FAILURES} times within ten minutes and is switched off; \
             switch it on again with: trien token enable-module {}",
            module.name
        );
        if let Some(switches) = &self.switches {
            let written = std::fs::create_dir_all(switches)
                .and_then(|()| std::fs::write(switches.join(&module.name), b""));
            failures.is_written = written.is_ok();
            if let Err(error) = written {
                tracing::warn!(%error, "that the module is off is known to this process only");
                failures.lately = [Instant::now(); MAX_FAILURES].into();
            }
        }
    }

    /// The file that says so may be taken away by another process; then the failures are forgotten. Where none could be
    /// written, none can be taken away.
    pub(super) fn is_off(&self) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.switches {
            Some(switches) if switches.join(self.driven.name()).exists() => true,
            Some(_) if failures.is_written => {
                *failures = Failures::default();
                false
            }
            _ => failures.lately.len() >= MAX_FAILURES,
        }
    }
}

/// What is known of a module's failures to this process alone.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// When its process crashed or hung lately, where that could not be written down.
    lately: VecDeque<Instant>,
    /// A file was written that says that it is off.
    is_written: bool,
}

/// Notes a failure at `now`, and forgets what is too long ago to count.
fn is_too_often(failures: &mut VecDeque<Instant>, now: Instant) -> bool {
    failures.push_back(now);
    failures.retain(|then| now.duration_since(*then) < FAILURE_WINDOW);
    failures.len() >= MAX_FAILURES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the module is off after failures at these seconds.
    fn is_off_after(seconds: [u64; 3]) -> bool {
        let start = Instant::now();
        let mut failures = VecDeque::new();
        let noted = seconds.map(|at| is_too_often(&mut failures, start + Duration::from_secs(at)));
        assert!(!noted[0] && !noted[1], "{noted:?}");
        noted[2]
    }

    #[test]
    fn three_failures_within_ten_minutes_and_no_others_switch_a_module_off() {
        assert!(is_off_after([0, 300, 599]));
        assert!(!is_off_after([0, 300, 600]));
    }
}
