//! The whole path: a page asks, a person agrees, a token signs. Real daemon, real software token, real module worker;
//! the person is a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::daemon::{APPROVE, Daemon, PORTAL, Page, allow, asking, code, dossier, record, wait_for};
use support::{Desk, PIN, fail, repository, succeed};

fn desk() -> Desk {
    let desk = Desk::with_keys(&[("rsa", "rsa:2048", "citizen")]);
    allow(&desk, PORTAL, &[]);
    desk
}

fn approve_with(pins: &[&str]) -> String {
    format!("[[answer]]\ndecision = \"approve\"\npins = {pins:?}\n")
}

fn sign(page: &mut Page, documents: &[Value], format: &str) -> Value {
    page.call(
        "sign_documents",
        &json!({ "documents": documents, "format": format }),
    )
}

#[test]
fn a_dossier_is_signed_over_both_roads() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    for (name, mut page) in [
        ("websocket", Page::over_websocket(&daemon)),
        ("extension", Page::over_socket(&daemon)),
    ] {
        page.hello();
        let original = dossier();
        let document = page.upload("Hồ sơ.pdf", &original);
        let reply = page.call(
            "sign_documents",
            &json!({
                "documents": [document], "format": "pades", "reason": "Đồng ý",
                "appearance": { "page": 1, "rectangle": [320.0, 60.0, 560.0, 140.0], "language": "vi" },
            }),
        );
        let signed = &reply["result"]["documents"][0];
        assert_eq!(signed["status"], "signed", "{reply}");
        let bytes = page.download(
            signed["sha256"].as_str().unwrap(),
            signed["size"].as_u64().unwrap(),
        );
        assert_eq!(bytes[..original.len()], original, "an incremental update");
        assert_eq!(
            reply["result"]["certificate"]["subject"]["citizen_id"],
            "079085000123"
        );

        let file = desk.path(&format!("{name}.pdf"));
        std::fs::write(&file, &bytes).unwrap();
        succeed(&mut desk.trien(["verify", file.to_str().unwrap()]));

        let again = page.upload("signed.pdf", &bytes);
        let verdict = page.call("verify_documents", &json!({ "documents": [again] }));
        assert_eq!(verdict["result"]["documents"][0]["valid"], true, "{verdict}");
        assert_eq!(
            verdict["result"]["documents"][0]["signatures"][0]["covers_whole_document"],
            true
        );
    }
    let story = [
        "daemon_started",
        "asked",
        "approved",
        "signed",
        "asked",
        "approved",
        "signed",
    ];
    assert_eq!(record(&desk, story.len()), story);
    succeed(&mut desk.trien(["audit", "verify"]));
    assert!(!daemon.log().contains(PIN));
}

#[test]
fn a_certificate_is_shared_and_named_afterwards() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let (mut page, document) = Page::with_dossier(&daemon);
    let named =
        |sha256: &str| json!({ "documents": [document], "format": "cades_detached", "certificate": sha256 });
    assert_eq!(
        code(&page.call("sign_documents", &named(&"0".repeat(64)))),
        "certificate_not_found"
    );
    let shared = page.call("certificates", &json!({}));
    let sha256 = shared["result"]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(
        shared["result"]["chain"].as_array().unwrap().len(),
        1,
        "the issuing authority, without the root"
    );
    let reply = page.call("sign_documents", &named(&sha256));
    assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
    // Another connection has not been shown it, even if it knows the name.
    let mut other = Page::connected(&daemon);
    let document = other.upload("Hồ sơ.pdf", &dossier());
    let stolen = json!({ "documents": [document], "format": "pades", "certificate": sha256 });
    assert_eq!(
        code(&other.call("sign_documents", &stolen)),
        "certificate_not_found"
    );
}

