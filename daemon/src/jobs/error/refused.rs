//! What the rules of this computer refuse of a document (`refuse_documents`), in words for people and for developers.

use trien_protocol::call::Language;
use trien_protocol::prompt::DocumentWarning;

use crate::language;

/// What the rules of this computer refuse of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What was found, each kind once.
    pub(in crate::jobs) warnings: Vec<DocumentWarning>,
    /// Not all of it could be looked through.
    pub(in crate::jobs) unsearched: bool,
}

impl Refused {
    /// With what is refused of another document.
    pub(in crate::jobs) fn add(&mut self, other: &Self) {
        let new = other.warnings.iter().filter(|kind| !self.warnings.contains(kind));
        let new: Vec<_> = new.copied().collect();
        self.warnings.extend(new);
        self.unsearched |= other.unsearched;
    }

    /// In words for people.
    #[must_use]
    pub fn said(&self, language: Language) -> String {
        let keys = self.warnings.iter().map(|kind| doubt_key(*kind));
        let keys = keys.chain(self.unsearched.then_some(UNSEARCHED));
        let said: Vec<_> = keys.map(|key| language::plain(language, key)).collect();
        said.join("; ")
    }

    /// For the developer.
    pub(super) fn names(&self) -> String {
        let name = |kind: &DocumentWarning| serde_json::to_value(kind).ok();
        let names = self.warnings.iter().filter_map(name);
        let names = names.filter_map(|name| name.as_str().map(str::to_owned));
        let names: Vec<_> = names
            .chain(self.unsearched.then(|| "unsearched".to_owned()))
            .collect();
        names.join(", ")
    }
}

const UNSEARCHED: &str = "doubt-unsearched";

/// The words for what is doubtful about a document.
#[must_use]
pub const fn doubt_key(warning: DocumentWarning) -> &'static str {
    match warning {
        DocumentWarning::SignatureBroken => "doubt-signature-broken",
        DocumentWarning::ChangedAfterSigning => "doubt-changed-after-signing",
        DocumentWarning::SignatureUnchecked => "doubt-signature-unchecked",
        DocumentWarning::ActiveContent => "doubt-active-content",
        DocumentWarning::ShownOtherwise => "doubt-shown-otherwise",
        DocumentWarning::MayCome => "doubt-may-come",
        DocumentWarning::Unsearched => UNSEARCHED,
        DocumentWarning::LastSignature => "doubt-last-signature",
    }
}
