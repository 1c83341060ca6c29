//! A card that another program uses, too: our own PIV driver waits a while, says who has it, and comes back by itself.
//! The other program is a real one, with a connection of its own to the same pcscd.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/stage.rs"]
mod stage;
mod support;

use support::module;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::Desk;
use support::cards::pairs::openpgp;
use support::cards::piv::*;
use support::cards::{
    CARD_PIN, Holder, ReaderPlan, Readers, on_readers, scene, wait_until, wait_until_empty,
    wait_until_present,
};
use support::daemon::{Daemon, PORTAL, Page, allow};
use trien::config::ModuleConfig;
use trien::tokens::{
    Deadlines, LoginError, ModuleToken, Modules, Token, TokenEntry, TokenError, TokenSource,
};

const SECOND: &str = "Second Reader";

/// Who is said to hold the card.
#[track_caller]
fn programs(error: &TokenError) -> &[String] {
    match error {
        TokenError::Held { programs } => programs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn n119_an_exclusive_lock_of_another_program_is_told_with_its_name_and_waited_for_without_a_spin() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let modules = modules();
            let token = only_token(&modules).await;
            let worker = support::daemon::child_pids(std::process::id(), "card-worker")[0];
            let holder = Holder::start(&readers, YUBIKEY, "exclusive");
            // What was seen before can still be shown.
            assert_eq!(only_token(&modules).await.entry().id, token.entry().id);
            let (began, before) = (Instant::now(), scene::ticks(worker));
            let Err(LoginError::Token(error)) = logged_in(&token, &key(&token, 0x9a, 0x07)).await else {
                panic!("a session with a card that another program has");
            };
            assert_eq!(programs(&error), [holder.name()]);
            assert!(error.retry_helps());
            let took = began.elapsed();
            assert!(
                took > Duration::from_secs(2) && took < Deadlines::default().login,
                "{took:?}"
            );
            assert!(scene::ticks(worker) - before < 50, "it is waited for in a loop");
            holder.release();
            sign_once(&modules, 0x9a).await.unwrap();
            assert_eq!(
                support::daemon::child_pids(std::process::id(), "card-worker"),
                [worker]
            );
        });
    });
}

#[test]
fn a_transaction_of_another_program_holds_up_its_own_card_alone() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            let (_card, _other) = (readers.piv(0), readers.blank(1, &["piv"]));
            readers.run("yubico-piv-tool", &["-r", SECOND, "-a", "set-chuid"]);
            runtime().block_on(async {
                let modules = modules();
                assert_eq!(modules.look().await.tokens.len(), 2);
                for ending in ["released", "killed"] {
                    let holder = Holder::start(&readers, YUBIKEY, "transaction");
                    let sight = modules.look().await;
                    let readers_of: Vec<_> = sight
                        .tokens
                        .iter()
                        .map(|token| token.entry().reader.clone())
                        .collect();
                    assert_eq!(readers_of.len(), 1, "{readers_of:?}");
                    assert!(readers_of[0].as_ref().unwrap().starts_with(SECOND));
                    let [(module, error)] = &sight.failures[..] else {
                        panic!("{:?}", sight.failures);
                    };
                    assert_eq!(module, "piv");
                    assert_eq!(programs(error), [holder.name()], "{ending}");
                    match ending {
                        "released" => holder.release(),
                        _ => drop(holder),
                    }
                    let mut all = 0;
                    while all < 2 {
                        all = modules.look().await.tokens.len();
                    }
                    let first = modules.look().await.tokens.into_iter();
                    let mut first =
                        first.filter(|token| token.entry().reader.as_ref().unwrap().starts_with(YUBIKEY));
                    let token = first.next().unwrap();
                    let mut session = logged_in(&token, &key(&token, 0x9a, 0x07)).await.unwrap();
                    let signed = session.sign(&signable(RSA, b"free"), false).await.unwrap();
                    judge(&readers, "9a", RSA, b"free", &signed);
                    session.close().await;
                }
            });
        },
    );
}

/// OpenSC and Yubico's module wait in whatever they are called for, their initialization too, as long as another program has
/// a transaction. They have not failed for that, however often it happens.
#[test]
fn a_module_that_waits_for_another_programs_transaction_has_not_failed() {
    waits_for_a_transaction(&scene::opensc(), 4);
}

