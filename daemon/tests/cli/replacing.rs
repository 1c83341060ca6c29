//! A result where a file is already.

use crate::support::{PIN, TOKEN, fail};
use crate::{at_terminal, desk_with_key, sign};

/// What was signed before cost a PIN, and may be nowhere else.
#[test]
fn a_result_that_is_there_is_replaced_by_who_says_so() {
    let desk = desk_with_key();
    let (out, before) = (desk.path("đơn.p7m"), "what was there");
    let write = || std::fs::write(&out, before).unwrap();
    let read = || std::fs::read(&out).unwrap();
    let (right, asked) = (format!("{PIN}\r"), format!("PIN of \"{TOKEN}\": "));
    let is_replaced = || read() != before.as_bytes();
    write();
    for answer in ["\r", "n\r", "\u{3}"] {
        let (exit, told) = at_terminal(&sign(&desk), &[("Replace it? [y/N]", answer)]);
        assert_eq!(exit, 1, "{told}");
        assert!(told.contains("--force") && !told.contains(&asked), "{told}");
        assert!(!is_replaced(), "{answer:?}");
    }
    let answers = [("Replace it? [y/N]", "y\r"), (asked.as_str(), right.as_str())];
    let (exit, told) = at_terminal(&sign(&desk), &answers);
    assert!(exit == 0 && is_replaced(), "{told}");
    write();
    let vietnamese = [("Ghi đè? [c/K]", "có\r"), ("Mã PIN của", right.as_str())];
    let (exit, told) = at_terminal(sign(&desk).args(["--lang", "vi"]), &vietnamese);
    assert!(exit == 0 && is_replaced(), "{told}");
    write();
    let (exit, told) = at_terminal(sign(&desk).arg("--force"), &[(asked.as_str(), right.as_str())]);
    assert!(exit == 0 && is_replaced() && !told.contains("Replace"), "{told}");

    // A script says where it writes; that a file was replaced is told, and a program's answer is as ever.
    write();
    let output = sign(&desk).args(desk.pin()).output().unwrap();
    assert!(output.status.success() && is_replaced(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("Will be replaced: ") && told.contains("đơn.p7m"),
        "{told}"
    );
    write();
    let output = sign(&desk).args(desk.pin()).arg("--json").output().unwrap();
    assert!(
        output.status.success() && is_replaced() && output.stderr.is_empty(),
        "{output:?}"
    );
    // What does not come to a signature replaces nothing.
    write();
    std::fs::write(desk.path("wrong"), "99999999\n").unwrap();
    fail(sign(&desk).arg("--pin-file").arg(desk.path("wrong")), 1);
    assert!(!is_replaced());
}
