//! Measures PKCS #11 modules beside one another and beside AWS-LC called directly; prints tables in Markdown.
//!
//! ```text
//! measure WHAT --label LABEL --pin PIN NAME=MODULE…
//! ```
//!
//! The first module is ours; ratios compare it with each of the others. Every module has a token with this label and
//! this PIN, and finds it by its own environment: `benches/peers.sh` sees to both, and is what `make bench-token` runs.
//!
//! | WHAT | measures |
//! |---|---|
//! | `signatures` | `C_SignInit` + `C_Sign`, `C_VerifyInit` + `C_Verify`: processor time |
//! | `threads` | two threads beside one |
//! | `bulk` | digests and AES-GCM, for information |
//! | `objects:COUNT` | making objects up to so many, finding one among them |
//! | `starts` | a new process up to its first RSA-2048 signature; the memory that it then holds |
//! | `sizes` | the module and the libraries that come with it |
//! | `syscalls` | what making one object asks of the system |
//!
//! `calls` has all the unsafe code; `turns` is how a busy machine is kept out of the figures.

#![forbid(unsafe_op_in_unsafe_fn)]

mod bulk;
mod calls;
mod contestants;
mod direct;
mod objects;
mod processes;
mod signatures;
mod table;
mod turns;

use std::process::ExitCode;

use calls::{Failed, Result};
use contestants::{Named, Token};

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            turns::tell(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(mut words: impl Iterator<Item = String>) -> Result<()> {
    let usage = || Failed::Because("usage: measure WHAT --label LABEL --pin PIN NAME=MODULE…".into());
    let what = words.next().ok_or_else(usage)?;
    let mut token = Token {
        label: String::new(),
        pin: String::new(),
    };
    let mut modules = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--label" => token.label = words.next().ok_or_else(usage)?,
            "--pin" => token.pin = words.next().ok_or_else(usage)?,
            module => modules.push(Named::parse(module)?),
        }
    }
    let first = modules.first().ok_or_else(usage)?;
    let (what, count) = what.split_once(':').unwrap_or((&what, "0"));
    let count: u32 = count.parse().map_err(|_| usage())?;
    match what {
        "signatures" => signatures::compare(&modules, &token),
        "threads" => signatures::threads(&modules, &token),
        "bulk" => bulk::compare(&modules, &token),
        "objects" => objects::compare(&modules, &token, count),
        "starts" => processes::starts(&modules, &token),
        "sizes" => processes::sizes(&modules, &token),
        "syscalls" => processes::system_calls(&modules, &token),
        "key-one" => processes::key_one(first, &token)?,
        "start-one" => processes::start_one(first, &token)?,
        "files-one" => processes::files_one(first, &token)?,
        "create-one" => objects::create_only(first, &token, count)?,
        _ => return Err(usage()),
    }
    Ok(())
}
