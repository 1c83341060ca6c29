//! `trien token change-pin` and `trien token unblock`: at the user's own keyboard only.

use std::path::PathBuf;

use super::access;
use crate::cli::pin::{self, PinArguments, no_pin};
use crate::cli::sign::failed;
use crate::cli::{CliError, Shell, wording};
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
    let need = token.pin().await.map_err(|error| failed(&error.into()))?;
    let (old, new) = match need {
        PinNeed::NotNeeded => return Err(CliError::misuse("token-no-pin", called(&label))),
        PinNeed::Locked => return Err(failed(&LoginError::Locked.into())),
        PinNeed::Reader { state } => {
            pin::note_reader(state, shell);
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
        .map_err(|error| not_changed(error, &need))?;
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
        Err(LoginError::Invalid) => {
            // How long one may be is told where the token still says it.
            let need = token.pin().await.unwrap_or(PinNeed::Locked);
            Err(not_changed(LoginError::Invalid, &need))
        }
        Err(error) => Err(not_changed(error, &PinNeed::Locked)),
    }
}

fn new_pin(file: Option<PathBuf>, shell: &Shell) -> Result<std::os::fd::OwnedFd, CliError> {
    match file {
        Some(file) => pin::open(&file),
        None => pin::new_pin(shell, "pin-new", "pin-new-repeat"),
    }
}

/// Of two PINs that were given, the new one is chosen here: nobody's provider gave it.
fn not_changed(error: LoginError, need: &PinNeed) -> CliError {
    match error {
        LoginError::Incorrect { .. } => failed(&JobError::PinIncorrect),
        LoginError::NotTried { .. } => CliError::refused("token-pin-not-tried", Arguments::new()),
        LoginError::Invalid => {
            let bounds = match need {
                PinNeed::Pipe { min, max, .. } => Some((*min, *max)),
                _ => None,
            };
            failed(&JobError::PinInvalid).reworded(|object| wording::new_pin_invalid(object, bounds))
        }
        other => failed(&other.into()),
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
