//! A vendor's library as a file, and what its code may do in the process that it is loaded into: neither reaches the
//! daemon. Names begin with the number of the case in our list of hostile inputs.

#![allow(
    clippy::unwrap_used,
    reason = "what a test's own helpers cannot do fails the test"
)]

#[path = "support/module.rs"]
mod module;
#[path = "support/stage.rs"]
mod stage;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use module::{simulator, software_token};
use rustix::process::{Pid, Signal, kill_process};
use stage::{PIN, PROGRAM, Stage, deadlines, name, processes_of, rule, sign, token_of};
use trien::config::ModuleConfig;
use trien::tokens::library::{self, LibraryFault};
use trien::tokens::{Deadlines, Level, Modules, TokenError};

#[test]
fn n095_a_library_is_looked_at_before_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(simulator()).unwrap();
    let put = |name: &str, bytes: &[u8], mode: u32| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let check = |path: &Path| library::check(path, None).map(drop);
    assert_eq!(check(&put("good.so", &good, 0o644)), Ok(()));
    assert_eq!(check(Path::new("libx.so")), Err(LibraryFault::Relative));
    assert!(matches!(
        check(&folder.path().join("none.so")),
        Err(LibraryFault::Unreadable(_))
    ));
    std::fs::create_dir_all(folder.path().join("folder.so")).unwrap();
    assert_eq!(
        check(&folder.path().join("folder.so")),
        Err(LibraryFault::NotLibrary)
    );
    let open = put("open.so", &good, 0o666);
    assert_eq!(check(&open), Err(LibraryFault::Writable(open.clone())));
    let inside = put("shared/in.so", &good, 0o644);
    let shared = inside.parent().unwrap();
    for mode in [0o777, 0o1777] {
        std::fs::set_permissions(shared, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            check(&inside),
            Err(LibraryFault::Writable(shared.to_owned())),
            "{mode:o}"
        );
    }
    let link = folder.path().join("link.so");
    std::os::unix::fs::symlink(&inside, &link).unwrap();
    assert_eq!(
        check(&link),
        Err(LibraryFault::Writable(shared.to_owned())),
        "by a link"
    );
    // The way goes through there, though it ends elsewhere: the link there can be another one by the time it is followed.
    let link_to = |link: &str, target: &Path| {
        let link = folder.path().join(link);
        std::os::unix::fs::symlink(target, &link).unwrap();
        link
    };
    let good_one = folder.path().join("good.so");
    let middle = link_to("shared/middle.so", &good_one);
    let way = link_to("way", shared);
    for link in [
        link_to("by-link.so", &middle),
        link_to("by-relative.so", Path::new("shared/../shared/middle.so")),
        way.join("middle.so"),
    ] {
        assert_eq!(
            check(&link),
            Err(LibraryFault::Writable(shared.to_owned())),
            "{}",
            link.display()
        );
    }
    // A link where nobody else can change it: what is loaded is what it led to.
    let sound = link_to("sound.so", Path::new("./good.so"));
    assert_eq!(library::check(&sound, None), Ok(good_one.canonicalize().unwrap()));
    let round = link_to("round.so", &folder.path().join("round.so"));
    assert!(matches!(check(&round), Err(LibraryFault::Unreadable(_))));
    assert_eq!(
        check(&put("text.so", b"not a library", 0o644)),
        Err(LibraryFault::NotLibrary)
    );
    assert_eq!(
        check(&put("short.so", &good[..64], 0o644)),
        Err(LibraryFault::NotLibrary)
    );
    assert_eq!(
        check(&put("torn.so", &good[..40], 0o644)),
        Err(LibraryFault::NotLibrary)
    );
    // e_machine: 0x28 is ARM; EI_CLASS: 1 is ELFCLASS32, whose head has 52 bytes.
    let mut other = good.clone();
    other[18] = 0x28;
    assert_eq!(
        check(&put("arm.so", &other, 0o644)),
        Err(LibraryFault::Machine(0x28))
    );
    let mut narrow = vec![0; 52];
    narrow[..20].copy_from_slice(&[
        0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0,
    ]);
    narrow[20] = 1;
    narrow[40] = 52;
    assert_eq!(
        check(&put("fptca_v4.so", &narrow, 0o644)),
        Err(LibraryFault::Bits32)
    );
    assert_eq!(
        check(&put("pkcs11-spy.so", &good, 0o644)),
        Err(LibraryFault::Logger)
    );
    let disguised = link_to("vendor.so", &folder.path().join("pkcs11-spy.so"));
    assert_eq!(check(&disguised), Err(LibraryFault::Logger), "by a link");
    let plain = put("libplain.so", &std::fs::read(libc()).unwrap(), 0o644);
    assert_eq!(check(&plain), Err(LibraryFault::NoEntry));
    if rustix::process::geteuid().is_root() {
        let foreign = put("foreign.so", &good, 0o644);
        std::os::unix::fs::chown(&foreign, Some(12345), None).unwrap();
        assert_eq!(check(&foreign), Err(LibraryFault::Owner(foreign.clone())));
    }
}

