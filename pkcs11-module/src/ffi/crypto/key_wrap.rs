//! AES key wrap without and with padding (RFC 3394, RFC 5649; SP 800-38F: KW, KWP).

use std::mem::MaybeUninit;

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::cipher::AesKey;
use super::forget_errors;
use crate::error::{Error, Result};

/// The length of the half blocks that are wrapped, in bytes.
pub(crate) const HALF_BLOCK: usize = 8;

/// The longest data that is wrapped: far above any key, far below the library's own limit.
const MAX_LEN: usize = 1 << 20;

/// An AES key made ready to wrap or to unwrap with; wiped when it is dropped.
pub(crate) struct KeyWrap(AES_KEY);

impl KeyWrap {
    pub(crate) fn to_wrap(key: AesKey<'_>) -> Result<Self> {
        Self::schedule(key, AES_set_encrypt_key)
    }

    pub(crate) fn to_unwrap(key: AesKey<'_>) -> Result<Self> {
        Self::schedule(key, AES_set_decrypt_key)
    }

    fn schedule(
        key: AesKey<'_>,
        set: unsafe extern "C" fn(*const u8, std::ffi::c_uint, *mut AES_KEY) -> std::ffi::c_int,
    ) -> Result<Self> {
        let mut schedule = MaybeUninit::<AES_KEY>::zeroed();
        let value = key.bytes();
        // SAFETY: the key has as many bits as is said, one of the three lengths of AES; there is room for the
        // schedule.
        let outcome = unsafe { set(value.as_ptr(), 8 * value.len() as u32, schedule.as_mut_ptr()) };
        if outcome != 0 {
            return Err(Error::KeySizeRange);
        }
        // SAFETY: plain numbers, zeroed before the library filled them in.
        Ok(Self(unsafe { schedule.assume_init() }))
    }

    /// KW: at least two half blocks, and whole ones. `iv` stands for the standard's initial value.
    pub(crate) fn wrap(&self, iv: Option<[u8; HALF_BLOCK]>, plain: &[u8]) -> Result<Vec<u8>> {
        if !(2 * HALF_BLOCK..=MAX_LEN).contains(&plain.len()) || !plain.len().is_multiple_of(HALF_BLOCK) {
            return Err(Error::DataLenRange);
        }
        let mut out = vec![0; plain.len() + HALF_BLOCK];
        let iv = iv.as_ref().map_or(std::ptr::null(), |iv| iv.as_ptr());
        // SAFETY: the schedule is one to encrypt with; the initial value is NULL or has eight bytes; the output is
        // eight bytes longer than the input, whose length was checked.
        let length = unsafe {
            AES_wrap_key(
                &raw const self.0,
                iv,
                out.as_mut_ptr(),
                plain.as_ptr(),
                plain.len(),
            )
        };
        made(usize::try_from(length) == Ok(out.len()))?;
        Ok(out)
    }

    /// Undoes [`Self::wrap`]; nothing if the initial value does not come out.
    pub(crate) fn unwrap(&self, iv: Option<[u8; HALF_BLOCK]>, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if !(3 * HALF_BLOCK..=MAX_LEN).contains(&wrapped.len()) || !wrapped.len().is_multiple_of(HALF_BLOCK) {
            return Err(Error::EncryptedDataLenRange);
        }
        let mut out = Zeroizing::new(vec![0; wrapped.len() - HALF_BLOCK]);
        let iv = iv.as_ref().map_or(std::ptr::null(), |iv| iv.as_ptr());
        // SAFETY: the schedule is one to decrypt with; the initial value is NULL or has eight bytes; the output is
        // eight bytes shorter than the input, whose length was checked.
        let length = unsafe {
            AES_unwrap_key(
                &raw const self.0,
                iv,
                out.as_mut_ptr(),
                wrapped.as_ptr(),
                wrapped.len(),
            )
        };
        made(usize::try_from(length) == Ok(out.len())).map_err(|_| Error::EncryptedDataInvalid)?;
        Ok(out)
    }

    /// KWP: any length but zero.
    pub(crate) fn wrap_padded(&self, plain: &[u8]) -> Result<Vec<u8>> {
        if !(1..=MAX_LEN).contains(&plain.len()) {
            return Err(Error::DataLenRange);
        }
        let mut out = vec![0; plain.len().next_multiple_of(HALF_BLOCK) + HALF_BLOCK];
        let mut length = 0;
        // SAFETY: the schedule is one to encrypt with; the slices give their own pointers and lengths.
        let outcome = unsafe {
            AES_wrap_key_padded(
                &raw const self.0,
                out.as_mut_ptr(),
                &raw mut length,
                out.len(),
                plain.as_ptr(),
                plain.len(),
            )
        };
        made(outcome == 1 && length == out.len())?;
        Ok(out)
    }

    /// Undoes [`Self::wrap_padded`].
    pub(crate) fn unwrap_padded(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if !(2 * HALF_BLOCK..=MAX_LEN).contains(&wrapped.len()) || !wrapped.len().is_multiple_of(HALF_BLOCK) {
            return Err(Error::EncryptedDataLenRange);
        }
        let mut out = Zeroizing::new(vec![0; wrapped.len()]);
        let mut length = 0;
        // SAFETY: the schedule is one to decrypt with; the slices give their own pointers and lengths.
        let outcome = unsafe {
            AES_unwrap_key_padded(
                &raw const self.0,
                out.as_mut_ptr(),
                &raw mut length,
                out.len(),
                wrapped.as_ptr(),
                wrapped.len(),
            )
        };
        made(outcome == 1 && length <= out.len()).map_err(|_| Error::EncryptedDataInvalid)?;
        out.truncate(length);
        Ok(out)
    }
}

impl Drop for KeyWrap {
    fn drop(&mut self) {
        let schedule = &raw mut self.0;
        // SAFETY: the schedule's own place and size; any bytes are a schedule.
        unsafe { OPENSSL_cleanse(schedule.cast(), size_of::<AES_KEY>()) };
    }
}

fn made(outcome: bool) -> Result<()> {
    forget_errors();
    if outcome {
        Ok(())
    } else {
        Err(Error::FunctionFailed)
    }
}
