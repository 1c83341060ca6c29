//! The record of approvals and signatures: without one that can be carried on, nothing is signed.

use super::super::Shell;
use super::{Finding, Weight};
use crate::audit::{Audit, Broken};
use crate::language::system_said;

/// Whether each entry follows from the one before it, and whether there can be another.
pub(super) fn look(shell: &Shell) -> Option<Finding> {
    let file = shell.places.audit_file();
    let audit = Audit::new(file.clone());
    let facts = |error: &std::io::Error| {
        [
            ("file", file.display().to_string()),
            ("reason", system_said(error, shell.language)),
        ]
    };
    let checked = audit.verify();
    if let (Ok(_), Err(error)) = (&checked, audit.can_be_carried_on()) {
        let finding = Finding::new(Weight::Trouble, "doctor-record-unwritable", facts(error.cause()));
        return Some(finding.with_remedy("service-audit-remedy"));
    }
    let finding = match checked {
        Ok(checked) if checked.entries == 0 => return None,
        Ok(checked) => Finding::fine("doctor-record", [("count", checked.entries.to_string())]),
        Err(Broken::At { seq }) => {
            let finding = Finding::new(
                Weight::Trouble,
                "doctor-record-changed",
                [("sequence", seq.to_string())],
            );
            finding.with_remedy("audit-broken-remedy")
        }
        Err(Broken::Io(error)) => Finding::new(Weight::Trouble, "audit-unreadable", facts(&error)),
    };
    Some(finding)
}