/// Any library that is no module.
fn libc() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.contains("/libc.so")).unwrap();
    PathBuf::from(&line[line.find('/').unwrap()..])
}

#[tokio::test]
async fn n096_what_a_library_does_when_it_is_loaded_hits_its_own_process() {
    let stage = Stage::new();
    let outcome = |action: &'static str| {
        let modules = stage.alone(&rule("load", &format!("do = \"{action}\"")));
        async move { (action, name(&sign(&modules).await)) }
    };
    let actions = [
        "abort",
        "exit",
        "close-descriptors",
        "fork",
        "threads",
        "signals",
        "locale",
        "print",
    ];
    let outcomes = join_all(actions.map(outcome)).await;
    for (action, outcome) in outcomes {
        let wanted = match action {
            "abort" | "exit" | "close-descriptors" => "Crashed",
            _ => "signed",
        };
        assert_eq!(outcome, wanted, "{action}");
    }
}

/// A child of the module has all that its parent has, the socket to the daemon too. It ends with its parent, however that
/// ends, and does not hide that it has.
#[tokio::test]
async fn n096_a_child_that_a_library_leaves_behind_ends_with_its_parent() {
    ends_with_its_parent("fork-and-stay", false).await;
}

/// As programs do that go on for themselves (`daemon(3)`).
#[tokio::test]
async fn n096_a_child_that_would_leave_its_parents_session_and_group_ends_with_it_too() {
    ends_with_its_parent("fork-and-leave", false).await;
}

#[tokio::test]
async fn n096_so_does_that_of_a_module_which_has_the_network() {
    ends_with_its_parent("fork-and-leave", true).await;
}

