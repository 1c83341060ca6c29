//! Hash and signature algorithms, and the values they make.

mod identifier;
mod key;
mod roca;

use der::asn1::ObjectIdentifier;
use serde::{Deserialize, Serialize};
use sha2::Digest;

pub(crate) use identifier::Declared;
pub use identifier::UnknownAlgorithm;
pub(crate) use key::PublicParts;
pub use key::{BadSignature, PublicKey, PublicKeyKind};

/// The longest signature that is looked at: RSA with 8192 bits.
const MAX_SIGNATURE_LEN: usize = 1024;

/// The smallest RSA modulus signatures are made with, in bits (Circular 15/2025/TT-BKHCN, Annex I).
pub const MIN_RSA_BITS: usize = 2048;

/// Hash functions signatures are made with (FIPS 180-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Hash {
    /// SHA-1, 20 bytes: in old documents only. Nothing is made with it, and nothing is believed that was, unless
    /// whoever validates says so ([`Reliance::sha1`](crate::trust::Reliance::sha1)).
    Sha1,
    /// SHA-256, 32 bytes
    Sha256,
    /// SHA-384, 48 bytes
    Sha384,
    /// SHA-512, 64 bytes
    Sha512,
}

impl Hash {
    /// All that signatures are made with.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// All that are known, SHA-1 last.
    pub const KNOWN: [Self; 4] = [Self::Sha256, Self::Sha384, Self::Sha512, Self::Sha1];

    /// Bytes of a digest; never 0, hence no `is_empty`.
    #[allow(clippy::len_without_is_empty)]
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of `message`.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        let mut hasher = self.hasher();
        hasher.update(message);
        hasher.finalize()
    }

    /// For a message that comes in pieces.
    #[must_use]
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Self::Sha1 => State::Sha1(sha1::Sha1::new()),
            Self::Sha256 => State::Sha256(sha2::Sha256::new()),
            Self::Sha384 => State::Sha384(sha2::Sha384::new()),
            Self::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// The object identifier (RFC 5754, section 2).
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha1 => identifier::SHA_1,
            Self::Sha256 => identifier::SHA_256,
            Self::Sha384 => identifier::SHA_384,
            Self::Sha512 => identifier::SHA_512,
        }
    }

    /// As FIPS 180-4 writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }
}

/// A hash being computed.
#[derive(Debug, Clone)]
pub struct Hasher(State);

#[derive(Debug, Clone)]
enum State {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Takes the next piece of the message.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            State::Sha1(state) => state.update(piece),
            State::Sha256(state) => state.update(piece),
            State::Sha384(state) => state.update(piece),
            State::Sha512(state) => state.update(piece),
        }
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finalize(self) -> Vec<u8> {
        match self.0 {
            State::Sha1(state) => state.finalize().to_vec(),
            State::Sha256(state) => state.finalize().to_vec(),
            State::Sha384(state) => state.finalize().to_vec(),
            State::Sha512(state) => state.finalize().to_vec(),
        }
    }
}

/// Which RSA scheme to take where the key leaves the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RsaPadding {
    /// RSASSA-PKCS1-v1_5, which every verifier knows
    #[default]
    Pkcs1,
    /// RSASSA-PSS
    Pss,
}

/// A signature scheme with its hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2)
    RsaPkcs1(Hash),
    /// RSASSA-PSS (RFC 8017, section 8.1): MGF1 with the same hash, salt as long as the hash, trailer 1
    RsaPss(Hash),
    /// ECDSA (FIPS 186-5) on the curve of the key
    Ecdsa(Hash),
}

/// No signature is made with such a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no signature is made with a key of this kind: {0}")]
pub struct UnsuitableKey(pub PublicKeyKind);

impl SignatureAlgorithm {
    /// The scheme for a key. `padding` counts for RSA only.
    ///
    /// # Errors
    /// [`UnsuitableKey`] for SHA-1, for RSA under [`MIN_RSA_BITS`], for P-521 with a hash under SHA-384, and for keys of other
    /// kinds.
    pub fn for_key(key: PublicKeyKind, padding: RsaPadding, hash: Hash) -> Result<Self, UnsuitableKey> {
        match (key, padding) {
            _ if hash == Hash::Sha1 => Err(UnsuitableKey(key)),
            (PublicKeyKind::Rsa { bits }, _) if bits < MIN_RSA_BITS => Err(UnsuitableKey(key)),
            (PublicKeyKind::Rsa { .. }, RsaPadding::Pkcs1) => Ok(Self::RsaPkcs1(hash)),
            (PublicKeyKind::Rsa { .. }, RsaPadding::Pss) => Ok(Self::RsaPss(hash)),
            (PublicKeyKind::P521, _) if hash == Hash::Sha256 => Err(UnsuitableKey(key)),
            (PublicKeyKind::P256 | PublicKeyKind::P384 | PublicKeyKind::P521, _) => Ok(Self::Ecdsa(hash)),
            (PublicKeyKind::Other, _) => Err(UnsuitableKey(key)),
        }
    }

