//! Canonical XML 1.0 and 1.1, and Exclusive Canonical XML 1.0: of a whole document, or of one element in its place,
//! with or without one element inside it. The octets go out as they come up; nothing is held but the names in scope.

use std::borrow::Cow;

use super::XmlError;
use super::document::{Document, ElementId, XML_NAMESPACE, value_of};
use super::token::{Attribute, Piece, Pieces, Tag, Token, Tokens, split_name};

/// The three recommendations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// Canonical XML 1.0: with every namespace in scope.
    Inclusive10,
    /// Canonical XML 1.1: the same, but `xml:id` is not inherited.
    Inclusive11,
    /// Exclusive Canonical XML 1.0: with the namespaces that are used.
    Exclusive {
        /// Prefixes that are treated as if inclusive; `#default` for the default namespace.
        inclusive_prefixes: Vec<String>,
    },
}

/// A canonicalisation method with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonicalization {
    /// Which recommendation.
    pub method: Method,
    /// Whether comments are kept.
    pub comments: bool,
}

impl Canonicalization {
    /// Canonical XML 1.0 without comments, the default of XML-DSig.
    pub const INCLUSIVE: Self = Self {
        method: Method::Inclusive10,
        comments: false,
    };

    /// Exclusive Canonical XML 1.0 without comments or prefixes.
    pub const EXCLUSIVE: Self = Self {
        method: Method::Exclusive {
            inclusive_prefixes: Vec::new(),
        },
        comments: false,
    };

    const ALL: [(&'static str, Method, bool); 6] = [
        (
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
            Method::Inclusive10,
            false,
        ),
        (
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
            Method::Inclusive10,
            true,
        ),
        ("http://www.w3.org/2006/12/xml-c14n11", Method::Inclusive11, false),
        (
            "http://www.w3.org/2006/12/xml-c14n11#WithComments",
            Method::Inclusive11,
            true,
        ),
        (
            "http://www.w3.org/2001/10/xml-exc-c14n#",
            Method::Exclusive {
                inclusive_prefixes: Vec::new(),
            },
            false,
        ),
        (
            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
            Method::Exclusive {
                inclusive_prefixes: Vec::new(),
            },
            true,
        ),
    ];

    /// By its URI; none for what is no canonicalisation method known here.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, ..)| *known == uri);
        found.map(|(_, method, comments)| Self { method, comments })
    }

    /// Its URI.
    #[must_use]
    pub fn uri(&self) -> &'static str {
        let same = |method: &Method| std::mem::discriminant(method) == std::mem::discriminant(&self.method);
        let found = Self::ALL
            .into_iter()
            .find(|(_, method, comments)| same(method) && *comments == self.comments);
        found.map_or("", |(uri, ..)| uri)
    }

    /// The canonical form of a document (`apex` is none) or of one element, without the element `omitted`, piece by
    /// piece. `outer` is what surrounds the whole document, for a fragment that will stand in another one.
    ///
    /// # Errors
    /// [`XmlError::InheritedBase`]
    pub fn write(
        &self,
        document: &Document<'_>,
        apex: Option<ElementId>,
        omitted: Option<ElementId>,
        outer: &Outer,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), XmlError> {
        let mut writer = Writer {
            method: self,
            rendered: Vec::new(),
            scope: Vec::new(),
            open: Vec::new(),
            buffer: Vec::with_capacity(BUFFER + 1024),
            out,
            inherited: Vec::new(),
            attributes: Vec::new(),
        };
        let omitted = omitted.map(|element| document.span(element));
        let span = match apex {
            None => 0..document.text().len(),
            Some(element) => {
                writer.surround(document, element, outer)?;
                document.span(element)
            }
        };
        writer.run(document, span, omitted.as_ref(), apex.is_none())?;
        writer.flush();
        Ok(())
    }

    /// The same as one string of octets.
    ///
    /// # Errors
    /// [`XmlError::InheritedBase`]
    pub fn to_vec(
        &self,
        document: &Document<'_>,
        apex: Option<ElementId>,
        omitted: Option<ElementId>,
        outer: &Outer,
    ) -> Result<Vec<u8>, XmlError> {
        let mut bytes = Vec::new();
        self.write(document, apex, omitted, outer, &mut |piece| {
            bytes.extend_from_slice(piece)
        })?;
        Ok(bytes)
    }
}

/// What surrounds a fragment: the namespaces in scope where it will stand, and the `xml:` attributes it will inherit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outer {
    namespaces: Vec<(String, String)>,
    attributes: Vec<(String, String)>,
}

