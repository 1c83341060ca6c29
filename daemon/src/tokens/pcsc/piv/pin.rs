//! The card's PIN (SP 800-73-4 part 2, 3.2).

use std::fmt;

use region::LockGuard;
use zeroize::Zeroizing;

use super::super::apdu::{Command, Status};
use super::super::failure::CardError;
use super::super::features::{pin_modify_structure, pin_verify_structure};
use super::{Piv, tlv};
use crate::tokens::PinState;
use crate::tokens::truth::AtLogin;

/// The fewest characters of a PIN (part 1, 2.4.3).
pub const MIN_PIN: usize = 6;

/// The most.
pub const MAX_PIN: usize = 8;

/// What a PIN, or the code that unblocks it, is filled up with.
const FILL: u8 = 0xff;

/// The key reference of the PIV Card Application PIN.
const REFERENCE: u8 = 0x80;

/// That of the PIN Unblocking Key.
const UNBLOCKING_REFERENCE: u8 = 0x81;

const VERIFY: [u8; 4] = [0, 0x20, 0, REFERENCE];

const CHANGE_REFERENCE_DATA: [u8; 4] = [0, 0x24, 0, REFERENCE];

/// The language that a reader with a screen is asked to speak: Vietnamese (Windows language identifier).
const VIETNAMESE: u16 = 0x042a;

/// A PIN in the form the card takes: eight bytes in locked memory, wiped when it goes.
pub struct PinBlock {
    /// First, so that it is let go before the memory is.
    _in_memory: Option<LockGuard>,
    bytes: Box<Zeroizing<[u8; MAX_PIN]>>,
}

impl fmt::Debug for PinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinBlock([redacted])")
    }
}

impl PinBlock {
    /// Of what was typed, if it can be a PIN: 6 to 8 visible ASCII characters. (The standard has digits alone; cards of
    /// some makers take letters, and what is no digit is for the card to refuse.)
    #[must_use]
    pub fn new(typed: &[u8]) -> Option<Self> {
        let fits = (MIN_PIN..=MAX_PIN).contains(&typed.len()) && typed.iter().all(u8::is_ascii_graphic);
        if !fits {
            return None;
        }
        let mut bytes = Box::new(Zeroizing::new([FILL; MAX_PIN]));
        let locked = region::lock(bytes.as_ptr(), MAX_PIN).ok();
        bytes[..typed.len()].copy_from_slice(typed);
        Some(Self {
            bytes,
            _in_memory: locked,
        })
    }
}

/// What the card said to a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is right.
    Right,
    /// It is wrong: a try was spent, so many are left; `u8::MAX` if the card does not say.
    Wrong(u8),
    /// No try is left.
    Blocked,
    /// The card does not take its form; no try was spent.
    Refused,
    /// At the reader: the person cancelled, or typed nothing in time.
    NotTyped,
}

impl Verified {
    /// What the service says of a PIN itself, as the truth table has it: on some systems it is the service that asks for
    /// PINs, and counts.
    ///
    /// # Errors
    /// Every other error as it is.
    pub fn or_failed(verified: Result<Self, CardError>) -> Result<Self, CardError> {
        verified.or_else(|error| match error.at_login() {
            AtLogin::Incorrect => Ok(Self::Wrong(u8::MAX)),
            AtLogin::Invalid => Ok(Self::Refused),
            AtLogin::Locked => Ok(Self::Blocked),
            AtLogin::NotTyped => Ok(Self::NotTyped),
            AtLogin::Expired
            | AtLogin::Same
            | AtLogin::PerhapsLocked
            | AtLogin::OtherLogin
            | AtLogin::PerhapsRemoved
            | AtLogin::Unclear => Err(error),
        })
    }

    fn of(status: Status) -> Result<Self, CardError> {
        match (status, status.tries()) {
            (Status::SUCCESS, _) => Ok(Self::Right),
            (Status::BLOCKED, _) | (_, Some(0)) => Ok(Self::Blocked),
            (_, Some(tries)) => Ok(Self::Wrong(tries)),
            // Some cards name no count where a PIN is to be replaced.
            (Status(0x6300), _) => Ok(Self::Wrong(u8::MAX)),
            // 6400 and 6401 are the reader's (PC/SC part 10, 2.6.2): time out, cancelled.
            (Status(0x6400 | 0x6401), _) => Ok(Self::NotTyped),
            // 6A80 incorrect data, 6700 wrong length; 6402, 6403, 6404: the reader's for a PIN out of form.
            (Status(0x6a80 | 0x6700 | 0x6402..=0x6404), _) => Ok(Self::Refused),
            _ => Err(CardError::Refused(status)),
        }
    }
}

/// What a count of tries means.
#[must_use]
pub const fn state_of(tries: u8) -> PinState {
    match tries {
        0 => PinState::Locked,
        1 => PinState::LastTry,
        // See [`Verified::of`]: a card that names none.
        u8::MAX => PinState::Ready,
        left => PinState::Tries(left),
    }
}

impl Piv<'_, '_> {
    /// How it stands with the PIN, by an empty VERIFY, which spends no try (3.2.1). Where it was verified already, by
    /// whomever, the card names no count.
    ///
    /// # Errors
    /// [`CardError`]
    pub fn pin_state(&mut self) -> Result<PinState, CardError> {
        let asked = self.send(&Command::telling(VERIFY, Zeroizing::default()))?;
        match (asked.status, asked.status.tries()) {
            (Status::SUCCESS, _) => Ok(PinState::Ready),
            (Status::BLOCKED, _) => Ok(PinState::Locked),
            (_, Some(tries)) => Ok(state_of(tries)),
            (status, None) => Err(CardError::Refused(status)),
        }
    }

