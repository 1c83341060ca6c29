//! Section 5.16, parallel function management: legacy functions with one answer.

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;

/// `C_GetFunctionStatus` and `C_CancelFunction`.
pub(crate) fn status(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    library.session(session)?;
    Err(Error::FunctionNotParallel)
}
