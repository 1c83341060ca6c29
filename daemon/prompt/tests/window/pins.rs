//! What is typed, where it goes, and what cannot be approved.

use std::time::Duration;

use trien_protocol::call::Language;
use trien_protocol::prompt::{FromPrompt, Outcome, PinEntry, QuestionKind, ToPrompt, TriesLeft};

use super::desk::{self, Desk};
use super::{PIN, question, window_pin};

#[test]
fn approving_sends_the_pin_through_the_pipe_and_then_the_answer() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.type_text(PIN);
    asked.wait_until_armed();
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), format!("{PIN}\n"));
    asked.say(&ToPrompt::Progress { done: 1, total: 3 });
    asked.say(&ToPrompt::Finish(Outcome::Done));
    assert!(asked.end().success());
    assert_eq!(asked.typed(), "", "nothing but the PIN is ever in the pipe");
}

/// The token may work for minutes, and the window stays as long.
#[test]
fn n090_the_window_forgets_the_pin_that_it_has_given_on() {
    const LONG: &str = "840271936502";
    if !rustix::process::getuid().is_root() {
        return eprintln!("passed over: only root sees the window's memory");
    }
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.type_text(LONG);
    asked.wait_until_armed();
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), format!("{LONG}\n"));
    let forgotten = |asked: &desk::Asked<'_>, when: &str| {
        let wide = |text: &str| {
            text.chars()
                .flat_map(|letter| (letter as u32).to_le_bytes())
                .collect::<Vec<u8>>()
        };
        assert!(
            asked.remembers(b"dichvucong.hochiminhcity.gov.vn"),
            "what is looked for is found: {when}"
        );
        assert!(!asked.remembers(LONG.as_bytes()), "{when}");
        assert!(!asked.remembers(&wide(LONG)), "{when}");
    };
    asked.say(&ToPrompt::Progress { done: 1, total: 3 });
    asked.wait_until_armed();
    forgotten(&asked, "while the token works");
    asked.say(&ToPrompt::Paused { done: 1, total: 3 });
    asked.wait_until_armed();
    forgotten(&asked, "while the token is away");
}

#[test]
fn a_wrong_pin_can_be_typed_again() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.type_text("1111");
    asked.wait_until_armed();
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), "1111\n");
    asked.say(&ToPrompt::PinIncorrect {
        tries: TriesLeft::Unknown,
    });
    asked.wait_until_armed();
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    assert_eq!(asked.hear(), Some(FromPrompt::PinTyped));
    assert_eq!(asked.typed(), format!("{PIN}\n"), "the wrong one was cleared");
    asked.say(&ToPrompt::Finish(Outcome::Done));
    assert!(asked.end().success());
}

#[test]
fn n085_the_last_try_needs_a_second_confirmation() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Last)));
    asked.type_text(PIN);
    asked.wait_until_armed();
    asked.key("Return");
    assert!(!asked.says_within(Duration::from_millis(500)));
    assert_eq!(asked.typed(), "");
    // From the field to the box, tick it, and back.
    asked.key("Tab");
    asked.key("space");
    asked.key("shift+Tab");
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), format!("{PIN}\n"));
    asked.say(&ToPrompt::PinIncorrect {
        tries: TriesLeft::Last,
    });
    asked.wait_until_armed();
    asked.type_text(PIN);
    asked.key("Return");
    assert!(
        !asked.says_within(Duration::from_millis(500)),
        "the tick counts for one try"
    );
}

#[test]
fn n087_a_pin_that_can_be_none_stays_in_the_window() {
    let desk = Desk::with_assistive_technology();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    let too_short = "Mã PIN phải có ít nhất 4 ký tự. Chưa mất lần thử nào.";
    let too_long = "Mã PIN dài nhất là 16 ký tự. Chưa mất lần thử nào.";
    let control = "Mã PIN không được chứa ký tự điều khiển hay dấu xuống dòng. Chưa mất lần thử nào.";
    let long = "1".repeat(65);
    // No two of one kind in a row, so that what is told is told anew.
    for (wrong, pasted, told) in [
        ("", false, "Hãy nhập mã PIN."),
        ("123", false, too_short),
        ("123456789012345678", false, too_long),
        ("1234\n5678", true, control),
        (&long, true, too_long),
        ("1234\n", true, control),
        // What a clipboard has as text ends there.
        ("12\u{0}345", true, too_short),
        ("12\t34", true, control),
    ] {
        asked.key("ctrl+a");
        asked.key("BackSpace");
        if pasted {
            asked.paste(wrong);
        } else {
            asked.type_text(wrong);
        }
        // *Approve* is alive then: it is the PIN that does not go.
        asked.wait_until_armed();
        asked.key("Return");
        assert!(
            !asked.says_within(Duration::from_millis(400)),
            "{wrong:?} went out: {:?}",
            asked.hear()
        );
        asked.wait_until_told(told);
    }
    // What may have come by accident is asked about once more: it is the token's to say what a PIN is made of.
    for doubtful in [" 1234", "1234 ", "1234\u{111}", "1234\u{1F511}", " mat khau"] {
        asked.wait_until_armed();
        asked.key("ctrl+a");
        asked.type_text(doubtful);
        asked.key_twice("Return");
        assert!(
            !asked.says_within(Duration::from_millis(400)),
            "{doubtful:?} went out"
        );
    }
    assert_eq!(asked.typed(), "");
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), " mat khau\n", "space belongs to it");
}

