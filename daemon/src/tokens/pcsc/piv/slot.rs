//! Key references and the data objects that hold their certificates (SP 800-73-4 part 1, tables 3 and 4b).

use std::fmt;

use trien_signatures::algorithm::PublicKeyKind;

use crate::tokens::KeyAlgorithm;

/// A place for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u8);

impl Slot {
    /// PIV Authentication
    pub const AUTHENTICATION: Self = Self(0x9a);
    /// Digital Signature: the PIN before each use.
    pub const SIGNATURE: Self = Self(0x9c);
    /// Key Management
    pub const KEY_MANAGEMENT: Self = Self(0x9d);
    /// Card Authentication: no PIN.
    pub const CARD_AUTHENTICATION: Self = Self(0x9e);

    /// The four of every card, the one for signatures that bind first.
    pub const STANDARD: [Self; 4] = [
        Self::SIGNATURE,
        Self::AUTHENTICATION,
        Self::KEY_MANAGEMENT,
        Self::CARD_AUTHENTICATION,
    ];

    /// How many retired key management keys there may be.
    pub const RETIRED: u8 = 20;

    /// The retired key of this number, from 0.
    #[must_use]
    pub const fn retired(number: u8) -> Option<Self> {
        match number {
            0..Self::RETIRED => Some(Self(0x82 + number)),
            _ => None,
        }
    }

    /// How many retired keys there are at least if there is one in this slot; none for other slots.
    pub(super) const fn retired_count(self) -> Option<u8> {
        match self.0 {
            0x82..=0x95 => Some(self.0 - 0x81),
            _ => None,
        }
    }

    /// The slot of this key reference.
    #[must_use]
    pub const fn of_reference(reference: u8) -> Option<Self> {
        match reference {
            0x9a | 0x9c..=0x9e | 0x82..=0x95 => Some(Self(reference)),
            _ => None,
        }
    }

    /// By its name: `9a`, `9c`, `9d`, `9e`, `82` to `95`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        (name.len() == 2)
            .then(|| u8::from_str_radix(name, 16).ok())
            .flatten()
            .and_then(Self::of_reference)
    }

    /// The key reference.
    #[must_use]
    pub const fn reference(self) -> u8 {
        self.0
    }

    /// The tag of the object with the certificate.
    pub(super) const fn object(self) -> u32 {
        match self.0 {
            0x9a => 0x5f_c105,
            0x9c => 0x5f_c10a,
            0x9d => 0x5f_c10b,
            0x9e => 0x5f_c101,
            retired => 0x5f_c10d + (retired - 0x82) as u32,
        }
    }

    /// Whether a signature needs the PIN at all.
    #[must_use]
    pub const fn needs_pin(self) -> bool {
        self.0 != Self::CARD_AUTHENTICATION.0
    }

    /// Whether each signature needs the PIN directly before it.
    #[must_use]
    pub const fn needs_pin_each_time(self) -> bool {
        self.0 == Self::SIGNATURE.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// What kind of key lies in a slot (SP 800-78-4, table 6-2; the two larger RSA keys as in SP 800-78-5 and by Yubico).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardAlgorithm {
    /// RSA with so many bytes of modulus: 256, 384 or 512.
    Rsa(usize),
    /// ECDSA on a curve with so many bytes a coordinate: 32 or 48.
    Curve(usize),
}

impl CardAlgorithm {
    /// The algorithm identifier, P1 of GENERAL AUTHENTICATE.
    #[must_use]
    pub const fn identifier(self) -> u8 {
        match self {
            Self::Rsa(384) => 0x05,
            Self::Rsa(512) => 0x16,
            Self::Rsa(_) => 0x07,
            Self::Curve(48) => 0x14,
            Self::Curve(_) => 0x11,
        }
    }

    /// The algorithm of that identifier.
    #[must_use]
    pub const fn of_identifier(identifier: u8) -> Option<Self> {
        match identifier {
            0x05 => Some(Self::Rsa(384)),
            0x07 => Some(Self::Rsa(256)),
            0x16 => Some(Self::Rsa(512)),
            0x11 => Some(Self::Curve(32)),
            0x14 => Some(Self::Curve(48)),
            _ => None,
        }
    }

    /// Of the key in a certificate; none for keys that no signature is made with here.
    #[must_use]
    pub fn of_public_key(kind: PublicKeyKind) -> Option<Self> {
        match kind {
            PublicKeyKind::Rsa { bits: 2048 } => Some(Self::Rsa(256)),
            PublicKeyKind::Rsa { bits: 3072 } => Some(Self::Rsa(384)),
            PublicKeyKind::Rsa { bits: 4096 } => Some(Self::Rsa(512)),
            PublicKeyKind::P256 => Some(Self::Curve(32)),
            PublicKeyKind::P384 => Some(Self::Curve(48)),
            _ => None,
        }
    }

    /// Of a key that is to be generated.
    #[must_use]
    pub const fn to_generate(algorithm: KeyAlgorithm) -> Option<Self> {
        match algorithm {
            KeyAlgorithm::Rsa2048 => Some(Self::Rsa(256)),
            KeyAlgorithm::Rsa3072 => Some(Self::Rsa(384)),
            KeyAlgorithm::Rsa4096 => Some(Self::Rsa(512)),
            KeyAlgorithm::P256 => Some(Self::Curve(32)),
            KeyAlgorithm::P384 => Some(Self::Curve(48)),
            KeyAlgorithm::Ed25519 => None,
        }
    }
}

/// A key on a card, and how it signs: what the daemon knows a key of such a card by, in place of a `CKA_ID`. With the
/// algorithm in it, no certificate has to be read before a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardKey {
    /// Where it lies.
    pub slot: Slot,
    /// What it is.
    pub algorithm: CardAlgorithm,
}

impl CardKey {
    /// Two bytes: key reference, algorithm identifier.
    #[must_use]
    pub fn to_id(self) -> Vec<u8> {
        vec![self.slot.reference(), self.algorithm.identifier()]
    }

    /// Reads them.
    #[must_use]
    pub fn of_id(id: &[u8]) -> Option<Self> {
        let [reference, identifier] = id else {
            return None;
        };
        Some(Self {
            slot: Slot::of_reference(*reference)?,
            algorithm: CardAlgorithm::of_identifier(*identifier)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_have_the_references_and_objects_of_the_standard() {
        assert_eq!(Slot::named("9c").unwrap().object(), 0x5f_c10a);
        assert_eq!(Slot::retired(0).unwrap().object(), 0x5f_c10d);
        assert_eq!(Slot::retired(19).unwrap().object(), 0x5f_c120);
        assert_eq!(Slot::retired(20), None);
        for name in ["9b", "96", "81", "00", "9", "9cc", "zz"] {
            assert_eq!(Slot::named(name), None, "{name}");
        }
    }

    #[test]
    fn ids_lead_back_to_their_keys() {
        let key = CardKey {
            slot: Slot::SIGNATURE,
            algorithm: CardAlgorithm::Curve(48),
        };
        assert_eq!(CardKey::of_id(&key.to_id()), Some(key));
        for id in [&[][..], &[0x9c], &[0x9b, 7], &[0x9c, 0xff], &[0x9c, 7, 0]] {
            assert_eq!(CardKey::of_id(id), None);
        }
    }
}
