//! Help and misuse: one language, examples, exit codes.

use crate::support::{Desk, error_code, fail, succeed};

/// What a value in angle brackets may be called in every language: what is typed as it stands, and proper names.
const FORMS: &[&str] = &[
    "URL",
    "PNG",
    "HEX",
    "SHA256",
    "TOKEN",
    "1|2|3",
    "N|last",
    "X1,Y1,X2,Y2",
];

/// The verbs that a help lists.
fn verbs_in(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Lệnh:").skip(1);
    list.take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[test]
fn help_is_in_one_language() {
    let desk = Desk::bare();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(verb) = waiting.pop() {
        seen += 1;
        let help = |language| {
            succeed(
                desk.trien(verb.iter().map(String::as_str))
                    .args(["--help", "--lang", language]),
            )
        };
        let (vietnamese, english) = (help("vi"), help("en"));
        assert!(vietnamese.contains("Cách dùng: trien"), "{vietnamese}");
        assert!(
            vietnamese.contains("Tùy chọn:") && !vietnamese.contains("help-"),
            "{vietnamese}"
        );
        for left in [
            "Usage",
            "Options",
            "OPTIONS",
            "COMMAND",
            "Commands",
            "default:",
            "possible",
            "FILE",
            "DIR",
            "Print",
            "Arguments",
            "<IN>",
            "VERB",
            "TIME",
        ] {
            assert!(!vietnamese.contains(left), "{left} in {verb:?}: {vietnamese}");
        }
        for value in vietnamese
            .split('<')
            .skip(1)
            .filter_map(|rest| rest.split('>').next())
        {
            assert!(
                !value.is_ascii() || FORMS.contains(&value),
                "<{value}> in {verb:?}: {vietnamese}"
            );
        }
        assert!(!vietnamese.contains("alias"), "{vietnamese}");
        waiting.extend(
            verbs_in(&vietnamese)
                .into_iter()
                .map(|child| [verb.clone(), vec![child]].concat()),
        );
        assert!(
            english.contains("Usage: trien") && !english.contains("help-"),
            "{english}"
        );
        let strange = |c: char| "ăâđêôơư".contains(c);
        let only_name = english.replace("Triện", "").replace("Hà Nội", "");
        assert!(!only_name.contains(strange), "{english}");
    }
    assert!(seen > 30, "{seen} verbs were found");
}

#[test]
fn misuse_is_told_to_people_and_programs() {
    let desk = Desk::bare();
    for (words, key) in [
        (&["nope"][..], "misuse-unknown-verb"),
        (&["verify"], "misuse-missing-argument"),
        (&["cert"], "misuse-missing-verb"),
        (&["sign", "--nope"], "misuse-unknown-argument"),
        (
            &["sign", "x", "--out", "y", "--format", "z"],
            "misuse-invalid-value",
        ),
        (&["sign", "x", "--out"], "misuse-bad-value"),
        (&["sign", "x", "--out", "y", "--cert", ""], "sign-empty-selector"),
        (&["daemon", "--prompter", "nobody"], "daemon-bad-prompter"),
    ] {
        assert_eq!(
            error_code(&mut desk.trien(words.iter().copied()), 2),
            key,
            "{words:?}"
        );
        let told = fail(desk.trien(words.iter().copied()).args(["--lang", "vi"]), 2);
        assert!(!told.contains("misuse-") && !told.contains("error:"), "{told}");
    }
    let told = fail(
        &mut desk.trien(["daemon", "--prompter", "nobody", "--lang", "vi"]),
        2,
    );
    assert!(
        told.contains("\"nobody\" không phải là cách hỏi người dùng."),
        "{told}"
    );
}

#[test]
fn an_unknown_locale_is_answered_in_vietnamese() {
    let desk = Desk::bare();
    for locale in ["C", "C.UTF-8", "fr_FR.UTF-8", "vi_VN"] {
        let told = succeed(desk.trien(["origin", "list"]).env("LC_ALL", locale));
        assert_eq!(told, "Chưa trang nào có quyền.\n", "{locale}");
    }
}

#[test]
fn help_has_examples_and_a_mistake_names_the_help_of_its_verb() {
    let desk = Desk::bare();
    for language in ["vi", "en"] {
        let help = succeed(&mut desk.trien(["--help", "--lang", language]));
        let heading = if language == "vi" {
            "Ví dụ:"
        } else {
            "Examples:"
        };
        let (_, examples) = help.split_once(heading).unwrap();
        assert!(
            examples.starts_with("\n  trien ") && !examples.contains(heading),
            "{help}"
        );
    }
    for verb in [
        "sign", "verify", "augment", "token", "origin", "trust", "cert", "audit",
    ] {
        let help = succeed(&mut desk.trien([verb, "--help", "--lang", "vi"]));
        assert!(help.contains(&format!("\n\nVí dụ:\n  trien {verb} ")), "{help}");
        assert_eq!(help, succeed(&mut desk.trien(["help", verb, "--lang", "vi"])));
    }
    for verb in ["daemon", "doctor"] {
        let help = succeed(&mut desk.trien([verb, "--help", "--lang", "vi"]));
        let (_, examples) = help.split_once("\n\nVí dụ:\n").unwrap();
        assert!(examples.contains(&format!("  trien {verb}\n")), "{help}");
    }
    let told = fail(&mut desk.trien(["token", "init", "--nope"]), 2);
    assert!(told.contains("trien token init --help"), "{told}");
}

#[test]
fn a_list_has_no_empty_part_and_no_word_twice() {
    let desk = Desk::with_token();
    let trust = desk.home().join("config/trust");
    if trust.exists() {
        std::fs::remove_dir_all(trust).unwrap();
    }
    let listed = succeed(&mut desk.trien(["trust", "list", "--lang", "en"]));
    assert_eq!(listed, "No certificate is trusted here.\n");
    let listed = succeed(&mut desk.trien(["token", "list", "--lang", "en"]));
    assert!(
        listed.contains("chip Trien SoftToken") && !listed.contains("Trien Trien"),
        "{listed}"
    );
}
