//! `trien daemon` as whoever starts it sees it: readiness, its configuration, its log, its unit.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::daemon::{Daemon, command, under};
use crate::support::{Desk, error_code, fail, read_json, repository, succeed};

#[test]
fn a_daemon_tells_programs_that_it_is_ready() {
    let desk = Desk::bare();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    std::fs::write(desk.home().join("config/config.toml"), "[websocket]\nport = 0\n").unwrap();
    let mut daemon = desk
        .trien(["daemon", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let ready = read_json(&line);
    assert_eq!(ready["ready"], true);
    assert!(ready["socket"].as_str().unwrap().starts_with('/'), "{ready}");
    assert!(
        ready["websocket"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{ready}"
    );
}

#[test]
fn a_configuration_that_was_named_is_there() {
    let desk = Desk::bare();
    let mut daemon = desk.trien(["daemon", "--config"]);
    assert_eq!(
        error_code(daemon.arg(desk.path("none.toml")), 3),
        "cli-unreadable"
    );
    let told = fail(
        desk.trien(["daemon", "--lang", "vi", "--config"])
            .arg(desk.path("none.toml")),
        3,
    );
    assert!(
        told.contains("không có tệp") && !told.contains("os error"),
        "{told}"
    );
}

/// Whoever answers for the person is there before anybody may ask.
#[test]
fn a_script_that_cannot_answer_is_refused_before_the_daemon_is_ready() {
    let desk = Desk::bare();
    let script = desk.path("answers.toml");
    let daemon = || command(&desk, &script);
    for (text, said) in [
        (None, "không có tệp"),
        (Some("garbage"), "dòng 1: không đúng cú pháp TOML"),
        (
            Some("[[answer]]\ndecision = \"approve\"\nunheard = 1\n"),
            "dòng 3: không có khóa \"unheard\"",
        ),
        (Some("[[answer]]\ndecision = \"maybe\"\n"), "dòng 2: "),
        (
            Some("[[answer]]\ndecision = \"approve\"\npins = [24681357]\n"),
            "dòng 3: ",
        ),
    ] {
        if let Some(text) = text {
            std::fs::write(&script, text).unwrap();
        }
        let told = fail(daemon().args(["--lang", "vi"]), 3);
        assert!(told.contains(said) && told.contains("answers.toml"), "{told}");
        assert!(!told.contains("ready"), "{told}");
        // A PIN without its quotes.
        let in_english = fail(daemon().args(["--lang", "en"]), 3);
        assert!(
            !told.contains("24681357") && !in_english.contains("24681357"),
            "{in_english}"
        );
        assert_eq!(error_code(&mut daemon(), 3), "service-config");
        let policy = format!("prompter = \"scripted:{}\"\n", script.display());
        let told = fail(&mut under(&policy, &desk.trien(["daemon"])), 3);
        assert!(told.contains("answers.toml") && !told.contains("ready"), "{told}");
    }
}

/// The administrator's word counts in both directions, and what he does not say is the person's.
#[test]
fn the_administrator_has_the_second_road_opened_as_well_as_closed() {
    let desk = Desk::bare();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let script = desk.path("answers.toml");
    std::fs::write(&script, "").unwrap();
    for (own, policy, open) in [
        (false, "enabled = true\n", true),
        (false, "", false),
        (true, "enabled = false\n", false),
        (true, "", true),
    ] {
        let config = format!("[websocket]\nenabled = {own}\nport = 0\n");
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
        let policy = format!("[websocket]\n{policy}");
        let daemon = Daemon::run(&desk, &mut under(&policy, &command(&desk, &script)));
        assert_eq!(daemon.port != 0, open, "{own} {policy}");
    }
}

#[test]
fn a_log_in_a_pipe_has_no_colours() {
    let desk = Desk::bare();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    std::fs::write(desk.home().join("config/config.toml"), "[websocket]\nport = 0\n").unwrap();
    let mut daemon = desk
        .trien(["daemon"])
        .env("TRIEN_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(daemon.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(line.contains("trien") && !line.contains('\u{1b}'), "{line}");
}

/// The unit that `make install` installs, as systemd itself reads it.
#[test]
fn the_user_unit_is_taken_by_systemd_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(repository().join("daemon/packaging/trien.service")).unwrap();
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_trien"))
        .parent()
        .unwrap();
    let file = folder.path().join("trien.service");
    std::fs::write(&file, unit.replace("@bindir@", programs.to_str().unwrap())).unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["--user", "verify"])
        .arg(&file)
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .expect("this test needs systemd-analyze");
    let told = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && told.is_empty(), "{told}");
}

/// `make install` by an administrator whose `umask` shuts everybody else out; the programs are stand-ins for built ones.
#[test]
fn what_is_installed_for_everybody_can_be_read_by_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("built/release")).unwrap();
    for name in [
        "trien",
        "trien-prompt",
        "trien-extension-host",
        "libtrien_pkcs11.so",
        "libtrien_simulator.so",
    ] {
        std::fs::write(at("built/release").join(name), "").unwrap();
    }
    std::fs::create_dir(at("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/true", at("bin/cargo")).unwrap();
    let path = format!("{}:{}", at("bin").display(), std::env::var("PATH").unwrap());
    let mut install = Command::new("sh");
    install
        .args([
            "-euc",
            "umask 077; exec make --silent --old-file=extension install DESTDIR=\"$DESTDIR\"",
        ])
        .current_dir(repository())
        .env_remove("MAKEFLAGS")
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", at("built"))
        .env("DESTDIR", at("root"));
    succeed(&mut install);
    let shut = [
        "!", "(", "-perm", "-a+r", "-a", "(", "-type", "f", "-o", "-perm", "-a+x", ")", ")",
    ];
    let found = succeed(Command::new("find").arg(at("root/usr")).args(shut));
    assert!(found.is_empty(), "{found}");
    let unit = std::fs::read_to_string(at("root/usr/local/share/systemd/user/trien.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/local/bin/trien daemon"), "{unit}");
    assert!(at("root/usr/local/share/trien/webextension/chromium/manifest.json").exists());
}

