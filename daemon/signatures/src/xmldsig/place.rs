//! Where in a document a signature will stand, and the elements that a template names by their paths.

use std::ops::Range;

use super::read::ReadSignature;
use super::template::{ReferenceTarget, Template};
use super::write::XmlPrepareError;
use crate::xml::{Document, ElementId};

/// Gives each referenced element the Id that the template has for it, where it has none.
pub(super) fn with_ids(bytes: Vec<u8>, template: &Template) -> Result<Vec<u8>, XmlPrepareError> {
    let document = Document::parse(&bytes)?;
    let mut edits: Vec<(usize, String)> = Vec::new();
    for reference in &template.references {
        let ReferenceTarget::Element(path) = &reference.target else {
            continue;
        };
        let Some(element) = walk(&document, path)
            .filter(|(_, rest)| rest.is_empty())
            .map(|(found, _)| found)
        else {
            continue;
        };
        if document.id(element).is_none() {
            let id = reference
                .id
                .clone()
                .ok_or_else(|| XmlPrepareError::NoId(path.join("/")))?;
            if !document.with_id(&id).is_empty() {
                return Err(XmlPrepareError::IdAmbiguous(id));
            }
            let at = document.span(element).start + 1 + document.name(element).len();
            edits.push((at, format!(" {}=\"{id}\"", reference.id_attribute.name())));
        }
    }
    if edits.is_empty() {
        return Ok(bytes);
    }
    edits.sort();
    let mut bytes = bytes;
    for (at, text) in edits.into_iter().rev() {
        bytes.splice(at..at, text.into_bytes());
    }
    Ok(bytes)
}

/// Follows a path as far as it goes: the element, and the steps that are left. None when not even the first fits.
pub(super) fn walk<'p>(document: &Document<'_>, path: &'p [String]) -> Option<(ElementId, &'p [String])> {
    let fits =
        |element: ElementId, step: &str| match step.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((namespace, local)) => document.is(element, namespace, local),
            None => step == "*" || document.local_name(element) == step,
        };
    let (first, mut rest) = path.split_first()?;
    let mut at = document.elements().find(|element| fits(*element, first))?;
    while let Some((step, after)) = rest.split_first() {
        let Some(child) = document.children(at).find(|child| fits(*child, step)) else {
            break;
        };
        (at, rest) = (child, after);
    }
    Some((at, rest))
}

/// Where a signature will stand.
pub(crate) struct Place {
    /// The element that is there and that it becomes part of; none for a document of its own.
    pub(super) parent: Option<ElementId>,
    pub(super) range: Range<usize>,
    pub(super) open: String,
    pub(super) close: String,
}

impl Place {
    /// A document of its own.
    pub(crate) const fn alone() -> Self {
        Self {
            parent: None,
            range: 0..0,
            open: String::new(),
            close: String::new(),
        }
    }

    /// As the last child of an element.
    pub(crate) fn last_in(document: &Document<'_>, parent: ElementId) -> Self {
        let end = document.content_span(parent).end;
        if document.is_one_tag(parent) && document.text()[..end].ends_with("/>") {
            let name = document.name(parent);
            return Self {
                parent: Some(parent),
                range: end - 2..end,
                open: ">".to_owned(),
                close: format!("</{name}>"),
            };
        }
        Self {
            parent: Some(parent),
            range: end..end,
            open: String::new(),
            close: String::new(),
        }
    }

    pub(super) fn find(
        document: &Document<'_>,
        path: &[String],
        create: bool,
    ) -> Result<Self, XmlPrepareError> {
        let nowhere = || XmlPrepareError::NoPlace(path.join("/"));
        let (parent, missing) = walk(document, path).ok_or_else(nowhere)?;
        if !missing.is_empty() && !create {
            return Err(nowhere());
        }
        let mut place = Self::last_in(document, parent);
        let prefix = document
            .name(parent)
            .rsplit_once(':')
            .map_or("", |(prefix, _)| prefix);
        let colon = if prefix.is_empty() { "" } else { ":" };
        for step in missing {
            place.open += &format!("<{prefix}{colon}{step}>");
        }
        let closing: String = missing
            .iter()
            .rev()
            .map(|step| format!("</{prefix}{colon}{step}>"))
            .collect();
        place.close = closing + &place.close;
        Ok(place)
    }

    /// Whether the document has signatures. Those over all of it (`URI=""`) hold within no other; those over a part may
    /// not, for C14N takes along what namespaces the elements around have.
    pub(crate) fn has_signatures(document: &Document<'_>) -> bool {
        !super::verify::signature_elements(document).is_empty()
    }

    /// Refuses to stand in what another signature covers, unless that one is a counter-signature's business, and in
    /// another signature itself, which has no place for it.
    pub(crate) fn check_signatures(&self, document: &Document<'_>) -> Result<(), XmlPrepareError> {
        let Some(parent) = self.parent else {
            return Ok(());
        };
        for element in super::verify::signature_elements(document) {
            let Ok(signature) = ReadSignature::read(document, element) else {
                continue;
            };
            let covers = |uri: &str| {
                uri.is_empty()
                    || uri.strip_prefix('#').is_some_and(|id| {
                        document
                            .with_id(id)
                            .iter()
                            .any(|signed| document.contains(*signed, parent))
                    })
            };
            let uris = signature
                .references
                .iter()
                .filter_map(|reference| reference.uri.as_deref());
            if document.contains(element, parent) || uris.into_iter().any(covers) {
                return Err(XmlPrepareError::WouldBreakSignature);
            }
        }
        Ok(())
    }
}
