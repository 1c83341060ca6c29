//! The store on disk: damage, sudden death, and several processes at once.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cryptoki::context::Pkcs11;
use cryptoki::error::RvError;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use harness::{
    PIN, actor, bytes, data, ec_pair, first_user_session, load, new_token, pin, role, rv, user_session,
};

fn database(home: &Path) -> PathBuf {
    let mut tokens = std::fs::read_dir(home.join("data/tokens")).unwrap();
    tokens.next().unwrap().unwrap().path().join("token.db")
}

/// Labels and values.
type Inventory = BTreeSet<(String, Vec<u8>)>;

/// What a host finds: labels and values of the objects that can be read, and how many cannot.
fn inventory(session: &Session) -> (Inventory, usize) {
    let (mut read, mut damaged) = (BTreeSet::new(), 0);
    for object in session
        .find_objects(&[Attribute::Class(ObjectClass::DATA)])
        .unwrap()
    {
        match session.get_attributes(object, &[AttributeType::Label, AttributeType::Value]) {
            Ok(attributes) => match &attributes[..] {
                [Attribute::Label(label), Attribute::Value(value)] => {
                    read.insert((String::from_utf8(label.clone()).unwrap(), value.clone()));
                }
                other => panic!("{other:?}"),
            },
            Err(error) => {
                assert_eq!(rv::<()>(Err(error)), RvError::DeviceError);
                damaged += 1;
            }
        }
    }
    (read, damaged)
}

fn text(label: &str) -> Vec<u8> {
    label.repeat(40).into_bytes()
}

/// Reads a damaged token as a host would. Nothing wrong may be told as right: `None` if the token says that it is
/// damaged as a whole or refuses the login, else what was read and whether damage was told.
fn examine(library: &Pkcs11) -> Option<(Inventory, bool)> {
    let slot = library.get_slots_with_token().unwrap()[0];
    let session = match library.open_rw_session(slot) {
        Ok(session) => session,
        Err(error) => {
            assert!(matches!(
                rv::<()>(Err(error)),
                RvError::TokenNotRecognized | RvError::DeviceError
            ));
            return None;
        }
    };
    if let Err(error) = session.login(UserType::User, Some(&pin(PIN))) {
        let refusals = [RvError::DeviceError, RvError::UserPinNotInitialized];
        assert!(refusals.contains(&rv::<()>(Err(error))));
        return None;
    }
    if let Err(error) = session.find_objects(&[]) {
        assert_eq!(rv::<()>(Err(error)), RvError::DeviceError);
        return None;
    }
    let (read, damaged) = inventory(&session);
    Some((read, damaged > 0))
}

/// Runs `examine` with the library freshly loaded, so that each look begins with the file. Prints its findings.
fn examiner() {
    // The test runner has begun a line.
    println!();
    let library = load();
    match examine(&library) {
        None => println!("refused"),
        Some((read, told)) => {
            for (label, value) in read {
                assert_eq!(value, text(&label), "a wrong value was told as right");
                println!("read {label}");
            }
            println!("{}", if told { "damage told" } else { "all well" });
        }
    }
    library.finalize().unwrap();
}

fn look(test: &str, home: &Path, role: &str) -> Vec<String> {
    let output = actor(test, home, role).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .filter(|line| {
            ["read", "refu", "dama", "all "]
                .iter()
                .any(|head| line.starts_with(head))
        })
        .map(str::to_owned)
        .collect()
}

