//! Signatures as nobody should make them: every part of a SignedData can be put in wrong, and the result is signed
//! with a real key all the same.

#![allow(dead_code, reason = "each test file uses its part")]

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};

use crate::openssl::{Identity, Pki};

pub(crate) const CONTENT: &[u8] = "Đơn đề nghị cấp lại giấy phép\n".as_bytes();

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const INTEGER: u8 = 0x02;

// Contents of object identifiers, in hexadecimal.
pub(crate) const DATA: &str = "2a864886f70d010701";
pub(crate) const SIGNED_DATA: &str = "2a864886f70d010702";
pub(crate) const TIMESTAMP_INFO: &str = "2a864886f70d0109100104";
pub(crate) const CONTENT_TYPE: &str = "2a864886f70d010903";
pub(crate) const MESSAGE_DIGEST: &str = "2a864886f70d010904";
pub(crate) const SIGNING_TIME: &str = "2a864886f70d010905";
pub(crate) const PROTECTION: &str = "2a864886f70d010934";
pub(crate) const SIGNING_CERTIFICATE: &str = "2a864886f70d010910020c";
pub(crate) const SIGNING_CERTIFICATE_V2: &str = "2a864886f70d010910022f";
pub(crate) const PSS: &str = "2a864886f70d01010a";
pub(crate) const MGF_1: &str = "2a864886f70d010108";
pub(crate) const SHA_1: &str = "2b0e03021a";

/// One element.
pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let length = value.len();
    let mut element = vec![tag];
    match length {
        0..=0x7F => element.push(u8::try_from(length).unwrap()),
        0x80..=0xFF => element.extend([0x81, u8::try_from(length).unwrap()]),
        _ => {
            let octets = length.to_be_bytes();
            let significant = octets.iter().skip_while(|octet| **octet == 0);
            element.push(0x80 | u8::try_from(significant.clone().count()).unwrap());
            element.extend(significant);
        }
    }
    element.extend(value);
    element
}

pub(crate) fn oid(contents: &str) -> Vec<u8> {
    der(0x06, &[&hex::decode(contents).unwrap()])
}

/// AlgorithmIdentifier with these parameters.
pub(crate) fn identifier(contents: &str, parameters: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[&oid(contents), parameters])
}

pub(crate) fn attribute(contents: &str, values: &[&[u8]]) -> Vec<u8> {
    der(SEQUENCE, &[&oid(contents), &der(SET, values)])
}

/// RSASSA-PSS-params with each field as given.
pub(crate) fn pss(hash: &[u8], mask_hash: &[u8], salt: u8, trailer: Option<u8>) -> Vec<u8> {
    let mask = der(SEQUENCE, &[&oid(MGF_1), mask_hash]);
    let trailer = trailer
        .map(|trailer| der(0xA3, &[&der(INTEGER, &[&[trailer]])]))
        .unwrap_or_default();
    der(
        SEQUENCE,
        &[
            &der(0xA0, &[hash]),
            &der(0xA1, &[&mask]),
            &der(0xA2, &[&der(INTEGER, &[&[salt]])]),
            &trailer,
        ],
    )
}

/// A signature about to be made.
#[derive(Clone)]
pub(crate) struct Forge<'a> {
    pub(crate) pki: &'a Pki,
    pub(crate) signer: &'a Identity,
    pub(crate) algorithm: SignatureAlgorithm,
    /// Attribute by attribute, in the order in which they are written unless `sorted`.
    pub(crate) attributes: Option<Vec<Vec<u8>>>,
    pub(crate) sorted: bool,
    /// The tag under which the attributes are signed.
    pub(crate) signed_tag: u8,
    pub(crate) content_type: Vec<u8>,
    pub(crate) content: Option<Vec<u8>>,
    pub(crate) digest_identifier: Vec<u8>,
    pub(crate) signature_identifier: Vec<u8>,
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The octets of the number, of the whole and of each SignerInfo.
    pub(crate) version: Vec<u8>,
    pub(crate) revocation: Vec<Vec<u8>>,
    /// How often the SignerInfo is written.
    pub(crate) times: usize,
    /// A SignerInfo after the first.
    pub(crate) further_signer: Vec<u8>,
    /// The signature in place of a real one.
    pub(crate) value: Option<Vec<u8>>,
    /// Unsigned attributes, in the order in which they are written.
    pub(crate) unsigned: Vec<Vec<u8>>,
}

impl<'a> Forge<'a> {
    /// Nothing wrong yet.
    pub(crate) fn new(pki: &'a Pki, signer: &'a Identity, algorithm: SignatureAlgorithm) -> Self {
        Self {
            pki,
            signer,
            algorithm,
            attributes: Some(vec![
                attribute(CONTENT_TYPE, &[&oid(DATA)]),
                message_digest(CONTENT),
                signing_time(),
                reference(signer, signer),
            ]),
            sorted: true,
            signed_tag: SET,
            content_type: oid(DATA),
            content: None,
            digest_identifier: Hash::Sha256.identifier_der(),
            signature_identifier: algorithm.identifier_der(),
            certificates: vec![
                signer.certificate.as_der().to_vec(),
                pki.ca.certificate.as_der().to_vec(),
            ],
            version: vec![1],
            revocation: Vec::new(),
            times: 1,
            further_signer: Vec::new(),
            value: None,
            unsigned: Vec::new(),
        }
    }

