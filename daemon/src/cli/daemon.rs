//! `trien daemon`

use super::{CliError, Shell};

/// Of `trien daemon`.
#[derive(Debug, clap::Args)]
pub struct DaemonArguments {}

/// Runs it.
///
/// # Errors
/// What the person has to know.
pub async fn run(_arguments: DaemonArguments, _shell: &Shell) -> Result<(), CliError> {
    Ok(())
}
