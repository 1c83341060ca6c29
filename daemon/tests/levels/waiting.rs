//! What no authority stamped waits on disk, and is raised by the shell or by the daemon.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::daemon::Daemon;
use crate::support::office::{Office, RELEASE, Server, free_port};
use crate::support::{fail, read_json, repository, succeed};
use crate::{keep, level_alone, portal, printed, sign_as, without_authority};
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

/// Who has what waits tried hears in his own language why it waits or is given up, and nothing in the log's.
#[test]
fn what_waits_and_what_is_given_up_is_told_with_its_reason() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let nobody = format!("http://127.0.0.1:{}/tsa", free_port());
    for name in ["q.p7s", "r.p7s"] {
        let mut sign = office.sign(&["--level", "t", "--tsa", &nobody, "--queue"], name);
        let signed = sign.output().unwrap();
        let told = String::from_utf8(signed.stderr).unwrap();
        assert!(signed.status.success() && !told.contains("WARN"), "{told}");
    }
    let changed = office.desk.path("r.p7s");
    std::fs::write(&changed, "another").unwrap();
    let waits = office.desk.path("q.p7s");
    let told = fail(&mut office.desk.trien(["augment", "--queued", "--lang", "vi"]), 1);
    let line =
        |start: &str, file: &std::path::Path, reason: &str| format!("{start}: {}: {reason}", file.display());
    assert!(
        told.contains(&line(
            "Còn chờ",
            &waits,
            "không kết nối được với http://127.0.0.1"
        )),
        "{told}"
    );
    assert!(
        told.contains(&line("Bỏ", &changed, "tệp đã bị thay đổi sau khi được ký")),
        "{told}"
    );
    assert!(!told.contains("WARN") && !told.contains("os error"), "{told}");
}

/// What `trien augment --queued` did, which ended with this code.
fn queued(command: &mut Command, code: i32) -> Value {
    printed(command.args(["augment", "--queued", "--json"]), code)
}

fn names(told: &Value) -> Vec<&str> {
    let files = told.as_array().unwrap().iter();
    files
        .map(|file| file.as_str().unwrap().rsplit('/').next().unwrap())
        .collect()
}

fn entries(office: &Office) -> usize {
    std::fs::read_dir(office.desk.home().join("data/queue")).map_or(0, Iterator::count)
}

#[test]
fn what_is_signed_anew_while_an_authority_takes_its_time_is_not_overwritten() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let port = free_port();
    let held = format!("http://127.0.0.1:{port}/held");
    succeed(&mut office.sign(&["--level", "t", "--tsa", &held, "--queue"], "q.p7s"));
    let first = std::fs::read(office.desk.path("q.p7s")).unwrap();
    let server = Server::start(office.desk.pki(), port);
    let mut raising = office.desk.trien(["augment", "--queued", "--json"]);
    let raising = raising.stdout(Stdio::piped()).spawn().unwrap();
    eventually("the authority is asked", || {
        server.asked().contains(&"/held".to_owned())
    });
    succeed(&mut office.sign(&[], "again.p7s"));
    std::fs::rename(office.desk.path("again.p7s"), office.desk.path("q.p7s")).unwrap();
    let again = std::fs::read(office.desk.path("q.p7s")).unwrap();
    assert_ne!(first, again);
    release(&office);
    let ended = raising.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let told = read_json(&String::from_utf8(ended.stdout).unwrap());
    assert_eq!(
        (names(&told["given_up"]), names(&told["raised"])),
        (vec!["q.p7s"], vec![]),
        "{told}"
    );
    assert_eq!(std::fs::read(office.desk.path("q.p7s")).unwrap(), again);
    assert_eq!(entries(&office), 0);
    let left = std::fs::read_dir(office.desk.path("")).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().starts_with('.')),
        "{left:?}"
    );
}

/// Lets the authority that holds its answers back give them.
fn release(office: &Office) {
    std::fs::write(office.desk.pki().join(RELEASE), "").unwrap();
}

