//! Making RSA keys (FIPS 186-5, A.1), and telling their numbers.

use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::forget_errors;
use super::rsa::RsaKey;
use crate::error::{Error, Result};

impl RsaKey {
    /// Makes a key (FIPS 186-5, A.1.3). `bits` is a multiple of 128, `exponent` is odd.
    pub(crate) fn generate(bits: u32, exponent: u32) -> Result<Self> {
        let bits = c_int::try_from(bits).map_err(|_| Error::KeySizeRange)?;
        // SAFETY: takes nothing and gives a new number or NULL.
        let number = NonNull::new(unsafe { BN_new() }).ok_or(Error::HostMemory)?;
        // SAFETY: takes nothing and gives a new key or NULL.
        let key = NonNull::new(unsafe { RSA_new() }).map(Self);
        // SAFETY: the number is new, and freed here; the key is new and nobody else's; NULL: nobody is told of the
        // progress.
        let made = unsafe {
            let made = key.as_ref().is_some_and(|key| {
                BN_set_u64(number.as_ptr(), exponent.into()) == 1
                    && RSA_generate_key_ex(key.0.as_ptr(), bits, number.as_ptr(), null_mut()) == 1
            });
            BN_free(number.as_ptr());
            made
        };
        done(made)?;
        key.ok_or(Error::HostMemory)
    }

    /// The `RSAPrivateKey` (RFC 8017, A.1.2) of a private key.
    pub(crate) fn to_private_der(&self) -> Result<Zeroizing<Vec<u8>>> {
        let (mut bytes, mut length) = (null_mut(), 0);
        // SAFETY: the key lives; the two places take a new buffer and its length.
        done(unsafe { RSA_private_key_to_bytes(&raw mut bytes, &raw mut length, self.0.as_ptr()) } == 1)?;
        // SAFETY: the library has just made the buffer, of that length; it is copied, then wiped and freed by the
        // library, and not used again.
        unsafe {
            let copy = Zeroizing::new(std::slice::from_raw_parts(bytes, length).to_vec());
            OPENSSL_free(bytes.cast());
            Ok(copy)
        }
    }
}

fn done(made: bool) -> Result<()> {
    if made {
        return Ok(());
    }
    forget_errors();
    Err(Error::FunctionFailed)
}
