//! The token in a chosen mood, as people who write portals have it: `trien daemon --simulate SCRIPT`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::daemon::{ALL, Daemon, PORTAL, Page, allow, code, record, recorded, wait_for};
use support::{Desk, read_json, succeed};

/// A token whose key wants its PIN for each signature, and does without none: the software token's own profile.
const EACH_TIME: &str = r#"
[[token]]
label = "each"
pin = "12345678"
profile = "always-authenticate"
[[token.key]]
label = "sign"
algorithm = "ec:p256"
certificate = { subject = "C=VN,CN=Người Thử" }
"#;

const APPROVE: &str = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"12345678\"]\n";

/// The functions that a rule may be about (PKCS #11 3.1, 5.1), one a line.
const FUNCTIONS: &str = include_str!("../src/cli/daemon/functions.txt");

/// A page before a token in this mood.
fn before(desk: &Desk, rules: &str) -> (Daemon, Page) {
    allow(desk, PORTAL, &[]);
    page(desk, rules, APPROVE)
}

/// The same, with permissions that it has already and a person who answers by this script.
fn page(desk: &Desk, rules: &str, answers: &str) -> (Daemon, Page) {
    let script = desk.path("mood.toml");
    std::fs::write(&script, rules).unwrap();
    let arguments = ["--simulate".as_ref(), script.as_os_str()];
    let daemon = Daemon::start_with(desk, answers, &arguments);
    let page = Page::connected(&daemon);
    (daemon, page)
}

fn sign(page: &mut Page, documents: &[Value]) -> Value {
    let call = json!({ "documents": documents, "format": "cades_detached" });
    let reply = page.call("sign_documents", &call);
    reply["result"]["documents"].clone()
}

#[test]
fn three_seconds_a_signature_take_three_seconds_each() {
    let desk = Desk::bare();
    let delay = "[[rule]]\nfunction = \"C_Sign\"\ndo = \"delay\"\nmilliseconds = 3000\n";
    let (_daemon, mut page) = before(&desk, delay);
    let documents = ["one", "two"].map(|text| page.upload(&format!("{text}.txt"), text.as_bytes()));
    let begun = Instant::now();
    let signed = sign(&mut page, &documents);
    let taken = begun.elapsed();
    for place in 0..2 {
        assert_eq!(signed[place]["status"], "signed", "{signed}");
    }
    assert!(taken >= Duration::from_secs(6), "{taken:?}");
}

#[test]
fn a_rule_may_be_about_every_function() {
    let rule =
        |function: &str| format!("[[rule]]\nfunction = \"{function}\"\ndo = \"delay\"\nmilliseconds = 0\n");
    assert_eq!(FUNCTIONS.lines().count(), 69);
    let rules: String = FUNCTIONS.lines().chain(["load"]).map(rule).collect();
    let desk = Desk::bare();
    let (_daemon, mut page) = before(&desk, &rules);
    let document = page.upload("one.txt", b"one");
    let signed = sign(&mut page, &[document]);
    assert_eq!(signed[0]["status"], "signed", "{signed}");
}

