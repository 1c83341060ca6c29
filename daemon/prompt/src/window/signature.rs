//! What the page has put into each signature: it is signed with the document, so the person sees it.

use gtk4::prelude::*;
use trien_protocol::call::{Certification, SignatureFormat};
use trien_protocol::prompt::ShownSignature;

use super::{Phrases, label, layout};
use crate::text;

/// Builds the area.
pub(super) fn build(signature: &ShownSignature, phrases: Phrases) -> gtk4::Box {
    let grid = gtk4::Grid::builder().row_spacing(4).column_spacing(16).build();
    grid.set_css_classes(&["card", "padded"]);
    layout::fill(&grid, &lines(signature, phrases));
    let heading = label(&phrases.say("signature"), &["heading"]);
    let area = gtk4::Box::new(gtk4::Orientation::Vertical, 6);
    area.append(&heading);
    area.append(&grid);
    area
}

fn lines(signature: &ShownSignature, phrases: Phrases) -> Vec<(String, String)> {
    let format = match signature.format {
        SignatureFormat::Pades => phrases.say("format-pades"),
        SignatureFormat::CadesAttached => phrases.say("format-cades-attached"),
        SignatureFormat::CadesDetached => phrases.say("format-cades-detached"),
        SignatureFormat::CadesParallel => phrases.say("format-cades-parallel"),
        SignatureFormat::CadesCounter => phrases.say("format-cades-counter"),
        SignatureFormat::XadesEnveloped => phrases.say("format-xades-enveloped"),
        SignatureFormat::XadesEnveloping => phrases.say("format-xades-enveloping"),
        SignatureFormat::XadesDetached => phrases.say("format-xades-detached"),
        SignatureFormat::Xmldsig => phrases.say("format-xmldsig"),
        SignatureFormat::JadesCompact | SignatureFormat::JadesJson => phrases.say("format-jades"),
        SignatureFormat::AsicE | SignatureFormat::AsicECades => phrases.say("format-asic-e"),
        SignatureFormat::AsicS | SignatureFormat::AsicSCades => phrases.say("format-asic-s"),
        SignatureFormat::Ooxml => phrases.say("format-ooxml"),
    };
    let mut lines = vec![("signature-format", format)];
    if signature.visible {
        lines.push(("signature-appearance", phrases.say("signature-visible")));
    }
    if let Some(certify) = signature.certify {
        let said = match certify {
            Certification::Nothing => "certifies-nothing",
            Certification::Forms => "certifies-forms",
            Certification::Comments => "certifies-comments",
        };
        lines.push(("signature-certifies", phrases.say(said)));
    }
    if signature.locks {
        lines.push(("signature-locks", phrases.say("locks-fields")));
    }
    if let Some(reason) = &signature.reason {
        lines.push(("signature-reason", text::statement(reason)));
    }
    if let Some(location) = &signature.location {
        lines.push(("signature-location", text::statement(location)));
    }
    lines
        .into_iter()
        .map(|(key, value)| (phrases.say(key), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use trien_protocol::call::Language;
    use trien_protocol::limits::MAX_TEXT;

    use super::*;

    fn signature() -> ShownSignature {
        ShownSignature {
            format: SignatureFormat::Pades,
            reason: Some("Nộp hồ sơ".into()),
            location: Some("Thủ Đức".into()),
            visible: true,
            certify: None,
            locks: false,
        }
    }

    fn values(signature: &ShownSignature, language: Language) -> Vec<String> {
        let lines = lines(signature, Phrases::new(language));
        lines
            .into_iter()
            .map(|(key, value)| format!("{key}: {value}"))
            .collect()
    }

    #[test]
    fn all_that_is_signed_is_shown() {
        assert_eq!(
            values(&signature(), Language::Vi),
            [
                "Định dạng: PAdES: chữ ký nằm trong tệp PDF",
                "Hình thức: Chữ ký hiển thị trên trang",
                "Trang web ghi lý do: Nộp hồ sơ",
                "Nơi ký: Thủ Đức",
            ]
        );
        assert_eq!(
            values(&signature(), Language::En)[1..3],
            [
                "Appearance: The signature shows on the page",
                "Reason, by the site: Nộp hồ sơ"
            ]
        );
    }

    #[test]
    fn a_certification_is_told() {
        let certifying = ShownSignature {
            certify: Some(Certification::Nothing),
            locks: true,
            reason: None,
            location: None,
            ..signature()
        };
        assert_eq!(
            values(&certifying, Language::En)[2..],
            [
                "Certification: Nobody may change the document afterwards",
                "Form fields: Locked afterwards"
            ]
        );
        assert_eq!(values(&certifying, Language::Vi).len(), 4);
    }

    #[test]
    fn what_is_absent_is_not_shown() {
        for format in [SignatureFormat::CadesAttached, SignatureFormat::CadesDetached] {
            let bare = ShownSignature {
                format,
                reason: None,
                location: None,
                visible: false,
                certify: None,
                locks: false,
            };
            assert_eq!(values(&bare, Language::Vi).len(), 1);
        }
    }

    #[test]
    fn a_hostile_reason_is_one_harmless_value() {
        let mut hostile = signature();
        hostile.reason = Some(format!("\u{202E}<b>vay</b>\nNơi ký: {}", "x".repeat(10_240)));
        hostile.location = Some(String::new());
        let lines = lines(&hostile, Phrases::new(Language::Vi));
        assert_eq!(lines.len(), 4);
        assert!(lines[2].1.starts_with("\u{FFFD}<b>vay</b> Nơi ký: xxx"));
        assert_eq!(lines[2].1.chars().count(), MAX_TEXT);
        assert_eq!(lines[3].1, "\u{FFFD}");
    }
}
