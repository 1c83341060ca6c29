//! OpenSC's `pkcs11-tool` with the library under test.

use std::path::Path;

use super::{PIN, module, run};

/// What it says on its standard output.
#[track_caller]
pub(crate) fn tool(home: &Path, arguments: &[&str]) -> String {
    let module = module();
    let output = run(
        home,
        "pkcs11-tool",
        &[&["--module", module.to_str().unwrap()], arguments].concat(),
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The same, logged in.
#[track_caller]
pub(crate) fn user(home: &Path, arguments: &[&str]) -> String {
    tool(home, &[&["--login", "--pin", PIN], arguments].concat())
}
