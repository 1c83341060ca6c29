//! The `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7) of a key object.

use cryptoki::object::{AttributeType, KeyType, ObjectHandle};
use cryptoki::session::Session;
use der::asn1::{AnyRef, BitString, Null, ObjectIdentifier, OctetStringRef, Uint};
use der::{Decode, Encode, Sequence};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};

use super::catalogue::octets;
use super::raw::Module;

/// rsaEncryption (RFC 3279, 2.3.1)
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// id-ecPublicKey (RFC 5480, 2.1.1)
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// id-Ed25519 (RFC 8410)
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// RFC 8017, A.1.1
#[derive(Sequence)]
struct RsaPublicKey {
    modulus: Uint,
    public_exponent: Uint,
}

/// Reads the public key out of the attributes PKCS #11 gives keys of that type; none if the token does not show them.
pub(super) fn read(
    module: &Module,
    session: &Session,
    key: ObjectHandle,
    key_type: KeyType,
) -> Option<Vec<u8>> {
    match key_type {
        KeyType::RSA => {
            let modulus = octets(module, session, key, AttributeType::Modulus)?;
            let exponent = octets(module, session, key, AttributeType::PublicExponent)?;
            rsa(&modulus, &exponent)
        }
        KeyType::EC => {
            let parameters = octets(module, session, key, AttributeType::EcParams)?;
            let point = octets(module, session, key, AttributeType::EcPoint)?;
            elliptic(EC_PUBLIC_KEY, Some(AnyRef::from_der(&parameters).ok()?), &point)
        }
        KeyType::EC_EDWARDS => {
            let point = octets(module, session, key, AttributeType::EcPoint)?;
            elliptic(ED25519, None, &point).filter(|_| unwrapped(&point).len() == 32)
        }
        _ => None,
    }
}

/// True if these are certainly two keys. One RSA key has several forms: certificates may say that it is for PSS alone
/// (RFC 4055, 1.2), key objects do not.
pub(super) fn differs(one: &[u8], other: &[u8]) -> bool {
    let (Ok(one), Ok(other)) = (
        SubjectPublicKeyInfoRef::from_der(one),
        SubjectPublicKeyInfoRef::from_der(other),
    ) else {
        return false;
    };
    one.algorithm == other.algorithm && one.subject_public_key != other.subject_public_key
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let key = RsaPublicKey {
        modulus: Uint::new(modulus).ok()?,
        public_exponent: Uint::new(exponent).ok()?,
    };
    let null = Null.to_der().ok()?;
    encode(
        RSA_ENCRYPTION,
        Some(AnyRef::from_der(&null).ok()?),
        &key.to_der().ok()?,
    )
}

fn elliptic(algorithm: ObjectIdentifier, curve: Option<AnyRef<'_>>, point: &[u8]) -> Option<Vec<u8>> {
    encode(algorithm, curve, unwrapped(point))
}

/// `CKA_EC_POINT` is the DER of an OCTET STRING (PKCS #11 3.1, 6.3.3); some tokens give the bare point.
fn unwrapped(point: &[u8]) -> &[u8] {
    <&OctetStringRef>::from_der(point).map_or(point, |inner| inner.as_bytes())
}

fn encode(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Option<Vec<u8>> {
    let subject_public_key = BitString::from_bytes(key).ok()?;
    SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier { oid, parameters },
        subject_public_key,
    }
    .to_der()
    .ok()
}
