//! What can go wrong on the way to a card, and what it means.

use super::apdu::{Malformed, Status};
use crate::tokens::TokenError;

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
    /// The card, or its reader, is gone.
    #[must_use]
    pub const fn is_removal(&self) -> bool {
        matches!(
            self,
            // Some readers answer with nothing at all for a card that was just pulled.
            Self::Malformed(Malformed::NoStatus)
                | Self::OtherCard
                | Self::Service(
                    pcsc::Error::NoSmartcard
                        | pcsc::Error::RemovedCard
                        | pcsc::Error::ReaderUnavailable
                        | pcsc::Error::UnknownReader
                        | pcsc::Error::NoReadersAvailable
                        | pcsc::Error::InvalidHandle
                        | pcsc::Error::InvalidValue
                )
        )
    }

    /// The smart card service is gone: every handle of it is worthless.
    #[must_use]
    pub const fn is_loss_of_service(&self) -> bool {
        matches!(
            self,
            Self::Service(
                pcsc::Error::NoService
                    | pcsc::Error::ServiceStopped
                    | pcsc::Error::CommError
                    | pcsc::Error::SecurityViolation
                    | pcsc::Error::InvalidHandle
            )
        )
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
            CardError::Service(number) => of_service(*number),
            CardError::Refused(Status::SECURITY) => Self::LoginNeeded,
            CardError::NotThere => Self::NoSuchKey,
            CardError::ManagementKey => Self::ManagementKey,
            CardError::Unsupported(what) => Self::Unsupported((*what).to_owned()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// What a return value of PC/SC says of the token.
fn of_service(error: pcsc::Error) -> TokenError {
    match error {
        pcsc::Error::SharingViolation | pcsc::Error::ResetCard => TokenError::Busy,
        other => TokenError::Service {
            number: u64::from(other as u32),
        },
    }
}
