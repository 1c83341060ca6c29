//! Tokens out of a backup or a repository.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::sign_and_verify;
use crate::support::{Desk, TOKEN, error_code, fail, succeed};

#[test]
fn a_token_comes_back_from_its_backup() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let saved = desk.path("saved.tar");
    let export = || {
        let mut command = desk.trien(["token", "export-store", "--token", TOKEN, "--out"]);
        command.arg(&saved);
        command
    };
    succeed(&mut export());
    assert_eq!(
        std::fs::metadata(&saved).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(error_code(&mut export(), 2), "token-export-there");
    let restore = |home: &Path, file: &Path| {
        let mut command = desk.trien(["token", "import-store"]);
        command.arg(file).env("TRIEN_HOME", home);
        command
    };
    assert_eq!(
        error_code(&mut restore(&desk.home(), &saved), 2),
        "token-import-store-there"
    );

    let elsewhere = desk.path("elsewhere");
    succeed(&mut restore(&elsewhere, &saved));
    sign_and_verify(&desk, &elsewhere, "an");
    let folder = std::fs::read_dir(elsewhere.join("data/tokens"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        assert_eq!(
            file.unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    let whole = std::fs::read(&saved).unwrap();
    let bad = desk.path("bad.tar");
    let nowhere = desk.path("nowhere");
    for (what, bytes) in [
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("empty", Vec::new()),
        // A byte of the token's label, in a part that only its own check covers.
        ("changed", {
            let mut bytes = whole.clone();
            let label = TOKEN.as_bytes();
            let found = bytes.windows(label.len()).position(|window| window == label);
            bytes[found.unwrap()] ^= 1;
            bytes
        }),
        ("flipped", {
            let mut bytes = whole.clone();
            bytes[4608..8704].iter_mut().for_each(|byte| *byte ^= 0x55);
            bytes
        }),
    ] {
        std::fs::write(&bad, bytes).unwrap();
        assert_eq!(
            error_code(&mut restore(&nowhere, &bad), 3),
            "token-import-store-bad",
            "{what}"
        );
        assert!(!nowhere.join("data/tokens").exists(), "{what}");
        // The sentence is the person's; what SQLite says of a database stands on a line of its own.
        let told = fail(restore(&nowhere, &bad).args(["--lang", "vi"]), 3);
        let sentence = told.lines().next().unwrap();
        let reasons = ["tệp lưu trữ", "thiếu một phần", "đã bị thay đổi", "cơ sở dữ liệu"];
        assert!(
            reasons.iter().any(|reason| sentence.contains(reason)),
            "{what}: {told}"
        );
    }
    succeed(
        Command::new("tar")
            .args(["-C", "/etc", "-cf"])
            .arg(&bad)
            .arg("hostname"),
    );
    assert_eq!(
        error_code(&mut restore(&nowhere, &bad), 3),
        "token-import-store-bad"
    );
    let told = fail(restore(&nowhere, &bad).args(["--lang", "vi"]), 3);
    assert!(told.contains("bên trong không phải là một token"), "{told}");
}

#[test]
fn a_backup_taken_while_others_write_is_whole() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..6 {
                let label = format!("khóa {number}");
                let words = [
                    "token",
                    "generate-key",
                    "--token",
                    TOKEN,
                    "--algorithm",
                    "ec:p256",
                    "--label",
                    &label,
                ];
                succeed(desk.trien(words).args(desk.pin()));
            }
        });
        let mut number = 0;
        while !writer.is_finished() {
            let (saved, home) = (
                desk.path(&format!("{number}.tar")),
                desk.path(&format!("home {number}")),
            );
            succeed(
                desk.trien(["token", "export-store", "--token", TOKEN, "--out"])
                    .arg(&saved),
            );
            succeed(
                desk.trien(["token", "import-store"])
                    .arg(&saved)
                    .env("TRIEN_HOME", &home),
            );
            sign_and_verify(&desk, &home, "an");
            number += 1;
        }
    });
}

#[test]
fn a_token_directory_in_a_repository_signs_after_a_clone() {
    let desk = Desk::with_keys(&[("an", "rsa:2048", "citizen")]);
    let git = |folder: &Path, words: &[&str]| {
        let identity = ["-c", "user.name=An", "-c", "user.email=an@example.vn"];
        succeed(Command::new("git").args(identity).args(words).current_dir(folder));
    };
    git(&desk.home(), &["init", "-q"]);
    git(&desk.home(), &["add", "data/tokens"]);
    git(&desk.home(), &["commit", "-q", "-m", "A token to test with"]);
    let clone = desk.path("clone").display().to_string();
    git(&desk.home(), &["clone", "-q", ".", &clone]);
    sign_and_verify(&desk, Path::new(&clone), "an");
    let output = Command::new("git")
        .args(["status", "--porcelain", "data/tokens"])
        .current_dir(&clone)
        .output();
    assert_eq!(
        String::from_utf8(output.unwrap().stdout).unwrap(),
        "",
        "signing changes no byte of it"
    );
}

#[test]
fn a_saved_token_goes_to_standard_output_and_what_is_none_is_not_shown_in_pieces() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let mut export = desk.trien(["token", "export-store", "--token", TOKEN, "--out", "-"]);
    let saved = export.current_dir(desk.path("")).output().unwrap();
    assert!(saved.status.success() && !desk.path("-").exists(), "{saved:?}");
    std::fs::write(desk.path("saved.tar"), &saved.stdout).unwrap();
    let restored = desk.path("restored");
    succeed(
        desk.trien(["token", "import-store"])
            .arg(desk.path("saved.tar"))
            .env("TRIEN_HOME", &restored),
    );
    sign_and_verify(&desk, &restored, "an");

    std::fs::write(
        desk.path("none"),
        [b"none of it\nis shown\xff".as_slice(); 200].concat(),
    )
    .unwrap();
    let told = fail(desk.trien(["token", "import-store"]).arg(desk.path("none")), 3);
    assert!(!told.contains("is shown") && told.lines().count() == 2, "{told}");
}

/// What would be one token too many takes the place of another, which nobody sees any more.
#[test]
fn a_token_comes_back_only_where_it_and_all_others_show() {
    let desk = Desk::with_token();
    let saved = desk.path("saved.tar");
    let mut export = desk.trien(["token", "export-store", "--token", TOKEN, "--out"]);
    succeed(export.arg(&saved));
    let restored = desk.path("restored");
    let tokens = restored.join("data/tokens");
    let other = |number: usize| tokens.join(format!("{number:016x}"));
    for number in 0..64 {
        std::fs::create_dir_all(other(number)).unwrap();
    }
    let restore = || {
        let mut restore = desk.trien(["token", "import-store"]);
        restore.arg(&saved).env("TRIEN_HOME", &restored);
        restore
    };
    assert_eq!(error_code(&mut restore(), 3), "token-too-many");
    assert_eq!(std::fs::read_dir(&tokens).unwrap().count(), 64);
    std::fs::remove_dir(other(0)).unwrap();
    succeed(&mut restore());
}
