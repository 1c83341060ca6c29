//! Functions that this token does not have: asynchronous calls (3.2).

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;

/// Refuses (`CKR_FUNCTION_NOT_SUPPORTED`, section 5.1.5), once it is clear that the session is one.
pub(crate) fn refuse(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    library.session(session)?;
    Err(Error::FunctionNotSupported)
}
