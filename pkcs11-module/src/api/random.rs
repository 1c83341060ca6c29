//! Section 5.15, random numbers.

use aws_lc_rs::rand;
use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;

/// `C_SeedRandom`: the seed is taken and not needed. The generator draws its seeds from the system, and no host's
/// can make it weaker or stronger.
pub(crate) fn seed(library: &Library, session: CK_SESSION_HANDLE, _seed: &[u8]) -> Result<()> {
    library.session(session).map(drop)
}

/// `C_GenerateRandom`, before a byte is made.
pub(crate) fn check(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    library.session(session).map(drop)
}

/// `C_GenerateRandom`: the next bytes. After a fork the generator draws new seeds, so children differ.
pub(crate) fn generate(out: &mut [u8]) -> Result<()> {
    rand::fill(out).map_err(|_| Error::FunctionFailed)
}
