//! The store where things end badly: processes killed between any two system calls, disks that are full or may not
//! be written, and tokens that come out of a repository.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may fail, and says what it found

mod harness;

use std::ffi::OsStr;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use cryptoki::context::Pkcs11;
use cryptoki::error::RvError;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use harness::{
    P256, PIN, SO_PIN, actor, bytes, data, ec_pair, first_user_session, load, new_token, pin, role, rv,
    user_session,
};

const NEW_PIN: &str = "654321";

/// The system calls that change a file, make a change last, or make, open, name and remove a file.
const CALLS: [&str; 8] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "ftruncate",
    "openat",
    "?mkdir,?mkdirat",
    "?rename,?renameat,?renameat2",
    "?unlink,?unlinkat",
];

fn folder(home: &Path) -> PathBuf {
    let mut tokens = std::fs::read_dir(home.join("data/tokens")).unwrap();
    tokens.next().unwrap().unwrap().path()
}

/// The files of a token, to be put back.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

fn labels(session: &Session) -> Vec<String> {
    let objects = session
        .find_objects(&[Attribute::Class(ObjectClass::DATA)])
        .unwrap();
    let mut labels: Vec<_> = objects
        .into_iter()
        .map(|object| String::from_utf8(bytes(session, object, AttributeType::Label)).unwrap())
        .collect();
    labels.sort();
    labels
}

/// A session of the first token with the security officer logged in.
fn officer_session(library: &Pkcs11) -> Session {
    let session = first_session(library);
    session.login(UserType::So, Some(&pin(SO_PIN))).unwrap();
    session
}

/// Does one thing to the token, in a process that may be killed in the middle of it.
fn act(deed: &str) {
    let library = load();
    let slots = library.get_slots_with_token().unwrap();
    match deed {
        "another token" => return library.init_token(slots[1], &pin(SO_PIN), "another").unwrap(),
        "token anew" => return library.init_token(slots[0], &pin(SO_PIN), "anew").unwrap(),
        "pin by officer" => return officer_session(&library).init_pin(&pin(NEW_PIN)).unwrap(),
        _ => {}
    }
    let session = first_user_session(&library);
    let object = || {
        session
            .find_objects(&[Attribute::Label(b"old".to_vec())])
            .unwrap()[0]
    };
    match deed {
        "create" => drop(session.create_object(&data("new", true, &[2; 5000])).unwrap()),
        "change" => session
            .update_attributes(object(), &[Attribute::Value(vec![2; 5000])])
            .unwrap(),
        "destroy" => session.destroy_object(object()).unwrap(),
        "pin" => session.set_pin(&pin(PIN), &pin(NEW_PIN)).unwrap(),
        "pair" => drop(ec_pair(&session, P256, 9)),
        other => panic!("{other}"),
    }
}

