//! The second road's handshake and messages, by a plain TCP client: what our page library would never send.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::Desk;
use support::daemon::{Daemon, PORTAL, Page, allow, code, raw};
use support::unread::{Document, SIZE, costs_little_while, resident, waits_before_all_is_sent};

const REFUSAL: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn portal() -> (Desk, Daemon) {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, "");
    (desk, daemon)
}

/// A good handshake; each test spoils one thing in it.
fn handshake(port: u16) -> String {
    format!(
        "GET /v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {PORTAL}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: trien.v1\r\n\r\n"
    )
}

#[track_caller]
fn refused(daemon: &Daemon, request: &str) {
    let answer = raw(daemon.port, request.as_bytes());
    assert_eq!(
        answer,
        REFUSAL,
        "{request:?} got {:?}",
        String::from_utf8_lossy(&answer)
    );
}

/// Closed without a byte: to a page it is as if nobody listened.
#[track_caller]
fn unanswered(daemon: &Daemon, request: &str) {
    let answer = raw(daemon.port, request.as_bytes());
    assert!(
        answer.is_empty(),
        "{} got {answer:?}",
        request.get(..400).unwrap_or(request)
    );
}

#[track_caller]
fn accepted(daemon: &Daemon, request: &str) -> String {
    let answer = raw(daemon.port, request.as_bytes());
    let text = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(text.starts_with("http/1.1 101 "), "{request:?} got {text:?}");
    text
}

#[test]
fn n020_n022_only_the_exact_handshake_is_answered() {
    let (_desk, daemon) = portal();
    let port = daemon.port;
    let good = handshake(port);
    let answer = accepted(&daemon, &good);
    assert!(answer.contains("sec-websocket-protocol: trien.v1"));
    for host in ["localhost", "[::1]"] {
        accepted(
            &daemon,
            &good.replace("Host: 127.0.0.1:", &format!("Host: {host}:")),
        );
    }
    accepted(&daemon, &good.replace("Upgrade: websocket", "Upgrade: WebSocket"));
    for upgrade in ["websocket, h2c", "h2c, websocket", "websocket2", ""] {
        refused(
            &daemon,
            &good.replace("Upgrade: websocket", &format!("Upgrade: {upgrade}")),
        );
    }
    // Extensions are offered by every browser, and never taken.
    let offered = good.replace(
        "Upgrade: websocket",
        "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: websocket",
    );
    assert!(!accepted(&daemon, &offered).contains("extensions"));
    // What a stranger may add changes nothing.
    let noise = "Cookie: a=b\r\nAuthorization: Basic eA==\r\nX-Forwarded-For: 127.0.0.1\r\nX-Original-Host: evil.com\r\n";
    accepted(
        &daemon,
        &good.replace("Upgrade: websocket", &format!("{noise}Upgrade: websocket")),
    );
    assert!(daemon.answers());
}

#[test]
fn n001_n002_n003_n004_n005_n006_n026_origins_are_compared_byte_for_byte() {
    let (_desk, daemon) = portal();
    let good = handshake(daemon.port);
    let line = format!("Origin: {PORTAL}\r\n");
    refused(&daemon, &good.replace(&line, ""));
    refused(&daemon, &good.replace(&line, &format!("{line}{line}")));
    refused(
        &daemon,
        &good.replace(&line, &format!("{line}Origin: https://evil.com\r\n")),
    );
    for origin in [
        "null",
        "",
        "https://evil.com",
        "http://dichvucong.example.gov.vn",
        "https://dichvucong.example.gov.vn:8443",
        "https://dichvucong.example.gov.vn:443",
        "https://dichvucong.example.gov.vn/",
        "https://dichvucong.example.gov.vn.",
        "https://DICHVUCONG.example.gov.vn",
        "https://dichvucong.example.gov.vn.evil.com",
        "https://evildichvucong.example.gov.vn",
        "https://dichvucong.example.gov.vn@evil.com",
        "https://dichvucong.example.gov.vn, https://evil.com",
        "https://dіchvucong.example.gov.vn",
        "https://xn--dchvucong-yvi.example.gov.vn",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://0f0f",
        "file://",
    ] {
        refused(&daemon, &good.replace(&line, &format!("Origin: {origin}\r\n")));
    }
    assert!(daemon.answers());
}

