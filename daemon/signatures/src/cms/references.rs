//! complete-certificate-references and complete-revocation-references (EN 319 122-1, A.1.1.1 and A.1.2.1).

use der::asn1::ObjectIdentifier;

use super::attributes;
use super::read::SignerInfo;
use super::tlv::{Element, Elements, Malformed, tag};
use crate::algorithm::Hash;
use crate::validation::references::{MAX_REFERENCES, Reference, Referenced};

/// complete-certificate-references
pub(super) const CERTIFICATES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.21");
/// complete-revocation-references
pub(super) const REVOCATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.22");

/// What reads the value of one of the two.
type Reader = fn(Element<'_>) -> Result<Vec<Reference>, Malformed>;

/// All that a signer carries; one that cannot be read stands for a property that cannot be read.
pub(super) fn of(signer: &SignerInfo) -> Vec<Reference> {
    let contents = signer.unsigned_attributes.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    for attribute in attributes::read(contents).unwrap_or_default() {
        let (read, to): (Reader, _) = match attribute.oid {
            CERTIFICATES => (certificates, Referenced::Certificate),
            REVOCATION => (revocation, Referenced::Crl),
            _ => continue,
        };
        for value in &attribute.values {
            found.extend(read(*value).unwrap_or_else(|Malformed| vec![Reference { to, digest: None }]));
        }
    }
    found
}

/// `CompleteCertificateRefs ::= SEQUENCE OF OtherCertID`
fn certificates(value: Element<'_>) -> Result<Vec<Reference>, Malformed> {
    let all = sequence(value)?.collect(MAX_REFERENCES)?;
    all.iter()
        .map(|one| reference(Referenced::Certificate, sequence(*one)?.next()?))
        .collect()
}

/// `CompleteRevocationRefs ::= SEQUENCE OF CrlOcspRef`
fn revocation(value: Element<'_>) -> Result<Vec<Reference>, Malformed> {
    let mut found = Vec::new();
    for one in sequence(value)?.collect(MAX_REFERENCES)? {
        for choice in sequence(one)?.collect(3)? {
            match choice.tag {
                // CRLListID: CrlValidatedID with the digest first.
                0xA0 => {
                    for crl in listed(choice)? {
                        found.push(reference(Referenced::Crl, sequence(crl)?.next()?)?);
                    }
                }
                // OcspListID: OcspResponsesID with the digest second, if it is there at all.
                0xA1 => {
                    for response in listed(choice)? {
                        let mut fields = sequence(response)?;
                        fields.next_tagged(tag::SEQUENCE)?;
                        if let Some(digest) = fields.next_optional()? {
                            found.push(reference(Referenced::OcspResponse, digest)?);
                        }
                    }
                }
                _ => return Err(Malformed),
            }
            if found.len() > MAX_REFERENCES {
                return Err(Malformed);
            }
        }
    }
    Ok(found)
}

/// What is in a SEQUENCE, and in nothing else.
fn sequence(element: Element<'_>) -> Result<Elements<'_>, Malformed> {
    match element.tag {
        tag::SEQUENCE => Ok(element.children()),
        _ => Err(Malformed),
    }
}

/// The elements of a `SEQUENCE { SEQUENCE OF … }` in an explicit tag.
fn listed<'a>(choice: Element<'a>) -> Result<Vec<Element<'a>>, Malformed> {
    let list = Elements::of_single(choice.value)?.next_tagged(tag::SEQUENCE)?;
    let all = Elements::of_single(list.value)?.next_tagged(tag::SEQUENCE)?;
    all.children().collect(MAX_REFERENCES)
}

/// `OtherHash ::= CHOICE { sha1Hash OCTET STRING, otherHash SEQUENCE { algorithm, value } }`
fn reference(to: Referenced, hash: Element<'_>) -> Result<Reference, Malformed> {
    let digest = match hash.tag {
        tag::OCTET_STRING => Some((Hash::Sha1, hash.value.to_vec())),
        tag::SEQUENCE => {
            let mut fields = hash.children();
            let algorithm = fields.next_tagged(tag::SEQUENCE)?.raw;
            let value = fields.next_tagged(tag::OCTET_STRING)?.value.to_vec();
            fields.finish()?;
            let algorithm = Hash::from_old_identifier_der(algorithm, true).ok();
            algorithm.map(|algorithm| (algorithm, value))
        }
        _ => return Err(Malformed),
    };
    Ok(Reference { to, digest })
}
