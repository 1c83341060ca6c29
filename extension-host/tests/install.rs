//! `install` and `remove` write and remove what browsers look for.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{EXTENSION, PROGRAM};

fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env("HOME", home)
        .env_remove("XDG_CONFIG_HOME")
        .env("LC_ALL", "en_GB.UTF-8");
    command.output().expect("host program")
}

fn manifest(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("manifest")).expect("JSON")
}

#[test]
fn every_browser_of_the_user() {
    let home = tempfile::tempdir().expect("temporary folder");
    assert!(run(home.path(), &["install"]).status.success());
    let chromium = [
        ".config/chromium",
        ".config/google-chrome",
        ".config/microsoft-edge",
        ".config/BraveSoftware/Brave-Browser",
    ];
    let paths = chromium.map(|folder| {
        home.path()
            .join(folder)
            .join("NativeMessagingHosts/vn.trien.host.json")
    });
    for path in &paths {
        let expected = json!({"name": "vn.trien.host", "description": "Triện", "path": PROGRAM, "type": "stdio", "allowed_origins": [EXTENSION]});
        assert_eq!(manifest(path), expected);
        assert_eq!(
            std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777,
            0o644
        );
    }
    let firefox = home
        .path()
        .join(".mozilla/native-messaging-hosts/vn.trien.host.json");
    assert_eq!(
        manifest(&firefox)["allowed_extensions"],
        json!(["trien@trien.vn"])
    );
    assert_eq!(manifest(&firefox).get("allowed_origins"), None);
    assert!(run(home.path(), &["remove"]).status.success());
    assert!(paths.iter().chain([&firefox]).all(|path| !path.exists()));
    assert!(
        run(home.path(), &["remove"]).status.success(),
        "nothing to remove is no failure"
    );
}

#[test]
fn sandboxed_browsers_are_told_of() {
    let home = tempfile::tempdir().expect("temporary folder");
    let say = |arguments: &[&str]| String::from_utf8(run(home.path(), arguments).stdout).expect("UTF-8");
    assert!(!say(&["install"]).contains("sandbox"), "none is there");
    for folder in [
        "snap/firefox",
        "snap/chromium",
        ".local/share/flatpak/app/com.brave.Browser",
    ] {
        std::fs::create_dir_all(home.path().join(folder)).expect("folder");
    }
    let all = say(&["install"]);
    for line in [
        "Firefox from Snap: it reads the same file",
        "Chromium from Snap: nothing was done",
        "Brave from Flatpak: nothing was done",
    ] {
        assert!(all.contains(line), "{all}");
    }
    assert!(!all.contains("Edge from"), "{all}");
    assert!(!say(&["install", "--browser", "chrome"]).contains("Snap"));
    assert!(!say(&["remove"]).contains("Snap"));
}

#[test]
fn one_profile_folder() {
    let home = tempfile::tempdir().expect("temporary folder");
    let profile = home.path().join("hồ sơ");
    let arguments = ["install", "--user-data-dir", profile.to_str().expect("UTF-8")];
    let output = run(home.path(), &arguments);
    assert!(output.status.success());
    let path = profile.join("NativeMessagingHosts/vn.trien.host.json");
    assert_eq!(manifest(&path)["allowed_origins"], json!([EXTENSION]));
    assert!(String::from_utf8_lossy(&output.stdout).contains(path.to_str().expect("UTF-8")));
}

#[test]
fn a_folder_that_cannot_be_written() {
    let home = tempfile::tempdir().expect("temporary folder");
    std::fs::write(home.path().join("file"), "").expect("file");
    let path = home.path().join("file/below");
    let output = run(
        home.path(),
        &["install", "--user-data-dir", path.to_str().expect("UTF-8")],
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be written"));
}

#[test]
fn help_version_and_misuse() {
    let home = tempfile::tempdir().expect("temporary folder");
    let output = run(home.path(), &["--version"]);
    assert_eq!(
        output.stdout,
        format!("trien-extension-host {}\n", env!("CARGO_PKG_VERSION")).into_bytes()
    );
    let output = run(home.path(), &["install", "--browser", "netscape"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("netscape"));
    for (locale, word) in [("vi_VN.UTF-8", "mặc định"), ("C.UTF-8", "default")] {
        let output = Command::new(PROGRAM)
            .arg("--help")
            .env("LC_ALL", locale)
            .output()
            .expect("help");
        assert!(
            output.status.success() && String::from_utf8_lossy(&output.stdout).contains(word),
            "{locale}"
        );
    }
}
