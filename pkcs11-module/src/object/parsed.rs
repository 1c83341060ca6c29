//! The parsed key of an object: a copy for each of the threads that work with it.
//!
//! A key in use is counted, and where it is RSA its blinding is under a lock; both are written at every signature. With
//! one key for two threads these lines of memory go back and forth between two processors. A copy costs one parsing
//! more, once.

use std::array;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::Result;
use crate::key::Key;

/// The most copies there are of one key; of more threads some share one.
const COPIES: usize = 16;

/// A key that is parsed when it is first used: that costs more than a signature does.
#[derive(Default)]
pub(super) struct Parsed(OnceLock<Box<[OnceLock<Arc<Key>>; COPIES]>>);

impl Parsed {
    /// This thread's copy, made by `parse` if there is none yet.
    pub(super) fn get(&self, parse: impl FnOnce() -> Result<Key>) -> Result<Arc<Key>> {
        let copies = self
            .0
            .get_or_init(|| Box::new(array::from_fn(|_| OnceLock::new())));
        let place = &copies[number_of_thread() % COPIES];
        if let Some(key) = place.get() {
            return Ok(key.clone());
        }
        let key = Arc::new(parse()?);
        // Two threads may have built it at once; both are right.
        Ok(place.get_or_init(|| key).clone())
    }
}

/// A number of this thread's own. It has nothing to drop, so a thread that ends calls nothing of ours.
fn number_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}
