//! Disks that take nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Desk, TOKEN, error_code, fail, put_behind, succeed};

/// The command where this folder is a disk of its own, of so many bytes or (`ro`) read-only as it is.
pub(crate) fn on_a_disk(folder: &Path, options: &str, command: &Command) -> Command {
    let mount = match options {
        "ro" => "mount --bind \"$1\" \"$1\"; mount -o remount,ro,bind \"$1\"".to_owned(),
        size => format!("mount -t tmpfs -o mode=700,size={size} none \"$1\""),
    };
    let mut inside = Command::new("unshare");
    inside
        .args(["--map-root-user", "--mount", "sh", "-euc"])
        .arg(format!("{mount}; shift; exec \"$@\""))
        .arg("sh")
        .arg(folder);
    put_behind(inside, command)
}

#[test]
fn a_disk_that_takes_nothing_is_told_to_be_at_fault_and_not_the_backup_or_the_token() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let saved = desk.path("saved.tar");
    succeed(
        desk.trien(["token", "export-store", "--token", TOKEN, "--out"])
            .arg(&saved),
    );
    let elsewhere = desk.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o700)).unwrap();
    let restore = |language: &str| {
        let mut restore = desk.trien(["token", "import-store", "--lang", language]);
        restore.arg(&saved).env("TRIEN_HOME", &elsewhere);
        on_a_disk(&elsewhere, "8k", &restore)
    };
    assert_eq!(error_code(&mut restore("en"), 3), "token-import-store-no-room");
    for (language, said) in [("en", "there is no room left"), ("vi", "hết dung lượng")] {
        let told = fail(&mut restore(language), 3);
        assert!(told.contains(said), "{told}");
        for blame in ["damaged", "hỏng", "another copy", "bản lưu khác"] {
            assert!(!told.contains(blame), "{told}");
        }
    }
    let init = |options: &str, language: &str| {
        let mut init = desk.trien(["token", "init", "--label", "mới", "--lang", language]);
        init.args(desk.pin())
            .arg("--so-pin-file")
            .arg(desk.pin_file())
            .env("TRIEN_HOME", &elsewhere);
        on_a_disk(&elsewhere, options, &init)
    };
    for (options, said) in [("8k", ["disk", "đĩa"]), ("ro", ["disk", "đĩa"])] {
        for (language, said) in ["en", "vi"].into_iter().zip(said) {
            let told = fail(&mut init(options, language), 3);
            assert!(told.contains(said), "{told}");
            assert!(
                !told.contains("provider") && !told.contains("nhà cung cấp"),
                "{told}"
            );
        }
    }
    let evidence = desk.home().join("data/evidence");
    std::fs::create_dir_all(&evidence).unwrap();
    std::fs::write(evidence.join("1.json"), "{}").unwrap();
    let erase = |language: &str| {
        let erase = desk.trien(["trust", "evidence", "--erase", "--lang", language]);
        on_a_disk(&evidence, "ro", &erase)
    };
    assert_eq!(error_code(&mut erase("en"), 3), "trust-evidence-not-erased");
    for (language, said) in [("en", "cannot be erased"), ("vi", "Không xóa được bằng chứng")] {
        let told = fail(&mut erase(language), 3);
        assert!(told.contains(said), "{told}");
    }
    assert!(evidence.join("1.json").exists());
    let told = succeed(&mut desk.trien(["trust", "evidence", "--erase", "--lang", "vi"]));
    assert!(told.contains("Đã xóa"), "{told}");
}
