//! Attacks of the threat model that no other test file has, each named after its number there. One file, long as it is: they
//! share nothing but the daemon they attack, are looked up by their number, and each further program costs a link.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::daemon::{Daemon, PORTAL, Page, allow, asking, child_pids, code, command, raw, record};
use support::{Desk, fail, succeed};

const APPROVE: &str = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
const HANG: &str = "[[answer]]\ndecision = \"hang\"\nrepeat = true\n";
const ALL: [&str; 6] = [
    "certificates",
    "sign_in",
    "sign",
    "batch",
    "verify",
    "blind_digest",
];

fn portal(scopes: &[&str]) -> (Desk, Daemon) {
    let desk = Desk::bare();
    allow(&desk, PORTAL, scopes);
    let daemon = Daemon::start(&desk, "");
    (desk, daemon)
}

fn with_key(profile: &str, script: &str) -> (Desk, Daemon) {
    let desk = Desk::with_keys(&[("k", "ec:p256", profile)]);
    allow(&desk, PORTAL, &ALL);
    let daemon = Daemon::start(&desk, script);
    (desk, daemon)
}

fn connected(daemon: &Daemon) -> Page {
    let mut page = Page::over_websocket(daemon);
    page.hello();
    page
}

fn handshake(port: u16, origin: &str, host: &str) -> String {
    format!(
        "GET /v1 HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: trien.v1\r\n\r\n"
    )
}

#[track_caller]
fn wait_for(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn n011_nothing_listens_but_on_127_0_0_1_and_its_ipv6_twin() {
    let (_desk, daemon) = portal(&[]);
    let refused = |address: &str| {
        let address = format!("{address}:{}", daemon.port).parse().unwrap();
        TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_err()
    };
    assert!(refused("127.0.0.2") && refused("127.1.2.3"));
    let own = Command::new("hostname").arg("-I").output().unwrap();
    for address in String::from_utf8_lossy(&own.stdout).split_whitespace() {
        let shown = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        assert!(refused(&shown), "{shown}");
    }
    assert!(daemon.answers());
}

#[test]
fn n013_a_client_that_vanishes_at_once_is_nobody() {
    let (_desk, daemon) = portal(&[]);
    for _ in 0..200 {
        drop(TcpStream::connect(("127.0.0.1", daemon.port)).unwrap());
    }
    assert!(daemon.answers());
}

#[test]
fn n018_ten_thousand_connections_leave_the_others_alone() {
    let (_desk, daemon) = portal(&[]);
    // Each is a descriptor here; as many as the system lets this process have, if not all.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let room = limit.maximum.map_or(u64::MAX, |most| most.saturating_sub(200));
    let wanted = usize::try_from(room.min(10_000)).unwrap();
    assert!(wanted >= 2000, "a limit of {room} descriptors shows nothing");
    let mut good = connected(&daemon);
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
            .unwrap()
            .count()
    };
    // The workers of the modules begin after the daemon is ready, and have descriptors of their own.
    let (mut before, mut since) = (descriptors(), Instant::now());
    while since.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(20));
        if descriptors() != before {
            (before, since) = (descriptors(), Instant::now());
        }
    }
    let held: Vec<_> = (0..wanted)
        .filter_map(|_| TcpStream::connect(("127.0.0.1", daemon.port)).ok())
        .collect();
    let began = Instant::now();
    assert_eq!(
        good.call("cancel", &json!({ "request": 9 }))["result"]["cancelled"],
        false
    );
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(descriptors() < before + 80, "the caps hold");
    drop(held);
    wait_for(|| descriptors() <= before + 2);
    assert!(daemon.answers());
}

#[test]
fn n027_a_refusal_takes_as_long_whatever_was_wrong() {
    let (_desk, daemon) = portal(&[]);
    let port = daemon.port;
    let strange = handshake(port, "https://evil.example", "127.0.0.1");
    let known = handshake(port, PORTAL, "evil.example");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..150 {
        for (request, times) in [&strange, &known].into_iter().zip(&mut times) {
            let began = Instant::now();
            raw(port, request.as_bytes());
            times.push(began.elapsed());
        }
    }
    let [strange, known] = times.map(|mut times| {
        times.sort();
        (times[75], times[112] - times[37])
    });
    let apart = strange.0.abs_diff(known.0);
    // What tells them apart is less than what one of them varies by itself.
    assert!(apart < strange.1.max(known.1), "{strange:?} {known:?}");
}

