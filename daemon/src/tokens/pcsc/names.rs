//! What people call a card, by its answer to reset: for display only. It never chooses a library or a driver: one chip
//! is sold by many authorities, and one answer belongs to cards of different states.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::legible::neutral;

/// Where the names are.
const TABLE: &str = include_str!("names.toml");

/// `CK_SLOT_INFO.slotDescription`, in bytes.
const MAX_DESCRIPTION: usize = 64;

/// The longest name of a reader that is shown, in characters.
const MAX_NAME: usize = 128;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    card: Vec<Card>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    /// Two hexadecimal digits a byte, `..` for any, and nothing after the last byte that matters.
    atr: String,
    name: String,
}

static CARDS: LazyLock<Vec<(Vec<Option<u8>>, String)>> = LazyLock::new(|| {
    let table: Table = toml::from_str(TABLE).expect("the table is part of the program, and a test reads it");
    let pattern = |text: &str| -> Vec<Option<u8>> {
        text.split_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).ok())
            .collect()
    };
    table
        .card
        .into_iter()
        .map(|card| (pattern(&card.atr), card.name))
        .collect()
});

/// What a card with this answer to reset is called.
#[must_use]
pub fn of_atr(atr: &[u8]) -> Option<&'static str> {
    let fits = |pattern: &[Option<u8>]| {
        pattern.len() <= atr.len()
            && pattern
                .iter()
                .zip(atr)
                .all(|(wanted, byte)| wanted.is_none_or(|wanted| wanted == *byte))
    };
    CARDS
        .iter()
        .find(|(pattern, _)| fits(pattern))
        .map(|(_, name)| name.as_str())
}

/// Whether a slot of this description is called as its reader is by the service, which puts two numbers behind each reader's
/// name, of two hexadecimal digits each; of a name that is as long as a slot's description may be they are cut off. Other
/// descriptions are a vendor's own, such as `ES SLOT 1`.
pub(in crate::tokens) fn are_the_services(description: &str) -> bool {
    let name = description.trim();
    let is_number = |word: Option<&str>| {
        word.is_some_and(|word| word.len() == 2 && word.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    let mut words = name.rsplit(' ');
    name.len() >= MAX_DESCRIPTION || is_number(words.next()) && is_number(words.next())
}

/// Every name, in the order of the table.
#[cfg(test)]
pub(in crate::tokens) fn all() -> impl Iterator<Item = &'static str> {
    CARDS.iter().map(|(_, name)| name.as_str())
}

/// A reader's name as a person may see it: of bounded length, controls and marks of direction made visible.
#[must_use]
pub fn legible(name: &str) -> String {
    name.trim().chars().take(MAX_NAME).map(neutral).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_a_pattern_with_a_name() {
        for (pattern, name) in CARDS.iter() {
            assert!(pattern.len() >= 4 && pattern[0].is_some(), "{name}");
            assert!(!name.is_empty());
        }
        for card in toml::from_str::<Table>(TABLE).unwrap().card {
            let digits = |byte: &str| byte == ".." || byte.len() == 2 && u8::from_str_radix(byte, 16).is_ok();
            assert!(card.atr.split_whitespace().all(digits), "{}", card.name);
        }
    }

    #[test]
    fn n117_answers_of_any_length_are_looked_up() {
        let epass = hex::decode("3b9f958131fe9f006646530511223371df00000102030405").unwrap();
        assert_eq!(of_atr(&epass), Some("Feitian ePass2003"));
        for length in 0..epass.len() - 8 {
            assert_eq!(of_atr(&epass[..length]), None);
        }
        assert_eq!(of_atr(&[0x3b; 64]), None);
    }

    #[test]
    fn n117_reader_names_are_bounded_and_neutralised() {
        assert_eq!(legible(&"x".repeat(1024)).len(), MAX_NAME);
        assert_eq!(
            legible("Reader\u{202e}X\n 00 00"),
            "Reader\u{fffd}X\u{fffd} 00 00"
        );
    }
}
