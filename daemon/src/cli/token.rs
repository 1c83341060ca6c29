//! `trien token`

use super::{CliError, Shell};

/// The verbs under `trien token`.
#[derive(Debug, clap::Subcommand)]
pub enum TokenCommand {}

/// Runs one of them.
///
/// # Errors
/// What the person has to know.
pub async fn run(command: TokenCommand, _shell: &Shell) -> Result<(), CliError> {
    match command {}
}
