//! Section 5.15, random numbers.

use aws_lc_rs::rand;
use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;

/// `C_SeedRandom`: the generator takes its seeds from the system alone.
pub(crate) fn seed(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    library.session(session)?;
    Err(Error::RandomSeedNotSupported)
}

/// `C_GenerateRandom`, before a byte is made.
pub(crate) fn check(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    library.session(session).map(drop)
}

/// `C_GenerateRandom`: the next bytes. After a fork the generator draws new seeds, so children differ.
pub(crate) fn generate(out: &mut [u8]) -> Result<()> {
    rand::fill(out).map_err(|_| Error::FunctionFailed)
}
