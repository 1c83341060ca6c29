//! Work with one token, from before the PIN to the logout.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use cryptoki::error::Error;
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session as Pkcs11Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use cryptoki_sys::{CKF_LOGIN_REQUIRED, CKF_PROTECTED_AUTHENTICATION_PATH, CKF_USER_PIN_TO_BE_CHANGED};
use trien_signatures::algorithm::SignatureAlgorithm;

use super::failure::{meaning, number, token_error};
use super::pin_line::{Pin, PinLine};
use super::raw::{Module, TokenInfo};
use super::shown::{self, Shown};
use super::unlocked::Unlocked;
use super::{catalogue, keys, mechanism};
use crate::tokens::pcsc::log_out;
use crate::tokens::pcsc::presence::Stay;
use crate::tokens::truth::{self, AtLogin};
use crate::tokens::wire::{KeyName, LoginOutcome, MAX_KEYS, TokenName};
use crate::tokens::{PinNeed, PinState, TokenError};

/// A line that takes longer to read was not in the pipe yet: somebody types it.
pub(super) const AT_HAND: Duration = Duration::from_millis(50);

/// An open session. Dropping it logs out.
pub(super) struct Session {
    pub(super) module: Module,
    pub(super) token: TokenName,
    slot: Slot,
    /// As the token was when the session was opened.
    opened: TokenInfo,
    /// It is in a reader, or a stick: it can be pulled, and another be put in its place.
    hardware: bool,
    pub(super) pkcs11: Pkcs11Session,
    /// The reader with the card, as the module calls it.
    reader: Option<String>,
    /// The card's stay there since the session was opened, as far as the reader is one of the service's.
    stay: Option<Stay>,
    /// Since somebody was about to log in to a card.
    unlocked: Option<Unlocked>,
    key: Option<KeyName>,
    found: Option<Found>,
    pipe: Option<OwnedFd>,
    /// The PIN of the login, kept for the first signature of a key that wants one for each: it was typed for that
    /// signature. Wiped when it is used, by the first signature of a key that wants none, and with the session.
    kept: Option<Pin>,
    /// A signature was made since the login.
    signed: bool,
    /// By this session: the module knows only whether the process has logged in.
    logged_in: bool,
    /// What the person was told last of the PIN.
    told: PinState,
    /// The digest of a signature that was begun and waits for its PIN: a wrong one leaves the operation as it is.
    begun: Option<Vec<u8>>,
    mechanisms: Vec<MechanismType>,
}

/// A private key, as it was found on the token.
struct Found {
    name: KeyName,
    algorithm: SignatureAlgorithm,
    /// None since the token let somebody in anew: with a logout the handles of private objects become invalid for good
    /// (PKCS #11 3.1, 5.6.9).
    key: Option<ObjectHandle>,
    /// `CKA_ALWAYS_AUTHENTICATE`, or the token behaves so without saying it.
    each: bool,
}

/// How a request for a signature ended, apart from failures of the token.
pub(super) enum Signed {
    Signature(Vec<u8>),
    /// The login that this signature needs did not succeed; [`LoginOutcome::NoPin`] if there is no PIN for it yet.
    Login(LoginOutcome),
    /// The reader asks for that login when it is known that a person is waited for.
    AtReader,
}

