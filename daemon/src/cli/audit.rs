//! `trien audit`

use super::{CliError, Shell};

/// The verbs under `trien audit`.
#[derive(Debug, clap::Subcommand)]
pub enum AuditCommand {}

/// Runs one of them.
///
/// # Errors
/// What the person has to know.
pub async fn run(command: AuditCommand, _shell: &Shell) -> Result<(), CliError> {
    match command {}
}
