//! Counts, lengths, functions and signatures that are not what the module says they are.

use trien::tokens::InitializeError;

use crate::stage::{PIN, Stage, TOKENS, answer, name, pipe, rule, sign};

/// Beside the key that signs.
const OTHER_KEY: &str = "[[token.key]]\nlabel = \"other\"\nalgorithm = \"ec:p256\"\n";

#[tokio::test]
async fn n099_counts_of_slots_have_a_limit() {
    let stage = Stage::new();
    for (value, wanted) in [("0", "Removed"), ("1000000", "signed"), ("-1", "signed")] {
        let modules = stage.alone(&rule(
            "C_GetSlotList",
            &format!("do = \"length\"\nvalue = {value}"),
        ));
        assert_eq!(name(&sign(&modules).await), wanted, "{value}");
    }
    let growing = stage.alone(&answer("C_GetSlotList", "CKR_BUFFER_TOO_SMALL"));
    assert!(name(&sign(&growing).await).contains("never ends"));
    // Between the question and the answer, the readers become more than there is room for, once, or fewer.
    let lie = |which: &str, value: i64| rule("C_GetSlotList", &format!("do = \"{which}\"\nvalue = {value}"));
    let once = "from = 2\ntimes = 1\ndo = \"answer\"\nvalue = \"CKR_BUFFER_TOO_SMALL\"";
    for (rules, wanted) in [
        (rule("C_GetSlotList", once), "signed"),
        (lie("wanted-length", 5), "signed"),
        (lie("wanted-length", 0), "signed"),
        (lie("given-length", 0), "Removed"),
        (lie("given-length", 65), "signed"),
    ] {
        assert_eq!(name(&sign(&stage.alone(&rules)).await), wanted, "{rules}");
    }
}

#[tokio::test]
async fn n100_lengths_of_attributes_have_a_limit() {
    let stage = Stage::new();
    for value in ["-1", "2147483648", "9223372036854775807"] {
        let modules = stage.alone(&rule(
            "C_GetAttributeValue",
            &format!("do = \"length\"\nvalue = {value}"),
        ));
        // What has no length that makes sense is not there.
        assert_eq!(name(&sign(&modules).await), "NoSuchKey", "{value}");
    }
    // Another length than the one that was asked for a moment ago, and more than there is room for.
    for (which, value, wanted) in [
        ("wanted-length", 4096, "signed"),
        ("wanted-length", 1, "NoSuchKey"),
        ("wanted-length", 0, "NoSuchKey"),
        ("given-length", 0, "NoSuchKey"),
        ("given-length", 1, "NoSuchKey"),
        ("given-length", 200_000, "NoSuchKey"),
        ("given-length", -1, "NoSuchKey"),
        ("overrun", 256 << 20, "Crashed"),
    ] {
        let action = format!("do = \"{which}\"\nvalue = {value}");
        let modules = stage.alone(&rule("C_GetAttributeValue", &action));
        assert_eq!(name(&sign(&modules).await), wanted, "{which} {value}");
    }
}

/// So have those of mechanisms and of objects; what is more than was written is nothing.
#[tokio::test]
async fn n100_counts_of_mechanisms_and_objects_are_not_believed() {
    let stage = Stage::new();
    for (function, value, wanted) in [
        ("C_GetMechanismList", -1, "signed"),
        ("C_GetMechanismList", 1_000_000, "signed"),
        ("C_GetMechanismList", 0, "Unsupported"),
        ("C_FindObjects", -1, "signed"),
        ("C_FindObjects", 17, "signed"),
        ("C_FindObjects", 1_000_000, "signed"),
        ("C_FindObjects", 0, "NoSuchKey"),
    ] {
        let modules = stage.alone(&rule(function, &format!("do = \"length\"\nvalue = {value}")));
        let outcome = name(&sign(&modules).await);
        assert!(outcome.starts_with(wanted), "{function} {value}: {outcome}");
    }
    let growing = stage.alone(&answer("C_GetMechanismList", "CKR_BUFFER_TOO_SMALL"));
    assert!(name(&sign(&growing).await).contains("never ends"));
}

