//! Slots: one for each token found, in the order of their making, and a free one for the next.
//!
//! A slot keeps its number until `C_Finalize`. The free slot becomes the slot of the token that is initialised
//! in it, and another free one appears; tokens of other processes get slots of their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Handles;
use crate::store::{Pin, Profile, Serial, StoreError, folder};
use crate::token::Token;

/// What a slot holds.
#[derive(Clone)]
pub(crate) enum Slot {
    /// A token of which there is a folder.
    Token(Arc<Token>),
    /// A folder whose header cannot be read.
    Unreadable {
        serial: Serial,
        /// For want of rights.
        barred: bool,
    },
    /// The folder of all tokens may not be read.
    Closed,
    /// The token that was here has been taken away.
    Empty,
    /// Nothing yet: `C_InitToken` makes a token here.
    Free,
}

/// All slots, by number.
pub(crate) struct Slots {
    slots: Vec<Slot>,
    /// Where the tokens are, as it was when they were looked for first: the host may go to another folder meanwhile.
    folder: Option<PathBuf>,
    /// Whose token was taken away, until their sessions are closed.
    emptied: Vec<CK_SLOT_ID>,
    /// Whose token came or went since somebody was told (section 5.5.3, `C_WaitForSlotEvent`).
    events: BTreeSet<CK_SLOT_ID>,
    handles: Handles,
}

impl Slots {
    pub(crate) fn new(handles: Handles) -> Self {
        Self {
            slots: Vec::new(),
            folder: None,
            emptied: Vec::new(),
            events: BTreeSet::new(),
            handles,
        }
    }

