//! A browser that does not read what its host has for it, with the real daemon behind: it costs little memory, keeps nobody
//! waiting, and is closed as any other when its permission is taken back.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{EXTENSION, Home, Host, PROGRAM, framed};

const PORTAL: &str = "https://portal.example";
const OTHER: &str = "https://other.example";

/// SHA-256 of [`SIZE`] bytes of zeros.
const SHA256: &str = "6bb6aefaeaa4e19112e566b467c4301463a30b0a15b9c8248a00ed9cd8e5946b";

/// Of a document, in bytes.
const SIZE: usize = 500_000;

/// Base64 of three bytes of zeros.
const THREE_ZEROS: &str = "AAAA";

/// What may be held for a page that does not read, in KiB: by the daemon what waits to be written, a chunk of a document each;
/// by the host one message.
const UNREAD: [u64; 2] = [32 * 1024, 8 * 1024];

/// The daemon beside this program; ended when dropped.
struct Daemon(Child);

fn trien(home: &Home) -> Command {
    let program = std::path::Path::new(PROGRAM).with_file_name("trien");
    assert!(program.is_file(), "build the whole workspace first");
    let mut command = Command::new(program);
    command.env("TRIEN_HOME", home.0.path());
    command
}

impl Daemon {
    fn start(home: &Home) -> Self {
        for origin in [PORTAL, OTHER] {
            let mut allow = trien(home);
            let status = allow
                .args(["origin", "allow", origin, "--until", "never"])
                .stdout(Stdio::null())
                .status();
            assert!(status.expect("trien").success());
        }
        let config = home.0.path().join("config/config.toml");
        std::fs::write(config, "[websocket]\nenabled = false\n").expect("configuration");
        let script = home.0.path().join("answers.toml");
        std::fs::write(&script, "").expect("script");
        let mut daemon = trien(home)
            .args(["daemon", "--prompter", &format!("scripted:{}", script.display())])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the daemon");
        let mut line = String::new();
        let output = daemon.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert!(line.starts_with("ready"), "{line}");
        Self(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Resident memory in KiB, at the most.
fn most(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn request(id: u64, method: &str, params: &Value) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
        .to_string()
        .into_bytes()
}

/// A page's host that has said hello.
fn page(home: &Home, origin: &str) -> Host {
    let mut host = Host::start(home, &[EXTENSION]);
    host.send(
        json!({ "from": "extension", "origin": origin, "top_origin": origin })
            .to_string()
            .as_bytes(),
    );
    host.send(&request(1, "hello", &json!({ "versions": [1] })));
    let hello = host.receive();
    assert_eq!(hello["result"]["version"], 1, "{hello}");
    host
}

/// The same, with a document on its connection.
fn with_document(home: &Home) -> Host {
    let mut host = page(home, PORTAL);
    // 500 000 is two more than a multiple of three.
    let data = THREE_ZEROS.repeat(SIZE / 3) + "AAA=";
    host.send(&request(
        2,
        "upload",
        &json!({ "sha256": SHA256, "size": SIZE, "offset": 0, "data": data }),
    ));
    assert_eq!(host.receive()["result"]["sealed"], true);
    host
}

const COUNT: u64 = 200;

/// How soon another page is served, on a machine however busy; the daemon waits thirty seconds for who does not read.
const SERVED: Duration = Duration::from_secs(20);

/// Asks for it so often, and reads nothing. What has no room on its way waits in the browser's pipe.
fn ask_for_all(host: &mut Host) {
    let download = json!({ "sha256": SHA256, "offset": 0, "length": SIZE });
    let mut input = host.input.take().expect("open");
    let requests: Vec<_> = (3..COUNT + 3)
        .map(|id| framed(&request(id, "download", &download)))
        .collect();
    std::thread::spawn(move || {
        for request in requests {
            if std::io::Write::write_all(&mut input, &request).is_err() {
                return;
            }
        }
        // As long as the host runs the browser keeps its end.
        std::thread::sleep(Duration::from_secs(60));
    });
}

#[test]
fn what_a_browser_does_not_read_is_held_within_bounds_and_keeps_nobody() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let mut host = with_document(&home);
    let processes = [daemon.0.id(), host.child.id()];
    let idle = processes.map(most);
    ask_for_all(&mut host);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        let asked = Instant::now();
        let mut served = page(&home, OTHER);
        assert!(asked.elapsed() < SERVED, "{:?}", asked.elapsed());
        // Each is gone before the next one comes: a site may have so many at once and no more.
        drop(served.input.take());
        served.end();
        std::thread::sleep(Duration::from_millis(100));
    }
    let grown = [0, 1].map(|place| most(processes[place]) - idle[place]);
    println!(
        "not read: the daemon has grown by {} KiB, the host by {} KiB",
        grown[0], grown[1]
    );
    assert!(grown[0] < UNREAD[0] && grown[1] < UNREAD[1], "{grown:?} KiB");
    // Who reads late has all of it.
    for id in 3..COUNT + 3 {
        let reply = host.receive();
        assert_eq!(
            (&reply["id"], reply["result"]["size"].as_u64()),
            (&json!(id), Some(SIZE as u64))
        );
    }
}

#[test]
fn n028_a_browser_that_does_not_read_is_closed_when_the_permission_is_taken_back() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let mut host = with_document(&home);
    ask_for_all(&mut host);
    std::thread::sleep(Duration::from_millis(500));
    let sockets = || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", host.child.id())).expect("its descriptors");
        let links = open
            .flatten()
            .filter_map(|one| std::fs::read_link(one.path()).ok());
        links
            .filter(|link| link.to_string_lossy().starts_with("socket:"))
            .count()
    };
    assert!(sockets() > 0, "it is connected");
    let status = trien(&home)
        .args(["origin", "revoke", PORTAL])
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("trien").success());
    // Another page is served as before, at once.
    let asked = Instant::now();
    page(&home, OTHER);
    assert!(asked.elapsed() < SERVED, "{:?}", asked.elapsed());
    std::thread::sleep(Duration::from_secs(4));
    // What was on its way when the daemon closed is all that is left, and then the host ends.
    let mut rest = Vec::new();
    host.output.read_to_end(&mut rest).expect("standard output");
    assert!(rest.len() < COUNT as usize * SIZE / 2, "{} bytes", rest.len());
    let (status, _) = host.end();
    assert!(status.code().is_some(), "{status}");
    drop(daemon);
}
