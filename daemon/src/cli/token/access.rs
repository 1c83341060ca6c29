//! A token is found by what the person calls it, and logged in to.

use std::sync::Arc;

use crate::cli::pin::{PinArguments, no_pin};
use crate::cli::sign::failed;
use crate::cli::{CliError, Shell};
use crate::consent::shell::{AtTheShell, PinSource};
use crate::jobs::login;
use crate::language::{Arguments, arguments};
use crate::tokens::{ModuleSession, ModuleToken, PinNeed, Sight, SigningSession, Token};

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
    match unlock(&mut session, &token.entry().id.label, source, shell).await {
        Ok(()) => Ok(session),
        Err(error) => {
            Box::new(session).close().await;
            Err(error)
        }
    }
}

/// Logs in to each token that shows no certificate, and has those remembered that show then. False if there are none.
///
/// # Errors
/// When the person leaves, or the PIN does not do.
pub(in crate::cli) async fn reveal(pin: &PinArguments, shell: &Shell) -> Result<bool, CliError> {
    let Sight { tokens, .. } = crate::service::modules(shell)?.look().await;
    let mut revealed = false;
    for token in tokens.iter().filter(|token| token.entry().initialized) {
        let shown = token.certificates().await.unwrap_or_default();
        if !shown.is_empty() || !matches!(token.pin().await, Ok(PinNeed::Pipe { .. } | PinNeed::Reader)) {
            continue;
        }
        let facts = arguments([("token", token.entry().id.label.clone())]);
        shell.note("token-hides-certificates", &facts);
        let session = enter(token, pin, shell).await?;
        let count = session.reveal().await;
        Box::new(session).close().await;
        revealed |= count.map_err(|error| failed(&error.into()))? > 0;
    }
    Ok(revealed)
}

/// Tries as often as the person wants and the token lets him; a PIN out of a file is one try.
async fn unlock(
    session: &mut ModuleSession,
    label: &str,
    source: Arc<dyn PinSource>,
    shell: &Shell,
) -> Result<(), CliError> {
    let shown = session.pin().await.map_err(|error| failed(&error.into()))?;
    let pin = match shown {
        PinNeed::Pipe { state, .. } => Some(source.pin(label, state).await.map_err(|none| no_pin(&none))?),
        PinNeed::Reader => {
            shell.note("pin-on-reader", &Arguments::new());
            None
        }
        PinNeed::NotNeeded | PinNeed::Locked => None,
    };
    login::unlock(session, pin, shown, &mut AtTheShell::new(source))
        .await
        .map_err(|error| failed(&error))
}
