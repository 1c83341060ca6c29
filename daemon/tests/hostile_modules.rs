//! A vendor's module is code of unknown quality: what it does costs one request, never the daemon, and never a PIN.
//!
//! The module is the simulator (`testdata/simulator`): the software token in the mood that a script says. Names begin
//! with the number of the case in our list of hostile inputs.

#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

#[path = "support/module.rs"]
mod module;
#[path = "support/stage.rs"]
mod stage;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use stage::{
    PIN, PROGRAM, Stage, TOKENS, answer, deadlines, logged_in, name, pipe, rule, sign, signable, token_of,
};
use trien::tokens::{
    Deadlines, KeyAlgorithm, LoginError, ModuleToken, Modules, PinNeed, PinState, SigningSession, SleepClock,
    Token, TokenError, TokenSource,
};
use trien_signatures::algorithm::SignatureValue;

/// The longest label that is shown, in characters.
const MAX_LABEL: usize = 255;

/// Beside the key that signs.
const OTHER_KEY: &str = "[[token.key]]\nlabel = \"other\"\nalgorithm = \"ec:p256\"\n";

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
    let healthy = stage.patient("", &Deadlines::default());
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
    assert!(told.elapsed() < Duration::from_millis(500));
    tokio::time::sleep(Duration::from_secs(1)).await;
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

async fn module_token(modules: &Modules) -> ModuleToken {
    let found = modules.look().await.tokens;
    found.into_iter().find(|token| token.entry().initialized).unwrap()
}

/// The process of a module.
fn process_of(module: &str) -> String {
    let words = format!("\0--name\0{module}\0");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let is_it = |process: &String| command_line(process).is_some_and(|line| line.contains(&words));
    names.find(is_it).expect("it has started")
}

/// With what a process was started; none of one that has ended.
fn command_line(process: &str) -> Option<String> {
    let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).ok();
    line.filter(|line| !line.is_empty())
}

fn runs(process: &str) -> bool {
    command_line(process).is_some()
}

