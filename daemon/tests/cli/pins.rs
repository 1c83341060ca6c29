//! Where a PIN comes from at the shell, and what is told of a wrong one.

use std::process::{Command, Stdio};

use crate::support::{Desk, PIN, TOKEN, error_code, fail, put_behind, read_json, succeed};
use crate::{at_terminal, desk_with_key, generate, sign};

/// Those of a build server are in no file: `trien token init --pin-fd 7 7< <(printenv PIN)`.
#[test]
fn pins_that_are_set_come_from_open_descriptors() {
    crate::support::module::software_token();
    let desk = Desk::bare();
    for (name, pin) in [("user", "123456"), ("officer", "87654321"), ("new", "654321")] {
        std::fs::write(desk.path(name), format!("{pin}\n")).unwrap();
    }
    let with = |[seven, eight]: [&str; 2], words: &[&str]| {
        let plain = desk.trien(words.iter().copied());
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "exec 7<\"$0\" 8<\"$1\"; shift; exec \"$@\""])
            .args([seven, eight])
            .arg(plain.get_program())
            .args(plain.get_args())
            .env("TRIEN_HOME", desk.home())
            .current_dir(desk.path(""))
            .stdin(Stdio::null());
        shell
    };
    let init = [
        "token",
        "init",
        "--label",
        TOKEN,
        "--pin-fd",
        "7",
        "--so-pin-fd",
        "8",
    ];
    succeed(&mut with(["user", "officer"], &init));
    let change = [
        "token",
        "change-pin",
        "--token",
        TOKEN,
        "--pin-fd",
        "7",
        "--new-pin-fd",
        "8",
    ];
    succeed(&mut with(["user", "new"], &change));
    let told = fail(&mut with(["user", "new"], &change), 1);
    assert!(!told.contains("terminal"), "{told}");
    let unblock = [
        "token",
        "unblock",
        "--token",
        TOKEN,
        "--so-pin-fd",
        "7",
        "--new-pin-fd",
        "8",
    ];
    succeed(&mut with(["officer", "user"], &unblock));
    succeed(&mut with(["user", "new"], &change));
    let both = [
        "token",
        "init",
        "--label",
        "x",
        "--so-pin-fd",
        "7",
        "--so-pin-file",
        "officer",
    ];
    fail(&mut with(["user", "new"], &both), 2);
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

/// What the program has open itself is nothing that a person typed: a document, its own memory, the runtime's.
#[test]
fn a_descriptor_that_nobody_left_open_is_no_pin_and_spends_no_try() {
    let desk = desk_with_key();
    for number in 3..10 {
        let signing = sign(&desk);
        let mut shell = Command::new("sh");
        // Whoever runs the tests may have left some open for them.
        shell
            .args([
                "-c",
                "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; exec \"$0\" \"$@\"",
            ])
            .arg(signing.get_program())
            .args(signing.get_args())
            .args(["--pin-fd", &number.to_string()])
            .env("TRIEN_HOME", desk.home());
        assert_eq!(error_code(&mut shell, 3), "pin-unreadable", "{number}");
    }
    let tokens = read_json(&succeed(&mut desk.trien(["token", "list", "--json"])));
    assert_eq!(tokens[0]["pin"], "ready", "{tokens}");
}

#[test]
fn a_folder_is_no_pin_file() {
    let desk = desk_with_key();
    let folder = desk.path("pins");
    std::fs::create_dir(&folder).unwrap();
    let refused = error_code(sign(&desk).arg("--pin-file").arg(&folder), 3);
    assert_eq!(refused, "pin-unreadable");
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

    std::fs::remove_file(desk.path("đơn.p7m")).unwrap();
    let (exit, told) = at_terminal(&sign(&desk), &[(asked.as_str(), "24\u{3}")]);
    assert_eq!(exit, 1, "Ctrl-C is a no: {told}");
    assert!(told.contains("cancelled"), "{told}");
    let (exit, told) = at_terminal(&generate(&desk), &[(asked.as_str(), "\u{3}")]);
    assert_eq!(exit, 1, "{told}");

    let mut alone = Command::new("setsid");
    alone.arg("--wait");
    assert_eq!(
        error_code(&mut put_behind(alone, &sign(&desk)), 2),
        "pin-no-terminal"
    );
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

/// As in the window: what a clipboard or an input method may have made of a PIN is asked about before a try is spent.
#[test]
fn a_pin_that_may_not_be_meant_is_asked_about_before_it_is_tried() {
    let desk = desk_with_key();
    let asked = format!("PIN of \"{TOKEN}\": ");
    let asked = asked.as_str();
    let [right, spaced, marked] = [format!("{PIN}\r"), format!("{PIN} \r"), format!("{PIN}ế\r")];
    let again = "press Enter: ";
    let (exit, told) = at_terminal(&sign(&desk), &[(asked, spaced.as_str()), (again, "\u{3}")]);
    assert_eq!(exit, 1, "{told}");
    assert!(told.contains("rarely begins or ends with a space"), "{told}");
    assert_eq!(pin_state(&desk), "ready", "no try was spent");
    // Only he and the token know.
    let insisting = [(asked, marked.as_str()), (again, "ok\r"), ("was wrong", "\u{3}")];
    let (exit, told) = at_terminal(&sign(&desk), &insisting);
    assert_eq!(exit, 1, "{told}");
    assert_ne!(pin_state(&desk), "ready", "a try was spent");
    let answers = [
        (asked, spaced.as_str()),
        (again, "\r"),
        (asked, marked.as_str()),
        (again, "\r"),
        (asked, right.as_str()),
    ];
    let (exit, told) = at_terminal(&sign(&desk), &answers);
    assert_eq!(exit, 0, "{told}");
    assert!(told.contains("input method") && !told.contains(PIN), "{told}");
}

/// A new one as well: typed twice through the same input method it is twice the same, and not what its owner knows.
#[test]
fn a_new_pin_that_may_not_be_meant_is_asked_about() {
    let desk = Desk::bare();
    let command = desk.trien(["token", "init", "--label", "T"]);
    let (exit, told) = at_terminal(&command, &[(":", "mật khẩu\r"), ("press Enter: ", "\u{3}")]);
    assert_eq!(exit, 1, "{told}");
    assert!(told.contains("input method") && !told.contains("khẩu"), "{told}");
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
fn a_pin_file_that_everybody_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let desk = desk_with_key();
    let told = |mode| {
        std::fs::set_permissions(desk.pin_file(), std::fs::Permissions::from_mode(mode)).unwrap();
        let output = sign(&desk).arg("--force").args(desk.pin()).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told(0o644).contains("0600"));
    // Otherwise the certificate is told, and nothing else.
    let told = told(0o600);
    let is_about_it = |line: &str| line.starts_with("Signing certificate: ") || line.starts_with("  ");
    assert!(
        told.lines().count() > 1 && told.lines().all(is_about_it),
        "{told}"
    );
}