impl Session {
    /// Opens one: to sign with `key`, or read-write to administer the token. Gives how the token takes its PIN, too.
    pub(super) fn open(
        module: &Module,
        token: TokenName,
        key: Option<KeyName>,
        shown: &mut Shown,
    ) -> Result<(Self, PinNeed), TokenError> {
        let (slot, info) = catalogue::find(module, &token)?;
        let pkcs11 = if key.is_some() {
            module.open_ro_session(slot)
        } else {
            module.open_rw_session(slot)
        };
        let pkcs11 = pkcs11.map_err(|error| token_error(&error))?;
        let stay = match &key {
            Some(key) => shown.stay_of(key, (module, &pkcs11), (slot, &info))?,
            None => shown.stay(module, slot),
        };
        let pin = catalogue::pin_need(&info);
        let hardware = module.place_of(slot).hardware;
        let session = Self {
            told: catalogue::pin_state(&info),
            opened: info,
            hardware,
            reader: hardware.then(|| catalogue::reader(module, slot)).flatten(),
            stay,
            unlocked: None,
            pkcs11,
            mechanisms: module.mechanisms(slot)?,
            module: module.clone(),
            token,
            slot,
            key,
            found: None,
            pipe: None,
            kept: None,
            signed: false,
            logged_in: false,
            begun: None,
        };
        Ok((session, pin))
    }

    /// Takes the pipe that PINs come through, if it came along with a request.
    pub(super) fn attach(&mut self, descriptors: Vec<OwnedFd>) -> &mut Self {
        if let Some(pipe) = descriptors.into_iter().next() {
            self.pipe = Some(pipe);
        }
        self
    }

    /// The person is told that.
    pub(super) const fn tell(&mut self, state: PinState) {
        self.told = state;
    }

    /// Where others have spent tries since the person was told, the last one is not spent on a PIN that was typed for another:
    /// he is told, and types again.
    fn not_typed_for_this(&mut self, info: &TokenInfo) -> Option<LoginOutcome> {
        let now = catalogue::pin_state(info);
        let is_news = now == PinState::LastTry && self.told != now;
        is_news.then(|| {
            self.told = now;
            LoginOutcome::NotTried { now }
        })
    }

    /// What a PIN came to, which the person is told.
    fn telling(&mut self, outcome: LoginOutcome) -> LoginOutcome {
        if let LoginOutcome::Incorrect { now } = outcome {
            self.told = now;
        }
        outcome
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
        let (info, began) = (self.info()?, Instant::now());
        match catalogue::pin_need(&info) {
            PinNeed::NotNeeded => {
                self.logged_in = true;
                Ok(LoginOutcome::In)
            }
            PinNeed::Locked => Ok(LoginOutcome::Locked),
            // It would succeed, and nothing but C_SetPIN be allowed then (3.1, 3.2, table 6): no login is spent on that.
            _ if info.has(CKF_USER_PIN_TO_BE_CHANGED) => Ok(LoginOutcome::Expired),
            PinNeed::Reader { .. } => match self.not_typed_for_this(&info) {
                Some(outcome) => Ok(outcome),
                None => self.try_pin(None),
            },
            PinNeed::Pipe { .. } => {
                let pin = match self.next_pin(&info) {
                    Ok(pin) => pin,
                    Err(outcome) => return Ok(outcome),
                };
                // A person may have taken his time to type it, and others theirs.
                let now = match began.elapsed() > AT_HAND {
                    true => self.info()?,
                    false => info,
                };
                if let Some(outcome) = self.not_typed_for_this(&now) {
                    return Ok(outcome);
                }
                let tried = self.try_pin(Some(pin.secret()))?;
                if tried == LoginOutcome::In {
                    self.kept = Some(pin);
                }
                Ok(tried)
            }
        }
    }

    /// One line of the pipe, if it can be a PIN of this token.
    fn next_pin(&self, info: &TokenInfo) -> Result<Pin, LoginOutcome> {
        let pipe = self.pipe.as_ref().ok_or(LoginOutcome::NoPin)?;
        let line = PinLine::read(pipe).map_err(|_| LoginOutcome::NoPin)?;
        let (min, max) = catalogue::pin_lengths(info);
        line.judge(min, max).ok_or(LoginOutcome::Invalid)
    }

