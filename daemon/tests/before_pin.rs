//! What is looked at before a PIN is asked for (Circular 15/2025/TT-BKHCN, article 5): validity, usage, path and revocation
//! of the certificate; and what is kept of it. The PIN here is a wrong one wherever it must not come to be used.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::office::{Server, free_port, responder, signed_by_a_stranger};
use support::{
    Desk, add_active_content, add_what_cannot_be_read, add_what_is_shown_otherwise, alter_page, at_terminal,
    error_code, fail, repository, succeed,
};

fn sign(desk: &Desk, key: &str, out: &str) -> Command {
    let name = format!("Nguyễn Văn An {key}");
    let mut sign = desk.trien([
        "sign",
        "--format",
        "cades",
        "--detached",
        "--cert",
        &name,
        "--out",
    ]);
    sign.arg(desk.path(out)).arg(repository().join("README.md"));
    sign
}

/// The same with a PIN that costs a try.
fn sign_wrongly(desk: &Desk, key: &str) -> Command {
    let wrong = desk.path("wrong");
    std::fs::write(&wrong, "11111111\n").unwrap();
    let mut sign = sign(desk, key, "x.p7s");
    sign.arg("--pin-file").arg(wrong);
    sign
}

fn import_lists(desk: &Desk) {
    succeed(
        Command::new(repository().join("testdata/pki/publish-crl.sh"))
            .arg(desk.pki())
            .arg("ca"),
    );
    let mut import = desk.trien(["trust", "import-crl"]);
    succeed(import.args(["root.crl", "ca.crl"].map(|list| desk.pki().join(list))));
}

#[test]
fn n107_a_certificate_that_may_not_sign_now_is_refused_before_the_pin() {
    let desk = Desk::with_keys(&[
        ("old", "ec:p256", "expired"),
        ("early", "ec:p256", "not_yet_valid"),
        ("sealed", "ec:p256", "encryption_only"),
        ("bad", "ec:p256", "revoked"),
        ("good", "ec:p256", "citizen"),
    ]);
    import_lists(&desk);
    for (key, said) in [
        ("old", "certificate_expired"),
        ("early", "certificate_expired"),
        ("sealed", "certificate_unsuitable"),
        ("bad", "certificate_revoked"),
        // Here nothing stands in the way, and the PIN is tried.
        ("good", "pin_incorrect"),
    ] {
        let output = sign_wrongly(&desk, key).arg("--json").output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(!output.status.success() && told.contains(said), "{key}: {told}");
        assert!(!desk.path("x.p7s").exists(), "{key}");
    }
}

#[test]
fn what_is_known_of_a_revocation_is_listed_and_as_of_when_as_the_window_would_say_it() {
    let desk = Desk::with_keys(&[("good", "ec:p256", "citizen"), ("bad", "ec:p256", "revoked")]);
    let listed = || {
        let list: Value =
            serde_json::from_str(&succeed(&mut desk.trien(["cert", "list", "--json"]))).unwrap();
        let of = |key: &str| {
            let is_it = |one: &&Value| one["subject"]["common_name"].as_str().unwrap().ends_with(key);
            let one = list.as_array().unwrap().iter().find(is_it).unwrap();
            (one["status"].clone(), one["status_as_of"].clone())
        };
        (of("good"), of("bad"))
    };
    assert_eq!(
        listed(),
        ((json!("unknown"), Value::Null), (json!("unknown"), Value::Null))
    );
    let doctor = || {
        let output = desk.trien(["doctor"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!doctor().contains("REVOKED"), "nothing is known yet");
    import_lists(&desk);
    let (good, bad) = listed();
    assert_eq!((&good.0, &bad.0), (&json!("good"), &json!("revoked")));
    for (_, as_of) in [good, bad] {
        // The list is of now; the day here may be the next already.
        let day = julian(&json!(as_of.as_str().unwrap()[..10])).unwrap();
        assert!((0..=1).contains(&(julian(&today()).unwrap() - day)), "{as_of}");
    }
    let doctor = doctor();
    let line = doctor.lines().find(|line| line.contains("REVOKED")).unwrap();
    assert!(line.contains("An bad"), "{doctor}");
    for (language, said) in [
        ("en_US.UTF-8", "REVOKED since"),
        ("vi_VN.UTF-8", "ĐÃ BỊ THU HỒI từ"),
    ] {
        let list = succeed(desk.trien(["cert", "list"]).env("LC_ALL", language));
        assert_eq!(list.matches(said).count(), 1, "{list}");
    }
}

#[test]
fn what_is_not_known_of_a_revocation_is_refused_where_the_policy_wants_it_known() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let config = desk.home().join("config/config.toml");
    std::fs::write(config, "require_revocation = true\n").unwrap();
    let output = sign_wrongly(&desk, "an").arg("--json").output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("certificate_status_unknown"), "{told}");
    import_lists(&desk);
    succeed(sign(&desk, "an", "known.p7s").args(desk.pin()));
}

