//! The per-user socket: whose folder it is, whose daemon, what the extension may say first, and who it is that says it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow, code, command};
use support::promptly::Promptly;
use support::unread::{Document, SIZE, costs_little_while, resident, waits_before_all_is_sent};
use support::{Desk, fail, succeed};

fn portal() -> Desk {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    desk
}

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folder_and_socket_are_ours_alone() {
    let desk = portal();
    let daemon = Daemon::start(&desk, "");
    assert_eq!(mode(&daemon.socket), 0o600);
    assert_eq!(mode(daemon.socket.parent().unwrap()), 0o700);
}

#[test]
fn n070_a_folder_open_to_others_or_a_link_stops_the_start() {
    let desk = portal();
    let run = desk.home().join("run");
    let start = || fail(&mut command(&desk, &desk.path("none.toml")), 3);
    std::fs::create_dir_all(&run).unwrap();
    for rights in [0o777, 0o770, 0o750, 0o701] {
        std::fs::set_permissions(&run, std::fs::Permissions::from_mode(rights)).unwrap();
        assert!(start().contains("not this user's alone"), "{rights:o}");
    }
    std::fs::remove_dir(&run).unwrap();
    let elsewhere = desk.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &run).unwrap();
    assert!(start().contains("not this user's alone"));
    // Somebody else's, however narrow its rights are: only root can make one.
    std::fs::remove_file(&run).unwrap();
    if is_root() {
        std::fs::create_dir(&run).unwrap();
        std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&run, Some(NOBODY), Some(NOBODY)).unwrap();
        assert!(start().contains("not this user's alone"));
        assert_eq!(
            std::fs::read_dir(&run).unwrap().count(),
            0,
            "nothing is put there"
        );
        std::fs::remove_dir(&run).unwrap();
    }
}

#[test]
fn n016_a_second_daemon_says_so_and_the_first_goes_on() {
    let desk = portal();
    let daemon = Daemon::start(&desk, "");
    let mut pages = [Page::over_socket(&daemon), Page::over_websocket(&daemon)];
    pages.iter_mut().for_each(|page| drop(page.hello()));
    let socket = std::fs::metadata(&daemon.socket).unwrap();
    let said = fail(&mut command(&desk, &desk.path("script.toml")), 3);
    assert!(said.contains("running already"), "{said}");
    assert!(daemon.answers());
    // Its socket is the same, and whoever was connected still is.
    let now = std::fs::metadata(&daemon.socket).unwrap();
    assert_eq!((socket.dev(), socket.ino()), (now.dev(), now.ino()));
    for page in &mut pages {
        let reply = page.call("cancel", &json!({ "request": 0 }));
        assert_eq!(reply["result"]["cancelled"], false);
    }
    assert_eq!(Page::over_socket(&daemon).hello()["result"]["version"], 1);
    // As often as somebody tries.
    fail(&mut command(&desk, &desk.path("script.toml")), 3);
    assert!(daemon.answers());
}

#[test]
fn n073_what_a_dead_daemon_left_is_replaced() {
    let desk = portal();
    let mut daemon = Daemon::start(&desk, "");
    daemon.kill();
    assert!(daemon.socket.exists());
    let daemon = Daemon::start(&desk, "");
    assert_eq!(Page::over_socket(&daemon).hello()["result"]["version"], 1);
}

/// Another user, where there can be one: only root can become him.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// A Python program as another user, or as this one where that cannot be. It is ended when this is dropped.
struct Other(Child);

