//! Calls that never return, crashes, and answers out of turn: what they cost is the process of the module.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use trien::tokens::{Deadlines, KeyAlgorithm, LoginError, Modules, SigningSession, Token, TokenError};

use crate::module_token;
use crate::stage::{
    PIN, PROGRAM, Stage, answer, command_line, deadlines, logged_in, name, pipe, processes_of, rule, sign,
    signable, token_of,
};

#[tokio::test]
async fn n097_a_call_that_never_returns_is_ended_at_its_deadline() {
    let stage = Stage::new();
    let short = Deadlines {
        start: Duration::from_secs(8),
        enumerate: Duration::from_secs(5),
        login: Duration::from_secs(6),
        sign: Duration::from_secs(5),
        ..Deadlines::default()
    };
    let functions = [
        "C_Initialize",
        "C_GetSlotList",
        "C_GetTokenInfo",
        "C_GetMechanismList",
        "C_OpenSession",
        "C_FindObjects",
        "C_GetAttributeValue",
        "C_Login",
        "C_SignInit",
        "C_Sign",
    ];
    let begun = Instant::now();
    let hang = |function: &'static str| {
        let modules = stage.patient(&rule(function, "do = \"hang\""), &short);
        async move { (function, name(&sign(&modules).await)) }
    };
    let healthy = stage.alone("");
    let (outcomes, other) = join(join_all(functions.map(hang)), sign(&healthy)).await;
    for (function, outcome) in outcomes {
        assert!(outcome.starts_with("Hung"), "{function}: {outcome}");
    }
    assert_eq!(name(&other), "signed", "another module does not notice");
    assert!(begun.elapsed() < Duration::from_secs(60));
    // A module that hangs when it is told to end is ended; nobody waits for it.
    let last = stage.alone(&rule("C_Finalize", "do = \"hang\""));
    assert_eq!(name(&sign(&last).await), "signed");
    let worker = process_of(&last.states()[0].name);
    let told = Instant::now();
    drop(last);
    // It has three seconds to end by itself, and is there as long as it has.
    assert!(told.elapsed() < Duration::from_secs(3));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(runs(&worker), "it hangs");
    until_ended(&worker).await;
}

/// What no signature waits for any more, and what else a person may want of a token.
#[tokio::test]
async fn n097_so_is_one_that_ends_the_work_or_changes_the_token() {
    let stage = Stage::new();
    let short = Deadlines {
        enumerate: Duration::from_secs(5),
        generate: Duration::from_secs(5),
        reader: Duration::from_secs(5),
        ..Deadlines::default()
    };
    // The first session is closed when the certificates were read.
    for (function, from) in [("C_Logout", 1), ("C_CloseSession", 2)] {
        let hangs = rule(function, &format!("from = {from}\ndo = \"hang\""));
        let modules = stage.patient(&hangs, &short);
        let mut session = logged_in(&modules).await.unwrap();
        session.sign(&signable(), false).await.unwrap();
        let begun = Instant::now();
        session.close().await;
        let took = begun.elapsed();
        assert!(
            took > Duration::from_secs(4) && took < Duration::from_secs(20),
            "{function}: {took:?}"
        );
        assert!(token_of(&modules).await.is_ok(), "{function}: another process");
    }
    let modules = stage.patient(&rule("C_SetPIN", "do = \"hang\""), &short);
    let token = module_token(&modules).await;
    let changed = token.change_pin(pipe("12345678\n"), pipe("246810\n")).await;
    assert!(name(&changed).starts_with("Hung"), "{changed:?}");
    let modules = stage.patient(&rule("C_GenerateKeyPair", "do = \"hang\""), &short);
    let mut session = module_token(&modules).await.administer().await.unwrap();
    session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await.unwrap();
    session.login().await.unwrap();
    let made = session.generate(KeyAlgorithm::P256, "new", None).await;
    assert!(matches!(made, Err(TokenError::Hung { .. })), "{made:?}");
}

