//! `trien daemon --simulate SCRIPT`: the daemon with tokens out of a script, which behave as the script says.
//!
//! The tokens are real software tokens, made in a folder that goes when the daemon goes; in front of them stands the
//! simulator's module, which ships with the program and steps in by the script's rules.

use std::path::Path;

use crate::cli::token::spec;
use crate::cli::{CliError, Shell};
use crate::config::{ModuleConfig, beside};
use crate::language::arguments;
use crate::places::Places;

/// The simulator's library, beside the software token's.
const LIBRARY: &str = "libtrien_simulator.so";

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
certificate = { subject = "C=VN,O=Triện,CN=Người Ký Mô Phỏng,UID=MST:0100109106" }
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
    let text = std::fs::read_to_string(&script).map_err(unreadable)?;
    let misread = |reason: String| {
        let facts = [("file", script.display().to_string()), ("reason", reason)];
        CliError::misuse("daemon-bad-script", arguments(facts))
    };
    let table: toml::Table = toml::from_str(&text).map_err(|error| misread(error.to_string()))?;
    if let Some(unknown) = table
        .keys()
        .find(|key| !["token", "rule", "module"].contains(&key.as_str()))
    {
        return Err(misread(format!("{unknown}?")));
    }
    check_functions(&table).map_err(misread)?;
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
    let mut module = ModuleConfig::new("simulator", library);
    module.folders.push(home.path().to_owned());
    // Outside of what every module may read.
    module.folders.extend(script.parent().map(Path::to_owned));
    module.variables = vec![
        ("TRIEN_SIMULATE".to_owned(), script.into_os_string()),
        ("TRIEN_HOME".to_owned(), home.path().as_os_str().to_owned()),
    ];
    Ok(Simulation { module, _home: home })
}

/// A rule about a function that there is none of would be passed over in silence by whoever waits for it to apply.
fn check_functions(script: &toml::Table) -> Result<(), String> {
    let rules = script.get("rule").and_then(toml::Value::as_array);
    for rule in rules.into_iter().flatten() {
        let function = rule.get("function").and_then(toml::Value::as_str);
        let function = function.ok_or("a rule without a function")?;
        if function != "load" && !FUNCTIONS.lines().any(|known| known == function) {
            return Err(format!("{function}: no function of PKCS #11"));
        }
    }
    Ok(())
}
