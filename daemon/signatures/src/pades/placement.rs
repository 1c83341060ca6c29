//! Where on which page an appearance goes.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::PadesError;
use super::appearance::AppearanceError;
use super::form::{self, Field};
use crate::pdf::{Document, Page, PageText, PdfError, Rotation, Value};

/// Pages that a keyword is looked for on.
const MAX_SEARCHED: usize = 1_000;

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageChoice {
    /// Counted from 1
    Number(u32),
    /// The last one
    Last,
}

/// Where an appearance goes. All measures are in points, seen from the lower left corner of the page as it is shown:
/// cropped and turned.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A rectangle: lower left and upper right corner, `[x1, y1, x2, y2]`.
    Rectangle {
        /// Of this page.
        page: PageChoice,
        /// In points.
        rectangle: [f64; 4],
    },
    /// A corner of the page.
    Corner {
        /// Of this page.
        page: PageChoice,
        /// Which one.
        corner: Corner,
        /// Width and height, in points.
        size: [f64; 2],
        /// Between the page's edges and the appearance, horizontally and vertically, in points.
        margin: [f64; 2],
    },
    /// Beside a text on the page: where it stands last on the first page that has it, the last page that has it, or the
    /// page given. Upper and lower case and runs of white space count as the same.
    Keyword {
        /// The text.
        text: String,
        /// Only on this page.
        page: Option<PageChoice>,
        /// Without a page: whether the last page that has it is meant, and not the first.
        backwards: bool,
        /// On which side of the text.
        side: Side,
        /// Width and height, in points.
        size: [f64; 2],
    },
    /// Over the left part of a signature that is there: how an agency's seal covers a third of a person's signature
    /// (Decree 30/2020/NĐ-CP, Annex I).
    OverSignature {
        /// The full name of its field; if absent, the newest visible one.
        field: Option<String>,
        /// How much of its width is covered, from 0 to 1.
        share: f64,
        /// Width and height, in points.
        size: [f64; 2],
    },
    /// The rectangle of the field that is signed.
    Field,
}

/// A corner of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say it")]
pub enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// On which side of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "they say it")]
pub enum Side {
    Above,
    #[default]
    Below,
    Right,
    Over,
}

impl Place {
    /// A rectangle on a page counted from 1.
    #[must_use]
    pub fn on(page: u32, rectangle: [f64; 4]) -> Self {
        Self::Rectangle {
            page: PageChoice::Number(page),
            rectangle,
        }
    }
}

/// A place that has been found.
#[derive(Debug)]
pub(super) struct Spot<'d> {
    pub(super) page: Page<'d>,
    /// In default user space.
    pub(super) corners: [f64; 4],
}

impl Spot<'_> {
    /// Width and height as shown.
    pub(super) fn size(&self) -> [f64; 2] {
        let [x1, y1, x2, y2] = self.corners;
        match self.page.rotation {
            Rotation::None | Rotation::Half => [x2 - x1, y2 - y1],
            Rotation::Quarter | Rotation::ThreeQuarters => [y2 - y1, x2 - x1],
        }
    }
}

/// Finds the place; `field` is the one that is signed, if it is there already.
pub(super) fn find<'d>(
    document: &Document<'d>,
    place: &Place,
    field: Option<&Field<'_>>,
) -> Result<Spot<'d>, PadesError> {
    match place {
        Place::Rectangle { page, rectangle } => on_page(choose(document, *page)?, *rectangle),
        Place::Corner {
            page,
            corner,
            size,
            margin,
        } => {
            let page = choose(document, *page)?;
            let [width, height] = shown_size(&page)?;
            let x = match corner {
                Corner::TopLeft | Corner::BottomLeft => margin[0],
                Corner::TopRight | Corner::BottomRight => width - margin[0] - size[0],
            };
            let y = match corner {
                Corner::BottomLeft | Corner::BottomRight => margin[1],
                Corner::TopLeft | Corner::TopRight => height - margin[1] - size[1],
            };
            on_page(page, [x, y, x + size[0], y + size[1]])
        }
        Place::Keyword {
            text,
            page,
            backwards,
            side,
            size,
        } => beside_keyword(
            document,
            text,
            searched(document, *page, *backwards)?,
            *side,
            *size,
        ),
        Place::OverSignature { field, share, size } => {
            over_signature(document, field.as_deref(), *share, *size)
        }
        Place::Field => {
            let field = field.ok_or(AppearanceError::NoSignature)?;
            let (page, corners) = widget_place(document, field)?.ok_or(AppearanceError::OutsidePage)?;
            Ok(Spot { page, corners })
        }
    }
}

