//! What is to be signed: a list that stays quick with 500 entries, because only the rows in sight exist.

use std::cell::Cell;

use gtk4::glib::BoxedAnyObject;
use gtk4::prelude::*;
use gtk4::{gio, pango};
use trien_protocol::prompt::{Question, QuestionKind, ShownDocument};

use super::{Phrases, label};
use crate::text;

/// Height of the list before it scrolls, in pixels.
const MAX_HEIGHT: i32 = 208;

/// One row, its texts ready.
struct Row {
    name: String,
    size: String,
    short: String,
    full: String,
    opened: Cell<bool>,
}

/// Builds the area; `None` if the question is not about documents.
pub(super) fn build(question: &Question, phrases: Phrases) -> Option<gtk4::Box> {
    if question.documents.is_empty() {
        return None;
    }
    let is_digest = question.kind == QuestionKind::SignDigest;
    let heading = if is_digest {
        phrases.say("digest-heading")
    } else {
        phrases.fill("documents", [("count", question.documents.len().into())])
    };
    let area = gtk4::Box::new(gtk4::Orientation::Vertical, 6);
    let heading = label(&heading, &["heading"]);
    area.append(&heading);
    let model = gio::ListStore::new::<BoxedAnyObject>();
    let rows: Vec<BoxedAnyObject> = question
        .documents
        .iter()
        .map(|document| BoxedAnyObject::new(row(document, is_digest, phrases)))
        .collect();
    model.extend_from_slice(&rows);
    area.append(&list(model, &heading));
    if !is_digest {
        area.append(&label(&phrases.say("documents-hint"), &["dim", "small"]));
    }
    Some(area)
}

fn row(document: &ShownDocument, is_digest: bool, phrases: Phrases) -> Row {
    // A bare digest has no name, and none is put in its place.
    let name = if is_digest {
        String::new()
    } else {
        text::shown(&document.name)
    };
    let size = document
        .size
        .map(|size| text::size(size, phrases.language()))
        .unwrap_or_default();
    let hash = text::shown(&document.hash);
    let short = format!("{hash}  {}", text::short_digest(&document.digest));
    let full = lines(&hash, &text::groups(&document.digest));
    Row {
        name,
        size,
        short,
        full,
        opened: Cell::new(is_digest),
    }
}

/// Four groups a line, under each other behind the name of the hash function.
fn lines(hash: &str, groups: &str) -> String {
    let groups: Vec<&str> = groups.split(' ').collect();
    let lines: Vec<String> = groups.chunks(4).map(|line| line.join(" ")).collect();
    let indent = format!("\n{}", " ".repeat(hash.chars().count() + 2));
    format!("{hash}  {}", lines.join(&indent))
}

fn list(model: gio::ListStore, heading: &gtk4::Label) -> gtk4::ScrolledWindow {
    let factory = gtk4::SignalListItemFactory::new();
    factory.connect_setup(|_, item| {
        if let Some(item) = item.downcast_ref::<gtk4::ListItem>() {
            item.set_child(Some(&row_widget()));
        }
    });
    factory.connect_bind(|_, item| {
        if let Some(item) = item.downcast_ref::<gtk4::ListItem>() {
            bind(item);
        }
    });
    let view = gtk4::ListView::new(Some(gtk4::NoSelection::new(Some(model.clone()))), Some(factory));
    view.set_single_click_activate(true);
    heading.set_mnemonic_widget(Some(&view));
    view.connect_activate(move |_, position| {
        if let Some(object) = model.item(position).and_downcast::<BoxedAnyObject>() {
            let row = object.borrow::<Row>();
            row.opened.set(!row.opened.get());
            drop(row);
            model.items_changed(position, 1, 1);
        }
    });
    gtk4::ScrolledWindow::builder()
        .child(&view)
        .hscrollbar_policy(gtk4::PolicyType::Never)
        .overlay_scrolling(false)
        .propagate_natural_height(true)
        .max_content_height(MAX_HEIGHT)
        .overflow(gtk4::Overflow::Hidden)
        .css_classes(["card"])
        .build()
}

/// Name and size on one line, the digest below.
fn row_widget() -> gtk4::Box {
    let name = label("", &["name"]);
    name.set_hexpand(true);
    name.set_wrap_mode(pango::WrapMode::WordChar);
    let size = label("", &["dim", "small"]);
    size.set_wrap(false);
    let first = gtk4::Box::new(gtk4::Orientation::Horizontal, 12);
    first.append(&name);
    first.append(&size);
    let row = gtk4::Box::new(gtk4::Orientation::Vertical, 2);
    row.append(&first);
    row.append(&label("", &["digest"]));
    row
}

fn bind(item: &gtk4::ListItem) {
    let (Some(widget), Some(object)) = (item.child(), item.item().and_downcast::<BoxedAnyObject>()) else {
        return;
    };
    let row = object.borrow::<Row>();
    let first = widget.first_child();
    if let Some(first) = &first {
        first.set_visible(!row.name.is_empty());
    }
    let name = first
        .as_ref()
        .and_then(WidgetExt::first_child)
        .and_downcast::<gtk4::Label>();
    let size = first
        .as_ref()
        .and_then(WidgetExt::last_child)
        .and_downcast::<gtk4::Label>();
    let digest = widget.last_child().and_downcast::<gtk4::Label>();
    if let (Some(name), Some(size), Some(digest)) = (name, size, digest) {
        name.set_text(&row.name);
        size.set_text(&row.size);
        let shown = if row.opened.get() { &row.full } else { &row.short };
        digest.set_text(shown);
        widget.set_tooltip_text(Some(&row.full));
    }
}
