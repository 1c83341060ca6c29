//! What a signature looks like on the page (ISO 32000-1, 12.5.5): a frame, a mark, lines of text.

use super::font::{Font, deflate};
use crate::pdf::{ObjectId, Page, PdfError, Rotation, Update};

/// Text is set this large if it fits, in points; Times of this size is what administrative documents use for it
/// (Decree 30/2020/NĐ-CP, Annex I).
const LARGEST: f64 = 10.0;
/// Nobody reads anything smaller.
const SMALLEST: f64 = 4.0;
const STEP: f64 = 0.25;
/// Distance of base lines, in text sizes.
const LEADING: f64 = 1.15;
/// Between frame, mark and text, in points.
const PADDING: f64 = 4.0;
/// Lines of text before they are broken.
const MAX_LINES: usize = 20;
/// Bytes of a line.
const MAX_LINE_LEN: usize = 512;
const RED: &str = "0.76 0.07 0.09";

/// A visible signature.
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    /// Counted from 1.
    pub page: u32,
    /// Lower left and upper right corner in points, `[x1, y1, x2, y2]`, from the lower left corner of the page as it is
    /// shown: cropped and turned.
    pub rectangle: [f64; 4],
    /// The text, line by line; long lines are broken, and everything shrinks until it fits.
    pub lines: Vec<String>,
    /// What stands left of the text.
    pub mark: Mark,
}

/// What stands left of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    /// Nothing
    None,
    /// A small red seal
    #[default]
    Seal,
}

/// Why a signature cannot be shown as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AppearanceError {
    /// A certified document takes new signatures, but not visible ones: they could cover what was certified, and
    /// validators call the certification broken.
    #[error("a certified document takes no new visible signature")]
    Certified,
    /// The font has no glyph for this character, or nobody could see it.
    #[error("the character U+{:04X} cannot be shown", u32::from(*.0))]
    MissingGlyph(char),
    /// The rectangle is empty, or not all of it is on the page.
    #[error("the rectangle of the signature is not on the page")]
    OutsidePage,
    /// The text would have to be smaller than can be read.
    #[error("the text of the signature does not fit into its rectangle")]
    TextTooLong,
}

/// The appearance in the update.
pub(super) struct Placed {
    /// `/Rect` of the widget, in default user space units.
    pub(super) rectangle: String,
    /// The form XObject.
    pub(super) form: ObjectId,
    /// Degrees for `/MK /R`.
    pub(super) turned: u16,
}

/// Lays the appearance out and adds it to the update.
pub(super) fn add(
    appearance: &Appearance,
    page: &Page<'_>,
    update: &mut Update,
) -> Result<Placed, super::PadesError> {
    let shown = page.shown.ok_or(PdfError::Missing("the media box of the page"))?;
    let corners =
        user_space(appearance.rectangle, shown, page.rotation).ok_or(AppearanceError::OutsidePage)?;
    let [x1, y1, x2, y2] = appearance.rectangle;
    let (width, height) = (x2 - x1, y2 - y1);
    let mut font = Font::new();
    let content = draw(appearance, width, height, &mut font)?;
    let resources = if appearance.lines.is_empty() {
        "<< >>".to_owned()
    } else {
        format!("<< /Font << /F1 {} R >> >>", font.embed(update))
    };
    let (matrix, turned) = match page.rotation {
        Rotation::None => ("1 0 0 1 0 0", 0),
        Rotation::Quarter => ("0 1 -1 0 0 0", 90),
        Rotation::Half => ("-1 0 0 -1 0 0", 180),
        Rotation::ThreeQuarters => ("0 -1 1 0 0 0", 270),
    };
    let form = update.reserve();
    let dictionary = format!(
        "/Type /XObject /Subtype /Form /FormType 1 /BBox [0 0 {} {}] /Matrix [{matrix}] /Resources {resources} /Filter \
         /FlateDecode",
        number(width),
        number(height),
    );
    update.add_stream(form, &dictionary, &deflate(content.as_bytes()));
    Ok(Placed {
        rectangle: corners.map(number).join(" "),
        form,
        turned,
    })
}

