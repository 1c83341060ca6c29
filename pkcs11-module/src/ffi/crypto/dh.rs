//! Diffie-Hellman over integers (PKCS #3; NIST SP 800-56A): for programs that have it. Nobody needs it for anything new.

use std::ops::RangeInclusive;
use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::forget_errors;
use super::number::{Number, Work};
use crate::error::{Error, Result};

/// The generator of the groups that are made here; in all of them it has a large order.
const GENERATOR: u8 = 2;

/// The numbers that both sides share, big-endian.
pub(crate) struct DhParameters<'a> {
    pub(crate) prime: &'a [u8],
    pub(crate) base: &'a [u8],
}

impl DhParameters<'_> {
    /// Whether they can be a group's: `CKR_KEY_SIZE_RANGE` or `CKR_ATTRIBUTE_VALUE_INVALID` if not.
    pub(crate) fn check(&self) -> Result<()> {
        DhKey::empty(self).map(drop)
    }
}

/// A private Diffie-Hellman key, ready for use.
pub(crate) struct DhKey(NonNull<DH>);

// SAFETY: the library only reads a key while it agrees on a secret, but for its Montgomery values, which have a lock of
// their own; nothing here changes it once it is made.
unsafe impl Send for DhKey {}
// SAFETY: likewise.
unsafe impl Sync for DhKey {}

impl DhKey {
    /// The sizes of the prime, in bits.
    pub(crate) const PRIME_BITS: RangeInclusive<u32> = 512..=8192;

    /// Takes x, 0 < x < p - 1.
    pub(crate) fn private(parameters: &DhParameters<'_>, value: &[u8]) -> Result<Self> {
        let (key, prime) = Self::empty(parameters)?;
        let value = private_value(&prime, value)?;
        // SAFETY: the key lives and takes the number over; NULL leaves its public value out.
        unsafe { DH_set0_key(key.0.as_ptr(), null_mut(), value.into_raw()) };
        Ok(key)
    }

    /// Looks at a public value, 1 < y < p - 1 (SP 800-56A, 5.6.2.3.2).
    pub(crate) fn check_public(parameters: &DhParameters<'_>, value: &[u8]) -> Result<()> {
        let (key, _) = Self::empty(parameters)?;
        key.peer(value).map(drop)
    }

