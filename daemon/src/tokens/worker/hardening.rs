//! What the process takes away from itself before it loads a module.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::SendFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

/// After the daemon has gone, how long a module may take to let go of its tokens.
const GRACE: Duration = Duration::from_secs(2);

/// A module has as few descriptors as in any other program. No core dump and no debugger of the same user sees a PIN; no set-uid program gives the module more rights. Each is
/// done as far as the system lets us.
pub(in crate::tokens) fn harden() {
    crate::descriptors::lower();
    let refused = [
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable),
        rustix::process::setrlimit(
            Resource::Core,
            Rlimit {
                current: Some(0),
                maximum: Some(0),
            },
        ),
        rustix::thread::set_no_new_privs(true),
    ];
    for error in refused.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "a protection of the module's process was refused");
    }
}

/// Ends this process when the daemon is gone, or asks for no more, also while the module hangs in a call: it watches the
/// socket from a thread of its own. (`PR_SET_PDEATHSIG` would follow the thread that started us, not the daemon.)
///
/// `last_word` is said to a daemon that is still there, and `farewell` is what is left to do after the grace.
pub(in crate::tokens) fn end_with_the_daemon(
    last_word: impl Fn() -> Option<Vec<u8>> + Send + 'static,
    farewell: impl Fn() + Send + 'static,
) -> std::io::Result<()> {
    let socket = rustix::stdio::stdin().try_clone_to_owned()?;
    std::thread::Builder::new()
        .name("daemon-watch".to_owned())
        .spawn(move || {
            let daemon_lives = wait_for_hangup(socket.as_fd());
            if let Some(word) = daemon_lives.then(last_word).flatten() {
                // Nobody may listen.
                let _ = rustix::net::send(&socket, &word, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
            }
            std::thread::sleep(GRACE);
            farewell();
            // Not exit(): that runs the module's own clean-up, which may hang as well.
            let this = rustix::process::getpid();
            let _ = match leads_a_group() {
                true => rustix::process::kill_process_group(this, Signal::KILL),
                false => rustix::process::kill_process(this, Signal::KILL),
            };
        })?;
    Ok(())
}

/// As the daemon starts it. Who starts it by hand may have it in a group with other programs.
fn leads_a_group() -> bool {
    rustix::process::getpgrp() == rustix::process::getpid()
}

/// Ends what the module has started and left, and this process with it, which has nothing left to say. It does not step out
/// of the group first: what it may do, the module's children may.
pub(in crate::tokens) fn end_what_is_left() {
    if leads_a_group() {
        let _ = rustix::process::kill_process_group(rustix::process::getpid(), Signal::KILL);
    }
}

/// Nothing more comes. True if the other end only asks for no more, and still listens.
fn wait_for_hangup(socket: BorrowedFd<'_>) -> bool {
    loop {
        let mut watched = [PollFd::from_borrowed_fd(socket, PollFlags::RDHUP)];
        match poll(&mut watched, None) {
            Err(rustix::io::Errno::INTR) | Ok(0) => {}
            Err(_) => return false,
            Ok(_) => return !watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR),
        }
    }
}