async fn ends_with_its_parent(child: &str, network: bool) {
    let stage = Stage::new();
    let fork = rule("load", &format!("do = \"{child}\""));
    let hangs = Deadlines {
        sign: Duration::from_secs(2),
        ..deadlines()
    };
    for (end, wanted) in [
        ("", "signed"),
        ("crash", "Crashed"),
        ("exit", "Crashed"),
        ("hang", "Hung"),
    ] {
        let module = format!("{child}-{end}-{network}-{}", std::process::id());
        let rules = match end {
            "" => fork.clone(),
            end => fork.clone() + &rule("C_Sign", &format!("do = \"{end}\"")),
        };
        let within = if end == "hang" { hangs } else { deadlines() };
        let mut config = stage.module(&module, &rules);
        config.network = network;
        let modules = Modules::new(&[config], Path::new(PROGRAM), within);
        let outcome = name(&sign(&modules).await);
        assert!(outcome.starts_with(wanted), "{end}: {outcome}");
        if end.is_empty() {
            assert_eq!(processes_of(&module).len(), 2, "it and its child");
        }
        drop(modules);
        let until = Instant::now() + Duration::from_secs(20);
        while !processes_of(&module).is_empty() {
            assert!(Instant::now() < until, "{end}: something of it still runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn n109_a_module_reaches_neither_the_network_nor_home() {
    let stage = Stage::new();
    let real = tempfile::tempdir().unwrap();
    std::fs::write(real.path().join("document.pdf"), b"%PDF").unwrap();
    let link = stage.0.path().join("home");
    std::os::unix::fs::symlink(real.path(), &link).unwrap();
    // Landlock may be off where the tests run. Where it is not, it has been asked, whichever version it is.
    let has_landlock = has_landlock();
    for home in [None, Some(real.path()), Some(&link)] {
        let mut module = stage.module("curious", &rule("C_GetTokenInfo", "do = \"reach\""));
        let named = home.map(|home| ("HOME".to_owned(), home.into()));
        module.variables.extend(named);
        let modules = Modules::new(&[module], Path::new(PROGRAM), deadlines());
        let token = token_of(&modules).await.unwrap();
        let confinement = modules.states()[0].confinement.unwrap();
        let told = &token.entry().id.label;
        assert_eq!(
            confinement.network,
            Level::Closed,
            "seccomp is on every kernel that we run on"
        );
        assert!(told.contains("network=closed"), "{home:?}: {told}");
        assert_eq!(confinement.files != Level::Open, has_landlock, "{confinement:?}");
        assert!(!has_landlock || told.contains("home=closed"), "{home:?}: {told}");
    }
}

/// Whether the kernel takes the first version of it, from a thread that is given up for that.
fn has_landlock() -> bool {
    use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetStatus};
    let closed_in = std::thread::spawn(|| {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V1))
            .unwrap();
        ruleset.create().unwrap().restrict_self().unwrap().ruleset
    });
    closed_in.join().unwrap() != RulesetStatus::NotEnforced
}

#[tokio::test]
async fn n110_another_file_in_the_modules_place_is_not_loaded() {
    let stage = Stage::new();
    let copy = stage.0.path().join("copy.so");
    std::fs::copy(software_token(), &copy).unwrap();
    let digest = |path: &Path| {
        let output = Command::new("sha256sum").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap()[..64].to_owned()
    };
    let name = format!("pinned-{}", std::process::id());
    let mut module = ModuleConfig::new(&name, copy.clone());
    module.variables = vec![("TRIEN_HOME".to_owned(), stage.0.path().into())];
    module.folders.push(stage.0.path().to_owned());
    module.sha256 = Some(digest(&copy));
    let modules = Modules::new(&[module], Path::new(PROGRAM), deadlines());
    assert!(token_of(&modules).await.is_ok());
    std::fs::remove_file(&copy).unwrap();
    std::fs::copy(simulator(), &copy).unwrap();
    assert!(token_of(&modules).await.is_ok(), "what runs goes on");
    // The next start looks again.
    let [process] = &processes_of(&name)[..] else {
        panic!("one process");
    };
    let process = Pid::from_raw(process.parse().unwrap()).unwrap();
    kill_process(process, Signal::KILL).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let changed = loop {
        // One that has not died yet may still answer, or not.
        match token_of(&modules).await {
            Ok(_) | Err(TokenError::Crashed) if Instant::now() < until => {}
            other => break other.map(drop),
        }
    };
    assert!(
        matches!(changed, Err(TokenError::Library(LibraryFault::Changed))),
        "{changed:?}"
    );
    drop(modules);
    let mut module = ModuleConfig::new("pinned", copy.clone());
    module.sha256 = Some(digest(&software_token()));
    let modules = Modules::new(&[module], Path::new(PROGRAM), deadlines());
    assert!(matches!(
        token_of(&modules).await,
        Err(TokenError::Library(LibraryFault::Changed))
    ));
}

