//! A page asks for a level, and is told what was reached, now and later.

use std::time::{Duration, Instant};

use crate::formats::algorithm_of;
use crate::support::daemon::{Daemon, Page, record, wait_for};
use crate::support::office::{Office, RELEASE, Server};
use crate::support::{read_json, repository, succeed};
use crate::{free_port, judged, keep, level_alone, openssl_verifies, portal, without_authority};
use serde_json::{Value, json};

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
    // What holds its own content takes no notice of one beside it.
    let held = page.upload("x.pdf", &std::fs::read(office.desk.path("x.pdf")).unwrap());
    let reply = page.call(
        "verify_documents",
        &json!({ "documents": [held], "content": text }),
    );
    assert_eq!(reply["result"]["documents"][0]["valid"], true, "{reply}");
    // One more beside it, with what both are about; and it is stamped, too.
    let alone = page.upload("x.p7s", &std::fs::read(office.desk.path("x.p7s")).unwrap());
    let beside = json!({ "documents": [alone], "content": text, "format": "cades_parallel", "level": "B-T" });
    let reply = page.call("sign_documents", &beside);
    let signed = &reply["result"]["documents"][0];
    assert_eq!(signed["level"], "B-T", "{reply}");
    keep(&office, &mut page, signed, "both.p7s");
    let report: Value = serde_json::from_str(&succeed(&mut office.verify("both.p7s"))).unwrap();
    let formats = report[0]["signatures"].as_array().unwrap().iter();
    let told: Vec<_> = formats.map(|one| (&one["format"], &one["indication"])).collect();
    assert_eq!(told, [(&json!("cades"), &json!("TOTAL-PASSED")); 2], "{report}");
    for (name, value) in [
        ("content", Value::Null),
        ("content", json!(pdf)),
        ("format", json!("cades_counter")),
    ] {
        let mut other = beside.clone();
        other[name] = value;
        assert_eq!(page.refusal("sign_documents", &other), "bad_request", "{name}");
    }
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
    // What is signed meanwhile, each under a key of its own, does not take its place.
    let mut page = Page::connected(&daemon);
    let text = page.upload("đơn.txt", b"x");
    for number in 0..16 {
        let other = json!({
            "documents": [text], "format": "cades_detached", "idempotency_key": format!("0123456789abcdef-{number}"),
        });
        let reply = page.call("sign_documents", &other);
        assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
    }
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
    assert_eq!(times(&office, "approved"), 17);
}

/// What has come further is what a page gets that asks again, whether or not it will come all the way; and it is told when it
/// comes no further.
#[test]
fn a_level_that_is_reached_in_part_is_kept_and_the_page_is_told_when_no_more_can_be_had() {
    for (kind, last) in [("citizen", "B-LT"), ("revoked", "B-T")] {
        let office = Office::new(&[("an", "ec:p256", kind)]);
        let port = free_port();
        let (daemon, mut page) = portal(&office, &format!("http://127.0.0.1:{port}/tsa"));
        let pdf = page.upload(
            "đơn.pdf",
            &std::fs::read(repository().join("testdata/documents/dossier.pdf")).unwrap(),
        );
        let call = json!({
            "documents": [pdf], "format": "pades", "level": "B-LT", "idempotency_key": "0123456789abcdef",
        });
        let reply = page.call("sign_documents", &call);
        let signed = reply["result"]["documents"][0].clone();
        assert_eq!(
            (&signed["level"], &signed["waiting"]),
            (&json!("B-B"), &json!(true)),
            "{reply}"
        );
        let again = || {
            let mut page = Page::over_websocket(&daemon);
            let hello = json!({ "versions": [1], "capabilities": ["level", "idempotency"] });
            page.call("hello", &hello);
            let document = page.call("sign_documents", &call)["result"]["documents"][0].clone();
            (page, document)
        };
        let _server = Server::start(office.desk.pki(), port);
        // Without lists nothing proves that nobody was revoked: the time-stamp is there, and the rest waits.
        let (mut other, stamped) = loop {
            let (page, document) = again();
            if document["level"] == "B-T" {
                break (page, document);
            }
            assert_eq!(document["sha256"], signed["sha256"], "{document}");
            std::thread::sleep(Duration::from_secs(1));
        };
        assert_eq!(stamped["waiting"], true, "{stamped}");
        keep(&office, &mut other, &stamped, "t.pdf");
        assert_eq!(level_alone(&office, "t.pdf"), "B-T");
        office.import(&["root.crl", "ca.crl"]);
        let note = loop {
            let (message, _) = page.receive().unwrap();
            if message["method"] == "raised" {
                break message["params"].clone();
            }
        };
        assert_eq!((&note["from"], &note["level"]), (&signed["sha256"], &json!(last)));
        let (mut other, end) = again();
        assert_eq!(
            (&end["sha256"], &end["level"], &end["waiting"]),
            (&note["sha256"], &json!(last), &Value::Null)
        );
        for (page, document) in [(&mut page, &note), (&mut other, &end)] {
            keep(&office, page, document, "end.pdf");
        }
        assert_eq!(times(&office, "approved"), 1, "{kind}");
    }
}

