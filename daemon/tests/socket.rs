//! The per-user socket: whose folder it is, whose daemon, and what the extension may say first.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use support::daemon::{Daemon, PORTAL, Page, allow, code, command};
use support::{Desk, fail};

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
}

#[test]
fn n016_a_second_daemon_says_so_and_the_first_goes_on() {
    let desk = portal();
    let daemon = Daemon::start(&desk, "");
    let said = fail(&mut command(&desk, &desk.path("script.toml")), 3);
    assert!(said.contains("running already"), "{said}");
    assert!(daemon.answers());
    assert_eq!(Page::over_socket(&daemon).hello()["result"]["version"], 1);
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

#[test]
fn n014_n015_a_taken_port_costs_the_websocket_only() {
    let desk = portal();
    let other = std::net::TcpListener::bind("[::1]:0")
        .or_else(|_| std::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let port = other.local_addr().unwrap().port();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    std::fs::write(
        desk.home().join("config/config.toml"),
        format!("[websocket]\nport = {port}\n"),
    )
    .unwrap();
    let daemon = Daemon::start(&desk, "");
    assert_eq!(daemon.port, 0, "the line says off");
    assert_eq!(Page::over_socket(&daemon).hello()["result"]["version"], 1);
    assert!(daemon.log().contains("the WebSocket is off"));
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
