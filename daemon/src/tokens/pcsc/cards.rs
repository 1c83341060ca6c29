//! The readers with a card in them, and a worker process for each: what the registry sees of smart cards.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pcsc::{Context, ReaderState, State};
use tokio::task::{JoinError, JoinHandle};

use super::super::client::{Deadlines, Worker};
use super::failure::CardError;
use super::{card, outage, usb};
use crate::tokens::TokenError;
use crate::tokens::wire::{Insertion, Octets};

/// Readers that are looked at; pcscd has no more.
pub(super) const MAX_READERS: usize = 16;

/// Room for a reader's name: twice `MAX_READERNAME` of pcsc-lite.
const NAME: usize = 256;

/// How long the service may take to say which readers there are.
const LISTING: Duration = Duration::from_secs(5);

/// How long a service takes to end, once it has begun to refuse.
const ENDING: Duration = Duration::from_millis(50);

/// The card driver: one worker process for each reader that has had a card in it, kept while the reader is there.
#[derive(Debug, Clone)]
pub(in crate::tokens) struct Cards {
    program: PathBuf,
    deadlines: Deadlines,
    workers: Arc<Mutex<BTreeMap<String, Worker>>>,
    /// To ask the service by; whoever asks has it for himself meanwhile.
    context: Arc<KeptContext>,
    /// The question for the readers that is under way. A service that stands still has one of them waiting for it, not
    /// one of each who asks.
    asked: Arc<tokio::sync::Mutex<Option<JoinHandle<Answered>>>>,
}

#[derive(Default)]
struct KeptContext {
    context: Mutex<Option<Context>>,
    /// The service has answered.
    answered: AtomicBool,
}

impl KeptContext {
    fn lock(&self) -> MutexGuard<'_, Option<Context>> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The readers, as the service says now.
    fn readers(&self) -> Result<Readers, pcsc::Error> {
        let kept = self.lock().take();
        match list(kept) {
            Ok((context, readers)) => {
                *self.lock() = Some(context);
                self.answered.store(true, Ordering::Relaxed);
                Ok(readers)
            }
            // What has answered is there, whatever it has left behind.
            Err(pcsc::Error::NoService) if self.answered.load(Ordering::Relaxed) => {
                Err(pcsc::Error::ServiceStopped)
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for KeptContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptContext")
    }
}

impl Cards {
    /// `program` is the `trien` binary. Nothing is started yet.
    pub(in crate::tokens) fn new(program: &Path, deadlines: Deadlines) -> Self {
        Self {
            program: program.to_owned(),
            deadlines,
            workers: Arc::default(),
            context: Arc::default(),
            asked: Arc::default(),
        }
    }

    /// A worker for each reader with a card, and what was seen of it. A computer without the service has none; that is no
    /// failure where there is no reader either, nor was one when the service ended, if it has not broken off.
    ///
    /// # Errors
    /// [`TokenError`] if the service cannot be asked.
    pub(in crate::tokens) async fn workers(&self) -> Result<Vec<(Worker, Insertion)>, TokenError> {
        let (readers, occupied) = match tokio::time::timeout(LISTING, self.listed()).await {
            Ok(Ok(Ok(readers))) => readers,
            Ok(Ok(Err(pcsc::Error::NoReadersAvailable))) => Default::default(),
            Ok(Ok(Err(pcsc::Error::NoService | pcsc::Error::ServiceStopped))) if !self.is_missed() => {
                Default::default()
            }
            Ok(Ok(Err(error))) => return Err(CardError::Service(error).into()),
            Ok(Err(_)) => return Err(TokenError::Crashed),
            Err(_) => {
                return Err(TokenError::Hung {
                    seconds: LISTING.as_secs(),
                });
            }
        };
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        // A process whose reader is gone ends when nobody holds its worker any more.
        workers.retain(|reader, _| readers.contains(reader));
        let of_reader = |(reader, inserted): (String, Insertion)| {
            let new = || Worker::of_reader(reader.clone(), &self.program, self.deadlines);
            (
                workers.entry(reader.clone()).or_insert_with(new).clone(),
                inserted,
            )
        };
        Ok(occupied.into_iter().map(of_reader).collect())
    }
}

impl Cards {
    /// The readers as the service says now. Whoever gives up leaves the question to the next, who waits for its end first.
    async fn listed(&self) -> Result<Answered, JoinError> {
        let mut asked = self.asked.lock().await;
        if let Some(earlier) = asked.as_mut() {
            let _ = earlier.await;
        }
        let shared = Arc::clone(&self.context);
        let question = asked.insert(tokio::task::spawn_blocking(move || shared.readers()));
        let answered = question.await;
        *asked = None;
        answered
    }

    /// A service that does not run is one that somebody lacks.
    fn is_missed(&self) -> bool {
        !self.known().is_empty() || outage::broke_off() || !usb::readers().is_empty()
    }

    /// The workers so far.
    pub(in crate::tokens) fn known(&self) -> Vec<Worker> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.values().cloned().collect()
    }
}

/// All readers, and those with a card in them.
type Readers = (Vec<String>, Vec<(String, Insertion)>);

/// What the service says of its readers.
type Answered = Result<Readers, pcsc::Error>;

/// By the context of the last time, or if that is of no use any more, by a new one.
fn list(kept: Option<Context>) -> Result<(Context, Readers), pcsc::Error> {
    if let Some(context) = kept
        && let Ok(readers) = readers(&context)
    {
        return Ok((context, readers));
    }
    let context = match card::establish() {
        // One that is just ending may seem to refuse: a moment later it does, or is gone.
        Err(pcsc::Error::SecurityViolation) => {
            std::thread::sleep(ENDING);
            card::establish()
        }
        other => other,
    }?;
    let readers = readers(&context)?;
    Ok((context, readers))
}

/// Touches no card.
fn readers(context: &Context) -> Result<Readers, pcsc::Error> {
    // With room for the names from the start, the service is asked once.
    let mut names = [0; MAX_READERS * NAME];
    let mut states: Vec<ReaderState> = Vec::new();
    for name in context.list_readers(&mut names)?.take(MAX_READERS) {
        // Two of one name are one: cards are connected to by it.
        if states.iter().all(|state| state.name() != name) {
            states.push(ReaderState::new(name, State::UNAWARE));
        }
    }
    if states.is_empty() {
        return Ok(Default::default());
    }
    match context.get_status_change(Duration::ZERO, &mut states) {
        Ok(()) | Err(pcsc::Error::Timeout) => {}
        Err(error) => return Err(error),
    }
    let name = |state: &ReaderState| state.name().to_string_lossy().into_owned();
    let holds = |state: &&ReaderState| state.event_state().contains(State::PRESENT);
    let inserted = |state: &ReaderState| Insertion {
        number: state.event_count(),
        atr: Octets(state.atr().to_vec()),
    };
    Ok((
        states.iter().map(name).collect(),
        states
            .iter()
            .filter(holds)
            .map(|state| (name(state), inserted(state)))
            .collect(),
    ))
}
