//! What a person at the shell may ask. A browser's arguments are none of these words, so they fall through to the relay.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::OPERATIONAL_FAILURE;
use crate::manifest::{self, Before, Browser, ExtensionId, Removal, Scope};
use crate::sandbox;
use crate::text::{language, system_said, text};

const MISUSE: u8 = 2;

/// One invocation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Writes host manifests.
    Install(Target),
    /// Removes host manifests.
    Remove(Target),
    /// How to use this program.
    Help,
    /// Its version.
    Version,
    /// An argument that makes no sense.
    Misuse(String),
    /// What was given is no extension's id; none if nothing was given.
    NoExtensionId(Option<String>),
}

/// Which manifests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    browsers: Vec<Browser>,
    scope: Scope,
    /// Extensions beside ours.
    others: Vec<ExtensionId>,
}

impl Command {
    /// `None` when the arguments are a browser's.
    pub(crate) fn parse(arguments: &[OsString]) -> Option<Self> {
        let (first, rest) = arguments.split_first()?;
        let (build, installs): (fn(Target) -> Self, bool) = match first.to_str()? {
            "install" => (Self::Install, true),
            "remove" | "uninstall" => (Self::Remove, false),
            "--help" | "-h" => return Some(Self::Help),
            "--version" | "-V" => return Some(Self::Version),
            // A browser's first argument is an extension's address or the path of a manifest.
            word if !word.contains('/') => return Some(Self::Misuse(word.to_owned())),
            _ => return None,
        };
        if rest.iter().any(|word| word == "--help" || word == "-h") {
            return Some(Self::Help);
        }
        Some(Target::parse(rest, installs).map_or_else(|misuse| misuse, build))
    }
}

impl Target {
    /// The error says which argument makes no sense. Only who `installs` names extensions.
    fn parse(arguments: &[OsString], installs: bool) -> Result<Self, Command> {
        let lossy = |argument: &OsString| argument.to_string_lossy().into_owned();
        let misuse = |argument: &OsString| Command::Misuse(lossy(argument));
        let mut browsers = Vec::new();
        let mut scope = None;
        let mut others = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let chosen = match argument.to_str() {
                Some("--browser") => {
                    let name = rest.next().ok_or_else(|| misuse(argument))?;
                    browsers.push(
                        name.to_str()
                            .and_then(Browser::parse)
                            .ok_or_else(|| misuse(name))?,
                    );
                    continue;
                }
                Some("--extension-id") if installs => {
                    let id = rest.next().ok_or(Command::NoExtensionId(None))?;
                    let parsed = id.to_str().and_then(ExtensionId::parse);
                    others.push(parsed.ok_or_else(|| Command::NoExtensionId(Some(lossy(id))))?);
                    continue;
                }
                Some("--user") => Scope::User,
                Some("--system") => Scope::System,
                Some("--user-data-dir") => {
                    Scope::UserDataDir(PathBuf::from(rest.next().ok_or_else(|| misuse(argument))?))
                }
                _ => return Err(misuse(argument)),
            };
            if scope.replace(chosen).is_some() {
                return Err(misuse(argument));
            }
        }
        Self::complete(browsers, scope.unwrap_or(Scope::User), others).map_err(Command::Misuse)
    }

    /// A profile folder belongs to one browser of Chromium's kin; Firefox does not look for hosts in its profiles. This
    /// program does not find a profile's manifest again when another extension starts it.
    fn complete(mut browsers: Vec<Browser>, scope: Scope, others: Vec<ExtensionId>) -> Result<Self, String> {
        if matches!(scope, Scope::UserDataDir(_)) {
            if !others.is_empty() {
                return Err("--extension-id".into());
            }
            if browsers.contains(&Browser::Firefox) {
                return Err("--user-data-dir".into());
            }
            browsers.truncate(1);
            if browsers.is_empty() {
                browsers.push(Browser::Chromium);
            }
        } else if browsers.is_empty() {
            browsers.extend(Browser::ALL);
        }
        Ok(Self {
            browsers,
            scope,
            others,
        })
    }
}

/// Does what was asked and says so.
pub(crate) fn run(command: Command) -> ExitCode {
    match command {
        Command::Help => say(&text(language(), "usage", &[])),
        Command::Version => say(&format!("trien-extension-host {}", env!("CARGO_PKG_VERSION"))),
        Command::Misuse(argument) => {
            complain(&text(language(), "misuse", &[("argument", argument)]));
            ExitCode::from(MISUSE)
        }
        Command::NoExtensionId(given) => {
            complain(&match given {
                Some(value) => text(language(), "bad-extension-id", &[("value", value)]),
                None => text(language(), "extension-id-needed", &[]),
            });
            ExitCode::from(MISUSE)
        }
        Command::Install(target) => with_program(|program| {
            let mut written = Vec::new();
            let outcome = each(&target, |browsers, path| {
                let done = install(browsers, path, &target, program);
                if done == ExitCode::SUCCESS {
                    written.extend_from_slice(browsers);
                }
                done
            });
            tell_of_sandboxes(&target, &written);
            if outcome == ExitCode::SUCCESS {
                tell_of_extension(program);
            }
            outcome
        }),
        Command::Remove(target) => with_program(|program| {
            each(&target, |browsers, path| {
                remove(browsers, path, &target.scope, program)
            })
        }),
    }
}

/// Does it with the path of this program.
fn with_program(act: impl FnOnce(&Path) -> ExitCode) -> ExitCode {
    match std::env::current_exe() {
        Ok(program) => act(&program),
        Err(error) => fail("no-program", &[("reason", system_said(language(), &error))]),
    }
}

