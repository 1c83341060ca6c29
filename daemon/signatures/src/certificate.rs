//! A certificate with the bytes it came as (RFC 5280), and what its subject says.

pub(crate) mod extension;
pub(crate) mod name;
mod subject;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use const_oid::db::rfc5280::ID_KP_CLIENT_AUTH;
use der::Decode;
use time::OffsetDateTime;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};

use crate::algorithm::{
    BadSignature, Declared, Hash, PublicKey, PublicKeyKind, SignatureAlgorithm, SignatureValue,
    UnknownAlgorithm,
};
use crate::cms::tlv::{self, Elements, tag};

pub use subject::Subject;

/// The longest certificate that is read, in bytes.
pub const MAX_LEN: usize = 64 * 1024;

/// Why these bytes are not a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Longer than [`MAX_LEN`].
    #[error("{0} bytes are too long for a certificate")]
    TooLong(usize),
    /// Not one certificate in DER.
    #[error("not a certificate in DER")]
    Malformed,
    /// Not PEM with the label CERTIFICATE.
    #[error("not a certificate in PEM")]
    NotPem,
}

/// An X.509 certificate. Keeps the DER it was read from: fingerprints and signatures are over those bytes, never over
/// an encoding made again. Clones share what was read.
#[derive(Clone)]
pub struct Certificate(Arc<Read>);

/// A certificate as it was read, once.
struct Read {
    der: Vec<u8>,
    parts: Parts,
    parsed: CertificateInner<Raw>,
    key: PublicKey,
    /// `SubjectPublicKeyInfo` of the key that was seen to have made its signature: the certificates of authorities
    /// stand in the paths of many documents.
    maker: OnceLock<Box<[u8]>>,
}

/// Where the parts stand in the DER, so that they are compared, hashed and verified as they came.
struct Parts {
    signed: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    key: Range<usize>,
    signature_algorithm: Range<usize>,
    signature: Range<usize>,
}

impl Parts {
    /// `Certificate` and `TBSCertificate` of RFC 5280, section 4.1.
    fn of(der: &[u8]) -> Result<Self, tlv::Malformed> {
        let at = |part: &[u8]| {
            let start = part.as_ptr().addr() - der.as_ptr().addr();
            start..start + part.len()
        };
        let mut certificate = Elements::of_single(der)?.next_tagged(tag::SEQUENCE)?.children();
        let signed = certificate.next_tagged(tag::SEQUENCE)?;
        let signature_algorithm = certificate.next_tagged(tag::SEQUENCE)?;
        let signature = certificate.next_tagged(tag::BIT_STRING)?;
        certificate.finish()?;
        let mut fields = signed.children();
        fields.next_if(tag::context(0))?;
        fields.next_tagged(tag::INTEGER)?;
        let inner_algorithm = fields.next_tagged(tag::SEQUENCE)?;
        let issuer = fields.next_tagged(tag::SEQUENCE)?;
        fields.next_tagged(tag::SEQUENCE)?;
        let subject = fields.next_tagged(tag::SEQUENCE)?;
        let key = fields.next_tagged(tag::SEQUENCE)?;
        let whole_octets = signature.value.first() == Some(&0);
        if inner_algorithm.raw != signature_algorithm.raw || !whole_octets {
            return Err(tlv::Malformed);
        }
        Ok(Self {
            signed: at(signed.raw),
            issuer: at(issuer.raw),
            subject: at(subject.raw),
            key: at(key.raw),
            signature_algorithm: at(signature_algorithm.raw),
            signature: at(&signature.value[1..]),
        })
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject().rfc4514)
            .field("serial", &self.serial_hex())
            .finish()
    }
}

