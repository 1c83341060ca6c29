//! Dark where the person's desktop is dark, by whatever way that says so; and what is written can be read, in both.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;

use trien_protocol::prompt::{DocumentWarning, PinEntry, Question, TriesLeft};

use super::desk::{self, Accessible, Asked, Desk, wait_for};
use super::first_use::first_use;
use super::pictures::{digest, share, sign_in};
use super::{by_a_program, document, question, window_pin};

/// Of black on white it is 21, and of a colour on itself 1 (WCAG 2.2, 1.4.3: 4.5 for texts of the usual size).
const READABLE: f64 = 4.5;

/// Luminances of a dark ground are below, and of a light one above.
const DARK: f64 = 0.1;
const LIGHT: f64 = 0.6;

/// The colours may come after the window, where the machine is busy.
fn becomes(asked: &Asked<'_>, dark: bool) {
    wait_for(if dark { "dark colours" } else { "light colours" }, || {
        let ground = asked.picture().ground();
        (if dark { ground < DARK } else { ground > LIGHT }).then_some(())
    });
}

fn without_pin() -> Question {
    question(PinEntry::NotNeeded)
}

#[test]
fn the_colours_are_those_that_the_desktops_portal_tells_and_follow_it() {
    let desk = Desk::with_assistive_technology();
    let mut portal = desk.portal("1");
    let mut asked = desk.ask(without_pin());
    becomes(&asked, true);
    portal.order("scheme 0");
    becomes(&asked, false);
    portal.order("scheme 1");
    becomes(&asked, true);
    portal.order("scheme 2");
    becomes(&asked, false);
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
}

#[test]
fn a_portal_that_does_not_answer_keeps_no_window_waiting_and_counts_when_it_does() {
    let desk = Desk::with_assistive_technology();
    let mut portal = desk.portal("mute");
    let mut asked = desk.ask(without_pin());
    becomes(&asked, false);
    portal.order("answer 1");
    becomes(&asked, true);
    // And it ends without the portal as with it.
    drop(portal);
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
}

#[test]
fn n080_a_window_that_changes_its_colours_is_armed_anew() {
    let desk = Desk::with_assistive_technology();
    let portal = RefCell::new(desk.portal("0"));
    let early = || {
        let mut portal = portal.borrow_mut();
        portal.order("scheme 0");
        let mut asked = desk.ask(without_pin());
        becomes(&asked, false);
        asked.wait_until_armed();
        asked.begin_anew();
        portal.order("scheme 1");
        while !asked.is_dark_at(5, 5) {
            if !asked.is_fresh() {
                return None;
            }
        }
        asked.key("alt+k");
        asked.is_fresh().then_some(asked)
    };
    let mut asked = desk::in_time(early);
    asked.assert_says_nothing("approved what had just come in other colours");
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
}

/// What the person, or his desktop for him, has written down for GTK itself.
fn with_settings(command: &mut Command, home: &Path, lines: &str) {
    let folder = home.join("gtk-4.0");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("settings.ini"), format!("[Settings]\n{lines}\n")).unwrap();
    command.env("XDG_CONFIG_HOME", home);
}

#[test]
fn what_the_toolkit_is_told_counts_where_the_portal_has_no_preference() {
    const PREFERS: &str = "gtk-application-prefer-dark-theme=1";
    const NAMED: &str = "gtk-theme-name=Adwaita-dark";
    let desk = Desk::with_assistive_technology();
    for (portal, lines, dark) in [
        (None, PREFERS, true),
        (Some("0"), PREFERS, true),
        (Some("2"), PREFERS, false),
        (None, NAMED, true),
        (Some("0"), NAMED, true),
        (Some("1"), NAMED, true),
        (Some("1"), "", true),
        (Some("0"), "", false),
    ] {
        let _portal = portal.map(|scheme| desk.portal(scheme));
        let home = tempfile::tempdir().unwrap();
        let mut command = desk.command();
        with_settings(&mut command, home.path(), lines);
        let asked = desk.ask_with(command, without_pin());
        becomes(&asked, dark);
    }
}

#[test]
fn a_dark_theme_of_the_x_settings_is_followed_and_the_portals_wish_besides() {
    let desk = Desk::with_assistive_technology();
    let mut themes = desk.x_settings("Adwaita-dark");
    let asked = desk.ask(without_pin());
    becomes(&asked, true);
    themes.order("Adwaita");
    becomes(&asked, false);
    drop(asked);
    let _portal = desk.portal("1");
    let asked = desk.ask(without_pin());
    becomes(&asked, true);
    themes.order("Adwaita-dark");
    becomes(&asked, true);
}

/// Each text that the window has, against what it stands on.
#[test]
fn whatever_is_written_can_be_read_in_the_dark_and_in_the_light() {
    let desk = Desk::with_assistive_technology();
    let mut portal = desk.portal("0");
    let mut warned = question(window_pin(TriesLeft::Few));
    warned.documents = vec![document("Đơn đề nghị.pdf", 482_133)];
    warned.documents[0].warnings = vec![DocumentWarning::ActiveContent];
    for (scheme, dark) in [("0", false), ("1", true)] {
        portal.order(&format!("scheme {scheme}"));
        for (name, question) in [
            ("sign", warned.clone()),
            ("digest", digest()),
            ("share", share()),
            ("sign in", sign_in()),
            ("first use", first_use()),
            ("program", by_a_program()),
        ] {
            let asked = desk.ask(question);
            becomes(&asked, dark);
            // By then nothing is grey because it is not to be used yet.
            asked.wait_until_armed();
            let picture = asked.picture();
            let texts = written(&asked);
            assert!(texts.len() > 6, "{name}: {texts:?} of {:#?}", asked.accessible());
            let contrasts = texts
                .into_iter()
                .map(|(place, words)| (picture.contrast_within(place), words));
            let faint: Vec<_> = contrasts.filter(|(contrast, _)| *contrast < READABLE).collect();
            assert!(faint.is_empty(), "{name}, dark {dark}: {faint:#?}");
        }
    }
}

/// Where each text stands that is to be seen, but for those on buttons that are not to be used.
fn written(asked: &Asked<'_>) -> Vec<([i32; 4], String)> {
    let mut texts = Vec::new();
    collect(
        &asked.accessible(),
        [0, 0, asked.width(), asked.height()],
        &mut texts,
    );
    texts
}

fn collect(node: &Accessible, mut sight: [i32; 4], texts: &mut Vec<([i32; 4], String)>) {
    if node.role == "push button" && !node.is("SENSITIVE") {
        return;
    }
    if let Some(place) = node.extents {
        if node.role == "scroll pane" {
            sight = place;
        }
        if node.role == "label" && !node.name.is_empty() && lies_in(place, sight) {
            texts.push((place, node.name.clone()));
        }
    }
    let visible = node.children.iter().filter(|child| child.is("VISIBLE"));
    visible.for_each(|child| collect(child, sight, texts));
}

fn lies_in([left, top, wide, high]: [i32; 4], [x, y, width, height]: [i32; 4]) -> bool {
    wide > 0 && high > 0 && left >= x && top >= y && left + wide <= x + width && top + high <= y + height
}
