//! Many signatures with one question and one PIN; receipts; and a request that is made again because its reply was lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::daemon::{ALL, Daemon, PORTAL, Page, allow, code, record};
use support::{Desk, fail, repository, succeed};

const APPROVE: &str =
    "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\", \"24681357\"]\n";
fn desk() -> Desk {
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    desk
}

fn certificate(page: &mut Page) -> Value {
    page.call("certificates", &json!({}))["result"]["sha256"].clone()
}

fn digests(count: usize) -> Vec<Value> {
    let digest = |n: usize| STANDARD.encode(Sha256::digest(n.to_le_bytes()));
    (0..count)
        .map(|n| json!({ "name": format!("Hồ sơ {n}"), "digest": digest(n) }))
        .collect()
}

fn verify_receipt(desk: &Desk, receipt: &Value) -> std::process::Command {
    let file = desk.path("receipt.json");
    std::fs::write(&file, receipt.to_string()).unwrap();
    let mut command = desk.trien(["audit", "verify", "--receipt"]);
    command.arg(&file);
    command
}

#[test]
fn five_hundred_digests_take_one_question_and_give_a_receipt_that_the_record_bears_out() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let certificate = certificate(&mut page);
    let began = Instant::now();
    let call = json!({ "certificate": certificate, "hash": "SHA-256", "digests": digests(500) });
    let reply = page.call("sign_digests", &call);
    println!("500 digests in {} ms", began.elapsed().as_millis());
    let signatures = reply["result"]["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 500);
    assert!(signatures.iter().all(|one| one["status"] == "signed"));
    assert_eq!(
        record(&desk, 6)[1..],
        ["asked", "shared", "asked", "approved", "signed"]
    );
    let receipt = reply["result"]["receipt"].clone();
    let said = succeed(&mut verify_receipt(&desk, &receipt));
    assert!(said.contains("500 signatures"), "{said}");
    for (field, other) in [
        ("manifest", json!("00".repeat(32))),
        ("entry", json!(3)),
        ("hash", json!("00".repeat(32))),
        ("origin", json!("https://evil.example")),
        ("certificate", json!("00".repeat(32))),
        ("time", json!("2020-01-01T00:00:00Z")),
        ("results", json!([])),
    ] {
        let mut forged = receipt.clone();
        forged[field] = other;
        fail(&mut verify_receipt(&desk, &forged), 1);
    }
    fail(&mut verify_receipt(&desk, &json!({ "what": 1 })), 2);
    // What is no text is no receipt either.
    let mut other = desk.trien(["audit", "verify", "--json", "--receipt"]);
    other.arg(repository().join("testdata/documents/dossier.pdf"));
    let told = fail(&mut other, 2);
    assert!(told.contains("audit-no-receipt"), "{told}");
}

#[test]
fn a_receipt_is_borne_out_by_the_record_that_was_moved_away() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let call = json!({ "certificate": certificate(&mut page), "hash": "SHA-256", "digests": digests(2) });
    let old = page.call("sign_digests", &call)["result"]["receipt"].clone();
    let moved = desk.path("sổ cũ.jsonl");
    std::fs::rename(desk.home().join("data/audit.jsonl"), &moved).unwrap();
    // Another one begins where it was.
    let new = page.call("sign_digests", &call)["result"]["receipt"].clone();
    let in_the_old_one = |receipt: &Value| {
        let mut command = verify_receipt(&desk, receipt);
        command.arg("--record").arg(&moved);
        command
    };
    fail(&mut verify_receipt(&desk, &old), 1);
    succeed(&mut in_the_old_one(&old));
    fail(&mut in_the_old_one(&new), 1);
    succeed(&mut verify_receipt(&desk, &new));

    let alone = |file: &std::path::Path| {
        let mut command = desk.trien(["audit", "verify", "--record"]);
        command.arg(file);
        command
    };
    let said = succeed(&mut alone(&moved));
    assert!(said.contains("intact: 6 entries"), "{said}");
    // What is named is there and can be read.
    for (other, why) in [
        ("nowhere.jsonl", "nowhere.jsonl"),
        ("home", "/home\" cannot be read"),
    ] {
        let said = fail(&mut alone(&desk.path(other)), 3);
        assert!(said.contains(why), "{said}");
    }
    let text = std::fs::read_to_string(&moved).unwrap();
    std::fs::write(&moved, text.replacen("sign_digests", "sign_digest", 1)).unwrap();
    fail(&mut alone(&moved), 1);
    fail(&mut in_the_old_one(&old), 1);
}