fn choose<'d>(document: &Document<'d>, page: PageChoice) -> Result<Page<'d>, PdfError> {
    match page {
        PageChoice::Number(number) => document.page(number),
        PageChoice::Last => {
            let mut last = None;
            for page in document.pages()? {
                last = Some(page?);
            }
            last.ok_or(PdfError::NoPages)
        }
    }
}

fn on_page(page: Page<'_>, rectangle: [f64; 4]) -> Result<Spot<'_>, PadesError> {
    let shown = page.shown.ok_or(PdfError::Missing("the media box of the page"))?;
    let corners = user_space(rectangle, shown, page.rotation).ok_or(AppearanceError::OutsidePage)?;
    Ok(Spot { page, corners })
}

/// Width and height of the page as it is shown.
fn shown_size(page: &Page<'_>) -> Result<[f64; 2], PdfError> {
    let [left, bottom, right, top] = page.shown.ok_or(PdfError::Missing("the media box of the page"))?;
    Ok(match page.rotation {
        Rotation::None | Rotation::Half => [right - left, top - bottom],
        Rotation::Quarter | Rotation::ThreeQuarters => [top - bottom, right - left],
    })
}

/// The pages that a keyword is looked for on, in their turn.
fn searched<'d>(
    document: &Document<'d>,
    page: Option<PageChoice>,
    backwards: bool,
) -> Result<VecDeque<Page<'d>>, PdfError> {
    if let Some(page) = page {
        return Ok(VecDeque::from([choose(document, page)?]));
    }
    if !backwards {
        return document.pages()?.take(MAX_SEARCHED).collect();
    }
    let mut last = VecDeque::new();
    for page in document.pages()? {
        last.truncate(MAX_SEARCHED - 1);
        last.push_front(page?);
    }
    Ok(last)
}

fn beside_keyword<'d>(
    document: &Document<'d>,
    keyword: &str,
    candidates: VecDeque<Page<'d>>,
    side: Side,
    size: [f64; 2],
) -> Result<Spot<'d>, PadesError> {
    let mut unreadable = None;
    for page in candidates {
        let text = match PageText::of(document, &page) {
            Ok(text) => text,
            Err(error) => {
                unreadable = Some(error);
                continue;
            }
        };
        if let Some(found) = text.find(keyword).pop() {
            let shown = page.shown.ok_or(PdfError::Missing("the media box of the page"))?;
            let found = shown_space(found, shown, page.rotation);
            let rectangle = beside(found, side, size, shown_size(&page)?);
            return on_page(page, rectangle);
        }
    }
    Err(unreadable.map_or(AppearanceError::NoKeyword.into(), PadesError::from))
}

/// A rectangle of this size at a side of a text, centred on it, moved onto the page where it would stick out by a
/// little.
fn beside([x1, y1, x2, y2]: [f64; 4], side: Side, [width, height]: [f64; 2], page: [f64; 2]) -> [f64; 4] {
    const GAP: f64 = 3.0;
    let centred = (
        f64::midpoint(x1, x2) - width / 2.0,
        f64::midpoint(y1, y2) - height / 2.0,
    );
    let (x, y) = match side {
        Side::Above => (centred.0, y2 + GAP),
        Side::Below => (centred.0, y1 - GAP - height),
        Side::Right => (x2 + GAP, centred.1),
        Side::Over => centred,
    };
    let x = x.min(page[0] - width).max(0.0);
    let y = y.min(page[1] - height).max(0.0);
    [x, y, x + width, y + height]
}

