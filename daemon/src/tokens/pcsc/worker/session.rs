//! Work with one card, from before the PIN to the logout.

use std::os::fd::OwnedFd;

use super::certify;
use super::desk::{Desk, Stay, record};
use crate::tokens::pcsc::apdu::Status;
use crate::tokens::pcsc::failure::CardError;
use crate::tokens::pcsc::piv::slot::{CardAlgorithm, CardKey, Slot};
use crate::tokens::pcsc::piv::{ManagementKey, PinBlock, Verified, state_of};
use crate::tokens::wire::{Answer, Call, KeyRecord, LoginOutcome, Octets, TokenName};
use crate::tokens::worker::pin_line::PinLine;
use crate::tokens::{KeyAlgorithm, PinNeed, PinState};
use trien_signatures::algorithm::SignatureAlgorithm;
use trien_signatures::certificate::Certificate;

/// How long a card is waited for that other programs used since the session began.
const WAIT: std::time::Duration = std::time::Duration::from_secs(4);

/// An open session.
pub(super) struct Session {
    pub(super) number: u64,
    pub(super) token: TokenName,
    /// Of the card that it was opened with.
    stay: Stay,
    /// None to administer the card.
    key: Option<CardKey>,
    pipe: Option<OwnedFd>,
    /// The PIN of the login, kept for the first signature in a slot that wants one for each: it was typed for that
    /// signature. Wiped when it is used, and with the login. Where the card is administered, it was typed for a new key
    /// and all that this key has to sign: its certificate, and the request for another one.
    pin: Option<PinBlock>,
    logged_in: bool,
    /// Somebody was, at some time.
    entered: bool,
    /// A PIN was sent to the card, which has not said what it made of it.
    trying: bool,
    /// The last command was a VERIFY.
    just_verified: bool,
    /// The card wants the PIN before each signature, in whatever slot.
    each: bool,
    /// What the card said of its PIN since the transaction began.
    state: Option<PinState>,
    /// What the person was told of it last.
    told: PinState,
    management_key: ManagementKey,
}

impl Session {
    pub(super) fn new(
        number: u64,
        token: TokenName,
        stay: Stay,
        key: Option<Vec<u8>>,
        state: PinState,
    ) -> Result<Self, CardError> {
        let key = match key {
            Some(id) => Some(CardKey::of_id(&id).ok_or(CardError::NotThere)?),
            None => None,
        };
        Ok(Self {
            number,
            token,
            stay,
            key,
            pipe: None,
            pin: None,
            logged_in: false,
            entered: false,
            trying: false,
            just_verified: false,
            each: false,
            state: Some(state),
            told: state,
            management_key: ManagementKey::usual(),
        })
    }

    /// Of the card that it was opened with.
    pub(super) const fn stay(&self) -> Stay {
        self.stay
    }

    pub(super) const fn is_logged_in(&self) -> bool {
        self.logged_in
    }

    pub(super) const fn last_state(&self) -> Option<PinState> {
        self.state
    }

    /// The card is asked something, which may be anything but a VERIFY.
    pub(super) const fn tell_of_command(&mut self) {
        self.just_verified = false;
    }

    /// The person is told that.
    pub(super) const fn tell(&mut self, state: PinState) {
        self.told = state;
    }

    /// What the session's own key needs.
    pub(super) fn need(&self, of_card: PinNeed) -> PinNeed {
        match self.key {
            Some(key) if !key.slot.needs_pin() => PinNeed::NotNeeded,
            _ => of_card,
        }
    }

    /// What was typed was typed for more than one signature: see [`Self::pin`].
    const fn administers(&self) -> bool {
        self.key.is_none()
    }

    /// True if there was a login to end, or may have been one. What is known of the PIN ends with the transaction.
    pub(super) fn log_out(&mut self) -> bool {
        self.state = None;
        self.pin = None;
        self.just_verified = false;
        let may_be_in = std::mem::take(&mut self.trying);
        std::mem::take(&mut self.logged_in) || may_be_in
    }
}