#[test]
fn n007_n008_another_host_is_refused() {
    let (_desk, daemon) = portal();
    let port = daemon.port;
    let good = handshake(port);
    let line = format!("Host: 127.0.0.1:{port}\r\n");
    refused(&daemon, &good.replace(&line, ""));
    refused(&daemon, &good.replace(&line, &format!("{line}{line}")));
    for host in [
        "evil.com".to_owned(),
        "127.0.0.1".into(),
        "localhost".into(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("evil.com:{port}"),
        format!("localhost.evil.com:{port}"),
        format!("127.0.0.1.evil.com:{port}"),
        format!("0.0.0.0:{port}"),
        format!("2130706433:{port}"),
        format!("0x7f.1:{port}"),
        format!("127.0.0.1:{port}\0"),
    ] {
        refused(&daemon, &good.replace(&line, &format!("Host: {host}\r\n")));
    }
}

#[test]
fn n009_n010_n023_n024_there_is_no_other_endpoint_and_no_other_method() {
    let (_desk, daemon) = portal();
    let good = handshake(daemon.port);
    for target in [
        "/",
        "/v1/",
        "/v1?x",
        "/v1#x",
        "//v1",
        "/v1/../v1",
        "/%761",
        "/status",
        "/favicon.ico",
        "http://evil/v1",
        "*",
    ] {
        refused(&daemon, &good.replacen("/v1", target, 1));
    }
    for method in ["POST", "OPTIONS", "HEAD", "PUT", "get"] {
        refused(&daemon, &good.replacen("GET", method, 1));
    }
    refused(&daemon, &good.replacen("HTTP/1.1", "HTTP/1.0", 1));
    let preflight = "OPTIONS /v1 HTTP/1.1\r\nAccess-Control-Request-Private-Network: true\r\n\r\n";
    refused(&daemon, preflight);
    for body in [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ] {
        refused(&daemon, &good.replace("\r\n\r\n", &format!("\r\n{body}")));
    }
    refused(&daemon, &format!("{good}{good}"));
    refused(&daemon, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    for rubbish in ["SSH-2.0-OpenSSH_9\r\n", "\u{16}\u{3}\u{1}\u{0}", "\0\0\0\0", "x"] {
        // Who has closed his end already may be gone before anybody looks who he was.
        let answer = raw(daemon.port, rubbish.as_bytes());
        assert!(answer.is_empty() || answer == REFUSAL, "{rubbish:?}");
    }
    assert!(daemon.answers());
}

#[test]
fn n019_n021_the_websocket_fields_must_be_right() {
    let (_desk, daemon) = portal();
    let good = handshake(daemon.port);
    for (from, to) in [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: abc"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "not base64"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive"),
        (
            "Sec-WebSocket-Protocol: trien.v1",
            "Sec-WebSocket-Protocol: trien.v2",
        ),
        ("Sec-WebSocket-Protocol: trien.v1\r\n", ""),
        // RFC 6455, section 11.3.4: a subprotocol's name is what it is.
        (
            "Sec-WebSocket-Protocol: trien.v1",
            "Sec-WebSocket-Protocol: TRIEN.V1",
        ),
    ] {
        refused(&daemon, &good.replace(from, to));
    }
    accepted(
        &daemon,
        &good.replace(
            "Upgrade: websocket",
            "Upgrade: websocket\r\nSec-Fetch-Mode: websocket",
        ),
    );
}

/// Whatever a page fetches: any answer, even a refusal that it cannot read, would tell it that somebody is here.
#[test]
fn n010_n019_what_a_browser_says_is_no_handshake_is_not_answered() {
    let (_desk, daemon) = portal();
    let (port, good) = (daemon.port, handshake(daemon.port));
    for mode in [
        "cors",
        "no-cors",
        "navigate",
        "same-origin",
        "websockets",
        "",
        "websocket\r\nSec-Fetch-Mode: no-cors",
    ] {
        unanswered(
            &daemon,
            &good.replace(
                "Upgrade: websocket",
                &format!("Upgrade: websocket\r\nSec-Fetch-Mode: {mode}"),
            ),
        );
    }
    let fetched = |method: &str, target: &str, more: &str, body: &str| {
        format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: keep-alive\r\nsec-fetch-site: cross-site\r\n\
             sec-fetch-mode: no-cors\r\nsec-fetch-dest: empty\r\n{more}\r\n{body}"
        )
    };
    for target in [
        "/",
        "/v1",
        "/status",
        "/favicon.ico",
        &format!("/{}", "a".repeat(9000)),
    ] {
        unanswered(&daemon, &fetched("GET", target, "", ""));
    }
    let length = "Content-Length: 4\r\nContent-Type: text/plain\r\n";
    for body in ["", "body"] {
        unanswered(
            &daemon,
            &fetched("POST", "/v1", &format!("{length}Origin: {PORTAL}\r\n"), body),
        );
    }
    unanswered(
        &daemon,
        &fetched(
            "OPTIONS",
            "/v1",
            "Access-Control-Request-Private-Network: true\r\n",
            "",
        ),
    );
    assert!(daemon.log().contains("no handshake"), "{}", daemon.log());
    assert!(daemon.answers());
}

