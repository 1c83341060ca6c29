//! What no authority stamped waits on disk, and is raised by the shell or by the daemon.

use std::time::{Duration, Instant};

use crate::support::daemon::Daemon;
use crate::support::office::{Office, Server, free_port};
use crate::support::{fail, repository, succeed};
use crate::{keep, level_alone, portal, sign_as, without_authority};
use serde_json::{Value, json};

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