/// How often the record says that this happened.
fn times(office: &Office, action: &str) -> usize {
    let actions = record(&office.desk, 0);
    actions.iter().filter(|one| *one == action).count()
}

/// A page that has asked for B-T, with these words more, of an authority that takes its time: the person has said yes and
/// has been told that it is signed.
fn at_the_authority(daemon: &Daemon, more: &Value) -> (Page, u64, Value) {
    let mut page = Page::connected(daemon);
    let text = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    let mut call = json!({ "documents": [text], "format": "cades_detached", "level": "B-T" });
    let words = call.as_object_mut().unwrap();
    words.extend(more.as_object().unwrap().clone());
    let id = page.ask("sign_documents", &call);
    while page.receive().unwrap().0["params"]["stage"] != "stamping" {}
    (page, id, call)
}

#[test]
fn what_the_person_was_told_is_signed_stays_signed_whoever_leaves_the_authority_waiting() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    let (daemon, _page) = portal(&office, &server.url("held"));

    // Nobody takes it back.
    let (mut page, id, call) = at_the_authority(&daemon, &json!({ "idempotency_key": "0123456789abcdef" }));
    let cancelled = page.call("cancel", &json!({ "request": id }));
    assert_eq!(cancelled["result"]["cancelled"], false, "{cancelled}");
    drop(page);
    // Who comes back with its key waits with it, and nobody is asked again.
    let mut page = Page::connected(&daemon);
    let again = page.ask("sign_documents", &call);
    // Without a key nobody gets the document, but what the person read is what the record says.
    let (left, ..) = at_the_authority(&daemon, &json!({}));
    drop(left);
    std::fs::write(office.desk.pki().join(RELEASE), "").unwrap();
    let reply = page.reply(again);
    assert_eq!(reply["result"]["documents"][0]["status"], "signed", "{reply}");
    wait_for(|| times(&office, "signed") == 2);
    assert_eq!([times(&office, "approved"), times(&office, "withdrawn")], [2, 0]);
    assert_eq!(page.call("sign_documents", &call)["result"], reply["result"]);
    let receipt = reply["result"]["receipt"].to_string();
    std::fs::write(office.desk.path("receipt.json"), receipt).unwrap();
    let mut verify = office.desk.trien(["audit", "verify", "--receipt"]);
    succeed(verify.arg(office.desk.path("receipt.json")));
}

#[test]
fn what_the_person_was_told_is_signed_is_on_the_record_when_the_daemon_ends_while_an_authority_is_asked() {
    use rustix::process::{Pid, Signal, kill_process};
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    // Several: what is written at the very end is a matter of moments.
    for round in 1..=4 {
        let (mut daemon, _greeted) = portal(&office, &server.url("held"));
        let more = match round % 2 {
            0 => json!({}),
            _ => json!({ "idempotency_key": format!("0123456789abcdef-{round}") }),
        };
        let (asking, ..) = at_the_authority(&daemon, &more);
        kill_process(
            Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap(),
            Signal::TERM,
        )
        .unwrap();
        assert!(daemon.wait().success(), "{}", daemon.log());
        drop(asking);
        let told = record(&office.desk, 0);
        let times = |action: &str| -> usize { told.iter().filter(|one| one.as_str() == action).count() };
        let ends = ["approved", "signed", "withdrawn"].map(times);
        assert_eq!(ends, [round, round, 0], "{told:?}");
    }
    let checked = read_json(&succeed(&mut office.desk.trien(["audit", "verify", "--json"])));
    assert_eq!(checked["torn_bytes"], 0, "{checked}");
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
fn a_page_names_the_hash_function() {
    let office = Office::new(&[("an", "rsa:2048", "citizen")]);
    office.import(&["root.crl", "ca.crl"]);
    let (_daemon, mut page) = portal(&office, "");
    let text = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    for (hash, found) in [
        ("SHA-384", "sha384"),
        ("SHA-512", "sha512"),
        ("SHA-256", "sha256"),
    ] {
        let call = json!({ "documents": [text], "format": "cades_attached", "hash": hash });
        let reply = page.call("sign_documents", &call);
        keep(&office, &mut page, &reply["result"]["documents"][0], "x.p7m");
        assert_eq!(openssl_verifies(&office, "x.p7m"), "Đơn đề nghị".as_bytes());
        assert_eq!(algorithm_of(&office, "x.p7m"), json!({ "rsa_pkcs1": found }));
    }
    for hash in [json!("SHA-1"), json!("sha512"), json!("")] {
        let call = json!({ "documents": [text], "format": "cades_attached", "hash": hash });
        assert_eq!(page.refusal("sign_documents", &call), "bad_request", "{hash}");
    }
}
