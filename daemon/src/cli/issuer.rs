//! Who issued a certificate. A certificate may say anything of its issuer; what proves the name is a path to an anchor
//! that this computer relies on.

use time::OffsetDateTime;
use trien_signatures::certificate::Certificate;

use super::Shell;
use super::report::printable;
use crate::language::arguments;
use crate::trust::Trust;

/// An issuer by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Issuer {
    /// As the certificate says.
    pub(super) name: String,
    /// There is a path from the certificate to an anchor (RFC 5280, 6).
    pub(super) proven: bool,
}

impl Issuer {
    /// Of a certificate, with those `beside` it on its token. One that is over, or not yet valid, is looked at as of a
    /// time when it is valid: who issued it is another question than whether it may be used.
    pub(super) fn of(certificate: &Certificate, beside: &[Certificate], trust: &Trust) -> Self {
        let now = OffsetDateTime::now_utc();
        let valid = now.clamp(
            certificate.not_before(),
            certificate.not_after().max(certificate.not_before()),
        );
        Self {
            name: certificate.issuer_common_name(),
            proven: trust.reaches(certificate, beside, valid),
        }
    }

    /// What a person reads: a name that is not proven is marked as such.
    pub(super) fn text(&self, shell: &Shell) -> String {
        if self.proven {
            printable(&self.name)
        } else {
            shell.text("issuer-unproven", &arguments([("name", printable(&self.name))]))
        }
    }
}

/// The anchors, and the certificates on the way to them, of this user.
pub(super) fn trust(shell: &Shell) -> Trust {
    Trust::load_ours(&shell.places.trust_folder())
}
