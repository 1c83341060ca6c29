//! Changes to an object, made in the bytes it was written with.
//!
//! Writing a dictionary anew would round numbers and drop what this reader has no type for; an earlier signature's
//! validator then sees a page that was "changed". So only the spans that have to change do.

use std::ops::Range;

use super::document::Located;
use super::error::PdfError;
use super::lexer::is_whitespace;
use super::object::{Node, Value};

/// The raw bytes of one object with edits to come.
#[derive(Debug)]
pub struct Splice<'s> {
    source: &'s [u8],
    span: Range<usize>,
    edits: Vec<(Range<usize>, Vec<u8>)>,
}

impl<'s> Splice<'s> {
    /// Edits of this object.
    #[must_use]
    pub fn new(located: &'s Located<'_>) -> Self {
        Self {
            source: located.source(),
            span: located.node.span.clone(),
            edits: Vec::new(),
        }
    }

    /// Sets a key of a dictionary that stands in the object, to these bytes.
    ///
    /// # Errors
    /// [`PdfError::Malformed`] if `node` is no dictionary, or one that has a key twice: which of the two counts is up to
    /// the reader.
    pub fn set(&mut self, node: &Node, key: &[u8], value: &[u8]) -> Result<(), PdfError> {
        let dictionary = node
            .value
            .dictionary()
            .filter(|dictionary| !dictionary.has_duplicates());
        let dictionary = dictionary.ok_or(PdfError::Malformed(node.span.start))?;
        let known = dictionary.iter().find(|(name, _)| *name == key);
        match known {
            Some((_, old)) => {
                let apart = self.source[..old.span.start]
                    .last()
                    .is_some_and(|byte| is_whitespace(*byte));
                let space: &[u8] = if apart { b"" } else { b" " };
                self.edits.push((old.span.clone(), [space, value].concat()));
            }
            None => {
                let close = node.span.end - 2;
                self.edits
                    .push((close..close, [b" /", key, b" ", value].concat()));
            }
        }
        Ok(())
    }

    /// Adds an element at the end of an array that stands in the object.
    ///
    /// # Errors
    /// [`PdfError::Malformed`] if `node` is no array.
    pub fn append(&mut self, node: &Node, element: &[u8]) -> Result<(), PdfError> {
        let Value::Array(_) = node.value else {
            return Err(PdfError::Malformed(node.span.start));
        };
        let close = node.span.end - 1;
        self.edits.push((close..close, [b" ", element].concat()));
        Ok(())
    }

    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The object as it will be.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.edits.sort_by_key(|(span, _)| span.start);
        let mut result = Vec::with_capacity(self.span.len() + 64);
        let mut position = self.span.start;
        for (span, bytes) in self.edits {
            result.extend_from_slice(&self.source[position..span.start]);
            result.extend_from_slice(&bytes);
            position = span.end;
        }
        result.extend_from_slice(&self.source[position..self.span.end]);
        result
    }
}
