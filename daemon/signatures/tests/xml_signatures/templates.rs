//! XML-DSig by templates: what we make, and what templates may say.

use std::process::Command;

use crate::openssl::Pki;
use crate::{
    DECLARATION, DS, INVOICE, LETTER, algorithm, by_template, by_xades, finish, passes, verified, xmlsec1,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding};
use trien_signatures::certificate::Certificate;
use trien_signatures::report::{Format, Integrity, Level, Reason, TimeSource, Warning};
use trien_signatures::xades::{self, Packaging, XadesRequest};
use trien_signatures::xmldsig::{self, Options, Template, TemplateError, XmlDsigRequest, XmlPrepareError};

#[test]
fn every_algorithm_signs_by_template_and_xmlsec1_accepts_it() {
    let pki = Pki::new();
    let keys = ["rsa:2048", "ec:P-256", "ec:P-384", "ec:P-521"];
    for (number, key) in keys.into_iter().enumerate() {
        let who = pki.leaf(&format!("leaf{number}"), key);
        let paddings: &[_] = if number == 0 {
            &[RsaPadding::Pkcs1, RsaPadding::Pss]
        } else {
            &[RsaPadding::Pkcs1]
        };
        for padding in paddings {
            for hash in Hash::ALL {
                if key == "ec:P-521" && hash == Hash::Sha256 {
                    continue;
                }
                let with = algorithm(&who, *padding, hash);
                let signed = by_template(&pki, &who, with, "general", LETTER.as_bytes());
                let report = verified(&pki, &signed);
                passes(&report);
                assert_eq!(report.signatures[0].algorithm, Some(with));
                assert!(report.signatures[0].coverage.unwrap().whole);
                // xmlsec1 1.2.37 has no name for PSS.
                if *padding == RsaPadding::Pkcs1 {
                    xmlsec1(&pki, &signed, "//*[local-name()='Signature']")
                        .unwrap_or_else(|error| panic!("{with:?}: {error}"));
                }
                let xades = by_xades(&pki, &who, with, Packaging::Enveloped(LETTER.as_bytes().to_vec()));
                let report = verified(&pki, &xades);
                passes(&report);
                assert_eq!(report.signatures[0].level, Some(Level::BB));
                if *padding == RsaPadding::Pkcs1 {
                    xmlsec1(&pki, &xades, "//*[local-name()='Signature']")
                        .unwrap_or_else(|error| panic!("{with:?}: {error}"));
                }
            }
        }
    }
}

