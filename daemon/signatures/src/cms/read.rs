//! Reading a SignedData. Certificates that are none of ours (attribute certificates, unknown versions) and revocation
//! values are passed over, whatever they hold: many real signatures carry some that strict types refuse.

use der::asn1::ObjectIdentifier;

use super::tlv::{self, Element, Elements, Malformed, tag};
use super::{ID_SIGNED_DATA, attributes, ber, material, references, stamps};
use crate::algorithm::{Hash, UnknownAlgorithm};
use crate::certificate::Certificate;
use crate::material::ValidationMaterial;

/// The longest SignedData that is read, attached content included, in bytes.
pub(super) const MAX_LEN: usize = 256 * 1024 * 1024;

/// Signers of one SignedData.
pub const MAX_SIGNERS: usize = 64;

/// Certificates of one SignedData.
pub const MAX_CERTIFICATES: usize = 128;

/// Digest algorithms and revocation values of one SignedData.
const MAX_OTHERS: usize = 1024;

/// Why bytes are no SignedData that can be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Longer than 256 MiB.
    #[error("{0} bytes are too long for a signature")]
    TooLong(usize),
    /// Not a SignedData in BER or DER.
    #[error("not a CMS SignedData")]
    Malformed,
    /// CMS, but something else than SignedData.
    #[error("CMS of the type {0}, not SignedData")]
    NotSignedData(String),
    /// More signers or certificates than are looked at.
    #[error("more signers or certificates than are looked at")]
    TooMany,
}

impl From<Malformed> for FormatError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// A SignedData (RFC 5652, section 5.1) as it came.
#[derive(Debug, Clone)]
pub struct SignedData {
    content_type: ObjectIdentifier,
    content: Option<Vec<u8>>,
    certificates: Vec<Certificate>,
    signers: Vec<SignerInfo>,
    pub(crate) raw: RawSets,
}

/// The sets of a SignedData, each element as it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawSets {
    pub(crate) digest_algorithms: Vec<Vec<u8>>,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) crls: Vec<Vec<u8>>,
    /// Whether it came in BER and so does not stand as it came.
    pub(crate) rewritten: bool,
}

/// A SignerInfo (RFC 5652, section 5.3) as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerInfo {
    pub(super) identifier: SignerIdentifier,
    /// AlgorithmIdentifier
    pub(super) digest_algorithm: Vec<u8>,
    /// What stands in the `[0]`.
    pub(super) signed_attributes: Option<Vec<u8>>,
    /// AlgorithmIdentifier
    pub(super) signature_algorithm: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// Everything before the unsigned attributes, as it stands.
    pub(crate) fields: Vec<u8>,
    /// What stands in the `[1]`.
    pub(crate) unsigned_attributes: Option<Vec<u8>>,
}

/// Which certificate is the signer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SignerIdentifier {
    IssuerAndSerial { issuer: Vec<u8>, serial: Vec<u8> },
    SubjectKey(Vec<u8>),
}

impl SignerIdentifier {
    /// Whether it names this certificate.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                certificate.issuer_der() == issuer && certificate.serial() == serial
            }
            Self::SubjectKey(identifier) => certificate
                .subject_key_identifier()
                .is_some_and(|own| own == *identifier),
        }
    }
}

impl SignerInfo {
    /// The hash over the content.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`]
    pub fn digest_algorithm(&self) -> Result<Hash, UnknownAlgorithm> {
        Hash::from_identifier_der(&self.digest_algorithm)
    }

    /// As [`SignerInfo::digest_algorithm`], SHA-1 among them; whether it counts is decided when it is judged.
    pub(crate) fn digest_algorithm_with_sha1(&self) -> Option<Hash> {
        Hash::from_old_identifier_der(&self.digest_algorithm, true).ok()
    }

    /// The signature value.
    pub(crate) fn signature_value(&self) -> &[u8] {
        &self.signature
    }

    /// What its signature is over, where it has signed attributes (RFC 5652, 5.4).
    pub(crate) fn to_be_signed(&self) -> Option<Vec<u8>> {
        let contents = self.signed_attributes.as_deref()?;
        Some(tlv::write(tag::SET, contents))
    }

    /// The digest of the content that it signs, where it is one with this hash.
    pub(crate) fn signed_digest(&self, hash: Hash) -> Option<&[u8]> {
        let signed = self.signed_attributes.as_deref()?;
        let attributes = attributes::read(signed).ok()?;
        let digest = attributes::value(&attributes, attributes::MESSAGE_DIGEST)?;
        (self.digest_algorithm_with_sha1()? == hash).then_some(digest.value)
    }

