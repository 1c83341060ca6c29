//! What a page may ask for: at its first use, one question through the extension, none by a page alone; then until when, until
//! what is taken back, and never more than the administrator leaves to the person.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::daemon::{
    ALL, Daemon, PORTAL, Page, allow, asking, child_pids, code, command, record, under, wait_for, zombies,
};
use support::promptly::Promptly;
use support::{Desk, fail, succeed};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const YES: &str = "[[answer]]\nkind = \"allow_origin\"\ndecision = \"approve\"\n";

fn opening(origin: &str, top: &str, active: bool) -> Value {
    json!({ "from": "extension", "origin": origin, "top_origin": top, "user_activation": active })
}

fn listed(desk: &Desk) -> Value {
    serde_json::from_str(&succeed(&mut desk.trien(["origin", "list", "--json"]))).unwrap()
}

#[test]
fn through_the_extension_after_a_click_the_person_is_asked_once() {
    let desk = Desk::bare();
    let daemon = Daemon::start(
        &desk,
        &format!("{YES}permissions = [\"sign\", \"sign_in\"]\ndays = 7\n"),
    );
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    let hello = page.hello();
    assert_eq!(hello["result"]["scopes"], json!(["sign_in", "sign"]), "{hello}");
    let grants = listed(&desk);
    assert_eq!(grants[0]["origin"], PORTAL);
    assert!(grants[0]["expires"].is_string(), "{grants}");
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "granted"]);
    // Known now: over the other road as well, and nobody is asked.
    assert_eq!(Page::over_websocket(&daemon).hello()["result"]["version"], 1);
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(page.hello()["result"]["version"], 1);
    assert_eq!(record(&desk, 3).len(), 3);
}

/// Whoever reads that it is allowed may go on.
#[test]
fn the_person_is_told_that_it_is_allowed_when_it_is_written_down_and_not_before() {
    let desk = Desk::bare();
    let file = desk.home().join("config/origins.toml");
    let told = desk.path("told");
    let window = format!(
        r#"#!/usr/bin/python3
import json, os, socket
daemon = socket.socket(fileno=0)
lines = daemon.makefile("r", encoding="utf-8")
say = lambda message: daemon.sendall((json.dumps(message) + "\n").encode())
if lines.readline():
    say({{"type": "shown"}})
    if not os.path.exists({told:?}):
        with open({file:?}, "w") as origins:
            origins.write("what nobody can read")
    say({{"type": "answer", "decision": "granted", "permissions": ["sign"], "days": 3}})
    for line in lines:
        if json.loads(line)["type"] == "finish":
            with open({told:?}, "a") as told:
                told.write(line)
            break
"#
    );
    let daemon = Daemon::with_window(&desk, &window);
    let said = || std::fs::read_to_string(&told).unwrap_or_default();
    let ask = || {
        let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
        assert_eq!(page.receive().unwrap().0["method"], "permission");
        page.ask("hello", &json!({ "versions": [1] }));
        page.receive().unwrap().0
    };
    let refused = ask();
    assert!(refused["error"].is_object(), "{refused}");
    wait_for(|| said().ends_with('\n'));
    assert!(
        said().contains("failed") && !said().contains("done"),
        "{}",
        said()
    );
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ask()["result"]["scopes"], json!(["sign"]));
    wait_for(|| said().lines().count() == 2);
    assert!(said().lines().last().unwrap().contains("done"), "{}", said());
}

/// What the person reads tells the portal of every month from one that only looks like it.
#[test]
fn who_had_a_permission_that_has_ended_is_put_to_the_person_as_known() {
    let desk = Desk::bare();
    let (daemon, question) = Daemon::keeping_the_question(&desk);
    let ended = format!(
        "[[origin]]\norigin = \"{PORTAL}\"\nscopes = [\"sign\"]\n\
         granted = \"2026-01-01T00:00:00Z\"\nexpires = \"2026-01-31T00:00:00Z\"\n"
    );
    for (written, origin, known) in [
        ("", PORTAL, false),
        (ended.as_str(), PORTAL, true),
        (ended.as_str(), "https://dichvucong-example.vn", false),
    ] {
        let file = desk.home().join("config/origins.toml");
        std::fs::write(&file, written).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        let mut page = Page::opening(&daemon, &opening(origin, origin, true));
        assert_eq!(page.receive().unwrap().0["method"], "permission", "{written}");
        wait_for(|| question.exists());
        let asked = || {
            std::fs::read_to_string(&question)
                .ok()
                .filter(|text| text.ends_with('}'))
        };
        wait_for(|| asked().is_some());
        let asked: Value = serde_json::from_str(&asked().unwrap()).unwrap();
        assert_eq!(
            (&asked["kind"], &asked["known_before"]),
            (&json!("allow_origin"), &json!(known)),
            "{written}: {asked}"
        );
        // Its end was no answer.
        page.receive().unwrap();
        std::fs::remove_file(&question).unwrap();
    }
}