#[test]
fn an_invoice_has_the_layout_of_the_tax_office_with_seller_buyer_and_authority() {
    let pki = Pki::new();
    let who = pki.leaf("seller", "rsa:2048");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let once = by_template(&pki, &who, with, "e-invoice", INVOICE.as_bytes());
    let text = String::from_utf8(once.clone()).unwrap();
    assert!(
        text.contains("<DSCKS><NBan><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\""),
        "{text}"
    );
    // The data of the invoice and the time of signing, each by a reference of its own.
    assert!(text.contains("<Reference URI=\"#data-1\">"));
    let references: Vec<&str> = text
        .split("<Reference URI=\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let time = text.find("<SigningTime>").unwrap();
    let holder = text[..time].rfind("<Object").unwrap();
    let object = &text[holder..time];
    let [data, signed_time] = references[..] else {
        panic!("{references:?}")
    };
    assert_eq!(data, "data-1");
    assert!(object.contains(&format!("Id=\"{signed_time}\"")), "{object}");
    let report = verified(&pki, &once);
    passes(&report);
    let signature = &report.signatures[0];
    assert_eq!(signature.format, Format::XmlDsig);
    assert_eq!(signature.covered, ["DLHDon#data-1"]);
    assert_eq!(signature.not_covered, ["MCCQT"]);
    assert_eq!(signature.signing_time.unwrap().source, TimeSource::SignerProperty);
    assert!(signature.warnings.contains(&Warning::NotAllCovered));

    let twice = by_template(&pki, &who, with, "e-invoice-buyer", &once);
    let thrice = by_template(&pki, &who, with, "e-invoice-tax-authority", &twice);
    let report = verified(&pki, &thrice);
    passes(&report);
    assert_eq!(report.signatures.len(), 3);
    assert_eq!(report.signatures[2].covered, ["DLHDon#data-1", "MCCQT#MCCQT"]);
    for party in ["NBan", "NMua", "CQT"] {
        xmlsec1(
            &pki,
            &thrice,
            &format!("//DSCKS/{party}/*[local-name()='Signature']"),
        )
        .unwrap();
    }
}

#[test]
fn a_tax_declaration_is_signed_in_ckydtu() {
    let pki = Pki::new();
    let who = pki.leaf("payer", "rsa:2048");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let signed = by_template(&pki, &who, with, "tax-declaration", DECLARATION.as_bytes());
    let text = String::from_utf8(signed.clone()).unwrap();
    assert!(text.contains("<HSoKhaiThue id=\"NODETOSIGN\">"), "{text}");
    assert!(text.contains("<CKyDTu><Signature "));
    let report = verified(&pki, &signed);
    passes(&report);
    assert_eq!(report.signatures[0].covered, ["HSoKhaiThue#NODETOSIGN"]);
    assert!(report.signatures[0].not_covered.is_empty());
    xmlsec1(&pki, &signed, "//*[local-name()='Signature']").unwrap();
    let other = xmldsig::prepare(
        b"<other/>".to_vec(),
        &XmlDsigRequest {
            template: &Template::named("tax-declaration").unwrap(),
            signer: &who.certificate,
            chain: &[],
            algorithm: with,
            signing_time: OffsetDateTime::now_utc(),
        },
    );
    assert!(matches!(other, Err(XmlPrepareError::NoPlace(_))), "{other:?}");
}

/// Some countries' invoices have the signature right behind the element that it signs, as "enveloped" though it is
/// not in it. xmlsec1 makes one; we judge it alike.
#[test]
fn a_signature_right_behind_what_it_signs_is_judged() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let draft = format!(
        "<a><b Id=\"x\">tien</b><Signature xmlns=\"{DS}\"><SignedInfo><CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/><SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/><Reference URI=\"#x\"><Transforms><Transform \
         Algorithm=\"{DS}enveloped-signature\"/><Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>\
         </Transforms><DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue></DigestValue>\
         </Reference></SignedInfo><SignatureValue></SignatureValue><KeyInfo><X509Data/></KeyInfo></Signature></a>"
    );
    let shop = &pki.workshop;
    let (draft, signed) = (
        shop.write("behind.xml", draft.as_bytes()),
        shop.path("behind-signed.xml"),
    );
    let key = format!("{},{}", who.key.display(), shop.path("signer.crt").display());
    let output = std::process::Command::new("xmlsec1")
        .args(["--sign", "--id-attr:Id", "b", "--privkey-pem", &key, "--output"])
        .args([&signed, &draft])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let signed = std::fs::read_to_string(signed).unwrap();
    let intermediates = [pki.ca.certificate.clone()];
    let judged = |text: &str| {
        let mut reliance = pki.reliance();
        reliance.intermediates = &intermediates;
        xmldsig::verify(text.as_bytes(), &Options::default(), &reliance).unwrap()
    };
    let report = judged(&signed);
    assert_eq!(report.signatures[0].integrity, Integrity::Intact, "{report:#?}");
    let report = judged(&signed.replace(">tien<", ">tiem<"));
    assert_eq!(report.signatures[0].reason, Some(Reason::ReferenceDigestMismatch));
}

#[test]
fn a_second_signature_never_breaks_the_first() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let signed = by_template(&pki, &who, with, "general", LETTER.as_bytes());
    let request = XmlDsigRequest {
        template: &Template::named("general").unwrap(),
        signer: &who.certificate,
        chain: &[],
        algorithm: with,
        signing_time: OffsetDateTime::now_utc(),
    };
    let enveloping = Packaging::Enveloping {
        content: "Đơn đề nghị".as_bytes(),
        media_type: "text/plain",
    };
    let enveloping = by_xades(&pki, &who, with, enveloping);
    // What stands around everything has no place for another signature, though it covers but its own content.
    for signed in [signed, enveloping] {
        passes(&verified(&pki, &signed));
        assert!(matches!(
            xmldsig::prepare(signed.clone(), &request),
            Err(XmlPrepareError::WouldBreakSignature)
        ));
        let request = XadesRequest {
            signer: &who.certificate,
            chain: &[],
            algorithm: with,
            signing_time: OffsetDateTime::now_utc(),
        };
        assert!(matches!(
            xades::prepare(Packaging::Enveloped(signed), &request),
            Err(XmlPrepareError::WouldBreakSignature)
        ));
    }
}