impl Certificate {
    /// Reads one certificate in DER; nothing may follow it.
    ///
    /// # Errors
    /// [`CertificateError`]
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_LEN {
            return Err(CertificateError::TooLong(der.len()));
        }
        let parsed = CertificateInner::<Raw>::from_der(der).map_err(|_| CertificateError::Malformed)?;
        let parts = Parts::of(der).map_err(|_| CertificateError::Malformed)?;
        if !extensions_are_single(&parsed) {
            return Err(CertificateError::Malformed);
        }
        let key = PublicKey::from_spki_der(&der[parts.key.clone()]);
        Ok(Self(Arc::new(Read {
            der: der.to_vec(),
            parts,
            parsed,
            key,
            maker: OnceLock::new(),
        })))
    }

    /// Reads the certificates of a PEM text (RFC 7468), in their order; other text between them is passed over.
    ///
    /// # Errors
    /// [`CertificateError`] when there is none, or one of them is not a certificate.
    pub fn all_from_pem(pem: &str) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem_blocks(pem, "CERTIFICATE")?;
        if blocks.is_empty() {
            return Err(CertificateError::NotPem);
        }
        blocks.iter().map(|der| Self::from_der(der)).collect()
    }

    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// [`CertificateError`]
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        Self::all_from_pem(pem).map(|mut all| all.swap_remove(0))
    }

    /// The bytes it came as.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 of its DER.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        use sha2::Digest;
        sha2::Sha256::digest(&self.0.der).into()
    }

    /// SHA-256 of its DER, 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256())
    }

    /// Its serial number in lower-case hexadecimal, without a sign octet.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        serial_hex(self.0.parsed.tbs_certificate().serial_number().as_bytes())
    }

    /// From when it is valid.
    #[must_use]
    pub fn not_before(&self) -> OffsetDateTime {
        to_offset_date_time(&self.0.parsed.tbs_certificate().validity().not_before)
    }

    /// Until when it is valid, this second included.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        to_offset_date_time(&self.0.parsed.tbs_certificate().validity().not_after)
    }

    /// Whether a moment lies in its validity period.
    #[must_use]
    pub fn is_valid_at(&self, time: OffsetDateTime) -> bool {
        self.not_before() <= time && time <= self.not_after()
    }

    /// What the subject says.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject::of(self.0.parsed.tbs_certificate().subject())
    }

    /// What the issuer's name says.
    #[must_use]
    pub fn issuer(&self) -> Subject {
        Subject::of(self.0.parsed.tbs_certificate().issuer())
    }

    /// Common name of the issuer; its whole name (RFC 4514) when it has none.
    #[must_use]
    pub fn issuer_common_name(&self) -> String {
        let issuer = self.issuer();
        issuer.common_name.unwrap_or(issuer.rfc4514)
    }

    /// Sort of its public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKeyKind {
        self.0.key.kind()
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.0.key
    }

    /// The DER of its `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.0.der[self.0.parts.key.clone()]
    }

    /// Whether its key usage lets it sign documents: no key usage at all, or digitalSignature or nonRepudiation
    /// (RFC 5280, 4.2.1.3). A key usage that cannot be read lets nothing.
    #[must_use]
    pub fn may_sign_documents(&self) -> bool {
        match self.0.parsed.tbs_certificate().get_extension::<KeyUsage>() {
            Ok(None) => true,
            Ok(Some((_, usage))) => usage.digital_signature() || usage.non_repudiation(),
            Err(_) => false,
        }
    }

    /// Whether its key usage lets it vouch for contents: no key usage at all, or nonRepudiation (contentCommitment; RFC
    /// 5280, 4.2.1.3). A certificate that is only for logging in does not.
    #[must_use]
    pub fn may_commit_to_content(&self) -> bool {
        match self.0.parsed.tbs_certificate().get_extension::<KeyUsage>() {
            Ok(None) => true,
            Ok(Some((_, usage))) => usage.non_repudiation(),
            Err(_) => false,
        }
    }

    /// Whether its owner may prove with it who he is: it names clientAuth among its purposes (RFC 5280, 4.2.1.12), and
    /// its key usage, if there is one, has digitalSignature. Without purposes it is for anything, and thus not meant.
    #[must_use]
    pub fn may_authenticate(&self) -> bool {
        let inner = self.0.parsed.tbs_certificate();
        let usage = match inner.get_extension::<KeyUsage>() {
            Ok(None) => true,
            Ok(Some((_, usage))) => usage.digital_signature(),
            Err(_) => false,
        };
        let purposes = inner.get_extension::<ExtendedKeyUsage>();
        let meant = matches!(purposes, Ok(Some((_, ExtendedKeyUsage(purposes)))) if purposes.contains(&ID_KP_CLIENT_AUTH));
        usage && meant
    }

    /// Whether it calls itself a CA (RFC 5280, 4.2.1.9).
    #[must_use]
    pub fn is_ca(&self) -> bool {
        let constraints = self
            .0
            .parsed
            .tbs_certificate()
            .get_extension::<BasicConstraints>();
        matches!(constraints, Ok(Some((_, BasicConstraints { ca: true, .. }))))
    }

    /// Whether it says that it is no CA (RFC 5280, 4.2.1.9), which is more than to say nothing of it.
    pub(crate) fn is_no_ca(&self) -> bool {
        let constraints = self
            .0
            .parsed
            .tbs_certificate()
            .get_extension::<BasicConstraints>();
        !matches!(
            constraints,
            Ok(None | Some((_, BasicConstraints { ca: true, .. })))
        )
    }

    /// Whether issuer and subject are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        name::same(self.issuer_der(), self.subject_der())
    }

    /// Whether `other` may have issued it: the names are the same, or the key identifiers agree. That is a
    /// reason to look closer and nothing more; signatures are not looked at.
    #[must_use]
    pub fn may_be_issued_by(&self, other: &Self) -> bool {
        let authority = self
            .0
            .parsed
            .tbs_certificate()
            .get_extension::<AuthorityKeyIdentifier>()
            .ok()
            .flatten();
        let authority = authority.and_then(|(_, identifier)| identifier.key_identifier);
        match (authority, other.subject_key_identifier()) {
            (Some(authority), Some(own)) => authority.as_bytes() == own,
            _ => name::same(self.issuer_der(), other.subject_der()),
        }
    }

    /// Verifies a signature over `message` with its public key.
    ///
    /// # Errors
    /// [`BadSignature`]
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &SignatureValue,
    ) -> Result<(), BadSignature> {
        self.0.key.verify(algorithm, message, signature)
    }

    /// Verifies a signature over the message with this digest with its public key.
    ///
    /// # Errors
    /// [`BadSignature`]
    pub fn verify_digest(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        signature: &SignatureValue,
    ) -> Result<(), BadSignature> {
        self.0.key.verify_digest(algorithm, digest, signature)
    }

    /// The DER of the issuer's name.
    pub(crate) fn issuer_der(&self) -> &[u8] {
        &self.0.der[self.0.parts.issuer.clone()]
    }

    /// The DER of the subject's name.
    pub(crate) fn subject_der(&self) -> &[u8] {
        &self.0.der[self.0.parts.subject.clone()]
    }

    /// Whether `issuer` made its signature. `Err` when the algorithm is not accepted or nothing verifies it with such a
    /// key; `sha1` lets SHA-1 in.
    pub(crate) fn is_signed_by(&self, issuer: &Self, sha1: bool) -> Result<bool, UnknownAlgorithm> {
        let declared = Declared::in_certificate(&self.0.der[self.0.parts.signature_algorithm.clone()], sha1)?;
        if !issuer.key().verifies(declared.algorithm) {
            return Err(UnknownAlgorithm::Key(issuer.public_key()));
        }
        let key = issuer.public_key_der();
        if self.0.maker.get().is_some_and(|maker| **maker == *key) {
            return Ok(true);
        }
        let signed = &self.0.der[self.0.parts.signed.clone()];
        let value = SignatureValue(self.0.der[self.0.parts.signature.clone()].to_vec());
        let digest = declared.algorithm.hash().digest(signed);
        let verified = issuer.key().verify_declared(declared, &digest, &value).is_ok();
        if verified {
            // Another key that verifies as well has been remembered already, or nothing was: both are true.
            let _ = self.0.maker.set(key.into());
        }
        Ok(verified)
    }

    /// Whether it is signed with SHA-1, by whomever.
    pub(crate) fn is_by_sha1(&self) -> bool {
        Declared::is_with_sha1(&self.0.der[self.0.parts.signature_algorithm.clone()])
    }

    /// Contents of the INTEGER that is its serial number.
    pub(crate) fn serial(&self) -> &[u8] {
        self.0.parsed.tbs_certificate().serial_number().as_bytes()
    }

    /// Its subject key identifier, if it has one.
    pub(crate) fn subject_key_identifier(&self) -> Option<Vec<u8>> {
        let extension = self
            .0
            .parsed
            .tbs_certificate()
            .get_extension::<SubjectKeyIdentifier>()
            .ok()
            .flatten();
        extension.map(|(_, identifier)| identifier.0.as_bytes().to_vec())
    }

    /// Its digest with a hash, for references to it (RFC 5035).
    pub(crate) fn digest(&self, hash: Hash) -> Vec<u8> {
        hash.digest(&self.0.der)
    }
}

