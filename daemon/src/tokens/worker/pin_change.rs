//! A PIN is changed by whoever knows it (`C_SetPIN`), or set anew by the security officer's (`C_InitPIN`), which is
//! what cards call their PUK.

use std::os::fd::OwnedFd;
use std::time::Instant;

use cryptoki::error::Error;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki_sys::{CKF_PROTECTED_AUTHENTICATION_PATH, CKF_SO_PIN_LOCKED, CKF_USER_PIN_LOCKED};

use super::failure::token_error;
use super::pin_line::{Pin, PinLine};
use super::raw::{Module, TokenInfo};
use super::shown::Shown;
use super::{catalogue, session};
use crate::tokens::pcsc::log_out;
use crate::tokens::pcsc::presence::Stay;
use crate::tokens::session::may_mean_removal;
use crate::tokens::wire::{LoginOutcome, TokenName};
use crate::tokens::{PinState, TokenError};

/// Sessions that are closed only when the answer is on its way: after an error that may mean a removal a module may not
/// return from the next call, and whoever reads the answer ends the process instead.
pub(super) type Late = Vec<Session>;

/// Where the token is whose PIN is to be replaced, and since when, if it is a card.
pub(super) struct Place {
    slot: Slot,
    info: TokenInfo,
    stay: Option<Stay>,
}

impl Place {
    /// Of the card for which the lines were typed that are in the pipes.
    ///
    /// # Errors
    /// [`TokenError::Removed`] if it is not there any more, or another one is.
    pub(super) fn of(module: &Module, token: &TokenName, shown: &mut Shown) -> Result<Self, TokenError> {
        let (slot, info) = catalogue::find(module, token)?;
        let stay = shown.typed_for(module, token, slot)?;
        Ok(Self { slot, info, stay })
    }
}

/// The old PIN and the new one, a line each: one try of the old one, and not the last one where the person was `told`
/// something else.
pub(super) fn change(
    module: &Module,
    token: &TokenName,
    Place { slot, info, stay }: Place,
    pipes: &[OwnedFd; 2],
    told: Option<PinState>,
    late: &mut Late,
) -> Result<LoginOutcome, TokenError> {
    if info.has(CKF_USER_PIN_LOCKED) {
        return Ok(LoginOutcome::Locked);
    }
    let last = |info: &TokenInfo| {
        let now = catalogue::pin_state(info);
        let is_news = now == PinState::LastTry && told != Some(now);
        is_news.then_some(LoginOutcome::NotTried { now })
    };
    if let Some(outcome) = last(&info) {
        return Ok(outcome);
    }
    let card = Card::of(module, stay, &info);
    let open = module.open_rw_session(slot);
    let open = open.map_err(|error| token_error(&error))?;
    if info.has(CKF_PROTECTED_AUTHENTICATION_PATH) {
        let set = module.set_pin_at_reader(&open).map(|()| LoginOutcome::In);
        card.forget(&set);
        return closed(open, set, late);
    }
    let began = Instant::now();
    let (Some(old), Some(new)) = pins(&info, pipes) else {
        return Ok(LoginOutcome::Invalid);
    };
    card.require()?;
    if began.elapsed() > session::AT_HAND
        && let Some(outcome) = last(&catalogue::still_there(module, slot, token)?)
    {
        return Ok(outcome);
    }
    // Tokens want the login first, or take it amiss: the standard lets C_SetPIN be called in either state (5.6.5).
    let set = outcome(module, token, open.set_pin(old.secret(), new.secret()));
    card.forget(&set);
    closed(open, set, late)
}

/// What the PIN is changed of, if it is a card in a reader of the service's.
struct Card<'a> {
    stay: Option<Stay>,
    manufacturer: &'a str,
    stays_unlocked: bool,
}

impl<'a> Card<'a> {
    fn of(module: &Module, stay: Option<Stay>, info: &'a TokenInfo) -> Self {
        Self {
            stay,
            manufacturer: &info.manufacturer,
            stays_unlocked: module.stays_unlocked(),
        }
    }

    /// What was typed was typed for the card that was there before.
    fn require(&self) -> Result<(), TokenError> {
        match &self.stay {
            Some(stay) if !stay.goes_on() => Err(TokenError::Removed),
            _ => Ok(()),
        }
    }

    /// A card that took the old PIN may let in whoever comes next (PIV's applet here does): it forgets that again, as after
    /// a login. While the module may not let go of the card, nobody waits for it.
    fn forget(&self, set: &Result<LoginOutcome, TokenError>) {
        let may_be_in = match set {
            Ok(outcome) => *outcome == LoginOutcome::In,
            Err(error) => !may_mean_removal(error),
        };
        if may_be_in
            && self.stays_unlocked
            && let Some(stay) = &self.stay
            && let Err(error) = log_out::log_out(stay, self.manufacturer)
        {
            tracing::warn!(%error, "a card may still be logged in");
        }
    }
}

/// The security officer's PIN and the user's new one, a line each.
pub(super) fn unblock(
    module: &Module,
    token: &TokenName,
    Place { slot, info, stay }: Place,
    pipes: &[OwnedFd; 2],
    late: &mut Late,
) -> Result<LoginOutcome, TokenError> {
    if info.has(CKF_SO_PIN_LOCKED) {
        return Ok(LoginOutcome::Locked);
    }
    let card = Card::of(module, stay, &info);
    let (Some(officer), Some(new)) = pins(&info, pipes) else {
        return Ok(LoginOutcome::Invalid);
    };
    card.require()?;
    let session = module
        .open_rw_session(slot)
        .map_err(|error| token_error(&error))?;
    let tried = session.login(UserType::So, Some(officer.secret()));
    let state = || {
        let found = catalogue::find(module, token);
        found.map_or(PinState::Ready, |(_, info)| catalogue::officer_state(&info))
    };
    match session::outcome(tried, state) {
        Ok(LoginOutcome::In) => {}
        other => return closed(session, other, late),
    }
    let set = outcome(module, token, session.init_pin(new.secret()));
    if set.as_ref().is_err_and(may_mean_removal) {
        return closed(session, set, late);
    }
    let left = session.logout().map_err(|error| token_error(&error));
    card.forget(&Ok(LoginOutcome::In));
    match set? {
        LoginOutcome::In => left.map(|()| LoginOutcome::In),
        other => Ok(other),
    }
}

/// Closes the session, at once or [late](Late).
fn closed(
    session: Session,
    outcome: Result<LoginOutcome, TokenError>,
    late: &mut Late,
) -> Result<LoginOutcome, TokenError> {
    if outcome.as_ref().is_err_and(may_mean_removal) {
        late.push(session);
    }
    outcome
}

fn pins(info: &TokenInfo, pipes: &[OwnedFd; 2]) -> (Option<Pin>, Option<Pin>) {
    let (min, max) = catalogue::pin_lengths(info);
    let [one, two] = pipes
        .each_ref()
        .map(|pipe| PinLine::read(pipe).ok().and_then(|line| line.judge(min, max)));
    (one, two)
}

fn outcome(module: &Module, token: &TokenName, tried: Result<(), Error>) -> Result<LoginOutcome, TokenError> {
    let state =
        || catalogue::find(module, token).map_or(PinState::Ready, |(_, info)| catalogue::pin_state(&info));
    session::outcome(tried, state)
}