#[test]
fn a_page_alone_opens_no_window() {
    let desk = Desk::bare();
    let daemon = Daemon::start(&desk, &format!("{YES}repeat = true\n"));
    assert!(
        Page::websocket_from(&daemon, PORTAL).is_err(),
        "never over the WebSocket"
    );
    for opening in [
        opening(PORTAL, PORTAL, false),
        opening(PORTAL, "https://evil.example", true),
        opening(
            "http://dichvucong.example.gov.vn",
            "http://dichvucong.example.gov.vn",
            true,
        ),
        opening("null", "null", true),
        json!({ "from": "extension", "origin": PORTAL, "top_origin": PORTAL }),
    ] {
        let mut page = Page::opening(&daemon, &opening);
        let refusal = page.receive().unwrap().0;
        assert_eq!(code(&refusal), "not_allowed", "{opening}");
        let words = refusal.to_string().to_lowercase();
        assert!(
            !words.contains("trien") && !words.contains("triện"),
            "a page that nobody knows learns what is installed: {words}"
        );
    }
    assert_eq!(record(&desk, 1), ["daemon_started"]);
    assert_eq!(listed(&desk), json!([]));
}

#[test]
fn n047_twice_no_and_the_page_may_not_ask_again() {
    let desk = Desk::bare();
    let no = "[[answer]]\nkind = \"allow_origin\"\ndecision = \"refuse\"\nrepeat = true\n";
    let daemon = Daemon::start(&desk, no);
    for told in ["not_allowed", "not_allowed", "user_muted"] {
        let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
        assert_eq!(page.receive().unwrap().0["method"], "permission");
        assert_eq!(code(&page.receive().unwrap().0), told);
    }
    assert_eq!(
        record(&desk, 5),
        ["daemon_started", "asked", "refused", "asked", "refused"]
    );
    assert_eq!(listed(&desk), json!([]));
}

/// Names cost a site nothing, so the person is not asked anew for each.
#[test]
fn n047_a_site_of_many_names_is_one_that_was_refused() {
    let desk = Desk::bare();
    let no = "[[answer]]\nkind = \"allow_origin\"\ndecision = \"refuse\"\nrepeat = true\n";
    let daemon = Daemon::start(&desk, no);
    let told = |origin: &str| {
        let mut page = Page::opening(&daemon, &opening(origin, origin, true));
        assert_eq!(page.receive().unwrap().0["method"], "permission");
        code(&page.receive().unwrap().0).to_owned()
    };
    for (origin, heard) in [
        ("https://a.evil.com.vn", "not_allowed"),
        ("https://b.evil.com.vn", "not_allowed"),
        ("https://c.evil.com.vn", "user_muted"),
        // A public suffix is nobody's name.
        ("https://one.com.vn", "not_allowed"),
        ("https://two.com.vn", "not_allowed"),
        // Four strangers in a row are enough of strangers.
        (PORTAL, "user_muted"),
    ] {
        assert_eq!(told(origin), heard, "{origin}");
    }
    assert_eq!(record(&desk, 9).len(), 9);
}

/// What the person says at the shell while he is asked is not undone by what he says in the window.
#[test]
fn what_is_allowed_at_the_shell_meanwhile_stays() {
    let desk = Desk::bare();
    let (shown, go) = (desk.path("shown"), desk.path("go"));
    let window = format!(
        "#!/bin/sh\nread -r question || exit 0\necho '{{\"type\":\"shown\"}}' >&0\n: > {}\n\
         while [ ! -e {} ]; do sleep 0.05; done\n\
         echo '{{\"type\":\"answer\",\"decision\":\"granted\",\"permissions\":[\"sign\",\"batch\"],\"days\":7}}' >&0\n",
        shown.display(),
        go.display(),
    );
    let daemon = Daemon::with_window(&desk, &window);
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    let began = Instant::now();
    while !shown.exists() {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", daemon.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    let words = [
        "origin", "allow", PORTAL, "--until", "never", "--scope", "sign", "--scope", "verify",
    ];
    succeed(&mut desk.trien(words));
    std::fs::write(go, "").unwrap();
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    assert_eq!(
        page.hello()["result"]["scopes"],
        json!(["sign", "batch", "verify"])
    );
    let until = &listed(&desk)[0]["until"];
    assert!(until["batch"].is_string(), "seven days: {until}");
    assert!(
        until["sign"].is_null() && until["verify"].is_null(),
        "for good: {until}"
    );
}