/// An Id that a template gives is a change of what the element stands in.
#[test]
fn an_id_is_not_put_into_what_is_signed() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let good = include_str!("../../templates/e-invoice-buyer.toml");
    let part = "[\"HDon\", \"DLHDon\", \"NDHDon\"]\nid = \"N\"";
    let template = good.replace("[\"HDon\", \"DLHDon\"]\nid = \"DLHDon\"", part);
    let template = Template::read(&template).unwrap();
    let prepare = |document: &[u8]| {
        let request = XmlDsigRequest {
            template: &template,
            signer: &who.certificate,
            chain: std::slice::from_ref(&pki.ca.certificate),
            algorithm: with,
            signing_time: OffsetDateTime::now_utc(),
        };
        xmldsig::prepare(document.to_vec(), &request)
    };
    let signed = by_template(&pki, &who, with, "e-invoice", INVOICE.as_bytes());
    let refused = prepare(&signed).unwrap_err();
    assert_eq!(refused, XmlPrepareError::WouldBreakSignature);
    // Where it has the Id already, nothing is changed.
    let with_id = INVOICE.replace("<NDHDon>", "<NDHDon Id=\"N\">");
    let signed = by_template(&pki, &who, with, "e-invoice", with_id.as_bytes());
    let twice = finish(&pki.workshop, &who, prepare(&signed).unwrap());
    passes(&verified(&pki, &twice));
}

/// A message of several invoices: which one is meant, no path says; and what is signed beside another of its name passes
/// for wrapped.
#[test]
fn of_several_documents_of_a_kind_in_one_none_is_signed_at_random() {
    let pki = Pki::new();
    let who = pki.leaf("seller", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let prepare = |name: &str, document: &str| {
        let request = XmlDsigRequest {
            template: &Template::named(name).unwrap(),
            signer: &who.certificate,
            chain: std::slice::from_ref(&pki.ca.certificate),
            algorithm: with,
            signing_time: OffsetDateTime::now_utc(),
        };
        xmldsig::prepare(document.as_bytes().to_vec(), &request)
    };
    let invoice = |id: &str, signed: &str| {
        format!("<HDon><DLHDon Id=\"{id}\"><STT>1</STT></DLHDon><DSCKS><NBan>{signed}</NBan></DSCKS></HDon>")
    };
    let message = |invoices: &str| format!("<TDiep><DLieu>{invoices}</DLieu></TDiep>");
    let several = message(&(invoice("a", "") + &invoice("b", "")));
    for name in ["e-invoice", "e-invoice-buyer"] {
        let refused = prepare(name, &several).unwrap_err();
        assert!(matches!(refused, XmlPrepareError::Several(_)), "{refused:?}");
    }
    let two_places = invoice("a", "").replace("<NBan></NBan>", "<NBan/><NBan/>");
    let refused = prepare("e-invoice", &message(&two_places)).unwrap_err();
    assert!(matches!(refused, XmlPrepareError::Several(_)), "{refused:?}");
    // One of them in its envelope, and all of it as one document.
    let alone = finish(
        &pki.workshop,
        &who,
        prepare("e-invoice", &message(&invoice("a", ""))).unwrap(),
    );
    passes(&verified(&pki, &alone));
    let whole = finish(&pki.workshop, &who, prepare("general", &several).unwrap());
    passes(&verified(&pki, &whole));
}

/// What is made has the name that the template has for it, in the namespace of what it is made in.
#[test]
fn an_element_that_is_made_has_a_name() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let good = include_str!("../../templates/tax-declaration.toml");
    let ours = "{http://kekhaithue.gdt.gov.vn/TKhaiThue}CKyDTu";
    let without = DECLARATION.replace("<CKyDTu/>", "");
    let prefixed = without
        .replace(" xmlns=", " xmlns:t=")
        .replace("</H", "</t:H")
        .replace("<H", "<t:H");
    for (step, document, made) in [
        (ours, &without, Some("<CKyDTu><Signature ")),
        (ours, &prefixed, Some("<t:CKyDTu><Signature ")),
        ("{urn:x}CKyDTu", &without, None),
        ("{}CKyDTu", &without, None),
    ] {
        let template = Template::read(&good.replace("CKyDTu\"]", &format!("{step}\"]"))).unwrap();
        let request = XmlDsigRequest {
            template: &template,
            signer: &who.certificate,
            chain: std::slice::from_ref(&pki.ca.certificate),
            algorithm: with,
            signing_time: OffsetDateTime::now_utc(),
        };
        let prepared = xmldsig::prepare(document.as_bytes().to_vec(), &request);
        let Some(made) = made else {
            let refused = prepared.unwrap_err();
            assert!(matches!(refused, XmlPrepareError::NoPlace(_)), "{refused:?}");
            continue;
        };
        let signed = finish(&pki.workshop, &who, prepared.unwrap());
        passes(&verified(&pki, &signed));
        let text = String::from_utf8(signed).unwrap();
        assert!(text.contains(made), "{text}");
    }
}

