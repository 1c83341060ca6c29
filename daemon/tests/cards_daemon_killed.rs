//! The daemon is killed while a card is unlocked. Its processes end with it, and whoever comes to the card next needs the PIN:
//! whichever process had the card, in the middle of a signature, between two of them, and while its module hangs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::print_stdout,
    reason = "the process that stands for the daemon says there that it is ready"
)]

#[path = "support/stage.rs"]
mod stage;
mod support;

use support::module;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use support::Desk;
use support::cards::piv::{self, YUBIKEY, count_of_tries, left_verified};
use support::cards::scene::{self, RSA, desk_with_opensc, key, logged_in, runtime, signable, token_in_time};
use support::cards::{ReaderPlan, Readers, on_readers, wait_until, wait_until_present};
use support::daemon::{Daemon, PORTAL, Page, allow, child_pids};
use trien::tokens::{Deadlines, Modules};

/// The process has ended; who should have been told of its end may not have asked yet.
fn has_ended(process: u32) -> bool {
    std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| line.is_empty())
        || !std::path::Path::new(&format!("/proc/{process}")).exists()
}

/// Nobody is let in without the PIN, once these processes have ended, which they do by themselves.
#[track_caller]
fn lets_nobody_in_after(processes: &[u32], readers: &Readers, how: &str) {
    assert!(!processes.is_empty(), "{how}: no process has the card");
    wait_until(&format!("{how}: the processes end"), || {
        processes.iter().all(|process| has_ended(*process))
    });
    // The service takes notice of their end.
    wait_until(&format!("{how}: the card names a count"), || {
        count_of_tries(readers) == Some(3)
    });
}

/// A signature for a page, which the card takes its time over; meanwhile the daemon is killed.
fn killed_in_the_middle_of_a_signature(desk: &Desk, worker: &str) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        allow(desk, PORTAL, &[]);
        let script = "[[answer]]\ndecision = \"approve\"\ncertificate = \"9a\"\npins = [\"123456\"]\n";
        let mut daemon = Daemon::start(desk, script);
        let mut page = Page::connected(&daemon);
        let document = page.upload("message.txt", b"message");
        // GENERAL AUTHENTICATE
        card.order("hold 87");
        let before = card.stats().of("87");
        page.ask(
            "sign_documents",
            &json!({ "documents": [document], "format": "cades_detached" }),
        );
        wait_until("the card signs", || card.stats().of("87") > before);
        let processes = child_pids(daemon.pid(), worker);
        daemon.kill();
        card.order("release");
        lets_nobody_in_after(&processes, &readers, worker);
    });
}

#[test]
fn n120_a_daemon_killed_while_our_driver_signs_leaves_nobody_logged_in() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let config = "discover = false\n[websocket]\nport = 0\n[prompt]\nseconds = 20\n";
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    killed_in_the_middle_of_a_signature(&desk, "card-worker");
}

#[test]
fn n120_a_daemon_killed_while_opensc_signs_leaves_nobody_logged_in() {
    killed_in_the_middle_of_a_signature(&desk_with_opensc(), "module-worker");
}

/// Says to the process that stands for the daemon through what it is to log in.
const IN_PLACE_OF_THE_DAEMON: &str = "TRIEN_TEST_KILLED_WITH";

/// Where the token of the simulator is, in that process.
const STAGE: &str = "TRIEN_TEST_KILLED_STAGE";

/// Logs in, signs, and stays logged in until it is killed; through what hangs, it is killed in the middle.
fn stay_logged_in(through: &str) {
    runtime().block_on(async {
        if through == "hanging" {
            let stage = std::env::var_os(STAGE).unwrap();
            let modules = of_stage(std::path::Path::new(&stage));
            let mut session = stage::logged_in(&modules).await.unwrap();
            println!("ready");
            let _ = session.sign(&stage::signable(), false).await;
            return;
        }
        let (modules, id): (Modules, &[u8]) = match through {
            "piv" => (piv::modules(), &[0x9a, 0x07]),
            "opensc" => (scene::modules(&[scene::opensc()]), &[1]),
            _ => (scene::modules(&[scene::ykcs11()]), &[1]),
        };
        let token = token_in_time(&modules, |entry| entry.initialized).await;
        let mut session = logged_in(&token, &key(&token, id)).await.unwrap();
        session.sign(&signable(RSA, b"m"), false).await.unwrap();
        println!("ready");
        std::future::pending::<()>().await;
    });
}

/// A module whose token is in the reader, and which hangs when it signs.
fn of_stage(home: &std::path::Path) -> Modules {
    let mut module = trien::config::ModuleConfig::new("hanging", module::simulator());
    module.folders.push(home.to_owned());
    module.variables = vec![
        ("TRIEN_SIMULATE".to_owned(), home.join("hanging.toml").into()),
        ("TRIEN_HOME".to_owned(), home.into()),
    ];
    module.reset = true;
    let program = std::path::Path::new(stage::PROGRAM);
    Modules::new(&[module], program, Deadlines::default())
}

/// This same test in a process of its own, logged in.
fn logged_in_elsewhere(through: &str, stage: Option<&stage::Stage>) -> Child {
    let thread = std::thread::current();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([thread.name().unwrap(), "--exact", "--nocapture"])
        .env(IN_PLACE_OF_THE_DAEMON, through)
        .envs(stage.map(|stage| (STAGE, stage.0.path())))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().ends_with("ready")), "{through}");
    child
}

/// The card is open to every program between two signatures, by what modules leave of a login: only their end ends it.
#[test]
fn n120_a_daemon_killed_between_two_signatures_leaves_nobody_logged_in() {
    if let Ok(through) = std::env::var(IN_PLACE_OF_THE_DAEMON) {
        return stay_logged_in(&through);
    }
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        wait_until_present(YUBIKEY);
        for through in ["piv", "opensc", "ykcs11"] {
            let mut daemon = logged_in_elsewhere(through, None);
            let processes = child_pids(daemon.id(), "-worker");
            daemon.kill().unwrap();
            daemon.wait().unwrap();
            lets_nobody_in_after(&processes, &readers, through);
        }
    });
}

/// The same while the module never returns, so that nobody logs out: its process ends all the same, and tells the card before.
/// What such a module leaves of its login another program leaves here.
#[test]
fn n120_a_daemon_killed_while_a_module_hangs_leaves_nobody_logged_in() {
    if let Ok(through) = std::env::var(IN_PLACE_OF_THE_DAEMON) {
        return stay_logged_in(&through);
    }
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        wait_until_present(YUBIKEY);
        let stage = stage::Stage::new();
        let slot = format!("do = \"label\"\nvalue = \"{YUBIKEY} 00 00\"");
        let rules = stage::rule("C_SignInit", "do = \"hang\"")
            + &stage::rule("C_GetSlotInfo", "do = \"flags\"\nset = 4")
            + &stage::rule("C_GetSlotInfo", &slot);
        stage.file("hanging.toml", &rules);
        let mut daemon = logged_in_elsewhere("hanging", Some(&stage));
        left_verified(&readers);
        assert_eq!(
            count_of_tries(&readers),
            None,
            "another program has left it verified"
        );
        // It is about to hang, or does already.
        std::thread::sleep(Duration::from_secs(1));
        let processes = child_pids(daemon.id(), "-worker");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        lets_nobody_in_after(&processes, &readers, "hanging");
    });
}
