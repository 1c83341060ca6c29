//! `trien augment`: raises the level of a signature that is there. No key and no PIN: an authority stamps the time, and
//! what proves the certificates is put in.

mod reason;

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use trien_protocol::error::ErrorCode;
use trien_protocol::limits::MAX_DOCUMENT;
use trien_signatures::report::Level;

use super::revocation::trust;
use super::sign::{LevelArgument, check_authority};
use super::verify::{read_document, too_large, unreadable};
use super::{CliError, Exit, Shell, output};
use crate::jobs::augment::{Augmented, Form, OnDisk, OnDiskError, RaiseError, Raiser};
use crate::language::{Arguments, arguments};
use crate::network::{Authority, Network, NetworkError};
use crate::queue::{Obstacle, Queue};
use crate::trust::Trust;
use crate::trust::revocation::Cache;

/// Of `trien augment`.
#[derive(Debug, Args)]
pub struct AugmentArguments {
    /// Signed file.
    #[arg(value_name = "IN", required_unless_present = "queued")]
    pub input: Option<PathBuf>,
    /// Baseline level.
    #[arg(long, value_enum, default_value_t = LevelArgument::T)]
    pub level: LevelArgument,
    /// File.
    #[arg(long, value_name = "FILE", required_unless_present = "queued")]
    pub out: Option<PathBuf>,
    /// What a detached signature is about.
    #[arg(long, value_name = "FILE")]
    pub content: Option<PathBuf>,
    /// Who stamps the time.
    #[arg(long, value_name = "URL")]
    pub tsa: Option<String>,
    /// Everything that waits.
    #[arg(long, conflicts_with_all = ["input", "out", "content"])]
    pub queued: bool,
}

/// Runs it.
///
/// # Errors
/// Misuse if the result would replace an input or the authority's address is none; failure if the level is not reached.
pub async fn run(arguments: AugmentArguments, shell: &Shell) -> Result<(), CliError> {
    check_authority(arguments.tsa.as_deref())?;
    let network = crate::service::network(shell)?;
    let network = match &arguments.tsa {
        Some(url) => network.with_authority(Authority::at(url)),
        None => network,
    };
    let (Some(input), Some(out)) = (&arguments.input, &arguments.out) else {
        return queued(&network, shell).await;
    };
    if arguments.level == LevelArgument::B {
        return Err(CliError::misuse("augment-level-b", self::arguments([])));
    }
    if output::replaces(out, [input].into_iter().chain(&arguments.content)) {
        let shown = self::arguments([("file", out.display().to_string())]);
        return Err(CliError::misuse("augment-over-input", shown));
    }
    output::check_writable(out)?;
    let (level, content) = (Level::from(arguments.level), arguments.content.as_deref());
    let mut lying = lying(input, content)?;
    let raised = raise(lying.take(), lying.form(), level, &network, shell).await;
    let raised = raised.map_err(|error| failed(&error, Begun::Here))?;
    output::write_with(out, |file| lying.write(&raised.document, file))?;
    Found::of(&raised).tell(input, out, shell);
    Ok(())
}

/// What our validation finds in the result: what is claimed of it.
#[derive(Clone, Copy)]
struct Found {
    level: Option<Level>,
    without_level: usize,
}

impl Found {
    const fn of(augmented: &Augmented) -> Self {
        Self {
            level: augmented.level,
            without_level: augmented.without_level,
        }
    }

    fn tell(self, input: &Path, out: &Path, shell: &Shell) {
        let shown = |path: &Path| path.display().to_string();
        let value = json!({
            "input": shown(input), "output": shown(out), "level": self.level, "without_level": self.without_level,
        });
        shell.answer_beside(output::is_standard(out), &value, || {
            let mut lines = shell.text("augment-done", &arguments([("file", shown(out))])) + "\n";
            if self.without_level > 0 {
                let count = arguments([("count", self.without_level.to_string())]);
                lines += &format!("{}\n", shell.text("augment-without-level", &count));
            }
            lines
        });
    }
}

/// False for the standard input, a pipe or a device.
fn is_regular(input: &Path) -> Result<bool, CliError> {
    if input == Path::new(output::STANDARD) {
        return Ok(false);
    }
    let about = input.metadata();
    about
        .map(|about| about.is_file())
        .map_err(|error| CliError::file("cli-unreadable", input, &error))
}

