//! The bar at the bottom: how it goes, how long there is, and the two buttons.

use gtk4::prelude::*;
use trien_protocol::prompt::{Outcome, PinEntry, QuestionKind};

use super::Phrases;
use super::documents::things;
use crate::course::{Course, Phase};

/// The bar.
pub(super) struct Actions {
    /// What to put into the window.
    pub(super) widget: gtk4::Box,
    spinner: gtk4::Spinner,
    time: gtk4::Label,
    /// How many warnings are out of sight.
    unseen: gtk4::Label,
    status: gtk4::Label,
    refuse: gtk4::Button,
    approve: gtk4::Button,
    kind: QuestionKind,
    phrases: Phrases,
}

impl Actions {
    /// The bar for one kind of question.
    pub(super) fn new(kind: QuestionKind, phrases: Phrases) -> Self {
        let approve = match kind {
            QuestionKind::AllowOrigin => phrases.say("approve-allow"),
            QuestionKind::ShareCertificate => phrases.say("approve-share"),
            QuestionKind::SignIn => phrases.say("approve-sign-in"),
            QuestionKind::SignDocuments | QuestionKind::SignDigest => phrases.say("approve-sign"),
        };
        let actions = Self {
            widget: gtk4::Box::new(gtk4::Orientation::Horizontal, 12),
            spinner: gtk4::Spinner::builder().visible(false).build(),
            time: told(gtk4::AccessibleRole::Timer, &["dim", "small"]),
            unseen: told(gtk4::AccessibleRole::Status, &["warning", "small"]),
            status: told(gtk4::AccessibleRole::Status, &[]),
            refuse: button(&phrases.say("refuse")),
            approve: button(&approve),
            kind,
            phrases,
        };
        actions.widget.add_css_class("actions");
        actions.approve.add_css_class("suggested-action");
        for button in [&actions.refuse, &actions.approve] {
            button.set_valign(gtk4::Align::Center);
        }
        actions.widget.append(&actions.spinner);
        // Two small lines are no higher than the buttons: when the second comes, nothing above moves.
        let lines = gtk4::Box::new(gtk4::Orientation::Vertical, 0);
        lines.set_valign(gtk4::Align::Center);
        lines.append(&actions.time);
        lines.append(&actions.unseen);
        actions.unseen.set_visible(false);
        actions.widget.append(&lines);
        actions.widget.append(&actions.status);
        // In this order, so that Tab comes to the harmless one first.
        actions.widget.append(&actions.refuse);
        actions.widget.append(&actions.approve);
        actions
    }

    /// Calls back when the person refuses, or closes what is over.
    pub(super) fn connect_refuse(&self, refused: impl Fn() + 'static) {
        self.refuse.connect_clicked(move |_| refused());
    }

    /// Calls back when the person approves.
    pub(super) fn connect_approve(&self, approved: impl Fn() + 'static) {
        self.approve.connect_clicked(move |_| approved());
    }

    /// The button that refuses; the window's default.
    pub(super) fn refuse_button(&self) -> &gtk4::Button {
        &self.refuse
    }

    /// Whether *approve* is alive.
    pub(super) fn set_armed(&self, armed: bool) {
        if self.approve.is_sensitive() != armed {
            self.approve.set_sensitive(armed);
        }
    }

    /// Whole seconds until it is refused by itself.
    pub(super) fn set_time_left(&self, seconds: Option<u64>) {
        self.time.set_visible(seconds.is_some());
        if let Some(seconds) = seconds {
            let time = format!("{}:{:02}", seconds / 60, seconds % 60);
            let words = self.phrases.fill("time-left", [("time", time.into())]);
            if self.time.text() != words {
                self.time.set_text(&words);
            }
        }
    }

    /// How many warnings the person would have to scroll to.
    pub(super) fn set_unseen(&self, count: usize) {
        let words = match count {
            0 => String::new(),
            count => self.phrases.fill("warnings-unseen", [("count", count.into())]),
        };
        if self.unseen.text() != words {
            self.unseen.set_text(&words);
        }
        self.unseen.set_visible(count > 0);
    }

