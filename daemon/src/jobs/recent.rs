//! What the tokens showed a moment ago.
//!
//! A page that signs has asked for the certificate just before, and names it. Until a card comes or goes, or something
//! fails, its certificates are not read again, which takes some tokens half a second. Whether the token is still there,
//! and how its PIN stands, it is asked each time ([`Token::anew`]): a module may drive what no reader tells of, and
//! another program may have spent tries. So what can be out of date is which certificates lie on it, for as long as an
//! open question leaves them out of date anyway; the key is looked for when the person has approved.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::tokens::{HeldCertificate, Token, TokenId};

/// How long what was seen counts, since the token was seen or has signed.
const MOMENT: Duration = Duration::from_secs(5);

/// How long it counts at the most, however often it has signed.
const LONGEST: Duration = Duration::from_secs(60);

/// A certificate and its token.
pub(super) type Held = (Arc<dyn Token>, HeldCertificate);

/// The last look at all tokens.
#[derive(Default)]
pub struct Recent(Mutex<Sight>);

#[derive(Default)]
struct Sight {
    at: Option<Instant>,
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
            at: Some(now),
            changes,
            seen: seen.collect(),
            held: held.to_vec(),
        };
    }

    /// All that was seen, if it was a moment ago that the token with this certificate (SHA-256, lower-case hexadecimal)
    /// was, and no token has come or gone since. That token itself comes first.
    fn with(&self, certificate: &str, changes: u64) -> Option<(Arc<dyn Token>, Vec<Held>)> {
        let sight = self.lock();
        let is_it = |(_, held): &&Held| held.certificate.sha256_hex() == certificate;
        let (token, _) = sight.held.iter().find(is_it)?;
        let seen = sight.seen.iter().find(|(seen, _)| *seen == token.entry().id)?.1;
        let counts = sight.changes == changes
            && seen.elapsed() < MOMENT
            && sight.at.is_some_and(|at| at.elapsed() < LONGEST);
        counts.then(|| (Arc::clone(token), sight.held.clone()))
    }

    /// As [`Self::with`], the token asked anew; none if it does not answer.
    pub(super) async fn anew(&self, certificate: &str, changes: u64) -> Option<Vec<Held>> {
        let (token, mut held) = self.with(certificate, changes)?;
        let now = token.anew().await.ok()?;
        for (other, _) in &mut held {
            if other.entry().id == now.entry().id {
                *other = Arc::clone(&now);
            }
        }
        Some(held)
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
