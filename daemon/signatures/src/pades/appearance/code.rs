//! QR codes (ISO/IEC 18004) as vectors.

use qrcode::{Color, EcLevel, QrCode};

use super::{AppearanceError, number};
use crate::pades::drawings::Drawings;

/// A code that was made: how wide it is, and its modules row by row.
pub(in crate::pades) type Code = (usize, Vec<Color>);

/// Bytes of what a code says: more makes modules that a telephone cannot tell apart on a seal's room.
const MAX_CODE: usize = 512;
/// The quiet zone around a code, in modules (ISO/IEC 18004, 6.3.8).
const QUIET: usize = 4;
/// A module below this, in points, cannot be read from an office printer's paper (a quarter of a millimetre).
const SMALLEST_MODULE: f64 = 0.7;

/// The code in a square with its lower left corner at `x`, `y`: dark modules on white, the quiet zone within the square.
#[allow(clippy::cast_precision_loss)]
pub(super) fn draw(
    text: &str,
    drawings: &Drawings,
    [x, y]: [f64; 2],
    side: f64,
) -> Result<String, AppearanceError> {
    if text.is_empty() || text.len() > MAX_CODE {
        return Err(AppearanceError::CodeTooLong);
    }
    let code = drawings.codes.get(text.to_owned(), |text| {
        QrCode::with_error_correction_level(text, EcLevel::M)
            .map(|code| (code.width(), code.into_colors()))
            .map_err(|_| AppearanceError::CodeTooLong)
    })?;
    let (modules, ref colours) = *code;
    let module = side / (modules + 2 * QUIET) as f64;
    if module < SMALLEST_MODULE {
        return Err(AppearanceError::CodeTooSmall);
    }
    // In modules, so that the rectangles meet exactly.
    let mut content = format!(
        "q 1 g {} {} {} {} re f 0 g {} 0 0 {} {} {} cm\n",
        number(x),
        number(y),
        number(side),
        number(side),
        precise(module),
        precise(module),
        number(x + QUIET as f64 * module),
        number(y + QUIET as f64 * module),
    );
    for (row, colours) in colours.chunks(modules).enumerate() {
        let mut column = 0;
        while column < modules {
            let run = colours[column..]
                .iter()
                .take_while(|colour| **colour == Color::Dark)
                .count();
            if run > 0 {
                content.push_str(&format!("{column} {} {run} 1 re ", modules - 1 - row));
            }
            column += run.max(1);
        }
    }
    content.push_str("f Q\n");
    Ok(content)
}

fn precise(value: f64) -> String {
    format!("{value:.6}")
}

#[cfg(test)]
mod tests {
    use super::{AppearanceError, Drawings};

    fn draw(text: &str, at: [f64; 2], side: f64) -> Result<String, AppearanceError> {
        super::draw(text, &Drawings::default(), at, side)
    }

    #[test]
    fn a_code_that_nobody_could_read_is_refused() {
        assert!(
            draw(
                "https://tracuu.example.vn/ho-so/H29.15-261121-0001",
                [0.0, 0.0],
                60.0
            )
            .is_ok()
        );
        let small = draw("https://tracuu.example.vn/", [0.0, 0.0], 15.0);
        assert_eq!(small, Err(AppearanceError::CodeTooSmall));
        for text in ["", &"x".repeat(513)] {
            assert_eq!(draw(text, [0.0, 0.0], 400.0), Err(AppearanceError::CodeTooLong));
        }
    }
}
