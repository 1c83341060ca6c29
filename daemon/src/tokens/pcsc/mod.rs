//! Smart cards over PC/SC: who comes and goes, and a driver of our own for cards that speak PIV.
//!
//! | file | what |
//! |---|---|
//! | `cards` | the readers with a card, and a worker process for each: what the registry sees |
//! | [`monitor`] | says at once when a reader or a card comes or goes |
//! | [`worker`] | `trien card-worker`: the process that speaks to the card of one reader |
//! | [`piv`] | the PIV application (SP 800-73-4) |
//! | [`card`] | a connection with a transaction on it |
//! | [`apdu`] | commands, chains, answers (ISO/IEC 7816-4) |
//! | [`features`] | what a reader can do: PIN pad, long APDUs |
//! | [`names`] | what people call a card, by its answer to reset |
//! | `holders` | whether another program holds a card, and which that may be |
//! | [`inserted`] | the cards that are in readers now |
//! | [`outage`] | why the service does not answer |
//! | `presence` | whether a card stays in its reader |
//! | `log_out` | a card that a module leaves unlocked forgets the PIN |
//! | [`usb`] | the readers that the computer has |
//! | [`failure`] | what went wrong |
//!
//! A PIN never enters the daemon: the driver runs in a process of its own, one a reader, behind the same wire as the
//! modules' processes. That also gives each card its own deadline, since PC/SC calls wait without limit.

pub mod apdu;
pub mod card;
pub(super) mod cards;
pub mod failure;
pub mod features;
pub mod holders;
pub mod inserted;
pub(crate) mod log_out;
pub mod monitor;
pub mod names;
pub mod outage;
pub mod piv;
pub(super) mod presence;
pub mod usb;
pub mod worker;

/// What our own driver is called where modules have their names.
pub const DRIVER: &str = "piv";
