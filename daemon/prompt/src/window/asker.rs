//! Who asks: the kind of question, the origin on its own line, and how the request came.

use gtk4::pango::{AttrInt, AttrList, Weight, WrapMode};
use gtk4::prelude::*;
use trien_protocol::prompt::{Asker, Question, QuestionKind};

use super::{Phrases, label};
use crate::text::{self, ShownOrigin};

/// How visible scheme and port are beside the host (of 65535).
const FAINT: u16 = 38_000;

/// Builds the area.
pub(super) fn build(question: &Question, phrases: Phrases) -> gtk4::Box {
    let area = gtk4::Box::new(gtk4::Orientation::Vertical, 6);
    area.add_css_class("asker");
    area.append(&label(&asks(question, phrases), &["asks"]));
    let origin = question.asker.origin();
    append_origin(&area, origin, "origin", phrases);
    if let Some(around) = question.asker.top_origin().filter(|around| *around != origin) {
        area.append(&label(&phrases.say("origin-around"), &[]));
        append_origin(&area, around, "around", phrases);
    }
    area.append(&road(&question.asker, phrases));
    area
}

/// How the request came. That it is no browser's is said louder: then nobody but the program says whose page it is.
fn road(asker: &Asker, phrases: Phrases) -> gtk4::Label {
    let usual = &["dim", "small"];
    match asker {
        Asker::Extension { .. } => label(&phrases.say("road-extension"), usual),
        Asker::WebSocket { .. } => label(&phrases.say("road-websocket"), usual),
        Asker::Program { executable: None, .. } => label(&phrases.say("road-program"), &["caution"]),
        Asker::Program {
            executable: Some(path),
            ..
        } => {
            let path = text::shown(path).into();
            label(
                &phrases.fill("road-program-named", [("program", path)]),
                &["caution"],
            )
        }
    }
}

fn append_origin(area: &gtk4::Box, origin: &str, class: &str, phrases: Phrases) {
    let origin = text::origin(origin);
    area.append(&origin_label(&origin, class));
    if let Some(host) = &origin.unicode {
        let words = phrases.fill("origin-unicode", [("host", host.clone().into())]);
        area.append(&label(&words, &[]));
    }
}

/// What the person should know about this kind of question before he answers.
pub(super) fn caution(question: &Question, phrases: Phrases) -> Option<gtk4::Label> {
    match question.kind {
        QuestionKind::SignDocuments => None,
        QuestionKind::AllowOrigin => Some(label(&phrases.say("allow-explained"), &["dim"])),
        QuestionKind::SignIn => Some(label(&phrases.say("sign-in-explained"), &["dim"])),
        QuestionKind::ShareCertificate => Some(label(&phrases.say("share-explained"), &["dim"])),
        QuestionKind::SignDigest => Some(label(&phrases.say("digest-explained"), &["caution"])),
    }
}

/// What is asked and by whom, in one breath.
pub(super) fn title(question: &Question, phrases: Phrases) -> String {
    let asks = asks(question, phrases).into();
    let origin = text::origin(question.asker.origin()).ascii.into();
    phrases.fill("window-title", [("asks", asks), ("origin", origin)])
}

fn asks(question: &Question, phrases: Phrases) -> String {
    match question.kind {
        QuestionKind::AllowOrigin if question.known_before => phrases.say("ask-allow-origin-again"),
        QuestionKind::AllowOrigin => phrases.say("ask-allow-origin"),
        QuestionKind::ShareCertificate => phrases.say("ask-share-certificate"),
        QuestionKind::SignIn => phrases.say("ask-sign-in"),
        QuestionKind::SignDigest => {
            phrases.fill("ask-sign-digest", [("count", question.documents.len().into())])
        }
        QuestionKind::SignDocuments => {
            phrases.fill("ask-sign-documents", [("count", question.documents.len().into())])
        }
    }
}

/// The whole origin, the registrable domain in bold, never shortened: the end of a long host is what tells whose it is.
fn origin_label(origin: &ShownOrigin, class: &str) -> gtk4::Label {
    let shown = label(&origin.ascii, &[class]);
    shown.set_wrap_mode(WrapMode::Char);
    shown.set_selectable(false);
    let attributes = AttrList::new();
    let bold = origin.registrable.clone();
    for (start, end) in [(0, bold.start), (bold.end, origin.ascii.len())] {
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) {
            let mut plain = AttrInt::new_weight(Weight::Normal);
            plain.set_start_index(start);
            plain.set_end_index(end);
            attributes.insert(plain);
        }
    }
    for (start, end) in [(0, origin.host.start), (origin.host.end, origin.ascii.len())] {
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) {
            let mut faint = AttrInt::new_foreground_alpha(FAINT);
            faint.set_start_index(start);
            faint.set_end_index(end);
            attributes.insert(faint);
        }
    }
    shown.set_attributes(Some(&attributes));
    shown
}
