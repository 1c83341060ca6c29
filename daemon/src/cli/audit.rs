//! `trien audit`: the hash-chained record of approvals and signatures.

use std::collections::VecDeque;

use serde_json::json;

use super::{CliError, Exit, Shell};
use crate::audit::{Action, Audit, Broken, Entry};
use crate::language::{Arguments, arguments};

/// The verbs under `trien audit`.
#[derive(Debug, clap::Subcommand)]
pub enum AuditCommand {
    /// Shows it.
    Show {
        /// Only the newest.
        #[arg(long, value_name = "COUNT")]
        last: Option<usize>,
    },
    /// Checks the chain.
    Verify,
}

/// Runs one of them.
///
/// # Errors
/// No if the record was changed; failure if it cannot be read.
pub fn run(command: &AuditCommand, shell: &Shell) -> Result<(), CliError> {
    let audit = Audit::new(shell.places.audit_file());
    match command {
        AuditCommand::Show { last } => show(&audit, last.unwrap_or(usize::MAX), shell),
        AuditCommand::Verify => verify(&audit, shell),
    }
}

fn show(audit: &Audit, last: usize, shell: &Shell) -> Result<(), CliError> {
    let mut entries = VecDeque::new();
    let outcome = audit.read(|entry| {
        entries.push_back(entry);
        if entries.len() > last {
            entries.pop_front();
        }
    });
    // What is there is shown even when the chain breaks behind it.
    shell.answer(&entries, || {
        if entries.is_empty() {
            return shell.text("audit-empty", &Arguments::new());
        }
        entries.iter().map(|entry| line(entry, shell) + "\n").collect()
    });
    outcome.map(|_| ()).map_err(|broken| trouble(&broken, shell))
}

fn verify(audit: &Audit, shell: &Shell) -> Result<(), CliError> {
    match audit.verify() {
        Ok(checked) => {
            let value = json!({
                "intact": true, "entries": checked.entries, "head": checked.head, "torn_bytes": checked.torn,
            });
            shell.answer(&value, || {
                let count = arguments([("count", checked.entries.to_string())]);
                let torn = (checked.torn > 0).then(|| shell.text("audit-torn", &Arguments::new()));
                [Some(shell.text("audit-intact", &count)), torn]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("\n")
            });
            Ok(())
        }
        Err(Broken::At { seq }) => {
            shell.answer(&json!({ "intact": false, "first_bad_entry": seq }), || {
                broken_text(seq, shell)
            });
            Err(CliError::answered(Exit::No))
        }
        Err(broken) => Err(trouble(&broken, shell)),
    }
}

fn trouble(broken: &Broken, shell: &Shell) -> CliError {
    match broken {
        Broken::At { seq } => {
            super::shell::complain(&broken_text(*seq, shell));
            CliError::answered(Exit::No)
        }
        Broken::Io(error) => CliError::file("audit-unreadable", &shell.places.audit_file(), error),
    }
}

fn broken_text(sequence: u64, shell: &Shell) -> String {
    let what = shell.text("audit-broken", &arguments([("sequence", sequence.to_string())]));
    format!("{what}\n{}", shell.text("audit-broken-remedy", &Arguments::new()))
}

fn line(entry: &Entry, shell: &Shell) -> String {
    let (key, more) = match &entry.action {
        Action::DaemonStarted { prompter } => ("audit-daemon-started", prompter.clone()),
        Action::Asked => ("audit-asked", String::new()),
        Action::Approved => ("audit-approved", String::new()),
        Action::Refused => ("audit-refused", String::new()),
        Action::Shared => ("audit-shared", String::new()),
        Action::Signed { results } => ("audit-signed", results.len().to_string()),
        Action::Failed { outcome } => ("audit-failed", outcome.clone()),
        Action::Withdrawn => ("audit-withdrawn", String::new()),
        Action::Repaired { bytes } => ("audit-repaired", bytes.to_string()),
    };
    let subject = &entry.subject;
    let who = subject
        .origin
        .as_ref()
        .or(subject.channel.as_ref())
        .map(|who| format!(" {who}"))
        .unwrap_or_default();
    let method = subject
        .method
        .as_ref()
        .map(|method| format!(" {method}"))
        .unwrap_or_default();
    let documents: String = subject
        .documents
        .iter()
        .map(|digest| format!("\n      {digest}"))
        .collect();
    let what = shell.text(key, &arguments([("more", more)]));
    format!("{:>5}  {}{who}{method}: {what}{documents}", entry.seq, entry.time)
}
