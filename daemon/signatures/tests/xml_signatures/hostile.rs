//! What was changed, moved or wrapped afterwards, and what was never a signature.

use std::process::Command;

use crate::openssl::Pki;
use crate::processor::Work;
use crate::{
    DS, INVOICE, LETTER, algorithm, by_template, by_xades, by_xmlsec1, fails, passes, template_of, verified,
};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding};
use trien_signatures::report::{Indication, Reason};
use trien_signatures::trust::Reliance;
use trien_signatures::xades::Packaging;
use trien_signatures::xmldsig::{self, Options, Template, XmlDsigRequest, XmlPrepareError};

#[test]
fn every_byte_that_is_changed_is_found() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let signed = by_xades(
        &pki,
        &who,
        with,
        Packaging::Enveloped(b"<a b=\"c\">d<e/></a>".to_vec()),
    );
    let mut accepted = Vec::new();
    for at in (0..signed.len()).step_by(3) {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        if xmldsig::verify(&changed, &Options::default(), &pki.reliance()).is_ok_and(|report| report.valid())
        {
            accepted.push(at);
        }
    }
    // Certificates that are not the signer's may change: they prove nothing by being here.
    let text = String::from_utf8(signed.clone()).unwrap();
    let second = text.match_indices("<ds:X509Certificate>").nth(1).unwrap().0;
    let end = text.find("</ds:X509Data>").unwrap();
    // So may the Id of the value, which nothing refers to.
    let value = text
        .find(" Id=\"")
        .map(|_| text.find("<ds:SignatureValue").unwrap())
        .unwrap();
    accepted.retain(|at| !(second..end).contains(at) && !(value..value + 80).contains(at));
    assert!(
        accepted.is_empty(),
        "{:?}",
        accepted
            .iter()
            .map(|at| &text[at.saturating_sub(20)..(at + 20).min(text.len())])
            .collect::<Vec<_>>()
    );
}

#[test]
fn n136_document_types_and_what_fetches_are_refused() {
    let pki = Pki::new();
    // Whoever fetches anything, rings here.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let http = format!("http://{}", listener.local_addr().unwrap());
    let laughs: String = (1..30)
        .map(|level| format!("<!ENTITY l{level} \"&l{0};&l{0};&l{0};&l{0};\">", level - 1))
        .collect();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let template = Template::named("general").unwrap();
    for document in [
        "<!DOCTYPE a><a/>".to_owned(),
        "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>".to_owned(),
        format!("<!DOCTYPE a [<!ENTITY l0 \"ha\">{laughs}]><a>&l29;</a>"),
        format!("<!DOCTYPE a [<!ENTITY l0 \"ha\">{laughs}]><a x=\"&l29;\"/>"),
        format!("<!DOCTYPE a SYSTEM \"{http}/a.dtd\"><a/>"),
        format!("<!DOCTYPE a PUBLIC \"-//x//y\" \"{http}/a.dtd\"><a/>"),
        format!("<!DOCTYPE a [<!ENTITY x SYSTEM \"{http}/x\">]><a>&x;</a>"),
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>".to_owned(),
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"file:///etc/passwd\">%p;]><a/>".to_owned(),
        format!("<!DOCTYPE a [<!ENTITY % p SYSTEM \"{http}/p\">%p;]><a/>"),
        format!("<!DOCTYPE a [<!ATTLIST a x CDATA \"y\"><!NOTATION n SYSTEM \"{http}/n\">]><a/>"),
        "<a>&unknown;</a>".to_owned(),
    ] {
        let began = Work::begin();
        assert!(
            xmldsig::verify(document.as_bytes(), &Options::default(), &pki.reliance()).is_err(),
            "{document}"
        );
        let request = XmlDsigRequest {
            template: &template,
            signer: &who.certificate,
            chain: &[],
            algorithm: with,
            signing_time: OffsetDateTime::now_utc(),
        };
        assert!(
            xmldsig::prepare(document.clone().into_bytes(), &request).is_err(),
            "{document}"
        );
        assert!(began.so_far().as_secs() < 5, "{document}");
    }
    // An include is an element like any other, a style sheet an instruction: nothing is fetched, nothing is replaced.
    let document = format!(
        "<?xml-stylesheet href=\"{http}/x.xsl\"?><?xml-model href=\"{http}/x.rng\"?>\
         <a xmlns:xi=\"http://www.w3.org/2001/XInclude\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"a {http}/x.xsd\" xsi:noNamespaceSchemaLocation=\"{http}/y.xsd\">\
         <xi:include href=\"/etc/passwd\"/><xi:include href=\"{http}/z\" parse=\"text\"/></a>"
    );
    let signed = by_template(&pki, &who, with, "general", document.as_bytes());
    passes(&verified(&pki, &signed));
    let text = String::from_utf8(signed).unwrap();
    assert!(text.contains("<xi:include href=\"/etc/passwd\"/>"));
    // Nor is anything that a signature names: a key, a manifest, an object, a certificate.
    for (from, to, reason) in [
        (
            "<KeyInfo>",
            format!("<KeyInfo><RetrievalMethod URI=\"{http}/k\"/>"),
            None,
        ),
        (
            "<Reference URI=\"\"",
            format!("<Reference URI=\"{http}/d\""),
            Some(Reason::ExternalReference),
        ),
        // What a manifest in the signature names nobody signed.
        (
            "</Signature>",
            format!("<Object><Manifest><Reference URI=\"{http}/m\"/></Manifest></Object></Signature>"),
            None,
        ),
    ] {
        let changed = text.replacen(from, &to, 1);
        assert_ne!(changed, text, "{from}");
        let report = verified(&pki, changed.as_bytes());
        assert_eq!(report.signatures[0].reason, reason, "{report:#?}");
    }
    let rang = listener.accept().map(|(_, who)| who);
    assert!(
        rang.as_ref()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock),
        "{rang:?}"
    );
}

