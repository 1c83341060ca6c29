//! What keys want beyond the tables: one form of each value, sizes, and what the token computes (sections 4.8 to
//! 4.10, 6.1, 6.3).

use cryptoki_sys::*;
use der::Encode;
use der::asn1::OctetString;

use super::{Draft, Origin, public_key_info};
use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::ffi::crypto::RsaNumbers;
use crate::key::FiniteField;
use crate::mechanism::{Curve, Edwards, Montgomery, natural_len, set_parity};
use crate::object::check_value;

impl Draft {
    pub(super) fn complete_public_key(&mut self) -> Result<()> {
        if let Some(modulus) = self.bytes(CKA_MODULUS) {
            self.insert(CKA_MODULUS_BITS, Value::Ulong(bits(modulus)));
        }
        self.wrap_point()?;
        self.settle_public_key_info()
    }

    /// The standard wants a point in an OCTET STRING; some hosts give it bare. One form is kept.
    fn wrap_point(&mut self) -> Result<()> {
        let (Some(parameters), Some(point)) = (self.bytes(CKA_EC_PARAMS), self.bytes(CKA_EC_POINT)) else {
            return Ok(());
        };
        let is_bare = match self.key_type() {
            Some(CKK_EC) => {
                let curve = Curve::from_parameters(parameters)?;
                let is_compressed = matches!(point, [2 | 3, ..]) && point.len() == curve.field_len() + 1;
                is_compressed || point.len() == curve.point_len()
            }
            Some(CKK_EC_EDWARDS) => point.len() == Edwards::from_parameters(parameters)?.key_len(),
            _ => point.len() == Montgomery::from_parameters(parameters)?.key_len(),
        };
        if is_bare {
            let wrapped = OctetString::new(point).and_then(|point| point.to_der());
            let wrapped = wrapped.map_err(|_| Error::AttributeValueInvalid)?;
            self.insert(CKA_EC_POINT, Value::bytes(wrapped));
        }
        Ok(())
    }

