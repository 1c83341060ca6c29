//! What is to be signed: a list that stays quick with 500 entries, because only the rows in sight exist. It can be
//! searched, and each document can be looked at as it will be signed.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gtk4::glib::BoxedAnyObject;
use gtk4::prelude::*;
use gtk4::{gio, pango};
use trien_protocol::prompt::{DocumentKind, DocumentWarning, LeftOut, Question, QuestionKind, ShownDocument};

use super::{Phrases, label, layout};
use crate::sought::Sought;
use crate::text;

/// Height of the list before it scrolls, in pixels.
const MAX_HEIGHT: i32 = 208;

/// From so many documents on there is a field to search them by.
const SEARCHABLE: usize = 8;

/// How many of the documents that cannot be signed are named.
const MAX_LEFT_OUT: usize = 5;

/// One row, its texts ready.
struct Row {
    index: usize,
    name: String,
    /// The name with nothing left out.
    whole: String,
    size: String,
    short: String,
    full: String,
    /// A line for each.
    warnings: String,
    sought: Sought,
    opens: bool,
    opened: Cell<bool>,
}

/// Why a document that the person wants to look at is not shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// Nothing here shows what it is.
    NoProgram,
    /// The daemon could not put a copy of it anywhere.
    NoCopy,
    /// So many were looked at already.
    TooMany,
}

/// The area.
pub(super) struct Documents {
    /// What to put into the window.
    pub(super) widget: gtk4::Box,
    search: Option<gtk4::SearchEntry>,
    /// The rows that fit the search.
    shown: gtk4::FilterListModel,
    trouble: gtk4::Label,
    phrases: Phrases,
    open: Rc<Cell<bool>>,
    wanted: Rc<dyn Fn(usize)>,
    /// Documents with a warning.
    warned: usize,
    scrolled: RefCell<Option<gtk4::ScrolledWindow>>,
}

impl Documents {
    /// `None` if the question is not about documents. `wanted` is called with the number of a document that the person
    /// wants to look at.
    pub(super) fn new(
        question: &Question,
        phrases: Phrases,
        wanted: impl Fn(usize) + 'static,
    ) -> Option<Self> {
        if question.documents.is_empty() {
            return None;
        }
        let is_digest = question.kind == QuestionKind::SignDigest;
        let single = is_digest && question.documents.len() == 1;
        let count = [("count", question.documents.len().into())];
        let heading = match is_digest {
            true => phrases.fill("digest-heading", count),
            false => phrases.fill("documents", count),
        };
        let rows = question.documents.iter().enumerate();
        let rows: Vec<BoxedAnyObject> = rows
            .map(|(index, document)| BoxedAnyObject::new(row(index, document, single, phrases)))
            .collect();
        let model = gio::ListStore::new::<BoxedAnyObject>();
        model.extend_from_slice(&rows);
        let search = (question.documents.len() >= SEARCHABLE).then(|| search_field(phrases));
        let none = phrases.fill("documents-none", [("of", things(question.kind).into())]);
        let none = label(&none, &["dim"]);
        none.set_visible(false);
        let area = Self {
            widget: gtk4::Box::new(gtk4::Orientation::Vertical, 6),
            shown: filtered(&model, search.as_ref(), &none),
            search,
            trouble: label("", &["warning", "small"]),
            phrases,
            open: Rc::new(Cell::new(true)),
            wanted: Rc::new(wanted),
            warned: count_warned(question),
            scrolled: RefCell::default(),
        };
        let heading = label(&heading, &["heading"]);
        area.widget.append(&heading);
        if let Some(left_out) = &question.left_out {
            area.widget
                .append(&label(&left_out_words(left_out, phrases), &["warning", "small"]));
        }
        if let Some(search) = &area.search {
            area.widget.append(search);
        }
        let list = area.list(model, &heading, phrases);
        area.widget.append(&list);
        area.scrolled.replace(Some(list));
        area.widget.append(&none);
        area.widget.append(&area.trouble);
        area.trouble.set_visible(false);
        if let Some(warned) = warned(question, phrases) {
            area.widget.append(&label(&warned, &["warning", "small"]));
        }
        let named = question
            .documents
            .iter()
            .any(|document| !document.name.is_empty());
        if !is_digest || named && !single {
            area.widget
                .append(&label(&phrases.say("documents-hint"), &["dim", "small"]));
        }
        Some(area)
    }

