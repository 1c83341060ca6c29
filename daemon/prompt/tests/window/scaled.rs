//! Everything at twice the size, as a person with a fine screen or weak eyes has it: nothing is cut off, and whatever
//! decides is within reach.

use std::path::PathBuf;

use trien_protocol::call::Language;
use trien_protocol::error::ErrorCode;
use trien_protocol::prompt::{Outcome, PinEntry, Question, ToPrompt, TriesLeft, Warning};

use super::desk::{self, Asked, Desk};
use super::first_use::first_use_blind;
use super::pictures::{digest, share, sign_in};
use super::screen_reader::with_warnings_far_down;
use super::{PIN, by_a_program, certificate, document, hostile, question, window_pin};

/// Every kind of question, with what makes each the largest.
fn questions() -> Vec<(&'static str, Question)> {
    let mut many = question(window_pin(TriesLeft::Few));
    many.documents = (1..=500)
        .map(|n| document(&format!("Hồ sơ số {n:03}.pdf"), 90_000 + n))
        .collect();
    let mut several = question(window_pin(TriesLeft::Last));
    several.certificates.push(certificate(PinEntry::NotNeeded));
    several.certificates[0].warnings =
        vec![Warning::ExpiresSoon, Warning::PathUnknown, Warning::SoftwareToken];
    several.certificates[0].days_left = Some(12);
    vec![
        ("question", question(window_pin(TriesLeft::Unknown))),
        ("batch", many),
        ("first-use", first_use_blind()),
        ("warnings", several),
        ("warnings-unseen", with_warnings_far_down()),
        ("sign-in", sign_in()),
        ("share", share()),
        ("digest", digest()),
        ("hostile", hostile()),
        ("program", by_a_program()),
        (
            "reader",
            question(PinEntry::Reader {
                tries: TriesLeft::Unknown,
            }),
        ),
        ("locked", question(PinEntry::Locked)),
    ]
}

/// The ways to twice the size: the toolkit's factor, and a desktop's resolution of texts alone.
#[derive(Debug, Clone, Copy)]
enum Twice {
    Everything,
    Texts,
}

impl Twice {
    fn ask<'a>(self, desk: &'a Desk, question: Question) -> Asked<'a> {
        let mut command = desk.command();
        match self {
            Self::Everything => command.env("GDK_SCALE", "2"),
            Self::Texts => &mut command,
        };
        desk.ask_with(command, question)
    }

    /// Pixels of the screen for one of the window's own.
    fn factor(self) -> i32 {
        match self {
            Self::Everything => 2,
            Self::Texts => 1,
        }
    }
}

/// What takes room in the window, with its place.
fn collect<'a>(node: &'a desk::Accessible, shown: &mut Vec<(&'a desk::Accessible, [i32; 4])>) {
    if let Some(extents) = node.extents.filter(|[.., wide, high]| *wide > 0 && *high > 0) {
        shown.push((node, extents));
    }
    let visible = node.children.iter().filter(|child| child.is("VISIBLE"));
    visible.for_each(|child| collect(child, shown));
}

/// That the window fits the screen and holds what decides, and that nothing in it runs over its sides.
fn assert_whole(asked: &Asked<'_>, twice: Twice, what: &str, buttons: usize) {
    let (width, height) = (asked.width(), asked.height());
    assert!(
        width <= desk::SCREEN_WIDTH && height <= desk::SCREEN_HEIGHT,
        "{what}: {width} × {height}"
    );
    let (width, height) = (width / twice.factor(), height / twice.factor());
    let tree = asked.accessible();
    let mut shown = Vec::new();
    collect(&tree, &mut shown);
    for (node, [left, _, wide, _]) in &shown {
        assert!(
            *left >= 0 && left + wide <= width,
            "{what}: cut at a side of {width}: {node:#?}"
        );
    }
    let decides = |node: &desk::Accessible| node.role == "push button" && node.is_a_decision();
    let decisive: Vec<_> = shown.iter().filter(|(node, _)| decides(node)).collect();
    assert_eq!(decisive.len(), buttons, "{what}: {shown:#?}");
    let field = shown.iter().filter(|(node, _)| node.role == "password text");
    for (node, [_, top, _, high]) in decisive.into_iter().chain(field) {
        assert!(
            *top >= 0 && top + high <= height,
            "{what}: below {height}: {node:#?}"
        );
    }
}

#[test]
fn at_twice_the_size_every_state_fits_the_screen_and_can_be_decided() {
    every_state(Twice::Everything);
}

#[test]
fn with_texts_twice_as_large_every_state_fits_the_screen_and_can_be_decided() {
    every_state(Twice::Texts);
}

fn every_state(twice: Twice) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("TRIEN_SCREENSHOT_DIR").map_or(scratch.path().to_owned(), PathBuf::from);
    let desk = Desk::with_assistive_technology();
    desk.set_resolution(match twice {
        Twice::Everything => 96,
        Twice::Texts => 192,
    });
    let photograph = |asked: &Asked<'_>, what: &str| {
        let way = match twice {
            Twice::Everything => "scaled",
            Twice::Texts => "large-texts",
        };
        asked.wait_until_armed();
        asked.photograph(&folder.join(format!("{way}-{what}.png")));
    };
    for (what, question) in questions() {
        let refuse = match question.language {
            Language::Vi => "Từ chối",
            Language::En => "Refuse",
        };
        let mut asked = twice.ask(&desk, question);
        photograph(&asked, what);
        assert_whole(&asked, twice, what, 2);
        // Reached by the pointer, not by a key that would work out of sight as well.
        asked.click_on(refuse, twice.factor());
        asked.assert_refused();
        asked.end();
    }
    states(&desk, twice, &photograph);
}

/// What comes after the decision.
fn states(desk: &Desk, twice: Twice, photograph: &dyn Fn(&Asked<'_>, &str)) {
    let mut asked = twice.ask(desk, question(window_pin(TriesLeft::Unknown)));
    asked.type_text(PIN);
    asked.wait_until_armed();
    asked.click_on("Ký", twice.factor());
    asked.assert_approved(0);
    asked.say(&ToPrompt::Progress { done: 1, total: 3 });
    photograph(&asked, "waiting");
    assert_whole(&asked, twice, "waiting", 2);
    asked.say(&ToPrompt::PinIncorrect {
        tries: TriesLeft::Last,
    });
    photograph(&asked, "last-try");
    assert_whole(&asked, twice, "last-try", 2);
    asked.say(&ToPrompt::Finish(Outcome::PinLocked));
    photograph(&asked, "pin-locked");
    assert_whole(&asked, twice, "pin-locked", 1);
    drop(asked);
    let mut asked = twice.ask(desk, question(PinEntry::NotNeeded));
    asked.wait_until_armed();
    asked.click_on("Ký", twice.factor());
    asked.assert_approved(0);
    asked.say(&ToPrompt::Paused { done: 1, total: 3 });
    photograph(&asked, "paused");
    assert_whole(&asked, twice, "paused", 1);
    asked.say(&ToPrompt::Finish(Outcome::Failed(ErrorCode::TokenRemoved)));
    photograph(&asked, "failed");
    assert_whole(&asked, twice, "failed", 1);
    asked.click_on("Đóng", twice.factor());
    asked.end();
}