    fn try_pin(&mut self, pin: Option<&AuthPin>) -> Result<LoginOutcome, TokenError> {
        self.require_same_card()?;
        if self.hardware && self.unlocked.is_none() {
            let reader = self.reader.as_deref().unwrap_or_default();
            self.unlocked = Some(Unlocked::begin(reader, &self.opened.manufacturer));
        }
        let mut tried = self.pkcs11.login(UserType::User, pin);
        if let Err(Error::Pkcs11(value, _)) = &tried
            && at_login(number(value)) == AtLogin::OtherLogin
        {
            // That somebody else has logged in is no reason to let this person pass.
            self.pkcs11.logout().map_err(|error| token_error(&error))?;
            tried = self.pkcs11.login(UserType::User, pin);
        }
        if tried.is_ok() {
            self.logged_in = true;
            self.signed = false;
            if let Some(found) = &mut self.found {
                found.key = None;
            }
        }
        let tried = outcome(tried, || self.pin_state())?;
        Ok(self.telling(tried))
    }

    /// A card that was away and is back is not the one that the PIN was typed for, even if it is the same.
    fn require_same_card(&self) -> Result<(), TokenError> {
        match self.has_its_card() {
            true => Ok(()),
            false => Err(TokenError::Removed),
        }
    }

    /// The card has been in its reader since the session was opened, as far as the service can say.
    pub(super) fn has_its_card(&self) -> bool {
        self.stay.as_ref().is_none_or(Stay::goes_on)
    }

    fn pin_state(&self) -> PinState {
        // Also of a PIN that is typed on the reader.
        match self.info().as_ref().map(catalogue::pin_state) {
            Ok(PinState::NotNeeded) | Err(_) => PinState::Ready,
            Ok(state) => state,
        }
    }

    pub(super) fn info(&self) -> Result<TokenInfo, TokenError> {
        catalogue::still_there(&self.module, self.slot, &self.token)
    }

    /// The token's state before it signs, if it is still the one that the session was opened with.
    ///
    /// A token of software is nothing that could be pulled: its session ends with it, and what is wanted of its state
    /// does not change. It is not asked for more than that, because it would read all of it from its files.
    fn before_signing(&self) -> Result<TokenInfo, TokenError> {
        self.require_same_card()?;
        if self.hardware {
            return self.info();
        }
        self.pkcs11
            .get_session_info()
            .map_err(|error| token_error(&error))?;
        Ok(self.opened.clone())
    }

    /// The raw signature of the token: ECDSA as r‖s. With `typed`, the next line of the pipe is the PIN of a signature
    /// that needs one, or the reader asks for it.
    pub(super) fn sign(
        &mut self,
        key: Option<KeyName>,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        message: Option<&[u8]>,
        typed: bool,
    ) -> Result<Signed, TokenError> {
        if digest.len() != algorithm.hash().len() {
            return Err(TokenError::Unsupported("a digest of another length".to_owned()));
        }
        let name = key.or_else(|| self.key.clone()).ok_or(TokenError::NoSuchKey)?;
        let info = self.before_signing()?;
        if info.has(CKF_LOGIN_REQUIRED) && !self.logged_in {
            // The token ended the login by itself, and the person has typed a PIN since.
            if !typed {
                return Err(TokenError::LoginNeeded);
            }
            match self.login()? {
                LoginOutcome::In => {}
                other => return Ok(Signed::Login(other)),
            }
        }
        let (key, each) = self.private_key(&name, algorithm)?;
        if !each {
            self.kept = None;
        }
        let modulus = mechanism::needs_modulus(&self.mechanisms, algorithm)
            .then(|| catalogue::octets(&self.module, &self.pkcs11, key, AttributeType::Modulus))
            .flatten();
        let plan = mechanism::plan(&self.mechanisms, algorithm, digest, message, modulus.as_deref())?;
        let pin = if each {
            if !typed && info.has(CKF_PROTECTED_AUTHENTICATION_PATH) {
                return Ok(Signed::AtReader);
            }
            let pin = match self.pin_for_signature(&info, typed) {
                Ok(pin) => pin,
                Err(outcome) => return Ok(Signed::Login(outcome)),
            };
            // A PIN goes to the token alone that it was typed for, and to the try.
            let now = self.info()?;
            if let Some(outcome) = self.not_typed_for_this(&now) {
                return Ok(Signed::Login(outcome));
            }
            self.require_same_card()?;
            Some(pin)
        } else {
            None
        };
        match self.begun.take() {
            None => match self
                .pkcs11
                .sign_init(&plan.mechanism, key)
                .map_err(|error| token_error(&error))
            {
                Ok(()) => {}
                Err(TokenError::LoginNeeded) if !each => return self.ask_again(),
                Err(error) => return Err(error),
            },
            Some(same) if same == digest => {}
            Some(_) => return Err(TokenError::Busy),
        }
        if let Some(pin) = pin {
            let secret = pin.as_ref().map(Pin::secret);
            let tried = self.pkcs11.login(UserType::ContextSpecific, secret);
            let tried = outcome(tried, || self.pin_state())?;
            match self.telling(tried) {
                LoginOutcome::In => {}
                other => {
                    self.begun = Some(digest.to_vec());
                    return Ok(Signed::Login(other));
                }
            }
        }
        match self.module.sign(&self.pkcs11, &plan.input) {
            Ok(signature) => {
                self.signed = true;
                Ok(Signed::Signature(signature))
            }
            Err(TokenError::LoginNeeded) if !each => self.ask_again(),
            Err(error) => Err(error),
        }
    }

