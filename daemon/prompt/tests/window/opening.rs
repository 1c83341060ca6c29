//! *Open*: the program of the person's desktop gets exactly the file that the daemon made of the bytes to be signed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use trien_protocol::call::Language;
use trien_protocol::prompt::{PinEntry, ToPrompt};

use super::desk::{self, Desk, wait_for};
use super::question;

/// A program that shows documents, in whose place it keeps what it is given, and its environment beside it.
fn viewer(home: &Path, name: &str) {
    let kept = home.join(format!("{name}.kept"));
    let script = format!(
        "env > '{kept}.env'\ncat \"$1\" > '{kept}.new'\nmv '{kept}.new' '{kept}'\n",
        kept = kept.display()
    );
    program(home, name, &script);
}

/// A program for texts that does that.
fn program(home: &Path, name: &str, script: &str) {
    let program = home.join(name);
    let script = format!("#!/bin/sh\n{script}");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let entry = format!(
        "[Desktop Entry]\nType=Application\nName={name}\nExec={} %f\nMimeType=text/plain;\n",
        program.display()
    );
    let applications = home.join(".local/share/applications");
    std::fs::create_dir_all(&applications).unwrap();
    std::fs::write(applications.join(format!("{name}.desktop")), entry).unwrap();
}

/// The desktop has its own defaults, in a file of its name, before those of all desktops (Association between MIME types
/// and applications, "Default Application").
#[test]
fn the_desktops_own_program_is_given_the_copy_and_nothing_that_was_chosen_for_the_window() {
    let desk = Desk::start();
    let home = tempfile::tempdir().unwrap();
    let defaults = home.path().join("etc");
    std::fs::create_dir(&defaults).unwrap();
    for (name, file) in [
        ("usual", "mimeapps.list"),
        ("chosen", "somedesktop-mimeapps.list"),
    ] {
        viewer(home.path(), name);
        let list = format!("[Default Applications]\ntext/plain={name}.desktop\n");
        std::fs::write(defaults.join(file), list).unwrap();
    }
    let bytes = "Không ai được đổi một chữ.\n".repeat(5000);
    let copy = home.path().join("Đơn xin phép (1).txt");
    std::fs::write(&copy, &bytes).unwrap();
    let mut command = desk.command();
    command
        .env("HOME", home.path())
        .env("XDG_CURRENT_DESKTOP", "SomeDesktop")
        .env("XDG_CONFIG_DIRS", &defaults);
    let mut asked = desk.ask_with(command, question(PinEntry::NotNeeded));
    asked.say(&ToPrompt::Opened {
        path: copy.to_str().unwrap().into(),
    });
    let kept = home.path().join("chosen.kept");
    let given = wait_for("the program that shows documents", || std::fs::read(&kept).ok());
    assert!(
        given == bytes.as_bytes(),
        "{} bytes of {}",
        given.len(),
        bytes.len()
    );
    let environment = std::fs::read_to_string(home.path().join("chosen.kept.env")).unwrap();
    assert!(environment.contains("DISPLAY="), "{environment}");
    assert!(!environment.contains("GSK_RENDERER"), "{environment}");
    assert!(!home.path().join("usual.kept").exists());
    // And the person may decide as before.
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
}

/// What the person does in the program that shows the document may be meant for that one still when it leaves.
#[test]
fn n080_a_window_that_is_in_front_again_after_a_document_was_opened_is_armed_anew() {
    let desk = Desk::start();
    let home = tempfile::tempdir().unwrap();
    let number = home.path().join("number");
    let script = format!(
        "echo $$ > '{number}.new'\nmv '{number}.new' '{number}'\nexec display -title viewer -size 200x200 xc:gray\n",
        number = number.display()
    );
    program(home.path(), "viewer", &script);
    let list = "[Default Applications]\ntext/plain=viewer.desktop\n";
    std::fs::create_dir(home.path().join(".config")).unwrap();
    std::fs::write(home.path().join(".config/mimeapps.list"), list).unwrap();
    let copy = home.path().join("a.txt");
    std::fs::write(&copy, "a").unwrap();
    let early = || {
        let _ = std::fs::remove_file(&number);
        let mut command = desk.command();
        command.env("HOME", home.path());
        let mut asked = desk.ask_with(command, question(PinEntry::NotNeeded));
        asked.wait_until_armed();
        asked.say(&ToPrompt::Opened {
            path: copy.to_str().unwrap().into(),
        });
        let viewer = wait_for("the viewer", || std::fs::read_to_string(&number).ok());
        wait_for("the viewer in front", || (!asked.is_in_front()).then_some(()));
        // While it is in front, what would approve is its own.
        asked.key("alt+k");
        asked.begin_anew();
        let ended = Command::new("kill").arg(viewer.trim()).status().unwrap();
        assert!(ended.success());
        wait_for("the keyboard, again", || asked.is_in_front().then_some(()));
        asked.key("alt+k");
        asked.is_fresh().then_some(asked)
    };
    let mut asked = desk::in_time(early);
    asked.assert_says_nothing("approved by a key that may have been meant for the document's program");
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
}

#[test]
fn why_a_document_is_not_shown_is_told_until_one_is() {
    let desk = Desk::with_assistive_technology();
    let home = tempfile::tempdir().unwrap();
    viewer(home.path(), "usual");
    let defaults = home.path().join("etc");
    std::fs::create_dir(&defaults).unwrap();
    let list = "[Default Applications]\ntext/plain=usual.desktop\n";
    std::fs::write(defaults.join("mimeapps.list"), list).unwrap();
    let copy = home.path().join("document-1.txt");
    std::fs::write(&copy, "Đơn xin phép").unwrap();
    let shown = ToPrompt::Opened {
        path: copy.to_str().unwrap().into(),
    };
    for (language, no_copy, too_many) in [
        (
            Language::Vi,
            "Không tạo được bản sao của tài liệu để xem; ổ đĩa có thể đã đầy.",
            "Đã mở quá nhiều tài liệu trong một lần hỏi. Muốn xem các tài liệu khác, hãy từ chối rồi ký ít tài liệu hơn mỗi lần.",
        ),
        (
            Language::En,
            "No copy of the document to look at can be made; the disk may be full.",
            "Too many documents have been opened for one question. To look at the others, refuse and have fewer signed at once.",
        ),
    ] {
        let mut command = desk.command();
        command.env("HOME", home.path()).env("XDG_CONFIG_DIRS", &defaults);
        let mut one = question(PinEntry::NotNeeded);
        one.language = language;
        let asked = desk.ask_with(command, one);
        let is_told = |words: &str| asked.accessible().all().iter().any(|node| node.name == words);
        asked.say(&ToPrompt::NotOpened { too_many: false });
        asked.wait_until_told(no_copy);
        asked.say(&ToPrompt::NotOpened { too_many: true });
        asked.wait_until_told(too_many);
        assert!(!is_told(no_copy));
        asked.say(&shown);
        wait_for("the warning to go", || (!is_told(too_many)).then_some(()));
    }
}
