//! A document of 200 MiB travels through a daemon that stays small, there and back, over both roads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::json;
use support::Desk;
use support::daemon::{Daemon, PORTAL, Page, allow};

/// The most that the daemon's resident memory may grow, in KiB.
const MORE: u64 = 64 * 1024;

fn resident(daemon: &Daemon, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_large_document_lies_on_the_disk() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &[]);
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, script);
    let mebibyte: Vec<u8> = (0..1 << 20)
        .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (size, mut page) in [
        (200, Page::over_websocket(&daemon)),
        (48, Page::over_socket(&daemon)),
    ] {
        page.hello();
        let idle = resident(&daemon, "VmRSS:");
        let bytes = mebibyte.repeat(size);
        let document = page.upload("lớn.pdf", &bytes);
        let back = page.download(document["sha256"].as_str().unwrap(), bytes.len() as u64);
        assert!(back == bytes);
        let call = json!({ "documents": [document], "format": "cades_detached" });
        let signed = page.call("sign_documents", &call);
        assert_eq!(signed["result"]["documents"][0]["status"], "signed", "{signed}");
        let peak = resident(&daemon, "VmHWM:");
        println!("{size} MiB: {idle} KiB when idle, {peak} KiB at the most");
        assert!(peak < idle + MORE, "{idle} KiB, then {peak} KiB");
        let spool = desk.home().join("cache/spool");
        assert_eq!(
            std::fs::read_dir(spool).unwrap().count(),
            0,
            "it has no name there"
        );
    }
}