    /// Calls back when other documents are in sight, or more of one.
    pub(super) fn connect_changed(&self, changed: impl Fn() + Clone + 'static) {
        if let Some(search) = &self.search {
            let changed = changed.clone();
            search.connect_search_changed(move |_| changed());
        }
        if let Some(list) = self.scrolled.borrow().as_ref() {
            let changed = changed.clone();
            list.vadjustment().connect_value_changed(move |_| changed());
        }
        self.shown.connect_items_changed(move |_, _, _, _| changed());
    }

    /// How many documents have a warning that is scrolled away, be it in the list or with all of it in this area.
    pub(super) fn unseen(&self, area: &gtk4::ScrolledWindow) -> usize {
        let list = self.scrolled.borrow();
        let Some((list, view)) = list.as_ref().and_then(|list| Some((list, list.child()?))) else {
            return 0;
        };
        let rows = std::iter::successors(view.first_child(), WidgetExt::next_sibling);
        let warnings = rows.filter_map(|row| row.first_child()?.first_child()?.next_sibling());
        let seen =
            |label: &gtk4::Widget| layout::is_in_sight(label, list) && layout::is_in_sight(label, area);
        self.warned.saturating_sub(warnings.filter(seen).count())
    }

    /// Whether a document can be looked at: only while the person is asked.
    pub(super) fn set_open(&self, open: bool) {
        self.open.set(open);
    }

    /// Tells why the document that was wanted last is not shown; nothing if it is. True if that is another line than
    /// before.
    pub(super) fn show_trouble(&self, trouble: Option<Trouble>) -> bool {
        let words = trouble.map_or_else(String::new, |trouble| match trouble {
            Trouble::NoProgram => self.phrases.say("document-not-opened"),
            Trouble::NoCopy => self.phrases.say("document-not-copied"),
            Trouble::TooMany => self.phrases.say("document-too-many"),
        });
        let is_new = self.trouble.text() != words;
        if is_new {
            self.trouble.set_text(&words);
            self.trouble.set_visible(!words.is_empty());
        }
        is_new
    }