#[test]
fn n030_pieces_do_not_get_round_the_size_of_a_message() {
    let (_desk, daemon) = portal(&[]);
    let frame = |first: u8, payload: &[u8]| {
        let mut frame = vec![first, 0xff];
        frame.extend((payload.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    };
    let mut page = Page::over_websocket(&daemon);
    page.send_raw(&frame(0x01, &[b' '; 600_000]));
    page.send_raw(&frame(0x80, &[b' '; 600_000]));
    assert_eq!(page.receive(), Err(1009));
    // A million empty pieces make no message, and cost the daemon nothing it keeps.
    let mut page = Page::over_websocket(&daemon);
    page.send_raw(&[0x01, 0x80, 0, 0, 0, 0]);
    let empty = [0x00, 0x80, 0, 0, 0, 0].repeat(10_000);
    for _ in 0..100 {
        page.send_raw(&empty);
    }
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    assert!(resident() < 200 * 1024, "{} KiB", resident());
    assert!(daemon.answers());
}

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
    let [one, other] = [(); 2].map(|()| connected(&daemon).call("hello", &json!({ "versions": [1] })));
    assert_eq!(code(&one), "hello_expected");
    assert_eq!(one, other, "and what it says is no secret");
}

#[test]
fn n040_a_digest_without_its_permission_asks_nobody() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = connected(&daemon);
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
    let words = ["token", "install", "--token", support::TOKEN, "--cert"];
    succeed(desk.trien(words).arg(&certificate).args(desk.pin()));
    allow(&desk, PORTAL, &ALL);
    let serial = succeed(
        Command::new("openssl")
            .args(["x509", "-noout", "-serial", "-in"])
            .arg(&certificate),
    );
    let serial = serial.trim().trim_start_matches("serial=").to_lowercase();
    let daemon = Daemon::start(&desk, &format!("{APPROVE}certificate = \"{serial}\"\n"));
    let mut page = connected(&daemon);
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
    let mut page = connected(&daemon);
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
    let mut page = connected(&daemon);
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
fn n047_after_two_refusals_there_is_no_third_window() {
    let (desk, daemon) = with_key("citizen", "[[answer]]\ndecision = \"refuse\"\nrepeat = true\n");
    let mut page = connected(&daemon);
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

#[test]
fn n048_the_tab_goes_and_the_window_goes() {
    let (desk, daemon) = with_key("citizen", HANG);
    for road in [Page::over_websocket, Page::over_socket] {
        let mut page = road(&daemon);
        page.hello();
        page.ask("certificates", &json!({}));
        wait_for(|| asking(daemon.pid()).len() == 1);
        drop(page);
        let began = Instant::now();
        wait_for(|| asking(daemon.pid()).is_empty());
        assert!(
            began.elapsed() < Duration::from_millis(500),
            "{:?}",
            began.elapsed()
        );
    }
    assert_eq!(
        record(&desk, 5),
        ["daemon_started", "asked", "withdrawn", "asked", "withdrawn"]
    );
}

#[test]
fn n028_a_page_that_does_not_read_is_closed_as_any_other_when_its_permission_is_taken() {
    let (desk, daemon) = with_key("citizen", HANG);
    let mut page = connected(&daemon);
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
    let began = Instant::now();
    wait_for(|| asking(daemon.pid()).is_empty());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "withdrawn"]);
}

/// A script that reads its PIN from a pipe with a name, and what opens that pipe: which waits until the question is open.
fn typing_later(desk: &Desk) -> (String, impl FnOnce() -> std::fs::File) {
    let pins = desk.path("pins");
    succeed(Command::new("mkfifo").arg(&pins));
    let script = format!(
        "[[answer]]\ndecision = \"approve\"\npin_file = \"{}\"\n",
        pins.display()
    );
    let open = move || std::fs::OpenOptions::new().write(true).open(pins).unwrap();
    (script, open)
}

