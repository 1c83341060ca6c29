//! The numbers of an RSA key that follow from the others (RFC 8017, 3.2; NIST SP 800-56B, appendix C).

use std::ptr::{NonNull, null};

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::{RsaKey, forget_errors};
use crate::error::{Error, Result};

/// How many bases are tried; each finds the primes with a probability of at least one half.
const BASES: u64 = 128;

/// Public exponents that an import without one may have: F4, and those of old.
const EXPONENTS: [u64; 3] = [65537, 3, 17];

/// What `CKA_PUBLIC_EXPONENT`, `CKA_PRIME_1` to `CKA_COEFFICIENT` hold, big-endian.
pub(crate) struct RsaNumbers {
    pub(crate) public_exponent: Vec<u8>,
    /// The larger prime comes first.
    pub(crate) primes: [Zeroizing<Vec<u8>>; 2],
    /// The private exponent modulo each prime less one.
    pub(crate) exponents: [Zeroizing<Vec<u8>>; 2],
    /// The second prime's inverse modulo the first.
    pub(crate) coefficient: Zeroizing<Vec<u8>>,
}

impl RsaNumbers {
    /// Finds them from the modulus and the private exponent; also the public exponent if it is one of the usual.
    /// Numbers that belong to no key are `CKR_ATTRIBUTE_VALUE_INVALID`.
    pub(crate) fn recover(modulus: &[u8], private: &[u8], public: Option<&[u8]>) -> Result<Self> {
        let longest = RsaKey::MAX_BITS as usize / 8;
        if [modulus, private, public.unwrap_or_default()]
            .iter()
            .any(|number| number.len() > longest)
        {
            return Err(Error::KeySizeRange);
        }
        let found = find(modulus, private, public);
        forget_errors();
        found
    }
}

fn find(modulus: &[u8], private: &[u8], public: Option<&[u8]>) -> Result<RsaNumbers> {
    let work = Work::new()?;
    let (modulus, private) = (Number::read(modulus)?, Number::read(private)?);
    if !modulus.is_odd() {
        return Err(Error::AttributeValueInvalid);
    }
    let candidates = match public {
        Some(public) => vec![Number::read(public)?],
        None => EXPONENTS
            .into_iter()
            .map(Number::small)
            .collect::<Result<Vec<_>>>()?,
    };
    for public in candidates {
        if let Some(factor) = work.factor(&modulus, &private, &public)? {
            let other = work.quotient(&modulus, &factor)?;
            let primes = if factor.is_above(&other) {
                [factor, other]
            } else {
                [other, factor]
            };
            return work.numbers(primes, &private, &public);
        }
    }
    Err(Error::AttributeValueInvalid)
}

/// A number that is wiped when it is dropped.
struct Number(NonNull<BIGNUM>);

impl Number {
    fn new() -> Result<Self> {
        // SAFETY: takes nothing and gives a new number or NULL.
        NonNull::new(unsafe { BN_new() })
            .map(Self)
            .ok_or(Error::HostMemory)
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let number = Self::new()?;
        // SAFETY: a slice's pointer and length, and a number that lives.
        let read = unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len(), number.0.as_ptr()) };
        NonNull::new(read).map(|_| number).ok_or(Error::HostMemory)
    }

    fn small(value: u64) -> Result<Self> {
        Self::read(&value.to_be_bytes())
    }

    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        // SAFETY: the number lives, and the buffer has as many bytes as the library says it needs.
        unsafe {
            let mut bytes = Zeroizing::new(vec![0; BN_num_bytes(self.0.as_ptr()) as usize]);
            BN_bn2bin(self.0.as_ptr(), bytes.as_mut_ptr());
            bytes
        }
    }

    fn is_odd(&self) -> bool {
        // SAFETY: the number lives.
        unsafe { BN_is_odd(self.0.as_ptr()) == 1 }
    }

    fn is_one(&self) -> bool {
        // SAFETY: the number lives.
        unsafe { BN_is_one(self.0.as_ptr()) == 1 }
    }

    fn is_above(&self, other: &Self) -> bool {
        // SAFETY: both live.
        unsafe { BN_cmp(self.0.as_ptr(), other.0.as_ptr()) > 0 }
    }

    /// The number less one; it is not zero.
    fn less_one(&self) -> Result<Self> {
        let number = Self::new()?;
        // SAFETY: both live.
        let done = unsafe {
            !BN_copy(number.0.as_ptr(), self.0.as_ptr()).is_null() && BN_sub_word(number.0.as_ptr(), 1) == 1
        };
        done.then_some(number).ok_or(Error::HostMemory)
    }

    /// The number without its factors of two, and how many they are.
    fn odd_part(&self) -> Result<(Self, i32)> {
        let number = Self::new()?;
        // SAFETY: both live.
        let (twos, done) = unsafe {
            let twos = BN_count_low_zero_bits(self.0.as_ptr());
            (twos, BN_rshift(number.0.as_ptr(), self.0.as_ptr(), twos))
        };
        (done == 1).then_some((number, twos)).ok_or(Error::HostMemory)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone.
        unsafe { BN_clear_free(self.0.as_ptr()) };
    }
}

