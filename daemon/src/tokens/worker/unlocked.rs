//! The cards that this process may have unlocked, for when it has to end while its module hangs: nobody else knows of them
//! then, and a card that nobody has told to forget a PIN lets every program of the computer in.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::tokens::pcsc::log_out;

/// Reader and maker of each, as its module calls them.
static CARDS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// A card is unlocked, as long as this is there.
pub(super) struct Unlocked(String, String);

impl Unlocked {
    /// From before the PIN is told.
    pub(super) fn begin(reader: &str, maker: &str) -> Self {
        let mut cards = CARDS.lock().unwrap_or_else(PoisonError::into_inner);
        cards.push((reader.to_owned(), maker.to_owned()));
        Self(reader.to_owned(), maker.to_owned())
    }
}

impl Drop for Unlocked {
    fn drop(&mut self) {
        let mut cards = CARDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = cards
            .iter()
            .position(|(reader, maker)| (reader, maker) == (&self.0, &self.1))
        {
            cards.swap_remove(own);
        }
    }
}

/// How long another program's transaction is waited for. The module that hangs here stays as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has each of them forget its PIN, without asking the module for anything.
pub(super) fn forget_all() {
    let cards = std::mem::take(&mut *CARDS.lock().unwrap_or_else(PoisonError::into_inner));
    for (reader, maker) in cards {
        log_out::log_out_behind(reader, maker);
    }
    log_out::finish(Some(PATIENCE), || ());
}
