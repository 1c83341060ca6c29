//! XAdES: around, inside and beside a document, and raised to every level.

use crate::authority::Authority;
use crate::confirm::confirmed;
use crate::openssl::Pki;
use crate::{DS, INVOICE, LETTER, algorithm, by_template, by_xades, fails, passes, verified, xmlsec1};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use trien_signatures::algorithm::{Hash, RsaPadding};
use trien_signatures::augment::Augment;
use trien_signatures::report::{Format, Level, Reason, TimestampKind, Warning};
use trien_signatures::trust::Reliance;
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
        // A file that is handed in with it, be it the same, is not what this is about.
        let options = Options {
            content: Some(content),
        };
        let report = xmldsig::verify(&signed, &options, &pki.reliance()).unwrap();
        fails(&report, Reason::ContentGivenTwice);
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
    assert!(with_content(b"content").signatures[0].coverage.unwrap().whole);
    // In a document that says something itself, that is not covered.
    let options = Options {
        content: Some(b"content"),
    };
    let text = std::str::from_utf8(&signed).unwrap();
    let text = &text[text.find("<ds:Signature").unwrap()..];
    let beside = format!("<HoSo><Tien>1000000</Tien>{text}</HoSo>");
    let report = xmldsig::verify(beside.as_bytes(), &options, &pki.reliance()).unwrap();
    passes(&report);
    let signature = &report.signatures[0];
    assert!(!signature.coverage.unwrap().whole);
    assert_eq!(signature.covered.len(), 1);
    assert_eq!(signature.not_covered, ["Tien"]);
    assert!(signature.warnings.contains(&Warning::NotAllCovered));
}

/// The value of a signature that another one confirms has the name of every other value: that is no wrapping.
#[test]
fn a_counter_signature_confirms_a_signature_wherever_that_stands() {
    let pki = Pki::new();
    let (who, other) = (pki.leaf("signer", "ec:P-256"), pki.leaf("other", "ec:P-256"));
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let intermediates = [pki.ca.certificate.clone()];
    let judged = |text: &str, beside: Option<&[u8]>| {
        let reliance = Reliance {
            intermediates: &intermediates,
            ..pki.reliance()
        };
        let options = Options { content: beside };
        xmldsig::verify(text.as_bytes(), &options, &reliance).unwrap()
    };
    for packaging in [
        Packaging::Enveloped(LETTER.as_bytes().to_vec()),
        Packaging::Enveloping {
            content: LETTER.as_bytes(),
            media_type: "text/xml",
        },
        Packaging::Detached {
            content: b"content",
            name: "a",
            media_type: "text/plain",
        },
    ] {
        let enveloping = matches!(packaging, Packaging::Enveloping { .. });
        let beside = matches!(packaging, Packaging::Detached { .. }).then_some(&b"content"[..]);
        let signed = by_xades(&pki, &who, with, packaging);
        let text = confirmed(&pki, &other, &signed, None);
        let report = judged(&text, beside);
        passes(&report);
        let formats: Vec<Format> = report.signatures.iter().map(|one| one.format).collect();
        assert_eq!(formats, [Format::Xades, Format::CounterSignature]);
        let confirmation = &report.signatures[1];
        assert!(confirmation.covered[0].starts_with("SignatureValue#"));
        assert!(!confirmation.warnings.contains(&Warning::NotAllCovered));
        // What is confirmed is that value, and no other one in its place.
        let value = text
            .split("SignatureValue Id=")
            .nth(1)
            .unwrap()
            .split('<')
            .next()
            .unwrap();
        let changed = text.replace(&value[value.len() - 20..], &"A".repeat(20));
        let report = judged(&changed, beside);
        assert_eq!(report.signatures[1].reason, Some(Reason::ReferenceDigestMismatch));
        // It stays as it is when the signature is raised.
        let authority = Authority::new(&pki);
        let open = XadesSignature::open(text.into_bytes(), None).unwrap();
        let prepared = open
            .prepare_timestamp(TimestampKind::Signature, Hash::Sha256)
            .unwrap();
        let token = authority.stamp(prepared.imprint());
        let raised = prepared.finish(&token).unwrap();
        let stamps = std::str::from_utf8(&raised)
            .unwrap()
            .matches("<xades:EncapsulatedTimeStamp")
            .count();
        assert_eq!(stamps, 1);
        let open = XadesSignature::open(raised, None).unwrap();
        assert!(open.has_timestamp(TimestampKind::Signature).unwrap());
        // One in that place that is about something else confirms nothing.
        if enveloping {
            let object = std::str::from_utf8(&signed).unwrap();
            let object = object
                .split("<ds:Object Id=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            let report = judged(&confirmed(&pki, &other, &signed, Some(object)), beside);
            fails(&report, Reason::SignatureWrapping);
            assert_eq!(report.signatures[1].format, Format::XmlDsig);
        }
    }
}

/// What a manifest says of a file is signed, and whether the file is so is not looked at: that is told (XML-DSig, 5.1).
#[test]
fn the_references_of_a_manifest_are_reported_as_not_looked_at() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    for (namespace, told) in [(DS, true), ("urn:other", false)] {
        let content = format!(
            "<Manifest xmlns=\"{namespace}\"><Reference URI=\"don.pdf\"><DigestMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue>AAAA</DigestValue></Reference></Manifest>"
        );
        let packaging = Packaging::Enveloping {
            content: content.as_bytes(),
            media_type: "text/xml",
        };
        let report = verified(&pki, &by_xades(&pki, &who, with, packaging));
        passes(&report);
        let not_evaluated = &report.signatures[0].not_evaluated;
        assert_eq!(
            not_evaluated.contains(&"Manifest".to_owned()),
            told,
            "{report:#?}"
        );
    }
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
    let level = |bytes: &[u8], beside: Option<&[u8]>, expected| {
        let mut reliance = pki.reliance();
        reliance.at += time::Duration::seconds(2);
        reliance.now = reliance.at;
        let options = Options { content: beside };
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
        let beside = matches!(packaging, Packaging::Detached { .. }).then_some(&b"content"[..]);
        let b = by_xades(&pki, &who, with, packaging);
        level(&b, beside, Level::BB);
        let t = stamped(b, TimestampKind::Signature);
        level(&t, beside, Level::BT);
        let open = XadesSignature::open(t, None).unwrap();
        assert_eq!(open.to_be_proven().unwrap().leaves.len(), 2);
        let lt = open.add_material(&authority.material()).unwrap();
        level(&lt, beside, Level::BLT);
        let lta = stamped(lt.clone(), TimestampKind::Archive);
        level(&lta, beside, Level::BLTA);
        let again = XadesSignature::open(lta.clone(), Some(b"content".to_vec())).unwrap();
        let prepared = again
            .prepare_timestamp(TimestampKind::Archive, Hash::Sha256)
            .unwrap();
        let token = authority.stamp(prepared.imprint());
        level(&prepared.finish(&token).unwrap(), beside, Level::BLTA);
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
        let report = xmldsig::verify(changed.as_bytes(), &Options { content: beside }, &reliance).unwrap();
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
