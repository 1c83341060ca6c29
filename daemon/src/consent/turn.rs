//! One question at a time, one waiting for each origin, few waiting in all: a page cannot bury the person in windows.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AskError;
use crate::policy::Origin;
use crate::transport::Channel;

/// Questions that wait for the open one, of all origins together.
const MAX_WAITING: usize = 4;

/// So many refusals by the person, one soon after the other, and the origin may not ask for a while.
const MAX_REFUSALS: usize = 2;

/// How soon after each other.
const SOON: Duration = Duration::from_secs(5 * 60);

/// How long it may not ask.
const MUTED: Duration = Duration::from_secs(10 * 60);

/// Origins whose refusals are remembered.
const MAX_REFUSED: usize = 1000;

/// Whose turn it is.
#[derive(Debug, Clone)]
pub struct Turns {
    gate: Arc<Semaphore>,
    waiting: Arc<Mutex<HashSet<Origin>>>,
    refusals: Arc<Mutex<HashMap<Origin, Vec<Instant>>>>,
}

/// The right to ask the person now; ends when dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl Turn {
    /// For who disturbs nobody: the person asked for it himself.
    #[must_use]
    pub fn free() -> Self {
        Self(None)
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(1)),
            waiting: Arc::default(),
            refusals: Arc::default(),
        }
    }
}

impl Turns {
    /// Waits for the turn.
    ///
    /// # Errors
    /// [`AskError::Busy`] if a question of this origin, or too many, wait already; [`AskError::Muted`] if the person has
    /// said no to it too often.
    pub async fn take(&self, origin: &Origin) -> Result<Turn, AskError> {
        if self.is_muted(origin, Instant::now()) {
            return Err(AskError::Muted);
        }
        if let Ok(permit) = Arc::clone(&self.gate).try_acquire_owned() {
            return Ok(Turn(Some(permit)));
        }
        let _place = self.queue(origin)?;
        match Arc::clone(&self.gate).acquire_owned().await {
            // The question before this one may have been of the same origin, and its second no.
            Ok(_) if self.is_muted(origin, Instant::now()) => Err(AskError::Muted),
            Ok(permit) => Ok(Turn(Some(permit))),
            // The gate is never closed.
            Err(_) => Err(AskError::Busy),
        }
    }

    /// Whether [`Turns::take`] would be refused now.
    ///
    /// # Errors
    /// As [`Turns::take`].
    pub fn look(&self, origin: &Origin) -> Result<(), AskError> {
        if self.is_muted(origin, Instant::now()) {
            return Err(AskError::Muted);
        }
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let full = waiting.len() >= MAX_WAITING || waiting.contains(origin);
        if full && self.gate.available_permits() == 0 {
            return Err(AskError::Busy);
        }
        Ok(())
    }

    /// The person said no: he is not asked for ever.
    pub fn refused(&self, channel: &Channel) -> AskError {
        if let Some(origin) = channel.origin() {
            self.note_refusal(origin, Instant::now());
        }
        AskError::Refused
    }

    /// The person said yes: what he refused before is forgotten.
    pub fn agreed(&self, channel: &Channel) {
        if let Some(origin) = channel.origin() {
            self.lock_refusals().remove(origin);
        }
    }

    fn note_refusal(&self, origin: &Origin, now: Instant) {
        let mut refusals = self.lock_refusals();
        refusals.retain(|_, times| times.last().is_some_and(|last| now.duration_since(*last) < MUTED));
        if refusals.len() < MAX_REFUSED || refusals.contains_key(origin) {
            let times = refusals.entry(origin.clone()).or_default();
            times.retain(|time| now.duration_since(*time) < SOON);
            times.push(now);
        }
    }

    fn is_muted(&self, origin: &Origin, now: Instant) -> bool {
        let refusals = self.lock_refusals();
        refusals.get(origin).is_some_and(|times| {
            let last = times.last().is_some_and(|last| now.duration_since(*last) < MUTED);
            last && times.len() >= MAX_REFUSALS
        })
    }

    fn lock_refusals(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, Vec<Instant>>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, origin: &Origin) -> Result<Place, AskError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MAX_WAITING || !waiting.insert(origin.clone()) {
            return Err(AskError::Busy);
        }
        Ok(Place {
            origin: origin.clone(),
            waiting: Arc::clone(&self.waiting),
        })
    }
}

struct Place {
    origin: Origin,
    waiting: Arc<Mutex<HashSet<Origin>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.origin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::origin::Schemes;
    use crate::transport::program::Peer;

    #[test]
    fn n047_an_origin_refused_twice_within_five_minutes_is_muted_for_ten() {
        let turns = Turns::default();
        let origin = |text: &str| Origin::parse(text, Schemes::Https).unwrap();
        let (a, b) = (origin("https://a.vn"), origin("https://b.vn"));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        turns.note_refusal(&a, at(0));
        assert!(!turns.is_muted(&a, at(1)));
        turns.note_refusal(&a, at(299));
        assert!(turns.is_muted(&a, at(300)) && !turns.is_muted(&b, at(300)));
        assert!(turns.is_muted(&a, at(898)) && !turns.is_muted(&a, at(900)));
        turns.note_refusal(&b, at(0));
        turns.note_refusal(&b, at(301));
        assert!(!turns.is_muted(&b, at(302)), "not soon after each other");
        turns.note_refusal(&b, at(303));
        turns.agreed(&Channel::WebSocket {
            origin: b.clone(),
            peer: Peer::default(),
        });
        assert!(!turns.is_muted(&b, at(304)));
    }

    /// Who waits behind the question that gets the second no is not asked.
    #[tokio::test]
    async fn n047_a_question_that_waits_is_muted_by_the_no_to_the_one_before() {
        let turns = Turns::default();
        let a = Origin::parse("https://a.vn", Schemes::Https).unwrap();
        let open = turns.take(&a).await.unwrap();
        let waiting = tokio::spawn({
            let (turns, a) = (turns.clone(), a.clone());
            async move { turns.take(&a).await.map(drop) }
        });
        while turns.waiting.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        for _ in 0..2 {
            turns.note_refusal(&a, Instant::now());
        }
        drop(open);
        assert!(matches!(waiting.await.unwrap(), Err(AskError::Muted)));
        let b = Origin::parse("https://b.vn", Schemes::Https).unwrap();
        turns.take(&b).await.unwrap();
    }

    #[tokio::test]
    async fn one_open_one_waiting_an_origin_the_rest_busy() {
        let turns = Turns::default();
        let origin = |text: &str| Origin::parse(text, Schemes::Https).unwrap();
        let (a, b) = (origin("https://a.vn"), origin("https://b.vn"));
        let open = turns.take(&a).await.unwrap();
        let second = tokio::spawn({
            let (turns, a) = (turns.clone(), a.clone());
            async move { turns.take(&a).await }
        });
        while turns.waiting.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(matches!(turns.take(&a).await, Err(AskError::Busy)));
        assert!(matches!(turns.look(&a), Err(AskError::Busy)) && turns.look(&b).is_ok());
        let other = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(&b).await.map(drop) }
        });
        drop(open);
        drop(second.await.unwrap().unwrap());
        other.await.unwrap().unwrap();
        assert!(turns.waiting.lock().unwrap().is_empty());
    }
}
