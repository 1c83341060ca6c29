//! `trien token`: the tokens in reach, software tokens made, key pairs generated, certificates requested and installed.

mod access;
mod backup;
mod import;
mod keys;
mod pin_change;
pub(super) mod spec;
mod staging;

pub(super) use access::{Hiding, reveal, reveal_these};

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::issuer::{self, Issuer};
use super::pin::{self, NewPinArguments, OfficerPinArguments, PinArguments};
use super::shell::complain;
use super::sign::failed;
use super::{CliError, Shell, wording};
use crate::jobs::JobError;
use crate::language::{Arguments, arguments};
use crate::tokens::pcsc::inserted::inserted_within;
use crate::tokens::{
    InitializeError, KeyAlgorithm, ModuleToken, Modules, PinState, Sight, Token, TokenEntry, TokenProfile,
};
use crate::trust::Trust;

/// `CK_TOKEN_INFO.label`, in bytes of UTF-8
const MAX_TOKEN_LABEL: usize = 32;

/// How long the service may take to say what the cards in the readers are called.
const CARD_PATIENCE: Duration = Duration::from_secs(5);

/// The verbs under `trien token`.
#[derive(Debug, clap::Subcommand)]
pub enum TokenCommand {
    /// Lists every token.
    List,
    /// Makes a software token.
    Init {
        /// What it is called.
        #[arg(long, required_unless_present = "from_spec", conflicts_with = "from_spec")]
        label: Option<String>,
        /// Tokens, keys and certificates from one file.
        #[arg(
            long,
            value_name = "FILE",
            conflicts_with_all = ["profile", "pin_file", "pin_fd", "so_pin_file", "so_pin_fd"]
        )]
        from_spec: Option<PathBuf>,
        /// Which token of the field it imitates.
        #[arg(long, value_parser = PossibleValuesParser::new(TokenProfile::ALL.map(TokenProfile::name)))]
        profile: Option<String>,
        /// The user's PIN.
        #[command(flatten)]
        pin: PinArguments,
        /// The security officer's PIN.
        #[command(flatten)]
        officer: OfficerPinArguments,
    },
    /// Saves a whole software token.
    ExportStore {
        /// The token's label or serial number.
        #[arg(long)]
        token: String,
        /// Where it goes.
        #[arg(long)]
        out: PathBuf,
    },
    /// Brings a saved token back.
    ImportStore {
        /// What was saved.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Puts a key from a file on a token.
    Import(import::ImportArguments),
    /// Generates a key pair.
    GenerateKey {
        /// The token's label or serial number.
        #[arg(long)]
        token: String,
        /// What sort.
        #[arg(long, value_parser = PossibleValuesParser::new(KeyAlgorithm::ALL.map(KeyAlgorithm::name)))]
        algorithm: String,
        /// What the key is called.
        #[arg(long)]
        label: String,
        /// Also makes a certification request for this subject.
        #[arg(long)]
        subject: Option<String>,
        /// Where that goes; standard output if absent.
        #[arg(long, requires = "subject")]
        out: Option<PathBuf>,
        /// The card's management key.
        #[arg(long)]
        management_key_file: Option<PathBuf>,
        /// The PIN.
        #[command(flatten)]
        pin: PinArguments,
    },
    /// Changes the PIN.
    ChangePin {
        /// The token's label or serial number.
        #[arg(long)]
        token: String,
        /// The PIN as it is.
        #[command(flatten)]
        pin: PinArguments,
        /// The new PIN.
        #[command(flatten)]
        new: NewPinArguments,
    },
    /// Sets a new PIN on a token that has locked it.
    Unblock {
        /// The token's label or serial number.
        #[arg(long)]
        token: String,
        /// The security officer's PIN.
        #[command(flatten)]
        officer: OfficerPinArguments,
        /// The new PIN.
        #[command(flatten)]
        new: NewPinArguments,
    },
    /// Switches a module on again.
    EnableModule {
        /// Its name.
        module: String,
    },
    /// Makes a certification request.
    Request {
        /// The token's label or serial number.
        #[arg(long)]
        token: String,
        /// The key's label.
        #[arg(long)]
        key: String,
        /// The subject, in the order of the certificate.
        #[arg(long)]
        subject: String,
        /// Where it goes.
        #[arg(long)]
        out: PathBuf,
        /// The PIN.
        #[command(flatten)]
        pin: PinArguments,
    },
    /// Puts an issued certificate beside its key.
    Install {
        /// The token's label or serial number.
        #[arg(long)]
        token: String,
        /// The certificate, PEM or DER.
        #[arg(long)]
        cert: PathBuf,
        /// The card's management key.
        #[arg(long)]
        management_key_file: Option<PathBuf>,
        /// The PIN.
        #[command(flatten)]
        pin: PinArguments,
    },
}

