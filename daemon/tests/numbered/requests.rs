//! What a page may ask for, and what its questions come to.

use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::daemon::{ALL, APPROVE, Daemon, PORTAL, Page, allow, asking, code, record, wait_for};
use crate::support::promptly::Promptly;
use crate::support::{Desk, succeed};
use crate::{HANG, portal, with_key};

#[test]
fn n038_a_conversation_played_again_is_another_session_and_asks_anew() {
    let once = "[[answer]]\ndecision = \"approve\"\npins = [\"24681357\"]\n";
    let (desk, daemon) = with_key("citizen", once);
    // Everything that went over the wire, to the byte.
    let nonce = STANDARD.encode((0..32).collect::<Vec<u8>>());
    let said = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "hello", "params": { "versions": [1] } }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "authenticate", "params": { "nonce": nonce } }),
    ];
    let play = || {
        let mut page = Page::over_websocket(&daemon);
        page.send_text(&said[0].to_string());
        let session = page.reply(1)["result"]["session"].clone();
        page.send_text(&said[1].to_string());
        (session, page.reply(2))
    };
    let (first, told) = play();
    assert!(told["result"].is_object(), "{told}");
    let (second, told) = play();
    assert_ne!(first, second);
    // The person would have to agree anew, and here is nobody who does.
    assert_eq!(code(&told), "nobody_to_ask");
    assert_eq!(
        record(&desk, 5)[1..4],
        ["asked", "approved", "signed"],
        "one signature"
    );
    let [one, other] = [(); 2].map(|()| Page::connected(&daemon).call("hello", &json!({ "versions": [1] })));
    assert_eq!(code(&one), "hello_expected");
    assert_eq!(one, other, "and what it says is no secret");
}

#[test]
fn n040_a_digest_without_its_permission_asks_nobody() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let certificate = page.call("certificates", &json!({}))["result"]["sha256"].clone();
    let before = record(&desk, 3);
    let digest = json!({ "certificate": certificate, "hash": "SHA-256", "digest": STANDARD.encode([7; 32]) });
    assert_eq!(code(&page.call("sign_digest", &digest)), "not_allowed");
    assert_eq!(record(&desk, 3), before);
}

#[test]
fn n042_n043_a_certificate_that_is_for_signing_in_alone_signs_no_digest() {
    let desk = Desk::with_token();
    desk.add_key("k", "ec:p256", "citizen");
    // The same key with a certificate whose only use is digitalSignature.
    let [request, certificate, config] = [desk.path("k.csr"), desk.path("login.pem"), desk.path("login.cnf")];
    std::fs::write(
        &config,
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n",
    )
    .unwrap();
    let mut issue = Command::new("openssl");
    issue.args(["x509", "-req", "-days", "30", "-in"]).arg(&request);
    issue.arg("-CA").arg(desk.pki().join("ca.pem"));
    issue.arg("-CAkey").arg(desk.pki().join("private/ca.key"));
    issue.arg("-extfile").arg(&config).arg("-out").arg(&certificate);
    succeed(&mut issue);
    let words = ["token", "install", "--token", crate::support::TOKEN, "--cert"];
    succeed(desk.trien(words).arg(&certificate).args(desk.pin()));
    allow(&desk, PORTAL, &ALL);
    let serial = succeed(
        Command::new("openssl")
            .args(["x509", "-noout", "-serial", "-in"])
            .arg(&certificate),
    );
    let serial = serial.trim().trim_start_matches("serial=").to_lowercase();
    let daemon = Daemon::start(&desk, &format!("{APPROVE}certificate = \"{serial}\"\n"));
    let mut page = Page::connected(&daemon);
    let shared = page.call("certificates", &json!({}))["result"].clone();
    assert_eq!(shared["serial"], serial, "{shared}");
    // Whatever the digest is of: a TLS client's CertificateVerify, another portal's challenge.
    for digest in [[7u8; 32], [9; 32]] {
        let call =
            json!({ "certificate": shared["sha256"], "hash": "SHA-256", "digest": STANDARD.encode(digest) });
        assert_eq!(code(&page.call("sign_digest", &call)), "certificate_unsuitable");
    }
    // It is good for what it is for.
    let nonce = STANDARD.encode((0..32).collect::<Vec<u8>>());
    assert!(page.call("authenticate", &json!({ "nonce": nonce }))["result"].is_object());
}

