//! XML-DSig by templates and XAdES: what we make xmlsec1 accepts, what xmlsec1 makes we accept, and what was changed,
//! moved or wrapped afterwards is found.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod authority;
mod openssl;

use std::process::Command;

use authority::Authority;
use openssl::{Identity, Pki, Workshop};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::augment::Augment;
use trien_signatures::report::{
    Format, Indication, Integrity, Level, Reason, Report, TimeSource, TimestampKind, Warning,
};
use trien_signatures::signing::Prepared;
use trien_signatures::trust::Reliance;
use trien_signatures::xades::{self, Packaging, XadesRequest, XadesSignature};
use trien_signatures::xmldsig::{self, Options, Template, TemplateError, XmlDsigRequest, XmlPrepareError};

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

const INVOICE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<HDon xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\r\n\
    <DLHDon Id=\"data-1\"><TTChung><THDon>Hóa đơn giá trị gia tăng</THDon><SHDon a='1\t2'>42</SHDon></TTChung>\
    <NDHDon><NBan><Ten>Công ty &amp; Con</Ten></NBan></NDHDon></DLHDon><MCCQT>00ABC</MCCQT>\n<DSCKS><NBan/><NMua></NMua><CCKSKhac/></DSCKS></HDon>";

const DECLARATION: &str = "<HSoThueDTu xmlns=\"http://kekhaithue.gdt.gov.vn/TKhaiThue\"><HSoKhaiThue><TTinChung>\
    <maTKhai>842</maTKhai></TTinChung></HSoKhaiThue><CKyDTu/></HSoThueDTu>";

const LETTER: &str = "<!-- before --><thư xmlns=\"urn:thu\" xmlns:b=\"urn:b\"><b:người gửi=\"An\">Xin chào\r\n &gt; <![CDATA[<&>]]></b:người></thư>\n<?after x?>";

fn algorithm(who: &Identity, padding: RsaPadding, hash: Hash) -> SignatureAlgorithm {
    SignatureAlgorithm::for_key(who.certificate.public_key(), padding, hash).unwrap()
}

