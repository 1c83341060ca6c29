//! The command line as a person or a script meets it: exit codes, both languages, JSON, and the terminal.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;
use sha2::{Digest, Sha256};
use support::{Desk, PIN, TOKEN, error_code, fail, read_json, repository, succeed};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

fn desk_with_key() -> Desk {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    std::fs::write(desk.path("đơn.txt"), "Đơn đề nghị").unwrap();
    desk
}

/// `trien sign` of the text, without a PIN.
fn sign(desk: &Desk) -> Command {
    let mut command = desk.trien(["sign", "--format", "cades", "--cert", "an"]);
    command
        .arg("--out")
        .arg(desk.path("đơn.p7m"))
        .arg(desk.path("đơn.txt"));
    command
}

#[test]
fn a_signature_is_judged_at_a_time_and_reported_as_a_page() {
    let desk = desk_with_key();
    succeed(sign(&desk).args(desk.pin()));
    let verify = |words: &[&str]| {
        let mut command = desk.trien(["verify"]);
        command.args(words).arg(desk.path("đơn.p7m"));
        command
    };
    let valid = succeed(&mut verify(&[]));
    let sha256 = hex::encode(Sha256::digest(std::fs::read(desk.path("đơn.p7m")).unwrap()));
    assert!(
        valid.contains("TOTAL-PASSED") && valid.contains(&format!("SHA-256 of the file: {sha256}\n")),
        "{valid}"
    );
    let nowhere = error_code(verify(&[]).arg("--trust").arg(desk.path("nofolder")), 3);
    assert_eq!(nowhere, "cli-unreadable");
    let before = fail(&mut verify(&["--at", "2001-02-03T04:05:06Z"]), 1);
    assert!(before.contains("2001-02-03T11:05:06+07:00"), "{before}");
    assert!(before.contains("not valid yet"), "{before}");
    let end = fail(&mut verify(&["--at", "9999-12-31T23:59:59Z"]), 1);
    assert!(end.contains("9999-12-31T23:59:59Z"), "{end}");
    assert_eq!(
        error_code(&mut verify(&["--at", "yesterday"]), 2),
        "verify-bad-time"
    );

    let signed = desk.path("đơn.p7m");
    let over = error_code(verify(&[]).arg("--html").arg(&signed), 2);
    assert_eq!(over, "verify-over-input");
    let page = desk.path("report.html");
    succeed(verify(&["--lang", "vi"]).arg("--html").arg(&page));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("Nguyễn Văn An an") && page.contains("CCCD 079085000123"),
        "{page}"
    );
    assert!(
        page.contains("lang=\"vi\"") && page.contains("Thời điểm kiểm tra"),
        "{page}"
    );

    let code = error_code(desk.trien(["verify"]).arg(desk.path("none.p7m")), 3);
    assert_eq!(code, "cli-unreadable");
}

/// Every format of the command line, read back by `trien verify`; and what does not go together.
#[test]
fn xml_json_and_containers_are_signed_and_verified() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let input = desk.path("hóa đơn.xml");
    std::fs::write(
        &input,
        "<HDon><DLHDon Id=\"d\"><a>1</a></DLHDon><DSCKS><NBan/></DSCKS></HDon>",
    )
    .unwrap();
    let own =
        include_str!("../signatures/templates/general.toml").replace("[\"*\"]", "[\"HDon\", \"DSCKS\"]");
    let folder = desk.home().join("config/templates");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("own.toml"), own).unwrap();
    std::fs::write(folder.join("bad.toml"), "title = 1").unwrap();
    let out = desk.path("signed");
    let sign = |words: &[&str]| {
        let mut command = desk.trien(["sign", "--cert", "an", "--format"]);
        command
            .args(words)
            .args(desk.pin())
            .arg("--out")
            .arg(&out)
            .arg(&input);
        command
    };
    for words in [
        &["xades"][..],
        &["xades", "--enveloping"],
        &["xades", "--detached"],
        &["xmldsig"],
        &["xmldsig", "--template", "e-invoice"],
        &["xmldsig", "--template", "own"],
        &["jades"],
        &["jades-json"],
        &["asic-e"],
        &["asic-e-cades"],
        &["asic-s"],
        &["asic-s-cades"],
    ] {
        succeed(&mut sign(words));
        let mut verify = desk.trien(["verify"]);
        if words.contains(&"--detached") {
            verify.arg("--content").arg(&input);
        }
        let report = succeed(verify.arg(&out));
        assert!(report.contains("TOTAL-PASSED"), "{words:?}: {report}");
    }
    let office = desk.path("don.docx");
    let types = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
    let list = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="document.xml"/></Relationships>"#;
    let files: [(&str, &[u8]); 3] = [
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", list.as_bytes()),
        ("document.xml", "<doc>Đơn đề nghị</doc>".as_bytes()),
    ];
    std::fs::write(&office, trien_signatures::zip::write(&files).unwrap()).unwrap();
    let mut command = desk.trien(["sign", "--cert", "an", "--reason", "Duyệt"]);
    succeed(command.args(desk.pin()).arg("--out").arg(&out).arg(&office));
    let report = read_json(&succeed(desk.trien(["verify", "--json"]).arg(&out)));
    let signature = &report[0]["signatures"][0];
    assert_eq!(
        (&signature["format"], &signature["level"]),
        (&json!("ooxml"), &json!("B-B"))
    );
    assert_eq!(signature["covered"], json!(["/_rels/.rels", "/document.xml"]));
    let html = desk.path("report.html");
    let text = succeed(
        desk.trien(["verify", "--lang", "vi", "--html"])
            .arg(&html)
            .arg(&out),
    );
    assert!(text.contains("Tài liệu Office (OOXML)"), "{text}");
    assert!(
        std::fs::read_to_string(&html)
            .unwrap()
            .contains("Tài liệu Office (OOXML)")
    );

    for (words, code) in [
        (&["jades", "--detached"][..], "sign-not-detached"),
        (&["cades", "--enveloping"], "sign-not-enveloping"),
        (&["xades", "--template", "general"], "sign-template-format"),
        (&["xmldsig", "--template", "none"], "bad_request"),
        (&["xmldsig", "--template", "../own"], "bad_request"),
        (&["xmldsig", "--template", "bad"], "bad_request"),
    ] {
        assert_eq!(error_code(&mut sign(words), 2), code, "{words:?}");
    }
    std::fs::write(&input, "<!DOCTYPE a><a/>").unwrap();
    assert_eq!(error_code(&mut sign(&["xades"]), 3), "document_unreadable");
}