#[test]
fn yubicos_module_that_waits_for_another_programs_transaction_has_not_failed() {
    waits_for_a_transaction(&scene::ykcs11(), 2);
}

fn waits_for_a_transaction(module: &ModuleConfig, rounds: u32) {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        runtime().block_on(async {
            let deadlines = Deadlines {
                start: Duration::from_secs(6),
                sign: Duration::from_secs(6),
                ..Deadlines::default()
            };
            let modules = scene::modules_within(std::slice::from_ref(module), deadlines);
            let ready = |entry: &TokenEntry| entry.initialized;
            let nine_a = |token: &ModuleToken| scene::key(token, &[1]);
            for round in 0..rounds {
                let token = scene::token_in_time(&modules, ready).await;
                let holder = if round % 2 == 0 {
                    // In the middle of its work …
                    let mut session = scene::logged_in(&token, &nine_a(&token)).await.unwrap();
                    let holder = Holder::start(&readers, YUBIKEY, "transaction");
                    let Err(LoginError::Token(error)) = session.sign(&signable(RSA, b"m"), false).await
                    else {
                        panic!("a signature with a card that another program has");
                    };
                    assert_eq!(programs(&error), [holder.name()], "round {round}");
                    session.close().await;
                    holder
                } else {
                    Holder::start(&readers, YUBIKEY, "transaction")
                };
                // … when it is looked at, and when its process starts.
                for _ in 0..2 {
                    let sight = modules.look().await;
                    let [(failed, error)] = &sight.failures[..] else {
                        panic!("{:?}", sight.failures);
                    };
                    assert_eq!((failed, programs(error)), (&module.name, &[holder.name()][..]));
                }
                holder.release();
            }
            let token = scene::token_in_time(&modules, ready).await;
            let signed = scene::sign_once(&token, &nine_a(&token), RSA, b"m")
                .await
                .unwrap();
            judge(&readers, "9a", RSA, b"m", &signed);
            assert!(!modules.states()[0].off, "it waited, and did not fail");
        });
    });
}

/// What another program does with a card that has nothing to do with it excuses no module: one that hangs has failed, is
/// told as that, and is switched off.
#[test]
fn a_module_that_hangs_by_itself_has_failed_whatever_other_card_somebody_holds() {
    on_readers(
        &[ReaderPlan::plain(YUBIKEY), ReaderPlan::plain(SECOND)],
        |readers| {
            let (_card, _other) = (readers.piv(0), readers.blank(1, &["piv"]));
            let stage = stage::Stage::new();
            let deadlines = Deadlines {
                login: Duration::from_secs(2),
                sign: Duration::from_secs(2),
                ..Deadlines::default()
            };
            let hang = |function| stage::rule(function, "do = \"hang\"");
            // A token of software; and one in a reader, which its module calls by name or as it likes.
            let first = in_slot(&format!("{YUBIKEY} 00 00"));
            runtime().block_on(async {
                for (how, rules) in [
                    ("exclusive", hang("C_Login")),
                    ("exclusive", hang("C_SignInit") + &first),
                    ("exclusive", hang("C_SignInit") + &in_slot("ES SLOT 1")),
                    ("transaction", hang("C_Login")),
                    ("transaction", hang("C_SignInit") + &first),
                ] {
                    let holder = Holder::start(&readers, SECOND, how);
                    let modules = stage.patient(&rules, &deadlines);
                    for _ in 0..3 {
                        let outcome = stage::name(&stage::sign(&modules).await);
                        assert!(outcome.starts_with("Hung"), "{how}, {rules}: {outcome}");
                    }
                    let off = stage::name(&stage::sign(&modules).await);
                    assert_eq!(off, "Disabled", "{how}, {rules}");
                    holder.release();
                }
            });
        },
    );
}