#[test]
fn n049_n053_what_differs_from_the_manifest_that_was_shown_is_not_signed() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    let (script, open) = typing_later(&desk);
    let daemon = Daemon::start(&desk, &script);
    let mut page = connected(&daemon);
    let bytes = |n: u8| vec![b'a' + n; 3000];
    let documents = [0, 1, 2].map(|n| page.upload(&format!("{n}.bin"), &bytes(n)));
    let call = |documents: &[Value]| json!({ "documents": documents, "format": "cades_attached" });
    // One that is here with another size: before anybody is asked.
    let before = record(&desk, 1);
    let mut other = documents.clone();
    other[1]["size"] = json!(2999);
    assert_eq!(
        code(&page.call("sign_documents", &call(&other))),
        "batch_mismatch"
    );
    assert_eq!(record(&desk, 1), before);

    let asked = page.ask("sign_documents", &call(&documents));
    let mut typing = open();
    // While the person looks: a document of his once more, one that is for another request, other bytes under a digest
    // that he was shown on another connection, and another batch.
    let sha256 = documents[0]["sha256"].clone();
    let forged = json!({ "sha256": sha256, "size": 3000, "offset": 0, "data": STANDARD.encode(bytes(9)) });
    let second = connected(&daemon).refusal("upload", &forged);
    assert_eq!(second, "upload_mismatch", "another connection's is no other");
    let mut replies = std::collections::BTreeMap::new();
    page.upload_beside("0.bin", &bytes(0), &mut replies);
    page.upload_beside("3.bin", &bytes(3), &mut replies);
    let more = page.ask(
        "sign_documents",
        &call(&[documents[2].clone(), documents[1].clone()]),
    );
    typing.write_all(b"24681357\n").unwrap();
    drop(typing);
    while replies.len() < 2 {
        let message = page.receive().unwrap().0;
        if let Some(id) = message["id"].as_u64() {
            replies.insert(id, message);
        }
    }
    assert_eq!(
        code(&replies[&more]),
        "nobody_to_ask",
        "the other batch has a question of its own"
    );
    let result = &replies[&asked]["result"];
    let signed = result["documents"].as_array().unwrap();
    assert_eq!(signed.len(), 3, "{result}");
    let entry = |n: u8| {
        let name = format!("{n}.bin");
        let digest = documents[usize::from(n)]["sha256"].as_str().unwrap();
        format!("{digest}\n3000\n{}\n{name}\n", name.len())
    };
    let manifest = hex::encode(Sha256::digest([0, 1, 2].map(entry).concat()));
    assert_eq!(result["receipt"]["manifest"], manifest, "this order and no other");
    for (n, one) in (0..).zip(signed) {
        let container = page.download(one["sha256"].as_str().unwrap(), one["size"].as_u64().unwrap());
        let holds = |content: &[u8]| container.windows(3000).any(|window| window == content);
        assert!(holds(&bytes(n)) && !holds(&bytes(9)), "{n}");
    }
    assert_eq!(
        record(&desk, 4)[1..4],
        ["asked", "approved", "signed"],
        "one batch was approved"
    );
}

/// Hears how far a request has come, up to this stage.
fn until(page: &mut Page, stage: &str) -> Value {
    loop {
        let (message, _) = page.receive().unwrap();
        assert_eq!(message["method"], "progress", "{message}");
        if message["params"]["stage"] == stage {
            return message["params"].clone();
        }
    }
}

/// What these requests fail with, whichever reply comes first.
fn codes<const N: usize>(page: &mut Page, requests: [u64; N]) -> [String; N] {
    let mut told = std::collections::BTreeMap::new();
    while told.len() < N {
        let (message, _) = page.receive().unwrap();
        if let Some(id) = message["id"].as_u64() {
            told.insert(id, code(&message).to_owned());
        }
    }
    requests.map(|request| told.remove(&request).unwrap())
}

#[test]
fn n049_n050_n053_a_document_sent_again_as_another_ends_what_the_person_was_asked() {
    let (desk, daemon) = with_key("citizen", HANG);
    let bytes = |n: u8| vec![b'a' + n; 3000];
    let mut entries = record(&desk, 1);
    for (road, capabilities) in [
        (Page::over_websocket as fn(&Daemon) -> Page, &["manifest"][..]),
        (Page::over_websocket, &[]),
        (Page::over_socket, &["manifest"]),
    ] {
        let mut page = road(&daemon);
        page.hello_with(capabilities);
        let documents = [0, 1, 2].map(|n| page.upload(&format!("{n}.bin"), &bytes(n)));
        let call = |documents: &[Value]| json!({ "documents": documents, "format": "cades_detached" });
        let piece = |size: usize, offset: usize, data: &[u8]| {
            let sha256 = &documents[0]["sha256"];
            json!({ "sha256": sha256, "size": size, "offset": offset, "data": STANDARD.encode(data) })
        };
        let key = json!("0123456789abcdef");
        for (what, forged, keyed) in [
            ("other bytes", piece(3000, 0, &bytes(9)), false),
            (
                "other bytes of a request that may be repeated",
                piece(3000, 0, &bytes(9)),
                true,
            ),
            ("other bytes in its middle", piece(3000, 1000, b"x"), false),
            ("another size", piece(2999, 0, &bytes(0)[1..]), false),
            ("more bytes than it has", piece(3000, 1, &bytes(0)), false),
        ] {
            let mut batch = call(&documents);
            if keyed {
                batch["idempotency_key"] = key.clone();
            }
            let asked = page.ask("sign_documents", &batch);
            wait_for(|| asking(daemon.pid()).len() == 1);
            let uploaded = page.ask("upload", &forged);
            let told = codes(&mut page, [asked, uploaded]);
            assert_eq!(told, ["batch_mismatch", "upload_mismatch"], "{what}");
            wait_for(|| asking(daemon.pid()).is_empty());
            entries.extend(["asked".to_owned(), "withdrawn".to_owned()]);
            assert_eq!(record(&desk, entries.len()), entries, "{what}");
        }
        // Who waits for his turn meanwhile, and has nothing to do with it, gets it.
        let asked = page.ask("sign_documents", &call(&documents));
        wait_for(|| asking(daemon.pid()).len() == 1);
        let first = asking(daemon.pid());
        let waits = page.ask("sign_documents", &call(&documents[2..]));
        let uploaded = page.ask("upload", &piece(3000, 0, &bytes(9)));
        let told = codes(&mut page, [asked, uploaded]);
        assert_eq!(told, ["batch_mismatch", "upload_mismatch"]);
        wait_for(|| asking(daemon.pid()).len() == 1 && asking(daemon.pid()) != first);
        let cancelled = page.call("cancel", &json!({ "request": waits }));
        assert_eq!(cancelled["result"]["cancelled"], true);
        assert_eq!(code(&page.reply(waits)), "cancelled");
        for action in ["asked", "withdrawn"].repeat(2) {
            entries.push(action.to_owned());
        }
        assert_eq!(record(&desk, entries.len()), entries);
    }
}

