//! The card in each reader: what it is called, and who shows it. Neither name nor driver is concluded from the other.

use std::time::Duration;

use super::super::Shell;
use super::{Finding, Weight};
use crate::language::arguments;
use crate::tokens::known::{self, KnownModule};
use crate::tokens::pcsc::DRIVER;
use crate::tokens::pcsc::inserted::{Inserted, inserted_within};
use crate::tokens::{Sight, Token};

/// How long the service may take to say what is in the readers.
const PATIENCE: Duration = Duration::from_secs(5);

/// A finding for each card in a reader, and of the vendors who have no driver for Linux where that may be why nothing is
/// in reach. How it stands with the service is said elsewhere.
pub(super) async fn look(sight: &Sight, rows: &[KnownModule], shell: &Shell) -> Vec<Finding> {
    let cards = inserted_within(PATIENCE).await;
    let mut findings: Vec<_> = cards
        .iter()
        .filter_map(|card| of_card(card, &cards, sight, rows, shell))
        .collect();
    let unseen = findings.iter().any(|finding| finding.weight != Weight::Fine);
    if unseen || !sight.tokens.iter().any(|token| token.entry().initialized) {
        findings.push(none_on_linux(rows));
    }
    findings
}

/// None where nothing can be said: our own driver failed, or a module shows a token of a reader whose name it does not
/// tell, which may be this card.
fn of_card(
    card: &Inserted,
    all: &[Inserted],
    sight: &Sight,
    rows: &[KnownModule],
    shell: &Shell,
) -> Option<Finding> {
    let mut modules: Vec<&str> = sight
        .tokens
        .iter()
        .map(Token::entry)
        .filter(|entry| entry.is_in(&card.reader))
        .map(|entry| entry.id.module.as_str())
        .collect();
    modules.dedup();
    let name = card.name.map_or_else(
        || shell.text("doctor-card-nameless", &arguments([("atr", card.atr.clone())])),
        str::to_owned,
    );
    let known: Vec<_> = known::of_chip(rows, card.name.unwrap_or_default()).collect();
    let listed = |names: fn(&KnownModule) -> &[String]| {
        let drivers = known.iter().filter_map(|row| driver(row, names(row)));
        drivers.collect::<Vec<_>>().join(", ")
    };
    let (drivers, narrow) = (listed(|row| &row.linux), listed(|row| &row.linux32));
    let remedy = match (drivers.is_empty(), narrow.is_empty()) {
        (true, _) => None,
        (false, true) => Some("doctor-card-unseen-known-remedy"),
        (false, false) => Some("doctor-card-unseen-narrow-remedy"),
    };
    let facts = [
        ("reader", card.reader.clone()),
        ("card", name),
        ("modules", modules.join(", ")),
        ("drivers", drivers),
        ("narrow", narrow),
    ];
    if !modules.is_empty() {
        return Some(Finding::fine("doctor-card", facts));
    }
    let of_no_reader = |entry: &crate::tokens::TokenEntry| {
        entry.hardware && !all.iter().any(|other| entry.is_in(&other.reader))
    };
    let unclear = sight.failures.iter().any(|(module, _)| module == DRIVER)
        || sight.tokens.iter().any(|token| of_no_reader(token.entry()));
    if unclear {
        return None;
    }
    let finding = Finding::new(Weight::Warning, "doctor-card-unseen", facts);
    Some(match remedy {
        None => finding,
        Some(remedy) => finding.with_remedy(remedy),
    })
}

/// A module that is known for a chip, with the first of these names of its library. What a library is only supposed to
/// be called is not among them: nobody can install what nobody has seen.
fn driver(row: &KnownModule, names: &[String]) -> Option<String> {
    Some(format!("{} ({})", row.name, names.first()?))
}

/// The vendors of whom no driver for Linux is known, with their chips where those are known: another maker's driver may
/// drive them. A row of the configuration knows better, and so does a library that is here.
fn none_on_linux(rows: &[KnownModule]) -> Finding {
    let elsewhere = |row: &&KnownModule| row.ca.is_some() && rows.iter().any(|own| own.ca == row.ca);
    let vendors: Vec<_> = known::known()
        .iter()
        .filter(|row| row.remedy.is_some() && !elsewhere(row) && row.library().is_none())
        .map(|row| {
            let vendor = row.ca.as_ref().unwrap_or(&row.maker);
            match row.chips.is_empty() {
                true => vendor.clone(),
                false => format!("{vendor} ({})", row.chips.join(", ")),
            }
        })
        .collect();
    Finding::new(
        Weight::Warning,
        "doctor-none-on-linux",
        [("vendors", vendors.join(", "))],
    )
}