fn over_signature<'d>(
    document: &Document<'d>,
    name: Option<&str>,
    share: f64,
    [width, height]: [f64; 2],
) -> Result<Spot<'d>, PadesError> {
    let fields = form::fields(document)?;
    let signed = fields
        .iter()
        .filter(|field| field.is_signature() && field.is_signed());
    let mut candidates: Vec<_> = signed
        .filter(|field| name.is_none_or(|name| form::full_name(&fields, field).as_deref() == Some(name)))
        .collect();
    // The form says nothing of when its fields were signed: each signature covers the ones before it. Of those that say
    // nothing either, a field that came later stands further behind.
    candidates.reverse();
    candidates.sort_by_cached_key(|field| Reverse(covered_until(document, field)));
    for field in candidates {
        let Some((page, corners)) = widget_place(document, field)? else {
            continue;
        };
        let shown = page.shown.ok_or(PdfError::Missing("the media box of the page"))?;
        let [x1, y1, x2, y2] = shown_space(corners, shown, page.rotation);
        let right = x1 + (x2 - x1) * share.clamp(0.0, 1.0);
        let bottom = f64::midpoint(y1, y2) - height / 2.0;
        let size = shown_size(&page)?;
        let x = (right - width).min(size[0] - width).max(0.0);
        let y = bottom.min(size[1] - height).max(0.0);
        return on_page(page, [x, y, x + width, y + height]);
    }
    Err(AppearanceError::NoSignature.into())
}

/// Where the byte range of a field's signature ends (12.8.1).
fn covered_until(document: &Document<'_>, field: &Field<'_>) -> Option<i64> {
    let value = document.get(field.located.dictionary()?, b"V").ok()??;
    let range = document.get(value.dictionary()?, b"ByteRange").ok()??;
    let mut numbers = range.array()?.iter().rev().map(|node| node.value.integer());
    let (length, start) = (numbers.next()??, numbers.next()??);
    start.checked_add(length)
}

/// The page and the rectangle of a field's only widget with an area; `None` if it has none.
pub(super) fn widget_place<'d>(
    document: &Document<'d>,
    field: &Field<'_>,
) -> Result<Option<(Page<'d>, [f64; 4])>, PdfError> {
    let [widget] = field.widgets.as_slice() else {
        return Ok(None);
    };
    let Some(located) = document.object(*widget)? else {
        return Ok(None);
    };
    let Some(rectangle) = located
        .dictionary()
        .map(|widget| document.get(widget, b"Rect"))
        .transpose()?
        .flatten()
    else {
        return Ok(None);
    };
    let mut corners = Vec::new();
    for node in rectangle.array().unwrap_or_default() {
        corners.extend(
            document
                .resolve(node)?
                .number()
                .filter(|number| number.is_finite()),
        );
    }
    let &[x1, y1, x2, y2] = corners.as_slice() else {
        return Ok(None);
    };
    let corners = [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)];
    if corners[0] >= corners[2] || corners[1] >= corners[3] {
        return Ok(None);
    }
    for page in document.pages()? {
        let page = page?;
        let Some(dictionary) = page.located.dictionary() else {
            continue;
        };
        let annotations = document.get(dictionary, b"Annots")?;
        let annotations = annotations.as_deref().and_then(Value::array).unwrap_or_default();
        if annotations
            .iter()
            .any(|node| node.value.reference() == Some(*widget))
        {
            return Ok(Some((page, corners)));
        }
    }
    Ok(None)
}

