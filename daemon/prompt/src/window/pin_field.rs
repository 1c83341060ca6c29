//! Where the PIN is typed, or why it is not typed here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gtk4::glib::object::ObjectExt as _;
use gtk4::prelude::*;
use trien_protocol::prompt::{Doubt, PinEntry, QuestionKind, TriesLeft};

use super::{Phrases, label};
use crate::course::{Phase, Retry};
use crate::pin::{Pin, Unfit};
use crate::text;

/// What stands in the entry for each character that was typed.
const STAND_IN: &str = "•";

/// The area with the field, its notes, and the box to tick at the last try.
pub(super) struct PinField {
    /// What to put into the window.
    pub(super) widget: gtk4::Box,
    /// With whose certificate: the certificate itself may be out of sight, on a low screen.
    signer: gtk4::Label,
    signs: &'static str,
    heading: gtk4::Label,
    /// Holds a stand-in for each character: the toolkit tells whoever is on the accessibility bus what is in it.
    entry: gtk4::PasswordEntry,
    typed: Rc<RefCell<Pin>>,
    /// The person has been told what is doubtful about what stands there.
    doubted: Rc<Cell<bool>>,
    problem: gtk4::Label,
    note: gtk4::Label,
    acknowledge: gtk4::CheckButton,
    phrases: Phrases,
}

impl PinField {
    /// Empty, and of no kind yet; see [`Self::show`].
    pub(super) fn new(kind: QuestionKind, phrases: Phrases) -> Self {
        let entry = gtk4::PasswordEntry::builder()
            .show_peek_icon(false)
            .hexpand(true)
            .build();
        entry.set_enable_undo(false);
        let heading = label("", &["heading"]);
        // It is also what gives the field its accessible name.
        heading.set_mnemonic_widget(Some(&entry));
        let problem = spoken("error");
        let doubted = Rc::default();
        let field = Self {
            widget: gtk4::Box::new(gtk4::Orientation::Vertical, 6),
            signer: signer(),
            signs: match kind {
                QuestionKind::SignIn => "signer-sign-in",
                _ => "signer",
            },
            heading,
            typed: keep_apart(&entry, &problem, &doubted, phrases),
            doubted,
            entry,
            problem,
            note: spoken("warning"),
            acknowledge: gtk4::CheckButton::with_label(&phrases.say("pin-acknowledge")),
            phrases,
        };
        field.widget.add_css_class("pin");
        field.widget.append(&field.signer);
        field.widget.append(&field.heading);
        field.widget.append(&field.entry);
        field.widget.append(&field.problem);
        field.widget.append(&field.note);
        field.widget.append(&field.acknowledge);
        field
    }

    /// Calls back when Enter is pressed in the field.
    pub(super) fn connect_enter(&self, entered: impl Fn() + 'static) {
        self.entry.connect_activate(move |_| entered());
    }

    /// Calls back when the box is ticked or cleared.
    pub(super) fn connect_acknowledged(&self, acknowledged: impl Fn() + 'static) {
        self.acknowledge.connect_toggled(move |_| acknowledged());
    }