/// Whether the token has what was before the deed (`false`) or after it (`true`); anything else is a failure.
fn is_done(deed: &str) -> bool {
    let library = load();
    let tokens = library.get_slots_with_initialized_token().unwrap();
    let slot = tokens[0];
    if deed == "token anew" && library.get_token_info(slot).unwrap().label() == "anew" {
        // Empty, and nobody's: what was there is gone with the PIN that opened it.
        assert!(!library.get_token_info(slot).unwrap().user_pin_initialized());
        assert_eq!(labels(&officer_session(&library)), [""; 0]);
        return true;
    }
    if let [_, another] = tokens[..] {
        assert_eq!(deed, "another token");
        assert_eq!(library.get_token_info(another).unwrap().label(), "another");
        let session = library.open_rw_session(another).unwrap();
        session.login(UserType::So, Some(&pin(SO_PIN))).unwrap();
        session.init_pin(&pin(NEW_PIN)).unwrap();
    }
    let session = library.open_rw_session(slot).unwrap();
    let opens = |text: &str| session.login(UserType::User, Some(&pin(text))).is_ok();
    let is_new_pin = !opens(PIN);
    assert!(
        !is_new_pin || (["pin", "pin by officer"].contains(&deed) && opens(NEW_PIN)),
        "neither PIN opens the token"
    );
    assert!(!library.get_token_info(slot).unwrap().error_state());
    let labels = labels(&session);
    let is_kept = labels.contains(&"kept".to_owned());
    assert!(is_kept, "an object is gone that nobody touched");
    let has = |label: &str| labels.iter().any(|other| other == label);
    match deed {
        "create" => {
            assert_eq!(labels.len(), 2 + usize::from(has("new")));
            has("new")
        }
        "change" => {
            let object = session
                .find_objects(&[Attribute::Label(b"old".to_vec())])
                .unwrap()[0];
            let value = bytes(&session, object, AttributeType::Value);
            assert!(value == [1; 5000] || value == [2; 5000], "half of a change");
            value[0] == 2
        }
        "destroy" => !has("old"),
        "another token" => tokens.len() == 2,
        "token anew" => false,
        "pair" => {
            let halves = session.find_objects(&[Attribute::Id(vec![9])]).unwrap();
            assert!([0, 2].contains(&halves.len()), "half of a pair");
            if let [one, other] = halves[..] {
                let is_private = session
                    .find_objects(&[Attribute::Sign(true)])
                    .unwrap()
                    .contains(&one);
                let (private, public) = if is_private { (one, other) } else { (other, one) };
                let ecdsa = cryptoki::mechanism::Mechanism::Ecdsa;
                let signature = session.sign(&ecdsa, private, &[1; 32]).unwrap();
                session.verify(&ecdsa, public, &[1; 32], &signature).unwrap();
            }
            halves.len() == 2
        }
        _ => is_new_pin,
    }
}

/// Runs the deed again and again, each time killed before another of its writes; at last it comes to its end.
fn sweep(home: &Path, test: &str, deed: &str) {
    match role().as_deref() {
        Some("act") => return act(deed),
        Some(_) => return println!("\nfound {}", is_done(deed)),
        None => {}
    }
    let library = load();
    let session = user_session(&library, new_token(&library, "token"));
    session.create_object(&data("kept", false, &[1; 100])).unwrap();
    session.create_object(&data("old", true, &[1; 5000])).unwrap();
    drop(session);
    library.finalize().unwrap();
    let tokens = home.join("data/tokens");
    let folder = folder(home);
    let sound = files(&folder);
    let (mut kills, mut outcomes) = (0, [0, 0]);
    for call in CALLS {
        // Every program opens files before it comes to ours; where a token is made, nobody knows its name beforehand.
        let ours = match (call, deed) {
            ("openat", "another token") => Vec::new(),
            ("openat", _) => {
                let of_token = ["", "token.db", "token.db-journal", "tries"].map(|name| folder.join(name));
                [std::slice::from_ref(&tokens), &of_token[..]].concat()
            }
            _ => Vec::new(),
        };
        for time in 1.. {
            assert!(time < 200, "{call} without end");
            std::fs::remove_dir_all(&tokens).unwrap();
            std::fs::create_dir_all(&folder).unwrap();
            for (path, body) in &sound {
                std::fs::write(path, body).unwrap();
            }
            let is_killed = killed_at(home, test, (call, &ours), time);
            let output = actor(test, home, "look").output().unwrap();
            let found = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success(),
                "{call} {time}: {found}{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let is_done = found.contains("found true");
            assert!(is_done || found.contains("found false"));
            if !is_killed {
                assert!(is_done, "it was told to be done");
                break;
            }
            kills += 1;
            outcomes[usize::from(is_done)] += 1;
        }
    }
    println!(
        "{deed}: killed {kills} times, {} left as it was, {} done",
        outcomes[0], outcomes[1]
    );
    assert!(outcomes[0] > 0);
}

/// Lets the actor be killed when it enters a system call for the n-th time, of those that are about these files if there
/// are some. Whether it was.
fn killed_at(home: &Path, test: &str, (call, files): (&str, &[PathBuf]), time: usize) -> bool {
    let plain = actor(test, home, "act");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:signal=KILL:when={time}")]);
    command.args(files.iter().flat_map(|file| [OsStr::new("-P"), file.as_os_str()]));
    command.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("strace runs");
    !status.success()
}

