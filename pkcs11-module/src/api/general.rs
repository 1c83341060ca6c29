//! Section 5.4, general-purpose functions.

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::{Library, Threading};

/// `CK_INFO.manufacturerID` and the token's.
pub(crate) const MANUFACTURER: &str = "Trien";

/// The library's own version, in `CK_INFO` and as the firmware of its tokens.
pub(crate) const VERSION: CK_VERSION = CK_VERSION { major: 0, minor: 1 };

/// `C_Initialize`.
pub(crate) fn initialize(threading: Threading) -> Result<()> {
    Library::initialize(threading)
}

/// `C_Finalize`.
pub(crate) fn finalize(library: &Library, reserved_is_null: bool) -> Result<()> {
    if reserved_is_null {
        library.finalize()
    } else {
        Err(Error::ArgumentsBad)
    }
}

/// `C_GetInfo`.
pub(crate) fn info() -> CK_INFO {
    CK_INFO {
        cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
        manufacturerID: padded(MANUFACTURER),
        flags: 0,
        libraryDescription: padded("Trien software token"),
        libraryVersion: VERSION,
    }
}

/// Text as the standard's structures hold it: blank padded, not terminated. What does not fit is cut.
pub(crate) fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    field
        .iter_mut()
        .zip(text.bytes())
        .for_each(|(place, byte)| *place = byte);
    field
}
