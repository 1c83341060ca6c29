//! Cards nobody here wrote, each with the module through which it is worked with.

use trien::config::ModuleConfig;
use trien::tokens::TokenEntry;
use trien_signatures::algorithm::SignatureAlgorithm;

use super::piv::YUBIKEY;
use super::scene::{ECDSA, RSA, opensc};
use super::{Cac, Readers, VirtualCard};

/// A card, its module, and a key to sign with.
pub struct Pair {
    pub module: ModuleConfig,
    /// What the reader is called.
    pub reader: &'static str,
    /// Puts the card into the first reader.
    pub put: fn(&Readers) -> Card,
    /// Which of the module's tokens has the key.
    pub wanted: fn(&TokenEntry) -> bool,
    /// `CKA_ID`
    pub key: &'static [u8],
    pub algorithm: SignatureAlgorithm,
}

/// A PIV card, with RSA-2048 in 9A.
pub fn piv(module: ModuleConfig) -> Pair {
    Pair {
        module,
        reader: YUBIKEY,
        put: |readers| Card::Applets {
            card: readers.piv(0),
            signature: "87",
        },
        wanted: |entry| entry.initialized,
        key: &[1],
        algorithm: RSA,
    }
}

/// The same, with P-256 in 9D.
pub fn piv_curve(module: ModuleConfig) -> Pair {
    Pair {
        key: &[3],
        algorithm: ECDSA,
        ..piv(module)
    }
}

/// An OpenPGP card, with P-256 for authentication.
pub fn openpgp() -> Pair {
    Pair {
        module: opensc(),
        reader: "OpenPGP Reader",
        put: |readers| Card::Applets {
            card: readers.openpgp(0),
            signature: "88",
        },
        wanted: |entry| entry.id.label.contains("(User PIN)"),
        key: &[3],
        algorithm: ECDSA,
    }
}

/// A CAC, with RSA-2048.
pub fn cac() -> Pair {
    Pair {
        module: opensc(),
        reader: "CAC Reader",
        put: |readers| Card::Cac(readers.cac(0)),
        wanted: |entry| entry.initialized,
        key: &[0, 1],
        algorithm: RSA,
    }
}

/// A card in its reader.
pub enum Card {
    Applets {
        card: VirtualCard,
        /// The command of a signature, two hexadecimal digits.
        signature: &'static str,
    },
    Cac(Cac),
}

impl Card {
    pub fn eject(&self) {
        match self {
            Self::Applets { card, .. } => card.eject(),
            Self::Cac(card) => card.eject(),
        }
    }

    pub fn insert(&self) {
        match self {
            Self::Applets { card, .. } => card.insert(),
            Self::Cac(card) => card.insert(),
        }
    }

    /// Commands to sign that have come to it; of a CAC that is not known.
    pub fn signatures(&self) -> u64 {
        match self {
            Self::Applets { card, signature } => card.stats().of(signature),
            Self::Cac(_) => 0,
        }
    }

    /// It will be pulled in the middle of the next signature.
    pub fn eject_at_signature(&self) {
        match self {
            Self::Applets { signature, .. } => self.eject_at(signature),
            Self::Cac(card) => card.eject_at_signature(),
        }
    }

    /// It will be pulled in the middle of the next command of that instruction, two hexadecimal digits.
    pub fn eject_at(&self, instruction: &str) {
        match self {
            Self::Applets { card, .. } => card.order(&format!("drop {instruction}")),
            Self::Cac(_) => panic!("a CAC goes at a signature only"),
        }
    }
}
