//! Which certificate: a drop-down if there are several, and the details of the chosen one.

use gtk4::prelude::*;
use trien_protocol::prompt::{NotValidNow, Question, ShownCertificate, Warning};

use super::{Phrases, label, layout};
use crate::text;

/// How many of the certificates that are not offered are named.
const MAX_NOT_VALID: usize = 3;

/// The area, and the certificates it shows one of.
pub(super) struct CertificateArea {
    /// What to put into the window.
    pub(super) widget: gtk4::Box,
    choice: Option<gtk4::DropDown>,
    details: gtk4::Grid,
    warnings: gtk4::Box,
    settled: gtk4::Label,
    certificates: Vec<ShownCertificate>,
    phrases: Phrases,
}

impl CertificateArea {
    /// Shows the first.
    pub(super) fn new(question: &Question, phrases: Phrases) -> Self {
        let area = Self {
            widget: gtk4::Box::new(gtk4::Orientation::Vertical, 6),
            choice: (question.certificates.len() > 1).then(|| choice(question, phrases)),
            details: gtk4::Grid::builder().row_spacing(4).column_spacing(16).build(),
            warnings: gtk4::Box::new(gtk4::Orientation::Vertical, 4),
            settled: label(&phrases.say("certificate-settled"), &["dim", "small"]),
            certificates: question.certificates.clone(),
            phrases,
        };
        let heading = if area.choice.is_some() {
            "certificate-choose"
        } else {
            "certificate"
        };
        let heading = {
            let shown = label("", &["heading"]);
            shown.set_text_with_mnemonic(&phrases.say(heading));
            shown
        };
        area.widget.append(&heading);
        if let Some(choice) = &area.choice {
            // A mnemonic label is what gives a control its accessible name.
            heading.set_mnemonic_widget(Some(choice));
            area.widget.append(choice);
        }
        area.settled.set_visible(false);
        area.widget.append(&area.settled);
        let card = gtk4::Box::new(gtk4::Orientation::Vertical, 8);
        card.set_css_classes(&["card", "padded"]);
        card.append(&area.details);
        card.append(&area.warnings);
        area.widget.append(&card);
        if let Some(words) = not_valid_now(&question.not_valid_now, phrases) {
            area.widget.append(&label(&words, &["dim", "small"]));
        }
        area.show(0);
        area
    }

    /// Calls back with the index of the certificate the person picks.
    pub(super) fn connect_chosen(&self, chosen: impl Fn(usize) + 'static) {
        if let Some(choice) = &self.choice {
            choice.connect_selected_notify(move |choice| {
                if let Ok(index) = usize::try_from(choice.selected()) {
                    chosen(index);
                }
            });
        }
    }

    /// Whether another one can be picked.
    pub(super) fn set_open(&self, open: bool) {
        if let Some(choice) = &self.choice {
            choice.set_sensitive(open);
        }
    }

    /// Whether it is to be said why no other one can be picked: a PIN was typed for this one's token.
    pub(super) fn set_settled(&self, settled: bool) {
        self.settled.set_visible(settled && self.choice.is_some());
    }

    /// Shows the details of one.
    pub(super) fn show(&self, index: usize) {
        let Some(certificate) = self.certificates.get(index) else {
            return;
        };
        layout::fill(&self.details, &self.lines(certificate));
        if let Some(name) = self.details.child_at(1, 0) {
            name.add_css_class("name");
        }
        self.show_warnings(&certificate.warnings, certificate.days_left);
    }

