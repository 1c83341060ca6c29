//! What a signature covers (ISO 32000-1, 12.8.1): everything up to some revision's end but its own `/Contents`.

use std::ops::Range;

use crate::algorithm::Hash;
use crate::pdf::{Document, Located, Location, Node, Value};
use crate::report::Reason;

/// A byte range that has been checked against the file.
#[derive(Debug, Clone)]
pub(super) struct Covered {
    /// The value of `/Contents` with its brackets.
    gap: Range<usize>,
    /// One past the last covered byte.
    pub(super) end: usize,
}

impl Covered {
    /// Their digest; none if they cannot be read.
    pub(super) fn digest(&self, document: &Document<'_>, hash: Hash) -> Option<Vec<u8>> {
        let mut hasher = hash.hasher();
        for piece in [0..self.gap.start, self.gap.end..self.end] {
            document.hash(piece, &mut hasher).ok()?;
        }
        Some(hasher.finalize())
    }

    pub(super) fn gap(&self) -> Range<usize> {
        self.gap.clone()
    }

    pub(super) fn signed_bytes(&self) -> usize {
        self.end - self.gap.len()
    }

    pub(super) fn gap_len(&self) -> usize {
        self.gap.len()
    }
}

/// Checks that `/ByteRange` of the signature dictionary `node`, which stands in `holder`, is `[0 a b c]` where the gap
/// from a to b is exactly that dictionary's own hexadecimal `/Contents`, in a file of `len` bytes.
///
/// Whatever else a byte range could say has been used to slip bytes past a validator.
pub(super) fn check(holder: &Located<'_>, node: &Node, len: usize) -> Result<Covered, Reason> {
    let dictionary = node.value.dictionary().ok_or(Reason::MalformedByteRange)?;
    if !matches!(holder.location, Location::File) || dictionary.has_duplicates() {
        return Err(Reason::MalformedByteRange);
    }
    let range = dictionary
        .get(b"ByteRange")
        .and_then(|node| node.value.array())
        .ok_or(Reason::MalformedByteRange)?;
    let numbers: Option<Vec<usize>> = range
        .iter()
        .map(|node| usize::try_from(node.value.integer()?).ok())
        .collect();
    let Some(&[0, before, after, rest]) = numbers.as_deref() else {
        return Err(Reason::MalformedByteRange);
    };
    let end = after
        .checked_add(rest)
        .filter(|end| *end <= len)
        .ok_or(Reason::MalformedByteRange)?;
    if node.span.end > end {
        return Err(Reason::MalformedByteRange);
    }
    let contents = dictionary.get(b"Contents").ok_or(Reason::ContentsNotInGap)?;
    let first = contents.span.start..contents.span.start.saturating_add(1);
    let hexadecimal = holder.bytes(first) == Some(b"<");
    if contents.span != (before..after) || !hexadecimal || !matches!(contents.value, Value::String(_)) {
        return Err(Reason::ContentsNotInGap);
    }
    Ok(Covered {
        gap: before..after,
        end,
    })
}