    /// How it stands with the code that unblocks the PIN: by GET METADATA (Yubico's), on a card that has it. No command of
    /// the standard tells it without a try; then it is [`PinState::Ready`].
    ///
    /// # Errors
    /// [`CardError`]
    pub fn unblocking_state(&mut self) -> Result<PinState, CardError> {
        let asked = self.send(&Command::asking([0, 0xf7, 0, UNBLOCKING_REFERENCE], &[]))?;
        if asked.status != Status::SUCCESS {
            return Ok(PinState::Ready);
        }
        // Tries in all, tries left.
        Ok(match tlv::find(&asked.data, 0x06) {
            Ok(Some(&[_, left])) => state_of(left),
            _ => PinState::Ready,
        })
    }

    /// One try. It is sent once, whatever happens on the way.
    ///
    /// # Errors
    /// [`CardError`]
    pub fn verify(&mut self, pin: &PinBlock) -> Result<Verified, CardError> {
        let typed = Zeroizing::new(pin.bytes.to_vec());
        self.verified(&Command::telling(VERIFY, typed))
    }

    /// One try with a PIN typed at the reader, which never leaves it: `FEATURE_VERIFY_PIN_DIRECT`.
    ///
    /// # Errors
    /// [`CardError`]; [`CardError::Unsupported`] if the reader has no pad.
    pub fn verify_at_reader(&mut self) -> Result<Verified, CardError> {
        let Some(code) = self.link.features().verify_pin else {
            return Err(CardError::Unsupported("a reader without a PIN pad"));
        };
        self.at_reader(code, &pin_verify_structure(VERIFY, VIETNAMESE))
    }

    /// CHANGE REFERENCE DATA with both PINs typed at the reader: `FEATURE_MODIFY_PIN_DIRECT`. One try of the old PIN.
    ///
    /// # Errors
    /// [`CardError`]; [`CardError::Unsupported`] if the reader's pad cannot replace a PIN.
    pub fn change_pin_at_reader(&mut self) -> Result<Verified, CardError> {
        let Some(code) = self.link.features().modify_pin else {
            return Err(CardError::Unsupported("a PIN replaced at the reader"));
        };
        self.at_reader(code, &pin_modify_structure(CHANGE_REFERENCE_DATA, VIETNAMESE))
    }

    /// The reader asks, completes the command of the structure and sends it; it answers what the card answered, or with a
    /// status word of its own.
    fn at_reader(&mut self, code: u32, structure: &[u8]) -> Result<Verified, CardError> {
        let answered = self.link.control(code, structure);
        Verified::or_failed(answered.and_then(|answer| match *answer.as_slice() {
            [high, low] => Verified::of(Status(u16::from_be_bytes([high, low]))),
            _ => Err(super::super::apdu::Malformed::NoStatus.into()),
        }))
    }

    fn verified(&mut self, command: &Command) -> Result<Verified, CardError> {
        let answered = self.send(command);
        Verified::or_failed(answered.and_then(|answer| Verified::of(answer.status)))
    }

    /// CHANGE REFERENCE DATA (3.2.2): one try of the old PIN.
    ///
    /// # Errors
    /// [`CardError`]
    pub fn change_pin(&mut self, old: &PinBlock, new: &PinBlock) -> Result<Verified, CardError> {
        self.replace(CHANGE_REFERENCE_DATA, old, new)
    }

    /// RESET RETRY COUNTER (3.2.3): one try of the code that unblocks the PIN.
    ///
    /// # Errors
    /// [`CardError`]
    pub fn unblock_pin(&mut self, code: &PinBlock, new: &PinBlock) -> Result<Verified, CardError> {
        self.replace([0, 0x2c, 0, REFERENCE], code, new)
    }

    fn replace(&mut self, header: [u8; 4], known: &PinBlock, new: &PinBlock) -> Result<Verified, CardError> {
        let both = Zeroizing::new([known.bytes.as_slice(), new.bytes.as_slice()].concat());
        self.verified(&Command::telling(header, both))
    }

    /// Has the card forget that a PIN was verified (3.2.1, P1 = FF). False if it cannot.
    ///
    /// # Errors
    /// [`CardError`]
    pub fn log_out(&mut self) -> Result<bool, CardError> {
        let told = self.send(&Command::telling(
            [0, 0x20, 0xff, REFERENCE],
            Zeroizing::default(),
        ))?;
        Ok(told.status == Status::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_that_cannot_be_one_never_reaches_the_card() {
        for typed in ["", "12345", "123456789", "12345\u{e3}", "1234 56", "12345\t"] {
            assert!(PinBlock::new(typed.as_bytes()).is_none(), "{typed:?}");
        }
        let block = PinBlock::new(b"123456").unwrap();
        assert_eq!(**block.bytes, *b"123456\xff\xff");
        assert_eq!(format!("{block:?}"), "PinBlock([redacted])");
    }

    #[test]
    fn status_words_have_one_meaning_each() {
        let table = [
            (0x9000, Verified::Right),
            (0x63c2, Verified::Wrong(2)),
            (0x63c0, Verified::Blocked),
            (0x6300, Verified::Wrong(u8::MAX)),
            (0x6983, Verified::Blocked),
            (0x6a80, Verified::Refused),
            (0x6400, Verified::NotTyped),
            (0x6401, Verified::NotTyped),
        ];
        for (status, meaning) in table {
            assert_eq!(Verified::of(Status(status)), Ok(meaning), "{status:04x}");
        }
        assert!(Verified::of(Status(0x6f00)).is_err());
        assert_eq!(state_of(1), PinState::LastTry);
        assert_eq!(state_of(2), PinState::Tries(2));
        assert_eq!(state_of(u8::MAX), PinState::Ready);
    }
}