/// A page by a plain TCP client after its handshake, which need not read what comes.
fn plain(daemon: &Daemon) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    stream.write_all(handshake(daemon.port).as_bytes()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// A request as a frame, masked with zeros (RFC 6455, 5.2): a text one, or a binary one with bytes of a document.
fn framed(id: u64, method: &str, params: &serde_json::Value, bytes: Option<&[u8]>) -> Vec<u8> {
    let text = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
    let (opcode, payload) = match bytes {
        Some(bytes) => (0x82, trien_protocol::frame::join_binary(&text, bytes).unwrap()),
        None => (0x81, text.into_bytes()),
    };
    let mut frame = vec![opcode, 0xff];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[test]
fn a_page_that_asks_for_documents_and_does_not_read_them_costs_little_memory() {
    const COUNT: u64 = 400;
    let (_desk, daemon) = portal();
    let mut page = plain(&daemon);
    let document = Document::new();
    let upload = json!({ "sha256": document.sha256, "size": SIZE, "offset": 0 });
    page.write_all(&framed(1, "hello", &json!({ "versions": [1] }), None))
        .unwrap();
    page.write_all(&framed(2, "upload", &upload, Some(&document.content)))
        .unwrap();
    let [idle, _] = resident(&daemon);
    for id in 3..COUNT + 3 {
        page.write_all(&framed(id, "download", &document.download(), None))
            .unwrap();
    }
    costs_little_while(&daemon, idle, || assert!(daemon.answers()));
    // Who reads late has all of it.
    let (mut read, mut part) = (0, vec![0; 1 << 20]);
    while read < SIZE * COUNT as usize {
        let count = page.read(&mut part).unwrap();
        assert!(count > 0, "{read} bytes, and no more");
        read += count;
    }
}

#[test]
fn a_page_that_uploads_and_does_not_read_the_replies_waits() {
    let (_desk, daemon) = portal();
    let mut page = plain(&daemon);
    page.write_all(&framed(1, "hello", &json!({ "versions": [1] }), None))
        .unwrap();
    // No such document: what is refused at length fills its way the sooner.
    let content = [7; 2000];
    let upload = json!({ "sha256": "00".repeat(32), "size": 2000, "offset": 0 });
    let uploads = (2..).map(|id| framed(id, "upload", &upload, Some(&content)));
    waits_before_all_is_sent(&daemon, &mut page, uploads);
}

#[test]
fn an_origin_that_asks_too_much_is_told_on_all_its_connections_and_no_other_is() {
    let (desk, daemon) = portal();
    let other = "https://other.example";
    allow(&desk, other, &[]);
    let mut pages = [Page::over_websocket(&daemon), Page::over_socket(&daemon)];
    pages.iter_mut().for_each(|page| drop(page.hello()));
    let (mut limited, mut all, began) = ([0_usize; 2], 0, Instant::now());
    for (page, limited) in pages.iter_mut().zip(&mut limited) {
        // As many at a time as have room on their way, and for as long as a slow machine is no faster than the bound.
        let enough = all + 20_000;
        for round in 0.. {
            if round >= 10 && *limited > 0 {
                break;
            }
            assert!(all < enough, "no bound");
            let asked: Vec<u64> = (0..50)
                .map(|_| page.ask("hello", &json!({ "versions": [1] })))
                .collect();
            all += asked.len();
            for id in asked {
                match code(&page.reply(id)) {
                    "rate_limited" => *limited += 1,
                    told => assert_eq!(told, "hello_expected"),
                }
            }
        }
    }
    // Four hundred at once, and a hundred a second, of both connections together.
    let most = 400.0 + 100.0 * (began.elapsed().as_secs_f64() + 1.0);
    let answered = all - limited.iter().sum::<usize>();
    assert!(
        (answered as f64) < most,
        "{answered} of {all}, {limited:?}, {most}"
    );
    let mut page = Page::websocket_from(&daemon, other).unwrap();
    assert_eq!(page.hello()["result"]["version"], 1);
    for _ in 0..100 {
        assert_eq!(
            code(&page.call("hello", &json!({ "versions": [1] }))),
            "hello_expected"
        );
    }
    // Pieces of documents are not counted, and it is not for ever.
    pages[0].upload("x", b"x");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(code(&pages[0].hello()), "hello_expected");
}

/// What is no request is not counted; nor is there a line in the log for each.
#[test]
fn n178_messages_that_are_no_requests_do_not_fill_the_log() {
    let (_desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let began = Instant::now();
    let missing = json!({ "sha256": "0".repeat(64), "offset": 0, "length": 1 });
    for round in 0..300 {
        page.send_text("no request");
        assert_eq!(code(&page.receive().unwrap().0), "bad_request", "{round}");
        assert_eq!(code(&page.call("download", &missing)), "document_missing");
    }
    let log = daemon.log();
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    let told = lines("a bad message") + lines("a request failed");
    // Twenty in ten seconds; and six hundred were told.
    let most = 20 * (usize::try_from(began.elapsed().as_secs()).unwrap() / 10 + 1);
    assert!((1..=most).contains(&told), "{told} of {most}");
    assert!(lines("a bad message") > 0 && lines("a request failed") > 0);
    assert!(daemon.answers());
}

/// What the daemon has used of the processor, in user and system mode together (proc(5), `stat`, fields 14 and 15, in
/// hundredths of a second on every Linux that runs this).
fn processor_time(daemon: &Daemon) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .skip(11)
        .take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

#[test]
fn n017_heads_have_limits() {
    let (_desk, daemon) = portal();
    let good = handshake(daemon.port);
    let with = |extra: &str| good.replace("Upgrade: websocket", &format!("{extra}Upgrade: websocket"));
    unanswered(&daemon, &with(&format!("X-Long: {}\r\n", "a".repeat(8 * 1024))));
    refused(&daemon, &with(&"X: y\r\n".repeat(60)));
    accepted(&daemon, &with(&"X: y\r\n".repeat(50)));
    for size in [1 << 20, 10 << 20] {
        unanswered(&daemon, &with(&format!("X-Long: {}\r\n", "a".repeat(size))));
    }

    let mut slow = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (began, worked) = (Instant::now(), processor_time(&daemon));
    // A byte at a time, without an end.
    let dripping = slow.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        let mut dripping = dripping;
        for byte in good.as_bytes() {
            if dripping.write_all(&[*byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(answer, REFUSAL);
    let busy = processor_time(&daemon).saturating_sub(worked);
    assert!(busy * 20 < took, "{busy:?} of {took:?} at work");
    let _ = slow.shutdown(std::net::Shutdown::Both);
    drip.join().unwrap();
    assert!(daemon.answers());
}

#[test]
fn many_half_open_connections_do_not_stop_others() {
    let (_desk, daemon) = portal();
    let mut good = Page::over_websocket(&daemon);
    good.hello();
    let idle: Vec<_> = (0..300)
        .filter_map(|_| TcpStream::connect(("127.0.0.1", daemon.port)).ok())
        .collect();
    let missing = json!({ "sha256": "0".repeat(64), "offset": 0, "length": 1 });
    assert_eq!(code(&good.call("download", &missing)), "document_missing");
    drop(idle);
    std::thread::sleep(Duration::from_millis(500));
    assert!(daemon.answers());
}

#[test]
fn an_origin_has_eight_connections_over_both_roads_and_is_told_that_it_has_no_more() {
    let (desk, daemon) = portal();
    let mut pages: Vec<_> = (0..4).map(|_| Page::over_websocket(&daemon)).collect();
    pages.extend((0..4).map(|_| Page::over_socket(&daemon)));
    pages.iter_mut().for_each(|page| drop(page.hello()));
    for (mut ninth, closed) in [
        (Page::over_websocket(&daemon), 1008),
        (Page::over_socket(&daemon), 0),
    ] {
        assert_eq!(code(&ninth.receive().unwrap().0), "busy");
        assert_eq!(ninth.receive(), Err(closed));
    }
    // The page in the address bar pays for the frames in it, and not the site that it frames.
    let around = "https://around.example";
    allow(&desk, around, &[]);
    let framed = json!({ "from": "extension", "origin": PORTAL, "top_origin": around });
    let mut frames: Vec<_> = (0..8).map(|_| Page::opening(&daemon, &framed)).collect();
    for frame in &mut frames {
        assert_eq!(frame.hello()["result"]["version"], 1);
    }
    assert_eq!(
        code(&Page::opening(&daemon, &framed).receive().unwrap().0),
        "busy"
    );
    // Who is not known hears of no crowd.
    let stranger = json!({ "from": "extension", "origin": "https://evil.example", "top_origin": around });
    let mut stranger = Page::opening(&daemon, &stranger);
    assert_eq!(code(&stranger.receive().unwrap().0), "not_allowed");
    drop((pages, frames));
    std::thread::sleep(Duration::from_millis(500));
    assert!(daemon.answers());
}

#[test]
fn permissions_that_could_not_be_read_for_a_moment_count_again_when_they_can() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let (desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let process = Pid::from_raw(i32::try_from(daemon.pid()).unwrap());
    let none = Rlimit {
        current: Some(3),
        maximum: rustix::process::getrlimit(Resource::Nofile).maximum,
    };
    let usual = prlimit(process, Resource::Nofile, none).unwrap();
    let file = desk.home().join("config/origins.toml");
    let [content, anew] = [std::fs::read(&file).unwrap(), b"# anew\n".to_vec()];
    std::fs::write(&file, [anew, content].concat()).unwrap();
    // Nothing is allowed that cannot be read.
    assert_eq!(code(&page.receive().unwrap().0), "not_allowed");
    assert_eq!(page.receive(), Err(1008), "{}", daemon.log());
    prlimit(process, Resource::Nofile, usual).unwrap();
    assert!(daemon.answers());
}

#[test]
fn n025_nobody_is_allowed_without_a_usable_file_of_permissions() {
    let (desk, daemon) = portal();
    let file = desk.home().join("config/origins.toml");
    for content in [
        "",
        "not toml [",
        "[[origin]]\norigin = \"*\"\nscopes = []\ngranted = \"2026-01-01T00:00:00Z\"\n",
    ] {
        std::fs::write(&file, content).unwrap();
        refused(&daemon, &handshake(daemon.port));
    }
    std::fs::remove_file(&file).unwrap();
    refused(&daemon, &handshake(daemon.port));
}

#[test]
fn n028_a_revoked_origin_is_disconnected_within_a_second() {
    let (desk, daemon) = portal();
    let mut pages = [Page::over_websocket(&daemon), Page::over_socket(&daemon)];
    pages.iter_mut().for_each(|page| drop(page.hello()));
    support::succeed(&mut desk.trien(["origin", "revoke", PORTAL]));
    let began = Instant::now();
    for (page, close) in pages.iter_mut().zip([1008, 0]) {
        // It is told why, so that it does not come back by itself.
        let (told, _) = page.receive().unwrap();
        assert_eq!((code(&told), &told["id"]), ("not_allowed", &Value::Null));
        assert_eq!(page.receive(), Err(close));
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(Page::websocket_from(&daemon, PORTAL).is_err());
}

#[test]
fn both_roads_say_hello_once() {
    let (_desk, daemon) = portal();
    let mut sessions = Vec::new();
    for mut page in [Page::over_websocket(&daemon), Page::over_socket(&daemon)] {
        assert_eq!(code(&page.call("certificates", &json!({}))), "hello_expected");
        assert_eq!(
            code(&page.call("hello", &json!({ "versions": [7] }))),
            "version_mismatch"
        );
        let hello = page.call(
            "hello",
            &json!({ "versions": [7, 1], "client": "x", "newer": true }),
        );
        assert_eq!(hello["result"]["version"], 1);
        sessions.push(hello["result"]["session"].as_str().unwrap().to_owned());
        assert_eq!(code(&page.hello()), "hello_expected");
    }
    assert_eq!(sessions[0].len(), 32);
    assert_ne!(sessions[0], sessions[1]);
}

#[test]
fn who_did_not_name_the_capability_of_manifests_is_told_what_is_missing() {
    let (_desk, daemon) = portal();
    let document = json!({ "name": "x", "sha256": hex::encode(Sha256::digest(b"abc")), "size": 3 });
    let call = json!({ "documents": [document] });
    let stranger = b"in no manifest".as_slice();
    let others: Vec<&str> = trien_protocol::CAPABILITIES
        .iter()
        .copied()
        .filter(|name| *name != "manifest")
        .collect();
    for road in [Page::over_websocket, Page::over_socket] {
        for named in [&[][..], &["Manifest", "manifests"], &others] {
            let mut page = road(&daemon);
            let both = page.hello_with(named)["result"]["capabilities"].clone();
            let known = named.iter().filter(|name| others.contains(name));
            assert_eq!(both, json!(known.collect::<Vec<_>>()));
            let signing = json!({ "documents": [document], "format": "pades" });
            assert_eq!(code(&page.call("sign_documents", &signing)), "document_missing");
            assert_eq!(code(&page.call("verify_documents", &call)), "document_missing");
            // Nothing waits, so that nothing has to be in a manifest.
            page.upload("y", stranger);
            page.upload("x", b"abc");
            assert_eq!(code(&page.call("verify_documents", &call)), "document_unreadable");
        }
        // One connection's word is no other's.
        let mut page = road(&daemon);
        assert_eq!(
            page.hello_with(&["manifest"])["result"]["capabilities"],
            json!(["manifest"])
        );
        let asked = page.ask("verify_documents", &call);
        let (told, _) = page.receive().unwrap();
        assert_eq!(told["params"]["stage"], "collecting", "{told}");
        let mut replies = BTreeMap::new();
        page.upload_beside("x", b"abc", &mut replies);
        let reply = replies.remove(&asked).unwrap_or_else(|| page.reply(asked));
        assert_eq!(code(&reply), "document_unreadable");
    }
}

#[test]
fn n032_n033_n034_n035_bad_messages_get_an_error_and_the_third_in_a_row_ends_it() {
    let (_desk, daemon) = portal();
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"hello\",\"params\":{}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let many = format!(
        "{{{}}}",
        (0..50_000)
            .map(|n| format!("\"k{n}\":1"))
            .collect::<Vec<_>>()
            .join(",")
    );
    let base = |params: &str| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"certificates\",\"params\":{params}}}")
    };
    let bad = [
        String::new() + "]",
        "null".into(),
        "7".into(),
        "[]".into(),
        "\u{feff}{}".into(),
        "{} {}".into(),
        "\0".into(),
        deep,
        many,
        base("{\"origin\":\"https://good.gov\"}"),
        base("{\"pin\":\"1234\"}"),
        base("{\"__proto__\":{}}"),
        base("{\"tax_code\":1}"),
        base("{\"tax_code\":\"a\",\"tax_code\":\"b\"}"),
        base("{\"tax_code\":\"\\ud800\"}"),
        "{\"jsonrpc\":\"2.0\",\"id\":1e400,\"method\":\"hello\"}".into(),
        "{\"jsonrpc\":\"1.0\",\"id\":9,\"method\":\"hello\"}".into(),
        "{\"jsonrpc\":\"2.0\",\"id\":9,\"id\":9,\"method\":\"hello\"}".into(),
        "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"hello\",\"params\":{\"versions\":[1]},\"more\":1}".into(),
        "[{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"hello\",\"params\":{\"versions\":[1]}}]".into(),
    ];
    for pair in bad.chunks(2) {
        for mut page in [Page::over_websocket(&daemon), Page::over_socket(&daemon)] {
            for text in pair {
                page.send_text(text);
                let (reply, _) = page.receive().unwrap();
                assert_eq!(code(&reply), "bad_request", "{}", &text[..text.len().min(80)]);
                let said = reply.to_string();
                assert!(!said.contains("good.gov") && !said.contains("1234"), "{said}");
            }
            assert_eq!(page.hello()["result"]["version"], 1);
            for _ in 0..3 {
                page.send_text("nonsense");
                assert_eq!(code(&page.receive().unwrap().0), "bad_request");
            }
            assert!(matches!(page.receive(), Err(1008 | 0)));
        }
    }
    assert!(daemon.answers());
}

#[test]
fn n033_a_million_keys_are_more_than_a_message_may_be() {
    let (_desk, daemon) = portal();
    let keys: Vec<_> = (0..1_000_000).map(|n| format!("\"{n}\":1")).collect();
    let text = format!("{{{}}}", keys.join(","));
    let [_, before] = resident(&daemon);
    for (mut page, closed) in [
        (Page::over_websocket(&daemon), 1009),
        (Page::over_socket(&daemon), 0),
    ] {
        page.hello();
        page.send_raw(&match closed {
            1009 => {
                let mut frame = vec![0x81, 0xff];
                frame.extend((text.len() as u64).to_be_bytes());
                frame.extend([0; 4]);
                frame.extend(text.as_bytes());
                frame
            }
            _ => [&u32::try_from(text.len()).unwrap().to_ne_bytes(), text.as_bytes()].concat(),
        });
        let told = page.receive();
        assert!(
            matches!(told, Err(code) if code == closed || code == 0),
            "{told:?}"
        );
    }
    let [_, after] = resident(&daemon);
    assert!(after - before < 4 * 1024, "{before} KiB, {after} KiB");
    assert!(daemon.answers());
}

#[test]
fn an_unknown_field_is_named_but_no_value() {
    let (_desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let reply = page.call("certificates", &json!({ "origin": "https://good.gov" }));
    assert!(
        reply["error"]["data"]["detail"]
            .as_str()
            .unwrap()
            .contains("origin"),
        "{reply}"
    );
    assert_eq!(code(&page.call("no_such_method", &json!({}))), "method_not_found");
}

#[test]
fn n032_n034_what_is_missing_or_of_another_kind_is_named_without_its_value() {
    let (_desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    page.send_text("");
    assert_eq!(
        code(&page.receive().unwrap().0),
        "bad_request",
        "an empty message"
    );
    for (method, params, field) in [
        ("download", json!({ "offset": 0, "length": 1 }), "sha256"),
        (
            "download",
            json!({ "sha256": 7_654_321, "offset": 0, "length": 1 }),
            "sha256",
        ),
        (
            "download",
            json!({ "sha256": "0", "offset": "7654321", "length": 1 }),
            "offset",
        ),
        (
            "sign_documents",
            json!({ "documents": [], "format": "v7654321" }),
            "format",
        ),
        (
            "verify_documents",
            json!({ "documents": [{ "name": "7654321", "size": 1 }] }),
            "sha256",
        ),
    ] {
        let reply = page.call(method, &params);
        assert_eq!(code(&reply), "bad_request", "{reply}");
        let detail = reply["error"]["data"]["detail"].as_str().unwrap();
        assert!(detail.contains(field), "{field}: {reply}");
        assert!(!reply.to_string().contains("7654321"), "{reply}");
        // So that not too many bad ones come in a row.
        page.call("cancel", &json!({ "request": 0 }));
    }
}

#[test]
fn n037_ids_only_grow() {
    let (_desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    for id in [1, 0] {
        page.send_text(
            &json!({ "jsonrpc": "2.0", "id": id, "method": "cancel", "params": { "request": 5 } })
                .to_string(),
        );
        assert_eq!(code(&page.receive().unwrap().0), "bad_request");
    }
    let reply = page.call("cancel", &json!({ "request": 5 }));
    assert_eq!(reply["result"]["cancelled"], false);
}

#[test]
fn n030_n056_messages_have_a_size() {
    let (_desk, daemon) = portal();
    for size in [1024 * 1024 + 1, 64 * 1024 * 1024] {
        let mut page = Page::over_websocket(&daemon);
        // A masked text frame with a 64-bit length (RFC 6455, 5.2).
        let mut frame = vec![0x81, 0xff];
        frame.extend((size as u64).to_be_bytes());
        frame.extend([0; 4]);
        page.send_raw(&frame);
        page.send_raw(&vec![b' '; 4096]);
        assert_eq!(page.receive(), Err(1009), "{size}");

        let mut page = Page::over_socket(&daemon);
        page.send_raw(&(size as u32).to_le_bytes());
        assert_eq!(page.receive(), Err(0));
    }
    let mut page = Page::over_socket(&daemon);
    page.send_raw(&0u32.to_le_bytes());
    assert_eq!(page.receive(), Err(0));
    assert!(daemon.answers());
}

#[test]
fn n031_what_is_no_text_or_no_frame_ends_the_connection() {
    let (_desk, daemon) = portal();
    // A ping of 126 bytes (RFC 6455, 5.5).
    let long = [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[7; 126]].concat();
    for (frame, close) in [
        (&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe][..], 1007),
        (&long, 1002),
        (&[0x81, 0x02, b'{', b'}'], 1002),
        (&[0xc1, 0x82, 0, 0, 0, 0, b'{', b'}'], 1002),
        (&[0x83, 0x82, 0, 0, 0, 0, b'{', b'}'], 1002),
        // A ping in pieces, and a piece of nothing.
        (&[0x09, 0x80, 0, 0, 0, 0], 1002),
        (&[0x80, 0x80, 0, 0, 0, 0], 1002),
    ] {
        let mut page = Page::over_websocket(&daemon);
        page.send_raw(frame);
        assert_eq!(page.receive(), Err(close), "{frame:x?}");
    }
    let mut page = Page::over_socket(&daemon);
    page.send_raw(&[2, 0, 0, 0, 0xff, 0xfe]);
    assert_eq!(page.receive(), Err(0));
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    // Bytes that are no message with document bytes behind it: a bad one like others, and the third ends it.
    for _ in 0..3 {
        page.send_raw(&[0x82, 0x83, 0, 0, 0, 0, 1, 2, 3]);
        assert_eq!(code(&page.receive().unwrap().0), "bad_request");
    }
    assert_eq!(page.receive(), Err(1008));
    // Pings without end are answered one at a time, and whoever reads none of the answers costs nobody memory or time.
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let pings = [&[0x89, 0xfd, 0, 0, 0, 0][..], &[7; 125]].concat().repeat(500);
    page.give_up_writing_after(Duration::from_millis(500));
    for _ in 0..40 {
        page.send_raw(&pings);
    }
    assert!(daemon.answers());
    let resident = std::fs::read_to_string(format!("/proc/{}/statm", daemon.pid())).unwrap();
    let pages: u64 = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(pages * 4 < 100 * 1024, "{} KiB", pages * 4);
}
