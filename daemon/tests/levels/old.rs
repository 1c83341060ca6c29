//! Documents of a time when SHA-1 was usual.

mod places;

use std::process::Command;

use crate::formats::dossier_of_office;
use crate::support::office::Office;
use crate::support::{fail, read_json, repository, succeed};

/// A PDF signed by pyHanko with SHA-1.
const OLD_PDF: &str = r#"
import sys
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
key, certificate, ca, source, out = sys.argv[1:]
signer = signers.SimpleSigner.load(key, certificate, ca_chain_files=[ca])
about = signers.PdfSignatureMetadata(field_name="Cu", md_algorithm="sha1", subfilter=fields.SigSeedSubFilter.PADES)
with open(source, "rb") as document, open(out, "wb") as signed:
    signers.sign_pdf(IncrementalPdfFileWriter(document), about, signer=signer, output=signed)
"#;

/// What xmlsec1 fills in.
const OLD_XML: &str = concat!(
    r#"<don><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>"#,
    r#"<CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>"#,
    r#"<SignatureMethod Algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"/><Reference URI=""><Transforms>"#,
    r#"<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></Transforms>"#,
    r#"<DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/><DigestValue/></Reference></SignedInfo>"#,
    r#"<SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo></Signature></don>"#,
);

/// `cũ.p7m`: an attached CMS of the letter by the old key, with this hash.
fn sign_by_openssl(office: &Office, hash: &str) {
    let mut cms = Command::new("openssl");
    cms.current_dir(office.desk.path(""))
        .args(["cms", "-sign", "-binary", "-nodetach", "-cades", "-md", hash])
        .args(["-in", "đơn.txt", "-signer", "cũ.pem", "-inkey", "cũ.key"]);
    succeed(cms.args(["-outform", "DER", "-out", "cũ.p7m"]));
}

/// An old PDF, CMS, XML and Office document, made by pyHanko, OpenSSL, xmlsec1 and lxml (which xmlsec1 does not do:
/// relationships have a transform of their own).
fn old_documents(office: &Office) -> [&'static str; 4] {
    let at = |name: &str| office.desk.path(name);
    office.desk.import_key("cũ", &["rsa:2048"], "citizen");
    let mut pdf = Command::new(repository().join("target/judges/bin/python"));
    pdf.args(["-B", "-c", OLD_PDF])
        .arg(at("cũ.key"))
        .arg(at("cũ.pem"));
    pdf.arg(office.desk.pki().join("ca.pem"));
    pdf.arg(repository().join("testdata/documents/dossier.pdf"));
    succeed(pdf.arg(at("cũ.pdf")));
    sign_by_openssl(office, "sha1");
    std::fs::write(at("cũ.template"), OLD_XML).unwrap();
    let mut xml = Command::new("xmlsec1");
    xml.current_dir(at(""))
        .args(["--sign", "--privkey-pem", "cũ.key,cũ.pem"]);
    succeed(xml.args(["--output", "cũ.xml", "cũ.template"]));
    dossier_of_office(office);
    succeed(&mut sign_as_old(office, "dossier.docx", "new.docx"));
    let mut docx = Command::new(repository().join("target/judges/bin/python"));
    docx.arg("-B")
        .arg(repository().join("daemon/tests/judges/old_office.py"));
    succeed(docx.args(["new.docx", "cũ.key", "cũ.docx"].map(at)));
    ["cũ.pdf", "cũ.p7m", "cũ.xml", "cũ.docx"]
}

/// An Office document as it is signed today, with the old key.
fn sign_as_old(office: &Office, input: &str, out: &str) -> Command {
    let mut sign = office
        .desk
        .trien(["sign", "--format", "ooxml", "--cert", "cũ", "--padding", "pkcs1"]);
    sign.arg("--out")
        .arg(office.desk.path(out))
        .arg(office.desk.path(input));
    sign.args(office.desk.pin());
    sign
}

