//! A token is found by what the person calls it, and logged in to.

use std::io;

use crate::cli::pin::PinArguments;
use crate::cli::sign::failed;
use crate::cli::{CliError, Shell};
use crate::consent::shell::{PinSource, PinTrouble};
use crate::jobs::JobError;
use crate::language::{Arguments, arguments};
use crate::tokens::{
    LoginError, ModuleSession, ModuleToken, PinNeed, PinState, Sight, SigningSession, Token,
};

/// Finds the one token of that label or serial number.
pub(super) async fn find(wanted: &str, shell: &Shell) -> Result<ModuleToken, CliError> {
    let Sight { tokens, failures } = crate::service::modules(shell)?.look().await;
    let named = |token: &ModuleToken| {
        let entry = token.entry();
        entry.initialized && (entry.id.label == wanted || entry.id.serial == wanted)
    };
    let mut found: Vec<_> = tokens.into_iter().filter(named).collect();
    let facts = || arguments([("token", wanted.to_owned())]);
    match (found.pop(), found.is_empty()) {
        (Some(token), true) => Ok(token),
        (Some(_), false) => Err(CliError::misuse("token-ambiguous", facts())),
        (None, _) => {
            for (module, error) in failures {
                super::tell_failure(shell, &module, &error);
            }
            Err(CliError::failed("token-unknown", facts()))
        }
    }
}

/// Opens a token to change it, and logs in.
pub(super) async fn enter(
    token: &ModuleToken,
    pin: &PinArguments,
    shell: &Shell,
) -> Result<ModuleSession, CliError> {
    let source = pin.source(shell)?;
    let mut session = token.administer().await.map_err(|error| failed(&error.into()))?;
    match unlock(&mut session, &token.entry().id.label, &*source, shell).await {
        Ok(()) => Ok(session),
        Err(error) => {
            Box::new(session).close().await;
            Err(error)
        }
    }
}

/// Tries as often as the person wants and the token lets him; a PIN out of a file is one try.
async fn unlock(
    session: &mut ModuleSession,
    label: &str,
    source: &dyn PinSource,
    shell: &Shell,
) -> Result<(), CliError> {
    match session.pin().await.map_err(|error| failed(&error.into()))? {
        PinNeed::NotNeeded => return Ok(()),
        PinNeed::Locked => return Err(failed(&LoginError::Locked.into())),
        PinNeed::Reader => {
            shell.note("pin-on-reader", &Arguments::new());
            return session.login().await.map_err(|error| failed(&error.into()));
        }
        PinNeed::Pipe { .. } => {}
    }
    let pipe = source.pin(label).await.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => failed(&JobError::Cancelled),
        _ => CliError::misuse("pin-no-terminal", Arguments::new()),
    })?;
    session
        .attach_pin_pipe(pipe)
        .await
        .map_err(|error| failed(&error.into()))?;
    loop {
        let (given_up, trouble) = match session.login().await {
            Ok(()) => return Ok(()),
            Err(LoginError::Incorrect {
                now: PinState::Locked,
            }) => return Err(failed(&LoginError::Locked.into())),
            Err(LoginError::Incorrect {
                now: PinState::LastTry,
            }) => (JobError::PinIncorrect, PinTrouble::LastTry),
            Err(LoginError::Incorrect { .. }) => (JobError::PinIncorrect, PinTrouble::Incorrect),
            Err(LoginError::Invalid) => (JobError::PinInvalid, PinTrouble::Invalid),
            Err(error) => return Err(failed(&error.into())),
        };
        if !source.again(trouble).await {
            return Err(failed(&given_up));
        }
    }
}
