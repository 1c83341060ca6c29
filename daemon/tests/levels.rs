//! Levels above B-B as a person meets them: `trien sign --level`, `trien augment`, the queue, `trien trust`, and what
//! comes over the network. OpenSSL is the time-stamp authority, behind a server that can also misbehave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::office::{LATE, Office, Server, free_port, signed_by_a_stranger};
use support::{Desk, error_code, fail, repository, succeed};

/// An office with one key, and the address of its authority for time-stamps.
fn with_authority(algorithm: &str) -> (Office, Server, String) {
    let office = Office::new(&[("an", algorithm, "citizen")]);
    let server = office.server();
    let tsa = server.url("tsa");
    (office, server, tsa)
}

/// An office with one key, and a port where nobody listens yet.
fn without_authority() -> (Office, u16, String) {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let port = free_port();
    (office, port, format!("http://127.0.0.1:{port}/tsa"))
}

#[test]
fn every_level_is_reached_and_openssl_agrees() {
    let (office, _server, tsa) = with_authority("ec:p256");
    succeed(&mut office.sign(&["--level", "t", "--tsa", &tsa], "t.p7s"));
    assert_eq!(office.level("t.p7s"), "B-T");
    // Without lists nothing proves that nobody was revoked: B-LT is refused, not lowered.
    let refused = fail(
        &mut office.augment("t.p7s", "lt.p7s", &["--level", "lt", "--tsa", &tsa]),
        3,
    );
    assert!(refused.contains("revocation"), "{refused}");
    assert!(!office.desk.path("lt.p7s").exists());
    office.import(&["root.crl", "ca.crl"]);
    let listed = succeed(&mut office.desk.trien(["trust", "list", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["crls"].as_array().unwrap().len(), 2);
    assert!(
        listed["crls"]
            .as_array()
            .unwrap()
            .iter()
            .all(|crl| crl["fresh"] == true)
    );
    succeed(&mut office.augment("t.p7s", "lt.p7s", &["--level", "lt", "--tsa", &tsa]));
    assert_eq!(office.level("lt.p7s"), "B-LT");
    succeed(&mut office.augment("lt.p7s", "lta.p7s", &["--level", "lta", "--tsa", &tsa]));
    assert_eq!(office.level("lta.p7s"), "B-LTA");
    succeed(&mut office.sign(&["--level", "lta", "--tsa", &tsa], "direct.p7s"));
    assert_eq!(office.level("direct.p7s"), "B-LTA");
    for signed in ["t.p7s", "lt.p7s", "lta.p7s"] {
        succeed(
            Command::new("openssl")
                .args([
                    "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any", "-in",
                ])
                .arg(office.desk.path(signed))
                .arg("-content")
                .arg(office.desk.path("đơn.txt"))
                .arg("-CAfile")
                .arg(office.desk.pki().join("root.pem"))
                .args(["-out", "/dev/null"]),
        );
    }
    let text = succeed(
        office
            .desk
            .trien(["verify", "--lang", "vi", "--content"])
            .arg(office.desk.path("đơn.txt"))
            .arg(office.desk.path("lta.p7s")),
    );
    for said in [
        "Dấu thời gian",
        "Đã tồn tại muộn nhất vào",
        "không bị thu hồi",
        "B-LTA",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

/// The level that our own verification finds in a file that needs no content beside it.
fn level_alone(office: &Office, signed: &str) -> String {
    let report = succeed(
        office
            .desk
            .trien(["verify", "--json"])
            .arg(office.desk.path(signed)),
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    report[0]["signatures"][0]["level"].as_str().unwrap().to_owned()
}

/// What pyHanko's validations for the archive say of a PDF, now and in five years.
fn judged(office: &Office, signed: &str) -> Value {
    let path = office.desk.path(signed);
    let verdicts = succeed(
        Command::new(repository().join("target/judges/bin/python"))
            .arg("-B")
            .arg(repository().join("daemon/tests/judges/levels.py"))
            .arg(&path)
            .arg("--trust")
            .arg(office.desk.pki().join("root.pem")),
    );
    let verdicts: Value = serde_json::from_str(&verdicts).unwrap();
    verdicts[path.to_str().unwrap()].clone()
}

#[test]
fn a_pdf_is_signed_at_every_level_with_the_time_in_the_signature_itself() {
    let (office, _server, tsa) = with_authority("rsa:2048");
    office.import(&["root.crl", "ca.crl"]);
    for (word, level) in [("t", "B-T"), ("lt", "B-LT"), ("lta", "B-LTA")] {
        let out = format!("{word}.pdf");
        succeed(
            office
                .desk
                .trien(["sign", "--level", word, "--tsa", &tsa, "--out"])
                .arg(office.desk.path(&out))
                .arg(repository().join("testdata/documents/dossier.pdf"))
                .args(office.desk.pin()),
        );
        assert_eq!(level_alone(&office, &out), level);
        let bytes = std::fs::read(office.desk.path(&out)).unwrap();
        let stamps = bytes
            .windows(12)
            .filter(|window| window == b"ETSI.RFC3161")
            .count();
        assert_eq!(stamps, usize::from(level == "B-LTA"), "{level}");
    }
    assert_eq!(judged(&office, "lta.pdf")["now"], "OK");
}

#[test]
fn what_is_broken_is_not_raised_and_a_document_time_stamp_before_the_material_is_no_archive() {
    let (office, _server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let sign = |out: &str| {
        let mut sign = office.desk.trien(["sign", "--out"]);
        succeed(
            sign.arg(office.desk.path(out))
                .arg(&dossier)
                .args(office.desk.pin()),
        );
    };
    let raise = |input: &str, out: &str, level: &str| {
        let mut raise = office.desk.trien(["augment", "--level", level, "--tsa", &tsa]);
        raise
            .arg(office.desk.path(input))
            .arg("--out")
            .arg(office.desk.path(out));
        raise
    };
    sign("b.pdf");
    let mut bytes = std::fs::read(office.desk.path("b.pdf")).unwrap();
    // Within the comment of the header.
    bytes[10] ^= 1;
    std::fs::write(office.desk.path("broken.pdf"), bytes).unwrap();
    let refused = fail(&mut raise("broken.pdf", "x.pdf", "t"), 3);
    assert!(refused.contains("did not find it"), "{refused}");
    assert!(!office.desk.path("x.pdf").exists());
    // No room was kept in the signature, so a time-stamp of the document stands for its own.
    for (input, out, word, level) in [
        ("b.pdf", "t.pdf", "t", "B-T"),
        ("t.pdf", "lt.pdf", "lt", "B-LT"),
        ("lt.pdf", "lta.pdf", "lta", "B-LTA"),
    ] {
        succeed(&mut raise(input, out, word));
        assert_eq!(level_alone(&office, out), level);
    }
}

/// A daemon whose configuration names one authority, and a page that was greeted.
fn portal(office: &Office, tsa: &str) -> (Daemon, Page) {
    let authority = format!("[[timestamp_authorities]]\nurl = \"{tsa}\"\n");
    portal_with(office, if tsa.is_empty() { "" } else { &authority })
}

/// The same with these lines about authorities in its configuration.
fn portal_with(office: &Office, authorities: &str) -> (Daemon, Page) {
    allow(&office.desk, PORTAL, &[]);
    std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
    let config = format!("[websocket]\nport = 0\n[prompt]\nseconds = 20\n{authorities}");
    std::fs::write(office.desk.home().join("config/config.toml"), config).unwrap();
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&office.desk, script);
    let mut page = Page::over_websocket(&daemon);
    let hello = page.call("hello", &json!({ "versions": [1], "capabilities": ["level"] }));
    assert_eq!(hello["result"]["capabilities"], json!(["level"]));
    (daemon, page)
}

fn keep(office: &Office, page: &mut Page, document: &Value, name: &str) {
    let size = document["size"].as_u64().unwrap();
    let bytes = page.download(document["sha256"].as_str().unwrap(), size);
    std::fs::write(office.desk.path(name), bytes).unwrap();
}

#[test]
fn a_page_asks_for_a_level_and_is_told_what_was_reached() {
    let office = Office::new(&[("an", "rsa:2048", "citizen")]);
    let server = office.server();
    let (_daemon, mut page) = portal(&office, &server.url("tsa"));
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let pdf = page.upload("đơn.pdf", &dossier);
    let text = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    let sign = |page: &mut Page, document: &Value, format: &str, level: &str| {
        let call = json!({ "documents": [document], "format": format, "level": level });
        let reply = page.call("sign_documents", &call);
        let signed = reply["result"]["documents"][0].clone();
        assert_eq!(signed["status"], "signed", "{reply}");
        signed
    };
    // Without lists nothing proves that nobody was revoked; what was reached is kept, and the rest waits.
    let signed = sign(&mut page, &pdf, "pades", "B-LT");
    assert_eq!(
        (&signed["level"], &signed["waiting"]),
        (&json!("B-T"), &json!(true))
    );
    keep(&office, &mut page, &signed, "t.pdf");
    assert_eq!(level_alone(&office, "t.pdf"), "B-T");
    office.import(&["root.crl", "ca.crl"]);
    for level in ["B-B", "B-T", "B-LT", "B-LTA"] {
        let signed = sign(&mut page, &pdf, "pades", level);
        let told = if level == "B-B" { Value::Null } else { json!(level) };
        assert_eq!((&signed["level"], &signed["waiting"]), (&told, &Value::Null));
        keep(&office, &mut page, &signed, "x.pdf");
        assert_eq!(level_alone(&office, "x.pdf"), level);
    }
    assert_eq!(judged(&office, "x.pdf")["now"], "OK");
    let signed = sign(&mut page, &text, "cades_detached", "B-LTA");
    assert_eq!(signed["level"], "B-LTA");
    keep(&office, &mut page, &signed, "x.p7s");
    assert_eq!(office.level("x.p7s"), "B-LTA");
    let refused = page.refusal(
        "sign_documents",
        &json!({ "documents": [text], "format": "xmldsig", "level": "B-T" }),
    );
    assert_eq!(refused, "bad_request");
}

#[test]
fn a_level_that_no_authority_gives_now_is_reached_later_and_the_page_is_told() {
    let (office, port, tsa) = without_authority();
    let (_daemon, mut page) = portal(&office, &tsa);
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let pdf = page.upload("đơn.pdf", &dossier);
    let call = json!({ "documents": [pdf], "format": "pades", "level": "B-T" });
    let reply = page.call("sign_documents", &call);
    let signed = &reply["result"]["documents"][0];
    assert_eq!(
        (&signed["level"], &signed["waiting"]),
        (&json!("B-B"), &json!(true)),
        "{reply}"
    );
    keep(&office, &mut page, signed, "b.pdf");
    assert_eq!(level_alone(&office, "b.pdf"), "B-B");
    let _server = Server::start(office.desk.pki(), port);
    let note = loop {
        let (message, _) = page.receive().unwrap();
        if message["method"] == "raised" {
            break message["params"].clone();
        }
    };
    assert_eq!(
        (&note["from"], &note["level"]),
        (&signed["sha256"], &json!("B-T"))
    );
    assert_eq!(note["request"], reply["id"]);
    keep(&office, &mut page, &note, "t.pdf");
    assert_eq!(level_alone(&office, "t.pdf"), "B-T");
}

#[test]
fn a_page_that_was_gone_gets_the_raised_document_by_its_key() {
    let (office, port, tsa) = without_authority();
    let (daemon, mut page) = portal(&office, &tsa);
    let dossier = std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap();
    let pdf = page.upload("đơn.pdf", &dossier);
    let call = json!({
        "documents": [pdf], "format": "pades", "level": "B-T", "idempotency_key": "0123456789abcdef",
    });
    let reply = page.call("sign_documents", &call);
    let waiting = reply["result"]["documents"][0].clone();
    assert_eq!(
        (&waiting["level"], &waiting["waiting"]),
        (&json!("B-B"), &json!(true)),
        "{reply}"
    );
    drop(page);
    let _server = Server::start(office.desk.pki(), port);
    let began = Instant::now();
    let (mut page, raised) = loop {
        // A page anew, with the same request: nobody is asked, and nothing has to be uploaded again.
        let mut page = Page::over_websocket(&daemon);
        page.call(
            "hello",
            &json!({ "versions": [1], "capabilities": ["level", "idempotency"] }),
        );
        let reply = page.call("sign_documents", &call);
        let document = reply["result"]["documents"][0].clone();
        assert_eq!(document["status"], "signed", "{reply}");
        if document["waiting"] != true {
            break (page, document);
        }
        assert_eq!(document["sha256"], waiting["sha256"]);
        assert!(began.elapsed() < Duration::from_secs(60), "{document}");
        std::thread::sleep(Duration::from_secs(2));
    };
    assert_eq!(raised["level"], "B-T");
    keep(&office, &mut page, &raised, "t.pdf");
    assert_eq!(level_alone(&office, "t.pdf"), "B-T");
    // Another request under the same key is refused still.
    let other = json!({
        "documents": [pdf], "format": "pades", "level": "B-LT", "idempotency_key": "0123456789abcdef",
    });
    assert_eq!(page.refusal("sign_documents", &other), "key_reused");
}

#[test]
fn a_computer_without_an_authority_refuses_a_level_before_anybody_is_asked() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let (_daemon, mut page) = portal(&office, "");
    let text = page.upload("đơn.txt", b"x");
    let call = json!({ "documents": [text], "format": "cades_detached", "level": "B-T" });
    let reply = page.call("sign_documents", &call);
    assert_eq!(reply["error"]["data"]["code"], "bad_request", "{reply}");
    assert!(reply.to_string().contains("authority"), "{reply}");
}

#[test]
fn n161_offline_a_signature_waits_and_is_never_silently_lower() {
    let (office, port, tsa) = without_authority();
    let refused = fail(&mut office.sign(&["--level", "t", "--tsa", &tsa], "t.p7s"), 3);
    assert!(refused.contains("at level B"), "{refused}");
    let queued = succeed(
        office
            .sign(&["--level", "t", "--tsa", &tsa, "--queue"], "q.p7s")
            .arg("--json"),
    );
    assert!(queued.contains("\"waits_for_time_stamp\": true"), "{queued}");
    assert_eq!(office.level("q.p7s"), "B-B");
    fail(&mut office.desk.trien(["augment", "--queued"]), 1);
    let _server = Server::start(office.desk.pki(), port);
    let done = succeed(&mut office.desk.trien(["augment", "--queued", "--json"]));
    assert!(done.contains("q.p7s"), "{done}");
    assert_eq!(office.level("q.p7s"), "B-T");
    assert_eq!(
        std::fs::read_dir(office.desk.home().join("data/queue"))
            .unwrap()
            .count(),
        0
    );
}

/// A daemon with this configuration and no page.
fn alone(office: &Office, lines: &str) -> Daemon {
    let config = format!("[websocket]\nport = 0\n{lines}");
    std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
    std::fs::write(office.desk.home().join("config/config.toml"), config).unwrap();
    Daemon::start(&office.desk, "")
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_daemon_raises_what_waits_by_itself_once_there_is_an_authority_and_after_it_was_killed() {
    let (office, port, tsa) = without_authority();
    let authority = format!("[[timestamp_authorities]]\nurl = \"{tsa}\"\n");
    let waiting = || std::fs::read_dir(office.desk.home().join("data/queue")).map_or(0, Iterator::count);
    let mut daemon = alone(&office, &format!("[network]\nretry_seconds = 1\n{authority}"));
    std::fs::copy(
        repository().join("testdata/documents/dossier.pdf"),
        office.desk.path("đơn.pdf"),
    )
    .unwrap();
    let queued = ["--level", "t", "--queue"];
    succeed(&mut office.sign(&queued, "q.p7s"));
    succeed(&mut office.sign(&queued, "changed.p7s"));
    succeed(&mut sign_as(&office, "pades", ("đơn.pdf", "q.pdf"), &queued));
    eventually("the daemon tries", || {
        let tries = daemon.log().matches("waits for its time-stamp").count();
        tries >= 6
    });
    assert_eq!(
        (office.level("q.p7s"), level_alone(&office, "q.pdf"), waiting()),
        ("B-B".into(), "B-B".into(), 3),
        "nothing is lost while nobody answers"
    );
    let other = [std::fs::read(office.desk.path("changed.p7s")).unwrap(), vec![0]].concat();
    std::fs::write(office.desk.path("changed.p7s"), &other).unwrap();
    let _server = Server::start(office.desk.pki(), port);
    eventually("raised by itself", || waiting() == 0);
    assert_eq!(
        (office.level("q.p7s"), level_alone(&office, "q.pdf")),
        ("B-T".into(), "B-T".into())
    );
    assert_eq!(
        std::fs::read(office.desk.path("changed.p7s")).unwrap(),
        other,
        "what is not what was signed is left alone"
    );

    // What waits outlives the daemon, and a computer that starts does not wait for the first pause.
    let later = free_port();
    let tsa = format!("http://127.0.0.1:{later}/tsa");
    let queued = ["--level", "t", "--queue", "--tsa", &tsa];
    succeed(&mut office.sign(&queued, "r.p7s"));
    daemon.kill();
    let _server = Server::start(office.desk.pki(), later);
    assert_eq!((office.level("r.p7s"), waiting()), ("B-B".into(), 1));
    let _daemon = alone(&office, &authority);
    eventually("raised at the start", || waiting() == 0);
    assert_eq!(office.level("r.p7s"), "B-T");
}

/// Signs a file in a format at a level, with the authority at this address.
fn sign_as(office: &Office, format: &str, (input, out): (&str, &str), words: &[&str]) -> Command {
    let mut command = office.desk.trien(["sign", "--format", format, "--cert", "an"]);
    command.args(words).arg("--out").arg(office.desk.path(out));
    command.arg(office.desk.path(input)).args(office.desk.pin());
    command
}

/// What OpenSSL takes out of a CMS that it verifies.
fn openssl_verifies(office: &Office, signed: &str) -> Vec<u8> {
    let content = office.desk.path("content");
    let mut verify = Command::new("openssl");
    verify.current_dir(office.desk.path("")).args([
        "cms",
        "-verify",
        "-cades",
        "-binary",
        "-inform",
        "DER",
        "-purpose",
        "any",
        "-in",
        signed,
        "-CAfile",
        "pki/root.pem",
        "-out",
    ]);
    succeed(verify.arg(&content));
    std::fs::read(content).unwrap()
}

#[test]
fn an_attached_cades_signature_reaches_every_level_and_keeps_its_content() {
    let (office, _server, tsa) = with_authority("rsa:2048");
    office.import(&["root.crl", "ca.crl"]);
    let content = std::fs::read(office.desk.path("đơn.txt")).unwrap();
    let check = |signed: &str, level: &str| {
        assert_eq!(level_alone(&office, signed), level, "{signed}");
        assert_eq!(openssl_verifies(&office, signed), content, "{signed}");
    };
    succeed(&mut sign_as(&office, "cades", ("đơn.txt", "b.p7m"), &[]));
    check("b.p7m", "B-B");
    for (from, word, level) in [
        ("b.p7m", "t", "B-T"),
        ("t.p7m", "lt", "B-LT"),
        ("lt.p7m", "lta", "B-LTA"),
    ] {
        let raised = format!("{word}.p7m");
        let mut augment = office
            .desk
            .trien(["augment", "--level", word, "--tsa", &tsa, "--out"]);
        succeed(augment.arg(office.desk.path(&raised)).arg(office.desk.path(from)));
        check(&raised, level);
        let direct = ["--level", word, "--tsa", tsa.as_str()];
        succeed(&mut sign_as(&office, "cades", ("đơn.txt", "direct.p7m"), &direct));
        check("direct.p7m", level);
    }
    let mut changed = std::fs::read(office.desk.path("lta.p7m")).unwrap();
    let place = changed
        .windows(content.len())
        .position(|window| window == content)
        .unwrap();
    changed[place] ^= 1;
    std::fs::write(office.desk.path("changed.p7m"), changed).unwrap();
    let told = fail(
        office.desk.trien(["verify"]).arg(office.desk.path("changed.p7m")),
        1,
    );
    assert!(told.contains("HASH_FAILURE"), "{told}");
}

#[test]
fn a_second_person_signs_beside_the_first_or_confirms_the_signature() {
    let office = Office::new(&[
        ("first", "ec:p256", "citizen"),
        ("second", "rsa:2048", "official"),
    ]);
    let server = office.server();
    let tsa = server.url("tsa");
    let sign = |cert: &str, from: &str, to: &str, words: &[&str]| {
        let mut sign = office.desk.trien(["sign", "--cert", cert]);
        sign.args(words).arg("--out").arg(office.desk.path(to));
        sign.arg(office.desk.path(from)).args(office.desk.pin());
        sign
    };
    let formats = |signed: &str| -> Vec<String> {
        let report = succeed(
            office
                .desk
                .trien(["verify", "--json"])
                .arg(office.desk.path(signed)),
        );
        let report: Value = serde_json::from_str(&report).unwrap();
        let signatures = report[0]["signatures"].as_array().unwrap().iter();
        let format = signatures.map(|one| one["format"].as_str().unwrap().to_owned());
        let mut formats: Vec<_> = format.collect();
        formats.sort();
        formats
    };
    let content = std::fs::read(office.desk.path("đơn.txt")).unwrap();
    succeed(&mut sign("first", "đơn.txt", "one.p7m", &["--format", "cades"]));
    succeed(&mut sign("second", "one.p7m", "two.p7m", &["--parallel"]));
    assert_eq!(formats("two.p7m"), ["cades", "cades"]);
    assert_eq!(openssl_verifies(&office, "two.p7m"), content);
    // Both are stamped.
    let stamped = ["--parallel", "--level", "t", "--tsa", &tsa];
    succeed(&mut sign("second", "one.p7m", "stamped.p7m", &stamped));
    assert_eq!(level_alone(&office, "stamped.p7m"), "B-T");
    assert_eq!(openssl_verifies(&office, "stamped.p7m"), content);

    let detached = ["--format", "cades", "--detached"];
    succeed(&mut sign("first", "đơn.txt", "one.p7s", &detached));
    for (from, to) in [("one.p7m", "confirmed.p7m"), ("one.p7s", "confirmed.p7s")] {
        succeed(&mut sign("second", from, to, &["--countersign"]));
        let python = repository().join("target/judges/bin/python");
        let told = succeed(
            Command::new(python)
                .arg("-B")
                .arg(repository().join("daemon/tests/judges/counter.py"))
                .arg(office.desk.path(to)),
        );
        let (by, whom) = told.split_once("confirms").unwrap();
        assert!(by.contains("An second") && whom.contains("An first"), "{told}");
    }
    assert_eq!(formats("confirmed.p7m"), ["cades", "counter_signature"]);
    assert_eq!(openssl_verifies(&office, "confirmed.p7m"), content);
    succeed(&mut office.verify("confirmed.p7s"));

    // What cannot be meant is refused, and costs no PIN: it is a wrong one.
    std::fs::write(office.desk.path("wrong"), "11111111\n").unwrap();
    for (from, words, code) in [
        ("two.p7m", &["--countersign"][..], "bad_request"),
        ("one.p7s", &["--parallel"], "bad_request"),
        ("đơn.txt", &["--parallel"], "document_unreadable"),
        ("đơn.txt", &["--countersign"], "document_unreadable"),
    ] {
        let mut refused = office.desk.trien(["sign", "--cert", "second", "--json", "--out"]);
        refused
            .arg(office.desk.path("none"))
            .args(words)
            .arg(office.desk.path(from))
            .arg("--pin-file")
            .arg(office.desk.path("wrong"));
        let told = refused.output().unwrap().stdout;
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains(code), "{from} {words:?}: {told}");
        assert!(!office.desk.path("none").exists(), "{from} {words:?}");
    }
    let mut mixed = sign("second", "one.p7m", "none", &["--parallel", "--format", "pades"]);
    assert_eq!(error_code(&mut mixed, 2), "sign-not-further");
}

#[test]
fn containers_office_documents_and_jades_reach_their_levels() {
    let (office, _server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let formats = [
        "asic-e",
        "asic-s",
        "asic-e-cades",
        "asic-s-cades",
        "jades",
        "jades-json",
    ];
    for format in formats {
        let at = |level| ["--level", level, "--tsa", tsa.as_str()];
        succeed(&mut sign_as(&office, format, ("đơn.txt", "t"), &at("t")));
        assert_eq!(level_alone(&office, "t"), "B-T", "{format}");
        for (input, out, level, reached) in [("t", "lt", "lt", "B-LT"), ("lt", "lta", "lta", "B-LTA")] {
            let mut augment = office.desk.trien(["augment", "--out"]);
            augment
                .arg(office.desk.path(out))
                .arg(office.desk.path(input))
                .args(at(level));
            succeed(&mut augment);
            assert_eq!(level_alone(&office, out), reached, "{format}");
        }
        succeed(&mut sign_as(&office, format, ("đơn.txt", "direct"), &at("lta")));
        assert_eq!(level_alone(&office, "direct"), "B-LTA", "{format}");
    }
}

#[test]
fn an_office_document_reaches_b_lt_and_is_refused_more_before_anybody_is_asked() {
    let (office, _server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let mut soffice = Command::new("soffice");
    soffice.arg(format!(
        "-env:UserInstallation=file://{}",
        office.desk.path("profile").display()
    ));
    soffice.args(["--headless", "--convert-to", "docx:MS Word 2007 XML", "--outdir"]);
    soffice
        .arg(office.desk.path(""))
        .arg(repository().join("testdata/documents/dossier.fodt"));
    succeed(&mut soffice);
    let files = ("dossier.docx", "signed.docx");
    let said = fail(
        &mut sign_as(
            &office,
            "ooxml",
            files,
            &["--json", "--level", "lta", "--tsa", &tsa],
        ),
        2,
    );
    assert!(
        said.contains("bad_request") && !office.desk.path("signed.docx").exists(),
        "{said}"
    );
    succeed(&mut sign_as(
        &office,
        "ooxml",
        files,
        &["--level", "lt", "--tsa", &tsa],
    ));
    assert_eq!(level_alone(&office, "signed.docx"), "B-LT");
}

#[test]
fn containers_wait_for_an_authority_and_pages_ask_for_their_levels() {
    let (office, port, tsa) = without_authority();
    office.import(&["root.crl", "ca.crl"]);
    let waiting = ["--level", "lta", "--tsa", &tsa, "--queue"];
    // What lies in a container near its start says nothing of its format.
    std::fs::copy(
        repository().join("testdata/documents/dossier.pdf"),
        office.desk.path("đơn.pdf"),
    )
    .unwrap();
    for (format, out) in [
        ("asic-e-cades", "w.asice"),
        ("asic-s", "w.asics"),
        ("jades", "w.jws"),
    ] {
        succeed(&mut sign_as(&office, format, ("đơn.pdf", out), &waiting));
        assert_eq!(level_alone(&office, out), "B-B");
    }
    let server = Server::start(office.desk.pki(), port);
    succeed(&mut office.desk.trien(["augment", "--queued"]));
    for out in ["w.asice", "w.asics", "w.jws"] {
        assert_eq!(level_alone(&office, out), "B-LTA", "{out}");
    }

    let (_daemon, mut page) = portal(&office, &server.url("tsa"));
    let text = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    for format in [
        "asic_e",
        "asic_e_cades",
        "asic_s",
        "asic_s_cades",
        "jades_compact",
        "jades_json",
    ] {
        let call = json!({ "documents": [text], "format": format, "level": "B-LTA" });
        let reply = page.call("sign_documents", &call);
        let signed = reply["result"]["documents"][0].clone();
        assert_eq!(
            (&signed["level"], &signed["waiting"]),
            (&json!("B-LTA"), &Value::Null),
            "{format}: {reply}"
        );
        keep(&office, &mut page, &signed, "page");
        assert_eq!(level_alone(&office, "page"), "B-LTA", "{format}");
    }
    let call = json!({ "documents": [text], "format": "ooxml", "level": "B-LTA" });
    assert_eq!(page.refusal("sign_documents", &call), "bad_request");
}

#[test]
fn the_next_authority_is_asked_when_one_fails() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    let closed = free_port();
    let urls = [
        format!("http://127.0.0.1:{closed}/tsa"),
        server.url("html"),
        server.url("tsa"),
    ];
    let list: String = urls
        .iter()
        .map(|url| format!("[[timestamp_authorities]]\nurl = \"{url}\"\n"))
        .collect();
    std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
    std::fs::write(office.desk.home().join("config/config.toml"), list).unwrap();
    succeed(&mut office.sign(&["--level", "t"], "t.p7s"));
    assert_eq!(office.level("t.p7s"), "B-T");
    assert_eq!(
        server.requests(),
        2,
        "the one that answers nonsense, and the one that stamps"
    );
}

#[test]
fn the_next_authority_is_asked_when_one_is_not_trusted() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let (stranger, expired, server) = (office.stranger(), office.expired(), office.server());
    let configure = |servers: &[&Server]| {
        let list: String = servers
            .iter()
            .map(|server| format!("[[timestamp_authorities]]\nurl = \"{}\"\n", server.url("tsa")))
            .collect();
        std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
        std::fs::write(office.desk.home().join("config/config.toml"), list).unwrap();
    };
    for untrusted in [&stranger, &expired] {
        configure(&[untrusted]);
        let refused = fail(&mut office.sign(&["--level", "t"], "t.p7s"), 3);
        assert!(refused.contains("not trusted"), "{refused}");
        assert_eq!(untrusted.requests(), 1);
    }
    // It waits for one that is trusted, and is not given up.
    succeed(&mut office.sign(&["--level", "t", "--queue"], "q.p7s"));
    assert_eq!(office.level("q.p7s"), "B-B");
    fail(&mut office.desk.trien(["augment", "--queued"]), 1);
    configure(&[&stranger, &expired, &server]);
    succeed(&mut office.desk.trien(["augment", "--queued"]));
    assert_eq!(office.level("q.p7s"), "B-T");
    succeed(&mut office.sign(&["--level", "t"], "t.p7s"));
    assert_eq!(office.level("t.p7s"), "B-T");
    assert_eq!(
        [stranger.requests(), expired.requests(), server.requests()],
        [3, 5, 2]
    );
}

#[test]
fn a_slow_authority_is_waited_for_within_its_limit_and_past_it_the_next_is_asked() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    let authorities: String = [("mute", 1), ("late", 60)]
        .map(|(path, seconds)| {
            let url = server.url(path);
            format!("[[timestamp_authorities]]\nurl = \"{url}\"\nseconds = {seconds}\n")
        })
        .concat();
    let (_daemon, mut page) = portal_with(&office, &authorities);
    let text = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    let call = json!({ "documents": [text], "format": "cades_detached", "level": "B-T" });
    let began = Instant::now();
    let request = page.ask("sign_documents", &call);
    // The page is told what takes so long.
    loop {
        let (message, _) = page.receive().unwrap();
        assert_eq!(message["method"], "progress", "{message}");
        if message["params"]["stage"] == "stamping" {
            assert_eq!(message["params"]["request"], request);
            break;
        }
    }
    while server.requests() < 2 {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the next one is not asked"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "the first one has its second"
    );
    // Whoever waits for an authority keeps nobody else waiting: this is answered before the signature is.
    page.call("cancel", &json!({ "request": 0 }));
    let reply = page.reply(request);
    assert!(began.elapsed() >= Duration::from_secs(1) + LATE);
    let signed = &reply["result"]["documents"][0];
    assert_eq!(
        (&signed["level"], &signed["waiting"]),
        (&json!("B-T"), &Value::Null),
        "{reply}"
    );
    keep(&office, &mut page, signed, "t.p7s");
    assert_eq!(office.level("t.p7s"), "B-T");
    assert_eq!(server.requests(), 2);
}

#[test]
fn n156_an_authority_that_misbehaves_is_not_waited_for_and_not_followed() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    succeed(&mut office.sign(&[], "b.p7s"));
    // Whoever answers an octet at a time has his two seconds, as whoever does not answer at all.
    let patience = format!(
        "[[timestamp_authorities]]\nurl = \"{}\"\nseconds = 2\n",
        server.url("drip")
    );
    std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
    std::fs::write(office.desk.home().join("config/config.toml"), patience).unwrap();
    let start = Instant::now();
    let refused = fail(&mut office.augment("b.p7s", "t.p7s", &[]), 3);
    assert!(refused.contains("did not answer in time"), "{refused}");
    assert!(
        (2..6).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
    for path in ["redirect", "elsewhere", "html", "gzip", "bomb", "endless", "none"] {
        let (before, start) = (server.requests(), Instant::now());
        let refused = fail(
            &mut office.augment("b.p7s", "t.p7s", &["--tsa", &server.url(path)]),
            3,
        );
        assert!(refused.contains("No time-stamp"), "{path}: {refused}");
        assert_eq!(
            server.requests(),
            before + 1,
            "{path}: one request, no redirect followed"
        );
        assert!(start.elapsed() < Duration::from_secs(10), "{path}");
        assert!(!office.desk.path("t.p7s").exists());
    }
    for url in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "http://user:password@127.0.0.1/",
    ] {
        fail(&mut office.augment("b.p7s", "t.p7s", &["--tsa", url]), 3);
    }
}

#[test]
fn n159_addresses_of_a_certificate_that_nobody_vouches_for_are_not_asked() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    let signed = signed_by_a_stranger(&office.desk.pki(), &server.url("tracking"));
    fail(office.desk.trien(["verify"]).arg(&signed), 1);
    let out = office.desk.path("x.p7m");
    let mut augment = office
        .desk
        .trien(["augment", "--level", "lt", "--tsa", &server.url("tsa")]);
    fail(augment.arg(&signed).arg("--out").arg(&out), 3);
    assert_eq!(server.requests(), 1, "the time-stamp, and nothing else");
}

#[test]
fn a_revoked_certificate_signs_nothing_once_that_is_known() {
    let office = Office::new(&[("an", "ec:p256", "revoked")]);
    succeed(&mut office.sign(&[], "before.p7s"));
    succeed(
        Command::new(repository().join("testdata/pki/publish-crl.sh"))
            .arg(office.desk.pki())
            .arg("ca"),
    );
    office.import(&["ca.crl", "root.crl"]);
    let refused = fail(&mut office.sign(&[], "after.p7s"), 1);
    assert!(refused.contains("revoked"), "{refused}");
    let report = fail(&mut office.verify("before.p7s"), 1);
    assert!(report.contains("REVOKED_NO_POE"), "{report}");
}

#[test]
fn what_was_known_of_a_certificate_is_kept_with_its_signature_and_erased_on_demand() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let evidence = |words: &[&str]| {
        let mut command = office.desk.trien(["trust", "evidence", "--json"]);
        let said: Value = serde_json::from_str(&succeed(command.args(words))).unwrap();
        said
    };
    assert_eq!(evidence(&[]), json!([]));
    succeed(&mut office.sign(&[], "before.p7s"));
    office.import(&["root.crl", "ca.crl"]);
    succeed(&mut office.sign(&[], "after.p7s"));
    let kept = evidence(&[]);
    let of = |place: usize| &kept[place]["path"][0]["revocation"];
    let subject = kept[0]["path"][0]["subject"].as_str().unwrap();
    assert!(subject.contains("Nguyễn Văn An"), "{kept:#}");
    assert!(
        !of(0).to_string().contains("this_update"),
        "nothing was known: {kept:#}"
    );
    assert!(
        of(1).to_string().contains("this_update"),
        "a list, and as of when: {kept:#}"
    );
    let signed = std::fs::read(office.desk.path("after.p7s")).unwrap();
    assert_eq!(
        kept[1]["results"],
        json!([hex::encode(<sha2::Sha256 as sha2::Digest>::digest(signed))])
    );
    assert_eq!(
        evidence(&["--erase", "--before", "2020-01-01T00:00:00Z"]),
        json!({ "erased": 0 })
    );
    assert_eq!(evidence(&["--erase"]), json!({ "erased": 2 }));
    assert_eq!(evidence(&[]), json!([]));
}

