//! PINs that are typed, and the prompt that asks for them.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::daemon::{ALL, Daemon, PORTAL, Page, allow, asking, child_pids, code, record, wait_for};
use crate::support::{Desk, succeed};
use crate::{HANG, with_key};

#[test]
fn n083_n084_a_pin_that_is_typed_is_one_try_and_a_page_causes_none() {
    let script = "[[answer]]\ndecision = \"approve\"\npins = [\"11111111\"]\n\
                  [[answer]]\ndecision = \"hang\"\nrepeat = true\n";
    let (desk, daemon) = with_key("citizen", script);
    let mut page = Page::connected(&daemon);
    let nonce = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()) });
    let state = || succeed(&mut desk.trien(["token", "list", "--json"]));
    let untouched = state();
    assert_eq!(code(&page.call("authenticate", &nonce)), "pin_incorrect");
    let before = state();
    assert!(
        untouched != before && before.contains("\"few_tries\""),
        "{before}"
    );
    for _ in 0..5 {
        let asked = page.ask("authenticate", &nonce);
        wait_for(|| asking(daemon.pid()).len() == 1);
        page.ask("cancel", &json!({ "request": asked }));
        // The two replies come in any order.
        let ended =
            std::iter::repeat_with(|| page.receive().unwrap().0).find(|message| message["id"] == asked);
        assert_eq!(code(&ended.unwrap()), "cancelled");
        wait_for(|| asking(daemon.pid()).is_empty());
    }
    assert_eq!(state(), before, "no try was spent");
}

/// True if the process may write no core, whatever the system does with cores.
fn writes_no_core(pid: u32) -> bool {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size"));
    let mut words = line.unwrap().split_whitespace().skip(4);
    (words.next(), words.next()) == (Some("0"), Some("0"))
}

#[test]
fn n090_a_pin_is_in_no_log_no_record_no_file_no_memory_of_the_daemon_and_no_core() {
    use std::os::unix::process::ExitStatusExt;
    // The right PIN and a wrong one: both are somebody's secret.
    let wrong = "837264910573";
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    let right = crate::support::PIN;
    let answer = |pins: &str| format!("[[answer]]\ndecision = \"approve\"\npins = [{pins}]\n");
    let script = [
        answer(&format!("\"{wrong}\", \"{right}\"")),
        answer(&format!("\"{wrong}\"")),
        answer(&format!("\"{right}\"")),
        HANG.to_owned(),
    ];
    // As many cores as the system allows: what is not written is the daemon's own doing.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
    let cores = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    rustix::process::setrlimit(rustix::process::Resource::Core, cores).unwrap();
    let mut daemon = Daemon::start(&desk, &script.concat());
    let mut page = Page::connected(&daemon);
    let nowhere = |daemon: &Daemon, when: &str| {
        for pin in [wrong, right] {
            assert!(!daemon.log().contains(pin), "{when}: the log");
            let searched = Command::new("grep").args(["-rlF", pin]).arg(desk.home()).output();
            assert!(searched.unwrap().stdout.is_empty(), "{when}: a file");
        }
        // Root may look, whatever the process says of itself.
        if rustix::process::getuid().is_root() {
            for pin in [wrong, right] {
                assert!(!memory_holds(daemon.pid(), pin.as_bytes()), "{when}: the memory");
            }
            assert!(
                memory_holds(daemon.pid(), PORTAL.as_bytes()),
                "the search finds what is there"
            );
        }
    };
    let nonce = json!({ "nonce": STANDARD.encode((0..32).collect::<Vec<u8>>()) });
    let reply = page.call("authenticate", &nonce);
    assert!(reply["result"].is_object(), "{reply}");
    assert!(![wrong, right].iter().any(|pin| reply.to_string().contains(pin)));
    nowhere(&daemon, "after a wrong PIN and the right one");
    assert_eq!(code(&page.call("authenticate", &nonce)), "pin_incorrect");
    // The worker crashes with the PIN in its hands, among signatures.
    let document = page.upload("a.bin", &[7; 1000]);
    let batch = json!({ "documents": vec![document; 200], "format": "cades_detached" });
    let asked = page.ask("sign_documents", &batch);
    loop {
        let (message, _) = page.receive().unwrap();
        let params = &message["params"];
        assert_eq!(message["method"], "progress", "{message}");
        if params["stage"] == "signing" && params["done"].as_u64() > Some(0) {
            break;
        }
    }
    for worker in child_pids(daemon.pid(), "module-worker") {
        assert!(writes_no_core(worker));
        succeed(Command::new("kill").args(["-SEGV", &worker.to_string()]));
    }
    page.reply(asked);
    nowhere(&daemon, "after a failure and a crash of the worker");
    // The daemon itself breaks while a question is open.
    page.ask("authenticate", &nonce);
    wait_for(|| asking(daemon.pid()).len() == 1);
    assert!(writes_no_core(daemon.pid()));
    succeed(Command::new("kill").args(["-ABRT", &daemon.pid().to_string()]));
    let ended = daemon.wait();
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
    for pin in [wrong, right] {
        let searched = Command::new("grep").args(["-rlF", pin]).arg(desk.home()).output();
        assert!(searched.unwrap().stdout.is_empty());
    }
}

