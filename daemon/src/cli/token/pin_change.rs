//! `trien token change-pin` and `trien token unblock`: at the user's own keyboard only.

use std::os::fd::OwnedFd;

use super::access;
use crate::cli::pin::{self, NewPinArguments, OfficerPinArguments, PinArguments, no_pin};
use crate::cli::sign::failed;
use crate::cli::{CliError, Shell, wording};
use crate::jobs::JobError;
use crate::language::{Arguments, arguments};
use crate::tokens::{LoginError, PinNeed, PinState, Token};

pub(super) async fn change(
    wanted: &str,
    pin: &PinArguments,
    new: &NewPinArguments,
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
    token.change_pin(old, new).await.map_err(|error| {
        if let LoginError::Incorrect { now } = error {
            pin::note_left(now, shell);
        }
        not_changed(error, &need)
    })?;
    tell("token-pin-changed", &label, shell);
    Ok(())
}

pub(super) async fn unblock(
    wanted: &str,
    officer: &OfficerPinArguments,
    new: &NewPinArguments,
    shell: &Shell,
) -> Result<(), CliError> {
    let token = access::find(wanted, shell).await?;
    let label = token.entry().id.label.clone();
    let state = token.officer_pin().await.map_err(|error| failed(&error.into()))?;
    let officer = officers(officer, state, &label, shell)?;
    let new = new_pin(new, shell)?;
    match token.unblock(officer, new).await {
        Ok(()) => {
            tell("token-unblocked", &label, shell);
            Ok(())
        }
        Err(LoginError::Incorrect { now }) if now != PinState::Locked => {
            note_left_of_officers(now, shell);
            Err(CliError::refused("token-so-pin-incorrect", called(&label)))
        }
        Err(LoginError::Incorrect { .. } | LoginError::Locked) => {
            Err(CliError::refused("token-so-pin-locked", called(&label)))
        }
        Err(LoginError::Invalid) => {
            // How long one may be is told where the token still says it.
            let need = token.pin().await.unwrap_or(PinNeed::Locked);
            Err(not_changed(LoginError::Invalid, &need))
        }
        Err(error) => Err(not_changed(error, &PinNeed::Locked)),
    }
}

/// The security officer's PIN. Its last try is for a person who was told, and confirmed it: without that PIN a token that
/// is locked is lost.
fn officers(
    officer: &OfficerPinArguments,
    state: PinState,
    label: &str,
    shell: &Shell,
) -> Result<OwnedFd, CliError> {
    match (officer.given()?, state) {
        (_, PinState::Locked) => Err(CliError::refused("token-so-pin-locked", called(label))),
        (Some(_), PinState::LastTry) => Err(CliError::refused("token-so-pin-typed-only", called(label))),
        (Some(given), _) => Ok(given),
        (None, PinState::LastTry) => pin::last_pin(shell, "pin-so", "token-so-pin-at-last-try"),
        (None, _) => {
            note_left_of_officers(state, shell);
            pin::one_pin(shell, "pin-so")
        }
    }
}

/// As [`pin::note_left`], of the PIN without which a token that is locked is lost.
fn note_left_of_officers(now: PinState, shell: &Shell) {
    match now {
        PinState::Tries(left) => {
            shell.note(
                "token-so-pin-tries-left",
                &arguments([("count", left.to_string())]),
            );
        }
        PinState::FewTries => shell.note("token-so-pin-few-tries", &Arguments::new()),
        PinState::LastTry => shell.note("token-so-pin-one-try-left", &Arguments::new()),
        _ => {}
    }
}

fn new_pin(new: &NewPinArguments, shell: &Shell) -> Result<OwnedFd, CliError> {
    match new.given()? {
        Some(given) => Ok(given),
        None => pin::new_pin(shell, "pin-new", "pin-new-repeat"),
    }
}

/// Of two PINs that were given, the new one is chosen here: nobody's provider gave it.
fn not_changed(error: LoginError, need: &PinNeed) -> CliError {
    match error {
        LoginError::Incorrect { now } if now != PinState::Locked => failed(&JobError::PinIncorrect),
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
