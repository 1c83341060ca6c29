//! What happens beside the plan, through the public door: somebody closes the window, the module dies, the daemon is
//! told to end, another user knocks. Real daemon, real software token, real module worker; the person is a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::daemon::{
    ALL, APPROVE, Daemon, PORTAL, Page, allow, asking, child_pids, code, leave_time_to_answer, record,
    wait_for,
};
use support::{Desk, PIN, repository, succeed};

fn desk(algorithm: &str) -> Desk {
    let desk = Desk::with_keys(&[("k", algorithm, "citizen")]);
    allow(&desk, PORTAL, &ALL);
    desk
}

fn manifest(documents: &[Value]) -> Value {
    json!({ "documents": documents, "format": "pades" })
}

fn sign(page: &mut Page, document: &Value) -> Value {
    page.call("sign_documents", &manifest(std::slice::from_ref(document)))
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

#[test]
fn a_window_closed_while_the_token_works_means_no() {
    let desk = desk("ec:p256");
    let close = "[[answer]]\ndecision = \"approve_then_close\"\npins = [\"24681357\"]\n";
    let share = "[[answer]]\ndecision = \"approve\"\n";
    let daemon = Daemon::start(&desk, &format!("{close}{share}{close}{APPROVE}"));
    let (mut page, document) = Page::with_dossier(&daemon);
    assert_eq!(code(&sign(&mut page, &document)), "cancelled");
    let certificate = page.call("certificates", &json!({}))["result"]["sha256"].clone();
    let digest = json!({ "certificate": certificate, "hash": "SHA-256", "digest": STANDARD.encode([7; 32]) });
    assert_eq!(code(&page.call("sign_digest", &digest)), "cancelled");
    // The token was let go of.
    assert!(page.call("sign_digest", &digest)["result"].is_object());
    assert_eq!(
        record(&desk, 12),
        [
            "daemon_started",
            "asked",
            "approved",
            "refused",
            "asked",
            "shared",
            "asked",
            "approved",
            "refused",
            "asked",
            "approved",
            "signed"
        ]
    );
}

#[test]
fn a_page_that_reads_late_still_gets_every_reply() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, "");
    let mut page = Page::connected(&daemon);
    let document = page.upload("x", &[7; 500_000]);
    let download = json!({ "sha256": document["sha256"], "offset": 0, "length": 500_000 });
    let mut waiting: Vec<u64> = (0..60).map(|_| page.ask("download", &download)).collect();
    let verify = json!({ "documents": [document] });
    waiting.extend((0..30).map(|_| page.ask("verify_documents", &verify)));
    std::thread::sleep(Duration::from_secs(3));
    while !waiting.is_empty() {
        let (message, _) = page
            .receive()
            .unwrap_or_else(|_| panic!("no reply to {waiting:?}"));
        waiting.retain(|id| message["id"] != *id);
    }
}

#[test]
fn a_module_killed_among_signatures_costs_the_rest_of_them() {
    // Seconds of work: a busy machine has to find the process among it.
    let (desk, count) = (desk("rsa:4096"), 500);
    let daemon = Daemon::start(&desk, APPROVE);
    let (mut page, document) = Page::with_dossier(&daemon);
    let asked = page.ask("sign_documents", &manifest(&vec![document.clone(); count]));
    loop {
        let (message, _) = page.receive().unwrap();
        let params = &message["params"];
        assert_eq!(message["method"], "progress", "{message}");
        if params["stage"] == "signing" && params["done"].as_u64() > Some(1) {
            break;
        }
    }
    let [worker] = child_pids(daemon.pid(), "module-worker")[..] else {
        panic!("one worker")
    };
    signal(worker, Signal::KILL);
    let reply = page.reply(asked);
    let documents = reply["result"]["documents"].as_array().unwrap();
    let signed = documents
        .iter()
        .take_while(|one| one["status"] == "signed")
        .count();
    assert!((2..count).contains(&signed), "{signed}");
    assert_eq!(documents[signed]["error"]["data"]["code"], "module_crashed");
    assert_eq!(documents[count - 1]["status"], "failed");
    assert_eq!(
        record(&desk, 4),
        ["daemon_started", "asked", "approved", "signed"]
    );
    let reply = sign(&mut page, &document);
    assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
    assert!(daemon.answers());
}