#[test]
fn an_old_document_with_sha_1_counts_behind_its_switch_and_the_report_says_so() {
    let office = Office::new(&[]);
    office.import(&["root.crl", "ca.crl"]);
    for old in old_documents(&office) {
        // In each format the switch is named by whoever is refused for want of it.
        let reason = "sha1_not_accepted";
        let refusal = [
            "chữ ký dùng SHA-1 đã bị phá; --allow-sha1",
            "it uses SHA-1, which is broken; --allow-sha1",
        ];
        let verify = |words: &[&str]| {
            let mut verify = office.desk.trien(["verify"]);
            verify.args(words).arg(office.desk.path(old));
            verify
        };
        let refused = read_json(&fail(&mut verify(&["--json"]), 1));
        let refused = &refused[0]["signatures"][0];
        assert_ne!(refused["indication"], "TOTAL-PASSED", "{old}: {refused:#}");
        assert_eq!(refused["reason"], reason, "{old}: {refused:#}");
        let passed = read_json(&succeed(&mut verify(&["--json", "--allow-sha1"])));
        let passed = &passed[0]["signatures"][0];
        assert_eq!(passed["indication"], "TOTAL-PASSED", "{old}: {passed:#}");
        let warnings = passed["warnings"].as_array().unwrap();
        assert!(warnings.contains(&"sha1".into()), "{old}: {passed:#}");
        for (language, refusal, marked) in [
            ("vi", refusal[0], "có dùng SHA-1"),
            ("en", refusal[1], "SHA-1 was used"),
        ] {
            let page = office.desk.path("page.html");
            let words = ["--lang", language, "--html", page.to_str().unwrap()];
            let read = || std::fs::read_to_string(&page).unwrap();
            let text = fail(&mut verify(&words), 1);
            assert!(
                text.contains(refusal) && read().contains(refusal),
                "{old}: {text}"
            );
            let text = succeed(&mut verify(&[&words[..], &["--allow-sha1"]].concat()));
            assert!(text.contains(marked) && read().contains(marked), "{old}: {text}");
        }
    }
}

/// The signature is as today's are; the authority signed the signer's certificate with SHA-1, as some did in 2017.
#[test]
fn sha_1_in_a_certificate_is_behind_the_same_switch_and_marked_too() {
    let office = Office::new(&[]);
    office.import(&["root.crl", "ca.crl"]);
    let at = |name: &str| office.desk.path(name);
    let mut request = Command::new("openssl");
    request.args([
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-utf8",
        "-subj",
        "/C=VN/CN=Cũ",
    ]);
    succeed(
        request
            .arg("-keyout")
            .arg(at("cũ.key"))
            .arg("-out")
            .arg(at("cũ.csr")),
    );
    let mut issue = Command::new(repository().join("testdata/pki/issue.sh"));
    issue.arg(office.desk.pki()).arg("sha1");
    succeed(issue.arg(at("cũ.csr")).arg(at("cũ.pem")));
    sign_by_openssl(&office, "sha256");
    let verify = |words: &[&str]| {
        let mut verify = office.desk.trien(["verify"]);
        verify.args(words).arg(at("cũ.p7m"));
        verify
    };
    let refused = read_json(&fail(&mut verify(&["--json"]), 1));
    let refused = &refused[0]["signatures"][0];
    assert_eq!(refused["reason"], "sha1_not_accepted", "{refused:#}");
    for language in ["vi", "en"] {
        let told = fail(&mut verify(&["--lang", language]), 1);
        assert!(told.contains("--allow-sha1"), "{told}");
    }
    let passed = read_json(&succeed(&mut verify(&["--json", "--allow-sha1"])));
    let passed = &passed[0]["signatures"][0];
    assert_eq!(passed["indication"], "TOTAL-PASSED", "{passed:#}");
    let warnings = passed["warnings"].as_array().unwrap();
    assert!(warnings.contains(&"sha1".into()), "{passed:#}");
    for (language, marked) in [("vi", "có dùng SHA-1"), ("en", "SHA-1 was used")] {
        let told = succeed(&mut verify(&["--lang", language, "--allow-sha1"]));
        assert!(told.contains(marked), "{told}");
    }
}
