//! `trien audit`: the hash-chained record of approvals and signatures.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trien_protocol::reply::Receipt;

use super::{CliError, Exit, Shell};
use crate::audit::{Action, Audit, Broken, Entry, Mismatch};
use crate::language::{self, Arguments, arguments, time_in_vietnam};

/// The verbs under `trien audit`.
#[derive(Debug, clap::Subcommand)]
pub enum AuditCommand {
    /// Shows it.
    Show {
        /// Only the newest.
        #[arg(long, value_name = "COUNT")]
        last: Option<NonZeroUsize>,
    },
    /// Checks the chain, and a receipt against it.
    Verify {
        /// What a page got beside its signatures.
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
        /// In place of the one that is carried on: a record that was moved away.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
    },
}

/// Runs one of them.
///
/// # Errors
/// No if the record was changed; failure if it cannot be read.
pub fn run(command: &AuditCommand, shell: &Shell) -> Result<(), CliError> {
    match command {
        AuditCommand::Show { last } => {
            let audit = Audit::new(shell.places.audit_file());
            show(&audit, last.map_or(usize::MAX, NonZeroUsize::get), shell)
        }
        AuditCommand::Verify { receipt, record } => {
            let audit = Audit::new(match record {
                Some(file) => named(file)?,
                None => shell.places.audit_file(),
            });
            match receipt {
                None => verify(&audit, shell),
                Some(file) => verify_receipt(&audit, file, shell),
            }
        }
    }
}

/// A record that is there: one that is carried on is empty before its first entry, one that was named is not.
fn named(file: &Path) -> Result<PathBuf, CliError> {
    let there = std::fs::metadata(file);
    there.map_err(|error| CliError::file("cli-unreadable", file, &error))?;
    Ok(file.to_owned())
}

fn show(audit: &Audit, last: usize, shell: &Shell) -> Result<(), CliError> {
    let mut entries = VecDeque::new();
    let outcome = audit.read(|entry| {
        entries.push_back(entry);
        if entries.len() > last {
            entries.pop_front();
        }
    });
    let lines = || {
        entries
            .iter()
            .map(|entry| line(entry, shell) + "\n")
            .collect::<String>()
    };
    match outcome {
        Ok(_) => {
            shell.answer(&entries, || match entries.is_empty() {
                true => shell.text("audit-empty", &Arguments::new()),
                false => lines(),
            });
            Ok(())
        }
        // What is there is shown even when the chain breaks behind it.
        Err(Broken::At { seq }) => {
            let value = json!({ "intact": false, "first_bad_entry": seq, "entries": entries });
            if shell.json || !entries.is_empty() {
                shell.answer(&value, lines);
            }
            if !shell.json {
                super::shell::complain(&broken_text(seq, shell));
            }
            Err(CliError::answered(Exit::No))
        }
        Err(Broken::Io(error)) => Err(unreadable(audit, &error)),
    }
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
        Err(broken) => Err(trouble(audit, &broken, shell)),
    }
}

/// The largest receipt: 500 digests are far below.
const MAX_RECEIPT: u64 = 256 * 1024;

fn verify_receipt(audit: &Audit, file: &Path, shell: &Shell) -> Result<(), CliError> {
    let unreadable = |error: std::io::Error| CliError::file("cli-unreadable", file, &error);
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(opened, MAX_RECEIPT), &mut bytes)
        .map_err(unreadable)?;
    let receipt: Receipt = serde_json::from_slice(&bytes).map_err(|_| {
        CliError::misuse(
            "audit-no-receipt",
            arguments([("file", file.display().to_string())]),
        )
    })?;
    match audit.check_receipt(&receipt) {
        Ok(entry) => {
            let value = json!({ "intact": true, "receipt": true, "entry": entry });
            shell.answer(&value, || {
                let true_words = arguments([
                    ("sequence", entry.seq.to_string()),
                    (
                        "count",
                        receipt
                            .results
                            .iter()
                            .filter(|one| !one.is_empty())
                            .count()
                            .to_string(),
                    ),
                ]);
                format!(
                    "{}\n{}",
                    shell.text("audit-receipt-true", &true_words),
                    line(&entry, shell)
                )
            });
            Ok(())
        }
        Err(Mismatch::Record(broken)) => Err(trouble(audit, &broken, shell)),
        Err(mismatch) => {
            shell.answer(
                &json!({ "intact": true, "receipt": false, "reason": mismatch.to_string() }),
                || {
                    shell.text(
                        "audit-receipt-false",
                        &arguments([("sequence", receipt.entry.to_string())]),
                    )
                },
            );
            Err(CliError::answered(Exit::No))
        }
    }
}

fn trouble(audit: &Audit, broken: &Broken, shell: &Shell) -> CliError {
    match broken {
        Broken::At { seq } => {
            let value = json!({ "intact": false, "first_bad_entry": seq });
            shell.answer(&value, || broken_text(*seq, shell));
            CliError::answered(Exit::No)
        }
        Broken::Io(error) => unreadable(audit, error),
    }
}

fn unreadable(audit: &Audit, error: &std::io::Error) -> CliError {
    CliError::file("audit-unreadable", audit.path(), error)
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
        Action::Granted { scopes, .. } => ("audit-granted", scopes.join(", ")),
        Action::Shared => ("audit-shared", String::new()),
        Action::Signed { results } => ("audit-signed", how_many(results)),
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
        .map(|method| format!(" {}", method_text(method, shell)))
        .unwrap_or_default();
    let what = shell.text(key, &arguments([("more", more)]));
    let format = subject.format.iter().map(|format| ("audit-format", format));
    let certificate = subject.certificate.iter().map(|name| ("audit-certificate", name));
    let documents = subject.documents.iter().map(|digest| ("audit-document", digest));
    let details: String = format
        .chain(certificate)
        .chain(documents)
        .map(|(key, value)| {
            let value = arguments([("value", value.clone())]);
            format!("\n      {}", shell.text(key, &value))
        })
        .collect();
    let time =
        OffsetDateTime::parse(&entry.time, &Rfc3339).map_or_else(|_| entry.time.clone(), time_in_vietnam);
    format!("{:>5}  {time}{who}{method}: {what}{details}", entry.seq)
}

/// How many were signed, and of how many where that is not all: what was not has an empty result.
fn how_many(results: &[String]) -> String {
    let signed = results.iter().filter(|one| !one.is_empty()).count();
    match results.len() {
        all if all == signed => all.to_string(),
        all => format!("{signed}/{all}"),
    }
}

/// What was asked, in words; a method of a later version by its name.
fn method_text(method: &str, shell: &Shell) -> String {
    let key = format!("audit-method-{}", method.replace('_', "-"));
    if language::exists(shell.language, &key) {
        shell.text(&key, &Arguments::new())
    } else {
        method.to_owned()
    }
}
