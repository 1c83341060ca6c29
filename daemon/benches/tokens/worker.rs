//! A signature through a module's process beside the same `C_Sign` in this process, by turns, and beside the least that
//! another process costs on this machine: some bytes to `cat` and back, which is two threads woken from their sleep.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use trien::config::ModuleConfig;
use trien::tokens::{Deadlines, Modules, SigningSession, Token};
use trien_signatures::algorithm::Hash;

use crate::support::cards::piv::{RSA, lines, runtime, signable};
use crate::support::{Desk, PIN, TOKEN, succeed};
use crate::{median, rounds, row};

/// What may be added, in milliseconds.
const LIMIT: f64 = 0.15;

/// How often each number of tokens is measured; the median of these is told.
const TURNS: usize = 5;

/// Set in the process that measures, whose `TRIEN_HOME` has so many tokens.
const TOKENS: &str = "TRIEN_BENCH_TOKENS";

pub(crate) fn measure() {
    if std::env::var_os(TOKENS).is_some() {
        return measure_here();
    }
    println!("\n## RSA-2048 through the module's process beside the same C_Sign in-process\n");
    println!(
        "| tokens | in-process, ms | through the process, ms | to `cat` and back, ms | added, ms | limit | |"
    );
    println!("|---|---|---|---|---|---|---|");
    let counts = [1, 4, 16];
    let desks = counts.map(with_tokens);
    // By turns, so that none of them has the machine's warmest minute to itself.
    let mut turns = counts.map(|_| [const { Vec::new() }; 3]);
    for _ in 0..TURNS {
        for ((tokens, desk), turns) in counts.iter().zip(&desks).zip(&mut turns) {
            let mut itself = Command::new(std::env::current_exe().unwrap());
            itself.arg("worker").env("TRIEN_HOME", desk.home());
            let told = succeed(itself.env(TOKENS, tokens.to_string()));
            for (told, turn) in told.split_whitespace().zip(turns) {
                turn.push(told.parse::<f64>().unwrap());
            }
        }
    }
    for (tokens, turns) in counts.iter().zip(&mut turns) {
        let [without, with, echoed] = turns.each_mut().map(|turn| {
            turn.sort_by(f64::total_cmp);
            turn[TURNS / 2]
        });
        let values = [without, with, echoed].map(|value| format!("{value:.3}"));
        row(&tokens.to_string(), &values, with - without, LIMIT);
    }
}

/// A desk with so many tokens, one of which has a key.
fn with_tokens(tokens: usize) -> Desk {
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    for further in 1..tokens {
        let label = format!("further {further}");
        let mut make = desk.trien(["token", "init", "--label", &label]);
        succeed(make.args(desk.pin()).arg("--so-pin-file").arg(desk.pin_file()));
    }
    desk
}

/// Prints the three medians, in milliseconds.
fn measure_here() {
    let program = Path::new(env!("CARGO_BIN_EXE_trien"));
    let library: PathBuf = program.with_file_name("libtrien_pkcs11.so");
    let bare = Pkcs11::new(&library).unwrap();
    bare.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .unwrap();
    let has_label = |slot: &cryptoki::slot::Slot| {
        bare.get_token_info(*slot)
            .is_ok_and(|info| info.label().trim_end() == TOKEN)
    };
    let slot = bare
        .get_slots_with_token()
        .unwrap()
        .into_iter()
        .find(has_label)
        .unwrap();
    let in_process = bare.open_ro_session(slot).unwrap();
    in_process
        .login(UserType::User, Some(&AuthPin::new(PIN.into())))
        .unwrap();
    let private = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::RSA),
    ];
    let private = in_process.find_objects(&private).unwrap()[0];

    let modules = Modules::new(
        &[ModuleConfig::new("software", library)],
        program,
        Deadlines::default(),
    );
    runtime().block_on(async {
        let mut all = modules.look().await.tokens.into_iter();
        let token = all.find(|token| token.entry().id.label == TOKEN).unwrap();
        let held = token.certificates().await.unwrap();
        let key = held.iter().find_map(|held| held.key.clone()).unwrap();
        let mut session = token.open(&key).await.unwrap();
        session.attach_pin_pipe(lines(&format!("{PIN}\n"))).await.unwrap();
        session.login().await.unwrap();
        // In a task, as each request of the daemon is: the thread that waits in `block_on` is woken by one that waits for
        // the socket, which is one more that sleeps.
        tokio::spawn(by_turns(in_process, private, session))
            .await
            .unwrap();
    });
}

async fn by_turns(in_process: Session, private: ObjectHandle, mut session: Box<dyn SigningSession>) {
    let (mut without, mut with, mut echoed) = (Vec::new(), Vec::new(), Vec::new());
    let mut echo = Echo::start();
    for round in 0..rounds(500) {
        let signable = signable(RSA, &round.to_le_bytes());
        let input = Hash::Sha256.digest_info(&signable.digest);
        // By turns who is first: what comes after the sleep on `cat` finds the processor as that left it.
        let mut signatures = [Vec::new(), Vec::new()];
        for turn in [round % 2, (round + 1) % 2] {
            let began = Instant::now();
            if turn == 0 {
                signatures[0] = in_process.sign(&Mechanism::RsaPkcs, private, &input).unwrap();
                without.push(began.elapsed());
            } else {
                signatures[1] = session.sign(&signable, false).await.unwrap();
                with.push(began.elapsed());
            }
        }
        let [expected, signature] = signatures;
        assert_eq!(signature, expected);
        let began = Instant::now();
        echo.exchange(&signature);
        echoed.push(began.elapsed());
    }
    session.close().await;
    println!(
        "{} {} {}",
        median(&mut without),
        median(&mut with),
        median(&mut echoed)
    );
}

/// A process that gives back what it gets.
struct Echo {
    process: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Echo {
    fn start() -> Self {
        let mut command = Command::new("cat");
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, to, from }
    }

    fn exchange(&mut self, bytes: &[u8]) {
        self.to.write_all(bytes).unwrap();
        let mut back = vec![0; bytes.len()];
        self.from.read_exact(&mut back).unwrap();
        assert_eq!(back, bytes);
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
