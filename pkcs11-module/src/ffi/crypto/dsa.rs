//! DSA (FIPS 186-4), which signs nothing new any more (FIPS 186-5): for old signatures, and programs that have it.

use std::ops::RangeInclusive;
use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::forget_errors;
use super::number::{Number, Work};
use crate::error::{Error, Result};

/// The numbers that many keys share (FIPS 186-4, 4.3), big-endian.
pub(crate) struct DsaParameters<'a> {
    pub(crate) prime: &'a [u8],
    pub(crate) subprime: &'a [u8],
    pub(crate) base: &'a [u8],
}

impl DsaParameters<'_> {
    /// Whether they are a group's: `CKR_KEY_SIZE_RANGE` or `CKR_ATTRIBUTE_VALUE_INVALID` if not.
    pub(crate) fn check(&self) -> Result<()> {
        Numbers::read(self).map(drop)
    }
}

/// A DSA key, private or public, ready for use.
pub(crate) struct DsaKey {
    key: NonNull<DSA>,
    /// The length of half a signature.
    half: usize,
}

// SAFETY: the library only reads a key while it signs or verifies, but for its Montgomery values, which have a lock of
// their own; nothing here changes it once it is made.
unsafe impl Send for DsaKey {}
// SAFETY: likewise.
unsafe impl Sync for DsaKey {}

impl DsaKey {
    /// The sizes of the prime, in bits.
    pub(crate) const PRIME_BITS: RangeInclusive<u32> = 1024..=4096;

    /// Takes x, 0 < x < q.
    pub(crate) fn private(parameters: &DsaParameters<'_>, value: &[u8]) -> Result<Self> {
        let numbers = Numbers::read(parameters)?;
        let value = numbers.private(value)?;
        let public = numbers.public_of(&value)?;
        numbers.key(Some((public, Some(value))))
    }

    /// Takes y, 1 < y < p.
    pub(crate) fn public(parameters: &DsaParameters<'_>, value: &[u8]) -> Result<Self> {
        let numbers = Numbers::read(parameters)?;
        let value = Number::read(value)?;
        if value.bits() < 2 || !numbers.prime.is_above(&value) {
            return Err(Error::AttributeValueInvalid);
        }
        numbers.key(Some((value, None)))
    }

    /// A new key pair: x, as long as q, and y.
    pub(crate) fn generate(parameters: &DsaParameters<'_>) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
        let key = Numbers::read(parameters)?.key(None)?;
        let (mut public, mut private) = (null(), null());
        // SAFETY: the key lives, and with it the numbers that it is asked for, which are copied.
        unsafe {
            if DSA_generate_key(key.key.as_ptr()) != 1 {
                forget_errors();
                return Err(Error::FunctionFailed);
            }
            DSA_get0_key(key.key.as_ptr(), &raw mut public, &raw mut private);
            let private = Number::copy_of(private)?.padded(key.half)?;
            Ok((private, Number::copy_of(public)?.bytes().to_vec()))
        }
    }

    /// New parameters with a prime of so many bits: p, q, g (FIPS 186-4, A.1.1.2 and A.2.1).
    pub(crate) fn generate_parameters(bits: u32) -> Result<[Vec<u8>; 3]> {
        let key = Self::empty(0)?;
        let (mut prime, mut subprime, mut base) = (null(), null(), null());
        // SAFETY: the key lives, and with it the numbers that it is asked for, which are copied; NULL stands for no
        // seed, for values that nobody wants and for nobody who watches.
        unsafe {
            let place = key.key.as_ptr();
            if DSA_generate_parameters_ex(place, bits, null(), 0, null_mut(), null_mut(), null_mut()) != 1 {
                forget_errors();
                return Err(Error::FunctionFailed);
            }
            DSA_get0_pqg(place, &raw mut prime, &raw mut subprime, &raw mut base);
            let bytes = |number| -> Result<_> { Ok(Number::copy_of(number)?.bytes().to_vec()) };
            Ok([bytes(prime)?, bytes(subprime)?, bytes(base)?])
        }
    }

    /// The public value that belongs to a private one.
    pub(crate) fn public_of(parameters: &DsaParameters<'_>, value: &[u8]) -> Result<Vec<u8>> {
        let numbers = Numbers::read(parameters)?;
        let value = numbers.private(value)?;
        Ok(numbers.public_of(&value)?.bytes().to_vec())
    }

    /// The length of a signature: r and s, each as long as q.
    pub(crate) fn signature_len(&self) -> usize {
        2 * self.half
    }