/// Runs one of them.
///
/// # Errors
/// What the person has to know.
pub async fn run(command: TokenCommand, shell: &Shell) -> Result<(), CliError> {
    match command {
        TokenCommand::List => list(shell).await,
        TokenCommand::Init {
            label,
            from_spec,
            profile,
            pin,
            officer,
        } => match from_spec {
            Some(file) => spec::run(&file, shell).await,
            None => {
                let profile = profile.as_deref().and_then(TokenProfile::named);
                // An empty one is refused as any other that cannot be a label.
                init(&label.unwrap_or_default(), profile, &pin, &officer, shell).await
            }
        },
        TokenCommand::ExportStore { token, out } => backup::export(&token, &out, shell).await,
        TokenCommand::ImportStore { file } => backup::restore(&file, shell).await,
        TokenCommand::Import(arguments) => import::run(&arguments, shell).await,
        TokenCommand::GenerateKey {
            token,
            algorithm,
            label,
            subject,
            out,
            management_key_file,
            pin,
        } => {
            let wanted = keys::NewKey {
                algorithm: &algorithm,
                label: &label,
                subject: subject.as_deref(),
                management_key: management_key_file.as_deref(),
            };
            keys::generate(&token, &wanted, out.as_deref(), &pin, shell).await
        }
        TokenCommand::ChangePin { token, pin, new } => pin_change::change(&token, &pin, &new, shell).await,
        TokenCommand::Unblock { token, officer, new } => {
            pin_change::unblock(&token, &officer, &new, shell).await
        }
        TokenCommand::EnableModule { module } => enable_module(&module, shell),
        TokenCommand::Request {
            token,
            key,
            subject,
            out,
            pin,
        } => keys::request(&token, &key, &subject, &out, &pin, shell).await,
        TokenCommand::Install {
            token,
            cert,
            management_key_file,
            pin,
        } => keys::install(&token, &cert, management_key_file.as_deref(), &pin, shell).await,
    }
}

async fn list(shell: &Shell) -> Result<(), CliError> {
    let modules = crate::service::modules(shell)?;
    let Sight { tokens, failures } = modules.look().await;
    let states = modules.states();
    for (module, error) in failures {
        tell_failure(shell, &module, &error);
    }
    let cards = match tokens.iter().any(|token| token.entry().reader.is_some()) {
        true => inserted_within(CARD_PATIENCE).await,
        false => Vec::new(),
    };
    let card_of = |entry: &TokenEntry| {
        let inserted = cards.iter().find(|card| entry.is_in(&card.reader))?;
        inserted.name
    };
    let trust = issuer::trust(shell);
    let mut held = Vec::with_capacity(tokens.len());
    for token in tokens {
        let entry = token.entry().clone();
        let issuers = if entry.initialized {
            issuers(&token, &trust).await
        } else {
            Vec::new()
        };
        held.push((entry, issuers));
    }
    let values: Vec<Value> = held
        .iter()
        .map(|(entry, issuers)| {
            let mut value = as_json(entry);
            let library = states.iter().find(|state| state.name == entry.id.module);
            value["reader"] = json!(entry.reader);
            value["card"] = json!(card_of(entry));
            value["library"] = json!(library.map(|state| &state.library));
            let named = |wanted: fn(&Issuer) -> bool| {
                let wanted = issuers.iter().filter(|issuer| wanted(issuer));
                let mut names: Vec<_> = wanted.map(|issuer| &issuer.name).collect();
                names.dedup();
                json!(names)
            };
            value["ca"] = named(|_| true);
            value["ca_proven"] = named(|issuer| issuer.proven);
            value
        })
        .collect();
    shell.answer(&values, || {
        let is_told = |entry: &TokenEntry| entry.initialized || entry.damaged || entry.barred;
        let mut told = held.iter().filter(|(entry, _)| is_told(entry)).peekable();
        match told.peek() {
            None => shell.text("token-none", &Arguments::new()),
            Some(_) => told
                .map(|(entry, issuers)| line(entry, issuers, shell) + &place(entry, card_of(entry), shell))
                .collect(),
        }
    });
    Ok(())
}

