//! Tokens that are another user's, lie where nothing can be written, or are in use.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::disks::on_a_disk;
use crate::support::{Desk, TOKEN, error_code, fail, put_behind, read_json, succeed};
use crate::token_folders;

/// The command as somebody runs it who is bound by the rights of files, which root is not.
fn bound(command: Command) -> Command {
    if !rustix::process::geteuid().is_root() {
        return command;
    }
    let mut bound = Command::new("setpriv");
    bound.args(["--bounding-set", "-dac_override,-dac_read_search"]);
    put_behind(bound, &command)
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// Whoever reads that a token is corrupt puts a backup over one that is sound.
#[test]
fn a_token_that_may_not_be_read_is_told_as_that() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let folder = token_folders(&desk).remove(0);
    let serial = folder.file_name().unwrap().to_str().unwrap();
    let told = |words: &[&str], language, code| {
        let mut command = bound(desk.trien(words.iter().copied()));
        let output = command.args(["--lang", language]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let file = desk.pin_file();
    let pin = ["--pin-file", file.to_str().unwrap()];
    let change = ["token", "change-pin", "--token", TOKEN, pin[0], pin[1]];
    // The journal becomes root's when root has looked at a token that has none, as it comes from a repository.
    for (path, mode) in ["token.db", "token.db-journal", "tries"].map(|file| (folder.join(file), 0o600)) {
        set(&path, 0);
        for (language, said, not_said) in [
            (
                "en",
                "has no right to read",
                ["CORRUPT", "corrupt", "import-store"],
            ),
            ("vi", "không có quyền đọc", ["HỎNG", "hỏng", "import-store"]),
        ] {
            for (words, code) in [
                (&["token", "list"][..], 0),
                (&["doctor"], 1),
                // Nobody knows what it is called.
                (&change, 3),
            ] {
                let told = told(words, language, code);
                assert!(told.contains(said) && told.contains(serial), "{words:?}: {told}");
                assert!(
                    !not_said.iter().any(|word| told.contains(word)),
                    "{words:?}: {told}"
                );
            }
        }
        let listed = read_json(&told(&["token", "list", "--json"], "en", 0));
        assert_eq!(
            (&listed[0]["barred"], &listed[0]["damaged"]),
            (&true.into(), &false.into())
        );
        // It is not taken for the free slot.
        let mut init = bound(desk.trien(["token", "init", "--label", "mới", "--so-pin-file"]));
        succeed(init.arg(desk.pin_file()).args(desk.pin()));
        std::fs::remove_dir_all(
            token_folders(&desk)
                .into_iter()
                .find(|made| *made != folder)
                .unwrap(),
        )
        .unwrap();
        set(&path, mode);
    }
    let tokens = desk.home().join("data/tokens");
    set(&tokens, 0);
    for (language, said) in [("en", "has no right to read"), ("vi", "không có quyền đọc")] {
        let told = told(&["token", "list"], language, 0);
        assert!(
            told.contains(said) && told.contains(tokens.to_str().unwrap()),
            "{told}"
        );
    }
    let mut init = bound(desk.trien(["token", "init", "--label", "mới", "--so-pin-file"]));
    init.arg(desk.pin_file()).args(desk.pin());
    assert_eq!(error_code(&mut init, 3), "token_read_only");
    set(&tokens, 0o700);
    assert!(told(&["token", "list"], "en", 0).contains(TOKEN));
}

/// The software token has no provider who could be asked, and nothing to be deleted with a program of his.
#[test]
fn the_disk_is_to_blame_for_what_cannot_be_written_on_a_software_token() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let tokens = desk.home().join("data/tokens");
    let sound = desk.path("sound");
    let copy = |from: &Path, to: &Path| succeed(Command::new("cp").arg("-a").arg(from).arg(to));
    copy(&tokens, &sound);
    std::fs::write(desk.path("new"), "87654321\n").unwrap();
    let generate = [
        "token",
        "generate-key",
        "--algorithm",
        "rsa:4096",
        "--label",
        "k",
        "--token",
        TOKEN,
    ];
    let change = ["token", "change-pin", "--new-pin-file", "new", "--token", TOKEN];
    for (options, code, said) in [
        ("ro", "token_read_only", ["its disk is read-only", "chỉ cho đọc"]),
        (
            "full",
            "token_full",
            ["no room left on the disk", "hết dung lượng"],
        ),
    ] {
        for words in [&generate[..], &change] {
            let command = |language: &str| {
                let mut command = desk.trien(words.iter().copied());
                command.args(["--lang", language]).args(desk.pin());
                let mut command = match options {
                    "ro" => on_a_disk(&tokens, "ro", &command),
                    _ => on_a_full_disk(&tokens, &sound, &command),
                };
                command.current_dir(desk.path(""));
                command
            };
            for (language, said) in ["en", "vi"].into_iter().zip(said) {
                let told = fail(&mut command(language), 3);
                assert!(told.contains(said), "{words:?}: {told}");
                assert!(
                    !told.contains("provider") && !told.contains("nhà cung cấp"),
                    "{words:?}: {told}"
                );
            }
        }
        let mut command = desk.trien(generate);
        command.args(desk.pin());
        let mut command = match options {
            "ro" => on_a_disk(&tokens, "ro", &command),
            _ => on_a_full_disk(&tokens, &sound, &command),
        };
        assert_eq!(error_code(&mut command, 3), code);
    }
}

/// The command where the tokens lie on a disk that is full to the last page.
fn on_a_full_disk(tokens: &Path, sound: &Path, command: &Command) -> Command {
    let mut inside = Command::new("unshare");
    let script = "mount -t tmpfs -o mode=700,size=256k none \"$1\"; cp -a \"$2\"/. \"$1\"; \
                  rm \"$1\"/*/token.db-journal; ! cat /dev/zero > \"$1\"/filler 2>/dev/null; \
                  shift 2; exec \"$@\"";
    inside
        .args(["--map-root-user", "--mount", "sh", "-euc", script, "sh"])
        .args([tokens, sound]);
    put_behind(inside, command)
}

/// Nothing of it failed, and there is nothing to be plugged in again.
#[test]
fn a_software_token_that_others_hold_is_told_to_be_busy() {
    let desk = Desk::with_token();
    let store = token_folders(&desk).remove(0).join("token.db");
    let store = rusqlite::Connection::open(store).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let words = [
        "token",
        "generate-key",
        "--algorithm",
        "ec:p256",
        "--label",
        "k",
        "--token",
        TOKEN,
    ];
    let mut generate = desk.trien(words);
    assert_eq!(error_code(generate.args(desk.pin()), 3), "token_busy");
    drop(store);
    succeed(desk.trien(words).args(desk.pin()));
}