#[test]
fn what_is_signed_anew_and_waits_itself_keeps_its_place() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let (port, later) = (free_port(), free_port());
    let held = format!("http://127.0.0.1:{port}/held");
    let tsa = format!("http://127.0.0.1:{later}/tsa");
    succeed(&mut office.sign(&["--level", "t", "--tsa", &held, "--queue"], "q.p7s"));
    let server = Server::start(office.desk.pki(), port);
    let mut raising = office.desk.trien(["augment", "--queued", "--json"]);
    let raising = raising.stdout(Stdio::piped()).spawn().unwrap();
    eventually("the authority is asked", || {
        server.asked().contains(&"/held".to_owned())
    });
    succeed(&mut office.sign(&["--level", "t", "--tsa", &tsa, "--queue"], "q.p7s"));
    let again = std::fs::read(office.desk.path("q.p7s")).unwrap();
    release(&office);
    let ended = raising.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let told = read_json(&String::from_utf8(ended.stdout).unwrap());
    assert_eq!(
        (names(&told["waiting"]), names(&told["given_up"])),
        (vec!["q.p7s"], vec![]),
        "{told}"
    );
    assert_eq!(std::fs::read(office.desk.path("q.p7s")).unwrap(), again);
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-B".into(), 1));
    let _later = Server::start(office.desk.pki(), later);
    succeed(&mut office.desk.trien(["augment", "--queued"]));
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-T".into(), 0));
}

#[test]
fn two_who_go_through_the_queue_at_once_do_not_give_up_what_the_other_one_raised() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let port = free_port();
    let held = format!("http://127.0.0.1:{port}/held");
    succeed(&mut office.sign(&["--level", "t", "--tsa", &held, "--queue"], "q.p7s"));
    let server = Server::start(office.desk.pki(), port);
    let both = [(), ()].map(|()| {
        let mut raising = office.desk.trien(["augment", "--queued", "--json"]);
        raising.stdout(Stdio::piped()).spawn().unwrap()
    });
    eventually("the authority is asked by both", || server.asked().len() == 2);
    release(&office);
    let told = both.map(|one| {
        let ended = one.wait_with_output().unwrap();
        read_json(&String::from_utf8(ended.stdout).unwrap())
    });
    let all = |kind: &str| -> Vec<_> { told.iter().flat_map(|one| names(&one[kind])).collect() };
    assert_eq!(
        (all("raised"), all("given_up")),
        (vec!["q.p7s"], vec![]),
        "{told:?}"
    );
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-T".into(), 0));
}

#[test]
fn what_is_out_of_reach_for_now_waits_until_it_is_back() {
    let (office, port, tsa) = without_authority();
    succeed(&mut office.sign(&["--level", "t", "--tsa", &tsa, "--queue"], "q.p7s"));
    let original = office.desk.path("original.pdf");
    std::fs::copy(repository().join("testdata/documents/dossier.pdf"), &original).unwrap();
    let mut sign = office.desk.trien([
        "sign", "--cert", "an", "--level", "t", "--queue", "--tsa", &tsa, "--out",
    ]);
    sign.arg(office.desk.path("q.pdf")).arg(&original);
    succeed(sign.args(office.desk.pin()));
    std::fs::remove_file(&original).unwrap();
    let _server = Server::start(office.desk.pki(), port);
    for name in ["q.p7s", "đơn.txt"] {
        let [here, away] = [name, "away"].map(|name| office.desk.path(name));
        std::fs::rename(&here, &away).unwrap();
        let told = queued(&mut office.desk.trien([]), 1);
        assert_eq!(
            (names(&told["waiting"]), names(&told["given_up"])),
            (vec!["q.p7s"], vec![]),
            "{name}: {told}"
        );
        std::fs::rename(&away, &here).unwrap();
    }
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-B".into(), 1));
    succeed(&mut office.desk.trien(["augment", "--queued"]));
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-T".into(), 0));

    // What a document holds itself need not be there beside it.
    assert_eq!(level_alone(&office, "q.pdf"), "B-T");
}

