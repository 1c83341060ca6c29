//! A SignedData with something more in it: unsigned attributes, certificates, revocation values, signers. What was signed
//! stays octet for octet.

use der::asn1::ObjectIdentifier;

use super::read::{SignedData, SignerInfo};
use super::tlv::{self, Elements, tag};
use super::{ID_SIGNED_DATA, write};
use crate::material::ValidationMaterial;

/// An attribute with one value.
pub(crate) fn attribute(oid: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    let mut body = tlv::oid(oid);
    body.extend(tlv::write(tag::SET, value));
    tlv::write(tag::SEQUENCE, &body)
}

/// One more attribute in the contents of a set of attributes. Values of a type that is there already go into an
/// attribute of their own: the time-stamps of EN 319 122-1 allow that, and nothing that was stamped moves.
pub(crate) fn add_attribute(contents: Option<&[u8]>, attribute: Vec<u8>) -> Option<Vec<u8>> {
    let set = tlv::Element {
        tag: tag::SET,
        raw: &[],
        value: contents.unwrap_or_default(),
    };
    let mut all: Vec<Vec<u8>> = set
        .children()
        .collect(256)
        .ok()?
        .iter()
        .map(|attribute| attribute.raw.to_vec())
        .collect();
    all.push(attribute);
    all.sort();
    Some(all.concat())
}

/// The CMS in DER with one more unsigned attribute at one of its signers.
pub(crate) fn with_unsigned(cms: &[u8], signer: usize, attribute: Vec<u8>) -> Option<Vec<u8>> {
    let mut signed_data = SignedData::parse(cms).ok()?;
    let changed = signed_data.signers_mut().get_mut(signer)?;
    changed.unsigned_attributes = Some(add_attribute(changed.unsigned_attributes.as_deref(), attribute)?);
    Some(to_der(&signed_data))
}

/// Adds what is not there yet.
pub(crate) fn add_material(signed_data: &mut SignedData, material: &ValidationMaterial) {
    let present = signed_data.material();
    let more = material.beyond(&present);
    signed_data.raw.certificates.extend(more.certificates);
    signed_data.raw.crls.extend(more.crls);
    let responses = more.ocsp_responses.iter();
    signed_data
        .raw
        .crls
        .extend(responses.map(|response| super::material::ocsp_choice(response)));
}

/// Takes the signer of `made` in: beside the others, or as a counter-signature over one of them; with its certificates.
pub(crate) fn join(signed_data: &mut SignedData, made: &SignedData, over: Option<usize>) -> Option<()> {
    let signer = made.signers().first()?.clone();
    for (own, more) in [
        (
            &mut signed_data.raw.digest_algorithms,
            &made.raw.digest_algorithms,
        ),
        (&mut signed_data.raw.certificates, &made.raw.certificates),
    ] {
        for element in more {
            if !own.contains(element) {
                own.push(element.clone());
            }
        }
    }
    match over {
        None => signed_data.signers_mut().push(signer),
        Some(over) => {
            let value = signer_der(&signer);
            let below = signed_data.signers_mut().get_mut(over)?;
            let attribute = attribute(&crate::cades::COUNTER_SIGNATURE, &value);
            below.unsigned_attributes = Some(add_attribute(below.unsigned_attributes.as_deref(), attribute)?);
        }
    }
    Some(())
}

/// ContentInfo around SignedData, in DER.
pub(crate) fn to_der(signed_data: &SignedData) -> Vec<u8> {
    let content = signed_data.content();
    let (mut head, tail) = around(signed_data, content.map(|content| content.len() as u64));
    head.extend_from_slice(content.unwrap_or_default());
    head.extend(tail);
    head
}

/// What stands before the content and what behind it. Without content, all is in the first part.
pub(crate) fn around(signed_data: &SignedData, content: Option<u64>) -> (Vec<u8>, Vec<u8>) {
    let mut front = tlv::write(tag::INTEGER, &[version(signed_data)]);
    front.extend(tlv::set_of(tag::SET, signed_data.raw.digest_algorithms.clone()));
    let mut tail = Vec::new();
    if !signed_data.raw.certificates.is_empty() {
        tail.extend(tlv::set_of(tag::context(0), signed_data.raw.certificates.clone()));
    }
    if !signed_data.raw.crls.is_empty() {
        tail.extend(tlv::set_of(tag::context(1), signed_data.raw.crls.clone()));
    }
    let signers = signed_data.signers().iter().map(signer_der).collect();
    tail.extend(tlv::set_of(tag::SET, signers));
    write::enclose(&ID_SIGNED_DATA, &signed_data.content_type(), front, content, tail)
}

fn signer_der(signer: &SignerInfo) -> Vec<u8> {
    let mut body = signer.fields.clone();
    if let Some(contents) = &signer.unsigned_attributes {
        body.extend(tlv::write(tag::context(1), contents));
    }
    tlv::write(tag::SEQUENCE, &body)
}

/// `CMSVersion` (RFC 5652, section 5.1).
fn version(signed_data: &SignedData) -> u8 {
    let raw = &signed_data.raw;
    let has = |elements: &[Vec<u8>], tag: u8| elements.iter().any(|element| element.first() == Some(&tag));
    let third = signed_data.signers().iter().any(|signer| {
        let version = Elements::of_single(&signer.fields[..3.min(signer.fields.len())])
            .and_then(|mut fields| fields.next_tagged(tag::INTEGER));
        version.is_ok_and(|version| version.value == [3])
    });
    if has(&raw.certificates, 0xA3) || has(&raw.crls, 0xA1) {
        5
    } else if has(&raw.certificates, 0xA2) {
        4
    } else if third || has(&raw.certificates, 0xA1) || signed_data.content_type() != super::ID_DATA {
        3
    } else {
        1
    }
}