    pub(crate) fn attributes(&mut self) -> &mut Vec<Vec<u8>> {
        self.attributes.as_mut().unwrap()
    }

    /// Puts `attribute` in place of the one with its object identifier.
    pub(crate) fn replace(&mut self, contents: &str, attribute: Vec<u8>) {
        self.remove(contents);
        self.attributes().push(attribute);
    }

    pub(crate) fn remove(&mut self, identifier: &str) {
        let start = oid(identifier);
        self.attributes()
            .retain(|attribute| !contents(attribute).starts_with(&start));
    }

    /// What is signed: the attributes under `signed_tag`, or the content where there are none.
    pub(crate) fn to_be_signed(&self) -> Vec<u8> {
        match self.attribute_octets() {
            Some(attributes) => der(self.signed_tag, &[&attributes]),
            None => self.content.clone().unwrap_or_else(|| CONTENT.to_vec()),
        }
    }

    fn attribute_octets(&self) -> Option<Vec<u8>> {
        let mut attributes = self.attributes.clone()?;
        if self.sorted {
            attributes.sort();
        }
        Some(attributes.concat())
    }

    pub(crate) fn signer_info(&self) -> Vec<u8> {
        let value = self.value.clone().unwrap_or_else(|| {
            let signed = self
                .pki
                .workshop
                .sign(self.signer, self.algorithm, &self.to_be_signed());
            signed.as_bytes().to_vec()
        });
        let attributes = self
            .attribute_octets()
            .map(|octets| der(0xA0, &[&octets]))
            .unwrap_or_default();
        let unsigned = if self.unsigned.is_empty() {
            Vec::new()
        } else {
            der(0xA1, &[&self.unsigned.concat()])
        };
        der(
            SEQUENCE,
            &[
                &der(INTEGER, &[&self.version]),
                &issuer_and_serial(self.signer),
                &self.digest_identifier,
                &attributes,
                &self.signature_identifier,
                &der(OCTETS, &[&value]),
                &unsigned,
            ],
        )
    }

    pub(crate) fn make(&self) -> Vec<u8> {
        let content = self
            .content
            .as_ref()
            .map(|content| der(0xA0, &[&der(OCTETS, &[content])]))
            .unwrap_or_default();
        let revocation = if self.revocation.is_empty() {
            Vec::new()
        } else {
            der(0xA1, &[&self.revocation.concat()])
        };
        let signer_infos = if self.times == 0 {
            Vec::new()
        } else {
            self.signer_info().repeat(self.times)
        };
        let signed_data = der(
            SEQUENCE,
            &[
                &der(INTEGER, &[&self.version]),
                &der(SET, &[&self.digest_identifier]),
                &der(SEQUENCE, &[&self.content_type, &content]),
                &der(0xA0, &[&self.certificates.concat()]),
                &revocation,
                &der(SET, &[&signer_infos, &self.further_signer]),
            ],
        );
        der(SEQUENCE, &[&oid(SIGNED_DATA), &der(0xA0, &[&signed_data])])
    }
}

pub(crate) fn message_digest(content: &[u8]) -> Vec<u8> {
    attribute(MESSAGE_DIGEST, &[&der(OCTETS, &[&Hash::Sha256.digest(content)])])
}

pub(crate) fn signing_time() -> Vec<u8> {
    let now = OffsetDateTime::now_utc();
    let format = time::macros::format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    attribute(
        SIGNING_TIME,
        &[&der(0x17, &[now.format(format).unwrap().as_bytes()])],
    )
}

/// signing-certificate-v2 with the digest of one certificate and issuer and serial number of another.
pub(crate) fn reference(digest_of: &Identity, issuer_serial_of: &Identity) -> Vec<u8> {
    let issuer_and_serial = issuer_and_serial(issuer_serial_of);
    let (issuer, serial) = split(&issuer_and_serial);
    let names = der(SEQUENCE, &[&der(0xA4, &[issuer])]);
    let identifier = der(
        SEQUENCE,
        &[
            &der(OCTETS, &[&digest_of.certificate.sha256()]),
            &der(SEQUENCE, &[&names, serial]),
        ],
    );
    attribute(
        SIGNING_CERTIFICATE_V2,
        &[&der(SEQUENCE, &[&der(SEQUENCE, &[&identifier])])],
    )
}

/// Out of the certificate: version, serial number, algorithm, issuer (RFC 5280, 4.1).
fn issuer_and_serial(identity: &Identity) -> Vec<u8> {
    let certificate = contents(identity.certificate.as_der());
    let (_, after_version) = first(contents(first(certificate).0));
    let (serial, after_serial) = first(after_version);
    let (issuer, _) = first(first(after_serial).1);
    der(SEQUENCE, &[issuer, serial])
}

fn split(issuer_and_serial: &[u8]) -> (&[u8], &[u8]) {
    first(contents(issuer_and_serial))
}

/// The first element and the rest.
fn first(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (header, length) = header(bytes);
    bytes.split_at(header + length)
}

pub(crate) fn contents(element: &[u8]) -> &[u8] {
    &element[header(element).0..]
}

fn header(bytes: &[u8]) -> (usize, usize) {
    match bytes[1] {
        0x81 => (3, usize::from(bytes[2])),
        0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
        0x83 => (
            5,
            bytes[2..5]
                .iter()
                .fold(0, |length, octet| length << 8 | usize::from(*octet)),
        ),
        short => (2, usize::from(short)),
    }
}
