//! Private keys as they travel: `PrivateKeyInfo` (PKCS #8, RFC 5208), and `OneAsymmetricKey` (RFC 5958), which adds
//! the public key. `C_WrapKey` and `C_UnwrapKey` use it for every private key (PKCS #11 3.1, section 6.7).

use cryptoki_sys::*;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged};
use zeroize::Zeroizing;

use super::names::{DH, DSA, EC, ED448, ED25519, ML_DSA, ML_KEM, RSA, X448, X25519, of_curve};
use super::{finite_field, rsa};
use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::mechanism::Curve;
use crate::object::{Attributes, Object};

/// `PrivateKeyInfo`, without attributes.
#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: Algorithm<'a>,
    key: &'a OctetStringRef,
}

/// `AlgorithmIdentifier`.
#[derive(Sequence)]
struct Algorithm<'a> {
    name: ObjectIdentifier,
    parameters: Option<AnyRef<'a>>,
}

/// `ECPrivateKey` (RFC 5915). The curve is in the algorithm identifier.
#[derive(Sequence)]
struct EcPrivateKey<'a> {
    version: u8,
    scalar: &'a OctetStringRef,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    parameters: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", optional = "true", tag_mode = "EXPLICIT")]
    public: Option<BitStringRef<'a>>,
}

/// The form that holds both (RFC 9881, section 6; RFC 9935, section 6).
#[derive(Sequence)]
struct SeedAndKey<'a> {
    seed: &'a OctetStringRef,
    expanded: &'a OctetStringRef,
}

/// The form that holds the seed alone.
const SEED: Tag = Tag::ContextSpecific {
    constructed: false,
    number: TagNumber(0),
};

/// A private key object as `PrivateKeyInfo`.
pub(crate) fn encode(object: &Object) -> Result<Zeroizing<Vec<u8>>> {
    let key_type = object.ulong(CKA_KEY_TYPE);
    let name = name(object, key_type).ok_or(Error::KeyNotWrappable)?;
    let field = match key_type {
        Some(CKK_DSA | CKK_DH) => Some(finite_field::private_der(object)?),
        _ => None,
    };
    let parameters = match key_type {
        Some(CKK_RSA) => Some(AnyRef::NULL),
        Some(CKK_DSA | CKK_DH) => {
            let parameters = field.as_ref().ok_or(Error::General)?;
            Some(AnyRef::from_der(&parameters.0).map_err(|_| Error::KeyNotWrappable)?)
        }
        Some(CKK_EC) => {
            // The host may have named the curve otherwise than by its identifier.
            let curve = Curve::from_parameters(object.bytes(CKA_EC_PARAMS)?)?;
            Some(AnyRef::from_der(curve.parameters()).map_err(|_| Error::KeyNotWrappable)?)
        }
        _ => None,
    };
    let key = match key_type {
        Some(CKK_RSA) => rsa::private_der(object)?,
        Some(CKK_DSA | CKK_DH) => field.as_ref().ok_or(Error::General)?.1.clone(),
        Some(CKK_EC) => {
            let scalar = OctetStringRef::new(object.bytes(CKA_VALUE)?).map_err(|_| Error::General)?;
            der(&EcPrivateKey {
                version: 1,
                scalar,
                parameters: None,
                public: None,
            })?
        }
        Some(CKK_EC_EDWARDS | CKK_EC_MONTGOMERY) => octets(object.bytes(CKA_VALUE)?)?,
        _ => seeded(object)?,
    };
    der(&PrivateKeyInfo {
        version: 0,
        algorithm: Algorithm { name, parameters },
        key: OctetStringRef::new(&key).map_err(|_| Error::General)?,
    })
}

/// The type of a private key and its attributes from its `PrivateKeyInfo`, which may be followed by the zeros that a
/// block cipher was fed; `None` if it is none, or a key of a kind that this token does not hold.
pub(crate) fn decode(info: &[u8]) -> Option<(CK_KEY_TYPE, Attributes)> {
    let mut reader = SliceReader::new(info).ok()?;
    let info = reader.sequence(read).ok()?;
    let rest = reader.read_slice(reader.remaining_len()).ok()?;
    if info.version > 1 || rest.iter().any(|&byte| byte != 0) {
        return None;
    }
    let (key_type, set) = key_type(info.algorithm.name)?;
    let key = info.key.as_bytes();
    let attributes = match key_type {
        CKK_RSA => rsa::private_attributes(key)?,
        CKK_DSA | CKK_DH => finite_field::private_attributes(key_type, info.algorithm.parameters?, key)?,
        CKK_EC => {
            let parameters = info.algorithm.parameters?.to_der().ok()?;
            let key = EcPrivateKey::from_der(key).ok().filter(|key| key.version == 1)?;
            [
                (CKA_EC_PARAMS, Value::bytes(parameters)),
                (CKA_VALUE, Value::bytes(key.scalar.as_bytes())),
            ]
            .into()
        }
        CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => {
            let value = <&OctetStringRef>::from_der(key).ok()?;
            [
                (CKA_EC_PARAMS, Value::bytes(info.algorithm.name.to_der().ok()?)),
                (CKA_VALUE, Value::bytes(value.as_bytes())),
            ]
            .into()
        }
        _ => {
            let mut attributes = seed_and_value(key)?;
            attributes.insert(CKA_PARAMETER_SET, Value::Ulong(set));
            attributes
        }
    };
    Some((key_type, attributes))
}

