//! RSA (RFC 8017).

use std::ffi::c_int;
use std::ops::RangeInclusive;
use std::ptr::NonNull;

use aws_lc_sys::*;

use super::{description, forget_errors};
use crate::error::{Error, Result};
use crate::mechanism::Hash;

/// What the library's functions on one piece of data look like: key, length and place of the output, room for it, data.
pub(super) type Function =
    unsafe extern "C" fn(*mut RSA, *mut usize, *mut u8, usize, *const u8, usize, c_int) -> c_int;

/// An RSA key, ready for use: private of [`RsaKey::MIN_BITS`] to [`RsaKey::MAX_BITS`], public of
/// [`RsaKey::PUBLIC_BITS`].
pub(crate) struct RsaKey(pub(super) NonNull<RSA>);

// SAFETY: the library documents an RSA object as usable from many threads at once as long as none changes it;
// its caches (blinding, Montgomery values) have locks of their own. Nothing here changes it once it is made.
unsafe impl Send for RsaKey {}
// SAFETY: likewise.
unsafe impl Sync for RsaKey {}

impl RsaKey {
    /// The smallest modulus of a private key, in bits.
    pub(crate) const MIN_BITS: u32 = 1024;
    /// The largest.
    pub(crate) const MAX_BITS: u32 = 4096;
    /// The moduli of public keys: old signatures are verified with small ones, other people's keys may be large. The
    /// upper bound keeps a verification within a few milliseconds.
    pub(crate) const PUBLIC_BITS: RangeInclusive<u32> = 512..=8192;

    /// Reads an `RSAPrivateKey` (RFC 8017, A.1.2); the library checks that its numbers belong together.
    pub(crate) fn private(der: &[u8]) -> Result<Self> {
        // SAFETY: a slice's pointer and length.
        let key = unsafe { RSA_private_key_from_bytes(der.as_ptr(), der.len()) };
        Self::checked(key, &(Self::MIN_BITS..=Self::MAX_BITS))
    }

    /// Reads an `RSAPublicKey` (RFC 8017, A.1.1).
    pub(crate) fn public(der: &[u8]) -> Result<Self> {
        // SAFETY: a slice's pointer and length.
        let key = unsafe { RSA_public_key_from_bytes(der.as_ptr(), der.len()) };
        Self::checked(key, &Self::PUBLIC_BITS)
    }

    fn checked(key: *mut RSA, sizes: &RangeInclusive<u32>) -> Result<Self> {
        let key = NonNull::new(key).map(Self).ok_or(Error::AttributeValueInvalid);
        let key = key.inspect_err(|_| forget_errors())?;
        // SAFETY: the key lives.
        let bits = unsafe { RSA_bits(key.0.as_ptr()) };
        if sizes.contains(&bits) {
            Ok(key)
        } else {
            Err(Error::KeySizeRange)
        }
    }

    /// The length of the modulus, and so of a signature, in bytes.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: the key lives as long as `self`.
        unsafe { RSA_size(self.0.as_ptr()) as usize }
    }

    /// Signs `data` itself, padded as RFC 8017, 9.2 steps 3 to 5 (block type 1); at most `len() - 11` bytes.
    pub(crate) fn sign_pkcs1(&self, data: &[u8]) -> Result<Vec<u8>> {
        self.apply(RSA_sign_raw, data, RSA_PKCS1_PADDING)
    }

    /// Signs a digest by RSASSA-PSS (RFC 8017, 8.1.1). The digest has the length of `hash`.
    pub(crate) fn sign_pss(&self, digest: &[u8], hash: Hash, mask: Hash, salt: usize) -> Result<Vec<u8>> {
        let salt = checked_digest(digest, hash, salt)?;
        self.produce(|key, length, out| {
            // SAFETY: the key lives; the slices give their own pointers and lengths, and the digest has the
            // length that the library reads for this hash; the hash descriptions are static.
            unsafe {
                RSA_sign_pss_mgf1(
                    key,
                    length,
                    out.as_mut_ptr(),
                    out.len(),
                    digest.as_ptr(),
                    digest.len(),
                    description(hash),
                    description(mask),
                    salt,
                )
            }
        })
    }

    /// Takes the padding of a signature off: the data that [`Self::sign_pkcs1`] signed, or nothing if it is none.
    pub(crate) fn recover_pkcs1(&self, signature: &[u8]) -> Option<Vec<u8>> {
        self.apply(RSA_verify_raw, signature, RSA_PKCS1_PADDING).ok()
    }

    /// Whether this is an RSASSA-PSS signature of the digest.
    pub(crate) fn verify_pss(
        &self,
        digest: &[u8],
        hash: Hash,
        mask: Hash,
        salt: usize,
        signature: &[u8],
    ) -> Result<bool> {
        let salt = checked_digest(digest, hash, salt)?;
        // SAFETY: as in `sign_pss`; the key is not changed by a verification.
        let verdict = unsafe {
            RSA_verify_pss_mgf1(
                self.0.as_ptr(),
                digest.as_ptr(),
                digest.len(),
                description(hash),
                description(mask),
                salt,
                signature.as_ptr(),
                signature.len(),
            )
        };
        forget_errors();
        Ok(verdict == 1)
    }

    /// Pads and raises to an exponent, or the other way round, as the function has it.
    pub(super) fn apply(&self, function: Function, data: &[u8], padding: c_int) -> Result<Vec<u8>> {
        self.produce(|key, length, out| {
            let (room, len) = (out.len(), data.len());
            // SAFETY: the key lives; the slices give their own pointers and lengths.
            unsafe { function(key, length, out.as_mut_ptr(), room, data.as_ptr(), len, padding) }
        })
    }

    fn produce(&self, work: impl FnOnce(*mut RSA, *mut usize, &mut [u8]) -> c_int) -> Result<Vec<u8>> {
        let mut out = vec![0; self.len()];
        let mut length = 0;
        if work(self.0.as_ptr(), &raw mut length, &mut out) != 1 {
            forget_errors();
            return Err(Error::FunctionFailed);
        }
        out.truncate(length);
        Ok(out)
    }
}

impl Drop for RsaKey {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { RSA_free(self.0.as_ptr()) };
    }
}

/// The library reads as many bytes of a digest as its hash gives, so the length is checked before the call.
fn checked_digest(digest: &[u8], hash: Hash, salt: usize) -> Result<c_int> {
    if digest.len() != hash.len() {
        return Err(Error::DataLenRange);
    }
    // Negative values have other meanings to the library than a length.
    c_int::try_from(salt).map_err(|_| Error::MechanismParamInvalid)
}