fn finish(workshop: &Workshop, who: &Identity, prepared: impl Prepared) -> Vec<u8> {
    let signature = workshop.sign(who, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(signature).unwrap()
}

fn by_template(pki: &Pki, who: &Identity, with: SignatureAlgorithm, name: &str, document: &[u8]) -> Vec<u8> {
    let chain = [pki.ca.certificate.clone()];
    let template = Template::named(name).unwrap();
    let request = XmlDsigRequest {
        template: &template,
        signer: &who.certificate,
        chain: &chain,
        algorithm: with,
        signing_time: OffsetDateTime::now_utc(),
    };
    finish(
        &pki.workshop,
        who,
        xmldsig::prepare(document.to_vec(), &request).unwrap(),
    )
}

fn by_xades(pki: &Pki, who: &Identity, with: SignatureAlgorithm, packaging: Packaging<'_>) -> Vec<u8> {
    let chain = [pki.ca.certificate.clone()];
    let request = XadesRequest {
        signer: &who.certificate,
        chain: &chain,
        algorithm: with,
        signing_time: OffsetDateTime::now_utc(),
    };
    finish(&pki.workshop, who, xades::prepare(packaging, &request).unwrap())
}

/// Whether xmlsec1 accepts the signature at an XPath.
fn xmlsec1(pki: &Pki, document: &[u8], at: &str) -> Result<(), String> {
    let file = pki.workshop.write("judged.xml", document);
    let output = Command::new("xmlsec1")
        .args(["--verify", "--trusted-pem"])
        .arg(pki.workshop.path("root.crt"))
        .args(["--node-xpath", at])
        .args(
            ["DLHDon", "MCCQT", "Object", "HSoKhaiThue", "SignedProperties"]
                .iter()
                .flat_map(|name| {
                    [
                        "--id-attr:Id".to_owned(),
                        if *name == "SignedProperties" {
                            format!("http://uri.etsi.org/01903/v1.3.2#:{name}")
                        } else if *name == "Object" {
                            format!("http://www.w3.org/2000/09/xmldsig#:{name}")
                        } else {
                            (*name).to_owned()
                        },
                    ]
                }),
        )
        .args([
            "--id-attr:id",
            "http://kekhaithue.gdt.gov.vn/TKhaiThue:HSoKhaiThue",
        ])
        .arg(file)
        .output()
        .expect("xmlsec1 is installed");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn verified(pki: &Pki, document: &[u8]) -> Report {
    xmldsig::verify(document, &Options::default(), &pki.reliance()).unwrap()
}

#[track_caller]
fn passes(report: &Report) {
    assert!(report.valid(), "{report:#?}");
}

#[track_caller]
fn fails(report: &Report, reason: Reason) {
    assert!(!report.valid());
    let reasons: Vec<_> = report
        .signatures
        .iter()
        .map(|signature| signature.reason)
        .collect();
    assert!(reasons.contains(&Some(reason)), "{reasons:?}");
}

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
    assert!(text.contains("<Reference URI=\"#data-1\">"));
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
        let began = std::time::Instant::now();
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
        assert!(began.elapsed().as_secs() < 5, "{document}");
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
    for (from, to) in [
        (
            "<KeyInfo>",
            format!("<KeyInfo><RetrievalMethod URI=\"{http}/k\"/>"),
        ),
        ("<Reference URI=\"\"", format!("<Reference URI=\"{http}/d\"")),
        (
            "</Signature>",
            format!("<Object><Manifest><Reference URI=\"{http}/m\"/></Manifest></Object></Signature>"),
        ),
    ] {
        let changed = text.replacen(from, &to, 1);
        assert_ne!(changed, text, "{from}");
        drop(xmldsig::verify(
            changed.as_bytes(),
            &Options::default(),
            &pki.reliance(),
        ));
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
    let commented = signed.replace("<a>admin", "<a>admin<!-- -->");
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

#[test]
fn what_xmlsec1_signs_is_accepted_and_sha_1_only_behind_the_switch() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let sign = |method: &str, digest: &str, form: &str| {
        let template = format!(
            "<a xml:lang=\"vi\" xmlns=\"urn:a\" xmlns:q=\"urn:q\">\r\n<b Id=\"x\" q:z='&quot;'>1 &lt; 2</b><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo>\
             <CanonicalizationMethod Algorithm=\"{form}\"/><SignatureMethod Algorithm=\"{method}\"/><Reference URI=\"#x\"><Transforms>\
             <Transform Algorithm=\"{form}\"/></Transforms><DigestMethod Algorithm=\"{digest}\"/><DigestValue/></Reference></SignedInfo>\
             <SignatureValue/><KeyInfo><X509Data/></KeyInfo></Signature></a>"
        );
        by_xmlsec1(&pki, &who, "urn:a:b", &template).into_bytes()
    };
    let intermediates = [pki.ca.certificate.clone()];
    let mut reliance = pki.reliance();
    reliance.intermediates = &intermediates;
    let forms = [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
    ];
    for form in forms {
        let signed = sign(
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
            "http://www.w3.org/2001/04/xmlenc#sha512",
            form,
        );
        passes(&xmldsig::verify(&signed, &Options::default(), &reliance).unwrap());
    }
    let old = sign(
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#sha1",
        forms[0],
    );
    fails(
        &xmldsig::verify(&old, &Options::default(), &reliance).unwrap(),
        Reason::Sha1NotAccepted,
    );
    reliance.sha1 = true;
    let report = xmldsig::verify(&old, &Options::default(), &reliance).unwrap();
    passes(&report);
    assert!(report.signatures[0].warnings.contains(&Warning::Sha1));
}

/// What xmlsec1 makes of a template, in which `Id` is the Id of elements of this name, with the key `signer`.
fn by_xmlsec1(pki: &Pki, who: &Identity, name: &str, template: &str) -> String {
    let file = pki.workshop.write("template.xml", template.as_bytes());
    let certificate = pki.workshop.path("signer.crt");
    let output = Command::new("xmlsec1")
        .args(["--sign", "--id-attr:Id", name, "--privkey-pem"])
        .arg(format!("{},{}", who.key.display(), certificate.display()))
        .arg(file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn template_of(method: &str, transforms: &str, object: &str) -> String {
    format!(
        "<Signature xmlns=\"{DS}\"><SignedInfo><CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><SignatureMethod Algorithm=\"{method}\"/>\
         <Reference URI=\"#o\"><Transforms>{transforms}</Transforms><DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue/></Reference></SignedInfo>\
         <SignatureValue/><KeyInfo><X509Data/></KeyInfo>{object}</Signature>"
    )
}

/// Signatures around a file have it in Base64, and sign the file: so do those of the Commission's DSS.
#[test]
fn what_is_signed_in_base64_is_judged_by_its_octets() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let intermediates = [pki.ca.certificate.clone()];
    let judged = |text: &str| {
        let reliance = Reliance {
            intermediates: &intermediates,
            ..pki.reliance()
        };
        xmldsig::verify(text.as_bytes(), &Options::default(), &reliance).unwrap()
    };
    let method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let decoded = format!("<Transform Algorithm=\"{DS}base64\"/>");
    let object = "<Object Id=\"o\">\n WGlu<!-- x -->IGNo\r\n w6Bv </Object>";
    let signed = by_xmlsec1(
        &pki,
        &who,
        &format!("{DS}:Object"),
        &template_of(method, &decoded, object),
    );
    let report = judged(&signed);
    passes(&report);
    assert_eq!(report.signatures[0].covered, ["Object#o"]);
    // The same octets in other lines are what was signed.
    passes(&judged(&signed.replace("WGlu", "WG\nlu")));
    for (from, to, reason) in [
        ("WGlu", "WGlv", Reason::ReferenceDigestMismatch),
        ("WGlu", "WGl*", Reason::ReferenceDigestMismatch),
        ("w6Bv", "w6B", Reason::ReferenceDigestMismatch),
        // The text is the same, and the tag would be nobody's.
        ("WGlu", "<b xmlns=\"\">WGlu</b>", Reason::TransformNotAllowed),
        ("URI=\"#o\"", "URI=\"\"", Reason::TransformNotAllowed),
        (decoded.as_str(), "", Reason::ReferenceDigestMismatch),
    ] {
        let changed = signed.replacen(from, to, 1);
        assert_ne!(changed, signed);
        fails(&judged(&changed), reason);
    }
    // What was decoded is octets, and no transform reads them again.
    for (before, after) in [
        (
            "",
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        ),
        ("", decoded.as_str()),
        (
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
            "",
        ),
    ] {
        let changed = signed.replace(&decoded, &format!("{before}{decoded}{after}"));
        fails(&judged(&changed), Reason::TransformNotAllowed);
    }
}

/// Old signatures with short keys verify behind the switch, as far as there is something that verifies them: where there
/// is not, the value is not called wrong.
#[test]
fn a_short_key_that_nothing_verifies_with_is_not_a_wrong_signature() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:1024");
    let intermediates = [pki.ca.certificate.clone()];
    let judged = |text: &str, sha1: bool| {
        let reliance = Reliance {
            intermediates: &intermediates,
            sha1,
            ..pki.reliance()
        };
        xmldsig::verify(text.as_bytes(), &Options::default(), &reliance).unwrap()
    };
    let form = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    for (method, verified) in [
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", true),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", false),
        ("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", false),
    ] {
        // xmlsec1 makes no PSS; what cannot be verified may as well be another value.
        let made = method.replace(
            "2007/05/xmldsig-more#sha256-rsa-MGF1",
            "2001/04/xmldsig-more#rsa-sha256",
        );
        let template = template_of(&made, form, "<Object Id=\"o\">xin</Object>");
        let signed = by_xmlsec1(&pki, &who, &format!("{DS}:Object"), &template).replace(&made, method);
        fails(&judged(&signed, false), Reason::KeyTooShort);
        let report = &judged(&signed, true).signatures[0];
        if verified {
            assert_eq!(report.integrity, Integrity::Intact, "{method}: {report:#?}");
        } else {
            assert_eq!(report.integrity, Integrity::NotChecked, "{method}: {report:#?}");
            assert_eq!(report.reason, Some(Reason::KeyTooShort), "{method}");
        }
    }
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
    let report = judged(&signed.replace("tien", "tiem"));
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
    assert!(matches!(
        xmldsig::prepare(signed, &request),
        Err(XmlPrepareError::WouldBreakSignature)
    ));
}

#[test]
fn templates_are_checked() {
    for name in Template::names() {
        assert!(Template::named(name).is_some(), "{name}");
    }
    let good = include_str!("../templates/e-invoice.toml");
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
    assert!(matches!(
        Template::read(&" ".repeat(70_000)),
        Err(TemplateError::TooLong(_))
    ));
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
        let alone = matches!(packaging, Packaging::Detached { .. });
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
        if !alone {
            xmlsec1(&pki, &lta, "//*[local-name()='Signature']").unwrap();
        }
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
