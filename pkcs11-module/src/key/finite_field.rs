//! DSA and Diffie-Hellman keys from and into attributes (PKCS #11, sections 6.2 and 6.4), and the DER structures of
//! their algorithms (RFC 3279, 2.3.2; PKCS #3, section 9).

use cryptoki_sys::*;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Sequence};
use zeroize::Zeroizing;

use super::{GeneratedPair, Key};
use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::ffi::crypto::{DhKey, DhParameters, DsaKey, DsaParameters};
use crate::object::{Attributes, Object};

/// The numbers that many keys share, big-endian.
pub(crate) struct FiniteField<'a> {
    key_type: CK_KEY_TYPE,
    prime: &'a [u8],
    /// DSA's alone.
    subprime: Option<&'a [u8]>,
    base: &'a [u8],
}

/// `Dss-Parms`.
#[derive(Sequence)]
struct DssParms<'a> {
    prime: UintRef<'a>,
    subprime: UintRef<'a>,
    base: UintRef<'a>,
}

/// `DHParameter`; that the private value may be short is of no use to whoever has it.
#[derive(Sequence)]
struct DhParameter<'a> {
    prime: UintRef<'a>,
    base: UintRef<'a>,
    private_bits: Option<u32>,
}

impl<'a> FiniteField<'a> {
    /// From attributes; `None` if one is missing.
    pub(crate) fn of(
        key_type: CK_KEY_TYPE,
        bytes: impl Fn(CK_ATTRIBUTE_TYPE) -> Option<&'a [u8]>,
    ) -> Option<Self> {
        let subprime = bytes(CKA_SUBPRIME);
        if key_type == CKK_DSA {
            subprime?;
        }
        Some(Self {
            key_type,
            prime: bytes(CKA_PRIME)?,
            subprime,
            base: bytes(CKA_BASE)?,
        })
    }

    fn of_object(object: &'a Object) -> Result<Self> {
        let key_type = object.ulong(CKA_KEY_TYPE).ok_or(Error::General)?;
        Self::of(key_type, |kind| object.bytes(kind).ok()).ok_or(Error::General)
    }

    pub(crate) fn dsa(&self) -> Result<DsaParameters<'a>> {
        Ok(DsaParameters {
            prime: self.prime,
            subprime: self.subprime.ok_or(Error::General)?,
            base: self.base,
        })
    }

    pub(crate) const fn dh(&self) -> DhParameters<'a> {
        DhParameters {
            prime: self.prime,
            base: self.base,
        }
    }

    /// Whether they belong together.
    pub(crate) fn check(&self) -> Result<()> {
        match self.key_type {
            CKK_DSA => self.dsa()?.check(),
            _ => self.dh().check(),
        }
    }

    /// The public value of a private one.
    pub(crate) fn public_of(&self, private: &[u8]) -> Result<Vec<u8>> {
        match self.key_type {
            CKK_DSA => DsaKey::public_of(&self.dsa()?, private),
            _ => DhKey::public_of(&self.dh(), private),
        }
    }

    /// The parameters of the algorithm identifier.
    pub(crate) fn to_der(&self) -> Result<Vec<u8>> {
        let number = |bytes| UintRef::new(bytes).map_err(|_| Error::AttributeValueInvalid);
        let (prime, base) = (number(self.prime)?, number(self.base)?);
        let der = match self.subprime {
            Some(subprime) => DssParms {
                prime,
                subprime: number(subprime)?,
                base,
            }
            .to_der(),
            None => DhParameter {
                prime,
                base,
                private_bits: None,
            }
            .to_der(),
        };
        der.map_err(|_| Error::AttributeValueInvalid)
    }

    /// A new key pair as attributes.
    pub(crate) fn pair(&self, private: &[u8], public: &[u8]) -> GeneratedPair {
        let with_value = |value: &[u8]| {
            let numbers = [
                (CKA_PRIME, Some(self.prime)),
                (CKA_SUBPRIME, self.subprime),
                (CKA_BASE, Some(self.base)),
                (CKA_VALUE, Some(value)),
            ];
            let given = numbers
                .into_iter()
                .filter_map(|(kind, number)| Some((kind, Value::bytes(number?))));
            given.collect()
        };
        GeneratedPair {
            public: with_value(public),
            private: with_value(private),
        }
    }
}

/// The key of an object of one of the two types.
pub(super) fn of(object: &Object) -> Result<Key> {
    let numbers = FiniteField::of_object(object)?;
    let value = object.bytes(CKA_VALUE)?;
    match (numbers.key_type, object.class()) {
        (CKK_DSA, CKO_PRIVATE_KEY) => DsaKey::private(&numbers.dsa()?, value).map(Key::Dsa),
        (CKK_DSA, _) => DsaKey::public(&numbers.dsa()?, value).map(Key::Dsa),
        (_, CKO_PRIVATE_KEY) => DhKey::private(&numbers.dh(), value).map(Key::Dh),
        _ => DhKey::check_public(&numbers.dh(), value).map(|()| Key::DhPublic),
    }
}

/// A private key's parameters and its own value, as its `PrivateKeyInfo` holds them.
pub(super) fn private_der(object: &Object) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    let value = UintRef::new(object.bytes(CKA_VALUE)?).and_then(|value| value.to_der());
    let value = value.map(Zeroizing::new).map_err(|_| Error::General)?;
    Ok((FiniteField::of_object(object)?.to_der()?, value))
}

/// The same back; `None` if it is none.
pub(super) fn private_attributes(
    key_type: CK_KEY_TYPE,
    parameters: AnyRef<'_>,
    key: &[u8],
) -> Option<Attributes> {
    let parameters = parameters.to_der().ok()?;
    let value = UintRef::from_der(key).ok()?;
    let (dss, dh);
    let [prime, subprime, base] = if key_type == CKK_DSA {
        dss = DssParms::from_der(&parameters).ok()?;
        [Some(dss.prime), Some(dss.subprime), Some(dss.base)]
    } else {
        dh = DhParameter::from_der(&parameters).ok()?;
        [Some(dh.prime), None, Some(dh.base)]
    };
    let numbers = [
        (CKA_PRIME, prime),
        (CKA_SUBPRIME, subprime),
        (CKA_BASE, base),
        (CKA_VALUE, Some(value)),
    ];
    let given = numbers
        .into_iter()
        .filter_map(|(kind, number)| Some((kind, Value::bytes(number?.as_bytes()))));
    Some(given.collect())
}