#[test]
fn a_script_that_makes_no_sense_is_refused_before_anything_begins() {
    let desk = Desk::bare();
    let script = desk.path("mood.toml");
    for (text, word) in [
        ("[[rule]]\nfunction = \"C_Sing\"\ndo = \"hang\"", "line 1: C_Sing"),
        ("[[rule]]\nfunction = 7\ndo = \"hang\"", "function"),
        ("[[rule]]\ndo = \"hang\"", "function"),
        ("\n[[rule]]\nfunction = \"C_Sign\"\ndo = \"dance\"", "line 4"),
        (
            "# slow\n[[rule]]\nfunction = \"C_Sign\"\ndo = \"delay\"",
            "line 2: C_Sign",
        ),
        ("[[token]]\nlabel = \"Của An\"", "Của An"),
    ] {
        std::fs::write(&script, text).unwrap();
        let mut command = desk.trien(["daemon", "--json", "--simulate"]);
        let output = command.arg(&script).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = read_json(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(told["error"]["code"], "daemon-bad-script", "{told}");
        assert!(told.to_string().contains(word), "{told}");
    }
}

/// A token with a key that is for signing in, too, and another key of the same kind.
fn token_with_two_keys(desk: &Desk, algorithm: &str, openssl: &[&str]) -> String {
    let (key, certificate) = (desk.path("key.pem"), desk.path("certificate.pem"));
    // Without a section that makes it an authority's.
    let config = desk.path("request.cnf");
    std::fs::write(&config, "[req]\ndistinguished_name = name\n[name]\n").unwrap();
    let mut request = Command::new("openssl");
    request
        .args([
            "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=An", "-newkey",
        ])
        .args(openssl)
        .args(["-addext", "keyUsage=critical,digitalSignature,nonRepudiation"])
        .args(["-addext", "extendedKeyUsage=clientAuth,emailProtection"]);
    request.arg("-config").arg(&config).arg("-keyout").arg(&key);
    succeed(request.arg("-out").arg(&certificate));
    format!(
        "[[token]]\nlabel = \"liar\"\npin = \"12345678\"\n[[token.key]]\nlabel = \"sign\"\nfile = {key:?}\n\
         certificate_files = [{certificate:?}]\n[[token.key]]\nlabel = \"other\"\nalgorithm = \"{algorithm}\"\n"
    )
}

/// Each sort of a signature that is none, told to each of the requests that want one. The page gets a code and nothing
/// else, the record says that it failed, and the next request is served as if nothing had been.
#[test]
fn n103_a_token_that_lies_about_signatures_has_none_of_them_delivered() {
    let lies = [
        "zeros",
        "empty",
        "short",
        "long",
        "der",
        "random",
        "of another key",
    ];
    let curve = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    for (algorithm, openssl) in [("ec:p256", &curve[..]), ("rsa:2048", &["rsa:2048"])] {
        let desk = Desk::bare();
        let mut mood = token_with_two_keys(&desk, algorithm, openssl);
        for (place, lie) in lies.iter().enumerate() {
            // Three requests with a signature each.
            let when = format!("from = {}\ntimes = 3", 3 * place + 1);
            mood += &match *lie {
                "of another key" => {
                    format!("[[rule]]\nfunction = \"C_SignInit\"\n{when}\ndo = \"key\"\nvalue = \"other\"\n")
                }
                sort => {
                    format!(
                        "[[rule]]\nfunction = \"C_Sign\"\n{when}\ndo = \"signature\"\nvalue = \"{sort}\"\n"
                    )
                }
            };
        }
        // After those, three good ones and the first of a batch.
        let last = 3 * lies.len() + 5;
        mood += &format!(
            "[[rule]]\nfunction = \"C_Sign\"\nfrom = {last}\ndo = \"signature\"\nvalue = \"random\"\n"
        );
        let scopes = ["certificates", "sign", "batch", "blind_digest", "sign_in"];
        allow(&desk, PORTAL, &scopes);
        let (daemon, mut page) = page(&desk, &mood, APPROVE);
        let shared = page.call("certificates", &json!({}));
        let certificate = shared["result"]["sha256"].as_str().unwrap().to_owned();
        let documents = ["one", "two"].map(|text| page.upload(&format!("{text}.txt"), text.as_bytes()));
        let nonce = STANDARD.encode((0..33).collect::<Vec<u8>>());
        let digest = STANDARD.encode([7; 32]);
        let detached = |documents: &[Value]| json!({ "documents": documents, "format": "cades_detached" });
        let requests = [
            (
                "sign_digest",
                json!({ "certificate": certificate, "hash": "SHA-256", "digest": digest }),
            ),
            ("authenticate", json!({ "nonce": nonce })),
            ("sign_documents", detached(&documents[..1])),
        ];
        for lie in lies {
            for (method, params) in &requests {
                let reply = page.call(method, params);
                let named = format!("{algorithm}, {lie}, {method}: {reply}");
                assert_eq!(code(&reply), "bad_signature_from_token", "{named}");
                assert!(reply["result"].is_null(), "{named}");
            }
        }
        let told = record(&desk, 2 + 3 * lies.len() * requests.len());
        assert!(!told.iter().any(|action| action == "signed"), "{told:?}");
        let failed = told.iter().filter(|action| *action == "failed").count();
        assert_eq!(failed, lies.len() * requests.len(), "{told:?}");
        for (method, params) in &requests {
            let reply = page.call(method, params);
            assert!(reply["result"].is_object(), "{algorithm}, {method}: {reply}");
        }
        // Of a batch what is good is delivered, and of what is not nothing is.
        let reply = sign(&mut page, &documents);
        assert_eq!(
            (&reply[0]["status"], &reply[1]["status"]),
            (&json!("signed"), &json!("failed")),
            "{reply}"
        );
        assert_eq!(
            reply[1]["error"]["data"]["code"], "bad_signature_from_token",
            "{reply}"
        );
        assert!(reply[1]["sha256"].is_null(), "{reply}");
        assert!(daemon.answers());
    }
}

/// `CKF_USER_PIN_TO_BE_CHANGED`, alone or with what else may be said of a PIN: the page learns that it has expired, and no
/// login reaches the token, which would crash by it.
#[test]
fn a_pin_that_must_be_changed_first_is_told_and_no_login_is_spent_on_it() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let crash = "[[rule]]\nfunction = \"C_Login\"\ndo = \"crash\"\n";
    for set in ["0x00080000", "0x00090000", "0x00080100"] {
        let flags = format!("[[rule]]\nfunction = \"C_GetTokenInfo\"\ndo = \"flags\"\nset = {set}\n");
        let (daemon, mut page) = page(&desk, &(flags + crash), APPROVE);
        let document = page.upload("one.txt", b"one");
        let call = json!({ "documents": [document], "format": "cades_detached" });
        for _ in 0..2 {
            let reply = page.call("sign_documents", &call);
            assert_eq!(code(&reply), "pin_expired", "{set}: {reply}");
            let remedy = &reply["error"]["data"]["remedy"];
            assert!(remedy["vi"].is_string() && remedy["en"].is_string(), "{reply}");
        }
        assert!(daemon.answers());
    }
}

