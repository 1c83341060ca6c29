//! Negotiated lengths (PKCS #11, section 5.2) as values: what room the host has, and what it gets.

use std::mem::MaybeUninit;

use cryptoki_sys::CK_ULONG;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Result};

/// The room the host offers for an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// No buffer: the host asks how much it needs.
    Query,
    /// A buffer for this many elements.
    Items(usize),
}

impl Room {
    pub(crate) fn new(is_null: bool, length: CK_ULONG) -> Self {
        if is_null {
            Self::Query
        } else {
            Self::Items(usize::try_from(length).unwrap_or(usize::MAX))
        }
    }

    /// Whether `needed` elements would be written now, and not only their number told.
    pub(crate) fn takes(self, needed: usize) -> bool {
        matches!(self, Self::Items(room) if room >= needed)
    }

    /// Answers with what `produce` makes, which has at most `needed` elements, if there is room for `needed`.
    pub(crate) fn answer<T: Zeroize>(
        self,
        needed: usize,
        produce: impl FnOnce() -> Result<Vec<T>>,
    ) -> Result<Answer<T>> {
        match self {
            Self::Query => Ok(Answer::Length(needed)),
            Self::Items(room) if room < needed => Ok(Answer::TooSmall(needed)),
            Self::Items(_) => {
                let items = produce()?;
                if items.len() > needed {
                    Err(Error::General)
                } else {
                    Ok(Answer::Items(items))
                }
            }
        }
    }
}

/// The host's own buffer, where it shares no byte with the input, so that a long output can be made in its place.
pub(crate) type InPlace<'a> = Option<&'a mut [MaybeUninit<u8>]>;

/// What is written to the host.
pub(crate) enum Answer<T: Zeroize> {
    /// The length that was asked for.
    Length(usize),
    /// The needed length, with `CKR_BUFFER_TOO_SMALL`.
    TooSmall(usize),
    /// The output itself, known to fit.
    Items(Vec<T>),
    /// The same where it is wiped after it was written.
    Secret(Zeroizing<Vec<T>>),
    /// So many elements, which were made where the host wants them.
    Written(usize),
}

impl<T: Zeroize> Answer<T> {
    /// What is to be written, if anything is.
    pub(crate) fn items(&self) -> Option<&[T]> {
        match self {
            Self::Items(items) => Some(items),
            Self::Secret(items) => Some(items),
            Self::Length(_) | Self::TooSmall(_) | Self::Written(_) => None,
        }
    }

    /// Whether the output itself was given, and not only its length.
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self, Self::Length(_) | Self::TooSmall(_))
    }

    pub(crate) fn length(&self) -> CK_ULONG {
        let length = match self {
            Self::Length(needed) | Self::TooSmall(needed) => *needed,
            Self::Written(written) => *written,
            Self::Items(items) => items.len(),
            Self::Secret(items) => items.len(),
        };
        length as CK_ULONG
    }

    pub(crate) fn outcome(&self) -> Result<()> {
        if matches!(self, Self::TooSmall(_)) {
            Err(Error::BufferTooSmall)
        } else {
            Ok(())
        }
    }
}
