//! The command line: one file a verb, the same jobs as the wire.
//!
//! Every verb takes `--json` (the answer on standard output, for programs) and `--lang`. Exit codes: 0 success; 1 the
//! answer is no (an invalid signature, a refusal); 2 misuse; 3 the operation failed. An error says what happened and
//! what to do.

mod arguments;
mod help;
mod issuer;
mod output;
mod report;
mod revocation;
mod shell;
mod wording;

pub mod audit;
pub mod augment;
pub mod cert;
pub mod daemon;
pub mod doctor;
pub mod origin;
pub mod pin;
pub mod sign;
pub mod token;
pub mod trust;
pub mod verify;

use std::process::ExitCode;

pub use shell::{CliError, Exit, Shell};

use crate::language::{Arguments, text};
use crate::tokens::pcsc::log_out;
use arguments::{Command, Invocation};

/// How long the daemon, which is told to end, waits for a card that another program has. A person at the shell is told, and
/// ends it himself.
const LEAVE: std::time::Duration = std::time::Duration::from_secs(10);

/// The whole program: reads the arguments, runs the verb, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let invocation = match help::parse::<Invocation>() {
        Ok(invocation) => invocation,
        Err(exit) => return exit,
    };
    let command = invocation.command;
    let is_daemon = matches!(command, Command::Daemon(_));
    shell::start_log(is_daemon);
    let command = match command {
        Command::ModuleWorker(worker) => {
            let (name, module) = (&worker.name, &worker.module);
            return crate::tokens::worker::run(name, module, worker.reset, worker.network, worker.folder);
        }
        Command::CardWorker(worker) => {
            return crate::tokens::pcsc::worker::run(&worker.reader, &worker.deadlines);
        }
        Command::ScriptedPrompt(prompt) if prompt.check => {
            return crate::consent::scripted::tell(&prompt.script);
        }
        Command::ScriptedPrompt(prompt) => return crate::consent::scripted::run(&prompt.script),
        command => command,
    };
    // Before anything is typed.
    crate::service::keep_memory_to_ourselves();
    let language = invocation
        .lang
        .map_or_else(crate::language::of_environment, Into::into);
    let shell = match Shell::new(language, invocation.json) {
        Ok(shell) => shell,
        Err(error) => return error.report(language, invocation.json),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return CliError::io("cli-no-runtime", &error).report(language, shell.json),
    };
    let result = runtime.block_on(run(command, &shell));
    // A reader of the terminal may sit in a blocking read; nothing is waited for after the answer is out.
    runtime.shutdown_background();
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(language, shell.json),
    };
    // A card that a module left unlocked, and that another program has by now, is not left so.
    let longest = is_daemon.then_some(LEAVE);
    log_out::finish(longest, || {
        shell::complain(&text(language, "cli-card-awaited", &Arguments::new()));
    });
    shell::ended(code, language)
}

async fn run(command: Command, shell: &Shell) -> Result<(), CliError> {
    match command {
        Command::Daemon(arguments) => daemon::run(arguments, shell).await,
        Command::Token(command) => token::run(command, shell).await,
        Command::Cert(command) => cert::run(command, shell).await,
        Command::Sign(arguments) => sign::run(arguments, shell).await,
        Command::Augment(arguments) => augment::run(arguments, shell).await,
        Command::Verify(arguments) => verify::run(&arguments, shell),
        Command::Trust(command) => trust::run(command, shell),
        Command::Origin(command) => origin::run(command, shell),
        Command::Doctor => doctor::run(shell).await,
        Command::Audit(command) => audit::run(&command, shell),
        Command::ModuleWorker(_) | Command::CardWorker(_) | Command::ScriptedPrompt(_) => Ok(()),
    }
}
