//! What happened, in words for people, where the code alone does not say it.

use std::io;

use trien_protocol::call::Language;
use trien_protocol::error::Bilingual;
use trien_signatures::cades::FurtherError;
use trien_signatures::cms::PrepareError;
use trien_signatures::pades::{AppearanceError, PadesError};
use trien_signatures::pdf::PdfError;
use trien_signatures::xmldsig::{TemplateError, XmlPrepareError};

use super::{Argument, Fault, Flaw, HIDDEN_REMEDY, JobError};
use crate::language::{self, Arguments, arguments, in_toml};
use crate::tokens::{DiskFault, LoginError, TokenError};

/// What is said instead of the code's own text; none if that says it all.
pub(super) fn message(error: &JobError) -> Option<Bilingual> {
    let said = |language| {
        let (key, facts) = words(error, language)?;
        Some(language::text(language, key, &facts))
    };
    Some(Bilingual {
        vi: said(Language::Vi)?,
        en: said(Language::En)?,
    })
}

/// What to do about it, where the code's own text does not say it.
pub(super) const fn remedy(error: &JobError) -> Option<&'static str> {
    match error {
        JobError::CertificatesHidden => Some(HIDDEN_REMEDY),
        JobError::TaxCodes => Some("error-tax-codes-remedy"),
        JobError::Changed(_) => Some("error-document-altered-meanwhile-remedy"),
        JobError::Token(TokenError::Crowded) | JobError::Login(LoginError::Token(TokenError::Crowded)) => {
            Some("error-token-failed-crowded-remedy")
        }
        JobError::Token(TokenError::Disk(fault))
        | JobError::Login(LoginError::Token(TokenError::Disk(fault))) => Some(match fault {
            DiskFault::Full => "error-token-full-disk-remedy",
            DiskFault::ReadOnly => "error-token-read-only-disk-remedy",
        }),
        JobError::Pades(PadesError::SeedValue(_)) => Some("locked-seed-remedy"),
        JobError::Pades(PadesError::NotFirst) => Some("locked-not-first-remedy"),
        JobError::Xml(XmlPrepareError::Several(_)) => Some("xml-several-remedy"),
        JobError::Xml(XmlPrepareError::NoPlace(_) | XmlPrepareError::NoTarget(_)) => {
            Some("xml-no-element-remedy")
        }
        JobError::Xml(XmlPrepareError::NoId(_)) => Some("xml-no-id-remedy"),
        JobError::Xml(XmlPrepareError::IdAmbiguous(_)) => Some("xml-id-ambiguous-remedy"),
        JobError::Xml(XmlPrepareError::RelativeNamespace) => Some("xml-relative-namespace-remedy"),
        JobError::ReadBack(_) | JobError::Cms(PrepareError::EmptyContent) => Some("flaw-remedy"),
        _ => None,
    }
}

fn words(error: &JobError, language: Language) -> Option<(&'static str, Arguments)> {
    let plain = |key| Some((key, Arguments::new()));
    match error {
        JobError::Forbidden(_, refused) => Some((
            "error-document-forbidden-because",
            arguments([("reasons", refused.said(language))]),
        )),
        JobError::Changed(_) => plain("error-document-altered-meanwhile"),
        JobError::TaxCodes => plain("error-tax-codes"),
        JobError::Token(TokenError::Crowded) | JobError::Login(LoginError::Token(TokenError::Crowded)) => {
            plain("error-token-failed-crowded")
        }
        JobError::Token(TokenError::Disk(fault))
        | JobError::Login(LoginError::Token(TokenError::Disk(fault))) => plain(match fault {
            DiskFault::Full => "error-token-full-disk",
            DiskFault::ReadOnly => "error-token-read-only-disk",
        }),
        JobError::Argument(argument) => Some(of_argument(argument, language)),
        JobError::Template(error) => Some(of_template(error, language)),
        JobError::Pades(error) => of_pades(error),
        JobError::Cms(PrepareError::EmptyContent) => plain("jws-empty"),
        JobError::ReadBack(Flaw::New(_)) => plain("flaw-new"),
        JobError::ReadBack(Flaw::Earlier(_)) => plain("flaw-earlier"),
        JobError::Xml(error) => of_xml(error),
        JobError::Further(FurtherError::ContentMissing) => plain("further-content-missing"),
        JobError::Further(FurtherError::OtherContent) => plain("further-other-content"),
        _ => None,
    }
}

/// None for what is no XML: the code's own text says that.
fn of_xml(error: &XmlPrepareError) -> Option<(&'static str, Arguments)> {
    let (key, path) = match error {
        XmlPrepareError::WouldBreakSignature => return Some(("locked-xml", Arguments::new())),
        XmlPrepareError::RelativeNamespace => return Some(("xml-relative-namespace", Arguments::new())),
        XmlPrepareError::Several(path) => ("xml-several", path),
        XmlPrepareError::NoPlace(path) => ("xml-no-place", path),
        XmlPrepareError::NoTarget(path) => ("xml-no-target", path),
        XmlPrepareError::NoId(path) => ("xml-no-id", path),
        XmlPrepareError::IdAmbiguous(id) => ("xml-id-ambiguous", id),
        _ => return None,
    };
    Some((key, arguments([("path", path.clone())])))
}