impl Desk<'_> {
    /// A request about the open session.
    pub(super) fn in_session(&mut self, call: Call, descriptors: Vec<OwnedFd>) -> Result<Answer, CardError> {
        let number = match &call {
            Call::SkipPin { session }
            | Call::Login { session }
            | Call::Sign { session, .. }
            | Call::Keys { session }
            | Call::GenerateKey { session, .. }
            | Call::InstallCertificate { session, .. }
            | Call::CertificatesOf { session }
            | Call::ManagementKey { session } => *session,
            _ => return Err(CardError::Unsupported("a session")),
        };
        if self
            .session
            .as_ref()
            .is_none_or(|session| session.number != number)
        {
            return Err(CardError::OtherCard);
        }
        let mut descriptors = descriptors.into_iter();
        match call {
            Call::SkipPin { .. } => {
                let _ = self.piped(descriptors.next())?.pipe.as_ref().map(PinLine::read);
                Ok(Answer::Done)
            }
            Call::Login { .. } => {
                self.piped(descriptors.next())?;
                self.login().map(Answer::Login)
            }
            Call::Sign {
                algorithm,
                digest,
                key,
                typed,
                ..
            } => self.sign(key.map(|key| key.id.0), algorithm, &digest.0, typed),
            Call::CertificatesOf { .. } => {
                self.require_login()?;
                self.again()?;
                let held = self.certificates_now()?;
                Ok(Answer::Certificates(held.iter().map(record).collect()))
            }
            Call::Keys { .. } => self.keys().map(Answer::Keys),
            Call::GenerateKey { algorithm, label, .. } => self
                .generate(algorithm, &label)
                .map(|key| Answer::Keys(vec![key])),
            Call::InstallCertificate { key, certificate, .. } => {
                self.install(&key.0, &certificate.der.0).map(|()| Answer::Done)
            }
            Call::ManagementKey { .. } => {
                let line = descriptors.next().and_then(|pipe| PinLine::read(&pipe).ok());
                let key = line
                    .as_ref()
                    .and_then(PinLine::bytes)
                    .and_then(ManagementKey::of_hexadecimal);
                self.current()?.management_key = key.ok_or(CardError::ManagementKey)?;
                Ok(Answer::Done)
            }
            _ => Err(CardError::Unsupported("a session")),
        }
    }

    /// The session, with the pipe that PINs come through if it came along with a request.
    fn piped(&mut self, pipe: Option<OwnedFd>) -> Result<&mut Session, CardError> {
        let session = self.current()?;
        session.pipe = pipe.or(session.pipe.take());
        Ok(session)
    }

    fn current(&mut self) -> Result<&mut Session, CardError> {
        self.session.as_mut().ok_or(CardError::OtherCard)
    }

    /// The card again, if other programs had it since: it must be the same one.
    fn again(&mut self) -> Result<(), CardError> {
        self.hold()?;
        self.current()?.just_verified = false;
        Ok(())
    }

    /// The same, where it may have been this session that did something with it last: a PIN verified just now stays so.
    fn hold(&mut self) -> Result<(), CardError> {
        if self.link.is_none() {
            self.reach(WAIT)?;
        }
        // With another card the session has ended.
        let session = self.session.as_ref().ok_or(CardError::OtherCard)?;
        if self.stay() == Some(session.stay) {
            return self.expect(&session.token);
        }
        self.session = None;
        Err(CardError::OtherCard)
    }

    /// One try.
    fn login(&mut self) -> Result<LoginOutcome, CardError> {
        let key = self.current()?.key;
        if key.is_some_and(|key| !key.slot.needs_pin()) {
            self.current()?.logged_in = true;
            return Ok(LoginOutcome::In);
        }
        if self.has_pad()? {
            self.again()?;
            if let Some(outcome) = self.not_typed_for_this()? {
                return Ok(outcome);
            }
            let verified = self.verify(None)?;
            return self.judged(verified, None);
        }
        // The line is read before the card is waited for: nobody else has it while a person types.
        let pin = match self.next_pin()? {
            Ok(pin) => pin,
            Err(outcome) => return Ok(outcome),
        };
        self.again()?;
        if let Some(outcome) = self.not_typed_for_this()? {
            return Ok(outcome);
        }
        let verified = self.verify(Some(&pin))?;
        self.judged(verified, Some(pin))
    }

    /// One try, with this PIN or with what is typed at the reader.
    fn verify(&mut self, pin: Option<&PinBlock>) -> Result<Verified, CardError> {
        self.current()?.trying = true;
        let verified = match pin {
            Some(pin) => self.piv()?.verify(pin)?,
            None => self.piv()?.verify_at_reader()?,
        };
        self.current()?.trying = false;
        Ok(verified)
    }

    /// Where others have had the card since it was asked, they may have spent tries. A PIN goes to the last one only if it
    /// was typed for that: who has not been told is told, and types again.
    fn not_typed_for_this(&mut self) -> Result<Option<LoginOutcome>, CardError> {
        let now = match self.current()?.state {
            Some(state) => state,
            None => self.piv()?.pin_state()?,
        };
        let session = self.current()?;
        session.state = Some(now);
        let outcome = match now {
            PinState::Locked => LoginOutcome::Locked,
            PinState::LastTry if session.told != PinState::LastTry => LoginOutcome::NotTried { now },
            _ => return Ok(None),
        };
        session.tell(now);
        self.rest();
        Ok(Some(outcome))
    }

    /// Whether PINs are typed at the reader.
    fn has_pad(&mut self) -> Result<bool, CardError> {
        self.hold()?;
        let link = self.link.as_ref();
        Ok(link.is_some_and(|link| link.features().verify_pin.is_some()))
    }

    /// One line of the pipe, if it can be a PIN.
    fn next_pin(&mut self) -> Result<Result<PinBlock, LoginOutcome>, CardError> {
        let pipe = self.current()?.pipe.as_ref();
        let Some(line) = pipe.and_then(|pipe| PinLine::read(pipe).ok()) else {
            return Ok(Err(LoginOutcome::NoPin));
        };
        let pin = line.bytes().and_then(PinBlock::new);
        Ok(pin.ok_or(LoginOutcome::Invalid))
    }

    fn judged(&mut self, verified: Verified, pin: Option<PinBlock>) -> Result<LoginOutcome, CardError> {
        if verified == Verified::Right {
            let session = self.current()?;
            session.pin = pin;
            session.logged_in = true;
            session.entered = true;
            session.just_verified = true;
            session.state = Some(PinState::Ready);
            return Ok(LoginOutcome::In);
        }
        let outcome = LoginOutcome::from(verified);
        if let LoginOutcome::Incorrect { now } = outcome {
            self.current()?.tell(now);
        }
        // While the person thinks, others may have the card.
        self.rest();
        Ok(outcome)
    }

    /// With `typed`, the next line of the pipe is the PIN of a signature that needs one of its own, or the reader asks
    /// for it.
    fn sign(
        &mut self,
        id: Option<Vec<u8>>,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        typed: bool,
    ) -> Result<Answer, CardError> {
        let named = match id {
            Some(id) => Some(CardKey::of_id(&id).ok_or(CardError::NotThere)?),
            None => None,
        };
        let session = self.current()?;
        let key = named.or(session.key).ok_or(CardError::NotThere)?;
        let each = key.slot.needs_pin_each_time() || session.each;
        if key.slot.needs_pin() && !session.logged_in {
            if !session.entered && !typed {
                return Err(CardError::Refused(Status::SECURITY));
            }
            // The login ended by itself: the person is asked for another PIN, unless he types it at the reader.
            if !typed {
                return Ok(match self.has_pad()? {
                    true => Answer::AtReader,
                    false => Answer::Login(LoginOutcome::NoPin),
                });
            }
            match self.login()? {
                LoginOutcome::In => {}
                other => return Ok(Answer::Login(other)),
            }
        }
        self.hold()?;
        if key.slot.needs_pin() && each {
            if !typed && !self.current()?.just_verified && self.has_pad()? {
                return Ok(Answer::AtReader);
            }
            match self.verify_for_signature(typed)? {
                LoginOutcome::In => {}
                other => return Ok(Answer::Login(other)),
            }
        }
        let session = self.current()?;
        session.just_verified = false;
        if !session.administers() {
            session.pin = None;
        }
        match self.piv()?.sign(key, algorithm, digest) {
            // The card wants the PIN before each signature in this slot, too. What is typed next logs in again.
            Err(CardError::Refused(Status::SECURITY)) if key.slot.needs_pin() && !each => {
                self.current()?.each = true;
                self.rest();
                Ok(Answer::Login(LoginOutcome::NoPin))
            }
            done => done.map(|made| Answer::Signature(Octets(made))),
        }
    }

    /// The PIN directly before a signature that needs one of its own: that of the login for the first (and where the card
    /// is administered for all), then a line of the pipe for each; at a reader with a pad the person types each there.
    fn verify_for_signature(&mut self, typed: bool) -> Result<LoginOutcome, CardError> {
        let session = self.current()?;
        if session.just_verified {
            return Ok(LoginOutcome::In);
        }
        let kept = session.pin.take();
        if self.has_pad()? {
            let verified = self.verify(None)?;
            return self.judged(verified, None);
        }
        let pin = match kept {
            Some(pin) => Ok(pin),
            None if typed => self.next_pin()?,
            None => Err(LoginOutcome::NoPin),
        };
        match pin {
            Ok(pin) => {
                let verified = self.verify(Some(&pin))?;
                let kept = self.current()?.administers().then_some(pin);
                self.judged(verified, kept)
            }
            Err(outcome) => {
                // While the person types, others may have the card.
                self.rest();
                Ok(outcome)
            }
        }
    }

    fn require_login(&mut self) -> Result<(), CardError> {
        match self.current()?.logged_in {
            true => Ok(()),
            false => Err(CardError::Refused(Status::SECURITY)),
        }
    }

    /// The keys that certificates tell of: a PIV card has no other list.
    fn keys(&mut self) -> Result<Vec<KeyRecord>, CardError> {
        self.require_login()?;
        let held = self.certificates_now()?;
        self.current()?.just_verified = false;
        let record = |certificate: &crate::tokens::pcsc::piv::CardCertificate| {
            Some(KeyRecord {
                label: certificate.slot.to_string(),
                id: Octets(certificate.key?.to_id()),
                public_key: Some(Octets(certificate.certificate.public_key_der().to_vec())),
            })
        };
        Ok(held.iter().filter_map(record).collect())
    }

    /// A new key in the slot of that name, which has to be empty, and a certificate by the key itself beside it, so that the key can be found
    /// until an authority has certified it.
    fn generate(&mut self, algorithm: KeyAlgorithm, label: &str) -> Result<KeyRecord, CardError> {
        self.require_login()?;
        let slot = Slot::named(label).ok_or(CardError::NoSuchSlot)?;
        let algorithm = CardAlgorithm::to_generate(algorithm).ok_or(CardError::Unsupported("Ed25519"))?;
        let key = CardKey { slot, algorithm };
        self.again()?;
        // Whoever asked knows only what certificates tell.
        if self.piv()?.is_taken(slot)? {
            return Err(CardError::Taken);
        }
        self.administer()?;
        self.forget_certificates();
        let public_key = self.piv()?.generate(slot, algorithm)?;
        let prepared = certify::prepare(slot, &public_key)?;
        if slot.needs_pin_each_time() && self.verify_for_signature(false)? != LoginOutcome::In {
            return Err(CardError::Refused(Status::SECURITY));
        }
        self.current()?.just_verified = false;
        let signable = prepared.signable();
        let signature = self.piv()?.sign(key, signable.algorithm, &signable.digest)?;
        let certificate = certify::finish(prepared, &signature)?;
        self.piv()?.put_certificate(slot, &certificate)?;
        self.piv()?.announce(slot)?;
        Ok(KeyRecord {
            label: slot.to_string(),
            id: Octets(key.to_id()),
            public_key: Some(Octets(public_key)),
        })
    }

    fn install(&mut self, id: &[u8], der: &[u8]) -> Result<(), CardError> {
        self.require_login()?;
        let key = CardKey::of_id(id).ok_or(CardError::NotThere)?;
        let certificate =
            Certificate::from_der(der).map_err(|_| CardError::Unsupported("the certificate"))?;
        self.again()?;
        self.administer()?;
        self.forget_certificates();
        self.piv()?.put_certificate(key.slot, &certificate)
    }

    fn administer(&mut self) -> Result<(), CardError> {
        let key = std::mem::replace(&mut self.current()?.management_key, ManagementKey::usual());
        let proved = self.piv()?.administer(&key);
        self.current()?.management_key = key;
        proved
    }

    /// The known PIN or PUK and the new PIN, a line each: one try of the first, without a session.
    pub(super) fn replace_pin(
        &mut self,
        token: &TokenName,
        pipes: Vec<OwnedFd>,
        how: Replacement,
    ) -> Result<LoginOutcome, CardError> {
        self.require_free()?;
        let stay = self.stay_now()?;
        let told = self.state_told();
        // Both lines are read before the card is waited for: nobody else has it while a person types.
        let mut lines = pipes.into_iter().map(|pipe| PinLine::read(&pipe).ok());
        let (Some(Some(known)), Some(Some(new))) = (lines.next(), lines.next()) else {
            return match how {
                Replacement::Change => self.change_pin_at_reader(token),
                Replacement::Unblock => Ok(LoginOutcome::NoPin),
            };
        };
        let blocks = known
            .bytes()
            .and_then(PinBlock::new)
            .zip(new.bytes().and_then(PinBlock::new));
        let Some((known, new)) = blocks else {
            return Ok(LoginOutcome::Invalid);
        };
        self.reach(WAIT)?;
        self.expect_since(stay, token)?;
        let verified = match how {
            Replacement::Change => {
                // As before a login.
                let now = self.piv()?.pin_state()?;
                self.tell_state(now);
                match now {
                    PinState::Locked => return Ok(LoginOutcome::Locked),
                    PinState::LastTry if told != Some(now) => return Ok(LoginOutcome::NotTried { now }),
                    _ => {
                        let changed = self.piv()?.change_pin(&known, &new);
                        self.counted(changed)
                    }
                }
            }
            Replacement::Unblock => self.piv()?.unblock_pin(&known, &new),
        };
        self.replaced(verified)
    }

    /// Without lines, an old PIN and a new one are typed at the reader, if it has a pad. Otherwise nobody typed any.
    fn change_pin_at_reader(&mut self, token: &TokenName) -> Result<LoginOutcome, CardError> {
        let told = self.state_told();
        match self.pin(token, WAIT)? {
            PinNeed::Reader {
                state: now @ PinState::LastTry,
            } if told != Some(now) => Ok(LoginOutcome::NotTried { now }),
            PinNeed::Reader { .. } => {
                let changed = self.piv()?.change_pin_at_reader();
                let verified = self.counted(changed);
                self.replaced(verified)
            }
            PinNeed::Locked => Ok(LoginOutcome::Locked),
            _ => Ok(LoginOutcome::NoPin),
        }
    }

    /// Some cards name no count of tries where a PIN is replaced, and do where they are asked for it.
    fn counted(&mut self, changed: Result<Verified, CardError>) -> Result<Verified, CardError> {
        if changed != Ok(Verified::Wrong(u8::MAX)) {
            return changed;
        }
        match self.piv().and_then(|mut piv| piv.pin_state()) {
            Ok(PinState::Locked) => Ok(Verified::Blocked),
            Ok(PinState::LastTry) => Ok(Verified::Wrong(1)),
            Ok(PinState::Tries(left)) => Ok(Verified::Wrong(left)),
            _ => changed,
        }
    }

    /// Whatever the card makes of it, it does not stay logged in.
    fn replaced(&mut self, verified: Result<Verified, CardError>) -> Result<LoginOutcome, CardError> {
        match &verified {
            Ok(told) => self.leave(*told == Verified::Right),
            Err(error) if error.is_removal() => self.leave_lost(true, error),
            // The card has not said what it made of it.
            Err(_) => self.leave(true),
        }
        verified.map(LoginOutcome::from)
    }
}

/// What a login, or a PIN replaced, comes to.
impl From<Verified> for LoginOutcome {
    fn from(verified: Verified) -> Self {
        match verified {
            Verified::Right => Self::In,
            Verified::Wrong(tries) => Self::Incorrect { now: state_of(tries) },
            Verified::Blocked => Self::Locked,
            Verified::Refused => Self::Invalid,
            Verified::NotTyped => Self::NoPin,
        }
    }
}

/// How a PIN is replaced.
#[derive(Debug, Clone, Copy)]
pub(super) enum Replacement {
    /// By whoever knows it.
    Change,
    /// By whoever knows the code for that.
    Unblock,
}
