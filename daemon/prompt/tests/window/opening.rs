//! *Open*: the program of the person's desktop gets exactly the file that the daemon made of the bytes to be signed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use trien_protocol::prompt::{PinEntry, ToPrompt};

use super::desk::{Desk, wait_for};
use super::question;

/// A program that shows documents, in whose place it keeps what it is given, and its environment beside it.
fn viewer(home: &Path, name: &str) {
    let program = home.join(name);
    let kept = home.join(format!("{name}.kept"));
    let script = format!(
        "#!/bin/sh\nenv > '{kept}.env'\ncat \"$1\" > '{kept}.new'\nmv '{kept}.new' '{kept}'\n",
        kept = kept.display()
    );
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
