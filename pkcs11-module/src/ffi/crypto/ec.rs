//! Elliptic curves over prime fields (FIPS 186-5).

use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::*;

use super::forget_errors;
use crate::error::{Error, Result};
use crate::mechanism::Curve;

/// An elliptic-curve key, private or public, ready for use.
pub(crate) struct EcKey(NonNull<EC_KEY>);

// SAFETY: the library only reads a key while it signs or verifies; nothing here changes it once it is made.
unsafe impl Send for EcKey {}
// SAFETY: likewise.
unsafe impl Sync for EcKey {}

impl EcKey {
    /// Takes a private scalar, big-endian, 1 ≤ d < n.
    pub(crate) fn private(curve: Curve, scalar: &[u8]) -> Result<Self> {
        let key = Self::empty(curve)?;
        // SAFETY: a slice's pointer and length; NULL asks for a new number.
        let number = unsafe { BN_bin2bn(scalar.as_ptr(), scalar.len(), null_mut()) };
        if number.is_null() {
            return Err(Error::HostMemory);
        }
        // SAFETY: both live, and the key takes a copy of the number, which is wiped and freed here.
        let taken = unsafe {
            let taken = EC_KEY_set_private_key(key.0.as_ptr(), number);
            BN_clear_free(number);
            taken
        };
        key.accepted(taken)
    }

    /// Takes a point as SEC 1, 2.3.3 writes it; the library checks that it is on the curve.
    pub(crate) fn public(curve: Curve, point: &[u8]) -> Result<Self> {
        let key = Self::empty(curve)?;
        // SAFETY: the key and so its group live to the end of this function; the new point is checked and freed
        // here; the key takes a copy of it; a slice's pointer and length.
        let taken = unsafe {
            let group = EC_KEY_get0_group(key.0.as_ptr());
            let place = EC_POINT_new(group);
            if place.is_null() {
                return Err(Error::HostMemory);
            }
            let taken = EC_POINT_oct2point(group, place, point.as_ptr(), point.len(), null_mut()) == 1
                && EC_KEY_set_public_key(key.0.as_ptr(), place) == 1
                && EC_KEY_check_key(key.0.as_ptr()) == 1;
            EC_POINT_free(place);
            c_int::from(taken)
        };
        key.accepted(taken)
    }

    fn empty(curve: Curve) -> Result<Self> {
        let identifier = match curve {
            Curve::P256 => NID_X9_62_prime256v1,
            Curve::P384 => NID_secp384r1,
        };
        // SAFETY: takes a number and gives a new key or NULL.
        NonNull::new(unsafe { EC_KEY_new_by_curve_name(identifier) })
            .map(Self)
            .ok_or(Error::HostMemory)
    }

    fn accepted(self, taken: c_int) -> Result<Self> {
        if taken == 1 {
            return Ok(self);
        }
        forget_errors();
        Err(Error::AttributeValueInvalid)
    }

    /// Signs a digest by ECDSA (FIPS 186-5, 6.4), of which the leftmost bits count; gives `ECDSA-Sig-Value` DER.
    pub(crate) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>> {
        // SAFETY: the key lives.
        let mut out = vec![0; unsafe { ECDSA_size(self.0.as_ptr()) }];
        let mut length = 0;
        // SAFETY: the key lives; `out` has the length that the library asks for.
        let signed = unsafe {
            ECDSA_sign(
                0,
                digest.as_ptr(),
                digest.len(),
                out.as_mut_ptr(),
                &raw mut length,
                self.0.as_ptr(),
            )
        };
        if signed != 1 {
            forget_errors();
            return Err(Error::FunctionFailed);
        }
        out.truncate(length as usize);
        Ok(out)
    }

    /// Whether this is an ECDSA signature (`ECDSA-Sig-Value` DER) of the digest.
    pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> bool {
        // SAFETY: the key lives; the slices give their own pointers and lengths.
        let verdict = unsafe {
            ECDSA_verify(
                0,
                digest.as_ptr(),
                digest.len(),
                signature.as_ptr(),
                signature.len(),
                self.0.as_ptr(),
            )
        };
        forget_errors();
        verdict == 1
    }
}

impl Drop for EcKey {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { EC_KEY_free(self.0.as_ptr()) };
    }
}