#[test]
fn what_cannot_be_written_now_waits_for_room_on_the_disk() {
    let (office, port, tsa) = without_authority();
    succeed(&mut office.sign(&["--level", "t", "--tsa", &tsa, "--queue"], "q.p7s"));
    let _server = Server::start(office.desk.pki(), port);
    let mut cramped = Command::new("sh");
    // No file may be as large as the signature.
    cramped.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]);
    cramped
        .arg(env!("CARGO_BIN_EXE_trien"))
        .env("TRIEN_HOME", office.desk.home());
    let told = queued(&mut cramped, 1);
    assert_eq!(
        (names(&told["waiting"]), names(&told["given_up"])),
        (vec!["q.p7s"], vec![]),
        "{told}"
    );
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-B".into(), 1));
    succeed(&mut office.desk.trien(["augment", "--queued"]));
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-T".into(), 0));
}

#[test]
fn what_a_responder_does_not_answer_for_waits_and_is_stamped_once() {
    let (office, port) = Office::published(&[("an", "ec:p256", "citizen")]);
    office.configure("[network]\nrevocation = true\nprivate_addresses = true\n");
    let authority = office.server();
    let words = ["--level", "lt", "--tsa", &authority.url("tsa")];
    let refused = fail(&mut office.sign(&words, "lt.p7s"), 3);
    assert!(refused.contains("revocation"), "{refused}");
    assert_eq!(office.level("lt.p7s"), "B-B");
    let stamped = authority.requests();
    let words = [&words[..], &["--queue", "--json"]].concat();
    let told = printed(&mut office.sign(&words, "q.p7s"), 0);
    assert_eq!(told["documents"][0]["waits_for_time_stamp"], true, "{told}");
    let of_file = |name: &str| {
        let bytes = std::fs::read(office.desk.path(name)).unwrap();
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes))
    };
    assert_eq!(told["documents"][0]["sha256"], json!(of_file("q.p7s")), "{told}");
    assert_eq!(office.level("q.p7s"), "B-B");
    for _ in 0..2 {
        let told = queued(&mut office.desk.trien([]), 1);
        assert_eq!(names(&told["waiting"]), ["q.p7s"], "{told}");
        assert_eq!(office.level("q.p7s"), "B-T", "as far as it went");
    }
    let _responder = Server::start(office.desk.pki(), port);
    succeed(&mut office.desk.trien(["augment", "--queued"]));
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-LT".into(), 0));
    assert_eq!(
        authority.requests(),
        stamped + 2,
        "at the shell, and in the queue"
    );
}

#[test]
fn what_an_authority_stamped_before_the_responder_was_silent_stays_in_the_queue() {
    let (office, port) = Office::published(&[("an", "ec:p256", "citizen")]);
    office.configure("[network]\nrevocation = true\nprivate_addresses = true\n");
    let at = free_port();
    let tsa = format!("http://127.0.0.1:{at}/tsa");
    succeed(&mut office.sign(&["--level", "lta", "--tsa", &tsa, "--queue"], "q.p7s"));
    assert_eq!(office.level("q.p7s"), "B-B");
    let authority = Server::start(office.desk.pki(), at);
    for _ in 0..2 {
        let told = queued(&mut office.desk.trien([]), 1);
        assert_eq!(names(&told["waiting"]), ["q.p7s"], "{told}");
        assert_eq!(office.level("q.p7s"), "B-T");
    }
    assert_eq!(authority.requests(), 1, "what is stamped is not stamped again");
    let _responder = Server::start(office.desk.pki(), port);
    succeed(&mut office.desk.trien(["augment", "--queued"]));
    assert_eq!((office.level("q.p7s"), entries(&office)), ("B-LTA".into(), 0));
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
