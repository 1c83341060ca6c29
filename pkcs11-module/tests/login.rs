//! PINs: who may do what, and how guessing ends.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::process::Stdio;

use cryptoki::context::Pkcs11;
use cryptoki::error::RvError;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::{SessionState, UserType};
use cryptoki::slot::Slot;
use harness::{PIN, SO_PIN, actor, data, ec_pair, load, new_token, pin, role, rv, user_session};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// `user_pin_count_low`, `user_pin_final_try`, `user_pin_locked`.
fn user_flags(library: &Pkcs11, slot: Slot) -> (bool, bool, bool) {
    let info = library.get_token_info(slot).unwrap();
    (
        info.user_pin_count_low(),
        info.user_pin_final_try(),
        info.user_pin_locked(),
    )
}

alone! {
    fn sessions_follow_the_state_table(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        let (reader, writer) = (library.open_ro_session(slot).unwrap(), library.open_rw_session(slot).unwrap());
        let states = || {
            [&reader, &writer].map(|session| session.get_session_info().unwrap().session_state())
        };
        assert_eq!(states(), [SessionState::RoPublic, SessionState::RwPublic]);
        assert_eq!(rv(writer.login(UserType::So, Some(&pin(SO_PIN)))), RvError::SessionReadOnlyExists);
        reader.login(UserType::User, Some(&pin(PIN))).unwrap();
        assert_eq!(states(), [SessionState::RoUser, SessionState::RwUser]);
        assert_eq!(rv(writer.login(UserType::User, Some(&pin(PIN)))), RvError::UserAlreadyLoggedIn);
        assert_eq!(rv(writer.login(UserType::So, Some(&pin(SO_PIN)))), RvError::SessionReadOnlyExists);
        assert_eq!(rv(reader.create_object(&data("a", false, b"b"))), RvError::SessionReadOnly);
        writer.logout().unwrap();
        assert_eq!(rv(writer.logout()), RvError::UserNotLoggedIn);
        drop(reader);
        writer.login(UserType::So, Some(&pin(SO_PIN))).unwrap();
        assert_eq!(writer.get_session_info().unwrap().session_state(), SessionState::RwSecurityOfficer);
        assert_eq!(rv(writer.login(UserType::User, Some(&pin(PIN)))), RvError::UserAnotherAlreadyLoggedIn);
        assert_eq!(rv(library.open_ro_session(slot)), RvError::SessionReadWriteSoExists);
        assert_eq!(rv(writer.create_object(&data("a", true, b"b"))), RvError::UserNotLoggedIn);
        drop(writer);
        // The last session took the login along.
        let session = library.open_rw_session(slot).unwrap();
        assert_eq!(session.get_session_info().unwrap().session_state(), SessionState::RwPublic);
    }

    fn private_objects_are_nowhere_before_the_login_and_their_handles_die_with_it(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let (public, private) = ec_pair(&session, harness::P256, 1);
        session.create_object(&data("secret", true, b"x")).unwrap();
        session.create_object(&data("open", false, b"x")).unwrap();
        assert_eq!(session.find_objects(&[]).unwrap().len(), 4);
        session.logout().unwrap();
        assert_eq!(session.find_objects(&[]).unwrap().len(), 2);
        assert_eq!(session.find_objects(&[Attribute::Private(true)]).unwrap().len(), 0);
        assert_eq!(rv(session.create_object(&data("b", true, b""))), RvError::UserNotLoggedIn);
        session.login(UserType::User, Some(&pin(PIN))).unwrap();
        assert_eq!(session.find_objects(&[]).unwrap().len(), 4);
        let found = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).unwrap();
        assert_eq!(found.len(), 1);
        assert_ne!(found[0], private);
        assert_eq!(rv(session.sign(&cryptoki::mechanism::Mechanism::Ecdsa, private, &[1; 32])), RvError::KeyHandleInvalid);
        assert!(session.find_objects(&[]).unwrap().contains(&public));
    }

    fn ten_wrong_pins_lock_and_the_officer_unlocks_without_losing_a_key(home) {
        let test = "ten_wrong_pins_lock_and_the_officer_unlocks_without_losing_a_key";
        let library = load();
        if role().is_some() {
            let slot = library.get_slots_with_token().unwrap()[0];
            assert_eq!(user_flags(&library, slot), (true, false, true));
            let session = library.open_rw_session(slot).unwrap();
            assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::PinLocked);
            return;
        }
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        ec_pair(&session, harness::P256, 1);
        session.logout().unwrap();
        for tries in 1..=10 {
            assert_eq!(rv(session.login(UserType::User, Some(&pin("654321")))), RvError::PinIncorrect);
            assert_eq!(user_flags(&library, slot), (true, tries == 9, tries == 10), "after {tries}");
        }
        assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::PinLocked);
        assert_eq!(rv(session.set_pin(&pin(PIN), &pin("new pin"))), RvError::PinLocked);
        // In a new process too.
        assert!(actor(test, home, "later").status().unwrap().success());
        session.login(UserType::So, Some(&pin(SO_PIN))).unwrap();
        session.init_pin(&pin("another pin")).unwrap();
        session.logout().unwrap();
        session.login(UserType::User, Some(&pin("another pin"))).unwrap();
        assert_eq!(user_flags(&library, slot), (false, false, false));
        assert_eq!(session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).unwrap().len(), 1);
    }

    fn the_right_pin_sets_the_counter_back(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = library.open_rw_session(slot).unwrap();
        for _ in 0..2 {
            assert_eq!(rv(session.login(UserType::User, Some(&pin("0000")))), RvError::PinIncorrect);
            assert_eq!(user_flags(&library, slot), (true, false, false));
            session.login(UserType::User, Some(&pin(PIN))).unwrap();
            assert_eq!(user_flags(&library, slot), (false, false, false));
            session.logout().unwrap();
        }
    }

    fn a_try_counts_even_if_the_process_is_killed_in_the_middle_of_it(home) {
        let test = "a_try_counts_even_if_the_process_is_killed_in_the_middle_of_it";
        let library = load();
        if role().is_some() {
            let session = library.open_rw_session(library.get_slots_with_token().unwrap()[0]).unwrap();
            let _ = session.login(UserType::User, Some(&pin("wrong pin")));
            println!("answered");
            return;
        }
        let slot = new_token(&library, "token");
        let session = library.open_rw_session(slot).unwrap();
        // On a busy machine a round may come too late to meet the key derivation; a few are enough.
        let interrupted = (0..20).any(|_| {
            let mut child = actor(test, home, "guesser").stdout(Stdio::piped()).spawn().unwrap();
            while !user_flags(&library, slot).0 {
                std::thread::yield_now();
            }
            child.kill().unwrap();
            let said = child.wait_with_output().unwrap().stdout;
            assert!(user_flags(&library, slot).0, "a try was forgotten");
            session.login(UserType::User, Some(&pin(PIN))).unwrap();
            session.logout().unwrap();
            !String::from_utf8_lossy(&said).contains("answered")
        });
        assert!(interrupted);
    }

    /// As in a container with too narrow a limit.
    fn a_pin_that_there_is_no_memory_to_look_at_is_no_try(home) {
        let test = "a_pin_that_there_is_no_memory_to_look_at_is_no_try";
        let library = load();
        if role().is_none() {
            new_token(&library, "token");
            assert!(actor(test, home, "poor").status().unwrap().success());
            return;
        }
        // A process that has derived nothing yet has nothing left over of it.
        let slot = library.get_slots_with_token().unwrap()[0];
        let session = library.open_rw_session(slot).unwrap();
        let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap()
            .split(' ').nth(5).unwrap().parse().unwrap();
        let unlimited = getrlimit(Resource::Data);
        let limit = |current| setrlimit(Resource::Data, Rlimit { current, ..unlimited }).unwrap();
        limit(Some(pages * 4096 + (16 << 20)));
        for _ in 0..12 {
            assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::HostMemory);
        }
        assert_eq!(rv(session.set_pin(&pin(PIN), &pin("new pin"))), RvError::HostMemory);
        assert_eq!(user_flags(&library, slot), (false, false, false));
        limit(unlimited.current);
        session.login(UserType::User, Some(&pin(PIN))).unwrap();
    }

    fn a_pin_has_four_to_sixty_four_bytes(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        let long = "x".repeat(65);
        let session = library.open_rw_session(slot).unwrap();
        for wrong in ["", "123", &long] {
            assert_eq!(rv(session.set_pin(&pin(PIN), &pin(wrong))), RvError::PinLenRange);
            assert_eq!(rv(session.login(UserType::User, Some(&pin(wrong)))), RvError::PinIncorrect);
        }
        // No PIN is that short or long, so no try is spent.
        assert_eq!(user_flags(&library, slot), (false, false, false));
        session.set_pin(&pin(PIN), &pin(&"đ".repeat(32))).unwrap();
        session.login(UserType::User, Some(&pin(&"đ".repeat(32)))).unwrap();
        let free = *library.get_slots_with_token().unwrap().last().unwrap();
        assert_eq!(rv(library.init_token(free, &pin("abc"), "token")), RvError::PinLenRange);
    }

    fn each_changes_his_own_pin(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        assert_eq!(rv(session.init_pin(&pin("other"))), RvError::UserNotLoggedIn);
        assert_eq!(rv(session.set_pin(&pin("wrong"), &pin("other"))), RvError::PinIncorrect);
        session.set_pin(&pin(PIN), &pin("new user pin")).unwrap();
        session.logout().unwrap();
        assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::PinIncorrect);
        session.login(UserType::So, Some(&pin(SO_PIN))).unwrap();
        session.set_pin(&pin(SO_PIN), &pin("new so pin")).unwrap();
        session.logout().unwrap();
        session.login(UserType::User, Some(&pin("new user pin"))).unwrap();
        session.logout().unwrap();
        session.login(UserType::So, Some(&pin("new so pin"))).unwrap();
    }

    /// A try is counted before the PIN is looked at; those that are right must not add up.
    fn the_right_pin_at_many_places_at_once_locks_nothing(home) {
        let test = "the_right_pin_at_many_places_at_once_locks_nothing";
        let library = load();
        if role().is_some() {
            user_session(&library, library.get_slots_with_token().unwrap()[0]);
            return;
        }
        let slot = new_token(&library, "token");
        std::thread::scope(|threads| {
            for _ in 0..40 {
                threads.spawn(|| {
                    let session = library.open_rw_session(slot).unwrap();
                    let login = session.login(UserType::User, Some(&pin(PIN)));
                    assert!(login.is_ok() || rv(login) == RvError::UserAlreadyLoggedIn);
                });
            }
        });
        let processes: Vec<_> = (0..12).map(|_| actor(test, home, "login").spawn().unwrap()).collect();
        for mut process in processes {
            assert!(process.wait().unwrap().success());
        }
        assert_eq!(user_flags(&library, slot), (false, false, false));
    }
}
