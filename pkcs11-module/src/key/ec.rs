//! Elliptic-curve keys from and into attributes (PKCS #11, sections 6.3.3 to 6.3.8).

use cryptoki_sys::*;
use der::asn1::OctetStringRef;
use der::{Decode, Encode};
use zeroize::Zeroizing;

use super::{GeneratedPair, Key};
use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::ffi::crypto::{EcKey, Ed25519Key, KEY_LEN};
use crate::mechanism::{Curve, Edwards, Montgomery, X448_LEN};
use crate::object::Object;

/// The key of an object of one of the three key types.
pub(super) fn of(object: &Object) -> Result<Key> {
    let parameters = object.bytes(CKA_EC_PARAMS)?;
    let is_private = object.class() == CKO_PRIVATE_KEY;
    match object.ulong(CKA_KEY_TYPE) {
        Some(CKK_EC_EDWARDS) => match (Edwards::from_parameters(parameters)?, is_private) {
            (Edwards::Ed25519, true) => Ok(Key::Ed25519(Ed25519Key::from_seed(&*private(object)?))),
            (Edwards::Ed25519, false) => Ok(Key::Ed25519Public(public(object)?)),
            (Edwards::Ed448, true) => Ok(Key::Ed448(private(object)?)),
            (Edwards::Ed448, false) => Ok(Key::Ed448Public(public(object)?)),
        },
        Some(CKK_EC_MONTGOMERY) => match (Montgomery::from_parameters(parameters)?, is_private) {
            (Montgomery::X25519, true) => Ok(Key::X25519(private(object)?)),
            (Montgomery::X25519, false) => public::<KEY_LEN>(object).map(|_| Key::MontgomeryPublic),
            (Montgomery::X448, true) => Ok(Key::X448(private(object)?)),
            (Montgomery::X448, false) => public::<X448_LEN>(object).map(|_| Key::MontgomeryPublic),
        },
        _ => {
            let curve = Curve::from_parameters(parameters)?;
            let key = if is_private {
                EcKey::private(curve, object.bytes(CKA_VALUE)?)
            } else {
                EcKey::public(curve, point(object)?)
            };
            Ok(Key::Ec(curve, key?))
        }
    }
}

fn private<const N: usize>(object: &Object) -> Result<Zeroizing<[u8; N]>> {
    let value = object.bytes(CKA_VALUE)?.try_into().map(Zeroizing::new);
    value.map_err(|_| Error::AttributeValueInvalid)
}

fn public<const N: usize>(object: &Object) -> Result<[u8; N]> {
    point(object)?
        .try_into()
        .map_err(|_| Error::AttributeValueInvalid)
}

/// The point in the OCTET STRING that it is kept in.
fn point(object: &Object) -> Result<&[u8]> {
    let point = <&OctetStringRef>::from_der(object.bytes(CKA_EC_POINT)?);
    point
        .map(OctetStringRef::as_bytes)
        .map_err(|_| Error::AttributeValueInvalid)
}

impl GeneratedPair {
    /// An elliptic-curve key pair, its curve named as the host has named it.
    pub(crate) fn from_ec(parameters: &[u8], private: &[u8], point: &[u8]) -> Result<Self> {
        let point = OctetStringRef::new(point)
            .and_then(|point| point.to_der())
            .map_err(|_| Error::FunctionFailed)?;
        let parameters = Value::bytes(parameters);
        let public = [
            (CKA_EC_PARAMS, parameters.clone()),
            (CKA_EC_POINT, Value::bytes(point)),
        ];
        let private = [(CKA_EC_PARAMS, parameters), (CKA_VALUE, Value::bytes(private))];
        Ok(Self {
            public: public.into_iter().collect(),
            private: private.into_iter().collect(),
        })
    }
}
