//! Waiting for a service that is not there: until its socket appears, or somebody rings, or the time is up.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify;

use crate::tokens::pcsc::outage;

/// Ends a wait from another thread.
pub(super) struct Alarm(Option<OwnedFd>);

impl Default for Alarm {
    fn default() -> Self {
        // Without one, the end of a wait is waited for.
        Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok())
    }
}

impl Alarm {
    pub(super) fn ring(&self) {
        if let Some(bell) = &self.0 {
            let _ = rustix::io::write(bell, &1u64.to_ne_bytes());
        }
    }

    /// Waits for the socket's folder to change, at most so long.
    pub(super) fn wait(&self, longest: Duration) {
        let folder = watched();
        let mut fds = Vec::new();
        fds.extend(
            self.0
                .as_ref()
                .map(|bell| PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN)),
        );
        fds.extend(
            folder
                .as_ref()
                .map(|folder| PollFd::from_borrowed_fd(folder.as_fd(), PollFlags::IN)),
        );
        let timeout = Timespec::try_from(longest).unwrap_or_default();
        // Woken too early, whoever waits looks and waits again.
        let _ = poll(&mut fds, Some(&timeout));
    }
}

/// The folder of the socket, or the nearest above it that is there.
fn watched() -> Option<OwnedFd> {
    let socket = outage::socket();
    let folder = socket.ancestors().skip(1).find(|folder| folder.is_dir())?;
    watch(folder).ok()
}

fn watch(folder: &Path) -> rustix::io::Result<OwnedFd> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    let events = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::ATTRIB;
    inotify::add_watch(&watch, folder, events)?;
    Ok(watch)
}
