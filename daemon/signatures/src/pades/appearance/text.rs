//! The lines of an appearance, as large as they fit.

use super::{Align, AppearanceError, Colour, PADDING, TextStyle, number};
use crate::pades::font::Font;

/// Nobody reads anything smaller.
const SMALLEST: f64 = 4.0;
const STEP: f64 = 0.25;
/// Distance of base lines, in text sizes.
const LEADING: f64 = 1.15;
/// Lines of text before they are broken.
const MAX_LINES: usize = 20;
/// Bytes of a line.
const MAX_LINE_LEN: usize = 512;
/// Sizes that may be asked for, in points.
const MAX_SIZE: f64 = 72.0;

/// The lines between `left` and `right`, as large as they fit, centred between top and bottom.
pub(super) fn draw(
    lines: &[String],
    style: TextStyle,
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
    let largest = style.size.clamp(SMALLEST, MAX_SIZE);
    let room = (height - PADDING).max(0.0);
    let (size, lines) = fit(&lines, largest, right - left, room, font).ok_or(AppearanceError::TextTooLong)?;
    let (ascent, _) = font.extent();
    let block = block_height(lines.len(), size, font);
    let base = f64::midpoint(height, block) - ascent * size;
    let colour = match style.colour {
        Colour::Black => "0 g".to_owned(),
        Colour::Rgb(red, green, blue) => {
            let part = |value: u8| number(f64::from(value) / 255.0);
            format!("{} {} {} rg", part(red), part(green), part(blue))
        }
    };
    let mut content = format!("BT {colour} /F1 {} Tf\n", number(size));
    let mut before = [0.0, 0.0];
    let mut y = base;
    for line in lines {
        let spare = right - left - font.width(&line) * size;
        let x = match style.align {
            Align::Left => left,
            Align::Centre => left + spare / 2.0,
            Align::Right => left + spare,
        };
        content.push_str(&format!(
            "{} {} Td <{}> Tj\n",
            number(x - before[0]),
            number(y - before[1]),
            font.show(&line)
        ));
        // What is written is rounded; the next line goes on from there.
        before = [
            round(before[0] + round(x - before[0])),
            round(before[1] + round(y - before[1])),
        ];
        y -= size * LEADING;
    }
    content.push_str("ET\n");
    Ok(content)
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The largest size at which the lines fit, and the lines as they are broken then. Breaking has to win some size, or a
/// line that is a little too long leaves one word alone on the next.
fn fit(
    lines: &[String],
    largest_size: f64,
    width: f64,
    height: f64,
    font: &Font,
) -> Option<(f64, Vec<String>)> {
    const WORTH_BREAKING: f64 = 1.25;
    let largest = |lines_at: &dyn Fn(f64) -> Vec<String>| {
        let mut size = largest_size;
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
    // Nothing is won where the lines fit as they are.
    if whole
        .as_ref()
        .is_some_and(|(size, _)| *size * WORTH_BREAKING >= largest_size)
    {
        return whole;
    }
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