async fn until_ended(process: &str) {
    let began = Instant::now();
    while runs(process) {
        assert!(began.elapsed() < Duration::from_secs(10), "it still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// While a person types at the reader, the reader's time counts, not that of a PIN from a pipe; and it has an end, too.
#[tokio::test]
async fn n097_a_person_at_a_pin_pad_has_the_time_of_the_reader() {
    let stage = Stage::new();
    let deadlines = Deadlines {
        login: Duration::from_secs(1),
        reader: Duration::from_secs(4),
        ..Deadlines::default()
    };
    let slow = "do = \"delay\"\nmilliseconds = 2000";
    let in_two_seconds = rule("C_Login", slow) + &answer("C_Login", "CKR_OK");
    let never = rule("C_Login", "do = \"hang\"");
    let login = async |at_the_reader: bool, rules: &str| {
        let set = if at_the_reader { 0x0100 } else { 0 };
        let flags = rule("C_GetTokenInfo", &format!("do = \"flags\"\nset = {set}"));
        let begun = Instant::now();
        let outcome = logged_in(&stage.patient(&(flags + rules), &deadlines)).await;
        (name(&outcome.map(drop)), begun.elapsed())
    };
    let (typed, took) = login(true, &in_two_seconds).await;
    assert_eq!(typed, "signed");
    assert!(took > Duration::from_secs(2), "{took:?}");
    for (at_the_reader, rules) in [(true, never), (false, in_two_seconds)] {
        let (outcome, took) = login(at_the_reader, &rules).await;
        assert!(
            outcome.starts_with("Hung"),
            "{at_the_reader}: {outcome} after {took:?}"
        );
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

#[tokio::test]
async fn n099_counts_of_slots_have_a_limit() {
    let stage = Stage::new();
    for (value, wanted) in [("0", "Removed"), ("1000000", "signed"), ("-1", "signed")] {
        let modules = stage.alone(&rule(
            "C_GetSlotList",
            &format!("do = \"length\"\nvalue = {value}"),
        ));
        assert_eq!(name(&sign(&modules).await), wanted, "{value}");
    }
    let growing = stage.alone(&answer("C_GetSlotList", "CKR_BUFFER_TOO_SMALL"));
    assert!(name(&sign(&growing).await).contains("never ends"));
    // Between the question and the answer, the readers become more than there is room for, once, or fewer.
    let lie = |which: &str, value: i64| rule("C_GetSlotList", &format!("do = \"{which}\"\nvalue = {value}"));
    let once = "from = 2\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_BUFFER_TOO_SMALL\"";
    for (rules, wanted) in [
        (rule("C_GetSlotList", once), "signed"),
        (lie("wanted-length", 5), "signed"),
        (lie("wanted-length", 0), "signed"),
        (lie("given-length", 0), "Removed"),
        (lie("given-length", 65), "signed"),
    ] {
        assert_eq!(name(&sign(&stage.alone(&rules)).await), wanted, "{rules}");
    }
}

#[tokio::test]
async fn n100_lengths_of_attributes_have_a_limit() {
    let stage = Stage::new();
    for value in ["-1", "2147483648", "9223372036854775807"] {
        let modules = stage.alone(&rule(
            "C_GetAttributeValue",
            &format!("do = \"length\"\nvalue = {value}"),
        ));
        // What has no length that makes sense is not there.
        assert_eq!(name(&sign(&modules).await), "NoSuchKey", "{value}");
    }
    // Another length than the one that was asked for a moment ago, and more than there is room for.
    for (which, value, wanted) in [
        ("wanted-length", 4096, "signed"),
        ("wanted-length", 1, "NoSuchKey"),
        ("wanted-length", 0, "NoSuchKey"),
        ("given-length", 0, "NoSuchKey"),
        ("given-length", 1, "NoSuchKey"),
        ("given-length", 200_000, "NoSuchKey"),
        ("given-length", -1, "NoSuchKey"),
        ("overrun", 256 << 20, "Crashed"),
    ] {
        let action = format!("do = \"{which}\"\nvalue = {value}");
        let modules = stage.alone(&rule("C_GetAttributeValue", &action));
        assert_eq!(name(&sign(&modules).await), wanted, "{which} {value}");
    }
}

/// So have those of mechanisms and of objects; what is more than was written is nothing.
#[tokio::test]
async fn n100_counts_of_mechanisms_and_objects_are_not_believed() {
    let stage = Stage::new();
    for (function, value, wanted) in [
        ("C_GetMechanismList", -1, "signed"),
        ("C_GetMechanismList", 1_000_000, "signed"),
        ("C_GetMechanismList", 0, "Unsupported"),
        ("C_FindObjects", -1, "signed"),
        ("C_FindObjects", 17, "signed"),
        ("C_FindObjects", 1_000_000, "signed"),
        ("C_FindObjects", 0, "NoSuchKey"),
    ] {
        let modules = stage.alone(&rule(function, &format!("do = \"length\"\nvalue = {value}")));
        let outcome = name(&sign(&modules).await);
        assert!(outcome.starts_with(wanted), "{function} {value}: {outcome}");
    }
    let growing = stage.alone(&answer("C_GetMechanismList", "CKR_BUFFER_TOO_SMALL"));
    assert!(name(&sign(&growing).await).contains("never ends"));
}

#[tokio::test]
async fn n101_labels_cannot_pretend() {
    let stage = Stage::new();
    let label = |text: &str| rule("C_GetTokenInfo", &format!("do = \"label\"\nvalue = \"{text}\""));
    for (text, shown) in [
        ("a\\u0000\\u0000", "a"),
        ("a\\u202eb\\u0007", "a\u{fffd}b\u{fffd}"),
        ("", ""),
    ] {
        let token = token_of(&stage.alone(&label(text))).await.unwrap();
        assert_eq!(token.entry().id.label, shown);
    }
    // Octets that are no UTF-8, or cut in the middle of a character, or controls and marks of direction, in every text
    // up to its end: none of them is lost to the person, none works on him, and the token is still one that signs.
    for (octets, shown) in [
        ("fffec328", "\u{fffd}\u{fffd}\u{fffd}("),
        ("e1bb87c3", "ệ\u{fffd}"),
        ("41e280ae", "A\u{fffd}"),
        ("0a1b5b00", "\u{fffd}\u{fffd}[\u{fffd}"),
        ("20", ""),
    ] {
        let modules = stage.alone(&rule(
            "C_GetTokenInfo",
            &format!("do = \"octets\"\nvalue = \"{octets}\""),
        ));
        let token = token_of(&modules).await.unwrap();
        let entry = token.entry();
        for text in [
            &entry.id.label,
            &entry.id.serial,
            &entry.manufacturer,
            &entry.model,
        ] {
            // Blanks to the end of the field are its padding; all else fills it.
            let is_shown = match shown {
                "" => text.is_empty(),
                shown => text.starts_with(shown),
            };
            assert!(is_shown && text.chars().count() <= 32, "{octets}: {text:?}");
            let neutral = |character: char| !character.is_control() && character != '\u{202e}';
            assert!(text.chars().all(neutral), "{octets}: {text:?}");
        }
        assert_eq!(name(&sign(&modules).await), "signed", "{octets}");
    }
}

/// What a certificate and its key are called on the token is the token's word, too, of any length.
#[tokio::test]
async fn n101_labels_of_certificates_cannot_pretend_either() {
    let stage = Stage::with(&TOKENS.replace("Người Thử\"", "Người Thử\", out = \"sign.pem\""));
    let (certificate, der) = (stage.0.path().join("sign.pem"), stage.0.path().join("sign.der"));
    let run = |command: &mut Command| {
        let output = command.env("TRIEN_HOME", stage.0.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(Command::new("openssl")
        .args(["x509", "-outform", "DER", "-in"])
        .arg(certificate)
        .arg("-out")
        .arg(&der));
    let long = "n".repeat(5000);
    let mut wanted = vec!["sign"];
    for (label, shown) in [
        ("a\u{202e}b\u{7}c", "a\u{fffd}b\u{fffd}c"),
        ("\u{2066}k\u{2069}", "\u{fffd}k\u{fffd}"),
        (&long, &long[..MAX_LABEL]),
    ] {
        let mut write = Command::new("pkcs11-tool");
        write
            .arg("--module")
            .arg(module::software_token())
            .args(["--login", "--pin", PIN, "--type", "cert"]);
        run(write.args(["--label", label, "--write-object"]).arg(&der));
        wanted.push(shown);
    }
    let token = token_of(&stage.alone("")).await.unwrap();
    let held = token.certificates().await.unwrap();
    let mut told: Vec<_> = held.iter().map(|held| held.label.as_str()).collect();
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn n102_functions_that_are_not_there_are_not_called() {
    let stage = Stage::new();
    let functions = [
        ("C_Initialize", "Load"),
        ("C_GetSlotList", "Unsupported"),
        ("C_GetTokenInfo", "Removed"),
        ("C_GetMechanismList", "Unsupported"),
        ("C_OpenSession", "Unsupported"),
        ("C_GetSessionInfo", "Unsupported"),
        ("C_FindObjectsInit", "Unsupported"),
        ("C_FindObjects", "Unsupported"),
        ("C_FindObjectsFinal", "Unsupported"),
        ("C_GetAttributeValue", "Unsupported"),
        ("C_Login", "Unsupported"),
        ("C_SignInit", "Unsupported"),
        ("C_Sign", "Unsupported"),
        // What is only called when the work is done, or for what the signature can do without.
        ("C_GetSlotInfo", "signed"),
        ("C_Logout", "signed"),
        ("C_CloseSession", "signed"),
        ("C_Finalize", "signed"),
    ];
    let mut others = Vec::new();
    for (function, wanted) in functions {
        let modules = stage.alone(&rule(function, "do = \"missing\""));
        let outcome = name(&sign(&modules).await);
        if !outcome.starts_with(wanted) {
            others.push((function, outcome));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

/// The other way to the functions, since version 3: what it hands out may be nothing, or less than its version says.
#[tokio::test]
async fn n102_an_interface_that_lies_costs_its_own_process() {
    let stage = Stage::new();
    let lie = |sort: &str| {
        rule(
            "C_GetInterface",
            &format!("do = \"interface\"\nvalue = \"{sort}\""),
        )
    };
    for (rules, wanted) in [
        (String::new(), "signed"),
        (lie("none"), "signed"),
        (lie("no-list"), "Load"),
        // It ends with the memory, where version 3.2 has further functions.
        (lie("short"), "Load"),
        (lie("empty"), "Load"),
        (answer("C_GetInterface", "CKR_FUNCTION_NOT_SUPPORTED"), "Load"),
        (answer("C_GetInterface", "CKR_ARGUMENTS_BAD"), "Load"),
    ] {
        let modules = stage.alone(&rules);
        let outcome = name(&sign(&modules).await);
        assert!(outcome.starts_with(wanted), "{rules}: {outcome}");
    }
}

#[tokio::test]
async fn n103_what_is_no_signature_does_not_leave() {
    let stage = Stage::new();
    for sort in ["zeros", "empty", "short", "long", "der", "random"] {
        let modules = stage.alone(&rule(
            "C_Sign",
            &format!("do = \"signature\"\nvalue = \"{sort}\""),
        ));
        let outcome = name(&sign(&modules).await);
        assert!(outcome.contains("signature"), "{sort}: {outcome}");
    }
    // One that would be good, were it the other key's: same curve, same length.
    let two = Stage::with(&[TOKENS, OTHER_KEY].concat());
    let another = two.alone(&rule("C_SignInit", "do = \"key\"\nvalue = \"other\""));
    assert!(name(&sign(&another).await).contains("bad signature"));
    let same = two.alone(&rule("C_SignInit", "do = \"key\"\nvalue = \"sign\""));
    assert_eq!(name(&sign(&same).await), "signed");
    let undefined = stage.alone(&rule("C_Sign", "do = \"answer\"\nvalue = 305419896"));
    assert_eq!(name(&sign(&undefined).await), "Answered { number: 305419896 }");
}

#[tokio::test]
async fn n104_each_state_of_the_pin_is_its_own() {
    let stage = Stage::new();
    let table = [
        ("CKR_PIN_INCORRECT", "Incorrect { now: Ready }"),
        ("CKR_PIN_LOCKED", "Locked"),
        ("CKR_PIN_EXPIRED", "Expired"),
        ("CKR_PIN_LEN_RANGE", "Invalid"),
        ("CKR_PIN_INVALID", "Invalid"),
        ("CKR_ARGUMENTS_BAD", "Invalid"),
        ("CKR_DATA_INVALID", "Invalid"),
        ("CKR_FUNCTION_CANCELED", "NoPin"),
        ("CKR_USER_ANOTHER_ALREADY_LOGGED_IN", "Busy"),
        ("CKR_USER_PIN_NOT_INITIALIZED", "Answered { number: 258 }"),
        ("CKR_GENERAL_ERROR", "Answered { number: 5 }"),
    ];
    let outcome = |(value, wanted): (&'static str, &'static str)| {
        // One try is one: a second one would end the process.
        let once = rule("C_Login", "from = 2\ndo = \"crash\"");
        let modules = stage.alone(&(answer("C_Login", value) + &once));
        async move { (value, wanted, name(&sign(&modules).await)) }
    };
    for (value, wanted, outcome) in join_all(table.map(outcome)).await {
        assert_eq!(outcome, wanted, "{value}");
    }
    // The try that locks a token is told as such, whatever the module calls it.
    let locks = ["CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED"].map(|value| {
        let last = rule("C_Login", "do = \"lock-pin\"");
        stage.alone(&format!("{last}{}", answer("C_Login", value)))
    });
    for modules in &locks {
        assert_eq!(name(&sign(modules).await), "Locked");
    }
    // Somebody else's login is ended, and the PIN looked at.
    let mut rules = rule(
        "C_Login",
        "times = 1\ndo = \"answer\"\nvalue = \"CKR_USER_ALREADY_LOGGED_IN\"",
    );
    rules.push_str(&answer("C_Logout", "CKR_OK"));
    assert_eq!(name(&sign(&stage.alone(&rules)).await), "signed");
    // Each flag is its own state, and what locks or wants a change is known before a PIN is.
    let flags = |set: u64| rule("C_GetTokenInfo", &format!("do = \"flags\"\nset = {set}"));
    for (set, wanted) in [
        (0x0001_0000, PinState::FewTries),
        (0x0002_0000, PinState::LastTry),
        (0x0004_0000, PinState::Locked),
        (0x0008_0000, PinState::ToBeChanged),
    ] {
        let token = token_of(&stage.alone(&flags(set))).await.unwrap();
        assert_eq!(token.entry().pin, wanted);
        let locked = matches!(token.pin().await, Ok(PinNeed::Locked));
        assert_eq!(locked, wanted == PinState::Locked);
    }
    // A PIN that must be changed first is not tried, whatever else is said of it, nor asked for at a reader.
    for set in [0x0008_0000, 0x0009_0000, 0x000a_0000, 0x0008_0100] {
        let rules = flags(set) + &rule("C_Login", "do = \"crash\"");
        assert_eq!(name(&sign(&stage.alone(&rules)).await), "Expired", "{set:x}");
    }
    // At a reader with a PIN pad, no PIN of ours is sent.
    let pad = format!("{}{}", flags(0x0100), answer("C_Login", "CKR_OK"));
    let token = token_of(&stage.alone(&pad)).await.unwrap();
    assert_eq!(token.pin().await.unwrap(), PinNeed::Reader);
}

/// Lines that cannot be a PIN of a token with these limits: nothing at all, too short, too long, longer than any line that
/// is read, with a control character, and octets that are no UTF-8.
fn out_of_form(min: u32, max: u32) -> Vec<Vec<u8>> {
    let digits = |length: u32| vec![b'1'; length as usize];
    let [mut control, mut octets] = [digits(max), digits(max)];
    control[0] = 0x07;
    octets[0] = 0xff;
    let lines = [
        Vec::new(),
        digits(min - 1),
        digits(max + 1),
        digits(5000),
        control,
        octets,
    ];
    lines
        .into_iter()
        .map(|line| [&line[..], b"\n"].concat())
        .collect()
}

/// Where a PIN reaches the token the process dies of it.
#[tokio::test]
async fn what_cannot_be_a_pin_is_refused_before_the_token_sees_it() {
    let stage = Stage::new();
    let crash = |function: &str, from: u32| rule(function, &format!("from = {from}\ndo = \"crash\""));
    let session = async |modules: &Modules, pins: &[u8]| {
        let token = token_of(modules).await.unwrap();
        let mut session = token.open(&key_of(&*token).await).await.unwrap();
        session.attach_pin_pipe(octets(pins)).await.unwrap();
        session
    };
    let modules = stage.alone(&crash("C_Login", 1));
    let token = token_of(&modules).await.unwrap();
    let PinNeed::Pipe { min, max, state } = token.pin().await.unwrap() else {
        panic!("{:?}", token.entry())
    };
    let bad = out_of_form(min, max);
    let right = format!("{PIN}\n");
    let mut login = session(&modules, &[&bad.concat(), right.as_bytes()].concat()).await;
    for line in &bad {
        let refused = login.login().await;
        assert!(
            matches!(refused, Err(LoginError::Invalid)),
            "{line:?}: {refused:?}"
        );
    }
    let same = PinNeed::Pipe { min, max, state };
    assert_eq!(login.pin().await.unwrap(), same, "no try was spent");
    let reached = login.login().await;
    assert!(
        matches!(reached, Err(LoginError::Token(TokenError::Crashed))),
        "the rule fires where it is let: {reached:?}"
    );

    // The PIN of a signature of its own is judged as that of the login is.
    let always = rule("C_GetAttributeValue", "do = \"always-authenticate\"")
        + &rule(
            "C_Login",
            "from = 2\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_OK\"",
        )
        + &crash("C_Login", 3);
    let pins = [right.as_bytes(), &bad.concat(), right.as_bytes()].concat();
    let mut signing = session(&stage.alone(&always), &pins).await;
    signing.login().await.unwrap();
    signing.sign(&signable(), false).await.unwrap();
    for line in &bad {
        let refused = signing.sign(&signable(), true).await;
        assert!(
            matches!(refused, Err(LoginError::Invalid)),
            "{line:?}: {refused:?}"
        );
    }
    let reached = signing.sign(&signable(), true).await;
    assert!(
        matches!(reached, Err(LoginError::Token(TokenError::Crashed))),
        "{reached:?}"
    );

    // So are an old PIN and a new one, and the officer's.
    let modules = stage.alone(&(crash("C_SetPIN", 1) + &crash("C_InitPIN", 1) + &crash("C_Login", 1)));
    let found = modules.look().await.tokens;
    let token = found.into_iter().find(|token| token.entry().initialized).unwrap();
    for line in &bad {
        for [one, two] in [[&line[..], right.as_bytes()], [right.as_bytes(), line]] {
            let changed = token.change_pin(octets(one), octets(two)).await;
            assert!(
                matches!(changed, Err(LoginError::Invalid)),
                "{line:?}: {changed:?}"
            );
            let unblocked = token.unblock(octets(one), octets(two)).await;
            assert!(
                matches!(unblocked, Err(LoginError::Invalid)),
                "{line:?}: {unblocked:?}"
            );
        }
    }
}

/// A pipe with these octets in it.
fn octets(octets: &[u8]) -> OwnedFd {
    let (reading, mut writing) = std::io::pipe().unwrap();
    writing.write_all(octets).unwrap();
    reading.into()
}

/// After an error that may mean a pulled card, nothing is asked of the module until the answer is on its way.
#[tokio::test]
async fn a_pin_that_could_not_be_set_costs_one_error() {
    let stage = Stage::new();
    let (officer, new) = (|| pipe("12345678\n"), || pipe("246810\n"));
    let general = |outcome: Result<(), LoginError>| {
        let told = matches!(
            outcome,
            Err(LoginError::Token(TokenError::Answered { number: 5 }))
        );
        assert!(told, "{outcome:?}");
    };
    async fn token(modules: Modules) -> ModuleToken {
        module_token(&modules).await
    }
    for harm in ["hang", "crash"] {
        let after = |function| rule(function, &format!("do = \"{harm}\""));
        let rules = answer("C_SetPIN", "CKR_GENERAL_ERROR") + &after("C_CloseSession");
        general(
            token(stage.alone(&rules))
                .await
                .change_pin(officer(), new())
                .await,
        );
        let rules = answer("C_Login", "CKR_OK")
            + &answer("C_InitPIN", "CKR_GENERAL_ERROR")
            + &after("C_Logout")
            + &after("C_CloseSession");
        general(token(stage.alone(&rules)).await.unblock(officer(), new()).await);
    }
}

#[tokio::test]
async fn n105_a_key_may_want_its_pin_without_saying_so() {
    let stage = Stage::new();
    let once = rule(
        "C_SignInit",
        "times = 1\ndo = \"answer\"\nvalue = \"CKR_USER_NOT_LOGGED_IN\"",
    );
    // After the login and the one that comes anew, the key's own: the software token takes none that its keys do not want.
    let takes_it = rule(
        "C_Login",
        "from = 3\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_OK\"",
    );
    let modules = stage.alone(&(once + &takes_it));
    let mut session = logged_in(&modules).await.unwrap();
    for _ in 0..2 {
        let unasked = session.sign(&signable(), false).await;
        assert!(unasked.is_err(), "{unasked:?}");
    }
    // With the next line it logs in again, and signs once.
    session.sign(&signable(), true).await.unwrap();
    let unasked = session.sign(&signable(), false).await;
    assert!(matches!(unasked, Err(LoginError::NoPin)), "{unasked:?}");
    session.close().await;
    let always = stage.alone(&answer("C_SignInit", "CKR_USER_NOT_LOGGED_IN"));
    let mut session = logged_in(&always).await.unwrap();
    assert!(matches!(
        session.sign(&signable(), false).await,
        Err(LoginError::NoPin)
    ));
    let bounded = session.sign(&signable(), true).await;
    assert!(
        matches!(bounded, Err(LoginError::Token(TokenError::LoginNeeded))),
        "{bounded:?}"
    );
}

/// Another program has the token forget the login, once. Who typed his PIN anew for that is not asked for each signature
/// from then on.
#[tokio::test]
async fn n105_a_login_that_was_ended_once_is_made_anew_once() {
    let stage = Stage::new();
    for function in ["C_SignInit", "C_Sign"] {
        let ended = rule(
            function,
            "from = 2\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_USER_NOT_LOGGED_IN\"",
        );
        let modules = stage.alone(&ended);
        let mut session = logged_in(&modules).await.unwrap();
        session.sign(&signable(), false).await.unwrap();
        let asked = session.sign(&signable(), false).await;
        assert!(matches!(asked, Err(LoginError::NoPin)), "{function}: {asked:?}");
        session.sign(&signable(), true).await.unwrap();
        for _ in 0..3 {
            session.sign(&signable(), false).await.unwrap();
        }
        session.close().await;
    }
}

/// The PIN of a login is of use until the first signature has shown what its key wants, and is gone then, though the
/// session goes on.
#[tokio::test]
async fn a_pin_is_not_kept_for_a_key_that_does_not_want_it_again() {
    // Root may look, whatever the process says of itself.
    if !rustix::process::getuid().is_root() {
        return;
    }
    let own = "73519264";
    let stage = Stage::with(&TOKENS.replace(PIN, own));
    let modules = stage.alone("");
    let token = token_of(&modules).await.unwrap();
    let mut session = token.open(&key_of(&*token).await).await.unwrap();
    session.attach_pin_pipe(pipe(&format!("{own}\n"))).await.unwrap();
    session.login().await.unwrap();
    let worker = process_of(&modules.states()[0].name);
    assert!(
        memory_holds(&worker, own.as_bytes()),
        "the search finds what is there"
    );
    session.sign(&signable(), false).await.unwrap();
    assert!(!memory_holds(&worker, own.as_bytes()));
    session.sign(&signable(), false).await.unwrap();
    session.close().await;
}

/// Looks for bytes in everything a process can write to.
fn memory_holds(process: &str, wanted: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    let memory = std::fs::File::open(format!("/proc/{process}/mem")).unwrap();
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut regions = maps
        .lines()
        .filter(|line| line.contains(" rw"))
        .filter_map(|line| {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            let from = u64::from_str_radix(from, 16).ok()?;
            let length = usize::try_from(u64::from_str_radix(to, 16).ok()? - from).ok()?;
            let mut bytes = vec![0; length];
            let read = memory.read_at(&mut bytes, from).unwrap_or(0);
            bytes.truncate(read);
            Some(bytes)
        });
    regions.any(|bytes| bytes.windows(wanted.len()).any(|window| window == wanted))
}

/// A token that says nothing of hardware, and can be taken away: that it was is told, and not that it failed.
#[tokio::test]
async fn a_removable_token_that_was_pulled_has_not_failed() {
    let stage = Stage::new();
    let pulled = rule("C_Sign", "do = \"remove\"") + &answer("C_Sign", "CKR_DEVICE_ERROR");
    for (flags, wanted) in [("set = 2", "Removed"), ("clear = 2", "Answered { number: 48 }")] {
        let flags = rule("C_GetSlotInfo", &format!("do = \"flags\"\n{flags}"));
        let modules = stage.alone(&(flags + &pulled));
        assert_eq!(name(&sign(&modules).await), wanted);
    }
}

/// A module that would sign without the login that its key says it wants: the person is asked all the same.
#[tokio::test]
async fn n105_a_key_that_wants_its_pin_each_time_has_it_asked_for_though_the_module_does_not() {
    let stage = Stage::new();
    let says_so = rule("C_GetAttributeValue", "do = \"always-authenticate\"");
    let takes_any = rule("C_Login", "from = 2\ndo = \"answer\"\nvalue = \"CKR_OK\"");
    let modules = stage.alone(&(says_so + &takes_any));
    let mut session = logged_in(&modules).await.unwrap();
    // With the PIN of the login, and then with the two lines that are left.
    session.sign(&signable(), false).await.unwrap();
    for _ in 0..2 {
        let unasked = session.sign(&signable(), false).await;
        assert!(matches!(unasked, Err(LoginError::NoPin)), "{unasked:?}");
        session.sign(&signable(), true).await.unwrap();
    }
    let nobody = session.sign(&signable(), true).await;
    assert!(matches!(nobody, Err(LoginError::NoPin)), "{nobody:?}");
    session.close().await;
}

#[tokio::test]
async fn n108_one_token_through_two_modules_is_one_entry() {
    let stage = Stage::new();
    let twice = [stage.module("one", ""), stage.module("two", "")];
    let modules = Modules::new(&twice, Path::new(PROGRAM), deadlines());
    assert_eq!(modules.tokens().await.tokens.len(), 1);
    let late = rule("C_Initialize", "do = \"answer-after\"\nvalue = 0x191");
    assert_eq!(
        name(&sign(&stage.alone(&late)).await),
        "signed",
        "it initialises itself when it is loaded"
    );
    let initialized = stage.alone(&answer("C_Initialize", "CKR_CRYPTOKI_ALREADY_INITIALIZED"));
    // It says that it is, and is not: a failure of its own, not ours.
    assert!(matches!(
        token_of(&initialized).await,
        Err(TokenError::Answered { .. })
    ));
}

/// One card through two modules that call their slots as they like, and give it names of their own: its certificate tells
/// that it is one. In two readers by name it is two.
#[tokio::test]
async fn n108_a_card_is_one_whatever_its_slots_are_called() {
    let stage = Stage::new();
    let in_slot = |slot: &str| {
        rule("C_GetSlotInfo", "do = \"flags\"\nset = 4")
            + &rule("C_GetSlotInfo", &format!("do = \"label\"\nvalue = {slot:?}"))
    };
    let renamed = rule("C_GetTokenInfo", "do = \"octets\"\nvalue = \"41\"");
    for (one, two, count) in [
        ("FT ePass2003 00 00", "FT ePass2003 00 00", 1),
        ("FT ePass2003 00 00", "ES SLOT 1", 1),
        ("ES SLOT 1", "Vendor Slot", 1),
        ("FT ePass2003 00 00", "FT ePass2003 01 00", 2),
    ] {
        let twice = [
            stage.module("one", &in_slot(one)),
            stage.module("two", &(in_slot(two) + &renamed)),
        ];
        let modules = Modules::new(&twice, Path::new(PROGRAM), deadlines());
        assert_eq!(modules.tokens().await.tokens.len(), count, "{one}, {two}");
    }
}

/// A maker who writes the same number and label into each: with two of them there, each is one, and its certificate leads
/// to its own key, and its PIN to itself alone.
#[tokio::test]
async fn n122_two_tokens_of_the_same_names_are_two() {
    let second = TOKENS
        .replace("\"hostile\"", "\"other\"")
        .replace(PIN, "87654321")
        .replace("Người Thử", "Người Khác");
    let stage = Stage::with(&(TOKENS.to_owned() + &second));
    let modules = stage.alone(&rule("C_GetTokenInfo", "do = \"octets\"\nvalue = \"41\""));
    let found: Vec<_> = modules.tokens().await.tokens;
    assert_eq!(found.len(), 2);
    let ids: Vec<_> = found.iter().map(|token| token.entry().id.clone()).collect();
    assert_eq!(ids[0].serial, ids[1].serial);
    assert_ne!(ids[0], ids[1]);
    let mut signed = 0;
    for token in &found {
        let held = token.certificates().await.unwrap();
        let [held] = &held[..] else { panic!("{held:?}") };
        let other = "Người Khác".as_bytes();
        let mut parts = held.certificate.as_der().windows(other.len());
        let pin = if parts.any(|part| part == other) {
            "87654321"
        } else {
            PIN
        };
        let mut session = token.open(held.key.as_ref().unwrap()).await.unwrap();
        session.attach_pin_pipe(pipe(&format!("{pin}\n"))).await.unwrap();
        session.login().await.unwrap();
        let signature = session.sign(&signable(), false).await.unwrap();
        session.close().await;
        let algorithm = signable().algorithm;
        let value = SignatureValue::from_token(algorithm, &signature).unwrap();
        held.certificate
            .verify_digest(algorithm, &signable().digest, &value)
            .unwrap();
        signed += 1;
    }
    assert_eq!(signed, 2);
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
    else: daemon.sendall(frame(body) * (2 if MOOD == "unsolicited" else 1))
"#;

#[tokio::test]
async fn n079_a_process_that_answers_out_of_turn_is_ended() {
    for mood in ["honest", "another", "oversized", "garbage", "unsolicited"] {
        let stage = Stage::new();
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
        let modules = Modules::new(&[stage.module("tampered", "")], &program, deadlines());
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

#[tokio::test]
async fn n086_a_token_that_tells_no_tries_is_neither_locked_nor_without_a_limit() {
    let stage = Stage::new();
    // CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY and CKF_USER_PIN_LOCKED are never told.
    let modules = stage.alone(&rule(
        "C_GetTokenInfo",
        &format!("do = \"flags\"\nclear = {}", 0x7_0000),
    ));
    let token = token_of(&modules).await.unwrap();
    let key = token
        .certificates()
        .await
        .unwrap()
        .into_iter()
        .find_map(|held| held.key);
    let mut session = token.open(&key.unwrap()).await.unwrap();
    let unknown = |need| matches!(need, PinNeed::Pipe { state, .. } if state == PinState::Ready);
    assert!(unknown(session.pin().await.unwrap()));
    session
        .attach_pin_pipe(pipe(&format!("00000000\n{PIN}\n")))
        .await
        .unwrap();
    let wrong = session.login().await;
    let still = PinState::Ready;
    assert!(
        matches!(wrong, Err(LoginError::Incorrect { now }) if now == still),
        "{wrong:?}"
    );
    assert!(unknown(session.pin().await.unwrap()));
    session.login().await.unwrap();
    session.close().await;
    // The tokens' own limit holds all the same: what cannot be told beforehand is told when it is reached.
    let mut session = token.open(&key_of(&*token).await).await.unwrap();
    session
        .attach_pin_pipe(pipe(&"00000000\n".repeat(40)))
        .await
        .unwrap();
    let mut tries = 0;
    while matches!(session.login().await, Err(LoginError::Incorrect { .. })) {
        tries += 1;
        assert!(tries < 40, "it has no limit");
    }
    let locked = session.login().await;
    assert!(matches!(locked, Err(LoginError::Locked)), "{locked:?}");
}

async fn key_of(token: &dyn Token) -> trien::tokens::KeyRef {
    let held = token.certificates().await.unwrap();
    held.into_iter().find_map(|held| held.key).unwrap()
}

#[tokio::test]
async fn n089_a_token_that_was_exchanged_gets_no_pin() {
    let stage = Stage::new();
    let mut refused = 0;
    // Another token lies in the slot from the n-th look on; where a PIN reaches it, the process dies of it.
    for from in 1..40 {
        let exchanged = rule(
            "C_GetTokenInfo",
            &format!("from = {from}\ndo = \"label\"\nvalue = \"another\""),
        );
        let rules = format!("{exchanged}{}", rule("C_Login", "do = \"crash\""));
        let config = stage.module(&format!("m{from}"), &rules);
        let modules = Modules::new(&[config], Path::new(PROGRAM), deadlines());
        match until_the_pin(&modules).await {
            // It was exchanged after the PIN had gone to the right one: no further look matters.
            Some(LoginError::Token(TokenError::Crashed)) => {
                assert!(refused > 0);
                return;
            }
            Some(LoginError::Token(TokenError::Removed)) => refused += 1,
            Some(other) => panic!("{from}: {other:?}"),
            // It was another one from the beginning, as far as anybody has seen.
            None => {}
        }
    }
    panic!("the PIN never reached the right token");
}

/// What a login comes to for which the token was chosen by its name; none where no such token was seen.
async fn until_the_pin(modules: &Modules) -> Option<LoginError> {
    let sight = modules.look().await;
    let chosen = sight
        .tokens
        .into_iter()
        .find(|token| token.entry().id.label == "hostile")?;
    let login = async {
        let held = chosen.certificates().await?;
        let key = held
            .into_iter()
            .find_map(|held| held.key)
            .ok_or(TokenError::NoSuchKey)?;
        let mut session = chosen.open(&key).await?;
        session.attach_pin_pipe(pipe(&format!("{PIN}\n"))).await?;
        session.login().await
    };
    login.await.err()
}

/// The computer sleeps in the middle of somebody's work: what he unlocked before is not used after, by whatever session;
/// who types the PIN again finds the token as it was.
#[tokio::test]
async fn n121_what_was_unlocked_before_the_computer_slept_signs_nothing_after() {
    let stage = Stage::new();
    let slept = Arc::new(AtomicU64::new(3600));
    let told = Arc::clone(&slept);
    let clock = SleepClock::new(move || Duration::from_secs(told.load(Ordering::SeqCst)));
    let modules = stage.alone("").with_sleep_clock(clock);
    for _ in 0..2 {
        let mut session = logged_in(&modules).await.unwrap();
        session.sign(&signable(), false).await.unwrap();
        session.sign(&signable(), false).await.unwrap();
        slept.fetch_add(1, Ordering::SeqCst);
        for typed in [false, true] {
            let refused = session.sign(&signable(), typed).await;
            assert!(
                matches!(refused, Err(LoginError::Token(TokenError::Removed))),
                "{refused:?}"
            );
        }
        session.close().await;
    }
    assert_eq!(name(&sign(&modules).await), "signed");
}