/// Several who look at once wait for one deadline together: what the first has waited for in vain has failed once, and is
/// not waited for anew by each.
#[tokio::test]
async fn n097_who_waits_while_another_looks_in_vain_does_not_look_in_vain_after_him() {
    let stage = Stage::new();
    // Long enough for all of them to have come.
    let short = Deadlines {
        enumerate: Duration::from_secs(8),
        ..deadlines()
    };
    let modules = stage.patient(&rule("C_GetSlotList", "do = \"hang\""), &short);
    let look = async |later: u64| {
        tokio::time::sleep(Duration::from_millis(later)).await;
        modules.look().await
    };
    for round in 1..=3 {
        for sight in join_all([0, 1000, 1500].map(look)).await {
            let [(_, error)] = &sight.failures[..] else {
                panic!("round {round}: {:?}", sight.failures);
            };
            let in_vain = matches!(error, TokenError::Hung { .. } | TokenError::Busy);
            assert!(in_vain, "round {round}: {error:?}");
        }
        // The third failure would have been in the first round.
        assert_eq!(modules.states()[0].off, round == 3, "round {round}");
    }
}

/// The process of a module.
pub(crate) fn process_of(module: &str) -> String {
    processes_of(module).pop().expect("it has started")
}

fn runs(process: &str) -> bool {
    command_line(process).is_some()
}

