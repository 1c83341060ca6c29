//! Serves the card in one reader: which card it is, its certificates, the one session that works with it.

mod certificates;
mod look;
mod reach;

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use pcsc::Context;

use super::session::{Replacement, Session};
use crate::tokens::pcsc::apdu::Malformed;
use crate::tokens::pcsc::card::{Link, Watch};
use crate::tokens::pcsc::failure::CardError;
use crate::tokens::pcsc::features::Features;
use crate::tokens::pcsc::piv::{CardCertificate, MAX_PIN, MIN_PIN, Piv};
use crate::tokens::pcsc::{names, outage, presence};
use crate::tokens::wire::{Answer, Call, KeyName, TokenName};
use crate::tokens::{PinNeed, PinState, TokenEntry, TokenError};
use certificates::Extent;
pub(super) use certificates::record;
use look::Known;
pub(super) use reach::Stay;

/// How long a card that another program holds exclusively is waited for, when it is only looked at.
const GLANCE: Duration = Duration::from_millis(300);

/// How long it is waited for when somebody wants to work with it.
const WAIT: Duration = Duration::from_secs(4);

/// How long the card is kept for us when it was looked at: whoever looked mostly goes on, to its certificates or a
/// session, and need not find out again which card it is.
const AFTER_LOOK: Duration = Duration::from_millis(100);

/// How long after a list of certificates the card's number is read, if that was left for later: whoever shows the list
/// may ask for it once more at once.
const AFTER_LIST: Duration = Duration::from_millis(5);

/// How long the card is kept for us between opening a session and the PIN.
const BEFORE_LOGIN: Duration = Duration::from_secs(1);

/// How long it is kept for us, logged in, while no request comes.
const AFTER_LOGIN: Duration = Duration::from_secs(30);

/// The card's thread's own.
pub(super) struct Desk<'watch> {
    reader: CString,
    watch: &'watch Watch,
    context: Option<Context>,
    /// How many contexts there have been: the service counts anew when it is started anew.
    contexts: u64,
    known: Option<Known>,
    /// The serial number and the certificates of the card whose certificates were read last.
    before: Option<(String, Vec<CardCertificate>)>,
    /// The reader's, as long as nothing has gone wrong with it.
    features: Option<Features>,
    pub(super) link: Option<Link<'watch>>,
    /// When the link was made.
    linked: Instant,
    pub(super) session: Option<Session>,
    last_session: u64,
}

impl<'watch> Desk<'watch> {
    pub(super) fn new(reader: CString, watch: &'watch Watch) -> Self {
        Self {
            reader,
            watch,
            context: None,
            contexts: 0,
            known: None,
            before: None,
            features: None,
            link: None,
            linked: Instant::now(),
            session: None,
            last_session: 0,
        }
    }

    /// How long to wait for the next request before the card is let go of; none if it is not held.
    pub(super) fn rest_after(&self) -> Option<Duration> {
        self.link.as_ref()?;
        Some(match &self.session {
            None if self.owes_number() => AFTER_LIST,
            Some(session) if session.is_logged_in() => AFTER_LOGIN,
            Some(_) => BEFORE_LOGIN,
            // From when the card was taken: who looks again and again does not keep it from others.
            None => AFTER_LOOK.saturating_sub(self.linked.elapsed()),
        })
    }

    /// What there is to do when no request comes: the number that was left for later is read, or the card let go of.
    pub(super) fn pause(&mut self) {
        if self.owes_number() {
            self.settle();
        } else {
            self.rest();
        }
    }

    /// Logs out, and lets other programs have the card.
    pub(super) fn rest(&mut self) {
        let logged_in = self.session.as_mut().is_some_and(Session::log_out);
        self.leave(logged_in);
    }

    /// Lets other programs have the card, and has it forget the PIN first.
    pub(super) fn leave(&mut self, verified: bool) {
        let Some(mut link) = self.link.take() else {
            return;
        };
        if self.owes_number() {
            self.known = None;
        }
        if verified && !Piv::selected(&mut link).log_out().unwrap_or(false) {
            // A card that cannot be told to forget the PIN forgets it at a reset.
            link.reset();
        }
    }

