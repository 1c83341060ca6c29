//! The handshake: which head is answered, and what others that are none cost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::daemon::{Daemon, PORTAL, Page, code, raw};
use crate::support::promptly::Promptly;
use crate::{REFUSAL, handshake, portal, refused};

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
    for upgrade in ["websocket, h2c", "h2c, websocket"] {
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
    unanswered(&daemon, preflight);
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
fn n010_n019_what_is_no_handshake_is_not_answered() {
    let (_desk, daemon) = portal();
    let good = handshake(daemon.port);
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
    // Of a name, over http, a browser says nothing of the kind; but no page can ask for the upgrade.
    for upgrade in ["h2c", "websocket2", "", "x"] {
        unanswered(
            &daemon,
            &good.replace("Upgrade: websocket", &format!("Upgrade: {upgrade}")),
        );
    }
    for metadata in [
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: empty\r\n",
        "",
    ] {
        nothing_fetched_is_answered(&daemon, metadata);
    }
    assert!(daemon.log().contains("no handshake"), "{}", daemon.log());
    assert!(daemon.answers());
}

#[track_caller]
fn nothing_fetched_is_answered(daemon: &Daemon, metadata: &str) {
    let fetched = |method: &str, target: &str, more: &str, body: &str| {
        format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: keep-alive\r\n{metadata}{more}\r\n{body}",
            daemon.port
        )
    };
    for target in [
        "/",
        "/v1",
        "/status",
        "/favicon.ico",
        &format!("/{}", "a".repeat(9000)),
    ] {
        unanswered(daemon, &fetched("GET", target, "", ""));
    }
    let length = "Content-Length: 4\r\nContent-Type: text/plain\r\n";
    for body in ["", "body"] {
        unanswered(
            daemon,
            &fetched("POST", "/v1", &format!("{length}Origin: {PORTAL}\r\n"), body),
        );
    }
    unanswered(
        daemon,
        &fetched(
            "OPTIONS",
            "/v1",
            "Access-Control-Request-Private-Network: true\r\n",
            "",
        ),
    );
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
    slow.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (promptly, began, worked) = (Promptly::begin(), Instant::now(), processor_time(&daemon));
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
    promptly.within(Duration::from_secs(8));
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
    daemon.answers_again();
}
