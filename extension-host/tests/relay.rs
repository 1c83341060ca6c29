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
fn the_extension_is_who_the_browser_says_it_is() {
    let mut expected = json!({"from": "extension", "origin": "https://a.example", "top_origin": "https://b.example", "extension": EXTENSION});
    assert_eq!(opening_with(&[EXTENSION], OPENING), expected);
    let forged = r#"{"from":"extension","origin":"https://a.example","top_origin":"https://b.example","extension":"forged"}"#;
    assert_eq!(opening_with(&[EXTENSION], forged), expected);
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
fn single_bytes_and_two_in_one_write() {
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
fn a_length_past_the_limit_ends_the_host() {
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
fn the_end_inside_a_frame_sends_nothing_on() {
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
fn a_reply_too_large_for_the_browser_becomes_an_error() {
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
fn no_daemon() {
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
fn a_folder_that_is_a_link() {
    let real = Home::new();
    let listener = real.listen();
    let home = Home::new();
    std::fs::remove_dir(home.run()).expect("remove");
    std::os::unix::fs::symlink(real.run(), home.run()).expect("link");
    assert_eq!(status_of(&home), json!({"trien_host": "daemon_untrusted"}));
    assert_untouched(&listener);
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