    pub(super) fn complete_private_key(&mut self) -> Result<()> {
        match self.key_type() {
            Some(CKK_RSA) => self.recover_numbers()?,
            Some(CKK_EC) => self.fit_scalar()?,
            Some(CKK_DH) if self.ulong(CKA_VALUE_BITS).is_none_or(|bits| bits == 0) => {
                let value = self.bytes(CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
                self.insert(CKA_VALUE_BITS, Value::Ulong(bits(value)));
            }
            Some(CKK_ML_DSA | CKK_ML_KEM)
                if self.bytes(CKA_SEED).is_none() && self.bytes(CKA_VALUE).is_none() =>
            {
                return Err(Error::TemplateIncomplete);
            }
            _ => {}
        }
        self.settle_public_key_info()
    }

    /// An RSA key comes with its modulus and private exponent at least (6.1.3); the rest is computed, and has to agree
    /// with what is given of it. That also tells which prime is the first, by which exponents and coefficient go (RFC
    /// 8017, 3.2): without it, the larger one.
    fn recover_numbers(&mut self) -> Result<()> {
        const REST: [CK_ATTRIBUTE_TYPE; 6] = [
            CKA_PUBLIC_EXPONENT,
            CKA_PRIME_1,
            CKA_PRIME_2,
            CKA_EXPONENT_1,
            CKA_EXPONENT_2,
            CKA_COEFFICIENT,
        ];
        if REST.iter().all(|kind| self.bytes(*kind).is_some()) {
            return Ok(());
        }
        let given = |kind| self.bytes(kind).ok_or(Error::TemplateIncomplete);
        let orders = RsaNumbers::recover(
            given(CKA_MODULUS)?,
            given(CKA_PRIVATE_EXPONENT)?,
            self.bytes(CKA_PUBLIC_EXPONENT),
        )?;
        let orders = orders.map(|numbers| {
            let RsaNumbers {
                public_exponent,
                primes: [prime_1, prime_2],
                exponents: [exponent_1, exponent_2],
                coefficient,
            } = numbers;
            [
                Value::bytes(public_exponent),
                Value::Bytes(prime_1),
                Value::Bytes(prime_2),
                Value::Bytes(exponent_1),
                Value::Bytes(exponent_2),
                Value::Bytes(coefficient),
            ]
        });
        let agrees = |(kind, value): (&CK_ATTRIBUTE_TYPE, &Value)| {
            let given = self.attributes.get(kind);
            given.is_none_or(|given| given == value)
        };
        let mut orders = orders.into_iter();
        let found = orders.find(|found| REST.iter().zip(found).all(agrees));
        let found = found.ok_or(Error::AttributeValueInvalid)?;
        for (kind, value) in REST.into_iter().zip(found) {
            self.insert(kind, value);
        }
        Ok(())
    }

    /// A scalar is a number (6.3.4); it is kept as long as a field element, as everybody expects to read it.
    fn fit_scalar(&mut self) -> Result<()> {
        let curve = Curve::from_parameters(self.bytes(CKA_EC_PARAMS).ok_or(Error::TemplateIncomplete)?)?;
        let value = self.bytes(CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
        let zeros = value.iter().take_while(|&&byte| byte == 0).count();
        let scalar = &value[zeros..];
        let missing = curve.field_len().checked_sub(scalar.len());
        let missing = missing.ok_or(Error::AttributeValueInvalid)?;
        let mut fitted = zeroize::Zeroizing::new(vec![0; curve.field_len()]);
        fitted[missing..].copy_from_slice(scalar);
        self.attributes.insert(CKA_VALUE, Value::Bytes(fitted));
        Ok(())
    }

    /// Puts `CKA_PUBLIC_KEY_INFO` in place: computed, or as given if it is right.
    fn settle_public_key_info(&mut self) -> Result<()> {
        let is_half_of_pair =
            matches!(self.origin, Origin::Generation { .. }) && self.class() == Some(CKO_PRIVATE_KEY);
        if is_half_of_pair
            && self
                .bytes(CKA_PUBLIC_KEY_INFO)
                .is_some_and(|info| !info.is_empty())
        {
            // Computed for the public half already.
            return Ok(());
        }
        let expected = public_key_info::of(self)?;
        let given = self.bytes(CKA_PUBLIC_KEY_INFO).filter(|given| !given.is_empty());
        match (given, expected) {
            (Some(given), Some(expected)) if given != expected => Err(Error::AttributeValueInvalid),
            (_, Some(expected)) => {
                self.insert(CKA_PUBLIC_KEY_INFO, Value::bytes(expected));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A key of DES has its parity: one that comes from outside without it is damaged (6.16.1), one that is derived
    /// gets it.
    fn settle_parity(&mut self) -> Result<()> {
        if natural_len(self.key_type()).is_none() {
            return Ok(());
        }
        let value = self.bytes(CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
        let mut value = zeroize::Zeroizing::new(value.to_vec());
        let was_wrong = set_parity(&mut value);
        if was_wrong && !matches!(self.origin, Origin::Derivation { .. }) {
            return Err(Error::AttributeValueInvalid);
        }
        self.insert(CKA_VALUE, Value::Bytes(value));
        Ok(())
    }

    /// Domain parameters tell their sizes (4.11, 6.2.4).
    pub(super) fn complete_parameters(&mut self) -> Result<()> {
        let key_type = self.key_type().ok_or(Error::TemplateIncomplete)?;
        let numbers = FiniteField::of(key_type, |kind| self.bytes(kind)).ok_or(Error::TemplateIncomplete)?;
        numbers.check()?;
        let sizes = [(CKA_PRIME, CKA_PRIME_BITS), (CKA_SUBPRIME, CKA_SUBPRIME_BITS)];
        let bits = sizes.map(|(number, size)| Some((size, bits(self.bytes(number)?))));
        bits.into_iter()
            .flatten()
            .try_for_each(|(size, bits)| self.agree(size, Value::Ulong(bits)))
    }

    pub(super) fn complete_secret_key(&mut self) -> Result<()> {
        self.settle_parity()?;
        let value = self.bytes(CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
        let length = value.len();
        let fits = match (self.key_type(), natural_len(self.key_type())) {
            (Some(CKK_AES), _) => matches!(length, 16 | 24 | 32),
            (_, Some(natural)) => length == natural,
            _ => length > 0,
        };
        if !fits {
            return Err(match self.origin {
                Origin::Import => Error::AttributeValueInvalid,
                Origin::Unwrapping => Error::WrappedKeyLenRange,
                Origin::Generation { .. } | Origin::Derivation { .. } => Error::KeySizeRange,
            });
        }
        let expected = match self.key_type() {
            Some(CKK_AES) => check_value::of_aes(value)?,
            Some(CKK_DES | CKK_DES2 | CKK_DES3) => check_value::of_des(value)?,
            _ => check_value::of_secret(value),
        };
        self.agree(CKA_VALUE_LEN, Value::Ulong(length as u64))?;
        self.settle_check_value(Some(expected))
    }
}

/// The length of a big-endian number in bits.
fn bits(number: &[u8]) -> u64 {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let number = &number[zeros..];
    number.first().map_or(0, |first| {
        number.len() as u64 * 8 - u64::from(first.leading_zeros())
    })
}