/// The contents of the blocks with this label; there may be none.
pub(crate) fn pem_blocks(pem: &str, label: &str) -> Result<Vec<Vec<u8>>, CertificateError> {
    let [begin, end] = ["BEGIN", "END"].map(|edge| format!("-----{edge} {label}-----"));
    let mut blocks = Vec::new();
    let mut rest = pem;
    while let Some((_, begun)) = rest.split_once(&begin) {
        let (body, after) = begun.split_once(&end).ok_or(CertificateError::NotPem)?;
        blocks.push(pem_body(body)?);
        rest = after;
    }
    Ok(blocks)
}

/// What stands between the lines of a PEM text, in lines of any length (RFC 7468, section 3, lax).
fn pem_body(body: &str) -> Result<Vec<u8>, CertificateError> {
    if body.len() > 2 * MAX_LEN {
        return Err(CertificateError::TooLong(body.len()));
    }
    let dense: String = body
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .collect();
    BASE64.decode(dense).map_err(|_| CertificateError::NotPem)
}

/// No extension may stand in a certificate twice (RFC 5280, section 4.2): two readers would take different ones.
fn extensions_are_single(certificate: &CertificateInner<Raw>) -> bool {
    let mut seen = BTreeSet::new();
    let extensions = certificate.tbs_certificate().extensions();
    extensions
        .into_iter()
        .flatten()
        .all(|extension| seen.insert(extension.extn_id))
}

/// A serial number in lower-case hexadecimal. DER puts a zero before one that would else be below zero.
pub(crate) fn serial_hex(octets: &[u8]) -> String {
    match octets {
        [0, rest @ ..] if !rest.is_empty() => hex::encode(rest),
        _ => hex::encode(octets),
    }
}

fn to_offset_date_time(time: &x509_cert::time::Time) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time.to_unix_duration()
}