#[test]
fn permissions_are_listed_in_both_languages() {
    let desk = Desk::bare();
    let portal = "https://dichvucong.gov.vn";
    let list = |language| succeed(&mut desk.trien(["origin", "list", "--lang", language]));
    assert_eq!(list("vi"), "Chưa trang nào có quyền.\n");
    assert_eq!(list("en"), "No origin has any permission.\n");
    let allow = |until: &[&'static str]| {
        let words = ["origin", "allow", portal, "--scope", "sign", "--scope", "verify"];
        succeed(desk.trien(words).args(until))
    };
    // A permission has an end, unless somebody says that it has none.
    allow(&[]);
    let listed = read_json(&succeed(&mut desk.trien(["origin", "list", "--json"])));
    let [granted, expires] = ["granted", "expires"].map(|key| {
        let text = listed[0][key].as_str().unwrap();
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    });
    assert_eq!((expires - granted).whole_days(), 365);
    // By the clock on the wall, when it is given and whenever it is looked at.
    let day = |time: OffsetDateTime| time.to_offset(time::macros::offset!(+7)).date().to_string();
    let told = allow(&["--lang", "en"]);
    assert!(told.contains(&format!("(until {}T", day(expires))), "{told}");
    let line = list("vi");
    let end = line.trim_end().split("đến ").nth(1).unwrap();
    assert!(
        end.ends_with("+07:00)") && end.len() == "2026-11-29T12:00:00+07:00)".len(),
        "{line}"
    );
    allow(&["--until", "never"]);
    assert_eq!(
        list("vi"),
        format!("{portal}: xin ký tài liệu, kiểm tra chữ ký (không thời hạn)\n")
    );
    assert_eq!(
        list("en"),
        format!("{portal}: ask for signatures on documents, check signatures (no end)\n")
    );
    let listed = read_json(&succeed(&mut desk.trien(["origin", "list", "--json"])));
    assert_eq!(listed[0]["origin"], portal);
    assert_eq!(listed[0]["scopes"], json!(["sign", "verify"]));
    assert_eq!(
        (&listed[0]["in_force"], &listed[0]["expires"]),
        (&json!(true), &json!(null))
    );

    let bad = fail(&mut desk.trien(["origin", "allow", "ftp://x", "--lang", "vi"]), 2);
    assert!(bad.contains("không phải là địa chỉ trang web (origin)"), "{bad}");
    // What it may no longer, what it never might, and what it still may.
    let revoke = |scope: &'static str| desk.trien(["origin", "revoke", portal, "--scope", scope]);
    let lacks = revoke("batch").output().unwrap();
    assert_eq!(lacks.status.code(), Some(1));
    let lacks = String::from_utf8(lacks.stdout).unwrap();
    assert!(
        lacks.contains("does not have this permission: ask for several signatures at once.")
            && lacks.contains("may still: ask for signatures on documents, check signatures."),
        "{lacks}"
    );
    assert_eq!(
        succeed(&mut revoke("sign")),
        format!(
            "{portal} may no longer: ask for signatures on documents.\n{portal} may still: check signatures.\n"
        )
    );
    let gone = succeed(&mut desk.trien(["origin", "revoke", portal]));
    assert!(gone.contains("no permission any more"), "{gone}");
    fail(&mut desk.trien(["origin", "revoke", portal]), 1);
    let blind = desk
        .trien(["origin", "allow", portal, "--scope", "blind_digest"])
        .output()
        .unwrap();
    let caution = String::from_utf8(blind.stderr).unwrap();
    assert!(
        blind.status.success() && caution.starts_with("Caution: "),
        "{caution}"
    );
}