#[test]
fn a_template_names_the_digest_the_id_and_what_key_info_has() {
    let pki = Pki::new();
    let good = include_str!("../../templates/general.toml");
    for (key, hash, digest, uri) in [
        (
            "ec:P-384",
            Hash::Sha384,
            "sha256",
            "http://www.w3.org/2001/04/xmlenc#sha256",
        ),
        (
            "rsa:2048",
            Hash::Sha256,
            "sha512",
            "http://www.w3.org/2001/04/xmlenc#sha512",
        ),
        (
            "ec:P-256",
            Hash::Sha256,
            "sha384",
            "http://www.w3.org/2001/04/xmldsig-more#sha384",
        ),
    ] {
        let is_rsa = key.starts_with("rsa");
        let more = if is_rsa { ", \"chain\"" } else { "" };
        let template = good.replace(
            "signature_id = true",
            &format!(
                "signature_id = \"proid\"\ndigest = \"{digest}\"\n\
                 key_info = [\"key_value\", \"issuer_serial\", \"subject_name\", \"certificate\"{more}]"
            ),
        );
        let template = Template::read(&template).unwrap();
        let who = pki.leaf(digest, key);
        let ca = &pki.ca.certificate;
        let request = XmlDsigRequest {
            template: &template,
            signer: &who.certificate,
            chain: std::slice::from_ref(ca),
            algorithm: algorithm(&who, RsaPadding::Pkcs1, hash),
            signing_time: OffsetDateTime::now_utc(),
        };
        let prepared = xmldsig::prepare(LETTER.as_bytes().to_vec(), &request).unwrap();
        let signed = finish(&pki.workshop, &who, prepared);
        let report = verified(&pki, &signed);
        assert_eq!(report.signatures[0].integrity, Integrity::Intact, "{report:#?}");
        assert_eq!(report.signatures[0].algorithm, Some(request.algorithm));
        let text = String::from_utf8(signed).unwrap();
        assert!(
            text.contains(&format!("<DigestMethod Algorithm=\"{uri}\">")),
            "{text}"
        );
        assert!(text.contains(" Id=\"proid\"") && text.contains("<X509SubjectName>"));
        let serial = decimal(&who.certificate.serial_hex());
        assert!(
            text.contains(&format!("<X509SerialNumber>{serial}<")),
            "{serial}: {text}"
        );
        let certificates = text.matches("<X509Certificate>").count();
        assert_eq!(
            certificates,
            if is_rsa { 2 } else { 1 },
            "the chain where it is wanted"
        );
        // The whole, and the key by itself, as xmlsec1 sees them. It knows no curve in a KeyValue: OpenSSL says the point.
        let beside = format!(
            "<X509Certificate>{}</X509Certificate></X509Data>",
            BASE64.encode(ca.as_der())
        );
        let whole = if is_rsa {
            text.clone()
        } else {
            text.replace("</X509Data>", &beside)
        };
        xmlsec1(&pki, whole.as_bytes(), "//*[local-name()='Signature']").unwrap();
        if is_rsa {
            let [from, to] = ["<X509Data>", "</X509Data>"].map(|edge| text.find(edge).unwrap());
            let alone = text[..from].to_owned() + &text[to + "</X509Data>".len()..];
            xmlsec1(&pki, alone.as_bytes(), "//*[local-name()='Signature']").unwrap();
        } else {
            let point = BASE64.encode(point_of(&who.certificate));
            assert!(
                text.contains(&format!("<dsig11:PublicKey>{point}<")),
                "{point}: {text}"
            );
        }
    }
}

