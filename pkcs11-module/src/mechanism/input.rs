//! What a signature is made of: a digest of what is fed, or the bytes themselves.

use super::{Fed, Hash, Signing, Verifying};
use crate::error::{Error, Result};
use crate::ffi::crypto::Context;

/// Collects the data of a signature or verification.
pub(super) enum Input {
    /// The mechanism hashes.
    Hashed(Context),
    /// The host has hashed, or pads by itself: one piece of at most so many bytes.
    Raw { data: Vec<u8>, limit: usize },
    /// The mechanism goes over all the data more than once: many pieces, at most so many bytes in all.
    Collected { data: Vec<u8>, limit: usize },
}

impl Input {
    /// `limit` bounds the data of a mechanism without a hash function of its own.
    pub(super) fn new(hash: Option<Hash>, limit: usize) -> Result<Self> {
        Ok(match hash {
            Some(hash) => Self::Hashed(Context::new(hash)?),
            None => Self::Raw {
                data: Vec::new(),
                limit,
            },
        })
    }

    /// For a mechanism that takes parts but wants them all at once.
    pub(super) fn collected(limit: usize) -> Self {
        Self::Collected {
            data: Vec::new(),
            limit,
        }
    }

    fn takes_parts(&self) -> bool {
        !matches!(self, Self::Raw { .. })
    }

    fn update(&mut self, part: &[u8]) -> Result<()> {
        match self {
            Self::Hashed(context) => context.update(part)?,
            Self::Raw { data, limit } | Self::Collected { data, limit } => {
                if part.len() > *limit - data.len() {
                    return Err(Error::DataLenRange);
                }
                data.extend_from_slice(part);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>> {
        match self {
            Self::Hashed(context) => context.finish(),
            Self::Raw { data, .. } | Self::Collected { data, .. } => Ok(data),
        }
    }
}

/// What a scheme does with the digest, or with the data if it has no hash function.
pub(super) trait Scheme: Send {
    /// The length of a signature.
    fn signature_len(&self) -> usize;

    /// Signs.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>>;

    /// Whether `signature`, which has the right length, is one.
    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<bool>;
}

/// A scheme and its input: the whole of a signature or verification.
pub(super) struct Operation<S> {
    pub(super) input: Input,
    pub(super) scheme: S,
}

impl<S: Scheme> Fed for Operation<S> {
    fn takes_parts(&self) -> bool {
        self.input.takes_parts()
    }

    fn update(&mut self, part: &[u8]) -> Result<()> {
        self.input.update(part)
    }
}

impl<S: Scheme> Signing for Operation<S> {
    fn signature_len(&self) -> usize {
        self.scheme.signature_len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let Self { input, scheme } = *self;
        scheme.sign(&input.finish()?)
    }
}

impl<S: Scheme> Verifying for Operation<S> {
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        let Self { input, scheme } = *self;
        if signature.len() != scheme.signature_len() {
            return Err(Error::SignatureLenRange);
        }
        if scheme.verify(&input.finish()?, signature)? {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}