/// Runs the actor in a mount namespace of its own, after a script has made the file system what it shall be. A machine
/// that allows no such thing fails the test: what was not tried did not pass.
fn in_own_mounts(home: &Path, test: &str, role: &str, script: &str) {
    // Some systems let users have namespaces, some let them be root.
    let ways: [&[&str]; 2] = [&["unshare", "-rm"], &["sudo", "-n", "unshare", "-m"]];
    let may = |way: &&&[&str]| {
        let mut command = Command::new(way[0]);
        let tried = command.args(&way[1..]).arg("true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let way = ways.iter().find(may).expect(
        "needs a mount namespace: allow them to users (kernel.apparmor_restrict_unprivileged_userns=0, or \
         kernel.unprivileged_userns_clone=1), or let this user call sudo without a password",
    );
    let plain = actor(test, home, role);
    let mut command = Command::new(way[0]);
    command.args(&way[1..]).arg("env");
    // On the command line, because `sudo` hands no environment on.
    for (name, _) in plain.get_envs().filter(|(_, value)| value.is_none()) {
        command.arg("-u").arg(name);
    }
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            let mut set = name.to_os_string();
            set.push("=");
            set.push(value);
            command.arg(set);
        }
    }
    command.args(["sh", "-c", &format!("set -e; {script}; exec \"$@\""), "sh"]);
    command.arg(plain.get_program()).args(plain.get_args());
    let output = command.current_dir(home).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn first_session(library: &Pkcs11) -> Session {
    library
        .open_rw_session(library.get_slots_with_token().unwrap()[0])
        .unwrap()
}

