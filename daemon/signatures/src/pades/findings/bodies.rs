//! What stands in the file beside the objects that cross-references lead to: objects once more, which a reader that
//! repairs may take (ISO 32000-1, 7.5.4), the end of a ZIP archive, and the beginning of a web page.

use std::collections::HashSet;
use std::ops::Range;

use super::Found;
use crate::pdf::{Document, Entry, Located, Location, PdfError};
use crate::report::FindingKind;

/// Bytes of the file that are looked at, of those that no object takes.
const MAX_GAPS: usize = 64 << 20;
/// Bytes that are looked at together.
const STEP: usize = 1 << 20;
/// More than the header of an object has.
const HEADER: usize = 32;
/// The end record of an archive, and the longest comment behind it.
const END: usize = 22;
const MAX_COMMENT: usize = 0xffff;
/// How much of a file is looked at to tell what it is (WHATWG MIME Sniffing, 5.1: 1445 bytes).
const LOOKED_AT: usize = 1445;
/// Tags that make a page of a file (WHATWG MIME Sniffing, 7.1), of those that can do something.
const PAGE_TAGS: [&str; 7] = [
    "<!doctype html",
    "<html",
    "<head",
    "<script",
    "<iframe",
    "<body",
    "<svg",
];

/// Where the objects are that were read.
#[derive(Default)]
pub(super) struct Bodies(Vec<Range<usize>>);

impl Bodies {
    pub(super) fn add(&mut self, document: &Document<'_>, located: &Located<'_>) {
        if let (Location::File, Some(Entry::InUse { offset, .. })) =
            (&located.location, document.entry(located.id.number))
        {
            let stream = located.stream.as_ref().map_or(0, |stream| stream.end);
            self.0.push(offset..located.node.span.end.max(stream));
        }
    }

    /// Looks at what lies between them.
    pub(super) fn search(mut self, document: &Document<'_>, found: &mut Found) -> Result<(), PdfError> {
        self.0.sort_unstable_by_key(|body| body.start);
        // Those of earlier revisions, too, which later ones have written anew.
        let mut known: HashSet<usize> = self.0.iter().map(|body| body.start).collect();
        for section in document.sections() {
            known.insert(section.offset);
            known.extend(section.entries.values().filter_map(|entry| match entry {
                Entry::InUse { offset, .. } => Some(*offset),
                _ => None,
            }));
        }
        let (mut at, mut left) = (0, MAX_GAPS);
        let whole = document.size();
        for body in self.0.into_iter().chain(std::iter::once(whole..whole)) {
            if at < body.start {
                left = left
                    .checked_sub(body.start - at)
                    .ok_or(PdfError::TooMany("bytes between objects"))?;
                search_gap(document, at..body.start, &known, found)?;
            }
            at = at.max(body.end);
        }
        if is_archive(document)? {
            found.add(FindingKind::Archive, None);
        }
        if is_web_page(document)? {
            found.add(FindingKind::WebPage, None);
        }
        Ok(())
    }
}

fn search_gap(
    document: &Document<'_>,
    gap: Range<usize>,
    known: &HashSet<usize>,
    found: &mut Found,
) -> Result<(), PdfError> {
    let mut hidden_until = gap.start;
    for start in gap.clone().step_by(STEP) {
        // A header may begin before the piece.
        let start = start.saturating_sub(HEADER).max(gap.start);
        let bytes = document.read(start..(start + STEP + HEADER).min(gap.end))?;
        for keyword in memchr::memmem::find_iter(&bytes, b"obj") {
            let Some((at, number)) = header(&bytes[..keyword]) else {
                continue;
            };
            let place = start + at;
            if place < hidden_until {
                continue;
            }
            let end = memchr::memmem::find(&bytes[keyword..], b"endobj");
            hidden_until = start + keyword + end.unwrap_or(0);
            let is_used = !matches!(document.entry(number), None | Some(Entry::Free));
            if is_used && !known.contains(&place) {
                found.add(FindingKind::SecondBody, Some(number));
            }
        }
    }
    Ok(())
}

/// Where `12 0 ` begins at the end of bytes, and the object number.
fn header(bytes: &[u8]) -> Option<(usize, u32)> {
    let back = |end: usize, is: fn(&u8) -> bool| {
        let count = bytes[..end].iter().rev().take_while(|byte| is(byte)).count();
        (count > 0).then_some(end - count)
    };
    let at = back(bytes.len(), u8::is_ascii_whitespace)?;
    let at = back(at, u8::is_ascii_digit)?;
    let end = back(at, u8::is_ascii_whitespace)?;
    let start = back(end, u8::is_ascii_digit)?;
    let number = std::str::from_utf8(&bytes[start..end]).ok()?.parse().ok()?;
    Some((start, number))
}

/// Whether whoever looks at the beginning of a file finds a web page there: a browser that is told so, or that goes by the
/// file's name, shows it and runs its scripts.
fn is_web_page(document: &Document<'_>) -> Result<bool, PdfError> {
    let head = document
        .read(0..document.size().min(LOOKED_AT))?
        .to_ascii_lowercase();
    let begins = |tag: &[u8]| memchr::memmem::find(&head, tag).is_some();
    Ok(PAGE_TAGS.iter().any(|tag| begins(tag.as_bytes())))
}

/// Whether programs for archives find one: its end record is where they look, and its comment goes to the end of the
/// file, or its directory is where the record says.
fn is_archive(document: &Document<'_>) -> Result<bool, PdfError> {
    let size = document.size();
    let start = size.saturating_sub(END + MAX_COMMENT);
    let bytes = document.read(start..size)?;
    let mut records = memchr::memmem::find_iter(&bytes, b"PK\x05\x06");
    Ok(records.any(|at| {
        let Some(record) = bytes.get(at..at + END) else {
            return false;
        };
        let two = |at: usize| usize::from(u16::from_le_bytes([record[at], record[at + 1]]));
        let four = |at: usize| two(at) | two(at + 2) << 16;
        let (length, offset, comment) = (four(12), four(16), two(20));
        let directory = (start + at).checked_sub(length);
        // A document within, packed or not, is an archive that begins elsewhere.
        at + END + comment == bytes.len() || (length > 0 && directory == Some(offset))
    }))
}