/// The person types a PIN for each document; one that he does not type, or types wrong, makes no signature.
#[test]
fn n105_a_token_that_wants_its_pin_for_each_signature_has_it_asked_for_each() {
    let right = "\"12345678\"";
    let wrong = "\"87654321\"";
    for (pins, statuses) in [
        (vec![right, right, right], ["signed", "signed", "signed"]),
        (vec![right, wrong, right, right], ["signed", "signed", "signed"]),
        (vec![right, right], ["signed", "signed", "cancelled"]),
        (vec![right, wrong], ["signed", "pin_incorrect", "batch_stopped"]),
        (vec![right], ["signed", "cancelled", "batch_stopped"]),
    ] {
        let desk = Desk::bare();
        allow(&desk, PORTAL, &["sign", "batch"]);
        let answers = format!(
            "[[answer]]\ndecision = \"approve\"\npins = [{}]\n",
            pins.join(", ")
        );
        let (_daemon, mut page) = page(&desk, EACH_TIME, &answers);
        let documents =
            ["one", "two", "three"].map(|text| page.upload(&format!("{text}.txt"), text.as_bytes()));
        let signed = sign(&mut page, &documents);
        for (place, status) in statuses.iter().enumerate() {
            let told = signed[place]["error"]["data"]["code"]
                .as_str()
                .unwrap_or("signed");
            assert_eq!(told, *status, "{pins:?}: {signed}");
        }
    }
}

/// The token cannot do it once, at the third signature, and can again.
const CANNOT_ONCE: &str = "[[rule]]\nfunction = \"C_SignInit\"\nfrom = 3\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_DATA_INVALID\"\n";

/// The same, and it has no word for why.
const FAILS_ONCE: &str = "[[rule]]\nfunction = \"C_SignInit\"\nfrom = 3\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_FUNCTION_FAILED\"\n";

