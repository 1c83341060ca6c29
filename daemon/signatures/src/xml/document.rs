//! A document: where its elements stand, what they are called, and which Id they have.

use std::borrow::Cow;

use memchr::memmem;

use super::token::{Attribute, MAX_ATTRIBUTES, Piece, Pieces, Tag, Token, Tokens, is_space, split_name};
use super::{MAX_LEN, XmlError, name};

/// Elements inside each other that are read.
pub const MAX_DEPTH: usize = 128;

/// Elements of one document that are read: 64 MiB of `Place`s. Attributes are not kept.
pub const MAX_ELEMENTS: usize = 1 << 22;

/// The namespace that the prefix `xml` has without declaration.
pub(crate) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

const NO_PARENT: u32 = u32::MAX;

/// An element of one document, in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId(u32);

/// Where an element stands: 16 bytes, because a document of 10 MB may have half a million.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Of `<`.
    start: u32,
    /// After the start tag.
    content: u32,
    /// After the end tag.
    end: u32,
    parent: u32,
}

/// A well-formed document.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    text: &'a str,
    elements: Vec<Place>,
    odd_namespaces: bool,
}

impl<'a> Document<'a> {
    /// Reads a document, all of it.
    ///
    /// # Errors
    /// [`XmlError`]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, XmlError> {
        if bytes.len() > MAX_LEN {
            return Err(XmlError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| XmlError::Encoding)?;
        if !name::is_text(text) {
            return Err(XmlError::Malformed { offset: 0 });
        }
        let start = prolog(text)?;
        let tags = memchr::memchr_iter(b'<', &bytes[start..]).count();
        let mut reading = Reading {
            document: Self {
                text,
                elements: Vec::with_capacity((tags / 2 + 1).min(MAX_ELEMENTS)),
                odd_namespaces: false,
            },
            open: Vec::new(),
            scope: Scope::default(),
            attributes: Vec::new(),
        };
        reading.run(start)?;
        reading.document.elements.shrink_to_fit();
        Ok(reading.document)
    }

    /// Where the document starts after a byte order mark and the XML declaration.
    pub(crate) fn body_start(&self) -> usize {
        prolog(self.text).unwrap_or_default()
    }

    /// The text it was read from.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The document element.
    #[must_use]
    pub const fn root(&self) -> ElementId {
        ElementId(0)
    }

    /// Whether every namespace is an absolute URI. A document where one is not has no canonical form that all agree
    /// on: some have signed such documents, others cannot verify them.
    #[must_use]
    pub const fn has_absolute_namespaces(&self) -> bool {
        !self.odd_namespaces
    }

    /// All elements, in document order.
    pub fn elements(&self) -> impl Iterator<Item = ElementId> + use<> {
        (0..u32::try_from(self.elements.len()).unwrap_or(u32::MAX)).map(ElementId)
    }

    fn place(&self, element: ElementId) -> Place {
        self.elements[element.0 as usize]
    }

    /// The bytes from its start tag to its end tag, both included.
    #[must_use]
    pub fn span(&self, element: ElementId) -> std::ops::Range<usize> {
        let place = self.place(element);
        place.start as usize..place.end as usize
    }

    /// The bytes between its tags; empty, and after the tag, for an element that is one tag.
    #[must_use]
    pub fn content_span(&self, element: ElementId) -> std::ops::Range<usize> {
        let place = self.place(element);
        let (content, end) = (place.content as usize, place.end as usize);
        if content == end {
            return content..content;
        }
        let len = self.text[content..end].rfind("</").unwrap_or_default();
        content..content + len
    }

    /// Whether it is written as one tag, `<name/>`.
    #[must_use]
    pub fn is_one_tag(&self, element: ElementId) -> bool {
        let place = self.place(element);
        place.content == place.end
    }

    /// The element it stands in; none for the document element.
    #[must_use]
    pub fn parent(&self, element: ElementId) -> Option<ElementId> {
        Some(self.place(element).parent)
            .filter(|parent| *parent != NO_PARENT)
            .map(ElementId)
    }

