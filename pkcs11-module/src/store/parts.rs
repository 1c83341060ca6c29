//! The parts of a token that are not objects: header, PINs, manifest; and the check that every part carries.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use super::profile::Profile;
use super::rows::{Head, Transaction};
use super::sealing::random;
use super::{Result, StoreError};

/// The length of a token's label (`CK_TOKEN_INFO`), blank padded.
pub(crate) const LABEL_LEN: usize = 32;

const FORMAT: u16 = 2;
const CHECK_LEN: usize = 32;

/// Changes when a token is initialised anew: what was sealed before is not of this token any more.
pub(crate) type Epoch = [u8; 16];

/// Whose PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The security officer.
    Officer = 0,
    /// The normal user.
    User = 1,
}

impl Role {
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Officer => "pin.so",
            Self::User => "pin.user",
        }
    }
}

/// A token's serial number: 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Serial([u8; 16]);

impl Serial {
    pub(crate) fn random() -> Result<Self> {
        let number = u64::from_le_bytes(random()?);
        Self::parse(&format!("{number:016x}")).ok_or(StoreError::Random)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 16] = text.as_bytes().try_into().ok()?;
        let digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        digits.iter().all(digit).then_some(Self(digits))
    }

    pub(crate) fn digits(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|&digit| write!(f, "{}", char::from(digit)))
    }
}

/// What a token says of itself before any login.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) serial: Serial,
    pub(crate) epoch: Epoch,
    /// Milliseconds since 1970; orders the slots.
    pub(crate) created: u64,
    pub(crate) label: [u8; LABEL_LEN],
    pub(crate) profile: Profile,
    pub(super) public_key: [u8; 32],
}

impl Header {
    const NAME: &str = "header";
    const LEN: usize = 2 + 16 + 16 + 8 + LABEL_LEN + Profile::LEN + 32;

    /// The header of a token that is being initialised.
    pub(super) fn new(
        serial: Serial,
        created: u64,
        label: [u8; LABEL_LEN],
        profile: Profile,
    ) -> Result<Self> {
        Ok(Self {
            serial,
            epoch: random()?,
            created,
            label,
            profile,
            public_key: random()?,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [
            &FORMAT.to_le_bytes()[..],
            self.serial.digits(),
            &self.epoch,
            &self.created.to_le_bytes(),
            &self.label,
            &self.profile.encode(),
            &self.public_key,
        ]
        .concat()
    }

    fn decode(body: &[u8]) -> Option<Self> {
        if body.len() != Self::LEN {
            return None;
        }
        let (format, rest) = body.split_first_chunk()?;
        let (serial, rest) = rest.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (created, rest) = rest.split_first_chunk()?;
        let (label, rest) = rest.split_first_chunk()?;
        let (profile, rest) = rest.split_first_chunk()?;
        let (public_key, _) = rest.split_first_chunk()?;
        if u16::from_le_bytes(*format) != FORMAT {
            return None;
        }
        Some(Self {
            serial: Serial::parse(std::str::from_utf8(serial).ok()?)?,
            epoch: *epoch,
            created: u64::from_le_bytes(*created),
            label: *label,
            profile: Profile::decode(profile)?,
            public_key: *public_key,
        })
    }

    /// Reads the header of the token with this serial number.
    pub(super) fn read(rows: &dyn Transaction, serial: Serial) -> Result<Self> {
        let body = read_part(rows, Self::NAME, serial)?.ok_or(StoreError::Corrupt("no header"))?;
        let header = Self::decode(&body).ok_or(StoreError::Corrupt("header"))?;
        if header.serial == serial {
            Ok(header)
        } else {
            Err(StoreError::Corrupt("another token's header"))
        }
    }

    pub(super) fn write(&self, rows: &dyn Transaction) -> Result<()> {
        write_part(rows, Self::NAME, self.serial, &self.encode())
    }
}

/// What `C_GetTokenInfo` tells of a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PinState {
    /// Whether it has been set.
    pub(crate) is_set: bool,
    /// Wrong ones in a row.
    pub(crate) tries: u8,
    /// So many of them lock it.
    pub(crate) max: u8,
}

/// What objects there are, by number and sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) revision: u64,
    pub(super) last_id: u64,
    pub(super) count: u64,
    pub(super) sum: [u8; 32],
}

impl Manifest {
    const NAME: &str = "manifest";

    pub(super) fn read(rows: &dyn Transaction, serial: Serial) -> Result<Self> {
        let body = read_part(rows, Self::NAME, serial)?.ok_or(StoreError::Corrupt("no manifest"))?;
        let body: [u8; 56] = body.try_into().map_err(|_| StoreError::Corrupt("manifest"))?;
        let (numbers, sum) = body.split_at(24);
        let number = |i: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&numbers[i * 8..(i + 1) * 8]);
            u64::from_le_bytes(bytes)
        };
        let mut manifest = Self {
            revision: number(0),
            last_id: number(1),
            count: number(2),
            sum: [0; 32],
        };
        manifest.sum.copy_from_slice(sum);
        Ok(manifest)
    }

    pub(super) fn write(&self, rows: &dyn Transaction, serial: Serial) -> Result<()> {
        let numbers = [self.revision, self.last_id, self.count]
            .map(u64::to_le_bytes)
            .concat();
        write_part(rows, Self::NAME, serial, &[&numbers[..], &self.sum].concat())
    }

    /// Adds an object in one revision to the sum, or takes it away.
    pub(super) fn toggle(&mut self, head: &Head) {
        let name = [head.id.to_le_bytes(), head.revision.to_le_bytes()].concat();
        let digest = digest(&SHA256, &name);
        self.sum
            .iter_mut()
            .zip(digest.as_ref())
            .for_each(|(sum, byte)| *sum ^= byte);
    }

    /// Whether these are all the objects, each in its last revision.
    pub(super) fn covers<'a>(&self, heads: impl Iterator<Item = &'a Head>) -> bool {
        let mut found = Self {
            count: 0,
            sum: [0; 32],
            ..*self
        };
        for head in heads {
            found.count += 1;
            found.toggle(head);
        }
        found == *self
    }
}

pub(super) fn read_part(rows: &dyn Transaction, name: &str, serial: Serial) -> Result<Option<Vec<u8>>> {
    let Some(mut body) = rows.part(name)? else {
        return Ok(None);
    };
    let length = body
        .len()
        .checked_sub(CHECK_LEN)
        .ok_or(StoreError::Corrupt("a part is cut"))?;
    let check = body.split_off(length);
    if check == self::check(name, serial, &body) {
        Ok(Some(body))
    } else {
        Err(StoreError::Corrupt("a part does not match its check"))
    }
}

pub(super) fn write_part(rows: &dyn Transaction, name: &str, serial: Serial, body: &[u8]) -> Result<()> {
    rows.put_part(name, &[body, &check(name, serial, body)].concat())
}

fn check(name: &str, serial: Serial, body: &[u8]) -> [u8; CHECK_LEN] {
    let digest = digest(
        &SHA256,
        &[b"trien-token/2\0", name.as_bytes(), b"\0", serial.digits(), body].concat(),
    );
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(digest.as_ref());
    check
}