#[test]
fn n137_wrapping_and_ambiguous_ids_are_found() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let signed = String::from_utf8(by_template(&pki, &who, with, "e-invoice", INVOICE.as_bytes())).unwrap();
    passes(&verified(&pki, signed.as_bytes()));
    let start = signed.find("<DLHDon").unwrap();
    let end = signed.find("</DLHDon>").unwrap() + "</DLHDon>".len();
    let original = &signed[start..end];
    let evil = original.replace("42", "43");
    let evil_other_id = evil.replace("data-1", "data-2");
    let evil_no_id = evil.replace(" Id=\"data-1\"", "");
    let hidden = original.replace("<DLHDon ", "<DLHDon xmlns=\"\" ");
    let in_object =
        |inner: &str| signed.replace("</Signature>", &format!("<Object>{inner}</Object></Signature>"));
    let cases: Vec<(&str, String, Reason)> = vec![
        (
            "the same Id twice",
            signed.replace(original, &format!("{evil}{original}")),
            Reason::IdAmbiguous,
        ),
        (
            "the same Id, after",
            signed.replace(original, &format!("{original}{evil}")),
            Reason::IdAmbiguous,
        ),
        (
            "the same Id under another name",
            signed.replace(original, &format!("{}{original}", evil.replace("Id=", "ID="))),
            Reason::IdAmbiguous,
        ),
        (
            "the same Id as xml:id",
            signed.replace(original, &format!("{}{original}", evil.replace("Id=", "xml:id="))),
            Reason::IdAmbiguous,
        ),
        (
            "another Id before",
            signed.replace(original, &format!("{evil_other_id}{original}")),
            Reason::SignatureWrapping,
        ),
        (
            "no Id after",
            signed.replace(original, &format!("{original}{evil_no_id}")),
            Reason::SignatureWrapping,
        ),
        (
            "moved into a wrapper",
            signed.replace(original, &format!("{evil_other_id}<w>{original}</w>")),
            Reason::SignatureWrapping,
        ),
        (
            "moved into the signature",
            in_object(&hidden).replacen(original, &evil_other_id, 1),
            Reason::SignatureWrapping,
        ),
        (
            "moved into the signature, nothing left",
            in_object(&hidden).replacen(original, "", 1),
            Reason::SignatureWrapping,
        ),
        (
            "the signed one inside the evil one",
            signed.replace(
                original,
                &evil_no_id.replace("</DLHDon>", &format!("{original}</DLHDon>")),
            ),
            Reason::SignatureWrapping,
        ),
    ];
    for (what, document, reason) in cases {
        assert_ne!(document, signed, "{what}");
        let report = verified(&pki, document.as_bytes());
        assert!(!report.valid(), "{what}");
        assert_eq!(report.signatures[0].reason, Some(reason), "{what}: {report:#?}");
    }
    for uri in [
        "#xpointer(id('data-1'))",
        "#xpointer(/)",
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "#%64ata-1",
        "#data-1' or '1'='1",
        "#data-1\u{201d}",
    ] {
        let document = signed.replace("URI=\"#data-1\"", &format!("URI=\"{uri}\""));
        let report = verified(&pki, document.as_bytes());
        assert_ne!(report.signatures[0].indication, Indication::TotalPassed, "{uri}");
        assert!(
            matches!(
                report.signatures[0].reason,
                Some(Reason::ReferenceNotFound | Reason::ExternalReference)
            ),
            "{uri}: {report:#?}"
        );
    }
    let moved = signed
        .replace("<HDon ", "<TDiep><HDon ")
        .replace("</HDon>", "</HDon></TDiep>");
    passes(&verified(&pki, moved.as_bytes()));
    let whole = String::from_utf8(by_template(&pki, &who, with, "general", INVOICE.as_bytes())).unwrap();
    let moved = whole
        .replace("<HDon ", "<TDiep><HDon ")
        .replace("</HDon>", "</HDon></TDiep>");
    fails(&verified(&pki, moved.as_bytes()), Reason::ReferenceDigestMismatch);
}

