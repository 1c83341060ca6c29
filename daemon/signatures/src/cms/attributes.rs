//! Signed attributes: content-type, message-digest, signing-time (RFC 5652, section 11), signing-certificate-v2
//! (RFC 5035, section 3), cms-algorithm-protection (RFC 6211).

use der::asn1::{GeneralizedTime, ObjectIdentifier, UtcTime};
use der::{Decode, Encode};
use time::OffsetDateTime;

use super::tlv::{self, Element, Elements, Header, Malformed, tag};
use crate::algorithm::{Hash, SignatureAlgorithm};
use crate::certificate::Certificate;

pub(crate) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(crate) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(crate) const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
pub(crate) const ALGORITHM_PROTECTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52");
pub(crate) const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
pub(crate) const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// Attributes of one signer that are looked at.
const MAX_ATTRIBUTES: usize = 64;

/// What goes into the signed attributes.
pub(super) struct SignedAttributes<'a> {
    /// None in a counter-signature (RFC 5652, 11.4).
    pub(super) content_type: Option<ObjectIdentifier>,
    pub(super) message_digest: &'a [u8],
    pub(super) signer: &'a Certificate,
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) signing_time: Option<OffsetDateTime>,
}

impl SignedAttributes<'_> {
    /// As SET OF, the form that is signed (RFC 5652, section 5.4); none when the signing time cannot be written.
    pub(super) fn to_der(&self) -> Option<Vec<u8>> {
        let mut attributes = vec![
            attribute(
                &MESSAGE_DIGEST,
                &tlv::write(tag::OCTET_STRING, self.message_digest),
            ),
            attribute(
                &SIGNING_CERTIFICATE_V2,
                &signing_certificate_v2(self.signer, self.algorithm.hash()),
            ),
            attribute(&ALGORITHM_PROTECTION, &algorithm_protection(self.algorithm)),
        ];
        if let Some(content_type) = &self.content_type {
            attributes.push(attribute(&CONTENT_TYPE, &tlv::oid(content_type)));
        }
        if let Some(time) = self.signing_time {
            attributes.push(attribute(&SIGNING_TIME, &time_der(time)?));
        }
        Some(tlv::set_of(tag::SET, attributes))
    }
}

fn attribute(oid: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    let mut body = tlv::oid(oid);
    body.extend(tlv::write(tag::SET, value));
    tlv::write(tag::SEQUENCE, &body)
}

/// `SigningCertificateV2` with one `ESSCertIDv2`; SHA-256 is the default and therefore absent (RFC 5035, section 4).
fn signing_certificate_v2(signer: &Certificate, hash: Hash) -> Vec<u8> {
    let mut identifier = if hash == Hash::Sha256 {
        Vec::new()
    } else {
        hash.identifier_der()
    };
    identifier.extend(tlv::write(tag::OCTET_STRING, &signer.digest(hash)));
    identifier.extend(tlv::write(tag::SEQUENCE, &issuer_serial(signer)));
    let identifiers = tlv::write(tag::SEQUENCE, &tlv::write(tag::SEQUENCE, &identifier));
    tlv::write(tag::SEQUENCE, &identifiers)
}

/// `IssuerSerial` for a certificate.
pub(crate) fn issuer_serial_der(certificate: &Certificate) -> Vec<u8> {
    tlv::write(tag::SEQUENCE, &issuer_serial(certificate))
}

/// Contents of `IssuerSerial` (RFC 5035, section 5.4.1) for a certificate.
pub(super) fn issuer_serial(certificate: &Certificate) -> Vec<u8> {
    let directory_name = tlv::write(tag::context(4), certificate.issuer_der());
    let mut body = tlv::write(tag::SEQUENCE, &directory_name);
    body.extend(tlv::write(tag::INTEGER, certificate.serial()));
    body
}

/// `CMSAlgorithmProtection`: the same algorithms as in the SignerInfo, the second one as `[1] IMPLICIT`.
fn algorithm_protection(algorithm: SignatureAlgorithm) -> Vec<u8> {
    let mut body = algorithm.hash().identifier_der();
    let signature = algorithm.identifier_der();
    body.push(tag::context(1));
    body.extend_from_slice(&signature[1..]);
    tlv::write(tag::SEQUENCE, &body)
}

/// `Time`: UTCTime through 2049, GeneralizedTime after (RFC 5652, 11.3), whole seconds.
fn time_der(time: OffsetDateTime) -> Option<Vec<u8>> {
    let seconds = std::time::Duration::from_secs(u64::try_from(time.unix_timestamp()).ok()?);
    if time.checked_to_offset(time::UtcOffset::UTC)?.year() < 2050 {
        UtcTime::from_unix_duration(seconds).ok()?.to_der().ok()
    } else {
        GeneralizedTime::from_unix_duration(seconds).ok()?.to_der().ok()
    }
}