    /// Lets go of a card that seems to be gone. One that has only not answered is still there, and is reset if it may let
    /// somebody in: a command that tells it to forget the PIN might not be answered either.
    pub(super) fn leave_lost(&mut self, may_be_in: bool, error: &CardError) {
        let is_silent = *error == CardError::Malformed(Malformed::NoStatus);
        if let Some(link) = self.link.take()
            && may_be_in
            && is_silent
            // What stays may have been put in since; then nothing of the old connection may be in its way.
            && self.is_same_card().unwrap_or(false)
            && presence::stays(&self.legible())
            && self.is_same_card().unwrap_or(false)
        {
            link.reset();
        }
    }

    /// Nobody waited for what was done last: the session ends with it. Where that may have been a VERIFY, or somebody was
    /// logged in, the card is reset: no command is sent to it any more, so that it cannot be told to forget the PIN.
    pub(super) fn forsake(&mut self, may_verify: bool) {
        let logged_in = self.session.take().is_some_and(|session| session.is_logged_in());
        if self.owes_number() {
            self.known = None;
        }
        match self.link.take() {
            Some(link) if logged_in || may_verify => link.reset(),
            _ => {}
        }
    }

    pub(super) fn answer(&mut self, call: Call, descriptors: Vec<OwnedFd>) -> Result<Answer, TokenError> {
        let is_look = matches!(
            call,
            Call::Tokens { .. } | Call::Survey { .. } | Call::Certificates { .. } | Call::Pin { .. }
        );
        let outcome = self
            .dispatch(call, descriptors)
            .map_err(|error| self.told_apart(error));
        if let Err(error) = &outcome {
            self.recover(error);
        }
        let kept = is_look && outcome.is_ok() && (self.linked.elapsed() < AFTER_LOOK || self.owes_number());
        if self.session.is_none() && !kept {
            self.rest();
        }
        outcome.map_err(|error| match error {
            CardError::Service(pcsc::Error::SharingViolation) => TokenError::Held { programs: Vec::new() },
            other => other.into(),
        })
    }

    fn dispatch(&mut self, call: Call, descriptors: Vec<OwnedFd>) -> Result<Answer, CardError> {
        if !matches!(
            call,
            Call::Survey {
                provisional: true,
                ..
            }
        ) {
            self.settle();
        }
        match call {
            Call::Tokens { inserted } => self.tokens(inserted).map(Answer::Tokens),
            Call::Survey {
                inserted,
                provisional,
            } => self.survey(inserted, provisional).map(Answer::Survey),
            Call::Certificates { token } => self.certificates(&token, Extent::All).map(Answer::Certificates),
            Call::Pin { token } => self.pin(&token, GLANCE).map(Answer::Pin),
            Call::OfficerPin { token } => self.officer_pin(&token).map(Answer::OfficerPin),
            Call::Open { token, key } => self.open(&token, key),
            Call::Close { session } => {
                if self.session.as_ref().is_some_and(|open| open.number == session) {
                    self.rest();
                    self.session = None;
                }
                Ok(Answer::Done)
            }
            Call::ChangePin { token } => self
                .replace_pin(&token, descriptors, Replacement::Change)
                .map(Answer::Login),
            Call::Unblock { token } => self
                .replace_pin(&token, descriptors, Replacement::Unblock)
                .map(Answer::Login),
            Call::ImportKey { .. } | Call::InitializeToken { .. } => Err(CardError::Unsupported("PIV")),
            of_session => self.in_session(of_session, descriptors),
        }
    }

    /// A command that did not come through (`SCARD_E_NOT_TRANSACTED`) is all that some readers say of a card that went,
    /// above all while they take a PIN: whether it did, the service knows a moment later. A service that had let us in and
    /// refuses is one that ends.
    fn told_apart(&self, error: CardError) -> CardError {
        let stays = || presence::stays(&names::legible(&self.reader.to_string_lossy()));
        match error {
            CardError::Service(pcsc::Error::NotTransacted) if !stays() => {
                CardError::Service(pcsc::Error::RemovedCard)
            }
            // What had let us in, or had a card, is there.
            CardError::Service(pcsc::Error::SecurityViolation | pcsc::Error::NoService)
                if self.link.is_some() =>
            {
                CardError::Service(pcsc::Error::ServiceStopped)
            }
            CardError::Service(error) => CardError::Service(outage::told_apart(error)),
            other => other,
        }
    }

