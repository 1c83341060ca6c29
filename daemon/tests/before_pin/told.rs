//! What the person is told of a certificate before he types its PIN, in the window and at the shell.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, PORTAL, Page, allow};
use crate::support::{Desk, at_terminal, succeed};
use crate::{import_lists, is_since, julian, sign, sign_wrongly, today};

/// Of each certificate: the key's label, the warnings, and as of when it was not revoked.
pub(crate) type Told = Vec<(String, Value, Value)>;

/// What the window is told of each certificate, when a page asks for signatures.
pub(crate) fn told_in_the_window(desk: &Desk) -> Told {
    told_in_the_window_with(desk, "")
}

/// The same, with these lines in the configuration.
pub(crate) fn told_in_the_window_with(desk: &Desk, lines: &str) -> Told {
    allow(desk, PORTAL, &[]);
    let (daemon, question) = Daemon::keeping_the_question_with(desk, lines);
    told_by(&daemon, &question)
}

/// The same by a daemon that runs, whose window leaves its question in this file.
pub(crate) fn told_by(daemon: &Daemon, question: &Path) -> Told {
    let _old = std::fs::remove_file(question);
    let mut page = Page::over_websocket(daemon);
    page.hello();
    let document = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    let call = json!({ "documents": [document], "format": "cades_detached" });
    let before = today();
    let refused = page.call("sign_documents", &call);
    assert!(refused["error"].is_object(), "{refused}");
    let asked = std::fs::read(question).unwrap_or_else(|error| panic!("{error}: {refused}"));
    let asked: Value = serde_json::from_slice(&asked).unwrap();
    let shown = asked["certificates"].as_array().unwrap().iter();
    // The daemon has counted on one of these.
    let days = [before, today()].map(|day| julian(&day));
    for one in asked["certificates"].as_array().unwrap() {
        // The days are those between the dates that are shown.
        let ends = one["warnings"]
            .as_array()
            .unwrap()
            .contains(&json!("expires_soon"));
        let last = julian(&one["not_after"]).filter(|_| ends);
        let left = days.map(|today| last.zip(today).map(|(last, today)| last - today));
        assert!(left.contains(&one["days_left"].as_i64()), "{one}");
        let since = julian(&one["status_as_of"]);
        let age = days.map(|today| since.zip(today).map(|(day, today)| today - day));
        assert!(age.contains(&one["status_days"].as_i64()), "{one}");
    }
    let name = |one: &Value| {
        one["name"]
            .as_str()
            .unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    shown
        .map(|one| (name(one), one["warnings"].clone(), one["status_as_of"].clone()))
        .collect()
}

/// What it is told of the certificate of this key.
pub(crate) fn warned(name: &str, told: &Told) -> (Value, Value) {
    let (_, warnings, as_of) = told.iter().find(|one| one.0 == name).unwrap().clone();
    (warnings, as_of)
}

/// Whether it is told that this certificate was not revoked as of a day since this one, and no more than that its key is
/// kept in software.
pub(crate) fn is_good(name: &str, told: &Told, began: &Value) -> bool {
    let (warnings, as_of) = warned(name, told);
    warnings == json!(["software_token"]) && is_since(began, &as_of)
}

#[test]
fn the_window_says_what_is_doubtful_of_a_certificate_and_as_of_when_it_was_not_revoked() {
    let began = today();
    let desk = Desk::with_keys(&[
        ("sound", "ec:p256", "citizen"),
        ("ending", "ec:p256", "expiring"),
        ("weak", "ec:p256", "sha1"),
    ]);
    let unknown = told_in_the_window(&desk);
    for (name, warnings) in [
        ("sound", json!(["status_unknown", "software_token"])),
        (
            "ending",
            json!(["expires_soon", "status_unknown", "software_token"]),
        ),
        (
            "weak",
            json!(["status_unknown", "weak_algorithm", "software_token"]),
        ),
    ] {
        assert_eq!(warned(name, &unknown), (warnings, Value::Null), "{name}");
    }
    import_lists(&desk);
    let known = told_in_the_window(&desk);
    // Both lists are of today.
    assert!(is_good("sound", &known, &began), "{known:?}");
    let (warnings, as_of) = warned("ending", &known);
    assert_eq!(warnings, json!(["expires_soon", "software_token"]));
    assert!(is_since(&began, &as_of), "{as_of}");
    // No path, and so nobody whose list would count.
    let weak = json!(["status_unknown", "weak_algorithm", "software_token"]);
    assert_eq!(warned("weak", &known), (weak, Value::Null));
    std::fs::remove_file(desk.home().join("config/trust/root.pem")).unwrap();
    let lost = told_in_the_window(&desk);
    let warnings = json!(["status_unknown", "path_unknown", "software_token"]);
    assert_eq!(warned("sound", &lost), (warnings, Value::Null));
}

/// What stands at a terminal when the PIN is asked for, in this language; the person leaves then.
fn told_at_the_shell(desk: &Desk, key: &str, language: &str) -> String {
    let asked = if language == "vi" {
        "Mã PIN của"
    } else {
        "PIN of"
    };
    let mut sign = sign(desk, key, "x.p7s");
    let (exit, told) = at_terminal(sign.args(["--lang", language]), &[(asked, "\u{3}")]);
    assert!(exit == 1 && told.contains(asked), "{told}");
    told.split(asked).next().unwrap().to_owned()
}

#[test]
fn the_shell_says_before_the_pin_whose_certificate_signs_what_is_known_of_it_and_what_is_doubtful() {
    let began = today();
    let desk = Desk::with_keys(&[
        ("sound", "ec:p256", "citizen"),
        ("ending", "ec:p256", "expiring"),
        ("weak", "ec:p256", "sha1"),
    ]);
    let held: Value = serde_json::from_str(&succeed(&mut desk.trien(["cert", "list", "--json"]))).unwrap();
    let held = held.as_array().unwrap();
    let expiry = |key: &str| {
        let is_it = |one: &&Value| one["label"] == key;
        let until = &held.iter().find(is_it).unwrap()["not_after"];
        let until = time::OffsetDateTime::parse(
            until.as_str().unwrap(),
            &time::format_description::well_known::Rfc3339,
        );
        let until = until.unwrap().to_offset(time::macros::offset!(+7));
        until.date().to_string()
    };
    const EXPIRES: [&str; 2] = ["expires in less than 30 days", "sắp hết hạn"];
    const UNKNOWN: [&str; 2] = [
        "was revoked could not be checked",
        "chưa kiểm tra được chứng thư số",
    ];
    const WEAK: [&str; 2] = ["no longer considered secure", "không còn được coi là an toàn"];
    const PATH: [&str; 2] = ["no path to a trusted root", "chưa tìm thấy đường dẫn"];
    const SOFTWARE: [&str; 2] = ["kept in software", "khóa nằm trong phần mềm"];
    const GOOD: [&str; 2] = ["Not revoked, as known on", "Không bị thu hồi, theo dữ liệu ngày"];
    const ALL: [[&str; 2]; 6] = [EXPIRES, UNKNOWN, WEAK, PATH, SOFTWARE, GOOD];
    let check = |key: &str, expected: &[[&str; 2]]| {
        for (place, language) in ["en", "vi"].into_iter().enumerate() {
            let told = told_at_the_shell(&desk, key, language);
            for words in ALL {
                let said = told.contains(words[place]);
                assert_eq!(said, expected.contains(&words), "{key}: {words:?}: {told}");
            }
            for fact in [format!("Nguyễn Văn An {key}"), expiry(key)] {
                assert!(told.contains(&fact), "{fact}: {told}");
            }
            let issued = [["Issued by", "valid from"], ["cấp", "có hiệu lực từ"]][place];
            assert!(issued.iter().all(|words| told.contains(words)), "{told}");
        }
    };
    check("sound", &[UNKNOWN, SOFTWARE]);
    check("ending", &[EXPIRES, UNKNOWN, SOFTWARE]);
    check("weak", &[UNKNOWN, WEAK, SOFTWARE]);
    import_lists(&desk);
    check("sound", &[GOOD, SOFTWARE]);
    check("ending", &[EXPIRES, GOOD, SOFTWARE]);
    check("weak", &[UNKNOWN, WEAK, SOFTWARE]);
    let told = told_at_the_shell(&desk, "sound", "en");
    let says = |day: &Value| told.contains(day.as_str().unwrap());
    assert!(says(&began) || says(&today()), "{told}");
    // A PIN from a file is no reason to say less, and a program has it in its answer and nothing on the side.
    let output = sign_wrongly(&desk, "weak").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("Nguyễn Văn An weak") && told.contains(WEAK[0]),
        "{told}"
    );
    let output = sign(&desk, "ending", "ending.p7s")
        .args(desk.pin())
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        answer["warnings"],
        json!(["expires_soon", "software_token"]),
        "{answer}"
    );
    assert!(is_since(&began, &answer["status_as_of"]), "{answer}");
    std::fs::remove_file(desk.home().join("config/trust/root.pem")).unwrap();
    check("sound", &[UNKNOWN, PATH, SOFTWARE]);
}

/// The signer's own certificate is as today's are; the one above it is made with SHA-1.
#[test]
fn an_authority_that_is_certified_with_sha_1_is_told_in_the_window_and_at_the_shell() {
    let desk = Desk::with_keys(&[("sound", "ec:p256", "citizen")]);
    desk.certify_authority_with_sha1();
    import_lists(&desk);
    let told = told_in_the_window(&desk);
    let (warnings, as_of) = warned("sound", &told);
    let weak = json!(["status_unknown", "weak_algorithm", "software_token"]);
    assert_eq!((warnings, as_of), (weak, Value::Null));
    for (language, said) in [
        ("vi", "không còn được coi là an toàn"),
        ("en", "no longer considered secure"),
    ] {
        let told = told_at_the_shell(&desk, "sound", language);
        assert!(told.contains(said) && told.contains("SHA-1"), "{told}");
    }
}
