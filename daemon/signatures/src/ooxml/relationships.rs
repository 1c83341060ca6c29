//! One list of relationships (ECMA-376-2, 9.3), and what its transform makes of it (12.2.4.26).

use std::collections::HashSet;
use std::ops::Range;

use crate::xml::token::Attribute;
use crate::xml::{Document, ElementId, attribute_value};

/// The namespace of the lists.
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// Relationships of one part; a sheet has at most 65,530 hyperlinks.
const MAX_RELATIONSHIPS: usize = 70_000;

/// The list breaks a rule, or has more entries than are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// One relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relationship {
    pub(super) id: String,
    /// The URI that says what the target is to the source.
    pub(super) kind: String,
    pub(super) target: String,
    /// Whether the target is not in the package.
    pub(super) external: bool,
}

/// A list as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relationships {
    list: Vec<Relationship>,
    /// Stretches of white space before, between and behind the relationships; none where there is something else, too.
    spaces: Option<usize>,
}

/// Which relationships a signature covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) ids: HashSet<String>,
    pub(super) kinds: HashSet<String>,
}

impl Selection {
    pub(super) fn has(&self, relationship: &Relationship) -> bool {
        self.ids.contains(&relationship.id) || self.kinds.contains(&relationship.kind)
    }
}

impl Relationships {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let document = Document::parse(bytes).map_err(|_| Malformed("relationships that are not XML"))?;
        let root = document.root();
        if !document.is(root, RELATIONSHIPS, "Relationships") {
            return Err(Malformed("relationships of another kind"));
        }
        let (mut list, mut ids) = (Vec::new(), HashSet::new());
        for child in document.children(root) {
            if list.len() == MAX_RELATIONSHIPS {
                return Err(Malformed("more relationships than are read"));
            }
            let one = relationship(&document, child)?;
            if !ids.insert(one.id.clone()) {
                return Err(Malformed("two relationships with one Id"));
            }
            list.push(one);
        }
        Ok(Self {
            list,
            spaces: spaces(&document),
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Relationship> {
        self.list.iter()
    }

    /// The list with the relationships that are selected, sorted by their Ids, without anything between them, and each
    /// says where its target is. In canonical form already, whatever method follows.
    pub(super) fn transformed(&self, selection: &Selection) -> String {
        self.sorted(selection, 0)
    }

    /// What xmlsec 1.2 (and LibreOffice with it) makes of a list with white space in it, against the standard: an element
    /// `text` for each stretch, before all relationships. None where that is the same, or not known. It says as much of
    /// the relationships as the standard's form.
    pub(super) fn transformed_by_xmlsec(&self, selection: &Selection) -> Option<String> {
        let spaces = self.spaces.filter(|spaces| *spaces > 0)?;
        Some(self.sorted(selection, spaces))
    }

    fn sorted(&self, selection: &Selection, spaces: usize) -> String {
        let mut selected: Vec<&Relationship> = self.list.iter().filter(|one| selection.has(one)).collect();
        selected.sort_by(|one, other| one.id.cmp(&other.id));
        let mut out = format!("<Relationships xmlns=\"{RELATIONSHIPS}\">") + &"<text></text>".repeat(spaces);
        for one in selected {
            let mode = if one.external { "External" } else { "Internal" };
            out += &format!(
                "<Relationship Id=\"{}\" Target=\"{}\" TargetMode=\"{mode}\" Type=\"{}\"></Relationship>",
                attribute_value(&one.id),
                attribute_value(&one.target),
                attribute_value(&one.kind)
            );
        }
        out + "</Relationships>"
    }

    /// Whether something stands between the relationships.
    pub(super) const fn is_dense(&self) -> bool {
        matches!(self.spaces, Some(0))
    }

    /// The list with one more relationship, under an Id of its own.
    pub(super) fn with(&self, stem: &str, kind: &str, target: &str) -> Self {
        let taken: HashSet<&str> = self.list.iter().map(|one| one.id.as_str()).collect();
        let id = (1_u32..)
            .map(|number| format!("{stem}{number}"))
            .find(|id| !taken.contains(id.as_str()))
            .unwrap_or_default();
        let mut more = self.clone();
        more.list.push(Relationship {
            id,
            kind: kind.to_owned(),
            target: target.to_owned(),
            external: false,
        });
        more
    }

    /// A list with nothing in it.
    pub(super) const fn empty() -> Self {
        Self {
            list: Vec::new(),
            spaces: Some(0),
        }
    }

    /// The list as a file: in the order it has, and nothing between.
    pub(super) fn to_xml(&self) -> Vec<u8> {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Relationships xmlns=\"{RELATIONSHIPS}\">"
        );
        for one in &self.list {
            let mode = if one.external {
                " TargetMode=\"External\""
            } else {
                ""
            };
            out += &format!(
                "<Relationship Id=\"{}\" Type=\"{}\" Target=\"{}\"{mode}/>",
                attribute_value(&one.id),
                attribute_value(&one.kind),
                attribute_value(&one.target)
            );
        }
        (out + "</Relationships>").into_bytes()
    }
}

/// Stretches of white space between the tags of a list; none if there is a comment or an instruction.
fn spaces(document: &Document<'_>) -> Option<usize> {
    let root = document.root();
    let inside = document.content_span(root);
    let mut at = inside.start;
    let mut spaces = 0;
    let mut gap = |range: Range<usize>| {
        let text = document.text().get(range)?;
        spaces += usize::from(!text.is_empty());
        text.trim().is_empty().then_some(())
    };
    for child in document.children(root) {
        gap(at..document.span(child).start)?;
        at = document.span(child).end;
        // Something in a relationship would become an element, too.
        if !document.content_span(child).is_empty() {
            return None;
        }
    }
    gap(at..inside.end)?;
    Some(spaces)
}

fn relationship(document: &Document<'_>, element: ElementId) -> Result<Relationship, Malformed> {
    if !document.is(element, RELATIONSHIPS, "Relationship") {
        return Err(Malformed("something else than a relationship in the list"));
    }
    let attribute = |name: &str| document.attribute(element, name);
    let needed = |name: &str| {
        attribute(name)
            .map(std::borrow::Cow::into_owned)
            .ok_or(Malformed("a relationship that lacks something"))
    };
    let mode = attribute("TargetMode");
    if !document.text_of(element).trim().is_empty() || document.children(element).next().is_some() {
        return Err(Malformed("a relationship with something inside"));
    }
    let external = match mode.as_deref() {
        None | Some("Internal") => false,
        Some("External") => true,
        Some(_) => return Err(Malformed("a relationship whose target is nowhere")),
    };
    let known = |attribute: Attribute<'_>| {
        attribute.declared_prefix().is_some()
            || ["Id", "Type", "Target", "TargetMode"].contains(&attribute.name)
    };
    if !document.attributes(element).all(known) {
        return Err(Malformed("a relationship that says more than it may"));
    }
    Ok(Relationship {
        id: needed("Id")?,
        kind: needed("Type")?,
        target: needed("Target")?,
        external,
    })
}
