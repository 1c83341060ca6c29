//! What a PDF would do by itself in a reader that lets it: scripts, programs, data sent away, other files (ISO 32000-1,
//! 7.11.4, 12.6, 12.7.8, 13; ISO 32000-2, 13.7). It is listed; nothing of it is run here.

use super::form::Form;
use crate::pdf::{Dictionary, Document, Entry, ObjectId, PdfError, Value};
use crate::report::{Finding, FindingKind};

/// One for each kind, in the order of [`FindingKind`].
pub(super) fn of(document: &Document<'_>) -> Vec<Finding> {
    let mut found = Found::default();
    if found.search(document).is_err() {
        found.add(FindingKind::Unsearched, None);
    }
    found.0.sort_by_key(|finding| finding.kind);
    found.0
}

#[derive(Default)]
struct Found(Vec<Finding>);

impl Found {
    fn add(&mut self, kind: FindingKind, object: Option<u32>) {
        match self.0.iter_mut().find(|finding| finding.kind == kind) {
            Some(finding) => finding.count = finding.count.saturating_add(1),
            None => self.0.push(Finding {
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
    ];
    let others = others.into_iter().filter_map(|(is, kind)| is.then_some(kind));
    action.into_iter().chain(others)
}

fn name<'n>(dictionary: &'n Dictionary, key: &[u8]) -> Option<&'n [u8]> {
    dictionary.get(key).and_then(|node| node.value.name())
}