/// A signed file, as far as raising it needs it in memory.
fn lying(input: &Path, content: Option<&Path>) -> Result<OnDisk, CliError> {
    let opened = if is_regular(input)? {
        let file = File::open(input).map_err(|error| unreadable(input, &error))?;
        OnDisk::open(file, content, MAX_DOCUMENT)
    } else {
        // It can be read only once, so it is read whole.
        OnDisk::held(read_document(input)?, content)
    };
    opened.map_err(|error| match (error, content) {
        (OnDiskError::Format(error), _) => failed(&error.into(), Begun::Here),
        (OnDiskError::TooLarge(most), _) => too_large(input, most),
        (OnDiskError::Content(error), Some(content)) => CliError::file("cli-unreadable", content, &error),
        (OnDiskError::File(error) | OnDiskError::Content(error), _) => unreadable(input, &error),
    })
}

/// Does now what the daemon would do by itself.
async fn queued(network: &Network, shell: &Shell) -> Result<(), CliError> {
    let queue = Queue::new(shell.places.queue_folder());
    let done = queue.run(network, trust(shell), &cache(shell)).await;
    let shown = |file: &PathBuf| file.display().to_string();
    let raised: Vec<_> = done.raised.iter().map(shown).collect();
    let waiting: Vec<_> = done.waiting.iter().map(|(file, _)| shown(file)).collect();
    let given_up: Vec<_> = done.given_up.iter().map(|(file, _)| shown(file)).collect();
    shell.answer(
        &json!({ "raised": raised, "waiting": waiting, "given_up": given_up }),
        || {
            let values = self::arguments([
                ("raised", raised.len().to_string()),
                ("waiting", waiting.len().to_string()),
                ("given_up", given_up.len().to_string()),
            ]);
            let mut lines = shell.text("augment-queued", &values) + "\n";
            let mut tell = |key, file: &PathBuf, obstacle: &Obstacle| {
                let facts = [
                    ("file", shown(file)),
                    ("reason", reason::of_obstacle(obstacle, shell.language)),
                ];
                lines += &format!("{}\n", shell.text(key, &self::arguments(facts)));
            };
            for (file, obstacle) in &done.waiting {
                if let Some(obstacle) = obstacle {
                    tell("augment-waits", file, obstacle);
                }
            }
            for (file, obstacle) in &done.given_up {
                tell("augment-given-up", file, obstacle);
            }
            lines
        },
    );
    if done.waiting.is_empty() && done.given_up.is_empty() {
        Ok(())
    } else {
        Err(CliError::answered(Exit::No))
    }
}

fn cache(shell: &Shell) -> Cache {
    Cache::new(shell.places.revocation_folder())
}

/// Raises what is in memory: a document, or the part of it that changes.
///
/// # Errors
/// [`RaiseError`]
pub(super) async fn raise(
    bytes: Vec<u8>,
    form: &dyn Form,
    level: Level,
    network: &Network,
    shell: &Shell,
) -> Result<Augmented, RaiseError> {
    let (cache, mut trust) = (cache(shell), trust(shell));
    raiser(network, &mut trust, &cache)
        .raise(bytes, level, form)
        .await
}

const fn raiser<'a>(network: &'a Network, trust: &'a mut Trust, cache: &'a Cache) -> Raiser<'a> {
    Raiser {
        network,
        trust,
        cache: Some(cache),
    }
}

/// From where a level was to be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// From a signature that was made before.
    Here,
    /// From one that this run has made, and that is there whatever becomes of its level.
    Signed,
}

/// Nobody is named who stamps the time.
pub(super) fn no_authority() -> CliError {
    CliError::failed("augment-no-authority", Arguments::new())
}

/// What happened, and what to do.
pub(super) fn failed(error: &RaiseError, begun: Begun) -> CliError {
    let key = match error {
        RaiseError::Network(NetworkError::NoAddress) => return no_authority(),
        RaiseError::Network(NetworkError::Untrusted(..)) | RaiseError::NoPath(_) => "augment-untrusted",
        RaiseError::Network(_) => "augment-network",
        RaiseError::StatusUnknown(_) => "augment-status-unknown",
        RaiseError::Revoked(_) => "augment-revoked",
        RaiseError::Augment(_) => "augment-format",
        RaiseError::Input(unreadable) if begun == Begun::Here => match unreadable.code() {
            ErrorCode::DocumentEncrypted => "verify-encrypted",
            ErrorCode::TooLarge => "verify-too-complex",
            _ => "verify-no-signed-file",
        },
        RaiseError::Input(_)
        | RaiseError::Unreadable(_)
        | RaiseError::Lost { .. }
        | RaiseError::NotValidated { .. } => "augment-not-validated",
    };
    let begun = match begun {
        Begun::Here => "here",
        Begun::Signed => "signed",
    };
    let facts = |language| {
        arguments([
            ("reason", reason::reason(error, language)),
            ("begun", begun.to_owned()),
        ])
    };
    CliError::failed_in_each(key, facts).detailed(reason::detail(error))
}
