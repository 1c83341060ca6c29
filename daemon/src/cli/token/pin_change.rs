//! `trien token change-pin` and `trien token unblock`: at the user's own keyboard only.

use std::path::PathBuf;

use super::access;
use crate::cli::pin::{self, PinArguments, no_pin};
use crate::cli::sign::failed;
use crate::cli::{CliError, Shell};
use crate::jobs::JobError;
use crate::language::{Arguments, arguments};
use crate::tokens::{LoginError, PinNeed, Token};

pub(super) async fn change(
    wanted: &str,
    pin: &PinArguments,
    new: Option<PathBuf>,
    shell: &Shell,
) -> Result<(), CliError> {
    let token = access::find(wanted, shell).await?;
    let label = token.entry().id.label.clone();
    let (old, new) = match token.pin().await.map_err(|error| failed(&error.into()))? {
        PinNeed::NotNeeded => return Err(CliError::misuse("token-no-pin", called(&label))),
        PinNeed::Locked => return Err(failed(&LoginError::Locked.into())),
        PinNeed::Reader => {
            shell.note("pin-on-reader", &Arguments::new());
            let none = || std::fs::File::open("/dev/null").map(Into::into);
            let none = || none().map_err(|error| CliError::io("pin-no-pipe", &error));
            (none()?, none()?)
        }
        PinNeed::Pipe { state, .. } => {
            let source = pin.source(shell)?;
            let old = source.pin(&label, state).await.map_err(|none| no_pin(&none))?;
            (old, new_pin(new, shell)?)
        }
    };
    token
        .change_pin(old, new)
        .await
        .map_err(|error| not_changed(error.into()))?;
    tell("token-pin-changed", &label, shell);
    Ok(())
}

pub(super) async fn unblock(
    wanted: &str,
    officer: Option<PathBuf>,
    new: Option<PathBuf>,
    shell: &Shell,
) -> Result<(), CliError> {
    let token = access::find(wanted, shell).await?;
    let label = token.entry().id.label.clone();
    let officer = match officer {
        Some(file) => pin::open(&file)?,
        None => pin::one_pin(shell, "pin-so")?,
    };
    let new = new_pin(new, shell)?;
    match token.unblock(officer, new).await {
        Ok(()) => {
            tell("token-unblocked", &label, shell);
            Ok(())
        }
        Err(LoginError::Incorrect { .. }) => Err(CliError::refused("token-so-pin-incorrect", called(&label))),
        Err(LoginError::Locked) => Err(CliError::refused("token-so-pin-locked", called(&label))),
        Err(error) => Err(not_changed(error.into())),
    }
}

fn new_pin(file: Option<PathBuf>, shell: &Shell) -> Result<std::os::fd::OwnedFd, CliError> {
    match file {
        Some(file) => pin::open(&file),
        None => pin::new_pin(shell, "pin-new", "pin-new-repeat"),
    }
}

fn not_changed(error: JobError) -> CliError {
    match error {
        JobError::Login(LoginError::Incorrect { .. }) => failed(&JobError::PinIncorrect),
        JobError::Login(LoginError::Invalid) => failed(&JobError::PinInvalid),
        other => failed(&other),
    }
}

fn called(label: &str) -> Arguments {
    arguments([("label", label.to_owned())])
}

fn tell(key: &str, label: &str, shell: &Shell) {
    shell.answer(&serde_json::json!({ "token": label }), || {
        shell.text(key, &called(label))
    });
}
