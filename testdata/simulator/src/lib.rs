//! `libtrien_simulator.so`: the software token, in a mood that a script says.
//!
//! It is a PKCS #11 module that loads the one beside it (`libtrien_pkcs11.so`), hands every call on, and steps in where
//! a rule of its script (TOML, named by the environment variable `TRIEN_SIMULATE`) wants it: a call hangs, crashes,
//! takes its time, lies. Tokens, keys and signatures are real. Without a script it is no module at all: its
//! `C_GetFunctionList` fails.
//!
//! It is what the tests have as the vendor's module that misbehaves, and what `trien daemon --simulate` has for people
//! who write portals. [`script`] says what may stand in a script.
//!
//! # Unsafe code
//!
//! This library is C functions by nature, and harm on purpose. Calls are handed on with the host's own arguments, so
//! what the standard asks of the host holds for the module behind; where a rule writes to the host's memory, it writes
//! no more than the host said there is room for.

#![allow(
    unsafe_code,
    reason = "a library of C functions that misbehaves on purpose; see above"
)]

pub mod script;

mod calls;
mod harm;
#[cfg(test)]
mod script_tests;

use std::path::PathBuf;
use std::sync::OnceLock;

use cryptoki_sys::{CK_C_GetFunctionList, CK_FUNCTION_LIST};
use script::Script;

/// The software token's library, beside this one.
const BEHIND: &str = "libtrien_pkcs11.so";

/// The module behind, its functions, and the script.
pub(crate) struct Simulation {
    pub(crate) script: Script,
    pub(crate) behind: CK_FUNCTION_LIST,
    /// Keeps the functions where they are.
    _library: libloading::Library,
}

/// The one of this process; none without a script that can be read.
pub(crate) fn simulation() -> Option<&'static Simulation> {
    static ONE: OnceLock<Option<Simulation>> = OnceLock::new();
    ONE.get_or_init(|| {
        let begun = begin();
        if let Err(why) = &begun {
            harm::say(&format!("the simulator cannot begin: {why}\n"));
        }
        begun.ok()
    })
    .as_ref()
}

fn begin() -> Result<Simulation, String> {
    let script = Script::of_environment()?;
    let behind = script
        .module
        .clone()
        .or_else(beside)
        .ok_or("its own place is not known")?;
    // SAFETY: the software token's constructors do nothing that matters here.
    let library = unsafe { libloading::Library::new(&behind) }.map_err(|error| error.to_string())?;
    // SAFETY: a symbol of that name has this type by the standard.
    let get = unsafe { library.get::<CK_C_GetFunctionList>(b"C_GetFunctionList\0") }
        .map_err(|error| error.to_string())?
        .ok_or("no C_GetFunctionList")?;
    let mut list = std::ptr::null_mut();
    // SAFETY: the function writes one pointer, to a list that stays where it is while the library is loaded.
    let functions = unsafe {
        get(&raw mut list);
        list.as_ref().copied()
    };
    Ok(Simulation {
        script,
        behind: functions.ok_or("no list of functions")?,
        _library: library,
    })
}

/// Where the loader put this library: in the list of what is mapped (proc(5)).
fn beside() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let own = maps
        .lines()
        .filter_map(|line| {
            line.split_once('/')
                .map(|(_, path)| PathBuf::from(format!("/{path}")))
        })
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().contains("trien_simulator"))
        })?;
    // A test may load it by a link: the software token is beside the file itself.
    own.canonicalize()
        .ok()?
        .parent()
        .map(|folder| folder.join(BEHIND))
}
