//! A counter-signature over a XAdES signature, as a property of it (EN 319 132-1, 5.2.7), by xmlsec1.

use std::process::Command;

use crate::openssl::{Identity, Pki};

const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";

/// The document with one over its first signature, or, if `about` is something else than its value, over that.
pub(crate) fn confirmed(pki: &Pki, by: &Identity, signed: &[u8], about: Option<&str>) -> String {
    let text = std::str::from_utf8(signed).unwrap();
    let value = text.split("<ds:SignatureValue Id=\"").nth(1).unwrap();
    let value = about.unwrap_or(value.split('"').next().unwrap());
    let method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    let form = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let template = format!(
        "<xades:UnsignedProperties xmlns:xades=\"{XADES}\"><xades:UnsignedSignatureProperties><xades:CounterSignature>\
         <ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:CanonicalizationMethod \
         Algorithm=\"{form}\"/><ds:SignatureMethod Algorithm=\"{method}\"/><ds:Reference URI=\"#{value}\" \
         Type=\"http://uri.etsi.org/01903#CountersignedSignature\"><ds:Transforms><ds:Transform Algorithm=\"{form}\"/>\
         </ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue/>\
         </ds:Reference></ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data>\
         </ds:KeyInfo></ds:Signature></xades:CounterSignature></xades:UnsignedSignatureProperties>\
         </xades:UnsignedProperties></xades:QualifyingProperties>"
    );
    let prepared = text.replacen("</xades:QualifyingProperties>", &template, 1);
    assert_ne!(prepared, text);
    let file = pki.workshop.write("confirmed.xml", prepared.as_bytes());
    let certificate = pki.workshop.path(&format!("{}.crt", by.name));
    let output = Command::new("xmlsec1")
        .arg("--sign")
        .args(["--node-xpath", "//*[local-name()='CounterSignature']/*"])
        .args(["SignatureValue", "Object"].iter().flat_map(|name| {
            let name = format!("http://www.w3.org/2000/09/xmldsig#:{name}");
            ["--id-attr:Id".to_owned(), name]
        }))
        .arg("--privkey-pem")
        .arg(format!("{},{}", by.key.display(), certificate.display()))
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}
