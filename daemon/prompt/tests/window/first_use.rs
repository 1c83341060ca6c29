//! A page that nobody has decided about: what it is let in for, and for how long.

use std::time::Duration;

use trien_protocol::call::Language;
use trien_protocol::prompt::{
    Answer, FromPrompt, Outcome, Permission, PinEntry, Question, QuestionKind, ToPrompt,
};

use super::desk::Desk;
use super::{PIN, question};

/// A page that nobody has decided about.
pub(crate) fn first_use() -> Question {
    let mut question = question(PinEntry::NotNeeded);
    question.kind = QuestionKind::AllowOrigin;
    question.documents.clear();
    question.certificates.clear();
    question.signature = None;
    question.permissions = vec![
        Permission::Certificates,
        Permission::SignIn,
        Permission::Sign,
        Permission::Batch,
        Permission::Verify,
    ];
    question
}

/// The same, from a daemon that lets pages ask for signatures on digests as well.
pub(crate) fn first_use_blind() -> Question {
    let mut question = first_use();
    question.permissions.push(Permission::BlindDigest);
    question
}

#[test]
fn who_was_allowed_before_is_told_from_who_was_not() {
    let desk = Desk::with_assistive_technology();
    for (language, known_before, asks, explained) in [
        (
            Language::Vi,
            false,
            "Trang này hiện chưa được bạn cho phép. Bạn có cho phép nó đề nghị bạn ký không?",
            "chỉ việc kiểm tra chữ ký là không hỏi",
        ),
        (
            Language::Vi,
            true,
            "Bạn từng cho phép trang này, nay đã hết thời hạn. Bạn có cho phép nó tiếp tục đề nghị bạn ký không?",
            "chỉ việc kiểm tra chữ ký là không hỏi",
        ),
        (
            Language::En,
            false,
            "You have not allowed this site. May it ask you for signatures?",
            "only to have signatures checked it need not ask",
        ),
        (
            Language::En,
            true,
            "You allowed this site before, and the time for that is over. May it go on asking you for signatures?",
            "only to have signatures checked it need not ask",
        ),
    ] {
        let mut question = first_use();
        (question.language, question.known_before) = (language, known_before);
        let asked = desk.ask(question);
        let tree = asked.accessible();
        let window = tree.all().into_iter().find(|node| node.role == "dialog");
        let title = &window.expect("a dialog").name;
        assert!(title.starts_with(&format!("{asks} – ")), "{title}");
        let labels = || tree.all().into_iter().filter(|node| node.role == "label");
        assert!(labels().any(|node| node.name == asks), "{tree:#?}");
        assert!(labels().any(|node| node.name.contains(explained)), "{tree:#?}");
    }
}

#[test]
fn n040_to_sign_what_nobody_sees_is_offered_unticked() {
    let desk = Desk::with_assistive_technology();
    let blind = first_use_blind();
    let mut asked = desk.ask(blind.clone());
    let ticked: Vec<bool> = {
        let tree = asked.accessible();
        let boxes = tree.all().into_iter().filter(|node| node.role == "check box");
        boxes.map(|node| node.is("CHECKED")).collect()
    };
    assert_eq!(ticked, [true, true, true, true, true, false]);
    asked.wait_until_armed();
    asked.key_until_heard("alt+p");
    let (permissions, days) = (first_use().permissions, 30);
    assert_eq!(
        asked.hear(),
        Some(FromPrompt::Answer(Answer::Granted { permissions, days }))
    );
    drop(asked);
    // Only who ticks it allows it.
    let mut asked = desk.ask(blind.clone());
    let mut steps = 0;
    while asked.focused().as_deref() != Some("check box") {
        // Backwards from *refuse*, to the last of the boxes.
        asked.key("shift+Tab");
        steps += 1;
        assert!(steps < 20, "{:#?}", asked.accessible());
    }
    asked.key("space");
    asked.wait_until_armed();
    asked.key_until_heard("alt+p");
    let permissions = blind.permissions;
    assert_eq!(
        asked.hear(),
        Some(FromPrompt::Answer(Answer::Granted { permissions, days }))
    );
}

#[test]
fn a_page_is_let_in_for_what_is_ticked_and_so_long() {
    let desk = Desk::start();
    let mut asked = desk.ask(first_use());
    asked.type_text(PIN);
    asked.wait_until_armed();
    asked.key_until_heard("alt+p");
    let Some(FromPrompt::Answer(Answer::Granted { permissions, days })) = asked.hear() else {
        panic!("no permission")
    };
    assert_eq!((permissions.len(), days), (5, 30));
    assert_eq!(asked.typed(), "");
    asked.say(&ToPrompt::Finish(Outcome::Done));
    assert!(asked.end().success());
    let mut refused = desk.ask(first_use());
    refused.key("Escape");
    refused.assert_refused();
}

#[test]
fn what_is_not_ticked_is_not_permitted_and_the_term_is_the_chosen_one() {
    let desk = Desk::with_assistive_technology();
    let question = first_use();
    let mut asked = desk.ask(question.clone());
    let mut steps = 0;
    while asked.focused().as_deref() != Some("check box") {
        // Backwards from *refuse*, to the last of the boxes.
        asked.key("shift+Tab");
        steps += 1;
        assert!(steps < 20, "{:#?}", asked.accessible());
    }
    asked.key("space");
    asked.key("alt+h");
    std::thread::sleep(Duration::from_millis(400));
    asked.key("End");
    asked.key("Return");
    asked.wait_until_armed();
    asked.key_until_heard("alt+p");
    let (permissions, days) = (question.permissions[..4].to_vec(), 365);
    assert_eq!(
        asked.hear(),
        Some(FromPrompt::Answer(Answer::Granted { permissions, days }))
    );
}