/// Looks for bytes in everything a process can write to.
fn memory_holds(pid: u32, wanted: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let ranges = maps
        .lines()
        .filter(|line| line.contains(" rw"))
        .filter_map(|line| {
            let (start, end) = line.split_whitespace().next()?.split_once('-')?;
            Some((
                u64::from_str_radix(start, 16).ok()?,
                u64::from_str_radix(end, 16).ok()?,
            ))
        });
    ranges.into_iter().any(|(start, end)| {
        let mut bytes = vec![0; (end - start) as usize];
        let length = memory.read_at(&mut bytes, start).unwrap_or(0);
        bytes[..length]
            .windows(wanted.len())
            .any(|window| window == wanted)
    })
}

#[test]
fn n093_a_prompt_that_dies_cancels_the_request() {
    let (desk, daemon) = with_key("citizen", HANG);
    let mut page = Page::connected(&daemon);
    let asked = page.ask("certificates", &json!({}));
    wait_for(|| asking(daemon.pid()).len() == 1);
    for pid in asking(daemon.pid()) {
        succeed(Command::new("kill").args(["-9", &pid.to_string()]));
    }
    assert_eq!(code(&page.reply(asked)), "cancelled");
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "refused"]);
}

/// The display goes after the PIN: that is the person's no, and nobody stays logged in. What the library is asked for is
/// told by the noise that it makes then.
#[test]
fn n093_a_prompt_that_dies_while_the_token_signs_has_the_worker_log_out() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &ALL);
    let rules = desk.path("mood.toml");
    let slow = "[[rule]]\nfunction = \"C_Sign\"\ndo = \"delay\"\nmilliseconds = 2000\n";
    let told = "[[rule]]\nfunction = \"C_Logout\"\ndo = \"print\"\n";
    std::fs::write(&rules, [slow, told].concat()).unwrap();
    let approve = "[[answer]]\ndecision = \"approve\"\npins = [\"12345678\"]\n";
    let simulate = ["--simulate".as_ref(), rules.as_os_str()];
    let daemon = Daemon::start_with(&desk, approve, &simulate);
    let mut page = Page::connected(&daemon);
    let documents = [1, 2, 3, 4, 5].map(|n| page.upload(&format!("{n}.bin"), &[n; 100]));
    let call = json!({ "documents": documents, "format": "cades_detached" });
    let asked = page.ask("sign_documents", &call);
    loop {
        let (message, _) = page.receive().unwrap();
        let params = &message["params"];
        assert_eq!(message["method"], "progress", "{message}");
        if params["stage"] == "signing" && params["done"] == 1 {
            break;
        }
    }
    let prompts = asking(daemon.pid());
    assert_eq!(prompts.len(), 1);
    assert!(!daemon.log().contains("noise"), "the person is logged in");
    succeed(Command::new("kill").args(["-9", &prompts[0].to_string()]));
    assert_eq!(
        code(&page.reply(asked)),
        "cancelled",
        "what was signed stays here"
    );
    wait_for(|| daemon.log().contains("noise"));
    assert_eq!(
        record(&desk, 4),
        ["daemon_started", "asked", "approved", "refused"]
    );
}