#[test]
fn n049_n050_a_deviation_while_the_token_signs_ends_the_batch_and_its_login() {
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    let once = "[[answer]]\ndecision = \"approve\"\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, once);
    let mut page = connected(&daemon);
    let document = page.upload("a.bin", &[7; 1000]);
    let batch = json!({ "documents": vec![document.clone(); 500], "format": "cades_detached" });
    let asked = page.ask("sign_documents", &batch);
    while until(&mut page, "signing")["done"] == 0 {}
    let forged = json!({ "sha256": document["sha256"], "size": 1000, "offset": 0, "data": STANDARD.encode([8; 1000]) });
    let uploaded = page.ask("upload", &forged);
    let told = codes(&mut page, [asked, uploaded]);
    assert_eq!(told, ["batch_mismatch", "upload_mismatch"]);
    assert_eq!(record(&desk, 4)[1..], ["asked", "approved", "withdrawn"]);
    // The next one needs the person, and his PIN, again.
    assert_eq!(code(&page.call("sign_documents", &batch)), "nobody_to_ask");
}

/// A document as a manifest names it, before anything of it was sent.
fn announced(name: &str, bytes: &[u8]) -> Value {
    json!({ "name": name, "sha256": hex::encode(Sha256::digest(bytes)), "size": bytes.len() })
}

