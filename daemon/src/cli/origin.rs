//! `trien origin`

use super::{CliError, Shell};

/// The verbs under `trien origin`.
#[derive(Debug, clap::Subcommand)]
pub enum OriginCommand {}

/// Runs one of them.
///
/// # Errors
/// What the person has to know.
pub async fn run(command: OriginCommand, _shell: &Shell) -> Result<(), CliError> {
    match command {}
}
