//! One question at a time, one waiting for each origin, few waiting in all: a page cannot bury the person in windows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::AskError;
use super::standing::{Standings, Who};
use crate::policy::{Needed, Origin};

/// Questions that wait for the open one, of all origins together.
const MAX_WAITING: usize = 4;

/// Whose turn it is.
#[derive(Debug, Clone)]
pub struct Turns {
    gate: Arc<Semaphore>,
    /// Whether the turn is that of a window which leaves: see [`Leaving`].
    leaving: Arc<watch::Sender<bool>>,
    waiting: Arc<Mutex<HashSet<Origin>>>,
    standings: Arc<Standings>,
}

/// The right to ask the person now; ends when dropped.
#[derive(Debug)]
pub struct Turn {
    /// None for who is at no window.
    who: Option<Who>,
    /// What the page must be allowed while its question is open; none for who needs no permission, or has none yet.
    needed: Option<Needed>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// For who disturbs nobody: the person asked for it himself.
    #[must_use]
    pub fn free() -> Self {
        Self {
            who: None,
            needed: None,
            permit: None,
        }
    }

    /// For a question that goes when this is not there any more.
    #[must_use]
    pub fn while_there_is(self, needed: Option<Needed>) -> Self {
        Self { needed, ..self }
    }
}

/// The turn of a question that is answered, as long as its window says how the request ended and leaves by itself. The
/// next question waits for that, and nobody is told that another is being worked on; ends when dropped.
#[derive(Debug)]
pub struct Leaving {
    turn: Turn,
    leaving: Arc<watch::Sender<bool>>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        // First: who hears that it is over finds the turn free.
        if self.turn.permit.take().is_some() {
            self.leaving.send_replace(false);
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(1)),
            leaving: Arc::new(watch::Sender::new(false)),
            waiting: Arc::default(),
            standings: Arc::default(),
        }
    }
}

impl Turns {
    /// Waits for the turn of a page that has its permissions.
    ///
    /// # Errors
    /// [`AskError::Busy`] if a question of this origin, or too many, wait already; [`AskError::Muted`] if the person has
    /// said no to it too often; [`AskError::Restless`] if it has taken too many questions back.
    pub async fn take(&self, origin: &Origin) -> Result<Turn, AskError> {
        self.wait(Who::known(origin)).await
    }

    /// Waits for the turn of a page that nobody has decided about.
    ///
    /// # Errors
    /// As [`Turns::take`], but what was refused or taken back counts for its whole registered domain, and what was refused
    /// for all such pages together, too.
    pub async fn take_for_stranger(&self, origin: &Origin) -> Result<Turn, AskError> {
        self.wait(Who::stranger(origin)).await
    }

    async fn wait(&self, who: Who) -> Result<Turn, AskError> {
        let turn = |permit, who| Turn {
            who: Some(who),
            needed: None,
            permit: Some(permit),
        };
        let mut leaving = self.leaving.subscribe();
        loop {
            self.standings.allow(&who, Instant::now())?;
            // Before the turn: it is free when it is heard that nobody leaves any more.
            let is_leaving = *leaving.borrow_and_update();
            if let Ok(permit) = Arc::clone(&self.gate).try_acquire_owned() {
                return Ok(turn(permit, who));
            }
            if !is_leaving {
                break;
            }
            // The sender is ours.
            let _ = leaving.changed().await;
        }
        let _place = self.queue(&who.origin)?;
        match Arc::clone(&self.gate).acquire_owned().await {
            // The question before this one may have been of the same origin, and its second no.
            Ok(permit) => self
                .standings
                .allow(&who, Instant::now())
                .map(|()| turn(permit, who)),
            // The gate is never closed.
            Err(_) => Err(AskError::Busy),
        }
    }

    /// Whether [`Turns::take`] would be refused now.
    ///
    /// # Errors
    /// As [`Turns::take`].
    pub fn look(&self, origin: &Origin) -> Result<(), AskError> {
        self.standings.allow(&Who::known(origin), Instant::now())?;
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let full = waiting.len() >= MAX_WAITING || waiting.contains(origin);
        if full && self.gate.available_permits() == 0 && !*self.leaving.borrow() {
            return Err(AskError::Busy);
        }
        Ok(())
    }

    /// The question of this turn is answered, and its window is about to leave.
    #[must_use]
    pub fn leave(&self, turn: Turn) -> Leaving {
        if turn.permit.is_some() {
            self.leaving.send_replace(true);
        }
        Leaving {
            turn,
            leaving: Arc::clone(&self.leaving),
        }
    }

    /// The person said no in this turn: he is not asked for ever.
    pub fn refused(&self, turn: &Turn) -> AskError {
        if let Some(who) = &turn.who {
            self.standings.refused(who, Instant::now());
        }
        AskError::Refused
    }

    /// The person said yes in this turn, and stayed with it: what he refused before is forgotten.
    pub fn agreed(&self, turn: &Turn) {
        if let Some(who) = &turn.who {
            self.standings.agreed(who);
        }
    }

    /// The question of this turn went before there was an answer. The page took it back, unless it has lost a permission
    /// that it needs: that is the person's own doing, and does not count against it.
    pub fn withdrawn(&self, turn: &Turn) {
        let permitted = turn.needed.as_ref().is_none_or(Needed::is_there);
        if let Some(who) = turn.who.as_ref().filter(|_| permitted) {
            self.standings.withdrawn(who, Instant::now());
        }
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
            turns.refused(&open);
        }
        drop(open);
        assert!(matches!(waiting.await.unwrap(), Err(AskError::Muted)));
        let b = Origin::parse("https://b.vn", Schemes::Https).unwrap();
        turns.take(&b).await.unwrap();
    }

    /// A page that has its reply may ask twice at once, though the window is still on the screen.
    #[tokio::test]
    async fn a_window_that_leaves_is_no_question_that_others_wait_behind() {
        let turns = Turns::default();
        let a = Origin::parse("https://a.vn", Schemes::Https).unwrap();
        let leaving = turns.leave(turns.take(&a).await.unwrap());
        let ask = || {
            let (turns, a) = (turns.clone(), a.clone());
            tokio::spawn(async move { turns.take(&a).await.map(drop) })
        };
        let both = [ask(), ask()];
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert!(both.iter().all(|one| !one.is_finished()) && turns.look(&a).is_ok());
        drop(leaving);
        for one in both {
            one.await.unwrap().unwrap();
        }
        assert!(turns.waiting.lock().unwrap().is_empty());
        // Of a turn that disturbs nobody nobody waits for the end.
        let free = turns.leave(Turn::free());
        drop(turns.take(&a).await.unwrap());
        drop(free);
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