#[test]
fn n049_n050_whatever_deviates_from_a_manifest_that_waits_ends_it_and_nobody_is_asked() {
    let (desk, daemon) = with_key("citizen", APPROVE);
    for road in [Page::over_websocket, Page::over_socket] {
        let before = record(&desk, 1);
        let mut page = road(&daemon);
        page.hello();
        let bytes = |n: u8| vec![n; 500_000];
        let documents = [1, 2, 3].map(|n| announced(&format!("{n}.bin"), &bytes(n)));
        let call = json!({ "documents": documents, "format": "cades_detached" });
        let piece = |document: &Value, offset: usize, data: &[u8]| json!({ "sha256": document["sha256"], "size": document["size"], "offset": offset, "data": STANDARD.encode(data) });
        let first = &documents[0];
        let mut larger = first.clone();
        larger["size"] = json!(500_001);
        for (what, upload) in [
            ("a fourth document", piece(&announced("4.bin", b"4"), 0, b"4")),
            ("another size", piece(&larger, 1000, &[1; 1000])),
            ("pieces in another order", piece(first, 2000, &[1; 1000])),
            ("a piece twice", piece(first, 0, &[1; 1000])),
            ("more bytes than announced", piece(first, 1000, &[1; 499_001])),
            ("a changed digest", piece(first, 1000, &[9; 499_000])),
        ] {
            let asked = page.ask("sign_documents", &call);
            let collecting = until(&mut page, "collecting");
            assert_eq!(
                (&collecting["done"], &collecting["total"]),
                (&json!(0), &json!(3))
            );
            assert!(page.call("upload", &piece(first, 0, &[1; 1000]))["result"].is_object());
            // Another connection is none of its business.
            let mut other = connected(&daemon);
            other.upload("4.bin", b"4");
            drop(other);
            let uploaded = page.ask("upload", &upload);
            let told = codes(&mut page, [asked, uploaded]);
            assert_eq!(told, ["batch_mismatch", "upload_mismatch"], "{what}");
        }
        assert_eq!(record(&desk, 1), before, "nobody was asked");
        // What another connection holds is not here, and a request that waits disturbs no other.
        let asked = page.ask("sign_documents", &call);
        until(&mut page, "collecting");
        for n in [1, 2, 3] {
            connected(&daemon).upload("x", &bytes(n));
        }
        assert!(page.call("certificates", &json!({}))["result"].is_object());
        // It ends as any other does.
        assert_eq!(
            page.call("cancel", &json!({ "request": asked }))["result"]["cancelled"],
            true
        );
        assert_eq!(code(&page.reply(asked)), "cancelled");
        page.upload("4.bin", b"4");
        let verifying = page.ask("verify_documents", &json!({ "documents": [documents[0]] }));
        until(&mut page, "collecting");
        let uploaded = page.ask("upload", &piece(first, 1, b"x"));
        let told = codes(&mut page, [verifying, uploaded]);
        assert_eq!(told, ["batch_mismatch", "upload_mismatch"]);
        // And when all comes as it was announced, in whatever order, it is signed, once for two that wait.
        let [one, two] = [&documents[..], &documents[..1]].map(|documents| {
            let call = json!({ "documents": documents, "format": "cades_detached" });
            page.ask("sign_documents", &call)
        });
        let mut replies = std::collections::BTreeMap::new();
        for n in [3, 1, 2] {
            page.upload_beside(&format!("{n}.bin"), &bytes(n), &mut replies);
        }
        while replies.len() < 2 {
            let (message, _) = page.receive().unwrap();
            if let Some(id) = message["id"].as_u64() {
                replies.insert(id, message);
            }
        }
        for id in [one, two] {
            assert!(replies[&id]["result"].is_object(), "{}", replies[&id]);
        }
        allow(&desk, PORTAL, &["certificates", "sign"]);
        let unpermitted = page.call("sign_documents", &call);
        assert_eq!(code(&unpermitted), "not_allowed", "before anything of it is sent");
        allow(&desk, PORTAL, &ALL);
        let left = page.ask("sign_documents", &call_of_new(&call));
        until(&mut page, "collecting");
        allow(&desk, PORTAL, &["certificates", "sign"]);
        assert_eq!(code(&page.reply(left)), "not_allowed");
        allow(&desk, PORTAL, &ALL);
    }
}

/// The same for documents that were never sent.
fn call_of_new(call: &Value) -> Value {
    let documents = ["a", "b"].map(|name| announced(name, format!("never sent: {name}").as_bytes()));
    let mut call = call.clone();
    call["documents"] = json!(documents);
    call
}

#[test]
fn a_refusal_comes_before_the_documents_do() {
    let two = [announced("a", b"never sent: a"), announced("b", b"never sent: b")];
    let call = |documents: &[Value]| json!({ "documents": documents, "format": "pades" });
    let (_desk, daemon) = portal(&ALL);
    let mut page = connected(&daemon);
    assert_eq!(code(&page.call("sign_documents", &call(&two))), "no_certificate");
    let mut certified = call(&two);
    certified["certificate"] = json!("00".repeat(32));
    assert_eq!(
        code(&page.call("sign_documents", &certified)),
        "certificate_not_found"
    );
    let (_desk, daemon) = with_key("citizen", HANG);
    let mut page = connected(&daemon);
    let of_size = |size: u64| {
        let mut document = two[0].clone();
        document["size"] = json!(size);
        document
    };
    for size in [(200 << 20) + 1, u64::MAX] {
        assert_eq!(
            code(&page.call("sign_documents", &call(&[of_size(size)]))),
            "too_large"
        );
        let verify = json!({ "documents": [of_size(size)] });
        assert_eq!(code(&page.call("verify_documents", &verify)), "too_large");
    }
    // Eleven of the largest are more than a connection holds.
    let many: Vec<Value> = (0..11)
        .map(|n| {
            let mut document = announced(&n.to_string(), &[n]);
            document["size"] = json!(200 << 20);
            document
        })
        .collect();
    assert_eq!(code(&page.call("sign_documents", &call(&many))), "too_large");
    // While it waits it is no question; where one is open and one waits, it says so at once.
    let waits = page.ask("sign_documents", &call(&two));
    until(&mut page, "collecting");
    let open = page.ask("certificates", &json!({}));
    until(&mut page, "asking");
    wait_for(|| asking(daemon.pid()).len() == 1);
    // One of these waits for its turn, and which of them it is, is nobody's promise.
    for _ in 0..2 {
        page.ask("certificates", &json!({}));
    }
    let busy = loop {
        let (message, _) = page.receive().unwrap();
        if message["id"].is_u64() {
            break message;
        }
    };
    assert_eq!(code(&busy), "busy");
    assert_eq!(code(&page.call("sign_documents", &call(&two))), "busy");
    for request in [waits, open] {
        assert_eq!(
            page.call("cancel", &json!({ "request": request }))["result"]["cancelled"],
            true
        );
        assert_eq!(code(&page.reply(request)), "cancelled");
    }
}