#[test]
fn n044_n045_what_is_not_here_or_not_in_the_schema_is_refused() {
    let (desk, daemon) = with_key("citizen", APPROVE);
    let mut page = Page::connected(&daemon);
    let digest = |certificate: &str| json!({ "certificate": certificate, "hash": "SHA-256", "digest": STANDARD.encode([7; 32]) });
    let before = record(&desk, 1).len();
    assert_eq!(
        code(&page.call("sign_digest", &digest(&"00".repeat(32)))),
        "certificate_not_found"
    );
    for (field, value) in [
        ("mechanism", json!("CKM_RSA_X_509")),
        ("mechanism", json!(3)),
        ("padding", json!("raw")),
        ("padding", json!("none")),
    ] {
        let mut call = digest(&"00".repeat(32));
        call[field] = value;
        assert_eq!(page.refusal("sign_digest", &call), "bad_request", "{field}");
    }
    assert_eq!(record(&desk, 1).len(), before);
}

#[test]
fn n046_two_hundred_requests_open_one_question_and_one_waits() {
    let (_desk, daemon) = with_key("citizen", HANG);
    let mut page = Page::connected(&daemon);
    let asked: Vec<u64> = (0..200).map(|_| page.ask("certificates", &json!({}))).collect();
    let mut busy = 0;
    while busy < asked.len() - 2 {
        let (message, _) = page.receive().unwrap();
        if message["method"] == "progress" {
            continue;
        }
        assert_eq!(code(&message), "busy", "{message}");
        busy += 1;
    }
    wait_for(|| asking(daemon.pid()).len() == 1);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(asking(daemon.pid()).len(), 1);
}

#[test]
fn n046_a_flood_of_cancels_is_bounded_and_the_one_that_is_meant_ends_its_request() {
    let (_desk, daemon) = with_key("citizen", HANG);
    for mut page in [Page::connected(&daemon), {
        let mut page = Page::over_socket(&daemon);
        page.hello();
        page
    }] {
        // What the other connection has used up is there again by and by.
        std::thread::sleep(Duration::from_secs(1));
        let asked = page.ask("certificates", &json!({}));
        wait_for(|| asking(daemon.pid()).len() == 1);
        // Of a request that never was. As many at a time as have room on their way, and for as long as a slow machine is
        // no faster than the bound.
        let (mut limited, mut answered) = (0, 0);
        while limited == 0 {
            assert!(answered < 20_000, "no bound");
            let flood: Vec<u64> = (0..50)
                .map(|_| page.ask("cancel", &json!({ "request": 0 })))
                .collect();
            for id in flood {
                let reply = page.reply(id);
                match reply["result"]["cancelled"].as_bool() {
                    Some(cancelled) => {
                        assert!(!cancelled);
                        answered += 1;
                    }
                    None => {
                        assert_eq!(code(&reply), "rate_limited");
                        limited += 1;
                    }
                }
            }
        }
        assert!(answered > 0, "{limited}");
        // Where nothing else is answered any more, this is.
        let reply = page.call("cancel", &json!({ "request": asked }));
        assert_eq!(reply["result"]["cancelled"], true);
        assert_eq!(code(&page.reply(asked)), "cancelled");
        wait_for(|| asking(daemon.pid()).is_empty());
    }
    // A good client's hello counts too, and the bucket is as good as empty.
    wait_for(|| daemon.answers());
}

#[test]
fn n047_after_two_refusals_there_is_no_third_window() {
    let (desk, daemon) = with_key("citizen", "[[answer]]\ndecision = \"refuse\"\nrepeat = true\n");
    let mut page = Page::connected(&daemon);
    for told in ["cancelled", "cancelled", "user_muted", "user_muted"] {
        assert_eq!(code(&page.call("certificates", &json!({}))), told);
    }
    // Another origin is asked for as before.
    allow(&desk, "https://other.example", &[]);
    let mut other = Page::websocket_from(&daemon, "https://other.example").unwrap();
    other.hello();
    assert_eq!(code(&other.call("certificates", &json!({}))), "cancelled");
    assert_eq!(record(&desk, 7).len(), 7);
}

