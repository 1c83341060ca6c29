//! Which card is there, and what is shown of it.

use super::certificates::{Extent, Read};
use super::reach::Inserted;
use super::{Desk, GLANCE};
use crate::tokens::pcsc::failure::CardError;
use crate::tokens::pcsc::names;
use crate::tokens::pcsc::piv::{Another, Piv};
use crate::tokens::wire::{Insertion, Surveyed};
use crate::tokens::{PinState, RsaSchemes, TokenEntry, TokenId};

/// What is known of the card that was put in last.
pub(super) struct Known {
    /// The reader's count of insertions and removals: another one means another card.
    pub(super) insertion: u32,
    /// None if it does not have the application.
    pub(super) entry: Option<TokenEntry>,
    /// Its number is still to be read: the name in `entry` is nobody's. Only while the link lasts over which the
    /// certificates were read.
    pub(super) numberless: bool,
    pub(super) certificates: Option<Read>,
}

impl Known {
    /// So many of its certificates have still to be read.
    pub(super) fn lacks(&self, extent: Extent) -> bool {
        match &self.certificates {
            None => true,
            Some(read) => extent == Extent::All && read.extent != Extent::All,
        }
    }
}

impl Desk<'_> {
    /// The card, if it has the application. Of what the daemon has `seen` the service is not asked again: where the card
    /// is another one by now, its number is not the one that is taken down, and it is looked at once more.
    pub(super) fn tokens(&mut self, seen: Option<Insertion>) -> Result<Vec<TokenEntry>, CardError> {
        self.seen(seen, true)
    }

    /// The same; how it stands with the PIN is asked only if it is wanted.
    pub(super) fn seen(&mut self, seen: Option<Insertion>, pin: bool) -> Result<Vec<TokenEntry>, CardError> {
        let seen = seen.map(|Insertion { number, atr }| Inserted { number, atr: atr.0 });
        let in_session = self.session.is_some() && self.link.is_some();
        let inserted = match seen {
            // What the daemon has seen may be older than the session, which does not end for that.
            Some(seen) if !in_session || self.is_still(Some(&seen))? => Some(seen),
            _ => self.inserted()?,
        };
        let Some(inserted) = inserted else {
            self.features = None;
            self.known = None;
            self.session = None;
            self.link = None;
            return Ok(Vec::new());
        };
        let current = |known: &&Known| known.insertion == inserted.number;
        let in_use = in_session && self.known.as_ref().filter(current).is_some();
        if in_session && !in_use {
            // Another card is in the place of the one that it was with.
            self.session = None;
            self.link = None;
        }
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
    pub(super) fn survey(
        &mut self,
        seen: Option<Insertion>,
        provisional: bool,
    ) -> Result<Vec<Surveyed>, CardError> {
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
    pub(super) fn glance(&mut self, seen: &Insertion) -> Result<Option<Surveyed>, CardError> {
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
    pub(super) fn list(&mut self, inserted: &Inserted) -> Result<(), CardError> {
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

    pub(super) fn owes_number(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.numberless)
    }

    /// Reads the number that was left for later, over the connection that has lasted since. A card of which that fails is
    /// looked at anew by whoever wants it next.
    pub(super) fn settle(&mut self) {
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

    pub(super) fn look(&mut self, inserted: &Inserted, pin: bool) -> Result<(), CardError> {
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

    pub(super) fn legible(&self) -> String {
        names::legible(&self.reader.to_string_lossy())
    }

    pub(super) fn id(&self, serial: &str) -> TokenId {
        let label = match serial.is_empty() {
            true => format!("PIV {}", self.legible()),
            false => format!("PIV {}", &serial[serial.len().saturating_sub(8)..]),
        };
        TokenId {
            module: crate::tokens::pcsc::DRIVER.to_owned(),
            serial: serial.to_owned(),
            label,
            place: None,
        }
    }

    pub(super) fn entry(&self, serial: &str, atr: &[u8]) -> TokenEntry {
        TokenEntry {
            id: self.id(serial),
            slot: 0,
            manufacturer: names::of_atr(atr).unwrap_or_default().to_owned(),
            model: "PIV".to_owned(),
            hardware: true,
            removable: true,
            initialized: true,
            damaged: false,
            barred: false,
            pin: PinState::Ready,
            reader: Some(self.legible()),
            rsa: RsaSchemes::default(),
        }
    }
}
