//! The way to the card: what is in the reader, the connection, and that it is the card that was asked for.

use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, State};

use super::Desk;
use super::look::Known;
use crate::tokens::pcsc::card::{self, Link};
use crate::tokens::pcsc::failure::CardError;
use crate::tokens::pcsc::piv::Piv;
use crate::tokens::pcsc::worker::session::Session;
use crate::tokens::wire::TokenName;

/// Between two tries at a card that another program holds exclusively.
const PAUSE: Duration = Duration::from_millis(100);

/// From when a card is put into the reader until it is taken out, as far as one context of the service can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokens::pcsc::worker) struct Stay {
    contexts: u64,
    insertion: u32,
}

/// A card that is in the reader.
#[derive(Clone)]
pub(super) struct Inserted {
    /// The reader's count of insertions and removals.
    pub(super) number: u32,
    /// The card's answer to reset; empty before it was powered.
    pub(super) atr: Vec<u8>,
}

impl<'watch> Desk<'watch> {
    /// Connects, selects the application, and sees which card it is; a card that was disturbed is begun anew once.
    pub(in crate::tokens::pcsc::worker) fn reach(&mut self, wait: Duration) -> Result<(), CardError> {
        self.reach_inserted(wait, None)
    }

    /// The same, of a card whose insertion was seen just now.
    pub(super) fn reach_inserted(
        &mut self,
        wait: Duration,
        inserted: Option<&Inserted>,
    ) -> Result<(), CardError> {
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
    pub(in crate::tokens::pcsc::worker) fn stay(&self) -> Option<Stay> {
        self.known.as_ref().map(|known| Stay {
            contexts: self.contexts,
            insertion: known.insertion,
        })
    }

    /// The same, or of the card that is in the reader, if none was looked at.
    pub(in crate::tokens::pcsc::worker) fn stay_now(&mut self) -> Result<Option<Stay>, CardError> {
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
    pub(in crate::tokens::pcsc::worker) fn expect_since(
        &mut self,
        stay: Option<Stay>,
        wanted: &TokenName,
    ) -> Result<(), CardError> {
        self.expect(wanted)?;
        match stay {
            Some(stay) if self.is_since(stay)? => Ok(()),
            _ => Err(CardError::OtherCard),
        }
    }

    /// The card has not been out of the reader since that stay began. The service is asked again, now that the card is
    /// held: it may have been changed while it was waited for.
    fn is_since(&mut self, stay: Stay) -> Result<bool, CardError> {
        let stay = Some(stay);
        Ok(self.stay() == stay && self.is_same_card()? && self.stay() == stay)
    }

    /// The card that was looked at is the one that was seen just now, or is seen now.
    pub(super) fn is_still(&mut self, seen: Option<&Inserted>) -> Result<bool, CardError> {
        match seen {
            Some(seen) => Ok(self
                .known
                .as_ref()
                .is_some_and(|known| known.insertion == seen.number)),
            None => self.is_same_card(),
        }
    }

    /// The card that was looked at has been in the reader ever since.
    pub(super) fn is_same_card(&mut self) -> Result<bool, CardError> {
        let inserted = self.inserted()?.map(|inserted| inserted.number);
        Ok(inserted.is_some() && self.known.as_ref().map(|known| known.insertion) == inserted)
    }

    pub(super) fn connect(&mut self, wait: Duration, inserted: Option<&Inserted>) -> Result<(), CardError> {
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
        self.end_session_of_another()
    }

    /// Nobody works with the card. A session with one that has been out of the reader since has ended, whether or not anybody
    /// has said so.
    pub(in crate::tokens::pcsc::worker) fn require_free(&mut self) -> Result<(), CardError> {
        self.end_session_of_another()?;
        match &self.session {
            None => Ok(()),
            Some(_) => Err(CardError::Service(pcsc::Error::SharingViolation)),
        }
    }

    /// Whoever looks connects to what is in the reader by then. A session with a card that was there before ends, so that
    /// no PIN that was typed for that one goes to this one.
    fn end_session_of_another(&mut self) -> Result<(), CardError> {
        let Some(stay) = self.session.as_ref().map(Session::stay) else {
            return Ok(());
        };
        if !self.is_since(stay)? {
            self.session = None;
        }
        Ok(())
    }

    /// A connection on which the application is selected, and which card it is with.
    pub(super) fn application(
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

    pub(super) fn keep(&mut self, link: Link<'watch>) {
        self.link = Some(link);
        self.linked = Instant::now();
    }

    /// While another program has the card exclusively, tries again.
    pub(super) fn patiently(&mut self, wait: Duration, atr: &[u8]) -> Result<Link<'watch>, CardError> {
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
    pub(super) fn inserted(&mut self) -> Result<Option<Inserted>, CardError> {
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

    pub(super) fn context(&mut self) -> Result<&Context, CardError> {
        if self.context.is_none() {
            self.context = Some(card::establish()?);
            self.contexts += 1;
        }
        self.context.as_ref().ok_or(CardError::OtherCard)
    }
}
