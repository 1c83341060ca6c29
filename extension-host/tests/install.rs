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
fn an_id_that_is_none_is_told_with_the_form_of_one() {
    let home = tempfile::tempdir().expect("temporary folder");
    for words in [
        &["install", "--extension-id", "zz"][..],
        &["install", "--extension-id"],
    ] {
        for (language, said) in [
            ("en_GB.UTF-8", "32 letters from a to p"),
            ("vi_VN.UTF-8", "32 chữ cái từ a đến p"),
        ] {
            let output = Command::new(PROGRAM)
                .args(words)
                .env("HOME", home.path())
                .env("LC_ALL", language)
                .output()
                .expect("host program");
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            let told = String::from_utf8(output.stderr).expect("UTF-8");
            assert!(told.contains(said), "{told}");
        }
    }
    let help = run(home.path(), &["install", "--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--extension-id"));
    assert!(!home.path().join(".config").exists(), "nothing is installed");
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
    // Nothing is said of what could not be written; what is closed is closed all the same.
    let home = tempfile::tempdir().expect("temporary folder");
    std::fs::create_dir_all(home.path().join("snap/firefox")).expect("folder");
    std::fs::create_dir_all(home.path().join("snap/chromium")).expect("folder");
    std::fs::write(home.path().join(".mozilla"), "").expect("file");
    let output = run(home.path(), &["install"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains(".mozilla"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!said.contains("Firefox from Snap"), "{said}");
    assert!(said.contains("Chromium from Snap: nothing was done"), "{said}");
}

/// What stands where the manifest belongs, and is not what this program would have put there.
#[test]
fn what_another_left_in_our_place_is_replaced_and_removed_and_said() {
    const UNUSABLE: &str = "was no manifest that a browser could use";
    let home = tempfile::tempdir().expect("temporary folder");
    let folder = home.path().join("profile/NativeMessagingHosts");
    std::fs::create_dir_all(&folder).expect("folder");
    let path = folder.join("vn.trien.host.json");
    let elsewhere = home.path().join("elsewhere.json");
    let foreign =
        json!({"name": "vn.trien.host", "path": "/opt/old\u{1b}[2J/host", "type": "stdio"}).to_string();
    let named = r"named another program before: /opt/old\u{1b}[2J/host";
    let profile = home.path().join("profile");
    let profile = ["--user-data-dir", profile.to_str().expect("UTF-8")];
    let told = |command: &str| {
        let output = run(home.path(), &[command, profile[0], profile[1]]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    for (content, words) in [
        ("[]", UNUSABLE),
        ("7", UNUSABLE),
        ("{", UNUSABLE),
        ("", UNUSABLE),
        ("\u{0}", UNUSABLE),
        ("{}", UNUSABLE),
        (r#"{"path": 7}"#, UNUSABLE),
        (foreign.as_str(), named),
    ] {
        for through_a_link in [false, true] {
            let put = || {
                let at = if through_a_link { &elsewhere } else { &path };
                std::fs::write(at, content).expect("file");
                if through_a_link {
                    std::os::unix::fs::symlink(&elsewhere, &path).expect("link");
                }
            };
            put();
            let said = told("install");
            assert!(
                said.contains("Wrote ") && said.contains(words),
                "{content}: {said}"
            );
            assert_eq!(manifest(&path)["path"], PROGRAM);
            let about = std::fs::symlink_metadata(&path).expect("metadata");
            assert!(about.is_file(), "the link is replaced: {content}");
            // Our own is nothing to speak of.
            for again in ["install", "remove"] {
                let said = told(again);
                assert!(!said.contains("before"), "{said}");
            }
            put();
            let said = told("remove");
            assert!(
                said.contains("Removed ") && said.contains(words),
                "{content}: {said}"
            );
            assert!(std::fs::symlink_metadata(&path).is_err(), "{content}");
            if through_a_link {
                let left = std::fs::read_to_string(&elsewhere).expect("what the link led to");
                assert_eq!(left, content);
            }
        }
    }
    // A link that leads nowhere, or to what never ends.
    for target in ["/nowhere/at/all", "/dev/zero"] {
        for command in ["install", "remove"] {
            std::os::unix::fs::symlink(target, &path).expect("link");
            assert!(told(command).contains(UNUSABLE), "{target}");
            let about = std::fs::symlink_metadata(&path);
            assert_eq!(about.is_ok(), command == "install", "{target}");
            assert!(about.is_err() || told("remove").contains("Removed"));
        }
    }
    // A folder is left to whoever made it.
    std::fs::create_dir(&path).expect("folder");
    for command in ["install", "remove"] {
        let output = run(home.path(), &[command, profile[0], profile[1]]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be "));
    }
    let left = std::fs::read_dir(&folder).expect("folder").count();
    assert_eq!(left, 1, "nothing half-written stays");
}

/// One browser's folder on a file system that is mounted to be read only, which stops root as well.
#[test]
fn a_folder_that_is_mounted_read_only_is_told_of_and_the_others_are_served() {
    const STEPS: &str = r#"
mkdir -p "$HOME/.config/chromium"
mount -t tmpfs none "$HOME/.config/chromium"
"$1" install --browser chromium >/dev/null
mount -o remount,ro "$HOME/.config/chromium"
for command in install remove; do "$1" $command 2>&1 || echo "== $?"; done
cat "$HOME/.config/chromium/NativeMessagingHosts/vn.trien.host.json"
"#;
    let home = tempfile::tempdir().expect("temporary folder");
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-euc", STEPS, "sh", PROGRAM])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env("LC_ALL", "en_GB.UTF-8")
        .output()
        .expect("unshare");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let [installed, removed, kept] = said.split("== 3\n").collect::<Vec<_>>()[..] else {
        panic!("{said}");
    };
    let kept: Value = serde_json::from_str(kept).expect("JSON");
    assert_eq!(kept["path"], PROGRAM);
    let count = |text: &str, start| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        [count(installed, "Wrote"), count(removed, "Removed")],
        [4; 2],
        "{said}"
    );
    for (text, words) in [(installed, "cannot be written"), (removed, "cannot be removed")] {
        let line = text.lines().find(|line| line.contains(words)).expect(words);
        assert!(
            line.contains(".config/chromium/") && line.contains("Read-only file system"),
            "{line}"
        );
    }
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
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(path.to_str().expect("UTF-8")));
    assert!(
        said.contains("The browser needs the extension of Triện, too"),
        "{said}"
    );
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
    // Nobody reads the system's English in the middle of a Vietnamese sentence.
    let below = |folder: &str| home.path().join(folder);
    std::fs::create_dir_all(below("taken/NativeMessagingHosts/vn.trien.host.json/x")).expect("folder");
    for (folder, said) in [
        ("file/below", "không phải là thư mục"),
        ("taken", "đây là một thư mục"),
    ] {
        let output = Command::new(PROGRAM)
            .args(["install", "--user-data-dir"])
            .arg(below(folder))
            .env("HOME", home.path())
            .env("LC_ALL", "vi_VN.UTF-8")
            .output()
            .expect("host program");
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(told.contains(said) && !told.contains("os error"), "{told}");
    }
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
    let output = run(home.path(), &["instal"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("instal"));
    for (locale, word) in [
        ("vi_VN.UTF-8", "mặc định"),
        ("C.UTF-8", "mặc định"),
        ("en_GB.UTF-8", "default"),
    ] {
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

#[test]
fn what_two_browsers_read_stays_until_neither_wants_it() {
    const STEPS: &str = r#"
mount -t tmpfs none /mnt
mkdir -p /mnt/etc /mnt/work
mount -t overlay overlay -o "lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/work" /etc
program=$1; shift
file=/etc/chromium/native-messaging-hosts/vn.trien.host.json
for step in "$@"; do
  case $step in
    put*) echo "${step#put }" >$file;;
    link*) ln -s "${step#link }" $file;;
    *) echo "== $step"; "$program" $step --system; test ! -e $file || tr -d '\n ' <$file; echo;;
  esac
done
"#;
    let brave = "remove --browser brave";
    let chromium = "remove --browser chromium";
    let told = |steps: &[&str]| -> Vec<String> {
        let output = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-euc", STEPS, "sh", PROGRAM])
            .args(steps)
            .env("LC_ALL", "en_GB.UTF-8")
            .output()
            .expect("unshare");
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        said.split("== ").skip(1).map(str::to_owned).collect()
    };
    let both = told(&[
        "install --browser chromium",
        "install --browser brave",
        brave,
        brave,
        chromium,
    ]);
    assert!(
        both[1].contains(r#""trien_browsers":["chromium","brave"]"#),
        "{both:?}"
    );
    for kept in &both[2..4] {
        assert!(
            kept.contains("stays: it was installed for chromium, too"),
            "{both:?}"
        );
        assert!(kept.contains(r#""trien_browsers":["chromium"]"#), "{both:?}");
        assert!(kept.contains(&format!(r#""path":"{PROGRAM}""#)), "{both:?}");
    }
    assert!(
        both[4].contains("Removed /etc/chromium") && !both[4].contains('{'),
        "{both:?}"
    );
    let alone = told(&["install --browser brave", brave]);
    assert!(
        alone[1].contains("Removed /etc/chromium") && !alone[1].contains('{'),
        "{alone:?}"
    );
    let all = told(&["install", chromium, "remove"]);
    assert!(
        all[1].contains("installed for brave, too") && all[2].contains("Removed /etc/chromium"),
        "{all:?}"
    );
    // What is no manifest serves neither, and one that does not say serves both.
    let install = "install --browser chromium";
    for put in ["put []", "put 7", "put {", "put", "link /nowhere/at/all"] {
        let steps = told(&[install, chromium, put, brave, put, install]);
        assert!(
            steps[2].contains("Removed /etc/chromium") && steps[2].contains("no manifest"),
            "{steps:?}"
        );
        assert!(steps[3].contains(r#""trien_browsers":["chromium"]"#), "{steps:?}");
    }
    let foreign = told(&[install, r#"put {"path": "/opt/old/host"}"#, brave, chromium]);
    assert!(
        foreign[1].contains("stays: it was installed for chromium, too")
            && foreign[1].contains("/opt/old/host"),
        "{foreign:?}"
    );
    assert!(
        foreign[2].contains("named another program before: /opt/old/host"),
        "{foreign:?}"
    );
}

/// Runs the program for the whole system, under folders that cover this computer's own (overlays in a mount namespace). A
/// machine that allows no such thing fails the test: what was not tried did not pass. The administrator's `umask` is one
/// that shuts everybody else out.
/// After each command: what it said, then each file that it left, and what is in it, then folders that not everybody may
/// enter.
const SYSTEM_WIDE: &str = r#"
mount -t tmpfs none /mnt
for folder in etc usr/lib; do
  mkdir -p "/mnt/$folder" "/mnt/work/$folder"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=/mnt/$folder,workdir=/mnt/work/$folder" "/$folder"
done
left() { find /mnt/etc /mnt/usr/lib -type f | sort | while read -r file; do
  printf '%s %s %s ' "${file#/mnt}" "$(stat -c %a "$file")" "$(stat -c %a "$(dirname "$file")")"; tr -d '\n' <"$file"; echo; done
  find /mnt/etc /mnt/usr/lib -mindepth 1 -type d ! -perm -755 -printf '/%p is shut: %m\n'; }
program=$1; shift
umask 077
for command in install remove remove; do echo "== $command"; "$program" "$command" --system "$@"; left; done
"#;

#[test]
fn every_browser_of_the_system() {
    let home = tempfile::tempdir().expect("temporary folder");
    let folders = [
        ("chromium", "/etc/chromium/native-messaging-hosts"),
        ("chrome", "/etc/opt/chrome/native-messaging-hosts"),
        ("edge", "/etc/opt/edge/native-messaging-hosts"),
        // Built without Chrome's branding it reads Chromium's.
        ("brave", "/etc/chromium/native-messaging-hosts"),
        ("firefox", "/usr/lib/mozilla/native-messaging-hosts"),
    ];
    let one_by_one = folders.map(|(browser, folder)| (vec!["--browser", browser], vec![folder]));
    let mut all: Vec<&str> = folders.iter().map(|(_, folder)| *folder).collect();
    all.sort_unstable();
    all.dedup();
    for (words, folders) in one_by_one.into_iter().chain([(Vec::new(), all)]) {
        let output = Command::new("unshare")
            .args([
                "--map-root-user",
                "--mount",
                "sh",
                "-euc",
                SYSTEM_WIDE,
                "sh",
                PROGRAM,
            ])
            .args(&words)
            .env("HOME", home.path())
            .env("LC_ALL", "en_GB.UTF-8")
            .output()
            .expect("unshare");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let [_, installed, removed, again] = said.split("== ").collect::<Vec<_>>()[..] else {
            panic!("{said}");
        };
        for folder in &folders {
            let path = format!("{folder}/vn.trien.host.json");
            assert!(installed.contains(&format!("Wrote {path}\n")), "{said}");
            let prefix = format!("{path} 644 755 ");
            let held = installed.lines().find_map(|line| line.strip_prefix(&prefix));
            let held: Value = serde_json::from_str(held.expect("the manifest")).expect("JSON");
            let permitted = if folder.contains("mozilla") {
                json!({"allowed_extensions": ["trien@trien.vn"]})
            } else {
                json!({"allowed_origins": [EXTENSION]})
            };
            let mut expected =
                json!({"name": "vn.trien.host", "description": "Triện", "path": PROGRAM, "type": "stdio"});
            if folder.contains("chromium") {
                // Two read it, and it says for which it was written.
                let named = words
                    .get(1)
                    .map_or(json!(["chromium", "brave"]), |name| json!([name]));
                expected["trien_browsers"] = named;
            }
            expected
                .as_object_mut()
                .expect("object")
                .extend(permitted.as_object().expect("object").clone());
            assert_eq!(held, expected);
            assert!(removed.contains(&format!("Removed {path}\n")), "{said}");
            assert!(again.contains(&path), "it says that there is none: {said}");
        }
        // Nothing but these, and nothing is left.
        let count = |text: &str, start| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(
            [count(installed, "Wrote"), count(installed, "/")],
            [folders.len(); 2],
            "{said}"
        );
        assert_eq!(
            [count(removed, "Removed"), count(removed, "/"), count(again, "/")],
            [folders.len(), 0, 0],
            "{said}"
        );
    }
    assert_eq!(
        std::fs::read_dir(home.path()).expect("folder").count(),
        0,
        "nothing for the user"
    );
}

/// Who packs the extension with a key of his own says so when the host is installed.
#[test]
fn n061_an_extension_with_a_key_of_ones_own_is_let_in_where_a_manifest_names_it() {
    const OWN: &str = "abcdefghijklmnopabcdefghijklmnop";
    const OTHER: &str = "ponmlkjihgfedcbaponmlkjihgfedcba";
    let home = tempfile::tempdir().expect("temporary folder");
    let origin = |id: &str| format!("chrome-extension://{id}/");
    // Without a daemon: one that is let in is told so, another hears nothing.
    let is_let_in = |id: &str| {
        let mut command = Command::new(PROGRAM);
        command.arg(origin(id)).env("HOME", home.path());
        command.env("TRIEN_HOME", home.path().join("none"));
        command.env_remove("XDG_CONFIG_HOME");
        let input = home.path().join("opening");
        std::fs::write(&input, support::framed(support::OPENING.as_bytes())).expect("file");
        command.stdin(std::fs::File::open(&input).expect("file"));
        let output = command.output().expect("host program");
        assert!(!output.status.success());
        let told = String::from_utf8_lossy(&output.stdout).contains("daemon_not_running");
        assert!(told || output.stdout.is_empty(), "{output:?}");
        told
    };
    assert!(!is_let_in(OWN));
    assert!(
        run(home.path(), &["install", "--extension-id", OWN])
            .status
            .success()
    );
    let chromium = home
        .path()
        .join(".config/chromium/NativeMessagingHosts/vn.trien.host.json");
    assert_eq!(
        manifest(&chromium)["allowed_origins"],
        json!([EXTENSION, origin(OWN)])
    );
    let firefox = home
        .path()
        .join(".mozilla/native-messaging-hosts/vn.trien.host.json");
    assert_eq!(
        manifest(&firefox)["allowed_extensions"],
        json!(["trien@trien.vn"])
    );
    assert!(is_let_in(OWN));
    assert!(!is_let_in(OTHER));
    // A manifest that others could have written lets nobody in.
    for folder in [
        ".config/google-chrome",
        ".config/microsoft-edge",
        ".config/BraveSoftware",
    ] {
        std::fs::remove_dir_all(home.path().join(folder)).expect("remove");
    }
    std::fs::set_permissions(&chromium, std::fs::Permissions::from_mode(0o666)).expect("permissions");
    assert!(!is_let_in(OWN));
    std::fs::set_permissions(&chromium, std::fs::Permissions::from_mode(0o644)).expect("permissions");
    assert!(is_let_in(OWN));
    // Nor does one for another program.
    let mut foreign = manifest(&chromium);
    foreign["path"] = json!("/usr/bin/true");
    std::fs::write(&chromium, foreign.to_string()).expect("file");
    assert!(!is_let_in(OWN));
    // Installed without it, it is forgotten.
    assert!(run(home.path(), &["install"]).status.success());
    assert!(!is_let_in(OWN));
    assert_eq!(
        run(home.path(), &["install", "--extension-id", "abc"])
            .status
            .code(),
        Some(2)
    );
}
