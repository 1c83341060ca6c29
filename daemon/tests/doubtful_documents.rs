//! Documents that would act by themselves, may show something else to others, or are not what was signed before: what
//! the person at the shell is told before the PIN, what the rules of the computer refuse, and what a changed file costs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow, command, record, under};
use support::{
    Desk, PIN, TOKEN, add_active_content, add_what_is_shown_otherwise, alter_page, at_terminal, error_code,
    fail, read_json, repository, succeed,
};

/// What an administrator writes who wants none of it signed.
const POLICY: &str = "refuse_documents = [\"active_content\", \"shown_otherwise\"]\n";

fn dossier() -> PathBuf {
    repository().join("testdata/documents/dossier.pdf")
}

/// A document with a script in it, and one with a layer that is off.
fn doubtful(desk: &Desk) -> [PathBuf; 2] {
    let (active, otherwise) = (desk.path("active.pdf"), desk.path("otherwise.pdf"));
    add_active_content(&dossier(), &active);
    add_what_is_shown_otherwise(&dossier(), &otherwise);
    [active, otherwise]
}

fn sign(desk: &Desk, language: &str, inputs: &[&Path], out: &Path) -> Command {
    let mut sign = desk.trien(["sign", "--lang", language, "--out"]);
    sign.arg(out).args(inputs);
    sign
}

/// With a PIN that costs a try.
fn wrongly<'a>(desk: &Desk, sign: &'a mut Command) -> &'a mut Command {
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "11111111\n").unwrap();
    sign.arg("--pin-file").arg(wrong)
}

fn pin_state(desk: &Desk) -> String {
    let tokens = read_json(&succeed(&mut desk.trien(["token", "list", "--json"])));
    let mut tokens = tokens.as_array().unwrap().iter();
    let ours = tokens.find(|token| token["label"] == TOKEN).unwrap();
    ours["pin"].as_str().unwrap().to_owned()
}