#[test]
fn n051_one_origins_login_is_not_anothers() {
    let script = format!(
        "{APPROVE}origin = \"{PORTAL}\"\n[[answer]]\ndecision = \"refuse\"\norigin = \"https://b.example\"\n"
    );
    let (desk, daemon) = with_key("citizen", &script);
    allow(&desk, "https://b.example", &ALL);
    let nonce = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()) });
    assert!(connected(&daemon).call("authenticate", &nonce)["result"].is_object());
    let mut other = Page::websocket_from(&daemon, "https://b.example").unwrap();
    other.hello();
    assert_eq!(
        code(&other.call("authenticate", &nonce)),
        "cancelled",
        "asked for himself"
    );
}

#[test]
fn n052_pieces_that_do_not_fit_lose_the_document() {
    let (_desk, daemon) = portal(&[]);
    let mut page = connected(&daemon);
    let name = "ab".repeat(32);
    let piece = |offset: u64, size: u64, data: &[u8]| json!({ "sha256": name, "size": size, "offset": offset, "data": STANDARD.encode(data) });
    let mut told = |call: Value| {
        let reply = page.call("upload", &call);
        reply["error"]["data"]["code"]
            .as_str()
            .unwrap_or("taken")
            .to_owned()
    };
    assert_eq!(told(piece(0, 10, b"0123")), "taken");
    assert_eq!(told(piece(6, 10, b"6789")), "upload_mismatch", "a gap");
    assert_eq!(told(piece(0, 10, b"0123")), "taken");
    assert_eq!(told(piece(2, 10, b"2345")), "upload_mismatch", "an overlap");
    assert_eq!(told(piece(0, 10, b"0123")), "taken");
    assert_eq!(told(piece(4, 11, b"4567890")), "upload_mismatch", "another size");
    assert_eq!(
        told(piece(0, 10, b"0123456789")),
        "upload_mismatch",
        "another digest"
    );
    assert_eq!(told(piece(0, 1 << 40, b"0")), "too_large");
    assert_eq!(told(piece(0, 0, b"")), "bad_request");
    // What is announced counts at once, and room comes back with what is lost.
    let large = |name: &str| json!({ "sha256": name.repeat(32), "size": 200 << 20, "offset": 0, "data": STANDARD.encode([0; 100]) });
    for name in ["01", "02", "03", "04", "05", "06", "07", "08", "09", "0a"] {
        assert_eq!(told(large(name)), "taken");
    }
    assert_eq!(told(large("0b")), "too_large", "past what a connection may hold");
    let mut gap = large("01");
    gap["offset"] = json!(7);
    assert_eq!(told(gap), "upload_mismatch");
    assert_eq!(told(large("0b")), "taken");
}

