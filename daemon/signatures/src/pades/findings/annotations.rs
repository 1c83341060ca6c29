//! Annotations that paint over what a page says (ISO 32000-1, 12.5.5).

use std::collections::HashSet;

use super::Found;
use crate::pades::form::Field;
use crate::pdf::{
    Area, Dictionary, Document, Located, Node, ObjectId, Page, PageText, PdfError, Value, common, painted,
};
use crate::report::FindingKind;

/// The part of a page that is considerable.
const CONSIDERABLE: f64 = 0.25;

/// Flags (12.5.3).
const HIDDEN: i64 = 1 << 1;
const PRINT: i64 = 1 << 2;
const NO_VIEW: i64 = 1 << 5;

/// Looks at all annotations but the signatures' own. The text of a page is only read where one of them paints over
/// something.
pub(super) fn search(document: &Document<'_>, form: &[Field<'_>], found: &mut Found) -> Result<(), PdfError> {
    let seals = form
        .iter()
        .filter(|field| field.is_signature() && field.is_signed());
    let seals: HashSet<ObjectId> = seals.flat_map(|field| field.widgets.iter().copied()).collect();
    let mut left = document.limits().nodes;
    let mut seen = HashSet::new();
    for page in document.pages()? {
        let page = page?;
        if !seen.insert(page.located.id) {
            continue;
        }
        let Some((dictionary, shown)) = page.located.dictionary().zip(page.shown) else {
            continue;
        };
        let annotations = document.get(dictionary, b"Annots")?;
        let annotations = annotations.as_deref().and_then(Value::array).unwrap_or_default();
        let mut text = None;
        for node in annotations {
            left = left.checked_sub(1).ok_or(PdfError::TooMany("annotations"))?;
            let id = node.value.reference();
            if id.is_some_and(|id| seals.contains(&id)) {
                continue;
            }
            let number = id.unwrap_or(page.located.id).number;
            let areas = painted_by(document, node, &mut found.operators).map(Some);
            let areas = found.unless_too_many(number, areas)?.unwrap_or_default();
            let areas: Vec<Area> = areas.into_iter().filter_map(|area| common(area, shown)).collect();
            if areas.is_empty() {
                continue;
            }
            let text = match &mut text {
                Some(text) => text,
                none => none.insert(page_text(document, &page, &mut found.operators)?),
            };
            let letters = text.as_ref().map_or(0, PageText::len);
            found.compared = found
                .compared
                .checked_sub(letters.saturating_mul(areas.len()))
                .ok_or(PdfError::TooMany("letters below annotations"))?;
            let covers = match text {
                Some(text) if text.is_blank() => false,
                _ if is_considerable(&areas, shown) => true,
                Some(text) => text.letters_in(&areas) > 0,
                None => false,
            };
            if covers {
                found.add(FindingKind::CoveringAnnotation, Some(number));
            }
        }
    }
    Ok(())
}

/// `None` where it cannot be read: what is painted over is not known then.
fn page_text(
    document: &Document<'_>,
    page: &Page<'_>,
    operators: &mut usize,
) -> Result<Option<PageText>, PdfError> {
    match PageText::of_within(document, page, operators) {
        Err(error @ PdfError::TooMany(_)) => Err(error),
        read => Ok(read.ok()),
    }
}

/// Whether rectangles make a considerable part of a page. What several of them have in common counts more than once, but
/// no more than what lies around all of them.
fn is_considerable(areas: &[Area], page: Area) -> bool {
    let size = |[left, bottom, right, top]: Area| (right - left) * (top - bottom);
    let around = |a: Area, b: Area| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
    let sum: f64 = areas.iter().map(|area| size(*area)).sum();
    let whole = areas.iter().copied().reduce(around).map_or(0.0, size);
    sum.min(whole) >= CONSIDERABLE * size(page)
}

/// What an annotation paints over, in the page's coordinates.
fn painted_by(document: &Document<'_>, node: &Node, operators: &mut usize) -> Result<Vec<Area>, PdfError> {
    let value = document.resolve(node)?;
    let Some(annotation) = value.dictionary() else {
        return Ok(Vec::new());
    };
    let flags = document.get(annotation, b"F")?;
    let flags = flags.and_then(|flags| flags.integer()).unwrap_or(0);
    let is_never_seen = flags & HIDDEN != 0 || (flags & NO_VIEW != 0 && flags & PRINT == 0);
    let rectangle = document.rectangle(annotation, b"Rect")?;
    let Some(rectangle) = rectangle.filter(|_| !is_never_seen) else {
        return Ok(Vec::new());
    };
    match appearance(document, annotation)? {
        Some(appearance) => painted(document, &appearance, rectangle, operators),
        None if fills_by_itself(document, annotation)? => Ok(vec![rectangle]),
        None => Ok(Vec::new()),
    }
}

/// The stream that an annotation is drawn with (12.5.5): of several, the one of its state.
pub(super) fn appearance<'d>(
    document: &Document<'d>,
    annotation: &Dictionary,
) -> Result<Option<Located<'d>>, PdfError> {
    let appearances = document.get(annotation, b"AP")?;
    let appearances = appearances.as_deref().and_then(Value::dictionary);
    let Some(normal) = appearances.and_then(|appearances| appearances.get(b"N")) else {
        return Ok(None);
    };
    let stream = |node: &Node| match node.value.reference() {
        Some(id) => document.object(id),
        None => Ok(None),
    };
    let drawn = stream(normal)?;
    if drawn.as_ref().is_some_and(|drawn| drawn.stream.is_some()) {
        return Ok(drawn);
    }
    let states = document.resolve(normal)?;
    let state = document.get(annotation, b"AS")?;
    let state = state.as_deref().and_then(Value::name);
    let drawn = states
        .dictionary()
        .zip(state)
        .and_then(|(states, state)| states.get(state));
    let drawn = drawn.map(stream).transpose()?.flatten();
    Ok(drawn.filter(|drawn| drawn.stream.is_some()))
}

/// Whether readers fill an annotation that brings no appearance: a rectangle with an interior colour (12.5.6.8), or a
/// text with a background (12.5.6.6).
fn fills_by_itself(document: &Document<'_>, annotation: &Dictionary) -> Result<bool, PdfError> {
    let kind = document.get(annotation, b"Subtype")?;
    let colour: &[u8] = match kind.as_deref().and_then(Value::name) {
        Some(b"Square") => b"IC",
        Some(b"FreeText") => b"C",
        _ => return Ok(false),
    };
    let colour = document.get(annotation, colour)?;
    let has_colour = colour
        .as_deref()
        .and_then(Value::array)
        .is_some_and(|colour| !colour.is_empty());
    let opacity = document.get(annotation, b"CA")?;
    let is_opaque = opacity
        .and_then(|opacity| opacity.number())
        .is_none_or(|opacity| opacity >= 0.9);
    Ok(has_colour && is_opaque)
}
