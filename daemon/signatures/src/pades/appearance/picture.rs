//! Pictures of signatures and seals: PNG in, image XObjects out (ISO 32000-1, 8.9.5).

use std::io::Cursor;
use std::sync::Arc;

use crate::pades::font::deflate;
use crate::pdf::{ObjectId, Update};

/// Bytes of a PNG file.
pub const MAX_PICTURE: usize = 4 << 20;
/// Points of a picture: a seal of 40 mm at 1200 dpi has 3.6 million.
const MAX_POINTS: u64 = 4_000_000;

/// The least opacity of a point that is painted where there is no transparency; in a picture that is fainter all over, half
/// of what it has at the most.
const PAINTED: u8 = 128;

/// A picture that has been read, and is written into as many documents as one likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture(Arc<Read>);

#[derive(Debug, PartialEq, Eq)]
struct Read {
    width: u32,
    height: u32,
    /// RGB, deflated.
    colour: Vec<u8>,
    /// Opacity, deflated; none where every point is opaque.
    opacity: Option<Vec<u8>>,
    /// For documents without transparency, where there is opacity: RGB laid on white, and which points are painted, both
    /// deflated.
    flat: Option<(Vec<u8>, Vec<u8>)>,
}

/// Why a picture cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file has more bytes than [`MAX_PICTURE`], or the picture more points than four million.
    #[error("the picture is too large")]
    TooLarge,
    /// It is no PNG file, or a damaged one.
    #[error("the picture is not a readable PNG file")]
    NotPng,
    /// Every point of it is transparent.
    #[error("nothing of the picture can be seen")]
    Invisible,
}

impl Picture {
    /// Reads a PNG file (ISO/IEC 15948) of any colour type, with or without transparency.
    ///
    /// # Errors
    /// [`PictureError`]
    pub fn from_png(bytes: &[u8]) -> Result<Self, PictureError> {
        if bytes.len() > MAX_PICTURE {
            return Err(PictureError::TooLarge);
        }
        let limits = png::Limits { bytes: 64 << 20 };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
        decoder
            .set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().map_err(|_| PictureError::NotPng)?;
        let (width, height) = (reader.info().width, reader.info().height);
        if u64::from(width) * u64::from(height) > MAX_POINTS {
            return Err(PictureError::TooLarge);
        }
        let size = reader.output_buffer_size().ok_or(PictureError::TooLarge)?;
        let mut points = vec![0; size];
        let frame = reader.next_frame(&mut points).map_err(|_| PictureError::NotPng)?;
        points.truncate(frame.buffer_size());
        let grey = match frame.color_type {
            png::ColorType::GrayscaleAlpha => true,
            png::ColorType::Rgba => false,
            _ => return Err(PictureError::NotPng),
        };
        Self::from_points(width, height, &points, grey)
    }

    fn from_points(width: u32, height: u32, points: &[u8], grey: bool) -> Result<Self, PictureError> {
        let (mut colour, mut opacity) = (Vec::new(), Vec::new());
        for point in points.chunks_exact(if grey { 2 } else { 4 }) {
            match *point {
                [light, alpha] => {
                    colour.extend([light; 3]);
                    opacity.push(alpha);
                }
                [red, green, blue, alpha] => {
                    colour.extend([red, green, blue]);
                    opacity.push(alpha);
                }
                _ => return Err(PictureError::NotPng),
            }
        }
        if opacity.iter().all(|alpha| *alpha == 0) {
            return Err(PictureError::Invisible);
        }
        let transparent = opacity.iter().any(|alpha| *alpha != 255);
        let flat = transparent.then(|| {
            let stencil = stencil(&opacity, usize::try_from(width).unwrap_or(usize::MAX));
            (deflate(&on_white(&colour, &opacity)), deflate(&stencil))
        });
        Ok(Self(Arc::new(Read {
            width,
            height,
            colour: deflate(&colour),
            opacity: transparent.then(|| deflate(&opacity)),
            flat,
        })))
    }

    /// Width by height.
    pub(super) fn proportion(&self) -> f64 {
        f64::from(self.0.width) / f64::from(self.0.height)
    }

