//! `trien doctor` where the environment is not the usual one: another folder for settings, no session, another's.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::daemon::{Daemon, command};
use crate::support::{Desk, fail, read_json};

/// The findings, in English.
fn findings(doctor: &mut Command) -> Vec<Value> {
    let output = doctor.args(["--json", "--lang", "en"]).output().unwrap();
    let told = read_json(&String::from_utf8(output.stdout).unwrap());
    told["findings"].as_array().unwrap().clone()
}

fn codes(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

fn folder(path: &Path, mode: u32) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Chromium looks for hosts below `XDG_CONFIG_HOME`, and so does who installs them there.
#[test]
fn the_doctor_looks_for_manifests_where_the_browser_does() {
    let desk = Desk::bare();
    let (programs, settings) = (desk.path("bin"), desk.path("settings"));
    folder(&programs, 0o755);
    std::fs::write(programs.join("chromium"), "").unwrap();
    let doctor = || {
        let mut doctor = desk.trien(["doctor"]);
        doctor
            .env("HOME", desk.path("home"))
            .env("PATH", &programs)
            .env("XDG_CONFIG_HOME", &settings);
        findings(&mut doctor)
    };
    let manifest = |below: &Path| {
        let hosts = below.join("chromium/NativeMessagingHosts");
        folder(&hosts, 0o755);
        let text = serde_json::json!({ "path": env!("CARGO_BIN_EXE_trien") }).to_string();
        std::fs::write(hosts.join("vn.trien.host.json"), text).unwrap();
    };
    manifest(&desk.path("home/.config"));
    let told = doctor();
    assert!(codes(&told).contains(&"browser_no_manifest"), "{told:?}");
    manifest(&settings);
    let told = doctor();
    assert!(codes(&told).contains(&"browser"), "{told:?}");
}

/// `su` and `sudo` leave no session folder, or another user's: that nothing is known of the daemon is told, and nobody is
/// told to remove the folder of a whole session.
#[test]
fn a_session_folder_that_is_missing_or_anothers_is_told_as_that() {
    let desk = Desk::bare();
    let home = desk.path("home");
    folder(&home.join(".config/trien"), 0o700);
    std::fs::write(
        home.join(".config/trien/config.toml"),
        "discover = false\n[cards]\npiv = false\n",
    )
    .unwrap();
    let outside = |mut command: Command, session: Option<&Path>| {
        command.env_remove("TRIEN_HOME").env("HOME", &home);
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
        match session {
            Some(session) => command.env("XDG_RUNTIME_DIR", session),
            None => command.env_remove("XDG_RUNTIME_DIR"),
        };
        command
    };
    let told = findings(&mut outside(desk.trien(["doctor"]), None));
    let about = |told: &[Value], code: &str| {
        let found = told.iter().find(|one| one["code"] == code).cloned();
        found.unwrap_or_else(|| panic!("no {code}: {told:?}"))
    };
    assert_eq!(about(&told, "no_session")["state"], "warning");
    let open = desk.path("open");
    folder(&open, 0o755);
    for session in [open, desk.path("none")] {
        let told = findings(&mut outside(desk.trien(["doctor"]), Some(session.as_path())));
        let finding = about(&told, "service_session");
        let said = |text: &str| text.contains("Do not remove that folder");
        assert!(said(finding["remedy"].as_str().unwrap()), "{finding}");
        let mut daemon = outside(command(&desk, &desk.path("script.toml")), Some(session.as_path()));
        let told = fail(&mut daemon, 3);
        assert!(said(&told) && told.contains(session.to_str().unwrap()), "{told}");
    }
}

/// A folder that is named from where the program was started is told as what it is from everywhere, and what can be made in it is
/// looked for there and not at the root of the disk.
#[test]
fn a_home_that_is_named_from_here_is_told_in_full() {
    let desk = Desk::bare();
    let mut doctor = desk.trien(["doctor"]);
    let told = findings(
        doctor
            .current_dir(desk.path(""))
            .env("TRIEN_HOME", "not-there-yet"),
    );
    let about = told.iter().find(|one| one["code"] == "no_anchor").unwrap();
    let trust = desk
        .path("")
        .canonicalize()
        .unwrap()
        .join("not-there-yet/config/trust");
    assert!(
        about["message"]
            .as_str()
            .unwrap()
            .contains(trust.to_str().unwrap()),
        "{about}"
    );
    assert!(!codes(&told).contains(&"record_unwritable"), "{told:?}");
}

/// A home that can only be read, or a disk that is full: which folder it is that cannot be made is told.
#[test]
fn a_folder_that_cannot_be_made_for_the_service_is_named() {
    let desk = Desk::bare();
    std::fs::write(desk.path("file"), "").unwrap();
    let script = desk.path("answers.toml");
    std::fs::write(&script, "").unwrap();
    let home = desk.path("file/trien");
    let mut daemon = command(&desk, &script);
    let told = fail(
        daemon
            .env("TRIEN_HOME", &home)
            .args(["--config", script.to_str().unwrap()]),
        3,
    );
    assert!(told.contains(home.join("run").to_str().unwrap()), "{told}");
}

/// On a computer with several people one of them has the port: that the service runs is not the whole of it.
#[test]
fn a_daemon_that_has_no_port_is_not_called_well() {
    let desk = Desk::bare();
    folder(&desk.home().join("config"), 0o700);
    let script = desk.path("answers.toml");
    std::fs::write(&script, "").unwrap();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let config =
        format!("discover = false\n[cards]\npiv = false\nwatch = false\n[websocket]\nport = {port}\n");
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    let daemon = Daemon::run(&desk, &mut command(&desk, &script));
    assert_eq!(daemon.port, 0, "it is held");
    let told = || findings(&mut desk.trien(["doctor"]));
    drop(held);
    let unserved = told();
    assert!(codes(&unserved).contains(&"port_unserved"), "{unserved:?}");
    // Only root can be somebody else for a moment.
    if rustix::process::getuid().is_root() {
        let listens = format!(
            "import socket, sys; s = socket.create_server((\"127.0.0.1\", {port})); print(flush=True); sys.stdin.read()"
        );
        let mut other = Command::new("setpriv")
            .args(["--reuid", "65534", "--clear-groups", "python3", "-c", &listens])
            // Programs of root's own are not his.
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(other.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "he listens");
        let anothers = told();
        drop(other.stdin.take());
        other.wait().unwrap();
        assert!(codes(&anothers).contains(&"port_anothers"), "{anothers:?}");
    }
    drop(daemon);
    let daemon = Daemon::run(&desk, &mut command(&desk, &script));
    assert_eq!(daemon.port, port);
    let well = told();
    assert!(codes(&well).contains(&"daemon"), "{well:?}");
}

/// A remark on the configuration is for whoever typed the command, in his language, and not for a log.
#[test]
fn what_was_passed_over_in_the_configuration_is_told_to_the_person_once() {
    let desk = Desk::bare();
    folder(&desk.home().join("config"), 0o700);
    let config = "discover = false\n[cards]\npiv = false\n[[modules]]\nname = \"gone\"\nlibraries = [\"libgone.so\"]\n";
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    for words in [&["token", "list"][..], &["cert", "list"], &["doctor"]] {
        let output = desk
            .trien(words.iter().copied())
            .args(["--lang", "vi"])
            .output()
            .unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(
            told.matches("Đã bỏ qua trong cấu hình: ").count(),
            1,
            "{words:?}: {told}"
        );
        assert!(!told.contains("WARN"), "{words:?}: {told}");
    }
}
