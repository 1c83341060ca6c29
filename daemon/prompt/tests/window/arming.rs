//! When *approve* is dead: after whatever has just come to the eye, and for keys that were not meant for it.

use std::time::{Duration, Instant};

use trien_protocol::prompt::{Answer, FromPrompt, PinEntry, Question, ToPrompt, TriesLeft};

use super::desk::{self, Desk};
use super::first_use::first_use;
use super::{PIN, certificate, document, question, window_pin};

#[test]
fn n080_a_click_before_it_is_armed_does_nothing() {
    let desk = Desk::start();
    let early = || {
        let asked = desk.ask(question(PinEntry::NotNeeded));
        asked.click_approve();
        asked.is_fresh().then_some(asked)
    };
    let mut asked = desk::in_time(early);
    asked.assert_says_nothing("approved by a click that came too early");
    asked.click_approve();
    asked.assert_approved(0);
    assert_eq!(asked.typed(), "");
}

#[test]
fn n080_a_window_of_another_size_or_scrolled_is_armed_anew() {
    let desk = Desk::start();
    let mut many = question(PinEntry::NotNeeded);
    many.documents = (0..40)
        .map(|n| document(&format!("{n}.pdf"), 90_000 + n))
        .collect();
    let early = |change: &dyn Fn(&desk::Asked<'_>)| {
        let once = || {
            let asked = desk.ask(many.clone());
            asked.wait_until_armed();
            let began = Instant::now();
            change(&asked);
            std::thread::sleep(Duration::from_millis(150));
            asked.key("alt+k");
            (began.elapsed() < Duration::from_millis(700)).then_some(asked)
        };
        let mut asked = desk::in_time(once);
        asked.assert_says_nothing("approved what had just moved");
        asked.key_until_heard("alt+k");
        asked.assert_approved(0);
    };
    early(&|asked| asked.make_higher_by(-40));
    // The list of documents is below who asks.
    early(&|asked| asked.scroll_at(200, 330));
}

#[test]
fn n080_a_window_that_comes_to_the_front_again_is_armed_anew() {
    let desk = Desk::start();
    let early = || {
        let mut asked = desk.ask(question(PinEntry::NotNeeded));
        asked.wait_until_armed();
        asked.look_away_and_back();
        std::thread::sleep(Duration::from_millis(150));
        asked.key("alt+k");
        asked.is_fresh().then_some(asked)
    };
    let mut asked = desk::in_time(early);
    asked.assert_says_nothing("approved by a key that may have been meant for the other window");
    asked.key("alt+k");
    asked.assert_approved(0);
}

#[test]
fn n081_a_key_that_is_down_when_the_window_comes_approves_nothing() {
    let desk = Desk::start();
    // A key that is held repeats here, as on any desk.
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    desk.hold(&["5"]);
    std::thread::sleep(Duration::from_millis(900));
    desk.let_go(&["5"]);
    asked.wait_until_armed();
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    let typed = asked.typed();
    assert!(
        typed.len() > 4 && typed.trim_end().bytes().all(|byte| byte == b'5'),
        "{typed:?}"
    );
    drop(asked);
    // What would approve is down before the window is there, and for long after it is alive.
    let keys = ["alt", "k"];
    desk.hold(&keys);
    let mut asked = desk.ask(question(PinEntry::NotNeeded));
    let heard = asked.says_within(Duration::from_secs(2));
    desk.let_go(&keys);
    assert!(
        !heard,
        "approved by a key that was down before: {:?}",
        asked.hear()
    );
    asked.wait_until_armed();
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
    drop(asked);
    // And Enter, in the field of the PIN, when it comes anew after a PIN that was wrong.
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.type_text("1111");
    asked.wait_until_armed();
    desk.hold(&["Return"]);
    asked.assert_approved(0);
    asked.say(&ToPrompt::PinIncorrect {
        tries: TriesLeft::Unknown,
    });
    asked.type_text(PIN);
    let heard = asked.says_within(Duration::from_secs(2));
    desk.let_go(&["Return"]);
    assert!(
        !heard,
        "a second PIN went by the key for the first: {:?}",
        asked.hear()
    );
    asked.key_until_heard("Return");
    assert_eq!(asked.hear(), Some(FromPrompt::PinTyped));
}

