//! PKCS #12 (RFC 7292): the `.p12` and `.pfx` files that browsers, Windows, OpenSSL and certification authorities give
//! out. The file's check value is verified before anything in it is used.

use aws_lc_rs::{digest, hmac};
use der::asn1::{AnyRef, BmpString, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader};
use pkcs8::PrivateKeyInfoRef;
use spki::AlgorithmIdentifierRef;
use trien_signatures::certificate::Certificate;
use trien_signatures::cms::to_der;
use zeroize::Zeroizing;

use super::pbe::{self, Purpose};
use super::{Found, KeyFileError};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");

/// More parts and bags than a key with the longest chain has.
const MAX_PARTS: usize = 64;

/// `PFX` (RFC 7292, 4)
#[derive(Sequence)]
struct Pfx<'a> {
    version: u8,
    content: ContentInfo<'a>,
    check: Option<MacData<'a>>,
}

/// `ContentInfo` (RFC 5652, 3)
#[derive(Sequence)]
struct ContentInfo<'a> {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: AnyRef<'a>,
}

#[derive(Sequence)]
struct MacData<'a> {
    value: DigestInfo<'a>,
    salt: &'a OctetStringRef,
    #[asn1(default = "one")]
    rounds: u32,
}

const fn one() -> u32 {
    1
}

#[derive(Sequence)]
struct DigestInfo<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    digest: &'a OctetStringRef,
}

/// `EncryptedData` (RFC 5652, 8)
#[derive(Sequence)]
struct EncryptedData<'a> {
    version: u8,
    content: EncryptedContent<'a>,
}

#[derive(Sequence)]
struct EncryptedContent<'a> {
    kind: ObjectIdentifier,
    algorithm: AlgorithmIdentifierRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    sealed: &'a OctetStringRef,
}

/// `SafeBag` (RFC 7292, 4.2)
#[derive(Sequence)]
struct Bag<'a> {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: AnyRef<'a>,
    /// A SET, which not every program sorts as DER wants it: taken apart only when it is looked into.
    attributes: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct Attribute<'a> {
    kind: ObjectIdentifier,
    values: AnyRef<'a>,
}

#[derive(Sequence)]
struct CertificateBag<'a> {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: &'a OctetStringRef,
}

/// The key and the certificates of a file.
pub(super) fn read(file: &[u8], password: Option<&[u8]>) -> Result<Found, KeyFileError> {
    let file = to_der(file).map_err(|_| KeyFileError::NoKey)?;
    let pfx = Pfx::from_der(&file).map_err(|_| KeyFileError::NoKey)?;
    if pfx.version != 3 || pfx.content.kind != DATA {
        return Err(KeyFileError::Unsupported("PKCS #12 with public keys".to_owned()));
    }
    let content = octets(pfx.content.content)?;
    let password = password.ok_or(KeyFileError::PasswordNeeded)?;
    if let Some(check) = &pfx.check {
        verify(check, content, password)?;
    }
    let content = to_der(content).map_err(|_| KeyFileError::NoKey)?;
    let parts = Vec::<ContentInfo<'_>>::from_der(&content).map_err(|_| KeyFileError::NoKey)?;
    let mut found = Found::default();
    for part in few(parts)? {
        match part.kind {
            DATA => take_bags(octets(part.content)?, password, &mut found)?,
            ENCRYPTED_DATA => {
                let data: EncryptedData<'_> = part.content.decode_as().map_err(|_| KeyFileError::NoKey)?;
                let opened = pbe::open(
                    &data.content.algorithm,
                    data.content.sealed.as_bytes(),
                    Some(password),
                )?;
                take_bags(&opened, password, &mut found)?;
            }
            other => return Err(KeyFileError::Unsupported(other.to_string())),
        }
    }
    Ok(found)
}

fn few<T>(parts: Vec<T>) -> Result<Vec<T>, KeyFileError> {
    if parts.len() > MAX_PARTS {
        Err(KeyFileError::TooCostly)
    } else {
        Ok(parts)
    }
}

