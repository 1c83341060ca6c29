//! XML-DSig by templates and XAdES: what we make xmlsec1 accepts, what xmlsec1 makes we accept, and what was changed,
//! moved or wrapped afterwards is found; so is what time-stamps are about.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

#[path = "../authority/mod.rs"]
mod authority;
mod by_others;
#[path = "../confirm/mod.rs"]
mod confirm;
mod hostile;
#[path = "../judge/mod.rs"]
mod judge;
#[path = "../openssl/mod.rs"]
mod openssl;
mod packaging;
#[path = "../processor/mod.rs"]
mod processor;
mod stamps;
mod tax;
mod templates;

use std::process::Command;

use openssl::{Identity, Pki, Workshop};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::report::{Reason, Report};
use trien_signatures::signing::Prepared;
use trien_signatures::xades::{self, Packaging, XadesRequest};
use trien_signatures::xmldsig::{self, Options, Template, XmlDsigRequest};

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
        // What a signature names that stands alone lies beside it.
        .current_dir(pki.workshop.path(""))
        .args(["--verify", "--trusted-pem"])
        .arg(pki.workshop.path("root.crt"))
        .args(["--node-xpath", at])
        .args(
            [
                "DLHDon",
                "MCCQT",
                "DLTBao",
                "STBao",
                "Object",
                "HSoKhaiThue",
                "SignedProperties",
            ]
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
            "--id-attr:id",
            "http://kekhaithue.gdt.gov.vn/HSoDKy:DKyThue",
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

/// What xmlsec1 makes of a template, in which `Id` is the Id of elements of this name, with the key `signer`.
fn by_xmlsec1(pki: &Pki, who: &Identity, name: &str, template: &str) -> String {
    by_xmlsec1_with(pki, who, &[name], template)
}

/// The same with several names.
fn by_xmlsec1_with(pki: &Pki, who: &Identity, names: &[&str], template: &str) -> String {
    let file = pki.workshop.write("template.xml", template.as_bytes());
    let certificate = pki.workshop.path("signer.crt");
    let output = Command::new("xmlsec1")
        .arg("--sign")
        .args(names.iter().flat_map(|name| ["--id-attr:Id", name]))
        .arg("--privkey-pem")
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
