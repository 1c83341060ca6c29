//! Raising the level of a signature that is there (EN 319 102-1, clause 4.3): B-B → B-T → B-LT → B-LTA.
//!
//! As with signing, nothing here fetches anything. A format implements [`Augment`] for a signed document:
//!
//! 1. [`Augment::prepare_timestamp`] gives a value that says what has to be stamped ([`PreparedTimestamp::imprint`]);
//! 2. whoever calls gets a token from an authority ([`crate::timestamp::TimestampRequest`]);
//! 3. [`PreparedTimestamp::finish`] puts it in and gives the document anew; where it has no room,
//!    [`Augment::prepare_larger_timestamp`] begins again.
//!
//! For B-LT, [`Augment::to_be_proven`] says whose status has to go in; [`Augment::add_material`] takes what was
//! gathered. B-LTA is a time-stamp of the kind [`TimestampKind::Archive`] over all that.

use crate::algorithm::Hash;
use crate::certificate::Certificate;
use crate::material::ValidationMaterial;
use crate::report::TimestampKind;
use crate::timestamp::{Imprint, TimestampToken};

/// Why the level of a document cannot be raised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AugmentError {
    /// There is no signature whose level could be raised, or the format cannot be read.
    #[error("there is no signature whose level could be raised: {0}")]
    NotSigned(String),
    /// The signed content is not there, and the time-stamp would have to cover it.
    #[error("the signed content is needed")]
    ContentMissing,
    /// The format has no such level, or not in this form.
    #[error("this form of signature has no such level")]
    Unsupported,
    /// The signature is a text: PEM or Base64.
    #[error("the signature is a text, and has to be DER")]
    InText,
    /// The place that was reserved is too small.
    #[error("{needed} bytes are needed, {reserved} are reserved")]
    NoRoom {
        /// Bytes needed.
        needed: usize,
        /// Bytes reserved in the document.
        reserved: usize,
    },
    /// The token is not about what was asked for.
    #[error("the time-stamp is about something else")]
    OtherImprint,
    /// The container around the signature cannot be written.
    #[error(transparent)]
    Container(#[from] crate::zip::ZipError),
    /// Raising the level would break a signature: a lock or a certification forbids it.
    #[error("raising the level would break a signature: {0}")]
    Forbidden(String),
}

/// Whose certificates a B-LT signature has to prove, and what is there to prove them with.
#[derive(Debug, Clone, Default)]
pub struct ToBeProven {
    /// The signers, and the authorities of the time-stamps.
    pub leaves: Vec<Certificate>,
    /// All certificates in the document.
    pub embedded: Vec<Certificate>,
    /// What is embedded already.
    pub material: ValidationMaterial,
}

impl ToBeProven {
    /// Takes in what another signature of the same document needs.
    pub(crate) fn merge(&mut self, more: Self) {
        self.leaves.extend(more.leaves);
        self.embedded.extend(more.embedded);
        self.material.merge(&more.material);
    }
}

/// A document on its way to a time-stamp.
pub trait PreparedTimestamp: Send {
    /// What has to be stamped.
    fn imprint(&self) -> &Imprint;

    /// Puts the token in and gives the document anew.
    ///
    /// # Errors
    /// [`AugmentError`]; nothing has been made then.
    fn finish(self: Box<Self>, token: &TimestampToken) -> Result<Vec<u8>, AugmentError>;
}

/// How a container is rebuilt around the new bytes of one of its signature files.
type Rebuild = dyn FnOnce(&[u8]) -> Result<Vec<u8>, AugmentError> + Send;

/// A signature file of a container on its way to a time-stamp.
pub(crate) struct StampedInside {
    signature: Box<dyn PreparedTimestamp>,
    rebuild: Box<Rebuild>,
}

impl StampedInside {
    /// The signature by itself, and the container around it.
    pub(crate) fn new(
        signature: Box<dyn PreparedTimestamp>,
        rebuild: impl FnOnce(&[u8]) -> Result<Vec<u8>, AugmentError> + Send + 'static,
    ) -> Self {
        Self {
            signature,
            rebuild: Box::new(rebuild),
        }
    }
}

impl PreparedTimestamp for StampedInside {
    fn imprint(&self) -> &Imprint {
        self.signature.imprint()
    }

    fn finish(self: Box<Self>, token: &TimestampToken) -> Result<Vec<u8>, AugmentError> {
        let stamped = self.signature.finish(token)?;
        (self.rebuild)(&stamped)
    }
}

/// A signed document whose level can be raised.
pub trait Augment: Send + Sync {
    /// Prepares a time-stamp: of the signature's value for B-T ([`TimestampKind::Signature`]), of everything for B-LTA
    /// ([`TimestampKind::Archive`]).
    ///
    /// # Errors
    /// [`AugmentError`]
    fn prepare_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError>;

    /// As [`Self::prepare_timestamp`], after a token of so many bytes was larger than the room of what that prepared
    /// ([`AugmentError::NoRoom`]): with room for it, be it elsewhere. What is stamped is another then, and takes another
    /// token.
    ///
    /// # Errors
    /// [`AugmentError`]
    fn prepare_larger_timestamp(
        &self,
        kind: TimestampKind,
        hash: Hash,
        _token_len: usize,
    ) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        // But for PDF, no format has room of a fixed size.
        self.prepare_timestamp(kind, hash)
    }

    /// In how many places a renewed archive time-stamp goes: one for each signature that has its own, one for those that
    /// a single one covers.
    ///
    /// # Errors
    /// [`AugmentError`]
    fn places(&self) -> Result<usize, AugmentError> {
        Ok(1)
    }

    /// Prepares another archive time-stamp in one of [`Self::places`], counted from 0, whatever is there already.
    ///
    /// # Errors
    /// [`AugmentError`]
    fn prepare_renewal(&self, _place: usize, hash: Hash) -> Result<Box<dyn PreparedTimestamp>, AugmentError> {
        self.prepare_timestamp(TimestampKind::Archive, hash)
    }

    /// Whether every signature of the document has a time-stamp of this kind, or a later one that covers it.
    ///
    /// # Errors
    /// [`AugmentError`]
    fn has_timestamp(&self, kind: TimestampKind) -> Result<bool, AugmentError>;

    /// Whose certificates B-LT has to prove.
    ///
    /// # Errors
    /// [`AugmentError`]
    fn to_be_proven(&self) -> Result<ToBeProven, AugmentError>;

    /// The document with this material in it. What is there already is not put in twice.
    ///
    /// # Errors
    /// [`AugmentError`]
    fn add_material(&self, material: &ValidationMaterial) -> Result<Vec<u8>, AugmentError>;
}