fn octets<'a>(any: AnyRef<'a>) -> Result<&'a [u8], KeyFileError> {
    any.decode_as::<&'a OctetStringRef>()
        .map(OctetStringRef::as_bytes)
        .map_err(|_| KeyFileError::NoKey)
}

/// The check value over the file (RFC 7292, 4): HMAC under a key from the password.
fn verify(check: &MacData<'_>, content: &[u8], password: &[u8]) -> Result<(), KeyFileError> {
    const ALGORITHMS: [(ObjectIdentifier, &digest::Algorithm, hmac::Algorithm); 4] = [
        (
            ObjectIdentifier::new_unwrap("1.3.14.3.2.26"),
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        ),
        (
            ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
            &digest::SHA256,
            hmac::HMAC_SHA256,
        ),
        (
            ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
            &digest::SHA384,
            hmac::HMAC_SHA384,
        ),
        (
            ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
            &digest::SHA512,
            hmac::HMAC_SHA512,
        ),
    ];
    let named = check.value.algorithm.oid;
    let known = ALGORITHMS.iter().find(|(oid, ..)| *oid == named);
    let (_, hash, algorithm) = known.ok_or_else(|| KeyFileError::Unsupported(named.to_string()))?;
    pbe::check_rounds(check.rounds)?;
    let holds = |password: &[u8]| {
        let length = hash.output_len();
        let salt = check.salt.as_bytes();
        let key = pbe::derived(hash, password, salt, check.rounds, Purpose::Mac, length);
        let key = hmac::Key::new(*algorithm, &key);
        hmac::verify(&key, content, check.value.digest.as_bytes()).is_ok()
    };
    // Programs do not agree on what an empty password is: a zero, or nothing at all.
    if holds(&pbe::bmp(password)?) || (password.is_empty() && holds(&[])) {
        Ok(())
    } else {
        Err(KeyFileError::PasswordWrong)
    }
}

fn take_bags(content: &[u8], password: &[u8], found: &mut Found) -> Result<(), KeyFileError> {
    // A border between programs again: pieces inside an octet string may have been written as BER.
    let content = to_der(content).map_err(|_| KeyFileError::PasswordWrong)?;
    let bags = Vec::<Bag<'_>>::from_der(&content).map_err(|_| KeyFileError::NoKey)?;
    for bag in few(bags)? {
        match bag.kind {
            KEY_BAG => {
                let key = bag.value.to_der().map(Zeroizing::new);
                keep_key(key.map_err(|_| KeyFileError::NoKey)?, &bag, found)?;
            }
            SHROUDED_KEY_BAG => {
                let sealed = bag.value.to_der().map_err(|_| KeyFileError::NoKey)?;
                keep_key(pbe::open_encrypted_key(&sealed, Some(password))?, &bag, found)?;
            }
            CERTIFICATE_BAG => take_certificate(&bag, found)?,
            _ => {}
        }
    }
    Ok(())
}

fn keep_key(key: Zeroizing<Vec<u8>>, bag: &Bag<'_>, found: &mut Found) -> Result<(), KeyFileError> {
    PrivateKeyInfoRef::from_der(&key).map_err(|_| KeyFileError::PasswordWrong)?;
    found.name = friendly_name(bag).or(found.name.take());
    found.put(key)
}

fn take_certificate(bag: &Bag<'_>, found: &mut Found) -> Result<(), KeyFileError> {
    let held: CertificateBag<'_> = bag.value.decode_as().map_err(|_| KeyFileError::NoKey)?;
    if held.kind == X509_CERTIFICATE {
        let read = Certificate::from_der(held.value.as_bytes()).map_err(|_| KeyFileError::NoKey)?;
        found.certificates.push(read);
    }
    Ok(())
}

fn friendly_name(bag: &Bag<'_>) -> Option<String> {
    let mut attributes = SliceReader::new(bag.attributes?.value()).ok()?;
    while !attributes.is_finished() {
        let attribute = Attribute::decode(&mut attributes).ok()?;
        if attribute.kind == FRIENDLY_NAME {
            let name = BmpString::from_der(attribute.values.value()).ok()?.to_string();
            let shown = !name.trim().is_empty() && !name.chars().any(char::is_control);
            return shown.then(|| name.trim().to_owned());
        }
    }
    None
}
