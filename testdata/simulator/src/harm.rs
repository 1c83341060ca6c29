//! What a vendor's library may do to the process that loads it.

use std::ffi::{c_int, c_void};
use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::script::{Action, Rule};

/// Whether the token was pulled.
static PLACE: Mutex<Place> = Mutex::new(Place::In);

/// Where the token is.
#[derive(Clone, Copy)]
enum Place {
    In,
    Out,
    /// Until then.
    OutUntil(Instant),
}

/// True while the token is pulled.
pub(crate) fn is_removed() -> bool {
    let mut place = PLACE.lock().unwrap_or_else(PoisonError::into_inner);
    match *place {
        Place::In => false,
        Place::Out => true,
        Place::OutUntil(end) if Instant::now() < end => true,
        Place::OutUntil(_) => {
            *place = Place::In;
            false
        }
    }
}

/// Pulls it: for good, or for so long.
fn remove(time: Duration) {
    let place = match time {
        Duration::ZERO => Place::Out,
        time => Place::OutUntil(Instant::now() + time),
    };
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
}

/// The PIN was locked.
pub(crate) static LOCKED: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn exit(code: c_int) -> !;
    fn fork() -> c_int;
    fn pause() -> c_int;
    fn getppid() -> c_int;
    fn getpgid(process: c_int) -> c_int;
    fn setsid() -> c_int;
    fn setpgid(process: c_int, group: c_int) -> c_int;
    fn socket(family: c_int, sort: c_int, protocol: c_int) -> c_int;
    fn signal(number: c_int, handler: usize) -> usize;
    fn setlocale(category: c_int, locale: *const u8) -> *const c_void;
    fn mmap(
        place: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
}

/// Does what a rule wants done before its call, other than to answer it.
pub(crate) fn before(rule: &Rule) {
    match rule.action {
        Action::Hang => loop {
            std::thread::park();
        },
        Action::Delay => std::thread::sleep(Duration::from_millis(rule.milliseconds.unwrap_or(0))),
        Action::Crash => {
            // SAFETY: none: a wild write is what the rule asks for, and the process ends by it.
            unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
        }
        Action::Abort => std::process::abort(),
        // SAFETY: the C function; that it runs exit handlers is what the rule asks for.
        Action::Exit => unsafe { exit(0) },
        Action::Remove => remove(Duration::from_millis(rule.milliseconds.unwrap_or(0))),
        Action::LockPin => LOCKED.store(true, Ordering::SeqCst),
        Action::Print => print(),
        Action::Flood => flood(rule.number().unwrap_or(0)),
        Action::CloseDescriptors => close_descriptors(),
        Action::Fork => {
            // SAFETY: the child does nothing but end.
            unsafe {
                if fork() == 0 {
                    std::process::abort();
                }
            }
        }
        // SAFETY: the child does nothing but wait.
        Action::ForkAndStay => unsafe {
            if fork() == 0 {
                loop {
                    pause();
                }
            }
        },
        // SAFETY: the child does nothing but these calls, and wait.
        Action::ForkAndLeave => unsafe {
            // The daemon's, which is of the same session and may be joined.
            let elsewhere = getpgid(getppid());
            if fork() == 0 {
                if setsid() < 0 && setpgid(0, 0) < 0 {
                    setpgid(0, elsewhere);
                }
                loop {
                    pause();
                }
            }
        },
        Action::Threads => {
            for _ in 0..4 {
                std::thread::spawn(|| std::thread::sleep(Duration::from_secs(3600)));
            }
        }
        // SAFETY: SIGPIPE, SIGTERM and SIGCHLD are ignored.
        Action::Signals => unsafe {
            for number in [13, 15, 17] {
                signal(number, 1);
            }
        },
        Action::Locale => change_locale(),
        Action::Answer
        | Action::AnswerAfter
        | Action::Signature
        | Action::Length
        | Action::WantedLength
        | Action::GivenLength
        | Action::Overrun
        | Action::Repeat
        | Action::Key
        | Action::Flags
        | Action::Label
        | Action::Octets
        | Action::AlwaysAuthenticate
        | Action::Interface
        | Action::Missing
        | Action::Reach => {}
    }
}

/// A copy of these octets behind which there is no memory.
pub(crate) fn at_the_end_of_memory(octets: &[u8]) -> Option<*mut u8> {
    /// `PROT_READ | PROT_WRITE` and `PROT_NONE`
    const OPEN: c_int = 3;
    const CLOSED: c_int = 0;
    /// `MAP_PRIVATE | MAP_ANONYMOUS`, and with `MAP_FIXED`
    const NEW: c_int = 0x22;
    const THERE: c_int = 0x32;
    // As large as any system's pages are.
    let size = 64 * 1024;
    // SAFETY: new memory, of which the second half is taken away again before anybody has it; nobody frees the first.
    unsafe {
        let memory = mmap(std::ptr::null_mut(), 2 * size, OPEN, NEW, -1, 0);
        if memory.addr() == usize::MAX {
            return None;
        }
        let end = memory.cast::<u8>().add(size);
        if mmap(end.cast(), size, CLOSED, THERE, -1, 0).addr() == usize::MAX {
            return None;
        }
        let place = end.sub(octets.len());
        place.copy_from_nonoverlapping(octets.as_ptr(), octets.len());
        Some(place)
    }
}

