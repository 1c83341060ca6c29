//! Whether another program holds a card, and which that may be. PC/SC does not say who it is; the system says which
//! programs of this user have the client library loaded. Nor does PC/SC say that there is a transaction: whoever connects
//! meanwhile waits, and that is how it is found out. Nor that a card is let go of: once one was found held, somebody here
//! waits for it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use pcsc::{Context, Disposition, Protocols, ReaderState, ShareMode, State};
use tokio::sync::watch;

use super::card;
use super::cards::MAX_READERS;

/// The client library, as it stands among a process's mappings.
const LIBRARY: &str = "/libpcsclite.so";

/// Programs that are named.
const MAX_NAMED: usize = 4;

/// Which service a program of this library speaks to, if not the usual one.
const SERVICE: &str = "PCSCLITE_CSOCK_NAME=";

/// A card that nobody holds is reached within a few milliseconds; past this somebody does, or the card is mute.
const PATIENCE: Duration = Duration::from_millis(700);

/// A look at the cards waits for one of them. It ends when the card is let go of, and until then is the only one.
static LOOKING: Mutex<bool> = Mutex::new(false);

/// Told when a look has ended.
static LOOKED: Condvar = Condvar::new();

/// Between two looks at cards of which one is held exclusively, the least time and the most: nobody tells when it ends. The
/// end of a transaction is waited for in the service, and known at once.
const BETWEEN_LOOKS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// How often cards that were found held were free again.
static FREED: LazyLock<watch::Sender<u64>> = LazyLock::new(|| watch::Sender::new(0));

/// Somebody waits for them to be.
static WAITING: AtomicBool = AtomicBool::new(false);

/// What a look at the cards found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    /// Each card can be reached, or there is none.
    Free,
    /// Another program has a card for itself alone.
    Exclusive,
    /// A card cannot be reached in time.
    Waiting,
}

/// The programs that may hold a card, if another program than this one and its workers does hold one. Takes at most
/// twice [`PATIENCE`].
///
/// That a mute card keeps others waiting, too, shows only in that no program is there that could hold it: then none is
/// said to.
pub(in crate::tokens) fn of_a_held_card(program: &Path) -> Option<Vec<String>> {
    let found = look();
    let programs = (found != Finding::Free).then(|| among_processes(program))?;
    let held = found == Finding::Exclusive || !programs.is_empty();
    if held {
        await_freedom();
    }
    held.then_some(programs)
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
            Ok(Finding::Exclusive | Finding::Waiting) => {}
            Err(_) => return false,
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
}

/// On a thread of its own: what it waits for may take as long as another program likes.
fn look() -> Finding {
    // One who comes while somebody looks takes his turn: that a look goes on says nothing of the cards by itself.
    let looking = LOOKING.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut looking, turn) = LOOKED
        .wait_timeout_while(looking, PATIENCE, |looking| *looking)
        .unwrap_or_else(PoisonError::into_inner);
    if turn.timed_out() {
        return Finding::Waiting;
    }
    *looking = true;
    drop(looking);
    let (tell, told) = channel();
    let begun = std::thread::Builder::new()
        .name("holders".to_owned())
        .spawn(move || {
            let found = touch_each().unwrap_or(Finding::Free);
            end_look();
            // Nobody may listen any more.
            let _ = tell.send(found);
        });
    if begun.is_err() {
        end_look();
        return Finding::Free;
    }
    told.recv_timeout(PATIENCE).unwrap_or(Finding::Waiting)
}

fn end_look() {
    *LOOKING.lock().unwrap_or_else(PoisonError::into_inner) = false;
    LOOKED.notify_one();
}

/// Connects to each card and begins a transaction, as whoever wants to work with it. The card is left as it is.
fn touch_each() -> Result<Finding, pcsc::Error> {
    let context = card::establish()?;
    let mut readers: Vec<_> = context
        .list_readers_owned()?
        .into_iter()
        .take(MAX_READERS)
        .map(|name| ReaderState::new(name, State::UNAWARE))
        .collect();
    context.get_status_change(Duration::ZERO, &mut readers)?;
    for reader in readers {
        let state = reader.event_state();
        if state.contains(State::EXCLUSIVE) {
            return Ok(Finding::Exclusive);
        }
        if state.contains(State::PRESENT) && touch(&context, &reader) == Err(pcsc::Error::SharingViolation) {
            return Ok(Finding::Exclusive);
        }
    }
    Ok(Finding::Free)
}

fn touch(context: &Context, reader: &ReaderState) -> Result<(), pcsc::Error> {
    let mut card = context.connect(reader.name(), ShareMode::Shared, Protocols::T0 | Protocols::T1)?;
    let begun = card.transaction().map(drop);
    // Dropping it would reset the card.
    card.disconnect(Disposition::LeaveCard)
        .map_err(|(_, error)| error)?;
    begun
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
    let name: String = name
        .trim()
        .chars()
        .filter(|character| !character.is_control())
        .collect();
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