/// Room for the library's intermediate results.
struct Work(NonNull<BN_CTX>);

impl Work {
    fn new() -> Result<Self> {
        // SAFETY: takes nothing and gives a new context or NULL.
        NonNull::new(unsafe { BN_CTX_new() })
            .map(Self)
            .ok_or(Error::HostMemory)
    }

    /// Runs one calculation into a new number. It fails for numbers that are no key's: an even modulus, a zero.
    fn calculate(&self, calculation: impl FnOnce(*mut BIGNUM, *mut BN_CTX) -> i32) -> Result<Number> {
        let number = Number::new()?;
        let done = calculation(number.0.as_ptr(), self.0.as_ptr());
        (done == 1).then_some(number).ok_or(Error::AttributeValueInvalid)
    }

    fn product(&self, a: &Number, b: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call.
        self.calculate(|out, work| unsafe { BN_mul(out, a.0.as_ptr(), b.0.as_ptr(), work) })
    }

    fn quotient(&self, a: &Number, b: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call; NULL asks for no remainder.
        self.calculate(|out, work| unsafe {
            BN_div(out, std::ptr::null_mut(), a.0.as_ptr(), b.0.as_ptr(), work)
        })
    }

    fn remainder(&self, a: &Number, b: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call; NULL asks for no quotient.
        self.calculate(|out, work| unsafe {
            BN_div(std::ptr::null_mut(), out, a.0.as_ptr(), b.0.as_ptr(), work)
        })
    }

    fn square(&self, a: &Number, modulus: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call.
        self.calculate(|out, work| unsafe { BN_mod_sqr(out, a.0.as_ptr(), modulus.0.as_ptr(), work) })
    }

    fn power(&self, base: &Number, exponent: &Number, modulus: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call; NULL lets the library make its own Montgomery values.
        self.calculate(|out, work| unsafe {
            BN_mod_exp_mont_consttime(
                out,
                base.0.as_ptr(),
                exponent.0.as_ptr(),
                modulus.0.as_ptr(),
                work,
                null(),
            )
        })
    }

    fn common_divisor(&self, a: &Number, b: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call.
        self.calculate(|out, work| unsafe { BN_gcd(out, a.0.as_ptr(), b.0.as_ptr(), work) })
    }

    fn inverse(&self, a: &Number, modulus: &Number) -> Result<Number> {
        // SAFETY: all numbers live during the call.
        self.calculate(|out, work| unsafe {
            i32::from(!BN_mod_inverse(out, a.0.as_ptr(), modulus.0.as_ptr(), work).is_null())
        })
    }

    /// A prime of the modulus: e·d − 1 is a multiple of the order of every base, so half of them give a square root
    /// of one that is neither one nor its negative, and shares a factor with the modulus.
    fn factor(&self, modulus: &Number, private: &Number, public: &Number) -> Result<Option<Number>> {
        let multiple = self.product(private, public)?;
        if !multiple.is_odd() || multiple.is_one() {
            return Ok(None);
        }
        let (odd, twos) = multiple.less_one()?.odd_part()?;
        for base in 2..2 + BASES {
            let mut root = self.power(&Number::small(base)?, &odd, modulus)?;
            let mut reached_one = root.is_one();
            for _ in 0..twos {
                let square = self.square(&root, modulus)?;
                if square.is_one() {
                    reached_one = true;
                    break;
                }
                root = square;
            }
            if !reached_one {
                // The order of this base does not divide the multiple: the exponents are not each other's.
                return Ok(None);
            }
            // Zero, where the root is one, shares the whole modulus.
            let factor = self.common_divisor(&root.less_one()?, modulus)?;
            if !factor.is_one() && modulus.is_above(&factor) {
                return Ok(Some(factor));
            }
        }
        Ok(None)
    }

    fn numbers(&self, [first, second]: [Number; 2], private: &Number, public: &Number) -> Result<RsaNumbers> {
        let exponents = [
            self.remainder(private, &first.less_one()?)?.bytes(),
            self.remainder(private, &second.less_one()?)?.bytes(),
        ];
        Ok(RsaNumbers {
            public_exponent: public.bytes().to_vec(),
            coefficient: self.inverse(&second, &first)?.bytes(),
            primes: [first.bytes(), second.bytes()],
            exponents,
        })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone.
        unsafe { BN_CTX_free(self.0.as_ptr()) };
    }
}