#[test]
fn a_page_cannot_find_out_whose_tokens_these_are_by_trying_tax_codes() {
    let desk = desk();
    for (label, profile, subject) in [
        ("firm", "citizen", "C=VN,CN=Công ty A,UID=MST:0100000001"),
        ("old", "expired", "C=VN,CN=Công ty B,UID=MST:0100000002"),
        (
            "sealed",
            "encryption_only",
            "C=VN,CN=Công ty C,UID=MST:0100000003",
        ),
    ] {
        desk.add_key_of(label, "ec:p256", profile, subject);
    }
    let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"approve\"\nrepeat = true\n");
    let mut page = Page::connected(&daemon);
    let ask = |page: &mut Page, tax_code: &str| page.call("certificates", &json!({ "tax_code": tax_code }));
    let shared = ask(&mut page, "0100000001");
    assert_eq!(
        shared["result"]["subject"]["tax_code"], "0100000001",
        "the person agreed: {shared}"
    );

    // Of none, of one that has expired and of one that is for something else it hears the same, and as often as it asks.
    let missed = ask(&mut page, "0000000000");
    assert_eq!(code(&missed), "no_certificate", "{missed}");
    for tax_code in ["0100000002", "0100000003", "0000000000", "0100000002"] {
        assert_eq!(ask(&mut page, tax_code)["error"], missed["error"], "{tax_code}");
    }
    // More codes are not looked for, whether or not there is one, nor on another connection.
    for page in [&mut page, &mut Page::connected(&daemon)] {
        for tax_code in ["0000000001", "0100000001"] {
            let refused = ask(page, tax_code);
            assert_eq!(code(&refused), "rate_limited", "{refused}");
            let said = refused["error"]["data"]["message"]["en"].as_str().unwrap();
            assert!(said.contains("tax codes"), "{refused}");
        }
    }
    // Without one the person is asked as ever.
    assert!(page.call("certificates", &json!({}))["result"].is_object());
    let story = [
        "daemon_started",
        "asked",
        "shared",
        "failed",
        "failed",
        "failed",
        "asked",
        "shared",
    ];
    assert_eq!(record(&desk, story.len()), story);
}

#[test]
fn a_digest_needs_its_own_permission() {
    let desk = desk();
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let certificate = page.call("certificates", &json!({}))["result"].clone();
    let params = |hash: &str, length: usize| json!({ "certificate": certificate["sha256"], "hash": hash, "digest": STANDARD.encode(vec![7; length]) });
    assert_eq!(
        code(&page.call("sign_digest", &params("SHA-256", 32))),
        "not_allowed"
    );
    allow(&desk, PORTAL, &["certificates", "sign", "blind_digest"]);
    for (hash, length) in [("SHA-256", 20), ("SHA-384", 32), ("SHA-512", 48)] {
        assert_eq!(
            code(&page.call("sign_digest", &params(hash, length))),
            "bad_digest"
        );
    }
    for hash in ["md5", "sha1", "none", "SHA-256 ", "SHA-1"] {
        let mut page = Page::connected(&daemon);
        assert_eq!(code(&page.call("sign_digest", &params(hash, 32))), "bad_request");
    }
    let reply = page.call("sign_digest", &params("SHA-256", 32));
    assert_eq!(reply["result"]["algorithm"], "RS256", "{reply}");
    assert_eq!(
        STANDARD
            .decode(reply["result"]["signature"].as_str().unwrap())
            .unwrap()
            .len(),
        256
    );
}

#[test]
fn a_batch_is_one_question_one_pin_and_results_for_each() {
    let desk = desk();
    let daemon = Daemon::start(&desk, &approve_with(&[PIN]));
    let (mut page, document) = Page::with_dossier(&daemon);
    let broken = page.upload("broken.pdf", b"%PDF-1.7 and nothing else");
    let text = page.upload("note.txt", "Kính gửi".as_bytes());
    let reply = sign(&mut page, &[document.clone(), broken.clone(), document], "pades");
    let documents = &reply["result"]["documents"];
    assert_eq!(
        [
            &documents[0]["status"],
            &documents[1]["status"],
            &documents[2]["status"]
        ],
        ["signed", "failed", "signed"]
    );
    assert_eq!(documents[1]["error"]["data"]["code"], "document_unreadable");
    // Nobody is asked about what cannot be signed: the script has no answer left, and none is needed.
    assert_eq!(
        code(&sign(&mut page, &[broken, text], "pades")),
        "document_unreadable"
    );
    assert_eq!(
        record(&desk, 4),
        ["daemon_started", "asked", "approved", "signed"]
    );
}