    /// The element itself, then the elements it stands in, up to the document element.
    pub fn lineage(&self, element: ElementId) -> impl Iterator<Item = ElementId> + '_ {
        std::iter::successors(Some(element), |inner| self.parent(*inner))
    }

    /// Whether `inner` is `outer` or stands in it.
    #[must_use]
    pub fn contains(&self, outer: ElementId, inner: ElementId) -> bool {
        let (outer, inner) = (self.place(outer), self.place(inner));
        outer.start <= inner.start && inner.end <= outer.end
    }

    /// The elements directly inside an element, in their order.
    pub fn children(&self, element: ElementId) -> impl Iterator<Item = ElementId> + '_ {
        let end = self.place(element).end;
        let mut next = element.0 as usize + 1;
        std::iter::from_fn(move || {
            let place = self.elements.get(next).filter(|place| place.start < end)?;
            let child = ElementId(u32::try_from(next).ok()?);
            // Descendants follow directly; elements are in document order.
            next = next + 1 + self.elements[next + 1..].partition_point(|other| other.start < place.end);
            Some(child)
        })
    }

    pub(crate) fn tag(&self, element: ElementId) -> Tag<'a> {
        let place = self.place(element);
        match Tokens::of(self.text, place.start as usize, place.content as usize).next() {
            Ok(Some(Token::Start(tag))) => tag,
            _ => unreachable!("an element was read from a start tag"),
        }
    }

    /// Its name with the prefix as it is written.
    #[must_use]
    pub fn name(&self, element: ElementId) -> &'a str {
        let start = self.place(element).start as usize + 1;
        let rest = &self.text[start..];
        let len = rest
            .bytes()
            .position(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'>'));
        &rest[..len.unwrap_or(rest.len())]
    }

    /// Its name without the prefix.
    #[must_use]
    pub fn local_name(&self, element: ElementId) -> &'a str {
        split_name(self.name(element)).1
    }

    /// The namespace of its name; empty where it has none.
    #[must_use]
    pub fn namespace(&self, element: ElementId) -> Cow<'a, str> {
        self.namespace_of_prefix(element, split_name(self.name(element)).0)
    }

    fn namespace_of_prefix(&self, element: ElementId, prefix: &str) -> Cow<'a, str> {
        if prefix == "xml" {
            return Cow::Borrowed(XML_NAMESPACE);
        }
        for place in self.lineage(element) {
            for attribute in self.attributes(place) {
                if attribute.declared_prefix() == Some(prefix) {
                    return value_of(attribute.value);
                }
            }
        }
        Cow::Borrowed("")
    }

    /// Whether it has this name in this namespace.
    #[must_use]
    pub fn is(&self, element: ElementId, namespace: &str, local: &str) -> bool {
        self.local_name(element) == local && self.namespace(element) == namespace
    }

    pub(crate) fn attributes(&self, element: ElementId) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.tag(element).attributes().filter_map(Result::ok)
    }

    /// The value of an attribute without a namespace.
    #[must_use]
    pub fn attribute(&self, element: ElementId, name: &str) -> Option<Cow<'a, str>> {
        self.attributes(element)
            .find(|attribute| attribute.name == name)
            .map(|attribute| value_of(attribute.value))
    }

    /// The first element directly inside with this name.
    #[must_use]
    pub fn child(&self, element: ElementId, namespace: &str, local: &str) -> Option<ElementId> {
        self.children(element)
            .find(|child| self.is(*child, namespace, local))
    }

    /// The text directly inside an element, without that of the elements in it; comments are passed over.
    #[must_use]
    pub fn text_of(&self, element: ElementId) -> String {
        let span = self.content_span(element);
        let mut tokens = Tokens::of(self.text, span.start, span.end);
        let (mut out, mut depth) = (String::new(), 0_usize);
        while let Ok(Some(token)) = tokens.next() {
            match token {
                Token::Start(tag) if !tag.empty => depth += 1,
                Token::End(_) => depth = depth.saturating_sub(1),
                Token::Text(text) if depth == 0 => push_text(&mut out, text),
                Token::CData(text) if depth == 0 => push_plain(&mut out, text),
                _ => {}
            }
        }
        out
    }

    /// Its Id, under one of the names that Ids go by: `Id`, `ID`, `id`, `xml:id`. Only what is an `NCName` is one.
    #[must_use]
    pub fn id(&self, element: ElementId) -> Option<&'a str> {
        self.attributes(element)
            .find(|attribute| is_id_name(attribute.name) && name::is_nc_name(attribute.value))
            .map(|attribute| attribute.value)
    }

    /// Every element that has this Id, under whichever of the names. More than one is an ambiguity that whoever asks
    /// has to refuse.
    #[must_use]
    pub fn with_id(&self, id: &str) -> Vec<ElementId> {
        if !name::is_nc_name(id) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for at in memmem::find_iter(self.text.as_bytes(), id.as_bytes()) {
            let after = self
                .elements
                .partition_point(|place| (place.start as usize) <= at);
            let Some(index) = after.checked_sub(1) else {
                continue;
            };
            let element = ElementId(u32::try_from(index).unwrap_or(u32::MAX));
            let carries = |attribute: Attribute<'_>| is_id_name(attribute.name) && attribute.value == id;
            if at < self.place(element).content as usize
                && found.last() != Some(&element)
                && self.attributes(element).any(carries)
            {
                found.push(element);
            }
        }
        found
    }

    /// The namespaces in scope at an element, its own declarations included: prefix and name, innermost first, each
    /// prefix once; an undeclared default namespace is left out.
    #[must_use]
    pub fn namespaces_in_scope(&self, element: ElementId) -> Vec<(&'a str, Cow<'a, str>)> {
        let mut found: Vec<(&str, Cow<'_, str>)> = Vec::new();
        for place in self.lineage(element) {
            for attribute in self.attributes(place) {
                let Some(prefix) = attribute.declared_prefix() else {
                    continue;
                };
                if !found.iter().any(|(known, _)| *known == prefix) {
                    found.push((prefix, value_of(attribute.value)));
                }
            }
        }
        found.retain(|(prefix, value)| *prefix != "xml" && !value.is_empty());
        found
    }

    /// The attributes in the `xml:` namespace that an element inherits from those it stands in, innermost first.
    #[must_use]
    pub fn inherited_xml_attributes(&self, element: ElementId) -> Vec<(&'a str, Cow<'a, str>)> {
        let mut found: Vec<(&str, Cow<'_, str>)> = Vec::new();
        for place in self.lineage(element).skip(1) {
            for attribute in self.attributes(place) {
                let known = found.iter().any(|(known, _)| *known == attribute.name);
                if attribute.name.starts_with("xml:") && !known {
                    found.push((attribute.name, value_of(attribute.value)));
                }
            }
        }
        found
    }
}

fn is_id_name(name: &str) -> bool {
    matches!(name, "Id" | "ID" | "id" | "xml:id") || name.ends_with(":Id") && !name.starts_with("xmlns:")
}

/// An attribute's value as it is meant: references expanded, white space normalised (XML 1.0, 3.3.3).
pub(crate) fn value_of(raw: &str) -> Cow<'_, str> {
    if !raw
        .bytes()
        .any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r'))
    {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut pieces = Pieces::of(raw);
    while let Ok(Some(piece)) = pieces.next() {
        match piece {
            Piece::Reference(character) => out.push(character),
            Piece::Plain(plain) => {
                let mut characters = plain.chars().peekable();
                while let Some(character) = characters.next() {
                    match character {
                        '\r' => {
                            characters.next_if_eq(&'\n');
                            out.push(' ');
                        }
                        '\t' | '\n' => out.push(' '),
                        other => out.push(other),
                    }
                }
            }
        }
    }
    Cow::Owned(out)
}

/// Line ends as they are meant (XML 1.0, 2.11).
fn push_plain(out: &mut String, plain: &str) {
    let mut rest = plain;
    while let Some(at) = rest.find('\r') {
        out.push_str(&rest[..at]);
        out.push('\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    out.push_str(rest);
}

fn push_text(out: &mut String, text: &str) {
    let mut pieces = Pieces::of(text);
    while let Ok(Some(piece)) = pieces.next() {
        match piece {
            Piece::Plain(plain) => push_plain(out, plain),
            Piece::Reference(character) => out.push(character),
        }
    }
}

/// Where the document goes on after a byte order mark and the XML declaration (production 23).
fn prolog(text: &str) -> Result<usize, XmlError> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = text.len() - body.len();
    let declared = body
        .strip_prefix("<?xml")
        .filter(|rest| rest.starts_with(is_space));
    let Some(rest) = declared else {
        return Ok(start);
    };
    let malformed = XmlError::Malformed { offset: start };
    let end = rest.find("?>").ok_or(malformed.clone())?;
    let declaration = format!("<xml{}>", rest[..end].trim_end_matches(is_space));
    let mut tokens = Tokens::of(&declaration, 0, declaration.len());
    let Ok(Some(Token::Start(tag))) = tokens.next() else {
        return Err(malformed);
    };
    let pseudo: Vec<Attribute<'_>> = tag
        .attributes()
        .collect::<Result<_, _>>()
        .map_err(|_| malformed.clone())?;
    let mut names = pseudo.iter().map(|attribute| attribute.name).peekable();
    let first = names.next();
    names.next_if_eq(&"encoding");
    names.next_if_eq(&"standalone");
    if first != Some("version") || names.next().is_some() {
        return Err(malformed);
    }
    for attribute in pseudo {
        match attribute.name {
            "version" if attribute.value != "1.0" => return Err(XmlError::Version),
            "encoding" if !is_utf8_name(attribute.value) => return Err(XmlError::Encoding),
            "standalone" if !matches!(attribute.value, "yes" | "no") => return Err(malformed),
            _ => {}
        }
    }
    Ok(start + "<?xml".len() + end + "?>".len())
}

fn is_utf8_name(name: &str) -> bool {
    ["utf-8", "utf8", "us-ascii"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Declared prefixes, innermost last.
#[derive(Default)]
struct Scope<'a> {
    bindings: Vec<(&'a str, &'a str)>,
}

impl<'a> Scope<'a> {
    fn get(&self, prefix: &str) -> Option<&'a str> {
        let found = self.bindings.iter().rev().find(|(known, _)| *known == prefix);
        found.map(|(_, value)| *value)
    }

    /// `Some("")` for no namespace.
    fn resolve(&self, prefix: &str) -> Option<&'a str> {
        match prefix {
            "xml" => Some(XML_NAMESPACE),
            "xmlns" => None,
            "" => Some(self.get("").unwrap_or("")),
            _ => self.get(prefix),
        }
    }
}

/// An element whose end tag has not come.
struct Open<'a> {
    name: &'a str,
    element: usize,
    /// Declarations before it.
    bindings: usize,
}

