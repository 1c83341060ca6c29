//! `trien cert`

use super::{CliError, Shell};

/// The verbs under `trien cert`.
#[derive(Debug, clap::Subcommand)]
pub enum CertCommand {}

/// Runs one of them.
///
/// # Errors
/// What the person has to know.
pub async fn run(command: CertCommand, _shell: &Shell) -> Result<(), CliError> {
    match command {}
}
