//! How many tax codes a page may name in vain. Where a certificate carries the code the person is asked; where none does
//! there is nothing to ask, and a page that goes through a list of codes would learn whose tokens these are.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use trien_protocol::limits::{MAX_TAX_CODES, TAX_CODE_SECONDS};

use super::JobError;
use crate::policy::Origin;

/// How long a code counts.
const MEMORY: Duration = Duration::from_secs(TAX_CODE_SECONDS);

/// What each origin has asked for in vain lately.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<HashMap<Origin, Vec<Guess>>>);

#[derive(Debug)]
struct Guess {
    /// SHA-256 of the code: a page may name anything.
    code: [u8; 32],
    at: Instant,
}

impl Guesses {
    /// Counts a code before it is looked for; [`Guesses::found`] takes it off again. The same one counts once, so that a
    /// page may ask again when a token has come. True if it is new.
    ///
    /// # Errors
    /// [`JobError::TaxCodes`] if it is one too many.
    pub(super) fn count(&self, origin: &Origin, code: &str, now: Instant) -> Result<bool, JobError> {
        let code = fingerprint(code);
        let mut all = self.lock();
        all.retain(|_, guesses| {
            guesses.retain(|guess| now.saturating_duration_since(guess.at) < MEMORY);
            !guesses.is_empty()
        });
        let guesses = all.get(origin).map_or(&[][..], Vec::as_slice);
        if guesses.iter().any(|guess| guess.code == code) {
            return Ok(false);
        }
        if guesses.len() >= MAX_TAX_CODES {
            return Err(JobError::TaxCodes);
        }
        all.entry(origin.clone())
            .or_default()
            .push(Guess { code, at: now });
        Ok(true)
    }

    /// A certificate carries it, and the person is asked.
    pub(super) fn found(&self, origin: &Origin, code: &str) {
        let code = fingerprint(code);
        if let Some(guesses) = self.lock().get_mut(origin) {
            guesses.retain(|guess| guess.code != code);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Vec<Guess>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fingerprint(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::origin::Schemes;

    #[test]
    fn three_codes_in_vain_in_ten_minutes_and_each_as_often_as_one_likes() {
        let guesses = Guesses::default();
        let [a, b] =
            ["https://a.vn", "https://b.vn"].map(|text| Origin::parse(text, Schemes::Https).unwrap());
        let start = Instant::now();
        let count = |origin: &Origin, code: &str, at: Duration| guesses.count(origin, code, start + at).ok();
        for code in ["1", "2", "3"] {
            assert_eq!(count(&a, code, Duration::ZERO), Some(true));
            assert_eq!(count(&a, code, Duration::ZERO), Some(false));
        }
        assert_eq!(count(&a, "4", MEMORY / 2), None);
        assert_eq!(count(&a, "3", MEMORY / 2), Some(false));
        assert_eq!(count(&b, "4", MEMORY / 2), Some(true), "each origin for itself");
        guesses.found(&a, "2");
        assert_eq!(count(&a, "4", MEMORY / 2), Some(true));
        assert_eq!(count(&a, "5", MEMORY / 2), None);
        // The first have been forgotten, and the fourth has not.
        for (code, counted) in [("5", Some(true)), ("6", Some(true)), ("7", None)] {
            assert_eq!(count(&a, code, MEMORY), counted, "{code}");
        }
    }
}