struct Reading<'a> {
    document: Document<'a>,
    open: Vec<Open<'a>>,
    scope: Scope<'a>,
    /// Those of the tag that is read, kept for its room.
    attributes: Vec<Attribute<'a>>,
}

impl<'a> Reading<'a> {
    fn run(&mut self, start: usize) -> Result<(), XmlError> {
        let text = self.document.text;
        let mut tokens = Tokens::of(text, start, text.len());
        loop {
            let offset = tokens.offset();
            let malformed = XmlError::Malformed { offset };
            let Some(token) = tokens.next()? else {
                break;
            };
            match token {
                Token::Start(tag) => self.start(&tag, offset, tokens.offset())?,
                Token::End(name) => self.end(name, offset, tokens.offset())?,
                Token::Text(text) if self.open.is_empty() => {
                    if !text.chars().all(is_space) {
                        return Err(malformed);
                    }
                }
                Token::Text(text) => check_text(text).ok_or(malformed)?,
                Token::CData(_) if self.open.is_empty() => return Err(malformed),
                Token::CData(_) | Token::Comment(_) | Token::Instruction(..) => {}
            }
        }
        if self.document.elements.is_empty() || !self.open.is_empty() {
            return Err(XmlError::Malformed { offset: text.len() });
        }
        Ok(())
    }

