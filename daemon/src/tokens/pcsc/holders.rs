//! Whether another program holds a card, and which that may be. PC/SC does not say who it is; the system says which
//! programs of this user have the client library loaded. Nor does PC/SC say that there is a transaction: whoever connects
//! meanwhile waits, and that is how it is found out. Nor that a card is let go of: once one was found held, somebody here
//! waits for it.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use pcsc::{Disposition, Protocols, ReaderState, ShareMode, State};
use tokio::sync::watch;

use super::cards::MAX_READERS;
use super::{card, names};
use crate::legible::neutral;

/// The client library, as it stands among a process's mappings.
const LIBRARY: &str = "/libpcsclite.so";

/// Programs that are named.
const MAX_NAMED: usize = 4;

/// Which service a program of this library speaks to, if not the usual one.
const SERVICE: &str = "PCSCLITE_CSOCK_NAME=";

/// A card that nobody holds is reached within a few milliseconds; past this somebody does, or the card is mute.
const PATIENCE: Duration = Duration::from_millis(700);

/// Whoever touches a card waits for it. He ends when the card is let go of, and until then is the only one who waits
/// there: the readers where somebody does, and [`LIST`].
static TOUCHED: Mutex<BTreeSet<CString>> = Mutex::new(BTreeSet::new());

/// Told when one of them has ended.
static LEFT: Condvar = Condvar::new();

/// Between two looks at cards of which one is held exclusively, the least time and the most: nobody tells when it ends. The
/// end of a transaction is waited for in the service, and known at once.
const BETWEEN_LOOKS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// How often cards that were found held were free again.
static FREED: LazyLock<watch::Sender<u64>> = LazyLock::new(|| watch::Sender::new(0));

/// Somebody waits for them to be.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Stands for the list of readers, which is not to be had of a service that does not answer. No reader is called so.
const LIST: &CStr = c"";

/// The card that a process may have waited for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tokens) enum Awaited {
    /// None: what it drives is in no reader.
    None,
    /// A module's, in the reader of this name, as PC/SC or `CK_SLOT_INFO.slotDescription` has it.
    In(String),
    /// A module's, in whichever reader: it looks at all of them, in whatever it is called for first.
    Any,
    /// Our own driver's, in the reader of this name: it tries again for a while where it is refused.
    Ours(String),
}

/// What a look at a card found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    /// It can be reached, or there is none.
    Free,
    /// Another program has it for itself alone: whoever wants it is told so at once.
    Exclusive,
    /// It cannot be reached in time: another program has a transaction, or the card is mute.
    Waiting,
    /// The service does not even say which readers there are, for which it waits for no card.
    Silent,
}

/// What else than itself a process may have waited for that did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tokens) enum Hindrance {
    /// A card that one of these programs may hold.
    Held(Vec<String>),
    /// The service, which stands still.
    Service,
}

/// What keeps whoever waits for the awaited card: programs that may hold it, if another program than this one and its
/// workers does in such a way that others wait (a module that never returns while another program has a card for itself
/// alone does not wait for it), or a service that stands still. Takes at most five times [`PATIENCE`].
///
/// That a mute card keeps others waiting, too, shows only in that no program is there that could hold it: then none is
/// said to.
pub(in crate::tokens) fn hindrance(program: &Path, awaited: &Awaited) -> Option<Hindrance> {
    match (look(awaited), awaited) {
        (Finding::Silent, _) => Some(Hindrance::Service),
        (Finding::Waiting, _) => {
            let programs = Some(among_processes(program)).filter(|programs| !programs.is_empty())?;
            await_freedom();
            Some(Hindrance::Held(programs))
        }
        (Finding::Exclusive, Awaited::Ours(_)) => Some(Hindrance::Held(named(program))),
        _ => None,
    }
}

/// How often cards that another program was found to hold were free again, and when that is once more. They are waited for
/// only while somebody has this.
#[must_use]
pub fn freed() -> watch::Receiver<u64> {
    FREED.subscribe()
}

/// Has somebody wait for the cards to be free, of which one was found held.
fn await_freedom() {
    if FREED.receiver_count() == 0 || WAITING.swap(true, Ordering::SeqCst) {
        return;
    }
    let waiting = std::thread::Builder::new()
        .name("held-cards".to_owned())
        .spawn(|| {
            let free = until_free();
            WAITING.store(false, Ordering::SeqCst);
            if free {
                FREED.send_modify(|count| *count += 1);
            }
        });
    if waiting.is_err() {
        WAITING.store(false, Ordering::SeqCst);
    }
}

