//! A private key as people have it in files: PKCS #8 plain or encrypted, PKCS #1, SEC 1, and PKCS #12 with its
//! certificates; PEM or DER.
//!
//! Whatever it came as, it leaves here as plain PKCS #8 in memory that wipes itself, checked: the halves of the key
//! belong together, and its public half is known.

mod pbe;
mod pem;
mod pkcs12;

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use der::asn1::{AnyRef, Null, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode};
use pkcs8::PrivateKeyInfoRef;
use sec1::EcPrivateKey;
use spki::AlgorithmIdentifierRef;
use trien_signatures::certificate::Certificate;
use zeroize::Zeroizing;

use super::rsa_key::RsaPrivateKey;

/// The shortest RSA key that is taken, in bits.
const MIN_RSA: u32 = 2048;

/// The largest file that is read, in bytes: a PKCS #12 file with a long chain has some twenty thousand.
pub const MAX_FILE: usize = 1024 * 1024;

/// The largest plain PKCS #8 key, in bytes: RSA-4096 has 2.4 thousand. Fits a pipe.
pub const MAX_KEY: usize = 16 * 1024;

/// rsaEncryption (RFC 8017, A.1)
pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// id-ecPublicKey (RFC 5480, 2.1.1)
pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// id-Ed25519 (RFC 8410, 3)
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The curves that are known here (RFC 5480, 2.1.1.1), with an algorithm of each.
static CURVES: [(ObjectIdentifier, &str, &EcdsaSigningAlgorithm); 3] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        "ec:p256",
        &ECDSA_P256_SHA256_ASN1_SIGNING,
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.132.0.34"),
        "ec:p384",
        &ECDSA_P384_SHA384_ASN1_SIGNING,
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.132.0.35"),
        "ec:p521",
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ),
];

/// What a file held.
pub struct KeyFile {
    /// DER of a `PrivateKeyInfo` (RFC 5208).
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// DER of its `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    /// As on the command line: `rsa:2048`, `ec:p256`, `ed25519`.
    pub algorithm: String,
    /// Certificates beside it, in the order of the file.
    pub certificates: Vec<Certificate>,
    /// What the file calls the key (friendlyName, RFC 2985, 5.5.1).
    pub name: Option<String>,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Why a file gave no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// There is no private key in it, or it is damaged.
    #[error("there is no private key in the file")]
    NoKey,
    /// There are several; one key is one import.
    #[error("there are several private keys in the file")]
    SeveralKeys,
    /// It is encrypted, and no password was given.
    #[error("the file is encrypted")]
    PasswordNeeded,
    /// The password is wrong, or the file is damaged: without the right one nobody can tell.
    #[error("the password is wrong, or the file is damaged")]
    PasswordWrong,
    /// Encrypted in a way, or a key of a sort, that is not known here.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// It asks for more work to derive its key than any honest file does.
    #[error("deriving the key of this file would take too long")]
    TooCostly,
    /// The numbers of the key do not belong together.
    #[error("the parts of the key do not belong together")]
    Inconsistent,
}

/// Finds the one private key of a file, and the certificates beside it. `password` without a line feed.
///
/// # Errors
/// [`KeyFileError`]
pub fn read(file: &[u8], password: Option<&[u8]>) -> Result<KeyFile, KeyFileError> {
    let found = if pem::is_pem(file) {
        pem::read(file, password)?
    } else {
        Found {
            pkcs8: of_der(file, password)?,
            ..Found::default()
        }
        .or_pkcs12(file, password)?
    };
    found.check()
}

/// What was found so far, not yet looked into.
#[derive(Default)]
struct Found {
    pkcs8: Option<Zeroizing<Vec<u8>>>,
    certificates: Vec<Certificate>,
    name: Option<String>,
}

impl Found {
    fn or_pkcs12(self, file: &[u8], password: Option<&[u8]>) -> Result<Self, KeyFileError> {
        match self.pkcs8 {
            Some(_) => Ok(self),
            None => pkcs12::read(file, password),
        }
    }

    fn put(&mut self, key: Zeroizing<Vec<u8>>) -> Result<(), KeyFileError> {
        match self.pkcs8.replace(key) {
            None => Ok(()),
            Some(_) => Err(KeyFileError::SeveralKeys),
        }
    }

    fn check(self) -> Result<KeyFile, KeyFileError> {
        let pkcs8 = self.pkcs8.ok_or(KeyFileError::NoKey)?;
        if pkcs8.len() > MAX_KEY {
            return Err(KeyFileError::Unsupported(format!(
                "a key of {} bytes",
                pkcs8.len()
            )));
        }
        let (algorithm, public_key) = public_half(&pkcs8)?;
        Ok(KeyFile {
            pkcs8,
            public_key,
            algorithm,
            certificates: self.certificates,
            name: self.name,
        })
    }
}

