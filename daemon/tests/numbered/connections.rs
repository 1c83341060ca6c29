//! Who may connect, how often, and with what frames.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::portal;
use crate::support::daemon::{Daemon, PORTAL, Page, child_pids, command, raw, wait_for};
use crate::support::promptly::Promptly;
use crate::support::{Desk, fail};

fn handshake(port: u16, origin: &str, host: &str) -> String {
    format!(
        "GET /v1 HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: trien.v1\r\n\r\n"
    )
}

#[test]
fn n011_nothing_listens_but_on_127_0_0_1_and_its_ipv6_twin() {
    let (_desk, daemon) = portal(&[]);
    let refused = |address: &str| {
        let address = format!("{address}:{}", daemon.port).parse().unwrap();
        TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_err()
    };
    assert!(refused("127.0.0.2") && refused("127.1.2.3"));
    let own = Command::new("hostname").arg("-I").output().unwrap();
    for address in String::from_utf8_lossy(&own.stdout).split_whitespace() {
        let shown = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        assert!(refused(&shown), "{shown}");
    }
    assert!(daemon.answers());
}

#[test]
fn n013_a_client_that_vanishes_at_once_is_nobody() {
    let (_desk, daemon) = portal(&[]);
    for _ in 0..200 {
        drop(TcpStream::connect(("127.0.0.1", daemon.port)).unwrap());
    }
    daemon.answers_again();
}

/// Programs that hold so many connections together. Each is a descriptor of theirs, of which a system may let one have few.
fn crowd(port: u16, wanted: usize) -> Vec<Child> {
    const PROGRAM: &str = "import socket, sys\n\
        held = []\n\
        for _ in range(int(sys.argv[2])):\n    \
            try: held.append(socket.create_connection(('127.0.0.1', int(sys.argv[1])), 30))\n    \
            except OSError: pass\n\
        print('held', flush=True)\n\
        sys.stdin.read()\n";
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let room = limit.map_or(u64::MAX, |most| most.saturating_sub(50));
    let each = usize::try_from(room).unwrap_or(usize::MAX).min(wanted);
    assert!(each >= 200, "a limit of {room} descriptors");
    let shares = (0..wanted).step_by(each).map(|first| each.min(wanted - first));
    let mut parts: Vec<Child> = shares
        .map(|share| {
            Command::new("python3")
                .args(["-c", PROGRAM, &port.to_string(), &share.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("this test needs Python")
        })
        .collect();
    for part in &mut parts {
        let mut told = String::new();
        let mut lines = BufReader::new(part.stdout.take().unwrap());
        lines.read_line(&mut told).unwrap();
        assert_eq!(told, "held\n");
    }
    parts
}

/// The descriptors that the daemon has.
fn descriptors(daemon: &Daemon) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
        .unwrap()
        .count()
}

/// How many they are when all has begun that begins after the daemon is ready and has some of its own: the workers of the
/// modules, for which a request waits, and the prompt that stands ready for a page.
fn settled(daemon: &Daemon, page: &mut Page) -> usize {
    page.call("certificates", &json!({}));
    wait_for(|| child_pids(daemon.pid(), "scripted-prompt").len() == 1);
    let (mut count, mut since) = (descriptors(daemon), Instant::now());
    while since.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(20));
        if descriptors(daemon) != count {
            (count, since) = (descriptors(daemon), Instant::now());
        }
    }
    count
}

#[test]
fn n018_ten_thousand_connections_leave_the_others_alone() {
    let (_desk, daemon) = portal(&[]);
    let mut good = Page::connected(&daemon);
    let descriptors = || descriptors(&daemon);
    let before = settled(&daemon, &mut good);
    let mut held = crowd(daemon.port, 10_000);
    let promptly = Promptly::begin();
    assert_eq!(
        good.call("cancel", &json!({ "request": 9 }))["result"]["cancelled"],
        false
    );
    promptly.within(Duration::from_secs(1));
    assert!(descriptors() < before + 80, "the caps hold");
    for part in &mut held {
        part.kill().unwrap();
        part.wait().unwrap();
    }
    wait_for(|| descriptors() <= before + 2);
    daemon.answers_again();
}

#[test]
fn n027_a_refusal_takes_as_long_whatever_was_wrong() {
    let (_desk, daemon) = portal(&[]);
    let port = daemon.port;
    let strange = handshake(port, "https://evil.example", "127.0.0.1");
    let known = handshake(port, PORTAL, "evil.example");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..150 {
        for (request, times) in [&strange, &known].into_iter().zip(&mut times) {
            let began = Instant::now();
            raw(port, request.as_bytes());
            times.push(began.elapsed());
        }
    }
    let [strange, known] = times.map(|mut times| {
        times.sort();
        (times[75], times[112] - times[37])
    });
    let apart = strange.0.abs_diff(known.0);
    // What tells them apart is less than what one of them varies by itself.
    assert!(apart < strange.1.max(known.1), "{strange:?} {known:?}");
}

