//! The object identifiers of the algorithms that keys are for, in `SubjectPublicKeyInfo` and `PrivateKeyInfo`.

use cryptoki_sys::*;
use der::asn1::ObjectIdentifier;

use crate::error::{Error, Result};
use crate::mechanism::{Edwards, Montgomery};

/// RFC 8017, appendix A.1.
pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 3279, section 2.3.2.
pub(crate) const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
/// PKCS #3, section 9.
pub(crate) const DH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.3.1");
/// RFC 5480, section 2.1.1.
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 8410, section 3.
pub(crate) const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
pub(crate) const X448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.111");
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
pub(crate) const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
/// RFC 9881, section 2; in the order of `CK_ML_DSA_PARAMETER_SET_TYPE`, which counts from one.
pub(crate) const ML_DSA: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"),
];
/// RFC 9935, section 3; in the order of `CK_ML_KEM_PARAMETER_SET_TYPE`.
pub(crate) const ML_KEM: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.1"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.2"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.3"),
];

/// The name of a curve that is its algorithm's too (RFC 8410, section 3), from `CKA_EC_PARAMS`.
pub(crate) fn of_curve(key_type: CK_KEY_TYPE, parameters: &[u8]) -> Result<ObjectIdentifier> {
    match key_type {
        CKK_EC_EDWARDS => Edwards::from_parameters(parameters).map(|curve| match curve {
            Edwards::Ed25519 => ED25519,
            Edwards::Ed448 => ED448,
        }),
        CKK_EC_MONTGOMERY => Montgomery::from_parameters(parameters).map(|curve| match curve {
            Montgomery::X25519 => X25519,
            Montgomery::X448 => X448,
        }),
        _ => Err(Error::KeyTypeInconsistent),
    }
}
