//! Elliptic curves over prime fields (FIPS 186-5).

use std::ffi::c_int;
use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys::*;
use zeroize::Zeroizing;

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

    /// Takes a point as SEC 1, 2.3.3 writes it, compressed or not; the library checks that it is on the curve.
    pub(crate) fn public(curve: Curve, point: &[u8]) -> Result<Self> {
        let key = Self::empty(curve)?;
        let point = key.point(point)?;
        // SAFETY: both live; the key takes a copy of the point.
        let taken = unsafe {
            EC_KEY_set_public_key(key.0.as_ptr(), point.0.as_ptr()) == 1
                && EC_KEY_check_key(key.0.as_ptr()) == 1
        };
        key.accepted(c_int::from(taken))
    }

    /// A new key pair: the private scalar, as long as a field element, and the uncompressed point.
    pub(crate) fn generate(curve: Curve) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
        let key = Self::empty(curve)?;
        let mut scalar = Zeroizing::new(vec![0; curve.field_len()]);
        let mut point = vec![0; curve.point_len()];
        // SAFETY: the key lives, and with it the parts of it that are asked for after it is made; the places
        // give their own lengths.
        let made = unsafe {
            let key = key.0.as_ptr();
            EC_KEY_generate_key(key) == 1
                && BN_bn2bin_padded(scalar.as_mut_ptr(), scalar.len(), EC_KEY_get0_private_key(key)) == 1
                && EC_POINT_point2oct(
                    EC_KEY_get0_group(key),
                    EC_KEY_get0_public_key(key),
                    point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                    point.as_mut_ptr(),
                    point.len(),
                    null_mut(),
                ) == point.len()
        };
        if made {
            return Ok((scalar, point));
        }
        forget_errors();
        Err(Error::FunctionFailed)
    }

    /// The uncompressed point of a private key (SEC 1, 2.3.3 and 3.2.1).
    pub(crate) fn own_point(&self, curve: Curve) -> Result<Vec<u8>> {
        let mut encoded = vec![0; curve.point_len()];
        // SAFETY: the key lives, and so its group.
        let group = unsafe { EC_KEY_get0_group(self.0.as_ptr()) };
        // SAFETY: the group lives; a new point or NULL.
        let point = NonNull::new(unsafe { EC_POINT_new(group) }).map(Point);
        let point = point.ok_or(Error::HostMemory)?;
        // SAFETY: all live; NULL stands for no second point and no room of ours; the place gives its own length.
        let made = unsafe {
            let scalar = EC_KEY_get0_private_key(self.0.as_ptr());
            !scalar.is_null()
                && EC_POINT_mul(group, point.0.as_ptr(), scalar, null(), null(), null_mut()) == 1
                && EC_POINT_point2oct(
                    group,
                    point.0.as_ptr(),
                    point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                    encoded.as_mut_ptr(),
                    encoded.len(),
                    null_mut(),
                ) == encoded.len()
        };
        if made {
            return Ok(encoded);
        }
        forget_errors();
        Err(Error::FunctionFailed)
    }

    /// The x coordinate of this private scalar times somebody's point (SEC 1, 3.3.1), as long as a field element.
    /// A point that is not on the curve is `CKR_ATTRIBUTE_VALUE_INVALID`.
    pub(crate) fn agree(&self, curve: Curve, point: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let point = self.point(point)?;
        let mut secret = Zeroizing::new(vec![0; curve.field_len()]);
        // SAFETY: key and point live; the place gives its own length; no function is called on the secret.
        let written = unsafe {
            ECDH_compute_key(
                secret.as_mut_ptr().cast(),
                secret.len(),
                point.0.as_ptr(),
                self.0.as_ptr(),
                None,
            )
        };
        if usize::try_from(written) == Ok(secret.len()) {
            return Ok(secret);
        }
        forget_errors();
        Err(Error::FunctionFailed)
    }

    /// A point of the key's curve.
    fn point(&self, encoded: &[u8]) -> Result<Point> {
        // SAFETY: the key lives, and so its group.
        let group = unsafe { EC_KEY_get0_group(self.0.as_ptr()) };
        // SAFETY: the group lives; a new point or NULL.
        let point = NonNull::new(unsafe { EC_POINT_new(group) }).map(Point);
        let point = point.ok_or(Error::HostMemory)?;
        // SAFETY: both live; a slice's pointer and length.
        let read = unsafe {
            EC_POINT_oct2point(
                group,
                point.0.as_ptr(),
                encoded.as_ptr(),
                encoded.len(),
                null_mut(),
            )
        };
        if read == 1 {
            return Ok(point);
        }
        forget_errors();
        Err(Error::AttributeValueInvalid)
    }

    fn empty(curve: Curve) -> Result<Self> {
        let identifier = match curve {
            Curve::P224 => NID_secp224r1,
            Curve::P256 => NID_X9_62_prime256v1,
            Curve::P384 => NID_secp384r1,
            Curve::P521 => NID_secp521r1,
            Curve::Secp256k1 => NID_secp256k1,
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

/// A point of a curve.
struct Point(NonNull<EC_POINT>);

impl Drop for Point {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone.
        unsafe { EC_POINT_free(self.0.as_ptr()) };
    }
}
