//! Which other programs use cards now. PC/SC does not say who holds a card; the system says which programs of this
//! user have the client library loaded.

use std::path::Path;

use crate::tokens::TokenError;

/// The client library, as it stands among a process's mappings.
const LIBRARY: &str = "/libpcsclite.so";

/// Programs that are named.
const MAX_NAMED: usize = 4;

/// That another program holds the card, with the names of those that may.
pub(super) fn held() -> TokenError {
    let ours = family();
    let programs = processes()
        .filter(|process| !ours.contains(process) && uses_cards(*process))
        .filter_map(name)
        .take(MAX_NAMED)
        .collect();
    TokenError::Held { programs }
}

fn processes() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn uses_cards(process: u32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"));
    maps.is_ok_and(|maps| maps.contains(LIBRARY))
}

/// `gpg-agent (1234)`
fn name(process: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    let name: String = name
        .trim()
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    // pcscd itself holds nothing for itself.
    (name != "pcscd").then(|| format!("{name} ({process})"))
}

/// This process, the daemon above it, and what runs the same program: other readers' processes.
fn family() -> Vec<u32> {
    let program = |process: &Path| std::fs::read_link(process.join("exe")).ok();
    let ours = program(Path::new("/proc/self"));
    processes()
        .filter(|process| {
            *process == std::process::id()
                || ours.is_some() && program(Path::new(&format!("/proc/{process}"))) == ours
        })
        .collect()
}