#[test]
fn a_wrong_pin_may_be_typed_again() {
    let desk = desk();
    let daemon = Daemon::start(
        &desk,
        &(approve_with(&["99999999", "1", PIN]) + &approve_with(&["99999999"])),
    );
    let (mut page, document) = Page::with_dossier(&daemon);
    assert_eq!(
        sign(&mut page, std::slice::from_ref(&document), "pades")["result"]["documents"][0]["status"],
        "signed"
    );
    let reply = sign(&mut page, &[document], "pades");
    assert_eq!(code(&reply), "pin_incorrect");
    assert!(!reply.to_string().contains("tries"), "no count");
}

#[test]
fn pins_that_cannot_be_spend_no_try() {
    let desk = desk();
    let long = "1".repeat(300);
    let daemon = Daemon::start(&desk, &(approve_with(&["", "1", &long]) + &approve_with(&[PIN])));
    let (mut page, document) = Page::with_dossier(&daemon);
    assert_eq!(
        code(&sign(&mut page, std::slice::from_ref(&document), "pades")),
        "pin_invalid"
    );
    let tokens = succeed(&mut desk.trien(["token", "list", "--json"]));
    assert!(tokens.contains("\"ready\""), "{tokens}");
    assert_eq!(
        sign(&mut page, &[document], "pades")["result"]["documents"][0]["status"],
        "signed"
    );
}

#[test]
fn wrong_pins_lock_the_token_and_the_page_learns_that_much() {
    let desk = desk();
    let wrong: Vec<_> = (0..12).map(|n| format!("9999999{n}")).collect();
    let wrong: Vec<_> = wrong.iter().map(String::as_str).collect();
    let daemon = Daemon::start(&desk, &approve_with(&wrong));
    let (mut page, document) = Page::with_dossier(&daemon);
    assert_eq!(
        code(&sign(&mut page, std::slice::from_ref(&document), "pades")),
        "pin_locked"
    );
    assert_eq!(code(&sign(&mut page, &[document], "pades")), "pin_locked");
    assert!(daemon.answers());
}

#[test]
fn no_is_no() {
    let desk = desk();
    let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"refuse\"\n");
    let (mut page, document) = Page::with_dossier(&daemon);
    assert_eq!(
        code(&sign(&mut page, std::slice::from_ref(&document), "pades")),
        "cancelled"
    );
    assert_eq!(
        code(&sign(&mut page, &[document], "pades")),
        "nobody_to_ask",
        "the script has no answer left"
    );
    assert_eq!(
        record(&desk, 5),
        ["daemon_started", "asked", "refused", "asked", "failed"]
    );
}

#[test]
fn a_page_that_cancels_takes_its_question_with_it() {
    let desk = desk();
    let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"hang\"\nrepeat = true\n");
    let (mut page, document) = Page::with_dossier(&daemon);
    let asked = page.ask(
        "sign_documents",
        &json!({ "documents": [document], "format": "pades" }),
    );
    wait_for(|| asking(daemon.pid()).len() == 1);
    let cancel = page.ask("cancel", &json!({ "request": asked }));
    let (mut replies, mut seen) = (Vec::new(), 0);
    while seen < 2 {
        let (message, _) = page.receive().unwrap();
        if message["id"].is_u64() {
            seen += 1;
            replies.push(message);
        }
    }
    let of = |id: u64| replies.iter().find(|reply| reply["id"] == id).unwrap();
    assert_eq!(of(cancel)["result"]["cancelled"], true);
    assert_eq!(code(of(asked)), "cancelled");
    wait_for(|| asking(daemon.pid()).is_empty());
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "withdrawn"]);
    assert!(daemon.answers());
}

#[test]
fn one_question_is_open_one_waits_the_rest_are_busy() {
    let desk = desk();
    let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"hang\"\nrepeat = true\n");
    let (mut page, document) = Page::with_dossier(&daemon);
    let params = json!({ "documents": [document], "format": "pades" });
    page.ask("sign_documents", &params);
    wait_for(|| asking(daemon.pid()).len() == 1);
    let rest: Vec<_> = (0..20).map(|_| page.ask("sign_documents", &params)).collect();
    let mut busy = 0;
    while busy < 19 {
        let (message, _) = page.receive().unwrap();
        if message["id"].is_u64() {
            assert!(rest.contains(&message["id"].as_u64().unwrap()));
            assert_eq!(code(&message), "busy");
            busy += 1;
        }
    }
    assert_eq!(asking(daemon.pid()).len(), 1);
}

