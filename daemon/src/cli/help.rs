//! Help and misuse in the person's language: clap's tree of commands, with its texts from the message files.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, FromArgMatches};
use serde_json::json;
use trien_protocol::call::Language;

use crate::language::{self, arguments, plain, text};

/// Reads the program's arguments. Help, version and misuse are printed here.
///
/// # Errors
/// The exit code to leave with: 0 after help or version, 2 after misuse.
pub(super) fn parse<T: CommandFactory + FromArgMatches>() -> Result<T, ExitCode> {
    let words = asked_for_help(std::env::args_os().collect());
    // Most calls are no question and no mistake: texts are read when there is something to say, so that a daemon and its
    // processes do not keep all of them in memory for a help that nobody asked them for.
    if let Some(read) = T::command()
        .try_get_matches_from(&words)
        .ok()
        .and_then(|matches| T::from_arg_matches(&matches).ok())
    {
        return Ok(read);
    }
    let language = asked_language(&words).unwrap_or_else(language::of_environment);
    let json = words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--json");
    let command = translate(T::command(), "help", language);
    let verb = verb_in(&command, &words);
    command
        .try_get_matches_from(words)
        .and_then(|matches| T::from_arg_matches(&matches))
        .map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                super::shell::print(&shown(&error, language));
                super::shell::ended(ExitCode::SUCCESS, language)
            }
            kind => {
                let told = misuse(&error, kind, &verb, language);
                if json {
                    super::shell::print(&told.as_json());
                } else if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                    super::shell::complain(&shown(&error, language));
                } else {
                    super::shell::complain(&format!("{}\n{}", told.message, told.remedy));
                }
                ExitCode::from(2)
            }
        })
}

/// `trien help sign` is `trien sign --help`.
fn asked_for_help(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_some_and(|word| word == "help") {
        words.remove(1);
        words.push("--help".into());
    }
    words
}

/// The verb that was typed, with the verbs below it: `token init`.
fn verb_in(command: &Command, words: &[OsString]) -> String {
    let mut found = Vec::new();
    let mut within = command;
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(child) = within.find_subcommand(word).filter(|child| !child.is_hide_set()) {
            found.push(word);
            within = child;
        } else if !found.is_empty() && !word.starts_with('-') {
            break;
        }
    }
    found.join(" ")
}

/// Help as clap lays it out. Of its words, only one comes from no text of ours.
fn shown(error: &clap::Error, language: Language) -> String {
    error
        .render()
        .to_string()
        .replace("[OPTIONS]", &plain(language, "help-value-options"))
}

/// `--lang` has to be known before the texts are, so it is looked for before clap reads.
fn asked_language(words: &[OsString]) -> Option<Language> {
    let words: Vec<_> = words.iter().filter_map(|word| word.to_str()).collect();
    let value = words.iter().enumerate().find_map(|(index, word)| {
        word.strip_prefix("--lang=")
            .or_else(|| (*word == "--lang").then(|| words.get(index + 1).copied())?)
    })?;
    match value {
        "vi" => Some(Language::Vi),
        "en" => Some(Language::En),
        _ => None,
    }
}

/// Gives every command and argument its text: `help-sign` for the verb, `help-sign-out` for its argument `--out`.
fn translate(command: Command, path: &str, language: Language) -> Command {
    if command.is_hide_set() {
        return command;
    }
    let command = command
        .about(plain(language, path))
        .long_about(None)
        .after_help(examples(path, language))
        .help_template(plain(language, "help-template"))
        .subcommand_help_heading(plain(language, "help-commands"))
        .subcommand_value_name(plain(language, "help-value-verb"))
        .mut_args(|argument| {
            let id = argument.get_id().as_str().replace('_', "-");
            let key = match id.as_str() {
                "help" | "version" | "lang" | "json" | "pin-file" | "pin-fd" => format!("help-any-{id}"),
                _ => format!("{path}-{id}"),
            };
            let heading = if argument.is_positional() {
                "help-arguments"
            } else {
                "help-options"
            };
            let values: Vec<_> = argument
                .get_value_names()
                .unwrap_or_default()
                .iter()
                .map(|name| value_name(name, language))
                .collect();
            let argument = if argument.get_action().takes_values() {
                // Values stand in our texts: clap's words around them are English.
                argument
                    .value_names(values)
                    .hide_default_value(true)
                    .hide_possible_values(true)
            } else {
                argument
            };
            argument
                .help(plain(language, &key))
                .long_help(None)
                .help_heading(plain(language, heading))
        })
        .disable_help_flag(true)
        .arg(
            clap::Arg::new("help")
                .short('h')
                .long("help")
                .action(clap::ArgAction::Help)
                .help(plain(language, "help-any-help"))
                .help_heading(plain(language, "help-options")),
        );
    let command = if path == "help" {
        command.disable_version_flag(true).arg(
            clap::Arg::new("version")
                .short('V')
                .long("version")
                .action(clap::ArgAction::Version)
                .help(plain(language, "help-any-version"))
                .help_heading(plain(language, "help-options")),
        )
    } else {
        command
    };
    command.mut_subcommands(|child| {
        let path = format!("{path}-{}", child.get_name());
        translate(child, &path, language)
    })
}

