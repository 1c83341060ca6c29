//! Which other programs use cards now. PC/SC does not say who holds a card; the system says which programs of this
//! user have the client library loaded.

use std::path::Path;

/// The client library, as it stands among a process's mappings.
const LIBRARY: &str = "/libpcsclite.so";

/// Programs that are named.
const MAX_NAMED: usize = 4;

/// Which service a program of this library speaks to, if not the usual one.
const SERVICE: &str = "PCSCLITE_CSOCK_NAME=";

/// The names of those that may hold a card that another program than this holds. The daemon looks for them: a card's
/// process, which runs `program`, is closed in and sees no other.
pub(in crate::tokens) fn named(program: &Path) -> Vec<String> {
    let ours = family(program);
    let service = service_of(std::process::id());
    processes()
        .filter(|process| !ours.contains(process) && uses_cards(*process))
        .filter(|process| service_of(*process) == service)
        .filter_map(name)
        .take(MAX_NAMED)
        .collect()
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

/// The value of [`SERVICE`] that a process was started with.
fn service_of(process: u32) -> Option<Vec<u8>> {
    let environment = std::fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(SERVICE.as_bytes()))?;
    Some(value.to_vec())
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

/// This process, and what runs the same program or `program`: readers' and modules' processes.
fn family(program: &Path) -> Vec<u32> {
    let runs = |process: &Path| std::fs::read_link(process.join("exe")).ok();
    let ours = [runs(Path::new("/proc/self")), program.canonicalize().ok()];
    processes()
        .filter(|process| {
            let run = runs(Path::new(&format!("/proc/{process}")));
            *process == std::process::id() || run.is_some() && ours.contains(&run)
        })
        .collect()
}