/// The same, and it has lost its bearings.
const BREAKS: &str = "[[rule]]\nfunction = \"C_SignInit\"\nfrom = 3\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_GENERAL_ERROR\"\n";

/// What became of each item: `signed`, or the code of its error.
fn outcomes(items: &Value) -> Vec<String> {
    let word = |one: &Value| {
        let code = one["error"]["data"]["code"].as_str();
        code.unwrap_or("signed").to_owned()
    };
    items.as_array().unwrap().iter().map(word).collect()
}

#[test]
fn an_item_that_fails_in_the_middle_stops_a_batch_only_if_that_is_asked_for() {
    let (cannot, failed, stopped) = ("unsupported_by_token", "token_failed", "batch_stopped");
    for (rules, on_error, told) in [
        (
            CANNOT_ONCE,
            "go_on",
            ["signed", "signed", cannot, "signed", "signed"],
        ),
        (
            CANNOT_ONCE,
            "stop",
            ["signed", "signed", cannot, stopped, stopped],
        ),
        (
            FAILS_ONCE,
            "go_on",
            ["signed", "signed", failed, "signed", "signed"],
        ),
        (FAILS_ONCE, "stop", ["signed", "signed", failed, stopped, stopped]),
        // Who asks that it goes on does not ask that a broken token is tried 500 times.
        (BREAKS, "go_on", ["signed", "signed", failed, stopped, stopped]),
    ] {
        // Each daemon has a module of its own that counts from one.
        let desk = Desk::bare();
        let (_daemon, mut page) = before(&desk, rules);
        let documents = ["one", "two", "three", "four", "five"]
            .map(|text| page.upload(&format!("{text}.txt"), text.as_bytes()));
        let call = json!({ "documents": documents, "format": "cades_detached", "on_error": on_error });
        let reply = page.call("sign_documents", &call);
        assert_eq!(outcomes(&reply["result"]["documents"]), told, "{reply}");
        // The receipt has a result for each that is signed, and an empty one for each that is not.
        let results = reply["result"]["receipt"]["results"].as_array().unwrap();
        let signed: Vec<_> = results.iter().map(|result| result != "").collect();
        assert_eq!(signed, told.map(|word| word == "signed"), "{reply}");
    }
}

#[test]
fn digests_stop_or_go_on_and_wait_for_a_token_that_is_pulled() {
    let pulled =
        "[[rule]]\nfunction = \"C_Sign\"\nfrom = 3\ntimes = 1\ndo = \"remove\"\nmilliseconds = 1000\n";
    for (rules, on_error, told, pauses) in [
        (
            CANNOT_ONCE,
            "go_on",
            ["signed", "signed", "unsupported_by_token", "signed"],
            0,
        ),
        (
            CANNOT_ONCE,
            "stop",
            ["signed", "signed", "unsupported_by_token", "batch_stopped"],
            0,
        ),
        (pulled, "stop", ["signed"; 4], 1),
    ] {
        let desk = Desk::bare();
        allow(&desk, PORTAL, &ALL);
        let script = "[[answer]]\ndecision = \"approve\"\nkind = \"share_certificate\"\n\
                      [[answer]]\ndecision = \"approve\"\npins = [\"12345678\", \"12345678\"]\n";
        let (_daemon, mut page) = page(&desk, rules, script);
        let certificate = page.call("certificates", &json!({}))["result"]["sha256"].clone();
        let digests = [1u8, 2, 3, 4].map(|byte| json!({ "digest": STANDARD.encode([byte; 32]) }));
        let call = json!({
            "certificate": certificate, "hash": "SHA-256", "digests": digests, "on_error": on_error,
        });
        let id = page.ask("sign_digests", &call);
        let mut stages = Vec::new();
        let reply = loop {
            match page.receive().unwrap().0 {
                reply if reply["id"] == id => break reply,
                event => stages.push((event["params"]["stage"].clone(), event["params"]["done"].clone())),
            }
        };
        assert_eq!(outcomes(&reply["result"]["signatures"]), told, "{reply}");
        let pause = stages.iter().position(|(stage, _)| stage == "paused");
        assert_eq!(pause.iter().count(), pauses, "{stages:?}");
        if let Some(pause) = pause {
            assert_eq!(stages[pause].1, 2);
            assert_eq!(stages[pause + 1..][0], (json!("signing"), json!(2)), "{stages:?}");
            // With the PIN again, and no third one is asked for anything else.
            assert_eq!(code(&page.call("sign_digests", &call)), "nobody_to_ask");
        }
    }
}

