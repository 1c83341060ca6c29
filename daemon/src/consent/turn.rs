//! One question at a time, one waiting for each origin, few waiting in all: a page cannot bury the person in windows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AskError;
use crate::policy::Origin;

/// Questions that wait for the open one, of all origins together.
const MAX_WAITING: usize = 4;

/// Whose turn it is.
#[derive(Debug, Clone)]
pub struct Turns {
    gate: Arc<Semaphore>,
    waiting: Arc<Mutex<HashSet<Origin>>>,
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
        }
    }
}

impl Turns {
    /// Waits for the turn.
    ///
    /// # Errors
    /// [`AskError::Busy`] if a question of this origin, or too many, wait already.
    pub async fn take(&self, origin: &Origin) -> Result<Turn, AskError> {
        if let Ok(permit) = Arc::clone(&self.gate).try_acquire_owned() {
            return Ok(Turn(Some(permit)));
        }
        let _place = self.queue(origin)?;
        match Arc::clone(&self.gate).acquire_owned().await {
            Ok(permit) => Ok(Turn(Some(permit))),
            // The gate is never closed.
            Err(_) => Err(AskError::Busy),
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