/// Who issued the certificates on a token, by path building: neither the module nor the chip tells.
async fn issuers(token: &ModuleToken, trust: &Trust) -> Vec<Issuer> {
    let held = token.certificates().await.unwrap_or_default();
    let beside: Vec<_> = held.iter().map(|held| held.certificate.clone()).collect();
    let mut issuers: Vec<Issuer> = held
        .iter()
        .filter(|held| held.key.is_some())
        .map(|held| Issuer::of(&held.certificate, &beside, trust))
        .collect();
    issuers.sort();
    issuers.dedup();
    issuers
}

/// Takes away the file that says that a module is switched off, and the one that counts its failures.
fn enable_module(module: &str, shell: &Shell) -> Result<(), CliError> {
    let facts = || arguments([("module", module.to_owned())]);
    let known = crate::service::modules(shell)?.states();
    if !known.iter().any(|state| state.name == module) {
        return Err(CliError::misuse("token-no-such-module", facts()));
    }
    let switches = shell.places.switches_folder();
    crate::tokens::switch_on(&switches, module)
        .map_err(|error| CliError::file("cli-unwritable", &switches.join(module), &error))?;
    shell.answer(&json!({ "module": module, "enabled": true }), || {
        shell.text("token-module-enabled", &facts())
    });
    Ok(())
}

/// A module that fails costs its own tokens only, but is not passed over in silence.
pub(super) fn tell_failure(shell: &Shell, module: &str, error: &crate::tokens::TokenError) {
    let (reason, remedy) = match error {
        crate::tokens::TokenError::Library(fault) => {
            let said = |key: &str| shell.text(key, &Arguments::new());
            (said(fault.key()), said(&format!("{}-remedy", fault.key())))
        }
        other => {
            let told = JobError::from(other.clone()).object().data;
            let remedy = told.remedy.text(shell.language).to_owned();
            (wording::failure(other, shell.language), remedy)
        }
    };
    let facts = arguments([("module", module.to_owned()), ("reason", reason)]);
    shell.note("token-module-failed", &facts);
    shell.note("token-module-remedy", &arguments([("remedy", remedy)]));
}

/// Nor is a token that cannot be read.
pub(super) fn tell_unreadable(shell: &Shell, entry: &TokenEntry) {
    if !shell.json && (entry.damaged || entry.barred) {
        complain(line(entry, &[], shell).trim_end());
    }
}

fn as_json(entry: &TokenEntry) -> Value {
    json!({
        "module": entry.id.module,
        "slot": entry.slot,
        "label": entry.id.label,
        "serial": entry.id.serial,
        "manufacturer": entry.manufacturer,
        "model": entry.model,
        "hardware": entry.hardware,
        "initialized": entry.initialized,
        "damaged": entry.damaged,
        "barred": entry.barred,
        "pin": match entry.pin {
            // The count stands beside it, for whoever wants it.
            PinState::Tries(left) => json!(if left > 2 { PinState::Ready } else { PinState::FewTries }),
            state => json!(state),
        },
        "tries_left": entry.pin.tries_left(),
    })
}

/// The reader that a token is in, and what its card is called by its answer to reset; nothing for one without a reader.
fn place(entry: &TokenEntry, card: Option<&str>, shell: &Shell) -> String {
    let Some(reader) = &entry.reader else {
        return String::new();
    };
    let facts = [
        ("reader", reader.clone()),
        ("card", card.unwrap_or_default().to_owned()),
    ];
    let key = match card {
        Some(_) => "token-in-reader",
        None => "token-in-reader-nameless",
    };
    format!("    {}\n", shell.text(key, &arguments(facts)))
}

