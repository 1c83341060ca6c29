//! The host program between a browser's pipes and a listening Unix socket.

mod support;

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use serde_json::{Value, json};
use support::{EXTENSION, Home, Host, OPENING, framed, read_frame};
use trien_protocol::frame;
use trien_protocol::limits::{MAX_MESSAGE, MAX_NATIVE_MESSAGE};

const OPERATIONAL_FAILURE: i32 = 3;

/// Sends the opening with these arguments and returns what arrives at the daemon.
fn opening_with(arguments: &[&str], opening: &str) -> Value {
    let home = Home::new();
    let listener = home.listen();
    let mut host = Host::start(&home, arguments);
    host.send(opening.as_bytes());
    let (mut daemon, _) = listener.accept().expect("a connection");
    serde_json::from_str(&read_frame(&mut daemon)).expect("JSON")
}

#[test]
fn n062_the_extension_is_who_the_browser_says_it_is() {
    let mut expected = json!({"from": "extension", "origin": "https://a.example", "top_origin": "https://b.example", "user_activation": false, "extension": EXTENSION});
    assert_eq!(opening_with(&[EXTENSION], OPENING), expected);
    let forged = r#"{"from":"extension","origin":"https://a.example","top_origin":"https://b.example","extension":"forged"}"#;
    assert_eq!(opening_with(&[EXTENSION], forged), expected);
    let clicked = OPENING.replace('}', r#","user_activation":true}"#);
    assert_eq!(opening_with(&[EXTENSION], &clicked)["user_activation"], true);
    expected["extension"] = json!("trien@trien.vn");
    assert_eq!(
        opening_with(&["/usr/lib/mozilla/x.json", "trien@trien.vn"], forged),
        expected
    );
    expected["extension"] = Value::Null;
    assert_eq!(opening_with(&[], forged), expected);
}

#[test]
fn texts_pass_unchanged_both_ways() {
    let home = Home::new();
    let (mut host, mut daemon) = Host::connected(&home);
    let request = r#"{"jsonrpc":"2.0",  "id":1,"method":"hello","params":{"tên":"Nguyễn Văn Ổn"}}"#;
    host.send(request.as_bytes());
    assert_eq!(read_frame(&mut daemon), request);
    frame::write(&mut daemon, r#"{"jsonrpc":"2.0","id":1,"result":{"tên":"Ổn"}}"#).expect("write");
    assert_eq!(
        host.receive(),
        json!({"jsonrpc": "2.0", "id": 1, "result": {"tên": "Ổn"}})
    );
    drop(host.input.take());
    let (status, rest) = host.end();
    assert!(status.success() && rest.is_empty(), "{status} {rest:?}");
}

#[test]
fn n058_single_bytes_and_two_in_one_write() {
    let home = Home::new();
    let (mut host, mut daemon) = Host::connected(&home);
    for byte in framed(b"{\"slow\":1}") {
        host.raw(&[byte]);
    }
    assert_eq!(read_frame(&mut daemon), "{\"slow\":1}");
    host.raw(&[framed(b"{\"a\":1}"), framed(b"{\"b\":2}")].concat());
    assert_eq!(read_frame(&mut daemon), "{\"a\":1}");
    assert_eq!(read_frame(&mut daemon), "{\"b\":2}");
}

#[test]
fn the_largest_message_passes() {
    let home = Home::new();
    let (mut host, mut daemon) = Host::connected(&home);
    let text = "x".repeat(MAX_MESSAGE);
    let reader = std::thread::spawn(move || read_frame(&mut daemon));
    host.send(text.as_bytes());
    assert_eq!(reader.join().expect("reader").len(), MAX_MESSAGE);
}

#[test]
fn n056_a_length_past_the_limit_ends_the_host() {
    let too_long = u32::try_from(MAX_MESSAGE).expect("32 bits") + 1;
    for length in [0, too_long, u32::MAX, 20_u32.swap_bytes()] {
        let home = Home::new();
        let (mut host, mut daemon) = Host::connected(&home);
        host.raw(&length.to_ne_bytes());
        let (status, rest) = host.end();
        assert_eq!(status.code(), Some(OPERATIONAL_FAILURE), "length {length}");
        assert!(rest.is_empty());
        assert_eq!(
            daemon.read(&mut [0]).expect("closed"),
            0,
            "nothing reaches the daemon"
        );
    }
}

#[test]
fn n057_the_end_inside_a_frame_sends_nothing_on() {
    for piece in [
        &framed(b"{\"whole\":1}")[..2],
        &framed(b"{\"whole\":1}")[..9],
        &framed(b"\xff\xfe")[..],
    ] {
        let home = Home::new();
        let (mut host, mut daemon) = Host::connected(&home);
        host.raw(piece);
        drop(host.input.take());
        let (status, rest) = host.end();
        assert_eq!(status.code(), Some(OPERATIONAL_FAILURE));
        assert!(rest.is_empty());
        assert_eq!(daemon.read(&mut [0]).expect("closed"), 0);
    }
}

#[test]
fn the_first_message_must_be_an_opening() {
    let stranger =
        r#"{"from":"extension","origin":"https://a.example","top_origin":"https://a.example","uid":0}"#;
    for text in [
        "{}",
        r#"{"jsonrpc":"2.0","id":1,"method":"hello"}"#,
        "not JSON",
        stranger,
    ] {
        let home = Home::new();
        let listener = home.listen();
        let mut host = Host::start(&home, &[EXTENSION]);
        host.send(text.as_bytes());
        let (status, _) = host.end();
        assert_eq!(status.code(), Some(OPERATIONAL_FAILURE), "{text}");
        listener.set_nonblocking(true).expect("non-blocking");
        assert!(listener.accept().is_err(), "no connection for {text}");
    }
}

#[test]
fn a_browser_that_says_nothing_leaves_no_trace() {
    let home = Home::new();
    let mut host = Host::start(&home, &[EXTENSION]);
    drop(host.input.take());
    let (status, rest) = host.end();
    assert!(status.success() && rest.is_empty());
}

#[test]
fn the_end_of_the_daemon_ends_the_host() {
    let home = Home::new();
    let (host, daemon) = Host::connected(&home);
    drop(daemon);
    let (status, rest) = host.end();
    assert!(status.success() && rest.is_empty());
}

#[test]
fn the_last_words_of_a_daemon_that_no_longer_listens() {
    let home = Home::new();
    let (mut host, mut daemon) = Host::connected(&home);
    daemon.shutdown(std::net::Shutdown::Read).expect("shutdown");
    host.send(b"{\"nobody\":1}");
    std::thread::sleep(Duration::from_millis(200));
    frame::write(&mut daemon, r#"{"jsonrpc":"2.0","id":null,"error":{}}"#).expect("write");
    drop(daemon);
    assert_eq!(host.receive()["id"], Value::Null);
    let (status, rest) = host.end();
    assert!(status.success() && rest.is_empty());
}

#[test]
fn n059_a_reply_too_large_for_the_browser_becomes_an_error() {
    let home = Home::new();
    let (mut host, mut daemon) = Host::connected(&home);
    let reply = |id: u64, length: usize| {
        let frame = json!({"jsonrpc": "2.0", "id": id, "result": {"data": ""}})
            .to_string()
            .len();
        json!({"jsonrpc": "2.0", "id": id, "result": {"data": "A".repeat(length - frame)}}).to_string()
    };
    frame::write(&mut daemon, &reply(7, MAX_NATIVE_MESSAGE + 1)).expect("write");
    let error = host.receive();
    assert_eq!(
        (&error["id"], &error["error"]["data"]["code"]),
        (&json!(7), &json!("too_large"))
    );
    assert_eq!(error["error"]["code"], -32003);
    for language in ["vi", "en"] {
        let text = error["error"]["data"]["message"][language]
            .as_str()
            .expect("text");
        assert!(text.len() > 10 && text != "too-large", "{text}");
    }
    let notification =
        json!({"jsonrpc": "2.0", "method": "progress", "params": "A".repeat(MAX_NATIVE_MESSAGE)});
    frame::write(&mut daemon, &notification.to_string()).expect("write");
    frame::write(&mut daemon, &reply(8, MAX_NATIVE_MESSAGE)).expect("write");
    assert_eq!(
        host.receive()["id"],
        8,
        "the connection lives on and the largest reply passes"
    );
}

/// Starts a host that cannot reach a daemon and returns what it tells the extension.
fn status_of(home: &Home) -> Value {
    let mut host = Host::start(home, &[EXTENSION]);
    host.send(OPENING.as_bytes());
    let told = host.receive();
    let (status, rest) = host.end();
    assert_eq!(status.code(), Some(OPERATIONAL_FAILURE));
    assert!(rest.is_empty());
    told
}

#[test]
fn n066_no_daemon() {
    let home = Home::new();
    assert_eq!(
        status_of(&home),
        json!({"trien_host": "daemon_not_running"}),
        "no socket"
    );
    drop(home.listen());
    assert_eq!(
        status_of(&home),
        json!({"trien_host": "daemon_not_running"}),
        "a socket left behind"
    );
    std::fs::remove_dir_all(home.run()).expect("remove");
    assert_eq!(
        status_of(&home),
        json!({"trien_host": "daemon_not_running"}),
        "no folder"
    );
    assert!(!home.run().exists(), "the host makes nothing of its own");
}

#[test]
fn a_folder_that_others_can_enter() {
    for mode in [0o770, 0o707, 0o755, 0o701, 0o777] {
        let home = Home::new();
        home.set_mode(mode);
        let listener = home.listen();
        assert_eq!(
            status_of(&home),
            json!({"trien_host": "daemon_untrusted"}),
            "mode {mode:o}"
        );
        assert_untouched(&listener);
    }
}

#[test]
fn n078_a_runtime_folder_that_others_can_enter() {
    use std::os::unix::fs::PermissionsExt;
    for (mode, told) in [
        (0o1777, "daemon_untrusted"),
        (0o755, "daemon_untrusted"),
        (0o700, "daemon_not_running"),
    ] {
        let runtime = tempfile::tempdir().expect("temporary folder");
        std::fs::set_permissions(runtime.path(), std::fs::Permissions::from_mode(mode)).expect("permissions");
        let mut child = std::process::Command::new(support::PROGRAM)
            .arg(EXTENSION)
            .env_remove("TRIEN_HOME")
            .env("XDG_RUNTIME_DIR", runtime.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("host program");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("piped");
        let mut host = Host { child, input, output };
        host.send(OPENING.as_bytes());
        assert_eq!(host.receive(), json!({ "trien_host": told }), "mode {mode:o}");
        host.end();
    }
}

#[test]
fn a_folder_that_is_a_link() {
    let real = Home::new();
    let listener = real.listen();
    let home = Home::new();
    std::fs::remove_dir(home.run()).expect("remove");
    std::os::unix::fs::symlink(real.run(), home.run()).expect("link");
    assert_eq!(status_of(&home), json!({"trien_host": "daemon_untrusted"}));
    assert_untouched(&listener);
}

#[test]
fn n061_another_extension_is_refused() {
    for arguments in [
        &["chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"][..],
        &["chrome-extension://jkimigkodbknlgplganhnoaekpijpohb.evil/"],
        &["/usr/lib/mozilla/x.json", "evil@evil.example"],
    ] {
        let home = Home::new();
        let listener = home.listen();
        let mut host = Host::start(&home, arguments);
        // It may have gone before it reads this.
        if let Some(mut input) = host.input.take() {
            let _ = std::io::Write::write_all(&mut input, &support::framed(OPENING.as_bytes()));
        }
        let (status, rest) = host.end();
        assert_eq!(status.code(), Some(OPERATIONAL_FAILURE), "{arguments:?}");
        assert!(rest.is_empty());
        assert_untouched(&listener);
    }
}

/// A library that is loaded into the host and prints on standard output from when the file `CHATTER` is there until the end.
/// What it prints before the program itself begins nobody could keep back.
const CHATTER: &str = r#"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *chatter(void *unused) {
    while (access(getenv("CHATTER"), F_OK) != 0) usleep(1000);
    for (;;) { usleep(20000); if (write(1, "noise\n", 6) < 0) return unused; }
}
__attribute__((constructor)) static void begin(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, chatter, NULL);
}
"#;

#[test]
fn n060_what_a_library_prints_does_not_reach_the_browser() {
    let home = Home::new();
    let source = home.0.path().join("chatter.c");
    let library = home.0.path().join("chatter.so");
    std::fs::write(&source, CHATTER).expect("source");
    let mut compiler = std::process::Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-pthread", "-o"])
        .args([&library, &source]);
    assert!(compiler.status().expect("a C compiler").success());
    let listener = home.listen();
    let begin = home.0.path().join("begin");
    let variables = [("LD_PRELOAD", &library), ("CHATTER", &begin)];
    let mut host = Host::start_with(&home, &[EXTENSION], &variables);
    host.send(OPENING.as_bytes());
    let (mut daemon, _) = listener.accept().expect("a connection");
    read_frame(&mut daemon);
    std::fs::write(&begin, "").expect("file");
    for round in 0..20 {
        std::thread::sleep(Duration::from_millis(15));
        frame::write(&mut daemon, &json!({ "round": round }).to_string()).expect("write");
        assert_eq!(host.receive(), json!({ "round": round }));
    }
    drop(daemon);
    let (status, rest) = host.end();
    assert!(status.success() && rest.is_empty(), "{status} {rest:?}");
}

/// Listens under another user's name on the socket given; prints `ready`, and then whether a byte came.
const STRANGER: &str = "import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.setuid(65534)
listener.listen()
print('ready', flush=True)
connection, _ = listener.accept()
print(len(connection.recv(1)), flush=True)
";

#[test]
fn n072_a_listener_of_another_user_gets_no_byte() {
    if !rustix::process::getuid().is_root() {
        // Only root can be two users; the folder's check, which comes first, is tested above for everybody.
        return;
    }
    let home = Home::new();
    let mut stranger = std::process::Command::new("python3")
        .args(["-c", STRANGER])
        .arg(home.run().join("daemon.sock"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3");
    let mut told = std::io::BufReader::new(stranger.stdout.take().expect("piped"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut told, &mut line).expect("a line");
    assert_eq!(line, "ready\n");
    assert_eq!(status_of(&home), json!({"trien_host": "daemon_untrusted"}));
    line.clear();
    std::io::BufRead::read_line(&mut told, &mut line).expect("a line");
    assert_eq!(line, "0\n");
    stranger.wait().expect("an end");
}

fn assert_untouched(listener: &UnixListener) {
    listener.set_nonblocking(true).expect("non-blocking");
    assert!(listener.accept().is_err(), "the host connected");
}

#[test]
fn a_daemon_that_accepts_late_is_waited_for() {
    let home = Home::new();
    let listener = home.listen();
    let mut host = Host::start(&home, &[EXTENSION]);
    host.send(OPENING.as_bytes());
    std::thread::sleep(Duration::from_millis(300));
    let (mut daemon, _) = listener.accept().expect("a connection");
    assert!(read_frame(&mut daemon).contains("https://a.example"));
}

#[test]
fn a_host_that_has_nothing_to_relay_sleeps() {
    let home = Home::new();
    let (host, _daemon) = Host::connected(&home);
    // Each wait that ended is counted by the kernel, for each thread.
    let woken = || -> u64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", host.child.id())).expect("its threads");
        let count = |status: String| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.expect("a count").trim().parse::<u64>().expect("a number")
        };
        let status = threads
            .flatten()
            .map(|thread| std::fs::read_to_string(thread.path().join("status")));
        status.map(|status| count(status.expect("a thread"))).sum()
    };
    std::thread::sleep(Duration::from_secs(1));
    let before = woken();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(woken(), before);
}
