//! One card that is seen twice, by our own driver and a module or by two modules, is one token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::pcsc::names;
use super::registry::ModuleToken;
use super::{Token, TokenEntry, TokenId};

/// Pairs of tokens that are remembered.
const MAX_PAIRS: usize = 64;

/// What was found of tokens in one reader that both showed certificates: whether they are one. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubles(Arc<Mutex<HashMap<(TokenId, TokenId), bool>>>);

impl Doubles {
    /// Each token once: the one that comes first. Two are the same card if they are in one reader by different ways,
    /// and name the same serial number or hold one of the same certificates; the certificates alone tell it where a module
    /// does not say which reader it is. A card may hold other applications, and their tokens stay.
    pub(super) async fn dropped(&self, tokens: Vec<ModuleToken>) -> Vec<ModuleToken> {
        let mut kept: Vec<ModuleToken> = Vec::with_capacity(tokens.len());
        for token in tokens {
            let mut double = false;
            for other in kept
                .iter()
                .filter(|other| may_be_in_one_reader(&other.entry, &token.entry))
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
        let same_number =
            !first.entry.id.serial.is_empty() && first.entry.id.serial == second.entry.id.serial;
        if same_number && in_one_reader(&first.entry, &second.entry) {
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
        // A card whose keys are still to be certified, or one that shows no certificate before login, says nothing of what
        // it will be.
        if ours.is_empty() || theirs.is_empty() {
            return false;
        }
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

/// By different ways in one reader, as far as both say which one they are in.
fn may_be_in_one_reader(one: &TokenEntry, other: &TokenEntry) -> bool {
    let are_cards = one.hardware && other.hardware && one.id.module != other.id.module;
    are_cards && (in_one_reader(one, other) || !says_its_reader(one) || !says_its_reader(other))
}

fn in_one_reader(one: &TokenEntry, other: &TokenEntry) -> bool {
    other.is_in(one.reader.as_deref().unwrap_or_default())
}

fn says_its_reader(entry: &TokenEntry) -> bool {
    names::are_the_services(entry.reader.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(module: &str, reader: &str) -> TokenEntry {
        TokenEntry {
            reader: (!reader.is_empty()).then(|| reader.into()),
            ..TokenEntry::of_card(module, "01", "t")
        }
    }

    #[test]
    fn cards_of_two_modules_are_compared_unless_both_say_that_they_are_in_different_readers() {
        let long = format!("{} and more", "r".repeat(60));
        for (one, other, compared) in [
            ("FT ePass2003 00 00", "FT ePass2003 00 00", true),
            ("FT ePass2003 00 00", "FT ePass2003 01 00", false),
            ("FT ePass2003 00 00", "ES SLOT 1", true),
            ("ES SLOT 1", "ES SLOT 2", true),
            ("FT ePass2003 00 00", "", true),
            ("FT ePass2003 00 00", &long, false),
        ] {
            let told = may_be_in_one_reader(&entry("a", one), &entry("b", other));
            assert_eq!(told, compared, "{one}, {other}");
            let told = may_be_in_one_reader(&entry("a", one), &entry("a", other));
            assert!(
                !told,
                "one module says of itself which tokens it has: {one}, {other}"
            );
        }
    }
}