fn line(entry: &TokenEntry, issuers: &[Issuer], shell: &Shell) -> String {
    let said = |key: &str| shell.text(key, &Arguments::new());
    let sort = said(if entry.hardware {
        "token-hardware"
    } else {
        "token-software"
    });
    let facts = arguments([
        ("label", entry.id.label.clone()),
        ("serial", entry.id.serial.clone()),
        (
            "model",
            // Many a model has its maker in its name.
            match entry.model.starts_with(&entry.manufacturer) {
                true => entry.model.clone(),
                false => format!("{} {}", entry.manufacturer, entry.model),
            },
        ),
        ("module", entry.id.module.clone()),
        ("slot", entry.slot.to_string()),
        (
            "ca",
            match issuers {
                [] => said("token-no-issuer"),
                issuers => {
                    let names: Vec<_> = issuers.iter().map(|issuer| issuer.text(shell)).collect();
                    names.join(", ")
                }
            },
        ),
        ("sort", sort),
        (
            "pin",
            match entry.pin {
                PinState::Tries(left) => {
                    shell.text("token-pin-tries", &arguments([("count", left.to_string())]))
                }
                state => said(pin_state(state)),
            },
        ),
    ]);
    let text = |key: &str| shell.text(key, &facts);
    match (entry.initialized, entry.damaged) {
        (true, false) => text("token-line") + "\n",
        (true, true) => {
            text("token-line") + "; " + &text("token-damaged") + "\n" + &remedy("token-damaged-remedy", shell)
        }
        _ if entry.barred => text("token-barred") + "\n" + &remedy("token-barred-remedy", shell),
        _ => text("token-unreadable") + "\n" + &remedy("token-damaged-remedy", shell),
    }
}

/// What to do about a token whose store is corrupt, or may not be read.
fn remedy(key: &str, shell: &Shell) -> String {
    let folder = shell.places.tokens_folder().display().to_string();
    let remedy = shell.text(key, &arguments([("folder", folder)]));
    format!("    → {remedy}\n")
}

const fn pin_state(state: PinState) -> &'static str {
    match state {
        PinState::NotNeeded => "token-pin-not-needed",
        PinState::NotSet => "token-pin-not-set",
        PinState::Ready | PinState::Tries(_) => "token-pin-ready",
        PinState::FewTries => "token-pin-few-tries",
        PinState::LastTry => "token-pin-last-try",
        PinState::Locked => "token-pin-locked",
        PinState::ToBeChanged => "token-pin-to-be-changed",
    }
}

async fn init(
    label: &str,
    profile: Option<TokenProfile>,
    pin: &PinArguments,
    officer: &OfficerPinArguments,
    shell: &Shell,
) -> Result<(), CliError> {
    check_label(label, MAX_TOKEN_LABEL)?;
    let modules = crate::service::modules(shell)?;
    // Before anybody types two PINs for nothing.
    check_free(label, &modules).await?;
    let user = match pin.given()? {
        Some(given) => given,
        None => pin::new_pin(shell, "pin-new-user", "pin-new-repeat")?,
    };
    let officer = match officer.given()? {
        Some(given) => given,
        None => pin::new_pin(shell, "pin-new-so", "pin-new-so-repeat")?,
    };
    let _alone = staging::alone(&shell.places)?;
    check_free(label, &modules).await?;
    let modules = match profile {
        Some(profile) => modules.imitating(profile),
        None => modules,
    };
    let made = modules.initialize(label, officer, user).await;
    let entry = made.map_err(|error| not_initialized(error, shell))?;
    shell.answer(&as_json(&entry), || {
        shell.text(
            "token-made",
            &arguments([
                ("label", entry.id.label.clone()),
                ("serial", entry.id.serial.clone()),
            ]),
        )
    });
    Ok(())
}

/// No token has the label.
async fn check_free(label: &str, modules: &Modules) -> Result<(), CliError> {
    let taken = |token: &ModuleToken| {
        let entry = token.entry();
        entry.initialized && entry.id.label == label
    };
    if modules.look().await.tokens.iter().any(taken) {
        let label = arguments([("label", label.to_owned())]);
        return Err(CliError::misuse("token-label-taken", label));
    }
    Ok(())
}

fn not_initialized(error: InitializeError, shell: &Shell) -> CliError {
    match error {
        InitializeError::NoFreeSlot => {
            CliError::failed("token-no-free-slot", staging::many(&shell.places.tokens_folder()))
        }
        InitializeError::SecurityOfficerPinInvalid => {
            CliError::failed("token-so-pin-invalid", Arguments::new())
        }
        InitializeError::UserPinInvalid => CliError::failed("token-user-pin-invalid", Arguments::new()),
        InitializeError::Token(error) => failed(&error.into()),
    }
}

/// A label is 1 to `limit` bytes and holds nothing that a terminal or a list would be misled by.
fn check_label(label: &str, limit: usize) -> Result<(), CliError> {
    let sane = !label.trim().is_empty() && label.len() <= limit && !label.chars().any(char::is_control);
    let facts = || arguments([("label", label.to_owned()), ("limit", limit.to_string())]);
    if sane && label.trim() == label {
        Ok(())
    } else {
        Err(CliError::misuse("token-bad-label", facts()))
    }
}
