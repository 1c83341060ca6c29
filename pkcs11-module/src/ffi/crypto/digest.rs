//! Hash functions.

use std::ptr::{NonNull, copy_nonoverlapping, null_mut};

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::{description, forget_errors};
use crate::error::{Error, Result};
use crate::mechanism::Hash;

/// A digest in the making.
pub(crate) struct Context {
    hash: Hash,
    state: NonNull<EVP_MD_CTX>,
}

// SAFETY: the state is owned by this value alone and used by one thread at a time.
unsafe impl Send for Context {}

impl Context {
    pub(crate) fn new(hash: Hash) -> Result<Self> {
        // SAFETY: takes nothing and gives a new state or NULL.
        let state = NonNull::new(unsafe { EVP_MD_CTX_new() }).ok_or(Error::HostMemory)?;
        let context = Self { hash, state };
        // SAFETY: the state lives, the description is static; NULL leaves the implementation to the library.
        let begun = unsafe { EVP_DigestInit_ex(context.state.as_ptr(), description(hash), null_mut()) };
        checked(begun).map(|()| context)
    }

    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    pub(crate) fn update(&mut self, part: &[u8]) -> Result<()> {
        // SAFETY: the state lives; the slice gives its own pointer and length.
        checked(unsafe { EVP_DigestUpdate(self.state.as_ptr(), part.as_ptr().cast(), part.len()) })
    }

    /// The length of the library's own context, where that is a structure of its interface: whole numbers and bytes
    /// without a gap between them (`openssl/sha.h`). That of SHA-3 is not.
    fn state_len(hash: Hash) -> Option<usize> {
        match hash {
            Hash::Sha1 => Some(size_of::<SHA_CTX>()),
            Hash::Sha224 | Hash::Sha256 => Some(size_of::<SHA256_CTX>()),
            Hash::Sha384 | Hash::Sha512 | Hash::Sha512_224 | Hash::Sha512_256 => {
                Some(size_of::<SHA512_CTX>())
            }
            Hash::Sha3_224 | Hash::Sha3_256 | Hash::Sha3_384 | Hash::Sha3_512 => None,
        }
    }

    /// What was fed, as far as it counts for the rest: it may contain the end of it.
    pub(crate) fn saved(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut saved = Zeroizing::new(vec![0; Self::state_len(self.hash)?]);
        // SAFETY: the state lives; `md_data` points to the context of its hash function (`openssl/digest.h`), which the
        // library has filled from its first byte to its last when the digest began, and is as long as `saved`.
        unsafe {
            let context = (*self.state.as_ptr()).md_data.cast::<u8>();
            copy_nonoverlapping(context, saved.as_mut_ptr(), saved.len());
        }
        Some(saved)
    }

    /// Goes on from what [`Self::saved`] gave for the same hash function, in this process: the caller has it from
    /// nowhere else.
    pub(crate) fn resumed(hash: Hash, saved: &[u8]) -> Result<Self> {
        if Self::state_len(hash) != Some(saved.len()) {
            return Err(Error::SavedStateInvalid);
        }
        let context = Self::new(hash)?;
        // SAFETY: as in `saved`; every value that the structure had there it may have here.
        unsafe {
            let state = (*context.state.as_ptr()).md_data.cast::<u8>();
            copy_nonoverlapping(saved.as_ptr(), state, saved.len());
        }
        Ok(context)
    }

    /// The digest of all that was fed.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let mut out = vec![0; self.hash.len()];
        // SAFETY: the state lives; `out` is as long as this hash function's digest; NULL asks for no length.
        checked(unsafe { EVP_DigestFinal_ex(self.state.as_ptr(), out.as_mut_ptr(), null_mut()) })?;
        Ok(out)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { EVP_MD_CTX_free(self.state.as_ptr()) };
    }
}

/// SHAKE256 (FIPS 202, 6.2), which gives as many bytes as are wanted.
pub(crate) struct Shake256(NonNull<EVP_MD_CTX>);

// SAFETY: the state is owned by this value alone and used by one thread at a time.
unsafe impl Send for Shake256 {}

impl Shake256 {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: takes nothing and gives a new state or NULL.
        let state = NonNull::new(unsafe { EVP_MD_CTX_new() }).map(Self);
        let state = state.ok_or(Error::HostMemory)?;
        // SAFETY: the state lives, the description is static; NULL leaves the implementation to the library.
        checked(unsafe { EVP_DigestInit_ex(state.0.as_ptr(), EVP_shake256(), null_mut()) })?;
        Ok(state)
    }

    pub(crate) fn update(&mut self, part: &[u8]) -> Result<()> {
        // SAFETY: the state lives; the slice gives its own pointer and length.
        checked(unsafe { EVP_DigestUpdate(self.0.as_ptr(), part.as_ptr().cast(), part.len()) })
    }

    /// The first bytes of the output.
    pub(crate) fn finish<const N: usize>(self) -> Result<[u8; N]> {
        let mut out = [0; N];
        // SAFETY: the state lives; `out` has the length that is asked for.
        checked(unsafe { EVP_DigestFinalXOF(self.0.as_ptr(), out.as_mut_ptr(), N) })?;
        Ok(out)
    }
}

impl Drop for Shake256 {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { EVP_MD_CTX_free(self.0.as_ptr()) };
    }
}

fn checked(outcome: std::ffi::c_int) -> Result<()> {
    if outcome == 1 {
        return Ok(());
    }
    forget_errors();
    Err(Error::FunctionFailed)
}