    /// Signs a digest, of which the leftmost bits count (FIPS 186-4, 4.6).
    pub(crate) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>> {
        // SAFETY: the key lives; a slice's pointer and length; a new signature or NULL.
        let made = NonNull::new(unsafe { DSA_do_sign(digest.as_ptr(), digest.len(), self.key.as_ptr()) });
        let Some(made) = made.map(Signature) else {
            forget_errors();
            return Err(Error::FunctionFailed);
        };
        let (mut r, mut s) = (null(), null());
        // SAFETY: the signature lives, and with it its numbers, which are copied.
        let [r, s] = unsafe {
            DSA_SIG_get0(made.0.as_ptr(), &raw mut r, &raw mut s);
            [Number::copy_of(r)?, Number::copy_of(s)?]
        };
        Ok([&**r.padded(self.half)?, &**s.padded(self.half)?].concat())
    }

    /// Whether this is a signature of the digest; it has [`Self::signature_len`].
    pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<bool> {
        let (r, s) = signature
            .split_at_checked(self.half)
            .ok_or(Error::SignatureLenRange)?;
        let (r, s) = (Number::read(r)?, Number::read(s)?);
        // SAFETY: takes nothing and gives a new signature or NULL.
        let held = Signature(NonNull::new(unsafe { DSA_SIG_new() }).ok_or(Error::HostMemory)?);
        // SAFETY: the signature lives and takes both numbers over, neither of which is NULL; the key lives; a slice's
        // pointer and length.
        let verdict = unsafe {
            DSA_SIG_set0(held.0.as_ptr(), r.into_raw(), s.into_raw());
            DSA_do_verify(digest.as_ptr(), digest.len(), held.0.as_ptr(), self.key.as_ptr())
        };
        forget_errors();
        Ok(verdict == 1)
    }

    fn empty(half: usize) -> Result<Self> {
        // SAFETY: takes nothing and gives a new key or NULL.
        let key = NonNull::new(unsafe { DSA_new() }).ok_or(Error::HostMemory)?;
        Ok(Self { key, half })
    }
}

impl Drop for DsaKey {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { DSA_free(self.key.as_ptr()) };
    }
}

/// A signature of the library's.
struct Signature(NonNull<DSA_SIG>);

impl Drop for Signature {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone.
        unsafe { DSA_SIG_free(self.0.as_ptr()) };
    }
}

/// Parameters that were looked at.
struct Numbers {
    prime: Number,
    subprime: Number,
    base: Number,
}

impl Numbers {
    /// Sizes as FIPS 186-4, 4.2 has them, but for the prime, which may have any between; q divides p - 1, and g has
    /// the order q. Whether p and q are primes is for whoever made them.
    fn read(parameters: &DsaParameters<'_>) -> Result<Self> {
        let longest = *DsaKey::PRIME_BITS.end() as usize / 8;
        if [parameters.prime, parameters.subprime, parameters.base]
            .iter()
            .any(|number| number.len() > longest)
        {
            return Err(Error::KeySizeRange);
        }
        let numbers = Self {
            prime: Number::read(parameters.prime)?,
            subprime: Number::read(parameters.subprime)?,
            base: Number::read(parameters.base)?,
        };
        if !DsaKey::PRIME_BITS.contains(&numbers.prime.bits())
            || !matches!(numbers.subprime.bits(), 160 | 224 | 256)
        {
            return Err(Error::KeySizeRange);
        }
        let belong_together = numbers.belong_together();
        forget_errors();
        if belong_together? {
            Ok(numbers)
        } else {
            Err(Error::AttributeValueInvalid)
        }
    }

    fn belong_together(&self) -> Result<bool> {
        if !self.prime.is_odd() || !self.subprime.is_odd() || !self.prime.is_above(&self.base) {
            return Ok(false);
        }
        let work = Work::new()?;
        Ok(self.base.bits() > 1
            && work.remainder(&self.prime, &self.subprime)?.is_one()
            && work.power(&self.base, &self.subprime, &self.prime)?.is_one())
    }

    fn private(&self, value: &[u8]) -> Result<Number> {
        let value = Number::read(value)?;
        if value.bits() == 0 || !self.subprime.is_above(&value) {
            return Err(Error::AttributeValueInvalid);
        }
        Ok(value)
    }

    fn public_of(&self, value: &Number) -> Result<Number> {
        Work::new()?.power(&self.base, value, &self.prime)
    }

    /// A key with these values, public and private, if it has any yet: the library takes no private one alone.
    fn key(self, values: Option<(Number, Option<Number>)>) -> Result<DsaKey> {
        let half = self.subprime.bits().div_ceil(8) as usize;
        let key = DsaKey::empty(half)?;
        let place = key.key.as_ptr();
        // SAFETY: the key lives and takes over all numbers, none of which is NULL.
        unsafe {
            DSA_set0_pqg(
                place,
                self.prime.into_raw(),
                self.subprime.into_raw(),
                self.base.into_raw(),
            )
        };
        if let Some((public, private)) = values {
            let private = private.map_or(null_mut(), Number::into_raw);
            // SAFETY: likewise; NULL stands for no private value.
            unsafe { DSA_set0_key(place, public.into_raw(), private) };
        }
        Ok(key)
    }
}
