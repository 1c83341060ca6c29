//! Key pairs and certificates on a token: listed, generated, installed.

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, CertificateType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;

use super::catalogue::{self, octets};
use super::failure::token_error;
use super::public_key;
use super::session::Session;
use crate::tokens::wire::{CertificateParts, KeyRecord, MAX_CERTIFICATES, MAX_KEYS, Octets};
use crate::tokens::{KeyAlgorithm, TokenError};

/// Bytes of a new `CKA_ID`: by chance, so that it never names two keys.
const ID_LEN: usize = 20;

/// The DER of the object identifiers in `CKA_EC_PARAMS`: prime256v1, secp384r1 (RFC 5480), id-Ed25519 (RFC 8410).
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
pub(super) const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];

/// 65537, as `CKA_PUBLIC_EXPONENT`
const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];

/// The private keys with what is known of their public halves.
pub(super) fn list(session: &Session) -> Result<Vec<KeyRecord>, TokenError> {
    session.require_login()?;
    let pkcs11 = &session.pkcs11;
    let keys = catalogue::objects(
        &session.module,
        pkcs11,
        &[Attribute::Class(ObjectClass::PRIVATE_KEY)],
        MAX_KEYS,
    )?;
    let record = |key| {
        let id = octets(&session.module, pkcs11, key, AttributeType::Id)?;
        let label = catalogue::label(&session.module, pkcs11, key);
        let public_key = public_half(session, key, &id);
        Some(KeyRecord {
            label,
            id: Octets(id),
            public_key: public_key.map(Octets),
        })
    };
    Ok(keys.into_iter().filter_map(record).collect())
}

/// From the private key itself, if it shows its public half (RSA, or `CKA_PUBLIC_KEY_INFO`), else from the public key
/// object of the same `CKA_ID`; of several, from the only one of the same `CKA_LABEL`.
pub(super) fn public_half(session: &Session, private: ObjectHandle, id: &[u8]) -> Option<Vec<u8>> {
    let pkcs11 = &session.pkcs11;
    let key_type = catalogue::key_type(&session.module, pkcs11, private)?;
    let shown = || {
        octets(&session.module, pkcs11, private, AttributeType::PublicKeyInfo).filter(|info| !info.is_empty())
    };
    if let Some(info) = public_key::read(&session.module, pkcs11, private, key_type).or_else(shown) {
        return Some(info);
    }
    let mut template = vec![
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(key_type),
        Attribute::Id(id.to_vec()),
    ];
    let mut publics = catalogue::objects(&session.module, pkcs11, &template, 2).ok()?;
    if publics.len() > 1 {
        let label = catalogue::label(&session.module, pkcs11, private);
        template.push(Attribute::Label(label.into_bytes()));
        publics = catalogue::objects(&session.module, pkcs11, &template, 2).ok()?;
    }
    match publics.as_slice() {
        [only] => public_key::read(&session.module, pkcs11, *only, key_type),
        _ => None,
    }
}

/// A new pair: the private half never leaves the token.
pub(super) fn generate(
    session: &Session,
    algorithm: KeyAlgorithm,
    label: &str,
    id: Option<Vec<u8>>,
) -> Result<KeyRecord, TokenError> {
    session.require_login()?;
    let (mechanism, key_type) = match algorithm {
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            (Mechanism::RsaPkcsKeyPairGen, KeyType::RSA)
        }
        KeyAlgorithm::P256 | KeyAlgorithm::P384 => (Mechanism::EccKeyPairGen, KeyType::EC),
        KeyAlgorithm::Ed25519 => (Mechanism::EccEdwardsKeyPairGen, KeyType::EC_EDWARDS),
    };
    let needed: MechanismType = mechanism.mechanism_type();
    if !session.offers(needed) {
        return Err(TokenError::Unsupported(needed.to_string()));
    }
    let id = id.map_or_else(new_id, Ok)?;
    let common = [
        Attribute::Token(true),
        Attribute::Id(id.clone()),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    let mut public = vec![Attribute::Private(false), Attribute::Verify(true)];
    public.extend(common.iter().cloned());
    public.extend(parameters(algorithm));
    let mut private = vec![
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    private.extend(common);
    let (public, _) = session
        .pkcs11
        .generate_key_pair(&mechanism, &public, &private)
        .map_err(|error| token_error(&error))?;
    let public_key = public_key::read(&session.module, &session.pkcs11, public, key_type);
    Ok(KeyRecord {
        label: label.to_owned(),
        id: Octets(id),
        public_key: public_key.map(Octets),
    })
}

fn parameters(algorithm: KeyAlgorithm) -> Vec<Attribute> {
    let rsa = |bits: u64| {
        vec![
            Attribute::ModulusBits(Ulong::from(bits)),
            Attribute::PublicExponent(PUBLIC_EXPONENT.to_vec()),
        ]
    };
    match algorithm {
        KeyAlgorithm::Rsa2048 => rsa(2048),
        KeyAlgorithm::Rsa3072 => rsa(3072),
        KeyAlgorithm::Rsa4096 => rsa(4096),
        KeyAlgorithm::P256 => vec![Attribute::EcParams(P256.to_vec())],
        KeyAlgorithm::P384 => vec![Attribute::EcParams(P384.to_vec())],
        KeyAlgorithm::Ed25519 => vec![Attribute::EcParams(ED25519.to_vec())],
    }
}

fn new_id() -> Result<Vec<u8>, TokenError> {
    let mut id = [0; ID_LEN];
    let filled = rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty());
    match filled {
        Ok(ID_LEN) => Ok(id.to_vec()),
        _ => Err(TokenError::Failed("no random numbers".to_owned())),
    }
}

/// Puts a certificate beside its key; one that lies there already stays as it is. Gives the object if it is new.
pub(super) fn install(
    session: &Session,
    key: Vec<u8>,
    label: &str,
    certificate: CertificateParts,
) -> Result<Option<ObjectHandle>, TokenError> {
    session.require_login()?;
    let pkcs11 = &session.pkcs11;
    let same = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Id(key.clone()),
    ];
    let there = catalogue::objects(&session.module, pkcs11, &same, MAX_CERTIFICATES)?;
    if there.into_iter().any(|object| {
        octets(&session.module, pkcs11, object, AttributeType::Value).as_ref() == Some(&certificate.der.0)
    }) {
        return Ok(None);
    }
    let template = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(key),
        Attribute::Subject(certificate.subject.0),
        Attribute::Issuer(certificate.issuer.0),
        Attribute::SerialNumber(certificate.serial.0),
        Attribute::Value(certificate.der.0),
    ];
    pkcs11
        .create_object(&template)
        .map(Some)
        .map_err(|error| token_error(&error))
}