    /// The PIN for one signature: that of the login for the first, then a line of the pipe for each; none at a reader
    /// that asks itself.
    fn pin_for_signature(&mut self, info: &TokenInfo, typed: bool) -> Result<Option<Pin>, LoginOutcome> {
        if info.has(CKF_PROTECTED_AUTHENTICATION_PATH) {
            return Ok(None);
        }
        match self.kept.take() {
            Some(pin) => Ok(Some(pin)),
            None if typed => self.next_pin(info).map(Some),
            None => Err(LoginOutcome::NoPin),
        }
    }

    /// The token wants a login for a key that has not said so, and the one that there was is gone with that: what is typed
    /// next logs in again. Directly after a login it is the key that wants a PIN for each signature; after a signature
    /// with it, another program may have ended the login, once.
    fn ask_again(&mut self) -> Result<Signed, TokenError> {
        let found = self.found.as_mut().ok_or(TokenError::LoginNeeded)?;
        found.each = !self.signed;
        let _ = self.pkcs11.logout();
        self.logged_in = false;
        self.kept = None;
        self.have_it_forget();
        Ok(Signed::Login(LoginOutcome::NoPin))
    }

    /// A card that its module's logout leaves as it is forgets who was let in.
    fn have_it_forget(&self) {
        if !self.module.stays_unlocked() {
            return;
        }
        let now = match self.stay {
            Some(_) => None,
            None => shown::stay_in(&self.module, self.slot),
        };
        if let Some(stay) = self.stay.as_ref().or(now.as_ref())
            && let Err(error) = log_out::log_out(stay, &self.opened.manufacturer)
        {
            tracing::warn!(%error, "a card may still be logged in");
        }
    }

    /// The token must still be the same, and this session must have logged in to it if it wants that.
    pub(super) fn require_login(&self) -> Result<(), TokenError> {
        if self.info()?.has(CKF_LOGIN_REQUIRED) && !self.logged_in {
            Err(TokenError::LoginNeeded)
        } else {
            Ok(())
        }
    }

    fn private_key(
        &mut self,
        name: &KeyName,
        algorithm: SignatureAlgorithm,
    ) -> Result<(ObjectHandle, bool), TokenError> {
        let found = self.found.as_ref();
        let known = found.filter(|found| found.name == *name && found.algorithm == algorithm);
        if let Some(Found {
            key: Some(key), each, ..
        }) = known
        {
            return Ok((*key, *each));
        }
        let learned = known.is_some_and(|found| found.each);
        let key = self.find_key(name, algorithm)?;
        let each =
            learned || catalogue::is_true(&self.module, &self.pkcs11, key, AttributeType::AlwaysAuthenticate);
        self.found = Some(Found {
            name: name.clone(),
            algorithm,
            key: Some(key),
            each,
        });
        Ok((key, each))
    }

