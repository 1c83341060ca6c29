//! Keys that want their PIN each time, and what ends a login.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use trien::tokens::{LoginError, SleepClock, TokenError};

use crate::key_of;
use crate::processes::process_of;
use crate::stage::{PIN, Stage, TOKENS, answer, logged_in, name, pipe, rule, sign, signable, token_of};

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
