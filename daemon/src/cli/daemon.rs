//! `trien daemon`: the service, in the foreground.

mod simulate;

use std::path::PathBuf;

use serde_json::json;

use super::{CliError, Shell};
use crate::config::PromptProgram;
use crate::language::arguments;
use crate::service::{DaemonOptions, run_daemon};

/// Of `trien daemon`.
#[derive(Debug, clap::Args)]
pub struct DaemonArguments {
    /// Instead of the user's configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Who asks the person: window, or scripted:FILE.
    #[arg(long)]
    pub prompter: Option<String>,
    /// Instead of the tokens of this computer, those of a script, in the mood it says.
    #[arg(long, value_name = "SCRIPT")]
    pub simulate: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// Misuse if the prompter is none; failure if the configuration that was named is not there, or the service cannot begin.
pub async fn run(given: DaemonArguments, shell: &Shell) -> Result<(), CliError> {
    let prompter = given.prompter.map(|text| {
        PromptProgram::parse(&text)
            .ok_or_else(|| CliError::misuse("daemon-bad-prompter", arguments([("value", text)])))
    });
    // Without the file that was named, the daemon would run with rights that nobody wrote down.
    if let Some(file) = &given.config {
        std::fs::File::open(file).map_err(|error| CliError::file("cli-unreadable", file, &error))?;
    }
    let simulation = match &given.simulate {
        Some(script) => Some(simulate::prepare(script, shell).await?),
        None => None,
    };
    let options = DaemonOptions {
        modules: simulation
            .as_ref()
            .map(|simulation| vec![simulation.module.clone()]),
        config: given.config,
        prompter: prompter.transpose()?,
    };
    run_daemon(options, &shell.places, |ready| {
        super::shell::print(&if shell.json {
            let websocket = ready.websocket.map(|address| address.to_string());
            json!({ "ready": true, "socket": ready.socket.display().to_string(), "websocket": websocket })
                .to_string()
        } else {
            ready.to_string()
        });
    })
    .await?;
    Ok(())
}
