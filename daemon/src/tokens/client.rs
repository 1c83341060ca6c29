//! The daemon's side of a module's process: started at the first request and kept; ended when it does not answer.
//!
//! Requests of one module go one after another, as modules want it. Each runs to its end, so that a caller who loses
//! interest leaves no half-read answer behind. A process that died is started again by the next request;
//! nobody is logged in again.

mod deadlines;
mod failures;
mod lease;
mod memory;
mod printed;
mod process;
mod start;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::pcsc::holders::{Awaited, Hindrance};
use super::session::{card_is_gone, card_stays, may_mean_removal};
use super::wire::{Answer, Call, GREETING, Insertion, Surveyed, TokenName};
use super::{Confinement, TokenEntry, TokenError, pcsc};
use crate::config::ModuleConfig;
pub use deadlines::Deadlines;
use failures::Failures;
pub(crate) use failures::switch_on;
pub(super) use lease::{Lease, lock, lock_behind};
use process::{Process, dismiss, end, may_await_a_card};
use start::Driven;

/// One module, or one reader, and its process. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Worker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    driven: Driven,
    program: PathBuf,
    deadlines: Deadlines,
    /// Beside what every worker sees of ours.
    more_environment: Vec<(&'static str, OsString)>,
    process: Mutex<Option<Process>>,
    starts: AtomicU64,
    /// Its process did not survive a survey.
    frail: AtomicBool,
    /// Sessions that are open, of whichever start.
    leases: AtomicUsize,
    failures: Lock<Failures>,
    /// What is kept about modules for every process of this user: a file of the module's name says that it is switched
    /// off; others hold the certificates that tokens show only after login.
    switches: Option<PathBuf>,
    /// What the last process that started said of its sandbox.
    confinement: Lock<Option<Confinement>>,
    /// The tokens that a module showed the last time.
    shown: Lock<Vec<TokenEntry>>,
    /// What the last glance at a card brought.
    glanced: Lock<Option<Glanced>>,
    /// The last look that took its whole deadline, and brought nothing.
    missed: Lock<Option<Missed>>,
}

/// What a card that was put in showed, and when.
#[derive(Debug)]
struct Glanced {
    inserted: Insertion,
    at: Instant,
    tokens: Vec<Surveyed>,
}

/// A look at what there is that had no answer in time, and why.
#[derive(Debug)]
struct Missed {
    /// Where it was at a card.
    inserted: Option<Insertion>,
    at: Instant,
    error: TokenError,
}

impl Worker {
    /// `program` is the `trien` binary.
    pub(super) fn new(
        module: ModuleConfig,
        program: &Path,
        deadlines: Deadlines,
        switches: Option<PathBuf>,
    ) -> Self {
        Self::with_environment(Driven::Module(module), program, deadlines, switches, Vec::new())
    }

    /// For the card in the reader of this name.
    pub(super) fn of_reader(reader: String, program: &Path, deadlines: Deadlines) -> Self {
        Self::with_environment(Driven::Reader(reader), program, deadlines, None, Vec::new())
    }

