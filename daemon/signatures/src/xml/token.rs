//! Tokens of XML 1.0 (fifth edition) without a document type declaration, borrowed from the text they stand in.
//!
//! Strict: what is no token of a well-formed document is an error. What needs a memory of what came before (that tags
//! match, that prefixes are declared) is judged in [`super::document`].

use memchr::{memchr, memchr2, memchr3, memmem};

use super::XmlError;
use super::name::{is_name, is_nc_name};

/// Attributes of one element (`xmlns` included) that are read.
pub(crate) const MAX_ATTRIBUTES: usize = 256;

/// One token, in the text as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// `<name …>` or `<name …/>`
    Start(Tag<'a>),
    /// `</name>`
    End(&'a str),
    /// Character data with its references.
    Text(&'a str),
    /// What stands in a CDATA section.
    CData(&'a str),
    /// What stands in a comment.
    Comment(&'a str),
    /// A processing instruction: its target, and its data without the white space before it.
    Instruction(&'a str, &'a str),
}

/// A start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// The name with its prefix.
    pub(crate) name: &'a str,
    /// What stands between the name and the end of the tag.
    attributes: &'a str,
    /// Whether the element ends with the tag.
    pub(crate) empty: bool,
    /// Where the tag starts.
    at: usize,
}

/// An attribute of a start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    /// The name with its prefix.
    pub(crate) name: &'a str,
    /// The value with its references, without the quotes.
    pub(crate) value: &'a str,
}

/// Prefix and local part; the prefix is empty where there is none.
pub(crate) fn split_name(name: &str) -> (&str, &str) {
    match colon(name) {
        None => ("", name),
        Some(at) => (&name[..at], &name[at + 1..]),
    }
}

/// Where the first colon of a name stands. Names are too short for a search by words.
fn colon(name: &str) -> Option<usize> {
    name.bytes().position(|byte| byte == b':')
}

impl<'a> Attribute<'a> {
    /// The prefix it declares, empty for the default namespace; none when it declares none.
    pub(crate) fn declared_prefix(&self) -> Option<&'a str> {
        match self.name.strip_prefix("xmlns")? {
            "" => Some(""),
            rest => rest.strip_prefix(':'),
        }
    }
}

impl<'a> Tag<'a> {
    /// Its attributes, in the order of the text.
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        Attributes {
            rest: self.attributes,
            at: self.at,
        }
    }

    /// Whether it has none, declarations included.
    pub(crate) fn is_bare(&self) -> bool {
        self.attributes.is_empty()
    }
}

/// The attributes of a tag. Ends at the first error.
pub(crate) struct Attributes<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Attributes<'a> {
    fn take(&mut self) -> Result<Option<Attribute<'a>>, XmlError> {
        let malformed = XmlError::Malformed { offset: self.at };
        let trimmed = self.rest.trim_start_matches(is_space);
        if trimmed.is_empty() {
            return Ok(None);
        }
        if trimmed.len() == self.rest.len() {
            return Err(malformed);
        }
        let equals = trimmed.bytes().position(|byte| byte == b'=');
        let equals = equals.ok_or(malformed.clone())?;
        let name = trimmed[..equals].trim_end_matches(is_space);
        let rest = trimmed[equals + 1..].trim_start_matches(is_space);
        let quote = *rest
            .as_bytes()
            .first()
            .filter(|first| matches!(**first, b'"' | b'\''))
            .ok_or(malformed.clone())?;
        let end = memchr2(quote, b'<', &rest.as_bytes()[1..]).ok_or(malformed.clone())?;
        let value = &rest[1..=end];
        if rest.as_bytes()[end + 1] == b'<' || !is_qualified_name(name) {
            return Err(malformed);
        }
        self.rest = &rest[end + 2..];
        Ok(Some(Attribute { name, value }))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, XmlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let taken = self.take().transpose();
        if matches!(taken, Some(Err(_))) {
            self.rest = "";
        }
        taken
    }
}

/// White space of XML (production 3).
pub(crate) const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// `QName` of Namespaces in XML 1.0.
pub(crate) fn is_qualified_name(name: &str) -> bool {
    match colon(name) {
        None => is_nc_name(name),
        Some(at) => is_nc_name(&name[..at]) && is_nc_name(&name[at + 1..]),
    }
}

/// The tokens of a text or of one element in it.
#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

impl<'a> Tokens<'a> {
    /// Of a part of the text; it has to start and end between tokens.
    pub(crate) const fn of(text: &'a str, start: usize, end: usize) -> Self {
        Self { text, at: start, end }
    }

    /// Where the next token starts.
    pub(crate) const fn offset(&self) -> usize {
        self.at
    }

    /// Goes to a place between tokens.
    pub(crate) const fn skip_to(&mut self, offset: usize) {
        self.at = offset;
    }

    fn malformed(&self) -> XmlError {
        XmlError::Malformed { offset: self.at }
    }

