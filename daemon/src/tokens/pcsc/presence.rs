//! Whether a card stays in its reader, for whoever has an answer that may, or may not, mean that it went; and whether it
//! was there all the time since somebody logged in.

use std::ffi::{CStr, CString};
use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, State};

use super::{card, names};

/// Longer than the service needs to notice that a card went: a reader that does not tell is looked at every 400 ms.
const NOTICE: Duration = Duration::from_millis(600);

/// True if the card in the reader of this name, as people see it, is there, no other program has it for itself, and it
/// is the same one [`NOTICE`] later. False where that cannot be said.
pub(in crate::tokens) fn stays(reader: &str) -> bool {
    !reader.is_empty() && watched(reader).unwrap_or(false)
}

/// One stay of a card in its reader. A card that was away and is back has begun another: it has forgotten who logged in,
/// and a module that remembers his PIN may tell it again without asking him.
pub(in crate::tokens) struct Stay {
    context: Context,
    reader: CString,
    /// The reader's count of insertions and removals.
    number: u32,
}

impl Stay {
    /// The present one of the card in the reader of this name, as people see it; none where that cannot be said.
    pub(in crate::tokens) fn begun(reader: &str) -> Option<Self> {
        let context = card::establish().ok()?;
        let reader = called(&context, reader).ok()??;
        let number = Self::number(&context, &reader)?;
        Some(Self {
            context,
            reader,
            number,
        })
    }

    /// False since the card, the reader or the service has gone, whether or not they are back.
    pub(in crate::tokens) fn goes_on(&self) -> bool {
        Self::number(&self.context, &self.reader) == Some(self.number)
    }

    fn number(context: &Context, reader: &CStr) -> Option<u32> {
        let mut state = [ReaderState::new(reader.to_owned(), State::UNAWARE)];
        context.get_status_change(Duration::ZERO, &mut state).ok()?;
        let [now] = &state;
        now.event_state()
            .contains(State::PRESENT)
            .then(|| now.event_count())
    }
}

/// PKCS #11 has room for 64 bytes of the name (CK_SLOT_INFO.slotDescription).
pub(super) fn called(context: &Context, reader: &str) -> Result<Option<CString>, pcsc::Error> {
    let is_it = |name: &CString| names::legible(&name.to_string_lossy()).starts_with(reader);
    Ok(context.list_readers_owned()?.into_iter().find(is_it))
}

fn watched(reader: &str) -> Result<bool, pcsc::Error> {
    let context = card::establish()?;
    let Some(name) = called(&context, reader)? else {
        return Ok(false);
    };
    let mut state = [ReaderState::new(name, State::UNAWARE)];
    context.get_status_change(Duration::ZERO, &mut state)?;
    let insertion = state[0].event_count();
    let until = Instant::now() + NOTICE;
    loop {
        let [now] = &mut state;
        let there = now.event_state().contains(State::PRESENT) && now.event_count() == insertion;
        if !there || now.event_state().contains(State::EXCLUSIVE) {
            return Ok(false);
        }
        now.sync_current_state();
        // Other programs that come and go change the state, too.
        match context.get_status_change(until.saturating_duration_since(Instant::now()), &mut state) {
            Ok(()) if Instant::now() < until => {}
            Ok(()) | Err(pcsc::Error::Timeout) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
