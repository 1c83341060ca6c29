//! What is known of a certificate's revocation, and as of when: by the lists and answers that this computer has. Nobody
//! is asked for new ones.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trien_signatures::certificate::Certificate;
use trien_signatures::revocation::CertificateStatus;

use super::Shell;
use crate::language::{Arguments, arguments, time_in_vietnam};
use crate::trust::Trust;
use crate::trust::revocation::Cache;

/// Of a certificate, and of every one between it and its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revocation {
    /// None was revoked.
    Good {
        /// By what is oldest of what says so.
        as_of: OffsetDateTime,
    },
    /// One was.
    Revoked {
        /// Since when.
        since: OffsetDateTime,
        /// By a list or an answer of this time.
        as_of: OffsetDateTime,
    },
    /// There is no path to an anchor, or nothing says anything of one of them.
    Unknown,
}

impl Revocation {
    /// By what `trust` has, with the certificates `beside` this one on its token.
    pub(super) fn of(certificate: &Certificate, beside: &[Certificate], trust: &Trust) -> Self {
        let statuses = trust
            .judge(certificate, beside, OffsetDateTime::now_utc())
            .statuses;
        let revoked = statuses.iter().find_map(|status| match status {
            CertificateStatus::Revoked { since, source, .. } => Some((*since, source.this_update)),
            _ => None,
        });
        if let Some((since, as_of)) = revoked {
            return Self::Revoked { since, as_of };
        }
        let good = statuses.iter().map(|status| match status {
            CertificateStatus::Good(source) => Some(source.this_update),
            _ => None,
        });
        let good: Option<Vec<_>> = good.collect();
        match good.and_then(|times| times.into_iter().min()) {
            Some(as_of) => Self::Good { as_of },
            None => Self::Unknown,
        }
    }

    /// `status` and `status_as_of` of the command line's JSON; RFC 3339, UTC.
    pub(super) fn as_json(self) -> (&'static str, Value) {
        let instant = |time: OffsetDateTime| json!(time.format(&Rfc3339).ok());
        match self {
            Self::Good { as_of } => ("good", instant(as_of)),
            Self::Revoked { as_of, .. } => ("revoked", instant(as_of)),
            Self::Unknown => ("unknown", Value::Null),
        }
    }

    /// A line for a person.
    pub(super) fn text(self, shell: &Shell) -> String {
        match self {
            Self::Good { as_of } => {
                shell.text("cert-not-revoked", &arguments([("time", time_in_vietnam(as_of))]))
            }
            Self::Revoked { since, as_of } => {
                let times = [
                    ("since", time_in_vietnam(since)),
                    ("time", time_in_vietnam(as_of)),
                ];
                shell.text("cert-revoked", &arguments(times))
            }
            Self::Unknown => shell.text("cert-revocation-unknown", &Arguments::new()),
        }
    }
}

/// The anchors, the certificates on the way to them, and what is known of revocations, of this user.
pub(super) fn trust(shell: &Shell) -> Trust {
    let cache = Cache::new(shell.places.revocation_folder());
    Trust::load_ours(&shell.places.trust_folder()).with_cache(&cache)
}
