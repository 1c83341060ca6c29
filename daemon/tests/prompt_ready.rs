//! A prompt that is started before there is a question: while a page is connected, one at a time, and a new one for each
//! question.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use support::daemon::{Daemon, PORTAL, Page, allow, asking, child_pids, code};
use support::{Desk, succeed};

const SCRIPT: &str = "[[answer]]\ndecision = \"hang\"\n\
                      [[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"24681357\"]\n";

fn wait_for<T>(mut holds: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The one prompt that has no question, once there is one that is not this.
fn ready(daemon: &Daemon, other_than: u32) -> u32 {
    wait_for(|| {
        let asked = asking(daemon.pid());
        let idle: Vec<_> = child_pids(daemon.pid(), "scripted-prompt")
            .into_iter()
            .filter(|pid| !asked.contains(pid))
            .collect();
        assert!(idle.len() <= 1, "{idle:?}");
        idle.first().copied().filter(|pid| *pid != other_than)
    })
}

#[test]
fn a_prompt_stands_ready_while_a_page_is_connected_and_each_question_has_its_own() {
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, SCRIPT);
    assert!(
        Page::websocket_from(&daemon, "https://stranger.example").is_err(),
        "who may not ask makes nothing start"
    );
    assert!(child_pids(daemon.pid(), "scripted-prompt").is_empty());
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let first = ready(&daemon, 0);
    // Another page's connection does not need another one.
    let mut beside = Page::over_socket(&daemon);
    beside.hello();
    assert_eq!(ready(&daemon, 0), first);

    let asked = page.ask("certificates", &json!({}));
    wait_for(|| (asking(daemon.pid()) == [first]).then_some(()));
    page.ask("cancel", &json!({ "request": asked }));
    let ended = std::iter::repeat_with(|| page.receive().unwrap().0).find(|message| message["id"] == asked);
    assert_eq!(code(&ended.unwrap()), "cancelled");
    let second = ready(&daemon, first);

    // One that has ended meanwhile, as with the session it was started in, is no answer of the person's.
    succeed(Command::new("kill").args(["-9", &second.to_string()]));
    assert!(page.call("certificates", &json!({}))["result"].is_object());
    let third = ready(&daemon, second);
    assert!(beside.call("certificates", &json!({}))["result"].is_object());
    let fourth = ready(&daemon, third);
    drop(daemon);
    let runs =
        || std::fs::read_to_string(format!("/proc/{fourth}/cmdline")).is_ok_and(|line| !line.is_empty());
    wait_for(|| (!runs()).then_some(()));
}

/// Without these the window opens documents with another program than the person's desktop does.
#[test]
fn a_prompt_is_told_which_desktop_it_is_on() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let (window, told) = (desk.path("window"), desk.path("told"));
    let program = format!("#!/bin/sh\nenv > {0}.new && mv {0}.new {0}\n", told.display());
    std::fs::write(&window, program).unwrap();
    std::fs::set_permissions(&window, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let config = format!("[websocket]\nport = 0\n[prompt]\nprogram = {window:?}\n");
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    let names = [
        "XDG_CURRENT_DESKTOP",
        "XDG_CONFIG_DIRS",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
    ];
    let mut command = desk.trien(["daemon"]);
    command.envs(names.map(|name| (name, format!("/of/{name}"))));
    command.env("SOMETHING_ELSE", "x");
    let daemon = Daemon::run(&desk, &mut command);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let environment = wait_for(|| std::fs::read_to_string(&told).ok());
    for name in names {
        assert!(
            environment.contains(&format!("{name}=/of/{name}\n")),
            "{environment}"
        );
    }
    assert!(!environment.contains("SOMETHING_ELSE"), "{environment}");
}