#[test]
fn n138_nothing_verified_is_never_valid() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    fails(&verified(&pki, b"<a/>"), Reason::NoSigners);
    fails(
        &verified(
            &pki,
            b"<a><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/></a>",
        ),
        Reason::MalformedSignature,
    );
    let signed = String::from_utf8(by_template(&pki, &who, with, "general", LETTER.as_bytes())).unwrap();
    let (from, to) = (
        signed.find("<Reference").unwrap(),
        signed.rfind("</SignedInfo>").unwrap(),
    );
    let none = format!("{}{}", &signed[..from], &signed[to..]);
    fails(&verified(&pki, none.as_bytes()), Reason::NothingSigned);
    // A signature that is none, by its name or by where it stands, is passed over, and then there is none.
    for passed_over in [
        signed.replace("xmlns=\"http://www.w3.org/2000/09/xmldsig#\"", "xmlns=\"urn:x\""),
        signed
            .replace("<Signature", "<signature")
            .replace("</Signature>", "</signature>"),
        signed
            .replacen("<Signature", "<!--<Signature", 1)
            .replace("</Signature>", "</Signature>-->"),
        signed
            .replacen("<Signature", "<![CDATA[<Signature", 1)
            .replace("</Signature>", "</Signature>]]>"),
    ] {
        assert_ne!(passed_over, signed);
        let report = xmldsig::verify(passed_over.as_bytes(), &Options::default(), &pki.reliance());
        assert!(!report.is_ok_and(|report| report.valid()), "{passed_over}");
    }
    // xmlsec1 signs what is no part of the document: an object of the signature, and its own key information. It
    // accepts that; nothing of the document is signed.
    let rsa = pki.leaf("signer", "rsa:2048");
    let intermediates = [pki.ca.certificate.clone()];
    let reliance = Reliance {
        intermediates: &intermediates,
        ..pki.reliance()
    };
    let form = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    let method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let properties =
        "<SignatureProperties><SignatureProperty Target=\"#s\">x</SignatureProperty></SignatureProperties>";
    for (inside, object) in [
        (true, "<Object Id=\"o\">nothing of the letter</Object>".to_owned()),
        (true, format!("<Object Id=\"o\">{properties}</Object>")),
        (false, format!("<Object Id=\"o\">{properties}</Object>")),
    ] {
        let mut template = template_of(method, form, &object);
        if inside {
            template = format!("<letter>the letter{template}</letter>");
        }
        let only_object = by_xmlsec1(&pki, &rsa, &format!("{DS}:Object"), &template);
        let report = xmldsig::verify(only_object.as_bytes(), &Options::default(), &reliance).unwrap();
        fails(&report, Reason::NothingSigned);
    }
    // Only an object of the signature is signed, and nothing of the document.
    let template = "title = { vi = \"x\", en = \"x\" }\nplace = [\"*\"]\ncanonicalization = \"http://www.w3.org/2001/10/xml-exc-c14n#\"\nsignature_id = true\n[[reference]]\ntarget = [\"nothing\"]\noptional = true\n[signing_time]\nformat = \"zoned\"\n";
    let template = Template::read(template).unwrap();
    let request = XmlDsigRequest {
        template: &template,
        signer: &who.certificate,
        chain: &[],
        algorithm: with,
        signing_time: OffsetDateTime::now_utc(),
    };
    assert!(matches!(
        xmldsig::prepare(LETTER.as_bytes().to_vec(), &request),
        Err(XmlPrepareError::NoTarget(_))
    ));
}

