//! Work with one token, from before the PIN to the logout.

use std::os::fd::OwnedFd;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session as Pkcs11Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use trien_signatures::algorithm::SignatureAlgorithm;

use super::failure::token_error;
use super::pin_line::PinLine;
use super::{catalogue, mechanism};
use crate::tokens::wire::{LoginOutcome, TokenName};
use crate::tokens::{PinNeed, PinState, TokenError};

/// The longest signature that is passed on, in bytes: RSA with 8192 bits.
const MAX_SIGNATURE: usize = 1024;

/// An open session. Dropping it logs out.
#[derive(Debug)]
pub(super) struct Session {
    module: Pkcs11,
    pub(super) token: TokenName,
    slot: Slot,
    pub(super) pkcs11: Pkcs11Session,
    key: Option<Vec<u8>>,
    found: Option<(Vec<u8>, SignatureAlgorithm, ObjectHandle)>,
    pipe: Option<OwnedFd>,
    /// By this session: the module knows only whether the process has logged in.
    logged_in: bool,
    mechanisms: Vec<MechanismType>,
}

impl Session {
    /// Opens one: to sign with `key`, or read-write to administer the token. Gives how the token takes its PIN, too.
    pub(super) fn open(
        module: &Pkcs11,
        token: TokenName,
        key: Option<Vec<u8>>,
    ) -> Result<(Self, PinNeed), TokenError> {
        let (slot, info) = catalogue::find(module, &token)?;
        let pkcs11 = if key.is_some() {
            module.open_ro_session(slot)
        } else {
            module.open_rw_session(slot)
        };
        let session = Self {
            pkcs11: pkcs11.map_err(|error| token_error(&error))?,
            mechanisms: module
                .get_mechanism_list(slot)
                .map_err(|error| token_error(&error))?,
            module: module.clone(),
            token,
            slot,
            key,
            found: None,
            pipe: None,
            logged_in: false,
        };
        Ok((session, catalogue::pin_need(&info)))
    }

    pub(super) fn attach(&mut self, pipe: OwnedFd) {
        self.pipe = Some(pipe);
    }

    /// Reads one line of the pipe away, unseen by the token.
    pub(super) fn skip_pin(&self) {
        // A pipe that has ended tells so at the next login.
        let _ = self.pipe.as_ref().map(PinLine::read);
    }

    pub(super) fn offers(&self, mechanism: MechanismType) -> bool {
        self.mechanisms.contains(&mechanism)
    }

    /// One try. Nothing reaches the token that its own limits rule out.
    pub(super) fn login(&mut self) -> Result<LoginOutcome, TokenError> {
        let info = self.info()?;
        match catalogue::pin_need(&info) {
            PinNeed::NotNeeded => {
                self.logged_in = true;
                Ok(LoginOutcome::In)
            }
            PinNeed::Locked => Ok(LoginOutcome::Locked),
            PinNeed::Reader => self.try_pin(None),
            PinNeed::Pipe { .. } => {
                let Some(line) = self.pipe.as_ref().and_then(|pipe| PinLine::read(pipe).ok()) else {
                    return Ok(LoginOutcome::NoPin);
                };
                let (min, max) = catalogue::pin_lengths(&info);
                let Some(pin) = line.judge(min, max) else {
                    return Ok(LoginOutcome::Invalid);
                };
                let tried = self.try_pin(Some(pin.secret()));
                // Memory is unlocked by whole pages: the line, which may share one with the PIN, stays as long as it.
                drop(pin);
                drop(line);
                tried
            }
        }
    }

