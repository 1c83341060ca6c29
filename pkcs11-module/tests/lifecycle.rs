//! Slots and tokens: how they come, stay and are seen by others.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::RvError;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::{SessionState, UserType};
use harness::{PIN, SO_PIN, actor, data, load, module, new_token, pin, role, rsa_pair, rv, user_session};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

alone! {
    fn a_free_slot_comes_last_and_tokens_keep_their_slots(_home) {
        let library = load();
        let slots = library.get_slots_with_token().unwrap();
        assert_eq!(slots.len(), 1);
        assert!(!library.get_token_info(slots[0]).unwrap().token_initialized());
        assert_eq!(rv(library.open_ro_session(slots[0])), RvError::TokenNotRecognized);

        let first = new_token(&library, "Nguyễn Văn An");
        let second = new_token(&library, "Trần Thị Bình");
        let slots = library.get_slots_with_token().unwrap();
        assert_eq!(slots[..2], [first, second]);
        assert_eq!(slots.len(), 3);

        let info = library.get_token_info(first).unwrap();
        assert_eq!(info.label(), "Nguyễn Văn An");
        assert_eq!(info.manufacturer_id(), "Trien");
        assert_eq!(info.model(), "Trien SoftToken");
        assert_eq!(info.serial_number().len(), 16);
        assert!(info.token_initialized() && info.user_pin_initialized() && info.login_required() && info.rng());
        assert!(!info.error_state() && !info.user_pin_count_low());
        assert_eq!((info.min_pin_length(), info.max_pin_length()), (4, 64));
    }

    fn only_the_user_can_read_the_folder(home) {
        let library = load();
        new_token(&library, "token");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let tokens = home.join("data/tokens");
        assert_eq!(mode(&tokens), 0o700);
        let mut seen = 0;
        for token in std::fs::read_dir(&tokens).unwrap() {
            let token = token.unwrap().path();
            assert_eq!(mode(&token), 0o700);
            for file in std::fs::read_dir(&token).unwrap() {
                assert_eq!(mode(&file.unwrap().path()), 0o600);
                seen += 1;
            }
        }
        assert!(seen > 0);
    }

    /// Rights are no damage: whoever reads that a token is corrupt puts a backup over one that is sound.
    fn what_may_not_be_read_is_not_called_corrupt(home) {
        let mut library = load();
        let slot = new_token(&library, "token");
        // An empty journal is as good as none.
        user_session(&library, slot).create_object(&data("x", true, b"x")).unwrap();
        // Who may read everything has nothing to be told.
        let all = capabilities(None).unwrap();
        set_capabilities(None, CapabilitySets { effective: CapabilitySet::empty(), ..all }).unwrap();
        let tokens = home.join("data/tokens");
        let folder = std::fs::read_dir(&tokens).unwrap().next().unwrap().unwrap().path();
        let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let files = ["token.db", "token.db-journal", "tries"].map(|file| (folder.join(file), 0o600));
        for (path, mode) in files.into_iter().chain([(folder.clone(), 0o700)]) {
            library.finalize().unwrap();
            set(&path, 0);
            library = load();
            assert_eq!(library.get_slots_with_token().unwrap().len(), 2);
            assert_eq!(rv(library.get_token_info(slot)), RvError::TokenNotRecognized, "{}", path.display());
            let described = library.get_slot_info(slot).unwrap().slot_description().to_owned();
            assert!(described.ends_with(", no right to read it"), "{described}");
            set(&path, mode);
            assert_eq!(library.get_slots_with_token().unwrap().len(), 2);
            assert!(library.get_token_info(slot).unwrap().token_initialized());
        }
        // A list of slots that failed would take those of other modules along, where p11-kit makes one of all.
        library.finalize().unwrap();
        set(&tokens, 0);
        library = load();
        let slots = library.get_slots_with_token().unwrap();
        assert_eq!(rv(library.get_token_info(slots[0])), RvError::TokenNotRecognized);
        let described = library.get_slot_info(slots[0]).unwrap().slot_description().to_owned();
        assert_eq!(described, "Trien software tokens, no right to read it");
        assert_eq!(rv(library.init_token(slots[1], &pin(SO_PIN), "token")), RvError::TokenNotRecognized);
        set(&tokens, 0o700);
        let slots = library.get_slots_with_token().unwrap();
        assert_eq!(slots.len(), 2);
        assert_eq!(library.get_token_info(slots[0]).unwrap().label(), "token");
    }

    /// As of a token that comes from a repository.
    fn whoever_may_use_a_token_may_use_the_journal_that_another_makes(home) {
        let library = load();
        new_token(&library, "token");
        library.finalize().unwrap();
        let folder = std::fs::read_dir(home.join("data/tokens")).unwrap().next().unwrap().unwrap().path();
        let [store, journal] = ["token.db", "token.db-journal"].map(|file| folder.join(file));
        std::fs::remove_file(&journal).unwrap();
        std::fs::set_permissions(&store, PermissionsExt::from_mode(0o660)).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&store, Some(65534), Some(65534)).unwrap();
        }
        assert_eq!(load().get_slots_with_token().unwrap().len(), 2);
        let rights = |file: &Path| {
            let found = std::fs::metadata(file).unwrap();
            (found.uid(), found.gid(), found.permissions().mode())
        };
        assert_eq!(rights(&journal), rights(&store));
    }

    fn a_token_stays_where_it_is_wherever_its_host_goes(home) {
        let test = "a_token_stays_where_it_is_wherever_its_host_goes";
        let library = load();
        if role().is_some() {
            let slot = library.get_slots_with_token().unwrap()[0];
            std::env::set_current_dir("/").unwrap();
            user_session(&library, slot).create_object(&data("here", true, b"x")).unwrap();
            assert_eq!(library.get_slots_with_token().unwrap()[0], slot);
            new_token(&library, "another");
            return;
        }
        new_token(&library, "token");
        let mut child = actor(test, home, "host");
        child.env("TRIEN_HOME", home.file_name().unwrap()).current_dir(home.parent().unwrap());
        assert!(child.status().unwrap().success());
        assert_eq!(library.get_slots_with_token().unwrap().len(), 3);
    }

    fn a_token_of_another_process_appears_without_a_restart(home) {
        let library = load();
        if role().is_some() {
            new_token(&library, "theirs");
            return;
        }
        let mine = new_token(&library, "mine");
        let other = actor("a_token_of_another_process_appears_without_a_restart", home, "maker").status().unwrap();
        assert!(other.success());
        let slots = library.get_slots_with_token().unwrap();
        let labels: Vec<String> =
            slots.iter().map(|slot| library.get_token_info(*slot).unwrap().label().to_owned()).collect();
        assert_eq!(labels, ["mine", "theirs", ""]);
        assert_eq!(slots[0], mine);
    }

    fn keys_survive_a_restart(home) {
        let test = "keys_survive_a_restart";
        let library = load();
        match role().as_deref() {
            Some("maker") => {
                let session = user_session(&library, new_token(&library, "token"));
                rsa_pair(&session, 2048, 1);
                // Ends without C_Finalize, as many hosts do.
            }
            Some(_) => {
                let session = harness::first_user_session(&library);
                let key = session.find_objects(&[Attribute::Sign(true), Attribute::Id(vec![1])]).unwrap()[0];
                session.sign(&Mechanism::Sha256RsaPkcs, key, b"one").unwrap();
            }
            None => {
                assert!(actor(test, home, "maker").status().unwrap().success());
                assert!(actor(test, home, "user").status().unwrap().success());
            }
        }
    }

    fn finalize_ends_everything_and_initialize_begins_anew(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let again = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        assert!(library.initialize(again).is_err());
        drop(session);
        library.finalize().unwrap();
        // The same mapped library, as dlopen gives it again.
        let library = Pkcs11::new(module()).unwrap();
        assert!(library.get_slots_with_token().is_err());
        library.initialize(again).unwrap();
        assert_eq!(library.get_slots_with_token().unwrap()[0], slot);
        let session = library.open_rw_session(slot).unwrap();
        assert_eq!(session.get_session_info().unwrap().session_state(), SessionState::RwPublic);
    }

    fn a_token_is_emptied_only_with_the_so_pin_and_without_sessions(_home) {
        let library = load();
        let slot = new_token(&library, "before");
        let session = user_session(&library, slot);
        session.create_object(&harness::data("note", false, b"x")).unwrap();
        assert_eq!(rv(library.init_token(slot, &pin(SO_PIN), "after")), RvError::SessionExists);
        drop(session);
        assert_eq!(rv(library.init_token(slot, &pin("wrong pin"), "after")), RvError::PinIncorrect);
        assert_eq!(library.get_token_info(slot).unwrap().label(), "before");
        library.init_token(slot, &pin(SO_PIN), "after").unwrap();
        let info = library.get_token_info(slot).unwrap();
        assert_eq!(info.label(), "after");
        assert!(!info.user_pin_initialized());
        let session = library.open_rw_session(slot).unwrap();
        assert_eq!(session.find_objects(&[]).unwrap().len(), 0);
        assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::UserPinNotInitialized);
    }

    fn a_token_emptied_is_ready_at_once(_home) {
        let library = load();
        let slot = new_token(&library, "before");
        drop(user_session(&library, slot));
        library.init_token(slot, &pin(SO_PIN), "after").unwrap();
        let session = library.open_rw_session(slot).unwrap();
        session.create_object(&harness::data("note", false, b"x")).unwrap();
        assert_eq!(session.find_objects(&[]).unwrap().len(), 1);
    }

    fn a_locked_so_pin_is_locked_for_a_pin_of_any_length(_home) {
        let library = load();
        let slot = new_token(&library, "token");
        assert_eq!(rv(library.init_token(slot, &pin("abc"), "after")), RvError::PinIncorrect);
        for _ in 0..10 {
            assert_eq!(rv(library.init_token(slot, &pin("wrong pin"), "after")), RvError::PinIncorrect);
        }
        for wrong in ["abc", "wrong pin", SO_PIN] {
            assert_eq!(rv(library.init_token(slot, &pin(wrong), "after")), RvError::PinLocked);
        }
    }

    fn a_token_taken_away_takes_its_sessions_and_keys_along(home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let (_, key) = harness::ec_pair(&session, harness::P256, 1);
        session.sign(&Mechanism::Ecdsa, key, &[1; 32]).unwrap();
        std::fs::rename(home.join("data/tokens"), home.join("away")).unwrap();
        // What would be written now would be lost.
        assert_eq!(rv(session.create_object(&harness::data("note", false, b"x"))), RvError::DeviceRemoved);
        library.get_slots_with_token().unwrap();
        assert_eq!(rv(session.sign(&Mechanism::Ecdsa, key, &[1; 32])), RvError::SessionHandleInvalid);
        std::fs::rename(home.join("away"), home.join("data/tokens")).unwrap();
        // It comes back in a slot of its own, and nobody is logged in.
        let slots = library.get_slots_with_token().unwrap();
        assert_ne!(slots[0], slot);
        let session = library.open_rw_session(slots[0]).unwrap();
        assert_eq!(session.get_session_info().unwrap().session_state(), SessionState::RwPublic);
    }

    fn a_token_taken_away_leaves_its_slot_empty(home) {
        let library = load();
        let slot = new_token(&library, "token");
        std::fs::remove_dir_all(home.join("data/tokens")).unwrap();
        let slots = library.get_slots_with_token().unwrap();
        assert!(!slots.contains(&slot));
        assert_eq!(rv(library.get_token_info(slot)), RvError::TokenNotPresent);
        assert_eq!(rv(library.open_ro_session(slot)), RvError::TokenNotPresent);
    }
}
