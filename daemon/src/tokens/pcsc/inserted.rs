//! The cards that are in readers now, by what the service knows of them: no card is spoken to.

use std::time::Duration;

use pcsc::{ReaderState, State};

use super::cards::MAX_READERS;
use super::{card, names};

/// A card in a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inserted {
    /// The reader's name, as people see it.
    pub reader: String,
    /// What the card is called, if its answer to reset is known.
    pub name: Option<&'static str>,
    /// Its answer to reset, in hexadecimal.
    pub atr: String,
}

/// The same within this time; nothing where the service does not say it by then.
pub async fn inserted_within(patience: Duration) -> Vec<Inserted> {
    let asked = tokio::task::spawn_blocking(inserted);
    match tokio::time::timeout(patience, asked).await {
        Ok(Ok(Ok(cards))) => cards,
        _ => Vec::new(),
    }
}

/// Each card that answered to its reset.
///
/// # Errors
/// Of PC/SC. It may wait for the service without limit: whoever calls it has the deadline.
pub fn inserted() -> Result<Vec<Inserted>, pcsc::Error> {
    let context = card::establish()?;
    let readers = match context.list_readers_owned() {
        Err(pcsc::Error::NoReadersAvailable) => Vec::new(),
        listed => listed?,
    };
    let mut states: Vec<_> = readers
        .into_iter()
        .take(MAX_READERS)
        .map(|name| ReaderState::new(name, State::UNAWARE))
        .collect();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    match context.get_status_change(Duration::ZERO, &mut states) {
        Ok(()) | Err(pcsc::Error::Timeout) => {}
        Err(error) => return Err(error),
    }
    let answered = |state: &&ReaderState| {
        let now = state.event_state();
        now.contains(State::PRESENT) && !now.contains(State::MUTE) && !state.atr().is_empty()
    };
    let card = |state: &ReaderState| Inserted {
        reader: names::legible(&state.name().to_string_lossy()),
        name: names::of_atr(state.atr()),
        atr: hex::encode(state.atr()),
    };
    Ok(states.iter().filter(answered).map(card).collect())
}