impl Outer {
    /// As it is for what stands directly inside an element.
    #[must_use]
    pub fn inside(document: &Document<'_>, element: ElementId) -> Self {
        let owned = |(name, value): (&str, Cow<'_, str>)| (name.to_owned(), value.into_owned());
        let own = document
            .attributes(element)
            .filter(|attribute| attribute.name.starts_with("xml:"))
            .map(|attribute| (attribute.name, value_of(attribute.value)));
        let mut attributes: Vec<_> = own.map(owned).collect();
        for inherited in document.inherited_xml_attributes(element).into_iter().map(owned) {
            if !attributes.iter().any(|(name, _)| *name == inherited.0) {
                attributes.push(inherited);
            }
        }
        Self {
            namespaces: document
                .namespaces_in_scope(element)
                .into_iter()
                .map(owned)
                .collect(),
            attributes,
        }
    }
}

const BUFFER: usize = 16 * 1024;

type Binding<'a> = (Cow<'a, str>, Cow<'a, str>);

struct Open {
    scope: usize,
    rendered: usize,
}

struct Writer<'a, 'o> {
    method: &'o Canonicalization,
    /// Declarations in the text, innermost last.
    scope: Vec<Binding<'a>>,
    /// Declarations that went out, innermost last.
    rendered: Vec<Binding<'a>>,
    open: Vec<Open>,
    buffer: Vec<u8>,
    out: &'o mut dyn FnMut(&[u8]),
    /// `xml:` attributes for the apex.
    inherited: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Those of the tag that is written, kept for their room.
    attributes: Vec<Attribute<'a>>,
}

fn binding<'b>(bindings: &'b [Binding<'_>], prefix: &str) -> Option<&'b str> {
    let found = bindings.iter().rev().find(|(known, _)| is_same(known, prefix));
    found.map(|(_, value)| value.as_ref())
}

/// Nothing is the same as nothing, without a look at where it is not: to compare no bytes at addresses that are none costs
/// a C library with masked loads as much as a hundred bytes, once for each element without a namespace.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

impl<'a> Writer<'a, '_> {
    /// Takes over what an apex inherits (Canonical XML 1.0, 2.4; 1.1, 2.4).
    fn surround(&mut self, document: &Document<'a>, apex: ElementId, outer: &Outer) -> Result<(), XmlError> {
        let owned = |(name, value): &(String, String)| (Cow::Owned(name.clone()), Cow::Owned(value.clone()));
        self.scope.extend(outer.namespaces.iter().map(owned));
        if let Some(parent) = document.parent(apex) {
            let mut inner = document.namespaces_in_scope(parent);
            // An undeclared default namespace hides the outer one.
            if self.scope.iter().any(|(prefix, _)| prefix.is_empty())
                && document.lineage(parent).any(|element| {
                    document
                        .attributes(element)
                        .any(|attribute| attribute.name == "xmlns")
                })
                && !inner.iter().any(|(prefix, _)| prefix.is_empty())
            {
                inner.push(("", Cow::Borrowed("")));
            }
            self.scope.extend(
                inner
                    .into_iter()
                    .map(|(prefix, value)| (Cow::Borrowed(prefix), value)),
            );
        }
        if matches!(self.method.method, Method::Exclusive { .. }) {
            return Ok(());
        }
        let from_document = document.inherited_xml_attributes(apex);
        let mut inherited: Vec<(Cow<'_, str>, Cow<'_, str>)> = from_document
            .into_iter()
            .map(|(name, value)| (Cow::Borrowed(name), value))
            .collect();
        for (name, value) in outer.attributes.iter().map(owned) {
            if !inherited.iter().any(|(known, _)| *known == name) {
                inherited.push((name, value));
            }
        }
        if self.method.method == Method::Inclusive11 {
            if inherited.iter().any(|(name, _)| name == "xml:base") {
                return Err(XmlError::InheritedBase);
            }
            inherited.retain(|(name, _)| matches!(name.as_ref(), "xml:lang" | "xml:space"));
        }
        self.inherited = inherited;
        Ok(())
    }

    fn run(
        &mut self,
        document: &Document<'a>,
        span: std::ops::Range<usize>,
        omitted: Option<&std::ops::Range<usize>>,
        whole: bool,
    ) -> Result<(), XmlError> {
        let start = if whole { document.body_start() } else { span.start };
        // What starts where the element ends stands behind it, not in it.
        let omitted = omitted.filter(|omitted| omitted.start < span.end);
        let mut tokens = Tokens::of(document.text(), start, span.end);
        let mut apex = !whole;
        // Outside of the document element, each comment and instruction has a line of its own.
        let mut after_root = false;
        loop {
            if let Some(omitted) = omitted
                && tokens.offset() == omitted.start
            {
                tokens.skip_to(omitted.end);
            }
            let Some(token) = tokens.next()? else {
                return Ok(());
            };
            let outside = whole && self.open.is_empty();
            match token {
                Token::Start(tag) => {
                    self.start(&tag, apex)?;
                    apex = false;
                    after_root |= self.open.is_empty();
                }
                Token::End(name) => {
                    self.end(name);
                    after_root |= self.open.is_empty();
                }
                Token::Text(_) if outside => {}
                Token::Text(text) => self.text(text)?,
                Token::CData(text) => self.plain(text),
                Token::Comment(_) if !self.method.comments => {}
                Token::Comment(comment) => {
                    self.line(outside && after_root);
                    self.put(b"<!--");
                    self.lines(comment);
                    self.put(b"-->");
                    self.line(outside && !after_root);
                }
                Token::Instruction(target, data) => {
                    self.line(outside && after_root);
                    self.put(b"<?");
                    self.put(target.as_bytes());
                    if !data.is_empty() {
                        self.put(b" ");
                        self.lines(data);
                    }
                    self.put(b"?>");
                    self.line(outside && !after_root);
                }
            }
        }
    }

    fn start(&mut self, tag: &Tag<'a>, apex: bool) -> Result<(), XmlError> {
        let opened = Open {
            scope: self.scope.len(),
            rendered: self.rendered.len(),
        };
        self.put(b"<");
        self.put(tag.name.as_bytes());
        if apex || !tag.is_bare() {
            self.attributes(tag, apex)?;
        } else if let Method::Exclusive { .. } = self.method.method {
            self.declare(split_name(tag.name).0);
            self.render(opened.rendered);
        }
        self.put(b">");
        if tag.empty {
            self.put(b"</");
            self.put(tag.name.as_bytes());
            self.put(b">");
            self.scope.truncate(opened.scope);
            self.rendered.truncate(opened.rendered);
        } else {
            self.open.push(opened);
        }
        Ok(())
    }

    fn end(&mut self, name: &str) {
        self.put(b"</");
        self.put(name.as_bytes());
        self.put(b">");
        if let Some(open) = self.open.pop() {
            self.scope.truncate(open.scope);
            self.rendered.truncate(open.rendered);
        }
    }

    /// Declarations, sorted by prefix, then attributes, sorted by namespace and name.
    fn attributes(&mut self, tag: &Tag<'a>, apex: bool) -> Result<(), XmlError> {
        let rendered = self.rendered.len();
        let mut attributes = std::mem::take(&mut self.attributes);
        attributes.clear();
        let mut declared: Vec<&'a str> = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute?;
            if let Some(prefix) = attribute.declared_prefix() {
                if prefix != "xml" {
                    self.scope
                        .push((Cow::Borrowed(prefix), value_of(attribute.value)));
                    declared.push(prefix);
                }
            } else {
                attributes.push(attribute);
            }
        }
        let exclusive = match &self.method.method {
            Method::Exclusive { inclusive_prefixes } => Some(inclusive_prefixes),
            _ => None,
        };
        match exclusive {
            None if apex => {
                let prefixes: Vec<String> = self
                    .scope
                    .iter()
                    .map(|(prefix, _)| prefix.clone().into_owned())
                    .collect();
                prefixes.iter().for_each(|prefix| self.declare(prefix));
            }
            None => declared.iter().for_each(|prefix| self.declare(prefix)),
            Some(inclusive) => {
                self.declare(split_name(tag.name).0);
                for attribute in &attributes {
                    let prefix = split_name(attribute.name).0;
                    if !prefix.is_empty() {
                        self.declare(prefix);
                    }
                }
                for prefix in inclusive {
                    let prefix = if prefix == "#default" { "" } else { prefix };
                    if binding(&self.scope, prefix).is_some() {
                        self.declare(prefix);
                    }
                }
            }
        }
        self.render(rendered);
        let inherited = if apex {
            std::mem::take(&mut self.inherited)
        } else {
            Vec::new()
        };
        self.sorted(&attributes, inherited);
        self.attributes = attributes;
        Ok(())
    }

