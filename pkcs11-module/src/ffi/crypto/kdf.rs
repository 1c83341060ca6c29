//! Functions that make keys as long as they are wanted: HKDF-Expand (RFC 5869, 2.3) and PBKDF2 (RFC 8018, 5.2).

use std::ffi::c_int;

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::{description, forget_errors};
use crate::error::{Error, Result};
use crate::mechanism::Hash;

/// HKDF-Expand; `len` is at most 255 digests.
pub(crate) fn hkdf_expand(hash: Hash, key: &[u8], info: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(vec![0; len]);
    // SAFETY: the description is static; the slices give their own pointers and lengths.
    checked(unsafe {
        HKDF_expand(
            out.as_mut_ptr(),
            out.len(),
            description(hash),
            key.as_ptr(),
            key.len(),
            info.as_ptr(),
            info.len(),
        )
    })?;
    Ok(out)
}

/// PBKDF2 with HMAC.
pub(crate) fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(vec![0; len]);
    // SAFETY: likewise.
    checked(unsafe {
        PKCS5_PBKDF2_HMAC(
            password.as_ptr().cast(),
            password.len(),
            salt.as_ptr(),
            salt.len(),
            iterations,
            description(hash),
            out.len(),
            out.as_mut_ptr(),
        )
    })?;
    Ok(out)
}

fn checked(outcome: c_int) -> Result<()> {
    if outcome == 1 {
        return Ok(());
    }
    forget_errors();
    Err(Error::FunctionFailed)
}