#[test]
fn n048_the_page_goes_and_the_window_goes() {
    let desk = Desk::bare();
    let hang = "[[answer]]\nkind = \"allow_origin\"\ndecision = \"hang\"\nrepeat = true\n";
    let daemon = Daemon::start(&desk, hang);
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    // What it sent before it went does not keep the window.
    page.ask("hello", &json!({ "versions": [1] }));
    let windows = || child_pids(daemon.pid(), "scripted-prompt").len();
    wait_for(|| windows() == 1);
    drop(page);
    let promptly = Promptly::begin();
    wait_for(|| windows() == 0);
    promptly.within(Duration::from_secs(1));
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "withdrawn"]);
    // Nor does anything of the process stay, though no other one ends.
    wait_for(|| zombies(daemon.pid()).is_empty());
}

#[test]
fn a_daemon_that_ends_while_a_page_is_put_to_the_person_does_not_wait_for_him() {
    let desk = Desk::bare();
    let hang = "[[answer]]\nkind = \"allow_origin\"\ndecision = \"hang\"\nrepeat = true\n";
    let mut daemon = Daemon::start(&desk, hang);
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    wait_for(|| !asking(daemon.pid()).is_empty());
    let promptly = Promptly::begin();
    let process = rustix::process::Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    assert!(daemon.wait().success());
    promptly.within(Duration::from_secs(3));
    assert_eq!(record(&desk, 3), ["daemon_started", "asked", "withdrawn"]);
}

#[test]
fn a_permission_whose_end_no_calendar_has_is_none_at_all() {
    let desk = Desk::bare();
    let daemon = Daemon::start(&desk, &format!("{YES}days = 4000000000\n"));
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    assert_eq!(code(&page.receive().unwrap().0), "not_allowed");
    assert_eq!(listed(&desk), json!([]));
}

#[test]
fn signing_blindly_is_offered_and_given_only_to_who_ticks_it() {
    let desk = Desk::bare();
    let daemon = Daemon::start(&desk, YES);
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    let usual = json!(["certificates", "sign_in", "sign", "batch", "verify"]);
    assert_eq!(page.hello()["result"]["scopes"], usual);
    drop(daemon);
    succeed(&mut desk.trien(["origin", "revoke", PORTAL]));
    let ticked = format!("{YES}permissions = [\"certificates\", \"blind_digest\"]\n");
    let daemon = Daemon::start(&desk, &ticked);
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    assert_eq!(
        page.hello()["result"]["scopes"],
        json!(["certificates", "blind_digest"])
    );
}

/// What the administrator says in the tests below.
const POLICY: &str = r#"
[origins]
user_scopes = ["certificates", "sign", "verify"]
forbid = ["https://forbidden.example"]
[[origins.allow]]
origin = "https://fixed.example"
scopes = ["verify"]
[[origins.pregrant]]
origin = "https://given.example"
scopes = ["sign_in", "sign"]
"#;

/// What the origin may do, as the daemon tells it over the WebSocket; none where not even the handshake is answered.
fn scopes(daemon: &Daemon, origin: &str) -> Option<Value> {
    let mut page = Page::websocket_from(daemon, origin).ok()?;
    Some(page.hello()["result"]["scopes"].clone())
}

/// `trien origin` under the administrator's policy.
fn origin(desk: &Desk, policy: &str, words: &[&str]) -> std::process::Command {
    let words = std::iter::once("origin").chain(words.iter().copied());
    under(policy, &desk.trien(words))
}

fn start(desk: &Desk, policy: &str, script: &str) -> Daemon {
    let file = desk.path("script.toml");
    std::fs::write(&file, script).unwrap();
    Daemon::run(desk, &mut under(policy, &command(desk, &file)))
}

