//! What a signature looks like on the page (ISO 32000-1, 12.5.5): a frame, a mark, lines of text, a QR code.

mod code;
mod picture;
mod seal;
mod text;

use super::archive::Archive;
use super::drawings::Drawings;
use super::font::{Font, deflate};
use super::placement::{Place, Spot};
use crate::pdf::{ObjectId, Rotation, Update};

pub(super) use code::Code;
pub use picture::{MAX_PICTURE, Picture, PictureError};

/// Times of this size is what administrative documents use for signatures (Decree 30/2020/NĐ-CP, Annex I), in points.
const USUAL_SIZE: f64 = 10.0;
/// Between frame, mark, text and code, in points.
const PADDING: f64 = 4.0;
const RED: &str = "0.76 0.07 0.09";

/// A visible signature: from left to right a mark, lines of text and a QR code, each only if asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    /// Where.
    pub place: Place,
    /// Whether a thin red frame goes around it.
    pub frame: bool,
    /// What stands left of the text, or fills the place if there is nothing else.
    pub mark: Mark,
    /// The text, line by line; long lines are broken, and everything shrinks until it fits.
    pub lines: Vec<String>,
    /// How the text is set.
    pub style: TextStyle,
    /// What a QR code at the right says, mostly an address where the document can be looked up.
    pub code: Option<String>,
}

/// How text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextStyle {
    /// In points, from 4 to 72; smaller if the text does not fit otherwise.
    pub size: f64,
    /// In which column.
    pub align: Align,
    /// In which colour.
    pub colour: Colour,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self {
            size: USUAL_SIZE,
            align: Align::Left,
            colour: Colour::Black,
        }
    }
}

/// How lines stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// Begin at one edge
    #[default]
    Left,
    /// Around one axis
    Centre,
    /// End at one edge
    Right,
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// Black, as printers have it
    #[default]
    Black,
    /// Red, green, blue
    Rgb(u8, u8, u8),
}

/// What stands left of the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mark {
    /// Nothing
    #[default]
    None,
    /// A small red seal that is drawn
    Seal,
    /// A picture, its proportions kept
    Picture(Picture),
}

impl Appearance {
    /// A frame with the drawn seal and these lines.
    #[must_use]
    pub fn plain(place: Place, lines: Vec<String>) -> Self {
        Self {
            place,
            frame: true,
            mark: Mark::Seal,
            lines,
            style: TextStyle::default(),
            code: None,
        }
    }
}

/// Why a signature cannot be shown as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AppearanceError {
    /// A certified document takes new signatures, and visible ones in fields that were certified with it; but no new
    /// visible field. Filling in forms and signing is permitted (ISO 32000-2, 12.8.2.2, table 257), adding something
    /// that covers the page is not, and validators call the certification broken.
    #[error("a certified document takes no new visible signature field")]
    Certified,
    /// The text of the QR code is empty, or longer than 512 bytes.
    #[error("the text of the QR code is empty or too long")]
    CodeTooLong,
    /// The place is so small that nobody could read the QR code.
    #[error("the QR code would be too small to be read")]
    CodeTooSmall,
    /// The font has no glyph for this character, or nobody could see it.
    #[error("the character U+{:04X} cannot be shown", u32::from(*.0))]
    MissingGlyph(char),
    /// The keyword stands nowhere in the text of the pages that were looked at.
    #[error("the keyword is not found in the text of the document")]
    NoKeyword,
    /// There is no visible signature to lay the seal over.
    #[error("there is no visible signature to place this one beside")]
    NoSignature,
    /// The rectangle is empty, or not all of it is on the page.
    #[error("the rectangle of the signature is not on the page")]
    OutsidePage,
    /// The text would have to be smaller than can be read.
    #[error("the text of the signature does not fit into its rectangle")]
    TextTooLong,
}

/// The appearance in the update.
pub(super) struct Placed {
    /// The form XObject.
    pub(super) form: ObjectId,
    /// Degrees for `/MK /R`.
    pub(super) turned: u16,
}

