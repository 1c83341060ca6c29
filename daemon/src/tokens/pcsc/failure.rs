//! What can go wrong on the way to a card, and what it means.

use trien_protocol::error::ErrorCode;

use super::apdu::{Malformed, Status};
use crate::tokens::{TokenError, truth};

/// Why a card did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// PC/SC's own return value.
    #[error("PC/SC: {0}")]
    Service(pcsc::Error),
    /// What came back, or was to be sent, is no APDU.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The card refused.
    #[error("the card answered {:04x}", .0.0)]
    Refused(Status),
    /// Another card than before is in the reader.
    #[error("another card is in the reader")]
    OtherCard,
    /// There is no such thing on the card.
    #[error("the card does not have it")]
    NotThere,
    /// The card, or this driver, cannot do it.
    #[error("not offered: {0}")]
    Unsupported(&'static str),
    /// The management key is another one.
    #[error("the card has another management key")]
    ManagementKey,
    /// There is no slot of that name on such a card.
    #[error("the card has no such slot")]
    NoSuchSlot,
    /// There is a key or a certificate in the slot, which a new key would destroy.
    #[error("the slot is taken")]
    Taken,
    /// Whoever asked has stopped waiting: nothing more may happen in his name.
    #[error("nobody waits for it any more")]
    Abandoned,
}

impl From<pcsc::Error> for CardError {
    fn from(error: pcsc::Error) -> Self {
        Self::Service(error)
    }
}

impl CardError {
    /// Its row in the truth table, if PC/SC returned it.
    fn row(&self) -> Option<&'static truth::Row> {
        match self {
            Self::Service(returned) => truth::smart_card(number(*returned)),
            _ => None,
        }
    }

    fn code(&self) -> Option<ErrorCode> {
        self.row().map(|row| row.code)
    }

    /// What it says where a PIN was given.
    #[must_use]
    pub fn at_login(&self) -> truth::AtLogin {
        self.row().map_or(truth::AtLogin::Same, |row| row.at_login)
    }

    /// The card, or its reader, is gone.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        // Some readers answer with nothing at all for a card that was just pulled.
        matches!(self, Self::Malformed(Malformed::NoStatus) | Self::OtherCard)
            || self.code() == Some(ErrorCode::TokenRemoved)
    }

    /// The smart card service is gone: every handle of it is worthless.
    #[must_use]
    pub fn is_loss_of_service(&self) -> bool {
        // One that is just ending may seem to refuse.
        let lost = [
            ErrorCode::ReaderServiceAbsent,
            ErrorCode::ReaderServiceStopped,
            ErrorCode::ReaderNotAllowed,
        ];
        *self == Self::Service(pcsc::Error::InvalidHandle)
            || self.code().is_some_and(|code| lost.contains(&code))
    }

    /// Another program made the card forget where we were: begun anew, it may work.
    #[must_use]
    pub const fn is_disturbance(&self) -> bool {
        matches!(
            self,
            Self::Service(pcsc::Error::ResetCard | pcsc::Error::UnpoweredCard | pcsc::Error::ProtoMismatch)
        )
    }
}

impl From<CardError> for TokenError {
    fn from(error: CardError) -> Self {
        match &error {
            removed if removed.is_removal() => Self::Removed,
            CardError::Service(returned) => match error.code() {
                Some(ErrorCode::TokenBusy) => Self::Busy,
                _ => Self::Service {
                    number: number(*returned),
                },
            },
            CardError::Refused(Status::SECURITY) => Self::LoginNeeded,
            CardError::NotThere => Self::NoSuchKey,
            CardError::ManagementKey => Self::ManagementKey,
            CardError::NoSuchSlot => Self::NoSuchSlot,
            CardError::Taken => Self::SlotTaken,
            CardError::Unsupported(what) => Self::Unsupported((*what).to_owned()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// As it stands in the truth table.
fn number(returned: pcsc::Error) -> u64 {
    u64::from(returned as u32)
}