    /// Looks at the folder: new tokens get slots, vanished ones leave theirs empty, and there is one free slot.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        let Some((tokens, serials)) = self.scan()? else {
            self.have(Slot::Free, |slot| matches!(slot, Slot::Free));
            return Ok(());
        };
        let is_first_look = self.slots.is_empty();
        for number in 0..self.slots.len() {
            match &self.slots[number] {
                Slot::Token(token) if !folder::is_there(&tokens, token.serial()) => {
                    // Nobody goes on with a key of a token that is not there.
                    token.logout()?;
                    self.emptied.push(number as CK_SLOT_ID);
                    self.empty(number);
                }
                Slot::Closed => self.empty(number),
                Slot::Unreadable { serial, .. } if !folder::is_there(&tokens, *serial) => self.empty(number),
                // It may have been repaired, or was only busy.
                Slot::Unreadable { serial, .. } => self.slots[number] = self.look(&tokens, *serial).1,
                _ => {}
            }
        }
        let mut found = Vec::new();
        for serial in serials {
            if !self.slots.iter().any(|slot| slot.serial() == Some(serial)) {
                found.push(self.look(&tokens, serial));
            }
        }
        // Damaged ones last: a host that takes the first slot shall find a token that works.
        found.sort_by_key(|(created, _)| *created);
        // On the first look there is no free slot yet, so tokens get the first numbers; nobody saw them come.
        for (_, slot) in found {
            if !is_first_look {
                self.events.insert(self.slots.len() as CK_SLOT_ID);
            }
            self.slots.push(slot);
        }
        self.have(Slot::Free, |slot| matches!(slot, Slot::Free));
        Ok(())
    }

    /// Which tokens there are. Where the user may not know, a slot says so, and where he has no home there are none: a list
    /// of slots that failed would take those of all other modules along, where a host makes one of all (p11-kit's proxy).
    fn scan(&mut self) -> Result<Option<(PathBuf, Vec<Serial>)>> {
        let Ok(tokens) = self.folder() else {
            return Ok(None);
        };
        match folder::scan(&tokens) {
            Ok(serials) => Ok(Some((tokens, serials))),
            Err(StoreError::Barred) => {
                self.have(Slot::Closed, |slot| matches!(slot, Slot::Closed));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has one slot of a kind.
    fn have(&mut self, one: Slot, is_one: impl Fn(&Slot) -> bool) {
        if !self.slots.iter().any(is_one) {
            self.slots.push(one);
        }
    }

    fn folder(&mut self) -> Result<PathBuf> {
        let known = self.folder.take().map_or_else(folder::tokens, Ok)?;
        Ok(self.folder.insert(known).clone())
    }

    fn look(&self, tokens: &Path, serial: Serial) -> (u64, Slot) {
        let token = folder::open(tokens, serial).and_then(|vault| Token::open(vault, self.handles.clone()));
        match token {
            Ok((created, token)) => (created, Slot::Token(Arc::new(token))),
            Err(error) => {
                tracing::error!(%serial, %error, "token cannot be read");
                let barred = matches!(error, StoreError::Barred);
                (u64::MAX, Slot::Unreadable { serial, barred })
            }
        }
    }

    fn empty(&mut self, number: usize) {
        self.slots[number] = Slot::Empty;
        self.events.insert(number as CK_SLOT_ID);
    }

    /// A slot whose token came or went, each told once.
    pub(crate) fn take_event(&mut self) -> Option<CK_SLOT_ID> {
        self.events.pop_first()
    }

    /// The slots whose tokens were taken away since the last time.
    pub(crate) fn take_emptied(&mut self) -> Vec<CK_SLOT_ID> {
        std::mem::take(&mut self.emptied)
    }

    /// The numbers of the slots as `C_GetSlotList` lists them: tokens, then the free slot.
    pub(crate) fn numbers(&self, only_with_token: bool) -> Vec<CK_SLOT_ID> {
        let rank = |slot: &Slot| match slot {
            Slot::Token(_) | Slot::Unreadable { .. } | Slot::Closed => 0,
            Slot::Empty => 1,
            Slot::Free => 2,
        };
        let mut numbers: Vec<usize> = (0..self.slots.len())
            .filter(|&number| !only_with_token || !matches!(self.slots[number], Slot::Empty))
            .collect();
        numbers.sort_by_key(|&number| rank(&self.slots[number]));
        numbers.into_iter().map(|number| number as CK_SLOT_ID).collect()
    }

    /// What a slot holds. Hosts may keep numbers from an earlier run, so the folder is looked at before a number
    /// is refused.
    pub(crate) fn slot(&mut self, number: CK_SLOT_ID) -> Result<Slot> {
        let index = usize::try_from(number).map_err(|_| Error::SlotIdInvalid)?;
        if index >= self.slots.len() {
            self.refresh()?;
        }
        self.slots.get(index).cloned().ok_or(Error::SlotIdInvalid)
    }

    /// The token in a slot, ready for sessions.
    pub(crate) fn token(&mut self, number: CK_SLOT_ID) -> Result<Arc<Token>> {
        match self.slot(number)? {
            Slot::Token(token) => Ok(token),
            Slot::Unreadable { .. } | Slot::Closed | Slot::Free => Err(Error::TokenNotRecognized),
            Slot::Empty => Err(Error::TokenNotPresent),
        }
    }

    pub(crate) fn tokens(&self) -> Vec<Arc<Token>> {
        let token = |slot: &Slot| {
            if let Slot::Token(token) = slot {
                Some(token.clone())
            } else {
                None
            }
        };
        self.slots.iter().filter_map(token).collect()
    }

    /// Makes a token in the free slot.
    pub(crate) fn make_token(&mut self, number: CK_SLOT_ID, label: [u8; 32], pin: &Pin) -> Result<()> {
        let index = usize::try_from(number).map_err(|_| Error::SlotIdInvalid)?;
        let profile = Profile::from_environment()?.unwrap_or_default();
        let vault = folder::create(&self.folder()?, label, profile, pin)?;
        let (_, token) = Token::open(vault, self.handles.clone())?;
        self.slots[index] = Slot::Token(Arc::new(token));
        self.slots.push(Slot::Free);
        Ok(())
    }
}

impl Slot {
    fn serial(&self) -> Option<Serial> {
        match self {
            Self::Token(token) => Some(token.serial()),
            Self::Unreadable { serial, .. } => Some(*serial),
            Self::Closed | Self::Empty | Self::Free => None,
        }
    }
}
