//! Pages bring more than memory holds, and keep what others need.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::pdf::{judged, write_pdf};
use crate::support::Desk;
use crate::support::daemon::{APPROVE, Daemon, PORTAL, Page, allow, child_pids, command, with_files};
use crate::{LARGEST, resident};

/// The most that the daemon's resident memory may grow, in KiB.
const MORE: u64 = 64 * 1024;

#[test]
fn a_large_document_lies_on_the_disk() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &[]);
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, script);
    for (size, by_websocket) in [(LARGEST, true), (48 << 20, false)] {
        let original = desk.path("lớn.pdf");
        write_pdf(&original, size);
        let mut page = match by_websocket {
            true => Page::over_websocket(&daemon),
            false => Page::over_socket(&daemon),
        };
        page.hello();
        let idle = resident(daemon.pid(), "VmRSS:").unwrap();
        let bytes = std::fs::read(&original).unwrap();
        let document = page.upload("lớn.pdf", &bytes);
        let back = page.download(document["sha256"].as_str().unwrap(), bytes.len() as u64);
        assert!(back == bytes);
        drop(back);
        for format in ["pades", "cades_attached", "cades_detached"] {
            let call = json!({ "documents": [document], "format": format });
            let signed = page.call("sign_documents", &call);
            let result = &signed["result"]["documents"][0];
            assert_eq!(result["status"], "signed", "{signed}");
            if format == "pades" {
                let length = result["size"].as_u64().unwrap();
                let signed = page.download(result["sha256"].as_str().unwrap(), length);
                assert!(signed.starts_with(&bytes));
                if size < LARGEST {
                    let path = desk.path("signed.pdf");
                    std::fs::write(&path, signed).unwrap();
                    judged(&desk, &path, &original);
                }
            }
            // The results of one connection have to fit beside the document.
            if size == LARGEST {
                break;
            }
        }
        let peak = resident(daemon.pid(), "VmHWM:").unwrap();
        println!("{size} bytes: {idle} KiB when idle, {peak} KiB at the most");
        assert!(peak < idle + MORE, "{idle} KiB, then {peak} KiB");
        let spool = desk.home().join("cache/spool");
        assert_eq!(
            std::fs::read_dir(spool).unwrap().count(),
            0,
            "it has no name there"
        );
    }
}

#[test]
fn a_batch_larger_than_memory_is_signed_after_its_manifest_was_sent() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign", "batch"]);
    let script = "[[answer]]\ndecision = \"approve\"\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, script);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let idle = resident(daemon.pid(), "VmRSS:").unwrap();
    // As many as a request may name; all of them are small enough for memory, and together are not.
    let bytes = |n: u16| n.to_le_bytes().repeat(1 << 19);
    let documents: Vec<Value> = (0..500)
        .map(|n| {
            let (name, bytes) = (format!("{n}.bin"), bytes(n));
            json!({ "name": name, "sha256": hex::encode(Sha256::digest(&bytes)), "size": bytes.len() })
        })
        .collect();
    let call = json!({ "documents": documents, "format": "cades_attached" });
    let asked = page.ask("sign_documents", &call);
    for n in 0..500 {
        page.upload(&format!("{n}.bin"), &bytes(n));
    }
    let reply = page.reply(asked);
    let signed = reply["result"]["documents"].as_array().unwrap();
    assert!(signed.iter().all(|one| one["status"] == "signed"), "{reply}");
    let last = &signed[499];
    let container = page.download(last["sha256"].as_str().unwrap(), last["size"].as_u64().unwrap());
    assert!(container.windows(1 << 20).any(|window| window == bytes(499)));
    let peak = resident(daemon.pid(), "VmHWM:").unwrap();
    println!("500 MiB in 500 documents: {idle} KiB when idle, {peak} KiB at the most");
    assert!(peak < idle + MORE, "{idle} KiB, then {peak} KiB");
}

/// A daemon whose person says yes, with such a limit of open files.
fn with_limit(desk: &Desk, limit: &str) -> Daemon {
    let script = desk.path("script.toml");
    std::fs::write(&script, APPROVE).unwrap();
    Daemon::run(desk, &mut with_files(limit, &command(desk, &script)))
}

