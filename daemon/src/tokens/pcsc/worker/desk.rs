//! Serves the card in one reader: which card it is, its certificates, the one session that works with it.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, State};

use super::session::{Replacement, Session};
use crate::tokens::pcsc::card::{self, Link, Watch};
use crate::tokens::pcsc::failure::CardError;
use crate::tokens::pcsc::features::Features;
use crate::tokens::pcsc::piv::{Another, CardCertificate, MAX_PIN, MIN_PIN, Piv};
use crate::tokens::pcsc::{names, outage, presence};
use crate::tokens::wire::{Answer, Call, CertificateRecord, Insertion, KeyName, Octets, Surveyed, TokenName};
use crate::tokens::{PinNeed, PinState, RsaSchemes, TokenEntry, TokenError, TokenId};

/// How long a card that another program holds exclusively is waited for, when it is only looked at.
const GLANCE: Duration = Duration::from_millis(300);

/// How long it is waited for when somebody wants to work with it.
const WAIT: Duration = Duration::from_secs(4);

/// Between two tries at a card that another program holds exclusively.
const PAUSE: Duration = Duration::from_millis(100);

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

/// What is known of the card that was put in last.
struct Known {
    /// The reader's count of insertions and removals: another one means another card.
    insertion: u32,
    /// None if it does not have the application.
    entry: Option<TokenEntry>,
    /// Its number is still to be read: the name in `entry` is nobody's. Only while the link lasts over which the
    /// certificates were read.
    numberless: bool,
    certificates: Option<Read>,
}

impl Known {
    /// So many of its certificates have still to be read.
    fn lacks(&self, extent: Extent) -> bool {
        match &self.certificates {
            None => true,
            Some(read) => extent == Extent::All && read.extent != Extent::All,
        }
    }
}

/// Certificates of a card, as far as they have been read.
struct Read {
    certificates: Vec<CardCertificate>,
    extent: Extent,
}

/// Which certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Those of the four slots that every card has: what a person waits for.
    Usual,
    /// Those of retired keys, too. How many there are is a question of its own to the card, and few have one.
    All,
}

/// From when a card is put into the reader until it is taken out, as far as one context of the service can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stay {
    contexts: u64,
    insertion: u32,
}

