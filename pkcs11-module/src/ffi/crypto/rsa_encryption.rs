//! Encryption and decryption with RSA (RFC 8017, section 7), and the bare function under all of it (section 5.1).
//!
//! The library takes paddings off in constant time, and blinds what it raises to the private exponent. What is left to
//! an observer is the one bit that the standard's return values want: whether there was a padding.

use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::rsa::RsaKey;
use super::{description, forget_errors};
use crate::error::{Error, Result};
use crate::mechanism::Hash;

/// How RSAES-OAEP is parametrised (RFC 8017, 7.1).
pub(crate) struct OaepPadding {
    pub(crate) hash: Hash,
    pub(crate) mask: Hash,
    pub(crate) label: Vec<u8>,
}

impl RsaKey {
    /// RSAES-PKCS1-v1_5 (RFC 8017, 7.2.1) of at most `len() - 11` bytes.
    pub(crate) fn encrypt_pkcs1(&self, data: &[u8]) -> Result<Vec<u8>> {
        self.apply(RSA_encrypt, data, RSA_PKCS1_PADDING)
    }

    /// The data, or nothing if there is no padding (RFC 8017, 7.2.2).
    pub(crate) fn decrypt_pkcs1(&self, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.apply(RSA_decrypt, data, RSA_PKCS1_PADDING)
            .map(Zeroizing::new)
            .ok()
    }

    /// The public function on a number of `len()` bytes below the modulus; nothing if it is not below.
    pub(crate) fn public_raw(&self, number: &[u8]) -> Option<Vec<u8>> {
        self.apply(RSA_encrypt, number, RSA_NO_PADDING).ok()
    }

    /// The private function on a number of `len()` bytes below the modulus; nothing if it is not below.
    pub(crate) fn private_raw(&self, number: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.apply(RSA_decrypt, number, RSA_NO_PADDING)
            .map(Zeroizing::new)
            .ok()
    }

    /// RSAES-OAEP (RFC 8017, 7.1.1) of at most `len() - 2 * hash.len() - 2` bytes.
    pub(crate) fn encrypt_oaep(&self, data: &[u8], padding: &OaepPadding) -> Result<Vec<u8>> {
        let context = OaepContext::new(self, padding, EVP_PKEY_encrypt_init)?;
        let mut out = vec![0; self.len()];
        let mut length = out.len();
        // SAFETY: the context lives; the slices give their own pointers and lengths.
        let made = unsafe {
            EVP_PKEY_encrypt(
                context.0.as_ptr(),
                out.as_mut_ptr(),
                &raw mut length,
                data.as_ptr(),
                data.len(),
            )
        };
        done(made)?;
        out.truncate(length);
        Ok(out)
    }

    /// The data, or nothing if there is no padding (RFC 8017, 7.1.2).
    pub(crate) fn decrypt_oaep(
        &self,
        data: &[u8],
        padding: &OaepPadding,
    ) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let context = OaepContext::new(self, padding, EVP_PKEY_decrypt_init)?;
        let mut out = Zeroizing::new(vec![0; self.len()]);
        let mut length = out.len();
        // SAFETY: as in `encrypt_oaep`.
        let made = unsafe {
            EVP_PKEY_decrypt(
                context.0.as_ptr(),
                out.as_mut_ptr(),
                &raw mut length,
                data.as_ptr(),
                data.len(),
            )
        };
        if made != 1 {
            forget_errors();
            return Ok(None);
        }
        out.truncate(length);
        Ok(Some(out))
    }
}

/// A key with its padding, ready for one operation.
struct OaepContext(NonNull<EVP_PKEY_CTX>);

impl OaepContext {
    fn new(
        key: &RsaKey,
        padding: &OaepPadding,
        begin: unsafe extern "C" fn(*mut EVP_PKEY_CTX) -> c_int,
    ) -> Result<Self> {
        // SAFETY: takes nothing and gives a new place for a key or NULL.
        let holder = NonNull::new(unsafe { EVP_PKEY_new() }).ok_or(Error::HostMemory)?;
        // SAFETY: the key lives, and the holder counts itself among its owners; the context counts itself among the
        // holder's, so it outlives this function's share, which is given up here.
        let context = unsafe {
            let context = match EVP_PKEY_set1_RSA(holder.as_ptr(), key.0.as_ptr()) {
                1 => EVP_PKEY_CTX_new(holder.as_ptr(), null_mut()),
                _ => null_mut(),
            };
            EVP_PKEY_free(holder.as_ptr());
            NonNull::new(context).map(Self).ok_or(Error::HostMemory)?
        };
        let place = context.0.as_ptr();
        // SAFETY: the context lives; the hash descriptions are static.
        unsafe {
            done(begin(place))?;
            done(EVP_PKEY_CTX_set_rsa_padding(place, RSA_PKCS1_OAEP_PADDING))?;
            done(EVP_PKEY_CTX_set_rsa_oaep_md(place, description(padding.hash)))?;
            done(EVP_PKEY_CTX_set_rsa_mgf1_md(place, description(padding.mask)))?;
        }
        context.label(&padding.label)?;
        Ok(context)
    }

    fn label(&self, label: &[u8]) -> Result<()> {
        if label.is_empty() {
            return Ok(());
        }
        // SAFETY: a slice's pointer and length; the context takes the library's copy over if it accepts it, and
        // otherwise it is freed here.
        unsafe {
            let copy = OPENSSL_memdup(label.as_ptr().cast(), label.len()).cast::<u8>();
            if copy.is_null() {
                return Err(Error::HostMemory);
            }
            done(EVP_PKEY_CTX_set0_rsa_oaep_label(
                self.0.as_ptr(),
                copy,
                label.len(),
            ))
            .inspect_err(|_| OPENSSL_free(copy.cast()))
        }
    }
}

impl Drop for OaepContext {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone.
        unsafe { EVP_PKEY_CTX_free(self.0.as_ptr()) };
    }
}

fn done(outcome: c_int) -> Result<()> {
    if outcome == 1 {
        return Ok(());
    }
    forget_errors();
    Err(Error::FunctionFailed)
}