/// To standard error, without the macros that this workspace forbids its programs.
pub(crate) fn say(text: &str) {
    // There is nobody to tell that nobody can be told.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// On standard input, output and error, of which each might be somebody's protocol.
fn print() {
    let noise = b"{\"id\":1,\"outcome\":{\"Ok\":\"done\"}}\n\x1b]0;noise\x07";
    for path in ["/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"] {
        if let Ok(mut stream) = std::fs::OpenOptions::new().write(true).open(path) {
            let _ = stream.write_all(noise);
        }
    }
    let _ = std::io::stdout().write_all(noise);
    say("noise\n");
}

/// So many MiB on standard error: lines that would colour a terminal, turn themselves round or be of any length, and at the
/// end one without an end.
fn flood(mebibytes: u64) {
    let line = "\x1b[31mflood\u{202e}dlof\u{2066}\r".to_owned() + &"x".repeat(200) + "\n";
    let portion = line.repeat((1 << 20) / line.len());
    for _ in 0..mebibytes {
        say(&portion);
    }
    say(&"y".repeat(1 << 20));
}

/// To the first of these that the system has: where numbers have a comma, else where text is UTF-8. Programs begin in
/// neither.
fn change_locale() {
    /// `LC_ALL` of Linux.
    const ALL: c_int = 6;
    let names = [c"vi_VN.UTF-8", c"de_DE.UTF-8", c"C.UTF-8"];
    // SAFETY: the names end with NUL. What else reads the locale meanwhile is what the rule puts to the test.
    let changed = names
        .iter()
        .any(|name| unsafe { !setlocale(ALL, name.as_ptr().cast()).is_null() });
    if !changed {
        std::process::abort();
    }
}

/// What a library that is curious about its host finds.
pub(crate) fn reach() -> String {
    let word = |open: bool| if open { "open" } else { "closed" };
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    format!(
        "network={} home={}",
        word(is_network_open()),
        word(home.is_some_and(|home| is_home_open(&home)))
    )
}

/// By a socket of whatever family, but those of this machine: what the system has no such socket for is another error
/// than that it is refused.
fn is_network_open() -> bool {
    /// The last that there is today is `AF_MCTP`, 45.
    const FAMILIES: std::ops::RangeInclusive<c_int> = 2..=63;
    const NETLINK: c_int = 16;
    /// `SOCK_STREAM`, `SOCK_DGRAM`, `SOCK_RAW`, `SOCK_RDM`, `SOCK_SEQPACKET`
    const SORTS: std::ops::RangeInclusive<c_int> = 1..=5;
    let refused = |family, sort| {
        // SAFETY: a number that is no descriptor is not taken for one.
        let made = unsafe { socket(family, sort, 0) };
        if made >= 0 {
            // SAFETY: it was made just now, for nobody else.
            drop(unsafe { OwnedFd::from_raw_fd(made) });
            return false;
        }
        std::io::Error::last_os_error().kind() == std::io::ErrorKind::PermissionDenied
    };
    FAMILIES
        .filter(|family| *family != NETLINK)
        .any(|family| SORTS.clone().any(|sort| !refused(family, sort)))
}

/// By its list, by a document of that name, or by a file put there.
fn is_home_open(home: &std::path::Path) -> bool {
    let left = home.join(".left-by-a-module");
    let written = std::fs::File::create_new(&left).is_ok();
    if written {
        // What cannot be taken away stays, for whoever asks what is open.
        let _ = std::fs::remove_file(&left);
    }
    written || std::fs::read_dir(home).is_ok() || std::fs::read(home.join("document.pdf")).is_ok()
}

fn close_descriptors() {
    for number in 0..256 {
        // SAFETY: none: somebody else owns them, and that they are closed all the same is what the rule asks for.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        // Numbers that are not open are left alone: the standard library checks in debug builds.
        if std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok() {
            drop(descriptor);
        } else {
            std::mem::forget(descriptor);
        }
    }
}

/// When the loader loads this library, before anybody has called it.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
static ON_LOAD: extern "C" fn() = {
    extern "C" fn on_load() {
        if std::env::var_os(crate::script::VARIABLE).is_none() {
            return;
        }
        if let Ok(script) = crate::script::Script::of_environment() {
            for rule in script.of_call(crate::script::LOAD) {
                before(rule);
            }
        }
    }
    on_load
};
