//! A token is made: `C_InitToken`, then the user's PIN by `C_InitPIN`.

use std::os::fd::OwnedFd;

use cryptoki::session::UserType;
use cryptoki::slot::Slot;
use cryptoki_sys::{CKF_ERROR_STATE, CKF_TOKEN_INITIALIZED, CKF_USER_PIN_INITIALIZED};

use super::catalogue;
use super::failure::{is_out_of_form, token_error};
use super::pin_line::{Pin, PinLine};
use super::raw::{Module, TokenInfo};
use crate::tokens::TokenError;
use crate::tokens::wire::InitializeOutcome;

/// Makes a token in the first slot that has none and is in no hardware. Both PINs are judged before anything is made.
pub(super) fn initialize(
    module: &Module,
    name: &str,
    label: &str,
    pipes: &[OwnedFd; 2],
) -> Result<InitializeOutcome, TokenError> {
    let Some(slot) = free_slot(module)? else {
        return Ok(InitializeOutcome::NoFreeSlot);
    };
    let info = module.token_info(slot)?;
    let (min, max) = catalogue::pin_lengths(&info);
    let [officer, user] = pipes
        .each_ref()
        .map(|pipe| PinLine::read(pipe).ok().and_then(|line| line.judge(min, max)));
    let Some(officer) = officer else {
        return Ok(InitializeOutcome::SecurityOfficerPinInvalid);
    };
    let Some(user) = user else {
        return Ok(InitializeOutcome::UserPinInvalid);
    };
    match module.init_token(slot, officer.secret(), label) {
        Ok(()) => {}
        Err(error) if is_out_of_form(&error) => return Ok(InitializeOutcome::SecurityOfficerPinInvalid),
        Err(error) => return Err(token_error(&error)),
    }
    let slot = slot_of(module, slot, label)?;
    if !set_user_pin(module, slot, &officer, &user)? {
        return Ok(InitializeOutcome::UserPinInvalid);
    }
    Ok(InitializeOutcome::Made(catalogue::entry(module, slot, name)?))
}

fn free_slot(module: &Module) -> Result<Option<Slot>, TokenError> {
    // As whoever asked has looked for one: a card is not wiped for it, nor what is damaged.
    let free = |slot: &Slot| {
        let has_none = |info: TokenInfo| !info.has(CKF_TOKEN_INITIALIZED) && !info.has(CKF_ERROR_STATE);
        module.token_info(*slot).is_ok_and(has_none) && !module.place_of(*slot).hardware
    };
    Ok(module.slots()?.into_iter().find(free))
}

/// A module may move a new token to another slot.
fn slot_of(module: &Module, first: Slot, label: &str) -> Result<Slot, TokenError> {
    let made = |slot: &Slot| {
        module.token_info(*slot).is_ok_and(|info| {
            info.has(CKF_TOKEN_INITIALIZED) && info.label == label && !info.has(CKF_USER_PIN_INITIALIZED)
        })
    };
    if made(&first) {
        return Ok(first);
    }
    module.slots()?.into_iter().find(made).ok_or(TokenError::Removed)
}

/// False if the token does not take the user's PIN.
fn set_user_pin(module: &Module, slot: Slot, officer: &Pin, user: &Pin) -> Result<bool, TokenError> {
    let session = module
        .open_rw_session(slot)
        .map_err(|error| token_error(&error))?;
    session
        .login(UserType::So, Some(officer.secret()))
        .map_err(|error| token_error(&error))?;
    let set = session.init_pin(user.secret());
    let left = session.logout();
    match set {
        Ok(()) => left.map(|()| true).map_err(|error| token_error(&error)),
        Err(error) if is_out_of_form(&error) => Ok(false),
        Err(error) => Err(token_error(&error)),
    }
}
