//! What may stand on the command line. Help texts are in `messages/*/help.ftl`: see [`super::help`].

use clap::{Args, Parser, Subcommand, ValueEnum};
use trien_protocol::call::Language;

use super::{audit, augment, cert, daemon, origin, sign, token, trust, verify};

/// One call of `trien`.
#[derive(Debug, Parser)]
#[command(
    name = "trien",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(super) struct Invocation {
    /// The language of messages.
    #[arg(long, global = true, value_enum)]
    pub lang: Option<LanguageArgument>,
    /// For programs: the answer as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// The languages by their ISO 639-1 codes.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LanguageArgument {
    /// Vietnamese
    Vi,
    /// English
    En,
}

impl From<LanguageArgument> for Language {
    fn from(language: LanguageArgument) -> Self {
        match language {
            LanguageArgument::Vi => Self::Vi,
            LanguageArgument::En => Self::En,
        }
    }
}

/// The verbs.
#[allow(clippy::large_enum_variant, reason = "one is made, moved once and gone")]
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs the service in the foreground.
    Daemon(daemon::DaemonArguments),
    /// Tokens and their keys.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Certificates on tokens.
    #[command(subcommand)]
    Cert(cert::CertCommand),
    /// Signs files.
    Sign(sign::SignArguments),
    /// Raises the level of signatures.
    Augment(augment::AugmentArguments),
    /// Checks the signatures of files.
    Verify(verify::VerifyArguments),
    /// Whom this computer trusts.
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// What pages may do.
    #[command(subcommand)]
    Origin(origin::OriginCommand),
    /// The record of approvals and signatures.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Looks for what stands in the way of a signature.
    Doctor,
    /// The process a PKCS #11 module lives in; started by the daemon.
    #[command(hide = true)]
    ModuleWorker(ModuleWorkerArguments),
    /// The process that speaks to the card of one reader; started by the daemon.
    #[command(hide = true)]
    CardWorker(CardWorkerArguments),
    /// The prompter for tests; started by the daemon.
    #[command(hide = true)]
    ScriptedPrompt(ScriptedPromptArguments),
}

/// Of the hidden `trien module-worker`.
#[derive(Debug, Args)]
pub(super) struct ModuleWorkerArguments {
    /// The module's name in the configuration.
    #[arg(long)]
    pub name: String,
    /// Its library.
    #[arg(long)]
    pub module: std::path::PathBuf,
    /// Its logout leaves cards logged in: they are logged out, or reset, after the work.
    #[arg(long)]
    pub reset: bool,
    /// It may use the network.
    #[arg(long)]
    pub network: bool,
    /// Folders that it may write to.
    #[arg(long)]
    pub folder: Vec<std::path::PathBuf>,
}

/// Of the hidden `trien card-worker`.
#[derive(Debug, Args)]
pub(super) struct CardWorkerArguments {
    /// The reader's name, as PC/SC has it.
    #[arg(long)]
    pub reader: String,
    /// How long the daemon waits for what.
    #[arg(long)]
    pub deadlines: crate::tokens::Deadlines,
}

/// Of the hidden `trien scripted-prompt`.
#[derive(Debug, Args)]
pub(super) struct ScriptedPromptArguments {
    /// The answers.
    #[arg(long)]
    pub script: std::path::PathBuf,
    /// Answers nothing, and tells what is wrong with the script.
    #[arg(long)]
    pub check: bool,
}
