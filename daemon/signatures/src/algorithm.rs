//! Hash and signature algorithms, and the values they make.

use serde::{Deserialize, Serialize};

/// Hash functions signatures are made with (FIPS 180-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Hash {
    /// SHA-256, 32 bytes
    Sha256,
    /// SHA-384, 48 bytes
    Sha384,
    /// SHA-512, 64 bytes
    Sha512,
}

/// A signature scheme with its hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2)
    RsaPkcs1(Hash),
    /// RSASSA-PSS (RFC 8017, section 8.1): MGF1 with the same hash, salt as long as the hash, trailer 1
    RsaPss(Hash),
    /// ECDSA (FIPS 186-5) on the curve of the key
    Ecdsa(Hash),
}

/// A signature as formats carry it: RSA an octet string, ECDSA the DER of `Ecdsa-Sig-Value` (RFC 3279, 2.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureValue(pub(crate) Vec<u8>);
