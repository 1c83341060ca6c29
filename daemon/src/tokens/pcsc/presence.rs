//! Whether a card stays in its reader, for whoever has an answer that may, or may not, mean that it went, or none at all; and
//! whether it was there all the time since somebody logged in.

use std::ffi::{CStr, CString};
use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, State};

use super::{card, names};

/// Longer than the service needs to notice that a card went: a reader that does not tell is looked at every 400 ms.
const NOTICE: Duration = Duration::from_millis(600);

/// From one look to the next, while that is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// True if the card in the reader of this name, as people see it, is there, no other program has it for itself, and it
/// is the same one [`NOTICE`] later. False where that cannot be said.
pub(in crate::tokens) fn stays(reader: &str) -> bool {
    watched(reader).unwrap_or(false)
}

/// True once the service says that no card is in the reader of this name, as its module calls it, or that the reader itself
/// is not there. Looks for as long as the service needs to notice. False where that cannot be said: the service does not
/// answer, or the name is a module's own, of a token that may be in no reader at all.
pub(in crate::tokens) fn has_gone(reader: &str) -> bool {
    let Ok(context) = card::establish() else {
        return false;
    };
    let until = Instant::now() + NOTICE;
    while is_there(&context, reader).unwrap_or(true) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

/// Whether a card is in the reader of this name, or in one of those that it may be.
fn is_there(context: &Context, reader: &str) -> Result<bool, pcsc::Error> {
    let readers = match context.list_readers_owned() {
        Err(pcsc::Error::NoReadersAvailable) => Vec::new(),
        listed => listed?,
    };
    let called = called(&readers, reader);
    if called.is_empty() {
        return Ok(!names::are_the_services(reader));
    }
    Ok(called.iter().any(|reader| number(context, reader).is_some()))
}

/// One stay of a card in its reader. A card that was away and is back has begun another: it has forgotten who logged in,
/// and a module that remembers his PIN may tell it again without asking him.
#[derive(Clone)]
pub(in crate::tokens) struct Stay {
    context: Context,
    /// Where the card may be, with the reader's count of insertions and removals.
    places: Vec<(CString, u32)>,
    /// They are called so. Otherwise they are all that have a card, for it is in one of them.
    named: bool,
}

impl Stay {
    /// The present one of the card in the reader of this name, as a module calls it. Some modules have names of their own
    /// for their slots, and of two readers' long names both may begin so: then it is whichever card it may be, and has
    /// ended as soon as one of them has gone. None where that cannot be said.
    pub(in crate::tokens) fn begun(reader: &str) -> Option<Self> {
        let context = card::establish().ok()?;
        let readers = context.list_readers_owned().ok()?;
        let called = called(&readers, reader);
        let named = !called.is_empty();
        let candidates = if named { called } else { readers };
        let places: Vec<_> = candidates
            .into_iter()
            .filter_map(|reader| number(&context, &reader).map(|number| (reader, number)))
            .collect();
        (!places.is_empty()).then_some(Self {
            context,
            places,
            named,
        })
    }

    /// False since a card, a reader or the service has gone, whether or not they are back.
    pub(in crate::tokens) fn goes_on(&self) -> bool {
        self.lasting().count() == self.places.len()
    }

    /// The readers in which the card may still be; none where nobody can tell in which of several cards it is.
    pub(super) fn readers(&self) -> Option<Vec<&CStr>> {
        (self.named || self.places.len() == 1).then(|| self.lasting().collect())
    }

    /// Whether the card in this reader is there until the service would have noticed that it went. Waits for that.
    pub(super) fn outlasts_notice(&self, reader: &CStr) -> bool {
        let until = Instant::now() + NOTICE;
        while self.lasting().any(|lasting| lasting == reader) {
            if Instant::now() >= until {
                return true;
            }
            std::thread::sleep(LOOK);
        }
        false
    }

    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    fn lasting(&self) -> impl Iterator<Item = &CStr> {
        let lasts = |(reader, then): &&(CString, u32)| number(&self.context, reader) == Some(*then);
        self.places
            .iter()
            .filter(lasts)
            .map(|(reader, _)| reader.as_c_str())
    }
}

/// The reader's count; none if there is no card in it.
fn number(context: &Context, reader: &CStr) -> Option<u32> {
    let mut state = [ReaderState::new(reader.to_owned(), State::UNAWARE)];
    context.get_status_change(Duration::ZERO, &mut state).ok()?;
    let [now] = &state;
    now.event_state()
        .contains(State::PRESENT)
        .then(|| now.event_count())
}

/// The reader of this name; else those that it is the beginning of: PKCS #11 has room for 64 bytes of the name
/// (CK_SLOT_INFO.slotDescription); else those that it names among other words, as some modules do.
fn called(readers: &[CString], name: &str) -> Vec<CString> {
    if name.is_empty() {
        return Vec::new();
    }
    let of = |is_it: fn(&str, &str) -> bool| {
        let legible = |reader: &&CString| is_it(&names::legible(&reader.to_string_lossy()), name);
        readers.iter().filter(legible).cloned().collect::<Vec<_>>()
    };
    let ways: [fn(&str, &str) -> bool; 3] = [
        |reader, name| reader == name,
        |reader, name| reader.starts_with(name),
        |reader, name| name.contains(reader),
    ];
    let mut found = ways.into_iter().map(of).filter(|found| !found.is_empty());
    found.next().unwrap_or_default()
}

fn watched(reader: &str) -> Result<bool, pcsc::Error> {
    let context = card::establish()?;
    let mut states: Vec<_> = called(&context.list_readers_owned()?, reader)
        .into_iter()
        .map(|name| ReaderState::new(name, State::UNAWARE))
        .collect();
    if states.is_empty() {
        return Ok(false);
    }
    context.get_status_change(Duration::ZERO, &mut states)?;
    // Of several that it may be, those with a card.
    states.retain(|state| state.event_state().contains(State::PRESENT));
    let insertions: Vec<_> = states.iter().map(ReaderState::event_count).collect();
    if states.is_empty() {
        return Ok(false);
    }
    let until = Instant::now() + NOTICE;
    loop {
        for (now, insertion) in states.iter_mut().zip(&insertions) {
            let there = now.event_state().contains(State::PRESENT) && now.event_count() == *insertion;
            if !there || now.event_state().contains(State::EXCLUSIVE) {
                return Ok(false);
            }
            now.sync_current_state();
        }
        // Other programs that come and go change the state, too.
        match context.get_status_change(until.saturating_duration_since(Instant::now()), &mut states) {
            Ok(()) if Instant::now() < until => {}
            Ok(()) | Err(pcsc::Error::Timeout) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