/// That the person typed a PIN first makes his no no less of one.
#[test]
fn n047_no_after_a_wrong_pin_is_a_no() {
    let wrong = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"11111111\"]\n";
    let (desk, daemon) = with_key("citizen", wrong);
    let mut page = Page::connected(&daemon);
    let nonce = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()) });
    for told in ["pin_incorrect", "pin_incorrect", "user_muted"] {
        assert_eq!(code(&page.call("authenticate", &nonce)), told);
    }
    assert_eq!(record(&desk, 7).len(), 7);
}

/// Nobody has the time to say no to a window that comes and goes.
#[test]
fn n047_a_page_that_takes_its_questions_back_again_and_again_has_to_wait() {
    let (desk, daemon) = with_key("citizen", HANG);
    let mut page = Page::connected(&daemon);
    for _ in 0..10 {
        let asked = page.ask("certificates", &json!({}));
        wait_for(|| asking(daemon.pid()).len() == 1);
        let taken_back = page.ask("cancel", &json!({ "request": asked }));
        // The two replies come in any order, and progress before them.
        let mut awaited = vec![asked, taken_back];
        while !awaited.is_empty() {
            let (message, _) = page.receive().unwrap();
            awaited.retain(|id| message["id"] != *id);
            if message["id"] == asked {
                assert_eq!(code(&message), "cancelled");
            }
        }
        wait_for(|| asking(daemon.pid()).is_empty());
    }
    for _ in 0..20 {
        assert_eq!(code(&page.call("certificates", &json!({}))), "rate_limited");
    }
    assert_eq!(record(&desk, 21).len(), 21, "nobody was asked any more");
    // Another connection of the same page is no other asker, and another page is.
    assert_eq!(
        code(&Page::connected(&daemon).call("certificates", &json!({}))),
        "rate_limited"
    );
    allow(&desk, "https://other.example", &[]);
    let mut other = Page::websocket_from(&daemon, "https://other.example").unwrap();
    other.hello();
    other.ask("certificates", &json!({}));
    wait_for(|| asking(daemon.pid()).len() == 1);
}

#[test]
fn n048_the_tab_goes_and_the_window_goes() {
    let (desk, daemon) = with_key("citizen", HANG);
    for road in [Page::over_websocket, Page::over_socket] {
        let mut page = road(&daemon);
        page.hello();
        let document = page.upload("a.txt", b"a");
        page.ask(
            "sign_documents",
            &json!({ "documents": [document], "format": "cades_detached" }),
        );
        wait_for(|| asking(daemon.pid()).len() == 1);
        drop(page);
        let promptly = Promptly::begin();
        wait_for(|| asking(daemon.pid()).is_empty());
        promptly.within(Duration::from_millis(500));
    }
    assert_eq!(
        record(&desk, 5),
        ["daemon_started", "asked", "withdrawn", "asked", "withdrawn"]
    );
}

#[test]
fn n028_a_page_that_does_not_read_is_closed_as_any_other_when_its_permission_is_taken() {
    let (desk, daemon) = with_key("citizen", HANG);
    let mut page = Page::connected(&daemon);
    let document = page.upload("a.bin", &[7; 500_000]);
    page.ask("certificates", &json!({}));
    wait_for(|| asking(daemon.pid()).len() == 1);
    let download = json!({ "sha256": document["sha256"], "offset": 0, "length": 500_000 });
    for _ in 0..200 {
        page.ask("download", &download);
    }
    // By now all that has room on its way is there, and the rest waits.
    std::thread::sleep(Duration::from_millis(500));
    succeed(&mut desk.trien(["origin", "revoke", PORTAL]));
    let promptly = Promptly::begin();
    wait_for(|| asking(daemon.pid()).is_empty());
    promptly.within(Duration::from_secs(1));
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "withdrawn"]);
}

#[test]
fn n051_one_origins_login_is_not_anothers() {
    let script = format!(
        "{APPROVE}origin = \"{PORTAL}\"\n[[answer]]\ndecision = \"refuse\"\norigin = \"https://b.example\"\n"
    );
    let (desk, daemon) = with_key("citizen", &script);
    allow(&desk, "https://b.example", &ALL);
    let nonce = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()) });
    assert!(Page::connected(&daemon).call("authenticate", &nonce)["result"].is_object());
    let mut other = Page::websocket_from(&daemon, "https://b.example").unwrap();
    other.hello();
    assert_eq!(
        code(&other.call("authenticate", &nonce)),
        "cancelled",
        "asked for himself"
    );
}