#[tokio::test]
async fn n102_functions_that_are_not_there_are_not_called() {
    let stage = Stage::new();
    let functions = [
        ("C_Initialize", "Load"),
        ("C_GetSlotList", "Unsupported"),
        ("C_GetTokenInfo", "Removed"),
        ("C_GetMechanismList", "Unsupported"),
        ("C_OpenSession", "Unsupported"),
        ("C_GetSessionInfo", "Unsupported"),
        ("C_FindObjectsInit", "Unsupported"),
        ("C_FindObjects", "Unsupported"),
        ("C_FindObjectsFinal", "Unsupported"),
        ("C_GetAttributeValue", "Unsupported"),
        ("C_Login", "Unsupported"),
        ("C_SignInit", "Unsupported"),
        ("C_Sign", "Unsupported"),
        // What is only called when the work is done, or for what the signature can do without.
        ("C_GetSlotInfo", "signed"),
        ("C_Logout", "signed"),
        ("C_CloseSession", "signed"),
        ("C_Finalize", "signed"),
    ];
    let mut others = Vec::new();
    for (function, wanted) in functions {
        let modules = stage.alone(&rule(function, "do = \"missing\""));
        let outcome = name(&sign(&modules).await);
        if !outcome.starts_with(wanted) {
            others.push((function, outcome));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

/// The other way to the functions, since version 3: what it hands out may be nothing, or less than its version says.
#[tokio::test]
async fn n102_an_interface_that_lies_costs_its_own_process() {
    let stage = Stage::new();
    let lie = |sort: &str| {
        rule(
            "C_GetInterface",
            &format!("do = \"interface\"\nvalue = \"{sort}\""),
        )
    };
    for (rules, wanted) in [
        (String::new(), "signed"),
        (lie("none"), "signed"),
        (lie("no-list"), "Load"),
        // It ends with the memory, where version 3.2 has further functions.
        (lie("short"), "Load"),
        (lie("empty"), "Load"),
        (answer("C_GetInterface", "CKR_FUNCTION_NOT_SUPPORTED"), "Load"),
        (answer("C_GetInterface", "CKR_ARGUMENTS_BAD"), "Load"),
    ] {
        let modules = stage.alone(&rules);
        let outcome = name(&sign(&modules).await);
        assert!(outcome.starts_with(wanted), "{rules}: {outcome}");
    }
}

#[tokio::test]
async fn n103_what_is_no_signature_does_not_leave() {
    let stage = Stage::new();
    for sort in ["zeros", "empty", "short", "long", "der", "random"] {
        let modules = stage.alone(&rule(
            "C_Sign",
            &format!("do = \"signature\"\nvalue = \"{sort}\""),
        ));
        let outcome = name(&sign(&modules).await);
        assert!(outcome.contains("signature"), "{sort}: {outcome}");
    }
    // One that would be good, were it the other key's: same curve, same length.
    let two = Stage::with(&[TOKENS, OTHER_KEY].concat());
    let another = two.alone(&rule("C_SignInit", "do = \"key\"\nvalue = \"other\""));
    assert!(name(&sign(&another).await).contains("bad signature"));
    let same = two.alone(&rule("C_SignInit", "do = \"key\"\nvalue = \"sign\""));
    assert_eq!(name(&sign(&same).await), "signed");
    let undefined = stage.alone(&rule("C_Sign", "do = \"answer\"\nvalue = 305419896"));
    assert_eq!(name(&sign(&undefined).await), "Answered { number: 305419896 }");
}

/// A slot that was software's when it was looked at, and is a card's when a token is to be made: `C_InitToken` would wipe the
/// card.
#[tokio::test]
async fn a_token_is_made_in_no_slot_that_is_in_hardware() {
    let stage = Stage::new();
    // The stage's token and the free slot are asked about once each.
    let hardware = rule("C_GetSlotInfo", "from = 3\ndo = \"flags\"\nset = 4");
    let modules = stage.alone(&(hardware + &rule("C_InitToken", "do = \"crash\"")));
    let line = || pipe(&format!("{PIN}\n"));
    let made = modules.initialize("new", line(), line()).await;
    assert!(matches!(made, Err(InitializeError::NoFreeSlot)), "{made:?}");
}