/// The soft and the hard limit of open files of a process.
fn limits(pid: u32) -> [u64; 2] {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let mut numbers = line.split_whitespace().skip(3);
    [(); 2].map(|()| numbers.next().unwrap().parse().unwrap())
}

/// The soft one alone.
fn may_open(pid: u32) -> u64 {
    limits(pid)[0]
}

/// What was signed first makes way on a connection that stays open; what a request names, and its results, do not. A
/// session's usual limit of open files is no limit.
#[test]
fn a_page_that_stays_open_signs_one_batch_after_another() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign", "batch"]);
    let daemon = with_limit(&desk, "-Sn 1024");
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    for (round, count, format) in [
        (0, 500, "cades_attached"),
        (1, 500, "cades_attached"),
        (2, 500, "xades_enveloped"),
        (3, 1, "cades_attached"),
    ] {
        let content = |n: usize| match format {
            "xades_enveloped" => format!("<r n=\"{round}\">{n}</r>"),
            _ => format!("{round} {n}"),
        };
        let documents: Vec<Value> = (0..count)
            .map(|n| page.upload(&format!("{n}.txt"), content(n).as_bytes()))
            .collect();
        let call = json!({
            "documents": documents,
            "format": format,
            "idempotency_key": format!("0123456789abcdef-{round}"),
        });
        let reply = page.call("sign_documents", &call);
        let signed = reply["result"]["documents"].as_array().unwrap();
        assert_eq!(signed.len(), count, "{round}: {reply}");
        for one in [&signed[0], &signed[count - 1]] {
            let container = page.download(one["sha256"].as_str().unwrap(), one["size"].as_u64().unwrap());
            assert!(container.len() > 500, "{round}: {one}");
        }
    }
    // A driver may call select(2), which knows no descriptor past the usual ones.
    let workers = child_pids(daemon.pid(), "module-worker");
    assert!(!workers.is_empty() && may_open(daemon.pid()) > 1024);
    for worker in workers {
        assert_eq!(may_open(worker), 1024);
    }
}

/// Where the limit cannot be raised, too many documents are refused, before anybody is asked: a batch that has room is
/// signed, other origins are served as before, theirs too, and permissions are read.
#[test]
fn one_origins_documents_leave_open_files_for_others() {
    const OTHER: &str = "https://cong.example.gov.vn";
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign", "batch"]);
    let daemon = with_limit(&desk, "-n 1024");
    assert_eq!(limits(daemon.pid()), [1024, 1024], "nor may it be raised");
    allow(&desk, OTHER, &["sign", "batch"]);
    let [mut one, mut another] = [(); 2].map(|()| Page::connected(&daemon));
    let documents: Vec<Value> = (0..900)
        .map(|n| one.upload("x", format!("{n}").as_bytes()))
        .collect();
    let piece = |bytes: &[u8]| {
        let sha256 = hex::encode(Sha256::digest(bytes));
        json!({ "sha256": sha256, "size": bytes.len(), "offset": 0, "data": STANDARD.encode(bytes) })
    };
    assert_eq!(another.refusal("upload", &piece(b"one too many")), "too_large");
    // Those that came first made way; the results of these have no room, which is known before anybody is asked.
    let call = json!({ "documents": documents[400..], "format": "cades_attached" });
    assert_eq!(one.refusal("sign_documents", &call), "too_large");
    let batch = |page: &mut Page, documents: &[Value]| {
        let call = json!({ "documents": documents, "format": "cades_attached" });
        let reply = page.call("sign_documents", &call);
        let signed = reply["result"]["documents"].as_array().unwrap();
        let signed = signed.iter().filter(|one| one["status"] == "signed");
        assert_eq!(signed.count(), documents.len(), "{reply}");
    };
    batch(&mut one, &documents[700..]);
    // What is permitted is read anew.
    allow(&desk, "https://new.example.gov.vn", &["sign"]);
    let mut other = Page::websocket_from(&daemon, OTHER).unwrap();
    other.hello();
    let documents: Vec<Value> = (0..50)
        .map(|n| other.upload("x", format!("another origin's {n}").as_bytes()))
        .collect();
    batch(&mut other, &documents);
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
        .unwrap()
        .count();
    assert!(open < 1024 - 64, "{open}");
    assert!(!daemon.log().contains("Too many open files"));
}
