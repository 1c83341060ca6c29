//! What message authentication codes have in common: signing gives the code or its beginning, verifying compares
//! it in constant time.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{Call, Fed, Signing, Verifying};
use crate::error::{Error, Result};

/// A code in the making.
pub(super) trait Mac: Send {
    fn update(&mut self, part: &[u8]) -> Result<()>;

    /// The whole code.
    fn finish(self) -> Result<Vec<u8>>;
}

/// How much of a code is the signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// All of it; the mechanism has no parameter.
    Whole,
    /// As much as the parameter says (`CK_MAC_GENERAL_PARAMS`).
    Given,
}

impl Length {
    /// The length in bytes, of a code that has `whole`.
    pub(super) fn read(self, call: &Call<'_>, whole: usize) -> Result<usize> {
        match self {
            Self::Whole => call.no_parameter().map(|()| whole),
            Self::Given => usize::try_from(call.ulong()?)
                .ok()
                .filter(|len| (1..=whole).contains(len))
                .ok_or(Error::MechanismParamInvalid),
        }
    }
}

/// A signature or verification by a code, of which the first `len` bytes count.
pub(super) struct Tagging<M> {
    pub(super) mac: M,
    pub(super) len: usize,
}

impl<M: Mac> Tagging<M> {
    fn tag(self) -> Result<Vec<u8>> {
        let mut tag = self.mac.finish()?;
        tag.truncate(self.len);
        Ok(tag)
    }
}

impl<M: Mac> Fed for Tagging<M> {
    fn takes_parts(&self) -> bool {
        true
    }

    fn update(&mut self, part: &[u8]) -> Result<()> {
        self.mac.update(part)
    }
}

impl<M: Mac> Signing for Tagging<M> {
    fn signature_len(&self) -> usize {
        self.len
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        self.tag()
    }
}

impl<M: Mac> Verifying for Tagging<M> {
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        if signature.len() != self.len {
            return Err(Error::SignatureLenRange);
        }
        verify_slices_are_equal(&self.tag()?, signature).map_err(|_| Error::SignatureInvalid)
    }
}