    /// Another worker for the same module, whose process is started with these variables, too.
    pub(super) fn another(&self, more_environment: Vec<(&'static str, OsString)>) -> Self {
        let Inner {
            driven,
            program,
            deadlines,
            switches,
            ..
        } = &*self.0;
        Self::with_environment(
            driven.clone(),
            program,
            *deadlines,
            switches.clone(),
            more_environment,
        )
    }

    fn with_environment(
        driven: Driven,
        program: &Path,
        deadlines: Deadlines,
        switches: Option<PathBuf>,
        more_environment: Vec<(&'static str, OsString)>,
    ) -> Self {
        let program = program.to_owned();
        Self(Arc::new(Inner {
            driven,
            program,
            deadlines,
            more_environment,
            process: Mutex::new(None),
            starts: AtomicU64::new(0),
            frail: AtomicBool::new(false),
            leases: AtomicUsize::new(0),
            failures: Lock::default(),
            switches,
            confinement: Lock::default(),
            shown: Lock::default(),
            glanced: Lock::default(),
            missed: Lock::default(),
        }))
    }

    /// The module's library; none for a reader.
    pub(super) fn library(&self) -> Option<&Path> {
        match &self.0.driven {
            Driven::Module(module) => Some(&module.path),
            Driven::Reader(_) => None,
        }
    }

    /// The reader; none for a module.
    pub(super) fn reader(&self) -> Option<&str> {
        match &self.0.driven {
            Driven::Module(_) => None,
            Driven::Reader(reader) => Some(reader),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.0.driven.name()
    }

    /// True if it was switched off because its process failed too often.
    pub(super) fn is_off(&self) -> bool {
        self.0.is_off()
    }

    /// True if it must not be asked for everything at once: see [`Self::note_frailty`].
    pub(super) fn is_frail(&self) -> bool {
        self.0.frail.load(Ordering::Relaxed)
    }

    /// Its process ended, or was ended, when it was asked for everything at once.
    pub(super) fn note_frailty(&self) {
        self.0.frail.store(true, Ordering::Relaxed);
    }

    /// What its process said of its sandbox, if one has started.
    pub(super) fn confinement(&self) -> Option<Confinement> {
        *self.0.confinement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn deadlines(&self) -> &Deadlines {
        &self.0.deadlines
    }

    /// One request and its answer.
    ///
    /// # Errors
    /// The module's; [`TokenError::Hung`] or [`TokenError::Crashed`] when there is no answer, [`TokenError::Busy`]
    /// when other requests kept the module for as long as this one was ready to wait.
    pub(super) async fn call(&self, call: Call, deadline: Duration) -> Result<Answer, TokenError> {
        let worker = self.clone();
        detached(async move {
            worker
                .0
                .exchange(call, Vec::new(), deadline, None)
                .await
                .map(|(answer, _)| answer)
        })
        .await
    }

    /// A request with descriptors beside it.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(super) async fn call_with(
        &self,
        call: Call,
        descriptors: Vec<OwnedFd>,
        deadline: Duration,
    ) -> Result<Answer, TokenError> {
        let worker = self.clone();
        detached(async move {
            worker
                .0
                .exchange(call, descriptors, deadline, None)
                .await
                .map(|(answer, _)| answer)
        })
        .await
    }
}

/// Runs to its end whether or not the caller still waits: while he does, in his own task, for one more would be two
/// wake-ups more; where he goes away in the middle, what is left becomes a task.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, TokenError>> + Send + 'static,
) -> Result<T, TokenError> {
    let mut rest = Rest(Some(Box::pin(work)));
    let outcome = match &mut rest.0 {
        Some(work) => work.await,
        None => Err(TokenError::Crashed),
    };
    rest.0 = None;
    outcome
}

/// Work that is not at its end.
struct Rest<F: Future + Send + 'static>(Option<Pin<Box<F>>>)
where
    F::Output: Send;

impl<F: Future + Send + 'static> Drop for Rest<F>
where
    F::Output: Send,
{
    fn drop(&mut self) {
        // Without a runtime everything is ending.
        if let (Some(work), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

/// The worker answered something else than was asked.
pub(super) fn unexpected() -> TokenError {
    TokenError::Failed("the module's process answered something else".to_owned())
}

impl Inner {
    async fn exchange(
        &self,
        call: Call,
        descriptors: Vec<OwnedFd>,
        deadline: Duration,
        of: Option<(u64, &TokenName)>,
    ) -> Result<(Answer, u64), TokenError> {
        let token = of.map(|(_, token)| token).or(call.token()).cloned();
        let (asked, glance) = (Instant::now(), call.glance().cloned());
        let (is_look, inserted) = (call.is_look(), call.inserted().cloned());
        let may_be_lost = call.is_a_login_or_a_signature();
        // A session whose close gave up would keep its token busy for good. Each call before it has a deadline, so
        // that this wait has an end, too.
        let patience = match call {
            Call::Close { .. } => None,
            _ => Some(deadline),
        };
        let mut kept = match patience {
            None => self.process.lock().await,
            Some(patience) => timeout(patience, self.process.lock())
                .await
                .map_err(|_| TokenError::Busy)?,
        };
        // Who has waited while another looked in vain need not do so, too.
        if is_look && let Some(error) = self.missed_since(asked, inserted.as_ref()) {
            return Err(error);
        }
        let process = self.running(&mut kept, of.map(|(start, _)| start)).await?;
        let start = process.start;
        if let Some(tokens) = glance
            .as_ref()
            .and_then(|inserted| self.glanced_since(asked, inserted))
        {
            return Ok((Answer::Survey(tokens), start));
        }
        let answered = timeout(deadline, process.exchange(call, descriptors)).await;
        if may_be_lost && matches!(&answered, Ok(Ok(Err(error))) if may_mean_removal(error)) {
            process.doubt = self.reader_of(token.as_ref());
        }
        let outcome = match answered {
            Ok(Ok(Err(TokenError::Held { .. }))) => Err(held(self.program.clone()).await),
            Ok(Ok(Ok(answer))) => {
                let answer = answer.made_legible();
                self.note_shown(&answer);
                self.note_glance(glance, &answer);
                Ok((answer, start))
            }
            Ok(Ok(Err(error))) => Err(self.driven.meant(error).made_legible()),
            Ok(Err(error)) => {
                tracing::warn!(module = self.driven.name(), %error, "the module's process ended");
                end(kept.take());
                Err(self.ended(token.as_ref()).await)
            }
            Err(_) => Err(self.unanswered(kept.take(), deadline, token.as_ref()).await),
        };
        if let (true, Err(error)) = (is_look, &outcome) {
            self.note_miss(inserted, error);
        }
        outcome
    }

    /// Keeps which tokens there are, and in which readers.
    fn note_shown(&self, answer: &Answer) {
        let shown = match answer {
            Answer::Tokens(tokens) => tokens.clone(),
            Answer::Survey(tokens) => tokens.iter().map(|token| token.entry.clone()).collect(),
            _ => return,
        };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// Keeps what a card showed, for whoever asked the same meanwhile.
    fn note_glance(&self, inserted: Option<Insertion>, answer: &Answer) {
        if let (Some(inserted), Answer::Survey(tokens)) = (inserted, answer) {
            *self.glanced.lock().unwrap_or_else(PoisonError::into_inner) = Some(Glanced {
                inserted,
                at: Instant::now(),
                tokens: tokens.clone(),
            });
        }
    }

    /// What the card of that insertion showed since: who has waited while another asked the same need not ask again.
    fn glanced_since(&self, asked: Instant, inserted: &Insertion) -> Option<Vec<Surveyed>> {
        let glanced = self.glanced.lock().unwrap_or_else(PoisonError::into_inner);
        let same = glanced
            .as_ref()
            .filter(|last| last.at >= asked && last.inserted == *inserted);
        same.map(|last| last.tokens.clone())
    }

    /// Keeps why a look had no answer in time, for whoever waited for it and would wait as long for the same.
    fn note_miss(&self, inserted: Option<Insertion>, error: &TokenError) {
        if matches!(error, TokenError::Held { .. } | TokenError::Hung { .. }) {
            *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Missed {
                inserted,
                at: Instant::now(),
                error: error.clone(),
            });
        }
    }

    /// Why a look at the same had no answer since.
    fn missed_since(&self, asked: Instant, inserted: Option<&Insertion>) -> Option<TokenError> {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        let same = missed
            .as_ref()
            .filter(|last| last.at >= asked && last.inserted.as_ref() == inserted);
        same.map(|last| last.error.clone())
    }

    /// The reader of a token in hardware, as its module calls it; none of another token, which cannot be pulled.
    fn reader_of(&self, token: Option<&TokenName>) -> Option<String> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let known = token.and_then(|token| shown.iter().find(|entry| token.is_of(&entry.name())));
        match known {
            Some(entry) => entry.hardware.then(|| entry.reader.clone().unwrap_or_default()),
            // It has been opened, and is not among what was seen the last time: nothing is known of it any more.
            None => matches!(self.driven, Driven::Module(_)).then(String::new),
        }
    }

    /// Settles what is doubted of the module's process: with a card that has been in its reader all the time, as PC/SC sees
    /// it for longer than it needs to notice, the module can be called again, whoever has a session there. Else the process
    /// is ended, and every session in it: the next call may be the one that never returns.
    async fn settle(&self, kept: &mut Option<Process>) {
        let Some(reader) = kept.as_mut().and_then(|process| process.doubt.take()) else {
            return;
        };
        if !card_stays(reader).await {
            self.renew(kept).await;
        }
    }

    /// Ends the process, which the next request starts anew. That is no failure of its own.
    async fn renew(&self, kept: &mut Option<Process>) {
        tracing::info!(
            module = self.driven.name(),
            "the module's process is started anew"
        );
        match self.driven.leaves_objects() {
            true => dismiss(kept.take()).await,
            false => end(kept.take()),
        }
    }

    /// The card that a process may have waited for when it did not answer: of that token, or of any.
    fn awaited(&self, token: Option<&TokenName>) -> Awaited {
        if let Driven::Reader(reader) = &self.driven {
            return Awaited::Ours(reader.clone());
        }
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let known = token.and_then(|token| shown.iter().find(|entry| entry.name() == *token));
        match known {
            Some(entry) if !entry.hardware => Awaited::None,
            Some(TokenEntry {
                reader: Some(reader), ..
            }) => Awaited::In(reader.clone()),
            Some(_) => Awaited::Any,
            // A module that shows tokens of software is none for cards.
            None if !shown.is_empty() && shown.iter().all(|entry| !entry.hardware) => Awaited::None,
            None => Awaited::Any,
        }
    }

    /// What it means that the process ended in the middle of a request about that token. With the token's card, or with its
    /// reader, it was the hand that took them: the person is told that, which helps him, and not that a program failed.
    ///
    /// Nor is it counted. The count keeps a module that fails from costing every request anew; a hand costs one request,
    /// and a module that would fail again without it does so with its card in place, where it is counted. Whoever takes his
    /// token out of the computer three times would otherwise be left without his module.
    async fn ended(&self, token: Option<&TokenName>) -> TokenError {
        let reader = match token {
            Some(_) => self.reader_of(token).filter(|reader| !reader.is_empty()),
            None => None,
        };
        if let Some(reader) = reader
            && card_is_gone(reader).await
        {
            tracing::info!(module = self.driven.name(), "its card had gone");
            return TokenError::Removed;
        }
        self.note_failure();
        TokenError::Crashed
    }

    /// Ends a process that did not answer in time; gives what that means. A module waits without limit for a card that
    /// another program uses, and for the service: that is no failure of its own. A card that the call had nothing to do with
    /// does not count, nor does any for a module that does not speak to the service at all.
    async fn unanswered(
        &self,
        mut process: Option<Process>,
        deadline: Duration,
        token: Option<&TokenName>,
    ) -> TokenError {
        let (module, program) = (self.driven.name(), self.program.clone());
        let mut awaited = self.awaited(token);
        if let (Driven::Module(_), Some(process)) = (&self.driven, &mut process)
            && awaited != Awaited::None
            && may_await_a_card(process).await == Some(false)
        {
            awaited = Awaited::None;
        }
        end(process);
        let look = move || pcsc::holders::hindrance(&program, &awaited);
        match tokio::task::spawn_blocking(look).await {
            Ok(Some(Hindrance::Held(programs))) => {
                tracing::info!(
                    module,
                    ?programs,
                    "another program holds the card; the module's process was ended"
                );
                return TokenError::Held { programs };
            }
            Ok(Some(Hindrance::Service)) => tracing::warn!(
                module,
                ?deadline,
                "the smart card service does not answer; the module's process was ended"
            ),
            Ok(None) | Err(_) => {
                tracing::warn!(module, ?deadline, "the module did not answer and was ended");
                self.note_failure();
            }
        }
        TokenError::Hung {
            seconds: deadline.as_secs(),
        }
    }

    /// The process of that start, or for a request that needs no session, any that lives.
    async fn running<'a>(
        &self,
        kept: &'a mut Option<Process>,
        start: Option<u64>,
    ) -> Result<&'a mut Process, TokenError> {
        if kept.as_mut().is_some_and(Process::has_ended) {
            tracing::warn!(module = self.driven.name(), "the module's process had ended");
            *kept = None;
        }
        self.settle(kept).await;
        if start.is_some() && kept.as_ref().map(|process| process.start) != start {
            return Err(TokenError::Crashed);
        }
        if kept.is_none() {
            if self.is_off() {
                return Err(TokenError::Disabled);
            }
            *kept = Some(self.start().await?);
        }
        kept.as_mut().ok_or(TokenError::Crashed)
    }

    async fn start(&self) -> Result<Process, TokenError> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let mut process = self.spawn(start)?;
        let greeted = timeout(self.deadlines.start, process.receive(GREETING)).await;
        let refusal = match greeted {
            Ok(Ok(Ok(Answer::Ready(confinement)))) => {
                *self.confinement.lock().unwrap_or_else(PoisonError::into_inner) = Some(confinement);
                return Ok(process);
            }
            Ok(Ok(Ok(_))) => unexpected(),
            Ok(Ok(Err(error))) => error.made_legible(),
            Ok(Err(_)) => {
                self.note_failure();
                TokenError::Crashed
            }
            Err(_) => return Err(self.unanswered(Some(process), self.deadlines.start, None).await),
        };
        end(Some(process));
        Err(refusal)
    }
}

/// Another program holds the card: with those that may be it.
async fn held(program: PathBuf) -> TokenError {
    let looked = tokio::task::spawn_blocking(move || pcsc::holders::named(&program)).await;
    TokenError::Held {
        programs: looked.unwrap_or_default(),
    }
}
