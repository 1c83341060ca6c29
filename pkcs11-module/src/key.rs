//! Keys ready for use, made from an object's attributes, and the attributes made from a generated key.

mod ec;
mod ml;

use cryptoki_sys::*;
use der::asn1::{AnyRef, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use zeroize::Zeroizing;

use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::ffi::crypto::{EcKey, Ed25519Key, KEY_LEN, MlKey, RsaKey};
use crate::mechanism::{Curve, MlDsaSet};
use crate::object::{Attributes, Object};

/// A parsed key.
pub(crate) enum Key {
    Rsa(RsaKey),
    Ec(Curve, EcKey),
    Ed25519(Ed25519Key),
    Ed25519Public([u8; KEY_LEN]),
    X25519(Zeroizing<[u8; KEY_LEN]>),
    /// Known to be one; nothing is done with it alone.
    X25519Public,
    MlDsa(MlDsaSet, MlKey),
    MlKem(MlKey),
}

impl Key {
    /// Builds the key of a public or private key object.
    pub(crate) fn of(object: &Object) -> Result<Self> {
        match (object.class(), object.ulong(CKA_KEY_TYPE)) {
            (CKO_PRIVATE_KEY, Some(CKK_RSA)) => rsa_private(object),
            (CKO_PUBLIC_KEY, Some(CKK_RSA)) => rsa_public(object),
            (_, Some(CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY)) => ec::of(object),
            (_, Some(CKK_ML_DSA | CKK_ML_KEM)) => ml::of(object),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    pub(crate) fn rsa(&self) -> Result<&RsaKey> {
        if let Self::Rsa(key) = self {
            Ok(key)
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }

    pub(crate) fn ml_dsa(&self) -> Result<(MlDsaSet, &MlKey)> {
        if let Self::MlDsa(set, key) = self {
            Ok((*set, key))
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }

    pub(crate) fn ml_kem(&self) -> Result<&MlKey> {
        if let Self::MlKem(key) = self {
            Ok(key)
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }

    pub(crate) fn ec(&self) -> Result<(Curve, &EcKey)> {
        if let Self::Ec(curve, key) = self {
            Ok((*curve, key))
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }
}

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

/// `PrivateKeyInfo` (RFC 5208) as the cryptographic library writes it, without attributes.
#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: AnyRef<'a>,
    key: &'a OctetStringRef,
}

fn rsa_public(object: &Object) -> Result<Key> {
    let number = |kind| UintRef::new(object.bytes(kind)?).map_err(|_| Error::AttributeValueInvalid);
    let key = RsaPublicKey {
        modulus: number(CKA_MODULUS)?,
        public_exponent: number(CKA_PUBLIC_EXPONENT)?,
    };
    let der = key.to_der().map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Key::Rsa(RsaKey::public(&der)?))
}

fn rsa_private(object: &Object) -> Result<Key> {
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
    let der = Zeroizing::new(key.to_der().map_err(|_| Error::AttributeValueInvalid)?);
    Ok(Key::Rsa(RsaKey::private(&der)?))
}

/// The two halves of a generated key, as attributes.
pub(crate) struct GeneratedPair {
    pub(crate) public: Attributes,
    pub(crate) private: Attributes,
}

impl GeneratedPair {
    /// Takes an RSA key pair apart (PKCS #11, sections 2.1.2 and 2.1.3) from its PKCS #8 form.
    pub(crate) fn from_rsa(pkcs8: &[u8]) -> Result<Self> {
        let info = PrivateKeyInfo::from_der(pkcs8).map_err(|_| Error::FunctionFailed)?;
        let key = RsaPrivateKey::from_der(info.key.as_bytes()).map_err(|_| Error::FunctionFailed)?;
        let modulus = Value::bytes(key.modulus.as_bytes());
        let exponent = Value::bytes(key.public_exponent.as_bytes());
        let public = [
            (CKA_MODULUS, modulus.clone()),
            (CKA_PUBLIC_EXPONENT, exponent.clone()),
        ]
        .into_iter()
        .collect();
        let private = [
            (CKA_MODULUS, modulus),
            (CKA_PUBLIC_EXPONENT, exponent),
            (
                CKA_PRIVATE_EXPONENT,
                Value::bytes(key.private_exponent.as_bytes()),
            ),
            (CKA_PRIME_1, Value::bytes(key.prime_1.as_bytes())),
            (CKA_PRIME_2, Value::bytes(key.prime_2.as_bytes())),
            (CKA_EXPONENT_1, Value::bytes(key.exponent_1.as_bytes())),
            (CKA_EXPONENT_2, Value::bytes(key.exponent_2.as_bytes())),
            (CKA_COEFFICIENT, Value::bytes(key.coefficient.as_bytes())),
        ];
        Ok(Self {
            public,
            private: private.into_iter().collect(),
        })
    }
}