/// A rectangle of the shown page in default user space; `None` unless it has an area and is on the page.
fn user_space(rectangle: [f64; 4], shown: [f64; 4], rotation: Rotation) -> Option<[f64; 4]> {
    let [x1, y1, x2, y2] = rectangle;
    let [left, bottom, right, top] = shown;
    let (mut width, mut height) = (right - left, top - bottom);
    if matches!(rotation, Rotation::Quarter | Rotation::ThreeQuarters) {
        std::mem::swap(&mut width, &mut height);
    }
    // A place that was computed may miss the edge by the last digit. Comparisons that are false for NaN.
    const SLACK: f64 = 1e-6;
    let on_page =
        -SLACK <= x1 && x1 < x2 && x2 <= width + SLACK && -SLACK <= y1 && y1 < y2 && y2 <= height + SLACK;
    if !on_page {
        return None;
    }
    Some(match rotation {
        Rotation::None => [left + x1, bottom + y1, left + x2, bottom + y2],
        Rotation::Quarter => [right - y2, bottom + x1, right - y1, bottom + x2],
        Rotation::Half => [right - x2, top - y2, right - x1, top - y1],
        Rotation::ThreeQuarters => [left + y1, top - x2, left + y2, top - x1],
    })
}

/// The other way round: where a rectangle of default user space is seen.
fn shown_space(corners: [f64; 4], shown: [f64; 4], rotation: Rotation) -> [f64; 4] {
    let [a, b, c, d] = corners;
    let [left, bottom, right, top] = shown;
    match rotation {
        Rotation::None => [a - left, b - bottom, c - left, d - bottom],
        Rotation::Quarter => [b - bottom, right - c, d - bottom, right - a],
        Rotation::Half => [right - c, top - d, right - a, top - b],
        Rotation::ThreeQuarters => [top - d, a - left, top - b, c - left],
    }
}

#[cfg(test)]
mod tests {
    use super::{Side, beside, shown_space, user_space};
    use crate::pdf::Rotation;

    const ROTATIONS: [Rotation; 4] = [
        Rotation::None,
        Rotation::Quarter,
        Rotation::Half,
        Rotation::ThreeQuarters,
    ];

    #[test]
    fn a_corner_of_the_shown_page_is_found_on_the_turned_one_and_back() {
        let shown = [10.0, 20.0, 110.0, 220.0];
        let corner = [0.0, 0.0, 30.0, 5.0];
        let expected = [
            [10.0, 20.0, 40.0, 25.0],
            [105.0, 20.0, 110.0, 50.0],
            [80.0, 215.0, 110.0, 220.0],
            [10.0, 190.0, 15.0, 220.0],
        ];
        for (rotation, expected) in ROTATIONS.into_iter().zip(expected) {
            assert_eq!(user_space(corner, shown, rotation), Some(expected));
            assert_eq!(shown_space(expected, shown, rotation), corner);
        }
    }

    #[test]
    fn a_rectangle_off_the_page_is_refused() {
        let shown = [0.0, 0.0, 100.0, 200.0];
        for wrong in [
            [0.0, 0.0, 101.0, 10.0],
            [-1.0, 0.0, 10.0, 10.0],
            [10.0, 0.0, 10.0, 10.0],
            [20.0, 0.0, 10.0, 10.0],
            [f64::NAN, 0.0, 10.0, 10.0],
            [0.0, 0.0, 10.0, f64::INFINITY],
        ] {
            assert_eq!(user_space(wrong, shown, Rotation::None), None, "{wrong:?}");
        }
        assert!(user_space([0.0, 0.0, 150.0, 10.0], shown, Rotation::Quarter).is_some());
    }

    #[test]
    fn a_place_beside_a_text_stays_on_the_page() {
        let page = [200.0, 300.0];
        let text = [100.0, 100.0, 150.0, 110.0];
        assert_eq!(
            beside(text, Side::Below, [40.0, 20.0], page),
            [105.0, 77.0, 145.0, 97.0]
        );
        assert_eq!(
            beside(text, Side::Right, [80.0, 20.0], page),
            [120.0, 95.0, 200.0, 115.0]
        );
        assert_eq!(
            beside([0.0, 5.0, 9.0, 9.0], Side::Below, [40.0, 20.0], page),
            [0.0, 0.0, 40.0, 20.0]
        );
    }
}