#[test]
fn n127_n128_the_person_at_the_shell_is_told_before_the_pin_what_the_window_would_tell() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let [active, otherwise] = doubtful(&desk);
    let out = desk.path("signed");
    std::fs::create_dir(&out).unwrap();
    let inputs = [active.as_path(), &otherwise, &dossier()];
    for (language, asked, told) in [
        (
            "vi",
            format!("Mã PIN của \"{TOKEN}\""),
            [
                "Lưu ý trước khi ký \"active.pdf\": tài liệu có thể chạy tập lệnh hay chương trình",
                "Lưu ý trước khi ký \"otherwise.pdf\": những gì tài liệu hiển thị có thể chưa đủ",
            ],
        ),
        (
            "en",
            format!("PIN of \"{TOKEN}\""),
            [
                "Before you sign \"active.pdf\": it can run scripts or programs",
                "Before you sign \"otherwise.pdf\": what it shows may not be all",
            ],
        ),
    ] {
        let (exit, stood) = at_terminal(
            &sign(&desk, language, &inputs, &out),
            &[(asked.as_str(), "\u{3}")],
        );
        assert_eq!(exit, 1, "{stood}");
        let before = stood.split(&asked).next().unwrap();
        for line in told {
            assert!(before.contains(line), "{stood}");
        }
        assert!(!before.contains("dossier.pdf"), "{stood}");
    }
    // Who goes on signs them; a program is told nothing on the side.
    let output = sign(&desk, "en", &inputs, &out)
        .args(desk.pin())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("active.pdf"));
    let output = sign(&desk, "en", &inputs, &out)
        .args(desk.pin())
        .args(["--force", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn n127_n128_what_the_administrator_refuses_no_person_at_the_shell_signs() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let [active, otherwise] = doubtful(&desk);
    // A person may be as strict himself, and not less so than the administrator.
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let own = desk.home().join("config/config.toml");
    std::fs::write(&own, "refuse_documents = []\n").unwrap();
    let out = desk.path("x.pdf");
    for (document, vi, en) in [
        (&active, "tập lệnh", "scripts"),
        (&otherwise, "lớp không phải lúc nào cũng hiện", "layers"),
    ] {
        let name = document.file_name().unwrap().to_str().unwrap();
        for (language, rules, said) in [
            ("vi", "quy định của máy này", vi),
            ("en", "rules of this computer", en),
        ] {
            let mut refused = sign(&desk, language, &[document], &out);
            let told = fail(&mut under(POLICY, wrongly(&desk, &mut refused)), 1);
            for part in [name, rules, said] {
                assert!(told.contains(part), "{told}");
            }
        }
        let mut refused = sign(&desk, "en", &[document], &out);
        let code = error_code(&mut under(POLICY, wrongly(&desk, &mut refused)), 1);
        assert_eq!(code, "document_forbidden");
        // Whatever it is signed as.
        let mut bytes = sign(&desk, "en", &[document], &desk.path("x.p7m"));
        bytes.args(["--format", "cades"]);
        let code = error_code(&mut under(POLICY, wrongly(&desk, &mut bytes)), 1);
        assert_eq!(code, "document_forbidden");
    }
    assert!(!out.exists());
    assert_eq!(pin_state(&desk), "ready", "no try was spent");

    // Of several the others are signed; that one is not is said before the PIN, and why with the results.
    let folder = desk.path("signed");
    std::fs::create_dir(&folder).unwrap();
    let mut several = sign(&desk, "en", &[&active, &dossier()], &folder);
    let output = under(POLICY, several.args(desk.pin())).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let (told, before) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(
        before.contains("Will not be signed: 1 of 2 files: active.pdf"),
        "{before}"
    );
    assert!(
        told.contains("Not signed: ") && told.contains("scripts"),
        "{told}"
    );
    assert!(folder.join("dossier.pdf").exists() && !folder.join("active.pdf").exists());

    // Without the administrator's word the person's own holds.
    std::fs::write(&own, "refuse_documents = [\"active_content\"]\n").unwrap();
    let mut refused = sign(&desk, "en", &[&active], &out);
    assert_eq!(error_code(wrongly(&desk, &mut refused), 1), "document_forbidden");
    succeed(sign(&desk, "en", &[&otherwise], &out).args(desk.pin()));
    std::fs::write(&own, "refuse_documents = [\"scripts\"]\n").unwrap();
    let wrong = fail(sign(&desk, "vi", &[&otherwise], &out).args(desk.pin()), 3);
    assert!(
        wrong.contains("không có giá trị \"scripts\"") && wrong.contains("active_content"),
        "{wrong}"
    );
}

#[test]
fn n127_n128_what_the_administrator_refuses_no_page_has_signed_and_nobody_is_asked() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let [active, otherwise] = doubtful(&desk);
    let script = desk.path("script.toml");
    let yes = format!("[[answer]]\ndecision = \"approve\"\npins = [\"{PIN}\"]\nrepeat = true\n");
    std::fs::write(&script, yes).unwrap();
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::run(&desk, &mut under(POLICY, &command(&desk, &script)));
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let mut sign = |paths: &[&Path]| {
        let documents: Vec<Value> = paths
            .iter()
            .map(|path| page.upload("đơn.pdf", &std::fs::read(path).unwrap()))
            .collect();
        page.call(
            "sign_documents",
            &json!({ "documents": documents, "format": "pades" }),
        )
    };
    let started = record(&desk, 1).len();
    for (document, detail) in [(&active, "active_content"), (&otherwise, "shown_otherwise")] {
        let refused = sign(&[document]);
        let data = &refused["error"]["data"];
        assert_eq!(data["code"], "document_forbidden", "{refused}");
        assert_eq!(data["detail"], detail);
        let said = data["message"]["vi"].as_str().unwrap();
        assert!(said.starts_with("Quy định của máy này không cho ký"), "{said}");
    }
    assert_eq!(record(&desk, started).len(), started, "nobody was asked");
    let both = sign(&[&active, &dossier()]);
    let documents = &both["result"]["documents"];
    assert_eq!(
        documents[0]["error"]["data"]["code"], "document_forbidden",
        "{both}"
    );
    assert_eq!(documents[1]["status"], "signed", "{both}");
}

