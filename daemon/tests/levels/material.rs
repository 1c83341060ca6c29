//! What a level above B-T stands on: nobody is asked for it unless the configuration says so, and what is claimed is in
//! the document.

use std::process::Command;

use crate::support::office::{Office, Server};
use crate::support::{fail, read_json, repository, succeed};
use crate::{portal_with, printed, sign_as};
use serde_json::{Value, json};

/// Responders and lists are asked; those here are on this computer.
const ASKING: &str = "[network]\nrevocation = true\nprivate_addresses = true\n";

/// An office without its lists, and whoever answers in their place.
fn published() -> (Office, Server) {
    let (office, port) = Office::published(&[("an", "ec:p256", "citizen")]);
    let server = Server::start(office.desk.pki(), port);
    (office, server)
}

/// The level that somebody finds who has the root and nothing else.
fn level_elsewhere(office: &Office, signed: &str) -> Value {
    let mut verify = office.desk.trien(["verify", "--json", "--content"]);
    verify
        .arg(office.desk.path("đơn.txt"))
        .arg("--trust")
        .arg(office.desk.trust());
    verify
        .arg(office.desk.path(signed))
        .env("TRIEN_HOME", office.desk.path("elsewhere"));
    let report = read_json(&succeed(&mut verify));
    report[0]["signatures"][0]["level"].clone()
}

#[test]
fn an_answer_that_is_at_hand_goes_into_the_document_when_its_responder_is_silent() {
    let (office, published) = published();
    let authority = office.server();
    office.configure(ASKING);
    // The answer about the signer and the list of the root are learnt before the signature, and kept.
    succeed(&mut office.sign(&[], "b.p7s"));
    let asked = published.asked();
    assert!(asked.contains(&"/responder".into()) && asked.contains(&"/root.crl".into()));
    assert!(!asked.contains(&"/ca.crl".into()), "{asked:?}");
    published.misbehave("none");
    let words = ["--level", "lt", "--tsa", &authority.url("tsa")];
    succeed(&mut office.sign(&words, "lt.p7s"));
    assert_eq!(office.level("lt.p7s"), "B-LT");
    assert_eq!(level_elsewhere(&office, "lt.p7s"), "B-LT");
}

#[test]
fn who_may_not_ask_asks_nobody_for_a_level() {
    let (office, published) = published();
    let authority = office.server();
    let tsa = authority.url("tsa");
    office.configure("[network]\nprivate_addresses = true\n");
    let words = ["--level", "lt", "--tsa", tsa.as_str()];
    let refused = fail(&mut office.sign(&words, "lt.p7s"), 3);
    assert!(refused.contains("revocation"), "{refused}");
    let refused = fail(&mut office.augment("lt.p7s", "x.p7s", &words), 3);
    assert!(refused.contains("revocation"), "{refused}");
    assert_eq!(published.asked(), Vec::<String>::new());

    let lines = format!("[[timestamp_authorities]]\nurl = \"{tsa}\"\n[network]\nprivate_addresses = true\n");
    let (daemon, mut page) = portal_with(&office, &lines);
    let text = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    let call = json!({ "documents": [text], "format": "cades_detached", "level": "B-LT" });
    let reply = page.call("sign_documents", &call);
    let signed = &reply["result"]["documents"][0];
    assert_eq!(
        (&signed["level"], &signed["waiting"]),
        (&json!("B-T"), &json!(true)),
        "{reply}"
    );
    assert_eq!(published.asked(), Vec::<String>::new());
    drop((page, daemon));
    office.configure(ASKING);
    succeed(&mut office.augment("lt.p7s", "asked.p7s", &words));
    assert_eq!(office.level("asked.p7s"), "B-LT");
    assert!(published.asked().contains(&"/responder".into()));
}

/// A PDF signed by pyHanko in the form that Adobe's own programs used before PAdES.
const OLDER_FORM: &str = r#"
import sys
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
key, certificate, ca, source, out = sys.argv[1:]
signer = signers.SimpleSigner.load(key, certificate, ca_chain_files=[ca])
form = fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED
about = signers.PdfSignatureMetadata(field_name="Cu", md_algorithm="sha256", subfilter=form)
with open(source, "rb") as document, open(out, "wb") as signed:
    signers.sign_pdf(IncrementalPdfFileWriter(document), about, signer=signer, output=signed)
"#;

#[test]
fn a_form_that_has_no_levels_is_not_said_to_be_at_one() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    let tsa = server.url("tsa");
    office.import(&["root.crl", "ca.crl"]);
    let at = |name: &str| office.desk.path(name);
    let mut request = Command::new("openssl");
    let words = "req -newkey rsa:2048 -nodes -subj /C=VN/CN=Older -keyout older.key -out older.csr";
    succeed(request.current_dir(at("")).args(words.split(' ')));
    let mut issue = Command::new(repository().join("testdata/pki/issue.sh"));
    issue.arg(office.desk.pki()).arg("citizen");
    succeed(issue.arg(at("older.csr")).arg(at("older.pem")));
    let mut pdf = Command::new(repository().join("target/judges/bin/python"));
    pdf.args(["-B", "-c", OLDER_FORM]);
    pdf.args(["older.key", "older.pem"].map(at))
        .arg(office.desk.pki().join("ca.pem"));
    pdf.arg(repository().join("testdata/documents/dossier.pdf"));
    succeed(pdf.arg(at("older.pdf")));
    let augment = |input: &str, out: &str, level: &str| {
        let mut augment = office.desk.trien(["augment", "--level", level, "--tsa", &tsa]);
        augment.arg(at(input)).arg("--out").arg(at(out));
        augment
    };
    for level in ["t", "lt", "lta"] {
        let refused = printed(augment("older.pdf", "x.pdf", level).arg("--json"), 3);
        assert_eq!(refused["error"]["code"], "augment-format", "{level}");
        assert!(!at("x.pdf").exists());
    }
    assert_eq!(server.requests(), 0, "nobody is asked");
    // Beside a signature that has levels it stays what it is.
    succeed(&mut sign_as(&office, "pades", ("older.pdf", "both.pdf"), &[]));
    succeed(&mut augment("both.pdf", "raised.pdf", "t"));
    let mut verify = office.desk.trien(["verify", "--json"]);
    let report = read_json(&succeed(verify.arg(at("raised.pdf"))));
    let signatures = report[0]["signatures"].as_array().unwrap();
    let levels: Vec<_> = signatures.iter().map(|one| one["level"].as_str()).collect();
    assert_eq!(levels[..2], [None, Some("B-T")], "{report:#}");
}
