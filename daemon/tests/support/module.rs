//! Which software token the programs under test load.

use std::path::{Path, PathBuf};

/// The module beside the program. Cargo puts it there when it builds; a test run by itself renews only the copy among
/// its dependencies, and the program would go on loading an old module: better a failure that names the remedy.
#[track_caller]
pub(crate) fn software_token() -> PathBuf {
    beside("libtrien_pkcs11.so")
}

/// The simulator's module, beside the program as well.
#[track_caller]
#[allow(dead_code, reason = "not every test has use for it")]
pub(crate) fn simulator() -> PathBuf {
    beside("libtrien_simulator.so")
}

#[track_caller]
fn beside(library: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_trien")).with_file_name(library);
    let modified = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let renewed = modified(&beside.with_file_name("deps").join(library));
    assert!(
        modified(&beside).is_some_and(|present| renewed <= Some(present)),
        "{} is missing or old: run cargo build --workspace --all-targets",
        beside.display()
    );
    beside
}
