//! Text of pages that is not seen, or is other than it shows (ISO 32000-1, clause 9).

use std::collections::HashSet;

use super::Found;
use crate::pdf::{Document, PageText, PdfError, Programs};
use crate::report::FindingKind;

/// One finding for each page.
pub(super) fn search(document: &Document<'_>, found: &mut Found) -> Result<(), PdfError> {
    let (mut seen, mut programs) = (HashSet::new(), Programs::default());
    for page in document.pages()? {
        let page = page?;
        let number = page.located.id.number;
        if !seen.insert(page.located.id) {
            continue;
        }
        let text = PageText::with_programs(document, &page, &mut found.read, &mut programs).map(Some);
        let Some(text) = found.unless_too_many(number, text)? else {
            continue;
        };
        if text.is_cut_off() {
            found.add(FindingKind::Unsearched, Some(number));
        }
        if text.hidden() > 0 {
            found.add(FindingKind::HiddenText, Some(number));
        }
        if text.others() > 0 {
            found.add(FindingKind::OtherText, Some(number));
        }
    }
    Ok(())
}
