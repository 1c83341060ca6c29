//! From tokens to objects (ISO 32000-1, 7.3).

use super::error::{Limits, PdfError};
use super::lexer::Lexer;
use super::object::{Dictionary, Node, ObjectId, Value};

/// Reads values within the limits of one object.
pub(super) struct Parser<'b> {
    pub(super) lexer: Lexer<'b>,
    start: usize,
    depth: usize,
    values: usize,
    read: usize,
}

impl<'b> Parser<'b> {
    pub(super) fn new(bytes: &'b [u8], position: usize, limits: &Limits) -> Self {
        Self::with(Lexer::new(bytes, position), limits)
    }

    /// From where the lexer is.
    pub(super) fn with(lexer: Lexer<'b>, limits: &Limits) -> Self {
        Self {
            start: lexer.position,
            lexer,
            depth: limits.depth,
            values: limits.values,
            read: 0,
        }
    }

    /// What has been read so far, as [`Limits::work`] counts.
    pub(super) fn work(&self) -> usize {
        self.lexer.position - self.start + 8 * self.read
    }

    /// The value that begins here, after white space.
    pub(super) fn value(&mut self) -> Result<Node, PdfError> {
        self.lexer.skip_space();
        self.values = self.values.checked_sub(1).ok_or(PdfError::TooMany("values"))?;
        self.read += 1;
        let start = self.lexer.position;
        let value = match self.lexer.peek().ok_or_else(|| self.lexer.malformed())? {
            b'/' => Value::Name(self.lexer.name()?),
            b'(' => Value::String(self.lexer.literal_string()?),
            b'[' => self.nested(Self::array)?,
            b'<' if self.lexer.sees(b"<<") => self.nested(Self::dictionary)?,
            b'<' => Value::String(self.lexer.hex_string()?),
            b'0'..=b'9' => self.reference_or_number()?,
            b'+' | b'-' | b'.' => number(self.lexer.regular()).ok_or(PdfError::Malformed(start))?,
            _ => keyword(self.lexer.regular()).ok_or(PdfError::Malformed(start))?,
        };
        Ok(Node {
            value,
            span: start..self.lexer.position,
        })
    }

    /// The value of an object, behind its header. One that has none is null, as other readers take it.
    pub(super) fn object(&mut self) -> Result<Node, PdfError> {
        self.lexer.skip_space();
        let start = self.lexer.position;
        if self.lexer.take_keyword(b"endobj") {
            return Ok(Node {
                value: Value::Null,
                span: start..start,
            });
        }
        self.value()
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, PdfError>) -> Result<Value, PdfError> {
        self.depth = self.depth.checked_sub(1).ok_or(PdfError::TooDeep)?;
        let value = read(self)?;
        self.depth += 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, PdfError> {
        self.lexer.position += 1;
        let mut nodes = Vec::new();
        loop {
            self.lexer.skip_space();
            if self.lexer.take(b"]") {
                return Ok(Value::Array(nodes));
            }
            nodes.push(self.value()?);
        }
    }

    fn dictionary(&mut self) -> Result<Value, PdfError> {
        self.lexer.position += 2;
        let mut entries = Vec::new();
        loop {
            self.lexer.skip_space();
            if self.lexer.take(b">>") {
                return Ok(Value::Dictionary(Dictionary { entries }));
            }
            let key = self.lexer.name()?;
            entries.push((key, self.value()?));
        }
    }

    /// `12 0 R` begins like two numbers.
    fn reference_or_number(&mut self) -> Result<Value, PdfError> {
        let start = self.lexer.position;
        let mut token = self.lexer.regular();
        // Some producers end an object that is a number without a space, and readers take it for that.
        if let Some(digits) = token.strip_suffix(b"endobj") {
            self.lexer.position -= token.len() - digits.len();
            token = digits;
        }
        let first = number(token).ok_or(PdfError::Malformed(start))?;
        let Some(object) = first.integer().and_then(|value| u32::try_from(value).ok()) else {
            return Ok(first);
        };
        let after = self.lexer.position;
        match self.rest_of_reference() {
            Some(generation) => Ok(Value::Reference(ObjectId {
                number: object,
                generation,
            })),
            None => {
                self.lexer.position = after;
                Ok(first)
            }
        }
    }

    fn rest_of_reference(&mut self) -> Option<u16> {
        self.lexer.skip_space();
        if !self.lexer.peek()?.is_ascii_digit() {
            return None;
        }
        let generation = u16::try_from(self.lexer.unsigned().ok()?).ok()?;
        self.lexer.skip_space();
        self.lexer.take_keyword(b"R").then_some(generation)
    }
}

fn keyword(token: &[u8]) -> Option<Value> {
    match token {
        b"null" => Some(Value::Null),
        b"true" => Some(Value::Boolean(true)),
        b"false" => Some(Value::Boolean(false)),
        _ => None,
    }
}

fn number(token: &[u8]) -> Option<Value> {
    // No exponents, no "inf" and no "nan" in PDF.
    if !token
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.'))
    {
        return None;
    }
    let text = std::str::from_utf8(token).ok()?;
    match text.parse() {
        Ok(integer) => Some(Value::Integer(integer)),
        // Some producers write "--5" or "5.0-3"; readers differ about it, so it is only ever carried along, and equals
        // nothing, itself not either.
        Err(_) => Some(Value::Real(text.parse().unwrap_or(f64::NAN))),
    }
}
