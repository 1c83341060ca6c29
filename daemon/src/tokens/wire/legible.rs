//! The texts of an answer, as a person and a log may see them. A worker has made them so; but what it runs could write to
//! the socket itself.

use super::{Answer, CertificateRecord, InitializeOutcome, KeyRecord, Surveyed};
use crate::legible;
use crate::tokens::{TokenEntry, TokenError, TokenId};

/// The longest text that is kept, in characters: labels have 255, names of readers 128.
const LONGEST: usize = 1024;

impl Answer {
    /// The same, with texts that cannot pass for others.
    pub(in crate::tokens) fn made_legible(mut self) -> Self {
        match &mut self {
            Self::Tokens(tokens) => tokens.iter_mut().for_each(of_entry),
            Self::Survey(tokens) => tokens.iter_mut().for_each(of_surveyed),
            Self::Certificates(records) => records.iter_mut().for_each(of_certificate),
            Self::Keys(keys) => keys.iter_mut().for_each(of_key),
            Self::Initialized(InitializeOutcome::Made(entry)) => of_entry(entry),
            Self::Initialized(_)
            | Self::Ready(_)
            | Self::Done
            | Self::Pin(_)
            | Self::Session { .. }
            | Self::Login(_)
            | Self::Signature(_)
            | Self::OfficerPin(_)
            | Self::AtReader => {}
        }
        self
    }
}

impl TokenError {
    /// The same, with texts that cannot pass for others.
    pub(in crate::tokens) fn made_legible(mut self) -> Self {
        match &mut self {
            Self::Load(text) | Self::Unsupported(text) | Self::Failed(text) => of_text(text),
            Self::Held { programs } => programs.iter_mut().for_each(of_text),
            _ => {}
        }
        self
    }
}

fn of_surveyed(surveyed: &mut Surveyed) {
    of_entry(&mut surveyed.entry);
    surveyed
        .certificates
        .iter_mut()
        .flatten()
        .for_each(of_certificate);
}

fn of_entry(entry: &mut TokenEntry) {
    let TokenId {
        serial,
        label,
        place,
        module,
    } = &mut entry.id;
    let always = [serial, label, module, &mut entry.manufacturer, &mut entry.model];
    let sometimes = [place, &mut entry.reader];
    always
        .into_iter()
        .chain(sometimes.into_iter().flatten())
        .for_each(of_text);
}

fn of_certificate(record: &mut CertificateRecord) {
    of_text(&mut record.label);
}

fn of_key(record: &mut KeyRecord) {
    of_text(&mut record.label);
}

fn of_text(text: &mut String) {
    *text = legible::line(text, LONGEST);
}