    /// Adds the image to the update. Where the document must have no transparency (PDF/A-1: ISO 19005-1, 6.4), each point
    /// is painted or it is not, by a stencil (ISO 32000-1, 8.9.6.3), and what lies below is still seen.
    pub(super) fn add(&self, update: &mut Update, opaque: bool) -> ObjectId {
        let read = &*self.0;
        let head = |space: &str| {
            format!(
                "/Type /XObject /Subtype /Image /Width {} /Height {} /BitsPerComponent 8 /ColorSpace /{space} /Filter \
                 /FlateDecode",
                read.width, read.height
            )
        };
        let image = update.reserve();
        match (&read.opacity, &read.flat) {
            (Some(_), Some((flat, stencil))) if opaque => {
                let mask = update.reserve();
                let size = format!("/Width {} /Height {}", read.width, read.height);
                update.add_stream(
                    mask,
                    &format!(
                        "/Type /XObject /Subtype /Image {size} /BitsPerComponent 1 /ImageMask true /Filter /FlateDecode"
                    ),
                    stencil,
                );
                update.add_stream(image, &format!("{} /Mask {mask} R", head("DeviceRGB")), flat);
            }
            (Some(opacity), _) => {
                let mask = update.reserve();
                update.add_stream(mask, &head("DeviceGray"), opacity);
                update.add_stream(
                    image,
                    &format!("{} /SMask {mask} R", head("DeviceRGB")),
                    &read.colour,
                );
            }
            (None, _) => update.add_stream(image, &head("DeviceRGB"), &read.colour),
        }
        image
    }
}

/// Of each point whether it is left out, in bits: rows of whole octets, the most significant bit first.
fn stencil(opacity: &[u8], width: usize) -> Vec<u8> {
    let most = opacity.iter().max().copied().unwrap_or_default();
    let least = PAINTED.min(most.div_ceil(2));
    let rows = opacity.chunks(width.max(1));
    let octet = |points: &[u8]| {
        let bits = points.iter().enumerate();
        bits.fold(0, |octet, (at, alpha)| {
            octet | (u8::from(*alpha < least) << (7 - at))
        })
    };
    rows.flat_map(|row| row.chunks(8).map(octet)).collect()
}

fn on_white(colour: &[u8], opacity: &[u8]) -> Vec<u8> {
    let mix = |part: u8, alpha: u8| {
        let (part, alpha) = (u32::from(part), u32::from(alpha));
        u8::try_from((part * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(255)
    };
    colour
        .chunks_exact(3)
        .zip(opacity)
        .flat_map(|(point, alpha)| [point[0], point[1], point[2]].map(|part| mix(part, *alpha)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Picture, PictureError, on_white, stencil};

    #[test]
    fn what_is_no_picture_is_refused() {
        assert_eq!(Picture::from_png(b""), Err(PictureError::NotPng));
        assert_eq!(Picture::from_png(b"\x89PNG\r\n\x1a\n"), Err(PictureError::NotPng));
        assert_eq!(
            Picture::from_png(&vec![0; super::MAX_PICTURE + 1]),
            Err(PictureError::TooLarge)
        );
        let unseen = Picture::from_points(1, 1, &[9, 9, 9, 0], false);
        assert_eq!(unseen, Err(PictureError::Invisible));
    }

    #[test]
    fn a_stencil_leaves_out_what_is_more_transparent_than_not() {
        let row = [0, 255, 127, 128, 255, 255, 255, 255, 0];
        assert_eq!(
            stencil(&[row, [255; 9]].concat(), 9),
            [0b1010_0000, 0b1000_0000, 0, 0]
        );
        assert_eq!(stencil(&[60, 29, 30, 0], 4), [0b0101_0000]);
    }

    #[test]
    fn transparent_points_become_white() {
        assert_eq!(
            on_white(&[0, 0, 0, 200, 0, 0, 7, 7, 7], &[0, 255, 128]),
            [255, 255, 255, 200, 0, 0, 131, 131, 131]
        );
    }
}
