//! Diffie-Hellman on elliptic curves (SP 800-56A; PKCS #11, sections 6.3.17 and 6.3.18): `CKM_ECDH1_DERIVE` and
//! `CKM_ECDH1_COFACTOR_DERIVE`, which are the same on curves whose cofactor is one.

use cryptoki_sys::*;
use der::Decode;
use der::asn1::OctetStringRef;
use zeroize::Zeroizing;

use super::curve448::agree_x448;
use super::derivation::{Derived, Wanted};
use super::{Call, Hash, Mechanism, Parameter, Table, ec_key_pair};
use crate::error::{Error, Result};
use crate::ffi::crypto::{Context, x25519};
use crate::key::Key;
use crate::object::Object;

struct Ecdh {
    /// Curves in Montgomery form are for the plain mechanism only (table 79).
    takes_montgomery: bool,
}

impl Mechanism for Ecdh {
    fn info(&self) -> CK_MECHANISM_INFO {
        ec_key_pair::info(CKF_DERIVE)
    }

    fn derive(&self, call: &Call<'_>, base: &Object, wanted: &Wanted<'_>) -> Result<Derived> {
        let key = base.key()?;
        if base.class() != CKO_PRIVATE_KEY
            || !(matches!(*key, Key::Ec(..))
                || (self.takes_montgomery && matches!(*key, Key::X25519(_) | Key::X448(_))))
        {
            return Err(Error::KeyTypeInconsistent);
        }
        let Parameter::Ecdh { kdf, shared, public } = call.parameter else {
            return Err(Error::MechanismParamInvalid);
        };
        let kdf = Kdf::from_parameter(kdf)?;
        if matches!(kdf, Kdf::Null) && !shared.is_empty() {
            return Err(Error::MechanismParamInvalid);
        }
        let secret = agree(&key, public)?;
        match kdf {
            // "The truncation removes bytes from the leading end of the secret value."
            Kdf::Null => wanted.last(&secret),
            Kdf::Hashed { hash, order } => {
                let value = stretch(hash, order, &secret, shared, wanted.needed_len()?)?;
                Ok(Derived::one(value))
            }
        }
    }
}

/// The shared secret. The point may be bare or in an OCTET STRING, as hosts find it in `CKA_EC_POINT`.
fn agree(key: &Key, public: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    match agree_with_point(key, public) {
        Err(Error::MechanismParamInvalid) => {
            let point = <&OctetStringRef>::from_der(public).map_err(|_| Error::MechanismParamInvalid)?;
            agree_with_point(key, point.as_bytes())
        }
        other => other,
    }
}

fn agree_with_point(key: &Key, point: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    match key {
        Key::Ec(curve, key) => key.agree(*curve, point).map_err(|error| match error {
            Error::AttributeValueInvalid => Error::MechanismParamInvalid,
            other => other,
        }),
        Key::X25519(key) => {
            let point = point.try_into().map_err(|_| Error::MechanismParamInvalid)?;
            let secret = x25519(key, point).ok_or(Error::MechanismParamInvalid)?;
            Ok(Zeroizing::new(secret.to_vec()))
        }
        Key::X448(key) => {
            let point = point.try_into().map_err(|_| Error::MechanismParamInvalid)?;
            let secret = agree_x448(key, point).ok_or(Error::MechanismParamInvalid)?;
            Ok(Zeroizing::new(secret.to_vec()))
        }
        _ => Err(Error::KeyTypeInconsistent),
    }
}

/// What is made of the shared secret (`CK_EC_KDF_TYPE`).
enum Kdf {
    Null,
    Hashed { hash: Hash, order: Order },
}

/// Where the counter stands beside the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// ANSI X9.63: secret, counter, shared information.
    SecretFirst,
    /// SP 800-56C, one step: counter, secret, fixed information.
    CounterFirst,
}

impl Kdf {
    fn from_parameter(kdf: CK_EC_KDF_TYPE) -> Result<Self> {
        let (hash, order) = match kdf {
            CKD_NULL => return Ok(Self::Null),
            CKD_SHA1_KDF => (Hash::Sha1, Order::SecretFirst),
            CKD_SHA224_KDF => (Hash::Sha224, Order::SecretFirst),
            CKD_SHA256_KDF => (Hash::Sha256, Order::SecretFirst),
            CKD_SHA384_KDF => (Hash::Sha384, Order::SecretFirst),
            CKD_SHA512_KDF => (Hash::Sha512, Order::SecretFirst),
            CKD_SHA3_224_KDF => (Hash::Sha3_224, Order::SecretFirst),
            CKD_SHA3_256_KDF => (Hash::Sha3_256, Order::SecretFirst),
            CKD_SHA3_384_KDF => (Hash::Sha3_384, Order::SecretFirst),
            CKD_SHA3_512_KDF => (Hash::Sha3_512, Order::SecretFirst),
            CKD_SHA1_KDF_SP800 => (Hash::Sha1, Order::CounterFirst),
            CKD_SHA224_KDF_SP800 => (Hash::Sha224, Order::CounterFirst),
            CKD_SHA256_KDF_SP800 => (Hash::Sha256, Order::CounterFirst),
            CKD_SHA384_KDF_SP800 => (Hash::Sha384, Order::CounterFirst),
            CKD_SHA512_KDF_SP800 => (Hash::Sha512, Order::CounterFirst),
            CKD_SHA3_224_KDF_SP800 => (Hash::Sha3_224, Order::CounterFirst),
            CKD_SHA3_256_KDF_SP800 => (Hash::Sha3_256, Order::CounterFirst),
            CKD_SHA3_384_KDF_SP800 => (Hash::Sha3_384, Order::CounterFirst),
            CKD_SHA3_512_KDF_SP800 => (Hash::Sha3_512, Order::CounterFirst),
            _ => return Err(Error::MechanismParamInvalid),
        };
        Ok(Self::Hashed { hash, order })
    }
}

fn stretch(
    hash: Hash,
    order: Order,
    secret: &[u8],
    information: &[u8],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(len + hash.len()));
    for counter in 1_u32.. {
        if out.len() >= len {
            break;
        }
        let counter = counter.to_be_bytes();
        let mut context = Context::new(hash)?;
        match order {
            Order::SecretFirst => [secret, &counter, information],
            Order::CounterFirst => [&counter, secret, information],
        }
        .into_iter()
        .try_for_each(|part| context.update(part))?;
        out.extend_from_slice(&Zeroizing::new(context.finish()?));
    }
    out.truncate(len);
    Ok(out)
}

pub(super) static MECHANISMS: Table = &[
    (
        CKM_ECDH1_DERIVE,
        &Ecdh {
            takes_montgomery: true,
        },
    ),
    (
        CKM_ECDH1_COFACTOR_DERIVE,
        &Ecdh {
            takes_montgomery: false,
        },
    ),
];
