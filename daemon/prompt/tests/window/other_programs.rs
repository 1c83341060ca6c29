//! What another program on the same screen can do to the window (X11): cover it, be in front of it, send it keys and
//! clicks, and let the person's own begin on one thing and end on another.

use std::time::Duration;

use trien_protocol::prompt::{PinEntry, TriesLeft};

use super::desk::{self, Desk, Place};
use super::{question, window_pin};

/// Longer than it takes a click to be an answer.
const AN_ANSWER: Duration = Duration::from_secs(1);

#[test]
fn n080_a_press_counts_only_if_it_begins_and_ends_on_a_live_button() {
    let desk = Desk::start();
    // Pressed while the button is dead, let go when it is alive.
    let early = || {
        let asked = desk.ask(question(PinEntry::NotNeeded));
        asked.point_at(Place::Approve);
        asked.press();
        asked.is_fresh().then_some(asked)
    };
    let mut asked = desk::in_time(early);
    asked.wait_until_armed();
    asked.let_go();
    assert!(
        !asked.says_within(AN_ANSWER),
        "approved by a press that came too early"
    );
    // Begun on the live button and ended elsewhere, and the other way round.
    for (from, to) in [(Place::Approve, Place::Middle), (Place::Middle, Place::Approve)] {
        asked.point_at(from);
        asked.press();
        asked.point_at(to);
        asked.let_go();
        assert!(!asked.says_within(AN_ANSWER), "{from:?} to {to:?}");
    }
    asked.click_approve();
    asked.assert_approved(0);
}

/// A client can address an event to any window (`XSendEvent`); no key of a keyboard does.
#[test]
fn what_another_program_sends_to_the_window_is_no_persons_doing() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(PinEntry::NotNeeded));
    asked.wait_until_armed();
    asked.send_key("alt+k");
    asked.point_at(Place::Approve);
    asked.send_click();
    assert!(!asked.says_within(AN_ANSWER), "{:?}", asked.hear());
    asked.key("Escape");
    asked.assert_refused();
    // Nor does it type a PIN.
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    for digit in ["4", "0", "2", "8"] {
        asked.send_key(digit);
    }
    asked.wait_until_armed();
    asked.key("Return");
    assert!(!asked.says_within(AN_ANSWER), "there is no PIN to approve with");
    assert_eq!(asked.typed(), "");
}

/// Whoever sees the other program's window over ours clicks on that one.
#[test]
fn a_click_on_what_lies_over_the_window_is_not_ours() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(PinEntry::NotNeeded));
    let other = desk.other_window(true);
    asked.wait_until_armed();
    asked.cover(&other);
    asked.wait_until_armed();
    asked.click_approve();
    assert!(
        !asked.says_within(AN_ANSWER),
        "approved through another window: {:?}",
        asked.hear()
    );
    drop(other);
    // It comes to the front again, and only then, after a moment, is it alive.
    asked.come_to_the_front();
    asked.wait_until_armed();
    asked.click_approve();
    asked.assert_approved(0);
}

/// The browser may fill the screen, and the person would wait for ever for a question beneath it. What he was typing
/// there when it came approves nothing.
#[test]
fn n080_over_a_window_that_fills_the_screen_the_question_is_seen_and_keys_for_that_window_approve_nothing() {
    let desk = Desk::start();
    let other = desk.other_window(false);
    other.fill_the_screen();
    let early = || {
        let asked = desk.ask(question(PinEntry::NotNeeded));
        asked.key("alt+k");
        asked.is_fresh().then_some(asked)
    };
    let mut asked = desk::in_time(early);
    assert!(!asked.says_within(AN_ANSWER), "{:?}", asked.hear());
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
}