/// The point of a key, uncompressed (SEC 1, 2.3.3), as OpenSSL prints it.
fn point_of(certificate: &Certificate) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate.as_der()).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-inform", "DER", "-noout", "-text", "-in"]);
    let told = openssl.arg(file.path()).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let (_, rest) = told.split_once("pub:").unwrap();
    let (digits, _) = rest.split_once("ASN1 OID").unwrap();
    hex::decode(digits.replace(|letter: char| !letter.is_ascii_hexdigit(), "")).unwrap()
}

/// A number in decimal digits, by Python's arithmetic.
fn decimal(hexadecimal: &str) -> String {
    let mut python = Command::new("python3");
    let told = python.args(["-c", &format!("print(int('{hexadecimal}', 16), end='')")]);
    String::from_utf8(told.output().unwrap().stdout).unwrap()
}

#[test]
fn two_signers_by_one_template_have_ids_of_their_own() {
    let pki = Pki::new();
    let good = include_str!("../../templates/e-invoice.toml");
    let seller = Template::read(&good.replace("signature_id = true", "signature_id = \"sigid\"")).unwrap();
    let good = include_str!("../../templates/e-invoice-buyer.toml");
    let buyer = Template::read(&good.replace("signature_id = true", "signature_id = \"sigid\"")).unwrap();
    let who = pki.leaf("both", "ec:P-256");
    let chain = [pki.ca.certificate.clone()];
    let mut document = INVOICE.as_bytes().to_vec();
    for template in [&seller, &buyer] {
        let request = XmlDsigRequest {
            template,
            signer: &who.certificate,
            chain: &chain,
            algorithm: algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256),
            signing_time: OffsetDateTime::now_utc(),
        };
        let prepared = xmldsig::prepare(document, &request).unwrap();
        document = finish(&pki.workshop, &who, prepared);
    }
    let report = verified(&pki, &document);
    passes(&report);
    assert_eq!(report.signatures.len(), 2);
    let text = String::from_utf8(document).unwrap();
    for id in ["Id=\"sigid\"", "Id=\"sigid-2\"", "Target=\"#sigid-2\""] {
        assert!(text.contains(id), "{id}: {text}");
    }
}

#[test]
fn templates_are_checked() {
    for name in Template::names() {
        assert!(Template::named(name).is_some(), "{name}");
    }
    let good = include_str!("../../templates/e-invoice.toml");
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        Template::read(&good.replace(from, to)).unwrap_err()
    };
    assert!(matches!(
        changed("[signing_time]", "[signing]"),
        TemplateError::Malformed(_)
    ));
    assert!(matches!(
        changed("\"DSCKS\"", "\"D SCKS\""),
        TemplateError::Path(_)
    ));
    assert!(matches!(
        changed("2001/REC-xml-c14n-20010315", "2001/none"),
        TemplateError::Canonicalization(_)
    ));
    assert!(matches!(
        changed("#enveloped-signature", "#base64"),
        TemplateError::Transform(_)
    ));
    assert!(matches!(
        changed("id = \"DLHDon\"", "id = \"1 2\""),
        TemplateError::Id(_)
    ));
    assert!(matches!(
        changed(
            "target = [\"HDon\", \"DLHDon\"]\nid = \"DLHDon\"\ntransforms = [\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"]",
            "target = \"document\""
        ),
        TemplateError::SignsItself
    ));
    let made = "signature_id = true";
    assert!(matches!(
        changed(made, "signature_id = \"1 2\""),
        TemplateError::Id(_)
    ));
    assert!(matches!(
        changed(made, "digest = \"sha1\""),
        TemplateError::Malformed(_)
    ));
    assert!(matches!(changed("\"certificate\", ", ""), TemplateError::KeyInfo));
    assert!(matches!(
        changed(made, "signature_id = false"),
        TemplateError::SigningTime
    ));
    assert!(matches!(changed(made, ""), TemplateError::SigningTime));
    // Something of any name cannot be made.
    assert!(matches!(changed("\"NBan\"]", "\"*\"]"), TemplateError::Path(_)));
    assert!(matches!(
        Template::read(&" ".repeat(70_000)),
        Err(TemplateError::TooLong(_))
    ));
}
