//! Where a document begins and ends, and the chain of its cross-reference sections from the last one on.

use std::collections::HashSet;

use crate::pdf::error::{Limits, PdfError};
use crate::pdf::lexer::{Lexer, is_whitespace};
use crate::pdf::object::Dictionary;
use crate::pdf::section::{Left, Section, read_startxref};
use crate::pdf::source::Bytes;

pub(super) fn size(trailer: &Dictionary) -> Option<u32> {
    trailer
        .get(b"Size")?
        .value
        .integer()
        .and_then(|size| u32::try_from(size).ok())
}

pub(super) fn check_header(bytes: &Bytes<'_>) -> Result<(), PdfError> {
    let head = bytes.read(0..bytes.len().min(1024 + 5))?;
    let at = head
        .windows(5)
        .position(|window| window == b"%PDF-")
        .ok_or(PdfError::NotPdf)?;
    let before = head[..at].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head[..at]);
    if before.iter().all(|byte| is_whitespace(*byte)) {
        Ok(())
    } else {
        Err(PdfError::LeadingBytes(at))
    }
}

/// The offset after the last `startxref`, and where its `%%EOF` ends. Looks at the last mebibyte, if the last pages have
/// none.
pub(super) fn find_startxref(bytes: &Bytes<'_>) -> Result<(usize, usize), PdfError> {
    let within = |tail: usize| {
        let from = bytes.len().saturating_sub(tail);
        startxref_in(&bytes.read(from..bytes.len())?, from, bytes.len())
    };
    match within(8 << 10) {
        Err(PdfError::Truncated) => within(1 << 20),
        found => found,
    }
}

fn startxref_in(tail: &[u8], from: usize, total: usize) -> Result<(usize, usize), PdfError> {
    const KEYWORD: &[u8] = b"startxref";
    let mut before = tail.len();
    loop {
        let at = tail[..before]
            .windows(KEYWORD.len())
            .rposition(|window| window == KEYWORD)
            .ok_or(PdfError::Truncated)?;
        match read_startxref(&mut Lexer::part(tail, from, total, from + at)) {
            // The first part of a linearised file ends with offset 0: then the rest of it is missing.
            Some((0, _)) => return Err(PdfError::Truncated),
            Some(found) => return Ok(found),
            None if before == tail.len() && tail.len() - at < 64 => {
                return Err(PdfError::Truncated);
            }
            None => before = at + KEYWORD.len() - 1,
        }
    }
}

pub(super) fn read_sections(
    bytes: &Bytes<'_>,
    start: usize,
    limits: &Limits,
    left: &mut Left,
) -> Result<Vec<Section>, PdfError> {
    let mut sections = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some(start);
    while let Some(offset) = next {
        if !seen.insert(offset) {
            return Err(PdfError::XrefLoop);
        }
        if sections.len() == limits.sections {
            return Err(PdfError::TooMany("revisions"));
        }
        if offset >= bytes.len() {
            return Err(PdfError::XrefDamaged(offset));
        }
        let section = Section::read(bytes, offset, limits, left)?;
        next = section.previous()?;
        sections.push(section);
    }
    Ok(sections)
}
