//! `trien daemon --simulate SCRIPT`: the daemon with tokens out of a script, which behave as the script says.
//!
//! The tokens are real software tokens, made in a folder that goes when the daemon goes; in front of them stands the
//! simulator's module, which ships with the program and steps in by the script's rules.

use std::path::Path;

use zeroize::Zeroizing;

use self::script::{Place, RuleFault, Script, Wrong};
use crate::cli::token::spec;
use crate::cli::{CliError, Shell};
use crate::config::{ModuleConfig, beside};
use crate::language::{arguments, in_secret_toml, line_of};
use crate::places::Places;

/// The simulator's library, beside the software token's.
const LIBRARY: &str = "libtrien_simulator.so";

/// What its module is called.
const NAME: &str = "simulator";

/// What a rule may be about, one a line (PKCS #11 3.1, 5.1), besides that the library is loaded.
const FUNCTIONS: &str = include_str!("functions.txt");

/// The token of a script that names none.
const USUAL_TOKEN: &str = r#"
[[token]]
label = "Mô phỏng"
pin = "12345678"
[[token.key]]
label = "sign"
algorithm = "rsa:2048"
certificate = { subject = "C=VN,O=Triện,CN=Người Ký Mô Phỏng,UID=MST:0100109106", sign_in = true }
"#;

/// Tokens that are ready, and the module that shows them.
pub(super) struct Simulation {
    pub(super) module: ModuleConfig,
    /// Gone when it is dropped.
    _home: tempfile::TempDir,
}

/// Makes the tokens of a script.
pub(super) async fn prepare(script: &Path, shell: &Shell) -> Result<Simulation, CliError> {
    let unreadable = |error: std::io::Error| CliError::file("cli-unreadable", script, &error);
    let script = script.canonicalize().map_err(unreadable)?;
    // Its tokens' PINs may stand in it.
    let text = Zeroizing::new(std::fs::read_to_string(&script).map_err(unreadable)?);
    let misread = |reason: String| {
        let facts = [("file", script.display().to_string()), ("reason", reason)];
        CliError::misuse("daemon-bad-script", arguments(facts))
    };
    Script::parse(&text).map_err(|wrong| misread(said(&wrong, &text, shell)))?;
    let table: toml::Table =
        toml::from_str(&text).map_err(|error| misread(said(&Wrong::Toml(error), &text, shell)))?;
    if let Some(token) = token_without_pin(&table) {
        return Err(misread(
            shell.text("daemon-script-no-pin", &arguments([("token", token)])),
        ));
    }
    let library = beside(LIBRARY).ok_or_else(|| CliError::failed("daemon-no-simulator", arguments([])))?;
    let home = tempfile::Builder::new()
        .prefix("trien-simulation-")
        .tempdir()
        .map_err(|error| CliError::io("cli-unwritable-folder", &error))?;
    let tokens = if table.contains_key("token") {
        script.clone()
    } else {
        let usual = home.path().join("tokens.toml");
        std::fs::write(&usual, USUAL_TOKEN)
            .map_err(|error| CliError::file("cli-unwritable", &usual, &error))?;
        usual
    };
    spec::make(&tokens, &Places::under(home.path()), shell).await?;
    let mut module = ModuleConfig::new(NAME, library);
    // What a script did to another daemon is nothing that this one's module has done, and nobody else could switch it on.
    if let Err(error) = crate::tokens::switch_on(&shell.places.switches_folder(), NAME) {
        tracing::warn!(%error, "the simulator may be switched off");
    }
    module.folders.push(home.path().to_owned());
    // Outside of what every module may read.
    module.folders.extend(script.parent().map(Path::to_owned));
    module.variables = vec![
        ("TRIEN_SIMULATE".to_owned(), script.into_os_string()),
        ("TRIEN_HOME".to_owned(), home.path().as_os_str().to_owned()),
    ];
    Ok(Simulation { module, _home: home })
}

/// What is wrong with a script, in the person's language, without any value that may be a PIN.
fn said(wrong: &Wrong, text: &str, shell: &Shell) -> String {
    let in_line = |line: usize| shell.text("daemon-script-at-line", &arguments([("line", line.to_string())]));
    match wrong {
        Wrong::Toml(error) => {
            let fault = in_secret_toml(text, error, shell.language);
            match line_of(text, error) {
                Some(line) => format!("{}: {fault}", in_line(line)),
                None => fault,
            }
        }
        Wrong::Rule {
            place,
            function,
            fault,
            ..
        } => {
            let place = match place {
                Place::Line(line) => in_line(*line),
                Place::Rule(number) => {
                    let number = arguments([("number", number.to_string())]);
                    shell.text("daemon-script-at-rule", &number)
                }
            };
            let key = match fault {
                RuleFault::NoFunction => "daemon-script-no-function",
                RuleFault::DoesNotFit => "daemon-script-does-not-fit",
                RuleFault::Value => "daemon-script-value",
            };
            shell.text(
                key,
                &arguments([("place", place), ("function", function.clone())]),
            )
        }
    }
}

/// The label of the first token that says nothing of its PIN; its place among them, if it has no label either.
fn token_without_pin(script: &toml::Table) -> Option<String> {
    let tokens = script.get("token").and_then(toml::Value::as_array)?;
    let without = |token: &toml::Value| {
        ["pin", "pin_file", "pin_env"]
            .iter()
            .all(|name| token.get(name).is_none())
    };
    let place = tokens.iter().position(without)?;
    let label = tokens[place].get("label").and_then(toml::Value::as_str);
    Some(label.map_or_else(|| (place + 1).to_string(), |label| format!("{label:?}")))
}

/// What the simulator makes of a script, from its own source: here it is only read, so that the daemon does not start
/// with one that the module, in its process, would refuse.
#[path = "../../../../testdata/simulator/src/script.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "what a script does is the module's, where these are public"
)]
mod script;

/// What [`script`] asks of the simulator.
mod calls {
    use super::script::{INTERFACE, LIST};

    /// True for a function whose calls the simulator hands on.
    pub(super) fn is_handed_on(name: &str) -> bool {
        ![LIST, INTERFACE].contains(&name) && super::FUNCTIONS.lines().any(|known| known == name)
    }
}
