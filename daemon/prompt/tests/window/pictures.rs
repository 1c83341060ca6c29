//! The window in its states, to be looked at.

use std::path::{Path, PathBuf};

use trien_protocol::call::Language;
use trien_protocol::prompt::{
    Asker, FromPrompt, Outcome, PinEntry, QuestionKind, ToPrompt, TriesLeft, Warning,
};

use super::desk::{self, Desk};
use super::{PIN, by_a_program, certificate, document, first_use, hostile, question, window_pin};

/// Pictures of the window for the documentation and for whoever changes it, into `TRIEN_SCREENSHOT_DIR`; without it
/// the windows are only opened, photographed and thrown away.
#[test]
fn the_window_can_be_photographed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("TRIEN_SCREENSHOT_DIR").map_or(scratch.path().to_owned(), PathBuf::from);
    let desk = Desk::start();
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
    let mut share = question(PinEntry::NotNeeded);
    share.kind = QuestionKind::ShareCertificate;
    share.documents.clear();
    share.signature = None;
    share
        .certificates
        .push(certificate(window_pin(TriesLeft::Unknown)));
    share.certificates[0].days_left = Some(12);
    share.certificates[0].warnings = vec![Warning::ExpiresSoon, Warning::PathUnknown, Warning::SoftwareToken];
    let mut sign_in = question(window_pin(TriesLeft::Last));
    sign_in.certificates[0].status_as_of = Some("2026-11-25".into());
    sign_in.certificates[0].status_days = Some(3);
    sign_in.certificates[0].warnings.clear();
    sign_in.kind = QuestionKind::SignIn;
    sign_in.documents.clear();
    sign_in.signature = None;
    let plain = || question(window_pin(TriesLeft::Unknown));
    let dark = Some(("GTK_THEME", "Adwaita:dark"));
    let scaled = Some(("GDK_SCALE", "2"));
    let settings = [
        ("consent-window", plain(), None),
        ("dark", plain(), dark),
        ("digest", digest, None),
        ("share", share, None),
        ("hostile", hostile(), None),
        ("scaled", plain(), scaled),
        ("first-use", first_use(), None),
        ("sign-in", sign_in, None),
        ("program", by_a_program(), None),
    ];
    for (name, question, environment) in settings {
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
    asked.say(&ToPrompt::Paused);
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
