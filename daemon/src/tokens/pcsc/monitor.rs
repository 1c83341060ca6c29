//! Says at once when a reader or a card comes or goes, and how it stands with the smart card service.
//!
//! One thread waits in `SCardGetStatusChange` for all readers and for new ones (`\\?PnP?\Notification`): nothing is
//! polled, and an idle daemon is not woken. While there is no service the thread waits for its socket to appear
//! (`inotify`), with a back-off for whatever that misses. Everything is found again by itself.

mod absence;

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pcsc::{Context, PNP_NOTIFICATION, ReaderState, State};
use tokio::sync::watch;

use super::cards::MAX_READERS;
use super::{card, names};

/// The least and the most time between two tries to reach a service that refuses or fails.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(60)];

/// After readers came or went, how long until they are counted again: what changes between a count and the wait for
/// the next change is not told by the service.
const SETTLING: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(2)];

/// How it stands with the smart card service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// It has not been asked yet.
    Unknown,
    /// It answers.
    Running,
    /// There is none on this computer: `SCARD_E_NO_SERVICE`.
    Absent,
    /// It is there and does not run, or it ran and ended: `SCARD_E_SERVICE_STOPPED`.
    Stopped,
    /// It does not let this user in (polkit): `SCARD_W_SECURITY_VIOLATION`, `SCARD_E_NO_ACCESS`.
    Refused,
    /// It fails in some other way.
    Failing,
}

/// What is in a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Nothing.
    Empty,
    /// A card.
    Card,
    /// A card that another program has for itself alone: `SCARD_STATE_EXCLUSIVE`.
    Exclusive,
    /// A card that does not answer to a reset: `SCARD_STATE_MUTE`.
    Mute,
    /// The reader itself does not answer: `SCARD_STATE_UNAVAILABLE`.
    Unavailable,
}

/// A reader as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Its name, as a person may see it.
    pub name: String,
    /// What is in it.
    pub slot: Slot,
    /// What the card is called, if its answer to reset is known.
    pub card: Option<&'static str>,
    /// Insertions and removals since the service knows the reader.
    pub changes: u32,
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The service.
    pub service: Service,
    /// Its readers, none unless it runs.
    pub readers: Vec<Reader>,
    /// Grows with each change of what tokens are in reach.
    pub serial: u64,
}

impl Sighting {
    const fn nothing(service: Service) -> Self {
        Self {
            service,
            readers: Vec::new(),
            serial: 0,
        }
    }

    /// Whether tokens came or went between the two: another program that takes or leaves a card changes none.
    fn differs_in_tokens(&self, other: &Self) -> bool {
        let tokens = |sighting: &Self| -> Vec<(String, bool, u32)> {
            let holds = |slot| matches!(slot, Slot::Card | Slot::Exclusive | Slot::Mute);
            let readers = sighting.readers.iter();
            readers
                .map(|reader| (reader.name.clone(), holds(reader.slot), reader.changes))
                .collect()
        };
        tokens(self) != tokens(other)
    }
}

/// The thread; it ends when this is dropped.
pub struct Monitor {
    ending: Arc<Ending>,
    sightings: watch::Receiver<Sighting>,
}

/// How the thread is told to end.
#[derive(Default)]
struct Ending {
    wanted: AtomicBool,
    context: std::sync::Mutex<Option<Context>>,
    absence: absence::Alarm,
}

impl Ending {
    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    fn keep(&self, context: Option<Context>) {
        *self
            .context
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = context;
    }
}

impl Monitor {
    /// Starts to watch.
    ///
    /// # Errors
    /// If no thread is to be had.
    pub fn start() -> std::io::Result<Self> {
        let (told, sightings) = watch::channel(Sighting::nothing(Service::Unknown));
        let ending = Arc::new(Ending::default());
        let shared = Arc::clone(&ending);
        std::thread::Builder::new()
            .name("readers".to_owned())
            .spawn(move || keep_watching(&shared, &told))?;
        Ok(Self { ending, sightings })
    }

    /// What is to be seen, and when it changes.
    #[must_use]
    pub fn sightings(&self) -> watch::Receiver<Sighting> {
        self.sightings.clone()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.ending.wanted.store(true, Ordering::SeqCst);
        self.ending.absence.ring();
        let context = self
            .ending
            .context
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(context) = context.as_ref() {
            // The one call that SCardCancel does end.
            let _ = context.cancel();
        }
    }
}