/// The token is back, the person types, and it goes once more: it is waited for again, and what was typed meanwhile, right
/// or wrong, is tried by nobody.
#[test]
fn a_batch_waits_for_a_token_that_goes_again_while_its_pin_is_typed() {
    let twice = "[[rule]]\nfunction = \"C_Sign\"\nfrom = 3\ntimes = 1\ndo = \"remove\"\nmilliseconds = 1000\n\
                 [[rule]]\nfunction = \"C_Login\"\nfrom = 2\ntimes = 1\ndo = \"remove\"\nmilliseconds = 1000\n";
    let desk = Desk::bare();
    allow(&desk, PORTAL, &ALL);
    let script = "[[answer]]\ndecision = \"approve\"\nkind = \"share_certificate\"\n\
                  [[answer]]\ndecision = \"approve\"\npins = [\"12345678\", \"00000000\", \"12345678\"]\n";
    let (_daemon, mut page) = page(&desk, twice, script);
    let certificate = page.call("certificates", &json!({}))["result"]["sha256"].clone();
    let digests = [1u8, 2, 3, 4].map(|byte| json!({ "digest": STANDARD.encode([byte; 32]) }));
    let call = json!({ "certificate": certificate, "hash": "SHA-256", "digests": digests });
    let reply = page.call("sign_digests", &call);
    assert_eq!(outcomes(&reply["result"]["signatures"]), ["signed"; 4], "{reply}");
    assert_eq!(code(&page.call("sign_digests", &call)), "nobody_to_ask");
}

/// What ended the batch is why nothing was signed, and not what was wrong with a document beforehand.
#[test]
fn a_batch_that_is_given_up_before_its_first_signature_is_told_as_that() {
    let pulled = "[[rule]]\nfunction = \"C_Sign\"\ntimes = 1\ndo = \"remove\"\nmilliseconds = 60000\n";
    let desk = Desk::bare();
    allow(&desk, PORTAL, &["sign", "batch"]);
    // One who has no second PIN gives up while the token is away.
    let (_daemon, mut page) = page(&desk, pulled, APPROVE);
    let documents = ["<one/>", "<two/>", "no XML at all"]
        .map(|text| page.upload(&format!("{text}.xml"), text.as_bytes()));
    let call = json!({ "documents": documents, "format": "xades_enveloped" });
    let reply = page.call("sign_documents", &call);
    assert_eq!(code(&reply), "cancelled", "{reply}");
    assert_eq!(record(&desk, 4)[1..], ["asked", "approved", "refused"]);
}

/// A signature that is on the record goes to the page, whose *cancel* came too late.
#[test]
fn what_is_on_the_record_is_not_cancelled_any_more() {
    let slow = "[[rule]]\nfunction = \"C_Logout\"\ndo = \"delay\"\nmilliseconds = 3000\n";
    let desk = Desk::bare();
    allow(&desk, PORTAL, &ALL);
    let (_daemon, mut page) = page(&desk, slow, APPROVE);
    let certificate = page.call("certificates", &json!({}))["result"]["sha256"].clone();
    let digest = STANDARD.encode([1; 32]);
    let call = json!({ "certificate": certificate, "hash": "SHA-256", "digest": digest });
    let asked = page.ask("sign_digest", &call);
    wait_for(|| recorded(&desk).last().is_some_and(|action| action == "signed"));
    let cancel = page.ask("cancel", &json!({ "request": asked }));
    assert_eq!(page.reply(cancel)["result"]["cancelled"], false);
    let reply = page.reply(asked);
    assert!(reply["result"]["signature"].is_string(), "{reply}");
}