    fn lines(&self, certificate: &ShownCertificate) -> Vec<(String, String)> {
        let language = self.phrases.language();
        let validity = self.phrases.fill(
            "certificate-validity-value",
            [
                ("from", text::date(&certificate.not_before, language).into()),
                ("until", text::date(&certificate.not_after, language).into()),
            ],
        );
        let identity: Vec<String> = certificate
            .identity
            .iter()
            .take(4)
            .map(|one| text::shown(one))
            .collect();
        let mut lines = vec![("certificate-name", text::shown(&certificate.name))];
        if let Some(organization) = &certificate.organization {
            lines.push(("certificate-organization", text::shown(organization)));
        }
        if !identity.is_empty() {
            lines.push(("certificate-identity", identity.join(" · ")));
        }
        lines.push(("certificate-issuer", text::shown(&certificate.issuer)));
        lines.push(("certificate-validity", validity));
        if let Some(day) = &certificate.status_as_of {
            let day = text::date(day, language).into();
            let words = match certificate.status_days {
                Some(days) => {
                    let words = [("day", day), ("days", days.into())];
                    self.phrases.before_pin("before-pin-status-since", words)
                }
                None => self.phrases.before_pin("before-pin-status", [("day", day)]),
            };
            lines.push(("certificate-status", words));
        }
        lines.push(("certificate-serial", text::shown(&certificate.serial)));
        lines.push(("certificate-token", text::shown(&certificate.token)));
        lines
            .into_iter()
            .map(|(key, value)| (self.phrases.say(key), value))
            .collect()
    }

    /// How many of its warnings are scrolled out of this area.
    pub(super) fn unseen(&self, area: &gtk4::ScrolledWindow) -> usize {
        let lines = std::iter::successors(self.warnings.first_child(), WidgetExt::next_sibling);
        lines.filter(|line| !layout::is_in_sight(line, area)).count()
    }

    fn show_warnings(&self, warnings: &[Warning], days_left: Option<u32>) {
        while let Some(child) = self.warnings.first_child() {
            self.warnings.remove(&child);
        }
        self.warnings.set_visible(!warnings.is_empty());
        for warning in warnings {
            let key = match (warning, days_left) {
                (Warning::ExpiresSoon, Some(_)) => "before-pin-expires-in",
                (Warning::ExpiresSoon, None) => "before-pin-expires",
                (Warning::StatusUnknown, _) => "before-pin-status-unknown",
                (Warning::PathUnknown, _) => "before-pin-path-unknown",
                (Warning::WeakAlgorithm, _) => "before-pin-weak-algorithm",
                (Warning::SoftwareToken, _) => "before-pin-software-token",
                (Warning::RocaKey, _) => "before-pin-roca-key",
            };
            let days = days_left.unwrap_or_default().into();
            let words = self.phrases.before_pin(key, [("days", days)]);
            self.warnings.append(&super::marked(
                "dialog-warning-symbolic",
                &words,
                &["warning", "small"],
            ));
        }
    }
}

/// What is not offered and why, so that nobody looks for it in vain.
fn not_valid_now(certificates: &[NotValidNow], phrases: Phrases) -> Option<String> {
    let named = certificates.iter().take(MAX_NOT_VALID).map(|one| {
        let key = if one.expired {
            "certificate-expired"
        } else {
            "certificate-not-yet"
        };
        let name = text::shown(&one.name).into();
        let day = text::date(&one.day, phrases.language()).into();
        phrases.fill(key, [("name", name), ("day", day)])
    });
    let named = named.collect::<Vec<_>>().join("; ");
    let count = [("count", certificates.len().into()), ("named", named.into())];
    (!certificates.is_empty()).then(|| phrases.fill("certificates-not-valid", count))
}

fn choice(question: &Question, phrases: Phrases) -> gtk4::DropDown {
    let lines: Vec<String> = question
        .certificates
        .iter()
        .map(|one| choice_line(one, phrases))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    gtk4::DropDown::from_strings(&lines)
}

fn choice_line(certificate: &ShownCertificate, phrases: Phrases) -> String {
    phrases.fill(
        "certificate-choice",
        [
            ("name", text::shown(&certificate.name).into()),
            ("issuer", text::shown(&certificate.issuer).into()),
            (
                "until",
                text::date(&certificate.not_after, phrases.language()).into(),
            ),
        ],
    )
}