/// Browsers that run in a sandbox find these manifests by a portal or not at all; who has one is told which. Nothing is
/// said of a manifest that was not written.
fn tell_of_sandboxes(target: &Target, written: &[Browser]) {
    if matches!(target.scope, Scope::UserDataDir(_)) {
        return;
    }
    for found in sandbox::installed() {
        let reads = !found.asks_the_portal() || written.contains(&found.browser);
        if reads && target.browsers.contains(&found.browser) {
            let arguments = [
                ("browser", found.name.to_owned()),
                ("package", found.package.to_owned()),
            ];
            say(&text(language(), found.message(), &arguments));
        }
    }
}

/// The manifests are of no use before the extension is in the browser: where it lies, if it was installed beside us.
fn tell_of_extension(program: &Path) {
    let prefix = program.parent().and_then(Path::parent);
    let beside = prefix.map(|prefix| prefix.join("share/trien/webextension"));
    match beside.filter(|folder| folder.is_dir()) {
        Some(folder) => say(&text(
            language(),
            "extension-lies",
            &[("folder", folder.display().to_string())],
        )),
        None => say(&text(language(), "extension-needed", &[])),
    };
}

/// Goes on after a failure: one browser's folder may be locked while the others are not. Browsers that read the same file
/// are dealt with together.
fn each(target: &Target, mut act: impl FnMut(&[Browser], &Path) -> ExitCode) -> ExitCode {
    let mut files: Vec<(PathBuf, Vec<Browser>)> = Vec::new();
    for browser in &target.browsers {
        let Some(path) = manifest::path(*browser, &target.scope) else {
            return fail("no-home", &[]);
        };
        match files.iter_mut().find(|(known, _)| *known == path) {
            Some((_, browsers)) => browsers.push(*browser),
            None => files.push((path, vec![*browser])),
        }
    }
    let mut outcome = ExitCode::SUCCESS;
    for (path, browsers) in &files {
        let done = act(browsers, path);
        if done != ExitCode::SUCCESS {
            outcome = done;
        }
    }
    outcome
}

fn install(browsers: &[Browser], path: &Path, target: &Target, program: &Path) -> ExitCode {
    let shown = path.display().to_string();
    match manifest::install(browsers, path, &target.scope, program, &target.others) {
        Ok(before) => tell("installed", shown, before),
        Err(error) => fail(
            "cannot-write",
            &[("path", shown), ("reason", system_said(language(), &error))],
        ),
    }
}

fn remove(browsers: &[Browser], path: &Path, scope: &Scope, program: &Path) -> ExitCode {
    let shown = path.display().to_string();
    match manifest::remove(browsers, path, scope, program) {
        Ok(Removal::Gone(before)) => tell("removed", shown, before),
        Ok(Removal::Absent) => say(&text(language(), "absent", &[("path", shown)])),
        Ok(Removal::Kept(left)) => {
            let names: Vec<_> = left.iter().map(|browser| browser.name()).collect();
            let arguments = [("path", shown), ("browsers", names.join(", "))];
            say(&text(language(), "kept", &arguments))
        }
        Err(error) => fail(
            "cannot-remove",
            &[("path", shown), ("reason", system_said(language(), &error))],
        ),
    }
}

/// What was done, and whose manifest stood there if it was not ours.
fn tell(done: &str, path: String, before: Before) -> ExitCode {
    let said = say(&text(language(), done, &[("path", path)]));
    match before {
        Before::Nothing | Before::Ours => said,
        // Another's text must not act on the terminal.
        Before::Another(program) => {
            let program = program.escape_debug().to_string();
            say(&text(language(), "named-another", &[("program", program)]))
        }
        Before::Unusable => say(&text(language(), "was-unusable", &[])),
    }
}

fn say(line: &str) -> ExitCode {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(OPERATIONAL_FAILURE),
    }
}

fn complain(line: &str) {
    eprintln!("{line}");
}

fn fail(id: &str, arguments: &[(&'static str, String)]) -> ExitCode {
    complain(&text(language(), id, arguments));
    ExitCode::from(OPERATIONAL_FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Command> {
        Command::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn what_a_browser_passes_is_no_command() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("chrome-extension://abc/"), None);
        assert_eq!(parse("/home/x/vn.trien.host.json trien@trien.vn"), None);
    }

    #[test]
    fn nothing_named_means_every_browser_of_this_user() {
        let target = Target {
            browsers: Browser::ALL.to_vec(),
            scope: Scope::User,
            others: Vec::new(),
        };
        assert_eq!(parse("install"), Some(Command::Install(target)));
        let brave = Target {
            browsers: vec![Browser::Brave],
            scope: Scope::System,
            others: Vec::new(),
        };
        assert_eq!(
            parse("remove --browser brave --system"),
            Some(Command::Remove(brave))
        );
    }

    #[test]
    fn nonsense_is_named() {
        for (line, argument) in [
            ("install --browser opera", "opera"),
            ("install --browser", "--browser"),
            ("remove --user --system", "--system"),
            ("install --browser firefox --user-data-dir /x", "--user-data-dir"),
            (
                "remove --extension-id aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "--extension-id",
            ),
            (
                "install --user-data-dir /x --extension-id aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "--extension-id",
            ),
            ("install now", "now"),
            ("instal", "instal"),
            ("--instal", "--instal"),
        ] {
            assert_eq!(parse(line), Some(Command::Misuse(argument.into())), "{line}");
        }
        for (line, given) in [
            ("install --extension-id", None),
            ("install --extension-id *", Some("*")),
        ] {
            let given = given.map(str::to_owned);
            assert_eq!(parse(line), Some(Command::NoExtensionId(given)), "{line}");
        }
        assert_eq!(parse("install --help"), Some(Command::Help));
    }
}
