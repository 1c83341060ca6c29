//! What may stand in a script, and what is refused.

use crate::calls::HANDED_ON;
use crate::script::{INTERFACE, LIST, Script};

#[test]
fn rules_apply_from_a_call_on_and_for_so_many() {
    let script = Script::parse(
        "[[rule]]\nfunction = \"C_Sign\"\nfrom = 2\ntimes = 2\ndo = \"answer\"\nvalue = \"CKR_DEVICE_ERROR\"\n",
    )
    .expect("a script");
    let applied: Vec<_> = (0..5).map(|_| script.of_call("C_Sign").len()).collect();
    assert_eq!(applied, [0, 1, 1, 0, 0]);
    assert_eq!(script.rule[0].answer(), Some(0x30));
    assert!(script.of_call("C_Login").is_empty());
}

#[test]
fn a_rule_may_be_about_every_function_of_the_list() {
    // CK_FUNCTION_LIST is a version, as wide as a pointer by its alignment, and pointers.
    let all: Vec<_> = HANDED_ON.iter().chain([&LIST]).collect();
    assert_eq!(
        (all.len() + 1) * size_of::<usize>(),
        size_of::<cryptoki_sys::CK_FUNCTION_LIST>()
    );
    for function in all.into_iter().chain([&INTERFACE]) {
        let text = format!("[[rule]]\nfunction = \"{function}\"\ndo = \"hang\"\n");
        assert!(Script::parse(&text).is_ok(), "{function}");
    }
}

#[test]
fn a_script_that_makes_no_sense_is_refused_in_words() {
    for (text, told) in [
        ("[[rule]]\nfunction = \"C_Sign\"\ndo = \"dance\"\n", "dance"),
        (
            "[[rule]]\nfunction = \"C_Sign\"\ndo = \"delay\"\n",
            "line 1: C_Sign: Delay",
        ),
        ("[[rule]]\nfunction = \"C_Sign\"\ndo = \"answer\"\n", "Answer"),
        (
            "[[rule]]\nfunction = \"C_Sign\"\ndo = \"answer\"\nvalue = \"CKR_NONE\"\n",
            "Answer",
        ),
        (
            "[[rule]]\nfunction = \"C_Sign\"\ndo = \"hang\"\nwhen = 1\n",
            "when",
        ),
        ("[[rule]]\nfunction = \"C_Sing\"\ndo = \"hang\"\n", "C_Sing"),
        ("[[rule]]\nfunction = \"C_Login\"\ndo = \"reach\"\n", "Reach"),
        ("[[rule]]\nfunction = \"load\"\ndo = \"missing\"\n", "Missing"),
        (
            "[[rule]]\nfunction = \"C_GetTokenInfo\"\ndo = \"octets\"\nvalue = \"fx\"\n",
            "Octets",
        ),
    ] {
        let error = Script::parse(text).expect_err(text).to_string();
        assert!(error.contains(told), "{error}");
    }
}
