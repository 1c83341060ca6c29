//! The person leaves: the screen is locked, or the computer goes to sleep.

use std::time::Duration;

use trien_protocol::prompt::{Answer, FromPrompt, PinEntry, ToPrompt, TriesLeft};

use super::desk::{Asked, Desk, Logins, wait_for};
use super::first_use::first_use;
use super::{PIN, question, window_pin};

/// Each of these says that nobody is before the screen any more.
const LEAVES: [&str; 4] = ["lock own", "hint own yes", "sleep yes", "saver yes"];

/// Neither a yes nor a no: nobody is there.
const LEFT: FromPrompt = FromPrompt::Answer(Answer::Left);

/// And these do not, or say it of somebody else.
const STAYS: [&str; 6] = [
    "lock another",
    "hint another yes",
    "hint own no",
    "unlock own",
    "sleep no",
    "saver no",
];

/// Gives the order until the window says something, and what: it may not be listening yet.
fn until_heard(asked: &mut Asked<'_>, logins: &mut Logins, order: &str) -> Option<FromPrompt> {
    wait_for("an answer", || {
        logins.order(order);
        asked.says_within(Duration::from_millis(500)).then_some(())
    });
    asked.hear()
}

#[test]
fn n091_a_locked_screen_or_sleep_takes_the_window_away_and_is_nobodys_no() {
    let desk = Desk::with_assistive_technology();
    let mut logins = desk.logins();
    for leaves in LEAVES {
        let mut command = desk.command();
        command.envs([logins.environment()]);
        let mut asked = desk.ask_with(command, question(window_pin(TriesLeft::Unknown)));
        asked.type_text(PIN);
        let told = until_heard(&mut asked, &mut logins, leaves);
        assert_eq!(told, Some(LEFT), "{leaves}");
        assert!(asked.end().success(), "{leaves}");
        assert!(!asked.is_on_screen(), "{leaves}");
        assert_eq!(asked.typed(), "", "{leaves}");
    }
}

#[test]
fn n091_another_persons_lock_and_the_end_of_one_change_nothing() {
    let desk = Desk::with_assistive_technology();
    let mut logins = desk.logins();
    let mut command = desk.command();
    command.envs([logins.environment()]);
    let mut asked = desk.ask_with(command, question(window_pin(TriesLeft::Unknown)));
    // It listens from when it asks whose session that was.
    wait_for("a question about a session", || {
        (logins.order("lock another") > 0).then_some(())
    });
    for stays in STAYS {
        logins.order(stays);
        assert!(!asked.says_within(Duration::from_millis(500)), "{stays}");
    }
    // Nor does it end with the bus.
    logins.lose();
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), format!("{PIN}\n"));
}

#[test]
fn n091_a_lock_ends_what_the_token_works_at_as_well() {
    let desk = Desk::with_assistive_technology();
    let mut logins = desk.logins();
    let ask = |logins: &Logins, pin| {
        let mut command = desk.command();
        command.envs([logins.environment()]);
        desk.ask_with(command, question(pin))
    };
    // Approved: the end comes while the token works, and ends the login.
    let mut working = ask(&logins, PinEntry::NotNeeded);
    working.key_until_heard("alt+k");
    working.assert_approved(0);
    working.say(&ToPrompt::Progress { done: 1, total: 3 });
    let told = until_heard(&mut working, &mut logins, "lock own");
    assert_eq!(told, Some(LEFT));
    assert!(working.end().success());
    drop(working);
    // With some signed, nobody is there to be told how it ended.
    let mut paused = ask(&logins, PinEntry::NotNeeded);
    paused.key_until_heard("alt+k");
    paused.assert_approved(0);
    paused.say(&ToPrompt::Paused { done: 1, total: 3 });
    let told = until_heard(&mut paused, &mut logins, "lock own");
    assert_eq!(told, Some(LEFT));
    assert!(paused.end().success());
    drop(paused);
    // And the first question to a page is taken away like any other.
    let mut command = desk.command();
    command.envs([logins.environment()]);
    let mut page = desk.ask_with(command, first_use());
    let told = until_heard(&mut page, &mut logins, "lock own");
    assert_eq!(told, Some(LEFT));
    assert!(page.end().success());
}
