//! What every verb has at hand: the person's language, the places, one way to print, one way to fail.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::json;
use trien_protocol::call::Language;
use trien_protocol::error::ErrorObject;

use crate::language::{Arguments, arguments, is_no_text, system_said, text};
use crate::legible;
use crate::places::Places;

/// The surroundings of a verb.
#[derive(Debug)]
pub struct Shell {
    /// The language of messages.
    pub language: Language,
    /// The answer is for a program.
    pub json: bool,
    /// This user's folders.
    pub places: Places,
}

impl Shell {
    pub(super) fn new(language: Language, json: bool) -> Result<Self, CliError> {
        let places =
            Places::of_this_user().map_err(|_| CliError::failed("cli-no-places", Arguments::new()))?;
        Ok(Self {
            language,
            json,
            places,
        })
    }

    /// A message in the person's language.
    #[must_use]
    pub fn text(&self, key: &str, arguments: &Arguments) -> String {
        text(self.language, key, arguments)
    }

    /// Prints the answer: `value` for programs, `lines` for people.
    pub fn answer(&self, value: &impl Serialize, lines: impl FnOnce() -> String) {
        if self.json {
            // Our answers are maps with string keys: they always serialise.
            print(&serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            print(&legible::lines(&lines()));
        }
    }

    /// As [`Self::answer`], where the result itself may have gone to the standard output: the answer is then told on
    /// standard error.
    pub(super) fn answer_beside(&self, taken: bool, value: &impl Serialize, lines: impl FnOnce() -> String) {
        if taken {
            complain(lines().trim_end());
        } else {
            self.answer(value, lines);
        }
    }

    /// Tells a person, not a program, something on the side: on standard error.
    pub fn note(&self, key: &str, arguments: &Arguments) {
        if !self.json {
            complain(&self.text(key, arguments));
        }
    }
}

/// How a verb that did not succeed ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The answer is no.
    No,
    /// The arguments make no sense together.
    Misuse,
    /// The operation failed.
    Failed,
}

/// An error, said.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    /// For programs.
    pub(super) code: String,
    /// What happened.
    pub(super) message: String,
    /// What to do.
    pub(super) remedy: String,
    /// What others said, in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

/// Why a verb did not succeed.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    /// The answer has been printed.
    Answered,
    /// A message of ours: the key for what happened; with `-remedy` behind it, for what to do.
    Message { key: &'static str, arguments: Arguments },
    /// The same, where what goes into it has a language, too.
    Each {
        key: &'static str,
        /// In Vietnamese, and in English.
        arguments: Box<[Arguments; 2]>,
        /// What others said: English, for whoever is asked for help.
        detail: Option<String>,
    },
    /// An error as the wire has it.
    Wire(Box<ErrorObject>),
}

impl CliError {
    /// The answer was printed, and there is nothing more to say.
    #[must_use]
    pub fn answered(exit: Exit) -> Self {
        Self {
            exit,
            cause: Cause::Answered,
        }
    }

    /// The arguments make no sense together. `key` names what happened, `key-remedy` what to do.
    #[must_use]
    pub fn misuse(key: &'static str, arguments: Arguments) -> Self {
        Self {
            exit: Exit::Misuse,
            cause: Cause::Message { key, arguments },
        }
    }

    /// The answer is no. `key` names what happened, `key-remedy` what to do.
    #[must_use]
    pub fn refused(key: &'static str, arguments: Arguments) -> Self {
        Self {
            exit: Exit::No,
            cause: Cause::Message { key, arguments },
        }
    }

    /// The operation failed. `key` names what happened, `key-remedy` what to do.
    #[must_use]
    pub fn failed(key: &'static str, arguments: Arguments) -> Self {
        Self {
            exit: Exit::Failed,
            cause: Cause::Message { key, arguments },
        }
    }

    /// As [`Self::failed`], where the values have a language, too.
    #[must_use]
    pub fn failed_in_each(key: &'static str, arguments: impl Fn(Language) -> Arguments) -> Self {
        Self {
            exit: Exit::Failed,
            cause: Cause::Each {
                key,
                arguments: Box::new([Language::Vi, Language::En].map(arguments)),
                detail: None,
            },
        }
    }

    /// The same with what others said of it, in English: told beside the sentence, as no part of it.
    pub(super) fn detailed(mut self, said: Option<String>) -> Self {
        if let Cause::Each { detail, .. } = &mut self.cause {
            *detail = said;
        }
        self
    }

    /// The operation failed in the operating system, whose word goes into the message as `reason`.
    #[must_use]
    pub fn io(key: &'static str, error: &io::Error) -> Self {
        Self::of_system(key, &arguments([]), error)
    }

    /// A file cannot be read or written; it goes into the message as `file`, the system's word as `reason`.
    #[must_use]
    pub fn file(key: &'static str, file: &std::path::Path, error: &io::Error) -> Self {
        let key = match key {
            // It was read, and neither its name nor a right is the trouble.
            "cli-unreadable" if is_no_text(error) => "cli-no-text",
            key => key,
        };
        Self::of_system(key, &arguments([("file", file.display().to_string())]), error)
    }

