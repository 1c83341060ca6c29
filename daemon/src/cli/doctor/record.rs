//! The record of approvals and signatures: without one that can be carried on, nothing is signed.

use super::super::Shell;
use super::{Finding, Weight};
use crate::audit::{Audit, Broken};
use crate::language::system_said;

/// Whether each entry follows from the one before it, whether there can be another, and whether what a signature leaves beside
/// the record can be kept.
pub(super) fn look(shell: &Shell) -> Vec<Finding> {
    let file = shell.places.audit_file();
    let audit = Audit::new(file.clone());
    let facts = |error: &std::io::Error| {
        [
            ("file", file.display().to_string()),
            ("reason", system_said(error, shell.language)),
        ]
    };
    let checked = audit.verify();
    let carried_on = audit.can_be_carried_on();
    if let (Ok(_), Err(error)) = (&checked, &carried_on) {
        let finding = Finding::new(Weight::Trouble, "doctor-record-unwritable", facts(error.cause()));
        return vec![finding.with_remedy("service-audit-remedy")];
    }
    let mut findings = Vec::new();
    if let Ok(Some(error)) = &carried_on {
        let facts = [
            ("folder", shell.places.data_folder().display().to_string()),
            ("reason", system_said(error, shell.language)),
        ];
        findings.push(Finding::new(Weight::Warning, "doctor-no-new-files", facts));
    }
    findings.extend(match checked {
        Ok(checked) if checked.entries == 0 => None,
        Ok(checked) => Some(Finding::fine(
            "doctor-record",
            [("count", checked.entries.to_string())],
        )),
        Err(Broken::At { seq }) => {
            let finding = Finding::new(
                Weight::Trouble,
                "doctor-record-changed",
                [("sequence", seq.to_string())],
            );
            Some(finding.with_remedy("audit-broken-remedy"))
        }
        Err(Broken::Io(error)) => Some(Finding::new(Weight::Trouble, "audit-unreadable", facts(&error))),
    });
    findings
}
