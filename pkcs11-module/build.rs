//! Link arguments of the shared library.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=no-exit-handlers.ld");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // Threads that used the library run its thread-local destructors when they end, which may be after the
        // host's dlclose; a library that stays mapped cannot be jumped into after it is gone.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        let folder = env::var("CARGO_MANIFEST_DIR").expect("Cargo sets it");
        let script = Path::new(&folder).join("no-exit-handlers.ld");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-T,{}", script.display());
        // The one exported name is not in this table; the others are a tenth of what a host would load.
        if env::var("PROFILE").as_deref() == Ok("release") {
            println!("cargo:rustc-cdylib-link-arg=-Wl,--strip-all");
        }
    }
}