/// A card that is in the reader.
#[derive(Clone)]
struct Inserted {
    /// The reader's count of insertions and removals.
    number: u32,
    /// The card's answer to reset; empty before it was powered.
    atr: Vec<u8>,
}

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
        self.features = None;
        if error.is_loss_of_service() {
            self.context = None;
        }
        if error.is_removal() || error.is_loss_of_service() {
            self.known = None;
            self.session = None;
            self.link = None;
        } else if error.is_disturbance() {
            // The card has forgotten the PIN.
            self.known = None;
            self.session = None;
            self.rest();
            self.link = None;
        }
    }

    /// The card, if it has the application. Of what the daemon has `seen` the service is not asked again: where the card
    /// is another one by now, its number is not the one that is taken down, and it is looked at once more.
    fn tokens(&mut self, seen: Option<Insertion>) -> Result<Vec<TokenEntry>, CardError> {
        self.seen(seen, true)
    }

    /// The same; how it stands with the PIN is asked only if it is wanted.
    fn seen(&mut self, seen: Option<Insertion>, pin: bool) -> Result<Vec<TokenEntry>, CardError> {
        let seen = seen.map(|Insertion { number, atr }| Inserted { number, atr: atr.0 });
        let inserted = match seen {
            Some(seen) => Some(seen),
            None => self.inserted()?,
        };
        let Some(inserted) = inserted else {
            self.features = None;
            self.known = None;
            self.session = None;
            self.link = None;
            return Ok(Vec::new());
        };
        let current = |known: &&Known| known.insertion == inserted.number;
        let in_use = self.session.is_some() && self.link.is_some();
        let foreign = self
            .known
            .as_ref()
            .filter(current)
            .is_some_and(|known| known.entry.is_none());
        if !in_use && !foreign {
            match self.look(&inserted, pin) {
                Ok(()) => {}
                // It is still the card that was looked at before: known well enough to be shown.
                Err(CardError::Service(pcsc::Error::SharingViolation))
                    if self.known.as_ref().filter(current).is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self
            .known
            .iter()
            .filter_map(|known| known.entry.clone())
            .collect())
    }

    /// The card with the certificates that most requests want. What else there is to know, its PIN above all, is left to
    /// be asked for: whoever waits for a list of certificates does not wait for that; nor for the number of a card that was
    /// never seen before, if a `provisional` name will do.
    fn survey(&mut self, seen: Option<Insertion>, provisional: bool) -> Result<Vec<Surveyed>, CardError> {
        if let (true, Some(seen)) = (provisional, &seen)
            && let Some(surveyed) = self.glance(seen)?
        {
            return Ok(vec![surveyed]);
        }
        self.settle();
        let entries = self.seen(seen, false)?;
        let mut surveyed = Vec::with_capacity(entries.len());
        for entry in entries {
            // In a session, or while another program holds the card, it was not looked at just now.
            let certificates = match self.link.is_some() && self.session.is_none() {
                true if self
                    .known
                    .as_ref()
                    .is_some_and(|known| !known.lacks(Extent::Usual)) =>
                {
                    Some(self.records())
                }
                true => Some(self.certificates(&entry.name(), Extent::Usual)?),
                false => None,
            };
            surveyed.push(Surveyed {
                provisional: false,
                pin: None,
                entry,
                certificates,
                more: self.known.as_ref().is_none_or(|known| known.lacks(Extent::All)),
            });
        }
        Ok(surveyed)
    }

    /// The certificates of a card that is not known, read before its number is: then its name is one that opens nothing.
    /// None where that would not be sooner, or the card does not do as it should: then it is looked at as always.
    fn glance(&mut self, seen: &Insertion) -> Result<Option<Surveyed>, CardError> {
        if self.session.is_some() {
            return Ok(None);
        }
        let known = self.known.as_ref().filter(|known| known.insertion == seen.number);
        if known.is_none() {
            self.settle();
            let inserted = Inserted {
                number: seen.number,
                atr: seen.atr.0.clone(),
            };
            match self.list(&inserted) {
                Err(CardError::NotThere) => return Ok(None),
                Err(error) if error.is_disturbance() || error.is_loss_of_service() => {
                    self.link = None;
                    self.known = None;
                    return Ok(None);
                }
                done => done?,
            }
        }
        if !self.owes_number() {
            return Ok(None);
        }
        let entry = self.known.as_ref().and_then(|known| known.entry.clone());
        Ok(entry.map(|entry| Surveyed {
            provisional: true,
            entry,
            pin: None,
            certificates: Some(self.records()),
            more: true,
        }))
    }

    /// Reads the certificates of a card that was put in, and its number only where it may be the one of before, or has no
    /// certificates that it could be shown by.
    fn list(&mut self, inserted: &Inserted) -> Result<(), CardError> {
        let (mut link, inserted) = self.application(GLANCE, Some(inserted))?;
        let before = self.before.as_ref();
        let certificates = before.map_or(&[][..], |(_, certificates)| certificates);
        let mut piv = Piv::selected(&mut link);
        let (serial, certificates) = match piv.certificates_of_another(certificates)? {
            Another::Is(certificates) if !certificates.is_empty() => (None, certificates),
            Another::Is(certificates) => (Some(piv.serial()?), certificates),
            Another::Perhaps(read) => {
                let serial = piv.serial()?;
                let certificates = match before.filter(|(number, _)| *number == serial) {
                    Some((_, before)) => piv.usual_certificates(before, read)?,
                    None => piv.usual_certificates(&[], Vec::new())?,
                };
                (Some(serial), certificates)
            }
        };
        let entry = self.entry(serial.as_deref().unwrap_or_default(), &inserted.atr);
        self.known = Some(Known {
            insertion: inserted.number,
            entry: Some(entry),
            numberless: serial.is_none(),
            certificates: None,
        });
        self.remember(certificates, Extent::Usual);
        self.keep(link);
        Ok(())
    }

    fn owes_number(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.numberless)
    }

    /// Reads the number that was left for later, over the connection that has lasted since. A card of which that fails is
    /// looked at anew by whoever wants it next.
    fn settle(&mut self) {
        if !self.owes_number() {
            return;
        }
        match self.piv().and_then(|mut piv| piv.serial()) {
            Ok(serial) => {
                let id = self.id(&serial);
                if let Some(known) = &mut self.known {
                    known.numberless = false;
                    known.entry.iter_mut().for_each(|entry| entry.id = id.clone());
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a card's number cannot be read");
                self.known = None;
                self.recover(&error);
                self.link = None;
            }
        }
    }

    fn look(&mut self, inserted: &Inserted, pin: bool) -> Result<(), CardError> {
        match self.reach_inserted(GLANCE, Some(inserted)) {
            Ok(()) if !pin => Ok(()),
            Ok(()) => {
                let pin = self.piv()?.pin_state()?;
                self.tell_state(pin);
                Ok(())
            }
            Err(CardError::NotThere) => {
                self.known = Some(Known {
                    insertion: inserted.number,
                    entry: None,
                    numberless: false,
                    certificates: None,
                });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn certificates(
        &mut self,
        token: &TokenName,
        extent: Extent,
    ) -> Result<Vec<CertificateRecord>, CardError> {
        // While the card is held for us, it says itself that it went; one that was looked at is not looked for again.
        let unread = self.known.as_ref().is_some_and(|known| known.lacks(extent));
        if !unread || self.link.is_none() || self.read_certificates(token, extent).is_err() {
            let is_same = self.is_same_card()?;
            let known = self.known.as_ref().filter(|_| is_same);
            if known.is_none_or(|known| known.lacks(extent)) {
                self.reach(WAIT)?;
                self.read_certificates(token, extent)?;
            }
        }
        self.expect(token)?;
        Ok(self.records())
    }

    /// What has been read.
    fn records(&self) -> Vec<CertificateRecord> {
        let known = self.known.iter().filter_map(|known| known.certificates.as_ref());
        known.flat_map(|read| &read.certificates).map(record).collect()
    }

    /// What has not been read yet.
    fn read_certificates(&mut self, token: &TokenName, extent: Extent) -> Result<(), CardError> {
        self.expect(token)?;
        let before = self.before.as_ref().filter(|(serial, _)| *serial == token.serial);
        let before = before
            .map(|(_, certificates)| certificates.clone())
            .unwrap_or_default();
        let read = self.known.as_mut().and_then(|known| known.certificates.take());
        let mut certificates = match read {
            Some(read) => read.certificates,
            None => self.piv()?.usual_certificates(&before, Vec::new())?,
        };
        if extent == Extent::All {
            certificates.extend(self.piv()?.retired_certificates(&before)?);
        }
        self.remember(certificates, extent);
        Ok(())
    }

    /// What lies in the slots, read anew.
    pub(super) fn certificates_now(&mut self) -> Result<Vec<CardCertificate>, CardError> {
        let read = self.piv()?.certificates()?;
        self.remember(read.clone(), Extent::All);
        Ok(read)
    }

    fn remember(&mut self, certificates: Vec<CardCertificate>, extent: Extent) {
        let Some(known) = &mut self.known else {
            return;
        };
        if extent == Extent::All {
            let serial = known.entry.as_ref().map(|entry| entry.id.serial.clone());
            // Cards without a number are not told apart.
            self.before = serial
                .filter(|serial| !serial.is_empty())
                .map(|serial| (serial, certificates.clone()));
        }
        known.certificates = Some(Read { certificates, extent });
    }

    /// The certificates are to be read anew: they have changed.
    pub(super) fn forget_certificates(&mut self) {
        self.before = None;
        if let Some(known) = &mut self.known {
            known.certificates = None;
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
        if self.session.is_some() {
            return Err(CardError::Service(pcsc::Error::SharingViolation));
        }
        self.reach(WAIT)?;
        self.expect(token)?;
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

    /// Connects, selects the application, and sees which card it is; a card that was disturbed is begun anew once.
    pub(super) fn reach(&mut self, wait: Duration) -> Result<(), CardError> {
        self.reach_inserted(wait, None)
    }

    /// The same, of a card whose insertion was seen just now.
    fn reach_inserted(&mut self, wait: Duration, inserted: Option<&Inserted>) -> Result<(), CardError> {
        if self.link.is_some() && (self.session.is_some() || self.is_still(inserted)?) {
            return Ok(());
        }
        match self.connect(wait, inserted) {
            Err(error) if error.is_disturbance() => self.connect(wait, None),
            Err(error) if error.is_loss_of_service() => {
                // The service may have been started anew since.
                self.context = None;
                self.connect(wait, None)
            }
            done => done,
        }
    }

    /// The stay of the card that was looked at last.
    pub(super) fn stay(&self) -> Option<Stay> {
        self.known.as_ref().map(|known| Stay {
            contexts: self.contexts,
            insertion: known.insertion,
        })
    }

    /// The same, or of the card that is in the reader, if none was looked at.
    pub(super) fn stay_now(&mut self) -> Result<Option<Stay>, CardError> {
        if let Some(stay) = self.stay() {
            return Ok(Some(stay));
        }
        let inserted = self.inserted()?;
        Ok(inserted.map(|inserted| Stay {
            contexts: self.contexts,
            insertion: inserted.number,
        }))
    }

    /// The card is the one that was asked for, and has not been out of the reader since that stay began: a card that was
    /// put in meanwhile may have the same number, or none, and gets no PIN that was typed for another.
    pub(super) fn expect_since(&mut self, stay: Option<Stay>, wanted: &TokenName) -> Result<(), CardError> {
        self.expect(wanted)?;
        // The service is asked again, now that the card is held: it may have been changed while it was waited for.
        match self.stay() == stay && self.is_same_card()? && self.stay() == stay {
            true => Ok(()),
            false => Err(CardError::OtherCard),
        }
    }

    /// The card that was looked at is the one that was seen just now, or is seen now.
    fn is_still(&mut self, seen: Option<&Inserted>) -> Result<bool, CardError> {
        match seen {
            Some(seen) => Ok(self
                .known
                .as_ref()
                .is_some_and(|known| known.insertion == seen.number)),
            None => self.is_same_card(),
        }
    }

    /// The card that was looked at has been in the reader ever since.
    fn is_same_card(&mut self) -> Result<bool, CardError> {
        let inserted = self.inserted()?.map(|inserted| inserted.number);
        Ok(inserted.is_some() && self.known.as_ref().map(|known| known.insertion) == inserted)
    }

    fn connect(&mut self, wait: Duration, inserted: Option<&Inserted>) -> Result<(), CardError> {
        let (mut link, inserted) = self.application(wait, inserted)?;
        let Inserted {
            number: insertion,
            atr,
        } = inserted;
        let serial = Piv::selected(&mut link).serial()?;
        let same = self.known.as_ref().and_then(|known| known.entry.as_ref());
        let same = same.is_some_and(|entry| entry.id.serial == serial)
            && self
                .known
                .as_ref()
                .is_some_and(|known| known.insertion == insertion);
        if !same {
            let entry = self.entry(&serial, &atr);
            self.known = Some(Known {
                insertion,
                entry: Some(entry),
                numberless: false,
                certificates: None,
            });
        }
        self.keep(link);
        Ok(())
    }

    /// A connection on which the application is selected, and which card it is with.
    fn application(
        &mut self,
        wait: Duration,
        inserted: Option<&Inserted>,
    ) -> Result<(Link<'watch>, Inserted), CardError> {
        self.link = None;
        let inserted = match inserted {
            Some(inserted) => Some(inserted.clone()),
            None => self.inserted()?,
        };
        let mut inserted = inserted.ok_or(CardError::Service(pcsc::Error::NoSmartcard))?;
        let mut link = self.patiently(wait, &inserted.atr)?;
        self.features = Some(link.features());
        Piv::select(&mut link)?;
        if inserted.atr.is_empty() {
            inserted.atr = link.atr()?;
        }
        Ok((link, inserted))
    }

    fn keep(&mut self, link: Link<'watch>) {
        self.link = Some(link);
        self.linked = Instant::now();
    }

    /// While another program has the card exclusively, tries again.
    fn patiently(&mut self, wait: Duration, atr: &[u8]) -> Result<Link<'watch>, CardError> {
        let until = Instant::now() + wait;
        // A card that was not powered yet has not answered.
        let features = self.features.filter(|_| !atr.is_empty());
        loop {
            let (reader, watch) = (self.reader.clone(), self.watch);
            let context = self.context()?;
            let opened = match features {
                Some(features) => Link::open_known(context, &reader, features, atr, watch),
                None => Link::open(context, &reader, watch),
            };
            match opened {
                Err(CardError::Service(pcsc::Error::SharingViolation)) if Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }

    /// What is in the reader; none if there is no card. Never waits, whoever holds the card.
    fn inserted(&mut self) -> Result<Option<Inserted>, CardError> {
        let mut states = [ReaderState::new(self.reader.clone(), State::UNAWARE)];
        match self.context()?.get_status_change(Duration::ZERO, &mut states) {
            Ok(()) | Err(pcsc::Error::Timeout) => {}
            Err(error) => {
                // Once more, with a service that may have been started since.
                self.context = None;
                self.context()?
                    .get_status_change(Duration::ZERO, &mut states)
                    .map_err(|_| error)?;
            }
        }
        let [state] = states;
        let present = state.event_state().contains(State::PRESENT);
        Ok(present.then(|| Inserted {
            number: state.event_count(),
            atr: state.atr().to_vec(),
        }))
    }

    fn context(&mut self) -> Result<&Context, CardError> {
        if self.context.is_none() {
            self.context = Some(card::establish()?);
            self.contexts += 1;
        }
        self.context.as_ref().ok_or(CardError::OtherCard)
    }

    /// The application, which [`Self::reach`] has selected.
    pub(super) fn piv(&mut self) -> Result<Piv<'_, 'watch>, CardError> {
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

    fn legible(&self) -> String {
        names::legible(&self.reader.to_string_lossy())
    }

    fn id(&self, serial: &str) -> TokenId {
        let label = match serial.is_empty() {
            true => format!("PIV {}", self.legible()),
            false => format!("PIV {}", &serial[serial.len().saturating_sub(8)..]),
        };
        TokenId {
            module: super::super::DRIVER.to_owned(),
            serial: serial.to_owned(),
            label,
            place: None,
        }
    }

    fn entry(&self, serial: &str, atr: &[u8]) -> TokenEntry {
        TokenEntry {
            id: self.id(serial),
            slot: 0,
            manufacturer: names::of_atr(atr).unwrap_or_default().to_owned(),
            model: "PIV".to_owned(),
            hardware: true,
            removable: true,
            initialized: true,
            damaged: false,
            pin: PinState::Ready,
            reader: Some(self.legible()),
            rsa: RsaSchemes::default(),
        }
    }
}

fn need(state: PinState, pad: bool) -> PinNeed {
    match state {
        PinState::Locked => PinNeed::Locked,
        _ if pad => PinNeed::Reader,
        state => PinNeed::Pipe {
            min: MIN_PIN as u32,
            max: MAX_PIN as u32,
            state,
        },
    }
}

pub(super) fn record(held: &CardCertificate) -> CertificateRecord {
    CertificateRecord {
        label: held.slot.to_string(),
        id: Octets(held.key.map(|key| key.to_id()).unwrap_or_default()),
        der: Octets(held.certificate.as_der().to_vec()),
        key: held.key.is_some(),
    }
}
