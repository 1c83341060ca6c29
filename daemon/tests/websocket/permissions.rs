//! Permissions that cannot be read, or are taken back.

use std::time::Duration;

use serde_json::Value;

use crate::support::daemon::{PORTAL, Page, code};
use crate::support::promptly::Promptly;
use crate::support::succeed;
use crate::{handshake, portal, refused};

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
    succeed(&mut desk.trien(["origin", "revoke", PORTAL]));
    let promptly = Promptly::begin();
    for (page, close) in pages.iter_mut().zip([1008, 0]) {
        // It is told why, so that it does not come back by itself.
        let (told, _) = page.receive().unwrap();
        assert_eq!((code(&told), &told["id"]), ("not_allowed", &Value::Null));
        assert_eq!(page.receive(), Err(close));
    }
    promptly.within(Duration::from_secs(1));
    assert!(Page::websocket_from(&daemon, PORTAL).is_err());
}
