//! `trien sign`

use super::{CliError, Shell};

/// Of `trien sign`.
#[derive(Debug, clap::Args)]
pub struct SignArguments {}

/// Runs it.
///
/// # Errors
/// What the person has to know.
pub async fn run(_arguments: SignArguments, _shell: &Shell) -> Result<(), CliError> {
    Ok(())
}
