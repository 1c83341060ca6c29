//! Changes to an object, made in the bytes it was written with.
//!
//! Writing a dictionary anew would round numbers and drop what this reader has no type for; an earlier signature's
//! validator then sees a page that was "changed". So only the spans that have to change do.

use std::collections::BTreeMap;
use std::ops::Range;

use super::document::Located;
use super::error::PdfError;
use super::lexer::is_whitespace;
use super::object::{Node, ObjectId, Value};
use super::update::Update;

/// The raw bytes of one object with edits to come.
#[derive(Debug)]
pub struct Splice<'d> {
    located: Located<'d>,
    edits: Vec<(Range<usize>, Vec<u8>)>,
}

impl<'d> Splice<'d> {
    /// Edits of this object.
    #[must_use]
    pub fn new(located: &Located<'d>) -> Self {
        Self {
            located: located.clone(),
            edits: Vec::new(),
        }
    }

    /// Sets a key of a dictionary that stands in the object, to these bytes.
    ///
    /// # Errors
    /// [`PdfError::Malformed`] if `node` is no dictionary, or one that has a key twice whose value matters: which of the
    /// two counts is up to the reader.
    pub fn set(&mut self, node: &Node, key: &[u8], value: &[u8]) -> Result<(), PdfError> {
        let dictionary = node
            .value
            .dictionary()
            .filter(|dictionary| !dictionary.is_ambiguous());
        let dictionary = dictionary.ok_or(PdfError::Malformed(node.span.start))?;
        let known = dictionary.iter().find(|(name, _)| *name == key);
        match known {
            Some((_, old)) => {
                let before = old.span.start.saturating_sub(1)..old.span.start;
                let apart = self
                    .located
                    .bytes(before)
                    .is_some_and(|before| before.iter().all(|byte| is_whitespace(*byte)));
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
        let whole = self.located.node.span.clone();
        let written = self.located.raw();
        let mut result = Vec::with_capacity(written.len() + 64);
        let mut position = 0;
        for (span, bytes) in &self.edits {
            result.extend_from_slice(&written[position..span.start - whole.start]);
            result.extend_from_slice(bytes);
            position = span.end - whole.start;
        }
        result.extend_from_slice(&written[position..]);
        result
    }
}

/// Edits of several objects, each of which is written once, however often it is edited.
#[derive(Debug, Default)]
pub struct Splices<'d>(BTreeMap<ObjectId, Splice<'d>>);

impl<'d> Splices<'d> {
    /// The edits of this object.
    pub fn of(&mut self, located: &Located<'d>) -> &mut Splice<'d> {
        self.0.entry(located.id).or_insert_with(|| Splice::new(located))
    }

    /// Whether the object has been edited.
    #[must_use]
    pub fn has(&self, id: ObjectId) -> bool {
        self.0.get(&id).is_some_and(|splice| !splice.is_empty())
    }

    /// Adds every object that has been edited to the update.
    pub fn finish(self, update: &mut Update) {
        for (id, splice) in self.0 {
            if !splice.is_empty() {
                update.add(id, &splice.finish());
            }
        }
    }
}
