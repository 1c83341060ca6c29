//! What the person at the shell is told before the PIN, as the consent window tells it (Circular 15/2025/TT-BKHCN, article
//! 5): what is doubtful about the files, which of them will not be signed, and whose certificate signs, how long it is
//! valid, as of when it was not revoked, and what is doubtful of it.

use std::sync::OnceLock;

use trien_protocol::call::Language;
use trien_protocol::prompt::{ShownCertificate, Warning};

use crate::cli::report::printable;
use crate::cli::shell::complain;
use crate::consent::process::show;
use crate::consent::shell::Teller;
use crate::consent::{Candidate, Offer};
use crate::jobs::error::doubt_key;
use crate::language::{arguments, plain, text};

/// So many names of files are told at the most.
const MAX_NAMED: usize = 5;

/// Tells it on standard error.
pub(super) struct BeforePin {
    /// The person's; none where a program reads the answer, which has it then.
    language: Option<Language>,
    chosen: OnceLock<ShownCertificate>,
}

impl BeforePin {
    pub(super) const fn new(language: Option<Language>) -> Self {
        Self {
            language,
            chosen: OnceLock::new(),
        }
    }

    /// What was doubtful of the certificate, and the day as of which it was known not to be revoked (ISO 8601).
    pub(super) fn certificate(&self) -> (&[Warning], Option<&str>) {
        self.chosen.get().map_or((&[], None), |chosen| {
            (chosen.warnings.as_slice(), chosen.status_as_of.as_deref())
        })
    }
}

impl Teller for BeforePin {
    fn tell(&self, offer: &Offer) {
        let Some(language) = self.language else {
            return;
        };
        for document in &offer.documents {
            let doubts = document.warnings.iter();
            let doubts: Vec<_> = doubts
                .map(|warning| plain(language, doubt_key(*warning)))
                .collect();
            if !doubts.is_empty() {
                let facts = [("file", printable(&document.name)), ("doubts", doubts.join("; "))];
                complain(&text(language, "sign-doubts", &arguments(facts)));
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
            complain(&text(language, "sign-left-out", &arguments(facts)));
        }
    }

    fn tell_certificate(&self, chosen: &Candidate) {
        // A signature that is tried again has the certificate it had.
        let shown = self.chosen.get_or_init(|| show(chosen));
        if let Some(language) = self.language {
            complain(&certificate_lines(shown, language).join("\n  "));
        }
    }
}

fn certificate_lines(shown: &ShownCertificate, language: Language) -> Vec<String> {
    let who = [Some(&shown.name), shown.organization.as_ref()];
    let who = who.into_iter().flatten().chain(&shown.identity);
    let who: Vec<_> = who.map(|one| printable(one)).collect();
    let validity = [
        ("issuer", printable(&shown.issuer)),
        ("from", shown.not_before.clone()),
        ("to", shown.not_after.clone()),
    ];
    let mut lines = vec![
        text(language, "sign-with", &arguments([("name", who.join(" · "))])),
        text(language, "sign-with-validity", &arguments(validity)),
    ];
    if let Some(day) = &shown.status_as_of {
        let day = arguments([("day", day.clone())]);
        lines.push(text(language, "before-pin-status", &day));
    }
    let warnings = shown.warnings.iter();
    lines.extend(warnings.map(|warning| warning_text(*warning, shown.days_left, language)));
    lines
}

fn warning_text(warning: Warning, days_left: Option<u32>, language: Language) -> String {
    let key = match warning {
        Warning::ExpiresSoon => "before-pin-expires",
        Warning::StatusUnknown => "before-pin-status-unknown",
        Warning::PathUnknown => "before-pin-path-unknown",
        Warning::WeakAlgorithm => "before-pin-weak-algorithm",
        Warning::SoftwareToken => "before-pin-software-token",
        Warning::RocaKey => "before-pin-roca-key",
    };
    let days = days_left.unwrap_or_default().to_string();
    text(
        language,
        key,
        &arguments([("at", "shell".to_owned()), ("days", days)]),
    )
}
