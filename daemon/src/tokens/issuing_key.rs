//! A key on a token that signs certificates and requests: with which algorithm, and whether it did.

use der::Decode;
use spki::AlgorithmIdentifierOwned;
use trien_signatures::algorithm::{
    Hash, PublicKey, PublicKeyKind, RsaPadding, SignatureAlgorithm, SignatureValue,
};

use super::Signable;

/// The public half, and the algorithm that goes with it.
#[derive(Debug)]
pub(super) struct IssuingKey {
    key: PublicKey,
    algorithm: SignatureAlgorithm,
}

/// The key is of a kind that signs nothing here, or what came back is no signature by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsuitable;

impl IssuingKey {
    /// From the DER of its `SubjectPublicKeyInfo`; `padding` is the token's for RSA. The hash has the strength of the
    /// curve (RFC 5758, 3.2).
    ///
    /// # Errors
    /// [`Unsuitable`]
    pub(super) fn new(public_key: &[u8], padding: RsaPadding) -> Result<Self, Unsuitable> {
        let key = PublicKey::from_spki_der(public_key);
        let hash = match key.kind() {
            PublicKeyKind::P384 => Hash::Sha384,
            PublicKeyKind::P521 => Hash::Sha512,
            _ => Hash::Sha256,
        };
        let algorithm = SignatureAlgorithm::for_key(key.kind(), padding, hash).map_err(|_| Unsuitable)?;
        Ok(Self { key, algorithm })
    }

    /// The `AlgorithmIdentifier` of its signatures (RFC 5280, 4.1.1.2).
    pub(super) fn identifier(&self) -> der::Result<AlgorithmIdentifierOwned> {
        AlgorithmIdentifierOwned::from_der(&self.algorithm.identifier_der())
    }

    /// What the token signs.
    pub(super) fn signable(&self, to_be_signed: &[u8]) -> Signable {
        Signable {
            algorithm: self.algorithm,
            digest: self.algorithm.hash().digest(to_be_signed),
            message: Some(to_be_signed.to_vec()),
        }
    }

    /// The signature as it stands in a certificate, once it has been verified.
    ///
    /// # Errors
    /// [`Unsuitable`]
    pub(super) fn verified(&self, to_be_signed: &[u8], raw: &[u8]) -> Result<SignatureValue, Unsuitable> {
        let signature = SignatureValue::from_token(self.algorithm, raw).map_err(|_| Unsuitable)?;
        let verified = self.key.verify(self.algorithm, to_be_signed, &signature);
        verified.map(|()| signature).map_err(|_| Unsuitable)
    }
}
