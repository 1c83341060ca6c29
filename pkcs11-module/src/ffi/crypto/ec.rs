//! Elliptic curves over prime fields (FIPS 186-5).

use std::ffi::c_int;
use std::ptr::{NonNull, null, null_mut};
use std::sync::OnceLock;

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::forget_errors;
use super::number::Number;
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
        let group = Group::of(curve)?;
        // SAFETY: takes nothing and gives a new key or NULL.
        let key = Self(NonNull::new(unsafe { EC_KEY_new() }).ok_or(Error::HostMemory)?);
        // SAFETY: both live, and the key keeps the group or a copy of it.
        if unsafe { EC_KEY_set_group(key.0.as_ptr(), group.as_ptr()) } == 1 {
            return Ok(key);
        }
        forget_errors();
        Err(Error::HostMemory)
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

/// A curve of the library's, which lives as long as the process.
#[derive(Clone, Copy)]
struct Group(NonNull<EC_GROUP>);

// SAFETY: nothing changes a group once it is made.
unsafe impl Send for Group {}
// SAFETY: likewise.
unsafe impl Sync for Group {}

impl Group {
    fn of(curve: Curve) -> Result<Self> {
        let identifier = match curve {
            Curve::P192 => return Self::p192(),
            Curve::P224 => NID_secp224r1,
            Curve::P256 => NID_X9_62_prime256v1,
            Curve::P384 => NID_secp384r1,
            Curve::P521 => NID_secp521r1,
            Curve::Secp256k1 => NID_secp256k1,
        };
        // SAFETY: takes a number and gives a static group or NULL.
        let group = NonNull::new(unsafe { EC_GROUP_new_by_curve_name(identifier) });
        group.map(Self).ok_or(Error::HostMemory)
    }

    fn as_ptr(self) -> *mut EC_GROUP {
        self.0.as_ptr()
    }

    /// The one curve that the library does not know by name.
    fn p192() -> Result<Self> {
        static P192: OnceLock<Group> = OnceLock::new();
        if let Some(group) = P192.get() {
            return Ok(*group);
        }
        let group = Self::from_equation(&Equation::p192())?;
        // Two threads may have made it at once; both are right, and one stays for ever.
        Ok(*P192.get_or_init(|| group))
    }

    fn from_equation(equation: &Equation) -> Result<Self> {
        let [prime, a, b, order] =
            [&equation.prime, &equation.a, &equation.b, &equation.order].map(|number| Number::read(number));
        let (prime, a, b, order) = (prime?, a?, b?, order?);
        // SAFETY: all numbers live; NULL asks for room of the library's.
        let group = unsafe { EC_GROUP_new_curve_GFp(prime.as_ptr(), a.as_ptr(), b.as_ptr(), null_mut()) };
        let group = Self(NonNull::new(group).ok_or(Error::HostMemory)?);
        // SAFETY: the group lives; a new point or NULL.
        let base = NonNull::new(unsafe { EC_POINT_new(group.as_ptr()) }).map(Point);
        let base = base.ok_or(Error::HostMemory)?;
        // SAFETY: all live; a slice's pointer and length; the cofactor is one, which is a number of the library's.
        let made = unsafe {
            EC_POINT_oct2point(
                group.as_ptr(),
                base.0.as_ptr(),
                equation.base.as_ptr(),
                equation.base.len(),
                null_mut(),
            ) == 1
                && EC_GROUP_set_generator(group.as_ptr(), base.0.as_ptr(), order.as_ptr(), BN_value_one())
                    == 1
        };
        if made {
            return Ok(group);
        }
        forget_errors();
        Err(Error::FunctionFailed)
    }
}

/// What a curve of cofactor one is (SEC 1, 3.1.1.1): y² = x³ + ax + b modulo the prime, and a point with the order of
/// the curve; big-endian, without leading zeros, the point uncompressed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Equation {
    pub(crate) prime: Vec<u8>,
    pub(crate) a: Vec<u8>,
    pub(crate) b: Vec<u8>,
    pub(crate) base: Vec<u8>,
    pub(crate) order: Vec<u8>,
}

impl Equation {
    /// That of a curve, as the library has it.
    pub(crate) fn of(curve: Curve) -> Result<Self> {
        if curve == Curve::P192 {
            return Ok(Self::p192());
        }
        let group = Group::of(curve)?.as_ptr();
        let (prime, a, b) = (Number::new()?, Number::new()?, Number::new()?);
        let mut base = vec![0; curve.point_len()];
        // SAFETY: the group lives, and with it its point and order, which is copied; the numbers live; NULL asks for
        // room of the library's; the place gives its own length.
        let order = unsafe {
            let told = EC_GROUP_get_curve_GFp(group, prime.as_ptr(), a.as_ptr(), b.as_ptr(), null_mut()) == 1
                && EC_POINT_point2oct(
                    group,
                    EC_GROUP_get0_generator(group),
                    point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                    base.as_mut_ptr(),
                    base.len(),
                    null_mut(),
                ) == base.len();
            if !told {
                forget_errors();
                return Err(Error::FunctionFailed);
            }
            Number::copy_of(EC_GROUP_get0_order(group))?
        };
        let [prime, a, b, order] = [prime, a, b, order].map(|number| number.bytes().to_vec());
        Ok(Self {
            prime,
            a,
            b,
            base,
            order,
        })
    }

    /// FIPS 186-4, D.1.2.1.
    fn p192() -> Self {
        const PRIME: u128 = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe;
        let number = |high: u128, low: u64| [&high.to_be_bytes()[..], &low.to_be_bytes()].concat();
        let base = [
            vec![4],
            number(0x188d_a80e_b030_90f6_7cbf_20eb_43a1_8800, 0xf4ff_0afd_82ff_1012),
            number(0x0719_2b95_ffc8_da78_6310_11ed_6b24_cdd5, 0x73f9_77a1_1e79_4811),
        ];
        Self {
            prime: number(PRIME, u64::MAX),
            a: number(PRIME, u64::MAX - 3),
            b: number(0x6421_0519_e59c_80e7_0fa7_e9ab_7224_3049, 0xfeb8_deec_c146_b9b1),
            base: base.concat(),
            order: number(0xffff_ffff_ffff_ffff_ffff_ffff_99de_f836, 0x146b_c9b1_b4d2_2831),
        }
    }
}