#[test]
fn n051_the_pin_of_one_origin_opens_the_token_for_no_other() {
    const OTHER: &str = "https://b.example";
    let script = format!(
        "{APPROVE}origin = \"{PORTAL}\"\n[[answer]]\ndecision = \"approve\"\norigin = \"{OTHER}\"\npins = [\"00000000\"]\n"
    );
    let (desk, daemon) = with_key("citizen", &script);
    allow(&desk, OTHER, &ALL);
    let nonce = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()) });
    let mut page = Page::connected(&daemon);
    let mut other = Page::websocket_from(&daemon, OTHER).unwrap();
    other.hello();
    // The one has just been logged in, and stays connected.
    assert!(page.call("authenticate", &nonce)["result"].is_object());
    let told = other.call("authenticate", &nonce);
    assert!(
        ["pin_incorrect", "cancelled"].contains(&code(&told)),
        "signed without its own PIN: {told}"
    );
    assert!(page.call("authenticate", &nonce)["result"].is_object());
    let actions = record(&desk, 9);
    let signed = actions.iter().filter(|action| *action == "signed").count();
    assert_eq!(signed, 2, "{actions:?}");
}

#[test]
fn n054_a_documents_name_has_a_length_and_is_no_path() {
    let (desk, daemon) = with_key("citizen", APPROVE);
    let mut page = Page::connected(&daemon);
    let mut document = page.upload("x", b"a document");
    let mut sign = |name: &str| {
        document["name"] = json!(name);
        page.call(
            "sign_documents",
            &json!({ "documents": [document], "format": "cades_attached" }),
        )
    };
    for long in ["x".repeat(64 << 10), "ạ".repeat(256)] {
        assert_eq!(code(&sign(&long)), "too_large");
    }
    for name in [&*"ạ".repeat(255), "../../../../etc/passwd", "a\nb\u{202E}<b>"] {
        let reply = sign(name);
        assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
        assert_eq!(
            reply["result"]["documents"][0]["name"], name,
            "the page's own word comes back"
        );
    }
    drop(desk);
}

#[test]
fn n055_there_is_no_operation_on_modules_files_or_settings() {
    let (_desk, daemon) = portal(&ALL);
    let mut page = Page::connected(&daemon);
    let methods = [
        "set_module",
        "module",
        "configure",
        "update",
        "open",
        "exec",
        "status",
        "rpc.discover",
        "",
    ];
    for method in methods {
        let told = page.refusal(method, &json!({ "path": "/etc/passwd" }));
        assert_eq!(told, "method_not_found", "{method}");
    }
    for field in ["module", "tsa", "path", "url", "pin", "session", "batch"] {
        let mut call = json!({ "documents": [], "format": "pades" });
        call[field] = json!("x");
        assert_eq!(page.refusal("sign_documents", &call), "bad_request", "{field}");
    }
}

#[test]
fn n036_a_batch_or_a_session_that_a_page_names_is_a_word_that_nobody_knows() {
    let (_desk, daemon) = with_key("citizen", HANG);
    let mut other = Page::connected(&daemon);
    let nonce = STANDARD.encode((0..32).collect::<Vec<u8>>());
    let waiting = other.ask("authenticate", &json!({ "nonce": nonce }));
    wait_for(|| asking(daemon.pid()).len() == 1);
    let mut page = Page::over_socket(&daemon);
    page.hello();
    // Another connection's request is not there to be named: its number says as much as any.
    for request in [waiting, 4_000_000] {
        let reply = page.call("cancel", &json!({ "request": request }));
        assert_eq!(reply["result"], json!({ "cancelled": false }));
    }
    assert_eq!(asking(daemon.pid()).len(), 1);
    let named = |field: &str, name: &Value| {
        let mut call = json!({ "documents": [], "format": "pades" });
        call[field] = name.clone();
        call
    };
    for field in ["session_id", "batch_id", "batch", "session"] {
        let mut refusal = |name: Value| {
            let reply = page.call("sign_documents", &named(field, &name));
            page.call("cancel", &json!({ "request": 0 }));
            reply["error"].clone()
        };
        let told = refusal(json!(waiting));
        assert_eq!(told["data"]["code"], "bad_request", "{told}");
        assert_eq!(refusal(json!(4_000_000)), told, "{field}");
    }
}
