//! `CKA_PUBLIC_KEY_INFO` (section 4.8): a key's `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7).

use cryptoki_sys::*;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};

use super::Draft;
use crate::error::{Error, Result};
use crate::ffi::crypto::{EcKey, Ed25519Key, x25519_public};
use crate::key::FiniteField;
use crate::key::names::{DH, DSA, EC, ML_DSA, ML_KEM, RSA, of_curve};
use crate::mechanism::{Curve, Edwards, Montgomery, ed448_public, x448_public};

#[derive(Sequence)]
struct PublicKeyInfo<'a> {
    algorithm: Algorithm<'a>,
    key: BitStringRef<'a>,
}

#[derive(Sequence)]
struct Algorithm<'a> {
    name: ObjectIdentifier,
    parameters: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

/// The info of a key in the making, as far as its attributes tell it: not for a post-quantum private key.
pub(super) fn of(draft: &Draft) -> Result<Option<Vec<u8>>> {
    let info = match draft.key_type() {
        Some(CKK_RSA) => of_rsa(draft),
        Some(CKK_EC) => of_point(draft, EC, true),
        Some(curve @ (CKK_EC_EDWARDS | CKK_EC_MONTGOMERY)) => match draft.bytes(CKA_EC_PARAMS) {
            Some(parameters) => of_point(draft, of_curve(curve, parameters)?, false),
            None => Ok(None),
        },
        Some(CKK_DSA) => of_finite_field(draft, DSA),
        Some(CKK_DH) => of_finite_field(draft, DH),
        Some(CKK_ML_DSA) => of_value(draft, ML_DSA),
        Some(CKK_ML_KEM) => of_value(draft, ML_KEM),
        _ => Ok(None),
    };
    info.map_err(|_| Error::AttributeValueInvalid)
}

fn of_rsa(draft: &Draft) -> der::Result<Option<Vec<u8>>> {
    let (Some(modulus), Some(exponent)) = (draft.bytes(CKA_MODULUS), draft.bytes(CKA_PUBLIC_EXPONENT)) else {
        return Ok(None);
    };
    let key = RsaPublicKey {
        modulus: UintRef::new(modulus)?,
        public_exponent: UintRef::new(exponent)?,
    };
    encode(RSA, Some(AnyRef::NULL), &key.to_der()?)
}

fn of_point(draft: &Draft, name: ObjectIdentifier, with_curve: bool) -> der::Result<Option<Vec<u8>>> {
    let (Some(parameters), Some(point)) = (draft.bytes(CKA_EC_PARAMS), point(draft)) else {
        return Ok(None);
    };
    let curve = if with_curve {
        // A curve may be given by its name, but here it has its object identifier (RFC 5480, 2.1.1).
        let identifier = Curve::from_parameters(parameters).map_or(parameters, |curve| curve.parameters());
        Some(AnyRef::from_der(identifier)?)
    } else {
        None
    };
    encode(name, curve, &point)
}

/// The point of a public key, or the one that a private key has. `None` for what is no key, which the key's own file
/// refuses.
fn point(draft: &Draft) -> Option<Vec<u8>> {
    if let Some(point) = draft.bytes(CKA_EC_POINT) {
        return Some(<&OctetStringRef>::from_der(point).ok()?.as_bytes().to_vec());
    }
    let (parameters, value) = (draft.bytes(CKA_EC_PARAMS)?, draft.bytes(CKA_VALUE)?);
    match draft.key_type()? {
        CKK_EC => {
            let curve = Curve::from_parameters(parameters).ok()?;
            EcKey::private(curve, value).ok()?.own_point(curve).ok()
        }
        CKK_EC_EDWARDS => Some(match Edwards::from_parameters(parameters).ok()? {
            Edwards::Ed25519 => Ed25519Key::from_seed(value.try_into().ok()?).public().to_vec(),
            Edwards::Ed448 => ed448_public(value.try_into().ok()?).to_vec(),
        }),
        CKK_EC_MONTGOMERY => Some(match Montgomery::from_parameters(parameters).ok()? {
            Montgomery::X25519 => x25519_public(value.try_into().ok()?).to_vec(),
            Montgomery::X448 => x448_public(value.try_into().ok()?).to_vec(),
        }),
        _ => None,
    }
}

/// RFC 3279, 2.3.2; PKCS #3, section 9. `None` for what is no key.
fn of_finite_field(draft: &Draft, name: ObjectIdentifier) -> der::Result<Option<Vec<u8>>> {
    let numbers = draft
        .key_type()
        .and_then(|key_type| FiniteField::of(key_type, |kind| draft.bytes(kind)));
    let (Some(numbers), Some(value)) = (numbers, draft.bytes(CKA_VALUE)) else {
        return Ok(None);
    };
    let public = match draft.class() {
        Some(CKO_PUBLIC_KEY) => Ok(value.to_vec()),
        _ => numbers.public_of(value),
    };
    let (Ok(parameters), Ok(public)) = (numbers.to_der(), public) else {
        return Ok(None);
    };
    let key = UintRef::new(&public)?.to_der()?;
    encode(name, Some(AnyRef::from_der(&parameters)?), &key)
}

/// Parameter sets are numbered from one in the standard's order (6.67.2, 6.68.2).
fn of_value(draft: &Draft, names: [ObjectIdentifier; 3]) -> der::Result<Option<Vec<u8>>> {
    let set = draft
        .ulong(CKA_PARAMETER_SET)
        .and_then(|set| usize::try_from(set).ok()?.checked_sub(1));
    let name = set.and_then(|set| names.get(set));
    match (draft.class(), name, draft.bytes(CKA_VALUE)) {
        (Some(CKO_PUBLIC_KEY), Some(name), Some(value)) => encode(*name, None, value),
        _ => Ok(None),
    }
}

fn encode(
    name: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> der::Result<Option<Vec<u8>>> {
    let info = PublicKeyInfo {
        algorithm: Algorithm { name, parameters },
        key: BitStringRef::from_bytes(key)?,
    };
    info.to_der().map(Some)
}