/// True when no card is held; false if that is not to be learnt, for the service is gone.
fn until_free() -> bool {
    let [mut pause, longest] = BETWEEN_LOOKS;
    loop {
        match touch_each() {
            Ok(Finding::Free) => return true,
            Ok(Finding::Exclusive | Finding::Waiting | Finding::Silent) => {}
            Err(_) => return false,
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
}

/// As whoever wants to work with each of them, one after the other, however long that takes.
fn touch_each() -> Result<Finding, pcsc::Error> {
    let found = states()?.into_iter().map(|(reader, state)| match state {
        state if state.contains(State::EXCLUSIVE) => Finding::Exclusive,
        state if state.contains(State::PRESENT) => touch(&reader),
        _ => Finding::Free,
    });
    Ok(found.max().unwrap_or(Finding::Free))
}

/// The worst that the awaited cards are found in.
fn look(awaited: &Awaited) -> Finding {
    if *awaited == Awaited::None {
        return Finding::Free;
    }
    // Once more, for the computer may be busy.
    let list = || within_patience(LIST, states);
    let Some(readers) = list().or_else(list) else {
        return Finding::Silent;
    };
    let readers = readers.unwrap_or_default();
    let of_name = |name: &str| readers.iter().any(|(reader, _)| is_called(reader, name));
    let is_awaited = |reader: &CStr| match awaited {
        Awaited::None => false,
        Awaited::Ours(name) => is_called(reader, name),
        // What a vendor calls its slots may be no reader's name.
        Awaited::In(name) if of_name(name) => is_called(reader, name),
        Awaited::In(_) | Awaited::Any => true,
    };
    let of = |reader: &CStr, state: State| match state {
        state if state.contains(State::EXCLUSIVE) => Finding::Exclusive,
        state if state.contains(State::PRESENT) => {
            let name = reader.to_owned();
            within_patience(reader, move || touch(&name)).unwrap_or(Finding::Waiting)
        }
        _ => Finding::Free,
    };
    // Each has its own time: one that is not reached says nothing of the next.
    std::thread::scope(|scope| {
        let touched: Vec<_> = readers
            .iter()
            .filter(|(reader, _)| is_awaited(reader))
            .map(|(reader, state)| scope.spawn(move || of(reader, *state)))
            .collect();
        let found = touched.into_iter().filter_map(|touched| touched.join().ok());
        found.max().unwrap_or(Finding::Free)
    })
}

/// PKCS #11 has room for 64 bytes of a reader's name; some modules put words of their own before it.
fn is_called(reader: &CStr, name: &str) -> bool {
    let reader = names::legible(&reader.to_string_lossy());
    let name = name.trim();
    !name.is_empty() && (reader.contains(name) || name.contains(reader.as_str()))
}

/// On a thread of its own: what it waits for may take as long as another program likes. None if it did not end in time.
fn within_patience<T: Send + 'static>(place: &CStr, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    // One who comes while somebody is there takes his turn: that somebody is says nothing of the card by itself.
    let touched = TOUCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut touched, turn) = LEFT
        .wait_timeout_while(touched, PATIENCE, |touched| touched.contains(place))
        .unwrap_or_else(PoisonError::into_inner);
    if turn.timed_out() {
        return None;
    }
    touched.insert(place.to_owned());
    drop(touched);
    let (tell, told) = channel();
    let own = place.to_owned();
    let begun = std::thread::Builder::new()
        .name("holders".to_owned())
        .spawn(move || {
            let done = work();
            leave(&own);
            // Nobody may listen any more.
            let _ = tell.send(done);
        });
    if begun.is_err() {
        leave(place);
        return None;
    }
    told.recv_timeout(PATIENCE).ok()
}

fn leave(place: &CStr) {
    TOUCHED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(place);
    LEFT.notify_all();
}

/// The readers, and how each stands.
fn states() -> Result<Vec<(CString, State)>, pcsc::Error> {
    let context = card::establish()?;
    let mut readers: Vec<_> = context
        .list_readers_owned()?
        .into_iter()
        .take(MAX_READERS)
        .map(|name| ReaderState::new(name, State::UNAWARE))
        .collect();
    context.get_status_change(Duration::ZERO, &mut readers)?;
    let state = |reader: &ReaderState| (reader.name().to_owned(), reader.event_state());
    Ok(readers.iter().map(state).collect())
}

/// Connects to a card and begins a transaction, as whoever wants to work with it. The card is left as it is.
fn touch(reader: &CStr) -> Finding {
    let reached = card::establish().and_then(|context| {
        let mut card = context.connect(reader, ShareMode::Shared, Protocols::T0 | Protocols::T1)?;
        let begun = card.transaction().map(drop);
        // Dropping it would reset the card.
        card.disconnect(Disposition::LeaveCard)
            .map_err(|(_, error)| error)?;
        begun
    });
    match reached {
        Err(pcsc::Error::SharingViolation) => Finding::Exclusive,
        _ => Finding::Free,
    }
}

/// The names of those that may hold a card that another program than this holds. The daemon looks for them: a card's
/// process, which runs `program`, is closed in and sees no other.
pub(in crate::tokens) fn named(program: &Path) -> Vec<String> {
    await_freedom();
    among_processes(program)
}

fn among_processes(program: &Path) -> Vec<String> {
    let ours = family(program);
    let service = service_of(std::process::id());
    processes()
        .filter(|process| !ours.contains(process) && uses_cards(*process))
        .filter(|process| service_of(*process) == service)
        .filter_map(name)
        .take(MAX_NAMED)
        .collect()
}

fn processes() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn uses_cards(process: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"));
    maps.is_ok_and(|maps| maps.contains(LIBRARY))
}

/// The value of [`SERVICE`] that a process was started with.
fn service_of(process: u32) -> Option<Vec<u8>> {
    let environment = std::fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(SERVICE.as_bytes()))?;
    Some(value.to_vec())
}

/// `gpg-agent (1234)`
fn name(process: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    let name: String = name.trim().chars().map(neutral).collect();
    // pcscd itself holds nothing for itself.
    (name != "pcscd").then(|| format!("{name} ({process})"))
}

/// This process, and what runs the same program or `program`: readers' and modules' processes.
fn family(program: &Path) -> Vec<u32> {
    let runs = |process: &Path| std::fs::read_link(process.join("exe")).ok();
    let ours = [runs(Path::new("/proc/self")), program.canonicalize().ok()];
    processes()
        .filter(|process| {
            let run = runs(Path::new(&format!("/proc/{process}")));
            *process == std::process::id() || run.is_some() && ours.contains(&run)
        })
        .collect()
}