#[test]
fn a_manifest_hash_can_be_computed_by_the_page() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let document = page.upload("Hồ sơ.pdf", &dossier);
    let call = json!({ "documents": [document], "format": "pades" });
    let receipt = page.call("sign_documents", &call)["result"]["receipt"].clone();
    let (name, digest) = ("Hồ sơ.pdf", document["sha256"].as_str().unwrap());
    let manifest = format!("{digest}\n{}\n{}\n{name}\n", dossier.len(), name.len());
    assert_eq!(receipt["manifest"], hex::encode(Sha256::digest(&manifest)));
    succeed(&mut verify_receipt(&desk, &receipt));
    // What a signature that stands alone is about comes behind it.
    let call = json!({ "documents": [document], "format": "cades_detached" });
    let signed = page.call("sign_documents", &call)["result"]["documents"][0].clone();
    let (sha256, size) = (signed["sha256"].as_str().unwrap(), &signed["size"]);
    let alone = json!({ "name": "Hồ sơ.p7s", "sha256": sha256, "size": size });
    let call = json!({ "documents": [alone], "content": document, "format": "cades_parallel" });
    let receipt = page.call("sign_documents", &call)["result"]["receipt"].clone();
    let manifest = format!("{sha256}\n{size}\n{}\nHồ sơ.p7s\n{manifest}", "Hồ sơ.p7s".len());
    assert_eq!(receipt["manifest"], hex::encode(Sha256::digest(manifest)));
    succeed(&mut verify_receipt(&desk, &receipt));
}

#[test]
fn one_that_fails_stops_the_rest_only_if_that_is_asked_for() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let good = page.upload("a.pdf", &dossier);
    let bad = page.upload("b.pdf", b"no PDF at all");
    let other = page.upload("c.pdf", &[dossier.as_slice(), b"\n"].concat());
    let mut call = json!({ "documents": [good, bad, other], "format": "pades" });
    let status = |reply: &Value| -> Vec<String> {
        let documents = reply["result"]["documents"].as_array().unwrap().iter();
        documents
            .map(|one| {
                one["error"]["data"]["code"]
                    .as_str()
                    .unwrap_or("signed")
                    .to_owned()
            })
            .collect()
    };
    let reply = page.call("sign_documents", &call);
    assert_eq!(status(&reply), ["signed", "document_unreadable", "signed"]);
    // What cannot be signed is known before anybody is asked.
    call["on_error"] = json!("stop");
    let before = record(&desk, 4).len();
    assert_eq!(code(&page.call("sign_documents", &call)), "document_unreadable");
    assert_eq!(record(&desk, 4).len(), before);
    // Who wants the others none the less has the person told what is left out.
    drop((page, daemon));
    let (daemon, question) = Daemon::keeping_the_question(&desk);
    let mut page = Page::connected(&daemon);
    let good = page.upload("a.pdf", &dossier);
    let bad = page.upload("b.pdf", b"no PDF at all");
    let call = json!({ "documents": [good, bad], "format": "pades" });
    assert_eq!(code(&page.call("sign_documents", &call)), "cancelled");
    let question: Value = serde_json::from_slice(&std::fs::read(question).unwrap()).unwrap();
    assert_eq!(question["documents"].as_array().unwrap().len(), 1);
    assert_eq!(question["left_out"], json!({ "names": ["b.pdf"], "total": 2 }));
}

#[test]
fn several_need_their_own_permission() {
    let desk = desk();
    allow(&desk, PORTAL, &["certificates", "sign", "blind_digest"]);
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let document = page.upload("a.pdf", &dossier);
    let call = |count: usize| json!({ "documents": vec![document.clone(); count], "format": "pades" });
    assert_eq!(code(&page.call("sign_documents", &call(2))), "not_allowed");
    assert!(page.call("sign_documents", &call(1))["result"].is_object());
    let certificate = certificate(&mut page);
    let batch = json!({ "certificate": certificate, "hash": "SHA-256", "digests": digests(1) });
    assert_eq!(code(&page.call("sign_digests", &batch)), "not_allowed");
}

