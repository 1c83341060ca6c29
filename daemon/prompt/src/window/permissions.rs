//! What a page that is not known yet may be allowed, and for how long.

use gtk4::prelude::*;
use trien_protocol::prompt::{Permission, Question};

use super::{Phrases, label};

/// The choices of how long, in days; the second is proposed.
const DAYS: [(u32, &str); 3] = [(1, "days-one"), (30, "days-month"), (365, "days-year")];

/// The area.
pub(super) struct Permissions {
    /// What to put into the window.
    pub(super) widget: gtk4::Box,
    boxes: Vec<(Permission, gtk4::CheckButton)>,
    days: gtk4::DropDown,
}

impl Permissions {
    /// With everything ticked but signing blindly.
    pub(super) fn new(question: &Question, phrases: Phrases) -> Self {
        let widget = gtk4::Box::new(gtk4::Orientation::Vertical, 6);
        widget.append(&label(&phrases.say("permissions"), &["heading"]));
        let card = gtk4::Box::new(gtk4::Orientation::Vertical, 4);
        card.set_css_classes(&["card", "padded"]);
        let mut boxes = Vec::new();
        for permission in &question.permissions {
            let ticked = gtk4::CheckButton::with_label(&phrases.say(key(*permission)));
            ticked.set_active(*permission != Permission::BlindDigest);
            card.append(&ticked);
            boxes.push((*permission, ticked));
        }
        widget.append(&card);
        let words = DAYS.map(|(_, key)| phrases.say(key));
        let days = gtk4::DropDown::from_strings(&words.each_ref().map(String::as_str));
        days.set_selected(1);
        let heading = label("", &["heading"]);
        heading.set_text_with_mnemonic(&phrases.say("permissions-days"));
        heading.set_mnemonic_widget(Some(&days));
        widget.append(&heading);
        widget.append(&days);
        Self { widget, boxes, days }
    }

    /// Calls back when anything is chosen differently.
    pub(super) fn connect_changed(&self, changed: impl Fn() + Clone + 'static) {
        for (_, ticked) in &self.boxes {
            let changed = changed.clone();
            ticked.connect_toggled(move |_| changed());
        }
        self.days.connect_selected_notify(move |_| changed());
    }

    /// What is ticked, and for how many days.
    pub(super) fn chosen(&self) -> (Vec<Permission>, u32) {
        let ticked = self.boxes.iter().filter(|(_, ticked)| ticked.is_active());
        let days = usize::try_from(self.days.selected())
            .ok()
            .and_then(|index| DAYS.get(index));
        (
            ticked.map(|(permission, _)| *permission).collect(),
            days.map_or(DAYS[0].0, |(days, _)| *days),
        )
    }
}

fn key(permission: Permission) -> &'static str {
    match permission {
        Permission::Certificates => "permission-certificates",
        Permission::SignIn => "permission-sign-in",
        Permission::Sign => "permission-sign",
        Permission::Batch => "permission-batch",
        Permission::Verify => "permission-verify",
        Permission::BlindDigest => "permission-blind-digest",
    }
}
