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

/// How long points are as certificates have them, uncompressed (SEC 1, 2.3.3), on the curves of NIST, SEC and Brainpool
/// over primes of 192, 224, 256, 320, 384, 512 and 521 bits.
const POINTS: [usize; 7] = [49, 57, 65, 81, 97, 129, 133];

/// How long a key of Ed25519 is (RFC 8032, 5.1.5).
const ED25519_KEY: usize = 32;

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
            let curve = AnyRef::from_der(&parameters).ok()?;
            encode(EC_PUBLIC_KEY, Some(curve), unwrapped(&point, &POINTS))
        }
        KeyType::EC_EDWARDS => {
            let point = octets(module, session, key, AttributeType::EcPoint)?;
            let point = Some(unwrapped(&point, &[ED25519_KEY])).filter(|point| point.len() == ED25519_KEY);
            encode(ED25519, None, point?)
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

/// `CKA_EC_POINT` is the DER of an OCTET STRING (PKCS #11 3.1, 6.3.3); some tokens give the bare point.
///
/// The lengths that a bare one has tell: in DER none is as long as another is bare. Its first octets do not: the one in
/// front of an uncompressed point is the tag of an OCTET STRING, and the next, of any value, is by chance the right length.
fn unwrapped<'a>(point: &'a [u8], bare: &[usize]) -> &'a [u8] {
    if bare.contains(&point.len()) {
        return point;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A point that looks as if it were in DER: the tag of an OCTET STRING, and the length of what follows.
    fn ambiguous(length: usize) -> Vec<u8> {
        let rest = u8::try_from(length - 2).expect("no point here has more than 131 octets");
        [&[4, rest][..], &vec![0x5a; length - 2]].concat()
    }

    fn in_der(point: &[u8]) -> Vec<u8> {
        let point = OctetStringRef::new(point).and_then(|point| point.to_der());
        point.expect("DER has room for 133 octets")
    }

    #[test]
    fn a_bare_point_is_told_from_one_in_der_whatever_it_begins_with() {
        for (length, bare) in [
            (49, &POINTS[..]),
            (57, &POINTS),
            (65, &POINTS),
            (81, &POINTS),
            (97, &POINTS),
            (129, &POINTS),
            (ED25519_KEY, &[ED25519_KEY]),
        ] {
            let point = ambiguous(length);
            assert!(<&OctetStringRef>::from_der(&point).is_ok(), "{length}");
            assert_eq!(unwrapped(&point, bare), point, "{length}, bare");
            assert_eq!(unwrapped(&in_der(&point), bare), point, "{length}, in DER");
        }
        // One whose length in DER has two octets, a compressed one, and one of another curve.
        let longest = [&[4_u8, 1][..], &[0x5a; 131]].concat();
        let compressed = [&[2_u8][..], &[0x5a; 32]].concat();
        for point in [longest, compressed, vec![4; 61]] {
            assert_eq!(unwrapped(&point, &POINTS), point, "bare");
            assert_eq!(unwrapped(&in_der(&point), &POINTS), point, "in DER");
        }
    }

    #[test]
    fn the_key_of_a_bare_point_is_that_of_the_same_point_in_der() {
        let p256 = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        let curve = || Some(AnyRef::from(&p256));
        let point = ambiguous(65);
        let info = encode(EC_PUBLIC_KEY, curve(), unwrapped(&point, &POINTS))
            .expect("a curve and a point make a key");
        let other = encode(EC_PUBLIC_KEY, curve(), unwrapped(&in_der(&point), &POINTS));
        assert_eq!(other.as_ref(), Some(&info));
        assert!(info.ends_with(&point));
        assert!(!differs(&info, &info));
    }
}