fn keep_watching(ending: &Ending, told: &watch::Sender<Sighting>) {
    let mut pause = BACK_OFF[0];
    let mut ran = false;
    while !ending.is_wanted() {
        let service = match card::establish() {
            Ok(context) => {
                ending.keep(Some(context.clone()));
                let ended = watch_readers(&context, ending, told);
                ending.keep(None);
                pause = BACK_OFF[0];
                ran = true;
                of_error(ended.err(), Service::Stopped)
            }
            Err(error) => of_error(Some(error), Service::Refused),
        };
        if ending.is_wanted() {
            return;
        }
        // What ran a moment ago is there, whatever it has left behind.
        let service = match service {
            Service::Absent if ran => Service::Stopped,
            other => other,
        };
        tell(told, service, Vec::new());
        ending.absence.wait(pause);
        pause = (pause * 2).min(BACK_OFF[1]);
    }
}

/// How it stands with a service that failed. One that is just ending may seem to refuse: what that means depends on
/// whether it had let us in.
const fn of_error(error: Option<pcsc::Error>, refusal: Service) -> Service {
    match error {
        None => Service::Running,
        Some(pcsc::Error::NoService) => Service::Absent,
        Some(pcsc::Error::ServiceStopped | pcsc::Error::CommError) => Service::Stopped,
        Some(pcsc::Error::SecurityViolation | pcsc::Error::NoAccess) => refusal,
        Some(_) => Service::Failing,
    }
}

/// A change of what is told is logged once.
fn tell(told: &watch::Sender<Sighting>, service: Service, readers: Vec<Reader>) {
    told.send_if_modified(|last| {
        let mut next = Sighting {
            service,
            readers,
            serial: last.serial,
        };
        if next == *last {
            return false;
        }
        if next.service != last.service {
            tracing::info!(service = ?next.service, "smart card service");
        }
        if next.differs_in_tokens(last) {
            next.serial += 1;
        }
        tracing::debug!(readers = ?next.readers, "readers");
        *last = next;
        true
    });
}

fn watch_readers(
    context: &Context,
    ending: &Ending,
    told: &watch::Sender<Sighting>,
) -> Result<(), pcsc::Error> {
    let mut states = vec![ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
    let mut settling = SETTLING.iter();
    loop {
        if refresh(context, &mut states)? {
            settling = SETTLING.iter();
            if states.len() > 1 {
                // A state of UNAWARE is answered at once.
                waited(context.get_status_change(Duration::ZERO, &mut states))?;
            }
        }
        loop {
            let readers = states[1..].iter().map(reader).collect();
            tell(told, Service::Running, readers);
            let lost = states[1..].iter().any(is_unknown);
            for state in &mut states {
                state.sync_current_state();
            }
            if ending.is_wanted() {
                return Ok(());
            }
            if lost {
                break;
            }
            match context.get_status_change(settling.next().copied(), &mut states) {
                Ok(()) => {}
                Err(pcsc::Error::UnknownReader | pcsc::Error::Timeout) => break,
                Err(pcsc::Error::Cancelled) if ending.is_wanted() => return Ok(()),
                Err(error) => return Err(error),
            }
            if states[0].event_state().contains(State::CHANGED) {
                break;
            }
        }
    }
}

fn waited(result: Result<(), pcsc::Error>) -> Result<(), pcsc::Error> {
    match result {
        Err(pcsc::Error::Timeout | pcsc::Error::UnknownReader) => Ok(()),
        other => other,
    }
}

/// Sees which readers there are now; true if they are others than before, whose states are not known yet.
fn refresh(context: &Context, states: &mut Vec<ReaderState>) -> Result<bool, pcsc::Error> {
    let mut names: Vec<CString> = match context.list_readers_owned() {
        Ok(names) => names,
        Err(pcsc::Error::NoReadersAvailable) => Vec::new(),
        Err(error) => return Err(error),
    };
    names.truncate(MAX_READERS);
    let known = states[1..].iter().map(ReaderState::name);
    if names.iter().map(CString::as_c_str).eq(known) && !states[1..].iter().any(is_unknown) {
        return Ok(false);
    }
    states.truncate(1);
    states.extend(
        names
            .into_iter()
            .map(|name| ReaderState::new(name, State::UNAWARE)),
    );
    Ok(true)
}

fn is_unknown(state: &ReaderState) -> bool {
    state.event_state().intersects(State::UNKNOWN | State::IGNORE)
}

fn reader(state: &ReaderState) -> Reader {
    let now = state.event_state();
    let slot = match () {
        () if now.intersects(State::UNAVAILABLE | State::UNKNOWN) => Slot::Unavailable,
        () if now.contains(State::MUTE) => Slot::Mute,
        () if now.contains(State::EXCLUSIVE) => Slot::Exclusive,
        () if now.contains(State::PRESENT) => Slot::Card,
        () => Slot::Empty,
    };
    Reader {
        name: names::legible(&state.name().to_string_lossy()),
        slot,
        card: names::of_atr(state.atr()),
        changes: state.event_count(),
    }
}