#[test]
fn what_the_administrator_says_of_origins_no_person_widens() {
    let desk = Desk::bare();
    let daemon = start(&desk, POLICY, &format!("{YES}repeat = true\n"));
    let told = |origin: &str| scopes(&daemon, origin);
    let [fixed, given, forbidden, free] =
        ["fixed", "given", "forbidden", "free"].map(|name| format!("https://{name}.example"));
    assert_eq!(told(&fixed), Some(json!(["verify"])));
    assert_eq!(told(&given), Some(json!(["sign_in", "sign"])));
    assert_eq!(told(&forbidden), None);
    assert_eq!(told(&free), None);
    // At the first use he is offered no more than he may allow, and of what is settled he is not asked.
    let mut page = Page::opening(&daemon, &opening(&free, &free, true));
    assert_eq!(page.receive().unwrap().0["method"], "permission");
    assert_eq!(
        page.hello()["result"]["scopes"],
        json!(["certificates", "sign", "verify"])
    );
    let mut page = Page::opening(&daemon, &opening(&forbidden, &forbidden, true));
    assert_eq!(code(&page.receive().unwrap().0), "not_allowed");
    // He allows all of them everything, and is told what does not count; where nothing does, nothing is written.
    let refused = fail(
        &mut origin(&desk, POLICY, &["allow", &forbidden, "--scope", "sign"]),
        1,
    );
    assert!(refused.contains("nothing was written"), "{refused}");
    let beyond = fail(
        &mut origin(&desk, POLICY, &["allow", &free, "--scope", "blind_digest"]),
        1,
    );
    assert!(beyond.contains("nothing was written"), "{beyond}");
    let written = std::fs::read_to_string(desk.home().join("config/origins.toml")).unwrap();
    assert!(
        !written.contains("forbidden") && !written.contains("blind_digest"),
        "{written}"
    );
    for origin_ in [&fixed, &given, &free] {
        let mut words = vec!["allow", origin_.as_str()];
        words.extend(ALL.iter().flat_map(|scope| ["--scope", scope]));
        let output = origin(&desk, POLICY, &words).output().unwrap();
        let note = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && note.contains("administrator"),
            "{origin_} {note}"
        );
    }
    assert_eq!(told(&fixed), Some(json!(["verify"])));
    assert_eq!(told(&given), Some(json!(["sign_in", "sign"])));
    assert_eq!(told(&forbidden), None);
    assert_eq!(told(&free), Some(json!(["certificates", "sign", "verify"])));
    let listed = succeed(&mut origin(&desk, POLICY, &["list"]));
    for (name, how) in [
        ("fixed", "fixed"),
        ("given", "take it back"),
        ("forbidden", "forbidden by"),
    ] {
        let line = listed.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.contains("administrator") && line.contains(how), "{listed}");
    }
    let line = listed.lines().find(|line| line.starts_with(&free)).unwrap();
    assert!(
        line.ends_with(
            "policy now only: see a certificate, ask for signatures on documents, check signatures"
        ),
        "{line}"
    );
    // What was fixed he cannot take away; of what was given beforehand he can, and gets it back, no more.
    let own = || std::fs::read_to_string(desk.home().join("config/origins.toml")).unwrap();
    assert!(own().contains(&fixed), "{}", own());
    let revoked = fail(&mut origin(&desk, POLICY, &["revoke", &fixed, "--json"]), 1);
    let revoked: Value = serde_json::from_str(&revoked).unwrap();
    assert_eq!(
        (&revoked["revoked"], &revoked["left"]),
        (&json!(true), &json!(["verify"]))
    );
    assert!(!own().contains(&fixed), "{}", own());
    let again = origin(&desk, POLICY, &["revoke", &fixed]).output().unwrap();
    let again = String::from_utf8(again.stdout).unwrap();
    assert!(
        again.contains("only he can change it") && again.contains("may still: check signatures."),
        "{again}"
    );
    assert!(!again.contains("taken back"), "{again}");
    assert_eq!(told(&fixed), Some(json!(["verify"])));
    succeed(&mut origin(
        &desk,
        POLICY,
        &["revoke", &given, "--scope", "sign_in"],
    ));
    assert_eq!(told(&given), Some(json!(["sign"])));
    // What is left keeps its end.
    let tomorrow = in_seconds(86_400);
    let soon = [
        "allow", &given, "--scope", "sign", "--scope", "sign_in", "--until", &tomorrow,
    ];
    succeed(&mut origin(&desk, POLICY, &soon));
    let narrow = ["revoke", &given, "--scope", "sign_in"];
    let narrowed = succeed(&mut origin(&desk, POLICY, &narrow));
    assert!(
        narrowed.contains("may no longer: ask you to sign in.") && narrowed.contains("may still: ask for"),
        "{narrowed}"
    );
    assert!(own().contains(&tomorrow[..10]), "{}", own());
    succeed(&mut origin(&desk, POLICY, &["revoke", &given]));
    assert_eq!(told(&given), None);
    succeed(&mut origin(
        &desk,
        POLICY,
        &["allow", &given, "--scope", "sign_in", "--scope", "batch"],
    ));
    assert_eq!(told(&given), Some(json!(["sign_in"])));
}

