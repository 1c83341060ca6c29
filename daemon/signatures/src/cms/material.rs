//! Validation material in a SignedData: where RFC 5652 and RFC 5940 put it, and where older CAdES did
//! (EN 319 122-1, clauses 5.4 and 5.5).

use der::asn1::ObjectIdentifier;

use super::attributes;
use super::read::SignedData;
use super::tlv::{self, Element, Elements, Malformed, tag};
use crate::material::ValidationMaterial;
use crate::revocation::OcspResponse;

/// id-ri-ocsp-response (RFC 5940, 2)
const RI_OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.16.2");
/// id-pkix-ocsp-basic
const OCSP_BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// certificate-values (EN 319 122-1, A.1.1.2)
const CERTIFICATE_VALUES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.23");
/// revocation-values (EN 319 122-1, A.1.2.2)
const REVOCATION_VALUES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.24");

const MAX_VALUES: usize = 256;

/// Whether it is an unsigned attribute that is read here.
pub(super) fn is_value(oid: ObjectIdentifier) -> bool {
    [CERTIFICATE_VALUES, REVOCATION_VALUES].contains(&oid)
}

/// Everything that is there; what cannot be read is passed over.
pub(super) fn of(signed_data: &SignedData) -> ValidationMaterial {
    let mut material = ValidationMaterial::default();
    for choice in &signed_data.raw.certificates {
        if choice.first() == Some(&tag::SEQUENCE) {
            material.certificates.push(choice.clone());
        }
    }
    for choice in &signed_data.raw.crls {
        match choice.first() {
            Some(&tag::SEQUENCE) => material.crls.push(choice.clone()),
            Some(0xA1) => material.ocsp_responses.extend(other_format(choice)),
            _ => {}
        }
    }
    for signer in signed_data.signers() {
        let contents = signer.unsigned_attributes.as_deref().unwrap_or_default();
        for attribute in attributes::read(contents).unwrap_or_default() {
            for value in &attribute.values {
                let mut found = ValidationMaterial::default();
                let read = match attribute.oid {
                    CERTIFICATE_VALUES => certificate_values(*value, &mut found),
                    REVOCATION_VALUES => revocation_values(*value, &mut found),
                    _ => Ok(()),
                };
                if read.is_ok() {
                    material.merge(&found);
                }
            }
        }
    }
    material
}

/// The OCSP response in an `OtherRevocationInfoFormat`.
fn other_format(choice: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Elements::of_single(choice).ok()?.next().ok()?.children();
    let format = fields.next_tagged(tag::OID).ok()?.oid().ok()?;
    let value = fields.next().ok()?.raw;
    match format {
        RI_OCSP => Some(value.to_vec()),
        OCSP_BASIC => OcspResponse::from_basic_der(value)
            .ok()
            .map(|response| response.as_der().to_vec()),
        _ => None,
    }
}

fn certificate_values(value: Element<'_>, found: &mut ValidationMaterial) -> Result<(), Malformed> {
    let certificates = value.children().collect(MAX_VALUES)?;
    found
        .certificates
        .extend(certificates.iter().map(|certificate| certificate.raw.to_vec()));
    Ok(())
}

/// `RevocationValues`: `[0]` CRLs, `[1]` BasicOCSPResponses.
fn revocation_values(value: Element<'_>, found: &mut ValidationMaterial) -> Result<(), Malformed> {
    let mut fields = value.children();
    while let Some(field) = fields.next_optional()? {
        let list = || Elements::of_single(field.value)?.next_tagged(tag::SEQUENCE);
        match field.tag {
            0xA0 => {
                let crls = list()?.children().collect(MAX_VALUES)?;
                found.crls.extend(crls.iter().map(|crl| crl.raw.to_vec()));
            }
            0xA1 => {
                let responses = list()?.children().collect(MAX_VALUES)?;
                let read = responses
                    .iter()
                    .filter_map(|response| OcspResponse::from_basic_der(response.raw).ok());
                found
                    .ocsp_responses
                    .extend(read.map(|response| response.as_der().to_vec()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// An OCSP response as an element of `crls` (RFC 5940, 2.1).
pub(crate) fn ocsp_choice(response: &[u8]) -> Vec<u8> {
    let mut body = tlv::oid(&RI_OCSP);
    body.extend_from_slice(response);
    tlv::write(tag::context(1), &body)
}
