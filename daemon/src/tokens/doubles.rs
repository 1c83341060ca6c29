//! One card that is seen twice, by our own driver and a module or by two modules, is one token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::registry::ModuleToken;
use super::{Token, TokenEntry, TokenId};

/// Pairs of tokens that are remembered.
const MAX_PAIRS: usize = 64;

/// What was found of tokens in one reader: whether they are one. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubles(Arc<Mutex<HashMap<(TokenId, TokenId), bool>>>);

impl Doubles {
    /// Each token once: the one that comes first. Two are the same card if they are in one reader by different ways,
    /// and name the same serial number or hold one of the same certificates. A card may hold other applications, and
    /// their tokens stay.
    pub(super) async fn dropped(&self, tokens: Vec<ModuleToken>) -> Vec<ModuleToken> {
        let mut kept: Vec<ModuleToken> = Vec::with_capacity(tokens.len());
        for token in tokens {
            let mut double = false;
            for other in kept
                .iter()
                .filter(|other| in_one_reader(&other.entry, &token.entry))
            {
                double = double || self.are_one(other, &token).await;
            }
            if !double {
                kept.push(token);
            }
        }
        kept
    }

    async fn are_one(&self, first: &ModuleToken, second: &ModuleToken) -> bool {
        if !first.entry.id.serial.is_empty() && first.entry.id.serial == second.entry.id.serial {
            return true;
        }
        let pair = (first.entry.id.clone(), second.entry.id.clone());
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&pair)
            .copied();
        if let Some(known) = known {
            return known;
        }
        let both = futures_util::future::join(first.certificates(), second.certificates()).await;
        let (Ok(ours), Ok(theirs)) = both else {
            return false;
        };
        let is_ours = |der: &[u8]| ours.iter().any(|own| own.certificate.as_der() == der);
        let double = theirs.iter().any(|other| is_ours(other.certificate.as_der()));
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pairs.len() >= MAX_PAIRS {
            pairs.clear();
        }
        pairs.insert(pair, double);
        double
    }
}

/// By different ways in one reader.
fn in_one_reader(one: &TokenEntry, other: &TokenEntry) -> bool {
    let reader = one.reader.as_deref().unwrap_or_default();
    one.id.module != other.id.module && other.is_in(reader)
}
