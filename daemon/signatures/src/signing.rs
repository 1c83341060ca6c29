//! What all formats share when signing: the value between *prepare* and *finish*.

use crate::algorithm::{SignatureAlgorithm, SignatureValue};

/// A document on its way to being signed.
pub trait Prepared: Sized {
    /// The bytes the token signs (it, or the caller, hashes them): for CMS the DER of the signed attributes as SET OF
    /// (RFC 5652, section 5.4).
    fn to_be_signed(&self) -> &[u8];

    /// With what it has to be signed.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// Puts the signature in, after checking it with the certificate's public key.
    ///
    /// # Errors
    /// [`FinishError`]; nothing has been made then.
    fn finish(self, signature: SignatureValue) -> Result<Vec<u8>, FinishError>;
}

/// A document whose result can be read back before anything is signed.
pub trait Rehearse: Prepared {
    /// What [`Prepared::finish`] makes, with zeros in place of the signature. Whoever verifies it finds nothing wrong but
    /// the value, or something would be wrong with what is signed, too.
    ///
    /// # Errors
    /// [`FinishError::NoRoom`]
    fn rehearse(self) -> Result<Vec<u8>, FinishError>;
}

/// Why a signature cannot be put in.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishError {
    /// It is not a signature over these bytes by the certificate's key.
    #[error("the signature does not verify with the certificate's public key")]
    BadSignature,
    /// The place that was reserved is too small for signature and certificates.
    #[error("the signature needs {needed} bytes, {reserved} are reserved")]
    NoRoom {
        /// Bytes of the CMS structure.
        needed: usize,
        /// Bytes reserved in the document.
        reserved: usize,
    },
}