    /// Shows the phase.
    pub(super) fn show(&self, course: &Course) {
        let phase = course.phase();
        let works = matches!(phase, Phase::Waiting | Phase::Stopped);
        self.spinner.set_visible(works);
        self.spinner.set_spinning(works);
        self.refuse.set_sensitive(phase != Phase::Waiting);
        let over = matches!(phase, Phase::Finished(_) | Phase::Stopped);
        self.approve.set_visible(!over && phase != Phase::Paused);
        let (class, words) = match phase {
            Phase::Asking | Phase::Retry(_) | Phase::Left => ("dim", String::new()),
            Phase::Waiting => ("dim", self.working(course)),
            Phase::Stopped => ("dim", self.phrases.say("working")),
            Phase::Paused => ("warning", self.paused(course)),
            Phase::Finished(Outcome::Done) => ("success", self.done()),
            Phase::Finished(Outcome::Partly { signed, failed }) => ("warning", self.partly(signed, failed)),
            Phase::Finished(Outcome::PinLocked) => ("error", self.phrases.say("failed-pin-locked")),
            Phase::Finished(Outcome::Failed(code)) => ("error", self.phrases.failure(code)),
            Phase::Finished(Outcome::Withdrawn) => ("dim", String::new()),
        };
        self.status.set_visible(!words.is_empty());
        self.status.set_css_classes(&[class]);
        self.status.set_text(&words);
        let refuse = match (over, course.kept()) {
            (true, _) => self.phrases.say("close"),
            (false, 0) => self.phrases.say("refuse"),
            (false, kept) => {
                let words = [("count", kept.into()), ("of", things(self.kind).into())];
                self.phrases.fill("refuse-keep", words)
            }
        };
        if named(&self.refuse).is_none_or(|words| words != refuse) {
            name(&self.refuse, &refuse);
        }
        if matches!(phase, Phase::Finished(_)) {
            self.refuse.grab_focus();
        }
    }

    fn paused(&self, course: &Course) -> String {
        let (done, total) = course.progress().unwrap_or_default();
        self.phrases
            .fill("paused", [("done", done.into()), ("total", total.into())])
    }

    fn working(&self, course: &Course) -> String {
        match (course.progress(), course.pin()) {
            (Some((done, total)), _) if total > 1 => self.phrases.fill(
                "working-progress",
                [
                    ("done", done.into()),
                    ("total", total.into()),
                    ("of", things(self.kind).into()),
                ],
            ),
            (None, PinEntry::Reader { .. }) => self.phrases.say("working-reader"),
            _ => self.phrases.say("working"),
        }
    }

    fn partly(&self, signed: u32, failed: u32) -> String {
        let counts = [
            ("signed", signed.into()),
            ("failed", failed.into()),
            ("of", things(self.kind).into()),
        ];
        self.phrases.fill("done-partly", counts)
    }

    fn done(&self) -> String {
        match self.kind {
            QuestionKind::AllowOrigin => self.phrases.say("done-allow"),
            QuestionKind::ShareCertificate => self.phrases.say("done-share"),
            QuestionKind::SignIn => self.phrases.say("done-sign-in"),
            QuestionKind::SignDocuments | QuestionKind::SignDigest => self.phrases.say("done-sign"),
        }
    }
}

fn button(words: &str) -> gtk4::Button {
    let button = gtk4::Button::new();
    button.add_css_class("text-button");
    name(&button, words);
    button
}

/// A label of its own names the button: with the button's own text, GTK 4.8 has the mnemonic's underscore read aloud.
fn name(button: &gtk4::Button, words: &str) {
    let label = gtk4::Label::with_mnemonic(words);
    label.set_mnemonic_widget(Some(button));
    button.set_child(Some(&label));
}

/// The words on it, as [`name`] was given them.
fn named(button: &gtk4::Button) -> Option<gtk4::glib::GString> {
    let label = button.child().and_downcast::<gtk4::Label>();
    label.map(|label| label.label())
}

/// A label that takes the room beside the buttons. The role decides what a screen reader makes of a change: it speaks
/// a status, and leaves a timer alone (WAI-ARIA, live regions).
fn told(role: gtk4::AccessibleRole, classes: &[&str]) -> gtk4::Label {
    let label = gtk4::Label::builder()
        .accessible_role(role)
        .xalign(0.0)
        .wrap(true)
        .hexpand(true)
        .max_width_chars(40)
        .build();
    label.set_css_classes(classes);
    label
}