    /// Has a prefix declared here, unless what surrounds it says the same already.
    fn declare(&mut self, prefix: &str) {
        if prefix == "xml" {
            return;
        }
        let value = binding(&self.scope, prefix).unwrap_or("");
        if !is_same(binding(&self.rendered, prefix).unwrap_or(""), value) {
            self.rendered
                .push((Cow::Owned(prefix.to_owned()), Cow::Owned(value.to_owned())));
        }
    }

    /// Writes the declarations from here on.
    fn render(&mut self, from: usize) {
        if self.rendered.len() == from {
            return;
        }
        self.rendered[from..].sort_by(|one, other| one.0.cmp(&other.0));
        let rendered = std::mem::take(&mut self.rendered);
        for (prefix, value) in &rendered[from..] {
            self.put(if prefix.is_empty() { b" xmlns" } else { b" xmlns:" });
            self.put(prefix.as_bytes());
            self.put(b"=\"");
            self.value(value);
            self.put(b"\"");
        }
        self.rendered = rendered;
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.put(b" ");
        self.put(name.as_bytes());
        self.put(b"=\"");
        self.value(value);
        self.put(b"\"");
    }

    fn sorted(&mut self, attributes: &[Attribute<'a>], inherited: Vec<Binding<'a>>) {
        if let ([attribute], []) = (attributes, inherited.as_slice()) {
            self.attribute(attribute.name, &value_of(attribute.value));
            return;
        }
        let mut all: Vec<(Cow<'_, str>, Cow<'_, str>, Cow<'_, str>)> = Vec::with_capacity(attributes.len());
        for (name, value) in inherited {
            if !attributes.iter().any(|own| own.name == name) {
                all.push((Cow::Borrowed(XML_NAMESPACE), name, value));
            }
        }
        for attribute in attributes {
            let namespace = match split_name(attribute.name).0 {
                "" => Cow::Borrowed(""),
                "xml" => Cow::Borrowed(XML_NAMESPACE),
                prefix => Cow::Owned(binding(&self.scope, prefix).unwrap_or("").to_owned()),
            };
            all.push((
                namespace,
                Cow::Borrowed(attribute.name),
                value_of(attribute.value),
            ));
        }
        if all.len() > 1 {
            all.sort_by(|one, other| (&one.0, split_name(&one.1).1).cmp(&(&other.0, split_name(&other.1).1)));
        }
        for (_, name, value) in &all {
            self.attribute(name, value);
        }
    }

    fn value(&mut self, value: &str) {
        let mut rest = value.as_bytes();
        while let Some(at) = rest
            .iter()
            .position(|byte| matches!(byte, b'&' | b'<' | b'"' | b'\t' | b'\n' | b'\r'))
        {
            self.put(&rest[..at]);
            self.put(match rest[at] {
                b'&' => b"&amp;",
                b'<' => b"&lt;",
                b'"' => b"&quot;",
                b'\t' => b"&#x9;",
                b'\n' => b"&#xA;",
                _ => b"&#xD;",
            });
            rest = &rest[at + 1..];
        }
        self.put(rest);
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        if memchr::memchr3(b'&', b'>', b'\r', text.as_bytes()).is_none() {
            self.put(text.as_bytes());
            return Ok(());
        }
        let mut pieces = Pieces::of(text);
        loop {
            match pieces.next() {
                Ok(None) => return Ok(()),
                Ok(Some(Piece::Plain(plain))) => self.plain(plain),
                Ok(Some(Piece::Reference(character))) => match character {
                    '&' => self.put(b"&amp;"),
                    '<' => self.put(b"&lt;"),
                    '>' => self.put(b"&gt;"),
                    '\r' => self.put(b"&#xD;"),
                    other => self.put(other.encode_utf8(&mut [0; 4]).as_bytes()),
                },
                Err(()) => return Err(XmlError::Malformed { offset: 0 }),
            }
        }
    }

    /// Characters that stand for themselves, escaped, with line ends as they are meant.
    fn plain(&mut self, plain: &str) {
        let mut rest = plain.as_bytes();
        let special = |bytes: &[u8]| {
            let first = memchr::memchr3(b'&', b'<', b'>', bytes);
            let before = &bytes[..first.unwrap_or(bytes.len())];
            memchr::memchr(b'\r', before).or(first)
        };
        while let Some(at) = special(rest) {
            self.put(&rest[..at]);
            match rest[at] {
                b'&' => self.put(b"&amp;"),
                b'<' => self.put(b"&lt;"),
                b'>' => self.put(b"&gt;"),
                _ if rest.get(at + 1) == Some(&b'\n') => {}
                _ => self.put(b"\n"),
            }
            rest = &rest[at + 1..];
        }
        self.put(rest);
    }

    /// Line ends as they are meant, nothing escaped: comments and instructions.
    fn lines(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = memchr::memchr(b'\r', rest) {
            self.put(&rest[..at]);
            if rest.get(at + 1) != Some(&b'\n') {
                self.put(b"\n");
            }
            rest = &rest[at + 1..];
        }
        self.put(rest);
    }

    fn line(&mut self, wanted: bool) {
        if wanted {
            self.put(b"\n");
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush();
        }
        if bytes.len() > BUFFER {
            (self.out)(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self) {
        (self.out)(&self.buffer);
        self.buffer.clear();
    }
}