/// When it starts, and when it lists its slots, a module may look at every card; one that speaks to no service that has cards
/// looks at none, and waits for none.
#[test]
fn a_module_that_hangs_in_its_start_has_failed_whatever_card_somebody_holds() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let stage = stage::Stage::new();
        let deadlines = Deadlines {
            start: Duration::from_secs(3),
            enumerate: Duration::from_secs(3),
            ..Deadlines::default()
        };
        runtime().block_on(async {
            for (how, function) in [
                ("transaction", "C_Initialize"),
                ("transaction", "C_GetSlotList"),
                ("exclusive", "C_Initialize"),
                ("exclusive", "C_GetSlotList"),
            ] {
                let holder = Holder::start(&readers, YUBIKEY, how);
                let modules = stage.patient(&stage::rule(function, "do = \"hang\""), &deadlines);
                for _ in 0..3 {
                    let outcome = stage::name(&stage::sign(&modules).await);
                    assert!(outcome.starts_with("Hung"), "{how}, {function}: {outcome}");
                }
                let off = stage::name(&stage::sign(&modules).await);
                assert_eq!(off, "Disabled", "{how}, {function}");
                holder.release();
            }
        });
    });
}

/// A token in a reader, which its module calls so.
fn in_slot(slot: &str) -> String {
    stage::rule("C_GetSlotInfo", "do = \"flags\"\nset = 4")
        + &stage::rule("C_GetSlotInfo", &format!("do = \"label\"\nvalue = {slot:?}"))
}

/// Two readers whose names are the same as far as PKCS #11 has room for them.
const LONG: [&str; 2] = [
    "Reader of a maker who has much to say of it, and says all of that first, one",
    "Reader of a maker who has much to say of it, and says all of that first, two",
];

/// What PKCS #11 has room for (CK_SLOT_INFO.slotDescription).
const ROOM: usize = 64;

/// A module may call its slots as it likes, and two readers' names may be cut to the same: a card that was away is
/// noticed all the same.
#[test]
fn n116_a_card_that_was_away_is_noticed_whatever_its_module_calls_the_slot() {
    on_readers(&LONG.map(ReaderPlan::plain), |readers| {
        let (_other, card) = (readers.piv(0), readers.piv(1));
        LONG.into_iter().for_each(wait_until_present);
        let stage = stage::Stage::new();
        runtime().block_on(async {
            for slot in ["ES SLOT 1", "", &LONG[1][..ROOM]] {
                let modules = stage.alone(&in_slot(slot));
                let mut session = stage::logged_in(&modules).await.unwrap();
                session.sign(&stage::signable(), false).await.unwrap();
                card.eject();
                wait_until_empty(LONG[1]);
                card.insert();
                wait_until_present(LONG[1]);
                let after = session.sign(&stage::signable(), false).await;
                assert!(
                    matches!(after, Err(LoginError::Token(TokenError::Removed))),
                    "{slot:?}: {after:?}"
                );
                session.close().await;
                assert_eq!(stage::name(&stage::sign(&modules).await), "signed", "{slot:?}");
            }
        });
    });
}

/// Another program leaves the card in the reader of this name verified.
fn left_verified_in(readers: &Readers, reader: &str) {
    let verify = "00:20:00:80:08:31:32:33:34:35:36:FF:FF";
    assert!(asked(readers, reader, verify).ends_with("(SW1=0x90, SW2=0x00)"));
}

/// An empty VERIFY by somebody else: a card that lets nobody in names a count.
fn is_verified_in(readers: &Readers, reader: &str) -> bool {
    !asked(readers, reader, "00:20:00:80").contains("SW1=0x63, SW2=0xC3")
}

/// What the PIV application in that reader says to a command of another program.
fn asked(readers: &Readers, reader: &str, command: &str) -> String {
    let reader = format!("{reader} 00 00");
    let select = "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00";
    let said = readers.run("opensc-tool", &["-r", &reader, "-s", select, "-s", command]);
    said.trim_end().to_owned()
}