/// How a verb is used, where it has such a text.
fn examples(path: &str, language: Language) -> String {
    // The program's own path would give the key of the heading.
    let key = match path {
        "help" => "help-trien-examples".to_owned(),
        path => format!("{path}-examples"),
    };
    match language::exists(language, &key) {
        true => format!("{}\n{}", plain(language, "help-examples"), plain(language, &key)),
        false => String::new(),
    }
}

/// `FILE|DIR` by the key `help-value-file-dir`; what has no text is no word, but a form.
fn value_name(name: &str, language: Language) -> String {
    let key = format!("help-value-{}", name.to_lowercase().replace(['_', '|', '='], "-"));
    if language::exists(language, &key) {
        plain(language, &key)
    } else {
        name.to_owned()
    }
}

/// What is told of misuse.
struct Misuse {
    key: &'static str,
    message: String,
    remedy: String,
}

impl Misuse {
    /// As every error of a verb is told to programs.
    fn as_json(&self) -> String {
        let error = json!({ "error": { "code": self.key, "message": self.message, "remedy": self.remedy } });
        format!("{error:#}")
    }
}

/// clap's own sentences are English; these are the kinds a person can meet.
fn misuse(error: &clap::Error, kind: ErrorKind, verb: &str, language: Language) -> Misuse {
    let shown = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        Some(ContextValue::StyledStrs(texts)) => texts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
        _ => String::new(),
    };
    let key = match kind {
        ErrorKind::UnknownArgument => "misuse-unknown-argument",
        ErrorKind::InvalidSubcommand => "misuse-unknown-verb",
        ErrorKind::MissingRequiredArgument => "misuse-missing-argument",
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "misuse-missing-verb"
        }
        ErrorKind::InvalidValue if shown(ContextKind::ValidValue).is_empty() => "misuse-bad-value",
        ErrorKind::InvalidValue => "misuse-invalid-value",
        ErrorKind::ValueValidation => "misuse-bad-value",
        ErrorKind::ArgumentConflict => "misuse-conflict",
        _ => "misuse-other",
    };
    let arguments = arguments([
        ("argument", shown(ContextKind::InvalidArg)),
        ("verb", shown(ContextKind::InvalidSubcommand)),
        ("value", shown(ContextKind::InvalidValue)),
        ("choices", shown(ContextKind::ValidValue)),
        ("other", shown(ContextKind::PriorArg)),
    ]);
    Misuse {
        key,
        message: text(language, key, &arguments),
        remedy: match verb {
            "" => plain(language, "misuse-remedy"),
            verb => text(
                language,
                "misuse-verb-remedy",
                &self::arguments([("verb", verb.to_owned())]),
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(command: &Command, path: &str, found: &mut Vec<String>) {
        if command.is_hide_set() {
            return;
        }
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        if about == path || about.is_empty() {
            found.push(path.to_owned());
        }
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            if help.is_empty() || help.starts_with("help-") {
                found.push(format!("{path}: {}: {help}", argument.get_id()));
            }
        }
        for child in command.get_subcommands() {
            missing(child, &format!("{path}-{}", child.get_name()), found);
        }
    }

    #[test]
    fn every_verb_and_argument_is_explained_in_both_languages() {
        for language in [Language::Vi, Language::En] {
            let command = translate(super::super::arguments::Invocation::command(), "help", language);
            command.clone().debug_assert();
            let mut found = Vec::new();
            missing(&command, "help", &mut found);
            assert!(found.is_empty(), "{language:?}: {found:#?}");
        }
    }
}
