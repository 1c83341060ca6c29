//! The certificates of the card, as far as they have been read.

use super::{Desk, WAIT};
use crate::tokens::pcsc::failure::CardError;
use crate::tokens::pcsc::piv::CardCertificate;
use crate::tokens::wire::{CertificateRecord, KeyName, Octets, TokenName};

/// Certificates of a card, as far as they have been read.
pub(super) struct Read {
    pub(super) certificates: Vec<CardCertificate>,
    pub(super) extent: Extent,
}

/// Which certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Those of the four slots that every card has: what a person waits for.
    Usual,
    /// Those of retired keys, too. How many there are is a question of its own to the card, and few have one.
    All,
}

impl Desk<'_> {
    pub(super) fn certificates(
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

    /// The card shows the certificate that the key was chosen by: one that was put in since may have the same number, or
    /// none, and gets no PIN that was typed for another. Read only where that card has not shown its certificates yet.
    pub(super) fn expect_key(&mut self, token: &TokenName, key: &KeyName) -> Result<(), CardError> {
        let Some(Octets(public)) = &key.public_key else {
            return Ok(());
        };
        let lacks = |desk: &Self| desk.known.as_ref().is_some_and(|known| known.lacks(Extent::All));
        if !self.shows(&key.id.0, public) && lacks(self) {
            self.read_certificates(token, Extent::All)?;
        }
        match self.shows(&key.id.0, public) {
            true => Ok(()),
            false => Err(CardError::OtherCard),
        }
    }

    /// Whether a certificate that has been read is of this public key, beside the private key of this `CKA_ID`.
    fn shows(&self, id: &[u8], public: &[u8]) -> bool {
        let read = self.known.iter().filter_map(|known| known.certificates.as_ref());
        read.flat_map(|read| &read.certificates).any(|held| {
            held.certificate.public_key_der() == public && held.key.is_some_and(|key| key.to_id() == id)
        })
    }

    /// What has been read.
    pub(super) fn records(&self) -> Vec<CertificateRecord> {
        let known = self.known.iter().filter_map(|known| known.certificates.as_ref());
        known.flat_map(|read| &read.certificates).map(record).collect()
    }

    /// What has not been read yet.
    pub(super) fn read_certificates(&mut self, token: &TokenName, extent: Extent) -> Result<(), CardError> {
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
    pub(in crate::tokens::pcsc::worker) fn certificates_now(
        &mut self,
    ) -> Result<Vec<CardCertificate>, CardError> {
        let read = self.piv()?.certificates()?;
        self.remember(read.clone(), Extent::All);
        Ok(read)
    }

    pub(super) fn remember(&mut self, certificates: Vec<CardCertificate>, extent: Extent) {
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
    pub(in crate::tokens::pcsc::worker) fn forget_certificates(&mut self) {
        self.before = None;
        if let Some(known) = &mut self.known {
            known.certificates = None;
        }
    }
}

pub(in crate::tokens::pcsc::worker) fn record(held: &CardCertificate) -> CertificateRecord {
    CertificateRecord {
        label: held.slot.to_string(),
        id: Octets(held.key.map(|key| key.to_id()).unwrap_or_default()),
        der: Octets(held.certificate.as_der().to_vec()),
        key: held.key.is_some(),
    }
}
