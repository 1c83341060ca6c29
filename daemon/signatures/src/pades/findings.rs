//! What a PDF would do by itself in a reader that lets it, or when it is clicked at: scripts, programs, data sent away,
//! other files and addresses (ISO 32000-1, 7.11.4, 12.6, 12.7.8, 13; ISO 32000-2, 13.7). It is listed; nothing of it is
//! run here.
//!
//! And what its structure tells of things that one reader may show and another not, or that are not what they show
//! ([`annotations`], [`bodies`], [`fields`], [`layers`], [`missing`],
//! [`text`]). They are found where they are certain: a document that is not suspicious
//! gives no such finding, and one that gives none may still deceive.

mod annotations;
mod bodies;
mod fields;
mod layers;
mod missing;
mod text;

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
/// Operators of the pages whose text is read.
const MAX_READ: usize = 4_000_000;
/// Letters of pages, times the rectangles that each is compared with.
const MAX_COMPARED: usize = 100_000_000;

struct Found {
    findings: Vec<Finding>,
    /// What is left of [`MAX_OPERATORS`].
    operators: usize,
    /// What is left of [`MAX_READ`].
    read: usize,
    /// What is left of [`MAX_COMPARED`].
    compared: usize,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            findings: Vec::new(),
            operators: MAX_OPERATORS,
            read: MAX_READ,
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
            if let Some(action) = opening.as_deref().and_then(Value::dictionary) {
                let kinds = names(document, action, b"S")?;
                if kinds.is_empty() || kinds.iter().any(|kind| kind != b"GoTo") {
                    self.add(FindingKind::OpenAction, Some(catalog.id.number));
                }
            }
        }
        if let Some(form) = Form::of(document)?
            && form.dictionary().get(b"XFA").is_some()
        {
            self.add(FindingKind::Xfa, Some(form.holder.id.number));
        }
        let mut numbers: Vec<u32> = document.numbers().collect();
        numbers.sort_unstable();
        let mut bodies = bodies::Bodies::default();
        for number in numbers {
            let generation = match document.entry(number) {
                Some(Entry::InUse { generation, .. }) => generation,
                Some(Entry::Compressed { .. }) => 0,
                _ => continue,
            };
            match document.object(ObjectId { number, generation }) {
                Ok(Some(located)) => {
                    bodies.add(document, &located);
                    missing::search(document, &located, self);
                    self.walk(document, number, &located.node.value)?;
                }
                Ok(None) => {}
                Err(error @ PdfError::TooMany(_)) => return Err(error),
                // Another reader may make something of it.
                Err(_) => self.add(FindingKind::Unsearched, Some(number)),
            }
        }
        bodies.search(document, self)
    }

    /// What is shown with what is there.
    fn compare(&mut self, document: &Document<'_>) -> Result<(), PdfError> {
        let form = form::fields(document)?;
        layers::search(document, self)?;
        fields::search(document, &form, self)?;
        annotations::search(document, &form, self)?;
        text::search(document, self)
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
    fn walk(&mut self, document: &Document<'_>, number: u32, value: &Value) -> Result<(), PdfError> {
        match value {
            Value::Array(nodes) => {
                let mut nodes = nodes.iter();
                nodes.try_for_each(|node| self.walk(document, number, &node.value))
            }
            Value::Dictionary(dictionary) => {
                let kinds = kinds(document, dictionary).map(Some);
                for kind in self.unless_too_many(number, kinds)?.unwrap_or_default() {
                    self.add(kind, Some(number));
                }
                let mut entries = dictionary.iter();
                entries.try_for_each(|(_, node)| self.walk(document, number, &node.value))
            }
            _ => Ok(()),
        }
    }
}

/// What one dictionary is, of all these.
fn kinds(document: &Document<'_>, dictionary: &Dictionary) -> Result<Vec<FindingKind>, PdfError> {
    let mut kinds = Vec::new();
    for name in names(document, dictionary, b"S")? {
        let has = |key: &[u8]| dictionary.get(key).is_some();
        kinds.extend(match name.as_slice() {
            b"JavaScript" => Some(FindingKind::JavaScript),
            b"Launch" => Some(FindingKind::Launch),
            b"SubmitForm" => Some(FindingKind::SubmitForm),
            b"ImportData" => Some(FindingKind::ImportData),
            b"URI" => Some(FindingKind::Uri),
            b"GoToR" => Some(FindingKind::GoToRemote),
            b"Thread" if has(b"F") => Some(FindingKind::GoToRemote),
            b"GoToE" => Some(FindingKind::GoToEmbedded),
            b"Hide" | b"SetOCGState" => Some(FindingKind::ChangesShown),
            // A rendition may bring a script, too (12.6.4.13).
            b"Rendition" if has(b"JS") => Some(FindingKind::JavaScript),
            b"Rendition" | b"Movie" | b"Sound" | b"RichMediaExecute" => Some(FindingKind::RichMedia),
            _ => None,
        });
    }
    let media: [&[u8]; 5] = [b"RichMedia", b"3D", b"Screen", b"Movie", b"Sound"];
    let subtypes = names(document, dictionary, b"Subtype")?;
    let is_media = subtypes.iter().any(|subtype| media.contains(&subtype.as_slice()));
    let others = [
        (dictionary.get(b"AA").is_some(), FindingKind::AdditionalActions),
        (is_media, FindingKind::RichMedia),
        (dictionary.get(b"EF").is_some(), FindingKind::EmbeddedFile),
        (
            layers::is_shown_when_others_are_not(document, dictionary)?,
            FindingKind::HiddenLayer,
        ),
    ];
    kinds.extend(others.into_iter().filter_map(|(is, kind)| is.then_some(kind)));
    Ok(kinds)
}

/// What a key names, be it here or in an object of its own. Of a key that stands twice readers take the one or the other.
fn names(document: &Document<'_>, dictionary: &Dictionary, key: &[u8]) -> Result<Vec<Vec<u8>>, PdfError> {
    let mut names = Vec::new();
    for (_, node) in dictionary.iter().filter(|(name, _)| *name == key) {
        names.extend(document.resolve(node)?.name().map(<[u8]>::to_vec));
    }
    Ok(names)
}