/// A key alone, in DER; none if the bytes have none of the forms.
fn of_der(der: &[u8], password: Option<&[u8]>) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFileError> {
    if let Ok(sealed) = pkcs8::EncryptedPrivateKeyInfoRef::from_der(der) {
        let opened = pbe::open_pbes2(
            &sealed.encryption_algorithm,
            sealed.encrypted_data.as_bytes(),
            password,
        )?;
        return right(opened).map(Some);
    }
    if pbe::is_encrypted_key(der) {
        return right(pbe::open_encrypted_key(der, password)?).map(Some);
    }
    if PrivateKeyInfoRef::from_der(der).is_ok() {
        return Ok(Some(Zeroizing::new(der.to_vec())));
    }
    if let Ok(key) = EcPrivateKey::from_der(der) {
        return of_sec1(der, &key).map(Some);
    }
    Ok(is_pkcs1(der).then(|| of_pkcs1(der)))
}

/// What a password has opened, if it was the right one: once in 256 times a wrong one gives something that is padded as
/// it should be, and no key.
fn right(opened: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    PrivateKeyInfoRef::from_der(&opened).map_err(|_| KeyFileError::PasswordWrong)?;
    Ok(opened)
}

/// `RSAPrivateKey` (RFC 8017, A.1.2): nine integers, of which the first is the version.
fn is_pkcs1(der: &[u8]) -> bool {
    RsaPrivateKey::from_der(der).is_ok()
}

fn of_pkcs1(der: &[u8]) -> Zeroizing<Vec<u8>> {
    let parameters = AnyRef::from(Null);
    wrapped(RSA, parameters, der)
}

fn of_sec1(der: &[u8], key: &EcPrivateKey<'_>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let curve = key.parameters.and_then(|parameters| parameters.named_curve());
    let curve = curve.ok_or_else(|| KeyFileError::Unsupported("a key without a named curve".to_owned()))?;
    Ok(wrapped(EC, AnyRef::from(&curve), der))
}

fn wrapped(oid: ObjectIdentifier, parameters: AnyRef<'_>, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef {
        oid,
        parameters: Some(parameters),
    };
    let encoded = OctetStringRef::new(key)
        .and_then(|key| PrivateKeyInfoRef::new(algorithm, key).to_der())
        .expect("what was read as DER is short enough to be written as DER");
    Zeroizing::new(encoded)
}

/// What sort of key it is, and its `SubjectPublicKeyInfo`, by the library that also checks that all parts fit.
fn public_half(pkcs8: &[u8]) -> Result<(String, Vec<u8>), KeyFileError> {
    let info = PrivateKeyInfoRef::from_der(pkcs8).map_err(|_| KeyFileError::NoKey)?;
    let inconsistent = |_| KeyFileError::Inconsistent;
    match info.algorithm.oid {
        RSA => {
            // Of a shorter one the library says what it says of one whose numbers do not fit.
            let numbers = RsaPrivateKey::from_der(info.private_key.as_bytes()).ok();
            if let Some(bits @ ..MIN_RSA) = numbers.map(|numbers| bits(numbers.modulus)) {
                return Err(KeyFileError::Unsupported(format!("rsa:{bits}")));
            }
            let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(inconsistent)?;
            let bits = 8 * pair.public_modulus_len();
            Ok((format!("rsa:{bits}"), spki_of(pair.public_key())?))
        }
        EC => {
            let curve = info.algorithm.parameters_oid().map_err(|_| KeyFileError::NoKey)?;
            let known = CURVES.iter().find(|(oid, ..)| *oid == curve);
            let (_, name, algorithm) = known.ok_or_else(|| KeyFileError::Unsupported(curve.to_string()))?;
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).map_err(inconsistent)?;
            Ok(((*name).to_owned(), spki_of(pair.public_key())?))
        }
        ED25519 => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(inconsistent)?;
            Ok(("ed25519".to_owned(), spki_of(pair.public_key())?))
        }
        other => Err(KeyFileError::Unsupported(other.to_string())),
    }
}

fn bits(number: UintRef<'_>) -> u32 {
    let bytes = number.as_bytes();
    let zeros = bytes.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(8 * bytes.len()).unwrap_or(u32::MAX) - zeros
}

fn spki_of(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<Vec<u8>, KeyFileError> {
    key.as_der()
        .map(|der| der.as_ref().to_vec())
        .map_err(|_| KeyFileError::Inconsistent)
}
