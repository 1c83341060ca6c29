//! The window in its states, to be looked at.

use std::path::{Path, PathBuf};

use trien_protocol::call::Language;
use trien_protocol::prompt::{
    Asker, FromPrompt, Outcome, PinEntry, Question, QuestionKind, ToPrompt, TriesLeft, Warning,
};

use super::desk::{self, Desk};
use super::first_use::{first_use, first_use_blind};
use super::screen_reader::with_warnings_far_down;
use super::{PIN, by_a_program, certificate, document, hostile, question, window_pin};

/// Pictures of the window for the documentation and for whoever changes it, into `TRIEN_SCREENSHOT_DIR`; without it
/// the windows are only opened, photographed and thrown away.
#[test]
fn the_window_can_be_photographed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("TRIEN_SCREENSHOT_DIR").map_or(scratch.path().to_owned(), PathBuf::from);
    let desk = Desk::with_assistive_technology();
    let plain = || question(window_pin(TriesLeft::Unknown));
    let scaled = Some(("GDK_SCALE", "2"));
    let settings = [
        ("consent-window", plain(), None),
        ("dark", plain(), None),
        ("digest", digest(), None),
        ("digests", digests(), None),
        ("share", share(), None),
        ("hostile", hostile(), None),
        ("scaled", plain(), scaled),
        ("first-use", first_use(), None),
        ("first-use-blind", first_use_blind(), None),
        ("sign-in", sign_in(), None),
        ("program", by_a_program(), None),
        ("warnings-unseen", with_warnings_far_down(), None),
    ];
    for (name, question, environment) in settings {
        let _portal = (name == "dark").then(|| desk.portal("1"));
        let mut command = desk.command();
        command.envs(environment);
        let mut asked = desk.ask_with(command, question);
        asked.type_text(PIN);
        asked.wait_until_armed();
        let file = folder.join(format!("{name}.png"));
        asked.photograph(&file);
        assert!(
            (1_000..60_000).contains(&std::fs::metadata(&file).unwrap().len()),
            "{name}"
        );
        asked.key("Escape");
        asked.assert_refused();
        asked.end();
    }
    photograph_the_states(&desk, &folder);
}

/// A digest that nobody can look behind, from a page with letters beyond ASCII.
pub(crate) fn digest() -> Question {
    let mut digest = question(window_pin(TriesLeft::Last));
    digest.language = Language::En;
    digest.kind = QuestionKind::SignDigest;
    digest.asker = Asker::WebSocket {
        origin: "https://xn--dch-3tz.example:8443".into(),
    };
    digest.documents.truncate(1);
    digest.documents[0].name.clear();
    digest.documents[0].size = None;
    digest.documents[0].kind = None;
    digest.signature = None;
    digest
}

/// Three of them at once, with the page's names.
pub(crate) fn digests() -> Question {
    let mut digests = question(window_pin(TriesLeft::Unknown));
    digests.kind = QuestionKind::SignDigest;
    for digest in &mut digests.documents {
        (digest.size, digest.kind) = (None, None);
    }
    digests.signature = None;
    digests
}

/// A page that wants to see a certificate, of which there are two.
pub(crate) fn share() -> Question {
    let mut share = question(PinEntry::NotNeeded);
    share.kind = QuestionKind::ShareCertificate;
    share.documents.clear();
    share.signature = None;
    share
        .certificates
        .push(certificate(window_pin(TriesLeft::Unknown)));
    share.certificates[0].days_left = Some(12);
    share.certificates[0].warnings = vec![Warning::ExpiresSoon, Warning::PathUnknown, Warning::SoftwareToken];
    share
}

/// A page to sign in to, with the last try.
pub(crate) fn sign_in() -> Question {
    let mut sign_in = question(window_pin(TriesLeft::Last));
    sign_in.certificates[0].status_as_of = Some("2026-11-25".into());
    sign_in.certificates[0].status_days = Some(3);
    sign_in.certificates[0].warnings.clear();
    sign_in.kind = QuestionKind::SignIn;
    sign_in.documents.clear();
    sign_in.signature = None;
    sign_in
}

