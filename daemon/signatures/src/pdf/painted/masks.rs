//! Whether a picture hides what lies below (ISO 32000-1, 8.9.6 and 11.6.5.3): its mask, be it a picture, a stencil or a
//! range of colours, may leave nothing free.

use super::{MAX_CONTENT, OPAQUE, Painter, State};
use crate::pdf::document::Located;
use crate::pdf::error::PdfError;
use crate::pdf::filter;
use crate::pdf::object::{Dictionary, Node, Value};

/// The part of a picture that has to hide what lies below for all of it to count.
const SOLID: f64 = 0.9;

/// What is looked at of a picture: its samples, and what they are.
struct Samples {
    data: Vec<u8>,
    width: usize,
    bits: usize,
    /// The first component is the other way round (`/Decode [1 0]`).
    is_inverted: bool,
}

impl<'d> Painter<'_, 'd> {
    /// Of a picture that is an object of its own.
    pub(super) fn is_solid(&self, picture: &Located<'d>, state: &State) -> Result<bool, PdfError> {
        let Some(dictionary) = picture.dictionary() else {
            return Ok(false);
        };
        let is = |key: &[u8]| Ok::<_, PdfError>(self.document.get(dictionary, key)?.is_some());
        // A picture may bring its own opacity within (8.9.5.1, JPEG 2000).
        if is(b"SMaskInData")? {
            return Ok(false);
        }
        let stencil = self.document.get(dictionary, b"ImageMask")?;
        if stencil.as_deref() == Some(&Value::Boolean(true)) {
            let samples = self.samples(picture)?;
            return Ok(!state.is_pattern && samples.is_some_and(|samples| samples.stencil_is_solid()));
        }
        if let Some(id) = dictionary.get(b"SMask").and_then(|node| node.value.reference()) {
            return match self.document.object(id)? {
                Some(mask) => Ok(self.samples(&mask)?.is_some_and(|mask| mask.is_opaque())),
                None => Ok(true),
            };
        }
        let Some(mask) = dictionary.get(b"Mask") else {
            return Ok(true);
        };
        if let Some(id) = mask.value.reference()
            && let Some(mask) = self.document.object(id)?
            && mask.stream.is_some()
        {
            return Ok(self.samples(&mask)?.is_some_and(|mask| mask.stencil_is_solid()));
        }
        let mask = self.document.resolve(mask)?;
        let ranges = mask.array().unwrap_or_default();
        let ranges = ranges.iter().map(|node| node.value.integer());
        let Some(ranges) = ranges.collect::<Option<Vec<_>>>() else {
            return Ok(false);
        };
        let samples = self.samples(picture)?;
        Ok(samples.is_some_and(|samples| samples.is_seldom_within(&ranges)))
    }

    /// Of a picture within the content, of which these are the entries (8.9.7).
    pub(super) fn is_solid_within(entries: &[Node], data: &[u8], state: &State) -> bool {
        // `true` is no operand that is kept.
        let is_stencil = |node: &&Node| matches!(node.value.name(), Some(b"IM" | b"ImageMask"));
        if !entries.iter().any(|node| is_stencil(&node)) {
            return true;
        }
        let entries: Vec<&Node> = entries.iter().filter(|node| !is_stencil(node)).collect();
        let entry = |keys: [&[u8]; 2]| {
            let is_it = |key: &Node| key.value.name().is_some_and(|name| keys.contains(&name));
            let mut pairs = entries.chunks_exact(2);
            let pair = pairs.find(|pair| is_it(pair[0]))?;
            Some(pair[1].clone())
        };
        let filters = [
            (&b"Filter"[..], entry([b"F", b"Filter"])),
            (&b"DecodeParms"[..], entry([b"DP", b"DecodeParms"])),
        ];
        let filters = filters
            .into_iter()
            .filter_map(|(key, node)| Some((key.to_vec(), node?)));
        let filters = Dictionary {
            entries: filters.collect(),
        };
        let mut left = MAX_CONTENT;
        let Ok(data) = filter::decode_all(data, &filters, &mut left) else {
            return false;
        };
        let width = entry([b"W", b"Width"]).and_then(|node| node.value.integer());
        let Some(width) = width.and_then(|width| usize::try_from(width).ok()) else {
            return false;
        };
        let samples = Samples {
            data,
            width,
            bits: 1,
            is_inverted: entry([b"D", b"Decode"]).is_some_and(|node| starts_high(&node.value)),
        };
        !state.is_pattern && samples.stencil_is_solid()
    }

    /// `None` where they are packed in a way that is not read here, or are too many.
    fn samples(&self, picture: &Located<'d>) -> Result<Option<Samples>, PdfError> {
        let Some(dictionary) = picture.dictionary() else {
            return Ok(None);
        };
        let number = |key: &[u8]| {
            let value = self.document.get(dictionary, key)?;
            let value = value.and_then(|value| value.integer());
            Ok::<_, PdfError>(value.and_then(|value| usize::try_from(value).ok()))
        };
        let decode = self.document.get(dictionary, b"Decode")?;
        let (width, bits) = (number(b"Width")?, number(b"BitsPerComponent")?);
        let data = match self.document.decoded(picture, MAX_CONTENT) {
            Ok(data) => data,
            Err(PdfError::UnsupportedFilter | PdfError::TooMany(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(width.map(|width| Samples {
            data,
            width,
            bits: bits.unwrap_or(1),
            is_inverted: decode.as_deref().is_some_and(starts_high),
        }))
    }
}

fn starts_high(decode: &Value) -> bool {
    let first = decode.array().and_then(<[Node]>::first);
    first.and_then(|node| node.value.number()) == Some(1.0)
}

impl Samples {
    /// Rows of one component, without what fills them up to whole bytes.
    fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let row = self.width.saturating_mul(self.bits).div_ceil(8).max(1);
        self.data.chunks_exact(row)
    }

    /// Of the samples of a stencil, those that are painted: 0, where nothing else is said.
    fn stencil_is_solid(&self) -> bool {
        let (mut all, mut painted) = (0_usize, 0_usize);
        for row in self.rows() {
            for at in 0..self.width {
                let bit = row.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
                all += 1;
                painted += usize::from(bit == self.is_inverted);
            }
        }
        self.bits == 1 && is_most(painted, all)
    }

    /// As a mask of opacities (11.6.5.3).
    fn is_opaque(&self) -> bool {
        if self.bits == 1 {
            let mask = Self {
                data: self.data.clone(),
                is_inverted: !self.is_inverted,
                ..*self
            };
            return mask.stencil_is_solid();
        }
        let (mut all, mut opaque) = (0_usize, 0_usize);
        for row in self.rows() {
            for byte in row {
                let value = if self.is_inverted { 255 - byte } else { *byte };
                all += 1;
                opaque += usize::from(f64::from(value) >= OPAQUE * 255.0);
            }
        }
        self.bits == 8 && is_most(opaque, all)
    }

    /// Whether few samples have a colour in the ranges that are not painted (8.9.6.4).
    fn is_seldom_within(&self, ranges: &[i64]) -> bool {
        let components = ranges.len() / 2;
        if self.bits != 8 || components == 0 {
            return false;
        }
        let (mut all, mut painted) = (0_usize, 0_usize);
        for pixel in self.data.chunks_exact(components) {
            let mut pairs = pixel.iter().zip(ranges.chunks_exact(2));
            let is_free = pairs.all(|(sample, range)| (range[0]..=range[1]).contains(&i64::from(*sample)));
            all += 1;
            painted += usize::from(!is_free);
        }
        is_most(painted, all)
    }
}

#[allow(clippy::cast_precision_loss, reason = "some millions")]
fn is_most(some: usize, all: usize) -> bool {
    all > 0 && some as f64 >= SOLID * all as f64
}
