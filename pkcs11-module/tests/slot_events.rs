//! `C_WaitForSlotEvent`, where the environment asks for slots whose tokens come and go; and where it does not.

#![allow(clippy::unwrap_used)] // a test may fail

mod harness;

use std::path::Path;
use std::time::{Duration, Instant};

use cryptoki_sys::*;
use harness::raw::Library;
use harness::{actor, alone_with, role};

fn with_events(test: &str, body: impl FnOnce(&Path)) {
    alone_with(test, &[("TRIEN_PKCS11_SLOT_EVENTS", "1")], body);
}

alone! {
    fn a_fixed_slot_has_no_events(_home) {
        let library = Library::initialized();
        let slot = library.new_token();
        assert_eq!(library.slot_info(slot).unwrap().flags, CKF_TOKEN_PRESENT);
        for flags in [0, CKF_DONT_BLOCK] {
            assert_eq!(library.wait_for_slot_event(flags), Err(CKR_FUNCTION_NOT_SUPPORTED));
        }
    }
}

#[test]
fn a_token_that_comes_or_goes_is_an_event_once() {
    with_events("a_token_that_comes_or_goes_is_an_event_once", |home| {
        let library = Library::initialized();
        if role().is_some() {
            library.new_token();
            return;
        }
        let test = "a_token_that_comes_or_goes_is_an_event_once";
        let mine = library.new_token();
        assert_eq!(library.wait_for_slot_event(CKF_DONT_BLOCK), Err(CKR_NO_EVENT));
        assert!(actor(test, home, "maker").status().unwrap().success());
        let theirs = library.wait_for_slot_event(CKF_DONT_BLOCK).unwrap();
        assert_ne!(theirs, mine);
        assert_ne!(
            library.token_info(theirs).unwrap().flags & CKF_TOKEN_INITIALIZED,
            0
        );
        assert_eq!(library.wait_for_slot_event(CKF_DONT_BLOCK), Err(CKR_NO_EVENT));
        std::fs::remove_dir_all(home.join("data/tokens")).unwrap();
        let mut gone = [
            library.wait_for_slot_event(0).unwrap(),
            library.wait_for_slot_event(0).unwrap(),
        ];
        gone.sort_unstable();
        assert_eq!(gone, [mine.min(theirs), mine.max(theirs)]);
        assert_eq!(library.token_info(mine).err(), Some(CKR_TOKEN_NOT_PRESENT));
    });
}

#[test]
fn whoever_waits_is_woken_by_a_token_or_by_finalize() {
    with_events("whoever_waits_is_woken_by_a_token_or_by_finalize", |home| {
        let library = Library::initialized();
        if role().is_some() {
            library.new_token();
            return;
        }
        let test = "whoever_waits_is_woken_by_a_token_or_by_finalize";
        library.slots();
        let waiting = std::thread::spawn(move || library.wait_for_slot_event(0));
        assert!(actor(test, home, "maker").status().unwrap().success());
        let slot = waiting.join().unwrap().unwrap();
        assert!(library.slots().contains(&slot));
        let waiting = std::thread::spawn(move || (library.wait_for_slot_event(0), Instant::now()));
        std::thread::sleep(Duration::from_millis(300));
        // Other calls are not kept waiting by it.
        library.token_info(slot).unwrap();
        assert!(!waiting.is_finished());
        assert_eq!(library.finalize(), CKR_OK);
        let finalized = Instant::now();
        let (answer, woken) = waiting.join().unwrap();
        assert_eq!(answer, Err(CKR_CRYPTOKI_NOT_INITIALIZED));
        assert!(woken.saturating_duration_since(finalized) < Duration::from_secs(20));
        assert_eq!(library.wait_for_slot_event(0), Err(CKR_CRYPTOKI_NOT_INITIALIZED));
    });
}