#[test]
fn n030_pieces_do_not_get_round_the_size_of_a_message() {
    let (_desk, daemon) = portal(&[]);
    let frame = |first: u8, payload: &[u8]| {
        let mut frame = vec![first, 0xff];
        frame.extend((payload.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    };
    let mut page = Page::over_websocket(&daemon);
    page.send_raw(&frame(0x01, &[b' '; 600_000]));
    page.send_raw(&frame(0x80, &[b' '; 600_000]));
    assert_eq!(page.receive(), Err(1009));
    // A million empty pieces make no message, and cost the daemon nothing it keeps.
    let mut page = Page::over_websocket(&daemon);
    page.send_raw(&[0x01, 0x80, 0, 0, 0, 0]);
    let empty = [0x00, 0x80, 0, 0, 0, 0].repeat(10_000);
    for _ in 0..100 {
        page.send_raw(&empty);
    }
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    assert!(resident() < 200 * 1024, "{} KiB", resident());
    assert!(daemon.answers());
}

#[test]
fn n074_a_thousand_connections_on_the_socket_are_capped() {
    let (_desk, daemon) = portal(&[]);
    let mut good = Page::over_socket(&daemon);
    good.hello();
    let idle: Vec<_> = (0..1000)
        .filter_map(|_| UnixStream::connect(&daemon.socket).ok())
        .collect();
    assert_eq!(
        good.call("cancel", &json!({ "request": 9 }))["result"]["cancelled"],
        false
    );
    let descriptors = descriptors(&daemon);
    assert!(descriptors < 300, "{descriptors}");
    // Who says nothing is closed, and others have the place.
    let mut first = idle.first().unwrap();
    first.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(first.read(&mut [0]).unwrap(), 0);
    drop(idle);
    daemon.answers_again_on_the_socket();
}

#[test]
fn n075_a_frame_that_lies_about_its_length_is_not_waited_for_in_memory() {
    let (_desk, daemon) = portal(&[]);
    for head in [0u32, u32::MAX, 64 << 20, u32::from_be_bytes(*b"\x10\0\0\0")] {
        let mut stream = UnixStream::connect(&daemon.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(&head.to_le_bytes()).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "{head:x}");
    }
    assert!(daemon.answers());
}

#[test]
fn n078_without_a_runtime_folder_of_its_own_the_daemon_does_not_start() {
    let desk = Desk::bare();
    let mut without = command(&desk, &desk.path("none.toml"));
    without
        .env_remove("TRIEN_HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env("HOME", desk.path("home"));
    fail(&mut without, 3);
    // As the system's folder for everybody's temporary files, in which nothing of ours lies yet.
    let shared = desk.path("shared");
    std::fs::create_dir(&shared).unwrap();
    for mode in [0o1777, 0o755, 0o710] {
        std::fs::set_permissions(&shared, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let mut open = command(&desk, &desk.path("none.toml"));
        open.env_remove("TRIEN_HOME")
            .env("XDG_RUNTIME_DIR", &shared)
            .env("HOME", desk.path("home"));
        let told = fail(&mut open, 3);
        assert!(told.contains("0700"), "{told}");
        assert_eq!(std::fs::read_dir(&shared).unwrap().count(), 0, "{mode:o}");
    }
}

/// Sends so many descriptors with a byte each, in one message after another, and tells how many went.
const DESCRIPTORS: &str = r#"
import array, os, socket, sys, time
path, greeting = sys.argv[1], bytes.fromhex(sys.argv[2])
line = socket.socket(socket.AF_UNIX)
line.connect(path)
line.sendall(greeting)
line.settimeout(2)
sent = 0
file = os.open("/dev/null", os.O_RDONLY)
for _ in range(20):
    try:
        line.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file] * 250))])
        sent += 250
    except OSError:
        break
print(sent, flush=True)
sys.stdin.read()
"#;

#[test]
fn n076_descriptors_that_are_sent_to_the_socket_come_to_nobody() {
    let (_desk, daemon) = portal(&[]);
    let mut good = Page::over_socket(&daemon);
    good.hello();
    let open = || descriptors(&daemon);
    let before = settled(&daemon, &mut good);
    let opening = json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL }).to_string();
    // Before anything is said, and on a connection that was taken.
    for greeting in [Vec::new(), trien_protocol::frame::encode(&opening).unwrap()] {
        let mut flood = Command::new("python3")
            .args(["-c", DESCRIPTORS])
            .arg(&daemon.socket)
            .arg(hex::encode(greeting))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = [0; 16];
        let length = flood.stdout.as_mut().unwrap().read(&mut told).unwrap();
        let sent: usize = String::from_utf8_lossy(&told[..length]).trim().parse().unwrap();
        assert!(sent >= 250, "{sent}");
        // A prompt stands ready for a page, with pipes of its own.
        assert!(open() < before + 16, "{} after {before}", open());
        drop(flood.stdin.take());
        assert!(flood.wait().unwrap().success());
        wait_for(|| open() < before + 16);
    }
    assert_eq!(
        good.call("cancel", &json!({ "request": 9 }))["result"]["cancelled"],
        false
    );
}
