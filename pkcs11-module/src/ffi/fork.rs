//! Which process this is, without asking the system.
//!
//! A child of a fork must find the library uninitialised, whichever way it was forked, so every entry point looks.
//! The system is asked for one page that a child gets empty (`MADV_WIPEONFORK`, Linux 4.14); after that a look is one
//! read of memory, where `getpid` is a system call of the length of what a lookup of a key takes. Where there is no
//! such page the process's number serves; so it does where the system takes every advice, of which it cannot follow all
//! (QEMU's user mode before version 8, in which containers for other processors run).

use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

/// A number that no two processes of a family have in common, never zero: what a parent remembers is another one in
/// its child. In one process it is always the same.
pub(crate) fn generation() -> u64 {
    static PAGE: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
    // Ordinary memory, so a child goes on counting where its parent was.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let Some(page) = PAGE.get_or_init(wiped_page) else {
        return u64::from(std::process::id());
    };
    match page.load(Ordering::Acquire) {
        0 => {
            let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            page.compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire)
                .map_or_else(|other| other, |_| next)
        }
        known => known,
    }
}

unsafe extern "C" {
    /// madvise(2), which takes advice that has no name in Rust.
    #[link_name = "madvise"]
    fn advise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
}

/// A page of zeros of its own, never given back, that is zeros again in a child.
fn wiped_page() -> Option<&'static AtomicU64> {
    // The system rounds up to its own page.
    const LENGTH: usize = 4096;
    // SAFETY: a new mapping at an address of the system's choice touches nothing that is in use.
    let page = unsafe {
        mmap_anonymous(
            null_mut(),
            LENGTH,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    };
    let page = NonNull::new(page.ok()?)?;
    // SAFETY: no advice has this number, and one that is none changes nothing.
    if unsafe { advise(page.as_ptr(), LENGTH, -1) } == 0 {
        return None;
    }
    // SAFETY: the mapping just made, of this length; nobody has read from it.
    unsafe { madvise(page.as_ptr(), LENGTH, Advice::LinuxWipeOnFork) }.ok()?;
    // SAFETY: page-aligned, zeroed, mapped until the process ends, and used as nothing but this atomic number.
    Some(unsafe { page.cast().as_ref() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_the_same_in_one_process() {
        let here = generation();
        let there = std::thread::spawn(generation).join().unwrap();
        assert_eq!(here, there);
        assert_ne!(here, 0);
    }
}