    fn list(&self, model: gio::ListStore, heading: &gtk4::Label, phrases: Phrases) -> gtk4::ScrolledWindow {
        let shown = self.shown.clone();
        let factory = gtk4::SignalListItemFactory::new();
        let (open, wanted) = (Rc::clone(&self.open), Rc::clone(&self.wanted));
        factory.connect_setup(move |_, item| {
            if let Some(item) = item.downcast_ref::<gtk4::ListItem>() {
                item.set_child(Some(&row_widget(item, phrases, &open, &wanted)));
            }
        });
        factory.connect_bind(move |_, item| {
            if let Some(item) = item.downcast_ref::<gtk4::ListItem>() {
                bind(item, phrases);
            }
        });
        let view = gtk4::ListView::new(Some(gtk4::NoSelection::new(Some(shown.clone()))), Some(factory));
        view.set_single_click_activate(true);
        heading.set_mnemonic_widget(Some(&view));
        view.connect_activate(move |_, position| {
            let Some(object) = shown.item(position).and_downcast::<BoxedAnyObject>() else {
                return;
            };
            let row = object.borrow::<Row>();
            row.opened.set(!row.opened.get());
            let place = u32::try_from(row.index).unwrap_or(u32::MAX);
            drop(row);
            model.items_changed(place, 1, 1);
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
}

/// What is signed, in the words of the messages that speak of it.
pub(super) const fn things(kind: QuestionKind) -> &'static str {
    match kind {
        QuestionKind::SignDigest => "digests",
        _ => "documents",
    }
}

/// The rows that fit the search, and the word for none where there is none.
fn filtered(
    model: &gio::ListStore,
    search: Option<&gtk4::SearchEntry>,
    none: &gtk4::Label,
) -> gtk4::FilterListModel {
    let Some(search) = search else {
        return gtk4::FilterListModel::new(Some(model.clone()), None::<gtk4::Filter>);
    };
    let sought = search.clone();
    let filter = gtk4::CustomFilter::new(move |object| {
        let words = sought.text();
        let row = object.downcast_ref::<BoxedAnyObject>();
        row.is_some_and(|row| row.borrow::<Row>().sought.has(&words))
    });
    let shown = gtk4::FilterListModel::new(Some(model.clone()), Some(filter.clone()));
    let (none, counted) = (none.clone(), shown.clone());
    search.connect_search_changed(move |_| {
        filter.changed(gtk4::FilterChange::Different);
        none.set_visible(counted.n_items() == 0);
    });
    shown
}

fn search_field(phrases: Phrases) -> gtk4::SearchEntry {
    let words = phrases.say("documents-search");
    gtk4::SearchEntry::builder()
        .placeholder_text(&words)
        .tooltip_text(&words)
        .build()
}

/// Where there are many documents, those that a warning stands at may be out of sight.
fn warned(question: &Question, phrases: Phrases) -> Option<String> {
    let (documents, count) = (&question.documents, count_warned(question));
    (count > 0 && documents.len() > 1).then(|| {
        let numbers = [("count", count.into()), ("total", documents.len().into())];
        phrases.fill("documents-warned", numbers)
    })
}

fn count_warned(question: &Question) -> usize {
    let documents = question.documents.iter();
    documents.filter(|document| !document.warnings.is_empty()).count()
}

/// What is not signed whatever the person decides: he may want all of it or none.
fn left_out_words(left_out: &LeftOut, phrases: Phrases) -> String {
    let names = left_out
        .names
        .iter()
        .take(MAX_LEFT_OUT)
        .map(|name| text::shown(name));
    let rest = (left_out.names.len() > MAX_LEFT_OUT).then(|| "…".to_owned());
    let named = names.chain(rest).collect::<Vec<_>>().join("; ");
    phrases.fill(
        "documents-left-out",
        [
            ("count", left_out.names.len().into()),
            ("total", left_out.total.into()),
            ("named", named.into()),
        ],
    )
}

fn row(index: usize, document: &ShownDocument, single: bool, phrases: Phrases) -> Row {
    // A bare digest that stands alone has no name, and none is put in its place.
    let (name, whole) = match single || document.name.is_empty() {
        true => (String::new(), String::new()),
        false => (text::shown(&document.name), text::harmless(&document.name)),
    };
    let size = document.size.map(|size| text::size(size, phrases.language()));
    let size = match (size, document.kind) {
        (Some(size), Some(kind)) => phrases.fill(
            "document-kind",
            [
                ("kind", phrases.say(kind_key(kind)).into()),
                ("size", size.into()),
            ],
        ),
        (size, _) => size.unwrap_or_default(),
    };
    let hash = text::shown(&document.hash);
    let short = format!("{hash}  {}", text::short_digest(&document.digest));
    let warnings = document.warnings.iter();
    let warnings: Vec<_> = warnings
        .map(|warning| phrases.say(warning_key(*warning)))
        .collect();
    let full = lines(&hash, &text::groups(&document.digest));
    Row {
        index,
        sought: Sought::new(&format!("{whole} {}", document.digest)),
        name,
        whole,
        size,
        short,
        full,
        warnings: warnings.join("\n"),
        opens: document.kind.is_some(),
        opened: Cell::new(single),
    }
}

fn warning_key(warning: DocumentWarning) -> &'static str {
    match warning {
        DocumentWarning::SignatureBroken => "document-warning-signature-broken",
        DocumentWarning::ChangedAfterSigning => "document-warning-changed-after-signing",
        DocumentWarning::SignatureUnchecked => "document-warning-signature-unchecked",
        DocumentWarning::ActiveContent => "document-warning-active-content",
        DocumentWarning::ShownOtherwise => "document-warning-shown-otherwise",
        DocumentWarning::MayCome => "document-warning-may-come",
        DocumentWarning::Unsearched => "document-warning-unsearched",
        DocumentWarning::LastSignature => "document-warning-last-signature",
    }
}

fn kind_key(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Pdf => "kind-pdf",
        DocumentKind::Xml => "kind-xml",
        DocumentKind::Zip => "kind-zip",
        DocumentKind::Text => "kind-text",
        DocumentKind::Other => "kind-other",
    }
}

