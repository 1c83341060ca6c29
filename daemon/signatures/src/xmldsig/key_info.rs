//! KeyInfo: what a signature says of whose it is (XML-DSig 1.1, section 4.5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use crate::algorithm::{PublicKeyKind, PublicParts};
use crate::certificate::Certificate;
use crate::xml::text_content;

/// The namespace of XML-DSig 1.1.
const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";

/// One thing that KeyInfo has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyInfoPart {
    /// The signer's public key by itself, before everything else (4.5.2).
    KeyValue,
    /// The subject of his certificate, as RFC 4514 writes it.
    SubjectName,
    /// The issuer and the serial number of his certificate.
    IssuerSerial,
    /// His certificate.
    Certificate,
    /// The certificates between his and the root.
    Chain,
}

/// The KeyInfo of a signer, in the namespace of `prefix`. The parts stand in an order of their own.
pub(super) fn text(
    prefix: &str,
    parts: &[KeyInfoPart],
    signer: &Certificate,
    chain: &[Certificate],
) -> String {
    let has = |part| parts.contains(&part);
    let mut out = format!("<{prefix}KeyInfo>");
    if has(KeyInfoPart::KeyValue) {
        out += &key_value(prefix, signer);
    }
    out += &format!("<{prefix}X509Data>");
    if has(KeyInfoPart::IssuerSerial) {
        let (issuer, serial) = (signer.issuer().rfc4514, decimal(signer.serial()));
        out += &format!(
            "<{prefix}X509IssuerSerial><{prefix}X509IssuerName>{}</{prefix}X509IssuerName>\
             <{prefix}X509SerialNumber>{serial}</{prefix}X509SerialNumber></{prefix}X509IssuerSerial>",
            text_content(&issuer)
        );
    }
    if has(KeyInfoPart::SubjectName) {
        let subject = signer.subject().rfc4514;
        out += &format!(
            "<{prefix}X509SubjectName>{}</{prefix}X509SubjectName>",
            text_content(&subject)
        );
    }
    let own = has(KeyInfoPart::Certificate).then_some(signer);
    let others = chain.iter().filter(|_| has(KeyInfoPart::Chain));
    let mut written: Vec<&[u8]> = Vec::new();
    for certificate in own.into_iter().chain(others) {
        if !written.contains(&certificate.as_der()) {
            written.push(certificate.as_der());
            let text = BASE64.encode(certificate.as_der());
            out += &format!("<{prefix}X509Certificate>{text}</{prefix}X509Certificate>");
        }
    }
    out + &format!("</{prefix}X509Data></{prefix}KeyInfo>")
}

/// Nothing for a key that no signature here is made with.
fn key_value(prefix: &str, signer: &Certificate) -> String {
    let inner = match signer.key().parts() {
        Some(PublicParts::Rsa { modulus, exponent }) => format!(
            "<{prefix}RSAKeyValue><{prefix}Modulus>{}</{prefix}Modulus><{prefix}Exponent>{}</{prefix}Exponent>\
             </{prefix}RSAKeyValue>",
            BASE64.encode(modulus),
            BASE64.encode(exponent)
        ),
        Some(PublicParts::Point(point)) => {
            let curve = match signer.public_key() {
                PublicKeyKind::P384 => "1.3.132.0.34",
                PublicKeyKind::P521 => "1.3.132.0.35",
                _ => "1.2.840.10045.3.1.7",
            };
            format!(
                "<dsig11:ECKeyValue xmlns:dsig11=\"{DSIG11}\"><dsig11:NamedCurve URI=\"urn:oid:{curve}\">\
                 </dsig11:NamedCurve><dsig11:PublicKey>{}</dsig11:PublicKey></dsig11:ECKeyValue>",
                BASE64.encode(point)
            )
        }
        None => return String::new(),
    };
    format!("<{prefix}KeyValue>{inner}</{prefix}KeyValue>")
}

/// A number of many octets, the most significant first, in decimal digits.
pub(crate) fn decimal(octets: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for octet in octets {
        let mut carry = u32::from(*octet);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            // Less than ten.
            *digit = (value % 10) as u8;
            carry = value / 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits
        .iter()
        .rev()
        .map(|digit| char::from(b'0' + digit))
        .collect()
}