async fn until_ended(process: &str) {
    let began = Instant::now();
    while runs(process) {
        assert!(began.elapsed() < Duration::from_secs(20), "it still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// While a person types at the reader, the reader's time counts, not that of a PIN from a pipe; and it has an end, too.
#[tokio::test]
async fn n097_a_person_at_a_pin_pad_has_the_time_of_the_reader() {
    let stage = Stage::new();
    let deadlines = Deadlines {
        login: Duration::from_secs(2),
        reader: Duration::from_secs(20),
        ..deadlines()
    };
    let slow = "do = \"delay\"\nmilliseconds = 4000";
    let in_four_seconds = rule("C_Login", slow) + &answer("C_Login", "CKR_OK");
    let never = rule("C_Login", "do = \"hang\"");
    let login = async |at_the_reader: bool, rules: &str| {
        let set = if at_the_reader { 0x0100 } else { 0 };
        let flags = rule("C_GetTokenInfo", &format!("do = \"flags\"\nset = {set}"));
        let begun = Instant::now();
        let outcome = logged_in(&stage.patient(&(flags + rules), &deadlines)).await;
        (name(&outcome.map(drop)), begun.elapsed())
    };
    let (typed, took) = login(true, &in_four_seconds).await;
    assert_eq!(typed, "signed");
    assert!(took > Duration::from_secs(4), "{took:?}");
    for (at_the_reader, rules) in [(true, never), (false, in_four_seconds)] {
        let (outcome, took) = login(at_the_reader, &rules).await;
        assert!(
            outcome.starts_with("Hung"),
            "{at_the_reader}: {outcome} after {took:?}"
        );
    }
}

/// A change of PIN has that time where there is a pad, or may be one; who has been told that there is none waits no longer than
/// for a login.
#[tokio::test]
async fn n097_a_change_of_pin_has_the_time_of_the_reader_where_there_may_be_a_pad() {
    let stage = Stage::new();
    let deadlines = Deadlines {
        login: Duration::from_secs(3),
        ..Deadlines::default()
    };
    let slow = rule("C_SetPIN", "do = \"delay\"\nmilliseconds = 6000") + &answer("C_SetPIN", "CKR_OK");
    for (pad, told, wanted) in [
        (false, true, "Hung { seconds: 3 }"),
        (false, false, "signed"),
        (true, true, "signed"),
    ] {
        let set = if pad { 0x0100 } else { 0 };
        let flags = rule("C_GetTokenInfo", &format!("do = \"flags\"\nset = {set}"));
        let modules = stage.patient(&(flags + &slow), &deadlines);
        let token = module_token(&modules).await;
        if told {
            assert_eq!(token.pin().await.unwrap().is_at_reader(), pad);
        }
        let changed = token.change_pin(pipe("12345678\n"), pipe("246810\n")).await;
        assert_eq!(name(&changed), wanted, "{pad}, {told}");
    }
}

#[tokio::test]
async fn n098_after_a_crash_nobody_is_logged_in_again() {
    let stage = Stage::new();
    let modules = stage.alone(&rule("C_Sign", "times = 1\ndo = \"crash\""));
    let mut session = logged_in(&modules).await.unwrap();
    let crashed = |outcome| matches!(outcome, Err(LoginError::Token(TokenError::Crashed)));
    assert!(crashed(session.sign(&signable(), false).await));
    assert!(
        crashed(session.sign(&signable(), false).await),
        "the session went with its process"
    );
    let token = token_of(&modules).await.unwrap();
    let key = token.certificates().await.unwrap().pop().unwrap().key.unwrap();
    let mut fresh = token.open(&key).await.unwrap();
    assert!(matches!(
        fresh.sign(&signable(), false).await,
        Err(LoginError::Token(TokenError::LoginNeeded))
    ));
}

/// Stands between the daemon and the real process of a module, and tampers with what goes back.
const TAMPERING: &str = r#"#!/usr/bin/env python3
import os, socket, struct, subprocess, sys
daemon = socket.socket(fileno=os.dup(0))
ours, theirs = socket.socketpair()
subprocess.Popen([PROGRAM, *sys.argv[1:]], stdin=theirs)
theirs.close()
open(PIDS, "a").write(f"{os.getpid()}\n")
def read(stream):
    head = stream.recv(4, socket.MSG_WAITALL)
    if len(head) < 4: sys.exit(0)
    return stream.recv(struct.unpack("<I", head)[0], socket.MSG_WAITALL)
def frame(body): return struct.pack("<I", len(body)) + body
daemon.sendall(frame(read(ours)))  # it greets first
while True:
    ours.sendall(frame(read(daemon)))
    body = read(ours)
    # Its number comes first, and is small: one octet.
    if MOOD == "another": body = bytes([body[0] + 1]) + body[1:]
    if MOOD == "oversized": daemon.sendall(struct.pack("<I", 64 * 1024 * 1024) + body)
    elif MOOD == "garbage": daemon.sendall(frame(body[:1] + b"\x7f" + body[1:]))
    elif MOOD == "disguised":
        daemon.sendall(frame(body.replace(b"hostile", "\u202ei\u001bil".encode()).replace(b"sign", "\u2066i".encode())))
    else: daemon.sendall(frame(body) * (2 if MOOD == "unsolicited" else 1))
"#;

/// Modules whose process is tampered with, and the file with the numbers of the processes that do.
fn tampered(stage: &Stage, mood: &str) -> (Modules, std::path::PathBuf) {
    let pids = stage.0.path().join("pids");
    let names = [
        ("PROGRAM", PROGRAM.to_owned()),
        ("PIDS", pids.display().to_string()),
        ("MOOD", mood.to_owned()),
    ];
    let text = names.iter().fold(TAMPERING.to_owned(), |text, (name, value)| {
        text.replace(name, &format!("{value:?}"))
    });
    let program = stage.file("trien", &text);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    (
        Modules::new(&[stage.module("tampered", "")], &program, deadlines()),
        pids,
    )
}

/// A library that writes to the socket itself has its labels made harmless here, for no worker of ours did.
#[tokio::test]
async fn n101_what_comes_past_the_worker_cannot_pretend_either() {
    let stage = Stage::new();
    let (modules, _) = tampered(&stage, "disguised");
    let token = token_of(&modules).await.unwrap();
    assert_eq!(token.entry().id.label, "\u{fffd}i\u{fffd}il");
    let survey = modules.survey().await.tokens;
    assert_eq!(survey[0].entry().id.label, "\u{fffd}i\u{fffd}il");
    let held = survey[0].certificates().await.unwrap();
    assert_eq!(held[0].label, "\u{fffd}i");
}

#[tokio::test]
async fn n079_a_process_that_answers_out_of_turn_is_ended() {
    for mood in ["honest", "another", "oversized", "garbage", "unsolicited"] {
        let stage = Stage::new();
        let (modules, pids) = tampered(&stage, mood);
        let outcome = match token_of(&modules).await {
            Ok(token) => token.certificates().await.map(|held| held.len()),
            Err(error) => Err(error),
        };
        if mood == "honest" {
            assert!(matches!(outcome, Ok(1..)), "{outcome:?}");
            continue;
        }
        assert!(matches!(outcome, Err(TokenError::Crashed)), "{mood}: {outcome:?}");
        let pids = std::fs::read_to_string(pids).unwrap();
        until_ended(pids.lines().next().unwrap()).await;
    }
}