/// A policy that cannot be read must not have ten thousand desks start the service every two seconds until they are switched
/// off: what is too often for systemd has to come about (systemd.unit(5), `StartLimitIntervalSec`).
#[test]
fn the_user_unit_gives_up_where_no_start_succeeds() {
    let unit = std::fs::read_to_string(repository().join("daemon/packaging/trien.service")).unwrap();
    let number = |key: &str, usual: u32| {
        let set = unit
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        set.map_or(usual, |text| text.parse().unwrap())
    };
    let starts = number("StartLimitBurst", 5);
    assert!(
        starts * (number("RestartSec", 0) + 1) < number("StartLimitIntervalSec", 10),
        "{unit}"
    );
}

#[test]
fn a_record_that_cannot_be_written_is_told_in_the_persons_language_with_what_the_system_said() {
    let desk = Desk::bare();
    for folder in ["config", "data"] {
        std::fs::create_dir_all(desk.home().join(folder)).unwrap();
    }
    std::fs::write(desk.home().join("config/config.toml"), "[websocket]\nport = 0\n").unwrap();
    let record = desk.home().join("data/audit.jsonl");
    let daemon = |language| fail(&mut desk.trien(["daemon", "--lang", language]), 3);
    // What opening a folder gives has a word of ours; what opening a socket gives (ENXIO) has none.
    std::fs::create_dir(&record).unwrap();
    for (language, said) in [("vi", "đây là một thư mục"), ("en", "it is a folder")] {
        let told = daemon(language);
        assert!(told.contains(said), "{told}");
    }
    std::fs::remove_dir(&record).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(&record).unwrap();
    for (language, said) in [("vi", "lỗi hệ thống số 6\n"), ("en", "os error 6")] {
        let told = daemon(language);
        assert!(told.contains(said), "{told}");
    }
}
