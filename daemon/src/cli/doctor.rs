//! `trien doctor`: looks at everything a signature needs, and says of each thing that is wrong what to do about it.
//!
//! Nothing is changed and no PIN is asked for. The exit code is 0 if nothing stands in the way of a signature, and 1 if
//! something does; what may only become a trouble is a warning.

mod browsers;
mod cards;
mod clock;
mod drivers;
mod readers;
mod record;
mod tokens;

use serde_json::json;

use super::{CliError, Exit, Shell};
use crate::language::{Arguments, arguments};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// As it should be.
    Fine,
    /// It may become a trouble.
    Warning,
    /// It stands in the way.
    Trouble,
}

/// One thing that was looked at. Its text is a message called `doctor-…`; with `-remedy` behind it, what to do, unless it
/// is fine.
#[derive(Debug)]
pub(super) struct Finding {
    key: String,
    weight: Weight,
    facts: Arguments,
    /// Instead of the message of its own name with `-remedy` behind it.
    remedy: Option<String>,
}

impl Finding {
    pub(super) fn new<const N: usize>(weight: Weight, key: &str, facts: [(&'static str, String); N]) -> Self {
        Self {
            key: key.to_owned(),
            weight,
            facts: arguments(facts),
            remedy: None,
        }
    }

    pub(super) fn fine<const N: usize>(key: &str, facts: [(&'static str, String); N]) -> Self {
        Self::new(Weight::Fine, key, facts)
    }

    /// With the remedy of another message.
    pub(super) fn with_remedy(mut self, key: impl Into<String>) -> Self {
        self.remedy = Some(key.into());
        self
    }

    fn text(&self, shell: &Shell) -> String {
        shell.text(&self.key, &self.facts)
    }

    fn remedy(&self, shell: &Shell) -> Option<String> {
        let own = format!("{}-remedy", self.key);
        let key = self.remedy.as_deref().unwrap_or(&own);
        (self.weight != Weight::Fine).then(|| shell.text(key, &self.facts))
    }
}

/// Runs it.
///
/// # Errors
/// The answer no if something stands in the way of a signature.
pub async fn run(shell: &Shell) -> Result<(), CliError> {
    let mut findings = tokens::configuration(shell);
    findings.extend(readers::look().await);
    findings.extend(tokens::look(shell).await);
    findings.extend(browsers::look(shell));
    findings.extend(tokens::clock(shell));
    findings.extend(record::look(shell));
    findings.extend(clock::unkept().await);
    let told: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.key.trim_start_matches("doctor-").replace('-', "_"),
                "state": state(finding.weight),
                "message": finding.text(shell),
                "remedy": finding.remedy(shell),
            })
        })
        .collect();
    let worst = findings.iter().map(|finding| finding.weight).max();
    shell.answer(&json!({ "findings": told }), || {
        findings.iter().map(|finding| lines(finding, shell)).collect()
    });
    match worst {
        Some(Weight::Trouble) => Err(CliError::answered(Exit::No)),
        _ => Ok(()),
    }
}

const fn state(weight: Weight) -> &'static str {
    match weight {
        Weight::Fine => "ok",
        Weight::Warning => "warning",
        Weight::Trouble => "error",
    }
}

fn lines(finding: &Finding, shell: &Shell) -> String {
    let mark = match finding.weight {
        Weight::Fine => "✓",
        Weight::Warning => "!",
        Weight::Trouble => "✗",
    };
    let remedy = finding.remedy(shell).map(|remedy| format!("    → {remedy}\n"));
    format!("{mark} {}\n{}", finding.text(shell), remedy.unwrap_or_default())
}