/// A rectangle of the shown page in default user space; `None` unless it has an area and is on the page.
fn user_space(rectangle: [f64; 4], shown: [f64; 4], rotation: Rotation) -> Option<[f64; 4]> {
    let [x1, y1, x2, y2] = rectangle;
    let [left, bottom, right, top] = shown;
    let (mut width, mut height) = (right - left, top - bottom);
    if matches!(rotation, Rotation::Quarter | Rotation::ThreeQuarters) {
        std::mem::swap(&mut width, &mut height);
    }
    // Comparisons that are false for NaN.
    let on_page = 0.0 <= x1 && x1 < x2 && x2 <= width && 0.0 <= y1 && y1 < y2 && y2 <= height;
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

fn draw(
    appearance: &Appearance,
    width: f64,
    height: f64,
    font: &mut Font,
) -> Result<String, AppearanceError> {
    let mut content = format!(
        "q {RED} RG 0.75 w 0.5 0.5 {} {} re S Q\n",
        number((width - 1.0).max(0.0)),
        number((height - 1.0).max(0.0))
    );
    let mut left = PADDING;
    if appearance.mark == Mark::Seal {
        let side = (height - 2.0 * PADDING).min(width * 0.22).min(40.0);
        if side > 0.0 {
            content.push_str(&seal(PADDING, (height - side) / 2.0, side));
            left += side + PADDING;
        }
    }
    content.push_str(&text(&appearance.lines, [left, width - PADDING], height, font)?);
    Ok(content)
}

/// The lines, as large as they fit, centred between top and bottom.
fn text(
    lines: &[String],
    [left, right]: [f64; 2],
    height: f64,
    font: &mut Font,
) -> Result<String, AppearanceError> {
    if lines.is_empty() {
        return Ok(String::new());
    }
    if lines.len() > MAX_LINES || lines.iter().any(|line| line.len() > MAX_LINE_LEN) {
        return Err(AppearanceError::TextTooLong);
    }
    let lines: Vec<_> = lines
        .iter()
        .map(|line| font.admit(line))
        .collect::<Result<_, _>>()?;
    let room = height - PADDING;
    let (size, lines) = fit(&lines, right - left, room, font).ok_or(AppearanceError::TextTooLong)?;
    let (ascent, descent) = font.extent();
    let block = block_height(lines.len(), size, font);
    let base = (height + block) / 2.0 - ascent * size;
    debug_assert!(base >= descent * size);
    let mut content = format!(
        "BT 0 g /F1 {} Tf {} TL {} {} Td\n",
        number(size),
        number(size * LEADING),
        number(left),
        number(base)
    );
    for line in lines {
        content.push_str(&format!("<{}> Tj T*\n", font.show(&line)));
    }
    content.push_str("ET\n");
    Ok(content)
}

/// The largest size at which the lines fit, and the lines as they are broken then. Breaking has to win some size, or a
/// line that is a little too long leaves one word alone on the next.
fn fit(lines: &[String], width: f64, height: f64, font: &Font) -> Option<(f64, Vec<String>)> {
    const WORTH_BREAKING: f64 = 1.25;
    let largest = |lines_at: &dyn Fn(f64) -> Vec<String>| {
        let mut size = LARGEST;
        while size >= SMALLEST {
            let lines = lines_at(size);
            let wide = lines.iter().any(|line| font.width(line) * size > width + 0.01);
            if !wide && block_height(lines.len(), size, font) <= height {
                return Some((size, lines));
            }
            size -= STEP;
        }
        None
    };
    let whole = largest(&|_| lines.to_vec());
    let broken = largest(&|size| {
        lines
            .iter()
            .flat_map(|line| font.wrap(line, width / size))
            .collect()
    });
    match (whole, broken) {
        (Some(whole), Some(broken)) if broken.0 > whole.0 * WORTH_BREAKING => Some(broken),
        (whole, broken) => whole.or(broken),
    }
}

#[allow(clippy::cast_precision_loss)]
fn block_height(lines: usize, size: f64, font: &Font) -> f64 {
    let (ascent, descent) = font.extent();
    size * (ascent + descent + LEADING * (lines as f64 - 1.0))
}

/// A rounded square with a line inside and a tick, all strokes.
fn seal(x: f64, y: f64, side: f64) -> String {
    let unit = side / 20.0;
    let point = |dx: f64, dy: f64| format!("{} {}", number(x + dx * unit), number(y + dy * unit));
    let mut content = format!("q {RED} RG {RED} rg 1 J 1 j {} w\n", number(1.6 * unit));
    content.push_str(&rounded(&point, 1.0, 19.0, 4.5));
    content.push_str(&format!("S {} w\n", number(0.5 * unit)));
    content.push_str(&rounded(&point, 3.0, 17.0, 3.0));
    content.push_str(&format!(
        "S {} w {} m {} l {} l S Q\n",
        number(1.8 * unit),
        point(6.2, 10.2),
        point(9.0, 7.0),
        point(14.0, 13.2)
    ));
    content
}

/// The path of a square with round corners.
fn rounded(point: &impl Fn(f64, f64) -> String, low: f64, high: f64, radius: f64) -> String {
    // How far the control points of a quarter circle lie along its tangents.
    let handle = radius * (1.0 - 0.5523);
    let (near, far) = (low + radius, high - radius);
    let curve = |a: String, b: String, c: String| format!("{a} {b} {c} c ");
    let mut path = format!("{} m {} l ", point(near, low), point(far, low));
    path += &curve(
        point(high - handle, low),
        point(high, low + handle),
        point(high, near),
    );
    path += &format!("{} l ", point(high, far));
    path += &curve(
        point(high, high - handle),
        point(high - handle, high),
        point(far, high),
    );
    path += &format!("{} l ", point(near, high));
    path += &curve(
        point(low + handle, high),
        point(low, high - handle),
        point(low, far),
    );
    path += &format!("{} l ", point(low, near));
    path += &curve(
        point(low, low + handle),
        point(low + handle, low),
        point(near, low),
    );
    path + "h "
}

/// A number as PDF writes it: no exponent, no more digits than matter.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Appearance, AppearanceError, Font, Mark, draw, number, user_space};
    use crate::pdf::Rotation;

    #[test]
    fn a_corner_of_the_shown_page_is_found_on_the_turned_one() {
        let shown = [10.0, 20.0, 110.0, 220.0];
        let corner = [0.0, 0.0, 30.0, 5.0];
        assert_eq!(
            user_space(corner, shown, Rotation::None),
            Some([10.0, 20.0, 40.0, 25.0])
        );
        assert_eq!(
            user_space(corner, shown, Rotation::Quarter),
            Some([105.0, 20.0, 110.0, 50.0])
        );
        assert_eq!(
            user_space(corner, shown, Rotation::Half),
            Some([80.0, 215.0, 110.0, 220.0])
        );
        assert_eq!(
            user_space(corner, shown, Rotation::ThreeQuarters),
            Some([10.0, 190.0, 15.0, 220.0])
        );
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
    fn text_that_cannot_be_read_is_refused() {
        let lines = vec!["Nguyễn ".repeat(60)];
        let appearance = Appearance {
            page: 1,
            rectangle: [0.0, 0.0, 60.0, 20.0],
            lines,
            mark: Mark::None,
        };
        assert_eq!(
            draw(&appearance, 60.0, 20.0, &mut Font::new()),
            Err(AppearanceError::TextTooLong)
        );
    }

    #[test]
    fn numbers_have_no_tail() {
        assert_eq!(
            [number(1.0), number(-0.0001), number(0.1 + 0.2)],
            ["1", "0", "0.3"]
        );
    }
}
