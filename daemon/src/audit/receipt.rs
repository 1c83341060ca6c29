//! Receipts: what a page gets beside its signatures, and what the record must hold for it to be true.

use sha2::{Digest, Sha256};
use trien_protocol::call::DocumentRef;
use trien_protocol::reply::Receipt;

use super::{Action, Broken, Entry, Place};

/// A receipt that the record does not bear out.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The record itself cannot be relied on.
    #[error(transparent)]
    Record(#[from] Broken),
    /// There is no such entry, or another one stands in its place.
    #[error("the record has no such entry")]
    NoSuchEntry,
    /// The entry is there and says something else.
    #[error("the entry says something else: {0}")]
    Differs(&'static str),
}

/// What an approval is bound to: SHA-256 over the manifest's documents in their order, each as three lines (digest, size
/// in bytes, length of the name in bytes) and the name in UTF-8 with a line feed behind it; a content that stands beside
/// them comes last.
#[must_use]
pub fn manifest_hash<'a>(documents: impl IntoIterator<Item = &'a DocumentRef>) -> String {
    let mut hasher = Sha256::new();
    for DocumentRef { name, sha256, size } in documents {
        hasher.update(format!("{sha256}\n{size}\n{}\n{name}\n", name.len()));
    }
    hex::encode(hasher.finalize())
}

/// Compares a receipt with the entry that stands where it says.
pub(super) fn check(receipt: &Receipt, found: Option<(Entry, Place)>) -> Result<Entry, Mismatch> {
    let (entry, place) = found.ok_or(Mismatch::NoSuchEntry)?;
    if place.hash != receipt.hash {
        return Err(Mismatch::NoSuchEntry);
    }
    let Action::Signed { results } = &entry.action else {
        return Err(Mismatch::Differs("nothing was signed"));
    };
    let differs = [
        (
            entry.subject.manifest.as_ref() != Some(&receipt.manifest),
            "manifest",
        ),
        (
            entry.subject.certificate.as_ref() != Some(&receipt.certificate),
            "certificate",
        ),
        (entry.subject.origin != receipt.origin, "origin"),
        (entry.time != receipt.time, "time"),
        (*results != receipt.results, "results"),
    ];
    match differs.into_iter().find(|(differs, _)| *differs) {
        Some((_, what)) => Err(Mismatch::Differs(what)),
        None => Ok(entry),
    }
}
