//! What the person can look at before he signs, and documents that are not what they seem.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, PORTAL, Page, allow};
use crate::support::{
    Desk, add_active_content, add_what_cannot_be_read, add_what_is_shown_otherwise, alter_page, fail,
    repository, succeed,
};

/// A window whose person looks at each document before he signs, and a copy of what he saw.
const LOOKS: &str = r#"#!/usr/bin/python3
import json, os, socket, stat, sys
daemon = socket.socket(fileno=0)
lines = daemon.makefile("r", encoding="utf-8")
say = lambda message: daemon.sendall((json.dumps(message) + "\n").encode())
line = lines.readline()
if line:
    question = json.loads(line)
    say({"type": "shown"})
    seen = []
    for number in range(len(question["documents"])):
        say({"type": "open", "document": number})
        path = json.loads(lines.readline())["path"]
        info, folder = os.stat(path), os.stat(os.path.dirname(path))
        rights = [oct(stat.S_IMODE(one.st_mode)) for one in (info, folder)]
        with open(path, "rb") as document:
            seen.append([path, rights, document.read().hex()])
    with open(os.path.join(os.path.dirname(sys.argv[0]), "seen.json"), "w") as file:
        json.dump(seen, file)
    os.write(1, b"24681357\n")
    say({"type": "answer", "decision": "approved", "certificate": 0})
    for line in lines:
        if json.loads(line)["type"] == "finish":
            break
"#;

/// Who is killed while a person looks at a document leaves a copy, in the clear.
#[test]
fn copies_that_a_killed_daemon_left_are_gone_when_the_next_one_starts() {
    let desk = Desk::with_token();
    let views = desk.home().join("cache/views");
    let [left, in_use] = ["view-left", "view-in-use"].map(|name| views.join(name));
    for folder in [&left, &in_use] {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("document-1.pdf"), "Đơn").unwrap();
    }
    let lock = std::fs::File::open(&in_use).unwrap();
    lock.lock().unwrap();
    let daemon = Daemon::start(&desk, "");
    assert!(!left.exists());
    assert!(in_use.join("document-1.pdf").exists(), "somebody looks at it");
    drop((daemon, lock));
    drop(Daemon::start(&desk, ""));
    assert!(!in_use.exists());
}

#[test]
fn what_the_person_looks_at_is_to_the_byte_what_is_signed_and_gone_afterwards() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::with_window(&desk, LOOKS);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    // One of a name that would like to be elsewhere, one past what a single piece or copy takes.
    let contents = [
        b"%PDF-1.7 no real one".to_vec(),
        (0..700_000_u32).map(|n| (n % 251) as u8).collect(),
        "Đơn đề nghị".as_bytes().to_vec(),
    ];
    let names = ["../../../tmp/a.desktop", "b.bin", "c.txt"];
    let documents: Vec<Value> = names
        .iter()
        .zip(&contents)
        .map(|(name, bytes)| page.upload(name, bytes))
        .collect();
    let call = json!({ "documents": documents, "format": "cades_attached" });
    let reply = page.call("sign_documents", &call);
    let seen: Vec<(String, [String; 2], String)> =
        serde_json::from_slice(&std::fs::read(desk.path("seen.json")).unwrap()).unwrap();
    assert_eq!(seen.len(), 3, "{reply}");
    let folder = std::path::Path::new(&seen[0].0).parent().unwrap();
    assert!(folder.starts_with(desk.home()), "{folder:?}");
    for (place, (path, rights, hexadecimal)) in seen.iter().enumerate() {
        let ending = ["pdf", "bin", "txt"][place];
        assert_eq!(
            *path,
            folder
                .join(format!("document-{}.{ending}", place + 1))
                .display()
                .to_string()
        );
        assert_eq!(*rights, ["0o400", "0o700"], "{path}");
        assert_eq!(hex::decode(hexadecimal).unwrap(), contents[place], "{path}");
        // And that is what the signature holds.
        let signed = &reply["result"]["documents"][place];
        let container = page.download(
            signed["sha256"].as_str().unwrap(),
            signed["size"].as_u64().unwrap(),
        );
        let content = desk.path("signed.p7m");
        std::fs::write(&content, container).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in"]);
        let output = openssl.arg(&content).output().unwrap();
        assert_eq!(output.stdout, contents[place], "{output:?}");
    }
    assert!(!folder.exists(), "the copies go with the question");
}

/// A signed PDF; the same with another page after that, and with a byte of what is signed changed.
fn signed_and_altered(desk: &Desk) -> [std::path::PathBuf; 3] {
    let [once, altered, broken] = ["once.pdf", "altered.pdf", "broken.pdf"].map(|name| desk.path(name));
    let mut sign = desk.trien(["sign", "--out"]);
    let dossier = repository().join("testdata/documents/dossier.pdf");
    succeed(sign.arg(&once).arg(dossier).args(desk.pin()));
    alter_page(&once, &altered);
    let mut bytes = std::fs::read(&once).unwrap();
    // In the comment behind the header, of which no reader makes anything.
    let comment = bytes.iter().position(|byte| *byte >= 0x80).unwrap();
    bytes[comment] ^= 1;
    std::fs::write(&broken, bytes).unwrap();
    [once, altered, broken]
}