    fn start(&mut self, tag: &Tag<'a>, start: usize, content: usize) -> Result<(), XmlError> {
        if self.open.is_empty() && !self.document.elements.is_empty() {
            return Err(XmlError::Malformed { offset: start });
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(XmlError::TooComplex { offset: start });
        }
        if self.document.elements.len() >= MAX_ELEMENTS {
            return Err(XmlError::TooManyElements);
        }
        let bindings = self.scope.bindings.len();
        self.names(tag, start)?;
        let index = self.document.elements.len();
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        self.document.elements.push(Place {
            start: number(start),
            content: number(content),
            end: number(content),
            parent: self.open.last().map_or(NO_PARENT, |open| number(open.element)),
        });
        if tag.empty {
            self.scope.bindings.truncate(bindings);
        } else {
            self.open.push(Open {
                name: tag.name,
                element: index,
                bindings,
            });
        }
        Ok(())
    }

    fn end(&mut self, name: &str, offset: usize, after: usize) -> Result<(), XmlError> {
        let malformed = XmlError::Malformed { offset };
        let open = self
            .open
            .pop()
            .filter(|open| open.name == name)
            .ok_or(malformed)?;
        self.document.elements[open.element].end = u32::try_from(after).unwrap_or(u32::MAX);
        self.scope.bindings.truncate(open.bindings);
        Ok(())
    }

