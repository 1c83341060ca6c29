//! The numbers of an RSA key that follow from the others (RFC 8017, 3.2; NIST SP 800-56B, appendix C).

use zeroize::Zeroizing;

use super::number::{Number, Work};
use super::{RsaKey, forget_errors};
use crate::error::{Error, Result};

/// How many bases are tried; each finds the primes with a probability of at least one half.
const BASES: u64 = 128;

/// Public exponents that an import without one may have: F4, and those of old.
const EXPONENTS: [u64; 3] = [65537, 3, 17];

/// What `CKA_PUBLIC_EXPONENT`, `CKA_PRIME_1` to `CKA_COEFFICIENT` hold, big-endian.
pub(crate) struct RsaNumbers {
    pub(crate) public_exponent: Vec<u8>,
    pub(crate) primes: [Zeroizing<Vec<u8>>; 2],
    /// The private exponent modulo each prime less one.
    pub(crate) exponents: [Zeroizing<Vec<u8>>; 2],
    /// The second prime's inverse modulo the first.
    pub(crate) coefficient: Zeroizing<Vec<u8>>,
}

impl RsaNumbers {
    /// Finds them from the modulus and the private exponent; also the public exponent if it is one of the usual. Either
    /// prime may be called the first: with the larger one in front, and with the smaller one.
    /// Numbers that belong to no key are `CKR_ATTRIBUTE_VALUE_INVALID`.
    pub(crate) fn recover(modulus: &[u8], private: &[u8], public: Option<&[u8]>) -> Result<[Self; 2]> {
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

fn find(modulus: &[u8], private: &[u8], public: Option<&[u8]>) -> Result<[RsaNumbers; 2]> {
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
            let [larger, smaller] = if factor.is_above(&other) {
                [factor, other]
            } else {
                [other, factor]
            };
            return Ok([
                work.numbers([&larger, &smaller], &private, &public)?,
                work.numbers([&smaller, &larger], &private, &public)?,
            ]);
        }
    }
    Err(Error::AttributeValueInvalid)
}

impl Work {
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

    fn numbers(&self, primes: [&Number; 2], private: &Number, public: &Number) -> Result<RsaNumbers> {
        let [first, second] = primes;
        let exponents = [
            self.remainder(private, &first.less_one()?)?.bytes(),
            self.remainder(private, &second.less_one()?)?.bytes(),
        ];
        Ok(RsaNumbers {
            public_exponent: public.bytes().to_vec(),
            coefficient: self.inverse(second, first)?.bytes(),
            primes: [first.bytes(), second.bytes()],
            exponents,
        })
    }
}