#[test]
fn n041_digests_of_a_batch_have_the_length_of_their_hash() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let certificate = certificate(&mut page);
    let mut call = |hash: &str, digests: Value| {
        let params = json!({ "certificate": certificate, "hash": hash, "digests": digests });
        page.refusal("sign_digests", &params)
    };
    let of = |length: usize| json!([{ "digest": STANDARD.encode(vec![1; length]) }]);
    assert_eq!(call("SHA-256", of(20)), "bad_digest");
    assert_eq!(call("SHA-384", of(32)), "bad_digest");
    assert_eq!(call("SHA-256", json!([{ "digest": "?" }])), "bad_request");
    assert_eq!(call("SHA-256", json!([])), "bad_request");
    for hash in ["md5", "sha1", "none", "SHA-256 "] {
        assert_eq!(call(hash, of(32)), "bad_request", "{hash}");
    }
}

#[test]
fn a_reply_that_was_lost_can_be_asked_for_again_and_nothing_is_signed_twice() {
    let desk = desk();
    let script = "[[answer]]\ndecision = \"approve\"\npins = [\"24681357\"]\n".repeat(3);
    let daemon = Daemon::start(&desk, &script);
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let mut page = Page::connected(&daemon);
    let document = page.upload("a.pdf", &dossier);
    let mut call =
        json!({ "documents": [document], "format": "pades", "idempotency_key": "a-random-key-0001" });
    page.ask("sign_documents", &call);
    record(&desk, 4);
    drop(page);
    // Another connection, even over the other road: the same origin, the same request, the same key.
    let mut page = Page::over_socket(&daemon);
    page.hello();
    let again = page.call("sign_documents", &call);
    let signed = &again["result"]["documents"][0];
    let bytes = page.download(
        signed["sha256"].as_str().unwrap(),
        signed["size"].as_u64().unwrap(),
    );
    assert!(bytes.starts_with(&dossier) && bytes.len() > dossier.len());
    assert_eq!(page.call("sign_documents", &call)["result"], again["result"]);
    assert_eq!(
        record(&desk, 4),
        ["daemon_started", "asked", "approved", "signed"]
    );
    // The certificate that was shown with the reply that was lost may be named here as well.
    let mut named = json!({ "documents": [document], "format": "pades" });
    named["certificate"] = again["result"]["certificate"]["sha256"].clone();
    let mut unshown = Page::over_socket(&daemon);
    unshown.hello();
    unshown.upload("a.pdf", &dossier);
    assert_eq!(unshown.refusal("sign_documents", &named), "certificate_not_found");
    page.upload("a.pdf", &dossier);
    let with_it = page.call("sign_documents", &named);
    assert!(with_it["result"].is_object(), "{with_it}");
    // The key is this request's.
    call["reason"] = json!("another");
    assert_eq!(code(&page.call("sign_documents", &call)), "key_reused");
    for bad in ["short", "with a space in the middle", &"x".repeat(65)] {
        call["idempotency_key"] = json!(bad);
        assert_eq!(page.refusal("sign_documents", &call), "bad_request");
    }
    // Another origin's page learns nothing by it: the same request under the same key is its own, and asks anew.
    let other = "https://other.example";
    allow(&desk, other, &[]);
    let mut stranger = Page::websocket_from(&daemon, other).unwrap();
    stranger.hello();
    stranger.upload("a.pdf", &dossier);
    let its_own =
        json!({ "documents": [document], "format": "pades", "idempotency_key": "a-random-key-0001" });
    let signed_anew = stranger.call("sign_documents", &its_own);
    assert_ne!(
        signed_anew["result"]["receipt"]["entry"],
        again["result"]["receipt"]["entry"]
    );
    assert_eq!(record(&desk, 10)[7..], ["asked", "approved", "signed"]);
    // And who may not ask may not ask again.
    allow(&desk, PORTAL, &["certificates"]);
    let call = json!({ "documents": [document], "format": "pades", "idempotency_key": "a-random-key-0001" });
    assert_eq!(code(&page.call("sign_documents", &call)), "not_allowed");
}

