//! `trien origin` and `trien audit`: permissions and the record, in words.

use std::process::Command;

use crate::support::{Desk, error_code, fail, put_behind, read_json, succeed};
use crate::{desk_with_key, sign};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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
    let times = || {
        let listed = read_json(&succeed(&mut desk.trien(["origin", "list", "--json"])));
        ["granted", "expires"].map(|key| {
            let text = listed[0][key].as_str().unwrap();
            OffsetDateTime::parse(text, &Rfc3339).unwrap()
        })
    };
    // A permission has an end, unless somebody says that it has none.
    allow(&[]);
    let [granted, expires] = times();
    assert_eq!((expires - granted).whole_days(), 365);
    // By the clock on the wall, when it is given and whenever it is looked at.
    let day = |time: OffsetDateTime| time.to_offset(time::macros::offset!(+7)).date().to_string();
    let told = allow(&["--lang", "en"]);
    let [_, expires] = times();
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

/// What cannot be read is not empty, what is broken says so, and a program gets one document of JSON whatever it is.
#[test]
fn a_record_that_cannot_be_shown_is_never_called_empty() {
    let desk = desk_with_key();
    let show = |words: &[&'static str]| desk.trien([&["audit", "show"], words].concat());
    assert_eq!(error_code(&mut show(&["--last", "0"]), 2), "misuse-bad-value");
    succeed(sign(&desk).args(desk.pin()));
    let file = desk.home().join("data/audit.jsonl");
    let good = std::fs::read_to_string(&file).unwrap();
    let whole = read_json(&succeed(&mut show(&["--json"])));
    let whole = whole.as_array().unwrap();

    // The second entry, and the first.
    for (bad, changed) in [(2, "approved"), (1, "asked")] {
        std::fs::write(&file, good.replacen(changed, "refused", 1)).unwrap();
        let told = show(&["--json"]).output().unwrap();
        assert_eq!((told.status.code(), &told.stderr[..]), (Some(1), &b""[..]));
        let told = read_json(&String::from_utf8(told.stdout).unwrap());
        assert_eq!(
            (&told["intact"], &told["first_bad_entry"]),
            (&json!(false), &json!(bad))
        );
        assert_eq!(told["entries"].as_array().unwrap()[..], whole[..bad - 1]);
        let told = show(&[]).output().unwrap();
        let shown = String::from_utf8(told.stdout).unwrap();
        assert_eq!(shown.matches("+07:00").count(), bad - 1, "{shown}");
        assert!(!shown.contains("empty"), "{shown}");
        let said = String::from_utf8(told.stderr).unwrap();
        assert!(said.contains(&format!("entry {bad} does not follow")), "{said}");
        let receipt = desk.path("receipt.json");
        let words =
            json!({ "manifest": "", "entry": 1, "hash": "", "time": "", "certificate": "", "results": [] });
        std::fs::write(&receipt, words.to_string()).unwrap();
        let mut verify = desk.trien(["audit", "verify", "--json", "--receipt"]);
        let told = read_json(&fail(verify.arg(&receipt), 1));
        assert_eq!(told, json!({ "intact": false, "first_bad_entry": bad }));
    }

    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(error_code(&mut show(&[]), 3), "audit-unreadable");
    let told = show(&[]).output().unwrap();
    assert_eq!((told.status.code(), &told.stdout[..]), (Some(3), &b""[..]));
}

/// Runs a verb where the folder below its home is a file system of its own, as `state` leaves it: it begins there.
fn with_folder(folder: &str, state: &str, command: &Command) -> Command {
    let script = format!(
        r#"cd "$TRIEN_HOME/{folder}"
        mount -t tmpfs -o size=64k,mode=700 none /mnt
        cp -a . /mnt
        mount --move /mnt .
        cd "$PWD"
        {state}
        "$@" || code=$?
        ls -A
        exit "${{code:-0}}""#
    );
    let mut inside = Command::new("unshare");
    inside.args(["--map-root-user", "--mount", "sh", "-euc", &script, "sh"]);
    put_behind(inside, command)
}

/// Leaves no room.
const FULL: &str = "head -c 1M /dev/zero > filler 2>/dev/null || true";

/// Leaves room, and none for another file.
const FILES: &str = "mount -o remount,nr_inodes=$(($(stat -f -c %c .) - $(stat -f -c %d .))) . && ! touch another 2>/dev/null";

#[test]
fn the_doctor_says_where_the_record_cannot_be_carried_on() {
    let desk = desk_with_key();
    let doctor = |state: &str| with_folder("data", state, &desk.trien(["doctor"]));
    let told = |state: &str| {
        let output = doctor(state).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let intact = "✓ The record of signatures is intact";
    let cannot = "✗ The record of signatures";
    // Before its first entry, and with some.
    for entries in [false, true] {
        if entries {
            succeed(sign(&desk).args(desk.pin()));
        }
        let (_, said) = told("true");
        assert_eq!(said.contains(intact), entries, "{said}");
        assert!(!said.contains(cannot), "{said}");
        for state in [FULL, "mount -o remount,ro ."] {
            let (code, said) = told(state);
            assert_eq!(code, Some(1), "{state}: {said}");
            assert!(said.contains(cannot) && !said.contains(intact), "{state}: {said}");
            assert!(said.contains("nothing is signed without the record"), "{said}");
        }
    }
    // Room enough, and not one file more.
    let (code, said) = told(FILES);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(intact) && said.contains("! No new file can be made"),
        "{said}"
    );
    let (code, said) = told(&format!("rm audit.jsonl; {FILES}"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(cannot) && said.contains("no room left"), "{said}");
    let (code, said) = told("mv audit.jsonl kept; ln -s kept audit.jsonl");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(cannot) && !said.contains(intact), "{said}");
}

#[test]
fn permissions_that_cannot_be_written_leave_nothing_behind() {
    let desk = Desk::bare();
    succeed(&mut desk.trien(["origin", "allow", "https://a.example"]));
    let allow = desk.trien(["origin", "allow", "https://b.example"]);
    let told = fail(&mut with_folder("config", FULL, &allow), 3);
    assert!(told.contains("there is no room left"), "{told}");
    assert!(told.contains("origins.toml\n"), "{told}");
    assert!(!told.contains(".origins.toml.new"), "{told}");
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