#[test]
fn the_record_is_shown_in_words() {
    let desk = desk_with_key();
    let show = |language| succeed(&mut desk.trien(["audit", "show", "--lang", language]));
    assert_eq!(show("vi"), "Sổ ghi nhận việc ký còn trống.\n");
    succeed(sign(&desk).args(desk.pin()));
    assert!(show("vi").contains("đã ký (1)"), "{}", show("vi"));
    assert!(show("en").contains("signed (1)"), "{}", show("en"));
    // When, by the clock on the wall; what was asked, and with which certificate.
    for (language, words) in [
        (
            "vi",
            [
                "+07:00 shell ký tài liệu",
                "định dạng cades",
                "chứng thư, SHA-256",
            ],
        ),
        (
            "en",
            [
                "+07:00 shell to sign documents",
                "format cades",
                "certificate, SHA-256",
            ],
        ),
    ] {
        let shown = show(language);
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
    }
    let last = succeed(&mut desk.trien(["audit", "show", "--last", "1", "--json"]));
    assert_eq!(read_json(&last).as_array().unwrap().len(), 1);
    let checked = succeed(&mut desk.trien(["audit", "verify", "--lang", "vi"]));
    assert!(checked.contains("Sổ ghi nhận việc ký nguyên vẹn"), "{checked}");
    let doctor = || String::from_utf8(desk.trien(["doctor"]).output().unwrap().stdout).unwrap();
    assert!(
        doctor().contains("The record of signatures is intact"),
        "{}",
        doctor()
    );
    let file = desk.home().join("data/audit.jsonl");
    let changed = std::fs::read_to_string(&file)
        .unwrap()
        .replacen("cades", "pades", 1);
    std::fs::write(&file, changed).unwrap();
    assert!(
        doctor().contains("The record of signatures was changed"),
        "{}",
        doctor()
    );
}

/// Every verb with its words on the command line.
/// What a value in angle brackets may be called in every language: what is typed as it stands, and proper names.
const FORMS: &[&str] = &[
    "URL",
    "PNG",
    "HEX",
    "SHA256",
    "TOKEN",
    "1|2|3",
    "N|last",
    "X1,Y1,X2,Y2",
];

/// The verbs that a help lists.
fn verbs_in(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Lệnh:").skip(1);
    list.take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[test]
fn help_is_in_one_language() {
    let desk = Desk::bare();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(verb) = waiting.pop() {
        seen += 1;
        let help = |language| {
            succeed(
                desk.trien(verb.iter().map(String::as_str))
                    .args(["--help", "--lang", language]),
            )
        };
        let (vietnamese, english) = (help("vi"), help("en"));
        assert!(vietnamese.contains("Cách dùng: trien"), "{vietnamese}");
        assert!(
            vietnamese.contains("Tùy chọn:") && !vietnamese.contains("help-"),
            "{vietnamese}"
        );
        for left in [
            "Usage",
            "Options",
            "OPTIONS",
            "COMMAND",
            "Commands",
            "default:",
            "possible",
            "FILE",
            "DIR",
            "Print",
            "Arguments",
            "<IN>",
            "VERB",
            "TIME",
        ] {
            assert!(!vietnamese.contains(left), "{left} in {verb:?}: {vietnamese}");
        }
        for value in vietnamese
            .split('<')
            .skip(1)
            .filter_map(|rest| rest.split('>').next())
        {
            assert!(
                !value.is_ascii() || FORMS.contains(&value),
                "<{value}> in {verb:?}: {vietnamese}"
            );
        }
        assert!(!vietnamese.contains("alias"), "{vietnamese}");
        waiting.extend(
            verbs_in(&vietnamese)
                .into_iter()
                .map(|child| [verb.clone(), vec![child]].concat()),
        );
        assert!(
            english.contains("Usage: trien") && !english.contains("help-"),
            "{english}"
        );
        let strange = |c: char| "ăâđêôơư".contains(c);
        let only_name = english.replace("Triện", "").replace("Hà Nội", "");
        assert!(!only_name.contains(strange), "{english}");
    }
    assert!(seen > 30, "{seen} verbs were found");
}

#[test]
fn misuse_is_told_to_people_and_programs() {
    let desk = Desk::bare();
    for (words, key) in [
        (&["nope"][..], "misuse-unknown-verb"),
        (&["verify"], "misuse-missing-argument"),
        (&["cert"], "misuse-missing-verb"),
        (&["sign", "--nope"], "misuse-unknown-argument"),
        (
            &["sign", "x", "--out", "y", "--format", "z"],
            "misuse-invalid-value",
        ),
        (&["sign", "x", "--out"], "misuse-bad-value"),
        (&["sign", "x", "--out", "y", "--cert", ""], "sign-empty-selector"),
        (&["daemon", "--prompter", "nobody"], "daemon-bad-prompter"),
    ] {
        assert_eq!(
            error_code(&mut desk.trien(words.iter().copied()), 2),
            key,
            "{words:?}"
        );
        let told = fail(desk.trien(words.iter().copied()).args(["--lang", "vi"]), 2);
        assert!(!told.contains("misuse-") && !told.contains("error:"), "{told}");
    }
    let told = fail(
        &mut desk.trien(["daemon", "--prompter", "nobody", "--lang", "vi"]),
        2,
    );
    assert!(
        told.contains("\"nobody\" không phải là cách hỏi người dùng."),
        "{told}"
    );
}

#[test]
fn an_unknown_locale_is_answered_in_vietnamese() {
    let desk = Desk::bare();
    for locale in ["C", "C.UTF-8", "fr_FR.UTF-8", "vi_VN"] {
        let told = succeed(desk.trien(["origin", "list"]).env("LC_ALL", locale));
        assert_eq!(told, "Chưa trang nào có quyền.\n", "{locale}");
    }
}

#[test]
fn a_daemon_tells_programs_that_it_is_ready() {
    let desk = Desk::bare();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    std::fs::write(desk.home().join("config/config.toml"), "[websocket]\nport = 0\n").unwrap();
    let mut daemon = desk
        .trien(["daemon", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let ready = read_json(&line);
    assert_eq!(ready["ready"], true);
    assert!(ready["socket"].as_str().unwrap().starts_with('/'), "{ready}");
    assert!(
        ready["websocket"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{ready}"
    );
}

#[test]
fn where_a_request_goes_is_looked_at_before_a_key_is_made() {
    let desk = Desk::with_token();
    let generate = |out: &str, key: &str| {
        let words = [
            "token",
            "generate-key",
            "--token",
            TOKEN,
            "--algorithm",
            "ec:p256",
            "--label",
            key,
            "--subject",
            "CN=x",
        ];
        let mut command = desk.trien(words);
        command.arg("--out").arg(desk.path(out)).args(desk.pin());
        command
    };
    assert_eq!(error_code(&mut generate("none/x.csr", "k"), 3), "cli-unwritable");
    let words = [
        "token",
        "request",
        "--token",
        TOKEN,
        "--key",
        "k",
        "--subject",
        "CN=x",
    ];
    let mut request = desk.trien(words);
    request.arg("--out").arg(desk.path("none/x.csr")).args(desk.pin());
    assert_eq!(error_code(&mut request, 3), "cli-unwritable");
    // The name is free: no key was made.
    succeed(&mut generate("x.csr", "k"));
}

#[test]
fn a_pin_comes_from_an_open_descriptor() {
    let desk = desk_with_key();
    let signing = sign(&desk);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec 7<\"$0\"; exec \"$@\" --pin-fd 7"])
        .arg(desk.pin_file())
        .arg(signing.get_program())
        .args(signing.get_args())
        .env("TRIEN_HOME", desk.home())
        .stdin(Stdio::null());
    succeed(&mut shell);
    assert_eq!(
        error_code(sign(&desk).args(["--pin-fd", "99"]), 3),
        "pin-unreadable"
    );
}

/// Runs a verb at a terminal of its own with someone who gives these answers; gives the exit code, and what stood there.
fn at_terminal(command: &Command, answers: &[(&str, &str)]) -> (i32, String) {
    let mut terminal = Command::new("python3");
    terminal
        .arg(repository().join("daemon/tests/support/terminal.py"))
        .arg(json!(answers).to_string())
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        terminal.env(name, value.unwrap());
    }
    let output = terminal.stdin(Stdio::null()).output().unwrap();
    let told =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), told)
}