#[test]
fn a_module_killed_before_the_only_signature_fails_the_request() {
    let desk = desk("rsa:2048");
    let pins = desk.path("pins");
    succeed(Command::new("mkfifo").arg(&pins));
    let script = format!(
        "[[answer]]\ndecision = \"approve\"\npin_file = \"{}\"\n",
        pins.display()
    );
    let daemon = Daemon::start(&desk, &(script + APPROVE));
    let (mut page, document) = Page::with_dossier(&daemon);
    let asked = page.ask("sign_documents", &manifest(std::slice::from_ref(&document)));
    // Opening it waits until the question is open and the script wants its PINs.
    let mut typing = std::fs::OpenOptions::new().write(true).open(&pins).unwrap();
    let worker = child_pids(daemon.pid(), "module-worker")[0];
    signal(worker, Signal::STOP);
    typing.write_all(format!("{PIN}\n").as_bytes()).unwrap();
    drop(typing);
    assert_eq!(record(&desk, 3)[2], "approved");
    // It is asked to open a session by then: one that ends before is only started again.
    std::thread::sleep(Duration::from_secs(1));
    signal(worker, Signal::KILL);
    assert_eq!(code(&page.reply(asked)), "module_crashed");
    assert_eq!(
        record(&desk, 4),
        ["daemon_started", "asked", "approved", "failed"]
    );
    let reply = sign(&mut page, &document);
    assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
}

#[test]
fn a_file_that_changes_before_its_pin_is_typed_is_not_signed_by_any_hash_function() {
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    let (pins, file) = (desk.path("pins"), desk.path("lớn.bin"));
    succeed(Command::new("mkfifo").arg(&pins));
    for (hash, format) in [("sha512", "--detached"), ("sha384", "--detached"), ("sha512", "")] {
        // Large enough to stay where it is.
        std::fs::write(&file, vec![b'a'; 3 << 20]).unwrap();
        let mut sign = desk.trien(["sign", "--json", "--format", "cades", "--hash", hash]);
        sign.args((!format.is_empty()).then_some(format));
        sign.arg("--out")
            .arg(desk.path("ra"))
            .arg(&file)
            .arg("--pin-file")
            .arg(&pins);
        let signing = sign.stdout(std::process::Stdio::piped()).spawn().unwrap();
        // It is opened when the file has been read once.
        let mut typing = std::fs::OpenOptions::new().write(true).open(&pins).unwrap();
        let mut changed = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
        changed.write_all(b"b").unwrap();
        typing.write_all(format!("{PIN}\n").as_bytes()).unwrap();
        drop(typing);
        let ended = signing.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(1), "{hash} {format}: {told}");
        assert!(told.contains("document_altered"), "{hash} {format}: {told}");
        assert!(!desk.path("ra").exists(), "{hash} {format}: {told}");
    }
}

#[test]
fn without_any_token_there_is_no_certificate() {
    let desk = Desk::new();
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, APPROVE);
    let (mut page, document) = Page::with_dossier(&daemon);
    assert_eq!(code(&page.call("certificates", &json!({}))), "no_certificate");
    assert_eq!(code(&sign(&mut page, &document)), "no_certificate");
    assert_eq!(record(&desk, 1), ["daemon_started"]);
}

#[test]
fn a_daemon_that_is_told_to_end_records_what_it_withdraws() {
    let desk = desk("ec:p256");
    let mut daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"hang\"\nrepeat = true\n");
    let (mut page, document) = Page::with_dossier(&daemon);
    page.ask("sign_documents", &manifest(std::slice::from_ref(&document)));
    wait_for(|| asking(daemon.pid()).len() == 1);
    // Also of a page that does not read what it asked for.
    let large = page.upload("x", &[7; 500_000]);
    let download = json!({ "sha256": large["sha256"], "offset": 0, "length": 500_000 });
    for _ in 0..200 {
        page.ask("download", &download);
    }
    std::thread::sleep(Duration::from_millis(500));
    signal(daemon.pid(), Signal::TERM);
    daemon.wait();
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "withdrawn"]);
}

#[test]
fn a_bare_signature_is_what_openssl_verifies() {
    let desk = desk("rsa:2048");
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let certificate = page.call("certificates", &json!({}))["result"].clone();
    let digest = Sha256::digest("Đơn đăng ký".as_bytes());
    let [der, public, file, value] =
        ["c.der", "c.pub", "digest", "signature"].map(|name| desk.path(name).display().to_string());
    std::fs::write(
        &der,
        STANDARD
            .decode(certificate["certificate"].as_str().unwrap())
            .unwrap(),
    )
    .unwrap();
    std::fs::write(&file, digest).unwrap();
    let words = [
        "x509", "-inform", "der", "-in", &der, "-pubkey", "-noout", "-out", &public,
    ];
    succeed(Command::new("openssl").args(words));
    for (padding, options) in [
        ("pkcs1", &["-pkeyopt", "digest:sha256"][..]),
        (
            "pss",
            &[
                "-pkeyopt",
                "digest:sha256",
                "-pkeyopt",
                "rsa_padding_mode:pss",
                "-pkeyopt",
                "rsa_pss_saltlen:32",
            ],
        ),
    ] {
        let params = json!({
            "certificate": certificate["sha256"], "hash": "SHA-256", "digest": STANDARD.encode(digest),
            "padding": padding,
        });
        let reply = page.call("sign_digest", &params);
        let signature = reply["result"]["signature"]
            .as_str()
            .unwrap_or_else(|| panic!("{reply}"));
        std::fs::write(&value, STANDARD.decode(signature).unwrap()).unwrap();
        let words = [
            "pkeyutl", "-verify", "-pubin", "-inkey", &public, "-in", &file, "-sigfile", &value,
        ];
        succeed(Command::new("openssl").args(words).args(options));
    }
}

