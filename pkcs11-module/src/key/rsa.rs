//! RSA keys (PKCS #11 3.1, section 6.1): attributes, and the DER structures of RFC 8017.

use cryptoki_sys::*;
use der::asn1::UintRef;
use der::{Decode, Encode, Sequence};
use zeroize::Zeroizing;

use super::{GeneratedPair, Key};
use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::ffi::crypto::{RsaKey, RsaPrivateNumbers};
use crate::object::{Attributes, Object};

/// `RSAPublicKey` (RFC 8017, A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

/// `RSAPrivateKey` with two primes (RFC 8017, A.1.2).
#[derive(Sequence)]
struct RsaPrivateKey<'a> {
    version: u8,
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
    private_exponent: UintRef<'a>,
    prime_1: UintRef<'a>,
    prime_2: UintRef<'a>,
    exponent_1: UintRef<'a>,
    exponent_2: UintRef<'a>,
    coefficient: UintRef<'a>,
}

pub(super) fn public(object: &Object) -> Result<Key> {
    let number = |kind| UintRef::new(object.bytes(kind)?).map_err(|_| Error::AttributeValueInvalid);
    let key = RsaPublicKey {
        modulus: number(CKA_MODULUS)?,
        public_exponent: number(CKA_PUBLIC_EXPONENT)?,
    };
    let der = key.to_der().map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Key::Rsa(RsaKey::public(&der)?))
}

pub(super) fn private(object: &Object) -> Result<Key> {
    let numbers = RsaPrivateNumbers {
        modulus: object.bytes(CKA_MODULUS)?,
        public_exponent: object.bytes(CKA_PUBLIC_EXPONENT)?,
        private_exponent: object.bytes(CKA_PRIVATE_EXPONENT)?,
        primes: [object.bytes(CKA_PRIME_1)?, object.bytes(CKA_PRIME_2)?],
        exponents: [object.bytes(CKA_EXPONENT_1)?, object.bytes(CKA_EXPONENT_2)?],
        coefficient: object.bytes(CKA_COEFFICIENT)?,
    };
    Ok(Key::Rsa(RsaKey::private(&numbers)?))
}

/// The `RSAPrivateKey` of a private key object.
pub(super) fn private_der(object: &Object) -> Result<Zeroizing<Vec<u8>>> {
    let number = |kind| UintRef::new(object.bytes(kind)?).map_err(|_| Error::AttributeValueInvalid);
    let key = RsaPrivateKey {
        version: 0,
        modulus: number(CKA_MODULUS)?,
        public_exponent: number(CKA_PUBLIC_EXPONENT)?,
        private_exponent: number(CKA_PRIVATE_EXPONENT)?,
        prime_1: number(CKA_PRIME_1)?,
        prime_2: number(CKA_PRIME_2)?,
        exponent_1: number(CKA_EXPONENT_1)?,
        exponent_2: number(CKA_EXPONENT_2)?,
        coefficient: number(CKA_COEFFICIENT)?,
    };
    let der = key.to_der().map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Zeroizing::new(der))
}

/// The attributes of a private key, from its `RSAPrivateKey`; `None` if it is none, or has more than two primes.
pub(super) fn private_attributes(der: &[u8]) -> Option<Attributes> {
    let key = RsaPrivateKey::from_der(der).ok().filter(|key| key.version == 0)?;
    let attributes = [
        (CKA_MODULUS, key.modulus),
        (CKA_PUBLIC_EXPONENT, key.public_exponent),
        (CKA_PRIVATE_EXPONENT, key.private_exponent),
        (CKA_PRIME_1, key.prime_1),
        (CKA_PRIME_2, key.prime_2),
        (CKA_EXPONENT_1, key.exponent_1),
        (CKA_EXPONENT_2, key.exponent_2),
        (CKA_COEFFICIENT, key.coefficient),
    ];
    let value = |(kind, number): (_, UintRef<'_>)| (kind, Value::bytes(number.as_bytes()));
    Some(attributes.into_iter().map(value).collect())
}

impl GeneratedPair {
    /// Takes an RSA key pair apart (sections 6.1.2 and 6.1.3).
    pub(crate) fn from_rsa(key: &RsaKey) -> Result<Self> {
        let private = private_attributes(&key.to_private_der()?).ok_or(Error::FunctionFailed)?;
        let is_public = |kind: &CK_ATTRIBUTE_TYPE| matches!(*kind, CKA_MODULUS | CKA_PUBLIC_EXPONENT);
        let public = private.iter().filter(|(kind, _)| is_public(kind));
        let public = public.map(|(kind, value)| (*kind, value.clone())).collect();
        Ok(Self { public, private })
    }
}