/// A calendar date as a number of days.
fn julian(date: &Value) -> Option<i64> {
    let form = time::macros::format_description!("[year]-[month]-[day]");
    let day = time::Date::parse(date.as_str()?, &form).unwrap();
    Some(day.to_julian_day().into())
}

/// The day as the window shows it: Vietnam's.
fn today() -> Value {
    let now = time::OffsetDateTime::now_utc().to_offset(time::macros::offset!(+7));
    json!(now.date().to_string())
}

/// Of each certificate: the key's label, the warnings, and as of when it was not revoked.
type Told = Vec<(String, Value, Value)>;

/// What the window is told of each certificate, when a page asks for signatures.
fn told_in_the_window(desk: &Desk) -> Told {
    told_in_the_window_with(desk, "")
}

/// The same, with these lines in the configuration.
fn told_in_the_window_with(desk: &Desk, lines: &str) -> Told {
    allow(desk, PORTAL, &[]);
    let (daemon, question) = Daemon::keeping_the_question_with(desk, lines);
    told_by(&daemon, &question)
}

/// The same by a daemon that runs, whose window leaves its question in this file.
fn told_by(daemon: &Daemon, question: &Path) -> Told {
    let _old = std::fs::remove_file(question);
    let mut page = Page::over_websocket(daemon);
    page.hello();
    let document = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    let call = json!({ "documents": [document], "format": "cades_detached" });
    let refused = page.call("sign_documents", &call);
    assert!(refused["error"].is_object(), "{refused}");
    let asked = std::fs::read(question).unwrap_or_else(|error| panic!("{error}: {refused}"));
    let asked: Value = serde_json::from_slice(&asked).unwrap();
    let shown = asked["certificates"].as_array().unwrap().iter();
    for one in asked["certificates"].as_array().unwrap() {
        // The days are those between the dates that are shown.
        let ends = one["warnings"]
            .as_array()
            .unwrap()
            .contains(&json!("expires_soon"));
        let left = julian(&one["not_after"])
            .zip(julian(&today()))
            .map(|(last, today)| last - today);
        assert_eq!(one["days_left"].as_i64(), left.filter(|_| ends), "{one}");
        let age = julian(&one["status_as_of"])
            .zip(julian(&today()))
            .map(|(day, today)| today - day);
        assert_eq!(one["status_days"].as_i64(), age, "{one}");
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
fn warned(name: &str, told: &Told) -> (Value, Value) {
    let (_, warnings, as_of) = told.iter().find(|one| one.0 == name).unwrap().clone();
    (warnings, as_of)
}

#[test]
fn the_window_says_what_is_doubtful_of_a_certificate_and_as_of_when_it_was_not_revoked() {
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
    let today = today();
    for (name, warnings, as_of) in [
        ("sound", json!(["software_token"]), &today),
        ("ending", json!(["expires_soon", "software_token"]), &today),
        // No path, and so nobody whose list would count.
        (
            "weak",
            json!(["status_unknown", "weak_algorithm", "software_token"]),
            &Value::Null,
        ),
    ] {
        assert_eq!(warned(name, &known), (warnings, as_of.clone()), "{name}");
    }
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
    assert!(told_at_the_shell(&desk, "sound", "en").contains(today().as_str().unwrap()));
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
    assert_eq!(answer["status_as_of"], today(), "{answer}");
    std::fs::remove_file(desk.home().join("config/trust/root.pem")).unwrap();
    check("sound", &[UNKNOWN, PATH, SOFTWARE]);
}

/// Responders and lists are asked; those here are on this computer.
const ASKING: &str = "[network]\nrevocation = true\nprivate_addresses = true\n";

/// A desk whose certificates say that answers and lists are to be had at this port, where nobody is yet.
fn published(keys: &[(&str, &str, &str)]) -> (Desk, u16) {
    let port = free_port();
    let desk = Desk::with_keys_published_at(&format!("127.0.0.1:{port}"), keys);
    responder(&desk);
    (desk, port)
}

fn configure(desk: &Desk, lines: &str) {
    std::fs::write(desk.home().join("config/config.toml"), lines).unwrap();
}

#[test]
fn responder_and_list_are_asked_before_the_question_and_what_they_say_is_kept() {
    let (desk, port) = published(&[("sound", "ec:p256", "citizen"), ("bad", "ec:p256", "revoked")]);
    let unknown = (json!(["status_unknown", "software_token"]), Value::Null);
    let down = told_in_the_window_with(&desk, ASKING);
    for name in ["sound", "bad"] {
        assert_eq!(warned(name, &down), unknown, "nobody answers");
    }
    let server = Server::start(desk.pki(), port);
    // What is fetched over the network is fetched only where the configuration says so, and nobody is asked at an
    // address of this computer unless it says that too.
    told_in_the_window(&desk);
    told_in_the_window_with(&desk, "[network]\nrevocation = true\n");
    assert_eq!(server.requests(), 0);

    let (daemon, question) = Daemon::keeping_the_question_with(&desk, ASKING);
    let good = (json!(["software_token"]), today());
    for turn in 0..3 {
        let known = told_by(&daemon, &question);
        assert_eq!(warned("sound", &known), good, "{turn}");
        assert_eq!(known.len(), 1, "who is revoked is not offered: {known:?}");
    }
    drop(daemon);
    let mut asked = server.asked();
    asked.sort();
    assert_eq!(
        asked,
        ["/responder", "/responder", "/root.crl"],
        "once for each certificate, and never again while the answers are in force"
    );
    // A daemon that starts later has them still, also where it may not ask.
    assert_eq!(warned("sound", &told_in_the_window(&desk)), good);
}

#[test]
fn n107_what_a_responder_says_is_obeyed_before_the_pin_and_its_silence_as_the_policy_says() {
    let (desk, port) = published(&[("an", "ec:p256", "citizen"), ("bad", "ec:p256", "revoked")]);
    let said = |key: &str| error_code(&mut sign_wrongly(&desk, key), 1);
    let strict = format!("require_revocation = true\n{ASKING}");
    configure(&desk, ASKING);
    assert_eq!(
        said("an"),
        "pin_incorrect",
        "nobody answers: no more than a warning"
    );
    configure(&desk, &strict);
    assert_eq!(said("an"), "certificate_status_unknown");
    let server = Server::start(desk.pki(), port);
    assert_eq!(said("bad"), "certificate_revoked");
    assert_eq!(said("an"), "pin_incorrect", "nothing stands in the way any more");
    succeed(sign(&desk, "an", "known.p7s").args(desk.pin()));
    let evidence = succeed(&mut desk.trien(["trust", "evidence", "--json"]));
    let evidence: Value = serde_json::from_str(&evidence).unwrap();
    let known = &evidence[0]["path"][0]["revocation"];
    assert_eq!(
        (&known["status"], &known["source"]),
        (&json!("good"), &json!("ocsp")),
        "{evidence}"
    );
    assert!(known["this_update"].is_string(), "as of when: {evidence}");
    assert_eq!(
        evidence[0]["path"][1]["revocation"]["source"], "crl",
        "{evidence}"
    );
    assert_eq!(server.requests(), 3, "{:?}", server.asked());
}

#[test]
fn where_no_responder_answers_the_list_is_asked_and_an_imported_one_speaks_for_itself() {
    let (desk, port) = published(&[("sound", "ec:p256", "citizen"), ("bad", "ec:p256", "revoked")]);
    // The responder's key is a stranger's now.
    let words =
        "req -x509 -newkey rsa:2048 -nodes -keyout responder.key -subj /C=VN/CN=OCSP -out responder.pem";
    let mut forge = Command::new("openssl");
    succeed(forge.current_dir(desk.pki()).args(words.split(' ')));
    let lists = ["ca.crl", "root.crl"].map(|list| desk.pki().join(list));
    let true_lists = lists.clone().map(|list| std::fs::read(list).unwrap());
    // And so are the lists: in the issuers' names, by another key.
    for name in ["ca", "root"] {
        let forge = "cp private/NAME.key kept && cp private/impostor.key private/NAME.key && \
                     cp NAME.pem kept.pem && openssl x509 -in kept.pem -signkey private/NAME.key -days 30 \
                     -out NAME.pem && \"$PUBLISH\" . NAME; cp kept private/NAME.key; cp kept.pem NAME.pem";
        let forge = forge.replace("NAME", name);
        succeed(
            Command::new("sh")
                .args(["-c", &forge])
                .current_dir(desk.pki())
                .env("PUBLISH", repository().join("testdata/pki/publish-crl.sh")),
        );
    }
    for (list, bytes) in lists.iter().zip(&true_lists) {
        assert_ne!(&std::fs::read(list).unwrap(), bytes, "{list:?} is a forged one");
    }
    let server = Server::start(desk.pki(), port);
    let forged = told_in_the_window_with(&desk, ASKING);
    let unknown = (json!(["status_unknown", "software_token"]), Value::Null);
    assert_eq!(warned("sound", &forged), unknown);
    let kept = std::fs::read_dir(desk.home().join("data/revocation")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing that is not its issuer's word");
    let asked = server.asked();
    for path in ["/responder", "/ca.crl", "/root.crl"] {
        assert!(asked.iter().any(|one| one == path), "{asked:?}");
    }
    for (list, bytes) in lists.iter().zip(true_lists) {
        std::fs::write(list, bytes).unwrap();
    }
    let known = told_in_the_window_with(&desk, ASKING);
    assert_eq!(warned("sound", &known), (json!(["software_token"]), today()));
    assert_eq!(known.len(), 1, "the list says who was revoked: {known:?}");

    // On a computer without the network, the same lists from a file.
    std::fs::remove_dir_all(desk.home().join("data/revocation")).unwrap();
    let mut import = desk.trien(["trust", "import-crl"]);
    succeed(import.args(lists));
    let asked = server.requests();
    let imported = told_in_the_window_with(&desk, ASKING);
    assert_eq!(warned("sound", &imported), (json!(["software_token"]), today()));
    assert_eq!(imported.len(), 1, "{imported:?}");
    assert_eq!(server.requests(), asked, "what is known is not asked for");
}

#[test]
fn n156_responders_and_lists_that_misbehave_are_not_waited_for_and_not_followed() {
    let (desk, port) = published(&[("an", "ec:p256", "citizen")]);
    let server = Server::start(desk.pki(), port);
    let said = || error_code(&mut sign_wrongly(&desk, "an"), 1);
    configure(&desk, &format!("require_revocation = true\n{ASKING}"));
    for trouble in ["redirect", "elsewhere", "html", "bomb", "endless"] {
        server.misbehave(trouble);
        let (before, start) = (server.requests(), Instant::now());
        assert_eq!(said(), "certificate_status_unknown", "{trouble}");
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{trouble}: {:?}",
            start.elapsed()
        );
        // Each once, and no redirect is followed.
        let mut asked = server.asked()[before..].to_vec();
        asked.sort();
        assert_eq!(asked, ["/ca.crl", "/responder", "/root.crl"], "{trouble}");
    }
    // An octet at a time: all of them together have fifteen seconds, and then the person is asked.
    server.misbehave("drip");
    configure(&desk, ASKING);
    let start = Instant::now();
    let told = fail(&mut sign_wrongly(&desk, "an"), 1);
    assert!(told.contains("not to be learnt in time"), "{told}");
    assert!(told.contains("PIN was wrong"), "{told}");
    assert!(
        (10..20).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
    let kept = std::fs::read_dir(desk.home().join("data/revocation")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing that is no answer and no list");
}

#[test]
fn n159_no_address_is_asked_that_nobody_here_vouches_for() {
    let (desk, port) = published(&[("an", "ec:p256", "citizen")]);
    let server = Server::start(desk.pki(), port);
    std::fs::remove_file(desk.home().join("config/trust/root.pem")).unwrap();
    let lost = told_in_the_window_with(&desk, ASKING);
    let warnings = json!(["status_unknown", "path_unknown", "software_token"]);
    assert_eq!(warned("an", &lost), (warnings, Value::Null));
    // And what a page brings to have it verified leads nowhere.
    let signed = std::fs::read(signed_by_a_stranger(&desk.pki(), &server.url("tracking"))).unwrap();
    let (daemon, _) = Daemon::keeping_the_question_with(&desk, ASKING);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let document = page.upload("lạ.p7m", &signed);
    let reply = page.call("verify_documents", &json!({ "documents": [document] }));
    assert_eq!(reply["result"]["documents"][0]["valid"], false, "{reply}");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn a_weak_algorithm_above_a_certificate_is_refused_where_the_policy_is_strict() {
    let desk = Desk::with_keys(&[("weak", "ec:p256", "sha1")]);
    import_lists(&desk);
    for (config, said) in [
        // Told in the window, and no more.
        ("", "pin_incorrect"),
        ("require_revocation = true\n", "certificate_status_unknown"),
    ] {
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
        let output = sign_wrongly(&desk, "weak").arg("--json").output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(
            !output.status.success() && told.contains(said),
            "{config:?}: {told}"
        );
    }
}

/// SoftHSM, which has short keys as old tokens do, with one key of 1024 bits and a certificate for it.
fn add_a_token_with_a_short_key(desk: &Desk) {
    let script = r#"
        set -e
        mkdir tokens
        echo "directories.tokendir = $PWD/tokens" > "$SOFTHSM2_CONF"
        openssl req -new -newkey rsa:1024 -nodes -utf8 -subj "/C=VN/CN=Nguyễn Văn An short" -keyout short.key -out short.csr
        "$ISSUE" pki citizen short.csr short.pem
        openssl pkcs8 -topk8 -nocrypt -in short.key -out short.p8
        openssl x509 -in short.pem -outform DER -out short.der
        softhsm2-util --init-token --free --label old --pin 24681357 --so-pin 24681357
        softhsm2-util --import short.p8 --token old --label short --id a1 --pin 24681357
        pkcs11-tool --module "$MODULE" --login --pin 24681357 --write-object short.der --type cert --label short --id a1
    "#;
    succeed(
        Command::new("sh")
            .args(["-c", script])
            .current_dir(desk.path(""))
            .env("SOFTHSM2_CONF", desk.path("softhsm2.conf"))
            .env("ISSUE", repository().join("testdata/pki/issue.sh"))
            .env("MODULE", SOFTHSM),
    );
    let config = format!(
        "[[modules]]\nname = \"old\"\npath = \"{SOFTHSM}\"\nenvironment = [\"SOFTHSM2_CONF\"]\nfolders = [{:?}]\n",
        desk.path("")
    );
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
}

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

#[test]
fn a_key_that_is_too_short_is_refused_before_the_pin() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    add_a_token_with_a_short_key(&desk);
    let output = sign_wrongly(&desk, "short")
        .env("SOFTHSM2_CONF", desk.path("softhsm2.conf"))
        .arg("--json")
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(
        !output.status.success() && told.contains("certificate_unsuitable"),
        "{told}"
    );
}

#[test]
fn what_was_known_of_the_certificate_is_kept_with_each_signature_until_it_is_erased() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    succeed(sign(&desk, "an", "before.p7s").args(desk.pin()));
    import_lists(&desk);
    succeed(sign(&desk, "an", "after.p7s").args(desk.pin()));
    let kept = || -> Value {
        let listed = succeed(&mut desk.trien(["trust", "evidence", "--json"]));
        serde_json::from_str(&listed).unwrap()
    };
    let evidence = kept();
    let [before, after] = evidence.as_array().unwrap().as_slice() else {
        panic!("{evidence}");
    };
    assert_eq!(before["path"][0]["revocation"]["status"], "unknown", "{before}");
    let known = &after["path"][0]["revocation"];
    assert_eq!(
        (&known["status"], &known["source"]),
        (&"good".into(), &"crl".into()),
        "{after}"
    );
    assert!(known["this_update"].is_string(), "as of when");
    for (one, name) in [(before, "before.p7s"), (after, "after.p7s")] {
        let digest = succeed(Command::new("sha256sum").arg(desk.path(name)));
        assert_eq!(one["results"][0], digest[..64]);
        assert!(one["certificate"].as_str().unwrap().starts_with("MII"));
    }
    let until = after["signed_at"].as_str().unwrap();
    succeed(&mut desk.trien(["trust", "evidence", "--erase", "--before", until]));
    assert_eq!(kept().as_array().unwrap().len(), 1);
    succeed(&mut desk.trien(["trust", "evidence", "--erase"]));
    assert_eq!(kept().as_array().unwrap().len(), 0);
}

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

/// A page whose content is an object that is not there.
fn page_drawn_by_nothing() -> String {
    let bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 9 0 R >>",
    ];
    let (mut file, mut table) = (
        "%PDF-1.7\n".to_owned(),
        "xref\n0 4\n0000000000 65535 f \n".to_owned(),
    );
    for (number, body) in (1..).zip(bodies) {
        table += &format!("{:010} 00000 n \n", file.len());
        file += &format!("{number} 0 obj\n{body}\nendobj\n");
    }
    let start = file.len();
    file + &table + &format!("trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n")
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
    std::fs::write(&may_come, page_drawn_by_nothing()).unwrap();
    let documents: Vec<Value> = [
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