/// Between the look and the loading the link comes to lead to another file: the program that loads changes it first.
#[tokio::test]
async fn n110_a_link_that_is_changed_after_the_look_changes_nothing() {
    let stage = Stage::new();
    let path = |name: &str| stage.0.path().join(name);
    std::fs::copy(software_token(), path("right.so")).unwrap();
    std::fs::copy(simulator(), path("wrong.so")).unwrap();
    std::os::unix::fs::symlink(path("right.so"), path("module.so")).unwrap();
    let program = stage.file(
        "trien",
        &format!(
            "#!/bin/sh\nln -sfn '{}' '{}'\nexec '{PROGRAM}' \"$@\"\n",
            path("wrong.so").display(),
            path("module.so").display()
        ),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut module = ModuleConfig::new("linked", path("module.so"));
    module.variables = vec![("TRIEN_HOME".to_owned(), stage.0.path().into())];
    module.folders.push(stage.0.path().to_owned());
    let modules = Modules::new(&[module], &program, deadlines());
    let token = token_of(&modules).await.unwrap();
    assert_eq!(token.entry().id.label, "hostile");
    assert_eq!(std::fs::read_link(path("module.so")).unwrap(), path("wrong.so"));
}

#[tokio::test]
async fn n111_what_makes_modules_talk_is_not_passed_on() {
    // The variables are set for a process of its own, for this one has other tests: this test once more.
    if let Some(program) = std::env::var_os("N111_PROGRAM") {
        let home = std::env::var_os("N111_HOME").unwrap();
        let mut module = ModuleConfig::new("scrubbed", software_token());
        module.variables = vec![("TRIEN_HOME".to_owned(), home)];
        // Nor to those that need variables of their own, as far as our table of modules says so.
        let mut by_rows = vec![module.clone()];
        for row in trien::tokens::known::known() {
            let known = ModuleConfig::known(row, software_token());
            let variables = module.variables.clone();
            by_rows.push(ModuleConfig { variables, ..known });
        }
        for module in by_rows {
            let modules = Modules::new(&[module], Path::new(&program), deadlines());
            let _ = modules.look().await;
        }
        return;
    }
    let stage = Stage::new();
    let seen = stage.0.path().join("environment");
    let program = stage.file(
        "trien",
        &format!(
            "#!/bin/sh\nenv >> '{}'\nexec '{PROGRAM}' \"$@\"\n",
            seen.display()
        ),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let test = std::env::current_exe().unwrap();
    let mut child = Command::new(test);
    child.args([
        "--exact",
        "n111_what_makes_modules_talk_is_not_passed_on",
        "--nocapture",
    ]);
    for variable in [
        "OPENSC_DEBUG",
        "OPENSC_CONF",
        "PKCS11SPY",
        "PKCS11_LOGGER_LIBRARY_PATH",
        "P11_KIT_DEBUG",
        "SSLKEYLOGFILE",
    ] {
        child.env(variable, "9");
    }
    child.env("LD_PRELOAD", "/nonexistent/spy.so");
    child
        .env("N111_PROGRAM", &program)
        .env("N111_HOME", stage.0.path());
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let environment = std::fs::read_to_string(seen).unwrap();
    for forbidden in ["OPENSC", "SPY", "LOGGER", "P11_KIT", "SSLKEYLOG", "LD_"] {
        assert!(!environment.contains(forbidden), "{environment}");
    }
}

#[tokio::test]
async fn n112_a_module_that_fails_three_times_is_switched_off() {
    let stage = Stage::new();
    let switches = stage.0.path().join("off");
    let module = [stage.module("crasher", &rule("C_GetSlotList", "do = \"crash\""))];
    let off =
        |switches: &Path| Modules::with_switches(&module, Path::new(PROGRAM), deadlines(), Some(switches));
    let modules = off(&switches);
    for _ in 0..3 {
        assert!(matches!(token_of(&modules).await, Err(TokenError::Crashed)));
    }
    assert!(matches!(token_of(&modules).await, Err(TokenError::Disabled)));
    assert!(modules.states()[0].off);
    assert!(
        matches!(token_of(&off(&switches)).await, Err(TokenError::Disabled)),
        "for others, too"
    );
    std::fs::remove_file(switches.join("crasher")).unwrap();
    assert!(
        matches!(token_of(&modules).await, Err(TokenError::Crashed)),
        "switched on by hand"
    );
}

/// Where nothing can be written, as on a full disk, it is off for the process that has seen it fail.
#[tokio::test]
async fn n112_a_module_is_switched_off_where_that_cannot_be_written_down() {
    let stage = Stage::new();
    let switches = stage.file("file", "no folder").join("off");
    let module = [stage.module("crasher", &rule("C_GetSlotList", "do = \"crash\""))];
    let modules = Modules::with_switches(&module, Path::new(PROGRAM), deadlines(), Some(&switches));
    for _ in 0..3 {
        assert!(matches!(token_of(&modules).await, Err(TokenError::Crashed)));
    }
    for _ in 0..2 {
        assert!(matches!(token_of(&modules).await, Err(TokenError::Disabled)));
        assert!(modules.states()[0].off);
    }
}

/// Somebody at a shell, whose program has this module and no other; it dies when it is to sign.
struct ShellWithCrasher(Stage);

impl ShellWithCrasher {
    fn new() -> Self {
        let stage = Stage::new();
        let home = stage.0.path();
        stage.file("crash.toml", &rule("C_Sign", "do = \"crash\""));
        stage.file("pin", PIN);
        stage.file("content", "content");
        std::fs::create_dir(home.join("config")).unwrap();
        let config = format!(
            "[cards]\npiv = false\n[[modules]]\nname = \"crasher\"\npath = {:?}\nfolders = [{home:?}]\n\
             environment = [\"TRIEN_SIMULATE\"]\n",
            simulator()
        );
        stage.file("config/config.toml", &config);
        Self(stage)
    }

    fn trien(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(words)
            .env("TRIEN_HOME", self.0.0.path())
            .env("TRIEN_SIMULATE", self.0.0.path().join("crash.toml"));
        command
    }

    fn signing(&self) -> Command {
        let mut sign = self.trien(&["sign", "--format", "cades", "--json", "--cert", "sign"]);
        let file = |name: &str| self.0.0.path().join(name);
        sign.arg("--pin-file").arg(file("pin"));
        sign.arg("--out").arg(file("signed")).arg(file("content"));
        sign
    }

    /// What a signature comes to.
    #[track_caller]
    fn sign(&self) -> String {
        code(&self.signing().output().unwrap())
    }
}

/// The code of the error that a verb ended with.
#[track_caller]
fn code(output: &std::process::Output) -> String {
    let told = String::from_utf8_lossy(&output.stdout);
    let code = told
        .split_once("\"code\": \"")
        .and_then(|(_, rest)| rest.split('"').next());
    code.unwrap_or_else(|| panic!("{output:?}")).to_owned()
}

/// A shell is another program at each signature, and knows of the failures that the others have seen.
#[test]
fn n112_a_module_that_fails_three_shells_is_switched_off_for_the_next() {
    let shell = ShellWithCrasher::new();
    for _ in 0..2 {
        for _ in 0..3 {
            assert_eq!(shell.sign(), "module_crashed");
        }
        assert_eq!(shell.sign(), "module_disabled");
        let enabled = shell
            .trien(&["token", "enable-module", "crasher"])
            .output()
            .unwrap();
        assert!(enabled.status.success(), "{enabled:?}");
    }
    // Switched on by hand, it begins with none.
    for _ in 0..2 {
        assert_eq!(shell.sign(), "module_crashed");
        let enabled = shell
            .trien(&["token", "enable-module", "crasher"])
            .output()
            .unwrap();
        assert!(enabled.status.success(), "{enabled:?}");
    }
    assert_eq!(shell.sign(), "module_crashed");
}

/// None of the failures is lost where shells run at once.
#[test]
fn n112_a_module_that_fails_three_shells_at_once_is_switched_off() {
    let shell = ShellWithCrasher::new();
    let running: Vec<_> = (0..3)
        .map(|_| {
            shell
                .signing()
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for one in running {
        assert_eq!(code(&one.wait_with_output().unwrap()), "module_crashed");
    }
    assert_eq!(shell.sign(), "module_disabled");
}