#[test]
fn n055_there_is_no_operation_on_modules_files_or_settings() {
    let (_desk, daemon) = portal(&ALL);
    let mut page = connected(&daemon);
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
fn n074_a_thousand_connections_on_the_socket_are_capped() {
    let (_desk, daemon) = portal(&[]);
    let mut good = Page::over_socket(&daemon);
    good.hello();
    let idle: Vec<_> = (0..1000)
        .filter_map(|_| UnixStream::connect(&daemon.socket).ok())
        .collect();
    assert_eq!(
        good.call("cancel", &json!({ "request": 9 }))["result"]["cancelled"],
        false
    );
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
        .unwrap()
        .count();
    assert!(descriptors < 300, "{descriptors}");
    // Who says nothing is closed, and others have the place.
    let mut first = idle.first().unwrap();
    first.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(first.read(&mut [0]).unwrap(), 0);
    drop(idle);
    wait_for(|| Page::over_socket(&daemon).hello()["result"]["version"] == 1);
}

#[test]
fn n075_a_frame_that_lies_about_its_length_is_not_waited_for_in_memory() {
    let (_desk, daemon) = portal(&[]);
    for head in [0u32, u32::MAX, 64 << 20, u32::from_be_bytes(*b"\x10\0\0\0")] {
        let mut stream = UnixStream::connect(&daemon.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(&head.to_le_bytes()).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "{head:x}");
    }
    assert!(daemon.answers());
}

#[test]
fn n078_without_a_runtime_folder_of_its_own_the_daemon_does_not_start() {
    let desk = Desk::bare();
    let mut without = command(&desk, &desk.path("none.toml"));
    without
        .env_remove("TRIEN_HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env("HOME", desk.path("home"));
    fail(&mut without, 3);
    // As the system's folder for everybody's temporary files, in which nothing of ours lies yet.
    let shared = desk.path("shared");
    std::fs::create_dir(&shared).unwrap();
    for mode in [0o1777, 0o755, 0o710] {
        std::fs::set_permissions(&shared, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let mut open = command(&desk, &desk.path("none.toml"));
        open.env_remove("TRIEN_HOME")
            .env("XDG_RUNTIME_DIR", &shared)
            .env("HOME", desk.path("home"));
        let told = fail(&mut open, 3);
        assert!(told.contains("0700"), "{told}");
        assert_eq!(std::fs::read_dir(&shared).unwrap().count(), 0, "{mode:o}");
    }
}

#[test]
fn n036_a_batch_or_a_session_that_a_page_names_is_a_word_that_nobody_knows() {
    let (_desk, daemon) = with_key("citizen", HANG);
    let mut other = connected(&daemon);
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

/// Sends so many descriptors with a byte each, in one message after another, and tells how many went.
const DESCRIPTORS: &str = r#"
import array, os, socket, sys, time
path, greeting = sys.argv[1], bytes.fromhex(sys.argv[2])
line = socket.socket(socket.AF_UNIX)
line.connect(path)
line.sendall(greeting)
line.settimeout(2)
sent = 0
file = os.open("/dev/null", os.O_RDONLY)
for _ in range(20):
    try:
        line.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file] * 250))])
        sent += 250
    except OSError:
        break
print(sent, flush=True)
sys.stdin.read()
"#;

#[test]
fn n076_descriptors_that_are_sent_to_the_socket_come_to_nobody() {
    let (_desk, daemon) = portal(&[]);
    let mut good = Page::over_socket(&daemon);
    good.hello();
    let open = || {
        std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
            .unwrap()
            .count()
    };
    let before = open();
    let opening = json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL }).to_string();
    // Before anything is said, and on a connection that was taken.
    for greeting in [Vec::new(), trien_protocol::frame::encode(&opening).unwrap()] {
        let mut flood = Command::new("python3")
            .args(["-c", DESCRIPTORS])
            .arg(&daemon.socket)
            .arg(hex::encode(greeting))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = [0; 16];
        let length = flood.stdout.as_mut().unwrap().read(&mut told).unwrap();
        let sent: usize = String::from_utf8_lossy(&told[..length]).trim().parse().unwrap();
        assert!(sent >= 250, "{sent}");
        // A prompt stands ready for a page, with pipes of its own.
        assert!(open() < before + 16, "{} after {before}", open());
        drop(flood.stdin.take());
        assert!(flood.wait().unwrap().success());
        wait_for(|| open() < before + 16);
    }
    assert_eq!(
        good.call("cancel", &json!({ "request": 9 }))["result"]["cancelled"],
        false
    );
}

#[test]
fn n083_n084_a_pin_that_is_typed_is_one_try_and_a_page_causes_none() {
    let script = "[[answer]]\ndecision = \"approve\"\npins = [\"11111111\"]\n\
                  [[answer]]\ndecision = \"hang\"\nrepeat = true\n";
    let (desk, daemon) = with_key("citizen", script);
    let mut page = connected(&daemon);
    let nonce = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()) });
    let state = || succeed(&mut desk.trien(["token", "list", "--json"]));
    let untouched = state();
    assert_eq!(code(&page.call("authenticate", &nonce)), "pin_incorrect");
    let before = state();
    assert!(
        untouched != before && before.contains("\"few_tries\""),
        "{before}"
    );
    for _ in 0..5 {
        let asked = page.ask("authenticate", &nonce);
        wait_for(|| asking(daemon.pid()).len() == 1);
        page.ask("cancel", &json!({ "request": asked }));
        // The two replies come in any order.
        let ended =
            std::iter::repeat_with(|| page.receive().unwrap().0).find(|message| message["id"] == asked);
        assert_eq!(code(&ended.unwrap()), "cancelled");
        wait_for(|| asking(daemon.pid()).is_empty());
    }
    assert_eq!(state(), before, "no try was spent");
}

/// True if the process may write no core, whatever the system does with cores.
fn writes_no_core(pid: u32) -> bool {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size"));
    let mut words = line.unwrap().split_whitespace().skip(4);
    (words.next(), words.next()) == (Some("0"), Some("0"))
}

