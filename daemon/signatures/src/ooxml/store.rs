//! The custom XML data storage of a package (ECMA-376-1, 15.2.4 and 15.2.5): what Word keeps there for itself.
//!
//! Word leaves the items of the storage out of what it signs, unless they are ink: the sources of citations, which it
//! puts into documents unasked, and its own dates. What an item holds is shown only where a control of the document is
//! bound to it, so where none is, such items say nothing to the reader. Items of other applications are none of this.

use std::collections::HashSet;

use memchr::memmem;

use super::package::{self, Package};
use super::relationships::Relationship;
use crate::xml::Document;

/// Relationships of a part to an item, in the transitional and in the strict form.
const ITEM: [&str; 2] = [
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/customXml",
];

/// Relationships of an item to its properties.
const PROPERTIES: [&str; 2] = [
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXmlProps",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/customXmlProps",
];

/// The type that the properties have.
const PROPERTIES_TYPE: &str = "application/vnd.openxmlformats-officedocument.customXmlProperties+xml";

/// Root elements of the items that Word keeps for itself.
const ROOTS: [(&str, &str); 3] = [
    (
        "http://schemas.openxmlformats.org/officeDocument/2006/bibliography",
        "Sources",
    ),
    (
        "http://purl.oclc.org/ooxml/officeDocument/bibliography",
        "Sources",
    ),
    (
        "http://schemas.microsoft.com/office/2009/outspace/metadata",
        "outSpaceData",
    ),
];

/// The element of a control that binds it to an item (ECMA-376-1, 17.5.2.6), in the encodings that a part may have
/// (ECMA-376-2, 8.1.4). An element's name can be written in no other way.
const BINDING: [&[u8]; 2] = [b"dataBinding", b"d\0a\0t\0a\0B\0i\0n\0d\0i\0n\0g"];

/// Items, no larger than this, that are taken apart.
const MAX_ITEM: usize = 1 << 20;

/// The items that Word keeps for itself, and their properties.
#[derive(Debug, Default)]
pub(super) struct OwnItems {
    /// Names in lower case.
    parts: HashSet<String>,
}

impl OwnItems {
    /// Finds them, where nothing in the package is bound to an item.
    pub(super) fn find(package: &Package<'_>) -> Self {
        let items: HashSet<String> = targets(package, &ITEM)
            .filter(|name| is_own(package, name))
            .collect();
        if items.is_empty() || package.parts().iter().any(|part| is_bound(&part.entry.bytes)) {
            return Self::default();
        }
        let is_properties = |name: &String| package.content_type(name) == Some(PROPERTIES_TYPE);
        let properties: HashSet<String> = items
            .iter()
            .flat_map(|item| of(package, item).map(move |one| (item.as_str(), one)))
            .filter_map(|(item, one)| target(item, one, &PROPERTIES))
            .filter(is_properties)
            .collect();
        let mut parts: HashSet<String> = items.union(&properties).cloned().collect();
        // What is something else to another part as well is no mere item.
        for (source, one) in relationships(package) {
            if target(source, one, &ITEM).is_none() && target(source, one, &PROPERTIES).is_none() {
                let led = package::resolve(source, &one.target).map(|name| name.to_ascii_lowercase());
                parts.retain(|part| Some(part) != led.as_ref());
            }
        }
        Self { parts }
    }

    /// Whether the part is one of them; its name in lower case.
    pub(super) fn has(&self, folded: &str) -> bool {
        self.parts.contains(folded)
    }

    /// Whether the relationship leads to one of them, as such.
    pub(super) fn are_target_of(&self, source: &str, one: &Relationship) -> bool {
        [&ITEM, &PROPERTIES]
            .into_iter()
            .any(|kinds| target(source, one, kinds).is_some_and(|target| self.has(&target)))
    }
}

/// Every relationship, with its source.
fn relationships<'p>(package: &'p Package<'_>) -> impl Iterator<Item = (&'p str, &'p Relationship)> {
    let lists = package.parts().iter().filter_map(|part| part.list.as_ref());
    lists.flat_map(|(source, list)| list.iter().map(move |one| (source.as_str(), one)))
}

/// Those of one part.
fn of<'p>(package: &'p Package<'_>, source: &str) -> impl Iterator<Item = &'p Relationship> {
    package
        .relationships(source)
        .into_iter()
        .flat_map(|list| list.iter())
}

/// The parts, in lower case, that relationships of such kinds lead to.
fn targets<'p>(package: &'p Package<'_>, kinds: &'p [&str]) -> impl Iterator<Item = String> + 'p {
    relationships(package).filter_map(move |(source, one)| target(source, one, kinds))
}

/// The part, in lower case, that a relationship of such a kind leads to.
fn target(source: &str, one: &Relationship, kinds: &[&str]) -> Option<String> {
    if one.external || !kinds.contains(&one.kind.as_str()) {
        return None;
    }
    package::resolve(source, &one.target).map(|name| name.to_ascii_lowercase())
}

fn is_own(package: &Package<'_>, name: &str) -> bool {
    let Some(part) = package.part(name) else {
        return false;
    };
    let bytes = &part.entry.bytes;
    if package.content_type(name) != Some("application/xml") || bytes.len() > MAX_ITEM {
        return false;
    }
    Document::parse(bytes).is_ok_and(|document| {
        ROOTS
            .iter()
            .any(|(namespace, root)| document.is(document.root(), namespace, root))
    })
}

fn is_bound(bytes: &[u8]) -> bool {
    BINDING.iter().any(|name| memmem::find(bytes, name).is_some())
}