/// Where a module leaves its card unlocked, each card that it may have been is told to forget the PIN; where nobody can
/// tell which of several it was, none is: they may be other people's.
#[test]
fn n120_a_card_that_its_module_leaves_unlocked_forgets_whatever_its_module_calls_the_slot() {
    on_readers(&LONG.map(ReaderPlan::plain), |readers| {
        let _first = readers.piv(0);
        wait_until_present(LONG[0]);
        let stage = stage::Stage::new();
        let signed = |slot: &str| {
            let mut module = stage.module("leaves-unlocked", &in_slot(slot));
            module.reset = true;
            let program = std::path::Path::new(env!("CARGO_BIN_EXE_trien"));
            let modules = Modules::new(&[module], program, Deadlines::default());
            let signed = runtime().block_on(stage::sign(&modules));
            assert_eq!(stage::name(&signed), "signed", "{slot}");
        };
        left_verified_in(&readers, LONG[0]);
        assert!(is_verified_in(&readers, LONG[0]));
        signed("ES SLOT 1");
        assert!(!is_verified_in(&readers, LONG[0]), "there is no other card");
        let _second = readers.piv(1);
        wait_until_present(LONG[1]);
        for (slot, kept) in [(&LONG[1][..ROOM], false), ("ES SLOT 1", true)] {
            for reader in LONG {
                left_verified_in(&readers, reader);
            }
            signed(slot);
            for reader in LONG {
                assert_eq!(is_verified_in(&readers, reader), kept, "{slot}, {reader}");
            }
        }
    });
}

#[test]
fn a_daemon_and_its_shell_say_who_has_the_card_and_a_page_learns_only_that_it_is_busy() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"123456\"]\n";
        let daemon = Daemon::start(&desk, script);
        // The card that is there from the start is an event, too.
        wait_until("the daemon has read the card", || {
            daemon.log().contains("in reach")
        });
        std::thread::sleep(Duration::from_secs(1));
        let mut page = Page::over_socket(&daemon);
        page.hello();
        let mut signed = || {
            let document = page.upload("message.txt", b"message");
            let request = serde_json::json!({ "documents": [document], "format": "cades_detached" });
            page.call("sign_documents", &request)
        };
        let before = signed();
        assert!(before["result"].is_object(), "{before}");
        for how in ["exclusive", "transaction"] {
            let holder = Holder::start(&readers, YUBIKEY, how);
            // At the person's own shell: who it is, and the rest of the doctor's findings.
            let listed = desk.trien(["token", "list", "--lang", "en"]).output().unwrap();
            let told = String::from_utf8_lossy(&listed.stderr).into_owned();
            assert!(told.contains(&holder.name()), "{told}");
            let doctor = desk.trien(["doctor", "--lang", "en", "--json"]).output().unwrap();
            let doctor: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
            let held = doctor["findings"].as_array().unwrap().iter();
            let held = held
                .into_iter()
                .find(|finding| finding["code"] == "card_failed")
                .unwrap();
            assert!(
                held["message"].as_str().unwrap().contains(&holder.name()),
                "{held}"
            );
            assert_eq!(held["remedy"], "Close the other program, then try again.");
            // A page that asks meanwhile gets its answer, without a name in it; the daemon lives.
            let busy = signed();
            assert_eq!(busy["error"]["data"]["code"], "token_busy", "{busy}");
            assert!(!busy.to_string().contains("python3"), "{busy}");
            assert!(daemon.answers());
            holder.release();
            let after = signed();
            assert!(after["result"].is_object(), "{after}");
        }
    });
}

/// A page comes while another program has the card for itself, which nobody here has seen yet: it is told that, and not that
/// there is none; afterwards it has the card, and nobody has done anything.
#[test]
fn n119_a_page_that_comes_while_another_program_has_the_card_is_told_so_and_has_it_afterwards() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        std::fs::create_dir_all(desk.home().join("config")).unwrap();
        let config = "discover = false\n[websocket]\nport = 0\n";
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
        for how in ["exclusive", "transaction"] {
            let holder = Holder::start(&readers, YUBIKEY, how);
            let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"approve\"\nrepeat = true\n");
            let mut page = Page::over_websocket(&daemon);
            page.hello();
            let wanted = serde_json::json!({});
            let (began, before) = (Instant::now(), scene::ticks(daemon.pid()));
            let busy = page.call("certificates", &wanted);
            // Behind the daemon's own first look, which has not been in vain for the page, too: two looks have ten seconds.
            let took = began.elapsed();
            assert!(took < Duration::from_secs(9), "{how}: {took:?}");
            assert_eq!(busy["error"]["data"]["code"], "token_busy", "{how}: {busy}");
            assert!(!busy.to_string().contains("python3"), "{how}: {busy}");
            assert!(
                scene::ticks(daemon.pid()) - before < 100,
                "{how}: it waits in a loop"
            );
            for worker in support::daemon::child_pids(daemon.pid(), "card-worker") {
                assert!(scene::ticks(worker) < 100, "{how}: its process waits in a loop");
            }
            holder.release();
            wait_until("the card is there", || {
                page.call("certificates", &wanted)["result"].is_object()
            });
            assert!(daemon.answers());
        }
    });
}

