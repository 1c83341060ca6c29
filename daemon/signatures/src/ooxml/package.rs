//! A package with one reading (ECMA-376-2, 9 and 10): every part has one name and one content type, and every list of
//! relationships belongs to a part that is there.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::relationships::Relationships;
use super::{CONTENT_TYPES, PackageError};
use crate::xml::{Document, attribute_value};
use crate::zip::{Container, Entry, percent_decoded};

/// The namespace of the list of content types.
const TYPES: &str = "http://schemas.openxmlformats.org/package/2006/content-types";

/// Where Office keeps what it saved over when it writes a package in its place. The name of no part can have such
/// brackets (ECMA-376-2, 9.1.1), so nothing leads there.
const DISCARDED: &str = "[trash]/";

/// What a relationship to the origin of the signatures is called.
pub(super) const ORIGIN: &str =
    "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin";

/// What a relationship from there to a signature is called.
pub(super) const SIGNATURE: &str =
    "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/signature";

/// What a relationship from there to a certificate is called.
pub(super) const CERTIFICATE: &str =
    "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/certificate";

/// What relationships to the document itself are called, in the transitional and in the strict form.
const DOCUMENT: [&str; 2] = [
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument",
];

/// Relationships of the package to what is about the document and not of it, with the content types their targets may
/// have. Office signs none of these ([MS-OI29500]), because programs write them anew whenever they like.
const ABOUT: [(&str, &str); 8] = [
    (
        "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
        "application/vnd.openxmlformats-package.core-properties+xml",
    ),
    (
        "http://schemas.openxmlformats.org/officedocument/2006/relationships/metadata/core-properties",
        "application/vnd.openxmlformats-package.core-properties+xml",
    ),
    (
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/extended-properties",
        "application/vnd.openxmlformats-officedocument.extended-properties+xml",
    ),
    (
        "http://purl.oclc.org/ooxml/officeDocument/relationships/extendedProperties",
        "application/vnd.openxmlformats-officedocument.extended-properties+xml",
    ),
    (
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties",
        "application/vnd.openxmlformats-officedocument.custom-properties+xml",
    ),
    (
        "http://purl.oclc.org/ooxml/officeDocument/relationships/customProperties",
        "application/vnd.openxmlformats-officedocument.custom-properties+xml",
    ),
    (
        "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail",
        "image/",
    ),
    (
        "http://purl.oclc.org/ooxml/officeDocument/relationships/metadata/thumbnail",
        "image/",
    ),
];

/// Whether such a relationship leads to what is about the document and not of it; the second is its target's type.
pub(super) fn is_about(kind: &str, content_type: &str) -> bool {
    ABOUT
        .iter()
        .any(|(known, types)| *known == kind && content_type.starts_with(types))
}

/// Whether our signatures leave such a relationship of the package out, as Office and LibreOffice do.
pub(super) fn is_left_out(kind: &str) -> bool {
    kind == ORIGIN || ABOUT[..4].iter().any(|(known, _)| *known == kind)
}

/// The list of content types.
#[derive(Debug, Clone, Default)]
struct ContentTypes {
    /// By extension, in lower case.
    defaults: HashMap<String, String>,
    /// By part name, in lower case.
    overrides: HashMap<String, String>,
}

/// A part.
#[derive(Debug)]
pub(super) struct Part<'c> {
    /// Its name, without percent-encoding: the form in which names are compared here.
    pub(super) name: String,
    /// The same in lower case: names are the same where they differ in the case of letters only (9.1.1.4).
    pub(super) folded: String,
    pub(super) entry: &'c Entry,
    /// What it says, if it is a list of relationships, and of which part; "/" for those of the package.
    pub(super) list: Option<(String, Relationships)>,
}

/// A package that was read.
#[derive(Debug)]
pub(super) struct Package<'c> {
    types: ContentTypes,
    /// Every entry but the list of content types and what is no part.
    parts: Vec<Part<'c>>,
    /// Names of entries that are no part.
    discarded: Vec<String>,
    /// Places in them by names in lower case.
    names: HashMap<String, usize>,
    /// Places of lists of relationships by the names of their sources in lower case.
    lists: HashMap<String, usize>,
}

impl<'c> Package<'c> {
    pub(super) fn read(container: &'c Container) -> Result<Self, PackageError> {
        let listed = container
            .get(CONTENT_TYPES)
            .ok_or_else(|| PackageError::malformed("no list of content types", CONTENT_TYPES))?;
        let types =
            ContentTypes::parse(listed).map_err(|what| PackageError::malformed(what, CONTENT_TYPES))?;
        let mut package = Self {
            types,
            parts: Vec::new(),
            discarded: Vec::new(),
            names: HashMap::new(),
            lists: HashMap::new(),
        };
        for entry in container.entries() {
            if entry.name.starts_with(DISCARDED) {
                package.discarded.push(format!("/{}", entry.name));
            } else if entry.name != CONTENT_TYPES {
                package.add(entry)?;
            }
        }
        package.check()?;
        Ok(package)
    }

    fn add(&mut self, entry: &'c Entry) -> Result<(), PackageError> {
        let decoded = percent_decoded(&entry.name).unwrap_or_else(|| entry.name.clone());
        let name = format!("/{decoded}");
        let (folded, at) = (name.to_ascii_lowercase(), self.parts.len());
        let list = match source_of(&folded) {
            None => None,
            Some(source) => {
                let list = Relationships::parse(&entry.bytes)
                    .map_err(|error| PackageError::malformed(error.0, &name))?;
                self.lists.insert(source.clone(), at);
                Some((source, list))
            }
        };
        if self.names.insert(folded.clone(), at).is_some() {
            return Err(PackageError::malformed("two parts with one name", &name));
        }
        self.parts.push(Part {
            name,
            folded,
            entry,
            list,
        });
        Ok(())
    }

