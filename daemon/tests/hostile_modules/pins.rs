//! The states of a PIN, and what reaches a token as one.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;

use futures_util::future::join_all;
use trien::tokens::{Deadlines, LoginError, ModuleToken, Modules, PinNeed, PinState, Token, TokenError};

use crate::stage::{PIN, PROGRAM, Stage, answer, deadlines, name, pipe, rule, sign, signable, token_of};
use crate::{key_of, module_token};

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
    // So is each of the security officer's: what unblocks a token is tried neither unasked nor in vain.
    for (set, wanted, tried) in [
        (0, PinState::Ready, "Incorrect { now: Ready }"),
        (0x0010_0000, PinState::FewTries, "Incorrect { now: FewTries }"),
        (0x0020_0000, PinState::LastTry, "Incorrect { now: LastTry }"),
        (0x0040_0000, PinState::Locked, "Locked"),
    ] {
        let does = if wanted == PinState::Locked {
            rule("C_Login", "do = \"crash\"")
        } else {
            answer("C_Login", "CKR_PIN_INCORRECT")
        };
        let token = module_token(&stage.alone(&(flags(set) + &does))).await;
        assert_eq!(token.officer_pin().await.unwrap(), wanted);
        let outcome = token.unblock(pipe("11111111\n"), pipe("22222222\n")).await;
        assert_eq!(format!("{:?}", outcome.unwrap_err()), tried, "{set:x}");
    }
    // At a reader with a PIN pad, no PIN of ours is sent.
    let pad = format!("{}{}", flags(0x0100), answer("C_Login", "CKR_OK"));
    let token = token_of(&stage.alone(&pad)).await.unwrap();
    assert!(token.pin().await.unwrap().is_at_reader());
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
pub(crate) fn octets(octets: &[u8]) -> OwnedFd {
    let (reading, mut writing) = std::io::pipe().unwrap();
    writing.write_all(octets).unwrap();
    reading.into()
}

/// After an error that may mean a pulled card, nothing is asked of the module until the answer is on its way.
#[tokio::test]
async fn a_pin_that_could_not_be_set_costs_one_error() {
    let stage = Stage::new();
    let hangs = Deadlines::default();
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
            token(stage.patient(&rules, &hangs))
                .await
                .change_pin(officer(), new())
                .await,
        );
        let rules = answer("C_Login", "CKR_OK")
            + &answer("C_InitPIN", "CKR_GENERAL_ERROR")
            + &after("C_Logout")
            + &after("C_CloseSession");
        general(
            token(stage.patient(&rules, &hangs))
                .await
                .unblock(officer(), new())
                .await,
        );
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
