//! Message authentication codes: HMAC (FIPS 198-1) and CMAC (SP 800-38B).

use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::*;

use super::cipher::{BLOCK, BlockKey};
use super::{description, forget_errors};
use crate::error::{Error, Result};
use crate::mechanism::Hash;

/// An HMAC in the making.
pub(crate) struct HmacContext {
    hash: Hash,
    state: NonNull<HMAC_CTX>,
}

// SAFETY: the state is owned by this value alone and used by one thread at a time.
unsafe impl Send for HmacContext {}

impl HmacContext {
    /// A key of any length; the library hashes one that is longer than a block, as the standard has it.
    pub(crate) fn new(hash: Hash, key: &[u8]) -> Result<Self> {
        // SAFETY: takes nothing and gives a new state or NULL.
        let state = NonNull::new(unsafe { HMAC_CTX_new() }).ok_or(Error::HostMemory)?;
        let context = Self { hash, state };
        // SAFETY: the state lives; a slice's pointer, which is never NULL, and length; the description is static;
        // NULL leaves the implementation to the library.
        checked(unsafe {
            HMAC_Init_ex(
                context.state.as_ptr(),
                key.as_ptr().cast(),
                key.len(),
                description(hash),
                null_mut(),
            )
        })?;
        Ok(context)
    }

    pub(crate) fn update(&mut self, part: &[u8]) -> Result<()> {
        // SAFETY: the state lives; a slice's pointer and length.
        checked(unsafe { HMAC_Update(self.state.as_ptr(), part.as_ptr(), part.len()) })
    }

    /// The code of all that was fed, as long as the hash function's digest.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let mut out = vec![0; self.hash.len()];
        let mut length = 0;
        // SAFETY: the state lives; there is room for this hash function's digest.
        checked(unsafe { HMAC_Final(self.state.as_ptr(), out.as_mut_ptr(), &raw mut length) })?;
        Ok(out)
    }
}

impl Drop for HmacContext {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { HMAC_CTX_free(self.state.as_ptr()) };
    }
}

/// A CMAC in the making.
pub(crate) struct CmacContext(NonNull<CMAC_CTX>);

// SAFETY: the state is owned by this value alone and used by one thread at a time.
unsafe impl Send for CmacContext {}

impl CmacContext {
    pub(crate) fn new<'a>(key: impl Into<BlockKey<'a>>) -> Result<Self> {
        let key = key.into();
        let cipher = key.cbc()?;
        // SAFETY: takes nothing and gives a new state or NULL.
        let context = Self(NonNull::new(unsafe { CMAC_CTX_new() }).ok_or(Error::HostMemory)?);
        let key = key.bytes();
        // SAFETY: the state lives; a slice's pointer and length, which is that of the cipher's keys; NULL leaves the
        // implementation to the library.
        checked(unsafe {
            CMAC_Init(
                context.0.as_ptr(),
                key.as_ptr().cast(),
                key.len(),
                cipher,
                null_mut(),
            )
        })?;
        Ok(context)
    }

    pub(crate) fn update(&mut self, part: &[u8]) -> Result<()> {
        // SAFETY: the state lives; a slice's pointer and length.
        checked(unsafe { CMAC_Update(self.0.as_ptr(), part.as_ptr(), part.len()) })
    }

    /// The code of all that was fed, one block.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let mut out = vec![0; BLOCK];
        let mut length = 0;
        // SAFETY: the state lives; there is room for a block.
        checked(unsafe { CMAC_Final(self.0.as_ptr(), out.as_mut_ptr(), &raw mut length) })?;
        out.truncate(length);
        Ok(out)
    }
}

impl Drop for CmacContext {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { CMAC_CTX_free(self.0.as_ptr()) };
    }
}

fn checked(outcome: c_int) -> Result<()> {
    if outcome == 1 {
        return Ok(());
    }
    forget_errors();
    Err(Error::FunctionFailed)
}
