//! What was known of a certificate when it signed (Circular 15/2025/TT-BKHCN, articles 5.4 and 6) is kept with every
//! signature that a page gets, the lists and answers themselves among it, as OpenSSL reads them; and erased by the person.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::office::{Server, free_port, responder};
use support::{Desk, repository, succeed};

fn kept(desk: &Desk) -> Vec<Value> {
    let listed = succeed(&mut desk.trien(["trust", "evidence", "--json"]));
    serde_json::from_str(&listed).unwrap()
}

/// All of it, once there are so many: a page has its signature over a digest before what was known is on the disk.
fn wait_for(desk: &Desk, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let kept = kept(desk);
        if kept.len() >= count || Instant::now() > deadline {
            assert_eq!(kept.len(), count, "{kept:#?}");
            return kept;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn folder(desk: &Desk) -> PathBuf {
    desk.home().join("data/evidence/material")
}

/// The names of what lies beside the evidence.
fn material(desk: &Desk) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder(desk)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn named(evidence: &[Value]) -> BTreeSet<String> {
    let names = evidence
        .iter()
        .flat_map(|one| one["material"].as_array().unwrap());
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// What OpenSSL reads in a file of the material.
fn read(desk: &Desk, name: &str) -> String {
    let path = folder(desk).join(name);
    let words: &[&str] = match name.rsplit_once('.').unwrap().1 {
        "cer" => &[
            "x509",
            "-inform",
            "DER",
            "-noout",
            "-subject",
            "-nameopt",
            "utf8,sep_comma_plus",
            "-in",
        ],
        "crl" => &[
            "crl",
            "-inform",
            "DER",
            "-noout",
            "-issuer",
            "-nameopt",
            "utf8,sep_comma_plus",
            "-in",
        ],
        "ocsp" => &["ocsp", "-noverify", "-resp_text", "-respin"],
        kind => panic!("{kind}"),
    };
    let contents = std::fs::read(&path).unwrap();
    assert_eq!(name[..64], hex::encode(Sha256::digest(contents)));
    succeed(Command::new("openssl").args(words).arg(path))
}

fn erase(desk: &Desk, words: &[&str]) -> Value {
    let mut erase = desk.trien(["trust", "evidence", "--erase", "--json"]);
    serde_json::from_str(&succeed(erase.args(words))).unwrap()
}

/// A page signs a document, a digest and two digests; gives what the record has of the values.
fn sign_by_a_page(desk: &Desk) -> [Vec<String>; 3] {
    let hash =
        |base64: &Value| hex::encode(Sha256::digest(STANDARD.decode(base64.as_str().unwrap()).unwrap()));
    allow(desk, PORTAL, &["certificates", "sign", "batch", "blind_digest"]);
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(desk, script);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let certificate = page.call("certificates", &json!({}))["result"]["sha256"].clone();
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let document = page.upload("đơn.pdf", &dossier);
    let signed = page.call(
        "sign_documents",
        &json!({ "documents": [document], "format": "pades" }),
    );
    let whole = vec![
        signed["result"]["documents"][0]["sha256"]
            .as_str()
            .unwrap()
            .to_owned(),
    ];
    wait_for(desk, 1);
    let digest = |octet: u8| STANDARD.encode([octet; 32]);
    let call = json!({ "certificate": certificate, "hash": "SHA-256", "digest": digest(1) });
    let one = vec![hash(&page.call("sign_digest", &call)["result"]["signature"])];
    wait_for(desk, 2);
    let digests: Vec<Value> = [2, 3]
        .map(|n| json!({ "name": n.to_string(), "digest": digest(n) }))
        .into();
    let call = json!({ "certificate": certificate, "hash": "SHA-256", "digests": digests });
    let reply = page.call("sign_digests", &call);
    let both = reply["result"]["signatures"]
        .as_array()
        .unwrap_or_else(|| panic!("{reply}"));
    let both = both.iter().map(|one| hash(&one["signature"])).collect();
    wait_for(desk, 3);
    [whole, one, both]
}

#[test]
fn what_a_page_has_signed_has_its_evidence_until_that_is_erased() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    succeed(
        Command::new(repository().join("testdata/pki/publish-crl.sh"))
            .arg(desk.pki())
            .arg("ca"),
    );
    let mut import = desk.trien(["trust", "import-crl"]);
    succeed(import.args(["root.crl", "ca.crl"].map(|list| desk.pki().join(list))));
    let results = sign_by_a_page(&desk);
    let evidence = kept(&desk);
    for (one, results) in evidence.iter().zip(&results) {
        assert_eq!(one["results"], json!(results), "{one:#}");
        assert!(one["certificate"].as_str().unwrap().starts_with("MII"), "{one:#}");
        let known = &one["path"][0]["revocation"];
        assert_eq!(
            (&known["status"], &known["source"]),
            (&json!("good"), &json!("crl")),
            "{one:#}"
        );
        assert_eq!(one["finding"], Value::Null, "{one:#}");
    }
    // The same for all three, once: the path and the list of each authority on it.
    let names = material(&desk);
    assert_eq!(names, named(&evidence));
    assert_eq!(names, named(&evidence[..1]));
    let said: Vec<String> = names.iter().map(|name| read(&desk, name)).collect();
    let about = |word: &str| said.iter().filter(|said| said.contains(word)).count();
    assert_eq!((about("subject="), about("issuer=")), (3, 2), "{said:?}");
    assert_eq!(about("Nguyễn Văn An"), 1, "{said:?}");
    assert_eq!(
        std::fs::metadata(folder(&desk)).unwrap().permissions().mode() & 0o77,
        0
    );

    // What one alone rests on goes with it, what another one names stays.
    let last = evidence[2]["signed_at"].as_str().unwrap();
    std::fs::write(folder(&desk).join("left-behind.crl"), "half").unwrap();
    assert_eq!(erase(&desk, &["--before", last]), json!({ "erased": 2 }));
    assert_eq!(kept(&desk), evidence[2..]);
    assert_eq!(material(&desk), names);
    assert_eq!(erase(&desk, &[]), json!({ "erased": 1 }));
    assert_eq!((kept(&desk).len(), material(&desk).len()), (0, 0));
    assert_eq!(erase(&desk, &[]), json!({ "erased": 0 }));
}

#[test]
fn the_answer_of_a_responder_is_kept_as_it_came() {
    let port = free_port();
    let desk = Desk::with_keys_published_at(&format!("127.0.0.1:{port}"), &[("an", "ec:p256", "citizen")]);
    responder(&desk);
    let config = "[network]\nrevocation = true\nprivate_addresses = true\n";
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    let _server = Server::start(desk.pki(), port);
    let mut sign = desk.trien(["sign", "--format", "cades", "--out"]);
    sign.arg(desk.path("x.p7m")).arg(repository().join("README.md"));
    succeed(sign.args(desk.pin()));
    let evidence = kept(&desk);
    assert_eq!(
        evidence[0]["path"][0]["revocation"]["source"], "ocsp",
        "{evidence:#?}"
    );
    let names = material(&desk);
    assert_eq!(names, named(&evidence));
    let answers: Vec<String> = names
        .iter()
        .filter(|name| name.ends_with(".ocsp"))
        .map(|name| read(&desk, name))
        .collect();
    assert!(
        answers.len() == 1 && answers[0].contains("Cert Status: good"),
        "{answers:?}"
    );
    erase(&desk, &[]);
    assert!(material(&desk).is_empty());
}
