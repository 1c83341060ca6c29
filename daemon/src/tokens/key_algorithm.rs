//! The key pairs that can be generated on a token.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What sort of key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAlgorithm {
    /// RSA with a modulus of 2048 bits
    Rsa2048,
    /// RSA with a modulus of 3072 bits
    Rsa3072,
    /// RSA with a modulus of 4096 bits
    Rsa4096,
    /// ECDSA on P-256 (secp256r1)
    P256,
    /// ECDSA on P-384 (secp384r1)
    P384,
    /// Ed25519 (RFC 8032), where the token has it
    Ed25519,
}

/// There is no such algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rsa:2048, rsa:3072, rsa:4096, ec:p256, ec:p384, ed25519")]
pub struct UnknownKeyAlgorithm;

impl KeyAlgorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::P256,
        Self::P384,
        Self::Ed25519,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa:2048",
            Self::Rsa3072 => "rsa:3072",
            Self::Rsa4096 => "rsa:4096",
            Self::P256 => "ec:p256",
            Self::P384 => "ec:p384",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = UnknownKeyAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or(UnknownKeyAlgorithm)
    }
}
