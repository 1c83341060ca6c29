//! A PIV card (SP 800-73-4) spoken to directly, without a PKCS #11 module.
//!
//! | file | what |
//! |---|---|
//! | [`slot`] | key references, their objects and algorithms |
//! | `objects` | who the card is, its certificates |
//! | `pin` | verify, change, unblock, log out |
//! | `signing` | GENERAL AUTHENTICATE with a private key |
//! | `administration` | the management key; keys generated, certificates put beside them |
//! | `tlv` | BER-TLV |

mod administration;
mod objects;
mod pin;
mod signing;
pub mod slot;
mod tlv;

use super::apdu::{Command, Response, Status};
use super::card::Link;
use super::failure::CardError;

pub use administration::{DEFAULT_MANAGEMENT_KEY, ManagementKey};
pub use objects::{Another, CardCertificate};
pub use pin::{MAX_PIN, MIN_PIN, PinBlock, Verified, state_of};

/// The application identifier, as far as it is the same on every card (part 1, 2.2).
pub(super) const APPLICATION: [u8; 9] = [0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00];

/// The application on a card, selected.
pub struct Piv<'link, 'watch> {
    link: &'link mut Link<'watch>,
}

impl<'link, 'watch> Piv<'link, 'watch> {
    /// Selects the application.
    ///
    /// # Errors
    /// [`CardError::NotThere`] if the card does not have it.
    pub fn select(link: &'link mut Link<'watch>) -> Result<Self, CardError> {
        let response = link.send(&Command::asking([0, 0xa4, 0x04, 0], &APPLICATION))?;
        match response.status {
            Status::SUCCESS => Ok(Self { link }),
            // Every other answer to a SELECT means that it is not there: cards differ in which they give.
            _ => Err(CardError::NotThere),
        }
    }

    /// The application on a connection on which it is selected already.
    pub const fn selected(link: &'link mut Link<'watch>) -> Self {
        Self { link }
    }

    fn send(&mut self, command: &Command) -> Result<Response, CardError> {
        self.link.send(command)
    }
}

/// The data of an answer that has to be a success.
fn data(response: Response) -> Result<Vec<u8>, CardError> {
    match response.status {
        Status::SUCCESS => Ok(response.data),
        Status::NOT_FOUND => Err(CardError::NotThere),
        status => Err(CardError::Refused(status)),
    }
}
