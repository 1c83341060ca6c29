//! What a PDF would do by itself in a reader that lets it: scripts, programs, data sent away, other files (ISO 32000-1,
//! 7.11.4, 12.6, 12.7.8, 13; ISO 32000-2, 13.7). It is listed; nothing of it is run here.
//!
//! And what its structure tells of things that one reader may show and another not, or that are not what they show
//! ([`annotations`], [`fields`], [`layers`]). They are found where they are certain: a document that is not suspicious
//! gives no such finding, and one that gives none may still deceive.

mod annotations;
mod fields;
mod layers;

use super::form::{self, Form};
use crate::pdf::{Dictionary, Document, Entry, ObjectId, PdfError, Value};
use crate::report::{Finding, FindingKind};

/// One for each kind, in the order of [`FindingKind`].
pub(super) fn of(document: &Document<'_>) -> Vec<Finding> {
    let mut found = Found::default();
    let searched = found.search(document).and_then(|()| found.compare(document));
    if searched.is_err() {
        found.add(FindingKind::Unsearched, None);
    }
    found.findings.sort_by_key(|finding| finding.kind);
    found.findings
}

/// Operators of all the content that is looked at.
const MAX_OPERATORS: usize = 1_000_000;
/// Letters of pages, times the rectangles that each is compared with.
const MAX_COMPARED: usize = 20_000_000;

struct Found {
    findings: Vec<Finding>,
    /// What is left of [`MAX_OPERATORS`].
    operators: usize,
    /// What is left of [`MAX_COMPARED`].
    compared: usize,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            findings: Vec::new(),
            operators: MAX_OPERATORS,
            compared: MAX_COMPARED,
        }
    }
}

impl Found {
    fn add(&mut self, kind: FindingKind, object: Option<u32>) {
        match self.findings.iter_mut().find(|finding| finding.kind == kind) {
            Some(finding) => finding.count = finding.count.saturating_add(1),
            None => self.findings.push(Finding {
                kind,
                count: 1,
                object,
            }),
        }
    }

    fn search(&mut self, document: &Document<'_>) -> Result<(), PdfError> {
        let catalog = document.catalog()?;
        if let Some(dictionary) = catalog.dictionary() {
            let opening = document.get(dictionary, b"OpenAction")?;
            // A place in the document to begin at is no action.
            let action = opening.as_deref().and_then(Value::dictionary);
            if action.is_some_and(|action| name(action, b"S") != Some(b"GoTo")) {
                self.add(FindingKind::OpenAction, Some(catalog.id.number));
            }
        }
        if let Some(form) = Form::of(document)?
            && form.dictionary().get(b"XFA").is_some()
        {
            self.add(FindingKind::Xfa, Some(form.holder.id.number));
        }
        let mut numbers: Vec<u32> = document.numbers().collect();
        numbers.sort_unstable();
        for number in numbers {
            let generation = match document.entry(number) {
                Some(Entry::InUse { generation, .. }) => generation,
                Some(Entry::Compressed { .. }) => 0,
                _ => continue,
            };
            match document.object(ObjectId { number, generation }) {
                Ok(Some(located)) => self.walk(number, &located.node.value),
                Ok(None) => {}
                Err(error @ PdfError::TooMany(_)) => return Err(error),
                // Another reader may make something of it.
                Err(_) => self.add(FindingKind::Unsearched, Some(number)),
            }
        }
        Ok(())
    }

    /// What is shown with what is there.
    fn compare(&mut self, document: &Document<'_>) -> Result<(), PdfError> {
        let form = form::fields(document)?;
        layers::search(document, self)?;
        fields::search(document, &form, self)?;
        annotations::search(document, &form, self)
    }

    /// Notes an object of which one thing cannot be looked at.
    ///
    /// # Errors
    /// What ends the search: a limit that is reached.
    fn unless_too_many<T>(
        &mut self,
        object: u32,
        result: Result<Option<T>, PdfError>,
    ) -> Result<Option<T>, PdfError> {
        match result {
            Ok(value) => Ok(value),
            Err(error @ PdfError::TooMany(_)) => Err(error),
            Err(_) => {
                self.add(FindingKind::Unsearched, Some(object));
                Ok(None)
            }
        }
    }

    /// Recursion as deep as the parser's, which has a limit.
    fn walk(&mut self, number: u32, value: &Value) {
        match value {
            Value::Array(nodes) => nodes.iter().for_each(|node| self.walk(number, &node.value)),
            Value::Dictionary(dictionary) => {
                for kind in kinds(dictionary) {
                    self.add(kind, Some(number));
                }
                dictionary
                    .iter()
                    .for_each(|(_, node)| self.walk(number, &node.value));
            }
            _ => {}
        }
    }
}

/// What one dictionary is, of all these.
fn kinds(dictionary: &Dictionary) -> impl Iterator<Item = FindingKind> {
    let action = match name(dictionary, b"S") {
        Some(b"JavaScript") => Some(FindingKind::JavaScript),
        Some(b"Launch") => Some(FindingKind::Launch),
        Some(b"SubmitForm") => Some(FindingKind::SubmitForm),
        Some(b"ImportData") => Some(FindingKind::ImportData),
        // A rendition may bring a script, too (12.6.4.13).
        Some(b"Rendition") if dictionary.get(b"JS").is_some() => Some(FindingKind::JavaScript),
        _ => None,
    };
    let media: [&[u8]; 5] = [b"RichMedia", b"3D", b"Screen", b"Movie", b"Sound"];
    let is_media = name(dictionary, b"Subtype").is_some_and(|subtype| media.contains(&subtype));
    let others = [
        (dictionary.get(b"AA").is_some(), FindingKind::AdditionalActions),
        (is_media, FindingKind::RichMedia),
        (dictionary.get(b"EF").is_some(), FindingKind::EmbeddedFile),
        (
            layers::is_shown_when_others_are_not(dictionary),
            FindingKind::HiddenLayer,
        ),
    ];
    let others = others.into_iter().filter_map(|(is, kind)| is.then_some(kind));
    action.into_iter().chain(others)
}

fn name<'n>(dictionary: &'n Dictionary, key: &[u8]) -> Option<&'n [u8]> {
    dictionary.get(key).and_then(|node| node.value.name())
}