#[test]
fn a_pin_is_typed_at_the_terminal() {
    let desk = desk_with_key();
    let (right, asked) = (format!("{PIN}\r"), format!("PIN of \"{TOKEN}\": "));
    let answers = [
        (asked.as_str(), "12\r"),
        ("cannot be the PIN", "99999999\r"),
        ("was wrong", right.as_str()),
    ];
    let (exit, told) = at_terminal(&sign(&desk), &answers);
    assert_eq!(exit, 0, "{told}");
    assert!(
        told.contains("Signed: ") && desk.path("đơn.p7m").exists(),
        "{told}"
    );
    assert!(
        !told.contains(PIN) && !told.contains("99999999"),
        "a PIN is not shown: {told}"
    );
    let limits: Vec<_> = told.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(limits[4..6], ["0", "0"], "no core dumps: {limits:?}");

    let (exit, told) = at_terminal(&sign(&desk), &[(asked.as_str(), "24\u{3}")]);
    assert_eq!(exit, 1, "Ctrl-C is a no: {told}");
    assert!(told.contains("cancelled"), "{told}");
    let (exit, told) = at_terminal(&generate(&desk), &[(asked.as_str(), "\u{3}")]);
    assert_eq!(exit, 1, "{told}");

    let mut alone = Command::new("setsid");
    let signing = sign(&desk);
    alone
        .arg("--wait")
        .arg(signing.get_program())
        .args(signing.get_args())
        .stdin(Stdio::null());
    for (name, value) in signing.get_envs() {
        alone.env(name, value.unwrap());
    }
    assert_eq!(error_code(&mut alone, 2), "pin-no-terminal");
}

fn generate(desk: &Desk) -> Command {
    let algorithm = ["--algorithm", "ec:p256", "--label", "k"];
    let mut command = desk.trien(["token", "generate-key", "--token", TOKEN]);
    command.args(algorithm);
    command
}

fn pin_state(desk: &Desk) -> String {
    let tokens = read_json(&succeed(&mut desk.trien(["token", "list", "--json"])));
    let ours = tokens
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["label"] == TOKEN);
    ours.unwrap()["pin"].as_str().unwrap().to_owned()
}