    /// Whether it has an unsigned attribute of this type.
    pub(crate) fn has_unsigned_attribute(&self, oid: ObjectIdentifier) -> bool {
        let contents = self.unsigned_attributes.as_deref().unwrap_or_default();
        attributes::read(contents)
            .is_ok_and(|attributes| attributes.iter().any(|attribute| attribute.oid == oid))
    }

    /// The counter-signatures over it (RFC 5652, 11.4); none in the place of one that cannot be read.
    pub(crate) fn counter_signatures(&self) -> Vec<Option<Self>> {
        let contents = self.unsigned_attributes.as_deref().unwrap_or_default();
        attributes::read(contents)
            .unwrap_or_default()
            .iter()
            .filter(|attribute| attribute.oid == crate::cades::COUNTER_SIGNATURE)
            .flat_map(|attribute| &attribute.values)
            .map(|value| Self::read(*value).ok())
            .collect()
    }

    /// The types of the unsigned attributes that nothing here looks at.
    pub(super) fn not_evaluated(&self) -> Vec<String> {
        let contents = self.unsigned_attributes.as_deref().unwrap_or_default();
        attributes::read(contents)
            .unwrap_or_default()
            .iter()
            .map(|attribute| attribute.oid)
            .filter(|oid| {
                let others = [
                    crate::cades::COUNTER_SIGNATURE,
                    references::CERTIFICATES,
                    references::REVOCATION,
                ];
                !others.contains(oid) && stamps::kind(*oid).is_none() && !material::is_value(*oid)
            })
            .map(|oid| oid.to_string())
            .collect()
    }

    /// Its certificate among these, as its identifier names it.
    pub(crate) fn find<'a>(&self, certificates: &'a [Certificate]) -> Option<&'a Certificate> {
        certificates
            .iter()
            .find(|certificate| self.identifier.names(certificate))
    }

    /// Whether it carries the signing-time attribute (RFC 5652, section 11.3), which PAdES leaves out.
    #[must_use]
    pub fn has_signing_time(&self) -> bool {
        let attributes = self.signed_attributes.as_deref().map(attributes::read);
        matches!(attributes, Some(Ok(read)) if attributes::value(&read, attributes::SIGNING_TIME).is_some())
    }

    pub(super) fn read(element: Element<'_>) -> Result<Self, Malformed> {
        if element.tag != tag::SEQUENCE {
            return Err(Malformed);
        }
        let mut fields = element.children();
        version(&mut fields)?;
        let identifier = match fields.next_if(tag::context_primitive(0))? {
            Some(key) => SignerIdentifier::SubjectKey(key.value.to_vec()),
            None => {
                let mut names = fields.next_tagged(tag::SEQUENCE)?.children();
                let issuer = names.next_tagged(tag::SEQUENCE)?.raw.to_vec();
                let serial = names.next_tagged(tag::INTEGER)?.value.to_vec();
                names.finish()?;
                SignerIdentifier::IssuerAndSerial { issuer, serial }
            }
        };
        let digest_algorithm = fields.next_tagged(tag::SEQUENCE)?.raw.to_vec();
        let signed_attributes = fields
            .next_if(tag::context(0))?
            .map(|attributes| attributes.value.to_vec());
        let signature_algorithm = fields.next_tagged(tag::SEQUENCE)?.raw.to_vec();
        let signature = fields.next_tagged(tag::OCTET_STRING)?.value.to_vec();
        let before = element.value.len() - fields.remaining();
        let unsigned_attributes = fields
            .next_if(tag::context(1))?
            .map(|attributes| attributes.value.to_vec());
        fields.finish()?;
        Ok(Self {
            identifier,
            digest_algorithm,
            signed_attributes,
            signature_algorithm,
            signature,
            fields: element.value[..before].to_vec(),
            unsigned_attributes,
        })
    }
}