#[test]
fn the_reply_for_digests_that_was_lost_is_the_same_over_the_other_road() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let certificate = certificate(&mut page);
    let (key, other_key) = ("a-random-key-0001", "a-random-key-0002");
    let digest = digests(1)[0]["digest"].clone();
    let many = json!({ "certificate": certificate, "hash": "SHA-256", "digests": digests(3), "idempotency_key": key });
    let one = json!({ "certificate": certificate, "hash": "SHA-256", "digest": digest, "idempotency_key": other_key });
    for (method, call) in [("sign_digests", many), ("sign_digest", one)] {
        let before = record(&desk, 1);
        let asked = page.ask(method, &call);
        // It is signed, and the page is gone before it reads that.
        let signed = record(&desk, before.len() + 3);
        assert_eq!(
            signed[before.len()..],
            ["asked", "approved", "signed"],
            "{method}"
        );
        drop(page);
        let mut again = Page::over_socket(&daemon);
        again.hello();
        let reply = again.call(method, &call);
        assert!(reply["result"].is_object(), "{method}, {asked} before: {reply}");
        page = Page::connected(&daemon);
        assert_eq!(page.call(method, &call)["result"], reply["result"], "{method}");
        assert_eq!(
            record(&desk, 1),
            signed,
            "{method}: nobody is asked, and nothing is signed"
        );
        // One alone has none.
        if method == "sign_digests" {
            succeed(&mut verify_receipt(&desk, &reply["result"]["receipt"]));
        }
        // On this connection the certificate is known again, for the next.
        self::certificate(&mut page);
    }
}

#[test]
fn the_same_request_while_the_first_waits_for_the_person_is_no_second() {
    let desk = desk();
    let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"hang\"\nrepeat = true\n");
    let call = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()), "idempotency_key": "a-random-key-0003" });
    let mut first = Page::connected(&daemon);
    let asked = first.ask("authenticate", &call);
    record(&desk, 2);
    for mut other in [Page::connected(&daemon), {
        let mut page = Page::over_socket(&daemon);
        page.hello();
        page
    }] {
        assert_eq!(code(&other.call("authenticate", &call)), "busy");
    }
    // When the first is gone, the next is the first.
    first.call("cancel", &json!({ "request": asked }));
    assert_eq!(code(&first.reply(asked)), "cancelled");
    record(&desk, 3);
    let mut next = Page::connected(&daemon);
    next.ask("authenticate", &call);
    assert_eq!(
        record(&desk, 4),
        ["daemon_started", "asked", "withdrawn", "asked"]
    );
}

#[test]
fn a_page_does_not_wait_while_anothers_documents_are_looked_through() {
    let desk = desk();
    let other = "https://other.example";
    allow(&desk, other, &["sign_in"]);
    let daemon = Daemon::start(&desk, APPROVE);
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let mut page = Page::connected(&daemon);
    let documents: Vec<_> = (0..150)
        .map(|n| {
            page.upload(
                &format!("{n}.pdf"),
                &[dossier.as_slice(), n.to_string().as_bytes()].concat(),
            )
        })
        .collect();
    let mut second = Page::websocket_from(&daemon, other).unwrap();
    second.hello();
    page.ask(
        "sign_documents",
        &json!({ "documents": documents, "format": "pades" }),
    );
    std::thread::sleep(std::time::Duration::from_millis(100));
    let nonce = STANDARD.encode((0..32).collect::<Vec<u8>>());
    let reply = second.call("authenticate", &json!({ "nonce": nonce }));
    assert!(reply["result"].is_object(), "{reply}");
    // Nobody has been asked about the documents before.
    let entries = succeed(&mut desk.trien(["audit", "show", "--json"]));
    let entries: Vec<Value> = serde_json::from_str(&entries).unwrap();
    assert_eq!(entries[1]["method"], "authenticate", "{entries:?}");
}

#[test]
fn a_failed_request_may_be_made_again_under_its_key() {
    let desk = desk();
    let script =
        "[[answer]]\ndecision = \"refuse\"\n[[answer]]\ndecision = \"approve\"\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, script);
    let mut page = Page::connected(&daemon);
    let call = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()), "idempotency_key": "a-random-key-0002" });
    assert_eq!(code(&page.call("authenticate", &call)), "cancelled");
    let token = page.call("authenticate", &call);
    assert!(token["result"].is_object(), "{token}");
    assert_eq!(page.call("authenticate", &call), {
        let mut same = token.clone();
        same["id"] = json!(4);
        same
    });
}