/// Attributes and a public key may follow (RFC 5958, section 2); the private key says all that matters.
fn read<'a>(info: &mut SliceReader<'a>) -> der::Result<PrivateKeyInfo<'a>> {
    let read = PrivateKeyInfo {
        version: info.decode()?,
        algorithm: info.decode()?,
        key: info.decode()?,
    };
    while !info.is_finished() {
        info.tlv_bytes()?;
    }
    Ok(read)
}

fn name(object: &Object, key_type: Option<CK_KEY_TYPE>) -> Option<ObjectIdentifier> {
    let numbered = |names: [ObjectIdentifier; 3]| {
        let set = usize::try_from(object.ulong(CKA_PARAMETER_SET)?)
            .ok()?
            .checked_sub(1)?;
        names.get(set).copied()
    };
    match key_type? {
        CKK_RSA => Some(RSA),
        CKK_DSA => Some(DSA),
        CKK_DH => Some(DH),
        CKK_EC => Some(EC),
        curve @ (CKK_EC_EDWARDS | CKK_EC_MONTGOMERY) => {
            of_curve(curve, object.bytes(CKA_EC_PARAMS).ok()?).ok()
        }
        CKK_ML_DSA => numbered(ML_DSA),
        CKK_ML_KEM => numbered(ML_KEM),
        _ => None,
    }
}

/// The type and, for the post-quantum keys, the parameter set.
fn key_type(name: ObjectIdentifier) -> Option<(CK_KEY_TYPE, u64)> {
    let numbered = |names: [ObjectIdentifier; 3]| {
        let place = names.into_iter().position(|known| known == name)?;
        Some(place as u64 + 1)
    };
    match name {
        RSA => Some((CKK_RSA, 0)),
        DSA => Some((CKK_DSA, 0)),
        DH => Some((CKK_DH, 0)),
        EC => Some((CKK_EC, 0)),
        ED25519 | ED448 => Some((CKK_EC_EDWARDS, 0)),
        X25519 | X448 => Some((CKK_EC_MONTGOMERY, 0)),
        _ => numbered(ML_DSA)
            .map(|set| (CKK_ML_DSA, set))
            .or_else(|| numbered(ML_KEM).map(|set| (CKK_ML_KEM, set))),
    }
}

/// A post-quantum key: as much of seed and expanded key as the object has.
fn seeded(object: &Object) -> Result<Zeroizing<Vec<u8>>> {
    let part = |kind| object.bytes(kind).ok().filter(|value| !value.is_empty());
    let octets_of = |value| OctetStringRef::new(value).map_err(|_| Error::General);
    match (part(CKA_SEED), part(CKA_VALUE)) {
        (Some(seed), Some(value)) => der(&SeedAndKey {
            seed: octets_of(seed)?,
            expanded: octets_of(value)?,
        }),
        (Some(seed), None) => der(&AnyRef::new(SEED, seed).map_err(|_| Error::General)?),
        (None, Some(value)) => octets(value),
        (None, None) => Err(Error::General),
    }
}

fn seed_and_value(key: &[u8]) -> Option<Attributes> {
    let any = AnyRef::from_der(key).ok()?;
    match any.tag() {
        SEED => Some([(CKA_SEED, Value::bytes(any.value()))].into()),
        Tag::OctetString => Some([(CKA_VALUE, Value::bytes(any.value()))].into()),
        _ => {
            let both = SeedAndKey::from_der(key).ok()?;
            Some(
                [
                    (CKA_SEED, Value::bytes(both.seed.as_bytes())),
                    (CKA_VALUE, Value::bytes(both.expanded.as_bytes())),
                ]
                .into(),
            )
        }
    }
}

fn octets(value: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    der(&OctetStringRef::new(value).map_err(|_| Error::General)?)
}

fn der(value: &impl Encode) -> Result<Zeroizing<Vec<u8>>> {
    value.to_der().map(Zeroizing::new).map_err(|_| Error::General)
}