    /// The next token; none at the end.
    ///
    /// # Errors
    /// [`XmlError`] for what is none.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, XmlError> {
        let rest = &self.text.as_bytes()[self.at..self.end];
        match rest {
            [] => Ok(None),
            [b'<', b'/', ..] => self.end_tag().map(Some),
            [b'<', b'?', ..] => self.instruction().map(Some),
            [b'<', b'!', ..] => self.declaration().map(Some),
            [b'<', ..] => self.start_tag().map(Some),
            _ => {
                let len = memchr(b'<', rest).unwrap_or(rest.len());
                Ok(Some(Token::Text(self.advance(len))))
            }
        }
    }

    fn advance(&mut self, len: usize) -> &'a str {
        let piece = &self.text[self.at..self.at + len];
        self.at += len;
        piece
    }

    fn start_tag(&mut self) -> Result<Token<'a>, XmlError> {
        let bytes = &self.text.as_bytes()[self.at..self.end];
        let ends_name =
            |byte: &u8| matches!(*byte, b'>' | b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'"' | b'\'');
        let name_len = bytes[1..].iter().position(ends_name).ok_or(self.malformed())?;
        let mut len = 1 + name_len;
        // Most tags are a name and nothing else.
        while bytes[len] != b'>' {
            len += memchr3(b'>', b'"', b'\'', &bytes[len..]).ok_or(self.malformed())?;
            if bytes[len] != b'>' {
                len += memchr(bytes[len], &bytes[len + 1..]).ok_or(self.malformed())? + 2;
            }
            if len >= bytes.len() {
                return Err(self.malformed());
            }
        }
        let at = self.at;
        let inside = &self.text[at + 1..at + len];
        let (inside, empty) = inside
            .strip_suffix('/')
            .map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.split_at(name_len);
        if !is_qualified_name(name) {
            return Err(self.malformed());
        }
        self.at += len + 1;
        Ok(Token::Start(Tag {
            name,
            attributes: attributes.trim_end_matches(is_space),
            empty,
            at,
        }))
    }

    fn end_tag(&mut self) -> Result<Token<'a>, XmlError> {
        let bytes = &self.text.as_bytes()[self.at..self.end];
        let len = bytes
            .iter()
            .position(|byte| *byte == b'>')
            .ok_or(self.malformed())?;
        let name = &self.text[self.at + 2..self.at + len];
        let name = if name.ends_with(is_space) {
            name.trim_end_matches(is_space)
        } else {
            name
        };
        self.at += len + 1;
        Ok(Token::End(name))
    }

    fn instruction(&mut self) -> Result<Token<'a>, XmlError> {
        let bytes = &self.text.as_bytes()[self.at..self.end];
        let len = memmem::find(bytes, b"?>").ok_or(self.malformed())?;
        let inside = self.text[self.at..].get(2..len).ok_or(self.malformed())?;
        let (target, data) = inside
            .find(is_space)
            .map_or((inside, ""), |split| inside.split_at(split));
        if !is_name(target) || target.contains(':') || target.eq_ignore_ascii_case("xml") {
            return Err(self.malformed());
        }
        self.at += len + 2;
        Ok(Token::Instruction(target, data.trim_start_matches(is_space)))
    }

    fn declaration(&mut self) -> Result<Token<'a>, XmlError> {
        let rest = &self.text[self.at..self.end];
        if let Some(inside) = rest.strip_prefix("<!--") {
            let len = memmem::find(inside.as_bytes(), b"--").ok_or(self.malformed())?;
            if inside.as_bytes().get(len + 2) != Some(&b'>') {
                return Err(self.malformed());
            }
            self.at += len + 7;
            return Ok(Token::Comment(&inside[..len]));
        }
        if let Some(inside) = rest.strip_prefix("<![CDATA[") {
            let len = memmem::find(inside.as_bytes(), b"]]>").ok_or(self.malformed())?;
            self.at += len + 12;
            return Ok(Token::CData(&inside[..len]));
        }
        if rest.starts_with("<!DOCTYPE") {
            return Err(XmlError::DocumentType);
        }
        Err(self.malformed())
    }
}

/// A piece of character data or of an attribute value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Characters that stand for themselves.
    Plain(&'a str),
    /// A character that was written as a reference.
    Reference(char),
}

/// Takes character data apart into pieces.
pub(crate) struct Pieces<'a>(&'a str);

impl<'a> Pieces<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// The next piece; none at the end, `Err(())` for a reference to what XML does not know by itself.
    #[allow(clippy::result_unit_err, reason = "the caller knows the place")]
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'a>>, ()> {
        if self.0.is_empty() {
            return Ok(None);
        }
        match memchr(b'&', self.0.as_bytes()) {
            Some(0) => {
                let end = memchr2(b';', b'<', self.0.as_bytes()).ok_or(())?;
                let character = referenced(&self.0[1..end]).ok_or(())?;
                self.0 = self.0[end..].strip_prefix(';').ok_or(())?;
                Ok(Some(Piece::Reference(character)))
            }
            split => {
                let (plain, rest) = self.0.split_at(split.unwrap_or(self.0.len()));
                self.0 = rest;
                Ok(Some(Piece::Plain(plain)))
            }
        }
    }
}

/// The character behind `&name;` (productions 66 and 68; the five entities of section 4.6).
fn referenced(name: &str) -> Option<char> {
    let code = match name.strip_prefix('#') {
        None => {
            return Some(match name {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "quot" => '"',
                "apos" => '\'',
                _ => return None,
            });
        }
        Some(number) => match number.strip_prefix('x') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u32::from_str_radix(digits, 16).ok()?
            }
            None if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok()?,
            _ => return None,
        },
    };
    char::from_u32(code).filter(|character| super::name::is_character(*character))
}
