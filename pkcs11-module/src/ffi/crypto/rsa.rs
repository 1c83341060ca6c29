//! RSA (RFC 8017).

use std::ffi::c_int;
use std::ops::RangeInclusive;
use std::ptr::NonNull;

use aws_lc_sys::*;

use super::number::Number;
use super::{description, forget_errors};
use crate::error::{Error, Result};
use crate::mechanism::Hash;

/// What the library's functions on one piece of data look like: key, length and place of the output, room for it, data.
pub(super) type Function =
    unsafe extern "C" fn(*mut RSA, *mut usize, *mut u8, usize, *const u8, usize, c_int) -> c_int;

/// An RSA key, ready for use: private of [`RsaKey::MIN_BITS`] to [`RsaKey::MAX_BITS`], public of
/// [`RsaKey::PUBLIC_BITS`].
pub(crate) struct RsaKey(pub(super) NonNull<RSA>);

/// What an `RSAPrivateKey` (RFC 8017, A.1.2) holds, big-endian.
pub(crate) struct RsaPrivateNumbers<'a> {
    pub(crate) modulus: &'a [u8],
    pub(crate) public_exponent: &'a [u8],
    pub(crate) private_exponent: &'a [u8],
    pub(crate) primes: [&'a [u8]; 2],
    /// The private exponent modulo each prime less one.
    pub(crate) exponents: [&'a [u8]; 2],
    /// The second prime's inverse modulo the first.
    pub(crate) coefficient: &'a [u8],
}

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

    /// Puts a private key together, of the right size. Whether its numbers belong together is another question, which
    /// costs half as much as a signature: see [`Self::check_private`].
    pub(crate) fn private(numbers: &RsaPrivateNumbers<'_>) -> Result<Self> {
        // SAFETY: takes nothing and gives a new key or NULL.
        let key = NonNull::new(unsafe { RSA_new() }).map(Self);
        let key = key.ok_or(Error::HostMemory)?;
        let rsa = key.0.as_ptr();
        let [modulus, public, private] =
            [numbers.modulus, numbers.public_exponent, numbers.private_exponent].map(Number::read);
        let [first, second] = numbers.primes.map(Number::read);
        let [of_first, of_second] = numbers.exponents.map(Number::read);
        let coefficient = Number::read(numbers.coefficient)?;
        let (modulus, public, private) = (modulus?, public?, private?);
        let (first, second, of_first, of_second) = (first?, second?, of_first?, of_second?);
        // SAFETY: the key lives, is not yet used, and had none of these; it owns the numbers from here on. None is
        // NULL, which is the only reason for which these functions refuse.
        let made = unsafe {
            RSA_set0_key(rsa, modulus.into_raw(), public.into_raw(), private.into_raw())
                & RSA_set0_factors(rsa, first.into_raw(), second.into_raw())
                & RSA_set0_crt_params(
                    rsa,
                    of_first.into_raw(),
                    of_second.into_raw(),
                    coefficient.into_raw(),
                )
        };
        if made != 1 {
            forget_errors();
            return Err(Error::FunctionFailed);
        }
        key.of_size(&(Self::MIN_BITS..=Self::MAX_BITS))
    }

    /// Whether the numbers of a private key are one key's (RFC 8017, 3.2); the primes are tested for nothing but that.
    pub(crate) fn check_private(&self) -> Result<()> {
        // SAFETY: the key lives, and is not changed.
        let belong = unsafe { RSA_check_key(self.0.as_ptr()) };
        forget_errors();
        (belong == 1).then_some(()).ok_or(Error::AttributeValueInvalid)
    }

    /// Whether it is the private half.
    pub(crate) fn is_private(&self) -> bool {
        // SAFETY: the key lives; what is asked for is only compared with NULL.
        unsafe { !RSA_get0_d(self.0.as_ptr()).is_null() }
    }

    /// Reads an `RSAPublicKey` (RFC 8017, A.1.1).
    pub(crate) fn public(der: &[u8]) -> Result<Self> {
        // SAFETY: a slice's pointer and length.
        let key = unsafe { RSA_public_key_from_bytes(der.as_ptr(), der.len()) };
        let key = NonNull::new(key).map(Self).ok_or(Error::AttributeValueInvalid);
        key.inspect_err(|_| forget_errors())?.of_size(&Self::PUBLIC_BITS)
    }

    fn of_size(self, sizes: &RangeInclusive<u32>) -> Result<Self> {
        // SAFETY: the key lives.
        let bits = unsafe { RSA_bits(self.0.as_ptr()) };
        if sizes.contains(&bits) {
            Ok(self)
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