/// What was seen when the certificate was shared is enough to ask the person; the token is looked at again after a
/// request that failed.
#[test]
fn a_token_that_was_seen_a_moment_ago_is_not_waited_for_before_the_question() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &ALL);
    // A look at a token takes three of these: for private keys, public keys and certificates.
    let slow = "[[rule]]\nfunction = \"C_FindObjectsInit\"\ndo = \"delay\"\nmilliseconds = 700\n";
    let answer = |decision: &str| format!("[[answer]]\ndecision = \"{decision}\"\npins = [\"12345678\"]\n");
    let script = ["approve", "approve", "refuse", "approve"].map(answer).concat();
    let (daemon, mut page) = page(&desk, slow, &script);
    // The daemon's own look at its start is over: a request that comes before it has it behind itself.
    wait_for(|| daemon.log().contains("in reach"));
    let certificate = page.call("certificates", &json!({}))["result"]["sha256"].clone();
    let call = json!({
        "certificate": certificate, "hash": "SHA-256", "digest": STANDARD.encode([1; 32]),
    });
    let look = Duration::from_millis(2100);
    for (looks, outcome) in [(false, "signed"), (false, "cancelled"), (true, "signed")] {
        let begun = Instant::now();
        let id = page.ask("sign_digest", &call);
        let asked = page.receive().unwrap().0;
        let waited = begun.elapsed();
        assert_eq!(asked["params"]["stage"], "asking", "{asked}");
        assert_eq!(waited >= look, looks, "{outcome}: {waited:?}");
        let reply = page.reply(id);
        let made = reply["result"]["signature"].is_string();
        assert_eq!(if made { "signed" } else { code(&reply) }, outcome, "{reply}");
    }
}

/// What a request for one signature comes to: `signed`, or the code of its error.
fn signs(page: &mut Page) -> String {
    let document = page.upload("one.txt", b"one");
    let call = json!({ "documents": [document], "format": "cades_detached" });
    let reply = page.call("sign_documents", &call);
    match reply["error"].is_object() {
        true => code(&reply).to_owned(),
        false => outcomes(&reply["result"]["documents"]).remove(0),
    }
}

/// The library ends the process that it is in, as if all were well or not, inside a call that the standard lets do nothing of
/// the kind. That costs the request; the next has a process of its own, in which a person logs in anew.
#[test]
fn a_library_that_exits_inside_a_call_costs_that_request_alone() {
    for (function, harm) in [
        ("C_Login", "exit"),
        ("C_SignInit", "exit"),
        ("C_Sign", "exit"),
        ("C_Sign", "abort"),
        ("C_Sign", "crash"),
    ] {
        let desk = Desk::bare();
        let rules = format!("[[rule]]\nfunction = \"{function}\"\nfrom = 2\ntimes = 1\ndo = \"{harm}\"\n");
        let (daemon, mut page) = before(&desk, &rules);
        let told: Vec<String> = (0..4).map(|_| signs(&mut page)).collect();
        assert_eq!(
            told,
            ["signed", "module_crashed", "signed", "module_crashed"],
            "{harm} in {function}"
        );
        assert!(daemon.answers());
    }
}

/// It does so as soon as it is loaded, or asked for anything: no token is there, and after three times in ten minutes it is
/// left alone. The daemon answers all the time.
#[test]
fn a_library_that_exits_whenever_it_is_asked_is_switched_off() {
    for function in ["load", "C_Initialize", "C_GetSlotList"] {
        let desk = Desk::bare();
        let rules = format!("[[rule]]\nfunction = \"{function}\"\ndo = \"exit\"\n");
        let (daemon, mut page) = before(&desk, &rules);
        let told: Vec<String> = (0..4).map(|_| signs(&mut page)).collect();
        assert_eq!(told.last().unwrap(), "module_disabled", "{function}: {told:?}");
        assert!(
            told.iter()
                .all(|code| ["module_crashed", "module_disabled"].contains(&code.as_str())),
            "{function}: {told:?}"
        );
        assert!(daemon.answers());
    }
}

