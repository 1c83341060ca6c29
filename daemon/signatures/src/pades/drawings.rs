//! What was made lately and may be wanted again at once: documents of one batch mostly look alike.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::appearance::Code;
use super::font::{Character, Streams};

/// Subsets of the font and QR codes that were made lately, for whoever signs several documents and keeps them from one to
/// the next. Any number of signatures may be prepared with them at one time.
#[derive(Default)]
pub struct Drawings {
    /// By their characters in order.
    pub(super) subsets: Lately<Vec<(char, Character)>, Streams>,
    /// By what they say.
    pub(super) codes: Lately<String, Code>,
}

impl fmt::Debug for Drawings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drawings").finish_non_exhaustive()
    }
}

/// Results that are kept of one kind.
const MANY: usize = 8;

/// The latest results of a function of `K`, the newest last. Only what a key fully decides may be kept here, so that
/// nobody can tell from the outside.
pub(super) struct Lately<K, V>(Mutex<Vec<(K, Arc<V>)>>);

impl<K, V> Default for Lately<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<K: PartialEq, V> Lately<K, V> {
    /// The result for a key: one that is kept, else a new one. Failures are not kept.
    pub(super) fn get<E>(&self, key: K, make: impl FnOnce(&K) -> Result<V, E>) -> Result<Arc<V>, E> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|(known, _)| *known == key) {
            let found = kept.remove(place);
            let result = Arc::clone(&found.1);
            kept.push(found);
            return Ok(result);
        }
        drop(kept);
        // Whoever makes the same at the same time makes it twice, and keeps nobody waiting.
        let made = Arc::new(make(&key)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MANY {
            kept.remove(0);
        }
        kept.push((key, Arc::clone(&made)));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lately, MANY};

    #[test]
    fn a_result_is_made_once_while_it_is_kept_and_a_failure_is_not() {
        let lately: Lately<usize, usize> = Lately::default();
        let mut made = 0;
        let mut ask = |key: usize| {
            lately.get(key, |key| {
                made += 1;
                if *key == 99 { Err(()) } else { Ok(2 * key) }
            })
        };
        assert_eq!((ask(1).as_deref(), ask(1).as_deref()), (Ok(&2), Ok(&2)));
        assert!(ask(99).is_err() && ask(99).is_err());
        for key in 2..=MANY {
            ask(key).unwrap();
        }
        // 1 is the oldest that is kept; asked for, it is the newest, and 2 goes.
        ask(1).unwrap();
        ask(100).unwrap();
        ask(1).unwrap();
        ask(2).unwrap();
        assert_eq!(made, 1 + 2 + (MANY - 1) + 1 + 1);
    }
}