    fn of_system(key: &'static str, facts: &Arguments, error: &io::Error) -> Self {
        Self::failed_in_each(key, |language| {
            let mut facts = facts.clone();
            facts.extend(arguments([("reason", system_said(error, language))]));
            facts
        })
    }

    /// An error as a page would have got it.
    #[must_use]
    pub fn wire(exit: Exit, error: ErrorObject) -> Self {
        Self {
            exit,
            cause: Cause::Wire(Box::new(error)),
        }
    }

    /// True if a page would have got this code.
    pub(super) fn is(&self, code: trien_protocol::error::ErrorCode) -> bool {
        matches!(&self.cause, Cause::Wire(error) if error.data.code == code)
    }

    /// The same with another error as the wire has it, if it is one.
    pub(super) fn reworded(self, words: impl FnOnce(ErrorObject) -> ErrorObject) -> Self {
        match self.cause {
            Cause::Wire(error) => Self::wire(self.exit, words(*error)),
            cause => Self { cause, ..self },
        }
    }

    /// How the program ends.
    pub(super) const fn exit(&self) -> Exit {
        self.exit
    }

    /// What happened and what to do; none where that has been said.
    pub(super) fn words(&self, language: Language) -> Option<Words> {
        let message = |key: &'static str, facts: &Arguments| Words {
            code: key.to_owned(),
            message: text(language, key, facts),
            remedy: text(language, &format!("{key}-remedy"), facts),
            detail: None,
        };
        Some(match &self.cause {
            Cause::Answered => return None,
            Cause::Message { key, arguments } => message(key, arguments),
            Cause::Each {
                key,
                arguments,
                detail,
            } => {
                let [vi, en] = &**arguments;
                let facts = match language {
                    Language::Vi => vi,
                    Language::En => en,
                };
                Words {
                    detail: detail.clone(),
                    ..message(key, facts)
                }
            }
            Cause::Wire(error) => Words {
                code: error.data.code.name().to_owned(),
                message: error.data.message.text(language).to_owned(),
                remedy: error.data.remedy.text(language).to_owned(),
                detail: error.data.detail.clone(),
            },
        })
    }

    pub(super) fn report(&self, language: Language, json: bool) -> ExitCode {
        if let Some(words) = self.words(language) {
            if json {
                print(&format!("{:#}", json!({ "error": words })));
            } else {
                complain(&format!("{}\n{}", words.message, words.remedy));
                // For whoever is asked for help: it is English, and so no part of a sentence.
                if let Some(detail) = words.detail {
                    complain(&text(language, "cli-detail", &arguments([("detail", detail)])));
                }
            }
        }
        ExitCode::from(match self.exit {
            Exit::No => 1,
            Exit::Misuse => 2,
            Exit::Failed => 3,
        })
    }
}

/// Whether something that was to be printed is lost.
static LOST: AtomicBool = AtomicBool::new(false);

/// The one place that writes to standard output. A reader that closed the pipe has seen enough; what is lost otherwise,
/// as on a full disk, is told at the end by [`ended`].
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(end.as_bytes()))
        .and_then(|()| out.flush());
    if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// The exit code of a program whose output may be lost: that is a failure whatever the answer was.
pub(super) fn ended(code: ExitCode, language: Language) -> ExitCode {
    if !LOST.load(Ordering::Relaxed) {
        return code;
    }
    let said = |key| text(language, key, &Arguments::new());
    complain(&format!(
        "{}\n{}",
        said("cli-output-lost"),
        said("cli-output-lost-remedy")
    ));
    ExitCode::from(3)
}

/// The one place that speaks to a person on standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", legible::lines(text));
}

/// Logs go to standard error: all of ours for the daemon, warnings for other verbs, more by `TRIEN_LOG`. What the network and
/// the queue warn of, a verb tells its person itself, in his language.
pub(super) fn start_log(daemon: bool) {
    // A mechanism that the binding has no name for is nobody's trouble, and a token may have dozens, told at each session.
    let usual = match daemon {
        true => "trien=info,warn,cryptoki::mechanism=off",
        false => "warn,trien::network=off,trien::queue=off,cryptoki::mechanism=off",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRIEN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    // The only other subscriber would be one of ours, set up twice in a test.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(|| LogLine)
        .try_init();
}

/// The longest entry of the log, in characters: past it are words of others.
const LONGEST_ENTRY: usize = 4096;

/// Where the log goes, an entry at a time: each is one line, whatever others have put into it.
struct LogLine;

impl Write for LogLine {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let mut log = io::stderr().lock();
        let colours = log.is_terminal();
        let text = String::from_utf8_lossy(entry);
        let shown = |character| match character {
            // Of the subscriber's own colours: it lets no others through.
            '\u{1b}' if colours => character,
            other => legible::neutral(other),
        };
        let line = text.trim_end_matches('\n').chars().take(LONGEST_ENTRY);
        writeln!(log, "{}", line.map(shown).collect::<String>())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
