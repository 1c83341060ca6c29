//! The library as a guest in somebody's process: what it shows, what it needs, and what it leaves for the process's end.
//! Binutils are the judge.

#![allow(clippy::unwrap_used)] // a test may fail
#![cfg(target_os = "linux")]

mod harness;

use std::path::Path;

fn said(program: &str, arguments: &[&str]) -> String {
    let module = harness::module();
    let arguments = [arguments, &[module.to_str().unwrap()]].concat();
    String::from_utf8(harness::run(Path::new("."), program, &arguments).stdout).unwrap()
}

/// Its own copies of a cryptographic library and a database are nobody else's: a host has its own of other versions.
#[test]
fn three_functions_are_shown() {
    let shown = said("nm", &["-D", "--defined-only", "--format=just-symbols"]);
    let mut shown: Vec<&str> = shown.lines().collect();
    shown.sort_unstable();
    assert_eq!(
        shown,
        ["C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList"]
    );
}

#[test]
fn nothing_but_the_c_library_is_needed() {
    let dynamic = said("readelf", &["-d", "-W"]);
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let names = needed.map(|line| line.split(['[', ']']).nth(1).unwrap());
    let others: Vec<&str> = names
        .filter(|name| {
            let of_the_system = [
                "libc.so.",
                "libm.so.",
                "libgcc_s.so.",
                "libpthread.so.",
                "libdl.so.",
                "ld-linux",
            ];
            !of_the_system.iter().any(|known| name.starts_with(known))
        })
        .collect();
    assert_eq!(others, [""; 0]);
}

/// A host may sign in destructors of its own, after a library that came later has run its.
#[test]
fn nothing_runs_when_the_process_ends() {
    assert!(!said("readelf", &["-d", "-W"]).contains("FINI_ARRAY"));
    let wanted = said("nm", &["-D", "--undefined-only", "--format=just-symbols"]);
    let registers =
        |name: &str| ["atexit", "on_exit", "__cxa_atexit"].contains(&name.split('@').next().unwrap());
    assert!(!wanted.lines().any(registers), "{wanted}");
    // A thread's own data has destructors, so the library stays where it is when the host unloads it.
    assert!(said("readelf", &["-d", "-W"]).contains("NODELETE"));
}