#[test]
fn n080_n082_a_search_changes_what_is_in_sight_and_arms_anew() {
    let desk = Desk::with_assistive_technology();
    let mut many = question(window_pin(TriesLeft::Unknown));
    many.documents = (11..=510)
        .map(|n| document(&format!("zq{n:03}.pdf"), 90_000 + n))
        .collect();
    let names = |asked: &desk::Asked<'_>| -> Vec<String> {
        let tree = asked.accessible();
        let items = tree.all().into_iter().filter(|node| node.role == "list item");
        items.map(|node| node.name.clone()).collect()
    };
    let early = || {
        let asked = desk.ask(many.clone());
        asked.type_text(PIN);
        // Backwards from the field of the PIN, to that of the search.
        let mut steps = 0;
        while !["text", "entry"].map(Some).contains(&asked.focused().as_deref()) {
            asked.key("shift+Tab");
            steps += 1;
            assert!(steps < 40, "{:#?}", asked.accessible());
        }
        assert!(names(&asked).len() > 1);
        // The list follows the words after a moment; from then on *approve* is dead. A key that a busy machine delivers
        // late proves nothing: then once more, with a new window.
        asked.wait_until_armed();
        let began = Instant::now();
        asked.type_text("zq017");
        std::thread::sleep(Duration::from_millis(350));
        asked.key("alt+k");
        (began.elapsed() <= Duration::from_millis(900)).then_some(asked)
    };
    let mut asked = (0..8)
        .find_map(|_| early())
        .expect("no key within 900 ms in eight windows");
    asked.assert_says_nothing("approved what had just come into sight");
    let [name] = &names(&asked)[..] else {
        panic!("{:?}", names(&asked))
    };
    assert_eq!(name, "zq017.pdf");
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), format!("{PIN}\n"));
}

#[test]
fn n080_n082_whatever_is_chosen_otherwise_arms_anew() {
    let desk = Desk::with_assistive_technology();
    // The change, and at once what approves.
    let early = |question: &Question, prepare: &dyn Fn(&desk::Asked<'_>), change: &str, approve: &str| {
        let once = || {
            let asked = desk.ask(question.clone());
            prepare(&asked);
            asked.wait_until_armed();
            let began = Instant::now();
            asked.key(change);
            // By then a list that was open is gone: before that no key reaches what approves.
            std::thread::sleep(Duration::from_millis(400));
            asked.key(approve);
            (began.elapsed() < Duration::from_millis(700)).then_some(asked)
        };
        let mut asked = desk::in_time(once);
        asked.assert_says_nothing("approved what had just become another");
        asked.key_until_heard(approve);
        asked
    };
    let from_list = |list: &'static str, to: &'static str| {
        move |asked: &desk::Asked<'_>| {
            asked.key(list);
            std::thread::sleep(Duration::from_millis(400));
            asked.key(to);
        }
    };
    let mut certificates = question(PinEntry::NotNeeded);
    certificates.certificates.push(certificate(PinEntry::NotNeeded));
    let mut asked = early(&certificates, &from_list("alt+c", "Down"), "Return", "alt+k");
    asked.assert_approved(1);
    drop(asked);

    let page = first_use();
    let mut asked = early(&page, &from_list("alt+h", "End"), "Return", "alt+p");
    let (permissions, days) = (page.permissions.clone(), 365);
    assert_eq!(
        asked.hear(),
        Some(FromPrompt::Answer(Answer::Granted { permissions, days }))
    );
    drop(asked);

    let last = question(window_pin(TriesLeft::Last));
    let tick = |asked: &desk::Asked<'_>| {
        asked.type_text(PIN);
        asked.key("Tab");
    };
    let mut asked = early(&last, &tick, "space", "alt+k");
    asked.assert_approved(0);
    drop(asked);

    // More of a document: its digest in full.
    let mut closed = question(PinEntry::NotNeeded);
    // Without the button to open it, its line takes the keyboard.
    closed
        .documents
        .iter_mut()
        .for_each(|document| document.kind = None);
    let row = |asked: &desk::Asked<'_>| {
        let mut steps = Vec::new();
        while asked.focused().as_deref() != Some("list item") {
            asked.key("shift+Tab");
            steps.push(asked.focused());
            assert!(steps.len() < 9, "{steps:?}");
        }
    };
    let mut asked = early(&closed, &row, "Return", "alt+k");
    asked.assert_approved(0);
}