    /// A new key pair: x, of so many bits at most where that is said, and y.
    pub(crate) fn generate(
        parameters: &DhParameters<'_>,
        bits: Option<u32>,
    ) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
        let (key, _) = Self::empty(parameters)?;
        let (mut public, mut private) = (null(), null());
        // SAFETY: the key lives, and with it the numbers that it is asked for, which are copied.
        unsafe {
            DH_set_length(key.0.as_ptr(), bits.unwrap_or(0));
            if DH_generate_key(key.0.as_ptr()) != 1 {
                forget_errors();
                return Err(Error::FunctionFailed);
            }
            DH_get0_key(key.0.as_ptr(), &raw mut public, &raw mut private);
            let private = Number::copy_of(private)?.bytes();
            Ok((private, Number::copy_of(public)?.bytes().to_vec()))
        }
    }

    /// Parameters with a prime of so many bits: p and g. From 1536 bits on it is that of RFC 3526, most of which NIST
    /// approves (SP 800-56A, appendix D) and which would take minutes to find the like of; up to 1024, where one prime
    /// that everybody uses is worth a precomputation, one that is made now.
    pub(crate) fn generate_parameters(bits: u32) -> Result<[Vec<u8>; 2]> {
        let known = match bits {
            1536 => Some(BN_get_rfc3526_prime_1536 as unsafe extern "C" fn(*mut BIGNUM) -> *mut BIGNUM),
            2048 => Some(BN_get_rfc3526_prime_2048 as _),
            3072 => Some(BN_get_rfc3526_prime_3072 as _),
            4096 => Some(BN_get_rfc3526_prime_4096 as _),
            512..=1024 if bits.is_multiple_of(64) => None,
            _ => return Err(Error::KeySizeRange),
        };
        let prime = if let Some(known) = known {
            let prime = Number::new()?;
            // SAFETY: the number lives and is filled.
            if unsafe { known(prime.as_ptr()) }.is_null() {
                return Err(Error::HostMemory);
            }
            prime
        } else {
            safe_prime(bits)?
        };
        Ok([prime.bytes().to_vec(), vec![GENERATOR]])
    }

    /// The public value that belongs to a private one.
    pub(crate) fn public_of(parameters: &DhParameters<'_>, value: &[u8]) -> Result<Vec<u8>> {
        let (_, prime) = Self::empty(parameters)?;
        let value = private_value(&prime, value)?;
        let public = Work::new()?.power(&Number::read(parameters.base)?, &value, &prime)?;
        Ok(public.bytes().to_vec())
    }

    /// The secret that both sides find (PKCS #3, section 8), as long as the prime. A value that is none of the group's
    /// is `CKR_ATTRIBUTE_VALUE_INVALID`.
    pub(crate) fn agree(&self, public: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let peer = self.peer(public)?;
        // SAFETY: the key lives.
        let mut secret = Zeroizing::new(vec![0; unsafe { DH_size(self.0.as_ptr()) } as usize]);
        // SAFETY: key and number live; there is room for as many bytes as the prime has.
        let written = unsafe { DH_compute_key_padded(secret.as_mut_ptr(), peer.as_ptr(), self.0.as_ptr()) };
        if usize::try_from(written) == Ok(secret.len()) {
            return Ok(secret);
        }
        forget_errors();
        Err(Error::AttributeValueInvalid)
    }

    fn peer(&self, value: &[u8]) -> Result<Number> {
        if value.len() > *Self::PRIME_BITS.end() as usize / 8 {
            return Err(Error::AttributeValueInvalid);
        }
        let value = Number::read(value)?;
        let mut faults = 0;
        // SAFETY: key and number live.
        let looked = unsafe { DH_check_pub_key(self.0.as_ptr(), value.as_ptr(), &raw mut faults) };
        if (looked, faults) == (1, 0) {
            return Ok(value);
        }
        forget_errors();
        Err(Error::AttributeValueInvalid)
    }

    /// A key without values, and its prime. Whether that is one is for whoever made it.
    fn empty(parameters: &DhParameters<'_>) -> Result<(Self, Number)> {
        let longest = *Self::PRIME_BITS.end() as usize / 8;
        if parameters.prime.len() > longest || parameters.base.len() > longest {
            return Err(Error::KeySizeRange);
        }
        let prime = Number::read(parameters.prime)?;
        let base = Number::read(parameters.base)?;
        if !Self::PRIME_BITS.contains(&prime.bits()) {
            return Err(Error::KeySizeRange);
        }
        if !prime.is_odd() || base.bits() < 2 || !prime.less_one()?.is_above(&base) {
            return Err(Error::AttributeValueInvalid);
        }
        // SAFETY: takes nothing and gives a new key or NULL.
        let key = Self(NonNull::new(unsafe { DH_new() }).ok_or(Error::HostMemory)?);
        // SAFETY: the key lives and takes both numbers over, neither of which is NULL; NULL stands for no subgroup.
        unsafe {
            DH_set0_pqg(
                key.0.as_ptr(),
                Number::read(parameters.prime)?.into_raw(),
                null_mut(),
                base.into_raw(),
            )
        };
        Ok((key, prime))
    }
}

impl Drop for DhKey {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { DH_free(self.0.as_ptr()) };
    }
}

fn private_value(prime: &Number, value: &[u8]) -> Result<Number> {
    let value = Number::read(value)?;
    if value.bits() == 0 || !prime.less_one()?.is_above(&value) {
        return Err(Error::AttributeValueInvalid);
    }
    Ok(value)
}

/// A prime p of which (p - 1) / 2 is one, too.
fn safe_prime(bits: u32) -> Result<Number> {
    // SAFETY: takes nothing and gives a new key or NULL.
    let key = DhKey(NonNull::new(unsafe { DH_new() }).ok_or(Error::HostMemory)?);
    let mut prime = null();
    // SAFETY: the key lives, and with it the number that it is asked for, which is copied; NULL stands for nobody who
    // watches, and for what nobody wants.
    unsafe {
        let place = key.0.as_ptr();
        if DH_generate_parameters_ex(place, bits as i32, GENERATOR.into(), null_mut()) != 1 {
            forget_errors();
            return Err(Error::FunctionFailed);
        }
        DH_get0_pqg(place, &raw mut prime, null_mut(), null_mut());
        Number::copy_of(prime)
    }
}