#[test]
fn trust_is_added_told_and_taken_back() {
    let office = Office::new(&[]);
    let impostor = office.desk.pki().join("impostor.pem");
    let added = succeed(office.desk.trien(["trust", "add", "--json"]).arg(&impostor));
    let added: Value = serde_json::from_str(&added).unwrap();
    let sha256 = added[0]["sha256"].as_str().unwrap().to_owned();
    let count = || {
        let listed = succeed(&mut office.desk.trien(["trust", "list", "--json"]));
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["anchors"].as_array().unwrap().len()
    };
    assert_eq!(count(), 2);
    let warned = succeed(Command::new("sh").arg("-c").arg(format!(
        "TRIEN_HOME={} {} --lang en trust add {} 2>&1",
        office.desk.home().display(),
        env!("CARGO_BIN_EXE_trien"),
        impostor.display()
    )));
    assert!(warned.contains("none of the published ones"), "{warned}");
    succeed(&mut office.desk.trien(["trust", "remove", &sha256[..12]]));
    assert_eq!(count(), 1);
    fail(&mut office.desk.trien(["trust", "remove", &sha256[..12]]), 1);
    let by_nobody = fail(
        office
            .desk
            .trien(["trust", "import-crl"])
            .arg(office.desk.pki().join("pin")),
        3,
    );
    assert!(by_nobody.contains("cannot be read"), "{by_nobody}");
}

#[test]
fn a_published_root_is_known_by_its_fingerprint() {
    let desk = Desk::new();
    let root = repository().join("testdata/pki/published/vgca-root-g2.pem");
    let added = succeed(desk.trien(["trust", "add", "--json"]).arg(&root));
    let added: Value = serde_json::from_str(&added).unwrap();
    let name = "VGCA: RootCA chuyên dùng Chính phủ G2 (2018–2048)";
    assert_eq!(added[0]["published_as"], name);
    let output = desk
        .trien(["--lang", "en", "trust", "add"])
        .arg(&root)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("its fingerprint is the published one of") && told.contains(name),
        "{told}"
    );
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "",
        "no word of caution"
    );
}