#[test]
fn only_the_administrators_origins_and_no_first_use_where_he_says_so() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &ALL);
    let new = "https://new.example";
    for (rule, known) in [
        ("only_these = true", None),
        ("first_use = false", Some(json!(ALL))),
        ("user_scopes = []", None),
    ] {
        let policy = format!(
            "[origins]\n{rule}\n[[origins.allow]]\norigin = \"https://fixed.example\"\nscopes = [\"sign\"]\n"
        );
        let daemon = start(&desk, &policy, &format!("{YES}repeat = true\n"));
        assert_eq!(scopes(&daemon, PORTAL), known, "{rule}");
        assert_eq!(
            scopes(&daemon, "https://fixed.example"),
            Some(json!(["sign"])),
            "{rule}"
        );
        let mut page = Page::opening(&daemon, &opening(new, new, true));
        assert_eq!(code(&page.receive().unwrap().0), "not_allowed", "{rule}");
    }
    assert_eq!(listed(&desk).as_array().unwrap().len(), 1);
}

fn in_seconds(seconds: i64) -> String {
    let time = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    time.format(&Rfc3339).unwrap()
}

/// What was to end at that time ended then and not before.
#[track_caller]
fn ended_within_a_second(until: &str, waited: Promptly) {
    let late = OffsetDateTime::now_utc() - OffsetDateTime::parse(until, &Rfc3339).unwrap();
    waited.taking(
        late.try_into().expect("not before its time"),
        Duration::from_secs(1),
    );
}

#[test]
fn a_permission_ends_when_its_time_is_over_also_on_a_connection_that_lives() {
    let desk = Desk::bare();
    let daemon = Daemon::start(&desk, "");
    // Long enough for all that is done by then.
    let until = in_seconds(12);
    succeed(&mut desk.trien(["origin", "allow", PORTAL, "--until", &until]));
    // One that keeps something, and one that does not.
    let other = "https://other.example";
    succeed(&mut desk.trien(["origin", "allow", other, "--scope", "verify"]));
    let words = [
        "origin", "allow", other, "--add", "--scope", "sign", "--until", &until,
    ];
    succeed(&mut desk.trien(words));
    let mut ends = Page::over_websocket(&daemon);
    assert_eq!(ends.hello()["result"]["scopes"], json!(ALL[..5]));
    let mut shrinks = Page::websocket_from(&daemon, other).unwrap();
    assert_eq!(shrinks.hello()["result"]["scopes"], json!(["sign", "verify"]));
    let document = shrinks.upload("a.txt", b"a");
    let call = json!({ "documents": [document], "format": "cades_detached" });
    assert_eq!(code(&shrinks.call("sign_documents", &call)), "no_certificate");
    let waiting = Promptly::begin();
    assert_eq!(code(&ends.receive().unwrap().0), "not_allowed");
    assert_eq!(ends.receive(), Err(1008));
    ended_within_a_second(&until, waiting);
    assert_eq!(scopes(&daemon, PORTAL), None);
    assert_eq!(code(&shrinks.call("sign_documents", &call)), "not_allowed");
    // A text has no signature: that is the answer of a permission that is left.
    let verified = shrinks.call("verify_documents", &json!({ "documents": [document] }));
    assert_eq!(code(&verified), "document_unreadable");
    let times = ["2020-01-01T00:00:00Z", "tomorrow"];
    for time in times {
        fail(&mut desk.trien(["origin", "allow", PORTAL, "--until", time]), 2);
    }
}

