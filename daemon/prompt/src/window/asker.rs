//! Who asks: the kind of question, the origin on its own line, and how the request came.

use gtk4::pango::{AttrInt, AttrList, WrapMode};
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
    let (origin, road) = match &question.asker {
        Asker::Extension { origin } => (text::origin(origin), phrases.say("road-extension")),
        Asker::WebSocket { origin } => (text::origin(origin), phrases.say("road-websocket")),
    };
    area.append(&origin_label(&origin));
    if let Some(host) = &origin.unicode {
        area.append(&label(
            &phrases.fill("origin-unicode", [("host", host.clone().into())]),
            &[],
        ));
    }
    area.append(&label(&road, &["dim", "small"]));
    area
}

/// What the person should know about this kind of question before he answers.
pub(super) fn caution(question: &Question, phrases: Phrases) -> Option<gtk4::Label> {
    match question.kind {
        QuestionKind::SignDocuments => None,
        QuestionKind::ShareCertificate => Some(label(&phrases.say("share-explained"), &["dim"])),
        QuestionKind::SignDigest => Some(label(&phrases.say("digest-explained"), &["caution"])),
    }
}

fn asks(question: &Question, phrases: Phrases) -> String {
    match question.kind {
        QuestionKind::ShareCertificate => phrases.say("ask-share-certificate"),
        QuestionKind::SignDigest => phrases.say("ask-sign-digest"),
        QuestionKind::SignDocuments => {
            phrases.fill("ask-sign-documents", [("count", question.documents.len().into())])
        }
    }
}

/// The whole origin, never shortened: the end of a long host is what tells whose it is.
fn origin_label(origin: &ShownOrigin) -> gtk4::Label {
    let shown = label(&origin.ascii, &["origin"]);
    shown.set_wrap_mode(WrapMode::Char);
    shown.set_selectable(false);
    let attributes = AttrList::new();
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
