//! A key that was made elsewhere is put on the token (`C_CreateObject`), with its public half and its certificates.

use std::os::fd::OwnedFd;

use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use der::{Decode, Encode};
use pkcs8::PrivateKeyInfoRef;
use sec1::EcPrivateKey;
use spki::SubjectPublicKeyInfo;
use zeroize::{Zeroize, Zeroizing};

use super::failure::token_error;
use super::keys::{self, ED25519 as ED25519_PARAMETERS};
use super::session::Session;
use crate::tokens::TokenError;
use crate::tokens::key_file::{EC, ED25519, MAX_KEY, RSA};
use crate::tokens::rsa_key::RsaPrivateKey;
use crate::tokens::wire::{KeyRecord, NewCertificate, Octets};

/// What a key will be called on the token.
pub(super) struct Identity {
    pub(super) label: String,
    /// `CKA_ID`
    pub(super) id: Vec<u8>,
}

/// Everything comes to lie on the token, or nothing: what was made before a failure is destroyed again.
pub(super) fn import(
    session: &Session,
    pipe: &OwnedFd,
    identity: Identity,
    public_key: &[u8],
    certificates: Vec<NewCertificate>,
) -> Result<KeyRecord, TokenError> {
    session.require_login()?;
    let pkcs8 = read_key(pipe).ok_or_else(malformed)?;
    let mut made = Vec::new();
    let put = put(session, &pkcs8, &identity, public_key, certificates, &mut made);
    if let Err(error) = put {
        for object in made {
            // The first failure is the one to tell.
            let _ = session.pkcs11.destroy_object(object);
        }
        return Err(error);
    }
    Ok(KeyRecord {
        label: identity.label,
        id: Octets(identity.id),
        public_key: Some(Octets(public_key.to_vec())),
    })
}

fn put(
    session: &Session,
    pkcs8: &[u8],
    identity: &Identity,
    public_key: &[u8],
    certificates: Vec<NewCertificate>,
    made: &mut Vec<ObjectHandle>,
) -> Result<(), TokenError> {
    let Halves { public, private } = halves(pkcs8, public_key).ok_or_else(malformed)?;
    for half in [private, public] {
        made.push(half.create(session, identity)?);
    }
    for NewCertificate { label, id, parts } in certificates {
        made.extend(keys::install(session, id.0, &label, parts)?);
    }
    Ok(())
}

/// The whole pipe, which its writer has closed already.
fn read_key(pipe: &OwnedFd) -> Option<Zeroizing<Vec<u8>>> {
    // With room for all from the start, nothing is moved and left behind unwiped.
    let mut buffer = Zeroizing::new(vec![0; MAX_KEY + 1]);
    let mut length = 0;
    loop {
        match rustix::io::read(pipe, &mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    buffer.truncate(length);
    (1..=MAX_KEY).contains(&length).then_some(buffer)
}

fn malformed() -> TokenError {
    TokenError::Failed("the key came out of shape".to_owned())
}

struct Halves {
    public: Half,
    private: Half,
}

/// The attributes of one half that only it has; wiped when it is dropped.
struct Half(Vec<Attribute>);

impl Half {
    fn create(mut self, session: &Session, identity: &Identity) -> Result<ObjectHandle, TokenError> {
        self.0.extend([
            Attribute::Token(true),
            Attribute::Id(identity.id.clone()),
            Attribute::Label(identity.label.as_bytes().to_vec()),
        ]);
        session
            .pkcs11
            .create_object(&self.0)
            .map_err(|error| token_error(&error))
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        for attribute in &mut self.0 {
            if let Attribute::Value(value)
            | Attribute::PrivateExponent(value)
            | Attribute::Prime1(value)
            | Attribute::Prime2(value)
            | Attribute::Exponent1(value)
            | Attribute::Exponent2(value)
            | Attribute::Coefficient(value) = attribute
            {
                value.zeroize();
            }
        }
    }
}

/// Both halves as PKCS #11 names their parts (PKCS #11 3.1, 6.1.3, 6.3.4, 6.3.5).
fn halves(pkcs8: &[u8], public_key: &[u8]) -> Option<Halves> {
    let key = PrivateKeyInfoRef::from_der(pkcs8).ok()?;
    let public = SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>>::from_der(public_key).ok()?;
    let public_bits = public.subject_public_key.as_bytes()?;
    let private_bytes = key.private_key.as_bytes();
    match key.algorithm.oid {
        RSA => rsa(private_bytes),
        EC => {
            let parameters = key.algorithm.parameters?.to_der().ok()?;
            let scalar = EcPrivateKey::from_der(private_bytes).ok()?.private_key;
            elliptic(KeyType::EC, &parameters, scalar, public_bits)
        }
        ED25519 => {
            let seed = <&OctetStringRef>::from_der(private_bytes).ok()?.as_bytes();
            elliptic(KeyType::EC_EDWARDS, &ED25519_PARAMETERS, seed, public_bits)
        }
        _ => None,
    }
}

fn rsa(key: &[u8]) -> Option<Halves> {
    let key = RsaPrivateKey::from_der(key).ok()?;
    let number = |number: der::asn1::UintRef<'_>| number.as_bytes().to_vec();
    let common = [
        Attribute::Modulus(number(key.modulus)),
        Attribute::PublicExponent(number(key.public_exponent)),
    ];
    let mut public = public_half(KeyType::RSA);
    public.extend(common.iter().cloned());
    let mut private = private_half(KeyType::RSA);
    private.extend(common);
    private.extend([
        Attribute::PrivateExponent(number(key.private_exponent)),
        Attribute::Prime1(number(key.prime1)),
        Attribute::Prime2(number(key.prime2)),
        Attribute::Exponent1(number(key.exponent1)),
        Attribute::Exponent2(number(key.exponent2)),
        Attribute::Coefficient(number(key.coefficient)),
    ]);
    Some(Halves {
        public: Half(public),
        private: Half(private),
    })
}

fn elliptic(key_type: KeyType, parameters: &[u8], secret: &[u8], point: &[u8]) -> Option<Halves> {
    let mut public = public_half(key_type);
    public.extend([
        Attribute::EcParams(parameters.to_vec()),
        Attribute::EcPoint(OctetStringRef::new(point).ok()?.to_der().ok()?),
    ]);
    let mut private = private_half(key_type);
    private.extend([
        Attribute::EcParams(parameters.to_vec()),
        Attribute::Value(secret.to_vec()),
    ]);
    Some(Halves {
        public: Half(public),
        private: Half(private),
    })
}

fn public_half(key_type: KeyType) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(key_type),
        Attribute::Private(false),
        Attribute::Verify(true),
    ]
}

/// As a key that was generated on the token: it does not come off it again.
fn private_half(key_type: KeyType) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(key_type),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_has_no_halves() {
        assert!(halves(b"\x30\x00", b"\x30\x00").is_none());
        assert!(rsa(&[0x30, 3, 2, 1, 0]).is_none());
    }
}