/// A PDF of one empty page with one more object, of which only its place in the file is known.
fn with_object(object: &[u8]) -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    let objects: [&[u8]; 4] = [
        b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n",
        b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n",
        b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>\nendobj\n",
        object,
    ];
    for object in objects {
        places.push(pdf.len());
        pdf.extend_from_slice(object);
    }
    let table = pdf.len();
    pdf.extend_from_slice(b"xref\n0 5\n0000000000 65535 f \n");
    for place in places {
        pdf.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let end = format!("trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
    pdf.extend_from_slice(end.as_bytes());
    pdf
}

#[test]
fn n127_n128_what_nobody_can_look_through_is_refused_with_what_may_be_in_it() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let (broken, out) = (desk.path("broken.pdf"), desk.path("x.pdf"));
    std::fs::write(&broken, with_object(b"4 0 obj\n<< /A (\nendobj\n")).unwrap();
    let mut refused = sign(&desk, "en", &[&broken], &out);
    let told = fail(&mut under(POLICY, wrongly(&desk, &mut refused)), 1);
    assert!(told.contains("not all of it could be looked through"), "{told}");
    // Who refuses only what is wrong with signatures says nothing of what else is in it.
    let policy = "refuse_documents = [\"signature_broken\"]\n";
    let mut signed = sign(&desk, "en", &[&broken], &out);
    succeed(&mut under(policy, signed.args(desk.pin())));
}

#[test]
fn n125_n130_a_document_that_was_altered_is_no_cancelled_request() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let (once, altered) = (desk.path("once.pdf"), desk.path("altered.pdf"));
    succeed(sign(&desk, "en", &[&dossier()], &once).args(desk.pin()));
    alter_page(&once, &altered);
    let out = desk.path("signed");
    std::fs::create_dir(&out).unwrap();
    let output = sign(&desk, "en", &[&altered, &once], &out)
        .args(desk.pin())
        .arg("--json")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        told["documents"][0]["error"]["code"], "document_altered",
        "{told}"
    );
    assert!(told["documents"][1]["sha256"].is_string(), "{told}");
    let alone = desk.path("alone.pdf");
    let code = error_code(sign(&desk, "en", &[&altered], &alone).args(desk.pin()), 1);
    assert_eq!(code, "document_altered");
    // What the administrator refuses, nobody signs by saying that he knows.
    let policy = "refuse_documents = [\"changed_after_signing\"]\n";
    let mut knows = sign(&desk, "en", &[&altered], &alone);
    let knows = knows.args(desk.pin()).arg("--despite-changes");
    assert_eq!(error_code(&mut under(policy, knows), 1), "document_forbidden");
    assert!(!alone.exists());
    // Who says so is told before the PIN what it is that he knows.
    let mut knows = sign(&desk, "en", &[&altered], &alone);
    let output = knows.args(desk.pin()).arg("--despite-changes").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("it was changed after an earlier signature"),
        "{told}"
    );
}

/// Files of a size that stays where it is lie open to others until they are signed.
#[test]
fn a_file_that_is_written_to_while_it_is_signed_is_not_signed_and_costs_the_others_nothing() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let stream = vec![b' '; 2 << 20];
    let mut object = format!("4 0 obj\n<< /Length {} >>\nstream\n", stream.len()).into_bytes();
    object.extend_from_slice(&stream);
    object.extend_from_slice(b"\nendstream\nendobj\n");
    let mut pdf = with_object(&object);
    let middle = pdf.len() / 2;
    let pipe = desk.path("pipe");
    succeed(Command::new("mkfifo").arg(&pipe));
    for (format, extension) in [("pades", ""), ("cades", ".p7m"), ("jades", ".jws")] {
        let out = desk.path(&format!("signed-{format}"));
        std::fs::create_dir(&out).unwrap();
        let names = ["a.pdf", "b.pdf", "c.pdf"];
        let inputs = names.map(|name| desk.path(name));
        for (letter, input) in (b'a'..).zip(&inputs) {
            // No two are the same document.
            pdf[middle] = letter;
            std::fs::write(input, &pdf).unwrap();
        }
        let mut signing = desk.trien(["sign", "--json", "--format", format, "--pin-file"]);
        let signing = signing.arg(&pipe).arg("--out").arg(&out).args(&inputs);
        let child = signing.stdout(Stdio::piped()).spawn().unwrap();
        // It opens the pipe when it has taken the files.
        let mut pin = std::fs::File::options().write(true).open(&pipe).unwrap();
        let written = std::fs::File::options().write(true).open(&inputs[1]).unwrap();
        written.write_at(b"x", 1 << 20).unwrap();
        writeln!(pin, "{PIN}").unwrap();
        drop(pin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}: {output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = &told["documents"][1]["error"];
        assert_eq!(error["code"], "document_altered", "{format}: {told}");
        let said = error["message"]["vi"].as_str().unwrap();
        assert!(said.contains("trong khi đang được ký"), "{said}");
        let made = names.map(|name| out.join(format!("{name}{extension}")).exists());
        assert_eq!(made, [true, false, true], "{format}: {told}");
    }
}
