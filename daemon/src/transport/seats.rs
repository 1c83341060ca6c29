//! How many connections an origin has, over both roads together: one site must not take the places of all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::policy::Origin;

/// Connections of one origin.
pub const MAX_PER_ORIGIN: usize = 8;

/// Who has how many. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Seats(Arc<Mutex<HashMap<Origin, usize>>>);

impl Seats {
    /// A place among the origin's connections; none if it has [`MAX_PER_ORIGIN`] already.
    #[must_use]
    pub fn take(&self, origin: &Origin) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(origin.clone()).or_default();
        (*count < MAX_PER_ORIGIN).then(|| {
            *count += 1;
            Seat {
                origin: origin.clone(),
                seats: self.clone(),
            }
        })
    }
}

/// One of an origin's places; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    origin: Origin,
    seats: Seats,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.origin);
            }
        }
    }
}
