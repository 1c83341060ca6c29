//! The native-messaging host of Triện. A browser starts one process for each page that talks to the daemon; it
//! carries messages between the browser's pipes and the daemon's per-user socket, and decides nothing.
//!
//! | module | what |
//! |---|---|
//! | [`browser`] | frames on standard input and output; who started us |
//! | [`daemon`] | finding the socket, and making sure that it is ours before the first byte |
//! | [`relay`] | both directions, with their limits |
//! | [`manifest`] | the host manifests by which browsers find this program |
//! | [`sandbox`] | browsers from Snap and Flatpak, and whether they can start this program at all |
//! | [`command`] | what a person at the shell may ask: `install`, `remove`, `--help`, `--version` |
//! | [`text`] | messages for people |
#![forbid(unsafe_code)]

mod browser;
mod command;
mod daemon;
mod manifest;
mod relay;
mod sandbox;
mod text;

use std::process::ExitCode;

/// Triện, or this computer, failed; the same number as in the contract of the command line.
const OPERATIONAL_FAILURE: u8 = 3;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(command) = command::Command::parse(&arguments) {
        return command::run(command);
    }
    match relay::run(browser::caller(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trien-extension-host: {error}");
            ExitCode::from(OPERATIONAL_FAILURE)
        }
    }
}