#[test]
fn what_is_not_here_is_said_so() {
    let desk = Desk::with_token();
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, APPROVE);
    let (mut page, document) = Page::with_dossier(&daemon);
    assert_eq!(code(&page.call("certificates", &json!({}))), "no_certificate");
    assert_eq!(
        code(&sign(&mut page, std::slice::from_ref(&document), "pades")),
        "no_certificate"
    );
    let missing = json!({ "name": "x", "sha256": "0".repeat(64), "size": 3 });
    // That it is not here either is no news before it is waited for.
    assert_eq!(code(&sign(&mut page, &[missing], "pades")), "no_certificate");
    assert_eq!(code(&sign(&mut page, &[], "pades")), "bad_request");
    let many = vec![document; 501];
    assert_eq!(code(&sign(&mut page, &many, "pades")), "too_large");
}

#[test]
fn certificates_that_are_over_or_for_something_else_are_refused_before_the_pin() {
    for (profile, expected) in [
        ("expired", "certificate_expired"),
        ("encryption_only", "certificate_unsuitable"),
    ] {
        let desk = Desk::with_keys(&[("k", "ec:p256", profile)]);
        allow(&desk, PORTAL, &[]);
        let daemon = Daemon::start(&desk, APPROVE);
        let (mut page, document) = Page::with_dossier(&daemon);
        assert_eq!(code(&sign(&mut page, &[document], "pades")), expected);
        assert_eq!(record(&desk, 1), ["daemon_started"], "nobody was asked");
        let input = repository().join("testdata/documents/dossier.pdf");
        let out = desk.path("out.pdf");
        fail(
            desk.trien(["sign"])
                .arg(input)
                .arg("--out")
                .arg(&out)
                .args(desk.pin()),
            1,
        );
        assert!(!out.exists());
    }
}

/// No reader tells of it: that a token which was there a moment ago is gone is found by asking it.
#[test]
fn nobody_is_asked_for_a_token_that_went_a_moment_ago() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["certificates", "blind_digest"]);
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let certificate = page.call("certificates", &json!({}))["result"]["sha256"].clone();
    let digest = STANDARD.encode([1; 32]);
    let call = json!({ "certificate": certificate, "hash": "SHA-256", "digest": digest });
    assert!(page.call("sign_digest", &call)["result"].is_object());
    let (tokens, away) = (desk.home().join("data/tokens"), desk.home().join("away"));
    std::fs::rename(&tokens, &away).unwrap();
    assert_eq!(page.refusal("sign_digest", &call), "certificate_not_found");
    let asked = record(&desk, 1)
        .iter()
        .filter(|action| *action == "asked")
        .count();
    assert_eq!(asked, 2, "for the certificate, and for the signature");
    std::fs::rename(&away, &tokens).unwrap();
    assert!(page.call("sign_digest", &call)["result"].is_object());
}

#[test]
fn uploads_must_be_what_was_announced() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, "");
    let mut page = Page::over_socket(&daemon);
    page.hello();
    let sha256 = "0".repeat(64);
    let mut upload = |size: u64, offset: u64, data: &str| {
        let params = json!({ "sha256": sha256, "size": size, "offset": offset, "data": data });
        let reply = page.call("upload", &params);
        reply["error"]["data"]["code"].as_str().map(str::to_owned)
    };
    assert_eq!(
        upload(3, 0, "AAAA").as_deref(),
        Some("upload_mismatch"),
        "another digest"
    );
    assert_eq!(upload(6, 3, "AAAA").as_deref(), Some("upload_mismatch"), "a gap");
    assert_eq!(upload(6, 0, "AAAA"), None);
    assert_eq!(upload(6, 0, "AAAA").as_deref(), Some("upload_mismatch"), "twice");
    assert_eq!(upload(3, 0, "not base64").as_deref(), Some("bad_request"));
    assert_eq!(upload(0, 0, "AAAA").as_deref(), Some("bad_request"));
    assert_eq!(upload(u64::MAX, 0, "AAAA").as_deref(), Some("too_large"));
    assert!(daemon.answers());
}
