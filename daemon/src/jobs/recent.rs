//! What the tokens showed a moment ago.
//!
//! A page that signs has asked for the certificate just before, and names it. Until a card comes or goes, or something
//! fails, the question to the person is made from what was seen then: a card is not read twice for it, which takes some
//! of them half a second. Nothing rests on it that did not rest on the question before, which may stand for minutes: the
//! token is looked for by its name, and how its PIN stands is asked anew, when the person has approved and before his PIN
//! is tried ([`super::login`]). What may have changed to his disadvantage is not taken from here: a PIN of which few tries
//! are left is asked about each time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::tokens::{HeldCertificate, PinState, Token, TokenId};

/// How long what was seen counts.
const MOMENT: Duration = Duration::from_secs(5);

/// A certificate and its token.
pub(super) type Held = (Arc<dyn Token>, HeldCertificate);

/// The last look at all tokens.
#[derive(Default)]
pub struct Recent(Mutex<Sight>);

#[derive(Default)]
struct Sight {
    /// How often tokens had come or gone by then.
    changes: u64,
    held: Vec<Held>,
    /// When each token was seen, or has signed.
    seen: Vec<(TokenId, Instant)>,
}

impl Recent {
    /// Keeps what was seen of all tokens. `changes` is of before the look.
    pub(super) fn keep(&self, held: &[Held], changes: u64) {
        let now = Instant::now();
        let seen = held.iter().map(|(token, _)| (token.entry().id.clone(), now));
        *self.lock() = Sight {
            changes,
            seen: seen.collect(),
            held: held.to_vec(),
        };
    }

    /// All that was seen, if it was a moment ago that the token with this certificate (SHA-256, lower-case hexadecimal)
    /// was, no token has come or gone since, and its PIN is one that can be typed without another thought.
    pub(super) fn with(&self, certificate: &str, changes: u64) -> Option<Vec<Held>> {
        let sight = self.lock();
        let is_it = |(_, held): &&Held| held.certificate.sha256_hex() == certificate;
        let (token, _) = sight.held.iter().find(is_it)?;
        let entry = token.entry();
        let at = sight.seen.iter().find(|(token, _)| *token == entry.id)?.1;
        let carefree = matches!(entry.pin, PinState::Ready | PinState::NotNeeded);
        (sight.changes == changes && carefree && at.elapsed() < MOMENT).then(|| sight.held.clone())
    }

    /// A token has signed: it is there.
    pub(super) fn signed(&self, token: &TokenId) {
        let mut sight = self.lock();
        if let Some((_, at)) = sight.seen.iter_mut().find(|(seen, _)| seen == token) {
            *at = Instant::now();
        }
    }

    /// Something failed: the next request looks for itself.
    pub(super) fn forget(&self) {
        *self.lock() = Sight::default();
    }

    fn lock(&self) -> MutexGuard<'_, Sight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