#[test]
fn the_last_try_is_spent_by_a_person_who_was_told() {
    let desk = desk_with_key();
    std::fs::write(desk.path("wrong"), "99999999\n").unwrap();
    let with_wrong = || {
        let mut command = sign(&desk);
        command.arg("--pin-file").arg(desk.path("wrong"));
        command
    };
    let mut tries = 0;
    while pin_state(&desk) != "last_try" {
        assert_eq!(error_code(&mut with_wrong(), 1), "pin_incorrect");
        tries += 1;
        assert!(tries < 20);
    }
    assert_eq!(error_code(&mut with_wrong(), 1), "pin-last-try-typed-only");
    // The right one in a file is not taken either: nobody looks at it.
    assert_eq!(
        error_code(generate(&desk).args(desk.pin()), 1),
        "pin-last-try-typed-only"
    );
    let confirm = "type \"ok\":";
    for verb in [sign(&desk), generate(&desk)] {
        let (exit, told) = at_terminal(&verb, &[(confirm, "\r")]);
        assert_eq!(exit, 1, "{told}");
        assert!(told.contains("ONE try is left"), "{told}");
    }
    assert_eq!(pin_state(&desk), "last_try", "no try was spent");
    let right = format!("{PIN}\r");
    let (exit, told) = at_terminal(&sign(&desk), &[(confirm, "ok\r"), ("PIN of", right.as_str())]);
    assert_eq!(exit, 0, "{told}");
    assert_eq!(pin_state(&desk), "ready");
}

/// What is in a pipe that nobody writes to any more.
fn drained(pipe: &mut std::fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It is held open for writing here too, so that it has no end: it is only empty.
    let end = std::io::Read::read_to_end(pipe, &mut bytes).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::WouldBlock);
    bytes
}

#[test]
fn a_pipe_is_written_to_and_stays_one() {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    let desk = desk_with_key();
    let pipe = desk.path("pipe");
    succeed(Command::new("mkfifo").arg(&pipe));
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    let mut held = std::fs::File::options()
        .read(true)
        .write(true)
        .custom_flags(nonblocking)
        .open(&pipe)
        .unwrap();
    let mut came = || {
        assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        drained(&mut held)
    };
    let mut signing = desk.trien(["sign", "--format", "cades", "--cert", "an", "--out"]);
    succeed(signing.arg(&pipe).arg(desk.path("đơn.txt")).args(desk.pin()));
    let signed = desk.path("đơn.p7m");
    std::fs::write(&signed, came()).unwrap();
    succeed(desk.trien(["verify"]).arg(&signed));
    succeed(desk.trien(["verify", "--html"]).arg(&pipe).arg(&signed));
    assert!(came().starts_with(b"<!doctype html>"));
    let words = [
        "token",
        "request",
        "--token",
        TOKEN,
        "--key",
        "an",
        "--subject",
        "CN=x",
        "--out",
    ];
    succeed(desk.trien(words).arg(&pipe).args(desk.pin()));
    assert!(came().starts_with(b"-----BEGIN CERTIFICATE REQUEST-----"));
    // What goes into a pipe cannot be replaced when the time-stamp is there.
    let mut waiting = desk.trien(["sign", "--format", "cades", "--level", "t", "--queue", "--out"]);
    waiting.arg(&pipe).arg(desk.path("đơn.txt")).args(desk.pin());
    assert_eq!(error_code(&mut waiting, 2), "sign-queue-stream");
    assert!(came().is_empty());

    let mut through = Command::new("sh");
    through
        .args(["-c", "\"$0\" \"$@\" < \"$IN\" | \"$0\" verify -"])
        .env("IN", desk.path("đơn.txt"));
    let signing = desk.trien(["sign", "--format", "cades", "--cert", "an", "--out", "-", "-"]);
    through
        .arg(signing.get_program())
        .args(signing.get_args())
        .args(desk.pin());
    for (name, value) in signing.get_envs() {
        through.env(name, value.unwrap());
    }
    assert!(succeed(&mut through).contains("TOTAL-PASSED"));
}

#[test]
fn a_name_that_is_no_utf8_is_signed_and_told() {
    use std::os::unix::ffi::OsStrExt;
    let desk = desk_with_key();
    let name = |name: &[u8]| desk.path("").join(std::ffi::OsStr::from_bytes(name));
    let (input, out) = (name(b"\xc4on.txt"), name(b"\xc4on.p7m"));
    std::fs::write(&input, "x").unwrap();
    let mut signing = desk.trien(["sign", "--format", "cades", "--cert", "an", "--json", "--out"]);
    let told = read_json(&succeed(signing.arg(&out).arg(&input).args(desk.pin())));
    assert!(
        told["documents"][0]["output"]
            .as_str()
            .unwrap()
            .ends_with("on.p7m")
    );
    succeed(desk.trien(["verify"]).arg(&out));
    let request = name(b"\xc4.csr");
    let words = [
        "token",
        "request",
        "--token",
        TOKEN,
        "--key",
        "an",
        "--subject",
        "CN=x",
        "--out",
    ];
    succeed(desk.trien(words).arg(&request).args(desk.pin()));
    let mut backup = desk.trien(["token", "export-store", "--token", TOKEN, "--out"]);
    succeed(backup.arg(name(b"\xc4.tar")));
}

#[test]
fn an_answer_that_is_lost_is_a_failure() {
    let desk = Desk::bare();
    std::fs::write(desk.path("x.xml"), "<a/>").unwrap();
    for (words, exit, end) in [
        (&["origin", "list", "--json"][..], 3, "> /dev/full"),
        (&["verify", "x.xml"], 3, "> /dev/full"),
        (&["--help"], 3, "> /dev/full"),
        // Who reads no further has seen enough.
        (&["verify", "x.xml"], 1, "| true"),
    ] {
        let command = desk.trien(words.iter().copied());
        let mut shell = Command::new("bash");
        shell
            .args(["-o", "pipefail", "-c", &format!("\"$0\" \"$@\" {end}")])
            .arg(command.get_program())
            .args(words)
            .current_dir(desk.path(""));
        for (name, value) in command.get_envs() {
            shell.env(name, value.unwrap());
        }
        let told = fail(&mut shell, exit);
        assert_eq!(
            told.contains("could be written to the standard output"),
            exit == 3,
            "{told}"
        );
    }
}

