//! Waiting for a time of day. What else waits here counts the time that passes while the computer is awake.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use time::OffsetDateTime;
use tokio::net::unix::pipe::Receiver;

/// How often the clock is looked at where the system has no timer left.
const LOOK: Duration = Duration::from_millis(400);

/// Returns at that time by the system's clock, also when the computer has slept until then, and earlier when the clock is
/// set: whoever waits looks at it again (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`). Nobody is woken before.
pub(crate) async fn come(time: OffsetDateTime) {
    if let Err(error) = watch(time).await {
        tracing::debug!(%error, "no timer of the system");
        let left = Duration::try_from(time - OffsetDateTime::now_utc()).unwrap_or_default();
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

async fn watch(time: OffsetDateTime) -> io::Result<()> {
    // No pipe, but watched like one. That it has run out and that it was cancelled are both something to read.
    let timer = Receiver::from_owned_fd_unchecked(timer(time)?)?;
    timer.readable().await
}

fn timer(time: OffsetDateTime) -> io::Result<OwnedFd> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
    let end = Itimerspec {
        it_interval: Timespec::default(),
        // A timer of nothing never runs out; what lies before 1970 is over.
        it_value: Timespec {
            tv_sec: time.unix_timestamp().max(1),
            tv_nsec: time.nanosecond().into(),
        },
    };
    let by_the_clock = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(&timer, by_the_clock, &end)?;
    Ok(timer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_comes_when_it_is_time_and_at_once_when_it_was() {
        let began = OffsetDateTime::now_utc();
        come(began - time::Duration::days(30_000)).await;
        let end = began + time::Duration::milliseconds(300);
        come(end).await;
        let now = OffsetDateTime::now_utc();
        assert!(now >= end, "{}", end - now);
        let far = come(now + time::Duration::hours(1));
        assert!(
            tokio::time::timeout(Duration::from_millis(300), far)
                .await
                .is_err()
        );
    }
}
