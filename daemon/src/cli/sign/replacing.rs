//! A result that would replace a file: what was signed before cost a PIN, and may be nowhere else. Whoever sits at the
//! terminal is asked before the PIN is. A script has nobody who could answer, and says itself where it writes: there the
//! file is replaced, as the shell itself would do, and that is told.

use std::io::ErrorKind;
use std::path::Path;

use trien_protocol::call::Language;

use crate::cli::report::printable;
use crate::cli::{CliError, Shell, pin};
use crate::language::arguments;

/// So many names of files are told at the most.
const MAX_NAMED: usize = 5;

/// Whether these files may be replaced.
///
/// # Errors
/// No, if the person at the terminal does not want it.
pub(super) async fn agreed(files: &[&Path], at_terminal: bool, shell: &Shell) -> Result<(), CliError> {
    if files.is_empty() {
        return Ok(());
    }
    let names = files.iter().take(MAX_NAMED);
    let names = names.map(|file| printable(&file.display().to_string()));
    let rest = (files.len() > MAX_NAMED).then(|| "…".to_owned());
    let names = names.chain(rest).collect::<Vec<_>>().join("; ");
    let facts = arguments([("files", names)]);
    if at_terminal {
        match pin::line(shell.text("sign-replace", &facts) + " ").await {
            Ok(answer) if is_yes(&answer, shell.language) => return Ok(()),
            Ok(_) => return Err(CliError::refused("sign-not-replaced", facts)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                return Err(CliError::refused("sign-not-replaced", facts));
            }
            // Without a terminal there is nobody who could say it.
            Err(_) => {}
        }
    }
    shell.note("sign-replacing", &facts);
    Ok(())
}

/// The first letter of yes, in the person's language or in English; anything else is no.
fn is_yes(answer: &str, language: Language) -> bool {
    let answer = answer.trim().to_lowercase();
    match language {
        Language::Vi => ["c", "có", "y", "yes"].contains(&answer.as_str()),
        Language::En => ["y", "yes"].contains(&answer.as_str()),
    }
}