impl Other {
    /// With the first line that it prints.
    fn run(program: &str, words: &[&str]) -> (Self, String) {
        let mut command = Command::new(if is_root() { "setpriv" } else { "env" });
        if is_root() {
            command.args(["--reuid", &NOBODY.to_string(), "--clear-groups"]);
        }
        // The system's own, which others may run.
        command.args(["/usr/bin/python3", "-Bc", program]).args(words);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        (Self(child), line.trim().to_owned())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn n014_n015_a_port_that_another_has_costs_the_websocket_only_and_the_log_says_who() {
    const LISTEN: &str = "import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
s.bind((sys.argv[1], 0))
s.listen()
print(s.getsockname()[1], flush=True)
sys.stdin.read()";
    let own = rustix::process::getuid().as_raw();
    let uid = if is_root() { NOBODY } else { own };
    for address in ["127.0.0.1", "::1"] {
        if std::net::TcpListener::bind((address, 0)).is_err() {
            eprintln!("left out: no {address} here");
            continue;
        }
        let desk = portal();
        let (_other, port) = Other::run(LISTEN, &[address]);
        std::fs::create_dir_all(desk.home().join("config")).unwrap();
        std::fs::write(
            desk.home().join("config/config.toml"),
            format!("[websocket]\nport = {port}\n"),
        )
        .unwrap();
        let daemon = Daemon::start(&desk, "");
        assert_eq!(daemon.port, 0, "the line says off, for both addresses");
        assert_eq!(Page::over_socket(&daemon).hello()["result"]["version"], 1);
        let log = daemon.log();
        let line = log.lines().find(|line| line.contains("the WebSocket is off"));
        assert!(line.unwrap().contains(&uid.to_string()), "{line:?}");
    }
}

#[test]
fn n071_another_user_who_gets_at_the_socket_is_told_nothing() {
    const GREET: &str = "import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
try:
    for text in sys.argv[2:]:
        s.sendall(struct.pack('<I', len(text)) + text.encode())
    print(len(s.recv(100)))
except OSError:
    print(0)";
    let desk = portal();
    let daemon = Daemon::start(&desk, "");
    // As if the folders and the socket had been opened to everybody behind the daemon's back.
    let mut opened = daemon.socket.clone();
    while opened.starts_with(desk.path("")) {
        std::fs::set_permissions(&opened, std::fs::Permissions::from_mode(0o777)).unwrap();
        opened.pop();
    }
    let opening = json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL }).to_string();
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "hello", "params": { "versions": [1] } });
    let words = [daemon.socket.to_str().unwrap(), &opening, &hello.to_string()];
    let (_other, told) = Other::run(GREET, &words);
    assert_eq!(told == "0", is_root(), "{told}");
    let noticed = || {
        daemon
            .log()
            .contains("a connection of another user on the socket")
    };
    assert_eq!(noticed(), is_root(), "{}", daemon.log());
    assert_eq!(Page::over_socket(&daemon).hello()["result"]["version"], 1);
}

#[test]
fn n063_n064_a_page_without_permission_is_told_and_closed() {
    let desk = portal();
    let daemon = Daemon::start(&desk, "");
    for (origin, top) in [
        ("https://evil.example", "https://evil.example"),
        (PORTAL, "https://evil.example"),
        ("https://evil.example", PORTAL),
        ("null", PORTAL),
        (PORTAL, "null"),
        ("about:blank", "about:blank"),
        ("http://dichvucong.example.gov.vn", PORTAL),
    ] {
        let mut page = Page::opening(
            &daemon,
            &json!({ "from": "extension", "origin": origin, "top_origin": top }),
        );
        assert_eq!(code(&page.receive().unwrap().0), "not_allowed", "{origin} {top}");
        assert_eq!(page.receive(), Err(0));
    }
    for opening in [
        json!({}),
        json!({ "from": "shell" }),
        json!({ "from": "extension", "origin": PORTAL }),
        json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL, "more": 1 }),
    ] {
        let mut page = Page::opening(&daemon, &opening);
        assert_eq!(code(&page.receive().unwrap().0), "bad_request", "{opening}");
    }
    allow(&desk, "https://frame.example", &[]);
    let mut page = Page::opening(
        &daemon,
        &json!({ "from": "extension", "origin": "https://frame.example", "top_origin": PORTAL }),
    );
    assert_eq!(page.hello()["result"]["version"], 1);
    // When the page around it loses its own, the frame is closed, too.
    succeed(&mut desk.trien(["origin", "revoke", PORTAL]));
    let promptly = Promptly::begin();
    assert_eq!(code(&page.receive().unwrap().0), "not_allowed");
    assert_eq!(page.receive(), Err(0));
    promptly.within(Duration::from_secs(1));
}

#[test]
fn a_program_that_only_speaks_for_a_page_is_told_by_its_name() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    let (daemon, question) = Daemon::keeping_the_question(&desk);
    let own = std::env::current_exe().unwrap();
    let asker = || {
        let asked: Value = serde_json::from_slice(&std::fs::read(&question).unwrap()).unwrap();
        asked["asker"].clone()
    };
    // As our native host does, but this is not it.
    let opening =
        json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL, "user_activation": true });
    let mut page = Page::opening(&daemon, &opening);
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    assert_eq!(code(&page.receive().unwrap().0), "not_allowed");
    let told = json!({ "road": "program", "origin": PORTAL, "top_origin": null, "executable": own });
    assert_eq!(asker(), told);
    // In a frame: both sites are said.
    allow(&desk, "https://frame.example", &[]);
    allow(&desk, PORTAL, &[]);
    let framed = json!({ "from": "extension", "origin": "https://frame.example", "top_origin": PORTAL });
    let mut frame = Page::opening(&daemon, &framed);
    frame.hello();
    assert_eq!(code(&frame.call("certificates", &json!({}))), "cancelled");
    let both = json!({ "road": "program", "origin": "https://frame.example", "top_origin": PORTAL, "executable": own });
    assert_eq!(asker(), both);
    drop(frame);
    // As a browser does, but this is none.
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    assert_eq!(code(&page.call("certificates", &json!({}))), "cancelled");
    assert_eq!(asker(), told);
}