    /// True if the person has ticked that it is the last try.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.acknowledge.is_active()
    }

    /// Takes the keyboard if there is a field.
    pub(super) fn grab_focus(&self) -> bool {
        self.entry.is_visible() && self.entry.grab_focus()
    }

    /// Shows the field for another token or after another try: empty, nothing ticked, nothing wrong yet.
    pub(super) fn show(&self, pin: PinEntry, phase: Phase, name: &str, token: &str) {
        self.clear();
        self.acknowledge.set_active(false);
        let tries = match pin {
            PinEntry::Window { tries, .. } | PinEntry::Reader { tries } => Some(tries),
            PinEntry::Locked | PinEntry::NotNeeded => None,
        };
        let is_typed_here = matches!(pin, PinEntry::Window { .. });
        self.entry.set_visible(is_typed_here);
        self.heading.set_visible(is_typed_here);
        self.acknowledge.set_visible(tries == Some(TriesLeft::Last));
        let signer = self
            .phrases
            .fill(self.signs, [("name", text::shown(name).into())]);
        self.signer.set_text(&signer);
        let heading = self.phrases.fill("pin", [("token", text::shown(token).into())]);
        self.heading.set_text(&heading);
        set(&self.note, self.note_on(pin));
        self.note.set_css_classes(match pin {
            // Where nothing has gone wrong yet, the number is no warning.
            PinEntry::Window {
                tries: TriesLeft::Count(3..),
                ..
            } => &["dim"],
            PinEntry::Reader {
                tries: TriesLeft::Unknown | TriesLeft::Count(3..),
            } => &["dim"],
            PinEntry::Window { .. } | PinEntry::Reader { .. } => &["warning"],
            PinEntry::Locked => &["error"],
            PinEntry::NotNeeded => &["dim"],
        });
        let problem = match phase {
            Phase::Retry(Retry::Incorrect) => Some(self.phrases.say("pin-incorrect")),
            Phase::Retry(Retry::Invalid) => Some(self.phrases.say("pin-invalid")),
            Phase::Retry(Retry::NotTried) => Some(self.phrases.say("pin-not-tried")),
            Phase::Retry(Retry::Resumed) => Some(self.phrases.say("pin-resumed")),
            Phase::Retry(Retry::NextSignature) => Some(self.phrases.say("pin-next-signature")),
            _ => None,
        };
        set(&self.problem, problem);
    }

    fn note_on(&self, pin: PinEntry) -> Option<String> {
        match pin {
            PinEntry::Window { tries, .. } => self.note_on_tries(tries),
            PinEntry::Reader { tries } => {
                let where_to = self.phrases.say("pin-reader");
                let told = self.note_on_tries(tries);
                Some(told.into_iter().chain([where_to]).collect::<Vec<_>>().join("\n"))
            }
            PinEntry::Locked => Some(self.phrases.say("pin-locked")),
            PinEntry::NotNeeded => Some(self.phrases.say("pin-not-needed")),
        }
    }

    fn note_on_tries(&self, tries: TriesLeft) -> Option<String> {
        match tries {
            TriesLeft::Unknown => None,
            TriesLeft::Count(left) => Some(
                self.phrases
                    .fill("pin-tries", [("count", u32::from(left).into())]),
            ),
            TriesLeft::Few => Some(self.phrases.say("pin-few")),
            TriesLeft::Last => Some(self.phrases.say("pin-last")),
        }
    }

    /// Whether there is anything to type.
    pub(super) fn set_open(&self, open: bool) {
        self.widget.set_sensitive(open);
    }

    /// What was typed, if it can be a PIN; else the field says why not. What is doubtful is taken the second time.
    pub(super) fn take(&self, min: u32, max: u32) -> Option<Pin> {
        let (fits, doubt) = {
            let typed = self.typed.borrow();
            (typed.check(min, max), typed.doubt())
        };
        let problem = match (fits, doubt) {
            (Err(unfit), _) => explain(self.phrases, unfit),
            (Ok(()), Some(doubt)) if !self.doubted.replace(true) => self.phrases.say(match doubt {
                Doubt::Space => "pin-space",
                Doubt::Letters => "pin-letters",
            }),
            (Ok(()), _) => {
                let pin = self.typed.borrow_mut().take();
                self.clear();
                set(&self.problem, None);
                return Some(pin);
            }
        };
        set(&self.problem, Some(problem));
        self.entry.grab_focus();
        None
    }

    /// Empties the entry; what was typed is wiped with it.
    pub(super) fn clear(&self) {
        self.entry.set_text("");
    }
}

/// At most two lines: a long name must not take the field out of sight. The certificate has it whole.
fn signer() -> gtk4::Label {
    let shown = label("", &["name"]);
    shown.set_lines(2);
    shown.set_ellipsize(gtk4::pango::EllipsizeMode::Middle);
    shown
}

/// Why what was typed is no PIN, in words.
fn explain(phrases: Phrases, unfit: Unfit) -> String {
    match unfit {
        Unfit::Empty => phrases.say("pin-empty"),
        Unfit::TooShort { min } => phrases.fill("pin-too-short", [("min", min.into())]),
        Unfit::TooLong { max } => phrases.fill("pin-too-long", [("max", max.into())]),
        Unfit::Control => phrases.say("pin-control"),
    }
}

/// What is typed into the entry goes into memory of our own, and a stand-in for each character into the entry, so that
/// neither its buffer nor the accessibility bus (AT-SPI, `GetText` and `TextChanged`) ever has the PIN.
fn keep_apart(
    entry: &gtk4::PasswordEntry,
    problem: &gtk4::Label,
    doubted: &Rc<Cell<bool>>,
    phrases: Phrases,
) -> Rc<RefCell<Pin>> {
    let typed = Rc::new(RefCell::new(Pin::new()));
    let text = entry.delegate().expect("a password entry edits by a delegate");
    let (kept, problem) = (Rc::clone(&typed), problem.clone());
    let standing_in = Cell::new(false);
    let changed = Rc::clone(doubted);
    text.connect_insert_text(move |text, characters, position| {
        if standing_in.get() {
            return;
        }
        changed.set(false);
        text.stop_signal_emission_by_name("insert-text");
        let before = usize::try_from(*position).unwrap_or(usize::MAX);
        let inserted = kept.borrow_mut().insert(before, characters);
        match inserted {
            Ok(()) => {
                standing_in.set(true);
                text.insert_text(&STAND_IN.repeat(characters.chars().count()), position);
                standing_in.set(false);
            }
            Err(unfit) => set(&problem, Some(explain(phrases, unfit))),
        }
    });
    let (kept, changed) = (Rc::clone(&typed), Rc::clone(doubted));
    text.connect_delete_text(move |_, from, to| {
        changed.set(false);
        // A negative end is the end of the text.
        let [from, to] = [from, to].map(|position| usize::try_from(position).unwrap_or(usize::MAX));
        kept.borrow_mut().remove(from, to);
    });
    typed
}

/// A label that a screen reader speaks when it changes (WAI-ARIA, role `alert`).
fn spoken(class: &str) -> gtk4::Label {
    let label = gtk4::Label::builder()
        .accessible_role(gtk4::AccessibleRole::Alert)
        .xalign(0.0)
        .wrap(true)
        .visible(false)
        .css_classes([class])
        .build();
    label.set_natural_wrap_mode(gtk4::NaturalWrapMode::None);
    label
}

fn set(label: &gtk4::Label, words: Option<String>) {
    label.set_visible(words.is_some());
    label.set_text(&words.unwrap_or_default());
}