#[test]
fn what_the_administrator_allows_ends_when_he_says_also_on_a_connection_that_lives() {
    let desk = Desk::bare();
    // Long enough for all that is done by then.
    let (given, until) = ("https://given.example", in_seconds(12));
    let entry = |list: &str, origin: &str, scopes: &str, until: &str| {
        format!("[[origins.{list}]]\norigin = \"{origin}\"\nscopes = [{scopes}]\n{until}\n")
    };
    let end = format!("until = \"{until}\"");
    let policy = [
        entry("allow", PORTAL, "\"verify\"", &end),
        entry("pregrant", given, "\"sign_in\", \"sign\"", &end),
        entry("pregrant", given, "\"verify\"", ""),
    ]
    .concat();
    let daemon = start(&desk, &policy, &format!("{YES}repeat = true\n"));
    let [mut ends, mut shrinks] =
        [PORTAL, given].map(|origin| Page::websocket_from(&daemon, origin).unwrap());
    let hello = ends.hello()["result"].clone();
    assert_eq!(hello["scopes"], json!(["verify"]));
    assert_eq!(hello["expires"], json!({ "verify": until }));
    let hello = shrinks.hello()["result"].clone();
    assert_eq!(hello["scopes"], json!(["sign_in", "sign", "verify"]));
    assert_eq!(hello["expires"], json!({ "sign_in": until, "sign": until }));
    let document = shrinks.upload("a.txt", b"a");
    let waiting = Promptly::begin();
    assert_eq!(code(&ends.receive().unwrap().0), "not_allowed");
    assert_eq!(ends.receive(), Err(1008));
    ended_within_a_second(&until, waiting);
    let call = json!({ "documents": [document], "format": "cades_detached" });
    assert_eq!(code(&shrinks.call("sign_documents", &call)), "not_allowed");
    let verified = shrinks.call("verify_documents", &json!({ "documents": [document] }));
    assert_eq!(code(&verified), "document_unreadable");
    assert_eq!(scopes(&daemon, PORTAL), None);
    assert_eq!(scopes(&daemon, given), Some(json!(["verify"])));
    // What is over is the administrator's to give again: the person is not asked, and cannot say so himself.
    let mut page = Page::opening(&daemon, &opening(PORTAL, PORTAL, true));
    assert_eq!(code(&page.receive().unwrap().0), "not_allowed");
    let refused = fail(&mut origin(&desk, &policy, &["allow", PORTAL]), 1);
    assert!(refused.contains("nothing was written"), "{refused}");
    let listed = succeed(&mut origin(&desk, &policy, &["list"]));
    for name in [PORTAL, given] {
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap();
        let end = OffsetDateTime::parse(&until, &Rfc3339).unwrap();
        let end = end.to_offset(time::macros::offset!(+7)).replace_nanosecond(0);
        let end = end.unwrap().format(&Rfc3339).unwrap();
        assert!(line.contains(&format!("ENDED at {end}")), "{listed}");
    }
    let listed: Value =
        serde_json::from_str(&succeed(&mut origin(&desk, &policy, &["list", "--json"]))).unwrap();
    assert_eq!(listed[0]["expires"], json!(until));
    assert_eq!(listed[0]["in_force"], false);
    assert_eq!(listed[1]["until"], json!({ "sign_in": until, "sign": until }));
    assert_eq!(listed[1]["in_force"], true);
}