fn of_pades(error: &PadesError) -> Option<(&'static str, Arguments)> {
    let plain = |key| Some((key, Arguments::new()));
    match error {
        PadesError::Appearance(error) => Some(of_appearance(error)),
        PadesError::FieldLocks => plain("argument-field-locks"),
        PadesError::FieldName => plain("argument-field-name"),
        PadesError::FieldPlace => plain("argument-field-place"),
        PadesError::FieldSigned => plain("argument-field-signed"),
        PadesError::NoSuchField => plain("argument-no-such-field"),
        PadesError::NoFieldToLock(name) => {
            Some(("argument-no-field-to-lock", arguments([("name", name.clone())])))
        }
        PadesError::TextTooLong => plain("argument-text-too-long"),
        PadesError::NotFirst => plain("locked-not-first"),
        PadesError::SeedValue(entry) => {
            let key = match *entry {
                "Filter" | "SubFilter" => "locked-seed-format",
                "DigestMethod" => "locked-seed-hash",
                "Reasons" => "locked-seed-reason",
                "LegalAttestation" => "locked-seed-attestation",
                "AddRevInfo" => "locked-seed-revocation",
                "Cert" => "locked-seed-certificate",
                "MDP" => "locked-seed-certify",
                _ => "locked-seed",
            };
            Some((key, arguments([("entry", (*entry).to_owned())])))
        }
        PadesError::Pdf(PdfError::Locked) => plain("locked-certified"),
        PadesError::Pdf(PdfError::FieldLocked) => plain("locked-field"),
        PadesError::Pdf(PdfError::PageOutOfRange { page, pages }) => Some((
            "argument-no-such-page",
            arguments([("page", page.to_string()), ("pages", pages.to_string())]),
        )),
        _ => None,
    }
}

fn of_appearance(error: &AppearanceError) -> (&'static str, Arguments) {
    let key = match error {
        AppearanceError::Certified => "argument-certified",
        AppearanceError::CodeTooLong => "argument-code-too-long",
        AppearanceError::CodeTooSmall => "argument-code-too-small",
        AppearanceError::MissingGlyph(letter) => {
            let code = format!("U+{:04X}", u32::from(*letter));
            return ("argument-letter", arguments([("code", code)]));
        }
        AppearanceError::NoKeyword => "argument-no-keyword",
        AppearanceError::NoSignature => "argument-no-signature",
        AppearanceError::OutsidePage => "argument-outside-page",
        AppearanceError::TextTooLong => "argument-too-small",
        _ => "argument-appearance",
    };
    (key, Arguments::new())
}

fn of_argument(argument: &Argument, language: Language) -> (&'static str, Arguments) {
    let key = match argument {
        Argument::PdfOnly => "argument-pdf-only",
        Argument::NoReason => "argument-no-reason",
        Argument::NoSuchLevel => "argument-no-such-level",
        Argument::SeveralSignatures => "argument-several-signatures",
        Argument::NoTemplate(_) => "argument-no-template",
        Argument::PresetName => "argument-preset-name",
        Argument::PictureElsewhere => "argument-picture-elsewhere",
        Argument::Picture(_) => "argument-picture",
        Argument::Template(fault) => {
            let reason = of_fault(fault, language);
            return ("argument-template", arguments([("reason", reason)]));
        }
        Argument::Preset { name, fault } => {
            let facts = [("name", name.clone()), ("reason", of_fault(fault, language))];
            return ("argument-preset", arguments(facts));
        }
        Argument::NoPreset(name) => return ("argument-no-preset", arguments([("name", name.clone())])),
        Argument::ValueMissing { preset, value } => {
            let facts = [("name", preset.clone()), ("value", value.clone())];
            return ("argument-value-missing", arguments(facts));
        }
        Argument::ValueUnknown { preset, value, known } => {
            let facts = [
                ("name", preset.clone()),
                ("value", value.clone()),
                ("known", known.clone()),
                (
                    "takes",
                    if known.is_empty() { "nothing" } else { "some" }.to_owned(),
                ),
            ];
            return ("argument-value-unknown", arguments(facts));
        }
        Argument::PictureMissing(name) => {
            return ("argument-picture-missing", arguments([("name", name.clone())]));
        }
        Argument::File { file, cause } => {
            let facts = [("file", file.clone()), ("reason", of_system(cause, language))];
            return ("argument-file", arguments(facts));
        }
    };
    (key, Arguments::new())
}

fn of_fault(fault: &Fault, language: Language) -> String {
    match fault {
        Fault::Io(error) => of_system(error, language),
        Fault::Name => language::plain(language, "fault-name"),
        Fault::Utf8 => language::plain(language, "fault-utf8"),
        Fault::Toml { line: None, said } => in_toml(said, language),
        Fault::Toml {
            line: Some(line),
            said,
        } => {
            let facts = [("line", line.to_string()), ("fault", in_toml(said, language))];
            language::text(language, "fault-in-line", &arguments(facts))
        }
        Fault::Measure => language::plain(language, "fault-measure"),
    }
}

fn of_template(error: &TemplateError, language: Language) -> (&'static str, Arguments) {
    let said = |key, named: &str| language::text(language, key, &arguments([("value", named.to_owned())]));
    let reason = match error {
        TemplateError::TooLong(_) => said("fault-too-long", ""),
        TemplateError::Malformed(reader) => in_toml(reader, language),
        TemplateError::Path(path) => said("fault-path", path),
        TemplateError::References(count) => said("fault-references", &count.to_string()),
        TemplateError::Canonicalization(method) => said("fault-canonicalization", method),
        TemplateError::Transform(method) => said("fault-transform", method),
        TemplateError::SignsItself => said("fault-signs-itself", ""),
        TemplateError::Id(id) => said("fault-id", id),
        TemplateError::KeyInfo => said("fault-key-info", ""),
        TemplateError::SigningTime => said("fault-signing-time", ""),
        _ => said("fault-unknown", ""),
    };
    ("argument-template", arguments([("reason", reason)]))
}

fn of_system(error: &io::Error, language: Language) -> String {
    language::system_said(error, language)
}