/// The library writes noise to every standard stream, in each call of a signature, in the form of an answer to the daemon even:
/// it stands in the log, and nowhere else.
#[test]
fn what_a_library_prints_inside_its_calls_is_noise_in_the_log() {
    let desk = Desk::bare();
    let functions = [
        "load",
        "C_Initialize",
        "C_GetSlotList",
        "C_GetTokenInfo",
        "C_OpenSession",
        "C_FindObjects",
        "C_Login",
        "C_SignInit",
        "C_Sign",
        "C_Logout",
        "C_CloseSession",
    ];
    let rule = |function| format!("[[rule]]\nfunction = \"{function}\"\ndo = \"print\"\n");
    let (daemon, mut page) = before(&desk, &functions.map(rule).concat());
    for _ in 0..3 {
        assert_eq!(signs(&mut page), "signed");
    }
    let shared = page.call("certificates", &json!({}));
    assert!(shared["result"]["sha256"].is_string(), "{shared}");
    assert!(daemon.log().contains("noise"));
    assert!(daemon.answers());
}

/// A module that floods standard error gets its page its signatures all the same. The log keeps a little of it, without what
/// would steer a terminal or turn a line round, and says that there was more; the daemon's memory keeps nothing.
#[test]
fn n101_a_hundred_mebibytes_that_a_module_prints_are_a_few_lines_of_the_log() {
    let desk = Desk::bare();
    let flood = "[[rule]]\nfunction = \"C_Sign\"\nfrom = 2\ntimes = 1\ndo = \"flood\"\nvalue = 100\n";
    let (daemon, mut page) = before(&desk, flood);
    assert_eq!(signs(&mut page), "signed");
    let (log, memory) = (daemon.log().len(), anonymous(daemon.pid()));
    assert_eq!(signs(&mut page), "signed");
    assert_eq!(signs(&mut page), "signed");
    let told = daemon.log();
    assert!(told.len() - log < 512 * 1024, "{} bytes", told.len());
    assert!(anonymous(daemon.pid()) < memory + 16 * 1024);
    assert!(told.contains("it prints too much"), "{told}");
    assert!(told.contains("flood\u{fffd}dlof\u{fffd}\u{fffd}xxx"), "{told}");
    for line in told.lines() {
        let steers = |character: char| character.is_control() || "\u{202e}\u{2066}".contains(character);
        assert!(!line.contains(steers), "{line:?}");
        assert!(line.len() < 8 * 1024, "{} bytes", line.len());
    }
    assert!(daemon.answers());
}

/// What a process has written and keeps, in KiB.
fn anonymous(process: u32) -> u64 {
    let sums = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
    let line = sums.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A wrong PIN locks the token: the page is told that it is locked, and so is every request after it, without anybody being
/// asked for a PIN; sharing a certificate needs none. The remedy is in both languages.
#[test]
fn a_pin_that_locks_is_told_as_that_and_asked_for_no_more() {
    let desk = Desk::bare();
    allow(&desk, PORTAL, &[]);
    let locks = "[[rule]]\nfunction = \"C_Login\"\nfrom = 2\ndo = \"lock-pin\"\n";
    let (daemon, mut page) = page(&desk, locks, APPROVE);
    assert_eq!(signs(&mut page), "signed");
    let document = page.upload("two.txt", b"two");
    let call = json!({ "documents": [document], "format": "cades_detached" });
    let reply = page.call("sign_documents", &call);
    assert_eq!(code(&reply), "pin_locked", "{reply}");
    let data = &reply["error"]["data"];
    assert!(data["remedy"]["vi"].is_string() && data["remedy"]["en"].is_string());
    assert_eq!(data["retry"], false, "{reply}");
    let entries = record(&desk, 7).len();
    for _ in 0..2 {
        assert_eq!(signs(&mut page), "pin_locked");
    }
    let asked = |actions: &[String]| actions.iter().filter(|action| *action == "asked").count();
    let actions = record(&desk, entries);
    assert_eq!(asked(&actions), 2, "nobody is asked any more: {actions:?}");
    let shared = page.call("certificates", &json!({}));
    assert!(shared["result"]["sha256"].is_string(), "{shared}");
    assert!(daemon.answers());
}