/// A page that was told that the card is busy hears when the other program lets go of it, once and by itself, and has it
/// then: of an exclusive lock, which the service tells nobody of, and of a transaction.
#[test]
fn n119_a_page_hears_that_another_program_has_let_go_of_the_card() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let _card = readers.piv(0);
        let desk = Desk::new();
        allow(&desk, PORTAL, &[]);
        std::fs::create_dir_all(desk.home().join("config")).unwrap();
        let config = "discover = false\n[websocket]\nport = 0\n";
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
        let wanted = serde_json::json!({});
        // Of the one, cards are looked at every two seconds; nobody looks for the end of the other.
        for (how, soon) in [("exclusive", 8000), ("transaction", 1800)] {
            let holder = Holder::start(&readers, YUBIKEY, how);
            let daemon = Daemon::start(&desk, "[[answer]]\ndecision = \"approve\"\nrepeat = true\n");
            let mut page = Page::over_websocket(&daemon);
            page.hello();
            let busy = page.call("certificates", &wanted);
            assert_eq!(busy["error"]["data"]["code"], "token_busy", "{how}: {busy}");
            // What the start of the daemon brought about is over.
            std::thread::sleep(Duration::from_secs(1));
            page.call("cancel", &serde_json::json!({ "request": 0 }));
            let before = scene::ticks(daemon.pid());
            std::thread::sleep(Duration::from_secs(3));
            assert!(
                scene::ticks(daemon.pid()) - before <= 5,
                "{how}: it waits in a loop"
            );
            let began = Instant::now();
            holder.release();
            let (told, _) = page.receive().unwrap();
            assert_eq!(told["method"], "tokens_changed", "{how}: {told}");
            let took = began.elapsed();
            assert!(took < Duration::from_millis(soon), "{how}: {took:?}");
            let shared = page.call("certificates", &wanted);
            assert!(shared["result"].is_object(), "{how}: {shared}");
            assert!(daemon.answers());
        }
    });
}

/// GnuPG's own program for cards, as gpg-agent starts it.
struct Scdaemon {
    program: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Scdaemon {
    /// With these lines in its `scdaemon.conf`; it has read the card's number.
    #[track_caller]
    fn start(readers: &Readers, settings: &str) -> Self {
        let home = readers.path("gnupg");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("scdaemon.conf"), format!("disable-ccid\n{settings}\n")).unwrap();
        let mut command = Command::new("/usr/lib/gnupg/scdaemon");
        command.arg("--server").arg("--homedir").arg(&home);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = readers.lend(streams.stderr(Stdio::null())).spawn().unwrap();
        let said = BufReader::new(program.stdout.take().unwrap());
        let mut scdaemon = Self { program, said };
        assert!(scdaemon.answer().starts_with("OK "));
        assert_eq!(scdaemon.ask("SERIALNO openpgp"), "OK");
        scdaemon
    }

    /// As people find it in a list of processes.
    fn name(&self) -> String {
        format!("scdaemon ({})", self.program.id())
    }

    fn ask(&mut self, command: &str) -> String {
        writeln!(self.program.stdin.as_ref().unwrap(), "{command}").unwrap();
        self.answer()
    }

    /// The last line of an answer (Assuan): `OK` or `ERR`.
    fn answer(&mut self) -> String {
        let mut lines = self.said.by_ref().lines().map_while(Result::ok);
        lines
            .find(|line| line.starts_with("OK") || line.starts_with("ERR"))
            .unwrap()
    }
}

