//! Functions this version does not offer (section 5.1.5, `CKR_FUNCTION_NOT_SUPPORTED`): encryption, decryption,
//! recovery, dual functions, secret keys, wrapping, derivation and saved operation states.

use cryptoki_sys::*;

use crate::error::{Error, Result};
use crate::library::Library;

/// Refuses, once it is clear that the session is one.
pub(crate) fn refuse(library: &Library, session: CK_SESSION_HANDLE) -> Result<()> {
    library.session(session)?;
    Err(Error::FunctionNotSupported)
}