    fn try_pin(&mut self, pin: Option<&AuthPin>) -> Result<LoginOutcome, TokenError> {
        let mut tried = self.pkcs11.login(UserType::User, pin);
        if matches!(tried, Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _))) {
            // The module did not look at the PIN, because it holds a login that is not this session's. That is no
            // reason to let this person pass: end it and have the PIN looked at.
            self.pkcs11.logout().map_err(|error| token_error(&error))?;
            tried = self.pkcs11.login(UserType::User, pin);
        }
        let value = match tried {
            Ok(()) => {
                self.logged_in = true;
                return Ok(LoginOutcome::In);
            }
            Err(Error::Pkcs11(value, _)) => value,
            Err(other) => return Err(token_error(&other)),
        };
        match value {
            RvError::PinIncorrect => Ok(LoginOutcome::Incorrect {
                now: self.pin_state(),
            }),
            RvError::PinInvalid | RvError::PinLenRange => Ok(LoginOutcome::Invalid),
            RvError::PinLocked => Ok(LoginOutcome::Locked),
            RvError::PinExpired => Ok(LoginOutcome::Expired),
            RvError::FunctionCanceled | RvError::Cancel => Ok(LoginOutcome::NoPin),
            RvError::UserAnotherAlreadyLoggedIn | RvError::UserTooManyTypes => Err(TokenError::Busy),
            other => Err(token_error(&Error::Pkcs11(
                other,
                cryptoki::context::Function::Login,
            ))),
        }
    }

    fn pin_state(&self) -> PinState {
        match self.info().as_ref().map(catalogue::pin_need) {
            Ok(PinNeed::Locked) => PinState::Locked,
            Ok(PinNeed::Pipe { state, .. }) => state,
            _ => PinState::Ready,
        }
    }

    fn info(&self) -> Result<TokenInfo, TokenError> {
        catalogue::still_there(&self.module, self.slot, &self.token)
    }

    /// The raw signature of the token: ECDSA as r‖s.
    pub(super) fn sign(
        &mut self,
        key: Option<Vec<u8>>,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        message: Option<&[u8]>,
    ) -> Result<Vec<u8>, TokenError> {
        if digest.len() != algorithm.hash().len() {
            return Err(TokenError::Unsupported("a digest of another length".to_owned()));
        }
        let id = key.or_else(|| self.key.clone()).ok_or(TokenError::NoSuchKey)?;
        self.require_login()?;
        let key = self.private_key(&id, algorithm)?;
        let plan = mechanism::plan(&self.mechanisms, algorithm, digest, message)?;
        let signature = self
            .pkcs11
            .sign(&plan.mechanism, key, &plan.input)
            .map_err(|error| token_error(&error))?;
        match signature.len() {
            1..=MAX_SIGNATURE => Ok(signature),
            length => Err(TokenError::Failed(format!("a signature of {length} bytes"))),
        }
    }

    /// The token must still be the same, and this session must have logged in to it if it wants that.
    pub(super) fn require_login(&self) -> Result<(), TokenError> {
        let needed = self.info()?.login_required();
        if needed && !self.logged_in {
            Err(TokenError::LoginNeeded)
        } else {
            Ok(())
        }
    }

    fn private_key(&mut self, id: &[u8], algorithm: SignatureAlgorithm) -> Result<ObjectHandle, TokenError> {
        match &self.found {
            Some((known, of, key)) if known == id && *of == algorithm => return Ok(*key),
            _ => {}
        }
        let template = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(mechanism::key_type(algorithm)),
            Attribute::Id(id.to_vec()),
        ];
        let key = *catalogue::objects(&self.pkcs11, &template, 1)?
            .first()
            .ok_or(TokenError::NoSuchKey)?;
        let asked = self
            .pkcs11
            .get_attributes(key, &[AttributeType::AlwaysAuthenticate]);
        if asked.is_ok_and(|values| values.contains(&Attribute::AlwaysAuthenticate(true))) {
            return Err(TokenError::Unsupported("CKA_ALWAYS_AUTHENTICATE".to_owned()));
        }
        self.found = Some((id.to_vec(), algorithm, key));
        Ok(key)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A token that was pulled has logged out by itself.
        if self.logged_in {
            let _ = self.pkcs11.logout();
        }
    }
}