/// An origin stands in the list once, with what it may do: not with what the administrator would have let it do.
#[test]
fn what_is_taken_back_of_the_administrators_permissions_is_not_listed_as_given() {
    let desk = Desk::bare();
    let [fixed, given, forbidden] =
        ["fixed", "given", "forbidden"].map(|name| format!("https://{name}.example"));
    let lines = |of: &str| {
        let listed = succeed(&mut origin(&desk, POLICY, &["list"]));
        let lines = listed.lines().filter(|line| line.contains(of));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let row = |of: &str| {
        let listed = succeed(&mut origin(&desk, POLICY, &["list", "--json"]));
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
        let mut rows = listed.into_iter().filter(|row| row["origin"] == of);
        let row = rows.next().unwrap();
        assert_eq!(rows.next(), None);
        row
    };
    assert_eq!(
        lines(&forbidden),
        [format!("{forbidden}: nothing (forbidden by the administrator)")]
    );
    assert_eq!(row(&forbidden)["in_force"], false);
    let whole = format!(
        "{given}: ask you to sign in, ask for signatures on documents (allowed by the administrator; you may take it back)"
    );
    assert_eq!(lines(&given), [whole.as_str()]);
    assert_eq!(
        (&row(&given)["in_force"], &row(&given)["own"]),
        (&json!(true), &Value::Null)
    );

    succeed(&mut origin(
        &desk,
        POLICY,
        &["revoke", &given, "--scope", "sign_in"],
    ));
    assert_eq!(lines(&given), [whole.replace("ask you to sign in, ", "")]);
    let told = row(&given);
    assert_eq!(
        (&told["effective"], &told["scopes"]),
        (&json!(["sign"]), &json!(["sign_in", "sign"]))
    );
    succeed(&mut origin(&desk, POLICY, &["revoke", &given]));
    let gone = format!("{given}: nothing (allowed by the administrator; you have taken it back)");
    assert_eq!(lines(&given), [gone]);
    let told = row(&given);
    assert_eq!(
        (&told["in_force"], &told["effective"], &told["own"]["scopes"]),
        (&json!(false), &json!([]), &json!([]))
    );
    // Of what he gives back the end is the person's.
    let tomorrow = in_seconds(86_400);
    let words = ["allow", &given, "--scope", "sign", "--until", &tomorrow];
    succeed(&mut origin(&desk, POLICY, &words));
    let [line] = &lines(&given)[..] else {
        panic!("one line")
    };
    assert!(line.contains("you may take it back; until "), "{line}");

    // What counts for nothing is said to.
    succeed(&mut desk.trien(["origin", "allow", &fixed, "--scope", "sign", "--until", "never"]));
    let idle = "(fixed by the administrator); what you allowed it does not count: ask for signatures on documents (no end)";
    assert_eq!(lines(&fixed), [format!("{fixed}: check signatures {idle}")]);
    let told = row(&fixed);
    assert_eq!(
        (&told["effective"], &told["own"]["scopes"]),
        (&json!(["verify"]), &json!(["sign"]))
    );
}

#[test]
fn n028_one_permission_taken_back_withdraws_what_needs_it_and_nothing_else() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &[]);
    let hang = "[[answer]]\ndecision = \"hang\"\nkind = \"sign_documents\"\nrepeat = true\n";
    let share = "[[answer]]\ndecision = \"approve\"\nkind = \"share_certificate\"\n";
    let daemon = Daemon::start(&desk, &format!("{hang}{share}"));
    for road in [Page::over_websocket, Page::over_socket] {
        allow(&desk, PORTAL, &[]);
        let mut page = road(&daemon);
        page.hello();
        let documents = [page.upload("a.txt", b"a"), page.upload("b.txt", b"b")];
        let call = json!({ "documents": documents, "format": "cades_detached" });
        let asked = page.ask("sign_documents", &call);
        wait_for(|| !asking(daemon.pid()).is_empty());
        // Several documents need the permission for batches, too.
        succeed(&mut desk.trien(["origin", "revoke", PORTAL, "--scope", "batch"]));
        let promptly = Promptly::begin();
        assert_eq!(code(&page.reply(asked)), "not_allowed");
        // The window went with it; a process that is killed takes its time.
        wait_for(|| asking(daemon.pid()).is_empty());
        promptly.within(Duration::from_secs(1));
        let verified = page.call("verify_documents", &json!({ "documents": documents }));
        assert_eq!(code(&verified), "document_unreadable", "it is still looked at");
        assert_eq!(code(&page.call("sign_documents", &call)), "not_allowed");
    }
    assert_eq!(
        record(&desk, 5),
        ["daemon_started", "asked", "withdrawn", "asked", "withdrawn"]
    );
    let mut page = Page::connected(&daemon);
    assert!(page.call("certificates", &json!({}))["result"].is_object());
    // The window of that question is not taken for the next one's.
    wait_for(|| asking(daemon.pid()).is_empty());
    // All of them: the connection ends, and the question with it.
    let document = page.upload("a.txt", b"a");
    let call = json!({ "documents": [document], "format": "cades_detached" });
    page.ask("sign_documents", &call);
    wait_for(|| !asking(daemon.pid()).is_empty());
    succeed(&mut desk.trien(["origin", "revoke", PORTAL]));
    let promptly = Promptly::begin();
    while page.receive() != Err(1008) {}
    wait_for(|| asking(daemon.pid()).is_empty());
    promptly.within(Duration::from_millis(1500));
    assert_eq!(record(&desk, 9)[5..], ["asked", "shared", "asked", "withdrawn"]);
}