impl SignedData {
    /// Reads a ContentInfo with a SignedData in BER or DER. Nothing may follow it.
    ///
    /// # Errors
    /// [`FormatError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > MAX_LEN {
            return Err(FormatError::TooLong(bytes.len()));
        }
        let der = ber::normalised(bytes)?;
        let mut content_info = Elements::of_single(&der)?.next_tagged(tag::SEQUENCE)?.children();
        let content_type = content_info.next_tagged(tag::OID)?.oid()?;
        if content_type != ID_SIGNED_DATA {
            return Err(FormatError::NotSignedData(content_type.to_string()));
        }
        let content = content_info.next_tagged(tag::context(0))?;
        content_info.finish()?;
        let mut read = Self::read(Elements::of_single(content.value)?.next_tagged(tag::SEQUENCE)?)?;
        read.raw.rewritten = matches!(der, std::borrow::Cow::Owned(_));
        Ok(read)
    }

    fn read(element: Element<'_>) -> Result<Self, FormatError> {
        let mut fields = element.children();
        version(&mut fields)?;
        let digest_algorithms = fields.next_tagged(tag::SET)?.children().collect(MAX_OTHERS)?;
        let (content_type, content) = encapsulated_content(fields.next_tagged(tag::SEQUENCE)?)?;
        let certificates = match fields.next_if(tag::context(0))? {
            Some(set) => set
                .children()
                .collect(MAX_CERTIFICATES)
                .map_err(|_| too_many(&set, MAX_CERTIFICATES))?,
            None => Vec::new(),
        };
        let crls = match fields.next_if(tag::context(1))? {
            Some(revocation) => revocation.children().collect(MAX_OTHERS)?,
            None => Vec::new(),
        };
        let set = fields.next_tagged(tag::SET)?;
        fields.finish()?;
        let signers = set
            .children()
            .collect(MAX_SIGNERS)
            .map_err(|_| too_many(&set, MAX_SIGNERS))?;
        Ok(Self {
            content_type,
            content,
            raw: RawSets {
                digest_algorithms: owned(&digest_algorithms),
                certificates: owned(&certificates),
                crls: owned(&crls),
                rewritten: false,
            },
            certificates: certificates
                .into_iter()
                .filter(|choice| choice.tag == tag::SEQUENCE)
                .filter_map(|choice| Certificate::from_der(choice.raw).ok())
                .collect(),
            signers: signers
                .into_iter()
                .map(SignerInfo::read)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The type of the content (eContentType).
    pub(crate) const fn content_type(&self) -> ObjectIdentifier {
        self.content_type
    }

    /// Nothing at all, to be filled.
    pub(crate) const fn empty() -> Self {
        Self {
            content_type: super::ID_DATA,
            content: None,
            certificates: Vec::new(),
            signers: Vec::new(),
            raw: RawSets {
                digest_algorithms: Vec::new(),
                certificates: Vec::new(),
                crls: Vec::new(),
                rewritten: false,
            },
        }
    }

    /// Its signers, to be changed.
    pub(crate) fn signers_mut(&mut self) -> &mut Vec<SignerInfo> {
        &mut self.signers
    }

    /// What it brings along to be validated with: its certificates, CRLs and OCSP responses (RFC 5940), and those in the
    /// unsigned attributes of its signers.
    #[must_use]
    pub fn material(&self) -> ValidationMaterial {
        super::material::of(self)
    }

    /// The content, if it is attached.
    #[must_use]
    pub fn content(&self) -> Option<&[u8]> {
        self.content.as_deref()
    }

    /// The certificates that could be read. Not one of them is trusted for being here.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The signers; there may be none, and then nothing is signed.
    #[must_use]
    pub fn signers(&self) -> &[SignerInfo] {
        &self.signers
    }
}

/// `EncapsulatedContentInfo` (RFC 5652, section 5.2).
fn encapsulated_content(element: Element<'_>) -> Result<(ObjectIdentifier, Option<Vec<u8>>), Malformed> {
    let mut fields = element.children();
    let content_type = fields.next_tagged(tag::OID)?.oid()?;
    let content = match fields.next_if(tag::context(0))? {
        Some(explicit) => Some(
            Elements::of_single(explicit.value)?
                .next_tagged(tag::OCTET_STRING)?
                .value
                .to_vec(),
        ),
        None => None,
    };
    fields.finish()?;
    Ok((content_type, content))
}

fn owned(elements: &[Element<'_>]) -> Vec<Vec<u8>> {
    elements.iter().map(|element| element.raw.to_vec()).collect()
}

/// What stopped the reading of a set: its size or its form.
fn too_many(set: &Element<'_>, limit: usize) -> FormatError {
    let mut elements = set.children();
    let read = (0..=limit)
        .take_while(|_| matches!(elements.next_optional(), Ok(Some(_))))
        .count();
    if read > limit {
        FormatError::TooMany
    } else {
        FormatError::Malformed
    }
}

/// `CMSVersion` (RFC 5652, 10.2.5): one of 0 to 5. Which of them nobody keeps to, and nothing depends on it.
fn version(fields: &mut Elements<'_>) -> Result<(), Malformed> {
    match fields.next_tagged(tag::INTEGER)?.value {
        [0..=5] => Ok(()),
        _ => Err(Malformed),
    }
}
