//! `trien verify`

use super::{CliError, Shell};

/// Of `trien verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArguments {}

/// Runs it.
///
/// # Errors
/// What the person has to know.
pub async fn run(_arguments: VerifyArguments, _shell: &Shell) -> Result<(), CliError> {
    Ok(())
}
