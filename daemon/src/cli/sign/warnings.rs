//! What the person at the shell is told before the PIN, as the consent window tells it: what is doubtful about the files,
//! and which of them will not be signed.

use trien_protocol::call::Language;

use crate::cli::report::printable;
use crate::cli::shell::complain;
use crate::consent::Offer;
use crate::consent::shell::Teller;
use crate::jobs::error::doubt_key;
use crate::language::{arguments, plain, text};

/// So many names of files are told at the most.
const MAX_NAMED: usize = 5;

/// Tells it on standard error.
pub(super) struct BeforePin {
    pub(super) language: Language,
}

impl Teller for BeforePin {
    fn tell(&self, offer: &Offer) {
        for document in &offer.documents {
            let doubts = document.warnings.iter();
            let doubts: Vec<_> = doubts
                .map(|warning| plain(self.language, doubt_key(*warning)))
                .collect();
            if !doubts.is_empty() {
                let facts = [("file", printable(&document.name)), ("doubts", doubts.join("; "))];
                complain(&text(self.language, "sign-doubts", &arguments(facts)));
            }
        }
        if let Some(left_out) = &offer.left_out {
            let names = left_out.names.iter().take(MAX_NAMED).map(|name| printable(name));
            let rest = (left_out.names.len() > MAX_NAMED).then(|| "…".to_owned());
            let facts = [
                ("count", left_out.names.len().to_string()),
                ("total", left_out.total.to_string()),
                ("files", names.chain(rest).collect::<Vec<_>>().join("; ")),
            ];
            complain(&text(self.language, "sign-left-out", &arguments(facts)));
        }
    }
}