#[test]
fn n125_n130_at_the_shell_a_document_whose_signatures_do_not_hold_is_signed_by_who_says_that_he_knows() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let [once, altered, broken] = signed_and_altered(&desk);
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "11111111\n").unwrap();
    let sign = |documents: &[&Path], out: &Path| {
        let mut sign = desk.trien(["sign", "--lang", "en", "--out"]);
        sign.arg(out).args(documents);
        sign
    };
    let out = desk.path("again.pdf");
    for document in [&altered, &broken] {
        // The PIN is not even tried.
        let told = fail(sign(&[document], &out).arg("--pin-file").arg(&wrong), 1);
        let name = document.file_name().unwrap().to_str().unwrap();
        assert!(
            told.contains(name) && told.contains("--despite-changes"),
            "{told}"
        );
        assert!(!out.exists());
    }
    // One of several keeps the others back, too, where that is asked for, and is named alone.
    let folder = desk.path("signed");
    std::fs::create_dir(&folder).unwrap();
    let mut several = sign(&[&once, &broken], &folder);
    let several = fail(several.args(["--on-error", "stop"]).args(desk.pin()), 1);
    assert!(
        several.contains("broken.pdf") && !several.contains("once.pdf"),
        "{several}"
    );
    assert!(!folder.join("once.pdf").exists());
    // Otherwise the others are signed, and the exit code and a line of its own tell of it.
    let output = sign(&[&altered, &once, &broken], &folder)
        .args(desk.pin())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = told.lines().filter(|line| line.contains("igned: ")).collect();
    let names = ["altered.pdf", "once.pdf", "broken.pdf"];
    assert!(
        lines.iter().zip(names).all(|(line, name)| line.contains(name)),
        "{told}"
    );
    assert_eq!(told.matches("Not signed: ").count(), 2, "{told}");
    assert!(
        told.contains("earlier signature") && told.contains("--despite-changes"),
        "{told}"
    );
    assert_eq!(names.map(|name| folder.join(name).exists()), [false, true, false]);
    // Where none of them holds, all are named, and no PIN is spent.
    let mut none = sign(&[&altered, &broken], &folder);
    let none = fail(none.arg("--pin-file").arg(&wrong), 1);
    assert!(
        none.contains("altered.pdf") && none.contains("broken.pdf"),
        "{none}"
    );

    // Who says so signs it as it is; what holds needs no such word.
    for document in [&altered, &broken] {
        succeed(sign(&[document], &out).arg("--despite-changes").args(desk.pin()));
        let verified = desk.trien(["verify", "--json"]).arg(&out).output().unwrap();
        let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
        let passed = |place: usize| report[0]["signatures"][place]["indication"] == "TOTAL-PASSED";
        assert!(!passed(0) && passed(1), "{report:#}");
    }
    succeed(sign(&[&once], &out).args(desk.pin()));
    let detached = desk.path("altered.p7s");
    let mut beside = sign(&[&altered], &detached);
    fail(
        beside.args(["--format", "cades", "--detached"]).args(desk.pin()),
        1,
    );
}

/// A page whose content is an object that is not there, in a document with these objects more.
fn page_drawn_by_nothing(more: &[&str]) -> String {
    let mut bodies = vec![
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 9 0 R >>",
    ];
    bodies.extend(more);
    let count = bodies.len() + 1;
    let (mut file, mut table) = (
        "%PDF-1.7\n".to_owned(),
        format!("xref\n0 {count}\n0000000000 65535 f \n"),
    );
    for (number, body) in (1..).zip(bodies) {
        table += &format!("{:010} 00000 n \n", file.len());
        file += &format!("{number} 0 obj\n{body}\nendobj\n");
    }
    let start = file.len();
    file + &table + &format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n")
}

#[test]
fn n125_n127_n128_n130_the_window_is_told_of_each_document_that_does_not_hold_acts_or_shows_otherwise() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let [once, altered, broken] = signed_and_altered(&desk);
    allow(&desk, PORTAL, &[]);
    let (daemon, question) = Daemon::keeping_the_question(&desk);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let active = desk.path("active.pdf");
    add_active_content(&dossier, &active);
    let otherwise = desk.path("otherwise.pdf");
    add_what_is_shown_otherwise(&dossier, &otherwise);
    let unsearched = desk.path("unsearched.pdf");
    add_what_cannot_be_read(&dossier, &unsearched);
    let may_come = desk.path("may-come.pdf");
    std::fs::write(&may_come, page_drawn_by_nothing(&[])).unwrap();
    let last = desk.path("last.pdf");
    std::fs::write(&last, page_drawn_by_nothing(&["]"])).unwrap();
    let documents: Vec<Value> = [
        &last,
        &may_come,
        &dossier,
        &once,
        &altered,
        &broken,
        &active,
        &otherwise,
        &unsearched,
    ]
    .map(|path| page.upload("đơn.pdf", &std::fs::read(path).unwrap()))
    .into();
    let refused = page.call(
        "sign_documents",
        &json!({ "documents": documents, "format": "pades" }),
    );
    assert!(refused["error"].is_object(), "{refused}");
    let asked: Value = serde_json::from_slice(&std::fs::read(question).unwrap()).unwrap();
    let shown = asked["documents"].as_array().unwrap();
    let warnings: Vec<_> = shown
        .iter()
        .map(|document| document["warnings"].clone())
        .collect();
    let expected = [
        json!(["may_come", "unsearched", "last_signature"]),
        json!(["may_come"]),
        json!([]),
        json!([]),
        json!(["changed_after_signing"]),
        json!(["signature_broken"]),
        json!(["active_content"]),
        json!(["shown_otherwise"]),
        json!(["unsearched"]),
    ];
    assert_eq!(warnings, expected);
}