#[test]
fn n139_transforms_are_those_of_the_list() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let signed = String::from_utf8(by_template(&pki, &who, with, "general", b"<a>admin</a>")).unwrap();
    for uri in [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        // It would look through the tags.
        "http://www.w3.org/2000/09/xmldsig#base64",
        "urn:unknown",
    ] {
        let changed = signed.replacen(
            "<Transforms>",
            &format!("<Transforms><Transform Algorithm=\"{uri}\"/>"),
            1,
        );
        fails(&verified(&pki, changed.as_bytes()), Reason::TransformNotAllowed);
    }
    let many = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>".repeat(100);
    let changed = signed.replacen("<Transforms>", &format!("<Transforms>{many}"), 1);
    fails(&verified(&pki, changed.as_bytes()), Reason::MalformedSignature);
    // A comment in the middle of a text does not end it: the text is what was signed.
    let commented = signed.replace("<a>admin", "<a>ad<!-- -->min");
    assert_ne!(commented, signed);
    passes(&verified(&pki, commented.as_bytes()));
    let document = trien_signatures::xml::Document::parse(commented.as_bytes()).unwrap();
    assert_eq!(document.text_of(document.root()), "admin");
}

#[test]
fn n140_weak_and_keyed_algorithms_are_refused() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let signed = String::from_utf8(by_template(&pki, &who, with, "general", LETTER.as_bytes())).unwrap();
    let method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    for uri in [
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-md5",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "urn:unknown",
        "",
    ] {
        let changed = signed.replace(method, uri);
        fails(&verified(&pki, changed.as_bytes()), Reason::AlgorithmNotAccepted);
    }
    let changed = signed.replace(method, "http://www.w3.org/2000/09/xmldsig#rsa-sha1");
    fails(&verified(&pki, changed.as_bytes()), Reason::Sha1NotAccepted);
    let digest = "http://www.w3.org/2001/04/xmlenc#sha256";
    let changed = signed.replace(digest, "http://www.w3.org/2000/09/xmldsig#sha1");
    fails(&verified(&pki, changed.as_bytes()), Reason::Sha1NotAccepted);
    for uri in [
        "http://www.w3.org/2001/04/xmldsig-more#md5",
        "http://www.w3.org/2001/04/xmlenc#ripemd160",
        "",
    ] {
        let changed = signed.replace(digest, uri);
        fails(&verified(&pki, changed.as_bytes()), Reason::AlgorithmNotAccepted);
    }
    // The switch for old documents is for SHA-1 and nothing else.
    let reliance = Reliance {
        sha1: true,
        ..pki.reliance()
    };
    for uri in [
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-md5",
    ] {
        let changed = signed.replace(method, uri);
        let report = xmldsig::verify(changed.as_bytes(), &Options::default(), &reliance).unwrap();
        fails(&report, Reason::AlgorithmNotAccepted);
    }

    // A true HMAC by xmlsec1, whose secret everybody has: the public key of the certificate beside it.
    let key = who.certificate.public_key_der();
    let secret = pki.workshop.write("secret", key);
    let form = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    let hmac = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
    let template = format!(
        "<letter>xin{}</letter>",
        template_of(hmac, form, "").replace("URI=\"#o\"", "URI=\"\"")
    );
    let run = |verb: &str, file: &std::path::Path| {
        let mut xmlsec1 = Command::new("xmlsec1");
        xmlsec1.args([verb, "--hmackey"]).args([&secret, file]);
        xmlsec1.output().unwrap()
    };
    let template = template.replace("<KeyInfo><X509Data/></KeyInfo>", "");
    let made = run("--sign", &pki.workshop.write("hmac.xml", template.as_bytes()));
    let made = String::from_utf8(made.stdout).unwrap();
    let start = signed.find("<KeyInfo").unwrap();
    let information = &signed[start..signed.find("</KeyInfo>").unwrap() + "</KeyInfo>".len()];
    let keyed = made.replace("</SignatureValue>", &format!("</SignatureValue>{information}"));
    let accepted = run("--verify", &pki.workshop.write("keyed.xml", keyed.as_bytes()));
    assert!(
        accepted.status.success(),
        "{}",
        String::from_utf8_lossy(&accepted.stderr)
    );
    fails(&verified(&pki, keyed.as_bytes()), Reason::AlgorithmNotAccepted);
    // Cut down to nothing (CVE-2009-0217), in an HMAC and in a signature that is none.
    for (from, bits) in [(&keyed, "0"), (&keyed, "1"), (&keyed, "-1"), (&signed, "0")] {
        let declared = if std::ptr::eq(from, &signed) { method } else { hmac };
        let length = format!(
            "<SignatureMethod Algorithm=\"{declared}\"><HMACOutputLength>{bits}</HMACOutputLength></SignatureMethod>"
        );
        let start = from.find("<SignatureMethod").unwrap();
        let end = from.find("<Reference").unwrap();
        let value = from.find("<SignatureValue").unwrap();
        let value = value + from[value..].find('>').unwrap() + 1;
        let rest = from.find("</SignatureValue>").unwrap();
        let cut = format!("{}{length}{}{}", &from[..start], &from[end..value], &from[rest..]);
        assert!(!verified(&pki, cut.as_bytes()).valid(), "{cut}");
    }
}