#[test]
fn n090_a_pin_is_in_no_log_no_record_no_file_no_memory_of_the_daemon_and_no_core() {
    use std::os::unix::process::ExitStatusExt;
    // The right PIN and a wrong one: both are somebody's secret.
    let wrong = "837264910573";
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    let right = support::PIN;
    let answer = |pins: &str| format!("[[answer]]\ndecision = \"approve\"\npins = [{pins}]\n");
    let script = [
        answer(&format!("\"{wrong}\", \"{right}\"")),
        answer(&format!("\"{wrong}\"")),
        answer(&format!("\"{right}\"")),
        HANG.to_owned(),
    ];
    // As many cores as the system allows: what is not written is the daemon's own doing.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
    let cores = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Core, cores).unwrap();
    let mut daemon = Daemon::start(&desk, &script.concat());
    let mut page = connected(&daemon);
    let nowhere = |daemon: &Daemon, when: &str| {
        for pin in [wrong, right] {
            assert!(!daemon.log().contains(pin), "{when}: the log");
            let searched = Command::new("grep").args(["-rlF", pin]).arg(desk.home()).output();
            assert!(searched.unwrap().stdout.is_empty(), "{when}: a file");
        }
        // Root may look, whatever the process says of itself.
        if rustix::process::getuid().is_root() {
            for pin in [wrong, right] {
                assert!(!memory_holds(daemon.pid(), pin.as_bytes()), "{when}: the memory");
            }
            assert!(
                memory_holds(daemon.pid(), PORTAL.as_bytes()),
                "the search finds what is there"
            );
        }
    };
    let nonce = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()) });
    let reply = page.call("authenticate", &nonce);
    assert!(reply["result"].is_object(), "{reply}");
    assert!(![wrong, right].iter().any(|pin| reply.to_string().contains(pin)));
    nowhere(&daemon, "after a wrong PIN and the right one");
    assert_eq!(code(&page.call("authenticate", &nonce)), "pin_incorrect");
    // The worker crashes with the PIN in its hands, among signatures.
    let document = page.upload("a.bin", &[7; 1000]);
    let batch = json!({ "documents": vec![document; 200], "format": "cades_detached" });
    let asked = page.ask("sign_documents", &batch);
    loop {
        let (message, _) = page.receive().unwrap();
        let params = &message["params"];
        assert_eq!(message["method"], "progress", "{message}");
        if params["stage"] == "signing" && params["done"].as_u64() > Some(0) {
            break;
        }
    }
    for worker in child_pids(daemon.pid(), "module-worker") {
        assert!(writes_no_core(worker));
        succeed(Command::new("kill").args(["-SEGV", &worker.to_string()]));
    }
    page.reply(asked);
    nowhere(&daemon, "after a failure and a crash of the worker");
    // The daemon itself breaks while a question is open.
    page.ask("authenticate", &nonce);
    wait_for(|| asking(daemon.pid()).len() == 1);
    assert!(writes_no_core(daemon.pid()));
    succeed(Command::new("kill").args(["-ABRT", &daemon.pid().to_string()]));
    let ended = daemon.wait();
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
    for pin in [wrong, right] {
        let searched = Command::new("grep").args(["-rlF", pin]).arg(desk.home()).output();
        assert!(searched.unwrap().stdout.is_empty());
    }
}

/// Looks for bytes in everything a process can write to.
fn memory_holds(pid: u32, wanted: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let ranges = maps
        .lines()
        .filter(|line| line.contains(" rw"))
        .filter_map(|line| {
            let (start, end) = line.split_whitespace().next()?.split_once('-')?;
            Some((
                u64::from_str_radix(start, 16).ok()?,
                u64::from_str_radix(end, 16).ok()?,
            ))
        });
    ranges.into_iter().any(|(start, end)| {
        let mut bytes = vec![0; (end - start) as usize];
        let length = memory.read_at(&mut bytes, start).unwrap_or(0);
        bytes[..length]
            .windows(wanted.len())
            .any(|window| window == wanted)
    })
}

#[test]
fn n093_a_prompt_that_dies_cancels_the_request() {
    let (desk, daemon) = with_key("citizen", HANG);
    let mut page = connected(&daemon);
    let asked = page.ask("certificates", &json!({}));
    wait_for(|| asking(daemon.pid()).len() == 1);
    for pid in asking(daemon.pid()) {
        succeed(Command::new("kill").args(["-9", &pid.to_string()]));
    }
    assert_eq!(code(&page.reply(asked)), "cancelled");
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "refused"]);
}