alone! {
    fn a_creation_killed_anywhere_is_done_or_not(home) {
        sweep(home, "a_creation_killed_anywhere_is_done_or_not", "create");
    }

    fn a_change_killed_anywhere_is_done_or_not(home) {
        sweep(home, "a_change_killed_anywhere_is_done_or_not", "change");
    }

    fn a_destruction_killed_anywhere_is_done_or_not(home) {
        sweep(home, "a_destruction_killed_anywhere_is_done_or_not", "destroy");
    }

    fn a_new_pin_killed_anywhere_is_set_or_not(home) {
        sweep(home, "a_new_pin_killed_anywhere_is_set_or_not", "pin");
    }

    fn a_key_pair_killed_anywhere_is_both_or_none(home) {
        sweep(home, "a_key_pair_killed_anywhere_is_both_or_none", "pair");
    }

    fn a_pin_of_the_officers_giving_killed_anywhere_is_set_or_not(home) {
        sweep(home, "a_pin_of_the_officers_giving_killed_anywhere_is_set_or_not", "pin by officer");
    }

    fn a_new_token_killed_anywhere_is_whole_or_not_there(home) {
        sweep(home, "a_new_token_killed_anywhere_is_whole_or_not_there", "another token");
    }

    fn a_token_made_anew_killed_anywhere_is_the_old_or_an_empty_one(home) {
        sweep(home, "a_token_made_anew_killed_anywhere_is_the_old_or_an_empty_one", "token anew");
    }

    fn tries_of_killed_processes_count(home) {
        let test = "tries_of_killed_processes_count";
        if role().is_some() {
            let library = load();
            let _ = first_session(&library).login(UserType::User, Some(&pin("wrong one")));
            return;
        }
        let library = load();
        let slot = new_token(&library, "token");
        let counter = std::fs::File::open(folder(home).join("tries")).unwrap();
        let tries = || {
            let mut wrong = [0];
            counter.read_exact_at(&mut wrong, 64 + 16).unwrap();
            wrong[0]
        };
        for round in 1..=10 {
            let mut child = actor(test, home, "guess").stdout(Stdio::null()).spawn().unwrap();
            let begun = Instant::now();
            while tries() < round && begun.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_micros(200));
            }
            // The derivation of the key has hardly begun.
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(tries(), round);
        }
        let session = library.open_rw_session(slot).unwrap();
        assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::PinLocked);
        assert!(library.get_token_info(slot).unwrap().user_pin_locked());
    }

    fn a_full_disk_is_told_and_what_was_acknowledged_stays(home) {
        let test = "a_full_disk_is_told_and_what_was_acknowledged_stays";
        if role().is_some() {
            let library = load();
            let session = first_user_session(&library);
            let mut made = vec!["first".to_owned()];
            let refusal = loop {
                let label = format!("note-{:03}", made.len());
                match session.create_object(&data(&label, made.len() % 2 == 0, &[7; 3000])) {
                    Ok(_) => made.push(label),
                    Err(error) => break rv::<()>(Err(error)),
                }
            };
            assert_eq!(refusal, RvError::DeviceMemory);
            assert!(made.len() > 5, "{}", made.len());
            made.sort();
            assert_eq!(labels(&session), made);
            let one = session.find_objects(&[Attribute::Label(b"first".to_vec())]).unwrap()[0];
            assert_eq!(rv(session.update_attributes(one, &[Attribute::Value(vec![8; 9000])])), RvError::DeviceMemory);
            drop(session);
            library.finalize().unwrap();
            // Another start finds the same; with room again, it goes on.
            let library = load();
            let session = first_user_session(&library);
            assert_eq!(labels(&session), made);
            assert!(!library.get_token_info(library.get_slots_with_token().unwrap()[0]).unwrap().error_state());
            let filler = Path::new(&std::env::var_os("TRIEN_HOME").unwrap()).join("data/filler");
            std::fs::remove_file(filler).unwrap();
            session.create_object(&data("after", false, &[7; 3000])).unwrap();
            return;
        }
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        session.create_object(&data("first", false, &[7; 3000])).unwrap();
        drop(session);
        library.finalize().unwrap();
        let script = "mv data old; mkdir data; mount -t tmpfs -o size=300k,mode=700 none data; cp -a old/. data; \
                      head -c 120000 /dev/zero > data/filler";
        in_own_mounts(home, test, "writer", script);
    }

    fn a_token_that_may_not_be_written_is_read_and_says_so(home) {
        let test = "a_token_that_may_not_be_written_is_read_and_says_so";
        if role().is_some() {
            let library = load();
            let slot = library.get_slots_with_token().unwrap()[0];
            assert_eq!(library.get_token_info(slot).unwrap().label(), "token");
            let session = library.open_rw_session(slot).unwrap();
            assert_eq!(labels(&session), ["open"]);
            let object = session.find_objects(&[]).unwrap()[0];
            assert_eq!(bytes(&session, object, AttributeType::Value), b"x");
            let refused = session.create_object(&data("more", false, b"x"));
            assert_eq!(rv(refused), RvError::TokenWriteProtected);
            assert_eq!(rv(session.destroy_object(object)), RvError::TokenWriteProtected);
            // No try can be counted, so none is made.
            assert_eq!(rv(session.login(UserType::User, Some(&pin(PIN)))), RvError::TokenWriteProtected);
            assert_eq!(labels(&session), ["open"]);
            return;
        }
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        session.create_object(&data("open", false, b"x")).unwrap();
        session.create_object(&data("hidden", true, b"x")).unwrap();
        drop(session);
        library.finalize().unwrap();
        let script = "mount --bind data data; mount -o remount,ro,bind data";
        in_own_mounts(home, test, "reader", script);
    }

    /// Version control keeps no modes but the executable one, and a journal seldom.
    fn a_token_from_a_repository_works_and_stays_as_it_was(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        let (_, key) = ec_pair(&session, P256, 1);
        session.sign(&cryptoki::mechanism::Mechanism::Ecdsa, key, &[1; 32]).unwrap();
        drop(session);
        library.finalize().unwrap();
        let folder = folder(home);
        std::fs::remove_file(folder.join("token.db-journal")).unwrap();
        for (path, _) in files(&folder) {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
        }
        for path in [&folder, &home.join("data/tokens")] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let committed = files(&folder);
        let library = load();
        let session = first_user_session(&library);
        let key = session.find_objects(&[Attribute::Sign(true), Attribute::Id(vec![1])]).unwrap()[0];
        session.sign(&cryptoki::mechanism::Mechanism::Ecdsa, key, &[1; 32]).unwrap();
        drop(session);
        library.finalize().unwrap();
        for (path, body) in committed {
            assert!(std::fs::read(&path).unwrap() == body, "{} has changed", path.display());
        }
    }

    fn what_a_killed_initialisation_leaves_is_swept_away(home) {
        let library = load();
        new_token(&library, "one");
        let tokens = home.join("data/tokens");
        let draft = |serial: &str| {
            let draft = tokens.join(format!(".new-{serial}"));
            std::fs::create_dir(&draft).unwrap();
            std::fs::write(draft.join("token.db"), b"half").unwrap();
            draft
        };
        let (left, busy, fresh) = (draft("0123456789abcdef"), draft("0123456789abcde0"), draft("0123456789abcde1"));
        let other = tokens.join(".new-notes");
        std::fs::create_dir(&other).unwrap();
        for folder in [&left, &busy, &other] {
            let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
            std::fs::File::open(folder).unwrap().set_modified(an_hour_ago).unwrap();
        }
        let held = std::fs::File::open(&busy).unwrap();
        held.lock().unwrap();
        new_token(&library, "two");
        assert!(!left.exists());
        assert!(busy.exists() && fresh.exists() && other.exists());
        assert_eq!(library.get_slots_with_initialized_token().unwrap().len(), 2);
    }

    fn a_key_that_another_process_destroys_soon_signs_no_more(home) {
        let test = "a_key_that_another_process_destroys_soon_signs_no_more";
        let library = load();
        if role().is_some() {
            let session = first_user_session(&library);
            for key in session.find_objects(&[Attribute::Id(vec![1])]).unwrap() {
                session.destroy_object(key).unwrap();
            }
            return;
        }
        let session = user_session(&library, new_token(&library, "token"));
        let (_, key) = ec_pair(&session, P256, 1);
        let sign = || session.sign(&cryptoki::mechanism::Mechanism::Ecdsa, key, &[1; 32]);
        sign().unwrap();
        assert!(actor(test, home, "other").status().unwrap().success());
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(rv(sign()), RvError::KeyHandleInvalid);
    }

    fn a_login_ends_when_another_process_changes_its_pin(home) {
        let test = "a_login_ends_when_another_process_changes_its_pin";
        let library = load();
        if role().is_some() {
            let session = first_user_session(&library);
            session.create_object(&data("open", false, b"x")).unwrap();
            session.create_object(&data("hidden", true, b"x")).unwrap();
            return session.set_pin(&pin(PIN), &pin(NEW_PIN)).unwrap();
        }
        let session = user_session(&library, new_token(&library, "token"));
        let (_, key) = ec_pair(&session, P256, 1);
        let sign = || session.sign(&cryptoki::mechanism::Mechanism::Ecdsa, key, &[1; 32]);
        // One's own change ends nothing.
        session.set_pin(&pin(PIN), &pin(NEW_PIN)).unwrap();
        session.set_pin(&pin(NEW_PIN), &pin(PIN)).unwrap();
        std::thread::sleep(Duration::from_millis(1100));
        sign().unwrap();
        assert!(actor(test, home, "other").status().unwrap().success());
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(rv(sign()), RvError::KeyHandleInvalid);
        assert_eq!(rv(session.logout()), RvError::UserNotLoggedIn);
        assert_eq!(labels(&session), ["open"]);
        session.login(UserType::User, Some(&pin(NEW_PIN))).unwrap();
        assert_eq!(labels(&session), ["hidden", "open"]);
        assert_eq!(session.find_objects(&[Attribute::Sign(true)]).unwrap().len(), 1);
    }

    fn a_file_that_takes_the_place_of_another_is_read(home) {
        let library = load();
        let session = user_session(&library, new_token(&library, "token"));
        session.create_object(&data("first", true, b"x")).unwrap();
        let database = folder(home).join("token.db");
        let backup = home.join("backup.db");
        std::fs::copy(&database, &backup).unwrap();
        session.create_object(&data("second", false, b"x")).unwrap();
        assert_eq!(labels(&session), ["first", "second"]);
        std::fs::rename(&backup, &database).unwrap();
        assert_eq!(labels(&session), ["first"]);
        session.create_object(&data("third", true, b"x")).unwrap();
        assert_eq!(labels(&session), ["first", "third"]);
        std::fs::remove_dir_all(folder(home)).unwrap();
        assert_eq!(rv(session.find_objects(&[])), RvError::DeviceRemoved);
    }
}
