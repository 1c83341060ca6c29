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
        let Some((element, [])) = walk(&document, path)? else {
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
            check_covered(&document, element)?;
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

/// Follows a path as far as it goes: the element, and the steps that are left. None when not even the first fits. What
/// stands in an element that the first step fits is not looked at for another one.
///
/// # Errors
/// [`XmlPrepareError::Several`] when it leads to more than one element.
pub(super) fn walk<'p>(
    document: &Document<'_>,
    path: &'p [String],
) -> Result<Option<(ElementId, &'p [String])>, XmlPrepareError> {
    let fits = |element: ElementId, step: &str| match qualified(step) {
        Some((namespace, local)) => document.is(element, namespace, local),
        None => step == "*" || document.local_name(element) == step,
    };
    let Some((first, mut rest)) = path.split_first() else {
        return Ok(None);
    };
    let mut found: Vec<ElementId> = Vec::new();
    for element in document.elements() {
        let inside = found
            .last()
            .is_some_and(|outer| document.contains(*outer, element));
        if !inside && fits(element, first) {
            found.push(element);
        }
    }
    while let Some((step, after)) = rest.split_first() {
        let mut further = Vec::new();
        for element in &found {
            further.extend(document.children(*element).filter(|child| fits(*child, step)));
        }
        if further.is_empty() {
            break;
        }
        (found, rest) = (further, after);
    }
    match found[..] {
        [] => Ok(None),
        [element] => Ok(Some((element, rest))),
        _ => Err(XmlPrepareError::Several(path.join("/"))),
    }
}

/// Namespace and name of a step that says both.
fn qualified(step: &str) -> Option<(&str, &str)> {
    step.strip_prefix('{').and_then(|rest| rest.split_once('}'))
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

    pub(super) fn find<'p>(
        document: &Document<'_>,
        path: &'p [String],
        create: bool,
    ) -> Result<Self, XmlPrepareError> {
        let nowhere = || XmlPrepareError::NoPlace(path.join("/"));
        let (parent, missing) = walk(document, path)?.ok_or_else(nowhere)?;
        if !missing.is_empty() && !create {
            return Err(nowhere());
        }
        let mut place = Self::last_in(document, parent);
        let prefix = document
            .name(parent)
            .rsplit_once(':')
            .map_or("", |(prefix, _)| prefix);
        let colon = if prefix.is_empty() { "" } else { ":" };
        // What is made takes the prefix of what it is made in, and with it the namespace.
        let namespace = document.namespace(parent);
        let name = |step: &'p String| match qualified(step) {
            Some((wanted, local)) if wanted == namespace => Ok(local),
            None if step != "*" => Ok(step.as_str()),
            _ => Err(nowhere()),
        };
        let missing = missing.iter().map(name).collect::<Result<Vec<&str>, _>>()?;
        for step in &missing {
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
        self.parent
            .map_or(Ok(()), |parent| check_covered(document, parent))
    }
}

/// Refuses to change an element that a signature covers, or that is part of one.
fn check_covered(document: &Document<'_>, changed: ElementId) -> Result<(), XmlPrepareError> {
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
                        .any(|signed| document.contains(*signed, changed))
                })
        };
        let uris = signature
            .references
            .iter()
            .filter_map(|reference| reference.uri.as_deref());
        if document.contains(element, changed) || uris.into_iter().any(covers) {
            return Err(XmlPrepareError::WouldBreakSignature);
        }
    }
    Ok(())
}