#[test]
fn n085_n088_a_locked_token_cannot_be_approved_and_a_reader_takes_no_pin_here() {
    let desk = Desk::start();
    let mut locked = desk.ask(question(PinEntry::Locked));
    locked.wait_until_armed();
    locked.click_approve();
    locked.key("alt+k");
    assert!(!locked.says_within(Duration::from_millis(500)));
    locked.key("Escape");
    locked.assert_refused();
    assert!(locked.end().success());
    let mut reader = desk.ask(question(PinEntry::Reader {
        tries: TriesLeft::Unknown,
    }));
    reader.type_text(PIN);
    reader.wait_until_armed();
    reader.key_until_heard("alt+k");
    reader.assert_approved(0);
    assert_eq!(reader.typed(), "");
}

#[test]
fn n085_the_last_try_at_a_reader_is_told_in_the_window_and_needs_a_second_confirmation() {
    let desk = Desk::with_assistive_technology();
    let mut asked = desk.ask(question(PinEntry::Reader {
        tries: TriesLeft::Last,
    }));
    asked.wait_until_told("Còn 1 lần thử: đây là lần cuối cùng. Nếu sai lần này, thiết bị sẽ bị khóa.\nNhập mã PIN trên bàn phím của đầu đọc thẻ sau khi bạn đồng ý.");
    asked.wait_until_armed();
    asked.click_approve();
    asked.key("alt+k");
    assert!(!asked.says_within(Duration::from_millis(500)));
    asked.key("Escape");
    asked.assert_refused();
}

#[test]
fn a_worker_that_is_gone_ends_it_as_a_failure() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.close_pin_pipe();
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    asked.assert_refused();
    asked.key("Return");
    assert!(asked.end().success());
}

#[test]
fn a_pulled_token_can_be_put_back_or_given_up() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    asked.say(&ToPrompt::Progress { done: 1, total: 3 });
    asked.say(&ToPrompt::Paused { done: 1, total: 3 });
    asked.say(&ToPrompt::Resumed {
        tries: TriesLeft::Unknown,
    });
    // The field is empty and open again by then, however busy the machine is.
    asked.wait_until_armed();
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    assert_eq!(asked.hear(), Some(FromPrompt::PinTyped));
    assert_eq!(asked.typed(), format!("{PIN}\n{PIN}\n"));
    asked.say(&ToPrompt::Paused { done: 1, total: 3 });
    std::thread::sleep(Duration::from_millis(300));
    asked.key("Escape");
    asked.assert_refused();
}

#[test]
fn sharing_a_certificate_takes_no_pin() {
    let desk = Desk::start();
    let mut share = question(window_pin(TriesLeft::Last));
    share.kind = QuestionKind::ShareCertificate;
    share.documents.clear();
    share.signature = None;
    let mut asked = desk.ask(share);
    asked.type_text(PIN);
    asked.wait_until_armed();
    asked.key_until_heard("alt+x");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), "", "no PIN, whatever the token would ask for");
}

#[test]
fn what_is_typed_can_be_edited_like_any_text() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.type_text("1x356");
    for key in ["Home", "Right", "Delete"] {
        asked.key(key);
    }
    asked.type_text("2");
    for key in ["End", "BackSpace", "BackSpace"] {
        asked.key(key);
    }
    asked.type_text("45 ");
    for key in ["shift+Left", "shift+Left"] {
        asked.key(key);
    }
    asked.type_text("4\u{111}");
    asked.wait_until_armed();
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), "12344\u{111}\n");
}

#[test]
fn the_person_is_told_how_many_tries_are_left() {
    let desk = Desk::with_assistive_technology();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Count(3))));
    let says = |asked: &desk::Asked<'_>, words: &str| {
        let tree = asked.accessible();
        assert!(tree.all().iter().any(|node| node.name == words), "{tree:#?}");
    };
    says(&asked, "Còn 3 lần thử trước khi thiết bị bị khóa.");
    asked.type_text("1111");
    asked.wait_until_armed();
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    let tries = TriesLeft::Count(2);
    asked.say(&ToPrompt::PinIncorrect { tries });
    asked.wait_until_armed();
    says(&asked, "Còn 2 lần thử trước khi thiết bị bị khóa.");
}

/// It was kept back, for others had spent tries meanwhile; who typed the right one would type another.
#[test]
fn n086_a_pin_that_was_not_tried_is_not_called_wrong() {
    let desk = Desk::with_assistive_technology();
    for (language, told, wrong, last) in [
        (
            Language::Vi,
            "Mã PIN chưa được thử: trong lúc đó, chương trình khác đã làm mất lượt thử. Hãy nhập lại.",
            "không đúng",
            "Còn 1 lần thử: đây là lần cuối cùng. Nếu sai lần này, thiết bị sẽ bị khóa.",
        ),
        (
            Language::En,
            "The PIN has not been tried: another program has used up tries in the meantime. Type it again.",
            "is wrong. Type",
            "1 try left: this is the last one. If the PIN is wrong, the token locks.",
        ),
    ] {
        let mut question = question(window_pin(TriesLeft::Count(3)));
        question.language = language;
        let mut asked = desk.ask(question);
        asked.type_text(PIN);
        asked.wait_until_armed();
        asked.key_until_heard("Return");
        asked.assert_approved(0);
        assert_eq!(asked.typed(), format!("{PIN}\n"));
        let tries = TriesLeft::Last;
        asked.say(&ToPrompt::PinNotTried { tries });
        asked.wait_until_armed();
        let tree = asked.accessible();
        let all = tree.all();
        for words in [told, last] {
            assert!(all.iter().any(|node| node.name == words), "{tree:#?}");
        }
        assert!(!all.iter().any(|node| node.name.contains(wrong)), "{tree:#?}");
        // The last try needs its tick.
        asked.type_text(PIN);
        asked.key("Return");
        assert!(!asked.says_within(Duration::from_millis(500)));
        asked.say(&ToPrompt::Finish(Outcome::Withdrawn));
        assert!(asked.end().success());
    }
}
