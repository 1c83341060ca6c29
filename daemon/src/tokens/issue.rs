//! A certificate for a key on a token, by a key on a token (RFC 5280): prepared here, signed there, finished here. For
//! tests and demonstrations; nobody else trusts what a key certifies of itself.

use std::time::Duration;

use der::asn1::{BitString, OctetString};
use der::oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Encode, Sequence};
use sha1::{Digest, Sha1};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use time::OffsetDateTime;
use trien_signatures::algorithm::RsaPadding;
use trien_signatures::certificate::Certificate;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

use super::Signable;
use super::issuing_key::IssuingKey;

/// How long before its making a certificate begins, for computers whose clocks are slow.
const BACKDATED: time::Duration = time::Duration::hours(1);

/// Bytes of a serial number, random; the standard allows 20.
const SERIAL_LEN: usize = 16;

/// `id-kp-clientAuth` (RFC 5280, 4.2.1.12)
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// What is to be certified.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whom.
    pub subject: Name,
    /// DER of his `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    /// For how many days from now.
    pub days: u32,
    /// Whether he may certify others.
    pub is_ca: bool,
    /// Whether he may prove with it who he is, as well.
    pub sign_in: bool,
}

/// By whom.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// His name in the certificate.
    pub name: Name,
    /// DER of his `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    /// His token's, for RSA.
    pub padding: RsaPadding,
}

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The issuer's key is of a kind that signs no certificates here.
    #[error("no certificate can be signed with such a key")]
    UnsuitableKey,
    /// What the token returned is no signature by the issuer's key.
    #[error("the token's signature does not verify")]
    BadSignature,
    /// A key or a time cannot be written into a certificate.
    #[error("the certificate cannot be written")]
    Unwritable,
}

impl From<der::Error> for IssueError {
    fn from(_: der::Error) -> Self {
        Self::Unwritable
    }
}

/// `TBSCertificate`, version 3 (RFC 5280, 4.1).
#[derive(Sequence)]
struct ToBeSigned {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial_number: SerialNumber,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Validity,
    subject: Name,
    public_key: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Extensions,
}

/// `Certificate` (RFC 5280, 4.1)
#[derive(Sequence)]
struct Signed {
    to_be_signed: ToBeSigned,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// A certificate that lacks its signature.
pub struct PreparedCertificate {
    content: ToBeSigned,
    to_be_signed: Vec<u8>,
    key: IssuingKey,
}

impl PreparedCertificate {
    /// `now` is when it begins, less an hour.
    ///
    /// # Errors
    /// [`IssueError::UnsuitableKey`], [`IssueError::Unwritable`]
    pub fn new(wanted: Wanted, issuer: Issuer, now: OffsetDateTime) -> Result<Self, IssueError> {
        let key =
            IssuingKey::new(&issuer.public_key, issuer.padding).map_err(|_| IssueError::UnsuitableKey)?;
        let mut serial = [0; SERIAL_LEN];
        rustix::rand::getrandom(&mut serial, rustix::rand::GetRandomFlags::empty())
            .map_err(|_| IssueError::Unwritable)?;
        serial[0] = serial[0] & 0x3f | 0x40; // positive, and as long as it looks
        let content = ToBeSigned {
            version: 2,
            serial_number: SerialNumber::new(&serial)?,
            signature: key.identifier()?,
            validity: Validity::new(
                instant(now - BACKDATED)?,
                instant(now + time::Duration::days(i64::from(wanted.days)))?,
            ),
            extensions: extensions(&wanted, &issuer)?,
            issuer: issuer.name,
            subject: wanted.subject,
            public_key: SubjectPublicKeyInfoOwned::from_der(&wanted.public_key)?,
        };
        let to_be_signed = content.to_der()?;
        Ok(Self {
            content,
            to_be_signed,
            key,
        })
    }

    /// What the issuer's token signs.
    #[must_use]
    pub fn signable(&self) -> Signable {
        self.key.signable(&self.to_be_signed)
    }

    /// The certificate, once the signature has been verified.
    ///
    /// # Errors
    /// [`IssueError::BadSignature`]
    pub fn finish(self, raw_signature: &[u8]) -> Result<Certificate, IssueError> {
        let signature = self.key.verified(&self.to_be_signed, raw_signature);
        let signature = signature.map_err(|_| IssueError::BadSignature)?;
        let der = Signed {
            algorithm: self.content.signature.clone(),
            to_be_signed: self.content,
            signature: BitString::from_bytes(signature.as_bytes())?,
        }
        .to_der()?;
        Certificate::from_der(&der).map_err(|_| IssueError::Unwritable)
    }
}

fn extensions(wanted: &Wanted, issuer: &Issuer) -> der::Result<Extensions> {
    let usage = if wanted.is_ca {
        KeyUsages::KeyCertSign | KeyUsages::CRLSign
    } else {
        KeyUsages::DigitalSignature | KeyUsages::NonRepudiation
    };
    let constraints = BasicConstraints {
        ca: wanted.is_ca,
        path_len_constraint: None,
    };
    let issuer_id = AuthorityKeyIdentifier {
        key_identifier: Some(key_identifier(&issuer.public_key)?),
        ..AuthorityKeyIdentifier::default()
    };
    let mut extensions = vec![
        extension(&constraints, true)?,
        extension(&KeyUsage(usage), true)?,
        extension(&SubjectKeyIdentifier(key_identifier(&wanted.public_key)?), false)?,
        extension(&issuer_id, false)?,
    ];
    if wanted.sign_in {
        // Not critical: who looks at the key usage alone still takes what is signed (RFC 5280, 4.2.1.12).
        extensions.push(extension(&ExtendedKeyUsage(vec![CLIENT_AUTH]), false)?);
    }
    Ok(extensions)
}

fn extension<T: AssociatedOid + Encode>(value: &T, critical: bool) -> der::Result<Extension> {
    Ok(Extension {
        extn_id: T::OID,
        critical,
        extn_value: OctetString::new(value.to_der()?)?,
    })
}

/// RFC 5280, 4.2.1.2, method 1
fn key_identifier(public_key: &[u8]) -> der::Result<OctetString> {
    let info = SubjectPublicKeyInfoOwned::from_der(public_key)?;
    OctetString::new(Sha1::digest(info.subject_public_key.raw_bytes()).as_slice())
}

/// UTCTime until 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5).
fn instant(time: OffsetDateTime) -> Result<Time, IssueError> {
    let seconds = u64::try_from(time.unix_timestamp()).map_err(|_| IssueError::Unwritable)?;
    let since_1970 = Duration::from_secs(seconds);
    Ok(match der::asn1::UtcTime::from_unix_duration(since_1970) {
        Ok(short) => Time::UtcTime(short),
        Err(_) => Time::GeneralTime(der::asn1::GeneralizedTime::from_unix_duration(since_1970)?),
    })
}
