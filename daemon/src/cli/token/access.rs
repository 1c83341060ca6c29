//! A token is found by what the person calls it, and logged in to.

use std::sync::Arc;

use crate::cli::pin::{PinArguments, no_pin, note_reader};
use crate::cli::sign::failed;
use crate::cli::{CliError, Shell, wording};
use crate::consent::shell::{AtTheShell, PinSource, choice, is_too_short_for};
use crate::jobs::login;
use crate::language::arguments;
use crate::tokens::{
    HeldCertificate, ModuleSession, ModuleToken, PinNeed, Sight, SigningSession, Token, may_hide_more,
};

/// Finds the one token of that label or serial number.
pub(super) async fn find(wanted: &str, shell: &Shell) -> Result<ModuleToken, CliError> {
    let Sight { tokens, failures } = crate::service::modules(shell)?.look().await;
    let (known, others): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| token.entry().initialized);
    let named = |token: &ModuleToken| {
        let id = &token.entry().id;
        id.label == wanted || id.serial == wanted
    };
    let mut found: Vec<_> = known.into_iter().filter(named).collect();
    let facts = || arguments([("token", wanted.to_owned())]);
    match (found.pop(), found.is_empty()) {
        (Some(token), true) => Ok(token),
        (Some(_), false) => Err(CliError::misuse("token-ambiguous", facts())),
        (None, _) => {
            for (module, error) in failures {
                super::tell_failure(shell, &module, &error);
            }
            // What one is called that cannot be read, nobody knows.
            others
                .iter()
                .for_each(|token| super::tell_unreadable(shell, token.entry()));
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

/// What the tokens show, and which of them may show certificates only after login.
pub(in crate::cli) struct Hiding {
    shown: Vec<HeldCertificate>,
    hiding: Vec<ModuleToken>,
}

impl Hiding {
    pub(in crate::cli) async fn look(shell: &Shell) -> Result<Self, CliError> {
        let Sight { tokens, .. } = crate::service::modules(shell)?.look().await;
        let (mut shown, mut hiding) = (Vec::new(), Vec::new());
        for token in tokens.into_iter().filter(|token| token.entry().initialized) {
            let certificates = token.certificates().await.unwrap_or_default();
            let wants_login = matches!(
                token.pin().await,
                Ok(PinNeed::Pipe { .. } | PinNeed::Reader { .. })
            );
            if may_hide_more(&certificates) && wants_login {
                hiding.push(token);
            }
            // Those that `trien sign` would take.
            let usable = |held: &HeldCertificate| held.key.is_some() && !held.certificate.is_ca();
            shown.extend(certificates.into_iter().filter(usable));
        }
        Ok(Self { shown, hiding })
    }

    /// The tokens that somebody who signs means to be logged in to. A wrong PIN is a try of the token, and a selector may
    /// be mistyped: so only a token that he names, or, where no token shows anything, those that he types a PIN for.
    pub(in crate::cli) fn meant(
        &self,
        selector: Option<&str>,
        pin_is_given: bool,
    ) -> Option<Vec<ModuleToken>> {
        let named = |token: &&ModuleToken| {
            let id = &token.entry().id;
            selector.is_some_and(|selector| selector == id.label || selector == id.serial)
        };
        let named: Vec<_> = self.hiding.iter().filter(named).cloned().collect();
        match named.len() {
            1 => Some(named),
            0 if self.shown.is_empty() && !pin_is_given => Some(self.hiding.clone()),
            _ => None,
        }
    }

    /// What to say where nothing fits: which certificates there are, and which tokens may have more.
    pub(in crate::cli) fn instead_of(&self, error: CliError, selector: Option<&str>) -> CliError {
        let Some(selector) = selector.filter(|_| !self.shown.is_empty()) else {
            return error;
        };
        let labels: Vec<_> = self
            .hiding
            .iter()
            .map(|token| token.entry().id.label.clone())
            .collect();
        let choices: Vec<_> = self.shown.iter().take(MAX_TOLD).map(choice).collect();
        let too_short = self.shown.iter().any(|held| is_too_short_for(selector, held));
        let facts = arguments([
            ("selector", selector.to_owned()),
            ("choices", wording::listed(&choices)),
            ("hiding", labels.join(", ")),
        ]);
        error.reworded(|mut object| {
            object.data.message = wording::both("sign-no-match", &facts);
            object.data.remedy = wording::both(
                match labels.is_empty() {
                    _ if too_short => "sign-no-match-short-remedy",
                    true => "sign-no-match-remedy",
                    false => "sign-no-match-hidden-remedy",
                },
                &facts,
            );
            object
        })
    }
}

/// Certificates that are named to somebody who has to choose.
const MAX_TOLD: usize = 20;

/// Logs in to each token that shows no certificate of a key, and has those remembered that show then. False if there are none.
///
/// # Errors
/// As [`reveal_these`].
pub(in crate::cli) async fn reveal(pin: &PinArguments, shell: &Shell) -> Result<bool, CliError> {
    let hiding = Hiding::look(shell).await?;
    reveal_these(&hiding.hiding, pin, shell).await
}

/// Logs in to these tokens, and has the certificates remembered that show then. False if there are none.
///
/// # Errors
/// When the person leaves, or the PIN does not do; misuse if one given PIN is to be tried at several tokens.
pub(in crate::cli) async fn reveal_these(
    tokens: &[ModuleToken],
    pin: &PinArguments,
    shell: &Shell,
) -> Result<bool, CliError> {
    if pin.is_given() && tokens.len() > 1 {
        let labels: Vec<_> = tokens
            .iter()
            .map(|token| token.entry().id.label.as_str())
            .collect();
        let facts = arguments([("tokens", labels.join(", "))]);
        return Err(CliError::misuse("token-hide-several", facts));
    }
    let mut revealed = false;
    for token in tokens {
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
        PinNeed::Reader { state } => {
            note_reader(state, shell);
            None
        }
        PinNeed::NotNeeded | PinNeed::Locked => None,
    };
    login::unlock(session, pin, shown, &mut AtTheShell::new(source))
        .await
        .map_err(|error| failed(&error))
}