#[test]
fn a_configuration_that_cannot_be_used_stops_the_start() {
    let desk = portal();
    let config = desk.home().join("config/config.toml");
    for (text, said) in [
        ("mystery = 1\n", "line 1"),
        ("[websocket]\nport = true\n", "line 2"),
        ("[prompt]\nseconds = 0\n", "seconds"),
    ] {
        std::fs::write(&config, text).unwrap();
        assert!(fail(&mut command(&desk, &desk.path("none.toml")), 3).contains(said));
    }
    std::fs::write(&config, "").unwrap();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o666)).unwrap();
    fail(&mut command(&desk, &desk.path("none.toml")), 3);
}

/// A client of plain frames that has said where it comes from and hello, and need not read what comes.
fn plain(daemon: &Daemon) -> UnixStream {
    let mut stream = UnixStream::connect(&daemon.socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let opening = json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL });
    stream.write_all(&framed(&opening)).unwrap();
    stream
        .write_all(&request(1, "hello", &json!({ "versions": [1] })))
        .unwrap();
    stream
}

fn framed(message: &Value) -> Vec<u8> {
    trien_protocol::frame::encode(&message.to_string()).unwrap()
}

fn request(id: u64, method: &str, params: &Value) -> Vec<u8> {
    framed(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

fn upload(id: u64, sha256: &str, content: &[u8]) -> Vec<u8> {
    let data = STANDARD.encode(content);
    let params = json!({ "sha256": sha256, "size": content.len(), "offset": 0, "data": data });
    request(id, "upload", &params)
}

#[test]
fn a_page_that_asks_for_documents_and_does_not_read_them_costs_little_memory_and_keeps_nobody() {
    const COUNT: u64 = 400;
    let desk = portal();
    let daemon = Daemon::start(&desk, "");
    let mut page = plain(&daemon);
    let document = Document::new();
    page.write_all(&upload(2, &document.sha256, &document.content))
        .unwrap();
    let [idle, _] = resident(&daemon);
    // In one piece: the kernel counts small ones for more than they are.
    let requests: Vec<_> = (3..COUNT + 3)
        .flat_map(|id| request(id, "download", &document.download()))
        .collect();
    page.write_all(&requests).unwrap();
    // On either road.
    costs_little_while(&daemon, idle, || {
        let promptly = Promptly::begin();
        assert!(daemon.answers());
        assert_eq!(Page::over_socket(&daemon).hello()["result"]["version"], 1);
        // The daemon waits thirty for who does not read.
        promptly.within(Duration::from_secs(5));
    });
    // Who reads late has all of it.
    for id in 1..COUNT + 3 {
        let text = trien_protocol::frame::read(&mut page, usize::MAX)
            .unwrap()
            .unwrap();
        let reply: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&reply["id"], reply["result"].is_object()), (&json!(id), true));
    }
}

#[test]
fn a_page_that_uploads_and_does_not_read_the_replies_waits() {
    let desk = portal();
    let daemon = Daemon::start(&desk, "");
    let mut page = plain(&daemon);
    page.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    // No such document: what is refused at length fills its way the sooner.
    let uploads = (2..).map(|id| upload(id, &"00".repeat(32), &[7; 2000]));
    waits_before_all_is_sent(&daemon, &mut page, uploads);
}

#[test]
fn n028_a_page_that_does_not_read_is_closed_when_its_permission_is_taken() {
    let desk = portal();
    let daemon = Daemon::start(&desk, "");
    let mut page = plain(&daemon);
    let document = Document::new();
    page.write_all(&upload(2, &document.sha256, &document.content))
        .unwrap();
    let requests: Vec<_> = (3..203)
        .flat_map(|id| request(id, "download", &document.download()))
        .collect();
    page.write_all(&requests).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    succeed(&mut desk.trien(["origin", "revoke", PORTAL]));
    // Who writes on hears of the end, whether he reads or not.
    let began = Instant::now();
    while page
        .write_all(&request(1000, "cancel", &json!({ "request": 1 })))
        .is_ok()
    {
        assert!(began.elapsed() < Duration::from_secs(20), "it is still connected");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut rest = Vec::new();
    let _ = page.read_to_end(&mut rest);
    assert!(
        rest.len() < 200 * SIZE,
        "what was not on its way is not sent any more"
    );
}