/// Four groups a line, under each other behind the name of the hash function.
fn lines(hash: &str, groups: &str) -> String {
    let groups: Vec<&str> = groups.split(' ').collect();
    let lines: Vec<String> = groups.chunks(4).map(|line| line.join(" ")).collect();
    let indent = format!("\n{}", " ".repeat(hash.chars().count() + 2));
    format!("{hash}  {}", lines.join(&indent))
}

/// Name, size and the button on one line, warnings and the digest below.
fn row_widget(
    item: &gtk4::ListItem,
    phrases: Phrases,
    open: &Rc<Cell<bool>>,
    wanted: &Rc<dyn Fn(usize)>,
) -> gtk4::Box {
    let name = label("", &["name"]);
    name.set_hexpand(true);
    name.set_wrap_mode(pango::WrapMode::WordChar);
    let size = label("", &["dim", "small"]);
    size.set_wrap(false);
    let button = gtk4::Button::with_label(&phrases.say("document-open"));
    button.set_css_classes(&["flat", "small"]);
    button.set_valign(gtk4::Align::Center);
    let (item, open, wanted) = (item.downgrade(), Rc::clone(open), Rc::clone(wanted));
    button.connect_clicked(move |_| {
        let object = item.upgrade().and_then(|item| item.item());
        if let (Some(object), true) = (object.and_downcast::<BoxedAnyObject>(), open.get()) {
            let index = object.borrow::<Row>().index;
            wanted(index);
        }
    });
    let first = gtk4::Box::new(gtk4::Orientation::Horizontal, 12);
    first.append(&name);
    first.append(&size);
    first.append(&button);
    let row = gtk4::Box::new(gtk4::Orientation::Vertical, 2);
    row.append(&first);
    row.append(&label("", &["warning", "small"]));
    row.append(&label("", &["digest"]));
    row
}

fn bind(item: &gtk4::ListItem, phrases: Phrases) {
    let (Some(widget), Some(object)) = (item.child(), item.item().and_downcast::<BoxedAnyObject>()) else {
        return;
    };
    let row = object.borrow::<Row>();
    let Some(first) = widget.first_child() else { return };
    first.set_visible(!row.name.is_empty() || row.opens);
    let name = first.first_child().and_downcast::<gtk4::Label>();
    let button = first.last_child().and_downcast::<gtk4::Button>();
    let size = button
        .as_ref()
        .and_then(WidgetExt::prev_sibling)
        .and_downcast::<gtk4::Label>();
    let digest = widget.last_child().and_downcast::<gtk4::Label>();
    if let Some(warnings) = first.next_sibling().and_downcast::<gtk4::Label>() {
        warnings.set_text(&row.warnings);
        warnings.set_visible(!row.warnings.is_empty());
    }
    if let (Some(name), Some(size), Some(button), Some(digest)) = (name, size, button, digest) {
        name.set_text(if row.opened.get() { &row.whole } else { &row.name });
        size.set_text(&row.size);
        button.set_visible(row.opens);
        let words = phrases.fill("document-open-named", [("name", row.name.clone().into())]);
        button.set_tooltip_text(Some(&words));
        let shown = if row.opened.get() { &row.full } else { &row.short };
        digest.set_text(shown);
        // The row is a widget of the list's own: without a name a screen reader that comes to it says nothing.
        let names = if row.name.is_empty() { &digest } else { &name };
        names.set_mnemonic_widget(widget.parent().as_ref());
        widget.set_tooltip_text(Some(&row.full));
    }
}
