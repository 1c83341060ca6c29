//! What each card of a module has shown, and how long it has been in its reader. A card that was put in since may have the
//! same number and label, or its module says so: a PIN that was typed for the one is not sent to the other.

use std::collections::HashMap;

use cryptoki::session::Session;
use cryptoki::slot::Slot;
use cryptoki_sys::CKF_LOGIN_REQUIRED;
use trien_signatures::certificate::Certificate;

use super::catalogue;
use super::raw::{Module, TokenInfo};
use crate::tokens::TokenError;
use crate::tokens::pcsc::presence::Stay;
use crate::tokens::wire::{CertificateRecord, KeyName, TokenName};

/// What was seen last in each slot with a card.
#[derive(Default)]
pub(super) struct Shown {
    seen: HashMap<u64, Sighting>,
    /// The card whose PIN was asked about last: what is typed next is typed for it.
    asked: Option<Asked>,
}

struct Asked {
    token: TokenName,
    slot: Slot,
    stay: Stay,
}

struct Sighting {
    /// Began before the card showed anything of it.
    stay: Stay,
    /// DER of the `SubjectPublicKeyInfo` of each certificate.
    keys: Vec<Vec<u8>>,
}

impl Shown {
    /// The present stay of what is in a slot: that of the last time, if it goes on; else what was shown then is forgotten.
    /// None of what is no card, or in no reader of the service's.
    pub(super) fn stay(&mut self, module: &Module, slot: Slot) -> Option<Stay> {
        if let Some(last) = self.seen.get(&slot.id())
            && last.stay.goes_on()
        {
            return Some(last.stay.clone());
        }
        self.seen.remove(&slot.id());
        stay_in(module, slot)
    }

    /// Somebody is about to be asked for the PIN of the token in this slot.
    pub(super) fn ask(&mut self, module: &Module, token: &TokenName, slot: Slot) {
        let token = token.clone();
        let asked = |stay| Asked { token, slot, stay };
        self.asked = self.stay(module, slot).map(asked);
    }

    /// The stay of the card that a PIN was typed for: the one whose PIN was asked about, once; if nobody asked, the one
    /// that is there. None of what is no card, or in no reader of the service's.
    ///
    /// # Errors
    /// [`TokenError::Removed`] if the token is now another one, or elsewhere.
    pub(super) fn typed_for(
        &mut self,
        module: &Module,
        token: &TokenName,
        slot: Slot,
    ) -> Result<Option<Stay>, TokenError> {
        match self.asked.take_if(|asked| asked.token == *token) {
            Some(asked) if asked.slot != slot || !asked.stay.goes_on() => Err(TokenError::Removed),
            Some(asked) => Ok(Some(asked.stay)),
            None => Ok(stay_in(module, slot)),
        }
    }

    /// What the card showed in that stay.
    pub(super) fn keep(&mut self, slot: Slot, stay: Option<Stay>, records: &[CertificateRecord]) {
        let key = |record: &CertificateRecord| {
            let certificate = Certificate::from_der(&record.der.0).ok()?;
            Some(certificate.public_key_der().to_vec())
        };
        let keys = || records.iter().filter_map(key).collect();
        match stay {
            Some(stay) => drop(self.seen.insert(slot.id(), Sighting { stay, keys: keys() })),
            None => drop(self.seen.remove(&slot.id())),
        }
    }

    /// The stay of the card with that key: one that has been in its reader since it showed the key's certificate, or shows
    /// it now. A card that shows no certificate of a key before somebody logs in is known by its name alone, and so is what
    /// is in no reader of the service's.
    ///
    /// # Errors
    /// [`TokenError::Removed`] if it is another one.
    pub(super) fn stay_of(
        &mut self,
        key: &KeyName,
        (module, session): (&Module, &Session),
        (slot, info): (Slot, &TokenInfo),
    ) -> Result<Option<Stay>, TokenError> {
        let Some(stay) = self.stay(module, slot) else {
            return Ok(None);
        };
        let Some(public) = &key.public_key else {
            return Ok(Some(stay));
        };
        let shows = |shown: &Self| {
            let sighting = shown.seen.get(&slot.id());
            sighting.is_some_and(|seen| seen.keys.contains(&public.0))
        };
        if shows(self) {
            return Ok(Some(stay));
        }
        let records = catalogue::certificates_in(module, session, info.has(CKF_LOGIN_REQUIRED))?;
        self.keep(slot, Some(stay.clone()), &records);
        match !records.iter().any(|record| record.key) || shows(self) {
            true => Ok(Some(stay)),
            false => Err(TokenError::Removed),
        }
    }
}

/// The present stay of the card in a slot.
pub(super) fn stay_in(module: &Module, slot: Slot) -> Option<Stay> {
    let is_card = module.place_of(slot).hardware;
    let reader = || catalogue::reader(module, slot).unwrap_or_default();
    is_card.then(|| Stay::begun(&reader())).flatten()
}
