//! XAdES: around, inside and beside a document, and raised to every level.

use crate::authority::Authority;
use crate::openssl::Pki;
use crate::{INVOICE, LETTER, algorithm, by_template, by_xades, fails, passes, verified, xmlsec1};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use trien_signatures::algorithm::{Hash, RsaPadding};
use trien_signatures::augment::Augment;
use trien_signatures::report::{Level, Reason, TimestampKind, Warning};
use trien_signatures::xades::{Packaging, XadesSignature};
use trien_signatures::xmldsig::{self, Options};

#[test]
fn xades_envelops_and_stands_beside() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    for content in [LETTER.as_bytes(), b"\x00\xff bytes"] {
        let signed = by_xades(
            &pki,
            &who,
            with,
            Packaging::Enveloping {
                content,
                media_type: "application/octet-stream",
            },
        );
        let report = verified(&pki, &signed);
        passes(&report);
        assert!(report.signatures[0].coverage.unwrap().whole);
        xmlsec1(&pki, &signed, "//*[local-name()='Signature']").unwrap();
    }
    let enveloping = Packaging::Enveloping {
        content: LETTER.as_bytes(),
        media_type: "text/xml",
    };
    let signed = String::from_utf8(by_xades(&pki, &who, with, enveloping)).unwrap();
    let first = signed.find("<ds:Object").unwrap();
    for at in [first, signed.rfind("</ds:Signature>").unwrap()] {
        for inner in ["<evil/>", "evil", ""] {
            let (head, tail) = signed.split_at(at);
            let more = format!("{head}<ds:Object>{inner}</ds:Object>{tail}");
            fails(&verified(&pki, more.as_bytes()), Reason::SignatureWrapping);
        }
    }
    let packaging = Packaging::Detached {
        content: b"content",
        name: "Đơn.txt",
        media_type: "text/plain",
    };
    let signed = by_xades(&pki, &who, with, packaging);
    let at_root = "/*[local-name()='Signature']";
    pki.workshop.write("Đơn.txt", b"content");
    xmlsec1(&pki, &signed, at_root).unwrap();
    pki.workshop.write("Đơn.txt", b"Content");
    xmlsec1(&pki, &signed, at_root).unwrap_err();
    fails(&verified(&pki, &signed), Reason::ExternalReference);
    let with_content = |content| {
        let options = Options {
            content: Some(content),
        };
        xmldsig::verify(&signed, &options, &pki.reliance()).unwrap()
    };
    passes(&with_content(b"content"));
    fails(&with_content(b"Content"), Reason::ReferenceDigestMismatch);
}

#[test]
fn a_xades_signature_is_raised_to_every_level_and_stays_what_xmlsec1_accepts() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let authority = Authority::new(&pki);
    let stamped = |bytes: Vec<u8>, kind| {
        let open = XadesSignature::open(bytes, Some(b"content".to_vec())).unwrap();
        assert!(!open.has_timestamp(kind).unwrap());
        let prepared = open.prepare_timestamp(kind, Hash::Sha256).unwrap();
        let token = authority.stamp(prepared.imprint());
        prepared.finish(&token).unwrap()
    };
    let level = |bytes: &[u8], expected| {
        let mut reliance = pki.reliance();
        reliance.at += time::Duration::seconds(2);
        reliance.now = reliance.at;
        let options = Options {
            content: Some(b"content"),
        };
        let report = xmldsig::verify(bytes, &options, &reliance).unwrap();
        assert!(report.valid(), "{report:#?}");
        assert_eq!(report.signatures[0].level, Some(expected), "{report:#?}");
    };
    let enveloping = Packaging::Enveloping {
        content: LETTER.as_bytes(),
        media_type: "text/xml",
    };
    let detached = Packaging::Detached {
        content: b"content",
        name: "a",
        media_type: "text/plain",
    };
    for packaging in [
        Packaging::Enveloped(LETTER.as_bytes().to_vec()),
        enveloping,
        detached,
    ] {
        let b = by_xades(&pki, &who, with, packaging);
        level(&b, Level::BB);
        let t = stamped(b, TimestampKind::Signature);
        level(&t, Level::BT);
        let open = XadesSignature::open(t, None).unwrap();
        assert_eq!(open.to_be_proven().unwrap().leaves.len(), 2);
        let lt = open.add_material(&authority.material()).unwrap();
        level(&lt, Level::BLT);
        let lta = stamped(lt.clone(), TimestampKind::Archive);
        level(&lta, Level::BLTA);
        let again = XadesSignature::open(lta.clone(), Some(b"content".to_vec())).unwrap();
        let prepared = again
            .prepare_timestamp(TimestampKind::Archive, Hash::Sha256)
            .unwrap();
        let token = authority.stamp(prepared.imprint());
        level(&prepared.finish(&token).unwrap(), Level::BLTA);
        pki.workshop.write("a", b"content");
        xmlsec1(&pki, &lta, "//*[local-name()='Signature']").unwrap();
        // A property before the archive time-stamp is covered by it.
        let text = String::from_utf8(lta).unwrap();
        let changed = text.replacen("<xades:CRLValues>", "<xades:CRLValues><xades:Other/>", 1);
        let reliance = {
            let mut reliance = pki.reliance();
            reliance.at += time::Duration::seconds(2);
            reliance.now = reliance.at;
            reliance
        };
        let report = xmldsig::verify(
            changed.as_bytes(),
            &Options {
                content: Some(b"content"),
            },
            &reliance,
        )
        .unwrap();
        assert!(
            report.signatures[0]
                .warnings
                .contains(&Warning::TimestampNotValid)
        );
        assert_eq!(report.signatures[0].level, Some(Level::BLT));
    }
}

/// In another element its canonical form would be another, as that of a reference without one of its own is: C14N takes
/// the namespaces of what stands around along.
#[test]
fn a_document_with_signatures_is_enveloped_byte_for_byte() {
    let pki = Pki::new();
    let who = pki.leaf("seller", "rsa:2048");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let invoice = by_template(&pki, &who, with, "e-invoice", INVOICE.as_bytes());
    let packaging = Packaging::Enveloping {
        content: &invoice,
        media_type: "text/xml",
    };
    let signed = by_xades(&pki, &who, with, packaging);
    let report = verified(&pki, &signed);
    passes(&report);
    assert!(report.signatures[0].coverage.unwrap().whole);
    xmlsec1(&pki, &signed, "/*").unwrap();
    let text = String::from_utf8(signed).unwrap();
    let (_, object) = text.split_once("MimeType=\"text/xml\">").unwrap();
    let inside = BASE64.decode(object.split('<').next().unwrap()).unwrap();
    assert!(inside == invoice);
    passes(&verified(&pki, &inside));

    // Nor has one with a relative namespace a canonical form that others know.
    let relative = b"<a xmlns=\"b\"/>";
    let packaging = |content| Packaging::Enveloping {
        content,
        media_type: "application/octet-stream",
    };
    let signed = by_xades(&pki, &who, with, packaging(relative));
    passes(&verified(&pki, &signed));
    xmlsec1(&pki, &signed, "/*").unwrap();
    assert!(
        String::from_utf8(signed)
            .unwrap()
            .contains(&BASE64.encode(relative))
    );
    // What is inside as XML is called so everywhere.
    let signed = by_xades(&pki, &who, with, packaging(b"<a/>"));
    let text = String::from_utf8(signed).unwrap();
    assert!(
        text.contains("MimeType>text/xml<") && !text.contains("octet-stream"),
        "{text}"
    );
}