/// Lays the appearance out for a spot and adds it to the update.
pub(super) fn add(
    appearance: &Appearance,
    drawings: Option<&Drawings>,
    spot: &Spot<'_>,
    archive: Archive,
    update: &mut Update,
) -> Result<Placed, AppearanceError> {
    let [width, height] = spot.size();
    let alone = Drawings::default();
    let drawings = drawings.unwrap_or(&alone);
    let mut font = Font::new();
    let drawing = draw(appearance, drawings, width, height, &mut font)?;
    let mut resources = String::new();
    if !appearance.lines.is_empty() {
        resources.push_str(&format!("/Font << /F1 {} R >> ", font.embed(drawings, update)));
    }
    if let Mark::Picture(picture) = &appearance.mark {
        let image = picture.add(update, archive.is_opaque());
        resources.push_str(&format!("/XObject << /Im1 {image} R >> "));
    }
    resources.push_str(archive.colour_spaces());
    let (matrix, turned) = match spot.page.rotation {
        Rotation::None => ("1 0 0 1 0 0", 0),
        Rotation::Quarter => ("0 1 -1 0 0 0", 90),
        Rotation::Half => ("-1 0 0 -1 0 0", 180),
        Rotation::ThreeQuarters => ("0 -1 1 0 0 0", 270),
    };
    let form = update.reserve();
    let dictionary = format!(
        "/Type /XObject /Subtype /Form /FormType 1 /BBox [0 0 {} {}] /Matrix [{matrix}] /Resources << {resources}>> \
         /Filter /FlateDecode",
        number(width),
        number(height),
    );
    update.add_stream(form, &dictionary, &deflate(drawing.as_bytes()));
    Ok(Placed { form, turned })
}

fn draw(
    appearance: &Appearance,
    drawings: &Drawings,
    width: f64,
    height: f64,
    font: &mut Font,
) -> Result<String, AppearanceError> {
    let mut content = String::new();
    if appearance.frame {
        content.push_str(&format!(
            "q {RED} RG 0.75 w 0.5 0.5 {} {} re S Q\n",
            number((width - 1.0).max(0.0)),
            number((height - 1.0).max(0.0))
        ));
    }
    let edge = if appearance.frame { PADDING } else { 0.0 };
    let (mut left, mut right) = (edge, width - edge);
    let room = height - 2.0 * edge;
    let alone = appearance.lines.is_empty();
    if let Some(text) = &appearance.code {
        let part = if alone && appearance.mark == Mark::None {
            1.0
        } else {
            0.4
        };
        let side = room.min((right - left) * part).max(0.0);
        content.push_str(&code::draw(
            text,
            drawings,
            [right - side, (height - side) / 2.0],
            side,
        )?);
        right -= side + PADDING;
    }
    match &appearance.mark {
        Mark::None => {}
        Mark::Seal => {
            let side = (height - 2.0 * PADDING).min(width * 0.22).min(40.0);
            if side > 0.0 {
                content.push_str(&seal::draw(PADDING, (height - side) / 2.0, side));
                left = PADDING + side + PADDING;
            }
        }
        Mark::Picture(picture) => {
            let most = (right - left) * if alone { 1.0 } else { 0.45 };
            let high = room.min(most / picture.proportion()).max(0.0);
            let wide = high * picture.proportion();
            let x = if alone {
                left + (right - left - wide) / 2.0
            } else {
                left
            };
            content.push_str(&format!(
                "q {} 0 0 {} {} {} cm /Im1 Do Q\n",
                number(wide),
                number(high),
                number(x),
                number((height - high) / 2.0)
            ));
            left += wide + PADDING;
        }
    }
    let inner = PADDING - edge.min(PADDING);
    let columns = [left.max(inner), right.min(width - inner)];
    content.push_str(&text::draw(
        &appearance.lines,
        appearance.style,
        columns,
        height,
        font,
    )?);
    Ok(content)
}

/// A number as PDF writes it: no exponent, no more digits than matter.
pub(super) fn number(value: f64) -> String {
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
    use super::{Appearance, AppearanceError, Drawings, Font, Mark, Place, draw, number};

    #[test]
    fn text_that_cannot_be_read_is_refused() {
        let lines = vec!["Nguyễn ".repeat(60)];
        let appearance = Appearance {
            mark: Mark::None,
            ..Appearance::plain(Place::on(1, [0.0, 0.0, 60.0, 20.0]), lines)
        };
        assert_eq!(
            draw(&appearance, &Drawings::default(), 60.0, 20.0, &mut Font::new()),
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