/// A PDF of one empty page with this media box.
fn one_page(media_box: &str) -> Vec<u8> {
    let mut pdf = String::from("%PDF-1.7\n");
    let mut places = Vec::new();
    for (number, body) in [
        (1, "<< /Type /Catalog /Pages 2 0 R >>".to_owned()),
        (2, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned()),
        (
            3,
            format!("<< /Type /Page /Parent 2 0 R /MediaBox [{media_box}] >>"),
        ),
    ] {
        places.push(pdf.len());
        pdf += &format!("{number} 0 obj\n{body}\nendobj\n");
    }
    let table = pdf.len();
    pdf += "xref\n0 4\n0000000000 65535 f \n";
    for place in places {
        pdf += &format!("{place:010} 00000 n \n");
    }
    pdf += &format!("trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
    pdf.into_bytes()
}

/// Nobody at the shell is told of a web page, or to make a PDF of what is none.
#[test]
fn a_mistake_at_the_shell_is_told_as_one() {
    let desk = desk_with_key();
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let told = |words: &[&str], input: &std::path::Path, exit: i32, language: &str| {
        let mut command = desk.trien(["sign", "--lang", language, "--cert", "an", "--out"]);
        command
            .arg(desk.path("none"))
            .arg(input)
            .args(words)
            .args(desk.pin());
        fail(&mut command, exit)
    };
    for (words, said) in [
        (&["--appearance", "plian"][..], "plain, copy"),
        (&["--appearance", "person"], "--image"),
        (&["--appearance", "incoming"], "incoming ("),
        (&["--level", "t", "--tsa", "ftp://x"], "ftp://x"),
        (&["--level", "t", "--tsa", "tsa.example.vn"], "https://"),
        (&["--appearance", "plain", "--at-keyword", "Nowhere"], "keyword"),
        (
            &["--format", "xmldsig", "--template", "e-invoise"],
            "e-invoice-buyer",
        ),
    ] {
        let (vi, en) = (told(words, &dossier, 2, "vi"), told(words, &dossier, 2, "en"));
        assert!(!vi.contains("Trang web") && !vi.contains("vận hành"), "{vi}");
        assert!(vi.contains(said) && en.contains(said), "{vi}\n{en}");
    }
    let tsa = desk
        .trien(["sign", "--tsa", "ftp://x", "--out", "x", "x"])
        .output()
        .unwrap();
    let tsa = String::from_utf8(tsa.stderr).unwrap();
    assert_eq!(tsa.lines().count(), 2, "no line of a log: {tsa}");
    // A page of a stamp's size, alone and beside one where the signature fits.
    let small = desk.path("small.pdf");
    std::fs::write(&small, one_page("0 0 30 20")).unwrap();
    std::fs::create_dir(desk.path("shown")).unwrap();
    for (language, said) in [("vi", "quá nhỏ"), ("en", "too small")] {
        let shown = ["--appearance", "plain"];
        let alone = told(&shown, &small, 2, language);
        let mut both = desk.trien(["sign", "--lang", language, "--cert", "an", "--out"]);
        both.arg(desk.path("shown"))
            .args([&small, &dossier])
            .args(shown)
            .args(desk.pin());
        // What is signed, and what was not, are told on one list.
        let output = both.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        for told in [alone, String::from_utf8(output.stdout).unwrap()] {
            assert!(told.contains(said) && told.contains("--rectangle"), "{told}");
            assert!(
                !told.contains("Trang web") && !told.contains("The page sent"),
                "{told}"
            );
        }
    }
    let record = succeed(&mut desk.trien(["audit", "show", "--lang", "en"]));
    assert!(record.contains("signed (1/2)"), "{record}");
    let page = ["--appearance", "plain", "--page", "99"];
    assert!(told(&page, &dossier, 2, "vi").contains("trien sign --help"));
    let text = desk.path("đơn.txt");
    for (words, said) in [
        (&[][..], "--format cades"),
        (&["--format", "xades"], "XML"),
        (&["--format", "ooxml"], "Office"),
        (&["--parallel"], ".p7m"),
    ] {
        let vi = told(words, &text, 3, "vi");
        assert!(vi.contains(said) && !vi.contains("xuất lại"), "{vi}");
    }
    assert!(!desk.path("none").exists());
}

#[test]
fn a_certificate_that_is_not_clear_is_chosen_from_those_there_are() {
    let desk = desk_with_key();
    desk.add_key("binh", "ec:p256", "citizen");
    let told = |words: &[&str], language: &str| {
        let mut command = desk.trien(["sign", "--format", "cades", "--lang", language, "--out"]);
        command
            .arg(desk.path("none"))
            .arg(desk.path("đơn.txt"))
            .args(words)
            .args(desk.pin());
        fail(&mut command, 3)
    };
    for language in ["vi", "en"] {
        for words in [&[][..], &["--cert", "bính"]] {
            let told = told(words, language);
            assert!(
                told.contains("\n  an (Nguyễn Văn An an") && told.contains("\n  binh ("),
                "{told}"
            );
            assert!(
                told.contains("--cert") && !told.contains("cắm thiết bị chứa"),
                "{told}"
            );
        }
    }
}

#[test]
fn one_of_several_certificates_is_chosen_by_its_number_or_by_the_beginning_of_its_sha_256() {
    let desk = desk_with_key();
    desk.add_key("binh", "ec:p256", "citizen");
    let listed = read_json(&succeed(&mut desk.trien(["cert", "list", "--json"])));
    let sha256 = |label: &str| -> String {
        let all = listed.as_array().unwrap();
        let one = all.iter().find(|one| one["label"] == label).unwrap();
        one["sha256"].as_str().unwrap().to_owned()
    };
    let (an, binh) = (sha256("an"), sha256("binh"));
    let sign = |words: &[&str]| {
        let mut command = desk.trien(["sign", "--format", "cades", "--lang", "en", "--out"]);
        command
            .arg(desk.path("đơn.p7m"))
            .arg(desk.path("đơn.txt"))
            .args(words);
        command
    };
    let signer = || {
        let mut verify = desk.trien(["verify", "--json"]);
        let told = read_json(&succeed(verify.arg(desk.path("đơn.p7m"))));
        told[0]["signatures"][0]["signer"]["subject"]["common_name"].to_string()
    };
    let colons = binh[..12].to_uppercase();
    let colons = format!("{}:{}:{}", &colons[..4], &colons[4..8], &colons[8..]);
    for (selector, name) in [(&an[..8], " an\""), (&binh[..8], " binh\""), (&colons, " binh\"")] {
        succeed(sign(&["--cert", selector]).args(desk.pin()));
        assert!(signer().ends_with(name), "{selector}: {}", signer());
    }
    // Shorter, it could be anything.
    let short = fail(sign(&["--cert", &an[..7]]).args(desk.pin()), 3);
    assert!(short.contains("the first 8 digits"), "{short}");

    let pin = format!("{PIN}\r");
    let asked = format!("PIN of \"{TOKEN}\": ");
    let (exit, told) = at_terminal(
        &sign(&[]),
        &[("1 to 2:", "3\r"), ("1 to 2:", "2\r"), (&asked, &pin)],
    );
    assert_eq!(exit, 0, "{told}");
    assert!(told.contains("1. ") && told.contains("2. "), "{told}");
    assert!(
        told.contains("\"3\" is none of the numbers. Ctrl-C leaves."),
        "{told}"
    );
    let second = told
        .lines()
        .find(|line| line.trim_start().starts_with("2. "))
        .unwrap();
    let label = second.trim_start()[3..].split(' ').next().unwrap().to_owned();
    assert!(
        signer().ends_with(&format!(" {label}\"")),
        "{second}: {}",
        signer()
    );
    let (exit, told) = at_terminal(&sign(&[]), &[("1 to 2:", "\u{3}")]);
    assert_eq!(exit, 1, "Ctrl-C is a no: {told}");
    // A program is not asked.
    let (exit, told) = at_terminal(&sign(&["--json"]), &[]);
    assert_eq!(exit, 3, "{told}");
    assert!(told.contains("certificate_not_found"), "{told}");
}

#[test]
fn a_certificate_that_is_not_valid_now_is_named_with_its_date() {
    let desk = Desk::with_keys(&[
        ("old", "ec:p256", "expired"),
        ("early", "ec:p256", "not_yet_valid"),
    ]);
    std::fs::write(desk.path("đơn.txt"), "x").unwrap();
    let told = |language: &str, selector: &[&str]| {
        let mut sign = desk.trien(["sign", "--format", "cades", "--lang", language, "--out"]);
        sign.arg(desk.path("none"))
            .arg(desk.path("đơn.txt"))
            .args(selector);
        fail(sign.args(desk.pin()), 1)
    };
    let both = told("en", &[]);
    assert!(
        both.contains(": expired at 20") && both.contains(": valid from 20"),
        "{both}"
    );
    let one = told("vi", &["--cert", "old"]);
    assert!(
        one.contains(": hết hạn lúc ") && !one.contains("có hiệu lực từ"),
        "{one}"
    );
}

#[test]
fn help_has_examples_and_a_mistake_names_the_help_of_its_verb() {
    let desk = Desk::bare();
    for language in ["vi", "en"] {
        let help = succeed(&mut desk.trien(["--help", "--lang", language]));
        let heading = if language == "vi" {
            "Ví dụ:"
        } else {
            "Examples:"
        };
        let (_, examples) = help.split_once(heading).unwrap();
        assert!(
            examples.starts_with("\n  trien ") && !examples.contains(heading),
            "{help}"
        );
    }
    for verb in [
        "sign", "verify", "augment", "token", "origin", "trust", "cert", "audit",
    ] {
        let help = succeed(&mut desk.trien([verb, "--help", "--lang", "vi"]));
        assert!(help.contains(&format!("\n\nVí dụ:\n  trien {verb} ")), "{help}");
        assert_eq!(help, succeed(&mut desk.trien(["help", verb, "--lang", "vi"])));
    }
    for verb in ["daemon", "doctor"] {
        let help = succeed(&mut desk.trien([verb, "--help", "--lang", "vi"]));
        let (_, examples) = help.split_once("\n\nVí dụ:\n").unwrap();
        assert!(examples.contains(&format!("  trien {verb}\n")), "{help}");
    }
    let told = fail(&mut desk.trien(["token", "init", "--nope"]), 2);
    assert!(told.contains("trien token init --help"), "{told}");
}

/// The example of the help: several files into a folder that its name says to be one.
#[test]
fn a_folder_for_the_results_is_made_and_does_not_stay_empty() {
    let desk = desk_with_key();
    std::fs::write(desk.path("hai.txt"), "hai").unwrap();
    let sign = |out: &str, pin: &std::path::Path| {
        let mut command = desk.trien(["sign", "--format", "cades", "--cert", "an", "--out", out]);
        command
            .args([desk.path("đơn.txt"), desk.path("hai.txt")])
            .arg("--pin-file")
            .arg(pin);
        command
    };
    let folder = desk.path("signed");
    let (plain, named) = (folder.display().to_string(), format!("{}/", folder.display()));
    let pin = desk.pin_file();
    let told = fail(&mut sign(&plain, &pin), 2);
    assert!(told.contains("\"/\" ends its name"), "{told}");
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "99999999\n").unwrap();
    assert_eq!(error_code(&mut sign(&named, &wrong), 1), "pin_incorrect");
    assert!(!folder.exists());
    succeed(&mut sign(&named, &pin));
    for name in ["đơn.txt.p7m", "hai.txt.p7m"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
}

#[test]
fn a_new_pin_that_cannot_be_one_is_told_with_its_bounds() {
    let desk = desk_with_key();
    let short = desk.path("short");
    std::fs::write(&short, "1\n").unwrap();
    let mut change = desk.trien(["token", "change-pin", "--lang", "en", "--token", TOKEN]);
    let told = fail(change.args(desk.pin()).arg("--new-pin-file").arg(&short), 1);
    assert!(
        told.contains("Choose a new PIN of ") && !told.contains("provider"),
        "{told}"
    );
}

#[test]
fn a_list_has_no_empty_part_and_no_word_twice() {
    let desk = Desk::with_token();
    let trust = desk.home().join("config/trust");
    if trust.exists() {
        std::fs::remove_dir_all(trust).unwrap();
    }
    let listed = succeed(&mut desk.trien(["trust", "list", "--lang", "en"]));
    assert_eq!(listed, "No certificate is trusted here.\n");
    let listed = succeed(&mut desk.trien(["token", "list", "--lang", "en"]));
    assert!(
        listed.contains("chip Trien SoftToken") && !listed.contains("Trien Trien"),
        "{listed}"
    );
}

#[test]
fn a_configuration_that_was_named_is_there() {
    let desk = Desk::bare();
    let mut daemon = desk.trien(["daemon", "--config"]);
    assert_eq!(
        error_code(daemon.arg(desk.path("none.toml")), 3),
        "cli-unreadable"
    );
    let told = fail(
        desk.trien(["daemon", "--lang", "vi", "--config"])
            .arg(desk.path("none.toml")),
        3,
    );
    assert!(
        told.contains("không có tệp") && !told.contains("os error"),
        "{told}"
    );
}

#[test]
fn a_log_in_a_pipe_has_no_colours() {
    let desk = Desk::bare();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    std::fs::write(desk.home().join("config/config.toml"), "[websocket]\nport = 0\n").unwrap();
    let mut daemon = desk
        .trien(["daemon"])
        .env("TRIEN_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(daemon.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(line.contains("trien") && !line.contains('\u{1b}'), "{line}");
}

#[test]
fn what_was_known_of_an_untrusted_signer_names_him() {
    let desk = desk_with_key();
    std::fs::remove_dir_all(desk.home().join("config/trust")).unwrap();
    succeed(sign(&desk).args(desk.pin()));
    let kept = succeed(&mut desk.trien(["trust", "evidence"]));
    assert!(kept.contains("Nguyễn Văn An"), "{kept}");
    let words = ["trust", "evidence", "--before", "2026-01-01T00:00:00Z"];
    assert_eq!(error_code(&mut desk.trien(words), 2), "trust-evidence-before");
}

#[test]
fn an_address_that_was_copied_is_answered_with_its_origin() {
    let desk = Desk::bare();
    for (given, meant) in [
        ("https://dichvucong.gov.vn/don?id=1", "https://dichvucong.gov.vn"),
        ("https://đất.vn", "https://xn--"),
    ] {
        let told = fail(&mut desk.trien(["origin", "allow", given]), 2);
        assert!(told.contains(&format!("like this: {meant}")), "{told}");
    }
}

#[test]
fn a_pin_file_that_everybody_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk_with_key();
    let told = |mode| {
        std::fs::set_permissions(desk.pin_file(), std::fs::Permissions::from_mode(mode)).unwrap();
        let output = sign(&desk).args(desk.pin()).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told(0o644).contains("0600"));
    assert_eq!(told(0o600), "");
}

/// The unit that `make install` installs, as systemd itself reads it.
#[test]
fn the_user_unit_is_taken_by_systemd_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(repository().join("daemon/packaging/trien.service")).unwrap();
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_trien"))
        .parent()
        .unwrap();
    let file = folder.path().join("trien.service");
    std::fs::write(&file, unit.replace("@bindir@", programs.to_str().unwrap())).unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["--user", "verify"])
        .arg(&file)
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .expect("this test needs systemd-analyze");
    let told = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && told.is_empty(), "{told}");
}