    /// Attributes are well-formed and none stands twice; every prefix is declared (Namespaces in XML 1.0, 5 and 6.3).
    fn names(&mut self, tag: &Tag<'a>, offset: usize) -> Result<(), XmlError> {
        let namespace = XmlError::Namespace { offset };
        if !tag.is_bare() {
            let mut attributes = std::mem::take(&mut self.attributes);
            attributes.clear();
            for attribute in tag.attributes() {
                let attribute = attribute?;
                if attributes.len() >= MAX_ATTRIBUTES {
                    return Err(XmlError::TooComplex { offset });
                }
                check_references(attribute.value).ok_or(XmlError::Malformed { offset })?;
                if let Some(prefix) = attribute.declared_prefix() {
                    if !may_declare(prefix, attribute.value) {
                        return Err(namespace);
                    }
                    self.document.odd_namespaces |= !is_absolute(attribute.value);
                    self.scope.bindings.push((prefix, attribute.value));
                }
                attributes.push(attribute);
            }
            self.unique(&attributes, offset)?;
            self.attributes = attributes;
        }
        match self.scope.resolve(split_name(tag.name).0) {
            Some(_) => Ok(()),
            None => Err(namespace),
        }
    }

    fn unique(&self, attributes: &[Attribute<'a>], offset: usize) -> Result<(), XmlError> {
        for (at, attribute) in attributes.iter().enumerate() {
            let (prefix, local) = split_name(attribute.name);
            if attributes[..at]
                .iter()
                .any(|earlier| earlier.name == attribute.name)
            {
                return Err(XmlError::Malformed { offset });
            }
            if prefix.is_empty() || prefix == "xmlns" {
                continue;
            }
            let namespace = self.scope.resolve(prefix).ok_or(XmlError::Namespace { offset })?;
            let same = attributes[..at].iter().any(|earlier| {
                let (other, name) = split_name(earlier.name);
                let other = if other.is_empty() || other == "xmlns" {
                    None
                } else {
                    self.scope.resolve(other)
                };
                name == local && other.is_some_and(|other| value_of(other) == value_of(namespace))
            });
            if same {
                return Err(XmlError::Namespace { offset });
            }
        }
        Ok(())
    }
}

/// Whether a namespace is an absolute URI; canonical forms are not defined for others (Canonical XML 1.0, 1.3).
fn is_absolute(raw: &str) -> bool {
    raw.is_empty()
        || raw.is_ascii()
            && raw.split_once(':').is_some_and(|(scheme, _)| {
                scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                    && scheme
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            })
}

/// Namespaces in XML 1.0, sections 3 and 5: what is reserved, and that a prefix is not undeclared.
fn may_declare(prefix: &str, raw: &str) -> bool {
    let value = value_of(raw);
    match prefix {
        "xml" => value == XML_NAMESPACE,
        "xmlns" => false,
        "" => value != XML_NAMESPACE && value != XMLNS_NAMESPACE,
        _ => !value.is_empty() && value != XML_NAMESPACE && value != XMLNS_NAMESPACE,
    }
}

fn check_references(text: &str) -> Option<()> {
    if memchr::memchr(b'&', text.as_bytes()).is_none() {
        return Some(());
    }
    let mut pieces = Pieces::of(text);
    while pieces.next().ok()?.is_some() {}
    Some(())
}

/// Character data has no `]]>` (production 14).
fn check_text(text: &str) -> Option<()> {
    let bytes = text.as_bytes();
    if memchr::memchr2(b'>', b'&', bytes).is_none() {
        return Some(());
    }
    if memmem::find(bytes, b"]]>").is_some() {
        return None;
    }
    check_references(text)
}