/// A person's name with a mark cut off is another name. What is higher than the marks, at the end of the same line, has
/// no line cut: with it and without it, all before it must look the same.
#[test]
fn no_mark_of_a_name_is_cut_off() {
    const NAME: &str = "Trình diễn nnnnnnnnnn";
    let desk = Desk::start();
    let named = |name: &str| {
        let mut question = question(window_pin(TriesLeft::Unknown));
        question.documents.truncate(1);
        let certificate = &mut question.certificates[0];
        certificate.identity = vec![name.into()];
        certificate.organization = Some(name.into());
        let signature = question.signature.as_mut().unwrap();
        (signature.reason, signature.location) = (Some(name.into()), Some(name.into()));
        let places = [
            &mut question.documents[0].name,
            &mut certificate.name,
            &mut certificate.issuer,
        ];
        places.into_iter().for_each(|place| *place = name.into());
        question
    };
    let higher = format!("{NAME} Ẫ");
    let none: &[(&str, &str)] = &[];
    let settings = [
        (96, none, 1, 6),
        (96, &[("GTK_THEME", "Adwaita:dark")], 1, 6),
        (120, none, 1, 6),
        // Not everything has room on the screen then.
        (144, none, 1, 3),
        (96, &[("GDK_SCALE", "2")], 2, 2),
    ];
    for (dpi, environment, scale, least) in settings {
        desk.set_resolution(dpi);
        let pictures = [NAME, &higher].map(|name| {
            let mut command = desk.command();
            command.envs(environment.iter().copied());
            let mut asked = desk.ask_with(command, named(name));
            asked.wait_until_armed();
            let picture = asked.brightness();
            asked.key("Escape");
            asked.assert_refused();
            asked.end();
            picture
        });
        let different = lines_that_differ(&pictures);
        assert!(different.len() >= least, "{dpi} dpi, {scale}: {different:?}");
        for (row, from, to) in different {
            assert!(
                to - from < 50 * scale * dpi / 96,
                "{dpi} dpi, {scale}: at row {row} something differs from {from} to {to}"
            );
        }
    }
}

/// First row, first and last column of each group of rows in which two pictures differ.
fn lines_that_differ(pictures: &[(usize, Vec<u8>); 2]) -> Vec<(u32, u32, u32)> {
    let [(width, one), (_, other)] = pictures;
    assert_eq!(one.len(), other.len());
    let mut lines: Vec<(u32, u32, u32)> = Vec::new();
    let mut last = None;
    for (row, (one, other)) in (0_u32..).zip(one.chunks(*width).zip(other.chunks(*width))) {
        let differ = |(one, other): (&u8, &u8)| one.abs_diff(*other) > 40;
        let columns = (0_u32..)
            .zip(one.iter().zip(other))
            .filter(|(_, pair)| differ(*pair));
        let columns: Vec<u32> = columns.map(|(column, _)| column).collect();
        let (Some(first), Some(end)) = (columns.first(), columns.last()) else {
            continue;
        };
        match lines.last_mut() {
            Some((_, from, to)) if last.is_some_and(|last| row - last < 4) => {
                (*from, *to) = ((*from).min(*first), (*to).max(*end));
            }
            _ => lines.push((row, *first, *end)),
        }
        last = Some(row);
    }
    lines
}

fn photograph_the_states(desk: &Desk, folder: &Path) {
    let mut many = question(window_pin(TriesLeft::Few));
    many.documents = (1..=500)
        .map(|n| document(&format!("Hồ sơ số {n:03}.pdf"), 90_000 + n))
        .collect();
    let mut asked = desk.ask(many);
    let photograph = |asked: &desk::Asked<'_>, name: &str| {
        // Some frames after the change, on a slow machine, too; spinners never rest, so there is nothing to wait for.
        asked.wait_until_armed();
        asked.photograph(&folder.join(name));
    };
    photograph(&asked, "batch.png");
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    asked.say(&ToPrompt::Progress {
        done: 120,
        total: 500,
    });
    photograph(&asked, "waiting.png");
    asked.say(&ToPrompt::Paused {
        done: 120,
        total: 500,
    });
    photograph(&asked, "paused.png");
    asked.say(&ToPrompt::Resumed {
        tries: TriesLeft::Unknown,
    });
    asked.wait_until_armed();
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    assert_eq!(asked.hear(), Some(FromPrompt::PinTyped));
    asked.say(&ToPrompt::PinIncorrect {
        tries: TriesLeft::Last,
    });
    photograph(&asked, "last-try.png");
    asked.say(&ToPrompt::Finish(Outcome::PinLocked));
    photograph(&asked, "locked.png");
}