    /// After a failure: what is no longer true is forgotten. Nobody is logged in again.
    fn recover(&mut self, error: &CardError) {
        if *error == CardError::OtherCard {
            // Nothing has happened to the card that is here, nor to whoever may have a session with it.
            return;
        }
        self.features = None;
        if error.is_loss_of_service() {
            self.context = None;
        }
        if error.is_removal() || error.is_loss_of_service() {
            let may_be_in = self.session.take().is_some_and(|mut session| session.log_out());
            self.leave_lost(may_be_in, error);
            self.known = None;
        } else if error.is_disturbance() {
            // The card has forgotten the PIN.
            self.known = None;
            self.session = None;
            self.rest();
            self.link = None;
        }
    }

    /// How the card takes its PIN.
    pub(super) fn pin(&mut self, token: &TokenName, wait: Duration) -> Result<PinNeed, CardError> {
        let held = self.link.is_some();
        self.reach(wait)?;
        self.expect(token)?;
        let in_use = self.session.as_ref().is_some_and(Session::is_logged_in);
        let state = match self
            .session
            .as_ref()
            .and_then(Session::last_state)
            .filter(|_| held)
        {
            // The transaction has lasted since the card was asked: nobody can have spent a try.
            Some(state) => state,
            None if in_use => PinState::Ready,
            None => self.piv()?.pin_state()?,
        };
        self.tell_state(state);
        if let Some(session) = &mut self.session {
            session.tell(state);
        }
        let pad = self
            .link
            .as_ref()
            .is_some_and(|link| link.features().verify_pin.is_some());
        Ok(need(state, pad))
    }

    /// How it stands with the code that unblocks the PIN.
    fn officer_pin(&mut self, token: &TokenName) -> Result<PinState, CardError> {
        self.reach(GLANCE)?;
        self.expect(token)?;
        self.piv()?.unblocking_state()
    }

    /// What was told last of the PIN of the card that was looked at.
    pub(super) fn state_told(&self) -> Option<PinState> {
        let entry = self.known.as_ref().and_then(|known| known.entry.as_ref());
        entry.map(|entry| entry.pin)
    }

    /// Whoever asked is told that.
    pub(super) fn tell_state(&mut self, state: PinState) {
        if let Some(entry) = self.known.as_mut().and_then(|known| known.entry.as_mut()) {
            entry.pin = state;
        }
    }

    fn open(&mut self, token: &TokenName, key: Option<KeyName>) -> Result<Answer, CardError> {
        self.require_free()?;
        self.reach(WAIT)?;
        self.expect(token)?;
        if let Some(key) = &key {
            self.expect_key(token, key)?;
        }
        let state = self.piv()?.pin_state()?;
        let pad = self
            .link
            .as_ref()
            .is_some_and(|link| link.features().verify_pin.is_some());
        self.last_session += 1;
        let stay = self.stay().ok_or(CardError::OtherCard)?;
        let key = key.map(|key| key.id.0);
        let session = Session::new(self.last_session, token.clone(), stay, key, state)?;
        let pin = session.need(need(state, pad));
        self.session = Some(session);
        Ok(Answer::Session {
            session: self.last_session,
            pin,
        })
    }

    /// The application, which [`Self::reach`] has selected. Whatever it is asked comes between a VERIFY and the signature that
    /// wants one directly before it (SP 800-73-4 part 1, 5.5), also where another request asks for something else.
    pub(super) fn piv(&mut self) -> Result<Piv<'_, 'watch>, CardError> {
        if let Some(session) = &mut self.session {
            session.tell_of_command();
        }
        let link = self.link.as_mut().ok_or(CardError::OtherCard)?;
        Ok(Piv::selected(link))
    }

    /// The card is the one that was asked for.
    pub(super) fn expect(&self, wanted: &TokenName) -> Result<(), CardError> {
        let entry = self.known.as_ref().and_then(|known| known.entry.as_ref());
        let is_it = |entry: &TokenEntry| entry.id.serial == wanted.serial && entry.id.label == wanted.label;
        match entry.is_some_and(is_it) {
            true => Ok(()),
            false => Err(CardError::OtherCard),
        }
    }
}

fn need(state: PinState, pad: bool) -> PinNeed {
    match state {
        PinState::Locked => PinNeed::Locked,
        state if pad => PinNeed::Reader { state },
        state => PinNeed::Pipe {
            min: MIN_PIN as u32,
            max: MAX_PIN as u32,
            state,
        },
    }
}