impl Drop for Scdaemon {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// From its first use on scdaemon has the card for itself, until it ends: it is named. Told to share (`pcsc-shared`) it keeps
/// the card open, and each has its turn.
#[test]
fn n119_gnupgs_scdaemon_is_named_while_it_has_the_card_and_shares_it_when_it_is_told_to() {
    let pair = openpgp();
    on_readers(&[ReaderPlan::plain(pair.reader)], |readers| {
        let _card = (pair.put)(&readers);
        let desk = Desk::new();
        runtime().block_on(async {
            let both = || {
                let program = std::path::Path::new(env!("CARGO_BIN_EXE_trien"));
                scene::modules(std::slice::from_ref(&pair.module)).with_cards(program, Deadlines::default())
            };
            let mut scdaemon = Scdaemon::start(&readers, "");
            let in_reach = both().tokens().await;
            assert!(in_reach.tokens.is_empty());
            let error = in_reach.hindrance.unwrap();
            assert_eq!(programs(&error), [scdaemon.name()]);
            assert!(error.retry_helps());
            for (language, sentence) in [
                (
                    "en",
                    "Another program is using the token. (programs that use cards now: ",
                ),
                (
                    "vi",
                    "Một chương trình khác đang sử dụng thiết bị. (các chương trình đang dùng thẻ: ",
                ),
            ] {
                let listed = desk
                    .trien(["token", "list", "--lang", language])
                    .output()
                    .unwrap();
                let told = String::from_utf8_lossy(&listed.stderr).into_owned();
                assert!(
                    told.contains(sentence) && told.contains(&scdaemon.name()),
                    "{told}"
                );
            }
            let doctor = desk.trien(["doctor", "--lang", "en", "--json"]).output().unwrap();
            let doctor: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
            let held = doctor["findings"].as_array().unwrap().iter();
            let held = held.into_iter().find(|one| one["code"] == "card_failed").unwrap();
            assert!(
                held["message"].as_str().unwrap().contains(&scdaemon.name()),
                "{held}"
            );
            assert_eq!(scdaemon.ask("GETATTR KEY-FPR"), "OK", "nobody disturbed it");
            drop(scdaemon);

            let modules = both();
            let sign = async || {
                let token = scene::token_in_time(&modules, pair.wanted).await;
                let key = scene::key(&token, pair.key);
                scene::sign_once(&token, &key, pair.algorithm, b"m")
                    .await
                    .unwrap();
            };
            sign().await;
            let mut scdaemon = Scdaemon::start(&readers, "pcsc-shared");
            for _ in 0..3 {
                sign().await;
                assert_eq!(scdaemon.ask("GETATTR KEY-FPR"), "OK", "nor now");
            }
        });
    });
}

/// Another program takes the card between the signature and the logout, and keeps it longer than the module is waited for. The
/// shell says that it waits, and does not end before the card has forgotten the PIN.
#[test]
fn n120_a_shell_does_not_leave_a_card_unlocked_that_another_program_has_by_then() {
    on_readers(&[ReaderPlan::plain(YUBIKEY)], |readers| {
        let card = readers.piv(0);
        wait_until_present(YUBIKEY);
        let desk = scene::desk_with_opensc();
        std::fs::write(desk.path("data"), "content").unwrap();
        std::fs::write(desk.path("pin"), format!("{CARD_PIN}\n")).unwrap();
        std::fs::set_permissions(desk.path("pin"), std::fs::Permissions::from_mode(0o600)).unwrap();
        // GENERAL AUTHENTICATE
        card.order("hold 87");
        card.order("reset-stats");
        let words = [
            "sign",
            "--lang",
            "en",
            "--format",
            "cades",
            "--cert",
            "9a",
            "--pin-file",
        ];
        let mut sign = desk.trien(words);
        sign.arg(desk.path("pin"))
            .arg("--out")
            .arg(desk.path("signed"))
            .arg(desk.path("data"));
        let mut shell = sign.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("the card signs", || card.stats().of("87") > 0);
        let pid = Pid::from_child(&shell);
        // Until the other one has the card: whoever asks for it anew has it sooner than whoever waits.
        kill_process(pid, Signal::STOP).unwrap();
        card.order("release");
        let holder = Holder::start(&readers, YUBIKEY, "transaction");
        kill_process(pid, Signal::CONT).unwrap();
        let mut told = Vec::new();
        for line in BufReader::new(shell.stderr.take().unwrap()).lines() {
            told.push(line.unwrap());
            if told
                .last()
                .is_some_and(|line| line.contains("Another program has the card"))
            {
                break;
            }
        }
        assert!(shell.try_wait().unwrap().is_none(), "it has ended: {told:?}");
        holder.release();
        assert!(shell.wait().unwrap().success());
        assert!(desk.path("signed").exists());
        assert_eq!(tries_left(&readers), 3);
    });
}