#[test]
fn a_certificate_without_an_end_breaks_no_question() {
    let desk = desk("ec:p256");
    let [request, certificate, config] = [
        desk.path("k.csr"),
        desk.path("endless.pem"),
        repository().join("testdata/pki/openssl.cnf"),
    ];
    let mut issue = Command::new("openssl");
    issue
        .env("PKI", desk.pki())
        .env("CA", "ca")
        .arg("ca")
        .arg("-config")
        .arg(config);
    issue.args([
        "-batch",
        "-notext",
        "-preserveDN",
        "-rand_serial",
        "-extensions",
        "citizen",
    ]);
    issue
        .args(["-enddate", "99991231235959Z", "-in"])
        .arg(request)
        .arg("-out")
        .arg(&certificate);
    succeed(&mut issue);
    let words = ["token", "install", "--token", support::TOKEN, "--cert"];
    succeed(desk.trien(words).arg(&certificate).args(desk.pin()));
    let told = succeed(
        Command::new("openssl")
            .args(["x509", "-noout", "-serial", "-in"])
            .arg(&certificate),
    );
    let serial = told.trim().trim_start_matches("serial=");
    let daemon = Daemon::start(&desk, &format!("{APPROVE}certificate = \"{serial}\"\n"));
    let (mut page, document) = Page::with_dossier(&daemon);
    let shared = page.call("certificates", &json!({}));
    assert_eq!(shared["result"]["not_after"], "9999-12-31T23:59:59Z", "{shared}");
    let reply = sign(&mut page, &document);
    assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
}

#[test]
fn a_try_that_became_the_last_is_not_spent_on_a_pin_typed_before() {
    let desk = desk("ec:p256");
    let pins = desk.path("pins");
    succeed(Command::new("mkfifo").arg(&pins));
    leave_time_to_answer(&desk);
    let daemon = Daemon::start(
        &desk,
        &format!(
            "[[answer]]\ndecision = \"approve\"\npin_file = \"{}\"\n",
            pins.display()
        ),
    );
    let (mut page, document) = Page::with_dossier(&daemon);
    let asked = page.ask("sign_documents", &manifest(&[document]));
    // Opening it waits until the question is open and the script wants its PINs.
    let mut typing = std::fs::OpenOptions::new().write(true).open(&pins).unwrap();
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "99999999\n").unwrap();
    let state = || succeed(&mut desk.trien(["token", "list", "--json"]));
    while !state().contains("\"last_try\"") {
        assert!(!state().contains("\"locked\""), "too far");
        let words = [
            "token",
            "generate-key",
            "--token",
            support::TOKEN,
            "--algorithm",
            "ec:p256",
            "--label",
            "x",
        ];
        support::fail(desk.trien(words).arg("--pin-file").arg(&wrong), 1);
    }
    typing.write_all(format!("88888888\n{PIN}\n").as_bytes()).unwrap();
    drop(typing);
    let reply = page.reply(asked);
    assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
}

#[test]
fn what_others_could_have_put_into_the_trust_folder_is_not_relied_on() {
    let desk = desk("ec:p256");
    let daemon = Daemon::start(&desk, APPROVE);
    let (mut page, document) = Page::with_dossier(&daemon);
    let signed = sign(&mut page, &document)["result"]["documents"][0].clone();
    let verify =
        json!({ "documents": [{ "name": "x", "sha256": signed["sha256"], "size": signed["size"] }] });
    let mut valid = || page.call("verify_documents", &verify)["result"]["documents"][0]["valid"].clone();
    let folder = desk.home().join("config/trust");
    let root = folder.join("root.pem");
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    assert_eq!(valid(), true);
    mode(&root, 0o666);
    assert_eq!(valid(), false);
    mode(&root, 0o644);
    mode(&folder, 0o777);
    assert_eq!(valid(), false);
    mode(&folder, 0o755);
    assert_eq!(valid(), true);
}

#[test]
fn n012_another_user_gets_not_even_a_refusal() {
    if !rustix::process::getuid().is_root() {
        eprintln!("left out: only root can become another user");
        return;
    }
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, "");
    let port = daemon.port;
    let knock = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET /v1 HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\
         Origin: {PORTAL}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Protocol: trien.v1\\r\\n\\r\\n' >&3 \
         && head -c 12 <&3"
    );
    let other = Command::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups", "bash", "-c", &knock])
        .output()
        .unwrap();
    assert!(other.stdout.is_empty(), "{other:?}");
    assert_eq!(
        succeed(Command::new("bash").args(["-c", &knock])),
        "HTTP/1.1 101",
        "the same by this user"
    );
    wait_for(|| daemon.log().contains("a connection of uid 65534"));
    assert!(daemon.answers());
}