    /// By `CKA_ID`; where several have it, or none, by the public key.
    fn find_key(&self, name: &KeyName, algorithm: SignatureAlgorithm) -> Result<ObjectHandle, TokenError> {
        let mut template = vec![
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(mechanism::key_type(algorithm)),
        ];
        let every =
            |template: &[Attribute]| catalogue::objects(&self.module, &self.pkcs11, template, MAX_KEYS);
        template.push(Attribute::Id(name.id.0.clone()));
        let named = every(&template)?;
        let Some(public) = &name.public_key else {
            return named.first().copied().ok_or(TokenError::NoSuchKey);
        };
        let half = |key: &ObjectHandle| {
            let id =
                catalogue::octets(&self.module, &self.pkcs11, *key, AttributeType::Id).unwrap_or_default();
            keys::public_half(self, *key, &id)
        };
        let mut unread = None;
        for key in &named {
            match half(key) {
                Some(own) if own == public.0 => return Ok(*key),
                Some(_) => {}
                None => unread = unread.or(Some(*key)),
            }
        }
        // Of which no public key can be read it may be: the signature is verified in any case.
        if let Some(unread) = unread {
            return Ok(unread);
        }
        template.pop();
        let belongs = |key: &&ObjectHandle| half(key).as_ref() == Some(&public.0);
        every(&template)?
            .iter()
            .find(belongs)
            // What is written in another way may be the same key.
            .or(named.first())
            .copied()
            .ok_or(TokenError::NoSuchKey)
    }
}

/// What a login of whatever sort came to. `state` says how it stands with the PIN now.
pub(super) fn outcome(
    tried: Result<(), Error>,
    state: impl Fn() -> PinState,
) -> Result<LoginOutcome, TokenError> {
    match tried {
        Ok(()) => Ok(LoginOutcome::In),
        Err(Error::Pkcs11(value, _)) => outcome_of(number(&value), state),
        Err(other) => Err(token_error(&other)),
    }
}

/// What a return value other than `CKR_OK` is where a PIN was given: as its row in the truth table says.
///
/// # Errors
/// [`TokenError`], where it says nothing of the PIN.
pub(in crate::tokens) fn outcome_of(
    number: u64,
    state: impl Fn() -> PinState,
) -> Result<LoginOutcome, TokenError> {
    match at_login(number) {
        AtLogin::Incorrect => Ok(LoginOutcome::Incorrect { now: state() }),
        AtLogin::Invalid => Ok(LoginOutcome::Invalid),
        AtLogin::Locked => Ok(LoginOutcome::Locked),
        AtLogin::Expired => Ok(LoginOutcome::Expired),
        AtLogin::NotTyped => Ok(LoginOutcome::NoPin),
        AtLogin::PerhapsLocked if state() == PinState::Locked => Ok(LoginOutcome::Locked),
        AtLogin::PerhapsLocked
        | AtLogin::Same
        | AtLogin::OtherLogin
        | AtLogin::PerhapsRemoved
        | AtLogin::Unclear => Err(meaning(number)),
    }
}

/// Of what no standard knows, nothing in particular.
fn at_login(number: u64) -> AtLogin {
    truth::cryptoki(number).map_or(AtLogin::Same, |row| row.at_login)
}

impl Drop for Session {
    fn drop(&mut self) {
        // A token that was pulled has logged out by itself.
        if self.logged_in {
            let _ = self.pkcs11.logout();
        }
        // What the module says of a login is not what the card made of the PIN: it may have taken one that is called wrong.
        if self.logged_in || self.unlocked.is_some() {
            self.have_it_forget();
        }
    }
}