alone! {
    /// A bit costs the object that it hits. What objects have in common are the heads of the file's pages, with which a
    /// page of objects goes, and what the token itself needs (header, PIN, manifest), without which it is refused whole.
    fn a_flipped_bit_is_never_told_as_right_and_costs_what_it_hits(home) {
        let test = "a_flipped_bit_is_never_told_as_right_and_costs_what_it_hits";
        const ROUNDS: usize = 320;
        let path = || database(home);
        if let Some(which) = role() {
            // All damage in one process: it has to live through it.
            let sound = std::fs::read(path()).unwrap();
            let bits = sound.len() * 8;
            for round in (0..ROUNDS).filter(|round| (round % 2 == 0) == (which == "even")) {
                // One in each stretch of the file, at changing places of it.
                let bit = round * bits / ROUNDS + round * 7_919 % (bits / ROUNDS);
                let mut broken = sound.clone();
                broken[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(path(), &broken).unwrap();
                println!("bit {bit}");
                examiner();
            }
            return std::fs::write(path(), &sound).unwrap();
        }
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let labels: Vec<String> = (0..24).map(|i| format!("note-{i:02}")).collect();
        for (i, label) in labels.iter().enumerate() {
            session.create_object(&data(label, i % 2 == 0, &text(label))).unwrap();
        }
        drop(session);
        library.finalize().unwrap();
        let lines = [look(test, home, "even"), look(test, home, "odd")].concat();
        let (mut read, mut harmless, mut told, mut refused) = (0, 0, 0, 0);
        let mut lost = BTreeMap::new();
        for line in &lines {
            match line.as_str() {
                "refused" => refused += 1,
                "damage told" => {
                    told += 1;
                    *lost.entry(labels.len() - read).or_insert(0) += 1;
                }
                "all well" => {
                    assert_eq!(read, labels.len(), "an object is gone and nobody said so");
                    harmless += 1;
                }
                _ => {
                    read += 1;
                    continue;
                }
            }
            read = 0;
        }
        println!("{harmless} harmless, {told} told, {refused} refused; so many objects lost, so often: {lost:?}");
        assert_eq!(harmless + told + refused, ROUNDS);
        assert!(told > 50, "{told}");
        let only_one = lost.get(&1).copied().unwrap_or_default();
        assert!(only_one * 10 >= told * 9, "{only_one} of {told} hid no other object");
        // A value is 280 bytes long, a page 4096.
        assert!(lost.keys().all(|lost| *lost < 4096 / 280), "{lost:?}");
        assert!(refused * 10 <= ROUNDS, "{refused}");
    }

    fn a_cut_file_is_told(home) {
        let test = "a_cut_file_is_told";
        let path = || database(home);
        if role().is_some() {
            let sound = std::fs::read(path()).unwrap();
            let within = (0..40).map(|part| sound.len() * part / 40 + part % 7);
            for length in within.chain([1, 100, 4095, 4096, sound.len() - 4096, sound.len() - 1]) {
                std::fs::write(path(), &sound[..length]).unwrap();
                examiner();
            }
            return std::fs::write(path(), &sound).unwrap();
        }
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        for i in 0..24 {
            let label = format!("note-{i:02}");
            session.create_object(&data(&label, false, &text(&label))).unwrap();
        }
        drop(session);
        library.finalize().unwrap();
        let lines = look(test, home, "cutter");
        assert!(!lines.iter().any(|line| line == "all well"));
        let told = lines.iter().filter(|line| ["refused", "damage told"].contains(&line.as_str()));
        assert_eq!(told.count(), 46);
    }

    fn a_damaged_record_leaves_the_rest_usable(home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        for i in 0..5 {
            let label = format!("note-{i:02}");
            session.create_object(&data(&label, false, &text(&label))).unwrap();
        }
        ec_pair(&session, harness::P256, 9);
        drop(session);
        library.finalize().unwrap();
        let path = database(home);
        let broken = rusqlite::Connection::open(&path).unwrap();
        broken.execute("UPDATE object SET record = zeroblob(length(record)) WHERE id = 2", []).unwrap();
        broken.execute("UPDATE object SET class = 1 WHERE id = 3", []).unwrap();
        broken.execute("UPDATE object SET id = 40 WHERE id = 4", []).unwrap();
        drop(broken);
        let library = load();
        let session = user_session(&library, slot);
        assert!(library.get_token_info(slot).unwrap().error_state());
        let (read, damaged) = inventory(&session);
        assert_eq!(read.len(), 2);
        assert!(damaged >= 2, "{damaged}");
        // What is looked for by its name is what is sound.
        assert_eq!(session.find_objects(&[Attribute::Label(b"note-00".to_vec())]).unwrap().len(), 1);
        let key = session.find_objects(&[Attribute::Sign(true), Attribute::Id(vec![9])]).unwrap()[0];
        session.sign(&cryptoki::mechanism::Mechanism::Ecdsa, key, &[1; 32]).unwrap();
        session.create_object(&data("new", false, b"x")).unwrap();
    }

    /// Whoever may write the file can make the check behind a part, which needs no key. A derivation outside the bounds
    /// is refused before it costs anything; one within them gives another key, and is part of what is authenticated.
    fn parameters_of_the_key_derivation_cannot_be_lowered_or_raised(home) {
        let library = load();
        let slot = new_token(&library, "token");
        let path = database(home);
        let serial = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let store = rusqlite::Connection::open(&path).unwrap();
        let read = "SELECT body FROM part WHERE name = 'pin.user'";
        let part: Vec<u8> = store.query_row(read, [], |row| row.get(0)).unwrap();
        let sound = part[..part.len() - 32].to_vec();
        let write = |body: &[u8]| {
            let checked = [b"trien-token/2\0pin.user\0", serial.as_bytes(), body].concat();
            let check = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &checked);
            let part = [body, check.as_ref()].concat();
            store.execute("UPDATE part SET body = ?1 WHERE name = 'pin.user'", [part]).unwrap();
        };
        let login = || {
            let session = library.open_rw_session(slot).unwrap();
            session.login(UserType::User, Some(&pin(PIN)))
        };
        let counter = path.with_file_name("tries");
        let with = |parameters: [u32; 3]| {
            let mut body = sound.clone();
            body[..12].copy_from_slice(&parameters.map(u32::to_le_bytes).concat());
            write(&body);
            rv(login())
        };
        let tries = std::fs::read(&counter).unwrap();
        for outside in [
            [8, 3, 1], [19 * 1024 - 1, 3, 1], [256 * 1024 + 1, 3, 1], [u32::MAX, 3, 1],
            [32 * 1024, 1, 1], [32 * 1024, 11, 1], [32 * 1024, 3, 0], [32 * 1024, 3, 5],
        ] {
            assert_eq!(with(outside), RvError::DeviceError, "{outside:?}");
        }
        assert!(std::fs::read(&counter).unwrap() == tries, "nothing was tried");
        for within in [[19 * 1024, 2, 1], [32 * 1024, 2, 1], [32 * 1024, 3, 2]] {
            assert_eq!(with(within), RvError::PinIncorrect, "{within:?}");
        }
        // The check is the vault's own: with what it wrote, the token opens.
        write(&sound);
        assert_eq!(store.query_row(read, [], |row| row.get::<_, Vec<u8>>(0)).unwrap(), part);
        login().unwrap();
    }

    fn a_lost_try_counter_is_no_new_beginning(home) {
        let library = load();
        let slot = new_token(&library, "token");
        let counter = database(home).with_file_name("tries");
        let session = library.open_rw_session(slot).unwrap();
        let sound = std::fs::read(&counter).unwrap();
        let refused = || assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::DeviceError);
        std::fs::remove_file(&counter).unwrap();
        refused();
        for bit in 64 * 8..(64 + 49) * 8 {
            let mut broken = sound.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&counter, broken).unwrap();
            refused();
        }
        for length in 0..64 + 49 {
            std::fs::write(&counter, &sound[..length]).unwrap();
            refused();
        }
        std::fs::write(&counter, sound).unwrap();
        session.login(UserType::User, Some(&pin(PIN))).unwrap();
    }

    fn what_was_acknowledged_survives_a_kill_and_nothing_is_half(home) {
        let test = "what_was_acknowledged_survives_a_kill_and_nothing_is_half";
        if let Some(role) = role() {
            let library = load();
            let session = first_user_session(&library);
            println!();
            for i in 0.. {
                let label = format!("{role}-{i}");
                session.create_object(&data(&label, i % 2 == 0, &text(&label))).unwrap();
                println!("made {label}");
            }
        }
        let library = load();
        new_token(&library, "token");
        let mut acknowledged = BTreeSet::new();
        for round in 0..6 {
            let mut child = actor(test, home, &format!("maker{round}")).stdout(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            for _ in 0..(5 + round * 3) {
                if let Some(label) = lines.next().unwrap().unwrap().strip_prefix("made ") {
                    acknowledged.insert(label.to_owned());
                }
            }
            child.kill().unwrap();
            child.wait().unwrap();
            acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("made ")?.to_owned())));
        }
        let (read, damaged) = inventory(&first_user_session(&library));
        assert_eq!(damaged, 0);
        assert!(read.iter().all(|(label, value)| *value == text(label)));
        let found: BTreeSet<String> = read.into_iter().map(|(label, _)| label).collect();
        assert!(acknowledged.is_subset(&found));
        assert!(found.len() <= acknowledged.len() + 6, "at the most one more than was told in each round");
    }

    fn processes_write_one_token_at_once_and_lose_nothing(home) {
        let test = "processes_write_one_token_at_once_and_lose_nothing";
        const EACH: usize = 40;
        if let Some(role) = role() {
            let library = load();
            let session = first_user_session(&library);
            for i in 0..EACH {
                let label = format!("{role}-{i}");
                let object = session.create_object(&data(&label, i % 2 == 0, &text(&label))).unwrap();
                if i % 4 == 3 {
                    session.destroy_object(object).unwrap();
                } else {
                    session.update_attributes(object, &[Attribute::Application(role.clone().into_bytes())]).unwrap();
                }
            }
            return;
        }
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let mut children: Vec<_> = ["a", "b", "c", "d"].map(|role| actor(test, home, role).spawn().unwrap()).into();
        // Who only reads meanwhile never sees half of anything.
        while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            let (read, damaged) = inventory(&session);
            assert_eq!(damaged, 0);
            assert!(read.iter().all(|(label, value)| *value == text(label)));
        }
        for child in &mut children {
            assert!(child.wait().unwrap().success());
        }
        // The session that was open all the time sees them too.
        let (read, damaged) = inventory(&session);
        assert_eq!((read.len(), damaged), (4 * EACH * 3 / 4, 0));
        let one = session.find_objects(&[Attribute::Label(b"a-0".to_vec())]).unwrap()[0];
        assert_eq!(bytes(&session, one, AttributeType::Value), text("a-0"));
    }

    fn a_repaired_token_comes_back_without_a_restart(home) {
        let library = load();
        let slot = new_token(&library, "token");
        library.finalize().unwrap();
        let path = database(home);
        let sound = std::fs::read(&path).unwrap();
        std::fs::write(&path, b"no database").unwrap();
        let library = load();
        assert_eq!(library.get_slots_with_token().unwrap()[0], slot);
        assert_eq!(rv(library.get_token_info(slot)), RvError::TokenNotRecognized);
        std::fs::write(&path, sound).unwrap();
        library.get_slots_with_token().unwrap();
        assert_eq!(library.get_token_info(slot).unwrap().label(), "token");
    }

    fn a_private_object_is_not_sealed_anew_for_everybody(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let object = session.create_object(&data("secret", true, b"hidden value")).unwrap();
        let file = rusqlite::Connection::open(database(home)).unwrap();
        let record = || file.query_row("SELECT record FROM object", [], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let before = record();
        for (column, value) in [("private", 0), ("class", 1), ("revision", 0)] {
            let kept: i64 = file.query_row(&format!("SELECT {column} FROM object"), [], |row| row.get(0)).unwrap();
            file.execute(&format!("UPDATE object SET {column} = {value}"), []).unwrap();
            let renamed = session.update_attributes(object, &[Attribute::Label(b"renamed".to_vec())]);
            assert_eq!(rv(renamed), RvError::DeviceError, "{column}");
            assert_eq!(record(), before, "{column}");
            file.execute(&format!("UPDATE object SET {column} = {kept}"), []).unwrap();
        }
        session.update_attributes(object, &[Attribute::Label(b"renamed".to_vec())]).unwrap();
        assert_eq!(bytes(&session, object, AttributeType::Value), b"hidden value");
    }

    fn a_new_pin_leaves_every_object_sealed_as_it_was(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        for (label, private) in [("hidden", true), ("open", false)] {
            session.create_object(&data(label, private, &text(label))).unwrap();
        }
        let file = rusqlite::Connection::open(database(home)).unwrap();
        let sealed = || -> Vec<(i64, i64, Vec<u8>)> {
            let mut rows = file.prepare("SELECT id, revision, record FROM object ORDER BY id").unwrap();
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            rows.query_map([], row).unwrap().map(Result::unwrap).collect()
        };
        let (before, inventory_before) = (sealed(), inventory(&session));
        assert_eq!(before.len(), 2);
        session.set_pin(&pin(PIN), &pin("another pin")).unwrap();
        assert_eq!(sealed(), before);
        session.logout().unwrap();
        assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::PinIncorrect);
        session.login(UserType::User, Some(&pin("another pin"))).unwrap();
        assert_eq!(inventory(&session), inventory_before);
    }

    fn changes_of_two_processes_to_one_object_are_both_kept(home) {
        let test = "changes_of_two_processes_to_one_object_are_both_kept";
        const EACH: u8 = 20;
        let label = [Attribute::Label(b"shared".to_vec())];
        if role().is_some() {
            let library = load();
            let session = first_user_session(&library);
            let object = session.find_objects(&label).unwrap()[0];
            for i in 0..=EACH {
                session.update_attributes(object, &[Attribute::Application(vec![i])]).unwrap();
            }
            return;
        }
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let object = session.create_object(&data("shared", true, b"0")).unwrap();
        // One after the other: this process has not looked since.
        assert!(actor(test, home, "other").status().unwrap().success());
        session.update_attributes(object, &[Attribute::Value(b"1".to_vec())]).unwrap();
        let application = || session.get_attributes(object, &[AttributeType::Application]).unwrap();
        assert_eq!(application(), [Attribute::Application(vec![EACH])]);
        // At the same time.
        let mut other = actor(test, home, "other").spawn().unwrap();
        for i in 0..=EACH {
            session.update_attributes(object, &[Attribute::Value(vec![i])]).unwrap();
        }
        assert!(other.wait().unwrap().success());
        session.find_objects(&[]).unwrap();
        assert_eq!(application(), [Attribute::Application(vec![EACH])]);
        assert_eq!(bytes(&session, object, AttributeType::Value), [EACH]);
        assert!(!library.get_token_info(library.get_slots_with_token().unwrap()[0]).unwrap().error_state());
    }

    fn an_old_record_in_its_row_is_noticed(home) {
        let library = load();
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let object = session.create_object(&data("note", true, b"old")).unwrap();
        let other = session.create_object(&data("other", false, b"x")).unwrap();
        let file = rusqlite::Connection::open(database(home)).unwrap();
        file.execute("CREATE TEMP TABLE kept AS SELECT * FROM object WHERE id = 1", []).unwrap();
        session.update_attributes(object, &[Attribute::Value(b"new".to_vec())]).unwrap();
        file.execute("UPDATE object SET record = record WHERE id = 1", []).unwrap();
        assert!(!library.get_token_info(slot).unwrap().error_state());
        file.execute("CREATE TEMP TABLE last AS SELECT * FROM object WHERE id = 1", []).unwrap();
        file.execute("INSERT OR REPLACE INTO object SELECT * FROM kept", []).unwrap();
        assert!(library.get_token_info(slot).unwrap().error_state());
        file.execute("INSERT OR REPLACE INTO object SELECT * FROM last", []).unwrap();
        assert!(!library.get_token_info(slot).unwrap().error_state());
        session.destroy_object(object).unwrap();
        session.destroy_object(other).unwrap();
        file.execute("UPDATE part SET body = body", []).unwrap();
        assert!(!library.get_token_info(slot).unwrap().error_state());
    }

    fn a_token_that_another_process_empties_is_left_without_a_key(home) {
        let test = "a_token_that_another_process_empties_is_left_without_a_key";
        let library = load();
        if role().is_some() {
            let slot = library.get_slots_with_token().unwrap()[0];
            library.init_token(slot, &pin(harness::SO_PIN), "anew").unwrap();
            let session = library.open_rw_session(slot).unwrap();
            session.login(UserType::So, Some(&pin(harness::SO_PIN))).unwrap();
            session.init_pin(&pin(PIN)).unwrap();
            session.logout().unwrap();
            session.login(UserType::User, Some(&pin(PIN))).unwrap();
            session.create_object(&data("theirs", true, b"x")).unwrap();
            session.create_object(&data("open", false, b"x")).unwrap();
            return;
        }
        let slot = new_token(&library, "token");
        let session = user_session(&library, slot);
        let mine = session.create_object(&data("mine", true, b"x")).unwrap();
        assert!(actor(test, home, "other").status().unwrap().success());
        assert_eq!(rv(session.create_object(&data("late", true, b"x"))), RvError::UserNotLoggedIn);
        assert!(!library.get_token_info(slot).unwrap().error_state());
        let (read, damaged) = inventory(&session);
        assert_eq!((read.len(), damaged), (1, 0));
        let changed = session.update_attributes(mine, &[Attribute::Label(vec![])]);
        assert_eq!(rv(changed), RvError::ObjectHandleInvalid);
        session.login(UserType::User, Some(&pin(PIN))).unwrap();
        assert_eq!(inventory(&session).0.len(), 2);
    }

    fn nothing_secret_is_in_the_file(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        session.create_object(&data("hidden label", true, b"hidden value of a private object")).unwrap();
        let file = std::fs::read(database(home)).unwrap();
        let holds = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
        assert!(!holds(b"hidden value") && !holds(b"hidden label") && !holds(PIN.as_bytes()));
    }
}