    /// Its hash function.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::RsaPkcs1(hash) | Self::RsaPss(hash) | Self::Ecdsa(hash) => hash,
        }
    }

    /// The `alg` of RFC 7518, section 3.1. (There, ES256 also names the curve P-256; here the key says the curve.) With
    /// SHA-1 there is none but the name that RFC 8812 registers as prohibited.
    #[must_use]
    pub const fn jose_name(self) -> &'static str {
        match self {
            Self::RsaPkcs1(Hash::Sha1) | Self::RsaPss(Hash::Sha1) | Self::Ecdsa(Hash::Sha1) => "RS1",
            Self::RsaPkcs1(Hash::Sha256) => "RS256",
            Self::RsaPkcs1(Hash::Sha384) => "RS384",
            Self::RsaPkcs1(Hash::Sha512) => "RS512",
            Self::RsaPss(Hash::Sha256) => "PS256",
            Self::RsaPss(Hash::Sha384) => "PS384",
            Self::RsaPss(Hash::Sha512) => "PS512",
            Self::Ecdsa(Hash::Sha256) => "ES256",
            Self::Ecdsa(Hash::Sha384) => "ES384",
            Self::Ecdsa(Hash::Sha512) => "ES512",
        }
    }
}

/// A signature as formats carry it: RSA an octet string, ECDSA the DER of `Ecdsa-Sig-Value` (RFC 3279, 2.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureValue(pub(crate) Vec<u8>);

/// What a token returned cannot be a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes cannot be a signature of this kind")]
pub struct MalformedSignature {
    /// How many bytes came.
    pub len: usize,
}

impl SignatureValue {
    /// From what `C_Sign` returned. PKCS #11 gives ECDSA as r‖s of equal length; some tokens give DER already, which
    /// is taken as it is. RSA is taken as it is.
    ///
    /// # Errors
    /// [`MalformedSignature`] when it is empty, too long, or for ECDSA neither of both forms.
    pub fn from_token(algorithm: SignatureAlgorithm, bytes: &[u8]) -> Result<Self, MalformedSignature> {
        let malformed = MalformedSignature { len: bytes.len() };
        if bytes.is_empty() || bytes.len() > MAX_SIGNATURE_LEN {
            return Err(malformed);
        }
        match algorithm {
            SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_) => Ok(Self(bytes.to_vec())),
            SignatureAlgorithm::Ecdsa(_) => key::ecdsa_der_from_token(bytes).map(Self).ok_or(malformed),
        }
    }

    /// From the form of [`Self::to_fixed`], as XML and JOSE carry it; none when the length is not that of the curve.
    #[must_use]
    pub fn from_fixed(algorithm: SignatureAlgorithm, key: PublicKeyKind, bytes: &[u8]) -> Option<Self> {
        let expected = match (algorithm, key) {
            (SignatureAlgorithm::Ecdsa(_), PublicKeyKind::P256) => 64,
            (SignatureAlgorithm::Ecdsa(_), PublicKeyKind::P384) => 96,
            (SignatureAlgorithm::Ecdsa(_), PublicKeyKind::P521) => 132,
            (SignatureAlgorithm::Ecdsa(_), _) => return None,
            _ => bytes.len(),
        };
        if bytes.len() != expected {
            return None;
        }
        Self::from_token(algorithm, bytes).ok()
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The form of PKCS #11, JOSE and WebCrypto: ECDSA as r‖s, each `field_len` bytes (32 for P-256, 48 for P-384, 66
    /// for P-521); RSA as it is.
    ///
    /// # Errors
    /// [`MalformedSignature`] when r or s do not fit.
    pub fn to_fixed(
        &self,
        algorithm: SignatureAlgorithm,
        field_len: usize,
    ) -> Result<Vec<u8>, MalformedSignature> {
        match algorithm {
            SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_) => Ok(self.0.clone()),
            SignatureAlgorithm::Ecdsa(_) => {
                key::ecdsa_fixed(&self.0, field_len).ok_or(MalformedSignature { len: self.0.len() })
            }
        }
    }
}