    /// Every part has a content type, every list of relationships a source, and there is a document.
    fn check(&self) -> Result<(), PackageError> {
        for part in &self.parts {
            if self.content_type(&part.name).is_none() {
                return Err(PackageError::malformed(
                    "a part without a content type",
                    &part.name,
                ));
            }
            let source = part.list.as_ref().map(|(source, _)| source.as_str());
            if source.is_some_and(|source| source != "/" && self.part(source).is_none()) {
                return Err(PackageError::malformed("relationships of no part", &part.name));
            }
        }
        let of_package = self.relationships("/");
        let documents = of_package
            .iter()
            .flat_map(|list| list.iter())
            .filter(|one| DOCUMENT.contains(&one.kind.as_str()));
        if documents.count() == 1 {
            Ok(())
        } else {
            Err(PackageError::malformed("not one document in the package", "/"))
        }
    }

    /// What Office saved over, in the order of the container.
    pub(super) fn discarded(&self) -> &[String] {
        &self.discarded
    }

    /// Every part but the list of content types, in the order of the container; relationships included.
    pub(super) fn parts(&self) -> &[Part<'c>] {
        &self.parts
    }

    /// A part by its name.
    pub(super) fn part(&self, name: &str) -> Option<&Part<'c>> {
        let at = self.names.get(&name.to_ascii_lowercase())?;
        self.parts.get(*at)
    }

    pub(super) fn content_type(&self, name: &str) -> Option<&str> {
        let folded = name.to_ascii_lowercase();
        let by_extension = || {
            let last = folded.rsplit('/').next()?;
            let (_, extension) = last.rsplit_once('.')?;
            self.types.defaults.get(extension)
        };
        let found = self.types.overrides.get(&folded).or_else(by_extension);
        found.map(String::as_str)
    }

    /// The relationships of a part; "/" for those of the package.
    pub(super) fn relationships(&self, source: &str) -> Option<&Relationships> {
        let at = self.lists.get(&source.to_ascii_lowercase())?;
        self.parts.get(*at)?.list.as_ref().map(|(_, list)| list)
    }

    /// The targets in the package of one sort of relationship of a part.
    pub(super) fn targets(&self, source: &str, kind: &str) -> Vec<String> {
        let list = self.relationships(source);
        list.iter()
            .flat_map(|list| list.iter())
            .filter(|one| one.kind == kind && !one.external)
            .filter_map(|one| resolve(source, &one.target))
            .collect()
    }
}

/// A part's name as a reference to it: as the container has it, where that is a path of a URI already (RFC 3986, 3.3).
pub(super) fn uri_of_entry(name: &str) -> String {
    let mut uri = String::with_capacity(name.len() + 1);
    uri.push('/');
    for byte in name.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@%".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// The part whose relationships a part holds (9.3.4), if it holds some; both in lower case.
fn source_of(name: &str) -> Option<String> {
    let (folder, file) = name.strip_suffix(".rels")?.rsplit_once('/')?;
    let above = folder.strip_suffix("/_rels")?;
    Some(format!("{above}/{file}"))
}

/// The part that holds the relationships of another one.
pub(super) fn relationships_of(part: &str) -> String {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    format!("{folder}/_rels/{file}.rels")
}

/// The part that a relative reference leads to from a source (RFC 3986, 5.2); none for what leads elsewhere.
pub(super) fn resolve(source: &str, target: &str) -> Option<String> {
    let target = target.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains([':', '?', '\\']) || target.starts_with("//") {
        return None;
    }
    let mut steps: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        let folder = source.rsplit_once('/').map_or("", |(folder, _)| folder);
        steps.extend(folder.split('/').filter(|step| !step.is_empty()));
    }
    for step in target.trim_start_matches('/').split('/') {
        match step {
            "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    percent_decoded(&format!("/{}", steps.join("/")))
}

impl ContentTypes {
    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let document = Document::parse(bytes).map_err(|_| "content types that are not XML")?;
        if !document.is(document.root(), TYPES, "Types") {
            return Err("content types of another kind");
        }
        let mut types = Self::default();
        for child in document.children(document.root()) {
            let attribute = |name: &str| document.attribute(child, name);
            let content_type = attribute("ContentType").ok_or("an entry without a content type")?;
            let (map, key) = if document.is(child, TYPES, "Default") {
                (&mut types.defaults, attribute("Extension"))
            } else if document.is(child, TYPES, "Override") {
                (&mut types.overrides, attribute("PartName"))
            } else {
                return Err("something else in the list of content types");
            };
            let key = key
                .and_then(|key| percent_decoded(&key))
                .ok_or("an entry without a name")?;
            if map
                .insert(key.to_ascii_lowercase(), content_type.into_owned())
                .is_some()
            {
                return Err("two content types for the same");
            }
        }
        Ok(types)
    }
}

/// The list of content types with more entries: parts by name.
pub(super) fn with_content_types(bytes: &[u8], more: &[(&str, &str)]) -> Option<Vec<u8>> {
    let document = Document::parse(bytes).ok()?;
    let root = document.root();
    if document.is_one_tag(root) {
        return None;
    }
    let name = document.name(root);
    let prefix = name.strip_suffix("Types")?;
    let mut entries = String::new();
    for (part, content_type) in more {
        entries += &format!(
            "<{prefix}Override PartName=\"{}\" ContentType=\"{content_type}\"/>",
            attribute_value(part)
        );
    }
    let at = document.content_span(root).end;
    let text = document.text().as_bytes();
    Some([&text[..at], entries.as_bytes(), &text[at..]].concat())
}