/// One attribute as it came.
#[derive(Debug, Clone)]
pub(super) struct Attribute<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) values: Vec<Element<'a>>,
    /// The SET of the values as it stands.
    pub(super) set: &'a [u8],
    /// The whole as it stands.
    pub(super) raw: &'a [u8],
}

/// The attributes in the contents of a SET OF.
pub(super) fn read(contents: &[u8]) -> Result<Vec<Attribute<'_>>, Malformed> {
    let element = Element {
        tag: tag::SET,
        raw: contents,
        value: contents,
    };
    element
        .children()
        .collect(MAX_ATTRIBUTES)?
        .into_iter()
        .map(read_one)
        .collect()
}

fn read_one(element: Element<'_>) -> Result<Attribute<'_>, Malformed> {
    if element.tag != tag::SEQUENCE {
        return Err(Malformed);
    }
    let mut fields = element.children();
    let oid = fields.next_tagged(tag::OID)?.oid()?;
    let set = fields.next_tagged(tag::SET)?;
    fields.finish()?;
    Ok(Attribute {
        oid,
        values: set.children().collect(MAX_ATTRIBUTES)?,
        set: set.raw,
        raw: element.raw,
    })
}

/// The value of an attribute that stands there once with one value, which the caller has seen to.
pub(super) fn value<'a>(attributes: &[Attribute<'a>], oid: ObjectIdentifier) -> Option<Element<'a>> {
    let attribute = attributes.iter().find(|attribute| attribute.oid == oid)?;
    attribute.values.first().copied()
}

/// Whether the elements stand in the order of DER (X.690, 11.6).
pub(super) fn in_der_order(contents: &[u8]) -> bool {
    let element = Element {
        tag: tag::SET,
        raw: contents,
        value: contents,
    };
    element
        .children()
        .collect(MAX_ATTRIBUTES)
        .is_ok_and(|elements| elements.is_sorted_by_key(|element| element.raw))
}

/// `Time` (RFC 5652, 11.3).
pub(super) fn read_time(value: Element<'_>) -> Result<OffsetDateTime, Malformed> {
    let since_epoch = match value.tag {
        tag::UTC_TIME => UtcTime::from_der(value.raw).map(|time| time.to_unix_duration()),
        tag::GENERALIZED_TIME => GeneralizedTime::from_der(value.raw).map(|time| time.to_unix_duration()),
        _ => return Err(Malformed),
    };
    since_epoch
        .map(|duration| OffsetDateTime::UNIX_EPOCH + duration)
        .map_err(|_| Malformed)
}

/// Digest and signature AlgorithmIdentifier of a `CMSAlgorithmProtection`, each with the tag it has in a SignerInfo.
pub(super) fn read_algorithm_protection(value: Element<'_>) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
    if value.tag != tag::SEQUENCE {
        return Err(Malformed);
    }
    let mut fields = value.children();
    let digest = fields.next_tagged(tag::SEQUENCE)?.raw.to_vec();
    let signature = tlv::write(tag::SEQUENCE, fields.next_tagged(tag::context(1))?.value);
    fields.finish()?;
    Ok((digest, signature))
}

/// Whether bytes are a DER SET whose first element is an attribute: the octets that are signed when signed attributes
/// are present. As content of a signature without signed attributes the same octets would carry the same signature
/// (draft-ietf-lamps-cms-euf-cma-signeddata), so they are neither signed nor accepted as content.
#[must_use]
pub fn looks_like_signed_attributes(content: &[u8]) -> bool {
    begins_like_signed_attributes(content, content.len() as u64)
}

/// [`looks_like_signed_attributes`] of content of so many bytes, of which this is the beginning: at least
/// [`ATTRIBUTES_BEGIN`] bytes, or all of it.
#[must_use]
pub fn begins_like_signed_attributes(beginning: &[u8], length: u64) -> bool {
    let contents = |bytes: &'_ [u8], expected: u8| {
        let header = Header::read_ber(bytes)
            .ok()
            .filter(|header| header.tag == expected)?;
        Some((header.len, header.length?))
    };
    let Some((set, whole)) = contents(beginning, tag::SET) else {
        return false;
    };
    let beginning = &beginning[set..];
    let Some((sequence, attribute)) = contents(beginning, tag::SEQUENCE) else {
        return false;
    };
    let fits = (set as u64).checked_add(whole as u64) == Some(length) && sequence + attribute <= whole;
    let mut inside = Elements::of(&beginning[sequence..]);
    let is_named = inside.next_tagged(tag::OID).is_ok_and(|name| name.oid().is_ok());
    fits && is_named && contents(inside.rest(), tag::SET).is_some()
}

/// How much of a content shows whether it is a set of signed attributes, in bytes.
pub const ATTRIBUTES_BEGIN: usize = 4096;
